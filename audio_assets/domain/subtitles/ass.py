r"""Advanced SubStation Alpha (ASS) with karaoke: `\k` before every word, in hundredths of a second.

The `\k`s of a cue add up to its length exactly: edges are rounded, not lengths, and a cue begins with an empty
syllable where its first word comes later. A brace is written `\{`, which libass (mpv, VLC, FFmpeg) shows as a brace; a
backslash gets an invisible word joiner (U+2060) behind it, so that `\N` in a text breaks no line. UTF-8, LF.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from audio_assets.domain.subtitles.cues import Cue, CueWord, one_line
from audio_assets.domain.subtitles.notation import JOINER, Shown, SubtitleError, require

Fill = Literal["k", "kf"]
"""How a word turns: at once as it begins (k), or from its start to its end (kf)."""

_STYLE_NAME = "Karaoke"
_STYLE_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, "
    "Encoding"
)
_EVENT_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
_EVENT = re.compile(rf"Dialogue: 0,(\d+):(\d\d):(\d\d)\.(\d\d),(\d+):(\d\d):(\d\d)\.(\d\d),{_STYLE_NAME},,0,0,0,,(.*)")
_SYLLABLE = re.compile(r"(?<!\\)\{\\k(?:f|o)?(\d+)\}")


@dataclass(frozen=True, slots=True)
class AssStyle:
    """How karaoke looks; colours are RGB. Margins are shares of the width and of the height."""

    font: str = "Arial"
    font_size_px: int = 48
    sung: tuple[int, int, int] = (255, 214, 64)
    unsung: tuple[int, int, int] = (255, 255, 255)
    outline: tuple[int, int, int] = (12, 12, 16)
    side_margin: float = 0.06
    bottom_margin: float = 0.08


def style_for(width: int, height: int) -> AssStyle:
    """Return a style that suits a size: above what apps lay over the foot of upright video."""
    is_upright = height > 1.2 * width
    return AssStyle(
        font_size_px=max(8, round(0.066 * min(width, height))),
        side_margin=0.12 if is_upright else 0.06,
        bottom_margin=0.26 if is_upright else 0.08,
    )


def ass_text(
    cues: Sequence[Cue], width: int, height: int, *, title: str = "", style: AssStyle | None = None, fill: Fill = "k"
) -> str:
    """Return the cues as a file for video of `width` x `height` pixels."""
    style = style or style_for(width, height)
    head = [
        "[Script Info]",
        f"Title: {one_line(title)}",
        "ScriptType: v4.00+",
        "WrapStyle: 0",
        "ScaledBorderAndShadow: yes",
        "YCbCr Matrix: TV.709",
        f"PlayResX: {width}",
        f"PlayResY: {height}",
        "",
        "[V4+ Styles]",
        f"Format: {_STYLE_FIELDS}",
        f"Style: {_style_line(style, width, height)}",
        "",
        "[Events]",
        f"Format: {_EVENT_FIELDS}",
    ]
    lines = (
        f"Dialogue: 0,{_stamp(start)},{_stamp(end)},{_STYLE_NAME},,0,0,0,,{_karaoke(cue, start, end, fill)}"
        for cue in cues
        for start, end in [(_cs(cue.start_ms), _cs(cue.end_ms))]
        if end > start  # under a hundredth of a second: nothing that this notation can show
    )
    return "\n".join([*head, *lines]) + "\n"


def read_ass(text: str) -> tuple[Shown, ...]:
    r"""Return the cues of a file that `ass_text` may have written; the stamps are those of its syllables.

    Raises:
        SubtitleError: a section is missing, an event can not be read, or the `\k`s of one are not as long as it is.
    """
    for needed in (
        "[Script Info]\n",
        "\n[V4+ Styles]\n",
        "\nPlayResX: ",
        "\nPlayResY: ",
        f"\nFormat: {_EVENT_FIELDS}\n",
    ):
        require(needed in text, "the file", f"it has no {needed.strip()}")
    events = text.partition("\n[Events]\n")[2].removesuffix("\n").split("\n")[1:]
    return tuple(_read_event(line, f"event {number}") for number, line in enumerate(events, start=1))


def _read_event(line: str, place: str) -> Shown:
    match = _EVENT.fullmatch(line)
    if match is None:
        raise SubtitleError(f"{place}: it is no line of our style")
    start, end = (
        ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 100 + int(cs)
        for hours, minutes, seconds, cs in (match.groups()[0:4], match.groups()[4:8])
    )
    require(start < end, place, "it ends before it begins")
    lengths = [int(length) for length in _SYLLABLE.findall(match[9])]
    require(sum(lengths) == end - start, place, f"its syllables take {sum(lengths)} of its {end - start} hundredths")
    plain = _SYLLABLE.sub("", match[9])
    require(not re.search(r"(?<!\\)[{}]", plain), place, "its text has a bare brace")
    rows = tuple(re.sub(r"\\([{}])", r"\1", row).replace("\\" + JOINER, "\\") for row in plain.split("\\N"))
    stamps = tuple(10 * (start + sum(lengths[:count])) for count in range(len(lengths)))
    return Shown(10 * start, 10 * end, rows, stamps)


def _karaoke(cue: Cue, start: int, end: int, fill: Fill) -> str:
    """The words with their lengths: each lasts until the next begins, so that the sum is the cue's."""
    words = [(word, bool(row and not place)) for row, words in enumerate(cue.rows) for place, word in enumerate(words)]
    words = [(word, is_new_row) for word, is_new_row in words if one_line(word.text)]
    if not words:
        return f"{{\\{fill}{end - start}}}\u00a0"
    edges = list(accumulate((min(max(_cs(word.start_ms), start), end) for word, _ in words), max))
    text = f"{{\\{fill}{edges[0] - start}}}" if edges[0] > start else ""
    for index, ((word, is_new_row), (begins, ends)) in enumerate(zip(words, pairwise([*edges, end]), strict=True)):
        blank = "" if not index else "\\N" if is_new_row else "" if word.is_glued else " "
        text += f"{blank}{_syllables(word, begins, ends, fill)}"
    return text


