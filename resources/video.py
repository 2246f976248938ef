"""The capability to make a scene's clip, and the local engine that has it.

Here: what a stage may ask of a provider, and which function answers. How an engine draws is in `engines`; what a model
costs is in the price card; which provider a song uses is in its settings.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import dagster as dg

from resources.engines.take_artifacts import Generate, Remix
from resources.paid_vendor import PaidVendor


@dataclass(frozen=True, slots=True)
class VideoCapabilities:
    """What a provider can do.

    `models` by name; `sizes` are "1280x720" and so on, none for any; `clip_seconds` are the lengths that it sells, none
    for any exact length. `draws_guide`: it draws from `Shot.guide`, which is then part of a take's key.
    """

    models: tuple[str, ...]
    sizes: tuple[str, ...] = ()
    clip_seconds: tuple[int, ...] = ()
    takes_reference_image: bool = False
    takes_seed: bool = False
    can_remix: bool = False
    draws_guide: bool = False
    has_native_lip_sync: bool = False


class VideoProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Makes clips: here, or at a vendor's, who is paid through the ledger."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How a song's settings name this provider."""

    @property
    def speed(self) -> float:
        """Seconds of one core for a second of clip, measured; for estimates. 0 where somebody else's machine works."""
        return 0.0

    @abstractmethod
    def capabilities(self) -> VideoCapabilities:
        """What it can do."""

    @abstractmethod
    def identity(self, model: str) -> Mapping[str, str]:
        """All that, beside the shot, decides the bytes: engine, model, versions; and the licence."""

    def generator(self, model: str) -> Generate:
        """The picklable function that makes a clip on this machine.

        Raises:
            NotImplementedError: its clips come from a vendor.
        """
        raise NotImplementedError(f"{self.name} makes no clips here")

    def remixer(self, model: str) -> Remix:
        """The picklable function that makes a clip from another take's.

        Raises:
            NotImplementedError: it does not remix here.
        """
        raise NotImplementedError(f"{self.name} does not remix here")

    def vendor(self, model: str) -> PaidVendor | None:
        """Who is ordered from and paid; None for an engine on this machine."""
        return None


class AnimaticVideo(VideoProvider):
    """Moving pictures drawn here, at no cost, so that a video can be judged, cut and timed before money is spent."""

    @property
    def name(self) -> str:
        """`animatic`."""
        return "animatic"

    @property
    def speed(self) -> float:
        """720p at 24 frames a second, with its encoding."""
        return 0.7

    def capabilities(self) -> VideoCapabilities:
        """Any size and length; it draws what happens in the scene."""
        return VideoCapabilities(
            models=("animatic",), takes_reference_image=True, takes_seed=True, can_remix=True, draws_guide=True
        )

    def identity(self, model: str) -> Mapping[str, str]:
        """Our version and those of the libraries that draw and encode."""
        return {**_animatic_identity(), "model": model, "licence": "Apache-2.0"}

    def generator(self, model: str) -> Generate:
        """See `VideoProvider.generator`."""
        from resources.engines import animatic

        return animatic.generate

    def remixer(self, model: str) -> Remix:
        """See `VideoProvider.remixer`: the revision and its seed change the look."""
        from resources.engines import animatic

        return animatic.remix


@lru_cache(maxsize=1)
def _animatic_identity() -> Mapping[str, str]:
    from resources.engines import animatic

    return animatic.identity()
