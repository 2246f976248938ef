import shutil

import pytest

from audio_assets.backfilling import Selection
from audio_assets.commands.backfill_commands import plan_text
from audio_assets.plan import Plan
from audio_assets.stages.lipsync import LipSync
from audio_assets.stages.mix import DialogueMix
from audio_assets.stages.speech import Alignment, VoiceLine
from audio_assets.stale_plan import up_to_date
from tests.fakes import ToneSpeech
from tests.house import CAST, GOOD, HARBOUR, LAMP, LATE, LINE_ASSETS, NIGHT, PLAY, SEA, SO, Artifact, House


@pytest.fixture
def rendered(house: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which everything is up to date: rendered once, then copied."""
    kept = tmp_path_factory.getbasetemp() / "rendered"
    if not kept.exists():
        house.write("lexicon.toml", '[en]\nwharf = "worf"\n')
        house.register()
        house.render()
        assert not house.plan().stale
        shutil.copytree(house.root, kept)
    shutil.copytree(kept, house.root, dirs_exist_ok=True)
    return house


def voice_cause(house: House, text: str) -> str:
    return "; ".join(house.stale()["voice_line", house.line(text)])


def stuck(found: Plan) -> dict[Artifact, str]:
    return {(entry.asset, entry.partition): entry.state for entry in found.stuck}


def test_before_the_first_render_everything_is_new(house: House) -> None:
    house.register()
    assert set(house.stale()) == {*house.line_artifacts(GOOD, LATE, SO, LAMP, SEA), *mixes(HARBOUR, NIGHT)}
    assert set(house.stale().values()) == {("new",)}


def test_after_a_render_nothing_is_stale(rendered: House) -> None:
    found = rendered.plan()
    assert (found.stale, found.stuck, found.n_current) == ([], [], 17)


def test_a_plan_writes_nothing(house: House) -> None:
    house.register(PLAY.replace(LATE, "Now FAIL."))
    house.render()
    house.write("cast.toml", CAST + "speed = 0.9\n")
    before = house.tree()
    assert house.plan().stale
    assert house.plan(retry_failed=True).stale
    assert house.tree() == before


# One change, exactly what it touches, and why


def mixes(*partitions: str) -> set[Artifact]:
    return {("dialogue_mix", partition) for partition in partitions}


def test_a_changed_text(rendered: House) -> None:
    rendered.register(PLAY.replace(LATE, "The boat is very late."))
    assert set(rendered.stale()) == {*rendered.line_artifacts("The boat is very late."), *mixes(HARBOUR)}
    assert voice_cause(rendered, "The boat is very late.") == f"text {LATE} -> The boat is very late."
    key = rendered.line("The boat is very late.")
    assert rendered.stale()["alignment", key] == ("voice_line renders again",)
    said = (f"{key} text {LATE} -> The boat is very late.", f"voice_line {key} renders again")
    assert rendered.stale()["dialogue_mix", HARBOUR] == said


def test_a_word_of_the_lexicon(rendered: House) -> None:
    rendered.write("lexicon.toml", '[en]\nwharf = "wof"\nlamp = "laamp"\n')
    assert set(rendered.stale()) == {*rendered.line_artifacts(LAMP), *mixes(NIGHT)}
    cause = voice_cause(rendered, LAMP)
    assert cause.startswith("pronunciations")
    assert "laamp" in cause


def test_a_characters_speed(rendered: House) -> None:
    rendered.write("cast.toml", CAST + "speed = 0.9\n")
    assert set(rendered.stale()) == {*rendered.line_artifacts(LATE, LAMP), *mixes(HARBOUR, NIGHT)}
    assert voice_cause(rendered, LATE) == "speed 1.0 -> 0.9"


def test_a_characters_voice(rendered: House) -> None:
    rendered.write("cast.toml", CAST.replace("af_bella", "am_adam"))
    assert set(rendered.stale()) == {*rendered.line_artifacts(GOOD, SO), *mixes(HARBOUR)}
    assert "am_adam" in voice_cause(rendered, GOOD)


def test_a_characters_gain_touches_only_the_mix(rendered: House) -> None:
    rendered.write("cast.toml", CAST + "gain_db = -3.0\n")
    assert set(rendered.stale()) == mixes(HARBOUR, NIGHT)
    (cause,) = rendered.stale()["dialogue_mix", HARBOUR]
    assert "gain" in cause
    assert "-3.0" in cause


def test_the_frame_rate_of_mouths_touches_only_mouths(rendered: House) -> None:
    rendered.write("cast.toml", CAST + "[mouth]\nfps = 30\n")
    assert {asset for asset, _ in rendered.stale()} == {"lipsync"}
    assert rendered.stale()["lipsync", rendered.line(GOOD)] == ("frame rate 24 -> 30",)


def test_another_model_of_the_engine_speaks_every_line_again(rendered: House) -> None:
    rendered.overrides["kokoro"] = ToneSpeech(engine="kokoro", folder=str(rendered.engines), model="tones 2")
    assert {key for key in rendered.stale() if key[0] == "voice_line"} == {
        ("voice_line", rendered.line(text)) for text in (GOOD, LATE, SO, LAMP, SEA)
    }
    assert voice_cause(rendered, GOOD) == "model tones 1 -> tones 2"


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("target_lufs = -20.0\n", "target lufs"),
        ("true_peak_db = -3.0\n", "true peak db"),
        ("channels = 1\n", "n channels"),
        ("[pauses]\nsentence = 2.0\n", "sentence"),
    ],
)
def test_a_setting_of_the_mix_touches_every_mix_and_nothing_else(rendered: House, setting: str, named: str) -> None:
    rendered.write("mix.toml", setting)
    assert set(rendered.stale()) == mixes(HARBOUR, NIGHT)
    assert named in "; ".join(rendered.stale()["dialogue_mix", NIGHT])


def test_a_deleted_line_touches_only_its_mix(rendered: House) -> None:
    gone = rendered.line(SO)
    rendered.register(PLAY.replace(f"Anna: {SO}\n", ""))
    assert set(rendered.stale()) == mixes(HARBOUR)
    assert f"{gone} is gone" in "; ".join(rendered.stale()["dialogue_mix", HARBOUR])
    assert gone not in rendered.studio().dialogue.cues


def test_an_inserted_line_touches_itself_and_its_mix(rendered: House) -> None:
    rendered.register(PLAY.replace(f"Bo: {LATE}", f"Bo: Indeed.\nBo: {LATE}"))
    assert set(rendered.stale()) == {*rendered.line_artifacts("Indeed."), *mixes(HARBOUR)}
    assert rendered.stale()["voice_line", rendered.line("Indeed.")] == ("new",)


def test_lines_in_another_order_touch_only_their_mix(rendered: House) -> None:
    swapped = PLAY.replace(GOOD, "@").replace(SO, GOOD).replace("@", SO)
    rendered.register(swapped)
    assert set(rendered.stale()) == mixes(HARBOUR)
    assert "order" in " ".join(rendered.stale()["dialogue_mix", HARBOUR]) or "lines" in " ".join(
        rendered.stale()["dialogue_mix", HARBOUR]
    )


def test_a_comment_in_the_script_touches_nothing(rendered: House) -> None:
    rendered.register("# the first act\n" + PLAY)
    assert not rendered.stale()


def test_an_unchanged_registration_is_the_same_bytes(rendered: House) -> None:
    before = (rendered.root / "scripts" / "play.json").read_bytes()
    rendered.register()
    assert (rendered.root / "scripts" / "play.json").read_bytes() == before


def test_the_plan_and_the_render_agree(rendered: House) -> None:
    rendered.register(PLAY.replace(GOOD, "Good evening."))
    rendered.write("cast.toml", CAST + "gain_db = -3.0\n")
    wanted = set(rendered.stale())
    outcomes = {(asset, outcome.partition): outcome.state for asset, outcome in rendered.render("next")}
    assert {artifact for artifact, state in outcomes.items() if state == "rendered"} == wanted


def test_what_is_stale_for_the_same_is_one_line(rendered: House) -> None:
    rendered.write("cast.toml", CAST + "speed = 0.9\n")
    shown = plan_text(rendered.plan()).splitlines()
    late, lamp = rendered.line(LATE), rendered.line(LAMP)
    again = "renders again (if it comes out different)"
    assert [" ".join(line.split()) for line in shown[:-1]] == [
        f"voice_line 2 speed 1.0 -> 0.9: {late}, {lamp}",
        f"alignment 2 voice_line {again}: {late}, {lamp}",
        f"lipsync 2 alignment {again}: {late}, {lamp}",
        f"dialogue_mix 2 voice_line {again}: {HARBOUR}, {NIGHT}",
    ]


def test_what_the_store_has_already_costs_nothing(rendered: House) -> None:
    rendered.write("cast.toml", CAST + "speed = 0.9\n")
    dear = [entry for entry in rendered.plan().stale if entry.is_certain]
    assert [(entry.is_in_store, entry.estimated_s > 0) for entry in dear] == [(False, True)] * 2
    rendered.render("slower")
    rendered.write("cast.toml", CAST)
    found = rendered.plan()
    back = {entry.partition: entry for entry in found.stale if entry.asset == "voice_line"}
    assert {(entry.is_in_store, entry.estimated_s) for entry in back.values()} == {(True, 0.0)}
    assert "; 2 already in the store;" in plan_text(found)
    assert "take 2 from the store" in Selection(tuple(found.stale)).would(accept=False)
    late = rendered.line(LATE)
    folder = rendered.root / VoiceLine.folder / rendered.recipe(VoiceLine).describe(late).key
    (folder / "out.wav").write_bytes(b"cut")
    torn = {entry.partition for entry in rendered.plan().stale if entry.is_in_store}
    assert torn == back.keys() - {late}


# What is gone


@pytest.mark.parametrize("asset", [*LINE_ASSETS, "dialogue_mix"])
def test_a_deleted_object_is_stale(rendered: House, asset: str) -> None:
    partition = HARBOUR if asset == "dialogue_mix" else rendered.line(GOOD)
    for path in rendered.object_of(asset, partition).iterdir():
        path.unlink()
    assert rendered.stale()[asset, partition] == ("its files are gone",)
    rendered.render("next")
    assert not rendered.stale()


@pytest.mark.parametrize("asset", [*LINE_ASSETS, "dialogue_mix"])
@pytest.mark.parametrize("damage", ["delete", "truncate"])
def test_one_file_that_is_gone_or_cut_is_stale(
    rendered: House, asset: str, damage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.store._told", set())
    partition = HARBOUR if asset == "dialogue_mix" else rendered.line(GOOD)
    name = {"voice_line": "out.wav", "dialogue_mix": "mix.wav"}.get(asset, f"{asset}.json")
    path = rendered.object_of(asset, partition) / name
    whole = path.read_bytes()
    path.unlink() if damage == "delete" else path.write_bytes(whole[:100])
    assert rendered.stale()[asset, partition] == ("its files are gone",)
    assert not caplog.messages, "a plan says it, and that is enough"
    rendered.render("next")
    assert path.read_bytes() == whole
    assert not rendered.stale()


def test_what_another_process_has_looked_at_counts_as_much(rendered: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.whole_objects._MANY", 1)
    assert not rendered.stale()
    (rendered.object_of("lipsync", rendered.line(GOOD)) / "lipsync.json").unlink()
    assert rendered.stale() == {("lipsync", rendered.line(GOOD)): ("its files are gone",)}


def test_a_published_file_that_is_gone_comes_back_with_the_next_render(rendered: House) -> None:
    path = rendered.object_of("voice_line", rendered.line(GOOD)) / "lipsync.json"
    path.unlink()
    rendered.render("next", kinds=[LipSync])
    assert path.exists()


# What is stuck


def test_a_failed_partition_is_failed_with_its_reason_and_its_descendants_wait(house: House) -> None:
    house.register(PLAY.replace(LATE, "Now FAIL."))
    house.render()
    bad = house.line("Now FAIL.")
    found = house.plan()
    assert not found.stale
    assert stuck(found) == {
        ("voice_line", bad): "failed",
        ("alignment", bad): "waiting",
        ("lipsync", bad): "waiting",
        ("dialogue_mix", HARBOUR): "waiting",
    }
    reasons = {entry.asset: entry.reason for entry in found.stuck}
    assert "can not say FAIL" in reasons["voice_line"]
    assert "voice_line" in reasons["alignment"]
    assert bad in reasons["dialogue_mix"]
    (check,) = up_to_date(found, ["voice_line"])
    assert check.passed, "it was never there"
    house.register(PLAY.replace(LATE, "Now fine."))
    house.render("2")
    house.register(PLAY.replace(LATE, "Now FAIL."))
    house.render("3")
    (check,) = up_to_date(house.plan(), ["voice_line"])
    assert not check.passed
    assert "they fail: " in str(check.description)


def test_retry_failed_counts_them_as_stale(house: House) -> None:
    house.register(PLAY.replace(LATE, "Now FAIL."))
    house.render()
    found = house.plan(retry_failed=True)
    assert {(entry.asset, entry.partition) for entry in found.stale} == {
        *house.line_artifacts("Now FAIL."),
        *mixes(HARBOUR),
    }
    assert not found.stuck


def test_an_edit_of_a_failed_line_makes_it_stale_again(house: House) -> None:
    house.register(PLAY.replace(LATE, "The boat is FAIL."))
    house.render()
    bad = house.line("The boat is FAIL.")
    house.register()
    assert house.line(LATE) == bad
    assert set(house.stale()) == {*house.line_artifacts(LATE), *mixes(HARBOUR)}


def test_a_transient_failure_is_stale_until_it_was_tried_three_times(house: House) -> None:
    house.register("Anna: So FLAKY.\n")
    key = house.line("So FLAKY.")
    for attempt in (1, 2):
        house.render(str(attempt))
        assert ("voice_line", key) in house.stale()
    house.render("3")
    assert stuck(house.plan())["voice_line", key] == "failed"
    assert ("voice_line", key) in {(e.asset, e.partition) for e in house.plan(retry_failed=True).stale}


def test_a_voice_that_the_cast_gets_wrong_costs_that_characters_lines_only(house: House) -> None:
    house.write("cast.toml", CAST.replace("am_michael", "am_nobody"))
    house.register()
    found = house.plan()
    failed = {artifact for artifact, state in stuck(found).items() if state == "failed"}
    assert failed == {("voice_line", house.line(LATE)), ("voice_line", house.line(LAMP))}
    assert "am_nobody" in found.stuck[0].reason
    assert {(e.asset, e.partition) for e in found.stale} == house.line_artifacts(GOOD, SO, SEA)


def test_a_broken_mix_toml_costs_the_mixes_only(rendered: House) -> None:
    rendered.write("mix.toml", "target_lufs = 'loud'\n")
    rendered.register(PLAY.replace(LATE, "The boat is very late."))
    found = rendered.plan()
    assert {(e.asset, e.partition) for e in found.stale} >= rendered.line_artifacts("The boat is very late.")
    outcomes = rendered.render("next")
    failed = {(asset, outcome.partition) for asset, outcome in outcomes if outcome.failure}
    assert failed == mixes(HARBOUR, NIGHT)
    found = rendered.plan()
    assert not found.stale
    assert {a for a, state in stuck(found).items() if state == "failed"} == mixes(HARBOUR, NIGHT)
    assert "mix.toml" in found.stuck[0].reason


def test_a_blocked_voice_is_current_and_its_descendants_wait(house: House) -> None:
    house.register("Anna: SILENT night.\n")
    house.render()
    found = house.plan()
    assert not found.stale
    assert {asset: state for (asset, _), state in stuck(found).items()} == {
        "alignment": "waiting",
        "lipsync": "waiting",
        "dialogue_mix": "waiting",
    }


def test_stages_stand_in_the_order_of_a_run_and_work_is_estimated(house: House) -> None:
    house.register()
    found = house.plan()
    assert list(found.keys()) == [stage.asset for stage in (VoiceLine, Alignment, LipSync, DialogueMix)]
    assert found.counts() == {"voice_line": 5, "alignment": 5, "lipsync": 5, "dialogue_mix": 2}
    assert found.as_json()["n_stale"] == len(found.stale) == 17
    assert found.estimated_s > 0
