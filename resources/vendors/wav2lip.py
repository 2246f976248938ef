"""Wav2Lip: moves the mouth of every frame to the voice, on this machine, with a model that is not for commercial use.

It makes one frame per step of the voice's spectrogram, and fewer than the clip has where the voice is as long as the
clip: hence the tail. It ends without an error where FFmpeg has failed, and fails where a frame shows no face.
"""

from collections.abc import Sequence
from typing import ClassVar

from audio_assets.domain.provider_catalogue import About
from resources.vendors.lip_sync_command import LipSyncCommand


class Wav2Lip(LipSyncCommand):
    """Wav2Lip, set up in a folder of yours; see `LipSyncCommand`.

    `pads` widen the found face: top, bottom, left, right in pixels; with a beard or a chin that is cut, more bottom.
    `is_static` uses the first frame only. `resize_factor` is none of its arguments here: the clip keeps its size.
    """

    pads: list[int] = []
    is_static: bool = False

    tool: ClassVar[str] = "wav2lip"
    licence: ClassVar[str] = "Wav2Lip weights: research and personal use, no commercial use"
    program: ClassVar[str] = "inference.py"
    own_arguments: ClassVar[tuple[str, ...]] = (
        "--checkpoint_path", "--face", "--audio", "--outfile", "--pads", "--static", "--resize_factor", "--rotate",
        "--crop",
    )  # fmt: skip
    tail_s: ClassVar[float] = 0.4
    subfolders: ClassVar[tuple[str, ...]] = ("temp",)  # where it puts what it works on

    def about(self) -> About:
        """See `LipSyncProvider.about`."""
        return About("lip_sync", "moves the mouth of a filmed face to the voice, on this machine", self.licence, "open",
                     terms_url="https://github.com/Rudrabha/Wav2Lip",
                     needs="its repository, a Python with its libraries, FFmpeg and a checkpoint")  # fmt: skip

    def invocation(self) -> Sequence[str]:
        """See `LipSyncCommand.invocation`."""
        return (
            str(self._program), "--checkpoint_path", str(self._checkpoint), "--face", "{video}", "--audio", "{audio}",
            "--outfile", "{output}",
        )  # fmt: skip

    def settings(self) -> Sequence[str]:
        """See `LipSyncCommand.settings`."""
        padded = ("--pads", *map(str, self.pads)) if self.pads else ()
        return (*padded, *(("--static", "True") if self.is_static else ()))

    def problem(self) -> str:
        """See `LipSyncCommand.problem`."""
        if self.pads and len(self.pads) != 4:
            return (
                f"{self.tool} has {len(self.pads)} pads: set four under [providers.{self.tool}] in providers.toml, for "
                "top, bottom, left and right"
            )
        return super().problem()
