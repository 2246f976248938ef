import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from audio_assets import settings
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, WAV
from audio_assets.domain.schemas.records import Sidecar, StoredFile
from audio_assets.render import Outcome, render
from audio_assets.stages.lipsync import LipSync
from audio_assets.stages.mix import DialogueMix
from audio_assets.stages.speech import Alignment, VoiceLine
from resources.store import SIDECAR, ArtifactStore
from tests.fakes import spoken
from tests.house import GOOD, HARBOUR, LATE, LINE_ASSETS, NIGHT, PLAY, SEA, House

STAGES = (VoiceLine, Alignment, LipSync, DialogueMix)


class NextVoiceLine(VoiceLine):
    """New code that speaks the same bytes."""

    code_version = "next"


def states(outcomes: list[tuple[str, Outcome]]) -> dict[tuple[str, str], str]:
    return {(asset, outcome.partition): outcome.state for asset, outcome in outcomes}


def states_of(house: House, *texts: str, run_id: str = "run") -> dict[str, str]:
    """A render of everything; the states of the voices that say `texts`."""
    keys = {house.line(text): text for text in texts}
    found = states(house.render(run_id))
    return {keys[key]: state for (asset, key), state in found.items() if asset == "voice_line" and key in keys}


def assert_all_whole(house: House) -> None:
    """Every object that a ref names has each file as its sidecar says, byte for byte."""
    store = house.studio().store
    for recipe in STAGES:
        for partition, ref in store.refs(recipe.asset).all().items():
            sidecar = store.find(ref.object)
            assert sidecar is not None, f"{recipe.asset} of {partition} points at {ref.object}, which is not whole"
            assert (sidecar.action_key, sidecar.content) == (ref.action_key, ref.content)
            for name in sidecar.files:
                store.read_file(ref.object, name, sidecar)


# Rendering once


def test_everything_is_rendered_once_then_a_second_render_touches_no_file(house: House) -> None:
    house.register()
    assert set(states(house.render()).values()) == {"rendered"}
    before, calls = house.tree(), spoken(house.engines)
    assert set(states(house.render("again")).values()) == {"cached"}
    assert house.tree() == before
    assert spoken(house.engines) == calls
    assert_all_whole(house)


def test_two_partitions_that_ask_for_the_same_action_share_one_render(house: House) -> None:
    house.register("== a ==\nAnna: Yes.\n== b ==\nAnna: Yes.\n")
    voices = [outcome for asset, outcome in house.render() if asset == "voice_line"]
    assert spoken(house.engines) == ["Yes."]
    assert sorted(voice.state for voice in voices) == ["cached", "rendered"]
    assert len({voice.folder for voice in voices}) == 1
    assert set(house.studio().store.refs("voice_line").all()) == {voice.partition for voice in voices}


def test_a_partition_that_is_named_twice_is_rendered_once(house: House) -> None:
    house.register()
    key = house.line(GOOD)
    outcomes = list(render(house.recipe(VoiceLine), [key, key], run_id="run"))
    assert [outcome.state for outcome in outcomes] == ["rendered"]


def test_worker_processes_render_the_same_bytes_as_this_process(
    rendered: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = {
        name: found[0] for name, found in rendered.tree().items() if name.endswith((WAV, ALIGNMENT, LIPSYNC, "mix.wav"))
    }
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("AUDIO_ASSETS_DATA", str(other))
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "2")
    settings.current.cache_clear()
    (other / "cast.toml").write_bytes((rendered.root / "cast.toml").read_bytes())
    there = House(other, rendered.engines)
    there.register()
    there.render()
    assert {name: found[0] for name, found in there.tree().items() if name in here} == here


# Failures


@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_failing_partition_never_costs_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", workers)
    settings.current.cache_clear()
    house.register(PLAY.replace(LATE, "Now FAIL."))
    bad = house.line("Now FAIL.")
    found = states(house.render())
    failed = {artifact for artifact, state in found.items() if state == "failed"}
    assert failed == {*((asset, bad) for asset in LINE_ASSETS), ("dialogue_mix", HARBOUR)}
    assert set(found.values()) == {"rendered", "failed"}
    assert house.studio().store.refs("voice_line").get(bad) is None


