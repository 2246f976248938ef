"""What lip-sync tools have in common that are run as a command line on this machine: Wav2Lip, LatentSync.

A tool is a folder with its program, a Python with its libraries, and a checkpoint; none of them comes with this
project. It listens, at 16 kHz, to the scene's voice with a noise floor and a quiet tail: digital silence makes such
models answer NaN, and they see no frame for the last part of a sound. How a command is kept apart is
`command_runner.py`'s, what of its result is taken is `engines/heard_clip.py`'s.
"""

import hashlib
import os
import tempfile
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import PermanentError, Unavailable
from resources.audio_files import AudioFileError, AudioReader, WavWriter
from resources.command_runner import Command, Input, run_command
from resources.engines import heard_clip
from resources.lip_sync import AudioSync, LipSyncProvider

VIDEO, VOICE, RESULT = "video.mp4", "voice.wav", "result.mp4"
RATE_HZ = 16_000
FLOOR_DB = -72.0
"""RMS of the noise below which the voice never falls: five steps of 16 bits, far below any voice."""

_WINDOW_S = 0.02
_SILENT_DB = -80.0
_NOTED_S = 0.5


@dataclass(frozen=True, slots=True)
class Listening:
    """How a tool is run on one clip. Of its result `most_missing_s` may lack at the end; `tail_s` of quiet follow the
    voice, so that it has frames to the end.
    """  # noqa: D205

    command: Command
    tail_s: float
    most_missing_s: float


class LipSyncCommand(LipSyncProvider):
    """A lip-sync tool that is run as a command line.

    `folder` is where its program lies, `python` the interpreter with its libraries, `checkpoint` its model; `~` and,
    for a checkpoint, paths from the folder are understood. `arguments` are further ones for its program. `command`
    replaces the whole command line, where yours differs (a container, a wrapper): a list of arguments with the places
    {video} (or {face}), {audio} and {output}, and where they help {checkpoint} and {folder}, the job's own folder. It
    is stopped after `time_limit_s`; `keeps_failed` leaves the folder of a job that failed for you to look into.
    """

    folder: str = ""
    python: str = "python3"
    checkpoint: str = ""
    arguments: list[str] = []
    command: list[str] = []
    time_limit_s: float = 1800.0
    keeps_failed: bool = False

    tool: ClassVar[str]
    """Its name, also in settings."""
    licence: ClassVar[str]
    program: ClassVar[str]
    """The file of its folder that is run, from there."""
    own_arguments: ClassVar[tuple[str, ...]]
    """What the program is told by us, and `arguments` must not tell it again."""
    tail_s: ClassVar[float]
    most_missing_s: ClassVar[float] = heard_clip.MOST_MISSING_S
    subfolders: ClassVar[tuple[str, ...]] = ()
    linked: ClassVar[tuple[str, ...]] = ()
    """Names of its folder that it looks for where it is started."""

    @property
    def name(self) -> str:
        """How settings name it."""
        return self.tool

    @property
    def is_driven_by(self) -> Literal["mouth", "audio"]:
        """It listens."""
        return "audio"

    def identity(self) -> Mapping[str, str]:
        """See `LipSyncProvider.identity`; of a file that is not there the hash is ""."""
        return {
            "engine": self.tool, "checkpoint": sha256_of(self._checkpoint), "program": sha256_of(self._program),
            "arguments": " ".join([*self.settings(), *self.arguments]),
            "command": sha256_hex(canonical(self.command)) if self.command else "",
            "noise_floor_db": f"{FLOOR_DB:g}", "tail_s": f"{self.tail_s:g}", "licence": self.licence,
        }  # fmt: skip

    def audio_syncer(self) -> AudioSync:
        """See `LipSyncProvider.audio_syncer`."""
        problem = self.problem()
        if problem:
            raise Unavailable(problem)
        command = Command(
            self.tool, self.command_line(), RESULT, time_limit_s=self.time_limit_s, subfolders=self.subfolders,
            links=tuple((one, self._folder / one) for one in self.linked if (self._folder / one).exists()),
            keeps_failed=self.keeps_failed,
        )  # fmt: skip
        return partial(sync, listening=Listening(command, self.tail_s, self.most_missing_s))

    def problem(self) -> str:
        """Why it can not be run as things stand, in one sentence; "" where it can."""
        where = f"under [providers.{self.tool}] in providers.toml"
        twice = [one for one in self.arguments if one.partition("=")[0] in self.own_arguments]
        if twice:
            return f"{self.tool} is told {twice[0]} by audio-assets: take it out of arguments {where}"
        if self.time_limit_s <= 0:
            return f"{self.tool} has no time to work: set time_limit_s {where} to more than 0"
        if self.command:
            said = " ".join(self.command)
            for places in (("{video}", "{face}"), ("{audio}",), ("{output}",)):
                if not any(place in said for place in places):
                    return f"{self.tool} is not told where its files are: put {places[0]} into command {where}"
            if "{checkpoint}" not in said:
                return ""
        if not self.command and not self.folder:
            return f"{self.tool} is not set up: set folder {where} to where its {self.program} lies"
        if not self.command and not self._program.is_file():
            return f"{self.tool} is not set up: there is no {self.program} in {self._folder}; correct folder {where}"
        if not self.checkpoint:
            return f"{self.tool} has no model: set checkpoint {where} to its file"
        if not self._checkpoint.is_file():
            return f"{self.tool} has no model: there is no file {self._checkpoint}; correct checkpoint {where}"
        return ""

    def command_line(self) -> tuple[str, ...]:
        """What is run, with the places of `command_runner.Command`."""
        if self.command:
            known = {"{face}": "{video}", "{checkpoint}": str(self._checkpoint)}
            return tuple(_replaced(argument, known) for argument in self.command)
        python = str(Path(self.python).expanduser()) if "/" in self.python else self.python
        return (python, *self.invocation(), *self.settings(), *self.arguments)

    @abstractmethod
    def invocation(self) -> Sequence[str]:
        """What follows the interpreter: the program and all that it has to be told."""

    def settings(self) -> Sequence[str]:
        """What the tool's own settings add to the command line."""
        return ()

    @property
    def _folder(self) -> Path:
        return Path(self.folder).expanduser().absolute()

    @property
    def _program(self) -> Path:
        return self._folder / self.program

    @property
    def _checkpoint(self) -> Path:
        return self._folder / Path(self.checkpoint).expanduser()


