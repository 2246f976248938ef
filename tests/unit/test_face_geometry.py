"""Anchors, boxes, regions and mouths as geometry, without a network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain import face_geometry as geometry
from audio_assets.domain.face_geometry import Floats, Roi


def a_face(height: float = 100.0, gap: float = 0.0) -> Floats:
    """Landmarks that are round a circle, but for those that the measures read."""
    turn = np.linspace(0, 2 * np.pi, geometry.N_LANDMARKS, endpoint=False)
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * height * 0.4
    points[geometry.FOREHEAD], points[geometry.NOSE_BASE] = (0, -0.5 * height), (0, 0.1 * height)
    points[geometry.LEFT_EYE], points[geometry.RIGHT_EYE] = (
        (-0.25 * height, -0.2 * height),
        (0.25 * height, -0.2 * height),
    )
    for numbers, y in ((geometry.UPPER_INNER_LIP, 0.2), (geometry.LOWER_INNER_LIP, 0.2 + gap)):
        for x, number in zip(np.linspace(-0.15, 0.15, len(numbers)), numbers, strict=True):
            points[number] = x * height, y * height
    return points.astype(np.float32)


def turned(points: Floats, angle_deg: float, scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> Floats:
    angle = np.radians(angle_deg)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ matrix.T + (x, y)).astype(np.float32)


def test_there_is_an_anchor_for_each_of_the_detectors_outputs() -> None:
    centres = geometry.anchor_centres()
    assert centres.shape == (896, 2)
    assert centres[0] == pytest.approx((0.5 / 16, 0.5 / 16))
    assert centres[2] == pytest.approx((1.5 / 16, 0.5 / 16)), "x runs first, two anchors each"
    assert centres[512] == pytest.approx((0.5 / 8, 0.5 / 8)), "the coarse grid comes after 16 * 16 * 2"


def test_a_box_is_relative_to_its_anchor() -> None:
    regressors, logits = np.zeros((896, 16), np.float32), np.full(896, -20, np.float32)
    regressors[512, :6] = 12.8, 0, 25.6, 51.2, 6.4, -6.4
    logits[512] = 3
    boxes, points, scores = geometry.decode_boxes(regressors, logits)
    x, y = 0.0625 + 0.1, 0.0625
    assert boxes[0] == pytest.approx([x - 0.1, y - 0.2, x + 0.1, y + 0.2], abs=1e-6)
    assert points[0, 0] == pytest.approx((0.0625 + 0.05, 0.0625 - 0.05), abs=1e-6)
    assert scores == pytest.approx([1 / (1 + np.exp(-3))])


def test_a_face_seen_twice_is_one_and_two_faces_are_two() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [2, 2, 6, 6]], np.float32)
    points, scores = np.zeros((4, 6, 2), np.float32), np.array([0.6, 0.9, 0.8, 0.7], np.float32)
    merged, _, best = geometry.merge_boxes(boxes, points, scores)
    assert best == pytest.approx([0.9, 0.8])
    assert merged[1] == pytest.approx([50, 50, 60, 60])
    assert 0 < merged[0, 0] < 2, "the weighted mean, the small one inside with it"


def test_nothing_seen_is_nothing() -> None:
    boxes, _, scores = geometry.merge_boxes(
        np.zeros((0, 4), np.float32), np.zeros((0, 6, 2), np.float32), np.zeros(0, np.float32)
    )
    assert len(boxes) == len(scores) == 0


@given(st.floats(-170, 170), st.floats(0.5, 4), st.floats(-50, 900), st.floats(-50, 900))
def test_the_region_of_a_face_turns_grows_and_moves_with_it(angle: float, scale: float, x: float, y: float) -> None:
    upright = geometry.roi_of_landmarks(a_face())
    moved = geometry.roi_of_landmarks(turned(a_face(), angle, scale, x, y))
    assert (moved.roll_deg - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    assert moved.side == pytest.approx(upright.side * scale, rel=1e-3)
    centre = turned(np.array([[upright.x, upright.y]], np.float32), angle, scale, x, y)[0]
    assert (moved.x, moved.y) == pytest.approx(centre, abs=0.05)


@given(st.floats(-180, 180), st.floats(20, 900))
def test_the_networks_square_is_the_region(roll: float, side: float) -> None:
    roi = Roi(300.0, 200.0, side, roll)
    half = (geometry.LANDMARK_PX - 1) / 2
    middle, right = geometry.in_picture(np.array([[half, half], [2 * half + 0.5, half]], np.float32), roi)
    assert middle == pytest.approx((299.5, 199.5), abs=1e-3), "pixel centres lie half a pixel in"
    assert np.hypot(*(right - middle)) == pytest.approx(side / 2, rel=1e-3)
    off = np.degrees(np.arctan2(*(right - middle)[::-1])) - roll
    assert (off + 180) % 360 - 180 == pytest.approx(0, abs=0.05)


@given(st.floats(-80, 80), st.floats(0.5, 5), st.floats(0.01, 0.3))
def test_the_openness_of_a_mouth_does_not_depend_on_size_or_turn(angle: float, scale: float, gap: float) -> None:
    measured = geometry.mouth_openness(turned(a_face(gap=gap), angle, scale, 300, 200))
    assert measured == pytest.approx(gap, rel=0.01)


def test_crossed_lips_are_a_closed_mouth() -> None:
    assert geometry.mouth_openness(a_face(gap=-0.05)) == 0.0


def test_a_nearer_left_cheek_is_a_positive_yaw() -> None:
    face, depth = a_face(), np.zeros(geometry.N_LANDMARKS, np.float32)
    face[geometry.LEFT_CHEEK], face[geometry.RIGHT_CHEEK] = (-30, 0), (30, 0)
    assert geometry.yaw_deg(face, depth) == 0
    depth[geometry.LEFT_CHEEK] = -60
    assert geometry.yaw_deg(face, depth) == pytest.approx(45)
