"""The audit log: who did what, one JSON object per line, a file per day (UTC): `audit-2026-11-20.jsonl`.

A line is appended in one write under a lock, so that no two processes mix theirs; keys and passwords are taken out. It
never fails who writes to it: what can not be written is told once, on stderr.
"""

import fcntl
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson

from audio_assets.domain.redaction import secret_names
from resources.secrets import hide

Kind = Literal["command", "rotation", "audit", "batch"]

_FILE = re.compile(r"audit-(\d{4}-\d\d-\d\d)\.jsonl")
_HIDDEN = "***"
_LONGEST = 500
_told: set[str] = set()
"""What was told on stderr; once per process is enough."""


class AuditLog:
    """The log in `folder`, kept for `days`. `now` is the clock, in UTC."""

    def __init__(
        self, folder: Path, *, days: int = 30, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.folder = folder
        self._days = days
        self._now = now

    def append(self, kind: Kind, **fields: Any) -> None:
        """Write down that something happened now; where there is no data root there is nothing to say of it."""
        at = self._now().astimezone(UTC)
        line = orjson.dumps({"at": at.isoformat(timespec="milliseconds"), "kind": kind, **_clean(fields)}) + b"\n"
        path = self.folder / f"audit-{at.date()}.jsonl"
        try:
            if not self.folder.parent.is_dir():
                return
            self.folder.mkdir(exist_ok=True)
            if not path.exists():
                self._forget(at.date())
            _append(path, line)
        except OSError as error:
            reason = f"the audit log {path} can not be written: {error.strerror}"
            if reason not in _told:
                _told.add(reason)
                print(reason, file=sys.stderr)

    def _forget(self, today: date) -> None:
        """Remove the files of days that are over for too long."""
        for path in self.folder.iterdir():
            found = _FILE.fullmatch(path.name)
            with suppress(ValueError):
                if found and date.fromisoformat(found[1]) <= today - timedelta(days=self._days):
                    path.unlink(missing_ok=True)


def _append(path: Path, line: bytes) -> None:
    """One whole line, or none.

    Raises:
        OSError: it can not be written; what a full disk took of it is taken back.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":  # somebody was killed within a line
            line = b"\n" + line
        if os.write(file, line) != len(line):
            os.ftruncate(file, size)
            raise OSError(28, "No space left on device")
    finally:
        os.close(file)


def _clean(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(name): _HIDDEN if value and secret_names({name: ""}) else _plain(value) for name, value in fields.items()
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it, without secrets, texts on one line."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return _clean(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    said = str(value).encode(errors="backslashreplace").decode()  # a file name may be no text
    return hide(said, longest=_LONGEST)
