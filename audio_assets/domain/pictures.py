"""Small pictures of artifacts for an event's metadata: arrays and timelines in, PNG bytes out.

Nothing is read or written here. Each picture is a palette PNG, 640 pixels wide and at most `MAX_BYTES` long, whatever
is in it: an event with the picture in base64 stays below 8 KB. Detail is given up step by step until it fits. The
card is dark and opaque, so that it reads the same in a light and in a dark page.
- `waveform_picture`: a waveform with its words and phonemes.
- `mouth_picture`: mouth shapes and the jaw over time.
- `mix_picture`: the level of each role, and the ducking gain.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.ipa_text import Coverage, baseline_px, phoneme_text, plain_text
from audio_assets.domain.phonemes import VOWELS, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline, Word

MAX_BYTES = 3_000
WIDTH_PX = 640

Colour = tuple[int, int, int]

_CARD: Colour = (23, 27, 34)
_GRID: Colour = (44, 52, 64)
_TEXT: Colour = (232, 236, 242)
_MUTED: Colour = (146, 157, 172)
_WAVE: Colour = (79, 163, 255)
_CLIPPED: Colour = (255, 92, 92)
_WORD: Colour = (38, 62, 92)
_VOWEL: Colour = (122, 74, 24)
_CONSONANT: Colour = (62, 70, 84)
_GAIN: Colour = (255, 202, 87)
_ROLES: tuple[Colour, ...] = ((79, 163, 255), (88, 190, 125), (190, 130, 240), (240, 150, 80), (90, 200, 205))
SHAPE_COLOURS: dict[str, Colour] = {
    "A": (214, 84, 98), "B": (224, 145, 74), "C": (214, 186, 70), "D": (118, 186, 88), "E": (74, 178, 160),
    "F": (84, 150, 226), "G": (140, 124, 226), "H": (206, 118, 200), "X": (128, 138, 152),
}  # fmt: skip
"""The colour of each mouth shape, here and on the pages of the artifact server."""

SHAPE_OPENING: dict[str, float] = {
    "A": 0.0, "B": 0.15, "C": 0.5, "D": 1.0, "E": 0.55, "F": 0.25, "G": 0.1, "H": 0.5, "X": 0.0,
}  # fmt: skip
"""How far a shape opens the mouth, 0 to 1, where no jaw track says it."""


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is drawn: pixels per column of a curve, rows of labels, steps from no ink to full ink in text."""

    column_px: int
    n_label_rows: int
    n_ink_steps: int


# Soft text costs a third more than hard text, a second row of labels as much as the whole wave. The last draws no
# label and 40 columns: it fits whatever comes.
_DETAILS = (
    _Detail(1, 2, 3), _Detail(2, 2, 2), _Detail(2, 2, 1), _Detail(2, 1, 2), _Detail(4, 1, 1), _Detail(4, 0, 1),
    _Detail(16, 0, 1),
)  # fmt: skip
_MARGIN_PX = 4
_PLOT_PX = WIDTH_PX - 2 * _MARGIN_PX


def waveform_picture(pcm: NDArray[np.int16], sample_rate_hz: int, timeline: Timeline | None) -> bytes:
    """Draw the waveform of `pcm` (int16, mono), 640 x 132 pixels: words and phonemes below it, a time axis, the peak.

    The height of the wave is relative to its peak, which is printed. Clipped columns are red.
    """
    duration_s = max(len(pcm) / sample_rate_hz, 1e-3)
    words = timeline.words if timeline else ()
    phonemes = timeline.phonemes if timeline else ()

    def draw(detail: _Detail) -> bytes:
        card = _Card(132, duration_s, 118, detail)
        card.wave(4, 62, pcm)
        if detail.column_px < 16:
            card.blocks(65, 16, [(w, _WORD) for w in words])
            card.blocks(92, 14, [(p, _VOWEL if nearest_arpabet(p.phoneme) in VOWELS else _CONSONANT) for p in phonemes])
        if detail.n_label_rows:
            card.labels(64, 13, 12, [(w, plain_text(w.word, 12)) for w in words])
            card.labels(90, 13, 12, [(p, phoneme_text(p.phoneme, 12)) for p in phonemes])
        peak = int(np.abs(pcm.astype(np.int32)).max()) if len(pcm) else 0
        card.note(f"peak {20 * np.log10(peak / 32768):z.1f} dBFS" if peak else "silence")
        return card.png()

    return _fitting(draw)


