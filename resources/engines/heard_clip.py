"""A scene's clip for somebody who moves its mouth by listening: what he is given, and what is taken of what he made.

He is given a clip with a steady rate, upright and square, and the voice as a mono WAV that is exactly as long. What he
made has to show the same picture for as long; its frames are brought to the clip's own, and what he did not make of
the end is the clip's. A face that was blacked out (a model that was fed silence does that) is refused. Who he is does
not matter here; a mouth that follows our own phonemes is `lipsynced_take`'s and `mouth_warp`'s.
"""

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from audio_assets.domain.lip_sync import Synced, frames_for_clip
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas import lipsync as lipsync_schema
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.timebase import format_frame_rate
from resources.audio_files import AudioFileError, AudioReader, WavWriter, probe_audio
from resources.engines.lipsynced_take import PICTURE, lasting, shape_of
from resources.engines.scene_clips import ConformSpec, conform_clip
from resources.engines.scene_singing import scene_lipsync
from resources.engines.take_artifacts import frame_picture
from resources.video_files import (
    Picture,
    VideoFileError,
    VideoInfo,
    VideoWriter,
    decode_from,
    decode_whole,
    probe_video,
    read_frames,
)

RECIPE = "1"
"""Raise when the same clip and voice are given in another way, or the same result is taken otherwise."""

CRF = 16
"""Of what is encoded again: finer than a clip's own 20, for it was encoded before."""

MOST_MISSING_S = 0.25
"""What a result may lack at its end; more is no result for this clip."""

_COMPARED_PX = 320
_CHANGED = 24  # of 255: more than two encoders differ in
_CHANGED_SHARE = 0.0005  # of the picture: a mouth far away
_BLACK, _NOT_BLACK = 16, 48
_BLACKED_SHARE = 0.5

AudioSync = Callable[[Path, Path, Path], Synced]


@dataclass(frozen=True, slots=True)
class Material:
    """What goes to the one who listens: the clip, its voice, and what had to be done for that."""

    video: Path
    voice: Path
    info: VideoInfo
    notes: tuple[str, ...]


@contextmanager
def material(clip: Path, segment: Path, frame_rate: Fraction, scratch: Path) -> Iterator[Material]:
    """The clip as an MP4 file, at `frame_rate` where it has no rate of its own, and its voice; gone at the end.

    Raises:
        PermanentError: clip or voice can not be read.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="heard-", dir=scratch.parent) as name:
            folder = Path(name)
            info = probe_video(clip)
            spec = shape_of(clip, info, frame_rate)
            if spec is None and (info.codec != "h264" or not _is_mp4(info)):
                spec = ConformSpec(info.width, info.height, info.frame_rate, info.n_frames)
            video = clip
            notes: tuple[str, ...] = ()
            if spec is not None:
                video = folder / "video.mp4"
                conform_clip(clip, None, spec, video)
                info = probe_video(video)
                size = f"{info.width} x {info.height} at {format_frame_rate(info.frame_rate)}"
                notes = (f"the clip was brought to {size} frames per second to move its mouth",)
            voice = write_voice(segment, info.n_frames / info.frame_rate, folder / "voice.wav")
            yield Material(video, voice, info, notes)
    except (VideoFileError, AudioFileError) as error:
        raise PermanentError(str(error)) from error


def write_voice(segment: Path, duration_s: Fraction, target: Path) -> Path:
    """The scene's voice as a mono WAV of 16 bits at its own rate, silent where the clip is longer than the scene."""
    rate_hz = probe_audio(segment).sample_rate_hz
    n_samples = round(duration_s * rate_hz)
    with AudioReader(segment, n_channels=1) as reader:
        voice = reader.read(n_samples)
    writer = WavWriter(target, sample_rate_hz=rate_hz, n_channels=1, n_samples=n_samples)
    writer.write(voice)
    writer.write(np.zeros((n_samples - len(voice), 1), np.float32))
    writer.close()
    return target


# --- What came back --------------------------------------------------------------------------------------------------


