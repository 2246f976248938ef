"""How fast a film is put together, against ffmpeg's concat demuxer, and how fast its deliverables are encoded.

Twenty clips of 720p24 of 15 s each, of moving texture, over a song of 300 s. Ours also decodes the song and the
finished film to compare them sample for sample, which the first row leaves out and the second has; ffmpeg does not.
Without an ffmpeg on the PATH it is compared with the bare loop of packets in PyAV. The best of three counts.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile

from audio_assets.domain.edit import Transition
from audio_assets.domain.reframe import SceneTrack, Spot
from resources.engines.deliverables import DeliverySpec, deliver
from resources.engines.film_assembly import assemble
from resources.engines.scene_clips import ConformSpec, conform_clip
from resources.film_files import Piece, Sound, write_film
from resources.video_files import Picture, VideoWriter
from tests.bench.measuring import Figure, peak_mb

RATE = Fraction(24)
WIDTH, HEIGHT = 1280, 720
N_CLIPS, N_FRAMES = 20, 360
SONG_HZ, SONG_S = 44_100, N_CLIPS * N_FRAMES // 24
AIM = 1.3
N_ROUNDS = 3
N_DELIVERED_CLIPS = 2


def measure() -> Iterator[Figure]:
    """Assembly, conforming, deliverables."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        clips = write_clips(folder)
        song = write_song(folder / "song.flac", SONG_S)
        yield from joined(folder, clips, song)
        yield from conformed(folder, clips)
        yield from delivered(folder, clips)


