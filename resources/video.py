"""The capability to film a shot, and the local engine that has it.

Here: what a stage may ask of a provider, and which function in a worker process answers. How an engine works is in
`engines`; what a second costs is in the price card, by the provider's name and model; what was paid is the ledger's.
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
    """What a provider can be asked for.

    `sizes` are (width, height), empty for any even size. `clip_seconds` are the lengths it sells, empty for exactly the
    frames of the shot. `draws_guide`: it uses `Shot.guide`, which then enters the key of a take.
    """

    models: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...] = ()
    clip_seconds: tuple[int, ...] = ()
    takes_reference_image: bool = False
    takes_seed: bool = False
    can_remix: bool = False
    draws_guide: bool = False
    is_local: bool = False
    has_native_lip_sync: bool = False


class VideoProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Films shots."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How a song's settings name this provider."""

    @property
    @abstractmethod
    def speed(self) -> float:
        """Seconds of one core for a second of clip (720p24), measured; for estimates. 0 where another machine works."""

    @abstractmethod
    def capabilities(self) -> VideoCapabilities:
        """What it can be asked for."""

    @abstractmethod
    def identity(self, model: str) -> Mapping[str, str]:
        """All that, beside the shot, decides the bytes: engine, model, versions; and the licence.

        Raises:
            ValueError: it has no such model; one sentence.
        """

    @abstractmethod
    def generator(self, model: str) -> Generate:
        """The function that films.

        Raises:
            ValueError: it has no such model; one sentence.
        """

    @abstractmethod
    def remixer(self, model: str) -> Remix:
        """The function that films again, from a take and a revised prompt.

        Raises:
            ValueError: it has no such model, or can not remix; one sentence.
        """

    def vendor(self, model: str) -> PaidVendor | None:
        """Who is ordered from and paid; None for an engine on this machine."""
        return None

    def check_model(self, model: str) -> None:
        """Refuse a model that the provider does not have.

        Raises:
            ValueError: one sentence that names those it has.
        """
        models = self.capabilities().models
        if model not in models:
            raise ValueError(f'{self.name} has no model "{model}": use {" or ".join(models)}')


class AnimaticVideo(VideoProvider):
    """Draws each scene as a moving storyboard, here and for nothing."""

    @property
    def name(self) -> str:
        """`animatic`."""
        return "animatic"

    @property
    def speed(self) -> float:
        """With encoding, on one thread of a server core."""
        return 0.85

    def capabilities(self) -> VideoCapabilities:
        """Any even size, exactly the frames of the shot."""
        return VideoCapabilities(
            models=("animatic",), takes_reference_image=True, takes_seed=True, can_remix=True, draws_guide=True,
            is_local=True,
        )  # fmt: skip

    def identity(self, model: str) -> Mapping[str, str]:
        """See `VideoProvider.identity`."""
        self.check_model(model)
        return _animatic_identity()

    def generator(self, model: str) -> Generate:
        """See `VideoProvider.generator`."""
        self.check_model(model)
        from resources.engines import animatic

        return animatic.generate

    def remixer(self, model: str) -> Remix:
        """See `VideoProvider.remixer`; the revised prompt draws anew."""
        self.check_model(model)
        from resources.engines import animatic

        return animatic.remix


@lru_cache(maxsize=1)
def _animatic_identity() -> Mapping[str, str]:
    # Imported where it is asked for: OpenCV and dlib cost time that a plan or a sensor tick need not spend.
    from resources.engines import animatic

    return {**animatic.identity(), "licence": "rendered here from the song's own data, unencumbered"}
