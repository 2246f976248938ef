"""Synthetic songs of known truth, for tests and benches: numpy only, the same samples on every call.

No click tracks: a small band of synthesised drums, bass, chords and melody plays with a human's timing (4 ms) and
touch, and its patterns vary from bar to bar. The truth is what is notated: a beat that nobody plays, as in a break, is
a beat. Nothing here analyses a song.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Chord = tuple[int, ...]
"""MIDI note numbers, the root first."""

RATE_HZ = 44_100
_TIMING_S = 0.004
_TOUCH = 0.12
_RING_S = 1.5
_PEAK = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class TrueSong:
    """A song with what is true of it; `audio` is (n, 2) in -1 to 1, times are seconds.

    `downbeats` are those of the `beats` that begin a bar. `sections` are (label, start, end), without a gap from 0 to
    the end; equal labels sound alike. Without a beat `beats` is empty and `beats_per_bar` 0.
    """

    name: str
    sample_rate_hz: int
    audio: NDArray[np.float32]
    beats: NDArray[np.float64]
    downbeats: NDArray[np.float64]
    beats_per_bar: int
    sections: tuple[tuple[str, float, float], ...]
    has_beat: bool

    @property
    def duration_s(self) -> float:
        """The length of the audio."""
        return len(self.audio) / self.sample_rate_hz

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean of both channels."""
        return np.asarray(self.audio.mean(axis=1), dtype=np.float32)


# --- Sounds: each is synthesised once per process ------------------------------------------------------------------


def _seconds(duration_s: float, rate_hz: int) -> Samples:
    return np.arange(round(duration_s * rate_hz), dtype=np.float32) / np.float32(rate_hz)


