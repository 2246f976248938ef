"""A photographed face for tests: scikit-image's astronaut (Eileen Collins, NASA, public domain), and a line to sing."""

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from audio_assets.domain.mouth_shapes import MouthFrame
from audio_assets.domain.schemas import lipsync
from audio_assets.domain.timeline import Phone, Timeline
from resources.models import installed
from resources.video_files import Picture, VideoWriter

RATE = Fraction(24)
MODEL_CACHE = Path(os.environ.get("AUDIO_ASSETS_CACHE", "~/.cache/audio-assets")).expanduser()
FACE_AT, FACE_PX = (225.0, 122.0), 107.0
"""The middle of the face and its height in the photograph."""

PHRASE = (("m", 3), ("ɑ", 6), ("b", 3), ("iː", 5), ("p", 3), ("ɛ", 6), ("m", 3), ("oʊ", 4))
"""Phonemes and how many frames each lasts: no silence but before and after."""


def model_dir() -> Path:
    """The face mesh; skips the test where it was not fetched."""
    found = installed("facemesh", MODEL_CACHE)
    if found is None:
        pytest.skip("the face mesh is not installed: `audio-assets models fetch facemesh`")
    return found


def portrait(width: int, height: int, *, zoom: float = 1.0, turn_deg: float = 0.0) -> Picture:
    """The astronaut's face in the middle, `zoom` times its size there, turned anticlockwise as seen."""
    matrix = cv2.getRotationMatrix2D(FACE_AT, turn_deg, zoom)
    matrix[:, 2] += np.array([width / 2, height / 2]) - FACE_AT
    picture = cv2.warpAffine(
        skimage.data.astronaut(), matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(picture, np.uint8)


def write_clip(path: Path, pictures: Iterable[Picture]) -> Path:
    """A clip of these pictures."""
    following = iter(pictures)
    first = next(following)
    with VideoWriter(path, first.shape[1], first.shape[0], RATE) as writer:
        writer.write(first)
        for picture in following:
            writer.write(picture)
    return path


def sung(n_frames: int, phrase: tuple[tuple[str, int], ...] = PHRASE, *, lead: int = 4) -> bytes:
    """`lipsync.json` of a phrase after `lead` frames of silence."""
    phones, at = [], lead
    for phoneme, n in phrase:
        phones.append(Phone(phoneme, float(at / RATE), float((at + n) / RATE)))
        at += n
    timeline = Timeline(tuple(phones), (), float(n_frames / RATE))
    return lipsync.to_bytes(lipsync.lipsync_record(timeline, RATE))


def mouth_of(record: bytes) -> tuple[MouthFrame, ...]:
    """The frames of a record."""
    return lipsync.from_bytes(record).frames
