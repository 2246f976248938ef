"""The capability to make music from a description, or from another track.

Here: what a stage may ask of a provider. How the local remixer works is in `engines/remixer.py`, what a style and a
request are in `domain/remix_spec.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from audio_assets.domain.provider_catalogue import About
from resources.ordered import Remote


@dataclass(frozen=True, slots=True)
class MusicCapabilities:
    """What a provider's model can be asked for; lengths in seconds."""

    shortest_s: float = 5.0
    longest_s: float = 600.0
    takes_source: bool = False
    takes_seed: bool = False
    takes_lyrics: bool = False


@dataclass(frozen=True, slots=True)
class MusicAsk:
    """One piece of music to make.

    `prompt` says what it sounds like; `bpm` and `key` are None and "" where they are open. `has_source`: another track
    goes with the request, of which it keeps `source_share` (0 to 1).
    """

    prompt: str
    duration_s: float
    seed: int = 0
    lyrics: str = ""
    bpm: float | None = None
    key: str = ""
    has_source: bool = False
    source_share: float = 0.5


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
        """All that, beside the request, decides the bytes: engine, model, versions; and the licence."""

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
