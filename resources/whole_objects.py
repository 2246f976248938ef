"""Whether the files of local objects are there at their sizes.

Beside being called, this runs as a program of its own (`Lookout`): for 100,000 lines 1,400,000 files are looked at,
which costs as much time as all else that a plan does. It imports nothing that takes time to import.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import orjson

SIDECAR = "sidecar.json"
_MANY = 10_000
"""Refs; for fewer, another process is started in vain."""


def is_whole(folder: str, sizes: Mapping[str, int]) -> bool:
    """Whether an object is committed, and each file there with this many bytes."""
    try:
        os.stat(f"{folder}/{SIDECAR}")  # noqa: PTH116 - a Path would cost four times the stat
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


def broken(root: str, asset: str) -> Iterator[str]:
    """The file names (without suffix) of the refs of an asset whose objects are not whole."""
    try:
        entries = os.scandir(f"{root}/refs/{asset}")
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.name.endswith(".json"):
                try:
                    ref = orjson.loads(read_small(entry.path))
                    found = is_whole(f"{root}/{ref['object']}", ref["sizes"])
                except (OSError, ValueError, LookupError, TypeError):
                    found = False
                if not found:
                    yield entry.name.removesuffix(".json")


class Lookout:
    """Another process that looks at the objects of some assets, one after the other, while this one goes on."""

    def __init__(self, root: str, assets: Sequence[str]) -> None:
        command = [sys.executable, "-m", __name__, root, *assets]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - no shell
        self._root = root

    def broken(self, asset: str) -> Iterator[str]:
        """What `broken` answers, asked in the order in which the assets were named."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        yield from orjson.loads(line) if line else broken(self._root, asset)

    def close(self) -> None:
        """Let go of it."""
        self._process.kill()
        self._process.communicate()


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


if __name__ == "__main__":
    for named in sys.argv[2:]:
        print(orjson.dumps(list(broken(sys.argv[1], named))).decode(), flush=True)
