"""Files that are whole or not there: streamed beside their place, checked against what was promised, and moved.

That as many bytes come as the length says is seen to by the connection: else it tells that the answer was lost.
"""

import hashlib
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

from resources.http_answers import media_type, promised_hashes
from resources.http_transport import Reply
from resources.pausing import pause


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was downloaded whole."""

    size: int
    sha256: str
    content_type: str


def save(reply: Reply, target: Path, *, largest: int, sha256: str = "") -> Downloaded:
    """Write an answer's body to `target`; nothing is left behind where that fails.

    Raises:
        BadAnswer: too large, empty, a part only, without an end, or other bytes than a hash says.
        LostAnswer: it broke off.
        TransientError: the run was stopped.
    """
    if reply.status != HTTPStatus.OK:
        raise reply.bad(f"{reply.status} instead of the whole file")
    if not sha256:
        reply.check_ends()
    promised = promised_hashes(reply.headers)
    as_sent = [hashlib.new(algorithm, usedforsecurity=False) for algorithm, _digest in promised]
    as_written, size = hashlib.sha256(), 0

    def on_sent(piece: bytes) -> None:
        for digest in as_sent:
            digest.update(piece)

    part = target.with_name(f".{target.stem[:40]}-{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            for piece in reply.pieces(largest, on_sent):
                pause(0.0)  # a run that is stopped does not wait for the rest
                size += file.write(piece)
                as_written.update(piece)
            if not size:
                raise reply.bad("an empty file")
            if sha256 and as_written.hexdigest() != sha256.lower():
                raise reply.bad(f"other bytes than were expected: their sha256 is {as_written.hexdigest()}")
            for (algorithm, expected), digest in zip(promised, as_sent, strict=True):
                if digest.digest() != expected:
                    raise reply.bad(f"other bytes than its own {algorithm} says")
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Downloaded(size, as_written.hexdigest(), media_type(reply.headers))
