from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.schemas.take_requests import (
    AddedClip,
    RemixOrder,
    Slot,
    TakeRequests,
    merged,
    slots_from_bytes,
    slots_to_bytes,
    take_id,
)
from audio_assets.domain.take_list import Take, TakeListError, check_list, take_number

slots = st.lists(st.builds(Slot, st.sampled_from("abcdefgh"), st.just("generated")), max_size=8).map(tuple)


def make(n: int, **changed: object) -> Take:
    made = Take(take_id(n - 1), f"k{n}", f"video/takes/k{n}", f"sha-{n}", "clip.mp4", 96, 1280, 720, is_current=True)
    return replace(made, **changed)


# --- Slots: an id is given once ------------------------------------------------------------------------------------


@given(st.lists(slots, max_size=5))
def test_slots_only_grow_and_nothing_moves(batches: Sequence[tuple[Slot, ...]]) -> None:
    given_so_far: tuple[Slot, ...] = ()
    for wanted in batches:
        grown = merged(given_so_far, wanted)
        assert grown[: len(given_so_far)] == given_so_far
        assert merged(grown, wanted) == grown
        assert {slot.key for slot in wanted} <= {slot.key for slot in grown}
        assert len({slot.key for slot in grown}) == len(grown)
        given_so_far = grown


@given(slots, slots)
def test_one_batch_is_as_good_as_two(first: tuple[Slot, ...], second: tuple[Slot, ...]) -> None:
    assert merged(merged((), first), second) == merged((), (*first, *second))


@given(slots)
def test_slots_come_back_from_their_bytes(wanted: tuple[Slot, ...]) -> None:
    assert slots_from_bytes(slots_to_bytes(wanted)) == wanted


def test_a_damaged_record_of_slots_is_refused() -> None:
    for data in (
        b"{",
        b'{"schema": "other.1"}',
        b'{"schema": "take_slots.1"}',
        b'{"schema":"take_slots.1","slots":[{}]}',
    ):
        with pytest.raises(RecordError):
            slots_from_bytes(data)


def test_ids_past_ninety_nine_go_on() -> None:
    assert (take_id(8), take_id(98), take_id(99)) == ("t09", "t99", "t100")
    assert [take_number(name) for name in ("t01", "t100", "t1", "t001", "t00", "x01", "t", "t²")] == [
        1, 100, 0, 0, 0, 0, 0, 0,
    ]  # fmt: skip


# --- What people ask for -------------------------------------------------------------------------------------------


def test_the_same_wish_twice_is_one() -> None:
    remix, clip = RemixOrder("t01", "closer"), AddedClip("0" * 64, ".mp4", "own.mp4")
    asked = TakeRequests().with_remix(remix).with_clip(clip).with_number(3)
    assert asked.with_remix(remix) == asked
    assert asked.with_clip(replace(clip, name="copy of own.mp4")) == asked
    assert asked.with_remix(RemixOrder("t01", "slower")).remixes == (remix, RemixOrder("t01", "slower"))
    assert TakeRequests.from_bytes(asked.to_bytes()) == asked


# --- Lists ---------------------------------------------------------------------------------------------------------


def test_a_list_comes_back_from_its_bytes() -> None:
    takes = (make(1), make(3, is_current=False), make(4, origin="remix", parent="t01", revision="closer"))
    data = schema.take_list_to_bytes("s003|song", takes)
    assert schema.take_list_from_bytes(data) == ("s003|song", takes)
    assert schema.take_list_to_bytes("s003|song", takes) == data


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        ([make(1), make(2, origin="remix", parent="t05")], "no earlier take"),
        ([make(1), make(2, origin="remix")], "its parent is none"),
        ([make(1), make(2, parent="t01")], "is generated and its parent is t01"),
        ([make(1, origin="remix", parent="t01")], "no earlier take"),  # itself
        ([make(2), make(1)], "stands after t02"),
        ([make(1), make(1)], "stands after t01"),
        ([make(1), make(2, key="k1")], "twice"),
        ([make(1, id="first")], "stands after t00"),
    ],
)
def test_a_list_that_breaks_its_laws_is_refused(takes: list[Take], said: str) -> None:
    with pytest.raises(TakeListError, match=said):
        check_list(takes)


def test_a_stored_list_that_was_changed_is_refused() -> None:
    stored = orjson.loads(schema.take_list_to_bytes("s001|x", [make(1), make(2)]))
    stored["takes"].reverse()
    with pytest.raises(RecordError, match=r"take_list\.1"):
        schema.take_list_from_bytes(orjson.dumps(stored))
