"""Lettering for moving pictures: words as coverage, their widths, lines broken to a width.

The font is the one that is built into OpenCV (Rubik for Latin, Greek and Cyrillic, a CJK font behind it), as in
`ipa_text`, for it comes with a wheel and has every letter that a song in a European or East Asian language needs;
Pillow's own font ends at ASCII. Scripts that need shaping or run from the right are not set: ask `drawable` first.
Where text stands, and in which colours, is not known here.
- `drawable`: what of a text can be set, and what can not.
- `coverage`: a text as ink, uint8, 0 nothing to 255 full.
- `advance_px`: its width without drawing it again.
- `wrapped`: a text in lines of at most a width.
- `outline`: a coverage grown by a border, for text that has to be read on any ground.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.uint8]
"""Shape (rows, columns), 0 no ink to 255 full ink."""

LIGHT, REGULAR, BOLD = 300, 400, 700
"""Weights of the font."""

HEIGHT_SIZES = 1.5
"""How high a coverage is, in sizes."""

_BLANK = " \t\n\u00a0"
_SAME_AS = {"\u00a0": " ", "\u2019": "'", "\u2011": "-", "\u00ad": "", "\t": " ", "\n": " ", "\r": " "}
_LEFT_PX = 4  # letters such as j begin left of their origin


@dataclass(frozen=True, slots=True)
class Drawable:
    """`text` without the letters that the font lacks; `missing` are those, each once, in order of appearance."""

    text: str
    missing: tuple[str, ...] = ()


def drawable(text: str) -> Drawable:
    """What of `text` can be set. Blanks are single, and decorations of one letter (emoji, joiners) are left out too."""
    composed = unicodedata.normalize("NFC", text)
    plain = [_SAME_AS.get(letter, letter) for letter in composed]
    missing = dict.fromkeys(letter for letter in plain if letter and not _is_set(letter))
    kept = "".join(letter for letter in plain if letter not in missing)
    return Drawable(" ".join(kept.split()), tuple(missing))


def baseline_px(size_px: int) -> int:
    """The row of a coverage on which letters stand."""
    return round(size_px * 1.1)


@lru_cache(maxsize=1024)
def coverage(text: str, size_px: int, weight: int = REGULAR) -> Coverage:
    """`text` in ink, round(1.5 sizes) rows high, as wide as its advance and the 4 pixels left of it.

    The array is read-only: it is shared by all who ask for the same.
    """
    canvas = np.zeros((round(size_px * HEIGHT_SIZES), 4 * _LEFT_PX + 2 * size_px * max(1, len(text))), np.uint8)
    end, _ = cv2.putText(canvas, text, (_LEFT_PX, baseline_px(size_px)), 255, _font(), size_px, weight)
    ink = np.ascontiguousarray(canvas[:, : max(_LEFT_PX + 1, end[0] + 1)])
    ink.flags.writeable = False
    return ink


def advance_px(text: str, size_px: int, weight: int = REGULAR) -> int:
    """How far the next word's origin lies from this one's, without the blank between them."""
    return coverage(text, size_px, weight).shape[1] - _LEFT_PX - 1 if text else 0


def wrapped(text: str, width_px: int, size_px: int, weight: int = REGULAR) -> tuple[str, ...]:
    """`text` in lines of at most `width_px`, broken at blanks, lines about equally long; a long word stands alone."""
    words = text.split()
    if not words:
        return ()
    widths = [advance_px(word, size_px, weight) for word in words]
    blank = blank_px(size_px, weight)
    n_lines = len(_filled(words, widths, blank, width_px))
    shortest, longest = max(widths), width_px
    while longest - shortest > size_px:  # the narrowest column that needs no line more
        middle = (shortest + longest) // 2
        if len(_filled(words, widths, blank, middle)) > n_lines:
            shortest = middle
        else:
            longest = middle
    return tuple(" ".join(line) for line in _filled(words, widths, blank, longest))


def blank_px(size_px: int, weight: int = REGULAR) -> int:
    """The width of the blank between two words."""
    return advance_px("n n", size_px, weight) - advance_px("nn", size_px, weight)


def outline(ink: Coverage, border_px: int) -> Coverage:
    """`ink` grown by `border_px` on all sides, and the array with it by that much."""
    wide = cv2.copyMakeBorder(ink, border_px, border_px, border_px, border_px, cv2.BORDER_CONSTANT, value=0)
    size = 2 * border_px + 1
    grown = cv2.dilate(wide, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.asarray(grown, np.uint8)


def _filled(words: Iterable[str], widths: Iterable[int], blank: int, width_px: int) -> list[list[str]]:
    lines: list[list[str]] = []
    used = 0
    for word, width in zip(words, widths, strict=True):
        if lines and used + blank + width <= width_px:
            lines[-1].append(word)
            used += blank + width
        else:
            lines.append([word])
            used = width
    return lines


@lru_cache(maxsize=4096)
def _is_set(letter: str) -> bool:
    """Whether the font has it: what it lacks it draws as its question mark."""
    if letter in _BLANK or letter == "?":
        return True
    if unicodedata.category(letter)[0] in "CM" or unicodedata.bidirectional(letter) in ("R", "AL", "AN"):
        return False
    return not np.array_equal(coverage(letter, 24), coverage("?", 24))


@lru_cache(maxsize=1)
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")
