"""Everything that a recipe may look at: the store, today's dialogue and songs, the providers, the number of processes.

One is made for each run, plan, tick or command, from resources; it is a snapshot and keeps what it has read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from audio_assets.dialogue import Dialogue
from audio_assets.domain.artifacts import Align, Refine
from audio_assets.domain.rendering import PermanentError
from audio_assets.settings import Settings, current
from audio_assets.songbook import SongBook
from resources.alignment import Aligner
from resources.speech import SpeechProvider
from resources.store import ArtifactStore, Refs


@dataclass(frozen=True)
class Timing:
    """Who finds the times of a voice: the engine itself (sharpened by `refine`), or an aligner."""

    source: str
    identity: Mapping[str, str]
    align: Align | None
    refine: Refine | None


class Studio:
    """See the module."""

    def __init__(
        self, settings: Settings, store: ArtifactStore, speakers: Sequence[SpeechProvider], aligner: Aligner
    ) -> None:
        self.settings = settings
        self.store = store
        self.aligner = aligner
        self.speakers = {speaker.name: speaker for speaker in speakers}
        self._refs: dict[str, Refs] = {}

    @cached_property
    def dialogue(self) -> Dialogue:
        """Today's scripts, cast and lexicon."""
        voices = {name: speaker.voices() for name, speaker in self.speakers.items()}
        return Dialogue(self.store, self.settings.root, voices)

    @cached_property
    def songs(self) -> SongBook:
        """Today's songs, with what is shipped for all of them."""
        return SongBook(self.store, self.settings.root, self.settings.workflows)

    def refs(self, asset: str) -> Refs:
        """The refs of an asset, shared by all recipes of this studio."""
        return self._refs.setdefault(asset, self.store.refs(asset))

    def speaker(self, engine: str) -> SpeechProvider:
        """The speech provider that a cast names.

        Raises:
            PermanentError: there is none of that name.
        """
        found = self.speakers.get(engine)
        if found is None:
            raise PermanentError(f"no speech engine '{engine}'; there are {', '.join(sorted(self.speakers))}")
        return found

    def timing(self, engine: str, lang: str) -> Timing:
        """Who finds the times of a voice by `engine` in `lang`.

        Raises:
            PermanentError: neither the engine nor the aligner can.
        """
        is_alignable = lang.partition("-")[0] in self.aligner.languages()
        if self.speaker(engine).has_timing:
            refine = self.aligner.refiner(engine, lang)
            if refine is None:
                return Timing(engine, {"engine": engine}, None, None)
            return Timing(f"{engine}+refined", {"engine": engine, **self.aligner.identity()}, None, refine)
        if not is_alignable:
            raise PermanentError(f"'{engine}' tells no phoneme times, and the aligner does not know language '{lang}'")
        return Timing(self.aligner.identity()["engine"], self.aligner.identity(), self.aligner.aligner(), None)


class StudioResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # the resource is the value
    """The studio as assets, ops and sensors ask for it: the one resource, made of the others."""

    store: dg.ResourceDependency[ArtifactStore]
    kokoro: dg.ResourceDependency[SpeechProvider]
    espeak: dg.ResourceDependency[SpeechProvider]
    aligner: dg.ResourceDependency[Aligner]

    def open(self) -> Studio:
        """A new snapshot."""
        return Studio(current(), self.store, (self.kokoro, self.espeak), self.aligner)
