"""Where a point of the stage is shown: moves, turns and scales, put one after the other.

Plain numbers, for a frame needs some fifty of these and arrays of six numbers cost ten times as much.
"""

from math import cos, hypot, radians, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Affine(NamedTuple):
    """x' = a x + b y + left, y' = c x + d y + top."""

    a: float = 1.0
    b: float = 0.0
    left: float = 0.0
    c: float = 0.0
    d: float = 1.0
    top: float = 0.0

    def after(self, first: "Affine") -> "Affine":
        """Both as one: `first`, then this."""
        a, b, left, c, d, top = self
        e, f, x, g, h, y = first
        return Affine(
            a * e + b * g, a * f + b * h, a * x + b * y + left, c * e + d * g, c * f + d * h, c * x + d * y + top
        )

    def of(self, x: float, y: float) -> tuple[float, float]:
        """Where one point goes."""
        return self.a * x + self.b * y + self.left, self.c * x + self.d * y + self.top

    def moved(self, points: Floats) -> Floats:
        """Where points (n, 2) go."""
        x, y = points[:, 0], points[:, 1]
        return np.stack([self.a * x + self.b * y + self.left, self.c * x + self.d * y + self.top], axis=1)

    def matrix(self) -> Floats:
        """As OpenCV takes it, shape (2, 3)."""
        return np.array([[self.a, self.b, self.left], [self.c, self.d, self.top]])

    @property
    def scale(self) -> float:
        """How much larger things are shown."""
        return hypot(self.a, self.c)


def shift(x: float, y: float) -> Affine:
    """Move by pixels."""
    return Affine(left=x, top=y)


def about(x: float, y: float, turn_deg: float, scale: float = 1.0) -> Affine:
    """Turn (clockwise as seen) and scale about a point."""
    angle = radians(turn_deg)
    a, b = scale * cos(angle), -scale * sin(angle)
    return Affine(a, b, x - a * x - b * y, -b, a, y + b * x - a * y)
