import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.action import canonical
from tests.actions import action

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


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
