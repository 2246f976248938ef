from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord
from audio_assets.domain.subtitles.cues import Cue, CueRules, Cues, joined, lyric_cues, one_line

SONG_S = 60.0
times = st.none() | st.floats(-1, 70)
texts = st.text(max_size=5) | st.sampled_from(["so", "far", "-->", "hold" * 12, "{\\k9}", "<b>"])
words = st.builds(LyricWord, texts, times, times)
lines = st.builds(LyricLine, texts, st.lists(words, max_size=9).map(tuple), times, times)
any_lyrics = st.builds(Lyrics, st.lists(lines, max_size=5).map(tuple), st.just("plain"))


def line(text: str, start: float | None, end: float | None, *word_times: tuple[float, float] | None) -> LyricLine:
    own = word_times or (None,) * len(text.split())
    words = (LyricWord(word, *(t or (None, None))) for word, t in zip(text.split(), own, strict=True))
    return LyricLine(text, tuple(words), start, end)


def cues_of(*lines: LyricLine, rules: CueRules | None = None, song_s: float = SONG_S) -> Cues:
    return lyric_cues(Lyrics(lines, "plain"), song_s, rules or CueRules())


def letters(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=60)
@given(any_lyrics)
def test_cues_are_in_order_in_the_song_and_never_overlap(lyrics: Lyrics) -> None:
    cues = lyric_cues(lyrics, SONG_S).cues
    assert all(0 <= cue.start_ms < cue.end_ms <= 60_000 for cue in cues)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(cues))
    assert all(cue.end_ms - cue.start_ms <= CueRules().longest_ms for cue in cues)


@settings(max_examples=60)
@given(any_lyrics)
def test_words_rise_within_their_cue_and_can_be_written(lyrics: Lyrics) -> None:
    for cue in lyric_cues(lyrics, SONG_S).cues:
        edges = [edge for word in cue.words for edge in (word.start_ms, word.end_ms)]
        assert edges == sorted(edges)
        assert cue.start_ms <= edges[0] <= edges[-1] <= cue.end_ms
        assert one_line(cue.text) == cue.text
        cue.text.encode()


@settings(max_examples=60)
@given(any_lyrics)
def test_no_row_is_longer_than_asked_and_no_cue_has_more_rows(lyrics: Lyrics) -> None:
    rules = CueRules(row_letters=20, n_rows=2)
    for cue in lyric_cues(lyrics, SONG_S, rules).cues:
        assert len(cue.rows) <= 2
        assert all(len(joined(row)) <= 20 for row in cue.rows if len(row) > 1)


@settings(max_examples=60)
@given(any_lyrics)
def test_every_line_is_shown_or_counted(lyrics: Lyrics) -> None:
    found = lyric_cues(lyrics, SONG_S)
    n_sung = sum(any(one_line(word.text) for word in line.words) for line in lyrics.lines)
    shown = {cue.line for cue in found.cues}
    assert len(shown) + found.n_left_out >= n_sung
    assert not found.n_left_out or any("not in the subtitles" in note for note in found.notes)


@given(st.lists(st.text("abcdé", min_size=1, max_size=70), min_size=1, max_size=30))
def test_all_letters_of_a_line_are_shown(texts: list[str]) -> None:
    text = " ".join(texts)
    cues = cues_of(LyricLine(text, tuple(map(LyricWord, texts)), 1.0, 50.0)).cues
    assert letters("".join(cue.text for cue in cues)) == letters(text)


def test_the_same_lyrics_give_the_same_cues() -> None:
    one, two = (cues_of(line("a b c", 1.0, 4.0), line("d", 3.0, 5.0)) for _ in range(2))
    assert one == two


def test_a_cue_leads_in_and_lingers() -> None:
    (cue,) = cues_of(line("so far away", 10.0, 13.0, (10.0, 11.0), (11.0, 12.0), (12.5, 13.0))).cues
    assert (cue.start_ms, cue.end_ms) == (9750, 13400)
    assert [(w.start_ms, w.end_ms) for w in cue.words] == [(10000, 11000), (11000, 12000), (12500, 13000)]


def test_a_short_cue_stands_for_a_second_where_there_is_room() -> None:
    first, second = cues_of(line("oh", 10.0, 10.2, (10.0, 10.2)), line("no", 10.9, 12.0, (10.9, 12.0))).cues
    assert first.end_ms == second.start_ms == 10_750
    (alone,) = cues_of(line("oh", 10.0, 10.1, (10.0, 10.1))).cues
    assert alone.end_ms - alone.start_ms == 1000


def test_the_lead_in_takes_nothing_of_what_is_still_sung() -> None:
    first, second = cues_of(line("one", 10.0, 13.9, (10.0, 13.9)), line("two", 14.0, 15.0, (14.0, 15.0))).cues
    assert first.end_ms == second.start_ms == 13_900


