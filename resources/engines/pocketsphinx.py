"""Forced alignment with pocketsphinx: which sound of a known text is where in its recording.

pocketsphinx finds the pronunciations, the pauses and the rough places (10 ms); its acoustic model evaluated every 5 ms
(`acoustic_model.py`) and the change of the spectrum (`domain/dsp/boundaries.py`) find the times. The text becomes
words in `domain/alignment_text.py`. No Dagster here: this module is loaded in worker processes.

- `align`, `align_record`: text and audio to a timeline, the record with a confidence.
- `refine`: an engine's own timeline of its own speech, made more exact; any language.
"""

import importlib.metadata
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pocketsphinx
import soxr
from numpy.typing import NDArray

from audio_assets.domain.alignment_text import TextWord, text_words
from audio_assets.domain.dsp import boundaries
from audio_assets.domain.phonemes import ARPABET_TO_IPA, nearest_arpabet
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.speech import SpeechError
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.engines import acoustic_model, espeak_phonemes

RECIPE = "1"
"""Raise when the same bytes get other times."""

_RATE_HZ = acoustic_model.RATE_HZ
_FRAME_S = 0.010
_PAD_S = 0.3
_MAX_PRONUNCIATIONS = 8
_SHORTEST_SOUND_S = 0.030  # three states of 10 ms: the shortest sound the model can find
_PAUSE_S = 0.030  # a silence between sounds that is shorter is taken for their own
_CLOSURE_S = 0.030  # of a stop after a pause: labels by hand begin at the burst, the lips close before it
_STOPS = frozenset({"P", "B", "T", "D", "K", "G", "CH", "JH"})
_TRUST = 0.2  # of the model's log densities: consecutive frames are far from independent
_PIECE_S = 8.0  # long audio is located in pieces of about this length, cut in pauses
_MAX_CELLS = 300_000_000  # frames x states; pocketsphinx takes 8 bytes for each: 2 GB for 280 s of speech
_NO_UNIT = -1
_SILENT_PEAK = 33  # -60 dBFS
_LACKING_EVEN, _LACKING_SCALE = 3.2, 0.35
"""Nats by which frames lack against the best sound: at most 2.6 in 101 utterances with their text, at least 3.8 in the
15 of 102 with a wrong one that pocketsphinx did not refuse at once. The middle gives a confidence of a half."""
_DECODER_SIGMA_S, _ENGINE_SIGMA_S = 0.060, 0.015  # how far rough times are off

Pronunciation = tuple[tuple[str, str], ...]
"""(ARPAbet symbol of the model, IPA symbol that is reported) for each sound."""
Floats = NDArray[np.float64]


