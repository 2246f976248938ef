"""Data sets: the names, developers and scripts that people keep in lists, as the stems that they ask for.

Files are named `names`, `developers` and `scripts`, and end in .csv, .json or .txt; several of a kind add up.
- .txt: a value per line; `value = text` where it is spoken otherwise than written; lines that begin with # are remarks.
- .csv: a column `value` (or `name`, `developer`, `script`), and `text` where there is one (an empty field: as it is
  written); or a single column without a header.
- .json: a list of values or of objects with these keys, an object of values with their texts, or {"names": [...]}.

Everything that can not be used is a problem, one sentence each, and costs nothing else. Not here: ids (`stem_ids`).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audio_assets.domain.listed_rows import csv_rows, unrepeated
from audio_assets.domain.scripts.reading import ScriptError, decode
from audio_assets.domain.stem_ids import KINDS, PLURALS, Kind, stem_id

FOLDER = "datasets"
SUFFIXES = (".csv", ".json", ".txt")
LONGEST_TEXT = 2000
_HALF_SPACED = re.compile(r"\s=\S|\S=\s|^=|=$")


@dataclass(frozen=True, slots=True)
class StemEntry:
    """One value: its id `stem.name.jose`, as it is written (`José`), and what is spoken for it.

    `said_in` is where it stands, for messages: `names.csv line 3`.
    """

    id: str
    value: str
    text: str
    said_in: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The values of a kind in the order of the files; `problems` are sentences on what could not be used."""

    kind: Kind
    entries: tuple[StemEntry, ...]
    problems: tuple[str, ...] = ()


class DatasetError(ValueError):
    """A file of a data set, or one of its values, can not be used; one sentence says where, what and what to do."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A value as it stands in a file; `text` is None where none is given."""

    said_in: str
    value: object
    text: object = None


def read_dataset(kind: Kind, files: Sequence[tuple[str, bytes]]) -> Dataset:
    """The values in `files`, each its path and bytes.

    Two values that normalise alike (`José` and `Jose`) are a problem that names both; the first one stays. The same
    value twice is one value.
    """
    entries: dict[str, StemEntry] = {}
    problems: list[str] = []
    for path, data in files:
        for row in _rows(kind, path, data, problems):
            try:
                entry = _entry(kind, row)
            except DatasetError as error:
                problems.append(str(error))
                continue
            clash = collision(entries.get(entry.id), entry)
            if clash:
                problems.append(clash)
            entries.setdefault(entry.id, entry)
    return Dataset(kind, tuple(entries.values()), tuple(problems))


def collision(known: StemEntry | None, new: StemEntry) -> str:
    """Why two values of one id can not both stand, "" where they can."""
    if known is None or (known.value, known.text) == (new.value, new.text):
        return ""
    if known.value == new.value:
        return f"{new.said_in}: {new.value!r} has another text in {known.said_in}; keep one of the two"
    return (
        f"{new.said_in}: {new.value!r} has the same id {new.id} as {known.value!r} in {known.said_in}; keep one of the "
        f"two, or write one of them apart, such as '{new.value} 2 = {new.text}'"
    )


def make_entry(kind: Kind, value: str, text: str = "", said_in: str = "") -> StemEntry:
    """The entry of one value.

    Raises:
        DatasetError: it is empty, too long, or nothing that can be spoken.
    """
    return _entry(kind, _Row(said_in, value, text or None))


def _entry(kind: Kind, row: _Row) -> StemEntry:
    where = f"{row.said_in}: " if row.said_in else ""
    value = _plain(kind, f"{where}the value", row.value)
    text = value if row.text is None else _plain(kind, f"{where}the text of {value!r}", row.text)
    if not value:
        raise DatasetError(f"{where}the value is empty; write a {kind}, or take it out")
    if not text:
        raise DatasetError(f"{where}the text of {value!r} is empty; write what is spoken, or {value!r} alone")
    try:
        return StemEntry(stem_id(kind, value), value, text, row.said_in)
    except ValueError as error:
        raise DatasetError(f"{where}{error}: it can be no {kind}; take it out") from error


