"""When each word of known lyrics is sung: the whole text laid along the whole song at once.

Aligners of speech look in short recordings for words without music between them. Here every sound of the text is
scored at every instant (pocketsphinx's acoustic model, `acoustic_model.py`) against all other sounds, and the best way
through the song is looked for among all there are (`lyric_search.py`): with music between lines, held notes of any
length, and words that are left out. What the first way takes for singing teaches, song by song, how singing and music
sound here, for the next. No Dagster here: this module is loaded in worker processes.

Measured as the share of word starts within 0.3 s over one sung and four made songs (`tests/bench/lyric_alignment.py`
measures more):
- A sound lasts at least 60 ms (frames of 20 ms), 40 ms at a price: .93. With the 30 ms of speech .85: whole verses go
  elsewhere, because guitars and drums fit a hurried text better than none.
- Learning from the first way: the sung song .87, then .96.
- A long held note is left early on that way, as music. A word before a gap goes on while frames sound like vowels: the
  mean error of word ends .154 to .118 s over the sung song, in which 11 s of two held words were missed; .034 to .041
  over three made ones.
- Sounds between their neighbours (triphones) are needed only where the voice is hardly heard: .85 against .62 there.
- What did not help: levels that tell where a voice is (nothing in four songs, 3 % of the words lost in a fifth),
  adapting the sounds to the singer by the first way (.70 to .64), the mean of the voice alone taken off the cepstra, a
  blend of sounds with and without neighbours, a cheaper way to leave out words.
"""

import importlib.metadata
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray

from audio_assets.domain.alignment_text import text_words
from audio_assets.domain.music.analysis import LyricLine, Lyrics
from audio_assets.domain.phonemes import VOWELS
from resources.engines import acoustic_model, lyric_search, lyric_senones, pocketsphinx

RECIPE = "2"
"""Raise when the same voice and lyrics get other times."""

Floats = NDArray[np.float32]

_FRAME_S = 0.020
_TRUST = 0.2  # of log densities: consecutive frames are far from independent
_WORST = -24.0  # no frame says more against a sound, in scaled nats
_MUSIC_LEVELS = (0.65, 0.5, 0.8)
"""What a frame of 10 ms of music costs, scaled; the right one depends on the song, so several are tried."""
_PAUSE_LEVEL, _PAUSE_SLOPE = 0.4, 0.05
_ACTIVITY_WEIGHT, _ACTIVITY_CLIP = 0.25, 4.0
_N_ROUNDS = 3
_AGREES_S = 0.3
_LINE_SLACK_S = 0.4
_HELD_FRAMES = 10  # that sound like vowels in the mean, for a word to go on; also the least gap
_LEAST_VOWEL, _NO_VOWEL = -1.5, -6.0  # log share of all vowels in a frame of 10 ms, and the least that counts
_MAX_PRONUNCIATIONS = 6
_BLOCK_FRAMES = 64
_RIDGE, _N_NEWTON_STEPS = 20.0, 8
_MUSIC, _PAUSE = -2, -1  # the last columns of the scores
_MOST_SCORES = 80_000_000  # 160 MB; a longer song is scored by sounds without their neighbours, which are few
_LEAST_CONFIDENCE = 0.2
_MOST_MISSING = 0.2
_NOT_HEARD = "hardly any of these words were heard in the song: check that the lyrics belong to it"
_NULL_SCORE = -2.35  # of words that are not sung there: the mean over 24 pairs of song and reversed lyrics
_OF_WORD = (0.13, 1.89)
_OF_LINE, _OF_LINES, _CONSTANT = (0.72, 0.61, 0.26), (4.95, 1.70, 1.21), -8.14
_NEAR_LINES = 4.0
"""Weights of score, agreement (and activity) of a word, its line and the lines around, by logistic regression over
five songs with right lyrics, lyrics of others, with foreign lines put in and with lines missing."""

