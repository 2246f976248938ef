"""Lip-sync of a clip: a warp of the mouth where there is a face, sprites where a drawn character's rig comes with it.

Reading, tracking, writing and measuring a clip belong here; how a mouth moves and looks is in `domain/mouth_motion`,
`mouth_curves` and `mouth_paint`, and for drawn ones in `domain/animatic/mouth_sprites`.

A clip is read three times, so that memory does not grow with its length: landmarks and tones of every frame, which are
smoothed both ways in time; then the frames again, painted and encoded; then the target, whose own mouth is measured.
"""

import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import av
import numba
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from audio_assets.domain import face_geometry as geometry
from audio_assets.domain.animatic.mouth_sprites import MouthAnchor, draw_mouth, mouth_box
from audio_assets.domain.face_geometry import Floats
from audio_assets.domain.lip_sync import Synced, frames_for_clip, opening_measures
from audio_assets.domain.mouth_curves import Pose, mouth_curves
from audio_assets.domain.mouth_motion import MouthPoses, mouth_poses, smoothed_tones, still_or_moving
from audio_assets.domain.mouth_paint import Tones, paint_mouth
from audio_assets.domain.mouth_shapes import MouthFrame
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import lipsync, rig
from audio_assets.domain.schemas.records import RecordError
from resources.engines import faces
from resources.engines.faces import Face, FaceFinder
from resources.engines.frame_patches import Box, Patchable, even_box, in_working_format
from resources.video_files import Picture, VideoFileError, VideoInfo, VideoWriter, open_video, probe_video, read_frames

CRF = 16
"""Finer than a clip's own 20: what is not the mouth has been encoded once already."""

_SEARCH_EVERY = 6  # frames: a search of a picture without a face costs twenty times a tracked one
_LEAST_SHARE = 0.1  # of a clip's frames: a face that is seen less is none that sings
_LEAST_FACE_PX = 24.0
_MOST_YAW_DEG = 50.0
_AHEAD = 4

Numbers = NDArray[np.float64]
Item = TypeVar("Item")


@cache
def identity() -> dict[str, str]:
    """Who syncs, for the key of what is made."""
    return {
        "engine": "mouth warp 1",
        "numpy": np.__version__,
        "av": av.__version__,
        "numba": numba.__version__,
        **faces.identity(),
    }


def sync(clip: Path, mouth: bytes, drawn: bytes | None, target: Path, *, model_dir: Path | None) -> Synced:
    """Write `clip` to `target` with its mouth moved as `mouth` (a `lipsync.1` record) says, from the first frame on.

    `drawn` is the `rig.json` of a drawn character, else the mouth is looked for with the models in `model_dir`. The
    target has the clip's frames, size and rate. Where no mouth is found, or none has to move, it is the clip's copy.

    Raises:
        PermanentError: the clip, the record or the rig can not be used.
    """
    try:
        info = _probed(clip)
        record = lipsync.from_bytes(mouth)
        frames = frames_for_clip(record.frames, record.frame_rate, info.n_frames, info.frame_rate)
        if drawn is not None:
            return _Sprites(clip, info, frames, rig.from_bytes(drawn)).write(target)
        if model_dir is None:
            raise PermanentError("a face can not be found without its model: run `audio-assets models fetch facemesh`")
        return _Warp(clip, info, frames, FaceFinder(model_dir)).write(target)
    except (VideoFileError, lipsync.LipsyncError, rig.RigError, RecordError) as error:
        target.unlink(missing_ok=True)
        raise PermanentError(str(error)) from error


def measured(clip: Path, mouth: Sequence[MouthFrame], model_dir: Path) -> dict[str, Any]:
    """What the mouth of any clip does, against the mouth that was wanted in each of its frames, as `Synced.measures`.

    With `n_with_face`, the frames in which a face that can be measured was found.

    Raises:
        VideoFileError: the clip can not be read.
    """
    openness = _measured(clip, FaceFinder(model_dir), probe_video(clip))
    return {"n_with_face": int(np.isfinite(openness).sum()), **opening_measures(openness, mouth)}


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, made by a second thread a few ahead: decoding and encoding both leave Python alone."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        due = deque(thread.submit(next, items, None) for _ in range(_AHEAD))
        while (item := due.popleft().result()) is not None:
            due.append(thread.submit(next, items, None))
            yield item


def _probed(clip: Path) -> VideoInfo:
    info = probe_video(clip)
    if info.width % 2 or info.height % 2:
        raise VideoFileError(f"{clip.name} is {info.width} x {info.height} pixels: both have to be even")
    return info


def _unchanged(clip: Path, target: Path, n_frames: int, n_with_face: int, why: str) -> Synced:
    shutil.copyfile(clip, target)
    return Synced(n_frames, n_with_face, 0, "unchanged", (why,))


