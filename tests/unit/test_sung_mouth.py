from fractions import Fraction

import pytest

from audio_assets.domain.music.sung_mouth import held_vowels, sung_lipsync
from audio_assets.domain.schemas.lipsync import lipsync_record
from audio_assets.domain.timeline import Phone, Timeline

FILM = Fraction(24000, 1001)


def timeline(*phones: Phone, n_frames: int = 120, rate: Fraction = FILM) -> Timeline:
    return Timeline(phones, (), float(n_frames / rate))


@pytest.mark.parametrize("rate", [FILM, Fraction(24), Fraction(25), Fraction(30000, 1001)])
@pytest.mark.parametrize("n_frames", [1, 47, 188])
def test_as_many_frames_as_the_scene(rate: Fraction, n_frames: int) -> None:
    assert len(sung_lipsync(timeline(n_frames=n_frames, rate=rate), rate, n_frames).frames) == n_frames


def test_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"120 frames at 23.976 fps, and the scene has 121: align the scene again"):
        sung_lipsync(timeline(), FILM, 121)


@pytest.mark.parametrize("vowel", ["ɑ", "aɪ", "oʊ", "eɪ", "aʊ", "i", "ʌ"])
def test_a_held_vowel_stays_open_to_its_end(vowel: str) -> None:
    held = timeline(Phone("h", 0.9, 1.0), Phone(vowel, 1.0, 4.0), Phone("m", 4.0, 4.2))
    frames = sung_lipsync(held, FILM, 120).frames
    inside = [frame for number, frame in enumerate(frames) if 1.1 <= number / FILM <= 3.7]
    assert min(frame.jaw for frame in inside) >= 0.9 * max(frame.jaw for frame in inside)
    assert inside[0].jaw >= 0.29
    assert len({frame.shape for frame in inside}) == 1
    assert not {frame.shape for frame in inside} & {"A", "X"}


def test_the_glide_of_a_held_diphthong_comes_at_its_end() -> None:
    frames = sung_lipsync(timeline(Phone("aɪ", 1.0, 4.0)), FILM, 120).frames
    at = lambda time_s: frames[int(time_s * FILM)].jaw  # noqa: E731
    assert at(3.6) > 0.9
    assert at(3.95) < 0.6


def test_short_diphthongs_and_other_sounds_are_those_of_speech() -> None:
    spoken = timeline(Phone("aɪ", 1.0, 1.2), Phone("m", 1.2, 2.4), Phone("ɑ", 2.4, 4.0))
    assert held_vowels(spoken) == spoken


def test_the_jaw_is_lower_than_in_speech_but_shut_is_shut() -> None:
    sung = timeline(Phone("m", 1.0, 1.3), Phone("ʌ", 1.3, 2.5), Phone("p", 2.5, 2.6))
    said, found = lipsync_record(sung, FILM).frames, sung_lipsync(sung, FILM, 120).frames
    assert all(b.jaw >= a.jaw for a, b in zip(said, found, strict=True))
    assert found[40].jaw > said[40].jaw + 0.05
    assert found[0].jaw == found[28].jaw == 0.0
    assert [frame.jaw for frame in sung_lipsync(sung, FILM, 120, jaw_exponent=1.0).frames] == [f.jaw for f in said]


def test_silence_is_a_still_closed_mouth() -> None:
    frames = sung_lipsync(timeline(), FILM, 120).frames
    assert {(frame.shape, frame.jaw, frame.oculus) for frame in frames} == {("X", 0.0, "sil")}


@pytest.mark.parametrize("vowel", ["ɑ", "aɪ"])
def test_a_vowel_held_over_the_cut_is_open_on_the_last_and_the_first_frame(vowel: str) -> None:
    before = sung_lipsync(timeline(Phone(vowel, 4.0, float(120 / FILM) - 5e-5)), FILM, 120).frames
    after = sung_lipsync(timeline(Phone(vowel, 0.0, 1.0)), FILM, 120).frames
    assert before[-1].jaw == after[0].jaw == 1.0
    assert before[-1].shape == after[0].shape == "D"
