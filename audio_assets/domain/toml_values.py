"""One value of a TOML table that people write: read, checked, or refused in one sentence.

Files and tables are read with `toml_tables.py`; what their keys mean is with those who read them. `key` is the table
that the value stands in ("characters.ana", "scenes 2"), "" for the file's own keys. What is left out is None; every
function raises `TomlError` for what it can not take.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any, TypeGuard, TypeVar

from audio_assets.domain.clock_text import parse_clock
from audio_assets.domain.toml_tables import TomlError, nearest

Word = TypeVar("Word", bound=str)

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LATEST_S = 1e6
_MOST_SHOWN = 60


def text(values: Mapping[str, Any], name: str, key: str, path: str) -> str | None:
    """Text, without the space around it."""
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise mistake(path, key, name, f"is {shown(value)}, no text", "put it in quotes")
    return None if value is None else value.strip()


def texts(values: Mapping[str, Any], name: str, key: str, path: str) -> tuple[str, ...] | None:
    """A list of texts, without empty ones."""
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise mistake(path, key, name, f"is {shown(value)}, no list of texts", 'write it as ["first", "second"]')
    return tuple(item.strip() for item in value if item.strip())


def flag(values: Mapping[str, Any], name: str, key: str, path: str) -> bool | None:
    """True or false."""
    value = values.get(name)
    if value is not None and not isinstance(value, bool):
        raise mistake(path, key, name, f"is {shown(value)}", "write true or false")
    return value


def number(values: Mapping[str, Any], name: str, low: float, high: float, key: str, path: str) -> float | None:
    """A number from `low` to `high`, which are whole."""
    value = values.get(name)
    if value is None:
        return None
    if not _is_number(value) or not low <= value <= high:
        raise mistake(path, key, name, f"is {shown(value)}", f"write a number from {low:,.0f} to {high:,.0f}")
    return float(value)


def one_of(values: Mapping[str, Any], name: str, known: Sequence[Word], key: str, path: str) -> Word | None:
    """One of some words."""
    value = values.get(name)
    if value is None:
        return None
    for word in known:
        if word == value:
            return word
    slip = nearest(value, known) if isinstance(value, str) else ""
    raise mistake(path, key, name, f"is {shown(value)}", slip or f"write one of {', '.join(known)}")


def whole_of(values: Mapping[str, Any], name: str, known: Sequence[int], key: str, path: str) -> int | None:
    """One of some whole numbers."""
    value = values.get(name)
    if value is None:
        return None
    if not _is_number(value) or value not in known:
        choice = ", ".join(str(number) for number in known[:-1])
        raise mistake(path, key, name, f"is {shown(value)}", f"write {choice} or {known[-1]}")
    return int(value)


def time(values: Mapping[str, Any], name: str, key: str, path: str) -> float | None:
    """Seconds, written as a number or as "1:02.5"."""
    value = values.get(name)
    if value is None:
        return None
    time_s = parse_clock(value) if isinstance(value, str) else value
    if not _is_number(time_s) or not 0 <= time_s < _LATEST_S:
        raise mistake(path, key, name, f"is {shown(value)}", 'write seconds from the start (62.5) or "1:02.5"')
    return float(time_s)


def day(values: Mapping[str, Any], name: str, key: str, path: str) -> date | None:
    """A date without a time."""
    value = values.get(name)
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        raise mistake(path, key, name, f"is {shown(value)}, no date", "write it as 2026-01-31, without quotes or time")
    return value


def file_beside(values: Mapping[str, Any], name: str, key: str, path: str) -> str | None:
    """The path of a file that can not lie outside the folder of the file that names it."""
    value = text(values, name, key, path)
    if not value:
        return None
    place = PurePosixPath(value)
    if place.is_absolute() or ".." in place.parts or "\\" in value or ":" in value or CONTROL.search(value):
        what = f"is {shown(value)}, which may lie elsewhere"
        raise mistake(path, key, name, what, "name a file beside this one, such as 'faces/ana.png'")
    return str(place)


def shown(value: object) -> str:
    """A value as messages repeat it: on one line, and no more of it than helps."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def mistake(path: str, key: str, name: str, what: str, remedy: str) -> TomlError:
    """The error of one value."""
    return TomlError(path, key, f"{name} {what}", remedy) if key else TomlError(path, name, what, remedy)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf
