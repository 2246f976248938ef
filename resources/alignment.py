"""The capability to say when each phoneme and word is spoken, given audio and its text."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.timeline import Timeline

Align = Callable[[NDArray[np.int16], int, str], AlignmentRecord]
"""(pcm, sample rate in Hz, text) -> its timeline with a confidence; picklable."""

Refine = Callable[[NDArray[np.int16], int, Timeline], Timeline]
"""(pcm, sample rate in Hz, the engine's timeline) -> a sharper timeline; picklable."""


class Aligner(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Aligns text to speech."""

    @abstractmethod
    def languages(self) -> frozenset[str]:
        """Primary language tags that it can align."""

    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """All that, beside audio and text, decides the times."""

    @abstractmethod
    def aligner(self) -> Align:
        """The function that aligns."""

    @abstractmethod
    def refiner(self, engine: str, lang: str) -> Refine | None:
        """The function that sharpens the times `engine` itself tells, None where that would not make them better."""


class PocketsphinxAligner(Aligner):
    """pocketsphinx with its US English model, refined at the boundaries."""

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
