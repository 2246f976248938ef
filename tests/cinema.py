"""A small studio for films in a temporary folder: songs as in `concert`, takes drawn in plain colours."""

import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import opentimelineio as otio

from audio_assets import launch
from audio_assets.domain.schemas.takes import selection_from_bytes, take_list_from_bytes
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_selection import Selection
from audio_assets.launch import FILM, MUSIC, Pipeline
from audio_assets.plan import Plan, plan
from audio_assets.stages.deliverables import Deliverable
from audio_assets.stages.takes import SelectedTake
from audio_assets.studio import Studio
from resources.engines.take_records import SELECTION, TAKES
from tests.assembled import definitions, resources
from tests.concert import SONG, Concert
from tests.video_fakes import ColourVideo

SETTINGS = """
title = "Harbour Light"
clip_seconds = 4
frame_rate = 12
performance_density = 0.0
style_preset = "dreamy"
lyrics = '''
[00:02.00]Lamp on the water
[00:07.00]Boat on the sea
'''
"""
SHOOTING = Pipeline("", FILM.steps[: FILM.steps.index(SelectedTake) + 1])
"""The film's first half: up to the take that is selected."""
EDITING = Pipeline("", tuple(step for step in FILM.steps if step is not Deliverable))
"""All of it but the deliverables: their sound takes half of the time."""
PRICES = """
[[prices]]
provider = "shop"
model = "clip-1"
usd_per_second = 0.10
valid_from = 2020-01-01
"""


class Cinema(Concert):
    """A concert with a screen: takes are drawn by `ColourVideo`."""

    pipelines = (MUSIC, FILM)
    more: Mapping[str, Any] = {}
    beside: Mapping[str, Any] = {}

    @property
    def easel(self) -> Path:
        folder = self.root.parent / "easel"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def resources(self) -> dict[str, Any]:
        return resources(self._videos)

    @property
    def defs(self) -> dg.Definitions:
        return definitions(self._videos)

    @property
    def _videos(self) -> dict[str, Any]:
        return {"animatic": _painter(str(self.easel), tuple(self.more.items())), **self.beside}

    def studio(self) -> Studio:
        studio: Studio = self.resources["studio"].open()
        return studio

    def film_plan(self, *, retry_failed: bool = False) -> Plan:
        studio = self.studio()
        return plan(studio, FILM.opened(studio), retry_failed=retry_failed)

    def film(self, instance: dg.DagsterInstance, *, retry_failed: bool = False) -> dg.ExecuteInProcessResult:
        """One run of the film's job over all that is stale."""
        launch.sync(instance, self.studio())
        studio = self.studio()
        found = plan(studio, FILM.opened(studio), retry_failed=retry_failed)
        wanted = launch.order(instance, studio, found, FILM)
        return launch.execute(instance, self.defs.resolve_job_def(FILM.job), wanted)

    def timeline(self) -> tuple[otio.schema.Timeline, Path]:
        """The film's timeline as an editor reads it, and the folder where it lies."""
        folder = self.object_of("timeline", SONG)
        return otio.adapters.read_from_file(str(folder / "timeline.otio")), folder

    def play(self, asset: str, key: str, instance: dg.DagsterInstance, **said: Any) -> dg.ExecuteInProcessResult:
        """What the UI's launchpad does with one partition."""
        return dg.materialize(
            [found for found in self.defs.assets or () if isinstance(found, dg.AssetsDefinition)],
            instance=instance,
            selection=[asset],
            resources=self.resources,
            raise_on_error=False,
            partition_key=key,
            run_config={"ops": {asset: {"config": said}}} if said else None,
        )

    def add_scene(self, directive: str) -> None:
        """Set a scene by hand, at the end of the song's settings."""
        path = self.inbox / f"{SONG}.toml"
        path.write_text(f'{path.read_text()}[[scenes]]\nat = "0:05"\ndirective = "{directive}"\n')
        assert not self.register().problems

    def made(self) -> list[str]:
        """A line per clip that was ever made."""
        log = self.easel / "made.log"
        return log.read_text().splitlines() if log.exists() else []

    def takes(self, scene: str) -> dict[str, Take]:
        data = (self.object_of("scene_take", scene) / TAKES).read_bytes()
        return {take.id: take for take in take_list_from_bytes(data)[1]}

    def selected(self, scene: str) -> Selection:
        return selection_from_bytes((self.object_of("selected_take", scene) / SELECTION).read_bytes())[1]


@lru_cache(maxsize=8)
def _painter(folder: str, more: tuple[tuple[str, Any], ...]) -> ColourVideo:
    return ColourVideo(folder=folder, **dict(more))


def touched(cinema: Cinema) -> set[str]:
    """The kinds of objects that the next runs write."""
    before = cinema.objects()
    assert not cinema.render()
    assert not cinema.film_plan().stale
    return changed(before, cinema.objects())


def changed(before: Mapping[str, int], now: Mapping[str, int]) -> set[str]:
    """The kinds of objects that were written between two looks at `objects`."""
    return {str(Path(folder).parent) for folder, at in now.items() if before.get(folder) != at}


def unfilmed(cinema: Cinema) -> None:
    """Let nothing of the film ever have been made; its song is analysed and prompted."""
    for recipe in FILM.opened(cinema.studio()):
        shutil.rmtree(cinema.root / "refs" / recipe.asset)
        shutil.rmtree(cinema.root / recipe.folder)


def buy(cinema: Cinema, cap: str) -> None:
    provider = 'video_provider = "shop"\nvideo_model = "clip-1"'
    cinema.edit('title = "Harbour Light"', f'title = "Harbour Light"\n{provider}\nbudget_cap_usd = {cap}')
