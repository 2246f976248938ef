import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_assets.domain.music.vocals import VocalExtractor, VoiceActivity, VoiceLevels, voice_activity, voice_spans

RATE_HZ = 22_050
Floats = NDArray[np.float32]


def extracted(stereo: Floats, rate_hz: int = RATE_HZ, n_piece: int = 10_000) -> tuple[Floats, VoiceActivity]:
    extractor = VocalExtractor(rate_hz)
    pieces = [extractor.push(stereo[at : at + n_piece]) for at in range(0, len(stereo), n_piece)]
    return np.concatenate([*pieces, extractor.finish()]), extractor.activity()


def noise(n_samples: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (n_samples, 2)).astype(np.float32)


def voice(duration_s: float) -> Floats:
    """A tone with vibrato and partials that comes in syllables, from 2 s to 1 s before the end."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (220 * t + 0.8 * np.sin(2 * np.pi * 5.5 * t))
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * 2 * t) + 0.7, 0, 1) * ((t > 2) & (t < duration_s - 1))
    return np.asarray(0.15 * tone * envelope, np.float32)


def wide_music(duration_s: float) -> Floats:
    """Two instruments, one on each side, and noise that is different there."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    sides = [sum(np.sin(2 * np.pi * hz * t) for hz in chord) for chord in ((196, 294, 494), (247, 392, 587))]
    return np.asarray(0.08 * np.stack(sides, axis=1) + 0.05 * noise(len(t)), np.float32)


def si_sdr_db(estimate: Floats, truth: Floats) -> float:
    target = truth * (estimate @ truth) / (truth @ truth)
    return float(10 * np.log10((target**2).sum() / ((estimate - target) ** 2).sum()))


@settings(max_examples=20, deadline=None)
@given(
    n_samples=st.integers(0, 30_000), n_piece=st.integers(1, 40_000), rate_hz=st.sampled_from([8000, 22_050, 44_100])
)
def test_as_many_samples_come_out_as_go_in_however_they_are_cut(n_samples: int, n_piece: int, rate_hz: int) -> None:
    stereo = noise(n_samples)
    whole, whole_activity = extracted(stereo, rate_hz, max(n_samples, 1))
    pieces, activity = extracted(stereo, rate_hz, max(n_piece, n_samples // 50 + 1))
    assert len(whole) == n_samples
    assert np.array_equal(whole, pieces)
    assert whole_activity == activity


def test_a_voice_in_the_centre_is_kept_in_its_place() -> None:
    alone = voice(6)
    found, _ = extracted(np.stack([alone, alone], axis=1))
    assert si_sdr_db(found, alone) > 25


def test_what_is_on_one_side_only_is_gone() -> None:
    side = np.stack([voice(6), np.zeros_like(voice(6))], axis=1)
    found, _ = extracted(side)
    assert np.abs(found).max() < 0.01 * np.abs(side).max()


def test_wide_accompaniment_becomes_softer_against_the_voice() -> None:
    alone, music = voice(8), wide_music(8)
    mix = music + alone[:, None]
    found, _ = extracted(mix)
    assert si_sdr_db(found, alone) > si_sdr_db(mix.mean(axis=1), alone) + 5


def test_silence_stays_silence() -> None:
    found, activity = extracted(np.zeros((50_000, 2), np.float32))
    assert not found.any()
    assert activity == VoiceActivity((), 0.0, 0.0)


def test_nothing_clips() -> None:
    loud = np.sign(noise(60_000)[:, :1]).repeat(2, axis=1).astype(np.float32)
    assert np.abs(extracted(loud)[0]).max() <= 1


def test_nothing_in_nothing_out() -> None:
    found, activity = extracted(np.zeros((0, 2), np.float32))
    assert len(found) == 0
    assert activity.spans == ()


def test_activity_is_where_the_voice_is() -> None:
    _, activity = extracted(wide_music(12) + voice(12)[:, None])
    assert activity.spans[0].start_time == pytest.approx(2, abs=0.4)
    assert activity.spans[-1].end_time == pytest.approx(11, abs=0.4)
    assert activity.share == pytest.approx(9 / 12, abs=0.1)
    assert 0.2 < activity.confidence <= 0.6


def test_sound_that_is_all_alike_gives_no_confidence() -> None:
    _, activity = extracted(noise(RATE_HZ * 5))
    assert activity.confidence < 0.2


def levels(on: list[bool], hop_s: float = 0.02) -> VoiceLevels:
    voice_level = np.repeat(np.where(on, 0.01, 1e-7), round(1 / hop_s))
    return VoiceLevels(hop_s, voice_level, voice_level + 0.002)


def test_spans_are_in_order_apart_and_inside() -> None:
    spans = voice_spans(levels([False, True, True, False, False, True, False]))
    assert len(spans) == 2
    flat = [t for span in spans for t in (span.start_time, span.end_time)]
    assert flat == sorted(flat)
    assert flat == pytest.approx([1, 3, 5, 6], abs=0.35)


def test_share_is_that_of_the_spans() -> None:
    activity = voice_activity(levels([False, True, False, True]))
    covered_s = sum(span.end_time - span.start_time for span in activity.spans)
    assert activity.share == pytest.approx(covered_s / 4, abs=0.01)
