import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pytest

from audio_assets import definitions
from audio_assets.books.songbook import REMIX_SCHEMA, REMIXES
from audio_assets.domain.price_card import parse_price_card
from audio_assets.domain.provider_catalogue import Answer, Catalogue, Use
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.settings import current
from audio_assets.shipped_providers import shipped_providers
from audio_assets.stages import catalog
from resources.lip_sync import MouthWarp
from resources.probing import probe_all
from resources.remote import RemoteProvider
from resources.speech import KokoroSpeech
from resources.vendors.openai_speech import OpenAiSpeech
from tests.graph.talking_box import KEY, Box, TalkingBox, engines_here
from tests.house import House
from tests.servers.serving import serving

READ = date(2026, 11, 27)
TODAY = datetime.now(UTC).date()
CARD = """
[[prices]]
provider = "box"
model = "say-1"
usd_per_1000_characters = 0.015
valid_from = 2026-01-01
{end}
[[prices]]
provider = "box"
model = "say-2"
usd_per_1000_characters = 0.03
valid_from = 2026-01-01
"""


@pytest.fixture
def server() -> Iterator[tuple[Box, str]]:
    box = Box()
    with serving(box.app) as url:
        yield box, url


@pytest.fixture
def box(server: tuple[Box, str]) -> Box:
    return server[0]


