"""Music made longer or shorter: jumps from bar line to bar line, where the music on both sides is most alike.

Samples are float32 (n_samples, n_channels), places are sample indices. `plan_jumps` says which stretches of the source
play in which order, `spliced` joins them with crossfades of constant power.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]

FADE_S = 0.03
_SEARCH_S = 0.02  # how far a bar line may be off: the best match of the waveforms lies within
_GRACE_S = 0.025
_N_BANDS, _N_PARTS = 20, 4  # what a bar is compared by: levels of 20 bands in each quarter
_LEAST_LOOP_BARS = 4
_PHRASE_BARS = 4
_PENALTY_REPEAT = 0.06  # per repeat, in units of correlation: fewer, longer loops are less tiring
_PENALTY_PHRASE = 0.1  # for a jump that does not skip whole phrases


@dataclass(frozen=True, slots=True)
class Stretch:
    """Source samples [start, end) that play in one go."""

    start: int
    end: int


def plan_jumps(samples: Block, sample_rate_hz: int, bar_lines: Sequence[int], n_wanted: int) -> list[Stretch]:
    """Stretches that play `n_wanted` samples or up to one bar less: the source's beginning, jumps, its ending.

    A source of that length already is one stretch. `bar_lines` ascend; jumps go from one of them to another.
    """
    n_source = len(samples)
    lines = np.array([line for line in bar_lines if 0 < line < n_source], np.int64)
    if len(lines) < 2:
        return [Stretch(0, min(n_source, n_wanted))]
    n_bar = int(np.median(np.diff(lines)))
    if n_wanted - n_bar < n_source <= n_wanted:
        return [Stretch(0, n_source)]
    likeness = _likeness(_bar_looks(samples, sample_rate_hz, lines, n_bar))
    if n_source > n_wanted:
        return _shortened(lines, likeness, n_source, n_wanted, n_bar)
    return _lengthened(lines, likeness, n_source, n_wanted, n_bar)


def plan_plain_jumps(n_source: int, n_fade: int, n_wanted: int) -> list[Stretch]:
    """Without bar lines: the source over and over, or its beginning, exactly `n_wanted` samples."""
    stretches: list[Stretch] = []
    n_left = n_wanted
    n_round = max(1, n_source - n_fade)
    while n_left > n_source:
        stretches.append(Stretch(n_fade if stretches else 0, n_source))
        n_left -= n_round if stretches[:-1] else n_source
    start = n_fade if stretches else 0
    if n_left > 0:
        stretches.append(Stretch(start, min(n_source, start + n_left)))
    return stretches


def spliced(samples: Block, stretches: Sequence[Stretch], n_fade: int) -> Block:
    """The stretches in a row, each joined to the next by a crossfade of `n_fade` samples that ends at its start.

    As long as all of them together. Gains follow the likeness of what is crossed, so that the power stays level.
    """
    n_out = sum(stretch.end - stretch.start for stretch in stretches)
    out = np.zeros((n_out, samples.shape[1]), np.float32)
    at = 0
    for stretch in stretches:
        n = stretch.end - stretch.start
        out[at : at + n] = samples[stretch.start : stretch.end]
        n_cross = min(n_fade, at, stretch.start)
        if n_cross > 1:
            ahead = samples[stretch.start - n_cross : stretch.start]
            out[at - n_cross : at] = _crossed(out[at - n_cross : at], ahead)
        at += n
    return out


def aligned(samples: Block, sample_rate_hz: int, stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same stretches with each jump's landing moved by at most 20 ms to where the waveforms match best."""
    mono = samples.mean(axis=1)
    reach = round(_SEARCH_S * sample_rate_hz)
    n_look = round(0.1 * sample_rate_hz)
    moved = [stretches[0]] if stretches else []
    for before, stretch in pairwise(stretches):
        lag = _best_lag(mono, before.end, stretch.start, n_look, reach)
        moved.append(Stretch(stretch.start + lag, stretch.end))
    return moved


def mapped_times(times_s: Sequence[float], stretches: Sequence[Stretch], sample_rate_hz: int) -> list[float]:
    """Where moments of the source lie in the spliced result; a moment that plays twice is there twice."""
    mapped: list[float] = []
    at = 0
    for stretch in stretches:
        first_s, last_s = stretch.start / sample_rate_hz, stretch.end / sample_rate_hz
        # A landing may have moved past its bar line: what lies just before a joint belongs to what begins there.
        mapped += [
            at / sample_rate_hz + max(0.0, time - first_s)
            for time in times_s
            if first_s - _GRACE_S <= time < last_s - _GRACE_S
        ]
        at += stretch.end - stretch.start
    return mapped


# --- Where to jump -----------------------------------------------------------------------------------------------


def _shortened(
    lines: NDArray[np.int64], likeness: NDArray[np.float64], n_source: int, n_wanted: int, n_bar: int
) -> list[Stretch]:
    """[0, leave) and [land, end): skips as much as must be."""
    best, best_score = (-1, -1), -math.inf
    for leave in range(len(lines)):
        for land in range(leave + 1, len(lines)):
            n = int(lines[leave]) + n_source - int(lines[land])
            if not n_wanted - n_bar <= n <= n_wanted:
                continue
            is_phrase = (land - leave) % _PHRASE_BARS == 0
            score = likeness[leave, land] - (0.0 if is_phrase else _PENALTY_PHRASE)
            if score > best_score:
                best, best_score = (leave, land), score
    if best == (-1, -1):  # shorter than beginning and ending need: the beginning alone, to the last bar line
        fitting = [int(line) for line in lines if line <= n_wanted]
        return [Stretch(0, fitting[-1] if fitting and fitting[-1] > n_wanted - n_bar else n_wanted)]
    return [Stretch(0, int(lines[best[0]])), Stretch(int(lines[best[1]]), n_source)]


