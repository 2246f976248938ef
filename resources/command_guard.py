"""A small program that watches over one command line: it ends the command with all its children, whoever dies first.

`command_runner.py` starts it and describes the command in one line of JSON on its standard input, which then stays
open: when that closes, its owner is gone or has lost interest. It needs nothing but Python, and is never imported.

What it tells is one line of JSON: `{"problem": ...}` where the command could not be started, else
`{"code": exit code, minus the signal that ended it, "is_late": ...}`.
"""

import contextlib
import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_LOOKS_EVERY_S = 0.02
_MOST_READS = 64  # at a look: one that never stops talking is looked after all the same
_GIVES_UP_AFTER_S = 10.0  # of killing what does not die: it waits for a device, and ends when that answers
_SUBREAPER, _DEATH_SIGNAL = 36, 1  # prctl(2)
_told_to_end: "list[bool]" = []


def main() -> None:
    """Watch over the command that standard input describes."""
    spec = json.loads(sys.stdin.buffer.readline())
    _prctl(_SUBREAPER, 1)  # a child of the command that loses its parent becomes ours: nobody slips away
    _prctl(_DEATH_SIGNAL, signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: _told_to_end.append(True))
    try:
        command = subprocess.Popen(  # noqa: S603 - the studio's own settings say what runs here; no shell reads it
            spec["arguments"], cwd=spec["folder"], env=spec["environment"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, bufsize=0,
            preexec_fn=lambda: _limited(spec["largest_file"]),  # safe: this program has one thread
        )  # fmt: skip
    except OSError as error:
        _tell({"problem": error.strerror or str(error)})
        return
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(_Log(Path(spec[name]), spec["longest_log"])) for name in ("stdout", "stderr")]
        watch = stack.enter_context(_Watch(command, logs))
        is_late = watch.wait(spec["time_limit_s"])
        watch.end(0.0 if command.poll() is not None and watch.has_owner else spec["grace_s"])
        watch.look(0.0)  # a child may have held the streams open: what was said by now is enough
    if watch.has_owner:
        _tell({"code": command.returncode, "is_late": is_late})
    else:
        shutil.rmtree(spec["root"], ignore_errors=True)  # nobody else will


class _Watch:
    """Over one command: keeps what it says, and sees whether it still has an owner."""

    def __init__(self, command: "subprocess.Popen[bytes]", logs: "list[_Log]") -> None:
        self.command, self.has_owner = command, True
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(sys.stdin.fileno(), selectors.EVENT_READ, None)
        for stream, log in zip((command.stdout, command.stderr), logs, strict=True):
            if stream is not None:
                self._waiting.register(stream, selectors.EVENT_READ, log)

    def look(self, seconds: float) -> None:
        """Keep what was said by now, and what comes within so many seconds."""
        ends_at = time.monotonic() + seconds
        for _ in range(_MOST_READS):
            ready = self._waiting.select(max(0.0, ends_at - time.monotonic()))
            if not ready:
                return
            for key, _events in ready:
                data = os.read(key.fd, 65_536)
                if key.data is not None and data:
                    key.data.write(data)
                elif not data:
                    self._waiting.unregister(key.fileobj)
                    self.has_owner = self.has_owner and key.data is not None

    def wait(self, time_limit_s: float) -> bool:
        """Until it ends, has no owner any more, or its time is up; whether it is."""
        ends_at = time.monotonic() + time_limit_s
        while self.command.poll() is None and self.has_owner:
            if time.monotonic() > ends_at:
                return True
            self.look(_LOOKS_EVERY_S)
            self.has_owner = self.has_owner and not _told_to_end
        return False

    def end(self, grace_s: float) -> None:
        """End the command and whatever came of it: asked first, then not asked."""
        gives_up_at = time.monotonic() + grace_s
        _signal(self.command, signal.SIGTERM)
        while _is_running(self.command) and time.monotonic() < gives_up_at:
            self.look(_LOOKS_EVERY_S)
        gives_up_at = time.monotonic() + _GIVES_UP_AFTER_S
        while _is_running(self.command) and time.monotonic() < gives_up_at:
            _signal(self.command, signal.SIGKILL)
            self.look(_LOOKS_EVERY_S)

    def __enter__(self) -> "_Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()


class _Log:
    """A file that keeps the last of what is written to it: at most `longest` bytes."""

    def __init__(self, path: Path, longest: int) -> None:
        self._path, self._longest = path, longest
        self._file = path.open("w+b", buffering=0)

    def write(self, data: bytes) -> None:
        """Append, and forget the first half of what is too much."""
        self._file.write(data)
        if self._file.tell() > self._longest:
            self._file.seek(-self._longest // 2, os.SEEK_END)
            kept = self._file.read()
            self._file.seek(0)
            self._file.truncate()
            self._file.write(kept)

    def __enter__(self) -> "_Log":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _is_running(command: "subprocess.Popen[bytes]") -> bool:
    return command.poll() is None or bool(_descendants())


def _signal(command: "subprocess.Popen[bytes]", number: int) -> None:
    if command.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(command.pid, number)
    for pid in _descendants():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _descendants() -> "list[int]":
    """The processes below this one that have not ended, from /proc; none where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents.setdefault(int(parent), []).append(int(path.parent.name))
    found, unseen = [], [os.getpid()]
    while unseen:
        children = parents.get(unseen.pop(), [])
        found += children
        unseen += children
    return found


def _limited(largest_file: int) -> None:
    """In the command, before it begins: no file larger than this, no core dump, an end with the one that watches."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # another system than Linux: the open pipe has to do
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _tell(report: "dict[str, object]") -> None:
    sys.stdout.write(json.dumps(report))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
