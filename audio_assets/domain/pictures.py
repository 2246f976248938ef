"""Small pictures of artifacts for an event's metadata: arrays and timelines in, PNG bytes out.

Nothing is read or written here. Each picture is a palette PNG, 640 pixels wide and at most `MAX_BYTES` long, whatever
is in it: an event with the picture in base64 stays below 8 KB. Detail is given up step by step until it fits. The
card is dark and opaque, so that it reads the same in a light and in a dark page.
- `waveform_picture`: a waveform with its words and phonemes.
- `mouth_picture`: mouth shapes and the jaw over time.
- `mix_picture`: the level of each role, and the ducking gain.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.ipa_text import phoneme_text, plain_text
from audio_assets.domain.phonemes import VOWELS, nearest_arpabet
from audio_assets.domain.picture_card import (
    BLUE,
    CARD,
    GOLD,
    GRID,
    MAX_BYTES,
    RED,
    TEXT,
    WIDTH_PX,
    Card,
    Colour,
    Detail,
    columns,
    fitting,
    part_starts,
)
from audio_assets.domain.timeline import Timeline, Word

__all__ = [
    "MAX_BYTES",
    "SHAPE_COLOURS",
    "SHAPE_OPENING",
    "WIDTH_PX",
    "mix_picture",
    "mouth_picture",
    "waveform_picture",
]

_WORD: Colour = (38, 62, 92)
_VOWEL: Colour = (122, 74, 24)
_CONSONANT: Colour = (62, 70, 84)
_ROLES: tuple[Colour, ...] = (BLUE, (88, 190, 125), (190, 130, 240), (240, 150, 80), (90, 200, 205))
SHAPE_COLOURS: dict[str, Colour] = {
    "A": (214, 84, 98), "B": (224, 145, 74), "C": (214, 186, 70), "D": (118, 186, 88), "E": (74, 178, 160),
    "F": (84, 150, 226), "G": (140, 124, 226), "H": (206, 118, 200), "X": (128, 138, 152),
}  # fmt: skip
"""The colour of each mouth shape, here and on the pages of the artifact server."""

SHAPE_OPENING: dict[str, float] = {
    "A": 0.0, "B": 0.15, "C": 0.5, "D": 1.0, "E": 0.55, "F": 0.25, "G": 0.1, "H": 0.5, "X": 0.0,
}  # fmt: skip
"""How far a shape opens the mouth, 0 to 1, where no jaw track says it."""


# Soft text costs a third more than hard text, a second row of labels as much as the whole wave. The last draws no
# label and 40 columns: it fits whatever comes.
_DETAILS = (
    Detail(1, 2, 3), Detail(2, 2, 2), Detail(2, 2, 1), Detail(2, 1, 2), Detail(4, 1, 1), Detail(4, 0, 1),
    Detail(16, 0, 1),
)  # fmt: skip


def waveform_picture(pcm: NDArray[np.int16], sample_rate_hz: int, timeline: Timeline | None) -> bytes:
    """Draw the waveform of `pcm` (int16, mono), 640 x 132 pixels: words and phonemes below it, a time axis, the peak.

    The height of the wave is relative to its peak, which is printed. Clipped columns are red.
    """
    duration_s = max(len(pcm) / sample_rate_hz, 1e-3)
    words = timeline.words if timeline else ()
    phonemes = timeline.phonemes if timeline else ()

    def draw(detail: Detail) -> bytes:
        card = Card(132, duration_s, 118, detail)
        card.rule(35, BLUE)
        card.spread(35, _wave(pcm, card.n_columns, 31))
        if detail.column_px < 16:
            card.blocks(65, 16, [(w, _WORD) for w in words])
            card.blocks(92, 14, [(p, _VOWEL if nearest_arpabet(p.phoneme) in VOWELS else _CONSONANT) for p in phonemes])
        if detail.n_label_rows:
            card.labels(64, 13, 12, [(w, plain_text(w.word, 12)) for w in words])
            card.labels(90, 13, 12, [(p, phoneme_text(p.phoneme, 12)) for p in phonemes])
        peak = int(np.abs(pcm.astype(np.int32)).max()) if len(pcm) else 0
        card.note(f"peak {20 * np.log10(peak / 32768):z.1f} dBFS" if peak else "silence")
        return card.png()

    return fitting(draw, _DETAILS)


def mouth_picture(shapes: Sequence[str], fps: float, *, jaw: Sequence[float] = ()) -> bytes:
    """Draw mouth shapes ("A" to "H", "X"), one per frame, as blocks under the mouth's opening; 640 x 104 pixels.

    `jaw` is 0 shut to 1 wide, one value per frame; without it the shapes' own opening is drawn.
    """
    opening = np.asarray(
        jaw if len(jaw) == len(shapes) else [SHAPE_OPENING.get(s, 0.0) for s in shapes], dtype=np.float64
    )
    runs = _runs(shapes, fps)

    def draw(detail: Detail) -> bytes:
        card = Card(104, max(len(shapes) / fps, 1e-3), 90, detail)
        card.rule(32, SHAPE_COLOURS["A"])
        card.spread(32, _lips(opening, card.n_columns, 56))
        if detail.column_px < 16:
            card.blocks(64, 20, [(run, SHAPE_COLOURS.get(run.word, GRID)) for run in runs])
        if detail.n_label_rows:
            card.labels(65, 13, 13, [(run, plain_text(run.word, 13)) for run in runs], within=True, ink=CARD)
        return card.png()

    return fitting(draw, _DETAILS)


def mix_picture(duration_s: float, levels_db: Mapping[str, Sequence[float]], ducking_db: Sequence[float]) -> bytes:
    """Draw the level of each role over the mix, -60 to 0 dBFS, one lane each, and the ducking gain, 0 to -24 dB.

    Every sequence spans the whole of `duration_s` in even steps. A gain that never ducks has no lane; of more than five
    roles the first four are drawn, and the others counted.
    """
    lanes = [(role, np.asarray(levels, dtype=np.float64)) for role, levels in levels_db.items()]
    shown = lanes[: len(_ROLES)] if len(lanes) <= len(_ROLES) else lanes[: len(_ROLES) - 1]
    lane_px = 44 if len(lanes) <= 2 else 28
    ducking = np.asarray(ducking_db, dtype=np.float64)
    ducking = ducking if (ducking < -0.05).any() else ducking[:0]

    def draw(detail: Detail) -> bytes:
        n_lanes = len(shown) + (1 if len(ducking) else 0)
        card = Card(20 + max(1, n_lanes) * lane_px, max(duration_s, 1e-3), 6 + max(1, n_lanes) * lane_px, detail)
        for number, (role, levels) in enumerate(shown):
            top = 4 + number * lane_px
            card.area(top, lane_px - 4, (columns(levels, card.n_columns, np.maximum) + 60) / 60, _ROLES[number])
            card.text(6, top - 2, plain_text(role[:24], 11), TEXT)
        if len(ducking):
            top = 4 + len(shown) * lane_px
            gain = columns(ducking, card.n_columns, np.minimum)
            card.line(top + 2, lane_px - 8, -gain / 24, GOLD)
            label = plain_text(f"ducking, down to {gain.min():.1f} dB", 11)
            card.text(6, top + lane_px - 20, label, GOLD)
        more = len(lanes) - len(shown)
        if more:
            card.note(f"{more} more roles")
        return card.png()

    return fitting(draw, _DETAILS)


def _runs(shapes: Sequence[str], fps: float) -> list[Word]:
    """Join equal neighbours as one span each."""
    runs: list[Word] = []
    at = 0
    for shape, frames in groupby(shapes):
        n_frames = sum(1 for _ in frames)
        runs.append(Word(shape, at / fps, (at + n_frames) / fps))
        at += n_frames
    return runs


def _wave(pcm: NDArray[np.int16], n: int, half_px: int) -> Iterator[tuple[int, int, Colour]]:
    """Yield how far each of `n` columns goes up and down: its highest and lowest sample, relative to the loudest."""
    if not len(pcm):
        return
    starts = part_starts(len(pcm), n)
    lows, highs = np.minimum.reduceat(pcm, starts).tolist(), np.maximum.reduceat(pcm, starts).tolist()
    scale = half_px / max(1, max(highs), -min(lows))
    for low, high in zip(lows, highs, strict=True):
        colour = RED if high >= 32767 or low <= -32768 else BLUE
        yield round(max(high, 0) * scale), round(max(-low, 0) * scale), colour


def _lips(opening: NDArray[np.float64], n: int, height: int) -> Iterator[tuple[int, int, Colour]]:
    """Yield the gap between the lips of each of `n` columns, up and down."""
    if not len(opening):
        return
    for value in columns(opening, n, np.maximum):
        half = round(min(max(float(value), 0.0), 1.0) * height / 2)
        yield half, half, SHAPE_COLOURS["A"]
