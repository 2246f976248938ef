"""How a mouth in a picture is to move: landmarks smoothed over time, poses from a line's mouth frames.

What happens from frame to frame belongs here; what one frame looks like is in `mouth_curves` and `mouth_paint`.
All filters look both ways in time, so nothing lags: a whole clip is known before its first frame is written.
- `still_or_moving`: landmarks without jitter. Detection noise (0.2 % of a face's height) makes a mouth tremble on a
  still picture, so a face at rest is averaged over half a second, one that moves over a tenth, a fast one not at all.
- `mouth_poses`: how open, round, pressed and tucked the lips are in each frame, and how far the picture's own mouth has
  to give way (`weight`: 0 in silence, where nothing is touched).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.face_geometry import Floats, face_height_px
from audio_assets.domain.mouth_curves import Pose
from audio_assets.domain.mouth_shapes import MouthFrame

Numbers = NDArray[np.float64]

_LIGHT_FRAMES, _HEAVY_FRAMES = 1.0, 5.0
_STILL, _MOVING = 0.002, 0.006  # what a filter takes away, as a share of the face's height
_JUMP = 0.3  # a face that moves or grows by this share of its height in one frame: a cut
_LONGEST_HOLE = 4  # frames without landmarks that are bridged
_FADE_FRAMES = 3

_BILABIAL_VISEME, _LIP_TEETH_VISEME, _SILENCE_VISEME = 21, 18, 0
_ROUNDNESS = {3: 0.6, 4: 0.3, 5: 0.5, 7: 1.0, 8: 0.9, 9: 0.7, 10: 0.7, 13: 0.6, 16: 0.8}
"""Of Azure's visemes: how far closing lips mean rounding, not sealing. The others do not round."""
_SPREAD_VISEMES = frozenset({4, 6, 15})
_PUCKERED = 0.8


@dataclass(frozen=True, slots=True)
class MouthPoses:
    """One value per frame and array, each 0 to 1, shape (n,).

    `weight` blends from the picture's own mouth (0: untouched) to the pose; `opening` is the jaw, `rounding` 1 a
    pucker, `spreading` corners apart, `pressing` sealed lips, `tucking` the lower lip under the teeth, `tongue` its
    tip up.
    """

    weight: Numbers
    opening: Numbers
    rounding: Numbers
    spreading: Numbers
    pressing: Numbers
    tucking: Numbers
    tongue: Numbers

    def at(self, i: int, weight: float) -> Pose:
        """The pose of one frame, with a weight of its own."""
        return Pose(weight, *(float(values[i]) for values in (
            self.opening, self.rounding, self.spreading, self.pressing, self.tucking, self.tongue)))  # fmt: skip


def mouth_poses(frames: Sequence[MouthFrame]) -> MouthPoses:
    """The poses of a line's mouth frames; empty arrays for no frames."""
    viseme = np.array([frame.viseme for frame in frames], dtype=np.int64)
    shape = np.array([frame.shape for frame in frames], dtype="U1")
    jaw = np.array([frame.jaw for frame in frames], dtype=np.float64)
    lip = np.array([frame.lip for frame in frames], dtype=np.float64)
    sealed = viseme == _BILABIAL_VISEME
    roundness = np.array([_ROUNDNESS.get(int(v), 0.0) for v in viseme])
    rounding = np.clip(lip / _PUCKERED, 0, 1) * _softened(roundness)
    return MouthPoses(
        weight=_weights((shape == "X") | ((viseme == _SILENCE_VISEME) & (jaw < 0.02) & (lip < 0.02)), sealed),
        opening=np.where(sealed & (lip > _PUCKERED) & (jaw < 0.1), 0.0, jaw),
        rounding=np.where(sealed & (lip > 0.95), 0.0, rounding),
        spreading=_softened(np.isin(viseme, list(_SPREAD_VISEMES)).astype(float)) * (1 - np.clip(lip, 0, 1)),
        pressing=np.where(jaw < 0.1, np.clip((lip - _PUCKERED) / (1 - _PUCKERED), 0, 1), 0.0),
        tucking=_softened((viseme == _LIP_TEETH_VISEME).astype(float)),
        tongue=_softened((shape == "H").astype(float)),
    )


def _weights(at_rest: NDArray[np.bool_], sealed: NDArray[np.bool_]) -> Numbers:
    """0 at rest, 1 in speech, rising over the first frames of it; every P, B and M is whole in one frame at least."""
    weight = np.where(at_rest, 0.0, 1.0)
    for k in range(1, _FADE_FRAMES):
        near = np.zeros_like(at_rest)
        near[k:] |= at_rest[:-k]
        near[:-k] |= at_rest[k:]
        weight[near] = np.minimum(weight[near], k / _FADE_FRAMES)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sealed & ~at_rest, [False]])))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if weight[first:end].max() < 1:
            weight[(first + end) // 2] = 1.0
    return weight


def _softened(values: Numbers) -> Numbers:
    """Over three frames, 1 2 1."""
    if len(values) == 0:
        return values
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, np.float64)


