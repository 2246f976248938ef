"""The stored record `speech.1`: what a voice says, and when by the engine's own account."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from audio_assets.domain.schemas.records import RecordError, read_record
from audio_assets.domain.timeline import Phone, Timeline, Word


@dataclass(frozen=True)
class Spoken:
    """One spoken line; `timeline` is None where the engine tells no times."""

    text: str
    lang: str
    character: str
    engine: str
    pronunciations: tuple[tuple[str, str], ...]
    timeline: Timeline | None


def to_bytes(spoken: Spoken) -> bytes:
    """Compact JSON; the same record gives the same bytes. Times are rounded to 10 us, under a sample at 48 kHz."""
    return orjson.dumps({"schema": "speech.1", **_rounded(asdict(spoken))})


def from_bytes(data: bytes) -> Spoken:
    """Read what `to_bytes` wrote.

    Raises:
        RecordError: not a `speech.1` record.
    """
    record = read_record(data, "speech.1")
    try:
        timeline = record["timeline"]
        return Spoken(
            record["text"],
            record["lang"],
            record["character"],
            record["engine"],
            tuple((word, said) for word, said in record["pronunciations"]),
            None
            if timeline is None
            else Timeline(
                tuple(Phone(**entry) for entry in timeline["phonemes"]),
                tuple(Word(**entry) for entry in timeline["words"]),
                timeline["duration_s"],
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"not a whole speech.1: {error}") from error


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list | tuple) else value
