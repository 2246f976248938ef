"""A file of settings as its single entries, so that two versions of it can be told apart entry by entry.

An entry is the dotted path of a value (`characters.ana.speed`); a list of tables is named by what names its rows.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.toml_tables import TomlError, parse_toml

WHOLE = "(the file)"
"""The entry of a file that can not be read as TOML."""

_NAMES = ("provider", "model", "name", "id", "kind")


def entry_hash(data: bytes) -> str:
    """What stands for an entry: 16 hex digits of its sha256, for a sensor's cursor holds all of a long lexicon."""
    return sha256_hex(data)[:16]


def entries_of_toml(data: bytes) -> dict[str, str]:
    """The hash of every value in a TOML file, by its path; a broken file is one entry."""
    try:
        tables = parse_toml(data, "")
    except TomlError:
        return {WHOLE: entry_hash(data)}
    return {path: entry_hash(canonical(_plain(value))) for path, value in _leaves(tables, "")}


def version_of_entries(entries: Mapping[str, str]) -> str:
    """One version over all entries, whatever their order: 64 hex digits."""
    return sha256_hex(canonical(dict(entries)))


def changed_entries(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What became of each entry that differs: `new`, `changed` or `gone`."""
    found = {name: "gone" for name in before if name not in after}
    found |= {name: "changed" if name in before else "new" for name in after if before.get(name) != after[name]}
    return dict(sorted(found.items()))


def _leaves(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, here)
        elif isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner):
            for number, row in enumerate(inner, start=1):
                said = ".".join(str(row[key]) for key in _NAMES if key in row) or str(number)
                yield f"{here}.{said}", row
        else:
            yield here, inner


def _plain(value: Any) -> Any:
    """Times and dates as text: JSON has none."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
