"""The timeline of a film as files for editors, each read back before it is handed on.

What stands where is planned in `audio_assets/domain/timeline_plan.py`; the notations are `domain/otio_timeline.py`,
`domain/fcpxml.py` and `domain/edl.py`. Here they are written and held against what OpenTimelineIO reads of them.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import opentimelineio as otio

from audio_assets.domain.edl import edl_text, why_no_edl
from audio_assets.domain.fcpxml import fcpxml_text, read_edit_points, spine_items, why_no_fcpxml
from audio_assets.domain.music.analysis import BeatGrid, Section
from audio_assets.domain.otio_timeline import otio_text
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.storyboard import Storyboard
from audio_assets.domain.timebase import format_frame_rate
from audio_assets.domain.timeline_plan import (
    Film,
    Join,
    SongMedia,
    TimelineClip,
    TimelineError,
    TimelinePlan,
    plan_timeline,
)

OTIO, FCPXML, EDL = "timeline.otio", "timeline.fcpxml", "timeline.edl"


def timeline_files(
    board: Film | Storyboard,
    clips: Mapping[str, TimelineClip],
    song: SongMedia,
    grid: BeatGrid,
    sections: Sequence[Section],
    joins: Mapping[str, Join] | None = None,
) -> Rendered:
    """Write `timeline.otio`, `timeline.fcpxml` and `timeline.edl`; one that can not hold the film is a note instead.

    `clips` by scene id, `joins` by the id of the scene that comes in. The same arguments give the same bytes; paths
    stand in the files as they are given.

    Raises:
        PermanentError: a scene has no clip, or something has no length; one sentence.
    """
    try:
        plan = plan_timeline(board, clips, song, grid, sections, joins or {})
    except TimelineError as error:
        raise PermanentError(str(error)) from error
    texts = {OTIO: otio_text(plan)}
    reasons = {FCPXML: why_no_fcpxml(plan), EDL: why_no_edl(plan)}
    texts |= {FCPXML: fcpxml_text(plan)} if not reasons[FCPXML] else {}
    texts |= {EDL: edl_text(plan)} if not reasons[EDL] else {}
    return Rendered(
        files={name: text.encode() for name, text in texts.items()},
        facts={
            "frame_rate": format_frame_rate(plan.frame_rate),
            "n_frames": plan.n_frames,
            "n_clips": len(plan.clips),
            "n_markers": len(plan.markers),
            "start_timecode": "00:00:00:00",
        },
        checks=(Check("reads_back", *_verdict(read_back_faults(texts, plan), texts), blocking=True),),
        notes=(*plan.notes, *(reason for reason in reasons.values() if reason)),
    )


def otio_version() -> str:
    """The version of OpenTimelineIO, for the key of what is written with it."""
    return str(otio.__version__)


def _verdict(faults: Sequence[str], texts: Mapping[str, str]) -> tuple[bool, str]:
    return not faults, "; ".join(faults[:3]) or f"{', '.join(texts)} read back with every cut on its frame"


def read_back_faults(texts: Mapping[str, str], plan: TimelinePlan) -> list[str]:
    """Return sentences on what the files, read again, do not have as planned; [] for none."""
    readers = {OTIO: _otio_faults, FCPXML: _fcpxml_faults, EDL: _edl_faults}
    return [f"{name}: {fault}" for name, text in texts.items() for fault in readers[name](text, plan)]


def clip_starts(track: otio.schema.Track) -> list[int]:
    """The frames on which the clips of a track begin, seen from the track's own start."""
    return [round(track.range_of_child(clip).start_time.value) for clip in track.find_clips()]


def _otio_faults(text: str, plan: TimelinePlan) -> list[str]:
    timeline = otio.adapters.read_from_string(text, "otio_json")
    starts = clip_starts(timeline.video_tracks()[0])
    n_samples = timeline.audio_tracks()[0].find_clips()[0].duration().value
    return [
        *_compared("clips begin on", starts, [clip.start_frame for clip in plan.clips]),
        *_compared("markers", len(timeline.tracks.markers), len(plan.markers)),
        *_compared("samples of the song", n_samples, plan.song.n_samples),
    ]


def _edl_faults(text: str, plan: TimelinePlan) -> list[str]:
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=float(plan.frame_rate))
    video = timeline.video_tracks()[0]
    # A dissolve begins before its cut by what it takes of the clip that ends: there the event begins.
    dissolves = [clip.is_joined and clip.join.kind == "dissolve" for clip in plan.clips]
    ahead = [clip.join.before_frames if is_one else 0 for clip, is_one in zip(plan.clips, dissolves, strict=True)]
    planned = [clip.start_frame - frames for clip, frames in zip(plan.clips, ahead, strict=True)]
    return [
        *_compared("clips begin on", clip_starts(video), planned),
        *_compared("markers", sum(len(clip.markers) for clip in video.find_clips()), len(plan.markers)),
        *_compared("dissolves", sum(isinstance(item, otio.schema.Transition) for item in video), sum(dissolves)),
    ]


def _fcpxml_faults(text: str, plan: TimelinePlan) -> list[str]:
    """The edit points exactly, by our own reader; the rest by OTIO's, which cuts off parts of a frame (see below)."""
    rate = plan.frame_rate
    items = spine_items(plan)
    exact = [(Fraction(item.start_frame) / rate, Fraction(item.n_frames) / rate) for item in items]
    timeline = otio.adapters.read_from_string(text, "fcpx_xml")
    video = timeline.video_tracks()[0]
    beats = [
        frame
        for item in items
        if item.clip
        for frame in {m.frame for m in plan.markers_in(item.start_frame, item.start_frame + item.n_frames)}
        - {m.frame for m in plan.markers if m.kind == "section"}
    ]
    return [
        *_compared("edit points", read_edit_points(text), exact),
        *_compared("clips", len(video.find_clips()), len(plan.clips)),
        *_compared("songs", sum(len(track.find_clips()) for track in timeline.audio_tracks()), 1),
        *_compared("markers on beats", sum(len(clip.markers) for clip in video.find_clips()), len(beats)),
    ]


def _compared(what: str, found: object, planned: object) -> list[str]:
    return [] if found == planned else [f"{what} {found} instead of {planned}"]
