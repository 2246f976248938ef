import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.budget import BudgetExceeded, NoPrice, Order
from audio_assets.domain.rendering import NotFetched, PermanentError, TransientError
from resources import budget_commands
from resources.ledger import Ledger
from resources.ledger_rows import AlreadyPaid, Entry
from resources.paid_jobs import OutcomeUnknown, Patience, Receipt, Timing, call_off, pay_once
from resources.paid_vendor import Look, NotSubmitted, Refused
from resources.process_owner import Owner
from tests.ledgers import BACKENDS, Clock, ledger_url, order
from tests.vendors import BYTES, ShopVendor

DONE = Look("done", billed_usd="0.80")
PENDING = Look("pending")


@dataclass
class Desk:
    """A ledger, a vendor, and time that passes only where it is slept."""

    url: str
    folder: Path
    slept_s: list[float] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.url, now=self.clock)
        self.vendor = ShopVendor(self.folder / "shop.db")
        self.target = self.folder / "clip.mp4"

    def pay(self, wanted: Order | None = None, **options: Any) -> Receipt:
        timing = Timing(sleep=self.slept_s.append, clock=lambda: sum(self.slept_s), vary=lambda: 0.5)
        return pay_once(self.ledger, self.vendor, wanted or order(), self.target, **{"timing": timing, **options})

    @property
    def entry(self) -> Entry:
        return self.ledger.entries()[-1]

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if not path.name.startswith(("ledger.db", "shop.db"))}