def sync(clip: Path, voice: Path, target: Path, *, listening: Listening) -> Synced:
    """Run the tool on the clip and the voice, and take its result; see `AudioSync`.

    Raises:
        PermanentError, TransientError: as `run_command`, and `heard_clip.taken` for what it made.
    """
    name = listening.command.name
    made = target.with_name(f"{target.stem}.{name}.mp4")
    try:
        with tempfile.TemporaryDirectory(prefix="voice-", dir=target.parent) as folder:
            heard = Path(folder) / VOICE
            quiet_s = write_heard(voice, heard, tail_s=listening.tail_s)
            inputs = {"video": Input(VIDEO, clip), "audio": Input(VOICE, heard)}
            run_command(listening.command, inputs, made, check=partial(_check, before=_sha256(clip)))
        done = _taken(clip, made, target, listening)
    except AudioFileError as error:
        raise PermanentError(str(error)) from error
    finally:
        made.unlink(missing_ok=True)
    if quiet_s < _NOTED_S:
        return done
    floor = f"{quiet_s:.1f} s of the voice are silent: {name} was given noise at {FLOOR_DB:g} dB there"
    return replace(done, notes=(*done.notes, floor))


def _taken(clip: Path, made: Path, target: Path, listening: Listening) -> Synced:
    try:
        return heard_clip.taken(clip, made, target, most_missing_s=listening.most_missing_s)
    except PermanentError as error:
        raise PermanentError(f"{listening.command.name}: {error}") from error


def _check(result: Path, *, before: str) -> None:
    heard_clip.check_result(result)
    if _sha256(result) == before:
        raise ValueError("it is the clip that was given, unchanged")


def write_heard(voice: Path, target: Path, *, tail_s: float) -> float:
    """The voice at 16 kHz, mono, 16 bits, with a noise floor wherever it is silent, and a tail of it; how many seconds
    of the voice itself were silent. The same voice gives the same bytes.
    """  # noqa: D205
    with AudioReader(voice, sample_rate_hz=RATE_HZ, n_channels=1) as reader:
        samples = reader.read(reader.info.n_samples_at(RATE_HZ))[:, 0]
    is_silent = silence(samples)
    n_tail = round(tail_s * RATE_HZ)
    whole = np.concatenate([samples, np.zeros(n_tail, np.float32)])
    noise = np.random.default_rng(0).standard_normal(len(whole)).astype(np.float32) * 10 ** (FLOOR_DB / 20)
    heard = whole + noise * np.concatenate([is_silent, np.ones(n_tail, bool)])
    writer = WavWriter(target, sample_rate_hz=RATE_HZ, n_channels=1, n_samples=len(heard))
    writer.write(heard[:, np.newaxis].astype(np.float32))
    writer.close()
    return float(is_silent.sum()) / RATE_HZ


def silence(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which samples (16 kHz) lie in a stretch of 20 ms without sound."""
    step = round(_WINDOW_S * RATE_HZ)
    starts = np.arange(0, len(samples), step)
    if not len(starts):
        return np.zeros(0, np.bool_)
    peaks = np.maximum.reduceat(np.abs(samples), starts)
    return np.repeat(peaks < 10 ** (_SILENT_DB / 20), step)[: len(samples)]


def sha256_of(path: Path) -> str:
    """The sha256 of a file, "" where there is none; read anew only where its size or time has changed."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return _hashed(str(path), status.st_mtime_ns, status.st_size) if path.is_file() else ""


@lru_cache(maxsize=32)
def _hashed(path: str, _mtime_ns: int, _size: int) -> str:
    return _sha256(Path(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replaced(argument: str, known: Mapping[str, str]) -> str:
    for place, text in known.items():
        argument = argument.replace(place, text)
    return argument
