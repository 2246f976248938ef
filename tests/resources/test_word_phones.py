"""Words whose times are known get their sounds: the usual lengths, how words are said, and the listening."""

import numpy as np
import pytest

from audio_assets.domain.schemas.spoken import Spoken
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Timeline, Word
from audio_assets.domain.word_phones import spread, usual_s
from resources.engines import espeak, word_phones


def said(text: str, voice: str) -> Speech:
    return espeak.speak(SpeechRequest(text, voice, ((voice, 1.0),)))


def filled(speech: Speech, text: str, lang: str, *pronunciations: tuple[str, str]) -> Timeline:
    assert speech.timeline is not None
    words_only = Timeline((), speech.timeline.words, speech.timeline.duration_s)
    spoken = Spoken(text, lang, "Anna", "elsewhere", pronunciations, words_only)
    return word_phones.with_phones(speech.pcm, speech.sample_rate_hz, spoken)


def symbols(timeline: Timeline) -> str:
    return " ".join(phone.phoneme for phone in timeline.phonemes)


def test_sounds_fill_their_words_vowels_longer_than_consonants() -> None:
    words = (Word("map", 0.1, 0.6), Word("?", 0.6, 0.7), Word("it", 0.8, 1.0))
    found = spread(words, (["m", "æ", "p"], [], ["ɪ", "t"]), 1.2)
    assert found.faults() == []
    assert found.words == words
    assert [p.phoneme for p in found.phonemes] == ["m", "æ", "p", "ɪ", "t"]
    lengths = [p.t_end - p.t_start for p in found.phonemes]
    assert lengths[0] == pytest.approx(0.5 * usual_s("m") / (2 * usual_s("m") + usual_s("æ")))
    assert lengths[1] > lengths[0] == pytest.approx(lengths[2])
    assert (found.phonemes[0].t_start, found.phonemes[2].t_end, found.phonemes[4].t_end) == (0.1, 0.6, 1.0)


@pytest.mark.parametrize(
    ("text", "voice", "lang", "expected"),
    [
        ("Map it, Dr. Smith.", "en-us", "en", "m æ p ɪ t d ɑ k t ɝ s m ɪ θ"),
        ("Bonjour, tout le monde.", "fr-fr", "fr", "b ɔ̃ ʒ u ʁ t u l ə m ɔ̃ d"),
        ("Guten Tag, schöne Welt.", "de", "de", "ɡ u t ə n t ɑ k ʃ ø n ə v ɛ l t"),
    ],
)
def test_every_language_has_its_sounds_in_the_words_own_time(text: str, voice: str, lang: str, expected: str) -> None:
    speech = said(text, voice)
    found = filled(speech, text, lang)
    assert (symbols(found), found.faults(), found.duration_s) == (expected, [], speech.timeline.duration_s)
    assert [word.word for word in found.words] == [word.word for word in speech.timeline.words]
    away = [abs(a.t_start - b.t_start) for a, b in zip(found.words, speech.timeline.words, strict=True)]
    assert max(away) < 0.08


def test_listening_brings_the_sounds_nearer_to_where_they_are() -> None:
    text = "Guten Tag, schöne Welt."
    speech = said(text, "de")
    assert speech.timeline is not None
    true, found = speech.timeline.phonemes, filled(speech, text, "de")
    sounds = [[p.phoneme for p in true if w.t_start <= p.t_start < w.t_end] for w in speech.timeline.words]
    only_spread = spread(speech.timeline.words, sounds, speech.timeline.duration_s)

    def off_s(timeline: Timeline) -> float:
        return float(np.mean([abs(a.t_start - b.t_start) for a, b in zip(timeline.phonemes, true, strict=True)]))

    assert off_s(found) < off_s(only_spread)


def test_the_lexicon_says_how_its_words_sound() -> None:
    speech = said("Ask Nguyen now.", "en-us")
    assert symbols(filled(speech, "Ask Nguyen now.", "en", ("nguyen", "/wɪn/"))) == "æ s k w ɪ n n aʊ"
    assert symbols(filled(speech, "Ask Nguyen now.", "en", ("Nguyen", "win"))) == "æ s k w ɪ n n aʊ"


def test_a_word_that_nothing_can_say_keeps_its_time() -> None:
    speech = said("Map it.", "en-us")
    words = (Word("Map", 0.05, 0.3), Word("☃", 0.3, 0.35), Word("it", 0.35, 0.6))
    spoken = Spoken("Map ☃ it.", "en", "Anna", "elsewhere", (), Timeline((), words, len(speech.pcm) / 22_050))
    found = word_phones.with_phones(speech.pcm, speech.sample_rate_hz, spoken)
    assert (symbols(found), [word.word for word in found.words]) == ("m æ p ɪ t", ["Map", "☃", "it"])


def test_the_recipe_and_what_it_is_made_of_are_in_the_identity() -> None:
    assert set(word_phones.identity()) == {"engine", "recipe", "espeakng-loader", "listener"}
