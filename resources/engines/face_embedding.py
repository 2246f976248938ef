"""A face as 128 numbers, so that two faces can be compared: dlib's residual network on a face brought upright.

Finding faces and their points is not done here (see `faces.py`); a face comes with its landmarks. The network wants
the corners of both eyes and the base of the nose, which are among them, so dlib's own predictors of points are not
needed (over 17 pictures the distances differ by 0.04 at most). One thread, 0.1 s a face. No Dagster here: this module
is loaded in worker processes.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import dlib
import numpy as np
from numpy.typing import NDArray

from resources import models
from resources.video_files import Picture

MODEL = "face_embedding"
MODEL_FILE = "face_resnet.dat"
EMBEDDING_SIZE = 128

_FIVE = (263, 362, 33, 133, 2)
"""Of the 468 landmarks: outer and inner corner of the eye at a picture's right, those at its left, the nose's base."""
_PADDING = 0.25  # what the network was trained with


class FaceEmbedder:
    """Embeds faces with the model in `model_dir`.

    Raises:
        ModelMissing: its file is not there.
    """

    def __init__(self, model_dir: Path) -> None:
        self._network = _network(model_dir / MODEL_FILE)

    def embed(self, picture: Picture, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the embedding, shape (128,), of the face at `landmarks`, shape (468, 2), in pixels of `picture`.

        Distances between embeddings are Euclidean; see `take_scores.FACE_MATCH_DISTANCE` for what they mean.
        """
        points = np.rint(np.asarray(landmarks, np.float64)).astype(int)
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        five = dlib.points([dlib.point(*points[index].tolist()) for index in _FIVE])
        face = dlib.full_object_detection(dlib.rectangle(left, top, right, bottom), five)
        descriptor = self._network.compute_face_descriptor(np.ascontiguousarray(picture), face, 0, _PADDING)
        return np.array(descriptor, np.float64)


def identity() -> dict[str, str]:
    """All that can change an embedding, for the key of what is made with it."""
    return {"engine": "face embedding", "dlib": version("dlib-bin"), "model": _model_sha256()}


def _model_sha256() -> str:
    return models.CATALOGUE[MODEL].members[MODEL_FILE]


@cache
def _network(path: Path) -> dlib.face_recognition_model_v1:
    if not path.is_file():
        raise models.missing(MODEL)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _model_sha256():
            raise models.ModelMissing(f"{path} is damaged: delete it, then run `audio-assets models fetch {MODEL}`")
    return dlib.face_recognition_model_v1(str(path))
