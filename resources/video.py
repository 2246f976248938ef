"""STUB until the animatic lands."""
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from fractions import Fraction
import dagster as dg
import numpy as np
from audio_assets.domain.shot import Clip, Shot
from resources.paid_vendor import PaidVendor
from resources.video_files import VideoWriter
Generate = Callable[[Shot, Path | None, Path], Clip]
Remix = Callable[[Shot, Path, Path | None, Path], Clip]

@dataclass(frozen=True)
class VideoCapabilities:
    draws_guide: bool = True
    takes_reference_image: bool = True

class VideoProvider(dg.ConfigurableResource, ABC):
    @property
    @abstractmethod
    def name(self) -> str: ...
    def capabilities(self): return VideoCapabilities()
    @abstractmethod
    def identity(self, model: str) -> Mapping[str, str]: ...
    @abstractmethod
    def generator(self, model: str) -> Generate: ...
    @abstractmethod
    def remixer(self, model: str) -> Remix: ...
    @property
    def speed(self) -> float: return 0.4
    def vendor(self, model: str) -> PaidVendor | None: return None

def _gen(shot, image, target):
    rng = np.random.default_rng(shot.seed)
    base = rng.integers(0, 255, 3)
    with VideoWriter(target, shot.width, shot.height, shot.frame_rate) as w:
        for i in range(shot.n_frames):
            p = np.empty((shot.height, shot.width, 3), np.uint8); p[:] = base; p[:, : (i * 7) % shot.width] = 255 - base
            w.write(p)
    return Clip(shot.n_frames, shot.width, shot.height)
def _rem(shot, parent, image, target): return _gen(shot, image, target)

class AnimaticVideo(VideoProvider):
    @property
    def name(self): return "animatic"
    def identity(self, model): return {"engine": "stub", "licence": "Apache-2.0"}
    def generator(self, model): return _gen
    def remixer(self, model): return _rem
