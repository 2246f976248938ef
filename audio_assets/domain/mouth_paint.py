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
from audio_assets.domain.mouth_curves import MouthCurves, Pose

Region = NDArray[np.uint8]

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
    _paint(region, out, changed, placed, curves.source, curves.target, curves.inner, curves.u_source, inside)
    return out, changed


@compiled
def _smooth(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@compiled
def _cubic(t: float, weights: NDArray[np.float64]) -> None:
    """Catmull-Rom's four weights: sharper than linear, exact at whole pixels."""
    weights[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
    weights[1] = (1.5 * t - 2.5) * t * t + 1.0
    weights[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
    weights[3] = (0.5 * t - 0.5) * t * t


@compiled
def _sample(
    region: Region, x: float, y: float, wx: NDArray[np.float64], wy: NDArray[np.float64], pixel: NDArray[np.float64]
) -> None:
    """The colour at a place between pixels, clamped at the region's edges."""
    height, width = region.shape[0], region.shape[1]
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    column, row = int(x), int(y)
    _cubic(x - column, wx)
    _cubic(y - row, wy)
    pixel[:] = 0.0
    for j in range(4):
        at_y = min(max(row - 1 + j, 0), height - 1)
        for i in range(4):
            at_x = min(max(column - 1 + i, 0), width - 1)
            weight = wy[j] * wx[i]
            for c in range(3):
                pixel[c] += weight * region[at_y, at_x, c]


@compiled
def _paint(
    region: Region,
    out: Region,
    changed: NDArray[np.bool_],
    placed: NDArray[np.float64],
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    inner: NDArray[np.float64],
    u_source: NDArray[np.float64],
    inside: NDArray[np.float64],
) -> None:
    x_origin, y_origin, cos, sin, u_min, u_step, half, face, gap_before, gap_now, weight, tongue, teeth = placed
    last = source.shape[1] - 1
    wx, wy, pixel, fill = np.empty(4), np.empty(4), np.empty(3), np.empty(3)
    s, t = np.empty(7), np.empty(7)
    soft = max(0.8, 0.006 * face)
    for y in range(region.shape[0]):
        for x in range(region.shape[1]):
            dx, dy = x + 0.5 - x_origin, y + 0.5 - y_origin
            u, v = dx * cos + dy * sin, dy * cos - dx * sin
            place = (u - u_min) / u_step
            if place <= 0.0 or place >= last:
                continue
            k = int(place)
            part = place - k
            for i in range(7):
                s[i] = source[i, k] + (source[i, k + 1] - source[i, k]) * part
                t[i] = target[i, k] + (target[i, k + 1] - target[i, k]) * part
            if v <= t[0] or v >= t[6]:
                continue
            # Down the column: the way of the line above, and the smooth share of the next one's.
            way = 0.0
            before = 0.0
            for i in range(1, 7):
                after = s[i] - t[i]
                if i == 3:  # between the lips: each half belongs to its lip
                    if v > (t[2] + t[3]) * 0.5:
                        way += after - before
                elif t[i] - t[i - 1] < 1e-6:
                    if v > t[i]:
                        way += after - before
                else:
                    way += (after - before) * _smooth((v - t[i - 1]) / (t[i] - t[i - 1]))
                before = after
            fade = 1.0
            if v < t[1]:
                fade = _smooth((v - t[0]) / max(t[1] - t[0], 1e-6))
            elif v > t[4]:
                fade = 1.0 - _smooth((v - t[4]) / max(t[5] - t[4], 1e-6))
            along = (u_source[k] + (u_source[k + 1] - u_source[k]) * part - u) * fade
            gap = t[3] - t[2]
            opened = 0.0
            if gap > 0.05:
                opened = min(1.0, max(0.0, v - t[2] + soft * 0.5) / soft) * min(
                    1.0, max(0.0, t[3] + soft * 0.5 - v) / soft
                )
                opened *= min(1.0, gap / (2.0 * soft))
            # Where lips meet a thin shadow lies, as between real ones; it goes where they part.
            shut = 0.0
            if gap < 3.0 * soft and abs(u) < half:
                off = (v - (t[2] + t[3]) * 0.5) / (0.010 * face + 0.5)
                shut = weight * (1.0 - gap / (3.0 * soft)) * np.exp(-off * off) * (1.0 - (u / half) ** 4)
                shut *= 0.42 * min(1.0, gap_before / (0.02 * face))
            if along * along + way * way < _MOVED_PX * _MOVED_PX and opened * weight == 0.0 and shut < 0.004:
                continue
            _sample(region, x + along * cos - way * sin, y + along * sin + way * cos, wx, wy, pixel)
            for c in range(3):
                pixel[c] *= 1.0 - shut
            if opened > 0.0:
                i0 = inner[0, k] + (inner[0, k + 1] - inner[0, k]) * part
                i1 = inner[1, k] + (inner[1, k + 1] - inner[1, k]) * part
                _fill(u, v, t[2], t[3], i0, half, face, gap_now, tongue, teeth, inside, fill)
                # What the picture shows between its lips stays where it is.
                # Landmarks part even closed lips, by up to 0.025 of a face: that is no look inside.
                shown = _smooth((gap_before - 0.028 * face) / (0.015 * face))
                shown *= _smooth((i1 - 0.004 * face - v) / (0.012 * face + 0.5)) * min(1.0, (i1 - i0) / (0.02 * face))
                if shown > 0.0:
                    back = max(0.0, i0 + 0.006 * face - v)
                    for c in range(3):
                        fill[c] *= 1.0 - shown
                    _sample(region, x - back * sin, y + back * cos, wx, wy, s[:3])
                    for c in range(3):
                        fill[c] += shown * s[c]
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
