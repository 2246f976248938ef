"""Files that people write against what artifacts have recorded of them."""

from typing import Any

import pytest

from audio_assets.domain.lineage import Origin
from audio_assets.domain.written_files import as_recorded, recorded_of

CAST = {"kind": "cast entry", "name": "[bo]", "file": "cast.toml", "sha256": "a" * 64, "said": "af_bella"}
TEMPLATE = {"kind": "message template", "name": "one", "file": "messages/one.json", "sha256": "b" * 64}
NO_HASH = {"kind": "song settings", "name": "[film]", "file": "night.toml"}
RECORD = {
    "origins": [CAST, TEMPLATE, NO_HASH],
    "action": {"provider": {"workflow": "say", "workflow_sha256": "c" * 64}},
}


@pytest.mark.parametrize(
    ("path", "sha256"),
    [
        ("/studio/cast.toml", "a"),
        ("/studio/forecast.toml", ""),
        ("/app/workflows/messages/one.json", "b"),
        ("/studio/message_templates/one.json", "b"),
        ("/studio/workflows/comfyui/say.json", "c"),
        ("/studio/workflows/comfyui/say.toml", "c"),
        ("/studio/workflows/comfyui/sing.json", ""),
        ("/studio/say.json", ""),
        ("/studio/night.toml", ""),
    ],
)
def test_a_file_is_known_by_the_end_of_its_path(path: str, sha256: str) -> None:
    found = recorded_of(path, RECORD)
    assert (found.sha256 if found else "") == sha256 * 64


@pytest.mark.parametrize("record", [{}, {"origins": None, "action": {}}, {"action": {"provider": None}}])
def test_a_record_from_before_origins_tells_nothing(record: dict[str, Any]) -> None:
    assert recorded_of("/studio/cast.toml", record) is None
    assert recorded_of("/studio/workflows/comfyui/say.json", record) is None


def test_what_was_made_with_another_one_comes_first() -> None:
    old, new = Origin(**CAST), Origin(**{**CAST, "sha256": "d" * 64})
    said = as_recorded("cast.toml", "d" * 64, [("voice_line/x", new), ("voice_line/y", old), ("voice_line/z", old)])
    assert said.startswith(
        "cast.toml is another one today (sha256 dddddddddddd…) than went into voice_line/y and 1 more: "
    )
    assert "cast entry [bo] “af_bella” of a cast.toml with sha256 aaaaaaaaaaaa…" in said
    assert "as it is today it went into 1 more; " in said
    assert "2 artifacts were made with it as it is, like voice_line/x" in as_recorded(
        "cast.toml", "d" * 64, [("voice_line/x", new), ("voice_line/w", new)]
    )
