"""Songs through the graph: what is rendered when, what an edit touches, what Dagster itself says of it."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import orjson
import pytest
import soundfile

from audio_assets import settings
from audio_assets.commands.dialogue_commands import retire
from audio_assets.commands.lineage_commands import collect
from audio_assets.commands.music_commands import analyze, read_request, remix
from audio_assets.domain.rendering import PermanentError
from audio_assets.render import render
from audio_assets.stages.song import SongAudio
from sensors.inbox import Cursor
from sensors.songs import songs_of, uploaded_songs
from tests.assembled import resources
from tests.concert import OF_SONGS, SONG, Concert
from tests.instances import copy_into, in_memory
from tests.lasting import lasting
from tests.servers.ace_step import AceStep
from tests.servers.serving import serving
from tests.tunes import tune
from tests.workflow_ticks import WorkflowTicks

PRESETS = """
[presets.anime]
text = "inked outlines, flat colours, speed lines"
"""


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dg.DagsterInstance]]:
    """A data root in which one song is analysed, planned and prompted, and who knows of it; tests work on copies."""
    home = tmp_path_factory.mktemp("analysed")
    with in_memory() as instance:
        with lasting(home):
            concert = Concert(home / "studio")
            concert.drop()
            assert not concert.register().problems
            assert concert.run(instance).success
        yield home / "studio", instance


@pytest.fixture
def concert(root: Path) -> Concert:
    """An empty studio."""
    return Concert(root)


@pytest.fixture
def played(root: Path, analysed: tuple[Path, dg.DagsterInstance]) -> Concert:
    """A studio whose song is analysed, unknown to Dagster so far."""
    shutil.copytree(analysed[0], root, dirs_exist_ok=True)
    concert = Concert(root)
    concert.register()
    return concert


@pytest.fixture
def heard(played: Concert, instance: dg.DagsterInstance, analysed: tuple[Path, dg.DagsterInstance]) -> Concert:
    """The same, and Dagster knows of it."""
    copy_into(instance, analysed[1])
    return played


# From a file to prompts


def test_one_run_takes_a_song_to_its_prompts(played: Concert) -> None:
    assert not played.plan().stale
    assert not played.plan().stuck
    board = played.board()
    assert (board.scenes[0].start_frame, board.scenes[-1].end_frame) == (0, board.n_frames)
    assert all(scene.n_frames <= 4 * 24 for scene in board.scenes)
    for asset in OF_SONGS:
        assert played.object_of(asset, SONG).is_dir()
    for scene in played.scenes():
        assert (played.object_of("scene_prompt", scene) / "prompt.txt").read_text()


def test_a_run_that_knows_all_artifacts_renders_none_of_them(played: Concert, instance: dg.DagsterInstance) -> None:
    before = played.objects()
    assert played.run(instance).success
    assert played.objects() == before
    assert not played.order(instance), "and Dagster has heard of every one"


def test_a_song_is_analysed_to_the_same_bytes_again(played: Concert, instance: dg.DagsterInstance) -> None:
    before = {asset: played.studio().store.refs(asset).get(SONG) for asset in OF_SONGS}
    for asset in OF_SONGS:
        shutil.rmtree(played.object_of(asset, SONG))
    assert {asset for asset, _ in played.stale()} >= set(OF_SONGS)
    assert played.run(instance).success
    assert {asset: played.studio().store.refs(asset).get(SONG) for asset in OF_SONGS} == before


def test_every_recorded_check_is_one_that_dagster_shows(played: Concert) -> None:
    keys = {(key.asset_key.to_user_string(), key.name) for key in played.defs.resolve_asset_graph().asset_check_keys}
    for asset in (*OF_SONGS, "scene_prompt"):
        for ref in played.studio().store.refs(asset).all().values():
            sidecar = played.studio().store.find(ref.object)
            assert sidecar is not None
            assert {(asset, check.name) for check in sidecar.checks} <= keys


# What an edit touches


def touched(concert: Concert, instance: dg.DagsterInstance) -> set[str]:
    """The assets of which the next run writes new objects."""
    before = concert.objects()
    assert concert.run(instance).success
    assert not concert.plan().stale
    return {Path(folder).parent.name for folder, at in concert.objects().items() if before.get(folder) != at}


def test_another_clip_length_plans_again_and_analyses_nothing(heard: Concert, instance: dg.DagsterInstance) -> None:
    heard.edit("clip_seconds = 4", "clip_seconds = 8")
    assert set(heard.stale()) >= {("storyboard", SONG)}
    assert heard.stale()["storyboard", SONG] == ("clip seconds 4 -> 8",)
    assert touched(heard, instance) <= {"storyboard", "scene_prompt"}
    assert 4 * 24 < max(scene.n_frames for scene in heard.board().scenes) <= 8 * 24


def test_a_preset_makes_stale_exactly_the_scenes_that_use_it(heard: Concert, instance: dg.DagsterInstance) -> None:
    anime = {scene for scene in heard.scenes() if heard.studio().songs.scene(scene)[1].style_preset == "anime"}
    assert len(anime) == 1
    heard.write("prompts.toml", PRESETS)
    assert set(heard.stale()) == {("scene_prompt", scene) for scene in anime}
    heard.run(instance, {})  # what a sensor's tick does: it reports the sources that changed
    wanted = {"scene_prompt": heard.scenes(), "storyboard": [SONG]}
    statuses = heard.statuses(instance, wanted)
    assert {key for key, status in statuses.items() if status == "STALE"} == {("scene_prompt", s) for s in anime}
    assert touched(heard, instance) == {"scene_prompt"}
    assert set(heard.statuses(instance, wanted).values()) == {"FRESH"}
    (scene,) = anime
    assert "speed lines" in (heard.object_of("scene_prompt", scene) / "prompt.txt").read_text()


def test_a_bible_touches_the_scenes_of_its_character(heard: Concert, instance: dg.DagsterInstance) -> None:
    cast = {scene for scene in heard.scenes() if "Ada" in heard.studio().songs.scene(scene)[1].characters}
    assert 0 < len(cast) < len(heard.scenes())
    heard.edit("freckles, grey eyes", "a scar over the brow")
    assert set(heard.stale()) == {("scene_prompt", scene) for scene in cast}
    assert touched(heard, instance) == {"scene_prompt"}


def test_lyrics_are_timed_anew_and_nothing_is_heard_again(heard: Concert, instance: dg.DagsterInstance) -> None:
    heard.edit("[00:10.00]Boat", "[00:11.00]Boat")
    assert touched(heard, instance) <= {"lyric_alignment", "sections", "storyboard", "scene_prompt"}


def test_a_title_or_nothing_at_all_leaves_the_analysis_alone(heard: Concert, instance: dg.DagsterInstance) -> None:
    heard.edit('"Harbour Light"', '"Harbour Lamp"')
    assert touched(heard, instance) <= {"storyboard", "scene_prompt"}
    assert touched(heard, instance) == set()


def test_fewer_scenes_leave_no_order_for_those_that_are_gone(heard: Concert, instance: dg.DagsterInstance) -> None:
    before = heard.scenes()
    heard.edit("clip_seconds = 4", "clip_seconds = 12")
    assert heard.run(instance).success
    assert len(heard.scenes()) < len(before)
    assert not heard.order(instance)
    assert not heard.plan().stuck


def test_everything_is_fresh_to_dagster_after_a_run(heard: Concert, instance: dg.DagsterInstance) -> None:
    sources = ("song_file", "song_lyrics", "song_settings")
    wanted = {asset: [SONG] for asset in (*sources, *OF_SONGS)}
    wanted |= {"scene_brief": heard.scenes(), "scene_prompt": heard.scenes()}
    statuses = heard.statuses(instance, wanted)
    assert set(statuses.values()) == {"FRESH"}, {key: said for key, said in statuses.items() if said != "FRESH"}


def test_a_partition_can_be_materialized_from_the_ui(heard: Concert, instance: dg.DagsterInstance) -> None:
    assert heard.materialize(instance, "beat_grid", SONG).success
    scene, song = heard.scenes()[2].split("|")
    key = dg.MultiPartitionKey({"scene": scene, "song": song})
    assert heard.materialize(instance, "scene_prompt", key).success
    materialized = instance.get_materialized_partitions(dg.AssetKey("scene_prompt"))
    assert materialized == set(heard.scenes())
    assert not heard.materialize(
        instance, "scene_prompt", dg.MultiPartitionKey({"scene": "s090", "song": song})
    ).success


# Mistakes


def test_more_scenes_than_slots_is_one_sentence_that_names_the_setting(
    played: Concert, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_SCENE_SLOTS", "3")
    settings.current.cache_clear()
    assert not played.run(instance).success
    reason = played.studio().store.failures("storyboard")[SONG].reason
    assert "AUDIO_ASSETS_SCENE_SLOTS" in reason
    assert "\n" not in reason


def test_a_typo_in_the_settings_holds_up_the_storyboard_alone(concert: Concert, instance: dg.DagsterInstance) -> None:
    concert.drop(settings="clip_second = 4", duration_s=12.0)
    (problem,) = concert.register().problems
    assert "clip_seconds" in problem
    assert "harbour.toml" in problem
    concert.run(instance)
    assert (concert.object_of("beat_grid", SONG) / "beat_grid.json").is_file()
    assert concert.studio().store.refs("storyboard").get(SONG) is None


def test_what_is_no_song_is_one_sentence_and_the_others_go_on(concert: Concert, instance: dg.DagsterInstance) -> None:
    files = [concert.drop(duration_s=12.0)]
    for name, data in (
        ("empty.wav", b""),
        ("text.mp3", b"this is no music\n" * 100),
        ("torn.flac", b"fLaC" + bytes(2000)),
    ):
        files.append(concert.inbox / name)
        files[-1].write_bytes(data)
    done = concert.register(*files)
    assert not done.errors
    assert not concert.run(instance).success
    assert concert.scenes()
    failures = concert.studio().store.failures("song_audio")
    assert set(failures) == {bad.stem for bad in files[1:]}
    for bad in files[1:]:
        reason = failures[bad.stem].reason
        assert bad.name in reason
        assert "\n" not in reason
        assert "Traceback" not in reason


def test_a_song_that_changes_under_our_hands_is_not_taken_for_the_registered_one(concert: Concert) -> None:
    path = concert.drop(duration_s=12.0)
    concert.register()
    path.write_bytes(path.read_bytes() + b"x")
    studio = concert.studio()
    (outcome,) = render(SongAudio(studio), [SONG], run_id="run")
    assert outcome.failure is not None
    assert "changed" in outcome.failure.reason
    assert not list(studio.settings.scratch.glob("*"))


def test_two_files_of_one_name_are_refused(concert: Concert) -> None:
    first = concert.drop(duration_s=12.0)
    second = first.with_suffix(".wav")
    second.write_bytes(first.read_bytes())
    done = concert.register(first, second)
    assert len(done.songs) == 1
    (error,) = done.errors
    assert "rename" in error


def test_a_link_out_of_the_inbox_is_refused(concert: Concert, tmp_path: Path) -> None:
    outside = tmp_path / "secret.flac"
    outside.write_bytes(concert.drop(duration_s=12.0).read_bytes())
    link = concert.inbox / "link.flac"
    link.symlink_to(outside)
    done = concert.register(link)
    assert not done.songs
    assert "link" in done.errors[0]


@pytest.mark.parametrize("suffix", [".toml", ".lrc"])
def test_what_lies_beside_a_song_is_no_link_out_of_its_folder(concert: Concert, tmp_path: Path, suffix: str) -> None:
    song = concert.drop(settings="", duration_s=12.0)
    outside = tmp_path / "secret"
    outside.write_text("title = 'secret'" if suffix == ".toml" else "[00:01.00]secret")
    song.with_suffix(suffix).unlink(missing_ok=True)
    song.with_suffix(suffix).symlink_to(outside)
    (problem,) = concert.register(song).problems
    assert "link out of its folder" in problem
    assert "secret" not in concert.studio().songs.record(SONG).settings + concert.studio().songs.record(SONG).lyrics


# The sensor


class Ticks:
    """The sensor as the daemon runs it: each tick begins with the cursor that the last one left."""

    def __init__(self, instance: dg.DagsterInstance, concert: Concert) -> None:
        self.instance, self.concert, self.cursor = instance, concert, ""

    def tick(self) -> dict[str, list[str]]:
        """The order of the tick's request, nothing where it asks for none."""

        studio = {"studio": resources()["studio"]}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor or None, resources=studio) as context:
            data = uploaded_songs.evaluate_tick(context)
        self.cursor = data.cursor or ""
        assert len(data.run_requests) <= 1
        ops = data.run_requests[0].run_config["ops"] if data.run_requests else {}
        return {name.removeprefix("render_"): entry["config"]["partition_keys"] for name, entry in ops.items()}

    def look_again(self) -> None:
        self.cursor = replace(Cursor.parse(self.cursor), planned_at=0.0).dump()


