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
from functools import lru_cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.animatic.affine import Affine, shift

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Rgb = tuple[int, int, int]
_Box = tuple[int, int, int, int]  # left, top, right, bottom

_SOFT_FROM_PX = 64
_TO_HALF, _FROM_HALF = Affine(0.5, 0.0, -0.25, 0.0, 0.5, -0.25), Affine(2.0, 0.0, 0.5, 0.0, 2.0, 0.5)
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
    """`yuva` has shape (rows, columns, 4); an opaque one reaches on beyond its edges with the pixels of its edges.

    A soft one is kept, and laid, at half the resolution: a quarter of the work for what has no sharp edges anyway.
    """

    yuva: Bytes
    left: float
    top: float
    is_opaque: bool = False
    is_soft: bool = False


@dataclass(frozen=True, slots=True)
class Glow:
    """Light that is added: `light` (rows, columns) is how much of white, `u` and `v` pull towards its colour."""

    light: Bytes
    left: float
    top: float
    u: float
    v: float
    is_soft: bool = False


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
        box = (0, 0, self.width, self.height) if sprite.is_opaque else self._reached(sprite.yuva.shape, sprite, at)
        if box is None or opacity <= 0.0:
            return
        left, top, right, bottom = box
        border = cv2.BORDER_REPLICATE if sprite.is_opaque else cv2.BORDER_CONSTANT
        shown, half = _warped(sprite.yuva, sprite, at, box, border)
        luma = np.s_[top:bottom, left:right]
        chroma = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
        y, alpha = cv2.extractChannel(shown, 0), cv2.extractChannel(shown, 3)
        if shown is half:
            half_alpha, size = alpha, (right - left, bottom - top)
            y, alpha = (cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in (y, alpha))
        else:
            half_alpha = cv2.extractChannel(half, 3)
        u, v = cv2.extractChannel(half, 1), cv2.extractChannel(half, 2)
        if sprite.is_opaque:
            self.y[luma], self.u[chroma], self.v[chroma] = y, u, v
            return
        if opacity < 1.0:
            y, u, v, alpha, half_alpha = (
                cv2.convertScaleAbs(part, alpha=opacity) for part in (y, u, v, alpha, half_alpha)
            )
        _over(self.y[luma], y, alpha)
        _over(self.u[chroma], u, half_alpha)
        _over(self.v[chroma], v, half_alpha)

    def shine(self, glow: Glow, at: Affine, gain: float) -> None:
        """Add light, `gain` 1 as it was painted."""
        box = self._reached(glow.light.shape, glow, at)
        if box is None or gain <= 0.0:
            return
        left, top, right, bottom = box
        shown, half = _warped(glow.light, glow, at, box, cv2.BORDER_CONSTANT)
        if shown is half:
            shown = cv2.resize(half, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        luma = self.y[top:bottom, left:right]
        cv2.addWeighted(luma, 1.0, shown, gain, 0.0, dst=luma)
        if abs(glow.u) + abs(glow.v) < 0.01:
            return
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

    def _reached(self, shape: Sequence[int], what: Sprite | Glow, at: Affine) -> _Box | None:
        """The part of the frame that something reaches, on even pixels; None for none."""
        size = 2 if what.is_soft else 1
        low, high = shape[0] * size, shape[1] * size
        corners = [
            at.of(x, y) for x in (what.left, what.left + high) for y in (what.top, what.top + low)
        ]  # fmt: skip
        left, top = (max(0, floor(min(axis) - 1) // 2 * 2) for axis in zip(*corners, strict=True))
        ends = (ceil((max(axis) + 1) / 2) * 2 for axis in zip(*corners, strict=True))
        right, bottom = (min(end, limit) for end, limit in zip(ends, (self.width, self.height), strict=True))
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
        cv2.multiply(
            self.rgba, _grains(noise.tobytes(), len(noise), *self.rgba.shape[:2], amount), dst=self.rgba, scale=1 / 128
        )

    def light(self, lit: "Painter", colour: Rgb, strength: float) -> None:
        """Light up what another canvas of the same place and size has painted, where there is anything here."""
        shown = cv2.convertScaleAbs(lit.rgba, alpha=strength)
        tinted = cv2.multiply(shown, np.array([*colour, 0.0]), scale=1 / 255)
        cv2.add(self.rgba, tinted, dst=self.rgba)

    def fade(self, share: Floats) -> None:
        """Make what is painted transparent; `share` (rows,) or (rows, columns) is what is kept, 0 to 1."""
        kept = np.asarray(share, np.float32).reshape(*np.shape(share), *([1] * (3 - np.ndim(share))))
        self.rgba[:] = self.rgba * kept + 0.5

    def blur(self, radius_px: float) -> None:
        """Soften all of it; for what is far, or too near."""
        if radius_px > 0.3:
            self.rgba = np.asarray(cv2.GaussianBlur(self.rgba, (0, 0), radius_px), np.uint8)

    def sprite(self, *, is_opaque: bool = False, is_soft: bool = False) -> Sprite:
        """What was painted, trimmed to where there is any."""
        if is_opaque:
            return Sprite(_yuva(_halved(self.rgba)), self.left, self.top, is_opaque=True, is_soft=True)
        rows = np.flatnonzero(self.rgba[..., 3].max(axis=1))
        columns = np.flatnonzero(self.rgba[..., 3].max(axis=0))
        if not len(rows):
            return Sprite(np.zeros((2, 2, 4), np.uint8), self.left, self.top)
        top, left = max(0, rows[0] - 1), max(0, columns[0] - 1)
        inked = self.rgba[top : rows[-1] + 2, left : columns[-1] + 2]
        return Sprite(_yuva(_halved(inked) if is_soft else inked), self.left + left, self.top + top, is_soft=is_soft)

    def _local(self, points: Floats) -> NDArray[np.int32]:
        return fixed_point(np.asarray(points, np.float64) - (self.left, self.top))


def sprite_of(rgb: Bytes, alpha: Bytes, left: float, top: float, *, is_soft: bool = False) -> Sprite:
    """A picture (rows, columns, 3) with its own alpha (rows, columns) as a sprite."""
    if is_soft:
        rgb, alpha = _halved(rgb), _halved(alpha)
    whole = cv2.merge([*(cv2.multiply(cv2.extractChannel(rgb, n), alpha, scale=1 / 255) for n in range(3)), alpha])
    return Sprite(_yuva(np.asarray(whole, np.uint8)), left, top, is_soft=is_soft)


def glow_of(light: Bytes, colour: Rgb, left: float, top: float) -> Glow:
    """Light of a colour; `light` is how strong it is, 255 for as bright as the colour. Large ones are soft."""
    y, u, v = yuv_of(colour)
    bright = max(1, y - 16)
    is_soft = min(light.shape) >= _SOFT_FROM_PX
    kept = cv2.convertScaleAbs(_halved(light) if is_soft else light, alpha=bright / 255)
    return Glow(np.asarray(kept, np.uint8), left, top, (u - 128) / bright, (v - 128) / bright, is_soft)


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


def _warped(
    pixels: Bytes, what: Sprite | Glow, at: Affine, box: _Box, border: int
) -> tuple[cv2.typing.MatLike, cv2.typing.MatLike]:
    """The pixels in the box of the frame, at full and at half size; of a soft thing twice the half."""
    left, top, right, bottom = box
    placed = shift(-left, -top).after(at).after(shift(what.left, what.top))
    half_size = ((right - left) // 2, (bottom - top) // 2)
    if what.is_soft:
        placed = _TO_HALF.after(placed).after(_FROM_HALF)
        half = cv2.warpAffine(pixels, placed.matrix(), half_size, flags=cv2.INTER_LINEAR, borderMode=border)
        return half, half
    size = (right - left, bottom - top)
    shown = cv2.warpAffine(pixels, placed.matrix(), size, flags=cv2.INTER_LINEAR, borderMode=border)
    return shown, cv2.resize(shown, half_size, interpolation=cv2.INTER_AREA)


def _halved(pixels: Bytes) -> Bytes:
    rows, columns = pixels.shape[:2]
    even = pixels[: max(2, rows // 2 * 2), : max(2, columns // 2 * 2)]
    return np.asarray(
        cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
    )


@lru_cache(maxsize=6)
def _grains(noise: bytes, side: int, rows: int, columns: int, amount: float) -> Bytes:
    """Factors about 128 for each channel of a canvas; alpha's are 128."""
    tile = np.frombuffer(noise, np.uint8).reshape(side, -1)
    factors = np.clip(128.0 * (1.0 - amount) + amount * tile, 0, 255).round().astype(np.uint8)
    whole = np.full((*tile.shape, 4), 128, np.uint8)
    whole[..., :3] = factors[..., None]
    return np.tile(whole, (-(-rows // side), -(-columns // side), 1))[:rows, :columns]


def _yuva(rgba: Bytes) -> Bytes:
    return np.ascontiguousarray(cv2.transform(rgba, _BT709), np.uint8)
