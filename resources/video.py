"""The capability to film a shot, and the local engine that has it.

Here: what a stage may ask of a provider, and which function in a worker process answers. How an engine works is in
`engines`; what a second costs is in the price card, by the provider's name and model; what was paid is the ledger's.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.shot import Shot
from resources.engines.take_artifacts import Generate, Remix
from resources.ordered import Remote

_ANIMATIC_LICENCE = "rendered here from the song's own data, unencumbered"


@dataclass(frozen=True, slots=True)
class VideoCapabilities:
    """What a provider's model can be asked for.

    `sizes` are (width, height), empty for any even size. `clip_seconds` are the lengths it sells, empty for exactly the
    frames of the shot. `draws_guide`: it uses `Shot.guide`, which then enters the key of a take.
    """

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
    def speed(self) -> float:
        """Seconds of one core for a second of clip (720p24), measured; for estimates. 0 where another machine works."""
        return 0.0

    @abstractmethod
    def about(self) -> About:
        """What the catalogue says of it."""

    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """The models that settings may name."""

    @abstractmethod
    def capabilities(self, model: str) -> VideoCapabilities:
        """What a model can be asked for.

        Raises:
            ValueError: it has no such model; one sentence.
        """

    @abstractmethod
    def identity(self, model: str) -> Mapping[str, str]:
        """All that, beside the shot, decides the bytes: engine, model, versions; and the licence.

        Raises:
            ValueError: it has no such model; one sentence.
        """

    def generator(self, model: str) -> Generate:
        """The function that films here.

        Raises:
            ValueError: it has no such model; one sentence.
        """
        raise NotImplementedError(f"{self.name} films elsewhere")

    def remixer(self, model: str) -> Remix:
        """The function that films here again, from a take and a revised prompt.

        Raises:
            ValueError: it has no such model, or can not remix; one sentence.
        """
        raise NotImplementedError(f"{self.name} films elsewhere")

    # What follows is for those that film elsewhere; an engine on this machine leaves it as it is.

    @property
    def is_remote(self) -> bool:
        """Whether takes are ordered from it."""
        return False

    def remote(self, model: str, kept: Path) -> Remote | None:
        """Where takes are ordered, None for an engine on this machine.

        The order's files are "reference_image" where the shot has one, and "parent", the clip that a remix begins with.

        Raises:
            ValueError: it has no such model; one sentence.
            Unavailable: it can not be asked as things stand.
        """
        return None

    def request(self, model: str, shot: Shot, files: Collection[str]) -> Mapping[str, Any]:
        """What is sent for a shot, as JSON values; `files` are the names of those that go with it.

        Raises:
            PermanentError: it can not be asked for this; what, and what to do.
        """
        raise NotImplementedError(f"{self.name} films here")

    def remix_request(self, model: str, shot: Shot, files: Collection[str], parent_job: str) -> Mapping[str, Any]:
        """What is sent for a remix. `parent_job` is the id of the job that made the parent here, "" for one of
        elsewhere; some vendors begin with that, others with the clip.

        Raises:
            PermanentError: it can not be asked for this; what, and what to do.
        """  # noqa: D205
        return self.request(model, shot, files)

    def check_model(self, model: str) -> None:
        """Refuse a model that the provider does not have.

        Raises:
            ValueError: one sentence that names those it has.
        """
        models = self.models()
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

    def about(self) -> About:
        """See `VideoProvider.about`."""
        return About("video", "draws each scene as a moving storyboard, on this machine", _ANIMATIC_LICENCE, "open")

    def models(self) -> tuple[str, ...]:
        """Itself."""
        return ("animatic",)

    def capabilities(self, model: str) -> VideoCapabilities:
        """Any even size, exactly the frames of the shot."""
        self.check_model(model)
        return VideoCapabilities(
            takes_reference_image=True, takes_seed=True, can_remix=True, draws_guide=True,
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

    return {**animatic.identity(), "licence": _ANIMATIC_LICENCE}
