"""What the vendors of clips have in common: a job that is looked at by its id, and a file at an address that runs out.

A vendor says how a job stands and where its file lies (`stand`); the address is asked for anew for each download, for
old ones run out. None of these vendors can be asked for a job by the key of its order, so `find` never knows.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from audio_assets.domain.rendering import PermanentError, TransientError
from resources.http_client import VIDEO, Answer, HttpClient
from resources.http_errors import Denied, NotAllowed
from resources.paid_vendor import JobGone, Look, PaidVendor, Unknowable
from resources.secrets import hide

PENDING = Look("pending")
_RUN_OUT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True, slots=True)
class Stand:
    """How a job stands, and the address of its file once it is done ("": it has none any more)."""

    look: Look
    url: str = ""


@dataclass
class ClipVendor(PaidVendor):
    """`client` asks the vendor."""

    client: HttpClient
    _stopped: set[str] = field(default_factory=set, init=False, repr=False)

    @property
    def name(self) -> str:
        """How settings name it."""
        return self.client.service.name

    @property
    def bills_stopped(self) -> bool | None:
        """Whether it bills a job that was stopped and is gone then, None where that is not known."""
        return None

    @abstractmethod
    def stand(self, job_id: str) -> Stand:
        """How the job stands.

        Raises:
            JobGone: the vendor does not know it (any more).
        """

    @abstractmethod
    def stop(self, job_id: str) -> None:
        """Ask the vendor to stop a job that is not finished."""

    def look(self, job_id: str) -> Look:
        """See `PaidVendor.look`."""
        try:
            return self.stand(job_id).look
        except JobGone:
            if job_id not in self._stopped:
                raise
            return Look("failed", is_billed=self.bills_stopped, reason="it was stopped")

    def find(self, idempotency_key: str) -> str | None:
        """Nobody can tell."""
        raise Unknowable

    def fetch(self, job_id: str, target: Path) -> None:
        """Ask the job where its file lies now, and download that."""
        stand = self.stand(job_id)
        if stand.look.state == "pending":  # it was done a moment ago: another of the vendor's machines lags behind
            raise TransientError(f"{self.name} says that job {job_id} is not finished, after it was")
        if stand.look.state == "failed":
            raise PermanentError(f"job {job_id} failed: {stand.look.reason}")
        if not stand.url:
            raise PermanentError(f"{self.name} has the file of job {job_id} no more: it keeps files for a time only")
        self.download(job_id, stand.url, target)

    def download(self, job_id: str, url: str, target: Path) -> None:
        """Download the file.

        Raises:
            PermanentError: the address has run out, although it was asked for just now.
        """
        try:
            self.client.download(url, target, accepts=VIDEO)
        except Denied as error:
            if error.status not in _RUN_OUT:
                raise
            raise PermanentError(
                f"the address of job {job_id}'s file at {self.name} has run out ({error.status}), and asking the job "
                "anew gives no other"
            ) from error

    def cancel(self, job_id: str) -> None:
        """Stop the job; one that is finished is left alone, for some vendors would throw its file away."""
        state = self.stand(job_id).look.state
        if state != "pending":
            raise PermanentError(f"job {job_id} at {self.name} is {state} already: there is nothing to stop")
        self.stop(job_id)
        self._stopped.add(job_id)

    # --- Reading answers ---------------------------------------------------------------------------------------

    def asked(self, job_id: str, path: str, passes: tuple[int, ...] = ()) -> Answer:
        """Ask about a job.

        Raises:
            JobGone: the vendor does not know it (any more), or has it where it may not be asked for.
        """
        try:
            return self.client.ask("GET", path, is_safe=True, passes=passes)
        except NotAllowed as error:
            raise JobGone(f"{self.name} has job {job_id} where it may not be asked for: {error}") from error
        except Denied as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise JobGone(f"{self.name} does not know job {job_id} (any more): {error}") from error

    def read(self, answer: Answer) -> dict[str, Any]:
        """An answer's JSON object.

        Raises:
            TransientError: it is none; what was asked may have been done.
        """
        found = answer.json()
        if not isinstance(found, dict):
            raise TransientError(f"{self.name} answered {hide(repr(found), longest=80)}, no JSON object")
        return found

    def id_in(self, answer: Answer, name: str = "id") -> str:
        """The job's id in the answer to an order.

        Raises:
            TransientError: it has none; the order may have been taken.
        """
        job_id = self.read(answer).get(name)
        if not isinstance(job_id, str) or not job_id.strip():
            raise TransientError(f"{self.name} took an order and named no job: its answer has no {name}")
        return job_id
