"""Stage `lipsync`: a timeline of phonemes becomes the frames of a mouth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, lipsync_artifact
from audio_assets.domain.lineage import Origin
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.recipe import Recipe
from audio_assets.stage import rendered_asset
from audio_assets.stages.script_sources import DialogueLine
from resources.pool import Call

_IDENTITY = {"engine": "mouth shapes by Rhubarb's rules"}


class LipSync(Recipe):
    """Chooses a mouth shape, visemes and a jaw opening for each frame."""

    asset = "lipsync"
    code_version = "1"
    folder = "audio/lipsync"
    source = DialogueLine

    def partitions(self) -> Sequence[str]:
        """Every line of every script."""
        return list(self.studio.dialogue.cues)

    def describe(self, partition: str) -> Action:
        """The timeline, and the frame rate and shapes that the cast wants."""
        aligned = self.upstream("alignment", partition)
        mouth = self.studio.dialogue.request(partition).mouth
        return Action(
            self.asset,
            self.code_version,
            self.identity(),
            {"frame_rate": mouth.fps, "shapes": mouth.shapes},
            {"alignment": aligned.content},
        )

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The choice of shapes."""
        rate, shapes = parse_frame_rate(action.params["frame_rate"]), action.params["shapes"]
        return Call(lipsync_artifact, (self.read_one(sources["alignment"], ALIGNMENT), rate, shapes))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Our own rules."""
        return _IDENTITY

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The timeline."""
        return (("alignment", partition),)

    def origins(self, partition: str) -> Iterator[Origin]:
        """The mouth that the cast gives the character."""
        dialogue = self.studio.dialogue
        request, line = dialogue.request(partition), dialogue.cues[partition].line
        mouth = f"mouth {request.mouth.fps} fps, {request.mouth.shapes}"
        yield replace(dialogue.cast_origin(request, line), said=mouth)

    def copies(self, partition: str, sidecar: Sidecar) -> Mapping[str | Path, str]:
        """In the voice's own directory."""
        return self.copy_into("voice_line", partition, LIPSYNC, sidecar, through=("alignment",))

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Into the voice's own directory, where readers of a line look."""
        self.publish_into("voice_line", partition, LIPSYNC, folder, sidecar)


lipsync = rendered_asset(
    LipSync,
    "Mouth shapes, visemes and jaw per frame: `lipsync.json`, and Rhubarb's TSV, JSON, XML and DAT.",
    partitions_def=partitions.lines,
    group="lipsync",
    kind="json",
    deps=["alignment"],
)
