"""Places that people made: city, road, stage, room, cathedral; and the abstract one. Each builds layers on a `Site`."""

import numpy as np

from audio_assets.domain.animatic.affine import Affine
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import mixed
from audio_assets.domain.animatic.places_land import birds
from audio_assets.domain.animatic.planes import Floats, Painter, Planes, Rgb, curve, glow_of
from audio_assets.domain.animatic.site import Drift, Layer, Site, boxes, clouds, mist, orb, pulse, ridge, sky, sway
from audio_assets.domain.animatic.textures import beam, gradient, halo, paper


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


def _coming(site: Site, vanish: float, horizon: float, half: float, low: float):  # type: ignore[no-untyped-def]
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


def _passing(reach_px: float):  # type: ignore[no-untyped-def]
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
        leaf = [
            tuple(foot - (0.006 * u, 0)),
            tuple(bend - (0.02 * u, 0)),
            tuple(tip),
            tuple(bend + (0.02 * u, 0.01 * u)),
        ]
        painter.fill(curve([(float(a), float(b)) for a, b in leaf]), mixed(p.ink, p.near, site.uniform(0.0, 0.5)))
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


def _opening(pivot: tuple[float, float], number: int):  # type: ignore[no-untyped-def]
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
