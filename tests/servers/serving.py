"""Serve an ASGI app on a free port of this machine, as long as a test needs it.

The socket listens before the server's thread starts, so that the address is known at once and no request is refused.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

_STARTS_WITHIN_S = 10.0


@contextmanager
def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, certificate: Path | None = None) -> Iterator[str]:
    """Yield the base URL (no slash at its end) of an app that answers; it is stopped, its open requests with it.

    `port` 0 is any free one; a given one lets a test start a server again where it was. `certificate`: a PEM file with
    a certificate and its key, for https.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
        server = _Server(
            uvicorn.Config(
                app, log_config=None, log_level="critical", access_log=False, timeout_graceful_shutdown=1,
                timeout_keep_alive=60, lifespan="auto",
                ssl_certfile=certificate,
            )
        )  # fmt: skip
        thread = threading.Thread(target=server.run, args=([listening],), name="serving", daemon=True)
        thread.start()
        try:
            if not server.is_answering.wait(_STARTS_WITHIN_S):
                raise RuntimeError("the app did not start")
            yield f"http{'s' if certificate else ''}://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_STARTS_WITHIN_S)


class _Server(uvicorn.Server):
    """A server that says when it has started, or will not."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_answering = threading.Event()

    async def main_loop(self) -> None:
        """Until it is told to end, and sooner than the tenth of a second that is uvicorn's habit."""
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own, but for a tenth of a second that it waits even where nothing is open."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finished(), self.config.timeout_graceful_shutdown)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    async def _finished(self) -> None:
        """Until every answer that has begun is given."""
        await asyncio.sleep(0)
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.002)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.is_answering.set()
