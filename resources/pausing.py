"""Waiting that ends when the work it is for is stopped: a terminated run does not wait out an hour of polling."""

import threading

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
