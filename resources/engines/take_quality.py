"""Looks at a clip: every frame at a small size for black and frozen ones, some at full size for detail and for faces.

What the figures are worth is decided in `audio_assets/domain/take_scores.py`; here they are only measured. No Dagster
here: this module is loaded in worker processes. One thread; a clip of 8 s at 720p takes about 2 s without faces.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from audio_assets.domain.head_pose import mouth_look
from audio_assets.domain.take_scores import (
    ClipLook,
    FrameLook,
    MouthLook,
    Score,
    TakeQuality,
    Wanted,
    consistency_of,
    mouth_visibility_of,
    quality_of,
)
from resources.engines import face_embedding, faces
from resources.engines.face_embedding import FaceEmbedder
from resources.engines.faces import Face, FaceFinder
from resources.video_files import Picture, VideoFileError, as_picture, open_video, probe_video

RECIPE = "1"
"""Raise when the same clip gets other figures."""

N_SAMPLES = 24
N_FACE_SAMPLES = 12  # embedding a face takes 0.1 s, finding none in a frame nearly as long
_SMALL = (160, 90)
_BLOCK_PX = 10
# A frame is black when hardly a pixel of it (of the small one) is brighter than this, of 0 to 255.
_BLACK_MEAN, _BLACK_HIGH = 16.0, 40.0
# Frames are the same when no block of 10 x 10 small pixels differs more, in levels. Of an encoded still the key frames
# differ by 0.6 (crf 20) to 1.6 (crf 32, with grain); a zoom of 0.5 % a second moves by 5 within half a second.
_SAME_BLOCK = 1.8
_FROZEN_S = 0.5  # shorter stands are drawn "on twos" or threes, or a hold on a beat
_LEAST_VARIATION = 0.5  # mean step between neighbouring pixels; a plain gradient over 1280 pixels has 0.14
_DARK_LEVEL, _BRIGHT_LEVEL = 8, 250
_LARGEST_REFERENCE_PX = 1280
_LEAST_FACE_PX = 36  # across; smaller faces have no identity left
_MOST_FACES = 3


@dataclass
class _Seen:
    """What is collected of the faces in the frames looked at."""

    distances: list[float] = field(default_factory=list)
    mouths: list[MouthLook | None] = field(default_factory=list)
    n_small: int = 0


def identity(*, has_faces: bool, has_embeddings: bool) -> dict[str, str]:
    """All that can change a score, for the key of what is made with it; a model that comes or goes changes it too."""
    faces_by = {f"faces {name}": value for name, value in faces.identity().items()} if has_faces else {}
    embedded_by = {f"embedding {n}": value for n, value in face_embedding.identity().items()} if has_embeddings else {}
    return {
        "engine": f"take quality {RECIPE}", "av": av.__version__, "opencv": cv2.__version__, "numpy": np.__version__,
        **faces_by, **embedded_by,
    }  # fmt: skip


def measure_take(
    clip: Path,
    wanted: Wanted,
    *,
    reference: Path | None,
    face_model_dir: Path | None,
    embedding_model_dir: Path | None,
    shows_singer: bool,
    drawn_mouths: Sequence[MouthLook | None] | None = None,
) -> TakeQuality:
    """Measure a clip against what the film wants of it; the same clip gives the same figures in any process.

    `reference` is the picture of the character that the scene shows, if it has one. What can not be measured (no
    reference, no model, no singer wanted, no face) has no score and says why; that is no error. `drawn_mouths` has an
    entry for each frame of a drawn clip whose rig is known (`head_pose.drawn_mouth`): no model is needed for those.

    Raises:
        VideoFileError: the clip can not be read; one sentence.
        FileNotFoundError: there is no such clip.
    """
    finder = None if face_model_dir is None else _finder(face_model_dir)
    embedder = None if embedding_model_dir is None else FaceEmbedder(embedding_model_dir)
    target, why_no_target = _target(reference, finder, embedder)
    looks_for_faces = finder is not None and (shows_singer or target is not None)
    seen = _Seen()
    looks: list[FrameLook] = []
    info = probe_video(clip)
    sampled = frozenset(sample_frames(info.n_frames))
    looked_at = frozenset(sample_frames(info.n_frames, N_FACE_SAMPLES)) if looks_for_faces else frozenset()
    stands = Stands(max(2, round(_FROZEN_S * info.frame_rate)))
    n_black = n_frames = 0
    for number, frame in enumerate(_decoded(clip)):
        n_frames += 1
        small = _luma(frame, *_SMALL)
        n_black += is_black(small)
        stands.add(small)
        if number in sampled:
            looks.append(frame_look(_luma(frame, frame.width, frame.height)))
        if finder is not None and number in looked_at:
            picture = as_picture(frame, frame.width, frame.height)
            _look_at_faces(picture, finder, embedder, target, seen)
    if not n_frames:
        raise VideoFileError(f"{clip.name} has no frame that can be decoded")
    n_frozen, longest = stands.counted()
    look = ClipLook(
        info.width, info.height, Fraction(info.frame_rate), n_frames, n_black, n_frozen, longest, tuple(looks)
    )
    quality, parts = quality_of(look, wanted)
    return TakeQuality(
        quality=quality,
        consistency=_consistency(why_no_target, seen, len(looked_at)),
        mouth=_mouth(finder, shows_singer, _sampled(drawn_mouths, n_frames) or seen.mouths, info.height),
        parts=parts,
    )


def sample_frames(n_frames: int, n: int = N_SAMPLES) -> tuple[int, ...]:
    """Return up to `n` frames, evenly spaced, each in the middle of its stretch."""
    n = min(n, n_frames)
    return tuple((2 * i + 1) * n_frames // (2 * n) for i in range(n))


def is_black(small: NDArray[np.uint8]) -> bool:
    """Whether a small frame's luma is black all over."""
    return bool(small.mean() < _BLACK_MEAN and np.percentile(small, 99) < _BLACK_HIGH)


