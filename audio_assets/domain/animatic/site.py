"""What a backdrop is made of: layers at depths, each with its own motion, and the parts that many places share.

A `Site` is the ground that a place is built on: size, colours, a seeded generator. Places themselves are in `places`.
Fractions are of the frame's height for y, of its width for x; lengths of things go by `unit`, the shorter side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sin

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.animatic.affine import Affine
from audio_assets.domain.animatic.moments import Moment
from audio_assets.domain.animatic.palettes import Finish, Palette, mixed
from audio_assets.domain.animatic.planes import Glow, Painter, Planes, Rgb, Sprite, glow_of, sprite_of
from audio_assets.domain.animatic.textures import cloud_noise, gradient, halo, hump, paper, smooth_step

Floats = NDArray[np.float64]

MARGIN = 0.17
"""How far layers reach beyond the frame, in frame heights."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How a layer stands on a frame: moved by pixels, scaled and turned about its pivot, `gain` of light or opacity."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    turn_deg: float = 0.0
    gain: float = 1.0
    pivot: tuple[float, float] = (0.0, 0.0)


Move = Callable[[Moment], Drift]
Draw = Callable[[Planes, Moment, Affine], None]


@dataclass(frozen=True, slots=True)
class Layer:
    """`what` is laid, added, or draws itself; `depth` 0 hardly follows the camera, 1 does, above 1 is near the lens."""

    what: Sprite | Glow | Draw
    depth: float
    move: Move | None = None


@dataclass(slots=True)
class Site:
    """See the module. At night stars are lit; a flat style has flat clouds; a far site lies out of focus."""

    width: int
    height: int
    palette: Palette
    finish: Finish
    rng: np.random.Generator
    is_night: bool = False
    is_flat: bool = False
    is_far: bool = False
    words: frozenset[str] = frozenset()
    layers: list[Layer] = field(default_factory=list)

    @property
    def unit(self) -> float:
        """The shorter side."""
        return float(min(self.width, self.height))

    @property
    def margin(self) -> float:
        """Pixels beyond the frame on each side."""
        return MARGIN * self.height

    def painter(self, top: float = 0.0, bottom: float = 1.0) -> Painter:
        """A canvas over the frame's rows from `top` to `bottom`; 0.0 and 1.0 mean with the margin."""
        first = top * self.height - (self.margin if top <= 0.0 else 0.0)
        last = bottom * self.height + (self.margin if bottom >= 1.0 else 0.0)
        width = round(self.width + 2 * self.margin)
        return Painter(width, max(2, round(last - first)), left=-self.margin, top=float(round(first)))

    def add(
        self, what: Sprite | Glow | Draw | Painter, depth: float, move: Move | None = None, *, is_soft: bool = False
    ) -> None:
        """Put a layer before those that are there; a soft one has no sharp edges."""
        if isinstance(what, Painter):
            if self.finish.grain > 0.05:
                what.grain(paper(), 0.16 * self.finish.grain)
            what = what.sprite(is_soft=is_soft or self.is_far)
        self.layers.append(Layer(what, depth, move))

    def uniform(self, low: float, high: float) -> float:
        """A number of this site."""
        return float(self.rng.uniform(low, high))

    def edge(self, base: float, swing: float, lump: float, *, rough: float = 0.0) -> Floats:
        """A skyline (n, 2) over all the width: up to `swing` off `base`, lumps of `lump` units, `rough` 0 to 1."""
        x = np.arange(-self.margin - 8, self.width + self.margin + 16, 8.0)
        y = np.zeros_like(x)
        for octave in range(5):
            length = lump * self.unit / 2**octave
            knots = self.rng.uniform(-1.0, 1.0, int((x[-1] - x[0]) / length) + 4)
            at = (x - x[0]) / length
            part = at - np.floor(at)
            eased = part if rough > 0.5 else part * part * (3 - 2 * part)
            left = knots[np.floor(at).astype(int)]
            right = knots[np.floor(at).astype(int) + 1]
            y += (0.32 + 0.28 * rough) ** octave * (left + eased * (right - left))
        return np.stack([x, self.height * (base + swing * y)], axis=1)

    def below(self, edge: Floats, bottom: float = 1.0) -> Floats:
        """The polygon under an edge, down to a fraction of the height (1.0: beyond the frame)."""
        low = bottom * self.height + (self.margin + 4 if bottom >= 1.0 else 0.0)
        return np.concatenate([edge, [(edge[-1, 0], low), (edge[0, 0], low)]])


