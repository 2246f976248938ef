"""Which words of a song's lyrics are sung in a scene, and when: clipped to its frames, counted from its start.

Words come from `lyric_alignment`, or from what a person wrote for the scene, which takes its times from the song's
words in the same place. Nothing listens here; the sounds of words are placed in `resources/engines/sung_phones.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from fractions import Fraction
from itertools import pairwise

from audio_assets.domain import timebase
from audio_assets.domain.music.analysis import Lyrics
from audio_assets.domain.music.lyrics_text import sung_words

SHORTEST_WORD_S = 0.02
"""What is left of a word in a scene must last this long to count as sung there."""
_UNKNOWN_LENGTH_S = 0.5  # of a word whose end nobody knows, at most


@dataclass(frozen=True, slots=True)
class SceneWord:
    """A word that sounds in `[t_start, t_end)` of the scene; the whole of it is sung in `[sung_from, sung_to)`.

    Seconds from the scene's start; `sung_from` is below 0 for a word held over from the scene before, `sung_to` may lie
    past the end.
    """

    text: str
    t_start: float
    t_end: float
    sung_from: float
    sung_to: float
    confidence: float
    line: int

    @property
    def is_cut(self) -> bool:
        """Whether a part of it lies outside the scene."""
        return self.sung_from < self.t_start or self.sung_to > self.t_end


@dataclass(frozen=True, slots=True)
class SceneLyrics:
    """The words of a scene in order, without overlap; `left_out` are those that have no time, as they are written."""

    words: tuple[SceneWord, ...]
    duration_s: float
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sung:
    """A word of the whole song, in seconds of the song."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    line: int


def scene_lyrics(
    lyrics: Lyrics, start_frame: int, end_frame: int, frame_rate: Fraction, *, override: str = ""
) -> SceneLyrics:
    """Return the words that sound in frames `[start_frame, end_frame)`.

    With an `override` (the scene's words as a person set them, line by line) its words replace those that begin in the
    scene: equal words keep their times, others share the time of those they stand for, additional ones have none. A
    word held over from the scene before stays.
    """
    start_s, end_s = (timebase.frame_start_s(frame, frame_rate) for frame in (start_frame, end_frame))
    sung, n_covered = _in_turn(_timed(lyrics))
    here = [word for word in sung if word.end_s > start_s and word.start_s < end_s]
    left_out = tuple(_without_time(lyrics, float(start_s), float(end_s)))
    if override.strip():
        held = [word for word in here if timebase.nearest_frame(word.start_s, frame_rate) < start_frame]
        said, left_out = _as_written(here[len(held) :], override)
        here = [*held, *said]
    duration_s = float(end_s - start_s)
    words = tuple(
        clipped
        for word in here
        if (clipped := _clipped(word, float(start_s), duration_s)).t_end - clipped.t_start >= SHORTEST_WORD_S
    )
    notes = [f"{n_covered} words of the song are sung over others: a mouth can only sing one"] if n_covered else []
    return SceneLyrics(words, duration_s, left_out, tuple(notes))


def _timed(lyrics: Lyrics) -> list[_Sung]:
    """The words that have times, by their start; one without an end ends with the next or after half a second."""
    found = sorted(
        (
            _Sung(word.text, word.start_time, -1.0 if word.end_time is None else word.end_time, word.confidence, number)
            for number, line in enumerate(lyrics.lines)
            for word in line.words
            if word.start_time is not None
        ),
        key=lambda word: word.start_s,
    )
    following = [*(word.start_s for word in found[1:]), float("inf")][: len(found)]
    return [
        word if word.end_s > word.start_s else replace(word, end_s=min(word.start_s + _UNKNOWN_LENGTH_S, next_s))
        for word, next_s in zip(found, following, strict=True)
    ]


def _in_turn(words: Sequence[_Sung]) -> tuple[list[_Sung], int]:
    """The words one after another: each ends where the next begins at the latest; how many had no room left."""
    kept: list[_Sung] = []
    for word in words:
        if kept and word.start_s - kept[-1].start_s < SHORTEST_WORD_S:
            continue
        if kept and kept[-1].end_s > word.start_s:
            kept[-1] = replace(kept[-1], end_s=word.start_s)
        kept.append(word)
    return kept, len(words) - len(kept)


def _clipped(word: _Sung, start_s: float, duration_s: float) -> SceneWord:
    sung_from, sung_to = word.start_s - start_s, word.end_s - start_s
    return SceneWord(
        word.text,
        max(sung_from, 0.0),
        min(sung_to, duration_s),
        sung_from,
        sung_to,
        word.confidence,
        word.line,
    )


def _without_time(lyrics: Lyrics, start_s: float, end_s: float) -> Iterator[str]:
    """Words without a time that belong into the scene by the words around them, or by the time of their line."""
    words = [(number, word) for number, line in enumerate(lyrics.lines) for word in line.words]
    line_starts = [line.start_time for line in lyrics.lines]
    before: tuple[int, float] | None = None
    afters = _next_timed([(number, word.start_time) for number, word in words])
    for (number, word), after in zip(words, afters, strict=True):
        if word.start_time is not None:
            before = number, word.start_time
            continue
        neighbours = [known for known in (before, after) if known is not None]
        own = [time for line, time in neighbours if line == number]
        times = own or [time for time in (line_starts[number],) if time is not None]
        is_between = len(neighbours) == 2 and all(start_s <= time < end_s for _, time in neighbours)
        if is_between or (times and start_s <= times[0] < end_s):
            yield word.text


def _next_timed(words: Sequence[tuple[int, float | None]]) -> list[tuple[int, float] | None]:
    found: list[tuple[int, float] | None] = []
    after: tuple[int, float] | None = None
    for number, time in reversed(words):
        found.append(after)
        if time is not None:
            after = number, time
    return found[::-1]


# --- words that a person wrote -----------------------------------------------------------------------------------


def _as_written(sung: Sequence[_Sung], text: str) -> tuple[list[_Sung], tuple[str, ...]]:
    """The words of `text` with the times of those of `sung` in their place, and the words that have none."""
    written = [(number, word) for number, line in enumerate(text.splitlines()) for word in sung_words(line)]
    matcher = SequenceMatcher(None, [_bare(w.text) for w in sung], [_bare(w) for _, w in written], autojunk=False)
    said: list[_Sung] = []
    left_out: list[str] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            said += [
                replace(old, text=word, line=line) for old, (line, word) in zip(sung[a:b], written[c:d], strict=True)
            ]
        elif kind == "replace":
            said += _shared_out(sung[a:b], written[c:d])
        elif kind == "insert":
            left_out += [word for _, word in written[c:d]]
    return said, tuple(left_out)


def _shared_out(sung: Sequence[_Sung], written: Sequence[tuple[int, str]]) -> Iterator[_Sung]:
    """`written` in the time of `sung`: word for word where they are as many, else by their letters."""
    if len(sung) == len(written):
        spans = [(word.start_s, word.end_s) for word in sung]
    else:
        letters = [max(len(_bare(word)), 1) for _, word in written]
        edges = [sum(letters[:number]) / sum(letters) for number in range(len(letters) + 1)]
        first_s, length_s = sung[0].start_s, sung[-1].end_s - sung[0].start_s
        spans = [(first_s + a * length_s, first_s + b * length_s) for a, b in pairwise(edges)]
    confidence = sum(word.confidence for word in sung) / len(sung) / 2
    for (line, word), (start_s, end_s) in zip(written, spans, strict=True):
        yield _Sung(word, start_s, end_s, confidence, line)


def _bare(word: str) -> str:
    return "".join(c for c in word.casefold() if c.isalnum())
