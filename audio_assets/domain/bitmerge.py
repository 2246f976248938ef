"""bitmerge: stems joined to the sample. Nothing is resampled, scaled, faded or encoded anew.

Every sample is int16, mono; offsets are sample indices, ends exclusive. What is cut off the edges of a stem, and the
zeros between two, are asked for, measured and recorded: the record says where each stem's samples stand, bit for bit.
- `silent_ends`: how many samples at both ends stay below a level.
- `trimmed_span`: what of a stem goes in.
- `bitmerge`: the joined samples, and where each part is.
- `check_merged`: that they stand there; run on the bytes that were written.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.levels import INT16_FULL_SCALE, amplitude

Pcm = NDArray[np.int16]


class MergeError(ValueError):
    """The parts can not be joined, or do not stand where the record says; one sentence."""


@dataclass(frozen=True, slots=True)
class Trim:
    """Cut silence off both ends: samples below `threshold_db` of full scale, all but `keep_ms` of them."""

    threshold_db: float = -50.0
    keep_ms: float = 20.0


@dataclass(frozen=True, slots=True)
class Part:
    """A stem on its way into a message: `content` is its content sha256; `gap_before` counts the zeros before it."""

    stem: str
    content: str
    pcm: Pcm
    trim: Trim | None = None
    gap_before: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a part stands: samples `source_start` to `source_end` of the stem are `start` to `end` of the message.

    `trimmed_start` and `trimmed_end` are the samples cut off, `pcm_sha256` is over those that stand there
    (little-endian).
    """

    stem: str
    content: str
    start: int
    end: int
    source_start: int
    source_end: int
    trimmed_start: int
    trimmed_end: int
    gap_before: int
    pcm_sha256: str


def silent_ends(pcm: Pcm, threshold_db: float) -> tuple[int, int]:
    """How many samples before the first and after the last one at or above the level; all of them twice for silence."""
    is_heard = np.abs(pcm.astype(np.int32)) >= amplitude(threshold_db) * INT16_FULL_SCALE
    heard = np.flatnonzero(is_heard)
    if not len(heard):
        return len(pcm), len(pcm)
    return int(heard[0]), len(pcm) - 1 - int(heard[-1])


def trimmed_span(pcm: Pcm, sample_rate_hz: int, trim: Trim | None) -> tuple[int, int]:
    """(first sample, end) of what goes in.

    Raises:
        MergeError: nothing would be left.
    """
    if trim is None:
        return 0, len(pcm)
    leading, trailing = silent_ends(pcm, trim.threshold_db)
    if leading == len(pcm):
        raise MergeError(f"nothing in it is louder than {trim.threshold_db:g} dB: lower threshold_db of its trim")
    keep = samples_of(trim.keep_ms, sample_rate_hz)
    return max(0, leading - keep), len(pcm) - max(0, trailing - keep)


def samples_of(duration_ms: float, sample_rate_hz: int) -> int:
    """The whole samples of a time, nearest."""
    return round(duration_ms * sample_rate_hz / 1000)


def bitmerge(parts: Sequence[Part], sample_rate_hz: int, tail: int = 0) -> tuple[Pcm, tuple[Placed, ...]]:
    """The parts one after the other, each after its gap, then `tail` zeros; and where each stands.

    Raises:
        MergeError: there is no part, or nothing would be left of one.
    """
    if not parts:
        raise MergeError("there is nothing to join: the template has no part")
    pieces: list[Pcm] = []
    placed: list[Placed] = []
    at = 0
    for part in parts:
        try:
            first, end = trimmed_span(part.pcm, sample_rate_hz, part.trim)
        except MergeError as error:
            raise MergeError(f"{part.stem}: {error}") from error
        piece = part.pcm[first:end]
        at += part.gap_before
        pieces += [np.zeros(part.gap_before, np.int16), piece]
        placed.append(Placed(
            part.stem, part.content, at, at + len(piece), first, end, first, len(part.pcm) - end, part.gap_before,
            pcm_sha256(piece),
        ))  # fmt: skip
        at += len(piece)
    pieces.append(np.zeros(tail, np.int16))
    return np.concatenate(pieces), tuple(placed)


def check_merged(merged: Pcm, placed: Sequence[Placed], stems: Sequence[Pcm], tail: int = 0) -> None:
    """Hold a message against its record: each stem's samples bit for bit, zeros in every gap, nothing else.

    Raises:
        MergeError: the first thing that differs.
    """
    at = 0
    for one, stem in zip(placed, stems, strict=True):
        if one.start - at != one.gap_before or merged[at : one.start].any():
            raise MergeError(f"between the samples {at} and {one.start} there are not {one.gap_before} zeros")
        there = merged[one.start : one.end]
        if not np.array_equal(there, stem[one.source_start : one.source_end]) or pcm_sha256(there) != one.pcm_sha256:
            raise MergeError(f"{one.stem} does not stand bit for bit between the samples {one.start} and {one.end}")
        at = one.end
    if len(merged) - at != tail or merged[at:].any():
        raise MergeError(f"after sample {at} there are not {tail} zeros")


def pcm_sha256(pcm: Pcm) -> str:
    """Sha256 over samples as a WAV file holds them."""
    return hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest()
