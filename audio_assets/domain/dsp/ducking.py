"""Gain that follows speech: a side-chain level per millisecond in, a smooth gain line out. No files, no mixing plan.

A *hop* is one millisecond of samples (`hop_samples`), counted from the first sample of the mix. Levels are mean power
per hop; gains are given at hop boundaries and run straight between them, so that the per-sample work is one multiply.
The same levels give the same bits, however they are cut into blocks.
"""

import math

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled, compiled_reordering_sums
from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.mix_spec import Ducking

Block = NDArray[np.float32]
Line = NDArray[np.float64]

_N_LEVEL_HOPS = 10  # 10 ms: one period of the lowest speaking voice, so that the level does not follow the pitch


def hop_samples(sample_rate_hz: int) -> int:
    """Samples in a hop: a millisecond, at least 8."""
    return max(8, round(sample_rate_hz / 1000))


class Ducker:
    """Turns the triggers' power into the gain of everything else, `n_lookahead` hops late.

    `push` takes the next hops' power; `take(n)` gives the gain at the n + 1 boundaries of the next n hops. Before a
    `take`, `n_lookahead` more hops than it asks for must have been pushed, or `end` called.
    """

    def __init__(self, settings: Ducking, sample_rate_hz: int) -> None:
        hop_s = hop_samples(sample_rate_hz) / sample_rate_hz
        self.n_lookahead = round(settings.lookahead_s / hop_s)
        self.n_events = 0
        self._amount_db = settings.amount_db
        self._threshold = amplitude(settings.threshold_db) ** 2
        self._n_open = self.n_lookahead + round(settings.hold_s / hop_s)
        self._attack = 1.0 - math.exp(-hop_s / settings.attack_s)
        self._release = 1.0 - math.exp(-hop_s / settings.release_s)
        self._state = np.zeros(2)  # gain in dB at the next boundary; hops the gate stays open
        self._recent: Line = np.zeros(_N_LEVEL_HOPS - 1)  # powers before the pending ones, for the running level
        self._pending: Line = np.zeros(0)
        self._has_ended = False
        # The gate hears these before the first gain, which moves with it: speech at sample 0 finds the bed ducked.
        self._n_to_skip = self.n_lookahead

    def push(self, powers: Line) -> None:
        """The next hops' trigger power (mean square, summed over tracks)."""
        self._pending = np.concatenate([self._pending, powers])

    def end(self) -> None:
        """No more power will come: silence follows."""
        self._has_ended = True

    def take(self, n_hops: int) -> Line:
        """Gains in dB at the next n + 1 hop boundaries, shape (n_hops + 1,).

        Raises:
            ValueError: the look-ahead has not been pushed yet.
        """
        n_needed = n_hops + self._n_to_skip
        if len(self._pending) < n_needed:
            if not self._has_ended:
                raise ValueError(f"{n_needed - len(self._pending)} more hops of trigger power are needed first")
            self.push(np.zeros(n_needed - len(self._pending)))
        powers = np.concatenate([self._recent, self._pending[:n_needed]])
        gains = np.empty(n_hops + 1)
        self.n_events += _duck_line(
            powers,
            _N_LEVEL_HOPS,
            self._n_to_skip,
            self._threshold,
            self._n_open,
            -self._amount_db,
            self._attack,
            self._release,
            self._state,
            gains,
        )
        self._n_to_skip = 0
        self._recent = powers[-(_N_LEVEL_HOPS - 1) :].copy()
        self._pending = self._pending[n_needed:].copy()
        return gains


def duck_under_speech(bed: Block, speech: Block, sample_rate_hz: int, settings: Ducking) -> tuple[Block, Line]:
    """`bed` ducked under `speech`, both (n_samples, n_channels) of one length, and the gain line in dB.

    Raises:
        ValueError: the lengths differ.
    """
    if len(bed) != len(speech):
        raise ValueError(f"bed has {len(bed)} samples and speech {len(speech)}; they must be as long as each other")
    hop = hop_samples(sample_rate_hz)
    n_hops = -(-len(bed) // hop)
    powers = np.zeros(n_hops)
    add_hop_powers(np.ascontiguousarray(speech), hop, powers)
    ducker = Ducker(settings, sample_rate_hz)
    ducker.push(powers)
    ducker.end()
    gains_db = ducker.take(n_hops)
    ducked = np.zeros_like(bed)
    add_with_gain_line(ducked, bed, 10.0 ** (gains_db / 20.0), hop)
    return ducked, gains_db


@compiled_reordering_sums
def add_hop_powers(block: Block, hop: int, powers: Line) -> None:
    """Add each hop's mean power over its samples and channels to `powers`; a short last hop counts as padded."""
    n_channels = block.shape[1]
    flat = block.reshape(-1)
    n_hop = hop * n_channels
    for h in range(powers.size):
        part = flat[h * n_hop : min((h + 1) * n_hop, flat.size)]
        total = np.float32(0.0)
        for i in range(part.size):
            total += part[i] * part[i]
        powers[h] += total / n_hop


@compiled
def add_with_gain_line(total: Block, block: Block, gains: Line, hop: int) -> None:
    """`total += block * gain`, gain running straight from `gains[h]` at sample `h * hop` to the next."""
    n_channels = block.shape[1]
    ramp = np.empty(hop * n_channels, dtype=np.float32)
    n_hop = hop * n_channels
    totals, samples = total.reshape(-1), block.reshape(-1)
    for h in range(gains.size - 1):
        start = h * n_hop
        n = min(n_hop, samples.size - start)
        into, piece = totals[start : start + n], samples[start : start + n]
        if gains[h] == gains[h + 1]:
            flat_gain = np.float32(gains[h])
            for i in range(n):
                into[i] += piece[i] * flat_gain
            continue
        slope = (gains[h + 1] - gains[h]) / hop
        for i in range(hop):
            gain = np.float32(gains[h] + slope * i)
            for c in range(n_channels):
                ramp[i * n_channels + c] = gain
        for i in range(n):
            into[i] += piece[i] * ramp[i]


@compiled
def _duck_line(
    powers: Line,
    n_level: int,
    n_skip: int,
    threshold: float,
    n_open: int,
    open_db: float,
    attack: float,
    release: float,
    state: Line,
    gains: Line,
) -> int:
    """Fill `gains` (dB at boundaries); how many times the gate opened.

    `powers` begins with n_level - 1 old hops. Each further hop is heard by the gate and moves the gain; the first
    `n_skip` of them lie before the line. Once open, the gate stays so for `n_open` hops after the last loud one.
    """
    gain_db, n_left = state[0], int(state[1])
    n_events = 0
    gains[0] = gain_db
    for h in range(powers.size - (n_level - 1)):
        level = 0.0
        for k in range(n_level):
            level += powers[h + k]
        if level > threshold * n_level:
            if n_left == 0:
                n_events += 1
            n_left = n_open
        elif n_left > 0:
            n_left -= 1
        target_db = open_db if n_left > 0 else 0.0
        gain_db += (target_db - gain_db) * (attack if target_db < gain_db else release)
        if gain_db > -1e-4 and target_db == 0.0:
            gain_db = 0.0
        if h >= n_skip - 1:
            gains[h - n_skip + 1] = gain_db
    state[0], state[1] = gain_db, float(n_left)
    return n_events
