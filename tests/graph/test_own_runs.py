"""Runs of commands: one whose process is gone is told as canceled, one that goes on is left alone."""

import dagster as dg
import pytest

from audio_assets.own_runs import end_killed, going_on
from audio_assets.settings import current

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that has started."""

    @dg.job
    def nothing() -> None:
        pass

    return instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_of_a_process_that_is_gone_is_canceled(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    settings = current()
    settings.own_runs.mkdir(parents=True)
    (settings.own_runs / run.run_id).touch()
    (settings.own_runs / "of a run that was never stored").touch()
    end_killed(instance, settings)
    assert status(instance, run) == dg.DagsterRunStatus.CANCELED
    assert not list(settings.own_runs.iterdir())


def test_a_run_that_goes_on_is_left_alone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    settings = current()
    with going_on(settings, run.run_id):
        end_killed(instance, settings)
        assert status(instance, run) == dg.DagsterRunStatus.STARTED
    assert not list(settings.own_runs.iterdir())


def test_what_has_ended_stays_as_it_ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    settings = current()
    instance.report_run_failed(run)
    settings.own_runs.mkdir(parents=True)
    (settings.own_runs / run.run_id).touch()
    end_killed(instance, settings)
    assert status(instance, run) == dg.DagsterRunStatus.FAILURE
