"""The files of a take, whoever made it: the clip, a thumbnail, a poster frame, and the record of what was asked for.

These functions run in worker processes, on local paths. What is on the pictures is the provider's business, how good
they are is `take_quality`'s.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
from numpy.typing import NDArray

from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.shot import Clip, Shot
from resources.video_files import VideoFileError, VideoInfo, decode_whole, probe_video, read_frames

CLIP, THUMBNAIL, POSTER, TAKE, RIG = "clip.mp4", "thumbnail.jpg", "poster.png", "take.json", "rig.json"
PICTURE = "picture.jpg"

Generate = Callable[[Shot, Path | None, Path], Clip]
"""A picklable function that a worker process calls: shot, reference image, the file to write."""
Remix = Callable[[Shot, Path, Path | None, Path], Clip]
"""The same for a remix: shot (with the revised prompt), the parent's clip, reference image, the file to write."""

_THUMBNAIL_PX = 320
_PICTURE_BYTES = 3_000
_POSTER_AT = 0.4  # of the clip: past what opens it, before what ends it
_CONTAINERS = (("mov", ".mp4"), ("matroska", ".mkv"))


def generated_take(
    generate: Generate, shot: Shot, reference_image: Path | None, record: Mapping[str, Any], scratch: Path
) -> Rendered:
    """A take of the scene's prompt; the clip is written to `scratch` and taken over from there."""
    return _finished(lambda: generate(shot, reference_image, scratch), shot, record, scratch)


def remixed_take(
    remix: Remix, shot: Shot, parent: Path, reference_image: Path | None, record: Mapping[str, Any], scratch: Path
) -> Rendered:
    """A take that starts from another one's clip."""
    return _finished(lambda: remix(shot, parent, reference_image, scratch), shot, record, scratch)


def bought_take(shot: Shot, record: Mapping[str, Any], clip: Path) -> Rendered:
    """A take that came from a provider elsewhere, as it is."""
    info = probe_video(clip)
    return _finished(lambda: Clip(info.n_frames, info.width, info.height), shot, record, clip)


def check_video(clip: Path) -> None:
    """Refuse what is no video.

    Raises:
        VideoFileError: it can not be read to its end; one sentence.
    """
    decode_whole(clip, "the clip")


def added_take(clip: Path, name: str, record: Mapping[str, Any], scratch: Path) -> Rendered:
    """A clip of the studio's own, as it is.

    Raises:
        PermanentError: it is no video that can be read to its end.
    """
    try:
        info = decode_whole(clip, name)
    except VideoFileError as error:
        raise PermanentError(str(error)) from error
    shutil.copyfile(clip, scratch)
    return _rendered(info, scratch, record, Clip(info.n_frames, info.width, info.height), ())


def clip_name(files: Mapping[str, Any]) -> str:
    """The name of a take's clip among its files."""
    return next(name for name in files if name.startswith("clip."))


def _finished(make: Callable[[], Clip], shot: Shot, record: Mapping[str, Any], scratch: Path) -> Rendered:
    try:
        clip = make()
        info = probe_video(scratch)
    except VideoFileError as error:
        raise PermanentError(f"the provider's clip can not be used: {error}") from error
    wanted = f"{shot.n_frames} frames of {shot.width} x {shot.height} at {shot.frame_rate}"
    found = f"{info.n_frames} of {info.width} x {info.height} at {info.frame_rate}"
    checks = (
        Check("as_long_as_scene", info.duration_s >= shot.duration_s - 1e-6, f"{found}; wanted {wanted}"),
    )  # fmt: skip
    return _rendered(info, scratch, record, clip, checks)


def _rendered(
    info: VideoInfo, path: Path, record: Mapping[str, Any], clip: Clip, checks: tuple[Check, ...]
) -> Rendered:
    poster = _frame_at(path, int(info.n_frames * _POSTER_AT))
    facts = {
        "n_frames": info.n_frames, "width_px": info.width, "height_px": info.height,
        "frame_rate": str(info.frame_rate), "duration_s": round(info.duration_s, 4), "codec": info.codec,
    }  # fmt: skip
    stored = {"schema": "take.1", **record, **facts}
    suffix = dict(_CONTAINERS).get(info.container.split(",")[0], ".mp4")
    return Rendered(
        files={
            f"clip{suffix}": path,
            TAKE: orjson.dumps(stored, option=orjson.OPT_INDENT_2),
            **clip.extras,
        },
        previews={
            THUMBNAIL: jpeg(fitted(poster, _THUMBNAIL_PX), 85),
            POSTER: cv2.imencode(".png", cv2.cvtColor(poster, cv2.COLOR_RGB2BGR))[1].tobytes(),
            PICTURE: small_jpeg(poster),
        },
        facts={**facts, **{name: record[name] for name in ("provider", "model", "seed", "origin") if name in record}},
        checks=checks,
        notes=clip.notes,
    )


def _frame_at(path: Path, number: int) -> NDArray[np.uint8]:
    for index, picture in enumerate(read_frames(path)):
        if index == number:
            return picture
    raise PermanentError("the provider's clip ends before its frames do; ask for another take")


def frame_picture(path: Path, number: int) -> bytes:
    """One frame of a video, small enough for an event; nothing where it has no such frame."""
    for index, picture in enumerate(read_frames(path)):
        if index == number:
            return small_jpeg(picture)
    return b""


def fitted(picture: NDArray[np.uint8], width_px: int) -> NDArray[np.uint8]:
    """The picture at a width, its shape kept."""
    height_px = max(1, round(picture.shape[0] * width_px / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    """The picture as JPEG."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return bytes(encoded.tobytes())


def small_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """The largest JPEG of a picture that still goes inline into an event."""
    for width_px, quality in ((240, 70), (200, 60), (160, 55), (128, 45), (96, 40), (64, 35)):
        data = jpeg(fitted(picture, width_px), quality)
        if len(data) <= _PICTURE_BYTES:
            break
    return data
