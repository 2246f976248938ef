"""A workflow held against what a server says of its nodes."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from audio_assets.domain import comfy_nodes
from audio_assets.domain.comfy_template import parse_template
from tests.servers.comfy_definitions import DEFINITIONS, node

SHIPPED = Path(__file__).parents[2] / "workflows" / "comfyui"
BINDINGS = b"""
capability = "speech"
licence = "CC0-1.0"
needs = "the nodes of Bo"
[inputs]
text = "1.duration"
[output]
node = "2"
"""


def graph() -> dict[str, Any]:
    return {
        "1": {"class_type": "EmptyAudio", "inputs": {"duration": 1.0, "sample_rate": 44_100, "channels": 2}},
        "2": {"class_type": "SaveAudioMP3", "inputs": {"audio": ["1", 0], "filename_prefix": "x", "quality": "V0"}},
    }


def problem(changed: dict[str, Any], definitions: Any = None, bindings: bytes = BINDINGS) -> str:
    template = parse_template("say", orjson.dumps(changed), bindings)
    return comfy_nodes.problem(template, changed, DEFINITIONS if definitions is None else definitions)


def with_input(number: str, **inputs: Any) -> dict[str, Any]:
    changed = graph()
    changed[number]["inputs"] |= inputs
    return changed


def test_a_workflow_that_fits_has_no_problem() -> None:
    assert problem(graph()) == ""


def test_an_unknown_node_is_named_with_what_the_workflow_needs() -> None:
    said = problem(graph(), {**DEFINITIONS, "EmptyAudio": None})
    assert said == "node 1 (EmptyAudio) is of a kind that the server does not have; the workflow needs the nodes of Bo"
    bare = BINDINGS.replace(b'needs = "the nodes of Bo"\n', b"")
    assert "install the custom nodes" in problem(graph(), {}, bare)


@pytest.mark.parametrize(
    ("number", "inputs", "says"),
    [
        ("1", {"sample_rate": 0}, "node 1 (EmptyAudio): its input sample_rate is 0, and has to be 1 at least"),
        ("1", {"channels": 3}, "its input channels is 3, and may be 2 at most"),
        ("2", {"quality": "V9"}, "its input quality is 'V9', which the server does not have; it has V0, 128k, 320k"),
        ("2", {"quality": "sub/V9"}, ""),
        ("2", {"quality": ["1", 0]}, ""),
    ],
)
def test_a_value_that_the_node_does_not_take_is_named(number: str, inputs: dict[str, Any], says: str) -> None:
    said = problem(with_input(number, **inputs))
    assert (says in said) if says else said == ""


def test_a_missing_input_is_named() -> None:
    changed = graph()
    del changed["2"]["inputs"]["audio"]
    assert problem(changed) == "node 2 (SaveAudioMP3) lacks its input audio: export the workflow again"


def test_a_bound_input_that_the_node_has_no_more_is_named() -> None:
    said = problem(with_input("1", gone=1), bindings=BINDINGS.replace(b"1.duration", b"1.gone"))
    assert said == "node 1 (EmptyAudio) has no input gone on the server: export the workflow again"


def test_a_node_that_saves_nothing_is_no_output() -> None:
    said = problem(graph(), bindings=BINDINGS.replace(b'node = "2"', b'node = "1"'))
    assert said == "node 1 (EmptyAudio) is bound as the output, and saves nothing: bind a node that saves a file"


def test_a_node_that_buys_elsewhere_is_refused() -> None:
    bought = {**node({}, "AUDIO"), "api_node": True}
    assert "buys from somebody else" in problem(graph(), {**DEFINITIONS, "EmptyAudio": bought})


@pytest.mark.parametrize(
    "spec",
    [
        [["a"], {"image_upload": True}],
        ["COMBO", {"options": ["a"], "audio_upload": True}],
        ["COMBO", {"options": [], "remote": {"route": "/x"}}],
        ["COMBO", {"options": ["a"], "multiselect": True}],
        ["COMBO", {}],
        ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "a"}]}],
        [],
        "?",
    ],
)
def test_a_list_that_does_not_say_all_is_let_through(spec: Any) -> None:
    changed = with_input("1", kind="b")
    assert (
        problem(changed, {**DEFINITIONS, "EmptyAudio": node({"kind": spec, "duration": ["FLOAT", {}]}, "AUDIO")}) == ""
    )


def test_a_group_of_inputs_may_be_written_by_its_members() -> None:
    group = node({"images": ["COMFY_AUTOGROW_V3", {}], "duration": ["FLOAT", {}]}, "AUDIO")
    assert problem(with_input("1", **{"images.image0": ["2", 0]}), {**DEFINITIONS, "EmptyAudio": group}) == ""


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_workflow_fits_the_definitions_of_its_nodes(path: Path) -> None:
    template = parse_template(path.stem, path.with_suffix(".json").read_bytes(), path.read_bytes())
    files = dict.fromkeys(template.bindings.files, "x")
    for voice in (*template.bindings.voices, ""):
        for uploads in (files, {name: x for name, x in files.items() if name not in template.bindings.optional}):
            filled = template.filled({}, uploads, voice=voice)
            assert comfy_nodes.problem(template, filled, DEFINITIONS) == ""
            assert _unknown(filled) == set()


def _unknown(filled: dict[str, Any]) -> set[str]:
    """Inputs that a node does not have would be ignored by a server."""
    known = {kind: {**entry["input"]["required"], **entry["input"]["optional"]} for kind, entry in DEFINITIONS.items()}
    return {
        f"{number}.{name}"
        for number, entry in filled.items() for name in entry["inputs"] if name not in known[entry["class_type"]]
    }  # fmt: skip
