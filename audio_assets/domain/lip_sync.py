"""What lip-sync did to a clip, and how it is measured: by the output's own mouth against the mouth that was wanted.

Values and measures belong here; who syncs is in `resources/lip_sync.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.mouth_shapes import MouthFrame

Numbers = NDArray[np.float64]
Method = Literal["warp", "sprites", "by_voice", "unchanged"]

REST = MouthFrame("X", 0, "sil", 0.0, 0.0)
"""The mouth where a clip is longer than its line."""

_MOST_OFFSET = 6
_LEAST_MEASURED = 8
_LEAST_JAW_MOTION = 0.1
"""Standard deviation of what was wanted: one held vowel has 0.02, a sung line 0.2, and only of that an offset shows."""
_LEAST_MOTION = 1e-6
_VOWEL_VISEMES = frozenset({1, 2, 3, 4, 8, 9, 10, 11})
_CLOSED_VISEME = 21
_SHAPE_OPENING = {"A": 0.0, "B": 0.2, "C": 0.5, "D": 1.0, "E": 0.5, "F": 0.2, "G": 0.1, "H": 0.5, "X": 0.0}
_OPEN_JAW, _SHUT_JAW = 0.45, 0.1


@dataclass(frozen=True, slots=True)
class Synced:
    """A clip with its mouth in sync.

    `n_with_face` frames show a face (or a drawn mouth), `n_changed` differ from the clip. `unchanged` means that the
    target is the clip, byte for byte; `by_voice`, that somebody listened, who tells no faces: `n_with_face` are the
    changed frames then, and `measures` say how many frames came and how many are missing. Else they are:

    - `offset_frames`: the picture's lag behind the sound, measured on the target; None where it can not be told, with
      `offset_correlation`, how alike the two curves are at that lag;
    - `open_vowels`, `closed_lips`: medians of the mouth's openness, measured on the target, as shares of the face's
      height; with the frame counts `n_vowel_frames`, `n_closed_frames` (None where there are none);
    - `box`: x0, y0, x1, y1 outside of which no frame was touched before it was encoded.
    """

    n_frames: int
    n_with_face: int
    n_changed: int
    method: Method
    notes: tuple[str, ...] = ()
    measures: Mapping[str, Any] = field(default_factory=dict)


def frames_for_clip(
    mouth: Sequence[MouthFrame], mouth_rate: Fraction, n_frames: int, frame_rate: Fraction
) -> tuple[MouthFrame, ...]:
    """The mouth of each of a clip's frames: what is due at the frame's middle, at rest past the line's end."""
    places = ((Fraction(2 * i + 1, 2) / frame_rate * mouth_rate).__floor__() for i in range(n_frames))
    return tuple(mouth[k] if k < len(mouth) else REST for k in places)


def mouth_audio_offset(openness: Numbers, wanted: Numbers) -> tuple[int | None, float]:
    """By how many frames a mouth's openness lags behind the jaw that was wanted, and their correlation at that lag.

    Both have one value per frame, NaN where nothing was measured. Negative: the mouth is early. None where either
    hardly moves or too little was measured: no offset can be told then. Of equally good lags the smallest is taken.
    """
    best: tuple[int | None, float] = (None, 0.0)
    told = wanted[np.isfinite(openness) & np.isfinite(wanted)]
    if not len(told) or float(told.std()) < _LEAST_JAW_MOTION:
        return best
    for lag in sorted(range(-_MOST_OFFSET, _MOST_OFFSET + 1), key=abs):
        seen, due = _shifted(openness, wanted, lag)
        both = np.isfinite(seen) & np.isfinite(due)
        if both.sum() < _LEAST_MEASURED:
            continue
        seen, due = seen[both] - seen[both].mean(), due[both] - due[both].mean()
        size = float(np.sqrt((seen @ seen) * (due @ due)))
        if size > _LEAST_MOTION and (best[0] is None or float(seen @ due) / size > best[1] + 1e-9):
            best = lag, float(seen @ due) / size
    return best


def _shifted(openness: Numbers, wanted: Numbers, lag: int) -> tuple[Numbers, Numbers]:
    n = max(0, len(openness) - abs(lag))
    return openness[max(lag, 0) :][:n], wanted[max(-lag, 0) :][:n]


def opening_measures(openness: Numbers, mouth: Sequence[MouthFrame], *, by_shape: bool = False) -> dict[str, Any]:
    """Offset, and how open the mouth is on open vowels and where p, b and m shut it; the keys are `Synced`'s.

    A warped mouth follows the jaw. With `by_shape` the offset is that against the opening of the shapes: sprites show
    those, and shapes anticipate a vowel by up to a frame.
    """
    visemes = np.array([frame.viseme for frame in mouth], dtype=np.int64)
    jaw = np.array([frame.jaw for frame in mouth], dtype=np.float64)
    measured = np.isfinite(openness)
    vowels = openness[np.isin(visemes, list(_VOWEL_VISEMES)) & (jaw >= _OPEN_JAW) & measured]
    shut = openness[(visemes == _CLOSED_VISEME) & (jaw <= _SHUT_JAW) & measured]
    silent = np.array([frame.shape == "X" for frame in mouth], dtype=bool)
    wanted = np.array([_SHAPE_OPENING[frame.shape] for frame in mouth]) if by_shape else jaw
    offset, correlation = mouth_audio_offset(np.where(silent, np.nan, openness), wanted)
    return {
        "offset_frames": offset,
        "offset_correlation": round(correlation, 3),
        "open_vowels": round(float(np.median(vowels)), 4) if len(vowels) else None,
        "closed_lips": round(float(np.median(shut)), 4) if len(shut) else None,
        "n_vowel_frames": len(vowels),
        "n_closed_frames": len(shut),
    }
