"""The stored record of an alignment, `alignment.1`: a `Timeline` with where it comes from, as JSON.

No file is read or written here: bytes in, bytes out. Times are seconds, rounded to 0.1 ms
(the duration is exact, for frame counts hang on it). Records of an older schema
are upgraded step by step on reading (`_UPGRADES`); one from a newer program is refused.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from audio_assets.domain.timeline import Phone, Timeline, Word

SCHEMA = "alignment.1"
ALPHABET = "ipa"

Record = dict[str, Any]

_UPGRADES: Mapping[str, Callable[[Record], Record]] = {}
"""Schema -> function from a record of it to a record of the next one, `schema` field included."""


class AlignmentRecordError(ValueError):
    """The bytes are no alignment record; the message says which field, and what to do."""


@dataclass(frozen=True, slots=True)
class AlignmentRecord:
    """A timeline and its `source` (who found the times: "pocketsphinx", "kokoro+refined", "espeak").

    `confidence` is 0 (the text is not in the audio) to 1, None where the source gives none.
    """

    timeline: Timeline
    source: str
    confidence: float | None = None


def to_bytes(record: AlignmentRecord) -> bytes:
    """Return the record as JSON, the same bytes for the same record; raises `AlignmentRecordError` if it is broken."""
    timeline = record.timeline
    stored: Record = {
        "schema": SCHEMA,
        "duration_s": timeline.duration_s,
        "alphabet": ALPHABET,
        "source": record.source,
        "phonemes": [
            {"phoneme": p.phoneme, "t_start": _rounded(p.t_start), "t_end": _end(p.t_end, timeline.duration_s)}
            for p in timeline.phonemes
        ],
        "words": [
            {"word": w.word, "t_start": _rounded(w.t_start), "t_end": _end(w.t_end, timeline.duration_s)}
            for w in timeline.words
        ],
    }
    if record.confidence is not None:
        stored["confidence"] = _rounded(record.confidence)
    from_record(stored)
    return orjson.dumps(stored, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_bytes(content: bytes) -> AlignmentRecord:
    """Return the record of `content`, upgraded if it is an older one. Raises `AlignmentRecordError`."""
    try:
        record = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise AlignmentRecordError(f"the alignment is not JSON ({error}): render it again") from error
    if not isinstance(record, dict):
        raise AlignmentRecordError("the alignment is not a JSON object: render it again")
    return from_record(_upgraded(record))


def from_record(record: Record) -> AlignmentRecord:
    """Return the record of a parsed `alignment.1`; raises `AlignmentRecordError` naming the first wrong field."""
    _require(record.get("alphabet") == ALPHABET, f"alphabet is {record.get('alphabet')!r}, not {ALPHABET!r}")
    source = record.get("source")
    _require(isinstance(source, str) and bool(source), "source is missing")
    timeline = Timeline(
        tuple(Phone(*_entry(record, "phonemes", i, "phoneme")) for i in range(_n_entries(record, "phonemes"))),
        tuple(Word(*_entry(record, "words", i, "word")) for i in range(_n_entries(record, "words"))),
        _seconds(record.get("duration_s"), "duration_s"),
    )
    faults = timeline.faults()
    _require(not faults, "; ".join(faults[:3]))
    confidence = record.get("confidence")
    if confidence is not None:
        confidence = _seconds(confidence, "confidence")
        _require(confidence <= 1.0, f"confidence is {confidence}, not between 0 and 1")
    return AlignmentRecord(timeline, str(source), confidence)


def _upgraded(record: Record) -> Record:
    seen: list[object] = []
    while (schema := record.get("schema")) != SCHEMA:
        upgrade = _UPGRADES.get(schema) if isinstance(schema, str) and schema not in seen else None
        if upgrade is None:
            raise AlignmentRecordError(
                f"schema {schema!r} is unknown, this program reads {SCHEMA!r} and older: update it"
            )
        seen.append(schema)
        record = upgrade(record)
    return record


def _n_entries(record: Record, field: str) -> int:
    entries = record.get(field)
    if not isinstance(entries, list):
        raise AlignmentRecordError(f"the alignment's {field} is no list: render it again")
    return len(entries)


def _entry(record: Record, field: str, index: int, name: str) -> tuple[str, float, float]:
    entry, where = record[field][index], f"{field}[{index}]"
    _require(isinstance(entry, dict), f"{where} is no object")
    label = entry.get(name)
    _require(isinstance(label, str) and bool(label), f"{where}.{name} is missing")
    return label, _seconds(entry.get("t_start"), f"{where}.t_start"), _seconds(entry.get("t_end"), f"{where}.t_end")


def _seconds(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise AlignmentRecordError(f"the alignment's {where} is {value!r}, not a number of at least 0: render it again")
    return float(value)


def _require(is_met: bool, what: str) -> None:
    if not is_met:
        raise AlignmentRecordError(f"the alignment is broken: {what}: render it again")


def _end(t_end: float, duration_s: float) -> float:
    """Rounded, but never past the end, which is exact."""
    return min(_rounded(t_end), duration_s)


def _rounded(value: float) -> float:
    return round(float(value), 4)
