"""Tempo and pitch: a phase vocoder that keeps transients, and resampling. Samples are float32 (n_samples, n_channels).

The vocoder works with identity phase locking (Laroche and Dolson 1999): every bin turns with the nearest spectral peak.
How far a peak turns is read from two frames of the source one output hop apart, so any map of time gives exact pitch.
All channels turn by the same angle: the stereo image stays. Around transients time runs at its own speed and the bins
that rise start with the phases of the source, so that attacks stay sharp; the time is made up for between them.
"""

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled

Block = NDArray[np.float32]

_WINDOW = 2048  # 46 ms at 44.1 kHz: long enough for a bass, short enough for a drum
_HOP = _WINDOW // 4
_BATCH = 512  # frames in memory at a time: 17 MB of spectra
_FLUX_HOP = 256
_ZONE_BEFORE, _ZONE_AFTER = _WINDOW // 4, _WINDOW // 2  # samples around a transient that are not stretched
_SLOWEST = 0.25  # output per source between two zones, at least: where hits are denser, the stronger ones are kept
_RISE = 2.0  # power against one hop earlier, from which a bin belongs to the transient


def tempo_changed(samples: Block, sample_rate_hz: int, ratio: float) -> Block:
    """`samples` at `ratio` times the tempo and the same pitch: `round(n_samples / ratio)` samples."""
    n_out = round(len(samples) / ratio)
    if ratio == 1.0 or len(samples) == 0:
        return samples
    centers = _source_centers(samples, sample_rate_hz, n_out)
    return _resynthesised(samples, *centers, n_out)


def pitch_shifted(samples: Block, sample_rate_hz: int, semitones: float) -> Block:
    """`samples` moved by `semitones`, as long as before."""
    if semitones == 0.0 or len(samples) == 0:
        return samples
    factor = 2.0 ** (semitones / 12.0)
    longer = tempo_changed(samples, sample_rate_hz, 1.0 / factor)
    return _fitted(_resampled(longer, factor), len(samples))


def speed_changed(samples: Block, ratio: float) -> Block:
    """`samples` played `ratio` times as fast, higher by as much: `round(n_samples / ratio)` samples."""
    if ratio == 1.0 or len(samples) == 0:
        return samples
    return _fitted(_resampled(samples, ratio), round(len(samples) / ratio))


def _resampled(samples: Block, ratio: float) -> Block:
    resampled: Block = soxr.resample(samples, ratio, 1.0, quality="HQ")
    return resampled


def _fitted(samples: Block, n_samples: int) -> Block:
    if len(samples) >= n_samples:
        return samples[:n_samples]
    return np.concatenate([samples, np.zeros((n_samples - len(samples), samples.shape[1]), np.float32)])


# --- Where each frame comes from ---------------------------------------------------------------------------------


def transients(samples: Block, sample_rate_hz: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where sudden rises over many bands begin, and how strong each is: samples, ascending."""
    mono = np.ascontiguousarray(samples.mean(axis=1))
    n_frames = max(0, (len(mono) - 1024) // _FLUX_HOP + 1)
    if n_frames < 4:
        return np.zeros(0, np.int64), np.zeros(0)
    flux = _flux(mono, n_frames)
    width = max(1, round(0.1 * sample_rate_hz / _FLUX_HOP))
    floor = np.convolve(flux, np.ones(2 * width + 1) / (2 * width + 1))[width : width + n_frames]
    is_peak = (flux[1:-1] >= flux[:-2]) & (flux[1:-1] > flux[2:]) & (flux[1:-1] > 1.5 * floor[1:-1] + 0.05)
    frames = np.flatnonzero(is_peak) + 1
    places = [_steepest(mono, int(frame) * _FLUX_HOP) for frame in frames]
    return np.array(places, np.int64), flux[frames]


def _flux(mono: NDArray[np.float32], n_frames: int) -> NDArray[np.float64]:
    """Mean rise of the log spectrum from frame to frame, in nepers."""
    window = np.hanning(1024).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(mono, 1024)[::_FLUX_HOP]
    flux = np.zeros(n_frames)
    before: NDArray[np.float32] | None = None
    for start in range(0, n_frames, 4 * _BATCH):
        levels = np.log(np.abs(np.fft.rfft(frames[start : start + 4 * _BATCH] * window, axis=1))[:, 4:400] + 1e-3)
        joined = levels if before is None else np.concatenate([before, levels])
        rises = np.maximum(np.diff(joined, axis=0), 0.0).mean(axis=1)
        flux[start + len(levels) - len(rises) : start + len(levels)] = rises
        before = levels[-1:]
    return flux


def _steepest(mono: NDArray[np.float32], start: int) -> int:
    """Within a flux frame, the 64 samples whose energy rises most over what came before."""
    energies = np.square(mono[start : start + 1024 + 256].astype(np.float64)).reshape(-1)
    n = len(energies) // 64
    blocks = energies[: n * 64].reshape(n, 64).sum(axis=1) + 1e-9
    if n < 6:
        return start + 512
    rise = blocks[4:] / (np.cumsum(blocks)[3:-1] / np.arange(4, n))
    return start + 64 * (4 + int(np.argmax(rise)))


def _source_centers(samples: Block, sample_rate_hz: int, n_out: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For the output frame at each multiple of the hop: the centre of its source frame, and whether a hit begins."""
    stretch = n_out / len(samples)
    hits = _protected(*transients(samples, sample_rate_hz), len(samples), stretch)
    # Time as a broken line: around a hit, which lies where the tempo puts it, one to one; straight between the hits.
    source = np.stack([hits - _ZONE_BEFORE, hits + _ZONE_AFTER], axis=1)
    out = stretch * hits[:, np.newaxis] + np.array([-_ZONE_BEFORE, _ZONE_AFTER])
    at = np.arange(0, n_out + _HOP, _HOP)
    centers = np.interp(at, [0.0, *out.reshape(-1), n_out], [0.0, *source.reshape(-1), len(samples)])
    is_hit = np.zeros(len(at), np.bool_)
    is_hit[np.ceil(out[:, 0] / _HOP).astype(np.int64)] = True
    return np.rint(centers).astype(np.int64), is_hit


def _protected(
    places: NDArray[np.int64], strengths: NDArray[np.float64], n_in: int, stretch: float
) -> NDArray[np.int64]:
    """The hits that are kept sharp: the stronger ones, so far apart that time between them never nearly stands."""
    n_zone = _ZONE_BEFORE + _ZONE_AFTER
    n_apart = n_zone * (1.0 - _SLOWEST) / (min(stretch, 1.0) - _SLOWEST)
    is_free = np.ones(n_in, np.bool_)
    is_free[: round(n_apart)] = is_free[-round(n_apart) :] = False
    chosen: list[int] = []
    for index in np.argsort(-strengths, kind="stable"):
        place = int(places[index])
        if is_free[place]:
            chosen.append(place)
            is_free[max(0, place - math.ceil(n_apart)) : place + math.ceil(n_apart)] = False
    return np.array(sorted(chosen), np.int64)


# --- The vocoder -------------------------------------------------------------------------------------------------


def _resynthesised(samples: Block, centers: NDArray[np.int64], is_hit: NDArray[np.bool_], n_out: int) -> Block:
    n_channels = samples.shape[1]
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)
    half = _WINDOW // 2
    padded = np.zeros((n_channels, len(samples) + 2 * _WINDOW + _HOP), np.float32)
    padded[:, half + _HOP : half + _HOP + len(samples)] = samples.T
    views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)
    out = np.zeros((n_channels, (len(centers) - 1) * _HOP + _WINDOW), np.float32)
    previous = np.zeros((n_channels, half + 1), np.complex64)
    for start in range(0, len(centers), _BATCH):
        at = centers[start : start + _BATCH]
        now = np.fft.rfft(views[:, at + _HOP] * window, axis=2).astype(np.complex64, copy=False)
        before = np.fft.rfft(views[:, at] * window, axis=2).astype(np.complex64, copy=False)
        _turn(now, before, is_hit[start : start + _BATCH], previous, start == 0)
        frames = np.fft.irfft(now, _WINDOW, axis=2).astype(np.float32) * window
        _overlap(out, frames, start * _HOP)
    # Four windows of sin^2 overlap to 2.
    return np.ascontiguousarray(out[:, half : half + n_out].T) * np.float32(0.5)


