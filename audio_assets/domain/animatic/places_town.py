"""Places along the way: the city, the road. Each builds its layers on a `Site`."""

import numpy as np

from audio_assets.domain.animatic.affine import Affine
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import mixed
from audio_assets.domain.animatic.places_land import birds
from audio_assets.domain.animatic.planes import Floats, Painter, Planes, Rgb, glow_of
from audio_assets.domain.animatic.site import Draw, Drift, Site, boxes, clouds, mist, orb, pulse, ridge, sky
from audio_assets.domain.animatic.textures import halo


def city(site: Site) -> None:
    """A skyline with lit windows over a wet street."""
    p, u = site.palette, site.unit
    street = site.uniform(0.74, 0.82)
    sky(site, street)
    orb(site, site.uniform(0.2, 0.8), site.uniform(0.16, 0.34), site.uniform(0.05, 0.11))
    clouds(site, 0.0, street - 0.25, amount=0.35)
    colours = (mixed(p.far, p.sky_low, 0.35), mixed(p.middle, p.far, 0.2), mixed(p.near, p.ink, 0.25))
    for n, colour in enumerate(colours):
        depth = (0.14, 0.3, 0.55)[n]
        painter = site.painter(0.02, street + 0.06)
        lit = Painter(painter.rgba.shape[1], painter.rgba.shape[0], left=painter.left, top=painter.top)
        _skyline(site, painter, lit, n, street, colour)
        painter.tint(p.fog, (0.6, 0.35, 0.12)[n] * np.linspace(0.0, 1.0, painter.rgba.shape[0]) ** 1.6)
        painter.blur((1.3, 0.0, 0.0)[n] * u / 720)
        strong = (0.35, 0.6, 0.8)[n] * (1.0 if site.is_night else 0.55)
        painter.light(lit, p.lamp, strong)
        site.add(painter, depth, is_soft=n == 0)
        if n == 2:  # the nearest windows follow the music
            lit.blur(0.003 * u)
            glow = glow_of(lit.rgba[..., 3], p.lamp, lit.left, lit.top)
            site.add(glow, depth, pulse(0.1 * strong, 0.3 * strong, 0.4 * strong))
    _street(site, street)


def _skyline(site: Site, painter: Painter, lit: Painter, row: int, street: float, colour: Rgb) -> None:
    u, ground = site.unit, site.height
    x = -site.margin - 20
    while x < site.width + site.margin:
        wide = site.uniform(0.07, 0.15) * u * (0.75, 1.0, 1.5)[row]
        middle = abs((x + wide / 2) / site.width - 0.5)
        high = site.uniform(0.2, 0.5) * (1.15, 0.85, 0.62 + 0.6 * min(0.5, middle))[row]
        top = (street - high) * ground
        boxes(painter, [(x, top, x + wide - 2, ground * 1.2)], colour)
        kind = site.rng.random()
        if kind < 0.25:
            boxes(painter, [(x + 0.3 * wide, top - 0.03 * u, x + 0.7 * wide, top)], colour)
        elif kind < 0.4:
            painter.stroke(np.array([(x + wide / 2, top), (x + wide / 2, top - 0.08 * u)]), colour, 0.004 * u)
        elif kind < 0.5:
            painter.fill(np.array([(x, top + 1), (x + wide - 2, top + 1), (x + wide / 2, top - 0.06 * u)]), colour)
        boxes(painter, [(x + 0.78 * wide, top, x + wide - 2, ground * 1.2)], mixed(colour, site.palette.ink, 0.25))
        cell = (0.014, 0.02, 0.032)[row] * u
        share = site.uniform(0.1, 0.5)
        for wx in np.arange(x + 0.6 * cell, x + wide - 1.2 * cell, 1.25 * cell):
            for wy in np.arange(top + cell, street * ground, 1.7 * cell):
                if site.rng.random() < share:
                    boxes(lit, [(wx, wy, wx + 0.62 * cell, wy + 0.95 * cell)], (255, 255, 255))
        x += wide + site.uniform(0.0, 0.02) * u


def _street(site: Site, street: float) -> None:
    """Wet ground: lamps' light in long soft streaks, lamp posts, and cars as lights that pass."""
    p, u, h = site.palette, site.unit, site.height
    painter = site.painter(street, 1.0)
    boxes(
        painter, [(painter.left, street * h, painter.left + painter.rgba.shape[1], 1.5 * h)], mixed(p.near, p.ink, 0.55)
    )
    rows = painter.rgba.shape[0]
    painter.tint(p.sky_low, 0.4 * np.linspace(1.0, 0.0, rows) ** 2)
    site.add(painter, 0.6)
    streaks = site.painter(street, 1.0)
    for _ in range(26):
        x = site.uniform(-0.05, 1.05) * site.width
        boxes(
            streaks,
            [(x, street * h + 2, x + site.uniform(0.004, 0.02) * u, street * h + site.uniform(0.05, 0.22) * h)],
            (255, 255, 255),
        )
    streaks.blur(0.009 * u)
    light = np.asarray(streaks.rgba[..., 3], np.uint8)
    site.add(glow_of(light, p.lamp, streaks.left, streaks.top), 0.6, pulse(0.38, 0.2, 0.3))
    posts = site.painter(0.0, 1.0)
    lamps = []
    for n in range(4):
        x = (0.06 + 0.3 * n + site.uniform(-0.03, 0.03)) * site.width
        top = street * h - 0.34 * u
        posts.stroke(np.array([(x, street * h + 0.05 * u), (x, top)]), p.ink, 0.008 * u)
        posts.stroke(np.array([(x, top), (x + 0.045 * u, top - 0.008 * u)]), p.ink, 0.006 * u)
        lamps.append((x + 0.05 * u, top))
    site.add(posts, 0.8)
    reach = 0.09 * u
    for x, y in lamps:
        site.add(glow_of(halo(reach, 0.1, 2.0), p.lamp, x - reach, y - reach), 0.8, pulse(0.75, 0.2, 0.25))
    _cars(site, street * h + 0.055 * u)


