"""Words as ink for burned subtitles, and the order in which they stand in a row.

Two fonts: the one of `domain/lettering.py` (Latin, Greek, Cyrillic, Chinese, Japanese, Korean; no shaping, nothing that
runs from the right), and any font file, which is shaped as far as Pillow's Raqm goes: joined Arabic letters, marks on
letters, ligatures. Neither draws colour emoji. Right-to-left is ordered by whole words: a row whose first word runs
from the right does so too, and runs of the other direction keep theirs; figures and marks go with the word before.
- `letters_of`: the font to use.
- `visual_order`: which word stands where, from the left.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from audio_assets.domain import lettering
from audio_assets.domain.lettering import Drawable

Ink = NDArray[np.uint8]
"""Shape (rows, columns), 0 no ink to 255 full ink; `Letters.height_px` rows, letters stand on the same one."""

EDGE_PX = 4
"""Columns of an ink left of a word's origin, for letters that reach back over it; as many as in `lettering`."""


class FontError(ValueError):
    """A font can not be used; the message says which and what to do."""


class Letters(Protocol):
    """What a painter asks of a font."""

    def drawable(self, text: str) -> Drawable:
        """What of a text the font has, and what it lacks."""

    def ink(self, text: str, size_px: int) -> Ink:
        """A word, its origin `EDGE_PX` from the left."""

    def advance_px(self, text: str, size_px: int) -> int:
        """How wide a word is set."""

    def blank_px(self, size_px: int) -> int:
        """How wide the blank between words is."""


def letters_of(font_file: str) -> Letters:
    """Return the font of a file, the built-in one for "".

    Raises:
        FontError: the file is no font.
    """
    return FileLetters(font_file) if font_file else BuiltInLetters()


class BuiltInLetters:
    """The font of `lettering`, bold."""

    def drawable(self, text: str) -> Drawable:  # noqa: D102 - as in Letters
        return lettering.drawable(text)

    def ink(self, text: str, size_px: int) -> Ink:  # noqa: D102
        return lettering.coverage(text, size_px, lettering.BOLD)

    def advance_px(self, text: str, size_px: int) -> int:  # noqa: D102
        return lettering.advance_px(text, size_px, lettering.BOLD)

    def blank_px(self, size_px: int) -> int:  # noqa: D102
        return lettering.blank_px(size_px, lettering.BOLD)


class FileLetters:
    """A font of the user's, shaped by Raqm where Pillow has it."""

    def __init__(self, font_file: str) -> None:
        self._file = font_file
        _font(font_file, 24)

    def drawable(self, text: str) -> Drawable:  # noqa: D102 - as in Letters
        composed = unicodedata.normalize("NFC", text)
        missing = dict.fromkeys(c for c in composed if not c.isspace() and not _is_set(self._file, c))
        kept = "".join(c for c in composed if c not in missing)
        return Drawable(" ".join(kept.split()), tuple(missing))

    def ink(self, text: str, size_px: int) -> Ink:  # noqa: D102
        width = self.advance_px(text, size_px) + 2 * EDGE_PX + size_px // 2
        canvas = Image.new("L", (width, round(size_px * lettering.HEIGHT_SIZES)))
        origin = (EDGE_PX, lettering.baseline_px(size_px))
        ImageDraw.Draw(canvas).text(origin, text, 255, _font(self._file, size_px), anchor="ls")
        return np.asarray(canvas, np.uint8)

    def advance_px(self, text: str, size_px: int) -> int:  # noqa: D102
        return round(_font(self._file, size_px).getlength(text))

    def blank_px(self, size_px: int) -> int:  # noqa: D102
        return self.advance_px(" ", size_px)


@lru_cache(maxsize=8)
def _font(font_file: str, size_px: int) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(font_file, size_px)
    except (OSError, UnidentifiedImageError) as error:
        raise FontError(f"{font_file} can not be read as a font ({error}): name a .ttf or .otf file") from error


@lru_cache(maxsize=4096)
def _is_set(font_file: str, letter: str) -> bool:
    """Whether a font has a letter: what it lacks it draws as it draws a code point that is none."""
    if unicodedata.category(letter) == "Cf":  # joiners and marks of direction shape their neighbours
        return True
    font = _font(font_file, 24)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffe")) or letter == "\U0010fffe"


# --- order ---------------------------------------------------------------------------------------------------------


def is_right_to_left(text: str) -> bool | None:
    """Return whether a word runs from the right, by its first letter; None for figures and marks, which run with it."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    strong = next((kind for kind in kinds if kind in ("L", "R", "AL")), None)
    return None if strong is None else strong != "L"


def visual_order(texts: Sequence[str]) -> list[int]:
    """Return the places of words in a row from left to right."""
    found = [is_right_to_left(text) for text in texts]
    base = next((direction for direction in found if direction is not None), False)
    directions: list[bool] = []
    for direction in found:
        directions.append((directions[-1] if directions else base) if direction is None else direction)
    runs: list[list[int]] = []
    for place, direction in enumerate(directions):
        if runs and directions[runs[-1][0]] == direction:
            runs[-1].append(place)
        else:
            runs.append([place])
    ordered = reversed(runs) if base else runs
    return [place for run in ordered for place in (reversed(run) if directions[run[0]] else run)]
