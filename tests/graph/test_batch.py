from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pytest

from audio_assets import batch, launch, settings
from audio_assets.batch import Failed, Recorder
from audio_assets.domain.rendering import INTENDED
from audio_assets.launch import run_config
from audio_assets.render import render
from audio_assets.stages.speech import VoiceLine
from tests.fakes import ToneSpeech, spoken
from tests.house import CAST, GOOD, HARBOUR, LAMP, LATE, LINE_ASSETS, NIGHT, PLAY, SEA, SO, Artifact, House
from tests.instances import in_memory

LINES = ("dialogue_line", *LINE_ASSETS)
MIXES = ("cue_sheet", "dialogue_mix")
VERSION, CODE = "dagster/data_version", "dagster/code_version"
MAX_EVENT_BYTES = 8_192


def materializations(instance: dg.DagsterInstance, asset: str) -> list[dg.EventLogRecord]:
    """Every event of an asset, newest first."""
    return list(instance.fetch_materializations(dg.AssetKey(asset), limit=5000).records)


def newest(instance: dg.DagsterInstance, asset: str, partition: str) -> dg.AssetMaterialization:
    """The newest materialization of a partition."""
    found = [r for r in materializations(instance, asset) if r.partition_key == partition]
    assert found, f"Dagster has no event of {asset} {partition}"
    event = found[0].asset_materialization
    assert event is not None
    return event


def tags_of(instance: dg.DagsterInstance, asset: str, partition: str) -> Mapping[str, str]:
    return newest(instance, asset, partition).tags or {}


def not_fresh(house: House, instance: dg.DagsterInstance, *assets: str) -> dict[Artifact, str]:
    return {artifact: status for artifact, status in house.statuses(instance, assets).items() if status != "FRESH"}


def of_line(key: str) -> dict[Artifact, str]:
    """What is stale in Dagster once it has heard of a changed line, mixes apart."""
    return dict.fromkeys([(asset, key) for asset in LINE_ASSETS], "STALE")


def assert_same_as_refs(house: House, instance: dg.DagsterInstance) -> None:
    """Dagster's version of every rendered partition is the content of its ref."""
    for asset in (*LINE_ASSETS, "dialogue_mix"):
        refs = house.studio().store.refs(asset).all()
        assert set(instance.get_materialized_partitions(dg.AssetKey(asset))) == set(refs)
        for partition, ref in refs.items():
            assert tags_of(instance, asset, partition)[VERSION] == ref.content


# One run, any keys


def test_one_run_over_scattered_keys_of_two_partition_sets(house: House, instance: dg.DagsterInstance) -> None:
    house.register()
    house.sync(instance)
    keys = [house.line(GOOD), house.line(SO), house.line(SEA)]  # first, third, fifth
    wanted = dict.fromkeys(LINES, keys) | {"cue_sheet": [HARBOUR]}
    assert house.run(instance, wanted).success
    for asset in LINES:
        assert set(instance.get_materialized_partitions(dg.AssetKey(asset))) == set(keys)
    assert set(instance.get_materialized_partitions(dg.AssetKey("cue_sheet"))) == {HARBOUR}
    assert spoken(house.engines) == [GOOD, SO, SEA]
    assert len(instance.get_runs()) == 1


def test_everything_in_one_run_and_every_partition_has_one_event(known: House, instance: dg.DagsterInstance) -> None:
    assert len(instance.get_runs()) == 1
    for asset, n in {**dict.fromkeys(LINES, 5), **dict.fromkeys(MIXES, 2)}.items():
        assert len(materializations(instance, asset)) == n
    assert_same_as_refs(known, instance)
    assert not known.order(instance)


def test_every_event_names_its_version_its_code_and_its_inputs(known: House, instance: dg.DagsterInstance) -> None:
    studio, key = known.studio(), known.line(GOOD)
    content = {asset: studio.store.refs(asset).get(key) for asset in LINE_ASSETS}
    line_version = studio.dialogue.line_version(key)
    inputs: dict[str, dict[str, str]] = {
        "voice_line": {"dialogue_line": line_version},
        "alignment": {"dialogue_line": line_version, "voice_line": content["voice_line"].content},  # type: ignore[union-attr]
        "lipsync": {"dialogue_line": line_version, "alignment": content["alignment"].content},  # type: ignore[union-attr]
    }
    for asset, expected in inputs.items():
        tags = tags_of(instance, asset, key)
        assert tags[VERSION] == content[asset].content  # type: ignore[union-attr]
        assert tags[CODE] == VoiceLine.code_version
        for upstream, version in expected.items():
            assert tags[f"dagster/input_data_version/{upstream}"] == version
            assert int(tags[f"dagster/input_event_pointer/{upstream}"]) > 0
        assert {tag for tag in tags if "input_data_version" in tag} == {
            f"dagster/input_data_version/{upstream}" for upstream in expected
        }
    assert tags_of(instance, "dialogue_line", key)[VERSION] == line_version
    assert tags_of(instance, "cue_sheet", HARBOUR)[VERSION] == studio.dialogue.sheet_version(HARBOUR)
    versions = {tags_of(instance, "voice_line", known.line(text))[VERSION] for text in (GOOD, LATE, SO, LAMP, SEA)}
    assert len(versions) == 5