_Lines: TypeAlias = list[list[list[tuple[int, ...]]]]


def identity() -> dict[str, str]:
    """Return what the times depend on: engine, version, model and recipe."""
    version = importlib.metadata.version("pocketsphinx")
    return {"engine": "lyric_aligner", "version": version, "model": "en-us-ptm", "recipe": RECIPE}


@dataclass(frozen=True, slots=True)
class _Text:
    """Words with their pronunciations as columns of scores, by line; the states those columns stand for."""

    lines: _Lines
    states: NDArray[np.int64]  # (n_columns, 2): state and sound

    @property
    def line_of_word(self) -> NDArray[np.int64]:
        """Number of each word's line, counting anew after every eighth word of one."""
        places = [(number, place // 8) for number, line in enumerate(self.lines) for place in range(len(line))]
        return np.unique(np.array(places, np.int64).reshape(-1, 2), axis=0, return_inverse=True)[1].ravel()


@dataclass(frozen=True, slots=True)
class _Heard:
    """Per frame: scores of each column, of silence and of any vowel, and what tells singing from music.

    The last two columns of the scores are those of music and of a pause: see `_score_music`.
    """

    scores: NDArray[np.int16]  # counts of `lyric_search.STEP`
    silence: Floats
    vowel: Floats
    colour: Floats


@dataclass(frozen=True, slots=True)
class _Way:
    """A way through the song: per word its frames, mean score and mean activity; NaN where it was left out."""

    first: NDArray[np.float64]
    end: NDArray[np.float64]
    score: NDArray[np.float64]
    activity: NDArray[np.float64]


def align_lyrics(voice: Floats, sample_rate_hz: int, lyrics: Lyrics) -> Lyrics:
    """Return `lyrics` with the times of their words in `voice` (mono, shape (n_samples,)), and how sure each is.

    Times that are there already stay: words of lines with times are looked for around those times, others in the whole
    song. A word whose confidence would be under 0.2 is not aligned: no times, confidence 0; a note says so when hardly
    any are. The same input gives the same bits.
    """
    n_frames = round(len(voice) / sample_rate_hz / _FRAME_S)
    text = _read(lyrics, has_neighbours=True)
    if n_frames * len(text.states) > _MOST_SCORES:
        text = _read(lyrics, has_neighbours=False)
    n_wanted = sum(word.start_time is None for line in lyrics.lines for word in line.words)
    if not n_wanted or not len(text.states) or not np.any(voice):
        return lyrics
    heard = _listen(voice, sample_rate_hz, text.states)
    windows = _windows(lyrics, len(heard.scores))
    ways = [way for level in _MUSIC_LEVELS if (way := _sung(heard, text.lines, windows, level)) is not None]
    if not ways:
        return lyrics
    has_line_times = any(line.start_time is not None for line in lyrics.lines)
    decoy = _sung(heard, _backwards(text.lines, is_all=not has_line_times), windows, _MUSIC_LEVELS[0])
    chosen, agreement = _most_agreed(ways)
    return _with_times(lyrics, _held_on(chosen, heard.vowel), _confidences(chosen, agreement, decoy, text.line_of_word))


def _with_times(lyrics: Lyrics, way: _Way, confidences: NDArray[np.float64]) -> Lyrics:
    lines: list[LyricLine] = []
    at = 0
    for line in lyrics.lines:
        words = []
        for number, word in enumerate(line.words, start=at):
            if word.start_time is None and confidences[number] >= _LEAST_CONFIDENCE:
                start_s, end_s = (round(float(frames[number]) * _FRAME_S, 3) for frames in (way.first, way.end))
                word = replace(
                    word, start_time=start_s, end_time=end_s, confidence=round(float(confidences[number]), 3)
                )
            words.append(word)
        at += len(words)
        starts = [word.start_time for word in words if word.start_time is not None]
        ends = [word.end_time for word in words if word.end_time is not None]
        first_s = min(starts, default=None) if line.start_time is None else line.start_time
        lines.append(replace(line, words=tuple(words), start_time=first_s, end_time=max(ends, default=line.end_time)))
    n_found = sum(word.start_time is not None for line in lines for word in line.words)
    notes = lyrics.notes if n_found >= _MOST_MISSING * at else (*lyrics.notes, _NOT_HEARD)
    return replace(lyrics, lines=tuple(lines), notes=notes)


# --- text to sounds ----------------------------------------------------------------------------------------------


def _read(lyrics: Lyrics, *, has_neighbours: bool) -> _Text:
    """The words as sounds, each of which is that between its neighbours or the same everywhere."""
    language = lyrics.language or "en"
    columns: dict[tuple[int, int], int] = {}
    lines: _Lines = []
    for line in lyrics.lines:
        said = [_pronunciations(word.text, language) for word in line.words]
        lines.append([])
        for index, ways in enumerate(said):
            before = said[index - 1][0][-1] if index and said[index - 1] else acoustic_model.SILENCE
            after = said[index + 1][0][0] if index + 1 < len(said) and said[index + 1] else acoustic_model.SILENCE
            lines[-1].append(
                [
                    tuple(
                        columns.setdefault(key, len(columns))
                        for key in _states(sounds, (before, after) if has_neighbours else None)
                    )
                    for sounds in ways
                ]
            )
    return _Text(lines, np.array(list(columns), np.int64).reshape(-1, 2))


def pronunciations(word: str, language: str) -> list[pocketsphinx.Pronunciation]:
    """Ways to say a word of the lyrics, likeliest first, each sound in ARPAbet and IPA; none if nothing can say it."""
    found: dict[tuple[str, ...], pocketsphinx.Pronunciation] = {}
    for readings in _readings(word, language):
        ways: list[pocketsphinx.Pronunciation] = [()]
        for spoken in readings:
            try:
                said = pocketsphinx._said(spoken, language)
            except pocketsphinx.AlignmentError:
                continue
            ways = [way + more for way in ways for more in said]
        for way in ways:
            if way:
                found.setdefault(tuple(arpabet for arpabet, _ in way), way)
    return list(found.values())[:_MAX_PRONUNCIATIONS]


def _pronunciations(word: str, language: str) -> list[tuple[str, ...]]:
    return [tuple(arpabet for arpabet, _ in way) for way in pronunciations(word, language)]


def _readings(word: str, language: str) -> Iterator[tuple[str, ...]]:
    """Spoken words of a word of the lyrics; letters held in writing ("sooo") are said once."""
    pieces = text_words(re.sub(r"([^\W\d_])\1{2,}", r"\1", word), language)
    for number in range(min(max((len(piece.readings) for piece in pieces), default=0), 2)):
        yield tuple(s for piece in pieces for s in piece.readings[min(number, len(piece.readings) - 1)])


def _states(sounds: Sequence[str], around: tuple[str, str] | None) -> Iterator[tuple[int, int]]:
    """State and sound of each third of each of `sounds`, which stand between the two `around` if any."""
    context = ("", *sounds, "") if around is None else (around[0], *sounds, around[1])
    for index, sound in enumerate(sounds):
        is_first, is_last = index == 0, index + 1 == len(sounds)
        place: lyric_senones.Place = (
            "single" if is_first and is_last else "begin" if is_first else "end" if is_last else "inside"
        )
        own = acoustic_model.SOUNDS.index(sound)
        first = own * acoustic_model.N_STATES
        if around is None:
            found: Sequence[int] = range(first, first + acoustic_model.N_STATES)
        else:
            found = lyric_senones.states(sound, context[index], context[index + 2], place)
        yield from ((state, own) for state in found)


def _windows(lyrics: Lyrics, n_frames: int) -> list[tuple[int, int]]:
    """Frames in which each line may be sung: around its times where it has any."""
    windows = []
    for line in lyrics.lines:
        first = 0 if line.start_time is None else round((line.start_time - _LINE_SLACK_S) / _FRAME_S)
        end = n_frames if line.end_time is None else round((line.end_time + _LINE_SLACK_S) / _FRAME_S)
        windows.append((first, end))
    return windows


# --- sound to scores ---------------------------------------------------------------------------------------------


_PIECE_S = 600.0  # features of so much at once
_SCORED_FRAMES = 1000
_N_CEPSTRA = 13
_PEAK = 20_000  # of 16 bits
_VOWELS = acoustic_model.codebooks(sorted(VOWELS - {"AX"}))


def _listen(voice: Floats, sample_rate_hz: int, states: NDArray[np.int64]) -> _Heard:
    samples = voice
    if sample_rate_hz != acoustic_model.RATE_HZ:
        samples = soxr.resample(voice, sample_rate_hz, acoustic_model.RATE_HZ)
    scale = _PEAK / float(np.abs(samples).max(initial=1e-9))
    n_piece = round(_PIECE_S * acoustic_model.RATE_HZ)
    n_frames = [
        len(samples[at : at + n_piece]) // round(_FRAME_S * acoustic_model.RATE_HZ)
        for at in range(0, len(samples), n_piece)
    ]
    heard = _Heard(
        np.zeros((sum(n_frames), len(states) + 2), np.int16),
        np.zeros(sum(n_frames), np.float32),
        np.zeros(sum(n_frames), np.float32),
        np.zeros((sum(n_frames), _N_CEPSTRA), np.float32),
    )
    first = 0
    for number, n in enumerate(n_frames):
        piece = samples[number * n_piece : (number + 1) * n_piece]
        features = acoustic_model.observations((piece * scale).astype(np.int16))[::2][: 2 * n]
        for at in range(0, n, _SCORED_FRAMES):
            rows = slice(first + at, first + min(at + _SCORED_FRAMES, n))
            block = features[2 * at : 2 * min(at + _SCORED_FRAMES, n)]
            heard.scores[rows, :_MUSIC], heard.silence[rows], heard.vowel[rows] = _scored(block, states)
            heard.colour[rows] = _paired(block[:, 0]) / 2
        first += n
    return replace(heard, colour=_colour(heard.colour))


def _scored(features: Floats, states: NDArray[np.int64]) -> tuple[NDArray[np.int16], Floats, Floats]:
    """Scores of `states`, of silence and of any vowel in frames of 20 ms, from features every 10 ms."""
    plain = np.arange(len(acoustic_model.SOUNDS) * acoustic_model.N_STATES)
    any_sound = acoustic_model.log_likelihoods(features, plain, plain // acoustic_model.N_STATES)
    best = any_sound.max(axis=1, keepdims=True)
    level = best + np.log(np.exp(any_sound - best).sum(axis=1, keepdims=True))
    fit = acoustic_model.log_likelihoods(features, states[:, 0], states[:, 1])
    scores = _paired(np.maximum((fit - level) * np.float32(_TRUST), np.float32(_WORST / 2)))
    quiet = acoustic_model.SOUNDS.index(acoustic_model.SILENCE) * acoustic_model.N_STATES
    still = (any_sound[:, quiet : quiet + acoustic_model.N_STATES] - level).max(axis=1)
    vowels = np.exp(any_sound[:, np.isin(plain // acoustic_model.N_STATES, _VOWELS)] - best).sum(axis=1, keepdims=True)
    open_ = np.maximum(np.log(np.maximum(vowels, 1e-9)) + best - level, np.float32(_NO_VOWEL))[:, 0]
    return _counted(scores), _paired(still * np.float32(_TRUST)), np.asarray(_paired(open_) / 2, np.float32)


def _counted(scores: Floats) -> NDArray[np.int16]:
    return np.asarray(np.rint(np.clip(scores, _WORST, -_WORST) / lyric_search.STEP), np.int16)


def _paired(values: Floats) -> Floats:
    return np.asarray(values.reshape(len(values) // 2, 2, *values.shape[1:]).sum(axis=1), np.float32)


def _colour(cepstra: Floats) -> Floats:
    """Cepstra, their means over 0.1 and 0.5 s and deviations over 0.5 s, each with mean 0 and deviation 1; and a 1."""
    n_frames, n = cepstra.shape
    found = np.ones((n_frames, 4 * n + 1), np.float32)
    for number in range(n):  # one at a time: all at once are half a gigabyte for two hours
        x = cepstra[:, number].astype(np.float64)
        long = _smooth(x, 12)
        deviation = np.sqrt(np.maximum(_smooth(x**2, 12) - long**2, 0))
        for kind, values in enumerate((_smooth(x, 2), long, deviation, x)):
            found[:, kind * n + number] = (values - values.mean()) / (values.std() + 1e-6)
    return found


def _smooth(x: NDArray[np.float64], n_side: int) -> NDArray[np.float64]:
    sums = np.cumsum(np.pad(x, (n_side + 1, n_side), mode="edge"))
    return np.asarray((sums[2 * n_side + 1 :] - sums[: -2 * n_side - 1]) / (2 * n_side + 1))


# --- scores to places --------------------------------------------------------------------------------------------


def _backwards(lines: _Lines, *, is_all: bool) -> _Lines:
    """The same words in a wrong order, as long and as hard to sing: how well do words fit that are not sung there."""
    return [line[::-1] for line in (lines[::-1] if is_all else lines)]


def _sung(heard: _Heard, lines: _Lines, windows: Sequence[tuple[int, int]], music_level: float) -> _Way | None:
    """The best way through the song after some rounds of learning how singing sounds in it."""
    n_columns = heard.scores.shape[1]
    text = lyric_search.graph(lines, windows, music=n_columns + _MUSIC, pause=n_columns + _PAUSE)
    activity = np.zeros(len(heard.scores))
    way: _Way | None = None
    for _ in range(_N_ROUNDS):
        _score_music(heard, music_level, activity)
        path = lyric_search.best_path(heard.scores, text)
        if path is None:
            return None
        word = text.word[path]
        fit = heard.scores[np.arange(len(path)), text.column[path]].astype(np.float64) * lyric_search.STEP
        way = _way(word, fit, activity, sum(len(line) for line in lines))
        activity = _log_odds(heard.colour, word != lyric_search.NO_WORD)
    return way


def _held_on(way: _Way, vowel: Floats) -> _Way:
    """`way` with each word before a gap sung for as long as the voice goes on with a vowel, until the next at most."""
    sums = np.concatenate([[0.0], np.cumsum(vowel, dtype=np.float64)])
    is_held = np.append((sums[_HELD_FRAMES:] - sums[:-_HELD_FRAMES]) / _HELD_FRAMES >= _LEAST_VOWEL, False)
    found = np.flatnonzero(~np.isnan(way.first))
    end = way.end.copy()
    for number, following in itertools.zip_longest(found, way.first[found[1:]], fillvalue=len(vowel)):
        last = int(end[number])
        if following - last >= _HELD_FRAMES:
            end[number] = last + int(np.argmin(np.append(is_held[last : int(following)], False)))
    return replace(way, end=end)


def _score_music(heard: _Heard, music_level: float, activity: NDArray[np.float64]) -> None:
    """Fill in the scores of music between lines and between the words of a line, which is less likely."""
    frame = 2 * (music_level + _ACTIVITY_WEIGHT * np.clip(activity, -_ACTIVITY_CLIP, _ACTIVITY_CLIP))
    heard.scores[:, _MUSIC] = _counted(np.maximum(heard.silence, -frame))
    pause = np.maximum(heard.silence - 2 * _PAUSE_SLOPE, -frame - 2 * _PAUSE_LEVEL)
    heard.scores[:, _PAUSE] = _counted(pause)


def _log_odds(colour: Floats, is_sung: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log odds of singing in each frame, by logistic regression (ridge, classes weighted alike, 8 Newton steps)."""
    share = min(max(float(is_sung.mean()), 0.01), 0.99)
    weight = np.where(is_sung, 0.5 / share, 0.5 / (1 - share))
    ridge = np.full(colour.shape[1], _RIDGE)
    ridge[-1] = 1e-3
    slope = np.zeros(colour.shape[1])
    for _ in range(_N_NEWTON_STEPS):
        gradient, curvature = ridge * slope, np.diag(ridge)
        for rows in _row_blocks(len(colour)):
            x = colour[rows].astype(np.float64)
            chance = 1 / (1 + np.exp(-(x @ slope)))
            gradient += ((chance - is_sung[rows]) * weight[rows]) @ x
            curvature += (x * (weight[rows] * chance * (1 - chance))[:, None]).T @ x
        slope -= np.linalg.solve(curvature, gradient)
    return np.concatenate([colour[rows].astype(np.float64) @ slope for rows in _row_blocks(len(colour))])


def _row_blocks(n_rows: int) -> Iterator[slice]:
    """Blocks so small that BLAS does each in one thread: see `acoustic_model.py`."""
    return (slice(first, first + _BLOCK_FRAMES) for first in range(0, n_rows, _BLOCK_FRAMES))


def _way(word: NDArray[np.int64], scores: NDArray[np.float64], activity: NDArray[np.float64], n_words: int) -> _Way:
    way = _Way(*np.full((4, n_words), np.nan))
    edges = np.flatnonzero(np.diff(word, prepend=-2, append=-2))
    for first, end in itertools.pairwise(edges):
        number = word[first]
        if number != lyric_search.NO_WORD:
            way.first[number], way.end[number] = first, end
            way.score[number], way.activity[number] = scores[first:end].mean(), activity[first:end].mean()
    return way


# --- places to confidence ----------------------------------------------------------------------------------------


def _most_agreed(ways: Sequence[_Way]) -> tuple[_Way, NDArray[np.float64]]:
    """The way that the others agree with most, and which share of them (itself included) agrees on each word."""
    starts = np.array([way.first for way in ways]) * _FRAME_S
    agrees = np.abs(starts[:, None] - starts[None]) <= _AGREES_S  # never with a word that was left out
    best = int(np.argmax(agrees.mean(axis=(1, 2))))
    return ways[best], agrees[best].mean(axis=0)


def _confidences(
    way: _Way, agreement: NDArray[np.float64], decoy: _Way | None, line: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How likely each word is within 0.3 s of its time: by its score, agreement and activity and its neighbours'."""
    null = _NULL_SCORE if decoy is None or np.isnan(decoy.score).all() else float(np.nanmean(decoy.score))
    score = np.where(np.isnan(way.score), 3 * _NULL_SCORE - null, way.score - null)
    activity = np.where(np.isnan(way.activity), -2.0, way.activity)
    n_words = np.bincount(line)
    numbers = np.arange(len(n_words))
    nearness = np.exp(-0.5 * ((numbers[:, None] - numbers) / _NEAR_LINES) ** 2) * n_words
    nearness = nearness / nearness.sum(axis=1, keepdims=True)
    evidence = score * _OF_WORD[0] + agreement * _OF_WORD[1] + _CONSTANT
    for values, of_line, of_lines in zip((score, agreement, activity), _OF_LINE, _OF_LINES, strict=True):
        mean = np.bincount(line, values, minlength=len(n_words)) / np.maximum(n_words, 1)
        evidence += (of_line * mean + of_lines * (nearness * mean).sum(axis=1))[line]
    return np.where(np.isnan(way.first), 0.0, 1 / (1 + np.exp(-evidence)))