def _noise(n: int, seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(n, dtype=np.float32)


def _high(noise: Samples, n_times: int) -> Samples:
    """Take the low end off: each difference adds 6 dB per octave."""
    for _ in range(n_times):
        noise = np.diff(noise, prepend=noise[:1])
    return noise / np.float32(max(1e-9, float(np.abs(noise).max())))


def _sweep(t: Samples, from_hz: float, to_hz: float, fall_s: float) -> Samples:
    phase = 2 * np.pi * (to_hz * t + (from_hz - to_hz) * fall_s * (1 - np.exp(-t / fall_s)))
    return np.asarray(np.sin(phase), dtype=np.float32)


@lru_cache(maxsize=256)
def _drum(name: str, take: int, rate_hz: int) -> Samples:
    """Return one take of a drum; takes differ in their noise."""
    t = _seconds({"crash": 1.6, "open_hat": 0.35, "ride": 0.5}.get(name, 0.25), rate_hz)
    noise = _noise(len(t), 100 + take)
    match name:
        case "kick":
            sound = _sweep(t, 160, 48, 0.03) * np.exp(-t / 0.09) + 0.25 * _high(noise, 1) * np.exp(-t / 0.004)
        case "snare":
            sound = 0.5 * _sweep(t, 260, 185, 0.02) * np.exp(-t / 0.05) + 0.7 * _high(noise, 1) * np.exp(-t / 0.07)
        case "rim":
            sound = 0.5 * _sweep(t, 900, 820, 0.01) * np.exp(-t / 0.015) + 0.2 * _high(noise, 2) * np.exp(-t / 0.01)
        case "tom":
            sound = _sweep(t, 190 - 25 * take, 110 - 15 * take, 0.05) * np.exp(-t / 0.1)
        case "hat":
            sound = 0.6 * _high(noise, 3) * np.exp(-t / 0.025)
        case "open_hat":
            sound = 0.6 * _high(noise, 3) * np.exp(-t / 0.11)
        case "ride":
            sound = 0.35 * _high(noise, 2) * np.exp(-t / 0.12) + 0.1 * _sweep(t, 3_150, 3_150, 1) * np.exp(-t / 0.15)
        case "brush":
            sound = 0.5 * _high(noise, 1) * np.minimum(t / 0.02, 1) * np.exp(-t / 0.06)
        case "crash":
            sound = 0.5 * _high(noise, 2) * np.exp(-t / 0.45)
        case _:
            raise ValueError(f"no drum {name!r}")
    return np.asarray(sound, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Voice:
    """A pitched sound: how loud its harmonics are, how fast it comes and goes."""

    harmonics: tuple[float, ...]
    attack_s: float
    decay_s: float
    release_s: float
    vibrato: float = 0.0
    detune: float = 0.0


_VOICES: Mapping[str, _Voice] = {
    "bass": _Voice((1, 0.5, 0.25, 0.1), 0.006, 0.9, 0.03),
    "upright": _Voice((1, 0.35, 0.12), 0.012, 0.4, 0.05),
    "piano": _Voice((1, 0.5, 0.3, 0.18, 0.1, 0.06), 0.003, 0.7, 0.08),
    "guitar": _Voice((1, 0.8, 0.65, 0.5, 0.4, 0.3, 0.22, 0.15), 0.004, 1.4, 0.04),
    "stab": _Voice((1, 0.7, 0.5, 0.35, 0.25), 0.004, 0.25, 0.04),
    "pad": _Voice((1, 0.4, 0.22, 0.1), 0.5, 30.0, 0.6, detune=0.004),
    "lead": _Voice((1, 0.3, 0.45, 0.12, 0.2), 0.02, 3.0, 0.06, vibrato=0.004),
}
_LONGEST_NOTE_S = 3.0
_LONGEST_PAD_S = 9.0


@lru_cache(maxsize=512)
def _tone(voice_name: str, midi: int, rate_hz: int) -> Samples:
    """Return a note as long as it may get, without its release."""
    voice = _VOICES[voice_name]
    t = _seconds(_LONGEST_PAD_S if voice.attack_s > 0.1 else _LONGEST_NOTE_S, rate_hz)
    hz = 440.0 * 2 ** ((midi - 69) / 12)
    sound = np.zeros_like(t)
    for shift in (1 - voice.detune, 1 + voice.detune) if voice.detune else (1.0,):
        phase = np.float32(2 * np.pi * hz * shift) * t
        if voice.vibrato:
            phase += np.float32(hz * voice.vibrato / 5.5) * np.sin(np.float32(2 * np.pi * 5.5) * t)
        # sin(kx) from sin((k-1)x) and sin((k-2)x): two sines for all harmonics.
        before, now, twice_cos = np.zeros_like(t), np.sin(phase), 2 * np.cos(phase)
        for number, level in enumerate(voice.harmonics, 1):
            if hz * number < rate_hz / 2:
                sound += np.float32(level) * now * np.exp(-t * np.float32(number**0.5 / voice.decay_s))
            before, now = now, twice_cos * now - before
    sound *= np.minimum(t / np.float32(voice.attack_s), 1)
    return sound / np.float32(np.abs(sound).max())


# --- The band ------------------------------------------------------------------------------------------------------


class _Band:
    """Players who read beats: what they play is placed by (fractional) beat number and mixed at once."""

    def __init__(self, beats: NDArray[np.float64], duration_s: float, rate_hz: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self._beats = beats
        self._rate_hz = rate_hz
        self._mix = np.zeros((round(duration_s * rate_hz), 2), dtype=np.float32)

    def time_s(self, beat: float) -> float:
        """Return when a beat number is; before the first and after the last beat the tempo stays."""
        last = len(self._beats) - 1
        at = min(max(int(np.floor(beat)), 0), last - 1)
        return float(self._beats[at] + (beat - at) * (self._beats[at + 1] - self._beats[at]))

    def hit(self, drum: str, beat: float, level: float = 1.0, pan: float = 0.0) -> None:
        """Play a drum."""
        self._add(_drum(drum, int(self.rng.integers(4)), self._rate_hz), self.time_s(beat), level, pan)

    def note(self, voice: str, midi: int, beat: float, n_beats: float, level: float = 0.3, pan: float = 0.0) -> None:
        """Play a note from a beat on for so many beats."""
        start_s = self.time_s(beat)
        self.note_at(voice, midi, start_s, self.time_s(beat + n_beats) - start_s, level, pan)

    def note_at(self, voice: str, midi: int, start_s: float, length_s: float, level: float, pan: float = 0.0) -> None:
        """Play a note at a time, whatever the beat."""
        tone = _tone(voice, midi, self._rate_hz)
        n_release = round(_VOICES[voice].release_s * self._rate_hz)
        sound = tone[: round(length_s * self._rate_hz) + n_release].copy()
        n_release = min(n_release, len(sound))
        sound[len(sound) - n_release :] *= np.linspace(1, 0, n_release, dtype=np.float32)
        self._add(sound, start_s, level, pan)

    def chord(self, voice: str, chord: Chord, beat: float, n_beats: float, level: float = 0.2) -> None:
        """Play the notes of a chord, spread from left to right."""
        for number, midi in enumerate(chord):
            self.note(voice, midi, beat, n_beats, level, 0.5 * (2 * number / max(1, len(chord) - 1) - 1))

    def chance(self, share: float) -> bool:
        """Return True this often."""
        return bool(self.rng.random() < share)

    def _add(self, sound: Samples, start_s: float, level: float, pan: float) -> None:
        first = max(0, round((start_s + float(self.rng.normal(0, _TIMING_S))) * self._rate_hz))
        sound = sound[: max(0, len(self._mix) - first)]
        level *= max(0.3, 1 + _TOUCH * float(self.rng.normal()))
        for channel, gain in enumerate((1 - max(0.0, pan), 1 + min(0.0, pan))):
            self._mix[first : first + len(sound), channel] += np.float32(level * gain) * sound

    def audio(self) -> Samples:
        """Return the mix, a little saturated, with an end that does not click."""
        mix = self._mix
        mix *= np.float32(1.4 / max(1e-6, float(np.abs(mix).max())))
        np.tanh(mix, out=mix)
        n_fade = min(len(mix), round(0.5 * self._rate_hz))
        mix[len(mix) - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)[:, None]
        mix *= np.float32(_PEAK / np.tanh(1.4))
        return mix


_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def _chord(name: str) -> Chord:
    """Read "Am", "F", "G7", "Cmaj7", "Dm7" as notes about middle C."""
    root = name[0]
    kind = name[1:]
    if kind[:1] in ("#", "b"):
        root, kind = name[:2], name[2:]
    steps = {"": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10), "maj7": (0, 4, 7, 11)}[kind]
    return tuple(48 + _ROOTS.index(root) + step for step in steps)


_POP = ("C", "G", "Am", "F")
_MINOR = ("Am", "F", "C", "G")
_TURN = ("Dm7", "G7", "Cmaj7", "Am7")
_DARK = ("Em", "C", "D", "Em")

BarPlayer = Callable[[_Band, int, int, Chord], None]
"""Plays one bar: the band, the bar's number in its section, its first beat, its chord."""


def _melody(band: _Band, beat: int, chord: Chord, n_beats: int, level: float = 0.22, voice: str = "lead") -> None:
    """Sing a bar: chord tones on the beat, steps between, a rest here and there."""
    at = 0.0
    while at < n_beats:
        length = float(band.rng.choice((0.5, 0.5, 1.0, 1.5)))
        tone = int(band.rng.choice(chord)) + 12 + (0 if at == int(at) else int(band.rng.choice((-2, 0, 2))))
        if not band.chance(0.2):
            band.note(voice, tone, beat + at, min(length, n_beats - at) * 0.9, level, 0.1)
        at += length


def _fill(band: _Band, beat: float, n_steps: int = 4) -> None:
    for step in range(n_steps):
        band.hit("snare" if step % 2 == 0 else "tom", beat + step / n_steps, 0.45 + 0.1 * step, 0.2)


def _rock(band: _Band, bar: int, beat: int, chord: Chord) -> None:
    """Kick on 1 and 3, snare on 2 and 4, eighths on the hat; the kick's extra beats and the fills vary."""
    if bar % 8 == 0:
        band.hit("crash", beat, 0.6, -0.3)
    band.hit("kick", beat)
    band.hit("kick", beat + 2, 0.9)
    if band.chance(0.6):
        band.hit("kick", beat + float(band.rng.choice((1.5, 2.5, 3.5))), 0.7)
    has_fill = bar % 4 == 3
    band.hit("snare", beat + 1, 0.8)
    if has_fill:
        _fill(band, beat + 3)
    else:
        band.hit("snare", beat + 3, 0.85)
    for eighth in range(8):
        band.hit("hat", beat + eighth / 2, 0.35 if eighth % 2 == 0 else 0.22, 0.3)
        walk = 0 if eighth < 6 or band.chance(0.5) else 7
        if eighth in (0, 3, 4) or band.chance(0.5):
            band.note("bass", chord[0] - 12 + walk, beat + eighth / 2, 0.45, 0.45)
    band.chord("guitar", chord, beat, 1.9, 0.13)
    band.chord("guitar", chord, beat + 2 + (0.5 if band.chance(0.4) else 0), 1.4, 0.11)
    _melody(band, beat, chord, 4)


def _swing(band: _Band, _bar: int, beat: int, chord: Chord) -> None:
    """Ride in triplets, hat on 2 and 4, walking bass, piano chords where they please."""
    for quarter in range(4):
        band.hit("ride", beat + quarter, 0.5, 0.3)
        if quarter % 2 == 1:
            band.hit("ride", beat + quarter + 2 / 3, 0.35, 0.3)
            band.hit("hat", beat + quarter, 0.4, -0.3)
        step = (0, chord[1] - chord[0], 7, int(band.rng.choice((9, 10, 11, 5))))[quarter]
        band.note("upright", chord[0] - 12 + step, beat + quarter, 0.9, 0.5)
    if band.chance(0.4):
        band.hit("snare", beat + float(band.rng.choice((2 / 3, 5 / 3, 11 / 3))), 0.35)
    for at in band.rng.choice((0, 2 / 3, 1, 5 / 3, 2, 8 / 3, 11 / 3), size=2, replace=False):
        band.chord("piano", tuple(n + 12 for n in chord), beat + float(at), 0.5, 0.13)
    for quarter in range(4):
        for at in (0.0, 2 / 3):
            if band.chance(0.55):
                band.note("lead", int(band.rng.choice(chord)) + 24, beat + quarter + at, 0.4, 0.18, -0.2)


def _waltz(band: _Band, bar: int, beat: int, chord: Chord) -> None:
    """Bass on 1, chords on 2 and 3."""
    band.note("upright", chord[0] - 12 + (7 if bar % 2 else 0), beat, 0.9, 0.5)
    band.hit("kick", beat, 0.5)
    for quarter in (1, 2):
        band.chord("piano", tuple(n + 12 for n in chord), beat + quarter, 0.5, 0.12)
        band.hit("brush", beat + quarter, 0.4, 0.2)
    if band.chance(0.3):
        band.hit("brush", beat + 2.5, 0.3, 0.2)
    _melody(band, beat, chord, 3)


def _syncopated(band: _Band, _bar: int, beat: int, chord: Chord) -> None:
    """A tresillo (3+3+2) in kick and bass, the snare late, chords before the beat; beats 2 and 4 often stay empty."""
    for at in (0, 0.75, 1.5, 2, 2.75, 3.5):
        if at in (0, 1.5) or band.chance(0.75):
            band.hit("kick", beat + at, 0.9 if at == 0 else 0.7)
            band.note("bass", chord[0] - 12 + (12 if at == 2.75 else 0), beat + at, 0.6, 0.45)
    band.hit("rim", beat + 1, 0.7)
    band.hit("snare", beat + float(band.rng.choice((2.5, 3.0))), 0.7)
    for sixteenth in range(16):
        if band.chance(0.7):
            band.hit("hat", beat + sixteenth / 4, 0.32 if sixteenth % 4 == 2 else 0.2, 0.3)
    for at in (0.5, 1.25, 2.5, 3.75):
        if band.chance(0.8):
            band.chord("stab", tuple(n + 12 for n in chord), beat + at, 0.25, 0.12)
    _melody(band, beat, chord, 4, 0.18)


def _half_time(band: _Band, bar: int, beat: int, chord: Chord) -> None:
    """Kick on 1, snare on 3 only, heavy guitars."""
    band.hit("kick", beat)
    for at in (0.5, 1.5, 3.0, 3.5):
        if band.chance(0.35):
            band.hit("kick", beat + at, 0.75)
    band.hit("snare", beat + 2, 0.95)
    if bar % 4 == 0:
        band.hit("crash", beat, 0.6, -0.3)
    if bar % 8 == 7:
        _fill(band, beat + 3)
    for quarter in range(4):
        band.hit("open_hat", beat + quarter, 0.35, 0.3)
        band.hit("hat", beat + quarter + 0.5, 0.15, 0.3)
    power = (chord[0] - 12, chord[0] - 5, chord[0])
    band.chord("guitar", power, beat, 2, 0.2)
    band.chord("guitar", power, beat + 2.5, 1.4, 0.18)
    band.note("bass", chord[0] - 12, beat, 2, 0.45)
    band.note("bass", chord[0] - 12, beat + 2.5, 1.4, 0.4)
    _melody(band, beat, chord, 4, 0.2)


def _offbeat(band: _Band, bar: int, beat: int, chord: Chord) -> None:
    """Kick on every beat, but what is bright and loud - open hat, bass, chords - is between the beats."""
    for quarter in range(4):
        band.hit("kick", beat + quarter, 0.7)
        band.hit("open_hat", beat + quarter + 0.5, 1.0, 0.1)
        band.note("bass", chord[0] - 12, beat + quarter + 0.5, 0.4, 0.45)
        if band.chance(0.7):
            band.chord("stab", tuple(n + 12 for n in chord), beat + quarter + 0.5, 0.3, 0.15)
    for quarter in (1, 3):
        band.hit("snare", beat + quarter, 0.35)
    for sixteenth in (0.25, 1.75, 2.25, 3.75):
        if band.chance(0.4):
            band.hit("hat", beat + sixteenth, 0.2, -0.2)
    if bar % 2 == 1:
        _melody(band, beat, chord, 4, 0.15)


def _verse(band: _Band, _bar: int, beat: int, chord: Chord) -> None:
    """Thin: rim and closed hat, piano, a low melody."""
    band.hit("kick", beat, 0.7)
    band.hit("kick", beat + 2.5, 0.5)
    band.hit("rim", beat + 1, 0.5)
    band.hit("rim", beat + 3, 0.5)
    for eighth in range(8):
        band.hit("hat", beat + eighth / 2, 0.2, 0.3)
    band.note("bass", chord[0] - 12, beat, 1.8, 0.3)
    band.note("bass", chord[0] - 12, beat + 2.5, 1.2, 0.28)
    for step, number in enumerate((0, 1, 2, 1, 0, 1, 2, 1)):
        band.note("piano", chord[number] + 12, beat + step / 2, 0.5, 0.16, -0.2)
    _melody(band, beat, tuple(n - 5 for n in chord), 4, 0.12)


def _chorus(band: _Band, bar: int, beat: int, chord: Chord) -> None:
    """Full: the rock band with open hats, pads and a high melody."""
    _rock(band, bar, beat, chord)
    for quarter in range(4):
        band.hit("open_hat", beat + quarter, 0.3, 0.3)
    band.chord("pad", tuple(n + 12 for n in chord), beat, 4, 0.1)
    _melody(band, beat, tuple(n + 12 for n in chord), 4, 0.16)


def _bridge(band: _Band, _bar: int, beat: int, chord: Chord) -> None:
    """Wide: pads, toms instead of snare and hat."""
    band.chord("pad", tuple(n + 12 for n in chord), beat, 4, 0.22)
    band.note("bass", chord[0] - 12, beat, 3.8, 0.3)
    band.hit("kick", beat, 0.6)
    for at in (1.5, 2, 3, 3.5):
        if at in (2, 3) or band.chance(0.5):
            band.hit("tom", beat + at, 0.5, 0.3)
    _melody(band, beat, chord, 4, 0.12, "piano")


def _ballad(band: _Band, _bar: int, beat: int, chord: Chord) -> None:
    """A piano alone: bass, broken chord, melody."""
    band.note("piano", chord[0] - 12, beat, 3.8, 0.4, -0.2)
    for quarter in range(4):
        number = (0, 2, 1, 2)[quarter]
        band.note("piano", chord[number], beat + quarter, 0.9, 0.3, -0.1)
        if band.chance(0.6):
            band.note("piano", chord[(number + 1) % 3] + 12, beat + quarter + 0.5, 0.5, 0.14, 0.1)
    band.note("piano", int(band.rng.choice(chord)) + 12, beat, 1.8, 0.35, 0.2)
    if band.chance(0.7):
        band.note("piano", int(band.rng.choice(chord)) + 12, beat + 2, 1.8, 0.33, 0.2)


def _break(band: _Band, _bar: int, beat: int, chord: Chord) -> None:
    """No drums and no bass: a held chord and a melody."""
    band.chord("pad", tuple(n + 12 for n in chord), beat, 4, 0.16)
    _melody(band, beat, chord, 4, 0.12)


# --- Songs ---------------------------------------------------------------------------------------------------------

_Part = tuple[str, int, BarPlayer, Sequence[str]]
"""A section: its label, its number of bars, who plays, its chords (one per bar, from the start again)."""


def _song(
    name: str,
    beats: NDArray[np.float64],
    parts: Sequence[_Part],
    beats_per_bar: int = 4,
    rate_hz: int = RATE_HZ,
    seed: int = 1,
    intro: Callable[[_Band, float], None] | None = None,
) -> TrueSong:
    """Play `parts` on `beats` (one more than are played: the last ends the last bar), then let it ring."""
    end_s = float(beats[-1])
    band = _Band(beats, end_s + _RING_S, rate_hz, seed)
    if intro:
        intro(band, float(beats[0]))
    bar = 0
    edges = [0.0]
    for _, n_bars, play, chords in parts:
        for number in range(n_bars):
            play(band, number, (bar + number) * beats_per_bar, _chord(chords[number % len(chords)]))
        bar += n_bars
        edges.append(float(beats[bar * beats_per_bar]))
    audio = band.audio()
    edges[-1] = len(audio) / rate_hz
    labels = [part[0] for part in parts]
    if intro:
        edges.insert(1, float(beats[0]))
        labels.insert(0, "intro")
    return TrueSong(
        name, rate_hz, audio, beats[:-1], beats[:-1:beats_per_bar], beats_per_bar,
        tuple((label, start, end) for label, (start, end) in zip(labels, pairwise(edges), strict=True)), True,
    )  # fmt: skip


def _beat_times(
    bpm_at: Callable[[float], float], duration_s: float, beats_per_bar: int = 4, start_s: float = 0.3
) -> NDArray[np.float64]:
    """Return the beats of whole bars that end about `duration_s`, and the one after; at least one bar."""

    def ticking() -> Iterator[float]:
        t_s = start_s
        while True:
            yield t_s
            # The tempo in the middle of the beat, so that a steady ramp is followed without a lag.
            t_s += 60.0 / bpm_at(t_s + 30.0 / bpm_at(t_s))

    times: list[float] = []
    for t_s in ticking():
        times.append(t_s)
        if len(times) % beats_per_bar == 1 and len(times) > 1 and t_s + 60 * beats_per_bar / bpm_at(t_s) > duration_s:
            return np.array(times)
    raise AssertionError("a song without an end")


def _n_bars(beats: NDArray[np.float64], beats_per_bar: int = 4) -> int:
    return (len(beats) - 1) // beats_per_bar


def _steady(
    name: str, play: BarPlayer, chords: Sequence[str], bpm: float, duration_s: float, rate_hz: int, seed: int
) -> TrueSong:
    beats = _beat_times(lambda _: bpm, duration_s)
    return _song(name, beats, [("A", _n_bars(beats), play, chords)], rate_hz=rate_hz, seed=seed)


def constant(bpm: float = 120, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 1) -> TrueSong:
    """A rock band in 4/4 at a steady tempo."""
    return _steady("constant", _rock, _POP, bpm, duration_s, sample_rate_hz, seed)


def ramp(
    start_bpm: float = 90,
    end_bpm: float = 140,
    duration_s: float = 60,
    sample_rate_hz: int = RATE_HZ,
    seed: int = 2,
) -> TrueSong:
    """The rock band, its tempo going evenly from one to the other."""
    beats = _beat_times(lambda t: start_bpm + (end_bpm - start_bpm) * min(t / duration_s, 1), duration_s)
    return _song("ramp", beats, [("A", _n_bars(beats), _rock, _MINOR)], rate_hz=sample_rate_hz, seed=seed)


def swing(bpm: float = 132, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 3) -> TrueSong:
    """Jazz with triplet eighths."""
    return _steady("swing", _swing, _TURN, bpm, duration_s, sample_rate_hz, seed)


def waltz(bpm: float = 150, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 4) -> TrueSong:
    """3/4."""
    beats = _beat_times(lambda _: bpm, duration_s, 3)
    return _song("waltz", beats, [("A", _n_bars(beats, 3), _waltz, ("C", "C", "G7", "G7", "F", "C", "G7", "C"))], 3,
                 sample_rate_hz, seed)  # fmt: skip


def rubato(bpm: float = 84, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 5) -> TrueSong:
    """A piano alone whose tempo breathes by 18 % over 14 s, and drifts by 6 % over 37 s."""

    def breathing(t_s: float) -> float:
        return bpm * (1 + 0.18 * math.sin(2 * math.pi * t_s / 14) + 0.06 * math.sin(2 * math.pi * t_s / 37))

    beats = _beat_times(breathing, duration_s)
    return _song("rubato", beats, [("A", _n_bars(beats), _ballad, _MINOR)], rate_hz=sample_rate_hz, seed=seed)


def ballad(bpm: float = 66, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 15) -> TrueSong:
    """A slow piano alone; twice its tempo is no answer that sounds right."""
    return _steady("ballad", _ballad, _MINOR, bpm, duration_s, sample_rate_hz, seed)


def syncopated(bpm: float = 104, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 6) -> TrueSong:
    """3+3+2 in kick and bass, chords ahead of the beat."""
    return _steady("syncopated", _syncopated, _TURN, bpm, duration_s, sample_rate_hz, seed)


def half_time_rock(bpm: float = 140, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 7) -> TrueSong:
    """The snare on 3 only: half the notated tempo is an answer that sounds right too."""
    return _steady("half_time_rock", _half_time, _DARK, bpm, duration_s, sample_rate_hz, seed)


def offbeat_hats(bpm: float = 126, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 8) -> TrueSong:
    """House: the treble is loudest half a beat after the beat."""
    return _steady("offbeat_hats", _offbeat, _MINOR, bpm, duration_s, sample_rate_hz, seed)


def late_start(
    bpm: float = 112, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 9, intro_s: float = 12.7
) -> TrueSong:
    """Pads that keep no time, then the band; beats are true from where the band starts."""

    def pads(band: _Band, end_s: float) -> None:
        for name, start_s in (("Am", 0.0), ("F", end_s * 0.37), ("G", end_s * 0.71)):
            for number, midi in enumerate(_chord(name)):
                band.note_at("pad", midi + 12, start_s + 0.3 * number, end_s * 0.33, 0.2)

    beats = _beat_times(lambda _: bpm, duration_s, start_s=intro_s)
    return _song("late_start", beats, [("A", _n_bars(beats), _rock, _MINOR)], 4, sample_rate_hz, seed, pads)


def break_in_the_middle(
    bpm: float = 118, duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 10
) -> TrueSong:
    """Drums and bass pause for four bars; the beat goes on."""
    beats = _beat_times(lambda _: bpm, duration_s)
    n_bars = _n_bars(beats)
    n_break = min(4, max(1, n_bars // 3))
    n_before = (n_bars - n_break) // 2
    parts: list[_Part] = [
        ("A", n_before, _rock, _POP),
        ("B", n_break, _break, _TURN),
        ("A", n_bars - n_break - n_before, _rock, _POP),
    ]
    return _song("break_in_the_middle", beats, parts, 4, sample_rate_hz, seed)


def form(bpm: float = 116, n_bars: int = 8, sample_rate_hz: int = RATE_HZ, seed: int = 11) -> TrueSong:
    """Verse and chorus, A B A B C B of `n_bars` each: other chords, instruments and density per letter."""
    parts: dict[str, tuple[BarPlayer, Sequence[str]]] = {
        "A": (_verse, ("Am", "Am", "F", "F")),
        "B": (_chorus, _POP),
        "C": (_bridge, ("Dm", "Bb", "Dm", "E")),
    }
    letters = "ABABCB"
    beats = 0.3 + 60 / bpm * np.arange(len(letters) * n_bars * 4 + 1, dtype=np.float64)
    return _song("form", beats, [(letter, n_bars, *parts[letter]) for letter in letters], 4, sample_rate_hz, seed)


def _beatless(name: str, audio: Samples, rate_hz: int, label: str) -> TrueSong:
    none = np.zeros(0)
    return TrueSong(name, rate_hz, audio, none, none, 0, ((label, 0.0, len(audio) / rate_hz),), False)


def ambient(duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 12) -> TrueSong:
    """Pads that come and go at no regular time."""
    band = _Band(np.array([0.0, 1.0]), duration_s, sample_rate_hz, seed)
    t_s = 0.0
    while t_s < duration_s:
        for midi in _chord(str(band.rng.choice(("Cmaj7", "Am7", "Fmaj7", "Dm7")))):
            band.note_at("pad", midi + 12, t_s + float(band.rng.uniform(0, 2)), float(band.rng.uniform(4, 8)), 0.2,
                         float(band.rng.uniform(-0.7, 0.7)))  # fmt: skip
        t_s += float(band.rng.uniform(3, 6.5))
    return _beatless("ambient", band.audio(), sample_rate_hz, "A")


def noise(duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 13) -> TrueSong:
    """White noise at -20 dBFS, two channels on their own."""
    rng = np.random.default_rng(seed)
    audio = rng.standard_normal((round(duration_s * sample_rate_hz), 2), dtype=np.float32) * np.float32(0.1)
    return _beatless("noise", np.clip(audio, -1, 1), sample_rate_hz, "noise")


def speech_like(duration_s: float = 60, sample_rate_hz: int = RATE_HZ, seed: int = 14) -> TrueSong:
    """Syllables of a falling voice at 3 to 7 a second with hisses and pauses, in phrases of 1 to 3 s."""
    rng = np.random.default_rng(seed)
    mix = np.zeros(round(duration_s * sample_rate_hz), dtype=np.float32)
    t_s = 0.2
    while t_s < duration_s:
        phrase_end_s = t_s + float(rng.uniform(1, 3))
        hz = float(rng.uniform(110, 150))
        while t_s < min(phrase_end_s, duration_s):
            length_s = float(rng.uniform(0.1, 0.28))
            sound = _syllable(rng, length_s, hz, sample_rate_hz)
            first = round(t_s * sample_rate_hz)
            sound = sound[: len(mix) - first]
            mix[first : first + len(sound)] += sound
            t_s += length_s * float(rng.uniform(1.0, 1.25))
            hz *= 0.97
        t_s += float(rng.uniform(0.25, 1.0))
    mix *= np.float32(0.5 / max(1e-6, float(np.abs(mix).max(initial=0))))
    return _beatless("speech_like", np.stack([mix, mix], axis=1), sample_rate_hz, "speech")


def _syllable(rng: np.random.Generator, length_s: float, hz: float, rate_hz: int) -> Samples:
    """Return a vowel: harmonics under three formants, at times with a hiss before it."""
    t = _seconds(length_s, rate_hz)
    first_hz, second_hz = float(rng.uniform(300, 800)), float(rng.uniform(900, 2_200))
    sound = np.zeros_like(t)
    for number in range(1, int(3_500 / hz)):
        at_hz = hz * number
        level = sum(
            gain / (1 + ((at_hz - formant) / 120) ** 2)
            for formant, gain in ((first_hz, 1), (second_hz, 0.5), (2_700, 0.25))
        )
        sound += np.float32(level) * np.sin(np.float32(2 * np.pi * at_hz) * t * (1 - np.float32(0.1) * t))
    sound *= np.sin(np.pi * t / np.float32(length_s)) ** np.float32(0.6)
    if rng.random() < 0.35:
        n_hiss = min(len(t), round(0.05 * rate_hz))
        sound[:n_hiss] += 0.6 * _high(rng.standard_normal(n_hiss, dtype=np.float32), 2)
    return sound


def silence(duration_s: float = 60, sample_rate_hz: int = RATE_HZ) -> TrueSong:
    """Nothing."""
    audio = np.zeros((round(duration_s * sample_rate_hz), 2), dtype=np.float32)
    return _beatless("silence", audio, sample_rate_hz, "silence")


ALL: Mapping[str, Callable[[], TrueSong]] = MappingProxyType(
    {
        "constant": constant,
        "ramp": ramp,
        "swing": swing,
        "waltz": waltz,
        "rubato": rubato,
        "ballad": ballad,
        "syncopated": syncopated,
        "half_time_rock": half_time_rock,
        "offbeat_hats": offbeat_hats,
        "late_start": late_start,
        "break_in_the_middle": break_in_the_middle,
        "ambient": ambient,
        "noise": noise,
        "speech_like": speech_like,
        "silence": silence,
        "form": form,
    }
)
"""Every song by name, about 60 s (`form` 100 s)."""
