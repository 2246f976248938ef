"""What a vendor of remote paid jobs is to the driver (`paid_jobs.py`): the interface, what it answers, how it fails."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from audio_assets.domain.budget import Usd
from audio_assets.domain.rendering import PermanentError, TransientError


class Refused(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """The vendor did not take the order and bills nothing; it would refuse it again."""


class NotSubmitted(TransientError):  # noqa: N818
    """The vendor did not take the order and bills nothing: it was not reached, or is too busy."""


class Unknowable(Exception):  # noqa: N818
    """The vendor has no way to look a job up by the key of its order."""


class JobGone(PermanentError):  # noqa: N818
    """The vendor does not know the job, or knows it no more, or has it where it may not be asked for."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a job stands.

    `billed_usd`: what the vendor says it costs, None where it does not say. `is_billed`: whether a failed job costs,
    None where that is not known. `is_passing`: a failed job may succeed when it is ordered anew. `wait_s`: when the
    vendor wants to be asked again (Retry-After).
    """

    state: Literal["pending", "done", "failed"]
    billed_usd: Usd | None = None
    is_billed: bool | None = None
    reason: str = ""
    is_passing: bool = False
    wait_s: float | None = None


class PaidVendor(ABC):
    """What a vendor of paid jobs can do. Its methods raise PermanentError or TransientError, without secrets.

    `replays_keys_s`: for so many seconds the vendor answers an idempotency key that it has seen with the job it made
    then, instead of making another; an order whose answer was lost is then sent again under its key. `has_jobs`: an
    order makes a job that can be gone on with by its id.
    """

    replays_keys_s: float = 0.0
    has_jobs: ClassVar[bool] = True

    @abstractmethod
    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Order a job and answer its id; `files` go with it, by what they are (`reference_image`, `audio`).

        Raises:
            Refused: the vendor said no, and bills nothing.
            NotSubmitted: it was certainly not taken (no connection, 429). Any other error means that it may have been.
        """

    @abstractmethod
    def look(self, job_id: str) -> Look:
        """How the job stands.

        Raises:
            JobGone: the vendor does not know it (any more).
        """

    @abstractmethod
    def find(self, idempotency_key: str) -> str | None:
        """The id of the job that was ordered under a key; None only where it is certain that there is none.

        Raises:
            Unknowable: the vendor can not be asked that.
        """

    @abstractmethod
    def fetch(self, job_id: str, target: Path) -> None:
        """Write the finished job's file to `target`. PermanentError: it is not there any more."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Ask the vendor to stop the job; how it stands then, `look` says."""

    def facts(self, job_id: str) -> Mapping[str, Any]:
        """What is worth keeping of a job whose file was fetched, as JSON values for the sidecar."""
        return {}
