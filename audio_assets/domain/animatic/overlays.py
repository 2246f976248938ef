"""What lies over a picture: weather, dust and sparks, smoke, speed lines, the style's own beams of light."""

import cv2
import numpy as np

from audio_assets.domain.animatic.affine import Affine, shift
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import mixed
from audio_assets.domain.animatic.planes import Planes, Rgb, fixed_point, glow_of, yuv_of
from audio_assets.domain.animatic.site import Draw, Drift, Site, mist
from audio_assets.domain.animatic.textures import beam, halo


def lay_over(site: Site, kind: str, energy: float) -> None:
    """Put one kind of overlay before all layers of the site: dust, bokeh, embers, snow, rain, smoke or speed."""
    p, u = site.palette, site.unit
    more = 0.6 + 0.8 * energy
    if kind == "dust":
        _motes(site, round(16 * more), 0.0024 * u, mixed(p.glow, p.fog, 0.3), (0.012, -0.008), 0.45)
    elif kind == "bokeh":
        _motes(site, round(14 * more), 0.026 * u, p.glow, (0.012, -0.03), 0.3, core=0.62)
        _motes(site, round(14 * more), 0.005 * u, p.lamp, (0.015, -0.04), 0.75)
    elif kind == "embers":
        _motes(site, round(26 * more), 0.0042 * u, p.lamp, (0.02, -0.11), 0.95)
    elif kind == "snow":
        _motes(site, round(34 * more), 0.0045 * u, mixed(p.glow, (255, 255, 255), 0.5), (0.03, 0.14), 0.9)
        _motes(site, round(10 * more), 0.011 * u, mixed(p.glow, (255, 255, 255), 0.5), (0.05, 0.22), 0.5)
    elif kind == "rain":
        site.add(_rain(site, round(110 * more)), 1.0)
    elif kind == "smoke":
        mist(site, site.uniform(0.7, 0.85), 0.3, 0.42, 0.9)
    elif kind == "speed":
        site.add(_speed_lines(site), 1.0)


def light_beams(site: Site) -> None:
    """Hard beams from above, for styles that live by one source of light."""
    side = 1.0 if site.rng.random() < 0.5 else -1.0
    for n in range(2):
        light = beam(1.5 * site.height, 0.03 * site.unit, (0.5 - 0.22 * n) * site.unit)
        x, y = (0.5 + side * (0.5 - 0.16 * n)) * site.width, -0.2 * site.height
        glow = glow_of(light, site.palette.glow, x, y - light.shape[0] / 2)
        angle = 90.0 + side * (34.0 + 10.0 * n)

        def move(m: Moment, angle: float = angle, x: float = x, y: float = y, n: int = n) -> Drift:
            gain = 0.2 + 0.05 * np.sin(0.7 * m.flow_s + 2.0 * n) + 0.22 * m.bar * (0.3 + m.energy)
            return Drift(turn_deg=angle + 3.0 * np.sin(0.35 * m.flow_s + n), pivot=(x, y), gain=gain)

        site.add(glow, 0.4, move)


def _motes(
    site: Site, count: int, size_px: float, colour: Rgb, speed: tuple[float, float], gain: float, *, core: float = 0.15
) -> None:
    """Soft lights that drift over the frame (`speed` in frames per second of flow) and glow up on beats."""
    rng, margin = site.rng, 4 * size_px + 8
    starts = rng.random((count, 2))
    phases = rng.uniform(0, 6.28, count)
    near = rng.uniform(0.5, 1.5, count)
    sizes = (0.7, 1.0, 1.5)
    glows = [
        glow_of(halo(max(2.0, size_px * s), core, 1.2), colour, -max(2.0, size_px * s), -max(2.0, size_px * s))
        for s in sizes
    ]
    spans = np.array([site.width + 2 * margin, site.height + 2 * margin])

    def draw(frame: Planes, m: Moment, at: Affine) -> None:
        moved = (starts + m.flow_s * np.outer(near, speed)) % 1.0 * spans - margin
        moved[:, 0] += 0.02 * site.unit * np.sin(0.8 * m.flow_s + phases)
        moved += 0.15 * np.array([at.left, at.top])
        lit = gain * (0.55 + 0.45 * np.sin(1.7 * m.flow_s + 3 * phases)) * (0.75 + 0.25 * m.energy + 0.5 * m.beat)
        for k in range(count):
            frame.shine(glows[k % 3], shift(float(moved[k, 0]), float(moved[k, 1])), float(lit[k]))

    site.add(draw, 1.0)


def _rain(site: Site, count: int) -> Draw:
    starts = site.rng.random((count, 2))
    near = site.rng.uniform(0.6, 1.5, count)
    slant = site.uniform(-0.12, 0.12)
    value = yuv_of(mixed(site.palette.fog, site.palette.glow, 0.45))[0]
    spans = np.array([site.width * 1.2, site.height * 1.2])

    def draw(frame: Planes, m: Moment, _: Affine) -> None:
        run = (1.6 * m.time_s + 0.7 * m.flow_s) * near
        head = (starts + np.stack([slant * run, run], axis=1)) % 1.0 * spans - 0.1 * spans
        length = (0.05 * site.height * near)[:, None] * np.array([slant * site.width / site.height, 1.0])
        lines = fixed_point(np.stack([head, head + length], axis=1))
        cv2.polylines(frame.y, list(lines), False, value, 1, cv2.LINE_AA, 4)

    return draw


def _speed_lines(site: Site) -> Draw:
    """Wedges from the frame's edge towards its middle, where the music hits."""
    colour = mixed(site.palette.glow, (255, 255, 255), 0.4)
    seeds = site.rng.integers(1 << 30, size=4)
    away = 0.62 * float(np.hypot(site.width, site.height))
    middle = np.array([site.width / 2, site.height / 2])

    def draw(frame: Planes, m: Moment, _: Affine) -> None:
        strong = max(m.bar, 0.8 * m.beat) * m.energy
        if strong < 0.16:
            return
        rng = np.random.default_rng(int(seeds[m.frame // 2 % 4]))
        for _n in range(round(10 + 26 * strong)):
            angle, reach = rng.uniform(0, 2 * np.pi), away * (0.98 - 0.42 * strong * rng.random())
            wide = rng.uniform(0.003, 0.011)
            tip = middle + reach * np.array([np.cos(angle), 0.72 * np.sin(angle)])
            ends = [middle + 2 * away * np.array([np.cos(angle + w), 0.72 * np.sin(angle + w)]) for w in (-wide, wide)]
            frame.polygon(np.array([tip, *ends]), colour)

    return draw
