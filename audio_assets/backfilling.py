"""What of a plan is to be rendered: what somebody asked for, or what the policies allow by themselves; and accepting.

Reads, but for `accept`. How a selection is run is in `jobs.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from audio_assets.books.workflow_files import WORKFLOW_FILES
from audio_assets.domain.backfill_policy import FILE, Policies, Policy, parse_policies
from audio_assets.domain.budget import Order, usd_text
from audio_assets.domain.causes import MAKING
from audio_assets.domain.plan_filter import PlanFilter, known_or_refuse, names_in
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.scene_key import SEPARATOR, song_of
from audio_assets.launch import PIPELINES, RECIPES, SOURCES
from audio_assets.plan import Plan, Stale, Stuck
from audio_assets.recipe import Recipe
from audio_assets.settings import Settings
from audio_assets.studio import Studio

Key = tuple[str, str]
"""Asset and partition."""

NOTHING_STALE = "nothing that was asked for is stale"


@dataclass(frozen=True)
class Selection:
    """What was selected of a plan, and what was left out for its price.

    `left` is all else that was stale. `is_open`: scenes that nobody could know before their storyboard was rendered are
    meant, too; they are not where somebody has named assets, conditions or a cost, or policies decide. `n_stuck`: what
    was asked for and can not be made now, for it failed before, or waits for what did.
    """

    stale: tuple[Stale, ...]
    too_dear: tuple[Stale, ...] = ()
    left: frozenset[Key] = frozenset()
    is_open: bool = False
    n_stuck: int = 0

    @cached_property
    def keys(self) -> frozenset[Key]:
        """What to render."""
        return frozenset((entry.asset, entry.partition) for entry in self.stale)

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs of the pipelines that render something of it."""
        assets = {entry.asset for entry in self.stale}
        return tuple(pipeline.job for pipeline in PIPELINES if assets.intersection(pipeline.rendered))

    @property
    def plan(self) -> Plan:
        """It as a plan of its own."""
        return Plan(stale=list(self.stale))

    @cached_property
    def replanned(self) -> frozenset[str]:
        """Songs whose scenes are known only once their storyboard is rendered."""
        return frozenset(partition for asset, partition in self.keys if asset == "storyboard" and self.is_open)

    def means(self, asset: str, partition: str) -> bool:
        """Whether it is selected, or a scene that has come to be meanwhile."""
        key = (asset, partition)
        is_new = SEPARATOR in partition and song_of(partition) in self.replanned and key not in self.left
        return key in self.keys or is_new

    def would(self, *, accept: bool) -> str:
        """What would be done with it, for who only asks."""
        sure = [entry for entry in self.stale if entry.is_certain]
        n_following = len(self.stale) - len(sure)
        if not accept:
            n_there = sum(entry.is_in_store for entry in sure)
            there = f", take {n_there} from the store" if n_there else ""
            maybe = f", and {n_following} more where an input comes out different" if n_following else ""
            return f"would render {len(sure) - n_there}{there}{maybe}"
        n_new = sum(entry.is_new for entry in sure)
        also = [f"{n_following} that only follow from them stay as they are"] if n_following else []
        also += [f"{n_new} were never rendered and can not be accepted"] if n_new else []
        return "; ".join([f"would accept {len(sure) - n_new} as they are", *also])

    def narrowed(self, partitions: Mapping[str, Collection[str]]) -> "Selection":
        """Of it, these partitions by asset and no others."""
        kept = tuple(one for one in self.stale if one.partition in partitions.get(one.asset, ()))
        return Selection(kept, self.too_dear)

    def part_of(self, plan: Plan) -> Plan:
        """What of a later plan it means."""
        kept = [entry for entry in plan.stale if self.means(entry.asset, entry.partition)]
        names = {(entry.asset, entry.partition) for entry in kept}
        held = [entry for entry in plan.stale if (entry.asset, entry.partition) not in names]
        return replace(plan, stale=kept, held=held)


