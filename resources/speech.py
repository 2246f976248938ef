"""The capability to speak a line, and the local engines that have it.

Here: what a stage may ask of a provider, and which function in a worker process answers. How an engine works is in
`engines`; which character speaks with which voice is in the cast.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import UpstreamError
from audio_assets.domain.speech import Speech, SpeechRequest
from resources import models
from resources.ordered import Remote

_ESPEAK_LICENCE = "speech unencumbered; library GPL-3.0"

Times = Literal["phonemes", "words", ""]

Speak = Callable[[SpeechRequest], Speech]
"""A picklable function that a worker process calls."""


class SpeechProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Speaks lines."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How a cast names this provider."""

    @property
    @abstractmethod
    def has_timing(self) -> bool:
        """Whether its speech comes with phoneme times, so that no aligner is needed."""

    @property
    def timing(self) -> Times:
        """The finest times that its speech comes with; a provider elsewhere may tell less of a line, or nothing."""
        return "phonemes" if self.has_timing else ""

    @property
    def realtime_factor(self) -> float:
        """Seconds of one core for a second of speech, measured; for estimates. 0 where another machine works."""
        return 0.0

    @abstractmethod
    def about(self) -> About:
        """What the catalogue says of it."""

    @abstractmethod
    def voices(self) -> Collection[str]:
        """The names a cast may use."""

    @abstractmethod
    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """All that, beside the request, decides the bytes: engine, model, its hash, versions; and the licence."""

    def speaker(self, n_threads: int = 1) -> Speak:
        """The function that speaks here.

        Raises:
            UpstreamError: its model files are not here.
        """
        raise NotImplementedError(f"{self.name} speaks elsewhere")

    # What follows is for those that speak elsewhere; an engine on this machine leaves it as it is.

    def remote(self, kept: Path) -> Remote | None:
        """Where lines are ordered, None for an engine on this machine. `kept` is the folder of answers paid for.

        Raises:
            Unavailable: it can not be asked as things stand.
        """
        return None

    def request(self, request: SpeechRequest) -> Mapping[str, Any]:
        """What is sent for a line, as JSON values; the ledger keeps it.

        Raises:
            PermanentError: it can not speak this; what, and what to do.
        """
        raise NotImplementedError(f"{self.name} speaks here")

    def hear(self, answer: Path, request: SpeechRequest) -> Speech:
        """The speech in the file that came.

        Raises:
            ValueError: it is not what was ordered, in one sentence.
        """
        raise NotImplementedError(f"{self.name} speaks here")


class KokoroSpeech(SpeechProvider):
    """Kokoro-82M on onnxruntime: the default voices."""

    cache: str

    @property
    def name(self) -> str:
        """`kokoro`."""
        return "kokoro"

    @property
    def has_timing(self) -> bool:
        """Its model tells how long each phoneme is."""
        return True

    @property
    def realtime_factor(self) -> float:
        """On one thread of a server core."""
        return 0.3

    def about(self) -> About:
        """See `SpeechProvider.about`."""
        return About("speech", "54 voices in 8 languages, on this machine", models.CATALOGUE["kokoro"].licence, "open",
                     "https://huggingface.co/hexgrad/Kokoro-82M", needs="its model, fetched once")  # fmt: skip

    def voices(self) -> Collection[str]:
        """The 54 voices of the model package; the model need not be here."""
        return _kokoro_voices()

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """See `SpeechProvider.identity`; the files of the voices that are mixed count as well as the model's."""
        return {
            **_kokoro_identity(),
            **{f"voice {name}": _kokoro_members()[name] for name, _ in request.voice if name in _kokoro_members()},
        }

    def speaker(self, n_threads: int = 1) -> Speak:
        """See `SpeechProvider.speaker`."""
        from resources.engines import kokoro

        model_dir = models.installed("kokoro", Path(self.cache))
        if model_dir is None:
            raise UpstreamError(str(models.missing("kokoro")))
        return partial(kokoro.speak, model_dir=model_dir, n_threads=n_threads)


class EspeakSpeech(SpeechProvider):
    """espeak-ng: about 100 languages, robotic, fast, with exact phoneme times."""

    @property
    def name(self) -> str:
        """`espeak`."""
        return "espeak"

    @property
    def has_timing(self) -> bool:
        """Its events are exact to the sample."""
        return True

    @property
    def realtime_factor(self) -> float:
        """With the reload that makes it deterministic."""
        return 0.02

    def about(self) -> About:
        """See `SpeechProvider.about`."""
        return About("speech", "about 100 languages, robotic, on this machine", _ESPEAK_LICENCE, "open",
                     "https://github.com/espeak-ng/espeak-ng")  # fmt: skip

    def voices(self) -> Collection[str]:
        """Language codes; a variant such as `+f3` may follow."""
        return _espeak_voices()

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """See `SpeechProvider.identity`."""
        return _espeak_identity()

    def speaker(self, n_threads: int = 1) -> Speak:
        """See `SpeechProvider.speaker`."""
        from resources.engines import espeak

        return espeak.speak


# Engines are imported where they are asked for: onnxruntime alone costs 0.2 s that a plan or a sensor tick never needs.


@lru_cache(maxsize=1)
def _kokoro_voices() -> frozenset[str]:
    return frozenset(_kokoro_members())


@lru_cache(maxsize=1)
def _kokoro_members() -> Mapping[str, str]:
    """Voice -> sha256 of its file."""
    members = models.CATALOGUE["kokoro"].members
    return {Path(name).stem: sha256 for name, sha256 in members.items() if name.endswith(".bin")}


@lru_cache(maxsize=1)
def _kokoro_identity() -> Mapping[str, str]:
    from resources.engines import kokoro

    return {**kokoro.identity(), "licence": models.CATALOGUE["kokoro"].licence}


class _EspeakVoices(frozenset[str]):
    """espeak's languages; a language with one of its 105 variants is in it too, but is not listed."""

    def __contains__(self, name: object) -> bool:
        from resources.engines import espeak

        language, plus, variant = str(name).partition("+")
        return super().__contains__(language) and (not plus or variant in espeak.variants())


@lru_cache(maxsize=1)
def _espeak_voices() -> Collection[str]:
    from resources.engines import espeak

    return _EspeakVoices(espeak.voices())


@lru_cache(maxsize=1)
def _espeak_identity() -> Mapping[str, str]:
    from resources.engines import espeak

    return {**espeak.identity(), "licence": _ESPEAK_LICENCE}
