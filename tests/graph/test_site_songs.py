"""The artifact server on songs: they play with all that is known of them, their scenes and remixes too."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from audio_assets.books.songbook import REMIX_SCHEMA, REMIXES, SONGS
from audio_assets.domain.money_text import dollars
from audio_assets.domain.music import features
from audio_assets.domain.music.analysis import (
    Beat,
    BeatGrid,
    LyricLine,
    Lyrics,
    LyricWord,
    Section,
    Span,
    TempoPoint,
)
from audio_assets.domain.music.energy import EnergyPoint
from audio_assets.domain.music.onsets import Onset
from audio_assets.domain.price_card import Price
from audio_assets.domain.schemas import song_analysis as schema
from audio_assets.domain.schemas import storyboard as board_schema
from audio_assets.domain.schemas.records import Check, Failure
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.domain.song_settings import parse_song_settings
from audio_assets.domain.storyboard import Storyboard, plan_storyboard
from audio_assets.launch import DIALOGUE, FILM, LIVE, MUSIC, VOICE_STEMS
from audio_assets.site.catalog import FILM_STAGES, MUSIC_STAGES, SONG_STAGES
from audio_assets.site.listing import DIALOGUE_STAGES, MESSAGE_STAGES, STAGES
from audio_assets.site.scenes import clock_ms
from audio_assets.site.song import SongObject, song_objects
from resources.engines import song_artifacts, storyboard_artifacts
from resources.store import ArtifactStore
from tests.graph.test_site import ask, filled, player_of, put, wav

SONG = "run"
TITLE = '<b onclick="x()">Rün</b> & all'
ARTIST = "Nobody <i>at all</i>"
WORDS = "So </script><script>alert(1)</script> far"
SETTINGS = f"""
title = '{TITLE}'
artist = '{ARTIST}'
clip_seconds = 4
budget_cap_usd = 1
[characters."Nova <i>"]
description = "silver hair"
is_primary = true
[[scenes]]
at = 5
directive = "She <i>stops</i>."
[[scenes]]
at = 99
mood = "late <i>"
"""
DURATION_S = 12.0


@dataclass(frozen=True)
class Calm:
    """A mood."""

    name: str = "calm"
    description: str = "soft"
    energy: float = 0.25


def grid(offset_s: float = 0.0) -> BeatGrid:
    beats = tuple(Beat(0.5 * n + offset_s, 1.0 if n % 4 == 0 else 0.5) for n in range(24))
    downbeats = tuple(beat.time for beat in beats[::4])
    return BeatGrid(120.0, beats, downbeats, 4, (TempoPoint(0.0, 120.0),), 0.9, DURATION_S)


def lyrics() -> Lyrics:
    timed = (LyricWord("So", 1.0, 1.4, 1.0), LyricWord("far", 1.5, 2.25, 0.25))
    return Lyrics((LyricLine(WORDS, timed), LyricLine("never sung", (LyricWord("never"), LyricWord("sung")))), "plain")


def board(settings: str = SETTINGS, usd_per_second: float = 0.1) -> Storyboard:
    price = Price("studio", "clips", usd_per_second, date(2026, 1, 1))
    parsed = parse_song_settings(settings.encode(), "run.toml")
    parts = (Section("A1", 0.0, 6.0, "section", "A", 0.0), Section("chorus 1", 6.0, DURATION_S, "chorus", "B", 0.8))
    return plan_storyboard(
        parsed, grid(), parts, (Span(0.5, 4.0),), lyrics(), lambda *_: Calm(), price, max_scenes=99, slots_setting="X"
    )


@cache
def spectrum() -> bytes:
    """The features of four seconds of a loud tone, then silence."""
    t = np.arange(int(DURATION_S * features.RATE_HZ)) / features.RATE_HZ
    extractor = features.FeatureExtractor()
    extractor.push((np.sin(2 * np.pi * 100 * t) * (t < 4)).astype(np.float32))
    return features.to_bytes(extractor.finish())


def put_song(
    store: ArtifactStore, song: str = SONG, *, sound: bytes = b"RIFF", settings: str = SETTINGS
) -> dict[str, str]:
    """All artifacts of one song; their folders by asset."""
    record = SongRecord(
        song, f"{song}.wav", f"/somewhere/{song}.wav", "0" * 64, 4, 1, settings, f"/somewhere/{song}.toml"
    )
    store.write(f"songs/{song}.json", record.to_bytes())
    made: dict[str, str] = {}

    def add(asset: str, files: dict[str, bytes], made_of: Sequence[str] = (), **facts: Any) -> None:
        folder = f"{'video' if asset == 'storyboard' else 'audio'}/{asset}"
        sources = {name: made[name] for name in made_of} or {"song": f"{song}.wav"}
        made[asset] = put(store, asset, song, folder, files, facts=facts, sources=sources)

    add("song_audio", {"song.wav": sound, "song.json": b"{}"}, duration_s=DURATION_S)
    add("spectral_features", {"features.bin": spectrum(), "spectral_features.json": b"{}"}, ["song_audio"])
    add("beat_grid", {"beat_grid.json": schema.beat_grid_to_bytes(grid())}, ["spectral_features"], bpm=120.0)
    add("onsets", {"onsets.json": schema.onsets_to_bytes([Onset(0.25, 0.5)])}, ["spectral_features"])
    energy = [EnergyPoint(0.0, 0.125), EnergyPoint(6.0, 0.75)]
    add("energy_curve", {"energy_curve.json": schema.energy_curve_to_bytes(energy)}, ["spectral_features"])
    voice = schema.voice_to_bytes([Span(0.5, 4.0)], {})
    add("vocals", {"vocals.flac": b"fLaC", "vocals.json": voice}, ["song_audio"], duration_s=DURATION_S)
    parts = [Section("A1", 0.0, 6.0, "section", "A", 0.0), Section("chorus 1", 6.0, DURATION_S, "chorus", "B", 0.8)]
    add("sections", {"sections.json": schema.sections_to_bytes(parts)}, ["spectral_features", "beat_grid", "vocals"])
    aligned = schema.lyrics_to_bytes(lyrics(), {})
    add("lyric_alignment", {"lyric_alignment.json": aligned, "lyrics.lrc": b"[00:01]So"}, ["vocals"])
    plan = board(settings)
    made_of = [name for name in made if name not in ("song_audio", "onsets")]
    add("storyboard", {"storyboard.json": board_schema.to_bytes(plan)}, made_of, title=TITLE)
    for scene in plan.scenes:
        put_prompt(store, scene.id, song, made["storyboard"])
    return made


def put_prompt(store: ArtifactStore, scene: str, song: str, storyboard: str) -> str:
    parts = [{"name": "global style", "text": "A <i>shot</i>."}, {"name": "continuity", "text": f"Of {scene}."}]
    text = "\n\n".join(part["text"] for part in parts)
    record = {"schema": "scene_prompt.1", "prompt": text, "negative": "captions", "parts": parts}
    files = {"prompt.json": orjson.dumps(record), "prompt.txt": text.encode()}
    return put(
        store, "scene_prompt", f"{scene}|{song}", "video/scene_prompt", files, facts={"text": text},
        sources={"storyboard": storyboard},
    )  # fmt: skip


def put_remix(store: ArtifactStore, name: str, sources: dict[str, str], source_track: str) -> str:
    request = {
        "scene_id": name,
        "target_style": "lofi <i>",
        "source_track": source_track,
        "mood_tags": ["calm", "slow"],
    }
    store.write(f"remixes/{name}.json", orjson.dumps({"schema": REMIX_SCHEMA, "request": request}))
    files = {"remix.wav": wav(1.0), "remix.json": b"{}"}
    return put(store, "music_remix", name, "exports/music", files, sources=sources, params={"request": request})


@pytest.fixture(params=["local", "remote"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(url=str(tmp_path / "store") if request.param == "local" else "memory:///")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(url=str(tmp_path / "store"))


class _Tags(HTMLParser):
    """Every tag of a page with its attributes, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_is_clean(page: str) -> None:
    """No text from outside is markup, nothing is inline, nothing comes from elsewhere."""
    tags = _Tags(page).found
    assert "i" not in {tag for tag, _ in tags}
    for tag, attributes in tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "script" or attributes.keys() & {"src", "type"} == {"src", "type"} or "id" in attributes
        for url in (attributes.get("src"), attributes.get("href")):
            assert url is None or url.startswith(("/", "http://localhost:3000/"))
    assert "alert(1)</script>" not in page