class Selector:
    """Selects from one plan; `recipes` are those that it was made of."""

    def __init__(self, studio: Studio, recipes: Sequence[Recipe], plan: Plan) -> None:
        self._studio = studio
        self._plan = plan
        self._recipes = {recipe.asset: recipe for recipe in recipes}
        self._stale: dict[Key, Stale] = {(entry.asset, entry.partition): entry for entry in plan.stale}

    def asked_for(self, wanted: PlanFilter, *, with_inputs: bool = True) -> Selection:
        """What somebody asks for, in the plan's order; `with_inputs`: and what that is made of, where that is stale.

        Raises:
            ValueError: there is no such asset, song or script.
        """
        self._check(wanted)
        matched: set[Key] = set()
        if wanted.is_of_all:
            matched = set(self._stale)
        else:
            for key, entry in self._stale.items():
                if self._is_meant(entry, wanted, matched):
                    matched.add(key)
        self._check_names(wanted)
        kept = {key for key in matched if not wanted.assets or key[0] in wanted.assets}
        for key in reversed(self._stale):  # what they are made of comes before them
            if key in kept and with_inputs:
                kept.update(self._stale[key].after)
        is_open = not (wanted.assets or wanted.where or wanted.causes or wanted.max_cost_usd is not None)
        found = self._within(kept, wanted.max_cost_usd, is_open=is_open)
        return replace(found, n_stuck=sum(self._is_asked_for(one, wanted) for one in self._plan.stuck))

    def allowed(self, policies: Policies) -> Selection:
        """What changes to how things are made bring about by themselves."""
        found: set[Key] = set()
        for key, entry in self._stale.items():
            if is_making(entry) and self.policy(entry, policies) == "auto" and self._can_go(key, found):
                found.add(key)
        return self._within(found, None)

    def written(self) -> Selection:
        """All but changes to how things are made: what sensors of inboxes render."""
        found: set[Key] = set()
        for key, entry in self._stale.items():
            if not is_making(entry) and self._can_go(key, found):
                found.add(key)
        return self._within(found, None, is_open=True)

    def policy(self, entry: Stale, policies: Policies) -> Policy:
        """The policy for an entry."""
        return policies.of(entry.asset, is_paid=entry.estimated_usd > 0)

    def over_budget(self) -> Mapping[Key, str]:
        """Why paid entries do not fit under the caps of today, taken one after the other."""
        paid = [entry for entry in self._plan.stale if entry.estimated_usd > 0]
        if not paid:
            return {}
        found = self._studio.ledger.affordable([self._order(entry) for entry in paid])
        return {
            (order.asset, order.action_key): "; ".join(
                f"{standing.cap.label} has {usd_text(max(0, standing.room_micro))} left" for standing in standings
            )
            for order, standings in found.rest
        }

    def _order(self, entry: Stale) -> Order:
        recipe = self._recipes[entry.asset]
        project = recipe.project(entry.partition)
        scene = entry.partition if SEPARATOR in entry.partition else ""
        cap = None
        if project in self._studio.songs.records:
            cap = self._studio.songs.settings(project).budget_cap_usd
        return Order(entry.partition, entry.asset, project, scene, "", "", entry.estimated_usd, {}, cap)

    def names(self) -> set[str]:
        """All that a condition may ask for of what is stale."""
        return {name for entry in self._stale.values() for name in names_in(self._record(entry))}

    def _check(self, wanted: PlanFilter) -> None:
        for asset in wanted.assets:
            _refuse_what_is_written(asset)
            known_or_refuse(asset, [recipe.asset for recipe in RECIPES], "rendered asset")
        for song in wanted.songs:
            known_or_refuse(song, list(self._studio.songs.records), "registered song")
        for script in wanted.scripts:
            known_or_refuse(script, list(self._studio.dialogue.scripts), "registered script")

    def _check_names(self, wanted: PlanFilter) -> None:
        """Refuse a condition on what no stale artifact has: a slip would read as "nothing is stale"."""
        if not wanted.where or not self._stale:
            return
        missing, known = {where.name for where in wanted.where}, set[str]()
        for entry in self._stale.values():
            known.update(names_in(self._record(entry)))
            missing -= known
            if not missing:
                return
        for name in sorted(missing):
            known_or_refuse(name, known, "value of a stale artifact called", "`audio-assets plan --names` lists all")

    def _is_meant(self, entry: Stale, wanted: PlanFilter, matched: set[Key]) -> bool:
        if wanted.causes and not entry.kinds.intersection(wanted.causes):
            return False
        if (wanted.songs or wanted.scripts) and not self._belongs(entry, wanted):
            return False
        if not wanted.where:
            return True
        follows = any(key in matched for key in entry.after)
        return follows or all(where.holds(self._record(entry)) for where in wanted.where)

    def _is_asked_for(self, entry: Stuck, wanted: PlanFilter) -> bool:
        """Whether something stuck is meant; what decides it is not known, so that conditions on that mean none."""
        is_named = entry.state != "stood in" and (not wanted.assets or entry.asset in wanted.assets)
        is_open = not (wanted.where or wanted.causes)
        return is_named and is_open and (not (wanted.songs or wanted.scripts) or self._belongs(entry, wanted))

    def _belongs(self, entry: Stale | Stuck, wanted: PlanFilter) -> bool:
        if wanted.songs and self._recipes[entry.asset].project(entry.partition) in wanted.songs:
            return True
        dialogue = self._studio.dialogue
        cue, sheet = dialogue.cues.get(entry.partition), dialogue.sheets.get(entry.partition)
        script = cue.script if cue else sheet.script if sheet else ""
        return script in wanted.scripts

    def _record(self, entry: Stale) -> dict[str, object]:
        """What a condition may name: today's action, the one before, asset and partition."""
        recipe = self._recipes[entry.asset]
        found: dict[str, object] = {"asset": entry.asset, "partition": entry.partition}
        ref = recipe.refs.get(entry.partition)
        before = recipe.store.find(ref.object) if ref else None
        if before is not None:
            found["before"] = before.action
        with suppress(PermanentError, UpstreamError):
            found["today"] = recipe.describe(entry.partition).as_record()
        return found

    def _can_go(self, key: Key, found: set[Key]) -> bool:
        """Whether it is stale by itself, or follows from something that is rendered."""
        ahead = self._stale[key].after
        ref = self._recipes[key[0]].refs.get(key[1])
        if ref is None:  # with an input missing there is nothing to render it from
            return all(need in found or self._recipes[need[0]].refs.get(need[1]) is not None for need in ahead)
        return not ahead or any(need in found for need in ahead)

    def _within(self, keys: set[Key], max_cost_usd: float | None, *, is_open: bool = False) -> Selection:
        kept: list[Stale] = []
        dropped: dict[Key, Stale] = {}
        spent = 0.0
        for key, entry in self._stale.items():
            if key not in keys:
                continue
            is_dear = (
                max_cost_usd is not None and entry.estimated_usd > 0 and spent + entry.estimated_usd > max_cost_usd
            )
            if is_dear or any(need in dropped for need in self._stale[key].after):
                dropped[key] = entry
                continue
            spent += entry.estimated_usd
            kept.append(entry)
        left = frozenset(self._stale) - {(entry.asset, entry.partition) for entry in kept}
        return Selection(tuple(kept), tuple(dropped.values()), left, is_open)


