"""Who owns a piece of work: this process, named so that others can tell whether it still lives.

The host's name has the number of the pid namespace behind it, where there is one: two containers may share a host's
name and count their processes alike. A process's start time tells it from a later one with the same pid.
"""

import getpass
import os
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its pid, host and start time ("" where the system does not tell)."""

    pid: int
    host: str
    started: str


def this_process() -> Owner:
    """The calling process (after a fork: the new one)."""
    pid = os.getpid()
    return Owner(pid, _host(), _started(pid) or "")


def my_name() -> str:
    """Who types here, for what is kept with a name.

    Raises:
        ValueError: nobody knows; one sentence.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container without a user of that number
        raise ValueError("nobody knows who you are here: say it with --by") from error


def is_alive(owner: Owner) -> bool | None:
    """Whether the process still runs; None when it is on another host, where this one can not look."""
    if owner.host != _host():
        return None
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists and is somebody else's
    started = _started(owner.pid)
    if started is None:
        return _started(os.getpid()) is None  # with a /proc it has ended just now, without one pids are all we have
    return not owner.started or started == owner.started


@lru_cache(maxsize=1)
def _host() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name.partition("[")[2].rstrip("]")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{namespace}"


def _started(pid: int) -> str | None:
    """Which boot, and clock ticks since it; "ended" when the process only waits to be reaped, None when not seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in "ZX" else f"{_boot()}-{fields[19]}"


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""
