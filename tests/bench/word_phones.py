"""How far the sounds of words whose times are known are from where they are: only spread, and listened for.

By hand: `speech` of the shared data, 27 phones. Kokoro: its refined times are taken for true, which flatters what is
refined alike; it is there for the languages. Starts of all phones count, those of words too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.phonemes import ARPABET_TO_IPA
from audio_assets.domain.speech import SpeechRequest
from audio_assets.domain.timeline import Phone, Timeline, Word
from audio_assets.domain.word_phones import spread
from resources.engines import kokoro, pocketsphinx
from tests.bench.alignment_error import SENTENCES, by_hand
from tests.bench.measuring import Figure, Skipped, data_root, model, shared

ELSEWHERE = {
    "fr": ("ff_siwis", ("Bonjour, comment allez-vous aujourd'hui ?", "Le train part à huit heures du matin.")),
    "it": ("if_sara", ("Buongiorno, come stai oggi?", "Il treno parte alle otto di mattina.")),
    "es": ("ef_dora", ("Buenos días, cómo estás hoy?", "El tren sale a las ocho de la mañana.")),
}
MOVED_S = 0.05


@dataclass(frozen=True)
class Utterance:
    """Speech and its true times."""

    pcm: NDArray[np.int16]
    rate_hz: int
    words: Sequence[Word]
    phones: Sequence[Phone]


def measure() -> Iterator[Figure]:
    """Mean errors in ms."""
    with data_root():
        try:
            yield from of_set("labelled by hand", [*labelled()])
        except Skipped as reason:
            yield Figure("phones of words, labelled by hand", f"skipped: {reason}")
        try:
            yield from of_set("Kokoro, en", [*spoken("en", "af_heart", SENTENCES), *spoken("en", "am_adam", SENTENCES)])
            for lang, (voice, texts) in ELSEWHERE.items():
                yield from of_set(f"Kokoro, {lang}", [*spoken(lang, voice, texts)])
        except Skipped as reason:
            yield Figure("phones of words, Kokoro", f"skipped: {reason}")


def labelled() -> Iterator[Utterance]:
    """Speech that people have labelled."""
    for one in by_hand(shared("speech")):
        phones = [Phone(ARPABET_TO_IPA[name], start, end) for name, start, end in one.phones]
        if phones:
            yield Utterance(one.pcm, one.sample_rate_hz, [Word(*word) for word in one.words], phones)


def spoken(lang: str, voice: str, texts: Sequence[str]) -> Iterator[Utterance]:
    """Kokoro's speech with its refined times."""
    folder = model("kokoro")
    for text in texts:
        speech = kokoro.speak(SpeechRequest(text, lang, ((voice, 1.0),)), folder)
        assert speech.timeline is not None
        refined = pocketsphinx.refine(speech.pcm, speech.sample_rate_hz, speech.timeline)
        yield Utterance(speech.pcm, speech.sample_rate_hz, refined.words, refined.phonemes)


def of_set(name: str, utterances: Sequence[Utterance]) -> Iterator[Figure]:
    """The errors over one set, with true words and with words that are moved."""
    for how, moved_s in (("true words", 0.0), (f"words moved by {1000 * MOVED_S:.0f} ms", MOVED_S)):
        random = np.random.default_rng(0)
        errors: dict[str, list[float]] = {"spread": [], "listened for": []}
        for one in utterances:
            words, sounds = _sounding(one)
            duration_s = len(one.pcm) / one.rate_hz
            filled = spread(
                _moved(words, moved_s, duration_s, random), [[p.phoneme for p in own] for own in sounds], duration_s
            )
            true = [phone for own in sounds for phone in own]
            for kind, found in (
                ("spread", filled),
                ("listened for", pocketsphinx.refine(one.pcm, one.rate_hz, filled)),
            ):
                errors[kind] += _errors(found, true)
        means = ", ".join(f"{kind} {1000 * np.mean(found):.0f} ms" for kind, found in errors.items())
        yield Figure(f"phones of words, {name}, {how}", means, ratio=f"n={len(errors['spread'])}")


def _sounding(one: Utterance) -> tuple[list[Word], list[list[Phone]]]:
    """The words with their true phones, those without left out."""
    pairs = [
        (word, [p for p in one.phones if word.t_start - 1e-3 <= (p.t_start + p.t_end) / 2 < word.t_end + 1e-3])
        for word in one.words
    ]
    return [word for word, own in pairs if own], [own for _, own in pairs if own]


def _moved(words: Sequence[Word], by_s: float, duration_s: float, random: np.random.Generator) -> list[Word]:
    """Words whose edges are off by a normal error, still in their order."""
    found: list[Word] = []
    at = 0.0
    for word in words:
        start = max(at, word.t_start + random.normal(0, by_s)) if by_s else word.t_start
        end = min(duration_s, max(start + 0.03, word.t_end + random.normal(0, by_s))) if by_s else word.t_end
        found.append(Word(word.word, start, end))
        at = end
    return found


def _errors(found: Timeline, true: Sequence[Phone]) -> list[float]:
    return [abs(a.t_start - b.t_start) for a, b in zip(found.phonemes, true, strict=True)]
