"""Takes conformed to the film: exact frames, size and rate, transitions and grade drawn in.

What agrees with the film already is copied, packet by packet, and a clip that fits exactly byte for byte; only what
must be drawn is encoded again: of a scene with a dissolve the frames up to the next key frame. How scenes meet is
decided in `audio_assets/domain/edit.py`; joining the clips is `film_assembly`. Runs in worker processes, on local
paths.
"""

import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import count, islice
from math import ceil
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.video.frame import VideoFrame

from audio_assets.domain.edit import CUT, Transition, dissolve_share, fade_level
from audio_assets.domain.lut import Lut, apply_lut, read_cube
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.timebase import format_frame_rate
from resources.film_files import Piece, write_film
from resources.video_files import (
    Picture,
    VideoFileError,
    VideoInfo,
    VideoWriter,
    as_picture,
    decode_from,
    probe_video,
)

CLIP = "clip.mp4"
Fit = Literal["cover", "letterbox"]


@dataclass(frozen=True, slots=True)
class ConformSpec:
    """What a scene's clip has to be: `n_frames` frames of `width` x `height` (even) at `frame_rate`.

    `transition_in` and `transition_out` are what `edit_list` says is drawn. A dissolve begins with frame
    `before_n_frames` of the clip before. `fit` crops to the film's shape, or sets black bars. `lut` is a `.cube` file.
    """

    width: int
    height: int
    frame_rate: Fraction
    n_frames: int
    transition_in: Transition = CUT
    transition_out: Transition = CUT
    before_n_frames: int = 0
    fit: Fit = "cover"
    lut: bytes | None = None


def identity() -> dict[str, str]:
    """Who conforms clips: what copies, draws and encodes."""
    return {"engine": "scene clips", "av": av.__version__}


