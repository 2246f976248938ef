"""Stems and messages: what is stale and why, contracts that do not mix, plain files, the commands, the sensor."""

import errno
import logging
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from audio_assets import definitions
from audio_assets.cli import main
from audio_assets.commands import dialogue_commands, stem_commands
from audio_assets.domain.artifacts import WAV, read_wav
from audio_assets.domain.rendering import INTENDED
from audio_assets.domain.stem_artifacts import MERGE
from audio_assets.launch import VOICE_STEMS, execute, order, recipes, sync
from audio_assets.lineage.collecting import delete_leftovers, find_leftovers
from audio_assets.plan import plan
from audio_assets.render import Outcome
from audio_assets.stages.stems import Message, Stem, StemIndex
from resources.http_client import client_of
from resources.vendors.cartesia import CartesiaSpeech
from sensors import messages as sensor
from tests.elsewhere import PRICES, cloud_of, orders
from tests.fakes import ToneSpeech, spoken
from tests.house import House
from tests.servers.cartesia import VOICE, Cartesia
from tests.servers.orders import Orders
from tests.servers.serving import serving

CAST = (
    '[narrator]\nvoice = "af_heart"\n[characters.anna]\nvoice = "af_bella"\n[characters.cloud]\nvoice = "cloud:lena"\n'
)
JOSE, ANA, HILTON, HOLA = "stem.name.jose", "stem.name.ana", "stem.developer.hilton", "stem.script.hola"
KINDS = VOICE_STEMS.recipes


@pytest.fixture
def box(house: House) -> House:
    """A house with two names, a developer and a script; one message is asked for."""
    house.write("cast.toml", CAST)
    house.write("stems.toml", '[developer]\ncharacter = "anna"\n')
    house.write("datasets/names.txt", "José\nAna\n")
    house.write("datasets/developers.csv", "value,text\nHilton,from Hilton\n")
    house.write("datasets/scripts.json", '[{"value": "hola", "text": "hello to all"}]')
    house.write("messages/first.csv", "template,name,developer\ndouble_anchor,José,Hilton\n")
    return house


FIRST = "double_anchor.jose.hilton"


def made(house: House) -> dict[str, Outcome]:
    return {outcome.partition: outcome for _, outcome in house.render(kinds=KINDS)}


def stale(house: House) -> dict[str, tuple[str, ...]]:
    return {one.partition: one.causes for one in house.plan(KINDS).stale}


def states(found: dict[str, Outcome]) -> dict[str, str]:
    return {key: one.state if one.failure is None else one.failure.reason for key, one in found.items()}


def test_every_entry_becomes_a_stem_and_a_message_holds_them_bit_for_bit(box: House) -> None:
    assert set(states(made(box)).values()) == {"rendered"}
    assert stale(box) == {}
    folder = box.object_of("message", FIRST)
    merged, rate_hz = read_wav((folder / WAV).read_bytes())
    record = orjson.loads((folder / MERGE).read_bytes())
    assert [row["stem"] for row in record["parts"]] == [JOSE, HILTON, JOSE]
    for row in record["parts"]:
        stem, stem_rate_hz = read_wav((box.root / f"stems/{row['stem'].split('.')[1]}/{row['stem']}.wav").read_bytes())
        assert stem_rate_hz == rate_hz
        there = stem[row["source_start"] : row["source_end"]]
        assert len(there) > 1000
        assert np.array_equal(merged[row["start"] : row["end"]], there)
        ref = box.studio().refs("stem").get(row["stem"])
        assert ref is not None
        assert row["content"] == ref.content
    assert (box.root / f"messages/{FIRST}.wav").read_bytes() == (folder / WAV).read_bytes()


