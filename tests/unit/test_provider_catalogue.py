from dataclasses import replace
from datetime import date

import orjson
import pytest

from audio_assets.domain.price_card import PriceCard, parse_price_card
from audio_assets.domain.provider_catalogue import (
    About,
    Answer,
    Catalogue,
    Provider,
    Use,
    address,
    catalogue,
    markdown,
    setup,
)
from audio_assets.domain.schemas.providers import answers_from_bytes, record, to_bytes
from audio_assets.domain.schemas.records import RecordError

CARD = parse_price_card(
    b"""
[[prices]]
provider = "sayer"
model = "say-1"
usd_per_1000_characters = 0.015
valid_from = 2026-01-01
retired_on = 2027-01-06
note = "from its page"
[[prices]]
provider = "sayer"
model = "say-2"
usd_per_1000_characters = 0.03
valid_from = 2026-01-01
[[prices]]
provider = "sayer"
model = "film-1"
usd_per_second = 0.1
valid_from = 2025-01-01
retired_on = 2026-09-24
[[prices]]
provider = "filmer"
model = "*"
usd_per_second = 0.05
valid_from = 2026-01-01
valid_until = 2026-11-30
[[prices]]
provider = "filmer"
model = "*"
usd_per_second = 0.06
valid_from = 2026-12-01
[[prices]]
provider = "lipper"
model = "*"
usd_per_second = 0
valid_from = 2026-01-01
""",
    "prices.toml",
)
TODAY = date(2026, 11, 27)

SPEAKS = About("speech", "speaks | well", "CC0", "paid", "https://sayer.example/terms", ("say-1", "say-2"))
SAYER = Provider("sayer", SPEAKS, is_ordered=True, model="say-1", key_variable="SAYER_KEY", is_key_needed=True,
                 is_key_set=True, url="https://me:secret@api.sayer.example/v1?token=secret")  # fmt: skip
FILMER = Provider(
    "filmer", About("video", "films", "its own", "freemium"), is_ordered=True, url="https://filmer.example"
)
LIPPER = Provider(
    "lipper", About("lip_sync", "moves mouths", "MIT", "open", needs="a server"), is_ordered=True, url="http://box:9"
)
HERE = Provider("here", About("speech", "speaks here", "CC0", "open", needs="its model, fetched once"))
ALL = (FILMER, LIPPER, SAYER, HERE)
ANNA = Use("speech", "sayer", "say-1", "anna in cast.toml")


def listed(*uses: Use, on: date = TODAY, providers: tuple[Provider, ...] = ALL, card: PriceCard = CARD) -> Catalogue:
    return catalogue(providers, uses, card, on)


def row_text(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| {name} |"))


# Rows


def test_rows_are_in_order_of_what_providers_do_and_then_of_their_names() -> None:
    assert [row.name for row in listed().rows] == ["here", "sayer", "filmer", "lipper"]
    assert listed(providers=ALL[::-1]).rows == listed().rows


def test_a_row_has_the_prices_of_the_day() -> None:
    def usd(on: date) -> list[float]:
        row = listed(on=on).row("filmer")
        assert row is not None
        return [price.usd for price in row.prices]

    assert (usd(date(2026, 11, 30)), usd(date(2026, 12, 1)), usd(date(2025, 12, 31))) == ([0.05], [0.06], [])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sayer", "say-1 $0.015 per 1,000 characters; say-2 $0.03 per 1,000 characters"),
        ("filmer", "$0.05 a second"),
        ("lipper", "free"),
        ("here", "free"),
    ],
)
def test_prices_are_told_in_a_line(name: str, says: str) -> None:
    row = listed().row(name)
    assert row is not None
    assert row.price_text == says


def test_models_of_the_same_name_s_other_trades_are_not_in_the_row() -> None:
    row = listed().row("sayer")
    assert row is not None
    assert "film-1" not in f"{row.prices} {row.ended}"
    anything = replace(SAYER, about=replace(SPEAKS, models=()))
    row = listed(providers=(anything,)).row("sayer")
    assert row is not None
    assert (row.ended, len(row.prices)) == ((), 2)


