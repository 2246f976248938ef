"""The graph as a table: who changes it changes this file too, on purpose."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import pytest

from audio_assets.cli import main
from audio_assets.domain.rendering import INTENDED
from audio_assets.launch import DIALOGUE, RECIPES, SOURCES
from audio_assets.lineage.provenance import COMPLETE
from audio_assets.stale_plan import UP_TO_DATE
from tests.house import House

REPOSITORY = Path(__file__).resolve().parents[2]

# asset: group, kind, owner, code version, partitions, upstream assets
LINES, MIXES, SONGS, REMIXES = (f"audio_assets_{name}" for name in ("lines", "mixes", "songs", "remixes"))
STEMS, MESSAGES = "audio_assets_stems", "audio_assets_messages"
LIVE_MESSAGES = "audio_assets_live_messages"
SCENES, DELIVERIES = "scene, song", "delivery, song"
TABLE = {
    "dialogue_line": (
        *("script", "text", "team:writing", "1", LINES),
        ("cast", "comfyui_workflows", "lexicon", "provider_settings"),
    ),
    "cue_sheet": ("script", "text", "team:writing", "1", MIXES, ("dialogue_line", "mix_settings")),
    "voice_line": ("speech", "wav", "team:audio", "1", LINES, ("dialogue_line",)),
    "alignment": ("speech", "json", "team:audio", "1", LINES, ("dialogue_line", "voice_line")),
    "lipsync": ("lipsync", "json", "team:animation", "1", LINES, ("alignment", "dialogue_line")),
    "dialogue_mix": ("mix", "wav", "team:audio", "1", MIXES, ("cue_sheet", "voice_line")),
    "song_file": ("song", "text", "team:music", "1", SONGS, ()),
    "song_lyrics": ("song", "text", "team:music", "1", SONGS, ()),
    "song_settings": ("song", "text", "team:music", "1", SONGS, ("price_card", "provider_settings")),
    "song_audio": ("song", "audio", "team:music", "1", SONGS, ("song_file",)),
    "spectral_features": ("song", "json", "team:music", "1", SONGS, ("song_audio",)),
    "beat_grid": ("song", "json", "team:music", "2", SONGS, ("spectral_features",)),
    "onsets": ("song", "json", "team:music", "1", SONGS, ("spectral_features",)),
    "energy_curve": ("song", "json", "team:music", "1", SONGS, ("spectral_features",)),
    "vocals": ("song", "flac", "team:music", "1", SONGS, ("song_audio",)),
    "sections": (
        "song",
        "json",
        "team:music",
        "1",
        SONGS,
        ("beat_grid", "lyric_alignment", "spectral_features", "vocals"),
    ),
    "lyric_alignment": ("song", "json", "team:music", "1", SONGS, ("song_lyrics", "vocals")),
    "storyboard": (
        *("storyboard", "json", "team:video", "1", SONGS),
        (
            *("beat_grid", "energy_curve", "lyric_alignment", "sections", "song_settings", "spectral_features"),
            "vocals",
        ),
    ),
    "scene_brief": ("storyboard", "text", "team:video", "1", SCENES, ("prompt_presets", "storyboard")),
    "scene_prompt": ("storyboard", "text", "team:video", "1", SCENES, ("scene_brief", "storyboard")),
    "remix_request": (
        *("remix", "text", "team:music", "1", REMIXES),
        ("comfyui_workflows", "provider_settings", "remix_styles"),
    ),
    "music_remix": ("remix", "wav", "team:music", "1", REMIXES, ("beat_grid", "remix_request", "song_audio")),
    "scene_span": ("performance", "text", "team:animation", "1", SCENES, ("storyboard",)),
    "take_request": (
        *("takes", "text", "team:video", "1", SCENES),
        ("comfyui_workflows", "provider_settings", "scene_prompt", "storyboard", "video_models"),
    ),
    "scene_treatment": (
        *("film", "text", "team:video", "1", SCENES),
        ("comfyui_workflows", "provider_settings", "storyboard"),
    ),
    "delivery_request": ("film", "text", "team:video", "1", DELIVERIES, ()),
    "scene_take": ("takes", "video", "team:video", "1", SCENES, ("scene_prompt", "take_request")),
    "take_quality": ("takes", "json", "team:video", "1", SCENES, ("scene_take",)),
    "take_review": ("takes", "json", "team:video", "1", SCENES, ("scene_take",)),
    "selected_take": ("takes", "json", "team:video", "1", SCENES, ("scene_take", "take_quality", "take_review")),
    "contact_sheet": (
        *("takes", "image", "team:video", "2", SONGS),
        ("scene_take", "selected_take", "take_quality", "take_review"),
    ),
    "vocal_segment": ("performance", "flac", "team:animation", "1", SCENES, ("scene_span", "vocals")),
    "scene_alignment": (
        *("performance", "json", "team:animation", "1", SCENES),
        ("lyric_alignment", "scene_span", "vocal_segment"),
    ),
    "lipsynced_take": (
        *("performance", "video", "team:animation", "1", SCENES),
        ("scene_alignment", "scene_treatment", "selected_take", "vocal_segment"),
    ),
    "scene_clip": ("film", "video", "team:video", "1", SCENES, ("lipsynced_take", "scene_treatment")),
    "final_video": ("film", "video", "team:video", "1", SONGS, ("scene_clip", "sections", "song_audio")),
    "timeline": (
        *("film", "json", "team:video", "2", SONGS),
        ("beat_grid", "lipsynced_take", "scene_take", "sections", "song_audio"),
    ),
    "deliverable": (
        *("film", "video", "team:video", "1", DELIVERIES),
        ("delivery_request", "final_video", "lyric_alignment", "sections", "song_audio"),
    ),
    "cost_report": ("film", "json", "team:video", "1", SONGS, ("scene_take",)),
    "stem_text": (
        *("stems", "text", "team:audio", "1", STEMS),
        ("cast", "lexicon", "provider_settings", "stem_settings"),
    ),
    "message_request": ("stems", "text", "team:audio", "1", MESSAGES, ("message_templates", "stem_text")),
    "stem": ("stems", "wav", "team:audio", "1", STEMS, ("stem_text",)),
    "stem_index": ("stems", "json", "team:audio", "1", "all", ("stem",)),
    "message": ("stems", "wav", "team:audio", "1", MESSAGES, ("message_request", "stem")),
    "bucket_audit": ("bucket", "table", "team:audio", "1", None, ("message", "stem_index")),
    "message_audio": ("live", "wav", "team:audio", "1", LIVE_MESSAGES, ()),
    "provider_catalogue": ("providers", "json", "team:production", "1", None, ()),
    "provenance": ("provenance", "duckdb", "team:production", "1", None, ()),
    "stale_plan": ("plan", "table", "team:production", "1", None, ()),
}
OBSERVED = {
    *("cast", "lexicon", "mix_settings", "stem_settings", "prompt_presets", "remix_styles", "message_templates"),
    *("comfyui_workflows", "video_models", "price_card", "provider_settings"),
}
"""Files of settings: never rendered, only looked at."""
WITHOUT_PARTITIONS = {"bucket_audit", "provider_catalogue", "stale_plan", "provenance"}
"""Looked up anew each time: no recipe, nothing in the plan."""

CHECKS = {
    "dialogue_line": {"voice_in_cast"},
    "voice_line": {
        "intended_provider",
        "not_silent",
        "not_truncated",
        "not_clipped",
        "ends_not_silent",
        "not_over_long",
    },
    "message_audio": {"not_silent", "not_truncated", "not_clipped", "ends_not_silent", "not_over_long"},
    "alignment": {"intended_provider", "times_rise", "covers_speech", "text_is_spoken"},
    "lipsync": {"as_long_as_audio"},
    "dialogue_mix": {"not_silent", "loudness_on_target", "true_peak_below_ceiling"},
    "song_audio": {"not_silent", "not_damaged"},
    "beat_grid": {"beat_is_sure", "tempo_is_plausible"},
    "sections": {"sections_cover_song"},
    "lyric_alignment": {"words_are_aligned", "times_fit_song"},
    "storyboard": {"scenes_cover_song", "cuts_on_beats", "within_budget", "price_is_known", "overrides_fit"},
    "music_remix": {"intended_provider", "not_silent", "not_clipped", "loudness", "as_long_as_asked"},
    "scene_take": {"intended_provider", "wanted_takes_are_there"},
    "take_quality": {"quality_score", "character_consistency", "mouth_visibility"},
    "selected_take": {"selection_is_current"},
    "vocal_segment": {"as_long_as_scene"},
    "scene_alignment": {"times_rise", "phonemes_are_aligned", "words_are_heard", "words_have_times"},
    "lipsynced_take": {"intended_provider", "face_is_found", "face_is_steady", "has_every_frame"},
    "scene_clip": {"has_every_frame", "can_be_joined", "clip_is_long_enough"},
    "final_video": {"sounds_as_the_song", "as_long_as_song", "keeps_time", "intended_provider"},
    "timeline": {"reads_back"},
    "deliverable": {
        *("has_every_frame", "as_long_as_song", "sound_starts_with_picture", "loudness", "true_peak"),
        *("lyrics_are_shown", "text_can_be_drawn"),
    },
    "stem_text": {"data_sets_are_whole"},
    "stem": {"intended_provider", "not_truncated", "edges_not_silent", "not_over_long"},
    "message": {"bit_exact"},
    "bucket_audit": {"bucket_agrees"},
    "provider_catalogue": {"none_retired", "all_in_use_answer"},
}
"""Assets not named here have none of their own; every rendered one has `provenance_complete` and `up_to_date` too."""

COMMANDS = {
    *("align", "analyze", "backfill", "dev", "explain", "gc", "ingest", "mix", "models", "models fetch", "models list"),
    *("plan", "provenance", "providers", "remix", "reproduce", "retire", "say", "serve", "verify", "voices"),
    *("film", "take", "take add", "take list", "take remix", "take score", "take select", "take unselect", "take want"),
    *("stem", "stem generate", "stem invalidate", "stem list", "stem show"),
    *("message", "message bulk", "message list", "message make", "message show"),
    *("rotation", "rotation next", "rotation pair", "rotation reset", "rotation status", "rotation stream"),
    *("bucket", "bucket audit", "bucket check", "bucket list", "bucket resolve", "bucket upload"),
    *(
        "budget",
        "budget again",
        "budget attach",
        "budget cancel",
        "budget paid",
        "budget release",
        "budget set",
        "budget show",
    ),
    *("queue", "queue add", "queue autoplay", "queue autoplay start", "queue autoplay stop", "queue clear"),
    *("queue config", "queue list", "queue mark-played", "queue play-next", "queue requeue", "queue serve"),
    *("queue stats", "queue switch"),
}


@pytest.fixture
def specs(house: House) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in house.defs.resolve_all_asset_specs()}


def partitions(definition: dg.PartitionsDefinition | None) -> str | None:
    """The name of a set of partitions, or those of its dimensions; None for none."""
    if definition is None:
        return None
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return ", ".join(sorted(definition.partition_dimension_names))
    if isinstance(definition, dg.StaticPartitionsDefinition):
        return ", ".join(definition.get_partition_keys())
    assert isinstance(definition, dg.DynamicPartitionsDefinition)
    return definition.name


def commands(group: click.Group = main, prefix: str = "") -> Iterator[str]:
    """Every sub-command, as it is typed."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


