"""Renders partitions of one asset: describe, look in the store, render what is not there, commit, point the ref.

Nothing here knows of Dagster: `batch` wraps this for runs, `plan` asks the same recipes what is stale and why.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from audio_assets.circumstances import Circumstances, today
from audio_assets.domain.action import Action
from audio_assets.domain.budget import BudgetExceeded
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import (
    INTENDED,
    NotFetched,
    PermanentError,
    Rendered,
    TransientError,
    Unavailable,
    UpstreamError,
    plain_words,
)
from audio_assets.domain.scene_key import parse_scene_key, song_of
from audio_assets.domain.schemas.records import Check, Failure, FailureKind, Ref, Sidecar, StandsIn, content_sha256
from audio_assets.source import Source
from audio_assets.studio import Studio
from resources import pool
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


State = Literal["rendered", "cached", "failed", "stood_in"]


@dataclass(frozen=True)
class Outcome:
    """What became of one partition; `failure` is set when, and only when, it failed. `stood_in`: a stand-in made it.

    `is_kept`: the store knows of it, so that a later step can look it up. `is_new`: it was rendered just now.
    """

    partition: str
    state: State
    action: Action | None = None
    folder: str = ""
    sidecar: Sidecar | None = None
    failure: Failure | None = None
    is_kept: bool = True
    is_new: bool = False


Watcher = Callable[[Recipe, Outcome], None]
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Call `watcher` with every outcome of every render within; for progress bars."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def render(recipe: Recipe, partitions: Sequence[str], *, run_id: str) -> Iterator[Outcome]:
    """Bring every partition up to date; outcomes come as they are reached, hits first.

    A partition that fails is an outcome like any other and never costs the rest. Two partitions that ask for the same
    action share one render.
    """
    watcher = _watcher.get()
    for part, keys in recipe.parts(partitions):
        for outcome in _outcomes(part, keys, run_id):
            if watcher is not None:
                watcher(part, outcome)
            if outcome.failure is not None:
                yield outcome
    for outcome in _outcomes(recipe, partitions, run_id):
        if watcher is not None:
            watcher(recipe, outcome)
        yield outcome


def foresee(recipe: Recipe, partition: str) -> bool:
    """Render for a plan, on a studio whose store keeps nothing; whether it went well. Nobody watches."""
    return all(outcome.failure is None for outcome in _outcomes(recipe, [partition], "plan"))


def _outcomes(recipe: Recipe, partitions: Sequence[str], run_id: str) -> Iterator[Outcome]:
    waiting: dict[str, list[str]] = {}
    actions: dict[str, Action] = {}
    fallen: list[_Fallen] = []
    just_failed = _JustFailed(recipe.store, run_id)
    for partition in dict.fromkeys(partitions):
        try:
            action = recipe.describe(partition)
            _check_inputs(recipe, partition, action)
            if recipe.waits_for_all:
                just_failed.check(recipe.needs(partition))
        except (PermanentError, UpstreamError) as error:
            yield _fail(recipe, partition, None, error, run_id)
            continue
        actions[action.key] = action
        accepted = _accepted(recipe, partition, action)
        if accepted is not None:  # also where the store has what would be rendered: somebody chose this one
            yield accepted
            continue
        sidecar = None if action.key in waiting else recipe.hit(partition, object_folder(recipe, action))
        if sidecar is not None:
            yield _point(recipe, partition, action, sidecar, "cached", run_id)
        else:
            waiting.setdefault(action.key, []).append(partition)

    builders = {key: partial(_call, recipe, sharing[0], actions[key]) for key, sharing in waiting.items()}
    for entry in _run(recipe, waiting, builders):
        sharing, action = waiting[entry.item], actions[entry.item]
        if entry.error is not None:
            for partition in sharing:
                stand_in = _stand_in(recipe, partition, action, entry.error)
                if stand_in is None:
                    yield _fail(recipe, partition, action, entry.error, run_id)
                else:
                    fallen.append(_Fallen(partition, action, entry.error, stand_in))
            continue
        try:
            sidecar = _commit(recipe, sharing[0], action, entry.result, entry.seconds, run_id)
        except (StoreError, UpstreamError, OSError) as error:
            for partition in sharing:
                yield _fail(recipe, partition, action, error, run_id)
            continue
        for number, partition in enumerate(sharing):
            yield _point(recipe, partition, action, sidecar, "cached" if number else "rendered", run_id)
    yield from _stood_in(recipe, fallen, run_id)


class _JustFailed:
    """What failed in this very run: what is made of it waits, as plans say; it is not made of what was there before."""

    def __init__(self, store: ArtifactStore, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._of: dict[str, Collection[str]] = {}

    def check(self, needs: Sequence[tuple[str, str]]) -> None:
        """Refuse where one of these inputs did.

        Raises:
            UpstreamError: it did, and nobody stood in.
        """
        for asset, key in needs:
            if asset not in self._of:
                self._of[asset] = self._store.failed_in(self._run_id, asset)
            if key in self._of[asset]:
                raise UpstreamError(f"its {asset} could not be rendered in this run")


def _check_inputs(recipe: Recipe, partition: str, action: Action) -> None:
    """An input of which the action tells nothing has to be there too: sidecar and event name all that it needs.

    Raises:
        UpstreamError: it is not.
    """
    told = {*action.inputs, *recipe.fan_in, *recipe.gathers}
    if recipe.waits_for_all:
        for asset, key in recipe.needs(partition):
            if asset not in told:
                recipe.upstream(asset, key)


def _accepted(recipe: Recipe, partition: str, action: Action) -> Outcome | None:
    """What somebody took for good under this very action, None where nobody did, or its files are gone."""
    ref = recipe.refs.get(partition)
    if ref is None or not ref.accepted or ref.action_key != action.key:
        return None
    sidecar = recipe.hit(partition, ref.object)
    if sidecar is None:
        return None
    recipe.publish(partition, ref.object, sidecar)
    return Outcome(partition, "cached", action, ref.object, sidecar)


@dataclass(frozen=True)
class _Fallen:
    """A partition whose provider could not serve, why, and who stands in."""

    partition: str
    action: Action
    error: BaseException
    stand_in: StandIn

    @property
    def check(self) -> Check:
        """What the sidecar says of it."""
        return Check(INTENDED, passed=False, detail=f"{self.stand_in.provider} stands in: {self.error}")

    @property
    def stands_in_for(self) -> StandsIn:
        """The same, for programs."""
        return StandsIn(str(self.stand_in.action.params.get("stands_in_for", "")), str(self.error))


def _stand_in(recipe: Recipe, partition: str, action: Action, error: BaseException) -> StandIn | None:
    """Who stands in, where the provider is to blame; never for a cap, a refusal, or an order of unknown outcome."""
    if not isinstance(error, Unavailable | TransientError):
        return None
    return recipe.able_stand_in(partition, action)


def _stood_in(recipe: Recipe, fallen: Sequence[_Fallen], run_id: str) -> Iterator[Outcome]:
    """What stand-ins make. The failure is kept beside it: the partition stays stale until its own provider serves."""
    waiting: dict[str, list[_Fallen]] = {}
    for one in fallen:
        waiting.setdefault(one.stand_in.action.key, []).append(one)
    found = {
        key: recipe.hit(sharing[0].partition, object_folder(recipe, sharing[0].stand_in.action))
        for key, sharing in waiting.items()
    }
    due = {key: [one.partition for one in sharing] for key, sharing in waiting.items() if found[key] is None}
    builders = {key: partial(_call, recipe, due[key][0], waiting[key][0].stand_in.action) for key in due}
    made: dict[str, pool.Done[str]] = {}
    for entry in _run(recipe, due, builders):
        made[entry.item] = entry
    for key, sharing in waiting.items():
        sidecar, first = found[key], sharing[0]
        try:
            if sidecar is None and made[key].error is None:
                rendered = made[key].result
                checks, notes = (*rendered.checks, first.check), (*rendered.notes, first.check.detail)
                told = replace(rendered, checks=checks, notes=notes)
                sidecar = _commit(
                    recipe, first.partition, first.stand_in.action, told, made[key].seconds, run_id, first.stands_in_for
                )
        except (StoreError, UpstreamError, OSError):
            sidecar = None
        for number, one in enumerate(sharing):
            if sidecar is None:
                yield _fail(recipe, one.partition, one.action, one.error, run_id)
                continue
            outcome = _point(recipe, one.partition, one.stand_in.action, sidecar, "stood_in", run_id)
            if outcome.failure is None:  # kept after the ref, which would take it away
                _fail(recipe, one.partition, one.action, one.error, run_id, stand_in=one.stand_in.provider)
            yield replace(outcome, is_new=found[key] is None and not number and outcome.failure is None)


def _run(
    recipe: Recipe, waiting: Mapping[str, Sequence[str]], builders: Mapping[str, Callable[[], Call]]
) -> Iterator[pool.Done[str]]:
    """Make each action's call, here or in the pool; a call that can not even be built is answered like one that failed.

    One that failed before is never made here: it may have been what killed its worker.
    """
    unbuilt: list[pool.Done[str]] = []

    def calls() -> Iterator[tuple[str, Call]]:
        for key, build in builders.items():
            try:
                call = build()
            except (ValueError, RuntimeError, OSError) as error:
                unbuilt.append(pool.Done(key, error=error))
            else:
                yield key, call

    n_workers = recipe.studio.settings.n_workers
    has_failed = any(recipe.store.failure(recipe.asset, p) is not None for sharing in waiting.values() for p in sharing)
    is_worth_a_pool = recipe.is_parallel and ((len(waiting) > 1 and n_workers > 1) or has_failed)
    yield from pool.run_all(calls(), n_workers if is_worth_a_pool else 0)
    yield from unbuilt


def _call(recipe: Recipe, partition: str, action: Action) -> Call:
    return recipe.call(partition, action, recipe.sources(partition, action))


def object_folder(recipe: Recipe, action: Action) -> str:
    """Where the object of an action is, or would be."""
    return f"{recipe.folder}/{action.key}"


def _commit(
    recipe: Recipe,
    partition: str,
    action: Action,
    rendered: Rendered,
    render_s: float,
    run_id: str,
    stands_in_for: StandsIn | None = None,
) -> Sidecar:
    folder = object_folder(recipe, action)
    previews = tuple(rendered.previews)
    files = {
        name: recipe.store.write(f"{folder}/{name}", data)
        for name, data in [*rendered.files.items(), *rendered.previews.items()]
    }
    sidecar = Sidecar(
        action_key=action.key,
        action=action.as_record(),
        content=content_sha256(files, previews),
        files=files,
        facts=rendered.facts,
        checks=rendered.checks,
        sources=recipe.sources(partition, action),
        previews=previews,
        rendered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        render_s=round(render_s, 3),
        run_id=run_id,
        licence=_licence(recipe, partition, action),
        cost_usd=rendered.cost_usd,
        notes=rendered.notes,
        published=recipe.published,
        partition=partition,
        origins=known_origins(recipe, partition),
        stands_in_for=stands_in_for or _known_stand_in(recipe, partition),
    )
    recipe.store.commit(folder, files, sidecar)
    for data in rendered.files.values():
        if isinstance(data, Path):
            data.unlink(missing_ok=True)
    return sidecar


def known_origins(recipe: Recipe, partition: str) -> tuple[Origin, ...]:
    """The origins of a partition as far as they can be told: what nobody can tell costs no render."""
    found: list[Origin] = []
    with suppress(ValueError, RuntimeError, OSError, LookupError):
        for origin in recipe.origins(partition):
            found.append(origin)
    return tuple(found)


def _known_stand_in(recipe: Recipe, partition: str) -> StandsIn | None:
    """Whom the partition stands in for, as far as it can be told: it is rendered, perhaps paid, whatever is told."""
    with suppress(ValueError, RuntimeError, OSError, LookupError):
        return recipe.stands_in_for(partition)
    return None


def _licence(recipe: Recipe, partition: str, action: Action) -> str:
    """The provider's, and those of everything it is made from: terms of a take follow it into the film."""
    named = {term for licence in recipe.licences(partition) for term in licence.split("; ")}
    return "; ".join(sorted({str(action.provider.get("licence", "")), *named} - {""}))


