"""Every record that is written can be read, also where people wrote nothing: each text "", each number 0.

A record that only its writer knows is thrown away by its readers and made again, for ever.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from audio_assets.domain.cost_report import CostReport
from audio_assets.domain.lineage import Origin
from audio_assets.domain.music.analysis import BeatGrid, Lyrics, Section, Span
from audio_assets.domain.music.energy import EnergyPoint
from audio_assets.domain.schemas import cost_report, song_analysis, spoken, storyboard, take_requests, takes
from audio_assets.domain.schemas.records import Failure, Ref, Sidecar, StandsIn
from audio_assets.domain.schemas.script import ScriptRecord
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.domain.schemas.spoken import Spoken
from audio_assets.domain.schemas.take_requests import Slot, TakeRequests
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_scores import TakeQuality
from audio_assets.domain.take_selection import Choice, Selection

_EMPTIEST: Mapping[Any, Any] = {
    str: "", int: 0, float: 0.0, bool: False, Any: "", date: date(2026, 1, 1), Fraction: Fraction(24)
}  # fmt: skip


def emptiest(kind: Any, **told: Any) -> Any:
    """A value of `kind` in which nothing is said; every list has one entry, in which nothing is said either."""
    if kind in _EMPTIEST:
        return _EMPTIEST[kind]
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        return kind(**{name: told[name] if name in told else emptiest(hints[name]) for name in names})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return emptiest(arguments[0])
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (emptiest(arguments[0]),) if arguments[1:] == (...,) else tuple(map(emptiest, arguments))
    return {"": emptiest(arguments[1])}  # a mapping


def method(kind: Any) -> tuple[Any, Callable[[Any], bytes], Callable[[bytes], Any]]:
    """An empty one of a record that writes and reads itself."""
    return emptiest(kind), kind.to_bytes, kind.from_bytes


SCENE = emptiest(Scene, end_frame=24, frame_rate=Fraction(24))
BOARD = emptiest(Storyboard, scenes=(SCENE,), n_frames=24)
TAKE = emptiest(Take, id="t01")
EMPTY: Mapping[str, tuple[Any, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "ref": method(Ref),
    "failure": method(Failure),
    "song": method(SongRecord),
    "script": method(ScriptRecord),
    "take requests": method(TakeRequests),
    "slots": ((emptiest(Slot),), take_requests.slots_to_bytes, take_requests.slots_from_bytes),
    "take list": (
        (TAKE,),
        lambda value: takes.take_list_to_bytes("", value),
        lambda data: takes.take_list_from_bytes(data)[1],
    ),
    "qualities": ({"": emptiest(TakeQuality)}, takes.qualities_to_bytes, takes.qualities_from_bytes),
    "choices": ((emptiest(Choice),), takes.choices_to_bytes, takes.choices_from_bytes),
    "selection": (
        emptiest(Selection),
        lambda value: takes.selection_to_bytes("", value),
        lambda data: takes.selection_from_bytes(data)[1],
    ),
    "speech": (emptiest(Spoken), spoken.to_bytes, spoken.from_bytes),
    "costs": (emptiest(CostReport), cost_report.to_bytes, cost_report.from_bytes),
    "beats": (emptiest(BeatGrid), song_analysis.beat_grid_to_bytes, song_analysis.beat_grid_from_bytes),
    "energy": ((emptiest(EnergyPoint),), song_analysis.energy_curve_to_bytes, song_analysis.energy_curve_from_bytes),
    "sections": ((emptiest(Section),), song_analysis.sections_to_bytes, song_analysis.sections_from_bytes),
    "voice": (
        (emptiest(Span),), lambda value: song_analysis.voice_to_bytes(value, {}), song_analysis.voice_from_bytes
    ),
    "lyrics": (
        emptiest(Lyrics), lambda value: song_analysis.lyrics_to_bytes(value, {}), song_analysis.lyrics_from_bytes
    ),
    "storyboard": (BOARD, storyboard.to_bytes, storyboard.from_bytes),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_a_record_in_which_nothing_is_said_can_be_read(name: str) -> None:
    value, write, read = EMPTY[name]
    assert read(write(value)) == value


@pytest.mark.parametrize("stands_in_for", [None, StandsIn("", "")])
def test_a_sidecar_in_which_nothing_is_said_can_be_read(stands_in_for: StandsIn | None) -> None:
    value = emptiest(Sidecar, stands_in_for=stands_in_for, published={})
    assert Sidecar.from_bytes(value.to_bytes()) == value


def test_a_sidecar_from_when_an_empty_name_was_left_out_can_be_read() -> None:
    value = emptiest(Sidecar, origins=(Origin("prompt preset", "", "prompts.toml"),), published={})
    old = value.to_bytes().replace(b'"name": "",\n      "file"', b'"file"')
    assert b'"kind": "prompt preset",\n      "file"' in old
    assert Sidecar.from_bytes(old) == value
