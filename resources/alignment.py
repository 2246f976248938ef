"""The capability to say when each phoneme and word is spoken, given audio and its text."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.spoken import Spoken
from audio_assets.domain.timeline import Timeline
from resources.ordered import Remote

Align = Callable[[NDArray[np.int16], int, str], AlignmentRecord]
"""(pcm, sample rate in Hz, text) -> its timeline with a confidence; picklable."""

Refine = Callable[[NDArray[np.int16], int, Timeline], Timeline]
"""(pcm, sample rate in Hz, the engine's timeline) -> a sharper timeline; picklable."""

Fill = Callable[[NDArray[np.int16], int, Spoken], Timeline]
"""(pcm, sample rate in Hz, what is spoken and when its words are) -> the words with their phones; picklable."""


class Aligner(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Aligns text to speech."""

    @abstractmethod
    def languages(self) -> frozenset[str]:
        """Primary language tags that it can align."""

    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """All that, beside audio and text, decides the times."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How settings name it."""

    @abstractmethod
    def about(self) -> About:
        """What the catalogue says of it."""

    def aligner(self) -> Align:
        """The function that aligns here."""
        raise NotImplementedError(f"{self.name} aligns elsewhere")

    def refiner(self, engine: str, lang: str) -> Refine | None:
        """The function that sharpens the times `engine` itself tells, None where that would not make them better."""
        return None

    # What follows is for those that align elsewhere; an aligner on this machine leaves it as it is.

    def remote(self, kept: Path) -> Remote | None:
        """Where alignments are ordered, None for an aligner on this machine; the order's file is "audio", a WAV.

        Raises:
            Unavailable: it can not be asked as things stand.
        """
        return None

    def request(self, text: str, lang: str) -> Mapping[str, Any]:
        """What is sent beside the audio, as JSON values."""
        raise NotImplementedError(f"{self.name} aligns here")

    def read(self, answer: Path, pcm: NDArray[np.int16], sample_rate_hz: int, text: str, lang: str) -> AlignmentRecord:
        """The alignment in the file that came.

        Raises:
            ValueError: it is not what was ordered, in one sentence.
        """
        raise NotImplementedError(f"{self.name} aligns here")


class PocketsphinxAligner(Aligner):
    """pocketsphinx with its US English model, refined at the boundaries."""

    @property
    def name(self) -> str:
        """`pocketsphinx`."""
        return "pocketsphinx"

    def about(self) -> About:
        """See `Aligner.about`."""
        return About("alignment", "English phonemes and words, on this machine", "BSD-2-Clause", "open",
                     "https://github.com/cmusphinx/pocketsphinx")  # fmt: skip

    def languages(self) -> frozenset[str]:
        """English only: its acoustic model knows no other."""
        return frozenset({"en"})

    def identity(self) -> Mapping[str, str]:
        """See `Aligner.identity`."""
        return _identity()

    def aligner(self) -> Align:
        """See `Aligner.aligner`."""
        from resources.engines import pocketsphinx

        return pocketsphinx.align_record

    def refiner(self, engine: str, lang: str) -> Refine | None:
        """Kokoro's units of 25 ms gain by it in every language (8.9 -> 6.3 ms at sibilants); exact times would lose."""
        if engine != "kokoro":
            return None
        from resources.engines import pocketsphinx

        return pocketsphinx.refine


@lru_cache(maxsize=1)
def _identity() -> Mapping[str, str]:
    from resources.engines import pocketsphinx

    return pocketsphinx.identity()


# What follows is for voices that time their words and not their sounds, in any language and whatever aligner is set.


def filler() -> Fill:
    """The function that finds the phones of words whose times are known."""
    from resources.engines import word_phones

    return word_phones.with_phones


@lru_cache(maxsize=1)
def fill_identity() -> Mapping[str, str]:
    """All that, beside audio, text and words, decides those phones."""
    from resources.engines import word_phones

    return word_phones.identity()
