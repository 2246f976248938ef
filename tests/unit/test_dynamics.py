import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.dsp.dynamics import beat_positions, compressed, gated, pumped, softened

RATE_HZ = 44_100


def tone(seconds: float = 4.0, level: float = 0.5) -> NDArray[np.float32]:
    wave = level * np.sin(2 * np.pi * 700 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


def level_db(samples: NDArray[np.float32], at_s: float, length_s: float = 0.01) -> float:
    part = samples[round(at_s * RATE_HZ) : round((at_s + length_s) * RATE_HZ), 0]
    return float(20 * np.log10(np.sqrt(np.mean(np.square(part))) + 1e-9))


def test_what_is_over_the_threshold_rises_less() -> None:
    how = {"threshold_db": -30.0, "ratio": 4.0, "attack_ms": 5.0, "release_ms": 100.0}
    quiet, loud, louder = (compressed(tone(2, level), RATE_HZ, **how) for level in (0.005, 0.25, 0.5))
    assert np.allclose(quiet, tone(2, 0.005), atol=1e-6)
    rise = level_db(louder, 1.5, 0.2) - level_db(loud, 1.5, 0.2)
    assert rise == pytest.approx(6.02 / 4, abs=0.05)
    assert np.allclose(louder[:, 1], 0.5 * louder[:, 0], atol=1e-6)
    same = compressed(tone(2), RATE_HZ, threshold_db=-30, ratio=1, attack_ms=5, release_ms=100)
    assert np.allclose(same, tone(2), atol=1e-6)


def test_attacks_swell_and_held_sounds_stay() -> None:
    sound = np.concatenate([np.zeros((RATE_HZ // 2, 2), np.float32), tone(2)])
    out = softened(sound, RATE_HZ, amount_db=18, attack_ms=100)
    assert level_db(out, 0.505) < level_db(sound, 0.505) - 12
    assert level_db(out, 2.0) == pytest.approx(level_db(sound, 2.0), abs=0.6)
    assert level_db(out, 0.505) > level_db(sound, 0.505) - 18.5


def test_the_pump_dips_on_each_beat_and_is_back_after_its_release() -> None:
    beats = np.array([0.5, 1.0, 1.6, 2.2, 2.8])  # the tempo changes
    out = pumped(tone(), RATE_HZ, beats, depth_db=9, release=0.5)
    whole = level_db(tone(), 1.0)
    for beat in [*beats, 3.4]:  # the last length goes on
        assert level_db(out, beat, 0.004) == pytest.approx(whole - 9, abs=0.6)
    assert level_db(out, 1.3, 0.25) == pytest.approx(whole, abs=0.1)
    assert level_db(out, 0.05, 0.01) < whole - 3  # a beat at 0.0 that the grid does not name
    assert np.abs(np.diff(out[:, 0])).max() < 1.1 * np.abs(np.diff(tone()[:, 0])).max()  # no click


def test_the_gate_is_open_for_its_share() -> None:
    beats = np.arange(0.0, 4.0, 0.5)
    out = gated(tone(), RATE_HZ, beats, beats=0.5, open_share=0.5, depth_db=30)
    for step in range(4, 10):
        assert level_db(out, 0.25 * step + 0.02, 0.08) == pytest.approx(level_db(tone(), 1.0), abs=0.3)
        assert level_db(out, 0.25 * step + 0.14, 0.09) == pytest.approx(level_db(tone(), 1.0) - 30, abs=0.5)
    assert np.abs(np.diff(out[:, 0])).max() < 1.2 * np.abs(np.diff(tone()[:, 0])).max()


def test_positions_count_beats_and_go_on_outside() -> None:
    beats = np.array([1.0, 2.0, 2.5])
    assert beat_positions(np.array([0.5, 1.0, 1.5, 2.25, 3.0]), beats) == pytest.approx([-0.5, 0.0, 0.5, 1.5, 3.0])


def test_silence_stays_silence() -> None:
    silence = np.zeros((RATE_HZ, 2), np.float32)
    assert not softened(silence, RATE_HZ, amount_db=12, attack_ms=50).any()
    assert not compressed(silence, RATE_HZ, threshold_db=-30, ratio=4, attack_ms=5, release_ms=100).any()
    assert not pumped(silence, RATE_HZ, np.array([0.0, 0.5]), depth_db=6, release=0.5).any()
