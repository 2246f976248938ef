"""What the sensor `workflow_changes` makes of files and plans, without Dagster."""

from dataclasses import replace
from typing import Any

import pytest

from audio_assets.plan import Plan, Stale
from sensors.inbox import MAX_ATTEMPTS
from sensors.songs import read_signatures
from sensors.workflows import Noticed, Seen, decide, notice

BEFORE = {"cast": {"bo": "1", "anna": "1"}, "lexicon": {}}
AFTER = {"cast": {"bo": "2", "anna": "1"}, "lexicon": {}}
QUIET = Seen(told=BEFORE, read=BEFORE, is_due=False, planned_at=1000.0)
STALE = Stale("voice_line", "a", ("speed 1 -> 2",), frozenset({"voice"}), 1.0)
WANTED = {"voice_line": ["a"]}


def noticed(seen: Seen, now: Any = BEFORE, *, rules: str = "", last_run: str = "", at: float = 1001.0) -> Noticed:
    return notice(seen, now, rules=rules, last_run=last_run, at=at)


def test_a_change_counts_once_it_has_settled() -> None:
    first = noticed(QUIET, AFTER)
    assert (first.ends, first.changed) == ("waiting for files to settle", {})
    assert first.seen.told == BEFORE, "nobody was told of it"
    second = noticed(first.seen, AFTER)
    assert (second.ends, {asset: list(names) for asset, names in second.changed.items()}) == ("", {"cast": ["bo"]})
    assert second.seen.told == AFTER
    assert not noticed(replace(second.seen, is_due=False), AFTER).changed


@pytest.mark.parametrize(
    ("later", "is_due"),
    [({}, False), ({"rules": "x"}, True), ({"last_run": "r1"}, True), ({"at": 1299.0}, False), ({"at": 1300.0}, True)],
)
def test_it_plans_after_a_change_a_run_and_now_and_then(later: dict[str, Any], is_due: bool) -> None:
    assert (noticed(QUIET, **later).ends == "") is is_due
    assert noticed(replace(QUIET, is_due=True), **later).ends == ""


def test_what_dagster_was_not_told_of_yet_is_told_while_nothing_else_is_to_do() -> None:
    assert noticed(replace(QUIET, n_untold=3)).is_telling
    assert not noticed(QUIET).is_telling
    assert not noticed(replace(QUIET, n_untold=3), AFTER).is_telling, "not while files are written"
    assert not noticed(replace(QUIET, n_untold=3, is_due=True)).is_telling, "planning tells, too"


def test_the_same_work_is_asked_for_a_few_times_and_other_work_anew() -> None:
    seen, found = replace(QUIET, is_due=True), Plan(stale=[STALE])
    for _ in range(MAX_ATTEMPTS):
        decided = decide(seen, found, WANTED, at=5.0)
        assert decided.why_not == ""
        seen = decided.seen
        assert not seen.is_due
        assert seen.planned_at == 5.0
    assert "in vain" in decide(seen, found, WANTED, at=6.0).why_not
    assert decide(seen, found, {"voice_line": ["b"]}, at=6.0).why_not == ""
    assert decide(replace(seen, told=AFTER), found, WANTED, at=6.0).why_not == "", "it was edited"


def test_a_plan_is_left_once_and_what_is_not_allowed_stays_in_it() -> None:
    first = decide(QUIET, Plan(stale=[STALE]), {}, at=5.0)
    assert first.is_another_plan
    assert first.why_not == "nothing follows by itself; 1 partitions are stale, see `stale_plan`"
    assert not decide(first.seen, Plan(stale=[STALE]), {}, at=6.0).is_another_plan
    assert decide(first.seen, Plan(), {}, at=6.0).is_another_plan
    assert decide(first.seen, Plan(stale=[STALE]), {}, at=6.0, refusals=["$0 left"]).is_another_plan


def test_the_songs_sensor_leaves_presets_and_prices_alone(tmp_path: Any) -> None:
    for name in ("prompts.toml", "price_card.toml", "remix_styles.toml"):
        (tmp_path / name).write_text("")
    assert list(read_signatures(tmp_path / "inbox", [tmp_path])) == [str(tmp_path / "remix_styles.toml")]
