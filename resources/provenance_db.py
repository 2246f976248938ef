"""The provenance database: a DuckDB file, and a Parquet file per table beside it, over all that a studio keeps.

Objects never change, so a refresh lists them, reads those that are new, and forgets those that are gone. It works on a
copy that takes the place of the file when it is whole: readers are never in the way, and a crash leaves what was there.
One process refreshes at a time. A file that is damaged, or of other tables, is made anew; nothing is in it that the
store, the ledger and Dagster do not have.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import filelock
import orjson

from audio_assets.domain import provenance_rows as rows_of
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.provenance_rows import Kind, Row
from audio_assets.domain.redaction import without_secrets
from audio_assets.domain.schemas.records import Failure, RecordError, Ref, Sidecar
from audio_assets.domain.schemas.takes import choices_from_bytes, reviews_from_bytes
from resources import provenance_dagster, store_listing
from resources.ledger_rows import Entry
from resources.provenance_schema import BY_NAME, ROWS, TABLES
from resources.provenance_views import VIEWS
from resources.store import ArtifactStore, partition_of
from resources.store_listing import Listed

FILE = "provenance.duckdb"
_AT_ONCE = 2000  # records whose rows are in memory together
_REQUESTS_AT_ONCE = 16
_BUSY_S = 900.0
_LATE = 500  # events that another process of Postgres may still commit below the newest number
_BOOKS = (
    "CREATE TABLE _seen (folder VARCHAR, record VARCHAR, stamp VARCHAR)",
    "CREATE TABLE _kept (name VARCHAR, value VARCHAR)",
)


class ProvenanceError(RuntimeError):
    """The database can not be made or asked; one sentence."""


@dataclass(frozen=True)
class Layout:
    """What the assets say of the store: whose objects are in which folder, and what partitions are.

    `reviews` and `choices` are the folders of what people say of takes.
    """

    folders: Mapping[str, str]
    kinds: Mapping[str, Kind]
    reviews: str
    choices: str

    def place(self, asset: str) -> Callable[[str], Row]:
        """What a partition key of an asset says."""
        kind = self.kinds.get(asset, "other")
        return lambda partition: rows_of.place(kind, partition)


@dataclass
class Refreshed:
    """What a refresh did; `rebuilt` says why all of it was made anew, "" where it was not."""

    file: Path
    rebuilt: str = ""
    n_read: int = 0
    n_gone: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "file": str(self.file), "rebuilt": self.rebuilt, "n_read": self.n_read, "n_gone": self.n_gone,
            "refresh_s": round(self.seconds, 3), "rows": self.counts, "notes": self.notes,
        }  # fmt: skip


class ProvenanceDb:
    """The database in `folder`."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout
        self._version = _version(layout)

    @property
    def file(self) -> Path:
        """The DuckDB file."""
        return self.folder / FILE

    def refresh(
        self,
        store: ArtifactStore,
        ledger: Callable[[], Sequence[Entry]] | None = None,
        instance: dg.DagsterInstance | None = None,
        *,
        rebuild: bool = False,
    ) -> Refreshed:
        """Bring it up to date; without `instance` what Dagster recorded stays as it was read last.

        Raises:
            ProvenanceError: another process is at it for too long, or it can not be written.
            StoreError: the store can not be reached.
        """
        started = time.monotonic()
        with self._alone():
            why = "it was asked for" if rebuild else self._why_anew()
            try:
                done = self._refreshed(store, ledger, instance, why)
            except duckdb.Error as error:
                if why or isinstance(error, duckdb.OutOfMemoryException):
                    raise ProvenanceError(f"{self.file} can not be made: {_cause(error)}") from error
                done = self._refreshed(store, ledger, instance, f"it was damaged ({_cause(error)})")
        done.seconds = time.monotonic() - started
        return done

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / ".refresh", timeout=_BUSY_S):
                for rest in self.folder.glob(".partial-*"):  # of a crash: nobody else is at it
                    rest.unlink()
                yield
        except filelock.Timeout as error:
            raise ProvenanceError(
                f"{self.file} is being refreshed by another process for over {_BUSY_S:g} s"
            ) from error
        except OSError as error:
            raise ProvenanceError(f"{self.file} can not be written: {error.strerror or error}") from error

    def _why_anew(self) -> str:
        if not self.file.exists():
            return "there was none"
        try:
            with duckdb.connect(self.file, read_only=True) as connection:
                version = connection.execute("SELECT value FROM _kept WHERE name = 'version'").fetchone()
        except duckdb.Error as error:
            return f"it was damaged ({_cause(error)})"
        return "" if version == (self._version,) else "its tables were those of another version"

    def _refreshed(
        self,
        store: ArtifactStore,
        ledger: Callable[[], Sequence[Entry]] | None,
        instance: dg.DagsterInstance | None,
        why_anew: str,
    ) -> Refreshed:
        done = Refreshed(self.file, why_anew)
        partial = self._partial(FILE)
        partial.unlink(missing_ok=True)
        if not why_anew:
            shutil.copyfile(self.file, partial)
        try:
            with duckdb.connect(partial, config=_config(self.folder)) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("SET enable_progress_bar = false")
                connection.execute("BEGIN")
                if why_anew:
                    self._make_tables(connection)
                filling = _Filling(connection, self.layout, store, done)
                filling.records()
                if ledger is not None:
                    filling.ledger(ledger())
                if instance is not None:
                    filling.dagster(instance)
                elif why_anew:
                    done.notes.append("Dagster was not asked: there are no runs and events")
                connection.execute("COMMIT")
                connection.execute("CHECKPOINT")
                done.counts = _counts(connection)
                written = [
                    table.name
                    for table in TABLES
                    if table.name in filling.changed or why_anew or not (self.folder / f"{table.name}.parquet").exists()
                ]
                for name in written:
                    connection.execute(f"COPY {name} TO '{_quoted(self._partial(name))}' (FORMAT parquet)")
            for name in written:
                self._partial(name).replace(self.folder / f"{name}.parquet")
            partial.replace(self.file)  # last: what comes before is done again after a crash
        finally:
            for rest in self.folder.glob(".partial-*"):
                rest.unlink()
        return done

    def _partial(self, name: str) -> Path:
        return self.folder / f".partial-{os.getpid()}-{name}"

    def _make_tables(self, connection: duckdb.DuckDBPyConnection) -> None:
        for table in TABLES:
            columns = ", ".join(f"{one.name} {one.kind}" for one in table.columns)
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
            connection.execute(f"COMMENT ON TABLE {table.name} IS '{_quoted(table.meaning)}'")
            for one in table.columns:
                connection.execute(f"COMMENT ON COLUMN {table.name}.{one.name} IS '{_quoted(one.meaning)}'")
        for statement in (*_BOOKS, *(statement for view in VIEWS for statement in view.statements)):
            connection.execute(statement)
        connection.execute("INSERT INTO _kept VALUES ('version', ?)", [self._version])


