"""Vendors in a process of their own, which go on when their customer is killed; and a place to stop both at.

`Held` stands before an app. While there is a file `hold` in its folder, with a moment and a pattern in it ("before POST
/tts"), the first request that matches stops there: before it is done, after it was done and before it is answered, or
in the half of its answer. It says so with a file `held`, and goes on when `hold` is gone.
"""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.servers.serving import serving

_forked = multiprocessing.get_context("fork")


@contextmanager
def apart(make: Callable[[], ASGIApp]) -> Iterator[str]:
    """Yield the base URL of an app that another process makes and serves."""
    urls = _forked.SimpleQueue()

    def work() -> None:
        with serving(make()) as url:
            urls.put(url)
            while True:
                time.sleep(60)

    process = _forked.Process(target=work, daemon=True)
    process.start()
    try:
        yield urls.get()
    finally:
        process.kill()
        process.join()


class Held:
    """See the module."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self.hold, self.held = folder / "hold", folder / "held"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        moment, _, pattern = self.hold.read_text().partition(" ") if self.hold.exists() else ("", "", "")
        asked = f"{scope.get('method', '')} {scope.get('path', '')}"
        if not moment or self.held.exists() or not re.search(pattern, asked):
            await self.app(scope, receive, send)
            return
        body = [await receive()]
        while body[-1].get("more_body"):
            body.append(await receive())

        async def again() -> Message:
            return body.pop(0) if body else {"type": "http.disconnect"}

        async def kept(message: Message) -> None:
            if moment == "after" and message["type"] == "http.response.start":
                await self._wait()
            if moment == "half" and message["type"] == "http.response.body":
                half = message["body"][: len(message["body"]) // 2]
                await send({**message, "body": half, "more_body": True})
                await self._wait()
                message = {**message, "body": message["body"][len(half) :]}
            await send(message)

        if moment == "before":
            await self._wait()
        await self.app(scope, again, kept)

    async def _wait(self) -> None:
        self.held.touch()
        while self.hold.exists():
            await asyncio.sleep(0.005)
