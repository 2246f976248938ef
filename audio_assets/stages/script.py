"""Stage `script`: what the scripts ask for, as the roots of the dialogue's graph."""

import dagster as dg

from audio_assets import partitions
from audio_assets.stage import source_asset
from audio_assets.stages.script_sources import CueSheet, DialogueLine

dialogue_line = source_asset(
    DialogueLine,
    "A line as it is to be spoken: its text with all that script, cast and lexicon say of it.",
    partitions_def=partitions.lines,
    group="script",
)

cue_sheet = source_asset(
    CueSheet,
    "What a mix holds: the lines of a script's label in order, or the tracks of a specification.",
    partitions_def=partitions.mixes,
    group="script",
    deps=[dg.AssetDep(dialogue_line, partition_mapping=dg.AllPartitionMapping())],
)
