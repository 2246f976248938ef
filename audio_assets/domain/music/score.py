"""Writes the score of a cue: the form, a chord for each bar, and what bass, chords, drums and tune play.

Time is in sixteenths from the beginning (16 to a bar), pitches are MIDI numbers. What it sounds like is in `ensemble`.
"""

from dataclasses import dataclass

import numpy as np

from audio_assets.domain.music.harmony import MODES, Chord, Key, bass_pitch, voicing
from audio_assets.domain.music.moods import Mood
from audio_assets.domain.music.seeding import generator
from audio_assets.domain.remix_spec import Composition

STEPS_PER_BAR = 16


@dataclass(frozen=True, slots=True)
class Note:
    """A note or a stroke: who plays, pitch (0 for drums), where it begins and how long it is, velocity 0 to 1."""

    part: str
    pitch: int
    step: float
    n_steps: float
    velocity: float


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the form.

    `theme` names its harmony and motif; `drums` is 0 (none) to 3 (full), `tune` 0 (rests), 1 (thin) or 2 (full).
    """

    name: str
    n_bars: int
    theme: str
    drums: int
    tune: int
    has_bass: bool = True
    level: float = 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """A chord for each bar, and all notes by time."""

    chords: tuple[Chord, ...]
    notes: tuple[Note, ...]


# --- Form --------------------------------------------------------------------------------------------------------

_PHRASES = (16, 12, 8, 4)


def form_of(n_bars: int, *, is_long: bool) -> tuple[Part, ...]:
    """The sections of a piece of `n_bars`; verses and choruses where it `is_long` and has 24 bars or more."""
    if is_long and n_bars >= 24:
        return _song_form(n_bars)
    if n_bars < 8:
        return (Part("A", n_bars, "home", 2, 2),)
    phrase = 8 if n_bars >= 28 else 4 if n_bars >= 14 else 2
    rest = n_bars - 3 * phrase
    intro = min(phrase, rest // 2)
    outro = min(phrase, rest - intro)
    return (
        Part("intro", intro, "home", 0, 0, has_bass=False, level=0.8),
        Part("A", phrase, "home", 2, 2, level=0.9),
        Part("B", n_bars - 2 * phrase - intro - outro, "away", 3, 2),
        Part("A", phrase, "home", 3, 2),
        Part("outro", outro, "home", 1, 0, level=0.85),
    )


def _song_form(n_bars: int) -> tuple[Part, ...]:
    phrase = next(phrase for phrase in _PHRASES if 6 * phrase <= n_bars)
    rest = n_bars - 5 * phrase
    bridge = min(phrase, rest // 2)
    intro = min(phrase, (rest - bridge) // 2)
    outro = min(phrase, rest - bridge - intro)
    last = phrase + rest - bridge - intro - outro
    return (
        Part("intro", intro, "home", 1, 0, has_bass=False, level=0.75),
        Part("verse", phrase, "home", 1, 1, level=0.75),
        Part("chorus", phrase, "away", 3, 2),
        Part("verse", phrase, "home", 2, 1, level=0.8),
        Part("chorus", phrase, "away", 3, 2),
        Part("bridge", bridge, "bridge", 0, 1, level=0.7),
        Part("chorus", last, "away", 3, 2, level=1.05),
        Part("outro", outro, "home", 1, 0, level=0.75),
    )


# --- The whole ---------------------------------------------------------------------------------------------------


def write(composition: Composition, key: Key, form: tuple[Part, ...], mood: Mood, seed: int) -> Score:
    """The whole score; every part's chance is its own, so that one does not change another."""
    chords = _chords(composition, key, form, seed)
    bars = [part for part in form for _ in range(part.n_bars)]
    notes = [
        *_chord_notes(composition, chords, bars),
        *_bass_notes(composition, key, chords, bars),
        *_drum_notes(composition, form, mood),
        *_tune_notes(composition, key, chords, form, mood, seed),
    ]
    return Score(tuple(chords), tuple(sorted(notes, key=lambda note: (note.step, note.part, note.pitch))))


