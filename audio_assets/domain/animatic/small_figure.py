"""Draws a character far away, as a silhouette in a place. Close-ups are in `portrait`."""

import numpy as np

from audio_assets.domain.animatic.looks import Look
from audio_assets.domain.animatic.palettes import Finish, Palette, finished, mixed
from audio_assets.domain.animatic.planes import Painter, Sprite, curve

_DARKER = 0.55


def small_figure(look: Look, palette: Palette, finish: Finish, height_px: float) -> Sprite:
    """Somebody far away, seen from behind, standing on (0, 0): a silhouette with the colours one knows them by."""
    h = height_px
    painter = Painter(round(0.7 * h), round(1.1 * h), left=-0.35 * h, top=-1.05 * h)
    ink = palette.ink
    coat = mixed(finished(look.clothes, finish), ink, _DARKER)
    hair = mixed(finished(look.hair, finish), ink, 0.4)
    for way in (-1, 1):
        leg = np.array([(way * 0.015, -0.44), (way * 0.085, -0.44), (way * 0.07, 0.0), (way * 0.02, 0.0)])
        painter.fill(leg * h, ink)
    body = curve(
        [
            (-0.06, -0.84),
            (0.06, -0.84),
            (0.13, -0.78),
            (0.15, -0.55),
            (0.15, -0.33),
            (0, -0.3),
            (-0.15, -0.33),
            (-0.15, -0.55),
            (-0.13, -0.78),
        ]
    )
    painter.fill(body * h, coat)
    painter.stroke(
        curve([(0.1, -0.8), (0.135, -0.7), (0.15, -0.55), (0.155, -0.36)], is_closed=False) * h,
        mixed(palette.glow, coat, 0.35),
        0.012 * h,
    )
    painter.oval(0.0, -0.915 * h, 0.058 * h, 0.075 * h, hair)
    if look.hair_style == "long":
        painter.fill(curve([(-0.06, -0.94), (0.06, -0.94), (0.075, -0.74), (0, -0.71), (-0.075, -0.74)]) * h, hair)
    if look.hair_style == "braid":
        painter.stroke(np.array([(0.0, -0.88), (-0.012, -0.62)]) * h, mixed(hair, palette.glow, 0.15), 0.032 * h)
    if look.hat:
        painter.fill(
            curve([(-0.11, -0.93), (0, -0.96), (0.11, -0.93), (0.06, -0.99), (0, -1.02), (-0.06, -0.99)]) * h,
            mixed(finished(look.hat, finish), ink, 0.3),
        )
    if look.scarf:
        colour = mixed(finished(look.scarf, finish), ink, 0.12)
        painter.stroke(np.array([(-0.055, -0.83), (0.055, -0.83)]) * h, colour, 0.05 * h)
        painter.fill(curve([(0.04, -0.85), (0.17, -0.83), (0.25, -0.76), (0.15, -0.78), (0.04, -0.8)]) * h, colour)
    return painter.sprite()
