from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.reframe import SceneTrack, Spot, box_size, crop_path, interest_centre, size_of

RATE = Fraction(24)
SIZE = 1280, 720
BOX = box_size(*SIZE, 720, 1280)
MIDDLE = 0.5, 0.5


def path_of(xs: list[float], n_frames: int = 240, ys: float = 0.4) -> NDArray[np.float64]:
    frames = np.linspace(100, 100 + n_frames - 1, len(xs)).astype(int)
    spots = tuple(Spot(int(frame), x, ys) for frame, x in zip(frames, xs, strict=True))
    return crop_path(SceneTrack(100, 100 + n_frames, spots), RATE, SIZE, BOX, rest=MIDDLE)


def test_sizes_of_the_shapes_keep_the_shorter_side() -> None:
    assert [size_of(shape, 1280, 720) for shape in ("landscape", "vertical", "square")] == [
        (1280, 720), (720, 1280), (720, 720),
    ]  # fmt: skip
    assert size_of("landscape", 720, 1280) == (1280, 720)
    assert size_of("vertical", 1080, 1920) == (1080, 1920)
    assert size_of("landscape", 640, 480) == (854, 480)
    assert BOX == (405, 720)


@pytest.mark.parametrize("x", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_face_lies_in_the_middle_of_the_box_or_the_box_at_the_edge(x: float) -> None:
    left = path_of([x])[:, 0]
    assert np.all(left == np.clip(np.rint(x * 1280 - 405 / 2), 0, 1280 - 405))


def test_a_restless_face_does_not_move_the_box() -> None:
    shaky = 0.6 + 0.03 * np.random.default_rng(1).standard_normal(80)
    path = path_of([float(x) for x in shaky])
    assert np.all(path == path[0])
    assert np.all(path == np.rint(path))
    assert path[0, 0] == pytest.approx(0.6 * 1280 - 202.5, abs=40)


def test_one_false_face_is_ignored() -> None:
    path = path_of([0.3, 0.3, 0.95, 0.3, 0.3])
    assert np.all(path[:, 0] == np.rint(0.3 * 1280 - 202.5))


def test_a_walk_is_followed_slowly_and_without_jitter() -> None:
    shaky = np.linspace(0.2, 0.8, 60) + 0.01 * np.random.default_rng(2).standard_normal(60)
    left = path_of([float(x) for x in shaky])[:, 0]
    faces = np.interp(np.arange(240), np.linspace(0, 239, 60), shaky) * 1280
    assert np.abs(faces - left - 202.5)[[0, 60, 120, 180, -1]].max() < 45  # near the middle, at the cuts too
    assert np.all(np.diff(left) >= -0.3)
    assert np.abs(np.diff(left)).max() < 8  # a film of 10 s: 768 pixels in 240 frames are 3.2 a frame
    assert np.abs(np.diff(left, 2)).max() < 0.6


@pytest.mark.parametrize("n_frames", [1, 2, 9])
def test_a_scene_shorter_than_the_smoothing_is_followed_within_the_picture(n_frames: int) -> None:
    left = path_of([0.0, 1.0][:n_frames], n_frames)[:, 0]
    assert left.shape == (n_frames,)
    assert np.all((left >= 0) & (left <= 1280 - 405))


def test_a_box_stays_in_the_picture_and_has_a_place_for_every_frame() -> None:
    path = crop_path(SceneTrack(0, 7), RATE, (720, 1280), box_size(720, 1280, 1280, 720), rest=(0.5, 0.95))
    assert path.shape == (7, 2)
    assert np.all(path == [0, 1280 - 405])


def test_faces_in_a_wide_box_of_a_tall_film_leave_room_below() -> None:
    path = crop_path(
        SceneTrack(0, 3, (Spot(1, 0.5, 0.3),)), RATE, (720, 1280), box_size(720, 1280, 1280, 720), rest=MIDDLE
    )
    assert np.all(path[:, 1] == np.rint(0.3 * 1280 - 0.4 * 405))


def test_without_faces_edges_draw_the_box_and_flat_pictures_the_middle() -> None:
    picture = np.zeros((90, 160), np.float32)
    assert interest_centre([]) == interest_centre([picture]) == (0.5, 0.5)
    picture[30:60, 110:140] = np.random.default_rng(3).random((30, 30)) * 255
    x, y = interest_centre([picture])
    assert x == pytest.approx(125 / 160, abs=0.04)
    assert y == pytest.approx(0.5, abs=0.04)