def _lengthened(
    lines: NDArray[np.int64], likeness: NDArray[np.float64], n_source: int, n_wanted: int, n_bar: int
) -> list[Stretch]:
    """[0, leave), then [land, leave) again and again, once from a later bar to make the length right, and the end."""
    least = min(_LEAST_LOOP_BARS, len(lines) - 1)
    best: tuple[float, list[int], int] = (-math.inf, [], 0)
    for land in range(len(lines)):
        for leave in range(land + least, len(lines)):
            n_loop = int(lines[leave] - lines[land])
            n_repeats, n_rest = divmod(n_wanted - n_source, n_loop)
            lands = [land] * n_repeats
            shorter = int(np.searchsorted(lines, lines[leave] - n_rest))  # the longest loop that still fits
            if shorter < leave:
                lands.append(shorter)
                n_rest -= int(lines[leave] - lines[shorter])
            if not lands:
                continue
            scores = [float(likeness[leave, at]) - (0.0 if (leave - at) % _PHRASE_BARS == 0 else _PENALTY_PHRASE)
                      for at in lands]  # fmt: skip
            missing = max(0.0, n_rest / n_bar - 1.0)
            score = sum(scores) / len(scores) - len(lands) * _PENALTY_REPEAT - missing
            if score > best[0]:
                best = score, lands, leave
    _, lands, leave = best
    edges = [0, *(int(lines[at]) for at in lands)]
    ends = [int(lines[leave])] * len(lands) + [n_source]
    return [Stretch(start, end) for start, end in zip(edges, ends, strict=True)]


def _bar_looks(
    samples: Block, sample_rate_hz: int, lines: NDArray[np.int64], n_bar: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each bar line's bar before and bar after look like: two arrays (n_lines, features), zero mean."""
    mono = samples.mean(axis=1)
    n_part = max(256, n_bar // _N_PARTS)
    padded = np.concatenate([np.zeros(n_bar + n_part, np.float32), mono, np.zeros(n_bar + n_part, np.float32)])
    edges_hz = np.geomspace(60.0, min(12_000.0, 0.45 * sample_rate_hz), _N_BANDS + 1)
    bins = np.unique(np.ceil(edges_hz * n_part / sample_rate_hz).astype(np.int64))
    window = np.hanning(n_part).astype(np.float32)

    def looks(starts: NDArray[np.int64]) -> NDArray[np.float64]:
        rows = []
        for start in starts:
            parts = padded[start : start + _N_PARTS * n_part].reshape(_N_PARTS, n_part)
            power = np.square(np.abs(np.fft.rfft(parts * window, axis=1)).astype(np.float64))
            bands = np.add.reduceat(power, bins, axis=1)[:, :-1]
            rows.append(np.log(bands + 1e-6).reshape(-1))
        return np.array(rows)

    before, after = looks(lines + n_part), looks(lines + n_bar + n_part)
    center = after.mean(axis=0)
    return before - center, after - center


def _likeness(looks: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
    """For each pair of bar lines: how well what comes before and after them matches, at most 1."""

    def cosines(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        unit = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
        alike: NDArray[np.float64] = unit @ unit.T
        return alike

    before, after = looks
    return 0.5 * (cosines(before) + cosines(after))


# --- Joints ------------------------------------------------------------------------------------------------------


def _crossed(out: Block, into: Block) -> Block:
    n = len(out)
    angle = 0.5 * np.pi * (np.arange(n) + 0.5) / n
    fall, rise = np.cos(angle), np.sin(angle)
    power = math.sqrt(float(np.sum(np.square(out))) * float(np.sum(np.square(into))))
    alike = float(np.clip(np.sum(out * into) / power, 0.0, 1.0)) if power > 0.0 else 0.0
    level = 1.0 / np.sqrt(1.0 + 2.0 * alike * fall * rise)
    crossed: Block = (out * (fall * level)[:, np.newaxis] + into * (rise * level)[:, np.newaxis]).astype(np.float32)
    return crossed


def _best_lag(mono: NDArray[np.float32], leave: int, land: int, n_look: int, reach: int) -> int:
    """The lag at which the sound around `land` matches that around `leave` best; 0 where there is not enough."""
    first = min(n_look, leave, land - reach)
    last = min(n_look, len(mono) - leave, len(mono) - land - reach)
    if first < reach or last < reach:
        return 0
    wanted = mono[leave - first : leave + last].astype(np.float64)
    around = mono[land - first - reach : land + last + reach].astype(np.float64)
    size = 1 << (len(around) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(wanted, size)), size)[: 2 * reach + 1]
    energy = np.cumsum(np.concatenate([[0.0], np.square(around)]))
    norms = np.sqrt(energy[len(wanted) :] - energy[: -len(wanted)] + 1e-9)[: 2 * reach + 1]
    return int(np.argmax(product / norms)) - reach
