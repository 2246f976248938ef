"""Whose turn it is: the state of the rotations, in the studio's database; their orders are in `domain/rotation`.

A hand-out is one transaction: the row of what was given and the place that it was given at are kept together, before
it is answered. So two processes share a rotation, and a killed one repeats nothing and leaves nothing out. One that
was killed before it saw the answer asks again with the same request id and gets the same item.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.rotation import (
    PLURALS,
    Item,
    Kind,
    Members,
    Order,
    Place,
    change,
    digest,
    members_of,
    order_of,
    pick,
)
from resources.database import BUSY_S, Database
from resources.database_schema import rotation_handouts, rotation_places, rotations

HISTORY = 10_000
"""Hand-outs that are kept of earlier cycles, the newest ones; those of the cycle that runs are all kept."""

_LONGEST_REQUEST_ID = 200


@dataclass(frozen=True, slots=True)
class HandOut:
    """What was given: the `number`-th item of a cycle that has `size`; `given_at` is an ISO 8601 time in UTC.

    `note` says how the data set changed since the hand-out before, "" where it did not; `is_repeated` that this very
    request was answered before.
    """

    kind: Kind
    item: Item
    cycle: int
    number: int
    size: int
    given_at: str
    request_id: str = ""
    note: str = ""
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Where a rotation is. `n_given` of the `size` items of today's data set were given in this cycle.

    `note` is how the data set changed since the last hand-out, or at the last change (at `noted_at`).
    """

    kind: Kind
    cycle: int
    n_given: int
    size: int
    last: Item | None
    last_at: str
    note: str
    noted_at: str
    started_at: str


@dataclass(frozen=True, slots=True)
class _Turn:
    """A rotation within a transaction: today's order, and where in it."""

    kind: Kind
    order: Order
    place: Place
    looked: int
    n_given: int
    note: str = ""


