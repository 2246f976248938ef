"""Draws a character as a medium close-up, in parts that move on their own.

Coordinates of a portrait are in face heights (crown to chin), the middle of the face at (0, 0), y down. What a
character looks like is in `looks`, how it moves in `singer`. The ground about the mouth is one flat colour, for mouth
sprites are drawn over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_assets.domain.animatic.looks import Look
from audio_assets.domain.animatic.mouth_sprites import MouthAnchor, MouthColours, draw_mouth
from audio_assets.domain.animatic.palettes import Finish, Palette, finished, mixed
from audio_assets.domain.animatic.planes import Floats, Painter, Rgb, Sprite, curve

MOUTH_Y, MOUTH_WIDTH = 0.275, 0.235
EYE_X, EYE_Y = 0.165, -0.02
WIDTH_FACES, ABOVE_FACES, BELOW_FACES = 2.7, 0.85, 1.75
"""How far a portrait reaches: its width, above and below the middle of the face."""

_HEAD = (
    (0.0, -0.5), (0.2, -0.47), (0.33, -0.33), (0.365, -0.1), (0.345, 0.12), (0.285, 0.31), (0.165, 0.445), (0.0, 0.495),
    (-0.165, 0.445), (-0.285, 0.31), (-0.345, 0.12), (-0.365, -0.1), (-0.33, -0.33), (-0.2, -0.47),
)  # fmt: skip

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Portrait:
    """Sprites about the middle of the face, which is their (0, 0), from back to front; `face_px` is a face's height."""

    back: Sprite
    body: Sprite
    head: Sprite
    brows: Sprite
    lids: Sprite
    face_px: float
    colours: MouthColours


@dataclass(slots=True)
class _Hand:
    """Draws in face heights, in the colours of the style."""

    painter: Painter
    face: float
    finish: Finish
    ink: Rgb

    def fill(self, points: Points | Floats, colour: Rgb, *, smooth: bool = True, outlined: bool = True) -> None:
        shape = self._placed(curve([(float(x), float(y)) for x, y in points]) if smooth else np.asarray(points))
        self.painter.fill(shape, colour)
        if outlined and self.finish.lines:
            self.painter.stroke(np.concatenate([shape, shape[:1]]), self.ink, self.line_px)

    def line(self, points: Points, colour: Rgb, width: float, *, smooth: bool = True) -> None:
        placed = curve(points, is_closed=False) if smooth else np.asarray(points)
        self.painter.stroke(self._placed(placed), colour, max(1.0, width * self.face))

    def oval(
        self, x: float, y: float, half_width: float, half_height: float, colour: Rgb, turn_deg: float = 0.0
    ) -> None:
        self.painter.oval(
            x * self.face, y * self.face, half_width * self.face, half_height * self.face, colour, turn_deg
        )

    @property
    def line_px(self) -> float:
        return max(1.0, self.finish.lines * self.face / 330)

    def _placed(self, points: Floats) -> Floats:
        return np.asarray(points, np.float64) * self.face


def portrait(look: Look, palette: Palette, finish: Finish, face_px: float) -> Portrait:
    """Draw all parts of a singer whose face is `face_px` high."""
    ink = mixed(palette.ink, (20, 14, 18), 0.5)

    def hand() -> _Hand:
        width = round(WIDTH_FACES * face_px)
        height = round((ABOVE_FACES + BELOW_FACES) * face_px)
        painter = Painter(width, height, left=-width / 2, top=-ABOVE_FACES * face_px)
        return _Hand(painter, face_px, finish, ink)

    back, body, head, brows, lids = (hand() for _ in range(5))
    tones = _tones(look, finish, palette)
    _back_hair(back, look, tones)
    _body(body, look, tones)
    colours = _head(head, look, tones)
    _brows(brows, tones)
    _lids(lids, tones)
    sprites = [part.painter.sprite() for part in (back, body, head, brows, lids)]
    return Portrait(sprites[0], sprites[1], sprites[2], sprites[3], sprites[4], face_px, colours)


