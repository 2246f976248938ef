"""One shot as an animatic: chooses place, light, camera and singer from its words and its seed, then makes frames.

The same shot and reference give the same frames. The seed and the prompt choose composition, camera move and a small
turn of all hues; the style preset, the characters and the place that the words name stay. Files are not known here.
"""

from collections.abc import Callable

import cv2
import numpy as np

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.animatic import places_abstract, places_inside, places_land, places_town
from audio_assets.domain.animatic.affine import Affine, about, shift
from audio_assets.domain.animatic.captions import Captions
from audio_assets.domain.animatic.looks import look_of
from audio_assets.domain.animatic.moments import Moment, Pose, choose_move, moments, poses
from audio_assets.domain.animatic.overlays import lay_over, light_beams
from audio_assets.domain.animatic.palettes import LIGHTS, Light, mixed, style_named, turned
from audio_assets.domain.animatic.planes import Glow, Painter, Planes, Sprite, glow_of
from audio_assets.domain.animatic.portrait import portrait
from audio_assets.domain.animatic.reading import Wishes, seen_with, wishes_of
from audio_assets.domain.animatic.singer import (
    FACE_OF_HEIGHT,
    FACE_OF_WIDTH,
    DrawnSinger,
    PicturedSinger,
    Reference,
)
from audio_assets.domain.animatic.site import Drift, Layer, Site
from audio_assets.domain.animatic.small_figure import small_figure
from audio_assets.domain.animatic.textures import halo, vignette
from audio_assets.domain.schemas.rig import Rig
from audio_assets.domain.shot import GuideCharacter, Shot

LEAST_PX, MOST_PX = 16, 4096

_PLACES: dict[str, Callable[[Site], object]] = {
    "sea": places_land.sea, "lighthouse": places_land.lighthouse, "mountains": places_land.mountains,
    "forest": places_land.forest, "sky": places_land.open_sky, "city": places_town.city, "road": places_town.road,
    "stage": places_inside.stage, "room": places_inside.room, "cathedral": places_inside.cathedral,
    "abstract": places_abstract.abstract,
}  # fmt: skip
_WITHOUT_GROUND = ("sea", "lighthouse", "sky", "abstract")
_SINGER_DEPTH = 0.8
_STILL = Drift()
_NOBODY = GuideCharacter("singer", is_primary=True)


