from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.edit import (
    CUT,
    KINDS,
    EditError,
    Joins,
    Transition,
    chapters_of,
    dissolve_share,
    edit_list,
    fade_level,
)


@dataclass(frozen=True)
class Planned:
    id: str
    start_frame: int
    end_frame: int
    section: str = "verse 1"
    section_type: str = "verse"


@dataclass(frozen=True)
class Part:
    name: str
    start_time: float


def scenes_of(lengths: list[int], parts: list[str] | None = None) -> list[Planned]:
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    names = parts or ["verse 1"] * len(lengths)
    return [
        Planned(f"s{number:03}", start, start + length, name, name.split()[0])
        for number, (start, length, name) in enumerate(zip(starts, lengths, names, strict=True), 1)
    ]


kinds = st.sampled_from(KINDS)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    kinds,
    kinds,
    st.integers(0, 40),
    st.data(),
)
def test_frames_sum_to_the_film_and_no_transition_is_longer_than_half_a_scene(
    lengths: list[int], inside: str, between: str, n_frames: int, data: st.DataObject
) -> None:
    parts = data.draw(st.lists(st.sampled_from(["verse 1", "chorus 1"]), min_size=len(lengths), max_size=len(lengths)))
    wanted = Joins(inside, between, n_frames)  # type: ignore[arg-type]
    edits = edit_list(scenes_of(lengths, parts), wanted, sum(lengths))
    assert [edit.n_frames for edit in edits] == lengths
    assert [edit.start_frame for edit in edits] == [sum(lengths[:index]) for index in range(len(lengths))]
    assert edits[0].transition_in == edits[-1].transition_out == CUT
    for before, edit in pairwise(edits):
        drawn = edit.transition_in.n_frames + before.transition_out.n_frames
        assert drawn <= min(before.n_frames, edit.n_frames) // 2
        if edit.transition_in.kind == "dip":
            assert before.transition_out == edit.transition_in
        else:
            assert before.transition_out == CUT
        is_dissolve = edit.transition_in.kind == "dissolve"
        assert (edit.before_id, edit.before_n_frames) == ((before.id, before.n_frames) if is_dissolve else ("", 0))


def test_the_most_particular_setting_wins() -> None:
    scenes = scenes_of([96] * 5, ["verse 1", "verse 1", "chorus 1", "verse 2", "chorus 2"])
    edits = edit_list(scenes, Joins("dip", "dissolve", 10, {"chorus": "cut"}), 480)
    assert [(edit.transition_in.kind, edit.transition_in.n_frames) for edit in edits] == [
        ("cut", 0), ("dip", 5), ("cut", 0), ("dissolve", 10), ("cut", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scenes", "n_frames", "says"),
    [
        ([], 0, "no scenes"),
        ([Planned("s001", 0, 10), Planned("s002", 11, 20)], 20, "s002 covers frames 11 to 20 and should begin at 10"),
        ([Planned("s001", 0, 0)], 0, "s001"),
        ([Planned("s001", 0, 10)], 12, "end at frame 10 and the film at 12"),
    ],
)
def test_scenes_that_do_not_cover_the_film_are_refused(scenes: list[Planned], n_frames: int, says: str) -> None:
    with pytest.raises(EditError, match=says):
        edit_list(scenes, Joins(), n_frames)


def test_unknown_kinds_are_named() -> None:
    with pytest.raises(EditError, match='"wipe" is no transition'):
        Transition("wipe", 3)  # type: ignore[arg-type]


def test_a_dissolve_rises_evenly_and_a_dip_is_black_on_both_sides_of_the_cut() -> None:
    shares = [dissolve_share(frame, Transition("dissolve", 3)) for frame in range(5)]
    assert shares == [0.25, 0.5, 0.75, 1.0, 1.0]
    dip = Transition("dip", 4)
    falling = [fade_level(frame, 10, CUT, dip) for frame in range(10)]
    assert falling == [1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    assert [fade_level(frame, 10, dip, CUT) for frame in range(10)] == falling[::-1]
    assert fade_level(0, 10, Transition("dissolve", 5), CUT) == 1


def test_chapters_follow_one_another_from_the_first_frame_to_the_last() -> None:
    parts = [Part("verse 1", 4.99), Part("intro", 0.3), Part("outro", 9.0), Part("nothing", 10.0)]
    chapters = chapters_of(parts, 240, Fraction(24))
    assert [(chapter.title, chapter.start_frame, chapter.end_frame) for chapter in chapters] == [
        ("Intro", 0, 120), ("Verse 1", 120, 216), ("Outro", 216, 240),
    ]  # fmt: skip
    assert chapters_of([], 240, Fraction(24)) == ()
