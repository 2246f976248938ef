"""A film as editors exchange it: which media stand where, how scenes meet, what is marked. Values and their plan.

All is whole frames of the film, from 0 at its first, and its timecode begins at 00:00:00:00: the song is the clock, so
that a timecode is a place in the song. How this is written is in `otio_timeline.py`, `fcpxml.py` and `edl.py`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal
from urllib.parse import quote

from audio_assets.domain import timebase
from audio_assets.domain.music.analysis import BeatGrid, Section
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.domain.subtitles.cues import one_line

MarkerKind = Literal["section", "downbeat", "beat"]
JoinKind = Literal["cut", "dissolve", "dip"]

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


class TimelineError(ValueError):
    """No timeline can be written; one sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class TimelineClip:
    """The media of a scene: path or URL as it shall stand in the files, `n_frames` long, used from `first_frame` on.

    `prompt` is the text that the take was made from.
    """

    media: str
    n_frames: int
    take_id: str
    prompt: str = ""
    first_frame: int = 0


@dataclass(frozen=True, slots=True)
class SongMedia:
    """The master song as it shall stand in the files."""

    media: str
    sample_rate_hz: int
    n_samples: int
    n_channels: int = 2


@dataclass(frozen=True, slots=True)
class Join:
    """How a scene meets the one before it: a dissolve or dip begins `before_frames` before the cut between them and
    ends `after_frames` after it.
    """  # noqa: D205

    kind: JoinKind = "cut"
    before_frames: int = 0
    after_frames: int = 0

    @property
    def n_frames(self) -> int:
        """Its length."""
        return 0 if self.kind == "cut" else self.before_frames + self.after_frames


CUT = Join()


