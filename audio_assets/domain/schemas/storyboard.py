"""The stored record of a storyboard, `storyboard.1`, to and from bytes: JSON with the fields of `Storyboard`.

A scene also has `start_time` and `end_time` in seconds, for those who only read; its frames decide. `frame_rate` is
exact text ("24000/1001"), `fps` the same as a number. Days are ISO dates.
"""

from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any

import orjson

from audio_assets.domain.price_card import price_from_record
from audio_assets.domain.storyboard import Estimate, Scene, Storyboard
from audio_assets.domain.timebase import format_frame_rate, parse_frame_rate

SCHEMA = "storyboard.1"

Record = dict[str, Any]


class StoryboardRecordError(ValueError):
    """The bytes are no `storyboard.1` record; the message says what is wrong with them."""


def to_bytes(board: Storyboard) -> bytes:
    """Return the bytes of a storyboard, the same for the same one; `from_bytes` reads them back."""
    stored: Record = {"schema": SCHEMA} | _values(board)
    stored |= {"fps": round(float(board.frame_rate), 6), "frame_rate": format_frame_rate(board.frame_rate)}
    stored |= {"estimate": _estimate_record(board.estimate), "scenes": [_scene_record(scene) for scene in board.scenes]}
    return orjson.dumps(stored, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_bytes(data: bytes) -> Storyboard:
    """Return the storyboard behind the bytes. Raises `StoryboardRecordError` for what is none or another version."""
    try:
        stored = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise StoryboardRecordError(f"this storyboard is not JSON ({error}): plan it again") from error
    schema = stored.get("schema") if isinstance(stored, dict) else None
    if schema != SCHEMA:
        raise StoryboardRecordError(f'this storyboard says schema "{schema}", not "{SCHEMA}": plan it again')
    try:
        board = _board(stored)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoryboardRecordError(f"this storyboard is damaged ({type(error).__name__} {error})") from error
    frames = [(scene.start_frame, scene.end_frame) for scene in board.scenes]
    ends = [(0, 0), *frames, (board.n_frames, board.n_frames)]
    if any(before[1] != after[0] for before, after in pairwise(ends)) or any(start >= end for start, end in frames):
        raise StoryboardRecordError("this storyboard's scenes do not cover its song: plan it again")
    return board


def _values(value: Any) -> Record:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _scene_record(scene: Scene) -> Record:
    record = _values(scene) | {"start_time": round(scene.start_time, 6), "end_time": round(scene.end_time, 6)}
    del record["frame_rate"]
    return record


def _estimate_record(estimate: Estimate) -> Record:
    return _values(estimate) | {"price": None if estimate.price is None else _values(estimate.price)}


def _board(stored: Record) -> Storyboard:
    rate = parse_frame_rate(stored["frame_rate"])
    estimate = stored["estimate"]
    price = None if estimate["price"] is None else price_from_record(estimate["price"])
    scenes = [_known(Scene, scene | {"frame_rate": rate}) for scene in stored["scenes"]]
    own = {"frame_rate": rate, "estimate": Estimate(**(estimate | {"price": price})), "scenes": tuple(scenes)}
    board: Storyboard = _known(Storyboard, stored | own)
    return board


def _known(kind: type[Any], stored: Mapping[str, Any]) -> Any:
    """A value of `kind` from the fields that it has; its lists are tuples."""
    values = {field.name: stored[field.name] for field in fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
