"""The queue of live messages: every step of a message is one transaction, whoever else is at it.

    PENDING   it arrived; a renderer that has claimed it is its owner
    READY     its audio is made
    PLAYING   a player took it; from `started_at` on it is on air, and nobody needs to live for that
    PLAYED    its time is over, or somebody said so
    DELETED   cleared away before it was played
    FAILED    it can not be spoken, or its player died while it started; the reason is kept

Messages keep the order of their arrival within their queue: one that is not rendered yet holds up those behind it. One
message plays at a time. A claim is worth what its process is: of one that was killed the claim lapses, and a message
whose player was killed before it was on air is never played again by itself, for nobody knows whether it was heard.
Who renders and plays is elsewhere (`audio_assets/stages/live.py`, `live_player.py`); files are read in by
`live_inbox.py`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audio_assets.domain.live_message import QUEUES, NewMessage, Queue
from audio_assets.domain.redaction import without_secrets
from resources.database import BUSY_S, Database
from resources.database_schema import live_inbox, live_messages, live_state
from resources.live_rows import (
    FINISHED,
    STATES,
    Message,
    MessageConflict,
    State,
    Switches,
    as_message,
    message_of,
    messages_of,
    switches_of,
)
from resources.process_owner import Owner, is_alive, this_process

STALE_S = 120.0
"""After so long without a change a claim of another host, whose processes can not be looked at, counts as left."""

MAX_CLAIMS = 3
"""So many renderers may die at a message before it has failed."""

_columns = live_messages.c
_NO_OWNER: dict[str, Any] = {"owner_pid": None, "owner_host": None, "owner_started": None}


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a message that was added: its number, and whether it came for the first time."""

    number: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be spoken of a claimed message, as JSON; or why nothing can be."""

    request: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file of the inbox was read; `tail_sha256` is over the bytes before, `version` 0 where never."""

    offset: int = 0
    n_lines: int = 0
    tail_sha256: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the inbox: its key, and its message, or what is wrong with it."""

    key: str
    message: NewMessage | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the queue holds: messages by queue and state, bytes of audio that is ready by queue, deaths of players."""

    switches: Switches
    counts: dict[Queue, dict[State, int]]
    n_bytes_ready: dict[Queue, int]
    playing: Message | None
    n_died: int