# Dagster's own staleness


def test_after_a_run_dagster_calls_everything_fresh(known: House, instance: dg.DagsterInstance) -> None:
    with in_memory() as before:
        assert set(known.statuses(before).values()) == {"MISSING"}
    assert set(known.statuses(instance).values()) == {"FRESH"}


def test_a_changed_text_is_stale_in_dagster_for_exactly_that_line_and_its_mix_then_fresh_however_often(
    known: House, instance: dg.DagsterInstance
) -> None:
    for text in ("The boat is very late.", "The boat is very very late."):
        known.register(PLAY.replace(LATE, text))
        known.sync(instance)
        assert not_fresh(known, instance) == {**of_line(known.line(text)), ("dialogue_mix", HARBOUR): "STALE"}
        known.run(instance)
        assert not_fresh(known, instance) == {}


def test_a_changed_voice_is_stale_in_dagster_for_exactly_that_characters_lines(
    known: House, instance: dg.DagsterInstance
) -> None:
    known.write("cast.toml", CAST + "speed = 0.9\n")  # of Bo
    known.sync(instance)
    mixes = {("dialogue_mix", HARBOUR): "STALE", ("dialogue_mix", NIGHT): "STALE"}
    assert not_fresh(known, instance) == {**of_line(known.line(LATE)), **of_line(known.line(LAMP)), **mixes}
    known.run(instance)
    assert not_fresh(known, instance) == {}


def test_a_gain_and_the_frame_rate_of_mouths_touch_mixes_and_mouths_only_and_dagster_is_fresh_after_the_run(
    known: House, instance: dg.DagsterInstance
) -> None:
    before = {asset: known.studio().store.refs(asset).all() for asset in (*LINE_ASSETS, "dialogue_mix")}
    known.write("cast.toml", CAST + "gain_db = -3.0\n[mouth]\nfps = 30\n")
    known.run(instance)
    assert not_fresh(known, instance) == {}
    assert not known.order(instance)
    changed = {
        (asset, key)
        for asset, refs in before.items()
        for key, ref in known.studio().store.refs(asset).all().items()
        if refs[key] != ref
    }
    assert changed == {
        *(("lipsync", key) for key in before["lipsync"]),
        ("dialogue_mix", HARBOUR),
        ("dialogue_mix", NIGHT),
    }


@pytest.mark.parametrize("n_lines", [100])  # from here on Dagster maps a fan-in to no partition
def test_a_mix_that_did_not_change_stays_fresh_when_another_label_does(
    known: House, instance: dg.DagsterInstance, n_lines: int
) -> None:
    """Dagster looks at partitions of an `AllPartitionMapping` one by one below 100, and not at all above."""
    many = "== many ==\n" + "".join(f"Anna: {'a' * (n % 7 + 1)} {'b' * (n // 7 + 1)}.\n" for n in range(n_lines))

    def mixes() -> dict[str, str]:
        return {
            key: status for (asset, key), status in known.statuses(instance, MIXES).items() if asset == "dialogue_mix"
        }

    known.register(PLAY + many)
    known.sync(instance)
    fresh = {HARBOUR: "FRESH", NIGHT: "FRESH", "play.many.en": "MISSING"}
    assert mixes() == fresh
    known.register(PLAY.replace(SEA, "The sea is white.") + many)
    known.sync(instance)
    assert mixes() == {**fresh, NIGHT: "STALE"}
    key = known.line("The sea is white.")
    known.run(instance, {asset: [key] if asset in LINES else [NIGHT] for asset in (*LINES, *MIXES)})
    assert mixes() == fresh


