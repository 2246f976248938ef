"""The provenance asset, its check and its command, over what the graph itself renders."""

from pathlib import Path

import dagster as dg
import orjson
import pytest
from click.testing import CliRunner, Result

from audio_assets.cli import main
from audio_assets.launch import FILM, MUSIC
from audio_assets.lineage import provenance
from resources import provenance_db
from resources.provenance_query import ask
from resources.provenance_schema import TABLES
from resources.provenance_views import VIEWS
from resources.store import SIDECAR
from tests.cinema import Cinema
from tests.house import GOOD, House
from tests.instances import in_memory

DOCS = Path(__file__).resolve().parents[2] / "docs" / "provenance.md"


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["provenance", *arguments])


def test_runs_and_events_are_read_once_and_what_is_wiped_is_forgotten(
    known: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance_db, "_LATE", 0)  # or so few events would all be read anew
    file = provenance.refresh(known.studio(), instance).file
    known.write("cast.toml", (known.root / "cast.toml").read_text().replace("af_bella", "am_adam"))
    assert known.run(instance, {"voice_line": [*known.studio().dialogue.cues]}).success  # three of five from the store
    provenance.refresh(known.studio(), instance)
    rate = "SELECT n_asked, n_cached, n_rendered, hit_rate FROM cache_hit_rate WHERE asset = 'voice_line'"
    assert ask(file, rate).rows == [(10, 3, 7, 0.3)]
    most = ask(file, "SELECT text, n_renders FROM most_rendered_lines WHERE n_renders > 1 ORDER BY text").rows
    assert most == [(GOOD, 2), ("So it is.", 2)]
    assert ask(file, "SELECT job, status, count(*) FROM runs GROUP BY ALL").rows == [("render_dialogue", "SUCCESS", 2)]
    instance.wipe_assets([dg.AssetKey("voice_line")])
    done = provenance.refresh(known.studio(), instance)
    assert ask(file, "SELECT count(*) FROM events WHERE asset = 'voice_line'").rows == [(0,)]
    assert done.counts["events"] > 0
    with in_memory() as other:  # another database, whose numbers begin anew
        assert known.run(other).success
        done = provenance.refresh(known.studio(), other)
        assert (done.counts["events"], done.counts["runs"]) == (24, 1)


def test_every_input_of_a_film_is_found(cinema: Cinema, instance: dg.DagsterInstance) -> None:
    """Each recipe names the source of what its action names; this is what edges, gaps and `touched_by` live from."""
    studio = cinema.studio()
    done = provenance.refresh(studio, instance)
    assert {result.passed for result in provenance.complete_results(studio)} == {True}
    unnamed = "SELECT DISTINCT asset, name FROM edges WHERE source IS NULL"
    assert ask(done.file, unnamed).rows == []
    lost = "SELECT DISTINCT asset, name, source FROM edges WHERE source_object IS NULL"
    assert [(asset, name) for asset, name, _ in ask(done.file, lost).rows] == [("song_audio", "song")]  # a file
    (song,) = ask(done.file, "SELECT object FROM current_artifacts WHERE asset = 'song_audio'").rows[0]
    reached = ask(done.file, "SELECT DISTINCT asset FROM touched_by('object', ?)", [song]).rows
    rendered = {recipe.asset for recipe in (*MUSIC.recipes, *FILM.recipes)} - {"music_remix", "cost_report"}
    assert {asset for (asset,) in reached} == rendered | {"take", "take_measure"}
    takes = ask(done.file, "SELECT * FROM takes_per_accepted_scene").as_json()
    assert [(row["n_accepted_scenes"], row["n_takes"]) for row in takes] == [(4, 4)]


