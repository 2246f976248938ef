"""Places under the sky: sea, lighthouse, mountains, forest, clouds. Each builds its layers on a `Site`."""

import numpy as np

from audio_assets.domain.animatic.affine import Affine
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import mixed
from audio_assets.domain.animatic.planes import Floats, Painter, Planes, Rgb, curve, glow_of
from audio_assets.domain.animatic.site import Drift, Move, Site, clouds, mist, orb, pulse, ridge, sky, sway
from audio_assets.domain.animatic.textures import beam, halo


def sea(site: Site, *, horizon: float = 0.0, has_boat: bool = True) -> float:
    """Open water with the sun or moon over it; answers the horizon."""
    p, u = site.palette, site.unit
    horizon = horizon or site.uniform(0.46, 0.6)
    orb_x = site.uniform(0.2, 0.8)
    sky(site, horizon)
    orb(site, orb_x, horizon - site.uniform(0.08, 0.26), site.uniform(0.05, 0.1))
    clouds(site, 0.02, horizon - 0.02, amount=site.uniform(0.2, 0.8))
    if site.rng.random() < 0.6:
        ridge(
            site,
            site.edge(horizon + 0.005, 0.02, 0.9),
            mixed(p.far, p.sky_low, 0.35),
            0.18,
            haze=0.2,
            hidden=horizon + 0.05,
        )
    _water(site, horizon, orb_x)
    if has_boat and ("boat" in site.words or "ship" in site.words or site.rng.random() < 0.5):
        _boat(site, site.uniform(0.25, 0.75), horizon + 0.035, 0.1 * u)
    n_waves = 4
    for n in range(n_waves):
        share = n / (n_waves - 1)
        base = horizon + 0.06 + (0.98 - horizon) * share**1.5 * 0.78
        colour = mixed(mixed(_deep(site), p.sky_low, 0.25), p.ink, 0.12 + 0.62 * share)
        _wave(site, base, (0.2 + 0.5 * share), colour, 0.3 + 0.6 * share, 6 * n)
    return horizon


def _water(site: Site, horizon: float, orb_x: float) -> None:
    """The far water, and the path of light on it, which glitters with the music."""
    p = site.palette
    painter = site.painter(horizon, 1.0)
    rows = painter.rgba.shape[0]
    x = np.array([painter.left, painter.left + painter.rgba.shape[1]])
    top = horizon * site.height
    painter.fill(
        np.array([(x[0], top), (x[1], top), (x[1], top + rows), (x[0], top + rows)]),
        mixed(p.sky_low, _deep(site), 0.55),
    )
    painter.tint(_deep(site), np.linspace(0.0, 0.8, rows) ** 0.8)
    site.add(painter, 0.2)
    for group in range(2):
        light = Painter(
            round(0.9 * site.unit), round(0.5 * site.height), left=orb_x * site.width - 0.45 * site.unit, top=top
        )
        for _ in range(70):
            down = site.rng.random() ** 1.6
            half = (0.012 + 0.05 * site.rng.random() * (0.4 + down)) * site.unit
            off = site.rng.normal() * (0.025 + 0.11 * down) * site.unit
            y = top + 3 + down * 0.46 * site.height
            thick = (0.0012 + 0.0034 * down) * site.unit
            light.oval(orb_x * site.width + off, y, half, thick, (255, 255, 255))
        glow = glow_of(light.rgba[..., 3], p.glow, light.left, light.top)
        site.add(glow, 0.22, _glitter(group, 0.004 * site.unit))


def _deep(site: Site) -> Rgb:
    """Water takes its colour from the sky, and some of the land's."""
    return mixed(site.palette.sky_top, site.palette.middle, 0.4)


def _glitter(group: int, reach_px: float) -> Move:
    def move(m: Moment) -> Drift:
        turn = 3.1 * m.flow_s + 1.6 * group
        return Drift(
            reach_px * np.sin(turn), gain=max(0.0, 0.42 + 0.22 * np.sin(turn + 0.8) + 0.25 * m.beat * m.energy)
        )

    return move