def test_a_line_that_is_new_or_gone_leaves_everything_fresh_after_the_run(
    known: House, instance: dg.DagsterInstance
) -> None:
    known.register(PLAY.replace(SO, "And so on.").replace(f"Bo: {LAMP}\n", f"Bo: {LAMP}\nBo: Now!\n"))
    known.run(instance)
    known.register(PLAY.replace(f"Anna: {SO}\n", ""))
    known.run(instance)
    assert not_fresh(known, instance) == {}
    names = ("audio_assets_lines", "audio_assets_mixes")
    lines, mixes = (set(instance.get_dynamic_partitions(name)) for name in names)
    assert lines == set(known.studio().dialogue.cues)
    assert mixes == {HARBOUR, NIGHT}


def test_the_same_bytes_again_leave_dagster_fresh(known: House, instance: dg.DagsterInstance) -> None:
    assert known.run(instance, {"voice_line": [known.line(GOOD)]}).success
    assert not_fresh(known, instance) == {}


def test_dagster_hears_of_changed_settings_without_a_run(known: House, instance: dg.DagsterInstance) -> None:
    n_runs = len(instance.get_runs())
    known.write("lexicon.toml", '[en]\nlamp = "laamp"\n')
    known.sync(instance)
    assert not_fresh(known, instance) == {**of_line(known.line(LAMP)), ("dialogue_mix", NIGHT): "STALE"}
    assert len(instance.get_runs()) == n_runs