def sway(amount_px: float, speed: float, phase: float = 0.0, *, lift_px: float = 0.0, beat_px: float = 0.0) -> Move:
    """To and fro with the music's flow; `beat_px` is how far it jumps up on a beat."""

    def move(m: Moment) -> Drift:
        angle = speed * m.flow_s + phase
        return Drift(amount_px * sin(angle), lift_px * sin(0.83 * angle + 1.0) - beat_px * m.beat * m.energy)

    return move


def slide(amount_px: float, down_px: float = 0.0) -> Move:
    """One way with the music's flow, and after some ten seconds of it gently back."""

    def move(m: Moment) -> Drift:
        share = sin(0.3 * m.flow_s - 0.8)
        return Drift(share * amount_px, share * down_px)

    return move


def pulse(usual: float, by_energy: float, by_beat: float, *, flicker: float = 0.0, phase: float = 0.0) -> Move:
    """Light that follows the music."""

    def move(m: Moment) -> Drift:
        trembling = flicker * (sin(23.0 * m.time_s + phase) + sin(14.3 * m.time_s + 2.1 * phase))
        return Drift(gain=max(0.0, usual + by_energy * m.energy + by_beat * m.beat + trembling))

    return move


def sky(site: Site, horizon: float) -> None:
    """The opaque ground of an outdoor place: a gradient down to the horizon, and stars at night."""
    p, rng = site.palette, site.rng
    painter = site.painter()
    rows, columns = painter.rgba.shape[:2]
    low = (horizon * site.height + site.margin) / rows
    stops = ((0.0, p.sky_top), (0.55 * low, mixed(p.sky_top, p.sky_low, 0.45)), (low, p.sky_low), (1.0, p.fog))
    painter.rgba[..., :3] = gradient(rows, columns, stops, rng)
    painter.rgba[..., 3] = 255
    if site.is_night:
        for _ in range(90):
            x, y = rng.random() * columns, rng.random() ** 1.4 * low * rows * 0.85
            size = float(rng.choice([0.6, 0.8, 1.3])) * site.unit / 720
            star = mixed(p.sky_top, p.glow, float(rng.uniform(0.35, 0.95)))
            painter.oval(x + painter.left, y + painter.top, size, size, star)
    if site.finish.grain > 0.05:
        painter.grain(paper(), 0.1 * site.finish.grain)
    site.layers.append(Layer(painter.sprite(is_opaque=True), 0.0))


def orb(site: Site, x: float, y: float, radius: float) -> None:
    """Sun or moon, with its halo; `radius` in units."""
    p, r = site.palette, radius * site.unit
    cx, cy = x * site.width, y * site.height
    painter = Painter(round(2 * r + 8), round(2 * r + 8), left=round(cx - r - 4), top=round(cy - r - 4))
    painter.oval(cx, cy, r, r, mixed(p.glow, (255, 255, 255), 0.25))
    if site.is_night:  # the moon has seas
        for _ in range(4):
            at, far = site.uniform(0, 2 * np.pi), site.uniform(0.1, 0.6) * r
            size = site.uniform(0.1, 0.24) * r
            painter.oval(cx + far * np.cos(at), cy + far * np.sin(at), size, size * 0.9, mixed(p.glow, p.sky_low, 0.24))
    reach = r * (4.5 if site.is_night else 6.0)
    glow = glow_of(halo(reach, 0.08, 2.4), p.glow, cx - reach, cy - reach)
    room = 1.0 - 0.72 * sum(p.sky_low) / 765  # a bright sky has less room for more light
    site.layers.append(Layer(glow, 0.05, pulse((0.45 + 0.25 * site.finish.bloom) * room, 0.2 * room, 0.14 * room)))
    site.add(painter, 0.05)


