"""The acoustic model inside the pocketsphinx package, read as arrays: how well does each sound fit each instant.

pocketsphinx itself answers on a grid of 10 ms and with one path. Its model evaluated here every 5 ms, for the few
states that an alignment goes through, gives the probabilities from which `domain/dsp/boundaries.py` finds the times.
Which states those are, only pocketsphinx knows (`pocketsphinx.py`); nothing is searched here.

The model is phonetically tied: 42 codebooks (one a sound) of 128 Gaussians in 3 streams (cepstra and their first and
second differences), mixed by 5126 states. Formats: pocketsphinx `src/ms_gauden.c`, `src/tmat.c`, `src/ptm_mgau.c`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from audio_assets.domain.phonemes import ARPABET_TO_IPA

Floats = NDArray[np.float32]

RATE_HZ = 16_000
HOP_S = 0.005
SILENCE = "SIL"
SOUNDS = ("+NSN+", "+SPN+", *sorted({*ARPABET_TO_IPA, SILENCE} - {"AX"}))
"""The model's sounds in the order of its codebooks: two kinds of noise, then 39 phonemes and silence."""
N_STATES = 3
"""States of each sound."""

_STEPS_PER_FRAME = 2  # differences in time span whole frames of 10 ms, as in training
_WINDOW, _N_FFT, _N_MEL, _N_CEPSTRA = 410, 512, 25, 13
_LOW_HZ, _HIGH_HZ, _PRE_EMPHASIS, _LIFTER = 130.0, 6800.0, 0.97, 22
_MAGIC = 0x11223344
_NATS_PER_STEP = 1024 * np.log(1.0001)  # 8-bit weights count steps of 2 ** 10 in logarithms to the base 1.0001
_SMALL_PRODUCT = 200_000
"""Multiplications of a matrix product that BLAS does in one thread: more threads spin for longer than they work (three
times the CPU time, measured on two busy cores), and another number of threads could round otherwise."""


class AcousticModelError(RuntimeError):
    """The model files are not those this module knows."""


@dataclass(frozen=True, slots=True)
class _Model:
    linear: Floats  # (42, 3, 13, 128): log density = x @ linear + x ** 2 @ quadratic + constant
    quadratic: Floats
    constant: Floats  # (42, 3, 128)
    weights: NDArray[np.uint8]  # (3, 128, n_states_in_all)
    stay: NDArray[np.float64]  # (42, 3): probability per 10 ms