@pytest.fixture
def studio(house: House, server: tuple[Box, str], monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with a box that has its key and a price; nobody uses it yet."""
    monkeypatch.setenv("BOX_KEY", KEY)
    monkeypatch.setattr(definitions, "shipped_providers", engines_here)  # nobody else is asked
    house.overrides["box"] = TalkingBox(url=server[1])
    price(house)
    return house


def price(house: House, ends: date | None = None) -> None:
    house.write("price_card.toml", CARD.format(end=f"retired_on = {ends}" if ends else ""))


def cast(house: House, engine: str = "box", more: str = "") -> None:
    house.write("cast.toml", f'[narrator]\nvoice = "af_heart"\n[characters.anna]\nvoice = "{engine}:anna"\n{more}')


def song(house: House, name: str, settings: str) -> None:
    record = SongRecord(name, f"{name}.wav", f"/{name}.wav", "0" * 64, 1, 1, settings, f"{name}.toml")
    house.studio().store.write(f"songs/{name}.json", record.to_bytes())


def look(house: House, *, probe: bool = False) -> Catalogue:
    opened = house.studio()
    return catalog.take_stock(opened, catalog.ask(opened) if probe else {})


def about_box(listed: Catalogue) -> tuple[str, ...]:
    """What stands in the way of something in use, of the box only."""
    return tuple(one for one in listed.unusable if "box" in one)


def materialize(house: House, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [catalog.provider_catalogue, *catalog.CHECKS],
        instance=instance,
        resources=house.resources,
        run_config={"ops": {"provider_catalogue": {"config": config}}} if config else {},
        raise_on_error=False,
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str, str]]:
    """Check -> (passed, severity, description)."""
    return {
        one.check_name: (one.passed, one.severity.value, one.description or "")
        for one in result.get_asset_check_evaluations()
    }


# What is in use


def test_settings_cast_and_songs_say_what_is_in_use(studio: House) -> None:
    cast(studio, more='fallback = "kokoro"\n')
    studio.write("providers.toml", '[use]\nvideo = "filmer:clip-9"\n[fallback]\nspeech = "box:anna"\n')
    song(studio, "harbour", 'video_provider = "openai"\nvideo_model = "sora-2"\nvideo_fallback = "animatic"\n')
    song(studio, "drift", "")
    song(studio, "broken", "video_provider = 3\n")
    found = set(catalog.uses(studio.studio()))
    assert found >= {
        Use("speech", "kokoro", "", "default"),
        Use("speech", "kokoro", "", "[narrator] in cast.toml"),
        Use("speech", "box", "say-1", "[characters.anna] in cast.toml"),
        Use("speech", "kokoro", "", "[characters.anna] in cast.toml", is_stand_in=True),
        Use("speech", "box", "say-1", "[narrator] in cast.toml", is_stand_in=True),
        Use("speech", "box", "say-1", "[fallback] in providers.toml", is_stand_in=True),
        Use("video", "filmer", "clip-9", "[use] in providers.toml"),
        Use("video", "openai", "sora-2", "song harbour"),
        Use("video", "animatic", "animatic", "song harbour", is_stand_in=True),
        Use("video", "filmer", "clip-9", "song drift"),
        Use("alignment", "pocketsphinx", "", "default"),
        Use("lip_sync", "mouth_warp", "", "default"),
    }
    assert not [use for use in found if "broken" in use.by or use.provider == "3"]


def test_remixes_say_what_is_in_use_where_they_name_it(studio: House) -> None:
    asked = {"scene_id": "s1", "target_style": "lofi"}
    store = studio.studio().store
    for name, more in {
        "quiet": {},
        "loud": {"provider": "elevenlabs_music", "model": "music_v1", "fallback": "remixer"},
        "other": {"provider": "shop"},
        "broken": {"provider": 3},
    }.items():
        store.write(f"{REMIXES}/{name}.json", orjson.dumps({"schema": REMIX_SCHEMA, "request": asked | more}))
    found = [use for use in catalog.uses(studio.studio()) if use.by.startswith("remix ")]
    assert found == [
        Use("music", "elevenlabs_music", "music_v1", "remix loud"),
        Use("music", "remixer", found[1].model, "remix loud", is_stand_in=True),
        Use("music", "shop", "", "remix other"),
    ]


def test_a_provider_without_a_model_in_its_settings_is_held_against_the_one_that_it_orders(studio: House) -> None:
    studio.overrides["openai"] = OpenAiSpeech(called="openai")
    cast(studio, engine="openai")
    opened = studio.studio()
    found = catalog.take_stock(opened, {}, today=date(2027, 1, 6))
    assert [one for one in found.retired if one.startswith("openai gpt-4o-mini-tts was retired on 2027-01-06")]
    assert Use("speech", "openai", "gpt-4o-mini-tts", "[characters.anna] in cast.toml") in catalog.uses(opened)


def test_a_character_is_spoken_by_the_engines_of_all_its_languages_and_none_stands_in_for_itself(studio: House) -> None:
    studio.write("providers.toml", '[fallback]\nspeech = "kokoro:af_bella"\n')
    cast(studio, more='[characters.anna.voices]\nfr = "espeak:fr"\n[characters.bo]\n')
    found = {
        (use.provider, use.is_stand_in)
        for use in catalog.uses(studio.studio())
        if use.by == "[characters.anna] in cast.toml"
    }
    assert found == {("box", False), ("espeak", False), ("kokoro", True)}
    narrator = [use for use in catalog.uses(studio.studio()) if use.by == "[narrator] in cast.toml"]
    assert [(use.provider, use.is_stand_in) for use in narrator] == [("kokoro", False)]
    same = [use for use in catalog.uses(studio.studio()) if use.by == "[characters.bo] in cast.toml"]
    assert [(use.provider, use.is_stand_in) for use in same] == [("kokoro", False)]


def test_another_server_of_a_kind_is_in_the_catalogue_under_its_own_name(studio: House) -> None:
    studio.write(
        "providers.toml", '[providers.attic]\nkind = "box"\nurl = "https://attic.example/v1"\nmodel = "say-2"\n'
    )
    row = look(studio).row("attic")
    assert row is not None
    assert (row.provider.model, row.where) == ("say-2", "https://attic.example/v1")
    assert row.state.startswith("can not be ordered: the provider 'attic' is not on the price card")


def test_a_cast_that_can_not_be_read_costs_only_itself(studio: House) -> None:
    studio.write("cast.toml", "[narrator\n")
    assert look(studio).row("box") is not None


def test_a_mistake_in_the_providers_file_is_told_first(studio: House) -> None:
    studio.write("providers.toml", "[use]\nspeach = 'box'\n")
    assert "did you mean 'speech'" in look(studio).unusable[0]


# The asset


def test_the_asset_keeps_the_catalogue_and_shows_it(studio: House, instance: dg.DagsterInstance, box: Box) -> None:
    cast(studio)
    result = materialize(studio, instance)
    assert result.success
    kept = orjson.loads((studio.root / "catalogue" / "providers.json").read_bytes())
    assert (kept["schema"], kept["on"]) == ("providers.1", TODAY.isoformat())
    assert datetime.fromisoformat(kept["at"]).utcoffset() == timedelta(0)
    row = next(one for one in kept["providers"] if one["name"] == "box")
    assert row["answer"] == {"is_there": True, "text": "3 voices"}
    assert row["default_for"] == ["[characters.anna] in cast.toml"]
    assert row["is_key_set"] is True
    assert box.n_asked == 1
    (event,) = result.asset_materializations_for_node("provider_catalogue")
    text = (studio.root / "catalogue" / "providers.md").read_text()
    assert event.metadata["catalogue"] == dg.MetadataValue.md(text)
    assert "| box | speech: speaks from a box | paid | [CC0](https://box.example/terms) |" in text
    assert event.metadata["n_providers"].value == len(kept["providers"])
    assert (event.metadata["n_asked"].value, event.metadata["n_answering"].value) == (1, 1)
    assert event.metadata["n_with_key_or_none_needed"].value == len(kept["providers"])


def test_nobody_is_asked_where_the_config_says_so(studio: House, instance: dg.DagsterInstance, box: Box) -> None:
    assert materialize(studio, instance, probe=False).success
    assert box.n_asked == 0
    assert look(studio).row("box") is not None
    assert box.n_asked == 0


def test_no_key_is_in_anything_that_is_kept(studio: House, instance: dg.DagsterInstance, box: Box) -> None:
    box.refuses = True  # and repeats the key in its answer
    result = materialize(studio, instance)
    assert result.success
    kept = b"".join(path.read_bytes() for path in (studio.root / "catalogue").iterdir())
    assert b"not known" in kept
    assert KEY.encode() not in kept
    assert KEY not in str([event.metadata for event in result.asset_materializations_for_node("provider_catalogue")])
    assert KEY not in str(checks(result))


def test_a_price_card_with_a_mistake_is_one_sentence(studio: House, instance: dg.DagsterInstance) -> None:
    studio.write("price_card.toml", "[[prices]]\n")
    result = materialize(studio, instance)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert failure.error is not None
    assert "[prices 1] has no price" in failure.error.message


# The checks


@pytest.mark.parametrize(
    ("days", "passed", "severity", "says"),
    [
        (61, True, "WARN", "nothing in use ends within 60 days"),
        (60, False, "WARN", "box say-1 retires on"),
        (1, False, "WARN", "in 1 day:"),
        (0, False, "ERROR", "box say-1 was retired on"),
        (-400, False, "ERROR", "box say-1 was retired on"),
    ],
)
def test_what_ends_is_a_warning_and_what_has_ended_an_error(
    studio: House, instance: dg.DagsterInstance, days: int, passed: bool, severity: str, says: str
) -> None:
    cast(studio)
    ends = TODAY + timedelta(days=days)
    studio.write("price_card.toml", CARD.replace("2026-01-01", "2020-01-01").format(end=f"retired_on = {ends}"))
    found = checks(materialize(studio, instance, probe=False))["none_retired"]
    assert found[:2] == (passed, severity)
    assert says in found[2]
    assert passed or "(wanted by [characters.anna] in cast.toml)" in found[2]


def test_what_has_ended_is_no_matter_where_nobody_uses_it(studio: House, instance: dg.DagsterInstance) -> None:
    price(studio, date(2026, 2, 1))
    assert checks(materialize(studio, instance, probe=False))["none_retired"][0]


def test_a_song_with_a_model_that_was_shut_off_is_an_error(studio: House, instance: dg.DagsterInstance) -> None:
    song(studio, "harbour", 'video_provider = "openai"\nvideo_model = "sora-2"\n')
    passed, severity, says = checks(materialize(studio, instance, probe=False))["none_retired"]
    assert (passed, severity) == (False, "ERROR")
    assert "openai sora-2 was retired on 2026-09-24" in says
    assert "song harbour" in says


def test_what_is_in_use_has_to_answer(studio: House, instance: dg.DagsterInstance, box: Box) -> None:
    cast(studio)
    box.refuses = True
    passed, severity, says = checks(materialize(studio, instance))["all_in_use_answer"]
    assert (passed, severity) == (False, "WARN")
    assert "box does not answer: " in says
    assert "wanted by [characters.anna] in cast.toml" in says
    box.refuses = False
    assert "box" not in checks(materialize(studio, instance))["all_in_use_answer"][2]


def test_what_is_in_use_needs_key_address_and_price(studio: House, monkeypatch: pytest.MonkeyPatch, box: Box) -> None:
    cast(studio)
    assert about_box(look(studio)) == ()
    (studio.root / "price_card.toml").unlink()
    assert "can not be ordered: the provider 'box' is not on the price card" in about_box(look(studio))[0]
    monkeypatch.delenv("BOX_KEY")
    assert "box needs a key: set BOX_KEY in the environment" in about_box(look(studio, probe=True))[0]
    studio.overrides["box"] = TalkingBox()
    assert "box has no address" in about_box(look(studio, probe=True))[0]
    assert catalog.ask(studio.studio()) == {}
    assert box.n_asked == 0


def test_a_provider_that_is_no_more_is_told(studio: House) -> None:
    cast(studio, engine="nobody")
    assert [one for one in look(studio).unusable if one.startswith("there is no speech provider 'nobody'; there are ")]


def test_the_check_believes_the_answers_that_were_kept(studio: House, box: Box, instance: dg.DagsterInstance) -> None:
    cast(studio)
    box.refuses = True
    materialize(studio, instance)
    box.refuses = False
    assert catalog.kept_answers(studio.studio())["box"].is_there is False
    n_asked = box.n_asked
    result = catalog.all_in_use_answer(dg.build_asset_check_context(), studio=studio.resources["studio"])
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed
    assert box.n_asked == n_asked
    (studio.root / "catalogue" / "providers.json").write_bytes(b"{")
    assert catalog.kept_answers(studio.studio()) == {}


# Asking


def test_asking_takes_no_longer_than_it_may_however_many_hang(box: Box, server: tuple[Box, str]) -> None:
    box.hangs = True
    hanging = {f"box{n}": TalkingBox(called=f"box{n}", url=server[1], key_variable="PATH") for n in range(8)}
    began = time.monotonic()
    found = probe_all(hanging, wait_s=0.3)
    assert time.monotonic() - began < 2.0
    assert found == {name: Answer(False, "nothing within 0.3 s") for name in hanging}


@pytest.mark.usefixtures("studio")
def test_one_that_hangs_costs_the_others_nothing(server: tuple[Box, str]) -> None:
    slow = Box(hangs=True)
    with serving(slow.app) as url:
        found = probe_all({"box": TalkingBox(url=server[1]), "slow": TalkingBox(called="slow", url=url)}, wait_s=0.5)
    assert found["box"] == Answer(True, "3 voices")
    assert not found["slow"].is_there


def test_a_refused_connection_is_told_as_that_whoever_refuses_it(caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    servers = {name: OpenAiSpeech(called=name, url=url) for name in ("kokoro_fastapi", "vllm_omni", "localai")}
    began = time.monotonic()
    found = probe_all(servers)
    assert time.monotonic() - began < 2.0, "each is asked once"
    assert all("refused" in answer.text and "tries" not in answer.text for answer in found.values())
    assert not caplog.messages


def test_whatever_goes_wrong_is_told_and_never_raised() -> None:
    class Wild(TalkingBox):
        fault: str

        def probe(self) -> str:
            raise {"key": KeyError("voices"), "value": ValueError(f"key {KEY}\nand more"), "empty": OSError()}[
                self.fault
            ]

    found = probe_all({fault: Wild(fault=fault) for fault in ("key", "value", "empty")})
    assert not any(answer.is_there for answer in found.values())
    assert KEY not in found["value"].text
    assert "\n" not in found["value"].text
    assert found["empty"].text == "OSError"


def test_a_port_that_nobody_serves_is_an_answer_too(studio: House) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    studio.overrides["box"] = TalkingBox(url=f"http://127.0.0.1:{port}")
    cast(studio)
    (says,) = about_box(look(studio, probe=True))
    assert says.startswith("box does not answer: ")


def test_an_engine_here_says_what_it_lacks(studio: House, tmp_path: Path) -> None:
    class Tool(MouthWarp):
        def problem(self) -> str:
            return "the tool has no folder: set folder"

    studio.overrides |= {
        "kokoro": KokoroSpeech(cache=str(tmp_path)),
        "mouth_warp": Tool(cache=str(tmp_path)),
    }
    unusable = look(studio).unusable
    assert [one for one in unusable if one.startswith("the Kokoro model is not here: run `audio-assets models fetch")]
    assert "the tool has no folder: set folder (wanted by default)" in unusable


def test_only_those_that_are_named_are_asked(studio: House, box: Box) -> None:
    opened = studio.studio()
    assert catalog.ask(opened, "kokoro") == {}
    assert box.n_asked == 0
    assert catalog.ask(opened, "box") == {"box": Answer(True, "3 voices")}


# In the graph


def test_the_catalogue_is_an_asset_of_the_studio_with_its_checks(house: House) -> None:
    graph = house.defs.resolve_asset_graph()
    key = dg.AssetKey("provider_catalogue")
    spec = next(spec for spec in house.defs.resolve_all_asset_specs() if spec.key == key)
    assert (spec.group_name, set(spec.kinds), list(spec.owners), spec.partitions_def) == (
        "providers", {"json"}, ["team:production"], None,
    )  # fmt: skip
    assert {check.name for check in graph.asset_check_keys if check.asset_key == key} == {
        "none_retired", "all_in_use_answer",
    }  # fmt: skip


def test_the_catalogue_s_files_are_left_by_a_clean_up(studio: House, instance: dg.DagsterInstance) -> None:
    from audio_assets.commands.lineage_commands import collect

    materialize(studio, instance, probe=False)
    collect(is_dry=False, keep_days=0)
    assert {path.name for path in Path(studio.root / "catalogue").iterdir()} == {"providers.json", "providers.md"}


# The README

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
SECTION = README.partition("\n## Providers\n")[2].partition("\n## ")[0]


def rows() -> dict[str, list[str]]:
    """The cells of the README's table by the name of each provider."""
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line[:2] == "| "]
    return {name: cells for cells in table[1:] for name in re.findall(r"`(\w+)`", cells[0])}


