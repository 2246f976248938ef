"""Stage `costs`: what a song's video has cost and what is held for it, per scene, provider and day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.budget import usd
from audio_assets.domain.cost_report import CostRow, markdown
from audio_assets.domain.cost_report import cost_report as report_of
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.cost_report import to_bytes
from audio_assets.stage import rendered_asset
from audio_assets.stages.music_recipes import OfSong, of_song
from resources.pool import Call


class CostReport(OfSong):
    """Adds up the ledger's entries of a song."""

    asset = "cost_report"
    code_version = "1"
    folder = "exports/costs"
    gathers = ("scene_take",)
    is_parallel = False
    waits_for_all = False

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Every scene's takes, for they cost; nothing is read of them, and those that failed may have cost too."""
        return [("scene_take", scene) for scene in self.scenes(partition)]

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The ledger is no object."""
        return {}

    def licences(self, partition: str) -> Iterator[str]:
        """Figures have none."""
        return iter(())

    def describe(self, partition: str) -> Action:
        """Every entry of the song."""
        rows = [asdict(row) for row in self.studio.ledger.cost_rows(project=partition)]
        return Action(self.asset, self.code_version, self.identity(), {"rows": rows})

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The report's call."""
        return Call(_report, (tuple(CostRow(**row) for row in action.params["rows"]),))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Our own report."""
        return {"engine": "cost report"}


def _report(rows: Sequence[CostRow]) -> Rendered:
    report = report_of(rows)
    return Rendered(
        files={"cost_report.json": to_bytes(report), "cost_report.md": markdown(report).encode()},
        facts={
            "n_orders": report.total.n_orders,
            "spent_usd": usd(report.total.spent_micro),
            "held_usd": usd(report.total.held_micro),
            "estimated_usd": usd(report.total.estimated_micro),
        },
    )


cost_report = rendered_asset(
    CostReport,
    "What a song's video has cost and what is held for it, per scene, provider and day.",
    partitions_def=partitions.songs,
    group="film",
    kind="json",
    deps=[of_song("scene_take")],
)
