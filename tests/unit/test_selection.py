"""What of a later plan a selection means."""

from audio_assets.backfilling import Selection
from audio_assets.plan import Plan, Stale

BOARD = Stale("storyboard", "tick", ("style warm -> cold",), frozenset({"prompt"}), 1.0)
TAKE = Stale("scene_take", "s001|tick", ("new",), frozenset({"new"}), 9.0, 0.8)
LEFT = frozenset({("scene_take", "s001|tick")})


def test_scenes_that_come_to_be_are_meant_where_nothing_was_named() -> None:
    assert Selection((BOARD,), is_open=True).part_of(Plan(stale=[TAKE])).stale == [TAKE]


def test_what_was_left_out_stays_out_though_its_storyboard_is_rendered() -> None:
    later = Selection((BOARD,), left=LEFT, is_open=True).part_of(Plan(stale=[TAKE]))
    assert (later.stale, later.held) == ([], [TAKE])


def test_where_assets_costs_or_policies_decide_no_scene_is_drawn_in() -> None:
    assert Selection((BOARD,)).part_of(Plan(stale=[TAKE])).held == [TAKE]


def test_narrowed_it_means_these_and_no_others() -> None:
    narrowed = Selection((BOARD, TAKE), is_open=True).narrowed({"storyboard": ["tick"]})
    assert narrowed.plan.keys() == {"storyboard": ["tick"]}
    assert not narrowed.means("scene_take", "s002|tick")
