import multiprocessing
import os
import re
import resource
import shutil
import signal
import sqlite3
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from audio_assets.domain.budget import BudgetExceeded, NoPrice, micro_usd
from resources import budget_commands
from resources.database import Database, DatabaseBusy, DatabaseError, default_url
from resources.database_schema import HEAD, VERSION_TABLE, metadata
from resources.ledger import Ledger
from resources.ledger_rows import AlreadyPaid, Entry, EntryConflict
from resources.process_owner import Owner, this_process
from tests.ledgers import BACKENDS, Clock, ledger_url, order
from tests.live import DEAD

VERSION = sa.table(VERSION_TABLE, sa.column("version_num")).c.version_num
forked = multiprocessing.get_context("fork")


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ledger_url(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return default_url(tmp_path)


def reserved(ledger: Ledger, key: str = "key-1", **changes: object) -> Entry:
    entry = ledger.reserve(order(key, **changes))
    assert entry is not None
    return entry


def paid(ledger: Ledger, key: str = "key-1", usd: str = "0.80", **changes: object) -> Entry:
    entry = ledger.submitted(ledger.submitting(reserved(ledger, key, **changes)), f"job-{key}")
    return ledger.settle(entry, usd)


# --- Reserving -----------------------------------------------------------------------------------------------------


def test_an_order_goes_through_its_states_and_is_kept(url: str) -> None:
    clock = Clock()
    ledger = Ledger(url, now=clock)
    entry = reserved(ledger)
    assert (entry.state, entry.estimated_micro, entry.day, entry.attempt) == ("reserved", 800_000, "2026-11-20", 1)
    assert entry.intent == '{"prompt": "a lamp by the sea", "seconds": 8}'
    assert entry.owner == this_process()
    clock.turn(seconds=5)
    entry = ledger.submitting(entry)
    assert (entry.state, entry.sent_at) == ("submitting", "2026-11-20T12:00:05.000000+00:00")
    entry = ledger.submitted(entry, "job-7")
    assert (entry.state, entry.job_id) == ("submitted", "job-7")
    settled = ledger.settle(entry, 0.75)
    assert (settled.state, settled.actual_micro, settled.reason) == ("settled", 750_000, "")
    assert Ledger(url).entries() == (settled,)
    assert ledger.settle(entry, 3) == settled  # told twice is told once
    with pytest.raises(AlreadyPaid, match=r"was paid already \(\$0.75 on 2026-11-20, entry 1\)"):
        ledger.reserve(order())


def test_an_open_entry_is_gone_on_with(url: str) -> None:
    ledger = Ledger(url)
    entry = ledger.submitted(ledger.submitting(reserved(ledger)), "job-7")
    ledger.set_cap("total", "", 0.5, "me")
    assert Ledger(url).reserve(order()) == entry
    assert len(ledger.entries()) == 1


def test_what_was_released_is_tried_anew_under_another_key(url: str) -> None:
    ledger = Ledger(url)
    first = ledger.release(reserved(ledger), "never mind")
    second = reserved(ledger)
    assert (first.state, first.held_micro, second.attempt) == ("released", 0, 2)
    assert first.idempotency_key != second.idempotency_key
    assert ledger.release(first, "again") == first


def test_the_key_of_an_attempt_is_the_same_in_another_ledger(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        keys.add(reserved(Ledger(default_url(tmp_path / name))).idempotency_key)
    assert len(keys) == 1


def test_no_price_is_refused_and_price_nothing_passes_every_cap(url: str) -> None:
    ledger = Ledger(url)
    with pytest.raises(NoPrice):
        ledger.reserve(order(estimate_usd=None))
    paid = ledger.submitting(ledger.reserve(order()))
    ledger.settle(paid, 5)
    free = ledger.reserve(order("free", estimate_usd=0, project_cap_usd=1))
    assert (free.state, free.held_micro) == ("reserved", 0)


@pytest.mark.parametrize(
    ("scope", "key", "fits_elsewhere"),
    [
        ("project", "night", {"project": "day"}),
        ("scene", "s003|night", {"scene": "s004"}),
        ("scene", "", {"scene": "s004"}),
        ("project", "", {"project": "day"}),
        ("total", "", None),
    ],
)
def test_a_cap_holds_to_the_cent(url: str, scope: str, key: str, fits_elsewhere: dict[str, str] | None) -> None:
    ledger = Ledger(url)
    ledger.set_cap(scope, key, "2.40", "me")
    paid(ledger, "a", "0.80")
    entry = ledger.unknown(ledger.submitting(reserved(ledger, "b")), "lost")
    reserved(ledger, "c", estimate_usd="0.79")
    with pytest.raises(BudgetExceeded, match=r"is \$2.40: \$0.80 spent, \$1.59 held, \$0.02 wanted") as error:
        ledger.reserve(order("d", estimate_usd="0.02"))
    assert f"audio-assets budget set {scope} USD" in str(error.value)
    reserved(ledger, "e", estimate_usd="0.01")
    if fits_elsewhere is not None:
        reserved(ledger, "f", **fits_elsewhere)
    ledger.release(entry, "looked: not there")
    reserved(ledger, "g")


def test_the_cap_of_a_day_is_new_at_midnight_in_utc(url: str) -> None:
    clock = Clock()
    ledger = Ledger(url, now=clock)
    ledger.set_cap("day", "", 1, "me")
    first = reserved(ledger, "a")
    with pytest.raises(BudgetExceeded, match="the budget of the day 2026-11-20 is"):
        ledger.reserve(order("b"))
    clock.turn(hours=12)
    assert reserved(ledger, "b").day == "2026-11-21"
    assert ledger.settle(ledger.submitted(ledger.submitting(first), "j"), 1).day == "2026-11-20"


def test_the_song_s_own_cap_comes_with_the_order_and_the_stricter_holds(url: str) -> None:
    ledger = Ledger(url)
    ledger.set_cap("project", "night", 5, "me")
    with pytest.raises(BudgetExceeded, match="raise budget_cap_usd in the settings of night"):
        ledger.reserve(order(project_cap_usd=0.5))
    reserved(ledger, project_cap_usd=0.8)
    ledger.set_cap("project", "night", 1, "me")
    with pytest.raises(BudgetExceeded, match=r"\$1.00"):
        ledger.reserve(order("b", project_cap_usd=50))
    ledger.set_cap("project", "night", None, "me")
    reserved(ledger, "b", project_cap_usd=50)


def test_what_costs_more_than_estimated_is_told_as_it_is(url: str) -> None:
    ledger = Ledger(url)
    ledger.set_cap("day", "", 1, "me")
    settled = paid(ledger, "a", "1.25")
    assert settled.spent_micro == 1_250_000
    assert settled.reason == f"cost $1.25, $0.45 above its estimate; passes the budget of the day {settled.day}, $1.00"
    assert paid_below(Ledger(url)).reason == ""


def paid_below(ledger: Ledger) -> Entry:
    ledger.set_cap("day", "", 100, "me")
    return paid(ledger, "b", "0.10")


def test_a_paid_order_may_be_paid_again_on_a_person_s_word(url: str) -> None:
    ledger = Ledger(url)
    first = paid(ledger)
    budget_commands.again(ledger, first.id, "the file is lost")
    second = reserved(ledger)
    assert second.attempt == 2
    assert ledger.standings(order(project_cap_usd=9))[0].spent_micro == 800_000


def test_secrets_are_not_kept(url: str) -> None:
    ledger = Ledger(url)
    with pytest.raises(DatabaseError, match=r"has secrets in it \(headers.Authorization\)"):
        ledger.reserve(order(request={"headers": {"Authorization": "Bearer x"}}))
    entry = ledger.unknown(ledger.submitting(reserved(ledger)), "lost: GET https://x.test?token=hush")
    assert entry.reason == "lost: GET https://x.test?token=***"


def test_what_is_affordable_is_what_can_be_reserved(url: str) -> None:
    ledger = Ledger(url)
    ledger.set_cap("project", "", 2, "me")
    reserved(ledger, "0")
    wanted = [order(str(n)) for n in range(4)] + [order("x", project="day")]
    answer = ledger.affordable(wanted)
    fits = []
    for one in wanted:
        with suppress(BudgetExceeded):
            fits.append(ledger.reserve(one) and one)
    assert list(answer.fits) == fits == [wanted[0], wanted[1], wanted[4]]
    assert answer.fits_micro == 1_600_000  # the first is held already
    assert answer.sentence().startswith("3 of 5 fit ($1.60); not affordable ($1.60): ")
    assert ledger.affordable(wanted).fits == tuple(fits)


# --- Whose entry it is ---------------------------------------------------------------------------------------------


def test_of_two_who_hold_the_same_entry_one_may_send(url: str) -> None:
    one, other = Ledger(url), Ledger(url, owner=lambda: Owner(1, this_process().host, ""))
    mine = reserved(one)
    theirs = other.reserve(order())
    assert theirs == mine  # the first still runs, so it is not taken over
    assert theirs is not None
    other.submitting(theirs)
    with pytest.raises(EntryConflict, match="is submitting by now, through process 1"):
        one.submitting(mine)


def test_of_two_who_find_the_same_order_lost_one_may_send_it_anew(url: str) -> None:
    one, other = Ledger(url), Ledger(url)
    lost = one.unknown(one.submitting(reserved(one)), "lost")
    with pytest.raises(EntryConflict, match="it can not become submitting"):
        one.submitting(lost)
    other.submitting(lost, may_be_sent=True)
    with pytest.raises(EntryConflict):
        one.submitting(lost, may_be_sent=True)


def reserve_and_end(url: str) -> None:
    Ledger(url).reserve(order(project_cap_usd=1))


def test_what_a_dead_process_reserved_and_never_sent_is_taken_over(url: str) -> None:
    process = forked.Process(target=reserve_and_end, args=(url,))
    process.start()
    process.join()
    ledger = Ledger(url)
    (left,) = ledger.entries()
    assert left.owner_pid == process.pid
    with pytest.raises(BudgetExceeded, match=r"\$0.00 held, \$1.20 wanted"):  # its own hold is not in its way
        ledger.reserve(order(estimate_usd="1.20", project_cap_usd=1))
    entry = reserved(ledger, estimate_usd="0.90", project_cap_usd=1)
    assert (entry.id, entry.owner, entry.held_micro) == (left.id, this_process(), 900_000)


def test_a_process_that_waits_to_be_reaped_is_dead(sqlite_url: str) -> None:
    pid = os.fork()
    if pid == 0:
        reserve_and_end(sqlite_url)
        os._exit(0)
    deadline = time.monotonic() + 10
    ledger = Ledger(sqlite_url)
    while not (ledger.entries() and ledger.is_left(ledger.entries()[0])):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.waitpid(pid, 0)


def test_an_entry_of_another_host_is_left_after_an_hour_of_silence(url: str) -> None:
    clock = Clock()
    far = Ledger(url, now=clock, owner=lambda: Owner(1, "elsewhere", "x"))
    entry = far.submitting(reserved(far))
    ledger = Ledger(url, now=clock)
    assert not ledger.is_left(entry)
    with pytest.raises(ValueError, match="is being sent by process 1"):
        budget_commands.release(ledger, entry.id, "")
    clock.turn(minutes=61)
    assert ledger.is_left(entry)
    assert budget_commands.release(ledger, entry.id, "looked").state == "released"


def test_a_later_process_with_the_same_pid_is_another(sqlite_url: str) -> None:
    me = this_process()
    ledger = Ledger(sqlite_url, owner=lambda: replace(me, started="before"))
    assert Ledger(sqlite_url).is_left(reserved(ledger))


# --- Commands ------------------------------------------------------------------------------------------------------


def test_show_tells_caps_sums_and_what_to_look_at(url: str) -> None:
    clock = Clock()
    ledger = Ledger(url, now=clock)
    budget_commands.set_cap(ledger, "project", "", 9, by="me")
    budget_commands.set_cap(ledger, "scene", "s003|night", 7, by="me")
    budget_commands.set_cap(ledger, "day", "2026-12-24", 1, by="me")
    paid(ledger, "a", "0.70", project_cap_usd=5)
    ledger.unknown(ledger.submitting(reserved(ledger, "b", project_cap_usd=5)), "the answer was lost")
    ledger.submitted(ledger.submitting(reserved(ledger, "c", project="day")), "job-9")
    clock.turn(hours=25)
    seen = budget_commands.show(ledger)
    assert (seen.spent_micro, seen.held_micro, seen.day) == (700_000, 1_600_000, "2026-11-21")
    standings = {(s.cap.scope, s.cap.key): (s.cap.amount_micro, s.spent_micro, s.held_micro) for s in seen.caps}
    assert standings == {
        ("day", "2026-12-24"): (1_000_000, 0, 0),
        ("project", "day"): (9_000_000, 0, 800_000),
        ("project", "night"): (5_000_000, 700_000, 800_000),
        ("scene", "s003|night"): (7_000_000, 700_000, 800_000),
    }
    assert seen.defaults == {"project": 9_000_000}
    assert [(one.entry.action_key, one.why) for one in seen.attention] == [
        ("b", "the answer was lost"),
        ("c", "job job-9 was last heard of on 2026-11-20"),
    ]
    assert "`audio-assets budget release 2`" in seen.attention[0].remedy
    assert [line.name for line in seen.report.songs] == ["day", "night"]


def test_whatever_a_process_that_ended_holds_has_a_line_and_what_to_do(url: str) -> None:
    ended = Ledger(url, owner=lambda: DEAD)
    reserved(ended, "a")
    ended.submitting(reserved(ended, "b"))
    ended.submitted(ended.submitting(reserved(ended, "c")), "job-3")
    ended.unknown(ended.submitting(reserved(ended, "d")), "lost")
    told = {one.entry.action_key: one.remedy for one in budget_commands.show(Ledger(url)).attention}
    assert list(told) == ["a", "b", "c", "d"]
    assert re.match("run again, or .*release 1", told["a"])
    assert re.match("run again; or", told["b"])
    assert re.match("run again, .*--retry-failed", told["c"])
    busy = Ledger(url, owner=lambda: Owner(1, this_process().host, ""))
    assert [one.entry.id for one in budget_commands.show(busy).attention] == [1, 2, 3, 4]
    reserved(busy, "e")
    assert "e" not in {one.entry.action_key for one in budget_commands.show(Ledger(url)).attention}, "it is at work"


def test_release_takes_what_is_open_and_not_under_way(url: str) -> None:
    ledger = Ledger(url)
    unknown = ledger.unknown(ledger.submitting(reserved(ledger, "a")), "lost")
    assert (
        budget_commands.release(ledger, unknown.id, "not in their list").reason == "released by hand: not in their list"
    )
    assert budget_commands.release(ledger, reserved(ledger, "b").id, "").state == "released"
    submitted = ledger.submitted(ledger.submitting(reserved(ledger, "c")), "job-1")
    settled = paid(ledger, "d")
    for entry, says in (
        (submitted, "is ordered as job job-1: run again"),
        (settled, "is paid; what it bought may be paid once more after `audio-assets budget again"),
        (unknown, "is released already"),
    ):
        with pytest.raises(ValueError, match=says):
            budget_commands.release(ledger, entry.id, "")
    with pytest.raises(ValueError, match="the ledger has no entry 99"):
        budget_commands.release(ledger, 99, "")


def test_an_unknown_outcome_is_resolved_by_hand(url: str) -> None:
    ledger = Ledger(url)
    one, other = (ledger.unknown(ledger.submitting(reserved(ledger, key)), "lost") for key in "ab")
    assert budget_commands.attach(ledger, one.id, " job-5 ").job_id == "job-5"
    assert budget_commands.paid(ledger, other.id, "0.90", "on the bill").spent_micro == 900_000
    for command in (
        lambda: budget_commands.attach(ledger, other.id, "job-6"),
        lambda: budget_commands.paid(ledger, other.id, 1, ""),
        lambda: budget_commands.again(ledger, one.id, ""),
    ):
        with pytest.raises(ValueError, match=r"only one of unknown outcome can|not paid"):
            command()


# --- Many processes ------------------------------------------------------------------------------------------------


def run_together(n: int, work: Callable[[int], str]) -> list[str]:
    """What `work` answers in each of n processes that begin at once; a trace of what it raised."""
    barrier, answers = forked.Barrier(n), forked.SimpleQueue()

    def run(number: int) -> None:
        barrier.wait()
        try:
            answers.put(work(number))
        except Exception:  # noqa: BLE001 - it is told by the parent
            answers.put(traceback.format_exc())

    processes = [forked.Process(target=run, args=(n,)) for n in range(n)]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return found


def test_fifty_processes_reserve_at_once_in_a_new_ledger_and_the_cap_holds_to_the_cent(url: str) -> None:
    def work(number: int) -> str:
        try:
            Ledger(url).reserve(order(f"key-{number}", estimate_usd="0.37", project_cap_usd="11.10"))
        except BudgetExceeded:
            return "refused"
        return "reserved"

    assert Counter(run_together(50, work)) == {"reserved": 30, "refused": 20}
    held = [entry.held_micro for entry in Ledger(url).entries()]
    assert (len(held), sum(held)) == (30, micro_usd("11.10"))


def test_processes_that_want_the_same_share_one_entry_and_one_sends_it(url: str) -> None:
    def work(_number: int) -> str:
        ledger = Ledger(url)
        entry = ledger.reserve(order())
        assert entry is not None
        try:
            ledger.submitting(entry)
        except EntryConflict:
            return "left"
        return "sent"

    assert Counter(run_together(12, work)) == {"sent": 1, "left": 11}
    assert len(Ledger(url).entries()) == 1


def test_a_process_killed_in_a_transaction_leaves_the_ledger_as_it_was(sqlite_url: str) -> None:
    ledger = Ledger(sqlite_url)
    entry = reserved(ledger)

    def die(_connection: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def submit() -> None:
        child = Ledger(sqlite_url)
        sa.event.listen(child._database._engine, "commit", die)
        child.submitting(entry)

    process = forked.Process(target=submit)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert Ledger(sqlite_url).entries() == (entry,)
    assert Ledger(sqlite_url, busy_s=1).submitting(entry).state == "submitting"


# --- The database --------------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_program_knows(url: str) -> None:
    with Database(url).reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert connection.execute(sa.select(VERSION)).scalar() == HEAD


def test_a_ledger_of_a_newer_version_is_left_alone(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(sa.update(VERSION.table).values(version_num="0999"))
    with pytest.raises(
        DatabaseError, match=r"newer version of audio-assets \(its tables are at 0999, this version knows"
    ):
        Ledger(url)


def test_sqlite_keeps_a_write_ahead_log_and_waits_for_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    with database.reading() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_busy_ledger_says_so(sqlite_url: str, tmp_path: Path) -> None:
    ledger = Ledger(sqlite_url, busy_s=0.1)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy, match=r"ledger.db was in use by others for over 0.1 s; run again"):
            ledger.reserve(order())
        assert ledger.entries() == ()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("sqlite://", "a ledger needs a file"),
        ("sqlite:///:memory:", "a ledger needs a file"),
        ("mysql://me:hush@host/db", "a ledger can not be kept in mysql"),
        ("ledger.db", "'ledger.db' is no address of a ledger; write sqlite:////path/to/ledger.db"),
        ("sqlite:////no/such/folder/ledger.db", "has no folder to be in; make /no/such/folder"),
        ("postgres://me:hush@127.0.0.1:1/db", r"//me:\*\*\*@127.0.0.1:1/db does not answer"),
    ],
)
def test_an_address_that_can_not_be_used_says_why_without_its_password(address: str, says: str) -> None:
    with pytest.raises((DatabaseError, DatabaseBusy), match=says) as error:
        Ledger(address)
    assert "hush" not in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_text("minutes of the meeting, " * 100)
    with pytest.raises(DatabaseError, match="is no SQLite database; move that file away"):
        Ledger(default_url(tmp_path))
    assert file.read_text().startswith("minutes")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may look into, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def error_as_nobody(work: Callable[[], object]) -> str:
    """What `work` raises in a process without the rights of root."""

    def run(_number: int) -> str:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            work()
        except (DatabaseError, DatabaseBusy) as error:
            return str(error)
        return "nothing"

    return run_together(1, run)[0]


def test_a_ledger_that_may_not_be_written_says_so(open_folder: Path) -> None:
    url = default_url(open_folder)
    reserved(Ledger(url))
    open_folder.chmod(0o555)
    (open_folder / "ledger.db").chmod(0o444)
    assert "can not be" in error_as_nobody(lambda: Ledger(url).reserve(order("b")))


def test_a_folder_that_may_not_be_written_says_so(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    assert "give this user the right to write it and its folder" in error_as_nobody(
        lambda: Ledger(default_url(open_folder))
    )


def test_a_full_disk_says_so_and_loses_nothing(sqlite_url: str) -> None:
    entry = reserved(Ledger(sqlite_url))

    def work(_number: int) -> str:
        ledger = Ledger(sqlite_url)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))
        try:
            for n in range(100):
                ledger.reserve(order(f"more-{n}"))
        except DatabaseError as error:
            return str(error)
        return "nothing"

    (said,) = run_together(1, work)
    assert "the disk" in said
    assert Ledger(sqlite_url).entry(entry.id) == entry