@dataclass(frozen=True, slots=True)
class _Tones:
    skin: Rgb
    shade: Rgb
    blush: Rgb
    hair: Rgb
    hair_light: Rgb
    hair_dark: Rgb
    clothes: Rgb
    clothes_dark: Rgb
    clothes_light: Rgb
    under: Rgb
    scarf: Rgb | None
    hat: Rgb | None
    beard: Rgb | None
    eyes: Rgb
    white: Rgb
    ink: Rgb
    rim: Rgb
    lip: Rgb


def _tones(look: Look, finish: Finish, palette: Palette) -> _Tones:
    def shown(colour: Rgb) -> Rgb:
        return finished(colour, finish)

    skin, hair, clothes = shown(look.skin), shown(look.hair), shown(look.clothes)
    ink = mixed(palette.ink, (16, 12, 16), 0.5)
    return _Tones(
        skin=skin, shade=mixed(shown(mixed(look.skin, (120, 50, 40), 0.3)), palette.near,
            0.22 if finish.saturation else 0.5),
        blush=shown(mixed(look.skin, (226, 96, 88), 0.3)), hair=hair, hair_light=mixed(hair, palette.glow, 0.2),
        hair_dark=mixed(hair, ink, 0.4), clothes=clothes, clothes_dark=mixed(clothes, ink, 0.42),
        clothes_light=mixed(clothes, palette.glow, 0.16), under=shown(look.under),
        scarf=shown(look.scarf) if look.scarf else None, hat=shown(look.hat) if look.hat else None,
        beard=shown(look.beard) if look.beard else None, eyes=shown(look.eyes), white=shown((244, 242, 236)), ink=ink,
        rim=mixed(palette.glow, skin, 0.35), lip=shown(mixed(look.skin, (178, 52, 62), 0.52)),
    )  # fmt: skip


def _back_hair(hand: _Hand, look: Look, tones: _Tones) -> None:
    if look.hair_style == "long":
        hand.fill(((0, -0.6), (0.36, -0.5), (0.47, -0.1), (0.47, 0.4), (0.56, 0.86), (0.3, 0.98), (0, 0.9), (-0.3,
            0.98),
                   (-0.56, 0.86), (-0.47, 0.4), (-0.47, -0.1), (-0.36, -0.5)), tones.hair_dark)  # fmt: skip
    elif look.hair_style == "curly":
        for k in range(22):
            at = np.pi * (0.9 + 1.2 * k / 21)
            hand.oval(0.42 * np.cos(at), -0.12 + 0.42 * np.sin(at), 0.14, 0.14, tones.hair_dark)
        for side in (-1, 1):
            hand.oval(side * 0.43, 0.1, 0.13, 0.16, tones.hair_dark)
    elif look.hair_style == "bun":
        hand.oval(0.03, -0.64, 0.17, 0.15, tones.hair_dark)
        hand.oval(0.05, -0.66, 0.12, 0.1, tones.hair)


