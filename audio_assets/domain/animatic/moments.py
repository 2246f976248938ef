"""What the music does on each frame of a shot, and where the camera stands then.

A `Moment` is all that drawing may depend on beside the shot itself. `flow_s` runs faster where the music is strong, so
whatever moves by it follows the energy without jumping. Curves are made once per shot; nothing is drawn here.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.shot import Guide, Shot

Floats = NDArray[np.float64]

MOVES = ("push", "pull", "pan_left", "pan_right", "rise", "sink", "orbit", "handheld", "still")
_WORDS_FOR_MOVES = {
    "push": "push", "pull": "pull", "pull-back": "pull", "pan": "pan_left", "pans": "pan_right",
    "tracking": "pan_right",
    "tilt": "rise", "crane": "rise", "orbit": "orbit", "orbits": "orbit", "arc": "orbit", "handheld": "handheld",
    "still": "still", "zoom": "push",
}  # fmt: skip
_CALM = ("push", "rise", "pan_left", "still")
_STEADY = ("orbit", "pan_left", "pan_right", "push", "pull")
_DRIVING = ("push", "handheld", "orbit", "pan_right")
_BEAT_FADE_S, _BAR_FADE_S = 0.16, 0.28
_USUAL_ENERGY = 0.4
_WHOLE_MOVE_S = 2.5  # in a shorter shot the camera goes less far, not faster


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame: `progress` 0 to 1 through the shot, `energy`, `beat` and `bar` 0 to 1 (the latter fade after hits)."""

    frame: int
    time_s: float
    progress: float
    flow_s: float
    energy: float
    beat: float
    bar: float


@dataclass(frozen=True, slots=True)
class Pose:
    """The camera: `zoom` from 1, shift in frame heights (positive: the camera looks right, down), turn in degrees."""

    zoom: float
    x: float
    y: float
    turn_deg: float


def moments(shot: Shot) -> tuple[Moment, ...]:
    """Every frame of the shot."""
    n_frames = shot.n_frames
    rate = float(shot.frame_rate)
    energy = _energy(shot)
    flow_s = np.concatenate([[0.0], np.cumsum(0.35 + 1.5 * energy)[:-1]]) / rate
    beat, bar = _hits(shot)
    return tuple(
        Moment(i, i / rate, i / max(1, n_frames - 1), float(flow_s[i]), float(energy[i]), float(beat[i]), float(bar[i]))
        for i in range(n_frames)
    )


def choose_move(text: str, energy: float, rng: np.random.Generator) -> str:
    """A camera move: what the words ask for counts as much as all that suits the energy."""
    suited = _CALM if energy < 0.35 else _STEADY if energy < 0.7 else _DRIVING
    asked = [_WORDS_FOR_MOVES[word] for word in text.lower().replace(",", " ").split() if word in _WORDS_FOR_MOVES]
    choices = [*suited, *(asked[:3] * len(suited))]
    return str(rng.choice(choices))


def poses(line: tuple[Moment, ...], move: str, shake: float, seed: int) -> tuple[Pose, ...]:
    """The camera on every frame; it never shows more than 0.12 frame heights beside the stage, at zoom 1 or above."""
    rng = np.random.default_rng(seed)
    calm = float(np.mean([m.energy for m in line])) if line else _USUAL_ENERGY
    length_s = line[-1].time_s if line else 0.0
    reach = (0.6 + 0.6 * calm) * min(1.0, length_s / _WHOLE_MOVE_S)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    phases = rng.uniform(0, 2 * np.pi, 6)
    wobble = (0.0016 if move != "handheld" else 0.007) + 0.006 * shake
    return tuple(_pose(m, move, reach, sign, phases, wobble) for m in line)


