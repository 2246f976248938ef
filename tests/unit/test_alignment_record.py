import orjson
import pytest

from audio_assets.domain.schemas import alignment
from audio_assets.domain.schemas.alignment import AlignmentRecord, AlignmentRecordError, from_bytes, to_bytes
from audio_assets.domain.timeline import Phone, Timeline, Word

TIMELINE = Timeline((Phone("h", 0.1, 0.15), Phone("aɪ", 0.15, 0.4)), (Word("Hi", 0.1, 0.4),), 0.5)


def changed(**fields: object) -> bytes:
    return orjson.dumps({**orjson.loads(to_bytes(AlignmentRecord(TIMELINE, "test", 0.9))), **fields})


def test_a_record_survives_its_bytes() -> None:
    for record in (AlignmentRecord(TIMELINE, "test", 0.9), AlignmentRecord(TIMELINE, "test")):
        assert from_bytes(to_bytes(record)) == record


def test_the_fields_are_those_of_the_contract() -> None:
    stored = orjson.loads(to_bytes(AlignmentRecord(TIMELINE, "test", 0.9)))
    assert stored == {
        "schema": "alignment.1",
        "duration_s": 0.5,
        "alphabet": "ipa",
        "source": "test",
        "phonemes": [
            {"phoneme": "h", "t_start": 0.1, "t_end": 0.15},
            {"phoneme": "aɪ", "t_start": 0.15, "t_end": 0.4},
        ],
        "words": [{"word": "Hi", "t_start": 0.1, "t_end": 0.4}],
        "confidence": 0.9,
    }


def test_without_a_confidence_there_is_no_field_for_it() -> None:
    assert b"confidence" not in to_bytes(AlignmentRecord(TIMELINE, "test"))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"schema": "alignment.2"}, "alignment.2"),
        ({"schema": None}, "None"),
        ({"alphabet": "arpabet"}, "arpabet"),
        ({"source": ""}, "source"),
        ({"duration_s": -1}, "duration_s"),
        ({"duration_s": True}, "duration_s"),
        ({"words": {}}, "words"),
        ({"words": [{"word": "Hi", "t_start": 0.1}]}, r"words\[0\].t_end"),
        ({"words": [{"word": "Hi", "t_start": 0.1, "t_end": 0.9}]}, "after the audio"),
        ({"phonemes": [{"phoneme": "", "t_start": 0, "t_end": 1}]}, r"phonemes\[0\].phoneme"),
        ({"confidence": 1.5}, "confidence"),
    ],
)
def test_a_broken_record_is_refused_and_the_field_named(fields: dict[str, object], named: str) -> None:
    with pytest.raises(AlignmentRecordError, match=named):
        from_bytes(changed(**fields))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null"])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(AlignmentRecordError):
        from_bytes(content)


def test_a_timeline_that_overlaps_is_not_written() -> None:
    overlapping = Timeline((Phone("h", 0.1, 0.3), Phone("aɪ", 0.2, 0.4)), (), 0.5)
    with pytest.raises(AlignmentRecordError, match="phoneme 2"):
        to_bytes(AlignmentRecord(overlapping, "test"))


def test_an_older_record_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        "alignment.-1": lambda record: {**record, "schema": "alignment.0"},
        "alignment.0": lambda record: {**record, "schema": "alignment.1", "source": "old"},
    }
    monkeypatch.setattr(alignment, "_UPGRADES", steps)
    assert from_bytes(changed(schema="alignment.-1")).source == "old"


def test_an_upgrade_that_goes_in_circles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "_UPGRADES", {"alignment.0": lambda record: record})
    with pytest.raises(AlignmentRecordError):
        from_bytes(changed(schema="alignment.0"))
