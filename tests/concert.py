"""A small studio for music videos in a temporary folder: what tests of the music's half of the graph begin with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import soundfile
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from audio_assets import launch
from audio_assets.books.song_registration import SongRegistration, register_songs
from audio_assets.domain.schemas.storyboard import from_bytes
from audio_assets.domain.storyboard import Storyboard
from audio_assets.launch import MUSIC, Pipeline
from audio_assets.plan import Plan, plan
from audio_assets.render import Outcome
from audio_assets.studio import Studio
from tests import songs
from tests.assembled import definitions, resources
from tests.without_dagster import bring_up_to_date

SETTINGS = """
title = "Harbour Light"
clip_seconds = 4
performance_density = 0.5
style_preset = "dreamy"
lyrics = '''
[00:02.00]Lamp on the water
[00:10.00]Boat on the sea
'''

[characters.Ada]
is_primary = true
[characters.Ada.bible]
face = "freckles, grey eyes"

[[scenes]]
at = "0:17"
style_preset = "anime"
"""
SONG, OTHER = "harbour", "drift"
OF_SONGS = tuple(recipe.asset for recipe in MUSIC.recipes if not recipe.members_of and recipe.asset != "music_remix")

Artifact = tuple[str, str]
"""(asset, partition)."""


@dataclass
class Concert:
    """A data root at `root`. Every question opens a new studio."""

    root: Path
    pipelines: ClassVar[tuple[Pipeline, ...]] = (MUSIC,)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox" / "songs"

    def write(self, name: str, text: str) -> Path:
        """A file of the data root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def drop(self, song: str = SONG, settings: str = SETTINGS, *, bpm: float = 120.0, duration_s: float = 24.0) -> Path:
        """A song in the inbox, with its settings beside it."""
        path = self.inbox / f"{song}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = songs.constant(bpm=bpm, duration_s=duration_s)
        soundfile.write(path, made.audio, made.sample_rate_hz)
        if settings:
            path.with_suffix(".toml").write_text(settings)
        return path

    def register(self, *paths: Path) -> SongRegistration:
        """Register the named songs, all of the inbox where none is named."""
        found = paths or tuple(sorted(path for path in self.inbox.iterdir() if path.suffix == ".flac"))
        return register_songs(self.studio().store, found, inbox=self.inbox)

    def edit(self, old: str, new: str, song: str = SONG) -> None:
        """Change the settings of a song, and register it again."""
        path = self.inbox / f"{song}.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        assert not self.register().problems

    def studio(self) -> Studio:
        studio: Studio = resources()["studio"].open()
        return studio

    def plan(self, *, retry_failed: bool = False) -> Plan:
        studio = self.studio()
        return plan(studio, MUSIC.opened(studio), retry_failed=retry_failed)

    def render(self, *pipelines: Pipeline, retry_failed: bool = False) -> list[Outcome]:
        """Bring these pipelines up to date without Dagster, its own where none is named; what failed."""
        return bring_up_to_date(self.studio, *(pipelines or self.pipelines), retry_failed=retry_failed)

    def stale(self) -> dict[Artifact, tuple[str, ...]]:
        """What the plan calls stale, with the causes."""
        return {(entry.asset, entry.partition): entry.causes for entry in self.plan().stale}

    def board(self, song: str = SONG) -> Storyboard:
        return from_bytes((self.object_of("storyboard", song) / "storyboard.json").read_bytes())

    def scenes(self, song: str = SONG) -> list[str]:
        """The scene partitions of a song."""
        return [f"{scene.id}|{song}" for scene in self.board(song).scenes]

    def object_of(self, asset: str, partition: str) -> Path:
        """The folder that a partition's ref names."""
        ref = self.studio().store.refs(asset).get(partition)
        assert ref is not None, f"{asset} of {partition} is not rendered"
        return self.root / ref.object

    def objects(self) -> dict[str, int]:
        """When each artifact was committed, by its folder."""
        found = sorted(self.root.rglob("sidecar.json"))
        return {str(path.parent.relative_to(self.root)): path.stat().st_mtime_ns for path in found}

    # Dagster's doors

    @property
    def defs(self) -> dg.Definitions:
        return definitions()

    def order(self, instance: dg.DagsterInstance) -> launch.Order:
        studio = self.studio()
        return launch.order(instance, studio, plan(studio, MUSIC.opened(studio)), MUSIC)

    def run(self, instance: dg.DagsterInstance, wanted: launch.Order | None = None) -> dg.ExecuteInProcessResult:
        """One run of the music job over `wanted`, or over all that is stale."""
        launch.sync(instance, self.studio())
        job = self.defs.resolve_job_def(MUSIC.job)
        return launch.execute(instance, job, self.order(instance) if wanted is None else wanted)

    def materialize(self, instance: dg.DagsterInstance, asset: str, key: str) -> dg.ExecuteInProcessResult:
        """What the UI does with one partition."""
        return dg.materialize(
            [found for found in self.defs.assets or () if isinstance(found, dg.AssetsDefinition)],
            instance=instance,
            selection=[asset],
            resources=resources(),
            raise_on_error=False,
            partition_key=key,
        )

    def statuses(self, instance: dg.DagsterInstance, wanted: Mapping[str, Sequence[str]]) -> dict[Artifact, str]:
        """Dagster's own stale status of partitions, by asset."""
        resolver = CachingStaleStatusResolver(
            instance, self.defs.resolve_asset_graph(), LoadingContextForTest(instance)
        )
        keys: list[tuple[str, Any]] = [(asset, key) for asset, keys in wanted.items() for key in keys]
        return {(asset, key): resolver.get_status(dg.AssetKey(asset), key).value for asset, key in keys}