@compiled
def _overlap(out: Block, frames: NDArray[np.float32], start: int) -> None:
    for c in range(frames.shape[0]):
        for f in range(frames.shape[1]):
            at = start + f * _HOP
            for i in range(frames.shape[2]):
                out[c, at + i] += frames[c, f, i]


@compiled
def _copy(spectrum: NDArray[np.complex64], frames: NDArray[np.complex64], f: int) -> None:
    """One by one: an assignment of rows takes numba seconds to compile."""
    for c in range(spectrum.shape[0]):
        for k in range(spectrum.shape[1]):
            spectrum[c, k] = frames[c, f, k]


@compiled
def _turn(
    now: NDArray[np.complex64],
    before: NDArray[np.complex64],
    is_hit: NDArray[np.bool_],
    previous: NDArray[np.complex64],
    is_first: bool,
) -> None:
    """Turn the phases of `now` (n_channels, n_frames, n_bins) in place so that they follow on `previous`.

    `before` is the source one hop earlier; `previous` the last output spectrum, replaced by the new last one.
    """
    n_channels, n_frames, n_bins = now.shape
    power = np.empty(n_bins, np.float32)
    power_before = np.empty(n_bins, np.float32)
    peaks = np.empty(n_bins, np.int64)
    for f in range(n_frames):
        if is_first and f == 0:
            _copy(previous, now, f)
            continue
        for k in range(n_bins):
            total = np.float32(0.0)
            total_before = np.float32(0.0)
            for c in range(n_channels):
                total += now[c, f, k].real ** 2 + now[c, f, k].imag ** 2
                total_before += before[c, f, k].real ** 2 + before[c, f, k].imag ** 2
            power[k] = total
            power_before[k] = total_before
        n_peaks = 0
        for k in range(n_bins):
            first, last = max(0, k - 2), min(n_bins - 1, k + 2)
            is_peak = True
            for j in range(first, last + 1):
                if power[j] > power[k] or (power[j] == power[k] and j < k):
                    is_peak = False
            if is_peak:
                peaks[n_peaks] = k
                n_peaks += 1
        begin = 0
        for p in range(n_peaks):
            k = peaks[p]
            end = n_bins
            if p + 1 < n_peaks:  # regions meet where the spectrum is lowest between two peaks
                end = k + 1
                for j in range(k + 1, peaks[p + 1] + 1):
                    if power[j] < power[end]:
                        end = j
            real, imag = 0.0, 0.0
            for c in range(n_channels):
                y, x = previous[c, k], before[c, f, k]
                real += y.real * x.real + y.imag * x.imag
                imag += y.imag * x.real - y.real * x.imag
            size = math.sqrt(real * real + imag * imag)
            is_new = is_hit[f] and power[k] > _RISE * power_before[k]
            is_kept = size < 1e-20 or is_new
            turn = np.complex64(1.0) if is_kept else np.complex64(complex(real / size, imag / size))
            for c in range(n_channels):
                for j in range(begin, end):
                    now[c, f, j] *= turn
            begin = end
        _copy(previous, now, f)