def _pose(m: Moment, move: str, reach: float, sign: float, phases: Floats, wobble: float) -> Pose:
    p = m.progress * m.progress * (3.0 - 2.0 * m.progress) * 0.5 + m.progress * 0.5  # starts and ends a little softer
    swing = 2.0 * p - 1.0
    zoom, x, y, turn = 1.07, 0.0, 0.0, 0.0
    if move == "push":
        zoom = 1.03 + 0.15 * reach * p
        y = -0.015 * p
    elif move == "pull":
        zoom = 1.03 + 0.15 * reach * (1.0 - p)
    elif move in ("pan_left", "pan_right"):
        x = (-1.0 if move == "pan_left" else 1.0) * 0.085 * reach * swing
    elif move in ("rise", "sink"):
        y = (-1.0 if move == "rise" else 1.0) * 0.07 * reach * swing
        zoom = 1.08
    elif move == "orbit":
        x, turn = sign * 0.075 * reach * swing, sign * 0.9 * swing
        zoom = 1.09 + 0.03 * (1.0 - swing * swing)
    elif move == "handheld":
        x, zoom = sign * 0.03 * swing, 1.09
    shaken = wobble * (0.6 + 1.2 * m.energy)
    a, b, c, d, e, f = phases
    t = m.time_s
    x += shaken * (np.sin(2.1 * t + a) + 0.6 * np.sin(4.7 * t + b) + 0.25 * np.sin(11.3 * t + c))
    y += shaken * (np.sin(1.7 * t + d) + 0.6 * np.sin(5.3 * t + e) + 0.25 * np.sin(12.1 * t + f))
    turn += 40.0 * shaken * np.sin(1.3 * t + c + e)
    zoom *= 1.0 + (0.008 * m.beat + 0.024 * m.bar) * (0.35 + m.energy)
    return Pose(float(zoom), float(x), float(y), float(turn))


def _energy(shot: Shot) -> Floats:
    """The guide's energy, smoothed over a third of a second, as many values as frames."""
    given = shot.guide.energy if shot.guide else ()
    if not given:
        return np.full(shot.n_frames, _USUAL_ENERGY)
    values = np.clip(np.interp(np.linspace(0, 1, shot.n_frames), np.linspace(0, 1, len(given)), given), 0.0, 1.0)
    reach = max(1, round(float(shot.frame_rate) / 3))
    padded = np.pad(values, (reach // 2, reach - 1 - reach // 2), mode="edge")
    return np.convolve(padded, np.full(reach, 1.0 / reach), mode="valid")


def _hits(shot: Shot) -> tuple[Floats, Floats]:
    """Pulses that start on beats and on downbeats, and fade."""
    beat, bar = np.zeros(shot.n_frames), np.zeros(shot.n_frames)
    rate = float(shot.frame_rate)
    for hit in shot.guide.beats if shot.guide else ():
        if not 0 <= hit.frame < shot.n_frames:
            continue
        after_s = np.arange(shot.n_frames - hit.frame) / rate
        strength = min(1.0, 0.4 + 0.6 * hit.strength)
        np.maximum(beat[hit.frame :], strength * np.exp(-after_s / _BEAT_FADE_S), out=beat[hit.frame :])
        if hit.is_downbeat:
            np.maximum(bar[hit.frame :], strength * np.exp(-after_s / _BAR_FADE_S), out=bar[hit.frame :])
    return beat, bar


def line_at(guide: Guide, frame: int) -> int | None:
    """The line of lyrics that is sung on a frame, or was until 12 frames ago, or will be within 6; None for none."""
    lines: dict[int, tuple[int, int]] = {}
    for word in guide.words:
        start, end = lines.get(word.line, (word.start_frame, word.end_frame))
        lines[word.line] = (min(start, word.start_frame), max(end, word.end_frame))
    order = sorted(lines.items(), key=lambda entry: entry[1])
    ends = [min(end + 12, after[1][0] - 6) for (_, (_, end)), after in pairwise(order)]
    ends += [end + 12 for _, (_, end) in order[-1:]]
    for (line, (start, _)), end in zip(order, ends, strict=True):
        if start - 6 <= frame < max(end, start + 1):
            return line
    return None
