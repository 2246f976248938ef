"""Answers where an artifact came from: finds the object that somebody means, and reads the tree under it.

From files alone: refs, sidecars and what is registered. Read-only. What a tree is, and its text, are in
`domain/lineage`; the page is in `explain_page`.
"""

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import orjson

from audio_assets.domain.causes import changes
from audio_assets.domain.comfy_template import TemplateError, parse_template
from audio_assets.domain.lineage import Lineage, Node, Origin, State, provider_origins
from audio_assets.domain.rendering import NotWanted, PermanentError, UpstreamError
from audio_assets.domain.schemas.records import RecordError, Ref, Sidecar, StandsIn
from audio_assets.domain.toml_tables import nearest
from audio_assets.domain.written_files import as_recorded, recorded_of
from audio_assets.launch import LIVE, RECIPES
from audio_assets.recipe import Recipe
from audio_assets.studio import Studio
from resources import models
from resources.store import SIDECAR, ArtifactStore, Refs

AD_HOC = "say."
"""Partitions of `audio-assets say` begin so: they are in no script."""
KINDS: tuple[type[Recipe], ...] = tuple(one for recipe in RECIPES for one in (*recipe.part_recipes, recipe))
"""Every recipe that makes objects, the parts of a stage before it."""
FOLDERS: Mapping[str, type[Recipe]] = {kind.folder: kind for kind in KINDS}
"""By the folder that holds its objects."""
_NAMED = 6


class UnknownArtifact(ValueError):  # noqa: N818 - what it is, as a reader says it
    """Nothing here is what was asked for; one sentence with near names."""


@dataclass(frozen=True, slots=True)
class Found:
    """The object that somebody means; `partition` is "" where no partition was named and none points at it."""

    folder: str
    partition: str = ""
    remarks: tuple[str, ...] = ()


class _Today(NamedTuple):
    """What is said of a partition of an object: its origins, what would be different, and why nobody asks for it."""

    origins: tuple[Origin, ...]
    changed: tuple[str, ...] = ()
    unwanted: str = ""


def kind_of(folder: str) -> type[Recipe] | None:
    """The recipe whose object a folder is, None for other folders."""
    return FOLDERS.get(folder.rpartition("/")[0])


def _check_file(path: Path) -> None:
    """Refuse what is named like a file and is none.

    Raises:
        UnknownArtifact: says what it is.
    """
    if path.is_symlink() and not path.exists():
        what = f"{path} is a link to {path.readlink()}, where nothing is"
        raise UnknownArtifact(f"{what}; mend the link, or name another file or a partition")
    if path.exists():
        what = "a folder" if path.is_dir() else "no file with bytes of its own"
        raise UnknownArtifact(f"{path} is {what}; name a file{' in it' if path.is_dir() else ''}, or a partition")


def _remedy(kind: type[Recipe] | None, pointing: Sequence[str]) -> str:
    """What brings an object that is not whole back, to the partitions that point at it."""
    if kind is None or not pointing:
        return "no partition of today points at it, and nothing renders it again"
    stage = next((recipe for recipe in RECIPES if kind in recipe.part_recipes), kind)
    if stage in LIVE.recipes:
        return "the queue renders a live message once: nothing renders it again"
    return f"`audio-assets backfill --asset {stage.asset}` renders it again, if it is still wanted"


@cache
def _model_names() -> dict[str, str]:
    """What our model files are called, by sha256: each, and what it came in."""
    return {
        sha256: name
        for name, package in models.CATALOGUE.items()
        for sha256 in (package.sha256, *package.members.values())
    }


def _said(told: StandsIn | None) -> str:
    return "" if told is None else f"{told.provider}: {told.reason}"


