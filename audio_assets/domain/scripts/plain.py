"""Plain text scripts: what anyone can type.

    == the harbour ==            a label; the lines below belong to it
    # not spoken                 a comment
    ANNA: Good morning!          a line of Anna's
    ANNA (whisper): Quiet!       the same, with a style
    The sun comes up.            narration
    narrator: Noon: the heat.    narration that holds a colon

What stands before a colon is a name when the colon is followed by a space (so `http://...` and `12:30` are none), it
begins with a letter, and it is one word, or two to four words none of which begins with a small letter: `Old Man`,
`Guard 2`, `Dr. Bell`, but not `He said`. Not here: other formats (`renpy`, `tables`).
"""

import re
from collections.abc import Mapping

from audio_assets.domain.lines import NARRATOR, ParsedScript, Problem, ScriptLine
from audio_assets.domain.scripts.markup import MarkupError, plain_text, speakable

_LABEL = re.compile(r"==+\s*(.*?)\s*=*$")
_SPOKEN = re.compile(
    r"(?P<name>[^\W\d_][^:：()\"“”?!,;]{0,39}?)\s*(?:\((?P<style>[^()]{1,40})\))?\s*(?::(?:\s+|$)|：)\s*"
)


def parse_plain(text: str, path: str, variables: Mapping[str, str]) -> ParsedScript:
    """The lines of a plain text script; every line of the file that is not blank is one."""
    lines: list[ScriptLine] = []
    problems: list[Problem] = []
    label = ""
    for number, raw in enumerate(text.split("\n"), start=1):
        row = raw.strip()
        if not row or row.startswith("#"):
            continue
        if row.startswith("=="):
            label = plain_text(_LABEL.sub(r"\1", row))
            if not label:
                problems.append(Problem(path, number, "a label without a name", "write == name =="))
            continue
        character, style, words = _split(row)
        try:
            spoken = speakable(words, variables)
        except MarkupError as error:
            problems.append(Problem(path, number, str(error), error.remedy))
            continue
        lines.append(ScriptLine(label, character, spoken, "", style, 0, "dialogue", number, ()))
    return ParsedScript(tuple(lines), tuple(problems))


def _split(row: str) -> tuple[str, str, str]:
    """(character, style, text) of one line."""
    match = _SPOKEN.match(row)
    if match is None or not _is_name(match["name"]):
        return NARRATOR, "", row
    name = plain_text(match["name"])
    return (NARRATOR if name.casefold() == NARRATOR else name), plain_text(match["style"] or ""), row[match.end() :]


def _is_name(name: str) -> bool:
    words = name.split()
    return len(words) == 1 or (len(words) <= 4 and all(not word[0].islower() for word in words))
