"""Recursive filters: second-order sections by the Audio EQ Cookbook (Bristow-Johnson), and running them.

Samples are float32, shape (n_samples, n_channels). A cascade is a float64 array of rows (b0, b1, b2, a1, a2), a0 = 1;
state is zero before the first sample.
"""

import math

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled

Block = NDArray[np.float32]
Cascade = NDArray[np.float64]

_HIGHEST = 0.49  # of the sample rate: a corner above is as good as none, and the formulas need it below one half


def low_pass(cutoff_hz: float, sample_rate_hz: int, *, order: int = 2) -> Cascade:
    """A Butterworth low-pass of `order` (1 to 8): -3 dB at the cutoff, 6 dB per octave and order above."""
    return _butterworth(cutoff_hz, sample_rate_hz, order, is_high=False)


def high_pass(cutoff_hz: float, sample_rate_hz: int, *, order: int = 2) -> Cascade:
    """A Butterworth high-pass of `order` (1 to 8)."""
    return _butterworth(cutoff_hz, sample_rate_hz, order, is_high=True)


def low_shelf(corner_hz: float, gain_db: float, sample_rate_hz: int) -> Cascade:
    """`gain_db` below the corner, half of it at the corner."""
    return _shelf(corner_hz, gain_db, sample_rate_hz, sign=1.0)


def high_shelf(corner_hz: float, gain_db: float, sample_rate_hz: int) -> Cascade:
    """`gain_db` above the corner, half of it at the corner."""
    return _shelf(corner_hz, gain_db, sample_rate_hz, sign=-1.0)


def peak(center_hz: float, gain_db: float, q: float, sample_rate_hz: int) -> Cascade:
    """`gain_db` at the centre, nothing far from it."""
    cos, alpha = _angle(center_hz, q, sample_rate_hz)
    a = 10.0 ** (gain_db / 40.0)
    return _normalised((1 + alpha * a, -2 * cos, 1 - alpha * a), (1 + alpha / a, -2 * cos, 1 - alpha / a))


def filtered(samples: Block, cascade: Cascade) -> Block:
    """`samples` through every section in turn, in double precision; the argument stays as it is."""
    out = np.array(samples, dtype=np.float32, order="C")
    for section in cascade:
        _run_section(out, section)
    return out


def _butterworth(cutoff_hz: float, sample_rate_hz: int, order: int, *, is_high: bool) -> Cascade:
    sections = []
    for pair in range(order // 2):
        # Poles of a Butterworth filter lie on a circle; each conjugate pair is a section with this quality.
        q = 1.0 / (2.0 * math.sin(math.pi * (2 * pair + 1) / (2 * order)))
        cos, alpha = _angle(cutoff_hz, q, sample_rate_hz)
        edge = (1 + cos if is_high else 1 - cos) / 2
        middle = -2 * edge if is_high else 2 * edge
        sections.append(_normalised((edge, middle, edge), (1 + alpha, -2 * cos, 1 - alpha)))
    if order % 2:
        k = math.tan(math.pi * min(cutoff_hz, _HIGHEST * sample_rate_hz) / sample_rate_hz)
        ahead = (1.0, -1.0, 0.0) if is_high else (k, k, 0.0)
        sections.append(_normalised(ahead, (1 + k, k - 1, 0.0)))
    return np.concatenate(sections)


def _shelf(corner_hz: float, gain_db: float, sample_rate_hz: int, *, sign: float) -> Cascade:
    cos, alpha = _angle(corner_hz, math.sqrt(0.5), sample_rate_hz)
    a = 10.0 ** (gain_db / 40.0)
    cos *= sign  # the high shelf is the low shelf mirrored at a quarter of the rate
    root = 2 * math.sqrt(a) * alpha
    ahead = (
        a * ((a + 1) - (a - 1) * cos + root), sign * 2 * a * ((a - 1) - (a + 1) * cos),
        a * ((a + 1) - (a - 1) * cos - root),
    )  # fmt: skip
    back = ((a + 1) + (a - 1) * cos + root, sign * -2 * ((a - 1) + (a + 1) * cos), (a + 1) + (a - 1) * cos - root)
    return _normalised(ahead, back)


def _angle(hz: float, q: float, sample_rate_hz: int) -> tuple[float, float]:
    omega = 2 * math.pi * min(hz, _HIGHEST * sample_rate_hz) / sample_rate_hz
    return math.cos(omega), math.sin(omega) / (2 * q)


def _normalised(ahead: tuple[float, ...], back: tuple[float, ...]) -> Cascade:
    return np.array([[*ahead, *back[1:]]]) / back[0]


@compiled
def _run_section(samples: Block, section: NDArray[np.float64]) -> None:
    """Filter in place (transposed direct form II)."""
    b0, b1, b2, a1, a2 = section
    for c in range(samples.shape[1]):
        first, second = 0.0, 0.0
        for i in range(samples.shape[0]):
            x = np.float64(samples[i, c])
            y = b0 * x + first
            first = b1 * x - a1 * y + second
            second = b2 * x - a2 * y
            if abs(first) < 1e-30:  # denormal numbers would make silence slow
                first = 0.0
            if abs(second) < 1e-30:
                second = 0.0
            samples[i, c] = np.float32(y)