# --- the player ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", SONG_STAGES)
def test_every_asset_of_a_song_plays_it_with_all_that_is_known(any_store: ArtifactStore, asset: str) -> None:
    made = put_song(any_store)
    page = ask(any_store, f"/a/{asset}/{SONG}")
    assert page.status_code == 200
    assert_is_clean(page.text)
    player = player_of(page)
    assert player["asset"] == asset
    assert player["duration"] == DURATION_S
    assert [beat[0] for beat in player["beats"]] == [0.5 * n for n in range(24)]
    assert [beat[2] for beat in player["beats"][:5]] == [1, 0, 0, 0, 2]
    assert player["sections"] == [["A1", 0, 6, "A", "section", 0], ["chorus 1", 6, 12, "B", "chorus", 0.8]]
    assert player["energy"] == [[0, 0.125], [6, 0.75]]
    assert player["onsets"] == [[0.25, 0.5]]
    assert player["sung"] == [[0.5, 4]]
    heard = made["vocals"] + "/vocals.flac" if asset == "vocals" else made["song_audio"] + "/song.wav"
    assert f'<audio id="audio" controls preload="metadata" src="/files/{heard}">' in page.text
    kind = "audio/flac" if asset == "vocals" else "audio/wav"
    assert ask(any_store, f"/files/{heard}").headers["content-type"] == kind


