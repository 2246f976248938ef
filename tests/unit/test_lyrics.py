import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord, Span
from audio_assets.domain.music.lyrics import (
    LyricsError,
    lrc_text,
    lyrics_from_record,
    lyrics_record,
    parse_lyrics,
    sung_spans,
    time_faults,
)

times = st.none() | st.floats(0, 1e4)
words = st.builds(LyricWord, st.text("abc'é", min_size=1), times, times, st.floats(0, 1))
lines = st.builds(LyricLine, st.text(), st.lists(words).map(tuple), times, times)
any_lyrics = st.builds(
    Lyrics,
    st.lists(lines).map(tuple),
    st.sampled_from(["plain", "lrc", "enhanced_lrc", "ultrastar"]),
    st.sampled_from(["", "en"]),
    st.lists(st.text()).map(tuple),
)


def texts(lyrics: Lyrics) -> list[str]:
    return [line.text for line in lyrics.lines]


def starts(line: LyricLine) -> list[float | None]:
    return [word.start_time for word in line.words]


@given(any_lyrics)
def test_a_record_gives_back_its_lyrics(lyrics: Lyrics) -> None:
    assert lyrics_from_record(json.loads(json.dumps(lyrics_record(lyrics)))) == lyrics


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        lyrics = parse_lyrics(text, "x.txt")
    except LyricsError as error:
        message = str(error)
    else:
        message = "x.txt"
        assert any(line.words for line in lyrics.lines)
    assert message.startswith("x.txt")
    assert "\n" not in message


pieces = st.sampled_from(
    [
        "[00:01.20]", "[01:02.5]", "<00:03.00>", "<00:02.10>", "[offset:5]\n", "la", "~", " ", "\n", "- 3\n", "- 3 4\n",
        "\n: 1 2 3 x", "\n* 4 1 0  y", "#BPM:100\n", "#GAP:1,5\n", "P2\n", "E\n", "(x2)", "[Chorus]", "[", "x3", ":",
    ]
)  # fmt: skip


@given(st.lists(pieces, max_size=14).map("".join))
def test_whatever_notations_are_mixed_times_are_in_order_or_the_text_is_refused(text: str) -> None:
    try:
        lyrics = parse_lyrics(text, "x")
    except LyricsError:
        return
    for word in (word for line in lyrics.lines for word in line.words):
        assert word.start_time is None or 0 <= word.start_time <= (word.end_time or word.start_time)
    lrc_text(lyrics)


@pytest.mark.parametrize("record", [{}, {"schema": "other"}, {"schema": "audio-assets.lyrics.1"}])
def test_another_record_is_refused(record: dict[str, str]) -> None:
    with pytest.raises(LyricsError):
        lyrics_from_record(record)


def test_times_after_the_song_or_backwards_are_told() -> None:
    text = "[00:01.00]<00:01.00>one <00:02.00>two\n[00:03.00]<00:03.00>back <00:02.50>wards\n[99:00.00]late"
    backwards, late = time_faults(parse_lyrics(text, "song.lrc"), 20.0)
    assert "'back wards'" in backwards
    assert "'late' begins at 99:00, after the song's end at 0:20" in late
    assert time_faults(parse_lyrics("no times\nat all", "song.txt"), 20.0) == ()


def test_sung_spans_close_short_gaps_and_pass_over_unsure_words() -> None:
    sung = [(1.0, 2.0, 0.9), (2.5, 3.0, 0.5), (5.0, 6.0, 1.0), (6.5, 9.0, 0.4), (None, None, 0.0)]
    line = LyricLine("", tuple(LyricWord("la", start_s, end_s, sure) for start_s, end_s, sure in sung))
    assert sung_spans(Lyrics((line,), "plain")) == (Span(1.0, 3.0), Span(5.0, 6.0))


# --- plain -------------------------------------------------------------------------------------------------------


def test_plain_lines_have_words_and_no_times() -> None:
    lyrics = parse_lyrics("\ufeffHold on,  my dear\r\n\r\n- ♪ -\r\nuntil the rain", "x")
    assert lyrics.source == "plain"
    assert texts(lyrics) == ["Hold on, my dear", "until the rain"]
    assert [word.text for word in lyrics.lines[0].words] == ["Hold", "on,", "my", "dear"]
    assert starts(lyrics.lines[0]) == [None] * 4


