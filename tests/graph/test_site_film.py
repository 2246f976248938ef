"""The artifact server on takes and films: what can be seen, played, compared and chosen."""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from html import unescape

import orjson
import pytest

from audio_assets.domain.artifacts import PICTURE
from audio_assets.domain.cost_report import CostRow, cost_report
from audio_assets.domain.schemas import cost_report as cost_schema
from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.alignment import to_bytes as alignment_bytes
from audio_assets.domain.schemas.records import Check, Failure
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_review import Review
from audio_assets.domain.take_scores import Score, TakeQuality
from audio_assets.domain.take_selection import RULE, Choice, Selection, select
from audio_assets.domain.timeline import Phone, Timeline, Word
from audio_assets.site.catalog import FILM_OF_SONG, OF_SCENE
from audio_assets.site.takes import TAKES_ASSETS
from resources.store import ArtifactStore
from tests.graph.test_site import ask, player_of, put, wav
from tests.graph.test_site_songs import SETTINGS, SONG, TITLE, any_store, assert_is_clean, board, put_song, store

__all__ = ["any_store", "store"]  # fixtures

SCENE = f"s002|{SONG}"
EVIL = "<i>a</i> </script><script>alert(1)</script> & b"
PROMPT = f"A long shot of the sea at dusk. {EVIL}"
WHEN = "2026-02-01T10:00:00+00:00"
SONG_SETTINGS = f"{SETTINGS}\n[deliverables.vertical]\nsubtitles = 'burned'\n[deliverables.mp4]\n"


def put_take(store: ArtifactStore, name: str, prompt: str, **more: object) -> Take:
    key = f"{name}@{SCENE}"
    record = {"schema": "take.1", "take": name, "scene": SCENE, "prompt": prompt, "negative": EVIL}
    files = {"clip.mp4": b"video", "thumbnail.jpg": b"small", "poster.png": b"large", "take.json": orjson.dumps(record)}
    facts = {"n_frames": 96, "duration_s": 4.0}
    folder = put(store, "take", key, "video/takes", files, facts=facts, notes=(EVIL,))
    store.write(
        f"{folder}/sidecar.json", (store.read(f"{folder}/sidecar.json") or b"").replace(b'"take"', b'"scene_take"', 1)
    )
    values = {"is_current": True, "provider": EVIL, "model": "m", "seed": 7, "cost_usd": 0.4, **more}
    return Take(name, key, folder, "c" * 64, "clip.mp4", 96, 1280, 720, prompt=prompt, **values)  # type: ignore[arg-type]


def quality(value: float) -> TakeQuality:
    part = Score(value, evidence={"n_black_frames": 3})
    return TakeQuality(
        Score(value, evidence={"weakest": EVIL}), Score(None, f"no face: {EVIL}"), Score(0.5), {"black": part}
    )


def put_takes(store: ArtifactStore) -> tuple[Take, ...]:
    """Three takes of a scene: a plain one, a remix of it, one of an earlier prompt; the remix is chosen."""
    first = put_take(store, "t01", PROMPT)
    remix = put_take(store, "t02", f"{PROMPT} Warmer.", origin="remix", parent="t01", revision=f"Warmer {EVIL}")
    old = put_take(store, "t03", PROMPT.replace("dusk", "dawn"), is_current=False)
    takes = (first, remix, old)
    qualities = {"t01": quality(0.25), "t02": quality(0.75)}
    reviews = (Review("t02", EVIL, WHEN, 4.0, note=EVIL), Review("t02", "Bo", WHEN, 3.0, quality_score=0.9))
    choices = (Choice("t01", "Bo", WHEN), Choice("t02", EVIL, WHEN, EVIL))
    slots = [{"take": take.id, "is_made": True} for take in takes] + [{"take": "t04", "is_made": False}]
    add(store, "scene_take", {"takes.json": schema.take_list_to_bytes(SCENE, takes)}, params={"takes": slots})
    add(store, "take_quality", {"take_quality.json": schema.qualities_to_bytes(qualities)}, ["scene_take"])
    add(store, "take_review", {"take_review.json": schema.reviews_to_bytes(reviews)}, ["scene_take"])
    chosen = schema.selection_to_bytes(SCENE, select(takes, qualities, reviews, choices))
    params = {"choices": [asdict(choice) for choice in choices]}
    add(
        store, "selected_take", {"selection.json": chosen}, ["scene_take", "take_quality", "take_review"], params=params
    )
    store.record_failure("take", f"t04@{SCENE}", Failure("", "budget", f"over the cap of {EVIL}", ""))
    return takes


