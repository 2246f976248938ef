"""A painted mouth on a made-up face: what may change, and what it shows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain import face_geometry as face
from audio_assets.domain.face_geometry import Floats
from audio_assets.domain.mouth_curves import CHIN, LOWER_INNER, UPPER_INNER, Pose, mouth_curves
from audio_assets.domain.mouth_paint import Tones, paint_mouth

SHUT = Pose(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
WIDE = replace(SHUT, opening=1.0)
TONES = Tones((180.0, 90.0, 90.0), (220.0, 180.0, 160.0))
SIDE = 320


def a_face(gap: float = 0.0, angle_deg: float = 0.0, height: float = 200.0) -> Floats:
    """The landmarks that curves are made of, in a picture of SIDE pixels."""
    points = np.zeros((face.N_LANDMARKS, 2))
    points[face.FOREHEAD], points[face.NOSE_BASE], points[face.CHIN] = (0, -0.5), (0, 0.1), (0, 0.5)
    points[face.LEFT_EYE], points[face.RIGHT_EYE] = (-0.22, -0.2), (0.22, -0.2)
    points[face.LEFT_JAW], points[face.RIGHT_JAW] = (-0.36, 0.2), (0.36, 0.2)
    arch = np.sqrt(1 - np.linspace(-1, 1, 11) ** 2)
    for numbers, half, way in (
        (face.UPPER_OUTER_LIP, 0.17, -0.045), (face.LOWER_OUTER_LIP, 0.17, 0.055 + gap),
        (face.UPPER_INNER_LIP, 0.15, 0.0), (face.LOWER_INNER_LIP, 0.15, gap),
    ):  # fmt: skip
        for x, up, number in zip(np.linspace(-half, half, 11), arch, numbers, strict=True):
            points[number] = x, 0.2 + way * up
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (points @ turn * height + (SIDE / 2, SIDE / 2 - 30)).astype(np.float32)


def noise() -> np.ndarray:
    return np.random.default_rng(3).integers(90, 250, (SIDE, SIDE, 3)).astype(np.uint8)


def painted(landmarks: Floats, pose: Pose, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return paint_mouth(picture, (0, 0), mouth_curves(landmarks, pose), pose, TONES)


poses = st.builds(Pose, *[st.floats(0, 1)] * 7)


@settings(max_examples=25, deadline=None)
@given(poses, st.floats(0, 0.12), st.floats(-60, 60))
def test_lines_never_cross_and_nothing_outside_the_box_changes(pose: Pose, gap: float, angle: float) -> None:
    curves = mouth_curves(a_face(gap, angle), pose)
    assert (np.diff(curves.target, axis=0) >= -1e-9).all()
    picture = noise()
    out, changed = painted(a_face(gap, angle), pose, picture)
    x0, y0, x1, y1 = curves.box(SIDE, SIDE)
    outside = np.ones((SIDE, SIDE), bool)
    outside[y0:y1, x0:x1] = False
    assert not changed[outside].any()
    assert np.array_equal(out[~changed], picture[~changed])


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_a_weight_of_nothing_changes_no_pixel(angle: float) -> None:
    picture = noise()
    out, changed = painted(a_face(angle_deg=angle), replace(WIDE, weight=0.0), picture)
    assert not changed.any()
    assert np.array_equal(out, picture)


def test_a_pixel_of_a_part_is_the_pixel_of_the_whole() -> None:
    """Painting depends on where the face is, not on how much of the picture is handed over."""
    picture = noise()
    curves = mouth_curves(a_face(0.05), WIDE)
    whole, _ = paint_mouth(picture, (0, 0), curves, WIDE, TONES)
    x0, y0, x1, y1 = curves.box(SIDE, SIDE)
    part, _ = paint_mouth(picture[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4], (x0 - 4, y0 - 4), curves, WIDE, TONES)
    assert np.array_equal(part, whole[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4])


@given(st.floats(0, 1), st.floats(0, 0.12))
def test_the_lips_part_as_far_as_the_jaw_says_whatever_the_picture_shows(opening: float, gap: float) -> None:
    curves = mouth_curves(a_face(gap), replace(SHUT, opening=opening))
    assert curves.target_gap_px == pytest.approx(0.15 * opening * 200, abs=0.1)


def test_closing_covers_what_an_open_mouth_shows() -> None:
    picture = np.full((SIDE, SIDE, 3), (200, 150, 140), np.uint8)
    landmarks = a_face(0.06)
    inside = np.zeros((SIDE, SIDE), bool)
    x, y = landmarks[13].astype(int)
    inside[y + 2 : y + 10, x - 15 : x + 15] = True
    picture[inside] = 255
    out, _ = painted(landmarks, SHUT, picture)
    assert (out[inside].max(axis=1) < 215).all(), "no white of the teeth is left"


def test_opening_a_closed_mouth_shows_teeth_above_and_the_dark_below_and_drops_the_chin() -> None:
    picture = np.full((SIDE, SIDE, 3), (200, 150, 140), np.uint8)
    curves = mouth_curves(a_face(), WIDE)
    out, _ = painted(a_face(), WIDE, picture)
    middle = len(curves.u_source) // 2
    x, y = round(curves.origin[0]), curves.origin[1]
    top, bottom = (y + curves.target[line, middle] for line in (UPPER_INNER, LOWER_INNER))
    tooth, dark = out[round(top + 4), x].astype(int), out[round(top + 0.45 * (bottom - top)), x].astype(int)
    assert tooth.min() > 110
    assert tooth.max() - tooth.min() < 60, "no lip's red"
    assert dark.max() < 100
    assert curves.target[CHIN, middle] > curves.source[CHIN, middle] + 5


def test_a_pucker_is_narrower_and_a_smile_wider() -> None:
    rest, pucker, smile = (
        mouth_curves(a_face(), pose).half_width_px
        for pose in (SHUT, replace(SHUT, rounding=1.0), replace(SHUT, spreading=1.0))
    )
    assert pucker < 0.8 * rest
    assert smile > 1.03 * rest
