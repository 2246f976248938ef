"""What the servers of video vendors share: jobs in a SQLite file that every process sees, a real clip, strict inputs.

A server writes a job down before it answers, so that a customer who is killed, or whose answer is lost, leaves a job.
"""

import base64
import binascii
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request

from tests.video_fakes import write_colours

KEY = "sk-test-0123456789abcdef"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)

Check = Callable[[Any], bool]


@lru_cache(maxsize=1)
def clip() -> bytes:
    """A real film: 8 frames of 64 x 64 pixels."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.mp4"
        write_colours(target, "clip", 64, 64, Fraction(24), 8)
        return target.read_bytes()


class Jobs:
    """The vendor's own book: which orders it took, how often each was asked about, which were stopped."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with closing(self._open()) as book:
            book.execute(
                "CREATE TABLE IF NOT EXISTS jobs (n INTEGER PRIMARY KEY, id TEXT, request TEXT, "
                "looks INTEGER DEFAULT 0, stopped INTEGER DEFAULT 0)"
            )

    def add(self, request: Mapping[str, Any], form: str = "job-{}") -> str:
        """Write an order down; the job's id."""
        with closing(self._open()) as book:
            n = book.execute("INSERT INTO jobs (request) VALUES (?)", (json.dumps(request),)).lastrowid
            book.execute("UPDATE jobs SET id = ? WHERE n = ?", (form.format(n), n))
        return form.format(n)

    def ids(self) -> list[str]:
        """The jobs that were ever taken."""
        with closing(self._open()) as book:
            return [job for (job,) in book.execute("SELECT id FROM jobs ORDER BY n")]

    def requests(self) -> list[dict[str, Any]]:
        """What was ordered."""
        with closing(self._open()) as book:
            return [json.loads(request) for (request,) in book.execute("SELECT request FROM jobs ORDER BY n")]

    def request(self, job: str) -> dict[str, Any] | None:
        """What was ordered as a job, None where there is none of that id."""
        with closing(self._open()) as book:
            row = book.execute("SELECT request FROM jobs WHERE id = ?", (job,)).fetchone()
        return dict(json.loads(row[0])) if row else None

    def looked(self, job: str) -> int:
        """Count a look; how many there were before it."""
        with closing(self._open()) as book:
            book.execute("UPDATE jobs SET looks = looks + 1 WHERE id = ?", (job,))
            return int(book.execute("SELECT looks FROM jobs WHERE id = ?", (job,)).fetchone()[0]) - 1

    def stop(self, job: str) -> None:
        """Note that a job was stopped."""
        with closing(self._open()) as book:
            book.execute("UPDATE jobs SET stopped = 1 WHERE id = ?", (job,))

    def is_stopped(self, job: str) -> bool:
        """Whether a job was stopped."""
        with closing(self._open()) as book:
            return bool(book.execute("SELECT stopped FROM jobs WHERE id = ?", (job,)).fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=30, isolation_level=None)


def at(states: list[str], n: int) -> str:
    """The state at a look; the last one is for good."""
    return states[min(n, len(states) - 1)]


async def json_body(request: Request) -> Any:
    """The JSON of a request that says it is JSON, else None."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart form; `file_name` is None for a field."""

    content: bytes
    file_name: str | None
    content_type: str


async def form(request: Request) -> dict[str, Part]:
    """The parts of a multipart form by name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + await request.body())
    found = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(data, bytes)
        found[name] = Part(data, part.get_filename(), part.get_content_type())
    return found


# --- Strict inputs -------------------------------------------------------------------------------------------------


def faults(body: Any, fields: Mapping[str, Check], required: tuple[str, ...]) -> list[str]:
    """The fields that a vendor would refuse: missing, unknown, or not of their type and range."""
    if not isinstance(body, dict):
        return ["body"]
    missing = [name for name in required if name not in body]
    return missing + [name for name, given in body.items() if name not in fields or not fields[name](given)]


def text(longest: int) -> Check:
    return lambda given: isinstance(given, str) and 0 < len(given) <= longest


def one_of(*known: Any) -> Check:
    return lambda given: any(given == one and type(given) is type(one) for one in known)


def whole(low: int, high: int) -> Check:
    return lambda given: isinstance(given, int) and not isinstance(given, bool) and low <= given <= high


def is_picture(given: Any) -> bool:
    """A picture's address, or the picture itself as a data URI."""
    if not isinstance(given, str):
        return False
    head, _, data = given.partition(",")
    if head != "data:image/png;base64":
        return given.startswith("https://")
    try:
        return base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    except binascii.Error:
        return False
