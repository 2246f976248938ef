"""Painting a mouth that moves: skin and lips carried along by curves, and what is seen between open lips.

One kernel over the pixels of a small region belongs here; where lips go is decided in `mouth_curves`. Each pixel of the
new picture asks where it comes from: down its column, between two lines, by a smooth share of both lines' ways; along
the mouth by the change of its width, which fades out towards nose, chin and cheeks. A pixel that comes from itself is
copied, not computed, so nothing outside the moved skin changes by a single bit.

Between the lips is drawn: what the picture shows there already (teeth hang on the skull, so they stay where they are
and lips open or close over them), below that a dark cavity, a tongue that rides on the jaw, and the edge of the upper
teeth where a closed mouth hid them. Their colours are shares of the lip's own, so light and skin fit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.mouth_curves import (
    BOTTOM,
    CHIN,
    LOWER_INNER,
    LOWER_OUTER,
    UPPER_INNER,
    UPPER_OUTER,
    MouthCurves,
    Pose,
)

Region = NDArray[np.uint8]
Table = NDArray[np.float64]

_TARGET, _WAY, _INNER, _U_SOURCE = 0, 7, 14, 16
"""Columns of the kernel's table, a row per sample of u: 7 targets, 7 ways to the sources, inner lips, source column."""

_MOVED_PX = 1 / 32
_TEETH, _TONGUE, _CAVITY = (1.0, 0.97, 0.91), (0.62, 0.45, 0.46), (0.27, 0.14, 0.15)
"""Teeth as shares of white in the skin's light, tongue and cavity as shares of the lips."""


@dataclass(frozen=True, slots=True)
class Tones:
    """RGB, 0 to 255, of the lips and of the skin round the mouth."""

    lip: tuple[float, float, float]
    skin: tuple[float, float, float]


def paint_mouth(
    region: Region, corner: tuple[int, int], curves: MouthCurves, pose: Pose, tones: Tones
) -> tuple[Region, NDArray[np.bool_]]:
    """A region (height, width, 3; RGB) whose first pixel is `corner` (x, y) in the pose; and which pixels changed."""
    region = np.ascontiguousarray(region)  # one layout, or the kernel is compiled twice
    out = region.copy()
    changed = np.zeros(region.shape[:2], dtype=np.bool_)
    placed = np.array(
        [curves.origin[0] - corner[0], curves.origin[1] - corner[1], *curves.axis, curves.u_min, curves.u_step,
         curves.half_width_px, curves.face_px, curves.source_gap_px, curves.target_gap_px, pose.weight,
         pose.tongue, 0.03 * curves.face_px * (1 - 0.75 * pose.rounding)], dtype=np.float64,
    )  # fmt: skip
    lip, skin = np.array(tones.lip), np.array(tones.skin)
    # A white that the picture's own light allows, a little yellow.
    white = min(float(skin.mean()) * 1.1, 225.0) * np.array(_TEETH)
    inside = np.stack([white, lip * np.array(_TONGUE), lip * np.array(_CAVITY)])
    ways = curves.source - curves.target
    table = np.ascontiguousarray(np.concatenate([curves.target, ways, curves.inner, curves.u_source[None]]).T)
    _paint(region, out, changed, placed, table, inside)
    return out, changed


