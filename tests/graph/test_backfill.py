"""What follows from changes to how things are made: the sensor, its policies, the plan, the job and accepting."""

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import dagster as dg
import httpx
import orjson
import pytest
from click.testing import CliRunner

from audio_assets.backfill_job import UNUSABLE, Backfill, _told, backfill_recipes, select
from audio_assets.backfilling import Selector, policies_of
from audio_assets.cli import main
from audio_assets.commands.backfill_commands import backfill
from audio_assets.commands.remote_dagster import run_there
from audio_assets.domain.backfill_policy import Policies
from audio_assets.domain.plan_filter import PlanFilter
from audio_assets.domain.toml_tables import TomlError
from audio_assets.plan import Plan, Stale
from audio_assets.stale_plan import plan_event, plan_rows
from tests.house import CAST, HARBOUR, LAMP, LATE, LINE_ASSETS, NIGHT, PLAY, SEA, House
from tests.workflow_ticks import WorkflowTicks

SLOWER = CAST + "speed = 0.9\n"  # of Bo, who says two lines
LEXICON = '[en]\nlamp = "laamp"\n'


@pytest.fixture
def ticks(known: House, instance: dg.DagsterInstance) -> WorkflowTicks:
    found = WorkflowTicks(known, instance)
    found.settle()
    return found


def selected(house: House, **asked: Any) -> set[tuple[str, str]]:
    return set(select(house.studio(), Backfill(**asked)).keys)


