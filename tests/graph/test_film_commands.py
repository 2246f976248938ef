"""`audio-assets film`, `take` and `budget`, as a person types them."""

import re
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import orjson
import pytest
from click.testing import CliRunner, Result

from audio_assets import shipped_providers
from audio_assets.cli import main
from audio_assets.commands import take_commands
from audio_assets.commands.running import RunReport
from audio_assets.domain import storyboard
from audio_assets.launch import MUSIC
from sensors.films import planned_films
from tests.cinema import PRICES, SETTINGS, SHOOTING, Cinema, unfilmed
from tests.concert import SONG
from tests.graph.conftest import SIZE
from tests.video_fakes import ColourVideo, write_colours

SHORT = SETTINGS.replace("[00:07.00]Boat on the sea\n", "")
"""Of a song of 5 s."""


@pytest.fixture
def new(root: Path, monkeypatch: pytest.MonkeyPatch) -> Cinema:
    """A studio with a song in its inbox, which the commands draw as the tests do."""
    cinema = Cinema(root)
    monkeypatch.setitem(storyboard.SIZES, "landscape", SIZE)
    monkeypatch.setattr(shipped_providers, "AnimaticVideo", lambda: ColourVideo(folder=str(cinema.easel)))
    cinema.drop(settings=SHORT, duration_s=5.0)
    return cinema


