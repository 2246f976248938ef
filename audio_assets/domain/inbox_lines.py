"""Lines of the live inbox as messages: JSON Lines and CSV, one message a line, a faulty line costs itself only."""

import csv
import json

from audio_assets.domain.live_message import FIELDS, MessageError, NewMessage, read_message

SUFFIXES = (".jsonl", ".csv")


def read_jsonl_line(line: bytes) -> NewMessage:
    """A message from a line of JSON.

    Raises:
        MessageError: it is none; one sentence.
    """
    try:
        value = json.loads(_text(line))
    except (json.JSONDecodeError, RecursionError) as error:
        what = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else "too deep"
        raise MessageError(f"it is not JSON: {what}") from error
    return read_message(value)


def read_csv_line(line: bytes, header: bytes) -> NewMessage:
    """A message from a line of CSV under that header, whose cells are the fields of a message; empty ones are left out.

    Raises:
        MessageError: the header or the line is none; one sentence.
    """
    names = [name.strip() for name in _cells(header)]
    unknown = [name for name in names if name not in FIELDS]
    if unknown or len(set(names)) != len(names) or not {"sent_by", "text"}.issubset(names):
        raise MessageError(f"the first line of the file must name columns of {', '.join(FIELDS)}, sent_by and text too")
    cells = _cells(line)
    if len(cells) != len(names):
        raise MessageError(f"it has {len(cells)} cells, the first line has {len(names)}; put commas in quotes")
    return read_message({name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()})


def _cells(line: bytes) -> list[str]:
    try:
        rows = list(csv.reader([_text(line)], strict=True))
    except csv.Error as error:
        raise MessageError(f"it is not CSV ({error}); a message is one line, quotes in it are doubled") from error
    return rows[0] if rows else []


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise MessageError(f"byte {error.start + 1} of it is not UTF-8") from error
