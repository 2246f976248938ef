"""What fills a storyboard's scenes: who is seen, whether they sing, which words and which section they hold.

A performance scene shows the singer; b-roll ("broll") shows anything else. Lists go scene by scene, places are frames.
"""

import bisect
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import timebase
from audio_assets.domain.music.analysis import LyricLine, Lyrics, Section, Span
from audio_assets.domain.song_settings import Character, SceneType

Scores = NDArray[np.int64]

LEAST_VOICE_SHARE = 0.2
"""Less of a scene with voice than this, and nobody would be seen singing most of it."""

# In thousandths of a scene's voice: a chorus is where a singer is expected, two performances in a row are dull.
_SECTION_BONUS = {"chorus": 300, "verse": 150, "bridge": 100}
_NEXT_TO_ANOTHER = 250


def voice_shares(voice: Sequence[Span], frames: Sequence[int], rate: Fraction) -> tuple[float, ...]:
    """How much of each scene has voice, 0 to 1; `frames` are the scenes' first frames and the song's end."""
    edges = np.array([float(frame / rate) for frame in frames])
    starts = np.array([span.start_time for span in sorted(voice, key=lambda span: span.start_time)])
    ends = np.maximum.accumulate([span.end_time for span in sorted(voice, key=lambda span: span.start_time)])
    if not len(starts):
        return (0.0,) * (len(frames) - 1)
    starts = np.maximum(starts, np.concatenate(([0.0], ends[:-1])))  # what overlaps counts once
    lengths = np.maximum(0.0, ends - starts)
    before = np.concatenate(([0.0], np.cumsum(lengths)))
    at = np.searchsorted(starts, edges, side="right") - 1
    inside = np.clip(edges - starts[np.maximum(at, 0)], 0.0, lengths[np.maximum(at, 0)])
    heard = np.where(at < 0, 0.0, before[np.maximum(at, 0)] + inside)
    return tuple(round(float(share), 4) for share in np.clip(np.diff(heard) / np.diff(edges), 0.0, 1.0))


def choose_performances(
    lengths: Sequence[int],
    voices: Sequence[float],
    section_types: Sequence[str],
    fixed: Mapping[int, SceneType],
    density: float,
) -> tuple[frozenset[int], tuple[str, ...]]:
    """The scenes to perform, so that their time comes nearest to `density` of the whole; and what kept it from that.

    `fixed` are the types that a person set. Of the others only scenes with voice count, taken by how much voice they
    have, chorus before verse, and rather not next to one another; a scene that would lead away from the aim is passed.
    """
    chosen = {index for index, scene_type in fixed.items() if scene_type == "performance"}
    is_open = [voice >= LEAST_VOICE_SHARE and index not in fixed for index, voice in enumerate(voices)]
    scores = np.array(
        [round(1000 * voice) + _SECTION_BONUS.get(kind, 0) for voice, kind in zip(voices, section_types, strict=True)]
    )
    for index in chosen:
        _discourage_beside(scores, index)
    scores[~np.array(is_open)] = np.iinfo(scores.dtype).min // 2
    aim, total = density * sum(lengths), sum(lengths[index] for index in chosen)
    for _ in range(sum(is_open)):
        index = int(np.argmax(scores))
        scores[index] = np.iinfo(scores.dtype).min // 2
        if abs(total + lengths[index] - aim) < abs(total - aim):
            chosen.add(index)
            total += lengths[index]
            _discourage_beside(scores, index)
    has_all = all(index in chosen for index, can in enumerate(is_open) if can)
    notes: tuple[str, ...] = ()
    if has_all and total < aim - min(lengths) / 2:
        share = total / sum(lengths)
        notes = (f"performance_density is {density:g}, but only {share:.2f} of the song is scenes with voice: all are",)
    return frozenset(chosen), notes


def characters_by_scene(characters: Sequence[Character], types: Sequence[SceneType]) -> tuple[tuple[str, ...], ...]:
    """Who is seen: the primary in performances; each second b-roll scene shows one of the others in turn."""
    singer = tuple(character.name for character in characters if character.is_primary)
    others = [character.name for character in characters if not character.is_primary]
    nobody: tuple[str, ...] = ()
    turns = cycle([cast for name in others for cast in (nobody, (name,))] or [nobody])
    return tuple(singer if scene_type == "performance" else next(turns) for scene_type in types)


def lyrics_by_scene(
    lyrics: Lyrics | None, starts: Sequence[int], rate: Fraction
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that begin in each scene, a line of lyrics per line, and a sentence about lines without a time."""
    texts: list[list[str]] = [[] for _ in starts]
    lines = lyrics.lines if lyrics else ()
    n_lost = 0
    for line in lines:
        timed = _timed_words(line)
        n_lost += bool(line.text.strip()) and not timed
        parts: dict[int, list[str]] = {}
        for time, word in timed:
            scene = max(0, bisect.bisect_right(starts, timebase.nearest_frame(time, rate)) - 1)
            parts.setdefault(scene, []).append(word)
        for scene, words in parts.items():
            texts[scene].append(" ".join(words))
    note = f"{n_lost} of {len(lines)} lines of the lyrics have no time: they are in no scene"
    return tuple("\n".join(parts) for parts in texts), (note,) if n_lost else ()


def section_at(sections: Sequence[Section], start: int, end: int, rate: Fraction) -> Section | None:
    """The section in which a scene's middle lies."""
    middle_s = float(Fraction(start + end, 2) / rate)
    index = bisect.bisect_right(sections, middle_s, key=lambda section: section.start_time) - 1
    return sections[index] if index >= 0 and middle_s < sections[index].end_time else None


def _discourage_beside(scores: Scores, index: int) -> None:
    scores[max(0, index - 1) : index] -= _NEXT_TO_ANOTHER
    scores[index + 1 : index + 2] -= _NEXT_TO_ANOTHER


def _timed_words(line: LyricLine) -> list[tuple[float, str]]:
    """The words with the time from which they are heard; one without goes with the word before it."""
    times = [word.start_time for word in line.words]
    if not line.words or all(time is None for time in times):
        return [] if line.start_time is None or not line.text.strip() else [(line.start_time, line.text.strip())]
    last = next(time for time in times if time is not None)
    timed = []
    for word, time in zip(line.words, times, strict=True):
        last = last if time is None else time
        timed.append((last, word.text.strip()))
    return timed
