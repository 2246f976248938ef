"""Takes and film through the graph: what is rendered when, what an edit or a choice touches, what people are told."""

from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import dagster as dg
import orjson
import pytest

from audio_assets import launch
from audio_assets.domain.schemas.take_requests import AddedClip, RemixOrder
from audio_assets.launch import FILM, MUSIC
from audio_assets.partitions import event_key
from resources.video_files import probe_video
from tests.cinema import EDITING, PRICES, SHOOTING, Cinema, buy, changed, touched, unfilmed
from tests.concert import SONG, Artifact
from tests.vendors import ShopVendor
from tests.video_fakes import write_colours

# From prompts to a film


def test_one_run_takes_a_song_to_its_film(cinema: Cinema) -> None:
    assert not cinema.film_plan().stale, "a data root may lie elsewhere than where it was rendered"
    assert not cinema.film_plan().stuck
    board = cinema.board()
    film = probe_video(cinema.object_of("final_video", SONG) / "film.mp4")
    assert film.n_frames == board.n_frames
    assert film.has_audio
    assert len(cinema.made()) == len(board.scenes)
    for scene in cinema.scenes():
        assert list(cinema.takes(scene)) == ["t01"]
        assert cinema.selected(scene).chosen_by == "rule"
    exports = cinema.root / "exports" / "films" / SONG
    sidecar = cinema.studio().store.find(str(cinema.object_of("deliverable", f"mp4|{SONG}").relative_to(cinema.root)))
    assert sidecar is not None
    assert "CC0-1.0" in sidecar.licence, "the terms of the takes follow them into the film"
    assert {path.name for path in exports.iterdir()} >= {f"{SONG}-mp4.mp4", f"{SONG}-mp4.srt", f"{SONG}-mp4.ass"}


def test_the_media_of_a_timeline_are_found_from_where_it_lies(cinema: Cinema) -> None:
    timeline, folder = cinema.timeline()
    urls = [clip.media_reference.target_url for clip in timeline.find_clips()]
    assert len(urls) == len(cinema.scenes()) + 1
    assert not [url for url in urls if url.startswith(("/", "file:"))]
    found = [(folder / unquote(url)).resolve() for url in urls]
    assert [path for path in found if not path.is_file() or not path.is_relative_to(cinema.root.resolve())] == []
    for path in folder.glob("timeline.[ef]*"):
        assert [url for url in urls if url not in path.read_text()] == []


def test_a_second_run_renders_nothing_and_dagster_calls_everything_fresh(
    shown: Cinema, instance: dg.DagsterInstance
) -> None:
    assert touched_by_runs(shown, instance) == set()
    assert not_fresh(shown, instance) == {}


def touched_by_runs(cinema: Cinema, instance: dg.DagsterInstance) -> set[str]:
    """As `touched`, by the jobs of music and film."""
    before = cinema.objects()
    assert cinema.run(instance).success
    assert cinema.film(instance).success
    assert not cinema.film_plan().stale
    return changed(before, cinema.objects())


def not_fresh(cinema: Cinema, instance: dg.DagsterInstance) -> dict[Artifact, str]:
    """What Dagster does not call fresh of the film, and what it calls it."""
    wanted = {recipe.asset: [event_key(key) for key in recipe.partitions()] for recipe in FILM.opened(cinema.studio())}
    return {where: status for where, status in cinema.statuses(instance, wanted).items() if status != "FRESH"}


def test_every_check_is_one_that_dagster_shows(cinema: Cinema) -> None:
    keys = {(key.asset_key.to_user_string(), key.name) for key in cinema.defs.resolve_asset_graph().asset_check_keys}
    for recipe in FILM.recipes:
        for ref in cinema.studio().store.refs(recipe.asset).all().values():
            sidecar = cinema.studio().store.find(ref.object)
            assert sidecar is not None
            assert {(recipe.asset, check.name) for check in sidecar.checks} <= keys


# What an edit touches


def test_another_prompt_renders_that_scene_and_what_follows(shown: Cinema, instance: dg.DagsterInstance) -> None:
    shown.add_scene("a red boat")
    n_before = len(shown.made())
    kinds = touched_by_runs(shown, instance)
    assert not_fresh(shown, instance) == {}
    assert len(shown.made()) == n_before + 1, "one take of one scene"
    assert kinds >= {"video/takes", "video/films", "exports/video"}
    assert "audio/vocal_segments" not in kinds
    changed = [scene for scene in shown.scenes() if len(shown.takes(scene)) == 2]
    assert len(changed) == 1
    takes = shown.takes(changed[0])
    assert [take.is_current for take in takes.values()] == [False, True], "the old take is kept"
    assert shown.selected(changed[0]).take == "t02"


