"""Where the faces of a film are, a few times in each scene, so that another shape is cropped around them.

Finding is `faces`' work, what is made of the places `audio_assets/domain/reframe.py`'s.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio_assets.domain.reframe import SceneTrack, Spot
from resources.engines.faces import Face, FaceFinder
from resources.video_files import probe_video, read_frames

_LOOKS_A_SECOND = 2
_LEAST_SHARE = 0.5  # of the largest face's height: smaller ones are in the background


def face_track(film: Path, scenes: Sequence[tuple[int, int]], model_dir: Path) -> tuple[SceneTrack, ...]:
    """The faces of each scene, frames `[start, end)` of the film; a scene in which none is found has no spots."""
    finder = FaceFinder(model_dir)
    info = probe_video(film)
    every = max(1, round(info.frame_rate / _LOOKS_A_SECOND))
    looked_at = {frame for start, end in scenes for frame in range(start, end, every)}
    spots: dict[int, Spot] = {}
    for number, picture in enumerate(read_frames(film)):
        faces = finder.find(picture) if number in looked_at else ()
        if faces:
            spots[number] = _spot(number, faces, info.width, info.height)
    return tuple(
        SceneTrack(start, end, tuple(spot for frame, spot in spots.items() if start <= frame < end))
        for start, end in scenes
    )


def _spot(number: int, faces: Sequence[Face], width: int, height: int) -> Spot:
    """The middle of all faces that are not in the background."""
    heights = [float(np.ptp(face.landmarks[:, 1])) for face in faces]
    seen = [face for face, size in zip(faces, heights, strict=True) if size >= _LEAST_SHARE * max(heights)]
    centres = np.array([face.landmarks.mean(axis=0) for face in seen])
    low, high = centres.min(axis=0), centres.max(axis=0)
    x, y = (low + high) / 2
    return Spot(number, float(x) / width, float(y) / height, len(seen))