def test_a_failure_is_kept_with_its_kind_and_reason_counted_and_cleared(house: House) -> None:
    house.register(PLAY.replace(LATE, "So FLAKY."))
    key = house.line("So FLAKY.")
    store = house.studio().store
    for attempt in (1, 2):
        house.render(f"run {attempt}")
        failure = store.failure("voice_line", key)
        assert failure is not None
        assert (failure.kind, failure.attempts, failure.run_id) == ("transient", attempt, f"run {attempt}")
        assert "flaky" in failure.reason
    waiting = store.failure("alignment", key)
    assert waiting is not None
    assert waiting.kind == "upstream"
    (house.engines / "mended").touch()
    house.render("run 3")
    assert not any(store.failures(stage.asset) for stage in STAGES)
    assert not house.plan().stale


def test_attempts_count_from_one_for_another_request(house: House) -> None:
    house.register("Anna: FAIL one.\n")
    house.render("1")
    house.render("2")
    key = house.line("FAIL one.")
    house.register("Anna: FAIL two.\n")
    assert house.line("FAIL two.") == key
    house.render("3")
    failure = house.studio().store.failure("voice_line", key)
    assert failure is not None
    assert (failure.kind, failure.attempts) == ("permanent", 1)


def test_a_worker_that_dies_costs_a_retry_and_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "2")
    settings.current.cache_clear()
    house.register(PLAY.replace(LATE, "So DIE."))
    for _ in range(2):  # the second time it is alone
        house.render()
        failures = house.studio().store.failures("voice_line")
        assert set(failures) == {house.line("So DIE.")}
    failure = failures[house.line("So DIE.")]
    assert (failure.kind, failure.attempts) == ("transient", 2)
    assert "worker process died" in failure.reason


def test_a_blocking_check_holds_back_that_partitions_descendants_only(house: House) -> None:
    house.register(PLAY.replace(SEA, "All is SILENT."))
    quiet = house.line("All is SILENT.")
    found = states(house.render())
    assert found["voice_line", quiet] == "rendered"
    failed = {artifact for artifact, state in found.items() if state == "failed"}
    assert failed == {("alignment", quiet), ("lipsync", quiet), ("dialogue_mix", NIGHT)}
    ref = house.studio().store.refs("voice_line").get(quiet)
    assert ref is not None
    assert ref.is_blocked
    assert "not_silent" in ref.failed_checks
    reason = house.studio().store.failures("alignment")[quiet].reason
    assert "not_silent" in reason


def test_a_full_disk_costs_the_partition_that_met_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.register()
    commit = ArtifactStore.commit
    met: list[str] = []

    def full_once(self: ArtifactStore, folder: str, files: Mapping[str, StoredFile], sidecar: Sidecar) -> None:
        if not met:
            met.append(folder)
            raise OSError(28, "No space left on device")
        commit(self, folder, files, sidecar)

    monkeypatch.setattr(ArtifactStore, "commit", full_once)
    studio = house.studio()
    recipe = VoiceLine(studio)
    outcomes = list(render(recipe, recipe.partitions(), run_id="run"))
    assert sorted(outcome.state for outcome in outcomes) == ["failed", *["rendered"] * 4]


# Damage and crashes