def test_a_dropped_song_becomes_one_run_once_it_has_settled(concert: Concert, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(instance, concert)
    assert not ticks.tick()
    concert.drop(duration_s=12.0)
    assert not ticks.tick(), "it may still be growing"
    order = ticks.tick()
    assert set(order) >= {*OF_SONGS, "scene_prompt", "scene_brief"}
    assert all(keys == [SONG] for keys in order.values())
    assert concert.run(instance, order).success
    assert concert.scenes()
    ticks.look_again()
    assert not ticks.tick()
    assert not concert.plan().stale


def test_an_edit_beside_a_song_asks_for_what_it_touches(heard: Concert, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(instance, heard)
    for _ in range(3):
        assert not ticks.tick()
    path = heard.inbox / "harbour.toml"
    path.write_text(path.read_text().replace("clip_seconds = 4", "clip_seconds = 12"))
    assert not ticks.tick()
    order = ticks.tick()
    assert set(order) == {"storyboard", "scene_brief", "scene_prompt"}, "the tick itself has recorded the settings"
    assert not ticks.tick(), "it has asked"


def test_an_edited_preset_asks_for_its_scenes_alone(heard: Concert, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(instance, heard)
    for _ in range(3):
        assert not ticks.tick()
    changes = WorkflowTicks(heard, instance)
    changes.settle()
    heard.write("prompts.toml", PRESETS)
    order = {asset: len(keys) for asset, keys in changes.order().items()}
    assert order["scene_prompt"] == 1
    assert not ticks.tick()
    assert not ticks.tick()


def test_a_storyboard_whose_sidecar_is_empty_or_torn_is_rendered_again(heard: Concert) -> None:
    sidecar = heard.object_of("storyboard", SONG) / "sidecar.json"
    for torn in (b"", sidecar.read_bytes()[:200]):
        sidecar.write_bytes(torn)
        assert heard.stale()["storyboard", SONG] == ("its files are gone",)


def test_a_price_touches_the_storyboard_and_nothing_that_follows(heard: Concert) -> None:
    row = '[[prices]]\nprovider = "animatic"\nmodel = "animatic"\nusd_per_second = 0.5\nvalid_from = 2020-01-01\n'
    before = heard.objects()
    heard.write("price_card.toml", row)
    assert heard.stale() == {("storyboard", SONG): ("price note drawn on this machine -> ", "price usd 0.0 -> 0.5")}
    (entry,) = heard.plan().stale
    assert (entry.kinds, entry.is_certain) == ({"price"}, True)
    assert heard.objects() == before, "a plan tries, and keeps nothing"


def test_what_lies_beside_a_song_concerns_the_songs_of_its_folder() -> None:
    inbox = ["/in/a/one.mp3", "/in/a/one.toml", "/in/b/two.ogg"]
    assert songs_of(["/in/a/one.toml"], inbox) == [Path("/in/a/one.mp3")]
    assert songs_of(["/in/b/two.ogg"], inbox) == [Path("/in/b/two.ogg")]
    assert songs_of([], inbox) == []


# The command


@pytest.mark.usefixtures("light_dagster")
def test_the_command_analyses_without_a_daemon(played: Concert) -> None:
    done = analyze([played.inbox / "harbour.flac"], render=True, retry_failed=False, is_quiet=True)
    assert not done.has_failures
    assert not done.run.rendered
    (song,) = orjson.loads(orjson.dumps(done.as_json()))["songs"]
    assert song["song"] == SONG
    assert abs(song["beat_grid"]["bpm"] - 120) < 0.5
    assert {"beats", "downbeats", "tempo_curve", "confidence"} <= set(song["beat_grid"])
    assert song["energy_curve"][0].keys() == {"time", "energy"}
    assert {"name", "start_time", "end_time", "type", "label"} <= set(song["sections"][0])
    assert "120" in done.as_text()


@pytest.mark.usefixtures("light_dagster")
def test_a_failed_plan_is_not_called_up_to_date(played: Concert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_SCENE_SLOTS", "1")
    settings.current.cache_clear()
    text = analyze([played.inbox / f"{SONG}.flac"], render=True, retry_failed=False, is_quiet=True).as_text()
    assert "AUDIO_ASSETS_SCENE_SLOTS" in text
    assert "up to date" not in text


@pytest.mark.usefixtures("light_dagster")
def test_the_command_remixes_a_registered_song(played: Concert) -> None:
    request = {"scene_id": "pier", "target_style": "lofi", "source_track": SONG}
    made = remix(request, None, "the options")
    assert Path(made["artifact"]).is_file()
    assert made["cached"] is False
    assert remix(request, None, "the options")["cached"] is True
    assert "exports/music/" in made["artifact"]
    sidecar = orjson.loads(Path(made["sidecar"]).read_bytes())
    assert set(sidecar["action"]["inputs"]) == {"song_audio", "beat_grid"}
    assert not played.plan().stale


@pytest.mark.usefixtures("light_dagster")
def test_a_registered_song_goes_elsewhere_with_its_tempo_and_under_its_cap(played: Concert, tmp_path: Path) -> None:
    server = AceStep(tmp_path / "tasks.db", tune(24.0))
    row = '[[prices]]\nprovider = "ace_step"\nmodel = "*"\nusd_per_request = {}\nvalid_from = 2020-01-01\n'
    played.write("price_card.toml", row.format(0.25))
    played.edit("clip_seconds = 4", "clip_seconds = 4\nbudget_cap_usd = 0.20")
    request = {"scene_id": "pier", "target_style": "lofi", "source_track": SONG, "provider": "ace_step"}
    with serving(server.app) as url:
        played.write("providers.toml", f'[providers.ace_step]\nurl = "{url}"\n')
        with pytest.raises(PermanentError, match=r"the budget of 'harbour' is \$0.20"):
            remix(request, None, "the options")
        assert server.tasks == []
        played.write("price_card.toml", row.format(0.15))
        made = remix(request, None, "the options")
    (task,) = server.tasks
    assert (task["task_type"], task["bpm"], task["time_signature"]) == ("cover", 120, "4")
    song = played.inbox / f"{SONG}.flac"
    assert task["source"] == hashlib.sha256(song.read_bytes()).hexdigest()
    assert task["audio_duration"] == pytest.approx(soundfile.info(song).duration, abs=0.001)
    sidecar = orjson.loads(Path(made["sidecar"]).read_bytes())
    assert set(sidecar["action"]["inputs"]) == {"song_audio"}
    assert (sidecar["cost_usd"], played.studio().ledger.entries(project=SONG)[-1].state) == (0.15, "settled")
    assert [one for one in played.plan().stale if one.asset == "music_remix"] == []


def test_a_remix_of_nothing_known_is_one_sentence(played: Concert) -> None:
    with pytest.raises(ValueError, match="neither a file nor a registered song"):
        remix({"scene_id": "pier", "target_style": "lofi", "source_track": "absent.wav"}, None, "the options")
    with pytest.raises(ValueError, match="style"):
        remix({"scene_id": "pier", "target_style": "polka"}, None, "the options")
    assert not list((played.root / "remixes").glob("*"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [("r.json", "[1, 2]", "holds no object"), ("r.json", "{,}", "not JSON"), ("r.toml", "a = ", "not TOML"),
     ("r.yaml", "a: 1", "ends in .json or .toml")],
)  # fmt: skip
def test_a_broken_request_is_one_sentence_that_names_its_file(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=says) as error:
        read_request(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_a_retired_song_leaves_with_its_scenes_and_comes_back_from_the_cache(
    heard: Concert, instance: dg.DagsterInstance
) -> None:
    before = heard.objects()
    assert retire(SONG) == 1
    assert not heard.studio().songs.scene_partitions()
    assert not heard.plan().stale
    heard.register()
    assert heard.run(instance).success
    assert heard.objects() == before
    assert retire(SONG) == 1
    assert collect(is_dry=False, keep_days=0)["objects"] == len(before)
    assert heard.objects() == {}