@pytest.fixture(params=BACKENDS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with ledger_url(request.param, tmp_path) as url:
        yield Desk(url, tmp_path)


def test_an_order_is_bought_and_settled_at_what_the_vendor_bills(desk: Desk) -> None:
    desk.vendor.answers = [PENDING, PENDING, Look("done", billed_usd=0.64)]
    receipt = desk.pay()
    assert (desk.target.read_bytes(), receipt.cost_usd, receipt.is_estimate) == (BYTES, 0.64, False)
    assert (desk.entry.state, desk.entry.actual_micro, desk.entry.job_id) == ("settled", 640_000, "1")
    assert desk.vendor.jobs() == ["1"]
    assert desk.slept_s == [2.0, 3.0]
    assert desk.files() == {"clip.mp4"}


def test_a_vendor_that_names_no_cost_is_paid_the_estimate(desk: Desk) -> None:
    desk.vendor.answers = [Look("done")]
    assert desk.pay().is_estimate
    assert (desk.entry.actual_micro, "the estimate stands" in desk.entry.reason) == (800_000, True)


def test_what_is_paid_is_fetched_again_and_not_ordered_again(desk: Desk) -> None:
    desk.pay()
    desk.target.unlink()
    assert desk.pay().entry == desk.entry
    assert (desk.target.read_bytes(), desk.vendor.jobs()) == (BYTES, ["1"])
    desk.vendor.fetched = [PermanentError("the link has run out")]
    with pytest.raises(
        PermanentError, match=r"was paid \(\$0.80, entry 1\), but can not be fetched again.*budget again 1"
    ):
        desk.pay()
    assert desk.vendor.jobs() == ["1"]
    budget_commands.again(desk.ledger, 1, "lost")
    desk.vendor.fetched = [BYTES]
    desk.pay()
    assert desk.vendor.jobs() == ["1", "2"]
    assert sum(entry.spent_micro for entry in desk.ledger.entries()) == 1_600_000


def test_over_the_cap_or_without_a_price_nothing_is_sent(desk: Desk) -> None:
    with pytest.raises(BudgetExceeded):
        desk.pay(order(project_cap_usd="0.79"))
    with pytest.raises(NoPrice):
        desk.pay(order(estimate_usd=None))
    assert desk.vendor.jobs() == []


def test_what_costs_nothing_is_picked_up_again_and_once_done_ordered_anew(desk: Desk) -> None:
    free = order(estimate_usd=0, project_cap_usd=0)
    desk.vendor.answers = [Look("pending"), Look("done", billed_usd="0")]
    with pytest.raises(TransientError):
        desk.pay(free, patience=Patience(deadline_s=0))
    assert (desk.entry.state, desk.entry.job_id) == ("submitted", "1")
    desk.pay(free)
    assert (desk.entry.state, desk.target.read_bytes(), desk.vendor.jobs()) == ("settled", BYTES, ["1"])
    desk.pay(free)
    assert desk.vendor.jobs() == ["1", "2"]


def test_what_costs_nothing_is_ordered_anew_when_its_answer_is_lost(desk: Desk) -> None:
    free = order(estimate_usd=0)
    desk.vendor.knows_keys, desk.vendor.on_submit = False, OSError("reset")
    with pytest.raises(TransientError, match=r"its answer was lost.*it costs nothing: run again"):
        desk.pay(free)
    assert desk.entry.state == "released"
    desk.vendor.on_submit = None
    desk.vendor.answers = [Look("done", billed_usd="0")]
    desk.pay(free)
    assert (desk.entry.state, desk.vendor.jobs()) == ("settled", ["1", "2"])


# --- What the vendor says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Refused("422: the prompt is not allowed"), NotSubmitted("429: try later")])
def test_an_order_that_was_not_taken_holds_nothing(desk: Desk, error: Exception) -> None:
    desk.vendor.before_submit = error
    with pytest.raises(type(error)):
        desk.pay()
    assert (desk.entry.state, desk.entry.reason) == ("released", str(error))
    desk.vendor.before_submit = None
    desk.pay()
    assert desk.entry.attempt == 2


@pytest.mark.parametrize(
    ("look", "error", "state", "spent", "says"),
    [
        (Look("failed", is_billed=False, reason="X", is_passing=True), TransientError, "released", 0, "X; nothing"),
        (Look("failed", is_billed=False, reason="unsafe"), PermanentError, "released", 0, "unsafe; nothing is billed"),
        (Look("failed", is_billed=True, reason="unsafe"), PermanentError, "settled", 800_000, r"\$0.80 were billed"),
        (Look("failed", billed_usd=0.1, is_passing=True), PermanentError, "settled", 100_000, r"\$0.10 were billed"),
        (Look("failed", billed_usd=0, reason="x"), PermanentError, "released", 0, "x; nothing is billed"),
        (Look("failed", reason="unsafe"), OutcomeUnknown, "unknown", 0, "not known whether shop bills job 1 of"),
    ],
)  # fmt: skip
def test_a_failed_job_is_booked_as_the_vendor_bills_it(
    desk: Desk, look: Look, error: type[Exception], state: str, spent: int, says: str
) -> None:
    desk.vendor.answers = [look]
    with pytest.raises(error, match=says):
        desk.pay()
    assert (desk.entry.state, desk.entry.spent_micro, desk.files()) == (state, spent, set())
    if state != "released":  # what may be billed is never ordered again by itself
        with pytest.raises(PermanentError):
            desk.pay()
        assert desk.vendor.jobs() == ["1"]


def test_a_job_that_takes_too_long_stays_ordered_and_is_gone_on_with(desk: Desk) -> None:
    desk.vendor.answers = [PENDING]
    with pytest.raises(
        TransientError, match=r"job 1 of scene_take of s003\|night \(entry 1\) is not finished after 6\d s"
    ):
        desk.pay(patience=Patience(deadline_s=70))
    assert sum(desk.slept_s) <= 70
    assert desk.slept_s[:4] == [2.0, 3.0, 4.5, 6.75]
    assert desk.entry.state == "submitted"
    desk.vendor.answers = [DONE]
    desk.pay()
    assert (desk.vendor.jobs(), desk.entry.state) == (["1"], "settled")


def test_looking_goes_on_through_passing_errors_and_heeds_the_vendor_s_wish(desk: Desk) -> None:
    desk.vendor.answers = [TransientError("502"), Look("pending", wait_s=17), TransientError("no route"), DONE]
    desk.pay()
    assert desk.slept_s == [2.0, 17, 4.5]


def test_a_job_that_the_vendor_forgot_is_of_unknown_outcome(desk: Desk) -> None:
    desk.vendor.answers = [PENDING]
    with pytest.raises(TransientError):
        desk.pay(patience=Patience(deadline_s=0))
    mix_up_the_job(desk)
    with pytest.raises(OutcomeUnknown, match="there is no job 9"):
        desk.pay()
    assert desk.entry.state == "unknown"


def mix_up_the_job(desk: Desk) -> None:
    desk.ledger.submitted(desk.entry, "9")


def test_an_error_that_is_not_about_the_job_leaves_it_ordered(desk: Desk) -> None:
    desk.vendor.answers = [PermanentError("401: the key is wrong")]
    with pytest.raises(PermanentError, match="401"):
        desk.pay()
    assert desk.entry.state == "submitted"


# --- Fetching ------------------------------------------------------------------------------------------------------


def whole(path: Path) -> None:
    if path.read_bytes() != BYTES:
        raise ValueError("the clip is cut off")


def test_a_download_that_breaks_off_or_is_damaged_is_fetched_again(desk: Desk) -> None:
    desk.vendor.fetched = [TransientError("reset"), b"a fi", BYTES]
    desk.pay(verify=whole)
    assert (desk.target.read_bytes(), desk.vendor.n_fetches, desk.files()) == (BYTES, 3, {"clip.mp4"})


def test_a_download_that_never_ends_keeps_the_job_for_the_next_run(desk: Desk) -> None:
    desk.vendor.fetched = [TransientError("reset")]
    with pytest.raises(TransientError, match="the file of job 1 can not be had: reset"):
        desk.pay()
    assert (desk.entry.state, desk.vendor.n_fetches, desk.files()) == ("submitted", 4, set())


def test_a_file_that_is_not_what_was_ordered_is_paid_and_told(desk: Desk) -> None:
    desk.target.write_bytes(b"of before")
    desk.vendor.fetched = [b"noise"]
    paid = r"was paid \(\$0.80, entry 1, job 1\), but .* the clip is cut off"
    with pytest.raises(NotFetched, match=f"{paid}; run again to fetch it anew"):
        desk.pay(verify=whole)
    assert (desk.entry.state, desk.target.read_bytes(), desk.files()) == ("settled", b"of before", {"clip.mp4"})
    with pytest.raises(PermanentError, match=r"can not be fetched again: .*; to pay .* budget again 1"):
        desk.pay(verify=whole)
    desk.vendor.fetched = [BYTES]
    desk.pay(verify=whole)
    assert desk.vendor.jobs() == ["1"]


# --- Lost answers --------------------------------------------------------------------------------------------------


def test_a_lost_answer_is_looked_up_by_its_key(desk: Desk) -> None:
    desk.vendor.on_submit = ConnectionResetError("cut off")
    desk.pay()
    assert (desk.vendor.jobs(), desk.entry.state) == (["1"], "settled")


def test_a_lost_answer_of_a_vendor_without_look_up_is_unknown_until_a_person_says(desk: Desk) -> None:
    desk.vendor.knows_keys, desk.vendor.on_submit = False, TimeoutError("no answer in 60 s")
    for _ in range(3):
        with pytest.raises(
            OutcomeUnknown, match=r"no answer in 60 s\); \$0.80 stay held.*budget release 1.*attach 1 JOB"
        ) as error:
            desk.pay()
        assert (desk.vendor.jobs(), desk.entry.state, desk.entry.held_micro) == (["1"], "unknown", 800_000)
        assert error.value.entry == desk.entry
    budget_commands.attach(desk.ledger, 1, "1")
    desk.pay()
    assert (desk.vendor.jobs(), desk.entry.state) == (["1"], "settled")


def test_what_a_person_found_not_to_be_ordered_is_ordered_anew(desk: Desk) -> None:
    desk.vendor.knows_keys, desk.vendor.on_submit = False, TimeoutError()
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    budget_commands.release(desk.ledger, 1, "not in their list")
    desk.vendor.on_submit = None
    desk.pay()
    assert (desk.vendor.jobs(), desk.entry.attempt) == (["1", "2"], 2)


def test_an_order_that_never_arrived_is_sent_by_the_next_run_under_the_same_key(desk: Desk) -> None:
    desk.vendor.before_submit = ConnectionResetError("cut off")
    with pytest.raises(TransientError, match=r"shop does not have the order .*cut off; run again"):
        desk.pay()
    key = desk.entry.idempotency_key
    assert (desk.entry.state, desk.vendor.jobs()) == ("unknown", [])
    desk.vendor.before_submit = None
    desk.pay()
    assert (desk.entry.id, desk.entry.idempotency_key, desk.vendor.jobs()) == (1, key, ["1"])


def test_a_vendor_that_replays_keys_is_asked_again_under_the_same_key(desk: Desk) -> None:
    desk.vendor.knows_keys, desk.vendor.replays_keys_s = False, 3600
    desk.vendor.on_submit = TimeoutError()
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    assert desk.vendor.jobs() == ["1"]
    desk.vendor.before_submit = NotSubmitted("429")  # says nothing of the first try
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    assert desk.entry.state == "unknown"
    desk.vendor.before_submit = desk.vendor.on_submit = None
    desk.clock.turn(minutes=61)
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    desk.clock.turn(minutes=-2)
    desk.pay()
    assert (desk.vendor.jobs(), desk.entry.state) == (["1"], "settled")


def test_a_run_that_is_stopped_while_it_sends_keeps_the_hold(desk: Desk) -> None:
    desk.vendor.on_submit = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        desk.pay()
    assert (desk.entry.state, desk.entry.held_micro) == ("unknown", 800_000)
    desk.vendor.on_submit = None
    desk.pay()
    assert desk.vendor.jobs() == ["1"]


def test_an_order_under_way_in_another_process_is_left_to_it(desk: Desk) -> None:
    other = Ledger(desk.url, now=desk.clock, owner=lambda: Owner(1, desk.ledger._owner().host, ""))
    entry = other.reserve(order())
    assert entry is not None
    other.submitting(entry)
    with pytest.raises(TransientError, match=r"is being ordered by process 1 on \S+ \(entry 1\); run again"):
        desk.pay()
    assert desk.vendor.jobs() == []


@dataclass
class SlowVendor(ShopVendor):
    """Waits in `submit`, until the test has looked."""

    entered: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        self.entered.set()
        assert self.go.wait(10)
        return super().submit(request, idempotency_key, files)


def test_two_threads_that_want_the_same_order_it_once(desk: Desk) -> None:
    slow = desk.vendor = SlowVendor(desk.folder / "shop.db", knows_keys=False)
    thread = threading.Thread(target=desk.pay)
    thread.start()
    assert slow.entered.wait(10)
    with pytest.raises(TransientError, match="is being ordered by"):
        desk.pay()
    slow.go.set()
    thread.join()
    assert (desk.entry.state, slow.jobs()) == ("settled", ["1"])


def test_a_secret_in_an_error_is_kept_nowhere(desk: Desk) -> None:
    desk.vendor.knows_keys, desk.vendor.on_submit = False, OSError("POST https://x.test?api_key=hush")
    with pytest.raises(OutcomeUnknown) as error:
        desk.pay()
    assert "hush" not in str(error.value) + desk.entry.reason


# --- Calling off ---------------------------------------------------------------------------------------------------


def test_a_job_that_is_called_off_holds_nothing(desk: Desk) -> None:
    desk.vendor.answers = [PENDING]
    with pytest.raises(TransientError):
        desk.pay(patience=Patience(deadline_s=0))
    assert call_off(desk.ledger, desk.vendor, 1).state == "released"
    with pytest.raises(PermanentError, match="is released: it has no job that could be stopped"):
        call_off(desk.ledger, desk.vendor, 1)


def test_an_entry_that_was_paid_by_hand_has_nothing_to_fetch(desk: Desk) -> None:
    desk.vendor.knows_keys, desk.vendor.on_submit = False, TimeoutError()
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    budget_commands.paid(desk.ledger, 1, "0.80", "")
    with pytest.raises(AlreadyPaid, match="to pay for it once more run `audio-assets budget again 1`"):
        desk.pay()
