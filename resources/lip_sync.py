"""The capability to move a clip's mouth to what is sung, and the local engine that has it.

Here: what a stage may ask of a provider, and which function in a worker process answers. How the engine works is in
`engines/mouth_warp.py`; whether a scene is synced at all is the scene's business.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import dagster as dg

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import UpstreamError
from resources import models

Sync = Callable[[Path, bytes, bytes | None, Path], Synced]
"""A picklable function that a worker process calls: (clip, `lipsync.json` of the scene, `rig.json` of a drawn character
or None, target). It writes the target; a mouth frame is due at the clip's frame of the same time, from its first on."""


class LipSyncProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """Moves the mouth of a take's singer."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How a project names this provider."""

    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """All that, beside clip, mouth and rig, decides the bytes: engine, model, its hash, versions."""

    @abstractmethod
    def syncer(self, *, drawn: bool = False) -> Sync:
        """The function that syncs; `drawn` says that the clip comes with a rig, so that no face has to be found.

        Raises:
            UpstreamError: its model files are not here.
        """


class MouthWarp(LipSyncProvider):
    """A warp of the mouth, by face landmarks; sprites for drawn characters. Local and free."""

    cache: str

    @property
    def name(self) -> str:
        """`mouth_warp`."""
        return "mouth_warp"

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
