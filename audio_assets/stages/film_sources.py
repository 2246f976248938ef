"""What people ask for in takes and film: the sources of the last part of the graph.

Each is as narrow as what reads it, so that Dagster calls stale what a change touches and nothing else: where a scene
lies (`SceneSpan`), what is asked of its takes (`TakeRequest`), how it goes into the film (`SceneTreatment`), how the
film goes out (`DeliveryRequest`).
"""

from collections.abc import Sequence
from typing import ClassVar

from audio_assets.books.songbook import version_of
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.timebase import format_frame_rate
from audio_assets.source import Shown, Source


class _OfScene(Source):
    derived_from: ClassVar[tuple[str, ...]] = ("storyboard",)
    members_of = "storyboard"

    def partitions(self) -> Sequence[str]:
        """Every scene of every current storyboard."""
        return self.studio.songs.scene_partitions()


class SceneSpan(_OfScene):
    """Where a scene begins and ends."""

    asset = "scene_span"

    def version(self, partition: str) -> str:
        """Over frames and frame rate."""
        return version_of(lambda: self.studio.songs.span(partition))

    def metadata(self, partition: str) -> Shown:
        """The span in frames and seconds."""
        try:
            _, scene = self.studio.songs.scene(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        rate = format_frame_rate(scene.frame_rate)
        frames = {"start_frame": scene.start_frame, "end_frame": scene.end_frame}
        seconds = {"start_s": float(scene.start_time), "end_s": float(scene.end_time)}
        return {"frame_rate": rate, **frames, **seconds}


class TakeRequest(_OfScene):
    """What is asked of a scene's takes: how many, from whom, remixes, clips of the studio's own."""

    asset = "take_request"
    derived_from = ("storyboard", "scene_prompt")
    written_in = ("video_models", "provider_settings", "comfyui_workflows")

    def version(self, partition: str) -> str:
        """Over the actions of all wanted takes."""
        return version_of(lambda: [take.action.key for take in self.studio.takes.wanted(partition)])

    def metadata(self, partition: str) -> Shown:
        """Who makes how many, and what that is estimated to cost."""
        try:
            wanted = self.studio.takes.wanted(partition)
        except (PermanentError, UpstreamError) as error:
            return {"problem": str(error)}
        first = wanted[0]
        estimated_usd = round(sum(take.estimated_usd for take in wanted), 4)
        who = {"provider": first.provider, "model": first.model}
        return {**who, "n_wanted": len(wanted), "estimated_usd": estimated_usd}


class SceneTreatment(_OfScene):
    """How a scene goes into the film: lip-sync, size, fit, transitions, grade."""

    asset = "scene_treatment"
    written_in = ("provider_settings", "comfyui_workflows")

    def version(self, partition: str) -> str:
        """Over all of it."""
        return version_of(lambda: self.studio.songs.treatment(partition))

    def metadata(self, partition: str) -> Shown:
        """The same, in words."""
        try:
            treatment = self.studio.songs.treatment(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        return {
            name: value if isinstance(value, str | int | float) else str(value) for name, value in treatment.items()
        }


class DeliveryRequest(Source):
    """How a song's film is to be delivered in one format."""

    asset = "delivery_request"

    def partitions(self) -> Sequence[str]:
        """Every format that a song's settings name."""
        return self.studio.songs.delivery_partitions()

    def version(self, partition: str) -> str:
        """Over what the settings say of this format."""
        return version_of(lambda: self.studio.songs.delivery_record(partition))

    def metadata(self, partition: str) -> Shown:
        """Subtitles and loudness."""
        try:
            record = self.studio.songs.delivery_record(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        return {"format": parse_scene_key(partition)[0], **{name: str(value) for name, value in record.items()}}
