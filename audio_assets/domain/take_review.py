"""What people say of takes: scores and notes, entry by entry; nothing that was said is changed or removed.

An entry says something about one take; what it leaves open stays as that person said it before. Several people may
score the same take: their latest scores are averaged. The stored record is in `schemas/takes`.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from statistics import fmean
from typing import Any

from audio_assets.domain.take_list import take_number

HIGHEST_USER_SCORE = 5.0
MOST_NOTE_CHARACTERS = 2000

SCORE_LIMITS: Mapping[str, float] = {
    "user_score": HIGHEST_USER_SCORE,
    "quality_score": 1.0,
    "character_consistency": 1.0,
    "mouth_visibility": 1.0,
}
"""Field -> its highest value; the lowest is 0."""

_OTHER_NAMES = {
    "userScore": "user_score",
    "qualityScore": "quality_score",
    "characterConsistency": "character_consistency",
    "characterConsistencyScore": "character_consistency",
    "mouthVisibility": "mouth_visibility",
    "mouthVisibilityScore": "mouth_visibility",
}


class ReviewError(ValueError):
    """Something is wrong with what was said of a take; one sentence: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Review:
    """One entry; None is left open. `user_score` is 0 to 5, the others 0 to 1 and stand instead of the measured ones.

    `at` is an ISO time, `by` the person.
    """

    take: str
    by: str
    at: str
    user_score: float | None = None
    quality_score: float | None = None
    character_consistency: float | None = None
    mouth_visibility: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What all people together say of a take: means of their latest scores, and their notes, the latest first."""

    user_score: float | None = None
    quality_score: float | None = None
    character_consistency: float | None = None
    mouth_visibility: float | None = None
    notes: tuple[str, ...] = ()
    by: tuple[str, ...] = ()


def parse_review(given: Mapping[str, Any], takes: Collection[str] | None = None) -> Review:
    """Return the entry in plain values, `takes` being the scene's take ids; names may be in camelCase.

    Raises:
        ReviewError: a field is unknown, missing or out of range, the take is none, or nothing is said.
    """
    entry = {_OTHER_NAMES.get(name, name): value for name, value in given.items()}
    names = [field.name for field in fields(Review)]
    unknown = sorted(set(entry) - set(names))
    if unknown:
        raise ReviewError(f"{unknown[0]!r} is no field of a review: there are {', '.join(names)}")
    review = Review(
        take=_take(entry.get("take"), takes),
        by=person(entry.get("by")),
        at=moment(entry.get("at")),
        note=_note(entry.get("note")),
        **{name: _score(name, entry.get(name)) for name in SCORE_LIMITS},
    )
    if review.note is None and all(getattr(review, name) is None for name in SCORE_LIMITS):
        raise ReviewError(f"the review of {review.take} says nothing: give a score or a note")
    return review


def latest_by_person(reviews: Iterable[Review]) -> dict[tuple[str, str], Review]:
    """Return (take, person) -> what that person says of the take now: the last word on each field."""
    latest: dict[tuple[str, str], Review] = {}
    for review in reviews:
        before = latest.get((review.take, review.by))
        latest[review.take, review.by] = review if before is None else _over(before, review)
    return latest


def opinions(reviews: Sequence[Review]) -> dict[str, Opinion]:
    """Return take -> what all people together say of it."""
    by_take: dict[str, list[Review]] = {}
    for review in latest_by_person(reviews).values():
        by_take.setdefault(review.take, []).append(review)
    return {take: _opinion(said) for take, said in by_take.items()}


def _opinion(said: Sequence[Review]) -> Opinion:
    said = sorted(said, key=lambda review: review.at, reverse=True)
    scores = {name: [score for review in said if (score := getattr(review, name)) is not None] for name in SCORE_LIMITS}
    means = {name: round(fmean(values), 4) if values else None for name, values in scores.items()}
    return Opinion(
        **means, notes=tuple(review.note for review in said if review.note), by=tuple(review.by for review in said)
    )


def _over(before: Review, after: Review) -> Review:
    said = {field.name: getattr(after, field.name) for field in fields(Review)}
    return replace(before, **{name: value for name, value in said.items() if value is not None})


def person(value: Any) -> str:
    """Return a person's name.

    Raises:
        ReviewError: it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise ReviewError("say who says it: by = a name")
    return value.strip()


def moment(value: Any) -> str:
    """Return an ISO time as it is.

    Raises:
        ReviewError: it is none.
    """
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ReviewError(f"at = {value!r} is no time: write one like 2026-01-31T12:00:00+00:00") from None
    return str(value)


def _take(value: Any, takes: Collection[str] | None) -> str:
    if not isinstance(value, str) or not take_number(value):
        raise ReviewError(f"take = {value!r} is no take: they are called t01, t02 ...")
    if takes is not None and value not in takes:
        there = ", ".join(sorted(takes, key=take_number)) or "none yet"
        raise ReviewError(f"this scene has no take {value}: there are {there}")
    return value


def _score(name: str, value: Any) -> float | None:
    if value is None:
        return None
    highest = SCORE_LIMITS[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= highest:
        raise ReviewError(f"{name} = {value!r} is no score: give a number from 0 to {highest:g}")
    return float(value)


def _note(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ReviewError(f"note = {value!r} is no text")
    if len(value) > MOST_NOTE_CHARACTERS:
        raise ReviewError(f"the note has {len(value)} characters: {MOST_NOTE_CHARACTERS} are kept")
    return value.strip() or None
