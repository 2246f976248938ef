"""What is stale, why, and how much work it is: the recipes' own key functions against the refs. Reads, never writes."""

import gc
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple

from audio_assets.domain.action import Action
from audio_assets.domain.causes import Change, Kind, changes
from audio_assets.domain.rendering import INTENDED, PermanentError, UpstreamError
from audio_assets.domain.schemas.records import Failure, Ref
from audio_assets.recipe import Recipe
from audio_assets.render import foresee
from audio_assets.studio import Studio
from resources.store import partition_of
from resources.whole_objects import Lookout, has_many

_NEW = Change("new", "new")
_NAMED, _NAMED_INPUTS = 3, 5


class Likeness(NamedTuple):
    """What partitions that are stale for the same have in common: one line tells of all of them."""

    asset: str
    cause: str
    is_certain: bool
    is_in_store: bool


@dataclass(frozen=True, slots=True)
class Stale:
    """A partition to render, why, about how long it takes on one core, and what it costs.

    `changed` are its own changes; `kinds` are those of these and of all that it waits for. `is_certain`: its own action
    is another one; else it is rendered only where an input comes out different. `after` are the stale inputs, as
    (asset, partition). `is_in_store`: it is made already, for another partition or before, and costs nothing.
    """

    asset: str
    partition: str
    changed: tuple[str, ...]
    kinds: frozenset[Kind]
    estimated_s: float
    estimated_usd: float = 0.0
    is_certain: bool = True
    after: tuple[tuple[str, str], ...] = ()
    is_in_store: bool = False

    @property
    def causes(self) -> tuple[str, ...]:
        """Why it is stale, each in some words, with the first of the inputs by name."""
        inputs = (f"{asset} {_named(key, self.partition)}renders again" for asset, key in self._told[:_NAMED_INPUTS])
        return (*self.changed, *inputs)

    @property
    def likeness(self) -> Likeness:
        """The same without the names of inputs."""
        inputs = (f"{asset} renders again" for asset in dict.fromkeys(asset for asset, _ in self._told))
        return Likeness(self.asset, "; ".join([*self.changed, *inputs]), self.is_certain, self.is_in_store)

    @property
    def is_new(self) -> bool:
        """Whether it was never rendered."""
        return self.changed == (_NEW.phrase,)

    @property
    def _told(self) -> tuple[tuple[str, str], ...]:
        return () if self.is_new else self.after

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        names = ("asset", "partition", "causes", "estimated_s", "estimated_usd", "is_certain", "is_in_store")
        return {**{name: getattr(self, name) for name in names}, "kinds": sorted(self.kinds)}


@dataclass(frozen=True, slots=True)
class Stuck:
    """A partition that no run helps now: `failed` (change its input, or retry by hand), `waiting` for such a one, or
    `stood in` for: made, but not by whom it should be. `is_remembered`: a run has tried it, and would fail again.
    `is_rendered`: it is there as it was before.
    """  # noqa: D205

    asset: str
    partition: str
    state: Literal["failed", "waiting", "stood in"]
    reason: str
    is_remembered: bool = False
    is_rendered: bool = False


@dataclass
class Plan:
    """What is stale, in the order in which it is rendered, what is stuck, and what a stand-in made.

    `held`: stale too, and not to be rendered now.
    """

    stale: list[Stale] = field(default_factory=list)
    held: list[Stale] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    stood_in: list[Stuck] = field(default_factory=list)
    n_current: int = 0

    def keys(self) -> dict[str, list[str]]:
        """Stale partitions by asset."""
        found: dict[str, list[str]] = {}
        for entry in self.stale:
            found.setdefault(entry.asset, []).append(entry.partition)
        return found

    def counts(self) -> Mapping[str, int]:
        """Stale partitions per asset."""
        return Counter(entry.asset for entry in self.stale)

    @property
    def estimated_s(self) -> float:
        """Seconds of work on one core."""
        return sum((entry.estimated_s for entry in self.stale), 0.0)

    @property
    def estimated_usd(self) -> float:
        """What paid providers ask for it."""
        return round(sum((entry.estimated_usd for entry in self.stale), 0.0), 4)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "stale": [entry.as_json() for entry in self.stale],
            "stuck": [asdict(entry) for entry in self.stuck],
            "stood_in": [asdict(entry) for entry in self.stood_in],
            "n_stale": len(self.stale),
            "n_certain": sum(entry.is_certain for entry in self.stale),
            "n_current": self.n_current,
            "estimated_core_s": round(self.estimated_s, 1),
            "estimated_usd": self.estimated_usd,
        }


