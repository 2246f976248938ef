"""The phonemes of sung words whose windows are known: which sound of a word is where in the voice.

`lyric_aligner.py` finds the words in a song, `domain/music/sung_phones.py` divides a window; here the acoustic model
says how well each instant of the voice fits each sound. English is listened for, other languages are divided as is
usual. No Dagster here: this module is loaded in worker processes.

Measured on one sung song (`tests/bench/scene_alignment.py`), given the windows of its chart: of the vowels inside words
.95 begin within 0.1 s of their syllable, by usual proportions .78. Ten other settings of trust and lengths gave the
same within .02.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music import sung_phones
from audio_assets.domain.music.scene_lyrics import SceneWord
from audio_assets.domain.timeline import Phone
from resources.engines import acoustic_model, lyric_aligner, lyric_senones, pocketsphinx

Floats = NDArray[np.float64]
How = Literal["aligned", "estimated", "silent", "unknown"]
"""Found in the voice; spread by usual proportions; spread where no sound is; no sounds are known to say it."""

_HOP_S = 0.010
_TRUST = 0.1  # of log densities: consecutive frames are far from independent
_WORST = -1.5  # no frame says more against a sound, in scaled nats
_LEAST_FIT = -0.6
"""Mean scaled nats by which a word's frames may lack: .02 of rightly placed words lack more, and .5 of those that were
put in the place of others or of music."""
_SILENT_BELOW_DB = -50.0
_UNDER_PEAK_DB = 30.0  # what is so far below a word's loudest instant is not the word's any more
_AROUND_S = 0.10  # of quiet that is left to a word at both ends, for its consonants
_MOST_FRAMES = 1500  # a word of more than 15 s is not listened for: the search takes n ** 2
_PEAK = 20_000  # of 16 bits
_SHORTEST_S = 0.001  # stored times are rounded to 0.1 ms


@dataclass(frozen=True, slots=True)
class Voice:
    """A scene's voice every 10 ms: features, how well any sound fits (nats), level in dB of full scale."""

    features: NDArray[np.float32]
    any_sound: NDArray[np.float32]
    level_db: Floats

    @property
    def n_frames(self) -> int:
        """How many instants there are."""
        return len(self.level_db)


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word with the phonemes that sound inside the scene, and how they were placed."""

    word: SceneWord
    phones: tuple[Phone, ...]
    how: How


def listen(samples: NDArray[np.float32]) -> Voice:
    """Return what there is to know of `samples` (16 kHz, mono, full scale 1.0, shape (n,))."""
    n_hop = round(_HOP_S * acoustic_model.RATE_HZ)
    n_frames = len(samples) // n_hop
    if n_frames == 0:
        return Voice(np.zeros((0, 3, 13), np.float32), np.zeros((0, 1), np.float32), np.zeros(0))
    scale = _PEAK / max(float(np.abs(samples).max()), 1e-9)
    features = acoustic_model.observations((samples * scale).astype(np.int16))[::2][:n_frames]
    plain = np.arange(len(acoustic_model.SOUNDS) * acoustic_model.N_STATES)
    fits = acoustic_model.log_likelihoods(features, plain, plain // acoustic_model.N_STATES)
    power = np.mean(np.square(samples[: n_frames * n_hop].reshape(-1, n_hop), dtype=np.float64), axis=1)
    smooth = np.convolve(np.pad(power, 2, mode="edge"), np.full(5, 0.2), "valid")
    best = fits.max(axis=1, keepdims=True)
    return Voice(
        features,
        best + np.log(np.exp(fits - best).sum(axis=1, keepdims=True)),
        np.asarray(10 * np.log10(np.maximum(smooth, 1e-12))),
    )


def place(voice: Voice, word: SceneWord, language: str) -> PlacedWord:
    """Return the phonemes of `word` in the part of its window that lies in the scene.

    They fill the window, but for silence at its ends: an instrumental break after a line is no part of its last word.
    """
    ways = lyric_aligner.pronunciations(word.text, language)
    if not ways:
        return PlacedWord(word, (), "unknown")
    window = _sounding(voice, word)
    if window is None:
        return PlacedWord(word, _usual(ways[0], word, (word.sung_from, word.sung_to)), "silent")
    found = _likeliest(voice, window, ways) if language.partition("-")[0] == "en" else None
    if found is None:
        return PlacedWord(word, _usual(ways[0], word, window), "estimated")
    return PlacedWord(word, _inside(*found, word), "aligned")


def _sounding(voice: Voice, word: SceneWord) -> tuple[float, float] | None:
    """The word's window without quiet at the ends that lie in the scene; None where all of it in the scene is quiet."""
    first, last = (round(time_s / _HOP_S) for time_s in (word.t_start, word.t_end))
    level_db = voice.level_db[first:last]
    if not len(level_db) or level_db.max() < _SILENT_BELOW_DB:
        return None
    loud = np.flatnonzero(level_db >= max(level_db.max() - _UNDER_PEAK_DB, _SILENT_BELOW_DB))
    heard_from, heard_to = (first + loud[0]) * _HOP_S - _AROUND_S, (first + loud[-1] + 1) * _HOP_S + _AROUND_S
    return (
        word.sung_from if word.sung_from < word.t_start else max(word.sung_from, heard_from),
        word.sung_to if word.sung_to > word.t_end else min(word.sung_to, heard_to),
    )


