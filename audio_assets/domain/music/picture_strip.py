"""What the pictures of songs are made of: a card with a headline and named lanes in two sizes, and values by column.

What is drawn in the lanes is in `pictures.py` beside this; the card itself in `domain/picture_card.py`.
- `Strip`: the lanes and what can be put into them.
- `drawn`: a picture in one of the two sizes, in as much detail as its length allows.
- `by_column`, `highest_by_column`, `shares_of_highest`: curves brought to a strip's columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.ipa_text import Coverage, baseline_px, plain_text
from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.picture_card import CARD, MAX_BYTES, MUTED, TEXT, Card, Colour, Detail, Frame, fitting

LARGE_BYTES = 60_000
DIM: Colour = (84, 96, 114)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A size of picture: its frame, text, lanes of so many times their height, and its length."""

    frame: Frame
    text_px: int
    zoom: int
    details: tuple[Detail, ...]
    max_bytes: int


_INLINE = Sheet(
    Frame(640, 48, 6, 18, 10, 6, 2), 11, 1,
    (Detail(1, 3, 3), Detail(2, 3, 3), Detail(2, 3, 2), Detail(2, 2, 2), Detail(3, 2, 2), Detail(4, 1, 2),
     Detail(4, 1, 1), Detail(8, 1, 1), Detail(16, 0, 1)),
    MAX_BYTES,
)  # fmt: skip
_LARGE = Sheet(
    Frame(1280, 72, 10, 26, 13), 14, 2, (Detail(1, 6, 6), Detail(2, 6, 4), Detail(4, 4, 3), Detail(16, 0, 1)),
    LARGE_BYTES,
)  # fmt: skip