def observations(samples: NDArray[np.int16]) -> Floats:
    """Return the features of 16 kHz `samples`, shape (n_frames, 3, 13); frame i is centred on i * 5 ms."""
    hop = round(HOP_S * RATE_HZ)
    n_frames = len(samples) // hop + 1
    signal = samples.astype(np.float32)
    signal[1:] -= np.float32(_PRE_EMPHASIS) * samples[:-1]
    padded = np.pad(signal, (_WINDOW // 2, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:n_frames]
    window, filters, cosines = np.hamming(_WINDOW).astype(np.float32), _mel_filters().T, _cosines().T
    blocks = [  # ten seconds at a time: the spectra of minutes would take gigabytes
        np.log(np.abs(np.fft.rfft(windows[first : first + 2000] * window, _N_FFT)) ** 2 @ filters + 1e-4) @ cosines
        for first in range(0, n_frames, 2000)
    ]
    cepstra = np.concatenate(blocks)
    cepstra -= cepstra.mean(axis=0)
    padded_cepstra = np.pad(cepstra, ((3 * _STEPS_PER_FRAME,) * 2, (0, 0)), mode="edge")

    def at(n: int) -> NDArray[np.float64]:
        return padded_cepstra[(3 + n) * _STEPS_PER_FRAME :][:n_frames]

    second = (at(3) - at(-1)) - (at(1) - at(-3))
    return np.stack([cepstra, at(2) - at(-2), second], axis=1).astype(np.float32)


def log_likelihoods(features: Floats, states: NDArray[np.int64], sounds: NDArray[np.int64]) -> Floats:
    """Return the log density of each frame under each of `states` of `sounds` (codebooks), (n_frames, n_states)."""
    model = _model()
    pairs, where = np.unique(np.stack([sounds, states]), axis=1, return_inverse=True)
    found = np.zeros((len(features), pairs.shape[1]), np.float32)
    squares = features**2
    for sound in np.unique(pairs[0]):
        own = np.flatnonzero(pairs[0] == sound)
        weights = np.exp(-_NATS_PER_STEP * model.weights[:, :, pairs[1][own]]).astype(np.float32)
        block = _SMALL_PRODUCT // (128 * max(len(own), _N_CEPSTRA))
        for first in range(0, len(features), max(block, 1)):
            rows = slice(first, first + max(block, 1))
            for stream in range(3):
                density = features[rows, stream] @ model.linear[sound, stream] + model.constant[sound, stream]
                density += squares[rows, stream] @ model.quadratic[sound, stream]
                best = density.max(axis=1, keepdims=True)
                found[rows, own] += np.log(np.exp(density - best) @ weights[stream]) + best
    return found[:, where.ravel()]


def log_stay_and_go(sounds: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the log probabilities per 10 ms to stay in each state of `sounds` and to leave it, (3 * n_sounds,)."""
    stay = _model().stay[sounds].ravel()
    return np.log(stay), np.log1p(-stay)


def codebooks(arpabet: Sequence[str]) -> NDArray[np.int64]:
    """Return the codebook numbers of sounds by name."""
    return np.array([SOUNDS.index(name) for name in arpabet], np.int64)


@lru_cache(maxsize=1)
def _model() -> _Model:
    folder = Path(pocketsphinx.get_model_path("en-us")) / "en-us"
    means, variances = _gaussians(folder / "means"), np.maximum(_gaussians(folder / "variances"), 1e-4)
    constant = -0.5 * (np.log(2 * np.pi * variances) + means**2 / variances).sum(axis=-1)
    return _Model(
        np.swapaxes(means / variances, -1, -2).astype(np.float32),
        np.swapaxes(-0.5 / variances, -1, -2).astype(np.float32),
        constant.astype(np.float32),
        _mixture_weights(folder / "sendump"),
        _stay(folder / "transition_matrices"),
    )


def _body(path: Path) -> tuple[bytes, int]:
    """The bytes of a model file and where its numbers begin."""
    content = path.read_bytes()
    at = content.find(b"endhdr\n") + len(b"endhdr\n")
    if at < len(b"endhdr\n") or struct.unpack_from("<I", content, at)[0] != _MAGIC:
        raise AcousticModelError(f"{path} is no little-endian sphinx file: install pocketsphinx 5 anew")
    return content, at + 4


def _gaussians(path: Path) -> NDArray[np.float64]:
    content, at = _body(path)
    shape = struct.unpack_from("<6i", content, at)
    if shape != (len(SOUNDS), 3, 128, *(_N_CEPSTRA,) * 3):
        raise AcousticModelError(f"{path} holds another model than en-us-ptm ({shape}): install pocketsphinx 5 anew")
    numbers = np.frombuffer(content, "<f4", len(SOUNDS) * 3 * 128 * _N_CEPSTRA, at + 28)
    return numbers.reshape(len(SOUNDS), 3, 128, _N_CEPSTRA).astype(np.float64)


def _stay(path: Path) -> NDArray[np.float64]:
    content, at = _body(path)
    n_sounds, n_from, n_to, n_numbers = struct.unpack_from("<4i", content, at)
    matrices = np.frombuffer(content, "<f4", n_numbers, at + 16).reshape(n_sounds, n_from, n_to).astype(np.float64)
    states = np.arange(N_STATES)
    return np.asarray(matrices[:, states, states] / matrices.sum(axis=-1))


def _mixture_weights(path: Path) -> NDArray[np.uint8]:
    content = path.read_bytes()
    at = 0
    while length := struct.unpack_from("<i", content, at)[0]:  # strings of remarks, then an empty one
        at += 4 + length
    n_densities, n_states = struct.unpack_from("<2i", content, at + 4)
    return np.frombuffer(content, np.uint8, 3 * n_densities * n_states, at + 12).reshape(3, n_densities, n_states)


@lru_cache(maxsize=1)
def _mel_filters() -> Floats:
    """Triangles of unit area with corners on FFT bins, shape (25, 257)."""
    mel = np.linspace(2595 * np.log10(1 + _LOW_HZ / 700), 2595 * np.log10(1 + _HIGH_HZ / 700), _N_MEL + 2)
    bin_hz = RATE_HZ / _N_FFT
    edges = np.floor(700 * (10 ** (mel / 2595) - 1) / bin_hz + 0.5) * bin_hz
    hz = np.arange(_N_FFT // 2 + 1) * bin_hz
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.clip(np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)), 0, None)
    return np.asarray(triangles * 2 / (high - low), np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """Orthonormal DCT-II with the model's lifter, shape (13, 25)."""
    order = np.arange(_N_CEPSTRA)[:, None]
    cosines = np.cos(np.pi / _N_MEL * order * (np.arange(_N_MEL) + 0.5)) * np.sqrt(2 / _N_MEL)
    cosines[0] *= np.sqrt(0.5)
    return np.asarray(cosines * (1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)), np.float32)
