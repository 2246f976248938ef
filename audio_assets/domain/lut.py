"""Grades: `.cube` files read, and their three-dimensional tables applied to pictures.

Pure: bytes in, arrays out. A table maps RGB to RGB; between its points colours are interpolated in all three
directions (trilinear). One-dimensional tables are refused, for a grade that needs one can be baked into a cube.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled

Picture = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

_SIZES = range(2, 130)  # 129 points a side are 26 MB of floats, more than any grading tool writes
_IGNORED = ("TITLE", "LUT_3D_INPUT_RANGE")


class LutError(ValueError):
    """The bytes are no `.cube` that is read here; the message says the line and what to do."""


@dataclass(frozen=True, slots=True)
class Lut:
    """A grade: `table` is float32 (n, n, n, 3) by blue, green, red index, from `low` to `high` (RGB, 1 is white)."""

    table: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def read_cube(data: bytes, name: str = "the LUT") -> Lut:
    """The table in a `.cube` file.

    Raises:
        LutError: not text, one-dimensional, a keyword or row that is not understood, or the wrong number of rows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LutError(f"{name} is no .cube file: it is not text") from error
    size, low, high = 0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    rows: list[tuple[float, float, float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words or words[0] in _IGNORED:
            continue
        if words[0] == "LUT_3D_SIZE":
            size = _size(words[1:], name, number)
        elif words[0] == "LUT_1D_SIZE":
            raise LutError(f"{name}, line {number}: a one-dimensional table; export the grade as a 3D .cube")
        elif words[0] == "DOMAIN_MIN":
            low = _three(words[1:], name, number)
        elif words[0] == "DOMAIN_MAX":
            high = _three(words[1:], name, number)
        else:
            rows.append(_three(words, name, number))
    if not size:
        raise LutError(f"{name} has no LUT_3D_SIZE: it is no 3D .cube file")
    if len(rows) != size**3:
        raise LutError(
            f"{name} says {size} points a side, which are {size**3} rows, and has {len(rows)}: export it again"
        )
    if not all(a < b for a, b in zip(low, high, strict=True)):
        raise LutError(f"{name}: DOMAIN_MIN {low} is not below DOMAIN_MAX {high}: export it again")
    table = np.array(rows, np.float32).reshape(size, size, size, 3)  # red runs fastest in the file
    return Lut(table, np.array(low, np.float32), np.array(high, np.float32))


def apply_lut(picture: Picture, lut: Lut) -> Picture:
    """The graded picture; colours outside the table's domain take its edge."""
    graded = np.empty_like(picture)
    levels = np.arange(256, dtype=np.float32)[:, np.newaxis] / np.float32(255.0)
    n = len(lut.table) - 1
    places = np.clip((levels - lut.low) / (lut.high - lut.low), 0.0, 1.0).astype(np.float32) * np.float32(n)
    _graded(np.ascontiguousarray(picture).reshape(-1, 3), lut.table, places, graded.reshape(-1, 3))
    return graded


@compiled
def _graded(pixels: Picture, table: NDArray[np.float32], places: NDArray[np.float32], graded: Picture) -> None:
    """Trilinear: `places` (256, 3) says where in the table each level of each channel lies."""
    last = table.shape[0] - 2
    for i in range(pixels.shape[0]):
        r, g, b = places[pixels[i, 0], 0], places[pixels[i, 1], 1], places[pixels[i, 2], 2]
        ri, gi, bi = min(int(r), last), min(int(g), last), min(int(b), last)
        rf, gf, bf = r - ri, g - gi, b - bi
        for c in range(3):
            near = (table[bi, gi, ri, c] * (1 - rf) + table[bi, gi, ri + 1, c] * rf) * (1 - gf) + (
                table[bi, gi + 1, ri, c] * (1 - rf) + table[bi, gi + 1, ri + 1, c] * rf
            ) * gf
            far = (table[bi + 1, gi, ri, c] * (1 - rf) + table[bi + 1, gi, ri + 1, c] * rf) * (1 - gf) + (
                table[bi + 1, gi + 1, ri, c] * (1 - rf) + table[bi + 1, gi + 1, ri + 1, c] * rf
            ) * gf
            value = (near * (1 - bf) + far * bf) * 255.0 + 0.5
            graded[i, c] = np.uint8(min(max(value, 0.0), 255.0))


def _size(words: list[str], name: str, number: int) -> int:
    size = int(words[0]) if len(words) == 1 and words[0].isdecimal() else 0
    if size not in _SIZES:
        raise LutError(f"{name}, line {number}: LUT_3D_SIZE is a whole number from {_SIZES[0]} to {_SIZES[-1]}")
    return size


def _three(words: list[str], name: str, number: int) -> tuple[float, float, float]:
    try:
        r, g, b = (float(word) for word in words)
    except ValueError as error:
        shown = " ".join(words)[:40]
        raise LutError(f'{name}, line {number}: "{shown}" is no three numbers: export the .cube again') from error
    if not np.isfinite((r, g, b)).all():
        raise LutError(f"{name}, line {number}: a value is not finite: export the .cube again")
    return r, g, b