def test_the_index_tells_each_stems_contract_and_content(box: House) -> None:
    made(box)
    record = orjson.loads((box.root / "stems/index.json").read_bytes())
    assert record["schema"] == "stem_index.1"
    assert list(record["stems"]) == [JOSE, ANA, HILTON, HOLA]
    row = record["stems"][HILTON]
    assert set(row) == {
        "kind", "path", "sha256", "size", "contract_signature", "audio_format", "encoding", "sample_rate_hz",
        "n_channels", "provider", "model", "api_version", "voice", "rendered_at", "duration_s", "object",
    }  # fmt: skip
    assert (row["kind"], row["path"], row["voice"]) == ("developer", f"stems/developer/{HILTON}.wav", "af_bella")
    assert (box.root / row["path"]).stat().st_size == row["size"]
    assert row["contract_signature"] != record["stems"][JOSE]["contract_signature"]
    assert record["stems"][ANA]["contract_signature"] == record["stems"][JOSE]["contract_signature"]


def test_another_model_makes_exactly_its_providers_stems_stale_and_messages_follow(box: House) -> None:
    box.write("stems.toml", '[developer]\ncharacter = "anna"\n[script]\ncharacter = "e"\n')
    box.write("cast.toml", f'{CAST}[characters.e]\nvoice = "espeak:en-us"\n')
    box.write("messages/more.csv", "template,name,developer,script,id\nsimple,José,Hilton,,plain\n")
    before = made(box)
    assert {one.state for one in before.values()} == {"rendered"}
    box.overrides["kokoro"] = ToneSpeech(engine="kokoro", folder=str(box.engines), model="tones 2")
    found = stale(box)
    assert set(found) == {JOSE, ANA, HILTON, "all", FIRST, "plain"}
    assert found[JOSE] == ("model tones 1 -> tones 2",)
    assert f"stem {JOSE} renders again" in found[FIRST]
    assert states(made(box)) == {**dict.fromkeys(found, "rendered"), HOLA: "cached"}
    assert stale(box) == {}


def test_a_stem_of_another_contract_is_never_mixed_in(box: House) -> None:
    made(box)
    box.overrides["kokoro"] = ToneSpeech(engine="kokoro", folder=str(box.engines), model="tones 2")
    (outcome,) = [one for _, one in box.render(kinds=[Message])]
    assert outcome.failure is not None
    assert outcome.failure.kind == "upstream"
    assert f"{JOSE} is of another contract or text (model tones 1 -> tones 2)" in outcome.failure.reason


def test_an_edited_text_renders_its_stem_and_its_messages_only(box: House) -> None:
    made(box)
    box.write("datasets/names.txt", "José = Hosay\nAna\n")
    assert set(stale(box)) == {JOSE, "all", FIRST}
    box.write("datasets/names.txt", "José\nAna\n")
    box.write("message_templates/double_anchor.json", '{"parts": [{"stem": "name"}]}')
    assert set(stale(box)) == {FIRST}
    box.write("message_templates/double_anchor.json", "{")
    (stuck,) = box.plan(KINDS).stuck
    assert "double_anchor.json is not JSON" in stuck.reason


def test_one_bad_stem_costs_only_its_messages(box: House) -> None:
    box.write("datasets/names.txt", "José = FAIL\nAna\n")
    box.write("messages/more.csv", "template,name,developer\nsimple,Ana,Hilton\nsimple,Zoe,Hilton\n")
    found = states(made(box))
    assert (found[ANA], found["simple.ana.hilton"], found["all"]) == ("rendered", "rendered", "rendered")
    assert "can not say FAIL" in found[JOSE]
    assert "its stem is not rendered" in found[FIRST]
    assert "there is no stem.name.zoe" in found["simple.zoe.hilton"]
    assert JOSE not in orjson.loads((box.root / "stems/index.json").read_bytes())["stems"]


def test_a_silent_stem_is_refused_and_nothing_is_kept(box: House) -> None:
    box.write("datasets/names.txt", "José = SILENT\nAna\n")
    found = states(made(box))
    assert "it is silent" in found[JOSE]
    assert box.studio().refs("stem").get(JOSE) is None
    assert not (box.root / f"stems/name/{JOSE}.wav").exists()
    assert stale(box) == {}


def test_a_deleted_plain_file_is_put_back_from_the_store(box: House) -> None:
    made(box)
    n_spoken = len(spoken(box.engines))
    path = box.root / f"stems/name/{JOSE}.wav"
    data = path.read_bytes()
    path.unlink()
    assert stale(box)[JOSE] == (f"stems/name/{JOSE}.wav is gone",)
    made(box)
    assert path.read_bytes() == data
    assert len(spoken(box.engines)) == n_spoken


