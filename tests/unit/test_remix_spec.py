from pathlib import Path

import pytest

from audio_assets.domain.action import Action
from audio_assets.domain.music.remixing import _APPLY
from audio_assets.domain.remix_spec import (
    EFFECTS,
    Composition,
    RemixError,
    RemixRequest,
    Style,
    parse_remix_request,
    parse_styles,
    request_record,
    style_named,
    style_record,
    without_maker,
)

STYLES = Path(__file__).resolve().parents[2] / "workflows" / "remix_styles.toml"


def shipped() -> dict[str, Style]:
    return parse_styles(STYLES.read_bytes(), STYLES.name)


# --- requests


def test_a_request_is_read_back_unchanged_from_its_record() -> None:
    request = RemixRequest("scene.harbour", "lofi", "harbour", 7, ("calm", "rain"), 42.5)
    assert parse_remix_request(request_record(request), "x") == request


def test_a_request_that_names_its_maker_is_read_back_unchanged_too() -> None:
    request = RemixRequest("s", "lofi", "harbour", 7, (), None, "ace_step", "turbo", "remixer", "La la\nla", 0.0)
    record = request_record(request)
    assert parse_remix_request(record, "x") == request
    assert (record["source_share"], record["lyrics"]) == (0.0, "La la\nla")
    assert without_maker(request) == RemixRequest("s", "lofi", "harbour", 7, lyrics="La la\nla", source_share=0.0)


def test_a_request_of_before_keeps_its_record_and_its_key() -> None:
    """Keys that came later are in no record that does not use them, or every remix would be made, or paid, again."""
    request = RemixRequest("scene.harbour", "dusty", "harbour", 7, ("calm", "rain"), 42.5)
    assert list(request_record(request)) == [
        "scene_id", "target_style", "source_track", "seed", "mood_tags", "duration_s",
    ]  # fmt: skip
    toml = b'[dusty]\nabout = "dust"\nprompt = "dusty drums"\nsteps = [{ effect = "reverb", decay_s = 3 }]\n'
    params = {"request": request_record(request), "style": style_record(parse_styles(toml, "x")["dusty"])}
    key = Action("music_remix", "1", {"engine": "remixer"}, params, {"song_audio": "a"}).key
    assert key == "446334007fda90989cbd0e090fe5e231a4bde6b3b3bf14d67636b829ca5f365a"


def test_what_is_left_out_has_defaults() -> None:
    request = parse_remix_request({"scene_id": "s", "target_style": "lofi"}, "x")
    assert request == RemixRequest("s", "lofi", "", 0, (), None)
    nothing = {"source_track": None, "seed": None, "mood_tags": None, "duration_s": None}
    assert parse_remix_request({"scene_id": "s", "target_style": "lofi", **nothing}, "x") == request


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scen_id": "s"}, "r.json: the key 'scen_id' is not known; did you mean 'scene_id'?"),
        ({"scene_id": ""}, "scene_id is missing"),
        ({"scene_id": 3}, "scene_id must be text, not 3"),
        ({"target_style": None}, "target_style is missing"),
        ({"source_track": 5}, "source_track must be text"),
        ({"seed": -1}, "seed must be a whole number from 0 on, not -1"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"mood_tags": "calm"}, "mood_tags must be a list of words"),
        ({"mood_tags": ["calm", ""]}, "mood_tags must be a list of words"),
        ({"duration_s": 2}, "duration_s is 2; it must lie from 5 to 600"),
        ({"duration_s": "long"}, "duration_s must be a number from 5 to 600, not 'long'"),
        ({"duration_s": float("nan")}, "duration_s must be a number"),
        ({"provider": 3}, "provider must be text, not 3"),
        ({"modell": "x"}, "the key 'modell' is not known; did you mean 'model'?"),
        ({"lyrics": ["la"]}, "lyrics must be text"),
        ({"source_share": 1.5}, "source_share is 1.5; it must lie from 0 to 1"),
    ],
)
def test_a_wrong_request_is_one_sentence(change: dict[str, object], said: str) -> None:
    with pytest.raises(RemixError) as error:
        parse_remix_request({"scene_id": "s", "target_style": "lofi"} | change, "r.json")
    assert said in str(error.value)
    assert str(error.value).startswith("r.json")
    assert "\n" not in str(error.value)


