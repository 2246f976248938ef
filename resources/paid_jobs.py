"""A remote job that costs money, ordered once: reserve, keep the intent, send, keep the job's id, poll, fetch, settle.

A vendor is a `PaidVendor` (`paid_vendor.py`); `pay_once` drives it. It may be killed between any two steps, and the
next call for the same order goes on where the ledger says: what was taken by the vendor is picked up by its id, what
may have been sent is looked for by its key, and is never sent a second time unless the vendor says for certain that it
has no such job. Where it can not say, the outcome is unknown: the money stays held until a person has looked. Nothing
here knows a vendor's protocol; how money is kept is `ledger.py`.
"""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from audio_assets.domain.budget import Order, micro_usd, usd, usd_text
from audio_assets.domain.rendering import NotFetched, PermanentError, TransientError
from resources.database import DatabaseBusy, DatabaseError
from resources.ledger import Ledger
from resources.ledger_rows import AlreadyPaid, Entry, EntryConflict, ways_out
from resources.paid_vendor import JobGone, Look, NotSubmitted, PaidVendor, Refused, Unknowable
from resources.pausing import REAL_TIME, Timing
from resources.secrets import hide

Verify = Callable[[Path], None]
"""Raises ValueError, in one sentence, when the file is not what was ordered."""

_sending: set[tuple[str, int]] = set()
"""Entries (ledger, number) that a thread of this process is sending just now."""
_sending_lock = threading.Lock()


class OutcomeUnknown(PermanentError):  # noqa: N818
    """Whether the vendor took the order, or bills it, is not known; `entry` holds its estimate until a person looks."""

    def __init__(self, entry: Entry, why: str, *, has_jobs: bool = True) -> None:
        what = (
            f"it is not known whether {entry.provider} bills job {entry.job_id} of {entry.name}"
            if entry.job_id
            else f"it is not known whether {entry.provider} took the order for {entry.name}"
        )
        todo = ways_out(entry, has_jobs=has_jobs)
        super().__init__(
            f"{what} ({hide(why)}); {usd_text(entry.estimated_micro)} stay held. {todo[0].upper()}{todo[1:]}"
        )
        self.entry = entry


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between looks (growing from `first_s` to `longest_s`, each varied by up to `jitter` of itself),
    for the job in all, and how often to try to fetch its file.
    """  # noqa: D205

    first_s: float = 2.0
    factor: float = 1.5
    longest_s: float = 30.0
    jitter: float = 0.2
    deadline_s: float = 3600.0
    n_fetches: int = 4


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was bought. `is_estimate`: the vendor named no cost."""

    job_id: str
    entry: Entry
    cost_usd: float
    is_estimate: bool


def pay_once(
    ledger: Ledger,
    vendor: PaidVendor,
    order: Order,
    target: Path,
    *,
    files: Mapping[str, Path] = MappingProxyType({}),
    verify: Verify = lambda _path: None,
    patience: Patience = Patience(),
    timing: Timing = REAL_TIME,
) -> Receipt:
    """Buy what the order names, or go on with it, or fetch again what was paid; the file is at `target` then.

    What costs nothing is ordered in the same way, so that a job that was begun is picked up again. `files` go with the
    order.

    Raises:
        BudgetExceeded, NoPrice: nothing was sent.
        Refused: the vendor said no; nothing is held.
        OutcomeUnknown: a person has to look; the hold stays, and nothing is sent again.
        NotFetched: it is paid, and its file could not be had, or is not what was ordered; call again to fetch it anew.
        PermanentError: the job failed, or its file can not be fetched anew either; the message says what was paid.
        TransientError: not reached, not finished yet, or another process is at it; call again later.
    """
    job = _Job(ledger, vendor, order, target, files, verify, patience, timing)
    try:
        entry = ledger.reserve(order)
    except AlreadyPaid as paid:
        return job.fetch_again(paid.entry)
    return job.go_on(entry)


