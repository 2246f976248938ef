"""A vendor that answers an order at once with its file, as one of paid jobs: what was paid is kept before it is told.

Such a vendor has no job to pick up again: what it answered is all there is. So the answer is kept on disk, under the
order's key, before the ledger hears of it; a process that is killed in between finds it there. Where no answer was kept
nobody can tell whether the order was billed, and a person has to look (`OutcomeUnknown`).
"""

import shutil
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import orjson

from audio_assets.domain.rendering import PermanentError
from resources.paid_vendor import JobGone, Look, PaidVendor, Unknowable
from resources.request_ids import noted
from resources.secrets import hide_in_file


@dataclass
class AnsweredVendor(PaidVendor):
    """`kept` is the folder of answers that were paid for; a file there is named by the order's key, and beside it,
    `<key>.ids`, are the ids of its requests.
    """  # noqa: D205

    kept: Path
    has_jobs: ClassVar[bool] = False

    @abstractmethod
    def answer(self, request: Mapping[str, Any], files: Mapping[str, Path], key: str, target: Path) -> None:
        """Ask, and write the whole checked answer to `target`; fails as `PaidVendor.submit` does."""

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Ask, and keep the answer. Its key is its job's id."""
        self.kept.mkdir(parents=True, exist_ok=True)
        part = self.kept / f".{idempotency_key}.part"
        try:
            with noted() as ids:
                self.answer(request, files, idempotency_key, part)
            hide_in_file(part)
            if ids:
                self._ids(idempotency_key).write_bytes(orjson.dumps(ids))
            part.replace(self._file(idempotency_key))
        finally:
            part.unlink(missing_ok=True)
        return idempotency_key

    def look(self, job_id: str) -> Look:
        """Done, as long as the answer is kept."""
        if not self._file(job_id).is_file():
            raise JobGone(f"the kept answer {job_id} is gone")
        return Look("done")

    def find(self, idempotency_key: str) -> str | None:
        """The kept answer; without one nobody knows."""
        if self._file(idempotency_key).is_file():
            return idempotency_key
        raise Unknowable

    def fetch(self, job_id: str, target: Path) -> None:
        """A copy of the kept answer."""
        if not self._file(job_id).is_file():
            raise PermanentError(f"the kept answer {job_id} is gone")
        shutil.copyfile(self._file(job_id), target)

    def cancel(self, job_id: str) -> None:
        """Nothing is left to stop."""
        raise PermanentError("it was answered at once: there is nothing to stop")

    def facts(self, job_id: str) -> Mapping[str, Any]:
        """What the vendor calls the request that was answered, kept beside the answer."""
        try:
            ids = orjson.loads(self._ids(job_id).read_bytes())
        except (OSError, orjson.JSONDecodeError):  # it was told none
            return {}
        return {"request_ids": ids}

    def _ids(self, key: str) -> Path:
        return self.kept / f"{key}.ids"

    def _file(self, key: str) -> Path:
        return self.kept / key
