"""What the commands of `audio-assets budget` do, on a ledger; printing and parsing of words are the command line's.

    show                 what is spent and held under which caps, and the entries that a person has to look at
    set SCOPE USD        `set_cap`: a cap on a project, scene, day or all (`--for KEY`; without, each one of the scope)
    release ENTRY        let go of a hold: nothing is billed
    attach ENTRY JOB     an order of unknown outcome is this job; the next run goes on with it (of vendors with jobs)
    paid ENTRY USD       an order of unknown outcome was billed
    again ENTRY          what was paid is lost, and may be paid once more

Each raises PermanentError or ValueError with one sentence. `has_jobs` says of an entry whether its vendor makes jobs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from audio_assets.domain.budget import EVERY, SCOPES, Cap, Scope, Standing, Usd, caps_for
from audio_assets.domain.cost_report import CostReport, cost_report
from audio_assets.domain.rendering import PermanentError
from resources.database_schema import OPEN_STATES
from resources.ledger import Ledger
from resources.ledger_rows import Entry, ways_out

LONG_ORDERED_S = 24 * 3600
_BY_HAND = "attached by hand"
_GO_ON = "run again, which goes on with it and keeps what it costs (with --retry-failed where it has failed before)"

HasJobs = Callable[[Entry], bool]


def always(_entry: Entry) -> bool:
    """For a ledger whose vendors all make jobs."""
    return True


@dataclass(frozen=True, slots=True)
class Attention:
    """An entry that a person has to look at, why, and what to do."""

    entry: Entry
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What `show` shows.

    `caps` are those that hold for anything so far: those that were set, and those of the songs that have entries. A
    cap for each one of a scope is told in `defaults` (scope to micro-dollars) and counted per project, scene and today.
    """

    ledger: str
    day: str
    caps: tuple[Standing, ...]
    defaults: Mapping[str, int]
    attention: tuple[Attention, ...]
    report: CostReport

    @property
    def spent_micro(self) -> int:
        """All that was paid."""
        return self.report.total.spent_micro

    @property
    def held_micro(self) -> int:
        """All that is held."""
        return self.report.total.held_micro


def show(ledger: Ledger, has_jobs: HasJobs = always) -> Overview:
    """All that a person asks of the ledger: caps, sums, and what needs looking at."""
    stored = ledger.stored_caps()
    open_entries = ledger.entries(states=OPEN_STATES)
    found = (_attention(ledger, entry, has_jobs) for entry in open_entries)
    return Overview(
        ledger=ledger.label,
        day=ledger.today(),
        caps=tuple(ledger.standing(cap) for cap in _caps(ledger, stored)),
        defaults={scope: amount for (scope, key), amount in stored.items() if key == EVERY and scope != "total"},
        attention=tuple(one for one in found if one is not None),
        report=cost_report(ledger.cost_rows()),
    )


def set_cap(ledger: Ledger, scope: str, key: str, amount_usd: Usd | None, *, by: str) -> tuple[Scope, str]:
    """Set a cap, or take it away (None); a key of "" is each project, scene or day. Answers scope and key as kept."""
    return ledger.set_cap(scope, key, amount_usd, by)


def release(ledger: Ledger, entry_id: int, reason: str) -> Entry:
    """Let go of a hold that a person has found not to be billed."""
    entry = ledger.entry(entry_id)
    name = f"entry {entry.id} ({entry.name})"
    if entry.state == "settled":
        raise PermanentError(
            f"{name} is paid; what it bought may be paid once more after `audio-assets budget again {entry.id}`"
        )
    if entry.state == "released":
        raise PermanentError(f"{name} is released already: {entry.reason}")
    if entry.state == "submitted":
        raise PermanentError(
            f"{name} is ordered as job {entry.job_id}: run again, which goes on with it and keeps what it costs"
        )
    if entry.state == "submitting" and not ledger.is_left(entry):
        raise PermanentError(f"{name} is being sent by process {entry.owner_pid}, which runs; wait until it has ended")
    return ledger.release(entry, f"released by hand: {reason}" if reason else "released by hand")


