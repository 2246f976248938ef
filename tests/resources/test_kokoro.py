"""Kokoro's wiring with a tiny model of the same signature; its real quality only where the real model is installed."""

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio_assets.domain.speech import Speech, SpeechError, SpeechRequest
from resources.engines import kokoro
from resources.models import ModelMissing, installed

# --- a model by hand: waveform = sin(0.05 t) * tanh(mean(style)), two units of 600 samples for every token -----------


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: int | str | bytes | float) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(kind: str, inputs: list[str], output: str, **attributes: int) -> bytes:
    body = b"".join(field(1, name) for name in inputs) + field(2, output) + field(3, f"n_{output}") + field(4, kind)
    for name, value in attributes.items():
        body += field(5, field(1, name) + field(3, value) + field(20, 2))
    return field(1, body)


def scalar(name: str, value: int | float) -> bytes:
    is_float = isinstance(value, float)
    data = struct.pack("<f", value) if is_float else struct.pack("<q", value)
    return field(5, field(2, 1 if is_float else 7) + field(8, name) + field(9, data))


def port(number: int, name: str, element: int, *dims: int | str) -> bytes:
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(number, field(1, name) + field(2, field(1, field(1, element) + field(2, shape))))


def tiny_model() -> bytes:
    graph = (
        node("Shape", ["input_ids"], "shape")
        + node("Gather", ["shape", "one"], "n_tokens")
        + node("Mul", ["n_tokens", "per_token"], "n_samples")
        + node("Range", ["zero", "n_samples", "one"], "t")
        + node("Cast", ["t"], "t_float", to=1)
        + node("Mul", ["t_float", "step"], "phase")
        + node("Sin", ["phase"], "sine")
        + node("ReduceMean", ["style"], "mean", keepdims=0)
        + node("Tanh", ["mean"], "loudness")
        + node("Mul", ["sine", "loudness"], "waveform")
        + node("Mul", ["input_ids", "zero"], "zeros")
        + node("Add", ["zeros", "two"], "/encoder/Cast_output_0")
        + field(2, "tiny")
        + scalar("zero", 0) + scalar("one", 1) + scalar("two", 2) + scalar("per_token", 1200) + scalar("step", 0.05)
        + port(11, "input_ids", 7, 1, "n") + port(11, "style", 1, 1, 256) + port(11, "speed", 1, 1)
        + port(12, "waveform", 1, "m")
    )  # fmt: skip
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kokoro")
    (directory / "voices").mkdir()
    (directory / "kokoro-quantized.onnx").write_bytes(tiny_model())
    for name, level in {"af_quiet": 0.1, "am_loud": 0.5}.items():
        np.full((510, 256), level, "<f4").tofile(directory / "voices" / f"{name}.bin")
    return directory


def request(text: str, lang: str = "en", voice: str = "af_quiet", **more: object) -> SpeechRequest:
    return SpeechRequest(text, lang, ((voice, 1.0),), **more)  # type: ignore[arg-type]


def phones(speech: Speech) -> list[str]:
    assert speech.timeline is not None
    return [phone.phoneme for phone in speech.timeline.phonemes]


def words(speech: Speech) -> list[str]:
    assert speech.timeline is not None
    return [word.word for word in speech.timeline.words]


# --- with the tiny model ------------------------------------------------------------------------------------------

TEXTS = [
    ("Hello there, Mr. Smith!", "en"),
    ("It's 1984... W-what?", "en-gb"),
    ("Les enfants sont là, n'est-ce pas ?", "fr"),
    ("¿Qué tal, señor?", "es"),
    ("Xyzzy of the plugh.", "en"),
    ("a " * 400, "en"),
    ("Oh.", "en"),
]


@pytest.mark.parametrize(("text", "lang"), TEXTS)
def test_speech_keeps_its_contract(tiny: Path, text: str, lang: str) -> None:
    speech = kokoro.speak(request(text, lang), tiny)
    assert speech.pcm.dtype == np.int16
    assert speech.pcm.ndim == 1
    assert speech.sample_rate_hz == 24_000
    assert speech.timeline is not None
    assert speech.timeline.faults() == []
    assert speech.timeline.duration_s == pytest.approx(len(speech.pcm) / 24_000)
    assert speech.timeline.phonemes
    assert speech.timeline.words