def call_off(ledger: Ledger, vendor: PaidVendor, entry_id: int) -> Entry:
    """Stop an ordered job; its hold is released where the vendor says that it bills nothing.

    Raises:
        PermanentError: it has no job that could be stopped.
        OutcomeUnknown: it is stopped, but whether it is billed is not known.
    """
    entry = ledger.entry(entry_id)
    if entry.state != "submitted" or not entry.job_id:
        raise PermanentError(f"entry {entry.id} ({entry.name}) is {entry.state}: it has no job that could be stopped")
    vendor.cancel(entry.job_id)
    look = vendor.look(entry.job_id)
    return _close_failed(ledger, entry, look) if look.state == "failed" else entry


def _close_failed(ledger: Ledger, entry: Entry, look: Look) -> Entry:
    """Settle or release a failed job.

    Raises:
        OutcomeUnknown: the vendor does not say whether it is billed.
    """
    why = f"job {entry.job_id} failed: {hide(look.reason) or 'the vendor gives no reason'}"
    if look.is_billed is None and look.billed_usd is None:
        raise OutcomeUnknown(ledger.unknown(entry, why), why)
    if look.billed_usd is not None and micro_usd(look.billed_usd) > 0:
        return ledger.settle(entry, look.billed_usd, why)
    if look.is_billed and look.billed_usd is None:
        return ledger.settle(entry, usd(entry.estimated_micro), f"{why}; the estimate stands for its cost")
    return ledger.release(entry, why)


