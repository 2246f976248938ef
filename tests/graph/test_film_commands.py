"""`audio-assets film`, `take` and `budget`, as a person types them."""

import re
from pathlib import Path

import dagster as dg
import orjson
import pytest
from click.testing import CliRunner, Result

from audio_assets import shipped_providers
from audio_assets.cli import main
from sensors.films import planned_films
from tests.cinema import PRICES, SETTINGS, Cinema
from tests.concert import SONG
from tests.video_fakes import ColourVideo, write_colours


@pytest.fixture
def cinema(root: Path, monkeypatch: pytest.MonkeyPatch) -> Cinema:
    """A studio with a song in its inbox."""
    cinema = Cinema(root)
    monkeypatch.setattr(shipped_providers, "AnimaticVideo", lambda: ColourVideo(folder=str(cinema.easel)))
    cinema.drop(settings=SETTINGS, duration_s=8.0)
    return cinema


def say(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_song_becomes_a_film_and_takes_are_chosen_by_hand(cinema: Cinema, tmp_path: Path) -> None:
    done = say("film", cinema.inbox / f"{SONG}.flac")
    assert done.exit_code == 0, done.output
    film = cinema.root / "exports" / "films" / SONG / f"{SONG}-mp4.mp4"
    assert str(film) in done.output
    before = film.read_bytes()
    n_made = len(cinema.made())

    again = say("film", SONG)
    assert again.exit_code == 0, again.output
    assert "the film is up to date" in again.output
    assert len(cinema.made()) == n_made

    wanted = orjson.loads(say("take", "want", SONG, "s001", 2, "--json").stdout)
    assert wanted["takes"] == ["t01", "t02"]
    remixed = orjson.loads(say("take", "remix", SONG, "s001", "t01", "closer", "--json").stdout)
    assert remixed["takes"] == ["t01", "t02", "t03"]
    clip = tmp_path / "own.mp4"
    write_colours(clip, "own", 640, 360, cinema.board().frame_rate, 24)
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
    assert film.read_bytes() == before, "the film is made when it is asked for"
    assert say("film", SONG).exit_code == 0
    assert film.read_bytes() != before
    assert say("take", "unselect", SONG, "s001", "--by", "bo").exit_code == 0
    assert "* s001 t02" in say("take", "list", SONG).output


def test_what_a_run_leaves_is_counted_as_it_is_listed_and_says_what_to_do(cinema: Cinema) -> None:
    cinema.edit('style_preset = "dreamy"', 'style_preset = "dreamy"\n[[scenes]]\nat = "0:05"\ndirective = "FAIL"')
    first = say("film", cinema.inbox / f"{SONG}.flac")
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
def test_a_mistake_is_one_sentence(cinema: Cinema, words: tuple[str, ...], said: str) -> None:
    cinema.register()
    done = say(*words)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.usefixtures("cinema")
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
    cinema.register()
    assert cinema.run(instance).success

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
    assert cinema.run(instance).success
    asked = tick()
    assert isinstance(asked, dg.SkipReason)
    assert asked.skip_message == "nothing is stale"
