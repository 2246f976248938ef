"""From a registration or a changed setting to the one run that renders exactly what is stale: Dagster's side of it.

Used by the sensors, which ask for the run, and by the command, which executes it here. The pipelines stand here: each
is one job, whose steps run in the order in which they are listed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg

from audio_assets import partitions
from audio_assets.batch import newest_events, recorded_versions, recorded_without, source_event
from audio_assets.domain.scene_key import song_of
from audio_assets.event_log import keeping_logs_open
from audio_assets.own_runs import going_on
from audio_assets.plan import Plan, plan
from audio_assets.recipe import Recipe
from audio_assets.settings import current
from audio_assets.source import Source
from audio_assets.stages.costs import CostReport
from audio_assets.stages.deliverables import Deliverable, Timeline
from audio_assets.stages.film import FinalVideo, SceneClip
from audio_assets.stages.film_sources import DeliveryRequest, SceneSpan, SceneTreatment, TakeRequest
from audio_assets.stages.lipsync import LipSync
from audio_assets.stages.live import MessageAudio
from audio_assets.stages.mix import DialogueMix
from audio_assets.stages.performance import LipsyncedTake, SceneAlignment, VocalSegment
from audio_assets.stages.remix import MusicRemix
from audio_assets.stages.script_sources import CueSheet, DialogueLine
from audio_assets.stages.song import (
    BeatGrid,
    EnergyCurve,
    LyricAlignment,
    Onsets,
    Sections,
    SongAudio,
    SpectralFeatures,
    Vocals,
)
from audio_assets.stages.song_sources import RemixRequest, SceneBrief, SongFile, SongLyrics, SongSettings
from audio_assets.stages.speech import Alignment, VoiceLine
from audio_assets.stages.stem_sources import MessageRequest, StemText
from audio_assets.stages.stems import Message, Stem, StemIndex
from audio_assets.stages.storyboard import ScenePrompt, Storyboard
from audio_assets.stages.takes import ContactSheet, SceneTake, SelectedTake, TakeQuality, TakeReview
from audio_assets.studio import Studio

Step = type[Source] | type[Recipe]
Order = Mapping[str, Sequence[str]]
"""Partition keys by asset: what a run is asked to do. A song stands for its scenes where they are not known yet."""

_REPORTED_AT_ONCE = 200  # changed sources; 6.5 ms each on SQLite. A run records all that it renders from.


@dataclass(frozen=True)
class Pipeline:
    """The assets that one job brings up to date; `job` is its name."""

    job: str
    steps: tuple[Step, ...]

    @property
    def sources(self) -> tuple[type[Source], ...]:
        """Its roots."""
        return tuple(step for step in self.steps if issubclass(step, Source))

    @property
    def recipes(self) -> tuple[type[Recipe], ...]:
        """Its rendered assets, in the order of a run."""
        return tuple(step for step in self.steps if issubclass(step, Recipe))

    @property
    def rendered(self) -> tuple[str, ...]:
        """The names under which renders of a run may have failed: its assets, and their parts."""
        return tuple(one.asset for recipe in self.recipes for one in (*recipe.part_recipes, recipe))

    def opened(self, studio: Studio) -> list[Recipe]:
        """One of each recipe, in the order of a run."""
        return [recipe(studio) for recipe in self.recipes]


DIALOGUE = Pipeline("render_dialogue", (DialogueLine, CueSheet, VoiceLine, Alignment, LipSync, DialogueMix))
MUSIC = Pipeline(
    "render_music",
    (
        *(SongFile, SongLyrics, SongSettings, RemixRequest),
        *(SongAudio, SpectralFeatures, BeatGrid, Onsets, EnergyCurve, Vocals, LyricAlignment, Sections),
        *(Storyboard, SceneBrief, ScenePrompt),
        MusicRemix,
    ),
)
FILM = Pipeline(
    "render_film",
    (
        *(SceneSpan, TakeRequest, SceneTreatment, DeliveryRequest),
        *(SceneTake, TakeQuality, TakeReview, SelectedTake, ContactSheet),
        *(VocalSegment, SceneAlignment, LipsyncedTake),
        *(SceneClip, FinalVideo, Timeline, Deliverable, CostReport),
    ),
)
VOICE_STEMS = Pipeline("render_messages", (StemText, MessageRequest, Stem, StemIndex, Message))
LIVE = Pipeline("render_live", (MessageAudio,))
PIPELINES = (DIALOGUE, MUSIC, FILM, VOICE_STEMS, LIVE)
RECIPES: tuple[type[Recipe], ...] = tuple(recipe for pipeline in PIPELINES for recipe in pipeline.recipes)
"""Every rendered asset."""
SOURCES: tuple[type[Source], ...] = tuple(source for pipeline in PIPELINES for source in pipeline.sources)
"""Every root of the graph."""


def recipes(studio: Studio) -> list[Recipe]:
    """One of each recipe of every pipeline."""
    return [recipe(studio) for recipe in RECIPES]


def sync(instance: dg.DagsterInstance, studio: Studio, *, at_once: int = _REPORTED_AT_ONCE) -> int:
    """Bring Dagster's partition sets up to what is registered, and report sources that changed, up to `at_once`.

    Answers how many are still to be reported: the next call goes on with them.
    """
    partitions.sync(instance, partitions.lines, list(studio.dialogue.cues))
    partitions.sync(instance, partitions.mixes, [*studio.dialogue.sheets, *studio.dialogue.mix_specs])
    partitions.sync(instance, partitions.songs, list(studio.songs.records))
    partitions.sync(instance, partitions.remixes, list(studio.songs.remixes))
    partitions.sync(instance, partitions.stems, list(studio.stems.entries))
    partitions.sync(instance, partitions.messages, list(studio.stems.messages))
    partitions.sync(instance, partitions.live_messages, studio.live.partitions())
    changed = [
        (source, key)
        for source in (kind(studio) for kind in SOURCES)
        for key, version in _new_versions(instance, source)
        if version
    ]
    for source, key in changed[:at_once]:
        instance.report_runless_asset_event(source_event(source, key))
    return max(0, len(changed) - at_once)


def _new_versions(instance: dg.DagsterInstance, source: Source) -> Iterator[tuple[str, str]]:
    """Each partition whose version is not the recorded one, with the recorded one ("" where there is none)."""
    recorded = recorded_versions(instance, source.asset)
    for key in source.partitions():
        before = recorded.get(key, "")
        if before != source.version(key):
            yield key, before


class _Events:
    """What Dagster holds of each partition, one query per asset."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._newest: dict[str, Mapping[str, int]] = {}

    def newest(self, asset: str, partition: str) -> int:
        """The storage id of the newest event, 0 where there is none."""
        if asset not in self._newest:
            self._newest[asset] = newest_events(self._instance, asset)
        return self._newest[asset].get(partition, 0)


