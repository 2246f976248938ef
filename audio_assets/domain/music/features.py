"""What is measured of a song in one pass over its samples: level, timbre, pitch classes, onset strength by band.

Everything later (beats, onsets, sections, moods) reads a `SongFeatures` and never the samples again. Nothing here
decides anything, decodes or stores files. Times are seconds from the first sample; samples are mono at `RATE_HZ`.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float32]

RATE_HZ = 22_050
"""The rate of the samples that features are computed from."""

N_MEL_BANDS = 40
ONSET_BAND_EDGES_HZ = (0.0, 120.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 7000.0, RATE_HZ / 2)
"""Borders of the bands of `SongFeatures.onset`: kick and bass first, cymbals last."""

_HOP = 256  # of onsets: 11.6 ms
_WINDOW = 1024
_HOPS_PER_FRAME = 4
_CHROMA_WINDOW = 4096  # tells semitones apart from about 100 Hz on
_CHROMA_RANGE_HZ = (65.0, 2100.0)
_BATCH = 64 * _HOPS_PER_FRAME  # hops whose spectra are held at once; fixed, so that blocks' lengths change no bit
_FLOOR_DB = -100.0
_ONSET_FLOOR_DB = 55.0  # a band this far below the song's loud frames is silent: noise there is not an onset
_ONSET_LAG = 2  # hops; half the window, so that a step is seen whole
_ROLLOFF_SHARE = 0.85
_MAGIC = b"song_features.1\n"


@dataclass(frozen=True)
class SongFeatures:
    """Frame i is centred at i / frame_rate_hz seconds, onset frame i at i / onset_rate_hz.

    `mel_db`: (n_frames, 40) power of mel bands, dB of full scale, at least -100. `chroma`: (n_frames, 12), C first,
    each frame's maximum 1, or all 0 in silence. `onset`: (n_onset_frames, 8) rise in dB by band, see
    `ONSET_BAND_EDGES_HZ`. `rms`: linear, full scale 1.0. `centroid_hz`, `bandwidth_hz`, `rolloff_hz` (85 %) and
    `flatness` (0 to 1): of the power spectrum, 0 in silence. All but the first four are (n_frames,).
    Values are rounded to 16 bits, so that `to_bytes` loses nothing.
    """

    frame_rate_hz: float
    onset_rate_hz: float
    duration_s: float
    mel_db: Array
    chroma: Array
    onset: Array
    rms: Array
    centroid_hz: Array
    bandwidth_hz: Array
    rolloff_hz: Array
    flatness: Array


class FeatureExtractor:
    """Takes mono blocks of any length, then gives the features; equal samples give equal bits however they are cut."""

    def __init__(self) -> None:
        self._n_samples = 0
        self._pending: list[Array] = [np.zeros(_CHROMA_WINDOW // 2, np.float32)]
        self._n_pending = _CHROMA_WINDOW // 2
        self._batches: list[_Batch] = []

    def push(self, block: NDArray[np.float32]) -> None:
        """Measures `block`, shape (n_samples,), full scale 1.0. Not finite samples count as 0."""
        if len(block):
            self._n_samples += len(block)
            self._append(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32, copy=False))
            self._measure()

    def finish(self) -> SongFeatures:
        """The features of all blocks pushed. Call once."""
        n_hops = -(-self._n_samples // _HOP)
        n_frames = -(-n_hops // _HOPS_PER_FRAME)
        while len(self._batches) * _BATCH < n_hops:
            self._append(np.zeros(_SPAN, np.float32))
            self._measure()
        return _features(self._batches, n_hops, n_frames, self._n_samples / RATE_HZ)

    def _append(self, block: Array) -> None:
        self._pending.append(block)
        self._n_pending += len(block)

    def _measure(self) -> None:
        if self._n_pending < _SPAN:
            return
        samples = np.concatenate(self._pending)
        step = _BATCH * _HOP
        start = 0
        while start + _SPAN <= len(samples):
            self._batches.append(_measured(samples[start : start + _SPAN]))
            start += step
        self._pending, self._n_pending = [samples[start:].copy()], len(samples) - start


_SPAN = (_BATCH - 1) * _HOP + _CHROMA_WINDOW  # samples that one batch of hops sees


@dataclass(frozen=True)
class _Batch:
    """Of `_BATCH` hops: mel power by hop; the rest by frame."""

    mel: Array
    chroma: Array
    power: Array
    shape: Array


def _measured(samples: Array) -> _Batch:
    inset = (_CHROMA_WINDOW - _WINDOW) // 2
    spectra = _power_spectra(samples[inset : len(samples) - inset], _HANN, _HOP)
    frames = spectra.reshape(-1, _HOPS_PER_FRAME, spectra.shape[1]).mean(axis=1)
    pitched = _power_spectra(samples, _CHROMA_HANN, _HOP * _HOPS_PER_FRAME)[:, : _weights().chroma_of_bins.shape[1]]
    chroma = _weighed(np.sqrt(pitched), _weights().chroma_of_bins)
    return _Batch(_weighed(spectra, _weights().mel_of_bins), chroma, frames.sum(axis=1), _shape_of(frames))


def _weighed(values: Array, weights: Any) -> Array:
    """Sums of each row of `values` (n, n_in) by the sparse weights (n_out, n_in), as (n, n_out)."""
    return np.ascontiguousarray((weights @ values.T).T, dtype=np.float32)


def _power_spectra(samples: Array, window: Array, hop: int) -> Array:
    """Power of each windowed frame, (n, len(window) / 2 + 1); a full-scale sine sums to about 0.5."""
    framed = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::hop]
    spectra = scipy.fft.rfft(framed * window, axis=1)
    power: Array = spectra.real**2
    power += spectra.imag**2
    return power


def _shape_of(power: Array) -> Array:
    """Centroid, bandwidth, rolloff (Hz) and flatness of each spectrum, (n, 4); zeros where there is no power."""
    total = power.sum(axis=1)
    heard = total > 1e-10
    safe = np.where(heard, total, 1.0).astype(np.float32)
    centroid = np.einsum("ij,j", power, _BINS_HZ) / safe
    bandwidth = np.sqrt(np.maximum(np.einsum("ij,j", power, _BINS_HZ**2) / safe - centroid**2, 0.0))
    rolloff = _BINS_HZ[(np.cumsum(power, axis=1) < _ROLLOFF_SHARE * safe[:, None]).sum(axis=1).clip(max=_WINDOW // 2)]
    flatness = np.exp(np.log(power + 1e-14).mean(axis=1)) / (safe / power.shape[1])
    shape: Array = np.stack([centroid, bandwidth, rolloff, np.minimum(flatness, 1.0)], axis=1) * heard[:, None]
    return shape


def _features(batches: list[_Batch], n_hops: int, n_frames: int, duration_s: float) -> SongFeatures:
    def joined(name: str, n: int) -> Array:
        parts = [getattr(batch, name) for batch in batches]
        if parts:
            whole: Array = np.concatenate(parts)[:n]
            return whole
        return np.zeros((0, {"mel": N_MEL_BANDS, "chroma": 12, "shape": 4}.get(name, 1)), np.float32)

    mel = joined("mel", n_hops)
    power = joined("power", n_frames).reshape(-1)
    chroma = joined("chroma", n_frames)
    shape = joined("shape", n_frames)
    peak = chroma.max(axis=1, initial=0.0)[:, None]
    chroma = np.where((peak > 1e-4) & (power[:, None] > 1e-9), chroma / np.maximum(peak, 1e-9), 0.0)
    padded = np.pad(mel, ((0, -len(mel) % _HOPS_PER_FRAME), (0, 0)), mode="edge") if len(mel) else mel
    by_frame = padded.reshape(-1, _HOPS_PER_FRAME, N_MEL_BANDS).mean(axis=1)
    return SongFeatures(
        frame_rate_hz=RATE_HZ / _HOP / _HOPS_PER_FRAME,
        onset_rate_hz=RATE_HZ / _HOP,
        duration_s=duration_s,
        mel_db=_rounded(10 * np.log10(by_frame + np.float32(10 ** (_FLOOR_DB / 10)))),
        chroma=_rounded(chroma),
        onset=_rounded(_onset_strength(mel)),
        rms=_rounded(np.sqrt(power)),
        centroid_hz=_rounded(shape[:, 0]),
        bandwidth_hz=_rounded(shape[:, 1]),
        rolloff_hz=_rounded(shape[:, 2]),
        flatness=_rounded(shape[:, 3]),
    )


def _onset_strength(mel: Array) -> Array:
    """Mean rise in dB of the mel bands within each onset band, (n_hops, n_bands).

    A band is compared with the loudest of itself and its neighbours shortly before: vibrato is no onset.
    """
    if not len(mel):
        return np.zeros((0, len(ONSET_BAND_EDGES_HZ) - 1), np.float32)
    loud = float(np.percentile(mel.max(axis=1), 95))
    floor = np.float32(max(loud * 10 ** (-_ONSET_FLOOR_DB / 10), 1e-12))
    strength = np.zeros((len(mel), len(ONSET_BAND_EDGES_HZ) - 1), np.float32)
    for start, stop in _chunks(len(mel), 8192):
        from_hop = max(start - _ONSET_LAG, 0)
        level = 10 * np.log10(mel[from_hop:stop] + floor)
        if start == 0:  # silence before the song
            level = np.concatenate([np.full((_ONSET_LAG, N_MEL_BANDS), 10 * np.log10(floor), np.float32), level])
        before = scipy.ndimage.maximum_filter1d(level[:-_ONSET_LAG], 3, axis=1)
        rise = np.maximum(level[_ONSET_LAG:] - before, 0.0)
        strength[start:stop] = _weighed(rise, _weights().onset_of_mel)
    return strength


def _chunks(n: int, size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, n)) for start in range(0, n, size))


def _rounded(values: NDArray[Any]) -> Array:
    return np.asarray(values.astype(np.float16), dtype=np.float32)


def _mel_of(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel by Slaney: linear to 1 kHz, logarithmic above."""
    above = 15 + 27 * np.log(np.maximum(hz, 1.0) / 1000) / math.log(6.4)
    return np.asarray(np.where(hz < 1000, hz * 3 / 200, above), dtype=np.float64)


