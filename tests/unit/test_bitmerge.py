import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_assets.domain.bitmerge import (
    MergeError,
    Part,
    Placed,
    Trim,
    bitmerge,
    check_merged,
    pcm_sha256,
    silent_ends,
    trimmed_span,
)

RATE_HZ = 1000
Pcm = NDArray[np.int16]


def noise(n: int, seed: int = 0) -> Pcm:
    return np.random.default_rng(seed).integers(-9000, 9000, n).astype(np.int16)


def padded(n_before: int, n_after: int, seed: int = 0) -> Pcm:
    sound = np.full(50, 5000, np.int16)
    sound[1:-1] = noise(48, seed)
    return np.concatenate([np.zeros(n_before, np.int16), sound, np.zeros(n_after, np.int16)])


def test_edges_are_measured_to_the_sample() -> None:
    pcm = padded(7, 11)
    pcm[3] = 20  # quieter than -50 dB (103)
    assert silent_ends(pcm, -50.0) == (7, 11)
    assert silent_ends(pcm, -70.0) == (3, 11)
    assert silent_ends(np.zeros(9, np.int16), -50.0) == (9, 9)
    assert silent_ends(np.array([0, -32768, 0], np.int16), -0.0) == (1, 1)


def test_a_trim_keeps_what_it_says_and_no_more_than_is_there() -> None:
    assert trimmed_span(padded(30, 40), RATE_HZ, Trim(-50.0, 10.0)) == (20, 90)
    assert trimmed_span(padded(5, 0), RATE_HZ, Trim(-50.0, 10.0)) == (0, 55)
    assert trimmed_span(padded(30, 40), RATE_HZ, None) == (0, 120)
    with pytest.raises(MergeError, match="louder than -50 dB"):
        trimmed_span(np.zeros(9, np.int16), RATE_HZ, Trim())


def test_parts_stand_where_the_record_says() -> None:
    first, second = padded(30, 40, 1), padded(4, 4, 2)
    asked = [
        Part("a", "A", first, Trim(-50.0, 10.0), 3),
        Part("b", "B", second, None, 5),
        Part("a", "A", first, None, 0),
    ]
    merged, placed = bitmerge(asked, RATE_HZ, tail=2)
    assert [(one.stem, one.start, one.end, one.source_start, one.source_end) for one in placed] == [
        ("a", 3, 73, 20, 90),
        ("b", 78, 136, 0, 58),
        ("a", 136, 256, 0, 120),
    ]
    assert [(one.trimmed_start, one.trimmed_end, one.gap_before) for one in placed] == [
        (20, 30, 3),
        (0, 0, 5),
        (0, 0, 0),
    ]
    assert len(merged) == 258
    assert placed[1].pcm_sha256 == pcm_sha256(second)
    check_merged(merged, placed, [first, second, first], tail=2)


@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.integers(0, 50), st.booleans(), st.integers(0, 9)), min_size=1, max_size=6
    ),
    st.integers(0, 20),
)
def test_every_sample_of_every_part_is_there_and_nothing_else(
    shapes: list[tuple[int, int, bool, int]], tail: int
) -> None:
    stems = [np.concatenate([np.full(1, 9000, np.int16), noise(n, seed)]) for n, _, _, seed in shapes]
    asked = [
        Part(str(number), "", pcm, Trim() if is_trimmed else None, gap)
        for number, (pcm, (_, gap, is_trimmed, _)) in enumerate(zip(stems, shapes, strict=True))
    ]
    merged, placed = bitmerge(asked, RATE_HZ, tail)
    check_merged(merged, placed, stems, tail)
    assert merged.dtype == np.int16
    assert len(merged) == sum(one.end - one.start + one.gap_before for one in placed) + tail
    for one, pcm in zip(placed, stems, strict=True):
        assert one.trimmed_start + one.trimmed_end + one.end - one.start == len(pcm)


@pytest.mark.parametrize("at", [4, 20, 60, 70])
def test_one_changed_sample_anywhere_is_found(at: int) -> None:
    first, second = noise(40, 1), noise(20, 2)
    merged, placed = bitmerge([Part("a", "", first, None, 8), Part("b", "", second, None, 0)], RATE_HZ, tail=5)
    merged[at] += 1
    with pytest.raises(MergeError):
        check_merged(merged, placed, [first, second], tail=5)


def test_a_record_of_other_samples_is_found() -> None:
    pcm = noise(40)
    merged, (placed,) = bitmerge([Part("a", "", pcm)], RATE_HZ)
    other = Placed(*(*[getattr(placed, name) for name in placed.__slots__[:-1]], "0" * 64))
    with pytest.raises(MergeError, match="bit for bit"):
        check_merged(merged, [other], [pcm])


def test_nothing_and_silence_can_not_be_joined() -> None:
    with pytest.raises(MergeError, match="no part"):
        bitmerge([], RATE_HZ)
    with pytest.raises(MergeError, match=r"stem.name.x: nothing in it"):
        bitmerge([Part("stem.name.x", "", np.zeros(9, np.int16), Trim())], RATE_HZ)
