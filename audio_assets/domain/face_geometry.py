"""Faces as geometry: detector anchors, regions of interest, landmark indices, poses, the openness of a mouth.

Pure arithmetic belongs here; running the networks is in `resources/engines/faces.py`, smoothing over time and the
warp's shape in `mouth_motion.py`. Points are (x, y) in pixels, y down, shape (n, 2) float32; angles are degrees.
Landmark numbers are those of MediaPipe's face mesh (468 points). "Left" is the picture's left, not the person's.
- `anchor_centres`, `decode_boxes`, `merge_boxes`: from the detector's raw output to boxes and six key points.
- `roi_of_box`, `roi_of_landmarks`, `roi_matrix`: the rotated square that the landmark network is given.
- `roll_deg`, `yaw_deg`, `face_height_px`, `mouth_openness`: what is read from landmarks.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

N_LANDMARKS = 468
DETECTOR_PX, LANDMARK_PX = 128, 192
"""Sides of the square pictures that the two networks read."""

LEFT_EYE, RIGHT_EYE, FOREHEAD, CHIN, LEFT_CHEEK, RIGHT_CHEEK = 33, 263, 10, 152, 234, 454
NOSE_TIP, NOSE_BASE = 1, 2
LEFT_JAW, RIGHT_JAW = 58, 288
LEFT_CORNER, RIGHT_CORNER, UPPER_INNER_MIDDLE, LOWER_INNER_MIDDLE = 61, 291, 13, 14

UPPER_OUTER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LOWER_OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
JAW_LINE = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
"""Contours from the picture's left to its right, for a face that looks at us."""

_SKIN_POINTS = (205, 425, 50, 280, 207, 427, 199, 200)
"""Cheeks, beside the mouth, chin: where a face is lit as its mouth is."""

# Of these pairs of inner-lip points, above and below, the middle of the mouth's opening is measured.
_GAP_PAIRS = ((82, 87), (13, 14), (312, 317), (81, 178), (311, 402))

_ROI_SCALE = 1.5
_LEAST_SCORE = 0.5
_SAME_FACE_IOU = 0.3
_SAME_FACE_INSIDE = 0.7  # of the smaller box: a face that a tile cuts off lies inside the whole one


@dataclass(frozen=True, slots=True)
class Roi:
    """A square of `side` pixels round `(x, y)`, turned by `roll_deg` clockwise as seen."""

    x: float
    y: float
    side: float
    roll_deg: float


# --- the detector -----------------------------------------------------------------------------------------------------


@cache
def anchor_centres() -> Floats:
    """The centres of the short-range detector's 896 anchors, (896, 2), as parts of the square's side."""
    rows = []
    for stride, n_each in ((8, 2), (16, 6)):
        n = DETECTOR_PX // stride
        middles = (np.arange(n, dtype=np.float32) + 0.5) / n
        y, x = np.meshgrid(middles, middles, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), n_each, axis=0))
    return np.concatenate(rows)


def decode_boxes(regressors: Floats, logits: Floats) -> tuple[Floats, Floats, Floats]:
    """What the detector saw, in parts of the square's side: boxes (n, 4) x0 y0 x1 y1, key points (n, 6, 2), scores.

    `regressors` is (896, 16): centre, size, six points, relative to the anchors; `logits` is (896,).
    """
    scores = _sigmoid(logits)
    found = scores >= _LEAST_SCORE
    centres, values = anchor_centres()[found], regressors[found] / DETECTOR_PX
    middle, size = values[:, :2] + centres, values[:, 2:4]
    boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    points = values[:, 4:].reshape(-1, 6, 2) + centres[:, None]
    return boxes.astype(np.float32), points.astype(np.float32), scores[found]


