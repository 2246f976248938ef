"""The animatic engine: a shot as an H.264 file, rendered here, without a model and without a network.

Runs in worker processes on local paths. What is drawn is in `audio_assets/domain/animatic`; here the reference image is
read, its face is looked for, and frames go to the encoder. One thread: the pool runs one process per core.
"""

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
import PIL
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from audio_assets.domain.animatic.planes import Planes
from audio_assets.domain.animatic.shooting import Shooting, check_size
from audio_assets.domain.animatic.singer import Reference
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import rig as rig_schema
from audio_assets.domain.shot import Clip, Shot
from resources.video_files import VideoFileError, VideoWriter

VERSION = "2"
"""Raise it whenever the same shot gives other bytes."""
# Against the usual settings of `VideoWriter` on these pictures: 12 ms a frame instead of 17, 1.3 times the bytes.
_CRF, _PRESET = 23, "superfast"

_MOST_REFERENCE_PX = 2048  # the longer side; a 4K frame shows a face of 1,000 pixels
_FACE_SEARCH_PX = 400  # doubled by the detector, which finds faces from 80 pixels on: a tenth of the longer side
_BROW_SHARE = 0.12  # dlib's box begins at the brows; a face's box here begins at the middle of the forehead


def identity() -> dict[str, str]:
    """All that decides the bytes beside a shot and its reference image."""
    return {
        "engine": "animatic", "version": VERSION, "opencv": cv2.__version__, "numpy": np.__version__,
        "dlib": dlib.__version__, "pillow": PIL.__version__, "pyav": av.__version__, "codec": _libavcodec(),
    }  # fmt: skip


def generate(shot: Shot, reference_image: Path | None, target: Path) -> Clip:
    """Render the shot to `target`: exactly its frames, at its size and rate. A drawn singer comes with a `rig.json`.

    The reference image is used where the scene shows its singer.

    Raises:
        PermanentError: the size is odd or out of bounds, or the reference image is none; one sentence.
    """
    is_performance = shot.guide is not None and shot.guide.scene_type == "performance"
    reference = _reference(reference_image) if reference_image is not None and is_performance else None
    cv2.setNumThreads(1)
    try:
        check_size(shot)
        shooting = Shooting(shot, reference)
        with VideoWriter(target, shot.width, shot.height, shot.frame_rate, crf=_CRF, preset=_PRESET) as writer:
            for number in range(shot.n_frames):
                writer.write_frame(_video_frame(shooting.frame(number)))
    except (ValueError, VideoFileError) as error:
        raise PermanentError(str(error)) from error
    rig = shooting.rig()
    extras: Mapping[str, bytes] = {rig_schema.FILE: rig_schema.to_bytes(rig)} if rig else {}
    return Clip(shot.n_frames, shot.width, shot.height, extras, tuple(shooting.notes))


def remix(shot: Shot, _parent: Path, reference_image: Path | None, target: Path) -> Clip:
    """Render anew: the revised prompt and the seed change the look; of the parent's pixels nothing is used.

    Raises:
        PermanentError: as `generate`.
    """
    return generate(shot, reference_image, target)


def _video_frame(planes: Planes) -> VideoFrame:
    """The planes as PyAV's frame, its colours named, so that the writer has nothing to convert."""
    frame = VideoFrame.from_ndarray(planes.flat.reshape(planes.height * 3 // 2, planes.width), format="yuv420p")
    frame.colorspace, frame.color_range = 1, 1
    return frame


def _reference(path: Path) -> Reference:
    """The picture, upright, and its largest face."""
    try:
        return _read_reference(path.read_bytes(), path.name)
    except OSError as error:
        raise PermanentError(f"the reference image {path.name} can not be read ({error.strerror})") from error


@lru_cache(maxsize=2)
def _read_reference(content: bytes, name: str) -> Reference:
    """All scenes of a song show the same few pictures: a worker reads each once."""
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except Image.DecompressionBombError as error:
        raise PermanentError(f"the reference image {name} is too large: scale it to at most 4096 x 4096") from error
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise PermanentError(f"the reference image {name} is no picture that can be read (PNG, JPEG, WebP)") from error
    image.thumbnail((_MOST_REFERENCE_PX, _MOST_REFERENCE_PX), Image.Resampling.LANCZOS)
    pixels = np.ascontiguousarray(np.asarray(image, np.uint8))
    return Reference(pixels, _face(pixels))


def _face(pixels: NDArray[np.uint8]) -> tuple[float, float, float, float] | None:
    """The largest face that dlib's own detector (no model file) finds, from mid forehead to chin; None for none."""
    rows, columns = pixels.shape[:2]
    scale = _FACE_SEARCH_PX / max(rows, columns)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    searched = cv2.resize(pixels, (max(1, round(columns * scale)), max(1, round(rows * scale))), interpolation=way)
    found = dlib.get_frontal_face_detector()(searched, 1)
    if not found:
        return None
    box = max(found, key=lambda face: face.area())
    high = box.height()
    left, top, right, bottom = box.left(), box.top() - _BROW_SHARE * high, box.right(), box.bottom() + 0.06 * high
    return left / scale, top / scale, right / scale, bottom / scale


def _libavcodec() -> str:
    return ".".join(map(str, av.library_versions["libavcodec"]))
