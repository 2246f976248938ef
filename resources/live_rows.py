"""What is kept of a live message, as values: rows of the database and back. Who changes them is `message_queue.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audio_assets.domain.live_message import MessageType, Queue, partition_of
from audio_assets.domain.rendering import PermanentError
from resources.database_schema import live_messages, live_state
from resources.process_owner import Owner

State = Literal["PENDING", "READY", "PLAYING", "PLAYED", "DELETED", "FAILED"]
STATES: tuple[State, ...] = get_args(State)
FINISHED: tuple[State, ...] = ("PLAYED", "DELETED", "FAILED")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `number` counts arrivals; `request` is what is spoken, as JSON, "" until somebody has claimed it.

    `audio` is the path of its sound in the store. Times are in UTC. `version` rises with every change.
    """

    number: int
    queue: Queue
    message_type: MessageType
    sent_by: str
    text: str
    bits_amount: int | None
    source: str
    state: State
    reason: str
    request: str
    audio: str
    n_bytes: int
    duration_s: float
    n_claims: int
    n_plays: int
    arrived_at: datetime
    ready_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    owner: Owner | None
    version: int

    @property
    def partition(self) -> str:
        """The partition of its audio."""
        return partition_of(self.number)


@dataclass(frozen=True, slots=True)
class Switches:
    """What people have switched: which queue plays, whether by itself, and after how long; None as the settings say."""

    active_queue: Queue
    is_autoplay: bool
    cooldown_s: float | None
    last_ended_at: datetime | None
    version: int


class MessageConflict(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """A message is not in the state that a step needs: somebody else was faster, or it is not its turn."""


def as_message(row: Mapping[Any, Any]) -> Message:
    """A message from its row."""
    pid = row["owner_pid"]
    return Message(
        number=row["id"],
        queue=cast(Queue, row["queue"]),
        message_type=cast(MessageType, row["message_type"]),
        sent_by=row["sent_by"],
        text=row["text"],
        bits_amount=row["bits_amount"],
        source=row["source"],
        state=cast(State, row["state"]),
        reason=row["reason"],
        request=row["request"],
        audio=row["audio"],
        n_bytes=row["n_bytes"],
        duration_s=row["duration_ms"] / 1000,
        n_claims=row["n_claims"],
        n_plays=row["n_plays"],
        arrived_at=datetime.fromisoformat(row["arrived_at"]),
        ready_at=time_of(row["ready_at"]),
        started_at=time_of(row["started_at"]),
        ended_at=time_of(row["ended_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        owner=None if pid is None else Owner(pid, row["owner_host"] or "", row["owner_started"] or ""),
        version=row["version"],
    )


def time_of(text: str | None) -> datetime | None:
    """A kept time."""
    return datetime.fromisoformat(text) if text else None


def message_of(connection: Connection, number: int) -> Message:
    """One message.

    Raises:
        PermanentError: there is none of that number.
    """
    row = connection.execute(sa.select(live_messages).where(live_messages.c.id == number)).mappings().first()
    if row is None:
        raise PermanentError(f"there is no message {number}; `audio-assets queue list` shows them")
    return as_message(row)


def messages_of(connection: Connection, *conditions: Any, limit: int | None = None) -> tuple[Message, ...]:
    """The messages that fulfil all conditions, in the order of their arrival."""
    query = sa.select(live_messages).where(*conditions).order_by(live_messages.c.id).limit(limit)
    return tuple(as_message(row) for row in connection.execute(query).mappings())


def switches_of(connection: Connection) -> Switches:
    """The switches; where nobody has switched anything mentions are active, and nothing plays by itself."""
    row = connection.execute(sa.select(live_state).where(live_state.c.id == 1)).mappings().first()
    if row is None:
        return Switches("mentions", False, None, None, 0)
    cooldown_ms = row["cooldown_ms"]
    return Switches(
        active_queue=cast(Queue, row["active_queue"]),
        is_autoplay=bool(row["is_autoplay"]),
        cooldown_s=None if cooldown_ms is None else cooldown_ms / 1000,
        last_ended_at=time_of(row["last_ended_at"]),
        version=row["version"],
    )
