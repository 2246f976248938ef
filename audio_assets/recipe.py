"""How one asset's partitions are made: what a stage fills in; `render`, `plan` and all others ask it.

Nothing here knows of Dagster.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from audio_assets.circumstances import Circumstances, today
from audio_assets.domain.action import Action
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.scene_key import parse_scene_key, song_of
from audio_assets.domain.schemas.records import Failure, Ref, Sidecar, StandsIn
from audio_assets.source import Source
from audio_assets.studio import Studio
from resources.ordered import Remote
from resources.pool import Call
from resources.store import ArtifactStore, DamagedError, Refs, StoreError


@dataclass(frozen=True)
class StandIn:
    """Who makes a partition where its provider can not: the provider's name, and the action."""

    provider: str
    action: Action


class Recipe(ABC):
    """How one asset's partitions are rendered; the one place that a stage fills in.

    `describe` is the only key function: runs and plans both call it. It must read nothing but refs and small files.

    - `source`: all that people write about a partition.
    - `fan_in`: upstream assets of which more goes in than Dagster can follow; the source says when they matter.
    - `gathers`: upstream assets of which all scenes of one song go in, which Dagster can follow.
    - `sometimes`: upstream assets, with the same partitions, that only some partitions need. The others tell Dagster
      of them all the same, and never get stale by them.
    - `waits_for_all`: it is not rendered while something that it needs can not be.
    - `part_recipes`: what its `parts` are.
    - `pool`: Dagster's pool of steps that may ask providers elsewhere; one of them runs at a time.
    - `members_of`: the asset of songs that says which scenes there are, where the partitions are scenes.
    - `is_foreseen`: it costs nothing and takes no time to speak of, so that plans try it to see what follows.
    """

    asset: ClassVar[str]
    code_version: ClassVar[str]
    folder: ClassVar[str]
    is_parallel: ClassVar[bool] = True
    pool: ClassVar[str] = ""
    source: ClassVar[type[Source] | None] = None
    fan_in: ClassVar[tuple[str, ...]] = ()
    gathers: ClassVar[tuple[str, ...]] = ()
    sometimes: ClassVar[tuple[str, ...]] = ()
    waits_for_all: ClassVar[bool] = True
    members_of: ClassVar[str] = ""
    is_foreseen: ClassVar[bool] = False
    part_recipes: ClassVar[tuple[type["Recipe"], ...]] = ()
    published: ClassVar[Mapping[str, str]] = {}

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @property
    def store(self) -> ArtifactStore:
        """The artifact store."""
        return self.studio.store

    @property
    def refs(self) -> Refs:
        """What this asset's partitions point at."""
        return self.studio.refs(self.asset)

    @abstractmethod
    def partitions(self) -> Sequence[str]:
        """Every partition that there should be, in the order of the scripts."""

    @abstractmethod
    def describe(self, partition: str) -> Action:
        """The action that renders `partition` from today's inputs.

        Raises:
            PermanentError: today's inputs can not be rendered.
            UpstreamError: an input is not rendered yet, or blocked.
        """

    @abstractmethod
    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The picklable call that answers a `Rendered`, from the action and the objects of its inputs alone.

        `sources` are as `sources` of the same action names them. Nothing that people say today may decide what is made:
        `reproduce` makes the calls of recorded actions. (Whom an order is booked under may be looked up.)

        Raises:
            PermanentError: it can not be made as it was asked for, or what somebody brought along is gone or another.
            UpstreamError: an input is gone or damaged.
            KeyError: the action is from before something was kept in it.
        """

    @classmethod
    def folder_of(cls, action_key: str) -> str:
        """Where the object of an action is, or would be."""
        return f"{cls.folder}/{action_key}"

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who renders, with all of it that decides the bytes, where that is the same for every partition."""
        return {}

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """Today's identity of who rendered a recorded action; as `call`, it asks nothing else of today.

        Raises:
            PermanentError: nobody of that kind is here any more.
        """
        return self.identity()

    def stand_in(self, partition: str, action: Action) -> StandIn | None:
        """Who makes the partition where its provider can not be asked, or does not answer; None for nobody.

        Its action has to differ from every wanted one, so that what it made is never taken for what was wanted.
        """
        return None

    def stands_in_for(self, partition: str) -> StandsIn | None:
        """Whom the partition as it is rendered now stands in for, where that is known before; None for nobody."""
        return None

    def known_stand_in(self, partition: str) -> StandsIn | None:
        """As `stands_in_for`, as far as it can be told: it is rendered, perhaps paid, whatever is told."""
        with suppress(ValueError, RuntimeError, OSError, LookupError):
            return self.stands_in_for(partition)
        return None

    def able_stand_in(self, partition: str, action: Action) -> StandIn | None:
        """The stand-in; None also where the one that is named could not serve: then the provider's error is told."""
        try:
            return self.stand_in(partition, action)
        except (ValueError, RuntimeError):
            return None

    def remote(self, partition: str) -> Remote | None:
        """Where the partition is ordered, None where it is made on this machine.

        Raises:
            Unavailable: its provider can not be asked as things stand.
        """
        return None

    def circumstances(self, partition: str, action: Action) -> Circumstances:
        """What decides today, besides the action, whether the partition can be had."""

        def call() -> Call:
            return self.call(partition, action, self.sources(partition, action))

        return today(self.studio, partial(self.remote, partition), call)

    def still_fails(self, partition: str, action: Action, failure: Failure) -> str:
        """Why what has failed is not tried again by itself, in today's words; "" where it is.

        It is where something else is asked for, where a retry may help, where somebody was named to stand in since, and
        where the circumstances are others.
        """
        if failure.action_key != action.key or not failure.is_final:
            return ""
        if failure.may_be_stood_in_for and self.able_stand_in(partition, action) is not None:
            return ""
        now = self.circumstances(partition, action)
        if now.obstacle:
            return now.obstacle
        has_passed = failure.kind in ("budget", "unavailable") or failure.circumstances != now.mark
        return "" if has_passed else failure.reason or failure.kind

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The (asset, partition) of every input artifact."""
        return ()

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The object folders of the inputs of an action, and where files that somebody brought along are, by name."""
        return {
            f"{asset} {parse_scene_key(key)[0]}" if asset in self.gathers else asset: self.upstream(asset, key).object
            for asset, key in self.needs(partition)
        }

    def origins(self, partition: str) -> Iterator[Origin]:
        """What people wrote, chose or brought for this very partition, as it is today; its inputs tell of their own."""
        return iter(())

    def known_origins(self, partition: str) -> tuple[Origin, ...]:
        """The origins of a partition as far as they can be told: what nobody can tell costs no render."""
        found: list[Origin] = []
        with suppress(ValueError, RuntimeError, OSError, LookupError):
            for origin in self.origins(partition):
                found.append(origin)
        return tuple(found)

    def licences(self, partition: str) -> Iterator[str]:
        """The licence of every input artifact."""
        for asset, key in self.needs(partition):
            yield self.sidecar(self.upstream(asset, key).object).licence

    def versions(self, partition: str, action: Action) -> Mapping[str, str]:
        """The data version of every upstream asset in Dagster's graph, by asset name.

        Of many partitions the action's key: one version over all of them, for Dagster keeps one per upstream asset.
        """
        many = (*self.fan_in, *self.gathers)
        found = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition) if asset not in many}
        found |= dict.fromkeys(many, action.key)
        for asset in self.sometimes:
            ref = self.studio.refs(asset).get(partition)
            found.setdefault(asset, ref.content if ref else "none")
        return (
            found if self.source is None else {self.source.asset: self.source(self.studio).version(partition), **found}
        )

    def estimate_s(self, partition: str) -> float:
        """About how long one render takes on one core, in seconds, for plans."""
        return 0.02

    def estimate_usd(self, partition: str) -> float:
        """What the paid part of one render costs, in US dollars, for plans."""
        return 0.0

    def parts(self, partitions: Sequence[str]) -> "Iterator[tuple[Recipe, Sequence[str]]]":
        """Recipes that are no assets of their own, with their partitions: rendered before these partitions are.

        A part that fails is reported as a failure of its own and costs nothing else; `describe` sees what is there.
        """
        return iter(())

    def hit(self, partition: str, folder: str) -> Sidecar | None:
        """The object in `folder` where the partition can be taken from there, None where it has to be rendered."""
        return self.store.find(folder)

    def unfinished(self, partition: str, *, retry_failed: bool) -> str:
        """Why a partition that is up to date should be rendered again all the same, "" for no reason."""
        return ""

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Called after the ref points at the object; most assets have nothing more to do."""

    def take_on(self, partitions: Sequence[str]) -> Sequence[str]:
        """Which of these partitions this process shall render, asked once before a job does; most assets take all."""
        return partitions

    def give_up(self, partition: str, failure: Failure) -> None:
        """Called after a failure was recorded; most assets have nothing more to do."""

    def copies(self, partition: str, sidecar: Sidecar) -> Mapping[str | Path, str]:
        """Where `publish` puts copies of an object's files, by name: paths in the store, or files of the data root."""
        return {}

    def keeps(self) -> Iterator[str]:
        """Folders of objects that a collection never deletes, whatever became of their partitions.

        Raises:
            PermanentError: a record that names them can not be read.
        """
        return iter(())

    def project(self, partition: str) -> str:
        """What its costs count for: its song, or itself."""
        return song_of(partition)

    def accept(self, partition: str, said: Mapping[str, str]) -> None:
        """Take what is there for what today asks for; `said` is who says so, why and when.

        Raises:
            PermanentError: there is nothing that could be accepted.
            UpstreamError: an input is missing.
        """
        ref = self.refs.get(partition)
        if ref is None or not self.store.is_there(ref):
            raise PermanentError("there is nothing to accept: it was never rendered, or its files are gone")
        self.refs.point(partition, replace(ref, action_key=self.describe(partition).key, accepted=said))

    def left_behind(self) -> Iterator[str]:
        """Paths that `publish` wrote outside of objects for what is registered no more."""
        return iter(())

    def upstream(self, asset: str, partition: str) -> Ref:
        """The ref of an input.

        Raises:
            UpstreamError: it is not rendered, or a blocking check failed.
        """
        ref = self.studio.refs(asset).get(partition)
        if ref is None:
            raise UpstreamError(f"its {asset} is not rendered")
        if ref.is_blocked:
            raise UpstreamError(f"its {asset} failed the blocking check {', '.join(ref.failed_checks)}")
        return ref

    def read(self, folder: str, *names: str) -> dict[str, bytes]:
        """Files of an input object, verified; a damaged object is discarded, so that the next run renders it again.

        Raises:
            UpstreamError: the object is gone or damaged.
        """
        sidecar = self.sidecar(folder)
        with self._discarding(folder):
            return {name: self.store.read_file(folder, name, sidecar) for name in names}

    def read_one(self, folder: str, name: str) -> bytes:
        """One file of an input object, as `read`."""
        return self.read(folder, name)[name]

    def local_file(self, folder: str, name: str) -> Path:
        """A local path with a file of an input object, verified as by `read`.

        Raises:
            UpstreamError: the object is gone or damaged.
        """
        sidecar = self.sidecar(folder)
        with self._discarding(folder):
            return self.store.local_file(folder, name, sidecar, self.studio.settings.scratch)

    @contextmanager
    def _discarding(self, folder: str) -> Iterator[None]:
        """Within: damage found in `folder` takes the object out of the store, so that the next run renders it again."""
        try:
            yield
        except StoreError as error:
            self.store.discard(folder)
            raise UpstreamError(f"{error}; the next run renders it again") from error

    def sidecar(self, folder: str) -> Sidecar:
        """The sidecar of an input object.

        Raises:
            UpstreamError: the object is gone or not whole.
        """
        try:
            return self.store.whole(folder)
        except FileNotFoundError as error:
            raise UpstreamError(f"{folder} is gone; the next run renders it again") from error
        except DamagedError as error:
            self.store.set_aside(folder)
            raise UpstreamError(f"{error}; the next run renders it again") from error

    def copy_into(
        self, asset: str, partition: str, name: str, sidecar: Sidecar, *, through: Sequence[str] = ()
    ) -> Mapping[str | Path, str]:
        """Where `publish_into` puts its copy; nowhere while what is there was no input, itself or `through` others."""
        action: Mapping[str, Any] | None = sidecar.action
        ref = None
        for upstream in (*through, asset):
            ref = self.studio.refs(upstream).get(partition)
            if ref is None or action is None or action["inputs"].get(upstream) != ref.content:
                return {}
            action = self.store.recorded_action(ref.object)
        return {f"{ref.object}/{name}": name} if ref is not None else {}

    def publish_into(self, asset: str, partition: str, name: str, folder: str, sidecar: Sidecar) -> None:
        """Put this object's file `name` into the object that `asset` of the same partition points at, if it differs."""
        target = self.studio.refs(asset).get(partition)
        if target is None:
            return
        with self._discarding(folder):
            data = self.store.read_file(folder, name, sidecar)
        if self.store.read(f"{target.object}/{name}") != data:
            self.store.write(f"{target.object}/{name}", data)
