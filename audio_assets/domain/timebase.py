"""Time as whole numbers: frames of video at a rational rate, samples of audio at an integer rate.

What converts between frames, samples and seconds belongs here, and nothing that knows what they hold.
- A frame rate is a `Fraction` of frames per second; frame i covers `[i / rate, (i + 1) / rate)` seconds.
- Seconds come in as float, int or `Fraction` and go out as `Fraction`: a caller at the edge makes a float of it.
- A float of seconds is trusted to a microsecond (a fifth of a sample at 192 kHz): 90.09 s at 24000/1001 are 2160
  frames, whichever way the last bit of the float fell. A `Fraction` is taken exactly.
"""

import math
from fractions import Fraction

Seconds = float | Fraction
"""A time or a duration in seconds."""

_FLOAT_TRUST_S = Fraction(1, 1_000_000)
# The NTSC rates as people write them: n * 1000/1001, cut or rounded to two or three decimals.
_NTSC = {
    "23.976": 24, "23.98": 24, "29.97": 30, "47.952": 48, "47.95": 48, "59.94": 60, "59.940": 60, "119.88": 120,
}  # fmt: skip
_HIGHEST_FPS = 1000


class FrameRateError(ValueError):
    """The text is no frame rate; the message says what one looks like."""


def parse_frame_rate(text: str) -> Fraction:
    """Return the exact rate behind "24", "12.5", "24000/1001", or an NTSC shorthand such as "23.976" or "29.97".

    Raises `FrameRateError` for anything else, and for a rate that is not above 0 and at most 1000.
    """
    stripped = text.strip()
    if stripped in _NTSC:
        return Fraction(_NTSC[stripped] * 1000, 1001)
    try:
        rate = Fraction(stripped)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _HIGHEST_FPS:
        raise FrameRateError(f'"{text}" is no frame rate: write frames per second, such as 24, 23.976 or 24000/1001')
    return rate


def format_frame_rate(rate: Fraction) -> str:
    """Return the exact text of a rate, "24" or "24000/1001"; `parse_frame_rate` reads it back."""
    return str(rate)


def frame_start_s(frame: int, rate: Fraction) -> Fraction:
    """Return where a frame begins, in seconds."""
    return Fraction(frame) / rate


def frame_at(t_s: Seconds, rate: Fraction) -> int:
    """Return the frame that shows at a time."""
    return math.floor((_exact(t_s) + _trust(t_s)) * rate)


def nearest_frame(t_s: Seconds, rate: Fraction) -> int:
    """Return the frame whose start is nearest to a time; the later one when two are."""
    return math.floor(_exact(t_s) * rate + Fraction(1, 2))


def n_frames(duration_s: Seconds, rate: Fraction) -> int:
    """Return how many frames cover a duration: the last one may reach past its end."""
    return max(0, math.ceil((_exact(duration_s) - _trust(duration_s)) * rate))


def n_samples(duration_s: Seconds, sample_rate_hz: int) -> int:
    """Return the whole number of samples nearest to a duration."""
    return math.floor(_exact(duration_s) * sample_rate_hz + Fraction(1, 2))


def samples_to_s(n: int, sample_rate_hz: int) -> Fraction:
    """Return the duration of `n` samples, in seconds."""
    return Fraction(n, sample_rate_hz)


def frame_to_sample(frame: int, rate: Fraction, sample_rate_hz: int) -> int:
    """Return the sample nearest to a frame's start: counted from 0, so that errors never add up over frames."""
    return n_samples(frame_start_s(frame, rate), sample_rate_hz)


def sample_to_frame(sample: int, sample_rate_hz: int, rate: Fraction) -> int:
    """Return the frame that shows while a sample sounds."""
    return math.floor(samples_to_s(sample, sample_rate_hz) * rate)


def _exact(t_s: Seconds) -> Fraction:
    if not math.isfinite(t_s):
        raise ValueError(f"{t_s} s is no time")
    return Fraction(t_s)


def _trust(t_s: Seconds) -> Fraction:
    return _FLOAT_TRUST_S if isinstance(t_s, float) else Fraction(0)
