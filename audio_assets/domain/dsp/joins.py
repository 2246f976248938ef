"""Pieces of speech put together: where speech begins and ends in a piece, and joins without clicks.

Conventions: samples are float32 mono, shape (n_samples,), full scale 1.0; positions are sample indices.
- `speech_bounds`: the part of a piece that is not silence.
- `silences`: the stretches of a piece in which nobody speaks.
- `faded`: a piece with short fades at both ends, so that it can stand next to silence.
- `joined`: pieces with silence between them, and where each one starts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FLOOR = 10 ** (-60 / 20)
_FRAME_S = 0.005


def speech_bounds(samples: NDArray[np.float32], sample_rate_hz: int) -> tuple[int, int]:
    """Return (first, end) of what is louder than -60 dB full scale in 5 ms frames; (0, 0) for silence alone."""
    levels, frame = _levels(samples, sample_rate_hz)
    loud = np.flatnonzero(levels > _FLOOR)
    if len(loud) == 0:
        return 0, 0
    return int(loud[0]) * frame, min(int(loud[-1] + 1) * frame, len(samples))


def silences(samples: NDArray[np.float32], sample_rate_hz: int, *, below_loudest_db: float) -> list[tuple[int, int]]:
    """Return (first, end) of each stretch of 5 ms frames that lie `below_loudest_db` or more under the loudest one."""
    levels, frame = _levels(samples, sample_rate_hz)
    if len(levels) == 0:
        return []
    is_quiet = levels <= np.max(levels) * 10 ** (-below_loudest_db / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_quiet, [False]]).astype(np.int8)))
    return [(int(a) * frame, min(int(b) * frame, len(samples))) for a, b in edges.reshape(-1, 2)]


def _levels(samples: NDArray[np.float32], sample_rate_hz: int) -> tuple[NDArray[np.float64], int]:
    """Return the root mean square of each frame, and the frame's length in samples."""
    frame = max(1, int(_FRAME_S * sample_rate_hz))
    n_frames = -(-len(samples) // frame)
    padded = np.zeros(n_frames * frame, np.float64)
    padded[: len(samples)] = samples
    return np.sqrt(np.mean(np.square(padded.reshape(n_frames, frame)), axis=1)), frame


def faded(samples: NDArray[np.float32], n_fade: int) -> NDArray[np.float32]:
    """Return `samples` with raised-cosine fades of `n_fade` samples at both ends; the first and last are zero."""
    n = min(n_fade, len(samples) // 2)
    if n == 0:
        return samples
    ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)).astype(np.float32)
    out = samples.copy()
    out[:n] *= ramp
    out[-n:] *= ramp[::-1]
    return out


def joined(parts: Sequence[NDArray[np.float32]], n_gaps: Sequence[int]) -> tuple[NDArray[np.float32], list[int]]:
    """Return `parts` in a row with `n_gaps[i]` zeros after part i, and the index at which each part starts.

    Parts meet silence, so they must be `faded`. The last part has no gap: `len(n_gaps) == len(parts) - 1`.
    """
    starts: list[int] = []
    row: list[NDArray[np.float32]] = []
    at = 0
    for part, n_gap in zip(parts, [*n_gaps, 0], strict=True):
        starts.append(at)
        row += [part, np.zeros(n_gap, np.float32)]
        at += len(part) + n_gap
    return np.concatenate(row) if row else np.zeros(0, np.float32), starts
