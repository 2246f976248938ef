"""Programme loudness (EBU R128, ITU-R BS.1770-4) and true peak: streaming meters and a true-peak limiter.

Blocks are float32 of shape (n_samples, n_channels), full scale 1.0. Every result is the same, bit for bit, however
the audio is cut into blocks. Levels of nothing (silence, too short) are None. Gains that follow speech are in
`ducking`; files are not known here.

Checked against pyloudnorm in `tests/unit/test_loudness.py`, against ffmpeg in `tests/resources/test_mixer.py`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.dsp.levels import Samples, as_float, decibels

Block = NDArray[np.float32]

ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
RANGE_GATE_LU = -20.0  # EBU Tech 3342
_STEP_S = 0.1  # gating blocks of 0.4 s overlap by 75 %: all are made of 0.1 s steps
_STEPS_MOMENTARY = 4
_STEPS_SHORT_TERM = 30
_OFFSET_LUFS = -0.691  # so that a 997 Hz sine at 0 dBFS in one channel reads -3.01

OVERSAMPLING = 4
_TAPS = 24  # per phase: with Kaiser beta 7 the pass band is within 0.05 dB up to 0.8 of Nyquist
_KAISER_BETA = 7.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a whole programme.

    `integrated_lufs` is None when no 0.4 s block passes the -70 LUFS gate (silence, or shorter than 0.4 s);
    `range_lu` when nothing lasts 3 s. `true_peak_db` (dBTP) and `peak_db` (sample peak) are None for digital silence.
    """

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_db: float | None
    peak_db: float | None


def measure_loudness(samples: Samples, sample_rate_hz: int) -> Loudness:
    """Loudness of audio in memory: int16 or float, (n_samples,) or (n_samples, n_channels).

    Raises:
        ValueError: as `levels.as_float`.
    """
    block = as_float(samples)
    meter = LoudnessMeter(sample_rate_hz, block.shape[1])
    meter.add(block)
    return meter.result()