def _wave(site: Site, base: float, size: float, colour: Rgb, depth: float, phase: float) -> None:
    """One swell: a scalloped edge with a light crest that rolls to and fro, higher where the music is stronger."""
    u = site.unit
    length = (0.16 + 0.3 * size) * u
    x = np.arange(-site.margin - 8, site.width + site.margin + 16, 6.0)
    bent = x + 0.35 * length * np.sin(2 * np.pi * x / (3.3 * length) + phase)
    lump = np.abs(np.sin(np.pi * bent / length + phase)) ** 0.9
    slow = np.sin(2 * np.pi * x / (2.7 * length) + 1.7 * phase)
    y = base * site.height - (0.006 + 0.022 * size) * u * lump * (1.0 + 0.5 * slow) - 0.016 * size * u * slow
    edge = np.stack([x, y], axis=1)
    painter = site.painter(max(0.02, base - 0.08), min(1.0, base + 0.3))
    painter.fill(site.below(edge), colour)
    rows = painter.rgba.shape[0]
    painter.tint(site.palette.ink, 0.5 * np.linspace(0.0, 1.0, rows))
    crest = mixed(colour, site.palette.glow, 0.4)
    for part in np.split(edge, np.flatnonzero(np.diff((lump > 0.45).astype(int))) + 1):
        if len(part) > 4 and part[len(part) // 2, 1] < edge[:, 1].max() - 0.2 * np.ptp(edge[:, 1]):
            painter.stroke(part + np.array([0.0, 1.0]), crest, (0.002 + 0.0026 * size) * u)
    reach = (0.02 + 0.05 * size) * u

    def move(m: Moment) -> Drift:
        turn = 1.15 * m.flow_s + phase
        swell = (0.004 + 0.034 * size * m.energy) * u
        return Drift(reach * np.sin(turn), swell * np.sin(1.35 * turn + 0.6) - 0.008 * u * m.beat * m.energy)

    site.add(painter, depth, move)


def _boat(site: Site, x: float, y: float, size: float) -> None:
    cx, cy = x * site.width, y * site.height
    hull, sail = site.palette.ink, mixed(site.palette.glow, site.palette.sky_low, 0.25)
    painter = Painter(round(3 * size), round(3 * size), left=cx - 1.5 * size, top=cy - 2.2 * size)
    painter.fill(
        np.array(
            [
                (cx - 0.05 * size, cy - 0.15 * size),
                (cx - 0.05 * size, cy - 1.3 * size),
                (cx + 0.62 * size, cy - 0.22 * size),
            ]
        ),
        sail,
    )
    painter.fill(
        np.array(
            [
                (cx - 0.12 * size, cy - 0.2 * size),
                (cx - 0.12 * size, cy - 1.05 * size),
                (cx - 0.5 * size, cy - 0.2 * size),
            ]
        ),
        mixed(sail, site.palette.far, 0.35),
    )
    painter.stroke(np.array([(cx - 0.08 * size, cy - 1.4 * size), (cx - 0.08 * size, cy)]), hull, 0.035 * size)
    painter.fill(
        curve(
            [
                (cx - 0.62 * size, cy - 0.14 * size),
                (cx + 0.75 * size, cy - 0.16 * size),
                (cx + 0.5 * size, cy + 0.12 * size),
                (cx - 0.42 * size, cy + 0.12 * size),
            ],
            6,
        ),
        hull,
    )
    travel = 0.12 * site.unit * (1.0 if site.rng.random() < 0.5 else -1.0)

    def move(m: Moment) -> Drift:
        return Drift(
            travel * (m.progress - 0.5),
            0.06 * size * np.sin(1.4 * m.flow_s),
            turn_deg=4.0 * np.sin(1.1 * m.flow_s),
            pivot=(cx, cy),
        )

    site.add(painter, 0.3, move)


def lighthouse(site: Site) -> None:
    """A tower on its rock over the sea; its beam goes round with the music's flow."""
    p, u = site.palette, site.unit
    horizon = sea(site, horizon=site.uniform(0.56, 0.64), has_boat=site.rng.random() < 0.4)
    side = 1.0 if site.rng.random() < 0.5 else -1.0
    x = site.width * (0.5 + side * site.uniform(0.16, 0.28))
    ground = (horizon - 0.03) * site.height
    high, half = min((horizon - 0.2) * site.height, 0.8 * u) * site.uniform(0.85, 1.05), 0.048 * u
    near = site.layers[-2:]
    del site.layers[-2:]
    lamp_y = ground - high - 0.022 * u
    for turned in (0.0, 180.0):
        _beam(site, x, lamp_y, turned)
    painter = Painter(round(1.5 * u), round(high + 0.7 * site.height), left=x - 0.75 * u, top=lamp_y - 0.1 * u)
    _rock(painter, x, ground, u, p.ink, mixed(p.near, p.ink, 0.4), side, site)
    _tower(painter, site, x, ground, high, half)
    site.add(painter, 0.45)
    reach = 0.16 * u
    site.add(glow_of(halo(reach, 0.05, 2.0), p.lamp, x - reach, lamp_y - reach), 0.45, pulse(0.65, 0.3, 0.35))
    site.layers += near


def _tower(painter: Painter, site: Site, x: float, ground: float, high: float, half: float) -> None:
    p = site.palette
    light = mixed(p.glow, p.sky_low, 0.2)
    stripe = p.accent if not site.is_night else mixed(p.accent, p.ink, 0.35)
    wall = light if not site.is_night else mixed(light, p.ink, 0.35)
    top = ground - high
    n_bands = 5
    for n in range(n_bands):
        ya, yb = ground - high * n / n_bands, ground - high * (n + 1) / n_bands
        wa, wb = (half * (1.0 - 0.42 * k / n_bands) for k in (n, n + 1))
        colour = wall if n % 2 == 0 else stripe
        painter.fill(np.array([(x - wa, ya), (x + wa, ya), (x + wb, yb), (x - wb, yb)]), colour)
        painter.fill(
            np.array([(x + 0.25 * wa, ya), (x + wa, ya), (x + wb, yb), (x + 0.25 * wb, yb)]), mixed(colour, p.ink, 0.32)
        )
    w = half * 0.58
    painter.fill(
        np.array(
            [(x - 1.5 * w, top), (x + 1.5 * w, top), (x + 1.5 * w, top - 0.16 * w), (x - 1.5 * w, top - 0.16 * w)]
        ),
        p.ink,
    )
    painter.fill(
        np.array([(x - 0.8 * w, top), (x + 0.8 * w, top), (x + 0.8 * w, top - 1.5 * w), (x - 0.8 * w, top - 1.5 * w)]),
        p.lamp,
    )
    for off in (-0.8, -0.27, 0.27, 0.8):
        painter.stroke(np.array([(x + off * w, top), (x + off * w, top - 1.5 * w)]), p.ink, 0.12 * w)
    painter.fill(np.array([(x - 1.1 * w, top - 1.45 * w), (x + 1.1 * w, top - 1.45 * w), (x, top - 2.6 * w)]), stripe)
    for height in (0.24, 0.6):
        painter.oval(x - 0.1 * half, ground - height * high, 0.13 * half, 0.24 * half, p.ink)


def _rock(painter: Painter, x: float, ground: float, u: float, ink: Rgb, lit: Rgb, side: float, site: Site) -> None:
    deep = ground + 0.5 * site.height
    outline = [
        (-0.74, 0.5), (-0.5, 0.24), (-0.36, 0.13), (-0.25, 0.1), (-0.14, 0.012), (-0.08, 0.0), (0.08, -0.004),
        (0.16, 0.05), (0.27, 0.075), (0.36, 0.15), (0.52, 0.2), (0.62, 0.27), (0.74, 0.45),
    ]  # fmt: skip
    top = np.array([(x + side * a * u, ground + b * u) for a, b in outline])
    painter.fill(np.concatenate([top, [(top[-1, 0], deep), (top[0, 0], deep)]]), ink)
    lit_side = [
        (-0.36, 0.13), (-0.25, 0.1), (-0.14, 0.012), (-0.08, 0.0), (0.08, -0.004), (0.01, 0.06), (-0.06, 0.08),
        (-0.1, 0.15), (-0.2, 0.18),
    ]  # fmt: skip
    lit_part = np.array([(x + side * a * u, ground + b * u) for a, b in lit_side])
    painter.fill(lit_part, lit)


def _beam(site: Site, x: float, y: float, turned: float) -> None:
    light = beam(1.15 * site.width, 0.02 * site.unit, 0.34 * site.unit)
    glow = glow_of(light, site.palette.lamp, x, y - light.shape[0] / 2)
    start = site.uniform(0, 360)

    def move(m: Moment) -> Drift:
        turn = np.deg2rad(start + turned) + 0.55 * m.flow_s
        # seen from the side: it sweeps along the horizon, and is weak when it points away
        along = np.cos(turn)
        return Drift(
            scale=max(0.12, abs(along)),
            turn_deg=(0.0 if along > 0 else 180.0) - 7.0 * np.sin(turn),
            pivot=(x, y),
            gain=(0.2 + 0.55 * abs(along)) * (0.55 + 0.3 * m.energy) * (1.0 if site.is_night else 0.5),
        )

    site.add(glow, 0.42, move)


def mountains(site: Site) -> None:
    """Ridge behind ridge, with mist between them."""
    p = site.palette
    horizon = site.uniform(0.5, 0.62)
    sky(site, horizon + 0.1)
    orb(site, site.uniform(0.15, 0.85), horizon - site.uniform(0.16, 0.34), site.uniform(0.045, 0.1))
    clouds(site, 0.0, horizon, amount=site.uniform(0.2, 0.7))
    is_dune = bool(site.words & {"desert", "dune", "dunes", "sand", "field", "fields", "hill", "hills"})
    rough = 0.0 if is_dune else 0.95
    steps = ((-0.1, 0.13, 0.7, 0.1), (-0.005, 0.1, 0.5, 0.22), (0.11, 0.08, 0.55, 0.42), (0.26, 0.06, 0.6, 0.75))
    colours = (mixed(p.far, p.sky_low, 0.4), p.far, p.middle, p.near)
    for (lift, swing, lump, depth), colour in zip(steps, colours, strict=True):
        edge = site.edge(horizon + lift, swing, lump, rough=rough)
        ridge(site, edge, colour, depth, haze=0.75 - 0.5 * depth, hidden=min(1.0, horizon + lift + 0.34))
        if depth < 0.6:
            mist(site, horizon + lift + 0.16, 0.09, 0.5, depth + 0.04)
    foot = site.edge(horizon + 0.37, 0.02, 0.5)
    painter = site.painter(horizon + 0.2, 1.0)
    painter.fill(site.below(foot), p.ink)
    if not is_dune:
        for x in np.arange(-site.margin, site.width + site.margin, 0.035 * site.unit):
            if site.rng.random() < 0.7:
                y = float(np.interp(x, foot[:, 0], foot[:, 1]))
                _conifer(painter, x + site.uniform(-9, 9), y + 4, site.uniform(0.05, 0.13) * site.unit, p.ink)
    site.add(painter, 1.0)


def _conifer(painter: Painter, x: float, ground: float, high: float, colour: Rgb) -> None:
    trunk = 0.025 * high
    painter.fill(
        np.array([(x - trunk, ground + 0.1 * high), (x + trunk, ground + 0.1 * high), (x, ground - high)]), colour
    )
    for step in range(4):
        base, half = ground - high * 0.21 * step, high * (0.21 - 0.042 * step)
        painter.fill(np.array([(x - half, base), (x + half, base), (x, base - 0.42 * high)]), colour)


def forest(site: Site) -> None:
    """Trunks at three depths, shafts of light, mist on the ground."""
    p, u = site.palette, site.unit
    ground = site.uniform(0.74, 0.82)
    sky(site, ground)
    clear = site.uniform(0.3, 0.7)
    reach = 0.6 * u
    site.add(
        glow_of(halo(reach, 0.0, 1.6), p.glow, clear * site.width - reach, 0.38 * site.height - reach),
        0.05,
        pulse(0.36, 0.2, 0.12),
    )
    colours = (mixed(p.far, p.fog, 0.3), p.middle, mixed(p.near, p.ink, 0.3))
    is_pine = site.rng.random() < 0.5
    for n, colour in enumerate(colours):
        depth = (0.15, 0.4, 0.75)[n]
        painter = site.painter(0.0, 1.0)
        base = ground + (0.0, 0.05, 0.13)[n]
        edge = site.edge(base, 0.015, 0.4)
        step = (0.085, 0.15, 0.3)[n] * u
        for x in np.arange(-site.margin, site.width + site.margin, step):
            at = x + site.uniform(-0.4, 0.4) * step
            if n == 2 and abs(at / site.width - clear) < 0.2:
                continue
            y = float(np.interp(at, edge[:, 0], edge[:, 1])) + 0.012 * u
            if is_pine and n < 2:
                _conifer(painter, at, y, site.uniform(0.35, 0.62) * u * (1.0, 1.25)[n], colour)
            else:
                _trunk(painter, site, at, y, (0.012, 0.022, 0.05)[n] * u * site.uniform(0.7, 1.3), colour)
        painter.fill(site.below(edge), mixed(colour, p.ink, 0.25))
        rows = painter.rgba.shape[0]
        painter.tint(p.fog, (0.55, 0.3, 0.0)[n] * np.linspace(0.15, 1.0, rows) ** 2)
        painter.blur((1.6, 0.7, 0.0)[n] * u / 720)
        site.add(painter, depth, sway((0.002, 0.004, 0.006)[n] * u, 0.6, n), is_soft=n == 0)
        if n < 2:
            mist(site, base + 0.02, 0.12, 0.55, depth + 0.05)
        if n == 1:
            _shafts(site, clear)


def _trunk(painter: Painter, site: Site, x: float, ground: float, half: float, colour: Rgb) -> None:
    lean = site.uniform(-0.05, 0.05) * site.height
    top = painter.top - 10
    side = np.array([(x - 1.5 * half, ground), (x - half, ground - 0.12 * site.height), (x + lean - 0.6 * half, top)])
    other = np.array([(x + lean + 0.6 * half, top), (x + half, ground - 0.12 * site.height), (x + 1.5 * half, ground)])
    painter.fill(np.concatenate([side, other]), colour)
    for _ in range(3):
        share = site.uniform(0.25, 0.8)
        y = ground + share * (top - ground)
        foot = x + lean * share
        way = 1.0 if site.rng.random() < 0.5 else -1.0
        tip = (foot + way * site.uniform(3, 7) * half, y - site.uniform(2, 6) * half)
        painter.fill(np.array([(foot - 0.3 * half, y), (foot + 0.3 * half, y + 0.5 * half), tip]), colour)


def _shafts(site: Site, clear: float) -> None:
    length = 1.2 * site.height
    for n in range(3):
        light = beam(length, 0.05 * site.unit, 0.22 * site.unit)
        x, y = (clear + 0.16 * (n - 1)) * site.width, -0.12 * site.height
        glow = glow_of(light, site.palette.glow, x, y - light.shape[0] / 2)
        angle = 90.0 + 14.0 * (n - 1) + site.uniform(-5, 5)
        phase = site.uniform(0, 6)

        def move(m: Moment, x: float = x, y: float = y, angle: float = angle, phase: float = phase) -> Drift:
            gain = 0.26 + 0.08 * np.sin(0.8 * m.flow_s + phase) + 0.2 * m.energy * (0.4 + m.beat)
            return Drift(turn_deg=angle + 1.5 * np.sin(0.4 * m.flow_s + phase), pivot=(x, y), gain=gain)

        site.add(glow, 0.3, move)


def open_sky(site: Site) -> None:
    """Clouds at three depths, birds, a strip of land far below."""
    p = site.palette
    horizon = site.uniform(0.8, 0.9)
    sky(site, horizon)
    orb(site, site.uniform(0.2, 0.8), site.uniform(0.22, 0.5), site.uniform(0.07, 0.15))
    clouds(site, 0.04, 0.5, amount=0.45, depth=0.12)
    clouds(site, 0.3, 0.8, amount=0.6, depth=0.25)
    ridge(
        site, site.edge(horizon - 0.02, 0.05, 0.8), mixed(p.far, p.sky_low, 0.3), 0.2, haze=0.6, hidden=horizon + 0.12
    )
    ridge(site, site.edge(horizon + 0.03, 0.04, 0.5), p.middle, 0.45, haze=0.3)
    clouds(site, 0.55, 0.99, amount=0.55, depth=0.7)
    ridge(site, site.edge(horizon + 0.1, 0.03, 0.5), p.ink, 0.95, haze=0.1)
    birds(site, 7)


def birds(site: Site, n_birds: int) -> None:
    """A small flock that crosses the frame and beats its wings with the flow."""
    u = site.unit
    way = 1.0 if site.rng.random() < 0.5 else -1.0
    lead = (site.uniform(0.35, 0.65) * site.width, site.uniform(0.2, 0.4) * site.height)
    flock = [
        (lead[0] - way * abs(k - n_birds // 2) * 0.06 * u + site.uniform(-0.012, 0.012) * u,
         lead[1] + (k - n_birds // 2) * 0.03 * u + site.uniform(-0.01, 0.01) * u, site.uniform(0.011, 0.018) * u,
             site.uniform(0, 6))
        for k in range(n_birds)
    ]  # fmt: skip
    colour = site.palette.ink

    def draw(frame: Planes, m: Moment, at: Affine) -> None:
        for x, y, size, phase in flock:
            here = at.of(x + way * 0.25 * u * (m.progress - 0.5), y + 0.02 * u * float(np.sin(0.7 * m.flow_s + phase)))
            frame.polygon(_bird(size, 5.5 * m.flow_s + phase) + np.array(here), colour)

    site.add(draw, 0.3)


def _bird(size: float, beat: float) -> Floats:
    tip = -0.55 * np.sin(beat) - 0.12
    return size * np.array([
        (-1.5, tip), (-0.7, 0.35 * tip - 0.2), (0.0, 0.02), (0.7, 0.35 * tip - 0.2), (1.5, tip), (0.65,
        0.35 * tip + 0.03),
        (0.0, 0.3), (-0.65, 0.35 * tip + 0.03),
    ])  # fmt: skip
