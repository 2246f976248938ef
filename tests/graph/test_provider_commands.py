import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner, Result

from audio_assets import definitions
from audio_assets.books.providerbook import settable
from audio_assets.cli import main
from audio_assets.commands import provider_commands
from audio_assets.commands.provider_commands import explained, type_text
from audio_assets.settings import current
from audio_assets.shipped_providers import shipped_providers
from tests.graph.talking_box import KEY, Box, TalkingBox, engines_here
from tests.house import House
from tests.servers.serving import serving

DONE, FAILED, UNUSABLE = 0, 1, 2
CARD = """
[[prices]]
provider = "box"
model = "say-1"
usd_per_1000_characters = 0.015
valid_from = 2026-01-01
note = "from its page"
[[prices]]
provider = "box"
model = "say-2"
usd_per_1000_characters = 0.03
valid_from = 2026-01-01
"""
CAST = '[narrator]\nvoice = "espeak:en"\n[characters.anna]\nvoice = "box:anna"\n'


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def studio(house: House, box: Box, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house with a box that has its key and a price, and speaks for somebody."""
    monkeypatch.setenv("BOX_KEY", KEY)
    monkeypatch.setattr(definitions, "shipped_providers", engines_here)  # nobody else is asked
    house.write("price_card.toml", CARD)
    house.write("cast.toml", CAST)
    monkeypatch.setattr(provider_commands, "open_studio", house.studio)
    with serving(box.app) as url:
        house.overrides["box"] = TalkingBox(url=url)
        house.write("providers.toml", '[use]\nspeech = "espeak"\n')
        yield house


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["providers", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert KEY not in result.output
    return result


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def line(result: Result, name: str) -> str:
    (found,) = [one for one in result.stdout.splitlines() if one.startswith(f"{name} ")]
    return found


def troubles(result: Result) -> list[str]:
    return [one for one in result.stdout.splitlines() if one.startswith("look at: ") and "box" in one]


# All of them


def test_every_provider_is_a_line(studio: House, box: Box) -> None:
    result = run()
    names = set(studio.studio().providers.all)
    assert {one.split()[0] for one in result.stdout.splitlines() if not one.startswith("look at")} == {
        "provider",
        *names,
    }
    said = line(result, "box").split()
    assert said[:3] == ["box", "speech", "paid"]
    assert line(result, "box").endswith("2 prices, by model  not asked, in use")
    assert troubles(result) == []
    assert box.n_asked == 0


def test_the_json_is_the_record_of_the_artifact(studio: House) -> None:
    found = answer()
    assert found["schema"] == "providers.1"
    assert {row["name"] for row in found["providers"]} == set(studio.studio().providers.all)


@pytest.mark.usefixtures("studio")
def test_asking_is_asked_for(box: Box) -> None:
    result = run("--probe")
    assert line(result, "box").endswith("answers, in use")
    assert "asked: box answers: 3 voices" in result.stdout.splitlines()
    assert box.n_asked == 1
    run("--no-probe")
    assert box.n_asked == 1


@pytest.mark.usefixtures("studio")
def test_what_is_in_use_and_does_not_answer_is_named_and_fails(box: Box) -> None:
    box.refuses = True
    result = run("--probe")
    assert result.exit_code == FAILED
    assert "box does not answer" in troubles(result)[0]
    assert "wanted by [characters.anna] in cast.toml" in troubles(result)[0]


def test_what_is_in_use_and_retired_is_named_and_fails(studio: House) -> None:
    row = 'valid_from = 2026-01-01\nretired_on = 2026-02-01\nnote = "from its page"'
    studio.write("price_card.toml", CARD.replace('valid_from = 2026-01-01\nnote = "from its page"', row))
    result = run()
    assert result.exit_code == FAILED
    assert troubles(result)[0].startswith("look at: box say-1 was retired on 2026-02-01")


def test_what_ends_soon_is_named_but_no_failure(studio: House) -> None:
    ends = date.today() + timedelta(days=30)
    studio.write("price_card.toml", CARD.replace("note =", f"retired_on = {ends}\nnote ="))
    result = run("box")
    assert result.exit_code == DONE
    assert f"look at: box say-1 retires on {ends}" in result.stdout


def test_states_are_short_and_sentences_stand_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ELEVENLABS_API_KEY", "SYNC_API_KEY", "FAL_KEY", "CARTESIA_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    (root / "providers.toml").write_text(
        '[use]\nlip_sync = "sync_so"\n[providers.cartesia]\nencoding = "mp3"\n[providers.fal]\nurl = "queue.fal.run"\n'
    )
    result = run()
    states = {"sync_so": "needs a key, in use", "elevenlabs": "needs a key", "ace_step": "no address",
              "fal": "mistake", "cartesia": "mistake", "latentsync": "not set up"}  # fmt: skip
    for name, state in states.items():
        assert line(result, name).endswith(f"  {state}"), name
    told = [one for one in result.stdout.splitlines() if one.startswith("look at: ")]
    assert max(len(one) for one in result.stdout.splitlines() if one not in told) < 120
    assert [one for one in told if one.startswith("look at: sync_so needs a key: set SYNC_API_KEY")]
    assert [one for one in told if one.startswith('look at: cartesia does not write "mp3"')]
    assert not [one for one in told if "elevenlabs" in one or "ace_step" in one], "nobody uses them"


@pytest.mark.parametrize("url", ["queue.fal.run", "ftp://queue.fal.run", "https://me:hush@queue.fal.run", "http://"])
def test_a_wrong_address_is_told_without_a_key_too(root: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("FAL_KEY", raising=False)
    (root / "providers.toml").write_text(f'[providers.fal]\nurl = "{url}"\n')
    result = run("fal")
    assert result.exit_code == FAILED
    assert "correct url under [providers.fal] in providers.toml" in result.stdout
    assert "hush" not in result.output


def test_names_that_nobody_has_are_told_with_those_that_can(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAL_KEY", raising=False)
    (root / "providers.toml").write_text(
        '[use]\nspeech = "cartesai"\nmusic = "cartesia"\nvideo = "fal:nope"\n[fallback]\nspeech = "kokro"\n'
    )
    result = run()
    assert result.exit_code == FAILED
    for said in (
        "there is no speech provider 'cartesai'; did you mean 'cartesia'?",
        "there is no speech provider 'kokro'; did you mean 'kokoro'?",
        "there is no music provider 'cartesia'; that does speech: there are ace_step, comfyui_music, ",
        'fal has no model "nope": use fal-ai/',
        "fal needs a key: set FAL_KEY",
    ):
        assert f"look at: {said}" in result.stdout


BINDINGS = (Path(__file__).parents[1] / "comfyui" / "plain_video.toml").read_text()
GRAPH = (Path(__file__).parents[1] / "comfyui" / "plain_video.json").read_text()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"mine.json": '{"nodes": [], "links": []}', "mine.toml": BINDINGS},
            "workflows/comfyui/mine.json is a workflow in ComfyUI's own format, which its server does not run: "
            "in ComfyUI choose Workflow, then Export (API)",
        ),
        ({"mine.json": GRAPH}, "workflows/comfyui/mine.toml is missing beside mine.json"),
        ({"mine.toml": BINDINGS}, "workflows/comfyui/mine.json is missing beside mine.toml"),
        ({"mine.json": GRAPH, "mine.toml": "capability = "}, "workflows/comfyui/mine.toml: the file is not TOML"),
        ({"mine.json": "{}", "mine.toml": BINDINGS}, "workflows/comfyui/mine.json holds no nodes"),
    ],
)
def test_a_workflow_that_can_not_be_used_is_no_model_and_its_file_is_named(
    root: Path, files: dict[str, str], said: str
) -> None:
    folder = root / "workflows" / "comfyui"
    folder.mkdir(parents=True)
    for name, text in {"good.json": GRAPH, "good.toml": BINDINGS, **files}.items():
        (folder / name).write_text(text)
    shown = answer("comfyui")
    assert shown["models"] == ["good", "wan_video"]
    assert [one for one in shown["unusable_models"] if one.startswith(f"{root.name}/{said}")]
    assert f"look at: {root.name}/{said}" in run("comfyui").stdout
    assert str(root) not in run("comfyui").stdout
    assert run().stdout.count(f"look at: {root.name}/{said}") == 1
    (root / "providers.toml").write_text('[use]\nvideo = "comfyui:mine"\n')
    result = run()
    assert result.exit_code == FAILED
    (told,) = [one for one in result.stdout.splitlines() if said in one]
    assert told.endswith("(wanted by [use] in providers.toml)")


def test_a_workflow_of_the_settings_that_can_not_be_used_is_a_mistake(root: Path) -> None:
    (root / "workflows" / "comfyui").mkdir(parents=True)
    (root / "workflows" / "comfyui" / "tts.json").write_text('{"nodes": [], "links": []}')
    (root / "workflows" / "comfyui" / "tts.toml").write_text(BINDINGS)
    (root / "providers.toml").write_text('[providers.comfyui_speech]\nmodel = "tts"\n')
    assert line(run(), "comfyui_speech").endswith("  mistake")
    assert f"state          {root.name}/workflows/comfyui/tts.json is a workflow in" in run("comfyui_speech").stdout


# One of them


def test_one_provider_is_shown_with_everything(studio: House) -> None:
    url = studio.overrides["box"].url
    result = run("box")
    assert result.exit_code == DONE
    assert [one.strip() for one in result.stdout.splitlines()] == [
        "box",
        "does           speech: speaks from a box",
        "state          not asked",
        "offer          paid",
        "terms          CC0 https://box.example/terms",
        f"where          {url}",
        "key            BOX_KEY (set)",
        "models         say-1, say-2",
        "used by        [characters.anna] in cast.toml",
        "prices",
        "say-1  $0.015 per 1,000 characters; from its page",
        "say-2  $0.03 per 1,000 characters",
        "settings, under [providers.box] in providers.toml",
        f"url           text          '{url}' (default '')",
        "key_variable  text          'BOX_KEY'",
        "at_once       whole number  4",
        "per_second    number        0.0",
        "model         text          'say-1'",
        "formats       list of text  ['wav']",
        "Settings: `model` is who speaks.",
        "`url` is where it answers, `key_variable` the environment variable with its key; `at_once` and "
        "`per_second` (0: any)",
        "bound how it is asked.",
        "to use it",
        "1. export BOX_KEY=...",
        '2. voice = "box:VOICE" for a character in cast.toml; or speech = "box" under [use] in providers.toml, '
        "with voices of its own for the whole cast",
        "3. audio-assets providers box --probe",
    ]


def test_one_provider_as_json_has_its_settings_and_how_to_set_it_up(studio: House) -> None:
    studio.write("providers.toml", '[providers.box]\nmodel = "say-2"\nat_once = 2\n')
    found = answer("box")
    assert (found["name"], found["model"], found["prices"][1]["usd"]) == ("box", "say-2", 0.03)
    assert {one["name"]: (one["default"], one["value"]) for one in found["settings"]} == {
        "url": ("", studio.overrides["box"].url),
        "key_variable": ("BOX_KEY", "BOX_KEY"),
        "at_once": (4, 2),
        "per_second": (0.0, 0.0),
        "model": ("say-1", "say-2"),
        "formats": (["wav"], ["wav"]),
    }
    assert found["setup"][0] == "export BOX_KEY=..."


def test_an_address_with_a_password_is_shown_without_it(studio: House) -> None:
    studio.write("providers.toml", '[providers.box]\nurl = "https://me:hush@box.example:8/v1?token=hush"\n')
    text, values = run("box").stdout, json.dumps(answer("box"))
    assert "https://box.example:8/v1" in text
    assert "https://box.example:8/v1" in values
    assert "hush" not in text + values


@pytest.mark.usefixtures("studio")
def test_one_that_answers_is_done_and_one_that_does_not_has_failed(box: Box) -> None:
    result = run("box", "--probe")
    assert (result.exit_code, "answers: 3 voices" in result.stdout) == (DONE, True)
    box.refuses = True
    result = run("box", "--probe")
    assert (result.exit_code, "does not answer: " in result.stdout) == (FAILED, True)


@pytest.mark.usefixtures("studio")
def test_only_the_one_that_is_named_is_asked(box: Box) -> None:
    assert answer("espeak", "--probe")["answer"] is None
    assert box.n_asked == 0


def test_one_without_a_key_says_which_and_fails(studio: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOX_KEY")
    result = run("box")
    assert result.exit_code == FAILED
    assert "box needs a key: set BOX_KEY in the environment" in result.stdout
    assert "BOX_KEY (not set)" in result.stdout
    assert str(studio.root) not in result.stdout


@pytest.mark.usefixtures("studio")
@pytest.mark.parametrize(
    ("name", "says"),
    [("bax", "there is no provider 'bax'; did you mean 'box'?"), ("zzz", "there is no provider 'zzz'; there are ")],
)
def test_one_that_there_is_not_is_one_sentence(name: str, says: str) -> None:
    result = run(name)
    assert result.exit_code == UNUSABLE
    assert says in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (str, "text"),
        (int, "whole number"),
        (float, "number"),
        (bool, "true or false"),
        (list[str], "list of text"),
        (tuple[str, ...], "list of text"),
        (tuple[int, ...], "list of whole number"),
        (list, "list"),
        (dict[str, str], "table"),
        (str | None, "text"),
        (int | float, "whole number or number"),
        (Literal["wav", "mp3"], "one of wav, mp3"),
    ],
)
def test_types_are_said_as_people_say_them(annotation: Any, says: str) -> None:
    assert type_text(annotation) == says


def test_one_provider_s_page_names_a_mistake_in_its_settings(studio: House) -> None:
    studio.write("providers.toml", "[providers.box]\nat_once = 0\n")
    result = run("box")
    assert result.exit_code == FAILED
    assert "look at: " in result.output
    assert "at_once] is 0" in result.output


@pytest.mark.usefixtures("root")
def test_a_settings_page_speaks_of_settings_and_of_nothing_that_only_the_code_has() -> None:
    for name, provider in shipped_providers(current()).items():
        said = " ".join(explained(provider)) if settable(provider) else ""
        inner = {*type(provider).model_fields} - {*settable(provider)}
        named = {word for word in re.findall(r"`([^`]+)`", said) if word in inner or word.isupper()}
        assert not named, name
    assert "key_variable" in run("openai").stdout
    assert "'OPENAI_API_KEY', as long as it is left open" in run("openai").stdout


def test_a_fallback_that_is_who_serves_anyway_is_asked_about(root: Path) -> None:
    (root / "providers.toml").write_text('[use]\nspeech = "cartesia"\n[fallback]\nspeech = "cartesia"\n')
    assert "[fallback] speech is cartesia, who serves by [use] as well" in run().stdout
    (root / "providers.toml").write_text('[use]\nspeech = "cartesia"\n[fallback]\nspeech = "kokoro"\n')
    assert "who serves by [use] as well" not in run().stdout


@pytest.mark.usefixtures("root")
def test_the_lines_of_the_readme_name_providers_and_models_that_are_there() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    block = readme.split("Set up, each in three lines:")[1].split("```")[1]
    there = shipped_providers(current())
    does = {name: provider.about().capability for name, provider in there.items()}
    named = re.findall(r'\b(voice|speech|alignment|music|lip_sync|provider|video_provider) = "(\w+)', block)
    named += [("model", name) for name in re.findall(r"\[providers\.(\w+)\]", block)]
    named += [("probe", name) for name in re.findall(r"audio-assets providers (\w+)", block)]
    assert len(named) > 20
    wanted = {"voice": "speech", "provider": "music", "video_provider": "video"}
    for key, name in named:
        assert key in ("model", "probe") or does[name] == wanted.get(key, key), f"{key} = {name}"
        assert name in there
    for provider, model in re.findall(r'video_provider = "(\w+)", video_model = "([^"<]+)"', block):
        assert model in there[provider].models()
    keys = {provider.key_variable or "" for provider in there.values() if hasattr(provider, "key_variable")}
    assert set(re.findall(r"[A-Z]+_(?:API_)?(?:KEY|TOKEN|SECRET)", block)) <= {*keys, "OPENAI_API_KEY"}