@pytest.mark.parametrize("name", [WAV, "speech.json", "picture.png", SIDECAR])
@pytest.mark.parametrize("damage", ["delete", "truncate"])
def test_a_voice_that_lost_a_file_is_no_hit_and_rendered_again(rendered: House, name: str, damage: str) -> None:
    path = rendered.object_of("voice_line", rendered.line(GOOD)) / name
    whole = path.read_bytes()
    path.unlink() if damage == "delete" else path.write_bytes(whole[: len(whole) // 2])
    assert states_of(rendered, GOOD, LATE) == {GOOD: "rendered", LATE: "cached"}
    if name != SIDECAR:  # that one tells when it was rendered
        assert path.read_bytes() == whole
    assert_all_whole(rendered)


@pytest.mark.parametrize("kind", [VoiceLine, Alignment, LipSync])
def test_damage_of_the_same_size_is_found_when_the_bytes_are_read_and_mended_by_the_next_run(
    house: House, kind: type[VoiceLine]
) -> None:
    house.register()
    house.render(kinds=STAGES[: STAGES.index(kind) + 1])
    name = {VoiceLine: WAV, Alignment: ALIGNMENT, LipSync: LIPSYNC}[kind]
    path = house.object_of(kind.asset, house.line(GOOD)) / name
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    first = states(house.render("first"))
    others = {state for (_, key), state in first.items() if key not in (house.line(GOOD), HARBOUR)}
    assert others <= {"rendered", "cached"}
    house.render("second")
    assert path.read_bytes() == whole
    assert set(states(house.render("third")).values()) == {"cached"}
    store = house.studio().store
    assert not [store.failures(stage.asset) for stage in STAGES if store.failures(stage.asset)]


def test_a_crash_between_the_files_and_the_sidecar_leaves_no_hit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.register()

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "commit", crash)
        with pytest.raises(KeyboardInterrupt):
            house.render("killed")
    assert list(house.root.rglob(WAV))
    assert not list(house.root.rglob(SIDECAR))
    assert not house.studio().store.refs("voice_line").all()
    assert set(states(house.render("next")).values()) == {"rendered"}
    assert_all_whole(house)


def test_a_crash_between_the_sidecar_and_the_ref_is_a_hit_for_the_next_run(rendered: House) -> None:
    for ref in (rendered.root / "refs").rglob("*.json"):
        ref.unlink()
    calls = spoken(rendered.engines)
    assert set(states(rendered.render("next")).values()) == {"cached"}
    assert spoken(rendered.engines) == calls
    assert not rendered.plan().stale


def test_a_torn_ref_is_written_anew(rendered: House) -> None:
    path = rendered.root / "refs" / "voice_line" / f"{rendered.line(GOOD)}.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert ("voice_line", rendered.line(GOOD)) in rendered.stale()
    rendered.render("next")
    assert path.read_bytes() == whole


# Early cutoff, and what is published where


def published_equal_the_current_objects(house: House) -> bool:
    return all(
        (house.object_of("voice_line", key) / name).read_bytes() == (house.object_of(asset, key) / name).read_bytes()
        for key in house.studio().dialogue.cues
        for asset, name in (("alignment", ALIGNMENT), ("lipsync", LIPSYNC))
    )


def test_alignment_and_mouth_are_published_beside_the_voice(rendered: House) -> None:
    assert published_equal_the_current_objects(rendered)


def test_new_code_that_speaks_the_same_bytes_makes_nothing_else_stale(rendered: House) -> None:
    old = rendered.object_of("voice_line", rendered.line(GOOD))
    stages = (NextVoiceLine, Alignment, LipSync, DialogueMix)
    rendered.render("next", kinds=[NextVoiceLine])
    new = rendered.object_of("voice_line", rendered.line(GOOD))
    assert new != old
    assert not rendered.plan(stages).stale
    assert published_equal_the_current_objects(rendered)


def test_a_new_aligner_publishes_its_times_into_the_same_voice(house: House) -> None:
    house.write("cast.toml", '[narrator]\nengine = "espeak"\nvoice = "en-us"\n')
    house.register("Good morning.\n")
    house.render()
    voice = house.object_of("voice_line", house.line(GOOD))
    wav, times = voice / WAV, (voice / ALIGNMENT).read_bytes()
    before = (wav.read_bytes(), wav.stat().st_mtime_ns)
    house.overrides["pocketsphinx"] = house.overrides["pocketsphinx"].model_copy(update={"model": "even 2"})
    assert {asset for asset, _ in house.stale()} == {"alignment", "lipsync"}
    outcomes = states(house.render("next"))
    assert outcomes["alignment", house.line(GOOD)] == "rendered"
    assert (wav.read_bytes(), wav.stat().st_mtime_ns) == before
    assert (voice / ALIGNMENT).read_bytes() == times  # the same times by another name
    assert published_equal_the_current_objects(house)


def test_a_text_that_returns_to_what_it_was_finds_its_old_voice_with_its_times(rendered: House) -> None:
    rendered.register(PLAY.replace(GOOD, "Good evening."))
    rendered.render("evening")
    rendered.register()
    calls = spoken(rendered.engines)
    assert set(states(rendered.render("morning")).values()) == {"cached"}
    assert spoken(rendered.engines) == calls
    assert published_equal_the_current_objects(rendered)


def test_a_sidecar_names_inputs_licence_and_where_its_line_files_are(rendered: House) -> None:
    store = rendered.studio().store
    key = rendered.line(GOOD)
    voice, times = rendered.object_of("voice_line", key), rendered.object_of("alignment", key)
    voice_sidecar = store.find(os.path.relpath(voice, rendered.root))
    times_sidecar = store.find(os.path.relpath(times, rendered.root))
    assert voice_sidecar is not None
    assert times_sidecar is not None
    assert voice_sidecar.licence == "CC0-1.0"
    assert voice_sidecar.published == {"alignment": ALIGNMENT, "lipsync": LIPSYNC}
    assert voice_sidecar.action["params"]["text"] == GOOD
    assert times_sidecar.sources == {"voice_line": os.path.relpath(voice, rendered.root)}
    assert times_sidecar.action["inputs"] == {"voice_line": voice_sidecar.content}


def test_every_setting_of_mix_toml_reaches_the_mix(rendered: House) -> None:
    rendered.write("mix.toml", "true_peak_db = -18.0\nsample_rate = 24000\nchannels = 1\ntarget_lufs = -16.0\n")
    rendered.render("next")
    sidecar = rendered.studio().store.find(os.path.relpath(rendered.object_of("dialogue_mix", HARBOUR), rendered.root))
    assert sidecar is not None
    assert sidecar.facts["sample_rate_hz"] == 24_000
    assert sidecar.facts["true_peak_db"] <= -17.9


def test_a_mix_never_takes_up_a_damaged_voice(rendered: House) -> None:
    path = rendered.object_of("voice_line", rendered.line(GOOD)) / WAV
    whole = path.read_bytes()
    path.write_bytes(whole[:44] + bytes(len(whole) - 44))
    rendered.write("mix.toml", "channels = 1\n")
    rendered.render("first")
    rendered.render("second")
    assert path.read_bytes() == whole
    mixed = rendered.object_of("dialogue_mix", HARBOUR) / "mix.wav"
    (rendered.root / "audio" / "mixes").rename(rendered.root / "audio" / "set aside")
    rendered.render("from good voices")
    assert mixed.read_bytes() == (rendered.root / "audio" / "set aside" / mixed.parent.name / mixed.name).read_bytes()


def test_a_remote_store_holds_the_same_artifacts(rendered: House) -> None:
    """Bytes go through obstore alone; a mix gets its sources as copies."""
    local = rendered.studio().store
    rendered.overrides["store"] = remote = ArtifactStore(url="memory:///")
    rendered.register()
    assert set(states(rendered.render()).values()) == {"rendered"}
    assert set(states(rendered.render("again")).values()) == {"cached"}
    assert not rendered.plan().stale
    for stage in STAGES:
        refs = local.refs(stage.asset).all()
        assert remote.refs(stage.asset).all() == refs
        for ref in refs.values():
            sidecar = remote.find(ref.object)
            assert sidecar is not None
            for name in sidecar.files:
                assert remote.read_file(ref.object, name, sidecar) == local.read(f"{ref.object}/{name}")
