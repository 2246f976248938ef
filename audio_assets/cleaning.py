"""The explicit clean-up of what retired lines and songs, earlier versions and crashes left; nothing else deletes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_assets.domain.rendering import PermanentError
from audio_assets.render import Recipe
from audio_assets.studio import Studio
from resources.store import record_path

AD_HOC = "say."
"""Partitions of `audio-assets say` begin so: they are in no script, and stay."""
_IN_THE_MAKING_S = 3600.0  # a scratch file that nobody has written to for so long is the rest of a crash


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What no partition of today needs: paths of refs and failures, and of files of objects, with their bytes.

    `scratch` are local files that crashes left in the making, and answers of providers whose artifacts are made.
    """

    records: tuple[str, ...]
    objects: tuple[str, ...]
    files: tuple[str, ...]
    n_bytes: int
    scratch: tuple[Path, ...] = ()


def find_leftovers(studio: Studio, recipes: Sequence[Recipe]) -> Leftovers:
    """Everything that a clean-up would delete: reads, never writes.

    What was paid for is never among it, nor takes, nor clips of the studio's own, nor what people said: none of that
    can be had again for nothing.

    Raises:
        PermanentError: what is registered can not be read, so that nobody knows what today needs.
    """
    _check_readable(studio)
    records: list[str] = []
    needed: set[str] = set()
    everything = [*recipes, *(part(studio) for recipe in recipes for part in recipe.part_recipes)]
    for recipe in everything:
        wanted = set(recipe.partitions())
        for partition, ref in recipe.refs.preload().all().items():
            if partition in wanted or partition.startswith(AD_HOC):
                needed.add(ref.object)
            else:
                records.append(record_path("refs", recipe.asset, partition))
        gone = (partition for partition in studio.store.failures(recipe.asset) if partition not in wanted)
        records.extend(record_path("failures", recipe.asset, partition) for partition in gone)
    cleaned = [recipe for recipe in everything if not recipe.keeps_objects]
    unneeded = [path for recipe in cleaned for path in _files_outside(studio, recipe.folder, needed)]
    paid = {folder for folder in {path.rpartition("/")[0] for path in unneeded} if _was_paid(studio, folder)}
    files = [path for path in unneeded if path.rpartition("/")[0] not in paid]
    files += [path for recipe in recipes for path in recipe.left_behind()]
    objects = dict.fromkeys(path.rpartition("/")[0] for path in files)
    scratch = (*_rests_of_crashes(studio.settings.scratch), *_answers_used(studio, everything))
    n_bytes = sum(studio.store.size(path) or 0 for path in files) + sum(path.stat().st_size for path in scratch)
    return Leftovers(tuple(records), tuple(objects), tuple(files), n_bytes, scratch)


def _check_readable(studio: Studio) -> None:
    """Refuse while a song's formats or scenes are not known: they would count as retired."""
    for song in studio.songs.records:
        studio.songs.settings(song)
        if studio.songs.board(song) is None and studio.refs("storyboard").get(song) is not None:
            raise PermanentError(f"the storyboard of {song} is gone or damaged; analyse the song again, then clean up")


def _was_paid(studio: Studio, folder: str) -> bool:
    sidecar = studio.store.find(folder)
    return sidecar is not None and sidecar.cost_usd > 0


def _answers_used(studio: Studio, recipes: Sequence[Recipe]) -> Iterator[Path]:
    """Kept answers of orders that are settled, and whose artifacts are in the store."""
    kept: dict[str, list[Path]] = {}
    for path in studio.kept_answers.glob("*"):
        if path.is_file():
            kept.setdefault(path.name.partition(".")[0], []).append(path)
    if not kept:
        return
    folders = {recipe.asset: recipe.folder for recipe in recipes}
    for entry in studio.ledger.entries(states=("settled",)):
        paths, folder = kept.get(entry.idempotency_key, ()), folders.get(entry.asset)
        if paths and folder and studio.store.find(f"{folder}/{entry.action_key}") is not None:
            yield from paths


def _rests_of_crashes(scratch: Path) -> tuple[Path, ...]:
    before_s = time.time() - _IN_THE_MAKING_S
    files = (path for path in scratch.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(sorted(path for path in files if path.stat().st_mtime < before_s))


def _files_outside(studio: Studio, folder: str, needed: set[str]) -> Iterator[str]:
    return (path for path in studio.store.list(folder) if path.rpartition("/")[0] not in needed)


def delete_leftovers(studio: Studio, leftovers: Leftovers) -> None:
    """Delete them: refs first, so that a kill in between leaves files without a ref, never a ref without its files."""
    for path in (*leftovers.records, *leftovers.files):
        studio.store.delete(path)
    for folder in leftovers.objects:
        studio.store.remove_empty(folder)
    for rest in leftovers.scratch:
        rest.unlink(missing_ok=True)
