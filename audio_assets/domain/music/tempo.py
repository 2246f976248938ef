"""The pulse of a song: one phase that runs through the whole song in step with what is played, at a level of its own.

Which multiple of the pulse is the beat is for `metre` to say; here a slip by half a pulse does not count, so that
stretches of strong off-beats do no harm. Two explanations compete: one tempo for the whole song, whose line is found
in the spectrum of the whole novelty, and a path of tempo and phase, found by Viterbi over local spectra, that pays for
each change. Times are seconds, tempi pulses per minute, phases cycles of the pulse.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.music.features import SongFeatures

Array = NDArray[np.float32]
Numbers = NDArray[np.float64]

_LOCAL_S = 4.0  # loud and quiet stretches count alike on this scale
_LOUDEST = 6.0  # times the local mean: one crash is no louder evidence than this
_FAINT_DB = 0.05  # mean rise of a steady tone; that of music is 0.3 to 1.3
_FAINT = 0.15  # share of the mean novelty, or of music's 0.3, that a stretch needs to count
_HARMONICS = np.array([0.3, 1.0, 0.5, 0.8])  # how much onsets at 1, 1/2, 1/3, 1/4 of the pulse count
_GAIN = 4.0  # how much a second of perfect pulse counts against the costs below
_STEP_S = 0.5
_SHORTEST_S = 3.0
_N_PHASES = 48
_TEMPO_S = 8.0
_JUMP_COST = 60.0  # of starting over at any tempo and phase
_PHASE_COST = 1.0  # of 1/48 cycle off
_STEADY_SLACK = (
    0.22  # of the clarity: a path follows chance as well; a drift of 0.4 % that lasts (80 ms) costs a line 0.3
)
_BPM_RANGE = (70.0, 215.0)
_BPM_GRID = 60 * 2 ** (np.arange(145) / 72)
_BPM_PRIOR = (125.0, 1.0)  # centre, octaves: most people's preferred tempo; only settles which level is called pulse


@dataclass(frozen=True)
class Pulse:
    """`phase[i]` cycles at `times[i]`, rising; `clarity` is about 0.3 for noise, 1 to 3 for music with a beat."""

    times: Numbers
    phase: Numbers
    is_steady: bool
    clarity: float

    @property
    def bpm(self) -> float:
        """The median tempo of all stretches of eight seconds: a phase is one of 48, too coarse from hop to hop."""
        n = min(round(_TEMPO_S / _STEP_S), len(self.phase) - 1)
        return float(np.median(60 * (self.phase[n:] - self.phase[:-n]) / (self.times[n:] - self.times[:-n])))

    def time_at(self, phase: Numbers) -> Numbers:
        """When the pulse reaches each phase; it goes on at its tempo before and after."""
        inside = np.interp(phase, self.phase, self.times)
        rate = np.diff(self.phase[[0, 1, -2, -1]])[[0, 2]] / np.diff(self.times[[0, 1, -2, -1]])[[0, 2]]
        early = np.minimum(phase - self.phase[0], 0) / rate[0]
        late = np.maximum(phase - self.phase[-1], 0) / rate[1]
        return np.asarray(inside + early + late)

    def phase_at(self, time: float) -> float:
        """The phase at a time up to some seconds before or after the pulse's own."""
        from_end = max(time - self.times[-1], 0.0) * float(self.phase[-1] - self.phase[-2])
        inside = float(np.interp(time, self.times, self.phase))
        return float(inside + from_end / (self.times[-1] - self.times[-2]))


@dataclass(frozen=True)
class _Search:
    """How freely a path may move; `gate` is a share of the tempo that the slow tempogram says."""

    window_s: float
    tempo_step: float
    max_steps: int
    tempo_cost: float
    gate: float


_STIFF = _Search(window_s=6.0, tempo_step=1.004, max_steps=3, tempo_cost=0.6, gate=0.08)
_FREE = _Search(window_s=3.0, tempo_step=1.012, max_steps=4, tempo_cost=0.15, gate=0.4)


def whitened(onset: Array, rate_hz: float) -> Array:
    """`onset` with each band relative to its own loudness around, (n, n_bands)."""
    if not len(onset):
        return onset
    local = scipy.ndimage.uniform_filter1d(onset, int(_LOCAL_S * rate_hz) | 1, axis=0, mode="nearest")
    relative = onset / (local + 0.25 * onset.mean(axis=0) + _FAINT_DB)
    return np.asarray(np.minimum(relative, _LOUDEST), dtype=np.float32)


