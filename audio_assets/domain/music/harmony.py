"""Scales, chords, progressions and cadences: what a cue's harmony is made of, and how its voices move.

Pitch classes are 0 (C) to 11, pitches MIDI numbers, degrees of a scale 0 to 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
"""Semitones above the tonic."""

_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SHARP_MAJOR_TONICS = (0, 7, 2, 9, 4, 11)  # of the major scale with the same notes: C G D A E B are written with sharps

_ABOVE_PARENT = {"major": 0, "dorian": 2, "phrygian": 4, "lydian": 5, "mixolydian": 7, "minor": 9}  # the same notes

Progressions = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ModeHarmony:
    """Four-bar progressions (degrees) for the parts of a form, and the two chords that lead home.

    No progression uses the mode's diminished chord.
    """

    home: Progressions
    away: Progressions
    bridge: Progressions
    cadence: tuple[int, int]


MODES: dict[str, ModeHarmony] = {
    "major": ModeHarmony(
        ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (0, 2, 3, 4)), ((3, 4, 5, 0), (5, 3, 0, 4), (3, 0, 4, 5)),
        ((1, 2, 3, 4), (5, 2, 3, 4)), (3, 4),
    ),
    "minor": ModeHarmony(
        ((0, 5, 2, 6), (0, 3, 5, 6), (0, 6, 5, 6), (0, 2, 6, 3)), ((5, 6, 0, 2), (5, 2, 6, 0), (3, 6, 2, 5)),
        ((3, 0, 5, 6), (5, 3, 2, 6)), (3, 6),
    ),
    "dorian": ModeHarmony(
        ((0, 3, 0, 3), (0, 3, 6, 3), (0, 1, 2, 3), (0, 2, 3, 6)), ((2, 3, 6, 0), (6, 3, 0, 1)),
        ((1, 2, 3, 6), (4, 3, 2, 6)), (3, 6),
    ),
    "mixolydian": ModeHarmony(
        ((0, 6, 3, 0), (0, 3, 6, 3), (0, 4, 6, 3)), ((3, 0, 6, 3), (5, 3, 6, 0)), ((1, 3, 5, 6), (5, 4, 3, 6)), (3, 6),
    ),
    "lydian": ModeHarmony(
        ((0, 1, 0, 1), (0, 4, 1, 5), (0, 1, 5, 4)), ((5, 1, 4, 1), (2, 5, 1, 4)), ((5, 2, 4, 1), (2, 4, 5, 1)), (1, 4),
    ),
    "phrygian": ModeHarmony(
        ((0, 1, 0, 6), (0, 5, 1, 0), (0, 3, 1, 0)), ((5, 6, 1, 0), (2, 1, 6, 0)), ((3, 2, 1, 6), (5, 3, 6, 1)), (6, 1),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord of a key: its name, the pitch class of its root and those of the upper voices."""

    name: str
    degree: int
    root: int
    upper: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class) and a mode."""

    tonic: int
    mode: str

    @property
    def name(self) -> str:
        """As musicians say it: "Eb minor"."""
        return f"{self._names()[self.tonic]} {self.mode}"

    def pitch_class(self, degree: int) -> int:
        """The pitch class of a degree; degrees above 6 go on into the next octave."""
        return (self.tonic + SCALES[self.mode][degree % 7]) % 12

    def pitch(self, index: int) -> int:
        """The pitch of a place in the endless scale: 0 is the tonic in MIDI octave 0, 7 the next one."""
        return self.tonic + SCALES[self.mode][index % 7] + 12 * (index // 7)

    def chord(self, degree: int, harmony: str) -> Chord:
        """The chord on a degree.

        "triads" have root, third and fifth, "power" root and fifth; "sevenths" leave the root to the bass and add the
        seventh, and the ninth where it is a whole tone above the root.
        """
        root = self.pitch_class(degree)
        third, fifth, seventh, ninth = (self.pitch_class(degree + step) for step in (2, 4, 6, 1))
        name = self._names()[root]
        minor, perfect, small = (third - root) % 12 == 3, (fifth - root) % 12 == 7, (seventh - root) % 12 == 10
        if harmony == "power":
            return Chord(f"{name}5", degree, root, (root, fifth))
        suffix = ("m" if perfect else "dim") if minor else ""
        if harmony == "triads":
            return Chord(name + suffix, degree, root, (root, third, fifth))
        seventh_name = ("m7" if small else "m(maj7)") if minor else ("7" if small else "maj7")
        if minor and not perfect:
            seventh_name = "m7b5"
        top = ninth if (ninth - root) % 12 == 2 else root
        return Chord(name + seventh_name, degree, root, (third, fifth, seventh, top))

    def _names(self) -> Sequence[str]:
        parent = (self.tonic - _ABOVE_PARENT[self.mode]) % 12
        return _SHARP_NAMES if parent in _SHARP_MAJOR_TONICS else _FLAT_NAMES


_LOWEST, _HIGHEST, _CENTER = 52, 76, 64  # where chords lie: under the melody, over the bass
_WIDEST = 17


def voicing(chord: Chord, before: Sequence[int]) -> tuple[int, ...]:
    """The chord's upper voices as ascending pitches: those that move least from `before` (empty: from the middle)."""
    places = [[pitch for pitch in range(_LOWEST, _HIGHEST + 1) if pitch % 12 == part] for part in chord.upper]
    target = list(before) if len(before) == len(chord.upper) else [_CENTER - 6 + 4 * i for i in range(len(chord.upper))]

    def cost(pitches: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        moved = sum(abs(a - b) for a, b in zip(pitches, target, strict=True))
        too_close = sum(3 for a, b in pairwise(pitches) if b - a < 2)
        drift = 0.35 * abs(sum(pitches) / len(pitches) - _CENTER)
        return moved + too_close + drift, pitches

    choices = {tuple(sorted(pitches)) for pitches in product(*places)}
    return min((c for c in choices if len(set(c)) == len(c) and c[-1] - c[0] <= _WIDEST), key=cost)


def bass_pitch(pitch_class: int) -> int:
    """Where a bass plays this pitch class: from G1 (31) to F#2 (42)."""
    return 31 + (pitch_class - 31) % 12
