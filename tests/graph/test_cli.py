import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pytest
import soundfile
from click.testing import CliRunner, Result

from audio_assets import settings
from audio_assets.cli import main
from audio_assets.commands.cli_plain import plainly
from audio_assets.domain.schemas.records import Ref
from resources import render_lock
from resources.store import Refs
from tests.graph.test_definitions import COMMANDS

CAST = """
[narrator]
engine = "espeak"
[characters.anna]
voice = "espeak:en-us+f3"
"""
PLAY = "== dawn ==\nAnna: Good morning.\nThe sea is black.\n"
DONE, FAILED, UNUSABLE, STALE, STOPPED = 0, 1, 2, 3, 130

pytestmark = pytest.mark.usefixtures("light_dagster")

NOTHING_IS_STALE = {
    "stale": [], "stuck": [], "stood_in": [], "n_stale": 0, "n_certain": 0, "n_current": 0, "estimated_core_s": 0.0,
    "estimated_usd": 0.0, "policy_problem": "", "over_budget": [],
}  # fmt: skip


@pytest.fixture(autouse=True)
def cast(root: Path) -> Path:
    """A data root whose characters speak with espeak, which needs no model."""
    path = root / "cast.toml"
    path.write_text(CAST)
    return path


@pytest.fixture
def play(tmp_path: Path) -> Path:
    path = tmp_path / "play.txt"
    path.write_text(PLAY)
    return path


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def answer(*arguments: object, code: int = DONE) -> Any:
    """The JSON that a command prints, which is all that it prints."""
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def mistake(*arguments: object) -> str:
    """What the user reads of a mistake: one sentence on stderr, exit code 2."""
    result = run(*arguments)
    assert result.exit_code == UNUSABLE, result.output
    said = result.stderr.strip()
    assert said.count("Error:") == 1
    sentence = said.partition("Error:")[2]
    assert "\n" not in sentence.strip()
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return sentence


