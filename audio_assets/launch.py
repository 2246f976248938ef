"""From a registration or a changed setting to the one run that renders exactly what is stale: Dagster's side of it.

Used by the sensors, which ask for the run, and by the command, which executes it here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from audio_assets import partitions
from audio_assets.batch import recorded_versions
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
    """Bring Dagster's partition sets up to the registered scripts, and report sources that changed since it last heard."""
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
    """What a run has to do: render what is stale, and record what is rendered but unknown to Dagster.

    The second happens after a kill between a ref and its event, and with a new Dagster database over old artifacts.
    """
    wanted = {asset: set(keys) for asset, keys in plan.keys().items()}
    found: dict[str, list[str]] = {}
    for asset, versions in source_versions(studio).items():
        recorded = recorded_versions(instance, asset)
        found[asset] = [key for key, version in versions.items() if recorded.get(key) != version]
    for recipe in recipes(studio):
        recorded = recorded_versions(instance, recipe.asset)
        refs = recipe.refs.all()
        stale = wanted.get(recipe.asset, set())
        found[recipe.asset] = [
            key
            for key in recipe.partitions()
            if key in stale or (key in refs and recorded.get(key) != refs[key].content)
        ]
    return {asset: keys for asset, keys in found.items() if keys}


def run_config(wanted: Order) -> dict[str, Any]:
    """The run config of the render job for an order."""
    return {"ops": {f"render_{asset}": {"config": {"partition_keys": list(keys)}} for asset, keys in wanted.items()}}


def execute(instance: dg.DagsterInstance, job: dg.JobDefinition, wanted: Order) -> dg.ExecuteInProcessResult:
    """Run the render job in this process, with Dagster's own log kept off the terminal: it is in the run's record."""
    silent = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(run_config={**run_config(wanted), **silent}, instance=instance, raise_on_error=False)
