from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_review import Review, ReviewError, latest_by_person, opinions, parse_review
from audio_assets.domain.take_scores import Score, TakeQuality
from audio_assets.domain.take_selection import (
    RULE,
    WEIGHTS,
    Choice,
    Selection,
    parse_choice,
    select,
    weighted_score,
)

NOON, LATER = "2026-01-31T12:00:00+00:00", "2026-01-31T13:00:00+00:00"


def make(*are_current: bool) -> list[Take]:
    return [
        Take(f"t{n:02}", f"k{n}", "o", f"c{n}", "clip.mp4", 96, 1280, 720, is_current=is_current)
        for n, is_current in enumerate(are_current, start=1)
    ]


def quality(value: float | None, consistency: float | None = None, mouth: float | None = None) -> TakeQuality:
    return TakeQuality(*(Score(score, "" if score is not None else "why") for score in (value, consistency, mouth)))


def review(take: str, user: float | None = None, by: str = "ana", at: str = NOON, **more: Any) -> Review:
    return Review(take, by, at, user_score=user, **more)


def picked(takes: Sequence[Take], **given: Any) -> Selection:
    values: dict[str, Any] = {"qualities": {}, "reviews": (), "choices": (), "gone": ()} | given
    return select(takes, **values)


# --- A person's choice ---------------------------------------------------------------------------------------------

scores = st.one_of(st.none(), st.floats(0, 5))


@given(st.lists(scores, min_size=1, max_size=5), st.integers(1, 3), st.booleans())
def test_a_choice_locks_whatever_comes_later(users: list[float | None], chosen: int, is_current: bool) -> None:
    takes = make(*[is_current] * chosen, *[True] * len(users))
    said = [review(take.id, user) for take, user in zip(takes[chosen:], users, strict=True)]
    better = {take.id: quality(1.0, 1.0, 1.0) for take in takes[chosen:]}
    choice = Choice(takes[chosen - 1].id, "ana", NOON, "her smile")
    selection = picked(takes, qualities=better, reviews=said, choices=[choice])
    assert (selection.take, selection.chosen_by, selection.by, selection.at) == (choice.take, "person", "ana", NOON)
    assert "her smile" in selection.why
    assert bool(selection.warnings) != is_current


def test_a_choice_whose_clip_is_gone_or_of_an_earlier_plan_is_kept_with_a_warning() -> None:
    takes = make(False, True)
    selection = picked(takes, choices=[Choice("t01", "ana", NOON)], gone={"t01"})
    assert (selection.take, selection.chosen_by) == ("t01", "person")
    assert any("earlier plan" in warning for warning in selection.warnings)
    assert any("gone" in warning for warning in selection.warnings)


def test_the_last_choice_counts_and_lifting_it_gives_back_to_the_rule() -> None:
    takes = make(True, True)
    choices = [Choice("t02", "ana", NOON), Choice("t01", "ben", LATER)]
    assert picked(takes, choices=choices).by == "ben"
    assert picked(takes, choices=[*choices, Choice(None, "ana", LATER)]).chosen_by == "rule"


def test_a_choice_of_a_take_that_does_not_exist_is_told() -> None:
    selection = picked(make(True), choices=[Choice("t07", "ana", NOON)])
    assert (selection.take, selection.chosen_by) == ("t01", "rule")
    assert "t07" in selection.warnings[0]


# --- The rule ------------------------------------------------------------------------------------------------------


def test_the_users_score_comes_first_then_what_was_measured_then_the_earlier() -> None:
    takes = make(True, True, True)
    good = {"t01": quality(0.2), "t02": quality(0.9), "t03": quality(0.9)}
    assert picked(takes, qualities=good).take == "t02"
    assert picked(takes, qualities=good, reviews=[review("t01", 4)]).take == "t01"
    assert picked(takes, qualities=good, reviews=[review("t02", 1)]).take == "t03"  # worse than unscored
    assert picked(takes).take == "t01"


def test_a_measured_take_goes_before_one_that_was_not() -> None:
    assert picked(make(True, True), qualities={"t02": quality(0.0)}).take == "t02"


def test_what_can_not_be_measured_is_left_out_of_the_mean_not_counted_as_nothing() -> None:
    unmeasured = weighted_score(quality(0.8), opinions([]).get("t01", opinions([review("t01", 1)])["t01"]))
    assert unmeasured == 0.8
    takes = make(True, True)
    assert picked(takes, qualities={"t01": quality(0.8, 0.1), "t02": quality(0.75)}).take == "t02"


def test_a_reviewers_figure_stands_instead_of_the_measured_one() -> None:
    takes = make(True, True)
    good = {"t01": quality(0.9), "t02": quality(0.5)}
    assert picked(takes, qualities=good, reviews=[review("t02", quality_score=1.0)]).take == "t02"


def test_takes_of_the_scene_as_it_is_go_before_better_ones_of_an_earlier_plan() -> None:
    said = [review("t01", 5)]
    assert picked(make(False, True), reviews=said).take == "t02"
    fallback = picked(make(False, False), reviews=said)
    assert fallback.take == "t01"
    assert "as it is now" in fallback.warnings[0]


def test_a_take_that_is_gone_is_never_taken() -> None:
    takes = make(True, True)
    assert picked(takes, reviews=[review("t01", 5)], gone={"t01"}).take == "t02"
    assert picked(takes, gone={"t01", "t02"}).take is None
    assert picked([]).why == "there is no take yet"