def _body(hand: _Hand, look: Look, tones: _Tones) -> None:
    hand.fill(
        ((-0.17, 0.25), (0.17, 0.25), (0.18, 0.66), (0.3, 0.8), (-0.3, 0.8), (-0.18, 0.66)), tones.skin, smooth=False
    )
    hand.fill(((-0.17, 0.36), (0.17, 0.36), (0.175, 0.52), (0.03, 0.6), (-0.16, 0.5)), tones.shade, outlined=False)
    shoulders = ((-0.2, 0.66), (-0.5, 0.76), (-0.78, 0.88), (-0.96, 1.12), (-1.04, 1.8), (1.04, 1.8), (0.96, 1.12),
                 (0.78, 0.88), (0.5, 0.76), (0.2, 0.66), (0.09, 0.84), (-0.09, 0.84))  # fmt: skip
    hand.fill(shoulders, tones.clothes)
    side = ((0.5, 0.78), (0.78, 0.88), (0.96, 1.12), (1.04, 1.8), (0.6, 1.8), (0.72, 1.2))
    hand.fill(side, tones.clothes_dark, outlined=False)
    for way in (-1, 1):
        hand.line(((way * 0.72, 1.8), (way * 0.66, 1.38), (way * 0.7, 1.14)), tones.clothes_dark, 0.012)
    if look.collar == "open":
        _open_collar(hand, tones)
    elif look.collar == "high":
        hand.fill(((-0.24, 0.58), (0, 0.66), (0.24, 0.58), (0.27, 0.78), (0, 0.88), (-0.27, 0.78)), tones.clothes_light)
        for x in np.linspace(-0.18, 0.18, 7):
            hand.line(((x, 0.66), (x * 1.05, 0.8)), tones.clothes_dark, 0.008)
    else:
        hand.fill(((-0.24, 0.66), (0.24, 0.66), (0.16, 0.86), (0, 0.93), (-0.16, 0.86)), tones.skin, outlined=False)
        hand.line(((-0.25, 0.68), (-0.17, 0.86), (0, 0.94), (0.17, 0.86), (0.25, 0.68)), tones.clothes_light, 0.03)
    if look.hair_style == "braid":
        for k in range(8):
            y, half = 0.42 + 0.125 * k, 0.095 - 0.004 * k
            x = -0.32 - 0.012 * k
            hand.oval(x - 0.032, y, half * 0.66, 0.085, tones.hair, 28)
            hand.oval(x + 0.032, y + 0.055, half * 0.66, 0.085, tones.hair_light if k % 2 else tones.hair_dark, -28)
        hand.oval(-0.42, 1.46, 0.05, 0.1, tones.hair)
        hand.line(((-0.47, 1.38), (-0.36, 1.38)), tones.scarf or tones.clothes_light, 0.04)
    if tones.scarf:
        _scarf(hand, tones, tones.scarf)


def _open_collar(hand: _Hand, tones: _Tones) -> None:
    hand.fill(((-0.2, 0.66), (0.2, 0.66), (0.06, 1.36), (0, 1.5), (-0.06, 1.36)), tones.under, smooth=False)
    hand.fill(((-0.1, 0.66), (0.1, 0.66), (0, 0.82)), tones.skin, smooth=False, outlined=False)
    for way in (-1, 1):
        lapel = (
            (way * 0.19, 0.58),
            (way * 0.34, 0.68),
            (way * 0.5, 0.98),
            (way * 0.32, 1.0),
            (way * 0.36, 1.1),
            (way * 0.02, 1.66),
        )
        hand.fill(
            lapel, tones.clothes_light if way < 0 else mixed(tones.clothes, tones.clothes_dark, 0.35), smooth=False
        )
    hand.line(((0.02, 1.62), (0.03, 1.8)), tones.clothes_dark, 0.016)
    for y in (1.56, 1.74):
        hand.oval(0.1, y, 0.022, 0.022, tones.clothes_dark)


def _scarf(hand: _Hand, tones: _Tones, colour: Rgb) -> None:
    dark, light = mixed(colour, tones.ink, 0.35), mixed(colour, tones.rim, 0.18)
    hand.fill(((0.06, 0.78), (0.26, 0.74), (0.34, 1.1), (0.36, 1.5), (0.12, 1.52), (0.1, 1.1)), dark)
    hand.fill(
        ((-0.3, 0.5), (0, 0.58), (0.3, 0.5), (0.37, 0.68), (0.24, 0.84), (0, 0.9), (-0.24, 0.84), (-0.37, 0.68)), colour
    )
    hand.line(((-0.3, 0.62), (-0.05, 0.72), (0.3, 0.64)), dark, 0.014)
    hand.line(((-0.26, 0.76), (0.0, 0.82), (0.2, 0.78)), light, 0.012)
    for x in (0.15, 0.22, 0.3):
        hand.line(((x, 1.46), (x + 0.005, 1.58)), dark, 0.014)


