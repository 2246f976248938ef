"""The way of a text through a song: the states that words are made of, and the best path through them.

Words stand in their order. Between two of them there may be music, and at a price a word or a whole line may be left
out, so that text which is not sung does not bend the rest. Scores come from `lyric_aligner.py`; nothing here knows
sound. Costs are in the unit of the scores: natural logarithms, scaled. Scores are kept
in two bytes, in steps of `STEP`, because those of a long song are many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled

Floats = NDArray[np.float32]

NO_WORD = -1
STEP = 1 / 1024
_SKIP_WORD = -60.0
_SKIP_LINE, _SKIP_WORD_OF_LINE = -100.0, -20.0
_HURRY = -3.0
"""For passing a sound in two frames instead of three."""
_PAUSE, _PAUSE_AFTER_LINE, _NO_PAUSE_AFTER_LINE = -1.0, -0.5, -5.0
_LONG_LINE, _PAUSE_IN_LONG_LINE = 16, -4.0
"""A line of more words was not broken where it is sung: there may be music anywhere in it."""
_BLOCK_CELLS = 80_000_000
"""Frames x states whose ways back are kept at once, a byte each; longer songs are gone through twice."""


@dataclass(frozen=True, slots=True)
class Graph:
    """States in order of the text; arcs into state `i` are `arcs_at[i]:arcs_at[i + 1]`."""

    column: NDArray[np.int64]  # of the scores
    word: NDArray[np.int64]  # or NO_WORD
    window: NDArray[np.int64]  # (n_states, 2): frames in which the state may be
    arcs_at: NDArray[np.int64]
    arc_from: NDArray[np.int64]
    arc_cost: Floats
    is_end: NDArray[np.bool_]


@dataclass(slots=True)
class _Builder:
    column: list[int] = field(default_factory=list)
    word: list[int] = field(default_factory=list)
    window: list[tuple[int, int]] = field(default_factory=list)
    arcs: list[list[tuple[int, float]]] = field(default_factory=list)

    def add(self, column: int, word: int, window: tuple[int, int], arcs: Sequence[tuple[int, float]]) -> int:
        self.column.append(column)
        self.word.append(word)
        self.window.append(window)
        self.arcs.append(list(arcs))
        return len(self.column) - 1


def graph(
    lines: Sequence[Sequence[Sequence[Sequence[int]]]],
    windows: Sequence[tuple[int, int]],
    *,
    music: int,
    pause: int,
) -> Graph:
    """Return the graph of `lines` of words, each with its pronunciations: columns of scores, three a sound.

    A word without pronunciations is not looked for. Line `i` may be sung in the frames `windows[i]`. `music` and
    `pause` are the columns of what sounds between lines and between the words of one.
    """
    made = _Builder()
    everywhere = (0, 2**62)
    last_music = before_line = made.add(music, NO_WORD, everywhere, ())
    ends: list[int] = []
    number = 0
    for words, window in zip(lines, windows, strict=True):
        known = [index for index, word in enumerate(words) if word]
        for index in known:
            is_first, is_last = index == known[0], index == known[-1]
            arcs = [(last_music, 0.0), *((end, _NO_PAUSE_AFTER_LINE if is_first else 0.0) for end in ends)]
            ends = [_add_sounds(made, said, number + index, window, arcs) for said in words[index]]
            is_long = len(known) > _LONG_LINE
            rest = _PAUSE_AFTER_LINE if is_last else _PAUSE_IN_LONG_LINE if is_long else _PAUSE
            after = [*((end, rest) for end in ends), (last_music, _SKIP_WORD)]
            if is_last:
                after.append((before_line, _SKIP_LINE + _SKIP_WORD_OF_LINE * len(known)))
            last_music = made.add(music if is_last or is_long else pause, NO_WORD, everywhere, after)
        before_line = last_music
        number += len(words)
    is_end = np.zeros(len(made.column), np.bool_)
    is_end[[last_music, *ends]] = True
    counts = [len(arcs) for arcs in made.arcs]
    return Graph(
        np.array(made.column, np.int64),
        np.array(made.word, np.int64),
        np.array(made.window, np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([before for arcs in made.arcs for before, _ in arcs], np.int64),
        np.array([cost for arcs in made.arcs for _, cost in arcs], np.float32),
        is_end,
    )


def _add_sounds(
    made: _Builder, columns: Sequence[int], word: int, window: tuple[int, int], arcs: Sequence[tuple[int, float]]
) -> int:
    state = -1
    for index, column in enumerate(columns):
        into = list(arcs) if index == 0 else [(state, 0.0)]
        if index % 3 == 2:
            into.append((state - 1, _HURRY))
        state = made.add(column, word, window, into)
    return state


def best_path(scores: NDArray[np.int16], text: Graph) -> NDArray[np.int64] | None:
    """Return the state of each frame on the best way through `text`; None where no way leads through.

    `scores` are counts of `STEP`, shape (n_frames, n_columns). Memory: `_BLOCK_CELLS` bytes.
    """
    n_frames, n_states = len(scores), len(text.column)
    n_block = min(n_frames, max(_BLOCK_CELLS // n_states, 1))
    back = np.zeros((n_block, n_states), np.uint8)
    arrays = text.column, text.window, text.arcs_at, text.arc_from, text.arc_cost
    first = np.full(n_states, _NEVER, np.float32)
    first[0] = 0
    entries = [first]  # what stands before each block
    firsts = range(0, n_frames, n_block)
    for start in firsts:
        entries.append(_forward(scores[start : start + n_block], start, entries[-1], back, *arrays))
    final = np.where(text.is_end, entries[-1], np.float32(2 * _NEVER))
    state = int(np.argmax(final))
    if final[state] <= _NEVER / 2:
        return None
    path = np.zeros(n_frames, np.int64)
    for number, start in reversed(list(enumerate(firsts))):
        block = scores[start : start + n_block]
        if start != firsts[-1]:
            _forward(block, start, entries[number], back, *arrays)
        state = _traced(back[: len(block)], state, text.arcs_at, text.arc_from, path[start : start + n_block])
    return path


_NEVER = -1e30


@compiled
def _forward(
    scores: NDArray[np.int16],
    first_frame: int,
    entry: Floats,
    back: NDArray[np.uint8],
    column: NDArray[np.int64],
    window: NDArray[np.int64],
    arcs_at: NDArray[np.int64],
    arc_from: NDArray[np.int64],
    arc_cost: Floats,
) -> Floats:
    """Best score of each state after `scores`; `back` gets the arc by which it was reached, 0 for staying."""
    now, then = entry.copy(), entry.copy()
    step = np.float32(STEP)
    for frame in range(len(scores)):
        if frame % 512 == 0 and now.max() > _NEVER / 2:  # sums of hours would lose the digits that matter
            now -= now.max()
        for state in range(len(column)):
            best, arc = now[state], 0
            for k in range(arcs_at[state], arcs_at[state + 1]):
                reached = now[arc_from[k]] + arc_cost[k]
                if reached > best:
                    best, arc = reached, k - arcs_at[state] + 1
            if window[state, 0] <= first_frame + frame < window[state, 1]:
                then[state] = best + step * scores[frame, column[state]]
            else:
                then[state] = np.float32(_NEVER)
            back[frame, state] = arc
        now, then = then, now
    return now


@compiled
def _traced(
    back: NDArray[np.uint8],
    state: int,
    arcs_at: NDArray[np.int64],
    arc_from: NDArray[np.int64],
    path: NDArray[np.int64],
) -> int:
    """Fill `path` backwards from `state`; return the state before its first frame."""
    for frame in range(len(path) - 1, -1, -1):
        path[frame] = state
        arc = back[frame, state]
        if arc > 0:
            state = arc_from[arcs_at[state] + arc - 1]
    return state