@pytest.fixture
def at_once(cinema: Cinema, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word about a take is rendered without Dagster: `take want` shows the run of them all."""

    def run_film(_scene: object, *, only: Sequence[str], retry_failed: bool, is_quiet: bool) -> RunReport:
        assert set(only) >= {recipe.asset for recipe in SHOOTING.recipes}
        assert is_quiet
        assert not cinema.render(SHOOTING, retry_failed=retry_failed)
        return RunReport()

    monkeypatch.setattr(take_commands, "run_film", run_film)


def say(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_song_becomes_a_film_and_another_one_when_it_is_asked_for_after_a_word_about_a_take(new: Cinema) -> None:
    done = say("film", new.inbox / f"{SONG}.flac")
    assert done.exit_code == 0, done.output
    film = new.root / "exports" / "films" / SONG / f"{SONG}-mp4.mp4"
    assert str(film) in done.output
    before, n_made = film.read_bytes(), len(new.made())

    again = say("film", SONG)
    assert again.exit_code == 0, again.output
    assert "the film is up to date" in again.output
    assert len(new.made()) == n_made

    scene = f"s001|{SONG}"
    new.studio().takes.ask(scene, lambda asked: asked.with_number(2))
    assert not new.render(SHOOTING)
    other = "t01" if new.selected(scene).take == "t02" else "t02"
    chosen = orjson.loads(say("take", "select", SONG, "s001", other, "--by", "bo", "--json").stdout)
    assert (chosen["selected"], chosen["chosen_by"], bool(chosen["run_id"])) == (other, "bo", True)
    assert film.read_bytes() == before, "the film is made when it is asked for"
    assert say("film", SONG).exit_code == 0
    assert film.read_bytes() != before


@pytest.mark.usefixtures("at_once")
def test_takes_are_asked_for_scored_and_chosen_by_hand(cinema: Cinema, tmp_path: Path) -> None:
    wanted = orjson.loads(say("take", "want", SONG, "s001", 2, "--json").stdout)
    assert wanted["takes"] == ["t01", "t02"]
    remixed = orjson.loads(say("take", "remix", SONG, "s001", "t01", "closer", "--json").stdout)
    assert remixed["takes"] == ["t01", "t02", "t03"]
    clip = tmp_path / "own.mp4"
    write_colours(clip, "own", 320, 180, cinema.board().frame_rate, 24)
    added = orjson.loads(say("take", "add", SONG, "s001", clip, "--json").stdout)
    assert added["takes"] == ["t01", "t02", "t03", "t04"]
    clip.unlink()

    assert say("take", "score", SONG, "s001", "t02", "--user", 5, "--by", "ada").exit_code == 0
    listed = orjson.loads(say("take", "list", SONG, "s001", "--json").stdout)
    assert [one["take"] for one in listed if one["is_selected"]] == ["t02"], "the best by the rule"
    chosen = say("take", "select", SONG, "s001", "t04", "--by", "bo", "--note", "ours")
    assert chosen.exit_code == 0, chosen.output
    assert "* s001 t04" in say("take", "list", SONG).output
    assert "chosen by bo" in say("take", "list", SONG).output
    assert not cinema.render(), "the film can be made of it"
    assert say("take", "unselect", SONG, "s001", "--by", "bo").exit_code == 0
    assert "* s001 t02" in say("take", "list", SONG).output


def test_what_a_run_leaves_is_counted_as_it_is_listed_and_says_what_to_do(new: Cinema) -> None:
    new.edit('style_preset = "dreamy"', 'style_preset = "dreamy"\n[[scenes]]\nat = "0:02"\ndirective = "FAIL"')
    first = say("film", new.inbox / f"{SONG}.flac")
    assert first.exit_code == 1, first.output
    assert "failed before" not in first.output
    again = say("film", SONG)
    assert again.exit_code == 1, again.output
    for output in (first.output, again.output):
        (told,) = re.findall(r"(\d+) artifacts wait for those that failed", output)
        listed = len(re.findall(r"^  waits: ", output, re.MULTILINE))
        more = re.findall(r"and (\d+) more; `audio-assets plan`", output)
        assert int(told) == listed + sum(map(int, more))
    assert "failed before: they are tried again once" in again.output
    assert "with --retry-failed" in say("plan").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("film", "nowhere.ogg"), "is neither a file nor a registered song"),
        (("take", "list", "nothing"), "no song 'nothing' is registered"),
        (("take", "select", SONG, "s001", "t01"), "has no scene 's001'"),
        (("budget", "set", "day", "much"), "much"),
        (("budget", "set", "day", "5", "--for", "tomorrow"), "tomorrow"),
        (("budget", "release", "7"), "7"),
    ],
)
def test_a_mistake_is_one_sentence(new: Cinema, words: tuple[str, ...], said: str) -> None:
    new.register()
    done = say(*words)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.usefixtures("new")
def test_a_budget_is_set_shown_and_lifted() -> None:
    assert say("budget", "set", "project", "25", "--for", SONG, "--by", "ada").output.strip() == (
        f"project {SONG}: capped at $25.00"
    )
    assert say("budget", "set", "day", "5", "--by", "ada").output.strip() == "each day: capped at $5.00"
    shown = orjson.loads(say("budget", "show", "--json").stdout)
    assert shown["caps_for_each"] == {"day": 5.0}
    assert say("budget", "set", "day", "none", "--by", "ada").output.strip() == "no cap on each day"
    assert orjson.loads(say("budget", "show", "--json").stdout)["caps_for_each"] == {}


def test_the_sensor_films_what_is_free_and_leaves_what_costs(cinema: Cinema, instance: dg.DagsterInstance) -> None:
    unfilmed(cinema)

    def tick() -> dg.SensorResult | dg.SkipReason:
        with dg.build_sensor_context(instance=instance, resources=cinema.resources) as context:
            found = planned_films(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found

    asked = tick()
    assert isinstance(asked, dg.SensorResult)
    (request,) = asked.run_requests or ()
    assert set(request.run_config["ops"]) >= {"render_scene_take", "render_final_video", "render_deliverable"}
    cinema.write("price_card.toml", PRICES)
    cinema.edit('title = "Harbour Light"', 'title = "Harbour Light"\nvideo_provider = "shop"\nvideo_model = "clip-1"')
    assert not cinema.render(MUSIC)
    asked = tick()
    assert isinstance(asked, dg.SkipReason)
    assert asked.skip_message == "nothing is stale"
