"""Instances of Dagster in memory: real ones, but for how often they connect to themselves, and copies of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg


@contextmanager
def in_memory() -> Iterator[dg.DagsterInstance]:
    """An ephemeral instance whose event log keeps to one connection, where Dagster makes one for every question.

    A run takes three quarters of the time. The product does the same to the log on disk (`audio_assets/event_log.py`).
    """
    with dg.DagsterInstance.ephemeral() as instance:
        _keep_connected(instance.event_log_storage)
        yield instance


def copy_into(instance: dg.DagsterInstance, before: dg.DagsterInstance) -> None:
    """Let an ephemeral instance hold what another one does, and nothing else: a run of a second is copied in 10 ms."""
    for target, source in (
        (instance.run_storage, before.run_storage),
        (instance.event_log_storage, before.event_log_storage),
    ):
        _database(source).backup(_database(target))


def _database(storage: Any) -> Any:
    """The connection that lives as long as a storage in memory does."""
    return storage._held_conn.connection.driver_connection


def _keep_connected(log: Any) -> None:
    """SQLite wants a connection to stay in its thread; others make their own."""
    connect_anew, thread = log._connect, threading.get_ident()

    @contextmanager
    def connect() -> Iterator[Any]:
        if threading.get_ident() != thread:
            with connect_anew() as connection:
                yield connection
            return
        with log._db_lock, log._held_conn.begin():
            yield log._held_conn

    log._connect = connect
