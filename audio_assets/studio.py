"""Everything that a recipe may look at: the store, today's dialogue and songs, the providers, the number of processes.

One is made for each run, plan, tick or command, from resources; it is a snapshot and keeps what it has read.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import dagster as dg

from audio_assets.books.dialogue import Dialogue
from audio_assets.books.livebook import LiveBook
from audio_assets.books.providerbook import Provider, ProviderBook
from audio_assets.books.songbook import SongBook
from audio_assets.books.stembook import StemBook
from audio_assets.books.takebook import TakeBook
from audio_assets.domain.artifacts import Fill, Refine
from audio_assets.domain.price_card import Price
from audio_assets.domain.rendering import PermanentError
from audio_assets.settings import Settings, current
from resources import models
from resources.alignment import Aligner, fill_identity, filler
from resources.audit_log import AuditLog
from resources.foreseen import ForeseenStore
from resources.ledger import Ledger
from resources.lip_sync import LipSyncProvider
from resources.music import MusicProvider
from resources.rotations import Rotations
from resources.speech import SpeechProvider, Times
from resources.store import ArtifactStore, Refs
from resources.video import VideoProvider


@dataclass(frozen=True)
class Timing:
    """Who finds the times of a line: its engine told its phones (sharpened by `refine`), or told its words and `fill`
    finds their phones, or `aligner` does all of it.
    """  # noqa: D205

    identity: Mapping[str, str]
    refine: Refine | None = None
    fill: Fill | None = None
    aligner: Aligner | None = None


class Studio:
    """See the module."""

    def __init__(self, settings: Settings, store: ArtifactStore, providers: Mapping[str, Provider]) -> None:
        self.settings = settings
        self.store = store
        self.providers = ProviderBook(settings.root, providers)
        self._given = providers
        self._refs: dict[str, Refs] = {}
        self._timings: dict[tuple[str, str, str, Times | None], Timing] = {}

    def anew(self) -> "Studio":
        """A snapshot of now, over the same store and providers."""
        return Studio(self.settings, self.store, self._given)

    def foreseeing(self) -> "Studio":
        """A snapshot in which renders are only tried: nothing of them is kept."""
        return Studio(self.settings, ForeseenStore(url=self.store.url), self._given)

    @cached_property
    def dialogue(self) -> Dialogue:
        """Today's scripts, cast and lexicon."""
        voices = {name: speaker.voices() for name, speaker in self.providers.of("speech").items()}
        use, fallback = self.providers.use("speech"), self.providers.fallback("speech")
        return Dialogue(self.store, self.settings.root, voices, default_engine=use, fallback=fallback)

    @cached_property
    def songs(self) -> SongBook:
        """Today's songs, with what is shipped for all of them."""
        provider = self.providers.use("video")
        default_video = (provider, self.providers.model("video") or provider)
        return SongBook(self.store, self.settings.root, self.settings.workflows, default_video)

    @cached_property
    def stems(self) -> StemBook:
        """Today's stems and messages."""
        settings = self.settings
        return StemBook(self.dialogue, self.store, settings.root, settings.workflows, settings.language)

    @cached_property
    def takes(self) -> TakeBook:
        """Today's takes, and what people asked for and said of them."""
        return TakeBook(self.songs, self.store, self.settings.root, self.providers)

    @cached_property
    def live(self) -> LiveBook:
        """Today's live messages."""
        voices = {name: speaker.voices() for name, speaker in self.providers.of("speech").items()}
        return LiveBook(
            self.settings.root, self.settings.ledger_url, voices, default_engine=self.providers.use("speech")
        )

    @cached_property
    def ledger(self) -> Ledger:
        """Budgets and costs; opened on first use."""
        return Ledger(self.settings.ledger_url)

    @cached_property
    def audit_log(self) -> AuditLog:
        """Who did what, as JSON lines below `logs/`."""
        return AuditLog(self.settings.logs, days=self.settings.log_days)

    @cached_property
    def rotations(self) -> Rotations:
        """What comes next of names, developers, scripts and pairs; opened on first use."""
        return Rotations(self.settings.ledger_url)

    def model(self, name: str) -> Path | None:
        """The folder of a model's files, None where they were not fetched."""
        return models.installed(name, self.settings.cache)

    def scratch_file(self, suffix: str) -> Path:
        """A new file for an engine to write; the store takes it over."""
        self.settings.scratch.mkdir(parents=True, exist_ok=True)
        return self.settings.scratch / f"{uuid.uuid4().hex}{suffix}"

    def refs(self, asset: str) -> Refs:
        """The refs of an asset, shared by all recipes of this studio."""
        if asset not in self._refs:
            self._refs[asset] = self.store.refs(asset)
        return self._refs[asset]

    # providers, by the name that settings give them; each raises PermanentError where there is none of that name

    def speaker(self, engine: str) -> SpeechProvider:
        """The speech provider that a cast names."""
        found: SpeechProvider = self.providers.find("speech", engine)
        return found

    def alignment(self, name: str = "") -> Aligner:
        """An aligner; "" is the studio's."""
        found: Aligner = self.providers.find("alignment", name or self.providers.use("alignment"))
        return found

    def music(self, name: str) -> MusicProvider:
        """A music provider; "" is the studio's."""
        found: MusicProvider = self.providers.find("music", name or self.providers.use("music"))
        return found

    def lip_sync(self, name: str) -> LipSyncProvider:
        """A lip-sync provider; "" is the studio's."""
        found: LipSyncProvider = self.providers.find("lip_sync", name or self.providers.use("lip_sync"))
        return found

    def video(self, name: str) -> VideoProvider:
        """The video provider of a name."""
        found: VideoProvider = self.providers.find("video", name)
        return found

    def price(self, provider: str, model: str) -> Price:
        """What a model costs today.

        Raises:
            Unavailable: it is retired.
            NoPrice: it is not on the price card; no price, no run.
        """
        return self.songs.price_or_refuse(provider, model)

    @cached_property
    def kept_answers(self) -> Path:
        """The folder of answers that were paid for, until their artifacts are made."""
        return self.settings.root / "answers"

    def timing(self, engine: str, lang: str, aligner: str = "", told: Times | None = None) -> Timing:
        """See `_timing`; found out once for all lines that are alike."""
        key = (engine, lang, aligner, told)
        if key not in self._timings:
            self._timings[key] = self._timing(engine, lang, aligner, told)
        return self._timings[key]

    def _timing(self, engine: str, lang: str, aligner: str, told: Times | None) -> Timing:
        """Who finds the times of a line by `engine` in `lang`: itself, or the aligner of that name ("": the studio's).

        `told` are the times that its speech came with, None for what the engine always tells.

        Raises:
            PermanentError: neither the engine nor the aligner can.
        """
        found = self.alignment(aligner)
        told = self.speaker(engine).timing if told is None else told
        if told == "phonemes":
            refine = found.refiner(engine, lang)
            return Timing({"engine": engine, **(found.identity() if refine else {})}, refine)
        if told == "words":
            return Timing({"voice": engine, **fill_identity()}, fill=filler())
        if lang.partition("-")[0] not in found.languages():
            raise PermanentError(f"'{engine}' tells no phoneme times, and {found.name} does not know language '{lang}'")
        return Timing(found.identity(), aligner=found)


class StudioResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # the resource is the value
    """The studio as assets, ops and sensors ask for it: the one resource, made of the others.

    The providers are resources of their own beside it, and no fields of it: Dagster makes fields anew for every run and
    every tick of a sensor, which took 0.25 s for 30 of them.
    """

    store: dg.ResourceDependency[ArtifactStore]
    providers: ClassVar[Mapping[str, Provider]] = {}

    def open(self) -> Studio:
        """A new snapshot."""
        return Studio(current(), self.store, self.providers)


def studio_resource(store: ArtifactStore, given: Iterable[Provider]) -> StudioResource:
    """The studio with these providers."""
    named = {"providers": {one.name: one for one in given}, "__module__": __name__}
    made: type[StudioResource] = type(StudioResource.__name__, (StudioResource,), named)
    return made(store=store)
