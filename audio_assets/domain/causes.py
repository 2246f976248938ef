"""Why an artifact is stale: what differs between two actions, each difference as a phrase and as a kind.

The phrase is for people (`speed 1.0 -> 0.9`), the kind for rules and filters (`voice`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson

Json = Any

Kind = Literal[
    "new",
    "text",
    "voice",
    "lexicon",
    "prompt",
    "workflow",
    "model",
    "price",
    "code",
    "settings",
    "input",
    "choice",
    "gone",
]
"""What was changed:

- `new`: it was never rendered. `gone`: its files are no more.
- `text`: what is spoken or sung, by whom, and in which style. `voice`: how that character speaks. `lexicon`: how words
  are said. `prompt`: the wording of a scene's prompt, or a preset. `workflow`: a template of ComfyUI or of messages.
- `model`: the provider, or its model. `price`: what it asks. `code`: our own. `settings`: any other setting.
- `input`: an artifact that it is made from. `choice`: what a person said of it.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

MAKING: frozenset[Kind] = frozenset(("voice", "lexicon", "prompt", "workflow", "model", "price", "code"))
"""Changes to how things are made, which touch many partitions at once: a policy says what follows from them. The others
are of one partition, by somebody who wrote a line, chose a take, or had an input of it rendered."""

_BY_NAME: Mapping[str, Kind] = {
    "text": "text",
    "lang": "text",
    "words": "text",
    "lyrics": "text",
    "character": "text",
    "style": "text",
    "seed": "text",
    "voice": "voice",
    "speed": "voice",
    "pronunciations": "lexicon",
    "price": "price",
    "usd_per_second": "price",
    "price_problem": "price",
    "brief": "prompt",
    "shot": "prompt",
    "takes": "prompt",
    "parts": "workflow",
    "tail_ms": "workflow",
    "reviews": "choice",
    "choices": "choice",
    "clip": "choice",
}
"""By the name of the outermost field; the rest is `settings`."""
_ENGINE = "engine"
_OF_VOICE = "voice "
"""So begin in a provider the hash of a voice's file, and what a workflow binds to a voice."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    phrase: str
    kind: Kind


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Change]:
    """What differs between two `Action.as_record()`s."""
    found: list[Change] = []
    for part in ("code_version", "provider", "params", "inputs"):
        was, now = before.get(part), after.get(part)
        if part == "code_version":
            _compare(part, was, now, "code", found)
            continue
        was, now = was or {}, now or {}
        names = {*was, *now}
        if part == "provider":
            names = set(_worth_a_word(was, now, is_other_voice=_voice(before) != _voice(after)))
        for name in sorted(names):
            label = f"input {name}" if part == "inputs" else name
            _compare(label, was.get(name), now.get(name), _kind(part, name), found)
    phrases = {change.phrase for change in found}
    return [one for one in found if not (one.kind == "input" and one.phrase.removeprefix("input ") in phrases)]


def _worth_a_word(was: Mapping[str, Json], now: Mapping[str, Json], *, is_other_voice: bool) -> Iterator[str]:
    """What of two providers is named: another engine is all of it, and another voice comes with other files."""
    if was.get(_ENGINE) != now.get(_ENGINE):
        yield _ENGINE
        return
    for name in {*was, *now}:
        is_in_both = name in was and name in now
        if is_in_both or not (is_other_voice and name.startswith(_OF_VOICE)):
            yield name


def _voice(record: Mapping[str, Json]) -> Json:
    return (record.get("params") or {}).get("voice")


def _kind(part: str, name: str) -> Kind:
    if part == "inputs":
        return "input"
    if "workflow" in name or "bindings" in name:
        return "workflow"
    if name.startswith(_OF_VOICE):
        return "voice"
    return "model" if part == "provider" else _BY_NAME.get(name, "settings")


def _compare(name: str, before: Json, after: Json, kind: Kind, found: list[Change]) -> None:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            _compare(f"{name} {key}", before.get(key), after.get(key), kind, found)
    elif _is_rows(before) and _is_rows(after):
        _compare_rows(name, before, after, kind, found)
    elif name.startswith("input "):
        how = "is new" if before is None else "is gone" if after is None else "changed"
        found.append(Change(f"{name} {how}", kind))
    else:
        found.append(Change(f"{name.replace('_', ' ')} {_short(before)} -> {_short(after)}", kind))


def _is_rows(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) and _name_of(row) for row in value)


def _name_of(row: Mapping[str, Json]) -> str:
    """What a row of a list is called: the line that it is, or the take that is asked for."""
    return str(row.get("line") or (row.get("take") if "key" in row else "") or "")


def _compare_rows(
    name: str, before: list[dict[str, Json]], after: list[dict[str, Json]], kind: Kind, found: list[Change]
) -> None:
    """Two lists of rows that have names: which are new, gone, changed, and whether the order changed."""
    old, new = ({_name_of(row): row for row in rows} for rows in (before, after))
    found.extend(Change(f"{line} is new", kind) for line in new if line not in old)
    found.extend(Change(f"{line} is gone", kind) for line in old if line not in new)
    kept = [line for line in new if line in old]
    for line in kept:
        if old[line].get("key") != new[line].get("key"):  # of an action, which says nothing to people
            found.append(Change(f"{line} is asked for anew", kind))
        for field in sorted({*old[line], *new[line]} - {"key"}):
            _compare(f"{line} {field}", old[line].get(field), new[line].get(field), _BY_NAME.get(field, kind), found)
    if kept != [line for line in old if line in new]:
        found.append(Change(f"the order of {name} changed", kind))


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = f"{text[:12]}…" if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
    return text if len(text) <= 60 else f"{text[:57]}…"
