"""Stage `script`: what the scripts ask for, as the roots of the graph. Nothing is rendered, versions are recorded.

`dialogue_line` and `cue_sheet` make Dagster's own staleness exact: their version for a partition changes when, and only
when, something does that this very line or mix depends on.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from audio_assets import partitions
from audio_assets.batch import version_event
from audio_assets.domain.artifacts import voice_name
from audio_assets.domain.rendering import PermanentError
from audio_assets.studio import Studio, StudioResource

DIALOGUE_LINE, CUE_SHEET = "dialogue_line", "cue_sheet"
_CODE_VERSION = "1"


def source_versions(studio: Studio) -> Mapping[str, Mapping[str, str]]:
    """Today's version of every partition of the two sources."""
    dialogue = studio.dialogue
    return {
        DIALOGUE_LINE: {key: dialogue.line_version(key) for key in dialogue.cues},
        CUE_SHEET: {key: dialogue.sheet_version(key) for key in [*dialogue.sheets, *dialogue.mix_specs]},
    }


def source_event(studio: Studio, asset: str, partition: str) -> dg.AssetMaterialization:
    """The event that records one source partition as it is today."""
    if asset == DIALOGUE_LINE:
        version, metadata = studio.dialogue.line_version(partition), _line_metadata(studio, partition)
        return version_event(asset, partition, version, metadata, code_version=_CODE_VERSION)
    is_spec = partition in studio.dialogue.mix_specs
    label: Mapping[str, int] = {} if is_spec else {"n_lines": len(studio.dialogue.sheet(partition).lines)}
    version = studio.dialogue.sheet_version(partition)
    return version_event(asset, partition, version, label, code_version=_CODE_VERSION, fan_in=(DIALOGUE_LINE,))


def _line_metadata(studio: Studio, partition: str) -> Mapping[str, str | float]:
    cue = studio.dialogue.cues.get(partition)
    try:
        request = studio.dialogue.request(partition)
    except PermanentError as error:
        return {"text": cue.line.text if cue else "", "problem": str(error)}
    speech = request.speech
    shown: dict[str, str | float] = {
        "text": speech.text[:500],
        "character": request.character,
        "voice": voice_name(speech.voice),
        "engine": request.engine,
        "lang": speech.lang,
        "speed": speech.speed,
    }
    if cue is not None:
        shown |= {"label": cue.line.label, "source_line": cue.line.source_line}
    if speech.pronunciations:
        shown["pronunciations"] = "; ".join(f"{word} -> {said}" for word, said in speech.pronunciations)
    return shown


@dg.asset(
    partitions_def=partitions.lines,
    group_name="script",
    kinds={"text"},
    owners=["team:writing"],
    tags={"stage": "script"},
    code_version=_CODE_VERSION,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def dialogue_line(context: dg.AssetExecutionContext, studio: StudioResource) -> Iterator[dg.MaterializeResult[None]]:
    """A line as it is to be spoken: its text with all that script, cast and lexicon say of it."""
    yield dg.MaterializeResult(asset_key=DIALOGUE_LINE)
    opened = studio.open()
    for key in context.partition_keys:
        context.log_event(source_event(opened, DIALOGUE_LINE, key))


@dg.asset(
    partitions_def=partitions.mixes,
    deps=[dg.AssetDep(dialogue_line, partition_mapping=dg.AllPartitionMapping())],
    group_name="script",
    kinds={"text"},
    owners=["team:writing"],
    tags={"stage": "script"},
    code_version=_CODE_VERSION,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def cue_sheet(context: dg.AssetExecutionContext, studio: StudioResource) -> Iterator[dg.MaterializeResult[None]]:
    """What a mix holds: the lines of a script's label in order, or the tracks of a specification."""
    yield dg.MaterializeResult(asset_key=CUE_SHEET)
    opened = studio.open()
    for key in context.partition_keys:
        context.log_event(source_event(opened, CUE_SHEET, key))
