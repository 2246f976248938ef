"""Connections: one request sent and its answer opened, and what breaks on the way told as an `HttpProblem`.

Headers never get into a log: at DEBUG httpcore would write those of every answer, a signed address among them.
"""

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from ssl import SSLContext

import httpcore
import httpx

from resources.http_answers import request_id, tagged
from resources.http_deadline import Phase, TimedStream
from resources.http_errors import BadAnswer, LostAnswer, NotAllowed, NotSent
from resources.http_guard import CheckedNetwork
from resources.secrets import hide

_KEPT_S = 30.0
_PIECE = 1 << 18
_NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError)
LOST = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is still to come. `asked` names the request in messages."""

    asked: str
    status: int
    headers: httpx.Headers
    _stream: Iterable[bytes]

    @property
    def request_id(self) -> str:
        """What the vendor calls the request."""
        return request_id(self.headers)

    def pieces(self, largest: int, on_sent: Callable[[bytes], None] = lambda _bytes: None) -> Iterator[bytes]:
        """The body, unpacked where it was sent packed; `on_sent` is called with what was sent.

        Raises:
            BadAnswer: it is more than `largest` bytes, or packed in an unknown way.
            LostAnswer: it broke off.
        """
        promised = self.headers.get("content-length", "")
        if promised.isascii() and promised.isdigit() and int(promised) > largest:
            raise self.too_large(largest)
        size = 0
        for piece in self._unpacked(self._seen(on_sent)):
            size += len(piece)
            if size > largest:
                raise self.too_large(largest)
            yield piece

    def check_ends(self) -> None:
        """Make sure that a body which is cut off would be noticed.

        Raises:
            BadAnswer: it has neither a length nor a last chunk: it ends where the connection does.
        """
        if "content-length" not in self.headers and "chunked" not in self.headers.get("transfer-encoding", "").lower():
            raise self.bad("a file that does not say where it ends, so that nobody knows whether it came whole")

    def too_large(self, largest: int) -> "TooLarge":
        """The failure of an answer that is more than that."""
        return TooLarge(f"{self.asked} was answered with more than {largest} bytes{tagged(self.request_id)}",
                        status=self.status, request_id=self.request_id)  # fmt: skip

    def bad(self, why: str) -> BadAnswer:
        """The failure of an answer that can not be read; `why` goes on after "was answered with"."""
        return BadAnswer(f"{self.asked} was answered with {why}{tagged(self.request_id)}",
                         status=self.status, request_id=self.request_id)  # fmt: skip

    def lost(self, why: str) -> LostAnswer:
        """The failure of an answer that did not come whole."""
        return LostAnswer(f"{self.asked}: the answer was lost, {why}{tagged(self.request_id)}",
                          status=self.status, request_id=self.request_id)  # fmt: skip

    def _seen(self, on_sent: Callable[[bytes], None]) -> Iterator[bytes]:
        for piece in self._stream:
            on_sent(piece)
            yield piece

    def _unpacked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The content in pieces of bounded size, however much they hold packed."""
        packing = self.headers.get("content-encoding", "").strip().lower()
        if packing in ("", "identity"):
            yield from pieces
            return
        if packing not in ("gzip", "x-gzip", "deflate"):
            raise self.bad(f"a content packed as {hide(packing, longest=40)}, which was not asked for")
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out by itself which of both it is
        try:
            for piece in pieces:
                left = piece
                while left and not unpacker.eof:
                    yield unpacker.decompress(left, _PIECE)
                    left = unpacker.unconsumed_tail
                if unpacker.unused_data:
                    raise self.bad("something after the end of its packed content")
        except zlib.error as error:
            raise self.bad(f"a content that can not be unpacked ({error})") from error
        if not unpacker.eof:
            raise self.lost("its packed content ends in the middle")


class TooLarge(BadAnswer):
    """Larger than what is taken from the service; it would be so again."""


