"""LatentSync: moves the mouth to the voice by diffusion, on this machine's CUDA device.

It works at 25 frames a second, whatever the clip has, and on 16 frames at a time: the result is brought to the clip's
rate. Its configuration and its helpers are looked for where it is started.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from audio_assets.domain.provider_catalogue import About
from resources.vendors.lip_sync_command import LipSyncCommand, sha256_of


class LatentSync(LipSyncCommand):
    """LatentSync, set up in a folder of yours; see `LipSyncCommand`.

    `config` is the network's configuration, from the folder. `guidance_scale` and `n_steps` are those of its diffusion,
    `seed` makes it answer alike.
    """

    checkpoint: str = "checkpoints/latentsync_unet.pt"
    config: str = "configs/unet/stage2.yaml"
    n_steps: int = 20
    guidance_scale: float = 1.5
    seed: int = 1247

    tool: ClassVar[str] = "latentsync"
    licence: ClassVar[str] = "LatentSync weights: OpenRAIL++, commercial use within its rules"
    program: ClassVar[str] = "scripts/inference.py"
    own_arguments: ClassVar[tuple[str, ...]] = (
        "--unet_config_path", "--inference_ckpt_path", "--video_path", "--audio_path", "--video_out_path",
        "--inference_steps", "--guidance_scale", "--seed",
    )  # fmt: skip
    tail_s: ClassVar[float] = 1.0
    most_missing_s: ClassVar[float] = 0.65  # 16 frames: older releases leave out what does not fill that many
    linked: ClassVar[tuple[str, ...]] = ("scripts", "latentsync", "configs", "checkpoints", "eval", "preprocess")

    def about(self) -> About:
        """See `LipSyncProvider.about`."""
        return About("lip_sync", "moves the mouth of a filmed face to the voice by diffusion, on this machine",
                     self.licence, "open", terms_url="https://github.com/bytedance/LatentSync",
                     needs="its repository, a Python with its libraries, checkpoints, a CUDA device")  # fmt: skip

    def identity(self) -> Mapping[str, str]:
        """See `LipSyncProvider.identity`."""
        return {**super().identity(), "config": sha256_of(self._config)}

    def invocation(self) -> Sequence[str]:
        """See `LipSyncCommand.invocation`."""
        return (
            "-m", "scripts.inference", "--unet_config_path", str(self._config),
            "--inference_ckpt_path", str(self._checkpoint), "--video_path", "{video}", "--audio_path", "{audio}",
            "--video_out_path", "{output}",
        )  # fmt: skip

    def settings(self) -> Sequence[str]:
        """See `LipSyncCommand.settings`."""
        return (
            "--inference_steps", str(self.n_steps), "--guidance_scale", f"{self.guidance_scale:g}",
            "--seed", str(self.seed),
        )  # fmt: skip

    def problem(self) -> str:
        """See `LipSyncCommand.problem`."""
        said = super().problem()
        if not said and not self.command and not self._config.is_file():
            return (
                f"{self.tool} has no configuration {self.config} in its folder: correct config under "
                f"[providers.{self.tool}] in providers.toml"
            )
        return said

    @property
    def _config(self) -> Path:
        return self._folder / Path(self.config).expanduser()