@dataclass(frozen=True, slots=True)
class _Job:
    """The steps of one order; each keeps in the ledger what it did before the next begins."""

    ledger: Ledger
    vendor: PaidVendor
    order: Order
    target: Path
    files: Mapping[str, Path]
    verify: Verify
    patience: Patience
    timing: Timing

    def go_on(self, entry: Entry) -> Receipt:
        """From whatever state the entry is in to a settled one."""
        if entry.state == "reserved":
            entry = self._send(entry, is_first=True)
        elif entry.state == "submitting" and self._is_being_sent(entry):
            raise TransientError(
                f"{entry.name} is being ordered by process {entry.owner_pid} on {entry.owner_host.partition('/')[0]} "
                f"(entry {entry.id}); run again when that has ended"
            )
        elif not entry.job_id:
            entry = self._find(entry, "the process that sent it ended before its answer came")
        return self._collect(entry)

    def fetch_again(self, entry: Entry) -> Receipt:
        """What is paid, from the vendor once more: that costs nothing."""
        again = f"to pay for it once more run `audio-assets budget again {entry.id}`"
        if not entry.job_id:
            raise AlreadyPaid(entry)
        paid = f"{entry.name} was paid ({usd_text(entry.spent_micro)}, entry {entry.id})"
        try:
            look = self._wait(entry.job_id, entry.name)
            if look.state == "done":
                self._fetch(entry.job_id)
                return Receipt(entry.job_id, entry, usd(entry.spent_micro), is_estimate=False)
        except PermanentError as error:
            raise PermanentError(f"{paid}, but can not be fetched again: {error}; {again}") from error
        why = hide(look.reason or entry.reason) or "the vendor gives no reason"
        raise PermanentError(f"{paid}, but its job {entry.job_id} failed: {why}; {again}")

    # --- Sending -----------------------------------------------------------------------------------------------

    def _is_being_sent(self, entry: Entry) -> bool:
        return (self.ledger.label, entry.id) in _sending or not self.ledger.is_left(entry)

    def _send(self, entry: Entry, *, is_first: bool) -> Entry:
        """Send the order. `is_first`: it is certain that it was not sent before."""
        with _alone_in_process(self.ledger.label, entry):
            entry = self.ledger.submitting(entry, may_be_sent=entry.state != "reserved")
            try:
                job_id = self.vendor.submit(self.order.request, entry.idempotency_key, self.files)
            except (Refused, NotSubmitted) as error:
                if not is_first:
                    raise self._unknown(entry, str(error)) from error
                self.ledger.release(entry, str(error))
                raise
            except BaseException as error:
                why = f"its answer was lost: {type(error).__name__}: {error}"
                entry = self.ledger.unknown(entry, why)
                if not isinstance(error, Exception):
                    raise  # asked to stop: the next call looks for it
                if not is_first:
                    raise self._unknown(entry, why) from error
            else:
                return self._keep_job(entry, job_id)
        return self._find(entry, why, is_fresh=True)

    def _find(self, entry: Entry, why: str, *, is_fresh: bool = False) -> Entry:
        """Look for an order that may have been sent, and go on with its job.

        `is_fresh`: it was sent by this call, which does not send it anew by itself.
        """
        why = entry.reason or why
        try:
            job_id = self.vendor.find(entry.idempotency_key)
        except Unknowable:
            if self._is_replayed(entry):
                self.timing.sleep(self._varied(self.patience.first_s))
                return self._send(entry, is_first=False)
            raise self._lost(entry, why) from None
        except TransientError as error:
            self.ledger.unknown(entry, why)
            raise TransientError(
                f"{entry.name} may have been ordered ({why}), and can not be looked for: {error}"
            ) from error
        if job_id:
            return self._keep_job(entry, job_id)
        if is_fresh:  # the order may still be on its way; the next run looks again, and sends it under the same key
            raise TransientError(f"{entry.provider} does not have the order for {entry.name}: {why}; run again")
        return self._send(entry, is_first=True)

    def _lost(self, entry: Entry, why: str) -> Exception:
        """What nobody knows of any more is held for a person to look at; what costs nothing may be ordered anew."""
        if entry.estimated_micro:
            return self._unknown(entry, why)
        self.ledger.release(entry, why)
        return TransientError(f"{entry.name}: {hide(why)}; it costs nothing: run again to order it anew")

    def _unknown(self, entry: Entry, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(self.ledger.unknown(entry, why), why, has_jobs=self.vendor.has_jobs)

    def _is_replayed(self, entry: Entry) -> bool:
        sent_at = entry.sent_at or entry.updated_at
        return self.ledger.seconds_since(sent_at) < self.vendor.replays_keys_s

    def _keep_job(self, entry: Entry, job_id: str) -> Entry:
        try:
            return self.ledger.submitted(entry, job_id)
        except (DatabaseError, DatabaseBusy, EntryConflict) as error:
            raise PermanentError(
                f"{entry.provider} took the order for {entry.name} as job {job_id}, but that could not be "
                f"kept: {error}. Then run `audio-assets budget attach {entry.id} {job_id}`"
            ) from error

    # --- Waiting and fetching ----------------------------------------------------------------------------------

    def _collect(self, entry: Entry) -> Receipt:
        job_id = entry.job_id or ""
        try:
            look = self._wait(job_id, f"{entry.name} (entry {entry.id})")
        except JobGone as error:
            raise self._lost(entry, str(error)) from error
        if look.state == "failed":
            closed = _close_failed(self.ledger, entry, look)
            raise _failure(look, _of_failed(closed))
        cost_usd = usd(entry.estimated_micro) if look.billed_usd is None else look.billed_usd
        note = "the vendor names no cost; the estimate stands for it" if look.billed_usd is None else ""
        try:
            self._fetch(job_id)
        except PermanentError as error:
            settled = self.ledger.settle(entry, cost_usd, f"paid, but the file could not be had: {error}")
            paid = f"{usd_text(settled.spent_micro)}, entry {entry.id}, job {job_id}"
            said = f"{entry.name} was paid ({paid}), but {error};"
            again = f"`audio-assets budget again {entry.id}`"
            if not self.vendor.has_jobs:  # what it answered is all there is
                raise PermanentError(f"{said} to pay for it once more run {again}") from error
            raise NotFetched(f"{said} run again to fetch it anew, or pay for it once more after {again}") from error
        settled = self.ledger.settle(entry, cost_usd, note)
        return Receipt(job_id, settled, usd(settled.spent_micro), is_estimate=look.billed_usd is None)

    def _wait(self, job_id: str, name: str) -> Look:
        """Look until the job is done or failed."""
        wait_s, began = self.patience.first_s, self.timing.clock()
        said = ""
        while True:
            wish_s = None
            try:
                look = self.vendor.look(job_id)
                if look.state != "pending":
                    return look
                wish_s = look.wait_s
            except TransientError as error:
                said = f"; last it said: {hide(str(error), longest=200)}"
            waited_s = self.timing.clock() - began
            pause_s = self._varied(wait_s) if wish_s is None else max(wish_s, self.patience.first_s)
            if waited_s + pause_s > self.patience.deadline_s:
                raise TransientError(
                    f"job {job_id} of {name} is not finished after {waited_s:.0f} s{said}; it stays ordered, "
                    "and the next run goes on with it"
                )
            self.timing.sleep(pause_s)
            wait_s = min(wait_s * self.patience.factor, self.patience.longest_s)

    def _varied(self, wait_s: float) -> float:
        return wait_s * (1 + self.patience.jitter * (2 * self.timing.vary() - 1))

    def _fetch(self, job_id: str) -> None:
        """Download beside the target, verify, move; what is cut off or damaged on the way is fetched again.

        Raises:
            PermanentError: the vendor has it no more, or it is not what was ordered, however often it is fetched.
            TransientError: the download broke off each time.
        """
        wait_s = self.patience.first_s
        for n_left in range(self.patience.n_fetches - 1, -1, -1):
            try:
                self._fetch_once(job_id)
            except PermanentError:
                raise
            except (TransientError, OSError, ValueError) as error:
                if not n_left:
                    said = f"the file of job {job_id} can not be had: {hide(str(error))}"
                    raise (PermanentError(said) if isinstance(error, ValueError) else TransientError(said)) from error
            else:
                return
            self.timing.sleep(self._varied(wait_s))
            wait_s = min(wait_s * self.patience.factor, self.patience.longest_s)

    def _fetch_once(self, job_id: str) -> None:
        handle, name = tempfile.mkstemp(
            prefix=f".{self.target.stem}-", suffix=self.target.suffix, dir=self.target.parent
        )
        os.close(handle)
        part = Path(name)
        try:
            self.vendor.fetch(job_id, part)
            try:
                self.verify(part)
            except ValueError as error:  # of a PermanentError too: what came may have been damaged on the way
                raise _UnfitError(str(error)) from error
            part.chmod(0o644)
            part.replace(self.target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _alone_in_process(ledger: str, entry: Entry) -> Iterator[None]:
    """Among threads, whom the ledger can not tell apart: while one sends an entry no other takes it for left."""
    mark = (ledger, entry.id)
    with _sending_lock:
        if mark in _sending:
            raise EntryConflict(f"{entry.name} is being ordered by this process already (entry {entry.id})")
        _sending.add(mark)
    try:
        yield
    finally:
        _sending.discard(mark)


class _UnfitError(ValueError):
    """A file that is not what was ordered; fetching it again may help."""


def _of_failed(closed: Entry) -> str:
    if closed.state == "released":
        return f"{closed.name}: {closed.reason}; nothing is billed"
    return (
        f"{closed.name}: {closed.reason}; {usd_text(closed.spent_micro)} were billed for it (entry {closed.id}); "
        f"to pay for it once more run `audio-assets budget again {closed.id}`"
    )


def _failure(look: Look, said: str) -> Exception:
    is_free = not look.is_billed and not look.billed_usd
    return TransientError(said) if look.is_passing and is_free else PermanentError(said)
