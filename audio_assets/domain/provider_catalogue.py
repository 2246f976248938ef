"""The catalogue of providers: what each can do, on what terms, at what price, until when, and whether it can be used.

Here: facts and dates in, rows and text out. What a provider says of itself is its `About`; who asks it whether it
answers is `audio_assets/stages/catalog.py`; the stored record is `schemas/providers.py`. A model that ends within 60
days is a warning, one that has ended a refusal: the dates are the price card's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import urlsplit

from audio_assets.domain.price_card import (
    EVERY_MODEL,
    Price,
    PriceCard,
    PriceError,
    price_of,
    retirement,
    retirement_warning,
)
from audio_assets.domain.toml_tables import nearest

Capability = Literal["speech", "alignment", "music", "video", "lip_sync"]
Offer = Literal["open", "freemium", "paid"]

CAPABILITIES: tuple[Capability, ...] = ("speech", "alignment", "music", "video", "lip_sync")
_NAMED = 3


@dataclass(frozen=True, slots=True)
class About:
    """A provider in the catalogue.

    `summary` says in one sentence what it does; `licence` the terms of what it makes; `terms_url` where they stand.
    `offer`: `open` runs on machines of one's own, `freemium` has a free allowance, `paid` has none. `models` are those
    that settings may name, empty where any name is passed on. `needs` is what it takes beside a key: a server, a model.
    `mistakes` say, a sentence for each, which models of people's own can not be used.
    """

    capability: Capability
    summary: str
    licence: str
    offer: Offer
    terms_url: str = ""
    models: Sequence[str] = ()
    needs: str = ""
    mistakes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said when it was asked whether it is there: its words, or why it did not answer."""

    is_there: bool
    text: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as settings set it up.

    `is_ordered`: its work is ordered and counted in the ledger, so it needs a price. `model` is the one that its
    settings choose, "" where requests choose it. `key_variable` is the environment variable of its key, "" for none.
    `problem` is why it can not be asked as things stand, `is_mistaken` that its settings have to be corrected for it;
    `answer` is what it said, None where it was not asked.
    """

    name: str
    about: About
    is_ordered: bool = False
    model: str = ""
    key_variable: str = ""
    is_key_needed: bool = False
    is_key_set: bool = False
    url: str = ""
    problem: str = ""
    is_mistaken: bool = False
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """That the studio means to work with a provider; `by` says who wants it (`song harbour_light`).

    `is_stand_in`: only where the one that is meant is not to be had. `mistake`: why the provider has no such model.
    """

    capability: Capability
    provider: str
    model: str
    by: str
    is_stand_in: bool = False
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the catalogue.

    `prices` are today's. `ended` and `ending` say, in a sentence for each model, when it ended or soon ends. `problem`
    is the first thing in the way of using the provider at all, "" where nothing is.
    """

    provider: Provider
    prices: tuple[Price, ...]
    ended: tuple[str, ...]
    ending: tuple[str, ...]
    uses: tuple[Use, ...]
    problem: str

    @property
    def name(self) -> str:
        """How settings name it."""
        return self.provider.name

    @property
    def where(self) -> str:
        """Its address without user, password and query; "" on this machine."""
        return address(self.provider.url)

    @property
    def default_for(self) -> tuple[str, ...]:
        """Who works with it."""
        return tuple(dict.fromkeys(use.by for use in self.uses if not use.is_stand_in))

    @property
    def stands_in_for(self) -> tuple[str, ...]:
        """Who falls back to it."""
        return tuple(dict.fromkeys(use.by for use in self.uses if use.is_stand_in))

    @property
    def state(self) -> str:
        """Whether it can be used, in a few words."""
        answer = self.provider.answer
        if self.problem:
            return self.problem
        if answer is None:
            return "not asked" if self.provider.url else "ready"
        return f"answers: {answer.text}" if answer.is_there else f"does not answer: {answer.text}"

    @property
    def standing(self) -> str:
        """The same in a word or two, for tables."""
        provider, answer = self.provider, self.provider.answer
        if self.problem:
            if provider.is_mistaken:
                return "mistake"
            if not provider.problem:
                return "no price"
            if not provider.is_ordered:
                return "not set up"
            return "needs a key" if provider.url else "no address"
        if answer is None:
            return "not asked" if provider.url else "ready"
        return "answers" if answer.is_there else "does not answer"

    @property
    def news(self) -> tuple[str, ...]:
        """What ends or has ended, in short: the sentence of one model, or how many there are."""
        kinds = ((self.ended, "have ended"), (self.ending, "end soon"))
        return tuple(
            told[0] if len(told) == 1 else f"{len(told)} models {how}" for told, how in kinds if told
        )  # fmt: skip

    @property
    def price_text(self) -> str:
        """Its prices in a line: the price of all its models where they cost the same, else each one's."""
        if not self.prices:
            return "none known" if self.provider.is_ordered else "free"
        texts = list(dict.fromkeys(price.text for price in self.prices))
        if len(texts) == 1:
            return texts[0]
        return "; ".join(f"{_model_text(price.model)} {price.text}" for price in self.prices)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every provider as things stand on a day, by what it does and then by name.

    Sentences on what is in use: `retired` has ended, `retiring` ends soon, `unusable` can not be had as things stand.
    """

    on: date
    rows: tuple[Listed, ...]
    retired: tuple[str, ...]
    retiring: tuple[str, ...]
    unusable: tuple[str, ...]

    def row(self, name: str) -> Listed | None:
        """The row of a name."""
        return next((row for row in self.rows if row.name == name), None)


def catalogue(providers: Iterable[Provider], uses: Sequence[Use], card: PriceCard, today: date) -> Catalogue:
    """Hold the providers against the price card, today's date and what the studio uses."""
    order = {capability: n for n, capability in enumerate(CAPABILITIES)}
    rows = [_listed(provider, uses, card, today) for provider in providers]
    rows.sort(key=lambda row: (order[row.provider.about.capability], row.name))
    endings = [(_ending(card, use.provider, use.model, today), use) for use in uses]
    return Catalogue(
        on=today,
        rows=tuple(rows),
        retired=_told((text, use) for (text, is_past), use in endings if is_past),
        retiring=_told((text, use) for (text, is_past), use in endings if not is_past),
        unusable=_told((text, use) for use in uses for text in (use.mistake, _in_the_way(rows, use, card, today))),
    )


