"""How a recipe or a source becomes an asset of Dagster: the one place that decorates."""

from collections.abc import Iterator, Sequence

import dagster as dg

from audio_assets.batch import run_asset, source_event
from audio_assets.render import Recipe
from audio_assets.source import Source
from audio_assets.studio import StudioResource

Dep = str | dg.AssetDep


def source_asset(
    source: type[Source],
    description: str,
    *,
    partitions_def: dg.PartitionsDefinition[str],
    group: str,
    owner: str,
    deps: Sequence[Dep] = (),
) -> dg.AssetsDefinition:
    """The asset of a source: materializing a partition records its version of today."""

    @dg.asset(
        name=source.asset,
        description=description,
        partitions_def=partitions_def,
        deps=deps,
        code_version=source.code_version,
        group_name=group,
        kinds={"text"},
        owners=[owner],
        tags={"stage": group},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def record(context: dg.AssetExecutionContext, studio: StudioResource) -> Iterator[dg.MaterializeResult[None]]:
        """Record each partition's version."""
        yield dg.MaterializeResult(asset_key=source.asset)
        opened = source(studio.open())
        for key in context.partition_keys:
            context.log_event(source_event(opened, key))

    return record


def rendered_asset(
    recipe: type[Recipe],
    description: str,
    *,
    partitions_def: dg.PartitionsDefinition[str],
    group: str,
    owner: str,
    kind: str,
    deps: Sequence[Dep],
) -> dg.AssetsDefinition:
    """The asset of a recipe: materializing a partition renders it, or takes it from the store."""

    @dg.asset(
        name=recipe.asset,
        description=description,
        partitions_def=partitions_def,
        deps=deps,
        code_version=recipe.code_version,
        group_name=group,
        kinds={kind},
        owners=[owner],
        tags={"stage": group},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def render(context: dg.AssetExecutionContext, studio: StudioResource) -> Iterator[dg.MaterializeResult[None]]:
        """Render each partition."""
        yield from run_asset(context, recipe(studio.open()))

    return render