def test_lyrics_are_shown_as_they_were_written_with_their_words_times(store: ArtifactStore) -> None:
    put_song(store)
    sung, unsung = player_of(ask(store, f"/a/lyric_alignment/{SONG}"))["lines"]
    assert sung == [WORDS, 1.0, 2.25, [["So", 1.0, 1.4, 1.0], ["far", 1.5, 2.25, 0.25]]]
    assert unsung[:3] == ["never sung", None, None]


def test_the_waveform_is_the_level_of_the_song_and_of_its_lows(store: ArtifactStore) -> None:
    put_song(store)
    wave = player_of(ask(store, f"/a/beat_grid/{SONG}"))["wave"]
    level, lows = wave[::2], wave[1::2]
    third = len(level) // 3
    assert max(level) == 100
    assert min(level[2 : third - 2]) > 90
    assert max(level[third + 2 :]) == 0
    assert all(0 <= low <= full for low, full in zip(lows, level, strict=True))
    assert min(lows[2 : third - 2]) > 80, "a tone of 100 Hz is all lows"


def test_a_long_song_has_no_more_columns_than_can_be_seen(store: ArtifactStore) -> None:
    put_song(store)
    n_frames = 100_000
    one = np.ones(n_frames, np.float32)
    long = features.SongFeatures(
        21.5, 86.1, n_frames / 21.5, np.zeros((n_frames, 40), np.float32), np.zeros((n_frames, 12), np.float32),
        np.zeros((1, 8), np.float32), one, one, one, one, one,
    )  # fmt: skip
    ref = store.refs("spectral_features").get(SONG)
    assert ref is not None
    store.write(f"{ref.object}/features.bin", features.to_bytes(long))
    wave = player_of(ask(store, f"/a/sections/{SONG}"))["wave"]
    assert 2 * 4000 < len(wave) <= 2 * 8000
    assert set(wave[::2]) == {100}


def test_scenes_are_blocks_that_lead_to_their_pages(store: ArtifactStore) -> None:
    put_song(store)
    scenes = player_of(ask(store, f"/a/sections/{SONG}"))["scenes"]
    plan = board()
    assert [scene[0] for scene in scenes] == [scene.id for scene in plan.scenes]
    assert [scene[1:3] for scene in scenes] == [[one.start_time, one.end_time] for one in plan.scenes]
    assert {scene[3] for scene in scenes} == {"performance", "broll"}
    for scene in scenes:
        assert ask(store, f"/a/scene_prompt/{scene[4].replace('|', '%7C')}").status_code == 200