def add(store: ArtifactStore, asset: str, files: dict[str, bytes], made_of: Sequence[str] = (), **more: object) -> str:
    """An asset of the scene, or of the song."""
    partition = more.pop("partition", SONG if asset in FILM_OF_SONG else SCENE)
    sources = {}
    for name in made_of:
        ref = store.refs(name).get(SONG if name in FILM_OF_SONG else SCENE)
        assert ref is not None
        sources[name] = ref.object
    folder = "exports/video" if asset == "deliverable" else f"video/{asset}"
    return put(store, asset, str(partition), folder, files, sources=sources, **more)  # type: ignore[arg-type]


def put_film(store: ArtifactStore) -> None:
    put_song(store, settings=SONG_SETTINGS)
    put_takes(store)
    clip = {"clip.mp4": b"video"}
    add(store, "vocal_segment", {"vocal_segment.flac": wav(1.0)})
    timeline = Timeline((Phone("s", 0.1, 0.3),), (Word("sea", 0.1, 0.8),), 1.0)
    add(
        store, "scene_alignment", {"alignment.json": alignment_bytes(AlignmentRecord(timeline, "x"))}, ["vocal_segment"]
    )
    add(
        store,
        "lipsynced_take",
        clip | {"picture.jpg": b"jpg"},
        ["selected_take", "scene_alignment"],
        facts={"why": EVIL},
    )
    add(store, "scene_clip", clip, ["lipsynced_take"], facts={"n_frames": 96, "duration_s": 4.0})
    chapters = [{"title": EVIL, "start_frame": 0, "end_frame": 48}, {"title": "B", "start_frame": 48, "end_frame": 96}]
    params = {"frame_rate": "24", "chapters": chapters}
    add(store, "final_video", {"film.mp4": b"0123456789"}, ["scene_clip"], params=params)
    add(store, "contact_sheet", {"contact_sheet.jpg": b"sheet", "picture.jpg": b"jpg"})
    add(store, "timeline", {f"timeline.{kind}": b"x" for kind in ("otio", "fcpxml", "edl")})
    rows = (CostRow(SONG, "s002", EVIL, "m", "2026-02-01", 500_000, 400_000, 0),)
    add(store, "cost_report", {"cost_report.json": cost_schema.to_bytes(cost_report(rows)), "cost_report.md": b"| |"})
    for name, subtitles in (("mp4", "side"), ("vertical", "burned")):
        files = {f"{name}.mp4": b"video", f"{name}.vtt": b"WEBVTT", f"{name}.ass": b"[Script Info]", "poster.jpg": b"p"}
        facts = {"width": 720, "height": 1280, "subtitles": subtitles, "integrated_lufs": -14.2}
        add(store, "deliverable", files, ["final_video"], partition=f"{name}|{SONG}", facts=facts)


def key_of(asset: str) -> str:
    return f"vertical|{SONG}" if asset == "deliverable" else SONG if asset in FILM_OF_SONG else SCENE


ASSETS = (*OF_SCENE[1:], *FILM_OF_SONG, "deliverable")


