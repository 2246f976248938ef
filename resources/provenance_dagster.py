"""What Dagster recorded, as rows of the provenance database: runs, and the materializations of each asset."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from audio_assets.domain.provenance_rows import Row

_AT_ONCE = 1000
_OVERLAP = timedelta(minutes=2)  # a run that changed while we looked is looked at again
_LAUNCHERS = ("dagster/sensor_name", "dagster/schedule_name", "dagster/backfill")
_VERSION, _CODE = "dagster/data_version", "dagster/code_version"


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows of runs that are new or have changed, the ids of those that are gone, and when the newest changed."""

    rows: Sequence[Row]
    gone: Sequence[str]
    updated_at: str


def runs(instance: dg.DagsterInstance, known: Collection[str], updated_at: str) -> Runs:
    """What became of the runs since `updated_at` ("" for never); `known` are the ids that were read before."""
    there = instance.get_run_ids()
    wanted = [run_id for run_id in there if run_id not in known]
    records = list(_records(instance, wanted))
    if updated_at:
        since = datetime.fromisoformat(updated_at) - _OVERLAP
        records += instance.get_run_records(dg.RunsFilter(updated_after=since))
    found = {record.dagster_run.run_id: record for record in records}
    newest = max([updated_at, *(_iso(record.update_timestamp.timestamp()) for record in found.values())])
    gone = sorted({*known} - {*there})
    return Runs([_run_row(record) for record in found.values()], gone, newest)


def _records(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> Iterator[Any]:
    for at in range(0, len(run_ids), _AT_ONCE):
        yield from instance.get_run_records(dg.RunsFilter(run_ids=run_ids[at : at + _AT_ONCE]))


def _run_row(record: Any) -> Row:
    run, begun, ended = record.dagster_run, record.start_time, record.end_time
    return {
        "run_id": run.run_id,
        "job": run.job_name,
        "status": run.status.value,
        "launched_by": next((run.tags[tag] for tag in _LAUNCHERS if tag in run.tags), None),
        "created_at": _iso(record.create_timestamp.timestamp()),
        "started_at": None if begun is None else _iso(begun),
        "ended_at": None if ended is None else _iso(ended),
        "run_s": None if begun is None or ended is None else round(ended - begun, 3),
    }


def assets(instance: dg.DagsterInstance) -> list[str]:
    """The assets that Dagster has heard of."""
    return sorted(key.to_user_string() for key in instance.get_asset_keys())


def is_there(instance: dg.DagsterInstance, asset: str, event: int, run_id: str) -> bool:
    """Whether an event that was read before is still the same one: nobody wiped it, nor made another database."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey.from_user_string(asset), storage_ids=[event])
    found = instance.fetch_materializations(wanted, limit=1).records
    return bool(found) and found[0].run_id == run_id


def events(
    instance: dg.DagsterInstance, asset: str, after: int, place: Callable[[str], Mapping[str, Any]]
) -> Iterator[list[Row]]:
    """The materializations of an asset after a number of Dagster's log, in portions."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey.from_user_string(asset), after_storage_id=after)
    cursor, has_more = None, True
    while has_more:
        found = instance.fetch_materializations(wanted, limit=_AT_ONCE, cursor=cursor, ascending=True)
        yield [_event_row(asset, record, place) for record in found.records]
        cursor, has_more = found.cursor, found.has_more


def _event_row(asset: str, record: dg.EventLogRecord, place: Callable[[str], Mapping[str, Any]]) -> Row:
    said = record.asset_materialization
    tags: Mapping[str, str] = (said.tags if said else None) or {}
    shown: dict[str, Any] = {name: entry.value for name, entry in said.metadata.items()} if said else {}
    partition = str(record.partition_key) if record.partition_key else None
    return {
        "event": record.storage_id,
        "asset": asset,
        "partition": partition,
        **(place(partition) if partition else {}),
        "happened_at": _iso(record.timestamp),
        "run_id": record.run_id,
        "content": tags.get(_VERSION),
        "code_version": tags.get(_CODE),
        "is_cached": shown.get("cached"),
        "stands_in": shown.get("stands_in"),
        "cost_usd": shown.get("cost_usd"),
        "render_s": shown.get("render_s"),
    }


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
