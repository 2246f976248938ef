from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.budget import (
    EVERY,
    Cap,
    NoPrice,
    Order,
    Standing,
    caps_for,
    check_scope_key,
    estimate_micro,
    exceeded,
    fit_in_order,
    micro_usd,
    usd,
    usd_text,
)
from audio_assets.domain.cost_report import CostRow, cost_report, markdown
from audio_assets.domain.money_text import dollars
from audio_assets.domain.redaction import secret_names, without_secrets
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import cost_report as stored
from audio_assets.domain.schemas.records import RecordError
from tests.ledgers import order

amounts = st.integers(0, 50_000_000)


@given(st.integers(0, 10**15))
def test_dollars_and_micro_dollars_are_the_same_amount(micro: int) -> None:
    assert micro_usd(usd(micro)) == micro
    assert micro_usd(Decimal(micro) / 1_000_000) == micro
    assert Decimal(usd_text(micro).strip("$").replace(",", "")) * 1_000_000 == micro


@given(st.decimals(0, 1000, places=9))
def test_a_cost_is_never_taken_for_less(amount: Decimal) -> None:
    assert 0 <= Decimal(micro_usd(amount)) / 1_000_000 - amount < Decimal("0.000001")


def test_a_hundred_dimes_are_ten_dollars() -> None:
    assert sum(micro_usd(0.1) for _ in range(100)) == micro_usd(10)
    assert (micro_usd(0.1 + 0.2), micro_usd("0.3")) == (300_001, 300_000)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "ten", "", "1e10", float("nan"), -0.01])
def test_what_is_no_amount_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match="is no amount of money: write dollars from 0 to 1,000,000,000"):
        micro_usd(text)


def test_amounts_are_shown_exactly() -> None:
    shown = [usd_text(micro) for micro in (0, 12_000_000, 12_500_000, 400, 1, -1_500_000, 1_234_567_890_000)]
    assert shown == ["$0.00", "$12.00", "$12.50", "$0.0004", "$0.000001", "-$1.50", "$1,234,567.89"]


def test_small_sums_and_sums_of_floats_are_shown_as_they_are() -> None:
    shown = [dollars(amount) for amount in (0.0138, 3 * 0.1, "0.0000612", -0.5, 0.4 * 24)]
    assert shown == ["$0.0138", "$0.30", "$0.0000612", "-$0.50", "$9.60"]


def test_no_price_no_work() -> None:
    with pytest.raises(NoPrice, match=r"scene_take of s003\|night can not be ordered: no price is known for shop"):
        estimate_micro(order(estimate_usd=None))
    with pytest.raises(NoPrice, match="its price, nan is no amount"):
        estimate_micro(order(estimate_usd=float("nan")))
    assert estimate_micro(order(estimate_usd=0)) == 0
    assert issubclass(NoPrice, PermanentError)


def caps(stored_caps: dict[tuple[str, str], int], song_cap: int | None = None) -> dict[str, tuple[int, str]]:
    found = caps_for("night", "s003", "2026-11-20", stored_caps, song_cap)
    return {cap.scope: (cap.amount_micro, cap.origin) for cap in found}


def test_the_stricter_of_the_song_and_what_was_set_holds() -> None:
    assert caps({("project", "night"): 5}, 7) == {"project": (5, "set")}
    assert caps({("project", "night"): 9}, 7) == {"project": (7, "song")}
    assert caps({}, 7) == {"project": (7, "song")}
    assert caps({}, 0) == {"project": (0, "song")}
    assert caps({}) == {}


def test_a_cap_of_its_own_goes_before_that_of_every_one() -> None:
    both = {
        ("scene", EVERY): 2,
        ("scene", "s003|night"): 4,
        ("day", EVERY): 9,
        ("day", "2026-11-21"): 1,
        ("total", EVERY): 99,
    }
    assert caps(both) == {"scene": (4, "set"), "day": (9, "set for every one"), "total": (99, "set")}
    assert caps({("scene", "s004|night"): 4, ("project", "day"): 1}) == {}


