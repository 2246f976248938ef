"""Lists that people keep: CSV row by row, and JSON objects without repeated keys. What the columns mean is not here."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any


def csv_rows(path: str, text: str, problems: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Where a row stands (`names.csv line 3`), and its fields; blank rows are left out.

    The delimiter is the one of `,` `;` tab in the first row. A row that can not be read, or has not as many fields as
    the first one, is a sentence in `problems`: a quote that is left open costs one row.
    """
    head = text.split("\n", 1)[0]
    delimiter = next((one for one in (";", "\t") if one in head and "," not in head), ",")
    n_columns = 0
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path} line {number}"
        try:
            fields = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            problems.append(f"{where}: the row can not be read ({error}); close its quote on this line")
            continue
        if not any(field.strip() for field in fields):
            continue
        n_columns = n_columns or len(fields)
        if len(fields) == n_columns:
            yield where, fields
        else:
            problems.append(
                f"{where}: the row has {len(fields)} fields, the first one {n_columns}; fill the empty ones, and put "
                f'what holds "{delimiter}" in quotes'
            )


def unrepeated(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand there once, for `object_pairs_hook`.

    Raises:
        ValueError: one stands there twice.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{key}' stands there twice")
        found[key] = value
    return found
