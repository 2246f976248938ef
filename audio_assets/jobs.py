"""The jobs, one per pipeline: any set of its partitions in one run, in the order of its steps.

Each op records a source or renders one asset, and leaves the failed partitions for the end, so that a bad line never
holds up the others; the last op brings the checks up to date and fails if anything failed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from audio_assets.batch import Batch, Failed, run_op, source_event
from audio_assets.checks import evaluations
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.scene_key import SEPARATOR
from audio_assets.event_log import keeping_logs_open
from audio_assets.launch import DIALOGUE, FILM, LIVE, MUSIC, VOICE_STEMS, Pipeline, Step, members
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome
from audio_assets.source import Source
from audio_assets.studio import Studio, StudioResource
from resources import render_lock


def _keys(context: dg.OpExecutionContext, studio: Studio, step: Step, ordered: Sequence[str]) -> list[str]:
    """The ordered partitions; a song's scenes are known only now, for its storyboard was rendered in this run."""
    if not step.members_of:
        return list(ordered)
    scenes = [[key] if SEPARATOR in key else members(context.instance, studio, step, key) for key in ordered]
    return [key for keys in scenes for key in keys]


def _source_op(source: type[Source], job: str) -> dg.OpDefinition:
    @dg.op(name=f"render_{source.asset}", ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def record(context: dg.OpExecutionContext, config: Batch, studio: StudioResource) -> None:
        """Record today's version of each partition."""
        take_step(context, studio.open(), source, config.partition_keys, job)

    return record


def _render_op(recipe: type[Recipe], job: str) -> dg.OpDefinition:
    @dg.op(name=f"render_{recipe.asset}", ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def render(context: dg.OpExecutionContext, config: Batch, studio: StudioResource) -> None:
        """Render each partition; the failed ones are kept in the store for the last op."""
        if config.partition_keys:
            take_step(context, studio.open(), recipe, config.partition_keys, job)

    return render


def take_step(context: dg.OpExecutionContext, studio: Studio, step: Step, ordered: Sequence[str], job: str) -> None:
    """Record a source's partitions, or render an asset's; the failed ones are kept in the store for `conclude`.

    Raises:
        Failed: the store takes no failures either.
    """
    render_lock.hold(studio.settings.render_lock(job))  # from the first step on: it keeps sensors from asking again
    keys = _keys(context, studio, step, ordered)
    opened = step(studio)
    if isinstance(opened, Source):
        with keeping_logs_open(context.instance, context.run.run_id):
            for key in keys:
                context.log_event(source_event(opened, key))
        return
    try:
        taken = opened.take_on(keys)
    except PermanentError as error:  # a person's mistake: one sentence, no trace
        raise dg.Failure(str(error), allow_retries=False) from None
    failed = run_op(context, opened, taken)
    if not all(outcome.is_kept for outcome in failed):
        raise Failed({opened.asset: failed})


def _concluding_op(pipeline: Pipeline) -> dg.OpDefinition:
    @dg.op(name=f"conclude_{pipeline.job}", ins={"start": dg.In(dg.Nothing)})
    def conclude(context: dg.OpExecutionContext, studio: StudioResource) -> None:
        """Bring the checks up to date; fail with a table of what failed in this run, if anything did."""
        failed = concluded(context, studio.open(), pipeline, _asked(context))
        if failed:
            raise Failed(failed)

    return conclude


def concluded(
    context: dg.OpExecutionContext, studio: Studio, pipeline: Pipeline, asked: Mapping[str, int]
) -> dict[str, list[Outcome]]:
    """End a pipeline's steps: bring its checks up to date, write the batch down; what failed in this run, by asset."""
    render_lock.release(studio.settings.render_lock(pipeline.job))
    for evaluation in evaluations(studio, pipeline):
        # of this run, or the UI may take it for older than what it checks; `log_event` takes it, its type does not
        context.log_event(evaluation)  # type: ignore[arg-type]
    failed = {
        asset: [
            Outcome(partition, "failed", failure=failure)
            for partition, failure in studio.store.failed_in(context.run.run_id, asset).items()
        ]
        for asset in pipeline.rendered
    }
    failed = {asset: outcomes for asset, outcomes in failed.items() if outcomes}
    n_failed = {asset: len(outcomes) for asset, outcomes in failed.items()}
    studio.audit_log.append("batch", job=pipeline.job, run=context.run.run_id, asked=asked, failed=n_failed)
    return failed


def _asked(context: dg.OpExecutionContext) -> dict[str, int]:
    """How many partitions of each asset this run was asked for; a song may stand for its scenes."""
    ops: dict[str, Any] = dict(context.run.run_config).get("ops", {})  # type: ignore[assignment]
    counts = {name.removeprefix("render_"): len(op["config"]["partition_keys"]) for name, op in ops.items()}
    return {asset: n for asset, n in counts.items() if n}


def _job(pipeline: Pipeline, description: str) -> dg.JobDefinition:
    job = pipeline.job
    ops = [_source_op(step, job) if issubclass(step, Source) else _render_op(step, job) for step in pipeline.steps]

    @dg.job(name=pipeline.job, executor_def=dg.in_process_executor, description=description)
    def render() -> None:
        before = None
        for op in [*ops, _concluding_op(pipeline)]:
            before = op(start=before) if before is not None else op()

    return render


render_dialogue = _job(
    DIALOGUE, "Render the named partitions of every dialogue asset; the sensor and the command launch it."
)
render_music = _job(
    MUSIC, "Analyse the named songs, plan and prompt their scenes, make remixes; the sensor and the command launch it."
)
render_film = _job(
    FILM, "Make takes of the named scenes, and from the selected ones the film; the sensor and the command launch it."
)
render_messages = _job(
    VOICE_STEMS, "Speak the named stems, list them, join the named messages; the sensor and the commands launch it."
)
render_live = _job(LIVE, "Speak the named live messages; a sensor launches it where no `queue serve` is there to.")
