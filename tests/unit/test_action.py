import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.action import Action, canonical, changes

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def action(**different):
    fields = {
        "asset": "voice_line",
        "code_version": "1",
        "provider": {"engine": "kokoro", "model": "a"},
        "params": {"text": "Hello.", "speed": 1.0},
        "inputs": {"voice_line": "0" * 64},
    }
    return Action(**{**fields, **different})


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_the_order_of_keys_never_matters(record):
    assert canonical(record) == canonical(dict(reversed(list(record.items()))))


@pytest.mark.parametrize(
    "different",
    [
        {"asset": "alignment"},
        {"code_version": "2"},
        {"provider": {"engine": "kokoro", "model": "b"}},
        {"params": {"text": "Hello!", "speed": 1.0}},
        {"params": {"text": "Hello.", "speed": 1.0, "new": None}},
        {"inputs": {"voice_line": "1" * 64}},
        {"inputs": {}},
    ],
)
def test_every_field_counts_in_the_key(different):
    assert action(**different).key != action().key


def test_the_same_action_has_the_same_key():
    assert action().key == action().key
    assert len(action().key) == 64


def said(**different):
    return changes(action().as_record(), action(**different).as_record())


def test_nothing_differs_from_itself():
    assert said() == []


@pytest.mark.parametrize(
    ("different", "phrases"),
    [
        ({"code_version": "2"}, ["code version 1 -> 2"]),
        ({"params": {"text": "Hello.", "speed": 0.9}}, ["speed 1.0 -> 0.9"]),
        ({"params": {"text": "Goodbye.", "speed": 1.0}}, ["text Hello. -> Goodbye."]),
        ({"provider": {"engine": "espeak", "model": "a"}}, ["engine kokoro -> espeak"]),
        ({"inputs": {"voice_line": "1" * 64}}, ["input voice_line changed"]),
        ({"inputs": {"voice_line": "0" * 64, "bed.ogg": "1" * 64}}, ["input bed.ogg is new"]),
        ({"inputs": {}}, ["input voice_line is gone"]),
    ],
)
def test_each_difference_is_named(different, phrases):
    assert said(**different) == phrases


def rows(*lines):
    return {"lines": [{"line": name, "gain_db": gain} for name, gain in lines]}


@pytest.mark.parametrize(
    ("before", "after", "phrases"),
    [
        ([("a", 0.0), ("b", 0.0)], [("a", 0.0), ("b", -3.0)], ["b gain_db 0.0 -> -3.0".replace("_", " ")]),
        ([("a", 0.0), ("b", 0.0)], [("b", 0.0), ("a", 0.0)], ["the order of lines changed"]),
        ([("a", 0.0), ("b", 0.0)], [("b", 0.0)], ["a is gone"]),
        ([("a", 0.0)], [("a", 0.0), ("c", 0.0)], ["c is new"]),
    ],
)
def test_lines_of_a_mix_are_named_one_by_one(before, after, phrases):
    assert changes(action(params=rows(*before)).as_record(), action(params=rows(*after)).as_record()) == phrases