class LoudnessMeter:
    """Accumulates blocks; `result` may be asked at any time. Memory: 8 bytes per 0.1 s.

    Loudness costs about 3 ns per stereo sample, the true peak up to twice that: either may be left out (None).
    """

    def __init__(
        self, sample_rate_hz: int, n_channels: int, *, has_loudness: bool = True, has_true_peak: bool = True
    ) -> None:
        self._has_loudness = has_loudness
        self._n_step = max(1, round(_STEP_S * sample_rate_hz))
        self._filters = k_weighting(sample_rate_hz)
        self._state = np.zeros((n_channels, 4))
        self._partial = np.zeros(2)  # samples in the unfinished step, their summed power
        self._steps: list[NDArray[np.float64]] = []
        self._peak_bits = 0
        self._true_peak = TruePeakMeter(n_channels) if has_true_peak else None

    def add(self, block: Block) -> None:
        """Measure one more block, shape (n_samples, n_channels)."""
        if len(block) == 0:
            return
        block = np.ascontiguousarray(block, dtype=np.float32)
        self._peak_bits = max(self._peak_bits, _max_magnitude_bits(block.reshape(-1)))
        if self._has_loudness:
            powers = np.empty(len(block) // self._n_step + 1)
            n_done = _k_weighted_power(block, self._filters, self._n_step, self._state, self._partial, powers)
            self._steps.append(powers[:n_done])
        if self._true_peak is not None:
            self._true_peak.add(block)

    def result(self) -> Loudness:
        """Loudness of everything added so far."""
        steps = np.concatenate([np.empty(0), *self._steps])
        true_peak = self._true_peak.peak() if self._true_peak is not None else 0.0
        peak = float(np.array(self._peak_bits, dtype=np.int32).view(np.float32))
        return Loudness(_integrated(steps), _range(steps), decibels(true_peak), decibels(peak))


class TruePeakMeter:
    """The highest value of the signal between the samples, at `OVERSAMPLING` times the rate."""

    def __init__(self, n_channels: int) -> None:
        self._pending: Block = np.zeros((_TAPS // 2, n_channels), dtype=np.float32)
        self._peak = 0.0

    def add(self, block: Block) -> None:
        """Measure one more block, shape (n_samples, n_channels)."""
        samples = np.concatenate([self._pending, block])
        self._peak = max(self._peak, _peak_between(samples, self._peak))
        self._pending = samples[-(_TAPS - 1) :].copy() if len(samples) >= _TAPS else samples

    def peak(self) -> float:
        """The peak so far as an amplitude, the audio taken to end here."""
        tail = np.zeros((_TAPS // 2, self._pending.shape[1]), dtype=np.float32)
        return max(self._peak, _peak_between(np.concatenate([self._pending, tail]), self._peak))


def _peak_between(samples: Block, floor: float) -> float:
    n_hops = len(samples) - (_TAPS - 1)
    if n_hops <= 0:
        return 0.0
    hop = 64
    peaks = np.empty(-(-n_hops // hop))
    _hop_true_peaks(samples.reshape(-1), samples.shape[1], hop, PHASES, floor, True, peaks)
    return float(peaks.max(initial=0.0))


class TruePeakLimiter:
    """Holds the true peak at `ceiling_db` by riding the gain; where nothing passes the ceiling, samples are untouched.

    The gain is a broken line in steps of 1 ms: it falls over the 5 ms before a peak and returns with a time constant
    of `release_s`. Output is late by the look-ahead: `push` returns what is ready, `flush` the rest, so that as
    many samples come out as went in.
    """

    def __init__(self, sample_rate_hz: int, n_channels: int, *, ceiling_db: float, release_s: float = 0.1) -> None:
        self._hop = max(_TAPS, round(0.001 * sample_rate_hz))
        self._n_attack = max(1, round(0.005 * sample_rate_hz / self._hop))
        self._release = 1.0 - math.exp(-self._hop / (release_s * sample_rate_hz))
        # The product of gain and signal overshoots a little between samples: 0.02 dB of room covers it.
        self._ceiling = float(10.0 ** ((ceiling_db - 0.02) / 20.0))
        self._n_margin = _TAPS // 2
        self._buffer: Block = np.zeros((self._n_margin, n_channels), dtype=np.float32)
        # Required gains in dB, starting two hops before the first hop not yet put out.
        self._required: NDArray[np.float64] = np.zeros(2)
        self._gain_db = 0.0
        self._n_in = 0
        self._n_out = 0
        self.max_reduction_db = 0.0
        self.n_limited_samples = 0

    def push(self, block: Block) -> Block:
        """Take a block, shape (n_samples, n_channels); return the samples that are ready, (n, n_channels)."""
        self._n_in += len(block)
        return self._advance(block)

    def flush(self) -> Block:
        """The samples still held back."""
        n_left = self._n_in - self._n_out
        n_pad = (self._n_attack + 4) * self._hop + self._n_margin + self._hop
        return self._advance(np.zeros((n_pad, self._buffer.shape[1]), dtype=np.float32))[:n_left]

    def _advance(self, block: Block) -> Block:
        self._buffer = np.concatenate([self._buffer, block])
        n_known = len(self._required) - 2  # hops of the buffer already measured
        n_measurable = (len(self._buffer) - 2 * self._n_margin) // self._hop
        if n_measurable > n_known:
            self._measure(n_known, n_measurable)
        n_ready = len(self._required) - 2 - (self._n_attack + 2)
        if n_ready <= 0:
            return self._buffer[:0]
        gains = np.empty(n_ready + 1)
        self._gain_db = _limiter_gains(self._required, self._gain_db, self._n_attack, self._release, gains)
        n_samples = n_ready * self._hop
        out = self._buffer[self._n_margin : self._n_margin + n_samples].copy()
        lowest_db = float(gains.min())
        if lowest_db < 0.0:
            apply_gain_line(out, 10.0 ** (gains / 20.0), self._hop)
            self.max_reduction_db = max(self.max_reduction_db, -lowest_db)
            self.n_limited_samples += self._hop * int(np.count_nonzero(gains[1:] < -0.1))
        self._buffer = self._buffer[n_samples:].copy()
        self._required = self._required[n_ready:].copy()
        self._n_out += n_samples
        return out

    def _measure(self, n_known: int, n_measurable: int) -> None:
        peaks = np.empty(n_measurable - n_known)
        first = n_known * self._hop + 1
        last = n_measurable * self._hop + 2 * self._n_margin
        window = np.ascontiguousarray(self._buffer[first:last]).reshape(-1)
        n_channels = self._buffer.shape[1]
        _hop_true_peaks(window, n_channels, self._hop, PHASES, self._ceiling, False, peaks)
        required = np.minimum(0.0, 20.0 * np.log10(self._ceiling / np.maximum(peaks, self._ceiling)))
        self._required = np.concatenate([self._required, required])


def k_weighting(sample_rate_hz: int) -> NDArray[np.float64]:
    """The two filters of BS.1770 at any rate: rows (b0, b1, b2, a1, a2) of the shelf and the high-pass.

    The analogue parameters behind the standard's 48 kHz table, mapped by the bilinear transform; at 48 kHz they give
    the table back to 9 digits.
    """
    shelf_hz, shelf_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * shelf_hz / sample_rate_hz)
    high = 10.0 ** (shelf_db / 20.0)
    band = high**0.4996667741545416
    a0 = 1.0 + k / shelf_q + k * k
    shelf = [
        (high + band * k / shelf_q + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / shelf_q + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / shelf_q + k * k) / a0,
    ]
    k = math.tan(math.pi * pass_hz / sample_rate_hz)
    a0 = 1.0 + k / pass_q + k * k
    high_pass = [1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / pass_q + k * k) / a0]
    return np.array([shelf, high_pass])


def _oversampling_phases() -> NDArray[np.float32]:
    """The three phases between two samples, each (`_TAPS`,): a Kaiser-windowed sinc with unit gain at DC."""
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    phases = []
    for fraction in np.arange(1, OVERSAMPLING) / OVERSAMPLING:
        distance = offsets - fraction
        window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1.0 - (distance / (_TAPS / 2)) ** 2, 0.0, 1.0)))
        taps = np.sinc(distance) * window
        phases.append(taps / taps.sum())
    return np.array(phases, dtype=np.float32)


PHASES = _oversampling_phases()


def _integrated(steps: NDArray[np.float64]) -> float | None:
    blocks = _moving_mean(steps, _STEPS_MOMENTARY)
    blocks = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if len(blocks) == 0:
        return None
    gate = float(blocks.mean()) * 10.0 ** (RELATIVE_GATE_LU / 10.0)
    return _lufs(float(blocks[blocks > gate].mean()))


def _range(steps: NDArray[np.float64]) -> float | None:
    blocks = _moving_mean(steps, _STEPS_SHORT_TERM)
    blocks = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if len(blocks) == 0:
        return None
    gate = float(blocks.mean()) * 10.0 ** (RANGE_GATE_LU / 10.0)
    low, high = np.percentile(blocks[blocks > gate], [10, 95])
    return _lufs(float(high)) - _lufs(float(low))


def _moving_mean(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    if len(values) < n:
        return np.empty(0)
    means: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(values, n).mean(axis=1)
    return means


def _power(lufs: float) -> float:
    return float(10.0 ** ((lufs - _OFFSET_LUFS) / 10.0))


def _lufs(power: float) -> float:
    return _OFFSET_LUFS + 10.0 * math.log10(power)


@compiled
def _max_magnitude_bits(flat: Block) -> int:
    """The largest magnitude as float32 bits: without their sign bit floats order like integers, which vectorise."""
    bits = flat.view(np.int32)
    highest = np.int32(0)
    for i in range(bits.size):
        highest = max(highest, bits[i] & np.int32(0x7FFFFFFF))
    return int(highest)


@compiled
def _k_weighted_power(
    block: Block,
    filters: NDArray[np.float64],
    n_step: int,
    state: NDArray[np.float64],
    partial: NDArray[np.float64],
    powers: NDArray[np.float64],
) -> int:
    """Mean K-weighted power of each finished step into `powers`, summed over channels; how many were finished.

    Two channels at a time: one filter step waits for the one before, two chains fill the waiting time.
    """
    b0, b1, b2, a1, a2 = filters[0]
    c1, c2 = filters[1, 3], filters[1, 4]
    n_samples, n_channels = block.shape
    n_done = 0
    position = 0
    while position < n_samples:
        n = min(n_samples - position, n_step - int(partial[0]))
        total = partial[1]
        for first in range(0, n_channels, 2):
            second = min(first + 1, n_channels - 1)
            weight = 1.0 if second > first else 0.0
            p1, p2, p3, p4 = state[first]
            q1, q2, q3, q4 = state[second]
            for i in range(position, position + n):
                x = np.float64(block[i, first])
                u = np.float64(block[i, second])
                y = b0 * x + p1
                v = b0 * u + q1
                p1 = (b1 * x + p2) - a1 * y
                q1 = (b1 * u + q2) - a1 * v
                p2 = b2 * x - a2 * y
                q2 = b2 * u - a2 * v
                z = y + p3
                w = v + q3
                p3 = (p4 - 2.0 * y) - c1 * z
                q3 = (q4 - 2.0 * v) - c1 * w
                p4 = y - c2 * z
                q4 = v - c2 * w
                total += z * z + weight * (w * w)
            state[first, 0], state[first, 1], state[first, 2], state[first, 3] = p1, p2, p3, p4
            state[second, 0], state[second, 1], state[second, 2], state[second, 3] = q1, q2, q3, q4
        partial[0] += n
        partial[1] = total
        position += n
        if int(partial[0]) == n_step:
            powers[n_done] = total / n_step
            n_done += 1
            partial[0] = 0.0
            partial[1] = 0.0
            for c in range(n_channels):
                for s in range(4):
                    if abs(state[c, s]) < 1e-30:  # denormal numbers would make silence slow
                        state[c, s] = 0.0
    return n_done


@compiled
def _hop_true_peaks(
    flat: Block, n_channels: int, hop: int, phases: Block, floor: float, is_running: bool, peaks: NDArray[np.float64]
) -> None:
    """The true peak of each hop of interleaved samples into `peaks`.

    The first hop's first sample is number `n_taps // 2 - 1`. A hop that can not pass `floor` gets 0. First all taps,
    then the outer ones are bounded by the highest sample around, so that most hops need few taps or none.
    `is_running` raises the floor to the highest peak so far.
    """
    n_phases, n_taps = phases.shape
    inner_first, inner_last = n_taps // 2 - 4, n_taps // 2 + 4
    outer_gain, whole_gain = 0.0, 0.0
    for p in range(n_phases):
        inner = np.abs(phases[p, inner_first:inner_last]).sum()
        whole = np.abs(phases[p]).sum()
        outer_gain = max(outer_gain, whole - inner)
        whole_gain = max(whole_gain, whole)
    n_outputs = flat.size - (n_taps - 1) * n_channels
    sums = np.empty(hop * n_channels, dtype=np.float32)
    bits = np.empty(1, dtype=np.int32)
    magnitude = bits.view(np.float32)
    for h in range(peaks.size):
        peaks[h] = 0.0
        start = h * hop * n_channels
        n = min(hop * n_channels, n_outputs - start)
        around = flat[start : start + n + (n_taps - 1) * n_channels]
        bits[0] = _max_magnitude_bits(around)
        highest_around = np.float64(magnitude[0])
        if highest_around * whole_gain <= floor:
            continue
        bits[0] = _max_magnitude_bits(around[(n_taps // 2 - 1) * n_channels :][:n])
        peaks[h] = magnitude[0]
        for p in range(n_phases):
            sums[:n] = 0.0
            _add_taps(sums[:n], around, phases[p], inner_first, inner_last, n_channels)
            bits[0] = _max_magnitude_bits(sums[:n])
            if magnitude[0] + highest_around * outer_gain <= floor:
                continue
            _add_taps(sums[:n], around, phases[p], 0, inner_first, n_channels)
            _add_taps(sums[:n], around, phases[p], inner_last, n_taps, n_channels)
            bits[0] = _max_magnitude_bits(sums[:n])
            peaks[h] = max(peaks[h], np.float64(magnitude[0]))
        if is_running:
            floor = max(floor, peaks[h])


@compiled
def _add_taps(sums: Block, samples: Block, taps: Block, first: int, last: int, n_channels: int) -> None:
    for t in range(first, last):
        tap = taps[t]
        shifted = samples[t * n_channels : t * n_channels + sums.size]
        for i in range(sums.size):
            sums[i] += tap * shifted[i]


@compiled
def _limiter_gains(
    required: NDArray[np.float64], gain_db: float, n_attack: int, release: float, gains: NDArray[np.float64]
) -> float:
    """Gain in dB at both ends of each hop that is ready; returns the gain at the last boundary.

    `required[j + 2]` belongs to hop j. A boundary obeys the two hops on each side of it (the interpolation filter
    reaches into its neighbours) and leans toward the requirements of the next `n_attack` hops.
    """
    n = gains.size
    gains[0] = gain_db
    for j in range(n):
        wanted = 0.0
        for d in range(n_attack):
            k = j + d
            near = min(min(required[k], required[k + 1]), min(required[k + 2], required[k + 3]))
            wanted = min(wanted, near * (1.0 - d / n_attack))
        if j > 0:
            gain_db = min(wanted, gain_db * (1.0 - release))
            if gain_db > -1e-4:
                gain_db = 0.0
        else:
            gain_db = min(wanted, gain_db)
        gains[j] = gain_db
    return gain_db


@compiled
def apply_gain_line(block: Block, gains: NDArray[np.float64], hop: int) -> None:
    """Multiply `block` in place by a broken line: `gains[j]` at sample `j * hop`, straight between."""
    n_samples, n_channels = block.shape
    for j in range(gains.size - 1):
        start = j * hop
        slope = (gains[j + 1] - gains[j]) / hop
        for i in range(start, min(start + hop, n_samples)):
            gain = np.float32(gains[j] + slope * (i - start))
            for c in range(n_channels):
                block[i, c] *= gain
