"""Which take of a scene is in the film: the person's choice, else the best by a written rule (`RULE`).

A person's choice locks: takes that come later never replace it; what speaks against it is a warning, not another take.
Values in, a `Selection` out, with who chose, when and why. The stored records are in `schemas/takes`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from audio_assets.domain.take_list import Take, take_number
from audio_assets.domain.take_review import HIGHEST_USER_SCORE, Opinion, Review, ReviewError, moment, opinions, person
from audio_assets.domain.take_scores import CONSISTENCY, MOUTH, QUALITY, TakeQuality

WEIGHTS: Mapping[str, float] = {QUALITY: 0.5, CONSISTENCY: 0.3, MOUTH: 0.2}
UNSCORED = HIGHEST_USER_SCORE / 2

RULE = (
    "A person's choice is kept until that person or another one changes or lifts it. Without one, the best take of the "
    "scene as it is now is taken (your own clips count as such; if there is none, the best of all takes): the one "
    f"with the highest user score (a take that nobody scored counts as {UNSCORED:g} of {HIGHEST_USER_SCORE:g}); among "
    f"equals the one with the highest mean of quality (weight {WEIGHTS[QUALITY]:g}), character consistency "
    f"({WEIGHTS[CONSISTENCY]:g}) and mouth visibility ({WEIGHTS[MOUTH]:g}), over those that could be measured, a "
    "reviewer's figure standing in for the measured one; then one that was measured before one that was not; then the "
    "earlier one. A take whose clip is gone is never taken."
)
"""The rule in words; documentation and pages show this text."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision of a person: a take, or None to lift the choice. `at` is an ISO time."""

    take: str | None
    by: str
    at: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The take in the film; `take` is None where there is none to take.

    `by` and `at` are the person's and the time of the choice, "" where the rule chose.
    """

    take: str | None
    chosen_by: Literal["person", "rule"]
    by: str = ""
    at: str = ""
    why: str = ""
    warnings: tuple[str, ...] = ()


def parse_choice(given: Mapping[str, Any], takes: Collection[str]) -> Choice:
    """Return the choice in plain values among the scene's take ids; `take` None lifts it.

    Raises:
        ReviewError: a field is unknown or wrong, or there is no such take.
    """
    unknown = sorted(set(given) - {"take", "by", "at", "note"})
    if unknown:
        raise ReviewError(f"{unknown[0]!r} is no field of a choice: there are take, by, at, note")
    take = given.get("take")
    if take is not None and take not in takes:
        there = ", ".join(sorted(takes, key=take_number)) or "none yet"
        raise ReviewError(f"this scene has no take {take!r}: there are {there}")
    note = given.get("note") or ""
    if not isinstance(note, str):
        raise ReviewError(f"note = {note!r} is no text")
    return Choice(take, person(given.get("by")), moment(given.get("at")), note.strip())


def weighted_score(quality: TakeQuality | None, opinion: Opinion) -> float | None:
    """Return the weighted mean of what is known of a take, 0 to 1; None where nothing is."""
    measured = {} if quality is None else {name: score.value for name, score in quality.scores().items()}
    said = {name: getattr(opinion, name) for name in WEIGHTS}
    known = {name: value for name in WEIGHTS if (value := _first(said[name], measured.get(name))) is not None}
    if not known:
        return None
    total = sum(WEIGHTS[name] for name in known)
    return round(sum(WEIGHTS[name] * value for name, value in known.items()) / total, 4)


def select(
    takes: Sequence[Take],
    qualities: Mapping[str, TakeQuality],
    reviews: Sequence[Review],
    choices: Sequence[Choice],
    *,
    gone: Collection[str] = (),
) -> Selection:
    """Return the take that is in the film.

    `qualities` are by take id; `choices` in the order in which they were made, the last one counts; `gone` are takes
    whose clip is no longer there.
    """
    choice = choices[-1] if choices else None
    chosen = next((take for take in takes if choice and take.id == choice.take), None)
    if choice is not None and chosen is not None:
        return _chosen(choice, chosen, gone)
    warnings = []
    if choice is not None and choice.take is not None:
        warnings.append(f"{choice.by} chose {choice.take}, which this scene does not have: the rule chooses instead")
    return _by_rule(takes, qualities, opinions(reviews), gone, warnings)


def _chosen(choice: Choice, take: Take, gone: Collection[str]) -> Selection:
    warnings = []
    if not take.is_current:
        warnings.append(
            f"{take.id} was made for an earlier plan of this scene: choose a take of the present one, or keep it"
        )
    if take.id in gone:
        warnings.append(f"the clip of {take.id} is gone: choose another take")
    why = f"{choice.by} chose it" + (f": {choice.note}" if choice.note else "")
    return Selection(take.id, "person", choice.by, choice.at, why, tuple(warnings))


def _by_rule(
    takes: Sequence[Take],
    qualities: Mapping[str, TakeQuality],
    said: Mapping[str, Opinion],
    gone: Collection[str],
    warnings: list[str],
) -> Selection:
    there = [take for take in takes if take.id not in gone]
    current = [take for take in there if take.is_current]
    field = tuple(take for take in current if take.origin != "stand_in") or tuple(current)
    if not there:
        why = "there is no take yet" if not takes else "the clips of all takes are gone"
        return Selection(None, "rule", why=why, warnings=tuple(warnings))
    if not field:
        field = tuple(there)
        warnings.append("there is no take of the scene as it is now: the best of all takes is used")

    def rank(take: Take) -> tuple[float, float, int]:
        opinion = said.get(take.id, Opinion())
        weighted = weighted_score(qualities.get(take.id), opinion)
        return _user(opinion), -1.0 if weighted is None else weighted, -take_number(take.id)

    best = max(field, key=rank)
    return Selection(best.id, "rule", why=_why(best, len(field), qualities, said), warnings=tuple(warnings))


def _why(best: Take, n_field: int, qualities: Mapping[str, TakeQuality], said: Mapping[str, Opinion]) -> str:
    opinion = said.get(best.id, Opinion())
    weighted = weighted_score(qualities.get(best.id), opinion)
    facts = [f"user score {opinion.user_score:g}"] if opinion.user_score is not None else []
    facts.append("nothing measured yet" if weighted is None else f"weighted score {weighted:.2f}")
    return f"{'the only take' if n_field == 1 else f'the best of {n_field} takes'}: {', '.join(facts)}"


def _user(opinion: Opinion) -> float:
    return UNSCORED if opinion.user_score is None else opinion.user_score


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
