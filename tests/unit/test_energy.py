"""Energy, mood and spectrum of sounds whose loudness, colour and key are known."""

import json

import numpy as np
import pytest

from audio_assets.domain.music.energy import EnergyPoint, energy_curve, mood, spectral_summary
from audio_assets.domain.music.features import RATE_HZ, FeatureExtractor, SongFeatures

C_MAJOR = ((48, 60, 64, 67), (53, 60, 65, 69), (55, 59, 62, 67), (48, 60, 64, 67))
A_MINOR = ((45, 60, 64, 69), (50, 57, 62, 65), (52, 56, 59, 64), (45, 60, 64, 69))


def features_of(samples: np.ndarray) -> SongFeatures:
    extractor = FeatureExtractor()
    extractor.push(samples.astype(np.float32))
    return extractor.finish()


def noise(duration_s: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(int(duration_s * RATE_HZ))


def chords(progression: tuple[tuple[int, ...], ...], each_s: float = 2.0, shift: int = 0) -> np.ndarray:
    t = np.arange(int(each_s * RATE_HZ)) / RATE_HZ
    return np.concatenate(
        [
            sum(0.1 * np.sin(2 * np.pi * 440 * 2 ** ((note + shift - 69) / 12) * t) for note in chord)
            for chord in progression
        ]
    )


def at(curve: tuple[EnergyPoint, ...], time: float) -> float:
    return next(point.energy for point in curve if point.time >= time)


# --- energy


@pytest.mark.parametrize(("duration_s", "step_s"), [(20.0, 0.1), (59.9, 0.1), (60.0, 0.5), (90.3, 0.5)])
def test_points_go_from_the_start_to_the_end_in_even_steps(duration_s: float, step_s: float) -> None:
    features = features_of(noise(duration_s))
    curve = energy_curve(features)
    times = np.array([point.time for point in curve])
    assert times[0] == 0.0
    assert np.allclose(np.diff(times), step_s)
    assert features.duration_s - step_s < times[-1] <= features.duration_s
    assert all(0.0 <= point.energy <= 1.0 for point in curve)


def test_louder_is_more() -> None:
    levels = (0.01, 0.05, 0.2, 0.05)
    curve = energy_curve(features_of(np.concatenate([noise(20.0, level) for level in levels])))
    quiet, middle, loud, again = (at(curve, 20.0 * number + 10) for number in range(4))
    assert quiet < 0.1 < 0.3 < middle < 0.8 < loud
    assert middle == pytest.approx(again, abs=0.02)


def test_the_volume_of_the_whole_song_does_not_matter() -> None:
    samples = np.concatenate([noise(20.0, level) for level in (0.02, 0.2, 0.05)])
    full, soft = (energy_curve(features_of(samples * gain)) for gain in (1.0, 0.1))
    assert [point.energy for point in soft] == pytest.approx([point.energy for point in full], abs=0.01)


def test_silence_has_none() -> None:
    assert {point.energy for point in energy_curve(features_of(np.zeros(30 * RATE_HZ)))} == {0.0}
    assert {point.energy for point in energy_curve(features_of(noise(30.0, 1e-6)))} == {0.0}
    assert energy_curve(features_of(np.zeros(0))) == (EnergyPoint(0.0, 0.0),)


def test_an_even_song_does_not_flicker() -> None:
    energies = [point.energy for point in energy_curve(features_of(noise(30.0)))]
    assert min(energies) > 0.9


# --- mood


def test_a_soft_stretch_is_calmer_than_a_loud_one() -> None:
    loud = np.concatenate([noise(0.05, 0.5, seed) * (seed % 3 == 0) for seed in range(400)])
    features = features_of(np.concatenate([0.1 * chords(C_MAJOR * 3), loud]))
    curve = energy_curve(features)
    soft, hard = mood(features, curve, 0.0, 24.0), mood(features, curve, 24.0, 44.0)
    assert soft.energy < 0.3 < 0.8 < hard.energy
    assert soft.name in ("calm", "melancholic")
    assert hard.name in ("tense", "driving", "euphoric")
    assert soft.brightness < hard.brightness
    assert soft.description == "soft, muted, sparse"
    assert hard.description.startswith("loud, bright")


@pytest.mark.parametrize(("progression", "mode"), [(C_MAJOR, "major"), (A_MINOR, "minor")])
def test_major_is_not_minor(progression: tuple[tuple[int, ...], ...], mode: str) -> None:
    features = features_of(chords(progression * 2))
    assert mood(features, energy_curve(features), 0.0, 16.0).mode == mode


def test_a_mood_where_nothing_sounds() -> None:
    features = features_of(np.zeros(20 * RATE_HZ))
    found = mood(features, energy_curve(features), 5.0, 9.0)
    assert (found.name, found.energy, found.mode) == ("calm", 0.0, "")
    nothing = mood(features, energy_curve(features), 40.0, 50.0)
    assert nothing.energy == 0.0


# --- spectrum


@pytest.mark.parametrize("shift", [0, 3, 7])
def test_the_key_moves_with_the_music(shift: int) -> None:
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    for progression, tonic, mode in ((C_MAJOR, 0, "major"), (A_MINOR, 9, "minor")):
        key = spectral_summary(features_of(chords(progression, shift=shift)))["key"]
        assert (key["tonic"], key["mode"]) == (names[(tonic + shift) % 12], mode)
        assert 0.0 < key["confidence"] < 1.0


def test_one_value_a_second_that_json_can_hold() -> None:
    summary = spectral_summary(features_of(np.concatenate([chords(C_MAJOR), noise(4.3)])))
    assert json.loads(json.dumps(summary)) == summary
    curve = summary["curve"]["centroid_hz"]
    assert len(curve) == 13
    assert max(curve[:7]) < 800 < 3_000 < min(curve[9:])
    assert summary["mean"]["bandwidth_hz"] > 0


def test_brightness_follows_the_spectrum() -> None:
    dull, bright = (spectral_summary(features_of(samples))["brightness"] for samples in (chords(C_MAJOR), noise(8.0)))
    assert dull < 0.4 < 0.9 < bright <= 1.0


def test_a_summary_of_nothing() -> None:
    for n_samples in (0, 100, 20 * RATE_HZ):
        summary = spectral_summary(features_of(np.zeros(n_samples)))
        assert summary["key"] == {"tonic": "", "mode": "", "confidence": 0.0}
        assert summary["mean"] == {"centroid_hz": 0.0, "bandwidth_hz": 0.0, "rolloff_hz": 0.0, "flatness": 0.0}