def _refuse_what_is_written(asset: str) -> None:
    """Say what is meant with an asset that is no artifact: what follows from it is.

    Raises:
        ValueError: it is a source, or files of settings.
    """
    files = next((one for one in WORKFLOW_FILES if one.asset == asset), None)
    if files is not None:
        raise ValueError(
            f"'{asset}' is what people write, and is not rendered; --cause {files.cause} means what is stale for it"
        )
    if asset in {source.asset for source in SOURCES}:
        made = [recipe.asset for recipe in RECIPES if recipe.source is not None and recipe.source.asset == asset]
        hint = f"name what is made of it, like --asset {made[0]}" if made else "name what is made of it"
        raise ValueError(f"'{asset}' is what people write, and is not rendered; {hint}")


def is_making(entry: Stale) -> bool:
    """Whether a partition is stale only because how things are made has changed."""
    return bool(entry.kinds & MAKING) and not entry.kinds - MAKING - {"input"}


def policies_of(settings: Settings) -> Policies:
    """What `backfill.toml` in the data root says.

    Raises:
        TomlError: it can not be read; one sentence.
    """
    path = settings.root / FILE
    assets = [recipe.asset for recipe in RECIPES]
    return parse_policies(path.read_bytes(), str(path), assets) if path.is_file() else Policies()


def accept(recipes: Sequence[Recipe], selection: Selection, *, by: str, why: str) -> tuple[list[Key], list[str]]:
    """Take what is there for good as it is: nothing is rendered, and nothing of it is stale after that.

    Answers what was accepted, and a sentence for each that can not be.
    """
    by_asset = {recipe.asset: recipe for recipe in recipes}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    done: list[Key] = []
    refused: list[str] = []
    for entry in selection.stale:
        if not entry.is_certain:
            continue  # what it is made of stays the same, and so does it
        try:
            by_asset[entry.asset].accept(entry.partition, {"by": by, "why": why, "at": at})
            done.append((entry.asset, entry.partition))
        except (PermanentError, UpstreamError) as error:
            refused.append(f"{entry.asset} {entry.partition}: {error}")
    return done, refused
