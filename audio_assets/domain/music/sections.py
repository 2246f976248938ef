"""The form of a song: where its sections begin and end.

What speaks for an edge is in `section_evidence`, what sections have in common and what they do in `section_labels`.
Here the best set of edges is chosen by dynamic programming: strong evidence, and lengths that sections usually have.

All is counted in bars. Edges lie on downbeats where there is a beat grid to trust, and on downbeats continued from it
where it has gaps. A song without a beat gets bars of 2 s, and its edges then go to the strongest change of sound within
half a bar. However long the song, at most 2,000 bars are compared; of a longer one, bars are joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import BeatGrid, Section, Span
from audio_assets.domain.music.features import SongFeatures
from audio_assets.domain.music.section_evidence import edge_strength, hear
from audio_assets.domain.music.section_labels import label_sections

Array = NDArray[np.float64]

MIN_GRID_CONFIDENCE = 0.3
_MIN_BARS = 8  # less than two of the shortest sections that would be told apart
_BEATLESS_BAR_S = 2.0
_MAX_BARS = 2000
_LENGTH_BEATS = (8, 64)

_EDGE_COST = 0.75  # what an edge must be worth, 1 being one of the strongest of the song
_NEIGHBOUR_COST = 0.3  # of two edges two bars apart or less, only one can be
_LENGTH_WEIGHT = 0.25
_N_NEIGHBOURS = 2


@dataclass(frozen=True)
class _Bars:
    """`edges` (n + 1,) in seconds, from 0 to the end of the song."""

    edges: Array
    n_beats: int
    is_on_grid: bool


def find_sections(features: SongFeatures, grid: BeatGrid, *, voice: Sequence[Span] = ()) -> tuple[Section, ...]:
    """The sections of a song in order, from 0 to its end without gap or overlap; one if it is short or silent.

    `voice` is where somebody sings; without it nothing is called instrumental, and fewer types are given.
    """
    bars = _bars_of(features, grid)
    if len(bars.edges) <= _MIN_BARS or not features.rms.any():
        return (Section("A1", 0.0, features.duration_s, "section", "A", 0.0),)
    heard = hear(features, bars.edges, bars.n_beats)
    cuts = _best_cuts(edge_strength(heard), _lengths(bars.n_beats))
    times = bars.edges[cuts] if bars.is_on_grid else _at_strongest_change(features, bars.edges[cuts])
    return label_sections(features, times, cuts, heard, voice)


# --- Bars ----------------------------------------------------------------------------------------------------------


def _bars_of(features: SongFeatures, grid: BeatGrid) -> _Bars:
    duration_s = features.duration_s
    is_on_grid = grid.confidence >= MIN_GRID_CONFIDENCE and len(grid.downbeats) > _MIN_BARS / 2
    if is_on_grid:
        bar_s = float(np.median(np.diff(grid.downbeats)))
        starts = _continued(np.array(grid.downbeats), bar_s, duration_s)
        n_beats = grid.beats_per_bar
    else:
        bar_s = _BEATLESS_BAR_S
        starts = np.arange(bar_s, duration_s - bar_s / 2, bar_s)
        n_beats = 4
    edges = np.concatenate([[0.0], starts, [duration_s]])
    n_joined = -(-(len(edges) - 1) // _MAX_BARS)
    if n_joined > 1:
        edges = np.append(edges[:-1:n_joined], duration_s)
    return _Bars(edges, n_beats, is_on_grid)


def _continued(downbeats: Array, bar_s: float, duration_s: float) -> Array:
    """The downbeats, and more of them in gaps at the start, between and at the end; none within 1/4 bar of the ends."""
    inner = downbeats[(downbeats > bar_s / 4) & (downbeats < duration_s - bar_s / 4)]
    if not len(inner):
        return inner
    first, last = float(inner[0]), float(inner[-1])
    lead = first - bar_s * np.arange(int((first - bar_s / 4) / bar_s), 0, -1)
    tail = last + bar_s * np.arange(1, int((duration_s - bar_s / 4 - last) / bar_s) + 1)
    filled = [np.linspace(a, b, max(round((b - a) / bar_s), 1), endpoint=False) for a, b in pairwise(inner)]
    return np.concatenate([lead, *filled, [last], tail])


def _at_strongest_change(features: SongFeatures, times: Array) -> Array:
    """Inner `times` moved to where the spectrum of the second before and after differs most, by half a bar at most."""
    moved = times.copy()
    step_s = 1 / features.frame_rate_hz
    for index, time in enumerate(times[1:-1], start=1):
        places = np.arange(time - _BEATLESS_BAR_S / 2, time + _BEATLESS_BAR_S / 2, 2 * step_s)
        change = [_change_at(features, place) for place in places]
        moved[index] = places[int(np.argmax(change))]
    return moved


def _change_at(features: SongFeatures, time: float) -> float:
    rate_hz = features.frame_rate_hz
    first, middle, last = (max(round(place * rate_hz), 0) for place in (time - 1, time, time + 1))
    before, after = features.mel_db[first:middle], features.mel_db[middle:last]
    return float(np.abs(after.mean(axis=0) - before.mean(axis=0)).sum()) if len(before) and len(after) else 0.0


# --- The best edges ------------------------------------------------------------------------------------------------


def _lengths(n_beats: int) -> dict[int, float]:
    """Lengths a section may have, in bars, and how usual they are."""
    fewest, most = _LENGTH_BEATS
    return {n_bars: _usual(n_bars) for n_bars in range(-(-fewest // n_beats), max(most // n_beats, 1) + 1)}


def _usual(n_bars: int) -> float:
    if n_bars == 8:
        return 1.0
    if n_bars % 4 == 0:
        return 0.6 if n_bars == 4 else 0.5
    return -0.3 if n_bars % 2 else 0.1


def _best_cuts(strength: Array, lengths: dict[int, float]) -> NDArray[np.int64]:
    """The bars at which sections begin, and the number of bars last: what gives the highest sum of edges and lengths.

    The first and the last section may have an unusual length: what they belong to began or ended outside the song.
    """
    n_bars = len(strength) - 1
    worth = _standing_out(strength) - _EDGE_COST
    best = np.full(n_bars + 1, -np.inf)
    best[0] = 0.0
    come_from = np.zeros(n_bars + 1, dtype=np.int64)
    for end in range(1, n_bars + 1):
        for length, usual in lengths.items():
            start = end - length
            if start < 0 or best[start] == -np.inf:
                continue
            is_outer = start == 0 or end == n_bars
            value = best[start] + _LENGTH_WEIGHT * (max(usual, 0.0) if is_outer else usual)
            value += worth[end] if end < n_bars else 0.0
            if value > best[end]:
                best[end], come_from[end] = value, start
    cuts = [n_bars]
    while cuts[-1] > 0:
        cuts.append(int(come_from[cuts[-1]]))
    return np.array(cuts[::-1])


def _standing_out(strength: Array) -> Array:
    """`strength` less a share of the strongest neighbour's."""
    padded = np.pad(strength, _N_NEIGHBOURS)
    n = len(strength)
    shifts = [shift for shift in range(2 * _N_NEIGHBOURS + 1) if shift != _N_NEIGHBOURS]
    neighbour = np.max([padded[shift : shift + n] for shift in shifts], axis=0)
    outstanding: Array = strength - _NEIGHBOUR_COST * neighbour
    return outstanding
