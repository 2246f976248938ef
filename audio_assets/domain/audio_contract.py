"""The contract of a voice: container, encoding, rate and channels of what a provider answers, and the strict reader.

Sound that breaks the contract is refused in one sentence; only a length that a streaming writer could not know is put
right, with a note. Files that people bring are read leniently, in `resources/audio_files.py`.
- `AudioContract`, and its `signature` with provider, model, API version and voice
- `decode`: bytes under a contract to int16, mono
"""

import io
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.wav_chunks import ALAW, FLOAT, MULAW, PCM, UNKNOWN_SIZES, WavFormat, chunks, parse_format

Container = Literal["wav", "raw"]
Encoding = Literal["pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"]

CONTAINERS: tuple[Container, ...] = ("wav", "raw")
ENCODINGS: tuple[Encoding, ...] = ("pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
ANY_RATE = 0
"""A contract that leaves the rate to the WAV's header, for servers that can not be told one."""

_SCHEMA = "contract.1"
_WIDTH = {"pcm_s16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1}  # bytes of one sample of one channel
_SUBTYPE = {"pcm_s16le": "PCM_16", "pcm_f32le": "FLOAT", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW"}
_IN_WAV = {(PCM, 16): "pcm_s16le", (FLOAT, 32): "pcm_f32le", (MULAW, 8): "pcm_mulaw", (ALAW, 8): "pcm_alaw"}
_BEGINNINGS = {
    b"RIFF": "a WAV file", b"RF64": "an RF64 file", b"ID3": "an MP3 file", b"\xff\xfb": "an MP3 file",
    b"\xff\xf3": "an MP3 file", b"OggS": "an Ogg file", b"fLaC": "a FLAC file", b"{": "JSON", b"[": "JSON",
    b"<": "a web page",
}  # fmt: skip
_FULL_SCALE = 32767.0


class ContractError(ValueError):
    """The sound is not what was ordered; the message says in one sentence what came instead."""


@dataclass(frozen=True, slots=True)
class AudioContract:
    """What a provider was asked for; `sample_rate_hz` may be `ANY_RATE` for WAV."""

    container: Container
    encoding: Encoding
    sample_rate_hz: int
    n_channels: int = 1

    def signature(self, *, provider: str, model: str, api_version: str, voice: str) -> str:
        """64 hex digits that change with anything of the contract, or with who speaks; for indexes of stems."""
        return sha256_hex(
            canonical(
                {
                    "schema": _SCHEMA,
                    "container": self.container,
                    "encoding": self.encoding,
                    "sample_rate_hz": self.sample_rate_hz,
                    "n_channels": self.n_channels,
                    "provider": provider,
                    "model": model,
                    "api_version": api_version,
                    "voice": voice,
                }
            )
        )


@dataclass(frozen=True, slots=True)
class Decoded:
    """Sound that kept its contract: int16, mono, shape (n_samples,). `notes` say what was put right."""

    pcm: NDArray[np.int16]
    sample_rate_hz: int
    notes: tuple[str, ...] = ()


def decode(data: bytes, contract: AudioContract) -> Decoded:
    """The sound in `data`; several channels become their mean.

    Raises:
        ContractError: empty, cut off, of another container, encoding, rate or channel count, or not finite.
    """
    if not data:
        raise ContractError("the audio is empty (0 bytes)")
    samples, rate_hz, notes = _in_wav(data, contract) if contract.container == "wav" else _raw(data, contract)
    n_bytes = _WIDTH[contract.encoding] * contract.n_channels
    if len(samples) < n_bytes:
        raise ContractError("the audio is empty: it holds no sample")
    if len(samples) % n_bytes:
        raise ContractError(
            f"the audio is cut off inside a sample: {len(samples)} bytes are no whole number of samples of {n_bytes}"
        )
    pcm, n_clipped = _decoded(samples, contract, rate_hz)
    if n_clipped:
        notes = (*notes, f"{n_clipped} samples were over full scale and were clipped")
    return Decoded(pcm, rate_hz, notes)


def _raw(data: bytes, contract: AudioContract) -> tuple[bytes, int, tuple[str, ...]]:
    if contract.sample_rate_hz == ANY_RATE:
        raise ValueError("raw samples do not tell their rate: the contract has to")
    if data.startswith((b"RIFF", b"RF64", b"ID3", b"OggS", b"fLaC")):
        raise ContractError(f"raw samples were ordered, and {_kind(data)} came")
    return data, contract.sample_rate_hz, ()


def _in_wav(data: bytes, contract: AudioContract) -> tuple[bytes, int, tuple[str, ...]]:
    """The bytes of the samples, their rate, and notes."""
    if not data.startswith(b"RIFF") or data[8:12] != b"WAVE":
        raise ContractError(f"a WAV file was ordered, and {_kind(data)} came")
    file, layout = io.BytesIO(data), None
    for chunk in chunks(file):
        if chunk.name == b"data":
            _check(layout, contract)
            assert layout is not None  # noqa: S101 - _check refuses its absence
            samples, notes = _samples(data, chunk.start, chunk.size, layout.n_bytes_per_sample)
            return samples, layout.sample_rate_hz, notes
        if chunk.start + chunk.size > len(data):
            break
        if chunk.name == b"fmt ":
            layout = parse_format(data[chunk.start : chunk.start + chunk.size])
    raise ContractError(f"the WAV file is cut off: no samples follow its header of {len(data)} bytes")


def _check(layout: WavFormat | None, contract: AudioContract) -> None:
    if layout is None:
        raise ContractError("the WAV file is broken: it does not say how its samples are written")
    encoding = _IN_WAV.get((layout.tag, layout.n_bits), f"format {layout.tag} of {layout.n_bits} bits")
    if encoding != contract.encoding:
        raise ContractError(f"{contract.encoding} was ordered, and the WAV file holds {encoding}")
    if layout.n_channels != contract.n_channels:
        raise ContractError(f"{contract.n_channels} channel(s) were ordered, and the WAV file has {layout.n_channels}")
    if contract.sample_rate_hz not in (ANY_RATE, layout.sample_rate_hz):
        raise ContractError(
            f"{contract.sample_rate_hz} Hz were ordered, and the WAV file has {layout.sample_rate_hz} Hz"
        )
    if layout.sample_rate_hz == 0 or layout.n_bytes_per_sample != _WIDTH[contract.encoding] * contract.n_channels:
        raise ContractError(
            f"the WAV file's header contradicts itself: {layout.n_bytes_per_sample} bytes for a sample of "
            f"{contract.n_channels} channel(s) of {encoding} at {layout.sample_rate_hz} Hz"
        )


def _samples(data: bytes, start: int, n_claimed: int, n_bytes: int) -> tuple[bytes, tuple[str, ...]]:
    n_there = len(data) - start
    is_finished = struct.unpack("<I", data[4:8])[0] == len(data) - 8  # then it is empty if it says so
    if n_claimed in UNKNOWN_SIZES and not is_finished:
        note = f"the WAV file did not say how long it is, as streamed ones do not; {n_there // n_bytes} samples came"
        return data[start:], (note,)
    if n_claimed > n_there:
        raise ContractError(
            f"the WAV file is cut off: its header promises {n_claimed // n_bytes} samples, {n_there // n_bytes} came"
        )
    end = start + n_claimed + n_claimed % 2
    if data[end : end + 4] == b"RIFF":
        raise ContractError("more than one WAV file came in one answer")
    if not _are_chunks(data, end):
        raise ContractError(
            f"the WAV file's header contradicts its length: it promises {n_claimed // n_bytes} samples, and "
            f"{n_there // n_bytes} came"
        )
    return data[start : start + n_claimed], ()


def _are_chunks(data: bytes, start: int) -> bool:
    """Whether what follows the samples is nothing, or whole chunks to the end of the file: else it is more sound."""
    while start < len(data):
        name, size = data[start : start + 4], data[start + 4 : start + 8]
        if len(size) < 4 or not (name.isascii() and name.decode().isprintable()):
            return False
        start += 8 + struct.unpack("<I", size)[0]
        if start > len(data):
            return False
        start += start % 2
    return True


def _decoded(samples: bytes, contract: AudioContract, rate_hz: int) -> tuple[NDArray[np.int16], int]:
    """int16, mono, and how many samples were over full scale."""
    is_float = contract.encoding == "pcm_f32le"
    block, _ = soundfile.read(
        io.BytesIO(samples), dtype="float32" if is_float else "int16", always_2d=True, samplerate=rate_hz,
        channels=contract.n_channels, format="RAW", subtype=_SUBTYPE[contract.encoding], endian="LITTLE",
    )  # fmt: skip
    if is_float:
        is_finite = np.isfinite(block).all(axis=1)
        if not is_finite.all():
            at = int(np.argmin(is_finite))
            raise ContractError(f"sample {at} ({at / rate_hz:.3f} s) is no number (NaN or infinite)")
    mono = block[:, 0] if contract.n_channels == 1 else block.mean(axis=1)
    if not is_float:
        return np.rint(mono).astype(np.int16), 0
    n_clipped = int(np.count_nonzero(np.abs(mono) > 1.0))
    return np.rint(np.clip(mono, -1.0, 1.0) * _FULL_SCALE).astype(np.int16), n_clipped


def _kind(data: bytes) -> str:
    """What the bytes look like, in words."""
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), "something else")