def not_fresh(house: House, instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    """What Dagster itself does not call fresh."""
    return {key for key, status in house.statuses(instance).items() if status != "FRESH"}


def n_in_plan(ticks: WorkflowTicks) -> Any:
    """How many are stale in the plan that was left last."""
    event = ticks.instance.get_latest_materialization_event(dg.AssetKey("stale_plan"))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata["stale"].value


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """The sentence of a run that fails for a person's mistake."""
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    assert UNUSABLE in failure.step_failure_data.user_failure_data.metadata
    return str(failure.step_failure_data.user_failure_data.description)


# The sensor


def test_dagster_is_told_of_many_changes_some_at_a_time(
    ticks: WorkflowTicks, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_TOLD_AT_ONCE", "_TOLD_FIRST"):
        monkeypatch.setattr(f"sensors.workflows.{name}", 1)
    lines = {("voice_line", ticks.house.line(text)) for text in (LATE, LAMP)}
    ticks.house.write("backfill.toml", '[policy]\nvoice_line = "ask"\n')
    ticks.house.write("cast.toml", SLOWER)
    ticks.skip()
    assert len(lines & not_fresh(ticks.house, instance)) <= 1
    told = [ticks.tick().skip_message for _ in range(4)]
    assert "some at a time; 0 are left" in told[-2], told
    assert told[-1] == "nothing has changed"
    assert lines <= not_fresh(ticks.house, instance)


def test_an_edited_cast_asks_for_that_characters_lines_only(ticks: WorkflowTicks) -> None:
    ticks.house.write("cast.toml", SLOWER)
    wanted = ticks.order()
    assert {asset: set(keys) for asset, keys in wanted.items()} == {
        **{asset: {ticks.house.line(LATE), ticks.house.line(LAMP)} for asset in LINE_ASSETS},
        "dialogue_mix": {HARBOUR, NIGHT},
    }
    assert ticks.run(partitions=wanted).success
    assert not ticks.house.stale()
    ticks.look_again()
    ticks.skip()


def test_an_edited_lexicon_asks_for_the_lines_with_the_word(ticks: WorkflowTicks) -> None:
    ticks.house.write("lexicon.toml", LEXICON)
    wanted = ticks.order()
    assert wanted["voice_line"] == [ticks.house.line(LAMP)]
    assert wanted["dialogue_mix"] == [NIGHT]
    assert ticks.tags["audio_assets/changed"] == "lexicon: en.lamp"


@pytest.mark.parametrize("policy", ["ask", "off"])
def test_what_is_to_be_asked_for_is_left_in_the_plan(ticks: WorkflowTicks, policy: str) -> None:
    ticks.house.write("backfill.toml", f'[policy]\nvoice_line = "{policy}"\n')
    ticks.house.write("cast.toml", SLOWER)
    assert "8 partitions are stale" in ticks.skip()
    event = ticks.instance.get_latest_materialization_event(dg.AssetKey("stale_plan"))
    assert event is not None
    assert event.asset_materialization is not None
    table = event.asset_materialization.metadata["plan"].value.records
    assert [(row.data["asset"], row.data["partitions"]) for row in table if row.data["policy"] == policy] == [
        ("voice_line", 2)
    ]
    assert event.asset_materialization.metadata["asks"].value == (2 if policy == "ask" else 0)
    assert table[0].data["cause"] == "speed 1.0 -> 0.9"
    key = dg.AssetCheckKey(dg.AssetKey("voice_line"), "up_to_date")
    (check,) = ticks.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert check.status.value == "FAILED"
    assert not ticks.skip().startswith("a run"), "nothing is told twice"
    assert len(ticks.instance.event_log_storage.get_asset_check_execution_history(key, limit=9)) == 2


def test_under_another_policy_the_plan_is_left_anew(ticks: WorkflowTicks) -> None:
    asks = []
    ticks.house.write("cast.toml", SLOWER)
    for policy in ("ask", "off"):
        ticks.house.write("backfill.toml", f'[policy]\nvoice_line = "{policy}"\n')
        ticks.skip()
        event = ticks.instance.get_latest_materialization_event(dg.AssetKey("stale_plan"))
        assert event is not None
        assert event.asset_materialization is not None
        asks.append(event.asset_materialization.metadata["asks"].value)
    assert asks == [2, 0]
    ticks.house.write("backfill.toml", '[policy]\nvoice_line = "auto"\n')
    assert len(ticks.order()["voice_line"]) == 2


def test_a_line_that_is_written_anew_is_not_held_up_by_what_is_to_be_asked_for(ticks: WorkflowTicks) -> None:
    house = ticks.house
    house.write("backfill.toml", '[policy]\nvoice_line = "ask"\n')
    house.write("cast.toml", SLOWER)
    house.register(PLAY.replace(SEA, "The sea is blue."))
    from audio_assets.backfilling import Selector
    from audio_assets.launch import DIALOGUE, order
    from audio_assets.plan import plan

    studio = house.studio()
    house.sync(ticks.instance)
    recipes = DIALOGUE.opened(studio)
    found = plan(studio, recipes)
    written = Selector(studio, recipes, found).written().part_of(found)
    wanted = order(ticks.instance, studio, written, DIALOGUE)
    assert wanted["voice_line"] == [house.line("The sea is blue.")]
    assert wanted["dialogue_mix"] == [NIGHT]
    assert {entry.partition for entry in written.held if entry.asset == "voice_line"} == {
        house.line(LATE),
        house.line(LAMP),
    }


def test_what_a_backfill_selected_does_not_stay_as_the_plan(ticks: WorkflowTicks) -> None:
    ticks.house.write("backfill.toml", '[policy]\nvoice_line = "ask"\n')
    ticks.house.write("cast.toml", SLOWER)
    ticks.skip()
    assert ticks.run(dry_run=True, where=[f"partition={NIGHT}"]).success
    assert n_in_plan(ticks) < 8
    ticks.skip()
    assert n_in_plan(ticks) == 8


def test_a_slip_in_the_policies_is_said_and_stops_nothing_else(ticks: WorkflowTicks) -> None:
    ticks.house.write("backfill.toml", '[policy]\nvoice_lime = "ask"\n')
    ticks.house.write("cast.toml", SLOWER)
    assert "did you mean 'voice_line'?" in ticks.skip()
    with pytest.raises(TomlError, match="voice_lime"):
        policies_of(ticks.house.studio().settings)
    assert "did you mean 'voice_line'?" in failure_of(ticks.run())
    ticks.house.write("backfill.toml", "")
    assert len(ticks.order()["voice_line"]) == 2


def test_dagster_is_told_what_changed_in_which_file(ticks: WorkflowTicks) -> None:
    ticks.house.write("lexicon.toml", LEXICON)
    ticks.order()
    records = ticks.instance.fetch_observations(dg.AssetKey("lexicon"), limit=1).records
    (record,) = records
    assert record.asset_observation is not None
    changed = record.asset_observation.metadata["changed"].value.records
    assert [row.data for row in changed] == [{"entry": "en.lamp", "is": "new"}]
    assert not ticks.instance.fetch_observations(dg.AssetKey("price_card"), limit=5).records[1:]


# What Dagster shows


def test_dagsters_own_view_goes_stale_layer_by_layer_and_is_fresh_after_the_backfill(ticks: WorkflowTicks) -> None:
    house, instance = ticks.house, ticks.instance
    assert not not_fresh(house, instance)
    house.write("cast.toml", SLOWER)
    wanted = ticks.order()
    lines = {house.line(LATE), house.line(LAMP)}
    assert {key for key in not_fresh(house, instance) if key[0] == "voice_line"} == {("voice_line", n) for n in lines}
    assert ticks.run(partitions=wanted).success
    assert not not_fresh(house, instance)


# The job


def test_a_backfill_renders_what_is_asked_for_and_what_that_is_made_of(ticks: WorkflowTicks) -> None:
    house = ticks.house
    house.write("cast.toml", SLOWER)
    line, other = house.line(LAMP), house.line(LATE)
    assert selected(house, assets=["alignment"]) == {(a, n) for a in ("voice_line", "alignment") for n in (line, other)}
    assert selected(house, where=[f"partition={line}"]) == {*house.line_artifacts(LAMP), ("dialogue_mix", NIGHT)}
    assert selected(house, where=["voice=am_michael"]) == selected(house)
    assert selected(house, where=["voice=af_bella"]) == set()
    assert selected(house, causes=["voice"]) == selected(house, scripts=["play"]) == selected(house)
    assert selected(house, causes=["lexicon"]) == set()
    taken = selected(house, assets=["alignment"], accept=True, by="ana", why="sounds well")
    assert taken == {("alignment", line), ("alignment", other)}, "accepting brings nothing along"
    assert ticks.run(assets=["voice_line"], where=[f"partition={line}"]).success
    assert ("voice_line", line) not in house.stale()
    assert ("voice_line", other) in house.stale()


def test_what_is_too_dear_is_left_out_with_all_that_is_made_of_it(known: House) -> None:
    voices = [Stale("voice_line", name, ("new",), frozenset({"new"}), 1.0, 2.0) for name in "abc"]
    after = [
        Stale("alignment", one.partition, ("new",), one.kinds, 1.0, after=((one.asset, one.partition),))
        for one in voices
    ]
    studio = known.studio()
    selector = Selector(studio, backfill_recipes(studio), Plan(stale=[*voices, *after]))
    found = selector.asked_for(PlanFilter(max_cost_usd=4.0))
    assert found.keys == {(asset, name) for asset in ("voice_line", "alignment") for name in "ab"}
    assert [(one.asset, one.partition) for one in found.too_dear] == [("voice_line", "c"), ("alignment", "c")]


def test_what_no_cap_allows_says_so_in_its_row(known: House) -> None:
    studio, partition = known.studio(), known.line(LATE)
    studio.ledger.set_cap("total", "", "1.50", "ana")
    found = Plan(stale=[Stale("voice_line", partition, ("speed",), frozenset({"voice"}), 1.0, 2.0)])
    (row,) = plan_rows(studio, backfill_recipes(studio), found, Policies())
    record = row.as_record()
    assert (record["policy"], record["cost_usd"]) == ("ask", 2.0)
    assert record["budget"] == "the whole budget has $1.50 left: 1 do not fit"


def test_a_dry_run_renders_nothing(ticks: WorkflowTicks) -> None:
    ticks.house.write("cast.toml", SLOWER)
    before = ticks.house.stale()
    assert ticks.run(dry_run=True).success
    assert ticks.house.stale() == before


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"assets": ["voice_lime"]}, "did you mean 'voice_line'"),
        ({"songs": ["night"]}, "there is no registered song 'night'"),
        ({"scripts": ["plai"]}, "did you mean 'play'"),
        ({"where": ["voice"]}, "write NAME=VALUE"),
        ({"causes": ["worflow"]}, "did you mean 'workflow'"),
        ({"accept": True}, "by whom"),
        ({"by": "ana", "why": "sounds well"}, "belong to accept"),
        ({"partitions": {"voice_lime": ["a"]}}, "did you mean 'voice_line'"),
        ({"where": ["voic=af_heart"]}, "did you mean 'voice'"),
        ({"max_cost_usd": float("nan")}, "no amount of money"),
    ],
)
def test_a_slip_is_one_sentence(ticks: WorkflowTicks, asked: dict[str, Any], sentence: str) -> None:
    ticks.house.write("cast.toml", SLOWER)
    assert sentence in failure_of(ticks.run(**asked))


