"""Renders partitions of one asset: describe, look in the store, render what is not there, commit, point the ref.

Nothing here knows of Dagster: `batch` wraps this for runs, `plan` asks the same recipes what is stale and why.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from audio_assets.domain.action import Action
from audio_assets.domain.budget import BudgetExceeded
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
from audio_assets.domain.schemas.records import Check, Failure, FailureKind, Ref, Sidecar, StandsIn, content_sha256
from audio_assets.recipe import Recipe, StandIn
from resources import pool
from resources.pool import Call
from resources.store import ArtifactStore, StoreError

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
        sidecar = None if action.key in waiting else recipe.hit(partition, recipe.folder_of(action.key))
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
        key: recipe.hit(sharing[0].partition, recipe.folder_of(sharing[0].stand_in.action.key))
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


def _commit(
    recipe: Recipe,
    partition: str,
    action: Action,
    rendered: Rendered,
    render_s: float,
    run_id: str,
    stands_in_for: StandsIn | None = None,
) -> Sidecar:
    folder = recipe.folder_of(action.key)
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
        origins=recipe.known_origins(partition),
        stands_in_for=stands_in_for or recipe.known_stand_in(partition),
    )
    recipe.store.commit(folder, files, sidecar)
    for data in rendered.files.values():
        if isinstance(data, Path):
            data.unlink(missing_ok=True)
    return sidecar


def _licence(recipe: Recipe, partition: str, action: Action) -> str:
    """The provider's, and those of everything it is made from: terms of a take follow it into the film."""
    named = {term for licence in recipe.licences(partition) for term in licence.split("; ")}
    return "; ".join(sorted({str(action.provider.get("licence", "")), *named} - {""}))


def _point(recipe: Recipe, partition: str, action: Action, sidecar: Sidecar, state: State, run_id: str) -> Outcome:
    folder = recipe.folder_of(action.key)
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
