"""Mouths of drawn characters: Rhubarb's nine shapes, drawn over the mouth that a picture shows already.

Where a mouth stands is said by the rig of a clip (`domain/schemas/rig`); which shape is due on a frame is lip-sync's
business. A sprite covers the closed mouth with the ground around it as the picture shows it there, so that light, grade
and vignette of the frame are kept, and touches nothing outside `mouth_box`. Coordinates are pixels, y down; the
middle of the pixel in the first row and column is (0, 0).
"""

from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""Shape (height, width, 3), RGB; drawn on in place."""

Rgb = tuple[int, int, int]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom are outside."""

HALF_WIDTH, ABOVE, BELOW = 0.86, 0.4, 0.7
"""How far the box of an upright mouth reaches from its anchor, in `scale_px`; a character leaves this field free."""

_SHIFT = 4  # bits behind the point in the coordinates of polygons
_FEATHER = 0.03  # of scale_px: how soft the covering ground ends
_COVER_HALF_WIDTH, _COVER_HALF_HEIGHT = 0.66, 0.2


@dataclass(frozen=True, slots=True)
class MouthAnchor:
    """The middle of the closed mouth's line, its width, and its turn in degrees, clockwise as seen."""

    x: float
    y: float
    scale_px: float
    angle_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class MouthColours:
    """Colours in the light in which `ground` (skin, or beard) is what the picture shows around a mouth."""

    ground: Rgb
    lip: Rgb
    line: Rgb
    inside: Rgb
    teeth: Rgb
    tongue: Rgb


@dataclass(frozen=True, slots=True)
class _Shape:
    """Half the width and the opening in `scale_px`, both at the shape's usual jaw; how full the lips are.

    `opening` 0 is a closed line. `teeth` are what the upper row shows of the opening, `lower_teeth` of the lower;
    `tongue` is how far the tongue fills it from below.
    """

    half_width: float
    opening: float
    lips: float
    roundness: float = 0.0
    teeth: float = 0.0
    lower_teeth: float = 0.0
    tongue: float = 0.0
    usual_jaw: float = 0.0


_SHAPES: dict[str, _Shape] = {
    "X": _Shape(0.50, 0.0, 0.055),
    "A": _Shape(0.47, 0.0, 0.075),
    "B": _Shape(0.52, 0.17, 0.055, teeth=0.5, lower_teeth=0.38, usual_jaw=0.15),
    "C": _Shape(0.50, 0.36, 0.06, teeth=0.26, tongue=0.4, usual_jaw=0.5),
    "D": _Shape(0.52, 0.62, 0.06, roundness=0.15, teeth=0.2, tongue=0.38, usual_jaw=0.9),
    "E": _Shape(0.37, 0.38, 0.075, roundness=0.6, teeth=0.14, tongue=0.3, usual_jaw=0.55),
    "F": _Shape(0.22, 0.2, 0.1, roundness=1.0, usual_jaw=0.2),
    "G": _Shape(0.46, 0.13, 0.065, teeth=0.8, usual_jaw=0.1),
    "H": _Shape(0.48, 0.4, 0.06, teeth=0.22, tongue=0.62, usual_jaw=0.3),
}
_MOST_OPENING = 0.68


def mouth_box(anchor: MouthAnchor) -> Box:
    """The pixels that `draw_mouth` may touch; it may reach beyond the picture."""
    corners = _turned(
        np.array([(-HALF_WIDTH, -ABOVE), (HALF_WIDTH, -ABOVE), (HALF_WIDTH, BELOW), (-HALF_WIDTH, BELOW)]), anchor
    )
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return floor(left) - 1, floor(top) - 1, ceil(right) + 2, ceil(bottom) + 2


