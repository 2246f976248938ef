"""Composes a cue: key, tempo, form, chords, bass, drums and a tune from a style, mood words and a seed, as a score.

How the score sounds is in `synthesis` and `ensemble`, chords and voice leading in `harmony`, mood words in `moods`.
The same arguments give the same samples: chance comes only from generators seeded with them.

- Key: the tonic from the seed; the style's mode, but major when the mood is bright (valence 0.3 or more) and the
  mode is a minor one, minor when it is dark (-0.3 or less) and the mode is a major one, phrygian at -0.75 or less.
- Tempo: within the style's range by energy and a little chance, up to 8 % outside it; fitted to a wanted length.
- Form: intro A B A outro; from 75 s on intro verse chorus verse chorus bridge chorus outro. Whole bars of 4/4,
  a chord each; the last bars are a cadence and the tonic, which dies away.
- The tune: a motif of two bars for each part of the form, answered by its variation; scale notes, chord notes on strong
  beats. It rests in intro and outro, is thin in verses and full in choruses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music import score
from audio_assets.domain.music.analysis import Beat, BeatGrid, TempoPoint
from audio_assets.domain.music.ensemble import played
from audio_assets.domain.music.harmony import Key
from audio_assets.domain.music.moods import Mood, mood_of
from audio_assets.domain.music.score import Note
from audio_assets.domain.music.seeding import generator
from audio_assets.domain.music.synthesis import RATE_HZ
from audio_assets.domain.remix_spec import Composition, Style

BEATS_PER_BAR = 4
LONG_FORM_S = 75.0
"""From this length on a piece has verses and choruses."""

_DEFAULT_S = 52.0
_TAIL_S = 3.0  # the last chord and the room die away
_BRIGHT, _DARK, _DARKEST = 0.3, -0.3, -0.75
_MINOR_MODES = ("minor", "dorian", "phrygian")
_BEYOND = 0.08  # of the style's range of tempo that a mood may leave it by
_MAX_BEND = 0.05  # change of tempo for a form of fours that fits a wanted length


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord by its name ("Am7") and root (0 = C), and when it sounds."""

    name: str
    root: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class CueNote:
    """A note or stroke as written: MIDI pitch (0 for drums), seconds, velocity 0 to 1."""

    part: str
    pitch: int
    start_s: float
    end_s: float
    velocity: float


@dataclass(frozen=True, eq=False, slots=True)
class Cue:
    """A composed piece: stereo samples, float32 of shape (n_samples, 2) at 44 100 Hz, and all that is true of it.

    `sections` are (name, start, end) in seconds and cover it all; `remarks` are sentences about what was asked for
    and not understood.
    """

    audio: NDArray[np.float32]
    bpm: float
    beats: tuple[float, ...]
    downbeats: tuple[float, ...]
    beats_per_bar: int
    key: str
    chords: tuple[ChordSpan, ...]
    sections: tuple[tuple[str, float, float], ...]
    notes: tuple[CueNote, ...]
    remarks: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.audio) / RATE_HZ

    def grid(self) -> BeatGrid:
        """The beats as an analysis would tell them, with confidence 1."""
        down = set(self.downbeats)
        beats = tuple(Beat(time, 1.0 if time in down else 0.6) for time in self.beats)
        tempo = (TempoPoint(0.0, self.bpm),)
        return BeatGrid(self.bpm, beats, self.downbeats, self.beats_per_bar, tempo, 1.0, self.duration_s)


def compose_cue(style: Style, mood_tags: Sequence[str], seed: int, duration_s: float | None = None) -> Cue:
    """A piece in `style`, exactly `duration_s` long, or about 50 s.

    Raises:
        ValueError: a length of less than a second.
    """
    if duration_s is not None and duration_s < 1.0:
        raise ValueError(f"a cue of {duration_s:g} s is too short to be music: ask for at least a second")
    mood, unknown = mood_of(mood_tags)
    key = _key(style, mood, seed)
    bpm, n_bars, tail_s = _measure(style, mood, seed, duration_s)
    is_long = duration_s is not None and duration_s >= LONG_FORM_S
    form = score.form_of(n_bars, is_long=is_long)
    written = score.write(style.compose, key, form, mood, seed)
    bar_s = BEATS_PER_BAR * 60.0 / bpm
    n_samples = round((duration_s if duration_s is not None else n_bars * bar_s + tail_s) * RATE_HZ)
    notes = tuple(_timed(note, bpm, style.compose) for note in written.notes)
    audio = played(notes, style.compose, n_samples, generator("hands", style.name, seed))
    return _cue(audio, bpm, n_bars, key, written, form, notes, _remarks(unknown))


