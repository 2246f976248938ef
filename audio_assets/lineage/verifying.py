"""Holds everything in the store against its hashes: bit rot, missing files and objects, torn records, wrong copies.

Looking is one thing (`verify`), what is done about it another (`mend`). Objects are hashed in a few processes of
their own where the store is a local folder, in threads where it is elsewhere.
"""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import obstore

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas.records import RecordError, Ref, Sidecar, content_sha256
from audio_assets.lineage.explaining import AD_HOC
from audio_assets.recipe import Recipe
from audio_assets.studio import Studio
from resources.pool import end_with_parent
from resources.published import replace_file
from resources.store import SIDECAR, ArtifactStore, StoreError, record_path

Trouble = Literal["rotten", "missing", "torn", "copy"]
"""Other bytes than were rendered; not there; a record that can not be read; a published copy that differs."""

_AGAIN = "the next run renders it again: audio-assets plan"
_TAKE_AGAIN = "the next run makes it again, if it is still wanted: audio-assets plan"
_FIRST = "audio-assets verify takes it out of the cache, then the next run renders it again"
_IDLE = "no partition of today needs it: audio-assets gc"
_REF = "audio-assets verify --repair removes it, then the next run points it again"
_COPY = "audio-assets verify --repair writes it again"
_IS_PAID = "it was paid for: bring it back from a backup, or order it again with audio-assets verify --repair --paid"
STAYS = "it stays as it is, for nothing can be done about it"
_BATCH = 64  # objects that one process is given at once
_LISTED = 40


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it should be, and the sentence that helps.

    `object` is the folder of the object, "" where it is about none; `is_set_aside`: it is no hit any more.
    """

    kind: Trouble
    asset: str
    path: str
    what: str
    remedy: str
    object: str = ""
    partitions: tuple[str, ...] = ()
    is_paid: bool = False
    is_set_aside: bool = False


@dataclass
class Verified:
    """What a look at the store found; `orphans` are whole objects that nothing points at, `idle` refs of no partition.

    Neither is damage: they are earlier versions and retired partitions, of which `gc` clears away what nobody needs.
    `unknown` says why nobody can tell what is idle, "" where that is known.
    """

    damage: list[Damage] = field(default_factory=list)
    n_objects: int = 0
    n_files: int = 0
    n_bytes: int = 0
    n_refs: int = 0
    n_copies: int = 0
    orphans: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    unknown: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "n_damaged": len(self.damage)}

    def as_text(self) -> str:
        """A line for each damage, then the count."""
        lines = []
        for one in self.damage[:_LISTED]:
            who = (
                f" ({', '.join(one.partitions[:3])}{' …' if len(one.partitions) > 3 else ''})" if one.partitions else ""
            )
            lines.append(f"{one.kind:8} {one.path}{who}: {one.what}; {one.remedy}")
        if len(self.damage) > _LISTED:
            lines.append(f"and {len(self.damage) - _LISTED} more (--json lists all)")
        lines.append(
            f"{self.n_objects} objects, {self.n_files} files, {self.n_bytes / 1e6:.1f} MB, {self.n_refs} refs, "
            f"{self.n_copies} published copies: {len(self.damage) or 'nothing'} damaged"
        )
        rest = [
            f"{len(found)} {one if len(found) == 1 else many}"
            for found, one, many in (
                (self.orphans, "object that nothing points at", "objects that nothing points at"),
                (self.idle, "ref of a partition that is no more", "refs of partitions that are no more"),
                (self.unfinished, "object that is not whole", "objects that are not whole"),
            )
            if found
        ]
        if self.unknown:
            lines.append(f"which partitions there are today is not known: {self.unknown}")
        elif rest:
            lines.append(f"{', '.join(rest)}: `audio-assets gc` clears away what nobody needs")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of one object."""

    folder: str
    n_files: int = 0
    n_bytes: int = 0
    faults: tuple[tuple[Trouble, str, str], ...] = ()
    content: str = ""
    is_paid: bool = False


Progress = Callable[[int, int], None]
"""Called with how many objects were looked at, and of how many."""


