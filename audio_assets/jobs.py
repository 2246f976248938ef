"""The render job: any set of partitions of every stage in one run, in the order of the stages.

Each op renders one asset and leaves the failed partitions for the end, so that a bad line never holds up the others;
the last op brings the checks up to date and fails if anything failed.
"""

import dagster as dg

from audio_assets.batch import Batch, Failed, run_op
from audio_assets.checks import evaluations
from audio_assets.event_log import keeping_logs_open
from audio_assets.launch import RECIPES, recipes
from audio_assets.render import Outcome, Recipe
from audio_assets.sources import CUE_SHEET, DIALOGUE_LINE, source_event
from audio_assets.studio import StudioResource
from resources import render_lock

JOB = "render_dialogue"


def _source_op(asset: str) -> dg.OpDefinition:
    @dg.op(name=f"render_{asset}", ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def record(context: dg.OpExecutionContext, config: Batch, studio: StudioResource) -> None:
        """Record today's version of each partition."""
        opened = studio.open()
        render_lock.hold(opened.settings.render_lock)  # from the first op on: it keeps sensors from asking again
        with keeping_logs_open(context.instance, context.run.run_id):
            for key in config.partition_keys:
                context.log_event(source_event(opened, asset, key))

    return record


def _render_op(recipe: type[Recipe]) -> dg.OpDefinition:
    @dg.op(name=f"render_{recipe.asset}", ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def render(context: dg.OpExecutionContext, config: Batch, studio: StudioResource) -> None:
        """Render each partition; the failed ones are kept in the store for the last op."""
        if config.partition_keys:
            opened = studio.open()
            render_lock.hold(opened.settings.render_lock)
            failed = run_op(context, recipe(opened), config.partition_keys)
            if not all(outcome.is_kept for outcome in failed):
                raise Failed({recipe.asset: failed})

    return render


@dg.op(ins={"start": dg.In(dg.Nothing)})
def conclude(context: dg.OpExecutionContext, studio: StudioResource) -> None:
    """Bring the checks up to date; fail with a table of what failed in this run, if anything did."""
    opened = studio.open()
    render_lock.release(opened.settings.render_lock)
    for evaluation in evaluations(opened):
        context.instance.report_runless_asset_event(evaluation)
    failed = {
        recipe.asset: [
            Outcome(partition, "failed", failure=failure)
            for partition, failure in opened.store.failures(recipe.asset).items()
            if failure.run_id == context.run.run_id
        ]
        for recipe in recipes(opened)
    }
    if any(failed.values()):
        raise Failed(failed)


_OPS = [*map(_source_op, (DIALOGUE_LINE, CUE_SHEET)), *map(_render_op, RECIPES)]


@dg.job(
    name=JOB,
    executor_def=dg.in_process_executor,
    description="Render the named partitions of every dialogue asset; the sensor and the command launch it.",
)
def render_dialogue() -> None:
    """Sources, then every stage, then the conclusion, one after the other."""
    before = None
    for op in _OPS:
        before = op(start=before) if before is not None else op()
    conclude(start=before)
