"""Server-sent events, read from the bytes of a stream however they are cut.

After the text/event-stream format: lines end with CR, LF or both; a blank line ends an event; a line that begins with a
colon is a comment; of several `data` lines each is a line of the data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name ("message" where it has none) and data."""

    name: str
    data: str


class BrokenOff(ValueError):  # noqa: N818 - what happened, as a reader says it
    """The stream ended within an event."""


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream, each as soon as it is complete.

    Raises:
        BrokenOff: after the last whole event.
    """
    data: list[str] = []
    name, is_begun = "", False
    for line in _lines(pieces):
        if not line:
            if data:
                yield Event(name or "message", "\n".join(data))
            name, data, is_begun = "", [], False
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        is_begun = is_begun or bool(field)
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    if is_begun:
        raise BrokenOff


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """The lines; bytes after the last end of a line are one too, so that nothing is lost without a word."""
    held: list[bytes] = []
    is_after_cr, is_first = False, True
    for piece in pieces:
        if not piece:
            continue
        rest = piece.removeprefix(b"\n") if is_after_cr else piece  # the other half of a line's end
        is_after_cr = piece.endswith(b"\r")
        begun, *others = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        held.append(begun)
        for other in others:
            line = b"".join(held)
            held = [other]
            yield (line.removeprefix(_BOM) if is_first else line).decode(errors="replace")
            is_first = False
    if any(held):
        yield b"".join(held).decode(errors="replace")
