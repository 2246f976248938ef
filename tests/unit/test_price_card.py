from datetime import date
from pathlib import Path

import pytest

from audio_assets.domain.price_card import (
    PriceCard,
    PriceCardError,
    PriceError,
    estimate_scene_usd,
    parse_price_card,
    price_of,
    retirement_warning,
)

SHIPPED = Path(__file__).resolve().parents[2] / "workflows" / "price_card.toml"
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
    prices = {day: price_of(card(), "studio", "clip-1", date.fromisoformat(day)).usd
              for day in ("2026-01-01", "2026-06-30", "2026-07-01", "2026-12-31")}  # fmt: skip
    assert list(prices.values()) == [0.05, 0.05, 0.08, 0.08]


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
        (ROW.replace("usd_per_second = 1", ""), "usd_per_second is missing; add usd_per_second = 0.10"),
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


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-10-01", ""),
        ("2026-11-02", "retires on 2027-01-01, in 60 days"),
        ("2026-12-31", "in 1 day:"),
        ("2027-01-01", "was retired on 2027-01-01"),
    ],
)
def test_a_model_that_ends_soon_is_told(day: str, says: str) -> None:
    warning = retirement_warning(price_of(card(), "studio", "clip-1", date(2026, 7, 1)), date.fromisoformat(day))
    assert says in warning
    assert bool(warning) == bool(says)


def test_a_model_that_stays_needs_no_warning() -> None:
    assert retirement_warning(price_of(card(), "studio", "clip-2", date(2026, 3, 1)), date(2030, 1, 1)) == ""


def test_the_shipped_card_holds_the_embedded_engine_and_what_is_retired() -> None:
    shipped = parse_price_card(SHIPPED.read_bytes(), str(SHIPPED))
    assert price_of(shipped, "animatic", "animatic", date(2026, 11, 20)).usd == 0.0
    assert price_of(shipped, "openai", "sora-2", date(2026, 9, 23)).usd == 0.10
    with pytest.raises(PriceError, match="retired on 2026-09-24"):
        price_of(shipped, "openai", "sora-2", date(2026, 9, 24))