class Transport:
    """The connections of one client. Threads share it.

    They are kept and used again, but not for what must not be asked twice: a server may close a connection that idled
    just when an order is on its way, and the order would be lost.
    """

    def __init__(self, own: httpx.URL, at_once: int, network: httpcore.NetworkBackend | None = None) -> None:
        self._own = own
        self._pools = {
            is_repeatable: httpcore.ConnectionPool(
                ssl_context=_tls(),
                max_connections=None,  # the limiter sees to it
                max_keepalive_connections=max(1, at_once) if is_repeatable else 0,
                keepalive_expiry=_KEPT_S,
                network_backend=network or CheckedNetwork(own),
            )
            for is_repeatable in (True, False)
        }

    @contextmanager
    def send(
        self, asked: str, request: httpx.Request, phases: dict[str, Phase], *, is_repeatable: bool
    ) -> Iterator[Reply]:
        """Send a request; its answer's body can be read as long as the context lasts.

        Raises:
            NotAllowed, NotSent, LostAnswer: also where the body breaks off while it is read.
        """
        reply: Reply | None = None
        try:
            try:
                response = self._pools[is_repeatable].handle_request(_as_httpcore(request, phases))
            except OSError as error:  # httpcore's own errors are none: it is a file that goes with the request
                raise NotSent(f"{asked}: a file to send could not be read, {error.strerror}") from error
            try:
                stream = response.extensions.get("network_stream")
                if isinstance(stream, TimedStream) and not stream.has_read:
                    stream.close()
                    raise LostAnswer(f"{asked}: the answer was lost, the server had answered an earlier request twice")
                if not isinstance(response.stream, Iterable):  # pragma: no cover - it is, for a pool that is not async
                    raise TypeError("not a stream")
                reply = Reply(asked, response.status, httpx.Headers(response.headers), response.stream)
                yield reply
            finally:
                response.close()
        except _NOT_SENT as error:
            raise NotSent(f"{asked}: {self._own_name(request)} was not reached, {_why(error, phases)}") from error
        except httpcore.WriteTimeout as error:
            raise NotSent(f"{asked}: the request could not be sent whole, {_why(error, phases)}") from error
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise NotAllowed(f"{asked}: such a request can not be sent") from error
        except LOST as error:
            its_id = reply.request_id if reply else ""
            raise LostAnswer(
                f"{asked}: the answer was lost, {_why(error, phases)}{tagged(its_id)}", request_id=its_id
            ) from error

    def _own_name(self, request: httpx.Request) -> str:
        """The service's own server by its address: that is where people look for a mistake; any other as "it"."""
        base = f"{self._own.scheme}://{self._own.netloc.decode()}"
        return base if (request.url.host, request.url.port) == (self._own.host, self._own.port) else "it"

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()


def _as_httpcore(request: httpx.Request, phases: dict[str, Phase]) -> httpcore.Request:
    if not isinstance(request.stream, httpx.SyncByteStream):  # pragma: no cover - all that ask() builds is
        raise TypeError("not a body that can be sent")
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port,
                     target=request.url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions={"timeout": phases},
    )  # fmt: skip


def _why(error: Exception, phases: dict[str, Phase]) -> str:
    """What broke, for the middle of a sentence."""
    read = phases["read"]
    if isinstance(error, httpcore.TimeoutException):
        if read.left_s <= 0:
            return "it was not done in the time that the whole request has"
        if isinstance(error, httpcore.ConnectTimeout):
            return f"no connection within {phases['connect']:g} s"
        if isinstance(error, httpcore.WriteTimeout):
            return f"it took no byte for {phases['write']:g} s"
        return f"no byte came for {read:g} s"
    return hide(str(error), longest=200) or type(error).__name__


@lru_cache(maxsize=1)
def _tls() -> SSLContext:
    """Certificates are checked, against those that SSL_CERT_FILE or SSL_CERT_DIR names where they are set."""
    return httpx.create_ssl_context()


def _without_values(record: logging.LogRecord) -> bool:
    """Leave of httpcore's records what happened, and drop the values."""
    record.msg, record.args = record.getMessage().partition(" ")[0], None
    return True


for _name in ("connection", "http11", "http2", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_name}").addFilter(_without_values)