def flip(path: Path) -> bytes:
    """Another byte in the middle; the size stays."""
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    return data


def test_a_damaged_plain_file_is_told_and_written_again_from_its_object(box: House) -> None:
    made(box)
    n_spoken = len(spoken(box.engines))
    paths = {JOSE: f"stems/name/{JOSE}.wav", FIRST: f"messages/{FIRST}.wav", "all": "stems/index.json"}
    before = {key: flip(box.root / path) for key, path in paths.items()}
    assert stale(box)[JOSE] == (f"stems/name/{JOSE}.wav is damaged",)
    found = states(made(box))
    assert {found[key] for key in paths} == {"cached"}
    assert {key: (box.root / path).read_bytes() for key, path in paths.items()} == before
    assert len(spoken(box.engines)) == n_spoken
    for key, path in paths.items():
        flip(box.root / path)
        assert stale(box)[key] == (f"{path} is damaged",)
        made(box)


def test_where_the_object_is_damaged_too_it_is_rendered_again_by_the_same_run(box: House) -> None:
    made(box)
    n_spoken = len(spoken(box.engines))
    path, objects = box.root / f"stems/name/{JOSE}.wav", box.object_of("stem", JOSE)
    before = flip(path)
    flip(objects / WAV)
    assert states(made(box))[JOSE] == "rendered"
    assert path.read_bytes() == before
    assert (objects / WAV).read_bytes() == before
    assert len(spoken(box.engines)) == n_spoken + 1
    assert stale(box) == {}


