"""What `audio-assets providers` shows: the catalogue of providers, or one of them with everything about it."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg

from audio_assets.books.providerbook import Provider, settable
from audio_assets.commands.opening import open_studio
from audio_assets.domain.provider_catalogue import Catalogue, Listed, address, setup, some
from audio_assets.domain.schemas.providers import record, row_record
from audio_assets.domain.toml_tables import nearest
from audio_assets.stages import catalog

_HEAD = ("provider", "does", "offer", "price", "state")
_WIDEST_PRICE = 28
_NAMED = ("mistake", "no price")
"""What of an unused provider is told all the same: somebody has set it up, and in a way that can not work."""

_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


@dataclass(frozen=True)
class Overview:
    """The catalogue; something in use has ended, or can not be had, where it `has_failures`.

    `remarks` are sentences on settings that do not do what they seem to.
    """

    listed: Catalogue
    remarks: tuple[str, ...] = ()

    @property
    def has_failures(self) -> bool:
        """Whether a run would fail, or stand in, for want of a provider."""
        return bool(self.listed.retired or self.listed.unusable)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as the artifact has them."""
        return record(self.listed)

    def as_text(self) -> str:
        """A line for each provider; then what they answered, and what needs somebody's attention."""
        rows = [_HEAD, *(_short(row) for row in self.listed.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
        lines = [
            "  ".join([*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
        ]
        lines += [f"asked: {row.name} {row.state}" for row in self.listed.rows if row.provider.answer]
        named = [row.problem for row in self.listed.rows if row.standing in _NAMED]
        named += [one for row in self.listed.rows for one in row.provider.about.mistakes]
        in_use = [*self.listed.retired, *self.listed.retiring, *self.listed.unusable]
        troubles = [*in_use, *(one for one in dict.fromkeys(named) if not any(one in told for told in in_use))]
        return "\n".join([*lines, *(f"look at: {trouble}" for trouble in (*troubles, *self.remarks))])


@dataclass(frozen=True)
class Detail:
    """One provider; it `has_failures` where it can not be used, as far as is known."""

    row: Listed
    provider: Provider
    mistake: str = ""

    @property
    def has_failures(self) -> bool:
        """Whether it can not be asked, or does not answer, or `providers.toml` has a mistake."""
        answer = self.row.provider.answer
        return bool(self.row.problem or self.mistake) or (answer is not None and not answer.is_there)

    def as_json(self) -> dict[str, Any]:
        """Plain values: the row of the artifact, with the settings that it takes and how to set it up."""
        return {
            **row_record(self.row),
            "settings": settings(self.provider),
            "setup": list(setup(self.row.provider)),
            "mistake": self.mistake,
        }

    def as_text(self) -> str:
        """Everything about it, to read."""
        row, about, facts = self.row, self.row.provider.about, self.row.provider
        key = f"{facts.key_variable} ({'set' if facts.is_key_set else 'not set'})" if facts.key_variable else ""
        said = {
            "does": f"{about.capability.replace('_', '-')}: {about.summary}",
            "state": row.state,
            "offer": about.offer,
            "terms": " ".join(part for part in (about.licence, about.terms_url) if part),
            "where": row.where,
            "key": key,
            "needs": about.needs,
            "models": ", ".join(about.models),
            "used by": some(row.default_for),
            "stands in for": some(row.stands_in_for),
        }
        lines = [row.name, *(f"  {name:13}  {value}" for name, value in said.items() if value)]
        lines += ["prices", *_price_lines(row)]
        mistakes = ((self.mistake,) if self.mistake else ()) + tuple(about.mistakes)
        lines += [f"  look at: {sentence}" for sentence in (*mistakes, *row.ended, *row.ending)]
        own = settings(self.provider)
        if own:
            lines += [f"settings, under [providers.{row.name}] in providers.toml"]
            widths = [max(len(one[column]) for one in own) for column in ("name", "type")]
            meant = {"url": row.where, "key_variable": facts.key_variable, "model": self.row.provider.model}
            lines += [
                f"  {one['name']:{widths[0]}}  {one['type']:{widths[1]}}  {_shown(one, meant.get(one['name'], ''))}"
                for one in own
            ]
            lines += [f"  {line}" for line in explained(self.provider)]
        return "\n".join([*lines, "to use it", *(f"  {n}. {line}" for n, line in enumerate(setup(facts), start=1))])


def overview(*, probe: bool) -> Overview:
    """The catalogue of today."""
    studio = open_studio()
    listed = catalog.take_stock(studio, catalog.ask(studio) if probe else {})
    return Overview(listed, studio.providers.idle_fallbacks())


def detail(name: str, *, probe: bool) -> Detail:
    """One provider.

    Raises:
        ValueError: there is none of that name.
    """
    studio = open_studio()
    providers = studio.providers.all
    if name not in providers:
        slip = nearest(name, sorted(providers)) or f"there are {', '.join(sorted(providers))}"
        raise ValueError(f"there is no provider '{name}'; {slip}")
    listed = catalog.take_stock(studio, catalog.ask(studio, name) if probe else {})
    row = listed.row(name)
    assert row is not None  # noqa: S101 - every provider has a row
    return Detail(row, providers[name], studio.providers.problem)


def settings(provider: Provider) -> list[dict[str, Any]]:
    """Each setting that a provider takes in `providers.toml`: its name, type, default (None: it has none) and value."""
    fields = type(provider).model_fields
    return [
        {
            "name": name,
            "type": type_text(fields[name].annotation),
            "default": None
            if fields[name].is_required()
            else _plain(fields[name].get_default(call_default_factory=True)),
            "value": _plain(getattr(provider, name)),
        }
        for name in settable(provider)
    ]


def explained(provider: Provider) -> list[str]:
    """What its class, and those that it builds on, say of its settings: the paragraphs that name one of them."""
    names = [f"`{name}`" for name in settable(provider)]
    mine = (one for one in type(provider).__mro__ if issubclass(one, dg.ConfigurableResource))
    docs = [inspect.cleandoc(vars(one).get("__doc__") or "") for one in mine]
    told = [part for doc in docs for part in doc.split("\n\n")[1:]]
    return [line for part in told if any(name in part for name in names) for line in part.splitlines()]


def type_text(annotation: Any) -> str:
    """A type as people say it: `text`, `whole number`, `list of text`, `one of mp3, wav`."""
    origin, arguments = get_origin(annotation), [one for one in get_args(annotation) if one not in (Ellipsis, NoneType)]
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (Union, UnionType):
        return " or ".join(type_text(one) for one in arguments)
    if isinstance(origin, type) and issubclass(origin, dict):
        return "table"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"list of {type_text(arguments[0])}" if arguments else "list"
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _plain(value: Any) -> Any:
    """A setting as JSON has it; an address without what may be secret."""
    if isinstance(value, str):
        return address(value) if "://" in value else value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return value if isinstance(value, int | float | bool | None) else str(value)


def _shown(setting: dict[str, Any], meant: str) -> str:
    """The value of a setting, and the default where that is another; what is `meant` where it is left open."""
    value, default = setting["value"], setting["default"]
    if value == "" and meant:
        return f"{meant!r}, as long as it is left open"
    return (
        f"{value!r}"
        if value == default
        else f"{value!r} (default {default!r})"
        if default is not None
        else f"{value!r}"
    )


def _short(row: Listed) -> tuple[str, ...]:
    """A row of the overview."""
    about = row.provider.about
    n_prices = len({price.text for price in row.prices})
    price = row.price_text if len(row.price_text) <= _WIDEST_PRICE else f"{n_prices} prices, by model"
    told = (
        row.standing,
        _n_models(len(row.ended), "ended", "ended"),
        _n_models(len(row.ending), "ends soon", "end soon"),
        "in use" if row.uses else "",
    )
    state = ", ".join(part for part in told if part)
    return row.name, about.capability.replace("_", "-"), about.offer, price, state


def _n_models(n: int, one: str, many: str) -> str:
    """So many models in short; "" for none."""
    return f"{n} model{'s' if n > 1 else ''} {one if n == 1 else many}" if n else ""


def _price_lines(row: Listed) -> list[str]:
    if not row.prices:
        return [f"  {row.price_text}"]
    width = max(len(price.model) for price in row.prices)
    return [f"  {price.model:{width}}  {price.text}{f'; {price.note}' if price.note else ''}" for price in row.prices]
