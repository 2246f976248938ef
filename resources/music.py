"""The capability to make music from a description, or from another track, and the local remixer that has it.

Here: what a stage may ask of a provider. How the local remixer works is in `engines/remixer.py`; what a style and a
request are in `domain/remix_spec.py`, what is made of them for a provider in `domain/music_ask.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music_ask import MusicAsk, MusicCapabilities
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.remix_spec import LONGEST_S, SHORTEST_S, RemixRequest, Style
from audio_assets.domain.rendering import Rendered
from resources.ordered import Remote

__all__ = ["LocalRemixer", "MusicAsk", "MusicCapabilities", "MusicProvider", "RenderMusic"]

RenderMusic = Callable[[Path | None, BeatGrid | None, RemixRequest, Style, Path], Rendered]
"""A picklable function that a worker process calls: source track, its beats, request, style, the WAV to write."""

_REMIXER_LICENCE = "computed here, unencumbered; a remix keeps its source's terms"


class MusicProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Makes music."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How settings name it."""

    @abstractmethod
    def about(self) -> About:
        """What the catalogue says of it."""

    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """The models that settings may name, the default first."""

    @abstractmethod
    def capabilities(self, model: str) -> MusicCapabilities:
        """What a model can be asked for.

        Raises:
            ValueError: it has no such model; one sentence.
        """

    @abstractmethod
    def identity(self, model: str) -> Mapping[str, str]:
        """All that, beside the request, decides the bytes: engine, model, versions; and the licence.

        Raises:
            ValueError: it has no such model; one sentence.
        """

    def renderer(self) -> RenderMusic | None:
        """The function that makes music here, None where another machine does."""
        return None

    # What follows is for those that work elsewhere; the remixer on this machine leaves it as it is.

    def remote(self, model: str, kept: Path) -> Remote | None:
        """Where music is ordered, None for an engine on this machine; the order's file is "source" where it has one.

        Raises:
            ValueError: it has no such model; one sentence.
            Unavailable: it can not be asked as things stand.
        """
        return None

    def request(self, model: str, ask: MusicAsk) -> Mapping[str, Any]:
        """What is sent, as JSON values.

        Raises:
            PermanentError: it can not be asked for this; what, and what to do.
        """
        raise NotImplementedError(f"{self.name} works here")

    def check_model(self, model: str) -> None:
        """Refuse a model that the provider does not have.

        Raises:
            ValueError: one sentence that names those it has.
        """
        models = self.models()
        if model not in models:
            raise ValueError(f'{self.name} has no model "{model}": use {" or ".join(models)}')


class LocalRemixer(MusicProvider):
    """Sends a track through a style's chain of effects, or composes a cue, here and for nothing."""

    @property
    def name(self) -> str:
        """`remixer`."""
        return "remixer"

    def about(self) -> About:
        """See `MusicProvider.about`."""
        return About("music", "a track in another style, or a composed cue, on this machine", _REMIXER_LICENCE, "open")

    def models(self) -> tuple[str, ...]:
        """Itself."""
        return ("remixer",)

    def capabilities(self, model: str) -> MusicCapabilities:
        """A track in a style, exactly as long as asked for; no voices."""
        self.check_model(model)
        return MusicCapabilities(SHORTEST_S, LONGEST_S, takes_source=True, takes_seed=True)

    def identity(self, model: str) -> Mapping[str, str]:
        """See `MusicProvider.identity`; without a licence, as it has been in every key so far."""
        self.check_model(model)
        from resources.engines import remixer

        return remixer.identity()

    def renderer(self) -> RenderMusic | None:
        """See `MusicProvider.renderer`."""
        from resources.engines import remixer

        return remixer.remix_artifact
