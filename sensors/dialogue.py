"""Sensor `new_dialogue`: scripts dropped or edited in the inbox, and edits of cast, lexicon and mix settings.

Read, pure diff, result. A file counts once it has stayed the same for two ticks, so that one that is still being copied
is never read; an inbox that can not be read changes nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import dagster as dg
import orjson

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.cast import CastError
from audio_assets.domain.scripts.reading import SUFFIXES
from audio_assets.jobs import render_dialogue
from audio_assets.launch import order, recipes, run_config, sync
from audio_assets.plan import plan
from audio_assets.registration import find_files, register
from audio_assets.sources import DIALOGUE_LINE
from audio_assets.studio import Studio, StudioResource
from resources import render_lock

Signatures = Mapping[str, str]
"""Path -> size and modification time, as text."""

MAX_ATTEMPTS = 3
_BEGINS_WITHIN_S = 30.0  # from a run's start to its lock: a process's imports, 2 s on an idle machine
_LOOK_AGAIN_S = 60.0  # a plan over 10,000 lines takes 2 s: with nothing dropped it is made once a minute


_SETTINGS = ("cast.toml", "lexicon.toml", "mix.toml")


@dataclass(frozen=True)
class Cursor:
    """What the ticks before left: signatures seen last and read, translations that wait, the work asked for last."""

    seen: Signatures = field(default_factory=dict)
    done: Signatures = field(default_factory=dict)
    waiting: Sequence[str] = ()
    asked: str = ""
    attempts: int = 0
    planned_at: float = 0.0

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """The cursor of a tick; one that an older version wrote counts as none, and everything is looked at again."""
        try:
            return cls(**orjson.loads(text)) if text else cls()
        except (TypeError, ValueError):
            return cls()

    def dump(self) -> str:
        """As Dagster stores it."""
        return orjson.dumps(asdict(self)).decode()

    def still_waiting(self, now: Signatures, ready: Sequence[str]) -> list[str]:
        """Translations that were read before their original was there: to be read again with whatever is ready now."""
        return [path for path in self.waiting if path in now and path not in ready]

    def after_read(self, now: Signatures, ready: Sequence[str], waiting: Sequence[str]) -> "Cursor":
        """With `ready` read, so that a plan is due; a path that is gone is forgotten, and new when it comes back."""
        seen = replace(self, seen=now, done={path: signature for path, signature in self.done.items() if path in now})
        if not ready:
            return seen
        return replace(seen, done={**seen.done, **{path: now[path] for path in ready}}, waiting=waiting, planned_at=0.0)

    def after_plan(self, fingerprint: str, at: float) -> "Cursor":
        """With a plan made; asking for the same work again counts."""
        attempts = self.attempts + 1 if fingerprint == self.asked else 1
        return replace(self, asked=fingerprint, attempts=attempts if fingerprint else 0, planned_at=at)

    def is_due(self, at: float) -> bool:
        """Whether to plan again although nothing was dropped: after a kill, a deleted file, new code."""
        return not 0.0 <= at - self.planned_at < _LOOK_AGAIN_S


def settled(before: Signatures, now: Signatures, done: Signatures) -> list[str]:
    """Paths that are new or changed against `done`, and the same as at the tick before: ready to be read."""
    return [path for path, signature in now.items() if before.get(path) == signature and done.get(path) != signature]


def read_signatures(inbox: Path, root: Path) -> dict[str, str]:
    """The signature of every script in the inbox and of the settings files.

    Raises:
        OSError: the inbox can not be read.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    scripts = [path for path in sorted(inbox.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    settings = [path for name in _SETTINGS if (path := root / name).is_file()]
    return {str(path): f"{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in [*scripts, *settings]}


@dg.sensor(
    job=render_dialogue,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers dropped or edited scripts and starts one run for exactly what is stale.",
)
def new_dialogue(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    settings = opened.settings
    cursor = Cursor.parse(context.cursor)
    try:
        now = read_signatures(settings.inbox, settings.root)
    except OSError as error:
        return dg.SkipReason(f"the inbox {settings.inbox} can not be read: {error.strerror}")
    being_edited = [name for name in _SETTINGS if now.get(key := str(settings.root / name)) != cursor.seen.get(key)]
    if being_edited and cursor.seen:
        context.update_cursor(replace(cursor, seen=now, planned_at=0.0).dump())
        return dg.SkipReason(f"waiting for {', '.join(being_edited)} to settle")
    ready = settled(cursor.seen, now, cursor.done)
    try:
        variables = opened.dialogue.cast.variables
    except CastError as error:
        context.update_cursor(replace(cursor, seen=now).dump())
        return dg.SkipReason(f"{error}; what was dropped is read after that")
    waiting: list[str] = []
    if ready:
        sentences, waiting = _register(opened, [*ready, *cursor.still_waiting(now, ready)], variables)
        for sentence in sentences:
            context.log.warning(sentence)
    cursor = cursor.after_read(now, ready, waiting)
    if ready:
        opened = studio.open()
        sync(context.instance, opened)
    context.update_cursor(cursor.dump())
    if render_lock.is_held(settings.render_lock) or _has_queued_run(context.instance):
        context.update_cursor(replace(cursor, planned_at=0.0).dump())
        return dg.SkipReason("a run is rendering; what is still stale after it comes next")
    if not ready and not cursor.is_due(time.time()):
        n_moving = sum(path not in cursor.done for path in now)
        return dg.SkipReason(f"waiting for {n_moving} files to settle" if n_moving else "nothing has changed")
    return _request(context, opened, cursor)


def _has_queued_run(instance: dg.DagsterInstance) -> bool:
    """Whether a run of ours holds no lock yet: it has not begun, or only just."""
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
    if instance.get_runs_count(dg.RunsFilter(job_name=render_dialogue.name, statuses=waiting)) > 0:
        return True
    begun = dg.RunsFilter(job_name=render_dialogue.name, statuses=[dg.DagsterRunStatus.STARTED])
    newest = instance.get_run_records(begun, limit=1)
    return bool(newest) and time.time() - (newest[0].start_time or 0.0) < _BEGINS_WITHIN_S


def _request(context: dg.SensorEvaluationContext, studio: Studio, cursor: Cursor) -> dg.SensorResult | dg.SkipReason:
    wanted = order(context.instance, studio, plan(studio, recipes(studio)))
    versions = [studio.dialogue.line_version(key) for key in wanted.get(DIALOGUE_LINE, ())]
    fingerprint = sha256_hex(canonical([wanted, versions])) if wanted else ""
    cursor = cursor.after_plan(fingerprint, time.time())
    context.update_cursor(cursor.dump())
    if not wanted:
        return dg.SkipReason("nothing is stale")
    if cursor.attempts > MAX_ATTEMPTS:
        return dg.SkipReason(
            f"asked {MAX_ATTEMPTS} times for the same work in vain: look at the failed runs, then edit or run"
        )
    return dg.SensorResult(run_requests=[dg.RunRequest(run_config=run_config(wanted))])


def _register(studio: Studio, paths: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Register the scripts among `paths`.

    A sentence for each thing that the author should look at, and the paths of translations whose original is not here.
    """
    inbox = studio.settings.inbox
    scripts = [Path(path) for path in paths if Path(path).is_relative_to(inbox)]
    files, errors = find_files(scripts, inbox=inbox)
    done = register(
        studio.store,
        files,
        variables=variables,
        default_lang=studio.settings.language,
        voice_menu_choices=studio.settings.voice_menu_choices,
    )
    return [*errors, *done.errors, *map(str, done.problems)], [str(inbox / name) for name in done.waiting]
