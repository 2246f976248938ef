from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music.compose import compose_cue
from audio_assets.domain.music_ask import (
    MusicAsk,
    MusicCapabilities,
    check_length,
    check_request,
    lyric_sections,
    music_ask,
)
from audio_assets.domain.remix_spec import RemixError, RemixRequest, parse_styles

STYLE = parse_styles(b'[dusty]\nabout = "dust"\nprompt = "dusty drums, soft keys"\n[dusty.compose]\nbpm = 84\n', "x")[
    "dusty"
]
CUE = RemixRequest("pier", "dusty", mood_tags=("calm", "rain"), seed=3)
REMIX = RemixRequest("pier", "dusty", "harbour")
GRID = BeatGrid(120.04, (), (), 3, (), 0.9, 24.0)
WORDS = MusicCapabilities(3.0, 60.0)
COVER = MusicCapabilities(10.0, 60.0, takes_source=True, takes_source_share=True, keeps_source_length=True)


# --- The ask


def test_a_cue_is_asked_for_in_the_tempo_and_key_that_would_be_composed_here() -> None:
    ask = music_ask(replace(CUE, duration_s=20.0), STYLE)
    composed = compose_cue(STYLE, CUE.mood_tags, CUE.seed, 20.0)
    assert ask == MusicAsk(
        "dusty drums, soft keys, calm, rain", 20.0, seed=3, bpm=round(composed.bpm, 1), key=composed.key
    )
    assert music_ask(CUE, STYLE).duration_s == 30.0


def test_of_a_track_its_length_and_its_tempo_are_told_where_they_are_sure() -> None:
    ask = music_ask(REMIX, STYLE, grid=GRID, source_s=24.0)
    assert ask == MusicAsk("dusty drums, soft keys", 24.0, bpm=120.0, beats_per_bar=3, has_source=True)
    unsure = music_ask(REMIX, STYLE, grid=replace(GRID, confidence=0.1), source_s=24.0)
    assert (unsure.bpm, unsure.beats_per_bar, unsure.duration_s) == (None, None, 24.0)
    asked = music_ask(replace(REMIX, duration_s=12.5, source_share=0.0, lyrics="la"), STYLE, source_s=24.0)
    assert (asked.duration_s, asked.source_share, asked.lyrics, asked.bpm) == (12.5, 0.0, "la", None)


@pytest.mark.parametrize(
    ("style", "prompt"), [(replace(STYLE, prompt=""), "dust"), (replace(STYLE, prompt="", about=""), "dusty")]
)
def test_a_style_without_a_prompt_says_what_it_sounds_like(style: object, prompt: str) -> None:
    assert music_ask(REMIX, style).prompt == prompt  # type: ignore[arg-type]


# --- What can not be done


@pytest.mark.parametrize(
    ("request_", "can", "says"),
    [
        (REMIX, WORDS, "eleven makes music from words only: leave source_track out, or choose another provider"),
        (replace(CUE, lyrics="la"), WORDS, "eleven does not sing: leave lyrics out, or choose another provider"),
        (replace(CUE, source_share=0.2), COVER, "name a source_track, or leave it out"),
        (replace(REMIX, source_share=0.2), replace(COVER, takes_source_share=False), "leave source_share out"),
    ],
)
def test_what_a_provider_can_not_do_is_one_sentence(request_: RemixRequest, can: MusicCapabilities, says: str) -> None:
    with pytest.raises(RemixError) as error:
        check_request(request_, "eleven", can)
    assert says in str(error.value)


def test_what_it_can_do_passes() -> None:
    check_request(CUE, "eleven", WORDS)
    check_request(replace(REMIX, source_share=0.2), "ace", COVER)
    check_request(replace(CUE, lyrics="la"), "eleven", replace(WORDS, takes_lyrics=True))


