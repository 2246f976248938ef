import math
import random
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.music.analysis import Beat, BeatGrid, LyricLine, Lyrics, LyricWord, Section, Span
from audio_assets.domain.price_card import Price
from audio_assets.domain.scene_casting import LEAST_VOICE_SHARE, choose_performances, lyrics_by_scene, voice_shares
from audio_assets.domain.schemas.storyboard import StoryboardRecordError, from_bytes, to_bytes
from audio_assets.domain.song_settings import SceneOverride, SongSettings, parse_song_settings
from audio_assets.domain.storyboard import Storyboard, StoryboardError, plan_storyboard

UNTIMED = settings(deadline=None, max_examples=80)  # a busy machine is no failure
PRICE = Price("studio", "clip-1", 0.1, date(2026, 1, 1), retired_on=date(2027, 1, 1), note="720p")
SETTING = "AUDIO_ASSETS_SCENE_SLOTS"
R24 = Fraction(24)


@dataclass(frozen=True)
class Feel:
    name: str = "calm"
    description: str = "soft and calm"
    energy: float = 0.3


def feel(start_s: float, end_s: float) -> Feel:  # noqa: ARG001 - any stretch feels alike
    return Feel()


def grid(bpm: float = 120.0, duration_s: float = 64.0, start_s: float = 0.0) -> BeatGrid:
    times = [start_s + beat * 60 / bpm for beat in range(math.ceil((duration_s - start_s) * bpm / 60))]
    beats = tuple(Beat(time, 0.5) for time in times)
    return BeatGrid(bpm, beats, tuple(times[::4]), 4, (), 0.9, duration_s)


def section(name: str, start_s: float, end_s: float, type_: Any) -> Section:
    return Section(name, start_s, end_s, type_, "A", 0.9)


SECTIONS = (
    section("intro 1", 0, 8, "intro"), section("verse 1", 8, 24, "verse"), section("chorus 1", 24, 40, "chorus"),
    section("verse 2", 40, 56, "verse"), section("outro 1", 56, 64, "outro"),
)  # fmt: skip
VOICE = (Span(8, 24), Span(24, 40), Span(40, 54))
CAST = "[characters.Ana]\nis_primary = true\n[characters.Ben]\n[characters.Cleo]\n"


def plan(toml: str = "", **changed: Any) -> Storyboard:
    song = {"grid": grid(), "sections": SECTIONS, "voice": VOICE, "lyrics": None, "price": None, "max_scenes": 64}
    song |= {
        "settings": parse_song_settings(toml.encode(), "song.toml"),
        "mood_of": feel,
    } | changed
    return plan_storyboard(
        song["settings"], song["grid"], song["sections"], song["voice"], song["lyrics"], song["mood_of"], song["price"],
        max_scenes=song["max_scenes"], slots_setting=SETTING,
    )  # fmt: skip


def types(board: Storyboard) -> str:
    return "".join("P" if scene.scene_type == "performance" else "b" for scene in board.scenes)


# --- The plan ------------------------------------------------------------------------------------------------------


def test_a_plan_has_all_that_a_video_needs() -> None:
    board = plan(
        'title = "Harbour"\nartist = "Tides"\nformat = "portrait"\nstyle_preset = "anime"\n' + CAST, price=PRICE
    )
    assert (board.title, board.artist, board.format, board.size, board.bpm) == (
        "Harbour", "Tides", "portrait", "720x1280", 120.0,
    )  # fmt: skip
    assert (board.frame_rate, board.n_frames, board.duration_s, board.clip_seconds) == (R24, 1536, 64.0, 8)
    assert [(scene.id, scene.order, scene.start_time, scene.end_time) for scene in board.scenes] == [
        (f"s{number:03d}", number, 8.0 * (number - 1), 8.0 * number) for number in range(1, 9)
    ]
    assert [scene.section for scene in board.scenes] == [
        "intro 1", "verse 1", "verse 1", "chorus 1", "chorus 1", "verse 2", "verse 2", "outro 1",
    ]  # fmt: skip
    assert {scene.style_preset for scene in board.scenes} == {"anime"}
    assert {scene.n_bars for scene in board.scenes} == {4.0}
    assert all(scene.on_downbeat for scene in board.scenes)
    assert (board.unfit, board.notes) == ((), ())


