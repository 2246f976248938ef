"""From a registration or a changed setting to the one run that renders exactly what is stale: Dagster's side of it.

Used by the sensors, which ask for the run, and by the command, which executes it here.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import dagster as dg

from audio_assets import partitions
from audio_assets.batch import newest_events, recorded_versions
from audio_assets.lipsync import LipSync
from audio_assets.mix import DialogueMix
from audio_assets.plan import Plan
from audio_assets.render import Recipe
from audio_assets.sources import source_event, source_versions
from audio_assets.speech import Alignment, VoiceLine
from audio_assets.studio import Studio

RECIPES: tuple[type[Recipe], ...] = (VoiceLine, Alignment, LipSync, DialogueMix)
"""Every rendered asset, in the order of a run."""

_REPORTED_AT_ONCE = 500  # changed sources; 6.5 ms each on SQLite. More are recorded by the run itself.

Order = Mapping[str, Sequence[str]]
"""Partition keys by asset: what a run is asked to do."""


def recipes(studio: Studio) -> list[Recipe]:
    """One of each recipe, in the order of a run."""
    return [recipe(studio) for recipe in RECIPES]


def sync(instance: dg.DagsterInstance, studio: Studio) -> None:
    """Bring Dagster's partition sets up to the registered scripts, and report the sources that changed."""
    partitions.sync(instance, partitions.lines, list(studio.dialogue.cues))
    partitions.sync(instance, partitions.mixes, [*studio.dialogue.sheets, *studio.dialogue.mix_specs])
    changed = [
        (asset, key)
        for asset, versions in source_versions(studio).items()
        for key, recorded in recorded_versions(instance, asset).items()
        if key in versions and versions[key] != recorded
    ]
    for asset, key in changed[:_REPORTED_AT_ONCE]:
        instance.report_runless_asset_event(source_event(studio, asset, key))


def order(instance: dg.DagsterInstance, studio: Studio, plan: Plan) -> Order:
    """What a run has to do: render what is stale, and record again what Dagster does not know or takes for stale.

    The second costs an event each and no render. It is needed after a kill between a ref and its event, with a new
    Dagster database over old artifacts, and where a source has a new version that an asset's own key does not care for.
    """
    found: dict[str, list[str]] = {}
    for asset, versions in source_versions(studio).items():
        recorded = recorded_versions(instance, asset)
        found[asset] = [key for key, version in versions.items() if recorded.get(key) != version]
    stale = plan.keys()
    stuck = {(entry.asset, entry.partition) for entry in plan.stuck}
    for recipe in recipes(studio):
        wanted = {*stale.get(recipe.asset, ()), *_unheard(instance, recipe, set(found[recipe.source]))}
        found[recipe.asset] = [key for key in recipe.partitions() if key in wanted and (recipe.asset, key) not in stuck]
    return {asset: keys for asset, keys in found.items() if keys}


def _unheard(instance: dg.DagsterInstance, recipe: Recipe, new_sources: Set[str]) -> Iterator[str]:
    """Rendered partitions whose newest event is missing, of other content, or older than their source's."""
    recorded = recorded_versions(instance, recipe.asset)
    heard_at = newest_events(instance, recipe.asset)
    source_at = newest_events(instance, recipe.source)
    for key, ref in recipe.refs.all().items():
        is_behind = key in new_sources or heard_at.get(key, 0) < source_at.get(key, 0)
        if is_behind or recorded.get(key) != ref.content:
            yield key


def run_config(wanted: Order) -> dict[str, Any]:
    """The run config of the render job for an order."""
    return {"ops": {f"render_{asset}": {"config": {"partition_keys": list(keys)}} for asset, keys in wanted.items()}}


def execute(instance: dg.DagsterInstance, job: dg.JobDefinition, wanted: Order) -> dg.ExecuteInProcessResult:
    """Run the render job in this process, with Dagster's own log kept off the terminal: it is in the run's record."""
    silent = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(run_config={**run_config(wanted), **silent}, instance=instance, raise_on_error=False)
