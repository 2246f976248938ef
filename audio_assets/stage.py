"""How a recipe or a source becomes an asset of Dagster: the one place that decorates."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dagster as dg

from audio_assets.batch import run_asset, source_event
from audio_assets.recipe import Recipe
from audio_assets.source import Source
from audio_assets.studio import Studio, StudioResource

Dep = str | dg.AssetDep

EVERY_DAY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=25))
"""Of reports that a schedule makes every day. Artifacts have none: they are as good as their versions, at any age."""

_TEAMS = {
    "script": "writing", "speech": "audio", "lipsync": "animation", "mix": "audio", "stems": "audio", "live": "audio",
    "song": "music", "remix": "music", "storyboard": "video", "takes": "video", "performance": "animation",
    "film": "video",
}  # fmt: skip
"""Who owns the assets of a group: the first to ask."""


@dataclass(frozen=True)
class Said:
    """What a person may say in the launchpad: its form, and what keeps it before the partition is rendered."""

    form: type[dg.Config]
    keep: Callable[[Studio, str, Any], None]


class _Nothing(dg.Config):
    """An asset that is told nothing."""


def _keep_nothing(studio: Studio, partition: str, said: _Nothing) -> None:
    """Nothing was said."""


_NOTHING = Said(_Nothing, _keep_nothing)


def source_asset(
    source: type[Source],
    description: str,
    *,
    partitions_def: dg.PartitionsDefinition[str],
    group: str,
    deps: Sequence[Dep] = (),
) -> dg.AssetsDefinition:
    """The asset of a source: materializing a partition records its version of today."""

    @dg.asset(
        name=source.asset,
        description=description,
        partitions_def=partitions_def,
        deps=[*deps, *(dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in source.written_in)],
        code_version=source.code_version,
        group_name=group,
        kinds={"text"},
        owners=[f"team:{_TEAMS[group]}"],
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
    kind: str = "json",
    deps: Iterable[Dep] = (),
    said: Said = _NOTHING,
) -> dg.AssetsDefinition:
    """The asset of a recipe: materializing a partition renders it, or takes it from the store.

    `deps` are the artifacts that it is made from; its source comes by itself. `said` is what people can say with it in
    the launchpad.
    """
    written = [] if recipe.source is None else [recipe.source.asset]
    form = said.form

    @dg.asset(
        name=recipe.asset,
        description=description,
        pool=recipe.pool or None,
        partitions_def=partitions_def,
        deps=[*written, *deps],
        code_version=recipe.code_version,
        group_name=group,
        kinds={kind},
        owners=[f"team:{_TEAMS[group]}"],
        tags={"stage": group},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def render(
        context: dg.AssetExecutionContext,
        config: form,  # type: ignore[valid-type]  # Dagster reads the form from the annotation
        studio: StudioResource,
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Keep what is said of each partition, then render it."""
        try:
            for key in context.partition_keys:
                said.keep(studio.open(), key, config)
        except (ValueError, RuntimeError, OSError) as error:  # a person's mistake: one sentence, no trace
            raise dg.Failure(str(error), allow_retries=False) from None
        yield from run_asset(context, recipe(studio.open()))

    return render
