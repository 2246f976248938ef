"""One value of a song's settings: read, checked, refused in one sentence. What the keys mean is in `song_settings.py`.

`key` is the table that the value stands in ("characters.ana", "scenes 2"), "" for the file's own keys. What is left out
is None; every function raises `TomlError` for what it can not take.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeGuard, TypeVar

from audio_assets.domain.clock_text import parse_clock
from audio_assets.domain.toml_tables import TomlError, nearest

Word = TypeVar("Word", bound=str)

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_SONG_S = 1e6


def text(values: Mapping[str, Any], name: str, key: str, path: str) -> str | None:
    """Text, without the space around it."""
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise mistake(path, key, name, f"is {value!r}, no text", "put it in quotes")
    return None if value is None else value.strip()


def texts(values: Mapping[str, Any], name: str, key: str, path: str) -> tuple[str, ...] | None:
    """A list of texts, without empty ones."""
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise mistake(path, key, name, f"is {value!r}, no list of texts", 'write it as ["first", "second"]')
    return tuple(item.strip() for item in value if item.strip())


def flag(values: Mapping[str, Any], name: str, key: str, path: str) -> bool | None:
    """True or false."""
    value = values.get(name)
    if value is not None and not isinstance(value, bool):
        raise mistake(path, key, name, f"is {value!r}", "write true or false")
    return value


def number(values: Mapping[str, Any], name: str, low: float, high: float, key: str, path: str) -> float | None:
    """A number from `low` to `high`, which may be infinite."""
    value = values.get(name)
    if value is None:
        return None
    if not _is_number(value) or not low <= value <= high:
        bounds = f"a number from {low:g} to {high:g}" if math.isfinite(high) else f"a number, {low:g} or more"
        raise mistake(path, key, name, f"is {value!r}", f"write {bounds}")
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
    raise mistake(path, key, name, f"is {value!r}", slip or f"write one of {', '.join(known)}")


def whole_of(values: Mapping[str, Any], name: str, known: Sequence[int], key: str, path: str) -> int | None:
    """One of some whole numbers."""
    value = values.get(name)
    if value is None:
        return None
    if not _is_number(value) or value not in known:
        choice = ", ".join(str(number) for number in known[:-1])
        raise mistake(path, key, name, f"is {value!r}", f"write {choice} or {known[-1]}")
    return int(value)


def time(values: Mapping[str, Any], name: str, key: str, path: str) -> float | None:
    """Seconds, written as a number or as "1:02.5"."""
    value = values.get(name)
    if value is None:
        return None
    time_s = parse_clock(value) if isinstance(value, str) else value
    if not _is_number(time_s) or not 0 <= time_s < _LONGEST_SONG_S:
        raise mistake(path, key, name, f"is {value!r}", 'write seconds from the start (62.5) or "1:02.5"')
    return float(time_s)


def file_beside(values: Mapping[str, Any], name: str, key: str, path: str) -> str | None:
    """The path of a file that can not lie outside the folder of the settings."""
    value = text(values, name, key, path)
    if not value:
        return None
    place = PurePosixPath(value)
    if place.is_absolute() or ".." in place.parts or "\\" in value or ":" in value or CONTROL.search(value):
        what = f"is {value!r}, which may lie elsewhere"
        raise mistake(path, key, name, what, "name a file beside this one, such as 'faces/ana.png'")
    return str(place)


def mistake(path: str, key: str, name: str, what: str, remedy: str) -> TomlError:
    """The error of one value."""
    return TomlError(path, key, f"{name} {what}", remedy) if key else TomlError(path, name, what, remedy)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
