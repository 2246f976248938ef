"""LRC, the notation of players: `[mm:ss.xx]` before a line, in its enhanced form `<mm:ss.xx>` before words.

There is no standard. Read are: several stamps before one text, stamps out of order, one to three decimals after a dot
or a colon, word stamps in square brackets too, an empty text as the end of the line before, `[offset:ms]` (positive:
earlier), `[la:]` or `[lang:]`. Other tags such as `[ti:]` and `[ar:]` are not sung. Stamps in the middle of a word are
those of its syllables.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricSource, LyricWord
from audio_assets.domain.music.lyrics_text import LyricsError, sung_words

_TIME = r"(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?"
_LINE_STAMP = re.compile(rf"\s*\[\s*{_TIME}\s*\]")
_WORD_STAMP = re.compile(rf"<\s*{_TIME}\s*>|\[\s*{_TIME}\s*\]")
_TAG = re.compile(r"^\s*\[\s*([a-zA-Z#]+)\s*:(.*)\]\s*$")
_BROKEN_STAMP = re.compile(r"^\s*\[\s*[-\d][^\]]*\]?")
_INTERPOLATED = 0.5
"""Confidence of a word that shares a stamp with the one before it: its time is guessed from the letters."""


@dataclass(frozen=True, slots=True)
class _Stamped:
    start_s: float
    text: str
    pieces: tuple[tuple[float | None, str], ...]
    """What follows each stamp inside the text; the first piece has None if no stamp stands before it."""


def is_lrc(rows: Iterable[str]) -> bool:
    """Say whether any row begins with a stamp."""
    return any(_LINE_STAMP.match(row) for row in rows)


def parse_lrc(rows: Sequence[str], path: str) -> Lyrics:
    """Return the lines in order of time, each until the next stamp; words have times where they have stamps.

    Raises:
        LyricsError: a stamp or the offset is no time; the message names its row.
    """
    stamped: list[_Stamped] = []
    notes: list[str] = []
    tags: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        found = list(_stamped(row, f"{path}, line {number}"))
        stamped += found
        if found or not row.strip():
            continue
        if tag := _TAG.match(row):
            tags[tag[1].lower()] = tag[2].strip()
        elif not row.lstrip().startswith("#"):
            notes.append(f"line {number} has no time and was left out: {row.strip()[:40]!r}")
    offset_s = _offset_s(tags.get("offset", ""), path)
    stamped = sorted(stamped, key=lambda line: line.start_s)
    lines = [_line(line, _next_start(stamped, index), offset_s) for index, line in enumerate(stamped)]
    has_word_times = any(start is not None for line in stamped for start, _ in line.pieces)
    source: LyricSource = "enhanced_lrc" if has_word_times else "lrc"
    language = tags.get("la") or tags.get("lang") or tags.get("language") or ""
    return Lyrics(tuple(line for line in lines if line.words), source, language, tuple(notes))


def _stamped(row: str, place: str) -> Iterator[_Stamped]:
    """The text of a row once for each stamp before it."""
    starts: list[float] = []
    at = 0
    while match := _LINE_STAMP.match(row, at):
        starts.append(_seconds(match.groups(), place))
        at = match.end()
    if not starts and _BROKEN_STAMP.match(row):
        raise LyricsError(f"{place}: {row.strip()[:40]!r} begins with no time: write it as [mm:ss.xx]")
    pieces = tuple(_pieces(row[at:], place))
    text = " ".join("".join(piece for _, piece in pieces).split())
    for start_s in starts:
        shift_s = start_s - starts[0]
        yield _Stamped(start_s, text, tuple((None if s is None else s + shift_s, p) for s, p in pieces))


def _pieces(text: str, place: str) -> Iterator[tuple[float | None, str]]:
    start_s: float | None = None
    at = 0
    for match in _WORD_STAMP.finditer(text):
        if start_s is not None or text[at : match.start()].strip():
            yield start_s, text[at : match.start()]
        start_s, at = _seconds([g for g in match.groups() if g is not None], place), match.end()
    if start_s is not None or text[at:].strip():
        yield start_s, text[at:]


def _seconds(groups: Sequence[str | None], place: str) -> float:
    minutes, seconds, fraction = (*groups, None)[:3]
    if int(seconds or 0) >= 60:
        raise LyricsError(f"{place}: {minutes}:{seconds} is no time: a minute has 60 seconds, write [mm:ss.xx]")
    return int(minutes or 0) * 60 + int(seconds or 0) + (float(f"0.{fraction}") if fraction else 0.0)


def _offset_s(offset: str, path: str) -> float:
    if not offset:
        return 0.0
    try:
        return float(offset) / 1000
    except ValueError as error:
        raise LyricsError(f"{path}: [offset:{offset}] is no number: write whole milliseconds") from error


def _next_start(stamped: Sequence[_Stamped], index: int) -> float | None:
    return next((later.start_s for later in stamped[index + 1 :] if later.start_s > stamped[index].start_s), None)


def _line(stamped: _Stamped, next_start_s: float | None, offset_s: float) -> LyricLine:
    def shown(time_s: float | None) -> float | None:
        return None if time_s is None else max(round(time_s - offset_s, 6), 0.0)

    if any(start is not None for start, _ in stamped.pieces):
        words = tuple(
            LyricWord(text, shown(start_s), shown(end_s), confidence)
            for text, start_s, end_s, confidence in _timed_words(stamped, next_start_s)
        )
        end_s = words[-1].end_time if words else None
        return LyricLine(stamped.text, words, shown(stamped.start_s), end_s if end_s is not None else None)
    words = tuple(LyricWord(word) for word in sung_words(stamped.text))
    return LyricLine(stamped.text, words, shown(stamped.start_s), shown(next_start_s))


def _timed_words(
    stamped: _Stamped, next_start_s: float | None
) -> Iterator[tuple[str, float | None, float | None, float]]:
    """(Text, start, end, confidence) of each word; a stamp inside a word is one of its syllables."""
    pieces = [(stamped.start_s if s is None else s, p) for s, p in stamped.pieces]
    words: list[tuple[str, float, float | None, float]] = []
    is_word_open = False
    for number, (start_s, piece) in enumerate(pieces):
        end_s = pieces[number + 1][0] if number + 1 < len(pieces) else next_start_s
        texts = piece.split()
        if texts and is_word_open and not piece[:1].isspace():
            text, began_s, _, confidence = words.pop()
            words.append((text + texts[0], began_s, end_s, confidence))
            texts = texts[1:]
            shares = len(texts) + 1
        else:
            shares = len(texts)
        for place, text in enumerate(texts, start=shares - len(texts)):
            span_s = 0.0 if end_s is None else max(end_s - start_s, 0.0) / shares
            if place and words:  # the word before ends where this one, guessed, begins
                words[-1] = (*words[-1][:2], start_s + place * span_s, words[-1][3])
            last = end_s if end_s is None else start_s + (place + 1) * span_s
            words.append((text, start_s + place * span_s, last, _INTERPOLATED if place else 1.0))
        is_word_open = bool(piece) and not piece[-1:].isspace() and bool(words)
    for text, start_s, end_s, confidence in words:
        if any(c.isalnum() for c in text):
            yield text, start_s, end_s if end_s is not None and end_s >= start_s else None, confidence
