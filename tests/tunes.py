"""Music of a few seconds in files of any kind, as providers of music answer it."""

import io
from functools import cache

import numpy as np
import soundfile

_KINDS = {"flac": ("FLAC", "PCM_16"), "wav": ("WAV", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III"),
          "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}  # fmt: skip


@cache
def tune(seconds: float, kind: str = "flac", *, level: float = 0.3, rate_hz: int = 48_000) -> bytes:
    """`seconds` of a chord with a pulse at `level` of full scale; 0 is silence, more than 1 is cut off there."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    pulse = 0.6 + 0.4 * np.cos(2 * np.pi * 2.0 * t)
    sides = [sum(np.sin(2 * np.pi * hz * t + side) for hz in (220.0, 277.2, 329.6)) / 3 for side in (0.0, 0.5)]
    samples = np.clip(level * pulse[:, None] * np.stack(sides, axis=1), -1.0, 1.0)
    file = io.BytesIO()
    container, encoding = _KINDS[kind]
    soundfile.write(file, samples.astype(np.float32), rate_hz, format=container, subtype=encoding)
    return file.getvalue()
