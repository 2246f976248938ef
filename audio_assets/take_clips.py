"""Single takes, made before the list of a scene's takes is: parts of stage `takes`, no assets of their own.

Their partitions are `t02@<scene>|<song>`. `TakeClips` are made on this machine, `PaidTakeClips` by somebody who asks
money for them, through the ledger; `TakeMeasures` are what was measured of each.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audio_assets.domain.action import Action
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas.take_requests import take_id
from audio_assets.render import Recipe
from audio_assets.takebook import CODE_VERSION, FOLDER, WantedTake
from resources.engines import take_artifacts as engine
from resources.pool import Call

_TRANSIENT_ATTEMPTS = 3


class TakeClips(Recipe):
    """Makes single takes; its partitions are `t02@<scene>|<song>`, and it is no asset of its own."""

    asset = "take"
    code_version = CODE_VERSION
    folder = FOLDER

    def partitions(self) -> Sequence[str]:
        """Every wanted take of every scene."""
        scenes = self.studio.songs.scene_partitions()
        return [key for scene in scenes for key in self.missing(scene, retry_failed=True)]

    def missing(self, scene: str, *, retry_failed: bool) -> list[str]:
        """The takes of a scene that are wanted and not there, but for those that failed for good."""
        ids = self.studio.takes.ids(scene)
        keys = [
            f"{ids[take.slot.key]}@{scene}"
            for take in self.studio.takes.wanted(scene)
            if self.studio.takes.made(take.slot) is None
        ]
        return [key for key in keys if retry_failed or self.worth_trying(key)]

    def worth_trying(self, key: str) -> bool:
        """Whether the take has not failed, or failed in a way that another try may mend."""
        failure = self.store.failure(self.asset, key)
        if failure is None or failure.action_key != self.wanted(key).slot.key:
            return True
        return failure.kind == "transient" and failure.attempts < _TRANSIENT_ATTEMPTS

    def wanted(self, partition: str) -> WantedTake:
        """The take of a partition."""
        name, _, scene = partition.partition("@")
        ids = self.studio.takes.ids(scene)
        found = next((take for take in self.studio.takes.wanted(scene) if ids[take.slot.key] == name), None)
        if found is None:
            raise PermanentError(f"{name} of {scene} is not wanted any more")
        return found

    def describe(self, partition: str) -> Action:
        """What is asked of the provider, with the reference image and the parent's content."""
        return self.wanted(partition).action

    def call(self, partition: str, action: Action) -> Call:
        """The provider's call; the clip is written to the scratch folder and taken over from there."""
        take = self.wanted(partition)
        scratch = self.studio.scratch_file(".mp4")
        record = self._record(partition, take)
        if take.shot is None:
            clip = self.store.local_path(take.clip)
            if clip is None or not clip.is_file():
                raise PermanentError(f"the added clip {take.model} is gone; add it again")
            return Call(engine.added_take, (clip, take.model, record, scratch))
        provider = self.studio.takes.video(take.provider)
        if take.slot.origin == "remix":
            parent = self._parent_clip(partition, take)
            arguments = (take.shot, parent, take.reference_image, record, scratch)
            return Call(engine.remixed_take, (provider.remixer(take.model), *arguments))
        generate = provider.generator(take.model)
        return Call(engine.generated_take, (generate, take.shot, take.reference_image, record, scratch))

    def _parent_clip(self, partition: str, take: WantedTake) -> Path:
        scene = partition.partition("@")[2]
        parent = next(s for i, s in enumerate(self.studio.takes.slots(scene)) if take_id(i) == take.slot.parent)
        return self.studio.take_clip(parent.key)

    def _record(self, partition: str, take: WantedTake) -> dict[str, Any]:
        name, _, scene = partition.partition("@")
        shot = take.shot
        asked = {} if shot is None else {
            "prompt": shot.prompt, "negative": shot.negative, "revision": shot.revision, "seed": shot.seed,
        }  # fmt: skip
        made = {"origin": take.slot.origin, "parent": take.slot.parent, "provider": take.provider, "model": take.model}
        return {"take": name, "scene": scene, **made, **asked}


class PaidTakeClips(TakeClips):
    """Orders takes from somebody who asks money for them: reserved first, paid once, picked up again after a crash."""

    is_remote = True


class TakeMeasures(Recipe):
    """Measures single takes: picture quality, the character's likeness, how well a mouth can be seen."""

    asset = "take_measure"
    code_version = "1"
    folder = "video/take_measures"

    def partitions(self) -> Sequence[str]:
        """Every take that there is."""
        return [key for scene in self.studio.songs.scene_partitions() for key in self.of_scene(scene)]

    def of_scene(self, scene: str) -> list[str]:
        """The takes of a scene that were made."""
        takes = self.studio.takes
        made = (take_id(i) for i, slot in enumerate(takes.slots(scene)) if takes.made(slot) is not None)
        return [f"{name}@{scene}" for name in made]

    def describe(self, partition: str) -> Action:
        """The clip, what it is held against, and which models look at it."""
        scene = partition.partition("@")[2]
        wanted, image = self.studio.takes.measured_against(scene)
        models = {name: measures.model_version(name) if self.studio.model(name) else "not here" for name in MODELS}
        inputs = {"take": self._sidecar(partition).content, **image.inputs}
        return Action(self.asset, self.code_version, {**measures.identity(), **models}, wanted, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The measuring call."""
        scene = partition.partition("@")[2]
        _, image = self.studio.takes.measured_against(scene)
        clip = self.studio.takes.clip(self._slot(partition), self.studio.settings.scratch)
        models = tuple(self.studio.model(name) for name in MODELS)
        return Call(records.take_measure, (clip, action.params, image.path, *models))

    def measured(self, partition: str) -> bytes:
        """The record of what was measured, b"" where it is not there."""
        return self.store.read(f"{self.folder}/{self.describe(partition).key}/{records.MEASURE}") or b""

    def _slot(self, partition: str) -> Slot:
        name, _, scene = partition.partition("@")
        return next(slot for index, slot in enumerate(self.studio.takes.slots(scene)) if take_id(index) == name)

    def _sidecar(self, partition: str) -> Sidecar:
        found = self.studio.takes.made(self._slot(partition))
        if found is None:
            raise UpstreamError(f"{partition.partition('@')[0]} is not made")
        return found
