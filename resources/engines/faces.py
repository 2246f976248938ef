"""Faces in pictures: MediaPipe's short-range detector and its 468-point face mesh, run by OpenCV.

Running the two networks belongs here, and nothing else; the geometry is in `face_geometry`, and what a face is good for
belongs to who asks. One thread: workers share the cores, and the same picture gives the same numbers in any process.
The detector sees faces from about a sixth of its square up, so pictures are searched whole and in tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import face_geometry as geometry
from audio_assets.domain.face_geometry import Floats, Roi
from resources import models
from resources.video_files import Picture

MODEL = "facemesh"
_DETECTOR, _LANDMARKS = "face_detection_short_range.tflite", "face_landmark.tflite"
_LEAST_PRESENCE = 0.5
_LOST_BELOW_PX = 12.0
_TILE_STEP = 0.5  # of a tile's side: a face up to half a tile is whole in one of them


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face.

    `box` is x0, y0, x1, y1 in pixels, round the landmarks; `score` is the detector's (of the frame where it was last
    asked), `presence` the landmark network's, both 0 to 1. `landmarks` is (468, 2) float32 in pixels, `depth` (468,)
    in the same unit, smaller is nearer. Angles as in `face_geometry`.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: Floats
    depth: Floats
    presence: float
    roll_deg: float
    yaw_deg: float

    @property
    def height_px(self) -> float:
        """The box's height."""
        return self.box[3] - self.box[1]


def identity() -> dict[str, str]:
    """Who finds: for the key of what is made of it."""
    return {"faces": "facemesh 1", "model": models.CATALOGUE[MODEL].sha256, "opencv": cv2.__version__}


class FaceFinder:
    """Finds faces, and follows one from frame to frame. Not for use by several threads at once."""

    def __init__(self, model_dir: Path) -> None:
        cv2.setNumThreads(1)
        # The default engine drops the detector's second output.
        self._detector = cv2.dnn.readNetFromTFLite(str(model_dir / _DETECTOR), cv2.dnn.ENGINE_CLASSIC)
        self._mesh = cv2.dnn.readNetFromTFLite(str(model_dir / _LANDMARKS), cv2.dnn.ENGINE_CLASSIC)

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """All faces of a picture (height, width, 3; RGB), the largest first."""
        for tiles in _levels(picture.shape[1], picture.shape[0]):
            faces = self._faces(picture, *self._detect(picture, tiles))
            if faces:
                return faces
        return ()

    def track(self, picture: Picture, previous: Face | None) -> Face | None:
        """The face of the frame before, in this one: looked for where it was, then anywhere, the nearest to it.

        With no `previous` the largest. None where there is none.
        """
        if previous is not None:
            face = self.follow(picture, previous)
            if face is not None:
                return face
        found = self.find(picture)
        if previous is None or not found:
            return found[0] if found else None
        return min(found, key=lambda face: float(np.hypot(*(_middle(face) - _middle(previous)))))

    def follow(self, picture: Picture, previous: Face) -> Face | None:
        """The face of the frame before, where it was; None where it is not any more."""
        return self._mesh_of(picture, geometry.roi_of_landmarks(previous.landmarks), previous.score)

    def _faces(self, picture: Picture, boxes: Floats, points: Floats, scores: Floats) -> tuple[Face, ...]:
        faces = []
        for box, six, score in zip(boxes, points, scores, strict=True):
            rough = self._mesh_of(picture, geometry.roi_of_box(box, six), float(score))
            # Once more from its own landmarks, so that the frames that follow see the same square.
            exact = rough and self._mesh_of(picture, geometry.roi_of_landmarks(rough.landmarks), float(score))
            if exact:
                faces.append(exact)
        return tuple(sorted(faces, key=lambda face: -face.height_px))

    def _detect(self, picture: Picture, tiles: list[tuple[int, int, int]]) -> tuple[Floats, Floats, Floats]:
        seen = [self._detect_in(picture, *tile) for tile in tiles]
        boxes, points, scores = (np.concatenate(parts) for parts in zip(*seen, strict=True))
        return geometry.merge_boxes(boxes, points, scores)

    def _detect_in(self, picture: Picture, x: int, y: int, side: int) -> tuple[Floats, Floats, Floats]:
        """What the detector sees in one square, which may reach past the picture, in the picture's pixels."""
        part = picture[max(y, 0) : y + side, max(x, 0) : x + side]
        top, left = max(-y, 0), max(-x, 0)
        scale = geometry.DETECTOR_PX / side
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        square = np.zeros((geometry.DETECTOR_PX, geometry.DETECTOR_PX, 3), np.uint8)
        at_y, at_x = round(top * scale), round(left * scale)
        small = small[: geometry.DETECTOR_PX - at_y, : geometry.DETECTOR_PX - at_x]
        square[at_y : at_y + small.shape[0], at_x : at_x + small.shape[1]] = small
        regressors, logits = _outputs(self._detector, square, 1 / 127.5, 127.5)
        boxes, points, scores = geometry.decode_boxes(regressors.reshape(-1, 16), logits.reshape(-1))
        corner = np.array([x, y], np.float32)
        return boxes * side + np.tile(corner, 2), points * side + corner, scores

    def _mesh_of(self, picture: Picture, roi: Roi, score: float) -> Face | None:
        """The face in a square, None where there is none."""
        if roi.side < _LOST_BELOW_PX:
            return None
        points, logit = _outputs(self._mesh, _crop(picture, roi), 1 / 255, 0)
        presence = geometry.presence(float(logit.reshape(-1)[0]))
        if presence < _LEAST_PRESENCE:
            return None
        mesh = points.reshape(-1, 3)
        landmarks = geometry.in_picture(mesh[:, :2], roi)
        depth = mesh[:, 2] * np.float32(roi.side / geometry.LANDMARK_PX)
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        return Face(
            box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            score=score,
            landmarks=landmarks,
            depth=depth,
            presence=presence,
            roll_deg=geometry.roll_deg(landmarks),
            yaw_deg=geometry.yaw_deg(landmarks, depth),
        )