# Accepting


def test_what_is_accepted_is_stale_no_more_and_stays_as_it_is(ticks: WorkflowTicks) -> None:
    house, instance = ticks.house, ticks.instance
    line = house.line(LAMP)
    before = house.object_of("voice_line", line)
    house.write("cast.toml", SLOWER)
    assert ticks.run(accept=True, by="ana", why="sounds well", where=[f"partition={line}"]).success
    assert house.object_of("voice_line", line) == before
    assert {key for asset, key in house.stale() if asset == "voice_line"} == {house.line(LATE)}
    refs = {asset: house.studio().store.refs(asset).get(line) for asset in LINE_ASSETS}
    assert {asset: dict(ref.accepted) for asset, ref in refs.items() if ref and ref.accepted} == {
        "voice_line": {"by": "ana", "why": "sounds well", "at": ANY}
    }, "what only follows from it was not stale"
    assert house.materialize(instance, "voice_line", keys=[line]).success  # and a run by hand keeps it
    assert house.object_of("voice_line", line) == before
    assert ("voice_line", line) not in not_fresh(house, instance)
    house.write("cast.toml", CAST + "speed = 0.8\n")
    assert {key for asset, key in house.stale() if asset == "voice_line"} == {line, house.line(LATE)}


def test_what_is_accepted_stays_also_where_the_other_one_is_in_the_store(ticks: WorkflowTicks) -> None:
    house, line = ticks.house, ticks.house.line(LAMP)
    cast = (house.root / "cast.toml").read_text()
    house.write("cast.toml", SLOWER)
    house.render()
    slower = {asset: house.object_of(asset, line) for asset in LINE_ASSETS}
    house.write("cast.toml", cast)
    assert ticks.run(accept=True, by="ana", why="slower is better", where=[f"partition={line}"]).success
    assert {asset: house.object_of(asset, line) for asset in LINE_ASSETS} == slower
    ref = house.studio().store.refs("voice_line").get(line)
    assert ref is not None
    assert ref.accepted["by"] == "ana"
    assert {key for asset, key in house.stale() if asset == "voice_line"} == {house.line(LATE)}, "nobody named that one"
    house.render()
    assert {asset: house.object_of(asset, line) for asset in LINE_ASSETS} == slower


