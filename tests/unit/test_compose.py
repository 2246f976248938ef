import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from audio_assets.domain.dsp.levels import clipped_runs, measure_levels
from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.music.compose import Cue, CueNote, compose_cue
from audio_assets.domain.music.harmony import SCALES
from audio_assets.domain.music.moods import MOODS, mood_of
from audio_assets.domain.music.score import form_of
from audio_assets.domain.music.synthesis import (
    DRUM_SOUNDS,
    RATE_HZ,
    VOICE_SOUNDS,
    drum_layer,
    note_sound,
    pitch_hz,
    stroke,
)
from audio_assets.domain.remix_spec import BASSES, VOICES, Style, parse_styles

STYLES = parse_styles(
    (Path(__file__).resolve().parents[2] / "workflows" / "remix_styles.toml").read_bytes(), "remix_styles.toml"
)
NAMES = sorted(STYLES)


@cache
def cue(name: str, moods: tuple[str, ...] = (), seed: int = 1, duration_s: float | None = 32.0) -> Cue:
    return compose_cue(STYLES[name], moods, seed, duration_s)


def part(piece: Cue, name: str) -> list[CueNote]:
    return [note for note in piece.notes if note.part == name]


def scale_of(piece: Cue) -> set[int]:
    tonic, mode = piece.key.split()
    names = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    pitch_class = names[tonic[0]] + {"": 0, "#": 1, "b": -1}[tonic[1:]]
    return {(pitch_class + step) % 12 for step in SCALES[mode]}


def chord_at(piece: Cue, time_s: float) -> int:
    return next(chord.root for chord in piece.chords if chord.start_s - 1e-6 <= time_s < chord.end_s - 1e-6)


# --- the same everywhere


def test_equal_arguments_give_equal_bits_and_a_seed_changes_the_piece() -> None:
    first = compose_cue(STYLES["lofi"], ("calm",), 5, 6.0)
    again = compose_cue(STYLES["lofi"], ("calm",), 5, 6.0)
    assert np.array_equal(first.audio, again.audio)
    assert first.notes == again.notes
    others = [cue("lofi", (), seed, 12.0) for seed in range(4)]
    assert len({other.notes for other in others}) == 4
    assert len({other.key for other in others}) > 1


# --- sound


