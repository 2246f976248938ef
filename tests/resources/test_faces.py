"""The face finder on a photograph; needs the fetched model."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from audio_assets.domain import face_geometry as geometry
from resources.engines.faces import FaceFinder
from tests import faces


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(faces.model_dir())


def test_the_photographs_face_is_found_where_it_is(finder: FaceFinder) -> None:
    (face,) = finder.find(skimage.data.astronaut())
    x0, y0, x1, y1 = face.box
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(faces.FACE_AT, abs=5)
    assert face.height_px == pytest.approx(faces.FACE_PX, abs=4)
    assert face.landmarks.shape == (geometry.N_LANDMARKS, 2)
    assert face.score > 0.8
    assert face.presence > 0.9
    # By eye, in the photograph: her mouth's corners and the tip of her nose.
    assert face.landmarks[geometry.LEFT_CORNER] == pytest.approx((202, 143), abs=5)
    assert face.landmarks[geometry.RIGHT_CORNER] == pytest.approx((244, 143), abs=5)
    assert face.landmarks[geometry.NOSE_TIP] == pytest.approx((226, 126), abs=5)


@pytest.mark.parametrize("turn_deg", [-30.0, 25.0])
def test_landmarks_turn_with_the_picture(finder: FaceFinder, turn_deg: float) -> None:
    (upright,) = finder.find(faces.portrait(640, 360, zoom=1.5))
    (turned,) = finder.find(faces.portrait(640, 360, zoom=1.5, turn_deg=turn_deg))
    matrix = cv2.getRotationMatrix2D((320, 180), turn_deg, 1.0)
    expected = upright.landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert np.hypot(*(turned.landmarks - expected).T).mean() < 0.02 * upright.height_px
    assert turned.roll_deg == pytest.approx(upright.roll_deg - turn_deg, abs=3)


def test_a_mirrored_face_has_mirrored_landmarks(finder: FaceFinder) -> None:
    picture = faces.portrait(640, 360, zoom=1.5, turn_deg=10)
    (face,), (mirrored,) = finder.find(picture), finder.find(picture[:, ::-1].copy())
    assert mirrored.landmarks[geometry.NOSE_TIP, 0] == pytest.approx(640 - face.landmarks[geometry.NOSE_TIP, 0], abs=4)
    assert mirrored.roll_deg == pytest.approx(-face.roll_deg, abs=4)


def test_smaller_faces_are_found_too_and_the_largest_comes_first(finder: FaceFinder) -> None:
    picture = np.full((720, 1280, 3), 90, np.uint8)
    picture[400:700, 900:1200] = faces.portrait(300, 300, zoom=1.5)
    picture[40:340, 100:400] = faces.portrait(300, 300, zoom=1.2)
    found = finder.find(picture)
    assert [round(face.box[0] / 640) for face in found] == [2, 0]
    assert found[0].height_px > found[1].height_px > 100


@pytest.mark.parametrize("name", ["coffee", "chelsea", "black"])
def test_where_there_is_no_face_none_is_found(finder: FaceFinder, name: str) -> None:
    picture = np.zeros((360, 640, 3), np.uint8) if name == "black" else getattr(skimage.data, name)()
    assert finder.find(picture) == ()
    assert finder.track(picture, None) is None


def test_a_face_is_followed_without_the_detector_and_found_again_after_a_cut(finder: FaceFinder) -> None:
    first = finder.track(faces.portrait(640, 360), None)
    assert first is not None
    moved = finder.follow(faces.portrait(640, 360, zoom=1.08, turn_deg=4), first)
    assert moved is not None
    assert moved.height_px > first.height_px * 1.04
    elsewhere = np.roll(faces.portrait(640, 360), 200, axis=1)
    assert finder.follow(elsewhere, first) is None
    found = finder.track(elsewhere, first)
    assert found is not None
    assert found.box[0] == pytest.approx(first.box[0] + 200, abs=3)


def test_the_same_numbers_in_another_process(finder: FaceFinder) -> None:
    code = (
        "import hashlib, sys; from tests import faces; from resources.engines.faces import FaceFinder;"
        "f = FaceFinder(faces.model_dir()).find(faces.portrait(640, 360))[0];"
        "print(hashlib.sha256(f.landmarks.tobytes()).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    there = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    here = finder.find(faces.portrait(640, 360))[0]
    assert there.stdout.strip() == hashlib.sha256(here.landmarks.tobytes()).hexdigest()
