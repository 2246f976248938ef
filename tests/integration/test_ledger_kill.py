"""Kill -9 anywhere while paid work is ordered: the vendor has one order, and no hold is lost."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from audio_assets.domain.budget import Order
from audio_assets.domain.rendering import PermanentError, TransientError
from resources import budget_commands
from resources.database import default_url
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from resources.paid_jobs import Patience, pay_once
from resources.paid_vendor import Look
from tests.ledgers import BACKENDS, ledger_url, order
from tests.vendors import BYTES, ShopVendor

forked = multiprocessing.get_context("fork")
STEPS = ["reserve", "submitting", "submit", "submitted", "look", "fetch", "settle"]
BOUNDARIES = ["before reserve", *(f"after {step}" for step in STEPS)]
COMMITS = [f"commit {n}" for n in range(1, 5)]  # within the transaction of reserve, submitting, submitted, settle
UNCLEAR = ("after submitting", "after submit", "commit 3")
"""Where the order may have been sent and its job's id is not kept."""
PATIENCE = Patience(first_s=0.005, longest_s=0.02)
CAP_USD = "4.00"


def die(*_args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(thing: Any, step: str, when: str) -> None:
    """Let a method of a ledger or vendor kill the process before it does its work, or after."""
    method = getattr(type(thing), step)

    def killed(*args: Any, **options: Any) -> object:
        if when == "before":
            die()
        method(thing, *args, **options)
        return die()

    object.__setattr__(thing, step, killed)


def die_in_commit(ledger: Ledger, number: int) -> None:
    """Kill the process when the given writing transaction is about to be committed."""
    left = iter(range(number - 1))

    def on_commit(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("is_writing") and next(left, None) is None:
            die()

    sa.event.listen(ledger._database._engine, "commit", on_commit)


@dataclass
class Scene:
    """A ledger, a shop and a folder that outlive every process of a test."""

    url: str
    folder: Path
    knows_keys: bool

    def vendor(self) -> ShopVendor:
        return ShopVendor(
            self.folder / "shop.db", knows_keys=self.knows_keys, answers=[Look("pending"), Look("done", "0.80")]
        )

    def run(self, point: str = "", keys: tuple[str, ...] = ("key-1",)) -> None:
        """Buy, in this process."""
        ledger, vendor = Ledger(self.url), self.vendor()
        when, _, step = point.partition(" ")
        if when == "commit":
            die_in_commit(ledger, int(step))
        elif point:
            dying(vendor if hasattr(vendor, step) else ledger, step, when)
        for key in keys:
            pay_once(ledger, vendor, priced(key), self.folder / f"{key}.mp4", patience=PATIENCE)

    def start(self, point: str = "", **options: Any) -> Any:
        """Buy, in another process."""
        answers = forked.SimpleQueue()

        def work() -> None:
            try:
                self.run(point, **options)
            except (PermanentError, TransientError) as error:
                answers.put(type(error).__name__)
            else:
                answers.put("bought")

        process = forked.Process(target=work)
        process.answers = answers  # type: ignore[attr-defined]
        process.start()
        return process

    def outcome(self, point: str = "", **options: Any) -> str:
        return ended(self.start(point, **options))

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.url)

    @property
    def entry(self) -> Entry:
        return self.ledger.entries()[-1]


def ended(process: Any) -> str:
    """How a process ended: what it answered, or "killed"."""
    process.join(60)
    if process.exitcode == -signal.SIGKILL:
        return "killed"
    assert process.exitcode == 0
    return str(process.answers.get())


def priced(key: str) -> Order:
    return order(key, project_cap_usd=CAP_USD)


@pytest.fixture(params=BACKENDS)
def backend_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ledger_url(request.param, tmp_path) as url:
        Ledger(url)
        yield url


@pytest.mark.parametrize("point", BOUNDARIES + COMMITS)
def test_killed_anywhere_and_started_again_it_is_ordered_once(point: str, backend_url: str, tmp_path: Path) -> None:
    scene = Scene(backend_url, tmp_path, knows_keys=True)
    assert scene.outcome(point) == "killed"
    held = sum(entry.cost_micro for entry in scene.ledger.entries())
    assert held == (0 if point in ("before reserve", "commit 1") else 800_000)
    assert scene.outcome() == "bought"
    assert scene.vendor().jobs() == ["1"]
    assert [(entry.state, entry.spent_micro, entry.held_micro) for entry in scene.ledger.entries()] == [
        ("settled", 800_000, 0)
    ]
    assert (tmp_path / "key-1.mp4").read_bytes() == BYTES
    assert scene.outcome() == "bought"
    assert scene.vendor().jobs() == ["1"]


@pytest.mark.parametrize("point", [*UNCLEAR, "after reserve", "commit 2", "after submitted"])
def test_a_vendor_that_can_not_look_up_is_never_sent_what_it_may_have(
    point: str, backend_url: str, tmp_path: Path
) -> None:
    scene = Scene(backend_url, tmp_path, knows_keys=False)
    assert scene.outcome(point) == "killed"
    jobs = scene.vendor().jobs()
    if point not in UNCLEAR:
        assert scene.outcome() == "bought"
        assert scene.vendor().jobs() == ["1"]
        return
    for _ in range(2):
        assert scene.outcome() == "OutcomeUnknown"
        assert scene.vendor().jobs() == jobs
        assert (scene.entry.state, scene.entry.held_micro) == ("unknown", 800_000)
    if jobs:
        budget_commands.attach(scene.ledger, scene.entry.id, jobs[0])
    else:
        budget_commands.release(scene.ledger, scene.entry.id, "looked")
    assert scene.outcome() == "bought"
    assert scene.vendor().jobs() == ["1"]
    assert sum(entry.cost_micro for entry in scene.ledger.entries()) == 800_000


@pytest.mark.parametrize("point", ["after reserve", "after submitting", "after submit"])
def test_many_processes_that_start_after_a_kill_order_it_once(point: str, backend_url: str, tmp_path: Path) -> None:
    scene = Scene(backend_url, tmp_path, knows_keys=True)
    assert scene.outcome(point) == "killed"
    answers = Counter(ended(process) for process in [scene.start() for _ in range(4)])
    assert set(answers) <= {"bought", "TransientError", "EntryConflict"}
    assert answers["bought"] >= 1
    assert scene.vendor().jobs() == ["1"]
    assert [(entry.state, entry.spent_micro) for entry in scene.ledger.entries()] == [("settled", 800_000)]


def test_killed_at_any_moment_again_and_again(tmp_path: Path) -> None:
    """5 orders fit under the cap, and no more; two processes work on them and are killed at moments of chance."""
    scene = Scene(default_url(tmp_path), tmp_path, knows_keys=True)
    keys, rng = tuple(f"key-{n}" for n in range(5)), random.Random(7)
    n_killed = 0
    while n_killed < 12:
        processes = [scene.start(keys=keys), scene.start(keys=keys[::-1])]
        time.sleep(rng.uniform(0.02, 0.25))
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        n_killed += [ended(process) for process in processes].count("killed")
        assert sum(entry.cost_micro for entry in scene.ledger.entries()) <= 4_000_000
        if all(entry.state == "settled" for entry in scene.ledger.entries()) and len(scene.ledger.entries()) == 5:
            break
    assert scene.outcome(keys=keys) == "bought"
    assert len(scene.vendor().jobs()) == 5
    assert [(entry.state, entry.spent_micro) for entry in scene.ledger.entries()] == [("settled", 800_000)] * 5
    assert scene.outcome(keys=("key-5",)) == "BudgetExceeded"