def _usual(said: pocketsphinx.Pronunciation, word: SceneWord, window: tuple[float, float]) -> tuple[Phone, ...]:
    return _inside(sung_phones.usual_edges([arpabet for arpabet, _ in said], *window), said, word)


def _likeliest(
    voice: Voice, window: tuple[float, float], ways: Sequence[pocketsphinx.Pronunciation]
) -> tuple[Floats, pocketsphinx.Pronunciation] | None:
    """The edges of the pronunciation that fits best, in seconds; None where none has room or fits well enough."""
    first, last = (round(time_s / _HOP_S) for time_s in window)
    found: tuple[Floats, pocketsphinx.Pronunciation] | None = None
    best = -np.inf
    for said in ways:
        sounds = [arpabet for arpabet, _ in said]
        if not len(sounds) <= last - first <= _MOST_FRAMES:
            continue
        fit = _fit(voice, first, last, sounds)
        edges, score = sung_phones.likeliest_edges(fit, sounds, _HOP_S)
        if score > best:
            best = score
            own = fit[np.arange(last - first), np.repeat(np.arange(len(sounds)), np.diff(edges))]
            heard = own[max(-first, 0) : voice.n_frames - first]
            times = window[0] + (edges / (last - first)) * (window[1] - window[0])
            found = (times, said) if len(heard) and heard.mean() >= _LEAST_FIT else None
    return found


def _fit(voice: Voice, first: int, last: int, sounds: Sequence[str]) -> Floats:
    """How well frames `[first, last)` fit `sounds`, scaled nats; 0 for frames outside the voice, which say nothing."""
    states: list[int] = []
    codebooks: list[int] = []
    context = (acoustic_model.SILENCE, *sounds, acoustic_model.SILENCE)
    for number, sound in enumerate(sounds):
        is_first, is_last = number == 0, number + 1 == len(sounds)
        place: lyric_senones.Place = (
            "single" if is_first and is_last else "begin" if is_first else "end" if is_last else "inside"
        )
        states += lyric_senones.states(sound, context[number], context[number + 2], place)
        codebooks += [acoustic_model.SOUNDS.index(sound)] * acoustic_model.N_STATES
    rows = slice(max(first, 0), min(last, voice.n_frames))
    densities = acoustic_model.log_likelihoods(voice.features[rows], np.array(states), np.array(codebooks))
    best = (densities - voice.any_sound[rows]).reshape(-1, len(sounds), acoustic_model.N_STATES).max(axis=2)
    fit = np.zeros((last - first, len(sounds)))
    fit[rows.start - first : rows.stop - first] = np.maximum(best * _TRUST, _WORST)
    return fit


def _inside(edges: Floats, said: pocketsphinx.Pronunciation, word: SceneWord) -> tuple[Phone, ...]:
    """The phonemes between `edges` that lie in the part of the word inside the scene, cut at its ends."""
    times = [min(round(float(time_s), 4), word.t_end) for time_s in np.clip(edges, word.t_start, word.t_end)]
    return tuple(
        Phone(ipa, a, b) for (_, ipa), a, b in zip(said, times[:-1], times[1:], strict=True) if b - a >= _SHORTEST_S
    )
