from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.head_pose import _HEAD, MOUTH_CORNERS, OUTER_LIPS, drawn_mouth, head_angles_deg, mouth_look
from audio_assets.domain.take_scores import (
    CONSISTENCY,
    FACE_MATCH_DISTANCE,
    MOUTH,
    QUALITY,
    ClipLook,
    FrameLook,
    MouthLook,
    Score,
    TakeQuality,
    Wanted,
    consistency_of,
    mouth_share,
    mouth_visibility_of,
    quality_checks,
    quality_of,
)

R24 = Fraction(24)
WANTED = Wanted(1280, 720, R24, 96)
GOOD_FRAME = FrameLook(blur=0.3, dark_share=0.05, bright_share=0.0, spread=150.0, mean=110.0)
GOOD = ClipLook(1280, 720, R24, 96, 0, 0, 0, (GOOD_FRAME,) * 3)
FRONTAL = MouthLook(width_px=60.0, inside_share=1.0, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0)


def value(clip: ClipLook) -> float:
    score, _ = quality_of(clip, WANTED)
    assert score.value is not None
    return score.value


def test_a_good_clip_is_worth_one_and_says_why() -> None:
    score, parts = quality_of(GOOD, WANTED)
    assert score.value == 1.0
    assert list(parts) == ["black", "frozen", "length", "sharpness", "exposure", "resolution"]
    assert all(part.value == 1.0 and part.evidence for part in parts.values())


@pytest.mark.parametrize(
    "clip",
    [
        replace(GOOD, n_black=48),
        replace(GOOD, n_frozen=48),
        replace(GOOD, n_frames=72),
        replace(GOOD, frames=(replace(GOOD_FRAME, blur=0.8),)),
        replace(GOOD, frames=(replace(GOOD_FRAME, dark_share=1.0),)),
    ],
    ids=["half black", "half frozen", "a quarter missing", "blurred", "dark"],
)
def test_one_great_fault_makes_it_worthless(clip: ClipLook) -> None:
    assert value(clip) == 0.0


@given(
    black=st.integers(0, 95), frozen=st.integers(0, 95), n=st.integers(60, 200), blur=st.floats(0, 1),
    width=st.integers(100, 4000), height=st.integers(100, 4000),
)  # fmt: skip
def test_scores_stay_within_bounds_and_more_faults_never_help(
    black: int, frozen: int, n: int, blur: float, width: int, height: int
) -> None:
    frames = (replace(GOOD_FRAME, blur=blur),)
    clip = ClipLook(width, height, R24, n, min(black, n), min(frozen, n), 0, frames)
    assert 0.0 <= value(clip) <= 1.0
    assert value(replace(clip, n_black=min(black + 1, n))) <= value(clip)
    assert value(replace(clip, n_frozen=min(frozen + 1, n))) <= value(clip)
    assert value(replace(clip, frames=(replace(GOOD_FRAME, blur=min(1.0, blur + 0.1)),))) <= value(clip)


def test_seconds_decide_on_the_length_not_frames() -> None:
    assert value(replace(GOOD, frame_rate=Fraction(30), n_frames=120)) == 1.0
    _, parts = quality_of(replace(GOOD, frame_rate=Fraction(30), n_frames=96), WANTED)
    assert parts["length"].value == pytest.approx(0.2)  # a fifth is missing


def test_a_clip_of_another_size_or_form_or_rate_is_worth_less() -> None:
    half, tall, slow = (
        quality_of(clip, WANTED)[1]["resolution"].value
        for clip in (
            replace(GOOD, width=640, height=360),
            replace(GOOD, width=1280, height=1280),
            replace(GOOD, frame_rate=Fraction(12), n_frames=48),
        )
    )
    assert half == 0.5
    assert tall == pytest.approx(720 / 1280, abs=1e-4)
    assert slow == 0.5


def test_a_picture_without_detail_is_not_held_against_sharpness() -> None:
    clip = replace(GOOD, frames=(replace(GOOD_FRAME, blur=None),))
    score, parts = quality_of(clip, WANTED)
    assert parts["sharpness"].value is None
    assert parts["sharpness"].why
    assert score.value == 1.0


