"""The job `backfill`: what is stale of all pipelines, or the part of it that is asked for, in one run.

The launchpad, the command and the sensor `workflow_changes` start it. It plans when it begins, so that a run that was
killed is followed by one that does the rest.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from audio_assets.backfilling import Selection, Selector, accept
from audio_assets.batch import Failed, run_op
from audio_assets.domain.money_text import dollars
from audio_assets.domain.plan_filter import PlanFilter, known_or_refuse, parse_causes, parse_where
from audio_assets.jobs import concluded, take_step
from audio_assets.launch import LIVE, PIPELINES, Pipeline, order, sync
from audio_assets.plan import plan
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome
from audio_assets.stale_plan import plan_event
from audio_assets.studio import Studio, StudioResource
from resources import render_lock

JOB, OP = "backfill", "backfill_stale"
TOO_DEAR, STUCK, WOULD = "left_out_for_price", "stuck", "would"
"""What the plan of a run says more than others: how many are left out, can not be made, and what it was asked for."""
UNUSABLE = "unusable"
"""Said of a failure where what was asked for means nothing."""
BACKFILLED: tuple[Pipeline, ...] = tuple(pipeline for pipeline in PIPELINES if pipeline is not LIVE)
"""All pipelines but that of live messages, which are spoken when they come."""


class Backfill(dg.Config):
    """What of the stale partitions to render; all that is left empty does not matter.

    `where`: conditions like `voice=af_heart`. `causes`: kinds like `workflow` or `voice`. `partitions`: by asset, these
    and no others. `dry_run`: only plan. `accept`: render nothing, take what is there for good; then say `by` whom and
    `why`.
    """

    assets: list[str] = []
    songs: list[str] = []
    scripts: list[str] = []
    where: list[str] = []
    causes: list[str] = []
    partitions: dict[str, list[str]] = {}
    max_cost_usd: float | None = None
    retry_failed: bool = False
    dry_run: bool = False
    accept: bool = False
    by: str = ""
    why: str = ""

    def filter(self) -> PlanFilter:
        """As a plan is filtered.

        Raises:
            ValueError: a condition or a cause is none.
        """
        if self.max_cost_usd is not None and not 0.0 <= self.max_cost_usd < math.inf:
            raise ValueError(f"{self.max_cost_usd} is no amount of money; write dollars, like 5 or 2.50")
        where = tuple(parse_where(text) for text in self.where)
        lists = (tuple(self.assets), tuple(self.songs), tuple(self.scripts))
        return PlanFilter(*lists, where, parse_causes(self.causes), self.max_cost_usd)

    def as_run_config(self) -> dict[str, Any]:
        """The job's run config."""
        said = {name: value for name, value in self.model_dump().items() if value not in (None, [], {}, False, "")}
        return {"ops": {OP: {"config": said}}}


def backfill_recipes(studio: Studio) -> list[Recipe]:
    """One of each recipe that is backfilled, in the order of a run."""
    return [recipe for pipeline in BACKFILLED for recipe in pipeline.opened(studio)]


def select(studio: Studio, wanted: Backfill) -> Selection:
    """What is stale and asked for.

    Raises:
        ValueError: what is asked for means nothing; one sentence.
    """
    asked = wanted.filter()
    if wanted.accept and not (wanted.by.strip() and wanted.why.strip()):
        raise ValueError("say by whom it is accepted, and why")
    if not wanted.accept and (wanted.by or wanted.why):  # a slip that would render, and pay, all that was to stay
        raise ValueError("by and why belong to accept; without it everything that is asked for is rendered")
    recipes = backfill_recipes(studio)
    for asset in wanted.partitions:
        known_or_refuse(asset, [recipe.asset for recipe in recipes], "rendered asset")
    found = plan(studio, recipes, retry_failed=wanted.retry_failed)
    selection = Selector(studio, recipes, found).asked_for(asked, with_inputs=not wanted.accept)
    if wanted.partitions:
        selection = selection.narrowed(wanted.partitions)
    return selection


