import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.music import sung_phones
from audio_assets.domain.music.sung_phones import likeliest_edges, usual_edges

HOME = ("HH", "OW", "M")


def fits(lengths: tuple[int, ...], against: float = -1.0) -> NDArray[np.float64]:
    """Frames that fit one sound after another for these lengths, and no other."""
    sounds = np.repeat(np.arange(len(lengths)), lengths)
    return np.where(np.arange(len(lengths)) == sounds[:, None], 0.0, against)


@pytest.mark.parametrize("sounds", [HOME, ("AY",), ("S", "T", "R", "IY", "T"), ("M",), ("SH", "M")])
@pytest.mark.parametrize("t_end", [0.53, 1.0, 9.0])
def test_usual_edges_fill_the_window_and_rise(sounds: tuple[str, ...], t_end: float) -> None:
    edges = usual_edges(sounds, 0.5, t_end)
    assert len(edges) == len(sounds) + 1
    assert (edges[0], edges[-1]) == pytest.approx((0.5, t_end))
    assert (np.diff(edges) > 0).all()


def test_the_vowel_takes_what_time_there_is() -> None:
    short, long = (np.diff(usual_edges(HOME, 0.0, t_end)) for t_end in (0.5, 3.0))
    assert long[[0, 2]] == pytest.approx(short[[0, 2]])
    assert long[1] - short[1] == pytest.approx(2.5)


def test_sounds_are_found_where_they_fit() -> None:
    edges, score = likeliest_edges(fits((8, 150, 10)), HOME, 0.01)
    assert edges.tolist() == [0, 8, 158, 168]
    assert -0.1 < score <= 0


def test_where_nothing_is_heard_the_vowel_is_held() -> None:
    edges, _ = likeliest_edges(np.zeros((200, 3)), HOME, 0.01)
    lengths = np.diff(edges)
    assert lengths[1] > 170
    assert lengths.min() >= 4


def test_a_long_note_is_the_vowels_even_where_a_hum_fits_better() -> None:
    fit = np.tile([-1.0, -0.3, 0.0], (300, 1))
    assert np.diff(likeliest_edges(fit, HOME, 0.01)[0])[1] > 250


def test_no_division_is_better() -> None:
    """Against all divisions of a short word, one by one."""
    fit = np.random.default_rng(3).normal(-0.6, 0.5, (14, 3))
    costs = [sung_phones._length_costs(s, 14, 0.01, min(1.0, 0.14 / 0.21)) for s in HOME]

    def total(edges: tuple[int, ...]) -> float:
        pieces = zip(edges, edges[1:], costs, strict=False)
        return float(sum(fit[a:b, k].sum() + cost[b - a] for k, (a, b, cost) in enumerate(pieces)))

    every = [(0, a, b, 14) for a, b in itertools.combinations(range(1, 14), 2)]
    edges, score = likeliest_edges(fit, HOME, 0.01)
    assert tuple(edges) == max(every, key=total)
    assert score == pytest.approx(max(map(total, every)) / 14)


def test_as_many_frames_as_sounds_are_enough_and_fewer_are_not() -> None:
    assert likeliest_edges(np.zeros((3, 3)), HOME, 0.01)[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="2 frames are too few for 3 sounds"):
        likeliest_edges(np.zeros((2, 3)), HOME, 0.01)
