import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.animatic.mouth_sprites import (
    MouthAnchor,
    MouthColours,
    Picture,
    draw_mouth,
    mouth_box,
    usual_jaw,
)
from audio_assets.domain.schemas import rig as rig_schema
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.schemas.rig import Rig, RigError
from audio_assets.domain.visemes import SHAPES

SKIN = (224, 172, 140)
COLOURS = MouthColours(SKIN, (176, 84, 80), (96, 40, 44), (70, 20, 28), (245, 238, 228), (200, 96, 96))


def face(width: int = 120, height: int = 100) -> Picture:
    return np.full((height, width, 3), SKIN, np.uint8)


def drawn(shape: str, anchor: MouthAnchor, jaw: float | None = None, over: Picture | None = None) -> Picture:
    picture = face() if over is None else over.copy()
    draw_mouth(picture, anchor, shape, usual_jaw(shape) if jaw is None else jaw, 0.0, COLOURS)
    return picture


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from(SHAPES), x=st.floats(-30, 150), y=st.floats(-30, 130), scale=st.floats(6, 60),
    angle=st.floats(-40, 40), jaw=st.floats(0, 1), lip=st.floats(0, 1),
)  # fmt: skip
def test_nothing_outside_the_box_is_touched(
    shape: str, x: float, y: float, scale: float, angle: float, jaw: float, lip: float
) -> None:
    before = np.random.default_rng(1).integers(0, 255, (100, 120, 3), dtype=np.uint8)
    after = before.copy()
    anchor = MouthAnchor(x, y, scale, angle)
    draw_mouth(after, anchor, shape, jaw, lip, COLOURS)
    left, top, right, bottom = mouth_box(anchor)
    changed = (before != after).any(axis=2)
    changed[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = False
    assert not changed.any()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sprite_wholly_covers_the_closed_mouth(shape: str) -> None:
    anchor = MouthAnchor(60, 45, 50, 9)
    closed = drawn("X", anchor)
    assert (closed != face()).any()
    over_closed, over_skin = drawn(shape, anchor, over=closed), drawn(shape, anchor)
    assert np.abs(over_closed.astype(int) - over_skin).max() <= 6  # the soft rim of the cover


def test_the_shapes_differ_and_open_as_they_should() -> None:
    anchor = MouthAnchor(60, 40, 50)
    dark = {shape: (drawn(shape, anchor).sum(axis=2) < 160).sum() for shape in SHAPES}
    assert dark["D"] > dark["C"] > dark["F"] > 0
    assert dark["A"] == dark["X"] == 0  # the line between closed lips is lighter
    widths = {shape: np.ptp(np.nonzero((drawn(shape, anchor) != face()).any(axis=(0, 2)))[0]) for shape in SHAPES}
    assert widths["F"] < widths["E"] < widths["C"]
    teeth = {shape: (drawn(shape, anchor).min(axis=2) > 215).sum() for shape in SHAPES}
    assert teeth["B"] > 40
    assert teeth["F"] == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_widest_mouth_is_not_cut_off_by_its_box(shape: str) -> None:
    anchor = MouthAnchor(60, 40, 50, -14)
    left, top, right, bottom = mouth_box(anchor)
    inked = (drawn(shape, anchor, jaw=1.0) != face()).any(axis=2)[top:bottom, left:right]
    inked[1:-1, 1:-1] = False
    assert not inked.any()


def test_the_jaw_opens_a_shape_further() -> None:
    anchor = MouthAnchor(60, 40, 50)
    narrow, wide = ((drawn("C", anchor, jaw).sum(axis=2) < 200).sum() for jaw in (0.2, 0.9))
    assert wide > 1.3 * narrow


def test_a_mouth_stands_in_the_light_of_its_picture() -> None:
    anchor = MouthAnchor(60, 45, 50)
    dim = drawn("D", anchor, over=(face() * 0.5).astype(np.uint8))
    assert dim.max() < 0.55 * 255


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match='no mouth shape "Z"'):
        draw_mouth(face(), MouthAnchor(60, 45, 50), "Z", 0, 0, COLOURS)


def test_a_rig_comes_back() -> None:
    rig = Rig(160, 90, "Mara", COLOURS, (MouthAnchor(1.5, 2.25, 20.0, -3.5), None))
    assert rig_schema.from_bytes(rig_schema.to_bytes(rig)) == rig


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"n_frames":1', b'"n_frames":2', RigError), (b'"lip"', b'"lips"', RigError), (b"rig.1", b"rig.9",
        RecordError),
        (b"[1.5,2.5,3.5,0.0]", b'"here"', RigError),
    ],
)  # fmt: skip
def test_a_damaged_rig_says_so(old: bytes, new: bytes, error: type[Exception]) -> None:
    stored = rig_schema.to_bytes(Rig(160, 90, "Mara", COLOURS, (MouthAnchor(1.5, 2.5, 3.5),)))
    assert old in stored
    with pytest.raises(error):
        rig_schema.from_bytes(stored.replace(old, new))
