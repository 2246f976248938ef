"""The small pictures: whole PNGs, never too long, and they show what they are given."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_assets.domain import ipa_text
from audio_assets.domain.phonemes import ARPABET_TO_IPA
from audio_assets.domain.pictures import (
    MAX_BYTES,
    SHAPE_COLOURS,
    WIDTH_PX,
    mix_picture,
    mouth_picture,
    waveform_picture,
)
from audio_assets.domain.timeline import Phone, Timeline, Word

RATE_HZ = 24_000


def decoded(png: bytes) -> NDArray[np.uint8]:
    """RGB pixels by another decoder than our own, shape (height, width, 3)."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(body)
        at += 12 + length
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1])


def n_pixels(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((image == np.array(colour, dtype=np.uint8)).all(axis=2).sum())


def spread(labels: list[str], duration_s: float) -> list[tuple[str, float, float]]:
    step_s = duration_s / max(1, len(labels))
    return [(label, i * step_s, (i + 0.9) * step_s) for i, label in enumerate(labels)]


def timeline(phones: list[str], words: list[str], duration_s: float) -> Timeline:
    return Timeline(
        tuple(Phone(*entry) for entry in spread(phones, duration_s)),
        tuple(Word(*entry) for entry in spread(words, duration_s)),
        duration_s,
    )


def speech_like(duration_s: float, seed: int = 0) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.random(int(duration_s * 12) + 1), RATE_HZ // 12)[: int(duration_s * RATE_HZ)]
    return (rng.standard_normal(len(envelope)) * envelope * 6000).clip(-32768, 32767).astype(np.int16)


def test_a_line_is_drawn_with_its_words_and_phonemes() -> None:
    pcm = speech_like(3.0)
    phones = ["h", "ə", "l", "oʊ", "w", "ɝ", "l", "d"]
    bare = decoded(waveform_picture(pcm, RATE_HZ, None))
    full = decoded(waveform_picture(pcm, RATE_HZ, timeline(phones, ["hello", "world"], 3.0)))
    assert full.shape[1] == bare.shape[1] == WIDTH_PX
    assert full.shape[0] == bare.shape[0]
    assert (full[:62] == bare[:62]).all(), "the wave does not depend on the timeline"
    assert (full[62:116] != bare[62:116]).any(axis=2).sum() > 2000


def test_the_same_input_gives_the_same_bytes() -> None:
    pcm, times = speech_like(1.0), timeline(["a", "b"], ["ab"], 1.0)
    assert waveform_picture(pcm, RATE_HZ, times) == waveform_picture(pcm, RATE_HZ, times)


def test_a_louder_copy_differs_only_in_the_printed_peak() -> None:
    pcm = speech_like(1.0) // 4
    quiet, loud = decoded(waveform_picture(pcm, RATE_HZ, None)), decoded(waveform_picture(pcm * 2, RATE_HZ, None))
    assert (quiet[16:] == loud[16:]).all()
    assert (quiet[:16] != loud[:16]).any()


def test_clipped_samples_are_red() -> None:
    pcm = speech_like(1.0)
    pcm[5000:5040] = 32767
    assert n_pixels(decoded(waveform_picture(pcm, RATE_HZ, None)), (255, 92, 92)) > 5
    assert n_pixels(decoded(waveform_picture(speech_like(1.0), RATE_HZ, None)), (255, 92, 92)) == 0


@pytest.mark.parametrize("n_samples", [0, 1, 7, 639, 641])
def test_hardly_any_sound_is_drawn_too(n_samples: int) -> None:
    decoded(waveform_picture(np.zeros(n_samples, np.int16), RATE_HZ, None))
    decoded(waveform_picture(np.full(n_samples, -32768, np.int16), RATE_HZ, Timeline((), (), n_samples / RATE_HZ)))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    duration_s=st.sampled_from([0.05, 0.8, 4.0, 30.0]),
    phones=st.lists(st.sampled_from([*ARPABET_TO_IPA.values(), "ɑ̃", "ʁ", "ɲ", "ǃ", "漢"]), max_size=400),
    words=st.lists(st.text(min_size=1, max_size=12), max_size=80),
)
def test_no_line_makes_a_picture_too_long(seed: int, duration_s: float, phones: list[str], words: list[str]) -> None:
    rng = np.random.default_rng(seed)
    pcm = rng.integers(-32768, 32767, int(duration_s * RATE_HZ), dtype=np.int16)
    pcm = (pcm * np.repeat(rng.random(len(pcm) // 50 + 1), 50)[: len(pcm)]).astype(np.int16)
    picture = waveform_picture(pcm, RATE_HZ, timeline(phones, words, duration_s))
    assert len(picture) <= MAX_BYTES
    decoded(picture)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_frames=st.sampled_from([0, 1, 30, 700, 20_000]))
def test_no_mouth_and_no_mix_makes_a_picture_too_long(seed: int, n_frames: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = "".join(rng.choice(list("ABCDEFGHX"), n_frames))
    mouth = mouth_picture(shapes, 30.0, jaw=[float(v) for v in rng.random(n_frames)])
    levels = {f"role {n}": [float(v) for v in -90 * rng.random(n_frames)] for n in range(seed % 9)}
    mix = mix_picture(n_frames / 30, levels, [float(v) for v in -24 * rng.random(n_frames)])
    for picture in (mouth, mix):
        assert len(picture) <= MAX_BYTES
        decoded(picture)


def test_a_mouth_shows_each_shape_in_its_colour_for_its_time() -> None:
    image = decoded(mouth_picture("D" * 30 + "A" * 10 + "X" * 20, 30.0))
    strip = image[80]
    n_d, n_a, n_x = (int((strip == np.array(SHAPE_COLOURS[s])).all(axis=1).sum()) for s in "DAX")
    assert n_d == pytest.approx(3 * n_a, rel=0.05)
    assert n_x == pytest.approx(2 * n_a, rel=0.05)


def test_the_jaw_given_is_the_jaw_drawn() -> None:
    shut = decoded(mouth_picture("C" * 30, 30.0, jaw=[0.0] * 30))
    wide = decoded(mouth_picture("C" * 30, 30.0, jaw=[1.0] * 30))
    assert n_pixels(wide[:60], SHAPE_COLOURS["A"]) > 20 * n_pixels(shut[:60], SHAPE_COLOURS["A"])


def test_a_mix_has_a_lane_for_each_role_and_one_for_the_ducking() -> None:
    voice, silence = [-10.0] * 100, [float("-inf")] * 100
    loud = decoded(mix_picture(10.0, {"voice": voice}, []))
    none = decoded(mix_picture(10.0, {"voice": silence}, []))
    assert n_pixels(loud, (79, 163, 255)) > 10_000
    assert n_pixels(none, (79, 163, 255)) == 0
    ducked = decoded(mix_picture(10.0, {"voice": voice, "music": voice}, [-9.0] * 100))
    assert ducked.shape[0] > loud.shape[0]
    assert n_pixels(ducked, (255, 202, 87)) > 600


def test_a_gain_that_never_ducks_has_no_lane() -> None:
    voice = [-10.0] * 100
    assert mix_picture(10.0, {"voice": voice}, [0.0] * 100) == mix_picture(10.0, {"voice": voice}, [])


def test_every_english_phoneme_is_drawn_in_ipa_and_no_two_alike() -> None:
    drawn = {ipa: ipa_text.phoneme_text(ipa, 12) for ipa in ARPABET_TO_IPA.values()}
    assert len({coverage.tobytes() for coverage in drawn.values()}) == len(drawn)
    unknown = ipa_text.plain_text("ɪ", 12)  # the font's own mark for a letter that it lacks
    assert all(coverage.tobytes() != unknown.tobytes() for coverage in drawn.values())
    assert all(coverage.max() > 150 for coverage in drawn.values())


def test_an_unknown_phoneme_is_named_by_its_nearest_arpabet() -> None:
    assert (ipa_text.phoneme_text("ɕ", 12) == ipa_text.plain_text("SH", 12)).all()


def test_a_nasal_vowel_is_its_vowel_with_a_tilde() -> None:
    plain, nasal = ipa_text.phoneme_text("ɛ", 16), ipa_text.phoneme_text("ɛ̃", 16)
    assert (nasal >= plain).all()
    assert (nasal > plain).any()
