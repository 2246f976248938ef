"""Rows of the ledger as values, and the questions that are asked of them inside a transaction; nothing here writes."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from audio_assets.domain.budget import Cap, Order, Standing, usd_text
from audio_assets.domain.lineage import shortened
from audio_assets.domain.rendering import PermanentError, TransientError
from audio_assets.domain.scene_key import parse_scene_key
from resources.database import DatabaseError
from resources.database_schema import OPEN_STATES, caps, entries
from resources.process_owner import Owner

_WORDS = ("prompt", "prompttext", "prompt_text", "transcript", "text", "input", "lyrics")
_SHOWN = 60
State = Literal["reserved", "submitting", "submitted", "settled", "released", "unknown"]


class AlreadyPaid(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """The order was paid before; `entry` says when, and the vendor's job id."""

    def __init__(self, entry: "Entry") -> None:
        super().__init__(
            f"{entry.name} was paid already ({usd_text(entry.cost_micro)} on {entry.day}, entry {entry.id}); "
            f"to pay for it once more run `audio-assets budget again {entry.id}`"
        )
        self.entry = entry


class EntryConflict(TransientError):  # noqa: N818
    """An entry is not, or no longer, as the caller holds it: another process went on with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger; its states are told in `ledger.py`. Times are ISO 8601 in UTC, `day` that of its
    reservation, `sent_at` when it was first sent.
    """  # noqa: D205

    id: int
    action_key: str
    attempt: int
    project: str
    scene: str
    asset: str
    provider: str
    model: str
    estimated_micro: int
    actual_micro: int | None
    project_cap_micro: int | None
    state: State
    idempotency_key: str
    job_id: str | None
    intent: str
    reason: str
    may_pay_again: bool
    day: str
    created_at: str
    sent_at: str | None
    updated_at: str
    owner_pid: int
    owner_host: str
    owner_started: str
    version: int

    @property
    def is_open(self) -> bool:
        """Whether its estimate is held."""
        return self.state in OPEN_STATES

    @property
    def was_free(self) -> bool:
        """Whether it cost nothing, and was not to."""
        return self.state == "settled" and not self.estimated_micro and not self.actual_micro

    @property
    def held_micro(self) -> int:
        """What it holds."""
        return self.estimated_micro if self.is_open else 0

    @property
    def spent_micro(self) -> int:
        """What was paid for it."""
        return (self.actual_micro or 0) if self.state == "settled" else 0

    @property
    def cost_micro(self) -> int:
        """What it counts against a cap."""
        return self.held_micro + self.spent_micro

    @property
    def owner(self) -> Owner:
        """The process that changed it last."""
        return Owner(self.owner_pid, self.owner_host, self.owner_started)

    @property
    def name(self) -> str:
        """How messages name it."""
        return Order(self.action_key, self.asset, self.project, self.scene, self.provider, self.model, None).name


def ways_out(entry: Entry, *, has_jobs: bool) -> str:
    """What a person does about an order of unknown outcome; without `has_jobs` there is no job to go on with."""
    by_hand = "`audio-assets budget"
    if not has_jobs:
        return (
            f"look at what {entry.provider} billed for {_mark(entry)}, then run {by_hand} release {entry.id}` where it "
            f"billed nothing, or {by_hand} paid {entry.id} USD` where it did, and {by_hand} again {entry.id}` to have "
            "it made once more, for its answer is lost"
        )
    which = "it is another job" if entry.job_id else "the job is there"
    attach = f", {by_hand} attach {entry.id} JOB` where {which},"
    return (
        f"look at the jobs of {entry.provider} for {_mark(entry)}, then run {by_hand} release {entry.id}` where "
        f"nothing is billed{attach} or {by_hand} paid {entry.id} USD`"
    )


def _mark(entry: Entry) -> str:
    """What a person can know an order by at its provider: job, model, the time of sending, how its words begin."""
    sent = datetime.fromisoformat(entry.sent_at or entry.created_at).astimezone(UTC)
    words = _words(orjson.loads(entry.intent)) if entry.intent else ""
    told = [f"job {entry.job_id}" if entry.job_id else "", entry.model, f"sent {sent:%Y-%m-%d %H:%M:%S} UTC"]
    return ", ".join(part for part in (*told, f"“{shortened(words, _SHOWN)}”" if words else "") if part)


def _words(request: Any) -> str:
    """What is to be spoken or shown, from a request of any provider: the first text under a name for that."""
    inside = list(
        request.items() if isinstance(request, dict) else enumerate(request if isinstance(request, list) else ())
    )
    for name, value in inside:
        if isinstance(value, str) and value.strip() and str(name).casefold() in _WORDS:
            return value
    return next((found for _, value in inside if (found := _words(value))), "")


def as_entry(row: RowMapping) -> Entry:
    """A row of the table as a value."""
    return Entry(**{field.name: row[field.name] for field in fields(Entry)})


def entry_of(connection: Connection, entry_id: int) -> Entry:
    """One entry by its number.

    Raises:
        DatabaseError: there is none.
    """
    row = connection.execute(sa.select(entries).where(entries.c.id == entry_id)).mappings().first()
    if row is None:
        raise DatabaseError(f"the ledger has no entry {entry_id}; `audio-assets budget show` lists those to look at")
    return as_entry(row)


def last_entry(connection: Connection, action_key: str) -> Entry | None:
    """The latest attempt at an order."""
    query = sa.select(entries).where(entries.c.action_key == action_key).order_by(entries.c.attempt.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return as_entry(row) if row is not None else None


def stored_caps(connection: Connection) -> dict[tuple[str, str], int]:
    """The caps that were set: (scope, key) to micro-dollars."""
    query = sa.select(caps.c.scope, caps.c.key, caps.c.amount_micro).order_by(caps.c.scope, caps.c.key)
    return {(scope, key): amount for scope, key, amount in connection.execute(query)}


def standing_of(connection: Connection, cap: Cap, without_id: int | None = None) -> Standing:
    """What counts against a cap: paid, and held; one entry may be left out."""
    held = sa.case((entries.c.state.in_(OPEN_STATES), entries.c.estimated_micro), else_=0)
    spent = sa.case((entries.c.state == "settled", entries.c.actual_micro), else_=0)
    query = sa.select(sa.func.coalesce(sa.func.sum(spent), 0), sa.func.coalesce(sa.func.sum(held), 0))
    for condition in _within(cap):
        query = query.where(condition)
    if without_id is not None:
        query = query.where(entries.c.id != without_id)
    spent_micro, held_micro = connection.execute(query).one()
    return Standing(cap, int(spent_micro), int(held_micro))


def require(entry: Entry, states: Collection[str], wanted: str) -> None:
    """Raise `EntryConflict` unless the entry is in one of the states."""
    if entry.state not in states:
        raise EntryConflict(f"{conflict(entry)}; it can not become {wanted}")


def conflict(entry: Entry) -> str:
    """Where an entry has got to, for the one who held it otherwise."""
    return f"entry {entry.id} ({entry.name}) is {entry.state} by now, through process {entry.owner_pid}"


def _within(cap: Cap) -> tuple[sa.ColumnElement[bool], ...]:
    if cap.scope == "project":
        return (entries.c.project == cap.key,)
    if cap.scope == "day":
        return (entries.c.day == cap.key,)
    if cap.scope == "scene":
        scene, song = parse_scene_key(cap.key)
        return (entries.c.project == song, entries.c.scene == scene)
    return ()
