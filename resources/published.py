"""Plain files that other programs read: written beside, then moved into place, so that nobody ever sees half of one."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` to write to; at the end it takes its place, in one step. After an error the old one stays.

    Raises:
        OSError: it can not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with beside.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Let `path` hold `data`, in one step.

    Raises:
        OSError: it can not be written; the file that was there stays.
    """
    with replacing(path) as out:
        out.write(data)


def holds(path: Path, data: bytes) -> bool:
    """Whether these very bytes are at `path`."""
    with suppress(OSError):
        return path.stat().st_size == len(data) and path.read_bytes() == data
    return False
