from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_assets.domain.edit import Transition
from audio_assets.domain.rendering import PermanentError, Rendered
from resources.engines.film_sound import samples_of
from resources.engines.scene_clips import ConformSpec, conform_clip
from resources.film_files import Piece, Sound, write_film
from resources.video_files import VideoFileError, probe_video, read_frames
from tests.films import (
    BLUE,
    GREEN,
    HEIGHT,
    RATE,
    RED,
    WIDTH,
    colour_in,
    is_near,
    music,
    number_in,
    shown,
    write_clip,
    write_foreign_clip,
    write_song,
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "red": write_clip(folder / "red.mp4", 60, RED),
        "green": write_clip(folder / "green.mp4", 110, GREEN),
        "short": write_clip(folder / "short.mp4", 10, BLUE),
        "foreign": write_foreign_clip(folder / "foreign.mp4", 40, BLUE),
        "square": write_clip(folder / "square.mp4", 20, BLUE, size=(144, 144), rate=Fraction(12)),
    }


def spec_of(n_frames: int, **more: Any) -> ConformSpec:
    return ConformSpec(WIDTH, HEIGHT, RATE, n_frames, **more)


def is_passed(rendered: Rendered) -> dict[str, bool]:
    return {check.name: check.passed for check in rendered.checks}


