"""What sections have in common and what they do: letters that repeat where the music does, types where it can be said.

Where the sections lie is decided in `sections`. Letters come from clustering: two sections are alike when, bar by bar
and at the best shift of the shorter along the longer, their timbre and harmony are among the most alike of the song.

Types are rules of thumb over what a listener would call them, not a model that was trained: the chorus is what returns
most, loudest and sung; a verse is sung, returns and precedes it; a bridge comes once, late, between others; intro and
outro are the ends without voice, or clearly softer; instrumental is where nobody sings in a song that is sung.
`confidence` adds up how many of these signs are there; under `MIN_TYPE_CONFIDENCE` a section is just "section".
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import Section, SectionType, Span
from audio_assets.domain.music.features import SongFeatures
from audio_assets.domain.music.section_evidence import Heard, diagonal_sums, means_between

Array = NDArray[np.float64]

MIN_TYPE_CONFIDENCE = 0.5
_ALIKE = 0.87  # of the song's pairs of bars this share is less alike than those of two sections with one letter
_SUNG = 0.25  # share of a section with voice from which it is sung
_UNSUNG = 0.1
_MIN_SONG_SUNG = 0.1  # with less voice than this in the song, its absence says nothing
_SOFTER_DB = 2.0


@dataclass(frozen=True)
class _Part:
    """What is known of a section. `sung` is the share with voice, None when the voice is not known.

    `n_returns` counts how often its letter comes; two in a row count once.
    """

    start: float
    end: float
    letter: str
    n_returns: int
    level_db: float
    sung: float | None


def label_sections(
    features: SongFeatures, times: Array, cuts: NDArray[np.int64], heard: Heard, voice: Sequence[Span]
) -> tuple[Section, ...]:
    """Sections with letters, types and names; `times` (n + 1,) are the seconds of the bars `cuts` (n + 1,)."""
    letters = _letters(_likeness(heard, cuts))
    parts = _parts(features, times, letters, voice)
    typed = _Typing(parts).types()
    names = _unique([kind if kind != "section" else part.letter for part, (kind, _) in zip(parts, typed, strict=True)])
    return tuple(
        Section(name, part.start, part.end, kind, part.letter, round(confidence, 2))
        for name, part, (kind, confidence) in zip(names, parts, typed, strict=True)
    )


# --- Letters -------------------------------------------------------------------------------------------------------


def _likeness(heard: Heard, cuts: NDArray[np.int64]) -> Array:
    """How alike any two sections are, 0 to 1: the mean rank of their bars' similarity, at the best shift.

    In a song without variety all are alike, whatever the ranks.
    """
    similarity = (heard.timbre + heard.harmony) / 2
    n_bars = len(similarity)
    scale = np.percentile(similarity[~np.eye(n_bars, dtype=bool)], np.arange(101))
    rank = np.interp(similarity, scale, np.linspace(0, 1, 101))
    rank = np.maximum(rank, np.sqrt(similarity))  # where most of a song is one section, not all of it can rank high
    sums = diagonal_sums(rank)
    n = len(cuts) - 1
    likeness = np.eye(n)
    for first in range(n):
        for second in range(first):
            likeness[first, second] = likeness[second, first] = _best_match(
                sums, range(cuts[first], cuts[first + 1]), range(cuts[second], cuts[second + 1])
            )
    return 1 - heard.variety * (1 - likeness)


def _best_match(sums: Array, one: range, other: range) -> float:
    short, long = sorted((one, other), key=len)
    shifts = long.start + np.arange(len(long) - len(short) + 1)
    runs = sums[short.stop, shifts + len(short)] - sums[short.start, shifts]
    return float(runs.max()) / len(short)


def _letters(likeness: Array) -> list[str]:
    """A letter for each section, in order of appearance."""
    n = len(likeness)
    if n == 1:
        return ["A"]
    distance = 1 - likeness[np.triu_indices(n, 1)]
    clusters = scipy.cluster.hierarchy.fcluster(
        scipy.cluster.hierarchy.linkage(distance, "average"), 1 - _ALIKE, "distance"
    )
    seen: dict[int, str] = {}
    return [seen.setdefault(int(cluster), _letter(len(seen))) for cluster in clusters]


def _letter(number: int) -> str:
    """A to Z, then AA, AB ..."""
    return (_letter(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


# --- Types ---------------------------------------------------------------------------------------------------------


def _parts(features: SongFeatures, times: Array, letters: list[str], voice: Sequence[Span]) -> list[_Part]:
    n_returns = Counter(letter for before, letter in pairwise(["", *letters]) if letter != before)
    power = means_between((features.rms**2)[:, None], features.frame_rate_hz, times)[:, 0]
    levels_db = 10 * np.log10(power + 1e-10)
    return [
        _Part(float(start), float(end), letter, n_returns[letter], float(level_db), _sung(start, end, voice))
        for start, end, letter, level_db in zip(times[:-1], times[1:], letters, levels_db, strict=True)
    ]


def _sung(start: float, end: float, voice: Sequence[Span]) -> float | None:
    if not voice:
        return None
    inside = (min(span.end_time, end) - max(span.start_time, start) for span in voice)
    return float(sum(max(seconds, 0.0) for seconds in inside) / (end - start))


class _Typing:
    """The rules; each gives a type and a confidence or nothing, and the first that is sure enough counts."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self._duration_s = parts[-1].end
        lengths = np.array([part.end - part.start for part in parts])
        self._level_db = float(np.average([part.level_db for part in parts], weights=lengths))
        self._is_sung_known = self._sung_share(lengths) >= _MIN_SONG_SUNG
        self._chorus, self._chorus_confidence = self._find_chorus()
        self._verse, self._verse_confidence = self._find_verse()

    def types(self) -> list[tuple[SectionType, float]]:
        """Type and confidence of every part."""
        return [self._type_of(index) for index in range(len(self._parts))]

    def _type_of(self, index: int) -> tuple[SectionType, float]:
        letter = self._parts[index].letter
        guesses: tuple[tuple[SectionType, float], ...] = (
            ("intro", self._outer(index) if index == 0 else 0.0),
            ("outro", self._outer(index) if index == len(self._parts) - 1 else 0.0),
            ("instrumental", self._instrumental(index)),
            ("chorus", self._chorus_confidence if letter == self._chorus else 0.0),
            ("verse", self._verse_confidence if letter == self._verse else 0.0),
            ("bridge", self._bridge(index)),
        )
        sure = [guess for guess in guesses if guess[1] >= MIN_TYPE_CONFIDENCE]
        return sure[0] if sure else ("section", 0.0)

    def _sung_share(self, lengths: Array) -> float:
        sung = np.array([part.sung or 0.0 for part in self._parts])
        return float((sung * lengths).sum() / lengths.sum())

    def _is_sung(self, part: _Part) -> bool:
        return self._is_sung_known and (part.sung or 0.0) >= _SUNG

    def _is_unsung(self, part: _Part) -> bool:
        return self._is_sung_known and (part.sung or 0.0) <= _UNSUNG

    def _outer(self, index: int) -> float:
        part = self._parts[index]
        if len(self._parts) < 3 or part.end - part.start > 0.2 * self._duration_s or self._is_sung(part):
            return 0.0
        is_soft = part.level_db < self._level_db - _SOFTER_DB
        return 0.25 + 0.4 * self._is_unsung(part) + 0.2 * is_soft + 0.1 * (part.n_returns == 1)

    def _instrumental(self, index: int) -> float:
        part = self._parts[index]
        return 0.8 - 2 * (part.sung or 0.0) if self._is_unsung(part) else 0.0

    def _find_chorus(self) -> tuple[str, float]:
        """The letter of the chorus and how sure it is one; "" when nothing comes twice."""
        scores = {part.letter: self._chorus_score(part.letter) for part in self._parts if part.n_returns > 1}
        if not scores:
            return "", 0.0
        best = max(scores, key=lambda letter: scores[letter])
        second = max((score for letter, score in scores.items() if letter != best), default=0.0)
        return best, min(scores[best], 0.9) - 0.2 * (scores[best] - second < 0.1)

    def _chorus_score(self, letter: str) -> float:
        mine = [part for part in self._parts if part.letter == letter]
        louder_db = float(np.mean([part.level_db for part in mine])) - self._level_db
        sung = [self._is_sung(part) for part in mine]
        if self._is_sung_known and not any(sung):
            return 0.0
        is_late = mine[0].start > 0.08 * self._duration_s
        return (
            0.15
            + 0.15 * (mine[0].n_returns > 2)
            + 0.25 * float(np.clip(0.5 + louder_db / 4, 0, 1))
            + 0.2 * float(np.mean(sung))
            + 0.15 * is_late
        )

    def _find_verse(self) -> tuple[str, float]:
        """The letter of the verse and how sure it is one; "" without a chorus."""
        others = {part.letter for part in self._parts if part.n_returns > 1} - {self._chorus}
        if self._chorus_confidence < MIN_TYPE_CONFIDENCE or not others:
            return "", 0.0
        scores = {letter: self._verse_score(letter) for letter in sorted(others)}
        best = max(scores, key=lambda letter: scores[letter])
        return best, scores[best]

    def _verse_score(self, letter: str) -> float:
        letters = [part.letter for part in self._parts]
        mine = [part for part in self._parts if part.letter == letter]
        sung = float(np.mean([self._is_sung(part) for part in mine]))
        if self._is_sung_known and sung < 0.5:
            return 0.0
        n_led = sum(pair == (letter, self._chorus) for pair in pairwise(letters))
        leads = n_led / letters.count(self._chorus)
        is_before = letters.index(letter) < letters.index(self._chorus)
        return 0.25 + 0.25 * leads + 0.15 * is_before + 0.2 * sung

    def _bridge(self, index: int) -> float:
        part = self._parts[index]
        is_between = 0 < index < len(self._parts) - 1
        is_late = 0.45 < part.start / self._duration_s < 0.9
        if not is_between or not is_late or part.n_returns > 1 or self._chorus_confidence < MIN_TYPE_CONFIDENCE:
            return 0.0
        returns = any(other.letter == self._chorus for other in self._parts[index + 1 :])
        return 0.3 + 0.2 * returns + 0.1 * self._is_sung(part)


def _unique(names: Sequence[str]) -> list[str]:
    """Numbered in order: "chorus 1", "A1"; intro and outro, which come once, are not."""
    counted: Counter[str] = Counter()
    numbered = []
    for name in names:
        counted[name] += 1
        is_alone = name in ("intro", "outro")
        gap = "" if name.isupper() else " "
        numbered.append(name if is_alone else f"{name}{gap}{counted[name]}")
    return numbered
