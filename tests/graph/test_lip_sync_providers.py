"""Who moves a scene's mouth: whom the song or the studio names; who listens, and who follows; what makes it stale."""

import shutil
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import dagster as dg
import pytest

from audio_assets import launch
from audio_assets.batch import recorded_without
from audio_assets.checks import results
from audio_assets.domain import storyboard
from audio_assets.domain.action import Action
from audio_assets.domain.music.sung_mouth import SUNG_JAW
from audio_assets.domain.rendering import INTENDED
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.launch import FILM, MUSIC, Pipeline
from audio_assets.plan import Plan, Stale, Stuck, plan
from audio_assets.render import Outcome, render
from audio_assets.stages.performance import LipsyncedTake, lip_sync_is_free
from resources.budget_commands import set_cap
from resources.engines import heard_clip, scene_singing
from resources.http_client import client_of
from resources.video_files import VideoWriter, read_frames
from sensors.films import _free
from tests.cinema import Cinema
from tests.concert import SONG
from tests.graph.conftest import SIZE
from tests.lasting import lasting
from tests.mouths import DrawnVideo, HurriedSyncSo, PlainMouth, has_a_mouth, with_a_mouth
from tests.servers.serving import serving
from tests.servers.sync_so import KEY, SyncSoServer

ASSET = "lipsynced_take"
SUNG, SILENT, PLAIN = "s002|harbour", "s003|harbour", "s004|harbour"
SCENES = "".join(
    f'[[scenes]]\nat = "{at}"\nlip_sync = true\nlip_sync_method = "post_process"\n' for at in ("0:03", "0:07")
)
PRICES = """
[[prices]]
provider = "sync_so"
model = "lipsync-2"
usd_per_second = 0.05
valid_from = 2020-01-01
"""
TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture(scope="session")
def acted(tmp_path_factory: pytest.TempPathFactory, shot: Path) -> Path:
    """A folder with a data root like that of `shot`: two scenes are to be lip-synced, and all is made up to that."""
    home = tmp_path_factory.mktemp("acted")
    shutil.copytree(shot, home, dirs_exist_ok=True)
    with lasting(home) as patch:
        patch.setitem(storyboard.SIZES, "landscape", SIZE)
        cinema = Cinema(home / "studio")
        path = cinema.inbox / f"{SONG}.toml"
        path.write_text(path.read_text() + SCENES)
        assert not cinema.register().problems
        assert not cinema.render(MUSIC, Pipeline("", FILM.steps[: FILM.steps.index(LipsyncedTake)]))
    return home