def tempo_and_key(style: Style, mood_tags: Sequence[str], seed: int, duration_s: float | None) -> tuple[float, str]:
    """The tempo in bpm and the key ("Eb minor") of the piece that `compose_cue` makes of the same arguments."""
    mood, _ = mood_of(mood_tags)
    return _measure(style, mood, seed, duration_s)[0], _key(style, mood, seed).name


def _key(style: Style, mood: Mood, seed: int) -> Key:
    return Key(int(generator("key", style.name, seed).integers(12)), _mode(style.compose.mode, mood))


def _mode(mode: str, mood: Mood) -> str:
    if mood.valence >= _BRIGHT and mode in _MINOR_MODES:
        return "major"
    if mood.valence <= _DARKEST:
        return "phrygian"
    if mood.valence <= _DARK and mode not in _MINOR_MODES:
        return "minor"
    return mode


def _measure(style: Style, mood: Mood, seed: int, duration_s: float | None) -> tuple[float, int, float]:
    """Tempo, bars, and the seconds after the last bar."""
    low, high = style.compose.bpm
    chance = float(generator("tempo", style.name, seed).uniform(-0.15, 0.15))
    wanted = low + (high - low) * (0.5 + chance + 0.5 * mood.energy)
    bpm = float(round(min(max(wanted, low * (1.0 - _BEYOND)), high * (1.0 + _BEYOND))))
    bars_per_s = bpm / 60.0 / BEATS_PER_BAR
    if duration_s is None:
        return bpm, max(8, 4 * round(_DEFAULT_S * bars_per_s / 4.0)), _TAIL_S
    tail_s = min(_TAIL_S, 0.12 * duration_s)
    for unit in (8, 4, 2, 1):
        n_bars = max(unit, unit * round((duration_s - tail_s) * bars_per_s / unit))
        fitted = n_bars * BEATS_PER_BAR * 60.0 / (duration_s - tail_s)
        if abs(fitted / bpm - 1.0) <= _MAX_BEND:
            return fitted, n_bars, tail_s
    # A few bars only: as many as there is time for, and the rest is the last chord's.
    n_bars = max(1, int((duration_s - tail_s) * bars_per_s))
    return bpm, n_bars, duration_s - n_bars / bars_per_s


def _timed(note: Note, bpm: float, composition: Composition) -> CueNote:
    sixteenth_s = 15.0 / bpm
    late = composition.swing if note.step == int(note.step) and int(note.step) % 2 else 0.0
    start_s = (note.step + late) * sixteenth_s
    return CueNote(note.part, note.pitch, start_s, start_s + note.n_steps * sixteenth_s, note.velocity)


def _remarks(unknown: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"the mood '{tag}' is not known and changes nothing" for tag in unknown)


def _cue(
    audio: NDArray[np.float32],
    bpm: float,
    n_bars: int,
    key: Key,
    written: score.Score,
    form: tuple[score.Part, ...],
    notes: tuple[CueNote, ...],
    remarks: tuple[str, ...],
) -> Cue:
    beat_s = 60.0 / bpm
    bar_s = BEATS_PER_BAR * beat_s
    duration_s = len(audio) / RATE_HZ
    beats = tuple(i * beat_s for i in range(n_bars * BEATS_PER_BAR))
    chords = tuple(
        ChordSpan(chord.name, chord.root, i * bar_s, min((i + 1) * bar_s, duration_s))
        for i, chord in enumerate(written.chords)
    )
    edges = np.cumsum([0] + [part.n_bars for part in form]) * bar_s
    edges[-1] = duration_s
    sections = tuple(
        (part.name, float(start), float(end)) for part, start, end in zip(form, edges[:-1], edges[1:], strict=True)
    )
    return Cue(audio, bpm, beats, beats[::BEATS_PER_BAR], BEATS_PER_BAR, key.name, chords, sections, notes, remarks)