def _plain(kind: Kind, what: str, said: object) -> str:
    """A value or a text with single spaces."""
    if not isinstance(said, str):
        raise DatasetError(f"{what} is {said!r}, no text; put it in quotes")
    if any(ord(letter) < 32 and letter not in "\t\n" for letter in said):
        raise DatasetError(f"{what} {said[:40]!r} holds control characters; take them out")
    plain = " ".join(said.split())
    if len(plain) > LONGEST_TEXT:
        raise DatasetError(
            f"{what}: {len(plain)} characters are too many for one {kind}, at most {LONGEST_TEXT}; divide it"
        )
    return plain


def _rows(kind: Kind, path: str, data: bytes, problems: list[str]) -> Iterator[_Row]:
    """The values of one file; what can not be read goes to `problems`."""
    suffix = path[path.rfind(".") :].lower()
    try:
        text = decode(data, path)
        if not text.strip():
            problems.append(f"{path}: the file is empty; write a {kind} per line")
        elif suffix == ".json":
            yield from _json_rows(kind, path, text, problems)
        elif suffix == ".csv":
            yield from _csv_rows(kind, path, text, problems)
        elif suffix == ".txt":
            yield from _txt_rows(path, text, problems)
        else:
            problems.append(f"{path}: a data set ends in {', '.join(SUFFIXES)}")
    except (ScriptError, DatasetError) as error:
        problems.append(str(error))


def _txt_rows(path: str, text: str, problems: list[str]) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        where, plain = f"{path} line {number}", line.strip()
        value, sign, said = f" {plain} ".partition(" = ")
        if not plain or plain.startswith("#"):
            continue
        if sign:
            yield _Row(where, value, said)
        elif _HALF_SPACED.search(plain):  # a slip of `value = text`, which would be spoken with its sign
            problems.append(
                f"{where}: {plain[:40]!r} has no space on one side of its =; write 'value = what is spoken'"
            )
        else:
            yield _Row(where, plain)


def _csv_rows(kind: Kind, path: str, text: str, problems: list[str]) -> Iterator[_Row]:
    value_at, text_at = 0, -1
    for number, (where, fields) in enumerate(csv_rows(path, text, problems)):
        names = [" ".join(field.split()).lower() for field in fields]
        at = [names.index(key) for key in ("value", kind) if key in names]
        if number == 0 and at:
            value_at, text_at = at[0], names.index("text") if "text" in names else -1
        elif number == 0 and len(fields) > 1:
            problems.append(f"{path}: no column is called 'value' or '{kind}'; begin the file with value,text")
            return
        else:
            yield _Row(where, fields[value_at], fields[text_at].strip() or None if text_at >= 0 else None)


def _json_rows(kind: Kind, path: str, text: str, problems: list[str]) -> Iterator[_Row]:
    try:
        found: Any = json.loads(text, object_pairs_hook=unrepeated)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get(PLURALS[kind]), list | dict):
        found = found[PLURALS[kind]]
    if isinstance(found, dict):
        yield from (_Row(f"{path} {value!r}", value, said) for value, said in found.items())
        return
    if not isinstance(found, list):
        raise DatasetError(f'{path} holds neither a list nor an object; write ["José", "Ana"]')
    for number, item in enumerate(found, start=1):
        try:
            yield _json_row(kind, f"{path} entry {number}", item)
        except DatasetError as error:
            problems.append(str(error))


def _json_row(kind: Kind, said_in: str, item: object) -> _Row:
    if not isinstance(item, dict):
        return _Row(said_in, item)
    key = next((key for key in ("value", kind) if key in item), "")
    unknown = sorted(set(item) - {key, "text"})
    if not key or unknown:
        what = f"has the key '{unknown[0]}'" if unknown else "has no 'value'"
        raise DatasetError(f'{said_in} {what}; write {{"value": "José", "text": "what is spoken"}}')
    return _Row(said_in, item[key], item.get("text"))


def kind_of(text: str) -> Kind:
    """The kind that a word means: `name` or `names`.

    Raises:
        ValueError: it is none.
    """
    for kind in KINDS:
        if text in (kind, PLURALS[kind]):
            return kind
    raise ValueError(f"'{text}' is no kind of stem; there are {', '.join(PLURALS.values())}")