def test_the_mood_is_asked_for_each_scene() -> None:
    asked: list[tuple[float, float]] = []

    def mood_of(start_s: float, end_s: float) -> Feel:
        asked.append((start_s, end_s))
        return Feel(energy=start_s / 100)

    board = plan(mood_of=mood_of)
    assert asked == [(scene.start_time, scene.end_time) for scene in board.scenes]
    assert [scene.energy for scene in board.scenes] == [start / 100 for start, _ in asked]
    assert {(scene.mood, scene.mood_phrase) for scene in board.scenes} == {("calm", "soft and calm")}


def test_a_changed_clip_length_is_planned_anew_from_the_same_analysis() -> None:
    for clip_s, n_scenes in ((4, 16), (8, 8), (12, 8)):
        board = plan(f"clip_seconds = {clip_s}")
        assert len(board.scenes) == n_scenes
        assert {scene.clip_seconds for scene in board.scenes} == {clip_s}


def test_more_scenes_than_slots_name_the_setting() -> None:
    needs = "the song needs 16 scenes of at most 4 s, there are slots for 15"
    with pytest.raises(StoryboardError) as error:
        plan("clip_seconds = 4", max_scenes=15)
    assert str(error.value) == f"{needs}: raise {SETTING}, or choose a longer clip_seconds"
    with pytest.raises(StoryboardError, match=f"raise {SETTING}$"):
        plan("clip_seconds = 12", max_scenes=1)
    assert len(plan("clip_seconds = 4", max_scenes=16).scenes) == 16


@pytest.mark.parametrize("duration_s", [0.0, -1.0, math.nan, math.inf])
def test_a_song_without_a_length_is_refused(duration_s: float) -> None:
    with pytest.raises(StoryboardError, match="has no length"):
        plan(grid=replace(grid(), duration_s=duration_s))


def test_a_song_of_which_nothing_is_known_is_planned_too() -> None:
    unknown = BeatGrid(0.0, (), (), 4, (), 0.0, 20.0)
    board = plan(grid=unknown, sections=(), voice=())
    assert [scene.n_frames for scene in board.scenes] == [160, 160, 160]
    assert {(scene.section, scene.section_type, scene.scene_type) for scene in board.scenes} == {
        ("", "section", "broll")
    }
    assert board.notes[0] == "no beat was found: scenes are equal parts"
    assert "only 0.00 of the song is scenes with voice" in board.notes[1]


@UNTIMED
@given(st.floats(0.5, 300), st.floats(40, 220), st.floats(0, 9), st.sampled_from([4, 8, 12]), st.integers(0, 99))
def test_the_laws_of_scenes_hold_for_any_song(duration: float, bpm: float, start: float, clip: int, seed: int) -> None:
    chance = random.Random(seed)
    edges = sorted({0.0, *(chance.uniform(0, duration) for _ in range(6)), duration})
    sections = [section(f"verse {at}", low, high, "verse") for at, (low, high) in enumerate(pairwise(edges))]
    voice = [Span(at, at + chance.uniform(0, 20)) for at in sorted(chance.uniform(0, duration) for _ in range(9))]
    own = SongSettings(clip_seconds=clip, performance_density=chance.random(), frame_rate=Fraction(30000, 1001))
    song = {
        "settings": own,
        "grid": grid(bpm, duration, start),
        "sections": sections,
        "voice": voice,
        "max_scenes": 999,
    }
    board = plan(**song)
    frames = [(scene.start_frame, scene.end_frame) for scene in board.scenes]
    assert [end for _, end in frames] == [*(start for start, _ in frames[1:]), board.n_frames]
    assert frames[0][0] == 0
    assert all(0 < end - start <= math.ceil(clip * own.frame_rate) for start, end in frames)
    assert all(scene.cut_error_frames <= 0.5 for scene in board.scenes)
    assert all(scene.voice_share >= LEAST_VOICE_SHARE for scene in board.scenes if scene.scene_type == "performance")
    assert plan(**song) == board
    assert from_bytes(to_bytes(board)) == board


# --- Who sings -------------------------------------------------------------------------------------------------------