def test_a_model_that_ended_is_told_of_a_provider_that_is_meant_to_work_with_it() -> None:
    sentence = "sayer film-1 was retired on 2026-09-24: choose another model or provider"
    chosen = replace(SAYER, model="film-1", about=replace(SPEAKS, models=()))
    asked = Use("speech", "sayer", "film-1", "anna in cast.toml")
    for found in (listed(providers=(chosen,)), listed(asked, providers=(replace(chosen, model="say-1"),))):
        row = found.row("sayer")
        assert row is not None
        assert row.ended == (sentence,)


def test_without_a_price_nothing_can_be_ordered() -> None:
    ghost = replace(FILMER, name="ghost")
    row = listed(providers=(ghost, SAYER)).row("ghost")
    assert row is not None
    assert row.price_text == "none known"
    assert row.state.startswith("can not be ordered: the provider 'ghost' is not on the price card")
    early = listed(on=date(2025, 12, 31)).row("filmer")
    assert early is not None
    assert early.state == (
        "can not be ordered: filmer * has a price only from 2026-01-01 on, not on 2025-12-31; "
        "add a row for that day to the price card"
    )


def test_an_engine_on_this_machine_needs_no_price() -> None:
    row = listed(card=PriceCard(())).row("here")
    assert row is not None
    assert (row.problem, row.state, row.where) == ("", "ready", "")


# What ends


@pytest.mark.parametrize(
    ("day", "ending", "ended"),
    [
        ("2026-11-06", 0, 0),  # 61 days before
        ("2026-11-07", 1, 0),
        ("2027-01-05", 1, 0),
        ("2027-01-06", 0, 1),
        ("2028-01-01", 0, 1),
    ],
)
def test_a_model_that_ends_is_a_warning_for_60_days_and_then_a_refusal(day: str, ending: int, ended: int) -> None:
    found = listed(ANNA, on=date.fromisoformat(day))
    row = found.row("sayer")
    assert row is not None
    assert (len(row.ending), len(row.ended)) == (ending, ended)
    assert (len(found.retiring), len(found.retired)) == (ending, ended)


def test_many_models_that_end_are_counted_where_there_is_one_line_for_all() -> None:
    row = "[[prices]]\nprovider = 'filmer'\nusd_per_second = 1\nvalid_from = 2026-01-01\n"
    soon = f"{row}model = 'a'\nretired_on = 2026-12-24\n{row}model = 'b'\nretired_on = 2026-12-31\n"
    gone = f"{row}model = 'c'\nretired_on = 2026-02-01\n{row}model = 'd'\nretired_on = 2026-03-01\n"
    films = replace(FILMER, about=replace(FILMER.about, models=("a", "b", "c", "d")))

    def news(card: str) -> tuple[str, ...]:
        found = listed(providers=(films,), card=parse_price_card(card.encode(), "prices.toml")).row("filmer")
        assert found is not None
        return found.news

    assert news(soon + gone) == ("2 models have ended", "2 models end soon")
    assert [text[:30] for text in news(soon.rpartition(row)[0])] == ["filmer a retires on 2026-12-24"]
    assert news(row + "model = 'a'\n") == ()


def test_what_is_in_use_and_ends_says_when_and_who_uses_it() -> None:
    bo = replace(ANNA, by="bo in cast.toml")
    assert listed(ANNA, bo).retiring == (
        "sayer say-1 retires on 2027-01-06, in 40 days: render what needs it before, or choose another model "
        "(wanted by anna in cast.toml, bo in cast.toml)",
    )
    assert listed(replace(ANNA, model="say-2")).retiring == ()
    old = Use("video", "sayer", "film-1", "song harbour")
    assert listed(old).retired == (
        "sayer film-1 was retired on 2026-09-24: choose another model or provider (wanted by song harbour)",
    )


# What can not be had


