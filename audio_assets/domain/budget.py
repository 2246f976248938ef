"""Money as whole micro-dollars, caps on it, and which wanted work fits under them. No database, no clock.

A dollar is 1,000,000 micro-dollars (`_micro`), so that sums are exact; floats come in and go out at the edges only.
What a second of clip costs is in `price_card.py`; what was reserved and paid is the ledger's (`resources/ledger.py`);
tables of costs are in `cost_report.py`.

A cap limits a scope: a project (= song), a scene of it (`s003|song`), a day in UTC, or all there is ("total"). The key
`EVERY` stands for each project, scene or day that has no cap of its own. A cap counts what was paid, plus the
estimates of all that is open or unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Literal, get_args

from audio_assets.domain.money_text import dollars
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.scene_key import parse_scene_key, scene_key

Scope = Literal["project", "scene", "day", "total"]
Origin = Literal["set", "set for every one", "song"]
Usd = Decimal | float | int | str

SCOPES: tuple[Scope, ...] = get_args(Scope)
EVERY = "*"
MICRO_PER_USD = 1_000_000
LARGEST_USD = 1_000_000_000


class BudgetExceeded(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """A cap is in the way; the message says which, what is spent, held and wanted, and what raises it."""


class NoPrice(PermanentError):  # noqa: N818
    """Work of unknown price; it does not start."""


@dataclass(frozen=True, slots=True)
class Order:
    """One piece of paid work.

    `action_key` names what is bought: the same key is never paid twice. `estimate_usd` is None where no price is known.
    `request` is what the vendor is sent, as JSON values without secrets; it is kept as the intent. `project_cap_usd`
    is the `budget_cap_usd` of the song's settings.
    """

    action_key: str
    asset: str
    project: str
    scene: str
    provider: str
    model: str
    estimate_usd: Usd | None
    request: Mapping[str, Any] = field(default_factory=dict)
    project_cap_usd: Usd | None = None

    @property
    def name(self) -> str:
        """How messages name it: `scene_take of s003|night`."""
        place = scene_key(self.scene, self.project) if self.scene else self.project
        return f"{self.asset} of {place}"


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on one project, scene or day, or on all; `origin` says whether it was set (for it, or for every one of
    its scope) or stands in the song's settings.
    """  # noqa: D205

    scope: Scope
    key: str
    amount_micro: int
    origin: Origin = "set"

    @property
    def label(self) -> str:
        """How messages name it: `the budget of 'night'`."""
        return {
            "project": f"the budget of '{self.key}'",
            "scene": f"the budget of scene '{self.key}'",
            "day": f"the budget of the day {self.key}",
            "total": "the whole budget",
        }[self.scope]

    @property
    def remedy(self) -> str:
        """What raises it."""
        if self.origin == "song":
            return f"raise budget_cap_usd in the settings of {self.key}"
        key = "" if self.scope == "total" or self.origin == "set for every one" else f" --for '{self.key}'"
        return f"raise it with `audio-assets budget set {self.scope} USD{key}`"


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a cap is taken: paid, and held by work that is open or of unknown outcome."""

    cap: Cap
    spent_micro: int
    held_micro: int

    @property
    def room_micro(self) -> int:
        """What is left; less than nothing after a job that cost more than its estimate."""
        return self.cap.amount_micro - self.spent_micro - self.held_micro

    def refusal(self, wanted_micro: int, name: str) -> str:
        """Why `name` does not fit, and what to do."""
        return (
            f"{self.cap.label} is {usd_text(self.cap.amount_micro)}: {usd_text(self.spent_micro)} spent, "
            f"{usd_text(self.held_micro)} held, {usd_text(wanted_micro)} wanted for {name}; {self.cap.remedy}"
        )


@dataclass(frozen=True, slots=True)
class Affordable:
    """Which orders fit, in their order, and for each that does not the caps in its way; the amounts are sums of
    estimates, 0 for what is reserved or paid already.
    """  # noqa: D205

    fits: tuple[Order, ...]
    rest: tuple[tuple[Order, tuple[Standing, ...]], ...]
    fits_micro: int
    rest_micro: int

    def sentence(self) -> str:
        """What fits, what does not, and what to do about it, in one line."""
        n_all = len(self.fits) + len(self.rest)
        said = f"{len(self.fits)} of {n_all} fit ({usd_text(self.fits_micro)})"
        if not self.rest:
            return said
        binding = {(standing.cap.scope, standing.cap.key): standing.cap for _, caps in self.rest for standing in caps}
        names = ", ".join(order.name for order, _ in self.rest)
        why = "; ".join(f"{cap.label} is {usd_text(cap.amount_micro)}: {cap.remedy}" for cap in binding.values())
        return f"{said}; not affordable ({usd_text(self.rest_micro)}): {names}; {why}"


def micro_usd(usd: Usd) -> int:
    """Dollars as micro-dollars; parts of one count as a whole one, so that costs are never taken for less.

    Raises:
        ValueError: not a number from 0 to a thousand million.
    """
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount <= LARGEST_USD):
        raise ValueError(f"{usd} is no amount of money: write dollars from 0 to {LARGEST_USD:,}, such as 12.50")
    return int((amount * MICRO_PER_USD).to_integral_value(ROUND_CEILING))


def usd(micro: int) -> float:
    """Micro-dollars as dollars, for records and tables; do not add these up."""
    return micro / MICRO_PER_USD


def refusal(name: str, wanted_micro: int, binding: Sequence[Standing]) -> str:
    """Why `name` does not fit under the caps in its way, and what to do."""
    return "; ".join(standing.refusal(wanted_micro, name) for standing in binding)


def usd_text(micro: int) -> str:
    """Micro-dollars to read, as `dollars`."""
    return dollars(Decimal(micro) / MICRO_PER_USD)


def estimate_micro(order: Order) -> int:
    """What an order is expected to cost.

    Raises:
        NoPrice: it has no price, or one that is no amount of money.
    """
    if order.estimate_usd is None:
        raise NoPrice(
            f"{order.name} can not be ordered: no price is known for {order.provider} {order.model}; "
            "look up what it costs and add a row to the price card"
        )
    try:
        return micro_usd(order.estimate_usd)
    except ValueError as error:
        raise NoPrice(f"{order.name} can not be ordered: its price, {error}") from error


def scope_keys(project: str, scene: str, day: str) -> tuple[tuple[Scope, str], ...]:
    """The scopes that a piece of work counts against, with the key in each."""
    within_scene: tuple[tuple[Scope, str], ...] = (("scene", scene_key(scene, project)),) if scene else ()
    return (("project", project), *within_scene, ("day", day), ("total", EVERY))


def check_scope_key(scope: str, key: str) -> tuple[Scope, str]:
    """A scope and key as people write them, checked; "" is `EVERY`.

    Raises:
        ValueError: an unknown scope, a day that is none, a scene without its song; what to write instead.
    """
    if scope not in SCOPES:
        raise ValueError(f"a budget is set for {', '.join(SCOPES)}, not for {scope!r}")
    known: Scope = next(one for one in SCOPES if one == scope)
    key = key.strip() or EVERY
    if key == EVERY:
        return known, key
    if known == "total":
        raise ValueError(f"the total budget counts everything; leave {key!r} out")
    if known == "day":
        _check_day(key)
    if known == "scene":
        parse_scene_key(key)
    return known, key


def caps_for(
    project: str, scene: str, day: str, stored: Mapping[tuple[str, str], int], project_cap_micro: int | None
) -> tuple[Cap, ...]:
    """The caps that hold for a piece of work: in each scope the stored one (its own before that of every one), for the
    project the stricter of that and `project_cap_micro`.
    """  # noqa: D205
    found: list[Cap] = []
    for scope, key in scope_keys(project, scene, day):
        cap = _stored_cap(scope, key, stored)
        if (
            scope == "project"
            and project_cap_micro is not None
            and (cap is None or project_cap_micro < cap.amount_micro)
        ):
            cap = Cap("project", key, project_cap_micro, "song")
        if cap is not None:
            found.append(cap)
    return tuple(found)


def exceeded(standings: Sequence[Standing], wanted_micro: int) -> tuple[Standing, ...]:
    """Those that have less room than is wanted."""
    return tuple(standing for standing in standings if wanted_micro > standing.room_micro)


def fit_in_order(wanted: Sequence[tuple[Order, int, Sequence[Standing]]]) -> Affordable:
    """Take orders one after the other, each that fits beside those taken before; one that does not is left out.

    `wanted` has each order with what it costs (0 where that is reserved or paid already) and where its caps stand
    before any of them.
    """
    taken: dict[tuple[str, str], int] = {}
    fits: list[Order] = []
    rest: list[tuple[Order, tuple[Standing, ...]]] = []
    fits_micro = rest_micro = 0
    for order, cost_micro, standings in wanted:
        now = [_with_held(standing, taken.get((standing.cap.scope, standing.cap.key), 0)) for standing in standings]
        binding = exceeded(now, cost_micro) if cost_micro else ()
        if binding:
            rest.append((order, binding))
            rest_micro += cost_micro
            continue
        fits.append(order)
        fits_micro += cost_micro
        for standing in standings:
            key = (standing.cap.scope, standing.cap.key)
            taken[key] = taken.get(key, 0) + cost_micro
    return Affordable(tuple(fits), tuple(rest), fits_micro, rest_micro)


def _with_held(standing: Standing, more_micro: int) -> Standing:
    return Standing(standing.cap, standing.spent_micro, standing.held_micro + more_micro)


def _stored_cap(scope: Scope, key: str, stored: Mapping[tuple[str, str], int]) -> Cap | None:
    if (scope, key) in stored:
        return Cap(scope, key, stored[scope, key])
    if (scope, EVERY) in stored:
        return Cap(scope, key, stored[scope, EVERY], "set for every one")
    return None


def _check_day(text: str) -> None:
    try:
        is_day = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_day = False
    if not is_day:
        raise ValueError(f"{text!r} is no day; write it as 2026-01-31")
