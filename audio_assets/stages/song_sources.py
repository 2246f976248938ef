"""What people drop and write for songs: the sources of the music's half of the graph."""

from collections.abc import Sequence

from audio_assets.domain.rendering import PermanentError
from audio_assets.source import Shown, Source


class SongFile(Source):
    """The audio file itself."""

    asset = "song_file"

    def partitions(self) -> Sequence[str]:
        """Every registered song."""
        return list(self.studio.songs.records)

    def version(self, partition: str) -> str:
        """The sha256 of the file."""
        return self.studio.songs.record(partition).sha256

    def metadata(self, partition: str) -> Shown:
        """Where it was found."""
        record = self.studio.songs.record(partition)
        return {"name": record.name, "path": record.path, "bytes": record.size}


class SongLyrics(Source):
    """The lyrics as they were written."""

    asset = "song_lyrics"

    def partitions(self) -> Sequence[str]:
        """Every registered song."""
        return list(self.studio.songs.records)

    def version(self, partition: str) -> str:
        """Over text and language."""
        return self.studio.songs.lyrics_version(partition)

    def metadata(self, partition: str) -> Shown:
        """How many lines, and in what format."""
        try:
            lyrics = self.studio.songs.lyrics(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        return {"n_lines": len(lyrics.lines), "format": lyrics.source} if lyrics else {"n_lines": 0}


class SongSettings(Source):
    """What the TOML file beside a song says of its video, and today's price of the provider that it names."""

    asset = "song_settings"
    written_in = ("price_card", "provider_settings")

    def partitions(self) -> Sequence[str]:
        """Every registered song."""
        return list(self.studio.songs.records)

    def version(self, partition: str) -> str:
        """Over everything that the storyboard takes from them."""
        return self.studio.songs.plan_version(partition)

    def metadata(self, partition: str) -> Shown:
        """The choices that shape the storyboard."""
        try:
            settings = self.studio.songs.settings(partition)
            problem = self.studio.songs.priced(partition).problem
        except PermanentError as error:
            return {"problem": str(error)}
        shown: dict[str, str | int | float] = {
            "title": settings.title,
            "format": settings.format,
            "clip_seconds": settings.clip_seconds,
            "video_provider": settings.video_provider,
            "video_model": settings.video_model,
            "performance_density": settings.performance_density,
            "style_preset": settings.style_preset,
        }
        return {**shown, "problem": problem} if problem else shown


class SceneBrief(Source):
    """All that the prompt of a scene is built from: its plan, the wording, the preset, the characters."""

    asset = "scene_brief"
    derived_from = ("storyboard",)
    written_in = ("prompt_presets",)
    members_of = "storyboard"

    def partitions(self) -> Sequence[str]:
        """Every scene of every current storyboard."""
        return self.studio.songs.scene_partitions()

    def version(self, partition: str) -> str:
        """Over exactly what this scene's prompt depends on."""
        return self.studio.songs.brief_version(partition)

    def metadata(self, partition: str) -> Shown:
        """Where the scene is, and what it is."""
        try:
            _, scene = self.studio.songs.scene(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        return {
            "scene_type": scene.scene_type,
            "section": scene.section or "",
            "start_s": float(scene.start_time),
            "end_s": float(scene.end_time),
            "style_preset": scene.style_preset,
        }


class RemixRequest(Source):
    """What a remix was asked for, with the steps of its style."""

    asset = "remix_request"
    written_in = ("remix_styles", "provider_settings", "comfyui_workflows")

    def partitions(self) -> Sequence[str]:
        """Every registered remix."""
        return list(self.studio.songs.remixes)

    def version(self, partition: str) -> str:
        """Over request, style and source."""
        return self.studio.songs.remix_version(partition, self.studio.providers.settings.use("music"))

    def metadata(self, partition: str) -> Shown:
        """Style, scene and source."""
        try:
            request = self.studio.songs.remix(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        return {"scene_id": request.scene_id, "target_style": request.target_style, "source": request.source_track}