def _head(hand: _Hand, look: Look, tones: _Tones) -> MouthColours:
    for way in (-1, 1):
        hand.oval(way * 0.365, 0.02, 0.05, 0.09, tones.skin if way < 0 else tones.shade)
        hand.oval(way * 0.37, 0.03, 0.025, 0.05, tones.shade)
    hand.fill(_HEAD, tones.skin)
    shade_side = (
        (0.2, -0.47),
        (0.33, -0.33),
        (0.362, -0.1),
        (0.342, 0.12),
        (0.283, 0.31),
        (0.2, 0.42),
        (0.24, 0.2),
        (0.285, -0.02),
        (0.24, -0.3),
    )
    hand.fill(shade_side, tones.shade, outlined=False)
    for way in (-1, 1):
        hand.oval(way * 0.215, 0.125, 0.06, 0.034, mixed(tones.skin, tones.blush, 0.55))
    ground, lip = tones.skin, tones.lip
    if tones.beard:
        _beard(hand, tones, tones.beard)
        ground, lip = tones.beard, mixed(tones.lip, tones.ink, 0.1)
    elif look.has_moustache:
        _moustache(hand, tones.hair)
    _nose(hand, tones)
    _eyes(hand, look, tones)
    if look.has_glasses:
        for way in (-1, 1):
            lens = [
                (way * EYE_X + 0.115 * np.cos(a), EYE_Y + 0.01 + 0.095 * np.sin(a))
                for a in np.linspace(0, 2 * np.pi, 25)
            ]
            hand.line(lens, tones.ink, 0.014)
        hand.line(((-0.05, EYE_Y), (0, EYE_Y - 0.015), (0.05, EYE_Y)), tones.ink, 0.014)
    _front_hair(hand, look, tones)
    if tones.hat:
        _hat(hand, look, tones, tones.hat)
    colours = MouthColours(
        ground=ground, lip=lip, line=mixed(lip, tones.ink, 0.62), inside=mixed(mixed(lip, tones.ink, 0.8), (60, 10,
            16), 0.25 if tones.lip[0] - tones.lip[1] > 12 else 0.0),
        teeth=tones.white, tongue=mixed(lip, tones.blush, 0.45),
    )  # fmt: skip
    _closed_mouth(hand, colours)
    return colours


def _closed_mouth(hand: _Hand, colours: MouthColours) -> None:
    painter = hand.painter
    anchor = MouthAnchor(-painter.left, MOUTH_Y * hand.face - painter.top, MOUTH_WIDTH * hand.face)
    rgb = np.ascontiguousarray(painter.rgba[..., :3])
    draw_mouth(rgb, anchor, "X", 0.0, 0.0, colours)
    painter.rgba[..., :3] = rgb


def _nose(hand: _Hand, tones: _Tones) -> None:
    if hand.finish.lines:  # drawn, not painted: a stroke is enough
        hand.line(((0.012, 0.07), (0.03, 0.118), (-0.005, 0.128)), tones.shade, 0.014)
        return
    hand.fill(
        ((0.0, -0.06), (0.03, 0.04), (0.058, 0.11), (0.035, 0.14), (0.0, 0.15), (-0.012, 0.13)),
        tones.shade,
        outlined=False,
    )
    hand.line(
        ((-0.052, 0.12), (-0.03, 0.146), (0.0, 0.142), (0.03, 0.146), (0.052, 0.12)),
        mixed(tones.shade, tones.ink, 0.2),
        0.01,
    )