def test_the_assets_are_these(specs: dict[str, dg.AssetSpec]) -> None:
    found = {
        name: (
            spec.group_name,
            ", ".join(spec.kinds),
            ", ".join(spec.owners),
            spec.code_version,
            partitions(spec.partitions_def),
            tuple(sorted(dep.asset_key.to_user_string() for dep in spec.deps)),
        )
        for name, spec in specs.items()
        if name not in OBSERVED
    }
    assert found == TABLE


def test_the_files_of_settings_are_observed(house: House) -> None:
    graph = house.defs.resolve_asset_graph()
    observed = {key.to_user_string() for key in graph.observable_asset_keys}
    assert observed == OBSERVED
    assert all(graph.get(key).description for key in graph.observable_asset_keys)


def test_every_asset_says_what_one_partition_holds(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        assert spec.description, f"{name} has no description"
        assert 20 < len(spec.description) < 300, f"the description of {name} is {len(spec.description)} long"
        assert name in OBSERVED or spec.tags["stage"] == spec.group_name


def test_every_rendered_asset_is_a_recipe_with_its_own_code_version(specs: dict[str, dg.AssetSpec]) -> None:
    sources = {source.asset for source in SOURCES}
    assert {recipe.asset for recipe in RECIPES} == TABLE.keys() - sources - WITHOUT_PARTITIONS
    for source in SOURCES:
        assert specs[source.asset].code_version == source.code_version
    for recipe in RECIPES:
        assert specs[recipe.asset].code_version == recipe.code_version
    assert len({recipe.folder for recipe in RECIPES}) == len(RECIPES)


def test_the_checks_are_these(house: House) -> None:
    keys = house.defs.resolve_asset_graph().asset_check_keys
    found: dict[str, set[str]] = {name: set() for name in TABLE}
    for key in keys:
        found[key.asset_key.to_user_string()].add(key.name)
    rendered = {recipe.asset: {COMPLETE, UP_TO_DATE} for recipe in RECIPES}
    wanted = {name: CHECKS.get(name, set()) | rendered.get(name, set()) for name in {*CHECKS, *rendered}}
    assert {name: checks for name, checks in found.items() if checks} == wanted
    graph = house.defs.resolve_asset_graph()
    assert all(graph.get_check_spec(key).description for key in keys)


def test_every_artifact_is_measured_by_exactly_the_checks_of_its_asset(
    house: House, instance: dg.DagsterInstance
) -> None:
    house.register()
    house.run(instance)
    for recipe in DIALOGUE.recipes:
        for ref in house.studio().store.refs(recipe.asset).all().values():
            sidecar = house.studio().store.find(ref.object)
            assert sidecar is not None
            assert {check.name for check in sidecar.checks} == CHECKS[recipe.asset] - {INTENDED}, "no stand-in made it"


def test_every_asset_can_be_rendered_in_one_run_from_the_ui(house: House) -> None:
    graph = house.defs.resolve_asset_graph()
    for assets in house.defs.assets or ():
        if isinstance(assets, dg.SourceAsset):
            assert assets.key in graph.observable_asset_keys
            continue
        assert isinstance(assets, dg.AssetsDefinition)
        if assets.partitions_def is not None:
            assert assets.backfill_policy == dg.BackfillPolicy.single_run()


def test_only_built_in_partition_mappings_are_used(specs: dict[str, dg.AssetSpec]) -> None:
    """A backfill over a custom mapping reports success having run only the root."""
    for spec in specs.values():
        for dep in spec.deps:
            mapping = dep.partition_mapping
            assert mapping is None or type(mapping).__module__.startswith("dagster."), f"{spec.key}: {mapping}"


def test_jobs_and_sensors_are_these(house: House) -> None:
    repository = house.defs.get_repository_def()
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        "render_dialogue",
        "render_music",
        "render_film",
        "render_messages",
        "render_live",
        "backfill",
        "look_up_providers",
        "refresh_provenance",
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        *("new_dialogue", "uploaded_songs", "planned_films", "new_stems", "workflow_changes"),
        *("new_messages", "autoplay"),
    }
    for sensor in repository.sensor_defs:
        assert sensor.description


