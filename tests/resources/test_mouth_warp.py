"""A photographed face that sings, and drawn ones: what moves, when, and what does not. The model has to be fetched."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from audio_assets.domain import face_geometry as geometry
from audio_assets.domain.animatic.mouth_sprites import MouthAnchor, MouthColours
from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.schemas import rig
from resources.engines import mouth_warp
from resources.engines.faces import FaceFinder
from resources.lip_sync import MouthWarp
from resources.video_files import Picture, probe_video, read_frames
from tests import faces

WIDTH, HEIGHT, N_FRAMES = 360, 480, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lip-sync")


def synced(clip: Path, mouth: bytes | None = None, drawn: bytes | None = None) -> tuple[Path, Synced]:
    target = clip.with_suffix(".synced.mp4")
    needed = faces.model_dir() if drawn is None else None
    return target, mouth_warp.sync(clip, mouth or faces.sung(N_FRAMES), drawn, target, model_dir=needed)


@pytest.fixture(scope="module")
def still(folder: Path) -> tuple[Path, Path, Synced]:
    """Clip, target, what was done: the portrait, motionless."""
    clip = faces.write_clip(folder / "still.mp4", [faces.portrait(WIDTH, HEIGHT, zoom=1.8)] * N_FRAMES)
    return clip, *synced(clip)


@pytest.fixture(scope="module")
def moving(folder: Path) -> tuple[Path, Path, Synced]:
    """The portrait coming nearer and turning from side to side."""
    pictures = [
        faces.portrait(WIDTH, HEIGHT, zoom=1.5 + 0.012 * i, turn_deg=12 * np.sin(i / 9)) for i in range(N_FRAMES)
    ]
    clip = faces.write_clip(folder / "moving.mp4", pictures)
    return clip, *synced(clip)


@pytest.fixture(params=["still", "moving"])
def sung(request: pytest.FixtureRequest) -> tuple[Path, Path, Synced]:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def frames(path: Path) -> list[Picture]:
    return list(read_frames(path))


def test_the_target_has_the_clips_frames_size_and_rate(sung: tuple[Path, Path, Synced]) -> None:
    clip, target, _ = sung
    before, after = probe_video(clip), probe_video(target)
    assert (after.n_frames, after.width, after.height, after.frame_rate) == (
        N_FRAMES, before.width, before.height, before.frame_rate,
    )  # fmt: skip
    assert after.joint == before.joint, "it can be joined to its neighbours by stream copy"


def test_the_mouth_opens_on_vowels_and_closes_on_p_b_and_m_without_an_offset(sung: tuple[Path, Path, Synced]) -> None:
    _, _, done = sung
    assert done.method == "warp"
    assert done.n_with_face == done.n_frames == N_FRAMES
    assert done.measures["n_vowel_frames"] >= 8
    assert done.measures["n_closed_frames"] >= 8
    assert done.measures["open_vowels"] > 2.2 * done.measures["closed_lips"]
    assert done.measures["offset_frames"] == 0
    assert done.measures["offset_correlation"] > 0.7


def test_the_measures_are_those_of_the_targets_own_frames(still: tuple[Path, Path, Synced]) -> None:
    _, target, done = still
    finder = FaceFinder(faces.model_dir())
    mouth = faces.mouth_of(faces.sung(N_FRAMES))
    face, wide, shut = None, [], []
    for picture, due in zip(read_frames(target), mouth, strict=True):
        face = finder.track(picture, face)
        assert face is not None
        openness = geometry.mouth_openness(face.landmarks)
        (wide if due.jaw > 0.6 else shut if due.viseme == 21 and due.jaw < 0.02 else []).append(openness)
    assert min(wide) > max(shut)
    assert np.median(shut) == pytest.approx(done.measures["closed_lips"], abs=0.01)


def test_every_p_b_and_m_closes_a_smile_that_shows_teeth(still: tuple[Path, Path, Synced]) -> None:
    clip, target, _ = still
    mouth = faces.mouth_of(faces.sung(N_FRAMES))
    before, after = frames(clip), frames(target)
    (face,) = FaceFinder(faces.model_dir()).find(before[0])
    x, y = np.round(face.landmarks[[13, 14]].mean(axis=0)).astype(int)
    teeth = np.s_[y - 2 : y + 3, x - 8 : x + 9]
    whole = [i for i, due in enumerate(mouth) if due.viseme == 21 and due.jaw < 0.01 and 6 < i < N_FRAMES - 8]
    assert len(whole) >= 4
    assert before[0][teeth].min(axis=2).mean() > 150, "white in the photograph"
    for i in whole:
        assert after[i][teeth].min(axis=2).mean() < before[i][teeth].min(axis=2).mean() - 25, f"frame {i}"


def test_nothing_but_codec_noise_changes_outside_the_mouth(sung: tuple[Path, Path, Synced]) -> None:
    clip, target, done = sung
    x0, y0, x1, y1 = done.measures["box"]
    assert (x1 - x0) * (y1 - y0) < 0.2 * WIDTH * HEIGHT
    for before, after in zip(read_frames(clip), read_frames(target), strict=True):
        difference = np.abs(before.astype(np.int16) - after)
        difference[y0:y1, x0:x1] = 0
        assert difference.mean() < 1.2
        assert np.percentile(difference, 99.9) < 20


def test_before_it_is_encoded_no_pixel_outside_the_box_and_no_frame_of_silence_differs(
    moving: tuple[Path, Path, Synced], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clip, _, done = moving
    sent: list[np.ndarray] = []
    write = mouth_warp.VideoWriter.write_frame
    monkeypatch.setattr(
        mouth_warp.VideoWriter, "write_frame", lambda w, frame: (sent.append(frame.to_ndarray()), write(w, frame))[1]
    )
    mouth_warp.sync(clip, faces.sung(N_FRAMES), None, tmp_path / "again.mp4", model_dir=faces.model_dir())
    x0, y0, x1, y1 = done.measures["box"]
    mouth = faces.mouth_of(faces.sung(N_FRAMES))
    n_changed = 0
    for i, frame in enumerate(mouth_warp._decoded(clip)):
        before, after = frame.to_ndarray(), sent[i]
        if mouth[i].shape == "X":
            assert np.array_equal(before, after), f"frame {i} is silent"
            continue
        n_changed += not np.array_equal(before, after)
        luma = (before != after)[:HEIGHT]
        luma[y0:y1, x0:x1] = False
        assert not luma.any(), f"frame {i}"
        chroma = (before != after)[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
        chroma[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = False
        assert not chroma.any(), f"frame {i}"
    assert n_changed == done.n_changed


def test_a_still_picture_does_not_tremble(folder: Path) -> None:
    """A held vowel on a motionless picture: what moves from frame to frame is the codec, not the mouth."""
    clip = faces.write_clip(folder / "held.mp4", [faces.portrait(WIDTH, HEIGHT, zoom=1.8)] * 20)
    target, done = synced(clip, faces.sung(20, (("ɑ", 20),), lead=0))
    x0, y0, x1, y1 = done.measures["box"]
    mouths = [picture[y0:y1, x0:x1].astype(np.int16) for picture in read_frames(target)][6:14]
    assert max(float(np.abs(a - b).mean()) for a, b in zip(mouths[1:], mouths[:-1], strict=True)) < 0.8


def test_the_same_bytes_in_another_process(folder: Path) -> None:
    clip = faces.write_clip(folder / "twice.mp4", [faces.portrait(WIDTH, HEIGHT, zoom=1.8)] * 8)
    target, _ = synced(clip, faces.sung(8, (("ɑ", 6),), lead=1))
    code = (
        "import sys; from pathlib import Path; from tests import faces; from resources.engines import mouth_warp;"
        "mouth = faces.sung(8, (('ɑ', 6),), lead=1); clip, target = map(Path, sys.argv[1:]);"
        "mouth_warp.sync(clip, mouth, None, target, model_dir=faces.model_dir())"
    )
    again, root = folder / "again.mp4", Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code, str(clip), str(again)], cwd=root, check=True, capture_output=True)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(target.read_bytes()).digest()


def test_without_a_face_the_clip_passes_through_byte_for_byte(folder: Path) -> None:
    clip = faces.write_clip(folder / "coffee.mp4", [skimage.data.coffee()] * 12)
    target, done = synced(clip, faces.sung(12, (("ɑ", 8),), lead=2))
    assert (done.method, done.n_with_face, done.n_changed) == ("unchanged", 0, 0)
    assert done.notes == ("no face was found",)
    assert target.read_bytes() == clip.read_bytes()


def test_a_silent_line_leaves_the_clip_as_it_is(folder: Path) -> None:
    clip = faces.write_clip(folder / "silent.mp4", [faces.portrait(WIDTH, HEIGHT)] * 6)
    target, done = synced(clip, faces.sung(6, ()))
    assert (done.method, done.n_with_face) == ("unchanged", 6)
    assert target.read_bytes() == clip.read_bytes()


def test_a_face_that_comes_late_is_followed_back_to_its_first_frame(folder: Path) -> None:
    coffee = np.ascontiguousarray(np.pad(skimage.data.coffee(), ((0, 240), (0, 0), (0, 0)))[:HEIGHT, :WIDTH])
    pictures = [coffee] * 9 + [faces.portrait(WIDTH, HEIGHT, zoom=1.5)] * 12
    clip = faces.write_clip(folder / "late.mp4", pictures)
    _, done = synced(clip, faces.sung(21, (("ɑ", 21),), lead=0))
    assert done.n_with_face == 12
    assert done.notes == ("a face was found in 12 of 21 frames",)


def test_what_can_not_be_used_is_said_in_a_sentence(folder: Path) -> None:
    clip = faces.write_clip(folder / "short.mp4", [faces.portrait(WIDTH, HEIGHT)] * 3)
    target = folder / "none.mp4"
    with pytest.raises(PermanentError, match="lip-sync record is not JSON"):
        mouth_warp.sync(clip, b"?", None, target, model_dir=None)
    with pytest.raises(PermanentError, match="models fetch facemesh"):
        mouth_warp.sync(clip, faces.sung(3, ()), None, target, model_dir=None)
    not_video = folder / "not.mp4"
    not_video.write_bytes(b"RIFF")
    with pytest.raises(PermanentError, match=r"not\.mp4 is no video"):
        mouth_warp.sync(not_video, faces.sung(3, ()), None, target, model_dir=None)
    assert not target.exists()


# --- drawn characters -------------------------------------------------------------------------------------------------

COLOURS = MouthColours((224, 172, 138), (168, 84, 76), (92, 40, 40), (60, 18, 26), (244, 240, 230), (190, 92, 96))


def drawn(n_frames: int, *, seen: bool = True) -> tuple[list[Picture], bytes]:
    """A face that drifts over a plain ground, and its rig."""
    anchors = tuple(MouthAnchor(150.0 + i, 180.0, 60.0, 8.0) if seen else None for i in range(n_frames))
    pictures = [np.full((240, 320, 3), COLOURS.ground, np.uint8) for _ in range(n_frames)]
    return pictures, rig.to_bytes(rig.Rig(320, 240, "mara", COLOURS, anchors))


def test_a_drawn_mouth_gets_sprites_in_sync(folder: Path) -> None:
    pictures, rigged = drawn(N_FRAMES)
    clip = faces.write_clip(folder / "drawn.mp4", pictures)
    target, done = synced(clip, drawn=rigged)
    assert done.method == "sprites"
    assert done.n_with_face == N_FRAMES
    assert done.measures["offset_frames"] == 0
    assert done.measures["open_vowels"] > 3 * done.measures["closed_lips"]
    x0, y0, x1, y1 = done.measures["box"]
    outside = [np.abs(a.astype(np.int16) - b) for a, b in zip(frames(clip), frames(target), strict=True)]
    for difference in outside:
        difference[y0:y1, x0:x1] = 0
    assert max(float(difference.mean()) for difference in outside) < 0.5


def test_a_drawn_mouth_that_is_never_seen_leaves_the_clip_as_it_is(folder: Path) -> None:
    pictures, rigged = drawn(8, seen=False)
    clip = faces.write_clip(folder / "unseen.mp4", pictures)
    target, done = synced(clip, faces.sung(8, (("ɑ", 8),), lead=0), rigged)
    assert (done.method, done.notes) == ("unchanged", ("the drawn singer's mouth is not seen",))
    assert target.read_bytes() == clip.read_bytes()


def test_a_rig_of_another_clip_is_refused(folder: Path) -> None:
    pictures, _ = drawn(8)
    clip = faces.write_clip(folder / "other.mp4", pictures)
    with pytest.raises(PermanentError, match="the rig is of 9 frames"):
        synced(clip, faces.sung(8, ()), drawn(9)[1])


# --- the capability ---------------------------------------------------------------------------------------------------


def test_the_provider_says_how_to_get_its_model(tmp_path: Path) -> None:
    provider = MouthWarp(cache=str(tmp_path))
    assert provider.name == "mouth_warp"
    assert provider.identity()["licence"] == "Apache-2.0"
    with pytest.raises(UpstreamError, match="audio-assets models fetch facemesh"):
        provider.syncer()
    assert callable(provider.syncer(drawn=True)), "sprites need no model"
