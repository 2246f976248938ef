"""Audio files in and out: any format libsndfile reads, as float32 blocks at the rate and channels one asks for.

What belongs here: headers and whether they tell the truth, decoding, channel mapping, resampling, writing WAV. What the
samples mean (levels, mixing) is in `audio_assets/domain/dsp` and `engines/mixer`.

Blocks are float32, shape (n_samples, n_channels), full scale 1.0 = 32768 of 16 bits. 16-bit audio that is read and
written without change comes back bit for bit.
"""

import contextlib
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain.wav_chunks import UNKNOWN_SIZES, chunks, parse_format

Block = NDArray[np.float32]
Encoding = Literal["PCM_16", "PCM_24", "FLOAT"]

_N_READ = 16_384  # samples decoded at a time: 128 KiB of stereo float32, which stays in the second-level cache
_BYTES_PER_SAMPLE = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
_RIFF_LIMIT = 2**32 - 4096  # RIFF sizes are 32 bits; leave room for the header


class AudioFileError(ValueError):
    """A file can not be used as audio; the message names the file, the fault and, where there is one, the place."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file's header says, checked against the file.

    `speakers` names the channels in order (`FL FR FC LFE BL BR`), empty when the file does not say and the count does
    not tell. `notes` are faults that do not keep the file from being read, one sentence each.
    """

    path: Path
    sample_rate_hz: int
    n_channels: int
    n_samples: int
    container: str
    encoding: str
    speakers: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate_hz

    def n_samples_at(self, sample_rate_hz: int) -> int:
        """Length in samples once resampled: the nearest whole number."""
        return n_resampled(self.n_samples, self.sample_rate_hz, sample_rate_hz)


def n_resampled(n_samples: int, from_hz: int, to_hz: int) -> int:
    """`n_samples * to_hz / from_hz` to the nearest whole number, halves up, without rounding errors."""
    return (2 * n_samples * to_hz + from_hz) // (2 * from_hz)


def probe_audio(path: Path) -> AudioInfo:
    """Read and check a file's header.

    Raises:
        AudioFileError: missing, a directory, empty, or not audio libsndfile can read.
    """
    with _open(path) as file:
        riff = _riff_facts(path) if file.format in ("WAV", "WAVEX", "RF64") else None
        return AudioInfo(
            path=path,
            sample_rate_hz=file.samplerate,
            n_channels=file.channels,
            n_samples=file.frames,
            container=file.format,
            encoding=file.subtype,
            speakers=_speakers(file.format, file.subtype, file.channels, riff.speaker_mask if riff else 0),
            notes=_header_notes(path, file.format, file.frames, riff),
        )


def read_blocks(
    path: Path, *, sample_rate_hz: int | None = None, n_channels: int | None = None, n_block: int = 65_536
) -> Iterator[Block]:
    """The whole file in blocks of `n_block` samples, at its own rate and channels unless told otherwise.

    Raises:
        AudioFileError: as `AudioReader`.
    """
    with AudioReader(path, sample_rate_hz=sample_rate_hz, n_channels=n_channels) as reader:
        while len(block := reader.read(n_block)):
            yield block


def read_mono_pcm16(path: Path) -> tuple[NDArray[np.int16], int]:
    """The whole file as int16, mono, shape (n_samples,), and its rate in Hz.

    Raises:
        AudioFileError: as `AudioReader`.
    """
    info = probe_audio(path)
    blocks = [block[:, 0] for block in read_blocks(path, n_channels=1)]
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16), info.sample_rate_hz


