"""What was spent and is held, in tables per song, scene, provider and day, and as markdown.

Rows come from a ledger; amounts are micro-dollars. The stored record is `schemas/cost_report.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from audio_assets.domain.budget import usd_text
from audio_assets.domain.scene_key import scene_key

_HEADINGS = {"song": "song or script"}
"""What tables are called where that is more than their name: lines that are ordered are billed to their script."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """One order: what it cost (0 until that is known) and what is held for it (0 after)."""

    project: str
    scene: str
    provider: str
    model: str
    day: str
    estimated_micro: int
    spent_micro: int
    held_micro: int


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of a table: so many orders under one name."""

    name: str
    n_orders: int
    estimated_micro: int
    spent_micro: int
    held_micro: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """The same rows in four tables, each sorted by name, and their total; scenes are named `s003|song`."""

    songs: tuple[CostLine, ...]
    scenes: tuple[CostLine, ...]
    providers: tuple[CostLine, ...]
    days: tuple[CostLine, ...]
    total: CostLine

    @property
    def tables(self) -> tuple[tuple[str, tuple[CostLine, ...]], ...]:
        """The tables with their headings."""
        return (("song", self.songs), ("scene", self.scenes), ("provider", self.providers), ("day", self.days))


def cost_report(rows: Iterable[CostRow]) -> CostReport:
    """Add the rows up; the order of rows changes nothing. Rows without a scene are in no line of scenes."""
    kept = list(rows)
    return CostReport(
        songs=_table(kept, lambda row: row.project),
        scenes=_table((row for row in kept if row.scene), lambda row: scene_key(row.scene, row.project)),
        providers=_table(kept, lambda row: f"{row.provider} {row.model}".strip()),
        days=_table(kept, lambda row: row.day),
        total=_line("total", kept),
    )


def markdown(report: CostReport) -> str:
    """The report as markdown tables, one per heading; a sentence when there is nothing in it."""
    if not report.total.n_orders:
        return "Nothing was ordered that costs money.\n"
    return "\n".join(_markdown_table(heading, lines, report.total) for heading, lines in report.tables if lines)


def _table(rows: Iterable[CostRow], name_of: Callable[[CostRow], str]) -> tuple[CostLine, ...]:
    by_name: dict[str, list[CostRow]] = {}
    for row in rows:
        by_name.setdefault(name_of(row), []).append(row)
    return tuple(_line(name, by_name[name]) for name in sorted(by_name))


def _line(name: str, rows: list[CostRow]) -> CostLine:
    return CostLine(
        name,
        len(rows),
        sum(row.estimated_micro for row in rows),
        sum(row.spent_micro for row in rows),
        sum(row.held_micro for row in rows),
    )


def _markdown_table(heading: str, lines: tuple[CostLine, ...], total: CostLine) -> str:
    shown = _HEADINGS.get(heading, heading)
    head = [f"| {shown} | orders | estimated | spent | held |", "|---|--:|--:|--:|--:|"]
    body = [_markdown_line(line) for line in lines]
    same_total = sum(line.n_orders for line in lines) == total.n_orders
    return "\n".join([*head, *body, *([_markdown_line(total)] if same_total else []), ""])


def _markdown_line(line: CostLine) -> str:
    name = line.name.replace("|", "\\|")
    amounts = (line.estimated_micro, line.spent_micro, line.held_micro)
    return f"| {name} | {line.n_orders} | {' | '.join(usd_text(amount) for amount in amounts)} |"