class Stands:
    """Counts frames that stand still: stretches of at least `n_least` frames that do not differ from their first."""

    def __init__(self, n_least: int) -> None:
        self._n_least = n_least
        self._first: NDArray[np.float32] | None = None
        self._length = self._n_frozen = self._longest = 0

    def add(self, small: NDArray[np.uint8]) -> None:
        """Take the next frame's luma; the size is always the same."""
        blocks = small.astype(np.float32)
        if self._first is not None and _largest_difference(blocks, self._first) <= _SAME_BLOCK:
            self._length += 1
            return
        self._close()
        self._first, self._length = blocks, 1

    def counted(self) -> tuple[int, int]:
        """Return how many frames stand still, and how many the longest stretch has."""
        self._close()
        self._length = 0
        return self._n_frozen, self._longest

    def _close(self) -> None:
        if self._length >= self._n_least:
            self._n_frozen += self._length
            self._longest = max(self._longest, self._length)


def frame_look(luma: NDArray[np.uint8]) -> FrameLook:
    """Look closely at one frame's luma, shape (height, width), full range."""
    low, high = np.percentile(luma, (5, 95))
    return FrameLook(
        blur=blur_of(luma),
        dark_share=float((luma <= _DARK_LEVEL).mean()),
        bright_share=float((luma >= _BRIGHT_LEVEL).mean()),
        spread=float(high - low),
        mean=float(luma.mean()),
    )


def blur_of(luma: NDArray[np.uint8]) -> float | None:
    """Return how much of a picture's variation stays when it is blurred by 9 pixels: 0 sharp to 1 blurred.

    The worse of both directions, so that a picture smeared one way is blurred. None where there is no variation. Photos
    are at 0.2 to 0.35, the same blurred with a sigma of 2 pixels at 0.6 to 0.7, with 3 at 0.7 to 0.8. After F. Crete
    and others, "The blur effect" (2007).
    """
    picture = luma.astype(np.uint16) * 16  # sixteenths of a level: whole numbers are three times as fast as floats
    found = []
    for kernel, one, other in (((9, 1), np.s_[:, 1:], np.s_[:, :-1]), ((1, 9), np.s_[1:], np.s_[:-1])):
        steps = cv2.absdiff(picture[one], picture[other])
        blurred = cv2.blur(picture, kernel)
        lost = cv2.subtract(steps, cv2.absdiff(blurred[one], blurred[other]))  # not below 0
        mean = cv2.mean(steps)[0] / 16
        if mean >= _LEAST_VARIATION:
            found.append(1 - cv2.mean(lost)[0] / 16 / mean)
    return max(found) if found else None


