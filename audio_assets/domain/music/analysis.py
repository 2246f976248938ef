"""What is known of a song: beats, sections, voice, lyrics. The values that analysis, storyboard and pictures share.

Times are seconds from the first sample of the song. Nothing here computes or stores anything.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Beat:
    """A beat and how strongly it is played, 0 to 1."""

    time: float
    strength: float


@dataclass(frozen=True, slots=True)
class TempoPoint:
    """The tempo from this time on, in beats per minute."""

    time: float
    bpm: float


@dataclass(frozen=True, slots=True)
class BeatGrid:
    """Every beat of a song in order; `downbeats` are those beats' times that begin a bar.

    `confidence` is 0 to 1: how sure it is that there is a beat and that it is this one. A song without a beat has a low
    confidence and may have no beats at all; its `bpm` is 0 then.
    """

    bpm: float
    beats: tuple[Beat, ...]
    downbeats: tuple[float, ...]
    beats_per_bar: int
    tempo_curve: tuple[TempoPoint, ...]
    confidence: float
    duration_s: float


SURE_OF_BEAT = 0.4
"""The confidence of a grid from which its beats are relied on without a question."""


SectionType = Literal["intro", "verse", "chorus", "bridge", "outro", "instrumental", "section"]
"""What a section does in the song; "section" where nothing can be said with confidence."""


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a song; equal `label`s ("A", "B" ...) sound alike, `name` is unique ("A1", "chorus 2").

    `confidence` (0 to 1) is that of `type`.
    """

    name: str
    start_time: float
    end_time: float
    type: SectionType
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which something holds, such as a voice being heard."""

    start_time: float
    end_time: float


@dataclass(frozen=True, slots=True)
class LyricWord:
    """A word of the lyrics; its times are None where it could not be aligned, its confidence (0 to 1) is 0 then.

    Times that came with the lyrics have confidence 1.
    """

    text: str
    start_time: float | None = None
    end_time: float | None = None
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class LyricLine:
    """A line of the lyrics with its words; `start_time` and `end_time` are None where it is not aligned."""

    text: str
    words: tuple[LyricWord, ...]
    start_time: float | None = None
    end_time: float | None = None


LyricSource = Literal["plain", "lrc", "enhanced_lrc", "ultrastar"]


@dataclass(frozen=True, slots=True)
class Lyrics:
    """All lines in order; `source` says what came with them: plain has no times, lrc those of lines, the others all.

    `language` is a BCP 47 tag where the file names one, else "". `notes` are sentences about what could not be read.
    """

    lines: tuple[LyricLine, ...]
    source: LyricSource
    language: str = ""
    notes: tuple[str, ...] = field(default=())