def which(partitions: Sequence[str]) -> str:
    """The first of them."""
    more = len(partitions) - _NAMED
    return ", ".join(partitions[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def plan(
    studio: Studio, recipes: Sequence[Recipe], *, retry_failed: bool = False, lookout: Lookout | None = None
) -> Plan:
    """Compare every partition's action of today with its ref, stage by stage.

    What is rendered in no time and for nothing is tried, so that what follows from it is known; what follows from the
    rest is stale too, but not certainly. `lookout` is one that looks at these recipes already (`looking`).
    """
    with _without_collector():
        if lookout is not None:
            return _judged(studio, recipes, lookout, retry_failed=retry_failed)
        with looking(recipes) as own:
            return _judged(studio, recipes, own, retry_failed=retry_failed)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Within: Python looks for no cycles. There are none among a million small values, and looking costs a fifth."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(frozen=True)
class _Kept:
    """What the store holds of an asset, by partition: refs, which of them have lost files, and failures."""

    refs: Mapping[str, Ref]
    gone: Collection[str]
    failures: Mapping[str, Failure]

    @classmethod
    def of(cls, recipe: Recipe, lookout: Lookout | None = None) -> "_Kept":
        """Look, or ask who looks already."""
        store = recipe.store
        if lookout is None:
            refs = recipe.refs.preload().all()
            gone = {partition for partition, ref in refs.items() if not store.is_there(ref)}
        else:
            seen = list(lookout.look(recipe.asset))
            recipe.refs.take((name, record) for name, record, _ in seen)
            refs, gone = recipe.refs.all(), {partition_of(name) for name, _, is_whole in seen if not is_whole}
        if recipe.is_foreseen:  # plans read these themselves: being there is not enough
            gone |= {partition for partition, ref in refs.items() if store.find(ref.object) is None}
        return cls(refs, gone, store.failures(recipe.asset))


@contextmanager
def looking(recipes: Sequence[Recipe]) -> Iterator[Lookout | None]:
    """Within: other processes look at the objects, where there are so many that it is worth it."""
    assets = [recipe.asset for recipe in recipes]
    root = recipes[0].store.local_root if recipes else None
    lookout = Lookout(str(root), assets) if root is not None and has_many(str(root), assets) else None
    try:
        yield lookout
    finally:
        if lookout is not None:
            lookout.close()


def _judged(studio: Studio, recipes: Sequence[Recipe], lookout: Lookout | None, *, retry_failed: bool) -> Plan:
    found = Plan()
    unsettled: _Unsettled = {}
    ahead: Studio | None = None
    for recipe in recipes:
        here = type(recipe)(ahead) if ahead else recipe
        kept = _Kept.of(here, None if ahead else lookout)  # what was only tried is in no file
        for partition in here.partitions():
            key = (here.asset, partition)
            verdict = _judge(here, partition, kept, unsettled, retry_failed)
            if verdict is None:
                found.n_current += 1
            elif isinstance(verdict, Stale):
                found.stale.append(verdict)
                if here.is_foreseen and not verdict.after:
                    ahead = ahead or studio.foreseeing()
                    if foresee(type(recipe)(ahead), partition):
                        continue
                unsettled[key] = verdict
            elif verdict.state == "stood in":
                found.stood_in.append(verdict)
            else:
                found.stuck.append(replace(verdict, is_rendered=partition in kept.refs))
                unsettled[key] = verdict
    return found


_Unsettled = dict[tuple[str, str], Stale | Stuck]
"""What is stale or stuck so far, by asset and partition."""


def _judge(
    recipe: Recipe, partition: str, kept: _Kept, unsettled: _Unsettled, retry_failed: bool
) -> Stale | Stuck | None:
    ref, failure, is_gone = kept.refs.get(partition), kept.failures.get(partition), partition in kept.gone
    try:
        needs = recipe.needs(partition)
        ahead = [(need, before) for need in needs if (before := unsettled.get(need)) is not None]
        stuck_on = next((need for need, before in ahead if isinstance(before, Stuck)), None)
        if stuck_on is not None and recipe.waits_for_all:
            return Stuck(recipe.asset, partition, "waiting", f"waits for {stuck_on[0]} of {stuck_on[1]}")
        again = [(need, before) for need, before in ahead if isinstance(before, Stale)]
        if again:
            return _follows(recipe, partition, again, ref, is_gone=is_gone)
        action = recipe.describe(partition)
    except PermanentError as error:
        return Stuck(recipe.asset, partition, "failed", str(error))
    except UpstreamError as error:
        return Stuck(recipe.asset, partition, "waiting", str(error))
    causes = _causes(recipe, action, ref, is_gone=is_gone)
    if not causes:
        more = recipe.unfinished(partition, retry_failed=retry_failed)
        return _stale(recipe, partition, (Change(more, "choice"),)) if more else None
    is_remembered = failure is not None and not retry_failed and not recipe.unfinished(partition, retry_failed=False)
    reason = recipe.still_fails(partition, action, failure) if is_remembered and failure is not None else ""
    if failure is None or not reason:
        found = _stale(recipe, partition, causes)
        is_in_store = _is_in_store(recipe, action, ref)
        return replace(found, estimated_s=0.0, estimated_usd=0.0, is_in_store=True) if is_in_store else found
    if failure.stand_in and ref is not None and INTENDED in ref.failed_checks:
        return Stuck(recipe.asset, partition, "stood in", f"{failure.stand_in} stands in: {reason}")
    return Stuck(recipe.asset, partition, "failed", reason, is_remembered=True)


def _follows(
    recipe: Recipe, partition: str, again: Sequence[tuple[tuple[str, str], Stale]], ref: Ref | None, *, is_gone: bool
) -> Stale:
    """Stale because inputs of it are."""
    kinds = again[0][1].kinds if len(again) == 1 else frozenset().union(*(before.kinds for _, before in again))
    after = tuple(need for need, _ in again)
    if ref is None:
        return replace(_stale(recipe, partition, (_NEW,), kinds), after=after)
    try:
        own: Sequence[Change] = _causes(recipe, recipe.describe(partition), ref, is_gone=is_gone)
    except (PermanentError, UpstreamError):  # said once its inputs are there
        own = (Change("its files are gone", "gone"),) if is_gone else ()
    found = _stale(recipe, partition, own, kinds | {"input"})
    return replace(found, after=after) if own else replace(found, kinds=kinds, is_certain=False, after=after)


def _stale(recipe: Recipe, partition: str, causes: Sequence[Change], more: frozenset[Kind] = frozenset()) -> Stale:
    kinds = more | {cause.kind for cause in causes}
    seconds, cost_usd = recipe.estimate_s(partition), recipe.estimate_usd(partition)
    return Stale(recipe.asset, partition, tuple(cause.phrase for cause in causes), kinds, seconds, cost_usd)


def _is_in_store(recipe: Recipe, action: Action, ref: Ref | None) -> bool:
    """Whether a render would find it there, not where it was lost from.

    A store elsewhere is not asked, for that takes 20 ms each; estimates of what has parts know which of them are there.
    """
    is_lost = ref is not None and ref.action_key == action.key
    is_known = recipe.store.local_root is not None and not recipe.part_recipes
    return is_known and not is_lost and recipe.store.find(recipe.folder_of(action.key)) is not None


def _named(key: str, partition: str) -> str:
    return "" if key == partition else f"{key} "


def _causes(recipe: Recipe, action: Action, ref: Ref | None, *, is_gone: bool) -> tuple[Change, ...]:
    """Why the partition is stale; empty when it is not."""
    if ref is None:
        return (_NEW,)
    if ref.action_key == action.key:
        return (Change("its files are gone", "gone"),) if is_gone else ()
    before = None if is_gone else recipe.store.recorded_action(ref.object)
    if before is None:
        return (Change("changed, and its old files are gone", "gone"),)
    return tuple(changes(before, action.as_record())) or (Change("changed", "settings"),)
