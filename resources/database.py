"""The database of a studio (ledger, rotations, live messages): opened by URL, brought up to date, one writer at a time.

SQLite (a file on a local disk, in WAL mode) or Postgres (psycopg 3). A writing transaction begins by shutting every
other writer out (BEGIN IMMEDIATE, or an advisory lock), so that what it reads still holds when it commits; readers
never wait. What is written is in `ledger.py`, `rotations.py` and `message_queue.py`. Every failure is one sentence
without a trace of SQL.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import filelock
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from audio_assets.domain.redaction import without_secrets
from audio_assets.domain.rendering import PermanentError, TransientError
from resources.database_schema import HEAD, VERSION_TABLE

DEFAULT_FILE = "ledger.db"
BUSY_S = 60
"""How long one waits for others: 50 processes that write one after the other take about a second."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRES_LOCK = 0x61_75_64_69_6F  # "audio": any number that no other program on the database uses
_CAN_NOT_WRITE = "give this user the right to write it and its folder, or name another with AUDIO_ASSETS_LEDGER"
_SQLITE_FAULTS = {
    "SQLITE_READONLY": f"can not be written; {_CAN_NOT_WRITE}",
    "SQLITE_PERM": f"can not be written; {_CAN_NOT_WRITE}",
    "SQLITE_CANTOPEN": f"can not be opened; {_CAN_NOT_WRITE}",
    "SQLITE_FULL": "can not be written: the disk is full; make room, then run again (what was kept before is safe)",
    "SQLITE_IOERR": "can not be read or written: the disk failed or is full; look at the disk, then run again",
    "SQLITE_NOTADB": "is no SQLite database; move that file away, or name another with AUDIO_ASSETS_LEDGER",
    "SQLITE_CORRUPT": "is damaged; put a copy of it back that is whole, or move it away and look at the vendors' bills",
}
_POSTGRES_PASSES = ("starting up", "shutting down", "too many clients", "recovery mode", "too many connections")


_turns: dict[str, threading.Lock] = {}
"""By database: the threads of this process write in turn. SQLite would have them look again and again whether it is
free, and of many some would not find it so for minutes."""
os.register_at_fork(after_in_child=_turns.clear)  # a thread that held one is not there in the child


class DatabaseError(PermanentError):
    """The ledger can not be used as it stands; the message says where it is and what to do."""


class DatabaseBusy(TransientError):  # noqa: N818 - what happened, as a reader says it
    """Others hold the ledger, or its server does not answer; a retry may help."""


def default_url(root: Path) -> str:
    """The ledger of a data root that names no other."""
    return f"sqlite:///{root / DEFAULT_FILE}"


