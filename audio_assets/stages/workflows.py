"""Stage `workflows`: the files that say how things are made, observed, so that lineage begins with them.

Dagster is told a new version when a file changes; which partitions that touches is exact in the sources that read the
files (`Source.written_in`), for one edited voice is not every line.
"""

from collections.abc import Mapping

import dagster as dg

from audio_assets import partitions
from audio_assets.books.workflow_files import WORKFLOW_FILES, Entries, WorkflowFiles
from audio_assets.domain.setting_entries import changed_entries, version_of_entries
from audio_assets.settings import current

GROUP = "workflows"
_LISTED = 200


def observation(asset: str, entries: Entries, before: Entries | None = None) -> dg.AssetObservation:
    """The event of a new version, with what changed since `before` where that is known."""
    metadata: dict[str, dg.MetadataValue] = {"entries": dg.MetadataValue.int(len(entries)), "hashes": _table(entries)}
    if before is not None:
        metadata["changed"] = _table(changed_entries(before, entries))
    tags = {"dagster/data_version": version_of_entries(entries)}
    return dg.AssetObservation(asset, partition=partitions.WHOLE, tags=tags, metadata=metadata)


def _table(rows: Mapping[str, str]) -> dg.TableMetadataValue:
    shown = [dg.TableRecord({"entry": name, "is": value[:12]}) for name, value in list(rows.items())[:_LISTED]]
    columns = [dg.TableColumn("entry", "string"), dg.TableColumn("is", "string")]
    return dg.MetadataValue.table(shown, dg.TableSchema(columns))


def _observed(files: WorkflowFiles) -> dg.SourceAsset:
    @dg.observable_source_asset(
        name=files.asset, description=files.description, group_name=GROUP, partitions_def=partitions.whole
    )
    def observe() -> dg.DataVersionsByPartition:
        """Read the files."""
        return dg.DataVersionsByPartition({partitions.WHOLE: version_of_entries(files.entries(current()))})

    return observe


OBSERVED = [_observed(files) for files in WORKFLOW_FILES]
