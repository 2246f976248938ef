import re
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.subtitles.ass import ass_text, read_ass, style_for
from audio_assets.domain.subtitles.cues import Cue, CueWord, joined, lyric_cues
from audio_assets.domain.subtitles.lrc import enhanced_lrc_text
from audio_assets.domain.subtitles.notation import SubtitleError
from audio_assets.domain.subtitles.srt import read_srt, srt_text
from audio_assets.domain.subtitles.webvtt import read_webvtt, webvtt_text

# What has a meaning in one of the notations, what is broken, what is not Latin.
NASTY = ["-->", "<i>", "</b>", "{\\k9}", "{x}", "\\N", "a\\", "&amp;", "<", ">", "&", '"', "'", "👩‍🚀", "שלום", "مرحبا",
         "e\u0301", "00:01:02,003", "[00:01.00]", ",", "1", "WEBVTT", "NOTE", "STYLE", "Dialogue:", "}"]  # fmt: skip
printed = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\u2060")
a_word = st.sampled_from(NASTY) | st.text(printed, min_size=1, max_size=6)


@st.composite
def some_cues(draw: st.DrawFn) -> tuple[Cue, ...]:
    """Cues as `lyric_cues` makes them: in order, at least 20 ms long, words rising within them."""
    cues = []
    at = 0
    for number in range(draw(st.integers(0, 4))):
        at += draw(st.integers(0, 5_000_000))
        n_words = draw(st.integers(1, 5))
        steps = draw(st.lists(st.integers(0, 700), min_size=2 * n_words + 1, max_size=2 * n_words + 1))
        start, words = at, []
        for index in range(n_words):
            begins = at + steps[2 * index]
            at = begins + steps[2 * index + 1]
            words.append(CueWord(draw(a_word), begins, at, is_glued=draw(st.booleans())))
        at += steps[-1] + 20
        cut = draw(st.integers(1, n_words))
        rows = tuple(row for row in (tuple(words[:cut]), tuple(words[cut:])) if row)
        cues.append(Cue(start, at, rows, number))
    return tuple(cues)


def rows_of(cue: Cue) -> tuple[str, ...]:
    return tuple(joined(row) for row in cue.rows)


@settings(max_examples=40)
@given(some_cues())
def test_srt_gives_back_times_and_text(cues: tuple[Cue, ...]) -> None:
    read = read_srt(srt_text(cues).encode().decode())
    assert [(c.start_ms, c.end_ms, c.rows) for c in read] == [(c.start_ms, c.end_ms, rows_of(c)) for c in cues]


@settings(max_examples=40)
@given(some_cues(), st.booleans())
def test_webvtt_gives_back_times_and_text(cues: tuple[Cue, ...], word_times: bool) -> None:
    read = read_webvtt(webvtt_text(cues, word_times=word_times).encode().decode())
    assert [(c.start_ms, c.end_ms, c.rows) for c in read] == [(c.start_ms, c.end_ms, rows_of(c)) for c in cues]
    for cue, shown in zip(cues, read, strict=True):
        starts = {word.start_ms for word in cue.words} - {cue.start_ms, cue.end_ms}
        assert set(shown.stamps_ms) == (starts if word_times else set())


@settings(max_examples=40)
@given(some_cues(), st.sampled_from(["k", "kf"]))
def test_ass_gives_back_text_and_its_syllables_fill_every_cue(cues: tuple[Cue, ...], fill: str) -> None:
    text = ass_text(cues, 1280, 720, fill="kf" if fill == "kf" else "k")
    read = read_ass(text.encode().decode())  # it refuses syllables that are not as long as their cue
    assert [c.rows for c in read] == [rows_of(c) for c in cues]
    for cue, shown in zip(cues, read, strict=True):
        assert abs(shown.start_ms - cue.start_ms) <= 5
        assert abs(shown.end_ms - cue.end_ms) <= 5
        for word in cue.words:
            assert min(abs(stamp - word.start_ms) for stamp in (*shown.stamps_ms, shown.start_ms, shown.end_ms)) <= 5


@settings(max_examples=40)
@given(some_cues())
def test_every_sum_of_ks_is_the_cue_s_length_in_hundredths(cues: tuple[Cue, ...]) -> None:
    events = [row for row in ass_text(cues, 1280, 720).splitlines() if row.startswith("Dialogue: ")]
    assert len(events) == len(cues)
    for event in events:
        start, end = (
            round(sum(60 ** (2 - i) * float(x) for i, x in enumerate(t.split(":"))) * 100)
            for t in event.split(",")[1:3]
        )
        assert sum(map(int, re.findall(r"(?<!\\)\{\\k(\d+)\}", event))) == end - start


@settings(max_examples=40)
@given(some_cues())
def test_lrc_gives_back_the_time_of_every_word(cues: tuple[Cue, ...]) -> None:
    if not any(c.isalnum() for cue in cues for c in cue.text):
        return
    read = parse_lyrics(enhanced_lrc_text(cues), "x.lrc")
    stamps = {word.start_time for line in read.lines for word in line.words}
    assert stamps <= {word.start_ms / 1000 for cue in cues for word in cue.words}


ONE = (
    Cue(
        9_750,
        13_404,
        (
            (CueWord("so", 10_000, 10_995), CueWord("far", 11_004, 12_000)),
            (CueWord("a", 12_500, 12_700), CueWord("way,", 12_700, 13_000, is_glued=True)),
        ),
        0,
    ),
)


def test_srt_as_players_expect_it() -> None:
    assert srt_text(ONE) == "1\n00:00:09,750 --> 00:00:13,404\nso far\naway,\n"
    assert srt_text(()) == ""