@UNTIMED
@given(st.lists(st.tuples(st.integers(40, 200), st.floats(0, 1)), min_size=1, max_size=40), st.floats(0, 1))
def test_the_share_of_performance_is_as_near_as_single_scenes_bring_it(
    scenes: list[tuple[int, float]], density: float
) -> None:
    lengths, voices = [length for length, _ in scenes], [voice for _, voice in scenes]
    chosen, notes = choose_performances(lengths, voices, ["verse"] * len(scenes), {}, density)
    voiced = {index for index, voice in enumerate(voices) if voice >= LEAST_VOICE_SHARE}
    assert chosen <= voiced
    aim, total = density * sum(lengths), sum(lengths[index] for index in chosen)
    assert all(abs(total + lengths[index] - aim) >= abs(total - aim) for index in voiced - chosen)
    assert total - aim <= max(lengths) / 2
    if notes:
        assert chosen == voiced


def test_no_density_is_no_performance_and_all_of_it_is_all_that_has_voice() -> None:
    assert types(plan("performance_density = 0")) == "bbbbbbbb"
    full = plan("performance_density = 1")
    assert types(full) == "bPPPPPPb"
    assert full.performance_share == 0.75
    assert full.notes == ("performance_density is 1, but only 0.75 of the song is scenes with voice: all are",)


def test_the_chorus_comes_first_and_performances_keep_apart() -> None:
    assert types(plan("performance_density = 0.125")) == "bbbPbbbb"
    assert types(plan("performance_density = 0.375")) in ("bPbPbPbb", "bbPbPPbb", "bPbPPbbb", "bPbbPbPb", "bPbbPPbb")
    assert plan("performance_density = 0.375").performance_share == 0.375


def test_the_singer_is_the_primary_and_the_others_take_turns_in_broll() -> None:
    board = plan("performance_density = 0.25\n" + CAST)
    assert [scene.characters for scene in board.scenes if scene.scene_type == "performance"] == [("Ana",)] * 2
    seen = [scene.characters for scene in board.scenes if scene.scene_type == "broll"]
    assert seen == [(), ("Ben",), (), ("Cleo",), (), ("Ben",)]
    assert {scene.characters for scene in plan("performance_density = 0.25").scenes} == {()}


def test_performances_are_lip_synced() -> None:
    for scene in plan().scenes:
        is_sung = scene.scene_type == "performance"
        assert (scene.lip_sync_enabled, scene.lip_sync_method) == (is_sung, "post_process" if is_sung else None)


def test_voice_that_overlaps_counts_once() -> None:
    voice = [Span(2, 4), Span(3, 5), Span(3.5, 3.6), Span(9, 30)]
    assert voice_shares(voice, [0, 240, 480], R24) == (0.4, 1.0)
    assert voice_shares([], [0, 240, 480], R24) == (0.0, 0.0)


# --- Words ---------------------------------------------------------------------------------------------------------


def line(text: str, *times: float | None, start: float | None = None) -> LyricLine:
    words = tuple(LyricWord(word, time) for word, time in zip(text.split(), times, strict=False))
    return LyricLine(text, words, start)


def test_words_go_where_they_begin() -> None:
    lyrics = Lyrics((line("far away from home", 1.0, 7.9, 8.0, 9.0), line("we go", 10, 11)), "plain")
    texts, notes = lyrics_by_scene(lyrics, [0, 192], R24)
    assert texts == ("far away", "from home\nwe go")
    assert notes == ()


def test_a_word_on_the_cut_s_beat_belongs_to_the_scene_that_begins_there() -> None:
    lyrics = Lyrics((line("now", 7.985),), "plain")
    assert lyrics_by_scene(lyrics, [0, 192], R24)[0] == ("", "now")


def test_words_without_a_time_follow_their_neighbours() -> None:
    lyrics = Lyrics((line("a b c d", None, 9.0, None, 17.0),), "plain")
    assert lyrics_by_scene(lyrics, [0, 192, 384], R24)[0] == ("", "a b c", "d")


def test_lines_have_times_of_their_own_and_lost_ones_are_told() -> None:
    lyrics = Lyrics((line("whole line", start=9.0), line("nowhere"), line("gone", None), line("")), "lrc")
    texts, notes = lyrics_by_scene(lyrics, [0, 192], R24)
    assert texts == ("", "whole line")
    assert notes == ("2 of 4 lines of the lyrics have no time: they are in no scene",)