def test_the_definitions_load_without_any_model_and_touch_no_file(house: House) -> None:
    before = house.tree()
    dg.Definitions.validate_loadable(house.defs)
    from audio_assets.definitions import build_defs

    dg.Definitions.validate_loadable(build_defs())
    assert house.tree() == before


def test_dagster_is_pinned_exactly() -> None:
    """`batch.py` relies on the meaning of Dagster's system tags."""
    assert re.search(r'"dagster==\d+\.\d+\.\d+"', (REPOSITORY / "pyproject.toml").read_text())


# The README


def test_the_commands_are_these() -> None:
    assert set(commands()) == COMMANDS


@pytest.mark.parametrize("asset", sorted(TABLE))
def test_the_readme_names_every_asset(asset: str) -> None:
    assert f"`{asset}`" in (REPOSITORY / "README.md").read_text(), f"README.md does not say what {asset} is"


def params(group: click.Group = main) -> Iterator[click.Parameter]:
    """What all sub-commands take."""
    for command in group.commands.values():
        yield from params(command) if isinstance(command, click.Group) else command.params


def test_no_number_that_a_command_takes_is_none() -> None:
    taken = {param.name: param.type for param in params() if isinstance(param.type, click.types.FloatParamType)}
    assert {"within_s", "max_cost_usd", "cooldown_s", "user_score"} <= taken.keys()
    for kind in taken.values():
        for value in ("nan", "inf", "-inf"):
            with pytest.raises(click.BadParameter):
                kind.convert(value, None, None)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_readme_names_every_command(command: str) -> None:
    assert f"audio-assets {command}" in (REPOSITORY / "README.md").read_text()


def test_every_file_that_the_readme_links_to_is_there() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert links
    assert [link for link in links if not (REPOSITORY / link).is_file()] == []
