"""The film as an OpenTimelineIO timeline: a video track of scenes, an audio track with the song, markers over both.

What this project knows of a clip stands in its metadata under `audio_assets`; exact frame rates stand there as text,
for OTIO's own are floats.
"""

from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from audio_assets.domain.timebase import format_frame_rate
from audio_assets.domain.timeline_plan import Marker, MarkerKind, Placed, TimelinePlan

SCHEMA = "audio-assets.timeline.1"
OWN = "audio_assets"
"""The key of our metadata."""

COLOURS: dict[MarkerKind, str] = {"section": "GREEN", "downbeat": "RED", "beat": "CYAN"}


def otio_timeline(plan: TimelinePlan) -> otio.schema.Timeline:
    """Return the plan as a timeline that begins at 00:00:00:00."""
    timeline = otio.schema.Timeline(plan.title, global_start_time=_time(plan, 0))
    timeline.metadata[OWN] = {
        "schema": SCHEMA,
        "frame_rate": format_frame_rate(plan.frame_rate),
        "n_frames": plan.n_frames,
        "size": f"{plan.width}x{plan.height}",
        "notes": list(plan.notes),
    }
    timeline.tracks.append(_video(plan))
    timeline.tracks.append(_audio(plan))
    timeline.tracks.markers.extend(_marker(plan, marker) for marker in plan.markers)
    return timeline


def otio_text(plan: TimelinePlan) -> str:
    """Return the plan as an `.otio` file; equal plans give equal text."""
    return str(otio.adapters.write_to_string(otio_timeline(plan), "otio_json", indent=2)) + "\n"


def _time(plan: TimelinePlan, frame: int) -> RationalTime:
    return RationalTime(frame, float(plan.frame_rate))


def _range(plan: TimelinePlan, start: int, n_frames: int) -> TimeRange:
    return TimeRange(_time(plan, start), _time(plan, n_frames))


def _video(plan: TimelinePlan) -> otio.schema.Track:
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for clip in plan.clips:
        if clip.is_joined or clip.join.kind == "dip":  # a dip shows nothing of the other clip: it needs no handles
            track.append(_transition(plan, clip))
        track.append(
            otio.schema.Clip(
                clip.name,
                otio.schema.ExternalReference(clip.url, _range(plan, 0, clip.available_frames)),
                _range(plan, clip.source_frame, clip.n_frames),
                metadata={OWN: _facts(clip)},
            )
        )
        if clip.gap_frames:
            track.append(otio.schema.Gap(source_range=_range(plan, 0, clip.gap_frames)))
    return track


def _facts(clip: Placed) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "scene_id": clip.scene_id,
        "take_id": clip.take_id,
        "prompt_sha256": clip.prompt_sha256,
        "start_frame": clip.start_frame,
    }
    if clip.join.n_frames:
        facts["transition_in"] = {
            "kind": clip.join.kind,
            "before_frames": clip.join.before_frames,
            "after_frames": clip.join.after_frames,
            "has_handles": clip.has_handles,
        }
    return facts


def _transition(plan: TimelinePlan, clip: Placed) -> otio.schema.Transition:
    kind = "SMPTE_Dissolve" if clip.join.kind == "dissolve" else "Custom_Transition"
    return otio.schema.Transition(
        clip.join.kind,
        kind,
        _time(plan, clip.join.before_frames),
        _time(plan, clip.join.after_frames),
        metadata={OWN: {"kind": clip.join.kind}},
    )


def _audio(plan: TimelinePlan) -> otio.schema.Track:
    rate_hz = plan.song.sample_rate_hz
    whole = TimeRange(RationalTime(0, rate_hz), RationalTime(plan.song.n_samples, rate_hz))
    track = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    reference = otio.schema.ExternalReference(plan.song_url, whole)
    track.append(otio.schema.Clip(plan.title, reference, whole, metadata={OWN: {"n_channels": plan.song.n_channels}}))
    return track


def _marker(plan: TimelinePlan, marker: Marker) -> otio.schema.Marker:
    return otio.schema.Marker(
        marker.name,
        _range(plan, marker.frame, 1 if marker.kind == "section" else 0),
        COLOURS[marker.kind],
        metadata={OWN: {"kind": marker.kind}},
    )
