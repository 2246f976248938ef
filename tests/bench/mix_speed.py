"""How fast a ducked mix is, against ffmpeg's `sidechaincompress` and `amix`: run this file; it prints ratios.

Four stereo tracks (one of speech-like bursts, three beds) from files to a file. All renderers run in turn, and the
best of each counts, so that other work on the machine weighs on all. Ours also measures loudness and true peak of the
mix, the loudness of every track but in the first row, and limits the true peak; ffmpeg does not. Numba has compiled
before the clock starts; our time is in process, ffmpeg's has its start (about 0.05 s) in it.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from audio_assets.domain.mix_spec import Ducking, MixSpec, MixTrack
from resources.audio_files import Encoding
from resources.engines.mixer import render_mix

RATE_HZ = 48_000
FFMPEG_GRAPH = (
    "[1:a][2:a][3:a]amix=inputs=3:normalize=0[bed];[0:a]asplit[voice][key];"
    "[bed][key]sidechaincompress=threshold=0.01:ratio=4:attack=60:release=350[ducked];"
    "[voice][ducked]amix=inputs=2:normalize=0"
)


def main() -> None:
    duration_s = float(sys.argv[1]) if len(sys.argv) > 1 else 180.0
    with tempfile.TemporaryDirectory() as folder:
        for encoding in ("PCM_16", "FLOAT"):
            paths = write_tracks(Path(folder), duration_s, encoding)
            compare(paths, Path(folder), encoding)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak_mb:.0f} MB")


def compare(paths: list[Path], folder: Path, encoding: Encoding, n_rounds: int = 7) -> None:
    tracks = tuple(MixTrack(str(path), "voice" if n == 0 else "music") for n, path in enumerate(paths))
    plain = MixSpec(tracks, Ducking(), RATE_HZ)
    loud = MixSpec(tracks, Ducking(), RATE_HZ, target_lufs=-16.0)
    runs: dict[str, Callable[[], object]] = {
        "ours, tracks unmeasured": lambda: render_mix(
            plain, {}, folder / "bare.wav", encoding=encoding, has_track_loudness=False
        ),
        "ours": lambda: render_mix(plain, {}, folder / "ours.wav", encoding=encoding),
        "ours, to -16 LUFS": lambda: render_mix(loud, {}, folder / "loud.wav", encoding=encoding),
    }
    if shutil.which("ffmpeg"):
        runs["ffmpeg"] = lambda: run_ffmpeg(paths, folder / "ffmpeg.wav", encoding)
    for run in runs.values():
        run()
    best = {name: (float("inf"), float("inf")) for name in runs}
    for _ in range(n_rounds):
        for name, run in runs.items():
            wall_s, cpu_s = timed(run)
            best[name] = (min(best[name][0], wall_s), min(best[name][1], cpu_s))
    for name, (wall_s, cpu_s) in best.items():
        ratio = ""
        if "ffmpeg" in best:
            ratio = f"  {best['ffmpeg'][0] / wall_s:.2f} x ffmpeg by wall, {best['ffmpeg'][1] / cpu_s:.2f} x by CPU"
        print(f"{encoding:7}{name:25}{wall_s:.3f} s wall, {cpu_s:.3f} s CPU{ratio}")


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


if __name__ == "__main__":
    main()