def attach(ledger: Ledger, entry_id: int, job_id: str, has_jobs: HasJobs = always) -> Entry:
    """Say which job an order of unknown outcome is; the next run goes on with it. Until then another may be named."""
    entry = ledger.entry(entry_id)
    if entry.state != "submitted" or not entry.reason.startswith(_BY_HAND):
        entry = _unclear(ledger, entry_id, "have a job attached")
    if not has_jobs(entry):
        todo = ways_out(entry, has_jobs=False)
        raise PermanentError(
            f"{entry.provider} answers at once and makes no job that entry {entry.id} could be: {todo}"
        )
    if not job_id.strip():
        raise PermanentError(f"entry {entry.id} needs the id of its job, as the provider lists it")
    was = entry.reason.removeprefix(_BY_HAND).removeprefix(": ")
    return ledger.submitted(entry, job_id.strip(), f"{_BY_HAND}: {was}" if was else _BY_HAND)


def paid(ledger: Ledger, entry_id: int, amount_usd: Usd, reason: str) -> Entry:
    """Say what an order of unknown outcome was billed."""
    entry = _unclear(ledger, entry_id, "be called paid")
    return ledger.settle(entry, amount_usd, f"called paid by hand: {reason}" if reason else "called paid by hand")


def again(ledger: Ledger, entry_id: int, reason: str) -> Entry:
    """Allow that a paid order is paid once more; what it cost stays counted."""
    entry = ledger.entry(entry_id)
    if entry.state != "settled":
        raise PermanentError(
            f"entry {entry.id} ({entry.name}) is {entry.state}, not paid; there is nothing to pay again"
        )
    return ledger.allow_again(entry, "; ".join(part for part in (entry.reason, f"may be paid again: {reason}") if part))


def _unclear(ledger: Ledger, entry_id: int, wanted: str) -> Entry:
    entry = ledger.entry(entry_id)
    if entry.state == "unknown" or (entry.state == "submitting" and ledger.is_left(entry)):
        return entry
    raise PermanentError(f"entry {entry.id} ({entry.name}) is {entry.state}; only one of unknown outcome can {wanted}")


def _attention(ledger: Ledger, entry: Entry, has_jobs: HasJobs) -> Attention | None:
    if entry.state == "unknown":
        todo = ways_out(entry, has_jobs=has_jobs(entry))
        return Attention(entry, entry.reason or "its outcome is not known", todo)
    if entry.state == "submitting" and ledger.is_left(entry):
        todo = f"run again; or {ways_out(entry, has_jobs=has_jobs(entry))}"
        return Attention(entry, "the process that sent it ended before its answer came", todo)
    if entry.state == "reserved" and ledger.is_left(entry):
        return Attention(entry, "nothing was sent", f"run again, or `audio-assets budget release {entry.id}`")
    is_long = ledger.seconds_since(entry.updated_at) > LONG_ORDERED_S
    if entry.state == "submitted" and (is_long or ledger.is_left(entry)):
        since = datetime.fromisoformat(entry.updated_at).date()
        return Attention(entry, f"job {entry.job_id} was last heard of on {since}", _GO_ON)
    return None


def _caps(ledger: Ledger, stored: Mapping[tuple[str, str], int]) -> list[Cap]:
    """The caps to count: one for each project and scene with entries, for today and each day that has its own."""
    found: dict[tuple[str, str], Cap] = {}
    for entry in ledger.entries():
        for cap in caps_for(entry.project, entry.scene, ledger.today(), stored, entry.project_cap_micro):
            found[cap.scope, cap.key] = cap  # the latest entry knows the song's settings best
    for cap in caps_for("", "", ledger.today(), stored, None):
        if cap.scope in ("day", "total"):
            found[cap.scope, cap.key] = cap
    for (scope, key), amount in stored.items():
        if key != EVERY and (scope, key) not in found:
            found[scope, key] = Cap(_scope(scope), key, amount)
    return [found[key] for key in sorted(found)]


def _scope(text: str) -> Scope:
    return next(scope for scope in SCOPES if scope == text)
