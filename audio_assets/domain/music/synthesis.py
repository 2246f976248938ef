"""Instruments made of arithmetic: what one note or one stroke sounds like. What is played is in `compose`.

Sounds are float32 at 44 100 Hz: notes are stereo, shape (n_samples, 2), with their release; strokes are mono. Equal
arguments give equal samples. Pitches are MIDI numbers (69 = 440 Hz).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled
from audio_assets.domain.dsp.filters import filtered, high_pass, low_pass
from audio_assets.domain.music.seeding import generator

Block = NDArray[np.float32]
Mono = NDArray[np.float32]

RATE_HZ = 44_100
_TABLE = 2048
_SAME_S = 1e-3  # a beat and its bar line
_HIGHEST_HZ = 14_000.0  # overtones above are left out: none folds back


def pitch_hz(pitch: float) -> float:
    """The frequency of a MIDI pitch in equal temperament."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def note_sound(voice: str, pitch: int, duration_s: float) -> Block:
    """One note of `voice` (a key of `VOICE_SOUNDS`) held for `duration_s`, with unit peak or a little less."""
    return VOICE_SOUNDS[voice](pitch, duration_s)


@cache
def stroke(name: str, variant: int = 0) -> Mono:
    """One stroke of a drum (a key of `DRUM_SOUNDS`), with unit peak; variants differ a little."""
    sound = DRUM_SOUNDS[name](variant)
    sound[-64:] *= np.linspace(1.0, 0.0, 64, dtype=np.float32)
    return sound / np.float32(np.abs(sound).max())


def drum_layer(n_samples: int, beats_s: Sequence[float], downbeats_s: Sequence[float]) -> Block:
    """A kick on every beat, claps on the second and fourth, hats between: (n_samples, 2), the kick with unit peak."""
    layer = np.zeros((n_samples, 2), np.float32)
    kick, clap = stroke("club_kick"), stroke("clap")
    in_bar = 0
    for beat in beats_s:
        _add_mono(layer, kick, beat, 1.0)
        in_bar = 0 if any(abs(beat - down) < _SAME_S for down in downbeats_s) else in_bar + 1
        if in_bar % 2:
            _add_mono(layer, clap, beat, 0.22)
    for number, (beat, after) in enumerate(pairwise(beats_s)):
        _add_mono(layer, stroke("hat", number % 3), 0.5 * (beat + after), 0.2)
    return layer


def _add_mono(out: Block, sound: Mono, at_s: float, gain: float) -> None:
    start = round(at_s * RATE_HZ)
    n = min(len(sound), len(out) - start)
    if n > 0 <= start:
        out[start : start + n] += (np.float32(gain) * sound[:n])[:, np.newaxis]


# --- Parts of sounds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Envelope:
    """Times in seconds: rise, fall toward `sustain` (0 to 1), and how the sound ends when the note does."""

    attack_s: float
    decay_s: float
    sustain: float
    release_s: float

    def curve(self, duration_s: float) -> NDArray[np.float64]:
        n_held, n_release = round(duration_s * RATE_HZ), round(self.release_s * RATE_HZ)
        time = np.arange(n_held + n_release) / RATE_HZ
        fall = self.sustain + (1.0 - self.sustain) * np.exp(-np.maximum(0.0, time - self.attack_s) / self.decay_s)
        rise = np.minimum(1.0, time / self.attack_s)
        curve = rise * fall
        past = np.arange(n_release) / n_release
        curve[n_held:] *= (1.0 - past) ** 2
        return curve


def _table(levels: NDArray[np.float64]) -> Mono:
    """One period of a wave with these levels of its overtones (sines), with a first copy at its end."""
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[1 : len(levels) + 1] = -0.5j * _TABLE * levels
    wave = np.fft.irfft(spectrum, _TABLE)
    return np.append(wave, wave[0]).astype(np.float32)


