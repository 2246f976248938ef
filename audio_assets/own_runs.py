"""Runs that a command executes in its own process: one that was killed is told as canceled, not as going on for ever.

Dagster watches the processes that it has started itself, and no others.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from audio_assets.settings import Settings
from resources import render_lock

_KILLED = "Its process was killed. What was finished is kept, and the same command goes on with the rest."


@contextmanager
def going_on(settings: Settings, run_id: str) -> Iterator[None]:
    """Within: there is a lock in the run's name, of which a killed process lets go by itself."""
    mark = settings.own_runs / run_id
    render_lock.hold(mark)
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)
        render_lock.release(mark)


def end_killed(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Tell Dagster of runs whose processes were killed."""
    for mark in sorted(settings.own_runs.glob("*")):
        if render_lock.is_held(mark):
            continue
        run = instance.get_run_by_id(mark.name)
        if run is not None and not run.is_finished:
            instance.report_run_canceled(run, message=_KILLED)
        mark.unlink(missing_ok=True)
