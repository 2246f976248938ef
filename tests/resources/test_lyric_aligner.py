"""The song is espeak's speech over chords and a drum: its times are exact, and it needs no model files."""

import functools
from collections.abc import Sequence

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from audio_assets.domain.alignment_text import text_words
from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord
from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.speech import SpeechRequest
from resources.engines import acoustic_model, espeak, lyric_aligner, lyric_search, lyric_senones, pocketsphinx
from resources.engines.lyric_aligner import align_lyrics, identity

RATE_HZ = 16_000
VERSE = ("The garden sleeps beneath the snow", "and every window holds a light", "I hear you singing far below")
CHORUS = ("Come home again before the morning", "come home again before the day")
SUNG = (*VERSE, *CHORUS, *VERSE[::-1], *CHORUS)
PAUSES_S = (3.0, 0.4, 0.3, 1.5, 0.3, 6.0, 0.4, 0.3, 1.0, 0.4)
OTHER = (
    "Seven engines pulling iron\nthrough a valley full of thunder\nnobody remembers Michael\nsitting quietly in summer"
)

Song = tuple[NDArray[np.float32], list[list[float]]]


@functools.lru_cache(maxsize=1)
def song() -> Song:
    """Samples, and when each word of each line begins."""
    pieces: list[NDArray[np.float32]] = []
    starts: list[list[float]] = []
    at = 0
    for text, pause_s in zip(SUNG, PAUSES_S, strict=True):
        said = espeak.speak(SpeechRequest(text, "en", (("en-us", 1.0),), speed=0.8))
        assert said.timeline is not None
        pieces += [
            np.zeros(round(pause_s * RATE_HZ), np.float32),
            soxr.resample(said.pcm.astype(np.float32) / 32768, said.sample_rate_hz, RATE_HZ),
        ]
        at += len(pieces[-2])
        starts.append([at / RATE_HZ + word.t_start for word in said.timeline.words])
        at += len(pieces[-1])
    voice = np.concatenate([*pieces, np.zeros(5 * RATE_HZ, np.float32)])
    return mixed(voice), starts


