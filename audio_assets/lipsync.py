"""Stage `lipsync`: a timeline of phonemes becomes the frames of a mouth."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from audio_assets import partitions
from audio_assets.batch import run_asset
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, lipsync_artifact
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.render import Recipe
from audio_assets.studio import StudioResource
from resources.pool import Call


class LipSync(Recipe):
    """Chooses a mouth shape, visemes and a jaw opening for each frame."""

    asset = "lipsync"
    code_version = "1"
    folder = "audio/lipsync"

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
            {"engine": "mouth shapes by Rhubarb's rules"},
            {"frame_rate": mouth.fps, "shapes": mouth.shapes},
            {"alignment": aligned.content},
        )

    def call(self, partition: str, action: Action) -> Call:
        """The choice of shapes."""
        mouth = self.studio.dialogue.request(partition).mouth
        files = self.read(self.upstream("alignment", partition), ALIGNMENT)
        return Call(lipsync_artifact, (files[ALIGNMENT], parse_frame_rate(mouth.fps), mouth.shapes))

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The timeline."""
        return (("alignment", partition),)

    def versions(self, partition: str, action: Action) -> Mapping[str, str]:
        """The line's version and the timeline's content."""
        return {"dialogue_line": self.studio.dialogue.line_version(partition), **action.inputs}

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Into the voice's own directory, where readers of a line look."""
        self.publish_into("voice_line", partition, LIPSYNC, folder, sidecar)


@dg.asset(
    partitions_def=partitions.lines,
    deps=["dialogue_line", "alignment"],
    code_version=LipSync.code_version,
    group_name="lipsync",
    kinds={"json"},
    owners=["team:animation"],
    tags={"stage": "lipsync"},
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def lipsync(context: dg.AssetExecutionContext, studio: StudioResource) -> Iterator[dg.MaterializeResult[None]]:
    """Mouth shapes, visemes and jaw per frame: `lipsync.json`, and Rhubarb's TSV, JSON, XML and DAT."""
    yield from run_asset(context, LipSync(studio.open()))
