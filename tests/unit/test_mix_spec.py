import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.dialogue_mix import Bed, LineClip, Pauses, dialogue_spec, line_offsets_s
from audio_assets.domain.mix_spec import (
    Ducking,
    MixSpec,
    MixSpecError,
    MixTrack,
    parse_mix_spec,
    parse_mix_text,
    spec_record,
)

VOICE = {"path": "voice.wav", "role": "voice", "gain_db": 0}
MUSIC = {"path": "bgm.wav", "role": "bgm", "gain_db": -6}


def parse(**data: Any) -> MixSpec:
    return parse_mix_spec({"tracks": [VOICE, MUSIC]} | data, "mix.json")


def complaint(**data: Any) -> str:
    with pytest.raises(MixSpecError) as caught:
        parse(**data)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mix.json")
    return str(caught.value)


def test_a_request_as_games_send_it() -> None:
    spec = parse(ducking={"trigger_roles": ["voice"], "amount_db": 12}, sample_rate=44_100)
    assert spec.tracks == (MixTrack("voice.wav", "voice"), MixTrack("bgm.wav", "bgm", -6.0))
    assert spec.ducking == Ducking(("voice",), 12.0)
    assert (spec.sample_rate_hz, spec.n_channels, spec.true_peak_db) == (44_100, 2, -1.0)


def test_every_key_arrives() -> None:
    spec = parse(
        tracks=[
            {"line": "script.start_1.en", "offset": 0.5},
            {"path": "a.wav", "role": "music", "gain": 0.5, "loop": True, "fade_in": 1, "fade_out": 2, "offset": -3},
        ],
        ducking={
            "trigger_roles": ["voice"],
            "amount_db": 9,
            "attack": 0.1,
            "release": 0.2,
            "lookahead": 0.3,
            "hold": 0.4,
            "threshold_db": -50,
        },
        channels=1,
        target_lufs=-18,
        true_peak_db=-2,
        duration=60,
        metadata={"scene": "s1"},
    )
    assert spec.tracks[0].line == spec.tracks[0].source == "script.start_1.en"
    assert spec.tracks[1].gain_db == pytest.approx(-6.0206, abs=1e-4)
    assert spec.tracks[1] == MixTrack("a.wav", "music", spec.tracks[1].gain_db, -3.0, True, 1.0, 2.0)
    assert spec.ducking == Ducking(("voice",), 9.0, 0.1, 0.2, 0.3, -50.0, 0.4)
    assert (spec.n_channels, spec.target_lufs, spec.true_peak_db, spec.duration_s) == (1, -18.0, -2.0, 60.0)
    assert parse_mix_spec(spec_record(spec), "again") == spec


@given(st.floats(-60, 20), st.floats(0, 100), st.sampled_from([None, Ducking(), Ducking(amount_db=3)]), st.booleans())
def test_a_record_reads_back_unchanged(gain_db: float, offset_s: float, ducking: Ducking | None, loop: bool) -> None:
    spec = MixSpec((MixTrack("a"), MixTrack("b", "music", gain_db, offset_s, loop)), ducking, target_lufs=-20.0)
    assert parse_mix_spec(json.loads(json.dumps(spec_record(spec))), "again") == spec


def test_json_and_toml_say_the_same() -> None:
    toml = 'sample_rate = 44100\n[[tracks]]\npath = "v.wav"\n[ducking]\namount_db = 6\n'
    text = '\ufeff{"tracks": [{"path": "v.wav"}], "ducking": {"amount_db": 6}, "sample_rate": 44100}'
    assert parse_mix_text(toml, "toml", "mix.toml") == parse_mix_text(text, "json", "mix.json")


def test_broken_text_names_the_file() -> None:
    with pytest.raises(MixSpecError, match=r"mix\.json: not valid JSON"):
        parse_mix_text("{", "json", "mix.json")
    with pytest.raises(MixSpecError, match=r"mix\.toml: not valid TOML"):
        parse_mix_text("a = ", "toml", "mix.toml")