class _Filling:
    """One refresh within its transaction; `changed` are the tables whose rows did."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, layout: Layout, store: ArtifactStore, done: Refreshed
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._store = store
        self._done = done
        self.changed: set[str] = set()

    # the store's records

    def records(self) -> None:
        """Objects, refs, failures, and what people said."""
        for folder, asset in self._layout.folders.items():
            self._folder(folder, store_listing.sidecars(self._store, folder), _ObjectReader(asset))
        for asset in self._layout.kinds:
            for reader in (_RefReader(self._layout, asset), _FailureReader(self._layout, asset)):
                folder = f"{reader.folder}/{asset}"
                self._folder(folder, store_listing.records(self._store, folder), reader)
        said: Mapping[str, _Reader] = {self._layout.reviews: _ReviewReader(), self._layout.choices: _ChoiceReader()}
        for folder, of_people in said.items():
            self._folder(folder, store_listing.records(self._store, folder), of_people)

    def _folder(self, folder: str, listing: Iterator[Listed], reader: "_Reader") -> None:
        known = dict(self._connection.execute("SELECT record, stamp FROM _seen WHERE folder = ?", [folder]).fetchall())
        changed: list[Listed] = []
        there: set[str] = set()
        for one in listing:
            there.add(one.path)
            if not one.stamp or known.get(one.path) != one.stamp:
                changed.append(one)
        gone = [path for path in known if path not in there]
        self._forget(reader, [*gone, *(one.path for one in changed if one.path in known)], folder)
        self._done.n_gone += len(gone)
        left = iter(changed)
        while portion := list(islice(left, _AT_ONCE)):
            self._read(folder, portion, reader)

    def _forget(self, reader: "_Reader", paths: Sequence[str], folder: str) -> None:
        if not paths:
            return
        for name in (*reader.tables, "problems"):
            key = BY_NAME[name].key
            values = [path.rpartition("/")[0] for path in paths] if key == "object" else paths
            self._delete(name, key, values)
        self._delete("_seen", "record", paths, f" AND folder = '{_quoted(folder)}'")

    def _read(self, folder: str, portion: Sequence[Listed], reader: "_Reader") -> None:
        found: dict[str, list[Row]] = {}
        seen = []
        for one, data in zip(portion, self._bytes([one.path for one in portion]), strict=True):
            if data is None:  # gone since it was listed
                continue
            seen.append({"folder": folder, "record": one.path, "stamp": one.stamp})
            try:
                made = reader.rows(one, data)
            except (RecordError, UnicodeDecodeError) as error:
                made = {"problems": [{"record": one.path, "reason": without_secrets(str(error))}]}
            for name, rows in made.items():
                found.setdefault(name, []).extend(rows)
        self._done.n_read += len(seen)
        for name, rows in found.items():
            self.insert(name, rows)
        self._connection.execute(
            'INSERT INTO _seen SELECT unnest(from_json(?, \'[{"folder":"VARCHAR","record":"VARCHAR",'
            '"stamp":"VARCHAR"}]\'), recursive := true)',
            [orjson.dumps(seen).decode()],
        )

    def _bytes(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        if self._store.local_root is not None or len(paths) == 1:
            yield from map(self._store.read, paths)
            return
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            yield from pool.map(self._store.read, paths)

    # the ledger and Dagster

    def ledger(self, entries: Sequence[Entry]) -> None:
        """Every entry, where any of them changed."""
        rows = [_ledger_row(entry) for entry in entries]
        digest = sha256_hex(canonical(rows))
        if self._kept("ledger") != digest:
            self._replace("ledger", rows)
            self._keep("ledger", digest)

    def dagster(self, instance: dg.DagsterInstance) -> None:
        """Runs that changed, and events that are new."""
        known = {run_id for (run_id,) in self._connection.execute("SELECT run_id FROM runs").fetchall()}
        found = provenance_dagster.runs(instance, known, self._kept("runs"))
        self._delete("runs", "run_id", [*found.gone, *(row["run_id"] for row in found.rows if row["run_id"] in known)])
        self.insert("runs", found.rows)
        self._keep("runs", found.updated_at)
        self._events(instance)

    def _events(self, instance: dg.DagsterInstance) -> None:
        ask = self._connection.execute
        (newest,) = ask("SELECT coalesce(max(event), 0) FROM events").fetchone() or (0,)
        settled = max(newest - _LATE, 0)
        if ask("SELECT 1 FROM events WHERE event > ? LIMIT 1", [settled]).fetchone():
            ask("DELETE FROM events WHERE event > ?", [settled])
        last = {
            asset: (event, run_id)
            for asset, event, run_id in ask(
                "SELECT asset, max(event), arg_max(run_id, event) FROM events GROUP BY asset"
            ).fetchall()
        }
        heard = provenance_dagster.assets(instance)
        wiped = [
            asset
            for asset, (event, run_id) in last.items()
            if asset not in heard or not provenance_dagster.is_there(instance, asset, event, run_id)
        ]
        self._delete("events", "asset", wiped)
        for asset in heard:
            after = 0 if asset in wiped or asset not in last else settled
            for rows in provenance_dagster.events(instance, asset, after, self._layout.place(asset)):
                self.insert("events", rows)

    # tables

    def insert(self, name: str, rows: Sequence[Row]) -> None:
        """Add rows to a table."""
        if not rows:
            return
        table = BY_NAME[name]
        columns = ", ".join(one.name for one in table.columns)
        self._connection.execute(
            f"INSERT INTO {name} ({columns}) SELECT {columns} FROM "  # noqa: S608 - names of our own schema
            "(SELECT unnest(from_json(?, ?), recursive := true))",
            [orjson.dumps(rows).decode(), table.shape],
        )
        self.changed.add(name)

    def _replace(self, name: str, rows: Sequence[Row]) -> None:
        self._connection.execute(f"DELETE FROM {name}")  # noqa: S608
        self.changed.add(name)
        self.insert(name, rows)

    def _delete(self, name: str, key: str, values: Sequence[str], more: str = "") -> None:
        if not values:
            return
        gone = self._connection.execute(
            f"DELETE FROM {name} WHERE {key} IN (SELECT unnest(?::VARCHAR[])){more}",  # noqa: S608
            [list(values)],
        ).fetchone()
        if gone and gone[0]:
            self.changed.add(name)

    def _kept(self, name: str) -> str:
        found = self._connection.execute("SELECT value FROM _kept WHERE name = ?", [name]).fetchone()
        return str(found[0]) if found else ""

    def _keep(self, name: str, value: str) -> None:
        self._connection.execute("DELETE FROM _kept WHERE name = ?", [name])
        self._connection.execute("INSERT INTO _kept VALUES (?, ?)", [name, value])


class _Reader:
    """How the records of a folder become rows of `tables`."""

    tables: tuple[str, ...]
    folder: str = ""

    def rows(self, listed: Listed, data: bytes) -> Mapping[str, list[Row]]:
        """The rows of one record.

        Raises:
            RecordError: it is damaged.
        """
        raise NotImplementedError


class _ObjectReader(_Reader):
    tables = ("objects", "files", "inputs", "checks")

    def __init__(self, asset: str) -> None:
        self._asset = asset

    def rows(self, listed: Listed, data: bytes) -> Mapping[str, list[Row]]:
        try:
            return rows_of.object_rows(listed.path.rpartition("/")[0], self._asset, Sidecar.from_bytes(data))
        except (AttributeError, TypeError, ValueError) as error:  # JSON of our form with values that are not
            raise RecordError(str(error)) from error


class _OfPartitions(_Reader):
    def __init__(self, layout: Layout, asset: str) -> None:
        self._asset = asset
        self._kind = layout.kinds[asset]

    def _of(self, listed: Listed) -> tuple[str, str, str, Kind]:
        name = listed.path.rpartition("/")[2].removesuffix(".json")
        return listed.path, self._asset, partition_of(name), self._kind


class _RefReader(_OfPartitions):
    tables, folder = ("refs",), "refs"

    def rows(self, listed: Listed, data: bytes) -> Mapping[str, list[Row]]:
        return {"refs": [rows_of.ref_row(*self._of(listed), Ref.from_bytes(data), listed.written_at)]}


class _FailureReader(_OfPartitions):
    tables, folder = ("failures",), "failures"

    def rows(self, listed: Listed, data: bytes) -> Mapping[str, list[Row]]:
        return {"failures": [rows_of.failure_row(*self._of(listed), Failure.from_bytes(data), listed.written_at)]}


class _ReviewReader(_Reader):
    tables = ("reviews",)

    def rows(self, listed: Listed, data: bytes) -> Mapping[str, list[Row]]:
        return {"reviews": rows_of.review_rows(listed.path, _scene_of(listed), reviews_from_bytes(data))}


class _ChoiceReader(_Reader):
    tables = ("choices",)

    def rows(self, listed: Listed, data: bytes) -> Mapping[str, list[Row]]:
        return {"choices": rows_of.choice_rows(listed.path, _scene_of(listed), choices_from_bytes(data))}


def _scene_of(listed: Listed) -> str:
    return partition_of(listed.path.rpartition("/")[2].removesuffix(".json"))


def _ledger_row(entry: Entry) -> Row:
    request: Any = None
    with suppress(orjson.JSONDecodeError):
        request = rows_of.json_text(orjson.loads(entry.intent))
    return {
        "entry": entry.id,
        **{
            name: getattr(entry, name)
            for name in (
                "asset", "project", "scene", "provider", "model", "action_key", "attempt", "state", "day", "created_at",
                "sent_at", "updated_at", "job_id",
            )
        },
        "estimated_usd": entry.estimated_micro / 1e6,
        "held_usd": entry.held_micro / 1e6,
        "spent_usd": entry.spent_micro / 1e6,
        "reason": without_secrets(entry.reason),
        "request": request,
    }  # fmt: skip


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    found = {}
    for table in TABLES:
        row = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608
        found[table.name] = int(row[0]) if row else 0
    return found


def _version(layout: Layout) -> str:
    """Changes with whatever rows, tables or views are made from."""
    said = repr((ROWS, TABLES, VIEWS, sorted(layout.folders.items()), sorted(layout.kinds.items()),
                 layout.reviews, layout.choices))  # fmt: skip
    return hashlib.sha256(said.encode()).hexdigest()


def _config(folder: Path) -> dict[str, Any]:
    return {
        "preserve_insertion_order": "false",
        "temp_directory": str(folder / ".spilled"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def _quoted(text: object) -> str:
    return str(text).replace("'", "''")


def _cause(error: Exception) -> str:
    return without_secrets(str(error), longest=200)