def mixed(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    level = np.sqrt(np.mean(voice[np.abs(voice) > 0.01] ** 2))
    return np.asarray(0.5 * (voice + level * music(len(voice))), np.float32)


def music(n_samples: int) -> NDArray[np.float64]:
    t = np.arange(n_samples) / RATE_HZ
    chord = np.sin(2 * np.pi * np.array([110.0, 164.8, 220.0, 277.2])[:, None] * t).mean(axis=0)
    drum = np.random.default_rng(0).standard_normal(n_samples) * np.exp(-(t % 0.5) / 0.03)
    return np.asarray(0.4 * (chord + drum))


@functools.lru_cache(maxsize=1)
def aligned() -> Lyrics:
    return align_lyrics(song()[0], RATE_HZ, plain(SUNG))


def plain(lines: Sequence[str]) -> Lyrics:
    return parse_lyrics("\n".join(lines), "song")


def starts_of(lyrics: Lyrics) -> NDArray[np.float64]:
    return np.array([np.nan if w.start_time is None else w.start_time for line in lyrics.lines for w in line.words])


def share_right(lyrics: Lyrics, truth: Sequence[Sequence[float]]) -> float:
    return float(np.mean(np.abs(starts_of(lyrics) - np.concatenate([np.array(line) for line in truth])) <= 0.3))


def test_words_are_found_in_the_whole_song_by_the_text_alone() -> None:
    assert share_right(aligned(), song()[1]) >= 0.95


def test_words_keep_their_order_and_text_and_lie_in_the_song() -> None:
    times = [(w.start_time, w.end_time) for line in aligned().lines for w in line.words if w.start_time is not None]
    flat = [t for pair in times for t in pair if t is not None]
    assert flat == sorted(flat)
    assert flat[0] >= 0
    assert flat[-1] <= len(song()[0]) / RATE_HZ
    assert [line.text for line in aligned().lines] == list(SUNG)


def test_a_line_spans_its_words() -> None:
    for line in aligned().lines:
        assert (line.start_time, line.end_time) == (line.words[0].start_time, line.words[-1].end_time)


def test_right_words_are_sure() -> None:
    assert np.mean([w.confidence for line in aligned().lines for w in line.words]) > 0.9
    assert not aligned().notes


def test_the_lyrics_of_another_song_are_not_aligned() -> None:
    found = align_lyrics(song()[0], RATE_HZ, parse_lyrics(OTHER, "other"))
    assert np.isnan(starts_of(found)).mean() > 0.8
    assert max(w.confidence for line in found.lines for w in line.words) < 0.5
    assert "check that the lyrics belong" in found.notes[-1]


def test_music_alone_has_no_words() -> None:
    found = align_lyrics(music(20 * RATE_HZ).astype(np.float32), RATE_HZ, plain(SUNG))
    assert np.isnan(starts_of(found)).mean() > 0.8


def test_lines_that_are_not_sung_do_not_bend_the_others() -> None:
    foreign = OTHER.split("\n")
    found = align_lyrics(song()[0], RATE_HZ, plain([*SUNG[:5], *foreign, *SUNG[5:]]))
    sung = Lyrics((*found.lines[:5], *found.lines[9:]), "plain")
    unsung = Lyrics(found.lines[5:9], "plain")
    assert share_right(sung, song()[1]) >= 0.9
    assert np.mean([w.confidence for line in unsung.lines for w in line.words]) < 0.5


def test_text_without_line_breaks_is_found_too() -> None:
    assert share_right(align_lyrics(song()[0], RATE_HZ, plain([" ".join(SUNG)])), song()[1]) >= 0.9


def test_words_stay_in_the_window_of_their_line() -> None:
    """The chorus comes twice; a line with the second one's time is not looked for in the first."""
    start_s = song()[1][8][0]
    lyrics = Lyrics((LyricLine(SUNG[8], tuple(LyricWord(w) for w in SUNG[8].split()), start_s, start_s + 4.0),), "lrc")
    found = align_lyrics(song()[0], RATE_HZ, lyrics)
    assert share_right(found, [song()[1][8]]) == 1.0
    assert found.lines[0].start_time == start_s


def test_times_that_came_with_the_lyrics_stay() -> None:
    lyrics = Lyrics((LyricLine("home", (LyricWord("home", 1.0, 2.0, 1.0),), 1.0, 2.0),), "enhanced_lrc")
    assert align_lyrics(song()[0], RATE_HZ, lyrics) == lyrics


@pytest.mark.parametrize("voice", [np.zeros(0, np.float32), np.zeros(RATE_HZ, np.float32)])
def test_silence_has_no_words(voice: NDArray[np.float32]) -> None:
    assert np.isnan(starts_of(align_lyrics(voice, RATE_HZ, plain(SUNG)))).all()


def test_a_song_too_short_for_its_words_has_few() -> None:
    found = align_lyrics(song()[0][: RATE_HZ // 2], RATE_HZ, plain(SUNG))
    assert np.isnan(starts_of(found)).mean() > 0.8


def test_the_same_bits_again() -> None:
    part = song()[0][: 16 * RATE_HZ]
    assert align_lyrics(part, RATE_HZ, plain(SUNG[:5])) == align_lyrics(part.copy(), RATE_HZ, plain(SUNG[:5]))


def test_words_that_can_not_be_said_are_left_out() -> None:
    lyrics = plain([SUNG[0].replace("garden", "½☃9")])
    assert align_lyrics(song()[0], RATE_HZ, lyrics).lines[0].words[1].text == "½☃9"


def test_a_held_note_is_its_words_until_the_voice_leaves_the_vowel_or_the_next_begins() -> None:
    """Of four words one is held to frame 90, one up to the next, one is left out, one before a gap is not held."""
    first = np.array([10.0, 120.0, np.nan, 200.0])
    way = lyric_aligner._Way(first, np.array([20.0, 130.0, np.nan, 210.0]), *np.zeros((2, 4)))
    vowel = np.full(300, -4.0, np.float32)
    vowel[10:90] = vowel[120:200] = -0.5
    end = lyric_aligner._held_on(way, vowel).end
    assert abs(end[0] - 90) <= 10
    assert 190 <= end[1] <= 200
    assert np.isnan(end[2])
    assert end[3] == 210


def test_senones_are_those_that_pocketsphinx_goes_through() -> None:
    said = espeak.speak(SpeechRequest("The boy was there when the sun rose.", "en-us", (("en-us+f5", 1.0),), speed=0.8))
    samples = soxr.resample(said.pcm, said.sample_rate_hz, RATE_HZ)
    units = pocketsphinx._units(text_words("the boy was there when the sun rose"), "en", {})
    sounds = pocketsphinx._found(samples, units)
    n_checked = 0
    for before, own, after in zip(sounds, sounds[1:], sounds[2:], strict=False):
        if before.unit == own.unit == after.unit and not own.is_silence:
            assert own.states == lyric_senones.states(own.arpabet, before.arpabet, after.arpabet, "inside")
            n_checked += 1
    assert n_checked >= 4


def test_an_unseen_neighbour_gives_the_plain_sound() -> None:
    plain_states = tuple(acoustic_model.SOUNDS.index("AA") * 3 + k for k in range(3))
    assert lyric_senones.states("AA", "+NSN+", "+NSN+", "inside") == plain_states


def counts(scores: NDArray[np.floating]) -> NDArray[np.int16]:
    return np.asarray(np.rint(scores / lyric_search.STEP), np.int16)


def test_the_best_path_is_the_best_of_all() -> None:
    """One word of one sound in columns 0 to 2, music 3, pause 4: it lies where its scores are."""
    scores = np.full((12, 5), -5.0, np.float32)
    scores[:, 3] = -1.0
    scores[4:6, 0] = scores[6:8, 1] = scores[8:9, 2] = 0.0
    text = lyric_search.graph([[[(0, 1, 2)]]], [(0, 12)], music=3, pause=4)
    path = lyric_search.best_path(counts(scores), text)
    assert path is not None
    assert list(text.word[path]) == [-1] * 4 + [0] * 5 + [-1] * 3


def test_long_songs_are_traced_through_blocks_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(1).normal(-2, 1, (400, 11)).astype(np.float32)
    text = lyric_search.graph([[[(0, 1, 2)], [(3, 4, 5), (6, 7, 8)]], [[(0, 1, 2)]]], [(0, 400)] * 2, music=9, pause=10)
    whole = lyric_search.best_path(counts(scores), text)
    monkeypatch.setattr(lyric_search, "_BLOCK_CELLS", 64 * len(text.column))
    pieces = lyric_search.best_path(counts(scores), text)
    assert whole is not None
    assert pieces is not None
    assert np.array_equal(whole, pieces)


def test_a_word_is_left_out_where_its_window_has_no_room() -> None:
    text = lyric_search.graph([[[(0, 1, 2)]]], [(5, 6)], music=3, pause=4)
    path = lyric_search.best_path(np.zeros((20, 5), np.int16), text)
    assert path is not None
    assert (text.word[path] == lyric_search.NO_WORD).all()


def test_identity_names_what_the_times_depend_on() -> None:
    assert {"engine", "version", "model", "recipe"} <= identity().keys()