# --- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", ASSETS)
def test_every_page_shows_texts_from_outside_as_texts(any_store: ArtifactStore, asset: str) -> None:
    put_film(any_store)
    page = ask(any_store, f"/a/{asset}/{key_of(asset)}")
    assert page.status_code == 200
    assert_is_clean(page.text)
    assert "unsafe" not in page.headers["content-security-policy"]
    ref = any_store.refs(asset).get(key_of(asset))
    assert ref is not None
    alone = ask(any_store, f"/o/{ref.object}")
    assert alone.status_code == 200
    assert_is_clean(alone.text)


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("data", [b"", b'{"schema": "take_list.1", "takes": [{}]}', None])
def test_damage_costs_a_part_of_the_page(store: ArtifactStore, asset: str, data: bytes | None) -> None:
    put_film(store)
    ref = store.refs(asset).get(key_of(asset))
    assert ref is not None
    for name in ref.sizes:
        if data is None:
            store.delete(f"{ref.object}/{name}")
        else:
            store.write(f"{ref.object}/{name}", data)
    pages = [f"/a/{one}/{key_of(one)}" for one in ("selected_take", "final_video", "deliverable", asset)]
    assert {ask(store, page).status_code for page in [*pages, "/"]} == {200}


@pytest.mark.parametrize("asset", ["lipsynced_take", "scene_clip", "final_video", "deliverable"])
def test_what_has_a_video_plays_it(store: ArtifactStore, asset: str) -> None:
    put_film(store)
    page = ask(store, f"/a/{asset}/{key_of(asset)}").text
    (tag,) = re.findall(r"<video[^>]*>", page)
    assert "controls" in tag
    assert "poster=" in tag
    assert (" loop" in tag) is (asset in ("lipsynced_take", "scene_clip"))
    source = re.search(r'<source src="([^"]+)" type="video/mp4">', page)
    assert source is not None
    part = ask(store, source.group(1), range="bytes=1-3")
    assert (part.status_code, part.headers["content-type"], len(part.content)) == (206, "video/mp4", 3)
    poster = re.search(r'poster="([^"]+)"', tag)
    assert poster is not None
    assert ask(store, poster.group(1)).headers["content-type"].startswith("image/")


# --- takes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", TAKES_ASSETS)
def test_takes_stand_side_by_side_with_what_they_are_worth(store: ArtifactStore, asset: str) -> None:
    put_song(store)
    put_takes(store)
    page = unescape(ask(store, f"/a/{asset}/{SCENE}").text)
    one, two, three = re.findall(r"<article.*?</article>", page, re.DOTALL)
    assert ("selected" in one.partition(">")[0], "selected" in two.partition(">")[0]) == (False, True)
    assert '<meter min="0" max="1" low="0.4" high="0.7" optimum="1" value="0.25" aria-label="quality">' in one
    assert f"not measurable: no face: {EVIL}" in one, "what can not be measured is no bar at 0"
    assert "black frames" in one
    assert "not measured yet" in three
    assert "earlier" in three.partition(">")[0]
    assert "<ins>dawn. </ins>" in three
    assert "<del>dusk. </del>" in three
    assert "<ins>Warmer.</ins>" in two
    assert "remix of t01" in two
    assert "people: 0.90" in two, "a reviewer's figure stands beside the measured one"
    assert 'value="3.5" aria-label="people"' in two
    for text in (EVIL, "$0.40", "1280 × 720", "Bo"):
        assert text in two
    assert f"over the cap of {EVIL}" in page
    assert f"chosen by <b>{EVIL}</b>, 2026-02-01 10:00:00 UTC" in page
    assert RULE in page


def test_a_page_says_how_to_choose_a_take(store: ArtifactStore) -> None:
    put_song(store)
    put_takes(store)
    page = ask(store, f"/a/scene_take/{SCENE}").text
    for name in ("t01", "t03"):
        assert f"audio-assets take select {SONG} s002 {name}" in page
    assert f"audio-assets take unselect {SONG} s002" in page
    assert f"/assets/selected_take?view=partitions&amp;partition=s002%7C{SONG}" in page