@pytest.mark.parametrize("name", NAMES)
def test_a_cue_sounds_like_a_finished_piece(name: str) -> None:
    piece = cue(name)
    assert piece.audio.shape[1] == 2
    assert piece.audio.dtype == np.float32
    loudness, levels = measure_loudness(piece.audio, RATE_HZ), measure_levels(piece.audio, RATE_HZ)
    assert loudness.integrated_lufs == pytest.approx(-16.0, abs=0.3)
    assert loudness.true_peak_db is not None
    assert loudness.true_peak_db < -0.9
    assert clipped_runs(piece.audio)[0] == 0
    assert levels.peak_db is not None
    assert levels.rms_db is not None
    assert 9 < levels.peak_db - levels.rms_db < 20
    assert levels.leading_silence_s < 1.0
    assert np.abs(piece.audio.mean(axis=0)).max() < 1e-3
    assert np.abs(piece.audio[-10:]).max() < 1e-4
    assert np.abs(piece.audio[-RATE_HZ // 2 :]).max() < 0.3 * np.abs(piece.audio).max()  # it has died away


@pytest.mark.parametrize("name", NAMES)
def test_the_spectrum_falls_as_musics_does_and_the_image_is_wide(name: str) -> None:
    audio = cue(name).audio
    middle, side = audio.mean(axis=1), 0.5 * (audio[:, 0] - audio[:, 1])
    power = np.abs(np.fft.rfft(middle)) ** 2
    hz = np.fft.rfftfreq(len(middle), 1 / RATE_HZ)
    edges = (20, 120, 500, 2000, 6000, 16_000)
    bands = [10 * np.log10(power[(hz >= a) & (hz < b)].sum() / power.sum()) for a, b in itertools.pairwise(edges)]
    limits = ((-10, -1), (-9, -1), (-14, -3), (-32, -7), (-45, -12))
    for band, (low, high) in zip(bands, limits, strict=True):
        assert low < band < high
    assert 0.1 < np.sqrt(np.mean(side**2) / np.mean(middle**2)) < 0.8


# --- musical sense


@pytest.mark.parametrize("name", NAMES)
def test_tune_and_bass_know_the_key_and_the_chords(name: str) -> None:
    piece = cue(name)
    scale = scale_of(piece)
    lead, bass = part(piece, "lead"), part(piece, "bass")
    assert len(lead) > 10
    assert {note.pitch % 12 for note in lead + bass} <= scale
    assert 7 <= max(note.pitch for note in lead) - min(note.pitch for note in lead) <= 24
    beat_s = 60 / piece.bpm
    for down in piece.downbeats:
        on_it = [note for note in bass if abs(note.start_s - down) < 0.01]
        assert all(note.pitch % 12 == chord_at(piece, down) for note in on_it)
    strong = [note for note in lead if abs(note.start_s / beat_s / 4 % 1) < 1e-6]
    roots = [chord_at(piece, note.start_s) for note in strong]
    assert all((note.pitch - root) % 12 in (0, 3, 4, 6, 7) for note, root in zip(strong, roots, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_end_is_a_cadence_to_the_tonic(name: str) -> None:
    piece = cue(name)
    tonic = piece.chords[-1].root
    degrees = [(chord.root - tonic) % 12 for chord in piece.chords[-3:]]
    assert degrees[-1] == 0
    assert degrees[-2] != 0
    assert part(piece, "bass")[-1].pitch % 12 == tonic
    assert part(piece, "lead")[-1].pitch % 12 == tonic
    assert piece.key.split()[0] in piece.chords[-1].name


@pytest.mark.parametrize("name", NAMES)
def test_chord_voices_move_little(name: str) -> None:
    piece = cue(name)
    bars = [
        sorted(
            {note.pitch for note in part(piece, "layer") + part(piece, "chords") if abs(note.start_s - c.start_s) < 0.4}
        )
        for c in piece.chords
    ]
    full = [bar for bar in bars if len(bar) >= 3]
    for before, after in itertools.pairwise(full):
        if len(before) == len(after):
            assert np.abs(np.subtract(before, after)).mean() < 4.5


def test_the_theme_comes_back() -> None:
    piece = cue("plain")
    spans = [(start, end) for name, start, end in piece.sections if name == "A"]
    tunes = [
        [(round(note.start_s - start, 3), note.pitch) for note in part(piece, "lead") if start <= note.start_s < end]
        for start, end in spans
    ]
    assert len(tunes) == 2
    assert tunes[0] == tunes[1]
    assert len(tunes[0]) >= 5


def test_ambient_has_no_drums_and_club_a_kick_on_every_beat_of_its_middle() -> None:
    assert not any(note.part in DRUM_SOUNDS for note in cue("ambient").notes)
    piece = cue("club")
    (start, end) = next((start, end) for name, start, end in piece.sections if name == "B")
    kicks = {round(note.start_s, 4) for note in part(piece, "club_kick")}
    wanted = [beat for beat in piece.beats if start <= beat < end - 4 * 60 / piece.bpm]
    assert {round(beat, 4) for beat in wanted} <= kicks


# --- moods


def test_bright_moods_are_major_dark_ones_minor_and_driven_ones_fast() -> None:
    for seed in range(2):
        assert cue("club", ("happy",), seed, 2.0).key.endswith("major")
        assert cue("plain", ("sad",), seed, 2.0).key.endswith("minor")
        assert cue("plain", ("eerie",), seed, 2.0).key.endswith("phrygian")
    calm, driven = cue("plain", ("calm",), duration_s=16.0), cue("plain", ("energetic",), duration_s=16.0)
    assert driven.bpm > calm.bpm + 10
    per_bar = [len([n for n in c.notes if n.part in DRUM_SOUNDS]) / len(c.downbeats) for c in (calm, driven)]
    assert per_bar[1] > per_bar[0]


def test_an_unknown_mood_is_said_and_changes_nothing() -> None:
    strange = cue("plain", ("Calm", "purple"), 1, 4.0)
    assert strange.remarks == ("the mood 'purple' is not known and changes nothing",)
    assert np.array_equal(strange.audio, cue("plain", ("calm",), 1, 4.0).audio)
    assert all(name == name.lower() and -1 <= m.valence <= 1 and -1 <= m.energy <= 1 for name, m in MOODS.items())
    assert mood_of(("happy", "sad"))[0].valence == pytest.approx(0.05)


# --- length and form


@pytest.mark.parametrize("duration_s", [1.0, 5.0, 9.3, 23.456])
@pytest.mark.parametrize("name", ["lofi", "nightcore"])
def test_a_length_is_kept_to_a_sample(name: str, duration_s: float) -> None:
    piece = cue(name, (), 1, duration_s)
    assert len(piece.audio) == round(duration_s * RATE_HZ)
    assert piece.sections[0][1] == 0.0
    assert piece.sections[-1][2] == pytest.approx(duration_s)
    assert all(a[2] == b[1] for a, b in zip(piece.sections, piece.sections[1:], strict=False))
    assert len(piece.beats) == 4 * len(piece.downbeats)
    assert piece.downbeats[-1] < duration_s


def test_left_to_itself_a_piece_lasts_about_fifty_seconds() -> None:
    for name in ("lofi", "nightcore"):
        piece = cue(name, duration_s=None)
        assert 40 < piece.duration_s < 70
        assert [section for section, _, _ in piece.sections] == ["intro", "A", "B", "A", "outro"]
        assert len(piece.downbeats) % 4 == 0


def test_nothing_is_too_short() -> None:
    with pytest.raises(ValueError, match="too short"):
        compose_cue(STYLES["lofi"], (), 0, 0.5)


@pytest.mark.parametrize("is_long", [False, True])
def test_every_form_has_its_bars(is_long: bool) -> None:
    for n_bars in range(1, 130):
        form = form_of(n_bars, is_long=is_long)
        assert sum(section.n_bars for section in form) == n_bars
        assert all(section.n_bars > 0 for section in form)


def test_a_long_piece_has_verses_and_choruses_of_differing_density() -> None:
    piece = cue("plain", (), 1, 90.0)
    names = [name for name, _, _ in piece.sections]
    assert names == ["intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro"]
    levels: dict[str, list[float]] = {}
    for name, start, end in piece.sections:
        part_of = piece.audio[round(start * RATE_HZ) : round(end * RATE_HZ)]
        levels.setdefault(name, []).append(float(20 * np.log10(part_of.std())))
        assert any(abs(start - down) < 1e-6 for down in piece.downbeats)
    assert min(levels["chorus"]) > max(levels["verse"]) + 1.0
    assert max(levels["bridge"] + levels["intro"] + levels["outro"]) < min(levels["chorus"]) - 2.0


def test_the_grid_is_the_truth() -> None:
    piece = cue("club")
    grid = piece.grid()
    assert (grid.bpm, grid.confidence, grid.beats_per_bar) == (piece.bpm, 1.0, 4)
    assert [beat.time for beat in grid.beats] == list(piece.beats)
    assert grid.downbeats == piece.downbeats
    mono = piece.audio.mean(axis=1)
    (start, end) = next((start, end) for name, start, end in piece.sections if name == "B")
    beats = [beat for beat in piece.beats if start + 0.1 < beat < end - 3]
    rises = []
    for beat in beats:
        at = round(beat * RATE_HZ)
        rises.append(np.square(mono[at : at + 1500]).mean() / (np.square(mono[at - 1500 : at]).mean() + 1e-9))
    assert np.median(rises) > 2.0  # the kick is heard where the grid says


# --- instruments


@pytest.mark.parametrize("voice", sorted(VOICE_SOUNDS))
def test_voices_are_in_tune_and_end(voice: str) -> None:
    pitch = 40 if voice.startswith("bass") else 67
    sound = note_sound(voice, pitch, 1.0)
    assert np.abs(sound).max() < 2.0
    assert np.abs(sound[-20:]).max() < 2e-3
    middle = sound[4000:36_000].mean(axis=1)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    hz = np.fft.rfftfreq(1 << 20, 1 / RATE_HZ)
    near = np.where(np.abs(hz / pitch_hz(pitch) - 1) < 0.03, spectrum, 0)
    assert abs(1200 * np.log2(hz[np.argmax(near)] / pitch_hz(pitch))) < 15  # choruses beat about the pitch


def test_everything_a_style_may_name_can_play() -> None:
    assert set(VOICES) | {f"bass {bass}" for bass in BASSES} == set(VOICE_SOUNDS)
    for name in DRUM_SOUNDS:
        assert np.abs(stroke(name)).max() == pytest.approx(1.0)


def test_added_drums_fall_on_beats_and_claps_on_the_second_and_fourth() -> None:
    beats = [0.3 + 0.5 * i for i in range(16)]
    layer = drum_layer(9 * RATE_HZ, beats, beats[1::4])  # the second beat begins a bar
    kicks = [np.abs(layer[round(b * RATE_HZ) : round(b * RATE_HZ) + 2000]).max() for b in beats]
    assert min(kicks) > 0.8
    assert np.abs(layer[: round(0.29 * RATE_HZ)]).max() == 0.0
    treble = [np.abs(np.diff(layer[round(b * RATE_HZ) + 1500 : round(b * RATE_HZ) + 4000, 0])).max() for b in beats]
    assert min(treble[2::2]) > 3 * max(treble[1::2])


def test_any_voice_may_play_chords() -> None:
    for voice in VOICES:
        style = Style("own", compose=STYLES["plain"].compose.__class__(chords=voice, lead="none", drums="breakbeat"))
        piece = compose_cue(style, (), 1, 2.0)
        assert part(piece, "chords")
        assert not part(piece, "lead")
