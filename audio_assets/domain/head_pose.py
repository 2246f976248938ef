"""How a head is turned, and how its mouth lies in the frame, from the 468 points of a face mesh: points in, angles out.

A head of mean proportions is laid over the points (scaled orthographic projection, least squares). Yaw is positive
towards the picture's right, pitch downwards, roll clockwise as seen; 0, 0, 0 looks into the camera. Good to about 10
degrees up to 45; what matters here is frontal against turned away.
"""

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.take_scores import MouthLook

Points = NDArray[np.floating]

OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
MOUTH_CORNERS = (61, 291)

# Millimetres from the middle between the outer corners of the eyes: to the picture's right, down, towards the camera.
_HEAD = {
    33: (-45, 0, 0), 263: (45, 0, 0), 1: (0, 40, 40), 61: (-25, 70, 10), 291: (25, 70, 10), 152: (0, 120, 10),
    234: (-75, 20, -55), 454: (75, 20, -55),
}  # fmt: skip


def head_angles_deg(landmarks: Points) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of the head behind `landmarks`, shape (468, 2)."""
    head = np.array(list(_HEAD.values()), np.float64)
    points = np.asarray(landmarks, np.float64)[list(_HEAD)]
    rows = np.linalg.lstsq(head - head.mean(axis=0), points - points.mean(axis=0), rcond=None)[0].T
    # The nearest two orthogonal rows of equal length: what a turned head can give.
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    across, down = left @ right
    towards = np.cross(across, down)
    # Where the head's own axes point: its nose, as (right, down, towards the camera).
    nose = (across[2], down[2], towards[2])
    yaw = np.arctan2(nose[0], nose[2])
    pitch = np.arcsin(np.clip(nose[1], -1, 1))
    roll = np.arctan2(down[0], across[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def mouth_look(landmarks: Points, width: int, height: int) -> MouthLook:
    """Return how the mouth of a face lies in a frame of `width` x `height` pixels."""
    corners = landmarks[list(MOUTH_CORNERS)]
    lips = landmarks[list(OUTER_LIPS)]
    inside = (lips >= 0).all(axis=1) & (lips[:, 0] < width) & (lips[:, 1] < height)
    yaw, pitch, roll = head_angles_deg(landmarks)
    return MouthLook(
        width_px=float(np.linalg.norm(corners[1] - corners[0])),
        inside_share=float(inside.mean()),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
    )


def drawn_mouth(x: float, y: float, width_px: float, angle_deg: float, width: int, height: int) -> MouthLook:
    """Return how a drawn mouth lies in a frame of `width` x `height` pixels: its middle, its width, its turn.

    Drawn heads look at us, so only roll is known of their pose.
    """
    along = np.linspace(-0.5, 0.5, 9) * width_px
    xs, ys = x + along * np.cos(np.radians(angle_deg)), y + along * np.sin(np.radians(angle_deg))
    inside = (xs >= 0) & (xs < width) & (ys >= 0) & (ys < height)
    return MouthLook(width_px, float(inside.mean()), 0.0, 0.0, angle_deg)
