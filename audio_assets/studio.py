"""Everything that a recipe may look at: the store, today's dialogue and songs, the providers, the number of processes.

One is made for each run, plan, tick or command, from resources; it is a snapshot and keeps what it has read.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg

from audio_assets.dialogue import Dialogue
from audio_assets.domain.artifacts import Align, Fill, Refine
from audio_assets.domain.rendering import PermanentError
from audio_assets.settings import Settings, current
from audio_assets.songbook import SongBook
from audio_assets.takebook import TakeBook
from resources import alignment, models
from resources.alignment import Aligner
from resources.ledger import Ledger
from resources.lip_sync import LipSyncProvider
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider
from resources.store import ArtifactStore, Refs
from resources.video import VideoProvider


@dataclass(frozen=True)
class Timing:
    """Who finds the times of a voice, best first: the engine's own phones (sharpened by `refine`), its own words with
    phones from `fill`, the aligner. Which of them a line has, the line tells (`alignment_artifact`).
    """  # noqa: D205

    identity: Mapping[str, str]
    align: Align | None = None
    refine: Refine | None = None
    fill: Fill | None = None


class Studio:
    """See the module."""

    def __init__(
        self,
        settings: Settings,
        store: ArtifactStore,
        speakers: Sequence[SpeechProvider],
        aligner: Aligner,
        videos: Sequence[VideoProvider],
        lip_syncer: LipSyncProvider,
    ) -> None:
        self.settings = settings
        self.store = store
        self.aligner = aligner
        self.lip_syncer = lip_syncer
        self.videos = {video.name: video for video in videos}
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

    @cached_property
    def takes(self) -> TakeBook:
        """Today's takes, and what people asked for and said of them."""
        return TakeBook(self.songs, self.store, self.settings.root, self.videos)

    @cached_property
    def ledger(self) -> Ledger:
        """Budgets and costs; opened on first use."""
        return Ledger(self.settings.ledger_url)

    def model(self, name: str) -> Path | None:
        """The folder of a model's files, None where they were not fetched."""
        return models.installed(name, self.settings.cache)

    def scratch_file(self, suffix: str) -> Path:
        """A new file for an engine to write; the store takes it over."""
        self.settings.scratch.mkdir(parents=True, exist_ok=True)
        return self.settings.scratch / f"{uuid.uuid4().hex}{suffix}"

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
        speaker = self.speaker(engine)
        if speaker.timing == "phonemes" and not isinstance(speaker, RemoteProvider):
            refine = self.aligner.refiner(engine, lang)
            sharpened = {} if refine is None else self.aligner.identity()
            return Timing({"engine": engine, **sharpened}, refine=refine)
        is_alignable = lang.partition("-")[0] in self.aligner.languages()
        if not speaker.timing:
            if not is_alignable:
                raise PermanentError(
                    f"'{engine}' tells no phoneme times, and the aligner does not know language '{lang}'"
                )
            return Timing(self.aligner.identity(), self.aligner.aligner())
        # It may tell less of a line than it can: then the next best serves, so all of them decide the times.
        filled = {f"phones {name}": value for name, value in alignment.fill_identity().items()}
        aligned = self.aligner.identity() if is_alignable else {}
        align = self.aligner.aligner() if is_alignable else None
        return Timing({**aligned, **filled, "engine": engine}, align, fill=alignment.filler())


class StudioResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # the resource is the value
    """The studio as assets, ops and sensors ask for it: the one resource, made of the others."""

    store: dg.ResourceDependency[ArtifactStore]
    kokoro: dg.ResourceDependency[SpeechProvider]
    espeak: dg.ResourceDependency[SpeechProvider]
    aligner: dg.ResourceDependency[Aligner]
    animatic: dg.ResourceDependency[VideoProvider]
    mouth_warp: dg.ResourceDependency[LipSyncProvider]

    def open(self) -> Studio:
        """A new snapshot."""
        speakers, videos = (self.kokoro, self.espeak), (self.animatic,)
        return Studio(current(), self.store, speakers, self.aligner, videos, self.mouth_warp)
