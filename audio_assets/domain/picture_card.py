"""The card that every picture of an event's metadata is drawn on: lanes over a time axis, as a palette PNG.

What is drawn is not known here: see `domain/pictures.py` for speech, `domain/music/pictures.py` for songs. The card is
dark and opaque, so that it reads the same in a light and in a dark page.
- `Card`: the canvas. Everything is placed by pixel rows from the top and by seconds.
- `fitting`: the most detailed drawing that keeps to a length.
- `columns`: a curve brought to a number of values.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.ipa_text import Coverage, baseline_px, plain_text
from audio_assets.domain.timeline import Phone, Word

MAX_BYTES = 3_000
"""The longest picture for an event's metadata: with it in base64 an event stays below 8 KB."""

WIDTH_PX = 640

Colour = tuple[int, int, int]

CARD: Colour = (23, 27, 34)
GRID: Colour = (44, 52, 64)
TEXT: Colour = (232, 236, 242)
MUTED: Colour = (146, 157, 172)
BLUE: Colour = (79, 163, 255)
RED: Colour = (255, 92, 92)
GOLD: Colour = (255, 202, 87)


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is drawn: pixels per column of a curve, rows of labels, steps from no ink to full ink in text."""

    column_px: int
    n_label_rows: int
    n_ink_steps: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the time axis lies on a card: the card's width, the space left and right of the axis, its first row.

    `text_px` is the size of its labels, `n_ticks` how many there are at most. Text begins at multiples of
    `text_step_px`: with 2, equal glyphs are equal bytes where two pixels share one, which saves 4 % of a picture.
    """

    width_px: int = WIDTH_PX
    left_px: int = 4
    right_px: int = 4
    top_px: int = 2
    text_px: int = 10
    n_ticks: int = 12
    text_step_px: int = 1

    @property
    def plot_px(self) -> int:
        """The length of the time axis."""
        return self.width_px - self.left_px - self.right_px


_SPEECH_FRAME = Frame()


def fitting(draw: Callable[[Detail], bytes], details: Sequence[Detail], max_bytes: int = MAX_BYTES) -> bytes:
    """Return the first drawing, of the most detailed first, that keeps to `max_bytes`; the last if none does."""
    picture = b""
    for detail in details:
        picture = draw(detail)
        if len(picture) <= max_bytes:
            break
    return picture


def columns(values: NDArray[np.float64], n: int, chosen: np.ufunc) -> NDArray[np.float64]:
    """Bring `values` to `n`, the `np.maximum` or `np.minimum` of each part; what is not finite is the lowest level."""
    if not len(values):
        return np.full(n, -np.inf)
    finite = np.nan_to_num(values, nan=-200.0, neginf=-200.0, posinf=0.0)
    reduced: NDArray[np.float64] = chosen.reduceat(finite, part_starts(len(finite), n))
    return reduced


def part_starts(n_values: int, n: int) -> NDArray[np.int64]:
    """Where each of `n` about equal parts of one value or more begins, as `reduceat` of NumPy takes them."""
    return np.linspace(0, n_values, n + 1)[:-1].astype(np.int64)


