"""The voice is espeak's, slow and with one vowel held as in singing: its times are exact, it needs no models."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain import timebase
from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas import alignment, lipsync, song_analysis
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.speech import SpeechRequest
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.engines import espeak, scene_singing
from resources.engines.scene_singing import scene_alignment, scene_lipsync, vocal_segment

FILM = Fraction(24000, 1001)
RATE_HZ = 22_050
TEXT = "The boy was there when the sun rose."
FIRST_FRAME, END_FRAME = 30, 150
LEAD_S = 1.6
HELD, HELD_S = 3, 1.2
"""The word "there" is held for so long."""


@dataclass(frozen=True)
class Song:
    """A voice with what is known of it, in seconds of the song."""

    vocals: Path
    lyrics: bytes
    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    held: tuple[float, float]


def lyrics_json(words: tuple[Word, ...], *, confidence: float = 0.9, language: str = "en") -> bytes:
    sung = tuple(LyricWord(w.word, w.t_start, w.t_end, confidence) for w in words)
    line = LyricLine(" ".join(w.word for w in words), sung)
    return song_analysis.lyrics_to_bytes(Lyrics((line,), "plain", language), {"aligned_by": "voice"})


def flac(path: Path, samples: NDArray[np.float32], rate_hz: int = RATE_HZ, encoding: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate_hz, encoding, format="FLAC")
    return path


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    said = espeak.speak(SpeechRequest(TEXT, "en-us", (("en-us+f5", 1.0),), speed=0.8))
    assert said.timeline is not None
    voice = soxr.resample(said.pcm.astype(np.float32) / 32768, said.sample_rate_hz, RATE_HZ)
    vowel = max(
        (p for p in said.timeline.phonemes if p.t_start >= said.timeline.words[HELD].t_start
         and p.t_end <= said.timeline.words[HELD].t_end), key=lambda p: p.t_end - p.t_start,
    )  # fmt: skip
    middle_s = (vowel.t_start + vowel.t_end) / 2
    a, b = round((middle_s - 0.02) * RATE_HZ), round((middle_s + 0.02) * RATE_HZ)
    piece = np.concatenate([voice[a:b], voice[a:b][::-1]])
    held = np.tile(piece, round(HELD_S * RATE_HZ / len(piece)))

    def moved(time_s: float) -> float:
        return LEAD_S + time_s + (len(held) / RATE_HZ if time_s > middle_s else 0.0)

    lead = np.zeros(round(LEAD_S * RATE_HZ), np.float32)
    whole = np.concatenate([lead, voice[:b], held, voice[b:], lead]) * 0.9
    words = tuple(Word(w.word, moved(w.t_start), moved(w.t_end)) for w in said.timeline.words)
    phones = tuple(Phone(p.phoneme, moved(p.t_start), moved(p.t_end)) for p in said.timeline.phonemes)
    path = flac(tmp_path_factory.mktemp("song") / "vocals.flac", whole)
    at = LEAD_S + b / RATE_HZ
    return Song(path, lyrics_json(words), words, phones, (at, at + len(held) / RATE_HZ))


@pytest.fixture(scope="module")
def segment(song: Song, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("scene") / "segment.flac"
    vocal_segment(song.vocals, FIRST_FRAME, END_FRAME, FILM, target)
    return target


@pytest.fixture(scope="module")
def found(song: Song, segment: Path) -> Rendered:
    return scene_alignment(segment, song.lyrics, FIRST_FRAME, END_FRAME, FILM)


def timeline_of(rendered: Rendered) -> Timeline:
    return record_of(rendered).timeline


def record_of(rendered: Rendered) -> AlignmentRecord:
    content = rendered.files[scene_singing.ALIGNMENT]
    assert isinstance(content, bytes)
    return alignment.from_bytes(content)


def failed(rendered: Rendered) -> set[str]:
    return {check.name for check in rendered.checks if not check.passed}


def phones_by_word(timeline: Timeline) -> Iterator[tuple[Word, list[Phone]]]:
    for word in timeline.words:
        yield word, [p for p in timeline.phonemes if word.t_start - 1e-9 <= p.t_start < word.t_end]


# --- the slice ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [FILM, Fraction(24), Fraction(25)])
@pytest.mark.parametrize(("encoding", "rate_hz"), [("PCM_16", 44_100), ("PCM_24", 48_000)])
def test_slices_of_all_scenes_are_the_whole_voice_bit_for_bit(
    tmp_path: Path, rate: Fraction, encoding: str, rate_hz: int
) -> None:
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, 3 * rate_hz + 1234).astype(np.float32)
    vocals = flac(tmp_path / "vocals.flac", noise, rate_hz, encoding)
    whole, _ = soundfile.read(vocals, dtype="int32")
    n_frames = timebase.n_frames(len(whole) / rate_hz, rate)
    pieces = []
    for number, (start, end) in enumerate(pairwise([0, 1, 17, 40, 41, n_frames])):
        target = tmp_path / f"{number}.flac"
        rendered = vocal_segment(vocals, start, end, rate, target)
        piece, piece_hz = soundfile.read(target, dtype="int32")
        assert (piece_hz, soundfile.info(target).subtype) == (rate_hz, encoding)
        assert rendered.facts["n_samples"] == len(piece)
        assert rendered.facts["first_sample"] == timebase.frame_to_sample(start, rate, rate_hz)
        assert not failed(rendered)
        pieces.append(piece)
    assert np.array_equal(np.concatenate(pieces), whole)


def test_levels_say_how_much_of_the_slice_sounds(tmp_path: Path) -> None:
    half = np.concatenate([np.zeros(22_050, np.float32), np.full(22_050, 0.1, np.float32)])
    facts = vocal_segment(flac(tmp_path / "v.flac", half), 0, 48, Fraction(24), tmp_path / "s.flac").facts
    assert facts["sounding_share"] == pytest.approx(0.5, abs=0.02)
    assert (facts["peak_db"], facts["rms_db"]) == (-20.0, pytest.approx(-23.01, abs=0.01))


def test_a_slice_of_silence_has_no_levels(tmp_path: Path) -> None:
    silence = flac(tmp_path / "v.flac", np.zeros(44_100, np.float32))
    facts = vocal_segment(silence, 0, 48, Fraction(24), tmp_path / "s.flac").facts
    assert (facts["rms_db"], facts["peak_db"], facts["sounding_share"]) == (None, None, 0.0)


@pytest.mark.parametrize(
    ("start", "end", "says"), [(500, 510, "plan the storyboard again"), (5, 5, "are no scene"), (-1, 5, "are no scene")]
)
def test_frames_without_voice_are_refused(song: Song, tmp_path: Path, start: int, end: int, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        vocal_segment(song.vocals, start, end, FILM, tmp_path / "s.flac")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_voice_of_ours_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "v.wav", np.zeros(4410), 44_100)
    (tmp_path / "v.flac").write_bytes(b"nothing")
    for name, says in (("v.wav", "not FLAC of 16 or 24 bits"), ("v.flac", "can not be read")):
        with pytest.raises(PermanentError, match=says):
            vocal_segment(tmp_path / name, 0, 2, FILM, tmp_path / "s.flac")
    assert not (tmp_path / "s.flac").exists()


# --- the phonemes ------------------------------------------------------------------------------------------------


def test_times_rise_from_the_scenes_start_and_last_exactly_as_long(found: Rendered, song: Song) -> None:
    timeline = timeline_of(found)
    assert timeline.faults() == []
    assert timeline.duration_s == float((END_FRAME - FIRST_FRAME) / FILM)
    start_s = float(FIRST_FRAME / FILM)
    assert [w.word for w in timeline.words] == TEXT.rstrip(".").split()
    assert np.allclose([w.t_start + start_s for w in timeline.words], [w.t_start for w in song.words], atol=1e-4)


def test_phonemes_fill_their_words(found: Rendered) -> None:
    grouped = list(phones_by_word(timeline_of(found)))
    assert sum(len(phones) for _, phones in grouped) == len(timeline_of(found).phonemes)
    for word, phones in grouped:
        assert phones[0].t_start == pytest.approx(word.t_start, abs=0.011)
        assert phones[-1].t_end == pytest.approx(word.t_end, abs=0.011)
        assert all(a.t_end == b.t_start for a, b in pairwise(phones))


def test_phonemes_are_where_they_sound(found: Rendered, song: Song) -> None:
    """Of words with as many sounds in the dictionary as espeak says: the mean error of the inner edges."""
    start_s = float(FIRST_FRAME / FILM)
    errors = []
    for (_, phones), true in zip(phones_by_word(timeline_of(found)), song.words, strict=True):
        own = [p for p in song.phones if true.t_start - 1e-9 <= p.t_start < true.t_end]
        if len(own) == len(phones):
            errors += [abs(a.t_start + start_s - b.t_start) for a, b in zip(phones[1:], own[1:], strict=True)]
    assert len(errors) >= 6
    assert np.mean(errors) < 0.03


def test_a_held_vowel_is_stretched_over_the_note(found: Rendered, song: Song) -> None:
    start_s = float(FIRST_FRAME / FILM)
    held_from, held_to = song.held[0] - start_s, song.held[1] - start_s
    vowel = next(p for p in timeline_of(found).phonemes if p.t_start <= (held_from + held_to) / 2 < p.t_end)
    assert vowel.phoneme == "ɛ"
    assert vowel.t_start <= held_from + 0.02
    assert vowel.t_end >= held_to - 0.02


def test_found_phonemes_are_said_to_be_found(found: Rendered) -> None:
    assert found.facts["n_words"] == 8
    assert found.facts["n_aligned"] >= 7
    assert failed(found) == set()
    record = record_of(found)
    assert record.source.startswith("words: voice; phonemes: aligned")
    assert record.confidence == pytest.approx(0.9, abs=0.1)


def test_words_are_described_one_by_one(found: Rendered) -> None:
    content = found.files[scene_singing.SINGING]
    assert isinstance(content, bytes)
    singing = orjson.loads(content)
    assert singing["schema"] == "singing.1"
    assert [entry["word"] for entry in singing["words"]] == TEXT.rstrip(".").split()
    assert singing["words"][HELD]["phonemes"] == "aligned"
    assert singing["left_out"] == []


def test_a_word_across_a_cut_goes_on_in_the_next_scene(song: Song, tmp_path: Path) -> None:
    middle = timebase.frame_at(sum(song.held) / 2, FILM)
    scenes = []
    for number, (start, end) in enumerate([(FIRST_FRAME, middle), (middle, END_FRAME)]):
        target = tmp_path / f"{number}.flac"
        vocal_segment(song.vocals, start, end, FILM, target)
        scenes.append(timeline_of(scene_alignment(target, song.lyrics, start, end, FILM)))
    before, after = scenes
    assert before.phonemes[-1].phoneme == after.phonemes[0].phoneme == "ɛ"
    assert before.phonemes[-1].t_end == pytest.approx(before.duration_s, abs=1e-4)
    assert after.phonemes[0].t_start == 0.0
    assert after.words[0].word == "there"


def test_a_voice_that_is_silent_under_a_word_is_no_proof_of_it(song: Song, segment: Path, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(segment)
    quiet = flac(tmp_path / "quiet.flac", np.zeros(len(samples), np.float32), rate_hz)
    rendered = scene_alignment(quiet, song.lyrics, FIRST_FRAME, END_FRAME, FILM)
    assert {"words_are_heard", "phonemes_are_aligned"} <= failed(rendered)
    assert rendered.facts["n_silent"] == 8
    assert rendered.facts["confidence"] == 0.0
    assert "stand where the voice is silent" in rendered.notes[0]
    assert len(timeline_of(rendered).words) == 8


def test_words_that_are_not_what_is_sung_are_estimated_and_it_is_said(song: Song, segment: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(len(soundfile.read(segment)[0])) * 0.1
    rendered = scene_alignment(
        flac(segment.with_name("noise.flac"), noise.astype(np.float32)), song.lyrics, FIRST_FRAME, END_FRAME, FILM
    )
    assert rendered.facts["n_estimated"] >= 4
    assert "phonemes_are_aligned" in failed(rendered)
    assert "are spread over the word: they were not found in the voice" in rendered.notes[0]
    assert rendered.facts["confidence"] < 0.7


@pytest.mark.parametrize("lyrics", [lyrics_json(()), lyrics_json((Word("later", 100.0, 101.0),))])
def test_a_scene_without_words_is_empty_and_no_error(segment: Path, lyrics: bytes) -> None:
    rendered = scene_alignment(segment, lyrics, FIRST_FRAME, END_FRAME, FILM)
    assert timeline_of(rendered) == Timeline((), (), float((END_FRAME - FIRST_FRAME) / FILM))
    assert failed(rendered) == set()
    assert rendered.facts["n_words"] == 0


def test_other_languages_are_spread_and_it_is_said(song: Song, segment: Path) -> None:
    german = scene_alignment(segment, song.lyrics, FIRST_FRAME, END_FRAME, FILM, language="de")
    assert (german.facts["n_aligned"], german.facts["n_estimated"]) == (0, 8)
    assert [p.phoneme for p in timeline_of(german).phonemes][:2] == ["ð", "ə"]  # by espeak; the dictionary has ʌ
    assert "phonemes in 'de' are spread" in german.notes[0]
    assert failed(german) == {"phonemes_are_aligned"}
    assert german.facts["confidence"] == pytest.approx(0.45)


def test_a_silent_break_after_a_word_is_not_sung(song: Song, segment: Path) -> None:
    """As in lyrics whose last word lasts until the next line."""
    words = (*song.words[:-1], Word("rose", song.words[-1].t_start, float(END_FRAME / FILM)))
    timeline = timeline_of(scene_alignment(segment, lyrics_json(words), FIRST_FRAME, END_FRAME, FILM))
    assert timeline.words[-1].t_end == timeline.duration_s
    sung_to = song.words[-1].t_end - float(FIRST_FRAME / FILM)
    assert timeline.duration_s - sung_to > 1.0
    assert timeline.phonemes[-1].t_end == pytest.approx(sung_to, abs=0.2)


def test_words_that_can_not_be_said_stay_without_phonemes(song: Song, segment: Path) -> None:
    words = (Word("½☃9", song.words[0].t_start, song.words[1].t_end),)
    rendered = scene_alignment(segment, lyrics_json(words, language="xx"), FIRST_FRAME, END_FRAME, FILM)
    assert timeline_of(rendered).phonemes == ()
    assert rendered.facts["n_unknown"] == 1
    assert "can not be said" in rendered.notes[0]


def test_a_persons_words_take_the_songs_times(song: Song, segment: Path, found: Rendered) -> None:
    written = TEXT.replace("boy", "toy")
    rendered = scene_alignment(segment, song.lyrics, FIRST_FRAME, END_FRAME, FILM, lyrics_override=written)
    words, own = timeline_of(rendered).words, timeline_of(found).words
    assert [w.word for w in words][:2] == ["The", "toy"]
    assert [w.t_start for w in words] == [w.t_start for w in own]


def test_a_persons_words_are_looked_for_where_the_song_has_none(song: Song, segment: Path) -> None:
    rendered = scene_alignment(segment, lyrics_json(()), FIRST_FRAME, END_FRAME, FILM, lyrics_override=TEXT)
    starts = [w.t_start + float(FIRST_FRAME / FILM) for w in timeline_of(rendered).words]
    if len(starts) == len(song.words):
        assert np.mean(np.abs(np.array(starts) - [w.t_start for w in song.words]) < 0.3) > 0.7
    else:
        assert rendered.facts["n_left_out"] == len(song.words) - len(starts)


def test_another_scenes_voice_is_refused(song: Song, segment: Path) -> None:
    with pytest.raises(PermanentError, match="cut the scene's voice again"):
        scene_alignment(segment, song.lyrics, FIRST_FRAME, END_FRAME + 2, FILM)
    with pytest.raises(PermanentError, match="analyse the song again"):
        scene_alignment(segment, b"{}", FIRST_FRAME, END_FRAME, FILM)


def test_the_same_bytes_in_another_process(song: Song, segment: Path, found: Rendered, tmp_path: Path) -> None:
    (tmp_path / "lyrics.json").write_bytes(song.lyrics)
    program = (
        "import sys; from fractions import Fraction; from pathlib import Path;"
        "from resources.engines.scene_singing import scene_alignment, vocal_segment;"
        "v, l, s = map(Path, sys.argv[1:]); f = (30, 150, Fraction(24000, 1001)); vocal_segment(v, *f, s);"
        "r = scene_alignment(s, l.read_bytes(), *f);"
        "sys.stdout.buffer.write(r.files['alignment.json'] + r.files['singing.json'])"
    )
    command = [sys.executable, "-c", program, str(song.vocals), str(tmp_path / "lyrics.json"), str(tmp_path / "s.flac")]
    other = subprocess.run(command, capture_output=True, check=True)
    assert (tmp_path / "s.flac").read_bytes() == segment.read_bytes()
    files = found.files
    assert other.stdout == b"".join(files[n] for n in (scene_singing.ALIGNMENT, scene_singing.SINGING))  # type: ignore[misc]


# --- the mouth ---------------------------------------------------------------------------------------------------


def test_the_mouth_is_open_on_the_held_vowel_and_shut_on_b(found: Rendered, song: Song) -> None:
    n_frames = END_FRAME - FIRST_FRAME
    content = found.files[scene_singing.ALIGNMENT]
    assert isinstance(content, bytes)
    data = scene_lipsync(content, FILM, n_frames)
    record = lipsync.from_bytes(data)
    assert len(record.frames) == n_frames
    assert data == scene_lipsync(content, FILM, n_frames)
    held = [timebase.frame_at(t, FILM) - FIRST_FRAME for t in song.held]
    assert min(frame.jaw for frame in record.frames[held[0] + 1 : held[1]]) > 0.5
    b = next(p for p in timeline_of(found).phonemes if p.phoneme == "b")
    around = record.frames[timebase.frame_at(b.t_start, FILM) - 1 : timebase.frame_at(b.t_end, FILM) + 1]
    assert "A" in {frame.shape for frame in around}
    assert min(frame.jaw for frame in around) < 0.05


def test_a_mouth_of_another_length_is_refused(found: Rendered) -> None:
    content = found.files[scene_singing.ALIGNMENT]
    assert isinstance(content, bytes)
    with pytest.raises(PermanentError, match="align the scene again"):
        scene_lipsync(content, FILM, 7)
    with pytest.raises(PermanentError, match="not JSON"):
        scene_lipsync(b"", FILM, 7)


def test_identity_names_what_the_times_depend_on() -> None:
    assert {"engine", "version", "model", "recipe", "singing_recipe"} <= scene_singing.identity().keys()
