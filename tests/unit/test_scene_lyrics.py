from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord
from audio_assets.domain.music.scene_lyrics import SHORTEST_WORD_S, SceneLyrics, scene_lyrics

FILM = Fraction(24000, 1001)
FAST = Fraction(24)
SECOND = 24


def sung(*lines: str, every_s: float = 0.5, length_s: float = 0.4) -> Lyrics:
    """Words one after another from 0 s on."""
    made = []
    at = 0
    for text in lines:
        words = []
        for word in text.split():
            words.append(LyricWord(word, at * every_s, at * every_s + length_s, 0.9))
            at += 1
        made.append(LyricLine(text, tuple(words), words[0].start_time, words[-1].end_time))
    return Lyrics(tuple(made), "plain")


def one_line(*words: LyricWord, start_time: float | None = None) -> Lyrics:
    return Lyrics((LyricLine(" ".join(word.text for word in words), words, start_time),), "plain")


def texts(scene: SceneLyrics) -> list[str]:
    return [word.text for word in scene.words]


@st.composite
def songs(draw: st.DrawFn) -> tuple[Lyrics, list[int], Fraction]:
    """Words with gaps and overlaps, and the frames at which scenes begin and the last ends."""
    steps = draw(st.lists(st.tuples(st.floats(0, 1.5), st.floats(-0.2, 4)), max_size=25))
    at = 0.0
    words = []
    for number, (gap_s, length_s) in enumerate(steps):
        at += gap_s
        words.append(LyricWord(f"w{number}", at, at + length_s, 1.0))
    cuts = sorted(draw(st.sets(st.integers(1, 1500), max_size=8)))
    return one_line(*words), [0, *cuts, 2000], draw(st.sampled_from([FAST, FILM, Fraction(25)]))


@settings(deadline=None, max_examples=60)
@given(songs())
def test_words_lie_in_their_scene_in_order_and_scenes_share_them_out(
    song: tuple[Lyrics, list[int], Fraction],
) -> None:
    lyrics, frames, rate = song
    whole = {word.text: word for word in scene_lyrics(lyrics, 0, frames[-1], rate).words}
    shares = dict.fromkeys(whole, 0.0)
    n_cut = dict.fromkeys(whole, 0)
    for start, end in pairwise(frames):
        scene = scene_lyrics(lyrics, start, end, rate)
        assert scene.duration_s == float((end - start) / rate)
        at = 0.0
        for word in scene.words:
            assert at <= word.t_start < word.t_end <= scene.duration_s
            at = word.t_end
            start_s = float(start / rate)
            assert word.sung_from + start_s == pytest.approx(whole[word.text].sung_from)
            assert word.sung_to + start_s == pytest.approx(whole[word.text].sung_to)
            assert word.is_cut == (word.sung_from < 0 or word.sung_to > scene.duration_s)
            shares[word.text] += word.t_end - word.t_start
            n_cut[word.text] += 1
    for text, word in whole.items():
        missing_s = (word.t_end - word.t_start) - shares[text]
        assert -1e-6 < missing_s < 2 * SHORTEST_WORD_S + 1e-6  # slivers at either end are nobody's


def test_a_held_word_belongs_to_both_scenes() -> None:
    lyrics = one_line(LyricWord("home", 0.5, 2.5, 0.8))
    before, after = scene_lyrics(lyrics, 0, SECOND, FAST), scene_lyrics(lyrics, SECOND, 2 * SECOND, FAST)
    assert [(w.t_start, w.t_end, w.sung_from, w.sung_to) for w in before.words] == [(0.5, 1.0, 0.5, 2.5)]
    assert [(w.t_start, w.t_end, w.sung_from, w.sung_to) for w in after.words] == [(0.0, 1.0, -0.5, 1.5)]
    assert after.words[0].is_cut
    assert after.words[0].confidence == 0.8


def test_a_scene_without_words_is_empty() -> None:
    scene = scene_lyrics(sung("so far away"), 100 * SECOND, 104 * SECOND, FAST)
    assert scene == SceneLyrics((), 4.0)