class Card:
    """A dark card with a time axis; everything is placed by pixel rows from the top and by seconds."""

    def __init__(
        self, height_px: int, duration_s: float, axis_y: int, detail: Detail, frame: Frame = _SPEECH_FRAME
    ) -> None:
        self._rgb = np.empty((height_px, frame.width_px, 3), dtype=np.uint8)
        self._rgb[:] = CARD
        self._duration_s = duration_s
        self._detail = detail
        self._frame = frame
        self._axis(axis_y)

    @property
    def n_columns(self) -> int:
        """How many columns a curve has."""
        return self._frame.plot_px // self._detail.column_px

    def x(self, t_s: float) -> int:
        """Return the pixel of a time, within the axis."""
        return self._frame.left_px + round(min(max(t_s / self._duration_s, 0.0), 1.0) * self._frame.plot_px)

    def _axis(self, y: int) -> None:
        step_s = _tick_step_s(self._duration_s, self._frame.n_ticks)
        width_px = self._frame.width_px
        for number in range(int(self._duration_s / step_s) + 1):
            x = self.x(number * step_s)
            self._rgb[self._frame.top_px : y, min(x, width_px - 1)] = GRID
            label = plain_text(_clock(number * step_s, step_s), self._frame.text_px)
            if x + label.shape[1] + 2 < width_px:
                self.text(x + 1, y - 1, label, MUTED)

    def text(self, x: int, y: int, coverage: Coverage, ink: Colour) -> None:
        """Draw text with its top left corner at (x, y), cut at the card's edges."""
        x -= x % self._frame.text_step_px
        field = self._rgb[max(0, y) : y + coverage.shape[0], x : x + coverage.shape[1]]
        coverage = coverage[max(0, -y) :][: field.shape[0], : field.shape[1]]
        n_steps = self._detail.n_ink_steps
        share = (np.round(coverage / 255 * n_steps + 0.1) / n_steps)[:, :, None]
        field[:] = np.round(field * (1 - share) + np.array(ink) * share).astype(np.uint8)

    def note(self, text: str) -> None:
        """Draw a short remark in the upper right corner."""
        label = plain_text(text, 10)
        self.text(self._frame.width_px - label.shape[1] - 4, -1, label, MUTED)

    def _column(self, top: int, bottom: int, column: int, colour: Colour) -> None:
        x = self._frame.left_px + column * self._detail.column_px
        self._rgb[top:bottom, x : x + self._detail.column_px] = colour

    def rule(self, y: int, colour: Colour = GRID) -> None:
        """Draw a line along the whole time axis."""
        self._rgb[y, self._frame.left_px : self._frame.width_px - self._frame.right_px] = colour

    def spread(self, middle: int, sizes_px: Iterable[tuple[int, int, Colour]]) -> None:
        """Draw columns about a middle line: how far each goes up and down, and its colour."""
        for column, (up, down, colour) in enumerate(sizes_px):
            self._column(middle - up, middle + down + 1, column, colour)

    def area(self, top: int, height: int, shares: NDArray[np.float64], colour: Colour) -> None:
        """Draw columns that rise from the bottom of a lane by their share of its height."""
        for column, share in enumerate(shares):
            rise = round(min(max(float(share), 0.0), 1.0) * height)
            self._column(top + height - rise, top + height, column, colour)
        self.rule(top + height)

    def between(
        self, top: int, height: int, highs: NDArray[np.float64], lows: NDArray[np.float64], colour: Colour
    ) -> None:
        """Draw columns from one share of a lane's height to another, both from the bottom."""
        for column, (high, low) in enumerate(zip(highs, lows, strict=True)):
            first, last = (round((1 - min(max(float(share), 0.0), 1.0)) * height) for share in (high, low))
            self._column(top + first, top + last + 1, column, colour)

    def ticks(self, xs: Iterable[int], top: int, height: int, colour: Colour) -> None:
        """Draw lines down, a pixel thick, at these pixels."""
        for x in xs:
            self._rgb[top : top + height, x] = colour

    def fill(self, top: int, left: int, height: int, width: int, colour: Colour) -> None:
        """Draw a box by pixels."""
        self._rgb[top : top + height, max(0, left) : left + width] = colour

    def image(self, top: int, start_s: float, rgb: NDArray[np.uint8]) -> None:
        """Place pixels, shape (height, width, 3), with their upper left corner at a time."""
        x = self.x(start_s)
        field = self._rgb[top : top + rgb.shape[0], x : x + rgb.shape[1]]
        field[:] = rgb[: field.shape[0], : field.shape[1]]

    def line(self, top: int, height: int, shares: NDArray[np.float64], colour: Colour, thickness_px: int = 2) -> None:
        """Draw a stepped line that hangs from the top of a lane by its share of the height."""
        before = None
        for column, share in enumerate(shares):
            y = top + round(min(max(float(share), 0.0), 1.0) * height)
            x = self._frame.left_px + column * self._detail.column_px
            first, last = (y, y) if before is None else (min(y, before), max(y, before))
            self._column(y, y + thickness_px, column, colour)
            self._rgb[first : last + thickness_px, x : x + 1] = colour
            before = y

    def block(self, top: int, height: int, start_s: float, end_s: float, colour: Colour) -> None:
        """Draw a box, a pixel short where there is room, so that neighbours stay apart."""
        left, right = self.x(start_s), self.x(end_s)
        gap = 1 if right - left > 3 else 0
        self._rgb[top : top + height, left : max(left + 1, right - gap)] = colour

    def blocks(self, top: int, height: int, spans: Iterable[tuple[Phone | Word, Colour]]) -> None:
        """Draw a box for each span, a pixel apart where there is room."""
        for span, colour in spans:
            self.block(top, height, span.t_start, span.t_end, colour)

    def labels(
        self,
        top: int,
        row_px: int,
        size_px: int,
        labels: Sequence[tuple[Phone | Word, Coverage]],
        *,
        within: bool = False,
        ink: Colour = TEXT,
    ) -> None:
        """Draw a label at each span's start, in the first row with room for it; one without room is left out.

        With `within` a label is centred in its span and left out where it is wider.
        """
        n_rows = 1 if within else self._detail.n_label_rows
        free_from = [0] * n_rows
        for span, coverage in labels:
            left, right, width = self.x(span.t_start), self.x(span.t_end), coverage.shape[1]
            x = left + max(1, (right - left - width) // 2)
            row = next((r for r in range(n_rows) if free_from[r] <= x), None)
            if row is None or x + width > self._frame.width_px or (within and width > right - left):
                continue
            self.text(x, top + row * row_px - (baseline_px(size_px) - size_px), coverage, ink)
            free_from[row] = x + width + 1

    def png(self, *, is_tight: bool = False) -> bytes:
        """Return the card as a palette PNG; `is_tight` is a fifth shorter: fewer shades, several encodings."""
        packed = (self._rgb.astype(np.uint32) << np.array([16, 8, 0], dtype=np.uint32)).sum(axis=2, dtype=np.uint32)
        colours, pixels = np.unique(packed, return_inverse=True)
        return _palette_png(pixels.reshape(packed.shape).astype(np.uint8), colours, is_tight)


def _palette_png(pixels: NDArray[np.uint8], colours: NDArray[np.uint32], is_tight: bool) -> bytes:
    """Encode `pixels` (height, width) index `colours` (0xRRGGBB, at most 256)."""
    if len(colours) > 256:
        raise ValueError(f"a palette holds 256 colours, not {len(colours)}")
    height, width = pixels.shape
    if is_tight:
        pixels, colours = _merged(pixels, colours)
        n_bits, body = _tight_rows(pixels, len(colours))
    else:
        n_bits, body = 8, zlib.compress(_rows(pixels, np.zeros(height, dtype=np.uint8)), 9)
    palette = b"".join(int(colour).to_bytes(3, "big") for colour in colours)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, n_bits, 3, 0, 0, 0)),
            (b"PLTE", palette),
            (b"IDAT", body),
            (b"IEND", b""),
        )
    )


