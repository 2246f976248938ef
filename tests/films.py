"""Small clips and songs for tests of films: every frame carries its own number, every clip its colour."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from numpy.typing import NDArray
from scipy.signal import lfilter

from resources.video_files import Picture, VideoWriter, read_frames

RATE = Fraction(24)
WIDTH, HEIGHT = 256, 144
RED, GREEN, BLUE = (190, 40, 40), (40, 170, 40), (50, 60, 200)
_BITS, _BAR_PX = 8, 32


def picture_of(number: int, colour: tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A colour, with the frame's number as eight bars at the top, white for 1."""
    picture = np.full((height, width, 3), colour, np.uint8)
    for bit in range(_BITS):
        picture[: height // 4, bit * width // _BITS : (bit + 1) * width // _BITS] = 255 * (number >> bit & 1)
    return picture


def number_in(picture: Picture) -> int:
    """The number that `picture_of` drew."""
    height, width = picture.shape[:2]
    middles = [(2 * bit + 1) * width // (2 * _BITS) for bit in range(_BITS)]
    return sum(int(picture[height // 8, middle].mean() > 128) << bit for bit, middle in enumerate(middles))


def colour_in(picture: Picture) -> tuple[int, ...]:
    """The colour below the bars."""
    height, width = picture.shape[:2]
    return tuple(int(value) for value in picture[height // 2 : height - 8, 8 : width - 8].mean(axis=(0, 1)).round())


def is_near(found: tuple[int, ...], wanted: tuple[float, ...], within: float = 8) -> bool:
    """Whether two colours are alike, as far as an encoder keeps them."""
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= within


def write_clip(
    path: Path,
    n_frames: int,
    colour: tuple[int, int, int],
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rate: Fraction = RATE,
) -> Path:
    """A clip as the program's own engines make them."""
    with VideoWriter(path, *size, rate) as writer:
        for number in range(n_frames):
            writer.write(picture_of(number, colour, *size))
    return path


def write_foreign_clip(path: Path, n_frames: int, colour: tuple[int, int, int]) -> Path:
    """A clip as others make them: B-frames, other settings, sound."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"bf": "3", "crf": "14", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=48_000)
        for number in range(n_frames):
            frame = av.VideoFrame.from_ndarray(picture_of(number, colour), format="rgb24")
            out.mux(stream.encode(frame))
        silence = AudioFrame.from_ndarray(np.zeros((2, 48_000), np.float32), format="fltp", layout="stereo")
        silence.sample_rate = 48_000
        out.mux([*stream.encode(None), *sound.encode(silence), *sound.encode(None)])
    return path


def music(n_samples: int, rate_hz: int = 44_100) -> NDArray[np.float32]:
    """Stereo that is nowhere like itself a little later: dull noise under a slow swell; shape (n_samples, 2)."""
    noise = np.random.default_rng(7).standard_normal((n_samples, 2))
    dull = lfilter([0.15], [1.0, -0.85], noise, axis=0)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * np.arange(n_samples) / rate_hz)
    return (0.3 * swell[:, np.newaxis] * dull).astype(np.float32)


def write_song(path: Path, samples: NDArray[np.float32], rate_hz: int = 44_100) -> Path:
    """A song by its name: WAV, FLAC and Vorbis by libsndfile, the others by FFmpeg."""
    if path.suffix in (".wav", ".flac", ".ogg"):
        soundfile.write(path, samples, rate_hz)
        return path
    codec, container, layout = {
        ".mp3": ("libmp3lame", "mp3", "fltp"),
        ".m4a": ("aac", "ipod", "fltp"),
        ".aac": ("aac", "adts", "fltp"),
        ".opus": ("libopus", "ogg", "flt"),
    }[path.suffix]
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz)
        stream.layout, stream.codec_context.format, stream.bit_rate = "stereo", layout, 192_000
        arranged = samples.T if layout == "fltp" else samples.reshape(1, -1)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(arranged), format=layout, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        out.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def shown(path: Path) -> list[tuple[int, tuple[int, ...]]]:
    """Number and colour of every frame."""
    return [(number_in(picture), colour_in(picture)) for picture in read_frames(path)]