def test_a_clip_that_fits_is_passed_through_byte_for_byte(clips: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    made = conform_clip(clips["red"], None, spec_of(60), target)
    assert target.read_bytes() == clips["red"].read_bytes()
    assert made.facts["made"] == "passed through"
    assert all(is_passed(made).values())


@pytest.mark.parametrize("n_frames", [1, 37, 48, 59])
def test_a_longer_clip_is_cut_to_the_frame_without_encoding(
    clips: dict[str, Path], tmp_path: Path, n_frames: int
) -> None:
    target = tmp_path / "out.mp4"
    made = conform_clip(clips["red"], None, spec_of(n_frames), target)
    assert (made.facts["made"], made.facts["n_encoded_frames"]) == ("copied", 0)
    whole = list(read_frames(clips["red"]))
    cut = list(read_frames(target))
    assert len(cut) == n_frames
    assert all(np.array_equal(a, b) for a, b in zip(cut, whole, strict=False))
    assert all(is_passed(made).values())


def test_another_codec_order_or_sound_is_encoded_with_every_frame_in_its_place(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    made = conform_clip(clips["foreign"], None, spec_of(40), target)
    assert made.facts["made"] == "encoded"
    assert "other settings" in made.facts["why"]
    assert [number for number, _ in shown(target)] == list(range(40))
    info = probe_video(target)
    assert not info.has_audio
    assert info.joint == probe_video(clips["red"]).joint


def test_sound_in_a_clip_is_left_out_by_copying(clips: dict[str, Path], tmp_path: Path) -> None:
    sounding, target = tmp_path / "sounding.mp4", tmp_path / "out.mp4"
    song = write_song(tmp_path / "song.flac", music(110_250))
    write_film(sounding, [Piece(clips["red"])], RATE, sound=Sound(song, 44_100, samples_of(song).n_samples))
    made = conform_clip(sounding, None, spec_of(60), target)
    assert made.facts["made"] == "copied"
    assert not probe_video(target).has_audio


@pytest.mark.parametrize("fit", ["cover", "letterbox"])
def test_another_size_and_rate_are_fitted_by_the_frame_nearest_in_time(
    clips: dict[str, Path], tmp_path: Path, fit: str
) -> None:
    target = tmp_path / "out.mp4"
    made = conform_clip(clips["square"], None, spec_of(40, fit=fit), target)
    pictures = list(read_frames(target))
    assert len(pictures) == 40
    if fit == "letterbox":
        assert pictures[5][:, :50].max() < 24  # (256 - 144) / 2 columns of black
        assert pictures[5][:, -50:].max() < 24
        numbers = [number_in(picture[:, 56:200]) for picture in pictures]
        assert numbers == [(number + 1) // 2 if number < 39 else 19 for number in range(40)]  # ties: the later one
    else:
        assert all(is_near(tuple(map(int, picture[120, x])), BLUE) for picture in pictures for x in (2, 128, 253))
    assert all(is_passed(made).values())


def test_a_clip_that_is_too_short_holds_its_last_frame_and_says_so(clips: dict[str, Path], tmp_path: Path) -> None:
    made = conform_clip(clips["short"], None, spec_of(16), tmp_path / "out.mp4")
    assert [number for number, _ in shown(tmp_path / "out.mp4")] == [*range(10), *[9] * 6]
    assert is_passed(made) == {"clip_is_long_enough": False, "has_every_frame": True, "can_be_joined": True}
    assert made.facts["n_held_frames"] == 6
    assert "last frame is held for 6" in made.notes[0]


def test_a_dissolve_lies_in_its_first_frames_over_what_the_clip_before_has_left(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    spec = spec_of(100, transition_in=Transition("dissolve", 9), before_n_frames=48)
    made = conform_clip(clips["green"], clips["red"], spec, target)
    frames = shown(target)
    for number in range(9):
        share = (number + 1) / 10
        wanted = tuple(share * g + (1 - share) * r for g, r in zip(GREEN, RED, strict=True))
        assert is_near(frames[number][1], wanted)
    assert [number for number, _ in frames[9:]] == list(range(9, 100))
    assert all(is_near(colour, GREEN) for _, colour in frames[9:])
    # Frames 48 to 56 of the red clip are there: their bars shine through in the first frame.
    assert number_in(next(read_frames(target))) == 48
    # Only up to the key frame is encoded; the rest is the very packets of the clip.
    assert (made.facts["made"], made.facts["n_encoded_frames"]) == ("partly encoded", 48)
    source, out = list(read_frames(clips["green"])), list(read_frames(target))
    assert all(np.array_equal(a, b) for a, b in zip(source[48:100], out[48:], strict=True))
    assert all(is_passed(made).values())
    assert made.notes == ()


def test_a_dissolve_without_spare_frames_holds_the_last_one(clips: dict[str, Path], tmp_path: Path) -> None:
    spec = spec_of(30, transition_in=Transition("dissolve", 8), before_n_frames=10)
    made = conform_clip(clips["green"], clips["short"], spec, tmp_path / "out.mp4")
    assert number_in(next(read_frames(tmp_path / "out.mp4"))) == 9
    assert "ends 8 frames before the dissolve does" in made.notes[0]
    with pytest.raises(PermanentError, match="needs the clip of the scene before"):
        conform_clip(clips["green"], None, spec, tmp_path / "none.mp4")


@pytest.mark.parametrize(("n_frames", "n_encoded"), [(110, 48 + 14), (98, 48 + 50), (60, 60)])
def test_dips_darken_only_the_frames_at_the_cuts(
    clips: dict[str, Path], tmp_path: Path, n_frames: int, n_encoded: int
) -> None:
    target = tmp_path / "out.mp4"
    dip = Transition("dip", 4)
    made = conform_clip(clips["green"], None, spec_of(n_frames, transition_in=dip, transition_out=dip), target)
    levels = [colour[1] / GREEN[1] for _, colour in shown(target)]
    assert levels[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.05)
    assert levels[-5:] == pytest.approx([1, 0.75, 0.5, 0.25, 0], abs=0.05)
    assert min(levels[4:-4]) > 0.95
    assert made.facts["n_encoded_frames"] == n_encoded  # from key frame to key frame


def test_a_grade_is_drawn_into_every_frame(clips: dict[str, Path], tmp_path: Path) -> None:
    rows = "\n".join(f"{b} {g} {r}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    made = conform_clip(clips["red"], None, spec_of(20, lut=f"LUT_3D_SIZE 2\n{rows}\n".encode()), tmp_path / "out.mp4")
    assert made.facts["why"] == "it is graded"
    assert all(is_near(colour_in(picture), RED[::-1]) for picture in read_frames(tmp_path / "out.mp4"))


def test_the_same_clip_gives_the_same_bytes(clips: dict[str, Path], tmp_path: Path) -> None:
    spec = spec_of(100, transition_in=Transition("dissolve", 9), before_n_frames=48)
    for name in ("one", "two"):
        conform_clip(clips["green"], clips["red"], spec, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_damaged_clip_leaves_nothing_behind(clips: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clips["red"].read_bytes()[:900])
    with pytest.raises(VideoFileError, match=r"broken\.mp4"):
        conform_clip(broken, None, spec_of(60), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
