import json
from fractions import Fraction

import numpy as np
import pytest

from audio_assets.domain.artifacts import (
    alignment_artifact,
    covered_share,
    lipsync_artifact,
    read_wav,
    voice_artifact,
    voice_name,
    wav_bytes,
)
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Phone, Timeline, Word

RATE_HZ = 24_000
REQUEST = SpeechRequest("Map it.", "en", (("af_heart", 1.0),))


def tone(duration_s, amplitude=0.3):
    return np.rint(amplitude * 32767 * np.sin(np.arange(round(duration_s * RATE_HZ)) * 0.1)).astype(np.int16)


def timeline(duration_s=0.6):
    edges = np.linspace(0.0, duration_s, 6).tolist()
    phones = tuple(Phone(p, a, b) for p, a, b in zip("mæpɪt", edges, edges[1:], strict=False))
    return Timeline(phones, (Word("Map", 0.0, edges[3]), Word("it.", edges[3], duration_s)), duration_s)


def voice(pcm, times=None):
    return voice_artifact(lambda _: Speech(pcm, RATE_HZ, times), "test", REQUEST, "Anna")


def failed(rendered):
    return {check.name for check in rendered.checks if not check.passed}


def test_a_good_voice_passes_every_check_and_keeps_its_samples():
    rendered = voice(tone(0.6), timeline())
    assert failed(rendered) == set()
    pcm, rate_hz = read_wav(rendered.files["out.wav"])
    assert rate_hz == RATE_HZ
    assert np.array_equal(pcm, tone(0.6))
    assert rendered.facts["duration_s"] == 0.6
    assert json.loads(rendered.files["speech.json"])["text"] == "Map it."


@pytest.mark.parametrize(
    ("pcm", "times", "names"),
    [
        (tone(0.6, 0.0), timeline(), {"not_silent"}),
        (tone(0.6, 0.0001), timeline(), {"not_silent"}),
        (np.clip(tone(0.6).astype(int) * 9, -32768, 32767).astype(np.int16), timeline(), {"not_clipped"}),
        (np.concatenate([tone(0.6), np.zeros(RATE_HZ * 2, np.int16)]), None, {"ends_not_silent"}),
        (tone(0.1), timeline(0.1), {"not_truncated"}),
        (tone(4.0), timeline(4.0), {"not_over_long"}),
    ],
)
def test_a_bad_voice_fails_the_check_that_names_it(pcm, times, names):
    assert names <= failed(voice(pcm, times))


def test_silence_and_truncation_hold_back_what_follows():
    blocking = {check.name for check in voice(tone(0.6), timeline()).checks if check.blocking}
    assert blocking == {"not_silent", "not_truncated"}


def test_phones_that_stand_beside_the_sound_cover_nothing():
    pcm = np.concatenate([tone(0.5), np.zeros(RATE_HZ // 2, np.int16)])
    assert covered_share(pcm, RATE_HZ, Timeline((Phone("a", 0.0, 0.5),), (), 1.0)) == pytest.approx(1.0, abs=0.03)
    assert covered_share(pcm, RATE_HZ, Timeline((Phone("a", 0.5, 1.0),), (), 1.0)) == pytest.approx(0.0, abs=0.03)
    assert covered_share(np.zeros(RATE_HZ, np.int16), RATE_HZ, timeline()) == 0.0


def test_the_engines_own_timing_is_kept_or_refined_and_else_the_aligner_asked():
    with_times = voice(tone(0.6), timeline()).files
    without = voice(tone(0.6)).files
    moved = timeline(0.5)

    def ends(files, align=None, refine=None, fill=None):
        rendered = alignment_artifact(files["out.wav"], files["speech.json"], align, refine, fill)
        return json.loads(rendered.files["alignment.json"])["phonemes"][-1]["t_end"], failed(rendered)

    assert ends(with_times)[0] == 0.6
    assert ends(with_times, refine=lambda *_: moved)[0] == 0.5
    assert ends(without, align=lambda *_: AlignmentRecord(moved, "test", 0.9)) == (0.5, set())
    assert ends(without, align=lambda *_: AlignmentRecord(moved, "test", 0.2))[1] == {"text_is_spoken"}
    with pytest.raises(ValueError, match="no aligner speaks 'en'"):
        ends(without)


def test_words_without_phones_get_them_filled_in_and_the_aligner_is_asked_only_where_there_is_neither():
    words_only = voice(tone(0.6), Timeline((), timeline().words, 0.6)).files

    def aligned(files, fill=lambda *_: timeline(0.5)):
        rendered = alignment_artifact(*files.values(), lambda *_: AlignmentRecord(timeline(0.4), "even"), None, fill)
        return rendered.facts["source"], json.loads(rendered.files["alignment.json"])["phonemes"][-1]["t_end"]

    assert aligned(words_only) == ("test words + phones", 0.5)
    assert aligned(words_only, fill=None) == ("even", 0.4)
    assert aligned(voice(tone(0.6), Timeline((), (), 0.6)).files) == ("even", 0.4)
    assert aligned(voice(tone(0.6)).files) == ("even", 0.4)
    assert aligned(voice(tone(0.6), timeline()).files) == ("test", 0.6)


@pytest.mark.parametrize("frame_rate", [Fraction(24), Fraction(30000, 1001)])
def test_lipsync_has_a_frame_for_every_moment_and_every_export(frame_rate):
    aligned = alignment_artifact(*voice(tone(0.6), timeline()).files.values(), None, None)
    rendered = lipsync_artifact(aligned.files["alignment.json"], frame_rate, "extended")
    assert failed(rendered) == set()
    assert set(rendered.files) == {"lipsync.json", "mouth.tsv", "mouth.json", "mouth.xml", "mouth.dat"}
    n_frames = rendered.facts["n_frames"]
    assert (n_frames - 1) / frame_rate < 0.6 <= n_frames / frame_rate


def test_a_frame_rate_that_dat_files_lack_costs_only_the_dat_file():
    aligned = alignment_artifact(*voice(tone(0.6), timeline()).files.values(), None, None)
    rendered = lipsync_artifact(aligned.files["alignment.json"], Fraction(120), "extended")
    assert failed(rendered) == set()
    assert set(rendered.files) == {"lipsync.json", "mouth.tsv", "mouth.json", "mouth.xml"}


def test_the_same_samples_give_the_same_file():
    assert wav_bytes(tone(0.2), RATE_HZ) == wav_bytes(tone(0.2), RATE_HZ)


def test_a_mix_is_named_as_a_cast_writes_it():
    assert voice_name((("am_adam", 0.5), ("am_michael", 0.5))) == "am_adam50_am_michael50"
    assert voice_name((("af_heart", 1.0),)) == "af_heart"
