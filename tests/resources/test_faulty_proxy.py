"""The proxy of faults does what its faults are called, as a plain socket sees it."""

import http.client
import socket
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.servers import faulty
from tests.servers.faulty import Fault, FaultyProxy, always, every, first, in_turn, on
from tests.servers.serving import serving

DATA = bytes(range(100))
WAV = (
    b"RIFF"
    + struct.pack("<I", 136)
    + b"WAVEfmt "
    + struct.pack("<I", 16)
    + bytes(16)
    + b"data"
    + struct.pack("<I", 100)
)
WAV += DATA


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    async def echo(request: Request) -> Response:
        return JSONResponse({"body": (await request.body()).decode(), "url": str(request.url)}, 201, {"x-a": "b"})

    def wav(_request: Request) -> Response:
        return StreamingResponse(iter([WAV[:50], WAV[50:]]), media_type="audio/wav")

    with serving(Starlette(routes=[Route("/echo", echo, methods=["GET", "POST"]), Route("/wav", wav)])) as found:
        yield found


def ask(url: str, method: str = "GET", path: str = "/wav", body: bytes | None = None) -> tuple[int, bytes, str]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=2.0)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("content-type", "")
    finally:
        connection.close()


def test_what_meets_no_fault_goes_through_as_it_is(url: str) -> None:
    with FaultyProxy(url) as proxy:
        status, body, kind = ask(proxy.url, "POST", "/echo?a=b", b"hello")
        assert (status, kind) == (201, "application/json")
        assert body == b'{"body":"hello","url":"%s/echo?a=b"}' % proxy.url.encode()
        assert ask(proxy.url) == (200, WAV, "audio/wav")
        assert (proxy.n_requests, proxy.n_forwarded, dict(proxy.met)) == (2, 2, {})


@pytest.mark.parametrize(
    ("fault", "expected", "n_forwarded"),
    [
        (faulty.answered(500, b"no", content_type="text/plain"), (500, b"no", "text/plain"), 0),
        (faulty.answered(500, b"", is_taken=True), (500, b"", "application/json"), 1),
        (faulty.busy(429, "7"), (429, b'{"message": "not now"}', "application/json"), 0),
        (faulty.cut_short(), (200, WAV[:72], "audio/wav"), 1),
        (faulty.without_length(0.5), (200, WAV[:72], "audio/wav"), 1),
        (faulty.wrong_type(), (200, WAV, "text/html; charset=utf-8"), 1),
        (faulty.replaced(b"{"), (200, b"{", "audio/wav"), 1),
        (faulty.slow_drip(0.0), (200, WAV, "audio/wav"), 1),
        (faulty.ANSWERS_TWICE, (200, WAV, "audio/wav"), 1),
        (faulty.wrong_wav_sizes(), (200, faulty.with_wav_sizes(WAV, 0xFFFFFFFF), "audio/wav"), 1),
        (faulty.RESET_BEFORE_READING, ConnectionResetError, 0),
        (faulty.LOST_ANSWER, ConnectionResetError, 1),
        (faulty.CLOSED_WITHOUT_ANSWER, http.client.RemoteDisconnected, 1),
        (faulty.silent(0.01), http.client.RemoteDisconnected, 1),
        (faulty.GIBBERISH, http.client.BadStatusLine, 1),
        (faulty.cut_off(), http.client.IncompleteRead, 1),
        (faulty.cut_off(is_reset=True), ConnectionResetError, 1),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_a_fault_is_what_it_is_called(
    url: str, fault: Fault, expected: tuple[int, bytes, str] | type[Exception], n_forwarded: int
) -> None:
    with FaultyProxy(url, first(1, fault)) as proxy:
        if isinstance(expected, tuple):
            assert ask(proxy.url) == expected
        else:
            with pytest.raises(expected):
                ask(proxy.url)
        assert (proxy.n_forwarded, dict(proxy.met)) == (n_forwarded, {fault.name: 1})
        assert ask(proxy.url) == (200, WAV, "audio/wav")


def test_only_the_sizes_of_a_wav_are_changed() -> None:
    changed = faulty.with_wav_sizes(WAV, 5)
    assert [at for at in range(len(WAV)) if changed[at] != WAV[at]] == [4, 40]
    assert struct.unpack_from("<I", changed, 4) == struct.unpack_from("<I", changed, 40) == (5,)
    assert faulty.with_wav_sizes(b"ID3 no wav", 5) == b"ID3 no wav"


def test_both_answers_are_on_the_wire(url: str) -> None:
    with FaultyProxy(url, always(faulty.ANSWERS_TWICE)) as proxy:
        address = urlsplit(proxy.url)
        with socket.create_connection((address.hostname or "", address.port or 0), 2.0) as client:
            client.sendall(b"GET /wav HTTP/1.1\r\nhost: a\r\n\r\n")
            got = b""
            while got.count(WAV) < 2:
                got += client.recv(4096)
        assert got.count(b"HTTP/1.1 200 OK") == 2


def test_schedules() -> None:
    a, b = faulty.answered(500), faulty.busy(429)

    def met(schedule: faulty.Schedule, *lines: str) -> list[Fault | None]:
        return [schedule(faulty.Request(n, *line.split(), b"", b"")) for n, line in enumerate(lines)]  # type: ignore[arg-type]

    four = ["GET /a", "POST /b", "GET /b", "POST /b"]
    assert met(always(a), *four) == [a] * 4
    assert met(first(2, a), *four) == [a, a, None, None]
    assert met(every(2, a), *four) == [a, None, a, None]
    assert met(in_turn([None, a, b]), *four) == [None, a, b, None]
    assert met(on("POST /b", first(1, a)), *four) == [None, a, None, None]
