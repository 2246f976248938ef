"""Moves a singer with the music: a drawn one, whose mouth's place is told for lip-sync, or one from a picture.

Parts are drawn by `portrait`; a picture is given as pixels and, where one was found, the box of its face. How the
camera stands is none of this module's business: it answers affines of the stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, degrees, sin

import cv2
import numpy as np

from audio_assets.domain.animatic.affine import Affine, about, shift
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.mouth_sprites import MouthAnchor
from audio_assets.domain.animatic.palettes import Finish, finished_pixels
from audio_assets.domain.animatic.planes import Bytes, Sprite, sprite_of
from audio_assets.domain.animatic.portrait import MOUTH_WIDTH, MOUTH_Y, Portrait

FACE_OF_HEIGHT, FACE_OF_WIDTH = 0.5, 0.62
"""A drawn face's height: of the frame's height, but no more than this of its width."""

PHOTO_FACE_OF_HEIGHT, PHOTO_FACE_OF_WIDTH = 0.46, 0.6
"""The height of a face in a picture, brow to chin, in the same way."""

_BLINK_S, _USUAL_FACE = 0.13, 0.3


@dataclass(frozen=True, slots=True)
class Reference:
    """A character's picture (rows, columns, 3) and the box of the face in it (left, top, right, bottom)."""

    pixels: Bytes
    face: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A sprite and where it stands on the stage on one frame."""

    sprite: Sprite
    at: Affine


class DrawnSinger:
    """A portrait at (x, y), the middle of its face."""

    def __init__(self, portrait: Portrait, x: float, y: float, rng: np.random.Generator) -> None:
        self.portrait, self._x, self._y = portrait, x, y
        self._phase = float(rng.uniform(0, 6.28))
        self._blinks = np.cumsum(rng.uniform(1.3, 4.2, 400))

    def parts(self, m: Moment) -> Sequence[Placed]:
        """All that is seen of the singer, from back to front."""
        p, face = self.portrait, self.portrait.face_px
        head = self.head(m)
        lift = (0.012 * m.energy + 0.022 * m.bar) * face
        brows = head.after(shift(0.0, -lift))
        placed = [
            Placed(p.back, self._turned(m, 0.55, 0.9)), Placed(p.body, self._turned(m, 0.25, 0.35)),
            Placed(p.head, head), Placed(p.brows, brows),
        ]  # fmt: skip
        since = m.time_s - self._blinks[: int(np.searchsorted(self._blinks, m.time_s, "right"))][-1:]
        if len(since) and since[0] < _BLINK_S:
            placed.append(Placed(p.lids, head))
        return placed

    def head(self, m: Moment) -> Affine:
        """Where the head's (0, 0) is."""
        return self._turned(m, 1.0, 1.0)

    def anchor(self, m: Moment, view: Affine) -> MouthAnchor:
        """The mouth as the camera sees it."""
        at = view.after(self.head(m))
        face = self.portrait.face_px
        x, y = at.of(0.0, MOUTH_Y * face)
        return MouthAnchor(x, y, MOUTH_WIDTH * face * at.scale, degrees(atan2(at.c, at.a)))

    def _turned(self, m: Moment, turning: float, following: float) -> Affine:
        """The head sways and nods about the neck; hair and body follow less."""
        face = self.portrait.face_px
        swing = 0.95 * m.flow_s + self._phase
        x = (0.018 + 0.034 * m.energy) * face * sin(swing) * following
        nod = (0.012 + 0.034 * m.energy) * face * m.beat * following
        breath = 0.005 * face * sin(1.9 * m.time_s + self._phase)
        turn = (1.2 + 2.6 * m.energy) * sin(swing + 0.4) * turning
        return shift(self._x + x, self._y + nod + breath).after(about(0.0, 0.55 * face, turn))


class PicturedSinger:
    """A picture of the singer: cropped to a medium close-up, its edges soft, moving as one piece."""

    def __init__(self, reference: Reference, width: int, height: int, finish: Finish, rng: np.random.Generator) -> None:
        sprite, self._face = _close_up(reference, width, height, finish)
        off = float(rng.uniform(-0.1, 0.1)) if width > height else 0.0
        self._sprite, self._x, self._y = sprite, (0.5 + off) * width, 0.45 * height
        self._phase = float(rng.uniform(0, 6.28))

    def parts(self, m: Moment) -> Sequence[Placed]:
        """The picture."""
        swing = 0.8 * m.flow_s + self._phase
        x = (0.008 + 0.016 * m.energy) * self._face * sin(swing)
        y = (0.006 + 0.016 * m.energy) * self._face * m.beat + 0.004 * self._face * sin(1.7 * m.time_s)
        turn = (0.3 + 0.7 * m.energy) * sin(swing + 0.5)
        at = shift(self._x + x, self._y + y).after(about(0.0, 0.6 * self._face, turn))
        return (Placed(self._sprite, at),)


def _close_up(reference: Reference, width: int, height: int, finish: Finish) -> tuple[Sprite, float]:
    """The picture scaled so that its face is large, its middle at (0, 0); and the height of the face in pixels."""
    rows, columns = reference.pixels.shape[:2]
    face_px = min(PHOTO_FACE_OF_HEIGHT * height, PHOTO_FACE_OF_WIDTH * width)
    if reference.face is None:
        scale = max(width / columns, height / rows) * 1.12
        x, y, face_px = columns / 2, rows * 0.42, _USUAL_FACE * rows * scale
    else:
        left, top, right, bottom = reference.face
        scale = face_px / (bottom - top)
        x, y = (left + right) / 2, (top + bottom) / 2
    reach_x, reach_y = 0.85 * width / scale, 0.85 * height / scale
    first = (max(0, round(x - reach_x)), max(0, round(y - reach_y)))
    last = (min(columns, round(x + reach_x)), min(rows, round(y + reach_y)))
    part = reference.pixels[first[1] : last[1], first[0] : last[0]]
    size = (max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale)))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    large = np.asarray(cv2.resize(part, size, interpolation=way), np.uint8)
    graded = finished_pixels(large.astype(np.float64), finish).round().astype(np.uint8)
    edges = (first[0] > 0, first[1] > 0, last[0] < columns, last[1] < rows)
    alpha = _soft_edges(size[0], size[1], edges, 0.14 * min(width, height))
    return sprite_of(graded, alpha, (first[0] - x) * scale, (first[1] - y) * scale), face_px


def _soft_edges(columns: int, rows: int, is_cut: tuple[bool, bool, bool, bool], soft_px: float) -> Bytes:
    """Alpha that fades at the picture's own edges; where it was cut beyond the frame it need not."""
    x, y = np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64)
    far = np.full(1, 10 * soft_px)
    left = far if is_cut[0] else x
    right = far if is_cut[2] else columns - 1 - x
    top = far if is_cut[1] else y
    bottom = far if is_cut[3] else rows - 1 - y
    across = np.broadcast_to(np.clip(np.minimum(left, right) / soft_px, 0, 1), (columns,))
    down = np.broadcast_to(np.clip(np.minimum(top, bottom) / soft_px, 0, 1), (rows,))
    kept = np.outer(down * down * (3 - 2 * down), across * across * (3 - 2 * across))
    return np.asarray(np.round(255 * kept), np.uint8)
