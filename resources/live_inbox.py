"""The inbox of live messages: files that grow line by line, each line taken exactly once.

How far a file was read is kept in the same transaction as what was read, and a line also has a key of its file, number
and content, so that a kill, a second reader or a file that was written anew takes nothing twice. A last line without
its line end is taken once the file has been still for a moment.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.inbox_lines import SUFFIXES, read_csv_line, read_jsonl_line
from audio_assets.domain.live_message import MessageError
from resources.message_queue import Line, MessageQueue, Place

_CHUNK = 1 << 20
_LONGEST_LINE = 64 << 10
_TAIL = 256
_STILL_S = 2.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What came out of one file: how many messages are new, and a sentence for each faulty line."""

    name: str
    n_new: int
    faults: tuple[str, ...] = ()


def take_inbox(queue: MessageQueue, folder: Path, *, now: Callable[[], float] = time.time) -> tuple[Taken, ...]:
    """Take every new line of every file in `folder`; files with nothing new are left out.

    A file that can not be read is told among the faults and costs no other.

    Raises:
        OSError: the folder can not be listed.
    """
    found: list[Taken] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        try:
            taken = list(_take_file(queue, path, now))
        except OSError as error:
            taken = [Taken(path.name, 0, (f"{path} can not be read ({error.strerror})",))]
        found += [one for one in taken if one.n_new or one.faults]
    return tuple(found)


def _take_file(queue: MessageQueue, path: Path, now: Callable[[], float]) -> Iterator[Taken]:
    stat = path.stat()
    place = queue.place(path.name)
    is_still = now() - stat.st_mtime >= _STILL_S
    with path.open("rb") as file:
        if place.offset > stat.st_size or _tail(file, place.offset) != (place.tail_sha256 or sha256_hex(b"")):
            place = Place(version=place.version)  # another file of that name, or one that was edited or cut
        if stat.st_size == place.offset:
            return
        file.seek(0)
        header = file.readline(_LONGEST_LINE)
        while True:
            file.seek(place.offset)
            lines = _whole_lines(file, is_still=is_still)
            if not lines:
                return
            read = [_line(path, header, place.n_lines + at, line) for at, line in enumerate(lines, start=1)]
            end = place.offset + sum(map(len, lines))
            after = Place(end, place.n_lines + len(lines), _tail(file, end), place.version + 1)
            messages = [line for line in read if line is not None]
            n_new = queue.take_lines(path.name, messages, before=place, after=after)
            if n_new is None:
                return
            yield Taken(path.name, n_new, tuple(line.fault for line in messages if line.fault))
            place = after


def _whole_lines(file: BinaryIO, *, is_still: bool) -> list[bytes]:
    """The next lines that are complete; one that is too long comes in pieces, which are faulty lines each."""
    lines: list[bytes] = []
    n_bytes = 0
    while n_bytes < _CHUNK and (line := file.readline(_LONGEST_LINE)):
        if not line.endswith(b"\n") and len(line) < _LONGEST_LINE and not is_still:
            break
        lines.append(line)
        n_bytes += len(line)
    return lines


def _line(path: Path, header: bytes, number: int, line: bytes) -> Line | None:
    """What a line says; None for a blank one and for the header."""
    is_csv = path.suffix.lower() == ".csv"
    if not line.strip() or (is_csv and number == 1):
        return None
    key = f"line:{sha256_hex(b'%s:%d:%s' % (path.name.encode(), number, line.strip()))}"
    if len(line) >= _LONGEST_LINE:
        return Line(key, fault=f"{path.name} line {number}: it is longer than {_LONGEST_LINE >> 10} KiB")
    try:
        message = read_csv_line(line, header) if is_csv else read_jsonl_line(line)
    except MessageError as error:
        return Line(key, fault=f"{path.name} line {number}: {error}")
    return Line(f"id:{message.message_id}" if message.message_id else key, message)


def _tail(file: BinaryIO, end: int) -> str:
    at = max(0, end - _TAIL)
    file.seek(at)
    return sha256_hex(file.read(end - at))