class Rotations:
    """All rotations of a studio; safe among processes and threads. `now` is the clock, in UTC."""

    def __init__(
        self, url: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), busy_s: float = BUSY_S
    ) -> None:
        """Open the database of that URL; see `Database` for what it raises."""
        self._database = Database(url, busy_s=busy_s)
        self._now = now

    def next(self, kind: Kind, members: Members, seed: str, *, request_id: str = "") -> HandOut:
        """Give the next item of a rotation over today's data set.

        Raises:
            RotationError: the data set is empty.
            DatabaseError: the database can not be used.
        """
        return self.next_ones(kind, members, seed, 1, request_id=request_id)[0]

    def next_ones(
        self, kind: Kind, members: Members, seed: str, count: int, *, request_id: str = ""
    ) -> tuple[HandOut, ...]:
        """Give the next `count` items, all or none; they may reach into the next cycle. See `next`."""
        if len(request_id) > _LONGEST_REQUEST_ID - 20:
            raise PermanentError(f"a request id of {len(request_id)} characters is too long; at most 180 are kept")
        found = members_of(kind, members)
        ids = [f"{request_id}#{n}" if request_id and n else request_id for n in range(count)]
        with self._database.writing() as connection:
            given: list[HandOut] = []
            turn = None
            for name in ids:
                repeated = _answered(connection, kind, name)
                if repeated is not None:
                    size = len(_orders_of(kind, found, seed, repeated["cycle"]))
                    given.append(_hand_out(repeated, size, is_repeated=True))
                    continue
                turn = turn or self._turn(connection, kind, found, seed)
                turn, one = self._give(connection, turn, found, seed, name)
                given.append(one)
        return tuple(given)

    def place(self, kind: Kind) -> tuple[Place, frozenset[Item]]:
        """Where a rotation is, and what it gave in this cycle: what `domain.rotation.stream` goes on from."""
        with self._database.reading() as connection:
            row = _place(connection, kind)
            if row is None:
                return Place(), frozenset()
            given = frozenset(_given(connection, kind, row["cycle"]))
        return Place(row["cycle"], _item(row["last_item"])), given

    def status(self, kind: Kind, members: Members, seed: str) -> Status:
        """Where a rotation is, seen with today's data set; nothing is given.

        Raises:
            RotationError: the data set is empty.
        """
        found = members_of(kind, members)
        size = len(_orders_of(kind, found, seed, 1))
        with self._database.reading() as connection:
            known, row = _known(connection, kind), _place(connection, kind)
            if known is None or row is None:
                return Status(kind, 1, 0, size, None, "", "", "", "")
            given = _count_of_today(_given(connection, kind, row["cycle"]), found)
        news = _news(known, found, seed)
        return Status(
            kind, row["cycle"], given, size, _item(row["last_item"]), row["updated_at"],
            f"{news} since the last hand-out" if news else known["note"],
            "" if news else known["noted_at"], known["started_at"],
        )  # fmt: skip

    def history(self, kind: Kind, count: int = 20) -> tuple[HandOut, ...]:
        """The newest hand-outs of a kind, newest first; `size` is 0, for it is not kept."""
        query = (
            sa.select(rotation_handouts)
            .where(rotation_handouts.c.kind == kind)
            .order_by(rotation_handouts.c.id.desc())
            .limit(count)
        )
        with self._database.reading() as connection:
            return tuple(_hand_out(row, 0) for row in connection.execute(query).mappings())

    def reset(self, kind: Kind) -> int:
        """Forget all of a rotation, so that it begins anew; answers how many hand-outs were forgotten."""
        with self._database.writing() as connection:
            for table in (rotations, rotation_places):
                connection.execute(sa.delete(table).where(table.c.kind == kind))
            return connection.execute(sa.delete(rotation_handouts).where(rotation_handouts.c.kind == kind)).rowcount

    # --- Within a transaction ----------------------------------------------------------------------------------

    def _turn(self, connection: Connection, kind: Kind, members: Members, seed: str) -> _Turn:
        """Where a rotation is, brought up to date with today's data set and seed."""
        now = _digest(members, seed)
        row = _place(connection, kind)
        if row is None:
            self._learn(connection, kind, members, seed, "")
            self._insert_place(connection, kind, now)
            return _Turn(kind, _orders_of(kind, members, seed, 1), Place(), 0, 0)
        order = _orders_of(kind, members, seed, row["cycle"])
        place = Place(row["cycle"], _item(row["last_item"]))
        if row["digest"] == now:
            return _Turn(kind, order, place, row["looked"], row["n_given"])
        known = _known(connection, kind)
        n_given = _count_of_today(_given(connection, kind, place.cycle), members)
        news = _news(known, members, seed) if known is not None else ""
        note = f"{news}; {n_given} of {len(order)} {PLURALS[kind]} given in this cycle"
        self._learn(connection, kind, members, seed, note)
        return _Turn(kind, order, place, 0, n_given, note)

    def _give(
        self, connection: Connection, turn: _Turn, members: Members, seed: str, request_id: str
    ) -> tuple[_Turn, HandOut]:
        def is_given(item: Item) -> bool:
            return _is_given(connection, turn.kind, turn.place.cycle, item)

        picked = pick(turn.order, turn.looked, is_given, turn.place.last)
        if picked is None:  # a new cycle, in an order of its own
            place = replace(turn.place, cycle=turn.place.cycle + 1)
            turn = replace(
                turn, order=_orders_of(turn.kind, members, seed, place.cycle), place=place, looked=0, n_given=0
            )
            self._forget(connection, turn)
            picked = pick(turn.order, 0, is_given, place.last)
        if picked is None:
            raise PermanentError(f"the rotation of {PLURALS[turn.kind]} has nothing to give")
        time = self._time()
        given = {
            "kind": turn.kind, "cycle": turn.place.cycle, "number": turn.n_given + 1, "item": _text(picked.item),
            "request_id": request_id or None, "given_at": time,
        }  # fmt: skip
        connection.execute(sa.insert(rotation_handouts).values(**given))
        after = replace(
            turn, place=Place(turn.place.cycle, picked.item), looked=picked.looked, n_given=turn.n_given + 1, note=""
        )
        values = {
            "cycle": after.place.cycle, "looked": after.looked, "n_given": after.n_given, "last_item": given["item"],
            "digest": _digest(members, seed), "updated_at": time,
        }  # fmt: skip
        connection.execute(sa.update(rotation_places).where(rotation_places.c.kind == turn.kind).values(**values))
        return after, replace(_hand_out(given, len(turn.order)), note=turn.note)

    def _learn(self, connection: Connection, kind: Kind, members: Members, seed: str, note: str) -> None:
        values = {"seed": seed, "members": json.dumps(members), "note": note, "noted_at": self._time() if note else ""}
        done = connection.execute(sa.update(rotations).where(rotations.c.kind == kind).values(**values))
        if not done.rowcount:
            connection.execute(sa.insert(rotations).values(kind=kind, started_at=self._time(), **values))

    def _insert_place(self, connection: Connection, kind: Kind, now: str) -> None:
        values = {"cycle": 1, "looked": 0, "n_given": 0, "last_item": "", "digest": now, "updated_at": self._time()}
        connection.execute(sa.insert(rotation_places).values(kind=kind, **values))

    def _forget(self, connection: Connection, turn: _Turn) -> None:
        """Let go of what is older than the newest hand-outs; at the begin of a cycle, when all of it is of earlier."""
        table = rotation_handouts
        query = sa.select(table.c.id).where(table.c.kind == turn.kind).order_by(table.c.id.desc()).offset(HISTORY)
        oldest = connection.execute(query.limit(1)).scalar()
        if oldest is not None:
            connection.execute(sa.delete(table).where(table.c.kind == turn.kind, table.c.id <= oldest))

    def _time(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="microseconds")