def test_the_match_threshold_is_the_middle_of_consistency() -> None:
    assert consistency_of([FACE_MATCH_DISTANCE], 3).value == 0.5
    assert consistency_of([0.0, 0.25, 2.0], 3).value == 1.0  # the median decides
    assert consistency_of([0.95], 3).value == 0.0


def test_a_face_in_hardly_any_frame_is_taken_for_a_mistake() -> None:
    assert consistency_of([0.9] * 2, 12).value is None
    assert consistency_of([0.9] * 3, 12).value == 0.0


def test_no_face_is_not_measurable_for_consistency_but_no_mouth_to_be_seen() -> None:
    consistency, mouth = consistency_of([], 24), mouth_visibility_of([None] * 24, 720)
    assert consistency.value is None
    assert "24 frames" in consistency.why
    assert mouth.value == 0.0


def test_mouth_visibility_is_the_share_of_frames_in_which_it_is_well_seen() -> None:
    assert mouth_visibility_of([FRONTAL] * 4, 720).value == 1.0
    assert mouth_visibility_of([FRONTAL, None, FRONTAL, None], 720).value == 0.5


@pytest.mark.parametrize(
    "worse",
    [
        replace(FRONTAL, width_px=12.0),
        replace(FRONTAL, inside_share=0.4),
        replace(FRONTAL, yaw_deg=-60.0),
        replace(FRONTAL, pitch_deg=50.0),
        replace(FRONTAL, roll_deg=100.0),
    ],
    ids=["small", "cut off", "aside", "down", "upside down"],
)
def test_a_mouth_that_is_small_cut_off_or_turned_away_is_seen_less(worse: MouthLook) -> None:
    assert mouth_share(worse, 720) < 0.6 < mouth_share(FRONTAL, 720) == 1.0


def test_checks_name_only_what_was_measured() -> None:
    quality = TakeQuality(Score(0.4, evidence={"weakest": "sharpness"}), Score(None, "no reference"), Score(0.9))
    checks = {check.name: check for check in quality_checks(quality)}
    assert set(checks) == {QUALITY, MOUTH}
    assert not checks[QUALITY].passed
    assert "sharpness" in checks[QUALITY].detail
    assert checks[MOUTH].passed
    assert CONSISTENCY in quality.scores()


# --- The head's pose -----------------------------------------------------------------------------------------------


def turned_head(yaw_deg: float, pitch_deg: float, roll_deg: float, scale: float = 3.0) -> np.ndarray:
    """The model head's points in a picture, turned, at (640, 360); x right, y down, z towards the camera."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    landmarks = np.zeros((468, 2), np.float32)
    points = np.array(list(_HEAD.values()), np.float64) @ (tilt @ turn @ nod).T
    landmarks[list(_HEAD)] = points[:, :2] * scale + (640, 360)
    return landmarks


@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(0.5, 8))
def test_yaw_and_pitch_of_an_upright_head_are_found(yaw: float, pitch: float, scale: float) -> None:
    assert head_angles_deg(turned_head(yaw, pitch, 0.0, scale))[:2] == pytest.approx((yaw, pitch), abs=0.1)


@given(st.floats(-170, 170))
def test_roll_is_found(roll: float) -> None:
    assert head_angles_deg(turned_head(0.0, 0.0, roll)) == pytest.approx((0.0, 0.0, roll), abs=0.1)


def test_a_mouth_past_the_frames_edge_is_cut_off() -> None:
    landmarks = turned_head(0, 0, 0)
    left, right = landmarks[list(MOUTH_CORNERS)]
    landmarks[list(OUTER_LIPS[:10])], landmarks[list(OUTER_LIPS[10:])] = left, right
    whole, cut = mouth_look(landmarks, 1280, 720), mouth_look(landmarks, 640, 720)
    assert (whole.inside_share, cut.inside_share) == (1.0, 0.5)
    assert whole.width_px == 150.0


def test_a_drawn_mouth_is_seen_as_far_as_it_is_in_the_frame() -> None:
    assert drawn_mouth(640, 400, 80, 5, 1280, 720) == MouthLook(80, 1.0, 0.0, 0.0, 5)
    assert drawn_mouth(0, 400, 80, 0, 1280, 720).inside_share == pytest.approx(5 / 9)
    assert drawn_mouth(640, 900, 80, 0, 1280, 720).inside_share == 0.0
