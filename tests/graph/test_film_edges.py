"""Takes and film where something is missing, damaged, changed halfway, retired or cleaned up."""

import getpass
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from audio_assets.cli import main
from audio_assets.commands.backfill_commands import plan_text
from audio_assets.domain.money_text import dollars
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas.take_requests import RemixOrder
from audio_assets.launch import MUSIC, recipes
from audio_assets.lineage.collecting import Leftovers, delete_leftovers, find_leftovers
from audio_assets.render import render
from audio_assets.stages.takes import TakeQuality
from tests.cinema import EDITING, SHOOTING, Cinema, buy, touched
from tests.concert import SONG
from tests.vendors import ShopVendor


def stale(cinema: Cinema, asset: str) -> dict[str, str]:
    """Why partitions of an asset are stale."""
    return {one.partition: "; ".join(one.causes) for one in cinema.film_plan().stale if one.asset == asset}


def append(cinema: Cinema, text: str) -> None:
    """Write more into the song's settings, without registering them."""
    path = cinema.inbox / f"{SONG}.toml"
    path.write_text(f"{path.read_text()}\n{text}")


# Scenes that meet


def test_a_dissolve_follows_the_scene_that_it_comes_out_of(cinema: Cinema) -> None:
    append(cinema, '[film]\ntransition = "dissolve"\nsection_transition = "dissolve"\n')
    cinema.register()
    first, second, third = cinema.scenes()[:3]
    cinema.studio().takes.ask(first, lambda before: before.with_number(2))
    assert not cinema.render(MUSIC, EDITING)
    clips = {scene: cinema.object_of("scene_clip", scene) for scene in (first, second, third)}
    cinema.studio().takes.choose(first, "t02" if cinema.selected(first).take == "t01" else "t01", by="ada")
    assert not cinema.render(EDITING)
    assert set(cinema.film_plan().counts()) == {"deliverable"}, "one run, after which nothing of it is stale"
    assert cinema.object_of("scene_clip", first) != clips[first]
    assert cinema.object_of("scene_clip", second) != clips[second], "it begins with the other's picture"
    assert cinema.object_of("scene_clip", third) == clips[third]


# What is not there


def test_a_measure_that_failed_is_made_up_for(cinema: Cinema) -> None:
    scene = cinema.scenes()[0]
    whole = cinema.object_of("take_quality", scene)
    shutil.rmtree(cinema.root / "video" / "take_measures")
    assert "t01 is there true -> false" in stale(cinema, "take_quality")[scene]
    (outcome,) = render(TakeQuality(cinema.studio()), [scene], run_id="r")
    assert outcome.state == "cached", "measured anew, the record is the one of before"
    assert cinema.object_of("take_quality", scene) == whole
    assert scene not in stale(cinema, "take_quality")


def test_a_damaged_prompt_is_one_sentence_and_costs_no_other_scene(cinema: Cinema) -> None:
    scene = cinema.scenes()[0]
    path = cinema.object_of("scene_prompt", scene) / "prompt.json"
    path.write_bytes(b"?" * path.stat().st_size)
    stuck = {one.partition: one.reason for one in cinema.film_plan().stuck if one.asset == "scene_take"}
    assert set(stuck) == {scene}
    assert "scene_prompt" in stuck[scene]
    assert "damaged" in stuck[scene]
    assert scene in {one.partition for one in cinema.plan().stale}, "the music's next run writes it again"


def test_an_exported_file_that_somebody_deleted_is_put_back(cinema: Cinema) -> None:
    (cinema.root / "exports" / "films" / SONG / f"{SONG}-mp4.srt").unlink()
    assert stale(cinema, "deliverable") == {f"mp4|{SONG}": f"exports/films/{SONG}/{SONG}-mp4.srt is gone"}


