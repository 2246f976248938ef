"""Places with a roof: stage, room, cathedral. Each builds its layers on a `Site`."""

import numpy as np

from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import mixed
from audio_assets.domain.animatic.planes import Painter, Rgb, curve, glow_of
from audio_assets.domain.animatic.site import Drift, Layer, Move, Site, boxes, mist, pulse, sway
from audio_assets.domain.animatic.textures import beam, gradient, halo, paper


def stage(site: Site) -> None:
    """A stage: beams that swing with the music, a lit floor, a crowd that jumps on the beats."""
    p, u, h, w = site.palette, site.unit, site.height, site.width
    back = site.painter()
    rows, columns = back.rgba.shape[:2]
    floor = site.uniform(0.72, 0.8)
    wall = mixed(p.ink, p.sky_top, 0.45)
    lit = mixed(p.near, p.sky_low, 0.35)
    low = (floor * h + site.margin) / rows
    stops = (
        (0.0, p.ink),
        (low * 0.6, wall),
        (low - 0.002, lit),
        (low + 0.002, mixed(p.near, p.ink, 0.3)),
        (1.0, p.ink),
    )
    back.rgba[..., :3] = gradient(rows, columns, stops, site.rng)
    back.rgba[..., 3] = 255
    site.layers.append(Layer(back.sprite(is_opaque=True), 0.1))
    reach = 0.75 * u
    site.add(
        glow_of(halo(reach, 0.0, 1.7), p.sky_low, 0.5 * w - reach, floor * h - 0.85 * reach),
        0.12,
        pulse(0.35, 0.35, 0.3),
    )
    n_beams = 5
    for n in range(n_beams):
        x = (0.1 + 0.8 * n / (n_beams - 1)) * w
        colour = (p.glow, p.accent, p.lamp)[int(site.rng.integers(3))]
        _spot(site, x, -0.08 * h, colour, n)
    rig = site.painter(0.0, 0.2)
    boxes(
        rig,
        [(rig.left, -site.margin, rig.left + columns, -0.01 * h), (rig.left, 0.03 * h, rig.left + columns, 0.038 * h)],
        p.ink,
    )
    for x in np.arange(rig.left, rig.left + columns, 0.05 * u):
        rig.stroke(np.array([(x, 0.034 * h), (x + 0.025 * u, -0.01 * h), (x + 0.05 * u, 0.034 * h)]), p.ink, 0.004 * u)
    site.add(rig, 0.3)
    for _ in range(3):
        _amplifier(site, (0.12 + 0.76 * site.rng.random()) * w, floor * h + 0.03 * u, site.uniform(0.1, 0.16) * u)
    for row in range(2):
        _crowd(site, row)


def _spot(site: Site, x: float, y: float, colour: Rgb, number: int) -> None:
    light = beam(1.35 * site.height, 0.03 * site.unit, 0.36 * site.unit)
    glow = glow_of(light, colour, x, y - light.shape[0] / 2)
    phase, way = site.uniform(0, 6), 1.0 if number % 2 else -1.0

    def move(m: Moment) -> Drift:
        angle = 90.0 + way * (16.0 + 16.0 * np.sin(1.1 * m.flow_s + phase))
        hit = m.bar if number % 2 else m.beat
        return Drift(turn_deg=angle, pivot=(x, y), gain=0.22 + 0.3 * m.energy + 0.32 * hit * (0.3 + m.energy))

    site.add(glow, 0.3, move)


def _amplifier(site: Site, x: float, ground: float, size: float) -> None:
    p = site.palette
    painter = Painter(round(1.2 * size), round(1.8 * size), left=x - 0.6 * size, top=ground - 1.5 * size)
    boxes(painter, [(x - 0.5 * size, ground - 1.3 * size, x + 0.5 * size, ground)], p.ink)
    for y in (0.35, 0.92):
        painter.oval(x, ground - y * size, 0.3 * size, 0.3 * size, mixed(p.ink, p.near, 0.6))
        painter.oval(x, ground - y * size, 0.12 * size, 0.12 * size, p.ink)
    site.add(painter, 0.4)


