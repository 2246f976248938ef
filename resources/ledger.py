"""The ledger: what was reserved, ordered and paid, held under the caps, exact among any number of processes.

An entry is one attempt to buy what an order's action key names:

    reserved    its estimate is held; nothing was sent
    submitting  the intent is kept; the order may be on its way
    submitted   the vendor took it; its job id is kept
    unknown     whether the vendor took it, or bills it, is not known: held until a person or the vendor says
    settled     paid, at its actual cost (which may pass its estimate, and a cap: what was paid is told as it is)
    released    not billed; holds nothing

One action key has at most one entry that is open (one of the first four), and none beside a settled one. Every change
is one transaction and raises the entry's `version`; the step before sending takes a certain version only, so that of
two processes that hold the same entry one may send. Who sends, polls and downloads is `paid_jobs.py`; the commands of
`audio-assets budget` are `budget_commands.py`; opening the database is `database.py`.
"""

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audio_assets.domain.budget import (
    Affordable,
    BudgetExceeded,
    Cap,
    Order,
    Scope,
    Standing,
    Usd,
    caps_for,
    check_scope_key,
    estimate_micro,
    exceeded,
    fit_in_order,
    micro_usd,
    refusal,
    usd_text,
)
from audio_assets.domain.cost_report import CostRow
from audio_assets.domain.redaction import secret_names, without_secrets
from resources.database import BUSY_S, Database, DatabaseError
from resources.database_schema import OPEN_STATES, caps, entries
from resources.ledger_rows import (
    AlreadyPaid,
    Entry,
    EntryConflict,
    State,
    as_entry,
    conflict,
    entry_of,
    last_entry,
    require,
    standing_of,
    stored_caps,
)
from resources.process_owner import Owner, is_alive, this_process

STALE_S = 3600
"""After so long without a change an entry of another host, whose processes can not be looked at, counts as left."""

_KEYS = uuid.UUID("5b0e3c1e-8a0f-4d0e-9d0b-6a1f2c9b7d11")  # names our idempotency keys; never change it


