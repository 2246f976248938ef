"""Ledgers and orders for tests: on SQLite, and on Postgres where AUDIO_ASSETS_TEST_POSTGRES holds a server's URL."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from audio_assets.domain.budget import Order

POSTGRES = os.environ.get("AUDIO_ASSETS_TEST_POSTGRES", "")
NO_POSTGRES = "AUDIO_ASSETS_TEST_POSTGRES holds no URL of a Postgres server, such as postgresql://user@localhost/test"
BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.skipif(not POSTGRES, reason=NO_POSTGRES))]

ORDER = Order(
    action_key="key-1",
    asset="scene_take",
    project="night",
    scene="s003",
    provider="shop",
    model="clip-1",
    estimate_usd="0.80",
    request={"prompt": "a lamp by the sea", "seconds": 8},
)


def order(key: str = "key-1", **changes: object) -> Order:
    """An order of 0.80 dollars for a take of a scene."""
    return replace(ORDER, action_key=key, **changes)  # type: ignore[arg-type]


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        self.time += timedelta(**by)


@contextmanager
def ledger_url(backend: str, folder: Path) -> Iterator[str]:
    """The URL of a ledger that is not there yet; in Postgres a schema of its own, gone at the end."""
    if backend == "sqlite":
        yield f"sqlite:///{folder / 'ledger.db'}"
        return
    schema = f"ledger_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        try:
            yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
