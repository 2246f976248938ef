"""Dagster's instance of a data root: its folder, its `dagster.yaml`, made on first use."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster_shared.check import CheckError
from filelock import FileLock
from sqlalchemy.exc import DatabaseError
from yaml import YAMLError

from audio_assets.own_runs import end_killed
from audio_assets.settings import Settings

_MISREAD = (dg.DagsterError, CheckError, YAMLError, TypeError)
"""What Dagster raises at a `dagster.yaml` that says something wrong; some of it is checked by using it."""
_ON_THE_TERMINAL = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager",
    }
}  # fmt: skip
"""What a command prints is seen where it was typed. Else Dagster sends it through a file and `tail`: progress bars
stand still, and Ctrl-C ends with the traces of its helpers."""
_TEMPLATE = Path(__file__).resolve().parent / "dagster.yaml"


def prepare_home(settings: Settings) -> Path:
    """Make Dagster's folder with its `dagster.yaml`, if there is none, and name it in the environment."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        partial = home / f".dagster.yaml.{os.getpid()}"
        partial.write_text(_TEMPLATE.read_text())
        partial.replace(config)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of a data root, for a command: what its runs print is not kept.

    Two first uses at once would both create SQLite's tables and one would fail: they are made under a lock.
    """
    home = prepare_home(settings)
    try:
        with ExitStack() as held:
            with FileLock(home / ".opening"):
                try:
                    ref = InstanceRef.from_dir(str(home), overrides=_ON_THE_TERMINAL)
                    instance = held.enter_context(dg.DagsterInstance.from_ref(ref))
                except _MISREAD as error:
                    cause = str(error).strip().partition("\n")[0]
                    raise RuntimeError(
                        f"{home / _TEMPLATE.name} can not be used: {cause}; edit it, or delete it for a new one"
                    ) from error
                instance.get_runs_count()
                instance.event_log_storage.get_maximum_record_id()
            end_killed(instance, settings)
            yield instance
    except DatabaseError as error:
        cause = str(error.orig or error).splitlines()[0]
        raise RuntimeError(
            f"Dagster's database in {home} can not be used: {cause}; is the disk full? If not, move {home / 'history'} "
            "away: all that was rendered is known without it"
        ) from error