def _decoded(clip: Path) -> Iterator[VideoFrame]:
    with clip.open("rb") as file, closing(open_video(file, clip.name)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        try:
            yield from container.decode(stream)
        except av.FFmpegError as error:
            raise VideoFileError(f"{clip.name} is damaged: {error.strerror}") from error


# --- faces ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame's face and the colours round its mouth, (2, 3): lip, skin."""

    face: Face
    tones: Numbers


class _Warp:
    """The way of a clip with a face in it."""

    def __init__(self, clip: Path, info: VideoInfo, mouth: Sequence[MouthFrame], finder: FaceFinder) -> None:
        self.clip, self.info, self.mouth, self.finder = clip, info, mouth, finder

    def write(self, target: Path) -> Synced:
        """Write the target."""
        seen = list(_followed(_ahead(read_frames(self.clip)), self.finder))
        n_frames = len(seen)
        usable = [s is not None and _is_usable(s.face) for s in seen]
        n_with_face = sum(s is not None for s in seen)
        if sum(usable) < max(1.0, _LEAST_SHARE * n_frames):
            return _unchanged(self.clip, target, n_frames, n_with_face, _why_not(n_with_face, n_frames))
        track = [s.face.landmarks if s and ok else None for s, ok in zip(seen, usable, strict=True)]
        landmarks, sureness = still_or_moving(track)
        poses = mouth_poses(self.mouth[:n_frames])
        weights = poses.weight * sureness
        if not weights.any():
            return _unchanged(
                self.clip, target, n_frames, n_with_face, "the mouth is at rest in every frame with a face"
            )
        tones = smoothed_tones([s.tones if s and ok else None for s, ok in zip(seen, usable, strict=True)])
        box = self._paint(target, landmarks, poses, weights, tones)
        notes = () if n_with_face == n_frames else (f"a face was found in {n_with_face} of {n_frames} frames",)
        openness = _measured(target, self.finder, self.info)
        measures = opening_measures(openness, self.mouth[:n_frames]) | {"box": list(box)}
        return Synced(n_frames, n_with_face, int((weights > 0).sum()), "warp", notes, measures)

    def _paint(self, target: Path, landmarks: Floats, poses: MouthPoses, weights: Numbers, tones: Numbers) -> Box:
        size = self.info.width, self.info.height
        touched = [size[0], size[1], 0, 0]
        with VideoWriter(target, *size, self.info.frame_rate, crf=CRF) as writer:
            for frame, box in _ahead(self._painted(landmarks, poses, weights, tones)):
                writer.write_frame(frame)
                if box is not None:
                    touched[:2] = np.minimum(touched[:2], box[:2]).tolist()
                    touched[2:] = np.maximum(touched[2:], box[2:]).tolist()
        x0, y0, x1, y1 = touched
        return x0, y0, x1, y1

    def _painted(
        self, landmarks: Floats, poses: MouthPoses, weights: Numbers, tones: Numbers
    ) -> Iterator[tuple[VideoFrame, Box | None]]:
        """Every frame, and the box that could have changed."""
        for i, frame in enumerate(_decoded(self.clip)):
            if weights[i] == 0:
                yield in_working_format(frame), None
            else:
                patchable = Patchable(frame)
                box = paint_frame(patchable, landmarks[i], poses.at(i, float(weights[i])), tones[i])
                yield patchable.frame(), box


def paint_frame(frame: Patchable, landmarks: Floats, pose: Pose, tones: Numbers) -> Box:
    """Move the mouth of one frame; the box that could have changed. `tones` is (2, 3): lip, skin."""
    curves = mouth_curves(landmarks, pose)
    box = even_box(curves.box(frame.width, frame.height), frame.width, frame.height)
    if box[2] - box[0] < 4 or box[3] - box[1] < 4:
        return box[0], box[1], box[0], box[1]
    painted, changed = paint_mouth(frame.region(box), box[:2], curves, pose, Tones(*map(tuple, tones.tolist())))
    frame.put(painted, changed, box)
    return box


def _is_usable(face: Face) -> bool:
    return face.height_px >= _LEAST_FACE_PX and abs(face.yaw_deg) <= _MOST_YAW_DEG


def _why_not(n_with_face: int, n_frames: int) -> str:
    if n_with_face:
        return f"a face was found in {n_with_face} of {n_frames} frames: too seldom, too small or too far aside to move"
    return "no face was found"


def _followed(pictures: Iterator[Picture], finder: FaceFinder) -> Iterator[_Seen | None]:
    """One face through a clip. While there is none it is searched for now and then, and followed back from there."""
    face: Face | None = None
    waiting: list[Picture] = []
    for picture in pictures:
        if face is None and 0 < len(waiting) < _SEARCH_EVERY:
            waiting.append(picture)
            continue
        before = face
        face = finder.track(picture, face)
        if face is None and before is not None:
            yield None  # just lost: looked for in this frame already
            continue
        if face is None:
            yield from (None for _ in waiting)
            waiting = [picture]
            continue
        yield from _followed_back(waiting, face, finder)
        waiting = []
        yield _Seen(face, _tones(picture, face.landmarks))
    yield from (None for _ in waiting)


def _followed_back(pictures: list[Picture], face: Face, finder: FaceFinder) -> Iterator[_Seen | None]:
    found: list[_Seen | None] = []
    at: Face | None = face
    for picture in reversed(pictures):
        at = None if at is None else finder.follow(picture, at)
        found.append(None if at is None else _Seen(at, _tones(picture, at.landmarks)))
    yield from reversed(found)


def _tones(picture: Picture, landmarks: Floats) -> Numbers:
    """Median colours (2, 3) at points on the lips, and at points of the skin round the mouth."""
    points = geometry.tone_points(landmarks)
    limit = np.array([picture.shape[1] - 1, picture.shape[0] - 1])
    tones = []
    for place in points:
        at = np.clip(place.astype(np.int64), 0, limit)
        tones.append(np.median(picture[at[:, 1], at[:, 0]], axis=0))
    return np.stack(tones).astype(np.float64)


def _measured(target: Path, finder: FaceFinder, info: VideoInfo) -> Numbers:
    """How open the target's mouth is, frame by frame, NaN where no face is found."""
    openness = np.full(info.n_frames, np.nan)
    for i, seen in enumerate(_followed(_ahead(read_frames(target)), finder)):
        if seen is not None and _is_usable(seen.face):
            openness[i] = geometry.mouth_openness(seen.face.landmarks)
    return openness


# --- drawn characters -------------------------------------------------------------------------------------------------


class _Sprites:
    """The way of a clip with a drawn singer."""

    def __init__(self, clip: Path, info: VideoInfo, mouth: Sequence[MouthFrame], drawn: rig.Rig) -> None:
        if (drawn.width, drawn.height, len(drawn.anchors)) != (info.width, info.height, info.n_frames):
            raise rig.RigError(
                f"the rig is of {len(drawn.anchors)} frames of {drawn.width} x {drawn.height}, the clip has "
                f"{info.n_frames} of {info.width} x {info.height}: make the take again"
            )
        self.clip, self.info, self.mouth, self.rig = clip, info, mouth, drawn

    def write(self, target: Path) -> Synced:
        """Write the target."""
        n_seen = sum(anchor is not None for anchor in self.rig.anchors)
        moving = [a is not None and m.shape != "X" for a, m in zip(self.rig.anchors, self.mouth, strict=True)]
        if not any(moving):
            why = "the drawn mouth is at rest wherever it is seen" if n_seen else "the drawn singer's mouth is not seen"
            return _unchanged(self.clip, target, self.info.n_frames, n_seen, why)
        touched = [self.info.width, self.info.height, 0, 0]
        with VideoWriter(target, self.info.width, self.info.height, self.info.frame_rate, crf=CRF) as writer:
            for i, frame in enumerate(_decoded(self.clip)):
                anchor = self.rig.anchors[i] if moving[i] else None
                box = None if anchor is None else self._box(anchor)
                if anchor is None or box is None:
                    writer.write_frame(in_working_format(frame))
                    continue
                patchable = Patchable(frame)
                self._draw(patchable, anchor, self.mouth[i], box)
                touched[:2] = np.minimum(touched[:2], box[:2]).tolist()
                touched[2:] = np.maximum(touched[2:], box[2:]).tolist()
                writer.write_frame(patchable.frame())
        measures = opening_measures(self._openness(target), self.mouth, by_shape=True) | {"box": touched}
        return Synced(self.info.n_frames, n_seen, sum(moving), "sprites", (), measures)

    def _box(self, anchor: MouthAnchor) -> Box | None:
        width, height = self.info.width, self.info.height
        x0, y0, x1, y1 = mouth_box(anchor)
        box = even_box((max(0, x0), max(0, y0), min(width, x1), min(height, y1)), width, height)
        return box if box[2] - box[0] >= 4 and box[3] - box[1] >= 4 else None

    def _draw(self, frame: Patchable, anchor: MouthAnchor, mouth: MouthFrame, box: Box) -> None:
        region = frame.region(box)
        drawn = region.copy()
        here = MouthAnchor(anchor.x - box[0], anchor.y - box[1], anchor.scale_px, anchor.angle_deg)
        draw_mouth(drawn, here, mouth.shape, mouth.jaw, mouth.lip, self.rig.colours)
        frame.put(drawn, (drawn != region).any(axis=2), box)

    def _openness(self, target: Path) -> Numbers:
        """The part of each mouth's box that shows the inside of a mouth, as a height in shares of the mouth's width."""
        openness = np.full(self.info.n_frames, np.nan)
        c = self.rig.colours
        colours = np.array([c.inside, c.teeth, c.tongue, c.ground, c.lip, c.line], np.float32)
        for i, picture in enumerate(read_frames(target)):
            anchor = self.rig.anchors[i]
            box = None if anchor is None else self._box(anchor)
            if anchor is None or box is None:
                continue
            region = picture[box[1] : box[3], box[0] : box[2]].astype(np.float32)
            nearest = np.square(region[:, :, None] - colours).sum(axis=3).argmin(axis=2)
            openness[i] = float((nearest < 3).sum()) / anchor.scale_px**2
        return openness
