"""Karaoke on the frames of a film: the line that is sung, filled as it is sung, and the next one dim below it.

What stands when is decided in `cues.py`, how letters look in `letters.py`; here they are placed, coloured and laid over
a frame. Nothing is drawn outside of the margins that players, phones and the apps of upright video leave free.

A cue is drawn once, when it is first needed, and then laid over every frame of it. A painter can be sent to another
process; it takes no drawings with it. The same cues give the same pixels.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import lettering
from audio_assets.domain.subtitles.cues import Cue, CueWord, pieces_of
from audio_assets.domain.subtitles.letters import EDGE_PX, Letters, is_right_to_left, letters_of, visual_order

Picture = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class KaraokeStyle:
    """How it looks. Colours are RGB, `size` is a share of the shorter side, `font_file` "" is the built-in font."""

    sung: Colour = (255, 206, 64)
    unsung: Colour = (255, 255, 255)
    outline: Colour = (14, 14, 20)
    size: float = 0.068
    shows_next: bool = True
    font_file: str = ""


STYLE = KaraokeStyle()

_LINE, _NEXT_LINE = 1.28, 0.70
"""Sizes from one row to the next; the size of the next line beside that of the sung one."""
_NEXT_OPACITY, _NEXT_LIGHT, _SHADOW_OPACITY = 0.9, 0.7, 0.55
_NEXT_WITHIN_MS = 4000
"""How soon the next line has to begin to be shown."""
_FADE_MS = 160
"""How long a line comes and goes where none stands before or after it."""
_LEAST_SHRINK = 0.5
_MOST_ROWS, _NEXT_ROWS, _NEXT_ROWS_UPRIGHT = 3, 1, 2
_SIDES, _FOOT = 0.06, 0.055
# Apps for upright video lay buttons over the right eighth and text over the lowest quarter.
_SIDES_UPRIGHT, _FOOT_UPRIGHT = 0.13, 0.25
_UPRIGHT_FROM = 1.2  # height over width
_KEPT_CUES = 4


@dataclass(frozen=True, slots=True)
class _Span:
    """The columns `[left, right)` of a row that belong to a word."""

    left: int
    right: int
    word: CueWord
    from_right: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A drawn row at column `x`, row `y`. Of a pixel underneath `keep` / 256 stay; `sung` / 256 or `unsung` / 256 come
    on top. Arrays are uint16, shape (rows, columns, 3).
    """  # noqa: D205

    x: int
    y: int
    keep: NDArray[np.uint16]
    unsung: NDArray[np.uint16]
    sung: NDArray[np.uint16]
    spans: tuple[_Span, ...]