def merge_boxes(boxes: Floats, points: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Faces that were seen several times, once each: the mean of what overlaps, weighted by score; best score first."""
    order = np.argsort(-scores, kind="stable")
    boxes, points, scores = boxes[order], points[order], scores[order]
    left = np.ones(len(scores), dtype=bool)
    merged: list[tuple[Floats, Floats, np.float32]] = []
    for i in range(len(scores)):
        if not left[i]:
            continue
        same = left & _is_same_face(boxes[i], boxes)
        left &= ~same
        weight = scores[same] / scores[same].sum()
        merged.append((weight @ boxes[same], np.tensordot(weight, points[same], 1), scores[i]))
    if not merged:
        return boxes, points, scores
    kept_boxes, kept_points, kept_scores = zip(*merged, strict=True)
    return np.stack(kept_boxes), np.stack(kept_points), np.array(kept_scores, dtype=np.float32)


def _is_same_face(box: Floats, others: Floats) -> NDArray[np.bool_]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    is_same = (shared > _SAME_FACE_IOU * (area + areas - shared)) | (
        shared > _SAME_FACE_INSIDE * np.minimum(area, areas)
    )
    return np.asarray(is_same, dtype=np.bool_)


def _sigmoid(logits: Floats) -> Floats:
    return (1 / (1 + np.exp(-np.clip(logits, -60, 60)))).astype(np.float32)


def presence(logit: float) -> float:
    """The landmark network's belief, 0 to 1, that its square holds a face."""
    return float(_sigmoid(np.array([logit], dtype=np.float32))[0])


# --- regions of interest ----------------------------------------------------------------------------------------------


def roi_of_box(box: Floats, points: Floats) -> Roi:
    """The square round a detected face, turned by the line through its eyes; `points` are the six key points."""
    dx, dy = points[1] - points[0]
    x0, y0, x1, y1 = (float(v) for v in box)
    side = _ROI_SCALE * max(x1 - x0, y1 - y0)
    return Roi((x0 + x1) / 2, (y0 + y1) / 2, side, float(np.degrees(np.arctan2(dy, dx))))


def roi_of_landmarks(landmarks: Floats) -> Roi:
    """The square round a face whose landmarks are known, as the next frame's landmark network wants it."""
    roll = roll_deg(landmarks)
    turned = landmarks @ _rotation(-roll).T
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = _rotation(roll) @ ((low + high) / 2)
    return Roi(float(x), float(y), _ROI_SCALE * float((high - low).max()), roll)


def roi_matrix(roi: Roi) -> NDArray[np.float64]:
    """Network pixel -> picture pixel, shape (2, 3): the centre of each pixel at half its width."""
    scale = roi.side / LANDMARK_PX
    turn = _rotation(roi.roll_deg).astype(np.float64) * scale
    middle = np.array([roi.x - 0.5, roi.y - 0.5]) - turn @ np.full(2, (LANDMARK_PX - 1) / 2)
    return np.concatenate([turn, middle[:, None]], axis=1)


def in_picture(points: Floats, roi: Roi) -> Floats:
    """Points in the network's pixels, (n, 2), as picture points."""
    matrix = roi_matrix(roi)
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def _rotation(angle_deg: float) -> Floats:
    angle = np.radians(angle_deg)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=np.float32)


# --- what landmarks say -----------------------------------------------------------------------------------------------


def roll_deg(landmarks: Floats) -> float:
    """How far the line through the eyes is turned clockwise as seen, -180 to 180."""
    dx, dy = landmarks[RIGHT_EYE] - landmarks[LEFT_EYE]
    return float(np.degrees(np.arctan2(dy, dx)))


def yaw_deg(landmarks: Floats, depth: Floats) -> float:
    """How far the face is turned aside, positive where its left cheek (of the picture) is nearer to us."""
    across = landmarks[RIGHT_CHEEK] - landmarks[LEFT_CHEEK]
    return float(np.degrees(np.arctan2(depth[RIGHT_CHEEK] - depth[LEFT_CHEEK], np.hypot(*across))))


def face_height_px(landmarks: Floats) -> float:
    """Forehead to nose base, over the share of a face that is: a height that an opening jaw does not change."""
    return float(np.hypot(*(landmarks[NOSE_BASE] - landmarks[FOREHEAD]))) / 0.6


def mouth_openness(landmarks: Floats) -> float:
    """The gap between the inner lips in the middle of the mouth, as a share of the face's height.

    Measured down the face, so that a turned head measures the same; never below 0.
    """
    down = _rotation(roll_deg(landmarks)) @ np.array([0.0, 1.0], dtype=np.float32)
    gaps = [float((landmarks[below] - landmarks[above]) @ down) for above, below in _GAP_PAIRS]
    return max(0.0, float(np.mean(gaps))) / max(face_height_px(landmarks), 1e-6)


def tone_points(landmarks: Floats) -> tuple[Floats, Floats]:
    """Where the colours of the lips (n, 2), and of the skin round them, are to be read."""
    outer, inner = (*UPPER_OUTER_LIP[2:9], *LOWER_OUTER_LIP[2:9]), (*UPPER_INNER_LIP[2:9], *LOWER_INNER_LIP[2:9])
    return (landmarks[list(outer)] + landmarks[list(inner)]) * np.float32(0.5), landmarks[list(_SKIN_POINTS)]
