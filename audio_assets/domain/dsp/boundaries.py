"""Where one sound ends and the next begins: probabilities along a known sequence, spectral change, silence edges.

Pure arrays; who proposes the sequence (an aligner, an engine's own timing) lives elsewhere. Times are seconds from the
first sample; frame `i` of any feature is centred on `i * hop_s`. Boundaries are found from two kinds of evidence, both
needed: a model of the sounds says about when (`entry_probabilities`), the spectrum says exactly when (`change`).

- `log_mel`, `change`, `loudness_db`: features of the sound, every 2 ms.
- `entry_probabilities`: when each state of a known sequence is entered.
- `best_times`: both kinds of evidence together.
- `speech_edges`: where sound rises out of silence and sinks into it.
- `quiet_runs`: stretches without speech.
- `ordered`: spans made to rise, not overlap, and lie in the file.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HOP_S = 0.002
"""Time between frames of the features here."""
_WINDOW_S = 0.012
_N_MEL = 26
_LOW_HZ, _HIGH_HZ = 60.0, 7600.0
_NEVER = -1e30


def log_mel(pcm: NDArray[np.int16], sample_rate_hz: int) -> Floats:
    """Return log-mel energies in nats, shape (n_frames, 26), 12 ms Hann windows every 2 ms.

    The floor is 1 (in squared int16 steps), so that digital silence is flat and has no change.
    """
    hop, width = HOP_S * sample_rate_hz, round(_WINDOW_S * sample_rate_hz)
    n_fft = max(256, 1 << (width - 1).bit_length())
    starts = np.round(np.arange(int(len(pcm) / hop) + 1) * hop).astype(np.int64)
    padded = np.pad(pcm.astype(np.float32), (width // 2, width))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    window, filters = np.hanning(width).astype(np.float32), _mel_filters(sample_rate_hz, n_fft).T
    blocks = [  # ten seconds at a time: the spectra of minutes would take gigabytes
        np.log(np.abs(np.fft.rfft(windows[block] * window, n_fft)) ** 2 / width @ filters + 1.0)
        for block in np.split(starts, range(5000, len(starts), 5000))
    ]
    return np.asarray(np.concatenate(blocks), np.float64)


def change(features: Floats, *, side_s: float = 0.012) -> Floats:
    """Return the distance between the mean features of the `side_s` before and after each frame, shape (n_frames,).

    Root mean square over the bands, in nats; beyond the ends the first and last frame go on.
    """
    side, n = max(1, round(side_s / HOP_S)), len(features)
    padded = np.pad(features, ((side, side), (0, 0)), mode="edge")
    total = np.vstack([np.zeros(features.shape[1]), np.cumsum(padded, axis=0)])
    before = (total[side : side + n] - total[:n]) / side
    after = (total[2 * side + 1 : 2 * side + 1 + n] - total[side + 1 : side + 1 + n]) / side
    return np.asarray(np.sqrt(np.mean((after - before) ** 2, axis=1)))


def loudness_db(features: Floats) -> Floats:
    """Return the level of each frame of `log_mel` in dB, a mean over 10 ms, shape (n_frames,)."""
    level = 10 / np.log(10) * np.log(np.exp(features).mean(axis=1))
    return np.asarray(np.convolve(np.pad(level, 2, mode="edge"), np.full(5, 0.2), "valid"))


def entry_probabilities(log_likelihood: Floats, log_stay: Floats, log_go: Floats) -> Floats:
    """Return the probability that each state of a sequence has begun by each frame, shape (n_frames, n_states).

    The states follow one another, the first holds the first frame and the last the last (forward-backward algorithm,
    Rabiner 1989). Raises ValueError when there are fewer frames than states.
    """
    n_frames, n_states = log_likelihood.shape
    if n_frames < n_states:
        raise ValueError(f"{n_frames} frames are too few for {n_states} states in a row")
    forward = np.full((n_frames, n_states), _NEVER)
    forward[0, 0] = log_likelihood[0, 0]
    moved = np.full(n_states, _NEVER)
    for t in range(1, n_frames):
        moved[1:] = forward[t - 1, :-1] + log_go[:-1]
        forward[t] = np.logaddexp(forward[t - 1] + log_stay, moved) + log_likelihood[t]
    backward = np.full(n_states, _NEVER)
    backward[-1] = 0.0
    entered = np.zeros((n_frames, n_states))
    moved[-1] = _NEVER
    for t in range(n_frames - 1, -1, -1):
        joint = forward[t] + backward
        share = np.exp(joint - joint.max())
        entered[t] = np.cumsum(share[::-1])[::-1] / share.sum()
        ahead = backward + log_likelihood[t]
        moved[:-1] = ahead[1:] + log_go[:-1]
        backward = np.logaddexp(ahead + log_stay, moved)
    return entered


def best_times(
    entered: Floats,
    hop_s: float,
    strength: Floats,
    *,
    near_s: Floats | None = None,
    near_sigma_s: float = 0.030,
    sharpness: float = 2.0,
    blur_s: float = 0.008,
) -> Floats:
    """Return the median of each column's entry time, shape (n,), where entries are likelier at times of greater change.

    `entered` (n_frames, n) rises to 1 in each column, `strength` is `change`. The density of the entry is blurred by
    `blur_s`, because the model is surer of itself than it is right, and weighted by strength ** sharpness. Where
    `near_s` (n,) says when the entries are expected, a Gaussian of `near_sigma_s` around them weighs in too.
    """
    density = np.clip(np.diff(entered, axis=0, prepend=0.0), 0.0, None)
    times = np.arange(len(strength)) * HOP_S
    at = np.clip(times / hop_s + 0.5, 0, len(density) - 1)  # entered at frame i means between frames i - 1 and i
    below = np.minimum(at.astype(np.int64), len(density) - 2)
    share = (at - below)[:, None]
    fine = density[below] * (1 - share) + density[below + 1] * share
    reach = round(3 * blur_s / HOP_S)
    padded = np.pad(fine, ((reach, reach), (0, 0)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * HOP_S / blur_s) ** 2)
    blurred = sum(weight * padded[i : i + len(fine)] for i, weight in enumerate(kernel))
    weighted = (blurred + 1e-30) * (strength[:, None] ** sharpness + 1e-9)
    if near_s is not None:
        weighted *= np.exp(-0.5 * ((times[:, None] - near_s) / near_sigma_s) ** 2)
    total = np.cumsum(weighted, axis=0)
    after = np.argmax(total >= total[-1] / 2, axis=0)
    return np.asarray(times[after])


def speech_edges(
    loudness: Floats, gap_s: tuple[float, float], sound_s: tuple[float, float], *, is_onset: bool
) -> float:
    """Return where sound rises out of a silence (`is_onset`) or sinks into it, near the edge the two spans share.

    `loudness` is `loudness_db`; the rough edge is `gap_s[1]` = `sound_s[0]` for an onset, `sound_s[1]` = `gap_s[0]` for
    an end. Sound is what stands 6 dB, or 30 % of the way to the sound's own level, above the silence for most of
    30 ms. Looked for from 100 ms inside the silence to 80 ms inside the sound; without any the rough edge stays.
    """
    if not is_onset:  # the same in reversed time
        end_s = (len(loudness) - 1) * HOP_S
        mirrored = speech_edges(
            loudness[::-1],
            (end_s - gap_s[1], end_s - gap_s[0]),
            (end_s - sound_s[1], end_s - sound_s[0]),
            is_onset=True,
        )
        return end_s - mirrored
    edge_s = sound_s[0]
    first, edge = _frame(max(gap_s[0], edge_s - 0.100), loudness), _frame(edge_s, loudness)
    last = _frame(min(sound_s[1] - 0.010, edge_s + 0.080), loudness)
    silence = loudness[_frame(gap_s[0], loudness) : max(edge, _frame(gap_s[0], loudness) + 3)]
    sound = loudness[edge : max(_frame(edge_s + 0.150, loudness), edge + 1)]
    floor, level = np.percentile(silence, 30), np.percentile(sound, 90)
    threshold = floor + max(6.0, 0.3 * (level - floor))
    if level <= threshold or last <= first:
        return edge_s
    is_loud = loudness[first : last + 15] > threshold
    n = min(last - first, len(is_loud) - 15)
    if n <= 0:
        return edge_s
    share = np.lib.stride_tricks.sliding_window_view(is_loud, 15).mean(axis=1)[:n]
    found = np.flatnonzero(is_loud[:n] & (share >= 0.6))
    return float((first + found[0]) * HOP_S) if len(found) else edge_s


def quiet_runs(loudness: Floats, *, shortest_s: float = 0.15) -> list[tuple[float, float]]:
    """Return the (start, end) of stretches without speech, longer than the closure of any stop.

    Quiet is within 6 dB of the quietest 2 % of the frames, or 35 dB under the loudest 5 %.
    """
    floor, level = np.percentile(loudness, [2, 95])
    is_quiet = loudness < max(min(floor + 6.0, level - 12.0), level - 35.0)
    steps = np.flatnonzero(np.diff(np.concatenate([[False], is_quiet, [False]]).astype(np.int8)))
    runs = steps.reshape(-1, 2) * HOP_S
    return [(float(start), float(end)) for start, end in runs if end - start >= shortest_s]


def ordered(spans_s: Floats, duration_s: float, *, shortest_s: float = 0.005) -> Floats:
    """Return `spans_s`, shape (n, 2), made to rise without overlap inside [0, duration_s], each `shortest_s` or more.

    Spans that already do are unchanged. Raises ValueError when `n * shortest_s` is more than there is.
    """
    n = len(spans_s)
    if n * shortest_s > duration_s:
        raise ValueError(f"{n} spans of at least {shortest_s} s do not fit in {duration_s} s")
    fixed = np.array(spans_s, np.float64).reshape(n, 2)
    earliest = 0.0
    for i in range(n):
        fixed[i, 0] = max(fixed[i, 0], earliest)
        following = fixed[i + 1, 0] if i + 1 < n else duration_s
        fixed[i, 1] = max(min(fixed[i, 1], max(following, fixed[i, 0])), fixed[i, 0] + shortest_s)
        earliest = fixed[i, 1]
    latest = duration_s
    for i in range(n - 1, -1, -1):
        fixed[i, 1] = min(fixed[i, 1], latest)
        fixed[i, 0] = max(min(fixed[i, 0], fixed[i, 1] - shortest_s), 0.0)
        latest = fixed[i, 0]
    return fixed


def _frame(time_s: float, frames: Floats) -> int:
    return int(np.clip(round(time_s / HOP_S), 0, len(frames) - 1))


@lru_cache(maxsize=8)
def _mel_filters(sample_rate_hz: int, n_fft: int) -> Floats:
    """Triangular filters, shape (26, n_fft // 2 + 1)."""
    top_hz = min(_HIGH_HZ, sample_rate_hz / 2)
    mel = np.linspace(2595 * np.log10(1 + _LOW_HZ / 700), 2595 * np.log10(1 + top_hz / 700), _N_MEL + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hz = np.fft.rfftfreq(n_fft, 1 / sample_rate_hz)
    rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.clip(np.minimum(rise, fall), 0.0, None))