def clouds(site: Site, top: float, bottom: float, *, amount: float = 0.5, depth: float = 0.15) -> None:
    """A field of clouds between two heights, drifting; flat puffs in a flat style, soft otherwise."""
    p = site.palette
    lit = mixed(mixed(p.sky_low, p.glow, 0.5), (255, 255, 255), 0.1 if site.is_night else 0.3)
    if site.is_flat:
        _puffs(site, top, bottom, amount, depth, lit)
        return
    painter = site.painter(top, bottom)
    rows, columns = painter.rgba.shape[:2]
    noise = cloud_noise(rows, columns, 0.22 * site.unit, site.rng, stretch=2.6)
    window = hump(rows)[:, None] ** 0.7
    alpha = smooth_step(noise * window, 0.62 - 0.3 * amount, 0.95 - 0.2 * amount)
    shade = gradient(rows, columns, ((0.0, lit), (1.0, mixed(lit, p.far, 0.5))), site.rng)
    sprite = sprite_of(shade, np.asarray(alpha * 215, np.uint8), painter.left, painter.top, is_soft=True)
    site.layers.append(Layer(sprite, depth, slide(site.uniform(0.05, 0.12) * site.unit)))


def _puffs(site: Site, top: float, bottom: float, amount: float, depth: float, lit: Rgb) -> None:
    painter = site.painter(top, bottom)
    shade = mixed(lit, site.palette.sky_top, 0.3)
    for _ in range(round(3 + 7 * amount)):
        x = site.uniform(-0.1, 1.1) * site.width
        y = site.uniform(top + 0.3 * (bottom - top), bottom - 0.15 * (bottom - top)) * site.height
        size = site.uniform(0.05, 0.13) * site.unit
        lumps = [
            (off, (0.35 + 0.75 * (1 - (off / 2.8) ** 2)) * site.uniform(0.7, 1.1)) for off in np.linspace(-2.5, 2.5, 7)
        ]
        for colour, lift, less in ((shade, 0.0, 1.0), (lit, 0.12, 0.9)):
            for off, r in lumps:  # sitting on one line, as heaps of cloud do
                painter.oval(
                    x + off * size, y - (0.62 * r + lift) * size, less * r * size, less * r * size * 0.86, colour
                )
            boxes(painter, [(x - 2.5 * size, y - (0.5 + lift) * size, x + 2.5 * size, y - lift * size)], colour)
    site.add(painter, depth, slide(site.uniform(0.06, 0.12) * site.unit))


def ridge(site: Site, edge: Floats, colour: Rgb, depth: float, *, haze: float = 0.4, hidden: float = 1.0) -> None:
    """A land's outline, filled down to where nearer land hides it (a fraction), mistier the lower."""
    top = float(edge[:, 1].min()) / site.height
    painter = site.painter(max(0.01, top - 0.01), hidden)
    painter.fill(site.below(edge), colour)
    rows = painter.rgba.shape[0]
    painter.tint(site.palette.fog, haze * np.linspace(0.0, 1.0, rows) ** 1.3)
    site.add(painter, depth)


def mist(site: Site, middle: float, thickness: float, strength: float, depth: float) -> None:
    """A bank of fog."""
    painter = site.painter(max(0.01, middle - thickness), min(1.0, middle + thickness))
    rows, columns = painter.rgba.shape[:2]
    noise = cloud_noise(rows, columns, 0.3 * site.unit, site.rng, stretch=3.5)
    window = hump(rows)[:, None] ** 1.5
    alpha = np.asarray(255 * strength * window * (0.25 + 0.75 * noise), np.uint8)
    colour = np.broadcast_to(np.array(site.palette.fog, np.uint8), (rows, columns, 3))
    sprite = sprite_of(np.ascontiguousarray(colour), alpha, painter.left, painter.top, is_soft=True)
    phase = site.uniform(0, 6)
    site.layers.append(Layer(sprite, depth, sway(0.05 * site.unit, 0.5, phase, lift_px=0.008 * site.unit)))


def boxes(painter: Painter, corners: Sequence[tuple[float, float, float, float]], colour: Rgb) -> None:
    """Upright rectangles (left, top, right, bottom)."""
    for left, top, right, bottom in corners:
        painter.fill(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), colour)