def verify(studio: Studio, recipes: Sequence[Recipe], *, progress: Progress | None = None) -> Verified:
    """Look at every ref, object, file and published copy of these assets. Reads, never writes."""
    store, found = studio.store, Verified(unknown=studio.songs.unreadable)
    everything = list(dict.fromkeys(recipes))
    pointing: dict[str, list[str]] = {}
    owners: dict[str, Recipe] = {}
    refs: dict[str, dict[str, Ref]] = {}
    for recipe in everything:
        refs[recipe.asset] = _refs(recipe, found)
        for partition, ref in refs[recipe.asset].items():
            pointing.setdefault(ref.object, []).append(partition)
    folders: list[str] = []
    for recipe in everything:
        committed, begun = _objects(store, recipe.folder)
        folders += committed
        owners |= dict.fromkeys([*committed, *begun], recipe)
        gone = {ref.object for ref in refs[recipe.asset].values()} - set(committed)
        found.unfinished += sorted(set(begun) - gone)
        for folder in sorted(gone):
            what = "its sidecar is gone" if folder in begun else "it is gone"
            partitions = tuple(pointing[folder])
            remedy = _remedy(recipe, partitions, found, taken_out=True)
            found.damage.append(Damage("missing", recipe.asset, folder, what, remedy, folder, partitions,
                                       is_set_aside=True))  # fmt: skip
    contents: dict[str, str] = {}
    damaged: set[str] = {one.object for one in found.damage}
    for number, looked in enumerate(_looked_at(store, folders, studio.settings.n_workers), 1):
        if progress is not None:
            progress(number, len(folders))
        found.n_objects += 1
        found.n_files += looked.n_files
        found.n_bytes += looked.n_bytes
        contents[looked.folder] = looked.content
        partitions = tuple(pointing.get(looked.folder, ()))
        remedy = _IS_PAID if looked.is_paid else _remedy(owners[looked.folder], partitions, found, taken_out=False)
        for kind, path, what in looked.faults:
            damaged.add(looked.folder)
            asset = owners[looked.folder].asset
            found.damage.append(Damage(kind, asset, path, what, remedy, looked.folder, partitions, looked.is_paid))
        if not partitions and not looked.faults:
            found.orphans.append(looked.folder)
    for recipe in everything:
        for partition, ref in refs[recipe.asset].items():
            if ref.object in contents and ref.object not in damaged and contents[ref.object] != ref.content:
                path = record_path("refs", recipe.asset, partition)
                what = "it names another content than its object has"
                found.damage.append(Damage("torn", recipe.asset, path, what, _REF, "", (partition,)))
        _look_at_copies(recipe, refs[recipe.asset], damaged, found)
    return found


def _remedy(recipe: Recipe, partitions: Sequence[str], found: Verified, *, taken_out: bool) -> str:
    """The sentence for a damaged object that cost nothing."""
    idle = set(found.idle)
    if all(f"{recipe.asset}/{partition}" in idle for partition in partitions):  # or there is none
        return _IDLE
    return _FIRST if not taken_out else _TAKE_AGAIN if type(recipe).keeps is not Recipe.keeps else _AGAIN


def _refs(recipe: Recipe, found: Verified) -> dict[str, Ref]:
    """The refs of an asset; torn ones are told."""
    whole: dict[str, Ref] = {}
    wanted: set[str] | None = None
    if not found.unknown:
        with suppress(PermanentError, RecordError, ValueError):
            wanted = set(recipe.partitions())
    for name, data in recipe.store.read_all(f"refs/{recipe.asset}"):
        partition = name.replace("+", "|")
        found.n_refs += 1
        try:
            whole[partition] = Ref.from_bytes(data)
        except RecordError as error:
            path = record_path("refs", recipe.asset, partition)
            found.damage.append(Damage("torn", recipe.asset, path, str(error), _AGAIN, "", (partition,)))
        if wanted is not None and partition not in wanted and not partition.startswith(AD_HOC):
            found.idle.append(f"{recipe.asset}/{partition}")
    return whole


def _objects(store: ArtifactStore, folder: str) -> tuple[list[str], list[str]]:
    """The committed objects of an asset, and the folders with files but no sidecar."""
    committed: dict[str, None] = {}
    others: dict[str, None] = {}
    for path in store.list(folder):
        owner, name = path.rpartition("/")[::2]
        (committed if name == SIDECAR else others)[owner] = None
    return sorted(committed), sorted(others.keys() - committed.keys())


def _looked_at(store: ArtifactStore, folders: Sequence[str], n_workers: int) -> Iterator[Looked]:
    """Every object, in batches over workers; here where there are few."""
    batches = [folders[start : start + _BATCH] for start in range(0, len(folders), _BATCH)]
    if len(batches) < 2 or n_workers < 2:
        for batch in batches:
            yield from look_at_batch(store.url, batch)
        return
    with _workers(store, n_workers) as workers:
        for looked in workers.map(partial(look_at_batch, store.url), batches):
            yield from looked


def _workers(store: ArtifactStore, n_workers: int) -> Executor:
    if store.local_root is None:
        return ThreadPoolExecutor(8)
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(n_workers, mp_context=context, initializer=end_with_parent)


def look_at_batch(url: str, folders: Sequence[str]) -> list[Looked]:
    """Some objects, in any process."""
    store = ArtifactStore(url=url)
    return [look_at(store, folder) for folder in folders]