class KaraokePainter:
    """Paints the cues of a film of `width` x `height` pixels at `frame_rate`.

    Raises:
        FontError: the font of the style can not be used.
    """

    def __init__(
        self, cues: Sequence[Cue], width: int, height: int, frame_rate: Fraction, style: KaraokeStyle = STYLE
    ) -> None:
        self._cues = tuple(cues)
        self._width, self._height = width, height
        self._rate = frame_rate
        self._style = style
        frames = [cue.frames(frame_rate) for cue in self._cues]
        self._firsts = [first for first, _ in frames]
        self._ends = [end for _, end in frames]
        self._letters: Letters = letters_of(style.font_file)
        is_upright = height > _UPRIGHT_FROM * width
        self._sides = _SIDES_UPRIGHT if is_upright else _SIDES
        self._size_px = max(8, round(style.size * min(width, height)))
        self._next_rows = (_NEXT_ROWS_UPRIGHT if is_upright else _NEXT_ROWS) if style.shows_next else 0
        below_px = self._next_rows * self._size_px * _NEXT_LINE * _LINE
        self._foot_y = round(height * (1 - (_FOOT_UPRIGHT if is_upright else _FOOT)) - below_px)
        self._drawn: dict[tuple[int, bool], tuple[_Row, ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_drawn": {}}

    @property
    def missing_text(self) -> tuple[str, ...]:
        """The letters of the cues that the font lacks and that are not shown, each once; () for none."""
        texts = (word.text for cue in self._cues for word in cue.words)
        return tuple(dict.fromkeys(letter for text in texts for letter in self._letters.drawable(text).missing))

    def paint(self, picture: Picture, frame: int) -> None:
        """Lay what is shown on frame number `frame` of the film over `picture`, in place.

        Raises:
            ValueError: the picture has another size than the film.
        """
        index = bisect_right(self._firsts, frame) - 1
        if index < 0 or frame >= self._ends[index]:
            return
        if picture.shape != (self._height, self._width, 3):
            raise ValueError(f"a picture of shape {picture.shape} is no frame of {self._width} x {self._height} pixels")
        time_ms = float(1000 * frame / self._rate)
        opacity = self._opacity(index, time_ms)
        for row in self._rows(index, is_next=False):
            _lay(picture, row, time_ms, opacity)
        if self._shows_next(index):
            for row in self._rows(index + 1, is_next=True):
                _lay(picture, row, -math.inf, opacity)

    def _opacity(self, index: int, time_ms: float) -> float:
        """A line that nothing stands before comes in, one that nothing follows goes out."""
        cue = self._cues[index]
        comes = index == 0 or self._ends[index - 1] < self._firsts[index]
        goes = index + 1 == len(self._cues) or self._ends[index] < self._firsts[index + 1]
        since_ms = time_ms - cue.start_ms + 1000 / float(self._rate)
        until_ms = cue.end_ms - time_ms
        return min(1.0, since_ms / _FADE_MS if comes else 1.0, until_ms / _FADE_MS if goes else 1.0)

    def _shows_next(self, index: int) -> bool:
        if not self._next_rows or index + 1 >= len(self._cues):
            return False
        return self._cues[index + 1].start_ms - self._cues[index].end_ms <= _NEXT_WITHIN_MS

    # --- drawing, once per cue -------------------------------------------------------------------------------------

    def _rows(self, index: int, *, is_next: bool) -> tuple[_Row, ...]:
        key = (index, is_next)
        if key not in self._drawn:
            while len(self._drawn) >= 2 * _KEPT_CUES:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[key] = tuple(self._next(index) if is_next else self._current(index))
        return self._drawn[key]

    def _current(self, index: int) -> Iterator[_Row]:
        """The rows of a cue above its foot line; smaller where it would be too high or a word too wide."""
        words = self._set_words(self._cues[index])
        rows, size_px = self._fitted(words, self._size_px, _MOST_ROWS)
        for place, row in enumerate(rows):
            middle_y = self._foot_y - (len(rows) - place - 0.5) * size_px * _LINE
            yield self._drawn_row(row, size_px, middle_y)

    def _next(self, index: int) -> Iterator[_Row]:
        """The beginning of the next cue below the foot line, with an ellipsis where there is more."""
        words = self._set_words(self._cues[index])
        rows, size_px = self._fitted(words, round(self._size_px * _NEXT_LINE), math.inf)
        shown = rows[: self._next_rows]
        if len(rows) > len(shown) and shown:
            shown[-1] = [*shown[-1], CueWord("...", 0, 0, is_glued=True)]
        for place, row in enumerate(shown):
            yield self._drawn_row(row, size_px, self._foot_y + (place + 0.6) * size_px * _LINE, is_next=True)

    def _set_words(self, cue: Cue) -> list[CueWord]:
        """The words with what the font has of them."""
        set_words = [
            CueWord(self._letters.drawable(w.text).text, w.start_ms, w.end_ms, w.is_guessed, w.is_glued)
            for w in cue.words
        ]
        return [word for word in set_words if word.text]

    def _fitted(self, words: Sequence[CueWord], size_px: int, most_rows: float) -> tuple[list[list[CueWord]], int]:
        """Rows within the margins, and the size at which they are; a word that no row holds is cut."""
        width = self._width * (1 - 2 * self._sides)
        words = [piece for word in words for piece in self._pieces(word, size_px, width)]
        least = max(6, round(size_px * _LEAST_SHRINK))
        while True:
            rows = self._wrapped(words, size_px, width)
            fits = len(rows) <= most_rows and all(self._width_of(row, size_px) <= width for row in rows)
            if fits or size_px <= least:
                return rows, size_px
            size_px = max(least, round(size_px * 0.92))

    def _pieces(self, word: CueWord, size_px: int, width: float) -> Iterator[CueWord]:
        letters = len(word.text)
        while letters > 1 and any(
            self._letters.advance_px(piece.text, size_px) > width for piece in pieces_of(word, letters)
        ):
            letters -= max(1, letters // 8)
        return pieces_of(word, letters)

    def _wrapped(self, words: Sequence[CueWord], size_px: int, width: float) -> list[list[CueWord]]:
        """As few rows as go into `width`, of about the same length."""
        if not words:
            return []
        n_rows = len(self._filled(words, size_px, width))
        narrow, wide = 0.0, width
        while wide - narrow > size_px / 4:
            middle = (narrow + wide) / 2
            if len(self._filled(words, size_px, middle)) > n_rows:
                narrow = middle
            else:
                wide = middle
        return self._filled(words, size_px, wide)

    def _filled(self, words: Sequence[CueWord], size_px: int, width: float) -> list[list[CueWord]]:
        rows: list[list[CueWord]] = [[]]
        for word in words:
            if rows[-1] and self._width_of([*rows[-1], word], size_px) > width:
                rows.append([])
            rows[-1].append(word)
        return rows

    def _width_of(self, row: Sequence[CueWord], size_px: int) -> int:
        blanks = sum(not word.is_glued for word in row[1:])
        return sum(self._letters.advance_px(w.text, size_px) for w in row) + blanks * self._letters.blank_px(size_px)

    def _drawn_row(self, row: Sequence[CueWord], size_px: int, middle_y: float, *, is_next: bool = False) -> _Row:
        border = max(2, round(size_px / 13))
        pad = 3 * border
        blank = self._letters.blank_px(size_px)
        width = self._width_of(row, size_px)
        ink = np.zeros((round(size_px * lettering.HEIGHT_SIZES) + 2 * pad, width + 2 * pad + size_px), np.uint8)
        spans: list[_Span] = []
        at, before = pad, -1
        for number in visual_order([word.text for word in row]):
            word = row[number]
            is_glued = abs(number - before) == 1 and row[max(number, before)].is_glued
            at += 0 if before < 0 or is_glued else blank
            before = number
            _stamp(ink, self._letters.ink(word.text, size_px), at, pad)
            right = at + self._letters.advance_px(word.text, size_px)
            spans.append(_Span(at, right, word, bool(is_right_to_left(word.text))))
            at = right
        ink = ink[:, : width + 2 * pad]
        x = round((self._width - ink.shape[1]) / 2)
        y = round(middle_y - pad - lettering.baseline_px(size_px) + size_px * 0.36)
        return self._coloured(ink, spans, x, y, border, is_next=is_next)

    def _coloured(
        self, ink: NDArray[np.uint8], spans: Sequence[_Span], x: int, y: int, border: int, *, is_next: bool
    ) -> _Row:
        """Ink over its outline over a soft shadow, cut to the picture."""
        opacity, light = (_NEXT_OPACITY, _NEXT_LIGHT) if is_next else (1.0, 1.0)
        left, top = max(0, -x), max(0, -y)
        right, bottom = min(ink.shape[1], self._width - x), min(ink.shape[0], self._height - y)
        grown = lettering.outline(ink, border)[border:-border, border:-border]
        soft = cv2.GaussianBlur(grown, (0, 0), border)
        fill, rim, shadow = (
            layer[top:bottom, left:right, None].astype(np.float32) / 255 * share * opacity
            for layer, share in ((ink, 1.0), (grown, 1.0), (soft, _SHADOW_OPACITY))
        )
        under = (1 - fill) * rim * np.array(self._style.outline, np.float32)
        keep = (1 - fill) * (1 - rim) * (1 - shadow)

        def over(colour: Colour) -> NDArray[np.uint16]:
            return _sixteen(fill * np.array(colour, np.float32) * light + under)

        return _Row(
            x=x + left,
            y=y + top,
            keep=np.ascontiguousarray(np.repeat(_sixteen(keep), 3, axis=2)),
            unsung=over(self._style.unsung),
            sung=over(self._style.sung),
            spans=_touching(spans, left, right),
        )


def _touching(spans: Sequence[_Span], left: int, right: int) -> tuple[_Span, ...]:
    """The spans as columns of the cut row without gaps: each reaches half-way to the next."""
    edges = [left, *((a.right + b.left) // 2 for a, b in pairwise(spans)), right]
    return tuple(
        _Span(max(edges[i], left) - left, min(edges[i + 1], right) - left, span.word, span.from_right)
        for i, span in enumerate(spans)
    )


def _stamp(canvas: NDArray[np.uint8], ink: NDArray[np.uint8], x: int, y: int) -> None:
    """Lay a word's ink on a row; its origin comes to column `x`."""
    x -= EDGE_PX
    part = canvas[y : y + ink.shape[0], max(0, x) : x + ink.shape[1]]
    np.maximum(part, ink[:, max(0, -x) : max(0, -x) + part.shape[1]], out=part)


def _sixteen(values: NDArray[np.floating]) -> NDArray[np.uint16]:
    return np.asarray(np.floor(values * 256 + 0.5), np.uint16)


# --- laying over a frame -------------------------------------------------------------------------------------------


def _lay(picture: Picture, row: _Row, time_ms: float, opacity: float) -> None:
    """Lay a row over a picture; words are sung up to `time_ms`."""
    height, width = row.keep.shape[:2]
    under = picture[row.y : row.y + height, row.x : row.x + width]
    keep = row.keep
    over = row.unsung.copy()
    for left, right in _sung_columns(row.spans, time_ms):
        over[:, left:right] = row.sung[:, left:right]
    if opacity < 1:
        share = np.uint32(max(0.0, opacity) * 256)
        over = (over * share >> 8).astype(np.uint16)  # down, and what is kept down too: the sum stays in 16 bits
        keep = (256 - ((256 - keep) * share + 255 >> 8)).astype(np.uint16)
    mixed = np.multiply(under, keep, dtype=np.uint16)
    mixed += over
    mixed >>= 8
    under[:] = mixed


def _sung_columns(spans: Sequence[_Span], time_ms: float) -> Iterator[tuple[int, int]]:
    for span in spans:
        lasts_ms = span.word.end_ms - span.word.start_ms
        since_ms = time_ms - span.word.start_ms
        if since_ms < 0 or (since_ms == 0 and lasts_ms > 0):
            continue
        share = 1.0 if since_ms >= lasts_ms else since_ms / lasts_ms
        columns = round(share * (span.right - span.left))
        yield (span.right - columns, span.right) if span.from_right else (span.left, span.left + columns)
