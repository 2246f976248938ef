from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.shot import Shot
from audio_assets.domain.video_models import (
    EVERY_MODEL,
    VideoModel,
    VideoModelError,
    VideoModels,
    filled,
    parse_video_models,
)

SHIPPED = Path(__file__).resolve().parents[2] / "workflows" / "video_models.toml"
SHOT = Shot("a lamp by the sea", "blur", 1280, 720, Fraction(24), 150, 8, 3)
ROW = """
[[models]]
provider = "shop"
model = "clip/1"
licence = "the shop's terms"
clip_seconds = [8, 4]
sizes = ["1280x720", { size = "3840x2160", resolution = "4k", aspect_ratio = "wide" }]
[models.text]
endpoint = "clip/1/text"
[models.text.inputs]
prompt = "$prompt"
negative = "$negative"
length = "${seconds}s"
"""


def parse(text: str, base: VideoModels | None = None) -> VideoModels:
    return parse_video_models(text.encode(), "video_models.toml", base=base)


def row(text: str = ROW) -> VideoModel:
    return parse(text).rows[0]


def with_input(line: str) -> str:
    return f"{ROW}{line}\n"


def inputs(line: str, **shot: Any) -> dict[str, Any]:
    return dict(filled(row(with_input(line)), replace(SHOT, **shot)).inputs)


# --- Filling -------------------------------------------------------------------------------------------------------