def test_a_refusal_names_cap_spent_held_wanted_and_command() -> None:
    standing = Standing(Cap("project", "night", 20_000_000), 15_000_000, 4_500_000)
    assert standing.refusal(800_000, "scene_take of s003|night") == (
        "the budget of 'night' is $20.00: $15.00 spent, $4.50 held, $0.80 wanted for scene_take of s003|night; "
        "raise it with `audio-assets budget set project USD --for 'night'`"
    )
    assert Cap("day", "2026-11-20", 1, "set for every one").remedy.endswith("`audio-assets budget set day USD`")
    assert Cap("project", "night", 1, "song").remedy == "raise budget_cap_usd in the settings of night"


@pytest.mark.parametrize(
    ("scope", "key", "says"),
    [
        ("month", "", "a budget is set for project, scene, day, total, not for 'month'"),
        ("day", "tomorrow", "is no day; write it as 2026-01-31"),
        ("day", "20261120", "is no day"),
        ("scene", "s003", r"not of the form <scene>\|<song>"),
        ("total", "night", "leave 'night' out"),
    ],
)
def test_a_cap_on_nothing_is_refused(scope: str, key: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_scope_key(scope, key)


def test_scopes_and_keys_as_people_write_them() -> None:
    assert check_scope_key("day", "") == ("day", EVERY)
    assert check_scope_key("total", " ") == ("total", EVERY)
    assert check_scope_key("day", "2026-11-20") == ("day", "2026-11-20")
    assert check_scope_key("scene", "s003|night") == ("scene", "s003|night")


# --- What fits -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(amounts, st.sampled_from(["s001", "s002", "s003"])), max_size=12), amounts, amounts, amounts)
def test_what_fits_never_passes_a_cap_and_what_is_left_would(
    wanted: list[tuple[int, str]], song_cap: int, scene_cap: int, held: int
) -> None:
    stored_caps = {("project", "night"): song_cap, ("scene", EVERY): scene_cap}
    asked = []
    for n, (cost, scene) in enumerate(wanted):
        found = caps_for("night", scene, "2026-11-20", stored_caps, None)
        standings = [Standing(cap, 0, held if cap.scope == "project" else 0) for cap in found]
        asked.append((order(str(n), scene=scene), cost, standings))
    answer = fit_in_order(asked)
    costs = {str(n): cost for n, (cost, _) in enumerate(wanted)}
    taken = [costs[one.action_key] for one in answer.fits]
    assert len(answer.fits) + len(answer.rest) == len(wanted)
    assert answer.fits_micro == sum(taken)
    assert sum(taken) == 0 or sum(taken) + held <= song_cap
    for scene in ("s001", "s002", "s003"):
        assert sum(costs[one.action_key] for one in answer.fits if one.scene == scene) <= scene_cap
    for one, binding in answer.rest:
        assert binding
        assert all(costs[one.action_key] > standing.room_micro for standing in binding)
        assert exceeded(binding, costs[one.action_key]) == binding


def test_what_does_not_fit_is_named_with_its_cap() -> None:
    cap = [Standing(Cap("project", "night", 2_000_000, "song"), 0, 0)]
    asked = [
        (order(str(n), scene=f"s00{n}"), cost, cap) for n, cost in enumerate((800_000, 2_400_000, 800_000, 800_000), 1)
    ]
    answer = fit_in_order(asked)
    assert [one.scene for one in answer.fits] == ["s001", "s003"]
    assert answer.sentence() == (
        "2 of 4 fit ($1.60); not affordable ($3.20): scene_take of s002|night, scene_take of s004|night; "
        "the budget of 'night' is $2.00: raise budget_cap_usd in the settings of night"
    )
    assert fit_in_order(asked[:1]).sentence() == "1 of 1 fit ($0.80)"


# --- Tables of costs -----------------------------------------------------------------------------------------------

rows = st.lists(
    st.builds(
        CostRow,
        project=st.sampled_from(["night", "day"]),
        scene=st.sampled_from(["", "s001", "s002"]),
        provider=st.sampled_from(["shop", "mall"]),
        model=st.sampled_from(["clip-1", ""]),
        day=st.sampled_from(["2026-11-20", "2026-11-21"]),
        estimated_micro=amounts,
        spent_micro=amounts,
        held_micro=amounts,
    ),
    max_size=20,
)


@given(rows, st.randoms())
def test_every_table_adds_up_to_the_total(found: list[CostRow], rng: object) -> None:
    report = cost_report(found)
    for heading, lines in report.tables:
        kept = [row for row in found if row.scene or heading != "scene"]
        assert sum(line.spent_micro for line in lines) == sum(row.spent_micro for row in kept)
        assert sum(line.held_micro for line in lines) == sum(row.held_micro for row in kept)
        assert sum(line.n_orders for line in lines) == len(kept)
    rng.shuffle(found)  # type: ignore[attr-defined]
    assert cost_report(found) == report
    assert stored.from_bytes(stored.to_bytes(report)) == report


def test_a_report_as_markdown() -> None:
    found = [
        CostRow("night", "s001", "shop", "clip-1", "2026-11-20", 800_000, 900_000, 0),
        CostRow("night", "", "mall", "song", "2026-11-21", 100_000, 0, 100_000),
    ]
    text = markdown(cost_report(found))
    assert (
        "| song or script | orders | estimated | spent | held |\n|---|--:|--:|--:|--:|\n"
        "| night | 2 | $0.90 | $0.90 | $0.10 |" in text
    )
    assert "| s001\\|night | 1 | $0.80 | $0.90 | $0.00 |\n\n" in text  # not all is in a scene: no total that misleads
    assert text.count("| total | 2 | $0.90 | $0.90 | $0.10 |") == 3
    assert markdown(cost_report([])) == "Nothing was ordered that costs money.\n"


def test_another_record_is_no_report() -> None:
    for data in (b'{"schema": "cost_report.2"}', b'{"schema": "cost_report.1"}', b"[]"):
        with pytest.raises(RecordError):
            stored.from_bytes(data)


# --- Secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("401 for https://x.test/v1?api_key=abc123&size=2", "401 for https://x.test/v1?api_key=***&size=2"),
        ("Authorization: Bearer sk-12345678", "Authorization: ***"),
        ("sent 'Bearer sk-12345678'", "sent 'Bearer ***'"),
        ('{"x-api-key": "abc", "n": 1}', '{"x-api-key": "***", "n": 1}'),
        ("postgresql://me:hush@host/db", "postgresql://me:***@host/db"),
        ("GET https://b.test/o?X-Amz-Signature=feed&x=1\nlost", "GET https://b.test/o?X-Amz-Signature=***&x=1 lost"),
        ("Authorization: Key abc:def", "Authorization: ***"),
        ("password=hush&token=abc", "password=***&token=***"),
        ('{"secret": "hush"}', '{"secret": "***"}'),
        ("Invalid API key: The API key is not valid", "Invalid API key: The API key is not valid"),
        ("write key=value, not {'key': 'value'}", "write key=value, not {'key': 'value'}"),
        ("bad key: 9f8e7d6c5b4a", "bad key: ***"),
        ("key=9f8e7d6c5b4a", "key=***"),
        ("sk-proj-0123456789abcdef0123 is no key of ours", "*** is no key of ours"),
        ("the prompt is too long: 900 characters", "the prompt is too long: 900 characters"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_a_request_with_a_secret_names_it() -> None:
    request = {"prompt": "a key", "headers": {"Authorization": "x"}, "parts": [{"api_key": "y"}], "max_tokens": 3}
    assert secret_names(request) == ("headers.Authorization", "parts.0.api_key")


def test_an_order_is_named_by_its_place() -> None:
    assert order().name == "scene_take of s003|night"
    assert Order("k", "song_take", "night", "", "shop", "m", 1).name == "song_take of night"
