"""Levels of audio in memory: peak, RMS, clipping, silence at both ends. No loudness (see `loudness`), no files.

Samples are int16, or float with full scale at 1.0; shape (n_samples,) or (n_samples, n_channels). Decibels are
relative to full scale; a level of nothing but zeros is None, because minus infinity has no place in JSON.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]

INT16_FULL_SCALE = 32768.0
MIN_CLIPPED_RUN = 3
"""Samples in a row at full scale that count as clipping: one or two may be a peak that just fits."""

_CLIPPED_FROM = 32767 / INT16_FULL_SCALE  # the highest value 16 bits hold
_WINDOW_S = 0.01  # one period of the lowest speaking voice (100 Hz)


@dataclass(frozen=True, slots=True)
class Levels:
    """What `measure_levels` found; times in seconds, levels in dB of full scale (None: digital silence)."""

    duration_s: float
    peak_db: float | None
    rms_db: float | None
    n_clipped_runs: int
    longest_clipped_run: int
    leading_silence_s: float
    trailing_silence_s: float

    @property
    def is_silent(self) -> bool:
        """True when no window rises above the silence threshold."""
        return self.leading_silence_s >= self.duration_s


def measure_levels(samples: Samples, sample_rate_hz: int, *, silence_below_db: float = -50.0) -> Levels:
    """Every level of `samples`.

    Silence at an end is time whose 10 ms windows stay below `silence_below_db` RMS.

    Raises:
        ValueError: samples are not int16 or float, or hold NaN or infinity.
    """
    mono_or_more = as_float(samples)
    n_runs, longest = clipped_runs(mono_or_more)
    leading_s, trailing_s = silent_ends_s(mono_or_more, sample_rate_hz, below_db=silence_below_db)
    return Levels(
        duration_s=len(mono_or_more) / sample_rate_hz,
        peak_db=peak_db(mono_or_more),
        rms_db=rms_db(mono_or_more),
        n_clipped_runs=n_runs,
        longest_clipped_run=longest,
        leading_silence_s=leading_s,
        trailing_silence_s=trailing_s,
    )


def as_float(samples: Samples) -> NDArray[np.float32]:
    """`samples` as float32 of shape (n_samples, n_channels), full scale 1.0.

    Raises:
        ValueError: neither int16 nor float, more than two dimensions, or NaN or infinity among them.
    """
    if samples.ndim not in (1, 2):
        raise ValueError(f"audio has shape {samples.shape}; it must be (samples,) or (samples, channels)")
    if samples.dtype == np.int16:
        scaled: NDArray[np.float32] = samples.astype(np.float32) / np.float32(INT16_FULL_SCALE)
    elif np.issubdtype(samples.dtype, np.floating):
        scaled = samples.astype(np.float32, copy=False)
    else:
        raise ValueError(f"audio is {samples.dtype}; it must be int16 or float")
    if not np.isfinite(scaled).all():
        position = int(np.argwhere(~np.isfinite(scaled))[0][0])
        raise ValueError(f"audio holds NaN or infinity at sample {position}")
    return scaled[:, np.newaxis] if scaled.ndim == 1 else scaled


def peak_db(samples: Samples) -> float | None:
    """The highest sample, in dB of full scale."""
    scaled = as_float(samples)
    return decibels(float(np.max(np.abs(scaled), initial=0.0)))


def rms_db(samples: Samples) -> float | None:
    """Root mean square over all samples and channels, in dB of full scale (a full-scale sine has -3.01)."""
    scaled = as_float(samples)
    if scaled.size == 0:
        return None
    return decibels(math.sqrt(float(np.mean(np.square(scaled, dtype=np.float64)))))


def clipped_runs(samples: Samples, *, min_run: int = MIN_CLIPPED_RUN) -> tuple[int, int]:
    """How many runs of at least `min_run` samples sit at full scale with one sign, and the longest run's length."""
    scaled = as_float(samples)
    n_runs, longest = 0, 0
    for channel in scaled.T:
        for rail in (channel >= _CLIPPED_FROM, channel <= -_CLIPPED_FROM):
            edges = np.diff(rail.astype(np.int8), prepend=0, append=0)
            lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
            n_runs += int(np.count_nonzero(lengths >= min_run))
            longest = max(longest, int(np.max(lengths, initial=0)))
    return n_runs, longest


def silent_ends_s(samples: Samples, sample_rate_hz: int, *, below_db: float = -50.0) -> tuple[float, float]:
    """Seconds of silence before the first and after the last 10 ms window above `below_db` RMS.

    Audio without any such window is silent from both ends: its whole length, twice.
    """
    scaled = as_float(samples)
    n_samples, window = len(scaled), max(1, round(_WINDOW_S * sample_rate_hz))
    if n_samples == 0:
        return 0.0, 0.0
    power = np.square(scaled, dtype=np.float64).mean(axis=1)
    starts = np.arange(0, n_samples, window)
    lengths = np.diff(starts, append=n_samples)
    is_loud = np.add.reduceat(power, starts) / lengths > amplitude(below_db) ** 2
    if not is_loud.any():
        return n_samples / sample_rate_hz, n_samples / sample_rate_hz
    first, last = np.flatnonzero(is_loud)[[0, -1]]
    end = min(n_samples, int(starts[last]) + window)
    return int(starts[first]) / sample_rate_hz, (n_samples - end) / sample_rate_hz


def decibels(ratio: float) -> float | None:
    """20 log10 of an amplitude ratio; None for zero."""
    return 20.0 * math.log10(ratio) if ratio > 0.0 else None


def amplitude(db: float) -> float:
    """The amplitude ratio of `db` decibels."""
    return float(10.0 ** (db / 20.0))