def _crowd(site: Site, row: int) -> None:
    u, base = site.unit, 0.93 + 0.06 * row
    colour = mixed(site.palette.near, site.palette.ink, 0.55 + 0.45 * row)
    painter = site.painter(0.72, 1.0)
    size = (0.04 + 0.018 * row) * u
    for x in np.arange(-site.margin, site.width + site.margin, 2.3 * size):
        at, top = x + site.uniform(-0.6, 0.6) * size, base * site.height + site.uniform(-0.6, 0.6) * size
        painter.oval(at, top, 0.8 * size, size, colour)
        painter.oval(at, top + 2.6 * size, 1.7 * size, 1.7 * size, colour)
        if site.rng.random() < 0.3:
            way = 1.0 if site.rng.random() < 0.5 else -1.0
            arm = np.array([(at + way * 1.3 * size, top + 2 * size), (at + way * 1.7 * size, top - 1.6 * size)])
            painter.stroke(arm, colour, 0.55 * size)
    phase = 1.3 * row

    def move(m: Moment) -> Drift:
        jump = (0.006 + 0.03 * m.energy) * u
        return Drift(0.01 * u * np.sin(1.2 * m.flow_s + phase), -jump * m.beat)

    site.add(painter, 1.15 + 0.1 * row, move)


def room(site: Site) -> None:
    """A room with one window: its light falls in stripes, a lamp, a chair's silhouette."""
    p, u, h, w = site.palette, site.unit, site.height, site.width
    back = site.painter()
    rows, columns = back.rgba.shape[:2]
    wall = mixed(p.near, p.sky_top, 0.3)
    stops = ((0.0, mixed(wall, p.ink, 0.5)), (0.78, wall), (0.785, mixed(p.ink, p.near, 0.4)), (1.0, p.ink))
    back.rgba[..., :3] = gradient(rows, columns, stops, site.rng)
    back.rgba[..., 3] = 255
    back.grain(paper(), 0.1)
    site.layers.append(Layer(back.sprite(is_opaque=True), 0.1))
    side = 1.0 if site.rng.random() < 0.5 else -1.0
    cx, cy, half, high = (0.5 - side * 0.24) * w, 0.36 * h, 0.2 * u, 0.25 * u
    window = site.painter()
    pane = [(cx - half, cy - high), (cx + half, cy - high), (cx + half, cy + high), (cx - half, cy + high)]
    window.fill(np.array(pane), mixed(p.sky_low, p.glow, 0.5))
    for y in np.arange(cy - high, cy + high, 0.034 * u):
        boxes(window, [(cx - half, y, cx + half, y + 0.012 * u)], mixed(wall, p.ink, 0.5))
    for x in (cx - half, cx, cx + half):
        boxes(window, [(x - 0.006 * u, cy - high, x + 0.006 * u, cy + high)], p.ink)
    boxes(window, [(cx - half - 0.02 * u, cy + high, cx + half + 0.02 * u, cy + high + 0.02 * u)], p.ink)
    site.add(window, 0.25)
    patch = site.painter()
    for n in range(9):
        y = 0.3 * h + 0.052 * u * n
        x = (0.5 + side * 0.16) * w
        slant = side * 0.12 * u
        patch.fill(
            np.array(
                [
                    (x - 0.22 * u, y),
                    (x + 0.22 * u, y + 0.03 * u),
                    (x + 0.22 * u + 0.05 * slant, y + 0.052 * u),
                    (x - 0.22 * u, y + 0.022 * u),
                ]
            ),
            (255, 255, 255),
        )
    patch.blur(0.004 * u)
    site.add(glow_of(np.asarray(patch.rgba[..., 3], np.uint8), p.glow, patch.left, patch.top), 0.15, _passing(0.03 * u))
    reach = 0.5 * u
    site.add(glow_of(halo(reach, 0.1, 1.8), p.glow, cx - reach, cy - reach), 0.25, pulse(0.4, 0.2, 0.15))
    _lamp(site, (0.5 + side * 0.33) * w)
    _plant(site, (0.5 - side * 0.42) * w)