def test_a_prompt_that_comes_back_finds_its_takes(cinema: Cinema) -> None:
    cinema.edit('"dreamy"', '"anime"')
    assert not cinema.render(MUSIC, SHOOTING)
    n_made = len(cinema.made())
    cinema.edit('"anime"', '"dreamy"')
    assert not cinema.render(MUSIC, SHOOTING)
    assert len(cinema.made()) == n_made
    for scene in cinema.scenes():
        assert [take.is_current for take in cinema.takes(scene).values()] == [True, False]
        assert cinema.selected(scene).take == "t01"


def test_more_takes_are_added_and_the_first_stay(cinema: Cinema) -> None:
    before = {scene: cinema.takes(scene)["t01"] for scene in cinema.scenes()}
    cinema.edit('title = "Harbour Light"', 'title = "Harbour Light"\nn_takes = 2')
    assert not cinema.render(MUSIC, SHOOTING)
    for scene in cinema.scenes():
        takes = cinema.takes(scene)
        assert list(takes) == ["t01", "t02"]
        assert takes["t01"] == before[scene]
        assert takes["t02"].content != takes["t01"].content


def test_another_choice_assembles_the_film_again_and_renders_no_take(cinema: Cinema) -> None:
    scene = cinema.scenes()[1]
    cinema.studio().takes.ask(scene, lambda before: before.with_number(2))
    assert not cinema.render(EDITING)
    n_made, film = len(cinema.made()), cinema.object_of("final_video", SONG)
    other = "t02" if cinema.selected(scene).take == "t01" else "t01"
    cinema.studio().takes.choose(scene, other, by="ada", note="better light")
    kinds = touched(cinema)
    assert kinds == {
        "video/selected_takes", "video/lipsynced_takes", "video/scene_clips", "video/films", "video/contact_sheets",
        "exports/timelines", "exports/video",
    }  # fmt: skip
    assert len(cinema.made()) == n_made
    assert cinema.object_of("final_video", SONG) != film
    assert (cinema.selected(scene).take, cinema.selected(scene).by) == (other, "ada")


def test_a_choice_locks(cinema: Cinema) -> None:
    scene = cinema.scenes()[0]
    cinema.studio().takes.choose(scene, "t01", by="ada")
    cinema.edit('"dreamy"', '"anime"')
    assert not cinema.render(MUSIC, EDITING)
    assert (cinema.selected(scene).take, cinema.selected(scene).chosen_by) == ("t01", "person")
    ref = cinema.studio().refs("selected_take").get(scene)
    assert ref is not None
    assert ref.failed_checks == ("selection_is_current",)
    timeline, _ = cinema.timeline()
    sha256 = timeline.find_clips()[0].metadata["audio_assets"]["prompt_sha256"]
    assert sha256 == cinema.takes(scene)["t01"].prompt_sha256 != cinema.takes(scene)["t02"].prompt_sha256
    cinema.studio().takes.choose(scene, None, by="ada")
    assert not cinema.render(SHOOTING)
    assert (cinema.selected(scene).take, cinema.selected(scene).chosen_by) == ("t02", "rule")


def test_a_remix_and_a_clip_of_the_studios_own_are_takes(cinema: Cinema, tmp_path: Path) -> None:
    scene = cinema.scenes()[0]
    clip = tmp_path / "own.mp4"
    write_colours(clip, "own", 640, 360, Fraction(24), 48)
    store = cinema.studio().store
    sha256 = store.write("take_clips/own.mp4", clip).sha256
    store.write(f"take_clips/{sha256}.mp4", clip)
    takes = cinema.studio().takes
    takes.ask(scene, lambda before: before.with_remix(RemixOrder("t01", "closer")))
    takes.ask(scene, lambda before: before.with_clip(AddedClip(sha256, ".mp4", "own.mp4")))
    assert not cinema.render(SHOOTING)
    found = cinema.takes(scene)
    assert [(take.origin, take.parent) for take in found.values()] == [
        ("generated", ""), ("remix", "t01"), ("added", ""),
    ]  # fmt: skip
    assert found["t02"].prompt.endswith("closer")
    cinema.studio().takes.choose(scene, "t03", by="ada")
    assert not cinema.render(EDITING)
    film = probe_video(cinema.object_of("final_video", SONG) / "film.mp4")
    assert film.n_frames == cinema.board().n_frames, "another size and length are fitted to the film"


# What fails


def test_a_take_that_fails_costs_no_other_scene(cinema: Cinema) -> None:
    n_made = len(cinema.made())
    cinema.edit('"dreamy"', '"anime"')
    cinema.add_scene("FAIL to draw")
    assert not cinema.render(MUSIC)
    assert cinema.render(EDITING)
    assert len(cinema.made()) == n_made + len(cinema.scenes()) - 1
    stuck = {(one.asset, one.state) for one in cinema.film_plan().stuck}
    assert ("scene_take", "failed") in stuck
    assert ("final_video", "waiting") in stuck
    reason = next(one.reason for one in cinema.film_plan().stuck if one.asset == "scene_take")
    assert reason == "no take could be made: this prompt can not be drawn: change it"