def test_a_request_that_is_no_table_is_refused() -> None:
    with pytest.raises(RemixError, match="must be a table"):
        parse_remix_request([1], "x")  # type: ignore[arg-type]


# --- styles


def test_the_shipped_styles_are_there_and_use_every_kind_of_effect() -> None:
    styles = shipped()
    assert {"lofi", "slowed_reverb", "nightcore", "ambient", "8bit", "club"} <= set(styles)
    assert all(style.about and style.prompt for style in styles.values())
    assert all(set(step.settings) == set(EFFECTS[step.effect]) for style in styles.values() for step in style.steps)


def test_every_effect_can_be_applied_and_has_its_default_in_range() -> None:
    assert set(_APPLY) == set(EFFECTS)
    for settings in EFFECTS.values():
        for setting in settings.values():
            assert setting.low <= setting.default <= setting.high


def test_a_users_file_changes_only_the_keys_it_names() -> None:
    base = shipped()
    own = (
        b'[lofi]\ntarget_lufs = -20\n[mine]\nsteps = [{ effect = "reverb", decay_s = 3 }]\n[club.compose]\nbpm = 140\n'
    )
    styles = parse_styles(own, "own.toml", base=base)
    assert styles["lofi"].target_lufs == -20.0
    assert styles["lofi"].steps == base["lofi"].steps
    assert styles["nightcore"] == base["nightcore"]
    assert styles["club"].compose.bpm == (140.0, 140.0)
    assert styles["club"].compose.chords == base["club"].compose.chords
    (step,) = styles["mine"].steps
    assert step.settings["decay_s"] == 3.0
    assert step.settings["mix"] == EFFECTS["reverb"]["mix"].default
    assert styles["mine"].compose == Composition()
    assert "mine" not in base


def test_a_styles_record_changes_with_every_setting() -> None:
    before = style_record(parse_styles(b'[a]\nsteps = [{ effect = "pump" }]', "x")["a"])
    after = style_record(parse_styles(b'[a]\nsteps = [{ effect = "pump", depth_db = 3 }]', "x")["a"])
    assert before["steps"] == [{"effect": "pump", "depth_db": 8.0, "release": 0.6}]
    assert before != after


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[a\n", "not TOML"),
        ("a = 1\n", "[a] must be a table"),
        ("[a]\nstep = []\n", "the key 'step' is not known; did you mean 'steps'?"),
        ("[a]\nsteps = 1\n", "steps must be a list of tables"),
        ("[a]\nsteps = [{ effect = 'revreb' }]\n", "there is no effect 'revreb'; did you mean 'reverb'?"),
        ("[a]\nsteps = [{ decay_s = 1 }]\n", "step 1 names no effect"),
        ("[a]\nsteps = [{ effect = 'reverb', decay = 1 }]\n", "the key 'decay' is not known; did you mean 'decay_s'?"),
        ("[a]\nsteps = [{ effect = 'reverb', decay_s = 99 }]\n", "decay_s is 99; it must lie from 0.1 to 12"),
        ("[a]\nsteps = [{ effect = 'reverb', decay_s = 'x' }]\n", "decay_s must be a number from 0.1 to 12"),
        ("[a]\ntarget_lufs = 3\n", "target_lufs is 3; it must lie from -36 to -8"),
        ("[a.compose]\nbpm = [90, 80]\n", "write the slower tempo first"),
        ("[a.compose]\nbpm = [90, 80, 70]\n", "one tempo or two"),
        ("[a.compose]\nmode = 'miner'\n", "mode is 'miner'; did you mean 'minor'?"),
        ("[a.compose]\nswing = 2\n", "swing is 2"),
        ("[a.compose]\ndrum = 'rock'\n", "did you mean 'drums'?"),
    ],
)
def test_a_wrong_style_is_one_sentence(toml: str, said: str) -> None:
    with pytest.raises(RemixError) as error:
        parse_styles(toml.encode(), "own.toml")
    assert said in str(error.value)
    assert str(error.value).startswith("own.toml")


def test_a_style_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(RemixError, match="there is no style 'lo-fi'; did you mean 'lofi'"):
        style_named(shipped(), "lo-fi", "r.json")
    assert style_named(shipped(), "club", "r.json").name == "club"
