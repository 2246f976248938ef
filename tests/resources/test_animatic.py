import hashlib
import pickle
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audio_assets.domain.animatic.mouth_sprites import draw_mouth, mouth_box
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import rig as rig_schema
from audio_assets.domain.shot import Guide, GuideBeat, GuideCharacter, Shot
from resources.engines import animatic
from resources.video import AnimaticVideo
from resources.video_files import probe_video, read_frames

GUIDE = Guide(
    "Song", "", "s001", "performance", "Chorus", "chorus", "", "anime", 120.0, (0.6,) * 12,
    beats=(GuideBeat(2, 1.0, True),), characters=(GuideCharacter("Mara", is_primary=True),), shows_card=True,
)  # fmt: skip
SHOT = Shot("The sea.", "", 160, 90, Fraction(24), 12, 4, 7, GUIDE)

IN_ANOTHER_PROCESS = """
import pickle, sys
from pathlib import Path
shot, target = pickle.loads(sys.stdin.buffer.read())
from resources.engines import animatic
clip = animatic.generate(shot, None, Path(target))
sys.stdout.buffer.write(pickle.dumps(dict(clip.extras)))
"""


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    here = animatic.generate(SHOT, None, tmp_path / "here.mp4")
    asked = pickle.dumps((SHOT, str(tmp_path / "there.mp4")))
    root = Path(__file__).resolve().parents[2]
    answered = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS], input=asked, stdout=subprocess.PIPE, cwd=root, check=True
    )
    assert pickle.loads(answered.stdout) == here.extras  # noqa: S301 - our own bytes
    first, second = ((tmp_path / f"{name}.mp4").read_bytes() for name in ("here", "there"))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24_000, 1_001), Fraction(25)])
def test_a_clip_has_exactly_its_frames_at_its_rate_and_size(rate: Fraction, tmp_path: Path) -> None:
    for (width, height), n_frames in (((160, 90), 13), ((90, 160), 1), ((62, 64), 7)):
        shot = replace(SHOT, frame_rate=rate, width=width, height=height, n_frames=n_frames)
        clip = animatic.generate(shot, None, tmp_path / "clip.mp4")
        info = probe_video(tmp_path / "clip.mp4")
        assert (info.n_frames, info.width, info.height) == (n_frames, width, height)
        assert (clip.n_frames, clip.width, clip.height) == (n_frames, width, height)
        assert n_frames == 1 or info.frame_rate == rate
        assert (info.is_in_order, info.has_audio, info.codec) == (True, False, "h264")


def test_colours_come_back_from_the_file_as_they_were_drawn(tmp_path: Path) -> None:
    clip = animatic.generate(SHOT, None, tmp_path / "clip.mp4")
    rig = rig_schema.from_bytes(clip.extras["rig.json"])
    frame = next(iter(read_frames(tmp_path / "clip.mp4")))
    anchor = rig.anchors[0]
    assert anchor is not None
    chin = frame[round(anchor.y + 0.6 * anchor.scale_px), round(anchor.x)].astype(int)
    assert np.abs(chin - rig.colours.ground).max() < 24


def test_a_mouth_can_be_drawn_on_every_frame_of_the_file(tmp_path: Path) -> None:
    clip = animatic.generate(replace(SHOT, width=320, height=180), None, tmp_path / "clip.mp4")
    rig = rig_schema.from_bytes(clip.extras["rig.json"])
    frames = list(read_frames(tmp_path / "clip.mp4"))
    assert len(frames) == len(rig.anchors)
    for frame, anchor in zip(frames, rig.anchors, strict=True):
        assert anchor is not None
        opened = frame.copy()
        draw_mouth(opened, anchor, "D", 0.9, 0.0, rig.colours)
        left, top, right, bottom = mouth_box(anchor)
        assert (opened[top:bottom, left:right] != frame[top:bottom, left:right]).any()


def test_a_face_in_the_reference_image_is_large_and_sharp(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    dlib = pytest.importorskip("dlib")
    Image.fromarray(data.astronaut()).save(tmp_path / "singer.png")
    for size in ((640, 360), (360, 640), (400, 400)):
        shot = replace(SHOT, width=size[0], height=size[1], n_frames=2)
        clip = animatic.generate(shot, tmp_path / "singer.png", tmp_path / "clip.mp4")
        assert not clip.extras
        assert not clip.notes
        frame = next(iter(read_frames(tmp_path / "clip.mp4")))
        faces = dlib.get_frontal_face_detector()(frame, 0)
        assert len(faces) == 1
        assert faces[0].height() > 0.33 * min(size)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_reference_image_that_is_none_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "singer.png").write_bytes(content)
    with pytest.raises(PermanentError, match=r"singer\.png is no picture"):
        animatic.generate(SHOT, tmp_path / "singer.png", tmp_path / "clip.mp4")
    with pytest.raises(PermanentError, match=r"gone\.png can not be read"):
        animatic.generate(SHOT, tmp_path / "gone.png", tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_a_reference_image_that_would_fill_the_memory_is_called_too_large(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "poster.png")
    with pytest.raises(PermanentError, match=r"poster\.png is too large: scale it"):
        animatic.generate(SHOT, tmp_path / "poster.png", tmp_path / "clip.mp4")


def test_odd_sizes_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="width is an even number from 16 to 4096, not 161"):
        animatic.generate(replace(SHOT, width=161), None, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())


def test_a_remix_is_drawn_anew_by_its_prompt(tmp_path: Path) -> None:
    provider = AnimaticVideo()
    shot = replace(SHOT, n_frames=2)
    provider.generator("animatic")(shot, None, tmp_path / "take.mp4")
    revised = replace(shot, prompt="A city at night.")
    provider.remixer("animatic")(revised, tmp_path / "take.mp4", None, tmp_path / "remix.mp4")
    take, remix = (next(iter(read_frames(tmp_path / f"{name}.mp4"))).astype(int) for name in ("take", "remix"))
    assert np.abs(take - remix).mean() > 5


def test_the_provider_says_what_it_is_and_its_functions_go_to_workers() -> None:
    provider = AnimaticVideo()
    can = provider.capabilities("animatic")
    assert (provider.name, provider.models(), can.sizes, can.clip_seconds) == ("animatic", ("animatic",), (), ())
    assert can.draws_guide
    assert can.is_local
    assert pickle.loads(pickle.dumps(provider.generator("animatic"))) is animatic.generate  # noqa: S301
    identity = provider.identity("animatic")
    assert {"engine", "version", "opencv", "licence"} <= set(identity)
    for ask in (provider.capabilities, provider.identity, provider.generator, provider.remixer):
        with pytest.raises(ValueError, match='no model "sora-2": use animatic'):
            ask("sora-2")
