"""Reading TOML that people write: every mistake is one sentence with the file, the key and what to do.

Here: what the cast and the lexicon share. Not here: what their keys mean.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from rapidfuzz import fuzz, process

_MOST_HAVING = 5
"""Names with the word in them; of more, none is likely to be meant."""
_MOST_LISTED = 12


class TomlError(ValueError):
    """A mistake at one key of a TOML file."""

    def __init__(self, path: str, key: str, what: str, remedy: str) -> None:
        super().__init__(f"{path}: [{key}] {what}; {remedy}" if key else f"{path}: {what}; {remedy}")


def parse_toml(data: bytes, path: str) -> dict[str, Any]:
    """The tables of a TOML file in UTF-8, with or without a byte order mark.

    Raises:
        TomlError: it is not TOML; the message has the line.
    """
    try:
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n"))
    except UnicodeDecodeError as error:
        raise TomlError(path, "", f"byte {error.start} is not UTF-8", "save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        hint = "put text in quotes, and keys too when they hold more than A-Z a-z 0-9 _ -"
        raise TomlError(path, "", f"the file is not TOML: {error}", hint) from error


def table(value: object, key: str, path: str) -> Mapping[str, Any]:
    """`value` as a table.

    Raises:
        TomlError: it is something else.
    """
    if not isinstance(value, dict):
        raise TomlError(path, key, "is a value where a table is meant", f"write it as [{key}] with its own keys below")
    return value


def check_keys(values: Collection[str], known: Collection[str], key: str, path: str) -> None:
    """Refuse a key that means nothing.

    Raises:
        TomlError: names the key and the nearest known one.
    """
    for name in values:
        if name not in known:
            what = f"the key '{name}' is not known"
            raise TomlError(path, key, what, nearest(name, known) or f"known are {', '.join(sorted(known))}")


def nearest(name: str, known: Collection[str]) -> str:
    """A question ("did you mean ...?") for a slip of a known name, or for a word of some, else nothing."""
    found = process.extractOne(name.lower(), sorted(known), scorer=fuzz.ratio, score_cutoff=60)
    if found:
        return f"did you mean '{found[0]}'?"
    having = [one for one in sorted(known) if name.lower() in re.split(r"[\W_]+", one.lower())]
    return f"did you mean {' or '.join(map(repr, having))}?" if 0 < len(having) <= _MOST_HAVING else ""


def nearest_few(name: str, known: Collection[str]) -> str:
    """Those that are most like a name, for a hint where there are too many to list; all where there are few."""
    if len(known) <= _MOST_LISTED:
        return f"there are {', '.join(sorted(known)) or 'none'}"
    found = process.extract(name.lower(), sorted(known), scorer=fuzz.ratio, limit=_MOST_HAVING)
    return f"the nearest of {len(known)} are {', '.join(one for one, *_ in found)}"


def character_key(name: str) -> str:
    """A character's name as it is compared: in any case, with spaces, hyphens or underscores."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name).casefold()).strip()
