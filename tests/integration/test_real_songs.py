"""Real recordings from the file to the storyboard: beats against charts, cuts against beats; skipped without them."""

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.schemas import song_analysis as schema
from audio_assets.domain.schemas.storyboard import from_bytes
from audio_assets.domain.song_settings import SongSettings
from audio_assets.domain.storyboard import Storyboard
from resources.engines import song_artifacts as analysis
from resources.engines import storyboard_artifacts as planning
from tests.bench.song_analysis import analyse

SONGS = Path(__file__).resolve().parents[2] / "../shared/data/songs"
CHARTED_LATE_S = {"feelings": 0.025, "war_of_freedom": 0.037, "armygeddon": 0.0}
"""By how much the recording is later than its chart (see the README of the data)."""
ALL = (*CHARTED_LATE_S, "on_the_run")

pytestmark = pytest.mark.skipif(not SONGS.is_dir(), reason="there are no songs in ../shared/data")


@pytest.fixture(scope="module", params=ALL)
def analysed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, named as the song, with the records of its analysis."""
    folder = tmp_path_factory.mktemp("song") / str(request.param)
    folder.mkdir()
    analyse(whole_song(SONGS / request.param, folder), folder)
    return folder


def whole_song(song: Path, folder: Path) -> Path:
    """The song in one file: a charted one lies there as two that sound together."""
    if (song / "audio.ogg").is_file():
        return song / "audio.ogg"
    parts = [soundfile.read(song / name, dtype="float32") for name in ("song.ogg", "guitar.ogg")]
    n_samples = min(len(samples) for samples, _ in parts)
    mix = sum(samples[:n_samples] for samples, _ in parts)
    path = folder / "song.flac"
    soundfile.write(path, mix / max(1.0, np.abs(mix).max()), parts[0][1])
    return path


def grid_of(folder: Path) -> BeatGrid:
    return schema.beat_grid_from_bytes((folder / analysis.BEAT_GRID).read_bytes())


def charted(song: str, name: str) -> NDArray[np.float64]:
    """The charted times in seconds of the recording: of all beats, or of those that begin a bar."""
    with (SONGS / song / "grid.csv").open() as chart:
        rows = [row for row in csv.DictReader(chart) if name == "beats" or row["beat_in_bar"] == "1"]
    return np.array([float(row["time_s"]) for row in rows]) + CHARTED_LATE_S[song]


def board_of(folder: Path, settings: SongSettings) -> Storyboard:
    files = {
        "beat_grid": folder / analysis.BEAT_GRID,
        "sections": folder / analysis.SECTIONS,
        "vocals": folder / analysis.VOICE,
        "lyric_alignment": folder / analysis.LYRICS,
        "energy_curve": folder / analysis.ENERGY,
        "spectral_features": folder / analysis.FEATURES,
    }
    rendered = planning.storyboard(settings, None, "", files, 999)
    data = rendered.files[planning.STORYBOARD]
    assert isinstance(data, bytes)
    assert all(check.passed for check in rendered.checks), rendered.checks
    assert planning.storyboard(settings, None, "", files, 999).files[planning.STORYBOARD] == data, "the same twice"
    return from_bytes(data)


def test_beats_are_those_of_the_chart(analysed: Path) -> None:
    import mir_eval  # it imports for a second, with which no other test begins

    if analysed.name not in CHARTED_LATE_S:
        pytest.skip(f"{analysed.name} has no chart of its beats")
    grid = grid_of(analysed)
    found, true = np.array([beat.time for beat in grid.beats]), charted(analysed.name, "beats")
    true = true[true <= grid.duration_s]
    assert mir_eval.beat.f_measure(mir_eval.beat.trim_beats(true), mir_eval.beat.trim_beats(found), 0.07) >= 0.95
    pairs = mir_eval.util.match_events(true, found, 0.07)
    assert abs(np.mean([found[there] - true[here] for here, there in pairs])) < 0.010
    bars = charted(analysed.name, "bars")
    bars = bars[bars <= grid.duration_s]
    assert mir_eval.beat.f_measure(bars, np.array(grid.downbeats), 0.07) >= 0.9


@pytest.mark.parametrize("clip_seconds", [4, 8, 12])
def test_every_cut_is_on_the_frame_nearest_to_a_beat(analysed: Path, clip_seconds: int) -> None:
    settings = replace(SongSettings(), clip_seconds=clip_seconds, frame_rate=Fraction(24000, 1001))
    board = board_of(analysed, settings)
    beats = np.array([beat.time for beat in grid_of(analysed).beats])
    frames = beats * float(board.frame_rate)
    cuts = [scene.start_frame for scene in board.scenes[1:]]
    assert cuts
    assert max(np.abs(frames - cut).min() for cut in cuts) <= 0.5 + 1e-6
    assert board.scenes[0].start_frame == 0
    assert board.scenes[-1].end_frame == board.n_frames
    clip_frames = clip_seconds * board.frame_rate
    assert all(scene.n_frames <= clip_frames + 1 for scene in board.scenes)
