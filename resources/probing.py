"""Asking many providers at once whether they are there: all within one short time, and whatever they do.

A provider that hangs costs nobody more than that time: its thread is left behind and ends with the process.
"""

import time
from collections.abc import Mapping
from threading import Thread

from audio_assets.domain.provider_catalogue import Answer
from resources.http_retries import asked_once
from resources.remote import RemoteProvider
from resources.secrets import hide

WAIT_S = 5.0
_LONGEST = 200


def probe_all(providers: Mapping[str, RemoteProvider], *, wait_s: float = WAIT_S) -> dict[str, Answer]:
    """What each provider answers, by name; never raises."""
    found: dict[str, Answer] = {}
    threads = [Thread(target=_ask, args=(name, one, found), daemon=True) for name, one in providers.items()]
    deadline = time.monotonic() + wait_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    in_time = dict(found)
    silent = Answer(is_there=False, text=f"nothing within {wait_s:g} s")
    return {name: in_time.get(name, silent) for name in providers}


def _ask(name: str, provider: RemoteProvider, found: dict[str, Answer]) -> None:
    try:
        with asked_once():  # tries would take longer than there is time, and the cause would not be told
            found[name] = Answer(is_there=True, text=hide(provider.probe(), longest=_LONGEST))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the catalogue says so and goes on
        found[name] = Answer(is_there=False, text=hide(str(error) or type(error).__name__, longest=_LONGEST))
