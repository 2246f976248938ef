"""What `audio-assets provenance` does, apart from printing."""

import csv
import io
from collections.abc import Sequence

from audio_assets.commands.opening import open_what_is_there
from audio_assets.domain.toml_tables import nearest, nearest_few
from audio_assets.instance import open_instance
from audio_assets.lineage import provenance
from audio_assets.studio import Studio
from resources.provenance_db import Refreshed
from resources.provenance_query import WITHIN_S, Answer, ask, plain, select
from resources.provenance_schema import TABLES
from resources.provenance_views import NAMES, TOUCHED, VIEWS

_WIDEST = 60


def refresh(*, rebuild: bool) -> Refreshed:
    """Bring the database up to date; where Dagster was never used here, its tables stay empty."""
    studio = open_what_is_there()
    if not _has_instance(studio):
        return provenance.refresh(studio, None, rebuild=rebuild)
    with open_instance(studio.settings) as instance:
        return provenance.refresh(studio, instance, rebuild=rebuild)


def _has_instance(studio: Studio) -> bool:
    return (studio.settings.dagster_home / "dagster.yaml").is_file()


def answer(
    done: Refreshed,
    view: str,
    arguments: Sequence[str],
    sql: str,
    *,
    n_rows: int | None = None,
    within_s: float = WITHIN_S,
) -> Answer:
    """All of a view, or what a question of one's own is answered; with `n_rows` the first rows.

    Raises:
        ProvenanceError: there is no such view, or the question can not be answered; one sentence.
    """
    question = (sql,) if sql else select(view, arguments)
    return ask(done.file, *question, n_rows=n_rows, within_s=within_s)


def remark(done: Refreshed, found: Answer, view: str, arguments: Sequence[str]) -> str:
    """What there is to say of an answer without rows, "" where a table says it."""
    if found.rows or view != TOUCHED:
        return ""
    what, named = arguments
    known = [str(name) for name, *_ in ask(done.file, *select(NAMES, [what])).rows]
    return f"nothing was touched by {what} '{named}'; {nearest(named, known) or nearest_few(named, known)}"


def overview(done: Refreshed) -> str:
    """What the database has and can be asked."""
    width = max(len(one.name) for one in (*TABLES, *VIEWS))
    tables = [f"  {one.name:{width}}  {done.counts[one.name]:8}  {one.meaning}" for one in TABLES]
    views = [
        f"  {' '.join((one.name, *(name.upper() for name in one.arguments)))}\n      {one.meaning}" for one in VIEWS
    ]
    anew = f", made anew: {done.rebuilt}" if done.rebuilt else ""
    read = f"{done.n_read} records read, {done.n_gone} gone, {done.seconds:.1f} s{anew}"
    return "\n".join(["tables", *tables, "views", *views, *done.notes, f"{done.file} ({read})"])


def as_text(found: Answer) -> str:
    """Columns as wide as their widest cell; numbers to the right."""
    rows = [[_cell(value) for value in row] for row in found.rows]
    numeric = [all(isinstance(row[n], int | float | None) for row in found.rows) for n in range(len(found.columns))]
    widths = [max(map(len, column)) for column in zip(found.columns, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()
        for cells in (found.columns, ["-" * width for width in widths], *rows)
    ]
    more = f"only the first {len(rows)} rows are shown: --limit for more, --csv or --json for all"
    return "\n".join([*lines, *([more] if found.is_cut else [])])


def as_csv(found: Answer) -> str:
    """With a line of names; times as ISO 8601."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows([plain(value) for value in row] for row in found.rows)
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str("" if value is None else plain(value)).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