@compiled
def _smooth(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@compiled
def _cubic(t: float) -> tuple[float, float, float, float]:
    """Catmull-Rom's four weights: sharper than linear, exact at whole pixels."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


@compiled
def _sample(region: Region, x: float, y: float) -> tuple[float, float, float]:
    """The colour at a place between pixels, clamped at the region's edges."""
    height, width = region.shape[0], region.shape[1]
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    column, row = int(x), int(y)
    wx0, wx1, wx2, wx3 = _cubic(x - column)
    wy0, wy1, wy2, wy3 = _cubic(y - row)
    # Unsigned: no test for an index from the end.
    c0, c1 = np.uint64(max(column - 1, 0)), np.uint64(column)
    c2, c3 = np.uint64(min(column + 1, width - 1)), np.uint64(min(column + 2, width - 1))
    red = green = blue = 0.0
    for j in range(4):
        r = np.uint64(min(max(row - 1 + j, 0), height - 1))
        w = wy0 if j == 0 else wy1 if j == 1 else wy2 if j == 2 else wy3
        a, b, c, d = w * wx0, w * wx1, w * wx2, w * wx3
        red += a * region[r, c0, 0] + b * region[r, c1, 0] + c * region[r, c2, 0] + d * region[r, c3, 0]
        green += a * region[r, c0, 1] + b * region[r, c1, 1] + c * region[r, c2, 1] + d * region[r, c3, 1]
        blue += a * region[r, c0, 2] + b * region[r, c1, 2] + c * region[r, c2, 2] + d * region[r, c3, 2]
    return red, green, blue


@compiled
def _at(table: Table, k: int, part: float, column: int) -> float:
    """A column of the table between two of its rows."""
    return float(table[k, column] + (table[k + 1, column] - table[k, column]) * part)


@compiled
def _between(table: Table, k: int, part: float, v: float) -> tuple[int, float, float]:
    """Which line is next below v (1 to 6, 0 for none), how far down towards it, and where the skin there comes from."""
    low = _at(table, k, part, _TARGET)
    if v <= low or v >= _at(table, k, part, _TARGET + 6):
        return 0, 0.0, 0.0
    line = 1
    high = _at(table, k, part, _TARGET + 1)
    while v >= high and line < 6:
        line += 1
        low, high = high, _at(table, k, part, _TARGET + line)
    before, after = _at(table, k, part, _WAY + line - 1), _at(table, k, part, _WAY + line)
    if line == LOWER_INNER:  # between the lips each half belongs to its lip
        return line, 0.0, before if v + v <= low + high else after
    share = _smooth((v - low) / max(high - low, 1e-6))
    return line, share, before + (after - before) * share


@compiled
def _paint(
    region: Region, out: Region, changed: NDArray[np.bool_], placed: NDArray[np.float64], table: Table, inside: Table
) -> None:
    x_origin, y_origin, cos, sin, u_min, u_step, half, face, gap_before, gap_now, weight, tongue, teeth = placed
    last = len(table) - 1
    pixel, fill = np.empty(3), np.empty(3)
    soft = max(0.8, 0.006 * face)
    # Landmarks part even closed lips, by up to 0.025 of a face: that is no look inside.
    looks_inside = _smooth((gap_before - 0.028 * face) / (0.015 * face))
    for y in range(region.shape[0]):
        for x in range(region.shape[1]):
            dx, dy = x + 0.5 - x_origin, y + 0.5 - y_origin
            u, v = dx * cos + dy * sin, dy * cos - dx * sin
            place = (u - u_min) / u_step
            if place <= 0.0 or place >= last:
                continue
            k = int(place)
            part = place - k
            line, share, way = _between(table, k, part, v)
            if line == 0:
                continue
            along = 0.0
            if line < BOTTOM:
                fade = share if line == UPPER_OUTER else 1.0 - share if line == CHIN else 1.0
                along = (_at(table, k, part, _U_SOURCE) - u) * fade
            opened = shut = top = bottom = 0.0
            if UPPER_INNER <= line <= LOWER_OUTER:
                top, bottom = _at(table, k, part, _TARGET + UPPER_INNER), _at(table, k, part, _TARGET + LOWER_INNER)
                gap = bottom - top
                if gap > 0.05:
                    opened = min(1.0, max(0.0, v - top + soft * 0.5) / soft)
                    opened *= min(1.0, max(0.0, bottom + soft * 0.5 - v) / soft) * min(1.0, gap / (2.0 * soft))
                # Where lips meet a thin shadow lies, as between real ones; it goes where they part.
                if gap < 3.0 * soft and abs(u) < half:
                    off = (v - (top + bottom) * 0.5) / (0.010 * face + 0.5)
                    shut = 0.42 * weight * (1.0 - gap / (3.0 * soft)) * np.exp(-off * off) * (1.0 - (u / half) ** 4)
                    shut *= min(1.0, gap_before / (0.02 * face))
            if along * along + way * way < _MOVED_PX * _MOVED_PX and opened * weight == 0.0 and shut < 0.004:
                continue
            pixel[0], pixel[1], pixel[2] = _sample(region, x + along * cos - way * sin, y + along * sin + way * cos)
            for c in range(3):
                pixel[c] *= 1.0 - shut
            if opened > 0.0:
                rest, end = _at(table, k, part, _INNER), _at(table, k, part, _INNER + 1)
                _fill(u, v, top, bottom, rest, half, face, gap_now, tongue, teeth, inside, fill)
                # What the picture shows between its lips stays where it is.
                shown = looks_inside * _smooth((end - 0.004 * face - v) / (0.012 * face + 0.5))
                shown *= min(1.0, (end - rest) / (0.02 * face))
                if shown > 0.0:
                    back = max(0.0, rest + 0.006 * face - v)
                    seen = _sample(region, x - back * sin, y + back * cos)
                    for c in range(3):
                        fill[c] += shown * (seen[c] - fill[c])
                for c in range(3):
                    pixel[c] += opened * (fill[c] - pixel[c])
            for c in range(3):
                out[y, x, c] = np.uint8(min(max(pixel[c] + 0.5, 0.0), 255.0))
            changed[y, x] = True


@compiled
def _fill(
    u: float, v: float, top: float, bottom: float, rest: float, half: float, face: float, gap_now: float,
    tongue: float, teeth: float, inside: NDArray[np.float64], fill: NDArray[np.float64],
) -> None:  # fmt: skip
    """What is seen inside a mouth that the picture shows closed: teeth, tongue, the dark behind them."""
    across = min(1.0, abs(u) / half)
    depth = (v - top) / max(bottom - top, 1e-6)
    for c in range(3):
        fill[c] = inside[2, c]
    # The tongue: a low ellipse on the jaw, its tip behind the teeth where it is up.
    radius = (0.42 + 0.2 * tongue) * gap_now + 0.004 * face
    from_tip = (v - (bottom - 0.10 * gap_now - 0.2 * tongue * gap_now)) / max(radius, 1e-6)
    inside_tongue = 1.0 - (u / (0.66 * half)) ** 2 - from_tip * from_tip
    if from_tip > 0.0:
        inside_tongue = 1.0 - (u / (0.66 * half)) ** 2
    lit = _smooth(inside_tongue / 0.5) * (0.72 + 0.28 * _smooth(depth))
    for c in range(3):
        fill[c] += lit * (inside[1, c] - fill[c])
    # The upper teeth, longest in the middle, darker to the sides and under the lip.
    length = teeth * (1.0 - 0.35 * across * across)
    tooth = _smooth((rest + length - v) / (0.007 * face + 0.5))
    tooth *= 1.0 - _smooth((across - 0.55) / 0.35)
    beam = 0.5 + 0.5 * np.cos(2.0 * np.pi * u / (0.043 * face))
    shade = (0.62 + 0.38 * _smooth((v - top) / (0.025 * face + 0.5))) * (1.0 - 0.45 * across * across)
    shade *= 1.0 - 0.10 * beam**6
    for c in range(3):
        fill[c] += tooth * (inside[0, c] * shade ** (1.0 + 0.2 * c) - fill[c])
    # The lips' own shadow at both edges.
    edge = min(_smooth((v - top) / (0.02 * face + 0.5)), _smooth((bottom - v) / (0.012 * face + 0.5)))
    for c in range(3):
        fill[c] *= 0.72 + 0.28 * edge
