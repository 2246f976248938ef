from pathlib import Path

import pytest

from audio_assets.domain.dialogue_mix import Bed, DialogueMix, LineClip, dialogue_spec, parse_dialogue_mix
from audio_assets.domain.mix_spec import MixSpecError

REPOSITORY = Path(__file__).resolve().parents[2]


def test_an_empty_file_and_the_shipped_one_are_the_defaults():
    assert parse_dialogue_mix(b"", "mix.toml") == DialogueMix()
    assert parse_dialogue_mix((REPOSITORY / "data/mix.toml").read_bytes(), "mix.toml") == DialogueMix()


def test_every_key_is_read():
    settings = parse_dialogue_mix(
        b"""
        sample_rate = 44100
        channels = 1
        target_lufs = -20
        true_peak_db = -2
        [pauses]
        sentence = 1.5
        [ducking]
        amount_db = 6
        [bed]
        path = "rain.ogg"
        gain_db = -3
        lead = 4
        [labels."play.night".bed]
        path = "owls.ogg"
        [labels."play.silence"]
        bed = false
        """,
        "mix.toml",
    )
    assert (settings.sample_rate_hz, settings.n_channels) == (44_100, 1)
    assert (settings.target_lufs, settings.true_peak_db) == (-20.0, -2.0)
    assert settings.pauses.sentence_s == 1.5
    assert settings.pauses.question_s == DialogueMix().pauses.question_s
    assert settings.ducking.amount_db == 6.0
    day, night, silence = (settings.bed_of("play", label) for label in ("day", "night", "silence"))
    assert day is not None
    assert (day.path, day.gain_db, day.lead_s) == ("rain.ogg", -3.0, 4.0)
    assert night is not None
    assert night.path == "owls.ogg"
    assert silence is None


def test_no_target_leaves_the_level():
    assert parse_dialogue_mix(b"target_lufs = false", "mix.toml").target_lufs is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("target_luf = -16", "target_lufs"),
        ("[pauses]\nsentense = 1", "sentence"),
        ('[pauses]\nsentence = "long"', "sentence must be a number"),
        ("[bed]\ngain_db = 1", "path is missing"),
        ('[labels."a.b"]\nbad = 1', "labels.a.b"),
        ("sample_rate = [", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_file(text, says):
    with pytest.raises(MixSpecError, match=says) as caught:
        parse_dialogue_mix(text.encode(), "mix.toml")
    assert str(caught.value).startswith("mix.toml")


def test_a_line_goes_into_the_mix_with_its_characters_gain():
    clips = [LineClip("a.b.en", "Anna", "Yes.", 1.0, gain_db=-6.0), LineClip("a.c.en", "Bo", "No.", 1.0, gain_db=2.5)]
    spec = dialogue_spec(clips, bed=Bed("rain.ogg", gain_db=-9.0))
    assert [(track.source, track.gain_db) for track in spec.tracks] == [
        ("a.b.en", -6.0),
        ("a.c.en", 2.5),
        ("rain.ogg", -9.0),
    ]
