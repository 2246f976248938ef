"""The voice in a stereo mix, without a model: what is in the centre of the picture, and when somebody sings.

Arrays in, arrays out. The voice of most recordings is mixed to the centre and most of what accompanies it to the sides.
Each bin of the spectrum is kept as far as both channels agree in it (as in the similarity of panning, Avendano 2003),
within the band of voices. Bass, kick and snare are in the centre too. A mono file has no sides: all that is left then
is the band, see `VocalExtractor`.

- `VocalExtractor`: samples in as they are read, as many samples of voice out; `activity()` after the last.
- `voice_spans`: levels to stretches of voice.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import Span

Floats = NDArray[np.float32]
Spectra = NDArray[np.complex64]

_WINDOW_S = 0.046
_BLOCK_FRAMES = 128
_SMOOTH_FRAMES = 2  # on each side, over which the channels are compared
_SHARPNESS = 2
_LOW_HZ, _FULL_LOW_HZ, _FULL_HIGH_HZ, _HIGH_HZ = 80.0, 160.0, 9000.0, 14000.0


@dataclass(frozen=True, slots=True)
class VoiceLevels:
    """Mean square of the voice and of the mix in the band of voices, `hop_s` apart, each of shape (n_hops,)."""

    hop_s: float
    voice: NDArray[np.float64]
    mix: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """When a voice is heard, the `share` of the song in which one is, and how sure that is (0 to 1)."""

    spans: tuple[Span, ...]
    share: float
    confidence: float


class VocalExtractor:
    """Takes stereo samples in pieces of any length and gives back the voice, sample for sample, in pieces.

    The result does not depend on how the samples are cut; memory stays the same however long the song is. Of two equal
    channels (a mono file) the voice can not be told by its place: the band of voices is all that comes out.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._hop = max(round(_WINDOW_S * sample_rate_hz / 2), 16)
        size = 2 * self._hop
        self._window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
        self._band = _band(scipy.fft.rfftfreq(size, 1 / sample_rate_hz))
        self._waiting = np.zeros((self._hop, 2), np.float32)  # the first frame is half before the song
        self._n_in = self._n_out = 0
        n_bins = len(self._band)
        self._spectra = np.zeros((0, 2, n_bins), np.complex64)  # (frames, mid and side, bins), not yet masked
        self._n_before = 0  # of those, frames that are masked already and serve as neighbours
        self._tail = np.zeros(self._hop, np.float32)
        self._levels: list[NDArray[np.float64]] = []
        self._is_first = True

    def push(self, stereo: Floats) -> Floats:
        """Return the samples of voice that are ready, shape (n_ready,); `stereo` is float32, shape (n_samples, 2)."""
        self._n_in += len(stereo)
        self._waiting = np.concatenate([self._waiting, stereo.astype(np.float32, copy=False)])
        out: list[Floats] = []
        while len(self._waiting) >= (_BLOCK_FRAMES + 1) * self._hop:
            out.append(self._block(_BLOCK_FRAMES, is_last=False))
        return self._counted(out)

    def finish(self) -> Floats:
        """Return the rest: in total there are exactly as many samples as went in."""
        n_frames = -(-len(self._waiting) // self._hop)
        self._waiting = np.concatenate(
            [self._waiting, np.zeros(((n_frames + 1) * self._hop - len(self._waiting), 2), np.float32)]
        )
        return self._counted([self._block(n_frames, is_last=True)])

    def activity(self) -> VoiceActivity:
        """Return when somebody sings, after `finish`."""
        levels = np.concatenate(self._levels) if self._levels else np.zeros((0, 2))
        duration_s = self._n_in / self._rate_hz
        spans = voice_spans(VoiceLevels(self._hop / self._rate_hz, levels[:, 0], levels[:, 1]))
        share = sum(span.end_time - span.start_time for span in spans) / duration_s if duration_s else 0.0
        return VoiceActivity(spans, share, 0.5)

    def _counted(self, pieces: list[Floats]) -> Floats:
        out = np.concatenate([np.zeros(0, np.float32), *pieces])
        if self._is_first and len(out):
            out, self._is_first = out[self._hop :], False
        out = out[: self._n_in - self._n_out]
        self._n_out += len(out)
        return out

    def _block(self, n_frames: int, *, is_last: bool) -> Floats:
        """Take `n_frames` frames from what waits and return the samples of all frames that have their neighbours."""
        starts = np.arange(n_frames) * self._hop
        frames = np.lib.stride_tricks.sliding_window_view(self._waiting, 2 * self._hop, axis=0)[starts]
        both = scipy.fft.rfft(frames * self._window, axis=-1)
        self._waiting = self._waiting[n_frames * self._hop :]
        mid, side = (both[:, 0] + both[:, 1]) / 2, (both[:, 0] - both[:, 1]) / 2
        self._spectra = np.concatenate([self._spectra, np.stack([mid, side], axis=1)])
        n_ready = len(self._spectra) - self._n_before - (0 if is_last else _SMOOTH_FRAMES)
        voice = self._voice(self._n_before, n_ready)
        keep_from = max(self._n_before + n_ready - _SMOOTH_FRAMES, 0)
        self._n_before = self._n_before + n_ready - keep_from
        self._spectra = self._spectra[keep_from:]
        return self._overlapped(voice)

    def _voice(self, first: int, n_frames: int) -> Spectra:
        """Masked mid spectra of `n_frames` frames from `first` on, whose neighbours are there; notes their levels."""
        power = (self._spectra.real**2 + self._spectra.imag**2).astype(np.float32)
        padded = np.pad(power, ((_SMOOTH_FRAMES, _SMOOTH_FRAMES), (0, 0), (0, 0)))
        smooth = sum(padded[first + k : first + k + n_frames] for k in range(2 * _SMOOTH_FRAMES + 1))
        mid, side = smooth[:, 0], smooth[:, 1]
        centred = np.maximum(mid - side, 0) / (mid + side + np.float32(1e-12))
        mask = centred**_SHARPNESS * self._band
        own = power[first : first + n_frames]
        levels = np.stack([(own[:, 0] * mask**2).sum(axis=1), own.sum(axis=1) @ self._band], axis=1)
        self._levels.append(levels.astype(np.float64) / self._hop**2)
        return np.asarray(self._spectra[first : first + n_frames, 0] * mask)

    def _overlapped(self, spectra: Spectra) -> Floats:
        frames = scipy.fft.irfft(spectra, 2 * self._hop, axis=-1).astype(np.float32) * self._window
        out = np.zeros((len(frames) + 1, self._hop), np.float32)
        out[:-1] += frames[:, : self._hop]
        out[1:] += frames[:, self._hop :]
        out[0] += self._tail
        self._tail = out[-1]
        return np.clip(out[:-1].ravel(), -1, 1)


def _band(hz: NDArray[np.float64]) -> Floats:
    rise = np.clip((hz - _LOW_HZ) / (_FULL_LOW_HZ - _LOW_HZ), 0, 1)
    fall = np.clip((_HIGH_HZ - hz) / (_HIGH_HZ - _FULL_HIGH_HZ), 0, 1)
    return np.asarray(rise * fall, np.float32)


def voice_spans(levels: VoiceLevels) -> tuple[Span, ...]:
    """Return the stretches of voice in order."""
    if not levels.mix.size or not levels.mix.any():
        return ()
    db = 10 * np.log10(levels.voice + 1e-12)
    is_on = db > np.percentile(db, 95) - 20
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_on, [False]]).astype(int)))
    return tuple(
        Span(float(a * levels.hop_s), float(b * levels.hop_s)) for a, b in zip(edges[::2], edges[1::2], strict=True)
    )