class AlignmentError(ValueError):
    """The text can not be found in the audio; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """What the decoder takes for one word: a spoken word of text word `word`, or all of one with several readings."""

    word: int
    pronunciations: tuple[Pronunciation, ...]


@dataclass(frozen=True, slots=True)
class _Sound:
    """One sound or silence in its order: its unit, names in both alphabets, model states, [start, end) in seconds."""

    unit: int
    arpabet: str
    ipa: str
    states: tuple[int, ...]
    start_s: float
    end_s: float

    @property
    def is_silence(self) -> bool:
        return self.unit == _NO_UNIT


def identity() -> dict[str, str]:
    """Return what the times depend on: engine, version, model and recipe."""
    version = importlib.metadata.version("pocketsphinx")
    return {"engine": "pocketsphinx", "version": version, "model": "en-us-ptm", "recipe": RECIPE}


def align(
    pcm: NDArray[np.int16],
    sample_rate_hz: int,
    text: str,
    *,
    lang: str = "en",
    pronunciations: Mapping[str, Sequence[str]] = {},
) -> Timeline:
    """Return when the words and phonemes of `text` are said in `pcm` (int16, mono, shape (n_samples,)).

    `pronunciations` maps a word of the text to its IPA symbols; these very symbols are reported. Other words are looked
    up in the CMU dictionary (English), else read by espeak-ng's rules of `lang`.

    Raises:
        AlignmentError: the text has no words, the audio is silent or too short, or the two do not fit.
    """
    return align_record(pcm, sample_rate_hz, text, lang=lang, pronunciations=pronunciations).timeline


def align_record(
    pcm: NDArray[np.int16],
    sample_rate_hz: int,
    text: str,
    *,
    lang: str = "en",
    pronunciations: Mapping[str, Sequence[str]] = {},
) -> AlignmentRecord:
    """Return what `align` does, with a confidence from 0 (another text is said) to 1.

    The confidence compares each frame under the sound it was given to with the best of all sounds: see `_confidence`.
    """
    words = text_words(text, lang)
    if not words:
        raise AlignmentError(f"the text {text[:60]!r} has no word to find: align only lines that are spoken")
    samples = _prepared(pcm, sample_rate_hz)
    duration_s = len(pcm) / sample_rate_hz
    units = _units(words, lang, pronunciations)
    _check_length(units, duration_s)
    rough = _found(samples, units)
    features, log_mel = acoustic_model.observations(samples), boundaries.log_mel(samples, _RATE_HZ)
    sounds = _with_edges(_located(rough, features, log_mel, near_sigma_s=_DECODER_SIGMA_S), log_mel)
    phones = _phones(sounds, duration_s)
    of_word = [units[sound.unit].word for sound in sounds if not sound.is_silence]
    timeline = Timeline(phones, _words(words, of_word, phones), duration_s)
    return AlignmentRecord(timeline, "pocketsphinx", _confidence(features, sounds))


def refine(pcm: NDArray[np.int16], sample_rate_hz: int, timeline: Timeline) -> Timeline:
    """Return `timeline`, an engine's own of this very `pcm`, with each boundary at the likeliest time near its own.

    Phonemes keep their symbols and order and words their phonemes. Works for any language (each phoneme is judged by
    the closest English one) and never fails for want of a match, because the order and rough times are given. Meant for
    times that are off by 10 ms or more in the mean (Kokoro's); exact ones (espeak's) only lose by it.
    """
    if not timeline.phonemes:
        return timeline
    samples = _prepared(pcm, sample_rate_hz)
    rough = _from_timeline(timeline)
    features, log_mel = acoustic_model.observations(samples), boundaries.log_mel(samples, _RATE_HZ)
    sounds = _with_edges(_located(rough, features, log_mel, near_sigma_s=_ENGINE_SIGMA_S), log_mel)
    phones = _phones(sounds, timeline.duration_s)
    return Timeline(phones, _moved_words(timeline, phones), timeline.duration_s)


# --- text to units of sounds -------------------------------------------------------------------------------------


def _check_length(units: Sequence[_Unit], duration_s: float) -> None:
    n_sounds = sum(min(len(p) for p in unit.pronunciations) for unit in units)
    if duration_s < _SHORTEST_SOUND_S * n_sounds:
        raise AlignmentError(
            f"the audio lasts {duration_s:.2f} s, and its text takes at least {_SHORTEST_SOUND_S * n_sounds:.2f} s to "
            "say: check that they belong together"
        )
    if duration_s / _FRAME_S * n_sounds * acoustic_model.N_STATES > _MAX_CELLS:
        raise AlignmentError(
            f"{duration_s:.0f} s of audio with {len(units)} spoken words are too much at once: cut them in a pause, "
            "five minutes of speech are possible"
        )


def _prepared(pcm: NDArray[np.int16], sample_rate_hz: int) -> NDArray[np.int16]:
    if pcm.ndim != 1 or pcm.dtype != np.int16:
        raise AlignmentError(
            f"audio must be one channel of int16, not {pcm.dtype} of shape {pcm.shape}: mix it down first"
        )
    if not pcm.size or np.abs(pcm.astype(np.int32)).max() < _SILENT_PEAK:
        raise AlignmentError("the audio is silent: there is nothing to align, render the line again")
    if sample_rate_hz == _RATE_HZ:
        return pcm
    return np.asarray(soxr.resample(pcm, sample_rate_hz, _RATE_HZ), np.int16)


def _units(words: Sequence[TextWord], lang: str, given: Mapping[str, Sequence[str]]) -> list[_Unit]:
    given = {**{word.casefold(): symbols for word, symbols in given.items()}, **given}
    units: list[_Unit] = []
    for index, word in enumerate(words):
        symbols = given.get(word.word) or given.get(word.word.casefold())
        if symbols:
            units.append(_Unit(index, (_from_ipa(symbols, word.word),)))
        elif len(word.readings) == 1:
            units += [_Unit(index, _said(spoken, lang)) for spoken in word.readings[0]]
        else:
            units.append(_Unit(index, tuple(_whole(reading, lang) for reading in word.readings)[:_MAX_PRONUNCIATIONS]))
    return units


def _whole(reading: Sequence[str], lang: str) -> Pronunciation:
    return tuple(itertools.chain.from_iterable(_said(spoken, lang)[0] for spoken in reading))


def _said(spoken: str, lang: str) -> tuple[Pronunciation, ...]:
    """Pronunciations of one spoken word: the dictionary's, else espeak-ng's."""
    if lang.split("-")[0] == "en":
        known = _dictionary().get(spoken) or _dictionary().get(spoken.strip("'"))
        if known:
            return tuple(tuple((a, ARPABET_TO_IPA[a]) for a in arpabet.split()) for arpabet in known)
    try:
        symbols = [symbol for word in espeak_phonemes.phonemes(spoken, lang) for symbol in word]
    except SpeechError as error:
        raise AlignmentError(f"no sound is known for the word {spoken!r}: {error}") from error
    return (_from_ipa(symbols, spoken),)


def _from_ipa(symbols: Sequence[str], word: str) -> Pronunciation:
    sounds = [("AH" if arpabet == "AX" else arpabet, s) for s in symbols if (arpabet := nearest_arpabet(s))]
    if not sounds:
        raise AlignmentError(f"no sound is known for the word {word!r}: give its pronunciation in IPA")
    return tuple(sounds)


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, tuple[str, ...]]:
    """Return the CMU dictionary that comes with the model: word -> pronunciations in ARPAbet."""
    found: dict[str, tuple[str, ...]] = {}
    path = Path(pocketsphinx.get_model_path("en-us")) / "cmudict-en-us.dict"
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, arpabet = line.partition(" ")
        bare = word.partition("(")[0]
        found[bare] = (*found.get(bare, ()), arpabet.strip())
    return found


# --- units to rough places ---------------------------------------------------------------------------------------


_DOES_NOT_FIT = (
    "the words of the text were not found in the audio: listen whether it says this text, and give the "
    "pronunciation of unusual words"
)


def _found(samples: NDArray[np.int16], units: Sequence[_Unit]) -> list[_Sound]:
    """Sounds and silences of `units` in `samples`; tried again with silence on both ends, which some speech needs."""
    try:
        return _decoded(samples, units)
    except AlignmentError:
        pad = np.zeros(round(_PAD_S * _RATE_HZ), np.int16)
        sounds = _decoded(np.concatenate([pad, samples, pad]), units)
    end_s = len(samples) / _RATE_HZ
    shifted = [
        replace(s, start_s=max(s.start_s - _PAD_S, 0.0), end_s=min(max(s.end_s - _PAD_S, 0.0), end_s)) for s in sounds
    ]
    return [s for s in shifted if not s.is_silence or s.end_s - s.start_s >= _SHORTEST_SOUND_S]


def _decoded(samples: NDArray[np.int16], units: Sequence[_Unit]) -> list[_Sound]:
    # A decoder of its own for each utterance: a used one fails on the next.
    decoder = pocketsphinx.Decoder(samprate=float(_RATE_HZ), lm=None, dict=None, loglevel="FATAL")
    names: dict[str, tuple[int, Pronunciation]] = {}
    for index, unit in enumerate(units):
        for number, pronunciation in enumerate(unit.pronunciations, start=1):
            names[f"u{index}" if number == 1 else f"u{index}({number})"] = index, pronunciation
    for number, (name, (_, pronunciation)) in enumerate(names.items(), start=1):
        decoder.add_word(name, " ".join(arpabet for arpabet, _ in pronunciation), number == len(names))
    decoder.set_align_text(" ".join(f"u{index}" for index in range(len(units))))
    try:
        _listen(decoder, samples)
        decoder.set_alignment()
        _listen(decoder, samples)
        sounds = list(_sounds(decoder, names))
    except RuntimeError as error:
        raise AlignmentError(_DOES_NOT_FIT) from error
    expected = [unit for unit, _ in itertools.groupby(sound.unit for sound in sounds if not sound.is_silence)]
    if expected != list(range(len(units))):
        raise AlignmentError(_DOES_NOT_FIT)
    return sounds


def _listen(decoder: pocketsphinx.Decoder, samples: NDArray[np.int16]) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def _sounds(decoder: pocketsphinx.Decoder, names: Mapping[str, tuple[int, Pronunciation]]) -> Iterator[_Sound]:
    # Entries are views into the decoder's memory, good only until the next one: take from each what is needed.
    for word in decoder.get_alignment() or ():
        unit, pronunciation = names.get(word.name, (_NO_UNIT, ()))
        said = [
            (p.name, p.start * _FRAME_S, (p.start + p.duration) * _FRAME_S, tuple(int(s.name) for s in p)) for p in word
        ]
        if unit != _NO_UNIT and [name for name, *_ in said] != [arpabet for arpabet, _ in pronunciation]:
            raise AlignmentError(_DOES_NOT_FIT)
        for number, (name, start_s, end_s, states) in enumerate(said):
            yield _Sound(unit, name, pronunciation[number][1] if pronunciation else "", states, start_s, end_s)


def _from_timeline(timeline: Timeline) -> list[_Sound]:
    """Sounds of a timeline, with silences where it has gaps; states without regard to the neighbours."""
    sounds: list[_Sound] = []
    at = 0.0
    for index, phone in enumerate(timeline.phonemes):
        if phone.t_start - at > _PAUSE_S:
            sounds.append(_plain_sound(_NO_UNIT, acoustic_model.SILENCE, "", at, phone.t_start))
        arpabet = nearest_arpabet(phone.phoneme) or "AH"
        name = "AH" if arpabet == "AX" else arpabet
        sounds.append(_plain_sound(index, name, phone.phoneme, phone.t_start, phone.t_end))
        at = phone.t_end
    if timeline.duration_s - at > _PAUSE_S:
        sounds.append(_plain_sound(_NO_UNIT, acoustic_model.SILENCE, "", at, timeline.duration_s))
    return sounds


def _plain_sound(unit: int, arpabet: str, ipa: str, start_s: float, end_s: float) -> _Sound:
    # The first states of the model are those of each sound whatever its neighbours, three a sound, in codebook order.
    first = acoustic_model.SOUNDS.index(arpabet) * acoustic_model.N_STATES
    return _Sound(unit, arpabet, ipa, tuple(range(first, first + acoustic_model.N_STATES)), start_s, end_s)


# --- rough places to times ---------------------------------------------------------------------------------------


def _located(
    rough: Sequence[_Sound], features: NDArray[np.float32], log_mel: Floats, *, near_sigma_s: float
) -> list[_Sound]:
    """`rough` with the times of the model and the spectrum; its own are evidence with a deviation of `near_sigma_s`."""
    strength = boundaries.change(log_mel)
    starts = np.array([sound.start_s for sound in rough])
    for first, last in _pieces(rough):
        piece = rough[first:last]
        from_s = 0.0 if first == 0 else (piece[0].start_s + piece[0].end_s) / 2
        to_s = np.inf if last == len(rough) else (piece[-1].start_s + piece[-1].end_s) / 2
        begin = round(from_s / acoustic_model.HOP_S)
        end = len(features) if to_s == np.inf else round(to_s / acoustic_model.HOP_S) + 1
        entered = _entered(piece, features[begin:end])
        if entered is None:
            continue
        offset_s = begin * acoustic_model.HOP_S
        fine = round(offset_s / boundaries.HOP_S)
        n_fine = round((end - begin) * acoustic_model.HOP_S / boundaries.HOP_S) + 1
        near_s = starts[first + 1 : last] - offset_s
        times = boundaries.best_times(
            entered[:, 1:],
            acoustic_model.HOP_S,
            strength[fine : fine + n_fine],
            near_s=near_s,
            near_sigma_s=near_sigma_s,
        )
        starts[first + 1 : last] = times + fine * boundaries.HOP_S
    ends = [*starts[1:], rough[-1].end_s]
    return [replace(s, start_s=float(a), end_s=float(b)) for s, a, b in zip(rough, starts, ends, strict=True)]


def _pieces(sounds: Sequence[_Sound]) -> Iterator[tuple[int, int]]:
    """Ranges of `sounds` that share their last with the next one's first: a pause, or any sound when none comes."""
    first = 0
    for index, sound in enumerate(sounds[:-1]):
        length_s = sound.start_s - sounds[first].start_s
        is_pause = sound.is_silence and sound.end_s - sound.start_s >= 0.1
        if index > first and length_s >= (_PIECE_S if is_pause else 2 * _PIECE_S):
            yield first, index + 1
            first = index
    yield first, len(sounds)


