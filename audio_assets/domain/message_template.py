"""Templates of messages: which stems in which order, what is trimmed, and how long the gaps are.

A template is a JSON file in `workflows/messages`, or of the studio's own in `message_templates` of the data root:
    {"about": "the name, then who sends it",
     "gap_ms": 180,                                       # between two parts; 150 where it is left out
     "trim": {"threshold_db": -50, "keep_ms": 20},        # of every part; false for none
     "lead_ms": 0, "tail_ms": 0,                          # zeros before the first and after the last part
     "parts": [{"stem": "name"}, {"stem": "developer", "repeat": 2, "gap_ms": 300, "trim": false},
               {"stem": "stem.script.hello"}],            # a part of every message of this template
     "copy": false}                                       # a copy with the time in its name, each time it is made

`gap_ms` of a part is the gap before it (and between its repeats).
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audio_assets.domain.bitmerge import Trim
from audio_assets.domain.listed_rows import unrepeated
from audio_assets.domain.stem_ids import KINDS, Kind, parse_stem_id
from audio_assets.domain.toml_tables import nearest

FOLDER = "messages"
OWN_FOLDER = "message_templates"
DEFAULT_GAP_MS = 150.0

_KEYS = ("about", "gap_ms", "trim", "lead_ms", "tail_ms", "parts", "copy")
_PART_KEYS = ("stem", "repeat", "gap_ms", "trim")
_TRIM_KEYS = ("threshold_db", "keep_ms")
_LONGEST_GAP_MS, _MOST_REPEATS, _MOST_PARTS = 60_000, 20, 50


class TemplateError(ValueError):
    """A template can not be read; one sentence says where, what and what to do."""


@dataclass(frozen=True, slots=True)
class TemplatePart:
    """One part: `stem` is a kind, or the id of a stem that is in every message. `gap_ms` is before it."""

    stem: str
    gap_ms: float
    trim: Trim | None


@dataclass(frozen=True, slots=True)
class Template:
    """A read template, with its repeats written out; the first part's `gap_ms` is the lead."""

    name: str
    parts: tuple[TemplatePart, ...]
    tail_ms: float = 0.0
    is_copied: bool = False
    about: str = ""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that a message has to name, in their usual order."""
        return tuple(kind for kind in KINDS if any(part.stem == kind for part in self.parts))

    def record(self) -> dict[str, Any]:
        """All that decides what a message sounds like."""
        return {"parts": [asdict(part) for part in self.parts], "tail_ms": self.tail_ms}


def parse_template(data: bytes, path: str, name: str) -> Template:
    """Read a template.

    Raises:
        TemplateError: not JSON, an unknown key (with the nearest), a value out of its range.
    """
    try:
        root = json.loads(data.decode("utf-8-sig"), object_pairs_hook=unrepeated)
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"{path} is not JSON in UTF-8: {error}") from error
    values = _object(root, _KEYS, path)
    gap_ms = _number(values, "gap_ms", 0, _LONGEST_GAP_MS, path, DEFAULT_GAP_MS)
    trim = _trim(values.get("trim", {}), path)
    listed = values.get("parts")
    if not isinstance(listed, list) or not listed:
        raise TemplateError(f'{path}: parts is no list of parts; write "parts": [{{"stem": "name"}}]')
    parts = [part for n, one in enumerate(listed, start=1) for part in _parts(one, f"{path}: part {n}", gap_ms, trim)]
    if len(parts) > _MOST_PARTS:
        raise TemplateError(f"{path}: {len(parts)} parts are too many, at most {_MOST_PARTS}")
    lead_ms = _number(values, "lead_ms", 0, _LONGEST_GAP_MS, path, 0.0)
    first = TemplatePart(parts[0].stem, lead_ms, parts[0].trim)
    about, is_copied = values.get("about", ""), values.get("copy", False)
    if not isinstance(about, str):
        raise TemplateError(f"{path}: about is {about!r}, no text; put it in quotes")
    if not isinstance(is_copied, bool):
        raise TemplateError(f"{path}: copy is {is_copied!r}; write true or false")
    tail_ms = _number(values, "tail_ms", 0, _LONGEST_GAP_MS, path, 0.0)
    return Template(name, (first, *parts[1:]), tail_ms, is_copied, about)


def _parts(value: object, where: str, gap_ms: float, trim: Trim | None) -> list[TemplatePart]:
    values = _object(value, _PART_KEYS, where)
    stem = values.get("stem")
    if not isinstance(stem, str) or stem not in KINDS:
        try:
            parse_stem_id(str(stem))
        except ValueError:
            what = f"stem is {stem!r}" if "stem" in values else "there is no stem"
            raise TemplateError(f"{where}: {what}; write one of {', '.join(KINDS)}, or stem.script.hello") from None
    gap_ms = _number(values, "gap_ms", 0, _LONGEST_GAP_MS, where, gap_ms)
    repeat = _number(values, "repeat", 1, _MOST_REPEATS, where, 1)
    if repeat != int(repeat):
        raise TemplateError(f"{where}: repeat is {repeat:g}; write a whole number from 1 to {_MOST_REPEATS}")
    own = _trim(values["trim"], where) if "trim" in values else trim
    return [TemplatePart(str(stem), gap_ms, own)] * int(repeat)


def _trim(value: object, where: str) -> Trim | None:
    if value is False:
        return None
    if value is True:
        return Trim()
    values = _object(value, _TRIM_KEYS, f"{where}: trim")
    usual = Trim()
    return Trim(
        _number(values, "threshold_db", -90, -20, f"{where}: trim", usual.threshold_db),
        _number(values, "keep_ms", 0, 5000, f"{where}: trim", usual.keep_ms),
    )


def _object(value: object, known: Collection[str], where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TemplateError(f"{where} is {str(value)[:40]!r}, no object; write {{...}} with {', '.join(known)}")
    for key in value:
        if key not in known:
            remedy = nearest(key, known) or f"known are {', '.join(known)}"
            raise TemplateError(f"{where}: the key '{key}' is not known; {remedy}")
    return value


def _number(values: Mapping[str, Any], name: str, low: float, high: float, where: str, default: float) -> float:
    value = values.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high:
        raise TemplateError(f"{where}: {name} is {value!r}; write a number from {low:,.0f} to {high:,.0f}")
    return float(value)
