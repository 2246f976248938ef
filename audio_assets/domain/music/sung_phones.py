"""Where the sounds of a sung word lie inside its window: the likeliest division, or the usual one.

Arrays and numbers only; how well a sound fits an instant comes from `resources/engines/sung_phones.py`. In singing the
vowel carries the note: consonants last about as long as in speech, and whatever time is left is the vowels'. Sounds are
ARPAbet; edges are one more than sounds, rise, and begin and end with the window.

- `usual_edges`: consonants short, vowels share the rest. For sounds that nobody can listen for.
- `likeliest_edges`: of all divisions the one that fits the sound best, lengths weighed in.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.phonemes import VOWELS

Floats = NDArray[np.float64]

# Seconds. Consonants as in unhurried speech; a vowel's is the least that it takes before the rest is shared out.
_VOWEL_S, _CONSONANT_S = 0.08, 0.06
_USUAL_S = {
    **dict.fromkeys(("S", "SH", "Z", "ZH", "F", "TH", "CH", "JH"), 0.09),
    **dict.fromkeys(("M", "N", "NG"), 0.07),
}
_HELD = frozenset({"M", "N", "NG", "L", "R"})
"""Consonants that can be sung on a note."""

# What a length costs, in nats: a normal distribution of its logarithm; a vowel that is longer than usual costs little.
_USUAL_VOWEL_S, _VOWEL_SPREAD, _LONG_VOWEL = 0.18, 0.6, 0.05
_CONSONANT_SPREAD, _HELD_SPREAD = 0.5, 0.8
_LONGEST_CONSONANT_S, _OVER_LONG_PER_S = 0.3, 50.0
"""A note is held on its vowel, whatever the sound of it says: an M fits some held vowels better than they do."""
_NEVER = -1e12


def usual_edges(sounds: Sequence[str], t_start: float, t_end: float) -> Floats:
    """Return the edges of `sounds` in `[t_start, t_end)`, shape (n_sounds + 1,): consonants short, vowels the rest.

    Where there is less time than all usually take, all are shortened alike; without a vowel, or with more time than
    that, consonants are stretched alike.
    """
    lengths = np.array([_usual_s(sound) for sound in sounds])
    is_vowel = np.array([sound in VOWELS for sound in sounds], np.bool_)
    rest_s = (t_end - t_start) - lengths.sum()
    if rest_s > 0 and is_vowel.any():
        lengths[is_vowel] += rest_s / is_vowel.sum()
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    return np.asarray(t_start + edges * ((t_end - t_start) / edges[-1]))


def likeliest_edges(fit: Floats, sounds: Sequence[str], hop_s: float) -> tuple[NDArray[np.int64], float]:
    """Return the frames at which sounds begin and the last ends, shape (n_sounds + 1,), and their score per frame.

    `fit` says how well each frame fits each sound, in nats, shape (n_frames, n_sounds). Every sound gets a frame or
    more; exact search over all divisions (a semi-Markov chain). Memory: n_frames ** 2 numbers.

    Raises:
        ValueError: fewer frames than sounds.
    """
    n_frames, n_sounds = fit.shape
    if n_frames < n_sounds:
        raise ValueError(f"{n_frames} frames are too few for {n_sounds} sounds")
    hurry = min(1.0, n_frames * hop_s / sum(map(_usual_s, sounds)))
    summed = np.vstack([np.zeros(n_sounds), np.cumsum(fit, axis=0)])
    places = np.arange(n_frames + 1)
    lengths = places[:, None] - places  # [end, start]
    best = np.full(n_frames + 1, _NEVER)
    best[0] = 0.0
    came_from = np.zeros((n_sounds, n_frames + 1), np.int64)
    for number, sound in enumerate(sounds):
        cost = _length_costs(sound, n_frames, hop_s, hurry)
        reached = (best - summed[:, number]) + cost[np.maximum(lengths, 0)]  # a length of 0 or less costs _NEVER
        came_from[number] = np.argmax(reached, axis=1)
        best = np.maximum(reached.max(axis=1) + summed[:, number], _NEVER)
    edges = [n_frames]
    for number in range(n_sounds - 1, -1, -1):
        edges.append(int(came_from[number, edges[-1]]))
    return np.array(edges[::-1], np.int64), float(best[n_frames] / n_frames)


def _usual_s(sound: str) -> float:
    return _VOWEL_S if sound in VOWELS else _USUAL_S.get(sound, _CONSONANT_S)


def _length_costs(sound: str, n_frames: int, hop_s: float, hurry: float) -> Floats:
    """What each length from 0 to `n_frames` costs; in a hurried word consonants are usually shorter, by `hurry`."""
    lengths_s = np.maximum(np.arange(n_frames + 1), 1) * hop_s
    if sound in VOWELS:
        costs = -0.5 * (np.log(lengths_s / _USUAL_VOWEL_S) / _VOWEL_SPREAD) ** 2
        costs[lengths_s > _USUAL_VOWEL_S] *= _LONG_VOWEL
    else:
        spread = _HELD_SPREAD if sound in _HELD else _CONSONANT_SPREAD
        costs = -0.5 * (np.log(lengths_s / (_usual_s(sound) * hurry)) / spread) ** 2
        costs -= _OVER_LONG_PER_S * np.maximum(lengths_s - _LONGEST_CONSONANT_S, 0.0)
    costs[0] = _NEVER
    return np.asarray(costs)