@pytest.mark.parametrize(
    ("use", "change", "says"),
    [
        (ANNA, {}, ""),
        (ANNA, {"problem": "sayer needs a key: set SAYER_KEY"}, "sayer needs a key: set SAYER_KEY (wanted by anna"),
        (ANNA, {"answer": Answer(True, "2 voices")}, ""),
        (
            ANNA,
            {"answer": Answer(False, "timed out")},
            "sayer does not answer: timed out (wanted by anna in cast.toml)",
        ),
        (replace(ANNA, model=""), {}, ""),
        (replace(ANNA, model="say-9"), {}, "can not be ordered: the model 'say-9' of sayer is not on the price card"),
        (
            replace(ANNA, model="", provider="nobody"),
            {},
            "there is no speech provider 'nobody'; there are sayer (wanted by anna",
        ),
        (replace(ANNA, capability="lip_sync"), {}, "there is no lip-sync provider 'sayer'; that does speech: "),
        (replace(ANNA, model="film-1"), {}, ""),  # retired: told by itself, and once
    ],
)
def test_what_is_in_use_and_can_not_be_had_says_why(use: Use, change: dict[str, object], says: str) -> None:
    found = listed(use, providers=(replace(SAYER, **change),)).unusable  # type: ignore[arg-type]
    assert len(found) == bool(says)
    assert says in "".join(found)


def test_what_nobody_uses_may_be_as_it_is() -> None:
    broken = tuple(replace(provider, problem="no key", answer=Answer(False, "gone")) for provider in ALL)
    found = listed(providers=broken, on=date(2030, 1, 1))
    assert (found.retired, found.retiring, found.unusable) == ((), (), ())


def test_a_row_says_who_uses_the_provider_and_for_whom_it_stands_in() -> None:
    stands_in = Use("speech", "sayer", "", "[fallback] of providers.toml", is_stand_in=True)
    row = listed(ANNA, stands_in, Use("video", "sayer", "", "a song")).row("sayer")
    assert row is not None
    assert row.default_for == ("anna in cast.toml",)
    assert row.stands_in_for == ("[fallback] of providers.toml",)


def test_many_who_use_it_are_counted() -> None:
    many = [replace(ANNA, by=f"voice {n}") for n in range(9)]
    (sentence,) = listed(*many).retiring
    assert sentence.endswith("(wanted by voice 0, voice 1, voice 2 and 6 more)")
    assert "used by voice 0, voice 1, voice 2 and 6 more" in markdown(listed(*many))
    row = listed(*many, *many).row("sayer")
    assert row is not None
    assert len(row.default_for) == 9


# Addresses


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.sayer.example", "https://api.sayer.example"),
        ("https://me:secret@api.sayer.example:8443/v1/", "https://api.sayer.example:8443/v1"),
        ("https://secret@api.sayer.example", "https://api.sayer.example"),
        ("https://api.sayer.example/v1?key=secret#secret", "https://api.sayer.example/v1"),
        ("http://user:secret@[::1]:8188/", "http://[::1]:8188"),
        ("http://box:secret/", "unreadable"),
        ("http://[secret", "unreadable"),
        ("secret", ""),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert address(url) == shown


def test_no_form_of_the_catalogue_has_the_secret_in_an_address() -> None:
    found = listed(ANNA)
    assert b"secret" not in to_bytes(found, at="") + markdown(found).encode()


# Setting up


def test_what_is_needed_comes_first_then_the_choice_then_the_proof() -> None:
    assert setup(SAYER) == (
        "export SAYER_KEY=...",
        'voice = "sayer:VOICE" for a character in cast.toml; or speech = "sayer" under [use] in providers.toml, '
        "with voices of its own for the whole cast",
        "audio-assets providers sayer --probe",
    )
    assert setup(LIPPER) == (
        "start a server; it is asked at http://box:9, or where url under [providers.lipper] in providers.toml says",
        'lip_sync = "lipper" under [use] in providers.toml',
        "audio-assets providers lipper --probe",
    )
    assert setup(replace(LIPPER, url=""))[0] == (
        "start a server; and say where with url under [providers.lipper] in providers.toml"
    )
    films = replace(FILMER, about=replace(FILMER.about, models=("reel-1", "reel-2")))
    assert setup(films)[1] == 'video_provider = "filmer" and video_model = "reel-1" in the TOML file beside the song'
    assert setup(HERE)[0] == "it needs its model, fetched once"
    assert len(setup(HERE)) == 2


