"""What the sensors of an inbox share: which files have settled, and asking for one run for exactly what is stale.

A file counts once it has stayed the same for two ticks, so that one that is still being copied is never read.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import dagster as dg
import orjson

from audio_assets.backfill_job import JOB as BACKFILL
from audio_assets.backfilling import Selector
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.launch import Order, Pipeline, order, run_config
from audio_assets.plan import plan
from audio_assets.studio import Studio
from resources import render_lock

Signatures = Mapping[str, str]
"""Path -> size and modification time, as text."""

MAX_ATTEMPTS = 3
_BEGINS_WITHIN_S = 30.0  # from a run's start to its lock: a process's imports, 2 s on an idle machine
_LOOK_AGAIN_S = 60.0  # a plan over 10,000 lines takes 2 s: with nothing dropped it is made once a minute


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the ticks before left of asking: the work asked for last, how often, when it was planned."""

    asked: str = ""
    attempts: int = 0
    planned_at: float = 0.0

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """The cursor of a tick; one that an older version wrote counts as none, and everything is looked at again."""
        try:
            return cls(**orjson.loads(text)) if text else cls()
        except (TypeError, ValueError):
            return cls()

    def dump(self) -> str:
        """As Dagster stores it."""
        return orjson.dumps(asdict(self)).decode()

    def after_plan(self, fingerprint: str, at: float) -> Self:
        """With a plan made; asking for the same work again counts, "" is no work."""
        attempts = self.attempts + 1 if fingerprint == self.asked else 1
        return replace(self, asked=fingerprint, attempts=attempts if fingerprint else 0, planned_at=at)


@dataclass(frozen=True)
class Cursor(Asked):
    """Signatures seen last and read, and files that wait."""

    seen: Signatures = field(default_factory=dict)
    done: Signatures = field(default_factory=dict)
    waiting: Sequence[str] = ()

    def still_waiting(self, now: Signatures, ready: Sequence[str]) -> list[str]:
        """Files that were read before what they need was there: to be read again with whatever is ready now."""
        return [path for path in self.waiting if path in now and path not in ready]

    def after_read(self, now: Signatures, ready: Sequence[str], waiting: Sequence[str]) -> "Cursor":
        """With `ready` read, so that a plan is due; a path that is gone is forgotten, and new when it comes back."""
        seen = replace(self, seen=now, done={path: signature for path, signature in self.done.items() if path in now})
        if not ready:
            return seen
        return replace(seen, done={**seen.done, **{path: now[path] for path in ready}}, waiting=waiting, planned_at=0.0)

    def is_due(self, at: float) -> bool:
        """Whether to plan again although nothing was dropped: after a kill, a deleted file, new code."""
        return not 0.0 <= at - self.planned_at < _LOOK_AGAIN_S


def settled(before: Signatures, now: Signatures, done: Signatures) -> list[str]:
    """Paths that are new or changed against `done`, and the same as at the tick before: ready to be read."""
    return [path for path, signature in now.items() if before.get(path) == signature and done.get(path) != signature]


def signatures(paths: Iterable[Path]) -> dict[str, str]:
    """The signature of each path.

    Raises:
        OSError: one can not be read.
    """
    return {str(path): f"{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in paths}


def ask(
    context: dg.SensorEvaluationContext,
    studio: Studio,
    cursor: Cursor,
    pipeline: Pipeline,
    *,
    has_news: bool,
    only: Callable[[Order], Order] = dict,
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the pipeline's run if something is stale, nothing of it runs now, and it was not asked for in vain.

    Changes to how things are made are left to the sensor `workflow_changes`. `only` leaves out what a sensor may not
    start.
    """
    is_at_work = render_lock.is_held(studio.settings.render_lock(pipeline.job))
    if is_at_work or has_queued_run(context.instance, pipeline.job, BACKFILL):
        context.update_cursor(replace(cursor, planned_at=0.0).dump())
        return dg.SkipReason("a run is rendering; what is still stale after it comes next")
    if not has_news and not cursor.is_due(time.time()):
        n_moving = sum(path not in cursor.done for path in cursor.seen)
        return dg.SkipReason(f"waiting for {n_moving} files to settle" if n_moving else "nothing has changed")
    recipes = pipeline.opened(studio)
    found = plan(studio, recipes)
    written = Selector(studio, recipes, found).written().part_of(found)
    wanted = only(order(context.instance, studio, written, pipeline))
    cursor = cursor.after_plan(_fingerprint(studio, wanted, pipeline), time.time())
    context.update_cursor(cursor.dump())
    if not wanted:
        return dg.SkipReason("nothing is stale")
    if cursor.attempts > MAX_ATTEMPTS:
        return dg.SkipReason(
            f"asked {MAX_ATTEMPTS} times for the same work in vain: look at the failed runs, then edit or run"
        )
    return dg.SensorResult(run_requests=[dg.RunRequest(run_config=run_config(wanted))])


def _fingerprint(studio: Studio, wanted: Order, pipeline: Pipeline) -> str:
    """One hash over the order and what people have written; "" where nothing is wanted."""
    if not wanted:
        return ""
    sources = [source(studio) for source in pipeline.sources if not source.members_of]
    versions = [source.version(key) for source in sources for key in wanted.get(source.asset, ())]
    return sha256_hex(canonical([wanted, versions]))


def has_queued_run(instance: dg.DagsterInstance, *jobs: str) -> bool:
    """Whether a run of one of the jobs holds no lock yet: it has not begun, or only just."""
    return any(_is_queued(instance, job) for job in jobs)


def _is_queued(instance: dg.DagsterInstance, job: str) -> bool:
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING]
    if instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=waiting)) > 0:
        return True
    # A command that was killed in between leaves a run behind that nobody will ever start.
    begun = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    newest = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=begun), limit=1)
    return any(time.time() - (one.start_time or one.create_timestamp.timestamp()) < _BEGINS_WITHIN_S for one in newest)
