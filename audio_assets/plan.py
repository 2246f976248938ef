"""What is stale, why, and how much work it is: the recipes' own key functions against the refs. Reads, never writes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from audio_assets.domain.action import Action, changes
from audio_assets.domain.rendering import INTENDED, PermanentError, UpstreamError
from audio_assets.domain.schemas.records import Failure, Ref
from audio_assets.render import Recipe
from audio_assets.studio import Studio

_STAND_IN_TRIES = 2


@dataclass(frozen=True, slots=True)
class Stale:
    """A partition to render, why, about how long it takes on one core, and what it costs."""

    asset: str
    partition: str
    causes: tuple[str, ...]
    estimated_s: float
    estimated_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Stuck:
    """A partition that no run helps now: `failed` (change its input, or retry by hand), `waiting` for such a one, or
    `stood in` for: made, but not by whom it should be.
    """  # noqa: D205

    asset: str
    partition: str
    state: Literal["failed", "waiting", "stood in"]
    reason: str


@dataclass
class Plan:
    """What is stale, in the order in which it is rendered, what is stuck, and what a stand-in made."""

    stale: list[Stale] = field(default_factory=list)
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
        return sum(entry.estimated_s for entry in self.stale)

    @property
    def estimated_usd(self) -> float:
        """What paid providers ask for it."""
        return round(sum(entry.estimated_usd for entry in self.stale), 4)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "stale": [asdict(entry) for entry in self.stale],
            "stuck": [asdict(entry) for entry in self.stuck],
            "stood_in": [asdict(entry) for entry in self.stood_in],
            "n_stale": len(self.stale),
            "n_current": self.n_current,
            "estimated_core_s": round(self.estimated_s, 1),
            "estimated_usd": self.estimated_usd,
        }


def plan(studio: Studio, recipes: Sequence[Recipe], *, retry_failed: bool = False) -> Plan:
    """Compare every partition's action of today with its ref, stage by stage."""
    found = Plan()
    unsettled: dict[tuple[str, str], str] = {}
    for recipe in recipes:
        refs = studio.refs(recipe.asset).preload()
        failures = studio.store.failures(recipe.asset)
        for partition in recipe.partitions():
            key = (recipe.asset, partition)
            verdict = _judge(recipe, partition, refs.get(partition), failures.get(partition), unsettled, retry_failed)
            if verdict is None:
                found.n_current += 1
            elif isinstance(verdict, Stale):
                found.stale.append(verdict)
                unsettled[key] = "stale"
            elif verdict.state == "stood in":
                found.stood_in.append(verdict)
            else:
                found.stuck.append(verdict)
                unsettled[key] = verdict.state
    return found


def _judge(
    recipe: Recipe,
    partition: str,
    ref: Ref | None,
    failure: Failure | None,
    unsettled: Mapping[tuple[str, str], str],
    retry_failed: bool,
) -> Stale | Stuck | None:
    try:
        needs = recipe.needs(partition)
        stuck_on = next((need for need in needs if unsettled.get(need) in ("failed", "waiting")), None)
        if stuck_on is not None and recipe.waits_for_all:
            return Stuck(recipe.asset, partition, "waiting", f"waits for {stuck_on[0]} of {stuck_on[1]}")
        again = [need for need in needs if unsettled.get(need) == "stale"]
        if again:
            causes = (
                ("new",) if ref is None else tuple(f"{a} {_named(k, partition)}renders again" for a, k in again[:5])
            )
            return _stale(recipe, partition, causes)
        action = recipe.describe(partition)
    except PermanentError as error:
        return Stuck(recipe.asset, partition, "failed", str(error))
    except UpstreamError as error:
        return Stuck(recipe.asset, partition, "waiting", str(error))
    causes = _causes(recipe, action, ref)
    if not causes:
        more = recipe.unfinished(partition, retry_failed=retry_failed)
        return _stale(recipe, partition, (more,)) if more else None
    is_final = failure is not None and failure.action_key == action.key and failure.is_final and not retry_failed
    if is_final and failure is not None and failure.kind == "unavailable":
        is_final = bool(recipe.unavailable(partition)) and not _has_new_stand_in(recipe, partition, action, failure)
    if is_final and failure is not None and failure.kind == "budget":
        is_final = not recipe.is_affordable(partition, action)
    if failure is None or not is_final or recipe.unfinished(partition, retry_failed=False):
        return _stale(recipe, partition, causes)
    if failure.stand_in and ref is not None and INTENDED in ref.failed_checks:
        return Stuck(recipe.asset, partition, "stood in", f"{failure.stand_in} stands in: {failure.reason}")
    return Stuck(recipe.asset, partition, "failed", failure.reason)


def _has_new_stand_in(recipe: Recipe, partition: str, action: Action, failure: Failure) -> bool:
    """Whether somebody was named who could make it, since it failed; one who fails as well is asked twice at most."""
    is_due = not failure.stand_in and failure.attempts <= _STAND_IN_TRIES
    return is_due and recipe.able_stand_in(partition, action) is not None


def _stale(recipe: Recipe, partition: str, causes: tuple[str, ...]) -> Stale:
    return Stale(recipe.asset, partition, causes, recipe.estimate_s(partition), recipe.estimate_usd(partition))


def _named(key: str, partition: str) -> str:
    return "" if key == partition else f"{key} "


def _causes(recipe: Recipe, action: Action, ref: Ref | None) -> tuple[str, ...]:
    """Why the partition is stale; empty when it is not."""
    if ref is None:
        return ("new",)
    if ref.action_key == action.key:
        return () if recipe.store.is_there(ref) else ("its files are gone",)
    before = recipe.store.find(ref.object)
    if before is None:
        return ("changed, and its old files are gone",)
    return tuple(changes(before.action, action.as_record())) or ("changed",)
