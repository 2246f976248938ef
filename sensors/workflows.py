"""Sensor `workflow_changes`: an edited voice, word, prompt, template, price or provider, and what follows from it.

Dagster is told the new versions; the plan is left as the asset `stale_plan`; what the policies allow (`backfill.toml`)
is rendered in one run, the rest waits there for `audio-assets backfill`, or for the job of that name. What people wrote
or dropped is with the sensors of the inboxes.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg

from audio_assets.backfill_job import BACKFILLED, Backfill, backfill, backfill_recipes
from audio_assets.backfilling import Selector, policies_of
from audio_assets.books.workflow_files import WORKFLOW_FILES, Entries
from audio_assets.checks import evaluation
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.backfill_policy import FILE
from audio_assets.domain.setting_entries import changed_entries, entry_hash
from audio_assets.launch import sync
from audio_assets.plan import Plan, looking, plan
from audio_assets.settings import Settings
from audio_assets.stages.workflows import observation
from audio_assets.stale_plan import ASSET as STALE_PLAN
from audio_assets.stale_plan import plan_event, up_to_date
from audio_assets.studio import Studio, StudioResource
from resources import render_lock
from sensors.inbox import MAX_ATTEMPTS, Asked, has_queued_run

_LOOK_AGAIN_S = 300.0  # without a change, for new code and what ended badly
_TOLD_AT_ONCE, _TOLD_FIRST = 500, 50  # changed sources, in a tick that does nothing else (3 s), and in one that plans


@dataclass(frozen=True)
class Seen(Asked):
    """Entries by asset, as told to Dagster and as read last; the plan that was left last; `rules` are the policies.

    `n_untold`: changed sources that Dagster has not been told of yet, for they were too many at once.
    """

    told: Mapping[str, Entries] = field(default_factory=dict)
    read: Mapping[str, Entries] = field(default_factory=dict)
    is_due: bool = True
    left: str = ""
    rules: str = ""
    last_run: str = ""
    n_untold: int = 0


@dataclass(frozen=True)
class Noticed:
    """What a tick makes of the files: the entries that changed by asset, and why it goes no further, "" where it plans.

    `seen` is what the next tick is to know. `is_telling`: it only goes on with telling Dagster of changed sources.
    """

    seen: Seen
    changed: Mapping[str, Entries] = field(default_factory=dict)
    ends: str = ""
    is_telling: bool = False


def notice(seen: Seen, now: Mapping[str, Entries], *, rules: str, last_run: str, at: float) -> Noticed:
    """Compare the files of now with what was seen before: they count once they have stayed the same for two ticks."""
    if now != seen.read:
        return Noticed(replace(seen, read=now), ends="waiting for files to settle")
    changed = {
        asset: changed_entries(seen.told.get(asset, {}), entries)
        for asset, entries in now.items()
        if entries != seen.told.get(asset)
    }
    is_due = seen.is_due or bool(changed) or (rules, last_run) != (seen.rules, seen.last_run)
    after = replace(seen, told=now, rules=rules, last_run=last_run, is_due=is_due)
    is_idle = not is_due and at - seen.planned_at < _LOOK_AGAIN_S
    return Noticed(after, changed, "nothing has changed" if is_idle else "", is_telling=is_idle and seen.n_untold > 0)


@dataclass(frozen=True)
class Decided:
    """What follows from a plan: whether it is another one than was left last, and why no run is asked for ("": one is).

    `seen` is what the next tick is to know.
    """

    seen: Seen
    is_another_plan: bool
    why_not: str = ""


def decide(
    seen: Seen, found: Plan, wanted: Mapping[str, Sequence[str]], *, at: float, refusals: Sequence[str] = ()
) -> Decided:
    """Ask for what the policies allow of a plan (`wanted`), but not for the same work again and again.

    Under other policies and budgets (`refusals`: why some is not allowed) the plan is another one: it says which is
    whose, how much waits for an answer, and what does not fit.
    """
    left = sha256_hex(canonical([seen.rules, *refusals, *(entry.as_json() for entry in found.stale)]))
    fingerprint = sha256_hex(canonical([wanted, seen.told])) if wanted else ""
    after = replace(seen.after_plan(fingerprint, at), is_due=False, left=left)
    why_not = ""
    if not wanted:
        why_not = f"nothing follows by itself; {len(found.stale)} partitions are stale, see `stale_plan`"
    elif after.attempts > MAX_ATTEMPTS:
        why_not = f"asked {MAX_ATTEMPTS} times for the same work in vain: look at the failed runs"
    return Decided(after, left != seen.left, why_not)


@dg.sensor(
    job=backfill,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees edited voices, words, prompts, templates and prices; renders or plans exactly what they touch.",
)
def workflow_changes(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened, before = studio.open(), Seen.parse(context.cursor)
    now = {files.asset: dict(files.entries(opened.settings)) for files in WORKFLOW_FILES}
    rules, last_run = _rules(opened.settings), _last_run(context.instance)
    noticed = notice(before, now, rules=rules, last_run=last_run, at=time.time())
    for asset in noticed.changed:
        context.instance.report_runless_asset_event(observation(asset, now[asset], before.told.get(asset)))
    context.update_cursor((noticed.seen if noticed.ends else replace(noticed.seen, is_due=True)).dump())
    if noticed.ends and not noticed.is_telling:
        return dg.SkipReason(noticed.ends)
    if _is_rendering(context.instance, opened):
        return dg.SkipReason("a run is rendering; what follows from changes is planned after it")
    if noticed.is_telling:
        seen = replace(noticed.seen, n_untold=sync(context.instance, opened, at_once=_TOLD_AT_ONCE))
        context.update_cursor(seen.dump())
        return dg.SkipReason(f"Dagster is told of changed sources some at a time; {seen.n_untold} are left")
    try:
        policies = policies_of(opened.settings)
    except ValueError as error:
        return dg.SkipReason(f"{error}; nothing is planned before that is mended")
    recipes = backfill_recipes(opened)
    with looking(recipes) as lookout:  # it begins before Dagster is told, which mostly waits for the disk
        seen = replace(noticed.seen, n_untold=sync(context.instance, opened, at_once=_TOLD_FIRST))
        found = plan(opened, recipes, lookout=lookout)
    selector = Selector(opened, recipes, found)
    wanted = selector.allowed(policies).plan.keys()
    decided = decide(seen, found, wanted, at=time.time(), refusals=[*selector.over_budget().values()])
    if decided.is_another_plan or _is_of_a_run(context.instance):
        context.instance.report_runless_asset_event(plan_event(opened, recipes, found))
        for result in up_to_date(found):
            context.instance.report_runless_asset_event(evaluation(result))
    context.update_cursor(decided.seen.dump())
    if decided.why_not:
        return dg.SkipReason(decided.why_not)
    told = "; ".join(f"{asset}: {', '.join(names)[:200]}" for asset, names in noticed.changed.items())
    tags = {"audio_assets/changed": told[:400]} if told else {}
    config = Backfill(partitions=wanted).as_run_config()
    return dg.SensorResult(run_requests=[dg.RunRequest(run_config=config, tags=tags)])


def _is_rendering(instance: dg.DagsterInstance, studio: Studio) -> bool:
    locks = (studio.settings.render_lock(pipeline.job) for pipeline in BACKFILLED)
    return any(map(render_lock.is_held, locks)) or has_queued_run(instance, backfill.name)


def _is_of_a_run(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill has left its own part as the plan since."""
    event = instance.get_latest_materialization_event(dg.AssetKey(STALE_PLAN))
    return event is not None and bool(event.run_id)


def _last_run(instance: dg.DagsterInstance) -> str:
    """The run that ended last: after it the plan is another."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    newest = instance.get_run_records(dg.RunsFilter(statuses=ended), limit=1, order_by="update_timestamp")
    return newest[0].dagster_run.run_id if newest else ""


def _rules(settings: Settings) -> str:
    path = settings.root / FILE
    return entry_hash(path.read_bytes()) if path.is_file() else ""
