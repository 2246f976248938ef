"""The explicit clean-up of what retired lines and earlier versions left. Nothing else ever deletes an artifact."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audio_assets.render import Recipe
from audio_assets.studio import Studio
from resources.store import record_path

AD_HOC = "say."
"""Partitions of `audio-assets say` begin so: they are in no script, and stay."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What no partition of today needs: paths of refs and failures, and of files of objects, with their bytes."""

    records: tuple[str, ...]
    objects: tuple[str, ...]
    files: tuple[str, ...]
    n_bytes: int


def find_leftovers(studio: Studio, recipes: Sequence[Recipe]) -> Leftovers:
    """Everything that a clean-up would delete: reads, never writes."""
    records: list[str] = []
    needed: set[str] = set()
    for recipe in recipes:
        wanted = set(recipe.partitions())
        for partition, ref in recipe.refs.preload().all().items():
            if partition in wanted or partition.startswith(AD_HOC):
                needed.add(ref.object)
            else:
                records.append(record_path("refs", recipe.asset, partition))
        gone = (partition for partition in studio.store.failures(recipe.asset) if partition not in wanted)
        records.extend(record_path("failures", recipe.asset, partition) for partition in gone)
    files = [path for recipe in recipes for path in _files_outside(studio, recipe.folder, needed)]
    objects = dict.fromkeys(path.rpartition("/")[0] for path in files)
    n_bytes = sum(studio.store.size(path) or 0 for path in files)
    return Leftovers(tuple(records), tuple(objects), tuple(files), n_bytes)


def _files_outside(studio: Studio, folder: str, needed: set[str]) -> Iterator[str]:
    return (path for path in studio.store.list(folder) if path.rpartition("/")[0] not in needed)


def delete_leftovers(studio: Studio, leftovers: Leftovers) -> None:
    """Delete them: refs first, so that a kill in between leaves files without a ref, never a ref without its files."""
    for path in (*leftovers.records, *leftovers.files):
        studio.store.delete(path)
    for folder in leftovers.objects:
        studio.store.remove_empty(folder)