def test_a_grade_that_is_not_there_or_was_changed_is_said(cinema: Cinema) -> None:
    append(cinema, '[film]\nlut = "warm.cube"\n')
    assert cinema.register().problems
    scene = cinema.scenes()[0]
    with pytest.raises(PermanentError, match=r"warm\.cube, the grade, is no file beside the song"):
        cinema.studio().songs.treatment(scene)
    lut = cinema.inbox / "warm.cube"
    lut.write_text("LUT_3D_SIZE 2\n" + "0 0 0\n" * 8)
    assert not cinema.register().problems
    assert cinema.studio().songs.grade(SONG) == lut.read_bytes()
    lut.write_text("LUT_3D_SIZE 2\n" + "1 1 1\n" * 8)
    with pytest.raises(PermanentError, match="was changed"):
        cinema.studio().songs.grade(SONG)


def test_a_reference_image_that_is_not_there_stops_its_scenes_alone(cinema: Cinema) -> None:
    append(cinema, '[characters.Ada]\nreference_image = "ada.png"\n[[scenes]]\nat = "0:05"\ncharacters = ["Ada"]\n')
    assert cinema.register().problems
    assert not cinema.render(MUSIC)
    hers = [scene for scene in cinema.scenes() if cinema.studio().songs.scene(scene)[1].characters]
    stuck = {one.partition: one.reason for one in cinema.film_plan().stuck if one.asset == "scene_take"}
    assert len(hers) == 1
    assert list(stuck) == hers
    assert "ada.png, the reference image of Ada, is no file beside the song" in stuck[hers[0]]


def test_a_mouth_that_nobody_moves_is_said(cinema: Cinema) -> None:
    before = {scene: cinema.object_of("scene_clip", scene) for scene in cinema.scenes()}
    append(cinema, '[[scenes]]\nat = "0:05"\nlip_sync = true\nlip_sync_method = "native"\n')
    assert not cinema.register().problems
    assert not cinema.render(MUSIC, EDITING)
    (scene,) = [key for key in cinema.scenes() if cinema.studio().songs.treatment(key)["lip_sync_method"]]
    sidecar = cinema.studio().store.find(f"video/lipsynced_takes/{cinema.object_of('lipsynced_take', scene).name}")
    assert sidecar is not None
    assert sidecar.facts["why"] == "animatic moves no mouths: set lip_sync_method to post_process"
    assert cinema.object_of("scene_clip", scene) == before[scene], "the same clip is not conformed again"


# What people ask for


def test_a_remix_of_an_earlier_prompt_is_not_made_again(cinema: Cinema) -> None:
    scene = cinema.scenes()[0]
    cinema.studio().takes.ask(scene, lambda before: before.with_remix(RemixOrder("t01", "closer")))
    assert not cinema.render(MUSIC, SHOOTING)
    cinema.studio().takes.ask(scene, lambda before: before.with_remix(RemixOrder("t02", "closer still")))
    assert not cinema.render(MUSIC, SHOOTING)
    assert [take.parent for take in cinema.takes(scene).values()] == ["", "t01", "t02"]
    n_made = len(cinema.made())
    cinema.edit('"dreamy"', '"anime"')
    assert not cinema.render(MUSIC, SHOOTING)
    assert len(cinema.made()) == n_made + len(cinema.scenes())
    assert [take.is_current for take in cinema.takes(scene).values()] == [False, False, False, True]