def test_a_take_of_the_rule_can_not_be_unselected_and_an_open_scene_says_so(store: ArtifactStore) -> None:
    put_song(store)
    put_takes(store)
    files = {"selection.json": schema.selection_to_bytes(SCENE, Selection("t01", "rule", why="the best"))}
    add(store, "selected_take", files)
    page = ask(store, f"/a/scene_take/{SCENE}").text
    assert "chosen by the rule" in page
    assert "unselect" not in page
    store.delete(f"refs/selected_take/{SCENE.replace('|', '+')}.json")
    assert "No take is selected yet" in ask(store, f"/a/scene_take/{SCENE}").text


def test_an_old_object_shows_the_takes_that_it_was_made_of(store: ArtifactStore) -> None:
    put_song(store)
    takes = put_takes(store)
    ref = store.refs("selected_take").get(SCENE)
    assert ref is not None
    newer = put(store, "x", "x", "video/scene_take", {"takes.json": schema.take_list_to_bytes(SCENE, takes[:1])})
    for asset in ("scene_take", "selected_take"):
        now = store.refs(asset).get(SCENE)
        assert now is not None
        store.refs(asset).point(SCENE, replace(now, object=newer))
    page = ask(store, f"/o/{ref.object}").text
    assert len(re.findall("<article", page)) == 3


def test_a_single_take_has_a_page_with_its_prompt(store: ArtifactStore) -> None:
    put_song(store)
    take = put_takes(store)[1]
    page = ask(store, f"/o/{take.object}")
    assert_is_clean(page.text)
    assert f"{PROMPT} Warmer." in unescape(page.text)
    assert f'href="/a/scene_take/s002%7C{SONG}"' in page.text
    assert " loop" in page.text


# --- the film --------------------------------------------------------------------------------------------------------


def test_a_film_leads_to_its_sections_scenes_and_formats(store: ArtifactStore) -> None:
    put_film(store)
    page = ask(store, f"/a/final_video/{SONG}").text
    assert re.findall(r'#t=([\d.]+)" data-at="([\d.]+)" data-end="([\d.]+)"', page) == [
        ("0.0", "0.0", "2.0"),
        ("2.0", "2.0", "4.0"),
    ]
    cards = re.findall(r'<li class="[^"]+" data-at="([^"]+)"(.*?)</li>', page, re.DOTALL)
    assert [float(at) for at, _ in cards] == [scene.start_time for scene in board(SONG_SETTINGS).scenes]
    chosen = next(card for _, card in cards if "s002" in card)
    assert f'href="/a/scene_take/s002%7C{SONG}"' in chosen
    assert "t02, by &lt;i&gt;" in chosen
    for name in ("mp4", "vertical"):
        assert f'href="/a/deliverable/{name}%7C{SONG}"' in page
        assert f"{name}.ass 13 Bytes" in page
    assert "-14.2 LUFS" in page


def test_subtitles_are_shown_unless_they_are_in_the_picture(store: ArtifactStore) -> None:
    put_film(store)
    side, burned = (ask(store, f"/a/deliverable/{name}|{SONG}").text for name in ("mp4", "vertical"))
    (track,) = re.findall(r"<track[^>]*>", side)
    assert 'kind="subtitles"' in track
    assert track.endswith(" default>")
    (track,) = re.findall(r"<track[^>]*>", burned)
    assert "default" not in track
    source = re.search(r'src="([^"]+)"', track)
    assert source is not None
    assert ask(store, source.group(1)).headers["content-type"] == "text/vtt; charset=utf-8"


def test_a_sheet_leads_to_every_scene(store: ArtifactStore) -> None:
    put_film(store)
    page = ask(store, f"/a/contact_sheet/{SONG}").text
    assert "contact_sheet.jpg" in page
    linked = {unescape(url) for url in re.findall(r'href="(/a/scene_\w+/[^"]+)"', page)}
    assert {url.rpartition("/")[2] for url in linked} == {f"{one.id}%7C{SONG}" for one in board(SONG_SETTINGS).scenes}


