"""Rotations over a studio's data sets: the commands, and the schedule that makes the messages of the next pairs."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from audio_assets import definitions, launch, rotating
from audio_assets.cli import main
from audio_assets.commands import stem_commands
from audio_assets.domain.rotation import PLURALS
from audio_assets.instance import open_instance
from audio_assets.settings import current
from resources import render_lock
from sensors.rotation import next_pairs
from tests.house import House

TICK = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def listed(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A studio with three names, two developers and two scripts."""
    house.write("datasets/names.txt", "Ann\nBob\nJosé\n")
    house.write("datasets/developers.txt", "Hilton\nMarriott\n")
    house.write(
        "datasets/scripts.json", json.dumps([{"value": "hi", "text": "Hello."}, {"value": "bye", "text": "Bye."}])
    )
    monkeypatch.setenv("AUDIO_ASSETS_PAIRS_PER_TICK", "2")
    current.cache_clear()
    return house


def run(*words: str) -> str:
    done = CliRunner().invoke(main, ["rotation", *words])
    assert done.exit_code == 0, done.output
    return done.output


def tick(house: House, instance: dg.DagsterInstance, at: datetime = TICK) -> dg.RunRequest | dg.SkipReason:
    studio = house.resources["studio"]
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, resources={"studio": studio}
    ) as context:
        found = next_pairs(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


@pytest.fixture
def instance(root: Path) -> Iterator[dg.DagsterInstance]:
    """The data root's own: a schedule takes no instance in memory."""
    assert root.is_dir()
    with open_instance(current()) as found:
        yield found


@pytest.mark.usefixtures("listed")
def test_next_gives_each_once_and_stream_shows_the_same_before() -> None:
    shown = [json.loads(line) for line in run("stream", "pairs", "--jsonl").splitlines()]
    given = [json.loads(run("next", "pair", "--json")) for _ in range(6)]
    assert [(one["name"], one["developer"]) for one in given] == [(one["name"], one["developer"]) for one in shown]
    assert len({(one["name"]["id"], one["developer"]["id"]) for one in given}) == 6
    assert [one["number"] for one in given] == [1, 2, 3, 4, 5, 6]
    assert run("stream", "pairs") == ""
    assert json.loads(run("next", "pair", "--json"))["cycle"] == 2
    assert "of 3 in cycle 1" in run("next", "name")


@pytest.mark.usefixtures("listed")
def test_stream_takes_and_request_ids_repeat() -> None:
    (first, *_) = run("stream", "scripts", "--take", "--count", "1").splitlines()
    assert first in ("hi", "bye")
    row = json.loads(run("stream", "pairs", "--take", "--count", "1", "--jsonl"))
    assert set(row) == {"kind", "name", "developer", "cycle", "number", "given_at"}
    again = [json.loads(run("next", "script", "--request-id", "r1", "--json")) for _ in range(2)]
    assert again[0]["script"]["value"] == ({"hi", "bye"} - {first}).pop()
    assert again[1] == {**again[0], "is_repeated": True}


def test_a_changed_data_set_is_said(listed: House) -> None:
    run("next", "name")
    listed.write("datasets/names.txt", "Ann\nBob\nJosé\nZoë\nMax\n")
    assert "2 names joined since the last hand-out" in run("status")
    assert "2 names joined; 1 of 5 names given in this cycle" in run("next", "name")
    refused = CliRunner().invoke(main, ["rotation", "reset", "name"], input="n\n")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Forget what was given of names? [y/N]: n\nError: nothing is done; --yes does it" in refused.stderr
    assert json.loads(run("status", "--json"))[0]["n_given"] == 2
    assert run("reset", "name", "--yes") == "name: begins anew, 2 hand-outs forgotten\n"
    agreed = CliRunner().invoke(main, ["rotation", "reset"], input="y\n")
    assert agreed.exit_code == 0
    assert set(PLURALS.values()) <= set(agreed.stderr.replace("?", ",").replace(",", " ").split())
    assert json.loads(run("status", "--json"))[0]["n_given"] == 0


@pytest.mark.usefixtures("house")
def test_a_studio_without_data_sets_is_told_what_to_write() -> None:
    done = CliRunner().invoke(main, ["rotation", "next", "name"])
    assert (done.exit_code, done.output) == (
        2, "Error: there are no names to rotate; write some to datasets/names.txt\n",
    )  # fmt: skip
    assert run("status").count("to rotate") == 4


def test_pair_generate_makes_the_next_pair_its_stems_and_its_message(
    listed: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(definitions, "shipped_providers", lambda _settings: dict(listed.overrides))
    monkeypatch.setattr(stem_commands, "open_instance", lambda _settings: nullcontext(instance))
    (coming,) = [json.loads(line) for line in run("stream", "pairs", "--count", "1", "--jsonl").splitlines()]
    asked = ("pair", "--generate", "--template", "announcement", "--request-id", "r1", "--json")
    made = json.loads(CliRunner().invoke(main, ["rotation", *asked]).stdout)
    assert (made["name"], made["developer"], made["number"]) == (coming["name"], coming["developer"], 1)
    sound = Path(made["path"])
    assert sound.parent == listed.root / "messages"
    assert sound.stat().st_size > 10_000
    stems = {path.stem for path in listed.root.glob("stems/*/*.wav")}
    assert {made["name"]["id"], made["developer"]["id"]} < stems
    assert len(stems) == 3, "and the next script"
    again = json.loads(CliRunner().invoke(main, ["rotation", *asked]).stdout)
    assert (again["message"], again["is_repeated"], again["cached"]) == (made["message"], True, True)
    assert json.loads(run("status", "--json"))[2]["n_given"] == 1
    refused = CliRunner().invoke(main, ["rotation", "pair", "--generate", "--template", "simpel"])
    assert (refused.exit_code, json.loads(run("status", "--json"))[2]["n_given"]) == (2, 1)


def test_the_schedule_asks_for_one_run_that_makes_the_messages(listed: House, instance: dg.DagsterInstance) -> None:
    asked = tick(listed, instance)
    assert isinstance(asked, dg.RunRequest)
    wanted = {
        name.removeprefix("render_"): op["config"]["partition_keys"] for name, op in asked.run_config["ops"].items()
    }
    assert len(wanted["message"]) == 2
    assert len(wanted["stem"]) == 4
    again = tick(listed, instance)
    assert isinstance(again, dg.RunRequest)
    assert (again.run_key, again.run_config) == (asked.run_key, asked.run_config)
    done = launch.execute(instance, listed.defs.resolve_job_def("render_messages"), wanted)
    assert done.success
    assert sorted(path.stem for path in (listed.root / "messages").glob("*.wav")) == sorted(wanted["message"])
    assert isinstance(tick(listed, instance), dg.SkipReason)
    log = [json.loads(line) for path in (listed.root / "logs").iterdir() for line in path.read_text().splitlines()]
    (batch,) = [one for one in log if one["kind"] == "batch"]
    assert batch["job"] == "render_messages"
    assert (batch["asked"]["message"], batch["asked"]["stem"], batch["failed"]) == (2, 4, {})
    assert [one["is_repeated"] for one in log if one["kind"] == "rotation"] == [False] * 2 + [True] * 4


def test_the_schedule_waits_and_says_why(
    listed: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_PAIRS_TEMPLATE", "simpel")
    current.cache_clear()
    assert "there is no message template 'simpel'" in str(tick(listed, instance))
    monkeypatch.setenv("AUDIO_ASSETS_PAIRS_TEMPLATE", "announcement")
    current.cache_clear()
    monkeypatch.setattr(render_lock, "is_held", lambda _: True)
    assert "a run is making messages" in str(tick(listed, instance))
    monkeypatch.undo()
    assert listed.studio().rotations.history("pair") == ()  # nothing was given for nothing


def test_a_template_with_a_script_has_the_next_one(listed: House) -> None:
    studio = listed.studio()
    pairs = [one.item for one in rotating.give(studio, "pair", 2)]
    wanted = rotating.requests(studio, "announcement", pairs)
    assert {one.script for one in wanted} == {"stem.script.hi", "stem.script.bye"}
    assert [(one.name, one.developer) for one in wanted] == pairs


def test_the_schedule_is_stopped_until_somebody_starts_it(house: House) -> None:
    found = {one.name: one for one in house.defs.schedules or () if isinstance(one, dg.ScheduleDefinition)}
    assert set(found) == {"next_pairs", "daily_catalogue", "nightly_provenance"}
    assert found["next_pairs"].default_status == dg.DefaultScheduleStatus.STOPPED
