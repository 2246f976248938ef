"""The song in a film: losslessly where it can not be copied, at a loudness where it is delivered; and what came out.

"As the song" always means the samples that `song_files` decodes, the first at time 0. Packets are copied and films
written in `resources/film_files.py`. Runs in worker processes, on local paths.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.dsp.loudness import Block, Loudness, LoudnessMeter, TruePeakLimiter
from resources.film_files import Sound
from resources.song_files import SongReader, stereo_blocks

COPIED_CODECS = ("aac", "mp3", "flac", "opus", "alac")
"""What an MP4 holds and players expect in one."""

Codec = Literal["aac", "opus"]
BIT_RATES_BPS: dict[Codec, int] = {"aac": 256_000, "opus": 192_000}
_AAC_RATES_HZ = (32_000, 44_100, 48_000)  # what every player takes; other songs are brought to 48 kHz
_LOUDNESS_ROUNDS, _ROUNDS = 5, 9  # the gain is corrected in the first ones, the ceiling in all
_CLOSE_LU = 0.1
_MAX_GAIN_DB = 30.0
_BITEXACT_CODEC = 1 << 23


# --- Sample for sample ---------------------------------------------------------------------------------------------


@dataclass
class Samples:
    """How many samples there were and what they are, by hash: equal values are equal sound, sample for sample."""

    n_samples: int = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, block: Block) -> None:
        """Take one more block."""
        self.n_samples += len(block)
        self._hash.update(np.ascontiguousarray(block).data)

    @property
    def digest(self) -> str:
        """Over everything added so far."""
        return self._hash.hexdigest()

    def is_same(self, other: "Samples") -> bool:
        """Whether both are the same sound, bit for bit."""
        return (self.n_samples, self.digest) == (other.n_samples, other.digest)


def samples_of(path: Path) -> Samples:
    """What a song, or a film's sound, decodes to.

    Raises:
        SongFileError: it can not be decoded.
    """
    found = Samples()
    with SongReader(path) as reader:
        for block in reader.blocks():
            found.add(block)
    return found


@dataclass(frozen=True)
class Lossless:
    """A song written as FLAC: what it decodes to, bits per sample, samples that full scale cut off."""

    sound: Sound
    samples: Samples
    n_bits: int
    n_clipped: int


def write_lossless(song: Path, scratch: Path) -> Lossless:
    """Write the song as FLAC: 16 bits where its samples have no more, else 24.

    Raises:
        SongFileError: it can not be decoded.
    """
    written, n_clipped = Samples(), 0
    with SongReader(song) as reader:
        n_bits = 16 if reader.codec in ("pcm_16", "pcm_s8", "pcm_u8") else 24
        full_scale = np.float32(1 << (n_bits - 1))
        shape = (reader.sample_rate_hz, reader.n_channels, f"PCM_{n_bits}")
        with soundfile.SoundFile(scratch, "w", *shape, format="FLAC") as file:
            for block in reader.blocks():
                steps = np.rint(block.astype(np.float64) * full_scale)
                n_clipped += int(np.count_nonzero((steps > full_scale - 1) | (steps < -full_scale)))
                whole = np.clip(steps, -full_scale, full_scale - 1).astype(np.int32)
                file.write(whole << (32 - n_bits))
                written.add(whole.astype(np.float32) / full_scale)
        sound = Sound(scratch, reader.sample_rate_hz, written.n_samples)
    return Lossless(sound, written, n_bits, n_clipped)


# --- At a loudness -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeliveredSound:
    """An encoded song: what went in as `sound`, and the loudness of what a player decodes from it.

    `offset_samples` is how late the decoded sound is against what was encoded, by cross-correlation: 0.
    """

    sound: Sound
    loudness: Loudness
    source_lufs: float | None
    gain_db: float
    max_reduction_db: float
    offset_samples: int


def deliver_sound(
    song: Path, scratch: Path, codec: Codec, *, target_lufs: float | None, ceiling_db: float
) -> DeliveredSound:
    """Encode the song in stereo at `target_lufs` (None: as loud as it is), true peaks at most `ceiling_db` decoded.

    One gain for the whole song; only where a peak would pass the ceiling a limiter rides it. An encoder moves peaks:
    what is decoded is measured, and where it passes the ceiling the limiter is set lower.

    Raises:
        SongFileError: the song can not be decoded.
    """
    rate_hz = _rate_of(song, codec)
    source = _measured(stereo_blocks(song, rate_hz), rate_hz)
    wanted_lufs = source.integrated_lufs if target_lufs is None else target_lufs
    gain_db, limit_db = 0.0, ceiling_db
    if source.integrated_lufs is not None and wanted_lufs is not None:
        gain_db = min(_MAX_GAIN_DB, wanted_lufs - source.integrated_lufs)
    for number in range(_ROUNDS):
        level = _Level(song, rate_hz, gain_db, limit_db, source.true_peak_db)
        window = _LoudestWindow()
        n_samples = _encode(window.seen(level.blocks()), scratch, codec, rate_hz)
        loudness = _measured(_decoded(scratch), rate_hz)
        over_db = (loudness.true_peak_db if loudness.true_peak_db is not None else -np.inf) - ceiling_db
        is_tuned = number >= _LOUDNESS_ROUNDS - 1 or gain_db >= _MAX_GAIN_DB
        missing_lu = 0.0 if is_tuned else _missing(loudness, wanted_lufs)
        if over_db <= 0 and abs(missing_lu) < _CLOSE_LU:
            break
        if over_db > 0:
            limit_db -= over_db + 0.05
        gain_db = min(_MAX_GAIN_DB, gain_db + missing_lu)
    offset = _offset_samples(window, scratch)
    sound = Sound(scratch, rate_hz, n_samples)
    return DeliveredSound(sound, loudness, source.integrated_lufs, gain_db, level.max_reduction_db, offset)


def _rate_of(song: Path, codec: Codec) -> int:
    with SongReader(song) as reader:
        is_kept = codec == "aac" and reader.sample_rate_hz in _AAC_RATES_HZ
        return reader.sample_rate_hz if is_kept else 48_000


def _missing(loudness: Loudness, wanted_lufs: float | None) -> float:
    if wanted_lufs is None or loudness.integrated_lufs is None:
        return 0.0
    return wanted_lufs - loudness.integrated_lufs


def _measured(blocks: Iterable[Block], rate_hz: int) -> Loudness:
    meter = LoudnessMeter(rate_hz, 2)
    for block in blocks:
        meter.add(block)
    return meter.result()


def _decoded(path: Path) -> Iterator[Block]:
    with SongReader(path) as reader:
        yield from reader.blocks()


class _Level:
    """The song after one gain, limited where it would pass `limit_db`."""

    def __init__(self, song: Path, rate_hz: int, gain_db: float, limit_db: float, true_peak_db: float | None) -> None:
        self._song, self._rate_hz, self._limit_db = song, rate_hz, limit_db
        self._gain = np.float32(amplitude(gain_db))
        self._is_limited = true_peak_db is not None and true_peak_db + gain_db > limit_db
        self.max_reduction_db = 0.0

    def blocks(self) -> Iterator[Block]:
        """Shape (n, 2)."""
        raised = (block * self._gain for block in stereo_blocks(self._song, self._rate_hz))
        if not self._is_limited:
            yield from raised
            return
        limiter = TruePeakLimiter(self._rate_hz, 2, ceiling_db=self._limit_db)
        for block in raised:
            yield limiter.push(block)
        yield limiter.flush()
        self.max_reduction_db = limiter.max_reduction_db


def _encode(blocks: Iterable[Block], target: Path, codec: Codec, rate_hz: int) -> int:
    """Write an audio file of its own, whose header says where the first sample lies; the number of samples."""
    container, encoder, layout = {"aac": ("ipod", "aac", "fltp"), "opus": ("ogg", "libopus", "flt")}[codec]
    options = {"fflags": "+bitexact"} | ({"movie_timescale": str(rate_hz)} if codec == "aac" else {})
    n_samples = 0
    with av.open(str(target), mode="w", format=container, options=options) as out:
        stream: Any = out.add_stream(encoder, rate=rate_hz)  # PyAV's stubs know no libopus
        context = stream.codec_context
        context.layout, context.format, context.bit_rate = "stereo", layout, BIT_RATES_BPS[codec]
        context.thread_count = 1
        context.flags |= _BITEXACT_CODEC
        for block in blocks:
            if len(block) == 0:
                continue
            frame = AudioFrame.from_ndarray(_arranged(block, layout), format=layout, layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, n_samples, Fraction(1, rate_hz)
            n_samples += len(block)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return n_samples


def _arranged(block: Block, layout: str) -> NDArray[np.float32]:
    return np.ascontiguousarray(block.T) if layout == "fltp" else np.ascontiguousarray(block).reshape(1, -1)


_N_COMPARED = 1 << 17
_FARTHEST = 4096  # an encoder's delay is 312 to 2112 samples; a frame of AAC 1024


def _offset_samples(window: "_LoudestWindow", decoded: Path) -> int:
    """By how many samples the decoded sound is late, over the loudest three seconds or so of what was encoded."""
    found = _cut(_decoded(decoded), window.first - _FARTHEST, len(window.samples) + 2 * _FARTHEST)
    return best_offset(window.samples, found) - _FARTHEST


def best_offset(wanted: NDArray[np.float64], found: NDArray[np.float64]) -> int:
    """Where in `found`, 1-D, the shorter `wanted` lies best, in samples from its start."""
    n = 1 << (len(found) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(found, n) * np.conj(np.fft.rfft(wanted, n))
    correlation = np.fft.irfft(spectrum, n)[: len(found) - len(wanted) + 1]
    return int(np.argmax(correlation))


class _LoudestWindow:
    """The loudest stretch of `_N_COMPARED` samples of what passes by, in mono, from sample `first` on."""

    def __init__(self) -> None:
        self.first, self.samples = 0, np.zeros(1)
        self._power, self._at, self._held = -1.0, 0, np.zeros(0)

    def seen(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """The same blocks; shorter music than one stretch is taken whole."""
        for block in blocks:
            self._held = np.concatenate([self._held, block.mean(axis=1, dtype=np.float64)])
            while len(self._held) >= _N_COMPARED:
                window, self._held = self._held[:_N_COMPARED], self._held[_N_COMPARED:]
                if (power := float(window @ window)) > self._power:
                    self.first, self.samples, self._power = self._at, window, power
                self._at += _N_COMPARED
            yield block
        if self._power < 0 and len(self._held):
            self.samples = self._held


def _cut(blocks: Iterable[Block], first: int, n: int) -> NDArray[np.float64]:
    """Samples `[first, first + n)` in mono; zeros where there are none."""
    cut, at = np.zeros(n), 0
    for block in blocks:
        low, high = max(first, at), min(first + n, at + len(block))
        if low < high:
            cut[low - first : high - first] = block[low - at : high - at].mean(axis=1, dtype=np.float64)
        at += len(block)
    return cut
