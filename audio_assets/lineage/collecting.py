"""The collection of what nobody needs any more: what retired lines and songs, earlier versions and crashes have left.

Nothing else deletes. Kept is what a partition of today, a take list, a choice or a review names, what was rendered
within the days of history, and everything that any of it is made of.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from audio_assets.domain.rendering import PermanentError
from audio_assets.lineage.explaining import AD_HOC, kind_of
from audio_assets.recipe import Recipe
from audio_assets.studio import Studio
from resources.store import SET_ASIDE, SIDECAR, ArtifactStore, record_path

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


def find_leftovers(studio: Studio, recipes: Sequence[Recipe], *, keep_days: int = 0) -> Leftovers:
    """Everything that a collection would delete: reads, never writes.

    What was paid for is never among it, nor takes of registered songs, nor takes that somebody reviewed or chose, nor
    clips of the studio's own, nor what people said: none of that can be had again for nothing. `keep_days` is how long
    an earlier version is kept after it was rendered.

    Raises:
        PermanentError: what is registered can not be read, so that nobody knows what today needs.
    """
    if studio.songs.unreadable:
        raise PermanentError(f"nothing is deleted while nobody knows what today needs: {studio.songs.unreadable}")
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
    for recipe in everything:
        needed.update(recipe.keeps())
    unneeded = [path for recipe in everything for path in _files_outside(studio, recipe.folder, needed)]
    since = (datetime.now(UTC) - timedelta(days=keep_days)).isoformat() if keep_days else ""
    kept = {folder for folder in {path.rpartition("/")[0] for path in unneeded} if _stays(studio.store, folder, since)}
    kept |= _made_of(studio.store, needed | kept)
    files = [path for path in unneeded if path.rpartition("/")[0] not in kept]
    files += [path for recipe in everything for path in recipe.left_behind()]
    objects = dict.fromkeys(path.rpartition("/")[0] for path in files)
    scratch = (*_rests_of_crashes(studio.settings.scratch), *_answers_used(studio, everything))
    n_bytes = sum(studio.store.size(path) or 0 for path in files) + sum(path.stat().st_size for path in scratch)
    return Leftovers(tuple(records), tuple(objects), tuple(files), n_bytes, scratch)


def _stays(store: ArtifactStore, folder: str, since: str) -> bool:
    """Whether an object that nothing points at stays: it was paid for, also a damaged one, or is not old enough."""
    record = _sidecar(store, folder)
    is_recent = bool(since) and str(record.get("rendered_at", "")) >= since
    return is_recent or float(record.get("cost_usd", 0)) > 0


def _made_of(store: ArtifactStore, kept: Iterable[str]) -> set[str]:
    """The objects that some objects are made of, and those that these are made of, and so on."""
    queue, seen = list(kept), set(kept)
    for folder in queue:
        new = {str(source) for source in _sidecar(store, folder).get("sources", {}).values()} - seen
        seen |= new
        queue += new
    return seen


def _sidecar(store: ArtifactStore, folder: str) -> dict[str, Any]:
    """The plain record of an object, whole or damaged; empty where there is none. Read for every object: no classes."""
    if kind_of(folder) is None:  # a source may be a file of somebody's own
        return {}
    data = store.read(f"{folder}/{SIDECAR}") or store.read(f"{folder}/{SET_ASIDE}")
    try:
        record = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


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
    """Delete them: refs first, then sidecars, then files.

    A kill in between leaves files that are no object, which the next collection takes; never a ref without its object,
    nor an object that is not whole.
    """
    files = sorted(leftovers.files, key=lambda path: not path.endswith(f"/{SIDECAR}"))
    for path in (*leftovers.records, *files):
        studio.store.delete(path)
    for folder in leftovers.objects:
        studio.store.remove_empty(folder)
    for rest in leftovers.scratch:
        rest.unlink(missing_ok=True)