def _chords(composition: Composition, key: Key, form: tuple[Part, ...], seed: int) -> list[Chord]:
    mode = MODES[key.mode]
    random = generator("chords", key.mode, seed)
    themes = {
        name: choices[int(random.integers(len(choices)))]
        for name, choices in (("home", mode.home), ("away", mode.away), ("bridge", mode.bridge))
    }
    degrees = [themes[part.theme][bar % 4] for part in form for bar in range(part.n_bars)]
    ending = [*mode.cadence, 0][-min(3, len(degrees)) :]
    degrees[-len(ending) :] = ending
    return [key.chord(degree, composition.harmony) for degree in degrees]


# --- Chords ------------------------------------------------------------------------------------------------------

# Onset and length in sixteenths, and velocity: how each voice keeps a bar of chords alive.
_COMPING: dict[str, tuple[tuple[float, float, float], ...]] = {
    "keys": ((0, 6, 0.8), (6, 4, 0.55), (10, 6, 0.65)),
    "saw": ((2, 1.6, 0.8), (6, 1.6, 0.7), (10, 1.6, 0.8), (14, 1.6, 0.75)),
    "flute": ((0, 16, 0.7),),
    "pad": ((0, 16, 0.8),),
    "strings": ((0, 16, 0.8),),
}
_ARPEGGIOS = {"pluck": (2, (0, 1, 2, 3, 2, 1, 2, 1)), "bell": (4, (0, 2, 1, 3)), "pulse": (1, (0, 1, 2, 3) * 4)}


def _chord_notes(composition: Composition, chords: list[Chord], bars: list[Part]) -> list[Note]:
    notes: list[Note] = []
    pitches: tuple[int, ...] = ()
    for bar, (chord, part) in enumerate(zip(chords, bars, strict=True)):
        pitches = voicing(chord, pitches)
        start = bar * STEPS_PER_BAR
        if bar == len(chords) - 1:
            notes += [Note("chords", pitch, start, STEPS_PER_BAR, 0.7 * part.level) for pitch in pitches]
        elif composition.chords in _ARPEGGIOS:
            notes += _arpeggio(composition.chords, pitches, start, part)
        else:
            notes += [
                Note("chords", pitch, start + at, length, velocity * part.level)
                for at, length, velocity in _COMPING[composition.chords]
                for pitch in pitches
            ]
        if part.name == "chorus" or (part.name == "bridge" and composition.chords != "pad"):
            notes += [Note("layer", pitch, start, STEPS_PER_BAR, 0.7 * part.level) for pitch in pitches]
    return notes


def _arpeggio(voice: str, pitches: tuple[int, ...], start: int, part: Part) -> list[Note]:
    every, order = _ARPEGGIOS[voice]
    rising = (*pitches, pitches[0] + 12)
    return [
        Note(
            "chords",
            rising[place % len(rising)],
            start + i * every,
            every * 1.5,
            (0.8 if i % 4 == 0 else 0.6) * part.level,
        )
        for i, place in enumerate(order)
    ]


# --- Bass --------------------------------------------------------------------------------------------------------

# Onset, length, what: root, fifth, octave, or a step of the scale that leads to the next root.
_BASS_LINES: dict[str, tuple[tuple[float, float, str], ...]] = {
    "round": (
        (0, 3.6, "root"), (4, 1.8, "root"), (6, 1.8, "root"), (8, 3.6, "fifth"), (12, 1.8, "root"), (14, 1.8, "lead"),
    ),
    "upright": ((0, 5.5, "root"), (7, 1, "root"), (8, 3.5, "fifth"), (12, 1.8, "root"), (14, 1.8, "lead")),
    "sub": ((0, 15.5, "root"),),
    "saw": ((0, 1, "root"), (2, 1.7, "root"), (6, 1.7, "root"), (10, 1.7, "octave"), (14, 1.7, "root")),
    "chip": tuple((2 * i, 1.8, "octave" if i % 2 else "root") for i in range(8)),
}  # fmt: skip