def test_more_changes_than_are_reported_at_once_are_recorded_by_the_run(
    known: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_REPORTED_AT_ONCE", 1)
    known.write("cast.toml", CAST + "gain_db = -3.0\nspeed = 0.9\n[mouth]\nfps = 30\n")
    known.run(instance)
    assert not_fresh(known, instance) == {}
    assert not known.order(instance)


def test_a_mix_of_a_specification_is_fresh_beside_the_labels(known: House, instance: dg.DagsterInstance) -> None:
    spec = f'{{"schema": "mix_spec.1", "name": "trailer", "spec": {{"tracks": [{{"line": "{known.line(SEA)}"}}]}}}}'
    known.write("mix_specs/trailer.json", spec)
    assert known.run(instance).success
    assert ("dialogue_mix", "spec.trailer.mul") in known.statuses(instance)
    assert not_fresh(known, instance) == {}


# The door of the UI


def tag_sets(house: House, instance: dg.DagsterInstance) -> dict[Artifact, Mapping[str, str]]:
    """The tags of every newest event, without the pointers, which count events."""
    return {
        (asset, key): {
            name: value
            for name, value in tags_of(instance, asset, key).items()
            if "pointer" not in name and name.startswith("dagster/") and "partition" not in name
        }
        for asset in (*LINE_ASSETS, "dialogue_mix")
        for key in house.studio().store.refs(asset).all()
    }


def test_both_doors_leave_the_same_tags(known: House, instance: dg.DagsterInstance) -> None:
    by_job = tag_sets(known, instance)
    lines = list(known.studio().dialogue.cues)
    with in_memory() as other:
        known.sync(other)
        assert known.materialize(other, *LINES, keys=lines).success
        assert known.materialize(other, *MIXES, keys=[HARBOUR, NIGHT]).success
        assert tag_sets(known, other) == by_job
        assert_same_as_refs(known, other)
        assert not_fresh(known, other) == {}


def test_one_partition_of_every_line_asset_from_the_ui(house: House, instance: dg.DagsterInstance) -> None:
    house.register()
    house.sync(instance)
    key = house.line(LATE)
    assert house.materialize(instance, *LINES, keys=[key]).success
    assert_same_as_refs(house, instance)
    statuses = house.statuses(instance)
    assert {statuses[asset, key] for asset in LINES} == {"FRESH"}
    assert spoken(house.engines) == [LATE]
    for asset in LINE_ASSETS:
        assert "open" in newest(instance, asset, key).metadata


def test_a_range_of_partitions_from_the_ui(house: House, instance: dg.DagsterInstance) -> None:
    house.register()
    house.sync(instance)
    keys = [house.line(text) for text in (LATE, SO, LAMP)]
    assert house.materialize(instance, *LINES, keys=keys).success
    assert set(instance.get_materialized_partitions(dg.AssetKey("lipsync"))) == set(keys)
    assert_same_as_refs(house, instance)
    statuses = house.statuses(instance)
    assert {statuses[asset, key] for asset in LINES for key in keys} == {"FRESH"}


def test_a_stale_partition_is_fresh_after_the_ui_rendered_it(known: House, instance: dg.DagsterInstance) -> None:
    known.register(PLAY.replace(LATE, "The boat is very late."))
    known.sync(instance)
    key = known.line("The boat is very late.")
    assert known.materialize(instance, *LINES, keys=[key]).success
    assert known.materialize(instance, *MIXES, keys=[HARBOUR]).success
    assert not_fresh(known, instance) == {}
    assert not known.order(instance)


# Partial failure


def failure_table(result: dg.ExecuteInProcessResult) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The description and the table of the step that failed."""
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    data = failure.user_failure_data
    assert data is not None
    table = data.metadata["failed"]
    assert isinstance(table, dg.TableMetadataValue)
    return data.description or "", [record.data for record in table.records]


def test_the_job_keeps_what_went_well_and_names_what_did_not(house: House, instance: dg.DagsterInstance) -> None:
    house.register(PLAY.replace(LATE, "Now FAIL."))
    bad = house.line("Now FAIL.")
    result = house.run(instance)
    assert not result.success
    good = set(house.studio().dialogue.cues) - {bad}
    for asset in LINE_ASSETS:
        assert set(instance.get_materialized_partitions(dg.AssetKey(asset))) == good
    assert set(instance.get_materialized_partitions(dg.AssetKey("dialogue_mix"))) == {NIGHT}
    description, table = failure_table(result)
    assert {(row["asset"], row["partition"]) for row in table} == {
        *((asset, bad) for asset in LINE_ASSETS),
        ("dialogue_mix", HARBOUR),
    }
    voice = next(row for row in table if row["asset"] == "voice_line")
    assert "can not say FAIL" in voice["why"]
    assert voice["retry helps"].startswith("no")
    assert bad in description
    assert house.statuses(instance)["voice_line", bad] == "MISSING"


@pytest.mark.parametrize("n_keys", [1, 5])
def test_the_ui_keeps_what_went_well_and_names_what_did_not(
    house: House, instance: dg.DagsterInstance, n_keys: int
) -> None:
    house.register(PLAY.replace(GOOD, "Now FAIL."))
    house.sync(instance)
    bad = house.line("Now FAIL.")
    keys = list(house.studio().dialogue.cues)[:n_keys]
    assert keys[0] == bad
    result = house.materialize(instance, "voice_line", keys=keys)
    assert not result.success
    assert set(instance.get_materialized_partitions(dg.AssetKey("voice_line"))) == set(keys) - {bad}
    _, table = failure_table(result)
    assert [row["partition"] for row in table] == [bad]
    assert "can not say FAIL" in table[0]["why"]


def test_a_failed_line_that_was_rendered_before_keeps_its_old_event(known: House, instance: dg.DagsterInstance) -> None:
    key = known.line(LATE)
    before = tags_of(instance, "voice_line", key)[VERSION]
    known.register(PLAY.replace(LATE, "The boat is FAIL."))
    assert not known.run(instance).success
    assert known.line("The boat is FAIL.") == key
    assert tags_of(instance, "voice_line", key)[VERSION] == before
    assert known.statuses(instance)["voice_line", key] == "STALE"
    assert not known.order(instance)  # it would fail again: nothing to ask for


def test_a_transient_failure_allows_a_retry_and_a_permanent_one_does_not(
    house: House, instance: dg.DagsterInstance
) -> None:
    house.register("Anna: So FLAKY.\nBo: Now FAIL.\n")
    _, table = failure_table(house.run(instance))
    helps = {row["partition"]: row["retry helps"] for row in table if row["asset"] == "voice_line"}
    assert helps[house.line("So FLAKY.")] == "yes"
    assert helps[house.line("Now FAIL.")].startswith("no")


def test_a_thousand_failures_stay_one_readable_sentence() -> None:
    from audio_assets.domain.schemas.records import Failure
    from audio_assets.render import Outcome

    outcomes = [Outcome(f"k{n}", "failed", failure=Failure("", "permanent", "x" * 200, "run")) for n in range(1000)]
    failed = Failed({"voice_line": outcomes})
    assert failed.description is not None
    assert failed.description.startswith("1000 failed")
    assert len(failed.description) < 1500
    table = failed.metadata["failed"]
    assert isinstance(table, dg.TableMetadataValue)
    assert len(table.records) <= 500


# What a kill leaves


def test_what_is_rendered_but_unknown_to_dagster_is_recorded_by_the_next_run(
    rendered: House, instance: dg.DagsterInstance
) -> None:
    calls = spoken(rendered.engines)
    assert not rendered.plan().stale
    assert rendered.order(instance)
    assert rendered.run(instance).success
    assert spoken(rendered.engines) == calls
    assert_same_as_refs(rendered, instance)
    assert not_fresh(rendered, instance) == {}
    assert not rendered.order(instance)


def test_what_was_rendered_anew_but_not_recorded_is_recorded_by_the_next_run(
    known: House, instance: dg.DagsterInstance
) -> None:
    known.overrides["kokoro"] = ToneSpeech(engine="kokoro", folder=str(known.engines), model="tones 2")
    known.render("killed before its events")
    assert not known.plan().stale
    assert known.run(instance).success
    assert_same_as_refs(known, instance)
    assert not known.order(instance)


# Events


def serialized(event: dg.EventLogRecord) -> str:
    return dg.serialize_value(event.event_log_entry)


LONG = "This line is as long as a line can get, and it goes on and on. " * 30


def test_events_stay_small(house: House, instance: dg.DagsterInstance) -> None:
    house.write("cast.toml", CAST + "speed = 2.0\n")  # Bo takes half the time
    house.register(f"Bo: {LONG.strip()}\n")
    assert house.run(instance).success
    for asset in (*LINES, *MIXES):
        for record in materializations(instance, asset):
            size = len(serialized(record).encode())
            assert size < MAX_EVENT_BYTES, f"the event of {asset} {record.partition_key} takes {size} bytes"


def test_an_event_carries_a_picture_and_a_link(known: House, instance: dg.DagsterInstance) -> None:
    shown = newest(instance, "voice_line", known.line(GOOD)).metadata
    picture, link = shown["picture"], shown["open"]
    assert isinstance(picture, dg.MarkdownMetadataValue)
    assert "data:image/png;base64," in (picture.md_str or "")
    assert isinstance(link, dg.UrlMetadataValue)
    assert (link.url or "").endswith(f"/a/voice_line/{known.line(GOOD)}")


def test_above_200_partitions_a_picture_is_a_link(rendered: House, instance: dg.DagsterInstance) -> None:
    recipe = rendered.recipe(VoiceLine)
    (outcome,) = render(recipe, [rendered.line(GOOD)], run_id="run")
    few, many = (Recorder(instance, recipe, n).event(outcome).metadata["picture"] for n in (200, 201))
    assert isinstance(few, dg.MarkdownMetadataValue)
    assert isinstance(many, dg.UrlMetadataValue)


def test_a_run_over_many_partitions_holds_no_picture(
    rendered: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_PICTURES_UP_TO", 4)
    rendered.sync(instance)
    assert rendered.run(instance, {"voice_line": list(rendered.studio().dialogue.cues)}).success
    records = materializations(instance, "voice_line")
    assert len(records) == 5
    assert not any("base64" in serialized(record) for record in records)


def test_the_job_takes_run_config_alone_so_a_sensor_can_ask_for_it(
    rendered: House, instance: dg.DagsterInstance
) -> None:
    rendered.sync(instance)
    wanted = rendered.order(instance)
    job = rendered.defs.resolve_job_def("render_dialogue")
    assert job.execute_in_process(run_config=run_config(wanted), instance=instance, raise_on_error=False).success
    assert not rendered.order(instance)


def test_the_job_renders_in_worker_processes_too(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "2")
    settings.current.cache_clear()
    house.register(PLAY.replace(LATE, "Now FAIL."))
    assert not house.run(instance).success
    assert len(instance.get_materialized_partitions(dg.AssetKey("lipsync"))) == 4
    assert_same_as_refs(house, instance)


# Checks


def latest_checks(instance: dg.DagsterInstance, asset: str) -> dict[str, bool]:
    keys = [
        dg.AssetCheckKey(dg.AssetKey(asset), name)
        for name in ("not_silent", "not_truncated", "not_clipped", "ends_not_silent", "not_over_long")
    ]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    evaluations = {key.name: record.event for key, record in found.items() if record.event}
    return {
        name: event.dagster_event.asset_check_evaluation_data.passed
        for name, event in evaluations.items()
        if event.dagster_event
    }


def test_checks_are_brought_up_to_date_by_the_job_and_heal(known: House, instance: dg.DagsterInstance) -> None:
    known.register(PLAY.replace(LATE, "All is SILENT."))
    known.run(instance)
    checks = latest_checks(instance, "voice_line")
    assert checks["not_silent"] is False
    assert checks["not_clipped"] is True
    known.register()
    known.run(instance)
    assert set(latest_checks(instance, "voice_line").values()) == {True}


def test_checks_count_for_what_was_rendered_in_the_same_second(known: House, instance: dg.DagsterInstance) -> None:
    """Dagster compares whole seconds with fractions, unless both are of one run."""
    assert known.studio().dialogue.cues
    (run,) = instance.get_runs()
    for name in (INTENDED, "not_silent"):
        (record,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("voice_line"), name), limit=5
        )
        assert record.run_id == run.run_id
