"""Lyrics as people write them, read into `Lyrics`: which notation it is, the plain one, and the record that is stored.

The notations with times have modules of their own (`lyrics_lrc.py`, `lyrics_ultrastar.py`). Where words are in the
sound is no matter of this module: see `resources/engines/lyric_aligner.py`.

- `parse_lyrics`: a file's text to lyrics, whatever its notation.
- `lyrics_record`, `lyrics_from_record`: plain values for JSON, and back.
- `lrc_text`: lyrics with times as an LRC file that players read.
- `time_faults`: what is wrong with times that came along.
- `sung_spans`: where words are sung: with lyrics at hand, better than what levels say of voice.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from audio_assets.domain.clock_text import clock
from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord, Span
from audio_assets.domain.music.lyrics_lrc import is_lrc, parse_lrc
from audio_assets.domain.music.lyrics_text import LyricsError, sung_words
from audio_assets.domain.music.lyrics_ultrastar import is_ultrastar, parse_ultrastar

__all__ = [
    "LyricsError",
    "lrc_text",
    "lyrics_from_record",
    "lyrics_record",
    "parse_lyrics",
    "sung_spans",
    "time_faults",
]

SCHEMA = "audio-assets.lyrics.1"

_PART = r"(?:pre-?|post-?)?(?:intro|verse|chorus|refrain|hook|bridge|outro|solo|interlude|instrumental|break|coda|tag)"
_NAMED = re.compile(rf"^{_PART}\b[\s\d#.ivx]*(?:\(?(?:x\s*\d+|\d+\s*x)\)?)?\s*:\s*$", re.IGNORECASE)
_BRACKETED = re.compile(r"^\[([^\]]*)\]$")
_TIMES = re.compile(r"\s*[\(\[]?\s*(?:(?<!\w)[x×]\s*(\d{1,2})|(?<!\w)(\d{1,2})\s*[x×])\s*[\)\]]?\s*$", re.IGNORECASE)
_MOST_REPEATS = 32


def parse_lyrics(text: str, path: str) -> Lyrics:
    """Return the lyrics in `text`: UltraStar, LRC, enhanced LRC or plain, told apart by what stands in it.

    `path` only names the place in messages. Times that the text gives have confidence 1.

    Raises:
        LyricsError: the text has no words to sing, or a line of it can not be read; the message names the line.
    """
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if is_ultrastar(rows):
        lyrics = parse_ultrastar(rows, path)
    elif is_lrc(rows):
        lyrics = parse_lrc(rows, path)
    else:
        lyrics = _parse_plain(rows)
    if not any(line.words for line in lyrics.lines):
        raise LyricsError(f"{path}: no words to sing were found: write the lyrics line by line, or leave them out")
    return lyrics


# --- plain text --------------------------------------------------------------------------------------------------


def _parse_plain(rows: Sequence[str]) -> Lyrics:
    """Lines as they stand, without headers; "(x2)" is sung twice, a header on its own repeats the part of that name."""
    lines: list[LyricLine] = []
    notes: list[str] = []
    parts: dict[str, list[LyricLine]] = {}
    last: list[LyricLine] = []
    for header, n_times, block, row in _blocks(rows):
        own = [line for text in block for line in _repeated(text)]
        name = header.casefold()
        if own:
            parts.setdefault(name, own)
        elif name in parts and name:
            own = parts[name]
        elif n_times > 1 and not name:
            own, n_times = last, n_times - 1
        elif n_times > 1:
            notes.append(f"line {row}: nothing is known to repeat for [{header}]")
        lines += own * n_times
        last = own or last
    return Lyrics(tuple(lines), "plain", notes=tuple(notes))


def _blocks(rows: Sequence[str]) -> list[tuple[str, int, list[str], int]]:
    """(Header, how many times it is sung, its lines, row of its start) for each run of lines between blank ones."""
    blocks: list[tuple[str, int, list[str], int]] = []
    is_open = False
    for number, row in enumerate(rows, start=1):
        text = " ".join(row.split())
        if not text:
            is_open = False
        elif (header := _header(text)) is not None:
            blocks.append((*header, [], number))
            is_open = True
        elif is_open:
            blocks[-1][2].append(text)
        else:
            blocks.append(("", 1, [text], number))
            is_open = True
    return blocks


def _header(text: str) -> tuple[str, int] | None:
    """Name and repeats of a line that is not sung; None for one that is. "(x2)" alone has no name."""
    match = _BRACKETED.match(text)
    inner = match[1] if match else text.rstrip(": ") if _NAMED.match(text) else None
    if inner is None:
        inner = "" if _TIMES.fullmatch(text) else None
        return None if inner is None else ("", _n_times(text)[1])
    return _n_times(inner.strip())


def _n_times(text: str) -> tuple[str, int]:
    """`text` without its "(x2)", and the 2; 1 where there is none."""
    match = _TIMES.search(text)
    if not match:
        return text, 1
    return text[: match.start()].strip(), max(1, min(int(match[1] or match[2]), _MOST_REPEATS))


def _repeated(text: str) -> list[LyricLine]:
    bare, n_times = _n_times(text)
    words = sung_words(bare)
    return [LyricLine(bare, tuple(LyricWord(word) for word in words))] * n_times if words else []


# --- records -----------------------------------------------------------------------------------------------------


def lyrics_record(lyrics: Lyrics) -> dict[str, Any]:
    """Return `lyrics` as plain values for JSON; times in seconds, null where a line or word is not aligned."""
    return {
        "schema": SCHEMA,
        "source": lyrics.source,
        "language": lyrics.language,
        "notes": list(lyrics.notes),
        "lines": [
            {
                "text": line.text,
                "start_time": line.start_time,
                "end_time": line.end_time,
                "words": [
                    {"text": w.text, "start_time": w.start_time, "end_time": w.end_time, "confidence": w.confidence}
                    for w in line.words
                ],
            }
            for line in lyrics.lines
        ],
    }


def lyrics_from_record(record: Mapping[str, Any]) -> Lyrics:
    """Return the lyrics that `lyrics_record` wrote.

    Raises:
        LyricsError: it is a record of another kind, or something is missing in it.
    """
    if record.get("schema") != SCHEMA:
        raise LyricsError(f"this is no record of lyrics: its schema is {record.get('schema')!r}, not {SCHEMA!r}")
    try:
        lines = tuple(
            LyricLine(
                line["text"],
                tuple(LyricWord(w["text"], w["start_time"], w["end_time"], w["confidence"]) for w in line["words"]),
                line["start_time"],
                line["end_time"],
            )
            for line in record["lines"]
        )
        return Lyrics(lines, record["source"], record["language"], tuple(record["notes"]))
    except (KeyError, TypeError) as error:
        raise LyricsError(f"the record of lyrics is incomplete ({error}): analyse the song again") from error


def lrc_text(lyrics: Lyrics) -> str:
    """Return `lyrics` as LRC with word times in angle brackets; lines that are not aligned are left out."""
    rows = [f"[la:{lyrics.language}]"] if lyrics.language else []
    for line in lyrics.lines:
        if line.start_time is None:
            continue
        row = f"[{_stamp(line.start_time)}]"
        if all(word.start_time is not None and word.end_time is not None for word in line.words):
            row += " ".join(f"<{_stamp(w.start_time or 0.0)}>{w.text}" for w in line.words)
            row += f" <{_stamp(line.words[-1].end_time or 0.0)}>" if line.words else ""
        else:
            row += line.text
        rows.append(row)
        if line.end_time is not None:
            rows.append(f"[{_stamp(line.end_time)}]")
    return "\n".join(rows) + "\n"


def _stamp(time_s: float) -> str:
    minutes, milliseconds = divmod(round(time_s * 1000), 60_000)
    return f"{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"


def time_faults(lyrics: Lyrics, duration_s: float) -> tuple[str, ...]:
    """Return a sentence for each line that begins after the song's end or whose words run backwards."""
    faults: list[str] = []
    for line in lyrics.lines:
        starts = [word.start_time for word in line.words if word.start_time is not None]
        start_s = min([*starts, *([] if line.start_time is None else [line.start_time])], default=0.0)
        if start_s >= duration_s:
            faults.append(f"'{line.text[:40]}' begins at {clock(start_s)}, after the song's end at {clock(duration_s)}")
        elif any(later < earlier for earlier, later in pairwise(starts)):
            faults.append(f"the words of '{line.text[:40]}' at {clock(start_s)} run backwards in time")
    return tuple(faults)


def sung_spans(lyrics: Lyrics, *, least_confidence: float = 0.5, bridged_s: float = 1.0) -> tuple[Span, ...]:
    """Return where words of `least_confidence` or more are sung, gaps shorter than `bridged_s` closed, in order."""
    words = sorted(
        (word.start_time, max(word.end_time, word.start_time))
        for line in lyrics.lines
        for word in line.words
        if word.start_time is not None and word.end_time is not None and word.confidence >= least_confidence
    )
    spans: list[Span] = []
    for start_s, end_s in words:
        if spans and start_s - spans[-1].end_time < bridged_s:
            spans[-1] = Span(spans[-1].start_time, max(end_s, spans[-1].end_time))
        else:
            spans.append(Span(start_s, end_s))
    return tuple(spans)
