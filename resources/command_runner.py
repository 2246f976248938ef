"""Runs a configured command line apart from everything else: in a folder of its own, for so long, with no secrets.

A job gets a fresh folder with copies of its inputs under plain names (a link would let a tool write into the store),
no shell, nothing of our environment but what `ENVIRONMENT` names, and an end: after its time limit, or when this
process dies, the command and every process that came of it are stopped (`command_guard.py`). What it wrote counts only
where it is a file of the folder and passes the caller's check. The folder is removed at the end, also after a failure:
the error carries the exit code and the command's last words. `keeps_failed` leaves it for somebody who looks.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audio_assets.domain.rendering import PermanentError, TransientError
from resources.secrets import hide

ENVIRONMENT = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "TORCH_HOME",
    "HF_HOME", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES", "OMP_NUM_THREADS",
)  # fmt: skip
"""All that a command sees of our environment: where programs, models and devices are. No key, no token."""

LONGEST_LOG = 1 << 20
"""Bytes that are kept of each of the two streams of a command: the last ones."""

_PLACE = re.compile(r"\{([a-z_]+)\}")
_GUARD = Path(__file__).with_name("command_guard.py")
_GUARD_ENDS_WITHIN_S = 10.0
_LAST_LINES = 3
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of a tool.

    `name` is how messages call it. `arguments` may hold places: `{folder}` is the job's folder, `{output}` the file to
    write, and every input has one, by what it is (`{audio}`). All but `{folder}` are plain names within the folder,
    where the command is started. `output` is the plain name of the file that it has to write.

    `subfolders` are made before it begins; `links` are names within the folder and what they lead to, for a tool that
    looks for its own files where it is started. `largest_file` is in bytes.
    """

    name: str
    arguments: tuple[str, ...]
    output: str
    time_limit_s: float = 1800.0
    grace_s: float = 5.0
    largest_file: int = 4 * 1024**3
    subfolders: tuple[str, ...] = ()
    links: tuple[tuple[str, Path], ...] = ()
    keeps_failed: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """A file that goes in: the plain name under which the command finds it, and where it comes from."""

    name: str
    source: Path


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that did its work; `words` are the last lines that it said, "" for none."""

    seconds: float
    words: str


def run_command(
    command: Command, inputs: Mapping[str, Input], target: Path, *, check: Callable[[Path], None] = lambda _path: None
) -> Ran:
    """Run the command and move what it wrote to `target`; the job's folder is made beside that, and removed.

    `inputs` are by place. `check` refuses, by a ValueError in one sentence, what is not what the command has to write.

    Raises:
        PermanentError: it can not be started, failed, took too long, or wrote nothing that can be used.
        TransientError: it was killed, as the system does for want of memory.
    """
    root = Path(tempfile.mkdtemp(prefix="command-", dir=target.parent))
    is_done = False
    try:
        job = _Job(command, inputs, root)
        ran = job.run()
        job.hand_over(target, check, ran.words)
        is_done = True
    finally:
        if is_done or not command.keeps_failed:
            shutil.rmtree(root, ignore_errors=True)
    return ran


class _Job:
    """One run: `root` holds the folder that the command sees, and what it said."""

    def __init__(self, command: Command, inputs: Mapping[str, Input], root: Path) -> None:
        self.command, self.inputs, self.root = command, inputs, root
        self.folder, self.temporary = root / "work", root / "tmp"
        self.stdout, self.stderr = root / "stdout.txt", root / "stderr.txt"

    def run(self) -> Ran:
        """Run it to its end."""
        self._lay_out()
        began = time.monotonic()
        report = self._guarded()
        seconds = time.monotonic() - began
        name, code = self.command.name, report.get("code")
        if "problem" in report:
            program = Path(self.command.arguments[0]).name
            raise PermanentError(
                f"{name} can not be started: {program}: {report['problem']}; set it up again under [providers.{name}] "
                "in providers.toml"
            )
        if report.get("is_late"):
            raise PermanentError(self._said(
                f"{name} did not end within {self.command.time_limit_s:g} s and was stopped: raise time_limit_s under "
                f"[providers.{name}] in providers.toml"
            ))  # fmt: skip
        if not isinstance(code, int):
            raise TransientError(f"the process that watches over {name} was ended; a retry may help")
        if code == -signal.SIGXFSZ:
            raise PermanentError(self._said(
                f"{name} wrote a file of more than {self.command.largest_file} bytes and was stopped"
            ))  # fmt: skip
        if code < 0:
            raise TransientError(self._said(
                f"{name} was ended by signal {-code}, perhaps for want of memory; a retry may help"
            ))  # fmt: skip
        if code:
            raise PermanentError(self._said(f"{name} failed with exit code {code}"))
        return Ran(seconds, self._words())

    def hand_over(self, target: Path, check: Callable[[Path], None], words: str) -> None:
        """Check what was written, and move it to `target`."""
        name, output = self.command.name, self.folder / self.command.output
        told = f" (it said: {words})" if words else ""
        if output.is_symlink() or output.resolve() != self.root.resolve() / self.folder.name / self.command.output:
            raise PermanentError(f"{name} made a link instead of {self.command.output}: what it leads to is not taken")
        if not output.is_file():
            raise PermanentError(f"{name} ended without an error, but wrote no {self.command.output}{told}")
        status = output.stat()
        if status.st_size == 0:
            raise PermanentError(f"{name} ended without an error, but {self.command.output} is empty{told}")
        if status.st_nlink > 1:
            raise PermanentError(f"{name} made a link instead of {self.command.output}: what it leads to is not taken")
        try:
            check(output)
        except ValueError as error:
            raise PermanentError(f"{name}: what it wrote can not be used: {hide(str(error))}{told}") from error
        output.replace(target)
        target.chmod(0o644)

    def _lay_out(self) -> None:
        for folder in (self.folder, self.temporary, *(self.folder / name for name in self.command.subfolders)):
            folder.mkdir()
        for one in self.inputs.values():
            shutil.copyfile(one.source, self.folder / one.name)
        for name, leads_to in self.command.links:
            (self.folder / name).symlink_to(leads_to)

    def _guarded(self) -> Mapping[str, object]:
        """What the guard tells; nothing where it was ended itself."""
        # The guard's input stays open while we live and wait: when it closes, the guard ends what it watches.
        guard = subprocess.Popen(  # noqa: S603 - our own program, by its whole path
            [sys.executable, "-I", "-S", str(_GUARD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True, cwd=self.root, env=_environment(self.temporary),
        )  # fmt: skip
        if guard.stdin is None or guard.stdout is None:
            raise RuntimeError("a pipe is missing")
        try:
            guard.stdin.write(json.dumps(self._spec()).encode() + b"\n")
            guard.stdin.flush()
            told = guard.stdout.read()
        finally:
            guard.stdin.close()
            guard.stdout.close()
            try:
                guard.wait(self.command.grace_s + _GUARD_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                guard.kill()
                guard.wait()
        try:
            found: Mapping[str, object] = json.loads(told)
        except ValueError:
            return {}
        return found

    def _spec(self) -> dict[str, object]:
        places = {"folder": str(self.folder), "output": self.command.output}
        places |= {place: one.name for place, one in self.inputs.items()}
        return {
            "arguments": [filled(argument, places) for argument in self.command.arguments],
            "folder": str(self.folder), "root": str(self.root), "environment": _environment(self.temporary),
            "stdout": str(self.stdout), "stderr": str(self.stderr), "longest_log": LONGEST_LOG,
            "time_limit_s": self.command.time_limit_s, "grace_s": self.command.grace_s,
            "largest_file": self.command.largest_file,
        }  # fmt: skip

    def _words(self) -> str:
        """The last lines of what it said went wrong, or else of what it said at all."""
        for path in (self.stderr, self.stdout):
            text = path.read_text(errors="replace") if path.exists() else ""
            lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
            if lines:
                said = " / ".join(lines[-_LAST_LINES:]).replace(f"{self.folder}/", "").replace(str(self.root), "")
                hidden = hide(said, longest=len(said) + _LONGEST_WORDS)
                return hidden if len(hidden) <= _LONGEST_WORDS else f"...{hidden[-_LONGEST_WORDS:]}"
        return ""

    def _said(self, what: str) -> str:
        words = self._words()
        kept = f"; its folder is kept: {self.root}" if self.command.keeps_failed else ""
        return f"{what}; it said: {words}{kept}" if words else f"{what}{kept}"


def filled(argument: str, places: Mapping[str, str]) -> str:
    """An argument with its places filled in; other braces stand for themselves."""
    return _PLACE.sub(lambda found: places.get(found[1], found[0]), argument)


def _environment(temporary: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return {**kept, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
