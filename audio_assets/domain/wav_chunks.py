"""The chunks that a WAV file is made of, and what its `fmt ` chunk says.

Where the samples are and how they are written stands here; what a lying header means is its reader's to say
(`audio_contract.py` refuses, `resources/audio_files.py` makes a note).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What a program that writes to a pipe, or died, leaves as the size of the samples."""

PCM, FLOAT, ALAW, MULAW = 0x0001, 0x0003, 0x0006, 0x0007
_EXTENSIBLE = 0xFFFE


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, where its body begins, and how many bytes its header says that it has."""

    name: bytes
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class WavFormat:
    """The `fmt ` chunk. `n_bytes_per_sample` is for all channels; `speaker_mask` 0 where it names no speakers."""

    tag: int
    n_channels: int
    sample_rate_hz: int
    n_bytes_per_sample: int
    n_bits: int
    speaker_mask: int


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a RIFF or RF64 file in order; none where it is neither.

    Between two of them the caller may read where it likes. One that says it is longer than the file ends them.
    """
    file.seek(0)
    if file.read(12)[:4] not in (b"RIFF", b"RF64"):
        return
    start = 12
    while True:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        size = struct.unpack("<I", head[4:])[0]
        yield Chunk(head[:4], start + 8, size)
        start += 8 + size + size % 2


def parse_format(body: bytes) -> WavFormat | None:
    """What the body of a `fmt ` chunk says; None where it is too short to say it."""
    if len(body) < 16:
        return None
    tag, n_channels, rate_hz, _, n_bytes, n_bits = struct.unpack("<HHIIHH", body[:16])
    is_extended = tag == _EXTENSIBLE and len(body) >= 26
    mask = struct.unpack("<I", body[20:24])[0] if is_extended else 0
    return WavFormat(
        struct.unpack("<H", body[24:26])[0] if is_extended else tag, n_channels, rate_hz, n_bytes, n_bits, mask
    )
