"""Laws of sections on features made up from a form, and the form of a song that is played."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.music import sections as module
from audio_assets.domain.music.analysis import Beat, BeatGrid, Section, Span, TempoPoint
from audio_assets.domain.music.features import RATE_HZ, FeatureExtractor, SongFeatures
from audio_assets.domain.music.section_labels import MIN_TYPE_CONFIDENCE
from audio_assets.domain.music.sections import find_sections
from tests import songs

FRAME_HZ, ONSET_HZ = RATE_HZ / 1024, RATE_HZ / 256


def grid_of(
    duration_s: float, *, bar_s: float = 2.0, n_beats: int = 4, start_s: float = 0.0, sure: float = 0.9
) -> BeatGrid:
    beats = np.arange(start_s, duration_s, bar_s / n_beats)
    bpm = 60 * n_beats / bar_s
    return BeatGrid(
        bpm, tuple(Beat(float(t), 0.5) for t in beats), tuple(float(t) for t in beats[::n_beats]), n_beats,
        (TempoPoint(0.0, bpm),), sure, duration_s,
    )  # fmt: skip


def without_beat(duration_s: float) -> BeatGrid:
    return BeatGrid(0.0, (), (), 4, (), 0.0, duration_s)


def features_of(
    form: str,
    n_bars: int | Sequence[int] = 8,
    *,
    bar_s: float = 2.0,
    seed: int = 1,
    louder_db: dict[str, float] | None = None,
) -> SongFeatures:
    """Each letter is a sound with a loop of chords over two bars; every bar is played a little differently."""
    rng = np.random.default_rng(seed)
    lengths = [n_bars] * len(form) if isinstance(n_bars, int) else list(n_bars)
    sounds = {letter: rng.uniform(-60, -20, 40) + (louder_db or {}).get(letter, 0.0) for letter in sorted(set(form))}
    chords = {letter: rng.uniform(0, 1, (2, 12)) ** 3 for letter in sorted(set(form))}
    drums = {letter: rng.uniform(0, 3, (8, 8)) for letter in sorted(set(form))}
    bars = [(letter, bar) for letter, length in zip(form, lengths, strict=True) for bar in range(length)]
    duration_s = bar_s * len(bars)
    n_frames, n_onsets = int(duration_s * FRAME_HZ), int(duration_s * ONSET_HZ)
    where = [bars[min(int(i / FRAME_HZ / bar_s), len(bars) - 1)] for i in range(n_frames)]
    mel = np.array([sounds[letter] for letter, _ in where]) + rng.normal(0, 2, (n_frames, 40))
    chroma = np.array([chords[letter][bar % 2] for letter, bar in where]) + rng.uniform(0, 0.1, (n_frames, 12))
    onset_at = np.arange(n_onsets) / ONSET_HZ / bar_s
    onset = np.array([drums[bars[min(int(x), len(bars) - 1)][0]][int(x % 1 * 8)] for x in onset_at])
    rms = np.sqrt(np.sum(10 ** (mel / 10), axis=1) / 40)
    flat = np.full(n_frames, 1000.0, np.float32)
    return SongFeatures(
        FRAME_HZ, ONSET_HZ, duration_s, mel.astype(np.float32), chroma.astype(np.float32), onset.astype(np.float32),
        rms.astype(np.float32), flat, flat, flat, flat / 1e4,
    )  # fmt: skip


def silent(duration_s: float) -> SongFeatures:
    return heard(np.zeros(int(duration_s * RATE_HZ), np.float32))


def heard(samples: np.ndarray) -> SongFeatures:
    extractor = FeatureExtractor()
    extractor.push(samples)
    return extractor.finish()


def edges_of(sections: Sequence[Section]) -> list[float]:
    return [section.start_time for section in sections] + [sections[-1].end_time]


def labels_of(sections: Sequence[Section]) -> str:
    """Letters in order, those in a row once."""
    letters = [section.label for section in sections]
    return "".join(letter for before, letter in pairwise(["", *letters]) if letter != before)


# --- laws


@settings(max_examples=25, deadline=None)
@given(
    form=st.text("ABC", min_size=1, max_size=7), n_bars=st.integers(1, 9), n_beats=st.sampled_from([3, 4, 6]),
    start_s=st.floats(0.0, 5.0), has_beat=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_sections_cover_the_song_once(
    form: str, n_bars: int, n_beats: int, start_s: float, has_beat: bool, seed: int
) -> None:
    features = features_of(form, n_bars, seed=seed)
    grid = (
        grid_of(features.duration_s, n_beats=n_beats, start_s=start_s)
        if has_beat
        else without_beat(features.duration_s)
    )
    sections = find_sections(features, grid)
    assert sections[0].start_time == 0.0
    assert sections[-1].end_time == features.duration_s
    assert all(before.end_time == after.start_time for before, after in pairwise(sections))
    assert all(section.end_time > section.start_time for section in sections)
    assert len({section.name for section in sections}) == len(sections)
    assert all(0.0 <= section.confidence <= 1.0 for section in sections)
    assert all((section.type == "section") == (section.confidence < MIN_TYPE_CONFIDENCE) for section in sections)
    assert sections == find_sections(features, grid)


@pytest.mark.parametrize(("n_beats", "bar_s"), [(4, 2.0), (3, 1.5), (6, 3.0)])
def test_edges_are_downbeats_and_sections_8_to_64_beats(n_beats: int, bar_s: float) -> None:
    features = features_of("ABABCBAC", bar_s=bar_s)
    grid = grid_of(features.duration_s, bar_s=bar_s, n_beats=n_beats)
    sections = find_sections(features, grid)
    for section in sections[1:]:
        assert min(abs(section.start_time - downbeat) for downbeat in grid.downbeats) < 1e-6
    for section in sections:
        assert 8 - 1 <= (section.end_time - section.start_time) / bar_s * n_beats <= 64 + n_beats


def test_louder_or_softer_is_the_same_form() -> None:
    features = features_of("ABABCB")
    softer = dataclasses.replace(features, mel_db=features.mel_db - 20, rms=features.rms * np.float32(0.1))
    grid = grid_of(features.duration_s)
    assert find_sections(softer, grid) == find_sections(features, grid)


# --- forms


@pytest.mark.parametrize("form", ["ABABCB", "ABACABA", "ABCABCDC"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_letters_repeat_where_the_music_does(form: str, seed: int) -> None:
    features = features_of(form, seed=seed)
    sections = find_sections(features, grid_of(features.duration_s))
    true = [16.0 * number for number in range(len(form) + 1)]
    assert set(true) <= {round(edge, 6) for edge in edges_of(sections)}
    assert labels_of(sections) == form


def test_lengths_may_differ() -> None:
    features = features_of("IABABCBO", (4, 8, 12, 8, 12, 6, 12, 4))
    sections = find_sections(features, grid_of(features.duration_s))
    assert {0.0, 8.0, 24.0, 48.0, 64.0, 88.0, 100.0, 124.0, 132.0} <= {round(edge, 6) for edge in edges_of(sections)}
    assert labels_of(sections) == "ABCBCDCE"


def test_a_song_that_goes_on_as_it_began_has_one_letter() -> None:
    for song in (songs.constant(), songs.swing(), songs.noise()):
        features = played(song)
        grid = grid_of_song(song, features.duration_s)
        assert labels_of(find_sections(features, grid)) == "A", song.name


def test_the_form_of_a_song_that_is_played() -> None:
    import mir_eval  # it imports for a second, with which no other test begins

    song = songs.form()
    features = played(song)
    sections = find_sections(features, grid_of_song(song, features.duration_s))
    reference = np.array([(start, end) for _, start, end in song.sections])
    reference[-1, 1] = features.duration_s
    found = np.array([(section.start_time, section.end_time) for section in sections])
    assert mir_eval.segment.detection(reference, found, window=0.5, trim=True)[2] > 0.9
    assert labels_of(sections) == "ABABCB"
    kinds = [section.type for section in sections]
    assert kinds == ["verse", "chorus", "verse", "chorus", "bridge", "chorus"]
    assert [section.name for section in sections] == [
        "verse 1", "chorus 1", "verse 2", "chorus 2", "bridge 1", "chorus 3",
    ]  # fmt: skip


def played(song: songs.TrueSong) -> SongFeatures:
    return heard(np.asarray(song.mono[::2], dtype=np.float32))  # 44,100 to 22,050 Hz; what folds back is little


def grid_of_song(song: songs.TrueSong, duration_s: float) -> BeatGrid:
    if not song.has_beat:
        return without_beat(duration_s)
    grid = grid_of(duration_s)
    return dataclasses.replace(grid, downbeats=tuple(map(float, song.downbeats)), beats_per_bar=song.beats_per_bar)


# --- songs without much of a form


def test_silence_and_short_songs_are_one_section() -> None:
    for features in (silent(60.0), silent(0.0), features_of("AB", 1)):
        for grid in (without_beat(features.duration_s), grid_of(features.duration_s)):
            (section,) = find_sections(features, grid)
            assert section == Section("A1", 0.0, features.duration_s, "section", "A", 0.0)


def test_a_song_without_a_beat_is_cut_where_it_changes() -> None:
    features = features_of("ABAC", bar_s=2.3)
    sections = find_sections(features, without_beat(features.duration_s))
    assert labels_of(sections) == "ABAC"
    found = np.array(edges_of(sections))
    for true in (18.4, 36.8, 55.2):
        assert np.abs(found - true).min() <= 0.5


def test_the_start_without_beats_gets_downbeats_continued_backwards() -> None:
    features = features_of("ABAB")
    grid = grid_of(features.duration_s, start_s=24.0)
    sections = find_sections(features, grid)
    assert {16.0, 32.0, 48.0} <= {round(edge, 6) for edge in edges_of(sections)}


def test_bars_of_a_very_long_song_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_BARS", 60)
    features = features_of("ABACAB", 16)
    sections = find_sections(features, grid_of(features.duration_s))
    assert labels_of(sections) == "ABACAB"
    assert {round(edge % 4, 6) for edge in edges_of(sections)} == {0.0}


# --- types


def sung(form: str, letters: str, bar_s: float = 2.0) -> tuple[Span, ...]:
    """Voice over all but a second at each end of the sections with these letters, of 8 bars each."""
    length = 8 * bar_s
    return tuple(Span(i * length + 1, (i + 1) * length - 1) for i, letter in enumerate(form) if letter in letters)


def test_types_with_voice() -> None:
    form = "IABIABCBI"
    features = features_of(form, louder_db={"B": 4.0})
    sections = find_sections(features, grid_of(features.duration_s), voice=sung(form, "ABC"))
    assert [section.type for section in sections] == [
        "intro", "verse", "chorus", "instrumental", "verse", "chorus", "bridge", "chorus", "outro",
    ]  # fmt: skip
    assert [section.name for section in sections][:4] == ["intro", "verse 1", "chorus 1", "instrumental 1"]


def test_without_voice_nothing_is_instrumental_and_types_are_less_sure() -> None:
    form = "IABIABCBI"
    features = features_of(form, louder_db={"B": 4.0})
    grid = grid_of(features.duration_s)
    with_voice = find_sections(features, grid, voice=sung(form, "ABC"))
    without = find_sections(features, grid)
    assert "instrumental" not in {section.type for section in without}
    for known, unknown in zip(with_voice, without, strict=True):
        assert unknown.confidence <= known.confidence


def test_what_comes_once_is_no_chorus() -> None:
    features = features_of("ABCDE")
    assert {section.type for section in find_sections(features, grid_of(features.duration_s))} <= {
        "section",
        "intro",
        "outro",
    }


def test_a_loop_cut_in_two_has_not_come_back() -> None:
    features = features_of("ABBBB", 16)
    sections = find_sections(features, grid_of(features.duration_s))
    assert len(sections) > 3
    assert "chorus" not in {section.type for section in sections}
