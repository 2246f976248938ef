"""The asset `stale_plan`: what would have to be rendered today, why, for how long and how much, and what happens to it.

The sensor `workflow_changes` leaves it after every change to how things are made; materialize it to look now.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from audio_assets.backfilling import Selector, is_making, policies_of
from audio_assets.checks import evaluation
from audio_assets.domain.backfill_policy import Policies
from audio_assets.domain.money_text import dollars
from audio_assets.launch import RECIPES, recipes
from audio_assets.plan import Likeness, Plan, Stale, Stuck, plan, which
from audio_assets.recipe import Recipe
from audio_assets.studio import Studio, StudioResource

ASSET, UP_TO_DATE = "stale_plan", "up_to_date"
_UP_TO_DATE = "Nothing that was rendered would be rendered otherwise today: voices, words, prompts, templates, code."
_MOST_ROWS = 200
_MOST_CAUSES = 20
_SURELY, _PERHAPS, _IN_STORE = "surely", "if its input comes out different", "no: it is in the store"
_FITS = "fits"
_COLUMNS = {
    "asset": "string", "partitions": "int", "cause": "string", "policy": "string", "core_s": "float",
    "cost_usd": "float", "budget": "string", "renders": "string", "which": "string",
}  # fmt: skip


@dataclass(frozen=True)
class PlanRow:
    """The partitions of one asset that are stale for the same cause.

    `is_certain`: they are rendered whatever comes out of their inputs. `is_in_store`: nothing is rendered for them.
    `refusal`: why the budget does not allow all of them, "" where it does.
    """

    asset: str
    partitions: tuple[str, ...]
    cause: str
    is_certain: bool
    policy: str
    estimated_s: float
    estimated_usd: float
    refusal: str
    is_in_store: bool

    def as_record(self) -> dict[str, Any]:
        """As the table has it."""
        return {
            "asset": self.asset,
            "partitions": len(self.partitions),
            "which": which(self.partitions),
            "cause": self.cause,
            "renders": _IN_STORE if self.is_in_store else _SURELY if self.is_certain else _PERHAPS,
            "policy": self.policy,
            "core_s": self.estimated_s,
            "cost_usd": self.estimated_usd,
            "budget": self.refusal or _FITS,
        }


def row_text(record: Mapping[str, Any]) -> str:
    """A row of the table for people, of this plan or of one that was made elsewhere."""
    cost = f", {dollars(record['cost_usd'])}" if record["cost_usd"] else ""
    maybe = " (if it comes out different)" if record["renders"] == _PERHAPS else ""
    over = "" if record["budget"] == _FITS else f"; {record['budget']}"
    work = "already in the store" if record["renders"] == _IN_STORE else f"{record['core_s']:.0f} s{cost}"
    return f"{record['asset']:17} {record['partitions']:6}  {record['cause']}{maybe}; {work}{over}"


def plan_rows(studio: Studio, recipes: Sequence[Recipe], found: Plan, policies: Policies) -> list[PlanRow]:
    """A plan as a table, in the order in which it is rendered."""
    selector = Selector(studio, recipes, found)
    refusals = selector.over_budget()
    grouped: dict[tuple[Likeness, str], list[Stale]] = {}
    for entry in found.stale:
        policy = selector.policy(entry, policies) if is_making(entry) else "auto"
        grouped.setdefault((entry.likeness, policy), []).append(entry)
    return [
        PlanRow(
            alike.asset,
            tuple(entry.partition for entry in entries),
            alike.cause,
            alike.is_certain,
            policy,
            round(sum(entry.estimated_s for entry in entries), 1),
            round(sum(entry.estimated_usd for entry in entries), 4),
            _refused([refusals[alike.asset, e.partition] for e in entries if (alike.asset, e.partition) in refusals]),
            alike.is_in_store,
        )
        for (alike, policy), entries in grouped.items()
    ]


def _refused(refusals: Sequence[str]) -> str:
    return f"{refusals[0]}: {len(refusals)} do not fit" if refusals else ""


def plan_event(
    studio: Studio, recipes: Sequence[Recipe], found: Plan, more: Mapping[str, int | str] | None = None
) -> dg.AssetMaterialization:
    """The asset's event for a plan, or for what was selected of one; `more` is what else there is to say of that."""
    return dg.AssetMaterialization(ASSET, metadata={**dict(_metadata(studio, recipes, found)), **(more or {})})


