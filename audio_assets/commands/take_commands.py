"""What `audio-assets take` does, apart from printing: a wish, score or choice is kept, then what it touches is made."""

import hashlib
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_assets.books.takebook import CLIPS
from audio_assets.commands.opening import open_studio, where
from audio_assets.commands.running import RunReport, run_here
from audio_assets.domain.scene_key import scene_key
from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.take_requests import AddedClip, RemixOrder, TakeRequests
from audio_assets.instance import open_instance
from audio_assets.launch import FILM, order, sync
from audio_assets.plan import plan
from audio_assets.studio import Studio
from resources.engines.take_records import QUALITIES, SELECTION, TAKES
from resources.process_owner import my_name
from resources.video_files import SUFFIXES, VideoFileError, decode_whole

_LISTS = ("take_request", "scene_take", "take_quality", "take_review", "selected_take")
"""The assets that a word about a take touches at once; the film is made when it is asked for."""


def scene_of(studio: Studio, song: str, scene: str) -> str:
    """The partition of a scene.

    Raises:
        ValueError: there is no such song or scene; the message names those that there are.
    """
    if song not in studio.songs.records:
        raise ValueError(f"no song '{song}' is registered; there are {', '.join(studio.songs.records) or 'none'}")
    board = studio.songs.board(song)
    ids = [one.id for one in board.scenes] if board else []
    if scene not in ids:
        known = f"there are {ids[0]} to {ids[-1]}" if ids else f"run `audio-assets analyze` on {song} first"
        raise ValueError(f"{song} has no scene '{scene}'; {known}")
    return scene_key(scene, song)


def listed(song: str, scene: str | None) -> list[dict[str, Any]]:
    """Every take of a song's scenes, or of one of them: what made it, its scores, and whether it is selected."""
    studio = open_studio()
    if scene is not None:
        return _takes(studio, scene_of(studio, song, scene))
    if song not in studio.songs.records:
        raise ValueError(f"no song '{song}' is registered; there are {', '.join(studio.songs.records) or 'none'}")
    board = studio.songs.board(song)
    keys = [scene_key(one.id, song) for one in board.scenes] if board else []
    return [take for key in keys for take in _takes(studio, key)]


def _takes(studio: Studio, partition: str) -> list[dict[str, Any]]:
    takes = _record(studio, "scene_take", partition, TAKES)
    if takes is None:
        return []
    measured = _record(studio, "take_quality", partition, QUALITIES)
    chosen = _record(studio, "selected_take", partition, SELECTION)
    scores = schema.qualities_from_bytes(measured) if measured else {}
    selection = schema.selection_from_bytes(chosen)[1] if chosen else None
    found = []
    for take in schema.take_list_from_bytes(takes)[1]:
        quality = scores.get(take.id)
        known = {name: score.value for name, score in quality.scores().items()} if quality else {}
        is_selected = selection is not None and selection.take == take.id
        found.append(
            {
                "scene": partition.partition("|")[0],
                "take": take.id,
                "is_selected": is_selected,
                "chosen_by": (selection.by or "rule") if selection and is_selected else "",
                "is_current": take.is_current,
                "origin": take.origin,
                "parent": take.parent,
                "provider": take.provider,
                "seed": take.seed,
                "cost_usd": take.cost_usd,
                **known,
                "clip": where(studio, f"{take.object}/{take.clip}"),
            }
        )
    return found


def _record(studio: Studio, asset: str, partition: str, name: str) -> bytes | None:
    ref = studio.refs(asset).get(partition)
    return studio.store.read(f"{ref.object}/{name}") if ref else None


def add(song: str, scene: str, clip: Path, note: str) -> dict[str, Any]:
    """Bring a clip of the studio's own in as a take: copied, verified, kept.

    Raises:
        ValueError: it is no video that can be read to its end; nothing of it is kept.
    """
    studio = open_studio()
    partition = scene_of(studio, song, scene)
    if clip.suffix.lower() not in SUFFIXES or not clip.is_file():
        raise ValueError(f"{clip} is no clip; clips are files that end in {', '.join(SUFFIXES)}")
    if any("\ud800" <= letter <= "\udfff" for letter in clip.name):
        raise ValueError(f"the name of {clip!r} is not UTF-8, so it can not be kept; rename the file")
    try:
        decode_whole(clip)
    except VideoFileError as error:
        raise ValueError(str(error)) from error
    copy = studio.scratch_file(clip.suffix.lower())
    try:
        shutil.copyfile(clip, copy)
        with copy.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        studio.store.write(f"{CLIPS}/{sha256}{copy.suffix}", copy)
    finally:
        copy.unlink(missing_ok=True)
    added = AddedClip(sha256, copy.suffix, clip.name, note)
    return _asked(studio, partition, lambda before: before.with_clip(added))


def remix(song: str, scene: str, parent: str, revision: str) -> dict[str, Any]:
    """Ask for a take that starts from another one."""
    studio = open_studio()
    partition = scene_of(studio, song, scene)
    if parent not in studio.takes.names(partition):
        raise ValueError(f"{partition} has no take {parent} that was made; `audio-assets take list {song}` shows them")
    if not revision.strip():
        raise ValueError("say what the remix is to change")
    return _asked(studio, partition, lambda before: before.with_remix(RemixOrder(parent, revision.strip())))


def want(song: str, scene: str, n_takes: int) -> dict[str, Any]:
    """Ask for a number of takes of the scene's prompt."""
    studio = open_studio()
    partition = scene_of(studio, song, scene)
    return _asked(studio, partition, lambda before: before.with_number(n_takes))


def score(song: str, scene: str, take: str, by: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what somebody says of a take."""
    studio = open_studio()
    partition = scene_of(studio, song, scene)
    studio.takes.review(partition, {"take": take, "by": by or my_name(), **scores})
    return _touched(partition, take)


def select(song: str, scene: str, take: str | None, by: str, note: str) -> dict[str, Any]:
    """Keep which take goes into the film; None lifts the choice."""
    studio = open_studio()
    partition = scene_of(studio, song, scene)
    studio.takes.choose(partition, take, by=by or my_name(), note=note)
    return _touched(partition, take)


def _asked(studio: Studio, partition: str, change: Callable[[TakeRequests], TakeRequests]) -> dict[str, Any]:
    studio.takes.ask(partition, change)
    return _touched(partition, None)


def _touched(partition: str, take: str | None) -> dict[str, Any]:
    """Bring the scene's records up to date, in a run of their own, so that lineage shows who said what."""
    run = run_film({partition}, only=_LISTS, retry_failed=True, is_quiet=True)
    studio = open_studio()
    takes = _takes(studio, partition)
    selected = next((one for one in takes if one["is_selected"]), None)
    return {
        "partition": partition,
        "take": take,
        "takes": [one["take"] for one in takes],
        "selected": selected["take"] if selected else None,
        "chosen_by": selected["chosen_by"] if selected else None,
        "failed": run.failed,
        "run_id": run.run_id,
    }


def run_film(partitions: Collection[str], *, only: Sequence[str] = (), retry_failed: bool, is_quiet: bool) -> RunReport:
    """Run the film's job here for what is stale of these songs or scenes, of the named assets or of all."""
    studio = open_studio()
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
        found = plan(studio, FILM.opened(studio), retry_failed=retry_failed)
        wanted = {
            asset: mine
            for asset, keys in order(instance, studio, found, FILM).items()
            if (not only or asset in only)
            and (mine := [key for key in keys if key in partitions or key.rpartition("|")[2] in partitions])
        }
        return run_here(instance, FILM, wanted, is_quiet=is_quiet)
