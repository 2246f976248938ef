"""What is checked of a song's beats, file and storyboard: each check fails for what it names."""

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import soundfile

from audio_assets.domain.music.analysis import SURE_OF_BEAT, Beat, BeatGrid, TempoPoint
from audio_assets.domain.song_settings import SongSettings
from audio_assets.domain.storyboard import plan_storyboard
from resources.engines.song_artifacts import beat_checks, song_audio
from resources.engines.storyboard_artifacts import storyboard_checks
from tests import songs

GRID = BeatGrid(
    bpm=120.0,
    beats=tuple(Beat(0.5 * i, 1.0) for i in range(64)),
    downbeats=tuple(2.0 * i for i in range(16)),
    beats_per_bar=4,
    tempo_curve=(TempoPoint(0.0, 120.0), TempoPoint(16.0, 121.0)),
    confidence=0.9,
    duration_s=32.0,
)


class Calm:
    """A mood."""

    name = description = "calm"
    energy = 0.5


def failed(grid: BeatGrid) -> set[str]:
    return {check.name for check in beat_checks(grid) if not check.passed}


def test_a_good_grid_passes() -> None:
    assert failed(GRID) == set()


def test_an_unsure_beat_fails() -> None:
    assert failed(replace(GRID, confidence=SURE_OF_BEAT - 0.01)) == {"beat_is_sure"}


def test_a_tempo_that_nobody_plays_or_a_jump_of_an_octave_fails() -> None:
    assert failed(replace(GRID, bpm=20.0)) == {"tempo_is_plausible"}
    jump = (TempoPoint(0.0, 70.0), TempoPoint(16.0, 140.0))
    (check,) = (check for check in beat_checks(replace(GRID, tempo_curve=jump)) if not check.passed)
    assert "70 to 140 bpm" in check.detail


def test_cuts_beside_their_beats_and_a_gap_between_scenes_fail() -> None:
    board = plan_storyboard(
        replace(SongSettings(), frame_rate=Fraction(24)), GRID, (), (), None, lambda *_: Calm(), None,
        max_scenes=64, slots_setting="",
    )  # fmt: skip
    assert all(check.passed for check in storyboard_checks(board, ""))
    first, second, *rest = board.scenes
    beside = replace(board, scenes=(first, replace(second, cut_error_frames=0.6), *rest))
    assert [check.name for check in storyboard_checks(beside, "") if not check.passed] == ["cuts_on_beats"]
    gap = replace(board, scenes=(first, replace(second, start_frame=second.start_frame + 1), *rest))
    assert [check.name for check in storyboard_checks(gap, "") if not check.passed] == ["scenes_cover_song"]


def test_what_is_said_of_a_damaged_file_names_it_and_not_our_copy(tmp_path: Path) -> None:
    song, copy = tmp_path / "song.flac", tmp_path / "0123.flac"
    soundfile.write(song, songs.constant(duration_s=8).audio, songs.RATE_HZ)
    song.write_bytes(song.read_bytes()[: song.stat().st_size // 2])
    rendered = song_audio(song, hashlib.sha256(song.read_bytes()).hexdigest(), copy)
    said = [*rendered.notes, *(check.detail for check in rendered.checks if not check.passed)]
    assert said
    assert all(str(song) in text and copy.name not in text for text in said)
