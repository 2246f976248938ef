"""ComfyUI workflows as templates: what is refused, what is filled, what is in a key."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import pytest

from audio_assets.domain.comfy_bindings import Frames
from audio_assets.domain.comfy_template import Template, TemplateError, parse_template

SHIPPED = Path(__file__).parents[2] / "workflows" / "comfyui"
GRAPH: dict[str, Any] = {
    "1": {"class_type": "Speaker", "inputs": {"name": "ana"}},
    "2": {"class_type": "Talk", "inputs": {"text": "x", "speaker": ["1", 0], "seed": 1}, "_meta": {"title": "Speech"}},
    "57:8": {"class_type": "Save", "inputs": {"audio": ["2", 0], "format.quality": "V0"}},
}
BINDINGS = """
capability = "speech"
licence = "CC0-1.0"
[inputs]
text = "2.text"
seed = ["2.seed"]
[output]
node = "57:8"
"""
VIDEO_GRAPH: dict[str, Any] = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    "2": {"class_type": "Film", "inputs": {"text": "x", "start": ["1", 0], "w": 64, "h": 64, "n": 5}},
    "3": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0]}},
}
VIDEO = """
capability = "video"
licence = "CC0-1.0"
optional = ["reference_image"]
[inputs]
prompt = "2.text"
width = "2.w"
height = "2.h"
n_frames = "2.n"
[files]
reference_image = "1.image"
[output]
node = "3"
"""


def template(bindings: str = BINDINGS, graph: Any = None, name: str = "say") -> Template:
    return parse_template(name, orjson.dumps(GRAPH if graph is None else graph), bindings.encode())


def fault(bindings: str = BINDINGS, graph: Any = None, name: str = "say") -> str:
    with pytest.raises(TemplateError) as caught:
        template(bindings, graph, name)
    return str(caught.value)


def test_a_graph_is_filled_and_the_template_stays_as_it_is() -> None:
    found = template()
    filled = found.filled({"text": "hello", "seed": 7}, {})
    assert (filled["2"]["inputs"]["text"], filled["2"]["inputs"]["seed"]) == ("hello", 7)
    assert filled["1"] == GRAPH["1"]
    assert found.graph["2"]["inputs"]["text"] == "x"


def test_what_is_not_bound_or_not_known_is_left_out() -> None:
    assert template().takes({"text": "a", "seed": None, "speed": 2.0}) == {"text": "a"}


def test_one_value_may_go_to_several_inputs_also_with_dots() -> None:
    found = template(BINDINGS.replace('["2.seed"]', '["2.seed", "57:8.format.quality"]'))
    filled = found.filled({"seed": 9}, {})
    assert (filled["2"]["inputs"]["seed"], filled["57:8"]["inputs"]["format.quality"]) == (9, 9)


# --- Voices --------------------------------------------------------------------------------------------------------


def test_a_voice_sets_what_it_lists() -> None:
    found = template(f'{BINDINGS}[voices.bo]\n"1.name" = "bo"\n"2.seed" = 5\n[voices.ana]\n')
    filled = found.filled({"seed": 1}, {}, voice="bo")
    assert (filled["1"]["inputs"]["name"], filled["2"]["inputs"]["seed"]) == ("bo", 5)
    assert found.filled({}, {}, voice="ana")["1"]["inputs"]["name"] == "ana"


def test_a_plain_voice_goes_where_voice_is_bound() -> None:
    bound = BINDINGS.replace("[inputs]", '[inputs]\nvoice = "1.name"')
    assert template(f'{bound}[voices]\nbo = "b"\n').filled({}, {}, voice="bo")["1"]["inputs"]["name"] == "b"
    assert "there are no [voices]" in fault(bound)
    assert "bind voice" in fault(f'{BINDINGS}[voices]\nbo = "b"\n')


# --- Files ---------------------------------------------------------------------------------------------------------


def test_a_file_is_set_and_an_optional_one_that_does_not_come_is_taken_out() -> None:
    found = template(VIDEO, VIDEO_GRAPH)
    assert found.filled({}, {"reference_image": "up.png"})["1"]["inputs"]["image"] == "up.png"
    without = found.filled({}, {})
    assert "1" not in without
    assert "start" not in without["2"]["inputs"]
    assert found.graph["2"]["inputs"]["start"] == ["1", 0]
    found.check_files(set())
    with pytest.raises(ValueError, match="no place for a clip to begin with"):
        found.check_files({"parent"})
    needed = template(VIDEO.replace('optional = ["reference_image"]', ""), VIDEO_GRAPH)
    with pytest.raises(ValueError, match="begins with a reference image, and there is none"):
        needed.check_files(set())


# --- Keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bindings", "graph", "is_same"),
    [
        (f"# said\n{BINDINGS}", None, True),
        (f'about = "for people"\nneeds = "much"\n{BINDINGS}', None, True),
        (f'{BINDINGS}[voices.bo]\n"1.name" = "bo"\n', None, True),
        (BINDINGS, {**GRAPH, "2": {**GRAPH["2"], "_meta": {"title": "Other"}}}, True),
        (BINDINGS, {"57:8": GRAPH["57:8"], "1": GRAPH["1"], "2": GRAPH["2"]}, True),
        (BINDINGS, {**GRAPH, "1": {"class_type": "Speaker", "inputs": {"name": "eve"}}}, False),
        (BINDINGS, {**GRAPH, "9": GRAPH["1"]}, False),
        (BINDINGS.replace('"2.text"', '"1.name"'), None, False),
        (BINDINGS.replace("[inputs]", "shortest_s = 3\n[inputs]"), None, False),
    ],
)
def test_only_what_decides_the_sound_is_in_the_key(bindings: str, graph: Any, is_same: bool) -> None:
    assert (template(bindings, graph).sha256 == template().sha256) is is_same


def test_the_key_has_name_content_and_licence() -> None:
    found = template()
    assert found.identity() == {"workflow": "say", "workflow_sha256": found.sha256, "licence": "CC0-1.0"}
    assert len(found.sha256) == 64


# --- Mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        ({"nodes": [], "links": []}, r"say.json is a workflow in ComfyUI's own format.*Export \(API\)"),
        ([], r"say.json holds no nodes: in ComfyUI choose Workflow"),
        ({}, "holds no nodes"),
        ({"prompt": GRAPH}, r'"prompt" is no node with class_type and inputs'),
        ({**GRAPH, "3": {"class_type": "X"}}, r'"3" is no node'),
        ({**GRAPH, "3": {"class_type": "X", "inputs": {"a": ["99", 0]}}}, r"the input a of node 3 \(X\).*node 99"),
    ],
)
def test_a_file_that_is_no_api_workflow_is_refused(graph: Any, says: str) -> None:
    with pytest.raises(TemplateError, match=says):
        template(graph=graph)


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"say.json is not JSON"):
        parse_template("say", b"{", BINDINGS.encode())


@pytest.mark.parametrize("name", ["../say", "a/b", "", "x" * 81, ".hidden", "say\n"])
def test_a_name_is_no_path(name: str) -> None:
    assert "no name of a workflow" in fault(name=name)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"speech"', '"speach"', "did you mean 'speech'?"),
        ('capability = "speech"\n', "", "[capability] is not set"),
        ('licence = "CC0-1.0"\n', "", "[licence] is not set; say under which terms"),
        ("[inputs]", "[imputs]", "the key 'imputs' is not known; did you mean 'inputs'?"),
        ('text = "2.text"\n', "", "text is not bound, and a workflow for speech needs it"),
        ("seed = ", "sead = ", "the key 'sead' is not known; did you mean 'seed'?"),
        ("seed = ", "prompt = ", "the key 'prompt' is not known"),
        ('"2.text"', '"22.text"', 'text is bound to "22.text", and the workflow has no node 22'),
        ('"2.text"', '"2.txt"', 'text is bound to "2.txt", and node 2 "Speech" (Talk) has no input txt: did you mean'),
        ('"2.text"', '"2.speaker"', "which node 1 (Speaker) feeds: bind an input of that node"),
        ('"2.text"', '"text"', "text is 'text'; write it as \"node.input\""),
        ('"2.text"', "5", "text is 5; write it as"),
        ('["2.seed"]', "[]", "seed is an empty list"),
        ('node = "57:8"', 'node = "8"', "node is 8, which the workflow does not have"),
        ('node = "57:8"', "", "[output] names no node"),
        (
            'node = "57:8"',
            'node = "57:8"\nkind = "video"',
            "kind is video, and a workflow for speech has to bring audio",
        ),
        ('node = "57:8"', 'node = "57:8"\nkind = "movie"', "kind is 'movie'"),
        ("[output]", '[files]\nvideo = "2.text"\n[output]', "nothing goes there for this capability"),
        ("[inputs]", 'optional = ["audio"]\n[inputs]', "names 'audio', which is not under [files]"),
        ("capability", "=", "the file is not TOML"),
    ],
)
def test_a_mistake_in_the_bindings_is_one_sentence(old: str, new: str, says: str) -> None:
    said = fault(BINDINGS.replace(old, new, 1))
    assert says in said
    assert said.startswith("say.toml")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind", 'kind = "image"', "end it with CreateVideo and SaveVideo"),
        ('height = "2.h"\n', "", "width and height go together"),
        ('width = "2.w"\nheight = "2.h"\n', "", "write sizes ="),
        ('n_frames = "2.n"\n', "", "write clip_seconds ="),
        ("[inputs]", 'sizes = ["big"]\n[inputs]', "has 'big'; write sizes as"),
        ("[inputs]", "clip_seconds = [0.5]\n[inputs]", "write whole seconds"),
        ("[output]", "[frames]\nstep = 2.5\n[output]", "step is 2.5; write a whole number"),
        ("[output]", '[voices.a]\n"2.text" = "x"\n[output]', "are for speech"),
        ('prompt = "2.text"', "", "prompt is not bound"),
    ],
)
def test_a_clip_has_a_size_and_a_length(old: str, new: str, says: str) -> None:
    text = VIDEO.replace('node = "3"', f'node = "3"\n{new}') if old == "kind" else VIDEO.replace(old, new, 1)
    assert says in fault(text, VIDEO_GRAPH)


# --- Sizes and lengths ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "seconds", "rate", "count"),
    [
        (Frames(), Fraction(2), Fraction(24), 48),
        (Frames(rate=Fraction(16)), Fraction(2), Fraction(24), 32),
        (Frames(rate=Fraction(16), step=4, rest=1), Fraction(2), Fraction(24), 33),
        (Frames(step=4, rest=1), Fraction(1, 24), Fraction(24), 1),
        (Frames(step=4, rest=1), Fraction(2, 24), Fraction(24), 5),
        (Frames(step=8, rest=1), Fraction(25, 24), Fraction(24), 25),
        (Frames(rate=Fraction(24)), Fraction(1001, 1000), Fraction(30000, 1001), 25),
    ],
)
def test_frames_are_as_many_as_the_model_can_make_and_never_too_few(
    frames: Frames, seconds: Fraction, rate: Fraction, count: int
) -> None:
    assert frames.fitting(seconds, rate) == count
    assert count >= seconds * (frames.rate or rate)
    assert (count - frames.rest) % frames.step == 0


def test_more_than_the_model_makes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"makes clips of up to 5.04 s, not of 6.00 s"):
        Frames(rate=Fraction(24), step=4, rest=1, most=121).fitting(Fraction(6), Fraction(24))


def test_the_next_length_on_sale_is_asked_for() -> None:
    sold = template(VIDEO.replace("[inputs]", "clip_seconds = [10, 5]\n[inputs]"), VIDEO_GRAPH).bindings
    assert sold.fitting_length(96, Fraction(24)) == (5.0, 120)
    assert sold.fitting_length(121, Fraction(24)) == (10.0, 240)
    with pytest.raises(ValueError, match=r"makes clips of up to 10 s, not of 11.00 s"):
        sold.fitting_length(264, Fraction(24))
    assert template(VIDEO, VIDEO_GRAPH).bindings.fitting_length(36, Fraction(24)) == (1.5, 36)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [((1280, 704), (1280, 704)), ((1920, 1080), (640, 360)), ((1080, 1920), (704, 1280)), ((512, 512), (640, 640))],
)
def test_the_size_of_the_nearest_shape_is_asked_for(wanted: tuple[int, int], found: tuple[int, int]) -> None:
    sizes = 'sizes = ["1280x704", "640x360", "704x1280", "640x640"]\n[inputs]'
    bindings = template(VIDEO.replace("[inputs]", sizes), VIDEO_GRAPH).bindings
    assert bindings.fitting_size(*wanted) == found
    assert template(VIDEO, VIDEO_GRAPH).bindings.fitting_size(*wanted) == wanted


# --- The shipped ones ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_workflow_says_what_it_wants_and_how_it_was_checked(path: Path) -> None:
    found = parse_template(path.stem, path.with_suffix(".json").read_bytes(), path.read_bytes())
    assert found.bindings.about
    assert found.bindings.needs
    head = path.read_text().partition("capability")[0]
    assert "Wants" in head or "wants" in head
    assert "not run on a GPU here" in " ".join(head.replace("#", " ").split())


def test_every_shipped_workflow_has_both_files() -> None:
    assert {path.stem for path in SHIPPED.glob("*.json")} == {path.stem for path in SHIPPED.glob("*.toml")}
    assert len(list(SHIPPED.iterdir())) == 8