def test_a_full_disk_fails_a_plain_file_in_a_sentence_and_loses_nothing(
    box: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        path = box.root / f"stems/name/{JOSE}.wav"
        assert states(made(box))[JOSE] == (
            f"{path} can not be read or written (No space left on device); mend that, then run again"
        )
    n_spoken = len(spoken(box.engines))
    assert states(made(box))[JOSE] == "cached"
    assert path.is_file()
    assert (len(spoken(box.engines)), stale(box)) == (n_spoken, {})


def test_bad_lists_are_reported_and_cost_nothing_else(box: House) -> None:
    box.write("datasets/names.txt", "José\nJOSE\n!!\nAna\n")
    (box.root / "datasets/scripts.json").write_bytes(b"\xff\xfe")
    studio = box.studio()
    assert list(studio.stems.entries) == [JOSE, ANA, HILTON]
    assert len(studio.stems.problems) == 3
    assert "'JOSE'" in studio.stems.problems[0]
    assert "'José' in datasets/names.txt line 1" in studio.stems.problems[0]


def test_a_link_out_of_the_data_root_is_not_read(box: House, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("Eve\n")
    (box.root / "datasets/names.txt").unlink()
    (box.root / "datasets/names.txt").symlink_to(tmp_path / "outside.txt")
    studio = box.studio()
    assert studio.stems.of_kind("name") == []
    assert "link out of the data root" in studio.stems.problems[0]


# Paid voices


@pytest.fixture
def cloud(box: House, tmp_path: Path) -> Path:
    folder = cloud_of(box, tmp_path)
    box.write("stems.toml", '[name]\ncharacter = "cloud"\n')
    return folder


def test_a_bought_stem_is_bought_once_and_its_contract_names_who_made_it(box: House, cloud: Path) -> None:
    box.write("datasets/developers.csv", "value\nJosé\n")  # another kind, another voice
    found = made(box)
    sidecar = found[JOSE].sidecar
    assert sidecar is not None
    assert sidecar.cost_usd > 0
    assert (sidecar.facts["provider"], sidecar.facts["model"], sidecar.facts["voice"]) == ("cloud", "tones", "lena")
    assert [entry.asset for entry in box.studio().ledger.entries(project="stems")] == ["stem", "stem"]
    assert {one.state for key, one in made(box).items() if key != FIRST} == {"cached"}
    assert sorted(orders(cloud)) == ["Ana", "José"]


def test_a_stand_in_may_speak_where_the_cast_says_so(box: House, cloud: Path) -> None:
    (cloud / "key").unlink()
    assert "needs a key" in states(made(box))[JOSE]
    box.write("cast.toml", CAST + 'fallback = "kokoro:af_bella"\n')
    found = made(box)
    assert (found[JOSE].state, found[FIRST].state) == ("stood_in", "rendered")
    ref = box.studio().refs("stem").get(JOSE)
    assert ref is not None
    assert INTENDED in ref.failed_checks


# Dagster


def run(house: House, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    studio = house.studio()
    sync(instance, studio)
    wanted = order(instance, studio, plan(studio, VOICE_STEMS.opened(studio)), VOICE_STEMS)
    return execute(instance, house.defs.resolve_job_def(VOICE_STEMS.job), wanted)


@pytest.mark.usefixtures("cloud")
def test_one_run_makes_everything_and_the_sensor_then_has_nothing_to_ask(
    box: House, instance: dg.DagsterInstance
) -> None:
    cursor: str | None = None

    def tick() -> Any:
        nonlocal cursor
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"studio": box.resources["studio"]}
        ) as context:
            context.log.setLevel(logging.CRITICAL)
            data = sensor.new_stems.evaluate_tick(context)
        cursor = data.cursor
        return data

    assert tick().skip_message
    (request,) = tick().run_requests
    ops = request.run_config["ops"]
    asked = {name.removeprefix("render_"): entry["config"]["partition_keys"] for name, entry in ops.items()}
    assert asked["stem"] == [JOSE, HILTON, HOLA], "Ana costs money and no message needs her"
    assert asked["message"] == [FIRST]
    job = box.defs.resolve_job_def(VOICE_STEMS.job)
    assert execute(instance, job, asked).success
    assert instance.get_dynamic_partitions("audio_assets_messages") == [FIRST]
    assert tick().skip_message
    assert run(box, instance).success
    cursor = None
    tick()
    assert "nothing is stale" in tick().skip_message


def test_checks_are_those_of_the_sidecars(box: House, instance: dg.DagsterInstance) -> None:
    assert run(box, instance).success
    for recipe in (Stem, Message):
        (sidecar,) = [box.studio().store.find(ref.object) for ref in list(recipe(box.studio()).refs.all().values())[:1]]
        assert sidecar is not None
        wanted = {"stem": {"not_truncated", "not_over_long", "edges_not_silent"}, "message": {"bit_exact"}}
        assert {check.name for check in sidecar.checks} == wanted[recipe.asset]
    keys = [
        key for key in box.defs.resolve_asset_graph().asset_check_keys if key.asset_key.path[0].startswith("stem_t")
    ]
    summary = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert [record.status.value for record in summary.values()] == ["SUCCEEDED"]


# Commands


@pytest.fixture
def command(box: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls a command over the house's engines and an instance in memory; with --json its object comes back."""
    monkeypatch.setattr(definitions, "shipped_providers", lambda _settings: dict(box.overrides))
    for module in (dialogue_commands, stem_commands):
        monkeypatch.setattr(module, "open_instance", lambda _settings: nullcontext(instance))

    def call(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, result.output
        return orjson.loads(result.stdout) if "--json" in arguments and code != 2 else result.output

    return call


def test_the_commands_from_list_to_message(box: House, command: Any) -> None:
    assert command("stem", "list", "--json")["missing"] == 4
    done = command("stem", "generate", "names", "developers", "--name", "Zoë", "--json")
    assert done["rendered"] == {"stem": 4, "stem_index": 1}
    assert {"current": 4, "stale": 0, "missing": 1}.items() <= command("stem", "list", "--json").items()
    assert command("stem", "show", "josé", "--json")["stem"] == JOSE
    copied = command(
        "message", "make", "--template", "simple", "--name", "Jose", "--developer", "Eva", "--copy", "--json"
    )
    assert (copied["message"], copied["cached"]) == ("simple.jose.eva", False)
    again = command(
        "message", "make", "--template", "simple", "--name", "José", "--developer", "Eva", "--copy", "--json"
    )
    assert again["cached"]
    assert copied["copy"] < again["copy"]
    assert Path(again["copy"]).read_bytes() == Path(again["path"]).read_bytes()
    assert len(list((box.root / "output").glob("simple.jose.eva-*.wav"))) == 2
    bulk = command("message", "bulk", "--template", "announcement", "--json")
    assert bulk["asked"] == {"stem": 6, "message": 6}
    assert bulk["rendered"]["message"] == 6
    listed = command("message", "list", "--json")
    assert {one["message"]: one["state"] for one in listed["messages"]}[FIRST] == "missing"
    assert "bit" not in command("message", "show", "simple.jose.eva")
    assert command("message", "show", "simple.jose.eva", "--json")["parts"][0]["stem"] == JOSE


def test_an_id_that_another_message_has_is_refused_with_both_names(box: House, command: Any) -> None:
    make = ("message", "make", "--template", "simple", "--developer", "Hilton", "--json")
    assert command(*make, "--name", "Ana", "--id", "My Hello")["message"] == "my-hello"
    before = box.tree()
    for said in ("my-hello", "My Hélló"):
        refused = command(*make, "--name", "Zoë", "--id", said, code=2)
        assert refused == (
            "Error: my-hello is the message 'simple' of Ana and Hilton, and can not be the message 'simple' of Zoë and "
            "Hilton too; give this one another --id, or first `audio-assets retire my-hello`\n"
        )
    assert "as a file in messages/ asks" in command(*make, "--name", "Zoë", "--id", FIRST, code=2)
    assert {name for name in box.tree() if name.startswith("stem_requests")} == set()
    assert box.tree()["message_requests/my-hello.json"] == before["message_requests/my-hello.json"]
    assert command(*make, "--name", "ANA", "--id", "my hello")["cached"]
    command("retire", "my-hello")
    assert command(*make, "--name", "Zoë", "--id", "My Hello")["name"] == "Zoë"


def test_lists_tell_damaged_and_missing_files_and_generate_mends_them(box: House, command: Any) -> None:
    command("stem", "generate", "all")
    command("message", "make", "--template", "simple", "--name", "Ana", "--developer", "Hilton")
    box.write(f"stems/name/{JOSE}.wav", "no sound")
    (box.root / f"stems/name/{ANA}.wav").unlink()
    listed = command("stem", "list", "--json")
    assert {state: listed[state] for state in stem_commands.STATES} == {
        "current": 2,
        "stale": 0,
        "damaged": 1,
        "missing": 1,
    }
    rows = {one["stem"]: (one["contract"], one["why"]) for one in listed["stems"]}
    assert rows[JOSE] == ("damaged", f"stems/name/{JOSE}.wav is damaged")
    assert rows[ANA] == ("missing", f"stems/name/{ANA}.wav is gone")
    assert command("stem", "show", JOSE, "--json")["contract"] == "damaged"
    assert "2 current, 0 stale, 1 damaged, 1 missing" in command("stem", "list")
    assert command("stem", "generate", "all", "--json")["cached"]["stem"] == 2
    assert command("stem", "list", "--json")["current"] == 4
    box.write("stems/index.json", "{")
    command("stem", "generate", "all")
    assert list(orjson.loads((box.root / "stems/index.json").read_bytes())["stems"]) == [JOSE, ANA, HILTON, HOLA]

    def state() -> tuple[str, str]:
        (row,) = [one for one in command("message", "list", "--json")["messages"] if one["message"] != FIRST]
        return row["state"], row["why"]

    assert state() == ("current", "")
    message = box.write("messages/simple.ana.hilton.wav", "no sound")
    assert state() == ("damaged", "messages/simple.ana.hilton.wav is damaged")
    message.unlink()
    assert state() == ("missing", "messages/simple.ana.hilton.wav is gone")


def test_audit_names_the_remedy_of_each_kind_and_it_works(box: House, command: Any) -> None:
    command("stem", "generate", "all")
    command("message", "make", "--all")
    paths = [box.root / path for path in (f"stems/name/{JOSE}.wav", f"messages/{FIRST}.wav", "stems/index.json")]
    before = [flip(path) for path in paths]

    def remedies() -> dict[str, str]:
        found = command("bucket", "audit", "--json", code=1)["findings"]
        return {one["key"]: one["remedy"].partition("`")[2].partition("`")[0] for one in found}

    generate, make = "audio-assets stem generate all", "audio-assets message make --all"
    assert list(remedies().values()) == [make, generate, generate]
    for remedy in (generate, make):
        command(*remedy.split()[1:])
    assert [path.read_bytes() for path in paths] == before
    assert command("bucket", "audit", "--json")["findings"] == []
    for path, said in zip(paths[:2], (JOSE, FIRST), strict=True):
        path.unlink()
        assert command("bucket", "resolve", said, "--json")["from"] == "store"
    paths[2].unlink()
    assert remedies() == {"stems/index.json": generate}
    assert [path.read_bytes() for path in paths[:2]] == before[:2]
    flip(paths[0])
    flip(box.object_of("stem", JOSE) / WAV)
    assert "whole neither here nor in the store, and there is no bucket; `audio-assets stem generate all`" in command(
        "bucket", "resolve", JOSE, code=2
    )
    command("stem", "generate", "all")
    assert paths[0].read_bytes() == before[0]


def test_a_mistake_in_the_settings_of_stems_is_told_once(box: House, command: Any) -> None:
    command("stem", "generate", "all")
    box.write("stems.toml", "[name]\ncharcter = 'anna'\n")
    says = "stems.toml: [name] the key 'charcter' is not known; did you mean 'character'?"
    assert command("stem", "list").count(says) == 1
    made = command("stem", "generate", "all", code=1)
    assert made.count(says) == 1
    assert ".wav" not in made
    for name in ("names.txt", "developers.csv", "scripts.json"):
        (box.root / "datasets" / name).unlink()
    assert says in command("stem", "list")
    box.write("stems.toml", "[script]\ncharacter = 'ghost'\n")
    assert "stems.toml: [script] character 'ghost' has no voice of its own in cast.toml" in command("stem", "list")
    box.write("stems.toml", "[script]\ncharacter = 'anna'\n")
    assert "look at" not in command("stem", "list")


def test_a_stem_that_fails_shows_no_path_of_an_earlier_one(box: House, command: Any) -> None:
    command("stem", "generate", "names")
    box.write("datasets/names.txt", "José = FAIL\nAna\n")
    told = command("stem", "generate", "names", code=1)
    assert f"failed: stem {JOSE}: " in told
    assert f"{JOSE}.wav" not in told
    assert f"{ANA}.wav" in told


def test_a_broken_template_is_listed_as_such(box: House, command: Any) -> None:
    box.write("message_templates/mine.json", '{"parts": [{"stem": "nmae"}]}')
    listed = command("message", "list", "--json")
    assert "mine" not in listed["templates"]
    assert "part 1: stem is 'nmae'" in listed["broken_templates"]["mine"]
    told = command("message", "list")
    assert "part 1: stem is 'nmae'" in told
    assert told.endswith("templates: announcement, double_anchor, simple\n")


def test_what_can_not_be_made_is_one_sentence_and_leaves_nothing(box: House, command: Any) -> None:
    assert "there is no message template 'simpel'" in command(
        "message", "make", "--template", "simpel", "--name", "Eva", code=2
    )
    assert "has a developer: say it with --developer" in command(
        "message", "make", "--template", "simple", "--name", "Eva", code=2
    )
    assert "no letter" in command("stem", "generate", "--name", "!!", code=2)
    assert "no stem that is there fits" in command("stem", "invalidate", "stem.x.*", code=2)
    assert list(box.studio().stems.entries) == [JOSE, ANA, HILTON, HOLA]


def test_invalidated_stems_are_made_again_and_messages_after_them(box: House, command: Any) -> None:
    command("stem", "generate", "all")
    n_spoken = len(spoken(box.engines))
    done = command("stem", "invalidate", "stem.name.*", "--json")
    assert (done["n_invalidated"], done["n_bought"]) == (2, 0)
    assert list(orjson.loads((box.root / "stems/index.json").read_bytes())["stems"]) == [HILTON, HOLA]
    assert not list((box.root / "stems/name").glob("*.wav"))
    assert command("stem", "generate", "--json")["rendered"]["stem"] == 2
    assert len(spoken(box.engines)) == n_spoken + 2


def test_a_bought_stem_that_is_invalidated_is_not_bought_again(cloud: Path, command: Any) -> None:
    command("stem", "generate", "names")
    assert command("stem", "invalidate", JOSE, "--json")["n_bought"] == 1
    assert command("stem", "list", "--json")["missing"] == 3
    assert command("stem", "generate", "names", "--json")["cached"]["stem"] == 1
    assert len(orders(cloud)) == 2


def test_retire_and_clean_know_stems_and_messages(box: House, command: Any) -> None:
    command("message", "make", "--template", "simple", "--name", "Eva", "--developer", "Hilton")
    command("message", "bulk", "--template", "double_anchor", "--name", "José")
    assert command("retire", "simple.eva.hilton") == "retired simple.eva.hilton: 1 partitions\n"
    assert command("retire", "stem.name.eva") == "retired stem.name.eva: 1 partitions\n"
    assert "datasets/names.txt line 1" in command("retire", JOSE, code=2)
    studio = box.studio()
    own = box.write("messages/own.wav", "people put files of theirs here")
    leftovers = find_leftovers(studio, recipes(studio))
    assert {"stems/name/stem.name.eva.wav", "messages/simple.eva.hilton.wav"} <= set(leftovers.files)
    delete_leftovers(studio, leftovers)
    assert own.exists()
    own.unlink()
    there = {path.name for path in [*box.root.glob("stems/*/*.wav"), *box.root.glob("messages/*.wav")]}
    assert there == {f"{JOSE}.wav", f"{HILTON}.wav", f"{FIRST}.wav"}
    assert stale(box).keys() == {ANA, HOLA, "all"}
    assert StemIndex(box.studio()).partitions() == ["all"]


# Cartesia


@pytest.mark.usefixtures("slept_s")
def test_cartesias_stems_carry_its_contract_and_another_version_makes_exactly_them_stale(
    box: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Cartesia(Orders(tmp_path / "cartesia.db"))
    monkeypatch.setenv("CARTESIA_API_KEY", server.key)
    box.write("price_card.toml", PRICES.replace('"cloud"', '"cartesia"').replace('"tones"', '"*"'))
    box.write("cast.toml", f'{CAST}[characters.katie]\nvoice = "cartesia:{VOICE}"\n')
    box.write("stems.toml", '[name]\ncharacter = "katie"\nlang = "es"\n')
    box.write("datasets/scripts.txt", "adiós\n")
    with serving(server.app) as url:
        box.overrides["cartesia"] = CartesiaSpeech(url=url, sample_rate_hz=24_000)
        found = made(box)
        facts = found[JOSE].sidecar.facts if found[JOSE].sidecar else {}
        told = {name: facts.get(name) for name in ("provider", "model", "api_version", "voice", "sample_rate_hz")}
        assert told == {
            "provider": "cartesia", "model": "sonic-3.5-2026-05-04", "api_version": "2026-08-14", "voice": VOICE,
            "sample_rate_hz": 24_000,
        }  # fmt: skip
        assert (facts["container"], facts["encoding"], facts["n_channels"]) == ("wav", "pcm_s16le", 1)
        assert len(server.orders.all) == 2
        refused = found[FIRST].failure
        assert refused is not None
        assert (refused.kind, f"{HILTON} is no match for {JOSE}: sample_rate_hz is 16000" in refused.reason) == (
            "upstream", True,
        )  # fmt: skip
        box.overrides["cartesia"] = CartesiaSpeech(url=url, sample_rate_hz=16_000)
        assert made(box)[FIRST].state == "rendered"
        box.overrides["cartesia"] = CartesiaSpeech(url=url, sample_rate_hz=16_000, version="2026-03-01")
        causes = stale(box)
        assert {key for key in causes if key.startswith("stem.")} == {JOSE, ANA}
        assert causes[JOSE] == ("api 2026-08-14 -> 2026-03-01",)
    client_of.cache_clear()
