"""The edit list: which frames each scene fills in the film, how one passes into the next, and where chapters begin.

Pure planning on frame numbers; frames are drawn in `resources/engines/scene_clips.py`. The song is the clock: a
transition never moves a cut. A dissolve lies in the first frames of the incoming scene, over what the outgoing clip
has beyond its own scene (its last frame held where it has nothing); a dip fades the last frames before the cut to
black and the first after it back in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Literal, Protocol, get_args

from audio_assets.domain import timebase

TransitionKind = Literal["cut", "dissolve", "dip"]
KINDS: tuple[TransitionKind, ...] = get_args(TransitionKind)


class EditError(ValueError):
    """No edit list can be made; one sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Transition:
    """How two scenes meet: `n_frames` are drawn, 0 for a cut."""

    kind: TransitionKind = "cut"
    n_frames: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EditError(f'"{self.kind}" is no transition: write {", ".join(KINDS)}')
        if self.n_frames < 0:
            raise EditError(f"a transition of {self.n_frames} frames is none: write 0 or more")


CUT = Transition()


@dataclass(frozen=True, slots=True)
class Joins:
    """How scenes meet, by the incoming scene: `section_types` before `section_transition` where the section changes.

    `transition` is that of everywhere else, `transition_frames` the length of all of them.
    """

    transition: TransitionKind = "cut"
    section_transition: TransitionKind = "cut"
    transition_frames: int = 12
    section_types: Mapping[str, TransitionKind] = field(default_factory=dict)


class EditScene(Protocol):
    """What is read of a storyboard's scene: frames `[start_frame, end_frame)` and its part of the song."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def start_frame(self) -> int: ...  # noqa: D102

    @property
    def end_frame(self) -> int: ...  # noqa: D102

    @property
    def section(self) -> str: ...  # noqa: D102

    @property
    def section_type(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Edit:
    """One scene in the film.

    `transition_in` is drawn in its first frames: all of a dissolve, or the half of a dip that rises from black.
    `transition_out` is drawn in its last frames: the half of a dip that falls to black, else a cut, for a dissolve
    touches the incoming scene only. `before_id` names the scene that a dissolve comes from, "" without one, and
    `before_n_frames` how many frames of that scene's clip the film has shown by then.
    """

    id: str
    start_frame: int
    n_frames: int
    transition_in: Transition = CUT
    transition_out: Transition = CUT
    before_id: str = ""
    before_n_frames: int = 0


def edit_list(scenes: Sequence[EditScene], joins: Joins, n_frames: int) -> tuple[Edit, ...]:
    """One `Edit` per scene, in order; their frames are those of the film, without gap or overlap.

    Raises:
        EditError: the scenes do not cover `[0, n_frames)` one after the other.
    """
    _check_cover(scenes, n_frames)
    lengths = [scene.end_frame - scene.start_frame for scene in scenes]
    joints = [
        _fitted(_wanted(before, scene, joins), min(lengths[index], lengths[index + 1]) // 2)
        for index, (before, scene) in enumerate(pairwise(scenes))
    ]
    edits = []
    for index, scene in enumerate(scenes):
        joint_in = joints[index - 1] if index else CUT
        joint_out = joints[index] if index < len(joints) else CUT
        dissolves = joint_in.kind == "dissolve"
        edits.append(
            Edit(
                id=scene.id,
                start_frame=scene.start_frame,
                n_frames=lengths[index],
                transition_in=_half(joint_in) if joint_in.kind == "dip" else joint_in,
                transition_out=_half(joint_out) if joint_out.kind == "dip" else CUT,
                before_id=scenes[index - 1].id if dissolves else "",
                before_n_frames=lengths[index - 1] if dissolves else 0,
            )
        )
    return tuple(edits)


def dissolve_share(frame: int, transition: Transition) -> float:
    """How much of the incoming picture shows in its frame number `frame` of a dissolve: above 0, 1 once it is over."""
    return min(1.0, (frame + 1) / (transition.n_frames + 1))


def fade_level(frame: int, n_frames: int, edit_in: Transition, edit_out: Transition) -> float:
    """How bright the dips at both ends leave frame number `frame` of `n_frames`: 0 is black, 1 untouched."""
    rising = frame / edit_in.n_frames if edit_in.kind == "dip" else 1.0
    falling = (n_frames - 1 - frame) / edit_out.n_frames if edit_out.kind == "dip" else 1.0
    return min(1.0, rising, falling)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of the film, frames `[start_frame, end_frame)`."""

    title: str
    start_frame: int
    end_frame: int


class NamedSection(Protocol):
    """What is read of a section of the song."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def start_time(self) -> float: ...  # noqa: D102


def chapters_of(sections: Iterable[NamedSection], n_frames: int, frame_rate: Fraction) -> tuple[Chapter, ...]:
    """A chapter per section, on the nearest frames; together they cover the film, one that has no frame is left out."""
    starts: dict[int, str] = {}
    for section in sorted(sections, key=lambda section: section.start_time):
        frame = timebase.nearest_frame(max(0.0, section.start_time), frame_rate)
        if frame < n_frames:
            starts[frame if starts else 0] = section.name[:1].upper() + section.name[1:]
    edges = [*starts, n_frames]
    return tuple(
        Chapter(title, start, end) for title, (start, end) in zip(starts.values(), pairwise(edges), strict=True)
    )


def _check_cover(scenes: Sequence[EditScene], n_frames: int) -> None:
    if not scenes:
        raise EditError("the storyboard has no scenes, so there is no film: plan it again")
    expected = 0
    for scene in scenes:
        if scene.start_frame != expected or scene.end_frame <= scene.start_frame:
            raise EditError(
                f"{scene.id} covers frames {scene.start_frame} to {scene.end_frame} and should begin at {expected} and"
                " last a frame or more: plan the storyboard again"
            )
        expected = scene.end_frame
    if expected != n_frames:
        raise EditError(f"the scenes end at frame {expected} and the film at {n_frames}: plan the storyboard again")


def _wanted(before: EditScene, scene: EditScene, joins: Joins) -> Transition:
    if before.section == scene.section:
        return Transition(joins.transition, joins.transition_frames)
    kind = joins.section_types.get(scene.section_type, joins.section_transition)
    return Transition(kind, joins.transition_frames)


def _fitted(wanted: Transition, n_most: int) -> Transition:
    """What can be drawn of it within `n_most` frames of either scene; nothing to draw is a cut."""
    n_frames = min(wanted.n_frames, n_most)
    if wanted.kind == "dip":
        n_frames -= n_frames % 2
    return CUT if wanted.kind == "cut" or n_frames == 0 else Transition(wanted.kind, n_frames)


def _half(dip: Transition) -> Transition:
    return Transition("dip", dip.n_frames // 2)
