"""What recipes of the music's half share: partitions that are songs, or scenes of songs, and local paths of inputs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.rendering import INTENDED, PermanentError, Rendered
from audio_assets.domain.scene_key import scene_key
from audio_assets.domain.schemas.records import StandsIn
from audio_assets.domain.schemas.takes import selection_from_bytes, take_list_from_bytes
from audio_assets.domain.take_list import Take
from audio_assets.recipe import Recipe
from resources.engines import song_artifacts as engine
from resources.engines.take_records import SELECTION, TAKES
from resources.pool import Call

THE_SONG = "song.*"
"""Stands for the song's own file, whose suffix is that of the dropped one."""


class OfSong(Recipe):
    """A recipe whose partitions are the songs: its key holds the engine and the content of every input.

    `files` names, of each asset that it reads, the file that `render` gets the local path of, in this order.
    """

    files: ClassVar[Mapping[str, str]] = {}
    render: ClassVar[Callable[..., Rendered]]

    @staticmethod
    def identity() -> Mapping[str, str]:
        """The engine, with all of it that decides the bytes."""
        return engine.analysers()

    def partitions(self) -> Sequence[str]:
        """Every registered song."""
        return list(self.studio.songs.records)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The same song of every asset that it reads."""
        return [(asset, partition) for asset in self.files]

    def describe(self, partition: str) -> Action:
        """Engine and inputs."""
        inputs = {asset: self.upstream(asset, partition).content for asset in self.files}
        return Action(self.asset, self.code_version, self.identity(), self.params(partition), inputs)

    def params(self, partition: str) -> dict[str, Any]:
        """The settings that can change the bytes; most have none."""
        return {}

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The engine's call on the files that it reads."""
        return Call(self.render, tuple(self.paths(sources).values()))

    def paths(self, sources: Mapping[str, str]) -> dict[str, Path]:
        """A local path for each of `files`, by asset."""
        return {asset: self.file(sources[asset], name) for asset, name in self.files.items()}

    def file(self, folder: str, name: str) -> Path:
        """A local path with a file of an input; the song itself has its own suffix."""
        return self.local_file(folder, engine.song_file_name(self.sidecar(folder).files) if name == THE_SONG else name)

    def scenes(self, partition: str) -> list[str]:
        """The scene partitions of the song's current storyboard, in order."""
        board = self.studio.songs.board(partition)
        return [scene_key(scene.id, partition) for scene in board.scenes] if board else []


class OfScene(Recipe):
    """A recipe whose partitions are the scenes of every current storyboard."""

    members_of = "storyboard"

    def partitions(self) -> Sequence[str]:
        """Every scene of every current storyboard."""
        return self.studio.songs.scene_partitions()


def selected_take(recipe: Recipe, scene: str) -> Take:
    """The take of a scene that is in the film.

    Raises:
        PermanentError: it is gone.
        UpstreamError: nothing is selected yet.
    """
    chosen = recipe.read_one(recipe.upstream("selected_take", scene).object, SELECTION)
    listed = recipe.read_one(recipe.upstream("scene_take", scene).object, TAKES)
    wanted, (_, takes) = selection_from_bytes(chosen)[1].take, take_list_from_bytes(listed)
    found = next((take for take in takes if take.id == wanted), None)
    if found is None:
        raise PermanentError(f"the selected take {wanted} is gone; select another one")
    return found


def stand_ins_shown(recipe: Recipe, scene: str) -> list[StandsIn]:
    """Whom those stand in for who made what is shown of a scene, its take and its mouth; refs tell where to look."""
    take, synced = (recipe.studio.refs(asset).get(scene) for asset in ("scene_take", "lipsynced_take"))
    told = []
    if take is not None and INTENDED in take.failed_checks and selected_take(recipe, scene).origin == "stand_in":
        told.append(recipe.sidecar(take.object).stands_in_for)
    if synced is not None and INTENDED in synced.failed_checks:
        told.append(recipe.sidecar(synced.object).stands_in_for)
    return [one for one in told if one is not None]


def of_song(asset: str) -> dg.AssetDep:
    """A dependency between an asset of songs and one of scenes or deliveries, in either direction."""
    return dg.AssetDep(asset, partition_mapping=partitions.of_song)