class Ledger:
    """All money of a studio; safe among processes and threads. `now` is the clock, in UTC."""

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        owner: Callable[[], Owner] = this_process,
        busy_s: float = BUSY_S,
    ) -> None:
        """Open the ledger of that URL; see `Database` for what it raises."""
        self._database = Database(url, busy_s=busy_s)
        self._now = now
        self._owner = owner

    @property
    def label(self) -> str:
        """Which ledger, without a password."""
        return self._database.label

    # --- Reserving ---------------------------------------------------------------------------------------------

    def reserve(self, order: Order) -> Entry:
        """Hold the estimate of an order, or answer its open entry, to go on with.

        What costs nothing has an entry too, so that its job can be picked up again; once settled it is ordered anew.

        An entry in which nothing was sent, of a process that has ended or of this one, is taken over, under today's
        caps and price.

        Raises:
            BudgetExceeded: a cap is in the way; nothing is held.
            NoPrice: its price is not known.
            AlreadyPaid: it is settled; the error has the entry.
            DatabaseError: the ledger can not be written.
        """
        estimated_micro = estimate_micro(order)
        intent = _intent(order)
        with self._database.writing() as connection:
            last = last_entry(connection, order.action_key)
            if last is not None and last.state == "settled" and not (last.may_pay_again or last.was_free):
                raise AlreadyPaid(last)
            if last is not None and last.is_open and not (last.state == "reserved" and self.is_left(last)):
                return last
            if estimated_micro:
                self._check_caps(connection, order, estimated_micro, last)
            values: dict[str, Any] = {
                "estimated_micro": estimated_micro,
                "project_cap_micro": _cap_of(order),
                "intent": intent,
                "day": self._today(),
            }
            if last is not None and last.is_open:
                return self._changed(connection, last, values)
            return self._inserted(connection, order, (last.attempt if last else 0) + 1, values)

    def affordable(self, orders: Sequence[Order]) -> Affordable:
        """Which of these orders fit under the caps, taken one after the other; nothing is reserved.

        What is reserved or paid already fits, and costs nothing more.

        Raises:
            NoPrice: one of them has no price.
        """
        with self._database.reading() as connection:
            stored = stored_caps(connection)
            wanted = []
            for order in orders:
                cost_micro = estimate_micro(order)
                last = last_entry(connection, order.action_key)
                if last is not None and (last.is_open or (last.state == "settled" and not last.may_pay_again)):
                    cost_micro = 0
                wanted.append((order, cost_micro, self._standings(connection, order, stored)))
        return fit_in_order(wanted)

    def is_left(self, entry: Entry) -> bool:
        """Whether no other process is at an entry: its own has ended, is this one, or is far away and long silent."""
        if entry.owner == self._owner():
            return True
        alive = is_alive(entry.owner)
        if alive is None:
            return self.seconds_since(entry.updated_at) > STALE_S
        return not alive

    def seconds_since(self, time: str) -> float:
        """From a time of an entry until now."""
        return (self._now() - datetime.fromisoformat(time)).total_seconds()

    # --- The steps of an entry ---------------------------------------------------------------------------------

    def submitting(self, entry: Entry, *, may_be_sent: bool = False) -> Entry:
        """Keep that the order is about to be sent; the one who gets an answer from here may send it.

        `may_be_sent`: it may have been sent before, and sending it once more is known to be safe, because the vendor
        has no such job or knows its key; else only a reserved entry is taken.

        Raises:
            EntryConflict: it is not as `entry` says; another process may be sending it.
        """
        sendable = ("submitting", "unknown") if may_be_sent else ("reserved",)
        return self._step(entry, "submitting", sendable, exactly=True, sent_at=entry.sent_at or self._time())

    def submitted(self, entry: Entry, job_id: str, reason: str = "") -> Entry:
        """Keep the vendor's job id; from here on the job can be picked up again. `reason`: who says that it is this."""
        sent = ("submitting", "unknown", "submitted")
        if not reason:
            return self._step(entry, "submitted", sent, job_id=job_id)
        return self._step(entry, "submitted", sent, job_id=job_id, reason=without_secrets(reason))

    def settle(self, entry: Entry, actual_usd: Usd, reason: str = "") -> Entry:
        """Keep what it cost, be that more than its estimate or than a cap; a settled entry stays as it is."""
        actual_micro = micro_usd(actual_usd)
        over = actual_micro - entry.estimated_micro
        notes = [reason] if reason else []
        if over > 0:
            notes.append(f"cost {usd_text(actual_micro)}, {usd_text(over)} above its estimate")
        with self._database.writing() as connection:
            current = entry_of(connection, entry.id)
            if current.state == "settled":
                return current
            require(current, ("submitting", "submitted", "unknown"), "settled")
            settled = self._changed(connection, current, {"state": "settled", "actual_micro": actual_micro})
            if over > 0:
                notes.extend(
                    f"passes {cap.label}, {usd_text(cap.amount_micro)}" for cap in self._passed(connection, settled)
                )
            return self._changed(connection, settled, {"reason": without_secrets("; ".join(notes))})

    def release(self, entry: Entry, reason: str) -> Entry:
        """Let go of what is known not to be billed; a released entry stays as it is."""
        return self._step(entry, "released", OPEN_STATES, same_is_fine=True, reason=without_secrets(reason))

    def unknown(self, entry: Entry, reason: str) -> Entry:
        """Keep the hold: whether it is billed is not known."""
        sent = ("submitting", "submitted", "unknown")
        return self._step(entry, "unknown", sent, reason=without_secrets(reason))

    def allow_again(self, entry: Entry, reason: str) -> Entry:
        """Let a settled order be paid once more, because what was paid for is lost; the cost stays in the books."""
        with self._database.writing() as connection:
            current = entry_of(connection, entry.id)
            require(current, ("settled",), "paid again")
            return self._changed(connection, current, {"may_pay_again": True, "reason": without_secrets(reason)})

    # --- Caps and looking ---------------------------------------------------------------------------------------

    def set_cap(self, scope: str, key: str, amount_usd: Usd | None, by: str) -> tuple[Scope, str]:
        """Set, change or (None) remove a cap; "" is every project, scene or day. Answers the scope and key as kept.

        Raises:
            ValueError: no such scope, key or amount.
        """
        known, key = check_scope_key(scope, key)
        with self._database.writing() as connection:
            connection.execute(sa.delete(caps).where(caps.c.scope == known, caps.c.key == key))
            if amount_usd is not None:
                row = {"scope": known, "key": key, "amount_micro": micro_usd(amount_usd)}
                connection.execute(sa.insert(caps).values(**row, set_by=by[:200], set_at=self._time()))
        return known, key

    def stored_caps(self) -> Mapping[tuple[str, str], int]:
        """The caps that were set: (scope, key) to micro-dollars."""
        with self._database.reading() as connection:
            return stored_caps(connection)

    def standings(self, order: Order) -> tuple[Standing, ...]:
        """Where the caps stand that hold for an order."""
        with self._database.reading() as connection:
            return self._standings(connection, order, stored_caps(connection))

    def standing(self, cap: Cap) -> Standing:
        """Where one cap stands."""
        with self._database.reading() as connection:
            return standing_of(connection, cap)

    def entry(self, entry_id: int) -> Entry:
        """One entry.

        Raises:
            DatabaseError: there is none of that number.
        """
        with self._database.reading() as connection:
            return entry_of(connection, entry_id)

    def latest(self, action_key: str) -> Entry | None:
        """The latest attempt at what an action key names, None where it was never ordered."""
        with self._database.reading() as connection:
            return last_entry(connection, action_key)

    def entries(self, *, project: str = "", states: Collection[str] = ()) -> tuple[Entry, ...]:
        """The entries, oldest first: of a project, in some states, or all."""
        query = sa.select(entries).order_by(entries.c.id)
        if project:
            query = query.where(entries.c.project == project)
        if states:
            query = query.where(entries.c.state.in_(states))
        with self._database.reading() as connection:
            return tuple(as_entry(row) for row in connection.execute(query).mappings())

    def cost_rows(self, *, project: str = "") -> tuple[CostRow, ...]:
        """What `cost_report` adds up: every entry that was or may be paid."""
        return tuple(
            CostRow(
                entry.project, entry.scene, entry.provider, entry.model, entry.day,
                entry.estimated_micro, entry.spent_micro, entry.held_micro,
            )
            for entry in self.entries(project=project, states=(*OPEN_STATES, "settled"))
        )  # fmt: skip

    def today(self) -> str:
        """The day in UTC by the ledger's clock."""
        return self._today()

    # --- Within a transaction ----------------------------------------------------------------------------------

    def _check_caps(self, connection: Connection, order: Order, wanted_micro: int, last: Entry | None) -> None:
        standings = self._standings(connection, order, stored_caps(connection), without=last)
        if binding := exceeded(standings, wanted_micro):
            raise BudgetExceeded(refusal(order.name, wanted_micro, binding))

    def _standings(
        self, connection: Connection, order: Order, stored: Mapping[tuple[str, str], int], without: Entry | None = None
    ) -> tuple[Standing, ...]:
        """Where the caps of an order stand; an open entry that is to be replaced is left out."""
        found = caps_for(order.project, order.scene, self._today(), stored, _cap_of(order))
        left_out = without.id if without is not None and without.is_open else None
        return tuple(standing_of(connection, cap, left_out) for cap in found)

    def _passed(self, connection: Connection, entry: Entry) -> tuple[Cap, ...]:
        found = caps_for(entry.project, entry.scene, entry.day, stored_caps(connection), entry.project_cap_micro)
        return tuple(cap for cap in found if standing_of(connection, cap).room_micro < 0)

    def _step(
        self,
        entry: Entry,
        state: State,
        from_states: Collection[str],
        *,
        exactly: bool = False,
        same_is_fine: bool = False,
        **values: Any,
    ) -> Entry:
        with self._database.writing() as connection:
            current = entry_of(connection, entry.id)
            if same_is_fine and current.state == state:
                return current
            if exactly and current.version != entry.version:
                raise EntryConflict(conflict(current))
            require(current, from_states, state)
            return self._changed(connection, current, {"state": state, **values})

    def _inserted(self, connection: Connection, order: Order, attempt: int, values: Mapping[str, Any]) -> Entry:
        row = dict(values)
        for name in ("action_key", "project", "scene", "asset", "provider", "model"):
            row[name] = getattr(order, name)
        row |= {
            "attempt": attempt,
            "state": "reserved",
            # the same for the same attempt: even with a lost ledger a vendor that knows keys does not do it twice
            "idempotency_key": str(uuid.uuid5(_KEYS, f"{order.action_key}:{attempt}")),
            "reason": "",
            "may_pay_again": False,
            "created_at": self._time(),
            "version": 1,
        }
        query = sa.insert(entries).values(**row, **self._touched()).returning(entries)
        return as_entry(connection.execute(query).mappings().one())

    def _changed(self, connection: Connection, entry: Entry, values: Mapping[str, Any]) -> Entry:
        query = (
            sa.update(entries)
            .where(entries.c.id == entry.id)
            .values(**values, **self._touched(), version=entry.version + 1)
            .returning(entries)
        )
        return as_entry(connection.execute(query).mappings().one())

    def _touched(self) -> dict[str, Any]:
        owner = self._owner()
        return {
            "updated_at": self._time(),
            "owner_pid": owner.pid,
            "owner_host": owner.host,
            "owner_started": owner.started,
        }

    def _time(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="microseconds")

    def _today(self) -> str:
        return self._now().astimezone(UTC).date().isoformat()


def _cap_of(order: Order) -> int | None:
    return None if order.project_cap_usd is None else micro_usd(order.project_cap_usd)


def _intent(order: Order) -> str:
    """The request of an order as it is kept: canonical JSON.

    Raises:
        DatabaseError: it names a secret, or is no JSON.
    """
    if names := secret_names(order.request):
        raise DatabaseError(
            f"the request of {order.name} has secrets in it ({', '.join(names)}); a vendor adds them itself"
        )
    try:
        return json.dumps(dict(order.request), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DatabaseError(f"the request of {order.name} can not be kept as JSON: {error}") from error
