"""A message of a live stream: its fields, read strictly from what bots and people send.

Here: fields, limits, the queue that a message goes to, the partition of its audio. Not here: what is spoken of its text
(`live_text`), its states (`resources/message_queue.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from audio_assets.domain.toml_tables import nearest
from audio_assets.domain.toml_values import shown

Queue = Literal["mentions", "bits"]
MessageType = Literal["mention", "bits"]
QUEUES: tuple[Queue, ...] = get_args(Queue)
MESSAGE_TYPES: tuple[MessageType, ...] = get_args(MessageType)

FIELDS = ("sent_by", "text", "bits_amount", "message_type", "message_id")
LONGEST_TEXT, LONGEST_SENDER, LONGEST_ID = 4000, 100, 150
_MOST_BITS = 100_000_000


class MessageError(ValueError):
    """A message that can not be taken; one sentence names the field and what to write."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What somebody sent, as it came. `message_id` is the sender's own; one that came before is not taken again."""

    sent_by: str
    text: str
    message_type: MessageType = "mention"
    bits_amount: int | None = None
    message_id: str = ""

    @property
    def queue(self) -> Queue:
        """Where it waits."""
        return "bits" if self.message_type == "bits" else "mentions"


def read_message(value: object) -> NewMessage:
    """A message from a JSON object; a field that there is not is refused, never left out in silence.

    Without a `message_type` it is one of bits where it has a `bits_amount`, else a mention.

    Raises:
        MessageError: a field is missing, unknown, of another kind, or too long.
    """
    if not isinstance(value, Mapping):
        raise MessageError('a message is an object: {"sent_by": "ana", "text": "hello"}')
    for name in value:
        if name not in FIELDS:
            slip = nearest(str(name), FIELDS) or f"there are {', '.join(FIELDS)}"
            raise MessageError(f"the field {shown(name)} is not known; {slip}")
    bits = _bits(value.get("bits_amount"))
    kind = value.get("message_type") or ("bits" if bits else "mention")
    if kind not in MESSAGE_TYPES:
        raise MessageError(f"message_type is {shown(kind)}; write mention or bits")
    return NewMessage(
        sent_by=_text(value, "sent_by", LONGEST_SENDER),
        text=_text(value, "text", LONGEST_TEXT),
        message_type="bits" if kind == "bits" else "mention",
        bits_amount=bits,
        message_id=_text(value, "message_id", LONGEST_ID, is_optional=True),
    )


def _text(value: Mapping[str, object], name: str, longest: int, *, is_optional: bool = False) -> str:
    found = value.get(name)
    if found is None and is_optional:
        return ""
    if not isinstance(found, str):
        raise MessageError(f"{name} is missing" if found is None else f"{name} is {shown(found)}, no text")
    text = found.strip()
    if not text and not is_optional:
        raise MessageError(f"{name} is empty")
    if len(text) > longest:
        raise MessageError(f"{name} has {len(text)} characters; at most {longest} are taken")
    # a database takes neither half a surrogate pair nor, in Postgres, a zero
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _bits(value: object) -> int | None:
    """An amount, also as text, as CSV has it; None where there is none."""
    if value is None or value == "":
        return None
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST_BITS:
        raise MessageError(f"bits_amount is {shown(value)}; write a whole number")
    return number


def partition_of(number: int) -> str:
    """The partition of a message's audio; as text they sort like their numbers, up to ten million."""
    return f"m{number:07d}"


def number_of(partition: str) -> int:
    """The arrival number in a partition.

    Raises:
        MessageError: it is none of a message.
    """
    digits = partition.removeprefix("m")
    if digits == partition or not (digits.isascii() and digits.isdigit()):
        raise MessageError(f"'{partition}' is no message; they are called m0000042")
    return int(digits)
