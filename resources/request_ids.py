"""What vendors call the requests that made something: noted by the HTTP layer, kept by whoever ordered.

Only orders and downloads are noted, not questions: a job is asked after a hundred times.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_MOST = 20
_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Within: the ids of this thread's orders and downloads that were answered well, in their order, each once."""
    ids: list[str] = []
    token = _noted.set(ids)
    try:
        yield ids
    finally:
        _noted.reset(token)


def note(request_id: str) -> None:
    """Note an id; "" and what nobody asked for is let go of."""
    ids = _noted.get()
    if ids is not None and request_id and request_id not in ids and len(ids) < _MOST:
        ids.append(request_id)
