import math
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.price_card import (
    Price,
    PriceCard,
    PriceCardError,
    PriceError,
    RetiredError,
    Unit,
    estimate_scene_usd,
    parse_price_card,
    price_of,
    retirement,
    retirement_warning,
)

SHIPPED = Path(__file__).resolve().parents[2] / "workflows" / "price_card.toml"
READ = date(2026, 11, 27)
"""The day on which the shipped prices were looked up."""
CARD = """
[[prices]]
provider = "studio"
model = "clip-1"
usd_per_second = 0.05
valid_from = 2026-01-01
valid_until = 2026-06-30
[[prices]]
provider = "studio"
model = "clip-1"
usd_per_second = 0.08
valid_from = 2026-07-01
retired_on = 2027-01-01
note = "720p"
[[prices]]
provider = "studio"
model = "clip-2"
usd_per_second = 1
valid_from = 2026-03-01
valid_until = 2026-03-31
"""
ROW = 'provider = "a"\nmodel = "b"\nusd_per_second = 1\nvalid_from = 2026-01-01\n'


def card(text: str = CARD) -> PriceCard:
    return parse_price_card(text.encode(), "prices.toml")


def test_each_day_has_its_own_price() -> None:
    days = ("2026-01-01", "2026-06-30", "2026-07-01", "2026-12-31")
    prices = [price_of(card(), "studio", "clip-1", date.fromisoformat(day)) for day in days]
    assert [(price.usd, price.unit) for price in prices] == [
        *[(0.05, "second")] * 2,
        *[(0.08, "second")] * 2,
    ]


@pytest.mark.parametrize(
    ("provider", "model", "day", "says"),
    [
        ("studoi", "clip-1", "2026-05-01", "'studoi' is not on the price card; did you mean 'studio'"),
        ("studio", "clip1", "2026-05-01", "'clip1' of studio is not on the price card; did you mean 'clip-1'"),
        ("studio", "xyz", "2026-05-01", "known are clip-1, clip-2"),
        ("studio", "clip-1", "2025-12-31", "a price only from 2026-01-01 on, not on 2025-12-31"),
        ("studio", "clip-1", "2027-01-01", "was retired on 2027-01-01"),
        ("studio", "clip-2", "2026-04-01", "no price since 2026-03-31"),
    ],
)
def test_no_price_says_why_and_what_to_do(provider: str, model: str, day: str, says: str) -> None:
    with pytest.raises(PriceError, match=says) as error:
        price_of(card(), provider, model, date.fromisoformat(day))
    assert "\n" not in str(error.value)


def test_a_gap_between_two_prices_names_its_beginning() -> None:
    text = CARD.replace("2026-07-01", "2026-09-01")
    with pytest.raises(PriceError, match="no price since 2026-06-30"):
        price_of(card(text), "studio", "clip-1", date(2026, 8, 1))


def test_two_prices_for_one_day_are_refused() -> None:
    with pytest.raises(PriceCardError, match="two prices of studio clip-1 hold on 2026-06-30; end the older one"):
        card(CARD.replace("2026-07-01", "2026-06-30"))


def test_a_price_without_an_end_ends_with_its_model() -> None:
    follows = "\n[[prices]]\n" + ROW.replace("2026-01-01", "2026-07-01")
    card("[[prices]]\n" + ROW + "retired_on = 2026-07-01" + follows)
    with pytest.raises(PriceCardError, match="hold on 2026-07-01"):
        card("[[prices]]\n" + ROW + follows)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            ROW.replace("usd_per_second = 1", "usd_per_second = -1"),
            "usd_per_second is -1; write a number from 0 to 1,000",
        ),
        (ROW.replace("usd_per_second = 1", 'usd_per_second = "1"'), "usd_per_second is '1'"),
        (ROW.replace("usd_per_second = 1", "usd_per_second = nan"), "usd_per_second is nan"),
        (ROW.replace("usd_per_second = 1", f"usd_per_second = 1{'0' * 400}"), "write a number from 0 to 1,000"),
        (
            ROW.replace("usd_per_second = 1", ""),
            "has no price; add usd_per_second, usd_per_1000_characters or usd_per_request; 0 for what is free",
        ),
        (ROW + "usd_per_request = 2", "has usd_per_second and usd_per_request; keep one of them"),
        (ROW + "usd_per_1000_characters = 0", "has usd_per_second and usd_per_1000_characters; keep one of them"),
        (ROW.replace("usd_per_second = 1", "usd_per_request = -1"), "usd_per_request is -1; write a number"),
        (ROW.replace("second", "minute"), "'usd_per_minute' is not known; did you mean 'usd_per_"),
        (ROW.replace("2026-01-01", '"2026-01-01"'), "valid_from is '2026-01-01', no date; write it as 2026-01-31"),
        (ROW.replace("2026-01-01", "2026-01-01T00:00:00"), "no date"),
        (ROW.replace("valid_from = 2026-01-01", ""), "valid_from is missing"),
        (ROW.replace('model = "b"', ""), "model is missing"),
        (ROW.replace('model = "b"', "model = 2"), "model is 2, no text"),
        (ROW + "valid_until = 2025-01-01", "ends on 2025-01-01, before 2026-01-01"),
        (ROW + "retire_on = 2027-01-01", "did you mean 'retired_on'"),
    ],
)
def test_a_mistake_names_the_row_and_what_to_write(row: str, says: str) -> None:
    with pytest.raises(PriceCardError, match=says) as error:
        card("[[prices]]\n" + row)
    assert str(error.value).startswith("prices.toml: [prices 1] ")


