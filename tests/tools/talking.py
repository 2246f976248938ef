"""What the two fake tools share: a face is the middle of the picture, and its mouth a bar as high as the voice is loud.

What a tool does besides is written in its checkpoint: one of the words that are looked for here.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray


def misbehave(word: str, output: str) -> None:
    """Do what a bad tool does instead of its work; return where the word asks for work."""
    if word == "hangs":
        print("loading the model", file=sys.stderr, flush=True)
        time.sleep(60)
    if word == "tells its environment":
        sys.exit(f"environment: {sorted(os.environ.items())}")
    if word == "no face":
        raise ValueError("Face not detected! Ensure the video contains a face in all the frames.")
    if word == "garbage":
        Path(output).write_bytes(b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8)
        sys.exit(0)
    if word == "ffmpeg fails":  # a shell that does not find it, and nobody who looks at its exit code
        subprocess.call(f"no-such-ffmpeg -y -i temp/result.avi {output}", shell=True)  # noqa: S602
        sys.exit(0)
    if word == "copies":
        Path(output).write_bytes(Path("video.mp4").read_bytes())
        sys.exit(0)


def read_voice(path: str) -> NDArray[np.float32]:
    """The voice, as the models want it.

    Raises:
        ValueError: a stretch of it is digitally silent.
    """
    voice, rate_hz = soundfile.read(path, dtype="float32")
    assert (rate_hz, voice.ndim) == (16_000, 1)
    if any(not window.any() for window in np.array_split(voice, max(1, len(voice) // 200))):
        raise ValueError("Mel contains nan! Using a TTS voice? Add a small epsilon noise to the wav file and try again")
    return np.asarray(voice, np.float32)


def read_pictures(path: str) -> tuple[list[NDArray[np.uint8]], Fraction]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        pictures = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(stream)]
        return pictures, Fraction(stream.average_rate or 25)


def sung(
    pictures: list[NDArray[np.uint8]], voice: NDArray[np.float32], n: int, rate: Fraction, word: str
) -> Iterator[Any]:
    """`n` pictures with a mouth, going round where there are fewer."""
    for number in range(n):
        picture = pictures[number % len(pictures)].copy()
        height, width = picture.shape[:2]
        at = int(number / rate * 16_000)
        loud = min(1.0, float(np.abs(voice[at : at + 640]).max(initial=0.0)) * 2)
        face = picture[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
        if word == "black":
            face[:] = 0
        elif word != "sees no mouth":
            face[: max(4, int(loud * len(face)))] = (250, 40, 200)
        yield picture[: height // 2, : width // 2] if word == "small" else picture


def write(path: str, pictures: Iterator[Any], rate: Fraction) -> None:
    """As FFmpeg does by default: B-frames, and the clip's rate as a decimal."""
    with av.open(path, "w") as container:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "ultrafast"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