def test_webvtt_as_browsers_expect_it() -> None:
    assert webvtt_text(ONE) == "WEBVTT\n\n1\n00:00:09.750 --> 00:00:13.404\nso far\naway,\n"
    row = "<00:00:10.000>so <00:00:11.004>far\n<00:00:12.500>a<00:00:12.700>way,\n"
    assert webvtt_text(ONE, word_times=True).endswith(f"00:00:13.404\n{row}")


def test_webvtt_has_no_stamp_where_nothing_would_change() -> None:
    together = (
        CueWord("oh", 1000, 1000),
        CueWord("no", 1000, 1500),
        CueWord("go", 1500, 1500),
        CueWord("on", 1500, 2000),
    )
    (shown,) = read_webvtt(webvtt_text((Cue(1000, 2000, (together,), 0),), word_times=True))
    assert shown.stamps_ms == (1500,)


def test_ass_as_libass_expects_it() -> None:
    text = ass_text(ONE, 720, 1280, title="On the run\n[Events]")
    assert "Title: On the run [Events]\n" in text
    assert "PlayResX: 720\nPlayResY: 1280\n" in text
    assert text.endswith(
        r"Dialogue: 0,0:00:09.75,0:00:13.40,Karaoke,,0,0,0,,{\k25}{\k100}so {\k150}far\N{\k20}a{\k70}way," + "\n"
    )
    swept = r"{\kf25}{\kf100}so {\kf100}far{\kf50}\N{\kf20}a{\kf30}way,{\kf40}"
    assert ass_text(ONE, 720, 1280, fill="kf").endswith(f",,{swept}\n")


def test_ass_stands_above_what_apps_lay_over_upright_video() -> None:
    margins = {size: style_for(*size).bottom_margin * size[1] for size in ((1280, 720), (720, 1280), (720, 720))}
    assert margins[720, 1280] > 0.25 * 1280
    assert margins[1280, 720] == margins[720, 720] < 0.1 * 720


def test_lrc_has_a_time_before_every_word_and_is_read_back() -> None:
    text = enhanced_lrc_text(ONE, "en")
    assert text == "[la:en]\n[00:10.000]<00:10.000>so <00:11.004>far <00:12.500>away, <00:13.000>\n[00:13.000]\n"
    (line,) = parse_lyrics(text, "x.lrc").lines  # the reader of lyrics, which knows nothing of this writer
    assert [(w.text, w.start_time) for w in line.words] == [("so", 10.0), ("far", 11.004), ("away,", 12.5)]


def test_words_that_were_guessed_have_times_in_lrc_too() -> None:
    lyrics = parse_lyrics("[00:01.00]so far away\n[00:05.00]\n", "x.lrc")
    assert enhanced_lrc_text(lyric_cues(lyrics, 60.0).cues).count("<") == 4


BROKEN: list[tuple[Callable[[str], object], str, str, str]] = [
    (read_srt, srt_text(ONE), "1\n", "2\n"),
    (read_srt, srt_text(ONE), ",750", ".750"),
    (read_srt, srt_text(ONE), "so", "-->"),
    (read_srt, srt_text(ONE), "\n", "\r\n"),
    (read_webvtt, webvtt_text(ONE), "WEBVTT", "WEBVT"),
    (read_webvtt, webvtt_text(ONE), "so", "<so"),
    (read_webvtt, webvtt_text(ONE), "so", "& so"),
    (read_webvtt, webvtt_text(ONE, word_times=True), "<00:00:11.004>", "<00:00:10.000>"),
    (read_ass, ass_text(ONE, 64, 64), r"{\k100}", r"{\k101}"),
    (read_ass, ass_text(ONE, 64, 64), "so ", "{so "),
    (read_ass, ass_text(ONE, 64, 64), "PlayResX: 64\n", ""),
]


@pytest.mark.parametrize(("read", "text", "good", "bad"), BROKEN)
def test_the_readers_refuse_what_is_wrong(read: Callable[[str], object], text: str, good: str, bad: str) -> None:
    read(text)
    assert good in text
    with pytest.raises(SubtitleError):
        read(text.replace(good, bad, 1) if good != "\n" else text.replace(good, bad))


def test_a_charted_song_goes_through_every_notation() -> None:
    song = Path(__file__).resolve().parents[2] / "../shared/data/songs/on_the_run/song.txt"
    if not song.is_file():
        pytest.skip("no on_the_run in ../shared/data/songs")
    lyrics = parse_lyrics(song.read_text(), "song.txt")
    found = lyric_cues(lyrics, 288.289)
    assert found.notes == ()
    assert {cue.line for cue in found.cues} == set(range(len(lyrics.lines)))
    for read in (read_srt(srt_text(found.cues)), read_webvtt(webvtt_text(found.cues, word_times=True)),
                 read_ass(ass_text(found.cues, 1280, 720))):  # fmt: skip
        assert len(read) == len(found.cues)


@pytest.mark.parametrize(
    ("name", "text", "step_ms"),
    [
        ("x.srt", srt_text(ONE), 1),
        ("x.vtt", webvtt_text(ONE, word_times=True), 1),
        ("x.ass", ass_text(ONE, 64, 64), 10),
    ],
)
def test_ffmpeg_reads_what_we_write(name: str, text: str, step_ms: int, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with av.open(str(tmp_path / name)) as file:
        packets = [packet for packet in file.demux(file.streams.subtitles[0]) if packet.size]
        (packet,) = packets
        base = packet.time_base
        start_ms, length_ms = (float(time * base) * 1000 for time in (packet.pts or 0, packet.duration or 0))
        assert b"far" in bytes(packet)
    assert start_ms == pytest.approx(9750, abs=step_ms / 2)
    assert length_ms == pytest.approx(13_404 - 9750, abs=step_ms / 2 + 0.001)
