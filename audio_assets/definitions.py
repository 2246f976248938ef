"""The one place that assembles everything: command, server and tests all call `build_defs`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from audio_assets import stale_plan
from audio_assets.backfill_job import backfill
from audio_assets.checks import ASSET_CHECKS
from audio_assets.jobs import render_dialogue, render_film, render_live, render_messages, render_music
from audio_assets.lineage import provenance
from audio_assets.settings import Settings, current
from audio_assets.shipped_providers import shipped_providers
from audio_assets.stages import (
    bucket,
    catalog,
    costs,
    deliverables,
    film,
    lipsync,
    live,
    mix,
    performance,
    remix,
    script,
    song,
    speech,
    stems,
    storyboard,
    takes,
    upload,
    workflows,
)
from audio_assets.studio import studio_resource
from resources.bucket import Bucket
from resources.store import ArtifactStore
from sensors.catalogue import daily_catalogue, look_up_providers
from sensors.dialogue import new_dialogue
from sensors.films import planned_films
from sensors.live import autoplay, new_messages
from sensors.messages import new_stems
from sensors.provenance import nightly_provenance, refresh_provenance
from sensors.rotation import next_pairs
from sensors.songs import uploaded_songs
from sensors.workflows import workflow_changes

_STAGES = (
    *(script, speech, lipsync, mix, upload, song, storyboard, remix),
    *(takes, performance, film, deliverables, costs, catalog),
    *(stems, bucket, live, stale_plan, provenance),
)


def build_resources(settings: Settings, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every resource by its key; `overrides` replace the named ones, as tests do."""
    ground = {"store": ArtifactStore(url=settings.store_url), "bucket": Bucket(url=settings.bucket)}
    parts: dict[str, Any] = {**ground, **shipped_providers(settings), **(overrides or {})}
    providers = [part for key, part in parts.items() if key not in ground]
    return {**parts, "studio": studio_resource(parts["store"], providers)}


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The asset graph with its job, sensors, checks and resources."""
    return dg.Definitions(
        assets=[*dg.load_assets_from_modules(_STAGES), *workflows.OBSERVED],
        asset_checks=[*ASSET_CHECKS, *catalog.CHECKS, *stale_plan.CHECKS, *provenance.CHECKS],
        jobs=[
            render_dialogue,
            render_music,
            render_film,
            render_messages,
            render_live,
            backfill,
            look_up_providers,
            refresh_provenance,
        ],
        sensors=[new_dialogue, uploaded_songs, planned_films, new_stems, workflow_changes, new_messages, autoplay],
        schedules=[next_pairs, daily_catalogue, nightly_provenance],
        resources=build_resources(current(), resource_overrides),
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads."""
    return build_defs()