def draw_mouth(
    picture: Picture, anchor: MouthAnchor, shape: str, jaw: float, lip: float, colours: MouthColours
) -> None:
    """Draw one of "A" to "H" or "X" in place, over the mouth that is there; the rest of the picture stays as it is.

    `jaw` (0 shut to 1 wide) and `lip` (0 relaxed, 0.8 puckered, 1 sealed) move the shape away from its usual opening
    and width, so that frames of one shape are not frozen. Without a jaw of its own a shape takes `usual_jaw(shape)`.

    Raises:
        ValueError: there is no such shape.
    """
    if shape not in _SHAPES:
        raise ValueError(f'there is no mouth shape "{shape}"; Rhubarb has {", ".join(sorted(_SHAPES))}')
    box = mouth_box(anchor)
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(picture.shape[1], box[2]), min(picture.shape[0], box[3])
    if right - left < 3 or bottom - top < 3:
        return
    region = picture[top:bottom, left:right].copy()
    here = MouthAnchor(anchor.x - left, anchor.y - top, anchor.scale_px, anchor.angle_deg)
    ends = _turned(np.array([(-0.8, 0.0), (0.8, 0.0)]), here)
    grounds = np.stack([_patch(region, x, y, anchor.scale_px) for x, y in ends])
    _cover(region, here, ends, grounds)
    light = np.clip(grounds.mean(axis=0) / np.maximum(colours.ground, 1), 0.15, 2.0)
    for points, colour in _parts(_SHAPES[shape], jaw, lip, colours):
        lit = np.clip(np.asarray(colour) * light, 0, 255).round().tolist()
        cv2.fillPoly(region, [_fixed_point(points, here)], lit, cv2.LINE_AA, _SHIFT)
    picture[top:bottom, left:right] = region


def usual_jaw(shape: str) -> float:
    """The jaw at which a shape is drawn as it was designed."""
    return _SHAPES[shape].usual_jaw


def _parts(shape: _Shape, jaw: float, lip: float, colours: MouthColours) -> list[tuple[NDArray[np.float64], Rgb]]:
    """Polygons from back to front, in units of scale_px about the anchor, and their colours."""
    pucker = min(max(lip, 0.0), 0.8) / 0.8 if shape.roundness else 0.0
    half = shape.half_width * (1.0 - 0.12 * pucker)
    if not shape.opening:
        lips = _lens(half * 1.02, -shape.lips, shape.lips * 1.5, 0.0, bow=-0.02)
        line = _lens(half * 1.06, -0.012, 0.028, 0.0, bow=-0.02)
        return [(lips, colours.lip), (line, colours.line)]
    more = 1.0 + 0.6 * (min(max(jaw, 0.0), 1.0) - shape.usual_jaw)
    opening = min(_MOST_OPENING, shape.opening * more)
    top, bottom = -0.3 * opening, 0.7 * opening
    fat = shape.lips
    parts = [(_lens(half + fat * 0.8, top - fat, bottom + fat * 1.35, shape.roundness), colours.lip)]
    opened = _lens(half, top, bottom, shape.roundness)
    parts.append((opened, colours.inside))
    if shape.tongue:
        turn = np.linspace(0.0, 2 * np.pi, 33)[:-1]
        height = shape.tongue * opening
        tongue = np.stack([half * 0.66 * np.cos(turn), bottom + 0.15 * height + height * np.sin(turn)], axis=1)
        parts.append((_clipped(tongue, opened), colours.tongue))
    if shape.teeth:
        parts.append((_row(opened, half, top, top + shape.teeth * opening, is_upper=True), colours.teeth))
    if shape.lower_teeth:
        parts.append((_row(opened, half, bottom - shape.lower_teeth * opening, bottom, is_upper=False), colours.teeth))
    if shape.teeth > 0.6:  # teeth on the lower lip: the lip folds in over their edge
        fold = _lens(half * 0.86, bottom - 0.25 * opening, bottom + fat * 1.3, 0.2)
        parts.append((fold, colours.lip))
    return parts