def check_result(path: Path, wanted: VideoInfo | None = None, *, most_missing_s: float = MOST_MISSING_S) -> None:
    """Refuse what is no video that can be read to its end, or has not the size and length of the clip.

    Raises:
        VideoFileError, PermanentError: one sentence.
    """
    result = decode_whole(path, "the result")
    if wanted is not None:
        _check_shape(result, wanted, most_missing_s)


def taken(clip: Path, made: Path, target: Path, *, most_missing_s: float = MOST_MISSING_S) -> Synced:
    """Take what was made of the clip: `target` has the clip's frames, rate and size; `made` is gone.

    Raises:
        PermanentError: it is no video, of another size or length, the clip itself, or shows no face any more.
    """
    try:
        result, wanted = decode_whole(made, "the result"), probe_video(clip)
        _check_shape(result, wanted, most_missing_s)
        n_missing = 0
        if _agrees(result, wanted):
            made.replace(target)
        else:
            n_missing = _write(clip, made, result, wanted, target)
        n_changed, n_blacked = _compared(clip, target, wanted)
    except VideoFileError as error:
        target.unlink(missing_ok=True)
        raise PermanentError(str(error)) from error
    finally:
        made.unlink(missing_ok=True)
    if n_blacked > _BLACKED_SHARE * max(1, n_changed):
        target.unlink(missing_ok=True)
        raise PermanentError(
            f"the face is blacked out in {n_blacked} of {wanted.n_frames} frames of the result: the model could not "
            "make anything of the voice, or of this face"
        )
    notes = []
    if result.frame_rate != wanted.frame_rate:
        rates = format_frame_rate(result.frame_rate), format_frame_rate(wanted.frame_rate)
        notes.append(f"the result had {rates[0]} frames per second and was brought to {rates[1]}")
    if n_missing:
        notes.append(f"the result ended {n_missing} frames early: they are the clip's own")
    measures = {"n_result_frames": result.n_frames, "n_missing_frames": n_missing}
    return Synced(wanted.n_frames, n_changed, n_changed, "by_voice", tuple(notes), measures)


def _check_shape(result: VideoInfo, wanted: VideoInfo, most_missing_s: float) -> None:
    if (result.width, result.height) != (wanted.width, wanted.height):
        raise PermanentError(
            f"the result is {result.width} x {result.height} pixels and the clip {wanted.width} x {wanted.height}: let "
            "it keep the clip's size"
        )
    if result.duration_s < wanted.duration_s - most_missing_s:
        raise PermanentError(
            f"the result lasts {result.duration_s:.2f} s and the clip {wanted.duration_s:.2f} s: too much is missing"
        )


def _agrees(result: VideoInfo, wanted: VideoInfo) -> bool:
    """Whether its frames are the clip's, one by one, as they stand in the file."""
    return (
        _is_mp4(result) and result.is_steady and result.first_pts_s == 0
        and (result.n_frames, result.frame_rate, result.pixel_aspect)
        == (wanted.n_frames, wanted.frame_rate, wanted.pixel_aspect)
    )  # fmt: skip


def _is_mp4(info: VideoInfo) -> bool:
    return info.container.split(",")[0] == "mov"


def _write(clip: Path, made: Path, result: VideoInfo, wanted: VideoInfo, target: Path) -> int:
    """Write the frames of the result that are due at the clip's frames, and the clip's own where there are none; how
    many those are.
    """  # noqa: D205
    n_missing = 0
    with (
        closing(decode_from(clip)) as own,
        closing(_due(made, result, wanted.frame_rate)) as frames,
        VideoWriter(target, wanted.width, wanted.height, wanted.frame_rate, crf=CRF) as writer,
    ):
        for _, frame in islice(own, wanted.n_frames):
            made_frame = next(frames, None)
            n_missing += made_frame is None
            writer.write_frame(made_frame or frame)
    return n_missing


def _due(made: Path, result: VideoInfo, rate: Fraction) -> Generator[VideoFrame, None, None]:
    """The frame that shows in the middle of each frame of the clip, as long as there are any."""
    with closing(decode_from(made)) as decoded:
        shown, coming = next(decoded, None), next(decoded, None)
        number = 0
        while shown is not None and (at_s := Fraction(2 * number + 1, 2) / rate) < result.duration_s:
            while coming is not None and coming[0] <= at_s:
                shown, coming = coming, next(decoded, None)
            yield shown[1]
            number += 1