def _eyes(hand: _Hand, look: Look, tones: _Tones) -> None:
    is_drawn = bool(hand.finish.lines)
    half, high = (0.083, 0.078) if is_drawn else (0.078, 0.043)
    iris = (0.056, 0.07) if is_drawn else (0.04, 0.042)
    for way in (-1, 1):
        x = way * EYE_X
        if not is_drawn:
            hand.oval(x, EYE_Y + 0.005, half * 1.35, high * 1.7, mixed(tones.skin, tones.shade, 0.4))
        almond = ((x - half, EYE_Y + 0.012), (x - 0.4 * half, EYE_Y - high * 0.9), (x + 0.4 * half,
            EYE_Y - high * 0.9), (x + half, EYE_Y + 0.004),
                  (x + 0.45 * half, EYE_Y + high * 0.85), (x - 0.45 * half, EYE_Y + high * 0.85))  # fmt: skip
        hand.fill(almond, tones.white, outlined=False)
        hand.oval(x, EYE_Y - 0.002, iris[0], min(iris[1], high * 0.98), mixed(tones.eyes, tones.ink, 0.15))
        hand.oval(x, EYE_Y + 0.014, iris[0] * 0.72, iris[1] * 0.5, mixed(tones.eyes, tones.white, 0.28))
        hand.oval(x, EYE_Y - 0.002, iris[0] * 0.5, iris[1] * 0.52, tones.ink)
        hand.oval(
            x - 0.016, EYE_Y - 0.018, 0.013 if not is_drawn else 0.02, 0.012 if not is_drawn else 0.022, (255, 255, 255)
        )
        lid = (
            (x - half * 1.12, EYE_Y + 0.014),
            (x - 0.45 * half, EYE_Y - high * 0.98),
            (x + 0.45 * half, EYE_Y - high * 0.98),
            (x + half * 1.12, EYE_Y + 0.006),
        )
        hand.line(lid, mixed(tones.ink, tones.hair_dark, 0.2), 0.02 if is_drawn else 0.016)
        if look.is_older:
            hand.line(
                ((x - 0.8 * half, EYE_Y + 0.075), (x, EYE_Y + 0.092), (x + 0.8 * half, EYE_Y + 0.075)),
                tones.shade,
                0.009,
            )


def _lids(hand: _Hand, tones: _Tones) -> None:
    is_drawn = bool(hand.finish.lines)
    half, high = (0.094, 0.092) if is_drawn else (0.09, 0.056)
    for way in (-1, 1):
        x = way * EYE_X
        hand.oval(x, EYE_Y, half, high, mixed(tones.skin, tones.shade, 0.4) if not is_drawn else tones.skin)
        hand.line(
            ((x - half, EYE_Y + 0.012), (x, EYE_Y + 0.04), (x + half, EYE_Y + 0.008)),
            mixed(tones.ink, tones.hair_dark, 0.2),
            0.018,
        )


def _brows(hand: _Hand, tones: _Tones) -> None:
    colour = mixed(tones.beard or tones.hair, tones.ink, 0.3)
    y = EYE_Y - (0.155 if hand.finish.lines else 0.118)
    for way in (-1, 1):
        brow = (
            (way * 0.085, y + 0.022),
            (way * 0.16, y - 0.012),
            (way * 0.255, y + 0.02),
            (way * 0.25, y + 0.032),
            (way * 0.16, y + 0.014),
            (way * 0.088, y + 0.046),
        )
        hand.fill(brow, colour, outlined=False)


def _beard(hand: _Hand, tones: _Tones, colour: Rgb) -> None:
    dark, light = mixed(colour, tones.ink, 0.25), mixed(colour, tones.rim, 0.2)
    hand.fill(((-0.36, -0.02), (-0.3, 0.1), (-0.22, 0.155), (-0.1, 0.168), (0, 0.16), (0.1, 0.168), (0.22, 0.155),
        (0.3, 0.1), (0.36, -0.02),
               (0.37, 0.24), (0.29, 0.46), (0.16, 0.6), (0, 0.66), (-0.16, 0.6), (-0.29, 0.46), (-0.37, 0.24)),
               colour)  # fmt: skip
    for x in (-0.2, -0.1, 0.0, 0.1, 0.2):
        hand.line(((x, 0.5), (x * 0.94, 0.56), (x * 0.86, 0.62 - 0.4 * abs(x))), dark if x > 0 else light, 0.01)
    _moustache(hand, light)


def _moustache(hand: _Hand, colour: Rgb) -> None:
    """Between nose and mouth, above the mouth's box."""
    for way in (-1, 1):
        half = (
            (0, 0.15), (way * 0.07, 0.152), (way * 0.15, 0.168), (way * 0.18, 0.182), (way * 0.1, 0.178), (0, 0.174)
        )  # fmt: skip
        hand.fill(half, colour, outlined=False)