class Explainer:
    """A snapshot of a store; with a `studio` it also says what would be different today.

    `is_thorough`: every partition of an object is named, for which all refs of its asset are read; else the one that
    it was rendered for.
    """

    def __init__(self, store: ArtifactStore, studio: Studio | None = None, *, is_thorough: bool = True) -> None:
        self.store = store
        self._studio = studio
        self._is_thorough = is_thorough
        self._recipes: dict[str, Recipe] = {}
        self._refs: dict[str, Refs] = {}
        self._pointing: dict[str, dict[str, list[str]]] = {}
        self._sidecars: dict[str, Sidecar | None] = {}

    # Which object is meant

    def find(self, target: str) -> Found:
        """The object that a path or a partition names.

        Raises:
            UnknownArtifact: nothing here is called so, or is of these bytes.
        """
        path = Path(target)
        root = self.store.local_root
        is_there = path.exists() or path.is_symlink()
        if root is not None and not is_there and ".." not in path.parts:  # as it stands below the data root
            path = root / path
        if path.is_file():
            return self._of_file(path)
        if path.is_dir() and ((path / SIDECAR).is_file() or kind_of(self._inside(path)) is not None):
            return self._of_file(path / SIDECAR)
        if "/" in target and self.store.local_root is None and self.store.size(target) is not None:
            return Found(target.rpartition("/")[0])
        try:
            return self._of_partition(target)
        except UnknownArtifact:  # a folder may be called as a partition is
            _check_file(path)
            raise

    def _of_file(self, path: Path) -> Found:
        inside = self._inside(path)
        folder, name = inside.rpartition("/")[::2]
        is_object = kind_of(folder) is not None
        if is_object and name == SIDECAR:
            return Found(folder, self._current_partition(folder))
        if inside.startswith("refs/") and name.endswith(".json"):
            return self._of_partition(f"{folder.rpartition('/')[2]}/{name.removesuffix('.json')}")
        if is_object and self._sidecar(folder) is None:  # what is wrong with it, and what helps, is told of the object
            return Found(folder, self._current_partition(folder))
        if not is_object and not path.stat().st_size:
            what = f"{path} is empty, so that nothing can be known by its bytes"
            raise UnknownArtifact(f"{what}; name a file that is whole, or a partition")
        with path.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        if is_object and (sidecar := self._sidecar(folder)) is not None and name in sidecar.files:
            is_whole = sidecar.files[name].sha256 == sha256
            wrong = f"{inside} is not what was rendered: its sha256 is {sha256[:12]}…, recorded is " \
                    f"{sidecar.files[name].sha256[:12]}…; `audio-assets verify` says what to do"  # fmt: skip
            return Found(folder, self._current_partition(folder), () if is_whole else (wrong,))
        found = self._by_content_of_file(sha256, path.stat().st_size)
        if not found:
            raise UnknownArtifact(self._unknown_file(path, sha256))
        first, rest = found[0], found[1:]
        kind = kind_of(first)
        told = [f"{path} has the bytes of {kind.asset if kind else ''} {self._current_partition(first) or first}"]
        if rest:
            told.append(f"the same bytes are in {len(rest)} more: {self._listed(rest)}")
        return Found(first, self._current_partition(first), tuple(told))

    def _inside(self, path: Path) -> str:
        """The path below the store, "" for a file elsewhere."""
        root = self.store.local_root
        if root is None or not path.resolve().is_relative_to(root.resolve()):
            return ""
        return path.resolve().relative_to(root.resolve()).as_posix()

    def _listed(self, folders: list[str]) -> str:
        names = [f"{kind.asset} {self._current_partition(one) or one}" for one in folders if (kind := kind_of(one))]
        return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")

    def _unknown_file(self, path: Path, sha256: str) -> str:
        if self._studio is not None:
            for name, song in self._studio.songs.records.items():
                if sha256 == song.sha256:
                    return f"{path} is the file of the song {name}, of which nothing is rendered yet: audio-assets plan"
            for name, script in self._studio.dialogue.scripts.items():
                if sha256 in script.sources.values():
                    line = next(iter(key for key, cue in self._studio.dialogue.cues.items() if cue.script == name), "")
                    return f"{path} is the script {name}, which a person wrote; ask for one of its lines, as {line}"
        return self._of_a_written_file(path, sha256) or (
            f"nothing in {self.store.url} has the bytes of {path} (sha256 {sha256[:12]}…): "
            "it was changed, or rendered elsewhere, or is cleaned up"
        )

    def _of_a_written_file(self, path: Path, sha256: str) -> str:
        """What current artifacts have recorded of a file that people write, "" where none names it."""
        whole, name = path.resolve().as_posix(), path.name.encode()
        is_workflow = path.parent.name == "comfyui"
        mark = path.stem.encode() if is_workflow else name
        found: list[tuple[str, Origin]] = []
        for kind in KINDS:
            for partition, ref in sorted(self.refs(kind.asset).all().items()):
                data = self.store.read(f"{ref.object}/{SIDECAR}")
                if data is None or mark not in data:
                    continue
                with suppress(orjson.JSONDecodeError):
                    origin = recorded_of(whole, orjson.loads(data))
                    if origin is not None:
                        found.append((f"{kind.asset}/{partition}", origin))
        if is_workflow:
            with suppress(TemplateError, OSError):  # it is hashed with its bindings
                both = (path.with_suffix(suffix).read_bytes() for suffix in (".json", ".toml"))
                sha256 = parse_template(path.stem, *both).sha256
        return as_recorded(str(path), sha256, found) if found else ""

    def _by_content_of_file(self, sha256: str, size: int) -> list[str]:
        """The objects that hold a file of these bytes: current ones first, then the last in the order of a run."""
        current: dict[str, int] = {}
        for order, kind in enumerate(KINDS):
            for ref in self.refs(kind.asset).all().values():
                if size in ref.sizes.values() and self._holds(ref.object, sha256):
                    current[ref.object] = order
        if current:
            return sorted(current, key=lambda folder: -current[folder])
        mark, found = sha256.encode(), []
        for folder in self._folders():
            data = self.store.read(f"{folder}/{SIDECAR}")
            if data is not None and mark in data and self._holds(folder, sha256):
                found.append(folder)
        return found

    def _folders(self) -> Iterator[str]:
        """Every committed object, the last stages' first."""
        for kind in reversed(KINDS):
            for path in self.store.list(kind.folder):
                folder, name = path.rpartition("/")[::2]
                if name == SIDECAR:
                    yield folder

    def _holds(self, folder: str, sha256: str) -> bool:
        sidecar = self._sidecar(folder)
        return sidecar is not None and any(entry.sha256 == sha256 for entry in sidecar.files.values())

    def _of_partition(self, target: str) -> Found:
        asset, partition = self._split(target)
        if asset:
            ref = self.refs(asset).get(partition)
            if ref is None:
                raise UnknownArtifact(self._unknown(asset, partition))
            return Found(ref.object, partition)
        having = [kind.asset for kind in KINDS if self.refs(kind.asset).get(partition) is not None]
        if not having:
            raise UnknownArtifact(self._unknown("", partition))
        last = max(having, key=self._depth(partition))
        rest = [asset for asset in having if asset != last]
        ref = self.refs(last).get(partition)
        if ref is None:  # pragma: no cover - it was there a moment ago
            raise UnknownArtifact(f"{partition} is gone")
        told = f"this is the {last} of {partition}; there are also {', '.join(rest)}, as {rest[-1]}/{partition}" \
            if rest else ""  # fmt: skip
        return Found(ref.object, partition, (told,) if told else ())

    def _depth(self, partition: str) -> Callable[[str], tuple[int, int]]:
        """How much a partition's object of an asset is made of: a report over a song tells less of it than its film."""
        order = {kind.asset: index for index, kind in enumerate(KINDS)}

        def depth(asset: str) -> tuple[int, int]:
            ref = self.refs(asset).get(partition)
            return (len(self._below(ref.object)) if ref else 0), order[asset]

        return depth

    def _below(self, folder: str) -> set[str]:
        """The object, and every one that it is made of."""
        queue, seen = [folder], {folder}
        for one in queue:
            sidecar = self._sidecar(one)
            new = set(sidecar.sources.values()) - seen if sidecar else set()
            queue += sorted(name for name in new if kind_of(name) is not None)
            seen |= new
        return seen

    def _split(self, target: str) -> tuple[str, str]:
        """(asset, partition) of `voice_line/play.a.en`; the asset is "" where none is named."""
        first, slash, rest = target.partition("/")
        names = {kind.asset for kind in KINDS}
        asset, partition = (first, rest) if slash and first in names else ("", target)
        return asset, partition.replace("+", "|")

    def _unknown(self, asset: str, partition: str) -> str:
        for kind in KINDS if not asset else [one for one in KINDS if one.asset == asset]:
            failure = self.store.failure(kind.asset, partition)
            if failure is not None:
                return f"{kind.asset} of {partition} was not rendered: {failure.reason}"
        kinds = [kind for kind in KINDS if asset in ("", kind.asset)]
        known = dict.fromkeys(key for kind in kinds for key in self.refs(kind.asset).all())
        if self._studio is not None:
            planned = [kind.asset for kind in kinds if partition in self.recipe(kind).partitions()]
            if planned:
                return f"{planned[0]} of {partition} is not rendered yet; `audio-assets plan` says what comes first"
        near = nearest(partition, known) if partition else ""
        if not asset and "/" in partition:
            near = self._nearest_of_all(partition) or near
        what = f"{asset} of" if asset else "file and no partition"
        return f"there is no {what} '{partition}' that was rendered; {near or self._examples(list(known))}"

    def _nearest_of_all(self, target: str) -> str:
        """A hint for a slip in `asset/partition`: in both together, else in the asset."""
        whole = [f"{kind.asset}/{key}" for kind in KINDS for key in self.refs(kind.asset).all()]
        return nearest(target, whole) or nearest(target.partition("/")[0], [kind.asset for kind in KINDS])

    def _examples(self, known: list[str]) -> str:
        return f"there are {', '.join(known[:_NAMED])}{' …' if len(known) > _NAMED else ''}" if known else \
               "nothing is rendered here yet"  # fmt: skip

    # The tree

    def explain(self, target: str) -> Lineage:
        """The tree under what a path or a partition names.

        Raises:
            UnknownArtifact: see `find`.
        """
        return self.lineage(self.find(target))

    def lineage(self, found: Found) -> Lineage:
        """The tree under an object."""
        nodes: dict[str, Node] = {}
        queue = [found.folder]
        for folder in queue:
            if folder in nodes:
                continue
            nodes[folder] = self._node(folder, found.partition if folder == found.folder else "")
            queue += [source for _, source in nodes[folder].inputs]
        root = self._sidecar(found.folder)
        is_told = self._studio is not None or root is None or bool(root.partition)
        before = () if is_told else ("rendered before origins were kept: `audio-assets explain` tells those of today",)
        return Lineage(found.folder, nodes, (*found.remarks, *before))

    def _node(self, folder: str, asked: str) -> Node:
        kind = kind_of(folder)
        asset = kind.asset if kind else folder.rpartition("/")[0]
        sidecar = self._sidecar(folder)
        if sidecar is None:
            is_torn = self.store.size(f"{folder}/{SIDECAR}") is not None
            state: State = "damaged" if is_torn else "gone"
            has_rest = any(True for _ in self.store.list(folder))
            what = "its sidecar can not be read" if is_torn else "its sidecar is gone" if has_rest else \
                   "it is not in the store any more"  # fmt: skip
            pointing = tuple(self._pointing_at(asset).get(folder, ()))
            return Node(folder, asset, pointing, state, problem=f"{what}; {_remedy(kind, pointing)}")
        partitions = self._partitions(asset, folder, sidecar, asked)
        is_current = any(self._points(asset, partition, folder) for partition in partitions)
        missing = [name for name, entry in sidecar.files.items() if self.store.size(f"{folder}/{name}") != entry.size]
        origins: tuple[Origin, ...] = sidecar.origins
        today: tuple[str, ...] = ()
        unwanted = ""
        if kind is not None and self._studio is not None and is_current:
            told = [self._today(self.recipe(kind), partition, sidecar) for partition in partitions[:_NAMED]]
            origins = tuple(dict.fromkeys(origin for one in told for origin in one.origins))
            today, unwanted = told[0].changed, told[0].unwanted
        inputs, files = self._inputs(sidecar, {origin.sha256 for origin in origins})
        action = sidecar.action
        return Node(
            folder=folder,
            asset=asset,
            partitions=partitions,
            state="damaged" if missing else "current" if is_current else "earlier",
            content=sidecar.content,
            code_version=str(action.get("code_version", "")),
            provider=action.get("provider") or {},
            params=action.get("params") or {},
            files={name: entry.sha256 for name, entry in sidecar.files.items()},
            licence=sidecar.licence,
            cost_usd=sidecar.cost_usd,
            render_s=sidecar.render_s,
            rendered_at=sidecar.rendered_at,
            run_id=sidecar.run_id,
            origins=(
                *origins,
                *self._accepted(asset, partitions),
                *files,
                *provider_origins(action.get("provider") or {}, _model_names()),
            ),
            inputs=tuple(inputs.items()),
            today=today,
            unwanted=unwanted,
            stands_in_for=_said(sidecar.stands_in_for),
            problem=self._missing(missing, kind, partitions if is_current else (), sidecar) if missing else "",
        )

    def _missing(
        self, missing: Sequence[str], kind: type[Recipe] | None, pointing: Sequence[str], sidecar: Sidecar
    ) -> str:
        help_ = (
            "it was paid for: `audio-assets verify` says what to do" if sidecar.cost_usd else _remedy(kind, pointing)
        )
        return f"{', '.join(missing)}: gone or not of its size; {help_}"

    def _inputs(self, sidecar: Sidecar, told: Container[str]) -> tuple[dict[str, str], list[Origin]]:
        """The objects that it is made of by name, and the files that are none and were not told of by sha256."""
        contents: Mapping[str, str] = sidecar.action.get("inputs") or {}
        objects = {name: source for name, source in sidecar.sources.items() if kind_of(source) is not None}
        files = [
            Origin("file", name, source, sha256=contents.get(name, ""))
            for name, source in sidecar.sources.items()
            if name not in objects and contents.get(name) not in told
        ]
        known = {found.content for source in objects.values() if (found := self._sidecar(source)) is not None}
        for name, content in contents.items():
            if name in sidecar.sources or content in known or content in told:
                continue
            folder = self._of_content(name, content)
            if folder:
                objects[name] = folder
            else:
                files.append(Origin("file", name, sha256=content))
        return objects, files

    def _of_content(self, name: str, content: str) -> str:
        """The object of a content that no source names, as in sidecars from before takes were named."""
        for kind in KINDS:
            if kind.asset == name or kind in self._parts:
                for ref in self.refs(kind.asset).all().values():
                    if ref.content == content:
                        return ref.object
        return ""

    @cached_property
    def _parts(self) -> frozenset[type[Recipe]]:
        return frozenset(part for recipe in RECIPES for part in recipe.part_recipes)

    def _accepted(self, asset: str, partitions: tuple[str, ...]) -> Iterator[Origin]:
        """Who took it for good although it was made under another action."""
        for partition in partitions:
            ref = self.refs(asset).get(partition)
            said = ref.accepted if ref is not None else {}
            if said:
                yield Origin("accepted as it is", partition, said=said.get("why", ""), by=said.get("by", ""),
                             at=said.get("at", ""))  # fmt: skip

    def _today(self, recipe: Recipe, partition: str, sidecar: Sidecar) -> _Today:
        """The origins, and what would be different today.

        They are recorded of the partition that the object was rendered for; those of another one that shares it, for
        it asks for the very same, are as they are now.
        """
        is_recorded = bool(sidecar.origins) and partition == sidecar.partition
        if partition.startswith(AD_HOC):
            return _Today(sidecar.origins if is_recorded else ())
        origins = sidecar.origins if is_recorded else recipe.known_origins(partition)
        try:
            action = recipe.describe(partition)
        except NotWanted as error:
            return _Today(origins, unwanted=str(error))
        except (PermanentError, UpstreamError) as error:
            return _Today(origins, (f"it can not be rendered: {error}",))
        ref = recipe.refs.get(partition)
        if ref is not None and ref.action_key == action.key and not ref.accepted:
            return _Today(origins)
        if not is_recorded:  # what they were is not known
            origins = tuple(replace(origin, kind=f"{origin.kind} today") for origin in origins)
        changed = tuple(change.phrase for change in changes(sidecar.action, action.as_record()))
        return _Today(origins, changed or ("changed",))

    # What the store says, each read once

    def recipe(self, kind: type[Recipe]) -> Recipe:
        """One of a kind; only with a studio."""
        if self._studio is None:
            raise RuntimeError("there is no studio to ask what is wanted today")
        if kind.asset not in self._recipes:
            self._recipes[kind.asset] = kind(self._studio)
        return self._recipes[kind.asset]

    def refs(self, asset: str) -> Refs:
        """The refs of an asset."""
        if asset not in self._refs:
            self._refs[asset] = self._studio.refs(asset) if self._studio else self.store.refs(asset)
        return self._refs[asset]

    def ref(self, asset: str, partition: str) -> Ref | None:
        """What a partition points at."""
        return self.refs(asset).get(partition)

    def partition_of(self, folder: str) -> str:
        """A partition that an object was made for: one that points at it, else the recorded one, "" for none."""
        sidecar = self._sidecar(folder)
        return self._current_partition(folder) or (sidecar.partition if sidecar else "")

    def sidecar(self, folder: str) -> Sidecar | None:
        """The sidecar of an object, whatever became of its files; None where it is gone or torn."""
        return self._sidecar(folder)

    def _sidecar(self, folder: str) -> Sidecar | None:
        if folder not in self._sidecars:
            found = None
            data = self.store.read(f"{folder}/{SIDECAR}")
            if data is not None:
                with suppress(RecordError):
                    found = Sidecar.from_bytes(data)
            self._sidecars[folder] = found
        return self._sidecars[folder]

    def _points(self, asset: str, partition: str, folder: str) -> bool:
        ref = self.refs(asset).get(partition)
        return ref is not None and ref.object == folder

    def _pointing_at(self, asset: str) -> Mapping[str, list[str]]:
        """The partitions that point at each object of an asset."""
        if asset not in self._pointing:
            found: dict[str, list[str]] = {}
            for partition, ref in sorted(self.refs(asset).all().items()):
                found.setdefault(ref.object, []).append(partition)
            self._pointing[asset] = found
        return self._pointing[asset]

    def _partitions(self, asset: str, folder: str, sidecar: Sidecar, asked: str) -> tuple[str, ...]:
        """Whose object it is: the one that was asked for first; of an earlier version, whom it was made for."""
        if self._is_thorough or not sidecar.partition:
            found = list(self._pointing_at(asset).get(folder, ()))
        else:
            found = [sidecar.partition] if self._points(asset, sidecar.partition, folder) else []
        if asked:
            found = [asked, *(one for one in found if one != asked)]
        return tuple(found) or ((sidecar.partition,) if sidecar.partition else ())

    def _current_partition(self, folder: str) -> str:
        kind = kind_of(folder)
        return next(iter(self._pointing_at(kind.asset).get(folder, ())), "") if kind else ""
