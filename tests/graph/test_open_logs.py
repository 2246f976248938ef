"""Events through logs that are kept open: nobody can tell them from Dagster's own, but by the time they take."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from audio_assets.batch import recorded_versions
from audio_assets.event_log import keeping_logs_open

KEYS = ["a", "b", "c"]


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on SQLite, as a studio's own."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
        yield found


def log_partitions(instance: dg.DagsterInstance, *, reader: dg.DagsterInstance, is_open: bool) -> list[list[str]]:
    """Run a job that logs an event per key; what another instance on the same files has seen after each."""
    seen: list[list[str]] = []

    @dg.op
    def log(context: dg.OpExecutionContext) -> None:
        def each() -> None:
            for key in KEYS:
                tags = {"dagster/data_version": f"version of {key}"}
                context.log_event(dg.AssetMaterialization("made", partition=key, tags=tags))
                seen.append(sorted(reader.get_materialized_partitions(dg.AssetKey("made"))))

        if is_open:
            with keeping_logs_open(context.instance, context.run.run_id):
                each()
        else:
            each()

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        log()

    assert job.execute_in_process(instance=instance).success
    return seen


@pytest.mark.parametrize("is_open", [True, False])
def test_every_event_is_seen_at_once_by_other_connections(
    on_disk: dg.DagsterInstance, tmp_path: Path, is_open: bool
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as reader:
        assert log_partitions(on_disk, reader=reader, is_open=is_open) == [["a"], ["a", "b"], ["a", "b", "c"]]
        assert recorded_versions(reader, "made") == {key: f"version of {key}" for key in KEYS}


def test_the_log_holds_what_it_would_hold_without(tmp_path: Path) -> None:
    kinds = []
    for is_open in (True, False):
        folder = tmp_path / str(is_open)
        folder.mkdir()
        with dg.DagsterInstance.local_temp(str(folder)) as instance:
            log_partitions(instance, reader=instance, is_open=is_open)
            (run,) = instance.get_runs()
            kinds.append([record.event_log_entry.dagster_event_type for record in _records(instance, run.run_id)])
    assert kinds[0] == kinds[1]
    assert kinds[0].count(dg.DagsterEventType.ASSET_MATERIALIZATION) == len(KEYS)


def test_what_fails_is_rolled_back_and_the_next_goes_on(on_disk: dg.DagsterInstance) -> None:
    storage = _storage(on_disk)

    def fail_half_way() -> None:
        with storage.index_connection() as connection:
            connection.execute(text("INSERT INTO asset_keys (asset_key) VALUES ('half')"))
            connection.execute(text("SELECT nothing FROM nowhere"))

    with keeping_logs_open(on_disk, "some-run"):
        with pytest.raises(SQLAlchemyError):
            fail_half_way()
        with storage.index_connection() as connection:
            assert connection.execute(text("SELECT count(*) FROM asset_keys")).scalar() == 0


def test_each_log_has_one_connection_while_open_and_none_after(on_disk: dg.DagsterInstance) -> None:
    storage = _storage(on_disk)
    before = dict(vars(storage))
    with keeping_logs_open(on_disk, "some-run"):
        with storage.index_connection() as first:
            pass
        with storage.index_connection() as second:
            pass
        assert first is second
    assert vars(storage) == before
    assert first.closed


def _storage(instance: dg.DagsterInstance) -> SqliteEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    return storage


def _records(instance: dg.DagsterInstance, run_id: str) -> list[dg.EventLogRecord]:
    return list(instance.get_records_for_run(run_id, limit=1000).records)