@pytest.mark.parametrize("header", ["[Verse 1]", "[Chorus]", "Chorus:", "Verse 2:", "[Guitar solo]", "BRIDGE:"])
def test_headers_are_not_sung(header: str) -> None:
    assert texts(parse_lyrics(f"{header}\nla di da", "x")) == ["la di da"]


def test_a_word_that_names_a_part_is_sung() -> None:
    assert texts(parse_lyrics("the bridge: over\nchorus of birds", "x")) == ["the bridge: over", "chorus of birds"]


@pytest.mark.parametrize("mark", ["(x2)", "x2", "[x2]", "(2x)", "×2"])
def test_a_line_marked_twice_is_sung_twice(mark: str) -> None:
    assert texts(parse_lyrics(f"one\ntwo {mark}\nthree", "x")) == ["one", "two", "two", "three"]


@pytest.mark.parametrize("text", ["in 1962", "apollo x11teen", "max20"])
def test_other_numbers_are_no_repeats(text: str) -> None:
    assert texts(parse_lyrics(text, "x")) == [text]


def test_a_part_that_is_only_named_again_is_sung_again() -> None:
    assert texts(parse_lyrics("[Chorus]\nla\nlo\n\n[Verse]\nvee\n\n[Chorus x2]\n", "x")) == [
        "la", "lo", "vee", "la", "lo", "la", "lo",
    ]  # fmt: skip


def test_a_repeat_on_its_own_is_of_the_verse_above() -> None:
    assert texts(parse_lyrics("one\n\ntwo\nthree\n\n(x2)\n", "x")) == ["one", "two", "three", "two", "three"]


