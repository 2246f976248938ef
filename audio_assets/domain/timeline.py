"""Phonemes and words in time: the one timeline that alignment, lip-sync and pictures share.

Times are seconds from the first sample of the audio, rise, and never overlap; silence is a gap, not an entry.
Phonemes are IPA symbols without stress marks (see `phonemes`), one alphabet for every engine and language.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phone:
    """One phoneme, IPA, `[t_start, t_end)` in seconds."""

    phoneme: str
    t_start: float
    t_end: float


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it stands in the text, `[t_start, t_end)` in seconds."""

    word: str
    t_start: float
    t_end: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Phones and words of one utterance of `duration_s` seconds.

    Either tuple may be empty: an engine may know one and not the other.
    """

    phonemes: tuple[Phone, ...]
    words: tuple[Word, ...]
    duration_s: float

    def faults(self) -> list[str]:
        """What breaks the timeline's rules, in words; empty when it holds."""
        return [*_faults("phoneme", self.phonemes, self.duration_s), *_faults("word", self.words, self.duration_s)]


def _faults(what: str, entries: Sequence[Phone | Word], duration_s: float) -> list[str]:
    found: list[str] = []
    previous_end = 0.0
    for number, entry in enumerate(entries, start=1):
        if entry.t_end <= entry.t_start:
            found.append(f"{what} {number} ends at {entry.t_end} s, not after its start at {entry.t_start} s")
        if entry.t_start < previous_end - 1e-9:
            found.append(f"{what} {number} starts at {entry.t_start} s, before the one before it ends")
        previous_end = entry.t_end
    if previous_end > duration_s + 1e-6:
        found.append(f"{what}s end at {previous_end} s, after the audio's {duration_s} s")
    return found