@UNTIMED
@given(st.lists(st.floats(0, 63.9), min_size=1, max_size=30))
def test_every_timed_word_is_in_exactly_one_scene(times: list[float]) -> None:
    words = [f"w{number}" for number in range(len(times))]
    board = plan(lyrics=Lyrics(tuple(line(word, time) for word, time in zip(words, times, strict=True)), "plain"))
    assert sorted(" ".join(scene.lyrics for scene in board.scenes).split()) == sorted(words)


# --- What a person sets ----------------------------------------------------------------------------------------------


def test_what_is_set_wins() -> None:
    board = plan(
        CAST
        + '[[scenes]]\nat = "0:10"\nscene_type = "broll"\nsection = "Bridge of sighs"\nlyrics = "x"\nmood = "eerie"\n'
        'characters = ["Cleo"]\nstyle_preset = "dreamy"\ndirective = "rain"\nprompt = "all"\nclip_seconds = 12\n'
        'lip_sync = true\nlip_sync_method = "native"\n',
        price=PRICE,
    )
    scene = board.scenes[1]
    assert (scene.scene_type, scene.section, scene.section_type) == ("broll", "Bridge of sighs", "bridge")
    assert (scene.lyrics, scene.mood, scene.mood_phrase, scene.characters) == ("x", "eerie", "eerie", ("Cleo",))
    assert (scene.style_preset, scene.directive, scene.prompt_override) == ("dreamy", "rain", "all")
    assert (scene.clip_seconds, scene.estimated_cost_usd) == (12, 1.2)
    assert (scene.lip_sync_enabled, scene.lip_sync_method) == (True, "native")
    assert len(scene.overridden) == 11
    assert all(other.overridden == () for other in board.scenes if other.id != "s002")


def test_types_that_are_set_count_towards_the_density() -> None:
    board = plan('performance_density = 0.25\n[[scenes]]\nat = 9\nscene_type = "performance"')
    assert board.scenes[1].scene_type == "performance"
    assert board.performance_share == 0.25
    board = plan('performance_density = 1\n[[scenes]]\nat = 9\nscene_type = "broll"')
    assert types(board) == "bbPPPPPb"


def test_a_performance_without_voice_is_made_when_set_and_told() -> None:
    board = plan('[[scenes]]\nat = 1\nscene_type = "performance"')
    assert board.scenes[0].lip_sync_enabled
    assert board.notes == ("s001 at 0:00 is set to performance, but hardly any voice is heard in it",)


def test_a_start_and_an_end_are_cuts_on_the_nearest_beat_and_one_scene() -> None:
    board = plan('[[scenes]]\nstart = 9.9\nend = "0:16.1"\nmood = "eerie"')
    (scene,) = (scene for scene in board.scenes if scene.overridden)
    assert (scene.start_time, scene.end_time, scene.mood) == (10.0, 16.0, "eerie")
    assert (scene.cut, scene.overridden) == ("downbeat", ("start", "end", "mood"))


def test_an_exact_cut_stays_off_the_beat() -> None:
    board = plan("[[scenes]]\nstart = 9.9\nexact = true\n[[scenes]]\nend = 30.3\nexact = true\n")
    cuts = {scene.start_time: scene for scene in board.scenes if scene.cut == "exact"}
    assert sorted(cuts) == [pytest.approx(9.9, abs=0.03), pytest.approx(30.3, abs=0.03)]
    assert all(scene.cut_error_frames == 0.0 for scene in cuts.values())
    by_start = [scene for scene in board.scenes if scene.overridden]
    assert [scene.overridden for scene in by_start] == [("start",), ("end",)]
    assert by_start[1].end_time == pytest.approx(30.3, abs=0.03)


def test_a_scene_longer_than_the_song_s_clips_can_have_a_clip_of_its_own() -> None:
    board = plan("[[scenes]]\nstart = 10\nend = 21\nclip_seconds = 12\n")
    (scene,) = (scene for scene in board.scenes if scene.overridden)
    assert (scene.start_time, scene.end_time, scene.clip_seconds) == (10.0, 21.0, 12)
    assert board.unfit == ()


