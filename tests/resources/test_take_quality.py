"""Clips of a real photo, rendered here, against what the scores say of them."""

import os
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from audio_assets.domain.head_pose import drawn_mouth
from audio_assets.domain.take_scores import TakeQuality, Wanted
from resources import models
from resources.engines.face_embedding import FaceEmbedder
from resources.engines.faces import FaceFinder
from resources.engines.take_quality import Stands, blur_of, identity, is_black, measure_take, sample_frames
from resources.models import ModelMissing
from resources.video_files import Picture, VideoFileError, VideoWriter

data = pytest.importorskip("skimage.data")

R24 = Fraction(24)
WIDTH, HEIGHT, N_FRAMES = 640, 360, 24
WANTED = Wanted(WIDTH, HEIGHT, R24, N_FRAMES)


@cache
def portrait(width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """The astronaut's head and shoulders, filling the frame."""
    return cv2.resize(data.astronaut()[0:288], (width, height), interpolation=cv2.INTER_AREA)


def moved(picture: Picture, number: int) -> Picture:
    return np.roll(picture, 2 * number, axis=1)


def render(target: Path, frame: Callable[[int], Picture], n_frames: int = N_FRAMES) -> Path:
    first = frame(0)
    with VideoWriter(target, first.shape[1], first.shape[0], R24) as writer:
        for number in range(n_frames):
            writer.write(frame(number))
    return target


def plain(clip: Path, wanted: Wanted = WANTED) -> TakeQuality:
    return measure_take(clip, wanted, reference=None, face_model_dir=None, embedding_model_dir=None, shows_singer=False)


def part(quality: TakeQuality, name: str) -> float:
    value = quality.parts[name].value
    assert value is not None
    return value


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sharp = cv2.addWeighted(portrait(), 1.6, cv2.GaussianBlur(portrait(), (0, 0), 1.5), -0.6, 0)
    return render(tmp_path_factory.mktemp("good") / "clip.mp4", lambda number: moved(sharp, number))


def test_a_sharp_moving_clip_of_the_right_form_scores_high(good: Path) -> None:
    quality = plain(good)
    assert quality.quality.value is not None
    assert quality.quality.value > 0.9
    assert (quality.consistency.value, quality.mouth.value) == (None, None)
    assert "reference image" in quality.consistency.why
    assert "sings" in quality.mouth.why


def test_the_same_clip_gives_the_same_figures(good: Path) -> None:
    assert plain(good) == plain(good)


def test_the_more_it_is_blurred_the_less_it_is_worth(good: Path, tmp_path: Path) -> None:
    def of(sigma: float) -> float:
        soft = cv2.GaussianBlur(portrait(), (0, 0), sigma)
        return part(plain(render(tmp_path / "soft.mp4", lambda number: moved(soft, number))), "sharpness")

    assert part(plain(good), "sharpness") > 0.9 > of(1.5) > of(2.5) > 0.0
    assert of(6.0) < 0.15


def test_black_frames_are_counted_and_half_of_them_is_worth_nothing(tmp_path: Path) -> None:
    black = np.zeros_like(portrait())
    for n_black, value in ((3, 0.75), (12, 0.0)):
        clip = render(tmp_path / "black.mp4", lambda i, n=n_black: black if i < n else moved(portrait(), i))
        quality = plain(clip)
        assert quality.parts["black"].evidence["n_black_frames"] == n_black
        assert part(quality, "black") == value
    assert quality.quality.value == 0.0


def test_a_dark_scene_with_a_lamp_is_not_black() -> None:
    night = np.full((90, 160), 6, np.uint8)
    assert is_black(night)
    night[10:20, 30:50] = 200
    assert not is_black(night)


def test_a_frozen_second_half_is_worth_nothing_but_drawn_on_threes_is_fine(tmp_path: Path) -> None:
    frozen = plain(render(tmp_path / "frozen.mp4", lambda i: moved(portrait(), min(i, 11))))
    assert frozen.parts["frozen"].evidence["n_frozen_frames"] == 13
    assert frozen.quality.value == 0.0
    threes = plain(render(tmp_path / "threes.mp4", lambda i: moved(portrait(), i // 3)))
    assert part(threes, "frozen") == 1.0


def test_a_still_with_film_grain_is_frozen_a_slow_zoom_is_not(tmp_path: Path) -> None:
    def grain(number: int) -> Picture:
        noise = np.random.default_rng(number).normal(0, 4, (HEIGHT, WIDTH, 1))
        return np.clip(portrait() + noise, 0, 255).astype(np.uint8)

    def zoom(number: int) -> Picture:
        scale = 1 + 0.0005 * number
        matrix = np.array([[scale, 0, 320 * (1 - scale)], [0, scale, 180 * (1 - scale)]])
        return cv2.warpAffine(portrait(), matrix, (WIDTH, HEIGHT))

    assert part(plain(render(tmp_path / "grain.mp4", grain)), "frozen") == 0.0
    assert part(plain(render(tmp_path / "zoom.mp4", zoom)), "frozen") == 1.0


def test_stands_shorter_than_asked_for_do_not_count() -> None:
    stands = Stands(4)
    for level in (0, 0, 0, 50, 50, 50, 50, 90):
        stands.add(np.full((90, 160), level, np.uint8))
    assert stands.counted() == stands.counted() == (4, 4)


def test_a_short_or_small_or_square_clip_says_so(good: Path, tmp_path: Path) -> None:
    quality = plain(good, Wanted(1280, 720, R24, 28))
    assert part(quality, "length") == pytest.approx(1 - 4 / 28 / 0.25, abs=1e-3)
    assert part(quality, "resolution") == 0.5
    square = render(tmp_path / "square.mp4", lambda i: moved(portrait(360, 360), i), 4)
    assert part(plain(square), "resolution") < 0.4


def test_a_drawn_clip_needs_no_model_to_know_its_mouth(good: Path) -> None:
    def of(seen: int) -> float | None:
        mouths = [drawn_mouth(320, 200, 40, 0, WIDTH, HEIGHT) if n < seen else None for n in range(N_FRAMES)]
        quality = measure_take(
            good, WANTED, reference=None, face_model_dir=None, embedding_model_dir=None, shows_singer=True,
            drawn_mouths=mouths,
        )  # fmt: skip
        return quality.mouth.value

    assert [of(n) for n in (N_FRAMES, N_FRAMES // 2, 0)] == [1.0, 0.5, 0.0]


def test_what_is_no_video_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"x" * 100)
    with pytest.raises(VideoFileError, match=r"clip\.mp4"):
        plain(tmp_path / "clip.mp4")


def test_the_identity_tells_models_and_their_absence_apart() -> None:
    found = [identity(has_faces=f, has_embeddings=e) for f in (False, True) for e in (False, True)]
    assert len({tuple(who.items()) for who in found}) == 4
    assert found[3].keys() >= found[1].keys() | found[2].keys() > found[0].keys()


def test_frames_looked_at_are_spread_and_capped() -> None:
    assert sample_frames(1) == (0,)
    assert sample_frames(3) == (0, 1, 2)
    spread = sample_frames(1000)
    assert len(spread) == 24
    assert set(np.diff(spread)) <= {41, 42}


def test_a_flat_picture_has_no_sharpness() -> None:
    assert blur_of(np.full((90, 160), 90, np.uint8)) is None


# --- With the face models ------------------------------------------------------------------------------------------


CACHE = Path(os.environ.get("AUDIO_ASSETS_CACHE", "~/.cache/audio-assets")).expanduser()


@pytest.fixture(scope="module")
def face_models() -> tuple[Path, Path]:
    found = [models.installed(name, CACHE) for name in ("facemesh", "face_embedding")]
    if None in found:
        pytest.skip("the face models are not installed: `audio-assets models fetch facemesh face_embedding`")
    mesh, embedding = found
    assert mesh is not None
    assert embedding is not None
    return mesh, embedding


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "ana.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@cache
def stranger() -> Picture:
    """Somebody else, from a collection of very small portraits."""
    small = cv2.cvtColor((data.lfw_subset()[1] * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    face = cv2.resize(small, (200, 200), interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(face, 80, 80, 220, 220, cv2.BORDER_REPLICATE)


def of_face(
    clip: Path, reference: Path | None, face_models: tuple[Path | None, Path | None], *, shows_singer: bool = True
) -> TakeQuality:
    mesh, embedding = face_models
    return measure_take(
        clip, WANTED, reference=reference, face_model_dir=mesh, embedding_model_dir=embedding,
        shows_singer=shows_singer,
    )  # fmt: skip


def test_the_character_is_recognised_and_her_mouth_seen(
    tmp_path: Path, reference: Path, face_models: tuple[Path, Path]
) -> None:
    clip = render(tmp_path / "clip.mp4", lambda i: moved(portrait(), i), 4)
    quality = of_face(clip, reference, face_models)
    assert quality.consistency.value is not None
    assert quality.consistency.value > 0.9
    assert quality.consistency.evidence["n_frames_matching"] == 4
    assert quality.mouth.value is not None
    assert quality.mouth.value > 0.9
    assert abs(float(quality.mouth.evidence["yaw_deg"])) < 15
    assert quality == of_face(clip, reference, face_models)


def test_somebody_else_is_not_the_character(tmp_path: Path, reference: Path, face_models: tuple[Path, Path]) -> None:
    quality = of_face(render(tmp_path / "clip.mp4", lambda i: moved(stranger(), i), 3), reference, face_models)
    assert quality.consistency.value is not None
    assert quality.consistency.value < 0.4
    assert quality.consistency.evidence["n_frames_matching"] == 0


def test_of_several_faces_the_nearest_counts(tmp_path: Path, reference: Path, face_models: tuple[Path, Path]) -> None:
    both = np.hstack([portrait(), stranger()])
    quality = of_face(render(tmp_path / "clip.mp4", lambda _: both, 2), reference, face_models)
    assert quality.consistency.value is not None
    assert quality.consistency.value > 0.9


def test_a_smaller_mouth_is_seen_less(tmp_path: Path, face_models: tuple[Path, Path]) -> None:
    def far(width: int) -> float | None:
        small = portrait(width, width * 9 // 16)
        canvas = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        canvas[60 : 60 + small.shape[0], 200 : 200 + width] = small
        return of_face(render(tmp_path / "far.mp4", lambda _: canvas, 2), None, face_models).mouth.value

    middle, wide = far(160), far(110)
    assert middle is not None
    assert wide is not None
    assert 1.0 > middle > wide > 0.0


def test_no_face_no_model_and_no_wish_are_reasons_not_zeros(
    good: Path, tmp_path: Path, reference: Path, face_models: tuple[Path, Path]
) -> None:
    mesh, embedding = face_models
    landscape = render(tmp_path / "land.mp4", lambda i: moved(cv2.resize(data.coffee(), (WIDTH, HEIGHT)), i), 3)
    nobody = of_face(landscape, reference, face_models)
    assert nobody.consistency.value is None
    assert "no face" in nobody.consistency.why
    assert nobody.mouth.value == 0.0
    assert of_face(landscape, None, face_models, shows_singer=False).mouth.value is None
    for given, word in (((None, embedding), "facemesh"), ((mesh, None), "face_embedding")):
        assert word in of_face(good, reference, given).consistency.why
    (tmp_path / "notes.txt").write_text("no picture")
    assert "notes.txt" in of_face(landscape, tmp_path / "notes.txt", face_models).consistency.why
    Image.fromarray(cv2.resize(data.coffee(), (320, 200))).save(tmp_path / "cup.png")
    assert "no face is found in the reference" in of_face(landscape, tmp_path / "cup.png", face_models).consistency.why


def test_an_embedding_is_of_the_face_not_of_the_light(face_models: tuple[Path, Path]) -> None:
    mesh, embedding = face_models
    finder, embedder = FaceFinder(mesh), FaceEmbedder(embedding)

    def of(picture: Picture) -> np.ndarray:
        return embedder.embed(picture, finder.find(picture)[0].landmarks)

    astronaut = data.astronaut()
    dark = (astronaut * 0.4).astype(np.uint8)
    assert of(astronaut).shape == (128,)
    assert np.linalg.norm(of(astronaut) - of(dark)) < 0.3 < 0.7 < np.linalg.norm(of(astronaut) - of(stranger()))


def test_a_missing_or_damaged_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="models fetch face_embedding"):
        FaceEmbedder(tmp_path)
    (tmp_path / "face_resnet.dat").write_bytes(b"not a network")
    with pytest.raises(ModelMissing, match="damaged"):
        FaceEmbedder(tmp_path)
