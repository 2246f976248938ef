"""A video provider that is small but real: plain colours, one per prompt and seed, encoded as any take is.

What a prompt holds provokes what an engine can do to a studio: `FAIL` can never be drawn, `FLAKY` fails until the file
`mended` stands in the provider's folder. Every clip that is made is a line of `made.log`. With a `shop` clips are
ordered from it, and paid; the file `closed` in the folder closes it.
"""

import hashlib
from collections.abc import Collection, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from audio_assets.domain.shot import Clip, Shot
from resources.engines.take_artifacts import Generate, Remix
from resources.ordered import Remote
from resources.paid_vendor import Look
from resources.pool import Lane
from resources.video import VideoCapabilities, VideoProvider
from resources.video_files import VideoWriter
from tests.vendors import ShopVendor


class ColourVideo(VideoProvider):
    """Draws one colour per prompt and seed, and a bar that walks."""

    folder: str
    called: str = "animatic"
    shop: str = ""
    clip: str = ""

    @property
    def name(self) -> str:
        return self.called

    @property
    def speed(self) -> float:
        return 0.1

    def about(self) -> About:
        return About("video", "colours", "CC0-1.0", "open")

    def models(self) -> tuple[str, ...]:
        return ("animatic", "clip-1")

    def capabilities(self, model: str) -> VideoCapabilities:
        self.check_model(model)
        return VideoCapabilities(takes_reference_image=True, takes_seed=True, can_remix=True)

    def identity(self, model: str) -> Mapping[str, str]:
        return {"engine": "colours", "model": model, "licence": "CC0-1.0"}

    def generator(self, model: str) -> Generate:
        return partial(draw, folder=Path(self.folder))

    def remixer(self, model: str) -> Remix:
        return partial(redraw, folder=Path(self.folder))

    @property
    def is_remote(self) -> bool:
        return bool(self.shop)

    def remote(self, model: str, kept: Path) -> Remote | None:
        if not self.shop:
            return None
        if (Path(self.folder) / "closed").exists():
            raise Unavailable("shop needs a key: set SHOP_KEY in the environment")
        bought = [Path(self.clip).read_bytes()]
        shop = ShopVendor(Path(self.shop), answers=[Look("done", billed_usd="0.40")], fetched=bought)
        return Remote(shop, self.name, model, Lane(self.name, 4))

    def request(self, model: str, shot: Shot, files: Collection[str]) -> Mapping[str, Any]:
        return {"prompt": shot.prompt, "seconds": shot.clip_seconds, "files": sorted(files)}


def draw(shot: Shot, _image: Path | None, target: Path, *, folder: Path) -> Clip:
    if "FAIL" in shot.prompt:
        raise PermanentError("this prompt can not be drawn: change it")
    if "FLAKY" in shot.prompt and not (folder / "mended").exists():
        raise TransientError("the pencil broke")
    with (folder / "made.log").open("a") as log:
        log.write(f"{shot.seed} {shot.revision or shot.prompt!r}\n")
    write_colours(target, shot.prompt + str(shot.seed), shot.width, shot.height, shot.frame_rate, shot.n_frames)
    return Clip(shot.n_frames, shot.width, shot.height)


def redraw(shot: Shot, parent: Path, image: Path | None, target: Path, *, folder: Path) -> Clip:
    assert parent.is_file()
    return draw(shot, image, target, folder=folder)


def write_colours(target: Path, name: str, width: int, height: int, frame_rate: Fraction, n_frames: int) -> None:
    colour = np.frombuffer(hashlib.sha256(name.encode()).digest()[:3], np.uint8)
    with VideoWriter(target, width, height, frame_rate) as writer:
        for number in range(n_frames):
            picture = np.empty((height, width, 3), np.uint8)
            picture[:] = 64 + colour // 2
            picture[:, 16 * (number % 60) : 16 * (number % 60) + 16] = 255
            writer.write(picture)