def _metadata(studio: Studio, recipes: Sequence[Recipe], found: Plan) -> Iterator[tuple[str, dg.MetadataValue]]:
    rows = plan_rows(studio, recipes, found, policies_of(studio.settings))
    records = [dg.TableRecord(row.as_record()) for row in rows[:_MOST_ROWS]]
    schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()])
    yield "plan", dg.MetadataValue.table(records, schema)
    yield "stale", dg.MetadataValue.int(len(found.stale))
    yield "certain", dg.MetadataValue.int(sum(entry.is_certain for entry in found.stale))
    yield "asks", dg.MetadataValue.int(sum(len(row.partitions) for row in rows if row.policy == "ask"))
    yield "core_s", dg.MetadataValue.float(round(found.estimated_s, 1))
    yield "cost_usd", dg.MetadataValue.float(found.estimated_usd)
    if len(rows) > _MOST_ROWS:
        yield "rows_left_out", dg.MetadataValue.int(len(rows) - _MOST_ROWS)


@dg.asset(
    name=ASSET,
    description="What is stale today: asset, partitions, cause, seconds, cost, and whether the budget allows it.",
    code_version="1",
    group_name="plan",
    kinds={"table"},
    owners=["team:production"],
    tags={"stage": "plan"},
)
def stale_plan(context: dg.AssetExecutionContext, studio: StudioResource) -> dg.MaterializeResult[None]:
    """Plan now."""
    opened = studio.open()
    try:
        every = recipes(opened)
        found = plan(opened, every)
        metadata = dict(_metadata(opened, every, found))
    except (ValueError, RuntimeError) as error:  # a person's mistake: one sentence, no trace
        raise dg.Failure(str(error), allow_retries=False) from None
    for result in up_to_date(found):
        context.log_event(evaluation(result))
    return dg.MaterializeResult(metadata=metadata)


def up_to_date(found: Plan, assets: Collection[str] = ()) -> Iterator[dg.AssetCheckResult]:
    """The check `up_to_date` of the named assets, of all where none is named; what is new does not count as stale.

    What was rendered, and fails to be rendered as it is wanted today, is not up to date either.
    """
    stale: dict[str, list[Stale]] = {}
    for entry in found.stale:
        if entry.is_certain and "new" not in entry.kinds:
            stale.setdefault(entry.asset, []).append(entry)
    failed: dict[str, list[Stuck]] = {}
    for stuck in found.stuck:
        if stuck.state == "failed" and stuck.is_rendered:
            failed.setdefault(stuck.asset, []).append(stuck)
    stood_in = Counter(entry.asset for entry in found.stood_in)
    for recipe in RECIPES:
        if assets and recipe.asset not in assets:
            continue
        entries, failing = stale.get(recipe.asset, []), failed.get(recipe.asset, [])
        causes = Counter(entry.likeness.cause for entry in entries).most_common(_MOST_CAUSES)
        yield dg.AssetCheckResult(
            asset_key=recipe.asset,
            check_name=UP_TO_DATE,
            passed=not entries and not failing,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(_said(causes, entries, failing)) or "nothing is stale",
            metadata={
                "stale": len(entries),
                "failed": len(failing),
                "made_by_a_stand_in": stood_in[recipe.asset],
                "causes": dg.MetadataValue.json(dict(causes)),
                "partitions": ", ".join(entry.partition for entry in [*entries, *failing][:_MOST_ROWS]),
            },
        )


def _said(causes: Sequence[tuple[str, int]], entries: Sequence[Stale], failing: Sequence[Stuck]) -> Iterator[str]:
    if entries:
        yield f"{len(entries)} are stale: {causes[0][0]}"
    if failing:
        yield f"{len(failing)} are as they were before, for they fail: {failing[0].reason}"


@dg.multi_asset_check(
    name="check_up_to_date",
    specs=[dg.AssetCheckSpec(UP_TO_DATE, asset=recipe.asset, description=_UP_TO_DATE) for recipe in RECIPES],
    can_subset=True,
)
def check_up_to_date(context: dg.AssetCheckExecutionContext, studio: StudioResource) -> Iterator[dg.AssetCheckResult]:
    """Plan, and say what is stale."""
    opened = studio.open()
    chosen = {key.asset_key.to_user_string() for key in context.selected_asset_check_keys}
    yield from up_to_date(plan(opened, recipes(opened)), chosen)


CHECKS = [check_up_to_date]