def test_every_unknown_key_is_named_with_its_neighbour() -> None:
    said = complaint(duckin={}, sample_rte=1, zzz=0)
    assert "'duckin' (did you mean 'ducking'?)" in said
    assert "'sample_rte' (did you mean 'sample_rate'?)" in said
    assert "'zzz'" in said
    assert "tracks[0]: unknown key 'rolle' (did you mean 'role'?)" in complaint(tracks=[VOICE | {"rolle": "x"}])
    assert "'amount' (did you mean 'amount_db'?)" in complaint(ducking={"amount": 3})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"tracks": []}, "tracks is empty"),
        ({"tracks": "a.wav"}, "tracks must be a list"),
        ({"tracks": ["a.wav"]}, "tracks[0] must be a table"),
        ({"tracks": [{}]}, "either a path or a line"),
        ({"tracks": [{"path": "a", "line": "b"}]}, "either a path or a line"),
        ({"tracks": [{"path": 3}]}, "path must be text"),
        ({"tracks": [{"path": "a", "gain": 1, "gain_db": 0}]}, "both gain (linear) and gain_db"),
        ({"tracks": [{"path": "a", "gain": 0}]}, "gain is 0"),
        ({"tracks": [{"path": "a", "gain_db": True}]}, "gain_db must be a number"),
        ({"tracks": [{"path": "a", "offset": float("nan")}]}, "offset must be a number"),
        ({"tracks": [{"path": "a", "role": " "}]}, "empty role"),
        ({"tracks": [{"path": "a", "loop": 1}]}, "loop must be true or false"),
        ({"tracks": [{"path": "a", "loop": True}]}, "give a duration"),
        ({"tracks": [{"path": "a", "fade_in": -1}]}, "tracks[0].fade_in is -1"),
        ({"tracks": [VOICE, MUSIC, VOICE]}, "tracks[2] repeats tracks[0] (voice.wav)"),
        ({"sample_rate": 300}, "sample_rate is 300; it must lie between 8000 and 192000"),
        ({"sample_rate": 44100.5}, "whole number"),
        ({"channels": 6}, "channels is 6"),
        ({"target_lufs": 3}, "target_lufs is 3"),
        ({"true_peak_db": 1}, "true_peak_db is 1"),
        ({"duration": 0}, "duration is 0"),
        ({"ducking": "yes"}, "ducking must be a table"),
        ({"ducking": {"trigger_roles": "voice"}}, "must be a list of role names"),
        ({"ducking": {"trigger_roles": []}}, "trigger_roles is empty"),
        ({"ducking": {"trigger_roles": ["vioce"]}}, "'vioce', which no track has; the roles there are: voice, bgm"),
        ({"ducking": {"amount_db": -3}}, "ducking.amount_db is -3"),
        ({"ducking": {"attack": 0}}, "ducking.attack is 0"),
    ],
)
def test_mistakes_are_said_in_one_sentence(data: dict[str, Any], said: str) -> None:
    assert said in complaint(**data)


def test_one_file_may_sound_twice() -> None:
    assert len(parse(tracks=[VOICE, VOICE | {"offset": 2}]).tracks) == 2


def test_ducking_may_be_switched() -> None:
    assert parse(ducking=True).ducking == Ducking()
    assert parse(ducking=False).ducking is None
    assert parse().ducking is None


def line(text: str, character: str = "sylvie", duration_s: float = 2.0, **silence: float) -> LineClip:
    return LineClip(f"script.{text}.en", character, text, duration_s, **silence)


@pytest.mark.parametrize(
    ("text", "pause_s"),
    [
        ("Hello.", 0.55),
        ("Hello", 0.55),
        ('"Hello!"', 0.55),
        ("Really?", 0.40),
        ("(Really?)", 0.40),
        ("本当？」", 0.40),
        ("Well...", 0.90),
        ("Well…”", 0.90),
        ("But,", 0.25),
        ("I never—", 0.10),
        ("I never-", 0.10),
        ("", 0.55),
    ],
)
def test_the_pause_follows_the_ending(text: str, pause_s: float) -> None:
    assert Pauses().after(line(text), line("x")) == pytest.approx(pause_s)
    assert Pauses().after(line(text), line("x", "me")) == pytest.approx(pause_s + 0.10)


def test_pauses_lie_between_what_is_heard() -> None:
    clips = [
        line("One.", trailing_silence_s=0.3),
        line("Two?", leading_silence_s=0.2, trailing_silence_s=0.1),
        line("Three.", "me"),
    ]
    first, second, third = line_offsets_s(clips, Pauses(), start_s=1.0)
    assert first == 1.0
    assert (second + 0.2) - (first + 2.0 - 0.3) == pytest.approx(0.55)
    assert third - (second + 2.0 - 0.1) == pytest.approx(0.50)


def test_leading_silence_does_not_reach_before_the_mix() -> None:
    assert line_offsets_s([line("One.", leading_silence_s=0.5)], Pauses()) == [0.0]


def test_a_dialogue_lies_on_its_bed() -> None:
    spec = dialogue_spec([line("One."), line("Two.", "me")], bed=Bed("rain.ogg"))
    one, two, rain = spec.tracks
    assert (one.offset_s, two.offset_s) == pytest.approx((1.5, 1.5 + 2.0 + 0.65))
    assert (rain.role, rain.loop, rain.offset_s) == ("music", True, 0.0)
    assert spec.duration_s == pytest.approx(two.offset_s + 2.0 + 2.5)
    assert spec.ducking == Ducking()
    assert rain.fade_in_s <= one.offset_s
    assert rain.fade_out_s <= spec.duration_s - two.offset_s - 2.0


def test_a_dialogue_without_a_bed_ducks_nothing() -> None:
    spec = dialogue_spec([line("One.")])
    assert spec.ducking is None
    assert spec.duration_s == pytest.approx(2.5)


def test_a_dialogue_needs_lines() -> None:
    with pytest.raises(MixSpecError, match="no lines"):
        dialogue_spec([])