def alone(*arguments: object, data: Path) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, as a user's shell starts it."""
    command = [str(Path(sys.executable).with_name("audio-assets")), *map(str, arguments)]
    environment = {**os.environ, "AUDIO_ASSETS_DATA": str(data)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


@pytest.mark.parametrize("command", ["", *sorted(COMMANDS)])
def test_every_command_has_help(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == DONE
    assert result.stdout.startswith("Usage:")
    name = click.Context(main)
    for part in command.split():
        group = name.command
        assert isinstance(group, click.Group)
        name = click.Context(group.commands[part])
    for option in name.command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{command} {option.name} says nothing"


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout.strip().endswith("0.1.0")


# Work


def test_ingest_renders_then_finds_everything_up_to_date(play: Path, root: Path) -> None:
    first = answer("ingest", play)
    assert first["rendered"] == {"voice_line": 2, "alignment": 2, "lipsync": 2, "dialogue_mix": 1}
    assert (first["errors"], first["problems"], first["failed"]) == ([], [], [])
    assert first["where"] == str(root)
    assert len(first["scripts"][0]["new"]) == 2
    second = answer("ingest", play)
    assert (second["rendered"], second["cached"], second["run_id"]) == ({}, {}, "")
    assert len(second["scripts"][0]["unchanged"]) == 2
    text = run("ingest", play)
    assert text.exit_code == DONE
    assert "everything is up to date" in text.stdout


def test_what_was_stopped_goes_on_with_the_same_command(play: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = Refs.point

    def stop_after(self: Refs, partition: str, ref: Ref) -> None:
        point(self, partition, ref)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Refs, "point", stop_after)
        stopped = run("ingest", play)
    assert stopped.exit_code == STOPPED, stopped.output
    assert stopped.stderr.rstrip().endswith("what is finished is kept, and the same command goes on with the rest")
    assert "Error" not in stopped.output
    rest = answer("ingest", play)
    assert rest["rendered"] == {"voice_line": 1, "alignment": 2, "lipsync": 2, "dialogue_mix": 1}


def test_a_run_says_when_another_renders_beside_it(play: Path) -> None:
    assert "another run is rendering here" not in run("ingest", play).stderr
    play.write_text(PLAY.replace("Good", "Nice"))
    render_lock.hold(settings.current().render_lock("render_dialogue"))
    beside = run("ingest", play)
    assert "another run is rendering here" in " ".join(beside.stderr.split())
    assert beside.exit_code == DONE


def test_plan_says_what_is_stale_and_why_by_its_exit_code_too(play: Path, cast: Path) -> None:
    assert answer("plan") == NOTHING_IS_STALE
    registered = answer("ingest", "--no-render", play)
    assert registered["rendered"] == {}
    assert answer("plan", code=STALE)["n_stale"] == 7
    answer("ingest", play)
    assert answer("plan")["n_current"] == 7
    cast.write_text(CAST + "speed = 0.8\n")
    found = answer("plan", code=STALE)
    voice = next(entry for entry in found["stale"] if entry["asset"] == "voice_line")
    assert voice["causes"] == ["speed 1.0 -> 0.8"]
    shown = run("plan")
    assert shown.exit_code == STALE
    assert "speed 1.0 -> 0.8" in shown.stdout


def test_a_backfill_says_what_it_would_do_and_counts_what_was_asked_for(
    play: Path, cast: Path, light_dagster: dg.DagsterInstance
) -> None:
    answer("ingest", play)
    cast.write_text(CAST + "speed = 0.8\n")
    asked = run("backfill", "--dry-run").stdout
    assert asked.splitlines()[-1] == "would render 1, and 3 more where an input comes out different"
    asked = run("backfill", "--dry-run", "--accept", "--why", "it is well").stdout
    assert asked.splitlines()[-1] == "would accept 1 as they are; 3 that only follow from them stay as they are"
    assert answer("plan", code=STALE)["n_stale"] == 4
    light_dagster.wipe()  # so that it has to be told of all lines again
    done = run("backfill", "--asset", "voice_line").stdout.splitlines()
    assert "voice_line: 1 rendered, 0 cached" in done
    assert "3 more were up to date, and are told to Dagster again" in done  # of the other line


def test_a_name_that_no_stale_artifact_has_is_answered_with_the_nearest(play: Path) -> None:
    answer("ingest", "--no-render", play)
    said = mistake("plan", "--where", "emotion=happy")
    assert "there is no value of a stale artifact called 'emotion'; the nearest of" in said
    assert "`audio-assets plan --names` lists all" in said
    assert len(said) < 250
    names = answer("plan", "--names")["names"]
    assert {"voice", "speed", "text"} <= set(names)
    assert run("plan", "--names").stdout.splitlines() == names


def test_a_broken_policy_is_said_by_the_plan_and_stops_a_backfill(play: Path, root: Path) -> None:
    answer("ingest", "--no-render", play)
    (root / "backfill.toml").write_text('[policy]\nvoice_lime = "ask"\n')
    said = "did you mean 'voice_line'?"
    shown = run("plan")
    assert shown.exit_code == STALE
    assert said in shown.stdout.splitlines()[-1]
    assert said in answer("plan", code=STALE)["policy_problem"]
    assert said in mistake("backfill")


@pytest.mark.parametrize(
    ("asset", "hint"),
    [
        ("cast", "--cause voice means"),
        ("prompt_presets", "--cause prompt means"),
        ("dialogue_line", "like --asset voice_line"),
        ("voice_lime", "did you mean 'voice_line'"),
    ],
)
def test_what_is_written_is_no_asset_to_render(asset: str, hint: str) -> None:
    assert hint in mistake("plan", "--asset", asset)


def test_a_line_that_can_not_be_spoken_is_named_and_costs_only_itself(play: Path, cast: Path) -> None:
    cast.write_text(CAST.replace("espeak:en-us+f3", "kokoro:am_nobody"))
    found = answer("ingest", play, code=FAILED)
    assert found["rendered"] == {"voice_line": 1, "alignment": 1, "lipsync": 1}
    assert [entry["asset"] for entry in found["failed"]] == ["voice_line"]
    assert "am_nobody" in found["failed"][0]["reason"]
    planned = answer("plan", code=FAILED)
    assert {entry["state"] for entry in planned["stuck"]} == {"failed", "waiting"}
    assert answer("ingest", play, code=FAILED)["rendered"] == {}
    again = answer("ingest", "--retry-failed", play, code=FAILED)
    assert [entry["asset"] for entry in again["failed"]] == ["voice_line"]
    text = run("ingest", play)
    assert text.exit_code == FAILED
    assert "nobody" in text.stdout


def test_say_speaks_a_line_and_finds_it_again(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "hello.wav"
    said = answer("say", "Hello there.", "--character", "Anna", "--lipsync", "--out", out)
    assert said["cached"] is False
    assert soundfile.info(said["path"]).duration == pytest.approx(said["duration_s"], abs=1e-3)
    assert out.read_bytes() == Path(said["path"]).read_bytes()
    assert Path(said["path"]).is_relative_to(root)
    for name in ("sidecar", "alignment_path", "lipsync_path"):
        assert json.loads(Path(said[name]).read_bytes())
    assert said["alignment"][0].keys() >= {"phoneme", "t_start", "t_end"}
    again = answer("say", "Hello there.", "--character", "Anna")
    assert again["cached"] is True
    assert again["cache_key"] == said["cache_key"]
    other = answer("say", "Hello there.")
    assert other["cache_key"] != said["cache_key"]
    assert answer("plan")["n_current"] == 0, "a line that is in no script is no partition"


def test_a_character_that_the_cast_does_not_name_speaks_like_the_narrator() -> None:
    said = answer("say", "Hello.", "--character", "Somebody")
    narrated = answer("say", "Hello.")
    assert Path(said["path"]).read_bytes() == Path(narrated["path"]).read_bytes()


def test_say_in_another_language() -> None:
    assert Path(answer("say", "Guten Tag.", "--lang", "de", "--lipsync")["lipsync_path"]).exists()


def test_a_mix_of_a_line_and_a_file(play: Path, tmp_path: Path, root: Path) -> None:
    answer("ingest", play)
    line = answer("plan")  # nothing is stale
    assert line["n_stale"] == 0
    key = json.loads((root / "scripts" / "play.json").read_bytes())["lines"][0]["line_id"]
    bed = answer("say", "Rain, rain, rain.", "--out", tmp_path / "bed.wav")["out"]
    spec = tmp_path / "trailer.json"
    spec.write_text(
        json.dumps({"tracks": [{"line": f"play.{key}.en"}, {"path": Path(bed).name, "role": "bed", "gain_db": -12}]})
    )
    mixed = answer("mix", spec)
    assert mixed["partition"] == "spec.trailer.mul"
    assert mixed["cached"] is False
    assert mixed["n_tracks"] == 2
    assert soundfile.info(mixed["path"]).frames > 0
    assert json.loads(Path(mixed["record"]).read_bytes())["schema"] == "mix.1"
    assert answer("mix", spec)["cached"] is True
    toml = tmp_path / "other.toml"
    toml.write_text(f'[[tracks]]\nline = "play.{key}.en"\n')
    assert answer("mix", toml, "--name", "teaser")["partition"] == "spec.teaser.mul"


def test_align_finds_the_words_of_a_recording(tmp_path: Path) -> None:
    out = tmp_path / "hello.wav"
    answer("say", "The boat is late.", "--out", out)
    found = answer("align", out, "The boat is late.")
    assert [word["word"].strip(".").lower() for word in found["words"]] == ["the", "boat", "is", "late"]
    text = tmp_path / "words.txt"
    text.write_text("The boat is late.")
    assert answer("align", out, text)["words"] == found["words"]


def test_voices_are_those_of_the_engines() -> None:
    found = answer("voices")
    assert "af_heart" in found["kokoro"]
    assert set(answer("voices", "--engine", "espeak")) == {"espeak"}
    assert run("voices").exit_code == DONE


def test_models_are_listed_with_licence_and_place() -> None:
    found = {entry["name"]: entry for entry in answer("models", "list")}
    assert found["kokoro"]["path"] == ""
    for entry in found.values():
        assert entry["licence"]
        assert all(len(digest) == 64 for digest in entry["sha256"].split(", "))


def test_retired_lines_are_no_partitions_and_come_back_with_the_script(play: Path) -> None:
    answer("ingest", play)
    assert "retired play: " in run("retire", "play").stdout
    assert answer("plan")["n_current"] == 0
    back = answer("ingest", play)
    assert len(back["scripts"][0]["returned"]) == 2
    assert set(back["rendered"]) <= {"dialogue_mix"}, "what was rendered is found again"
    assert answer("plan")["n_current"] == 7


# Mistakes: one sentence, no traceback


def test_an_empty_text_is_a_mistake() -> None:
    assert "no text" in mistake("say", "  ")


def test_nothing_that_can_be_spoken_is_a_mistake() -> None:
    assert "nothing to speak" in mistake("say", "...")


@pytest.mark.parametrize("voice", ["kokoro:am_nobody", "espeak:en-us+nobody", "espeak:nobody"])
def test_a_voice_that_there_is_not_is_a_mistake(cast: Path, voice: str) -> None:
    cast.write_text(CAST.replace("espeak:en-us+f3", voice))
    sentence = mistake("say", "Hello.", "--character", "Anna")
    assert "nobody" in sentence
    assert "cast.toml" in sentence


def test_an_engine_that_there_is_not_is_a_mistake() -> None:
    assert "festival" in mistake("voices", "--engine", "festival")


def test_a_language_that_there_is_not_is_a_mistake() -> None:
    assert "xx" in mistake("say", "Hello.", "--lang", "xx")


@pytest.mark.parametrize("lang", ["Not A Language!", "../..", ""])
def test_what_is_no_language_tag_is_a_mistake(lang: str, root: Path) -> None:
    if lang:
        mistake("say", "Hello.", "--lang", lang)
    assert {path.name for path in root.iterdir()} <= {
        *("cast.toml", "dagster", "scratch", "audio", "refs", "failures", "logs")
    }


def test_a_model_that_is_not_here_is_named_with_the_command_that_fetches_it(cast: Path) -> None:
    cast.write_text('[narrator]\nvoice = "af_heart"\n')
    assert "audio-assets models fetch kokoro" in mistake("say", "Hello.")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[narrator\n", "not TOML"),
        ("[narator]\n", "did you mean 'narrator'"),
        ("[narrator]\nspeed = 9\n", "speed"),
        ("narrator = 3\n", "table"),
    ],
)
def test_a_bad_cast_is_a_mistake_wherever_it_is_read(text: str, named: str, cast: Path, play: Path) -> None:
    cast.write_text(text)
    for arguments in (("say", "Hello."), ("ingest", play)):
        sentence = mistake(*arguments)
        assert "cast.toml" in sentence
        assert named in sentence


def test_a_cast_that_is_no_text_is_a_mistake(cast: Path, play: Path) -> None:
    cast.write_bytes(b"\xff\xfe\0\0")
    assert "UTF-8" in mistake("ingest", play)


def test_a_cast_that_is_a_folder_is_a_mistake(cast: Path, play: Path) -> None:
    cast.unlink()
    cast.mkdir()
    assert "cast.toml" in mistake("ingest", play)


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("m.json", "{", "not valid JSON"),
        ("m.toml", "[[tracks", "not valid TOML"),
        ("m.json", "[]", "m.json"),
        ("m.json", "{}", "tracks"),
        ("m.json", '{"tracks": []}', "tracks is empty"),
        ("m.json", '{"tracks": [{"path": "gone.wav"}]}', "gone.wav"),
        ("m.json", '{"tracks": [{"line": "play.nobody.en"}]}', "play.nobody.en"),
        ("m.json", '{"tracks": [{"pth": "x.wav"}]}', "pth"),
        ("m.json", '{"tracks": [{"path": "x.wav", "gain_db": "loud"}]}', "gain_db"),
        ("m.yaml", "tracks: []", ".json or .toml"),
    ],
)
def test_a_bad_mix_is_a_mistake_and_leaves_nothing(name: str, text: str, named: str, tmp_path: Path) -> None:
    spec = tmp_path / name
    spec.write_text(text)
    assert named in mistake("mix", spec)
    assert answer("plan") == NOTHING_IS_STALE