def test_lines_sung_at_the_same_time_take_turns_and_are_noted() -> None:
    found = cues_of(line("one", 10.0, 14.0, (10.0, 14.0)), line("two", 10.0, 14.0, (10.0, 14.0)))
    assert [cue.text for cue in found.cues] == ["one", "two"]
    assert found.cues[0].end_ms == found.cues[1].start_ms == 10_500
    assert found.notes == ("1 of 2 lines are sung together with another and are shown after it",)


def test_lines_without_times_are_left_out_and_counted() -> None:
    found = cues_of(line("one", 1.0, 2.0, (1.0, 2.0)), line("lost words", None, None), line("late", 70.0, 71.0))
    assert [cue.text for cue in found.cues] == ["one"]
    assert found.n_left_out == 2
    assert found.notes[0] == "1 of 3 lines of the lyrics have no times and are not in the subtitles"
    assert found.notes[1] == "1 of 3 lines go on after the song's end and are not in the subtitles, or not whole"


def test_words_without_times_share_what_is_between_their_neighbours() -> None:
    (cue,) = cues_of(line("ab cdef gh ij", 10.0, 14.0, (10.0, 10.5), None, None, (12.0, 13.0))).cues
    assert [(w.start_ms, w.end_ms, w.is_guessed) for w in cue.words] == [
        (10000, 10500, False),
        (10500, 11500, True),
        (11500, 12000, True),
        (12000, 13000, False),
    ]


def test_guessed_words_are_noted() -> None:
    found = cues_of(line("ab cd", 10.0, 14.0, (10.0, 10.5), None))
    assert found.notes == ("the times of 1 of 2 words in the subtitles are guessed from the words beside them",)


def test_a_line_whose_end_is_the_next_line_s_start_minutes_later_does_not_stand_until_then() -> None:
    (cue,) = cues_of(line("so far away", 10.0, 55.0)).cues
    assert 11_000 < cue.end_ms < 15_000


def test_a_line_with_timed_words_alone_is_shown() -> None:
    (cue,) = cues_of(line("ab cd", None, None, None, (12.0, 13.0))).cues
    assert [(w.text, w.start_ms, w.end_ms) for w in cue.words] == [("ab", 11600, 12000), ("cd", 12000, 13000)]


def test_a_line_that_lasts_too_long_is_split_at_its_longest_pause() -> None:
    cues = cues_of(line("a b c", 10.0, 20.0, (10.0, 11.0), (12.0, 13.0), (18.0, 20.0))).cues
    assert [cue.text for cue in cues] == ["a b", "c"]


def test_a_wide_line_is_split_and_wrapped_at_words() -> None:
    text = "the quick brown fox jumps over the lazy dog and runs away from all the hounds of the hills into the night"
    cues = cues_of(line(text, 10.0, 17.0)).cues
    assert [[joined(row) for row in cue.rows] for cue in cues] == [
        ["the quick brown fox jumps", "over the lazy dog and runs"],
        ["away from all the hounds of", "the hills into the night"],
    ]


def test_a_word_longer_than_a_row_is_cut_but_not_before_a_combining_mark() -> None:
    rules = CueRules(row_letters=4)
    (cue,) = cues_of(LyricLine("abce\u0301fg", (LyricWord("abce\u0301fg", 1.0, 2.0),), 1.0, 2.0), rules=rules).cues
    assert [[word.text for word in row] for row in cue.rows] == [["abc"], ["e\u0301fg"]]
    assert cue.text == "abce\u0301fg"


def test_a_line_of_a_hundred_thousand_letters_is_split_in_a_moment() -> None:
    long = LyricLine("", (LyricWord("a" * 50_000, 1.0, 20.0), *(LyricWord("be", 20.0, 40.0),) * 17_000), 1.0, 40.0)
    found = lyric_cues(Lyrics((long,), "plain"), SONG_S).cues
    assert all(len(joined(row)) <= 42 for cue in found for row in cue.rows)


def test_marks_that_are_not_sung_stay_with_their_word() -> None:
    text = "♪ so far - away ♪"
    words = tuple(LyricWord(w, t, t + 1) for w, t in zip(("so", "far", "away"), (1.0, 2.0, 3.0), strict=True))
    (cue,) = cues_of(LyricLine(text, words, 1.0, 4.0)).cues
    assert [word.text for word in cue.words] == ["♪ so", "far -", "away ♪"]


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30)])
def test_frames_are_those_that_begin_within_the_cue(rate: Fraction) -> None:
    cue = Cue(1000, 2500, (), 0)
    first, end = cue.frames(rate)
    assert (first - 1) / rate < 1 <= first / rate
    assert (end - 1) / rate < Fraction(5, 2) <= end / rate