def conform_clip(clip: Path, before: Path | None, spec: ConformSpec, target: Path) -> Rendered:
    """Write `clip` as the film needs it to `target`; `before` is the clip that a dissolve comes from.

    The facts say whether it was passed through, copied, partly encoded or encoded, and why. A clip that is too short
    holds its last frame: a note and the failed check `clip_is_long_enough`.

    Raises:
        VideoFileError: a clip can not be read.
        LutError: the grade can not be read.
        PermanentError: a dissolve without a clip before.
    """
    if spec.transition_in.kind == "dissolve" and before is None:
        raise PermanentError("a dissolve needs the clip of the scene before: name it, or make the transition a cut")
    info = probe_video(clip)
    reasons = _disagreements(info, spec)
    scene = _Scene(clip, info, before if spec.transition_in.kind == "dissolve" else None, spec)
    ranges = _copied(info, spec) if not reasons else None
    try:
        if ranges == (0, spec.n_frames) and info.n_frames == spec.n_frames and _is_bare(info):
            shutil.copyfile(clip, target)
        else:
            _write(scene, ranges, target)
        made = probe_video(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    n_copied = ranges[1] - ranges[0] if ranges else 0
    return Rendered(
        files={CLIP: target},
        facts={
            "made": _made(n_copied, spec, is_whole=info.n_frames == spec.n_frames and _is_bare(info)),
            "why": "; ".join(reasons) or _drawn(spec) or "it agrees with the film",
            "n_frames": made.n_frames,
            "n_encoded_frames": spec.n_frames - n_copied,
            "n_held_frames": scene.n_held,
            "width": made.width,
            "height": made.height,
            "fps": float(spec.frame_rate),
            "duration_s": round(made.duration_s, 4),
        },
        checks=_checks(scene, made),
        notes=scene.notes(),
    )


# --- What agrees ---------------------------------------------------------------------------------------------------


@cache
def film_joint(width: int, height: int, frame_rate: Fraction) -> str:
    """The `joint` of every clip that `VideoWriter` makes in this size and rate, found by making one."""
    with tempfile.TemporaryDirectory(prefix="joint-") as folder:
        path = Path(folder) / "one.mp4"
        with VideoWriter(path, width, height, frame_rate) as writer:
            writer.write(np.zeros((height, width, 3), np.uint8))
        return probe_video(path).joint


def _disagreements(info: VideoInfo, spec: ConformSpec) -> list[str]:
    """Why nothing of the clip can be copied; empty when all of it can."""
    if (info.width, info.height) != (spec.width, spec.height):
        return [f"it is {info.width} x {info.height}, the film {spec.width} x {spec.height}"]
    if info.frame_rate != spec.frame_rate:
        rates = format_frame_rate(info.frame_rate), format_frame_rate(spec.frame_rate)
        return [f"it has {rates[0]} frames per second, the film {rates[1]}"]
    reasons = []
    if info.joint != film_joint(spec.width, spec.height, spec.frame_rate):
        reasons.append(f"it is {info.codec} with other settings than the film's")
    if not info.is_in_order or 0 not in info.key_frames:
        reasons.append("its frames do not stand in the order in which they are shown")
    if info.first_pts_s != 0 or not info.is_steady:
        reasons.append("its frames do not lie on the film's")
    if info.n_frames < spec.n_frames:
        reasons.append(f"it has {info.n_frames} frames of {spec.n_frames}")
    if spec.lut is not None:
        reasons.append("it is graded")
    return reasons


def _copied(info: VideoInfo, spec: ConformSpec) -> tuple[int, int] | None:
    """The frames that can be copied, between the drawn ones; None when the key frames leave none."""
    n_head, n_tail = spec.transition_in.n_frames, spec.transition_out.n_frames
    start = min((key for key in info.key_frames if key >= n_head), default=spec.n_frames)
    end = spec.n_frames
    if n_tail:
        end = max(key for key in info.key_frames if key <= spec.n_frames - n_tail)
    return (start, end) if start < end else None


def _is_bare(info: VideoInfo) -> bool:
    return info.container == "mov" and not info.has_audio


def _made(n_copied: int, spec: ConformSpec, *, is_whole: bool) -> str:
    if n_copied == spec.n_frames:
        return "passed through" if is_whole else "copied"
    return "partly encoded" if n_copied else "encoded"


def _drawn(spec: ConformSpec) -> str:
    parts = []
    if spec.transition_in.n_frames:
        parts.append(f"{spec.transition_in.kind} in over {spec.transition_in.n_frames} frames")
    if spec.transition_out.n_frames:
        parts.append(f"{spec.transition_out.kind} out over {spec.transition_out.n_frames} frames")
    return " and ".join(parts)


# --- What is drawn -------------------------------------------------------------------------------------------------


class _Scene:
    """The scene's pictures by the film's frames, and what had to be made up."""

    def __init__(self, clip: Path, info: VideoInfo, before: Path | None, spec: ConformSpec) -> None:
        self.clip, self.info, self.before, self.spec = clip, info, before, spec
        self._before_info = probe_video(before) if before is not None else None
        self._lut: Lut | None = read_cube(spec.lut) if spec.lut is not None else None
        self.n_there = n_at_rate(info, spec.frame_rate)
        self.n_held = max(0, spec.n_frames - self.n_there)

    def pictures(self, start: int, end: int) -> Iterator[Picture]:
        """The finished frames `[start, end)` of the scene."""
        n_mixed = max(0, self.spec.transition_in.n_frames - start) if self.before is not None else 0
        with (
            closing(_frames(self.clip, self.info, self.spec, start)) as frames,
            closing(self._outgoing(start)) as outgoing,
        ):
            for number, frame in enumerate(islice(frames, end - start), start):
                picture = fitted(frame, self.info.pixel_aspect, self.spec)
                if number - start < n_mixed:
                    share = dissolve_share(number, self.spec.transition_in)
                    picture = _mixed(next(outgoing), picture, share)
                yield self._finished(picture, number)

    def _outgoing(self, start: int) -> Generator[Picture, None, None]:
        if self.before is not None and self._before_info is not None:
            info = self._before_info
            with closing(_frames(self.before, info, self.spec, self.spec.before_n_frames + start)) as frames:
                for frame in frames:
                    yield fitted(frame, info.pixel_aspect, self.spec)

    def _finished(self, picture: Picture, number: int) -> Picture:
        if self._lut is not None:
            picture = apply_lut(picture, self._lut)
        level = fade_level(number, self.spec.n_frames, self.spec.transition_in, self.spec.transition_out)
        return picture if level == 1.0 else _mixed(np.zeros_like(picture), picture, level)

    def notes(self) -> tuple[str, ...]:
        """What was made up, in sentences."""
        notes = []
        if self.n_held:
            notes.append(
                f"the clip has {self.n_there} frames at the film's rate and the scene {self.spec.n_frames}:"
                f" its last frame is held for {self.n_held}"
            )
        if self._before_info is not None:
            n_spare = max(0, n_at_rate(self._before_info, self.spec.frame_rate) - self.spec.before_n_frames)
            n_short = self.spec.transition_in.n_frames - n_spare
            if n_short > 0:
                notes.append(f"the clip before ends {n_short} frames before the dissolve does: its last frame is held")
        return tuple(notes)


def n_at_rate(info: VideoInfo, frame_rate: Fraction) -> int:
    """How many frames of the film a clip fills."""
    return max(1, ceil(info.n_frames / info.frame_rate * frame_rate - Fraction(1, 2)))


def _frames(path: Path, info: VideoInfo, spec: ConformSpec, first: int) -> Generator[VideoFrame, None, None]:
    """The clip's frames that are nearest to the film's frames from `first` on; without end, the last one is held."""
    is_direct = info.is_steady and info.is_in_order and info.frame_rate == spec.frame_rate
    key = max((key for key in info.key_frames if key <= first), default=0) if is_direct else 0
    with closing(decode_from(path, key)) as decoded:
        shown = next(decoded, None)
        if shown is None:
            raise VideoFileError(f"{path.name} has no frame that can be decoded")
        coming = next(decoded, None)
        for number in count(first):
            at_s = number / spec.frame_rate
            while coming is not None and abs(coming[0] - at_s) <= abs(shown[0] - at_s):
                shown, coming = coming, next(decoded, None)
            yield shown[1]


def fitted(frame: VideoFrame, pixel_aspect: Fraction, spec: ConformSpec) -> Picture:
    """A decoded frame upright and in the film's size: cropped at the centre, or between black bars."""
    n_turns = round(frame.rotation / 90) % 4
    width, height = float(frame.width * pixel_aspect), float(frame.height)
    if n_turns % 2:
        width, height = height, width
    scales = spec.width / width, spec.height / height
    scale = max(scales) if spec.fit == "cover" else min(scales)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = as_picture(frame, *(size[::-1] if n_turns % 2 else size))
    picture = np.rot90(picture, n_turns) if n_turns else picture
    return _centred(picture, spec.width, spec.height)


def _centred(picture: Picture, width: int, height: int) -> Picture:
    """The middle `width` x `height` of a picture; where it is smaller, black around it."""
    if picture.shape == (height, width, 3):
        return picture
    y, x = max(0, (picture.shape[0] - height) // 2), max(0, (picture.shape[1] - width) // 2)
    middle = picture[y : y + height, x : x + width]
    if middle.shape == (height, width, 3):
        return middle
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - middle.shape[0]) // 2, (width - middle.shape[1]) // 2
    canvas[top : top + middle.shape[0], left : left + middle.shape[1]] = middle
    return canvas


def _mixed(under: Picture, over: Picture, share: float) -> Picture:
    """`share` (0 to 1) of `over` on `under`, in steps of 1/256."""
    weight = np.uint16(round(256 * share))
    return ((under * (np.uint16(256) - weight) + over * weight + np.uint16(128)) >> np.uint16(8)).astype(np.uint8)


# --- Writing -------------------------------------------------------------------------------------------------------


def _write(scene: _Scene, copied: tuple[int, int] | None, target: Path) -> None:
    spec = scene.spec
    if copied is None:
        _encode(scene, 0, spec.n_frames, target)
        return
    start, end = copied
    with _scratch(target, 2) as (head, tail):
        pieces = [Piece(scene.clip, start, end)]
        if start > 0:
            _encode(scene, 0, start, head)
            pieces.insert(0, Piece(head))
        if end < spec.n_frames:
            _encode(scene, end, spec.n_frames, tail)
            pieces.append(Piece(tail))
        write_film(target, pieces, spec.frame_rate)


def _encode(scene: _Scene, start: int, end: int, target: Path) -> None:
    spec = scene.spec
    with VideoWriter(target, spec.width, spec.height, spec.frame_rate) as writer:
        for picture in scene.pictures(start, end):
            writer.write(picture)


@contextmanager
def _scratch(target: Path, n: int) -> Iterator[Sequence[Path]]:
    paths = [target.with_name(f"{target.name}.part{number}.mp4") for number in range(n)]
    try:
        yield paths
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _checks(scene: _Scene, made: VideoInfo) -> tuple[Check, ...]:
    spec = scene.spec
    is_joinable = made.joint == film_joint(spec.width, spec.height, spec.frame_rate)
    return (
        Check(
            "clip_is_long_enough",
            scene.n_held == 0,
            f"{scene.n_there} frames at the film's rate, the scene has {spec.n_frames}",
        ),
        Check("has_every_frame", made.n_frames == spec.n_frames, f"{made.n_frames} of {spec.n_frames}", blocking=True),
        Check(
            "can_be_joined",
            is_joinable and made.is_in_order and made.is_steady,
            "its settings are the film's" if is_joinable else "its encoder settings are not the film's",
            blocking=True,
        ),
    )