def test_a_mix_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert "gone.json" in mistake("mix", tmp_path / "gone.json")


def test_a_recording_that_is_none_is_a_mistake(tmp_path: Path, play: Path) -> None:
    assert "gone.wav" in mistake("align", tmp_path / "gone.wav", "Hello.")
    assert "play.txt" in mistake("align", play, "Hello.")


def test_a_script_that_is_not_registered_is_a_mistake() -> None:
    assert "nobody" in mistake("retire", "nobody")


def test_a_model_that_there_is_not_is_a_mistake() -> None:
    assert "festival" in mistake("models", "fetch", "festival")


def test_an_output_that_can_not_be_written_is_a_mistake(tmp_path: Path) -> None:
    assert "nowhere" in mistake("say", "Hello.", "--out", tmp_path / "nowhere" / "x.wav")


def test_a_setting_that_is_none_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "many")
    settings.current.cache_clear()
    assert "AUDIO_ASSETS_WORKERS" in mistake("plan").upper()


@pytest.mark.parametrize(
    ("name", "data", "named"),
    [
        ("sound.wav", b"RIFF\0\0\0\0WAVE", ".rpy"),
        ("binary.txt", b"a\0b\0\0c" * 50, "NUL bytes"),
        ("latin.txt", b"Anna: Caf\xe9 au lait, s'il vous pla\xeet.\n", "latin.txt:1"),
        ("wide.csv", "text\nHello\n".encode("utf-16"), "UTF-16"),
        ("empty.csv", b"", "empty"),
    ],
)
def test_a_file_that_can_not_be_read_is_said_and_the_others_are_done(
    name: str, data: bytes, named: str, tmp_path: Path, play: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    found = answer("ingest", "--no-render", tmp_path / name, play, code=FAILED)
    sentences = [*found["errors"], *(f"{p['path']}:{p['line']}: {p['what']}" for p in found["problems"])]
    assert any(named in sentence and name in sentence for sentence in sentences), sentences
    assert [len(report["new"]) for report in found["scripts"] if report["script"] == "play"] == [2]


@pytest.mark.parametrize("what", ["missing file", "folder without scripts"])
def test_what_holds_no_script_is_said(what: str, tmp_path: Path) -> None:
    path = tmp_path / "gone.txt" if what == "missing file" else tmp_path / "empty"
    if what != "missing file":
        path.mkdir()
    assert str(path) in mistake("ingest", path)


# In a process of its own


def test_a_shell_sees_clean_json_and_an_exit_code(root: Path, play: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    done = alone("ingest", play, tmp_path / "empty.csv", "--json", data=root)
    found = json.loads(done.stdout)
    assert (done.returncode, found["rendered"]["dialogue_mix"]) == (FAILED, 1)
    assert len(found["errors"]) + len(found["problems"]) == 1
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("inside", "is_writable", "said"),
    [
        (True, False, "the data root {root} can not be written (Read-only file system): give yourself"),
        (True, True, "{path} can not be read or written"),
        (False, False, "{path} can not be read or written"),
    ],
)
def test_a_read_only_data_root_is_named_and_no_file_in_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, is_writable: bool, said: str
) -> None:
    path = (root if inside else root.parent) / "dagster" / ".opening"

    @click.command()
    @plainly
    def opening() -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "access", lambda *_: is_writable)
    result = CliRunner().invoke(opening)
    assert result.exit_code == UNUSABLE
    assert said.format(root=root, path=path) in result.stderr


def test_a_data_root_that_is_not_there_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, play: Path) -> None:
    data = tmp_path / "new" / "studio"
    monkeypatch.setenv("AUDIO_ASSETS_DATA", str(data))
    settings.current.cache_clear()
    assert answer("ingest", "--no-render", play)["where"] == str(data)
    assert answer("plan", code=STALE)["n_stale"] == 7


@pytest.mark.parametrize(
    "command", [["plan"], ["backfill"], ["verify"], ["gc"], ["explain", "x"], ["reproduce", "x"], ["provenance"]]
)
def test_who_asks_what_there_is_makes_no_data_root(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slip = tmp_path / "stuido"
    monkeypatch.setenv("AUDIO_ASSETS_DATA", str(slip))
    settings.current.cache_clear()
    assert f"there is no data root {slip}" in mistake(*command)
    assert not slip.exists()
