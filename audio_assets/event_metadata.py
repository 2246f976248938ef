"""What a materialization shows in the Dagster UI: the few facts that people look for, a picture, one link to the page.

An event's payload stays under 8 KB, of which Dagster's own envelope is 3.4 KB: the picture is a PNG or JPEG of at most
3 KB (4 KB as text), long texts are cut.
"""

import base64
from collections.abc import Mapping
from urllib.parse import quote

import dagster as dg

from audio_assets.domain.artifacts import PICTURE
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome

_SHOWN = (
    "text", "character", "voice", "engine", "source", "lang", "duration_s", "fps", "n_frames", "n_phonemes",
    "n_words", "n_tracks", "integrated_lufs", "true_peak_db", "ducked_share", "sample_rate_hz", "codec",
    "n_channels", "key", "bpm", "n_beats", "beats_per_bar", "beat_confidence", "n_onsets", "onsets_per_s",
    "mean_energy", "sections", "voice_share", "n_aligned", "mean_confidence", "aligned_by", "title", "n_scenes",
    "n_performance", "clip_seconds", "frame_rate", "estimated_usd_with_retries", "budget_cap_usd", "bpm_before",
    "bpm_after", "style", "pitch_semitones", "n_bars", "n_takes", "n_current", "n_missing", "n_selected", "provider",
    "paid_usd", "n_measured", "best_quality_score", "best_character_consistency", "best_mouth_visibility", "n_reviews",
    "user_scores", "reviewed_by", "take", "chosen_by", "by", "method", "made", "why", "n_with_face", "n_changed",
    "sounding_share", "confidence", "n_clips", "drift_frames", "n_chapters", "n_markers", "video", "audio", "width",
    "height", "source_file", "subtitles", "n_cues", "n_bytes", "n_orders", "spent_usd", "held_usd", "model",
    "api_version", "encoding", "contract_signature", "n_parts", "n_stems", "n_contracts",
)  # fmt: skip
_LONGEST_TEXT = 240
_PICTURES = {PICTURE: "png", "picture.jpg": "jpeg"}


def event_metadata(recipe: Recipe, outcome: Outcome, *, with_picture: bool) -> Mapping[str, dg.MetadataValue]:
    """The metadata of one partition's event."""
    sidecar = outcome.sidecar
    if sidecar is None:
        return {}
    page = f"{recipe.studio.settings.artifact_url}/a/{recipe.asset}/{quote(outcome.partition, safe='')}"
    shown: dict[str, dg.MetadataValue] = {"open": dg.MetadataValue.url(page)}
    shown |= _picture(recipe, outcome.folder, sidecar, is_inline=with_picture)
    for name in _SHOWN:
        if name in sidecar.facts:
            shown[name] = _value(sidecar.facts[name])
    if outcome.state == "stood_in":
        shown["stands_in"] = dg.MetadataValue.text(sidecar.notes[-1][:_LONGEST_TEXT])
    shown["cached"] = dg.MetadataValue.bool(outcome.state == "cached")
    shown["cost_usd"] = dg.MetadataValue.float(sidecar.cost_usd)
    shown["render_s"] = dg.MetadataValue.float(sidecar.render_s)
    failed = [f"{check.name}: {check.detail}" for check in sidecar.checks if not check.passed]
    if failed:
        shown["failed_checks"] = dg.MetadataValue.text("; ".join(failed)[:_LONGEST_TEXT])
    if sidecar.notes:
        shown["notes"] = dg.MetadataValue.text("; ".join(sidecar.notes)[:_LONGEST_TEXT])
    return shown


def _picture(recipe: Recipe, folder: str, sidecar: Sidecar, *, is_inline: bool) -> Mapping[str, dg.MetadataValue]:
    """The picture itself, or a link to it; nothing for what has none, or an empty one."""
    name = next((name for name in _PICTURES if name in sidecar.files and sidecar.files[name].size), None)
    if name is None:
        return {}
    if not is_inline:
        return {"picture": dg.MetadataValue.url(f"{recipe.studio.settings.artifact_url}/files/{folder}/{name}")}
    encoded = base64.b64encode(recipe.store.read(f"{folder}/{name}") or b"").decode()
    return {"picture": dg.MetadataValue.md(f"![{recipe.asset}](data:image/{_PICTURES[name]};base64,{encoded})")}


def _value(value: object) -> dg.MetadataValue:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    if value is None:
        return dg.MetadataValue.null()
    text = str(value)
    return dg.MetadataValue.text(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…")
