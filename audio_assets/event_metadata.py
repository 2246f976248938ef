"""What a materialization shows in the Dagster UI: the few facts that people look for, a picture, one link to the page.

An event's payload stays under 8 KB, of which Dagster's own envelope is 3.4 KB: the picture is a PNG of at most 3 KB
(4 KB as text), long texts are cut.
"""

import base64
from collections.abc import Mapping
from urllib.parse import quote

import dagster as dg

from audio_assets.domain.artifacts import PICTURE
from audio_assets.render import Outcome, Recipe

_SHOWN = (
    "text", "character", "voice", "engine", "source", "lang", "duration_s", "fps", "n_frames", "n_phonemes",
    "n_words", "n_tracks", "integrated_lufs", "true_peak_db", "ducked_share", "sample_rate_hz", "codec",
    "n_channels", "key", "bpm", "n_beats", "beats_per_bar", "beat_confidence", "n_onsets", "onsets_per_s",
    "mean_energy", "sections", "voice_share", "n_aligned", "mean_confidence", "aligned_by", "title", "n_scenes",
    "n_performance", "clip_seconds", "frame_rate", "estimated_usd_with_retries", "budget_cap_usd", "bpm_before",
    "bpm_after", "style", "pitch_semitones", "n_bars",
)  # fmt: skip
_LONGEST_TEXT = 240


def event_metadata(recipe: Recipe, outcome: Outcome, *, with_picture: bool) -> Mapping[str, dg.MetadataValue]:
    """The metadata of one partition's event."""
    sidecar = outcome.sidecar
    if sidecar is None:
        return {}
    page = f"{recipe.studio.settings.artifact_url}/a/{recipe.asset}/{quote(outcome.partition, safe='')}"
    shown: dict[str, dg.MetadataValue] = {"open": dg.MetadataValue.url(page)}
    if with_picture and PICTURE in sidecar.files:
        png = recipe.store.read(f"{outcome.folder}/{PICTURE}") or b""
        picture = f"![{recipe.asset}](data:image/png;base64,{base64.b64encode(png).decode()})"
        shown["picture"] = dg.MetadataValue.md(picture)
    elif PICTURE in sidecar.files:
        shown["picture"] = dg.MetadataValue.url(
            f"{recipe.studio.settings.artifact_url}/files/{outcome.folder}/{PICTURE}"
        )
    for name in _SHOWN:
        if name in sidecar.facts:
            shown[name] = _value(sidecar.facts[name])
    shown["cached"] = dg.MetadataValue.bool(outcome.state == "cached")
    shown["cost_usd"] = dg.MetadataValue.float(sidecar.cost_usd)
    shown["render_s"] = dg.MetadataValue.float(sidecar.render_s)
    failed = [f"{check.name}: {check.detail}" for check in sidecar.checks if not check.passed]
    if failed:
        shown["failed_checks"] = dg.MetadataValue.text("; ".join(failed)[:_LONGEST_TEXT])
    if sidecar.notes:
        shown["notes"] = dg.MetadataValue.text("; ".join(sidecar.notes)[:_LONGEST_TEXT])
    return shown


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