@pytest.mark.parametrize("text", ["", "\n\n", "[Chorus]\n", "♪ ♪"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(LyricsError, match=r"my\.txt: no words to sing"):
        parse_lyrics(text, "my.txt")


# --- LRC ---------------------------------------------------------------------------------------------------------


def test_lrc_lines_have_times_until_the_next() -> None:
    lyrics = parse_lyrics("[ti:Name]\n[ar: Who]\n[la:en]\n[00:12.50]First one\n[00:15.250]Second\n[00:17.00]\n", "x")
    assert (lyrics.source, lyrics.language, lyrics.notes) == ("lrc", "en", ())
    assert [(x.text, x.start_time, x.end_time) for x in lyrics.lines] == [
        ("First one", 12.5, 15.25), ("Second", 15.25, 17.0),
    ]  # fmt: skip
    assert starts(lyrics.lines[0]) == [None, None]


def test_several_stamps_out_of_order_are_as_many_lines_in_order() -> None:
    lyrics = parse_lyrics("[00:30.00][00:10.00]again\n[00:20.00]once\n[01:02]last", "x")
    assert [(x.text, x.start_time, x.end_time) for x in lyrics.lines] == [
        ("again", 10.0, 20.0), ("once", 20.0, 30.0), ("again", 30.0, 62.0), ("last", 62.0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(("offset", "start_s"), [("500", 9.5), ("+500", 9.5), ("-250", 10.25), ("20000", 0.0)])
def test_a_positive_offset_is_earlier(offset: str, start_s: float) -> None:
    assert parse_lyrics(f"[offset:{offset}]\n[00:10.00]word", "x").lines[0].start_time == start_s


def test_enhanced_lrc_has_word_times_of_confidence_one() -> None:
    line = parse_lyrics(
        "[00:10.00] <00:10.00> Far <00:10.50> a<00:10.75>way <00:11.50>\n[00:20.00]<00:20.00>x", "x"
    ).lines[0]
    assert line.text == "Far away"
    assert line.words == (LyricWord("Far", 10.0, 10.5, 1.0), LyricWord("away", 10.5, 11.5, 1.0))
    assert line.end_time == 11.5


def test_words_that_share_a_stamp_are_less_sure() -> None:
    line = parse_lyrics("[00:10.00]<00:10.00>two words <00:12.00>end<00:13.00>", "x").lines[0]
    assert [(w.start_time, w.end_time, w.confidence) for w in line.words] == [
        (10.0, 11.0, 1.0), (11.0, 12.0, 0.5), (12.0, 13.0, 1.0),
    ]  # fmt: skip


def test_text_without_a_stamp_among_stamped_lines_is_noted() -> None:
    lyrics = parse_lyrics("[00:01.00]one\nstray words\n", "x")
    assert texts(lyrics) == ["one"]
    assert "line 2" in lyrics.notes[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[00:01.00]a\n[00:75.00]b", "line 2"),
        ("[00:01.00]a\n[0a:12.00]b", "line 2"),
        ("[offset:x]\n[00:01.00]a", "offset"),
    ],
)
def test_a_broken_stamp_is_named(text: str, place: str) -> None:
    with pytest.raises(LyricsError, match=place):
        parse_lyrics(text, "x")


def test_lrc_that_is_written_is_read_alike() -> None:
    lyrics = parse_lyrics("[00:10.00]<00:10.00>Far <00:10.50>away<00:11.50>\n[00:20.00]<00:20.00>x<00:21.000>", "x")
    again = parse_lyrics(lrc_text(lyrics), "x")
    assert again.lines == lyrics.lines


# --- UltraStar ---------------------------------------------------------------------------------------------------

HEADER = "#TITLE:T\n#LANGUAGE:English\n#BPM:300,0\n#GAP:1000\n"
"""A quarter beat of 0.05 s, from 1 s on."""


def test_ultrastar_syllables_are_words_with_times() -> None:
    lyrics = parse_lyrics(
        f"{HEADER}: 0 2 5 Twen\n: 2 4 5 ty\n* 10 4 7  one,\n- 20\nF 40 2 0 go\n: 44 6 0 ~o \nR 60 1 0 on\nE\n", "x"
    )
    assert (lyrics.source, lyrics.language) == ("ultrastar", "en")
    assert [(x.text, x.start_time, x.end_time) for x in lyrics.lines] == [
        ("Twenty one,", 1.0, 1.7),
        ("goo on", 3.0, 4.05),
    ]
    assert lyrics.lines[1].words == (LyricWord("goo", 3.0, 3.5, 1.0), LyricWord("on", 4.0, 4.05, 1.0))


def test_a_space_before_or_after_a_syllable_ends_a_word() -> None:
    before = parse_lyrics(f"{HEADER}: 0 1 0 a\n: 2 1 0  b\n: 4 1 0 c\nE", "x")
    after = parse_lyrics(f"{HEADER}: 0 1 0 a \n: 2 1 0 b\n: 4 1 0 c\nE", "x")
    assert texts(before) == texts(after) == ["a bc"]


def test_a_held_note_makes_its_word_longer() -> None:
    line = parse_lyrics(f"{HEADER}: 0 2 0 soo\n: 4 2 0 ~\n: 6 4 0 ~n\n: 20 1 0  far\nE", "x").lines[0]
    assert [(w.text, w.end_time) for w in line.words] == [("soon", 1.5), ("far", 2.05)]


def test_relative_numbers_begin_anew_with_each_line() -> None:
    lyrics = parse_lyrics(f"#RELATIVE:YES\n{HEADER}: 0 2 0 one\n- 10 20\n: 0 2 0 two\n- 5\n: 1 1 0 three\nE", "x")
    assert [line.start_time for line in lyrics.lines] == [1.0, 2.0, 2.3]


def test_two_singers_are_read_as_one() -> None:
    lyrics = parse_lyrics(f"{HEADER}P1\n: 0 1 0 one\n- 4\n: 20 1 0 three\nP2\n: 10 1 0 two\nE", "x")
    assert texts(lyrics) == ["one", "two", "three"]
    assert "2 singers" in lyrics.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#TITLE:T\n: 0 1 0 a\nE", "#BPM"),
        ("#BPM:x\n: 0 1 0 a\nE", "BPM:x is no number"),
        (f"{HEADER}: 0 1 0 a\n: 1 b\nE", "line 6"),
        (f"{HEADER}: 0 1 0 ~\nE", "no words"),
    ],
)
def test_broken_ultrastar_says_where(text: str, message: str) -> None:
    with pytest.raises(LyricsError, match=message):
        parse_lyrics(text, "song.txt")
