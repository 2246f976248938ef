"""How fast the animatic is: two processes at 720p24, each with one thread, encoding included.

Each preset films a performance (drawn singer, lyrics) and a scene without one, of four seconds each; with a reference
image one performance more. Times real time is what two processes make together on an otherwise idle machine; processor
time per frame moves less with the load. The ratio is to encoding alone: what H.264 costs for the same frames, decoded
beforehand, is the floor under any engine.
"""

import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from audio_assets.domain.animatic.palettes import STYLES
from audio_assets.domain.shot import Guide, GuideBeat, GuideCharacter, GuideWord, Shot
from resources import pool
from resources.engines import animatic
from resources.video_files import VideoWriter, read_frames
from tests.bench.measuring import Figure, workers_peak_mb

RATE, N_FRAMES = Fraction(24), 96
N_PROCESSES = 2
AIM = 2.0
PLACES = ("lighthouse", "city street", "road", "forest", "concert stage")


def shot(style: str, kind: str, place: str, seed: int) -> Shot:
    """Four seconds at 720p24 with all that a song can ask for."""
    beats = tuple(GuideBeat(frame, 0.8, frame % 48 == 0) for frame in range(0, N_FRAMES, 12))
    words = tuple(
        GuideWord(word, 12 * n, 12 * n + 9, 0)
        for n, word in enumerate(["Hold", "the", "light", "for", "me", "tonight"])
    )
    guide = Guide(
        "Song", "Artist", "s001", "performance" if kind != "broll" else "broll", "Chorus", "chorus", "", style, 120.0,
        (0.6,) * N_FRAMES, beats, words, (GuideCharacter("Mara", "long copper hair, red scarf", is_primary=True),),
        prompt_hint=place, shows_lyrics=True,
    )  # fmt: skip
    return Shot(f"A shot. {place}.", "", 1280, 720, RATE, N_FRAMES, 4, seed, guide)


def filmed(wanted: Shot, reference: Path | None, target: Path) -> float:
    """The processor time of one clip."""
    began = time.process_time()
    animatic.generate(wanted, reference, target)
    return time.process_time() - began


def encoded(source: Path, target: Path) -> float:
    """The processor time of encoding alone."""
    frames = list(read_frames(source))
    began = time.process_time()
    with VideoWriter(target, 1280, 720, RATE) as writer:
        for frame in frames:
            writer.write(frame)
    return time.process_time() - began


def together(calls: list[tuple[Shot, Path | None, Path]]) -> tuple[float, float]:
    """Wall time and processor time of all clips, two processes side by side."""
    began = time.perf_counter()
    used_s = 0.0
    for done in pool.run(((n, pool.Call(filmed, call)) for n, call in enumerate(calls)), N_PROCESSES):
        if done.error is not None:
            raise done.error
        used_s += float(done.result)
    return time.perf_counter() - began, used_s


def measure() -> Iterator[Figure]:
    """A row per preset and kind of scene."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        picture = np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(picture).resize((900, 900), Image.Resampling.BICUBIC).save(folder / "singer.png")
        warm = [(shot("anime", "broll", "sea", n), None, folder / f"warm{n}.mp4") for n in range(N_PROCESSES)]
        together(warm)
        floor_s = encoded(folder / "warm0.mp4", folder / "floor.mp4")
        for style, place in zip(STYLES, PLACES, strict=True):
            for kind in ("performance", "broll"):
                yield row(style, kind, place, None, folder, floor_s)
        yield row("anime", "performance, reference image", "sea", folder / "singer.png", folder, floor_s)
        yield Figure("animatic, worker's memory", "", peak_mb=f"{workers_peak_mb(N_PROCESSES):.0f}")


def row(style: str, kind: str, place: str, reference: Path | None, folder: Path, floor_s: float) -> Figure:
    """Two clips of one kind."""
    calls = [(shot(style, kind, place, n), reference, folder / f"{n}.mp4") for n in range(N_PROCESSES)]
    wall_s, used_s = min(together(calls) for _ in range(2))
    times = N_PROCESSES * N_FRAMES / float(RATE) / wall_s
    per_frame_ms = used_s / (N_PROCESSES * N_FRAMES) * 1000
    return Figure(
        f"animatic, 720p24, {style}, {kind}, {place}",
        f"{times:.2f} x real time on {N_PROCESSES} processes, {per_frame_ms:.1f} ms of one core per frame",
        f"{AIM} x real time",
        times >= AIM,
        f"{used_s / N_PROCESSES / floor_s:.2f} x encoding alone",
    )