def test_an_object_alone_shows_what_it_was_made_of(store: ArtifactStore) -> None:
    made = put_song(store)
    newer = put(store, "sections", "other", "audio/other", {"sections.json": schema.sections_to_bytes([])})
    old = made["beat_grid"]
    ref = store.refs("sections").get("other")
    assert ref is not None
    store.refs("beat_grid").point(SONG, ref)
    assert newer != old
    player = player_of(ask(store, f"/o/{old}"))
    assert len(player["beats"]) == 24
    assert player["song"].endswith("/song.wav")
    assert player["sections"] == [], "nothing says which song this object is of today"


def test_what_belongs_to_another_recording_is_left_out(store: ArtifactStore) -> None:
    old = put_song(store)
    stale = store.refs("sections").get(SONG)
    assert stale is not None
    data = {"song.wav": b"RIFF of another", "song.json": b"{}"}
    audio = put(store, "song_audio", "new", "audio/song_audio", data, facts={"duration_s": 3.0})
    ref = store.refs("song_audio").get("new")
    assert ref is not None
    store.refs("song_audio").point(SONG, ref)
    sidecar = store.find(audio)
    assert sidecar is not None
    assert set(song_objects(store, SONG, "song_audio", SongObject(audio, sidecar))) == {"song_audio"}
    assert player_of(ask(store, f"/a/song_audio/{SONG}"))["beats"] == []
    still = player_of(ask(store, f"/a/beat_grid/{SONG}"))
    assert still["song"] == f"{old['song_audio']}/song.wav", "the beats are those of the old recording"
    assert still["sections"] != []


@pytest.mark.parametrize("asset", [*SONG_STAGES, "scene_prompt"])
@pytest.mark.parametrize(
    ("data", "is_sidecar_too"),
    [(b"", False), (b"song_features.1\n{}\n", False), (b'{"schema": "sections.1"}', True), (None, False)],
)
def test_damage_costs_a_part_of_the_page_and_is_said(
    store: ArtifactStore, asset: str, data: bytes | None, is_sidecar_too: bool
) -> None:
    put_song(store)
    own = f"s001|{SONG}" if asset == "scene_prompt" else SONG
    ref = store.refs(asset).get(own)
    assert ref is not None
    for name in (*ref.sizes, *(["sidecar.json"] if is_sidecar_too else [])):
        if data is None:
            store.delete(f"{ref.object}/{name}")
        else:
            store.write(f"{ref.object}/{name}", data)
    for page in (f"/a/{asset}/{own}", f"/a/storyboard/{SONG}", f"/a/scene_prompt/s001|{SONG}", "/"):
        is_unknown = is_sidecar_too and page == f"/a/{asset}/{own}"
        assert ask(store, page).status_code == (404 if is_unknown else 200)
    if asset not in ("song_audio", "scene_prompt") or data is None:
        said = ask(store, f"/a/{asset}/{own}").text
        assert "can not be read" in said or "is gone" in said or asset == "scene_prompt"


def test_a_name_of_a_dropped_file_is_no_link_and_no_path(store: ArtifactStore) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a <i>b</i>.wav", "audio/x.wav"):
        files = {"song.wav": b"RIFF", "song.json": b"{}"}
        put(store, "song_audio", SONG, "audio/song_audio", files, sources={"song": name})
        page = ask(store, f"/a/song_audio/{SONG}")
        assert page.status_code == 200
        assert_is_clean(page.text)
        assert '"/o//' not in page.text
        assert '"/o/..' not in page.text