@pytest.mark.parametrize(
    ("request_", "source_s", "says"),
    [
        (replace(REMIX, duration_s=5.0), None, "duration_s is 5, and ace makes 10 to 60 s: change duration_s"),
        (replace(CUE, duration_s=61.0), None, "duration_s is 61, and ace makes 10 to 60 s"),
        (REMIX, 61.0, "source_track lasts 61.0 s, and ace makes 10 to 60 s: cut it first"),
        (REMIX, 9.0, "source_track lasts 9.0 s, and ace makes"),
        (replace(REMIX, duration_s=30.0), 24.0, "ace keeps the length of source_track (24.0 s): leave duration_s out"),
    ],
)
def test_a_length_that_it_does_not_make_is_one_sentence(
    request_: RemixRequest, source_s: float | None, says: str
) -> None:
    with pytest.raises(RemixError) as error:
        check_length(request_, "ace", COVER, source_s)
    assert says in str(error.value)


def test_lengths_at_the_edges_pass() -> None:
    for request, source_s in ((REMIX, 10.0), (REMIX, 60.0), (CUE, None), (replace(REMIX, duration_s=24.4), 24.0)):
        check_length(request, "ace", COVER, source_s)
    free = replace(COVER, keeps_source_length=False)
    check_length(replace(REMIX, duration_s=30.0), "ace", free, 24.0)
    with pytest.raises(RemixError, match=r"lasts 90\.0 s.*set duration_s"):
        check_length(REMIX, "ace", free, 90.0)


# --- Lyrics


def test_sections_begin_at_their_names_and_after_empty_lines() -> None:
    text = "\nLamp on the water\nBoat on the sea\n\n\nSomebody waits\n[Chorus]\nCome\n\n[Solo]\n[Verse 2] Gone\nfar\n"
    found = lyric_sections(text, 60.0, shortest_s=3.0, longest_s=60.0)
    assert [(one.name, one.lines) for one in found] == [
        ("", ("Lamp on the water", "Boat on the sea")), ("", ("Somebody waits",)), ("Chorus", ("Come",)), ("Solo", ()),
        ("Verse 2", ("Gone", "far")),
    ]  # fmt: skip


@given(
    lines=st.lists(st.one_of(st.integers(1, 8), st.integers(60, 200)), min_size=1, max_size=8),
    length_ms=st.integers(3_000, 900_000),
)
@example(lines=[1, 1, 200, 200], length_ms=470_000)
def test_sections_fill_the_length_within_their_bounds(lines: list[int], length_ms: int) -> None:
    text = "\n\n".join("\n".join(["la"] * n) for n in lines)
    try:
        found = lyric_sections(text, length_ms / 1000, shortest_s=3.0, longest_s=120.0)
    except RemixError:
        assert not len(lines) * 3_000 <= length_ms <= len(lines) * 120_000
        return
    lengths = [one.duration_ms for one in found]
    assert sum(lengths) == length_ms
    assert all(3_000 <= ms <= 120_000 for ms in lengths)
    pairs = sorted(zip(lines, lengths, strict=True))
    assert all(b[1] >= a[1] - 2 for a, b in pairwise(pairs) if b[0] > a[0])  # more lines, more time


def test_sections_have_their_share_of_the_time() -> None:
    found = lyric_sections("a\na\na\n\nb", 40.0, shortest_s=3.0, longest_s=120.0)
    assert [one.duration_ms for one in found] == [30_000, 10_000]


@pytest.mark.parametrize(
    ("lyrics", "duration_s", "says"),
    [
        ("\n \n", 30.0, "lyrics hold no line that could be sung"),
        ("a\n\nb\n\nc", 8.0, "the lyrics have 3 sections of at least 3 s each, which do not fit into 8 s: raise"),
        ("a", 121.0, "the lyrics have 1 sections of at most 120 s each, which do not fill 121 s"),
    ],
)
def test_lyrics_without_room_are_one_sentence(lyrics: str, duration_s: float, says: str) -> None:
    with pytest.raises(RemixError) as error:
        lyric_sections(lyrics, duration_s, shortest_s=3.0, longest_s=120.0)
    assert says in str(error.value)
