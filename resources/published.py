"""Plain files that other programs read: written beside, then moved into place, so that nobody ever sees half of one."""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

_SETTLED_NS = 2_000_000_000


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
    except OSError as error:
        if error.filename not in (None, str(beside)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # nobody knows the name beside
    finally:
        beside.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Let `path` hold `data`, in one step.

    Raises:
        OSError: it can not be written; the file that was there stays.
    """
    with replacing(path) as out:
        out.write(data)


def sha256_of(path: Path) -> str:
    """The sha256 of what is at `path`, "" where nothing is; a file that has not changed since is not read again.

    Raises:
        OSError: it can not be read.
    """
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    changed_ns = max(stat.st_mtime_ns, stat.st_ctime_ns)
    if time.time_ns() - changed_ns < _SETTLED_NS:  # another change right now could leave the same times
        return _digest(path)
    return _hashed(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@lru_cache(maxsize=1 << 16)
def _hashed(path: Path, *_seen: int) -> str:
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