def mouth_picture(shapes: Sequence[str], fps: float, *, jaw: Sequence[float] = ()) -> bytes:
    """Draw mouth shapes ("A" to "H", "X"), one per frame, as blocks under the mouth's opening; 640 x 104 pixels.

    `jaw` is 0 shut to 1 wide, one value per frame; without it the shapes' own opening is drawn.
    """
    opening = np.asarray(
        jaw if len(jaw) == len(shapes) else [SHAPE_OPENING.get(s, 0.0) for s in shapes], dtype=np.float64
    )
    runs = _runs(shapes, fps)

    def draw(detail: _Detail) -> bytes:
        card = _Card(104, max(len(shapes) / fps, 1e-3), 90, detail)
        card.opening(4, 56, opening)
        if detail.column_px < 16:
            card.blocks(64, 20, [(run, SHAPE_COLOURS.get(run.word, _GRID)) for run in runs])
        if detail.n_label_rows:
            card.labels(65, 13, 13, [(run, plain_text(run.word, 13)) for run in runs], within=True, ink=_CARD)
        return card.png()

    return _fitting(draw)


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

    def draw(detail: _Detail) -> bytes:
        n_lanes = len(shown) + (1 if len(ducking) else 0)
        card = _Card(20 + max(1, n_lanes) * lane_px, max(duration_s, 1e-3), 6 + max(1, n_lanes) * lane_px, detail)
        for number, (role, levels) in enumerate(shown):
            top = 4 + number * lane_px
            card.area(top, lane_px - 4, (_columns(levels, detail.column_px, np.max) + 60) / 60, _ROLES[number])
            card.text(_MARGIN_PX + 2, top - 2, plain_text(role[:24], 11), _TEXT)
        if len(ducking):
            top = 4 + len(shown) * lane_px
            gain = _columns(ducking, detail.column_px, np.min)
            card.line(top + 2, lane_px - 8, -gain / 24, _GAIN)
            label = plain_text(f"ducking, down to {gain.min():.1f} dB", 11)
            card.text(_MARGIN_PX + 2, top + lane_px - 20, label, _GAIN)
        more = len(lanes) - len(shown)
        if more:
            card.note(f"{more} more roles")
        return card.png()

    return _fitting(draw)


def _fitting(draw: Callable[[_Detail], bytes]) -> bytes:
    """Return the most detailed drawing that keeps to `MAX_BYTES`."""
    picture = b""
    for detail in _DETAILS:
        picture = draw(detail)
        if len(picture) <= MAX_BYTES:
            break
    return picture


def _runs(shapes: Sequence[str], fps: float) -> list[Word]:
    """Join equal neighbours as one span each."""
    runs: list[Word] = []
    at = 0
    for shape, frames in groupby(shapes):
        n_frames = sum(1 for _ in frames)
        runs.append(Word(shape, at / fps, (at + n_frames) / fps))
        at += n_frames
    return runs