def _passing(reach_px: float) -> Move:
    """Light as of a car that passes outside."""
    return lambda m: Drift(
        reach_px * np.sin(0.5 * m.flow_s), gain=0.3 + 0.12 * np.sin(0.9 * m.flow_s) + 0.25 * m.energy * m.beat
    )


def _lamp(site: Site, x: float) -> None:
    p, u, h = site.palette, site.unit, site.height
    painter = site.painter()
    y = 0.52 * h
    painter.stroke(np.array([(x, y), (x, 0.9 * h)]), p.ink, 0.009 * u)
    painter.fill(
        np.array([(x - 0.05 * u, y - 0.09 * u), (x + 0.05 * u, y - 0.09 * u), (x + 0.085 * u, y), (x - 0.085 * u, y)]),
        mixed(p.lamp, p.accent, 0.2),
    )
    painter.oval(x, 0.905 * h, 0.07 * u, 0.014 * u, p.ink)
    site.add(painter, 0.5)
    reach = 0.34 * u
    site.add(glow_of(halo(reach, 0.05, 1.9), p.lamp, x - reach, y - reach), 0.5, pulse(0.5, 0.15, 0.2, flicker=0.01))


def _plant(site: Site, x: float) -> None:
    """A pot with long leaves before the window, a silhouette that stirs."""
    p, u, ground = site.palette, site.unit, 0.97 * site.height
    painter = site.painter(0.3, 1.0)
    pot = [
        (x - 0.07 * u, ground - 0.12 * u),
        (x + 0.07 * u, ground - 0.12 * u),
        (x + 0.05 * u, ground),
        (x - 0.05 * u, ground),
    ]
    painter.fill(np.array(pot), mixed(p.ink, p.accent, 0.25))
    for _ in range(11):
        way, high = site.uniform(-1, 1), site.uniform(0.2, 0.42) * u
        foot, tip = np.array([x, ground - 0.11 * u]), np.array([x + way * 0.26 * u, ground - 0.11 * u - high])
        bend = np.array([x + way * 0.07 * u, ground - 0.11 * u - 0.75 * high])
        thin = 0.02 * u
        leaf = curve(
            [(foot[0], foot[1]), (bend[0] - thin, bend[1]), (tip[0], tip[1]), (bend[0] + thin, bend[1] + thin / 2)]
        )
        painter.fill(leaf, mixed(p.ink, p.near, site.uniform(0.0, 0.5)))
    site.add(painter, 0.9, sway(0.006 * u, 0.8, 1.0))


def cathedral(site: Site) -> None:
    """Pointed arches one behind the other, a round window, candles, fog on the floor."""
    p, u, h, w = site.palette, site.unit, site.height, site.width
    back = site.painter()
    rows, columns = back.rgba.shape[:2]
    back.rgba[..., :3] = gradient(rows, columns, ((0.0, p.sky_top), (0.6, p.sky_low), (1.0, p.fog)), site.rng)
    back.rgba[..., 3] = 255
    site.layers.append(Layer(back.sprite(is_opaque=True), 0.05))
    cx, cy = (0.5 + site.uniform(-0.04, 0.04)) * w, 0.37 * h
    _rose(site, cx, cy, 0.115 * u)
    for n in range(4):
        share = n / 3
        colour = mixed(p.far, p.ink, 0.1 + 0.9 * share)
        half, top = (0.17 + 0.4 * share**1.1) * u * max(1.0, 0.6 * w / h), (0.1 - 0.3 * share) * h
        painter = site.painter()
        _arch(painter, site, cx, half, top, colour, mixed(colour, p.glow, 0.1))
        painter.tint(p.fog, (0.4 - 0.35 * share) * np.linspace(0.2, 1.0, rows) ** 2)
        site.add(painter, 0.12 + 0.75 * share)
        if n in (0, 1):
            mist(site, 0.8 + 0.05 * n, 0.14, 0.6, 0.2 + 0.25 * share)
        if n == 2:
            _candles(site, cx)
    mist(site, 0.95, 0.14, 0.5, 1.0)


