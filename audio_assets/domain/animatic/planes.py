"""Moving pictures without a full-colour pass per frame: sprites and frames in the planes that H.264 is fed with.

What does not change within a shot is painted once (`Painter`, RGB) and kept as a `Sprite`: Y, U, V and alpha in four
interleaved channels, premultiplied, BT.709 in limited range. A frame (`Planes`) is Y at full and U, V at half size, so
that laying a sprite over it costs one warp of four channels and a handful of 8-bit operations on single channels: 2 to
3 ms for all of 1280 x 720 on one core, a third of the same in RGBA. What is painted is decided elsewhere.

Stage coordinates are pixels of the frame before the camera, y down, x and y of a pixel's middle are whole numbers. A
sprite's `left` and `top` say where its first pixel lies; it may reach beyond the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Rgb = tuple[int, int, int]
Affine = NDArray[np.float64]
"""Shape (2, 3): where a point of the stage is shown."""

_SHIFT = 4  # bits behind the point in the coordinates of polygons
# Rows: Y, U, V, alpha of a premultiplied colour; columns: R, G, B, alpha. Limited range, alpha 255 is whole.
_BT709 = np.array([
    [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255, 16 / 255],
    [-0.1146 * 224 / 255, -0.3854 * 224 / 255, 0.5 * 224 / 255, 128 / 255],
    [0.5 * 224 / 255, -0.4542 * 224 / 255, -0.0458 * 224 / 255, 128 / 255],
    [0.0, 0.0, 0.0, 1.0],
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sprite:
    """`yuva` has shape (rows, columns, 4); an opaque one reaches on beyond its edges with the pixels of its edges."""

    yuva: Bytes
    left: float
    top: float
    is_opaque: bool = False


@dataclass(frozen=True, slots=True)
class Glow:
    """Light that is added: `light` (rows, columns) is how much of white, `u` and `v` pull towards its colour."""

    light: Bytes
    left: float
    top: float
    u: float
    v: float


class Planes:
    """One frame in I420: `flat` holds Y, U and V one after the other, the planes are views into it."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        n_luma, n_chroma = width * height, width * height // 4
        self.flat: Bytes = np.full(n_luma + 2 * n_chroma, 128, np.uint8)
        self.y = self.flat[:n_luma].reshape(height, width)
        self.u = self.flat[n_luma : n_luma + n_chroma].reshape(height // 2, width // 2)
        self.v = self.flat[n_luma + n_chroma :].reshape(height // 2, width // 2)
        self.y[:] = 16

    def lay(self, sprite: Sprite, at: Affine, opacity: float = 1.0) -> None:
        """Lay a sprite over the frame, its stage moved by `at`."""
        moved = at @ np.array([[1.0, 0.0, sprite.left], [0.0, 1.0, sprite.top], [0.0, 0.0, 1.0]])
        box = (0, 0, self.width, self.height) if sprite.is_opaque else self._reached(sprite.yuva.shape, moved)
        if box is None or opacity <= 0.0:
            return
        left, top, right, bottom = box
        moved[:, 2] -= (left, top)
        border = cv2.BORDER_REPLICATE if sprite.is_opaque else cv2.BORDER_CONSTANT
        size = (right - left, bottom - top)
        shown = cv2.warpAffine(sprite.yuva, moved, size, flags=cv2.INTER_LINEAR, borderMode=border)
        if opacity < 1.0:
            shown = cv2.convertScaleAbs(shown, alpha=opacity)
        half = cv2.resize(shown, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
        luma = np.s_[top:bottom, left:right]
        chroma = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
        if sprite.is_opaque:
            self.y[luma] = cv2.extractChannel(shown, 0)
            self.u[chroma], self.v[chroma] = cv2.extractChannel(half, 1), cv2.extractChannel(half, 2)
            return
        _over(self.y[luma], cv2.extractChannel(shown, 0), cv2.extractChannel(shown, 3))
        alpha = cv2.extractChannel(half, 3)
        _over(self.u[chroma], cv2.extractChannel(half, 1), alpha)
        _over(self.v[chroma], cv2.extractChannel(half, 2), alpha)

    def shine(self, glow: Glow, at: Affine, gain: float) -> None:
        """Add light, `gain` 1 as it was painted."""
        moved = at @ np.array([[1.0, 0.0, glow.left], [0.0, 1.0, glow.top], [0.0, 0.0, 1.0]])
        box = self._reached(glow.light.shape, moved)
        if box is None or gain <= 0.0:
            return
        left, top, right, bottom = box
        moved[:, 2] -= (left, top)
        size = (right - left, bottom - top)
        light = cv2.warpAffine(glow.light, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        luma = self.y[top:bottom, left:right]
        cv2.addWeighted(luma, 1.0, light, gain, 0.0, dst=luma)
        if abs(glow.u) + abs(glow.v) < 0.01:
            return
        half = cv2.resize(light, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
        for plane, pull in ((self.u, glow.u), (self.v, glow.v)):
            part = plane[top // 2 : bottom // 2, left // 2 : right // 2]
            cv2.addWeighted(part, 1.0, half, gain * pull, 0.0, dst=part)

    def polygon(self, points: Floats, colour: Rgb) -> None:
        """Fill a polygon (n, 2) of frame pixels."""
        y, u, v = yuv_of(colour)
        cv2.fillPoly(self.y, [fixed_point(points)], y, cv2.LINE_AA, _SHIFT)
        half = fixed_point(points / 2 - 0.25)
        cv2.fillPoly(self.u, [half], u, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.v, [half], v, cv2.LINE_AA, _SHIFT)

    def _reached(self, shape: Sequence[int], moved: Affine) -> tuple[int, int, int, int] | None:
        """The part of the frame that a sprite reaches, on even pixels; None for none."""
        rows, columns = shape[:2]
        corners = np.array([(0.0, 0.0), (columns, 0.0), (0.0, rows), (columns, rows)])
        shown = corners @ moved[:, :2].T + moved[:, 2]
        left, top = (max(0, floor(low - 1) // 2 * 2) for low in shown.min(axis=0))
        right = min(self.width, ceil((shown[:, 0].max() + 1) / 2) * 2)
        bottom = min(self.height, ceil((shown[:, 1].max() + 1) / 2) * 2)
        return (left, top, right, bottom) if right - left >= 2 and bottom - top >= 2 else None


class Painter:
    """A canvas of premultiplied RGBA over a part of the stage; shapes are laid one over the other, edges smooth."""

    def __init__(self, width: int, height: int, *, left: float = 0.0, top: float = 0.0) -> None:
        self.left, self.top = left, top
        self.rgba: Bytes = np.zeros((max(2, height), max(2, width), 4), np.uint8)

    def fill(self, points: Floats, colour: Rgb) -> None:
        """A polygon (n, 2)."""
        cv2.fillPoly(self.rgba, [self._local(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def oval(self, x: float, y: float, half_width: float, half_height: float, colour: Rgb, turn_deg: float = 0) -> None:
        """An ellipse."""
        self.fill(oval(x, y, half_width, half_height, turn_deg), colour)

    def stroke(self, points: Floats, colour: Rgb, width_px: float) -> None:
        """A line with round ends through the points."""
        cv2.polylines(
            self.rgba, [self._local(points)], False, (*colour, 255), max(1, round(width_px)), cv2.LINE_AA, _SHIFT
        )

    def tint(self, colour: Rgb, share: Floats | float) -> None:
        """Mix what is painted with a colour; `share` (0 to 1) is one, or one per row as (rows,)."""
        part = np.broadcast_to(np.asarray(share, np.float32).reshape(-1, 1), (self.rgba.shape[0], 1))
        alpha = self.rgba[..., 3].astype(np.float32)
        for channel in range(3):
            own = self.rgba[..., channel]
            own[:] = own + part * (alpha * (colour[channel] / 255.0) - own) + 0.5

    def grain(self, noise: Bytes, amount: float) -> None:
        """Make what is painted uneven by a texture about 128; `amount` is its share."""
        rows, columns = self.rgba.shape[:2]
        tiled = np.tile(noise, (-(-rows // noise.shape[0]), -(-columns // noise.shape[1])))[:rows, :columns]
        gain = (1.0 + amount * (tiled.astype(np.float32) / 128.0 - 1.0))[..., None]
        colours = self.rgba[..., :3]
        alpha = self.rgba[..., 3:]
        np.minimum(np.clip(colours * gain + 0.5, 0, 255).astype(np.uint8), alpha, out=colours)

    def fade(self, share: Floats) -> None:
        """Make what is painted transparent; `share` (rows,) or (rows, columns) is what is kept, 0 to 1."""
        kept = np.asarray(share, np.float32).reshape(*np.shape(share), *([1] * (3 - np.ndim(share))))
        self.rgba[:] = self.rgba * kept + 0.5

    def blur(self, radius_px: float) -> None:
        """Soften all of it; for what is far, or too near."""
        if radius_px > 0.3:
            self.rgba = np.asarray(cv2.GaussianBlur(self.rgba, (0, 0), radius_px), np.uint8)

    def sprite(self, *, is_opaque: bool = False) -> Sprite:
        """What was painted, trimmed to where there is any."""
        if is_opaque:
            return Sprite(_yuva(self.rgba), self.left, self.top, is_opaque=True)
        rows = np.flatnonzero(self.rgba[..., 3].max(axis=1))
        columns = np.flatnonzero(self.rgba[..., 3].max(axis=0))
        if not len(rows):
            return Sprite(np.zeros((2, 2, 4), np.uint8), self.left, self.top)
        top, left = max(0, rows[0] - 1), max(0, columns[0] - 1)
        inked = self.rgba[top : rows[-1] + 2, left : columns[-1] + 2]
        return Sprite(_yuva(inked), self.left + left, self.top + top)

    def _local(self, points: Floats) -> NDArray[np.int32]:
        return fixed_point(np.asarray(points, np.float64) - (self.left, self.top))


def sprite_of(rgb: Bytes, alpha: Bytes, left: float, top: float) -> Sprite:
    """A picture (rows, columns, 3) with its own alpha (rows, columns) as a sprite."""
    share = alpha[..., None].astype(np.float32) / 255.0
    colours = np.round(rgb * share).astype(np.uint8)
    return Sprite(_yuva(np.dstack([colours, alpha])), left, top)


def glow_of(light: Bytes, colour: Rgb, left: float, top: float) -> Glow:
    """Light of a colour; `light` is how strong it is, 255 for as bright as the colour."""
    y, u, v = yuv_of(colour)
    bright = max(1, y - 16)
    return Glow(
        np.asarray(cv2.convertScaleAbs(light, alpha=bright / 255), np.uint8), left, top,
        (u - 128) / bright, (v - 128) / bright,
    )  # fmt: skip


def yuv_of(colour: Rgb) -> tuple[int, int, int]:
    """A colour's Y, U, V."""
    y, u, v, _ = (_BT709 @ np.array([*colour, 255.0])).round().astype(int).tolist()
    return y, u, v


def fixed_point(points: Floats) -> NDArray[np.int32]:
    """Coordinates as OpenCV's polygons take them."""
    return np.asarray(np.round(np.asarray(points) * (1 << _SHIFT)), np.int32)


def oval(x: float, y: float, half_width: float, half_height: float, turn_deg: float = 0.0) -> Floats:
    """An ellipse's outline."""
    round_ = np.linspace(0.0, 2 * np.pi, 73)[:-1]
    turn = np.deg2rad(turn_deg)
    across, down = half_width * np.cos(round_), half_height * np.sin(round_)
    return np.stack([
        x + across * np.cos(turn) - down * np.sin(turn), y + across * np.sin(turn) + down * np.cos(turn)
    ], axis=1)  # fmt: skip


def curve(points: Sequence[tuple[float, float]], n_between: int = 10, *, is_closed: bool = True) -> Floats:
    """A smooth line (Catmull-Rom) through the points."""
    knots = np.asarray(points, np.float64)
    knots = np.concatenate([knots[-1:], knots, knots[:2]]) if is_closed else np.concatenate(
        [knots[:1], knots, knots[-1:]]
    )  # fmt: skip
    t = np.linspace(0.0, 1.0, n_between, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False)
    ]
    return np.concatenate([*pieces, knots[-2:-1]] if not is_closed else pieces)


def _over(plane: Bytes, colour: cv2.typing.MatLike, alpha: cv2.typing.MatLike) -> None:
    """Lay a premultiplied channel over a plane, in place."""
    hidden = cv2.multiply(plane, alpha, scale=1 / 255)
    cv2.subtract(plane, hidden, dst=plane)
    cv2.add(plane, colour, dst=plane)


def _yuva(rgba: Bytes) -> Bytes:
    return np.ascontiguousarray(cv2.transform(rgba, _BT709), np.uint8)