def _bass_notes(composition: Composition, key: Key, chords: list[Chord], bars: list[Part]) -> list[Note]:
    notes: list[Note] = []
    for bar, (chord, part) in enumerate(zip(chords, bars, strict=True)):
        if not part.has_bass:
            continue
        start = bar * STEPS_PER_BAR
        root = bass_pitch(chord.root)
        if bar == len(chords) - 1:
            notes.append(Note("bass", root, start, STEPS_PER_BAR, 0.8 * part.level))
            continue
        for at, length, what in _thinned(_BASS_LINES[composition.bass], part):
            following = bass_pitch(chords[bar + 1].root)
            pitch = {
                "root": root,
                "octave": root + 12,
                "fifth": bass_pitch(key.pitch_class(chord.degree + 4)),
                "lead": _leading(key, root, following),
            }[what]
            notes.append(Note("bass", pitch, start + at, length, (0.9 if at == 0 else 0.75) * part.level))
    return notes


def _thinned(line: tuple[tuple[float, float, str], ...], part: Part) -> tuple[tuple[float, float, str], ...]:
    """Without drums the bass holds its root."""
    return ((0, 15.0, "root"),) if part.drums == 0 else line


def _leading(key: Key, root: int, following: int) -> int:
    """The note of the scale next to the following root, on the side one comes from."""
    step = 1 if root > following else -1
    pitch = following + step
    while (pitch - key.tonic) % 12 not in {(key.pitch_class(degree) - key.tonic) % 12 for degree in range(7)}:
        pitch += step
    return pitch


# --- Drums -------------------------------------------------------------------------------------------------------

_VELOCITIES = {"X": 1.0, "x": 0.8, "o": 0.5, "g": 0.28}

# Sixteen sixteenths each; X loud, x ordinary, o soft, g a ghost. The number is the density from which it plays.
_KITS: dict[str, tuple[tuple[str, int, str], ...]] = {
    "none": (),
    "boom_bap": (
        ("soft_kick", 1, "X......o..X....."), ("snare", 2, "....x.......x..g"), ("rim", 1, "............o..."),
        ("hat", 2, "x.o.x.o.x.o.x.og"), ("shaker", 3, "..g...g...g...g."),
    ),
    "four_on_floor": (
        ("club_kick", 2, "X...X...X...X..."), ("clap", 2, "....x.......x..."), ("open_hat", 3, "..o...o...o...o."),
        ("hat", 1, "o.go..goo.go..go"), ("shaker", 3, "gggggggggggggggg"),
    ),
    "rock": (
        ("kick", 1, "X.......X.x....."), ("snare", 2, "....X.......X..."), ("rim", 1, "....o.......o..."),
        ("hat", 2, "x.o.x.o.x.o.x.o."), ("shaker", 3, "..o...o...o...o."),
    ),
    "half_time": (
        ("kick", 1, "X.........o....."), ("snare", 2, "........X......."), ("rim", 1, "........o......."),
        ("hat", 2, "o...o...o...o.g."), ("shaker", 3, "..g...g...g...g."),
    ),
    "breakbeat": (
        ("kick", 1, "X.x.......xx...."), ("snare", 2, "....X..g.g..X..g"), ("rim", 1, "....o.......o..."),
        ("hat", 2, "x.x.x.x.x.x.x.x."), ("shaker", 3, "gogogogogogogogo"),
    ),
    "chip": (
        ("chip_kick", 1, "X...x...X...x.x."), ("chip_snare", 2, "....x.......x..."),
        ("chip_hat", 2, "..o...o...o...oo"),
    ),
}  # fmt: skip
_FILLS = {"chip": (("chip_snare", "............xoxx"),), "boom_bap": (("snare", "..............oo"),)}
_FILL = (("tom", "............xo.."), ("snare", "..............xx"))