def _lens(half: float, top: float, bottom: float, roundness: float, bow: float = 0.0) -> NDArray[np.float64]:
    """A mouth's outline from corner to corner: pointed at 0 roundness, an ellipse at 1."""
    turn = np.linspace(0.0, np.pi, 33)
    x = -np.cos(turn)
    arch = np.sin(turn) ** (1.45 - 0.45 * roundness)
    upper = top * arch + bow * np.cos(2 * turn)
    lower = bottom * arch + bow * np.cos(2 * turn)
    return np.concatenate([np.stack([half * x, upper], axis=1), np.stack([half * x, lower], axis=1)[::-1]])


def _row(opened: NDArray[np.float64], half: float, top: float, bottom: float, *, is_upper: bool) -> NDArray[np.float64]:
    """A row of teeth: what of the opening lies between two heights, its free edge slightly curved."""
    x = np.linspace(-0.9 * half, 0.9 * half, 21)
    sag = 0.25 * (bottom - top) * (1.0 - (x / half) ** 2)
    edge, far = (bottom + sag - 0.2 * (bottom - top), -2.0) if is_upper else (top - sag + 0.2 * (bottom - top), 2.0)
    row = np.concatenate([np.stack([x, np.full(21, far)], axis=1), np.stack([x, edge], axis=1)[::-1]])
    return _clipped(row, opened)


def _clipped(points: NDArray[np.float64], opened: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points moved vertically into the opening (its first half is the upper edge, from left to right)."""
    half = len(opened) // 2
    x = np.clip(points[:, 0], opened[0, 0], opened[half - 1, 0])
    upper = np.interp(x, opened[:half, 0], opened[:half, 1])
    lower = np.interp(x, opened[half:, 0][::-1], opened[half:, 1][::-1])
    return np.stack([x, np.clip(points[:, 1], upper, lower)], axis=1)


def _cover(region: Picture, anchor: MouthAnchor, ends: NDArray[np.float64], grounds: NDArray[np.float64]) -> None:
    """Carry the ground at the two ends over the closed mouth between them."""
    turn = np.linspace(0.0, 2 * np.pi, 49)[:-1]
    oval = np.stack([_COVER_HALF_WIDTH * np.cos(turn), _COVER_HALF_HEIGHT * np.sin(turn)], axis=1)
    sharp = np.zeros(region.shape[:2], np.uint8)
    cv2.fillPoly(sharp, [_fixed_point(oval, anchor)], 255, cv2.LINE_AA, _SHIFT)
    mask = cv2.GaussianBlur(sharp, (0, 0), max(0.3, _FEATHER * anchor.scale_px))
    along = (ends[1] - ends[0]) / max(1e-6, float(((ends[1] - ends[0]) ** 2).sum()))
    rows, columns = np.nonzero(mask)
    share = np.clip((columns - ends[0, 0]) * along[0] + (rows - ends[0, 1]) * along[1], 0.0, 1.0)[:, None]
    ground = grounds[0] + share * (grounds[1] - grounds[0])
    covered = region[rows, columns]
    region[rows, columns] = np.round(covered + mask[rows, columns, None] / 255.0 * (ground - covered))


def _patch(region: Picture, x: float, y: float, scale_px: float) -> NDArray[np.float64]:
    """The median colour about a point."""
    reach = max(1, round(0.04 * scale_px))
    row = int(np.clip(round(y), 0, region.shape[0] - 1))
    column = int(np.clip(round(x), 0, region.shape[1] - 1))
    about = region[max(0, row - 2 * reach) : row + 2 * reach + 1, max(0, column - reach) : column + reach + 1]
    return np.median(about.reshape(-1, 3).astype(np.float64), axis=0)


def _turned(points: NDArray[np.float64], anchor: MouthAnchor) -> NDArray[np.float64]:
    angle = np.deg2rad(anchor.angle_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ turn * anchor.scale_px + (anchor.x, anchor.y))


def _fixed_point(points: NDArray[np.float64], anchor: MouthAnchor) -> NDArray[np.int32]:
    return np.asarray(np.round(_turned(points, anchor) * (1 << _SHIFT)), np.int32)
