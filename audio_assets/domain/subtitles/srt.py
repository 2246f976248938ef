r"""SubRip (SRT): numbered cues, commas before milliseconds, UTF-8 without a mark, lines end in LF.

There is no escape in SRT: players read `<i>`, `{\an8}` and `-->` wherever they stand. Such text gets an invisible word
joiner (U+2060) after its first sign, so that it shows as it is and does nothing.
"""

import re
from collections.abc import Sequence

from audio_assets.domain.subtitles.cues import Cue, joined, one_line
from audio_assets.domain.subtitles.notation import JOINER, Shown, require, stamp, stamped_ms

_SIGNS = re.compile(r"--(?=>)|<(?=[/a-zA-Z])|\{(?=[\\/a-zA-Z])")
_TIME = r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3})"
_TIMES = re.compile(rf"{_TIME} --> {_TIME}")


def srt_text(cues: Sequence[Cue]) -> str:
    """Return the cues as a file; "" for none."""
    return "\n".join(
        f"{number}\n{stamp(cue.start_ms, ',')} --> {stamp(cue.end_ms, ',')}\n"
        + "".join(f"{_row(row)}\n" for row in _rows(cue))
        for number, cue in enumerate(cues, start=1)
    )


def read_srt(text: str) -> tuple[Shown, ...]:
    """Return the cues of a file that `srt_text` may have written.

    Raises:
        SubtitleError: a number, a time or a blank line is not where it must be.
    """
    cues: list[Shown] = []
    require("\r" not in text, "the file", "lines end in LF alone")
    for number, block in enumerate(text.removesuffix("\n").split("\n\n") if text else [], start=1):
        place = f"cue {number}"
        head, *rows = block.split("\n")
        require(head == str(number), place, f"its number is {head!r}")
        require(len(rows) >= 2, place, "it has no time or no text")
        times = _TIMES.fullmatch(rows[0])
        require(times, place, f"{rows[0]!r} are no times")
        require(not any("-->" in row for row in rows[1:]), place, "its text has an arrow of times")
        start_ms, end_ms = (stamped_ms(times.groups()[at : at + 4]) for at in (0, 4)) if times else (0, 0)
        require(start_ms < end_ms, place, "it ends before it begins")
        require(not cues or cues[-1].end_ms <= start_ms, place, "it begins before the one before it ends")
        cues.append(Shown(start_ms, end_ms, tuple(row.replace(JOINER, "") for row in rows[1:])))
    return tuple(cues)


def _rows(cue: Cue) -> list[str]:
    return [row for row in (one_line(joined(words)) for words in cue.rows) if row] or ["\u00a0"]


def _row(text: str) -> str:
    return _SIGNS.sub(lambda sign: sign[0] + JOINER, text)