def _merged(pixels: NDArray[np.uint8], colours: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Bring up to 40 colours to the 16 that fit into 4 bits: one by one, that whose loss is seen least goes."""
    if not 16 < len(colours) <= 40:
        return pixels, colours
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.float64)
    n_pixels = np.bincount(pixels.ravel(), minlength=len(colours)).astype(np.float64)
    distance = ((rgb[:, None] - rgb[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    stands_for = np.arange(len(colours))
    for _ in range(len(colours) - 16):
        lost = int((distance.min(axis=1) * n_pixels).argmin())
        nearest = int(distance[lost].argmin())
        stands_for[stands_for == lost] = nearest
        n_pixels[nearest] += n_pixels[lost]
        distance[lost], distance[:, lost], n_pixels[lost] = np.inf, np.inf, np.inf
    kept, index = np.unique(stands_for, return_inverse=True)
    return index.astype(np.uint8)[pixels], colours[kept]


def _rows(stored: NDArray[np.uint8], is_difference: NDArray[np.uint8]) -> bytes:
    """Put PNG's filter byte before each row: 2 for the difference from the row above, 0 for the row itself."""
    above = np.concatenate([np.zeros((1, stored.shape[1]), dtype=np.uint8), stored[:-1]])
    rows = stored - above * is_difference[:, None]
    return np.concatenate([2 * is_difference[:, None], rows], axis=1).tobytes()


def _tight_rows(pixels: NDArray[np.uint8], n_colours: int) -> tuple[int, bytes]:
    """Return the bits per pixel and the compressed rows of the shortest of several encodings."""
    found = []
    for n_bits in (8, 4) if n_colours <= 16 else (8,):
        even = np.pad(pixels, ((0, 0), (0, pixels.shape[1] % 2)))
        stored = pixels if n_bits == 8 else even[:, ::2] * np.uint8(16) + even[:, 1::2]
        above = np.concatenate([np.zeros((1, stored.shape[1]), dtype=np.uint8), stored[:-1]])
        n_changes = [np.count_nonzero(np.diff(rows, axis=1), axis=1) for rows in (stored, stored - above)]
        for choice in (np.zeros(len(stored)), n_changes[1] < n_changes[0]):
            packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
            found.append((n_bits, packer.compress(_rows(stored, choice.astype(np.uint8))) + packer.flush()))
    return min(found, key=lambda encoded: len(encoded[1]))


def _tick_step_s(duration_s: float, n_ticks: int) -> float:
    """Return the smallest round step that leaves at most `n_ticks` steps."""
    steps = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    return next((step for step in steps if duration_s / step <= n_ticks), duration_s / n_ticks)


def _clock(t_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{t_s:.2f}".removesuffix("0").removesuffix(".0") if t_s else "0 s"
    minutes, seconds = divmod(round(t_s), 60)
    return f"{minutes}:{seconds:02d}" if minutes or step_s >= 15 else f"{seconds} s"