def _known(connection: Connection, kind: Kind) -> RowMapping | None:
    return connection.execute(sa.select(rotations).where(rotations.c.kind == kind)).mappings().one_or_none()


def _place(connection: Connection, kind: Kind) -> RowMapping | None:
    return connection.execute(sa.select(rotation_places).where(rotation_places.c.kind == kind)).mappings().one_or_none()


def _given(connection: Connection, kind: Kind, cycle: int) -> Sequence[Item]:
    table = rotation_handouts
    query = sa.select(table.c.item).where(table.c.kind == kind, table.c.cycle == cycle)
    return [tuple(json.loads(text)) for text in connection.execute(query).scalars()]


def _is_given(connection: Connection, kind: Kind, cycle: int, item: Item) -> bool:
    table = rotation_handouts
    query = sa.select(table.c.id).where(table.c.kind == kind, table.c.cycle == cycle, table.c.item == _text(item))
    return connection.execute(query).scalar() is not None


def _answered(connection: Connection, kind: Kind, request_id: str) -> RowMapping | None:
    if not request_id:
        return None
    table = rotation_handouts
    query = sa.select(table).where(table.c.kind == kind, table.c.request_id == request_id)
    return connection.execute(query).mappings().one_or_none()


def _hand_out(row: Any, size: int, *, is_repeated: bool = False) -> HandOut:
    item = tuple(json.loads(row["item"]))
    request_id = row["request_id"] or ""
    return HandOut(
        row["kind"], item, row["cycle"], row["number"], size, row["given_at"], request_id, is_repeated=is_repeated
    )


def _count_of_today(given: Sequence[Item], members: Members) -> int:
    """How many of the given items are of today's data set still."""
    columns = [set(ids) for ids in members.values()]
    return sum(all(one in column for one, column in zip(item, columns, strict=True)) for item in given)


def _news(known: RowMapping, members: Members, seed: str) -> str:
    said = [change(json.loads(known["members"]), members)]
    if known["seed"] != seed:
        said.append("the seed is another, so the rest of the cycle comes in another order")
    return "; ".join(filter(None, said))


def _orders_of(kind: Kind, members: Members, seed: str, cycle: int) -> Order:
    return _cached_order(kind, tuple(members.items()), seed, cycle)


@lru_cache(maxsize=8)
def _cached_order(kind: Kind, members: tuple[tuple[str, tuple[str, ...]], ...], seed: str, cycle: int) -> Order:
    """An order of 10,000 names takes 10 ms, an item of it less than a microsecond."""
    return order_of(kind, dict(members), seed, cycle)


def _digest(members: Members, seed: str) -> str:
    return digest({**members, "seed": (seed,)})


def _text(item: Item) -> str:
    return json.dumps(item)


def _item(text: str) -> Item | None:
    return tuple(json.loads(text)) if text else None
