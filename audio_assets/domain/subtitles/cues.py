"""Lines of lyrics as cues: what stands on the screen from when to when, word by word. All subtitles are made of these.

Times are whole milliseconds from the first sample of the song, so that files of every notation agree. How a notation
writes a cue is in `srt.py`, `webvtt.py`, `ass.py` and `lrc.py`; how one looks in `karaoke_picture.py`.
- `lyric_cues`: the cues of aligned lyrics; they are in order and never overlap.
- `pieces_of`: a word in pieces that fit.
- `one_line`: any text as one that can stand in a line of a file.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

from audio_assets.domain import timebase
from audio_assets.domain.music.analysis import LyricLine, Lyrics


@dataclass(frozen=True, slots=True)
class CueWord:
    """A word with its marks, sung from `start_ms` up to `end_ms`, which lie in its cue.

    `is_guessed`: its times were not found in the sound but shared out between the words beside it. `is_glued`: it is a
    piece of a word too long for a row, and no blank stands before it.
    """

    text: str
    start_ms: int
    end_ms: int
    is_guessed: bool = False
    is_glued: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start_ms` up to `end_ms`, in rows of words; `line` counts the lines of the lyrics from 0."""

    start_ms: int
    end_ms: int
    rows: tuple[tuple[CueWord, ...], ...]
    line: int

    @property
    def words(self) -> tuple[CueWord, ...]:
        """All words in order."""
        return tuple(word for row in self.rows for word in row)

    @property
    def text(self) -> str:
        """The words in one line."""
        return joined(self.words)

    def frames(self, rate: Fraction) -> tuple[int, int]:
        """The frames `[first, end)` on which it is shown: those that begin while it lasts."""
        return _first_frame(self.start_ms, rate), _first_frame(self.end_ms, rate)


@dataclass(frozen=True, slots=True)
class CueRules:
    """How long cues stand and how much is in one.

    A cue appears `lead_in_ms` before its first word and stays `linger_ms` after its last, at least `shortest_ms`, where
    the cues beside it leave the time. A line longer than `longest_ms` is split at its longest pause, one of more than
    `n_rows` rows of `row_letters` at the word nearest to its middle.
    """

    lead_in_ms: int = 250
    linger_ms: int = 400
    shortest_ms: int = 1000
    longest_ms: int = 8000
    row_letters: int = 42
    n_rows: int = 2


@dataclass(frozen=True, slots=True)
class Cues:
    """Cues in order, none overlapping another; `notes` are sentences about what is not shown as it is sung."""

    cues: tuple[Cue, ...]
    notes: tuple[str, ...] = ()
    n_left_out: int = 0


RULES = CueRules()
_CROWDED_MS = 500
"""Lines that are sung at the same time take turns: each has at least this."""
_LETTER_MS, _BREATH_MS = 200, 1000
"""A line whose words have no times is taken to last a breath and so much per letter, for its end may be the next line's
start, minutes later. Of the 53 lines of a charted rock song 46 are shorter."""


def lyric_cues(lyrics: Lyrics, duration_s: float, rules: CueRules = RULES) -> Cues:
    """Return the cues of `lyrics` within a song of `duration_s`; the same lyrics give the same cues.

    A line without times of its own or of a word is left out and counted, and so is one after the song's end.
    """
    song_ms = max(0, math.floor(duration_s * 1000))
    drafts: list[_Draft] = []
    n_without = 0
    for number, line in enumerate(lyrics.lines):
        words = _timed(line, song_ms)
        if words:
            drafts += (_Draft(part, number) for part in _split(words, rules))
        elif any(one_line(word.text) for word in line.words):
            n_without += 1
    drafts.sort(key=lambda draft: draft.words[0].start_ms)  # stable: lines that begin together stay in order
    cues, moved, late = _placed(drafts, song_ms, rules)
    notes = _notes(len(lyrics.lines), n_without, len(moved), len(late), cues)
    return Cues(cues, tuple(notes), n_without + len(late - {cue.line for cue in cues}))


def joined(words: Sequence[CueWord]) -> str:
    """Return words in one line."""
    return "".join(word.text if word.is_glued or not place else f" {word.text}" for place, word in enumerate(words))


def pieces_of(word: CueWord, most_letters: int) -> Iterator[CueWord]:
    """Return a word in pieces of at most `most_letters` (1 or more), cut between no letter and its marks."""
    rest = word
    while len(rest.text) > most_letters:
        cut = most_letters
        while cut > 1 and (unicodedata.combining(rest.text[cut]) or rest.text[cut] in "\u200d\ufe0f"):
            cut -= 1
        middle = rest.start_ms + (rest.end_ms - rest.start_ms) * cut // len(rest.text)
        yield replace(rest, text=rest.text[:cut], end_ms=middle)
        rest = replace(rest, text=rest.text[cut:], start_ms=middle, is_glued=True)
    yield rest


def one_line(text: str) -> str:
    """Return `text` with single blanks, and without control characters and halves of surrogate pairs."""
    kept = ("\ufffd" if _kind(c) == "Cs" else " " if c.isspace() or _kind(c) in _BREAKS else c for c in text)
    return " ".join("".join(kept).split())


