"""Rooms: reverberation by convolution with a made-up hall, echoes, and blur. Samples are float32 (n_samples, 2).

A hall's answer is noise that dies away, faster in the treble, different in both ears and the same for equal settings.
"""

import math

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.compiled import compiled

Block = NDArray[np.float32]

_TREBLE_DECAY = 0.4  # of the decay below the damping frequency: what air and curtains do
_REFLECTIONS_MS = (7.3, 11.9, 17.1, 23.7, 31.3, 41.9)  # mutually prime-ish, so that no pitch is heard
_SEED = 20_011


def reverberated(
    samples: Block,
    sample_rate_hz: int,
    *,
    decay_s: float,
    mix: float,
    predelay_ms: float = 15.0,
    damping_hz: float = 6000.0,
) -> Block:
    """`samples` in a hall, `decay_s` longer. Power is kept: `mix` 0 is dry, 1 wet alone.

    `decay_s` is the time to fall by 60 dB below `damping_hz`; above, it is 0.4 times that.
    """
    response = hall(sample_rate_hz, decay_s, damping_hz)
    n_delay = round(0.001 * predelay_ms * sample_rate_hz)
    n_out = len(samples) + round(decay_s * sample_rate_hz)
    out = np.zeros((n_out, samples.shape[1]), np.float32)
    wet = convolved(samples, response)[: n_out - n_delay]
    out[n_delay : n_delay + len(wet)] = wet * np.float32(math.sin(0.5 * math.pi * mix))
    out[: len(samples)] += samples * np.float32(math.cos(0.5 * math.pi * mix))
    return out


def hall(sample_rate_hz: int, decay_s: float, damping_hz: float) -> Block:
    """The answer of a hall to a click, shape (n, 2), with unit power in each channel."""
    n = round(decay_s * sample_rate_hz)
    noise = np.random.Generator(np.random.PCG64(_SEED)).standard_normal((2, n))
    time_s = np.arange(n) / sample_rate_hz
    spectrum = np.fft.rfft(noise, axis=1)
    share = 1.0 / (1.0 + (np.fft.rfftfreq(n, 1.0 / sample_rate_hz) / damping_hz) ** 4)
    bass = np.fft.irfft(spectrum * share, n, axis=1)
    rate = -math.log(1000.0) / decay_s
    build_up = 1.0 - np.exp(-time_s / 0.012)
    tail = build_up * (bass * np.exp(rate * time_s) + (noise - bass) * np.exp(rate / _TREBLE_DECAY * time_s))
    tail *= np.minimum(1.0, (n - np.arange(n)) / (0.05 * n))  # what is left at -60 dB fades to nothing
    for index, delay_ms in enumerate(_REFLECTIONS_MS):
        for channel in (0, 1):
            at = round(0.001 * (delay_ms + 1.7 * channel) * sample_rate_hz)
            if at < n:
                tail[channel, at] += 6.0 * 0.8**index * (-1.0) ** (index * (channel + 1))
    tail -= tail.mean(axis=1, keepdims=True)
    response: Block = (tail / np.sqrt(np.square(tail).sum(axis=1, keepdims=True))).T.astype(np.float32)
    return response


def convolved(samples: Block, response: Block) -> Block:
    """Each channel of `samples` with that of `response`: `len(samples) + len(response) - 1` samples."""
    n_total = len(samples) + len(response) - 1
    size = 1 << max(12, (4 * len(response) - 1).bit_length())
    size = min(size, 1 << max(0, n_total - 1).bit_length())
    n_block = size - len(response) + 1
    spectrum = np.fft.rfft(response.T, size, axis=1)
    out = np.zeros((samples.shape[1], n_total), np.float32)
    for start in range(0, len(samples), n_block):
        piece = samples[start : start + n_block].T
        answer = np.fft.irfft(np.fft.rfft(piece, size, axis=1) * spectrum, size, axis=1)
        n = min(size, n_total - start)
        out[:, start : start + n] += answer[:, :n].astype(np.float32)
    return np.ascontiguousarray(out.T)


def echoed(samples: Block, n_delay: int, *, feedback: float, mix: float) -> Block:
    """`samples` with echoes every `n_delay` samples that change sides and lose treble; as long as 60 dB of them."""
    n_echoes = 1 if feedback < 1e-3 else min(24, math.ceil(math.log(1e-3) / math.log(feedback)) + 1)
    line = np.zeros((len(samples) + n_echoes * n_delay, 2), np.float32)
    line[n_delay : n_delay + len(samples)] = samples
    _feed_back(line, n_delay, feedback)
    out = line * np.float32(math.sin(0.5 * math.pi * mix))
    out[: len(samples)] += samples * np.float32(math.cos(0.5 * math.pi * mix))
    return out


@compiled
def _feed_back(line: Block, n_delay: int, feedback: float) -> None:
    left, right = 0.0, 0.0
    for i in range(n_delay, line.shape[0]):
        left += 0.4 * (line[i - n_delay, 1] - left)
        right += 0.4 * (line[i - n_delay, 0] - right)
        line[i, 0] += np.float32(feedback * left)
        line[i, 1] += np.float32(feedback * right)


def smeared(samples: Block, sample_rate_hz: int, *, window_s: float, mix: float, seed: int) -> Block:
    """`samples` with every sound spread over `window_s`: spectra as they are, phases by chance.

    Both channels get the same chance, so the stereo image stays. `mix` 0 is dry, 1 blur alone.
    """
    hop = max(64, round(window_s * sample_rate_hz / 4))
    size = 4 * hop
    # Random phases add as powers: four windows of sin^4 must sum to a constant, which sin^2 squared does.
    window = (np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2).astype(np.float32)
    random = np.random.Generator(np.random.PCG64(seed))
    n_frames = -(-len(samples) // hop) + 3
    padded = np.zeros((samples.shape[1], (n_frames + 3) * hop), np.float32)
    padded[:, 3 * hop : 3 * hop + len(samples)] = samples.T
    blur = np.zeros_like(padded)
    for frame in range(n_frames):
        at = frame * hop
        spectrum = np.fft.rfft(padded[:, at : at + size] * window, axis=1)
        spectrum *= np.exp(2j * np.pi * random.random(spectrum.shape[1])).astype(np.complex64)
        spectrum[:, 0] = 0.0
        blur[:, at : at + size] += np.fft.irfft(spectrum, size, axis=1).astype(np.float32) * window
    wet = np.ascontiguousarray(blur[:, 3 * hop : 3 * hop + len(samples)].T)
    # Mean of the squared window is 3/8, and the spread halves the power once more: 4 * (3/8)^2 of it is left.
    wet *= np.float32(math.sin(0.5 * math.pi * mix) / math.sqrt(4 * (3 / 8) ** 2))
    return wet + samples * np.float32(math.cos(0.5 * math.pi * mix))