def test_a_word_ends_where_the_next_begins() -> None:
    lyrics = one_line(LyricWord("a", 0.0, 2.0), LyricWord("b", 1.0, None), LyricWord("c", 3.0))
    scene = scene_lyrics(lyrics, 0, 4 * SECOND, FAST)
    assert [(w.t_start, w.t_end) for w in scene.words] == [(0.0, 1.0), (1.0, 1.5), (3.0, 3.5)]


def test_two_singers_at_once_are_one_mouth_and_it_is_said() -> None:
    scene = scene_lyrics(one_line(LyricWord("I", 1.0, 2.0), LyricWord("we", 1.0, 2.0)), 0, 4 * SECOND, FAST)
    assert texts(scene) == ["I"]
    assert "1 words of the song are sung over others" in scene.notes[0]


def test_words_without_times_are_left_out_by_name() -> None:
    lyrics = one_line(LyricWord("so", 1.0, 1.2), LyricWord("far"), LyricWord("away", 2.0, 2.5), LyricWord("now"))
    scene = scene_lyrics(lyrics, 0, 4 * SECOND, FAST)
    assert texts(scene) == ["so", "away"]
    assert scene.left_out == ("far", "now")
    assert scene_lyrics(lyrics, 4 * SECOND, 8 * SECOND, FAST).left_out == ()


def test_a_line_whose_time_is_known_is_missed_in_its_scene_only() -> None:
    lyrics = one_line(LyricWord("so"), LyricWord("far"), start_time=5.0)
    assert scene_lyrics(lyrics, 4 * SECOND, 8 * SECOND, FAST).left_out == ("so", "far")
    assert scene_lyrics(lyrics, 0, 4 * SECOND, FAST).left_out == ()


LYRICS = sung("so far away from home", "so far away")
WHOLE = (0, 4 * SECOND, FAST)


def test_the_same_words_again_change_no_time() -> None:
    plain = scene_lyrics(LYRICS, *WHOLE)
    written = scene_lyrics(LYRICS, *WHOLE, override="So far away, from home!\nSo far away")
    assert [(w.t_start, w.t_end, w.line) for w in written.words] == [(w.t_start, w.t_end, w.line) for w in plain.words]
    assert texts(written)[:3] == ["So", "far", "away,"]


def test_a_changed_word_takes_the_time_of_the_old_one() -> None:
    scene = scene_lyrics(LYRICS, *WHOLE, override="so far away from Rome\nso far away")
    assert texts(scene)[4] == "Rome"
    assert (scene.words[4].t_start, scene.words[4].t_end) == (2.0, 2.4)
    assert scene.words[4].confidence == pytest.approx(0.45)
    assert scene.words[3].confidence == pytest.approx(0.9)


def test_more_words_in_place_of_fewer_share_their_time() -> None:
    scene = scene_lyrics(LYRICS, *WHOLE, override="so far away to see Rome\nso far away")
    assert texts(scene)[3:6] == ["to", "see", "Rome"]
    assert scene.words[3].t_start == 1.5
    assert scene.words[5].t_end == pytest.approx(2.4)
    assert [w.t_end for w in scene.words[3:5]] == [w.t_start for w in scene.words[4:6]]


def test_additional_words_have_no_time_and_missing_ones_are_not_sung() -> None:
    scene = scene_lyrics(LYRICS, *WHOLE, override="so far away from home\noh so far")
    assert texts(scene) == ["so", "far", "away", "from", "home", "so", "far"]
    assert scene.left_out == ("oh",)


def test_a_word_held_over_is_not_replaced_by_the_scenes_own_words() -> None:
    lyrics = one_line(LyricWord("home", 0.5, 1.5), LyricWord("so", 1.6, 1.8), LyricWord("far", 1.8, 1.9))
    scene = scene_lyrics(lyrics, SECOND, 2 * SECOND, FAST, override="too far")
    assert texts(scene) == ["home", "too", "far"]