def test_prices_that_are_no_list_are_refused() -> None:
    with pytest.raises(PriceCardError, match=r"write each price as \[\[prices\]\]"):
        card("[prices]\n" + ROW)


def test_a_studio_s_rows_replace_those_of_the_models_that_they_name() -> None:
    own = CARD.split("[[prices]]")[3].replace("= 1\n", "= 2\n").replace("2026-03-31", "2026-12-31")
    merged = parse_price_card(("[[prices]]" + own).encode(), "own.toml", base=card())
    assert price_of(merged, "studio", "clip-2", date(2026, 10, 1)).usd == 2.0
    assert price_of(merged, "studio", "clip-1", date(2026, 10, 1)).usd == 0.08
    assert len(merged.prices) == 3


def test_a_clip_costs_its_seconds() -> None:
    price = price_of(card(), "studio", "clip-1", date(2026, 7, 1))
    assert [estimate_scene_usd(price, seconds) for seconds in (4, 8, 12)] == [0.32, 0.64, 0.96]


# Units


@pytest.mark.parametrize(
    ("key", "unit", "says"),
    [
        ("usd_per_second", "second", "$0.065 a second"),
        ("usd_per_1000_characters", "1000_characters", "$0.065 per 1,000 characters"),
        ("usd_per_request", "request", "$0.065 a request"),
    ],
)
def test_a_price_is_for_one_unit(key: str, unit: str, says: str) -> None:
    price = card("[[prices]]\n" + ROW.replace("usd_per_second = 1", f"{key} = 0.065")).prices[0]
    assert (price.usd, price.unit, price.text) == (0.065, unit, says)


def priced(usd: float, unit: Unit = "second") -> Price:
    return Price("a", "b", usd, date(2026, 1, 1), unit=unit)


@pytest.mark.parametrize(
    ("usd", "says"),
    [(0.1, "$0.10 a second"), (12.0, "$12.00 a second"), (1000.0, "$1,000.00 a second"), (0.0, "free"),
     (0.00006112, "$0.00006112 a second"), (0.125, "$0.125 a second")],
)  # fmt: skip
def test_a_price_is_read_to_its_last_digit(usd: float, says: str) -> None:
    assert priced(usd).text == says


@pytest.mark.parametrize(
    ("usd", "seconds", "cost"),
    [
        (0.1, 3, 0.3),  # 0.30000000000000004 in binary: not a hundredth of a cent more
        (0.05, 3, 0.15),
        (0.07, 5, 0.35),
        (1.1, 1.1, 1.21),
        (0.133, 8, 1.064),
        (0.00006112, 1, 0.0001),  # upwards
        (0.00006112, 30, 0.0019),  # 0.0018336
        (0.12345, 1, 0.1235),
        (0.123401, 1, 0.1235),
        (0.1234, 1, 0.1234),
        (0.2, 0.5, 0.1),
        (0.0, 3, 0.0),
        (0.0, 0, 0.0),
    ],
)
def test_a_second_costs_to_a_hundredth_of_a_cent_upwards(usd: float, seconds: float, cost: float) -> None:
    assert priced(usd).cost_usd(seconds=seconds) == cost


@pytest.mark.parametrize(
    ("usd", "n", "cost"),
    [(0.015, 1000, 0.015), (0.015, 1, 0.0001), (0.015, 4096, 0.0615), (0.03, 10, 0.0003), (0.065, 2000, 0.13)],
)
def test_characters_cost_by_the_thousand_but_are_counted_one_by_one(usd: float, n: int, cost: float) -> None:
    assert priced(usd, "1000_characters").cost_usd(n_characters=n, seconds=99.0) == cost


