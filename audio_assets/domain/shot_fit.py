"""What a provider sells against what a shot needs: the length and the size to ask for.

Lengths are whole seconds, sizes (width, height) in pixels. Sizes are compared as fractions, so that equal shapes are
equal and a portrait is answered as its landscape is.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from audio_assets.domain.song_settings import CLIP_SECONDS

Size = tuple[int, int]

_SLACK_S = 1e-6  # a scene's length is a fraction of frames; what it misses by less than that it does not miss


def sold_seconds(offered: Sequence[int], needed_s: float) -> int:
    """The shortest length on offer that covers the shot; where any is sold, the shot's own in whole seconds.

    Raises:
        ValueError: none does; one sentence that says what to set.
    """
    if not offered:
        return max(1, math.ceil(needed_s - _SLACK_S))
    enough = [seconds for seconds in offered if seconds >= needed_s - _SLACK_S]
    if enough:
        return min(enough)
    longest = max(offered)
    settable = [seconds for seconds in CLIP_SECONDS if seconds <= longest]
    remedy = f"set the song's clip_seconds to {max(settable)}" if settable else "choose another video_model"
    raise ValueError(f"sells clips of at most {longest} s, and the scene lasts {needed_s:.2f} s: {remedy}")


def nearest_size(offered: Sequence[Size], width: int, height: int) -> Size:
    """The size on offer that is nearest: itself, else of its orientation, then nearest in shape, then in area.

    Where every size is sold it is the shot's own.
    """
    wanted = (width, height)

    def distance(size: Size) -> tuple[bool, Fraction, Fraction, int]:
        shape = _ratio(Fraction(*size), Fraction(*wanted))
        area = _ratio(Fraction(size[0] * size[1]), Fraction(width * height))
        return _orientation(size) != _orientation(wanted), shape, area, -size[0] * size[1]

    return min(offered, key=distance) if offered else wanted


def _orientation(size: Size) -> int:
    """1 landscape, 0 square, -1 portrait."""
    return (size[0] > size[1]) - (size[0] < size[1])


def _ratio(a: Fraction, b: Fraction) -> Fraction:
    """How many times one is the other, whichever is larger: 1 for equals."""
    return max(a / b, b / a)