def _hz_of(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27)), dtype=np.float64)


def _hann(length: int) -> Array:
    """Scaled so that the power of a frame's bins sums to the mean square of the samples."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return np.asarray(window * math.sqrt(2 / (length * (window**2).sum())), dtype=np.float32)


_BINS_HZ = np.arange(_WINDOW // 2 + 1, dtype=np.float32) * (RATE_HZ / _WINDOW)
_LOWEST_MEL, _HIGHEST_MEL = _mel_of(np.array([20.0, RATE_HZ / 2])).tolist()
_MEL_EDGES_HZ = _hz_of(np.linspace(_LOWEST_MEL, _HIGHEST_MEL, N_MEL_BANDS + 2))


def _mel_weights() -> Array:
    """Triangles between neighbouring edges, (n_bins, n_bands)."""
    low, mid, high = _MEL_EDGES_HZ[:-2], _MEL_EDGES_HZ[1:-1], _MEL_EDGES_HZ[2:]
    rising = (_BINS_HZ[:, None] - low) / (mid - low)
    falling = (high - _BINS_HZ[:, None]) / (high - mid)
    weights: Array = np.maximum(np.minimum(rising, falling), 0).astype(np.float32)
    return weights


def _onset_weights() -> Array:
    """Mean over the mel bands whose centre is in the onset band, (n_mel_bands, n_onset_bands)."""
    band = np.searchsorted(ONSET_BAND_EDGES_HZ, _MEL_EDGES_HZ[1:-1]) - 1
    member = (band[:, None] == np.arange(len(ONSET_BAND_EDGES_HZ) - 1)).astype(np.float32)
    return np.asarray(member / np.maximum(member.sum(axis=0), 1), dtype=np.float32)


def _chroma_weights() -> Array:
    """Share of each bin in each pitch class (A = 440 Hz), narrow around the semitone, (n_bins, 12)."""
    hz = np.arange(int(_CHROMA_RANGE_HZ[1] * _CHROMA_WINDOW / RATE_HZ) + 1) * RATE_HZ / _CHROMA_WINDOW
    pitch = 69 + 12 * np.log2(np.maximum(hz, 1.0) / 440)
    off = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    octave_weight = np.exp(-0.5 * ((pitch - 62) / 15) ** 2) * (hz >= _CHROMA_RANGE_HZ[0])
    weights: Array = (np.exp(-0.5 * (off / 0.5) ** 2) * octave_weight[:, None]).astype(np.float32)
    return weights


_HANN, _CHROMA_HANN = _hann(_WINDOW), _hann(_CHROMA_WINDOW)


class _Weights(NamedTuple):
    """Rows are bands. Sparse, so that no BLAS is called, whose idle threads take as much time as all else together."""

    mel_of_bins: Any
    onset_of_mel: Any
    chroma_of_bins: Any


@cache
def _weights() -> _Weights:
    """Made when a song is measured: commands that measure none start half a second sooner without `scipy.sparse`."""
    chroma = np.where(_chroma_weights() > 1e-3, _chroma_weights(), 0)
    return _Weights(*(scipy.sparse.csr_array(one.T) for one in (_mel_weights(), _onset_weights(), chroma)))


def to_bytes(f: SongFeatures) -> bytes:
    """`f` as bytes, the same for the same features: one line of JSON, then each array as little-endian float16."""
    arrays = {field.name: getattr(f, field.name) for field in fields(f) if field.type == Array}
    numbers = {field.name: getattr(f, field.name) for field in fields(f) if field.name not in arrays}
    head = json.dumps({"numbers": numbers, "shapes": {name: a.shape for name, a in arrays.items()}}, sort_keys=True)
    return _MAGIC + head.encode() + b"\n" + b"".join(a.astype("<f2").tobytes() for a in arrays.values())


def from_bytes(data: bytes) -> SongFeatures:
    """The features that `to_bytes` wrote.

    Raises:
        ValueError: these are not such bytes, or not all of them.
    """
    head, newline, body = data.removeprefix(_MAGIC).partition(b"\n")
    if not data.startswith(_MAGIC) or not newline:
        raise ValueError(f"not features of a song: {_MAGIC.decode().strip()!r} was expected at the start")
    described = json.loads(head)
    at = 0
    arrays: dict[str, Any] = {}
    for field in fields(SongFeatures):
        if field.type == Array:
            shape = tuple(described["shapes"][field.name])
            size = 2 * math.prod(shape)
            if at + size > len(body):
                raise ValueError("features of a song end too early: the file is cut")
            arrays[field.name] = np.frombuffer(body[at : at + size], "<f2").reshape(shape).astype(np.float32)
            at += size
    return SongFeatures(**described["numbers"], **arrays)