@dataclass(frozen=True, slots=True)
class Marker:
    """Something to cut on: a section's start, a bar's, a beat."""

    frame: int
    kind: MarkerKind
    name: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A scene in the film: its media from frame `source_frame` on, then nothing for `gap_frames` if they are too short.

    `join` is how it meets the one before; `has_handles`: the media of both reach far enough to lie over one another.
    """

    scene_id: str
    take_id: str
    url: str
    prompt_sha256: str
    start_frame: int
    n_frames: int
    gap_frames: int
    source_frame: int
    available_frames: int
    join: Join
    has_handles: bool

    @property
    def name(self) -> str:
        """What an editor shows."""
        return f"{self.scene_id} {self.take_id}"

    @property
    def end_frame(self) -> int:
        """The first frame after the scene, its gap included."""
        return self.start_frame + self.n_frames + self.gap_frames

    @property
    def is_joined(self) -> bool:
        """Whether it dissolves or dips and the media allow it."""
        return self.join.n_frames > 0 and self.has_handles


@dataclass(frozen=True, slots=True)
class TimelinePlan:
    """A whole film; `song_frames` are the whole frames that the song fills: its last part of a frame is not shown."""

    title: str
    frame_rate: Fraction
    n_frames: int
    width: int
    height: int
    clips: tuple[Placed, ...]
    song: SongMedia
    song_url: str
    song_frames: int
    markers: tuple[Marker, ...]
    notes: tuple[str, ...]

    def markers_in(self, start_frame: int, end_frame: int) -> list[Marker]:
        """The markers on frames `[start_frame, end_frame)`."""
        return [marker for marker in self.markers if start_frame <= marker.frame < end_frame]


@dataclass(frozen=True, slots=True)
class TimelineScene:
    """A scene as a timeline needs it, frames `[start_frame, end_frame)`."""

    id: str
    start_frame: int
    end_frame: int

    @property
    def n_frames(self) -> int:
        """Its length."""
        return self.end_frame - self.start_frame


@dataclass(frozen=True, slots=True)
class Film:
    """A film as a timeline needs it: its scenes one after the other, from frame 0 on; `size` is "1920x1080"."""

    title: str
    size: str
    frame_rate: Fraction
    scenes: tuple[TimelineScene, ...]

    @property
    def n_frames(self) -> int:
        """Its length."""
        return self.scenes[-1].end_frame if self.scenes else 0


def plan_timeline(
    board: Film | Storyboard,
    clips: Mapping[str, TimelineClip],
    song: SongMedia,
    grid: BeatGrid,
    sections: Sequence[Section],
    joins: Mapping[str, Join],
) -> TimelinePlan:
    """Plan the film of `board` with a clip per scene id; `joins` by the id of the scene that comes in, else cuts.

    Raises:
        TimelineError: a scene has no clip, a clip or the song has no length, or a join does not fit.
    """
    missing = [scene.id for scene in board.scenes if scene.id not in clips]
    if missing:
        raise TimelineError(f"{missing[0]} has no selected take: select one, then the timeline can be written")
    if song.n_samples < 1 or song.sample_rate_hz < 1:
        raise TimelineError("the song has no length: look at its audio")
    width, height = map(int, board.size.split("x"))
    placed = tuple(_placed(board, clips, joins))
    markers, n_outside = _markers(board, grid, sections)
    return TimelinePlan(
        title=one_line(board.title) or "Untitled",
        frame_rate=board.frame_rate,
        n_frames=board.n_frames,
        width=width,
        height=height,
        clips=placed,
        song=song,
        song_url=media_url(song.media),
        song_frames=min(board.n_frames, int(song.n_samples * board.frame_rate / song.sample_rate_hz)),
        markers=markers,
        notes=tuple(_notes(placed, n_outside)),
    )


def media_url(media: str) -> str:
    """Return a path as a URL, absolute only if the path is; a URL stays as it is."""
    if _URL.match(media):
        return media
    return ("file://" if media.startswith("/") else "") + quote(media)


def _placed(board: Film | Storyboard, clips: Mapping[str, TimelineClip], joins: Mapping[str, Join]) -> Iterator[Placed]:
    before: tuple[TimelineScene | Scene, TimelineClip] | None = None
    for scene in board.scenes:
        clip = clips[scene.id]
        usable = clip.n_frames - clip.first_frame
        if usable < 1 or clip.first_frame < 0:
            raise TimelineError(
                f"the clip of {scene.id} has no frame {clip.first_frame}: render or select another take"
            )
        join = joins.get(scene.id, CUT)
        _check_join(scene, join, before[0] if before else None)
        n_frames = min(scene.n_frames, usable)
        yield Placed(
            scene_id=scene.id,
            take_id=clip.take_id,
            url=media_url(clip.media),
            prompt_sha256=hashlib.sha256(clip.prompt.encode()).hexdigest(),
            start_frame=scene.start_frame,
            n_frames=n_frames,
            gap_frames=scene.n_frames - n_frames,
            source_frame=clip.first_frame,
            available_frames=clip.n_frames,
            join=join,
            has_handles=before is not None and _has_handles(join, before, clip),
        )
        before = (scene, clip)


def _check_join(scene: TimelineScene | Scene, join: Join, before: TimelineScene | Scene | None) -> None:
    if join.n_frames == 0:
        return
    if before is None:
        raise TimelineError(f"{scene.id} is the first scene and can not be joined to one before it: make it a cut")
    if min(join.before_frames, join.after_frames) < 0:
        raise TimelineError(f"the {join.kind} into {scene.id} has a negative length: write 0 or more frames")
    if join.before_frames > before.n_frames or join.after_frames > scene.n_frames:
        raise TimelineError(f"the {join.kind} into {scene.id} is longer than a scene beside it: make it shorter")


def _has_handles(join: Join, before: tuple[TimelineScene | Scene, TimelineClip], clip: TimelineClip) -> bool:
    """Whether the clip before reaches `after_frames` past the cut, and this one from `before_frames` ahead of it."""
    scene_before, clip_before = before
    spare = clip_before.n_frames - clip_before.first_frame - scene_before.n_frames
    usable = clip.n_frames - clip.first_frame
    return spare >= join.after_frames and clip.first_frame >= join.before_frames and usable >= join.after_frames


def _markers(board: Film | Storyboard, grid: BeatGrid, sections: Sequence[Section]) -> tuple[tuple[Marker, ...], int]:
    """Sections before downbeats before beats on the same frame, and how many fall after the film's end."""
    rate = board.frame_rate
    downbeats = {timebase.nearest_frame(t, rate) for t in grid.downbeats}
    found = [
        Marker(timebase.nearest_frame(max(0.0, section.start_time), rate), "section", one_line(section.name))
        for section in sections
    ]
    bar, beat_in_bar = 0, 0
    for beat in grid.beats:
        frame = timebase.nearest_frame(beat.time, rate)
        is_downbeat = frame in downbeats
        bar, beat_in_bar = (bar + 1, 1) if is_downbeat else (bar, beat_in_bar + 1)
        name = f"bar {bar}" if is_downbeat else f"beat {bar}.{beat_in_bar}"
        found.append(Marker(frame, "downbeat" if is_downbeat else "beat", name))
    inside = [marker for marker in found if 0 <= marker.frame < board.n_frames]
    order = ("section", "downbeat", "beat")
    inside.sort(key=lambda marker: (marker.frame, order.index(marker.kind)))
    return tuple(inside), len(found) - len(inside)


def _notes(clips: Sequence[Placed], n_outside: int) -> Iterator[str]:
    for clip in clips:
        if clip.gap_frames:
            yield f"the clip of {clip.scene_id} ends {clip.gap_frames} frames before its scene: there is a gap"
        if clip.join.n_frames and not clip.has_handles:
            yield (
                f"the {clip.join.kind} into {clip.scene_id} is a cut in the timeline, for the media have no frames"
                " to spare there"
            )
    if n_outside:
        yield f"{n_outside} beats or sections lie outside of the film and are not marked"
