"""The last step of a piece of music: DC out, one gain to a loudness, true peaks under a ceiling, clean ends.

Samples are float32 (n_samples, n_channels). Meters and limiter are those of `loudness`.
"""

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.dsp.loudness import Block, Loudness, TruePeakLimiter, measure_loudness

CEILING_DB = -1.0
_ROUNDS = 3  # limiting costs loudness: the gain is corrected so many times
_CLOSE_LU = 0.1
_N_BLOCK = 1 << 18
_MAX_GAIN_DB = 30.0  # noise is not lifted without end


def mastered(
    samples: Block, sample_rate_hz: int, *, target_lufs: float, ceiling_db: float = CEILING_DB
) -> tuple[Block, Loudness]:
    """`samples` at `target_lufs` with true peaks at `ceiling_db` at most, and what was measured in the end.

    Silence stays silence. A sound that needs more than 30 dB, or whose limiting costs too much, ends softer.
    """
    centered = samples - samples.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    loudness = measure_loudness(centered, sample_rate_hz)
    if loudness.integrated_lufs is None:
        return _limited(centered, sample_rate_hz, ceiling_db), loudness
    gain_db = min(_MAX_GAIN_DB, target_lufs - loudness.integrated_lufs)
    out = centered
    for _ in range(_ROUNDS):
        out = _limited(centered * np.float32(amplitude(gain_db)), sample_rate_hz, ceiling_db)
        loudness = measure_loudness(out, sample_rate_hz)
        missing = target_lufs - loudness.integrated_lufs if loudness.integrated_lufs is not None else 0.0
        if abs(missing) < _CLOSE_LU or gain_db >= _MAX_GAIN_DB:
            break
        gain_db = min(_MAX_GAIN_DB, gain_db + missing)
    return out, loudness


def with_clean_ends(samples: Block, n_fade_in: int, n_fade_out: int) -> Block:
    """`samples` risen from zero over `n_fade_in` and fallen to zero over `n_fade_out` samples (half cosines)."""
    out = samples.copy()
    for edge, n in ((out, min(n_fade_in, len(out))), (out[::-1], min(n_fade_out, len(out)))):
        if n > 0:
            rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)
            edge[:n] *= rise.astype(np.float32)[:, np.newaxis]
    return out


def silence_trimmed(samples: Block, sample_rate_hz: int, *, below_db: float = -60.0) -> Block:
    """`samples` without what follows the last 50 ms louder than `below_db` under the loudest."""
    n_hop = max(1, round(0.05 * sample_rate_hz))
    n_hops = -(-len(samples) // n_hop)
    if n_hops == 0:
        return samples
    levels = np.maximum.reduceat(np.abs(samples).max(axis=1), np.arange(n_hops) * n_hop)
    loud: NDArray[np.int64] = np.flatnonzero(levels > levels.max() * amplitude(below_db))
    return samples[: (int(loud[-1]) + 1) * n_hop] if len(loud) else samples


def _limited(samples: Block, sample_rate_hz: int, ceiling_db: float) -> Block:
    limiter = TruePeakLimiter(sample_rate_hz, samples.shape[1], ceiling_db=ceiling_db)
    blocks = [limiter.push(samples[start : start + _N_BLOCK]) for start in range(0, len(samples), _N_BLOCK)]
    return np.concatenate([*blocks, limiter.flush()])
