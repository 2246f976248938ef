"""The stored record of a line's mouth, `lipsync.1`: what `lipsync.json` holds, to and from bytes.

One JSON object. `fps` (a number, for those who only read) and `frame_rate` (exact, "24000/1001") say how fast `frames`
run; `frames[i]` shows in `[i / fps, (i + 1) / fps)` seconds, so its place is its number. A frame is
`{"shape", "viseme", "oculus", "jaw", "lip"}` as in `mouth_shapes.MouthFrame`: an object each, since that is what
readers of `lipsync.json` expect, under 2 kB a second. `cues` are the same mouth free of any frame rate, in Rhubarb's
own words: `{"start", "end", "value"}` in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import orjson

from audio_assets.domain import timebase, visemes
from audio_assets.domain.mouth_shapes import MouthCue, MouthFrame, mouth_cues, mouth_frames
from audio_assets.domain.timeline import Timeline

SCHEMA = "lipsync.1"


class LipsyncError(ValueError):
    """The bytes are no `lipsync.1` record; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class LipsyncRecord:
    """A mouth in frames at `frame_rate` and in cues; `is_extended` tells nine shapes from six."""

    frame_rate: Fraction
    duration_s: float
    is_extended: bool
    frames: tuple[MouthFrame, ...]
    cues: tuple[MouthCue, ...]


def lipsync_record(timeline: Timeline, frame_rate: Fraction, *, extended: bool = True) -> LipsyncRecord:
    """Return the record of a timeline. Raises `ValueError` for a timeline that breaks its own rules."""
    return LipsyncRecord(
        frame_rate=frame_rate,
        duration_s=timeline.duration_s,
        is_extended=extended,
        frames=mouth_frames(timeline, frame_rate, extended=extended),
        cues=mouth_cues(timeline, extended=extended),
    )


def to_bytes(record: LipsyncRecord) -> bytes:
    """Return the bytes of a record, the same for the same record; `from_bytes` reads them back."""
    return orjson.dumps({
        "schema": SCHEMA,
        "fps": _number(record.frame_rate),
        "frame_rate": timebase.format_frame_rate(record.frame_rate),
        "n_frames": len(record.frames),
        "duration_s": record.duration_s,
        "shapes": "extended" if record.is_extended else "basic",
        "frames": record.frames,
        "cues": [{"start": cue.t_start, "end": cue.t_end, "value": cue.shape} for cue in record.cues],
    })  # fmt: skip


def from_bytes(data: bytes) -> LipsyncRecord:
    """Return the record behind the bytes. Raises `LipsyncError` for what is none, or of another version."""
    try:
        stored = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise LipsyncError(f"this lip-sync record is not JSON: {error}") from error
    schema = stored.get("schema") if isinstance(stored, dict) else None
    if schema != SCHEMA:
        raise LipsyncError(f'this record says schema "{schema}", not "{SCHEMA}": make the line\'s lip-sync again')
    try:
        record, n_frames = _record(stored), int(stored["n_frames"])
    except (KeyError, TypeError, ValueError) as error:
        raise LipsyncError(f"this lip-sync record is damaged: {type(error).__name__} {error}") from error
    _check(record, n_frames)
    return record


def _record(stored: Mapping[str, Any]) -> LipsyncRecord:
    return LipsyncRecord(
        frame_rate=timebase.parse_frame_rate(str(stored["frame_rate"])),
        duration_s=float(stored["duration_s"]),
        is_extended={"extended": True, "basic": False}[stored["shapes"]],
        frames=tuple(MouthFrame(**frame) for frame in stored["frames"]),
        cues=tuple(MouthCue(cue["value"], cue["start"], cue["end"]) for cue in stored["cues"]),
    )


def _check(record: LipsyncRecord, n_frames: int) -> None:
    if not n_frames == len(record.frames) == timebase.n_frames(record.duration_s, record.frame_rate):
        raise LipsyncError(f"this lip-sync record has {len(record.frames)} frames and says {n_frames}: make it again")
    shapes = visemes.SHAPES if record.is_extended else visemes.BASIC_SHAPES
    wrong = ({frame.shape for frame in record.frames} | {cue.shape for cue in record.cues}) - set(shapes)
    if wrong:
        raise LipsyncError(f"this lip-sync record has shapes that are none of {shapes}: {sorted(wrong)}")


def _number(rate: Fraction) -> int | float:
    return rate.numerator if rate.denominator == 1 else round(float(rate), 6)
