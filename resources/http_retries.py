"""Asking again: when that may help, when it may do harm, and how long to wait before it."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

from audio_assets.domain.rendering import TransientError
from resources.http_errors import BadAnswer, Broken, Busy, HttpProblem, LostAnswer, NotSent
from resources.http_transport import TooLarge
from resources.pausing import Timing

FIRST_S = 0.5
FACTOR = 2.0
LONGEST_S = 8.0
"""Seconds between tries where the server names none: growing, each varied by up to half of itself."""

LONGEST_WISH_S = 60.0
"""What a server may wish for at most (Retry-After) and be waited for; beyond, the failure is told with its `wait_s`."""

TOLD_FROM_S = 2.0
"""A longer wait is told to whoever sits before it: without a word it looks as if nothing happened any more."""

MOST_TOLD, TOLD_WITHIN_S = 6, 60.0
"""So many waits for one service are told in that time: a thousand lines that all wait say no more than the first."""

_PASSING = (NotSent, Busy, Broken, LostAnswer, BadAnswer)
_NOT_TAKEN = (NotSent, Busy)
_logger = logging.getLogger(__name__)


_is_asked_once: ContextVar[bool] = ContextVar("is_asked_once", default=False)


@contextmanager
def asked_once() -> Iterator[None]:
    """Within: whatever this thread asks is asked once, for who wants to know how things stand just now."""
    token = _is_asked_once.set(True)
    try:
        yield
    finally:
        _is_asked_once.reset(token)


_told_at: dict[str, deque[float]] = {}
"""When waits were last told, by service."""


def _is_news(name: str, now_s: float) -> bool:
    told_at = _told_at.setdefault(name, deque(maxlen=MOST_TOLD))
    if len(told_at) == MOST_TOLD and now_s - told_at[0] < TOLD_WITHIN_S:
        return False
    told_at.append(now_s)
    return True


def _may_be_taken(failure: HttpProblem) -> bool:
    return isinstance(failure, (LostAnswer, BadAnswer, Broken)) and not failure.is_vendors_own


@dataclass
class Tries:
    """The tries of one request, to be gone through with `for`; each is a context, within which to ask.

    A try that fails passes its failure on, unless there is to be another. `is_safe`: asking twice does no harm; else
    it is asked again only where it was not taken. `is_order`: the request may do something each time that it is taken;
    then a failure of a later try that says "not taken" is told as a lost answer where an earlier one may have been.
    `total_s` bounds all tries together, from the first slot on. `name` is the service's.
    """

    turn: Callable[[], AbstractContextManager[None]]
    n_tries: int
    total_s: float
    timing: Timing
    is_safe: bool
    is_order: bool
    name: str = ""
    failure: HttpProblem | None = field(default=None, init=False)
    _deadline_s: float | None = field(default=None, init=False)
    _may_be_taken: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator["Try"]:
        if _is_asked_once.get():
            self.n_tries = 1
        for n in range(1, self.n_tries + 1):
            self.failure = None
            yield Try(self, n)
            if self.failure is None:  # the loop goes on though the try did not fail
                return
            self._wait(n, self.failure)

    @property
    def deadline_s(self) -> float:
        """When all has to be over, by the clock of `timing`."""
        if self._deadline_s is None:
            self._deadline_s = self.timing.clock() + self.total_s
        return self._deadline_s

    def has_another(self, n: int, failure: HttpProblem) -> bool:
        """Whether try `n`, which failed, is followed by another."""
        self._may_be_taken |= _may_be_taken(failure)
        may_help = isinstance(failure, _PASSING) and not isinstance(failure, TooLarge) and not failure.is_final
        may_harm = not self.is_safe and not isinstance(failure, _NOT_TAKEN)
        if n >= self.n_tries or not may_help or may_harm:
            return False
        return (failure.wait_s or 0.0) <= LONGEST_WISH_S and self.timing.clock() < self.deadline_s

    def told(self, n: int, failure: HttpProblem) -> HttpProblem:
        """The failure as the caller has to know it, after `n` tries."""
        after = f" (after {n} tries)" if n > 1 else ""
        if self.is_order and self._may_be_taken and not _may_be_taken(failure):
            return LostAnswer(f"{failure}{after}; an earlier try may have been taken",
                              status=failure.status, said=failure.said, request_id=failure.request_id)  # fmt: skip
        failure.args = (f"{failure}{after}",)
        return failure

    def _wait(self, n: int, failure: HttpProblem) -> None:
        wait_s = min(FIRST_S * FACTOR ** (n - 1), LONGEST_S)
        varied_s = wait_s * (0.5 + self.timing.vary())
        pause_s = varied_s if failure.wait_s is None else failure.wait_s + self.timing.vary() * FIRST_S
        is_told = pause_s > TOLD_FROM_S and _is_news(self.name, self.timing.clock())
        level = logging.WARNING if is_told else logging.INFO  # a warning reaches who sits before it
        _logger.log(level, "%s; asked again in %.1f s, try %d of %d", failure, pause_s, n + 1, self.n_tries)
        try:
            self.timing.sleep(pause_s)
        except TransientError as stopped:
            if not isinstance(failure, _NOT_TAKEN):
                raise self.told(n, failure) from stopped
            raise self.told(n, NotSent(f"{failure}; {stopped}")) from stopped


@dataclass
class Try:
    """One try: it has its slot from beginning to end."""

    tries: Tries
    n: int
    _turn: AbstractContextManager[None] | None = field(default=None, init=False)

    def __enter__(self) -> "Try":
        self._turn = self.tries.turn()
        try:
            self._turn.__enter__()
        except HttpProblem as failure:
            told = self.tries.told(self.n, failure)
            raise told from (None if told is failure else failure)
        _ = self.tries.deadline_s  # the time begins with the first slot
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._turn is not None:
            self._turn.__exit__(None, None, None)
        if not isinstance(error, HttpProblem):
            return False
        if self.tries.has_another(self.n, error):
            self.tries.failure = error
            return True
        told = self.tries.told(self.n, error)
        if told is error:
            return False
        raise told from error
