"""Whether the files of local objects are there at their sizes.

Beside being called, this runs as a program of its own (`Lookout`): for 100,000 lines 1,400,000 files are looked at,
which costs as much time as all else that a plan does. It imports nothing that takes time to import.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any
from zlib import crc32

import orjson

SIDECAR = "sidecar.json"
_MANY = 10_000
"""Refs; for fewer, another process is started in vain."""


def is_whole(folder: str, sizes: Mapping[str, int]) -> bool:
    """Whether an object is committed, and each file there with this many bytes."""
    try:
        if not os.stat(f"{folder}/{SIDECAR}").st_size:  # noqa: PTH116 - a Path would cost four times the stat
            return False
        for name, size in sizes.items():
            if os.stat(f"{folder}/{name}").st_size != size:  # noqa: PTH116
                return False
    except FileNotFoundError:
        return False
    return True


def read_small(path: str) -> bytes:
    """A whole file. A plan over 100,000 lines reads 300,000: a file object costs 13 us, this 6."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(handle, _FIRST)]
        while len(parts[-1]) >= _FIRST:
            parts.append(os.read(handle, _FIRST))
        return parts[0] if len(parts) == 1 else b"".join(parts)
    finally:
        os.close(handle)


_FIRST = 1 << 14
"""Bytes that are asked for at once; records are shorter."""


def look(root: str, asset: str, share: int = 0, of: int = 1) -> "Iterator[Seen]":
    """Every ref of an asset, or a share of them, with whether its object is whole."""
    for name, data in read_records(f"{root}/refs/{asset}", share, of):
        record = _parsed(data)
        yield name, record, _is_whole(root, record)


Seen = tuple[str, Any, bool]
"""A ref: the name of its file without the suffix, its record (None where it can not be read), is its object whole."""


def read_records(folder: str, share: int = 0, of: int = 1) -> Iterator[tuple[str, bytes]]:
    """Every `<name>.json` right below `folder`, or one of so many shares of them: its name and bytes."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.name.endswith(".json") and (of == 1 or crc32(entry.name.encode()) % of == share):
                yield entry.name.removesuffix(".json"), read_small(entry.path)


def _parsed(data: bytes) -> Any:
    with suppress(ValueError):
        return orjson.loads(data)


def _is_whole(root: str, record: Any) -> bool:
    try:
        return is_whole(f"{root}/{record['object']}", record["sizes"])
    except (LookupError, TypeError, AttributeError):  # it says nothing of an object
        return False


class Lookout:
    """Other processes that look at the objects of some assets, one after the other, while this one goes on.

    They are two, for this one has to wait for the first asset: 4 s of 100,000 lines with one.
    """

    def __init__(self, root: str, assets: Sequence[str]) -> None:
        commands = [[sys.executable, "-m", __name__, root, f"{share}", f"{_LOOKOUTS}", *assets] for share in _SHARES]
        # What ends one is met and told here, where the same is looked at again.
        self._processes = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 - no shell
            for command in commands
        ]
        self._root = root

    def look(self, asset: str) -> Iterator[Seen]:
        """What `look` answers, asked in the order in which the assets were named."""
        for share, process in zip(_SHARES, self._processes, strict=True):
            line = process.stdout.readline() if process.stdout else b""
            is_whole_line = line.endswith(b"\n")  # else it has died: nothing is lost but time
            yield from orjson.loads(line) if is_whole_line else look(self._root, asset, share, _LOOKOUTS)

    def close(self) -> None:
        """Let go of them."""
        for process in self._processes:
            process.kill()
            process.communicate()


_LOOKOUTS = 2
_SHARES = range(_LOOKOUTS)


def has_many(root: str, assets: Sequence[str]) -> bool:
    """Whether a lookout is worth its start."""
    n = 0
    for asset in assets:
        try:
            with os.scandir(f"{root}/refs/{asset}") as entries:
                n += sum(1 for _ in islice(entries, _MANY))
        except (FileNotFoundError, NotADirectoryError):
            continue
    return n >= _MANY


def _main(root: str, share: int, of: int, assets: Sequence[str]) -> None:
    """Write a line per asset: what `look` answers."""
    for asset in assets:
        seen = []
        for name, data in read_records(f"{root}/refs/{asset}", share, of):
            record = _parsed(data)
            seen.append((name, None if record is None else orjson.Fragment(data), _is_whole(root, record)))
        sys.stdout.buffer.write(orjson.dumps(seen, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