def _compared(clip: Path, target: Path, info: VideoInfo) -> tuple[int, int]:
    """In how many frames the two differ, and in how many of those what differs became black."""
    width = min(_COMPARED_PX, info.width)
    height = max(2, round(info.height * width / info.width))
    n_changed = n_blacked = 0
    with (
        closing(read_frames(clip, width=width, height=height)) as before,
        closing(read_frames(target, width=width, height=height)) as after,
    ):
        for one, other in zip(before, after, strict=False):
            is_changed, is_blacked = _change(one, other)
            n_changed += is_changed
            n_blacked += is_blacked
    return n_changed, n_blacked


def _change(before: Picture, after: Picture) -> tuple[bool, bool]:
    differs = np.abs(before.astype(np.int16) - after).max(axis=2) > _CHANGED
    n_changed = int(differs.sum())
    if n_changed <= _CHANGED_SHARE * differs.size:
        return False, False
    became_black = differs & (after.max(axis=2) < _BLACK) & (before.max(axis=2) > _NOT_BLACK)
    return True, int(became_black.sum()) > n_changed / 2


# --- The artifact ----------------------------------------------------------------------------------------------------


def heard_take(
    sync: AudioSync,
    provider: str,
    clip: Path,
    segment: Path,
    alignment: bytes,
    frame_rate: Fraction,
    model_dir: Path | None,
    scratch: Path,
) -> Rendered:
    """The clip with its mouth moved by a provider on this machine; see `finished`."""
    with material(clip, segment, frame_rate, scratch) as given:
        done = sync(given.video, given.voice, scratch)
        return finished(provider, given, done, alignment, model_dir, scratch)


def finished(
    provider: str, given: Material, done: Synced, alignment: bytes, model_dir: Path | None, clip: Path
) -> Rendered:
    """The artifact of a clip whose mouth was moved.

    With the face models in `model_dir` the new mouth's lag behind the scene's phonemes is measured.
    """
    n_came, n_missing = done.measures["n_result_frames"], done.measures["n_missing_frames"]
    measured = {} if model_dir is None else _measured(clip, given.info, alignment, model_dir)
    moved = f"the picture differs in {done.n_changed} of {done.n_frames} frames"
    missing = f"{n_came} frames came, {n_missing} of {done.n_frames} are missing"
    return Rendered(
        files={"clip.mp4": clip},
        previews={PICTURE: frame_picture(clip, given.info.n_frames // 2)},
        facts={
            "method": done.method, "provider": provider, "n_frames": done.n_frames, "n_changed": done.n_changed,
            "duration_s": round(given.info.duration_s, 4), **done.measures, **measured,
        },
        checks=(
            Check("face_is_found", done.n_changed > 0, moved),
            Check("face_is_steady", done.n_changed >= done.n_frames / 2, f"{moved}, at least half of them"),
            Check("has_every_frame", not n_missing, missing),
        ),
        notes=(*given.notes, *done.notes),
    )  # fmt: skip


def _measured(clip: Path, info: VideoInfo, alignment: bytes, model_dir: Path) -> dict[str, Any]:
    """What the new mouth does, against the mouth that the scene's phonemes want; nothing where none are known."""
    from resources.engines import mouth_warp  # numba: a second that a plan never needs

    record: AlignmentRecord = alignment_schema.from_bytes(alignment)
    if not record.timeline.phonemes:
        return {}
    fitting = replace(record, timeline=lasting(record.timeline, info.duration_s))
    wanted = lipsync_schema.from_bytes(
        scene_lipsync(alignment_schema.to_bytes(fitting), info.frame_rate, info.n_frames)
    )  # fmt: skip
    with suppress(VideoFileError):
        frames = frames_for_clip(wanted.frames, wanted.frame_rate, info.n_frames, info.frame_rate)
        return mouth_warp.measured(clip, frames, model_dir)
    return {}
