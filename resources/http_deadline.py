"""Time limits of a connection: each phase has its own, and none outlives the request's deadline.

httpcore hands the seconds of a phase on to the socket unchanged, once for every read and write; a server that sends a
byte now and then would never run into them. So those seconds are a `Phase`, which also knows when all has to be over.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpcore


class Phase(float):
    """Seconds for one read, write or connect, of a request that has to be over at `deadline_s` of `clock`."""

    deadline_s: float
    clock: Callable[[], float]

    def __new__(cls, seconds: float, deadline_s: float, clock: Callable[[], float]) -> "Phase":
        """Seconds of a phase, and the end of the whole."""
        phase = super().__new__(cls, seconds)
        phase.deadline_s = deadline_s
        phase.clock = clock
        return phase

    @property
    def left_s(self) -> float:
        """Seconds that the next step may take; 0 or less when it is too late."""
        return min(float(self), self.deadline_s - self.clock())


def left_s(timeout: float | None) -> float | None:
    """Seconds that the next step may take.

    Raises:
        TimeoutError: none are left.
    """
    if not isinstance(timeout, Phase):
        return timeout
    if timeout.left_s <= 0:
        raise TimeoutError("the time for the whole request is over")
    return timeout.left_s


class TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends by the deadline of the request that it serves just now.

    `has_read`: something was read since it was last written to.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self.has_read = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, at most `max_bytes`."""
        self.has_read = True
        try:
            return self._stream.read(max_bytes, left_s(timeout))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all; a reader that takes a byte now and then does not win more time."""
        self.has_read = False
        connection: socket.socket = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        try:
            while rest:
                connection.settimeout(left_s(timeout))
                rest = rest[connection.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted, with a server that has proved to be `server_hostname`."""
        try:
            return TimedStream(self._stream.start_tls(ssl_context, server_hostname, left_s(timeout)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        """What httpcore wants to know of the socket."""
        return self._stream.get_extra_info(info)