@dg.op(name=OP, out=dg.Out(dg.Nothing))
def backfill_stale(context: dg.OpExecutionContext, config: Backfill, studio: StudioResource) -> None:
    """Plan, then render pipeline by pipeline; or only plan, or accept."""
    try:
        opened = studio.open()
        selection = select(opened, config)
        event = plan_event(opened, backfill_recipes(opened), selection.plan, _told(selection, config))
    except (ValueError, RuntimeError) as error:  # a person's mistake: one sentence, no trace
        raise dg.Failure(str(error), metadata={UNUSABLE: True}, allow_retries=False) from None
    sync(context.instance, opened)
    context.log_event(event)
    context.log.info(_sentence(selection))
    if config.dry_run:
        return
    if config.accept:
        _accept(context, opened, selection, config)
        return
    failed: dict[str, Sequence[Outcome]] = {}
    with _holding(opened, selection):
        for pipeline in BACKFILLED:
            failed |= _render(context, studio.open(), pipeline, selection, retry_failed=config.retry_failed)
    if failed:
        raise Failed(failed)


@contextmanager
def _holding(studio: Studio, selection: Selection) -> Iterator[None]:
    """Within: sensors leave the pipelines alone that are to be rendered."""
    locks = [studio.settings.render_lock(job) for job in selection.jobs]
    for lock in locks:
        render_lock.hold(lock)
    try:
        yield
    finally:
        for lock in locks:
            render_lock.release(lock)


def _render(
    context: dg.OpExecutionContext, studio: Studio, pipeline: Pipeline, selection: Selection, *, retry_failed: bool
) -> dict[str, list[Outcome]]:
    """Render what of a pipeline is selected, as it stands now: pipelines before it may have changed its inputs."""
    found = selection.part_of(plan(studio, pipeline.opened(studio), retry_failed=retry_failed))
    if not found.stale:
        return {}
    wanted = order(context.instance, studio, found, pipeline, with_members=selection.is_open)
    for step in pipeline.steps:
        if step.asset in wanted:
            take_step(context, studio.anew(), step, wanted[step.asset], pipeline.job)
    return concluded(context, studio.anew(), pipeline, {asset: len(keys) for asset, keys in wanted.items()})


def _accept(context: dg.OpExecutionContext, studio: Studio, selection: Selection, config: Backfill) -> None:
    """Accept, and record it: Dagster's view is fresh after that, too."""
    done, refused = accept(backfill_recipes(studio), selection, by=config.by.strip(), why=config.why.strip())
    for recipe in backfill_recipes(studio.anew()):
        keys = [partition for asset, partition in done if asset == recipe.asset]
        if keys:
            run_op(context, recipe, keys)
    studio.audit_log.append("batch", job=JOB, run=context.run.run_id, accepted=len(done), by=config.by, why=config.why)
    context.log.info(f"accepted {len(done)} as they are: {config.why}, says {config.by}")
    if refused:
        raise dg.Failure(f"{len(refused)} can not be accepted: {'; '.join(refused[:5])}", allow_retries=False)


def _told(selection: Selection, config: Backfill) -> dict[str, int | str]:
    """What the event says beside the plan, for those who ask over HTTP."""
    counts = {TOO_DEAR: len(selection.too_dear), STUCK: selection.n_stuck}
    return {**counts, **({WOULD: selection.would(accept=config.accept)} if config.dry_run else {})}


def _sentence(selection: Selection) -> str:
    return "; ".join(_sentences(selection))


def _sentences(selection: Selection) -> Iterator[str]:
    n, cost_usd = len(selection.stale), sum(entry.estimated_usd for entry in selection.stale)
    yield f"{n} partitions are stale and asked for" + (f", about {dollars(cost_usd)}" if cost_usd else "")
    if selection.too_dear:
        yield f"{len(selection.too_dear)} are left out for their price"


@dg.job(
    name=JOB, executor_def=dg.in_process_executor, description="Render what is stale, or the part that is asked for."
)
def backfill() -> None:
    """See the module."""
    backfill_stale()
