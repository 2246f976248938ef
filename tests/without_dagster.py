"""Pipelines without Dagster: what a run renders, in a fraction of its time, for tests that look at nothing else."""

from collections.abc import Callable

from audio_assets.launch import Pipeline
from audio_assets.plan import plan
from audio_assets.render import Outcome, render
from audio_assets.studio import Studio


def bring_up_to_date(opened: Callable[[], Studio], *pipelines: Pipeline, retry_failed: bool = False) -> list[Outcome]:
    """Render what runs of these pipelines' jobs would, and answer what failed: empty where they would succeed.

    As in a job what is stuck at the start is left alone, and every recipe sees a snapshot of its own (`opened`).
    """
    failed: list[Outcome] = []
    for pipeline in pipelines:
        studio = opened()
        found = plan(studio, pipeline.opened(studio), retry_failed=retry_failed)
        stuck = {(one.asset, one.partition) for one in found.stuck}
        for kind in pipeline.recipes if found.stale else ():
            recipe = kind(opened())
            due = plan(recipe.studio, [recipe], retry_failed=retry_failed).stale
            keys = [one.partition for one in due if (one.asset, one.partition) not in stuck]
            failed += [one for one in render(recipe, keys, run_id="run") if one.failure and not one.failure.stand_in]
    return failed
