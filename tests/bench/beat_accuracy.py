"""How far the beats of charted songs are found, and what it costs beside librosa's own tracker.

Songs: `songs` of the shared data beside the repository, the full mix (song and guitar summed) against grid.csv, moved
by what the folder's README says the audio lags behind the chart. F, CMLt (the right level without a break), AMLt (also
at half, double and off-beat) as mir_eval has them, from the song's fifth second on; bias is the median error of the
beats that hit. Then the project's own songs, of which those without a beat must be told by their confidence.
"""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music.beats import track_beats
from audio_assets.domain.music.features import RATE_HZ, FeatureExtractor
from tests import songs
from tests.bench.measuring import Figure, Skipped, shared

CHART_LAGS_S = {"feelings": 0.025, "war_of_freedom": 0.037, "armygeddon": 0.0}
F_AIM = 0.95
BIAS_AIM_MS = 10.0
NO_BEAT_AIM = 0.3
CPU_AIM = 2.0
BLOCK = 1 << 18
OWN = (songs.constant, songs.ramp, songs.swing, songs.waltz, songs.rubato, songs.ballad, songs.syncopated,
       songs.half_time_rock, songs.offbeat_hats, songs.break_in_the_middle, songs.ambient, songs.noise,
       songs.speech_like)  # fmt: skip

Numbers = NDArray[np.float64]
Samples = NDArray[np.float32]


def mixed(folder: Path) -> Samples:
    """The stems of a song summed, mono at the rate of the features."""
    stems = []
    for path in sorted(folder.glob("*.ogg")):
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        stems.append(soxr.resample(samples.mean(axis=1), rate_hz, RATE_HZ))
    whole = np.zeros(max(map(len, stems)), np.float32)
    for stem in stems:
        whole[: len(stem)] += stem
    return whole


def charted(folder: Path, lag_s: float) -> tuple[Numbers, Numbers]:
    """Beats and downbeats of a song's grid.csv."""
    with (folder / "grid.csv").open() as file:
        rows = list(csv.DictReader(file))
    beats = np.array([float(row["time_s"]) for row in rows]) + lag_s
    return beats, beats[[row["beat_in_bar"] == "1" for row in rows]]


def analysed(samples: Samples) -> BeatGrid:
    """The grid of a mono signal at the rate of the features."""
    extractor = FeatureExtractor()
    for start in range(0, len(samples), BLOCK):
        extractor.push(samples[start : start + BLOCK])
    return track_beats(extractor.finish())


def compared(name: str, grid: BeatGrid, beats: Numbers, downbeats: Numbers) -> Figure:
    """One song's row."""
    import mir_eval

    true, found = (mir_eval.beat.trim_beats(t) for t in (beats, np.array([beat.time for beat in grid.beats])))
    f = mir_eval.beat.f_measure(true, found)
    _, cmlt, _, amlt = mir_eval.beat.continuity(true, found)
    bars = mir_eval.beat.f_measure(
        *(mir_eval.beat.trim_beats(t) for t in (downbeats, np.array(grid.downbeats, dtype=float)))
    )
    off_ms = 1000 * (found - true[np.abs(found[:, None] - true).argmin(axis=1)])
    hits = off_ms[np.abs(off_ms) < 70]
    bias_ms = float(np.median(hits)) if len(hits) else float("nan")
    return Figure(
        f"beats, {name}",
        f"F {f:.3f}, CMLt {cmlt:.3f}, AMLt {amlt:.3f}, bias {bias_ms:+.0f} ms, downbeats {bars:.2f}, "
        f"confidence {grid.confidence:.2f}",
        f"F {F_AIM}, bias within {BIAS_AIM_MS:.0f} ms",
        f >= F_AIM and abs(bias_ms) <= BIAS_AIM_MS,
    )


def of_charts() -> Iterator[Figure]:
    """The charted songs."""
    folder = shared("songs")
    for name, lag_s in CHART_LAGS_S.items():
        if (folder / name).is_dir():
            yield compared(name, analysed(mixed(folder / name)), *charted(folder / name, lag_s))
        else:
            yield Figure(f"beats, {name}", f"skipped: no {name} in ../shared/data/songs")


def of_own() -> Iterator[Figure]:
    """Songs made here, with and without a beat."""
    for make in OWN:
        song = make()
        grid = analysed(soxr.resample(song.mono, song.sample_rate_hz, RATE_HZ))
        if song.has_beat:
            yield compared(song.name, grid, song.beats, song.downbeats)
        else:
            yield Figure(
                f"beats, {song.name}",
                f"confidence {grid.confidence:.2f}",
                f"confidence under {NO_BEAT_AIM}",
                grid.confidence < NO_BEAT_AIM,
            )


def of_speed() -> Iterator[Figure]:
    """CPU time of features and beats over that of librosa's tracker with its defaults, both compiled beforehand."""
    import librosa

    folder = shared("songs") / "on_the_run"
    if not folder.is_dir():
        yield Figure("beats, CPU time", "skipped: no on_the_run in ../shared/data/songs")
        return
    samples = mixed(folder)
    analysed(samples[: 20 * RATE_HZ])
    librosa.beat.beat_track(y=samples[: 20 * RATE_HZ], sr=RATE_HZ)
    own_s, librosa_s = [], []
    for _ in range(3):
        began = time.process_time()
        analysed(samples)
        between = time.process_time()
        librosa.beat.beat_track(y=samples, sr=RATE_HZ)
        own_s.append(between - began)
        librosa_s.append(time.process_time() - between)
    ratio = min(own_s) / min(librosa_s)
    yield Figure(
        f"features and beats of {len(samples) / RATE_HZ:.0f} s, CPU time",
        f"{min(own_s):.2f} s, librosa's beat_track {min(librosa_s):.2f} s",
        f"at most {CPU_AIM:.0f} x librosa",
        ratio <= CPU_AIM,
        f"{ratio:.2f} x",
    )


def measure() -> Iterator[Figure]:
    """Charted songs, own songs, CPU time; what is not there says so."""
    try:
        import mir_eval  # noqa: F401 - only whether it is there
    except ImportError:
        raise Skipped("mir_eval is not installed") from None
    for part in (of_charts, of_speed):
        try:
            yield from part()
        except Skipped as reason:
            yield Figure("beats", f"skipped: {reason}")
    yield from of_own()
