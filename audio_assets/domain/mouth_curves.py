"""The lips of one frame as curves: where they are in the picture, and where a pose wants them.

Curves live in the mouth's own axes: u along the face from the picture's left to its right, v down the face, both in
pixels from the middle between the mouth's corners, so that roll and scale need no further thought. Every curve is a row
of N values of v over `u_grid`. What is painted from them is in `mouth_paint`.

Six lines run across a lower face, each a source and a target: nose base (still), upper lip's outer and inner edge,
lower lip's inner and outer edge, chin; a seventh, below the chin, is still again. Between two lines skin stretches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import face_geometry as face
from audio_assets.domain.face_geometry import Floats

N = 129
"""Samples along u."""

TOP, UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER, CHIN, BOTTOM = range(7)

_WIDEST_GAP = 0.15  # of the face's height, for a jaw at 1
_UPPER_SHARE = 0.18  # of an opening; the jaw takes the rest
_OPENS_WITHIN = 0.95  # of the half width
_SEAM_AT = 0.35  # where an open mouth's lips meet when they close, from its upper edge
_NARROWING, _SPREADING = 0.25, 0.05
_CHIN_FOLLOWS = 0.55
_BELOW_CHIN = 0.16
_EDGE_INSET = 0.008  # landmarks lie on the edge of an open mouth; what is moved starts a little inside the lip

Curve = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame of `mouth_motion.MouthPoses`."""

    weight: float
    opening: float
    rounding: float
    spreading: float
    pressing: float
    tucking: float
    tongue: float


@dataclass(frozen=True, slots=True)
class MouthCurves:
    """What the painter needs of one frame.

    `origin` (x, y) and `axis` (the unit vector of u) place the mouth in the picture; `u_min`, `u_step` the samples.
    `source` and `target` are (7, N), `u_source` (N,): from which u a lip's column comes. `half_width_px` is the
    target's, `face_px` the face's height, `source_gap_px` and `target_gap_px` the inner lips' distance in the middle.
    """

    origin: tuple[float, float]
    axis: tuple[float, float]
    u_min: float
    u_step: float
    source: Curve
    target: Curve
    inner: Curve
    u_source: Curve
    half_width_px: float
    face_px: float
    source_gap_px: float
    target_gap_px: float

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The pixels x0, y0, x1, y1 (end exclusive) that may change, inside a picture of this size."""
        u = np.array([self.u_min, self.u_min + (N - 1) * self.u_step])
        v = np.array([self.source[TOP].min(), self.source[BOTTOM].max()])
        (x, y), (cos, sin) = self.origin, self.axis
        across, down = np.meshgrid(u, v)
        xs, ys = x + across * cos - down * sin, y + across * sin + down * cos
        x0, y0 = max(0, int(np.floor(xs.min()))), max(0, int(np.floor(ys.min())))
        return x0, y0, max(x0, min(width, int(np.ceil(xs.max())) + 1)), max(y0, min(height, int(np.ceil(ys.max())) + 1))


def mouth_curves(landmarks: Floats, pose: Pose) -> MouthCurves:
    """The curves of a face, (468, 2) landmarks, in a pose."""
    points = landmarks.astype(np.float64)
    left, right = points[face.LEFT_CORNER], points[face.RIGHT_CORNER]
    axis = _unit(_unit(points[face.RIGHT_EYE] - points[face.LEFT_EYE]) + _unit(right - left))
    origin = (left + right) / 2
    turned = (points - origin) @ np.array([[axis[0], -axis[1]], [axis[1], axis[0]]])
    height = face.face_height_px(landmarks)
    reach = (-turned[face.LEFT_JAW, 0] * 0.94, turned[face.RIGHT_JAW, 0] * 0.94)
    u = np.linspace(-reach[0], reach[1], N)
    half = max(float(turned[face.RIGHT_CORNER, 0]), 1.0)
    source = _source(turned, u, height)
    new_half = half * (1 + pose.weight * (_SPREADING * pose.spreading - _NARROWING * pose.rounding))
    u_source = _columns(u, half, new_half, reach)
    moved = np.stack([np.interp(u_source, u, line) for line in source[:CHIN]])
    source = np.concatenate([moved, source[CHIN:]])
    inner = source[[UPPER_INNER, LOWER_INNER]].copy()
    target = _target(source, u, pose, height, new_half, reach)
    target = source + pose.weight * (target - source)
    gap = source[LOWER_INNER] - source[UPPER_INNER]
    inset = np.minimum(_EDGE_INSET * height, gap / 4) * pose.weight
    source[UPPER_INNER] -= inset
    source[LOWER_INNER] += inset
    return MouthCurves(
        origin=(float(origin[0]), float(origin[1])), axis=(float(axis[0]), float(axis[1])),
        u_min=float(u[0]), u_step=float(u[1] - u[0]), source=source, target=target, inner=inner, u_source=u_source,
        half_width_px=new_half, face_px=height, source_gap_px=float(gap[_middle(u)]),
        target_gap_px=float((target[LOWER_INNER] - target[UPPER_INNER])[_middle(u)]),
    )  # fmt: skip


def _unit(vector: Curve) -> Curve:
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-9), np.float64)


def _middle(u: Curve) -> int:
    return int(np.argmin(np.abs(u)))


def _source(turned: Curve, u: Curve, height: float) -> Curve:
    corners = turned[[face.LEFT_CORNER, face.RIGHT_CORNER]]

    def line(numbers: tuple[int, ...], *, with_corners: bool) -> Curve:
        points = turned[list(numbers)]
        if with_corners:
            points = np.concatenate([corners[:1], points, corners[1:]])
        return _rounded(np.interp(u, np.maximum.accumulate(points[:, 0]), points[:, 1]))

    upper, lower = (line(numbers, with_corners=True) for numbers in (face.UPPER_INNER_LIP, face.LOWER_INNER_LIP))
    lower = np.maximum(upper, lower)
    outer = np.minimum(upper, line(face.UPPER_OUTER_LIP, with_corners=False))
    under = np.maximum(lower, line(face.LOWER_OUTER_LIP, with_corners=False))
    top = np.minimum(np.full(N, turned[face.NOSE_BASE, 1]), outer - 0.01 * height)
    chin = np.maximum(np.full(N, turned[face.CHIN, 1]), under + 0.05 * height)
    return np.stack([top, outer, upper, lower, under, chin, chin + _BELOW_CHIN * height])


def _rounded(values: Curve) -> Curve:
    """A polyline without its kinks."""
    padded = np.concatenate([np.full(3, values[0]), values, np.full(3, values[-1])])
    return np.convolve(padded, np.array([1, 6, 15, 20, 15, 6, 1]) / 64, mode="valid")


def _columns(u: Curve, half: float, new_half: float, reach: tuple[float, float]) -> Curve:
    """Where each target column comes from: the mouth's width scaled, faded out towards the cheeks."""
    edge = np.where(u < 0, reach[0], reach[1])
    beyond = np.clip((np.abs(u) - new_half) / np.maximum(edge - new_half, 1.0), 0, 1)
    return np.asarray(u * (1 + (half / new_half - 1) * np.square(1 - beyond) * (1 + beyond)), np.float64)


