"""Songs in: any file a musician sends, as float32 blocks; sample 0 is the first of the music.

What belongs here: what a file holds, its samples in order, downmix and rate. How it is decoded is in `song_decoding`,
what the samples mean in `audio_assets/domain/music`; voices and mixes are read by `audio_files`.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
import soundfile
import soxr

from resources.audio_files import channel_matrix, n_resampled
from resources.song_decoding import N_BLOCK, SUFFIXES, Block, SongFileError, source_of

__all__ = [
    "DECODERS",
    "SUFFIXES",
    "SongFacts",
    "SongFileError",
    "SongReader",
    "identity",
    "mono_blocks",
    "stereo_blocks",
]

DECODERS = ("soundfile", "libsndfile", "pyav", "libavcodec", "soxr")
"""What decides which samples a file gives; `identity` names their versions."""

_MIN_DAMAGED_S = 0.5  # less than this out of a damaged file is no song


@dataclass(frozen=True, slots=True)
class SongFacts:
    """What a song file holds, as decoded: `n_samples` is exact. `notes` are faults that did not stop it, one each.

    `bit_rate_bps` is the mean over the file, all of its bytes counted.
    """

    path: Path
    sample_rate_hz: int
    n_channels: int
    n_samples: int
    container: str
    codec: str
    bit_rate_bps: int
    notes: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate_hz


class SongReader:
    """A song file as a stream at its own rate and channels; every call of `blocks` starts at the beginning."""

    def __init__(self, path: Path) -> None:
        """Recognise `path` and read its header.

        Raises:
            SongFileError: missing, a directory, unreadable, empty, not audio, video without sound, encrypted, corrupt.
        """
        self._path = path
        self._source = source_of(path)
        self._passes: list[Generator[Block, None, None]] = []
        self._facts = self._facts_with(self._source.info.n_samples, []) if self._source.is_counted else None

    @property
    def sample_rate_hz(self) -> int:
        """The file's own rate."""
        return self._source.info.sample_rate_hz

    @property
    def n_channels(self) -> int:
        """The file's own channels."""
        return self._source.info.n_channels

    @property
    def codec(self) -> str:
        """The file's own, as `SongFacts` names it; free."""
        return self._source.codec

    @property
    def facts(self) -> SongFacts:
        """What the file holds. Free after `blocks` has run to its end, and for PCM; else the file is decoded once.

        Raises:
            SongFileError: as `blocks`.
        """
        while self._facts is None:
            for _ in self.blocks():
                pass
        return self._facts

    def blocks(self) -> Iterator[Block]:
        """The whole song, shape (n, n_channels), full scale 1.0 (lossy files may exceed it), 65,536 samples at a time.

        Raises:
            SongFileError: NaN or infinity, with its place; no samples; damaged with less than 0.5 s to be had.
        """
        damage: list[str] = []
        decoder = self._source.decode(damage)
        self._passes.append(decoder)
        n_samples = 0
        for block in _even(decoder):
            self._check_finite(block, n_samples)
            n_samples += len(block)
            yield block
        self._check_length(n_samples, damage)
        self._facts = self._facts_with(n_samples, damage)

    def mapped_blocks(self, n_channels: int) -> Iterator[Block]:
        """As `blocks`, as mono (1) or stereo (2): surround is folded down by ITU-R BS.775, mono doubled.

        Raises:
            SongFileError: as `blocks`.
        """
        matrix = channel_matrix(self._source.info, n_channels)
        is_same = self.n_channels == n_channels
        return (block if is_same else _mapped(block, matrix) for block in self.blocks())

    def close(self) -> None:
        """Close the file, and whatever pass over it is not finished."""
        for decoder in self._passes:
            decoder.close()
        self._passes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _facts_with(self, n_samples: int, damage: list[str]) -> SongFacts:
        duration_s = n_samples / self.sample_rate_hz
        return SongFacts(
            path=self._path,
            sample_rate_hz=self.sample_rate_hz,
            n_channels=self.n_channels,
            n_samples=n_samples,
            container=self._source.container,
            codec=self._source.codec,
            bit_rate_bps=round(8 * self._path.stat().st_size / duration_s) if n_samples else 0,
            notes=(*self._source.info.notes, *damage),
        )

    def _check_finite(self, block: Block, n_before: int) -> None:
        if math.isfinite(float(np.sum(block, dtype=np.float64))):  # one pass; 64 bits can not overflow
            return
        row, channel = (int(index) for index in np.argwhere(~np.isfinite(block))[0])
        sample = n_before + row
        fault = "NaN" if np.isnan(block[row, channel]) else "infinite"
        raise SongFileError(
            f"{self._path}: sample {sample} ({sample / self.sample_rate_hz:.3f} s), channel {channel + 1} is {fault}:"
            " export the file again"
        )

    def _check_length(self, n_samples: int, damage: list[str]) -> None:
        if n_samples == 0:
            raise SongFileError(f"{self._path} holds no sound that can be decoded: export the file again")
        if damage and n_samples < _MIN_DAMAGED_S * self.sample_rate_hz:
            length = f"{n_samples / self.sample_rate_hz:.2f} s"
            raise SongFileError(f"{self._path} is damaged: only {length} can be decoded; export the file again")


