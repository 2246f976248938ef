"""What `audio-assets plan` and `audio-assets backfill` do, apart from printing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audio_assets.backfill_job import Backfill, backfill_recipes, select
from audio_assets.backfilling import NOTHING_STALE, Selector, policies_of
from audio_assets.commands.opening import open_what_is_there
from audio_assets.commands.remote_dagster import RemoteRun, run_there
from audio_assets.commands.running import RunReport, retried, run_backfill_here
from audio_assets.domain.money_text import dollars
from audio_assets.instance import open_instance
from audio_assets.launch import recipes
from audio_assets.plan import Likeness, Plan, which
from audio_assets.plan import plan as make
from audio_assets.settings import current
from audio_assets.stale_plan import PlanRow, plan_rows, row_text
from resources.process_owner import my_name

_LISTED = 40


def make_plan(asked: Mapping[str, Any]) -> tuple[Plan, tuple[str, ...]]:
    """The plan over every stage, or the part of it that is asked for; a sentence per cap that does not allow all of it.

    Raises:
        ValueError: what is asked for means nothing, or there is no data root.
    """
    studio, wanted = open_what_is_there(), Backfill(**asked)
    every = recipes(studio)
    found = make(studio, every, retry_failed=wanted.retry_failed)
    asked_for = wanted.filter()
    if not asked_for.is_of_all or asked_for.max_cost_usd is not None:
        found = Selector(studio, every, found).asked_for(asked_for).part_of(found)
    reasons = Counter(Selector(studio, every, found).over_budget().values())
    return found, tuple(f"{reason}: {n} of these do not fit" for reason, n in reasons.items())


def names_in_plan(found: Plan) -> list[str]:
    """What `--where` may ask for of what is stale in a plan, sorted."""
    studio = open_what_is_there()
    return sorted(Selector(studio, recipes(studio), found).names())


def policy_problem() -> str:
    """What keeps the policies from being read, "" for nothing: a plan does without them, a backfill does not."""
    try:
        policies_of(current())
    except ValueError as error:
        return f"{error}; until that is mended nothing follows from changes by itself, and `backfill` refuses"
    return ""


def plan_text(found: Plan) -> str:
    """A plan for people: a line for all that is stale for the same, then what is stuck."""
    alike: dict[Likeness, list[str]] = {}
    for entry in found.stale:
        alike.setdefault(entry.likeness, []).append(entry.partition)
    shown = [_line(what, partitions) for what, partitions in list(alike.items())[:_LISTED]]
    if len(alike) > _LISTED:
        shown.append(f"and {len(alike) - _LISTED} causes more (--json lists all)")
    shown += [f"{entry.asset:13} {entry.partition:45} {entry.reason}" for entry in found.stood_in[:20]]
    shown += [f"{entry.asset:13} {entry.partition:45} {entry.state}: {entry.reason}" for entry in found.stuck[:20]]
    n_remembered = sum(entry.is_remembered for entry in found.stuck)
    shown += [retried(n_remembered)] if n_remembered else []
    counts = ", ".join(f"{n} {asset}" for asset, n in found.counts().items()) or "nothing"
    work = f"about {found.estimated_s:.0f} s of one core"
    work += f" and {dollars(found.estimated_usd)}" if found.estimated_usd else ""
    n_following = sum(not entry.is_certain for entry in found.stale)
    following = f"; {n_following} of them only where an input comes out different" if n_following else ""
    n_there = sum(entry.is_in_store for entry in found.stale)
    following += f"; {n_there} already in the store" if n_there else ""
    held = f"; stale, and not asked for: {len(found.held)}" if found.held else ""
    return "\n".join([*shown, f"stale: {counts}{following}{held}; up to date: {found.n_current}; {work}"])


def _line(what: Likeness, partitions: Sequence[str]) -> str:
    maybe = "" if what.is_certain else " (if it comes out different)"
    there = "; already in the store" if what.is_in_store else ""
    return f"{what.asset:17} {len(partitions):6}  {what.cause}{maybe}{there}: {which(partitions)}"


@dataclass
class Backfilled:
    """What a backfill is to do, and what it did; `run` is of this process, `there` of a Dagster elsewhere.

    `is_accepted`: it renders nothing. `is_dry`: it only says what it would do.
    """

    rows: list[PlanRow] = field(default_factory=list)
    n_too_dear: int = 0
    n_stuck: int = 0
    is_accepted: bool = False
    is_dry: bool = False
    would: str = ""
    run: RunReport | None = None
    there: RemoteRun | None = None

    @property
    def has_failures(self) -> bool:
        """Whether something failed."""
        here = self.run is not None and bool(self.run.failed or self.run.is_blocked)
        return bool(self.n_stuck) or here or (self.there is not None and not self.there.is_success)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        plan = [{**_row(row), "partitions": list(row.partitions)} for row in self.rows]
        shown: dict[str, Any] = {"plan": plan, "left_out_for_price": self.n_too_dear, "stuck": self.n_stuck}
        if self.run is not None:
            run = self.run
            shown |= {"rendered": run.rendered, "cached": run.cached, "failed": run.failed, "run_id": run.run_id}
            shown |= {"recorded_again": run.n_recorded}
        if self.is_dry:
            shown |= {"would": "accept" if self.is_accepted else "render"}
        if self.there is not None:
            shown |= self.there.as_json()
        return shown

    def as_text(self) -> str:
        """A short report."""
        records = [row.as_record() for row in self.rows] if self.there is None else self.there.plan
        lines = [row_text(record) for record in records[:_LISTED]]
        if len(records) > _LISTED:
            lines.append(f"and {len(records) - _LISTED} rows more (--json lists all)")
        if self.n_too_dear:
            lines.append(f"{self.n_too_dear} partitions are left out for their price")
        if self.n_stuck:
            lines.append(f"{self.n_stuck} can not be made now, or wait for such: `audio-assets plan` says why")
        has_error = self.there is not None and bool(self.there.error)
        if not (records or self.n_too_dear or has_error):
            lines.append("nothing else is stale" if self.n_stuck else NOTHING_STALE)
        if records and self.is_dry:
            lines.append(self.would)
        return "\n".join([*lines, *self._done_here(), *self._done_there()])

    def _done_here(self) -> Iterator[str]:
        if self.run is None:
            return
        yield from self._counts(self.run.rendered, self.run.cached)
        if not (self.run.rendered or self.run.cached or self.run.failed):
            yield "nothing was left to do: another run has done it meanwhile"
        if self.run.n_recorded:
            yield f"{self.run.n_recorded} more were up to date, and are told to Dagster again"
        yield from self.run.troubles()
        yield f"run {self.run.run_id}"

    def _done_there(self) -> Iterator[str]:
        if self.there is None:
            return
        yield from self._counts(self.there.rendered, self.there.cached)
        if self.there.error:
            yield self.there.error
        yield f"{self.there.status.lower()}: {self.there.url}/runs/{self.there.run_id}"

    def _counts(self, rendered: Mapping[str, int], cached: Mapping[str, int]) -> Iterator[str]:
        for asset in sorted({*rendered, *cached}):
            n_rendered, n_cached = rendered.get(asset, 0), cached.get(asset, 0)
            done = f"{n_cached} accepted" if self.is_accepted else f"{n_rendered} rendered, {n_cached} cached"
            yield f"{asset}: {done}"


def backfill(asked: Mapping[str, Any], *, url: str | None, is_quiet: bool) -> Backfilled:
    """Plan, and unless that is all: render or accept what was selected, here or by a Dagster elsewhere.

    Raises:
        ValueError: what is asked for means nothing, or there is no data root.
    """
    wanted = Backfill(**asked)
    if wanted.accept:
        wanted = wanted.model_copy(update={"by": wanted.by or my_name()})
        if not wanted.why.strip():
            raise ValueError("say with --why why what is there is good")
    elif wanted.by or wanted.why:
        raise ValueError("--by and --why belong to --accept; without it everything that is asked for is rendered")
    wanted.filter()
    if url is not None:
        there = run_there(url, wanted, is_quiet=is_quiet)
        counts = (there.n_too_dear, there.n_stuck, wanted.accept, wanted.dry_run)
        return Backfilled([], *counts, would=there.would, there=there)
    studio = open_what_is_there()
    selection = select(studio, wanted)
    rows = plan_rows(studio, backfill_recipes(studio), selection.plan, policies_of(studio.settings))
    would = selection.would(accept=wanted.accept)
    done = Backfilled(rows, len(selection.too_dear), selection.n_stuck, wanted.accept, wanted.dry_run, would)
    if rows and not wanted.dry_run:
        with open_instance(studio.settings) as instance:
            done.run = run_backfill_here(instance, wanted, selection, is_quiet=is_quiet)
    return done


def _row(row: PlanRow) -> dict[str, Any]:
    return {
        "asset": row.asset, "n_partitions": len(row.partitions), "cause": row.cause, "is_certain": row.is_certain,
        "policy": row.policy, "estimated_core_s": row.estimated_s, "estimated_usd": row.estimated_usd,
        "budget": row.refusal or "fits",
    }  # fmt: skip