def test_a_take_that_may_succeed_later_is_tried_again(cinema: Cinema) -> None:
    cinema.add_scene("FLAKY")
    assert cinema.render()
    (cinema.easel / "mended").touch()
    assert not cinema.render(FILM)
    assert not cinema.film_plan().stale
    assert not cinema.film_plan().stuck


# What costs money


def test_takes_are_bought_once_and_a_run_over_the_cap_does_what_is_affordable(cinema: Cinema, shop: ShopVendor) -> None:
    n_scenes = len(cinema.scenes())
    buy(cinema, "1.00")
    assert not cinema.render(MUSIC)
    assert cinema.film_plan().estimated_usd == pytest.approx(0.40 * n_scenes)
    assert cinema.render(EDITING)
    assert len(shop.jobs()) == 2, "each costs 0.40: the third does not fit"
    reasons = [one.reason for one in cinema.film_plan().stuck if one.asset == "scene_take"]
    assert len(reasons) == n_scenes - 2
    assert all("budget" in reason for reason in reasons)
    cinema.render(EDITING)
    assert len(shop.jobs()) == 2, "nothing is tried that does not fit"
    cinema.edit("budget_cap_usd = 1.00", "budget_cap_usd = 20.0")
    assert not cinema.render(MUSIC, EDITING)
    assert len(shop.jobs()) == n_scenes
    costs = orjson.loads((cinema.object_of("cost_report", SONG) / "cost_report.json").read_bytes())
    assert costs["total"]["spent_usd"] == pytest.approx(0.40 * n_scenes)
    assert {take.cost_usd for scene in cinema.scenes() for take in cinema.takes(scene).values()} == {0.0, 0.4}


def test_what_a_cap_leaves_is_filmed_to_its_end_in_the_same_run(
    cinema: Cinema, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    clip = tmp_path / "bought.mp4"
    write_colours(clip, "bought", 320, 180, Fraction(12), 48)
    cinema.write("price_card.toml", PRICES)
    cinema.more = {"called": "shop", "shop": str(tmp_path / "shop.db"), "clip": str(clip)}
    unfilmed(cinema)
    buy(cinema, "1.00")
    assert cinema.run(instance).success
    assert not cinema.film(instance).success
    there = {recipe.asset: len(recipe.refs.all()) for recipe in FILM.opened(cinema.studio())}
    n_scenes, n_bought = len(cinema.scenes()), 2
    per_take = ("scene_take", "take_quality", "take_review", "selected_take", "lipsynced_take", "scene_clip")
    assert {asset: there[asset] for asset in per_take} == dict.fromkeys(per_take, n_bought)
    assert (there["vocal_segment"], there["scene_alignment"], there["final_video"]) == (n_scenes, n_scenes, 0)
    found = cinema.film_plan()
    assert not found.stale, "a second run has nothing to do"
    reasons = [one.reason for one in found.stuck if one.state == "failed"]
    assert len(reasons) == n_scenes - n_bought
    assert all("$0.80 spent, $0.00 held" in reason for reason in reasons), "as things stand, not as they stood"


def test_without_a_price_nothing_is_ordered(cinema: Cinema, shop: ShopVendor) -> None:
    cinema.write("price_card.toml", PRICES.replace("2020-01-01", "2999-01-01"))
    buy(cinema, "20.0")
    cinema.render(MUSIC, SHOOTING)
    assert shop.jobs() == []
    reason = next(one.reason for one in cinema.film_plan().stuck if one.asset == "scene_take")
    assert "has a price only from 2999-01-01" in reason


# What people say in the launchpad


def test_a_score_and_a_choice_from_the_launchpad(cinema: Cinema, instance: dg.DagsterInstance) -> None:
    launch.sync(instance, cinema.studio())
    scene = cinema.scenes()[0]
    said = {"take": "t01", "by": "ada", "user_score": 4.5, "note": "fine"}
    assert cinema.play("take_review", scene, instance, **said).success
    assert cinema.play("selected_take", scene, instance, take="t01", by="bo").success
    assert (cinema.selected(scene).take, cinema.selected(scene).by) == ("t01", "bo")
    (review,) = cinema.studio().takes.reviews(scene)
    assert (review.user_score, review.by) == (4.5, "ada")
    assert cinema.play("selected_take", scene, instance).success, "without a word the choice stays"
    assert cinema.selected(scene).by == "bo"


def test_a_wrong_word_in_the_launchpad_is_one_sentence(cinema: Cinema, instance: dg.DagsterInstance) -> None:
    launch.sync(instance, cinema.studio())
    scene = cinema.scenes()[0]
    result = cinema.play("selected_take", scene, instance, take="t09", by="bo")
    assert not result.success
    said = result.get_step_failure_events()[0].step_failure_data.user_failure_data
    assert said is not None, "Dagster shows a sentence, no trace"
    assert "this scene has no take 't09'" in (said.description or "")
    assert cinema.studio().takes.choices(scene) == ()
