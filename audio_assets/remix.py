"""Stage `remix`: a source track in another style, or a cue composed for a scene."""

from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path

import dagster as dg

from audio_assets import partitions, song_sources
from audio_assets.domain.action import Action
from audio_assets.domain.remix_spec import request_record, style_record
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas.song_analysis import beat_grid_from_bytes
from audio_assets.render import Recipe
from audio_assets.stage import rendered_asset
from resources.engines import song_artifacts as analysis
from resources.engines.remixer import identity, remix_artifact
from resources.pool import Call


class MusicRemix(Recipe):
    """Makes what a remix request asks for."""

    asset = "music_remix"
    pool = "music"
    code_version = "1"
    folder = "exports/music"
    source = song_sources.RemixRequest
    fan_in = ("song_audio", "beat_grid")

    def partitions(self) -> Sequence[str]:
        """Every registered remix."""
        return list(self.studio.songs.remixes)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The song and its beats, where the source track is a registered song."""
        song = self.studio.songs.remix(partition).source_track
        return [(asset, song) for asset in self.fan_in] if song in self.studio.songs.records else []

    def describe(self, partition: str) -> Action:
        """The request, the steps of its style, and the content of its source."""
        request = self.studio.songs.remix(partition)
        params = {"request": request_record(request), "style": style_record(self.studio.songs.style(request))}
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        if request.source_track and not inputs:
            with self._track(request.source_track).open("rb") as track:
                inputs["track"] = file_digest(track, "sha256").hexdigest()
        return Action(self.asset, self.code_version, identity(), params, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The remixer's call; its file is rendered into the scratch folder and taken over from there."""
        request = self.studio.songs.remix(partition)
        inputs = dict(self.needs(partition))
        track = grid = None
        if inputs:
            track = self._song(inputs["song_audio"])
            grid_json = self.read(self.upstream("beat_grid", inputs["beat_grid"]), analysis.BEAT_GRID)
            grid = beat_grid_from_bytes(grid_json[analysis.BEAT_GRID])
        elif request.source_track:
            track = self._track(request.source_track)
        style = self.studio.songs.style(request)
        return Call(remix_artifact, (track, grid, request, style, self.studio.scratch_file(".wav")))

    def sources(self, partition: str) -> Mapping[str, str]:
        """The song's and its beats' objects, or the track's path."""
        track = self.studio.songs.remix(partition).source_track
        return super().sources(partition) or ({"track": track} if track else {})

    def _song(self, song: str) -> Path:
        ref = self.upstream("song_audio", song)
        return self.local_file(ref, analysis.song_file_name(self.sidecar(ref).files))

    def _track(self, path: str) -> Path:
        found = self.studio.settings.root / path  # an absolute path stays as it is
        if not found.is_file():
            known = self.studio.songs.known_songs()
            raise PermanentError(f"source_track {path} is neither a file nor a registered song (there are {known})")
        return found


music_remix = rendered_asset(
    MusicRemix,
    "A source track in another style, or a composed cue: `exports/music/<cache_key>/remix.wav`.",
    partitions_def=partitions.remixes,
    group="remix",
    owner="team:music",
    kind="wav",
    deps=[
        "remix_request",
        *(dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in MusicRemix.fan_in),
    ],
)
