"""A scene's clip with the singer's mouth moved, or the clip as it is where nothing is to be moved.

Which take, and whether its mouth is to move, is decided elsewhere; how a mouth is moved is the lip-sync provider's.
"""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.timebase import format_frame_rate
from audio_assets.domain.timeline import Timeline
from resources.engines.scene_clips import ConformSpec, conform_clip, n_at_rate
from resources.engines.scene_singing import scene_lipsync
from resources.engines.take_artifacts import frame_picture
from resources.video_files import VideoFileError, VideoInfo, decode_from, probe_video

LIPSYNC = "lipsync.json"
PICTURE = "picture.jpg"
Sync = Callable[[Path, bytes, bytes | None, Path], Synced]
DRAWN = "a drawn mouth is drawn anew from its rig, whoever moves those of filmed faces"
_FACE_SHARE = 0.5  # of the frames in which somebody sings: with fewer the mouth seems to stop


def passed_through(clip: Path, why: str, scratch: Path) -> Rendered:
    """The clip, byte for byte."""
    info = _probed(clip)
    shutil.copyfile(clip, scratch)
    facts = {"method": "none", "why": why, "n_frames": info.n_frames, "duration_s": round(info.duration_s, 4)}
    return Rendered({f"clip{clip.suffix}": scratch}, {PICTURE: frame_picture(clip, info.n_frames // 2)}, facts)


def lipsynced(
    sync: Sync, clip: Path, alignment: bytes, rig: bytes | None, frame_rate: Fraction, scratch: Path
) -> Rendered:
    """The clip with its mouth moved by the scene's phonemes; unchanged, with a failed check, where no face is found.

    A clip whose frames have no rate, lie on their side or are not square is brought into shape first, at `frame_rate`.
    """
    record = alignment_schema.from_bytes(alignment)
    if not record.timeline.phonemes:
        return passed_through(clip, "nothing is sung in this scene", scratch)
    info = _probed(clip)
    spec = shape_of(clip, info, frame_rate)
    if spec is None:
        return _synced(sync, clip, info, record, rig, scratch)
    shaped = scratch.with_name(f"{scratch.stem}.shaped.mp4")
    try:
        conform_clip(clip, None, spec, shaped)
        done = _synced(sync, shaped, _probed(shaped), record, None, scratch)
    finally:
        shaped.unlink(missing_ok=True)
    size = f"{spec.width} x {spec.height} at {format_frame_rate(spec.frame_rate)}"
    return replace(done, notes=(f"the clip was brought to {size} frames per second to move its mouth", *done.notes))


def shape_of(clip: Path, info: VideoInfo, frame_rate: Fraction) -> ConformSpec | None:
    """What the clip is brought to before its frames can be painted on and written by number; None as it is."""
    with closing(decode_from(clip)) as frames:
        n_turns = next((round(frame.rotation / 90) % 4 for _, frame in frames), 0)
    width, height = round(info.width * info.pixel_aspect), info.height
    if n_turns % 2:
        width, height = height, width
    width, height = max(2, width - width % 2), max(2, height - height % 2)
    if info.is_steady and n_turns == 0 and (width, height) == (info.width, info.height):
        return None
    rate = info.frame_rate if info.is_steady else frame_rate
    return ConformSpec(width, height, rate, n_at_rate(info, rate))


def _synced(
    sync: Sync, clip: Path, info: VideoInfo, record: alignment_schema.AlignmentRecord, rig: bytes | None, scratch: Path
) -> Rendered:
    fitted = replace(record, timeline=lasting(record.timeline, info.duration_s))
    frames = scene_lipsync(alignment_schema.to_bytes(fitted), info.frame_rate, info.n_frames)
    try:
        done = sync(clip, frames, rig, scratch)
    except VideoFileError as error:
        raise PermanentError(str(error)) from error
    share = done.n_with_face / max(1, done.n_frames)
    found = Check("face_is_found", done.method != "unchanged", f"in {done.n_with_face} of {done.n_frames} frames")
    whole = Check("has_every_frame", done.n_frames == info.n_frames, f"{done.n_frames} of {info.n_frames} frames")
    steady = Check("face_is_steady", share >= _FACE_SHARE, f"{share:.0%} of the frames, at least {_FACE_SHARE:.0%}")
    return Rendered(
        files={f"clip{clip.suffix if done.method == 'unchanged' else '.mp4'}": scratch, LIPSYNC: frames},
        previews={PICTURE: frame_picture(scratch, info.n_frames // 2)},
        facts={
            "method": done.method, "n_frames": done.n_frames, "n_with_face": done.n_with_face,
            "n_changed": done.n_changed, "duration_s": round(info.duration_s, 4), **done.measures,
            **({} if rig is None else {"why": DRAWN}),
        },
        checks=(found, steady, whole),
        notes=done.notes,
    )  # fmt: skip


def lasting(timeline: Timeline, duration_s: float) -> Timeline:
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
