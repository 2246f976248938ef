import orjson
import pytest

from audio_assets.domain.schemas.records import (
    Check,
    Failure,
    RecordError,
    Ref,
    Sidecar,
    StandsIn,
    StoredFile,
    content_sha256,
)

FILES = {"out.wav": StoredFile("a" * 64, 10), "picture.png": StoredFile("b" * 64, 20)}


def sidecar(**different):
    fields = {
        "action_key": "k" * 64,
        "action": {"asset": "voice_line"},
        "content": "c" * 64,
        "files": FILES,
        "facts": {"text": "Hello."},
        "checks": (Check("not_silent", True, "fine", blocking=True),),
        "sources": {},
        "previews": ("picture.png",),
        "rendered_at": "2026-01-01T00:00:00+00:00",
        "render_s": 0.5,
        "run_id": "run",
        "licence": "Apache-2.0",
        "cost_usd": 0.0,
        "notes": ("a note",),
        "published": {"alignment": "alignment.json"},
    }
    return Sidecar(**{**fields, **different})


@pytest.mark.parametrize(
    "record",
    [
        sidecar(),
        sidecar(stands_in_for=StandsIn("cartesia", "cartesia needs a key: set CARTESIA_API_KEY in the environment")),
        Ref("k" * 64, "audio/tts/k", "c" * 64, {"out.wav": 10}, ("not_clipped",), True),
        Failure("k" * 64, "transient", "the server said 503", "run", 2),
    ],
)
def test_a_record_comes_back_as_it_was_written(record):
    assert type(record).from_bytes(record.to_bytes()) == record


@pytest.mark.parametrize("kind", [Sidecar, Ref, Failure])
@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b'{"schema": "ref.1"}', b'{"schema": "sidecar.99"}', b"\xff"]
)
def test_anything_else_is_a_record_error(kind, data):
    with pytest.raises(RecordError):
        kind.from_bytes(data)


def test_a_sidecar_names_the_files_that_readers_of_a_line_look_for():
    record = orjson.loads(sidecar().to_bytes())
    assert record["schema"] == "sidecar.1"
    assert record["alignment"] == "alignment.json"
    assert record["cache_key"] == record["action_key"]


def test_only_a_failed_blocking_check_blocks():
    assert not sidecar().is_blocked
    assert not sidecar(checks=(Check("not_clipped", False, "", blocking=False),)).is_blocked
    assert sidecar(checks=(Check("not_silent", False, "", blocking=True),)).is_blocked


def test_pictures_are_no_content():
    before = content_sha256(FILES, ("picture.png",))
    assert content_sha256({**FILES, "picture.png": StoredFile("d" * 64, 1)}, ("picture.png",)) == before
    assert content_sha256({**FILES, "out.wav": StoredFile("d" * 64, 1)}, ("picture.png",)) != before


def test_a_sidecar_says_whom_it_stands_in_for_and_only_then():
    told = orjson.loads(sidecar(stands_in_for=StandsIn("cartesia", "no key")).to_bytes())
    assert told["stands_in_for"] == {"provider": "cartesia", "reason": "no key"}
    assert "stands_in_for" not in orjson.loads(sidecar().to_bytes())
