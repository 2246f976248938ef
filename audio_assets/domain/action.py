"""An action: all that decides the bytes of one artifact, and the key that names it.

The key is the sha256 of canonical JSON over every field, so a field that is added can not be forgotten. Inputs enter by
content, never by name or time: an input that is rendered again to the same bytes changes no key (early cutoff).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

Json = Any  # what orjson can write: None, bool, int, float, str, list, dict


def canonical(value: Json) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256_hex(data: bytes) -> str:
    """Sha256 of `data`, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Action:
    """What is to be rendered.

    `asset` and `code_version` name our code, `provider` the engine with its model hashes, `params` every setting that
    can change the bytes, `inputs` the content sha256 of each input object by name.
    """

    asset: str
    code_version: str
    provider: Mapping[str, Json]
    params: Mapping[str, Json]
    inputs: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The action key: 64 hex digits."""
        return sha256_hex(canonical(self.as_record()))

    def as_record(self) -> dict[str, Json]:
        """The five fields, as a sidecar holds them."""
        return {
            "asset": self.asset,
            "code_version": self.code_version,
            "provider": dict(self.provider),
            "params": dict(self.params),
            "inputs": dict(self.inputs),
        }


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
    """What differs between two `Action.as_record()`s, one short phrase each: `speed 1.0 -> 0.9`."""
    found: list[str] = []
    for part in ("code_version", "provider", "params", "inputs"):
        _compare(part, before.get(part), after.get(part), found)
    return [phrase for phrase in found if phrase.removeprefix("input ") not in found or not phrase.startswith("input ")]


def _compare(name: str, before: Json, after: Json, found: list[str]) -> None:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            label = f"input {key}" if name == "inputs" else key if name in ("params", "provider") else f"{name} {key}"
            _compare(label, before.get(key), after.get(key), found)
    elif _is_rows(before) and _is_rows(after):
        _compare_rows(name, before, after, found)
    elif name.startswith("input "):
        found.append(f"{name} is new" if before is None else f"{name} is gone" if after is None else f"{name} changed")
    else:
        found.append(f"{name.replace('_', ' ')} {_short(before)} -> {_short(after)}")


def _is_rows(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) and "line" in row for row in value)


def _compare_rows(name: str, before: list[dict[str, Json]], after: list[dict[str, Json]], found: list[str]) -> None:
    """Two lists of rows that a `line` names: which are new, gone, changed, and whether the order changed."""
    old, new = ({row["line"]: row for row in rows} for rows in (before, after))
    found.extend(f"{line} is new" for line in new if line not in old)
    found.extend(f"{line} is gone" for line in old if line not in new)
    kept = [line for line in new if line in old]
    for line in kept:
        _compare(line, old[line], new[line], found)
    if kept != [line for line in old if line in new]:
        found.append(f"the order of {name} changed")


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = f"{text[:12]}…" if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
    return text if len(text) <= 60 else f"{text[:57]}…"
