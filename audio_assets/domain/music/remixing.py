"""A chain of effects at work: samples, beats and a style in, samples and where the beats went out.

The effects are in `dsp/`, the chains in `remix_spec.py`. Files are not known here.

Order: loop or cut to length on the source's bar lines -> the style's steps in their order -> exact length, clean ends
-> loudness. A composed cue is written at its own tempo, with its own drums: for it, steps that change time or add drums
are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp import dynamics, filters, reverb, saturation, tape, time_stretch
from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.dsp.looping import (
    FADE_S,
    aligned,
    mapped_times,
    plan_jumps,
    plan_plain_jumps,
    spliced,
)
from audio_assets.domain.dsp.loudness import Loudness
from audio_assets.domain.dsp.mastering import mastered, silence_trimmed, with_clean_ends
from audio_assets.domain.music.analysis import SURE_OF_BEAT, BeatGrid
from audio_assets.domain.music.seeding import seed_of
from audio_assets.domain.music.synthesis import drum_layer
from audio_assets.domain.remix_spec import Step, Style

Block = NDArray[np.float32]

_PLAIN_FADE_S = 1.0  # a loop without bar lines
_FADE_IN_S, _FADE_OUT_S = 0.005, 0.02
_CUT_FADE_S = 3.0  # where music is cut off rather than ends
_TIME_STEPS = ("tempo", "pitch", "speed")
_NOT_FOR_CUES = (*_TIME_STEPS, "drums")


@dataclass(frozen=True, slots=True)
class Pulse:
    """Beats and bar lines in seconds, ascending; empty where they are not known for sure."""

    beats_s: NDArray[np.float64]
    downbeats_s: NDArray[np.float64]
    bpm: float

    def faster(self, ratio: float) -> "Pulse":
        """The pulse of the same music at `ratio` times the tempo."""
        return Pulse(self.beats_s / ratio, self.downbeats_s / ratio, self.bpm * ratio)


@dataclass(frozen=True, eq=False, slots=True)
class Remix:
    """The finished samples, float32 (n_samples, 2), their pulse and loudness, and what there is to say about them.

    `n_jumps` counts the joints of a loop or a cut, `tempo_ratio` and `semitones` what the chain did to time and pitch.
    """

    samples: Block
    pulse: Pulse
    loudness: Loudness
    tempo_ratio: float
    semitones: float
    n_jumps: int
    steps: tuple[str, ...]
    notes: tuple[str, ...]


def remixed(
    samples: Block,
    sample_rate_hz: int,
    grid: BeatGrid | None,
    style: Style,
    *,
    seed: int,
    duration_s: float | None = None,
    is_cue: bool = False,
) -> Remix:
    """`samples`, float32 (n_samples, 2), in `style`; `duration_s` makes it exactly that long."""
    pulse, notes = _pulse(grid)
    steps = tuple(step for step in style.steps if not (is_cue and step.effect in _NOT_FOR_CUES))
    ratio, semitones = _time_changes(steps)
    n_jumps = 0
    is_cut = False
    if duration_s is not None and not is_cue:
        n_source = round(duration_s * ratio * sample_rate_hz)
        fitted = _fitted(samples, sample_rate_hz, pulse, n_source)
        samples, pulse, n_jumps, is_cut = fitted.samples, fitted.pulse, fitted.n_jumps, fitted.is_cut
        notes += fitted.notes
    n_before = len(samples)
    chain = _Chain(samples, sample_rate_hz, pulse, seed)
    for number, step in enumerate(steps):
        chain.apply(step, number)
    n_music = round(n_before / ratio)
    out = _ended(chain.samples, sample_rate_hz, n_music, duration_s, is_cut=is_cut)
    out, loudness = mastered(out, sample_rate_hz, target_lufs=style.target_lufs)
    out = with_clean_ends(out, round(_FADE_IN_S * sample_rate_hz), round(_FADE_OUT_S * sample_rate_hz))
    length_s = len(out) / sample_rate_hz
    pulse = replace(
        chain.pulse,
        beats_s=chain.pulse.beats_s[chain.pulse.beats_s < length_s],
        downbeats_s=chain.pulse.downbeats_s[chain.pulse.downbeats_s < length_s],
    )
    names = tuple(step.effect for step in steps)
    return Remix(out, pulse, loudness, ratio, semitones, n_jumps, names, (*notes, *chain.notes))


def _pulse(grid: BeatGrid | None) -> tuple[Pulse, tuple[str, ...]]:
    none = Pulse(np.zeros(0), np.zeros(0), grid.bpm if grid else 0.0)
    if grid is None or len(grid.beats) < 2:
        return none, ()
    if grid.confidence < SURE_OF_BEAT:
        return none, (
            f"the beat grid is too unsure to rely on (confidence {grid.confidence:.2f}, needed {SURE_OF_BEAT})",
        )
    beats = np.array([beat.time for beat in grid.beats])
    return Pulse(beats, np.array(grid.downbeats), grid.bpm), ()


def _time_changes(steps: tuple[Step, ...]) -> tuple[float, float]:
    """What all steps together do to tempo (a ratio) and pitch (semitones)."""
    ratio, semitones = 1.0, 0.0
    for step in steps:
        if step.effect in ("tempo", "speed"):
            ratio *= float(step.settings["ratio"])
        if step.effect == "speed":
            semitones += 12.0 * float(np.log2(float(step.settings["ratio"])))
        if step.effect == "pitch":
            semitones += float(step.settings["semitones"])
    return ratio, semitones


# --- Length ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Fitted:
    samples: Block
    pulse: Pulse
    n_jumps: int
    is_cut: bool
    notes: tuple[str, ...]


def _fitted(samples: Block, sample_rate_hz: int, pulse: Pulse, n_wanted: int) -> _Fitted:
    has_bars = len(pulse.downbeats_s) >= 2
    if has_bars:
        lines = [round(float(time) * sample_rate_hz) for time in pulse.downbeats_s]
        plan = plan_jumps(samples, sample_rate_hz, lines, n_wanted)
        stretches = aligned(samples, sample_rate_hz, plan)
        n_fade = round(FADE_S * sample_rate_hz)
    else:
        n_fade = min(round(_PLAIN_FADE_S * sample_rate_hz), len(samples) // 4)
        stretches = plan_plain_jumps(len(samples), n_fade, n_wanted)
    n_jumps = len(stretches) - 1
    notes = () if has_bars or not n_jumps else (
        f"no bar lines are known for sure: the track is repeated with crossfades of {n_fade / sample_rate_hz:.1f} s",
    )  # fmt: skip
    moved = Pulse(
        np.array(mapped_times(pulse.beats_s.tolist(), stretches, sample_rate_hz)),
        np.array(mapped_times(pulse.downbeats_s.tolist(), stretches, sample_rate_hz)),
        pulse.bpm,
    )
    is_cut = bool(stretches) and stretches[-1].end < len(samples)
    return _Fitted(spliced(samples, stretches, n_fade), moved, n_jumps, is_cut, notes)


def _ended(samples: Block, sample_rate_hz: int, n_music: int, duration_s: float | None, *, is_cut: bool) -> Block:
    """The wanted length to a sample, faded out where it is cut off; else the music and what of its echo is heard."""
    if duration_s is None:
        return samples[: max(min(n_music, len(samples)), len(silence_trimmed(samples, sample_rate_hz)))]
    n_wanted = round(duration_s * sample_rate_hz)
    n_fade = round((_CUT_FADE_S if is_cut else _FADE_OUT_S) * sample_rate_hz)
    if len(samples) > n_wanted:
        n_fade = max(n_fade, min(len(samples) - n_wanted, round(_CUT_FADE_S * sample_rate_hz)))
    sounding = with_clean_ends(samples[:n_wanted], 0, min(n_fade, n_wanted // 3))
    n_missing = n_wanted - len(sounding)
    return np.concatenate([sounding, np.zeros((n_missing, samples.shape[1]), np.float32)]) if n_missing else sounding


# --- Steps -------------------------------------------------------------------------------------------------------


class _Chain:
    """The samples on their way through the steps."""

    def __init__(self, samples: Block, sample_rate_hz: int, pulse: Pulse, seed: int) -> None:
        self.samples = samples
        self.rate_hz = sample_rate_hz
        self.pulse = pulse
        self.notes: list[str] = []
        self._seed = seed

    def apply(self, step: Step, number: int) -> None:
        """One step; its chance is its own, whatever stands before it in the chain."""
        settings = {key: float(value) for key, value in step.settings.items()}
        _APPLY[step.effect](self, settings, seed_of("step", step.effect, number, self._seed))

    def has_beats(self, effect: str) -> bool:
        """Whether beats are known; if not, a note says what is left out."""
        if len(self.pulse.beats_s) >= 2:
            return True
        self.notes.append(f"no beats are known for sure: {effect} is left out")
        return False


Settings = dict[str, float]


def _tempo(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = time_stretch.tempo_changed(chain.samples, chain.rate_hz, s["ratio"])
    chain.pulse = chain.pulse.faster(s["ratio"])


def _pitch(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = time_stretch.pitch_shifted(chain.samples, chain.rate_hz, s["semitones"])


def _speed(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = time_stretch.speed_changed(chain.samples, s["ratio"])
    chain.pulse = chain.pulse.faster(s["ratio"])


def _low_pass(chain: _Chain, s: Settings, _: int) -> None:
    cascade = filters.low_pass(s["cutoff_hz"], chain.rate_hz, order=round(s["order"]))
    chain.samples = filters.filtered(chain.samples, cascade)


def _high_pass(chain: _Chain, s: Settings, _: int) -> None:
    cascade = filters.high_pass(s["cutoff_hz"], chain.rate_hz, order=round(s["order"]))
    chain.samples = filters.filtered(chain.samples, cascade)


def _low_shelf(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = filters.filtered(chain.samples, filters.low_shelf(s["corner_hz"], s["gain_db"], chain.rate_hz))


def _high_shelf(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = filters.filtered(chain.samples, filters.high_shelf(s["corner_hz"], s["gain_db"], chain.rate_hz))


def _peak(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = filters.filtered(chain.samples, filters.peak(s["center_hz"], s["gain_db"], s["q"], chain.rate_hz))


def _saturation(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = saturation.saturated(chain.samples, **s)


def _square(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = saturation.squared(chain.samples, chain.rate_hz, **s)


def _crush(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = saturation.crushed(chain.samples, chain.rate_hz, **s)


def _wow(chain: _Chain, s: Settings, seed: int) -> None:
    chain.samples = tape.wobbled(chain.samples, chain.rate_hz, seed=seed, **s)


def _vinyl(chain: _Chain, s: Settings, seed: int) -> None:
    chain.samples = chain.samples + tape.vinyl_noise(chain.samples, chain.rate_hz, seed=seed, **s)


def _reverb(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = reverb.reverberated(chain.samples, chain.rate_hz, **s)


def _echo(chain: _Chain, s: Settings, _: int) -> None:
    if chain.has_beats("echo"):
        beat_s = float(np.median(np.diff(chain.pulse.beats_s)))
        n_delay = max(1, round(s["beats"] * beat_s * chain.rate_hz))
        chain.samples = reverb.echoed(chain.samples, n_delay, feedback=s["feedback"], mix=s["mix"])


def _width(chain: _Chain, s: Settings, _: int) -> None:
    middle = chain.samples.mean(axis=1, keepdims=True)
    chain.samples = middle + (chain.samples - middle) * np.float32(s["amount"])


def _smear(chain: _Chain, s: Settings, seed: int) -> None:
    chain.samples = reverb.smeared(chain.samples, chain.rate_hz, seed=seed, **s)


def _soften(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = dynamics.softened(chain.samples, chain.rate_hz, **s)


def _compress(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = dynamics.compressed(chain.samples, chain.rate_hz, **s)


def _gate(chain: _Chain, s: Settings, _: int) -> None:
    if chain.has_beats("gate"):
        chain.samples = dynamics.gated(
            chain.samples, chain.rate_hz, chain.pulse.beats_s,
            beats=s["beats"], open_share=s["open"], depth_db=s["depth_db"],
        )  # fmt: skip


def _pump(chain: _Chain, s: Settings, _: int) -> None:
    if chain.has_beats("pump"):
        chain.samples = dynamics.pumped(chain.samples, chain.rate_hz, chain.pulse.beats_s, **s)


def _drums(chain: _Chain, s: Settings, _: int) -> None:
    if chain.has_beats("drums"):
        level = saturation.reference_level(chain.samples) * amplitude(s["level_db"])
        layer = drum_layer(len(chain.samples), chain.pulse.beats_s.tolist(), chain.pulse.downbeats_s.tolist())
        chain.samples = chain.samples + layer * np.float32(level)


def _gain(chain: _Chain, s: Settings, _: int) -> None:
    chain.samples = chain.samples * np.float32(amplitude(s["gain_db"]))


_APPLY: dict[str, Callable[[_Chain, Settings, int], None]] = {
    "tempo": _tempo, "pitch": _pitch, "speed": _speed,
    "low_pass": _low_pass, "high_pass": _high_pass, "low_shelf": _low_shelf, "high_shelf": _high_shelf, "peak": _peak,
    "saturation": _saturation, "square": _square, "crush": _crush,
    "wow": _wow, "vinyl": _vinyl,
    "reverb": _reverb, "echo": _echo, "width": _width, "smear": _smear,
    "soften": _soften, "compress": _compress, "gate": _gate, "pump": _pump, "drums": _drums, "gain": _gain,
}  # fmt: skip
