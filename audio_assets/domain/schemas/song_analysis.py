"""The stored records of a song's analysis, each with a schema tag: beats, onsets, energy, sections, voice, lyrics.

Times are seconds from the first sample, rounded to a microsecond.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from audio_assets.domain.music.analysis import Beat, BeatGrid, Lyrics, Section, Span, TempoPoint
from audio_assets.domain.music.energy import EnergyPoint
from audio_assets.domain.music.lyrics import lyrics_from_record, lyrics_record
from audio_assets.domain.music.onsets import Onset
from audio_assets.domain.schemas.records import RecordError, read_record


def beat_grid_to_bytes(grid: BeatGrid) -> bytes:
    """`beat_grid.json`."""
    return _write("beat_grid.1", asdict(grid))


def beat_grid_from_bytes(data: bytes) -> BeatGrid:
    """Read what `beat_grid_to_bytes` wrote.

    Raises:
        RecordError: not a beat grid.
    """
    record = read_record(data, "beat_grid.1")
    try:
        return BeatGrid(
            record["bpm"],
            tuple(Beat(**entry) for entry in record["beats"]),
            tuple(record["downbeats"]),
            record["beats_per_bar"],
            tuple(TempoPoint(**entry) for entry in record["tempo_curve"]),
            record["confidence"],
            record["duration_s"],
        )
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a whole beat_grid.1: {error}") from error


def onsets_to_bytes(onsets: Sequence[Onset]) -> bytes:
    """`onsets.json`."""
    return _write("onsets.1", {"onsets": [asdict(onset) for onset in onsets]})


def energy_curve_to_bytes(curve: Sequence[EnergyPoint]) -> bytes:
    """`energy_curve.json`."""
    return _write("energy_curve.1", {"energy_curve": [asdict(point) for point in curve]})


def energy_curve_from_bytes(data: bytes) -> tuple[EnergyPoint, ...]:
    """Read what `energy_curve_to_bytes` wrote.

    Raises:
        RecordError: not an energy curve.
    """
    return _entries(data, "energy_curve", EnergyPoint)


def sections_to_bytes(sections: Sequence[Section]) -> bytes:
    """`sections.json`."""
    return _write("sections.1", {"sections": [asdict(section) for section in sections]})


def sections_from_bytes(data: bytes) -> tuple[Section, ...]:
    """Read what `sections_to_bytes` wrote.

    Raises:
        RecordError: not sections.
    """
    return _entries(data, "sections", Section)


def voice_to_bytes(spans: Sequence[Span], facts: dict[str, Any]) -> bytes:
    """`vocals.json`: where a voice is heard, and `facts` about the extraction."""
    return _write("vocals.1", {**facts, "voice": [asdict(span) for span in spans]})


def voice_from_bytes(data: bytes) -> tuple[Span, ...]:
    """Read the spans of what `voice_to_bytes` wrote.

    Raises:
        RecordError: not a voice activity.
    """
    return _entries(data, "vocals", Span, key="voice")


def lyrics_to_bytes(lyrics: Lyrics, facts: dict[str, Any]) -> bytes:
    """`lyric_alignment.json`."""
    return _write("lyric_alignment.1", {**facts, "lyrics": lyrics_record(lyrics)})


def lyrics_from_bytes(data: bytes) -> Lyrics:
    """Read what `lyrics_to_bytes` wrote.

    Raises:
        RecordError: not aligned lyrics.
    """
    record = read_record(data, "lyric_alignment.1")
    try:
        return lyrics_from_record(record["lyrics"])
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a whole lyric_alignment.1: {error}") from error


def _entries(data: bytes, name: str, kind: Any, *, key: str = "") -> tuple[Any, ...]:
    record = read_record(data, f"{name}.1")
    try:
        return tuple(kind(**entry) for entry in record[key or name])
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a whole {name}.1: {error}") from error


def _write(schema: str, record: dict[str, Any]) -> bytes:
    return orjson.dumps({"schema": schema, **_rounded(record)}, option=orjson.OPT_INDENT_2)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return value