# Elsewhere


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("studio:3000", ValueError, "write it like http://127.0.0.1:3000"),
        ("", ValueError, "write it like http://127.0.0.1:3000"),
        ("http://127.0.0.1:9", RuntimeError, "does not answer"),
    ],
)
def test_a_dagster_that_is_none_is_one_sentence(url: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        run_there(url, Backfill(), is_quiet=True)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(501, text="<h1>Unsupported method</h1>"), "is no Dagster; name the address of its UI after"),
        (httpx.Response(200, json={"hello": "world"}), "is no Dagster"),
        (
            httpx.Response(400, json={"errors": ["no field runOrError"]}),
            "not the Dagster of this version: .*no field",
        ),
    ],
)
def test_what_answers_and_is_no_dagster_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, sentence: str
) -> None:
    answering(monkeypatch, lambda _: answer)
    with pytest.raises(RuntimeError, match=sentence) as told:
        run_there("http://studio:3000", Backfill(), is_quiet=True)
    assert "501" not in str(told.value)


def answering(monkeypatch: pytest.MonkeyPatch, handler: Callable[[httpx.Request], httpx.Response]) -> None:
    """Whoever is asked elsewhere answers so."""
    client = httpx.Client(transport=httpx.MockTransport(handler))
    monkeypatch.setattr("audio_assets.commands.remote_dagster.httpx.Client", lambda **_: client)


class _Elsewhere:
    """Answers as Dagster's GraphQL does: the job is there, the run goes on and leaves these events, and ends."""

    def __init__(self, *events: list[dict[str, Any]]) -> None:
        self.launched: list[dict[str, Any]] = []
        self._events = events
        self._looks = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = orjson.loads(request.content)
        if "workspaceOrError" in asked["query"]:
            repository = {"name": "__repository__", "jobs": [{"name": "backfill"}]}
            entry = {"name": "audio-assets", "locationOrLoadError": {"repositories": [repository]}}
            data: dict[str, Any] = {"workspaceOrError": {"locationEntries": [entry]}}
        elif "launchRun" in asked["query"]:
            self.launched.append(asked["variables"]["params"])
            data = {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}}}
        else:
            self._looks += 1
            is_last = self._looks >= len(self._events)
            connection = {"cursor": str(self._looks), "hasMore": False, "events": self._events[self._looks - 1]}
            data = {"runOrError": {"status": "SUCCESS" if is_last else "STARTED", "eventConnection": connection}}
        return httpx.Response(200, json={"data": data})