def test_a_short_scene_by_hand_is_made_and_told() -> None:
    board = plan("[[scenes]]\nstart = 10\nend = 10.5\n")
    assert [scene.n_frames for scene in board.scenes if scene.overridden] == [12]
    assert "s003 at 0:10 lasts only 0.50 s" in board.notes


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("at = 70\nmood = 'x'", "(at 1:10) lies after the end of the song at 1:04: it is left out"),
        ("id = 's009'\nmood = 'x'", "(s009) names no scene: the last one is s008: it is left out"),
        ("id = 's000'\nmood = 'x'", "(s000) names no scene: the last one is s008: it is left out"),
        ("start = 64", "(start 1:04) starts after the end of the song at 1:04: it is left out"),
        ("start = 60\nend = 65", "(start 1:00, end 1:05) ends after the end of the song at 1:04: it is left out"),
        ("start = 10\nend = 10.1", "(start 0:10, end 0:10.1) has both cuts on the same beat: it is left out"),
        (
            "start = 10\nend = 19",
            "(start 0:10, end 0:19) would be a scene of 9.00 s, from 0:10 to 0:19, longer than its clip of 8 s: "
            "it is left out",
        ),
        ("at = 1\nclip_seconds = 4", "(at 0:01) asks for a clip of 4 s, its scene lasts 8.00 s: that is left out"),
    ],
)
def test_what_does_not_fit_is_told_and_the_rest_goes_on(toml: str, says: str) -> None:
    board = plan(f"[[scenes]]\n{toml}\n[[scenes]]\nat = 20\nmood = 'eerie'\n")
    assert board.unfit == (f"[[scenes]] 1 {says}",)
    assert [scene.mood for scene in board.scenes if scene.overridden] == ["eerie"]
    plain = plan()
    assert [scene.start_frame for scene in board.scenes] == [scene.start_frame for scene in plain.scenes]


@st.composite
def overrides(draw: st.DrawFn, number: int) -> SceneOverride:
    start_s, length_s = draw(st.floats(0, 80)), draw(st.floats(0.01, 20))
    place = draw(
        st.sampled_from([
            {"at_s": start_s}, {"scene_id": f"s{int(start_s):03d}"}, {"start_s": start_s}, {"end_s": start_s},
            {"start_s": start_s, "end_s": start_s + length_s},
        ])
    )  # fmt: skip
    has_cut = "start_s" in place or "end_s" in place
    return SceneOverride(
        number, **place, exact=has_cut and draw(st.booleans()), mood=draw(st.sampled_from([None, "one", "two"])),
        clip_seconds=draw(st.sampled_from([None, 4, 12])), scene_type=draw(st.sampled_from([None, "performance"])),
    )  # fmt: skip


@UNTIMED
@given(st.data(), st.sampled_from([1.0, 9.0, 64.0]), st.booleans())
def test_the_laws_of_scenes_hold_whatever_is_set(data: st.DataObject, duration_s: float, has_beat: bool) -> None:
    chosen = tuple(data.draw(overrides(number)) for number in range(1, 6))
    beats = grid(duration_s=duration_s) if has_beat else BeatGrid(0.0, (), (), 4, (), 0.0, duration_s)
    board = plan(settings=SongSettings(overrides=chosen), grid=beats)
    ends = [scene.end_frame for scene in board.scenes]
    assert [scene.start_frame for scene in board.scenes] == [0, *ends[:-1]]
    assert ends[-1] == board.n_frames
    assert all(0 < scene.n_frames <= scene.clip_seconds * 24 for scene in board.scenes)
    assert all(scene.n_frames <= 8 * 24 or {"start", "end"} <= set(scene.overridden) for scene in board.scenes)
    silent = [override for override in chosen if not has_effect(board, override)]
    assert all(any(override.label in sentence for sentence in board.unfit) for override in silent)


def has_effect(board: Storyboard, override: SceneOverride) -> bool:
    """Whether what is set shows in a scene; a cut shows as one."""
    places = [(scene.start_time, scene.end_time) for scene in board.scenes]
    near = 0.0 if override.at_s is not None else 0.5
    times = [time for time in (override.start_s, override.end_s) if time is not None]
    edges = {edge for place in places for edge in place}
    if any(min(abs(edge - time) for edge in edges) > near for time in times):
        return False
    return override.mood is None or any(scene.mood == override.mood for scene in board.scenes)


