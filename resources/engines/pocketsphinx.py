"""Forced alignment with pocketsphinx: which sound of a known text is where in its recording.

The text becomes words in `audio_assets/domain/alignment_text.py`; boundaries are sharpened in
`audio_assets/domain/dsp/boundaries.py`. No Dagster here: this module is loaded in worker processes.
"""

import importlib.metadata
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pocketsphinx
import soxr
from numpy.typing import NDArray

from audio_assets.domain.alignment_text import TextWord, text_words
from audio_assets.domain.dsp import boundaries
from audio_assets.domain.phonemes import ARPABET_TO_IPA, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.engines import espeak_phonemes

RECIPE = "1"
"""Raise when the same bytes get other times."""

_RATE_HZ = 16_000
_FRAME_S = 0.010
_PAD_S = 0.3
_LATE_S = 0.008  # a pocketsphinx frame starts about half an analysis window before the sound it is about
_MAX_PRONUNCIATIONS = 8
_MIN_PHONE_S = 0.030  # three states of 10 ms: the shortest phone the model can find

Pronunciation = tuple[tuple[str, str], ...]
"""(ARPAbet symbol of the model, IPA symbol that is reported) for each sound."""


class AlignmentError(ValueError):
    """The text can not be found in the audio; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """What the decoder takes for one word: one spoken word (or all of a word with several readings) of text word `word`."""

    word: int
    pronunciations: tuple[Pronunciation, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """One sound as found: of which unit, its reported symbol, [start, end) in seconds."""

    unit: int
    phoneme: str
    start_s: float
    end_s: float


def identity() -> dict[str, str]:
    """What the times depend on: engine, version, model and recipe."""
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
    """Times of the words and phonemes of `text` in `pcm` (int16, mono, shape (n_samples,)).

    `pronunciations` maps a word of the text to its IPA symbols; these very symbols are reported. Other words are looked
    up in the CMU dictionary (English), else read by espeak-ng's rules of `lang`.

    Raises:
        AlignmentError: the text has no words, the audio is silent or too short, or the two do not fit.

    """
    words = text_words(text, lang)
    if not words:
        raise AlignmentError(f"the text {text[:60]!r} has no word to find: align only lines that are spoken")
    units = _units(words, lang, pronunciations)
    samples = _prepared(pcm, sample_rate_hz)
    duration_s = len(pcm) / sample_rate_hz
    _check_length(units, duration_s)
    spans = _found(samples, units)
    return _timeline(spans, words, units, samples, duration_s)


def _check_length(units: Sequence[_Unit], duration_s: float) -> None:
    shortest_s = _MIN_PHONE_S * sum(min(len(p) for p in unit.pronunciations) for unit in units)
    if duration_s < shortest_s:
        raise AlignmentError(
            f"the audio lasts {duration_s:.2f} s, and its text takes at least {shortest_s:.2f} s to say: "
            "check that they belong together"
        )


def _prepared(pcm: NDArray[np.int16], sample_rate_hz: int) -> NDArray[np.int16]:
    if pcm.ndim != 1 or pcm.dtype != np.int16:
        raise AlignmentError(
            f"audio must be one channel of int16, not {pcm.dtype} of shape {pcm.shape}: mix it down first"
        )
    if not pcm.any():
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
    symbols = [s for word in espeak_phonemes.phonemes(spoken, "en-us" if lang == "en" else lang) for s in word]
    return (_from_ipa(symbols, spoken),)


def _from_ipa(symbols: Sequence[str], word: str) -> Pronunciation:
    sounds = [("AH" if arpabet == "AX" else arpabet, s) for s in symbols if (arpabet := nearest_arpabet(s))]
    if not sounds:
        raise AlignmentError(f"no sound is known for the word {word!r}: give its pronunciation in IPA")
    return tuple(sounds)


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, tuple[str, ...]]:
    """The CMU dictionary that comes with the model: word -> pronunciations in ARPAbet."""
    found: dict[str, tuple[str, ...]] = {}
    path = Path(pocketsphinx.get_model_path("en-us")) / "cmudict-en-us.dict"
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, arpabet = line.partition(" ")
        bare = word.partition("(")[0]
        found[bare] = (*found.get(bare, ()), arpabet.strip())
    return found


def _found(samples: NDArray[np.int16], units: Sequence[_Unit]) -> list[_Span]:
    """The sounds of `units` in `samples`; tried a second time with silence on both ends, which some speech needs."""
    try:
        return _decoded(samples, units)
    except AlignmentError:
        pad = np.zeros(round(_PAD_S * _RATE_HZ), np.int16)
        spans = _decoded(np.concatenate([pad, samples, pad]), units)
        end_s = len(samples) / _RATE_HZ
        return [
            _Span(s.unit, s.phoneme, min(max(s.start_s - _PAD_S, 0.0), end_s), min(max(s.end_s - _PAD_S, 0.0), end_s))
            for s in spans
        ]


def _decoded(samples: NDArray[np.int16], units: Sequence[_Unit]) -> list[_Span]:
    decoder = pocketsphinx.Decoder(samprate=float(_RATE_HZ), lm=None, dict=None, loglevel="FATAL")
    names: dict[str, tuple[int, Pronunciation]] = {}
    for index, unit in enumerate(units):
        for number, pronunciation in enumerate(unit.pronunciations, start=1):
            name = f"u{index}" if number == 1 else f"u{index}({number})"
            names[name] = index, pronunciation
    for name, (_, pronunciation) in names.items():
        decoder.add_word(name, " ".join(arpabet for arpabet, _ in pronunciation), name == next(reversed(names)))
    decoder.set_align_text(" ".join(f"u{index}" for index in range(len(units))))
    try:
        _run(decoder, samples)
        decoder.set_alignment()
        _run(decoder, samples)
        # Entries are views into the decoder's memory, good only until the next one: copy as they come.
        aligned = [
            (word.name, [(p.name, p.start * _FRAME_S, (p.start + p.duration) * _FRAME_S) for p in word])
            for word in decoder.get_alignment() or ()
        ]
    except RuntimeError as error:
        raise AlignmentError(_DOES_NOT_FIT) from error
    found = [(*names[name], phones) for name, phones in aligned if name in names]
    if [unit for unit, _, _ in found] != list(range(len(units))):
        raise AlignmentError(_DOES_NOT_FIT)
    if any([p for p, _, _ in phones] != [arpabet for arpabet, _ in said] for _, said, phones in found):
        raise AlignmentError(_DOES_NOT_FIT)
    return [
        _Span(unit, ipa, start_s, end_s)
        for unit, said, phones in found
        for (_, ipa), (_, start_s, end_s) in zip(said, phones, strict=True)
    ]


_DOES_NOT_FIT = (
    "the words of the text were not found in the audio: listen whether it says this text, and give the "
    "pronunciation of unusual words"
)


def _run(decoder: pocketsphinx.Decoder, samples: NDArray[np.int16]) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def _timeline(
    spans: Sequence[_Span],
    words: Sequence[TextWord],
    units: Sequence[_Unit],
    samples: NDArray[np.int16],
    duration_s: float,
) -> Timeline:
    edges = np.array([[s.start_s, s.end_s] for s in spans]).ravel() + _LATE_S
    strength = boundaries.change(boundaries.log_mel(samples, _RATE_HZ))
    starts_ends = boundaries.ordered(boundaries.move_to_change(edges, strength).reshape(-1, 2), duration_s)
    phones = tuple(Phone(s.phoneme, float(a), float(b)) for s, (a, b) in zip(spans, starts_ends, strict=True))
    of_word = [units[s.unit].word for s in spans]
    return Timeline(
        phones,
        tuple(
            Word(word.word, phones[of_word.index(i)].t_start, phones[len(of_word) - 1 - of_word[::-1].index(i)].t_end)
            for i, word in enumerate(words)
        ),
        duration_s,
    )