_BREAKS = ("Cc", "Zl", "Zp")


def _kind(letter: str) -> str:
    return unicodedata.category(letter)


def _first_frame(time_ms: int, rate: Fraction) -> int:
    return math.ceil(timebase.samples_to_s(time_ms, 1000) * rate)


# --- when words are sung -------------------------------------------------------------------------------------------


def _timed(line: LyricLine, song_ms: int) -> list[CueWord]:
    """The words of a line in order of time, each within the song; [] where nothing says when it is sung."""
    texts = _marked(line)
    starts = [_ms(word.start_time, song_ms) for word in line.words]
    ends = [_ms(word.end_time, song_ms) for word in line.words]
    first = next((index for index, start in enumerate(starts) if start is not None), None)
    begins, closes = _ms(line.start_time, song_ms), _ms(line.end_time, song_ms)
    if first is not None and begins is None:
        begins = _before(texts[:first], starts[first] or 0)
    if not any(texts) or begins is None:
        return []
    at = begins
    words: list[CueWord] = []
    for group, later in _groups(starts):
        if starts[group[0]] is None:
            until = _until([texts[index] for index in group], at, later, closes, song_ms, is_whole=first is None)
            words += _shared(texts, group, at, until)
        else:
            (index,) = group
            start = starts[index] or 0
            at = max(at, start) if words else start
            end = ends[index]
            if end is None:
                end = min(_sung_until(texts[index : index + 1], at), song_ms)
            words.append(CueWord(texts[index], at, max(at, end if later is None else min(end, later))))
        at = max(at, words[-1].end_ms)
    return [word for word in words if word.text]


def _marked(line: LyricLine) -> list[str]:
    """The text of each word, with the marks that stand beside it in the line and are not sung ("-", "♪")."""
    texts = [one_line(word.text) for word in line.words]
    pieces = one_line(line.text).split()
    marked: list[str] = []
    before = ""
    for piece in pieces:
        if len(marked) < len(texts) and piece == texts[len(marked)]:
            marked.append(f"{before} {piece}".strip())
            before = ""
        elif any(c.isalnum() for c in piece):
            return texts  # the line is written in other pieces than its words: those are what is sung
        elif marked:
            marked[-1] += f" {piece}"
        else:
            before = f"{before} {piece}".strip()
    return marked if len(marked) == len(texts) else texts


def _ms(time_s: float | None, song_ms: int) -> int | None:
    if time_s is None or not math.isfinite(time_s):
        return None
    return min(max(round(time_s * 1000), 0), song_ms)


def _groups(starts: Sequence[int | None]) -> Iterator[tuple[list[int], int | None]]:
    """Each word with a time alone, words without between them together; and when the next with a time begins."""
    groups: list[list[int]] = []
    for index, start in enumerate(starts):
        if start is None and groups and starts[groups[-1][-1]] is None:
            groups[-1].append(index)
        else:
            groups.append([index])
    laters: list[int | None] = []
    later: int | None = None
    for group in reversed(groups):
        laters.append(later)
        later = later if starts[group[0]] is None else starts[group[0]]
    yield from zip(groups, reversed(laters), strict=True)


def _weight(text: str) -> int:
    return max(1, sum(c.isalnum() for c in text))


def _sung_until(texts: Sequence[str], at_ms: int) -> int:
    return at_ms + _LETTER_MS * sum(map(_weight, texts))


def _before(texts: Sequence[str], start_ms: int) -> int:
    """Where words before the first with a time are taken to begin."""
    return max(0, 2 * start_ms - _sung_until(texts, start_ms))


def _until(
    texts: Sequence[str], at_ms: int, later_ms: int | None, closes_ms: int | None, song_ms: int, *, is_whole: bool
) -> int:
    """Where words without times end: at the next that has one, else at the line's end, but within what can be sung."""
    if later_ms is not None:
        return max(at_ms, later_ms)
    sung = _sung_until(texts, at_ms) + (_BREATH_MS if is_whole else 0)
    return max(at_ms, min(sung, song_ms if closes_ms is None else closes_ms))


