"""Small text with IPA in it, drawn into arrays: OpenCV's built-in font has Latin, Greek, Cyrillic and CJK, but no IPA.

Most IPA letters were made by turning type, and so they are here: a schwa is an e upside down, an open o a c. What no
turned letter gives is a few strokes. Where a symbol can not be drawn its ARPAbet name stands for it.
Arrays are coverage, uint8, 0 nothing to 255 full ink, shape (1.5 sizes, width), with the baseline at `baseline_px`.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.phonemes import nearest_arpabet

Coverage = NDArray[np.uint8]
Way = Literal["as is", "turned", "mirrored", "flipped", "lowered"]

# symbol -> (letters of the font, how they stand, their height in sizes of the text)
_LETTERS: dict[str, tuple[str, Way, float]] = {
    "ɑ": ("α", "as is", 1.0), "ɒ": ("α", "turned", 1.0), "ɐ": ("a", "turned", 1.0), "ə": ("e", "turned", 1.0),
    "ɘ": ("e", "mirrored", 1.0), "ɛ": ("ε", "as is", 1.0), "ɜ": ("ε", "mirrored", 1.0), "ɔ": ("c", "turned", 1.0),
    "ʌ": ("v", "turned", 1.0), "ʊ": ("Ω", "turned", 0.78), "ɯ": ("m", "turned", 1.0), "ɵ": ("ө", "as is", 1.0),
    "ʏ": ("Y", "as is", 0.78), "ɤ": ("γ", "as is", 0.9), "ʋ": ("υ", "as is", 1.0), "ʍ": ("w", "turned", 1.0),
    "ɡ": ("g", "as is", 1.0), "ɹ": ("r", "turned", 1.0), "ʁ": ("R", "flipped", 0.78), "ʀ": ("R", "as is", 0.78),
    "ʃ": ("∫", "as is", 1.0), "ʒ": ("з", "lowered", 1.0), "θ": ("θ", "as is", 1.0), "β": ("β", "as is", 1.0),
    "χ": ("χ", "as is", 1.0), "ɸ": ("φ", "as is", 1.0), "ɣ": ("γ", "as is", 1.0), "ɲ": ("ŋ", "mirrored", 1.0),
    "ɴ": ("N", "as is", 0.78), "ɢ": ("G", "as is", 0.78), "ʎ": ("λ", "as is", 1.0), "ɥ": ("h", "turned", 1.0),
    "ɫ": ("ł", "as is", 1.0), "ʤ": ("dз", "as is", 1.0), "ʦ": ("ts", "as is", 1.0), "ʧ": ("t∫", "as is", 1.0),
    "ʣ": ("dz", "as is", 1.0),
}  # fmt: skip

# Lines in units of the x-height: x to the right, y up from the baseline.
_Stroke = tuple[tuple[float, float], ...]
_STROKES: dict[str, tuple[_Stroke, ...]] = {
    "ɪ": (((0.0, 0.0), (0.6, 0.0)), ((0.3, 0.0), (0.3, 1.0)), ((0.0, 1.0), (0.6, 1.0))),
    "ᵻ": (
        ((0.0, 0.0), (0.6, 0.0)), ((0.3, 0.0), (0.3, 1.0)), ((0.0, 1.0), (0.6, 1.0)), ((-0.05, 0.5), (0.65, 0.5)),
    ),
    "ɨ": (((0.3, 0.0), (0.3, 1.0)), ((0.0, 0.5), (0.6, 0.5)), ((0.3, 1.35), (0.3, 1.45))),
    "ɾ": (((0.1, 0.0), (0.1, 0.65), (0.25, 0.95), (0.55, 0.95)),),
    "ʔ": (((0.05, 1.3), (0.3, 1.5), (0.6, 1.3), (0.55, 1.0), (0.3, 0.75), (0.3, 0.0)),),
    "ʕ": (((0.6, 1.3), (0.35, 1.5), (0.05, 1.3), (0.1, 1.0), (0.35, 0.75), (0.35, 0.0)),),
}  # fmt: skip
_RHOTIC: dict[str, str] = {"ɝ": "ɜ", "ɚ": "ə"}
_HOOK: _Stroke = ((-0.15, 0.7), (0.2, 0.7), (0.4, 0.95))
_TILDE: _Stroke = ((0.05, 1.25), (0.25, 1.45), (0.45, 1.25), (0.65, 1.45))
_X_HEIGHT = 0.53
_COMBINING_TILDE = "\N{COMBINING TILDE}"
_FONT_HAS = frozenset("abcdefghijklmnopqrstuvwxyzæœøçðŋθβχħ")

_WEIGHT = 300
"""Said each time: OpenCV has one face for all of a process, which else keeps the weight that others set last."""


def baseline_px(size_px: int) -> int:
    """Return the row on which letters stand."""
    return round(size_px * 1.1)


@lru_cache(maxsize=4096)
def plain_text(text: str, size_px: int) -> Coverage:
    """Draw text in the font's own glyphs; a glyph that the font lacks shows as `?`."""
    return _set(text, size_px)


