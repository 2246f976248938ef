"""The stored records of a scene's takes, to and from bytes: JSON with the fields of their values, in the order given.

- `take_list.1`: the takes (`take_list.Take`).
- `take_quality.1`: the scores of one take (`take_scores.TakeQuality`), null and a reason where there is none;
  `take_qualities.1`: those of all takes of a scene.
- `take_review.1` and `take_choice.1`: what people said and chose, entry by entry, in the order in which they did.
- `selected_take.1`: which take is in the film, who chose it and why (`take_selection.Selection`).

Every reader raises `RecordError` for what is another record or a damaged one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import orjson

from audio_assets.domain.schemas.records import RecordError, read_record
from audio_assets.domain.take_list import Take, check_list, take_record
from audio_assets.domain.take_review import Review, parse_review
from audio_assets.domain.take_scores import CONSISTENCY, MOUTH, QUALITY, Score, TakeQuality
from audio_assets.domain.take_selection import Choice, Selection

TAKE_LIST, TAKE_QUALITY, TAKE_REVIEW = "take_list.1", "take_quality.1", "take_review.1"
TAKE_QUALITIES, TAKE_CHOICE, SELECTED_TAKE = "take_qualities.1", "take_choice.1", "selected_take.1"

_T = TypeVar("_T")


def take_list_to_bytes(scene: str, takes: Sequence[Take]) -> bytes:
    """Return the bytes of the list of a scene (its key)."""
    check_list(takes)
    return _bytes(TAKE_LIST, {"scene": scene, "n_takes": len(takes), "takes": [take_record(take) for take in takes]})


def take_list_from_bytes(data: bytes) -> tuple[str, tuple[Take, ...]]:
    """Return the scene and its takes."""

    def read(stored: Mapping[str, Any]) -> tuple[str, tuple[Take, ...]]:
        takes = tuple(Take(**take) for take in stored["takes"])
        check_list(takes)
        return stored["scene"], takes

    return _read(data, TAKE_LIST, read)


def quality_to_bytes(take: str, quality: TakeQuality) -> bytes:
    """Return the bytes of a take's scores."""
    scores = {name: asdict(score) for name, score in quality.scores().items()}
    parts = {name: asdict(part) for name, part in quality.parts.items()}
    return _bytes(TAKE_QUALITY, {"take": take, "scores": scores, "quality_parts": parts})


def quality_from_bytes(data: bytes) -> tuple[str, TakeQuality]:
    """Return the take and its scores."""

    def read(stored: Mapping[str, Any]) -> tuple[str, TakeQuality]:
        quality, consistency, mouth = (Score(**stored["scores"][name]) for name in (QUALITY, CONSISTENCY, MOUTH))
        parts = {name: Score(**part) for name, part in stored["quality_parts"].items()}
        return stored["take"], TakeQuality(quality, consistency, mouth, parts)

    return _read(data, TAKE_QUALITY, read)


def qualities_to_bytes(qualities: Mapping[str, TakeQuality]) -> bytes:
    """Return the bytes of the scores of a scene's takes, by take id."""
    return _bytes(TAKE_QUALITIES, {"takes": [orjson.loads(quality_to_bytes(*entry)) for entry in qualities.items()]})


def qualities_from_bytes(data: bytes) -> dict[str, TakeQuality]:
    """Return the scores by take id."""
    return _read(
        data, TAKE_QUALITIES, lambda stored: dict(quality_from_bytes(orjson.dumps(e)) for e in stored["takes"])
    )


def reviews_to_bytes(reviews: Sequence[Review]) -> bytes:
    """Return the bytes of all entries."""
    return _bytes(TAKE_REVIEW, {"entries": [asdict(review) for review in reviews]})


def reviews_from_bytes(data: bytes) -> tuple[Review, ...]:
    """Return all entries."""
    return _read(data, TAKE_REVIEW, lambda stored: tuple(parse_review(entry) for entry in stored["entries"]))


def choices_to_bytes(choices: Sequence[Choice]) -> bytes:
    """Return the bytes of all choices."""
    return _bytes(TAKE_CHOICE, {"entries": [asdict(choice) for choice in choices]})


def choices_from_bytes(data: bytes) -> tuple[Choice, ...]:
    """Return all choices."""
    return _read(data, TAKE_CHOICE, lambda stored: tuple(Choice(**entry) for entry in stored["entries"]))


def selection_to_bytes(scene: str, selection: Selection) -> bytes:
    """Return the bytes of which take of a scene (its key) is in the film."""
    return _bytes(SELECTED_TAKE, {"scene": scene, **asdict(selection)})


def selection_from_bytes(data: bytes) -> tuple[str, Selection]:
    """Return the scene and which take of it is in the film."""

    def read(stored: Mapping[str, Any]) -> tuple[str, Selection]:
        fields = {name: value for name, value in stored.items() if name not in ("schema", "scene")}
        return stored["scene"], Selection(**fields | {"warnings": tuple(stored["warnings"])})

    return _read(data, SELECTED_TAKE, read)


def _bytes(schema: str, record: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"schema": schema, **record}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _read(data: bytes, schema: str, read: Callable[[Mapping[str, Any]], _T]) -> _T:
    stored = read_record(data, schema)
    try:
        return read(stored)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"not a whole {schema}: {type(error).__name__} {error}") from error