@pytest.mark.usefixtures("root")
def test_the_readme_has_every_provider_with_its_key_and_offer() -> None:
    said = rows()
    for name, provider in shipped_providers(current()).items():
        assert name in said, f"the README's table has no row for {name}"
        facts = catalog.facts(name, provider)
        _, _, key, offer, *_ = said[name]
        assert offer.startswith(facts.about.offer), f"{name}: {offer!r} is not {facts.about.offer}"
        assert (facts.key_variable or "none") in key, f"{name}: {key!r} does not name {facts.key_variable}"


@pytest.mark.usefixtures("root")
def test_the_readme_has_a_set_up_for_every_provider_elsewhere() -> None:
    how = SECTION.partition("```\n")[2].rpartition("```")[0]
    for name, provider in shipped_providers(current()).items():
        if isinstance(provider, RemoteProvider):
            assert re.search(rf"\b{name}\b|\b{name.removeprefix('comfyui')}\b", how), f"no set-up for {name}"


def test_the_prices_in_the_readme_are_those_of_the_card() -> None:
    shipped = parse_price_card((Path(__file__).resolve().parents[2] / "workflows/price_card.toml").read_bytes(), "card")
    said = rows()
    priced = {price.provider for price in shipped.prices}
    assert priced <= said.keys()
    for name in priced:
        today = [
            price for price in shipped.prices if price.provider == name and price.valid_from <= READ <= price.last_day
        ]
        told = [float(amount) for amount in re.findall(r"\$([0-9.]+)", said[name][4])]
        usd = [price.usd for price in today]
        assert told == ([] if not any(usd) else sorted({min(usd), max(usd)})), f"{name}: {said[name][4]}"
        assert bool(told) != (said[name][4] == "free")
