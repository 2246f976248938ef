"""Server-sent events, read from the bytes of a stream however they are cut.

After the text/event-stream format: lines end with CR, LF or both; a blank line ends an event; a line that begins with a
colon is a comment; of several `data` lines each is a line of the data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


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
    lines = _lines(pieces)
    for line in lines:
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
    rest, is_after_cr, is_first = bytearray(), False, True

    def text(line: bytes) -> str:
        nonlocal is_first
        line, is_first = line.removeprefix(b"\xef\xbb\xbf") if is_first else line, False
        return line.decode(errors="replace")

    for piece in pieces:
        if is_after_cr and piece:
            piece, is_after_cr = piece.removeprefix(b"\n"), False  # the other half of a line's end
        n_searched = len(rest)
        rest += piece
        *whole, last = _split(rest, n_searched)
        is_after_cr = rest.endswith(b"\r")
        rest = bytearray(last)
        for line in whole:
            yield text(line)
    if rest:
        yield text(bytes(rest))


def _split(buffer: bytearray, n_searched: int) -> list[bytes]:
    """Lines and the rest after them; the first `n_searched` bytes hold no end of a line."""
    if b"\n" not in buffer[n_searched:] and b"\r" not in buffer[n_searched:]:
        return [bytes(buffer)]
    return bytes(buffer).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
