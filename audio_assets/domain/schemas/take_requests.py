"""What people ask for in a scene, and the slots of its takes: two small records that are only ever added to.

- `take_requests.1`: how many takes are wanted, remixes, clips of the studio's own, takes that serve for others.
- `take_slots.1`: which action key is take t01, t02 ...: a slot is given once and never again to another take.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import orjson

from audio_assets.domain.schemas.records import RecordError, read_record

Origin = Literal["generated", "remix", "added", "stand_in"]


@dataclass(frozen=True, slots=True)
class RemixOrder:
    """A take that starts from `parent` ("t01") and changes what `revision` says."""

    parent: str
    revision: str


@dataclass(frozen=True, slots=True)
class AddedClip:
    """A clip of the studio's own: its sha256, the suffix and name it came with, who made it as far as is said."""

    sha256: str
    suffix: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TakeRequests:
    """All that people asked for in one scene; `n_takes` None leaves the number to the song's settings.

    `accepted`: by the action key of a wanted take that is not to be made, the key of the one that serves for it.
    """

    n_takes: int | None = None
    remixes: tuple[RemixOrder, ...] = ()
    added: tuple[AddedClip, ...] = ()
    accepted: Mapping[str, str] = field(default_factory=dict)

    def with_remix(self, order: RemixOrder) -> "TakeRequests":
        """With one remix more; the same one twice is one."""
        return self if order in self.remixes else replace(self, remixes=(*self.remixes, order))

    def with_clip(self, clip: AddedClip) -> "TakeRequests":
        """With one clip more; the same bytes twice are one."""
        is_here = any(one.sha256 == clip.sha256 for one in self.added)
        return self if is_here else replace(self, added=(*self.added, clip))

    def with_number(self, n_takes: int) -> "TakeRequests":
        """With a number of takes of its own."""
        return replace(self, n_takes=n_takes)

    def with_accepted(self, serves_for: Mapping[str, str]) -> "TakeRequests":
        """With earlier takes in the place of wanted ones."""
        return replace(self, accepted={**self.accepted, **serves_for})

    def to_bytes(self) -> bytes:
        """Indented JSON: people open these."""
        return _written("take_requests.1", asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> "TakeRequests":
        """Read what `to_bytes` wrote.

        Raises:
            RecordError: not such a record.
        """
        record = read_record(data, "take_requests.1")
        try:
            return cls(
                record["n_takes"],
                tuple(RemixOrder(**entry) for entry in record["remixes"]),
                tuple(AddedClip(**entry) for entry in record["added"]),
                record.get("accepted", {}),  # not in records from before there was accepting
            )
        except (KeyError, TypeError) as error:
            raise RecordError(f"not a whole take_requests.1: {error}") from error


@dataclass(frozen=True, slots=True)
class Slot:
    """One take's place: the action key of its object, where it came from, and its parent's id ("" for none)."""

    key: str
    origin: Origin
    parent: str = ""


def take_id(index: int) -> str:
    """The id of the slot at an index from 0: `t01`."""
    return f"t{index + 1:02}"


def merged(slots: tuple[Slot, ...], wanted: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """The slots with those of `wanted` that have none yet, in their order, at the end; nothing moves."""
    known = {slot.key for slot in slots}
    new = {slot.key: slot for slot in wanted if slot.key not in known}
    return (*slots, *new.values())


def slots_to_bytes(slots: tuple[Slot, ...]) -> bytes:
    """`take_slots.1`."""
    return _written("take_slots.1", {"slots": [asdict(slot) for slot in slots]})


def slots_from_bytes(data: bytes) -> tuple[Slot, ...]:
    """Read what `slots_to_bytes` wrote.

    Raises:
        RecordError: not such a record.
    """
    record = read_record(data, "take_slots.1")
    try:
        return tuple(Slot(**entry) for entry in record["slots"])
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a whole take_slots.1: {error}") from error


def _written(schema: str, values: dict[str, Any]) -> bytes:
    return orjson.dumps({"schema": schema, **values}, option=orjson.OPT_INDENT_2)