def address(url: str) -> str:
    """An address to show: without user, password, query and fragment, which may hold secrets."""
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # a port that is no number, half a bracket
        return "unreadable"
    return f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/")


def instead_of(name: str, capability: Capability, known: Mapping[str, Capability]) -> str:
    """What may have been meant by a name that is no provider of a capability; `known` are all, with what they do."""
    able = sorted(one for one, does in known.items() if does == capability)
    there = f"there are {', '.join(able)}"
    if name in known:
        return f"that does {known[name].replace('_', '-')}: {there}"
    return nearest(name, able) or there


def some(names: Sequence[str]) -> str:
    """A few names as a list, and how many more there are."""
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])} and {more} more" if more > 0 else ", ".join(names)


def setup(provider: Provider) -> tuple[str, ...]:
    """How to use a provider, in at most three lines: what it needs, how to choose it, how to see that it answers."""
    name, about = provider.name, provider.about
    lines = []
    if provider.key_variable and provider.is_key_needed:
        lines.append(f"export {provider.key_variable}=...")
    elif provider.is_ordered:
        started = f"start {about.needs}" if about.needs else "start its server"
        known = address(provider.url)
        place = f"it is asked at {known}, or where url" if known else "and say where with url"
        lines.append(f"{started}; {place} under [providers.{name}] in providers.toml{' says' if known else ''}")
    elif about.needs:
        lines.append(f"it needs {about.needs}")
    if about.capability == "video":
        model = provider.model or next(iter(about.models), "...")
        lines.append(f'video_provider = "{name}" and video_model = "{model}" in the TOML file beside the song')
    else:
        everywhere = f'{about.capability} = "{name}" under [use] in providers.toml'
        lines.append(
            f'voice = "{name}:VOICE" for a character in cast.toml; or {everywhere}, with voices of its own for the '
            "whole cast"
            if about.capability == "speech"
            else everywhere
        )
    if provider.is_ordered:
        lines.append(f"audio-assets providers {name} --probe")
    return tuple(lines)


