"""The speech is espeak's: its times are exact, and it needs no model files. One sentence it says clearly enough."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pocketsphinx as package
import pytest
import soxr
from numpy.typing import NDArray

from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.engines import acoustic_model, espeak, espeak_phonemes, pocketsphinx
from resources.engines.pocketsphinx import AlignmentError, align, align_record, refine

TEXT = "The boy was there when the sun rose."


@pytest.fixture(scope="module")
def speech() -> Speech:
    return espeak.speak(SpeechRequest(TEXT, "en-us", (("en-us+f5", 1.0),), speed=0.8))


@pytest.fixture(scope="module")
def found(speech: Speech) -> Timeline:
    return align(speech.pcm, speech.sample_rate_hz, TEXT)


def starts(timeline: Timeline) -> NDArray[np.float64]:
    return np.array([word.t_start for word in timeline.words])


def exact(speech: Speech) -> Timeline:
    assert speech.timeline is not None
    return speech.timeline


def test_words_are_found_where_espeak_said_them(speech: Speech, found: Timeline) -> None:
    errors = np.abs(starts(found) - starts(exact(speech)))
    assert errors.mean() < 0.010
    assert errors.max() < 0.025


def test_times_keep_the_rules_and_words_are_those_of_the_text(found: Timeline) -> None:
    assert found.faults() == []
    assert [word.word for word in found.words] == ["The", "boy", "was", "there", "when", "the", "sun", "rose"]
    assert [phone.phoneme for phone in found.phonemes][:4] == ["ð", "ʌ", "b", "ɔɪ"]


def test_silence_before_shifts_every_time_by_itself(speech: Speech, found: Timeline) -> None:
    silence = np.zeros(speech.sample_rate_hz // 2, np.int16)
    later = align(np.concatenate([silence, speech.pcm]), speech.sample_rate_hz, TEXT)
    assert np.allclose(starts(later) - 0.5, starts(found), atol=0.012)


def test_a_pause_between_words_is_a_gap(speech: Speech) -> None:
    cut = round((exact(speech).words[3].t_end + exact(speech).words[4].t_start) / 2 * speech.sample_rate_hz)
    pause = np.zeros(round(0.4 * speech.sample_rate_hz), np.int16)
    paused = align(np.concatenate([speech.pcm[:cut], pause, speech.pcm[cut:]]), speech.sample_rate_hz, TEXT)
    assert paused.words[4].t_start - paused.words[3].t_end > 0.35
    assert paused.faults() == []


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_the_sample_rate_does_not_matter(speech: Speech, found: Timeline, rate_hz: int) -> None:
    resampled = soxr.resample(speech.pcm, speech.sample_rate_hz, rate_hz)
    assert np.allclose(starts(align(resampled, rate_hz, TEXT)), starts(found), atol=0.012)


def test_the_same_bytes_give_the_same_times_in_another_process(speech: Speech, found: Timeline, tmp_path: Path) -> None:
    np.save(tmp_path / "pcm.npy", speech.pcm)
    program = (
        "import sys, numpy; from resources.engines.pocketsphinx import align;"
        "print(align(numpy.load(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "pcm.npy"), str(speech.sample_rate_hz), TEXT]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == repr(found)


def test_given_pronunciations_are_used_and_reported_as_they_are(speech: Speech) -> None:
    said = align(speech.pcm, speech.sample_rate_hz, TEXT, pronunciations={"Sun": ["s", "ɐ", "n"]})
    word = said.words[6]
    inside = [p.phoneme for p in said.phonemes if word.t_start <= p.t_start < word.t_end]
    assert inside == ["s", "ɐ", "n"]


def test_a_word_outside_the_dictionary_is_read_by_rule(speech: Speech, found: Timeline) -> None:
    strange = align(speech.pcm, speech.sample_rate_hz, "The boy was there when the sunn roze.")
    assert np.allclose(starts(strange), starts(found), atol=0.03)


def test_a_number_is_one_word_with_its_own_time() -> None:
    speech = espeak.speak(SpeechRequest("There were 21 boys there.", "en-us", (("en-us+f5", 1.0),), speed=0.8))
    words = align(speech.pcm, speech.sample_rate_hz, "There were 21 boys there.").words
    assert [word.word for word in words] == ["There", "were", "21", "boys", "there"]
    assert words[2].t_end - words[2].t_start > 0.3


def test_the_right_text_is_trusted_and_a_wrong_one_is_not(speech: Speech) -> None:
    right = align_record(speech.pcm, speech.sample_rate_hz, TEXT)
    assert right.confidence is not None
    assert right.confidence > 0.7
    try:
        wrong = align_record(speech.pcm, speech.sample_rate_hz, "Please pass six fish to Susan.")
    except AlignmentError:
        return
    assert wrong.confidence is not None
    assert wrong.confidence < 0.3


@pytest.mark.parametrize(
    ("n_samples", "level", "text", "says"),
    [
        (16_000, 1000, "", "no word"),
        (16_000, 1000, "?!... —", "no word"),
        (16_000, 0, "Hello.", "silent"),
        (0, 0, "Hello.", "silent"),
        (16_000, 3, "Hello.", "silent"),
        (3_200, 1000, "Constantinople fell.", "at least 0.51 s"),
        (16_000 * 600, 1000, "Constantinople fell. " * 500, "cut them in a pause"),
        (48_000, 1000, "Constantinople fell in the spring of that year.", "not found"),
    ],
)
def test_bad_input_is_one_clear_sentence(n_samples: int, level: int, text: str, says: str) -> None:
    noise = (np.random.default_rng(0).uniform(-1, 1, n_samples) * level).astype(np.int16)
    with pytest.raises(AlignmentError, match=says):
        align(noise, 16_000, text)


def test_audio_that_is_not_one_channel_of_int16_is_refused() -> None:
    with pytest.raises(AlignmentError, match="one channel"):
        align(np.ones((100, 2), np.int16), 16_000, "Hello.")


def blurred(timeline: Timeline, seed: int) -> Timeline:
    """Times as an engine with a grid of 25 ms would give them."""
    edges = sorted({t for p in timeline.phonemes for t in (p.t_start, p.t_end)})
    rng = np.random.default_rng(seed)
    moved = np.maximum.accumulate(np.round((np.array(edges) + rng.normal(0, 0.012, len(edges))) / 0.025) * 0.025)
    moved = np.clip(moved + np.arange(len(edges)) * 0.001, 0, timeline.duration_s)
    to = dict(zip(edges, moved, strict=True))
    phones = tuple(Phone(p.phoneme, float(to[p.t_start]), float(to[p.t_end])) for p in timeline.phonemes)
    words = tuple(Word(w.word, float(to[w.t_start]), float(to[w.t_end])) for w in timeline.words)
    return Timeline(phones, words, timeline.duration_s)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_refining_rough_times_brings_them_nearer(speech: Speech, seed: int) -> None:
    true, rough = exact(speech), blurred(exact(speech), seed)
    better = refine(speech.pcm, speech.sample_rate_hz, rough)

    def error_s(timeline: Timeline) -> float:
        return float(
            np.mean([abs(a.t_start - b.t_start) for a, b in zip(timeline.phonemes, true.phonemes, strict=True)])
        )

    assert error_s(better) < 0.9 * error_s(rough)
    assert better.faults() == []
    assert [p.phoneme for p in better.phonemes] == [p.phoneme for p in rough.phonemes]
    assert [w.word for w in better.words] == [w.word for w in rough.words]


def test_refining_nothing_gives_nothing() -> None:
    empty = Timeline((), (), 1.0)
    assert refine(np.ones(16_000, np.int16), 16_000, empty) == empty


def test_features_are_those_of_pocketsphinx(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 2000, 16_000).astype(np.int16)
    decoder = package.Decoder(samprate=16000.0, lm=None, dict=None, loglevel="FATAL", mfclogdir=str(tmp_path))
    decoder.add_word("a", "AH", True)
    decoder.set_align_text("a")
    decoder.start_utt()
    decoder.process_raw(np.pad(noise, (205, 0)).tobytes(), full_utt=True)  # its frames start where ours are centred
    decoder.end_utt()
    del decoder  # closes the file
    (log,) = tmp_path.iterdir()
    theirs = np.frombuffer(log.read_bytes(), ">f4", offset=4).reshape(-1, 13)
    ours = acoustic_model.observations(noise)[::2, 0][: len(theirs)]
    inner = slice(5, -5)  # theirs also takes steady noise out, which settles at first
    for cepstrum in range(1, 13):
        assert np.corrcoef(ours[inner, cepstrum], theirs[inner, cepstrum])[0, 1] > 0.97


def test_the_model_names_a_sound_by_its_own_mean() -> None:
    model = acoustic_model._model()
    sounds = acoustic_model.codebooks(["AA", "S", "M", "SIL"])
    # The Gaussian of greatest weight in the middle state of each sound, in every stream.
    states = sounds * 3 + 1
    best = [[model.weights[stream, :, state].argmin() for stream in range(3)] for state in states]
    means = -0.5 * model.linear / model.quadratic
    x = np.stack([[means[s, stream, :, b[stream]] for stream in range(3)] for s, b in zip(sounds, best, strict=True)])
    fit = acoustic_model.log_likelihoods(x.astype(np.float32), states, sounds)
    assert fit.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_espeak_reads_a_word_the_same_whatever_was_asked_before() -> None:
    first = espeak_phonemes.phonemes("hello", "en-us")
    espeak_phonemes.phonemes("bonjour", "fr")
    espeak_phonemes._phonemes.cache_clear()
    assert espeak_phonemes.phonemes("hello", "en-us") == first == [["h", "ə", "l", "oʊ"]]


def test_identity_names_everything_the_times_depend_on() -> None:
    assert set(pocketsphinx.identity()) == {"engine", "version", "model", "recipe"}