@pytest.fixture
def stage(root: Path, acted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cinema:
    """A studio in which only the mouths are to be moved; our phonemes are followed without a model."""
    monkeypatch.setitem(storyboard.SIZES, "landscape", SIZE)
    shutil.copytree(acted / "studio", root, dirs_exist_ok=True)
    cinema = Cinema(root)
    shutil.copytree(acted / "easel", cinema.easel, dirs_exist_ok=True)
    cinema.register()
    cinema.beside = {"mouth_warp": PlainMouth(folder=str(tmp_path))}
    return cinema


@pytest.fixture
def vendor(stage: Cinema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncSoServer]:
    """sync.so is there, and has a price."""
    monkeypatch.setenv("SYNC_API_KEY", KEY)
    server = SyncSoServer(tmp_path / "sync_so.db", make=with_a_mouth, statuses=["COMPLETED"])
    stage.write("price_card.toml", PRICES)
    with serving(server.app()) as url:
        stage.beside = {**stage.beside, "sync_so": HurriedSyncSo(url=url)}
        yield server
    client_of.cache_clear()


def act(cinema: Cinema, *scenes: str) -> dict[str, Outcome]:
    """Render the mouths of these scenes, or of the one that is sung."""
    recipe = LipsyncedTake(cinema.studio())
    return {one.partition: one for one in render(recipe, scenes or (SUNG,), run_id="act")}


def name_provider(cinema: Cinema, name: str, fallback: str = "") -> None:
    more = f'lip_sync_fallback = "{fallback}"\n' if fallback else ""
    cinema.edit('title = "Harbour Light"', f'title = "Harbour Light"\nlip_sync_provider = "{name}"\n{more}')


def made(outcome: Outcome) -> Sidecar:
    assert outcome.failure is None
    assert outcome.sidecar is not None
    return outcome.sidecar


def refused(outcome: Outcome) -> str:
    assert outcome.failure is not None
    assert "\n" not in outcome.failure.reason
    return outcome.failure.reason


def clip(cinema: Cinema, scene: str = SUNG) -> Path:
    return cinema.object_of(ASSET, scene) / "clip.mp4"


def planned(cinema: Cinema, scene: str = SUNG) -> Stale | Stuck | None:
    found = plan(cinema.studio(), [LipsyncedTake(cinema.studio())])
    return next((one for one in [*found.stale, *found.stuck] if one.partition == scene), None)


def intended(cinema: Cinema) -> dg.AssetCheckResult:
    return next(one for one in results(LipsyncedTake(cinema.studio())) if one.check_name == INTENDED)


def key_of(scene: str) -> dg.MultiPartitionKey:
    name, song = scene.split("|")
    return dg.MultiPartitionKey({"scene": name, "song": song})


# --- Who follows our phonemes ----------------------------------------------------------------------------------------


def test_a_mouth_that_follows_phonemes_has_the_key_that_it_always_had(stage: Cinema) -> None:
    done = made(act(stage)[SUNG])
    take = stage.takes(SUNG)[stage.selected(SUNG).take or ""]
    alignment = stage.studio().store.refs("scene_alignment").get(SUNG)
    assert alignment is not None
    wanted = Action(
        "lipsynced_take", "1",
        {"engine": "plain mouth", "licence": "CC0-1.0", "singing_recipe": scene_singing.RECIPE,
         "jaw_exponent": SUNG_JAW},
        {"method": "post_process"}, {"take": take.content, "scene_alignment": alignment.content},
    )  # fmt: skip
    recipe = LipsyncedTake(stage.studio())
    assert recipe.describe(SUNG) == wanted
    assert [asset for asset, _ in recipe.needs(SUNG)] == ["selected_take", "scene_alignment"]
    assert set(done.sources) == {"selected_take", "take", "scene_alignment"}
    assert done.facts["method"] == "warp"
    assert {check.name for check in done.checks} == {"face_is_found", "face_is_steady", "has_every_frame"}


def test_songs_that_say_nothing_of_it_are_as_they_were(stage: Cinema) -> None:
    songs = stage.studio().songs
    record, treatments = songs.plan_record(SONG), {scene: songs.treatment(scene) for scene in stage.scenes()}
    assert not [name for name in record if name.startswith("lip_sync")]
    assert [name for name in treatments[SUNG] if name.startswith("lip_sync")] == ["lip_sync_method"]
    name_provider(stage, "wav2lip", "mouth_warp")
    songs = stage.studio().songs
    assert songs.plan_record(SONG) == record, "no storyboard is planned anew for it"
    assert songs.treatment(SUNG) == {**treatments[SUNG], "lip_sync_provider": "wav2lip"}
    assert songs.treatment(PLAIN) == treatments[PLAIN], "scenes without lip-sync do not care"


def test_a_drawn_mouth_is_drawn_anew_whoever_the_settings_name(stage: Cinema, vendor: SyncSoServer) -> None:
    stage.beside = {"sync_so": stage.beside["sync_so"], "animatic": DrawnVideo(folder=str(stage.easel))}
    for take in stage.root.glob("video/takes/*"):  # of the plain painter: drawn again, with a rig
        shutil.rmtree(take)
    for step in launch.FILM.recipes[: launch.FILM.recipes.index(launch.SelectedTake) + 1]:
        list(render(step(stage.studio()), [SUNG] if step.members_of else [], run_id="again"))
    name_provider(stage, "sync_so")
    facts = made(act(stage)[SUNG]).facts
    assert (facts["method"], facts["why"]) == (
        "sprites", "a drawn mouth is drawn anew from its rig, whoever moves those of filmed faces",
    )  # fmt: skip
    assert vendor.jobs() == []
    assert planned(stage) is None


# --- What Dagster sees -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize(("provider", "then"), [("mouth_warp", "FRESH"), ("sync_so", "STALE")])
def test_a_new_voice_makes_stale_who_listens_and_nobody_else(
    stage: Cinema, instance: dg.DagsterInstance, provider: str, then: str
) -> None:
    name_provider(stage, provider)
    launch.sync(instance, stage.studio())
    assert stage.play(ASSET, SUNG, instance).success
    assert stage.statuses(instance, {ASSET: [SUNG]}) == {(ASSET, SUNG): "FRESH"}
    tags = {"dagster/data_version": "other", "dagster/data_version_is_user_provided": "true"}
    instance.report_runless_asset_event(dg.AssetMaterialization("vocal_segment", partition=key_of(SUNG), tags=tags))
    assert stage.statuses(instance, {ASSET: [SUNG]}) == {(ASSET, SUNG): then}


def test_what_was_recorded_before_the_edge_is_recorded_anew_and_not_rendered(
    stage: Cinema, instance: dg.DagsterInstance
) -> None:
    launch.sync(instance, stage.studio())
    assert stage.play(ASSET, SUNG, instance).success
    alone, studio = Pipeline("", (LipsyncedTake,)), stage.studio()
    assert SUNG not in launch.order(instance, studio, Plan(), alone)[ASSET]
    (newest,) = instance.fetch_materializations(dg.AssetKey(ASSET), limit=1).records
    assert newest.asset_materialization is not None
    tags = {
        name: value
        for name, value in (newest.asset_materialization.tags or {}).items()
        if "vocal_segment" not in name and "partition" not in name
    }
    instance.report_runless_asset_event(dg.AssetMaterialization(ASSET, partition=key_of(SUNG), tags=tags))
    assert stage.statuses(instance, {ASSET: [SUNG]}) == {(ASSET, SUNG): "STALE"}
    assert recorded_without(instance, ASSET, "vocal_segment") == {SUNG}
    assert recorded_without(instance, ASSET, "selected_take") == set()
    assert recorded_without(instance, "scene_clip", "vocal_segment") == set()
    assert planned(stage) is None
    assert SUNG in launch.order(instance, studio, Plan(), alone)[ASSET]
    assert stage.play(ASSET, SUNG, instance).success
    assert stage.statuses(instance, {ASSET: [SUNG]}) == {(ASSET, SUNG): "FRESH"}
    assert len((stage.root.parent / "followed.log").read_text().split()) == 1
    assert SUNG not in launch.order(instance, studio, Plan(), alone)[ASSET]


# --- Who is asked elsewhere ------------------------------------------------------------------------------------------


def test_a_mouth_is_ordered_once_and_its_cost_is_kept(stage: Cinema, vendor: SyncSoServer) -> None:
    name_provider(stage, "sync_so")
    done = made(act(stage)[SUNG])
    (job,) = vendor.jobs()
    assert has_a_mouth(clip(stage))
    assert (done.facts["method"], done.facts["provider"], done.facts["job_id"]) == ("by_voice", "sync_so", job["id"])
    assert (done.facts["n_frames"], done.facts["n_changed"], done.cost_usd) == (48, 48, 0.096), (
        "48 frames, priced as 25 a second"
    )
    assert set(done.sources) == {"selected_take", "take", "scene_alignment", "vocal_segment"}
    assert "terms of sync.so" in done.licence
    assert {check.name: check.passed for check in done.checks} == dict.fromkeys(
        ("face_is_found", "face_is_steady", "has_every_frame"), True
    )
    (entry,) = stage.studio().ledger.entries(project=SONG)
    assert (entry.asset, entry.scene, entry.state, entry.actual_micro) == (ASSET, "s002", "settled", 96_000)
    assert act(stage)[SUNG].state == "cached"
    assert len(vendor.jobs()) == 1
    assert list((stage.root / "scratch").iterdir()) == []


@pytest.mark.usefixtures("vendor")
def test_what_it_hears_decides_and_not_which_phonemes_are_known(stage: Cinema) -> None:
    name_provider(stage, "sync_so")
    action = LipsyncedTake(stage.studio()).describe(SUNG)
    voice = stage.studio().store.refs("vocal_segment").get(SUNG)
    assert voice is not None
    assert set(action.inputs) == {"take", "vocal_segment"}, "other phonemes are no reason to pay again"
    assert action.inputs["vocal_segment"] == voice.content
    assert (action.provider["model"], action.provider["hearing_recipe"]) == ("lipsync-2", heard_clip.RECIPE)
    assert set(action.params) == {"method"}


def test_a_scene_in_which_nothing_is_sung_is_not_ordered(stage: Cinema, vendor: SyncSoServer) -> None:
    name_provider(stage, "sync_so")
    done = made(act(stage, SILENT)[SILENT])
    assert done.facts["why"] == "nothing is sung in this scene"
    assert "method" in made(act(stage, PLAIN)[PLAIN]).facts
    assert vendor.jobs() == []


def test_without_a_price_nothing_is_sent(stage: Cinema, vendor: SyncSoServer) -> None:
    stage.write("price_card.toml", PRICES.replace("valid_from = 2020-01-01", "valid_from = 2999-01-01"))
    name_provider(stage, "sync_so")
    assert refused(act(stage)[SUNG]).startswith(
        "nothing is ordered: sync_so lipsync-2 has a price only from 2999-01-01"
    )
    assert vendor.jobs() == []


def test_a_cap_stops_it(stage: Cinema, vendor: SyncSoServer) -> None:
    name_provider(stage, "sync_so")
    set_cap(stage.studio().ledger, "scene", SUNG, "0.09", by="a test")
    assert "$0.09" in refused(act(stage)[SUNG])
    assert vendor.jobs() == []


@pytest.mark.usefixtures("vendor")
def test_a_plan_says_what_a_mouth_costs(stage: Cinema) -> None:
    act(stage)
    assert planned(stage) is None
    name_provider(stage, "sync_so")
    entry = planned(stage)
    assert isinstance(entry, Stale)
    assert entry.estimated_usd == 0.096
    assert "engine plain mouth -> sync.so" in entry.causes
    other = planned(stage, SILENT)
    assert isinstance(other, Stale)


def test_a_result_that_is_shorter_is_taken_with_a_failed_check(
    stage: Cinema, vendor: SyncSoServer, tmp_path: Path
) -> None:
    vendor.make = lambda data, voice: first_frames(with_a_mouth(data, voice), 40, tmp_path)
    name_provider(stage, "sync_so")
    done = made(act(stage)[SUNG])
    assert (done.facts["n_frames"], done.facts["n_missing_frames"]) == (48, 8)
    assert [check.name for check in done.checks if not check.passed] == ["has_every_frame"]


def first_frames(data: bytes, n: int, folder: Path) -> bytes:
    (folder / "whole.mp4").write_bytes(data)
    width, height = map(int, SIZE.split("x"))
    with VideoWriter(folder / "short.mp4", width, height, Fraction(12)) as writer:
        for number, picture in enumerate(read_frames(folder / "whole.mp4")):
            if number < n:
                writer.write(picture)
    return (folder / "short.mp4").read_bytes()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda data, folder: first_frames(data, 20, folder), "lasts 1.67 s and the clip 4.00 s"),
        (lambda _data, _folder: b"no video", "the result is no video"),
    ],
)
def test_a_result_that_is_none_was_paid_and_is_never_ordered_again_unasked(
    stage: Cinema, vendor: SyncSoServer, tmp_path: Path, make: Callable[[bytes, Path], bytes], says: str
) -> None:
    vendor.make = lambda data, _voice: make(data, tmp_path)
    name_provider(stage, "sync_so")
    for _ in range(2):
        reason = refused(act(stage)[SUNG])
        assert says in reason
        assert "was paid ($0.096, entry 1" in reason
        assert "budget again 1" in reason
    assert len(vendor.jobs()) == 1


