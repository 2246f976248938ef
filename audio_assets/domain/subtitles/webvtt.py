"""WebVTT: what browsers read. With word times each word has a stamp inside its cue, and words not yet sung are dim.

`&`, `<` and `>` are escaped, so no text can be taken for a tag or for an arrow of times. UTF-8, lines end in LF.
"""

import html
import re
from collections.abc import Sequence

from audio_assets.domain.subtitles.cues import Cue, CueWord, joined, one_line
from audio_assets.domain.subtitles.notation import Shown, require, stamp, stamped_ms

_STYLE = "STYLE\n::cue(:future) {\n  color: rgba(255, 255, 255, 0.6);\n}\n\n"
_TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMES = re.compile(rf"{_TIME} --> {_TIME}")
_STAMP = re.compile(rf"<{_TIME}>")


def webvtt_text(cues: Sequence[Cue], *, word_times: bool = False) -> str:
    """Return the cues as a file; with `word_times` words that begin later than what is before them have stamps."""
    blocks = (
        f"{number}\n{stamp(cue.start_ms, '.')} --> {stamp(cue.end_ms, '.')}\n" + "".join(f"{row}\n" for row in rows)
        for number, cue in enumerate(cues, start=1)
        for rows in [_rows(cue, word_times=word_times)]
    )
    return "WEBVTT\n\n" + (_STYLE if word_times and cues else "") + "\n".join(blocks)


def read_webvtt(text: str) -> tuple[Shown, ...]:
    """Return the cues of a file that `webvtt_text` may have written.

    Raises:
        SubtitleError: the header, a time, a stamp or an escape is not as it must be.
    """
    cues: list[Shown] = []
    header, _, rest = text.partition("\n\n")
    require(header == "WEBVTT", "the file", "it does not begin with WEBVTT and a blank line")
    blocks = rest.removesuffix("\n").split("\n\n") if rest else []
    for number, block in enumerate((block for block in blocks if not block.startswith("STYLE\n")), start=1):
        place = f"cue {number}"
        head, *rows = block.split("\n")
        require(head == str(number) and len(rows) >= 2, place, "it has no number, no time or no text")
        times = _TIMES.fullmatch(rows[0])
        require(times, place, f"{rows[0]!r} are no times")
        start_ms, end_ms = (stamped_ms(times.groups()[at : at + 4]) for at in (0, 4)) if times else (0, 0)
        require(start_ms < end_ms, place, "it ends before it begins")
        stamps = tuple(stamped_ms(found.groups()) for row in rows[1:] for found in _STAMP.finditer(row))
        edges = (start_ms, *stamps, end_ms)
        require(list(edges) == sorted(set(edges)), place, "its stamps do not rise within it")
        plain = [_STAMP.sub("", row) for row in rows[1:]]
        require(not any(sign in row for row in plain for sign in "<>"), place, "its text has a bare < or >")
        require(not any(re.search(r"&(?!(?:amp|lt|gt);)", row) for row in plain), place, "its text has a bare &")
        cues.append(Shown(start_ms, end_ms, tuple(html.unescape(row) for row in plain), stamps))
    return tuple(cues)


def _rows(cue: Cue, *, word_times: bool) -> list[str]:
    at_ms = cue.start_ms
    rows: list[str] = []
    for words in cue.rows:
        row = ""
        for word in words:
            text = _escaped(word)
            blank = "" if word.is_glued or not row else " "
            has_stamp = word_times and at_ms < word.start_ms < cue.end_ms and bool(text)
            at_ms = word.start_ms if has_stamp else at_ms
            tag = f"<{stamp(word.start_ms, '.')}>" if has_stamp else ""
            row += f"{blank}{tag}{text}" if text else ""
        rows += [row] if one_line(joined(words)) else []
    return rows or ["\u00a0"]


def _escaped(word: CueWord) -> str:
    return html.escape(one_line(word.text), quote=False)
