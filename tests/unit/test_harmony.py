import pytest

from audio_assets.domain.music.harmony import MODES, SCALES, Key, bass_pitch, voicing

CHORD_STEPS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "7": (0, 4, 7, 10),
}


def suffix_of(name: str) -> str:
    return name[1:].removeprefix("#").removeprefix("b")


@pytest.mark.parametrize("mode", sorted(MODES))
def test_chords_are_of_the_scale_and_none_is_diminished(mode: str) -> None:
    for tonic in range(12):
        key = Key(tonic, mode)
        scale = {key.pitch_class(degree) for degree in range(7)}
        parts = (MODES[mode].home, MODES[mode].away, MODES[mode].bridge, (MODES[mode].cadence,))
        for degree in {degree for part in parts for line in part for degree in line}:
            for kind in ("triads", "sevenths", "power"):
                chord = key.chord(degree, kind)
                assert {chord.root, *chord.upper} <= scale
                # A name that is not in the table (a diminished chord) fails here.
                assert {(chord.root + step) % 12 for step in CHORD_STEPS[suffix_of(chord.name)]} <= scale


def test_each_letter_of_a_scale_comes_once() -> None:
    for mode in SCALES:
        for tonic in range(12):
            names = [Key(tonic, mode).chord(degree, "power").name for degree in range(7)]
            assert len({name[0] for name in names}) >= 6  # six flats or sharps need one letter twice (Cb, E#)
    assert Key(3, "minor").name == "Eb minor"
    assert Key(4, "minor").name == "E minor"
    assert Key(6, "dorian").name == "F# dorian"


def test_pitches_rise_with_their_place_in_the_scale() -> None:
    key = Key(9, "dorian")
    pitches = [key.pitch(index) for index in range(-7, 40)]
    assert pitches == sorted(set(pitches))
    assert key.pitch(35) - key.pitch(28) == 12


def test_basses_lie_where_basses_play() -> None:
    assert {bass_pitch(pitch_class) for pitch_class in range(12)} == set(range(31, 43))
    assert all(bass_pitch(pitch_class) % 12 == pitch_class for pitch_class in range(12))


def test_voicings_lie_in_their_range_and_take_the_near_way() -> None:
    key = Key(0, "major")
    first = voicing(key.chord(0, "triads"), ())
    assert all(52 <= pitch <= 76 for pitch in first)
    assert voicing(key.chord(0, "triads"), first) == first
    second = voicing(key.chord(5, "triads"), first)
    assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) <= 4
    assert len(voicing(key.chord(1, "sevenths"), first)) == 4
