"""Dagster's event log on SQLite, made fast for runs that store thousands of events. Other storages need nothing.

This reaches into Dagster's private storage, which the exact pin of Dagster allows; `tests/graph/test_open_logs.py`
fails when a new version changes what it stands on. Without it everything works, only slower.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:  # sqlalchemy and alembic are imported where a run stores events: a plan starts a third faster without
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from sqlalchemy import Connection


@contextmanager
def keeping_logs_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Within: events of the run go through one open connection to each SQLite event log. Others need nothing.

    Dagster makes three engines (with empty caches of compiled statements) and connections for every event, and waits
    for the disk at each commit: 24 to 35 ms an event, 8.4 of them CPU, on two busy cores; so it is 2.6 and 1.4. Every
    event is still committed by itself and seen by others at once. A power cut may take the last ones; the next run
    records them again (`launch.order`).
    """
    from dagster._core.storage.event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage) or "_connect" in vars(storage):  # it is another one, or done
        yield
        return
    connect_anew, shards = storage._connect, ("index", run_id)
    for shard in shards:
        with connect_anew(shard):  # makes the log of a run that has not begun
            pass
    with ExitStack() as held:
        open_logs = {shard: held.enter_context(_open_log(storage, shard)) for shard in shards}

        @contextmanager
        def connect(shard: str) -> Iterator["Connection"]:
            if shard not in open_logs:
                with connect_anew(shard) as connection:
                    yield connection
                return
            with storage._db_lock, open_logs[shard].begin():
                yield open_logs[shard]

        for name, faster in (("_connect", connect), ("has_table", lru_cache(storage.has_table))):
            vars(storage)[name] = faster  # hides the class's own until the end of the block
            held.callback(vars(storage).pop, name)
        yield


@contextmanager
def _open_log(storage: "SqliteEventLogStorage", shard: str) -> Iterator["Connection"]:
    from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import StaticPool

    engine = create_engine(
        storage.conn_string_for_shard(shard),
        poolclass=StaticPool,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},  # guarded by its lock
    )
    with engine.connect() as connection:
        connection.execute(text("PRAGMA synchronous = NORMAL"))
        connection.rollback()
        yield connection
    engine.dispose()
