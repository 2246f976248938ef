"""How well sections are found: F of boundaries within 0.5 s and 3 s, pairwise F of labels, by mir_eval.

Songs and their truth:
- made by the tests: A B A B C B at four tempi and section lengths; the truth is what was played.
- cut together: bars of the real songs of the shared data in the order of a form, letters of 4 to 16 bars, each return
  a little louder or softer, brighter or duller and noisier. Exact repeats flatter; borders inside a letter, which a
  real stretch of music has, count as wrong.
- `on_the_run`: a form by hand from its lyrics and its beat (92.0 beats a minute from 0.5 s), one entry below for each
  section. The four choruses must have one letter that nothing else has.

Each with the true grid, and with the beats that are tracked. Blind cuts every 16 s are the floor that says what F at
3 s is worth.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import mir_eval
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import Beat, BeatGrid, Section, TempoPoint
from audio_assets.domain.music.beats import track_beats
from audio_assets.domain.music.features import RATE_HZ, FeatureExtractor, SongFeatures
from audio_assets.domain.music.sections import find_sections
from resources.song_files import mono_blocks
from tests import songs
from tests.bench.measuring import Figure, Skipped, shared

AIM = 0.67  # boundaries within 0.5 s: what novelty alone reaches on a real song labelled by hand
LATE_S = {"feelings": 0.025, "war_of_freedom": 0.037, "armygeddon": 0.0}  # beats heard after the chart's
FORMS = ("IABABCBO", "IAABAABCB", "ABCABCDC")
N_BARS = (4, 6, 8, 8, 8, 10, 12, 16)
ON_THE_RUN_BARS = (0, 4, 12, 20, 24, 32, 40, 44, 52, 60, 70, 80, 85, 93, 101)
ON_THE_RUN_LETTERS = "IVCXVCXVCYBYVCO"

Truth = list[tuple[str, float, float]]


@dataclass(frozen=True)
class _Song:
    name: str
    features: SongFeatures
    grid: BeatGrid
    truth: Truth


def measure() -> Iterator[Figure]:
    """A row for each kind of song and grid, and whether the real choruses were found."""
    kinds = {"made by the tests": list(_made())}
    try:
        kinds["cut together"] = list(_cut_together(shared("songs")))
        kinds["on_the_run"] = [_on_the_run(shared("songs"))]
    except Skipped as reason:
        yield Figure("sections of real songs", f"skipped: {reason}")
    for kind, of_kind in kinds.items():
        for grid_name in ("true grid", "tracked beats", "blind, 16 s"):
            scores = np.mean([_scores(song, _found(song, grid_name)) for song in of_kind], axis=0)
            yield Figure(
                f"sections, {kind} ({len(of_kind)}), {grid_name}: F at 0.5 s, F at 3 s, pairwise F",
                ", ".join(f"{score:.2f}" for score in scores),
                f"{AIM} at 0.5 s" if grid_name != "blind, 16 s" else "",
                bool(scores[0] >= AIM) if grid_name != "blind, 16 s" else None,
            )
    for song in kinds.get("on_the_run", []):
        yield _choruses(song)


def _found(song: _Song, grid_name: str) -> Sequence[Section]:
    if grid_name == "blind, 16 s":
        edges = np.append(np.arange(0, song.features.duration_s - 8, 16.0), song.features.duration_s)
        return [Section(str(i), float(a), float(b), "section", "A", 0.0) for i, (a, b) in enumerate(pairwise(edges))]
    return find_sections(song.features, song.grid if grid_name == "true grid" else track_beats(song.features))


def _scores(song: _Song, found: Sequence[Section]) -> tuple[float, float, float]:
    true = np.array([(start, end) for _, start, end in song.truth])
    ours = np.array([(section.start_time, section.end_time) for section in found])
    true[-1, 1] = ours[-1, 1]
    close, near = (mir_eval.segment.detection(true, ours, window=window, trim=True)[2] for window in (0.5, 3.0))
    letters = [letter for letter, _, _ in song.truth]
    pairs = mir_eval.segment.pairwise(true, letters, ours, [section.label for section in found])[2]
    return float(close), float(near), float(pairs)


def _choruses(song: _Song) -> Figure:
    """Whether the middle of every chorus has one letter, and no other section's middle has it."""
    found = find_sections(song.features, song.grid)
    at = {
        (letter, start): next(s.label for s in found if s.start_time <= (start + end) / 2 < s.end_time)
        for letter, start, end in song.truth
    }
    chorus = {label for (letter, _), label in at.items() if letter == "C"}
    n_others = sum(label in chorus for (letter, _), label in at.items() if letter != "C")
    return Figure(
        "on_the_run: letters of its four choruses, other sections with them", f"{len(chorus)}, {n_others}", "1, 0",
        len(chorus) == 1 and n_others == 0,
    )  # fmt: skip


