"""How many requests a provider gets at once, and how fast, from this process; between runs Dagster's pools see to it.

All clients of one provider share its limiter, by name, whatever their keys and headers are.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from audio_assets.domain.rendering import TransientError
from resources.http_errors import NotSent
from resources.pausing import Timing

_LOOKS_UP_S = 0.2
"""How soon one who waits for a slot sees that the run was stopped."""


class Limiter:
    """Slots and turns of one provider. Threads share it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._freed = threading.Condition()
        self._n_busy = 0
        self._next_at = float("-inf")

    @contextmanager
    def turn(self, *, at_once: int, per_second: float, slot_s: float, timing: Timing) -> Iterator[None]:
        """Hold one of `at_once` slots, not before 1 / `per_second` after the last turn began (0: at once).

        Raises:
            NotSent: there was no slot, or no turn, within `slot_s`; or the run was stopped meanwhile.
        """
        latest = timing.clock() + slot_s
        self._take_slot(at_once, latest, timing)
        try:
            self._await_turn(per_second, latest, timing)
            yield
        finally:
            with self._freed:
                self._n_busy -= 1
                self._freed.notify()

    def _take_slot(self, at_once: int, latest: float, timing: Timing) -> None:
        with self._freed:
            while self._n_busy >= max(1, at_once):
                left_s = latest - timing.clock()
                if left_s <= 0:
                    raise NotSent(f"{self._name} was not asked: all of its {at_once} slots stayed taken")
                self._freed.wait(min(left_s, _LOOKS_UP_S))
                self._sleep(0.0, timing)
            self._n_busy += 1

    def _await_turn(self, per_second: float, latest: float, timing: Timing) -> None:
        if per_second <= 0:
            return
        with self._freed:
            now = timing.clock()
            begins_at = max(now, self._next_at)
            if begins_at > latest:
                raise NotSent(f"{self._name} was not asked: its turn, {per_second:g} a second, did not come in time")
            self._next_at = begins_at + 1 / per_second
        if begins_at > now:
            self._sleep(begins_at - now, timing)

    def _sleep(self, seconds: float, timing: Timing) -> None:
        try:
            timing.sleep(seconds)
        except TransientError as error:
            raise NotSent(f"{self._name} was not asked: {error}") from error


_limiters: dict[str, Limiter] = {}
_lock = threading.Lock()


def limiter_of(name: str) -> Limiter:
    """The process's one limiter of a provider."""
    with _lock:
        return _limiters.setdefault(name, Limiter(name))


def _forget() -> None:
    """In a forked process: the slots that its parent's threads hold there are nobody's here."""
    global _lock  # the parent may have forked while it was held
    _lock = threading.Lock()
    _limiters.clear()


os.register_at_fork(after_in_child=_forget)
