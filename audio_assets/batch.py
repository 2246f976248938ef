"""Many partitions in one run, with exact versions and inputs per partition in Dagster. A stranger could lift this out.

Two doors lead here, and both leave the same events:
- `run_asset`: an asset's own step, launched from the UI for one partition or a range. Dagster adds events of its own,
  so ours are logged last, to be the newest.
- `render_job`: one job over any set of keys of all stages, launched by sensors and the command. Its ops log plain
  `AssetMaterialization`s by public API; `event_log` makes SQLite store them fast.

Staleness in Dagster needs two tags per input: a version, and a pointer to the newest event when the batch began.
Why one job of ops: runs launched per partition cost 1.6 to 2.9 s each, an asset job can not hold two partition sets
(lines and mixes), and a failed asset step would cost every later stage the partitions that went well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from audio_assets.event_log import keeping_logs_open
from audio_assets.event_metadata import event_metadata
from audio_assets.partitions import event_key
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome, render
from audio_assets.source import Source

_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
_VERSION = "dagster/data_version"
NEVER_NEWER = str(2**62)
"""A pointer past every event, for fan-in edges. Dagster maps those to all partitions (below 100 of them), so that any
changed line would leave every mix stale for good; the mix's own source, on an identity edge, says it exactly."""
_NOTHING = dg.AssetMaterialization("nothing")
_PICTURES_UP_TO = 200  # partitions in one batch; above this a picture is a link, or events would grow the database
_OF_ITS_OWN = re.compile(r"\S*[\d|]\S*|'[^']*'|\"[^\"]*\"")
"""What a failure's sentence says of its own partition only: numbers, keys, names with a number in them, quotations."""


class Batch(dg.Config):
    """Which partitions to render."""

    partition_keys: list[str] = []


class Failed(dg.Failure):
    """A batch whose good partitions are done and recorded, and some failed."""

    def __init__(self, failures: Mapping[str, Sequence[Outcome]]):
        rows = [
            dg.TableRecord(
                {
                    "asset": asset,
                    "partition": outcome.partition,
                    "why": outcome.failure.reason,
                    "retry helps": _retry_helps(outcome.failure.kind),
                }
            )
            for asset, outcomes in failures.items()
            for outcome in outcomes
            if outcome.failure is not None
        ]
        rows = _rare_ones_first(rows)
        shown = "; ".join(f"{row.data['asset']} {row.data['partition']}: {row.data['why']}" for row in rows[:3])
        more = f"; and {len(rows) - 3} more (see the table)" if len(rows) > 3 else ""
        super().__init__(
            description=f"{len(rows)} failed, the others are done. {shown}{more}",
            metadata={"failed": dg.MetadataValue.table(rows[:500])} if rows else {},
            allow_retries=any(row.data["retry helps"] == "yes" for row in rows),
        )


def _rare_ones_first(rows: Sequence[dg.TableRecord]) -> list[dg.TableRecord]:
    """The first of each cause, then the rest: a table that is cut leaves no cause out."""
    first: dict[str, dg.TableRecord] = {}
    for row in rows:
        first.setdefault(_OF_ITS_OWN.sub("", str(row.data["why"])), row)
    heads = {id(row) for row in first.values()}
    return [*first.values(), *(row for row in rows if id(row) not in heads)]


def _retry_helps(kind: str) -> str:
    helps = {
        "transient": "yes",
        "paid": "yes",
        "upstream": "once its input is rendered",
        "budget": "once the budget allows it",
        "unavailable": "once its provider can be asked",
    }
    return helps.get(kind, "no: change the input, or try it again by hand")


def run_asset(context: dg.AssetExecutionContext, recipe: Recipe) -> Iterator[dg.MaterializeResult[None]]:
    """An asset's step: render the run's partitions, record each, fail at the end if one failed."""
    keys = list(context.partition_keys)
    recorder = Recorder(context.instance, recipe, len(keys))
    outcomes = list(_render(context.log, recipe, keys, context.run.run_id))
    failed = [outcome for outcome in outcomes if outcome.failure is not None]
    if not failed:
        yield dg.MaterializeResult(asset_key=recipe.asset)
    with keeping_logs_open(context.instance, context.run.run_id):
        for outcome in outcomes:
            if outcome.failure is None:
                context.log_event(recorder.event(outcome))
    if failed:
        raise Failed({recipe.asset: failed})


def run_op(context: dg.OpExecutionContext, recipe: Recipe, keys: Sequence[str]) -> list[Outcome]:
    """An op of `render_job`: render and record as results arrive; the failed outcomes come back, for the last op."""
    recorder = Recorder(context.instance, recipe, len(keys))
    failed: list[Outcome] = []
    with keeping_logs_open(context.instance, context.run.run_id):
        for outcome in _render(context.log, recipe, keys, context.run.run_id):
            if outcome.failure is not None:
                failed.append(outcome)
            else:
                context.log_event(recorder.event(outcome))
    return failed