# Forms


def test_the_table_has_a_line_for_each_and_what_needs_attention_first() -> None:
    asked = replace(LIPPER, answer=Answer(False, "refused"))
    text = markdown(listed(ANNA, providers=(SAYER, asked, HERE)))
    assert text.startswith("- sayer say-1 retires on 2027-01-06")
    assert row_text(text, "sayer") == (
        "| sayer | speech: speaks \\| well | paid | [CC0](https://sayer.example/terms) "
        "| say-1 $0.015 per 1,000 characters; say-2 $0.03 per 1,000 characters | SAYER_KEY, set "
        "| not asked; sayer say-1 retires on 2027-01-06, in 40 days: render what needs it before, or choose another "
        "model; used by anna in cast.toml |"
    )
    assert row_text(text, "lipper").endswith("| free | none | does not answer: refused |")
    assert "not set" in row_text(markdown(listed(providers=(replace(SAYER, is_key_set=False),))), "sayer")
    assert markdown(listed()).startswith("| provider | does |")


def test_every_line_of_the_table_has_the_same_columns() -> None:
    ugly = replace(SAYER, about=replace(SPEAKS, summary="a\nb|c", licence="x|y"), problem="p|q\nr")
    lines = markdown(listed(providers=(ugly, HERE))).strip().splitlines()
    assert {line.replace("\\|", "").count("|") for line in lines} == {8}
    assert len(lines) == 4


def test_the_record_holds_what_the_rows_do() -> None:
    asked = replace(SAYER, answer=Answer(True, "42 voices"))
    found = record(listed(ANNA, providers=(asked, HERE)), at="2026-11-27T10:00:00+00:00")
    assert orjson.loads(to_bytes(listed(ANNA, providers=(asked, HERE)), at="2026-11-27T10:00:00+00:00")) == found
    assert (found["schema"], found["on"], found["at"], found["currency"]) == (
        "providers.1", "2026-11-27", "2026-11-27T10:00:00+00:00", "USD",
    )  # fmt: skip
    assert [row["name"] for row in found["providers"]] == ["here", "sayer"]
    sayer = found["providers"][1]
    assert sayer["where"] == "https://api.sayer.example/v1"
    assert sayer["answer"] == {"is_there": True, "text": "42 voices"}
    assert sayer["state"] == "answers: 42 voices"
    assert sayer["default_for"] == ["anna in cast.toml"]
    assert (sayer["key_variable"], sayer["is_key_needed"], sayer["is_key_set"]) == ("SAYER_KEY", True, True)
    assert sayer["prices"][0] == {
        "model": "say-1", "usd": 0.015, "unit": "1000_characters", "valid_from": "2026-01-01", "valid_until": None,
        "retired_on": "2027-01-06", "note": "from its page",
    }  # fmt: skip
    assert found["retiring"] == list(listed(ANNA).retiring)
    assert found["providers"][0]["answer"] is None
    (unset,) = record(listed(providers=(replace(SAYER, is_key_set=False),)))["providers"]
    assert (unset["is_key_needed"], unset["is_key_set"]) == (True, False)


def test_answers_come_back_from_the_record() -> None:
    asked = (replace(SAYER, answer=Answer(False, "timed out")), replace(FILMER, answer=Answer(True, "hello")), HERE)
    found = answers_from_bytes(to_bytes(listed(providers=asked), at=""))
    assert found == {"sayer": Answer(False, "timed out"), "filmer": Answer(True, "hello")}


@pytest.mark.parametrize("data", [b"", b"[]", b'{"schema":"providers.2"}', b'{"schema":"providers.1","providers":[3]}'])
def test_another_record_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        answers_from_bytes(data)
