"""Runs a pipeline's job in this process, for the command: a progress bar meanwhile, and afterwards what came of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audio_assets.backfill_job import JOB as BACKFILL
from audio_assets.backfill_job import Backfill
from audio_assets.backfilling import Selection
from audio_assets.definitions import build_defs
from audio_assets.launch import Order, Pipeline, execute, execute_job
from audio_assets.plan import Stuck
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome, watched
from audio_assets.settings import current
from resources import render_lock

_LISTED = 20


@dataclass
class RunReport:
    """What one run rendered, took from the cache and failed at; all empty where nothing was to be done.

    `n_recorded` are partitions that nobody asked for: up to date, and only told to Dagster again. `means` says what was
    asked for, None where all is. `n_remembered` of the failures are of earlier runs: the same would fail again.
    """

    run_id: str = ""
    rendered: dict[str, int] = field(default_factory=dict)
    cached: dict[str, int] = field(default_factory=dict)
    failed: list[dict[str, str]] = field(default_factory=list)
    failed_checks: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)
    is_blocked: bool = False
    n_waiting: int = 0
    n_remembered: int = 0
    stood_in: list[str] = field(default_factory=list)
    n_recorded: int = 0
    means: Callable[[str, str], bool] | None = None

    def is_recorded_only(self, recipe: Recipe, outcome: Outcome) -> bool:
        """Whether a partition was up to date, and not asked for."""
        is_asked_for = self.means is None or self.means(recipe.asset, outcome.partition)
        return outcome.state == "cached" and not is_asked_for

    def add(self, recipe: Recipe, outcome: Outcome) -> None:
        """Take down one outcome."""
        if self.is_recorded_only(recipe, outcome):
            self.n_recorded += 1
            return
        entry = {"asset": recipe.asset, "partition": outcome.partition}
        if outcome.failure is not None:
            if outcome.failure.kind == "upstream" and recipe.needs(outcome.partition):
                self.n_waiting += 1
            else:
                self.failed.append({**entry, "reason": outcome.failure.reason})
            return
        counts = self.rendered if outcome.is_new else self.cached
        counts[recipe.asset] = counts.get(recipe.asset, 0) + 1
        if outcome.sidecar is not None:
            self.is_blocked |= outcome.sidecar.is_blocked
            failed = [check for check in outcome.sidecar.checks if not check.passed]
            self.failed_checks += [{**entry, "check": check.name, "detail": check.detail} for check in failed]
            self.notes += [{**entry, "note": note} for note in outcome.sidecar.notes]

    def remember(self, stuck: Iterable[Stuck]) -> None:
        """Take down what a plan says can not be made, beside what has failed in the run itself."""
        known = {(one["asset"], one["partition"]) for one in self.failed}
        for one in stuck:
            self.n_waiting += one.state == "waiting"
            if one.state == "failed" and (one.asset, one.partition) not in known:
                self.failed.append({"asset": one.asset, "partition": one.partition, "reason": one.reason})
                self.n_remembered += one.is_remembered

    def counts(self, pipeline: Pipeline) -> list[str]:
        """A line per asset that the run brought up to date."""
        assets = [recipe.asset for recipe in pipeline.recipes if recipe.asset in {*self.rendered, *self.cached}]
        return [
            f"{asset}: {self.rendered.get(asset, 0)} rendered, {self.cached.get(asset, 0)} cached" for asset in assets
        ]

    def troubles(self) -> list[str]:
        """A line per cause of failures and per failed check, the first twenty of each."""
        alike: dict[tuple[str, str], list[str]] = {}
        for one in self.failed:
            alike.setdefault((one["asset"], one["reason"]), []).append(one["partition"])
        lines = [
            f"  failed: {asset} {keys[0]}{f' and {len(keys) - 1} more' if keys[1:] else ''}: {reason}"
            for (asset, reason), keys in list(alike.items())[:_LISTED]
        ]
        lines += [
            f"  check {one['check']} of {one['asset']} {one['partition']}: {one['detail']}"
            for one in self.failed_checks[:_LISTED]
        ]
        lines += [f"  still {one}" for one in self.stood_in[:_LISTED]]
        if self.n_waiting:
            lines.append(f"  {self.n_waiting} artifacts wait for those that failed")
        if self.n_remembered:
            lines.append(f"  {retried(self.n_remembered)}")
        if len(alike) > _LISTED:
            lines.append(f"  and {len(alike) - _LISTED} other causes; `audio-assets plan` names them all")
        return lines


def retried(n_remembered: int) -> str:
    """What is done about failures of earlier runs."""
    return (
        f"{n_remembered} of them failed before: they are tried again once a key, price, cap, order or setting that "
        "decides them is another one, or with --retry-failed"
    )


def run_here(instance: dg.DagsterInstance, pipeline: Pipeline, wanted: Order, *, is_quiet: bool) -> RunReport:
    """Execute the pipeline's job over `wanted`, with a progress bar unless `is_quiet`.

    Raises:
        RuntimeError: the run failed for another reason than a partition.
        KeyboardInterrupt: somebody stopped it.
    """
    report = RunReport()
    if not wanted:
        return report
    n_renders = sum(len(wanted.get(recipe.asset, ())) for recipe in pipeline.recipes)
    _tell_of_others([pipeline.job], is_quiet=is_quiet)
    with _progress(n_renders, is_quiet=is_quiet) as advance:

        def watch(recipe: Recipe, outcome: Outcome) -> None:
            advance(recipe.asset)
            report.add(recipe, outcome)

        with watched(watch):
            result = execute(instance, build_defs().resolve_job_def(pipeline.job), wanted)
    return _reported(report, result)


def run_backfill_here(
    instance: dg.DagsterInstance, wanted: Backfill, selection: Selection, *, is_quiet: bool
) -> RunReport:
    """Execute the job `backfill`, with a progress bar unless `is_quiet`; `selection` is what it is to render.

    Raises:
        RuntimeError: the run failed for another reason than a partition.
        KeyboardInterrupt: somebody stopped it.
    """
    report = RunReport(means=selection.means)
    _tell_of_others(selection.jobs, is_quiet=is_quiet)
    with _progress(len(selection.stale), is_quiet=is_quiet) as advance:

        def watch(recipe: Recipe, outcome: Outcome) -> None:
            if not report.is_recorded_only(recipe, outcome):
                advance(recipe.asset)
            report.add(recipe, outcome)

        with watched(watch):
            result = execute_job(instance, build_defs().resolve_job_def(BACKFILL), wanted.as_run_config())
    return _reported(report, result)


def _tell_of_others(jobs: Iterable[str], *, is_quiet: bool) -> None:
    """Say on the terminal that another process renders the same pipelines: it is no harm, and perhaps no help."""
    if not is_quiet and any(render_lock.is_held(current().render_lock(job)) for job in jobs):
        said = "another run is rendering here: both may do the same work, though nothing is paid twice"
        Console(stderr=True).print(f"{said}; Ctrl-C, and come back when it has ended, saves time")


def _reported(report: RunReport, result: dg.ExecuteInProcessResult) -> RunReport:
    """The report of a run that has ended.

    Raises:
        RuntimeError: it failed for another reason than a partition.
        KeyboardInterrupt: somebody stopped it.
    """
    report.run_id = result.run_id
    if result.success:
        return report
    kind, said = _first_error(result)
    if kind == dg.DagsterExecutionInterruptedError.__name__:
        raise KeyboardInterrupt("stopped; what is finished is kept, and the same command goes on with the rest")
    if not report.failed:
        raise RuntimeError(f"run {result.run_id} failed: {said}")
    return report


def _first_error(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    """What kind of error failed a run, and what it says."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            while error.cause is not None:
                error = error.cause
            return error.cls_name or "", error.message.strip()
    return "", "see the run in the Dagster UI"


@contextmanager
def _progress(total: int, *, is_quiet: bool) -> Iterator[Callable[[str], Any]]:
    columns = (TextColumn("{task.description:17}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=is_quiet or total == 0) as bar:
        task = bar.add_task("render", total=total)

        def advance(name: str) -> None:
            done = bar.tasks[0].completed
            if done >= (bar.tasks[0].total or 0):  # scenes, which were not known before
                bar.update(task, total=done + 1)
            bar.update(task, advance=1, description=name)

        yield advance
