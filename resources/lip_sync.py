"""The capability to move a clip's mouth to what is sung, and the local engine that has it.

Here: what a stage may ask of a provider, and which function in a worker process answers. How the engine works is in
`engines/mouth_warp.py`; whether a scene is synced at all is the scene's business.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import UpstreamError
from resources import models
from resources.ordered import Remote

Sync = Callable[[Path, bytes, bytes | None, Path], Synced]
"""A picklable function that a worker process calls: (clip, `lipsync.json` of the scene, `rig.json` of a drawn character
or None, target). It writes the target; a mouth frame is due at the clip's frame of the same time, from its first on."""


AudioSync = Callable[[Path, Path, Path], Synced]
"""The same for a provider that listens: (clip, WAV of the scene's voice, target)."""


class LipSyncProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Moves the mouth of a take's singer."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How a project names this provider."""

    @property
    def is_driven_by(self) -> Literal["mouth", "audio"]:
        """Whether it follows our mouth frames, or listens to the voice by itself."""
        return "mouth"

    @abstractmethod
    def about(self) -> About:
        """What the catalogue says of it."""

    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """All that, beside clip, mouth (or voice) and rig, decides the bytes: engine, model, its hash, versions."""

    def syncer(self, *, drawn: bool = False) -> Sync:
        """The function that syncs by the mouth; `drawn` says that the clip comes with a rig: no face has to be found.

        Raises:
            UpstreamError: its model files are not here.
        """
        raise NotImplementedError(f"{self.name} listens")

    def audio_syncer(self) -> AudioSync:
        """The function that syncs by the voice, in a worker process.

        Raises:
            Unavailable: it is not set up here.
        """
        raise NotImplementedError(f"{self.name} follows a mouth, or works elsewhere")

    # What follows is for those that work elsewhere; they are all driven by audio.

    def remote(self, kept: Path) -> Remote | None:
        """Where clips are ordered, None for an engine on this machine; the order's files are "video" and "audio".

        Raises:
            Unavailable: it can not be asked as things stand.
        """
        return None

    def billed_s(self, n_frames: int, duration_s: float) -> float:
        """The seconds that are paid for a clip."""
        return duration_s

    def request(self, duration_s: float) -> Mapping[str, Any]:
        """What is sent beside the files, as JSON values."""
        raise NotImplementedError(f"{self.name} works here")


class MouthWarp(LipSyncProvider):
    """A warp of the mouth, by face landmarks; sprites for drawn characters. Local and free."""

    cache: str

    @property
    def name(self) -> str:
        """`mouth_warp`."""
        return "mouth_warp"

    def about(self) -> About:
        """See `LipSyncProvider.about`."""
        return About("lip_sync", "warps the mouth of a face, changes that of a drawn character, on this machine",
                     models.CATALOGUE["facemesh"].licence, "open", needs="its model, fetched once")  # fmt: skip

    def identity(self) -> Mapping[str, str]:
        """See `LipSyncProvider.identity`; the model need not be here."""
        from resources.engines import mouth_warp  # cv2 and numba: 0.5 s that a plan never needs

        return {**mouth_warp.identity(), "licence": models.CATALOGUE["facemesh"].licence}

    def syncer(self, *, drawn: bool = False) -> Sync:
        """See `LipSyncProvider.syncer`."""
        from resources.engines import mouth_warp

        model_dir = models.installed("facemesh", Path(self.cache))
        if model_dir is None and not drawn:
            raise UpstreamError(str(models.missing("facemesh")))
        return partial(mouth_warp.sync, model_dir=model_dir)