@lru_cache(maxsize=4096)
def phoneme_text(ipa: str, size_px: int) -> Coverage:
    """Draw one phoneme in IPA; its nearest ARPAbet symbol where a part of it can not be drawn."""
    glyphs: list[Coverage] = []
    for symbol in unicodedata.normalize("NFD", ipa).replace("c\N{COMBINING CEDILLA}", "ç"):
        if symbol == _COMBINING_TILDE and glyphs:
            glyphs[-1] = _stroked([_TILDE], size_px, over=glyphs[-1])
        elif not unicodedata.combining(symbol):
            glyph = _glyph(symbol, size_px)
            if glyph is None:
                return plain_text(nearest_arpabet(ipa) or ipa, size_px)
            glyphs.append(glyph)
    return np.concatenate(glyphs, axis=1) if glyphs else _set("", size_px)


def _glyph(symbol: str, size_px: int) -> Coverage | None:
    if symbol in _FONT_HAS:
        return _set(symbol, size_px)
    if symbol in _LETTERS:
        letters, way, scale = _LETTERS[symbol]
        return _stood(_set(letters, size_px, scale), way, size_px)
    if symbol in _STROKES:
        return _stroked(_STROKES[symbol], size_px)
    if symbol in _RHOTIC:
        plain = _glyph(_RHOTIC[symbol], size_px)
        return None if plain is None else np.concatenate([plain, _stroked([_HOOK], size_px)], axis=1)
    return None


def _set(text: str, size_px: int, scale: float = 1.0) -> Coverage:
    """Draw `text` in the font, cut to its advance."""
    height = round(size_px * 1.5)
    canvas = np.zeros((height, 16 + 2 * size_px * max(1, len(text))), dtype=np.uint8)
    font, letter_px = cv2.FontFace("sans"), round(size_px * scale)
    end, _ = cv2.putText(canvas, text, (2, baseline_px(size_px)), 255, font, letter_px, _WEIGHT)
    return np.ascontiguousarray(canvas[:, 2 : max(3, end[0])])


def _stood(glyph: Coverage, way: Way, size_px: int) -> Coverage:
    """Turn a glyph about the middle of its own ink, so that it stays where it stood."""
    if way == "as is":
        return glyph
    if way == "lowered":
        return np.roll(glyph, round(size_px * 0.2), axis=0)
    rows = np.flatnonzero(glyph.max(axis=1))
    columns = np.flatnonzero(glyph.max(axis=0))
    if not len(rows):
        return glyph
    ink = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    stood = np.zeros_like(glyph)
    if way == "mirrored":
        stood[ink] = glyph[ink][:, ::-1]
    elif way == "flipped":
        stood[ink] = glyph[ink][::-1]
    else:
        stood[ink] = glyph[ink][::-1, ::-1]
    return stood


def _stroked(strokes: Sequence[_Stroke], size_px: int, over: Coverage | None = None) -> Coverage:
    """Draw lines, one pixel wide with soft edges, on a field of their own or over a glyph."""
    x_height = size_px * _X_HEIGHT
    if over is None:
        right = max(x for stroke in strokes for x, _ in stroke)
        over = np.zeros((round(size_px * 1.5), round(right * x_height) + 3), dtype=np.uint8)
    drawn = over.copy()
    for stroke in strokes:
        points = [
            [round((1 + x * x_height) * 16), round((baseline_px(size_px) - 0.5 - y * x_height) * 16)] for x, y in stroke
        ]
        cv2.polylines(drawn, [np.array(points, dtype=np.int32)], False, 255, 1, cv2.LINE_AA, 4)
    return drawn
