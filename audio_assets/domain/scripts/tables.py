"""Tables of lines: CSV as spreadsheets write it, and JSONL.

Columns (JSONL: keys), in any order: `text` is needed; `script` (the scene or label inside the file), `line_id`,
`character`, `style`, `lang` and `seed` are not. `id`, `line id`, `label`, `scene`, `speaker`, `name` and `language`
mean the same. Others are ignored, and reported where they look like a slip. A row without a character is narration.

The CSV delimiter is the one of `,` `;` tab that makes a `text` column of the header. Not here: markup (`markup`).
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz, process

from audio_assets.domain.lines import NARRATOR, ParsedScript, Problem, ScriptLine
from audio_assets.domain.scripts.markup import MarkupError, plain_text, speakable

COLUMNS = ("script", "line_id", "character", "text", "style", "lang", "seed")
"""The names of the columns."""
_SAME = {
    "id": "line_id",
    "label": "script",
    "scene": "script",
    "speaker": "character",
    "name": "character",
    "language": "lang",
}
_LANG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_MAX_SEED = 2**63 - 1
_MAX_FIELD = 1_000_000  # characters; the csv module's own limit is 131,072


def parse_csv(text: str, path: str, variables: Mapping[str, str]) -> ParsedScript:
    """The lines of a CSV table with a header."""
    table = _Table(path, variables)
    rows = _csv_rows(text.split("\n"), _delimiter(text), table)
    header = next(rows, None)
    if header is None:
        table.problem(1, "the table is empty", f"begin it with the header {','.join(COLUMNS)}")
        return table.parsed()
    names = table.columns(header[0], header[1])
    if "text" not in names:
        table.problem(header[0], "the header has no 'text' column", f"begin the file with {','.join(COLUMNS)}")
        return table.parsed()
    for number, fields in rows:
        if len(fields) != len(names):
            what = f"the row has {len(fields)} fields, the header {len(names)}"
            table.problem(number, what, "quote fields that hold the delimiter, and fill the empty ones")
            continue
        table.add(number, {name: value for name, value in zip(names, fields, strict=True) if name})
    return table.parsed()


def parse_jsonl(text: str, path: str, variables: Mapping[str, str]) -> ParsedScript:
    """The lines of a JSONL file: one object per line."""
    table = _Table(path, variables)
    for number, row in enumerate(text.split("\n"), start=1):
        if not row.strip():
            continue
        try:
            entry = json.loads(row, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError) as error:
            table.problem(number, f"the line is not JSON ({error})", "write one object per line")
            continue
        if not isinstance(entry, _Pairs):
            table.problem(number, "the line is no JSON object", 'write {"character": "...", "text": "..."}')
            continue
        names = table.columns(number, [name for name, _ in entry])
        if "text" not in names:
            table.problem(number, "the object has no 'text'", 'add "text": "..."')
            continue
        table.add(
            number, {name: value for name, value in zip(names, (value for _, value in entry), strict=True) if name}
        )
    return table.parsed()


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a key that stands there twice is seen."""


def _delimiter(text: str) -> str:
    header = text.split("\n", 1)[0]
    return next((d for d in ",;\t" if any(_column(name) == "text" for name in header.replace('"', "").split(d))), ",")


def _column(name: str) -> str:
    """The column that a header's name means; the name itself when it means none."""
    plain = re.sub(r"[\s_-]+", "_", plain_text(name).lower())
    return _SAME.get(plain, plain)


def _csv_rows(lines: Sequence[str], delimiter: str, table: "_Table") -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, fields) of every row that is not blank.

    After a row that can not be read, reading goes on at the line below its first: an open quote costs one row.
    """
    csv.field_size_limit(_MAX_FIELD)
    start = 0
    while start < len(lines):
        reader = csv.reader((line + "\n" for line in lines[start:]), delimiter=delimiter, strict=True)
        row_at = start
        try:
            for fields in reader:
                if any(value.strip() for value in fields):
                    yield row_at + 1, fields
                row_at = start + reader.line_num
            start = len(lines)
        except csv.Error as error:
            is_open = "unexpected end" in str(error) or start + reader.line_num > row_at + 1
            what = "a quoted field is not closed" if is_open else f"the row can not be read ({error})"
            table.problem(row_at + 1, what, 'close the quote; a quote inside a quoted field is written ""')
            start = row_at + 1


@dataclass(slots=True)
class _Table:
    """What was read so far."""

    path: str
    variables: Mapping[str, str]
    lines: list[ScriptLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _first_seen: dict[tuple[str, str], int] = field(default_factory=dict)
    _slips: set[str] = field(default_factory=set)

    def problem(self, number: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.path, number, what, remedy))

    def parsed(self) -> ParsedScript:
        return ParsedScript(tuple(self.lines), tuple(self.problems))

    def columns(self, number: int, header: Sequence[str]) -> list[str]:
        """The column of each name in `header`, "" for those that are ignored; a slip or a repetition is a problem."""
        names: list[str] = []
        for raw in header:
            name = _column(raw)
            if name in COLUMNS and name in names:
                self.problem(number, f"'{raw}' is the second column for '{name}'", "keep one of the two")
            elif name not in COLUMNS:
                self._report_slip(number, raw, name)
            names.append(name if name in COLUMNS and name not in names else "")
        return names

    def _report_slip(self, number: int, raw: str, name: str) -> None:
        near = process.extractOne(name, COLUMNS, scorer=fuzz.ratio, score_cutoff=75)
        if near is not None and name not in self._slips:
            self._slips.add(name)
            self.problem(number, f"the column '{raw}' is not known and is ignored", f"did you mean '{near[0]}'?")

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        """Take one row, or say what is wrong with it."""
        try:
            line = self._line(number, row)
        except MarkupError as error:
            self.problem(number, str(error), error.remedy)
            return
        key = (line.author_id, line.lang)
        if line.author_id and key in self._first_seen:
            what = f"the id '{line.author_id}' stands in line {self._first_seen[key]} already"
            self.problem(number, what, "give each line an id of its own")
            return
        self._first_seen[key] = number
        self.lines.append(line)

    def _line(self, number: int, row: Mapping[str, Any]) -> ScriptLine:
        words = {name: _words(name, row.get(name)) for name in COLUMNS if name != "seed"}
        author_id = plain_text(words["line_id"])
        lang = words["lang"].strip().lower().replace("_", "-")
        if lang and not _LANG.fullmatch(lang):
            raise MarkupError(f"the language '{lang}' is no language tag", "write one such as en, en-gb or fr")
        character = plain_text(words["character"])
        return ScriptLine(
            label=plain_text(words["script"]),
            character=NARRATOR if character.casefold() in {"", NARRATOR} else character,
            text=speakable(words["text"], self.variables),
            lang=lang,
            style=plain_text(words["style"]),
            seed=_seed(row.get("seed")),
            kind="dialogue",
            source_line=number,
            aliases=(author_id,) if author_id else (),
            author_id=author_id,
        )


def _words(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "line_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise MarkupError(f"'{name}' is no text but {json.dumps(value)[:40]}", "put it in quotes")
    return value


def _seed(value: Any) -> int:
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    is_whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value.strip()) is not None
    )
    if not is_whole or not 0 <= int(value) <= _MAX_SEED:
        raise MarkupError(
            f"the seed {json.dumps(value)[:40]} is no whole number from 0 to 2^63-1", "write one, or leave it empty"
        )
    return int(value)
