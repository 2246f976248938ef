"""What a provider's work costs, by provider, model and day: rows with dates, read from a price card.

The shipped card is `workflows/price_card.toml`; a studio's own card has the same shape and replaces every row of the
models that it names. What a song costs is in `storyboard.py`; what was paid is a ledger's business.

    [[prices]]
    provider = "openai"
    model = "sora-2"            # "*" for every model that has no row of its own
    usd_per_second = 0.10       # or usd_per_1000_characters, or usd_per_request
    valid_from = 2025-10-06
    valid_until = 2026-09-23    # the last day of this price; leave it out while it holds
    retired_on = 2026-09-24     # the first day without the model
    note = "720p"
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal, TypeVar, get_args

from audio_assets.domain import toml_values as value
from audio_assets.domain.money_text import dollars
from audio_assets.domain.toml_tables import TomlError, check_keys, nearest, parse_toml, table

CURRENCY = "USD"
RETIREMENT_NOTICE_DAYS = 60
_MOST_USD = 1_000  # for one unit
EVERY_MODEL = "*"
Unit = Literal["second", "1000_characters", "request"]
_UNITS: tuple[Unit, ...] = get_args(Unit)
_UNIT_TEXTS: Mapping[Unit, str] = {
    "second": "a second",
    "1000_characters": "per 1,000 characters",
    "request": "a request",
}
_KEYS = (
    "provider",
    "model",
    *(f"usd_per_{unit}" for unit in _UNITS),
    "valid_from",
    "valid_until",
    "retired_on",
    "note",
)

Given = TypeVar("Given", str, float, date)


class PriceCardError(ValueError):
    """A mistake in a price card; one sentence names the file, the row and what to do."""


class PriceError(ValueError):
    """There is no price for a model on a day; one sentence says why and what to do."""


class RetiredError(PriceError):
    """The model is gone since a day."""


@dataclass(frozen=True, slots=True)
class Price:
    """One row: US dollars per `unit`: a second of clip or sound, 1,000 characters of text, or a request.

    `valid_until` is its last day, `retired_on` the first day without it.
    """

    provider: str
    model: str
    usd: float
    valid_from: date
    valid_until: date | None = None
    retired_on: date | None = None
    note: str = ""
    unit: Unit = "second"

    def cost_usd(self, *, seconds: float = 0.0, n_characters: int = 0) -> float:
        """What one request costs, to a hundredth of a cent, upwards.

        Raises:
            PriceError: it is priced by something that the request does not have.
        """
        if not self.usd:
            return 0.0
        amount = {"second": seconds, "1000_characters": n_characters / 1000, "request": 1.0}[self.unit]
        if not 0 < amount < math.inf:
            missing = "no text" if self.unit == "1000_characters" else "no length"
            raise PriceError(f"{self.provider} {self.model} costs {self.text}, and this request has {missing}")
        # 3 seconds at 0.1 are 0.30000000000000004: what is not there is not rounded up
        return math.ceil(round(self.usd * amount * 10_000, 6)) / 10_000

    @property
    def text(self) -> str:
        """What a reader is told: `$0.065 per 1,000 characters`, `free`."""
        if not self.usd:
            return "free"
        return f"{dollars(self.usd)} {_UNIT_TEXTS[self.unit]}"

    @property
    def last_day(self) -> date:
        """The last day on which the row can be used."""
        retired = self.retired_on - timedelta(days=1) if self.retired_on else date.max
        return min(self.valid_until or date.max, retired)


@dataclass(frozen=True, slots=True)
class PriceCard:
    """Rows in order of provider, model and day; no two of one model hold on the same day."""

    prices: tuple[Price, ...]

    def models(self, provider: str) -> tuple[str, ...]:
        """The models of a provider, each once."""
        return tuple(dict.fromkeys(price.model for price in self.prices if price.provider == provider))

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers, each once."""
        return tuple(dict.fromkeys(price.provider for price in self.prices))


def parse_price_card(data: bytes, path: str, *, base: PriceCard | None = None) -> PriceCard:
    """Read a card; with a `base` the rows of every model that is not named here are the base's.

    Raises:
        PriceCardError: a TOML mistake, a missing or wrong value, two rows that hold on the same day.
    """
    try:
        root = parse_toml(data, path)
        check_keys(root, ("prices",), "", path)
        own = _prices(root.get("prices", []), path)
    except TomlError as error:
        raise PriceCardError(str(error)) from error
    named = {(price.provider, price.model) for price in own}
    kept = [price for price in (base.prices if base else ()) if (price.provider, price.model) not in named]
    return PriceCard(tuple(sorted([*kept, *own], key=lambda price: (price.provider, price.model, price.valid_from))))


def price_of(card: PriceCard, provider: str, model: str, on: date) -> Price:
    """The one row that holds for a model on a day.

    Raises:
        PriceError: the provider or model is not on the card (with the nearest name), is retired, or has no price then.
    """
    if provider not in card.providers:
        raise PriceError(_unknown(f"the provider {value.shown(provider)}", provider, card.providers))
    rows = _rows(card, provider, model)
    if not rows:
        raise PriceError(_unknown(f"the model {value.shown(model)} of {provider}", model, card.models(provider)))
    for price in rows:
        if price.valid_from <= on <= price.last_day:
            return price
    last = rows[-1]
    kind = RetiredError if last.retired_on and on >= last.retired_on else PriceError
    raise kind(f"{provider} {model} {_why_none(rows, on)}")