def test_the_asset_shows_its_views_and_evaluates_the_check(rendered: House, instance: dg.DagsterInstance) -> None:
    (rendered.object_of("voice_line", rendered.line(GOOD)) / SIDECAR).unlink()
    done = dg.materialize([provenance.provenance], instance=instance, resources=rendered.resources)
    (event,) = done.asset_materializations_for_node("provenance")
    assert event.metadata["n_objects"].value == 16
    assert event.metadata["n_incomplete_assets"].value == 3  # the line itself, what is made of it, its mix
    assert "| alignment |" in str(event.metadata["render_time"].value)
    found = {one.asset_key.to_user_string(): one for one in done.get_asset_check_evaluations()}
    assert not found["voice_line"].passed
    assert found["lipsync"].passed
    assert "has no valid sidecar" in str(found["voice_line"].metadata["gaps"].value)
    rendered.render()  # mended
    only = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("voice_line"), provenance.COMPLETE))
    by_hand = dg.Definitions(
        assets=rendered.defs.assets, asset_checks=provenance.CHECKS, resources=rendered.resources,
        jobs=[dg.define_asset_job("by_hand", only)],
    ).resolve_job_def("by_hand").execute_in_process(instance=instance)  # fmt: skip
    (checked,) = by_hand.get_asset_check_evaluations()
    assert (checked.asset_key.to_user_string(), checked.passed) == ("voice_line", True)
    assert checked.metadata["checked"].value == 5


def test_the_command_lists_prints_and_refuses(rendered: House) -> None:
    listed = command()
    assert listed.exit_code == 0, listed.output
    for name in (*(table.name for table in TABLES), *(view.name for view in VIEWS)):
        assert name in listed.output
    assert not (rendered.root / "dagster").exists()  # looking makes no instance, and no ledger
    assert not (rendered.root / "ledger.db").exists()
    shown = orjson.loads(command("touched_by", "voice", "af_heart", "--json").stdout)
    assert [row["asset"] for row in shown["rows"]] == ["voice_line", "alignment", "dialogue_mix", "lipsync"]
    assert command("render_time", "--csv").stdout.startswith("asset,n_objects,total_s")
    cut = command("--sql", "SELECT partition FROM refs WHERE asset = 'lipsync'", "--limit", "1").output
    assert "only the first 1 rows are shown: --limit for more, --csv or --json for all" in cut
    assert "rows are shown" not in command("--sql", "SELECT 1").output
    for arguments, says in (
        (("nothing",), "there is no view or table 'nothing'"),
        (("--sql", "DROP TABLE refs"), "one SELECT is answered here, not DROP"),
        (("--sql", "FROM read_text('/etc/passwd')"), "a question reaches the provenance database only"),
        (("refs", "--sql", "SELECT 1"), "name a view or ask with --sql, not both"),
        (("--sql", " "), "there is no question after --sql; write a SELECT"),
        (("refs", "--timeout", "nan"), "nan is no number to work with"),
    ):
        refused = command(*arguments)
        assert (refused.exit_code, says in refused.output) == (2, True), refused.output
    (rendered.root / "provenance" / "provenance.duckdb").write_bytes(b"no database")
    mended = command("refs", "--csv")
    assert "was made anew: it was damaged" in mended.stderr
    assert len(mended.stdout.splitlines()) == 18


@pytest.mark.usefixtures("rendered")
def test_a_name_that_touched_nothing_is_answered_with_the_nearest() -> None:
    missed = command("touched_by", "voice", "am_michal")
    assert (missed.exit_code, missed.stdout) == (
        0, "nothing was touched by voice 'am_michal'; did you mean 'am_michael'?\n",
    )  # fmt: skip
    as_json = command("touched_by", "character", "Nobody", "--json")
    assert orjson.loads(as_json.stdout)["rows"] == []
    assert "nothing was touched by character 'Nobody'; there are " in as_json.stderr
    names = orjson.loads(command("known_names", "voice", "--json").stdout)["rows"]
    assert {row["name"]: row["n_objects"] for row in names} == {"af_bella": 2, "af_heart": 1, "am_michael": 2}


@pytest.mark.parametrize("name", [*(table.name for table in TABLES), *(view.name for view in VIEWS)])
def test_the_docs_name_every_table_view_and_column(name: str) -> None:
    text = DOCS.read_text("utf-8")
    assert f"`{name}" in text
    for table in TABLES:
        if table.name == name:
            assert [column.name for column in table.columns if f"`{column.name}`" not in text] == []