def test_words_and_phonemes_are_the_texts(tiny: Path) -> None:
    speech = kokoro.speak(request("Joy, church: 12 cats."), tiny)
    assert words(speech) == ["Joy", "church", "12", "cats"]
    assert phones(speech) == ["dʒ", "ɔɪ", "tʃ", "ɝ", "tʃ", "t", "w", "ɛ", "l", "v", "k", "æ", "t", "s"]


def test_words_hold_their_phonemes(tiny: Path) -> None:
    timeline = kokoro.speak(request("The quick brown fox jumps over the lazy dog."), tiny).timeline
    assert timeline is not None
    for word in timeline.words:
        inside = [p for p in timeline.phonemes if word.t_start - 1e-9 <= p.t_start and p.t_end <= word.t_end + 1e-9]
        assert inside[0].t_start == pytest.approx(word.t_start)
        assert inside[-1].t_end == pytest.approx(word.t_end)


def test_a_phone_stands_where_the_durations_say_less_the_lateness(tiny: Path) -> None:
    # tokens: start, ə (2 units each) ...: the n-th token starts at n * 50 ms; the model's sound starts at sample 0
    timeline = kokoro.speak(request("pie tie"), tiny).timeline
    assert timeline is not None
    p, _, t, _ = timeline.phonemes  # tokens: p ˈ I _ t ˈ I
    lead_s = 0.050  # the pad before the first sample
    assert p.t_end == pytest.approx(lead_s + 2 * 0.05 - 0.05)
    assert t.t_start == pytest.approx(lead_s + (1 + 3) * 0.05 + 0.3 * 0.05 - 0.05)


def test_mixing_voices_is_the_weighted_mean(tiny: Path) -> None:
    half = SpeechRequest("hello", "en", (("af_quiet", 0.5), ("am_loud", 0.5)))
    peak = int(np.max(np.abs(kokoro.speak(half, tiny).pcm)))
    assert peak == pytest.approx(np.tanh(0.3) * 32767, rel=0.01)
    turned = SpeechRequest("hello", "en", (("am_loud", 0.5), ("af_quiet", 0.5)))
    assert np.array_equal(kokoro.speak(half, tiny).pcm, kokoro.speak(turned, tiny).pcm)


def test_both_ends_are_silent_and_free_of_steps(tiny: Path) -> None:
    pcm = kokoro.speak(request("hello there"), tiny).pcm.astype(int)
    assert not pcm[:1200].any()
    assert abs(pcm[-1]) <= 1
    assert np.max(np.abs(np.diff(pcm))) < 0.06 * 32767 * np.tanh(0.1)


def test_a_long_text_is_cut_and_says_so(tiny: Path) -> None:
    speech = kokoro.speak(request("This is one sentence. " * 60), tiny)
    assert len(words(speech)) == 240
    assert any("pieces" in note for note in speech.notes)


def test_a_very_short_sentence_is_spoken_by_itself(tiny: Path) -> None:
    timeline = kokoro.speak(request("Hey... Umm... well."), tiny).timeline
    assert timeline is not None
    hey, umm, _ = timeline.words
    assert umm.t_start - hey.t_end > 0.3


def test_pronunciations_overrule_the_lexicon(tiny: Path) -> None:
    given = (("Xyzzy", "zizzy"), ("cat", "/dɔɡ/"))
    assert phones(kokoro.speak(request("cat", pronunciations=given), tiny)) == ["d", "ɔ", "ɡ"]
    assert phones(kokoro.speak(request("cat's", pronunciations=given), tiny)) == ["d", "ɔ", "ɡ", "z"]
    respelled = kokoro.speak(request("Xyzzy", pronunciations=given), tiny)
    assert phones(respelled) == phones(kokoro.speak(request("zizzy"), tiny))
    assert words(respelled) == ["Xyzzy"]


def test_a_sound_kokoro_lacks_is_noted(tiny: Path) -> None:
    speech = kokoro.speak(request("cat", pronunciations=(("cat", "/kǃat/"),)), tiny)
    assert any("ǃ" in note for note in speech.notes)


def test_a_word_outside_the_lexicon_is_noted(tiny: Path) -> None:
    assert any("Qwxbly" in note for note in kokoro.speak(request("Qwxbly"), tiny).notes)