def _target(source: Curve, u: Curve, pose: Pose, height: float, half: float, reach: tuple[float, float]) -> Curve:
    across = np.clip(np.abs(u) / half, 0, 1)
    # Lips taper off before their corners, so no dark tips stay there.
    profile = np.power(1 - np.power(np.clip(across / _OPENS_WITHIN, 0, 1), 2.2), 1.0 - 0.25 * pose.rounding)
    gap = _WIDEST_GAP * height * pose.opening * (1 - 0.2 * pose.rounding) * profile
    seam = source[UPPER_INNER] + _SEAM_AT * (source[LOWER_INNER] - source[UPPER_INNER])
    flat = float(np.mean(seam[across < 1])) if np.any(across < 1) else 0.0
    seam = seam + (flat - seam) * 0.7 * pose.rounding * (1 - across)
    # Puckered lips hide the teeth: they meet lower.
    seam = seam + 0.3 * pose.rounding * (source[LOWER_INNER] - source[UPPER_INNER])
    upper = seam - gap * (_UPPER_SHARE + 0.5 * pose.tucking)
    lower = seam + gap * (1 - _UPPER_SHARE - 0.5 * pose.tucking)
    full = 1 + 0.15 * pose.rounding - 0.22 * pose.pressing
    outer = upper - (source[UPPER_INNER] - source[UPPER_OUTER]) * full
    # An upper lip that comes down over its teeth grows longer: its outer edge follows by half.
    outer = np.where(upper > source[UPPER_INNER], (outer + source[UPPER_OUTER]) / 2, outer)
    under = lower + (source[LOWER_OUTER] - source[LOWER_INNER]) * (full - 0.25 * pose.tucking)
    side = np.clip(np.abs(u) / np.where(u < 0, reach[0], reach[1]), 0, 1)
    middle = _middle(u)
    drop = float(lower[middle] - source[LOWER_INNER][middle]) * np.square(1 - np.square(side))
    chin = source[CHIN] + _CHIN_FOLLOWS * drop
    lines = np.stack([source[TOP], outer, upper, lower, under, chin, source[BOTTOM]])
    return np.maximum.accumulate(lines, axis=0)