def mono_blocks(path: Path, rate_hz: int) -> Iterator[Block]:
    """The song in mono at `rate_hz`, 1-D, sample 0 at time 0, in blocks of at most some 64k samples.

    Raises:
        SongFileError: as `SongReader` and its `blocks`.
    """
    with SongReader(path) as song:
        for block in _resampled(song.mapped_blocks(1), song.sample_rate_hz, rate_hz, 1):
            yield block[:, 0]


def stereo_blocks(path: Path, rate_hz: int | None = None) -> Iterator[Block]:
    """The song in stereo, shape (n, 2), at `rate_hz` or its own rate.

    Raises:
        SongFileError: as `SongReader` and its `blocks`.
    """
    with SongReader(path) as song:
        yield from _resampled(song.mapped_blocks(2), song.sample_rate_hz, rate_hz or song.sample_rate_hz, 2)


def identity() -> dict[str, str]:
    """Names and versions of everything that decides which samples a file gives, for a cache key."""
    versions = (
        soundfile.__version__,
        soundfile.__libsndfile_version__,
        av.__version__,
        ".".join(str(part) for part in av.library_versions["libavcodec"]),
        soxr.__version__,
    )
    return dict(zip(DECODERS, versions, strict=True))


# --- Streams of blocks ---------------------------------------------------------------------------------------------


def _even(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same samples in blocks of `N_BLOCK`, the last one shorter."""
    held: list[Block] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += len(block)
        if n_held < N_BLOCK:
            continue
        joined = np.concatenate(held) if len(held) > 1 else block
        n_whole = n_held - n_held % N_BLOCK
        yield from (joined[start : start + N_BLOCK] for start in range(0, n_whole, N_BLOCK))
        held, n_held = [joined[n_whole:]], n_held - n_whole
    if n_held:
        yield np.concatenate(held)


def _mapped(block: Block, matrix: Block) -> Block:
    """`block @ matrix`, summed in one order, which BLAS does not promise."""
    mapped = np.zeros((len(block), matrix.shape[1]), dtype=np.float32)
    for (channel_in, channel_out), factor in np.ndenumerate(matrix):
        if factor != 0.0:
            mapped[:, channel_out] += factor * block[:, channel_in]
    return mapped


def _resampled(blocks: Iterator[Block], from_hz: int, to_hz: int, n_channels: int) -> Iterator[Block]:
    """By soxr HQ, in `n_resampled` samples exactly."""
    if from_hz == to_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_hz, to_hz, n_channels, "float32", "HQ")
    n_in = n_out = 0
    for block in blocks:
        n_in += len(block)
        ready: Block = stream.resample_chunk(np.ascontiguousarray(block))
        n_out += len(ready)
        if len(ready):
            yield ready
    rest: Block = stream.resample_chunk(np.zeros((0, n_channels), dtype=np.float32), last=True)
    n_left = n_resampled(n_in, from_hz, to_hz) - n_out
    if len(rest) < n_left:
        rest = np.concatenate([rest, np.zeros((n_left - len(rest), n_channels), dtype=np.float32)])
    if n_left > 0:
        yield rest[:n_left]
