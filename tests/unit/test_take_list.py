from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.take_list import (
    Take,
    TakeClip,
    TakeListError,
    check_list,
    current_takes,
    merge,
    n_generated,
    take_id,
    take_number,
)


def clip(key: str, prompt: str = "p1", **changed: object) -> TakeClip:
    made = TakeClip(key, f"video/takes/{key}", f"sha-{key}", "clip.mp4", 96, 1280, 720, prompt_sha256=prompt)
    return replace(made, **changed)


clips = st.lists(st.builds(clip, st.sampled_from("abcdefgh"), st.sampled_from(["p1", "p2"])), max_size=8)


@given(st.lists(clips, max_size=5))
def test_a_list_only_grows_and_ids_stay(batches: Sequence[Sequence[TakeClip]]) -> None:
    takes: list[Take] = []
    for wanted in batches:
        grown = merge(takes, wanted)
        assert grown[: len(takes)] == takes
        assert [take.id for take in grown] == [take_id(n) for n in range(1, len(grown) + 1)]
        assert merge(grown, wanted) == grown
        assert {c.identity for c in wanted} <= {take.identity for take in grown}
        check_list(grown)
        takes = grown


@given(clips, clips)
def test_one_batch_is_as_good_as_two(first: list[TakeClip], second: list[TakeClip]) -> None:
    assert merge(merge([], first), second) == merge([], [*first, *second])


@given(clips)
def test_a_list_comes_back_from_its_bytes(wanted: list[TakeClip]) -> None:
    takes = tuple(merge([], wanted))
    data = schema.take_list_to_bytes("s003|song", takes)
    assert schema.take_list_from_bytes(data) == ("s003|song", takes)
    assert schema.take_list_to_bytes("s003|song", takes) == data


def test_a_reverted_prompt_finds_its_takes_again() -> None:
    old = [clip("a"), clip("b")]
    takes = merge(merge(merge([], old), [clip("c", "p2")]), old)
    assert [take.id for take in takes] == ["t01", "t02", "t03"]
    assert [take.id for take in current_takes(takes, "p1")] == ["t01", "t02"]
    assert [take.id for take in current_takes(takes, "p2")] == ["t03"]


def test_the_users_own_clip_serves_any_prompt_and_a_remix_its_own() -> None:
    takes = merge(
        [], [clip("a"), clip("mine", "", origin="added"), clip("r", origin="remix", parent="t01", revised_prompt="x")]
    )
    assert [take.id for take in current_takes(takes, "p1")] == ["t01", "t02", "t03"]
    assert [take.id for take in current_takes(takes, "p2")] == ["t02"]
    assert n_generated(takes, "p1") == 1
    assert n_generated(takes, "p1", gone={"t01"}) == 0


def test_a_clip_lost_and_made_again_with_other_bytes_is_another_take() -> None:
    takes = merge(merge([], [clip("a")]), [replace(clip("a"), content="other")])
    assert [(take.id, take.content) for take in takes] == [("t01", "sha-a"), ("t02", "other")]


def test_ids_past_ninety_nine_go_on() -> None:
    assert (take_id(9), take_id(99), take_id(100)) == ("t09", "t99", "t100")
    assert [take_number(name) for name in ("t01", "t100", "t1", "t001", "t00", "x01", "t", "t²")] == [
        1, 100, 0, 0, 0, 0, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([clip("r", origin="remix", parent="t05")], "no earlier take"),
        ([clip("r", origin="remix")], "names no take"),
        ([clip("r", origin="remix", parent="t01")], "no earlier take"),  # itself
        ([clip("r", origin="bought")], "generated, remix or added"),
    ],
)
def test_a_remix_needs_an_earlier_take(wanted: list[TakeClip], said: str) -> None:
    with pytest.raises(TakeListError, match=said):
        merge([], wanted)


def test_a_list_with_changed_ids_is_refused() -> None:
    takes = merge([], [clip("a"), clip("b")])
    with pytest.raises(TakeListError, match="t01"):
        merge(takes[1:], [])
    with pytest.raises(TakeListError, match="twice"):
        check_list([takes[0], replace(takes[0], id="t02")])
    stored = orjson.loads(schema.take_list_to_bytes("s001|x", takes))
    stored["takes"].reverse()
    with pytest.raises(RecordError, match=r"take_list\.1"):
        schema.take_list_from_bytes(orjson.dumps(stored))