def _arch(painter: Painter, site: Site, cx: float, half: float, top: float, colour: Rgb, rim: Rgb) -> None:
    """A wall with a pointed opening: two circles' arcs that meet at the top."""
    spring = top + np.sqrt(3.0) * half
    turn = np.linspace(0.0, np.pi / 3, 24)
    right = np.stack([cx - half + 2 * half * np.cos(turn), spring - 2 * half * np.sin(turn)], axis=1)
    left = np.stack([2 * cx - right[:, 0], right[:, 1]], axis=1)[::-1]
    bottom = site.height * 1.3
    opening = np.concatenate([[(cx + half, bottom)], right, left, [(cx - half, bottom)]])
    far_left, far_right, high = painter.left - 9, painter.left + painter.rgba.shape[1] + 9, painter.top - 9
    wall = np.concatenate([opening, [(far_left, bottom), (far_left, high), (far_right, high), (far_right, bottom)]])
    painter.fill(wall, colour)
    painter.stroke(opening, rim, 0.014 * half + 1)
    for wider, share in ((1.07, 0.6), (1.13, 0.35)):
        moulding = np.stack([cx + (opening[:, 0] - cx) * wider, spring + (opening[:, 1] - spring) * wider], axis=1)
        painter.stroke(moulding, mixed(colour, rim, share), 0.012 * half + 1)
    for side in (-1, 1):  # the capital on which the arch stands
        x = cx + side * 1.08 * half
        boxes(
            painter,
            [(x - 0.13 * half, spring - 0.03 * half, x + 0.13 * half, spring + 0.05 * half)],
            mixed(colour, rim, 0.55),
        )


def _rose(site: Site, cx: float, cy: float, radius: float) -> None:
    p = site.palette
    painter = Painter(round(2.6 * radius), round(2.6 * radius), left=cx - 1.3 * radius, top=cy - 1.3 * radius)
    painter.oval(cx, cy, 1.12 * radius, 1.12 * radius, p.ink)
    colours = (p.accent, p.glow, p.lamp, mixed(p.accent, p.sky_top, 0.5))
    for ring, (far, size, n) in enumerate(((0.82, 0.15, 12), (0.5, 0.14, 8))):
        for k in range(n):
            at = 2 * np.pi * (k + 0.5 * ring) / n
            colour = colours[(k + ring) % len(colours)]
            painter.oval(
                cx + far * radius * np.cos(at),
                cy + far * radius * np.sin(at),
                size * radius * 1.25,
                size * radius,
                colour,
                np.rad2deg(at),
            )
    painter.oval(cx, cy, 0.24 * radius, 0.24 * radius, p.glow)
    site.add(painter, 0.08)
    reach = 3.2 * radius
    site.add(
        glow_of(halo(reach, 0.1, 2.0), mixed(p.accent, p.glow, 0.55), cx - reach, cy - reach),
        0.08,
        pulse(0.4, 0.3, 0.3),
    )


def _candles(site: Site, cx: float) -> None:
    p, u, h = site.palette, site.unit, site.height
    painter = site.painter(0.5, 1.0)
    places = [
        (cx + side * (0.2 + 0.075 * k) * u, (0.8 + 0.035 * k + site.uniform(-0.02, 0.02)) * h)
        for side in (-1, 1)
        for k in range(4)
    ]
    for x, y in places:
        boxes(painter, [(x - 0.009 * u, y, x + 0.009 * u, 1.3 * h)], mixed(p.glow, p.ink, 0.55))
        painter.oval(x, y - 0.014 * u, 0.0055 * u, 0.014 * u, mixed(p.lamp, (255, 255, 255), 0.5))
    site.add(painter, 0.6)
    reach = 0.085 * u
    light = halo(reach, 0.06, 2.2)
    for n, (x, y) in enumerate(places):
        glow = glow_of(light, p.lamp, x - reach, y - 0.014 * u - reach)
        site.add(glow, 0.6, pulse(0.6, 0.2, 0.25, flicker=0.05, phase=2.4 * n))