# --- Who stands in ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("vendor")
def test_without_a_key_it_is_one_sentence_and_nobody_stands_in_unasked(
    stage: Cinema, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SYNC_API_KEY")
    name_provider(stage, "sync_so")
    assert refused(act(stage)[SUNG]) == "sync_so needs a key: set SYNC_API_KEY in the environment"
    assert isinstance(planned(stage), Stuck)
    assert not (tmp_path / "followed.log").exists()
    monkeypatch.setenv("SYNC_API_KEY", KEY)
    assert isinstance(planned(stage), Stale)


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize("by", ["song", "studio"])
def test_the_named_stand_in_moves_the_mouth_and_gives_way(
    stage: Cinema, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.delenv("SYNC_API_KEY")
    if by == "studio":
        stage.write("providers.toml", '[fallback]\nlip_sync = "mouth_warp"\n')
    name_provider(stage, "sync_so", "mouth_warp" if by == "song" else "")
    outcome = act(stage)[SUNG]
    done = made(outcome)
    assert (outcome.state, done.facts["method"]) == ("stood_in", "warp")
    assert done.action["params"]["stands_in_for"] == "sync_so"
    assert "mouth_warp stands in: sync_so needs a key: set SYNC_API_KEY in the environment" in done.notes
    assert not intended(stage).passed
    monkeypatch.setenv("SYNC_API_KEY", KEY)
    made(act(stage)[SUNG])
    assert has_a_mouth(clip(stage))
    assert intended(stage).passed
    assert planned(stage) is None


def test_a_refusal_is_nobodys_to_stand_in_for(stage: Cinema, vendor: SyncSoServer) -> None:
    vendor.statuses, vendor.error, vendor.error_code = ["FAILED"], "no face", "generation_input_face_missing"
    name_provider(stage, "sync_so", "mouth_warp")
    reason = refused(act(stage)[SUNG])
    assert "failed: generation_input_face_missing: no face; nothing is billed" in reason


# --- Who works here --------------------------------------------------------------------------------------------------


def wav2lip(cinema: Cinema, word: str, use: str = "") -> None:
    model = cinema.root / "model.pth"
    model.write_text(word)
    cinema.write(
        "providers.toml",
        f'{use}[providers.wav2lip]\nfolder = "{TOOLS}/wav2lip"\npython = "{sys.executable}"\ncheckpoint = "{model}"\n'
        "pads = [0, 20, 0, 0]\n",
    )


def test_the_studios_own_tool_moves_the_mouth(stage: Cinema) -> None:
    wav2lip(stage, "works", '[use]\nlip_sync = "wav2lip"\n')
    done = made(act(stage)[SUNG])
    assert (done.facts["method"], done.facts["provider"], done.facts["n_frames"]) == ("by_voice", "wav2lip", 48)
    assert (done.action["provider"]["arguments"], done.facts["n_changed"]) == ("--pads 0 20 0 0", 48)
    assert "no commercial use" in done.licence
    assert list((stage.root / "scratch").iterdir()) == []
    assert act(stage)[SUNG].state == "cached"
    wav2lip(stage, "works\n", '[use]\nlip_sync = "wav2lip"\n')
    entry = planned(stage)
    assert isinstance(entry, Stale)
    assert entry.causes[0].startswith("checkpoint "), "another model, another mouth"


def test_a_tool_that_is_not_set_up_is_one_sentence_or_stood_in_for(stage: Cinema) -> None:
    name_provider(stage, "wav2lip")
    reason = refused(act(stage)[SUNG])
    assert reason.startswith("wav2lip is not set up: set folder under [providers.wav2lip] in providers.toml")
    entry = planned(stage)
    assert isinstance(entry, Stuck)
    stage.edit('lip_sync_provider = "wav2lip"', 'lip_sync_provider = "wav2lip"\nlip_sync_fallback = "mouth_warp"')
    assert made(act(stage)[SUNG]).action["params"]["stands_in_for"] == "wav2lip"
    wav2lip(stage, "no face")
    assert isinstance(planned(stage), Stale)


def test_a_tool_that_fails_is_one_sentence_and_costs_no_other_scene(stage: Cinema) -> None:
    wav2lip(stage, "no face")
    name_provider(stage, "wav2lip", "mouth_warp")
    found = act(stage, SUNG, SILENT)
    assert "wav2lip failed with exit code 1; it said: " in refused(found[SUNG])
    assert "Face not detected!" in refused(found[SUNG])
    assert found[SILENT].failure is None
    assert list((stage.root / "scratch").iterdir()) == []


def test_a_provider_that_nobody_knows_is_one_sentence(stage: Cinema) -> None:
    name_provider(stage, "wave2lip")
    reason = refused(act(stage)[SUNG])
    assert reason.startswith("there is no lip-sync provider 'wave2lip'; ")
    assert "wav2lip" in reason.removeprefix("there is no lip-sync provider 'wave2lip'; ")
    assert isinstance(planned(stage), Stuck)


# --- Who asks for money ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("vendor")
def test_only_mouths_that_cost_nothing_are_moved_unasked(stage: Cinema, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_free(name: str) -> bool:
        stage.write("providers.toml", f'[use]\nlip_sync = "{name}"\n')
        studio, wanted = stage.studio(), {ASSET: [SUNG]}
        assert studio.songs.is_free(SONG)
        found = lip_sync_is_free(studio, SONG)
        assert _free(studio, wanted) == (wanted if found else {})
        return found

    assert [is_free(name) for name in ("mouth_warp", "wav2lip", "sync_so", "nobody")] == [True, True, False, False]
    stage.write("price_card.toml", PRICES.replace("0.05", "0.0"))
    assert is_free("sync_so")
    monkeypatch.delenv("SYNC_API_KEY")
    assert not is_free("sync_so")