def joined(folder: Path, clips: list[Path], song: Path) -> Iterator[Figure]:
    """Twenty clips by copy, over a FLAC song that is copied too."""
    sound = Sound(song, SONG_HZ, SONG_S * SONG_HZ)
    pieces = [Piece(path) for path in clips]
    has_ffmpeg = shutil.which("ffmpeg") is not None
    runs: dict[str, Callable[[], object]] = {
        "joined": lambda: write_film(folder / "ours.mp4", pieces, RATE, sound=sound),
        "joined and verified": lambda: assemble(
            clips, song, folder / "whole.mp4", frame_rate=RATE, n_frames=N_CLIPS * N_FRAMES
        ),
        "other": (lambda: by_ffmpeg(folder, clips, song)) if has_ffmpeg else (lambda: by_loop(folder, clips)),
    }
    best = {name: min(timed(run) for _ in range(N_ROUNDS)) for name, run in runs.items()}
    other_s = best.pop("other")
    other = "ffmpeg's concat demuxer" if has_ffmpeg else "a bare loop of packets, no sound"
    for name, taken_s in best.items():
        is_same_job = name == "joined"
        yield Figure(
            f"{N_CLIPS} clips and a song of {SONG_S} s {name}, against {other}",
            f"{taken_s:.2f} s against {other_s:.2f} s",
            f"{AIM:g} x" if is_same_job else "",
            taken_s <= AIM * other_s if is_same_job else None,
            f"{taken_s / other_s:.2f} x",
        )
    sizes = [joining_mb(folder, clips[:n_clips], song) for n_clips in (N_CLIPS // 2, N_CLIPS)]
    yield Figure(f"memory while {N_CLIPS // 2} and {N_CLIPS} are joined", f"{sizes[0]:.0f} and {sizes[1]:.0f} MB")


def joining_mb(folder: Path, clips: list[Path], song: Path) -> float:
    """The peak of a process that does nothing but join these clips."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_join, folder / "mem.mp4", clips, song).result()


def _join(target: Path, clips: list[Path], song: Path) -> float:
    write_film(target, [Piece(path) for path in clips], RATE, sound=Sound(song, SONG_HZ, SONG_S * SONG_HZ))
    return peak_mb()


def conformed(folder: Path, clips: list[Path]) -> Iterator[Figure]:
    """A clip that is only cut, one with a dissolve, one encoded whole."""
    specs = {
        "cut to the frame": ConformSpec(WIDTH, HEIGHT, RATE, N_FRAMES - 7),
        "with a dissolve": ConformSpec(
            WIDTH, HEIGHT, RATE, N_FRAMES, Transition("dissolve", 12), before_n_frames=N_FRAMES - 24
        ),
        "encoded whole, to 640 x 360": ConformSpec(640, 360, RATE, N_FRAMES),
    }
    for name, spec in specs.items():
        taken_s = cpu_s(lambda spec=spec: conform_clip(clips[1], clips[0], spec, folder / "out.mp4"))  # type: ignore[misc]
        yield Figure(f"a 720p scene of 15 s {name}", f"{15 / taken_s:.1f} x real time by CPU")


def delivered(folder: Path, clips: list[Path]) -> Iterator[Figure]:
    """Each kind of deliverable of the first clips."""
    n_frames = N_DELIVERED_CLIPS * N_FRAMES
    seconds = n_frames / 24
    song = write_song(folder / "part.flac", n_frames // 24)
    film = folder / "part.mp4"
    assemble(clips[:N_DELIVERED_CLIPS], song, film, frame_rate=RATE, n_frames=n_frames)
    walk = tuple(Spot(number, 0.2 + 0.6 * number / n_frames, 0.4) for number in range(0, n_frames, 12))
    scenes = (SceneTrack(0, n_frames, walk),)
    specs = {
        "mp4, pictures copied": DeliverySpec("mp4", WIDTH, HEIGHT),
        "vertical mp4, 720 x 1280, gliding": DeliverySpec("mp4", HEIGHT, WIDTH, scenes=scenes),
        "square mp4, 720 x 720": DeliverySpec("mp4", HEIGHT, HEIGHT),
        "webm, 720p": DeliverySpec("webm", WIDTH, HEIGHT),
    }
    for name, spec in specs.items():
        taken_s = cpu_s(lambda spec=spec: deliver(film, song, spec, folder / "out"))  # type: ignore[misc]
        yield Figure(f"deliverable: {name}", f"{seconds / taken_s:.2f} x real time by CPU")


def timed(run: Callable[[], object]) -> float:
    """Wall seconds."""
    start_s = time.perf_counter()
    run()
    return time.perf_counter() - start_s


def cpu_s(run: Callable[[], object]) -> float:
    """Seconds of CPU, of all threads: what a busy machine does not change much."""
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


def by_ffmpeg(folder: Path, clips: list[Path], song: Path) -> None:
    """The same film by ffmpeg's concat demuxer."""
    script = folder / "clips.txt"
    script.write_text("".join(f"file '{path.name}'\n" for path in clips))
    command = [
        "ffmpeg", "-y", "-loglevel", "error", "-f", "concat", "-i", str(script), "-i", str(song), "-map", "0:v",
        "-map", "1:a", "-c", "copy", "-strict", "-2", "-movflags", "+faststart", str(folder / "theirs.mp4"),
    ]  # fmt: skip
    subprocess.run(command, check=True)


def by_loop(folder: Path, clips: list[Path]) -> None:
    """The least that can be done in PyAV: every packet read and written."""
    with av.open(str(clips[0])) as first, av.open(str(folder / "theirs.mp4"), "w") as out:
        stream = out.add_stream_from_template(first.streams.video[0])
        number = 0
        for path in clips:
            with av.open(str(path)) as clip:
                for packet in clip.demux(video=0):
                    if packet.pts is not None:
                        packet.pts = packet.dts = number
                        packet.duration, packet.time_base, packet.stream = 1, 1 / RATE, stream
                        number += 1
                        out.mux_one(packet)


def write_clips(folder: Path) -> list[Path]:
    """Two different clips, and copies of them."""
    random = np.random.default_rng(1)
    coarse = random.integers(60, 200, (HEIGHT // 40 + 12, WIDTH // 40 + 24, 3), np.uint8)
    texture = np.asarray(cv2.resize(coarse, None, fx=40, fy=40, interpolation=cv2.INTER_CUBIC), np.uint8)
    clips = []
    for number in range(2):
        with VideoWriter(folder / f"clip{number}.mp4", WIDTH, HEIGHT, RATE, n_threads=2) as writer:
            for frame in range(N_FRAMES):
                writer.write(moved(texture, frame, number))
        clips.append(folder / f"clip{number}.mp4")
    for number in range(2, N_CLIPS):
        clips.append(shutil.copy(clips[number % 2], folder / f"clip{number}.mp4"))
    return [Path(path) for path in clips]


def moved(texture: Picture, frame: int, number: int) -> Picture:
    """A window on the texture that wanders."""
    top, left = frame, 2 * frame if number else 940 - 2 * frame
    return texture[top : top + HEIGHT, left : left + WIDTH]


def write_song(path: Path, seconds: int) -> Path:
    """Noise under a swell, which no encoder finds easy."""
    random = np.random.default_rng(2)
    with soundfile.SoundFile(path, "w", SONG_HZ, 2, "PCM_16") as file:
        for second in range(seconds):
            level = 0.05 + 0.03 * np.sin(second)
            file.write((level * random.standard_normal((SONG_HZ, 2))).astype(np.float32))
    return path
