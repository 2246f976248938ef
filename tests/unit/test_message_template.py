import json
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.bitmerge import Trim
from audio_assets.domain.message_template import DEFAULT_GAP_MS, Template, TemplateError, parse_template

SHIPPED = Path(__file__).resolve().parents[2] / "workflows/messages"


def parse(**values: Any) -> Template:
    return parse_template(json.dumps(values).encode(), "t.json", "t")


def test_what_is_left_out_has_defaults_and_the_first_gap_is_the_lead() -> None:
    template = parse(parts=[{"stem": "name"}, {"stem": "developer"}])
    assert [(part.stem, part.gap_ms, part.trim) for part in template.parts] == [
        ("name", 0.0, Trim()),
        ("developer", DEFAULT_GAP_MS, Trim()),
    ]
    assert (template.kinds, template.tail_ms, template.is_copied) == (("name", "developer"), 0.0, False)


def test_a_part_overrides_and_repeats_are_written_out() -> None:
    template = parse(
        gap_ms=100, trim={"keep_ms": 5}, lead_ms=50, tail_ms=70, copy=True,
        parts=[{"stem": "stem.script.hola", "trim": False}, {"stem": "name", "repeat": 2, "gap_ms": 300}],
    )  # fmt: skip
    assert [(part.stem, part.gap_ms, part.trim) for part in template.parts] == [
        ("stem.script.hola", 50.0, None),
        ("name", 300.0, Trim(keep_ms=5.0)),
        ("name", 300.0, Trim(keep_ms=5.0)),
    ]
    assert (template.kinds, template.tail_ms, template.is_copied) == (("name",), 70.0, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "no object"),
        ('{"parts": []}', "no list of parts"),
        ('{"part": [{"stem": "name"}]}', "did you mean 'parts'"),
        ('{"parts": ["name"]}', "part 1 is 'name', no object"),
        ('{"parts": [{}]}', "part 1: there is no stem"),
        ('{"parts": [{"stem": "nome"}]}', "part 1: stem is 'nome'"),
        ('{"parts": [{"stem": "name", "gap": 3}]}', "did you mean 'gap_ms'"),
        ('{"parts": [{"stem": "name", "repeat": 0}]}', "repeat is 0"),
        ('{"parts": [{"stem": "name", "repeat": 1.5}]}', "whole number"),
        ('{"parts": [{"stem": "name", "repeat": true}]}', "repeat is True"),
        ('{"parts": [{"stem": "name", "gap_ms": -1}]}', "gap_ms is -1"),
        ('{"parts": [{"stem": "name"}], "tail_ms": NaN}', "tail_ms is nan"),
        ('{"parts": [{"stem": "name"}], "trim": {"threshold_db": 3}}', "threshold_db is 3"),
        ('{"parts": [{"stem": "name"}], "trim": 3}', "trim is '3', no object"),
        ('{"parts": [{"stem": "name"}], "copy": 1}', "copy is 1"),
        ('{"parts": [{"stem": "name", "repeat": 20}, {"stem": "name", "repeat": 20}, {"stem": "name", "repeat": 20}]}',
         "60 parts are too many"),
        ('{"gap_ms": 1, "gap_ms": 2, "parts": [{"stem": "name"}]}', "stands there twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(TemplateError, match=r"^t\.json") as raised:
        parse_template(text.encode(), "t.json", "t")
    assert says in str(raised.value)


def test_the_shipped_templates_are_read() -> None:
    shipped = {path.stem: parse_template(path.read_bytes(), path.name, path.stem) for path in SHIPPED.glob("*.json")}
    assert shipped.keys() == {"simple", "double_anchor", "announcement"}
    double = [part.stem for part in shipped["double_anchor"].parts]
    assert (double[0], double[-1]) == ("name", "name")
    assert shipped["announcement"].kinds == ("name", "developer", "script")
    assert all(template.about for template in shipped.values())