def _front_hair(hand: _Hand, look: Look, tones: _Tones) -> None:
    style = look.hair_style
    if style == "bald":
        return
    if style == "curly":
        for k in range(13):
            at = np.pi * (1.02 + 0.96 * k / 12)
            lock = tones.hair if k % 2 else mixed(tones.hair, tones.hair_light, 0.4)
            hand.oval(0.31 * np.cos(at), -0.2 + 0.3 * np.sin(at), 0.115, 0.11, lock)
        return
    cap = [(0.0, -0.6), (0.24, -0.56), (0.39, -0.38), (0.405, -0.12), (0.37, 0.06), (0.345, -0.12), (0.3, -0.25)]
    fringe = {
        "short": [(0.17, -0.33), (0.02, -0.27), (-0.13, -0.31), (-0.27, -0.24)],
        "long": [(0.16, -0.3), (0.04, -0.35), (-0.14, -0.26), (-0.28, -0.14)],
        "bun": [(0.17, -0.35), (0.0, -0.385), (-0.17, -0.35), (-0.28, -0.25)],
        "braid": [(0.16, -0.33), (0.03, -0.38), (-0.15, -0.29), (-0.28, -0.2)],
    }[style]
    left = [(-0.345, -0.12), (-0.37, 0.06), (-0.405, -0.12), (-0.39, -0.38), (-0.24, -0.56)]
    hand.fill([*cap, *fringe, *left], tones.hair)
    hand.line(((-0.27, -0.43), (-0.12, -0.51), (0.06, -0.52)), tones.hair_light, 0.03)
    hand.line(((0.16, -0.48), (0.28, -0.38), (0.33, -0.22)), tones.hair_dark, 0.018)
    if style == "long":
        for way in (-1, 1):
            hand.fill(((way * 0.34, -0.3), (way * 0.42, -0.1), (way * 0.44, 0.3), (way * 0.5, 0.7), (way * 0.37,
                0.62), (way * 0.335, 0.2)),
                      tones.hair if way < 0 else tones.hair_dark)  # fmt: skip


def _hat(hand: _Hand, look: Look, tones: _Tones, colour: Rgb) -> None:
    dark = mixed(colour, tones.ink, 0.35)
    crown = (
        (-0.4, -0.3),
        (-0.38, -0.52),
        (-0.2, -0.68),
        (0, -0.71),
        (0.2, -0.68),
        (0.38, -0.52),
        (0.4, -0.3),
        (0, -0.37),
    )
    if look.hat_kind == "hood":
        hand.fill(((0, -0.72), (0.34, -0.62), (0.5, -0.3), (0.5, 0.2), (0.4, 0.6), (0.36, 0.2), (0.34, -0.2), (0.2,
            -0.42), (0, -0.46), (-0.2, -0.42),
                   (-0.34, -0.2), (-0.36, 0.2), (-0.4, 0.6), (-0.5, 0.2), (-0.5, -0.3), (-0.34, -0.62)),
                   colour)  # fmt: skip
        return
    hand.fill(crown, colour)
    if look.hat_kind in ("beanie", "bonnet", "beret"):
        hand.fill(((-0.42, -0.34), (0, -0.42), (0.42, -0.34), (0.41, -0.22), (0, -0.3), (-0.41, -0.22)), dark)
    elif look.hat_kind == "cap":
        hand.fill(((-0.4, -0.33), (0, -0.4), (0.4, -0.33), (0.34, -0.22), (0, -0.25), (-0.34, -0.22)), dark)
    else:
        hand.fill(
            (
                (-0.64, -0.22),
                (-0.3, -0.36),
                (0, -0.4),
                (0.3, -0.36),
                (0.64, -0.22),
                (0.3, -0.27),
                (0, -0.3),
                (-0.3, -0.27),
            ),
            dark,
        )
