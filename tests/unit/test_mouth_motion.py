"""Landmarks over time, poses and measures: pure arithmetic on made-up tracks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.face_geometry import FOREHEAD, N_LANDMARKS, NOSE_BASE, Floats
from audio_assets.domain.lip_sync import REST, frames_for_clip, mouth_audio_offset, opening_measures
from audio_assets.domain.mouth_motion import mouth_poses, smoothed_tones, still_or_moving
from audio_assets.domain.mouth_shapes import MouthFrame
from tests import faces


def a_face(x: float = 0.0, height: float = 100.0) -> Floats:
    rng = np.random.default_rng(5)
    points = rng.uniform(-0.5, 0.5, (N_LANDMARKS, 2)) * height
    points[FOREHEAD], points[NOSE_BASE] = (0, -0.5 * height), (0, 0.1 * height)
    return (points + np.array([300 + x, 200])).astype(np.float32)


@given(st.integers(1, 40), st.floats(-3, 3))
def test_a_face_at_rest_stays_and_a_steady_one_is_not_held_back(n: int, speed_px: float) -> None:
    track = [a_face(i * speed_px) for i in range(n)]
    smooth, sureness = still_or_moving(track)
    assert np.abs(smooth - np.stack(track)).max() < 0.01
    assert (sureness == 1).all()


def test_noise_on_a_still_face_is_averaged_away() -> None:
    rng = np.random.default_rng(1)
    track = [(a_face() + rng.normal(0, 0.15, (N_LANDMARKS, 2))).astype(np.float32) for _ in range(60)]
    smooth, _ = still_or_moving(track)
    before, after = (np.abs(np.diff(np.stack(x), axis=0)).mean() for x in (track, smooth))
    assert after < before / 8


def test_a_nod_is_followed() -> None:
    """Three swings a second, a tenth of the face wide, keep nine tenths of their width, without a lag."""
    move = 10 * np.sin(2 * np.pi * 3 * np.arange(48) / 24)
    smooth, _ = still_or_moving([a_face(x) for x in move])
    seen = smooth[:, 0, 0] - a_face()[0, 0]
    assert np.ptp(seen[8:40]) > 0.9 * np.ptp(move[8:40])
    assert np.corrcoef(seen, move)[0, 1] > 0.99


def test_the_two_sides_of_a_cut_never_mix() -> None:
    smooth, sureness = still_or_moving([a_face()] * 10 + [a_face(200)] * 10)
    assert np.abs(smooth[9] - a_face()).max() < 0.01
    assert np.abs(smooth[10] - a_face(200)).max() < 0.01
    assert (sureness == 1).all(), "a face on both sides"


def test_short_holes_are_bridged_and_long_ones_fade() -> None:
    _, sureness = still_or_moving([a_face()] * 8 + [None] * 3 + [a_face()] * 8)
    assert (sureness == 1).all()
    _, sureness = still_or_moving([a_face()] * 8 + [None] * 9 + [a_face()] * 8)
    assert sureness[4:8] == pytest.approx([1, 0.75, 0.5, 0.25])
    assert (sureness[8:17] == 0).all()
    assert sureness[17:20] == pytest.approx([0.25, 0.5, 0.75])


def test_no_face_at_all() -> None:
    _, sureness = still_or_moving([None] * 5)
    assert (sureness == 0).all()


def test_tones_of_frames_without_a_face_are_their_neighbours() -> None:
    tones = smoothed_tones([None, np.full((2, 3), 100.0), None, np.full((2, 3), 100.0), None])
    assert tones == pytest.approx(np.full((5, 2, 3), 100.0))


def test_silence_is_untouched_and_every_p_b_and_m_shuts_the_lips() -> None:
    mouth = faces.mouth_of(faces.sung(44))
    poses = mouth_poses(mouth)
    silent = np.array([frame.shape == "X" for frame in mouth])
    assert (poses.weight[silent] == 0).all()
    assert (poses.weight[~silent] > 0).all()
    sealed = np.array([frame.viseme == 21 for frame in mouth])
    starts = np.flatnonzero(np.diff(np.concatenate([[0], sealed.astype(int)])) == 1)
    assert len(starts) == 4
    for start in starts:
        run = np.s_[start : start + int(np.argmin(np.append(sealed[start:], False)))]
        assert ((poses.weight[run] == 1) & (poses.opening[run] == 0) & (poses.pressing[run] > 0.9)).any()


def test_only_rounded_sounds_round_the_lips() -> None:
    def pose(viseme: int, jaw: float, lip: float) -> float:
        return float(mouth_poses([MouthFrame("C", viseme, "aa", jaw, lip)] * 5).rounding[2])

    assert pose(7, 0.2, 0.8) == 1.0
    assert pose(2, 1.0, 0.0) == 0.0
    assert pose(2, 0.4, 0.6) == 0.0, "an open vowel on its way to closed lips is no pucker"
    assert pose(21, 0.0, 1.0) == 0.0


@given(st.integers(-5, 5), st.integers(0, 1000))
def test_a_lag_is_told_to_the_frame(lag: int, seed: int) -> None:
    jaw = np.clip(np.random.default_rng(seed).normal(0.4, 0.3, 60), 0, 1)
    assert mouth_audio_offset(0.02 + 0.07 * np.roll(jaw, lag), jaw)[0] == lag


@pytest.mark.parametrize(
    "openness", [np.full(40, 0.02), np.full(40, np.nan), np.linspace(0, 1, 5)], ids=["still", "no face", "short"]
)
def test_where_nothing_moves_or_is_seen_no_offset_is_told(openness: np.ndarray) -> None:
    assert mouth_audio_offset(openness, np.linspace(0, 1, len(openness)))[0] is None


def test_one_held_vowel_tells_no_offset() -> None:
    held = np.r_[np.linspace(0.3, 0.36, 4), np.full(80, 0.36)]  # what a jaw does on a long "soon"
    noise = np.random.default_rng(3).normal(0, 0.004, len(held))
    assert mouth_audio_offset(0.02 + 0.07 * np.roll(held, 2) + noise, held) == (None, 0.0)


def test_measures_are_medians_over_vowels_and_closures() -> None:
    mouth = [MouthFrame("D", 2, "aa", 1.0, 0.0)] * 9 + [MouthFrame("A", 21, "PP", 0.0, 1.0)] * 9 + [REST] * 3
    openness = np.array([0.1] * 9 + [0.01] * 9 + [0.3] * 3)
    measured = opening_measures(openness, mouth)
    assert (measured["open_vowels"], measured["closed_lips"]) == (0.1, 0.01)
    assert (measured["n_vowel_frames"], measured["n_closed_frames"], measured["offset_frames"]) == (9, 9, 0)
    assert opening_measures(np.full(21, np.nan), mouth)["open_vowels"] is None


def test_a_mouth_of_another_rate_is_taken_by_time() -> None:
    mouth = [MouthFrame("D", 2, "aa", i / 100, 0.0) for i in range(50)]
    taken = frames_for_clip(mouth, Fraction(50), 26, Fraction(25))
    assert [frame.jaw for frame in taken[:3]] == [0.01, 0.03, 0.05], "frame middles: 0.02 s is frame 1 of 50 per second"
    assert taken[25] == REST, "past the line's end"
