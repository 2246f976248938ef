"""The asset `stale_plan`: what would have to be rendered today, why, for how long and how much, and what happens to it.

The sensor `workflow_changes` leaves it after every change to how things are made; materialize it to look now.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from audio_assets.backfilling import Selection, Selector, is_making, policies_of
from audio_assets.domain.backfill_policy import Policies
from audio_assets.launch import recipes
from audio_assets.plan import Plan, Stale, plan
from audio_assets.render import Recipe
from audio_assets.studio import Studio, StudioResource

ASSET = "stale_plan"
_MOST_ROWS = 200
_NAMED = 4
_COLUMNS = {
    "asset": "string", "partitions": "int", "which": "string", "cause": "string", "certain": "string",
    "policy": "string", "core_s": "float", "cost_usd": "float", "budget": "string",
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


def plan_event(studio: Studio, recipes: Sequence[Recipe], selection: Selection) -> dg.AssetMaterialization:
    """The asset's event for what was selected of a plan."""
    found = Plan(stale=list(selection.stale))
    return dg.AssetMaterialization(ASSET, metadata=dict(_metadata(studio, recipes, found, len(selection.too_dear))))


def _metadata(
    studio: Studio, recipes: Sequence[Recipe], found: Plan, n_too_dear: int = 0
) -> Iterator[tuple[str, dg.MetadataValue]]:
    rows = plan_rows(studio, recipes, found, policies_of(studio))
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
def stale_plan(studio: StudioResource) -> dg.MaterializeResult[None]:
    """Plan now."""
    opened = studio.open()
    try:
        every = recipes(opened)
        return dg.MaterializeResult(metadata=dict(_metadata(opened, every, plan(opened, every))))
    except (ValueError, RuntimeError) as error:  # a person's mistake: one sentence, no trace
        raise dg.Failure(str(error), allow_retries=False) from None