def test_a_voice_plays_with_its_phonemes_and_moves_the_lips(store: ArtifactStore) -> None:
    put_film(store)
    for asset in ("scene_alignment", "lipsynced_take"):
        page = ask(store, f"/a/{asset}/{SCENE}")
        assert player_of(page)["phones"] == [["s", 0.1, 0.3]]
        assert 'vocal_segment.flac"></audio>' in page.text
    assert player_of(ask(store, f"/a/vocal_segment/{SCENE}"))["duration"] == 1.0


def test_costs_are_tables_and_timelines_downloads(store: ArtifactStore) -> None:
    put_film(store)
    page = ask(store, f"/a/cost_report/{SONG}").text
    assert re.findall(r"<h2>by (\w+)</h2>", page) == ["song", "scene", "provider", "day"]
    assert '<td class="number">$0.40' in page
    page = ask(store, f"/a/timeline/{SONG}").text
    for kind, content_type in (("otio", "application/json"), ("fcpxml", "application/xml"), ("edl", "text/plain")):
        url = re.search(rf'href="([^"]+\.{kind})\?download"', page)
        assert url is not None
        assert ask(store, url.group(1)).headers["content-type"].startswith(content_type)


# --- the index -------------------------------------------------------------------------------------------------------


def test_the_index_says_how_far_a_song_is(store: ArtifactStore) -> None:
    put_song(store, settings=SONG_SETTINGS)
    before = ask(store, "/").text
    assert f'href="/a/final_video/{SONG}">film' not in before
    put_film(store)
    page = ask(store, "/").text
    n_scenes = len(board(SONG_SETTINGS).scenes)
    assert f">1 of {n_scenes}</a>" in page
    assert f'href="/a/final_video/{SONG}">film' in page
    assert re.findall(r"<h2>(\w+)</h2>", page) == ["music", "film"]
    tiles = re.findall(r"<b>([\d,]+)</b><span>(\w+)</span>", page)
    assert ("2", "deliverable") in tiles
    assert "take" not in dict(map(reversed, tiles)), "a single take is no asset"  # type: ignore[arg-type]
    assert "retired" not in page


def test_scenes_and_formats_are_found_when_asked_for(store: ArtifactStore) -> None:
    put_film(store)
    page = ask(store, "/?asset=deliverable&script=run").text
    assert f'class="what" href="/a/deliverable/vertical%7C{SONG}"' in page
    assert unescape(page).count(TITLE) >= 2
    page = ask(store, "/?asset=selected_take&script=run").text
    assert f'class="what" href="/a/selected_take/s002%7C{SONG}"' in page
    store.write(
        f"songs/{SONG}.json",
        (store.read(f"songs/{SONG}.json") or b"").replace(b"deliverables.vertical", b"deliverables.square"),
    )
    assert "retired" in ask(store, "/?asset=deliverable&script=run").text


def test_failures_of_the_film_are_said(store: ArtifactStore) -> None:
    put_song(store)
    store.record_failure("final_video", SONG, Failure("", "budget", "no room <i>", "run-1"))
    page = ask(store, f"/a/final_video/{SONG}")
    assert page.status_code == 200
    assert "A cap is in the way" in page.text
    assert_is_clean(page.text)
    assert "final_video failed" in ask(store, "/").text


def test_a_picture_is_a_png_or_a_jpeg(store: ArtifactStore) -> None:
    for name in (PICTURE, "picture.jpg"):
        put(store, "some_asset", "x", "video/some", {name: b"data"}, checks=(Check("ok", True, ""),))
        assert f'/{name}" alt=' in ask(store, "/a/some_asset/x").text
    put(store, "some_asset", "y", "video/some", {"picture.jpg": b""})
    assert "<img class" not in ask(store, "/a/some_asset/y").text