@cache
def _wave(shape: str, n_overtones: int) -> Mono:
    k = np.arange(1, n_overtones + 1, dtype=np.float64)
    levels = {
        "saw": 0.6 / k,
        "soft": 0.7 / k**1.7,
        "triangle": np.where(k % 2 == 1, 0.8 / k**2 * np.where(k % 4 == 1, 1.0, -1.0), 0.0),
        "pulse": 0.7 * np.sin(np.pi * k * 0.25) / k,
        "flute": np.where(k <= 5, np.array([1.0, 0.35, 0.12, 0.05, 0.03] + [0.0] * n_overtones)[:n_overtones], 0.0),
    }[shape]
    return _table(levels)


def _oscillator(shape: str, pitch: float, n: int, *, phase: float = 0.0, vibrato_cents: float = 0.0) -> Mono:
    hz = pitch_hz(pitch)
    n_overtones = max(1, min(_TABLE // 4, int(_HIGHEST_HZ / hz)))
    out = np.empty(n, np.float32)
    depth = 2.0 ** (vibrato_cents / 1200.0) - 1.0
    _read_table(_wave(shape, n_overtones), hz / RATE_HZ, phase, depth, 5.3 / RATE_HZ, out)
    return out


@compiled
def _read_table(
    table: NDArray[np.float32], step: float, phase: float, depth: float, vibrato_step: float, out: NDArray[np.float32]
) -> None:
    n = table.size - 1
    for i in range(out.size):
        place = phase * n
        row = int(place)
        blend = np.float32(place - row)
        out[i] = table[row] + blend * (table[row + 1] - table[row])
        swing = 0.0
        if depth > 0.0:  # a player lets the tone stand before the hand moves
            swing = depth * min(1.0, i * vibrato_step / 1.5) * math.sin(2.0 * math.pi * vibrato_step * i)
        phase += step * (1.0 + swing)
        phase -= math.floor(phase)


def _stereo(left: Mono, right: Mono) -> Block:
    return np.stack([left, right], axis=1)


def _shaped(sound: Block, curve: NDArray[np.float64]) -> Block:
    return sound * curve.astype(np.float32)[:, np.newaxis]


# --- Voices ------------------------------------------------------------------------------------------------------


def _chorus(shape: str, pitch: int, curve: NDArray[np.float64], cents: float, *, vibrato_cents: float = 0.0) -> Block:
    """Three oscillators: one in the middle, one a little flat on the left, one a little sharp on the right."""
    n = len(curve)
    middle = _oscillator(shape, pitch, n, vibrato_cents=vibrato_cents)
    flat = _oscillator(shape, pitch - cents / 100.0, n, phase=0.31, vibrato_cents=vibrato_cents)
    sharp = _oscillator(shape, pitch + cents / 100.0, n, phase=0.67, vibrato_cents=vibrato_cents)
    return _shaped(_stereo(0.5 * middle + 0.5 * flat, 0.5 * middle + 0.5 * sharp), curve)


def _pad(pitch: int, duration_s: float) -> Block:
    attack_s = min(0.35, 0.4 * duration_s)
    return _chorus("soft", pitch, _Envelope(attack_s, 2.0, 0.8, 0.9).curve(duration_s), 7.0)


def _strings(pitch: int, duration_s: float) -> Block:
    attack_s = min(0.18, 0.4 * duration_s)
    curve = _Envelope(attack_s, 2.0, 0.8, 0.5).curve(duration_s)
    sound = _chorus("saw", pitch, curve, 9.0, vibrato_cents=9.0)
    return filtered(sound, low_pass(min(3800.0, 7.0 * pitch_hz(pitch)), RATE_HZ, order=1))


def _saw(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(0.004, 0.25, 0.55, 0.12).curve(duration_s)
    bright = _chorus("saw", pitch, curve, 14.0)
    dark = filtered(bright, low_pass(min(2400.0, 4.0 * pitch_hz(pitch)), RATE_HZ))
    opening = np.exp(-np.arange(len(curve)) / (0.18 * RATE_HZ)).astype(np.float32)[:, np.newaxis]
    return dark + (bright - dark) * (np.float32(0.65) * opening + np.float32(0.12))


def _pulse(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(0.002, 0.2, 0.6, 0.02).curve(duration_s)
    sound = _oscillator("pulse", pitch, len(curve))
    return _shaped(_stereo(sound, sound), curve)


def _keys(pitch: int, duration_s: float) -> Block:
    """An electric piano: frequency modulation that dulls as the tone dies away, and the tine's short ring."""
    curve = _Envelope(0.003, 1.1, 0.12, 0.25).curve(duration_s)
    time = np.arange(len(curve)) / RATE_HZ
    turn = 2.0 * np.pi * pitch_hz(pitch) * time
    depth = 1.3 * np.exp(-time / 0.5) * min(1.0, 60.0 / pitch)
    body = np.sin(turn + depth * np.sin(turn))
    tine = 0.12 * np.exp(-time / 0.06) * np.sin(min(14.0, 9000.0 / pitch_hz(pitch)) * turn)
    sound = (body + tine) * curve
    pan = 0.18 * np.sin(2.0 * np.pi * 4.6 * time)  # the tremolo that such pianos have
    return _stereo((sound * (1.0 - pan)).astype(np.float32), (sound * (1.0 + pan)).astype(np.float32)) * np.float32(0.8)


def _bell(pitch: int, duration_s: float) -> Block:
    """A vibraphone: overtones 1, 4 and 10, the high ones short."""
    curve = _Envelope(0.002, 0.9, 0.0, 0.6).curve(max(duration_s, 0.5))
    time = np.arange(len(curve)) / RATE_HZ
    turn = 2.0 * np.pi * pitch_hz(pitch) * time
    sound = np.sin(turn) + 0.22 * np.exp(-time / 0.25) * np.sin(4.0 * turn)
    if 10.0 * pitch_hz(pitch) < _HIGHEST_HZ:
        sound += 0.1 * np.exp(-time / 0.05) * np.sin(10.0 * turn)
    shaped = (0.8 * sound * curve).astype(np.float32)
    return _stereo(shaped, shaped)


def _flute(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(min(0.09, 0.4 * duration_s), 1.0, 0.85, 0.15).curve(duration_s)
    tone = _oscillator("flute", pitch, len(curve), vibrato_cents=14.0)
    breath = generator("breath", pitch).standard_normal((len(curve), 1)).astype(np.float32)
    air = filtered(breath, np.concatenate([high_pass(1500, RATE_HZ), low_pass(6000, RATE_HZ)]))[:, 0]
    sound = (0.75 * tone + 0.02 * air) * curve.astype(np.float32)
    return _stereo(sound, sound)


def _pluck(pitch: int, duration_s: float) -> Block:
    """A string by Karplus and Strong, picked near its end."""
    ring_s = max(duration_s, 0.25) + 0.35
    sound = _string(pitch_hz(pitch), round(ring_s * RATE_HZ), 0.55, generator("pick", pitch).uniform(-1, 1, _TABLE))
    n_damped = round(0.3 * RATE_HZ)
    sound[-n_damped:] *= np.linspace(1.0, 0.0, n_damped, dtype=np.float32) ** 2
    return _stereo(sound, sound)


def _string(hz: float, n: int, brightness: float, noise: NDArray[np.float64]) -> Mono:
    period = RATE_HZ / hz
    # The averaging of neighbours delays by half a sample; the rest of the period is tuned by interpolation.
    whole = max(2, int(period - 0.5))
    fraction = period - 0.5 - whole
    # The lowest strings ring for seconds, the highest for tenths: 60 dB in 6 s at 82 Hz.
    loss = 10.0 ** (-3.0 / (hz * 6.0 * (82.0 / max(hz, 82.0)) ** 0.4))
    pick = noise[:whole] - np.roll(noise[:whole], max(1, whole // 7))
    pick = np.convolve(pick, [1.0 - brightness, brightness], mode="same")
    pick -= pick.mean()
    out = np.zeros(n, np.float32)
    _ring(out, pick / np.abs(pick).max(), whole, fraction, loss)
    return out * np.float32(0.9)


@compiled
def _ring(out: NDArray[np.float32], pick: NDArray[np.float64], whole: int, fraction: float, loss: float) -> None:
    for i in range(out.size):
        if i < whole:
            out[i] = pick[i]
            continue
        near, far = np.float64(out[i - whole]), np.float64(out[i - whole - 1]) if i > whole else 0.0
        farther = np.float64(out[i - whole - 2]) if i > whole + 1 else 0.0
        late = (1.0 - fraction) * near + fraction * far
        later = (1.0 - fraction) * far + fraction * farther
        out[i] = loss * 0.5 * (late + later)


# --- Basses ------------------------------------------------------------------------------------------------------


def _mono_bass(sound: Mono, curve: NDArray[np.float64]) -> Block:
    shaped = sound * curve.astype(np.float32)
    return _stereo(shaped, shaped)


def _round_bass(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(0.006, 0.5, 0.45, 0.06).curve(duration_s)
    sound = _mono_bass(_oscillator("soft", pitch, len(curve)), curve)
    return filtered(sound, low_pass(900.0, RATE_HZ))


def _sub_bass(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(0.012, 1.5, 0.7, 0.12).curve(duration_s)
    low = _oscillator("triangle", pitch, len(curve))
    # A little of the octave, so that small loudspeakers tell the pitch.
    return _mono_bass(low + np.float32(0.18) * _oscillator("flute", pitch + 12, len(curve)), curve)


def _saw_bass(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(0.004, 0.22, 0.5, 0.04).curve(duration_s)
    bright = _mono_bass(_oscillator("saw", pitch, len(curve)), curve)
    dark = filtered(bright, low_pass(260.0, RATE_HZ))
    opening = np.exp(-np.arange(len(curve)) / (0.09 * RATE_HZ)).astype(np.float32)[:, np.newaxis]
    middle = filtered(bright, low_pass(1500.0, RATE_HZ))
    return dark + (middle - dark) * (np.float32(0.7) * opening + np.float32(0.15))


def _chip_bass(pitch: int, duration_s: float) -> Block:
    curve = _Envelope(0.002, 1.0, 0.9, 0.01).curve(duration_s)
    return _mono_bass(_oscillator("triangle", pitch, len(curve)), curve)


def _upright_bass(pitch: int, duration_s: float) -> Block:
    ring_s = duration_s + 0.1
    noise = generator("finger", pitch).uniform(-1, 1, _TABLE)
    sound = _string(pitch_hz(pitch), round(ring_s * RATE_HZ), 0.5, noise)
    curve = _Envelope(0.008, 0.6, 0.25, 0.1).curve(duration_s)[: len(sound)]
    soft = _mono_bass(sound[: len(curve)], curve)
    return filtered(soft, low_pass(650.0, RATE_HZ)) * np.float32(1.6)


VOICE_SOUNDS: dict[str, Callable[[int, float], Block]] = {
    "pad": _pad, "strings": _strings, "saw": _saw, "pulse": _pulse, "keys": _keys, "bell": _bell, "flute": _flute,
    "pluck": _pluck, "bass round": _round_bass, "bass sub": _sub_bass, "bass saw": _saw_bass, "bass chip": _chip_bass,
    "bass upright": _upright_bass,
}  # fmt: skip
"""Every voice by name; basses begin with "bass "."""


# --- Drums -------------------------------------------------------------------------------------------------------


def _time(duration_s: float) -> NDArray[np.float64]:
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def _noise(name: str, variant: int, n: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    noise = generator(name, variant).standard_normal((n, 1)).astype(np.float32)
    band = np.concatenate([high_pass(low_hz, RATE_HZ), low_pass(high_hz, RATE_HZ)])
    return filtered(noise, band)[:, 0].astype(np.float64)


def _kick_sound(start_hz: float, end_hz: float, fall_s: float, decay_s: float, click: float) -> Mono:
    time = _time(5.0 * decay_s)
    turn = 2.0 * np.pi * (end_hz * time + (start_hz - end_hz) * fall_s * (1.0 - np.exp(-time / fall_s)))
    body = np.sin(turn) * np.exp(-time / decay_s) * np.minimum(1.0, time / 0.0008)
    tick = click * np.exp(-time / 0.003) * _noise("kick", 0, len(time), 1500, 9000)
    return np.tanh(1.6 * (body + tick)).astype(np.float32)


def _snare(variant: int) -> Mono:
    time = _time(0.4)
    hz = 188.0 + 3.0 * variant
    body = np.sin(2 * np.pi * hz * time) * np.exp(-time / 0.05) + 0.5 * np.sin(2 * np.pi * 1.59 * hz * time) * np.exp(
        -time / 0.03
    )
    wires = _noise("snare", variant, len(time), 1100, 9500) * np.exp(-time / 0.085)
    return (0.7 * body + 0.65 * wires).astype(np.float32)


def _clap(variant: int) -> Mono:
    time = _time(0.35)
    hands = sum(np.where(time >= at, np.exp(-(time - at) / 0.006), 0.0) for at in (0.0, 0.011, 0.023))
    curve = 0.7 * hands + np.where(time >= 0.03, np.exp(-(time - 0.03) / 0.07), 0.0)
    return (_noise("clap", variant, len(time), 900, 6500) * curve).astype(np.float32)


def _hat(variant: int) -> Mono:
    time = _time(0.12)
    return (_noise("hat", variant, len(time), 7000, 15_000) * np.exp(-time / 0.025)).astype(np.float32)


def _open_hat(variant: int) -> Mono:
    time = _time(0.5)
    return (_noise("open_hat", variant, len(time), 6000, 14_000) * np.exp(-time / 0.13)).astype(np.float32)


def _shaker(variant: int) -> Mono:
    time = _time(0.12)
    rise = np.minimum(1.0, time / 0.015)
    return (_noise("shaker", variant, len(time), 4500, 11_000) * rise * np.exp(-time / 0.03)).astype(np.float32)


def _rim(variant: int) -> Mono:
    time = _time(0.12)
    ring = np.sin(2 * np.pi * 1710.0 * time) + 0.7 * np.sin(2 * np.pi * 820.0 * time)
    return ((ring + 0.4 * _noise("rim", variant, len(time), 2000, 9000)) * np.exp(-time / 0.014)).astype(np.float32)


def _crash(variant: int) -> Mono:
    time = _time(2.2)
    return (_noise("crash", variant, len(time), 3500, 13_000) * np.exp(-time / 0.5)).astype(np.float32)


def _tom(variant: int) -> Mono:
    return _kick_sound(190.0 - 35.0 * variant, 120.0 - 22.0 * variant, 0.03, 0.13, 0.1)


def _chip_noise(duration_s: float, decay_s: float, hold: int) -> Mono:
    """Noise of a shift register: held steps, which gives it its grain."""
    n = round(duration_s * RATE_HZ)
    steps = generator("chip", hold).choice(np.array([-1.0, 1.0]), n // hold + 1)
    return (np.repeat(steps, hold)[:n] * np.exp(-np.arange(n) / RATE_HZ / decay_s)).astype(np.float32)


DRUM_SOUNDS: dict[str, Callable[[int], Mono]] = {
    "kick": lambda _: _kick_sound(150.0, 52.0, 0.018, 0.09, 0.12),
    "soft_kick": lambda _: _kick_sound(110.0, 50.0, 0.02, 0.1, 0.03),
    "club_kick": lambda _: _kick_sound(230.0, 49.0, 0.022, 0.11, 0.18),
    "snare": _snare, "clap": _clap, "rim": _rim, "hat": _hat, "open_hat": _open_hat, "shaker": _shaker,
    "crash": _crash, "tom": _tom,
    "chip_kick": lambda _: _kick_sound(330.0, 60.0, 0.03, 0.05, 0.0),
    "chip_snare": lambda _: _chip_noise(0.16, 0.05, 4),
    "chip_hat": lambda _: _chip_noise(0.05, 0.014, 2),
}  # fmt: skip
"""Every drum by name."""
