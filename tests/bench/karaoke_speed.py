"""What burned karaoke costs per frame: a charted song over a busy picture, CPU time of this thread.

First frames of a cue draw its letters; all others lay the drawing over the picture. Both are in the mean, which is what
a film pays. Song: `songs/on_the_run` of the shared data beside the repository.
"""

import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.subtitles.cues import lyric_cues
from audio_assets.domain.subtitles.karaoke_picture import KaraokePainter
from tests.bench.measuring import Figure, Skipped, shared

RATE = Fraction(24)
DURATION_S = 288.289
AIM_MS = 2.0
SIZES = ((1280, 720), (720, 1280), (1920, 1080))


def measure() -> Iterator[Figure]:
    """Every frame of the song, at each size."""
    song = shared("songs") / "on_the_run" / "song.txt"
    if not song.is_file():
        raise Skipped("no on_the_run in ../shared/data/songs")
    cues = lyric_cues(parse_lyrics(song.read_text(), song.name), DURATION_S).cues
    for width, height in SIZES:
        painter = KaraokePainter(cues, width, height, RATE)
        picture = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
        first_frames = {cue.frames(RATE)[0] for cue in cues}
        cost_ms: dict[str, list[float]] = {"drawn": [], "laid": [], "empty": []}
        shown = {frame for cue in cues for frame in range(*cue.frames(RATE))}
        for frame in range(int(DURATION_S * RATE)):
            began = time.thread_time()
            painter.paint(picture, frame)
            kind = "drawn" if frame in first_frames else "laid" if frame in shown else "empty"
            cost_ms[kind].append(1000 * (time.thread_time() - began))
        mean = float(np.mean(cost_ms["drawn"] + cost_ms["laid"]))
        medians = ", ".join(f"{kind} {np.median(costs):.3f}" for kind, costs in cost_ms.items())
        is_aimed_at = min(width, height) == 720
        yield Figure(
            f"karaoke, {width}x{height}",
            f"{mean:.2f} ms per frame with a cue; medians {medians} ms; worst {max(cost_ms['drawn']):.0f} ms",
            f"under {AIM_MS:g} ms" if is_aimed_at else "",
            mean < AIM_MS if is_aimed_at else None,
        )
