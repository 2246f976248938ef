"""What a video provider is asked for, and what it answers: the values that providers, takes and lip-sync share.

A `Shot` is one take of one scene. Remote providers read prompt, size, seconds, seed and reference image; the `guide`
is for engines that draw by themselves, and enters the key of a take only where the provider says that it uses it.
Frames count from the scene's first; `guide` times are frames, so that nothing drifts. Nothing here draws or sends.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal

from audio_assets.domain.timebase import format_frame_rate, parse_frame_rate

ShotType = Literal["performance", "broll"]


@dataclass(frozen=True, slots=True)
class GuideBeat:
    """A beat on a frame of the scene, 0 to 1 strong."""

    frame: int
    strength: float
    is_downbeat: bool


@dataclass(frozen=True, slots=True)
class GuideWord:
    """A sung word, from its first frame up to `end_frame`; `line` counts the scene's lines of lyrics from 0."""

    text: str
    start_frame: int
    end_frame: int
    line: int


@dataclass(frozen=True, slots=True)
class GuideCharacter:
    """Who is seen; the words are those of the bible. The singer is the one that `is_primary`."""

    name: str
    description: str = ""
    face: str = ""
    signature: str = ""
    wardrobe_lock: str = ""
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """What happens in the scene, for engines that draw it.

    `energy` has a value (0 to 1) per frame. `prompt_hint` is the scene's own directive, "" for none.
    """

    title: str
    artist: str
    scene_id: str
    scene_type: ShotType
    section: str
    section_type: str
    mood: str
    style_preset: str
    bpm: float
    energy: tuple[float, ...]
    beats: tuple[GuideBeat, ...] = ()
    words: tuple[GuideWord, ...] = ()
    characters: tuple[GuideCharacter, ...] = ()
    prompt_hint: str = ""
    shows_card: bool = False
    shows_lyrics: bool = False


@dataclass(frozen=True, slots=True)
class Shot:
    """One take of one scene: `n_frames` frames of `width` x `height` pixels at `frame_rate`.

    `clip_seconds` (4, 8 or 12) is what providers that sell whole clips are asked for; theirs may be longer than the
    scene. `revision` is what a remix is to change, "" for a take of its own; the prompt ends with it.
    """

    prompt: str
    negative: str
    width: int
    height: int
    frame_rate: Fraction
    n_frames: int
    clip_seconds: int
    seed: int
    guide: Guide | None = None
    revision: str = ""

    @property
    def duration_s(self) -> float:
        """The scene's length in seconds."""
        return float(self.n_frames / self.frame_rate)


@dataclass(frozen=True, slots=True)
class Clip:
    """What a provider made: the video file is written already; `extras` are further files by name (`rig.json`)."""

    n_frames: int
    width: int
    height: int
    extras: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def shot_record(shot: Shot, *, with_guide: bool) -> dict[str, Any]:
    """All that a shot asks for, as plain JSON values; the key of a take is made of it."""
    record = asdict(shot) | {"frame_rate": format_frame_rate(shot.frame_rate)}
    if not with_guide:
        del record["guide"]
    return record


def shot_from_record(record: Mapping[str, Any]) -> Shot:
    """The shot that `shot_record` wrote."""
    guide = record.get("guide")
    return Shot(**{
        **record,
        "frame_rate": parse_frame_rate(record["frame_rate"]),
        "guide": None if guide is None else _guide(guide),
    })  # fmt: skip


def _guide(record: Mapping[str, Any]) -> Guide:
    return Guide(**{
        **record,
        "energy": tuple(record["energy"]),
        "beats": tuple(GuideBeat(**beat) for beat in record["beats"]),
        "words": tuple(GuideWord(**word) for word in record["words"]),
        "characters": tuple(GuideCharacter(**one) for one in record["characters"]),
    })  # fmt: skip