def recorded(asset: str, **metadata: dict[str, Any]) -> dict[str, Any]:
    entries = [{"label": label, **value} for label, value in metadata.items()]
    return {"__typename": "MaterializationEvent", "assetKey": {"path": [asset]}, "metadataEntries": entries}


def planned(house: House, **asked: Any) -> dict[str, Any]:
    """The plan that a run leaves, as its Dagster tells it."""
    studio, config = house.studio(), Backfill(**asked)
    selection = select(studio, config)
    event = plan_event(studio, backfill_recipes(studio), selection.plan, _told(selection, config))
    metadata: dict[str, dict[str, Any]] = {}
    for label, value in event.metadata.items():
        if isinstance(value, dg.TableMetadataValue):
            metadata[label] = {"table": {"records": [orjson.dumps(row.data).decode() for row in value.records]}}
        else:
            metadata[label] = {"intValue": value.value, "text": value.value}
    return recorded("stale_plan", **metadata)


def test_a_dagster_elsewhere_is_asked_and_followed(monkeypatch: pytest.MonkeyPatch, rendered: House) -> None:
    rendered.write("cast.toml", SLOWER)
    spoken = [recorded("voice_line", cached={"boolValue": is_cached}) for is_cached in (False, True, False)]
    there = _Elsewhere([planned(rendered)], spoken)
    answering(monkeypatch, there)
    done = backfill({"causes": ["voice"], "max_cost_usd": 5.0}, url="http://studio:3000/", is_quiet=True)
    (params,) = there.launched
    assert params["selector"]["jobName"] == "backfill"
    assert params["runConfigData"] == {
        "ops": {"backfill_stale": {"config": {"causes": ["voice"], "max_cost_usd": 5.0}}}
    }
    assert done.there is not None
    assert (done.has_failures, done.there.n_planned) == (False, 8)
    assert "voice_line: 2 rendered, 1 cached" in done.as_text()


@pytest.mark.parametrize("asked", [{}, {"accept": True, "by": "ana", "why": "it is well"}])
def test_a_dry_run_elsewhere_says_the_same_as_one_here(
    monkeypatch: pytest.MonkeyPatch, rendered: House, asked: dict[str, Any]
) -> None:
    rendered.write("cast.toml", SLOWER)
    asked = {**asked, "dry_run": True}
    monkeypatch.setattr("audio_assets.commands.backfill_commands.open_what_is_there", rendered.studio)
    here = backfill(asked, url=None, is_quiet=True).as_text()
    assert "renders again (if it comes out different)" in here
    answering(monkeypatch, _Elsewhere([planned(rendered, **asked)]))
    there = backfill(asked, url="http://studio:3000", is_quiet=True).as_text()
    assert there.removesuffix("\nsuccess: http://studio:3000/runs/r1") == here


def test_what_is_accepted_elsewhere_is_told_so(monkeypatch: pytest.MonkeyPatch, rendered: House) -> None:
    rendered.write("cast.toml", SLOWER)
    asked = {"accept": True, "by": "ana", "why": "it is well"}
    events = [planned(rendered, **asked), recorded("voice_line", cached={"boolValue": True})]
    answering(monkeypatch, _Elsewhere(events))
    assert "voice_line: 1 accepted" in backfill(asked, url="http://studio:3000", is_quiet=True).as_text()


@pytest.mark.parametrize(("labels", "is_slip"), [(["unusable"], True), ([], False)])
def test_a_slip_that_is_found_elsewhere_is_one_of_the_user(
    monkeypatch: pytest.MonkeyPatch, labels: list[str], is_slip: bool
) -> None:
    told = {"metadataEntries": [{"label": label} for label in labels]} if labels else None
    error = {"message": "dagster._core.definitions.events.Failure: there is no registered song 'nigt'"}
    event = {"__typename": "ExecutionStepFailureEvent", "error": error, "failureMetadata": told}
    answering(monkeypatch, _Elsewhere([event]))
    done = CliRunner().invoke(main, ["backfill", "--url", "http://studio:3000", "--song", "nigt"])
    assert done.exit_code == (2 if is_slip else 0)  # that run ended well in spite of it
    assert "there is no registered song 'nigt'" in done.output
    assert done.output.splitlines()[-1].startswith("Error: there is") is is_slip
