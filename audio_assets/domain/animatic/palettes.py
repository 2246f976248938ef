"""Colours and textures of the style presets: what a style looks like in an animatic, whatever is shown in it.

A preset has three lights (day, dusk, night). A name that is not known here gets colours of its own, made of its
letters, so that a studio's own preset looks the same in every shot. How colours are used is said in `motifs`.
"""

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.animatic.planes import Rgb

Light = Literal["day", "dusk", "night"]
LIGHTS: tuple[Light, ...] = ("day", "dusk", "night")


@dataclass(frozen=True, slots=True)
class Palette:
    """From the top of the sky to the ink of what is nearest; `glow` lights, `lamp` is a window, `accent` is rare."""

    sky_top: Rgb
    sky_low: Rgb
    far: Rgb
    middle: Rgb
    near: Rgb
    ink: Rgb
    glow: Rgb
    lamp: Rgb
    accent: Rgb
    fog: Rgb


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to colours that a style has not chosen itself (skin, clothes, photographs), and its textures.

    `saturation` and `contrast` are factors, `wash` is a share of `wash_colour`. `grain` (0 to 1), `vignette` (0 none
    to 1 black corners), `bloom` (0 to 1). `lines` are the outlines of figures, in thousandths of the frame's height.
    """

    saturation: float = 1.0
    contrast: float = 1.0
    brightness: float = 1.0
    wash: float = 0.0
    wash_colour: Rgb = (128, 128, 128)
    grain: float = 0.3
    vignette: float = 0.4
    bloom: float = 0.3
    lines: float = 0.0
    shake: float = 0.0
    softness: float = 0.0
    overlay: str = "dust"
    flicker: float = 0.0


@dataclass(frozen=True, slots=True)
class Style:
    """A preset: its name, its three lights, its finish, and the places it goes to where nothing else is said."""

    name: str
    lights: Mapping[Light, Palette]
    finish: Finish
    places: tuple[str, ...]
    usual_light: Light = "dusk"


def _palette(colours: str) -> Palette:
    values = [(int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for c in colours.split()]
    return Palette(*values)


#          sky_top sky_low far middle near ink glow lamp accent fog
_NOIR: dict[Light, Palette] = {
    "day": _palette("5d5d60 c9c9c8 9a9a9b 666668 3a3a3c 111112 f6f6f2 efefea ffffff b4b4b3"),
    "dusk": _palette("1c1c1f 8d8d8e 5c5c5e 39393b 202022 08080a f4f4f0 f0f0ea ffffff 7a7a7b"),
    "night": _palette("08080a 47474a 313134 1f1f22 121214 040405 f2f2ee f4f4ee ffffff 4c4c50"),
}
_ANIME: dict[Light, Palette] = {
    "day": _palette("1e7be0 9be3ff 74b9f2 3fa66b 1f7a55 123a4a fff6c8 ffe27a ff4f6d d8f4ff"),
    "dusk": _palette("4a2b8f ff8f6b b65a9e 6d3a8c 3d2268 1c1140 ffd77a ffe08a ff3d7f ffb08a"),
    "night": _palette("0b1450 3b5fd0 2f4bb0 1f2f86 141f5e 0a0f36 bfe6ff ffd95e ff4fa3 5c7be8"),
}
_DOCUMENTARY: dict[Light, Palette] = {
    "day": _palette("8e9aa0 cfcfc4 a3a79f 7c7d70 55554a 2a2a26 f3ead2 ead7a6 b5553c c4c4ba"),
    "dusk": _palette("5e6668 c2a98a 8d8377 675f54 443f38 221f1c f0d7a8 e8c07c b5553c ab9c88"),
    "night": _palette("1d2426 4b5350 3b423f 2b302d 1e211f 0f1110 dfe0c6 e6c684 b5553c 505852"),
}
_DREAMY: dict[Light, Palette] = {
    "day": _palette("a9c8f5 fde3ef d3cdf2 bfb4e6 a698d8 7c70b8 fffbe8 fff0c4 ff9ec4 fbeaf5"),
    "dusk": _palette("9a8fe0 ffc9cf d2a9dc b48fd0 9478be 5f4d94 fff0d0 ffe2ae ff8fb8 fbcfdc"),
    "night": _palette("3d3f86 a58fd4 8577c0 6a5fae 4f4a92 343066 eef0ff ffeec2 ffa3cf b3a2dc"),
}
_GOTHIC: dict[Light, Palette] = {
    "day": _palette("3a3348 8f7f96 6a5c72 4b4056 2f273a 15101c e8d8e0 ffb765 b3122e 85768c"),
    "dusk": _palette("1d1026 8c2a3c 5a1f38 3d162e 260e22 0e060f ffb48a ffab52 d3122e 6a2a40"),
    "night": _palette("0a0a1a 3a2a52 2a2040 1e1730 140f22 08060e b9c4f0 ff9d45 c0112b 43375e"),
}

STYLES: Mapping[str, Style] = {
    "cinematic_noir": Style(
        "cinematic_noir", _NOIR,
        Finish(saturation=0.0, contrast=1.3, brightness=0.86, grain=0.55, vignette=0.75, bloom=0.35, overlay="smoke",
               flicker=0.012),
        ("city", "stage", "road"), "night",
    ),
    "anime": Style(
        "anime", _ANIME,
        Finish(saturation=1.28, contrast=1.08, grain=0.0, vignette=0.16, bloom=0.3, lines=3.4, overlay="speed"),
        ("sky", "city", "sea"), "day",
    ),
    "gritty_documentary": Style(
        "gritty_documentary", _DOCUMENTARY,
        Finish(saturation=0.55, contrast=1.06, brightness=0.95, wash=0.1, wash_colour=(150, 140, 110), grain=0.8,
               vignette=0.45, bloom=0.12, shake=1.0, overlay="dust", flicker=0.01),
        ("road", "city", "mountains"), "day",
    ),
    "dreamy": Style(
        "dreamy", _DREAMY,
        Finish(saturation=0.8, contrast=0.82, brightness=1.1, wash=0.2, wash_colour=(250, 208, 226), grain=0.1,
               vignette=0.12, bloom=0.9, softness=1.0, overlay="bokeh"),
        ("sky", "sea", "forest"), "dusk",
    ),
    "dark_gothic": Style(
        "dark_gothic", _GOTHIC,
        Finish(saturation=0.72, contrast=1.12, brightness=0.78, wash=0.2, wash_colour=(70, 20, 60), grain=0.4,
               vignette=0.8, bloom=0.5, overlay="embers"),
        ("cathedral", "forest", "sea"), "night",
    ),
}  # fmt: skip


def style_named(name: str) -> Style:
    """The preset of that name, or one made of the name; the same for the same name."""
    if name in STYLES:
        return STYLES[name]
    rng = np.random.default_rng(int(sha256_hex(f"style {name}".encode())[:12], 16))
    hue, turn = float(rng.random()), float(rng.choice([0.08, 0.3, 0.42, 0.5]))
    strong = float(rng.uniform(0.35, 0.85))
    lights = {light: _derived(hue, turn, strong, value) for light, value in zip(LIGHTS, (0.95, 0.7, 0.36), strict=True)}
    overlays, places = ("dust", "bokeh", "embers", "smoke", "speed"), ("abstract", "sky", "city", "sea", "mountains")
    finish = Finish(
        saturation=0.6 + 0.6 * strong, grain=float(rng.uniform(0.0, 0.6)), vignette=float(rng.uniform(0.15, 0.6)),
        bloom=float(rng.uniform(0.2, 0.7)), overlay=str(rng.choice(overlays)), wash=0.12,
        wash_colour=_hsv(hue, 0.5, 0.8),
    )  # fmt: skip
    return Style(name, lights, finish, tuple(str(p) for p in rng.permutation(places)[:3]), LIGHTS[int(rng.integers(3))])


def turned(palette: Palette, degrees: float) -> Palette:
    """The palette with its hues moved on the colour wheel; greys stay grey, and light keeps its colour."""
    return replace(palette, **{
        field.name: _turned(getattr(palette, field.name),
            degrees / 360.0) for field in fields(palette) if field.name not in ("glow", "lamp")
    })  # fmt: skip


def finished(colour: Rgb, finish: Finish) -> Rgb:
    """A natural colour as the style shows it."""
    value = np.asarray(colour, np.float64)[None, None]
    shown = finished_pixels(value, finish)[0, 0].round().astype(int).tolist()
    return int(shown[0]), int(shown[1]), int(shown[2])


def finished_pixels(pixels: NDArray[np.float64], finish: Finish) -> NDArray[np.float64]:
    """Natural colours (rows, columns, 3), 0 to 255, as the style shows them."""
    grey = pixels @ np.array([0.2126, 0.7152, 0.0722])
    shown = grey[..., None] + finish.saturation * (pixels - grey[..., None])
    shown = (shown - 118.0) * finish.contrast + 118.0
    shown = shown * finish.brightness
    shown += finish.wash * (np.asarray(finish.wash_colour, np.float64) - shown)
    return np.asarray(np.clip(shown, 0.0, 255.0))


def mixed(first: Rgb, second: Rgb, share: float) -> Rgb:
    """`share` 0 is the first colour, 1 the second."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _derived(hue: float, turn: float, strong: float, value: float) -> Palette:
    other = hue + turn
    return Palette(
        sky_top=_hsv(hue, strong, value * 0.75), sky_low=_hsv(other, strong * 0.5, min(1.0, value * 1.05)),
        far=_hsv(hue + turn * 0.4, strong * 0.5, value * 0.78), middle=_hsv(hue, strong * 0.7, value * 0.55),
        near=_hsv(hue, strong * 0.8, value * 0.36), ink=_hsv(hue, strong * 0.8, value * 0.17),
        glow=_hsv(other, 0.18, 1.0), lamp=_hsv(0.11, 0.5, 1.0), accent=_hsv(other + 0.5, 0.66, 0.92),
        fog=_hsv(other, strong * 0.35, value * 0.85),
    )  # fmt: skip


def _hsv(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = (round(255 * c) for c in colorsys.hsv_to_rgb(hue % 1.0, min(1.0, saturation), min(1.0, value)))
    return red, green, blue


def _turned(colour: Rgb, turn: float) -> Rgb:
    hue, saturation, value = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    return _hsv(hue + turn, saturation, value)