def test_nobody_knows_who_types(cinema: Cinema, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    for words in (["budget", "set", "day", "5"], ["take", "select", SONG, cinema.scenes()[0].partition("|")[0], "t01"]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2, done.output
        assert "say it with --by" in done.output


def test_a_clip_whose_name_is_no_text_is_refused(cinema: Cinema, tmp_path: Path) -> None:
    clip = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    clip.write_bytes(b"")
    done = CliRunner().invoke(main, ["take", "add", SONG, cinema.scenes()[0].partition("|")[0], str(clip)])
    assert done.exit_code == 2, done.output
    assert "rename the file" in done.output


# Who is paid


def test_between_settings_and_storyboard_the_dearer_of_both_counts(cinema: Cinema, shop: ShopVendor) -> None:
    scene = cinema.scenes()[0]
    n_made = len(cinema.made())
    assert cinema.studio().songs.is_free(SONG)
    buy(cinema, "20.0")
    assert not cinema.studio().songs.is_free(SONG)
    assert not cinema.render(MUSIC)
    assert plan_text(cinema.film_plan()).endswith(f"and {dollars(0.4 * len(cinema.scenes()))}")
    cinema.edit('video_provider = "shop"\nvideo_model = "clip-1"\n', "")
    studio = cinema.studio()
    assert not studio.songs.is_free(SONG), "its storyboard still orders from the shop"
    assert all(take.estimated_usd > 0 for take in studio.takes.wanted(scene))
    cinema.more = {}
    assert not cinema.render(MUSIC)
    assert cinema.studio().songs.is_free(SONG)
    assert not cinema.render(EDITING)
    assert (shop.jobs(), len(cinema.made())) == ([], n_made), "back at the animatic nothing is bought, nor drawn again"


# What is cleaned up


def leftovers(cinema: Cinema) -> Leftovers:
    studio = cinema.studio()
    return find_leftovers(studio, recipes(studio))


def test_a_clean_up_leaves_takes_and_all_that_a_film_needs(cinema: Cinema) -> None:
    assert not leftovers(cinema).files, "nothing names the place where the root lay before"
    cinema.edit('"dreamy"', '"anime"')
    touched(cinema)
    found = leftovers(cinema)
    assert found.objects
    assert not [path for path in found.files if path.startswith(("video/takes/", "take_clips/", "exports/films/"))]
    delete_leftovers(cinema.studio(), found)
    assert not cinema.film_plan().stale
    assert len(list((cinema.root / "video" / "takes").iterdir())) == 2 * len(cinema.scenes())
    assert leftovers(cinema) == Leftovers((), (), (), 0)


def test_of_a_retired_song_its_takes_and_words_stay(cinema: Cinema) -> None:
    scene = cinema.scenes()[0]
    cinema.studio().takes.choose(scene, "t01", by="ada")
    (cinema.root / "scratch").mkdir(exist_ok=True)
    old, new = cinema.root / "scratch" / "old.mp4", cinema.root / "scratch" / "new.mp4"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1.0, 1.0))
    assert CliRunner().invoke(main, ["retire", SONG]).exit_code == 0
    done = CliRunner().invoke(main, ["gc", "--keep-days", "0"])
    assert done.exit_code == 0, done.output
    kept = {path.relative_to(cinema.root).parts[0] for path in cinema.root.rglob("*.*") if path.is_file()}
    assert not list((cinema.root / "exports").rglob("*.mp4"))
    left = [path.relative_to(cinema.root) for path in (cinema.root / "video").rglob("*.mp4")]
    chosen = cinema.studio().takes.slot(scene, "t01")
    assert [str(path.parent) for path in left] == [f"video/takes/{chosen.key}"], "the one that ada chose"
    assert [path.name for path in (cinema.root / "takes").iterdir()] == [f"{scene.replace('|', '+')}.json"]
    assert {"take_choices", "takes", "inbox"} <= kept
    assert not list((cinema.root / "refs").rglob("*.json"))
    assert (old.exists(), new.exists()) == (False, True), "what is in the making is left alone"


def test_exported_files_of_a_format_that_is_no_more_asked_for_go(cinema: Cinema) -> None:
    folder = cinema.root / "exports" / "films" / SONG
    (folder / f"{SONG}-webm.webm").write_bytes(b"as it was")
    (folder / f"{SONG}-webm-poster.jpg").write_bytes(b"as it was")
    (folder / "notes.txt").write_text("my own")
    stays = {path.name for path in folder.iterdir()} - {f"{SONG}-webm.webm", f"{SONG}-webm-poster.jpg"}
    delete_leftovers(cinema.studio(), leftovers(cinema))
    assert {path.name for path in folder.iterdir()} == stays


def test_a_clean_up_waits_for_settings_that_can_be_read(cinema: Cinema) -> None:
    path = cinema.inbox / f"{SONG}.toml"
    path.write_text("n_takes = many\n")
    cinema.register()
    done = CliRunner().invoke(main, ["gc", "--keep-days", "0"])
    assert done.exit_code == 2, done.output
    assert len(done.output.strip().splitlines()) == 1
    assert list((cinema.root / "exports" / "films").rglob("*.mp4"))