def markdown(listed: Catalogue) -> str:
    """The catalogue as a markdown table, after what needs somebody's attention."""
    troubles = [*listed.retired, *listed.retiring, *listed.unusable]
    head = ["| provider | does | offer | terms | price | key | state |", "|---|---|---|---|---|---|---|"]
    body = [f"| {' | '.join(_cell(cell) for cell in _cells(row))} |" for row in listed.rows]
    return "\n".join([*(f"- {trouble}" for trouble in troubles), *([""] if troubles else []), *head, *body, ""])


def _cells(row: Listed) -> tuple[str, ...]:
    about, provider = row.provider.about, row.provider
    chosen = [
        *([f"used by {some(row.default_for)}"] if row.default_for else []),
        *([f"stands in for {some(row.stands_in_for)}"] if row.stands_in_for else []),
    ]
    key = f"{provider.key_variable}, {'set' if provider.is_key_set else 'not set'}" if provider.key_variable else "none"
    terms = f"[{about.licence}]({about.terms_url})" if about.terms_url else about.licence
    state = "; ".join([row.state, *row.news, *chosen])
    does = f"{about.capability.replace('_', '-')}: {about.summary}"
    return row.name, does, about.offer, terms, row.price_text, key, state


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _listed(provider: Provider, uses: Sequence[Use], card: PriceCard, today: date) -> Listed:
    named = {EVERY_MODEL, provider.model, *provider.about.models}
    of_provider = [price for price in card.prices if price.provider == provider.name]
    known = [price for price in of_provider if not provider.about.models or price.model in named]
    prices = tuple(price for price in known if price.valid_from <= today <= price.last_day)
    mine = tuple(use for use in uses if _is_meant(provider, use))
    wanted = named | {use.model for use in mine}  # what ended long ago is no news of somebody who never meant it
    endings = [
        (model, *_ending(card, provider.name, model, today)) for model in dict.fromkeys(price.model for price in known)
    ]
    return Listed(
        provider=provider,
        prices=prices,
        ended=tuple(text for model, text, is_past in endings if is_past and model in wanted),
        ending=tuple(text for _, text, is_past in endings if text and not is_past),
        uses=mine,
        problem=provider.problem or _no_price(provider, provider.model, known, card, today),
    )


def _is_meant(provider: Provider, use: Use) -> bool:
    return provider.name == use.provider and provider.about.capability == use.capability


def _ending(card: PriceCard, provider: str, model: str, today: date) -> tuple[str, bool]:
    """The sentence on a model that ends soon or has ended, "" for any other; and whether it has ended."""
    row = retirement(card, provider, model)
    if row is None or row.retired_on is None:
        return "", False
    return retirement_warning(row, today), today >= row.retired_on


def _no_price(provider: Provider, model: str, known: Collection[Price], card: PriceCard, today: date) -> str:
    """Why nothing can be ordered from it for want of a price; of a model where settings or a request name one."""
    if not provider.is_ordered:
        return ""
    if not model and any(price.valid_from <= today <= price.last_day for price in known):
        return ""
    try:
        price_of(card, provider.name, model or EVERY_MODEL, today)
    except PriceError as error:
        return f"can not be ordered: {error}"
    return ""


def _in_the_way(rows: Sequence[Listed], use: Use, card: PriceCard, today: date) -> str:
    """Why what is in use can not be had, "" where it can, as far as is known."""
    row = next((row for row in rows if _is_meant(row.provider, use)), None)
    if row is None:
        known = {row.name: row.provider.about.capability for row in rows}
        shown_as = f"{use.capability.replace('_', '-')} provider"
        return f"there is no {shown_as} '{use.provider}'; {instead_of(use.provider, use.capability, known)}"
    if row.provider.problem:
        return row.provider.problem
    if row.provider.answer and not row.provider.answer.is_there:
        return f"{row.name} does not answer: {row.provider.answer.text}"
    is_over = _ending(card, use.provider, use.model, today)[1]  # told by itself
    return "" if is_over else _no_price(row.provider, use.model or row.provider.model, row.prices, card, today)


def _told(found: Iterable[tuple[str, Use]]) -> tuple[str, ...]:
    """Each sentence once, with all who are concerned."""
    by_text: dict[str, list[str]] = {}
    for text, use in found:
        if text:
            by_text.setdefault(text, []).append(use.by)
    return tuple(f"{text} (wanted by {some(tuple(dict.fromkeys(by)))})" for text, by in by_text.items())


def _model_text(model: str) -> str:
    return "any other" if model == EVERY_MODEL else model
