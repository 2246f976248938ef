"""The voice in a stereo mix, without a model: what is in the centre of the picture, and when somebody sings.

Arrays in, arrays out. The voice of most recordings is mixed to the centre and most of what accompanies it to the sides.
Each bin of the spectrum is kept as far as both channels agree in it (as in the similarity of panning, Avendano 2003),
within the band of voices. Bass, kick and snare are in the centre too. A mono file has no sides: all that is left then
is the band, see `VocalExtractor`.

- `VocalExtractor`: samples in as they are read, as many samples of voice out; `activity()` after the last.
- `voice_activity`, `voice_spans`: levels to stretches of voice, and how sure that is.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import Span

Floats = NDArray[np.float32]
Spectra = NDArray[np.complex64]

_WINDOW_S = 0.046
_BLOCK_FRAMES = 128
_SMOOTH_FRAMES = 2  # on each side, over which the channels are compared
_SHARPNESS = 2
_LOW_HZ, _FULL_LOW_HZ, _FULL_HIGH_HZ, _HIGH_HZ = 80.0, 160.0, 9000.0, 14000.0
_LEVEL_LOW_HZ, _LEVEL_HIGH_HZ = 150.0, 4000.0
_SILENT = 1e-9  # mean square: -90 dBFS

_STEADY_S, _LOUD_PERCENT, _QUIETEST_DB = 0.5, 95, -20.0
_ON_DB = -7.0
_BRIDGED_S, _SHORTEST_S = 0.5, 0.4
_SURE_SEPARATION, _MOST_SURE = (1.5, 3.5), 0.6
_WIDE_DB = 2.0
"""Over five songs with known words (one sung, four with speech in rock music; a seventh to a half of each with voice)
the area under the curve of the score is .87 to .94, and -7 dB finds .80 to .94 of the frames with voice. Loud music in
the centre passes for voice, so nothing is surer than 0.6."""


@dataclass(frozen=True, slots=True)
class VoiceLevels:
    """Mean square of the voice and of the mix from 150 to 4000 Hz, `hop_s` apart, each of shape (n_hops,)."""

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
        hz = scipy.fft.rfftfreq(size, 1 / sample_rate_hz)
        self._band = _band(hz)
        self._is_level = ((hz >= _LEVEL_LOW_HZ) & (hz < _LEVEL_HIGH_HZ)).astype(np.float32)
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
        levels = np.concatenate([np.zeros((0, 2)), *self._levels])
        return voice_activity(VoiceLevels(self._hop / self._rate_hz, levels[:, 0], levels[:, 1]))

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
        power = np.square(self._spectra.real) + np.square(self._spectra.imag)
        around = np.pad(power, ((_SMOOTH_FRAMES, _SMOOTH_FRAMES), (0, 0), (0, 0)))[first:]
        smooth = around[:n_frames].copy()
        for shift in range(1, 2 * _SMOOTH_FRAMES + 1):
            smooth += around[shift : shift + n_frames]
        mid, side = smooth[:, 0], smooth[:, 1]
        centred = np.maximum(mid - side, 0) / (mid + side + np.float32(1e-12))
        mask = centred**_SHARPNESS * self._band
        own = power[first : first + n_frames]
        levels = np.stack([own[:, 0] * np.square(mask), own.sum(axis=1)], axis=1) * self._is_level
        # Parseval: two sides of the spectrum, a window whose squares add to half its length.
        self._levels.append(levels.sum(axis=2, dtype=np.float64) / (2 * self._hop**2))
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


def voice_activity(levels: VoiceLevels) -> VoiceActivity:
    """Return the spans of voice, the share of the time that they cover, and a confidence.

    The confidence grows with the distance between what is taken for voice and the rest and with the width of the
    picture; it is 0 for silence and for sound that is all alike, and never above 0.6.
    """
    spans = voice_spans(levels)
    if not spans or not len(levels.mix):
        return VoiceActivity((), 0.0, 0.0)
    is_on = np.zeros(len(levels.mix), np.bool_)
    for span in spans:
        is_on[round(span.start_time / levels.hop_s) : round(span.end_time / levels.hop_s)] = True
    share = float(is_on.mean())
    score, centred_db = _scores(levels)
    if is_on.all():
        return VoiceActivity(spans, share, 0.0)
    spread = np.sqrt((score[is_on].var() + score[~is_on].var()) / 2) + 0.1
    separation = (score[is_on].mean() - score[~is_on].mean()) / spread
    low, high = _SURE_SEPARATION
    width = np.clip(-np.median(centred_db) / _WIDE_DB, 0, 1)
    confidence = _MOST_SURE * np.clip((separation - low) / (high - low), 0, 1) * (1 + width) / 2
    return VoiceActivity(spans, share, round(float(confidence), 3))


def voice_spans(levels: VoiceLevels) -> tuple[Span, ...]:
    """Return the stretches of voice in order: where the centre is loud for this song, and loud against the sides.

    Gaps under 0.5 s are closed; what is then shorter than 0.4 s is left out.
    """
    if not len(levels.mix) or levels.mix.max() < _SILENT:
        return ()
    score, _ = _scores(levels)
    is_on = (score > _ON_DB) & (_steady(levels.mix, levels.hop_s) > _SILENT)
    runs = [run for run in _runs(is_on, levels.hop_s, _BRIDGED_S) if (run[1] - run[0]) * levels.hop_s >= _SHORTEST_S]
    return tuple(Span(round(first * levels.hop_s, 3), round(end * levels.hop_s, 3)) for first, end in runs)


def _scores(levels: VoiceLevels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How voice-like each hop is in dB under the best of the song, and how much of the mix is in the centre in dB."""
    voice_db = 10 * np.log10(levels.voice + _SILENT)
    centred_db = _steady(voice_db - 10 * np.log10(levels.mix + _SILENT), levels.hop_s)
    score = _steady(voice_db, levels.hop_s) + centred_db
    return np.maximum(score - np.percentile(score, _LOUD_PERCENT), _QUIETEST_DB), centred_db


def _steady(values: NDArray[np.float64], hop_s: float) -> NDArray[np.float64]:
    """Means over half a second around each hop."""
    n_side = max(round(_STEADY_S / hop_s / 2), 1)
    sums = np.cumsum(np.pad(values, (n_side + 1, n_side), mode="edge"))
    return np.asarray((sums[2 * n_side + 1 :] - sums[: -2 * n_side - 1]) / (2 * n_side + 1))


def _runs(is_on: NDArray[np.bool_], hop_s: float, bridged_s: float) -> list[tuple[int, int]]:
    """[First, end) of each run, those with a gap under `bridged_s` between them as one."""
    edges = np.flatnonzero(np.diff(is_on.astype(np.int8), prepend=0, append=0))
    runs: list[tuple[int, int]] = []
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and (first - runs[-1][1]) * hop_s < bridged_s:
            runs[-1] = runs[-1][0], end
        else:
            runs.append((first, end))
    return runs
