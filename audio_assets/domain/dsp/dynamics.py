"""Gain that follows the sound or the beat: compressor, softened attacks, side-chain pump, gate.

Samples are float32 (n_samples, n_channels); all channels share one gain, so that nothing wanders. The gain that
follows speech is in `ducking`, the final limiter in `loudness`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.dsp.loudness import apply_gain_line

Block = NDArray[np.float32]

_HOP = 64  # 1.5 ms: steps of a gain that follows beats
_PUMP_FALL_S = 0.008  # the gain is down when the beat comes; shorter is heard as a click
_GATE_RAMP_S = 0.004


def compressed(
    samples: Block, sample_rate_hz: int, *, threshold_db: float, ratio: float, attack_ms: float, release_ms: float
) -> Block:
    """What rises above `threshold_db` (RMS over 10 ms) rises `ratio` times less; a knee of 6 dB, no make-up gain."""
    out = np.array(samples, dtype=np.float32, order="C")
    detector = _coefficient(10.0, sample_rate_hz)
    attack, release = _coefficient(attack_ms, sample_rate_hz), _coefficient(release_ms, sample_rate_hz)
    _compress(out, threshold_db, 1.0 - 1.0 / ratio, detector, attack, release)
    return out


def softened(samples: Block, sample_rate_hz: int, *, amount_db: float, attack_ms: float) -> Block:
    """Attacks held back by up to `amount_db`, so that sounds swell in over about `attack_ms`."""
    out = np.array(samples, dtype=np.float32, order="C")
    fast, slow = _coefficient(2.0, sample_rate_hz), _coefficient(attack_ms, sample_rate_hz)
    _soften(out, fast, slow, _coefficient(200.0, sample_rate_hz), amplitude(-amount_db))
    return out


def pumped(
    samples: Block, sample_rate_hz: int, beat_times_s: NDArray[np.float64], *, depth_db: float, release: float
) -> Block:
    """The gain falls by `depth_db` on each beat and is back after `release` of it. At least two beats, ascending."""
    time_s = np.arange(0, len(samples) + 2 * _HOP, _HOP) / sample_rate_hz
    position = beat_positions(time_s, beat_times_s)
    phase = position - np.floor(position)
    recovering = 0.5 + 0.5 * np.cos(np.pi * np.minimum(1.0, phase / release))
    until_next_s = (1.0 - phase) * _beat_lengths(position, beat_times_s)
    falling = np.clip(1.0 - until_next_s / _PUMP_FALL_S, 0.0, 1.0)
    return _with_gain(samples, -depth_db * np.maximum(recovering, falling))


def gated(
    samples: Block,
    sample_rate_hz: int,
    beat_times_s: NDArray[np.float64],
    *,
    beats: float,
    open_share: float,
    depth_db: float,
) -> Block:
    """Open for `open_share` of every `beats` beats, `depth_db` down for the rest, with edges of 4 ms."""
    time_s = np.arange(0, len(samples) + 2 * _HOP, _HOP) / sample_rate_hz
    position = beat_positions(time_s, beat_times_s)
    step = position / beats
    phase = step - np.floor(step)
    ramp = np.minimum(_GATE_RAMP_S / (beats * _beat_lengths(position, beat_times_s)), 0.5 * open_share)
    is_open = np.clip(np.minimum(phase / ramp, (open_share - phase) / ramp), 0.0, 1.0)
    return _with_gain(samples, -depth_db * (1.0 - is_open))


def beat_positions(time_s: NDArray[np.float64], beat_times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times in beats: beat k lies at k; outside, the first and last beats' lengths go on."""
    count = np.arange(len(beat_times_s), dtype=np.float64)
    inside = np.interp(time_s, beat_times_s, count)
    first_s, last_s = beat_times_s[1] - beat_times_s[0], beat_times_s[-1] - beat_times_s[-2]
    before = np.minimum(0.0, time_s - beat_times_s[0]) / first_s
    after = np.maximum(0.0, time_s - beat_times_s[-1]) / last_s
    positions: NDArray[np.float64] = inside + before + after
    return positions


def _beat_lengths(position: NDArray[np.float64], beat_times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.diff(beat_times_s)
    chosen: NDArray[np.float64] = lengths[np.clip(np.floor(position).astype(np.int64), 0, len(lengths) - 1)]
    return chosen


def _with_gain(samples: Block, gain_db: NDArray[np.float64]) -> Block:
    out = np.array(samples, dtype=np.float32, order="C")
    apply_gain_line(out, 10.0 ** (gain_db / 20.0), _HOP)
    return out


def _coefficient(time_ms: float, sample_rate_hz: int) -> float:
    return 1.0 - math.exp(-1000.0 / (time_ms * sample_rate_hz))


@compiled
def _compress(
    samples: Block, threshold_db: float, slope: float, detector: float, attack: float, release: float
) -> None:
    knee_db = 6.0
    power, gain_db, wanted_db = 0.0, 0.0, 0.0
    for i in range(samples.shape[0]):
        total = 0.0
        for c in range(samples.shape[1]):
            total += np.float64(samples[i, c]) ** 2
        power += detector * (total / samples.shape[1] - power)
        if i % 16 == 0:  # logarithms 2800 times a second are enough
            over = 10.0 * math.log10(power + 1e-12) - threshold_db
            if over <= -knee_db / 2:
                wanted_db = 0.0
            elif over >= knee_db / 2:
                wanted_db = -slope * over
            else:
                wanted_db = -slope * (over + knee_db / 2) ** 2 / (2 * knee_db)
        gain_db += (attack if wanted_db < gain_db else release) * (wanted_db - gain_db)
        gain = np.float32(math.exp(0.11512925464970229 * gain_db))
        for c in range(samples.shape[1]):
            samples[i, c] *= gain


@compiled
def _soften(samples: Block, fast: float, slow: float, release: float, floor: float) -> None:
    quick, lazy = 1e-6, 1e-6
    for i in range(samples.shape[0]):
        size = 0.0
        for c in range(samples.shape[1]):
            size = max(size, abs(np.float64(samples[i, c])))
        quick += (fast if size > quick else release) * (size - quick)
        lazy += (slow if quick > lazy else release) * (quick - lazy)
        gain = np.float32(max(floor, min(1.0, (lazy + 1e-6) / (quick + 1e-6))))
        for c in range(samples.shape[1]):
            samples[i, c] *= gain
