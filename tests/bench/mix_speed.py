"""How fast a ducked mix is, against ffmpeg's `sidechaincompress` and `amix`.

Four stereo tracks (one of speech-like bursts, three beds) from files to a file. All renderers run in turn, and the
best of each counts, so that other work on the machine weighs on all. Ours also measures loudness and true peak of the
mix, the loudness of every track but in the first row, and limits the true peak; ffmpeg does not. Numba has compiled
before the clock starts; our time is in process, ffmpeg's has its start (about 0.05 s) in it.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from audio_assets.domain.mix_spec import Ducking, MixSpec, MixTrack
from resources.audio_files import Encoding
from resources.engines.mixer import render_mix
from tests.bench.measuring import Figure, Skipped

RATE_HZ = 48_000
DURATION_S = 180.0
AIM = 3.0
N_ROUNDS = 5
FFMPEG_GRAPH = (
    "[1:a][2:a][3:a]amix=inputs=3:normalize=0[bed];[0:a]asplit[voice][key];"
    "[bed][key]sidechaincompress=threshold=0.01:ratio=4:attack=60:release=350[ducked];"
    "[voice][ducked]amix=inputs=2:normalize=0"
)


def measure() -> Iterator[Figure]:
    """Ratios to ffmpeg for 16-bit and float files.

    Raises:
        Skipped: there is no ffmpeg.
    """
    if not shutil.which("ffmpeg"):
        raise Skipped("no ffmpeg on the PATH")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for encoding in ("PCM_16", "FLOAT"):
            paths = write_tracks(Path(folder), DURATION_S, encoding)
            yield from compared(paths, Path(folder), encoding)


def compared(paths: list[Path], folder: Path, encoding: Encoding) -> Iterator[Figure]:
    """Ours, as it comes closest to what ffmpeg does and with all that we measure, and to a loudness."""
    tracks = tuple(MixTrack(str(path), "voice" if n == 0 else "music") for n, path in enumerate(paths))
    plain = MixSpec(tracks, Ducking(), RATE_HZ)
    loud = MixSpec(tracks, Ducking(), RATE_HZ, target_lufs=-16.0)
    runs: dict[str, Callable[[], object]] = {
        "tracks unmeasured": lambda: render_mix(
            plain, {}, folder / "bare.wav", encoding=encoding, has_track_loudness=False
        ),
        "tracks measured": lambda: render_mix(plain, {}, folder / "ours.wav", encoding=encoding),
        "brought to -16 LUFS": lambda: render_mix(loud, {}, folder / "loud.wav", encoding=encoding),
        "ffmpeg": lambda: run_ffmpeg(paths, folder / "ffmpeg.wav", encoding),
    }
    for run in runs.values():
        run()
    taken = [{name: timed(run) for name, run in runs.items()} for _ in range(N_ROUNDS)]
    best = {name: tuple(min(times) for times in zip(*(r[name] for r in taken), strict=True)) for name in runs}
    reference_s, reference_cpu_s = best.pop("ffmpeg")
    for name, (wall_s, cpu_s) in best.items():
        ratio = reference_s / wall_s
        is_same_job = name != "brought to -16 LUFS"
        yield Figure(
            f"ducked mix of 4 tracks, {DURATION_S:g} s, {encoding}, {name}, against ffmpeg",
            f"{wall_s:.2f} s against {reference_s:.2f} s",
            f"{AIM:g} x" if is_same_job else "",
            ratio >= AIM if is_same_job else None,
            f"{ratio:.2f} x by wall, {reference_cpu_s / cpu_s:.2f} x by CPU",
        )


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of `run`, its child processes among them."""
    before, start_s = os.times(), time.perf_counter()
    run()
    wall_s, after = time.perf_counter() - start_s, os.times()
    return wall_s, sum(after[:4]) - sum(before[:4])


def run_ffmpeg(paths: list[Path], out: Path, encoding: Encoding) -> None:
    inputs = [part for path in paths for part in ("-i", str(path))]
    codec = "pcm_s16le" if encoding == "PCM_16" else "pcm_f32le"
    command = ["ffmpeg", "-y", "-loglevel", "error", *inputs, "-filter_complex", FFMPEG_GRAPH, "-c:a", codec, str(out)]
    subprocess.run(command, check=True)


def write_tracks(folder: Path, duration_s: float, encoding: Encoding) -> list[Path]:
    """A voice that speaks 5 s of every 9, and three beds, in ten-second pieces of seeded noise."""
    random = np.random.default_rng(1)
    piece = random.standard_normal((10 * RATE_HZ, 2)).astype(np.float32)
    paths = [folder / f"{encoding}{number}.wav" for number in range(4)]
    for number, path in enumerate(paths):
        shape = (RATE_HZ, 2, encoding)
        with soundfile.SoundFile(path, "w", *shape, format="WAV") as file:
            n_left = round(duration_s * RATE_HZ)
            while n_left > 0:
                block = np.roll(piece, int(random.integers(len(piece))), axis=0)[:n_left] * (
                    0.06 if number == 0 else 0.04
                )
                if number == 0:
                    block[np.arange(len(block)) % (9 * RATE_HZ) >= 5 * RATE_HZ] = 0.0
                file.write(block)
                n_left -= len(block)
    return paths