def _syllables(word: CueWord, begins: int, ends: int, fill: Fill) -> str:
    """A word; for a sweep, what is left until the next begins is an empty syllable, so that it ends with the word."""
    sung_until = ends if fill == "k" else min(max(_cs(word.end_ms), begins), ends)
    rest = f"{{\\{fill}{ends - sung_until}}}" if sung_until < ends else ""
    return f"{{\\{fill}{sung_until - begins}}}{_escaped(one_line(word.text))}{rest}"


def _escaped(text: str) -> str:
    return re.sub(r"[{}]", lambda brace: "\\" + brace[0], text.replace("\\", "\\" + JOINER))


def _style_line(style: AssStyle, width: int, height: int) -> str:
    border = max(1.0, round(style.font_size_px / 14, 1))
    sides = round(style.side_margin * width)
    return (
        f"{_STYLE_NAME},{one_line(style.font).replace(',', ' ')},{style.font_size_px},{_colour(style.sung)},"
        f"{_colour(style.unsung)},{_colour(style.outline)},{_colour(style.outline, 0x60)},-1,0,0,0,100,100,0,0,1,"
        f"{border},{max(1.0, round(border / 2, 1))},2,{sides},{sides},{round(style.bottom_margin * height)},1"
    )


def _colour(rgb: tuple[int, int, int], transparency: int = 0) -> str:
    red, green, blue = rgb
    return f"&H{transparency:02X}{blue:02X}{green:02X}{red:02X}"


def _cs(time_ms: int) -> int:
    """Hundredths of a second; halves go up, so that what rises still rises."""
    return (time_ms + 5) // 10


def _stamp(cs: int) -> str:
    seconds, cs = divmod(cs, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{cs:02d}"
