"""No place: shapes that follow the music. Builds its layers on a `Site`."""

import numpy as np

from audio_assets.domain.animatic.affine import Affine
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import mixed
from audio_assets.domain.animatic.planes import Painter, Planes
from audio_assets.domain.animatic.site import Drift, Layer, Move, Site
from audio_assets.domain.animatic.textures import gradient


def abstract(site: Site) -> None:
    """Shapes only: turning rays, rings that open on beats, bars that stand for the music."""
    p, u, h, w = site.palette, site.unit, site.height, site.width
    cx, cy = site.uniform(0.35, 0.65) * w, site.uniform(0.4, 0.6) * h
    back = site.painter()
    rows, columns = back.rgba.shape[:2]
    back.rgba[..., :3] = gradient(rows, columns, ((0.0, p.sky_top), (1.0, p.sky_low)), site.rng)
    back.rgba[..., 3] = 255
    site.layers.append(Layer(back.sprite(is_opaque=True), 0.0))
    rays = Painter(round(2.4 * max(w, h)), round(2.4 * max(w, h)), left=cx - 1.2 * max(w, h), top=cy - 1.2 * max(w, h))
    n_rays = int(site.rng.integers(7, 13))
    for k in range(n_rays):
        at = 2 * np.pi * k / n_rays
        away = 1.7 * max(w, h)
        wide = 0.42 * np.pi / n_rays
        rays.fill(
            np.array(
                [
                    (cx, cy),
                    (cx + away * np.cos(at - wide), cy + away * np.sin(at - wide)),
                    (cx + away * np.cos(at + wide), cy + away * np.sin(at + wide)),
                ]
            ),
            p.middle,
        )
    rays.fade(np.full(rays.rgba.shape[0], 0.5))
    way = 1.0 if site.rng.random() < 0.5 else -1.0
    site.add(rays, 0.1, lambda m: Drift(turn_deg=way * 9.0 * m.flow_s, pivot=(cx, cy)))
    for n, (size, colour) in enumerate(((0.46, p.far), (0.35, p.sky_low), (0.25, p.accent), (0.13, p.glow))):
        disc = Painter(round(2.2 * size * u), round(2.2 * size * u), left=cx - 1.1 * size * u, top=cy - 1.1 * size * u)
        disc.oval(cx, cy, size * u, size * u, colour)
        if n in (0, 2):
            disc.oval(cx, cy, 0.94 * size * u, 0.94 * size * u, mixed(colour, p.sky_top, 0.35))
        site.add(disc, 0.2 + 0.12 * n, _opening((cx, cy), n))
    _bars(site)


def _opening(pivot: tuple[float, float], number: int) -> Move:
    def move(m: Moment) -> Drift:
        hit = m.bar if number < 2 else m.beat
        scale = 0.92 + 0.05 * np.sin(0.9 * m.flow_s + number) + (0.05 + 0.13 * m.energy) * hit + 0.08 * m.energy
        return Drift(scale=scale, pivot=pivot)

    return move


def _bars(site: Site) -> None:
    n_bars = 28
    phases = site.rng.uniform(0, 6, n_bars)
    speeds = site.rng.uniform(2.0, 5.0, n_bars)
    low, wide = site.height + site.margin, site.width * 1.1 / n_bars
    colour = site.palette.ink

    def draw(frame: Planes, m: Moment, at: Affine) -> None:
        for k in range(n_bars):
            high = (
                0.05
                + (0.05 + 0.16 * m.energy) * (0.5 + 0.5 * np.sin(speeds[k] * m.flow_s + phases[k]))
                + 0.07 * m.beat * m.energy
            ) * site.height
            x = -0.05 * site.width + k * wide
            top = site.height - high
            bar = np.array([(x, low), (x, top), (x + 0.62 * wide, top), (x + 0.62 * wide, low)])
            frame.polygon(at.moved(bar), colour)

    site.add(draw, 0.9)