def _entered(sounds: Sequence[_Sound], features: NDArray[np.float32]) -> Floats | None:
    """Probability that each sound has begun at each frame; None where there is nothing to find or no room for it."""
    names = acoustic_model.codebooks([sound.arpabet for sound in sounds])
    states = np.array([sound.states for sound in sounds], np.int64).ravel()
    if len(sounds) < 2 or len(features) < len(states):
        return None
    fit = acoustic_model.log_likelihoods(features, states, np.repeat(names, acoustic_model.N_STATES))
    stay, go = acoustic_model.log_stay_and_go(names)
    per_frame = _TRUST * acoustic_model.HOP_S / _FRAME_S
    entered = boundaries.entry_probabilities(fit.astype(np.float64) * per_frame, stay * per_frame, go * _TRUST)
    return entered[:, :: acoustic_model.N_STATES]


def _with_edges(sounds: Sequence[_Sound], log_mel: Floats) -> list[_Sound]:
    """`sounds` beginning and ending beside silences where their level says, and without pauses inside them."""
    loudness = boundaries.loudness_db(log_mel)
    end_s = (len(loudness) - 1) * boundaries.HOP_S
    found: list[_Sound] = []
    for index, sound in enumerate(sounds):
        if sound.is_silence:
            found.append(sound)
            continue
        span = (sound.start_s, sound.end_s)
        gap_from_s, gap_to_s = _silence_around(sounds, index, end_s)
        if index == 0 or sound.start_s - gap_from_s > _PAUSE_S:
            span = boundaries.speech_edges(loudness, (gap_from_s, span[0]), span, is_onset=True), span[1]
        if index + 1 == len(sounds) or gap_to_s - sound.end_s > _PAUSE_S:
            span = span[0], boundaries.speech_edges(loudness, (span[1], gap_to_s), span, is_onset=False)
        found.append(replace(sound, start_s=span[0], end_s=max(span)))
    for run in boundaries.quiet_runs(loudness):
        found = [sound if sound.is_silence else _outside(sound, run) for sound in found]
    return found