class MessageQueue:
    """All live messages of a studio; safe among processes and threads. `now` is the clock, in UTC."""

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        owner: Callable[[], Owner] = this_process,
        busy_s: float = BUSY_S,
    ) -> None:
        """Open the database of that URL; see `Database` for what it raises."""
        self._database = Database(url, busy_s=busy_s)
        self._now = now
        self._owner = owner

    # --- Arriving ----------------------------------------------------------------------------------------------

    def add(self, messages: Sequence[NewMessage], *, source: str) -> tuple[Added, ...]:
        """Take messages in, in this order; one whose `message_id` came before is answered with its number."""
        lines = [Line(f"id:{one.message_id}" if one.message_id else "", one) for one in messages]
        with self._database.writing() as connection:
            return tuple(self._taken(connection, line, source) for line in lines)

    def place(self, name: str) -> Place:
        """How far a file of the inbox was read."""
        with self._database.reading() as connection:
            return _place(connection, name)

    def take_lines(self, name: str, lines: Sequence[Line], *, before: Place, after: Place) -> int | None:
        """Take lines of a file in and keep how far it was read, both or neither; how many came for the first time.

        A faulty line becomes a message that has failed, so that it is seen. None: another process has read on from
        `before`, and nothing was taken.
        """
        with self._database.writing() as connection:
            if _place(connection, name).version != before.version:
                return None
            added = [self._taken(connection, line, name) for line in lines]
            row = {
                "offset_bytes": after.offset, "n_lines": after.n_lines, "tail_sha256": after.tail_sha256,
                "updated_at": self._time(), "version": before.version + 1,
            }  # fmt: skip
            if before.version:
                connection.execute(sa.update(live_inbox).where(live_inbox.c.name == name).values(**row))
            else:
                connection.execute(sa.insert(live_inbox).values(name=name, **row))
        return sum(one.is_new for one in added)

    def _taken(self, connection: Connection, line: Line, source: str) -> Added:
        if line.key:
            known = connection.execute(sa.select(_columns.id).where(_columns.dedup_key == line.key)).scalar()
            if known is not None:
                return Added(int(known), is_new=False)
        message = line.message or NewMessage("", "")
        row = {
            "dedup_key": line.key or None,
            "queue": message.queue,
            "message_type": message.message_type,
            "sent_by": message.sent_by,
            "text": message.text,
            "bits_amount": message.bits_amount,
            "source": source[:300],
            "state": "PENDING" if line.message else "FAILED",
            "reason": without_secrets(line.fault, longest=500),
            "request": "", "audio": "", "n_bytes": 0, "duration_ms": 0, "n_claims": 0, "n_plays": 0,
            "arrived_at": self._time(),
            "updated_at": self._time(),
            "version": 1,
        }  # fmt: skip
        number = connection.execute(sa.insert(live_messages).values(**row).returning(_columns.id)).scalar_one()
        return Added(int(number), is_new=True)

    # --- Rendering ---------------------------------------------------------------------------------------------

    def waiting(self, limit: int) -> tuple[Message, ...]:
        """The first messages that nobody who lives has claimed."""
        with self._database.reading() as connection:
            return self._free(connection, limit)

    def claim(
        self, limit: int, ask: Callable[[Message], Asked], *, only: Collection[int] | None = None
    ) -> tuple[Message, ...]:
        """Take the first messages that nobody is rendering, and fix what is spoken of them.

        `ask` says what, once: a message that was claimed before keeps it. One that it refuses fails with that reason;
        where it raises nothing has happened.
        """
        with self._database.writing() as connection:
            chosen = [] if only is None else [_columns.id.in_(only)]
            claimed: list[Message] = []
            for message in self._free(connection, limit, *chosen):
                asked = Asked(message.request) if message.request else ask(message)
                refusal = asked.refusal or self._given_up(message)
                if refusal:
                    self._changed(connection, message, "FAILED", reason=refusal, ended_at=self._time())
                else:
                    kept: dict[str, Any] = {"request": asked.request, "n_claims": message.n_claims + 1}
                    claimed.append(self._changed(connection, message, "PENDING", owned=True, **kept))
        return tuple(claimed)

    def release(self, numbers: Collection[int]) -> None:
        """Give up what this process has claimed and not rendered."""
        with self._database.writing() as connection:
            for message in messages_of(connection, _columns.id.in_(numbers), _columns.state == "PENDING"):
                if message.owner == self._owner():
                    self._changed(connection, message, "PENDING", n_claims=message.n_claims - 1)

    def ready(self, number: int, audio: str, *, duration_s: float, n_bytes: int) -> bool:
        """Keep that its audio is made; False for a message that waits for none (cleared away meanwhile, or played)."""
        made: dict[str, Any] = {"audio": audio, "duration_ms": round(duration_s * 1000), "n_bytes": n_bytes}
        with self._database.writing() as connection:
            message = message_of(connection, number)
            if message.state == "PENDING":
                self._changed(connection, message, "READY", reason="", ready_at=self._time(), **made)
            elif message.state == "READY" and message.audio != audio:
                self._changed(connection, message, "READY", **made)
            return message.state in ("PENDING", "READY")

    def failed(self, number: int, reason: str) -> None:
        """Keep that it can not be spoken or played; nothing happens to one that is over."""
        with self._database.writing() as connection:
            message = message_of(connection, number)
            if message.state not in FINISHED:
                self._changed(connection, message, "FAILED", reason=reason, ended_at=self._time())

    # --- Playing -----------------------------------------------------------------------------------------------

    def cue(self, *, was_published: Callable[[Message], datetime | None], cooldown_s: float | None) -> Message | None:
        """Take the next message of the active queue to play it; None while there is none.

        `cooldown_s`: under autoplay, how long it is silent after a message (where nobody has switched to another
        value); None for a person, who asks at any time. First what is over is ended, see `tend`.

        Raises:
            MessageConflict: a person asks while another message plays.
        """
        with self._database.reading() as connection:  # most looks of autoplay end here and keep no writer waiting
            due = sa.or_(_columns.state == "PLAYING", _columns.state == "READY")
            if not messages_of(connection, due, limit=1):
                return None
        with self._database.writing() as connection:
            self._tend(connection, was_published)
            switches = switches_of(connection)
            playing = messages_of(connection, _columns.state == "PLAYING", limit=1)
            if cooldown_s is not None and (playing or not self._may_autoplay(switches, cooldown_s)):
                return None
            if playing:
                raise MessageConflict(self._busy_with(playing[0]))
            waiting = (_columns.queue == switches.active_queue, _columns.state.in_(("PENDING", "READY")))
            first = next(iter(messages_of(connection, *waiting, limit=1)), None)
            if first is None or first.state != "READY":
                return None
            values: dict[str, Any] = {"n_plays": first.n_plays + 1, "started_at": None, "ended_at": None}
            return self._changed(connection, first, "PLAYING", owned=True, **values)

    def started(self, message: Message, at: datetime) -> Message:
        """Keep that it is on air since then; only for the very process that took it.

        Raises:
            MessageConflict: it took too long and was given up.
        """
        with self._database.writing() as connection:
            current = message_of(connection, message.number)
            if current.version != message.version or current.state != "PLAYING":
                raise MessageConflict(f"message {message.number} is {current.state} now; it was given up meanwhile")
            return self._changed(connection, current, "PLAYING", started_at=_text(at))

    def tend(self, was_published: Callable[[Message], datetime | None]) -> tuple[Message, ...]:
        """End what has played its time, and what was left by a player that was killed; these messages come back.

        `was_published` looks whether a message went on air although its player could not say so any more, and when.
        """
        with self._database.reading() as connection:
            if not messages_of(connection, _columns.state == "PLAYING", limit=1):
                return ()
        with self._database.writing() as connection:
            return self._tend(connection, was_published)

    def mark_played(self, number: int) -> Message:
        """End a message that plays, or is ready.

        Raises:
            MessageConflict: it is neither.
        """
        with self._database.writing() as connection:
            message = message_of(connection, number)
            if message.state == "PLAYED":
                return message
            if message.state not in ("PLAYING", "READY"):
                raise MessageConflict(f"message {number} is {message.state}; only one that is ready or plays is played")
            return self._ended(connection, message, self._now())

    def _tend(self, connection: Connection, was_published: Callable[[Message], datetime | None]) -> tuple[Message, ...]:
        ended: list[Message] = []
        for message in messages_of(connection, _columns.state == "PLAYING"):
            if message.started_at is None:
                if not self._is_free(message):
                    continue
                at = was_published(message)
                if at is None:
                    reason = (
                        f"its player died while it started, so it may or may not have been heard: `audio-assets queue "
                        f"requeue {message.number}` plays it again"
                    )
                    ended.append(self._changed(connection, message, "FAILED", reason=reason, ended_at=self._time()))
                    continue
                reason = "its player died, but it was on air"
                message = self._changed(connection, message, "PLAYING", started_at=_text(at), reason=reason)
            over_at = (message.started_at or self._now()) + timedelta(seconds=message.duration_s)
            if over_at <= self._now():
                ended.append(self._ended(connection, message, over_at))
        return tuple(ended)

    def _ended(self, connection: Connection, message: Message, at: datetime) -> Message:
        self._switched(connection, last_ended_at=_text(at))
        return self._changed(connection, message, "PLAYED", ended_at=_text(at))

    def _may_autoplay(self, switches: Switches, cooldown_s: float) -> bool:
        if not switches.is_autoplay:
            return False
        wait_s = cooldown_s if switches.cooldown_s is None else switches.cooldown_s
        ended_at = switches.last_ended_at
        return ended_at is None or self._now() >= ended_at + timedelta(seconds=wait_s)

    def _busy_with(self, message: Message) -> str:
        number = message.number
        hint = f"`audio-assets queue mark-played {number}` ends it"
        if message.started_at is None:
            return f"message {number} is just being started; {hint}"
        over_at = message.started_at + timedelta(seconds=message.duration_s)
        left_s = max(0.0, (over_at - self._now()).total_seconds())
        return f"message {number} plays for another {left_s:.1f} s; {hint}"

    # --- What people say ---------------------------------------------------------------------------------------

    def clear(self) -> tuple[Message, ...]:
        """Take all that waits in the active queue away."""
        with self._database.writing() as connection:
            active = _columns.queue == switches_of(connection).active_queue
            waiting = messages_of(connection, active, _columns.state.in_(("PENDING", "READY")))
            return tuple(self._changed(connection, one, "DELETED", ended_at=self._time()) for one in waiting)

    def requeue(self, numbers: Collection[int]) -> tuple[Message, ...]:
        """Let messages that are over be spoken, with the settings of today, and played again, at their old place.

        Raises:
            MessageConflict: one of them is not over, or was a faulty line; nothing is changed.
        """
        with self._database.writing() as connection:
            found = [message_of(connection, number) for number in numbers]
            for message in found:
                if message.state not in FINISHED:
                    raise MessageConflict(f"message {message.number} is {message.state}; it is not over")
                if not message.text:
                    raise MessageConflict(f"message {message.number} has no text: it was a faulty line; add it anew")
            fresh: dict[str, Any] = {
                **dict.fromkeys(("request", "reason", "audio"), ""),
                **dict.fromkeys(("n_bytes", "duration_ms", "n_claims"), 0),
                **dict.fromkeys(("ready_at", "started_at", "ended_at")),
            }
            return tuple(self._changed(connection, one, "PENDING", **fresh) for one in found)

    def switch(self, queue: Queue) -> Switches:
        """Make a queue the active one."""
        with self._database.writing() as connection:
            return self._switched(connection, active_queue=queue)

    def autoplay(self, *, is_on: bool, cooldown_s: float | None = None) -> Switches:
        """Play by itself or not; a cooldown holds until another is given."""
        given: dict[str, Any] = {} if cooldown_s is None else {"cooldown_ms": round(cooldown_s * 1000)}
        with self._database.writing() as connection:
            return self._switched(connection, is_autoplay=is_on, **given)

    # --- Looking -----------------------------------------------------------------------------------------------

    def message(self, number: int) -> Message:
        """One message.

        Raises:
            PermanentError: there is none of that number.
        """
        with self._database.reading() as connection:
            return message_of(connection, number)

    def messages(
        self, *, states: Collection[State] = (), queue: Queue | None = None, newest: int | None = None
    ) -> tuple[Message, ...]:
        """Messages in the order of their arrival: in some states, of one queue, the newest few, or all."""
        conditions: list[Any] = [_columns.state.in_(states)] if states else []
        conditions += [_columns.queue == queue] if queue else []
        query = sa.select(live_messages).where(*conditions).order_by(_columns.id.desc()).limit(newest)
        with self._database.reading() as connection:
            return tuple(as_message(row) for row in connection.execute(query).mappings())[::-1]

    def switches(self) -> Switches:
        """Active queue, autoplay and cooldown."""
        with self._database.reading() as connection:
            return switches_of(connection)

    def stats(self) -> Stats:
        """See `Stats`."""
        count = sa.func.count()
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(_columns.queue, _columns.state, count).group_by(_columns.queue, _columns.state)
            )
            counts: dict[Queue, dict[State, int]] = {queue: dict.fromkeys(STATES, 0) for queue in QUEUES}
            for queue, state, n in rows:
                counts[queue][state] = n
            n_bytes = sa.select(_columns.queue, sa.func.sum(_columns.n_bytes)).where(_columns.state == "READY")
            ready = {queue: int(n) for queue, n in connection.execute(n_bytes.group_by(_columns.queue))}
            died = sa.select(count).where(_columns.reason.like("its player died%"), _columns.state.in_(FINISHED))
            playing = messages_of(connection, _columns.state == "PLAYING", limit=1)
            return Stats(
                switches=switches_of(connection),
                counts=counts,
                n_bytes_ready={queue: ready.get(queue, 0) for queue in QUEUES},
                playing=playing[0] if playing else None,
                n_died=int(connection.execute(died).scalar() or 0),
            )

    def prune(self, max_age: timedelta) -> tuple[Message, ...]:
        """Forget what has been over for so long; these messages come back. What waits is kept however old it is."""
        before = _text(self._now() - max_age)
        old = (_columns.state.in_(FINISHED), _columns.updated_at < before)
        with self._database.reading() as connection:
            if not messages_of(connection, *old, limit=1):
                return ()
        with self._database.writing() as connection:
            found = messages_of(connection, *old)
            connection.execute(sa.delete(live_messages).where(*old))
        return found

    # --- Within a transaction ----------------------------------------------------------------------------------

    def _given_up(self, message: Message) -> str:
        """Why it is not claimed once more, "" where it is: what kills every renderer would hold up all behind it."""
        if message.n_claims < MAX_CLAIMS:
            return ""
        number = message.number
        return f"{MAX_CLAIMS} renderers died at it; `audio-assets queue requeue {number}` has it tried again"

    def _free(self, connection: Connection, limit: int, *conditions: Any) -> tuple[Message, ...]:
        """The first that wait for a renderer; a long queue is not read to its end for them."""
        query = sa.select(live_messages).where(_columns.state == "PENDING", *conditions).order_by(_columns.id)
        with connection.execute(query) as rows:
            free = (message for message in map(as_message, rows.mappings()) if self._is_free(message))
            return tuple(islice(free, limit))

    def _is_free(self, message: Message) -> bool:
        """Whether nobody else is at a message: nobody took it, or who did has ended or is far away and long silent.

        What this very process took stays taken: its threads are several renderers.
        """
        if message.owner is None:
            return True
        alive = is_alive(message.owner)
        if alive is None:
            return (self._now() - message.updated_at).total_seconds() > STALE_S
        return not alive

    def _changed(
        self, connection: Connection, message: Message, state: State, *, owned: bool = False, **values: Any
    ) -> Message:
        """A step from a message as it was read in this transaction; its owner is this process, or nobody."""
        if "reason" in values:
            values["reason"] = without_secrets(values["reason"], longest=500)
        owner = self._owner()
        owned = owned or (state == "PLAYING" and message.state == "PLAYING")
        held = {"owner_pid": owner.pid, "owner_host": owner.host, "owner_started": owner.started}
        query = (
            sa.update(live_messages)
            .where(_columns.id == message.number, _columns.state == message.state, _columns.version == message.version)
            .values(**values, **(held if owned else _NO_OWNER), state=state, version=message.version + 1,
                    updated_at=self._time())
            .returning(live_messages)
        )  # fmt: skip
        row = connection.execute(query).mappings().first()
        if row is None:
            raise MessageConflict(f"message {message.number} has changed meanwhile; run again")
        return as_message(row)

    def _switched(self, connection: Connection, **values: Any) -> Switches:
        before = switches_of(connection)
        row = {**values, "updated_at": self._time(), "version": before.version + 1}
        if before.version:
            connection.execute(sa.update(live_state).where(live_state.c.id == 1).values(**row))
        else:
            first = {"id": 1, "active_queue": "mentions", "is_autoplay": False}
            connection.execute(sa.insert(live_state).values(**{**first, **row}))
        return switches_of(connection)

    def _time(self) -> str:
        return _text(self._now())


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _place(connection: Connection, name: str) -> Place:
    row = connection.execute(sa.select(live_inbox).where(live_inbox.c.name == name)).mappings().first()
    if row is None:
        return Place()
    return Place(row["offset_bytes"], row["n_lines"], row["tail_sha256"], row["version"])
