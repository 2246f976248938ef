from fractions import Fraction

import orjson
import pytest

from audio_assets.domain.schemas.lipsync import LipsyncError, LipsyncRecord, from_bytes, lipsync_record, to_bytes
from audio_assets.domain.timeline import Phone, Timeline

TIMELINE = Timeline((Phone("b", 0.3, 0.38), Phone("ɑ", 0.38, 0.6), Phone("f", 0.6, 0.7)), (), 1.001)
FILM = Fraction(24000, 1001)


@pytest.fixture
def record() -> LipsyncRecord:
    return lipsync_record(TIMELINE, FILM)


def damaged(record: LipsyncRecord, **changes: object) -> bytes:
    return orjson.dumps({**orjson.loads(to_bytes(record)), **changes})


@pytest.mark.parametrize("rate", [Fraction(24), FILM, Fraction(25, 2)])
@pytest.mark.parametrize("extended", [True, False])
def test_a_record_reads_back(rate: Fraction, extended: bool) -> None:
    record = lipsync_record(TIMELINE, rate, extended=extended)
    assert from_bytes(to_bytes(record)) == record
    assert to_bytes(from_bytes(to_bytes(record))) == to_bytes(record)


def test_what_a_reader_finds(record: LipsyncRecord) -> None:
    stored = orjson.loads(to_bytes(record))
    assert {k: v for k, v in stored.items() if k not in ("frames", "cues")} == {
        "schema": "lipsync.1",
        "fps": 23.976024,
        "frame_rate": "24000/1001",
        "n_frames": 24,
        "duration_s": 1.001,
        "shapes": "extended",
    }
    assert stored["frames"][0] == {"shape": "X", "viseme": 0, "oculus": "sil", "jaw": 0.0, "lip": 0.0}
    assert stored["cues"][0] == {"start": 0.0, "end": 0.18, "value": "X"}
    assert stored["cues"][-1]["end"] == 1.001
    assert orjson.loads(to_bytes(lipsync_record(TIMELINE, Fraction(24))))["fps"] == 24


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema": "lipsync.2"}', b'{"schema": "alignment.1"}'])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(LipsyncError):
        from_bytes(data)


def test_damage_is_named(record: LipsyncRecord) -> None:
    with pytest.raises(LipsyncError, match="frames and says 24"):
        from_bytes(damaged(record, frames=[]))
    with pytest.raises(LipsyncError, match="says 7"):
        from_bytes(damaged(record, n_frames=7))
    with pytest.raises(LipsyncError, match="None"):
        from_bytes(damaged(record, frame_rate=None))
    with pytest.raises(LipsyncError, match=r"ABCDEF: \['G', 'X'\]"):
        from_bytes(damaged(record, shapes="basic"))
    stored = orjson.loads(to_bytes(record))
    del stored["n_frames"]
    with pytest.raises(LipsyncError, match="n_frames"):
        from_bytes(orjson.dumps(stored))
    with pytest.raises(LipsyncError, match="jaw"):
        from_bytes(damaged(record, frames=[{"shape": "A", "viseme": 0, "oculus": "sil", "lip": 0}] * 24))
