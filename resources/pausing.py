"""Waiting that ends when the work it is for is stopped: a run that is ended does not wait out an hour of polling."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from audio_assets.domain.rendering import TransientError

_thread = threading.local()


def stop_with(event: threading.Event) -> None:
    """Let pauses of this thread end, with an error, when `event` is set."""
    _thread.event = event


def pause(seconds: float) -> None:
    """Wait.

    Raises:
        TransientError: the work was stopped meanwhile; what is ordered stays ordered.
    """
    event: threading.Event = getattr(_thread, "event", None) or threading.Event()
    if event.wait(seconds):
        raise TransientError("the run was stopped; what is ordered stays ordered, and the next run goes on with it")


@dataclass(frozen=True, slots=True)
class Timing:
    """Where waiting comes from; a test gives its own. `vary` is a number from 0 up to 1."""

    sleep: Callable[[float], None] = pause
    clock: Callable[[], float] = time.monotonic
    vary: Callable[[], float] = random.random


REAL_TIME = Timing()