def _drum_notes(composition: Composition, form: tuple[Part, ...], mood: Mood) -> list[Note]:
    kit = _KITS[composition.drums]
    if not kit:
        return []
    change = 1 if mood.energy >= 0.5 else -1 if mood.energy <= -0.5 else 0
    notes: list[Note] = []
    bar = 0
    for number, part in enumerate(form):
        density = min(3, max(1, part.drums + change)) if part.drums else 0
        is_last = number == len(form) - 1
        for inside in range(part.n_bars):
            start = (bar + inside) * STEPS_PER_BAR
            if is_last and inside == part.n_bars - 1:  # the last chord dies alone, after one stroke
                notes += [Note(kit[0][0], 0, start, 1, 0.8)] if density else []
                continue
            is_fill = density >= 2 and inside == part.n_bars - 1 and part.n_bars >= 2 and not is_last
            notes += _bar_of_drums(kit, density, start, part.level, stop=12 if is_fill else STEPS_PER_BAR)
            if is_fill:
                for name, pattern in _FILLS.get(composition.drums, _FILL):
                    notes += _strokes(name, pattern, start, part.level, 0, STEPS_PER_BAR)
        if density == 3 and number and composition.drums not in ("chip", "boom_bap"):
            notes.append(Note("crash", 0, bar * STEPS_PER_BAR, 8, 0.6))
        bar += part.n_bars
    return notes


def _bar_of_drums(
    kit: tuple[tuple[str, int, str], ...], density: int, start: int, level: float, *, stop: int
) -> list[Note]:
    notes: list[Note] = []
    for name, least, pattern in kit:
        is_replaced = name == "rim" and density >= 2  # the snare takes over
        if density >= least and not is_replaced:
            notes += _strokes(name, pattern, start, level, 0, stop)
    return notes


def _strokes(name: str, pattern: str, start: int, level: float, first: int, stop: int) -> list[Note]:
    return [
        Note(name, 0, start + step, 1, _VELOCITIES[mark] * level)
        for step, mark in enumerate(pattern)
        if mark != "." and first <= step < stop
    ]


# --- Tune --------------------------------------------------------------------------------------------------------

# Two bars of onsets and lengths in sixteenths; the answer takes the same rhythm and ends on a long note.
_RHYTHMS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((0, 4), (4, 2), (6, 6), (16, 4), (20, 2), (22, 8)),
    ((0, 3), (3, 3), (6, 2), (8, 6), (16, 3), (19, 3), (22, 2), (24, 6)),
    ((2, 2), (4, 2), (6, 2), (8, 6), (18, 2), (20, 2), (22, 2), (24, 8)),
    ((0, 6), (6, 2), (8, 4), (12, 4), (16, 8), (26, 4)),
    ((0, 2), (2, 2), (4, 4), (8, 2), (10, 2), (12, 4), (16, 6), (22, 8)),
)
_THIN_RHYTHMS: tuple[tuple[tuple[int, int], ...], ...] = (((0, 8), (8, 6), (16, 14)), ((4, 4), (8, 8), (20, 10)))
_CENTERS = {"home": 71, "away": 74, "bridge": 69}  # the middle of the tune: around the octave above middle C
_REACH = 6  # steps of the scale that it strays from there
_SHAPES = {  # how a motif moves over its two bars, in steps of the scale
    "arch": (0.0, 3.0, 4.0, 1.0),
    "valley": (0.0, -3.0, -2.0, 1.0),
    "rise": (0.0, 1.0, 2.5, 4.0),
    "fall": (0.0, 2.0, -1.0, -3.0),
    "wave": (0.0, 3.0, -2.0, 2.0),
}