def test_of_two_settings_that_contradict_each_other_the_first_holds() -> None:
    board = plan('[[scenes]]\nat = 9\nmood = "one"\n[[scenes]]\nid = "s002"\nmood = "two"\ndirective = "rain"\n')
    assert (board.scenes[1].mood, board.scenes[1].directive) == ("one", "rain")
    assert board.unfit == (
        "[[scenes]] 2 (s002) sets mood of the scene that [[scenes]] 1 (at 0:09) sets too: the first one holds",
    )
    same = plan('[[scenes]]\nat = 9\nmood = "one"\n[[scenes]]\nid = "s002"\nmood = "one"\n')
    assert same.unfit == ()


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("start = 12", "cuts at 0:12 into the scene from 0:10 to 0:16 that is set before"),
        ("start = 8\nend = 14", "cuts at 0:14 into the scene from 0:10 to 0:16 that is set before"),
        ("start = 9\nend = 17", "crosses the cut at 0:10 that is set before"),
    ],
)
def test_cuts_that_contradict_earlier_ones_are_told(second: str, says: str) -> None:
    board = plan(f"[[scenes]]\nstart = 10\nend = 16\n[[scenes]]\n{second}\n")
    assert len(board.unfit) == 1
    assert says in board.unfit[0]
    assert (10.0, 16.0) in [(scene.start_time, scene.end_time) for scene in board.scenes]


def test_what_is_set_survives_another_analysis() -> None:
    toml = '[[scenes]]\nat = 20\nmood = "eerie"\n[[scenes]]\nstart = 40\nend = 46\nprompt = "a lighthouse"\n'
    for again in (
        grid(bpm=96.0),
        grid(start_s=0.3),
        grid(bpm=133.0, duration_s=60.0),
        BeatGrid(0, (), (), 4, (), 0, 64.0),
    ):
        board = plan(toml, grid=again)
        (eerie,) = (scene for scene in board.scenes if scene.mood == "eerie")
        (house,) = (scene for scene in board.scenes if scene.prompt_override)
        assert eerie.start_time <= 20 < eerie.end_time
        assert abs(house.start_time - 40) < 0.4
        assert abs(house.end_time - 46) < 0.4
        assert board.unfit == ()


# --- What it costs ---------------------------------------------------------------------------------------------------


def test_the_estimate_is_every_clip_and_a_fifth_for_retries() -> None:
    board = plan("budget_cap_usd = 7.68", price=PRICE)
    estimate = board.estimate
    assert (estimate.per_scene, estimate.base, estimate.with_buffer) == (0.8, 6.4, 7.68)
    assert (estimate.price, estimate.currency, estimate.cap, estimate.is_over_cap) == (PRICE, "USD", 7.68, False)
    assert {scene.estimated_cost_usd for scene in board.scenes} == {0.8}
    assert plan("budget_cap_usd = 7.67", price=PRICE).estimate.is_over_cap
    assert not plan(price=PRICE).estimate.is_over_cap


def test_without_a_price_costs_are_open() -> None:
    board = plan("budget_cap_usd = 0")
    assert (board.estimate.base, board.estimate.with_buffer, board.estimate.is_over_cap) == (None, None, False)
    assert {scene.estimated_cost_usd for scene in board.scenes} == {None}


# --- The record ------------------------------------------------------------------------------------------------------


def test_a_record_reads_back_and_shows_seconds() -> None:
    board = plan("frame_rate = 23.976\n" + CAST + "[[scenes]]\nid = 's099'\nmood = 'x'\n", price=PRICE)
    stored = orjson.loads(to_bytes(board))
    assert from_bytes(to_bytes(board)) == board
    assert to_bytes(board) == to_bytes(from_bytes(to_bytes(board)))
    assert (stored["schema"], stored["frame_rate"], stored["fps"]) == ("storyboard.1", "24000/1001", 23.976024)
    assert stored["scenes"][1]["start_time"] == round(board.scenes[1].start_time, 6)
    assert stored["estimate"]["price"]["valid_from"] == "2026-01-01"
    assert len(stored["unfit"]) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "storyboard.9"}, 'says schema "storyboard.9"'),
        ({"scenes": None}, "is damaged"),
        ({"n_frames": 9999}, "do not cover"),
        ({"frame_rate": "fast"}, "is damaged"),
        ({"estimate": {}}, "is damaged"),
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any], says: str) -> None:
    stored = orjson.loads(to_bytes(plan())) | change
    with pytest.raises(StoryboardRecordError, match=says):
        from_bytes(orjson.dumps(stored))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"schema": "storyboard.1"}'])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(StoryboardRecordError):
        from_bytes(data)
