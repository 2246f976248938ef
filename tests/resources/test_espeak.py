import hashlib
import random
import subprocess
import sys

import numpy as np
import pytest

from audio_assets.domain.speech import SpeechError, SpeechRequest
from resources.engines import espeak, espeak_phonemes


def request(text: str, lang: str = "en", voice: str = "", **more: object) -> SpeechRequest:
    return SpeechRequest(text, lang, ((voice or {"en": "en-us"}.get(lang, lang), 1.0),), **more)  # type: ignore[arg-type]


REQUESTS = [
    request("Hello there, Mr. Smith!"),
    request("She sells sea shells.", voice="en-us+f3"),
    request("It is whispered.", voice="en-gb+whisper"),
    request("Les enfants sont là.", "fr"),
    request("¿Qué tal?", "es", "es+m1"),
    request("Guten Tag, wie geht es dir?", "de"),
    request("Slow and low.", speed=0.7),
]


def test_the_same_bytes_whatever_was_spoken_before() -> None:
    first = [espeak.speak(r).pcm.tobytes() for r in REQUESTS]
    order = list(range(len(REQUESTS))) * 6
    random.Random(5).shuffle(order)
    assert all(espeak.speak(REQUESTS[i]).pcm.tobytes() == first[i] for i in order)


def test_the_noise_of_a_whisper_depends_on_the_seed_alone() -> None:
    whispered = [espeak.speak(request("It is whispered.", voice="en-gb+whisper", seed=s)).pcm for s in (7, 8, 7)]
    assert np.array_equal(whispered[0], whispered[2])
    assert not np.array_equal(whispered[0], whispered[1])


def test_the_same_bytes_in_another_process_and_second() -> None:
    code = (
        "import hashlib, time; time.sleep(1.1);"
        "from resources.engines import espeak; from audio_assets.domain.speech import SpeechRequest;"
        "s = espeak.speak(SpeechRequest('She sells sea shells.', 'en', (('en-us+f3', 1.0),)));"
        "print(hashlib.sha256(s.pcm.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == hashlib.sha256(espeak.speak(REQUESTS[1]).pcm.tobytes()).hexdigest()


@pytest.mark.parametrize("wanted", REQUESTS)
def test_speech_keeps_its_contract(wanted: SpeechRequest) -> None:
    speech = espeak.speak(wanted)
    assert speech.pcm.dtype == np.int16
    assert speech.sample_rate_hz == 22_050
    assert speech.timeline is not None
    assert speech.timeline.faults() == []
    assert speech.timeline.duration_s == pytest.approx(len(speech.pcm) / 22_050)


def test_phonemes_and_words_are_the_texts() -> None:
    timeline = espeak.speak(request("Hello 1984, church.")).timeline
    assert timeline is not None
    assert [w.word for w in timeline.words] == ["Hello", "1984", "church"]
    assert [p.phoneme for p in timeline.phonemes][:4] == ["h", "ə", "l", "oʊ"]
    assert [p.phoneme for p in timeline.phonemes][-3:] == ["tʃ", "ɜ", "tʃ"]


@pytest.mark.parametrize("text", ["Les enfants sont là, n'est-ce pas ?", "Qu'est-ce que c'est, dit-il."])
def test_every_word_has_its_time(text: str) -> None:
    timeline = espeak.speak(request(text, "fr")).timeline
    assert timeline is not None
    assert [w.word for w in timeline.words] == [w for w in text.replace(",", "").replace(".", "").split() if w != "?"]


def test_a_pause_is_a_gap() -> None:
    timeline = espeak.speak(request("Stop. Go.")).timeline
    assert timeline is not None
    stop, go = timeline.words
    assert go.t_start - stop.t_end > 0.1


def test_speed_scales_the_length() -> None:
    slow, fast = (len(espeak.speak(request("One two three four.", speed=s)).pcm) for s in (0.8, 1.6))
    assert 1.5 < slow / fast < 2.5


def test_respellings_are_spoken_and_ipa_is_noted() -> None:
    respelled = espeak.speak(request("Xyzzy", pronunciations=(("Xyzzy", "zizzy"),)))
    assert np.array_equal(respelled.pcm, espeak.speak(request("zizzy")).pcm)
    assert any("IPA" in note for note in espeak.speak(request("cat", pronunciations=(("cat", "/dɔɡ/"),))).notes)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (request("😀"), "nothing to speak"),
        (request("hi", voice="nobody"), "no voice 'nobody'"),
        (request("hi", voice="en-us+nobody"), "no variant 'nobody'"),
        (request("hi", speed=9), "speeds"),
        (SpeechRequest("hi", "en", (("en-us", 0.5), ("fr", 0.5))), "mix"),
    ],
)
def test_what_can_not_be_spoken_says_why(wanted: SpeechRequest, message: str) -> None:
    with pytest.raises(SpeechError, match=message):
        espeak.speak(wanted)


def test_voices_and_identity() -> None:
    assert {"en-us", "en-gb", "fr", "es"} <= set(espeak.voices())
    assert {"f3", "m1", "whisper"} <= set(espeak.variants())
    assert "espeakng-loader" in espeak.identity()["package"]


def test_ipa_of_clauses_ties_diphthongs() -> None:
    assert espeak.ipa_of_clauses(["day boy", "no"], "en-us") == [["dˈe^ɪ", "bˈɔ^ɪ"], ["nˈo^ʊ"]]


def test_a_word_of_another_language_has_its_sounds_and_no_more() -> None:
    assert espeak_phonemes.phonemes("weekend", "fr") == [["w", "i", "k", "ɛ", "n", "d"]]
