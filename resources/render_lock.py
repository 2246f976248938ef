"""Whether any process is rendering into a data root: a shared lock that a killed process leaves by itself.

Local to one machine; it keeps a sensor from asking for work that is under way, and is no guard of the store (two
renders of the same thing write the same bytes).
"""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

_held: dict[Path, IO[bytes]] = {}


def hold(path: Path) -> None:
    """Hold the lock until `release` or the end of this process; holding twice is holding once."""
    if path not in _held:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
        fcntl.flock(handle, fcntl.LOCK_SH)
        _held[path] = handle


def release(path: Path) -> None:
    """Let go of the lock, if this process holds it."""
    handle = _held.pop(path, None)
    if handle is not None:
        handle.close()


@contextmanager
def alone(paths: Iterable[Path]) -> Iterator[bool]:
    """Within: nobody holds any of the locks, and who wants one waits; answers False where one is held now."""
    with ExitStack() as stack:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(path.open("ab"))
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True


def is_held(path: Path) -> bool:
    """Whether some process holds the lock."""
    if not path.exists():
        return False
    with path.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