def _tune_notes(
    composition: Composition, key: Key, chords: list[Chord], form: tuple[Part, ...], mood: Mood, seed: int
) -> list[Note]:
    if composition.lead == "none":
        return []
    motifs = {theme: _motif(theme, mood, seed) for theme in _CENTERS}
    notes: list[Note] = []
    bar = 0
    for number, part in enumerate(form):
        if part.tune:
            rhythm, contour = motifs[part.theme]
            if part.tune == 1:
                rhythm = _THIN_RHYTHMS[seed % len(_THIN_RHYTHMS)]
            is_end = number == len(form) - 1
            notes += _phrases(key, chords, bar, part, rhythm, contour, has_last_bar=not is_end)
        bar += part.n_bars
    return [*notes, _last_note(key, chords, form)]


def _motif(theme: str, mood: Mood, seed: int) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """A rhythm and how far each note stands from the motif's first, in steps of the scale."""
    random = generator("motif", theme, seed)
    rhythms = _THIN_RHYTHMS if mood.energy <= -0.7 else _RHYTHMS
    rhythm = rhythms[int(random.integers(len(rhythms)))]
    shape = _SHAPES[sorted(_SHAPES)[int(random.integers(len(_SHAPES)))]]
    at = np.array([onset for onset, _ in rhythm]) / (2.0 * STEPS_PER_BAR)
    line = np.interp(at, np.linspace(0.0, 1.0, len(shape)), shape) + random.uniform(-1.2, 1.2, len(at))
    steps = [int(step) for step in np.rint(line - line[0])]
    for i in range(2, len(steps)):
        if steps[i] == steps[i - 1] == steps[i - 2]:  # a tone three times over is no tune
            steps[i] += 1 if steps[i] <= 0 else -1
    return rhythm, tuple(steps)


def _phrases(
    key: Key,
    chords: list[Chord],
    first_bar: int,
    part: Part,
    rhythm: tuple[tuple[int, int], ...],
    contour: tuple[int, ...],
    *,
    has_last_bar: bool,
) -> list[Note]:
    notes: list[Note] = []
    center = _index_near(key, _CENTERS[part.theme])
    n_bars = part.n_bars if has_last_bar else part.n_bars - 1
    for pair in range(0, n_bars, 2):
        is_answer = pair % 4 == 2
        lift = (0, -1, 1, -2)[pair // 2 % 4]
        for number, (at, length) in enumerate(rhythm):
            bar = pair + at // STEPS_PER_BAR
            if bar >= n_bars:
                continue
            is_close = is_answer and number == len(rhythm) - 1
            index = center + max(-_REACH, min(_REACH, contour[number % len(contour)] + lift))
            if at % 8 == 0 or length >= 6 or is_close:
                index = _nearest_chord_note(index, chords[first_bar + bar].degree)
            step = (first_bar + pair) * STEPS_PER_BAR + at
            velocity = (0.85 if at % 8 == 0 else 0.7) * part.level
            notes.append(Note("lead", key.pitch(index), step, length * 0.92, velocity))
    return notes


def _nearest_chord_note(index: int, degree: int) -> int:
    """The place in the scale nearest to `index` that is root, third or fifth of the chord on `degree`."""
    return min(
        (index + move for move in range(-3, 4) if (index + move - degree) % 7 in (0, 2, 4)),
        key=lambda place: (abs(place - index), place),
    )


def _index_near(key: Key, pitch: int) -> int:
    """The place in the scale nearest to `pitch`."""
    return min(range(21, 56), key=lambda index: (abs(key.pitch(index) - pitch), index))


def _last_note(key: Key, chords: list[Chord], form: tuple[Part, ...]) -> Note:
    """The tonic over the last chord, next to where the tune lay."""
    tonic = min((28, 35, 42), key=lambda index: abs(key.pitch(index) - _CENTERS["home"]))
    return Note("lead", key.pitch(tonic), (len(chords) - 1) * STEPS_PER_BAR, STEPS_PER_BAR, 0.6 * form[-1].level)