def _largest_difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    height, width = one.shape
    blocks = np.abs(one - other).reshape(height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX)
    return float(blocks.mean(axis=(1, 3)).max())


def _decoded(clip: Path) -> Iterator[VideoFrame]:
    with clip.open("rb") as file, closing(open_video(file, clip.name)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        try:
            yield from container.decode(stream)
        except av.FFmpegError as error:
            raise VideoFileError(f"{clip.name} is damaged: {error.strerror}") from error


def _luma(frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(frame.reformat(width, height, "gray", interpolation="AREA").to_ndarray(), np.uint8)


# --- Faces ---------------------------------------------------------------------------------------------------------


def _target(
    reference: Path | None, finder: FaceFinder | None, embedder: FaceEmbedder | None
) -> tuple[NDArray[np.float64] | None, str]:
    """Return the embedding that faces are held against, or why there is none."""
    if reference is None:
        return None, "the scene has no character with a reference image"
    if finder is None or embedder is None:
        missing = "facemesh" if finder is None else "face_embedding"
        return None, f"the model is not here: run `audio-assets models fetch {missing}`"
    picture = _reference_picture(reference)
    if picture is None:
        return None, f"the reference image {reference.name} can not be read (png, jpg and webp are)"
    large = _large_faces(finder.find(picture))
    if not large:
        return None, f"no face is found in the reference image {reference.name}"
    return embedder.embed(picture, large[0].landmarks), ""


def _reference_picture(path: Path) -> Picture | None:
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            image.draft("RGB", (_LARGEST_REFERENCE_PX, _LARGEST_REFERENCE_PX))
            shown = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    shown.thumbnail((_LARGEST_REFERENCE_PX, _LARGEST_REFERENCE_PX))
    return np.asarray(shown, np.uint8)


def _look_at_faces(
    picture: Picture,
    finder: FaceFinder,
    embedder: FaceEmbedder | None,
    target: NDArray[np.float64] | None,
    seen: _Seen,
) -> None:
    """Add what is seen in one frame: of several faces, that which is most like the target, else the largest."""
    found = sorted(finder.find(picture), key=_across, reverse=True)
    singer = found[0] if found else None
    large = _large_faces(found)
    if target is not None and embedder is not None and large:
        distances = [float(np.linalg.norm(embedder.embed(picture, face.landmarks) - target)) for face in large]
        nearest = int(np.argmin(distances))
        singer = large[nearest]
        seen.distances.append(distances[nearest])
    elif found and not large:
        seen.n_small += 1
    seen.mouths.append(mouth_look(singer.landmarks, picture.shape[1], picture.shape[0]) if singer else None)


def _large_faces(found: Sequence[Face]) -> list[Face]:
    return sorted((f for f in found if _across(f) >= _LEAST_FACE_PX), key=_across, reverse=True)[:_MOST_FACES]


@cache
def _finder(model_dir: Path) -> FaceFinder:
    return FaceFinder(model_dir)


def _across(face: Face) -> float:
    return float(np.ptp(face.landmarks[:, 0]))


def _consistency(why_no_target: str, seen: _Seen, n_looked_at: int) -> Score:
    if why_no_target:
        return Score(None, why_no_target)
    if not seen.distances and seen.n_small:
        return Score(None, f"the faces are too small to be recognised (under {_LEAST_FACE_PX} pixels across)")
    return consistency_of(seen.distances, n_looked_at)


def _sampled(mouths: Sequence[MouthLook | None] | None, n_frames: int) -> list[MouthLook | None]:
    if mouths is None:
        return []
    return [mouths[number] if number < len(mouths) else None for number in sample_frames(n_frames)]


def _mouth(
    finder: FaceFinder | None, shows_singer: bool, mouths: Sequence[MouthLook | None], frame_height: int
) -> Score:
    if not shows_singer:
        return Score(None, "nobody sings in this scene")
    if finder is None and not mouths:
        return Score(None, "the model is not here: run `audio-assets models fetch facemesh`")
    return mouth_visibility_of(mouths, frame_height)
