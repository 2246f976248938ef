"""Sensor `workflow_changes`: an edited voice, word, prompt, template, price or provider, and what follows from it.

Dagster is told the new versions; the plan is left as the asset `stale_plan`; what the policies allow (`backfill.toml`)
is rendered in one run, the rest waits there for `audio-assets backfill`, or for the job of that name. What people wrote
or dropped is with the sensors of the inboxes.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import dagster as dg

from audio_assets.backfill_job import BACKFILLED, Backfill, backfill, backfill_recipes
from audio_assets.backfilling import Selector, policies_of
from audio_assets.checks import evaluation
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.backfill_policy import FILE
from audio_assets.domain.setting_entries import changed_entries, entry_hash
from audio_assets.launch import sync
from audio_assets.plan import plan
from audio_assets.settings import Settings
from audio_assets.stale_plan import plan_event, up_to_date
from audio_assets.studio import StudioResource
from audio_assets.workflow_files import WORKFLOW_FILES, Entries
from audio_assets.workflows import observation
from resources import render_lock
from sensors.inbox import MAX_ATTEMPTS, Asked, has_queued_run

_LOOK_AGAIN_S = 300.0  # without a change, for new code and what ended badly


@dataclass(frozen=True)
class Seen(Asked):
    """Entries by asset, as told to Dagster and as read last; the plan that was left last; `rules` are the policies."""

    told: Mapping[str, Entries] = field(default_factory=dict)
    read: Mapping[str, Entries] = field(default_factory=dict)
    is_due: bool = True
    left: str = ""
    rules: str = ""
    last_run: str = ""


@dg.sensor(
    job=backfill,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees edited voices, words, prompts, templates and prices; renders or plans exactly what they touch.",
)
def workflow_changes(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    seen = Seen.parse(context.cursor)
    now = {files.asset: dict(files.entries(opened.settings)) for files in WORKFLOW_FILES}
    is_settled, seen = now == seen.read, replace(seen, read=now)
    if not is_settled:
        context.update_cursor(seen.dump())
        return dg.SkipReason("waiting for files to settle")
    changed = {
        asset: changed_entries(seen.told.get(asset, {}), entries)
        for asset, entries in now.items()
        if entries != seen.told.get(asset)
    }
    for asset in changed:
        context.instance.report_runless_asset_event(observation(asset, now[asset], seen.told.get(asset)))
    rules = _rules(opened.settings)
    last_run = _last_run(context.instance)
    is_due = seen.is_due or bool(changed) or (rules, last_run) != (seen.rules, seen.last_run)
    seen = replace(seen, told=now, rules=rules, last_run=last_run, is_due=is_due)
    if not seen.is_due and time.time() - seen.planned_at < _LOOK_AGAIN_S:
        context.update_cursor(seen.dump())
        return dg.SkipReason("nothing has changed")
    locks = (opened.settings.render_lock(pipeline.job) for pipeline in BACKFILLED)
    if any(map(render_lock.is_held, locks)) or has_queued_run(context.instance, backfill.name):
        context.update_cursor(replace(seen, is_due=True).dump())
        return dg.SkipReason("a run is rendering; what follows from changes is planned after it")
    sync(context.instance, opened)
    recipes = backfill_recipes(opened)
    try:
        policies = policies_of(opened)
    except ValueError as error:
        context.update_cursor(replace(seen, is_due=True).dump())
        return dg.SkipReason(f"{error}; nothing is planned before that is mended")
    found = plan(opened, recipes)
    selector = Selector(opened, recipes, found)
    stale = sha256_hex(canonical([entry.as_json() for entry in found.stale]))
    if stale != seen.left:
        context.instance.report_runless_asset_event(plan_event(opened, recipes, found))
        for result in up_to_date(found):
            context.instance.report_runless_asset_event(evaluation(result))
    wanted = selector.allowed(policies).plan.keys()
    fingerprint = sha256_hex(canonical([wanted, now])) if wanted else ""
    seen = replace(seen.after_plan(fingerprint, time.time()), is_due=False, left=stale)
    context.update_cursor(seen.dump())
    if not wanted:
        return dg.SkipReason(f"nothing follows by itself; {len(found.stale)} partitions are stale, see `stale_plan`")
    if seen.attempts > MAX_ATTEMPTS:
        return dg.SkipReason(f"asked {MAX_ATTEMPTS} times for the same work in vain: look at the failed runs")
    told = "; ".join(f"{asset}: {', '.join(names)[:200]}" for asset, names in changed.items())
    tags = {"audio_assets/changed": told[:400]} if told else {}
    config = Backfill(partitions=wanted).as_run_config()
    return dg.SensorResult(run_requests=[dg.RunRequest(run_config=config, tags=tags)])


def _last_run(instance: dg.DagsterInstance) -> str:
    """The run that ended last: after it the plan is another."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    newest = instance.get_run_records(dg.RunsFilter(statuses=ended), limit=1, order_by="update_timestamp")
    return newest[0].dagster_run.run_id if newest else ""


def _rules(settings: Settings) -> str:
    path = settings.root / FILE
    return entry_hash(path.read_bytes()) if path.is_file() else ""