def order(
    instance: dg.DagsterInstance, studio: Studio, found: Plan, pipeline: Pipeline, *, with_members: bool = True
) -> Order:
    """What a run has to do: render what is stale, and record again what Dagster does not know or takes for stale.

    The second costs an event each and no render. It is needed after a kill between a ref and its event, with a new
    Dagster database over old artifacts, and where an input was recorded anew that an asset's own key does not care for.
    `with_members`: of a song whose storyboard is rendered all scenes that are due then, for they are not known now.
    """
    wanted: dict[str, Collection[str]] = {}
    stale, events = found.keys(), _Events(instance)
    stuck = {(entry.asset, entry.partition) for entry in found.stuck}
    stuck |= {(entry.asset, entry.partition) for entry in found.held}
    for step in pipeline.steps:
        opened = step(studio)
        if isinstance(opened, Source):
            keys = [key for key, _ in _new_versions(instance, opened)]
        else:
            due = {*stale.get(step.asset, ()), *_unheard(instance, opened, wanted, events)}
            keys = [key for key in opened.partitions() if key in due and (step.asset, key) not in stuck]
        owners = wanted.get(step.members_of, ()) if with_members else ()
        wanted[step.asset] = dict.fromkeys([*(key for key in keys if song_of(key) not in owners), *owners])
    return {asset: list(keys) for asset, keys in wanted.items() if keys}


def _unheard(
    instance: dg.DagsterInstance, recipe: Recipe, wanted: Mapping[str, Collection[str]], events: _Events
) -> Iterator[str]:
    """Rendered partitions whose newest event is missing, of other content, older than one of an input, or from before
    the graph had an edge.
    """  # noqa: D205
    recorded = recorded_versions(instance, recipe.asset)
    unaware = {key for dep in recipe.sometimes for key in recorded_without(instance, recipe.asset, dep)}
    refs = recipe.refs.all()
    for key in recipe.partitions():
        ref = refs.get(key)
        if ref is None:
            continue
        heard_at = events.newest(recipe.asset, key)
        inputs = [(asset, of) for asset, of in recipe.needs(key) if asset not in recipe.fan_in]
        if recipe.source is not None:
            inputs.append((recipe.source.asset, key))
        is_behind = any(of in wanted.get(asset, ()) or heard_at < events.newest(asset, of) for asset, of in inputs)
        if is_behind or recorded.get(key) != ref.content or key in unaware:
            yield key


def members(instance: dg.DagsterInstance, studio: Studio, step: Step, song: str) -> list[str]:
    """Those scenes of a song that are due, now that its storyboard is known; one that fails is tried and says so."""
    opened = step(studio)
    found = plan(studio, [opened]) if isinstance(opened, Recipe) else Plan()
    failing = [entry.partition for entry in found.stuck if entry.state == "failed"]
    due = {*order(instance, studio, found, Pipeline("", (step,))).get(step.asset, ()), *failing}
    return [key for key in opened.partitions() if key in due and song_of(key) == song]


def run_config(wanted: Order) -> dict[str, Any]:
    """The run config of a pipeline's job for an order."""
    return {"ops": {f"render_{asset}": {"config": {"partition_keys": list(keys)}} for asset, keys in wanted.items()}}


def execute(instance: dg.DagsterInstance, job: dg.JobDefinition, wanted: Order) -> dg.ExecuteInProcessResult:
    """Run a pipeline's job in this process."""
    return execute_job(instance, job, run_config(wanted))


def execute_job(
    instance: dg.DagsterInstance, job: dg.JobDefinition, config: Mapping[str, Any]
) -> dg.ExecuteInProcessResult:
    """Run a job in this process, with Dagster's own log kept off the terminal: it is in the run's record."""
    silent = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run_id = str(uuid4())
    with going_on(current(), run_id), keeping_logs_open(instance, run_id):
        return job.execute_in_process(
            run_config={**config, **silent}, instance=instance, raise_on_error=False, run_id=run_id
        )