def test_a_request_is_filled_from_the_shot() -> None:
    asked = filled(row(), SHOT)
    assert asked.endpoint == "clip/1/text"
    assert asked.inputs == {"prompt": "a lamp by the sea", "negative": "blur", "length": "8s"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$seed", 3), ("$seconds", 8), ("$seconds_text", "8"), ("$width", 1280), ("$height", 720),
        ("$aspect_ratio", "16:9"), ("$resolution", "720p"), ("$fps", 24), ("$n_frames", 192),
        ("${width}x${height}", "1280x720"), ("$width:$height", "1280:720"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_each_placeholder_has_its_value_and_type(written: str, value: Any) -> None:
    found = inputs(f'x = "{written}"')["x"]
    assert (found, type(found)) == (value, type(value))


def test_words_of_a_size_are_the_row_s_own() -> None:
    line = 'x = ["$aspect_ratio", "$resolution"]'
    assert inputs(line, width=3840, height=2160)["x"] == ["wide", "4k"]


def test_what_has_no_value_leaves_its_input_out_and_no_other() -> None:
    assert "negative" not in inputs("", negative="")
    assert "frames" not in inputs('frames = [{ url = "$image", at = 0 }]')
    assert "near" not in inputs('near = "see $image"')
    assert inputs('flags = [true, 1.5, { a = ["b"] }]')["flags"] == [True, 1.5, {"a": ["b"]}]


def test_files_stay_marks() -> None:
    text = with_input('picture = { url = "$image" }')
    assert filled(row(text), SHOT, files=["reference_image"]).inputs["picture"] == {"url": "$image"}
    assert row(text).takes_reference_image
    assert not row().takes_reference_image


def test_where_any_length_is_sold_the_frames_are_the_shot_s_own() -> None:
    text = with_input('n = "$n_frames"\nfps = "$fps"\ns = "$seconds"').replace("clip_seconds = [8, 4]", "")
    assert {name: filled(row(text), SHOT).inputs[name] for name in ("n", "fps", "s")} == {"n": 150, "fps": 24, "s": 7}
    slow = text.replace('licence = "', 'fps = 16\nlicence = "')
    assert (filled(row(slow), SHOT).inputs["n"], filled(row(slow), SHOT).inputs["fps"]) == (100, 16)
    odd = replace(SHOT, frame_rate=Fraction(24000, 1001))
    assert (filled(row(text), odd).inputs["fps"], filled(row(text), odd).inputs["n"]) == (24, 151)


MODES = f"""{ROW}
[models.image]
endpoint = "clip/1/image"
[models.image.inputs]
prompt = "$prompt"
image_url = "$image"
[models.remix]
endpoint = "clips/${{parent_job}}/remix"
[models.remix.inputs]
prompt = "$prompt"
"""


def test_a_request_goes_where_its_files_go() -> None:
    model = row(MODES)
    assert (model.can_remix, model.takes_reference_image, model.takes_seed) == (True, True, False)
    assert filled(model, SHOT).endpoint == "clip/1/text"
    assert filled(model, SHOT, files=["reference_image"]).endpoint == "clip/1/image"
    remix = filled(model, SHOT, files=["reference_image", "parent"], parent_job="a/b=")
    assert (remix.endpoint, remix.inputs) == ("clips/a%2Fb%3D/remix", {"prompt": SHOT.prompt})


@pytest.mark.parametrize(
    ("text", "shot", "files", "says"),
    [
        (ROW, {"prompt": " \n"}, (), "the prompt is empty"),
        (ROW, {"width": 640}, (), "sells 1280x720 or 3840x2160, and 640x720 was asked for"),
        (ROW, {"clip_seconds": 5}, (), "sells clips of 4 or 8 s, and one of 5 s"),
        (ROW, {}, ("parent",), "can not remix a take"),
        (MODES, {}, ("parent",), "remixes only its own clips"),
        (ROW.replace("clip_seconds", "longest_prompt = 5\nclip_seconds"), {}, (), "at most 5 characters.* has 17"),
        (ROW.replace("clip_seconds", "longest_negative = 3\nclip_seconds"), {}, (), "negative prompt of at most 3"),
        (MODES.replace("[models.text", "[models.image").replace("[models.image]\nendpoint = \"clip/1/image\"\n"
         "[models.image.inputs]\nprompt = \"$prompt\"\n", ""), {}, (), "begins with a picture"),
    ],
)  # fmt: skip
def test_what_can_not_be_asked_is_one_sentence(
    text: str, shot: dict[str, Any], files: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        filled(row(text), replace(SHOT, **shot), files=files)
    assert "\n" not in str(raised.value)


# --- Reading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[models]]\n[models", "the file is not TOML"),
        ("models = 3", "write each model as"),
        ("[[models]]\nprovider = 'a'", r"\[models 1\] model is missing"),
        (ROW.replace('licence = "the shop\'s terms"', ""), r"\[models 1\] licence is missing"),
        (ROW.replace("licence", "license"), "did you mean 'licence'"),
        (ROW.replace('prompt = "$prompt"', ""), r"\[models 1.text\] does not say where the prompt goes"),
        (with_input('x = "$sead"'), r"\$sead is no placeholder; did you mean 'seed'"),
        (with_input('x = "$zzz"'), r"\$zzz is no placeholder; known are \$prompt"),
        (with_input('x = "$parent"'), "move it to .models.remix."),
        (with_input("x = 2026-01-31"), "can not be sent; write it as text, in quotes"),
        (with_input("x = nan"), "can not be sent"),
        (with_input("x = 99999999999999999999"), "can not be sent"),
        (f"{ROW}[models.image.inputs]\nprompt = '$prompt'", "does not say where the picture goes"),
        (f"{ROW}[models.remix.inputs]\nprompt = '$prompt'", "does not say where the take goes"),
        (ROW.replace("[8, 4]", '["8"]'), "write whole seconds"),
        (ROW.replace("[8, 4]", "[0]"), "write whole seconds"),
        (ROW.replace('"1280x720"', '"720p"'), "write width and height in pixels"),
        (ROW.replace('"1280x720"', "720"), "write width and height in pixels"),
        (ROW.replace("clip_seconds", "fps = 23.9\nclip_seconds"), "write a whole number"),
        (ROW.partition("[models.text]")[0], "has neither text nor image"),
        (ROW + ROW, r"\[models 2\] is a second row of shop clip/1; keep one of them"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_that_says_where(text: str, says: str) -> None:
    with pytest.raises(VideoModelError, match=says) as raised:
        parse(text)
    assert str(raised.value).startswith("video_models.toml: ")
    assert "\n" not in str(raised.value).replace("(at line", "")


def test_a_table_of_one_s_own_adds_rows_and_replaces_those_of_the_same_name() -> None:
    base = parse(ROW)
    own = parse(ROW.replace("clip/1", "clip/2"), base)
    assert [model.model for model in own.rows] == ["clip/1", "clip/2"]
    assert own.rows[0] is base.rows[0]
    changed = parse(ROW.replace("[8, 4]", "[6]"), base)
    assert [model.clip_seconds for model in changed.rows] == [(6,)]


def test_the_hash_is_of_all_that_stands_in_the_row_and_of_nothing_else() -> None:
    assert row(f"# a comment\n{ROW}").sha256 == row().sha256
    reordered = ROW.replace('provider = "shop"\n', "").replace("licence", 'provider = "shop"\nlicence')
    assert row(reordered).sha256 == row().sha256
    for changed in ("[8, 5]", '"1280x722"', "the shop's other terms", "clip/1/words", "${seconds} s"):
        old = {"[8, 5]": "[8, 4]", '"1280x722"': '"1280x720"', "the shop's other terms": "the shop's terms",
               "clip/1/words": "clip/1/text", "${seconds} s": "${seconds}s"}[changed]  # fmt: skip
        assert row(ROW.replace(old, changed)).sha256 != row().sha256, changed


def test_a_row_for_every_model_serves_those_without_one() -> None:
    table = parse(ROW + ROW.replace("clip/1", EVERY_MODEL).replace("[8, 4]", "[2]"))
    assert [getattr(table.find("shop", name), "clip_seconds", None) for name in ("clip/1", "else")] == [(4, 8), (2,)]
    assert table.find("elsewhere", "clip/1") is None


# --- The shipped table ---------------------------------------------------------------------------------------------


def shipped() -> VideoModels:
    return parse_video_models(SHIPPED.read_bytes(), SHIPPED.name)


@pytest.mark.parametrize("model", shipped().rows, ids=lambda model: f"{model.provider} {model.model}")
def test_every_shipped_model_can_be_asked_for_every_size_and_length(model: VideoModel) -> None:
    sizes = [(size.width, size.height) for size in model.sizes] or [(1280, 720), (720, 1280)]
    for width, height in sizes:
        for seconds in model.clip_seconds or (8,):
            shot = replace(SHOT, width=width, height=height, clip_seconds=seconds)
            asked = filled(model, shot, files=["reference_image"])
            assert asked.endpoint
            assert SHOT.prompt in str(asked.inputs)
            if not model.needs_reference_image:
                assert "$" not in str(filled(model, shot).inputs)
    assert {(1280, 720), (720, 1280)} & set(sizes) or {(1920, 1080), (1080, 1920)} & set(sizes)
    assert model.licence