def _outputs(network: cv2.dnn.Net, crop: Picture, scale: float, offset: float) -> list[Floats]:
    """All that the network says of `(pixel - offset) * scale`, the longest first."""
    network.setInput(cv2.dnn.blobFromImage(crop, scale, mean=(offset, offset, offset)))
    outputs = network.forward(network.getUnconnectedOutLayersNames())
    return sorted((np.asarray(output, np.float32) for output in outputs), key=np.size, reverse=True)


def _crop(picture: Picture, roi: Roi) -> Picture:
    """The landmark network's square; shrunk by whole steps first, so that no pixel of a large face is passed over."""
    matrix = geometry.roi_matrix(roi)
    step = int(roi.side / geometry.LANDMARK_PX)
    if step >= 2:
        reach = roi.side * 0.75
        x0, y0 = (max(0, int(v - reach)) for v in (roi.x, roi.y))
        part = picture[y0 : max(y0 + step, int(roi.y + reach)), x0 : max(x0 + step, int(roi.x + reach))]
        size = (part.shape[1] // step, part.shape[0] // step)
        if min(size) > 0:
            part = part[: size[1] * step, : size[0] * step]
            picture = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
            matrix[:, 2] = (matrix[:, 2] - (x0, y0) - (step - 1) / 2) / step
            matrix[:, :2] /= step
    crop = cv2.warpAffine(
        picture, matrix, (geometry.LANDMARK_PX, geometry.LANDMARK_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(crop, np.uint8)


def _middle(face: Face) -> NDArray[np.float64]:
    x0, y0, x1, y1 = face.box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def _levels(width: int, height: int) -> Iterator[list[tuple[int, int, int]]]:
    """The squares (x, y, side) to search: one round all and those of the short side, then those of half of it."""
    whole, short = max(width, height), min(width, height)
    square = ((width - whole) // 2, (height - whole) // 2, whole)
    yield [square, *(_tiles(width, height, short) if geometry.DETECTOR_PX <= short < whole else [])]
    if short // 2 >= geometry.DETECTOR_PX:
        yield _tiles(width, height, short // 2)


def _tiles(width: int, height: int, side: int) -> list[tuple[int, int, int]]:
    return [(x, y, side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    n = 1 + int(np.ceil((length - side) / (side * _TILE_STEP)))
    return [round(v) for v in np.linspace(0, length - side, n)]
