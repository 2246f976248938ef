"""Plays a score: notes become sounds, parts a mix with a place for each, a room and a loudness.

Samples are float32 (n_samples, 2) at 44 100 Hz. The instruments are in `synthesis`.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.dynamics import compressed, pumped
from audio_assets.domain.dsp.filters import filtered, high_pass, high_shelf
from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.dsp.mastering import mastered, with_clean_ends
from audio_assets.domain.dsp.reverb import reverberated
from audio_assets.domain.music.synthesis import RATE_HZ, note_sound, stroke
from audio_assets.domain.remix_spec import Composition

Block = NDArray[np.float32]

TARGET_LUFS = -16.0

_PART_LUFS = {"drums": -19.0, "bass": -24.0, "chords": -21.5, "layer": -25.0, "lead": -20.5}
_ROOM = {"drums": 0.1, "bass": 0.0, "chords": 0.3, "layer": 0.4, "lead": 0.3}
_LEAD_PAN = 0.0
_LAYER_VOICE = {"pad": "strings", "strings": "pad"}  # what joins in choruses; else a pad
_ROOM_S = {"none": 4.5, "boom_bap": 1.2, "half_time": 3.2, "chip": 0.4}
_DRUM_PANS = {"hat": 0.25, "open_hat": 0.25, "shaker": -0.4, "rim": -0.2, "tom": 0.3, "crash": -0.3, "chip_hat": 0.2}
_JITTER_S, _LATEST_S = 0.004, 0.012
_TOUCH = 0.07  # standard deviation of velocities
_STRICT = ("chip", "four_on_floor")  # machines: their drums fall exactly on the beat
_FADE_OUT_S = 1.0


class Played(Protocol):
    """What is read of a note."""

    @property
    def part(self) -> str: ...  # noqa: D102
    @property
    def pitch(self) -> int: ...  # noqa: D102
    @property
    def start_s(self) -> float: ...  # noqa: D102
    @property
    def end_s(self) -> float: ...  # noqa: D102
    @property
    def velocity(self) -> float: ...  # noqa: D102


def played(notes: Sequence[Played], composition: Composition, n_samples: int, random: np.random.Generator) -> Block:
    """The notes by the style's instruments, mixed, at -16 LUFS, faded to silence at the end."""
    buses = _buses(notes, composition, n_samples, random)
    mix = np.zeros((n_samples, 2), np.float32)
    wet = np.zeros_like(mix)
    for part, bus in buses.items():
        loudness = measure_loudness(bus, RATE_HZ).integrated_lufs
        if loudness is None:
            continue
        level = np.float32(amplitude(_PART_LUFS[part] - loudness))
        mix += bus * level
        wet += bus * (level * np.float32(_ROOM[part]))
    room = reverberated(wet, RATE_HZ, decay_s=_ROOM_S.get(composition.drums, 1.8), mix=1.0)[:n_samples]
    mix += filtered(room, high_pass(220.0, RATE_HZ))
    mix = filtered(mix, np.concatenate([high_pass(30.0, RATE_HZ), high_shelf(9000.0, 1.5, RATE_HZ)]))
    glued = compressed(mix, RATE_HZ, threshold_db=-20.0, ratio=1.8, attack_ms=25.0, release_ms=180.0)
    ended = with_clean_ends(glued, 0, min(n_samples // 4, round(_FADE_OUT_S * RATE_HZ)))
    loud, _ = mastered(ended, RATE_HZ, target_lufs=TARGET_LUFS)
    return with_clean_ends(loud, round(0.002 * RATE_HZ), round(0.05 * RATE_HZ))


def _buses(
    notes: Sequence[Played], composition: Composition, n_samples: int, random: np.random.Generator
) -> dict[str, Block]:
    voices = {
        "chords": composition.chords,
        "layer": _LAYER_VOICE.get(composition.chords, "pad"),
        "bass": f"bass {composition.bass}",
        "lead": composition.lead,
    }
    buses = {part: np.zeros((n_samples, 2), np.float32) for part in _PART_LUFS}
    sounds: dict[tuple[str, int, int], Block] = {}
    kicks: list[float] = []
    for number, note in enumerate(notes):
        jitter_s = float(np.clip(random.normal(0.0, _JITTER_S), -_LATEST_S, _LATEST_S))
        touch = float(np.clip(1.0 + random.normal(0.0, _TOUCH), 0.7, 1.3))
        is_drum = note.part not in voices
        if composition.drums in _STRICT and (is_drum or composition.drums == "chip"):
            jitter_s = 0.0
        start = max(0, round((note.start_s + jitter_s) * RATE_HZ))
        # Loudness grows with the square of the touch, as on real instruments.
        gain = np.float32((note.velocity * touch) ** 2)
        if is_drum:
            _add(buses["drums"], _panned(stroke(note.part, number % 3), _DRUM_PANS.get(note.part, 0.0)), start, gain)
            if note.part == "club_kick":
                kicks.append(note.start_s)
            continue
        duration_ms = max(30, 10 * round(100 * (note.end_s - note.start_s)))
        name = (voices[note.part], note.pitch, duration_ms)
        if name not in sounds:
            sounds[name] = note_sound(name[0], note.pitch, duration_ms / 1000.0)
        _add(buses[note.part], _placed(sounds[name], note), start, gain)
    if len(kicks) >= 2:
        for part in ("chords", "layer", "bass"):
            buses[part] = _ducked_by_kicks(buses[part], kicks)
    return buses


def _ducked_by_kicks(bus: Block, kicks: list[float]) -> Block:
    """The bus steps back for each kick; where kicks rest for longer than a second it stays as it is."""
    times = np.array(kicks)
    runs = np.split(times, np.flatnonzero(np.diff(times) > 1.0) + 1)
    out = bus.copy()
    for run in runs:
        if len(run) < 2:
            continue
        first, last = round(run[0] * RATE_HZ), round((run[-1] + (run[-1] - run[-2])) * RATE_HZ)
        out[first:last] = pumped(bus[first:last], RATE_HZ, run - run[0], depth_db=7.0, release=0.7)
    return out


def _placed(sound: Block, note: Played) -> Block:
    """Chords spread by pitch, low notes left; bass and tune stay in the middle."""
    if note.part not in ("chords", "layer"):
        return sound
    pan = float(np.clip((note.pitch - 64) / 16.0, -0.6, 0.6))
    return sound * np.array([min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)], np.float32)


def _panned(sound: NDArray[np.float32], pan: float) -> Block:
    return np.stack([sound * np.float32(min(1.0, 1.0 - pan)), sound * np.float32(min(1.0, 1.0 + pan))], axis=1)


def _add(bus: Block, sound: Block, start: int, gain: np.float32) -> None:
    n = min(len(sound), len(bus) - start)
    if n > 0:
        bus[start : start + n] += sound[:n] * gain