def look_at(store: ArtifactStore, folder: str) -> Looked:
    """One object: its sidecar, that it is in its own place, and every file streamed against its sha256."""
    data = store.read(f"{folder}/{SIDECAR}")
    if data is None:  # a run has replaced it a moment ago
        return Looked(folder)
    try:
        sidecar = Sidecar.from_bytes(data)
    except RecordError as error:
        return Looked(folder, faults=(("torn", f"{folder}/{SIDECAR}", str(error)),))
    faults: list[tuple[Trouble, str, str]] = []
    n_bytes = 0
    for name, entry in sidecar.files.items():
        path = f"{folder}/{name}"
        try:
            sha256, size = _hashed(store, path)
        except FileNotFoundError:
            faults.append(("missing", path, "the file is gone"))
            continue
        except (StoreError, OSError) as error:
            faults.append(("rotten", path, f"it can not be read: {error}"))
            continue
        n_bytes += size
        if sha256 != entry.sha256:
            how = "" if size == entry.size else f" and its size {size}, not {entry.size}"
            faults.append(("rotten", path, f"its sha256 is {sha256[:12]}…, not {entry.sha256[:12]}…{how}"))
    key = sha256_hex(canonical(dict(sidecar.action)))
    if not key == sidecar.action_key == folder.rpartition("/")[2]:
        faults.append(("torn", f"{folder}/{SIDECAR}", "its action is not the one that its folder is named for"))
    elif content_sha256(sidecar.files, sidecar.previews) != sidecar.content:
        faults.append(("torn", f"{folder}/{SIDECAR}", "its content is not that of its files"))
    return Looked(folder, len(sidecar.files), n_bytes, tuple(faults), sidecar.content, sidecar.cost_usd > 0)


def _hashed(store: ArtifactStore, path: str) -> tuple[str, int]:
    """(sha256, bytes) of what is at `path`, streamed."""
    local = store.local_path(path)
    if local is not None:
        with local.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            return digest, source.tell()
    hasher, size = hashlib.sha256(), 0
    for chunk in obstore.get(store.backend, path).stream():
        hasher.update(chunk)
        size += len(chunk)
    return hasher.hexdigest(), size


# Published copies


def _look_at_copies(recipe: Recipe, refs: dict[str, Ref], damaged: set[str], found: Verified) -> None:
    if type(recipe).copies is Recipe.copies:
        return
    idle = set(found.idle)
    gone = {one.path for one in found.damage if one.kind == "missing"}
    for partition, ref in refs.items():
        is_looked_at = ref.object not in damaged and f"{recipe.asset}/{partition}" not in idle
        sidecar = recipe.store.find(ref.object) if is_looked_at else None
        if sidecar is None:
            continue
        for path, name in recipe.copies(partition, sidecar).items():
            if str(path).rpartition("/")[0] in gone:  # with the object that it was put into, which is told of
                continue
            found.n_copies += 1
            problem = _wrong_copy(recipe.store, path, sidecar.files[name].sha256) if name in sidecar.files else ""
            if problem:
                found.damage.append(Damage("copy", recipe.asset, str(path), problem, _COPY, "", (partition,)))


def _wrong_copy(store: ArtifactStore, path: str | Path, sha256: str) -> str:
    try:
        if isinstance(path, Path):
            with path.open("rb") as source:
                found = hashlib.file_digest(source, "sha256").hexdigest()
        else:
            found, _ = _hashed(store, path)
    except (FileNotFoundError, obstore.exceptions.NotFoundError):
        return "the published copy is gone"
    except OSError as error:
        return f"the published copy can not be read: {error.strerror}"
    return "" if found == sha256 else "the published copy has other bytes than its object"


# What is done about it


def mend(recipes: Sequence[Recipe], found: Verified, *, copies: bool, paid: bool) -> Verified:
    """Take damaged objects out of the cache, so that the next run renders them again, and write published copies again.

    Any stage that read such an object would do the first; what was paid for stays unless `paid`. The copies only with
    `copies`. What is left to be told comes back.
    """
    by_asset = {recipe.asset: recipe for recipe in recipes}
    told: list[Damage] = []
    for one in found.damage:
        try:
            told.append(_mended(by_asset[one.asset], one, found, copies=copies, paid=paid))
        except (StoreError, OSError) as error:  # a full disk or a read-only root: what was found is told all the same
            told.append(_with(one, remedy=f"{STAYS}: {error}"))
    found.damage = told
    return found


def _mended(recipe: Recipe, one: Damage, found: Verified, *, copies: bool, paid: bool) -> Damage:
    if one.object and not one.is_set_aside and (paid or not one.is_paid):
        recipe.store.set_aside(one.object)
        return _with(one, remedy=_remedy(recipe, one.partitions, found, taken_out=True), is_set_aside=True)
    if one.kind == "torn" and not one.object and copies:
        recipe.store.delete(one.path)
        return _with(one, remedy=_AGAIN, is_set_aside=True)
    if one.kind == "copy" and copies:
        _write_copies(recipe, one)
        return _with(one, remedy="it is written again", is_set_aside=True)
    return one


def _with(one: Damage, **changed: Any) -> Damage:
    return Damage(**{**asdict(one), "partitions": one.partitions, **changed})


def _write_copies(recipe: Recipe, one: Damage) -> None:
    """Write the copies of a partition that differ; the object was verified a moment ago."""
    ref = recipe.refs.get(one.partitions[0])
    sidecar = recipe.store.find(ref.object) if ref else None
    if ref is None or sidecar is None:
        return
    for path, name in recipe.copies(one.partitions[0], sidecar).items():
        if str(path) == one.path:
            data = recipe.store.read_file(ref.object, name, sidecar)
            replace_file(path, data) if isinstance(path, Path) else recipe.store.write(path, data)
