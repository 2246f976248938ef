"""Stage `provenance`: a database over all that was rendered, paid, said and recorded, for analysts.

Here: what the assets say of the store, the asset, and the check `provenance_complete` of every rendered asset. Not
here: tables and views (`resources/provenance_schema`, `provenance_views`), refreshing (`resources/provenance_db`).
"""

from collections.abc import Collection, Iterator, Mapping

import dagster as dg

from audio_assets.books.takebook import CHOICES, REVIEWS
from audio_assets.checks import evaluation
from audio_assets.domain.provenance_rows import Kind
from audio_assets.launch import RECIPES, SOURCES, Step
from audio_assets.recipe import Recipe
from audio_assets.stage import EVERY_DAY
from audio_assets.stages.deliverables import Deliverable
from audio_assets.stages.film_sources import DeliveryRequest
from audio_assets.stages.music_recipes import OfSong
from audio_assets.stages.script_sources import CueSheet, DialogueLine
from audio_assets.stages.song_sources import SongFile, SongLyrics, SongSettings
from audio_assets.stages.take_clips import TakeClips, TakeMeasures
from audio_assets.studio import Studio, StudioResource
from resources.provenance_db import Layout, ProvenanceDb, Refreshed
from resources.provenance_query import Answer, ask
from resources.provenance_schema import TABLES

GROUP, OWNER = "provenance", "team:production"
COMPLETE = "provenance_complete"
_COMPLETE = "Every artifact has a valid sidecar, its files a sha256, and its inputs are there as the action names them."
_SHOWN = ("cost_by_song", "cost_by_provider", "cache_hit_rate", "render_time", "most_rendered_lines",
          "takes_per_accepted_scene", "artifacts_by_licence")  # fmt: skip
_TOP, _LISTED = 5, 50
_ALL = (*RECIPES, *(part for recipe in RECIPES for part in recipe.part_recipes))
_STEPS: tuple[Step, ...] = (*SOURCES, *_ALL)


def _kind(step: Step) -> Kind:
    """What the partitions of an asset are."""
    if step in (Deliverable, DeliveryRequest):
        return "delivery"
    if step in (TakeClips, TakeMeasures):
        return "take"
    if step.members_of:
        return "scene"
    if issubclass(step, OfSong) or step in (SongFile, SongLyrics, SongSettings):
        return "song"
    root = step.source if issubclass(step, Recipe) else step
    return "line" if root is DialogueLine else "mix" if root is CueSheet else "other"


LAYOUT = Layout(
    folders={recipe.folder: recipe.asset for recipe in _ALL},
    kinds={step.asset: _kind(step) for step in _STEPS},
    reviews=REVIEWS,
    choices=CHOICES,
)


def database(studio: Studio) -> ProvenanceDb:
    """The studio's database."""
    return ProvenanceDb(studio.settings.root / "provenance", LAYOUT)


def refresh(studio: Studio, instance: dg.DagsterInstance | None, *, rebuild: bool = False) -> Refreshed:
    """Bring the database up to date; without an instance what Dagster recorded stays as it was read last.

    Raises:
        ProvenanceError: it can not be written, or is being refreshed by others for too long.
    """
    entries = studio.ledger.entries if studio.live.is_there else None  # looking makes no ledger
    return database(studio).refresh(studio.store, entries, instance, rebuild=rebuild)


# The check


def gaps(studio: Studio) -> Mapping[str, Mapping[str, str]]:
    """By asset, each partition with the first gap in its provenance, as the database has it."""
    found: dict[str, dict[str, str]] = {}
    for asset, partition, gap in ask(database(studio).file, "SELECT * FROM incomplete ORDER BY ALL").rows:
        found.setdefault(asset, {}).setdefault(partition, gap)
    return found


def complete_results(studio: Studio, assets: Collection[str] = ()) -> Iterator[dg.AssetCheckResult]:
    """`provenance_complete` of the named assets, of all where none is named; partitions of today only."""
    found = gaps(studio)
    for kind in RECIPES:
        if assets and kind.asset not in assets:
            continue
        recipe = kind(studio)
        refs = recipe.refs.preload().all()
        current = {key for key in recipe.partitions() if key in refs}
        bad = {key: gap for key, gap in found.get(kind.asset, {}).items() if key in current}
        yield dg.AssetCheckResult(
            asset_key=kind.asset,
            check_name=COMPLETE,
            passed=not bad,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(bad)} of {len(current)} have a gap" if bad else f"all {len(current)} are complete",
            metadata={
                "checked": len(current),
                "incomplete": len(bad),
                "gaps": dg.MetadataValue.json(dict(list(bad.items())[:_LISTED])),
            },
        )


@dg.multi_asset_check(
    name="check_provenance",
    specs=[dg.AssetCheckSpec(COMPLETE, asset=recipe.asset, description=_COMPLETE) for recipe in RECIPES],
    can_subset=True,
)
def check_provenance(context: dg.AssetCheckExecutionContext, studio: StudioResource) -> Iterator[dg.AssetCheckResult]:
    """Refresh the database, and ask it."""
    opened = studio.open()
    try:
        refresh(opened, context.instance)
        yield from complete_results(
            opened, {key.asset_key.to_user_string() for key in context.selected_asset_check_keys}
        )
    except (ValueError, RuntimeError, OSError) as error:  # one sentence, no trace
        raise dg.Failure(str(error), allow_retries=False) from None


CHECKS = [check_provenance]


# The asset


class ProvenanceConfig(dg.Config):
    """`rebuild`: make the database anew instead of reading what changed; the rows are the same."""

    rebuild: bool = False


@dg.asset(
    description="DuckDB and Parquet over all objects, files, inputs, checks, refs, costs, reviews, runs and events.",
    code_version="1",
    group_name=GROUP,
    kinds={"duckdb"},
    owners=[OWNER],
    tags={"stage": GROUP},
    freshness_policy=EVERY_DAY,
)
def provenance(
    context: dg.AssetExecutionContext, config: ProvenanceConfig, studio: StudioResource
) -> dg.MaterializeResult[None]:
    """Read what changed, then evaluate `provenance_complete` of every asset."""
    opened = studio.open()
    try:
        done = refresh(opened, context.instance, rebuild=config.rebuild)
        results = list(complete_results(opened))
        shown = {name: _table(ask(done.file, f"SELECT * FROM {name} LIMIT {_TOP}")) for name in _SHOWN}  # noqa: S608
    except (ValueError, RuntimeError, OSError) as error:  # one sentence, no trace
        raise dg.Failure(str(error), allow_retries=False) from None
    for result in results:
        # of this run, as `jobs` does it
        context.log_event(evaluation(result))
    n_incomplete = sum(not result.passed for result in results)
    return dg.MaterializeResult(
        metadata={
            **{name: dg.MetadataValue.md(text) for name, text in shown.items() if text},
            "rows": dg.MetadataValue.table(
                [dg.TableRecord({"table": t.name, "rows": done.counts[t.name]}) for t in TABLES]
            ),
            "n_objects": done.counts["objects"],
            "n_read": done.n_read,
            "n_gone": done.n_gone,
            "n_incomplete_assets": n_incomplete,
            "refresh_s": round(done.seconds, 3),
            "rebuilt": done.rebuilt or "no",
            "database": dg.MetadataValue.path(str(done.file)),
            "parquet": dg.MetadataValue.path(str(done.file.parent)),
        }
    )


def _table(answer: Answer) -> str:
    """Markdown, "" for no rows."""
    if not answer.rows:
        return ""
    lines = [answer.columns, ["---"] * len(answer.columns), *([_cell(value) for value in row] for row in answer.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
