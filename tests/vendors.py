"""A small vendor of paid jobs with a memory of its own: a SQLite file that counts, and that any process sees.

What it takes it has written down before it answers, so that a killed customer, or a lost answer, leaves it with a job.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio_assets.domain.rendering import PermanentError
from resources.paid_vendor import JobGone, Look, PaidVendor, Unknowable

BYTES = b"a film"


@dataclass
class ShopVendor(PaidVendor):
    """`knows_keys`: it can look a job up by its key. `answers` are what it says of a job, one per look, the last for
    good; `on_submit` is called when a job is written down and before that is answered.
    """

    file: Path
    knows_keys: bool = True
    replays_keys_s: float = 0.0
    answers: list[Look | Exception] = field(default_factory=lambda: [Look("done", billed_usd="0.80")])
    fetched: list[bytes | Exception] = field(default_factory=lambda: [BYTES])
    before_submit: Exception | None = None
    on_submit: BaseException | None = None
    n_looks: int = 0
    n_fetches: int = 0

    def __post_init__(self) -> None:
        with closing(self._open()) as shop:
            shop.execute("CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, key TEXT, request TEXT)")

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        if self.before_submit is not None:
            raise self.before_submit
        known = self._job(idempotency_key) if self.replays_keys_s else None
        if known is None:
            with closing(self._open()) as shop:
                shop.execute("INSERT INTO jobs (key, request) VALUES (?, ?)", (idempotency_key, str(dict(request))))
        if self.on_submit is not None:
            raise self.on_submit
        return known or str(self._job(idempotency_key))

    def look(self, job_id: str) -> Look:
        if job_id not in self.jobs():
            raise JobGone(f"there is no job {job_id}")
        answer = self.answers[min(self.n_looks, len(self.answers) - 1)]
        self.n_looks += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(self, idempotency_key: str) -> str | None:
        if not self.knows_keys:
            raise Unknowable
        return self._job(idempotency_key)

    def fetch(self, job_id: str, target: Path) -> None:
        found = self.fetched[min(self.n_fetches, len(self.fetched) - 1)]
        self.n_fetches += 1
        if isinstance(found, Exception):
            target.write_bytes(BYTES[:3])
            raise found
        if job_id not in self.jobs():
            raise PermanentError(f"there is no job {job_id}")
        target.write_bytes(found)

    def cancel(self, job_id: str) -> None:
        self.answers = [Look("failed", is_billed=False, reason="cancelled")]

    def jobs(self) -> list[str]:
        """The ids of all jobs that were ever submitted."""
        with closing(self._open()) as shop:
            return [str(job) for (job,) in shop.execute("SELECT id FROM jobs ORDER BY id")]

    def requests(self) -> list[str]:
        """What was asked for, in order."""
        with closing(self._open()) as shop:
            return [request for (request,) in shop.execute("SELECT request FROM jobs ORDER BY id")]

    def _job(self, key: str) -> str | None:
        with closing(self._open()) as shop:
            row = shop.execute("SELECT id FROM jobs WHERE key = ? ORDER BY id DESC", (key,)).fetchone()
        return str(row[0]) if row else None

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=30, isolation_level=None)