def test_a_request_costs_the_same_whatever_is_in_it() -> None:
    price = priced(0.2, "request")
    assert price.cost_usd() == price.cost_usd(seconds=60, n_characters=5000) == 0.2


@pytest.mark.parametrize(
    ("unit", "asked", "says"),
    [
        ("1000_characters", {}, "a b costs $2.00 per 1,000 characters, and this request has no text"),
        ("1000_characters", {"seconds": 5.0}, "has no text"),
        ("1000_characters", {"n_characters": -4}, "has no text"),
        ("second", {}, "a b costs $2.00 a second, and this request has no length"),
        ("second", {"n_characters": 5}, "has no length"),
        ("second", {"seconds": -1.0}, "has no length"),
        ("second", {"seconds": math.nan}, "has no length"),
        ("second", {"seconds": math.inf}, "has no length"),
    ],
)
def test_what_can_not_be_counted_has_no_price(unit: Unit, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(PriceError, match=re.escape(says)):
        priced(2.0, unit).cost_usd(**asked)


# Every model


STAR = """
[[prices]]
provider = "studio"
model = "*"
usd_per_request = 0.01
valid_from = 2026-01-01
[[prices]]
provider = "other"
model = "clip-9"
usd_per_second = 1
valid_from = 2026-01-01
"""


def test_a_star_is_the_price_of_every_model_without_a_row_of_its_own() -> None:
    both = card(CARD + STAR)
    day = date(2026, 7, 1)
    assert (price_of(both, "studio", "anything", day).usd, price_of(both, "studio", "clip-1", day).usd) == (0.01, 0.08)
    assert both.models("studio") == ("*", "clip-1", "clip-2")


def test_a_star_is_no_price_for_a_model_that_is_retired_or_has_none_then() -> None:
    both = card(CARD + STAR)
    with pytest.raises(PriceError, match="studio clip-1 was retired on 2027-01-01"):
        price_of(both, "studio", "clip-1", date(2027, 1, 1))
    with pytest.raises(PriceError, match="studio clip-2 has had no price since 2026-03-31"):
        price_of(both, "studio", "clip-2", date(2026, 7, 1))


def test_a_star_is_for_its_provider_only() -> None:
    with pytest.raises(PriceError, match="'anything' of other is not on the price card"):
        price_of(card(CARD + STAR), "other", "anything", date(2026, 7, 1))


def test_two_stars_for_one_day_are_refused() -> None:
    star = "[[prices]]" + STAR.split("[[prices]]")[1]
    with pytest.raises(PriceCardError, match=r"two prices of studio \* hold on 2026-01-01"):
        card(star + star)


def test_a_studio_s_own_star_leaves_the_rows_of_named_models() -> None:
    merged = parse_price_card(STAR.encode(), "own.toml", base=card())
    assert price_of(merged, "studio", "clip-1", date(2026, 7, 1)).usd == 0.08
    assert price_of(merged, "studio", "clip-3", date(2026, 7, 1)).usd == 0.01


# Retirement


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-11-01", ""),
        ("2026-10-01", ""),
        ("2026-11-02", "retires on 2027-01-01, in 60 days"),
        ("2026-12-31", "in 1 day:"),
        ("2027-01-01", "studio clip-1 was retired on 2027-01-01: choose another model or provider"),
    ],
)
def test_a_model_that_ends_soon_is_told(day: str, says: str) -> None:
    warning = retirement_warning(price_of(card(), "studio", "clip-1", date(2026, 7, 1)), date.fromisoformat(day))
    assert says in warning
    assert bool(warning) == bool(says)


def test_the_row_that_ends_a_model_is_its_last() -> None:
    ends = retirement(card(), "studio", "clip-1")
    assert ends is not None
    assert ends.retired_on == date(2027, 1, 1)
    assert retirement(card(), "studio", "clip-2") is None
    assert retirement(card(), "studio", "clip-3") is None
    came_back = (
        CARD + "[[prices]]\n" + ROW.replace('"a"', '"studio"').replace('"b"', '"clip-1"').replace("2026", "2028")
    )
    assert retirement(card(came_back), "studio", "clip-1") is None


