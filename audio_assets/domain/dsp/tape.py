"""What old media add: wow and flutter, crackle, hiss. Samples are float32 (n_samples, n_channels)."""

import math

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.dsp.filters import filtered, high_pass, low_pass
from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.dsp.saturation import reference_level

Block = NDArray[np.float32]

_TAPS, _N_PHASES = 16, 256
_BETA = 8.0
_WOW_PARTS = ((1.0, 0.6), (1.37, 0.3), (2.11, 0.2))  # rates and shares: never quite the same turn twice
_HOP = 64  # samples between points of the delay curve


def wobbled(
    samples: Block,
    sample_rate_hz: int,
    *,
    wow_cents: float,
    wow_hz: float,
    flutter_cents: float,
    flutter_hz: float,
    seed: int,
) -> Block:
    """`samples` from a tape whose speed strays by at most about these cents, slowly (wow) and fast (flutter)."""
    if len(samples) == 0:
        return samples
    phases = np.random.Generator(np.random.PCG64(seed)).random(len(_WOW_PARTS) + 1)
    time_s = np.arange(0, len(samples) + 2 * _HOP, _HOP) / sample_rate_hz
    parts = [(wow_hz * rate, wow_cents * share) for rate, share in _WOW_PARTS] + [(flutter_hz, flutter_cents)]
    shift = np.zeros(len(time_s))
    for (hz, cents), phase in zip(parts, phases, strict=True):
        # A speed that strays by r at f turns per second moves the head by r / (2 pi f) seconds.
        reach_s = (2.0 ** (cents / 1200.0) - 1.0) / (2.0 * math.pi * hz)
        shift += reach_s * sample_rate_hz * np.sin(2.0 * math.pi * (hz * time_s + phase))
    out = np.zeros_like(samples)
    _read_at(np.ascontiguousarray(samples), shift, _HOP, _sinc_table(), out)
    return out


def _sinc_table() -> Block:
    """Windowed sinc at `_N_PHASES` + 1 places between two samples, each (`_TAPS`,) with unit gain at DC."""
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    rows = []
    for phase in np.arange(_N_PHASES + 1) / _N_PHASES:
        distance = offsets - phase
        window = np.i0(_BETA * np.sqrt(np.clip(1.0 - (distance / (_TAPS / 2)) ** 2, 0.0, 1.0)))
        taps = np.sinc(distance) * window
        rows.append(taps / taps.sum())
    return np.array(rows, np.float32)


@compiled
def _read_at(samples: Block, shift: NDArray[np.float64], hop: int, table: Block, out: Block) -> None:
    """`out[i]` is `samples` at i plus the shift there, zero outside.

    `shift` has a point every `hop` samples: it moves so slowly that straight lines between them stray by 1e-4 samples.
    """
    n_samples, n_channels = samples.shape
    n_phases, n_taps = table.shape[0] - 1, table.shape[1]
    for i in range(n_samples):
        point = i // hop
        place = i + shift[point] + (shift[point + 1] - shift[point]) * (i - point * hop) / hop
        whole = math.floor(place)
        fine = (place - whole) * n_phases
        row = int(fine)
        blend = np.float32(fine - row)
        first = int(whole) - (n_taps // 2 - 1)
        for t in range(n_taps):
            at = first + t
            if 0 <= at < n_samples:
                tap = table[row, t] + blend * (table[row + 1, t] - table[row, t])
                for c in range(n_channels):
                    out[i, c] += tap * samples[at, c]


def vinyl_noise(samples: Block, sample_rate_hz: int, *, crackle_db: float, hiss_db: float, clicks_per_s: float,
                seed: int) -> Block:  # fmt: skip
    """Crackle and hiss to lay over `samples`, of the same shape; levels in dB below the peaks of the sound."""
    random = np.random.Generator(np.random.PCG64(seed))
    level = reference_level(samples)
    noise = _crackle(samples.shape, sample_rate_hz, clicks_per_s, random) * np.float32(level * amplitude(crackle_db))
    hiss = random.standard_normal(samples.shape, np.float32)
    hiss = filtered(hiss, np.concatenate([high_pass(400, sample_rate_hz), low_pass(5000, sample_rate_hz, order=1)]))
    noise += hiss * np.float32(level * amplitude(hiss_db) / max(float(np.std(hiss)), 1e-9))
    return noise


def _crackle(shape: tuple[int, ...], sample_rate_hz: int, clicks_per_s: float, random: np.random.Generator) -> Block:
    """Clicks of about unit height at random times: most are small, a few loud, each from somewhere."""
    n_samples = shape[0]
    n_clicks = int(random.poisson(clicks_per_s * n_samples / sample_rate_hz))
    places = np.sort(random.integers(0, max(1, n_samples), n_clicks))
    heights = np.minimum(1.0, 0.22 * np.exp(0.7 * random.standard_normal(n_clicks)))
    signs = random.choice(np.array([-1.0, 1.0]), n_clicks)
    sides = random.uniform(0.3, 1.0, (n_clicks, shape[1]))
    clicks = np.zeros(shape, np.float32)
    np.add.at(clicks, places, (heights * signs)[:, np.newaxis] * sides)
    # A grain of dust rings for half a millisecond; the filters make it so and take its DC.
    ring = np.concatenate([high_pass(700, sample_rate_hz), low_pass(5500, sample_rate_hz)])
    rung = filtered(clicks, ring)
    highest = float(np.max(np.abs(rung), initial=0.0))
    return rung / np.float32(highest) if highest > 0.0 else rung