class AudioReader:
    """A file as a stream of float32 at a wanted rate and channel count.

    Resampling is soxr HQ, aligned with the source (sample 0 stays at time 0), and gives `info.n_samples_at(rate)`
    samples. Channels: mono goes to both sides unchanged; stereo to mono is the mean; surround with known speakers is
    folded down by ITU-R BS.775 (centre and surrounds at -3 dB, no LFE); with unknown speakers, the mean of all. A
    looping reader starts again at the end, without a seam in the resampler, and never ends.

    What is read depends only on the file, never on the sizes asked for.
    """

    def __init__(
        self, path: Path, *, sample_rate_hz: int | None = None, n_channels: int | None = None, is_looped: bool = False
    ) -> None:
        """Open `path`.

        Raises:
            AudioFileError: as `probe_audio`; a loop of nothing.
        """
        self.info = probe_audio(path)
        self.sample_rate_hz = sample_rate_hz or self.info.sample_rate_hz
        self.n_channels = n_channels or self.info.n_channels
        if is_looped and self.info.n_samples == 0:
            raise AudioFileError(f"{path} holds no samples: it can not be looped")
        self._is_looped = is_looped
        self._file = _open(path)
        self._matrix = channel_matrix(self.info, self.n_channels)
        n_resampled_channels = min(self.n_channels, self.info.n_channels)  # fold before resampling, spread after it
        is_resampled = self.sample_rate_hz != self.info.sample_rate_hz
        self._resampler = (
            soxr.ResampleStream(self.info.sample_rate_hz, self.sample_rate_hz, n_resampled_channels, "float32", "HQ")
            if is_resampled
            else None
        )
        # 16 bits are read as they are and scaled here: twice as fast as libsndfile's floats.
        self._dtype = "int16" if self.info.encoding == "PCM_16" else "float32"
        self._ready: list[Block] = []
        self._n_ready = 0
        self._n_left = math.inf if is_looped else self.info.n_samples_at(self.sample_rate_hz)
        self._n_decoded = 0
        self._has_ended = False

    def read(self, n_samples: int) -> Block:
        """The next `n_samples`, fewer at the end of the file, none after it. The array is the caller's to change.

        Raises:
            AudioFileError: NaN or infinity, with its place; the file can not be decoded further.
        """
        n_wanted = int(min(n_samples, self._n_left))
        while self._n_ready < n_wanted and not self._has_ended:
            # What a resampler gives may depend on the size of its meals: they are always the same.
            self._decode(_N_READ if self._resampler else n_wanted - self._n_ready)
        self._n_left -= n_wanted
        if self._n_ready < n_wanted:  # the file holds less than its header said: `notes` tells
            self._hold(np.zeros((n_wanted - self._n_ready, self.n_channels), dtype=np.float32))
        return self._take(n_wanted)

    def skip(self, n_samples: int) -> int:
        """Drop the next `n_samples`; how many there were."""
        n_skipped = 0
        while n_skipped < n_samples and len(block := self.read(min(_N_READ, n_samples - n_skipped))):
            n_skipped += len(block)
        return n_skipped

    @property
    def notes(self) -> tuple[str, ...]:
        """The header's faults and, once read to its end, a length that differs from the promised one."""
        n_promised = self.info.n_samples
        if not self._has_ended or self._n_decoded == n_promised:
            return self.info.notes
        note = (
            f"{self.info.path} promises {n_promised} samples and decodes to {self._n_decoded}; silence fills the rest"
        )
        return (*self.info.notes, note)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _decode(self, n_samples: int) -> None:
        block = self._read_source(n_samples)
        if self.n_channels < self.info.n_channels:
            block = _mapped(block, self._matrix)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(np.ascontiguousarray(block), last=self._has_ended)
        if self.n_channels > self.info.n_channels:
            block = _mapped(block, self._matrix)
        self._hold(block)

    def _read_source(self, n_samples: int) -> Block:
        """At most `n_samples` as they stand in the file; the first empty block sets `_has_ended`."""
        try:
            raw = self._file.read(n_samples, dtype=self._dtype, always_2d=True)
            if self._is_looped and len(raw) == 0:
                self._file.seek(0)
                raw = self._file.read(n_samples, dtype=self._dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioFileError(
                f"{self.info.path} can not be decoded past sample {self._n_decoded}: {error}"
            ) from error
        self._has_ended = len(raw) == 0
        if self._dtype == "int16":
            block: Block = np.multiply(raw, np.float32(2.0**-15), dtype=np.float32)
        else:
            block = raw
            self._check_finite(block)
        self._n_decoded += len(raw)
        return block

    def _check_finite(self, block: Block) -> None:
        is_finite = np.isfinite(block)
        if is_finite.all():
            return
        row, channel = (int(index) for index in np.argwhere(~is_finite)[0])
        sample = self._n_decoded + row
        raise AudioFileError(
            f"{self.info.path}: sample {sample} ({sample / self.info.sample_rate_hz:.3f} s), channel {channel + 1} is"
            f" {'NaN' if np.isnan(block[row, channel]) else 'infinite'}: export the file again"
        )

    def _hold(self, block: Block) -> None:
        if len(block):
            self._ready.append(block)
            self._n_ready += len(block)

    def _take(self, n_samples: int) -> Block:
        taken: list[Block] = []
        n_missing = n_samples
        while n_missing:
            block = self._ready.pop(0)
            if len(block) > n_missing:
                self._ready.insert(0, block[n_missing:])
                block = block[:n_missing]
            taken.append(block)
            n_missing -= len(block)
        self._n_ready -= n_samples
        if len(taken) == 1:
            return taken[0]
        return np.concatenate(taken) if taken else np.empty((0, self.n_channels), dtype=np.float32)


# --- Writing -----------------------------------------------------------------------------------------------------


class WavWriter:
    """Writes a WAV file of a length known beforehand; the same samples give the same bytes (libsndfile stamps times).

    16 and 24 bits are rounded to the nearest step, without dither: silence stays silent, a 16-bit source passes
    unchanged, and the error lies at -98 dB, under the noise of any voice. Above 4 GiB, which RIFF can not hold, the
    file is RF64 (EBU Tech 3306), the same format with 64-bit sizes.
    """

    def __init__(
        self, path: Path, *, sample_rate_hz: int, n_channels: int, n_samples: int, encoding: Encoding = "PCM_16"
    ) -> None:
        """Create `path`.

        Raises:
            AudioFileError: the file can not be created.
        """
        self.path = path
        self.encoding = encoding
        self.n_clipped = 0
        self._n_samples = n_samples
        self._n_written = 0
        self._n_bytes = n_samples * n_channels * _BYTES_PER_SAMPLE[encoding]
        self.container = "WAV" if self._n_bytes < _RIFF_LIMIT else "RF64"
        try:
            self._file = path.open("wb")
            self._file.write(_wav_header(sample_rate_hz, n_channels, n_samples, encoding))
        except OSError as error:
            raise AudioFileError(f"{path} can not be written: {error.strerror}") from error

    def write(self, block: Block) -> None:
        """Append a block, shape (n_samples, n_channels), float32.

        Raises:
            AudioFileError: the disk is full, or more samples than announced.
        """
        self._n_written += len(block)
        if self._n_written > self._n_samples:
            raise AudioFileError(f"{self.path} was announced with {self._n_samples} samples and got more")
        try:
            self._file.write(self._encoded(block).data)
        except OSError as error:
            raise AudioFileError(f"{self.path} can not be written further: {error.strerror}") from error

    def close(self) -> None:
        """Finish the file and read its header back.

        Raises:
            AudioFileError: the file does not hold what was announced.
        """
        try:
            self._file.write(b"\0" * (self._n_bytes % 2))
            self._file.close()
        except OSError as error:
            raise AudioFileError(f"{self.path} can not be finished: {error.strerror}") from error
        info = probe_audio(self.path)
        if self._n_written != self._n_samples or info.n_samples != self._n_samples:
            raise AudioFileError(f"{self.path} should hold {self._n_samples} samples and holds {info.n_samples}")

    def abandon(self) -> None:
        """Close the file without checking it, after a failure elsewhere."""
        with contextlib.suppress(OSError):  # what failed first is what matters
            self._file.close()

    def _encoded(self, block: Block) -> NDArray[Any]:
        if self.encoding == "FLOAT":
            return np.ascontiguousarray(block)
        full_scale = np.float32(32_768.0 if self.encoding == "PCM_16" else 8_388_608.0)
        scaled = block * full_scale
        np.rint(scaled, out=scaled)
        if len(scaled) and (scaled.max() >= full_scale or scaled.min() < -full_scale):
            self.n_clipped += int(np.count_nonzero((scaled >= full_scale) | (scaled < -full_scale)))
            np.clip(scaled, -full_scale, full_scale - 1, out=scaled)
        if self.encoding == "PCM_16":
            return scaled.astype("<i2")
        four_bytes = scaled.astype("<i4").reshape(-1, 1).view(np.uint8)
        return np.ascontiguousarray(four_bytes[:, :3])


def _wav_header(sample_rate_hz: int, n_channels: int, n_samples: int, encoding: Encoding) -> bytes:
    width = _BYTES_PER_SAMPLE[encoding]
    n_data = n_samples * n_channels * width
    is_float = encoding == "FLOAT"
    rate_bytes = sample_rate_hz * n_channels * width
    layout = struct.pack(
        "<HHIIHH", 3 if is_float else 1, n_channels, sample_rate_hz, rate_bytes, n_channels * width, 8 * width
    )
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout
    if is_float:  # formats other than PCM state their length in samples
        chunks += b"fact" + struct.pack("<II", 4, min(n_samples, 0xFFFFFFFF))
    n_form = 4 + len(chunks) + 8 + n_data + n_data % 2
    if n_data < _RIFF_LIMIT:
        return b"RIFF" + struct.pack("<I", n_form) + b"WAVE" + chunks + b"data" + struct.pack("<I", n_data)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, n_form + 36, n_data, n_samples, 0)
    return b"RF64" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + sizes + chunks + b"data" + struct.pack("<I", 0xFFFFFFFF)