def _shared(texts: Sequence[str], group: Sequence[int], at_ms: int, until_ms: int) -> list[CueWord]:
    """Words that share a stretch of time by their letters."""
    weights = [_weight(texts[index]) for index in group]
    total = sum(weights)
    edges = [at_ms + (until_ms - at_ms) * sum(weights[:count]) // total for count in range(len(group) + 1)]
    return [
        CueWord(texts[index], start, end, is_guessed=True)
        for index, (start, end) in zip(group, pairwise(edges), strict=True)
    ]


# --- what fits into one cue ----------------------------------------------------------------------------------------


def _split(words: Sequence[CueWord], rules: CueRules) -> Iterator[list[CueWord]]:
    """A line as the parts that are shown after one another."""
    words = [piece for word in words for piece in pieces_of(word, rules.row_letters)]
    is_long = words[-1].end_ms - words[0].start_ms > rules.longest_ms - rules.lead_in_ms
    is_full = len(_filled(words, rules.row_letters)) > rules.n_rows
    if len(words) < 2 or not (is_long or is_full):
        yield list(words)
        return
    cut = _nearest_to_middle(words) if is_full else _longest_pause(words)
    yield from _split(words[:cut], rules)
    yield from _split([replace(words[cut], is_glued=False), *words[cut + 1 :]], rules)


def _nearest_to_middle(words: Sequence[CueWord]) -> int:
    """Where a line that is too wide is cut: at the word that begins nearest to the middle of the text."""
    lengths = list(accumulate(len(word.text) + (not word.is_glued) for word in words))
    return 1 + min(range(len(words) - 1), key=lambda index: abs(2 * lengths[index] - lengths[-1]))


def _longest_pause(words: Sequence[CueWord]) -> int:
    """Where a line that lasts too long is cut: before the word that is waited for longest; the first of equals."""
    return 1 + max(range(len(words) - 1), key=lambda index: words[index + 1].start_ms - words[index].end_ms)


def _wrapped(words: Sequence[CueWord], row_letters: int) -> tuple[tuple[CueWord, ...], ...]:
    """Words in rows of at most `row_letters`, as few and as even as they go."""
    n_rows = len(_filled(words, row_letters))
    narrow = max(len(word.text) for word in words)
    width = next(w for w in range(narrow, max(row_letters, narrow) + 1) if len(_filled(words, w)) <= n_rows)
    return _filled(words, width)


def _filled(words: Sequence[CueWord], row_letters: int) -> tuple[tuple[CueWord, ...], ...]:
    rows: list[list[CueWord]] = [[]]
    used = 0
    for word in words:
        blank = 0 if word.is_glued else 1
        if rows[-1] and used + blank + len(word.text) > row_letters:
            rows.append([])
        used = used + blank + len(word.text) if rows[-1] else len(word.text)
        rows[-1].append(word)
    return tuple(tuple(row) for row in rows)


# --- when cues are shown -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Draft:
    words: list[CueWord]
    line: int


def _placed(drafts: Sequence[_Draft], song_ms: int, rules: CueRules) -> tuple[tuple[Cue, ...], set[int], set[int]]:
    """The cues; which lines begin later than they are sung; of which a part had no place before the song's end."""
    sung = _turns(drafts, rules)
    edges = [start for start, _, _ in sung[1:]] + [song_ms] * bool(sung)
    cues: list[Cue] = []
    moved, late = set(), set()
    for index, ((start, end, is_first), edge) in enumerate(zip(sung, edges, strict=True)):
        follows = min(edge, song_ms)
        shown_from = max(start - rules.lead_in_ms, cues[-1].end_ms if cues else 0, 0) if is_first else start
        least = shown_from + rules.shortest_ms
        # What is free between two cues is the next one's lead-in first, unless this one is still sung or hardly seen.
        yields = follows if index + 1 == len(sung) else max(follows - rules.lead_in_ms, end, least)
        shown_until = min(max(end + rules.linger_ms, least), yields, shown_from + rules.longest_ms, follows)
        if start >= song_ms or shown_until <= shown_from:
            late.add(drafts[index].line)
            continue
        moved |= set() if is_first else {drafts[index].line}
        words = [_within(word, shown_from, shown_until) for word in drafts[index].words]
        cues.append(Cue(shown_from, shown_until, _wrapped(words, rules.row_letters), drafts[index].line))
    return tuple(cues), moved, late


def _turns(drafts: Sequence[_Draft], rules: CueRules) -> list[tuple[int, int, bool]]:
    """(Start, end, is that when it is sung) of each: one that begins too soon after another waits for its turn."""
    turns: list[tuple[int, int, bool]] = []
    for draft in drafts:
        start = draft.words[0].start_ms
        least = turns[-1][0] + min(_CROWDED_MS, rules.shortest_ms) if turns else start
        begins = max(start, least)
        turns.append((begins, max(draft.words[-1].end_ms, begins), begins == start))
    return turns


def _within(word: CueWord, start_ms: int, end_ms: int) -> CueWord:
    start = min(max(word.start_ms, start_ms), end_ms)
    return replace(word, start_ms=start, end_ms=min(max(word.end_ms, start), end_ms))


def _notes(n_lines: int, n_without: int, n_moved: int, n_late: int, cues: Sequence[Cue]) -> Iterator[str]:
    if n_without:
        yield f"{n_without} of {n_lines} lines of the lyrics have no times and are not in the subtitles"
    if n_late:
        yield f"{n_late} of {n_lines} lines go on after the song's end and are not in the subtitles, or not whole"
    if n_moved:
        yield f"{n_moved} of {n_lines} lines are sung together with another and are shown after it"
    words = [word for cue in cues for word in cue.words]
    n_guessed = sum(word.is_guessed for word in words)
    if n_guessed:
        yield f"the times of {n_guessed} of {len(words)} words in the subtitles are guessed from the words beside them"
