"""UltraStar's song.txt: syllables as notes on a grid of quarter beats, with the tempo in the header.

Format: https://usdx.eu/format (also https://github.com/UltraStar-Deluxe/format). A note is `: start length pitch text`;
its time is GAP / 1000 + start * 60 / (BPM * 4). The pitch is not kept: nothing here sings.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord
from audio_assets.domain.music.lyrics_text import LyricsError

_TAG = re.compile(r"^\s*#\s*([A-Za-z0-9]+)\s*:(.*)$")
_NOTE = re.compile(r"^\s*([:*FRG])\s*(-?\d+)\s+(\d+)\s+(-?\d+)(?:\s(.*))?$")
_BREAK = re.compile(r"^\s*-\s*(-?\d+)(?:\s+(-?\d+))?\s*$")
_VOICE = re.compile(r"^\s*P\s*(\d)\s*$")
_LANGUAGES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es",
    "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt", "dutch": "nl",
    "polish": "pl", "swedish": "sv", "norwegian": "no", "danish": "da", "finnish": "fi", "japanese": "ja",
    "korean": "ko", "chinese": "zh", "russian": "ru", "turkish": "tr", "czech": "cs", "hungarian": "hu", "latin": "la",
}  # fmt: skip


@dataclass(slots=True)
class _Word:
    text: str
    start: int
    end: int


@dataclass(slots=True)
class _Voice:
    """The lines of one singer so far; `origin` is where the numbers of a relative file now begin."""

    lines: list[list[_Word]] = field(default_factory=lambda: [[]])
    origin: int = 0
    is_word_open: bool = False


def is_ultrastar(rows: Sequence[str]) -> bool:
    """Say whether there are both a `#BPM` tag or other tags and notes."""
    return any(_TAG.match(row) for row in rows) and any(_NOTE.match(row) for row in rows)


def parse_ultrastar(rows: Sequence[str], path: str) -> Lyrics:
    """Return the lines of all singers in order of time, with the times of each word.

    Raises:
        LyricsError: there is no tempo, or a row is neither tag, note nor line break; the message names the row.
    """
    tags = {match[1].upper(): match[2].strip() for row in rows if (match := _TAG.match(row))}
    bpm = _number(tags, "BPM", path)
    if not bpm or bpm <= 0:
        raise LyricsError(f"{path}: there is no #BPM above 0 to tell the times of the notes by: add it to the header")
    gap_s = (_number(tags, "GAP", path) or 0.0) / 1000
    voices = _read_notes(rows, tags.get("RELATIVE", "").upper() == "YES", path)
    quarter_s = 60 / (bpm * 4)
    lines = [_line(words, gap_s, quarter_s) for voice in voices for words in voice.lines if words]
    notes = (f"the lines of {len(voices)} singers are read as one",) if len(voices) > 1 else ()
    named = tags.get("LANGUAGE", "").split(",")[0].strip().casefold()
    ordered = sorted(lines, key=lambda line: line.start_time or 0.0)
    return Lyrics(tuple(ordered), "ultrastar", _LANGUAGES.get(named, ""), notes)


def _number(tags: Mapping[str, str], name: str, path: str) -> float | None:
    if not tags.get(name):
        return None
    try:
        return float(tags[name].replace(",", "."))
    except ValueError as error:
        raise LyricsError(f"{path}: #{name}:{tags[name]} is no number: write it with digits") from error


def _read_notes(rows: Sequence[str], is_relative: bool, path: str) -> list[_Voice]:
    voices: dict[str, _Voice] = {}
    voice = voices.setdefault("1", _Voice())
    for number, row in enumerate(rows, start=1):
        if not row.strip() or _TAG.match(row):
            continue
        if row.strip() == "E":
            break
        if match := _VOICE.match(row):
            voice = voices.setdefault(match[1], _Voice())
        elif match := _NOTE.match(row):
            _add_note(voice, int(match[2]), int(match[3]), match[5] or "")
        elif match := _BREAK.match(row):
            voice.lines.append([])
            voice.is_word_open = False
            if is_relative:
                voice.origin += int(match[2] or match[1])
        else:
            raise LyricsError(
                f"{path}, line {number}: {row.strip()[:40]!r} is no note: write ': start length pitch text', "
                "'- start' for a new line, or 'E' at the end"
            )
    return [voice for voice in voices.values() if any(voice.lines)]


def _add_note(voice: _Voice, start: int, length: int, text: str) -> None:
    """A syllable: a new word after a space, otherwise more of the word before; "~" holds it on another note."""
    start += voice.origin
    words = voice.lines[-1]
    syllable = text.strip()
    is_held = syllable.startswith("~")
    if words and (is_held or (voice.is_word_open and not text[:1].isspace())):
        words[-1].text += syllable.lstrip("~")
        words[-1].end = max(start + length, words[-1].end)
    elif bare := syllable.lstrip("~"):
        words.append(_Word(bare, start, start + length))
    voice.is_word_open = not text[-1:].isspace()


def _line(words: Sequence[_Word], gap_s: float, quarter_s: float) -> LyricLine:
    sung = tuple(_timed(words, gap_s, quarter_s))
    text = " ".join(word.text for word in sung)
    return LyricLine(text, sung, sung[0].start_time, max(word.end_time or 0.0 for word in sung))


def _timed(words: Sequence[_Word], gap_s: float, quarter_s: float) -> Iterator[LyricWord]:
    for word in words:
        start_s, end_s = (max(round(gap_s + at * quarter_s, 6), 0.0) for at in (word.start, word.end))
        yield LyricWord(word.text, start_s, end_s, 1.0)
