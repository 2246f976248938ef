"""The asset `stale_plan`: what would have to be rendered today, why, for how long and how much, and what happens to it.

The sensor `workflow_changes` leaves it after every change to how things are made; materialize it to look now.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from audio_assets.backfilling import Selector, is_making, policies_of
from audio_assets.checks import evaluation
from audio_assets.domain.backfill_policy import Policies
from audio_assets.launch import RECIPES, recipes
from audio_assets.plan import Plan, Stale, plan
from audio_assets.recipe import Recipe
from audio_assets.studio import Studio, StudioResource

ASSET, UP_TO_DATE = "stale_plan", "up_to_date"
_UP_TO_DATE = "Nothing that was rendered would be rendered otherwise today: voices, words, prompts, templates, code."
_MOST_ROWS = 200
_NAMED = 3
_MOST_CAUSES = 20
_COLUMNS = {
    "asset": "string", "partitions": "int", "cause": "string", "policy": "string", "core_s": "float",
    "cost_usd": "float", "budget": "string", "certain": "string", "which": "string",
}  # fmt: skip


@dataclass(frozen=True)
class PlanRow:
    """The partitions of one asset that are stale for the same cause.

    `is_certain`: they are rendered whatever comes out of their inputs. `refusal`: why the budget does not allow all of
    them, "" where it does.
    """

    asset: str
    partitions: tuple[str, ...]
    cause: str
    is_certain: bool
    policy: str
    estimated_s: float
    estimated_usd: float
    refusal: str

    @property
    def which(self) -> str:
        """The first partitions."""
        more = len(self.partitions) - _NAMED
        return ", ".join(self.partitions[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def plan_rows(studio: Studio, recipes: Sequence[Recipe], found: Plan, policies: Policies) -> list[PlanRow]:
    """A plan as a table, in the order in which it is rendered."""
    selector = Selector(studio, recipes, found)
    refusals = selector.over_budget()
    grouped: dict[tuple[str, str, bool, str], list[Stale]] = {}
    for entry in found.stale:
        policy = selector.policy(entry, policies) if is_making(entry) else "auto"
        key = (entry.asset, "; ".join(entry.causes), entry.is_certain, policy)
        grouped.setdefault(key, []).append(entry)
    return [
        PlanRow(
            asset,
            tuple(entry.partition for entry in entries),
            cause,
            is_certain,
            policy,
            round(sum(entry.estimated_s for entry in entries), 1),
            round(sum(entry.estimated_usd for entry in entries), 4),
            _refused([refusals[asset, one.partition] for one in entries if (asset, one.partition) in refusals]),
        )
        for (asset, cause, is_certain, policy), entries in grouped.items()
    ]


def _refused(refusals: Sequence[str]) -> str:
    return f"{refusals[0]}: {len(refusals)} do not fit" if refusals else ""


def plan_event(studio: Studio, recipes: Sequence[Recipe], found: Plan, n_too_dear: int = 0) -> dg.AssetMaterialization:
    """The asset's event for a plan, or for what was selected of one; `n_too_dear` were left out for their price."""
    return dg.AssetMaterialization(ASSET, metadata=dict(_metadata(studio, recipes, found, n_too_dear)))


def _metadata(
    studio: Studio, recipes: Sequence[Recipe], found: Plan, n_too_dear: int = 0
) -> Iterator[tuple[str, dg.MetadataValue]]:
    rows = plan_rows(studio, recipes, found, policies_of(studio.settings))
    records = [
        dg.TableRecord(
            {
                "asset": row.asset,
                "partitions": len(row.partitions),
                "which": row.which,
                "cause": row.cause,
                "certain": "yes" if row.is_certain else "if its input comes out different",
                "policy": row.policy,
                "core_s": row.estimated_s,
                "cost_usd": row.estimated_usd,
                "budget": row.refusal or "fits",
            }
        )
        for row in rows[:_MOST_ROWS]
    ]
    schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()])
    yield "plan", dg.MetadataValue.table(records, schema)
    yield "stale", dg.MetadataValue.int(len(found.stale))
    yield "certain", dg.MetadataValue.int(sum(entry.is_certain for entry in found.stale))
    yield "asks", dg.MetadataValue.int(sum(len(row.partitions) for row in rows if row.policy == "ask"))
    yield "core_s", dg.MetadataValue.float(round(found.estimated_s, 1))
    yield "cost_usd", dg.MetadataValue.float(found.estimated_usd)
    if n_too_dear:
        yield "left_out_for_price", dg.MetadataValue.int(n_too_dear)
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
    """The check `up_to_date` of the named assets, of all where none is named; what is new does not count as stale."""
    stale: dict[str, list[Stale]] = {}
    for entry in found.stale:
        if entry.is_certain and "new" not in entry.kinds:
            stale.setdefault(entry.asset, []).append(entry)
    stood_in = Counter(entry.asset for entry in found.stood_in)
    for recipe in RECIPES:
        if assets and recipe.asset not in assets:
            continue
        entries = stale.get(recipe.asset, [])
        causes = Counter("; ".join(entry.causes) for entry in entries).most_common(_MOST_CAUSES)
        yield dg.AssetCheckResult(
            asset_key=recipe.asset,
            check_name=UP_TO_DATE,
            passed=not entries,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(entries)} are stale: {causes[0][0]}" if entries else "nothing is stale",
            metadata={
                "stale": len(entries),
                "made_by_a_stand_in": stood_in[recipe.asset],
                "causes": dg.MetadataValue.json(dict(causes)),
                "partitions": ", ".join(entry.partition for entry in entries[:_MOST_ROWS]),
            },
        )


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