def _render(log: dg.DagsterLogManager, recipe: Recipe, keys: Sequence[str], run_id: str) -> Iterator[Outcome]:
    step = max(1, len(keys) // 10)
    counts = {"rendered": 0, "cached": 0, "failed": 0, "stood_in": 0}
    for number, outcome in enumerate(render(recipe, keys, run_id=run_id), start=1):
        counts[outcome.state] += 1
        if outcome.failure is not None:
            log.error(f"{recipe.asset} {outcome.partition}: {outcome.failure.reason}")
        elif outcome.state == "stood_in" and outcome.sidecar is not None:
            log.warning(f"{recipe.asset} {outcome.partition}: {outcome.sidecar.notes[-1]}")
        if number % step == 0 or number == len(keys):
            log.info(f"{recipe.asset}: {number} of {len(keys)} ({counts})")
        yield outcome


class Recorder:
    """Writes Dagster's events for one asset's outcomes in one batch.

    The pointer to the newest event is read when the recorder is made, before any input is: whatever is recorded later
    counts as newer than what the batch has used.
    """

    def __init__(self, instance: dg.DagsterInstance, recipe: Recipe, n_partitions: int) -> None:
        self._recipe = recipe
        self._n_partitions = n_partitions
        newest = instance.event_log_storage.get_maximum_record_id()
        self._pointer = str(newest or 1)  # never 0 or NULL: both break staleness

    def event(self, outcome: Outcome) -> dg.AssetMaterialization:
        """The materialization of `outcome`, with its version, its inputs' versions and its metadata."""
        if outcome.action is None or outcome.sidecar is None:
            raise ValueError(f"{outcome.partition} has failed and has no event")
        versions = self._recipe.versions(outcome.partition, outcome.action)
        unread = {*self._recipe.fan_in, *self._recipe.sometimes}
        if self._recipe.sometimes:
            unread -= {asset for asset, _ in self._recipe.needs(outcome.partition)}
        tags = {
            _VERSION: outcome.sidecar.content,
            "dagster/data_version_is_user_provided": "true",
            "dagster/code_version": self._recipe.code_version,
        }
        for dep, version in versions.items():
            tags[f"dagster/input_data_version/{dep}"] = version
            tags[f"dagster/input_event_pointer/{dep}"] = NEVER_NEWER if dep in unread else self._pointer
        return dg.AssetMaterialization(
            self._recipe.asset,
            partition=event_key(outcome.partition),
            metadata=event_metadata(self._recipe, outcome, with_picture=self._n_partitions <= _PICTURES_UP_TO),
            tags=tags,
        )


def recorded_versions(instance: dg.DagsterInstance, asset: str) -> Mapping[str, str]:
    """The data version that Dagster holds of each partition of `asset`, in one query."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(dg.AssetKey(asset), _MATERIALIZED, [_VERSION])
    return {partition: found[_VERSION] for partition, found in tags.items() if _VERSION in found}


def newest_events(instance: dg.DagsterInstance, asset: str) -> Mapping[str, int]:
    """The storage id of the newest materialization of each partition of `asset`, in one query."""
    return instance.event_log_storage.get_latest_storage_id_by_partition(dg.AssetKey(asset), _MATERIALIZED)


def recorded_without(instance: dg.DagsterInstance, asset: str, dep: str) -> set[str]:
    """The partitions of `asset` whose newest event names no version of `dep`: it is from before there was that edge.

    Dagster takes them for stale until they are recorded anew. Edges come with releases: where the oldest of the events
    names it all do, so that there is one to read.
    """
    newest = newest_events(instance, asset)
    tag = f"dagster/input_data_version/{dep}"

    def lacking(ids: Sequence[int]) -> set[str]:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), storage_ids=ids)
        records = instance.fetch_materializations(wanted, limit=len(ids)).records
        return {
            record.partition_key
            for record in records
            if record.partition_key and tag not in ((record.asset_materialization or _NOTHING).tags or {})
        }

    return lacking(list(newest.values())) if newest and lacking([min(newest.values())]) else set()


def source_event(source: Source, partition: str) -> dg.AssetMaterialization:
    """The event of a source's partition: nothing was rendered, its version was read."""
    version = source.version(partition)
    tags = {
        _VERSION: version,
        "dagster/data_version_is_user_provided": "true",
        "dagster/code_version": source.code_version,
    }
    for dep in (*source.derived_from, *source.written_in):
        tags[f"dagster/input_data_version/{dep}"] = version
        tags[f"dagster/input_event_pointer/{dep}"] = NEVER_NEWER
    return dg.AssetMaterialization(
        source.asset, partition=event_key(partition), metadata=source.metadata(partition), tags=tags
    )