def _point(recipe: Recipe, partition: str, action: Action, sidecar: Sidecar, state: State, run_id: str) -> Outcome:
    folder = object_folder(recipe, action)
    failed = tuple(check.name for check in sidecar.checks if not check.passed)
    sizes = {name: entry.size for name, entry in sidecar.files.items()}
    ref = Ref(action.key, folder, sidecar.content, sizes, failed, sidecar.is_blocked)
    try:
        if recipe.refs.get(partition) != ref:
            recipe.refs.point(partition, ref)
        recipe.publish(partition, folder, sidecar)
        if state != "stood_in":
            recipe.store.clear_failure(recipe.asset, partition)
    except (StoreError, UpstreamError, OSError) as error:
        return _fail(recipe, partition, action, error, run_id)
    return Outcome(partition, state, action, folder, sidecar, is_new=state == "rendered")


_KINDS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (BudgetExceeded, "budget"),
    (Unavailable, "unavailable"),
    (NotFetched, "paid"),
    (UpstreamError, "upstream"),
    (TransientError, "transient"),
    (StoreError, "transient"),
    (PermanentError, "permanent"),
    (ValueError, "permanent"),
    (OSError, "transient"),
)


def _fail(
    recipe: Recipe, partition: str, action: Action | None, error: BaseException, run_id: str, *, stand_in: str = ""
) -> Outcome:
    kind: FailureKind = next((kind for family, kind in _KINDS if isinstance(error, family)), "permanent")
    reason = (
        plain_words(error) if isinstance(error, tuple(f for f, _ in _KINDS)) else f"{type(error).__name__}: {error}"
    )
    key = action.key if action else ""
    before = recipe.store.failure(recipe.asset, partition)
    attempts = before.attempts + 1 if before is not None and before.action_key == key else 1
    mark = "" if action is None else recipe.circumstances(partition, action).mark
    failure = Failure(key, kind, reason, run_id, attempts, stand_in, mark)
    try:
        recipe.store.record_failure(recipe.asset, partition, failure)
        recipe.give_up(partition, failure)
    except StoreError:  # a full disk takes no failure either; the outcome says it all the same
        return Outcome(partition, "failed", action, failure=failure, is_kept=False)
    return Outcome(partition, "failed", action, failure=failure)