# --- The law -------------------------------------------------------------------------------------------------------

CAP = micro_usd(3)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - hundreds of steps, each of which waits for the disk


class AnyInterleaving(RuleBasedStateMachine):
    """Two ledgers on one file, any steps in any order: what is spent and held stays under the cap, but for what was
    billed above its estimate.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.ledgers = [Ledger(default_url(self.folder)) for _ in range(2)]
        self.ledgers[0].set_cap("project", "night", "3", "me")
        self.over_micro = 0
        self.spent_micro = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(which=st.integers(0, 1), key=st.integers(0, 9), cents=st.integers(1, 150))
    def reserve(self, which: int, key: int, cents: int) -> None:
        with suppress(BudgetExceeded, AlreadyPaid):
            self.ledgers[which].reserve(order(str(key), estimate_usd=f"{cents / 100:.2f}"))

    @precondition(lambda self: self.ledgers[0].entries())
    @rule(
        which=st.integers(0, 1), data=st.data(), step=st.sampled_from(["submitting", "submitted", "unknown", "release"])
    )
    def step(self, which: int, data: st.DataObject, step: str) -> None:
        entry = data.draw(st.sampled_from(self.ledgers[0].entries()))
        ledger = self.ledgers[which]
        with suppress(EntryConflict):
            if step == "submitting":
                ledger.submitting(entry, may_be_sent=entry.state != "reserved")
            elif step == "submitted":
                ledger.submitted(entry, "job")
            elif step == "unknown":
                ledger.unknown(entry, "lost")
            else:
                ledger.release(entry, "no")

    @precondition(lambda self: self.ledgers[0].entries())
    @rule(which=st.integers(0, 1), data=st.data(), cents=st.integers(0, 200))
    def settle(self, which: int, data: st.DataObject, cents: int) -> None:
        entry = data.draw(st.sampled_from(self.ledgers[0].entries()))
        with suppress(EntryConflict):
            settled = self.ledgers[which].settle(entry, f"{cents / 100:.2f}")
            if entry.state != "settled":
                self.over_micro += max(0, (settled.actual_micro or 0) - settled.estimated_micro)
                self.spent_micro += settled.actual_micro or 0

    @precondition(lambda self: self.spent_micro)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        settled = self.ledgers[0].entries(states=("settled",))
        self.ledgers[0].allow_again(data.draw(st.sampled_from(settled)), "lost")

    @invariant()
    def the_cap_holds(self) -> None:
        all_entries = self.ledgers[1].entries()
        cost = sum(entry.cost_micro for entry in all_entries)
        assert cost <= CAP + self.over_micro
        assert sum(entry.spent_micro for entry in all_entries) == self.spent_micro
        open_keys = Counter(entry.action_key for entry in all_entries if entry.is_open)
        assert all(n == 1 for n in open_keys.values())


AnyInterleaving.TestCase.settings = settings(
    max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_cap_holds_through_any_interleaving = AnyInterleaving.TestCase