class Database:
    """An opened database; safe to share among threads, and made anew in a forked process only by its first use there.

    Every transaction has a connection of its own: an open SQLite connection must not cross a fork, and paid work takes
    seconds where a connection takes milliseconds.
    """

    def __init__(self, url: str, *, busy_s: float = BUSY_S) -> None:
        """Open a database and apply what migrations it lacks; any number of processes may do so at once.

        Raises:
            DatabaseError: no such folder, no right to write, a full disk, no database, one of a newer version.
            DatabaseBusy: others hold it for longer than `busy_s`, or the server can not be reached.
        """
        self._url = _checked_url(url)
        self._busy_s = busy_s
        self.label = _label(self._url)
        self._engine = self._made_engine()
        with self._plainly():
            self._prepare()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer is beside; committed at the end, undone by an error."""
        with self._in_turn(), self._plainly(), self._engine.connect() as connection:
            connection.execution_options(is_writing=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction to read in: one state of the database, without waiting."""
        with self._plainly(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        turn = _turns.setdefault(self.label, threading.Lock())
        if not turn.acquire(timeout=self._busy_s):
            raise self._busy()
        try:
            yield
        finally:
            turn.release()

    def _busy(self) -> DatabaseBusy:
        return DatabaseBusy(f"{self.label} was in use by others for over {self._busy_s:g} s; run again")

    # --- Opening -----------------------------------------------------------------------------------------------

    def _made_engine(self) -> Engine:
        is_sqlite = self._url.get_backend_name() == "sqlite"
        options: dict[str, Any] = (
            {"connect_args": {"timeout": self._busy_s}}
            if is_sqlite  # a stricter isolation would keep the view from before the lock was had
            else {"isolation_level": "READ COMMITTED", "connect_args": {"connect_timeout": 10}}
        )
        try:
            engine = sa.create_engine(self._url, poolclass=sa.NullPool, **options)
        except (ModuleNotFoundError, exc.ArgumentError) as error:
            raise DatabaseError(f"{self.label} needs psycopg: install audio-assets with its postgres extra") from error
        if is_sqlite:
            sa.event.listen(engine, "connect", _set_up_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(engine, "begin", self._begin_postgres)
        return engine

    def _begin_postgres(self, connection: Connection) -> None:
        if connection.get_execution_options().get("is_writing"):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._busy_s * 1000)}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")

    def _prepare(self) -> None:
        file = self._file
        if (file is None or file.exists()) and self._is_current():
            return
        with self._opening_alone():
            if file is not None:
                self._use_wal()
            with self.writing() as connection:
                if _version(connection, self.label) != HEAD:
                    _migrate(connection)

    def _is_current(self) -> bool:
        with self.reading() as connection:
            return _version(connection, self.label) == HEAD

    @property
    def _file(self) -> Path | None:
        return Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None

    def _opening_alone(self) -> AbstractContextManager[object]:
        """A file lock for SQLite, whose change to WAL bears no company; Postgres has the lock of its transaction."""
        file = self._file
        if file is None:
            return nullcontext()
        return filelock.FileLock(file.with_name(f"{file.name}.lock"), timeout=self._busy_s)

    def _use_wal(self) -> None:
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the types; outside a transaction by intent
            mode = driver.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise DatabaseError(
                f"{self.label} can not keep a write-ahead log there; put it on a local disk, or use Postgres"
            )

    # --- Failures ----------------------------------------------------------------------------------------------

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self._plain(error) from error
        except filelock.Timeout as error:
            raise DatabaseBusy(
                f"{self.label} is being opened by another process for over {self._busy_s:g} s"
            ) from error
        except OSError as error:
            raise DatabaseError(f"{self.label} can not be opened ({error.strerror}); {_CAN_NOT_WRITE}") from error

    def _plain(self, error: exc.DBAPIError) -> Exception:
        said = without_secrets(str(error.orig), longest=200)
        name = getattr(error.orig, "sqlite_errorname", "") or ""
        state = getattr(error.orig, "sqlstate", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state == "55P03":
            return self._busy()
        for start, fault in _SQLITE_FAULTS.items():
            if name.startswith(start):
                return DatabaseError(f"{self.label} {fault}")
        if isinstance(error.orig, sqlite3.Error) or state[:2] not in ("", "08", "57"):
            return DatabaseError(f"{self.label} can not be used: {said}")
        refused = "FATAL" in said and not any(passes in said for passes in _POSTGRES_PASSES)
        if refused:
            return DatabaseError(f"{self.label} can not be opened: {said}; check its URL (AUDIO_ASSETS_LEDGER)")
        return DatabaseBusy(f"{self.label} does not answer: {said}; run again when its server is up")


def _checked_url(text: str) -> URL:
    remedy = "write sqlite:////path/to/ledger.db or postgresql://user@host/database"
    try:
        url = make_url(text)
        backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    except (exc.ArgumentError, exc.NoSuchModuleError, ValueError) as error:
        raise DatabaseError(f"{without_secrets(text)!r} is no address of a ledger; {remedy}") from error
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise DatabaseError(f"a ledger can not be kept in {backend}; {remedy}")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseError(f"a ledger needs a file, or what was paid is forgotten; {remedy}")
    file = Path(url.database).expanduser().absolute()
    if not file.parent.is_dir():
        raise DatabaseError(f"the ledger {file} has no folder to be in; make {file.parent}, or name another place")
    return url.set(drivername="sqlite", database=str(file))


def _label(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"the ledger {url.database}"
    return f"the ledger {url.set(query={}).render_as_string(hide_password=True)}"


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
    connection.execute("PRAGMA synchronous = FULL")  # a power cut loses nothing that was committed: it is money


def _begin_sqlite(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _version(connection: Connection, label: str) -> str:
    """The number of the newest migration that was applied, "" for none.

    Raises:
        DatabaseError: this version does not know it.
    """
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return ""
    version = str(connection.execute(sa.text(f"SELECT max(version_num) FROM {VERSION_TABLE}")).scalar() or "")  # noqa: S608
    if version > HEAD:
        raise DatabaseError(
            f"{label} was made by a newer version of audio-assets (its tables are at {version}, this version knows "
            f"{HEAD}); update audio-assets, or name another ledger with AUDIO_ASSETS_LEDGER"
        )
    return version


def _migrate(connection: Connection) -> None:
    from alembic import command  # half a second that only the first process of a new database pays
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