# --- Channels ----------------------------------------------------------------------------------------------------

_MASK_ORDER = ("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR")  # bits of a WAV speaker mask
_FLAC_SPEAKERS = {  # RFC 9639, section 9.1.3
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
_VORBIS_SPEAKERS = {  # Vorbis I, section 4.3.9; Opus uses the same
    3: ("FL", "FC", "FR"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FC", "FR", "BL", "BR"),
    6: ("FL", "FC", "FR", "BL", "BR", "LFE"),
    7: ("FL", "FC", "FR", "SL", "SR", "BC", "LFE"),
    8: ("FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"),
}
_MINUS_3_DB = math.sqrt(0.5)
_TO_STEREO = {  # ITU-R BS.775-3, table 2; the LFE is left out
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_MINUS_3_DB, _MINUS_3_DB),
    "LFE": (0.0, 0.0),
    "BL": (_MINUS_3_DB, 0.0),
    "BR": (0.0, _MINUS_3_DB),
    "SL": (_MINUS_3_DB, 0.0),
    "SR": (0.0, _MINUS_3_DB),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "BC": (0.5, 0.5),
}


def channel_matrix(info: AudioInfo, n_channels: int) -> Block:
    """What maps the file's channels to `n_channels`, shape (n_in, n_out); the identity when they are as many.

    Raises:
        AudioFileError: more channels out than in, other than mono to many.
    """
    n_in = info.n_channels
    if n_in == n_channels:
        return np.eye(n_in, dtype=np.float32)
    if n_in == 1:
        return np.ones((1, n_channels), dtype=np.float32)
    if n_channels > 2:
        raise AudioFileError(f"{info.path} has {n_in} channels: it can be mixed to mono or stereo, not to {n_channels}")
    if info.speakers and n_in > 2:
        stereo = np.array([_TO_STEREO[speaker] for speaker in info.speakers])
        folded = stereo if n_channels == 2 else stereo.mean(axis=1, keepdims=True)
        return folded.astype(np.float32)
    return np.full((n_in, n_channels), 1.0 / n_in, dtype=np.float32)


def _mapped(block: Block, matrix: Block) -> Block:
    """`block @ matrix`, summed in one order for any length, which BLAS does not promise."""
    mapped = np.zeros((len(block), matrix.shape[1]), dtype=np.float32)
    for (channel_in, channel_out), factor in np.ndenumerate(matrix):
        if factor != 0.0:
            mapped[:, channel_out] += factor * block[:, channel_in]
    return mapped


def _speakers(container: str, encoding: str, n_channels: int, mask: int) -> tuple[str, ...]:
    if n_channels <= 2:
        return ("FC",) if n_channels == 1 else ("FL", "FR")
    if container == "FLAC":
        return _FLAC_SPEAKERS.get(n_channels, ())
    if container == "OGG" and encoding in ("VORBIS", "OPUS"):
        return _VORBIS_SPEAKERS.get(n_channels, ())
    named = tuple(name for bit, name in enumerate(_MASK_ORDER) if mask >> bit & 1)
    is_whole = len(named) == n_channels and mask < 1 << len(_MASK_ORDER)
    return named if is_whole else ()


# --- Headers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _RiffFacts:
    n_bytes_claimed: int
    n_bytes_there: int
    n_bytes_per_sample: int
    speaker_mask: int


def _riff_facts(path: Path) -> _RiffFacts | None:
    """Sizes from the `fmt` and `data` chunks; None when there is no such pair."""
    with path.open("rb") as file:
        n_file, is_64 = path.stat().st_size, file.read(4) == b"RF64"
        n_data_64, layout = 0, None
        for chunk in chunks(file):
            if chunk.name == b"data":
                claimed = n_data_64 if is_64 else chunk.size
                n_bytes, mask = (layout.n_bytes_per_sample, layout.speaker_mask) if layout else (0, 0)
                return _RiffFacts(claimed, n_file - chunk.start, n_bytes, mask)
            file.seek(chunk.start)
            if chunk.name == b"ds64":
                n_data_64 = struct.unpack("<QQ", file.read(16))[1]
            elif chunk.name == b"fmt ":
                layout = parse_format(file.read(min(chunk.size, 40)))
    return None


def _header_notes(path: Path, container: str, n_samples: int, riff: _RiffFacts | None) -> tuple[str, ...]:
    notes: list[str] = []
    if path.suffix.lower() in (".wav", ".wave") and container not in ("WAV", "WAVEX", "RF64"):
        notes.append(f"{path} is named WAV and is {container} inside; it was read as what it is")
    if riff is not None and riff.n_bytes_per_sample > 0:
        n_claimed = riff.n_bytes_claimed // riff.n_bytes_per_sample
        n_there = riff.n_bytes_there // riff.n_bytes_per_sample
        if riff.n_bytes_claimed in UNKNOWN_SIZES and n_there > 0:
            notes.append(
                f"{path} does not say how long it is (its writer did not finish); {n_samples} samples are there"
            )
        elif n_claimed > n_there:
            notes.append(
                f"{path} is cut short: its header promises {n_claimed} samples, {n_there} are there; the rest is lost"
            )
    if n_samples == 0:
        notes.append(f"{path} holds no samples")
    return tuple(notes)


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file read from front to back.

    After every read soundfile seeks to where it already is, which costs time in compressed formats and fails near the
    end of some Opus files; it does not when the file says that it can not seek. `seek` itself still works.
    """

    def seekable(self) -> bool:
        return False


def _open(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise AudioFileError(f"{path} does not exist")
    if not path.is_file():
        raise AudioFileError(f"{path} is not a file: name an audio file, not a directory")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path} is empty (0 bytes): export the file again")
    try:
        return _ForwardFile(path)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:  # TypeError: raw formats want a rate and channels
        reason = getattr(error, "error_string", str(error)).strip().rstrip(".")
        raise AudioFileError(
            f"{path} is not audio that can be read ({reason}): use WAV, FLAC, Ogg, Opus, MP3 or AIFF"
        ) from error
