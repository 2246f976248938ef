"""The stored record `script.1`: one script as registered, its lines with their lasting ids, and its translations."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from audio_assets.domain.lines import Line, Problem
from audio_assets.domain.schemas.records import RecordError, read_record


@dataclass(frozen=True)
class ScriptRecord:
    """One script.

    `lines` stand in file order; `retired` were deleted from the file and may come back. `translations` hold,
    also of retired lines, by
    language, the translated lines under the ids of the original ones. `sources` is path -> sha256 of what was read.
    """

    script: str
    lang: str
    lines: tuple[Line, ...]
    retired: tuple[Line, ...]
    translations: Mapping[str, tuple[Line, ...]]
    characters: Mapping[str, str]
    sources: Mapping[str, str]
    problems: tuple[Problem, ...]

    def by_language(self) -> list[tuple[str, Sequence[Line]]]:
        """The original's lines by language (a table may hold several), then the translations of those lines."""
        original: dict[str, list[Line]] = {}
        for line in self.lines:
            original.setdefault(line.lang or self.lang, []).append(line)
        place = {line.line_id: number for number, line in enumerate(self.lines)}
        translated = {
            lang: sorted((line for line in lines if line.line_id in place), key=lambda line: place[line.line_id])
            for lang, lines in sorted(self.translations.items())
        }
        return [*original.items(), *translated.items()]

    def to_bytes(self) -> bytes:
        """Compact JSON."""
        return orjson.dumps({"schema": "script.1", **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "ScriptRecord":
        """Read what `to_bytes` wrote.

        Raises:
            RecordError: not a script record.
        """
        record = read_record(data, "script.1")
        try:
            return cls(
                script=record["script"],
                lang=record["lang"],
                lines=_lines(record["lines"]),
                retired=_lines(record["retired"]),
                translations={lang: _lines(entries) for lang, entries in record["translations"].items()},
                characters=record["characters"],
                sources=record["sources"],
                problems=tuple(Problem(**entry) for entry in record["problems"]),
            )
        except (KeyError, TypeError) as error:
            raise RecordError(f"not a whole script.1: {error}") from error


_TUPLES = ("aliases", "past_aliases")


def _lines(entries: list[dict[str, Any]]) -> tuple[Line, ...]:
    for entry in entries:
        for name in _TUPLES:
            entry[name] = tuple(entry[name])
    return tuple(Line(**entry) for entry in entries)
