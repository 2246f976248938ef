"""Asks the provenance database: it is only read, and a question reaches nothing else here or elsewhere.

DuckDB would read any file and address that a question names, and load code from its own site; a connection made here
can do none of it, nor be told to. Time, memory and rows of an answer are bounded: a slip in a join is not the machine's
end.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from resources.provenance_db import ProvenanceError
from resources.provenance_schema import TABLES
from resources.provenance_views import VIEWS, View

WITHIN_S = 60.0
"""How long a question may take, where nobody says otherwise."""
MOST_ROWS = 1_000_000
"""An answer has no more rows."""
_MEMORY = "1GB"
_CLOSED: Mapping[str, str] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "temp_directory": "",  # nothing is spilled beside the database
}
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns by name, and rows of plain values; times are `datetime`s in UTC. `is_cut`: there are more rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool = False

    def as_json(self) -> list[dict[str, Any]]:
        """One object per row; times as ISO 8601."""
        return [dict(zip(self.columns, map(plain, row), strict=True)) for row in self.rows]


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def ask(
    file: Path,
    sql: str,
    parameters: Sequence[object] = (),
    *,
    n_rows: int | None = None,
    within_s: float = WITHIN_S,
) -> Answer:
    """The answer to one SELECT (or EXPLAIN, DESCRIBE, SUMMARIZE); with `n_rows` its first ones.

    Raises:
        ProvenanceError: it is another statement, can not be answered, or is too much; one sentence.
    """
    try:
        with duckdb.connect(file, read_only=True, config={**_CLOSED, "memory_limit": _MEMORY}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")  # it would stand between the lines of `--json`
            connection.execute("SET lock_configuration = true")
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _READS:
                kinds = ", ".join(one.type.name for one in statements) or "nothing"
                raise ProvenanceError(f"one SELECT is answered here, not {kinds}: the database is only read")
            with _stopped_after(connection, within_s):
                answered = connection.execute(statements[0], list(parameters) or None)
                columns, most = [column[0] for column in answered.description or ()], n_rows or MOST_ROWS
                rows = answered.fetchmany(most + 1)
    except duckdb.PermissionException as error:
        raise ProvenanceError(f"a question reaches the provenance database only: {_sentence(error)}") from error
    except duckdb.InterruptException as error:
        what = f"the question was not answered within {within_s:g} s and is stopped"
        raise ProvenanceError(f"{what}; ask for less, or give it longer with --timeout") from error
    except duckdb.OutOfMemoryException as error:
        raise ProvenanceError(f"the question needs more than {_MEMORY} of memory; ask for less at a time") from error
    except duckdb.Error as error:
        raise ProvenanceError(f"the question can not be answered: {_sentence(error)}") from error
    if len(rows) > most and n_rows is None:
        raise ProvenanceError(f"the answer has more than {most:,} rows; add a LIMIT, or ask for sums")
    return Answer(columns, rows[:most], is_cut=len(rows) > most)


@contextmanager
def _stopped_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Within: what the connection is at ends with an InterruptException after so long."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it holds the connection: one that outlives the command is told of on the terminal


def view(name: str) -> View | None:
    """A view or macro by its name."""
    return next((one for one in VIEWS if one.name == name), None)


def select(name: str, arguments: Sequence[str] = ()) -> tuple[str, list[str]]:
    """The question for all of a view, a macro with its arguments, or a table, and its parameters.

    Raises:
        ProvenanceError: there is none of that name, or it takes other arguments.
    """
    found = view(name)
    if found is None and name not in {table.name for table in TABLES}:
        raise ProvenanceError(f"there is no view or table {name!r}; without a name they are listed")
    wanted = found.arguments if found else ()
    if len(arguments) != len(wanted):
        takes = f"takes {' and '.join(name.upper() for name in wanted)}" if wanted else "takes no arguments"
        raise ProvenanceError(f"{name} {takes}")
    places = f"({', '.join('?' for _ in wanted)})" if wanted else ""
    return f"SELECT * FROM {name}{places}", list(arguments)  # noqa: S608 - a name of our own


def _sentence(error: Exception) -> str:
    """The first paragraph of what DuckDB says, without its drawing of the place."""
    said = str(error).split("\n\nLINE ")[0].split("\nLINE ")[0]
    return " ".join(said.split())[:400]
