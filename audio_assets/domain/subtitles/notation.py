"""What the notations of subtitles share: their times, what a reader answers, how it refuses.

The readers are strict: they are here to check what was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

JOINER = "\u2060"
"""The word joiner: nothing is seen of it. It stands inside text that a player would take for a sign of its own."""


class SubtitleError(ValueError):
    """A file is not what its notation asks for; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A cue as a file has it: its rows of text, and, where the file says so, the milliseconds at which words begin."""

    start_ms: int
    end_ms: int
    rows: tuple[str, ...]
    stamps_ms: tuple[int, ...] = ()


def require(condition: object, place: str, wanted: str) -> None:
    """Raise `SubtitleError` unless `condition` holds."""
    if not condition:
        raise SubtitleError(f"{place}: {wanted}")


def stamp(time_ms: int, mark: str) -> str:
    """Return a time as "01:02:03.456", with `mark` before the milliseconds."""
    seconds, ms = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{ms:03d}"


def stamped_ms(parts: Sequence[str]) -> int:
    """Return the milliseconds of hours, minutes, seconds and milliseconds as they were read."""
    hours, minutes, seconds, ms = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