def _silence_around(sounds: Sequence[_Sound], index: int, end_s: float) -> tuple[float, float]:
    """Where the silences before and after a sound begin and end; its own start and end where there are none."""
    from_s, to_s = sounds[index].start_s, sounds[index].end_s
    if index == 0:
        from_s = 0.0
    elif sounds[index - 1].is_silence:
        from_s = sounds[index - 1].start_s
    if index + 1 == len(sounds):
        to_s = end_s
    elif sounds[index + 1].is_silence:
        to_s = sounds[index + 1].end_s
    return from_s, to_s


def _outside(sound: _Sound, quiet: tuple[float, float]) -> _Sound:
    """`sound` without the pause `quiet`: on its longer side, a stop on that of its burst, with a short closure."""
    quiet_from_s, quiet_to_s = quiet
    if sound.end_s <= quiet_from_s or sound.start_s >= quiet_to_s:
        return sound
    is_stop = sound.arpabet in _STOPS
    before_s, after_s = quiet_from_s - sound.start_s, sound.end_s - quiet_to_s
    if after_s > 0 and (is_stop or after_s >= before_s):
        return replace(sound, start_s=max(sound.start_s, quiet_to_s - (_CLOSURE_S if is_stop else 0.0)))
    if before_s > 0:
        return replace(sound, end_s=quiet_from_s)
    return replace(sound, end_s=min(sound.end_s, sound.start_s + _CLOSURE_S))  # not to be heard at all