def price_record(price: Price) -> dict[str, Any]:
    """The row as plain JSON values; days are ISO dates."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(price).items()}


def price_from_record(record: Mapping[str, Any]) -> Price:
    """The row that `price_record` wrote."""
    ends = {name: record[name] and date.fromisoformat(record[name]) for name in ("valid_until", "retired_on")}
    return Price(**{**record, **ends, "valid_from": date.fromisoformat(record["valid_from"])})


def retirement(card: PriceCard, provider: str, model: str) -> Price | None:
    """The row that says when a model ends or ended, None where its last row says nothing of that."""
    return next((price for price in _rows(card, provider, model)[-1:] if price.retired_on), None)


def estimate_scene_usd(price: Price, clip_seconds: float) -> float:
    """What one clip costs, to a hundredth of a cent: clips are billed whole, however much of them a scene shows."""
    return price.cost_usd(seconds=clip_seconds)


def retirement_warning(price: Price, on: date, *, within_days: int = RETIREMENT_NOTICE_DAYS) -> str:
    """One sentence when the model is soon gone, else ""."""
    if price.retired_on is None:
        return ""
    n_days = (price.retired_on - on).days
    name = f"{price.provider} {price.model}"
    if n_days <= 0:
        return f"{name} was retired on {price.retired_on}: choose another model or provider"
    if n_days > within_days:
        return ""
    days = "1 day" if n_days == 1 else f"{n_days} days"
    return f"{name} retires on {price.retired_on}, in {days}: render what needs it before, or choose another model"


def _rows(card: PriceCard, provider: str, model: str) -> list[Price]:
    """The rows of a model, those of every model where it has none."""
    of_provider = [price for price in card.prices if price.provider == provider]
    own = [price for price in of_provider if price.model == model]
    return own or [price for price in of_provider if price.model == EVERY_MODEL]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    return f"{what} is not on the price card; {nearest(name, names) or 'known are ' + ', '.join(names)}"


def _why_none(rows: list[Price], on: date) -> str:
    last = rows[-1]
    if last.retired_on and on >= last.retired_on:
        return f"was retired on {last.retired_on}; choose another model or provider"
    if on < rows[0].valid_from:
        return f"has a price only from {rows[0].valid_from} on, not on {on}; add a row for that day to the price card"
    ended = max(price.last_day for price in rows if price.last_day < on)
    return f"has had no price since {ended}; look up what it costs and add a row to the price card"


def _check_overlaps(prices: Iterable[Price], path: str) -> None:
    by_model: dict[tuple[str, str], list[Price]] = defaultdict(list)
    for price in prices:
        by_model[price.provider, price.model].append(price)
    for (provider, model), rows in by_model.items():
        for before, after in pairwise(sorted(rows, key=lambda price: price.valid_from)):
            if after.valid_from <= before.last_day:
                what = f"two prices of {provider} {model} hold on {after.valid_from}"
                raise TomlError(path, "prices", what, "end the older one with valid_until, on the day before")


def _prices(rows: object, path: str) -> list[Price]:
    if not isinstance(rows, list):
        raise TomlError(path, "prices", "is no list of tables", "write each price as [[prices]] with its keys below")
    prices = [_price(table(row, f"prices {n}", path), f"prices {n}", path) for n, row in enumerate(rows, start=1)]
    _check_overlaps(prices, path)
    return prices


def _price(row: Mapping[str, Any], key: str, path: str) -> Price:
    check_keys(row, _KEYS, key, path)
    unit = _unit(row, key, path)
    usd = value.number(row, f"usd_per_{unit}", 0.0, _MOST_USD, key, path)
    price = Price(
        provider=_needed(value.text(row, "provider", key, path), "provider", '"..."', key, path),
        model=_needed(value.text(row, "model", key, path), "model", '"..."', key, path),
        usd=_needed(usd, f"usd_per_{unit}", "0.10", key, path),
        unit=unit,
        valid_from=_needed(value.day(row, "valid_from", key, path), "valid_from", "2026-01-31", key, path),
        valid_until=value.day(row, "valid_until", key, path),
        retired_on=value.day(row, "retired_on", key, path),
        note=value.text(row, "note", key, path) or "",
    )
    if price.last_day < price.valid_from:
        raise TomlError(path, key, f"ends on {price.last_day}, before {price.valid_from}", "correct one of the dates")
    return price


def _unit(row: Mapping[str, Any], key: str, path: str) -> Unit:
    """What the row's price is counted by."""
    named = [unit for unit in _UNITS if f"usd_per_{unit}" in row]
    if len(named) == 1:
        return named[0]
    if named:
        raise TomlError(path, key, f"has {' and '.join(f'usd_per_{unit}' for unit in named)}", "keep one of them")
    *others, last = (f"usd_per_{unit}" for unit in _UNITS)
    raise TomlError(path, key, "has no price", f"add {', '.join(others)} or {last}; 0 for what is free")


def _needed(found: Given | None, name: str, example: str, key: str, path: str) -> Given:
    if found is None or found == "":
        raise TomlError(path, key, f"{name} is missing", f"add {name} = {example}")
    return found