# --- Songs ---------------------------------------------------------------------------------------------------------


def _heard(samples: NDArray[np.float32]) -> SongFeatures:
    extractor = FeatureExtractor()
    for start in range(0, len(samples), 65_536):
        extractor.push(samples[start : start + 65_536])
    return extractor.finish()


def _grid(beats: NDArray[np.float64], duration_s: float, n_beats: int = 4) -> BeatGrid:
    bpm = 60 / float(np.median(np.diff(beats)))
    times = [float(time) for time in beats if time < duration_s]
    return BeatGrid(
        bpm, tuple(Beat(time, 0.5) for time in times), tuple(times[::n_beats]), n_beats, (TempoPoint(0.0, bpm),), 0.9,
        duration_s,
    )  # fmt: skip


def _made() -> Iterator[_Song]:
    for bpm, seed, n_bars in ((116, 11, 8), (90, 3, 8), (140, 5, 4), (128, 9, 16)):
        song = songs.form(bpm=bpm, n_bars=n_bars, seed=seed, sample_rate_hz=RATE_HZ)
        yield _Song(f"form {bpm}", _heard(song.mono), _grid(song.beats, song.duration_s), list(song.sections))


def _cut_together(folder: Path) -> Iterator[_Song]:
    rng = np.random.default_rng(11)
    for name, late_s in LATE_S.items():
        parts = [
            np.concatenate(list(mono_blocks(folder / name / file, RATE_HZ))) for file in ("song.ogg", "guitar.ogg")
        ]
        n_samples = min(map(len, parts))
        mix = parts[0][:n_samples] + parts[1][:n_samples]
        with (folder / name / "grid.csv").open() as file:
            beats = np.array([float(row["time_s"]) for row in csv.DictReader(file)]) + late_s
        downbeats = beats[::4][beats[::4] < n_samples / RATE_HZ]
        for form in FORMS:
            yield _spliced(f"{name} {form}", mix, downbeats, form, rng)


def _spliced(
    name: str, mix: NDArray[np.float32], downbeats: NDArray[np.float64], form: str, rng: np.random.Generator
) -> _Song:
    letters = _stretches(len(downbeats), sorted(set(form)), rng)
    pieces: list[NDArray[np.float32]] = []
    beats: list[float] = []
    truth: Truth = []
    at_s = 0.0
    for letter in form:
        bars = letters[letter]
        edges = downbeats[bars.start : bars.stop + 1]
        piece = mix[int(edges[0] * RATE_HZ) : int(edges[-1] * RATE_HZ)]
        tilt, gain = rng.uniform(-0.15, 0.15), 10 ** (rng.uniform(-1, 1) / 20)
        duller = np.concatenate([np.zeros(1, np.float32), piece[:-1]])
        pieces.append((gain * (piece + tilt * duller) + 1e-3 * rng.standard_normal(len(piece))).astype(np.float32))
        for start, end in pairwise(edges):
            beats.extend(at_s + np.linspace(start, end, 4, endpoint=False) - edges[0])
        truth.append((letter, at_s, at_s + len(piece) / RATE_HZ))
        at_s = truth[-1][2]
    return _Song(name, _heard(np.concatenate(pieces)), _grid(np.array(beats), at_s), truth)


def _stretches(n_bars: int, letters: Sequence[str], rng: np.random.Generator) -> dict[str, range]:
    """Bars for each letter, of random length and place, that do not overlap."""
    found: dict[str, range] = {}
    while len(found) < len(letters):
        length = int(rng.choice(N_BARS))
        start = int(rng.integers(2, n_bars - length - 3))
        if all(start + length <= other.start or start >= other.stop for other in found.values()):
            found[letters[len(found)]] = range(start, start + length)
    return found


def _on_the_run(folder: Path) -> _Song:
    samples = np.concatenate(list(mono_blocks(folder / "on_the_run" / "audio.ogg", RATE_HZ)))
    duration_s = len(samples) / RATE_HZ
    beat_s = 60 / 92.0
    edges = [0.0, *(0.5 + 4 * beat_s * bar for bar in ON_THE_RUN_BARS[1:]), duration_s]
    truth = list(zip(ON_THE_RUN_LETTERS, edges[:-1], edges[1:], strict=True))
    return _Song("on_the_run", _heard(samples), _grid(np.arange(0.5, duration_s, beat_s), duration_s), truth)
