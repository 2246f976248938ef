"""A scene's clip with the singer's mouth moved, or the clip as it is where nothing is to be moved.

Which take, and whether its mouth is to move, is decided elsewhere; how a mouth is moved is the lip-sync provider's.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.timeline import Timeline
from resources.engines.scene_singing import scene_lipsync
from resources.engines.take_artifacts import frame_picture
from resources.video_files import VideoFileError, VideoInfo, probe_video

LIPSYNC = "lipsync.json"
PICTURE = "picture.jpg"
Sync = Callable[[Path, bytes, bytes | None, Path], Synced]
_FACE_SHARE = 0.5  # of the frames in which somebody sings: with fewer the mouth seems to stop


def passed_through(clip: Path, why: str, scratch: Path) -> Rendered:
    """The clip, byte for byte."""
    info = _probed(clip)
    shutil.copyfile(clip, scratch)
    facts = {"method": "none", "why": why, "n_frames": info.n_frames, "duration_s": round(info.duration_s, 4)}
    return Rendered({f"clip{clip.suffix}": scratch}, {PICTURE: frame_picture(clip, info.n_frames // 2)}, facts)


def lipsynced(sync: Sync, clip: Path, alignment: bytes, rig: bytes | None, scratch: Path) -> Rendered:
    """The clip with its mouth moved by the scene's phonemes; unchanged, with a failed check, where no face is found."""
    info = _probed(clip)
    record = alignment_schema.from_bytes(alignment)
    if not record.timeline.phonemes:
        return passed_through(clip, "nothing is sung in this scene", scratch)
    fitted = replace(record, timeline=_lasting(record.timeline, info.duration_s))
    frames = scene_lipsync(alignment_schema.to_bytes(fitted), info.frame_rate, info.n_frames)
    try:
        done = sync(clip, frames, rig, scratch)
    except VideoFileError as error:
        raise PermanentError(str(error)) from error
    share = done.n_with_face / max(1, done.n_frames)
    found = Check("face_is_found", done.method != "unchanged", f"in {done.n_with_face} of {done.n_frames} frames")
    steady = Check("face_is_steady", share >= _FACE_SHARE, f"{share:.0%} of the frames, at least {_FACE_SHARE:.0%}")
    return Rendered(
        files={f"clip{clip.suffix if done.method == 'unchanged' else '.mp4'}": scratch, LIPSYNC: frames},
        previews={PICTURE: frame_picture(scratch, info.n_frames // 2)},
        facts={
            "method": done.method, "n_frames": done.n_frames, "n_with_face": done.n_with_face,
            "n_changed": done.n_changed, "duration_s": round(info.duration_s, 4), **done.measures,
        },
        checks=(found, steady),
        notes=done.notes,
    )  # fmt: skip


def _lasting(timeline: Timeline, duration_s: float) -> Timeline:
    """The timeline over a clip that is longer or shorter than its scene, or has frames of its own length."""
    phones = tuple(
        replace(phone, t_end=min(phone.t_end, duration_s)) for phone in timeline.phonemes if phone.t_start < duration_s
    )
    words = tuple(
        replace(word, t_end=min(word.t_end, duration_s)) for word in timeline.words if word.t_start < duration_s
    )
    return Timeline(phones, words, duration_s)


def _probed(clip: Path) -> VideoInfo:
    try:
        return probe_video(clip)
    except VideoFileError as error:
        raise PermanentError(str(error)) from error
