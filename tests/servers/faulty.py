"""A server between a client and an app that lets a request through, or does one of the things that go wrong.

`FaultyProxy(upstream, schedule)` speaks plain HTTP/1.1 on a socket of its own, so that it can do what no framework lets
one do: reset, cut off, drip, answer twice. A schedule says which fault each request meets (None: it goes through), by
its number from 0, method and path. It counts: `n_requests` came in, `n_forwarded` reached the app, `met` names the
faults.

    with serving(app) as url, FaultyProxy(url, first(2, answered(503))) as proxy: ...   # ask at proxy.url
"""

import os
import re
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import TracebackType
from urllib.parse import urlsplit

_READS_FOR_S = 60.0
_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Request:
    """One request as it came in. `head` is its first line and headers, without the blank line."""

    number: int
    method: str
    path: str
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        found = re.search(rb"(?im)^%s:[ \t]*(.*?)\r?$" % re.escape(name.encode()), self.head)
        return found.group(1).decode("latin-1") if found else ""


@dataclass(frozen=True)
class Response:
    """One answer of the app, whole. `headers` are without those of the connection and the length."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def bytes_(self, length: int | None = None, *, is_closing: bool = False) -> bytes:
        """As it goes over the wire, with its own length or a given one."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"content-length: {len(self.body) if length is None else length}")
        lines.append(f"connection: {'close' if is_closing else 'keep-alive'}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def with_header(self, name: str, value: str) -> "Response":
        kept = tuple((key, old) for key, old in self.headers if key.lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))


class Exchange:
    """What a fault has in hand: the request, a way to the app, and the client's socket."""

    def __init__(self, proxy: "FaultyProxy", request: Request, client: socket.socket) -> None:
        self.request = request
        self.client = client
        self.proxy = proxy

    def forwarded(self) -> Response:
        """What the app answers; it has done then what it was asked for."""
        self.proxy.count_forwarded()
        return _forwarded(self.proxy.upstream, self.request)

    def send(self, data: bytes) -> None:
        self.client.sendall(data)

    def reset(self) -> None:
        """End the connection as a crashed process does."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.client.detach())  # close() would wait for those who still read from it

    def sleep(self, seconds: float) -> bool:
        """Wait; False when the proxy is closed meanwhile."""
        return not self.proxy.is_closed.wait(seconds)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong; `act` answers whether the connection goes on."""

    name: str
    act: Callable[[Exchange], bool]


Schedule = Callable[[Request], Fault | None]


# --- Faults --------------------------------------------------------------------------------------------------------


def answered(
    status: int, body: bytes = b'{"message": "not now"}', *, headers: Iterable[tuple[str, str]] = (),
    content_type: str = "application/json", is_taken: bool = False,
) -> Fault:  # fmt: skip
    """An error of the server itself, or of what stands before it. `is_taken`: the app has done it nonetheless."""

    def act(exchange: Exchange) -> bool:
        if is_taken:
            exchange.forwarded()
        exchange.send(Response(status, (("content-type", content_type), *headers), body).bytes_())
        return True

    return Fault(f"{status}", act)


def busy(status: int = 429, retry_after: str = "", **more: str) -> Fault:
    """Too many requests (429), or not now (503), with or without a word when to come back."""
    headers = [("retry-after", retry_after)] if retry_after else []
    headers += [(name.replace("_", "-"), value) for name, value in more.items()]
    fault = answered(status, headers=headers)
    return replace(fault, name=f"{status} with Retry-After" if headers else fault.name)


def _act_reset_before_reading(exchange: Exchange) -> bool:
    exchange.reset()
    return False


def _act_lost_answer(exchange: Exchange) -> bool:
    exchange.forwarded()
    exchange.reset()
    return False


def _act_closes(exchange: Exchange) -> bool:
    exchange.forwarded()
    return False


def silent(seconds: float = 30.0, *, is_taken: bool = True) -> Fault:
    """No answer for so long, and then none."""

    def act(exchange: Exchange) -> bool:
        if is_taken:
            exchange.forwarded()
        exchange.sleep(seconds)
        return False

    return Fault("time-out", act)


def cut_off(share: float = 0.5, *, is_reset: bool = False) -> Fault:
    """The answer ends in the middle of its body."""

    def act(exchange: Exchange) -> bool:
        whole = exchange.forwarded()
        part = whole.body[: int(len(whole.body) * share)]
        exchange.send(replace(whole, body=part).bytes_(len(whole.body), is_closing=True))
        if is_reset:
            exchange.sleep(0.02)  # else what was sent last is dropped as well
            exchange.reset()
        return False

    return Fault("cut-off body", act)