def _columns(
    values: NDArray[np.float64], column_px: int, reduce: Callable[..., NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Bring `values` to one per column of the plot; what is not finite is the lowest level."""
    n = _PLOT_PX // column_px
    if not len(values):
        return np.full(n, -np.inf)
    finite = np.nan_to_num(values, nan=-200.0, neginf=-200.0, posinf=0.0)
    edges = np.linspace(0, len(finite), n + 1)
    return np.array([reduce(finite[int(a) : max(int(a) + 1, int(b))]) for a, b in pairwise(edges)])


class _Card:
    """A dark card with a time axis; everything is placed by pixel rows from the top and by seconds."""

    def __init__(self, height_px: int, duration_s: float, axis_y: int, detail: _Detail) -> None:
        self._rgb = np.empty((height_px, WIDTH_PX, 3), dtype=np.uint8)
        self._rgb[:] = _CARD
        self._duration_s = duration_s
        self._detail = detail
        self._axis(axis_y)

    def _x(self, t_s: float) -> int:
        return _MARGIN_PX + round(min(max(t_s / self._duration_s, 0.0), 1.0) * _PLOT_PX)

    def _axis(self, y: int) -> None:
        step_s = _tick_step_s(self._duration_s)
        for number in range(int(self._duration_s / step_s) + 1):
            x = self._x(number * step_s)
            self._rgb[2:y, min(x, WIDTH_PX - 1)] = _GRID
            label = plain_text(_clock(number * step_s, step_s), 10)
            if x + label.shape[1] + 2 < WIDTH_PX:
                self.text(x + 1, y - 1, label, _MUTED)

    def text(self, x: int, y: int, coverage: Coverage, ink: Colour) -> None:
        """Draw text with its top left corner at (x, y), cut at the card's edges."""
        field = self._rgb[max(0, y) : y + coverage.shape[0], x : x + coverage.shape[1]]
        coverage = coverage[max(0, -y) :][: field.shape[0], : field.shape[1]]
        n_steps = self._detail.n_ink_steps
        share = (np.round(coverage / 255 * n_steps + 0.1) / n_steps)[:, :, None]
        field[:] = np.round(field * (1 - share) + np.array(ink) * share).astype(np.uint8)

    def note(self, text: str) -> None:
        """Draw a short remark in the upper right corner."""
        label = plain_text(text, 10)
        self.text(WIDTH_PX - label.shape[1] - 4, -1, label, _MUTED)

    def wave(self, top: int, height: int, pcm: NDArray[np.int16]) -> None:
        """Draw the highest and lowest sample of each column, relative to the loudest."""
        middle = top + height // 2
        self._rgb[middle, _MARGIN_PX:-_MARGIN_PX] = _WAVE
        column_px = self._detail.column_px
        n = _PLOT_PX // column_px
        if not len(pcm):
            return
        scale = (height // 2) / max(1, int(np.abs(pcm.astype(np.int32)).max()))
        edges = np.linspace(0, len(pcm), n + 1).astype(int)
        for column in range(n):
            part = pcm[edges[column] : max(edges[column] + 1, edges[column + 1])].astype(np.int32)
            if not len(part):
                continue
            low, high = int(part.min()), int(part.max())
            colour = _CLIPPED if high >= 32767 or low <= -32768 else _WAVE
            x = _MARGIN_PX + column * column_px
            self._rgb[
                middle - round(max(high, 0) * scale) : middle + round(max(-low, 0) * scale) + 1, x : x + column_px
            ] = colour

    def opening(self, top: int, height: int, opening: NDArray[np.float64]) -> None:
        """Draw the gap between the lips over time, as a band about a middle line."""
        middle = top + height // 2
        self._rgb[middle, _MARGIN_PX:-_MARGIN_PX] = SHAPE_COLOURS["A"]
        if not len(opening):
            return
        column_px = self._detail.column_px
        for column, value in enumerate(_columns(opening, column_px, np.max)):
            half = round(min(max(float(value), 0.0), 1.0) * height / 2)
            x = _MARGIN_PX + column * column_px
            self._rgb[middle - half : middle + half + 1, x : x + column_px] = SHAPE_COLOURS["A"]

    def area(self, top: int, height: int, shares: NDArray[np.float64], colour: Colour) -> None:
        """Draw columns that rise from the bottom of a lane by their share of its height."""
        column_px = self._detail.column_px
        for column, share in enumerate(shares):
            rise = round(min(max(float(share), 0.0), 1.0) * height)
            x = _MARGIN_PX + column * column_px
            self._rgb[top + height - rise : top + height, x : x + column_px] = colour
        self._rgb[top + height, _MARGIN_PX:-_MARGIN_PX] = _GRID

    def line(self, top: int, height: int, shares: NDArray[np.float64], colour: Colour) -> None:
        """Draw a stepped line, two pixels thick, that hangs from the top of a lane by its share of the height."""
        column_px = self._detail.column_px
        before = None
        for column, share in enumerate(shares):
            y = top + round(min(max(float(share), 0.0), 1.0) * height)
            x = _MARGIN_PX + column * column_px
            first, last = (y, y) if before is None else (min(y, before), max(y, before))
            self._rgb[y : y + 2, x : x + column_px] = colour
            self._rgb[first : last + 2, x : x + 1] = colour
            before = y

    def blocks(self, top: int, height: int, spans: Iterable[tuple[Phone | Word, Colour]]) -> None:
        """Draw a box for each span, a pixel apart where there is room."""
        for span, colour in spans:
            left, right = self._x(span.t_start), self._x(span.t_end)
            gap = 1 if right - left > 3 else 0
            self._rgb[top : top + height, left : max(left + 1, right - gap)] = colour

    def labels(
        self,
        top: int,
        row_px: int,
        size_px: int,
        labels: Sequence[tuple[Phone | Word, Coverage]],
        *,
        within: bool = False,
        ink: Colour = _TEXT,
    ) -> None:
        """Draw a label at each span's start, in the first row with room for it; one without room is left out.

        With `within` a label is centred in its span and left out where it is wider.
        """
        n_rows = 1 if within else self._detail.n_label_rows
        free_from = [0] * n_rows
        for span, coverage in labels:
            left, right, width = self._x(span.t_start), self._x(span.t_end), coverage.shape[1]
            x = left + max(1, (right - left - width) // 2)
            row = next((r for r in range(n_rows) if free_from[r] <= x), None)
            if row is None or x + width > WIDTH_PX or (within and width > right - left):
                continue
            self.text(x, top + row * row_px - (baseline_px(size_px) - size_px), coverage, ink)
            free_from[row] = x + width + 1

    def png(self) -> bytes:
        """Return the card as a palette PNG."""
        packed = (self._rgb.astype(np.uint32) << np.array([16, 8, 0], dtype=np.uint32)).sum(axis=2, dtype=np.uint32)
        colours, pixels = np.unique(packed, return_inverse=True)
        return _palette_png(pixels.reshape(packed.shape).astype(np.uint8), colours)


def _palette_png(pixels: NDArray[np.uint8], colours: NDArray[np.uint32]) -> bytes:
    """Encode `pixels` (height, width) index `colours` (0xRRGGBB, at most 256)."""
    if len(colours) > 256:
        raise ValueError(f"a palette holds 256 colours, not {len(colours)}")
    height, width = pixels.shape
    palette = b"".join(int(colour).to_bytes(3, "big") for colour in colours)
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), pixels], axis=1).tobytes()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def _tick_step_s(duration_s: float) -> float:
    """Return the smallest round step that leaves at most 12 ticks."""
    steps = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    return next((step for step in steps if duration_s / step <= 12), duration_s / 12)


def _clock(t_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{t_s:.2f}".removesuffix("0").removesuffix(".0") if t_s else "0 s"
    minutes, seconds = divmod(round(t_s), 60)
    return f"{minutes}:{seconds:02d}" if minutes or step_s >= 15 else f"{seconds} s"
