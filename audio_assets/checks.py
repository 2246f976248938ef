"""The asset checks: every artifact is measured when it is rendered, these say what the current ones showed.

A check covers all partitions that exist now, not those of the last run. A blocking one holds back what depends on that
very partition (see `Recipe.upstream`), never the others.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from audio_assets.domain.rendering import INTENDED
from audio_assets.launch import DIALOGUE, RECIPES, VOICE_STEMS, Pipeline
from audio_assets.recipe import Recipe
from audio_assets.stages.script_sources import DialogueLine
from audio_assets.stages.stem_sources import StemText
from audio_assets.studio import Studio, StudioResource

_BY_INTENDED = "The provider that the settings name made it, no stand-in."

BLOCKING: Mapping[str, Mapping[str, str]] = {
    "voice_line": {
        "not_silent": "There is sound in it.",
        "not_truncated": "It is long enough for its phonemes.",
    },
    "message_audio": {
        "not_silent": "There is sound in it.",
        "not_truncated": "It is long enough for its phonemes.",
    },
    "alignment": {"times_rise": "Every time lies in the file and rises."},
    "lipsync": {"as_long_as_audio": "There is a frame for every moment of the audio."},
    "dialogue_mix": {"not_silent": "There is sound in it."},
    "sections": {"sections_cover_song": "Sections cover the song without gap or overlap."},
    "storyboard": {"scenes_cover_song": "Scenes cover every frame of the song once."},
    "music_remix": {"not_silent": "There is sound in it."},
    "stem": {"not_truncated": "It is long enough for its phonemes."},
    "message": {"bit_exact": "Every stem's samples stand in it bit for bit, at the recorded offsets."},
    "vocal_segment": {"as_long_as_scene": "It has the very samples of the scene."},
    "scene_alignment": {"times_rise": "Every time lies in the scene and rises."},
    "scene_clip": {
        "has_every_frame": "It has exactly the frames of its scene.",
        "can_be_joined": "It agrees with the film in codec, size and colours.",
    },
    "final_video": {
        "sounds_as_the_song": "Its sound decodes to the very samples of the song.",
        "as_long_as_song": "It is as long as the song, to within a frame.",
        "keeps_time": "Picture and sound begin together and drift by less than a frame.",
    },
    "timeline": {"reads_back": "Every file reads back with each cut on its frame."},
    "deliverable": {
        "has_every_frame": "It has every frame of the film.",
        "as_long_as_song": "It is as long as the song, to within a frame.",
        "sound_starts_with_picture": "Its sound begins with its picture, to the sample.",
    },
}
WARNING: Mapping[str, Mapping[str, str]] = {
    "message_audio": {
        "not_clipped": "No run of samples at full scale.",
        "ends_not_silent": "No long silence before or after the words.",
        "not_over_long": "Not longer than its phonemes can need.",
    },
    "voice_line": {
        INTENDED: _BY_INTENDED,
        "not_clipped": "No run of samples at full scale.",
        "ends_not_silent": "No long silence before or after the words.",
        "not_over_long": "Not longer than its phonemes can need.",
    },
    "alignment": {
        INTENDED: _BY_INTENDED,
        "text_is_spoken": "The aligner is confident that the audio says the text.",
        "covers_speech": "Phonemes cover the time in which there is sound.",
    },
    "dialogue_mix": {
        "loudness_on_target": "Integrated loudness within 0.5 LU of the target.",
        "true_peak_below_ceiling": "True peak at or below the ceiling.",
    },
    "song_audio": {
        "not_silent": "There is sound in it.",
        "not_damaged": "The whole file decodes.",
    },
    "beat_grid": {
        "beat_is_sure": "The tracker is confident that there is a beat and that it is this one.",
        "tempo_is_plausible": "A tempo that people play, without a jump to twice or half of it.",
    },
    "lyric_alignment": {
        "words_are_aligned": "At least half of the words have times.",
        "times_fit_song": "Times that came with the lyrics lie in the song and run forwards.",
    },
    "storyboard": {
        "cuts_on_beats": "Every cut on a beat is on the frame nearest to it.",
        "within_budget": "The estimate with retries is within the budget cap.",
        "price_is_known": "The price card has a valid price for the provider and model.",
        "overrides_fit": "Everything that a person fixed about a scene still fits.",
    },
    "music_remix": {
        INTENDED: _BY_INTENDED,
        "not_clipped": "True peak at or below the ceiling; of bought music, no runs of samples at full scale.",
        "loudness": "Integrated loudness within 1 LU of the style's target, where it is remixed here.",
        "as_long_as_asked": "Bought music lasts what was asked for, within 1 s or 5 %.",
    },
    "stem": {
        INTENDED: _BY_INTENDED,
        "edges_not_silent": "No long silence before or after the words.",
        "not_over_long": "Not longer than its phonemes can need.",
    },
    "scene_take": {
        INTENDED: "There is a take of the provider that the settings name.",
        "wanted_takes_are_there": "Every take that is wanted was made.",
    },
    "take_quality": {
        "quality_score": "A take of good picture: sharp, well exposed, no black or frozen frames, long enough.",
        "character_consistency": "A take whose face is that of the reference image.",
        "mouth_visibility": "A take in which the singer's mouth can be seen.",
    },
    "selected_take": {"selection_is_current": "The selected take is of the scene as it is now."},
    "scene_alignment": {
        "phonemes_are_aligned": "Most phonemes were found in the voice, not estimated.",
        "words_are_heard": "No word stands where the voice is silent.",
        "words_have_times": "Every word of the scene has a time.",
    },
    "lipsynced_take": {
        INTENDED: _BY_INTENDED,
        "face_is_found": "There is a face whose mouth could be moved.",
        "face_is_steady": "The face is seen in at least half of the frames.",
        "has_every_frame": "What came from the one who moved the mouth has as many frames as the take.",
    },
    "final_video": {INTENDED: "No scene of it is shown as a stand-in made it."},
    "scene_clip": {"clip_is_long_enough": "The take lasts to the end of its scene."},
    "deliverable": {
        "loudness": "Integrated loudness within 0.5 LU of the target.",
        "true_peak": "True peak at or below the ceiling.",
        "lyrics_are_shown": "Every line of the lyrics has a time and is in the subtitles.",
        "text_can_be_drawn": "The font has every letter of burned subtitles.",
    },
}
CHECKED = tuple(recipe.asset for recipe in RECIPES if recipe.asset in {*BLOCKING, *WARNING})
"""The assets that have checks, in the order of a run."""
_LISTED = 50


def specs(asset: str) -> list[dg.AssetCheckSpec]:
    """The check specs of one rendered asset."""
    described = {**BLOCKING.get(asset, {}), **WARNING.get(asset, {})}
    return [dg.AssetCheckSpec(name, asset=asset, description=text) for name, text in described.items()]


def evaluations(studio: Studio, pipeline: Pipeline) -> Iterator[dg.AssetCheckEvaluation]:
    """Every check of every asset of a pipeline, as the current artifacts stand."""
    of_sources = [voice_in_cast_result(studio)] if pipeline is DIALOGUE else []
    of_sources += [data_sets_are_whole_result(studio)] if pipeline is VOICE_STEMS else []
    rendered = [result for recipe in pipeline.opened(studio) for result in results(recipe)]
    for result in [*of_sources, *rendered]:
        yield evaluation(result)


def evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """The event of a check's result.

    Raises:
        ValueError: the result names no asset or check.
    """
    if result.asset_key is None or result.check_name is None:
        raise ValueError(f"a result without the names of its asset and check: {result.description}")
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        severity=result.severity,
        metadata=result.metadata,
        description=result.description,
    )


def results(recipe: Recipe) -> Iterator[dg.AssetCheckResult]:
    """The checks of one asset, from the refs of the partitions that exist now."""
    refs = recipe.refs.preload().all()
    current = [key for key in recipe.partitions() if key in refs]
    blocking = BLOCKING.get(recipe.asset, {})
    for name in [*blocking, *WARNING.get(recipe.asset, {})]:
        failed = [key for key in current if name in refs[key].failed_checks]
        is_blocking = name in blocking
        yield _result(recipe.asset, name, failed, len(current), is_blocking)


def _result(asset: str, name: str, failed: Sequence[str], n_checked: int, is_error: bool) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not failed,
        severity=severity,
        description=f"{len(failed)} of {n_checked} failed" if failed else f"all {n_checked} passed",
        metadata={"checked": n_checked, "failed": len(failed), "failed_partitions": ", ".join(failed[:_LISTED])},
    )


def _check(recipe: type[Recipe]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(specs=specs(recipe.asset), name=f"check_{recipe.asset}")
    def check(studio: StudioResource) -> Iterator[dg.AssetCheckResult]:
        """Read the refs."""
        yield from results(recipe(studio.open()))

    return check


@dg.asset_check(
    asset=DialogueLine.asset,
    description="The cast names a voice for every character that speaks; where it does not, which one stands in.",
)
def voice_in_cast(studio: StudioResource) -> dg.AssetCheckResult:
    """Which characters speak with a voice that is not theirs, and which lines can not be resolved at all."""
    return voice_in_cast_result(studio.open())


def voice_in_cast_result(studio: Studio) -> dg.AssetCheckResult:
    """The result of `voice_in_cast`: a warning, for the narrator's voice may well be meant."""
    stand_ins, problems = studio.dialogue.stand_ins()
    return dg.AssetCheckResult(
        asset_key=DialogueLine.asset,
        check_name="voice_in_cast",
        passed=not stand_ins and not problems,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "lines_with_a_stand_in": dg.MetadataValue.json(stand_ins),
            "problems": dg.MetadataValue.json(dict(list(problems.items())[:_LISTED])),
        },
    )


@dg.asset_check(
    asset=StemText.asset,
    description="Every line of data sets and message requests can be used, and no two values normalise alike.",
)
def data_sets_are_whole(studio: StudioResource) -> dg.AssetCheckResult:
    """What can not be used of what people listed."""
    return data_sets_are_whole_result(studio.open())


def data_sets_are_whole_result(studio: Studio) -> dg.AssetCheckResult:
    """The result of `data_sets_are_whole`: a warning, for the rest goes on."""
    problems = studio.stems.problems
    return dg.AssetCheckResult(
        asset_key=StemText.asset,
        check_name="data_sets_are_whole",
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems[:3]) or "everything can be used",
        metadata={"n_problems": len(problems), "problems": dg.MetadataValue.json(list(problems[:_LISTED]))},
    )


ASSET_CHECKS = [voice_in_cast, data_sets_are_whole, *(_check(recipe) for recipe in RECIPES if recipe.asset in CHECKED)]