def _phones(sounds: Sequence[_Sound], duration_s: float) -> tuple[Phone, ...]:
    spoken = [sound for sound in sounds if not sound.is_silence]
    spans = boundaries.ordered(np.array([[s.start_s, s.end_s] for s in spoken]), duration_s)
    return tuple(Phone(s.ipa, float(a), float(b)) for s, (a, b) in zip(spoken, spans, strict=True))


def _words(words: Sequence[TextWord], of_word: Sequence[int], phones: Sequence[Phone]) -> tuple[Word, ...]:
    grouped = {w: list(g) for w, g in itertools.groupby(zip(of_word, phones, strict=True), key=lambda pair: pair[0])}
    return tuple(
        Word(word.word, grouped[index][0][1].t_start, grouped[index][-1][1].t_end) for index, word in enumerate(words)
    )


def _moved_words(timeline: Timeline, phones: Sequence[Phone]) -> tuple[Word, ...]:
    """Words around the phones that they were around; one without phones stays where it fits between its neighbours."""
    moved: list[Word] = []
    middles = [(p.t_start + p.t_end) / 2 for p in timeline.phonemes]
    for word in timeline.words:
        own = [new for middle, new in zip(middles, phones, strict=True) if word.t_start <= middle < word.t_end]
        if own:
            moved.append(Word(word.word, own[0].t_start, own[-1].t_end))
        else:
            moved.append(word)
    spans = boundaries.ordered(np.array([[w.t_start, w.t_end] for w in moved]).reshape(-1, 2), timeline.duration_s)
    return tuple(Word(w.word, float(a), float(b)) for w, (a, b) in zip(moved, spans, strict=True))


def _confidence(features: NDArray[np.float32], sounds: Sequence[_Sound]) -> float:
    """How well the frames fit the sounds they were given to, against the best of all sounds for each frame."""
    all_states = np.arange(len(acoustic_model.SOUNDS) * acoustic_model.N_STATES)
    fit = acoustic_model.log_likelihoods(features[::2], all_states, all_states // acoustic_model.N_STATES)
    by_sound = fit.reshape(len(fit), -1, acoustic_model.N_STATES).max(axis=2)
    lacking = by_sound.max(axis=1, keepdims=True) - by_sound
    names = acoustic_model.codebooks([sound.arpabet for sound in sounds])
    frames = [
        lacking[round(s.start_s / _FRAME_S) : max(round(s.end_s / _FRAME_S), round(s.start_s / _FRAME_S) + 1), name]
        for s, name in zip(sounds, names, strict=True)
        if not s.is_silence
    ]
    mean = float(np.mean(np.minimum(np.concatenate(frames), 30.0)))
    return float(1 / (1 + np.exp((mean - _LACKING_EVEN) / _LACKING_SCALE)))