def test_a_star_s_end_is_that_of_every_model_without_a_row_of_its_own() -> None:
    both = card(
        CARD + STAR.replace("valid_from = 2026-01-01\n[[", "valid_from = 2026-01-01\nretired_on = 2026-12-24\n[[", 1)
    )
    ends = [retirement(both, "studio", model) for model in ("anything", "clip-1", "clip-2")]
    assert [row and row.retired_on for row in ends] == [date(2026, 12, 24), date(2027, 1, 1), None]


def test_what_is_retired_is_told_apart_from_what_has_no_price() -> None:
    with pytest.raises(RetiredError, match="choose another model or provider"):
        price_of(card(), "studio", "clip-1", date(2027, 1, 1))
    for model, day in (("clip-2", "2026-07-01"), ("clip-1", "2025-12-31"), ("clip-3", "2026-07-01")):
        with pytest.raises(PriceError) as error:
            price_of(card(), "studio", model, date.fromisoformat(day))
        assert not isinstance(error.value, RetiredError)


def test_a_model_that_stays_needs_no_warning() -> None:
    assert retirement_warning(price_of(card(), "studio", "clip-2", date(2026, 3, 1)), date(2030, 1, 1)) == ""


def test_the_shipped_card_holds_the_embedded_engine_and_what_is_retired(shipped: PriceCard) -> None:
    assert price_of(shipped, "animatic", "animatic", date(2026, 11, 20)).usd == 0.0
    assert price_of(shipped, "openai", "sora-2", date(2026, 9, 23)).usd == 0.10
    with pytest.raises(PriceError, match="retired on 2026-09-24"):
        price_of(shipped, "openai", "sora-2", date(2026, 9, 24))


# The shipped card


@pytest.fixture(scope="module")
def shipped() -> PriceCard:
    return parse_price_card(SHIPPED.read_bytes(), str(SHIPPED))


def test_every_paid_price_says_where_it_is_from_and_when_it_was_read(shipped: PriceCard) -> None:
    paid = [price for price in shipped.prices if price.usd and not price.model.startswith("sora")]
    assert len(paid) > 15
    for price in paid:
        assert f"read {price.valid_from}" in price.note, f"{price.provider} {price.model}: {price.note}"
        assert re.search(r"[a-z]+\.(com|ai|so|io)/", price.note), f"{price.provider} {price.model}: {price.note}"


@pytest.mark.parametrize(
    ("provider", "model", "asked", "usd"),
    [
        ("cartesia", "sonic-3.5", {"n_characters": 1000}, 0.065),
        ("cartesia", "sonic-3-2026-01-12", {"n_characters": 30}, 0.002),
        ("openai", "tts-1", {"n_characters": 4096}, 0.0615),
        ("openai", "tts-1-hd", {"n_characters": 4096}, 0.1229),
        ("elevenlabs", "eleven_flash_v2_5", {"n_characters": 250}, 0.01),
        ("elevenlabs_alignment", "scribe", {"seconds": 3600}, 0.2204),
        ("elevenlabs_music", "music_v2", {"seconds": 180}, 0.45),
        ("fal", "fal-ai/veo3.1", {"seconds": 8}, 1.6),
        ("runway", "gen4_turbo", {"seconds": 10}, 0.5),
        ("sync_so", "sync-3", {"seconds": 4.2}, 0.5603),
        ("kokoro_fastapi", "kokoro", {"n_characters": 4096}, 0.0),
        ("comfyui", "any_workflow", {"seconds": 10}, 0.0),
    ],
)
def test_shipped_prices_add_up(
    shipped: PriceCard, provider: str, model: str, asked: dict[str, Any], usd: float
) -> None:
    assert price_of(shipped, provider, model, READ).cost_usd(**asked) == usd


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"])
def test_openai_s_voices_end_in_january_2027(shipped: PriceCard, model: str) -> None:
    price = price_of(shipped, "openai", model, READ)
    assert "in 40 days" in retirement_warning(price, READ)
    with pytest.raises(RetiredError, match=f"openai {model} was retired on 2027-01-06"):
        price_of(shipped, "openai", model, date(2027, 1, 6))


def test_every_video_model_that_is_shipped_has_a_price(shipped: PriceCard) -> None:
    table = SHIPPED.with_name("video_models.toml")
    if not table.is_file():
        pytest.skip("no table of video models is shipped")
    rows = tomllib.loads(table.read_text())["models"]
    named = {(row["provider"], row["model"]) for row in rows} - {("litellm", "*"), ("openai_videos", "*")}
    assert {(provider, model) for provider, model in named if not price_of(shipped, provider, model, READ)} == set()