def without_length(share: float = 1.0) -> Fault:
    """The answer ends where the connection does, as before HTTP/1.1; whether it is all, nobody can tell."""

    def act(exchange: Exchange) -> bool:
        whole = exchange.forwarded()
        head, _, body = whole.bytes_(is_closing=True).partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
        exchange.send(b"\r\n".join(lines) + b"\r\n\r\n" + body[: int(len(body) * share)])
        return False

    return Fault("no length", act)


def cut_short(share: float = 0.5) -> Fault:
    """The answer is only a part, and its length says that it is all."""

    def act(exchange: Exchange) -> bool:
        whole = exchange.forwarded()
        exchange.send(replace(whole, body=whole.body[: int(len(whole.body) * share)]).bytes_())
        return True

    return Fault("shortened body", act)


def ends_between_events() -> Fault:
    """A stream of events that ends as a whole one does, but too early; what is no stream is a part, as `cut_short`."""

    def act(exchange: Exchange) -> bool:
        whole = exchange.forwarded()
        half = whole.body[: len(whole.body) // 2]
        events, end, _ = half.rpartition(b"\n\n")
        exchange.send(replace(whole, body=events + end or half).bytes_())
        return True

    return Fault("shortened stream", act)


def wrong_type(content_type: str = "text/html; charset=utf-8") -> Fault:
    """The right status and body under another type."""

    def act(exchange: Exchange) -> bool:
        exchange.send(exchange.forwarded().with_header("content-type", content_type).bytes_())
        return True

    return Fault("wrong type", act)


def replaced(body: bytes, name: str = "bad JSON") -> Fault:
    """The right status and headers, with another body."""

    def act(exchange: Exchange) -> bool:
        exchange.send(replace(exchange.forwarded(), body=body).bytes_())
        return True

    return Fault(name, act)


def wrong_wav_sizes(size: int = 0xFFFFFFFF) -> Fault:
    """A WAV whose RIFF and data sizes are another number; what is no WAV goes through as it is."""

    def act(exchange: Exchange) -> bool:
        whole = exchange.forwarded()
        exchange.send(replace(whole, body=with_wav_sizes(whole.body, size)).bytes_())
        return True

    return Fault("wrong WAV sizes", act)


def slow_drip(pause_s: float = 0.02, n_bytes: int = 1, *, is_from_the_head: bool = False) -> Fault:
    """The answer comes a few bytes at a time: its body, or its head already."""

    def act(exchange: Exchange) -> bool:
        whole = exchange.forwarded()
        wire = whole.bytes_()
        n_at_once = 0 if is_from_the_head else len(wire) - len(whole.body)
        exchange.send(wire[:n_at_once])
        for start in range(n_at_once, len(wire), n_bytes):
            exchange.send(wire[start : start + n_bytes])
            if not exchange.sleep(pause_s):
                return False
        return True

    return Fault("slow drip", act)


def _act_answers_twice(exchange: Exchange) -> bool:
    whole = exchange.forwarded().bytes_()
    exchange.send(whole + whole)
    return True


def _act_gibberish(exchange: Exchange) -> bool:
    exchange.forwarded()
    exchange.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    return False


RESET_BEFORE_READING = Fault("reset before reading", _act_reset_before_reading)
LOST_ANSWER = Fault("reset after the request", _act_lost_answer)
CLOSED_WITHOUT_ANSWER = Fault("closed without an answer", _act_closes)
ANSWERS_TWICE = Fault("answers twice", _act_answers_twice)
GIBBERISH = Fault("no HTTP", _act_gibberish)


# --- Schedules -----------------------------------------------------------------------------------------------------


def always(fault: Fault) -> Schedule:
    return lambda _request: fault


def never(_request: Request) -> None:
    return None


def first(n: int, fault: Fault) -> Schedule:
    """The first `n` requests."""
    return lambda request: fault if request.number < n else None


def every(n: int, fault: Fault) -> Schedule:
    """The first request and every n-th after it."""
    return lambda request: fault if request.number % n == 0 else None


def in_turn(faults: Sequence[Fault | None]) -> Schedule:
    """One after the other, and none after the last."""
    return lambda request: faults[request.number] if request.number < len(faults) else None


def on(pattern: str, schedule: Schedule) -> Schedule:
    """Only requests whose "METHOD /path" matches, counted on their own."""
    counted, lock = iter(range(1 << 62)), threading.Lock()

    def found(request: Request) -> Fault | None:
        if not re.search(pattern, f"{request.method} {request.path}"):
            return None
        with lock:
            return schedule(replace(request, number=next(counted)))

    return found


# --- The proxy -----------------------------------------------------------------------------------------------------


@dataclass
class FaultyProxy:
    """Stands before the app at `upstream` (http://host:port; "" where nothing is let through) as a context.

    `reads_first`: the schedule sees the bodies of requests too.
    """

    upstream: str
    schedule: Schedule = never
    reads_first: bool = False
    n_requests: int = field(default=0, init=False)
    n_forwarded: int = field(default=0, init=False)
    n_connections: int = field(default=0, init=False)
    met: Counter[str] = field(default_factory=Counter, init=False)
    is_closed: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "FaultyProxy":
        threading.Thread(target=self._server.serve_forever, args=(0.005,), name="faulty", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closed.set()
        self._server.shutdown()
        self._server.server_close()

    def count_forwarded(self) -> None:
        with self._lock:
            self.n_forwarded += 1

    def serve(self, client: socket.socket) -> None:
        """Every request of one connection."""
        with self._lock:
            self.n_connections += 1
        client.settimeout(_READS_FOR_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = client.makefile("rb")
        while True:
            head = _head(stream)
            if not head:
                return
            method, path = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:2]
            request = Request(0, method, path, head, b"")
            if self.reads_first:
                request = _whole(client, stream, request)
            with self._lock:
                request = replace(request, number=self.n_requests)
                self.n_requests += 1
                fault = self.schedule(request)
                if fault is not None:
                    self.met[fault.name] += 1
            if fault is not RESET_BEFORE_READING and not self.reads_first:
                request = _whole(client, stream, request)
            exchange = Exchange(self, request, client)
            if fault is None:
                exchange.send(exchange.forwarded().bytes_())
            elif not fault.act(exchange):
                return


def with_wav_sizes(wav: bytes, size: int) -> bytes:
    """The WAV with other sizes of its RIFF and data chunks."""
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        return wav
    changed = bytearray(wav)
    struct.pack_into("<I", changed, 4, size)
    at = 12
    while at + 8 <= len(wav):
        (length,) = struct.unpack_from("<I", wav, at + 4)
        if wav[at : at + 4] == b"data":
            struct.pack_into("<I", changed, at + 4, size)
            break
        at += 8 + length + length % 2
    return bytes(changed)


def _head(stream: object) -> bytes:
    lines: list[bytes] = []
    while True:
        line: bytes = stream.readline(65536)  # type: ignore[attr-defined]
        if not line:
            return b""
        if line in (b"\r\n", b"\n"):
            if lines:
                return b"".join(lines).rstrip(b"\r\n")
            continue
        lines.append(line)


def _whole(client: socket.socket, stream: object, request: Request) -> Request:
    """The request with its body."""
    if request.header("expect"):
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return replace(request, body=_body(stream, request))


def _body(stream: object, request: Request) -> bytes:
    read = stream.read  # type: ignore[attr-defined]
    if "chunked" in request.header("transfer-encoding"):
        found = b""
        while True:
            size = int(stream.readline().split(b";")[0], 16)  # type: ignore[attr-defined]
            found += read(size)
            read(2)
            if not size:
                return found
    return bytes(read(int(request.header("content-length") or 0)))


def _forwarded(upstream: str, request: Request) -> Response:
    """The app's answer. The client's Host goes along, so that addresses that the app makes lead through the proxy."""
    target = urlsplit(upstream)
    lines = [line for line in request.head.split(b"\r\n") if line.split(b":")[0].strip().lower().decode("latin-1")
             not in _CONNECTION]  # fmt: skip
    wire = b"\r\n".join([*lines, b"connection: close", b"content-length: %d" % len(request.body), b"", request.body])
    with socket.create_connection((target.hostname or "", target.port or 80), 10.0) as app:
        app.settimeout(_READS_FOR_S)
        app.sendall(wire)
        stream = app.makefile("rb")
        head = _head(stream).decode("latin-1").split("\r\n")
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:])]
        answer = Request(0, "", "", "\r\n".join(["", *head[1:]]).encode("latin-1"), b"")
        status = int(head[0].split(" ")[1])
        has_length = answer.header("content-length") or answer.header("transfer-encoding")
        has_body = request.method != "HEAD" and status not in (204, 304)
        body = b"" if not has_body else _body(stream, answer) if has_length else stream.read()
    return Response(status, tuple(pair for pair in headers if pair[0].lower() not in _CONNECTION), body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def wait_until(is_true: Callable[[], bool], within_s: float = 5.0) -> None:
    """For what another thread does."""
    end = time.monotonic() + within_s
    while not is_true():
        if time.monotonic() > end:
            raise AssertionError("it did not happen")
        time.sleep(0.005)
