"""Distortion on purpose: tape saturation, square waves, few bits. Samples are float32 (n_samples, n_channels).

Drive and steps count from the loudness of the sound itself, so that a quiet source is treated like a loud one.
"""

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.dsp.levels import amplitude

Block = NDArray[np.float32]

_CREST = 4.0  # 12 dB: what peaks of music stand above its RMS
_OVERSAMPLING = 2
_N_BLOCK = 1 << 20


def reference_level(samples: Block) -> float:
    """Where this sound's ordinary peaks lie, as an amplitude: 12 dB over its RMS; 0 for silence."""
    if samples.size == 0:
        return 0.0
    blocks = (samples[start : start + _N_BLOCK] for start in range(0, len(samples), _N_BLOCK))
    power = sum(float(np.square(block, dtype=np.float64).sum()) for block in blocks)
    return _CREST * math.sqrt(power / samples.size)


def saturated(samples: Block, *, drive_db: float, mix: float = 1.0) -> Block:
    """Soft limits on peaks, as tape sets them: tanh at twice the rate, so that few overtones fold back.

    A quiet passage keeps its level, peaks lose up to `drive_db`.
    """
    level = reference_level(samples)
    if level == 0.0 or drive_db == 0.0 or mix == 0.0:
        return samples
    drive = np.float32(amplitude(drive_db) / level)
    fine = soxr.resample(samples, 1.0, _OVERSAMPLING, quality="MQ")
    fine = np.tanh(fine * drive, out=fine)
    coarse = soxr.resample(fine, _OVERSAMPLING, 1.0, quality="MQ")[: len(samples)]
    wet = np.zeros_like(samples)
    wet[: len(coarse)] = coarse / drive
    return wet * np.float32(mix) + samples * np.float32(1.0 - mix)


def squared(samples: Block, sample_rate_hz: int, *, amount: float) -> Block:
    """Waves with flat tops: each cycle is driven against its own envelope, so that loud and quiet stay."""
    out = np.array(samples, dtype=np.float32, order="C")
    _square(out, amount, math.exp(-1.0 / (0.03 * sample_rate_hz)), 1e-3 * reference_level(samples) + 1e-9)
    return out


@compiled
def _square(samples: Block, amount: float, release: float, floor: float) -> None:
    for c in range(samples.shape[1]):
        envelope = floor
        for i in range(samples.shape[0]):
            x = np.float64(samples[i, c])
            envelope = max(abs(x), max(floor, envelope * release))
            flat = 0.6 * envelope * math.tanh(8.0 * x / envelope)
            samples[i, c] = np.float32((1.0 - amount) * x + amount * flat)


def crushed(samples: Block, sample_rate_hz: int, *, bits: float, rate_hz: float) -> Block:
    """Each sample held to `rate_hz` and rounded to `2 ** bits - 1` steps between the highest peaks; silence stays."""
    highest = float(np.max(np.abs(samples), initial=0.0))
    if highest == 0.0:
        return samples
    n_steps = 2.0 ** (round(bits) - 1) - 1.0
    ratio = min(1.0, rate_hz / sample_rate_hz)
    index = np.arange(len(samples))
    held = np.minimum(index, np.ceil(np.floor(index * ratio) / ratio).astype(np.int64))
    coarse: Block = np.rint(samples * np.float32(n_steps / highest))[held] * np.float32(highest / n_steps)
    return coarse