@given(st.permutations(range(4)), st.lists(scores, min_size=4, max_size=4))
def test_the_order_in_which_reviews_of_different_takes_come_does_not_matter(
    order: list[int], users: list[float | None]
) -> None:
    takes = make(*[True] * 4)
    said = [review(take.id, user, note="seen") for take, user in zip(takes, users, strict=True)]
    assert picked(takes, reviews=said) == picked(takes, reviews=[said[n] for n in order])


def test_the_rule_in_words_says_the_weights() -> None:
    assert all(f"{weight:g}" in RULE for weight in WEIGHTS.values())
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


# --- Reviews -------------------------------------------------------------------------------------------------------


def test_the_latest_word_of_a_person_wins_field_by_field() -> None:
    said = [
        review("t01", 4, note="nice"), review("t01", quality_score=0.5, at=LATER), review("t01", 2, by="ben"),
        review("t01", 3, at=LATER),
    ]  # fmt: skip
    latest = latest_by_person(said)
    assert latest["t01", "ana"] == Review("t01", "ana", LATER, 3, 0.5, note="nice")
    together = opinions(said)["t01"]
    assert (together.user_score, together.quality_score, together.notes) == (2.5, 0.5, ("nice",))
    assert together.by == ("ana", "ben")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"take": "t09", "user_score": 1}, "no take t09: there are t01, t02"),
        ({"take": "first", "user_score": 1}, "t01, t02"),
        ({"user_score": 1}, "no take"),
        ({"take": "t01", "user_score": 6}, "from 0 to 5"),
        ({"take": "t01", "user_score": "good"}, "from 0 to 5"),
        ({"take": "t01", "user_score": True}, "from 0 to 5"),
        ({"take": "t01", "user_score": float("nan")}, "from 0 to 5"),
        ({"take": "t01", "mouth_visibility": 1.5}, "from 0 to 1"),
        ({"take": "t01"}, "says nothing"),
        ({"take": "t01", "note": "  "}, "says nothing"),
        ({"take": "t01", "note": 7}, "no text"),
        ({"take": "t01", "note": "x" * 2001}, "2000"),
        ({"take": "t01", "stars": 5}, "'stars' is no field"),
        ({"take": "t01", "user_score": 1, "by": " "}, "who"),
        ({"take": "t01", "user_score": 1, "at": "noon"}, "2026-01-31"),
    ],
)
def test_each_mistake_is_one_clear_sentence(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ReviewError, match=said) as caught:
        parse_review({"by": "ana", "at": NOON} | entry, ["t02", "t01"])
    assert "\n" not in str(caught.value)


def test_the_names_of_the_seeds_api_are_read_as_well() -> None:
    scores = {"userScore": 4.5, "qualityScore": 0.85, "characterConsistency": 0.9, "mouthVisibility": 0.8}
    given = {"take": "t01", "by": "ana", "at": NOON} | scores
    assert parse_review(given) == Review("t01", "ana", NOON, 4.5, 0.85, 0.9, 0.8)


def test_choices_are_checked_as_well() -> None:
    assert parse_choice({"take": "t01", "by": "ana", "at": NOON}, ["t01"]) == Choice("t01", "ana", NOON)
    assert parse_choice({"take": None, "by": "ana", "at": NOON, "note": "undecided"}, []).take is None
    for wrong in ({"take": "t02"}, {"take": "t01", "by": ""}, {"take": "t01", "scene": "s001"}):
        with pytest.raises(ReviewError):
            parse_choice({"by": "ana", "at": NOON} | wrong, ["t01"])


# --- Records -------------------------------------------------------------------------------------------------------


def test_reviews_choices_selections_and_scores_come_back_from_their_bytes() -> None:
    reviews = (review("t01", 4.5, note="nice"), review("t02", mouth_visibility=0.1))
    choices = (Choice("t01", "ana", NOON, "her smile"), Choice(None, "ben", LATER))
    selection = replace(picked(make(True), choices=choices), warnings=("one", "two"))
    measured = replace(quality(0.5, None, 0.0), parts={"black": Score(1.0, evidence={"n_black_frames": 0})})
    assert schema.reviews_from_bytes(schema.reviews_to_bytes(reviews)) == reviews
    assert schema.choices_from_bytes(schema.choices_to_bytes(choices)) == choices
    assert schema.selection_from_bytes(schema.selection_to_bytes("s1|x", selection)) == ("s1|x", selection)
    assert schema.quality_from_bytes(schema.quality_to_bytes("t01", measured)) == ("t01", measured)
    assert orjson.loads(schema.quality_to_bytes("t01", measured))["scores"]["character_consistency"]["value"] is None


@pytest.mark.parametrize(
    "read",
    [
        schema.take_list_from_bytes, schema.quality_from_bytes, schema.reviews_from_bytes, schema.choices_from_bytes,
        schema.selection_from_bytes,
    ],
)  # fmt: skip
def test_what_is_another_record_or_a_damaged_one_is_refused(read: Any) -> None:
    names = {
        schema.take_list_from_bytes: "take_list.1", schema.quality_from_bytes: "take_quality.1",
        schema.reviews_from_bytes: "take_review.1", schema.choices_from_bytes: "take_choice.1",
        schema.selection_from_bytes: "selected_take.1",
    }  # fmt: skip
    for data in (b"{", b"[]", b'{"schema": "other.1"}', orjson.dumps({"schema": names[read]})):
        with pytest.raises(RecordError):
            read(data)