class Shooting:
    """Prepares a shot, then answers its frames in order; `notes` are what a person should know.

    Raises:
        ValueError: the size is odd, or out of bounds; one sentence.
    """

    def __init__(self, shot: Shot, reference: Reference | None = None) -> None:
        check_size(shot)
        self.shot, self._guide = shot, shot.guide
        self._has_singer = shot.guide is not None and shot.guide.scene_type == "performance"
        self.notes: list[str] = []
        self.moments = moments(shot)
        seed = int(sha256_hex(f"{shot.seed} {shot.prompt}".encode())[:12], 16)
        self._rng = np.random.default_rng(seed)
        wishes = wishes_of(shot)
        style = style_named(self._guide.style_preset if self._guide else "")
        light = wishes.light or self._usual_light(style.usual_light)
        palette = turned(style.lights[light], float(self._rng.uniform(-13, 13)))
        energy = float(np.mean([m.energy for m in self.moments]))
        self._finish = style.finish
        self.place = self._chosen_place(wishes, style.places)
        self.move = choose_move(f"{shot.prompt}", energy, self._rng)
        self._poses = poses(self.moments, self.move, style.finish.shake, seed)
        self._site = Site(
            shot.width, shot.height, palette, style.finish, self._rng, light == "night", style.finish.lines > 0,
            self._has_singer, wishes.words,
        )  # fmt: skip
        _PLACES[self.place](self._site)
        self._site.is_far = False
        if style.finish.saturation == 0.0:
            light_beams(self._site)
        self._behind = self._site.layers
        self._site.layers = []
        self._singer = self._cast(reference)
        lay_over(self._site, wishes.weather or style.finish.overlay, energy)
        self._before = self._site.layers
        self._captions = self._captioned()
        self._vignette = vignette(shot.width, shot.height, style.finish.vignette)
        self._frame = Planes(shot.width, shot.height)

    def frame(self, number: int) -> Planes:
        """One frame; the planes are used again for the next."""
        m, pose, frame = self.moments[number], self._poses[number], self._frame
        for layer in self._behind:
            self._show(layer, m, pose)
        if self._singer:
            view = self._view(pose, _SINGER_DEPTH)
            for part in self._singer.parts(m):
                frame.lay(part.sprite, view.after(part.at))
        for layer in self._before:
            self._show(layer, m, pose)
        self._develop(m)
        if self._captions:
            self._captions.draw(frame, m)
        return frame

    def rig(self) -> Rig | None:
        """Where the drawn singer's mouth is on every frame; None where none is drawn."""
        if not isinstance(self._singer, DrawnSinger):
            return None
        anchors = tuple(
            self._singer.anchor(m, self._view(pose, _SINGER_DEPTH))
            for m, pose in zip(self.moments, self._poses, strict=True)
        )
        singer = seen_with(self._guide, 1)
        name = singer[0].name if singer else ""
        return Rig(self.shot.width, self.shot.height, name, self._singer.portrait.colours, anchors)

    def _usual_light(self, usual: Light) -> Light:
        """The style's own light three times out of five, else another."""
        return usual if self._rng.random() < 0.6 else LIGHTS[int(self._rng.integers(len(LIGHTS)))]

    def _chosen_place(self, wishes: Wishes, usual: tuple[str, ...]) -> str:
        """What the words ask for most; where two are asked for about as much, the seed chooses."""
        if not wishes.places:
            weights = np.array([0.5, 0.25, 0.15, 0.1][: len(usual) + 1])
            return str(self._rng.choice([*usual, "abstract"], p=weights / weights.sum()))
        best = wishes.places[0][1]
        return str(self._rng.choice([name for name, weight in wishes.places if weight >= 0.8 * best]))

    def _cast(self, reference: Reference | None) -> DrawnSinger | PicturedSinger | None:
        shot, site, guide = self.shot, self._site, self._guide
        if not self._has_singer:
            self._walk_on()
            return None
        if reference is not None:
            if reference.face is None:
                self.notes.append("no face was found in the reference image, so all of it is shown")
            self._lit_behind(0.5 * shot.width, 0.45 * shot.height)
            return PicturedSinger(reference, shot.width, shot.height, self._finish, self._rng)
        look = look_of((*seen_with(guide, 1), _NOBODY)[0])
        face = min(FACE_OF_HEIGHT * shot.height, FACE_OF_WIDTH * shot.width) * site.uniform(0.92, 1.05)
        off = site.uniform(-0.13, 0.13) if shot.width > shot.height else site.uniform(-0.03, 0.03)
        x, y = (0.5 + off) * shot.width, site.uniform(0.43, 0.46) * shot.height
        self._lit_behind(x, y)
        return DrawnSinger(portrait(look, site.palette, self._finish, face), x, y, self._rng)

    def _lit_behind(self, x: float, y: float) -> None:
        """A light behind the singer's head, which parts it from the backdrop."""
        reach = 0.75 * self._site.unit
        glow = glow_of(halo(reach, 0.0, 1.8), self._site.palette.glow, x - reach, y - reach)
        self._behind.append(Layer(glow, 0.4, lambda m: Drift(gain=0.16 + 0.12 * m.energy + 0.14 * m.beat * m.energy)))

    def _walk_on(self) -> None:
        """Those who are named stand in the place, small."""
        site, people = self._site, seen_with(self._guide)
        start = site.uniform(0.25, 0.7) * self.shot.width
        if people and self.place in _WITHOUT_GROUND:
            edge = site.edge(0.915, 0.012, 0.5)
            shore = site.painter(0.85, 1.0)
            shore.fill(site.below(edge), site.palette.ink)
            shore.stroke(edge, mixed(site.palette.ink, site.palette.glow, 0.22), 0.004 * site.unit)
            self._behind.append(Layer(shore.sprite(), 0.85))
        for number, character in enumerate(people):
            high = min(0.3 * self.shot.height, 0.42 * site.unit) * (1.0 - 0.1 * number)
            x, y = start + 0.16 * site.unit * number, (0.93 - 0.012 * number) * self.shot.height
            sprite = small_figure(look_of(character), site.palette, self._finish, high)
            here = Sprite(sprite.yuva, sprite.left + x, sprite.top + y)
            phase = 1.7 * number

            def move(m: Moment, x: float = x, y: float = y, high: float = high, phase: float = phase) -> Drift:
                step = np.sin(2.2 * m.flow_s + phase)
                return Drift(0.03 * high * m.progress, -0.012 * high * abs(step), turn_deg=0.8 * step, pivot=(x, y))

            shadow = Painter(round(0.8 * high), round(0.12 * high), left=x - 0.4 * high, top=y - 0.05 * high)
            shadow.oval(x, y, 0.24 * high, 0.022 * high, site.palette.ink)
            shadow.fade(np.full(shadow.rgba.shape[0], 0.6))
            self._behind.append(Layer(shadow.sprite(), 0.85))
            self._behind.append(Layer(here, 0.85, move))

    def _captioned(self) -> Captions | None:
        guide = self._guide
        if guide is None or not (guide.shows_lyrics or guide.shows_card):
            return None
        captions = Captions(guide, self.shot.width, self.shot.height, self._site.palette, self.shot.n_frames)
        if captions.missing:
            self.notes.append(f"letters that the font lacks were left out of the picture: {' '.join(captions.missing)}")
        return captions

    def _show(self, layer: Layer, m: Moment, pose: Pose) -> None:
        view = self._view(pose, layer.depth)
        drift = layer.move(m) if layer.move else _STILL
        if layer.move:
            turned_ = about(*drift.pivot, drift.turn_deg, drift.scale)
            view = view.after(shift(float(drift.x), float(drift.y))).after(turned_)
        if isinstance(layer.what, Sprite):
            self._frame.lay(layer.what, view, drift.gain)
        elif isinstance(layer.what, Glow):
            self._frame.shine(layer.what, view, drift.gain)
        else:
            layer.what(self._frame, m, view)

    def _view(self, pose: Pose, depth: float) -> Affine:
        """The stage as the camera sees it at a depth; what is far moves less."""
        width, height = self.shot.width, self.shot.height
        zoom = 1.0 + (pose.zoom - 1.0) * (0.35 + 0.65 * depth)
        reach = -height * (0.15 + 0.85 * depth)
        return shift(reach * pose.x, reach * pose.y).after(about(width / 2, height / 2, pose.turn_deg, zoom))

    def _develop(self, m: Moment) -> None:
        """Bloom, vignette, flicker and the flash on downbeats: all on light alone."""
        finish, y = self._finish, self._frame.y
        if finish.softness > 0.0:
            rows, columns = y.shape
            small = cv2.resize(y, (max(4, columns // 8), max(4, rows // 8)), interpolation=cv2.INTER_AREA)
            soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3.0), (columns, rows), interpolation=cv2.INTER_LINEAR)
            cv2.addWeighted(y, 1.0 - 0.3 * finish.softness, soft, 0.36 * finish.softness, -8.0, dst=y)
        flicker = finish.flicker * float(np.sin(31.0 * m.time_s) + np.sin(17.7 * m.time_s + 1.0))
        flash = 0.05 * m.bar * (0.25 + m.energy) + 0.018 * m.beat * m.energy
        cv2.multiply(y, self._vignette, dst=y, scale=(1.0 + flicker + flash) / 255)


def check_size(shot: Shot) -> None:
    """Refuse a size that H.264's 4:2:0 can not hold.

    Raises:
        ValueError: one sentence.
    """
    for name, value in (("width", shot.width), ("height", shot.height)):
        if value % 2 or not LEAST_PX <= value <= MOST_PX:
            raise ValueError(f"an animatic's {name} is an even number from {LEAST_PX} to {MOST_PX}, not {value}")
    if shot.n_frames < 1:
        raise ValueError(f"an animatic has at least one frame, not {shot.n_frames}")