def find_pulse(features: SongFeatures, white: Array) -> Pulse | None:
    """The pulse of the whole song from its whitened onsets; None if nothing begins in it or it is too short."""
    rate_hz = features.onset_rate_hz
    if len(white) < _SHORTEST_S * rate_hz:
        return None
    novelty = white.mean(axis=1)
    novelty = np.maximum(novelty - scipy.ndimage.uniform_filter1d(novelty, int(rate_hz) | 1), 0)
    if novelty.max() <= 0:
        return None
    slow_bpm = _tempo_path(novelty, rate_hz)
    stiff = _phase_path(novelty, rate_hz, slow_bpm, _STIFF)
    line = _steady_line(novelty, rate_hz, stiff)
    if line.clarity > stiff.clarity - _STEADY_SLACK * abs(stiff.clarity):
        return line
    return _phase_path(novelty, rate_hz, slow_bpm, _FREE)


def _windows(novelty: Array, length: int, hop: int) -> Array:
    """Hann-windowed stretches centred at each hop, (n, length)."""
    padded = np.pad(novelty, (length // 2, length))
    n = len(novelty) // hop + 1
    framed = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:n]
    return np.asarray(framed * np.hanning(length).astype(np.float32), dtype=np.float32)


def _tempo_path(novelty: Array, rate_hz: float) -> Numbers:
    """The tempo each second: autocorrelation over eight seconds, combed, followed by Viterbi."""
    length, hop = int(8 * rate_hz), int(rate_hz)
    size = scipy.fft.next_fast_len(2 * length)
    taper = scipy.fft.irfft(np.abs(scipy.fft.rfft(np.hanning(length), size)) ** 2)[:length]
    taper = np.maximum(taper / taper[0], 0.1).astype(np.float32)
    scores = []
    for start in range(0, len(novelty) // hop + 1, 256):
        stretch = novelty[max(start * hop - length, 0) : (start + 256) * hop + length]
        skipped = (start * hop - max(start * hop - length, 0)) // hop
        frames = _windows(stretch, length, hop)[skipped : skipped + 256]
        frames = frames - frames.mean(axis=1, keepdims=True)
        correlation = scipy.fft.irfft(np.abs(scipy.fft.rfft(frames, size)) ** 2)[:, :length]
        scores.append(_combed(correlation / (correlation[:, :1] + 1e-9) / taper, rate_hz))
    score = np.concatenate(scores)[: len(novelty) // hop + 1] * 4
    score += -0.05 * (np.log2(_BPM_GRID / _BPM_PRIOR[0]) / _BPM_PRIOR[1]) ** 2
    score[:, (_BPM_RANGE[0] > _BPM_GRID) | (_BPM_RANGE[1] < _BPM_GRID)] = -10
    return _BPM_GRID[_smooth_path(np.ascontiguousarray(score, dtype=np.float32), 4, 0.15)]


def _combed(correlation: Array, rate_hz: float) -> Array:
    """How strongly each tempo of the grid repeats, at 1 to 8 of its periods, (n, n_tempi)."""
    score = np.zeros((len(correlation), len(_BPM_GRID)), np.float32)
    weight = np.zeros(len(_BPM_GRID), np.float32)
    for multiple in (1, 2, 3, 4, 6, 8):
        lag = 60 * rate_hz / _BPM_GRID * multiple
        fits = lag < min(correlation.shape[1] - 2, 4.5 * rate_hz)
        whole = lag[fits].astype(int)
        part = (lag[fits] - whole).astype(np.float32)
        at_lag = correlation[:, whole] * (1 - part) + correlation[:, whole + 1] * part
        score[:, fits] += at_lag / math.sqrt(multiple)
        weight[fits] += 1 / math.sqrt(multiple)
    return score / weight


@compiled
def _smooth_path(score: Array, reach: int, cost: float) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """The column of each row with the highest sum, where each column moved costs."""
    n, width = score.shape
    total = score[0].astype(np.float64)
    came_from = np.zeros((n, width), np.int16)
    for t in range(1, n):
        new = np.empty(width)
        for k in range(width):
            best, source = -1e30, k
            for j in range(max(0, k - reach), min(width, k + reach + 1)):
                value = total[j] - cost * abs(j - k)
                if value > best:
                    best, source = value, j
            new[k] = best + score[t, k]
            came_from[t, k] = source
        total = new
    path = np.empty(n, np.int64)
    path[n - 1] = np.argmax(total)
    for t in range(n - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


def _phase_path(novelty: Array, rate_hz: float, slow_bpm: Numbers, search: _Search) -> Pulse:
    """Viterbi over tempo and phase, within the gate around `slow_bpm`."""
    hop = round(_STEP_S * rate_hz)
    length = int(search.window_s * rate_hz) | 1
    n = len(novelty) // hop + 1
    times = np.arange(n) * hop / rate_hz
    centre = np.interp(times, np.arange(len(slow_bpm)) * (int(rate_hz) / rate_hz), slow_bpm)
    from_bpm, to_bpm = centre.min() * math.exp(-search.gate), centre.max() * math.exp(search.gate)
    n_tempi = int(math.log(to_bpm / from_bpm) / math.log(search.tempo_step)) + 2
    bpm = from_bpm * search.tempo_step ** np.arange(n_tempi)
    first = np.searchsorted(bpm, centre * math.exp(-search.gate))
    last = np.minimum(np.searchsorted(bpm, centre * math.exp(search.gate)) + 1, n_tempi)
    spectra = _local_spectra(novelty, rate_hz, bpm / 60, length, hop)
    tempi, phases, total = _viterbi(
        spectra * (_HARMONICS * _GAIN * _STEP_S).astype(np.float32),
        bpm / 60 * hop / rate_hz,
        first,
        last,
        search.max_steps,
        search.tempo_cost,
    )
    advance = bpm[tempi] / 60 * hop / rate_hz
    phase = np.empty(n)
    phase[0] = phases[0] / _N_PHASES
    for i in range(1, n):
        expected = phase[i - 1] + 0.5 * (advance[i - 1] + advance[i])
        phase[i] = expected + (phases[i] / _N_PHASES - expected + 0.5) % 1 - 0.5
        if phase[i] <= phase[i - 1]:  # a jump, which must not go back
            phase[i] += 1
    return Pulse(times, phase, is_steady=False, clarity=float(total) / n)


def _local_spectra(novelty: Array, rate_hz: float, tempi_hz: Numbers, length: int, hop: int) -> NDArray[np.complex64]:
    """Share of the novelty around each hop that pulses at harmonics of each tempo, (n_hops, n_tempi, n_harmonics)."""
    offset_s = (np.arange(length) - length // 2) / rate_hz
    harmonic = np.arange(1, len(_HARMONICS) + 1)
    hz = (tempi_hz[:, None] * harmonic).reshape(-1)
    turning = np.exp(-2j * np.pi * offset_s[:, None] * hz).astype(np.complex64)
    faint = _FAINT * max(float(novelty.mean()), 0.3) * float(np.hanning(length).sum())
    n = len(novelty) // hop + 1
    windows = _windows(novelty, length, hop)
    spectra = (windows @ turning.real + 1j * (windows @ turning.imag)) / (windows.sum(axis=1) + faint)[:, None]
    return np.asarray(spectra, dtype=np.complex64).reshape(n, len(tempi_hz), len(harmonic))


@compiled
def _moved(advance: float, before: float, t: int) -> int:  # pragma: no cover - compiled
    """By how many phases the state at hop `t - 1` lies off, for the mean of two advances.

    What rounding leaves over at one hop the next ones take up: else no tempo between whole phases a hop (2.5 apart)
    could be held without paying for slips.
    """
    phases = 0.5 * (advance + before) * _N_PHASES
    return math.floor(0.5 + phases * (t - 1)) - math.floor(0.5 + phases * t)


@compiled
def _viterbi(
    spectra: NDArray[np.complex64],
    advance: Numbers,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    reach: int,
    tempo_cost: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:  # pragma: no cover - compiled
    """Tempo and phase index of each hop and the sum of evidence less costs.

    `advance`: cycles from hop to hop by tempo; `first` to `last`: the tempi allowed at each hop. A state is left for
    one of `reach` tempi either way and at most one phase off what the tempo says, or at `_JUMP_COST` for any.
    """
    n, n_tempi, n_harmonics = spectra.shape
    n_phases = _N_PHASES
    turn = np.empty((n_harmonics, n_phases), np.complex64)
    for h in range(n_harmonics):
        for p in range(n_phases):
            turn[h, p] = np.exp(2j * np.pi * (h + 1) * p / n_phases)
    low = np.float32(-1e30)
    total = np.full((n_tempi, n_phases), low, np.float32)
    rounds = np.full((n_tempi, 2 * n_phases + 2), low, np.float32)  # `total` from phase -1 on, twice round
    jumped = np.uint8(255)
    came_from = np.full((n, n_tempi, n_phases), jumped, np.uint8)
    jump_from = np.zeros((n, 2), np.int64)
    best, code = np.empty(n_phases, np.float32), np.empty(n_phases, np.uint8)
    for t in range(n):
        top = low
        for k in range(n_tempi):
            for p in range(n_phases):
                if total[k, p] > top:
                    top = total[k, p]
                    jump_from[t, 0], jump_from[t, 1] = k, p
            for p in range(2 * n_phases + 2):
                rounds[k, p] = total[k, (p - 1) % n_phases]
        total[:] = low
        for k in range(first[t], last[t]):
            best[:] = np.float32(top - _JUMP_COST) if t else np.float32(0)
            code[:] = jumped
            from_tempo = max(first[t - 1], k - reach) if t else 0
            to_tempo = min(last[t - 1], k + reach + 1) if t else 0
            for j in range(from_tempo, to_tempo):
                start = _moved(advance[k], advance[j], t) % n_phases
                for off in range(3):
                    cost = np.float32(tempo_cost * abs(j - k) + _PHASE_COST * abs(off - 1))
                    this = np.uint8((j - k + reach) * 3 + off)
                    for p in range(n_phases):
                        value = rounds[j, start + off + p] - cost
                        if value > best[p]:
                            best[p] = value
                            code[p] = this
            for p in range(n_phases):
                evidence = np.float32(0)
                for h in range(n_harmonics):
                    z, w = spectra[t, k, h], turn[h, p]
                    evidence += z.real * w.real + z.imag * w.imag
                total[k, p] = best[p] + evidence
                came_from[t, k, p] = code[p]
    k, p, top = 0, 0, low
    for a in range(n_tempi):
        for b in range(n_phases):
            if total[a, b] > top:
                k, p, top = a, b, total[a, b]
    tempi, phases = np.empty(n, np.int64), np.empty(n, np.int64)
    for t in range(n - 1, -1, -1):
        tempi[t], phases[t] = k, p
        step = came_from[t, k, p]
        if t and step == jumped:
            k, p = jump_from[t, 0], jump_from[t, 1]
        elif t:
            j = k + int(step) // 3 - reach
            k, p = j, (p + _moved(advance[k], advance[j], t) + int(step) % 3 - 1) % n_phases
    return tempi, phases, float(top)


def _steady_line(novelty: Array, rate_hz: float, near: Pulse) -> Pulse:
    """The one tempo and phase, within 1.5 % of `near`, that explains most of the whole song."""
    local = scipy.ndimage.uniform_filter1d(novelty, int(6 * rate_hz) | 1)
    level = (novelty / (local + 0.15 * novelty.mean())).astype(np.float32)
    size = scipy.fft.next_fast_len(8 * len(level))
    spectrum, step_hz = scipy.fft.rfft(level, size), rate_hz / size
    hz = np.arange(near.bpm / 60 * 0.985, near.bpm / 60 * 1.015, step_hz / 2)
    phase = np.arange(2 * _N_PHASES) / (2 * _N_PHASES)
    score = np.zeros((len(hz), len(phase)))
    for harmonic, weight in enumerate(_HARMONICS, 1):
        place = hz * harmonic / step_hz
        whole = place.astype(int)
        value = spectrum[whole] * (whole + 1 - place) + spectrum[whole + 1] * (place - whole)
        score += weight * (value[:, None] * np.exp(-2j * np.pi * harmonic * phase)).real
    at_hz, at_phase = np.unravel_index(np.argmax(score), score.shape)
    line = near.times * hz[at_hz] + phase[at_phase]
    return Pulse(near.times, line, is_steady=True, clarity=_clarity_of(novelty, rate_hz, line, hz[at_hz]))


def _clarity_of(novelty: Array, rate_hz: float, phase: Numbers, hz: float) -> float:
    """What `_viterbi` would sum up along a steady line, per hop."""
    length, hop = int(_STIFF.window_s * rate_hz) | 1, round(_STEP_S * rate_hz)
    spectra = _local_spectra(novelty, rate_hz, np.array([hz]), length, hop)[:, 0]
    turn = np.exp(-2j * np.pi * np.arange(1, len(_HARMONICS) + 1) * phase[:, None])
    return float(((spectra * turn).real @ (_HARMONICS * _GAIN * _STEP_S)).mean())