@pytest.mark.parametrize("text", ["", "😀", "...", "  "])
def test_nothing_to_speak_is_an_error(tiny: Path, text: str) -> None:
    with pytest.raises(SpeechError, match="nothing to speak"):
        kokoro.speak(request(text), tiny)


def test_an_unknown_voice_names_others(tiny: Path) -> None:
    with pytest.raises(SpeechError, match="af_quiet"):
        kokoro.speak(request("hello", voice="af_quite"), tiny)


@pytest.mark.parametrize("speed", [0.0, 0.1, 9.0, float("nan")])
def test_a_speed_out_of_range_is_an_error(tiny: Path, speed: float) -> None:
    with pytest.raises(SpeechError, match="speeds"):
        kokoro.speak(request("hello", speed=speed), tiny)


def test_an_unreadable_language_is_an_error(tiny: Path) -> None:
    with pytest.raises(SpeechError, match="'ja'"):
        kokoro.speak(request("こんにちは", "ja"), tiny)


def test_no_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="models fetch kokoro"):
        kokoro.speak(request("hello"), tmp_path)


def test_voices_and_identity(tiny: Path) -> None:
    assert kokoro.voices(tiny) == ("af_quiet", "am_loud")
    assert {"engine", "model", "model_sha256", "g2p", "code", "runtime"} <= kokoro.identity().keys()


# --- with the real one ----------------------------------------------------------------------------------------------

CACHE = Path(os.environ.get("AUDIO_ASSETS_CACHE", "~/.cache/audio-assets")).expanduser()


@pytest.fixture(scope="module")
def real() -> Path:
    directory = installed("kokoro", CACHE)
    if directory is None:
        pytest.skip("the Kokoro model is not installed: `audio-assets models fetch kokoro`")
    return directory


def test_the_same_bytes_in_another_process_and_with_more_threads(real: Path) -> None:
    code = (
        "import hashlib, sys; from pathlib import Path; from resources.engines import kokoro;"
        "from audio_assets.domain.speech import SpeechRequest;"
        "kokoro.speak(SpeechRequest('No.', 'en', (('am_adam', 1.0),)), Path(sys.argv[1]), n_threads=2);"
        "s = kokoro.speak(SpeechRequest('Hello there.', 'en', (('af_heart', 1.0),)), Path(sys.argv[1]), n_threads=2);"
        "print(hashlib.sha256(s.pcm.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code, str(real)], capture_output=True, text=True, check=True)
    here = kokoro.speak(request("Hello there.", voice="af_heart"), real)
    assert other.stdout.strip() == hashlib.sha256(here.pcm.tobytes()).hexdigest()


@pytest.mark.parametrize(("text", "lang", "voice"), [("Oh.", "en", "af_heart"), ("Bonjour à tous.", "fr", "ff_siwis")])
def test_real_speech_is_audible_and_in_time(real: Path, text: str, lang: str, voice: str) -> None:
    speech = kokoro.speak(request(text, lang, voice), real)
    assert speech.timeline is not None
    assert speech.timeline.faults() == []
    inside = np.concatenate(
        [speech.pcm[int(w.t_start * 24_000) : int(w.t_end * 24_000)] for w in speech.timeline.words]
    )
    loud, whole = np.sum(np.square(inside, dtype=float)), np.sum(np.square(speech.pcm, dtype=float))
    assert loud > 0.97 * whole
    assert np.max(np.abs(speech.pcm)) > 3000


READ = {
    ("Hello there, Mr. Smith! The apple's read.", "en"): "həlˈO ðˈɛɹ, mˈɪstəɹ smˈɪθ! ði ˈæpᵊlz ɹˈid.",
    (
        "I paid $5.50 in 1984... W-what?",
        "en-gb",
    ): "ˌI pˈAd fˈIv dˈɒləz and fˈɪfti sˈɛnts ɪn nˌIntˈiːn ˈAti fˈɔː… wə wˌɒt?",
    ("Les enfants sont là.", "fr"): "lez ɑ̃fˈɑ̃ sˈɔ̃ lˈa.",
}


def test_what_is_read_changes_only_with_the_code_version() -> None:
    """When this fails because reading got better: raise `_CODE_VERSION` in kokoro.py, then change what is expected."""
    assert kokoro.identity()["code"] == "1"
    for (text, lang), expected in READ.items():
        script = kokoro._read(request(text, lang))
        assert "".join(token for token, _ in kokoro._tokens(script, (0, len(script.words)))) == expected
