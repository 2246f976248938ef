"""Dagster's instance of a data root: its folder, its `dagster.yaml`, made on first use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from audio_assets.settings import Settings

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
    """The instance of a data root."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance
