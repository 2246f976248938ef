"""Whether any process is rendering into a data root: a shared lock that a killed process leaves by itself.

Local to one machine; it keeps a sensor from asking for work that is under way, and is no guard of the store (two
renders of the same thing write the same bytes).
"""

import fcntl
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