class Strip:
    """A card with a headline and named lanes, from the top down, above its time axis."""

    def __init__(
        self,
        sheet: Sheet,
        detail: Detail,
        duration_s: float,
        lanes: Sequence[tuple[str, int]],
        *,
        is_named: bool = True,
    ) -> None:
        self.sheet, self.detail = sheet, detail
        self.lanes: dict[str, tuple[int, int]] = {}
        gap = 4 * sheet.zoom
        at = sheet.frame.top_px + 2
        for name, height in lanes:
            self.lanes[name] = (at, height * sheet.zoom)
            at += height * sheet.zoom + gap
        self.card = Card(at + sheet.frame.text_px + 5, duration_s, at, detail, sheet.frame)
        for name, (top, height) in self.lanes.items() if is_named else ():
            self.margin(name, top + height // 2)

    def margin(self, text: str, middle: int) -> None:
        """Write into the left margin."""
        size = self.sheet.frame.text_px
        label = plain_text(text, size)
        self.card.text(self.sheet.frame.left_px - 6 - label.shape[1], middle - _centre(size), label, MUTED)

    def scale(self, lane: str, high: str, low: str) -> None:
        """Write a lane's highest and lowest value into the margin."""
        top, height = self.lanes[lane]
        half = self.sheet.frame.text_px // 2
        self.margin(high, top + half)
        self.margin(low, top + height - half)

    def headline(self, left: Sequence[tuple[str, Colour]], right: str = "") -> None:
        """Write remarks from the left, each in its colour, and one at the right; those without room are left out."""
        note = plain_text(right, self.sheet.text_px)
        end = self.sheet.frame.width_px - self.sheet.frame.right_px - note.shape[1]
        self.card.text(end, 1, note, MUTED)
        self.remarks(1, left, end - 8)

    def remarks(self, y: int, left: Sequence[tuple[str, Colour]], end: int = 10_000) -> None:
        """Write remarks from the left, each in its colour; those that pass `end` are left out."""
        size = self.sheet.text_px
        x = self.sheet.frame.left_px
        for text, ink in left:
            label = plain_text(text, size)
            if x + label.shape[1] > end:
                break
            self.card.text(x, y, label, ink)
            x += label.shape[1] + (size if text else 0)

    def boxes(self, lane: str, boxes: Sequence[tuple[Sequence[str], float, float, Colour]]) -> None:
        """Draw boxes, each with the first of its names that fits."""
        top, height = self.lanes[lane]
        size = self.sheet.text_px
        for names, start_s, end_s, colour in boxes:
            self.card.block(top, height, start_s, end_s, colour)
            room = self.card.x(end_s) - self.card.x(start_s) - 3
            label = next((t for t in (plain_text(n, size) for n in names) if t.shape[1] <= room), None)
            if label is not None and self.detail.n_label_rows:
                left = self.card.x(start_s) + (room + 2 - label.shape[1]) // 2
                self.card.text(left, top + height // 2 - _centre(size), label, CARD)

    def overhang(self, lane: str, boxes: Sequence[tuple[str, float, float, Colour]]) -> None:
        """Write every second, fifth or tenth label over the middle of its box, wider than that or not."""
        top, height = self.lanes[lane]
        size = self.sheet.text_px
        drawn = [
            (plain_text(text, size), (self.card.x(start_s) + self.card.x(end_s)) // 2, colour)
            for text, start_s, end_s, colour in boxes
        ]
        step = next((n for n in _STEPS if _has_room([tag[:2] for tag in drawn[n - 1 :: n]])), len(drawn) + 1)
        for label, middle, colour in drawn[step - 1 :: step]:
            left = middle - label.shape[1] // 2
            if left + label.shape[1] > self.sheet.frame.width_px - self.sheet.frame.right_px:
                continue
            self.card.fill(top + height // 2 - size // 2 - 2, left - 1, size + 3, label.shape[1] + 2, colour)
            self.card.text(left, top + height // 2 - _centre(size), label, CARD)

    def hill(self, lane: str, shares: NDArray[np.float64], colour: Colour) -> None:
        """Draw a line over its own shade."""
        top, height = self.lanes[lane]
        shares = np.round(np.clip(shares, 0, 1) * (height - 1)) / height
        self.card.area(top, height, shares, _shade(colour))
        self.card.line(top, height, 1 - 1 / height - shares, colour, self.sheet.zoom)

    def bars(self, lane: str, grid: BeatGrid | None) -> None:
        """Draw a long tick per downbeat and a short one per beat; where they lie too close, only every 2nd, 4th ..."""
        top, height = self.lanes[lane]
        if grid is None or not grid.beats:
            size = self.sheet.frame.text_px
            note = plain_text("no beat", size)
            self.card.text(self.sheet.frame.left_px, top + height // 2 - _centre(size), note, MUTED)
            return
        beats = [self.card.x(beat.time) for beat in grid.beats]
        downbeats = [self.card.x(t) for t in grid.downbeats]
        if _spacing(beats) >= 3:
            self.card.ticks(beats, top + height // 2, height - height // 2, DIM)
        step = 1
        while _spacing(downbeats[::step]) < 3 and step < len(downbeats):
            step *= 2
        self.card.ticks(downbeats[::step], top, height, TEXT)

    def png(self) -> bytes:
        """Return the finished picture."""
        return self.card.png(is_tight=self.sheet.zoom == 1)


def _shade(colour: Colour) -> Colour:
    """Return a colour as it looks far behind."""
    red, green, blue = (round(0.35 * c + 0.65 * card) for c, card in zip(colour, CARD, strict=True))
    return red, green, blue


def _centre(size_px: int) -> int:
    """How far above a line text of this size begins that is centred on the line."""
    return baseline_px(size_px) - round(size_px * 0.36)


_STEPS = (2, 5, 10)


def _has_room(labels: Sequence[tuple[Coverage, int]]) -> bool:
    """Whether labels centred at these pixels stay 16 pixels apart."""
    return all(
        right_at - left_at >= (left.shape[1] + right.shape[1]) / 2 + 16
        for (left, left_at), (right, right_at) in pairwise(labels)
    )


def _spacing(xs: Sequence[int]) -> float:
    return (xs[-1] - xs[0]) / (len(xs) - 1) if len(xs) > 1 else float("inf")


def drawn(draw: Callable[[Sheet, Detail], bytes], is_large: bool) -> bytes:
    """Return the most detailed drawing in the size that keeps to its length."""
    sheet = _LARGE if is_large else _INLINE
    return fitting(lambda detail: draw(sheet, detail), sheet.details, sheet.max_bytes)


def length_s(duration_s: float) -> float:
    """Return a duration that can be divided by."""
    return max(duration_s, 1e-3) if np.isfinite(duration_s) else 1e-3


def counted(n: int, noun: str) -> str:
    """Write a number of things."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def clock(t_s: float) -> str:
    """Write a duration: "4.2 s", "3:05"."""
    minutes, seconds = divmod(round(t_s), 60)
    return f"{minutes}:{seconds:02d}" if t_s >= 10 else f"{t_s:.1f} s"


def figure(value: float) -> str:
    """Write three digits: 0.12, 3.4, 120, 2.4k."""
    size = abs(value)
    if size >= 1000:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if size >= 100 or value == 0 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def by_column(
    times: Sequence[float] | NDArray[np.float64],
    values: Sequence[float] | NDArray[np.float64],
    duration_s: float,
    n: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest, the mean and the highest value in each of `n` columns; between points they lie on a line.

    What is not finite is left out; without any value the three are empty.
    """
    t, v = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    t, v = t[: len(v)], v[: len(t)]
    is_given = np.isfinite(t) & np.isfinite(v)
    t, v = t[is_given], v[is_given]
    if not len(t):
        return np.zeros(0), np.zeros(0), np.zeros(0)
    order = np.argsort(t, kind="stable")
    t, v = t[order], v[order]
    mean = np.interp((np.arange(n) + 0.5) * duration_s / n, t, v)
    low, high = mean.copy(), mean.copy()
    column = np.clip(t / duration_s * n, 0, n - 1).astype(np.int64)
    n_points = np.bincount(column, minlength=n)
    is_hit = n_points > 0
    mean[is_hit] = np.bincount(column, v, n)[is_hit] / n_points[is_hit]
    low[is_hit], high[is_hit] = np.inf, -np.inf
    np.minimum.at(low, column, v)
    np.maximum.at(high, column, v)
    return low, mean, high


def highest_by_column(
    values: NDArray[np.float32] | NDArray[np.float64] | Sequence[float], n: int
) -> NDArray[np.float64]:
    """Return the highest of evenly spaced values in each of `n` columns, empty without any."""
    values = np.asarray(values, dtype=np.float64)
    return by_column((np.arange(len(values)) + 0.5) / max(1, len(values)), values, 1.0, n)[2]


def shares_of_highest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale to the highest; nothing is below 0."""
    return np.maximum(values, 0) / max(1e-9, float(values.max(initial=0)))