def test_what_pages_load_is_there_and_uses_colours_that_there_are(store: ArtifactStore) -> None:
    put_remix(store, "night", {"song_audio": put_song(store)["song_audio"]}, SONG)
    paths = ("/", f"/a/storyboard/{SONG}", f"/a/scene_prompt/s001|{SONG}", "/a/music_remix/night")
    urls = {url for path in paths for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', ask(store, path).text)}
    assert {"/static/song_player.js", "/static/remix.js", "/static/index.js", "/static/style.css"} <= urls
    scripts = {url for url in urls if url.endswith(".js")}
    while scripts:
        found = {url: ask(store, url) for url in scripts}
        assert {answer.status_code for answer in found.values()} == {200}
        for answer in found.values():
            defined = re.findall(r"(--[\w-]+):", ask(store, "/static/style.css").text)
            for name in re.findall(r'"(--[\w-]+)"', answer.text):
                assert defined.count(name) == 2, f"{name} in light and in dark"
        urls |= scripts
        scripts = {
            f"/static/{name}" for a in found.values() for name in re.findall(r'from "\./([^"]+)"', a.text)
        } - urls


def test_a_song_or_scene_can_only_be_looked_at(store: ArtifactStore) -> None:
    put_song(store)
    for path in (f"/a/storyboard/{SONG}", f"/a/scene_prompt/s001|{SONG}"):
        for method in ("POST", "PUT", "DELETE"):
            assert ask(store, path, method).status_code == 405
        policy = ask(store, path).headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
    for path in (f"songs/{SONG}.json", "refs/song_audio/run.json", f"refs/scene_prompt/s001+{SONG}.json"):
        assert ask(store, f"/files/{path}").status_code == 404


# --- storyboard and scenes -------------------------------------------------------------------------------------------


def test_a_storyboard_lists_its_scenes_with_times_costs_and_what_was_set_by_hand(any_store: ArtifactStore) -> None:
    put_song(any_store)
    plan = board()
    page = ask(any_store, f"/a/storyboard/{SONG}").text
    rows = re.findall(r'<tr data-at="([^"]+)" data-end="([^"]+)"(.*?)</tr>', page, re.DOTALL)
    assert [(float(at), float(end)) for at, end, _ in rows] == [(s.start_time, s.end_time) for s in plan.scenes]
    for scene, (_, _, row) in zip(plan.scenes, rows, strict=True):
        row = unescape(row)
        assert f"{clock_ms(scene.start_time)}–{clock_ms(scene.end_time)}" in row
        assert f"frames {scene.start_frame}–{scene.end_frame}" in row
        assert scene.section in row
        assert "calm" in row
        assert "0.40" in row
        assert f"/a/scene_prompt/{scene.id}%7C{SONG}" in row
        assert ("b-roll" in row) is (scene.scene_type == "broll")
        assert ("directive</span>" in row) is ("directive" in scene.overridden)
    assert any(scene.overridden for scene in plan.scenes)
    estimate = plan.estimate
    assert estimate.base is not None
    assert estimate.with_buffer is not None
    for amount in (estimate.base, estimate.with_buffer, estimate.cap):
        assert dollars(amount) in page


def test_what_does_not_fit_a_storyboard_is_a_warning(store: ArtifactStore) -> None:
    put_song(store)
    plan = board()
    assert plan.unfit
    assert plan.estimate.is_over_cap
    page = ask(store, f"/a/storyboard/{SONG}").text
    warning = re.search(r'<section class="card notice bad">(.*?)</section>', page, re.DOTALL)
    assert warning is not None
    for text in (*plan.unfit, "over the cap"):
        assert text in unescape(warning.group(1))
    assert all(note in unescape(page) for note in plan.notes)
    fitting = SETTINGS.replace("at = 99", "at = 9").replace("budget_cap_usd = 1", "budget_cap_usd = 100")
    put_song(store, settings=fitting)
    assert "notice bad" not in ask(store, f"/a/storyboard/{SONG}").text


def test_a_storyboard_without_a_price_says_so(store: ArtifactStore) -> None:
    made = put_song(store)
    plan = board()
    none = replace(plan.estimate, per_scene=None, base=None, with_buffer=None, price=None, cap=None, is_over_cap=False)
    scenes = tuple(replace(scene, estimated_cost_usd=None) for scene in plan.scenes)
    unpriced = board_schema.to_bytes(replace(plan, estimate=none, scenes=scenes))
    store.write(f"{made['storyboard']}/storyboard.json", unpriced)
    page = ask(store, f"/a/storyboard/{SONG}").text
    assert "not known" in page
    assert "None" not in page


def test_every_text_of_a_storyboard_is_text(store: ArtifactStore) -> None:
    made = put_song(store)
    plan, bad = board(), "<i>bad</i>"
    scenes = tuple(
        replace(scene, lyrics=bad, mood=bad, section=bad, style_preset=bad, directive=bad, overridden=(bad,))
        for scene in plan.scenes
    )
    hostile = replace(plan, scenes=scenes, unfit=(bad,), notes=(bad,), title=bad, video_provider=bad)
    store.write(f"{made['storyboard']}/storyboard.json", board_schema.to_bytes(hostile))
    for path in (f"/a/storyboard/{SONG}", f"/a/scene_prompt/s001|{SONG}", f"/?script={SONG}", f"/a/sections/{SONG}"):
        page = ask(store, path).text
        assert_is_clean(page)
        assert path.startswith("/a/sections") or bad in unescape(page)


@pytest.mark.parametrize("bar", ["|", "%7C", "%7c"])
def test_a_scene_has_its_prompt_its_neighbours_and_its_stretch_of_the_song(any_store: ArtifactStore, bar: str) -> None:
    made = put_song(any_store)
    first, second, third = board().scenes[:3]
    page = ask(any_store, f"/a/scene_prompt/{second.id}{bar}{SONG}")
    assert page.status_code == 200
    assert_is_clean(page.text)
    assert "A &lt;i&gt;shot&lt;/i&gt;." in page.text
    assert f"Of {second.id}." in page.text
    assert "captions" in page.text
    assert f'rel="prev" href="/a/scene_prompt/{first.id}%7C{SONG}"' in page.text
    assert f'rel="next" href="/a/scene_prompt/{third.id}%7C{SONG}"' in page.text
    assert f'href="/a/storyboard/{SONG}"' in page.text
    assert f'data-at="{second.start_time}" data-end="{second.end_time}"' in page.text
    assert f'src="/files/{made["song_audio"]}/song.wav"' in page.text
    player = player_of(page)
    assert player["scene"] == second.id
    assert len(player["beats"]) == 24


def test_the_first_and_the_last_scene_have_one_neighbour(store: ArtifactStore) -> None:
    put_song(store)
    names = [scene.id for scene in board().scenes]
    first = ask(store, f"/a/scene_prompt/{names[0]}|{SONG}").text
    last = ask(store, f"/a/scene_prompt/{names[-1]}|{SONG}").text
    assert ('rel="prev"' in first, 'rel="next"' in first) == (False, True)
    assert ('rel="prev"' in last, 'rel="next"' in last) == (True, False)


def test_a_scene_stands_where_the_storyboard_of_today_has_it(store: ArtifactStore) -> None:
    made = put_song(store)
    moved = board(SETTINGS.replace("clip_seconds = 4", "clip_seconds = 8"))
    assert len(moved.scenes) < len(board().scenes)
    files = {"storyboard.json": board_schema.to_bytes(moved)}
    put(store, "storyboard", "replanned", "video/storyboard", files, sources={"sections": made["sections"]})
    ref = store.refs("storyboard").get("replanned")
    assert ref is not None
    store.refs("storyboard").point(SONG, ref)
    assert f'data-end="{moved.scenes[0].end_time}"' in ask(store, f"/a/scene_prompt/s001|{SONG}").text
    gone = ask(store, f"/a/scene_prompt/{board().scenes[-1].id}|{SONG}").text
    assert "has no scene" in gone
    assert "Of s00" in gone, "its prompt is still there"


def test_a_scene_whose_prompt_is_not_written_yet_shows_where_it_stands(store: ArtifactStore) -> None:
    put_song(store)
    store.delete(f"refs/scene_prompt/s002+{SONG}.json")
    page = ask(store, f"/a/scene_prompt/s002|{SONG}")
    assert page.status_code == 404
    assert "Not rendered yet" in page.text
    assert player_of(page)["scene"] == "s002"
    assert "none yet" in ask(store, f"/a/storyboard/{SONG}").text


def test_a_scene_that_failed_says_why(store: ArtifactStore) -> None:
    put_song(store)
    store.record_failure("scene_prompt", f"s002|{SONG}", Failure("", "permanent", "no preset <i>noir</i>", "run-9"))
    page = ask(store, f"/a/scene_prompt/s002|{SONG}").text
    assert "no preset &lt;i&gt;noir" in page
    assert "scene_prompt failed" in ask(store, "/?state=failed&asset=scene_prompt").text


# --- remixes ---------------------------------------------------------------------------------------------------------


def test_a_remix_plays_before_and_after(any_store: ArtifactStore) -> None:
    made = put_song(any_store)
    sources = {name: made[name] for name in ("song_audio", "beat_grid")}
    folder = put_remix(any_store, "night", sources, SONG)
    page = ask(any_store, "/a/music_remix/night")
    assert_is_clean(page.text)
    assert player_of(page)["duration"] == pytest.approx(1.0)
    assert f'id="audio" controls preload="auto" src="/files/{folder}/remix.wav"' in page.text
    assert f'id="source" controls preload="metadata" src="/files/{made["song_audio"]}/song.wav"' in page.text
    before = re.search(r'id="source-wave">(.*?)</script>', page.text)
    assert before is not None
    assert orjson.loads(before.group(1)) == player_of(ask(any_store, f"/a/sections/{SONG}"))["wave"]
    assert f'href="/a/song_audio/{SONG}"' in page.text
    assert "calm, slow" in page.text
    assert "lofi &lt;i&gt;" in page.text
    assert 'href="/a/music_remix/night"' in ask(any_store, f"/a/song_audio/{SONG}").text


def test_a_remix_is_listed_by_its_scene_style_and_source(store: ArtifactStore) -> None:
    assert (SONGS, REMIXES) == ("songs", "remixes"), "what the catalog reads"
    made = put_song(store)
    folder = put_remix(store, "night", {"song_audio": made["song_audio"]}, SONG)
    for page in (ask(store, "/?asset=music_remix").text, ask(store, "/a/music_remix/night").text):
        assert_is_clean(page)
        assert "night · lofi <i>" in unescape(page)
        assert TITLE in unescape(page)
    assert f'data-sound="/files/{folder}/remix.wav"' in ask(store, "/?q=lofi").text
    store.write("remixes/night.json", b"{")
    assert ask(store, "/").status_code == 200


@pytest.mark.parametrize("track", ["/home/x/y.wav", "../y.wav", ""])
def test_a_remix_of_a_file_or_of_nothing_plays_alone(store: ArtifactStore, track: str) -> None:
    put_remix(store, "night", {"track": track} if track else {}, track)
    page = ask(store, "/a/music_remix/night")
    assert page.status_code == 200
    assert "remix.wav" in page.text
    assert 'id="source"' not in page.text


# --- the index -------------------------------------------------------------------------------------------------------


def test_stages_stand_in_the_order_of_the_graph() -> None:
    assert tuple(recipe.asset for recipe in DIALOGUE.recipes) == DIALOGUE_STAGES
    assert tuple(recipe.asset for recipe in MUSIC.recipes) == MUSIC_STAGES
    assert tuple(recipe.asset for recipe in FILM.recipes) == FILM_STAGES
    assert tuple(recipe.asset for recipe in (*VOICE_STEMS.recipes, *LIVE.recipes)) == MESSAGE_STAGES
    assert STAGES == DIALOGUE_STAGES + MUSIC_STAGES + FILM_STAGES + MESSAGE_STAGES


def test_the_files_are_those_that_the_engines_write(store: ArtifactStore) -> None:
    made = put_song(store)
    names = {name for folder in made.values() for name in (store.find(folder) or pytest.fail(folder)).files}
    written = {
        song_artifacts.SONG, song_artifacts.FEATURES, song_artifacts.SPECTRAL, song_artifacts.BEAT_GRID,
        song_artifacts.ONSETS, song_artifacts.ENERGY, song_artifacts.SECTIONS, song_artifacts.VOCALS,
        song_artifacts.VOICE, song_artifacts.LYRICS, song_artifacts.LRC, storyboard_artifacts.STORYBOARD, "song.wav",
    }  # fmt: skip
    assert names == written


def test_the_index_lists_songs_by_title_with_their_scenes_under_them(any_store: ArtifactStore) -> None:
    made = put_song(any_store)
    n_scenes = len(board().scenes)
    page = ask(any_store, "/").text
    assert_is_clean(page)
    assert TITLE in unescape(page)
    assert ARTIST in unescape(page)
    assert f"{n_scenes} scenes" in page
    assert f">s001|{SONG}<" not in page, "scenes stand under their song"
    assert f'data-sound="/files/{made["song_audio"]}/song.wav"' in page
    assert f'href="/a/storyboard/{SONG}"' in page
    shown = re.findall(r"<b>([\d,]+)</b><span>(\w+)</span>", page)
    assert shown == [("1", asset) for asset in SONG_STAGES] + [(str(n_scenes), "scene_prompt")]


@pytest.mark.parametrize("query", [f"script={SONG}", "q=s001", "q=B-ROLL", "state=failed&asset=scene_prompt"])
def test_scenes_are_listed_when_they_are_asked_for(store: ArtifactStore, query: str) -> None:
    put_song(store)
    failing = next(scene.id for scene in board().scenes if scene.scene_type == "broll")
    store.record_failure("scene_prompt", f"{failing}|{SONG}", Failure("", "permanent", "no", "run-1"))
    page = ask(store, f"/?{query}").text
    assert re.search(rf">s00\d\|{SONG}<", page)
    assert re.search(rf'href="/a/scene_prompt/s00\d%7C{SONG}"', page)


def test_the_scenes_of_a_song_follow_one_another(store: ArtifactStore) -> None:
    put_song(store)
    listed = re.findall(rf">(s\d+)\|{SONG}<", ask(store, f"/?script={SONG}").text)
    assert listed == [scene.id for scene in board().scenes]


def test_a_scene_on_the_index_plays_its_stretch_of_the_song(store: ArtifactStore) -> None:
    made = put_song(store)
    second = board().scenes[1]
    page = ask(store, "/?q=s002").text
    sound = f"/files/{made['song_audio']}/song.wav#t={second.start_time:.3f},{second.end_time:.3f}"
    assert f'data-sound="{sound}"' in page


@pytest.mark.parametrize(("query", "is_found"), [("q=nobody+rün", True), ("q=somebody", False), ("q=far", True)])
def test_songs_and_scenes_are_found_by_title_artist_and_lyrics(
    store: ArtifactStore, query: str, is_found: bool
) -> None:
    put_song(store)
    assert ("Nothing matches" not in ask(store, f"/?{query}").text) is is_found


def test_what_is_not_registered_any_more_does_not_count_and_is_marked(store: ArtifactStore) -> None:
    put_song(store)
    put_remix(store, "night", {}, "")
    put_prompt(store, "s099", SONG, "video/gone")
    n_scenes = len(board().scenes)
    page = ask(store, "/").text
    assert f"<b>{n_scenes}</b><span>scene_prompt" in page
    assert f">{n_scenes} scenes<" in page
    assert page.count('class="chip old"') == 0, "the song stands for its scenes, and is registered"
    assert ask(store, f"/?script={SONG}").text.count('class="chip old"') == 1
    store.delete(f"songs/{SONG}.json")
    store.delete("remixes/night.json")
    page = ask(store, "/").text
    assert page.count('class="chip old"') == 2
    assert "<span>music_remix" not in page, "nothing counts it"
    assert ask(store, f"/a/storyboard/{SONG}").status_code == 200, "its pages stay"


def test_lines_and_songs_stand_side_by_side(store: ArtifactStore) -> None:
    put_song(filled(store))
    page = ask(store, "/").text
    assert page.index(">dialogue<") < page.index(">music<")
    assert "quest.start-1.en" in page
    assert "voice_line failed" in page


def test_a_damaged_record_of_a_song_costs_its_title(store: ArtifactStore) -> None:
    put_song(store)
    for data in (b"", b"{}", SongRecord(SONG, "run.wav", "", "", 0, 0, "title = [").to_bytes()):
        store.write(f"songs/{SONG}.json", data)
        page = ask(store, "/")
        assert page.status_code == 200
        assert f"/a/storyboard/{SONG}" in page.text


def test_failed_checks_and_stages_of_a_song_are_seen(store: ArtifactStore) -> None:
    put_song(store)
    checks = (Check("beat_is_sure", False, "confidence 0.1"),)
    files = {"beat_grid.json": schema.beat_grid_to_bytes(grid())}
    put(store, "beat_grid", SONG, "audio/beat_grid", files, checks=checks)
    store.record_failure("storyboard", SONG, Failure("", "permanent", "no", "run-1"))
    page = ask(store, "/").text
    assert "failed: beat_is_sure" in page
    assert page.count("storyboard failed") >= 2


@pytest.mark.parametrize(
    ("t_s", "text"), [(0.0, "0:00.000"), (59.9996, "1:00.000"), (62.5, "1:02.500"), (3599.9994, "59:59.999")]
)
def test_times_have_their_milliseconds(t_s: float, text: str) -> None:
    assert clock_ms(t_s) == text