def _cars(site: Site, y: float) -> None:
    u = site.unit
    light = halo(0.028 * u, 0.2, 1.6)
    for n in range(4):
        colour = site.palette.glow if n % 2 else site.palette.accent
        way = 1.0 if n % 2 else -1.0
        start, speed = site.uniform(0.0, 1.0), site.uniform(0.12, 0.22)
        glow = glow_of(light, colour, 0.0, y - 0.028 * u + (n % 2) * 0.025 * u)

        def move(m: Moment, start: float = start, speed: float = speed, way: float = way) -> Drift:
            share = (start + way * speed * m.flow_s) % 1.0
            return Drift(x=(1.3 * share - 0.15) * site.width, gain=0.95)

        site.add(glow, 0.85, move)


def road(site: Site) -> None:
    """A road to the horizon: its dashes and posts come towards the camera at the music's speed."""
    p, h, w = site.palette, site.height, site.width
    horizon = site.uniform(0.5, 0.6)
    vanish = site.uniform(0.4, 0.6) * w
    sky(site, horizon)
    orb(site, vanish / w + site.uniform(-0.15, 0.15), horizon - site.uniform(0.05, 0.2), site.uniform(0.05, 0.1))
    clouds(site, 0.0, horizon, amount=site.uniform(0.3, 0.8))
    far = site.edge(horizon - 0.04, 0.05, 0.7, rough=0.8)
    ridge(site, far, mixed(p.far, p.sky_low, 0.3), 0.14, haze=0.5, hidden=horizon + 0.06)
    ridge(site, site.edge(horizon - 0.01, 0.025, 0.4), p.middle, 0.2, haze=0.4, hidden=horizon + 0.06)
    ground = site.painter(horizon, 1.0)
    boxes(ground, [(ground.left, horizon * h, ground.left + ground.rgba.shape[1], 1.5 * h)], p.near)
    ground.tint(mixed(p.middle, p.fog, 0.4), 0.8 * np.linspace(1.0, 0.0, ground.rgba.shape[0]) ** 2.5)
    low, half = h + site.margin, 0.62 * w * (h + site.margin - horizon * h) / (h * 0.5)
    tar = mixed(p.ink, p.near, 0.25)
    ground.fill(
        np.array([(vanish - 3, horizon * h), (vanish + 3, horizon * h), (vanish + half, low), (vanish - half, low)]),
        tar,
    )
    for side in (-1.0, 1.0):
        edge = [
            (vanish + side * 2.6, horizon * h),
            (vanish + side * 2.9, horizon * h),
            (vanish + side * 0.93 * half, low),
            (vanish + side * 0.9 * half, low),
        ]
        ground.fill(np.array(edge), mixed(p.glow, tar, 0.35))
    site.add(ground, 0.3)
    site.add(_coming(site, vanish, horizon * h, half, low), 0.3)
    mist(site, horizon, 0.06, 0.55, 0.3)
    birds(site, 4)


def _coming(site: Site, vanish: float, horizon: float, half: float, low: float) -> Draw:
    """Dashes and posts at even distances, nearer by the music's flow; a scale of 1 is at the lower edge."""
    p = site.palette
    tar = mixed(p.ink, p.near, 0.25)
    dash, post = mixed(p.glow, tar, 0.2), p.ink
    n_steps = 9

    def quad(left: float, right: float, scale_a: float, scale_b: float) -> Floats:
        ya, yb = (horizon + (low - horizon) * s for s in (scale_a, scale_b))
        return np.array([
            (vanish + left * half * scale_a, ya), (vanish + right * half * scale_a, ya),
            (vanish + right * half * scale_b, yb), (vanish + left * half * scale_b, yb),
        ])  # fmt: skip

    def draw(frame: Planes, m: Moment, at: Affine) -> None:
        phase = (1.15 * m.flow_s) % 1.0
        for n in range(n_steps, 0, -1):
            far, near = 1.0 / (n + 1.0 - phase), 1.0 / max(0.72, n + 0.55 - phase)
            frame.polygon(at.moved(quad(-0.014, 0.014, far, near)), dash)
            for side in (-1.0, 1.0):
                x, y = vanish + side * 1.16 * half * far, horizon + (low - horizon) * far
                wide, high = 0.012 * half * far, 0.34 * site.unit * far
                standing = np.array([(x - wide, y), (x - wide, y - high), (x + wide, y - high), (x + wide, y)])
                frame.polygon(at.moved(standing), post)

    return draw
