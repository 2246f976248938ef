"""Another shape of the same film: which part of each picture is kept, so that faces stay in it and nothing jitters.

Pure. Boxes are in pixels of the film; centres of faces are shares (0 to 1) of its width and height. A scene that can be
shown by one still box is; only a face that leaves it makes the box glide, slowly. Between scenes the box jumps, with
the cut. Who finds faces is in `resources/engines/faces.py`, who crops in `resources/engines/deliverables.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Shape = Literal["landscape", "vertical", "square"]

_FACE_HEIGHT = 0.4  # of the box, from its top: where a face is put if there is room to choose
_STILL_SHARE = 0.3  # of the box: a face that stays within so much of it needs no movement
_GLIDE_S = 0.6  # standard deviation of the bell that smooths a moving box
_CENTRE_PULL = 0.35  # standard deviation, in shares of the picture, of the weight that the middle has without faces


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the faces are in a frame (counted in the film): the centre of all that matter, and how many they are."""

    frame: int
    x: float
    y: float
    n_faces: int = 1


@dataclass(frozen=True, slots=True)
class SceneTrack:
    """A scene, frames `[start_frame, end_frame)`, and the faces seen in some of its frames, by rising frame."""

    start_frame: int
    end_frame: int
    spots: tuple[Spot, ...] = ()

    @property
    def n_frames(self) -> int:
        """How many frames it shows."""
        return self.end_frame - self.start_frame


def size_of(shape: Shape, width: int, height: int) -> tuple[int, int]:
    """The size of a film in another shape, with the same shorter side; even numbers.

    A film that has the shape already keeps its size: 16:9 and 9:16 to within 2 %.
    """
    short = min(width, height) // 2 * 2
    long = round(short * 16 / 9 / 2) * 2
    is_own = max(width, height) > 0 and abs(max(width, height) / min(width, height) / (16 / 9) - 1) < 0.02
    if shape == "square":
        return short, short
    if is_own and (width > height) == (shape == "landscape"):
        return width, height
    return (long, short) if shape == "landscape" else (short, long)


def box_size(width: int, height: int, out_width: int, out_height: int) -> tuple[int, int]:
    """The largest box of the output's shape in the film's picture."""
    return min(width, round(height * out_width / out_height)), min(height, round(width * out_height / out_width))


def crop_path(
    track: SceneTrack, frame_rate: Fraction, size: tuple[int, int], box: tuple[int, int], *, rest: tuple[float, float]
) -> NDArray[np.float64]:
    """Left and top of the box for each frame of a scene, shape (n_frames, 2), within the picture of `size`.

    Whole pixels where the box is still. `rest` is the centre of interest of a scene without faces.
    """
    columns = []
    for axis, share in ((0, 0.5), (1, _FACE_HEIGHT)):
        room = size[axis] - box[axis]
        frames = np.array([spot.frame - track.start_frame for spot in track.spots], np.float64)
        centres = np.array([(spot.x, spot.y)[axis] for spot in track.spots], np.float64)
        if len(centres) == 0:
            place = np.clip(rest[axis] * size[axis] - 0.5 * box[axis], 0, room)
            columns.append(np.full(track.n_frames, np.rint(place)))
            continue
        wanted = np.clip(_without_outliers(centres) * size[axis] - share * box[axis], 0, room)
        columns.append(_followed(frames, wanted, track.n_frames, box[axis], room, frame_rate))
    return np.stack(columns, axis=1)


def interest_centre(pictures: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Where a scene without faces draws the eye: the centre (x, y; 0 to 1) of its edges, the middle weighing more.

    Grey pictures of one shape (height, width); the middle, (0.5, 0.5), for none or for flat ones.
    """
    total = None
    for picture in pictures:
        down, right = np.gradient(picture.astype(np.float64))
        edges = np.hypot(down, right)
        total = edges if total is None else total + edges
    if total is None or total.max() <= 0:
        return 0.5, 0.5
    y = (np.arange(total.shape[0]) + 0.5) / total.shape[0]
    x = (np.arange(total.shape[1]) + 0.5) / total.shape[1]
    pull = np.exp(-0.5 * ((x[np.newaxis] - 0.5) ** 2 + (y[:, np.newaxis] - 0.5) ** 2) / _CENTRE_PULL**2)
    weight = np.maximum(total - np.quantile(total, 0.8), 0) * pull
    if weight.sum() <= 0:
        return 0.5, 0.5
    return float((weight.sum(axis=0) @ x) / weight.sum()), float((weight.sum(axis=1) @ y) / weight.sum())


def _without_outliers(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each three neighbours: a face seen once, elsewhere, is none."""
    if len(centres) < 3:
        return centres
    padded = np.concatenate([centres[:1], centres, centres[-1:]])
    inner: NDArray[np.float64] = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
    return inner


def _followed(
    frames: NDArray[np.float64],
    wanted: NDArray[np.float64],
    n_frames: int,
    length: int,
    room: int,
    frame_rate: Fraction,
) -> NDArray[np.float64]:
    if np.ptp(wanted) <= _STILL_SHARE * length:
        return np.full(n_frames, np.rint((wanted.min() + wanted.max()) / 2))
    path = np.interp(np.arange(n_frames), frames, wanted)
    deviation = _GLIDE_S * float(frame_rate)
    reach = int(np.ceil(3 * deviation))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    padded = np.pad(path, reach, mode="reflect", reflect_type="odd")  # going on as it went: no lag at a cut
    smooth: NDArray[np.float64] = np.convolve(padded, bell / bell.sum(), mode="valid")
    return np.clip(smooth, 0, room)