# --- landmarks over time ----------------------------------------------------------------------------------------------


def still_or_moving(track: Sequence[Floats | None]) -> tuple[Floats, Numbers]:
    """Landmarks without jitter, (n, 468, 2), and how surely each frame has any, (n,) from 0 to 1.

    `track` has a frame's landmarks or None. Short holes are bridged; where a face is missing for longer its sureness
    falls to 0 over the frames before, and rises over those after, so that nothing pops. A cut is no movement: frames
    on its two sides never mix. Landmarks of frames without a face are 0.
    """
    n = len(track)
    landmarks = np.zeros((n, *next((x.shape for x in track if x is not None), (0, 2))), dtype=np.float32)
    for i, found in enumerate(track):
        if found is not None:
            landmarks[i] = found
    seen = np.array([found is not None for found in track], dtype=bool)
    seen |= _bridged(landmarks, seen)
    sureness = np.zeros(n)
    for first, last in _stretches(landmarks, seen):
        part = landmarks[first:last].astype(np.float64)
        landmarks[first:last] = _smoothed(part)
        to_edge = np.minimum(
            np.arange(1, last - first + 1) if first > 0 and not seen[first - 1] else np.inf,
            np.arange(last - first, 0, -1) if last < n and not seen[last] else np.inf,
        )
        sureness[first:last] = np.minimum(1.0, to_edge / (_FADE_FRAMES + 1))
    return landmarks, sureness


def smoothed_tones(track: Sequence[Numbers | None]) -> Numbers:
    """Colours (n, 2, 3) that change slowly; a frame without any has those of its neighbours."""
    known = [i for i, tones in enumerate(track) if tones is not None]
    values = np.stack([tones for tones in track if tones is not None]).reshape(len(known), -1)
    filled = np.stack([np.interp(np.arange(len(track)), known, column) for column in values.T], axis=1)
    return np.clip(_bell(filled[:, :, None], _HEAVY_FRAMES), 0, 255).reshape(len(track), 2, 3)


def _bridged(landmarks: Floats, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill short holes between two frames of one face, in place; which frames were filled."""
    filled = np.zeros_like(seen)
    known = np.flatnonzero(seen)
    for a, b in pairwise(known):
        if 1 < b - a <= _LONGEST_HOLE + 1 and not _is_cut(landmarks[a], landmarks[b]):
            for i in range(a + 1, b):
                landmarks[i] = landmarks[a] + (landmarks[b] - landmarks[a]) * np.float32((i - a) / (b - a))
                filled[i] = True
    return filled


def _is_cut(before: Floats, after: Floats) -> bool:
    height = face_height_px(before)
    moved = float(np.hypot(*(after.mean(axis=0) - before.mean(axis=0))))
    return max(moved, abs(face_height_px(after) - height)) > _JUMP * height


def _stretches(landmarks: Floats, seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of frames, first and end, that show one face without a cut."""
    runs: list[tuple[int, int]] = []
    for i in np.flatnonzero(seen):
        if runs and runs[-1][1] == i and not _is_cut(landmarks[i - 1], landmarks[i]):
            runs[-1] = (runs[-1][0], int(i) + 1)
        else:
            runs.append((int(i), int(i) + 1))
    return runs


def _smoothed(points: Numbers) -> Numbers:
    """Averaged over time: much where the face is still, little where it moves, not at all where it moves fast."""
    light, heavy = _bell(points, _LIGHT_FRAMES), _bell(points, _HEAVY_FRAMES)
    height = max(face_height_px(points.mean(axis=0).astype(np.float32)), 1e-6)
    slow = heavy + (light - heavy) * _motion(light - heavy, height)
    return np.asarray(slow + (points - slow) * _motion(points - light, height), np.float64)


def _motion(apart: Numbers, height: float) -> Numbers:
    """How surely a face moves, (n, 1, 1) from 0 to 1, by what a filter takes away from its track."""
    share = np.sqrt(np.mean(np.square(apart), axis=(1, 2), keepdims=True)) / height
    return _bell(np.clip((share - _STILL) / (_MOVING - _STILL), 0, 1), _LIGHT_FRAMES)


def _bell(points: Numbers, sigma_frames: float) -> Numbers:
    """A Gaussian over time; past an end the track goes on as its point reflection, so a steady motion stays exact."""
    n = len(points)
    reach = min(int(np.ceil(3 * sigma_frames)), n - 1)
    if reach < 1:
        return points
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma_frames))
    kernel /= kernel.sum()
    before = 2 * points[:1] - points[reach:0:-1]
    after = 2 * points[-1:] - points[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, points, after])
    out = np.zeros_like(points)
    for k, weight in enumerate(kernel):
        out += weight * padded[k : k + n]
    return out
