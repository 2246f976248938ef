import gzip
import hashlib
import logging
import os
import socket
import threading
import time
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from resources import http_retries
from resources.http_client import AUDIO, JSON, Event, HttpClient, Service, Timeouts, Upload, client_of
from resources.http_errors import (
    BadAnswer,
    Broken,
    Busy,
    Denied,
    HttpProblem,
    LostAnswer,
    NotAllowed,
    NotSent,
    as_order,
)  # fmt: skip
from resources.paid_vendor import NotSubmitted, Refused
from resources.pausing import Timing, stop_with
from resources.request_ids import noted
from resources.secrets import Key, hide
from tests.servers.faulty import (
    ANSWERS_TWICE,
    CLOSED_WITHOUT_ANSWER,
    GIBBERISH,
    LOST_ANSWER,
    RESET_BEFORE_READING,
    Exchange,
    Fault,
    FaultyProxy,
    Schedule,
    always,
    answered,
    busy,
    cut_off,
    cut_short,
    first,
    in_turn,
    replaced,
    silent,
    slow_drip,
    wait_until,
    without_length,
    wrong_type,
)  # fmt: skip
from tests.servers.serving import serving

KEY = "sk-planted-0123456789abcdef"
FILE = bytes(range(256)) * 40
PATIENT = Timeouts(connect_s=10.0, write_s=10.0, read_s=10.0, slot_s=10.0, total_s=60.0)
"""Limits that nothing runs into, however busy the machine is, but what hangs."""

SHORT_READ = replace(PATIENT, read_s=0.1)
SHORT_TOTAL = replace(PATIENT, total_s=0.6)


@dataclass
class Shop:
    """A vendor that counts what it was asked, keeps the last request, and answers as it is told."""

    answer: Callable[[Request, bytes], Response] = lambda _request, _body: JSONResponse({"id": "job 1"})
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def app(self) -> Starlette:
        async def all_(request: Request) -> Response:
            body = await request.body()
            self.asked.append((request.method, str(request.url.path), dict(request.headers), body))
            if request.url.path == "/v1/file":
                return Response(FILE, media_type="audio/wav")
            if request.url.path == "/v1/events":
                return Response(b'event: chunk\ndata: {"n": 1}\n\ndata: done\n\n', media_type="text/event-stream")
            return self.answer(request, body)

        return Starlette(
            routes=[Route("/{path:path}", all_, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])]
        )

    @property
    def n_asked(self) -> int:
        return len(self.asked)

    @property
    def headers(self) -> dict[str, str]:
        return self.asked[-1][2]


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Shop, str]]:
    found = Shop()
    with serving(found.app()) as url:
        yield found, url


@pytest.fixture(autouse=True)
def shop(opened: tuple[Shop, str]) -> Shop:
    """The shop as it is new."""
    found, _ = opened
    found.__init__()  # type: ignore[misc]
    return found


@pytest.fixture
def url(opened: tuple[Shop, str]) -> str:
    return opened[1]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Key:
    monkeypatch.setenv("SHOP_KEY", KEY)
    return Key("SHOP_KEY")


def service(url: str, **changes: Any) -> Service:
    return replace(Service("shop", f"{url}/v1", timeouts=PATIENT), **changes)


@dataclass
class Desk:
    """A client, and time that passes only where it is slept."""

    client: HttpClient
    slept_s: list[float] = field(default_factory=list)


def desk(url: str, *, vary: float = 0.5, **changes: Any) -> Desk:
    found = Desk(HttpClient(service(url, **changes)))
    found.client.timing = Timing(sleep=found.slept_s.append, vary=lambda: vary)
    return found


# --- Each fault through each way to ask ------------------------------------------------------------------------------


def _get(client: HttpClient, _folder: Path) -> Any:
    return client.get("jobs/1").json()


def _post(client: HttpClient, _folder: Path) -> Any:
    return client.post("jobs", {"text": "hé"}).json()


def _safe_post(client: HttpClient, _folder: Path) -> Any:
    return client.post("jobs", {"text": "hé"}, is_safe=True).json()


def _upload(client: HttpClient, folder: Path) -> Any:
    file = folder.with_suffix(".wav")
    file.write_bytes(FILE)
    return client.ask("POST", "jobs", form={"a": "b"}, files={"file": Upload("a.wav", file, "audio/wav")}).json()


def _events(client: HttpClient, _folder: Path) -> Any:
    assert list(client.events("events", {})) == [Event("chunk", '{"n": 1}'), Event("message", "done")]
    return {"id": "job 1"}


def _download(client: HttpClient, folder: Path) -> Any:
    got = client.download("file", folder / "take.wav", accepts=AUDIO, sha256=hashlib.sha256(FILE).hexdigest())
    assert (folder / "take.wav").read_bytes() == FILE
    assert (got.size, got.content_type) == (len(FILE), "audio/wav")
    return {"id": "job 1"}


WAYS = {
    "get": _get,
    "post": _post,
    "safe post": _safe_post,
    "upload": _upload,
    "events": _events,
    "download": _download,
}
IS_ASKED_AGAIN = {"get", "safe post", "download"}
NOT_TAKEN = {"429", "429 with Retry-After"}

FAULTS: dict[str, tuple[Fault, type[HttpProblem]]] = {
    "429": (busy(429), Busy),
    "429 with Retry-After": (busy(429, "2"), Busy),
    "500": (answered(500), Broken),
    "503": (busy(503), Broken),
    "503 with Retry-After": (busy(503, "2"), Broken),
    "a gateway's 502": (answered(502, b"<html><title>Bad gateway</title>", content_type="text/html"), Broken),
    "reset before reading": (RESET_BEFORE_READING, LostAnswer),
    "reset after the request": (LOST_ANSWER, LostAnswer),
    "closed without an answer": (CLOSED_WITHOUT_ANSWER, LostAnswer),
    "time-out": (silent(5.0), LostAnswer),
    "cut-off body": (cut_off(), LostAnswer),
    "cut-off and reset body": (cut_off(is_reset=True), LostAnswer),
    "slow drip": (slow_drip(0.1), LostAnswer),
    "slow drip from the head": (slow_drip(0.1, is_from_the_head=True), LostAnswer),
    "wrong type": (wrong_type(), BadAnswer),
    "no HTTP": (GIBBERISH, LostAnswer),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "out"
    found.mkdir()
    return found


def limits(fault: str) -> Timeouts:
    return SHORT_READ if fault == "time-out" else SHORT_TOTAL if "drip" in fault else PATIENT


def has_met(proxy: FaultyProxy, n: int) -> bool:
    """Exactly so many requests; one that the client gave up on may be counted a moment later."""
    wait_until(lambda: proxy.n_requests >= n)
    return proxy.n_requests == n


@pytest.mark.parametrize(
    ("way", "fault"),
    [(way, fault) for way in WAYS for fault in FAULTS if "drip" not in fault or way not in ("safe post", "upload")],
)
def test_a_fault_that_stays_is_told_and_leaves_nothing_behind(url: str, folder: Path, way: str, fault: str) -> None:
    """Not one file, and not one request more than may be sent."""
    acts, kind = FAULTS[fault]
    is_again = (way in IS_ASKED_AGAIN or fault in NOT_TAKEN) and "drip" not in fault
    with FaultyProxy(url, always(acts)) as proxy:
        began = time.monotonic()
        with pytest.raises(kind) as failure:
            WAYS[way](desk(proxy.url, n_tries=2, timeouts=limits(fault)).client, folder)
        assert time.monotonic() - began < 8.0
        assert type(failure.value) is kind
        assert has_met(proxy, 2 if is_again else 1)
    assert list(folder.iterdir()) == []
    assert str(failure.value).startswith("shop: ")
    assert len(str(failure.value)) < 300
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("fault", [name for name in FAULTS if "drip" not in name])
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_that_passes_is_got_over_where_asking_again_does_no_harm(
    url: str, folder: Path, way: str, fault: str
) -> None:
    acts, kind = FAULTS[fault]
    with FaultyProxy(url, first(1, acts)) as proxy:
        if way in IS_ASKED_AGAIN or fault in NOT_TAKEN:
            timeouts = replace(PATIENT, read_s=0.3) if fault == "time-out" else PATIENT
            assert WAYS[way](desk(proxy.url, timeouts=timeouts).client, folder) == {"id": "job 1"}
            assert has_met(proxy, 2)
        else:
            with pytest.raises(kind):
                WAYS[way](desk(proxy.url, timeouts=limits(fault)).client, folder)
            assert has_met(proxy, 1)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_comes_twice_is_not_taken_for_the_next_ones(
    shop: Shop, url: str, folder: Path, way: str
) -> None:
    with FaultyProxy(url, first(1, ANSWERS_TWICE)) as proxy:
        client = desk(proxy.url).client
        assert WAYS[way](client, folder) == {"id": "job 1"}
        shop.answer = lambda _request, _body: JSONResponse({"id": "job 2"})
        assert client.get("jobs/2").json() == {"id": "job 2"}
        assert client.post("jobs", {}).json() == {"id": "job 2"}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (replaced(b'{"id": "jo'), "not JSON"),
        (replaced(b"<html>maintenance</html>"), "not JSON: <html>maintenance"),
        (cut_short(), "not JSON"),
        (replaced(b"\xff\xfe{}"), "not JSON"),
    ],
)
def test_json_is_checked_and_a_read_is_asked_again(url: str, fault: Fault, says: str) -> None:
    with FaultyProxy(url, always(fault)) as proxy:
        with pytest.raises(BadAnswer, match=says):
            desk(proxy.url).client.post("jobs", {}, is_safe=False)
        assert proxy.n_requests == 1
    with FaultyProxy(url, first(1, fault)) as proxy:
        assert desk(proxy.url).client.get("jobs/1").json() == {"id": "job 1"}


def test_a_number_that_is_none_is_none(shop: Shop, url: str) -> None:
    shop.answer = lambda _r, _b: Response(b'{"a": [NaN, -Infinity, 1.5, "NaN"]}', media_type="application/json")
    assert desk(url).client.get("jobs/1").json() == {"a": [None, None, 1.5, "NaN"]}
    for broken in (b'{"a": NaN', b"NaNa", b"[" * 100_000 + b"NaN"):
        shop.answer = lambda _r, _b, broken=broken: Response(broken, media_type="application/json")
        with pytest.raises(BadAnswer, match="not JSON"):
            desk(url, n_tries=1).client.get("jobs/1")


# --- What is asked again, and when -----------------------------------------------------------------------------------


def test_waits_grow_and_vary(url: str) -> None:
    for vary, expected in ((0.0, [0.25, 0.5, 1.0]), (0.5, [0.5, 1.0, 2.0]), (1.0, [0.75, 1.5, 3.0])):
        with FaultyProxy(url, always(answered(500))) as proxy:
            asked = desk(proxy.url, vary=vary)
            with pytest.raises(Broken, match=r"\(after 4 tries\)"):
                asked.client.get("jobs/1")
            assert asked.slept_s == expected
            assert proxy.n_requests == 4


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What a person would read: warnings go to stderr where nothing else is set up."""
    monkeypatch.setattr(http_retries, "_told_at", {})
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_long_wait_is_told_before_it_is_waited(url: str, told: Callable[[], list[str]]) -> None:
    with FaultyProxy(url, in_turn([busy(429, "1"), busy(503, "7")])) as proxy:
        asked = desk(proxy.url)
        asked.client.get("jobs/1")
    (said,) = told()
    assert said.startswith("shop: GET ")
    assert "answered 503" in said
    assert said.endswith("asked again in 7.2 s, try 3 of 4")
    assert len(asked.slept_s) == 2


def test_a_thousand_waits_are_not_a_thousand_lines(url: str, told: Callable[[], list[str]]) -> None:
    with FaultyProxy(url, always(busy(503, "7"))) as proxy:
        asked = desk(proxy.url)
        for _ in range(4):
            with pytest.raises(Broken):
                asked.client.get("jobs/1")
        assert len(asked.slept_s) == 12
        assert len(told()) < 12


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (busy(429, "7"), [7.25]),
        (busy(503, "0"), [0.25]),
        (busy(429, "1.5"), [1.75]),
        (busy(429, retry_after_ms="400"), [0.65]),
        (busy(429, "9", retry_after_ms="400"), [0.65]),
        (busy(429, "Fri, 27 Nov 2026 10:00:09 GMT", date="Fri, 27 Nov 2026 10:00:00 GMT"), [9.25]),
        (busy(429, "Fri, 27 Nov 1998 10:00:00 GMT"), [0.25]),
        (busy(429, "soon"), [0.5]),
        (busy(429, "nan"), [0.5]),
        (busy(429, "-5"), [0.25]),
    ],
)
def test_the_servers_wish_is_waited_for(url: str, fault: Fault, expected: list[float]) -> None:
    with FaultyProxy(url, first(1, fault)) as proxy:
        asked = desk(proxy.url)
        asked.client.get("jobs/1")
        assert asked.slept_s == pytest.approx(expected)


def test_an_hour_is_not_slept_but_told(url: str) -> None:
    with FaultyProxy(url, always(busy(429, "3600"))) as proxy:
        asked = desk(proxy.url)
        with pytest.raises(Busy, match="asked again in 3600 s") as failure:
            asked.client.get("jobs/1")
        assert (failure.value.wait_s, asked.slept_s, proxy.n_requests) == (3600.0, [], 1)


@pytest.mark.parametrize("header", ["x-should-retry", "x-fal-retryable"])
def test_a_server_that_says_it_would_not_help_is_believed(url: str, header: str) -> None:
    with FaultyProxy(url, always(answered(503, headers=[(header, "false")]))) as proxy:
        with pytest.raises(Broken):
            desk(proxy.url).client.get("jobs/1")
        assert proxy.n_requests == 1


def test_one_try_is_one_try(url: str) -> None:
    with FaultyProxy(url, always(answered(500))) as proxy:
        with pytest.raises(Broken) as failure:
            desk(proxy.url, n_tries=1).client.get("jobs/1")
        assert "tries" not in str(failure.value)
        assert proxy.n_requests == 1


def test_all_tries_together_end_in_time(url: str) -> None:
    with FaultyProxy(url, always(silent(5.0))) as proxy:
        began = time.monotonic()
        with pytest.raises(LostAnswer, match=r"no byte came for 0.1 s|whole request"):
            desk(proxy.url, n_tries=50, timeouts=replace(SHORT_READ, total_s=0.7)).client.get("jobs/1")
        assert 0.65 < time.monotonic() - began < 5.0
        assert 2 <= proxy.n_requests <= 7


def test_a_server_that_takes_byte_by_byte_does_not_win_time(stack: ExitStack) -> None:
    """It reads so slowly that no single write runs into its limit."""
    listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    is_over = threading.Event()

    def sip() -> None:
        connection, _ = listening.accept()
        with connection:
            while not is_over.wait(0.01):
                connection.recv(512)

    threading.Thread(target=sip, daemon=True).start()
    stack.callback(is_over.set)
    client = desk(f"http://127.0.0.1:{listening.getsockname()[1]}", n_tries=1, timeouts=SHORT_TOTAL).client
    began = time.monotonic()
    with pytest.raises(NotSent, match="could not be sent whole, it was not done in the time"):
        client.ask("POST", "jobs", content=bytes(30_000_000))
    assert time.monotonic() - began < 8.0


def test_a_stopped_run_waits_no_longer(url: str) -> None:
    stopped = threading.Event()
    stopped.set()
    stop_with(stopped)
    try:
        with FaultyProxy(url, always(busy(429, "30"))) as proxy:
            with pytest.raises(NotSent, match="the run was stopped"):
                HttpClient(service(proxy.url)).post("jobs", {})
            assert proxy.n_requests == 1
        with FaultyProxy(url, always(LOST_ANSWER)) as proxy, pytest.raises(LostAnswer):
            HttpClient(service(proxy.url)).post("jobs", {}, is_safe=True)
    finally:
        stop_with(threading.Event())


# --- Orders ----------------------------------------------------------------------------------------------------------

OWN = answered(500, b'{"error_code": "overloaded", "message": "no worker is free"}')
ORDERS: list[tuple[str, Schedule, bool, type[Exception], int]] = [
    ("denied", always(answered(422, b'{"detail": "no such voice"}')), False, Refused, 1),
    ("busy", always(busy(429)), False, NotSubmitted, 4),
    ("a vendor's own 5xx", always(OWN), False, NotSubmitted, 1),
    ("a gateway's 5xx", always(answered(502, b"<h1>Bad gateway</h1>")), False, Broken, 1),
    ("a 504 after it was taken", always(answered(504, b"", is_taken=True)), False, Broken, 1),
    ("lost", always(LOST_ANSWER), False, LostAnswer, 1),
    ("reset", always(RESET_BEFORE_READING), False, LostAnswer, 1),
    ("time-out", always(silent(0.3)), False, LostAnswer, 1),
    ("cut off", always(cut_off()), False, LostAnswer, 1),
    ("bad JSON", always(replaced(b"{")), False, BadAnswer, 1),
    ("a redirect", always(answered(307, headers=[("location", "/elsewhere")])), False, Refused, 1),
    ("a redirect to what was done", always(answered(303, headers=[("location", "/e")])), False, BadAnswer, 1),
    # With a key that makes asking twice safe: once it may have been taken, no later "no" makes that undone.
    ("lost, then denied", in_turn([LOST_ANSWER, answered(409)]), True, LostAnswer, 2),
    ("lost, then busy", in_turn([LOST_ANSWER, *[busy(429)] * 3]), True, LostAnswer, 4),
    ("gateway, then own 5xx", in_turn([answered(502, b"<p>"), *[OWN] * 3]), True, LostAnswer, 4),
    ("bad JSON, then denied", in_turn([replaced(b"{"), answered(404)]), True, LostAnswer, 2),
    ("busy, then denied", in_turn([busy(429), answered(400)]), True, Refused, 2),
    ("own 5xx, then denied", in_turn([OWN, answered(400)]), True, Refused, 2),
]


@pytest.mark.parametrize(
    ("schedule", "is_safe", "kind", "n"), [order[1:] for order in ORDERS], ids=[o[0] for o in ORDERS]
)
def test_an_order_that_fails_is_told_as_what_it_means_for_the_money(
    url: str, schedule: Schedule, is_safe: bool, kind: type[Exception], n: int
) -> None:
    with FaultyProxy(url, schedule) as proxy:
        with pytest.raises(kind) as failure, as_order():
            desk(proxy.url, own_errors=("error_code",)).client.post("jobs", {}, is_safe=is_safe)
        assert type(failure.value) is kind
        assert has_met(proxy, n)


def test_an_order_that_never_left_is_not_submitted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for address, says in ((nobody, "refused"), ("http://no-such-host.invalid", "no-such-host.invalid is not known")):
        with (
            pytest.raises(NotSubmitted, match=f"(?i)shop: POST /v1/jobs: {address} was not reached, .*{says}"),
            as_order(),
        ):
            desk(address).client.post("jobs", {})


def test_what_can_not_be_sent_is_refused_before_it_is(shop: Shop, url: str, tmp_path: Path) -> None:
    client = desk(url).client
    gone = Upload("a.wav", tmp_path / "gone.wav", "audio/wav")
    for ask, says in (
        (lambda: client.post("jobs", {"n": float("nan")}), "ValueError"),
        (lambda: client.post("jobs", {"n": b"bytes"}), "TypeError"),
        (lambda: client.post("jobs", {"n": "\ud800"}), "UnicodeEncodeError"),
        (lambda: client.post("jobs", {}, headers={"x-a": "a\r\nb: c"}), "header x-a holds a character"),
        (lambda: client.post("jobs", {}, headers={"x-a": "h\x00"}), "header x-a holds a character"),
        (lambda: client.ask("POST", "jobs", files={"file": gone}), "gone.wav can not be read, No such file"),
        (lambda: client.ask("PUT", "jobs", content=tmp_path / "gone"), "gone can not be read"),
    ):
        with pytest.raises(Refused, match=says), as_order():
            ask()
    assert shop.n_asked == 0


def test_connections_are_kept_but_an_order_has_its_own(url: str) -> None:
    with FaultyProxy(url) as proxy:
        client = desk(proxy.url).client
        for _ in range(5):
            client.get("jobs/1")
        assert proxy.n_connections == 1
        client.post("jobs", {}, is_safe=True)
        assert proxy.n_connections == 1
        for _ in range(3):
            client.post("jobs", {})
        assert proxy.n_connections == 4


# --- What is sent ----------------------------------------------------------------------------------------------------


def test_headers_key_and_body_are_sent(shop: Shop, url: str, key: Key) -> None:
    client = desk(url, key=key, headers=(("X-Version", "1"), ("Accept", "a/b"))).client
    client.post("jobs", {"text": "hé"}, headers={"Idempotency-Key": "k", "x-version": "2"})
    assert shop.asked[-1][:2] == ("POST", "/v1/jobs")
    assert orjson.loads(shop.asked[-1][3]) == {"text": "hé"}
    sent = shop.headers
    assert (sent["authorization"], sent["idempotency-key"], sent["x-version"]) == (f"Bearer {KEY}", "k", "2")
    assert (sent["content-type"], sent["accept"], sent["user-agent"]) == ("application/json", "a/b", "audio-assets")


def test_a_key_has_its_own_header_and_is_read_for_every_request(
    shop: Shop, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = desk(url, key=Key("SHOP_KEY", "x-api-key", "Key {}", is_optional=True)).client
    client.get("jobs/1")
    assert "x-api-key" not in shop.headers
    monkeypatch.setenv("SHOP_KEY", f" {KEY}\n")
    client.get("jobs/1")
    assert shop.headers["x-api-key"] == f"Key {KEY}"


@pytest.mark.parametrize("value", ["sk-1234\r\nx: y", "sk-1234\n5678", "sk-ключ-1234", "sk-1234\x00abc", "sk–1234"])
def test_a_broken_key_is_one_clear_sentence(shop: Shop, url: str, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    if "\x00" not in value:
        monkeypatch.setenv("SHOP_KEY", value)
    else:
        monkeypatch.setattr(os, "environ", {"SHOP_KEY": value})
    with pytest.raises(Unavailable, match="the key in SHOP_KEY is broken") as failure:
        desk(url, key=Key("SHOP_KEY")).client.post("jobs", {})
    assert value not in str(failure.value)
    assert Key("SHOP_KEY").problem() == str(failure.value)
    with pytest.raises(Refused, match="the key in SHOP_KEY is broken"), as_order():
        desk(url, key=Key("SHOP_KEY")).client.post("jobs", {})
    assert shop.n_asked == 0


def test_params_are_added_to_what_is_there(shop: Shop, url: str) -> None:
    got: list[str] = []
    shop.answer = lambda request, _body: got.append(str(request.url.query)) or JSONResponse({})
    client = desk(url).client
    HttpClient(Service("shop", f"{url}/v1/")).get("/jobs/1")
    assert shop.asked[-1][1] == "/v1/jobs/1"
    got.clear()
    client.get("view?a=1", params={"name": "a b&c", "kind": "é"})
    client.get(f"{url}/v1/view?sig=x%2Fy%3D")
    assert got == ["a=1&name=a+b%26c&kind=%C3%A9", "sig=x%2Fy%3D"]


def test_a_form_with_files_is_multipart_with_its_fields_first(shop: Shop, url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(FILE)
    uploads = {"audio": Upload('a"\r\n.wav', file, "audio/wav"), "image": Upload("b.png", b"png", "image/png")}
    with FaultyProxy(url, first(1, busy(429))) as proxy:  # the second try sends the file from its beginning
        desk(proxy.url).client.ask("POST", "jobs", form={"model": "m"}, files=uploads)
    body = shop.asked[-1][3]
    assert shop.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert int(shop.headers["content-length"]) == len(body)
    assert body.index(b'name="model"') < body.index(b'name="audio"') < body.index(b'name="image"')
    assert FILE in body
    assert b'filename="a%22%0D%0A.wav"\r\nContent-Type: audio/wav' in body


def test_a_form_without_files_and_plain_content(shop: Shop, url: str, tmp_path: Path) -> None:
    client = desk(url).client
    client.ask("POST", "jobs", form={"a": "b c"})
    assert (shop.asked[-1][3], shop.headers["content-type"]) == (b"a=b+c", "application/x-www-form-urlencoded")
    (tmp_path / "a").write_bytes(FILE)
    client.ask("PUT", "asset", content=tmp_path / "a", headers={"Content-Type": "audio/wav"})
    assert (shop.asked[-1][3], shop.headers["content-type"]) == (FILE, "audio/wav")
    assert shop.headers["content-length"] == str(len(FILE))


# --- What is answered ------------------------------------------------------------------------------------------------


def test_an_answer_has_its_status_headers_and_id(shop: Shop, url: str) -> None:
    shop.answer = lambda _request, _body: JSONResponse({"a": 1}, 202, {"X-Request-Id": "r-1", "X-Words": "w"})
    answer = desk(url).client.get("jobs/1")
    assert (answer.status, answer.request_id, answer.headers["x-words"], answer.json()) == (202, "r-1", "w", {"a": 1})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"cf-ray": "8f-FRA"}, "8f-FRA"),
        ({"cf-ray": "8f-FRA", "request-id": "r1"}, "r1"),
        ({"x-fal-request-id": "f1"}, "f1"),
        ({"x-request-id": "r2", "request-id": "r1"}, "r2"),
        ({}, "b1"),
    ],
)
def test_a_request_id_is_kept_and_shown(shop: Shop, url: str, headers: dict[str, str], expected: str) -> None:
    shop.answer = lambda _request, _body: JSONResponse({"message": "no", "request_id": "b1"}, 400, headers)
    with pytest.raises(Denied, match=rf"\[request id {expected}\]") as failure:
        desk(url).client.get("jobs/1")
    assert failure.value.request_id == expected


def test_an_id_is_kept_where_the_answer_breaks_off(shop: Shop, url: str) -> None:
    shop.answer = lambda _request, _body: JSONResponse({"a": "b" * 100}, headers={"x-request-id": "r-9"})
    with (
        FaultyProxy(url, always(cut_short())) as proxy,
        pytest.raises(BadAnswer, match=r"not JSON.*\[request id r-9\]"),
    ):
        desk(proxy.url).client.post("jobs", {})
    with FaultyProxy(url, always(cut_off())) as proxy, pytest.raises(LostAnswer, match="r-9") as failure:
        desk(proxy.url).client.post("jobs", {})
    assert failure.value.request_id == "r-9"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "no such model", "type": "invalid_request_error"}}',
         "no such model (invalid_request_error)"),
        (b'{"error": "out of memory"}', "out of memory"),
        (b'{"detail": "no such voice"}', "no such voice"),
        (b'{"detail": {"status": "system_busy", "message": "try later"}}', "try later (system_busy)"),
        (b'{"detail": [{"loc": ["body", "prompt"], "msg": "field required", "type": "missing"}]}',
         "body.prompt: field required"),
        (b'{"message": ["a must be set", "b too"], "error": "Bad Request", "statusCode": 400}',
         "a must be set; b too"),
        (b'{"title": "Concurrency limited", "message": "too many", "error_code": "concurrency_limited"}',
         "Concurrency limited: too many (concurrency_limited)"),
        (b'{"title": "Unauthenticated", "detail": "no token", "status": 401}', "Unauthenticated: no token"),
        (b'{"errors": [{"message": "one"}, {"message": "two"}]}', "one; two"),
        (b'{"message": {"error": {"detail": "deep"}}}', "deep"),
        (b'{"code": "quota"}', "quota"),
        (b"plain\r\n  text", "plain text"),
        (b"<html><head><title>Bad &amp; gone</title></head><body>x</body></html>", "Bad & gone"),
        (b"<html><style>p{}</style><p>Just <b>a</b> moment</p></html>", "Just a moment"),
        (b'["odd"]', "odd"),
        (b'{"odd": 1}', '{"odd": 1}'),
        (b"", "Unprocessable"),
        (b"null", "null"),
        (b"\xff\xfe\x00\x1b[31mred", "[31mred"),
        (("x" * 100_000).encode(), "xxx..."),
    ],
)  # fmt: skip
def test_an_error_is_explained_in_one_readable_sentence(shop: Shop, url: str, body: bytes, said: str) -> None:
    shop.answer = lambda _request, _body: Response(body, 422)
    with pytest.raises(Denied, match="shop: POST /v1/jobs was answered 422: ") as failure:
        desk(url).client.post("jobs", {})
    assert said in failure.value.said
    assert failure.value.said in str(failure.value)
    assert len(str(failure.value)) < 400
    assert str(failure.value).isprintable()


@pytest.mark.parametrize(
    ("status", "body", "is_own"),
    [
        (500, b'{"error_code": "x"}', True),
        (500, b'{"message": "x"}', False),
        (500, b"error_code", False),
        (500, b'["error_code"]', False),
        (400, b'{"error_code": "x"}', False),
    ],
)
def test_a_vendors_own_error_is_told_from_a_gateways(
    shop: Shop, url: str, status: int, body: bytes, is_own: bool
) -> None:
    shop.answer = lambda _request, _body: Response(body, status)
    with pytest.raises(HttpProblem) as failure:
        desk(url, own_errors=("error_code",)).client.post("jobs", {})
    assert failure.value.is_vendors_own is is_own


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Denied), (401, Denied), (402, Denied), (404, Denied), (409, Denied), (408, Broken), (425, Broken),
     (429, Busy), (500, Broken), (501, Broken), (503, Broken), (529, Broken), (599, Broken)],
)  # fmt: skip
def test_permanent_and_transient(shop: Shop, url: str, status: int, kind: type[HttpProblem]) -> None:
    shop.answer = lambda _request, _body: JSONResponse({}, status)
    with pytest.raises(kind) as failure:
        desk(url, n_tries=1).client.get("jobs/1")
    assert failure.value.status == status
    assert isinstance(failure.value, PermanentError if kind is Denied else TransientError)


def test_an_error_whose_explanation_is_cut_off_is_still_that_error(shop: Shop, url: str) -> None:
    shop.answer = lambda _request, _body: JSONResponse({"message": "too many at once, sorry"}, 429)
    with FaultyProxy(url, always(cut_off())) as proxy, pytest.raises(Busy):
        desk(proxy.url).client.post("jobs", {})


def test_statuses_that_pass_are_answers_whatever_they_hold(shop: Shop, url: str) -> None:
    shop.answer = lambda _request, _body: Response("gone", 404, media_type="text/plain")
    answer = desk(url).client.ask("GET", "jobs/1", passes=(404,))
    assert (answer.status, answer.body) == (404, b"gone")
    with pytest.raises(BadAnswer, match="not JSON: gone"):
        answer.json()
    shop.answer = lambda _request, _body: JSONResponse({"status": "failed"}, 500)
    assert desk(url).client.ask("GET", "jobs/1", passes=(500,)).json() == {"status": "failed"}
    shop.answer = lambda _request, _body: Response(status_code=204)
    assert desk(url).client.ask("DELETE", "jobs/1").body == b""


@pytest.mark.parametrize(
    ("content_type", "accepts", "is_taken"),
    [
        ("audio/wav", AUDIO, True),
        ("AUDIO/MPEG; rate=1", AUDIO, True),
        ("application/octet-stream", AUDIO, True),
        ("application/json; charset=utf-8", JSON, True),
        ("text/html", AUDIO, False),
        ("application/json", AUDIO, False),
        ("text/plain", JSON, False),
        ("text/plain", (), True),
    ],
)
def test_the_type_is_checked(shop: Shop, url: str, content_type: str, accepts: tuple[str, ...], is_taken: bool) -> None:
    shop.answer = lambda _request, _body: Response(b"{}", headers={"content-type": content_type})
    client = desk(url).client
    if is_taken:
        assert client.post("jobs", {}, accepts=accepts).body == b"{}"
        return
    with pytest.raises(BadAnswer, match=f"answered with {content_type} instead of "):
        client.post("jobs", {}, accepts=accepts)


# --- Sizes -----------------------------------------------------------------------------------------------------------


def _endless(n_sent: list[int]) -> Iterator[bytes]:
    for _ in range(2000):
        n_sent.append(65536)
        yield bytes(65536)


def test_too_much_is_not_read(shop: Shop, url: str, folder: Path) -> None:
    """Neither what says so nor what does not; and it is not asked for again."""
    client = desk(url, largest_answer=300_000, largest_download=300_000).client
    for content in (lambda: Response(bytes(400_000)), lambda: StreamingResponse(_endless([]))):
        shop.asked.clear()
        shop.answer = lambda _request, _body, content=content: content()
        with pytest.raises(BadAnswer, match="more than 300000 bytes"):
            client.ask("GET", "jobs/1", accepts=())
        with pytest.raises(BadAnswer, match="more than 300000 bytes"):
            client.download("jobs/1", folder / "a.wav")
        assert shop.n_asked == 2
    assert list(folder.iterdir()) == []


def test_a_length_that_is_too_much_is_not_waited_for(folder: Path) -> None:
    def act(exchange: Exchange) -> bool:
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999999999999\r\n\r\n{")
        return exchange.sleep(5.0)

    with FaultyProxy("", always(Fault("promises too much", act))) as proxy:
        client = desk(proxy.url).client
        for ask in (lambda: client.get("jobs/1"), lambda: client.download("file", folder / "a.wav")):
            with pytest.raises(BadAnswer, match="more than"):
                ask()
        assert proxy.n_requests == 2


def test_a_packed_answer_is_counted_unpacked(shop: Shop, url: str, folder: Path) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    assert len(bomb) < 60_000  # one piece of what is read at once
    shop.answer = lambda _request, _body: Response(bomb, headers={"content-encoding": "gzip"})
    client = desk(url, largest_answer=1_000_000, largest_download=1_000_000).client
    tracemalloc.start()
    with pytest.raises(BadAnswer, match="more than 1000000 bytes"):
        client.ask("GET", "jobs/1", accepts=())
    with pytest.raises(BadAnswer, match="more than 1000000 bytes"):
        client.download("jobs/1", folder / "a.wav")
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()


def test_a_packed_answer_is_unpacked_and_a_broken_one_refused(shop: Shop, url: str) -> None:
    packed = gzip.compress(b'{"a": 1}')
    cases: list[tuple[str, bytes, type[HttpProblem] | None]] = [
        ("gzip", packed, None),
        ("deflate", zlib.compress(b'{"a": 1}'), None),
        ("gzip", packed[:-6], LostAnswer),
        ("gzip", packed + b"more", BadAnswer),
        ("gzip", b"no gzip", BadAnswer),
        ("br", b"whatever", BadAnswer),
        ("gzip", b"", LostAnswer),
    ]
    for packing, body, kind in cases:
        shop.answer = lambda _r, _b, packing=packing, body=body: Response(
            body, headers={"content-encoding": packing, "content-type": "application/json"}
        )
        if kind is None:
            assert desk(url).client.get("jobs/1").json() == {"a": 1}
            continue
        with pytest.raises(kind):
            desk(url).client.get("jobs/1")
    assert shop.headers["accept-encoding"] == "identity"


# --- Downloads -------------------------------------------------------------------------------------------------------

MD5 = b64encode(hashlib.md5(FILE, usedforsecurity=False).digest()).decode()
SHA256 = b64encode(hashlib.sha256(FILE).digest()).decode()
SHA512 = b64encode(hashlib.sha512(FILE).digest()).decode()
OTHER = b64encode(hashlib.sha256(b"other").digest()).decode()
OTHER_MD5 = b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize(
    ("headers", "is_right"),
    [
        ({"content-md5": MD5}, True),
        ({"content-md5": OTHER_MD5}, False),
        ({"x-goog-hash": f"crc32c=AAAAAA==,md5={MD5}"}, True),
        ({"x-goog-hash": f"crc32c=AAAAAA==, md5={OTHER_MD5}"}, False),
        ({"x-goog-hash": f"md5={OTHER_MD5}", "x-goog-stored-content-encoding": "gzip"}, True),
        ({"repr-digest": f"sha-256=:{SHA256}:"}, True),
        ({"repr-digest": f"sha-512=:{SHA512}:,sha-256=:{OTHER}:"}, False),
        ({"digest": f"SHA-256={SHA256},unixsum=30637"}, True),
        ({"digest": f"sha-256={OTHER}"}, False),
        ({"content-digest": f"sha-256=:{OTHER}:"}, False),
        ({"content-md5": "!not base64!"}, True),
    ],
)
def test_a_download_has_the_hash_that_its_headers_give(
    shop: Shop, url: str, folder: Path, headers: dict[str, str], is_right: bool
) -> None:
    shop.answer = lambda _request, _body: Response(FILE, media_type="audio/wav", headers=headers)
    client = desk(url, n_tries=2).client
    if is_right:
        assert client.download("other", folder / "a.wav").size == len(FILE)
        return
    with pytest.raises(BadAnswer, match="other bytes than its own"):
        client.download("other", folder / "a.wav")
    assert shop.n_asked == 2
    assert list(folder.iterdir()) == []


def test_a_download_that_is_not_what_was_expected_leaves_the_old_file(url: str, folder: Path) -> None:
    (folder / "a.wav").write_bytes(b"old")
    with pytest.raises(BadAnswer, match="other bytes than were expected"):
        desk(url).client.download("file", folder / "a.wav", sha256="0" * 64)
    with FaultyProxy(url, always(cut_short())) as proxy, pytest.raises(BadAnswer):
        desk(proxy.url).client.download("file", folder / "a.wav", sha256=hashlib.sha256(FILE).hexdigest())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.wav": b"old"}
    desk(url).client.download("file", folder / "a.wav", sha256=hashlib.sha256(FILE).hexdigest().upper())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.wav": FILE}


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_a_part_or_nothing_is_no_file(shop: Shop, url: str, folder: Path, status: int) -> None:
    shop.answer = lambda _request, _body: Response(b"" if status == 204 else b"part", status)
    with pytest.raises(BadAnswer, match=f"{status} instead of the whole file"):
        desk(url).client.download("other", folder / "a.wav")
    shop.answer = lambda _request, _body: Response(b"", media_type="audio/wav")
    with pytest.raises(BadAnswer, match="an empty file"):
        desk(url).client.download("other", folder / "a.wav")
    assert list(folder.iterdir()) == []


def test_a_file_that_does_not_say_where_it_ends_is_not_taken_for_whole(url: str, folder: Path) -> None:
    """But JSON ends where it does, events as well, and a hash tells."""
    for share in (0.5, 1.0):
        with FaultyProxy(url, always(without_length(share))) as proxy:
            client = desk(proxy.url, n_tries=1).client
            for ask in (
                lambda client=client: client.download("file", folder / "a.wav"),
                lambda client=client: client.ask("GET", "file", accepts=AUDIO),
                lambda client=client: client.post("file", {}, accepts=AUDIO),
            ):
                with pytest.raises(BadAnswer, match="does not say where it ends"):
                    ask()
    assert list(folder.iterdir()) == []
    with FaultyProxy(url, always(without_length())) as proxy:
        client = desk(proxy.url).client
        assert client.get("jobs/1").json() == {"id": "job 1"}
        assert len(list(client.events("events", {}))) == 2
        client.download("file", folder / "a.wav", sha256=hashlib.sha256(FILE).hexdigest())
        assert client.ask("GET", "file", accepts=()).body == FILE


def test_a_download_that_is_gone_is_denied_at_once(shop: Shop, url: str, folder: Path) -> None:
    shop.answer = lambda _request, _body: Response("<Error><Code>AccessDenied</Code> Request has expired</Error>", 403)
    with pytest.raises(Denied, match="Request has expired"):
        desk(url).client.download("other?sig=abc", folder / "a.wav")
    assert shop.n_asked == 1


def test_a_download_is_as_readable_as_other_files_and_streams(shop: Shop, url: str, folder: Path) -> None:
    shop.answer = lambda _request, _body: StreamingResponse(iter([bytes(1 << 20)] * 64), media_type="video/mp4")
    tracemalloc.start()
    got = desk(url, timeouts=Timeouts()).client.download("other", folder / "a.mp4")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got.size == (folder / "a.mp4").stat().st_size == 64 << 20
    assert peak < 16 << 20
    plain = folder / "plain"
    plain.write_bytes(b"")
    assert (folder / "a.mp4").stat().st_mode == plain.stat().st_mode


def test_a_stopped_run_does_not_finish_its_download(shop: Shop, url: str, folder: Path) -> None:
    stopped = threading.Event()

    def content() -> Iterator[bytes]:
        yield bytes(1 << 20)
        stopped.set()
        yield bytes(1 << 20)

    shop.answer = lambda _request, _body: StreamingResponse(content())
    stop_with(stopped)
    try:
        with pytest.raises(TransientError, match="the run was stopped"):
            desk(url).client.download("other", folder / "a.wav")
    finally:
        stop_with(threading.Event())
    assert list(folder.iterdir()) == []


# --- Events ----------------------------------------------------------------------------------------------------------


def test_events_come_one_by_one_and_may_be_left(shop: Shop, url: str) -> None:
    more = threading.Event()

    def content() -> Iterator[bytes]:
        yield b"data: first\n\n"
        more.wait(0.1)
        yield b"data: second\n\n"

    shop.answer = lambda _request, _body: StreamingResponse(content(), media_type="text/event-stream")
    client = desk(url, at_once=1).client
    stream = client.events("stream", {"text": "a"})
    assert next(stream) == Event("message", "first")
    assert not more.is_set()
    stream.close()
    assert shop.headers["accept"] == "text/event-stream"
    shop.answer = lambda _request, _body: JSONResponse({})
    client.get("jobs/1")  # its slot is free again


@pytest.mark.parametrize("rest", [b"data: half", b"data: half\n", b"event: x\n", b"id: 4\n", b"dat"])
def test_a_stream_that_ends_within_an_event_is_a_lost_answer(shop: Shop, url: str, rest: bytes) -> None:
    shop.answer = lambda _r, _b: Response(b"data: whole\n\n" + rest, media_type="text/event-stream")
    got: list[Event] = []
    with pytest.raises(LostAnswer, match="the stream ended within an event"):
        got.extend(desk(url).client.events("stream", {}))  # what came before it is there nonetheless
    stream = desk(url).client.events("stream", {})
    assert next(stream).data == "whole"


def test_a_stream_that_breaks_after_events_is_not_asked_for_again(url: str) -> None:
    with FaultyProxy(url, always(cut_off(0.9))) as proxy:
        got: list[str] = []
        with pytest.raises(LostAnswer):
            got.extend(event.name for event in desk(proxy.url).client.events("events", {}))
        assert got == ["chunk"]
        assert proxy.n_requests == 1


def test_a_stream_ends_in_time_and_in_size(shop: Shop, url: str) -> None:
    shop.answer = lambda _request, _body: StreamingResponse(_endless([]), media_type="text/event-stream")
    with pytest.raises(BadAnswer, match="more than 100000 bytes"):
        list(desk(url, largest_answer=100_000).client.events("stream", {}))
    with FaultyProxy(url, always(slow_drip(0.1))) as proxy, pytest.raises(LostAnswer, match="whole request"):
        list(desk(proxy.url, timeouts=SHORT_TOTAL).client.events("events", {}))


# --- Redirects -------------------------------------------------------------------------------------------------------


def test_a_read_is_sent_on_within_bounds(shop: Shop, url: str, folder: Path) -> None:
    def answer(request: Request, _body: bytes) -> Response:
        left = int(request.url.path.rsplit("/", 1)[-1])
        if left:
            return RedirectResponse(f"../hop/{left - 1}", (301, 302, 303, 307, 308)[left % 5])
        return JSONResponse({"is_there": True})

    shop.answer = answer
    client = desk(url, headers=(("X-Version", "1"),)).client
    assert client.get("hop/5").json() == {"is_there": True}
    assert (shop.n_asked, shop.headers["x-version"]) == (6, "1")
    assert client.download("hop/5", folder / "a").size
    with pytest.raises(NotAllowed, match="sent on more than 5 times"):
        client.get("hop/6")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_has_a_body_is_never_sent_on(shop: Shop, url: str, status: int) -> None:
    shop.answer = lambda _request, _body: RedirectResponse("/v1/elsewhere", status)
    told = f"answered {status}: .*not sent on to another address: set url to the one that answers itself"
    with pytest.raises(BadAnswer if status in (302, 303) else Denied, match=told):
        desk(url).client.post("jobs", {}, is_safe=True)
    assert {path for _method, path, *_ in shop.asked} == {"/v1/jobs"}


@pytest.mark.parametrize(
    ("to", "kind", "says"),
    [
        ("http://example.com/x", NotAllowed, "it was sent on, but .* not https"),
        ("https://127.0.0.1/x", NotAllowed, "a private one"),
        ("ftp://example.com/x", NotAllowed, "no https URL but ftp"),
        ("file:///etc/passwd", NotAllowed, "no https URL but file"),
        ("https://u:p@example.com/", NotAllowed, "user name or a password"),
        ("https://[::1/x", BadAnswer, "an address to go on at that is none"),
    ],
)
def test_a_read_is_not_sent_on_to_where_it_may_not_go(
    shop: Shop, url: str, to: str, kind: type[HttpProblem], says: str
) -> None:
    shop.answer = lambda _request, _body: Response("", 302, headers={"location": to})
    with pytest.raises(kind, match=says) as failure:
        desk(url, n_tries=1).client.get("jobs/1")
    assert "u:p" not in str(failure.value)
    assert shop.n_asked == 1


# --- Secrets ---------------------------------------------------------------------------------------------------------


def test_no_key_or_signature_is_in_a_message_or_a_log(
    shop: Shop, url: str, key: Key, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the server repeats it, in its text or its headers, and with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpcore", "httpcore.connection", "httpcore.http11", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)
    signature = "X-Amz-Signature=deadbeef0123456789"
    echo = f"your key {KEY} was used at https://cdn.example/a?{signature}"
    headers = {"x-request-id": f"r-{KEY}", "set-cookie": f"session={KEY}", "x-echo": KEY, "location": f"/x?{signature}"}
    said: list[str] = []
    answers: list[tuple[int, Any]] = [(status, {"message": echo}) for status in (307, 400, 401, 429, 500)]
    answers += [(500, f"<p>{echo}"), (200, "text")]
    for status, body in answers:
        shop.answer = lambda _r, _b, status=status, body=body: (
            JSONResponse(body, status, headers)
            if isinstance(body, dict)
            else Response(f"{body} {echo}", status, headers, media_type="application/json")
        )
        for ask in (
            lambda client: client.post(f"jobs?{signature}", {}),
            lambda client: client.ask("GET", "jobs", params={"key": KEY}),
            lambda client: list(client.events("stream", {})),
            lambda client: client.download(f"{url}/v1/other?{signature}", folder / "a.wav", accepts=AUDIO),
        ):
            with pytest.raises(HttpProblem) as failure:
                ask(desk(url, key=key, n_tries=2).client)
            said += [str(failure.value), failure.value.said, failure.value.request_id, repr(failure.value)]
            said += [str(link) for link in _chain(failure.value)]
    said += [str(error) for error in (desk(url, key=key).client, service(url, key=key))]
    everything = "\n".join([*said, caplog.text, *(repr(record.__dict__) for record in caplog.records)])
    assert "asked again in" in caplog.text
    assert "receive_response_headers.complete" in caplog.text  # else the loggers were not on
    for secret in (KEY, "deadbeef0123456789", "X-Amz-Signature"):
        assert secret not in everything


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_a_key_is_hidden_also_where_it_is_cut_or_escaped(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "abc/def+ghi=jkl")
    key.headers()
    assert "def" not in hide("a abc%2Fdef%2Bghi%3Djkl b")
    assert "abc" not in hide(" " * 490 + "abc/def+ghi=jkl")
    assert hide("see https://a.example/b?sig=1&c=2 and https://a.example/c") == (
        "see https://a.example/b?*** and https://a.example/c"
    )


# --- Clients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://host", "begins with http"),
        ("host:8000", "begins with http"),
        ("http://", "begins with http"),
        ("http://user:pw@host", "without a password"),
        ("http://host?a=b", "without a password, a query"),
        ("http://[::1", "no address that can be asked"),
    ],
)
def test_an_address_that_is_none_is_a_setting_to_correct(address: str, says: str) -> None:
    with pytest.raises(Unavailable, match=rf"{says}.*\[providers.shop\]") as failure:
        client_of(Service("shop", address))
    assert "pw" not in str(failure.value).replace("password", "")


def test_one_client_for_equal_services_in_one_process(url: str) -> None:
    assert client_of(service(url)) is client_of(service(url))
    assert client_of(service(url)) is not client_of(service(url, n_tries=1))


def test_a_forked_process_has_clients_of_its_own(url: str) -> None:
    """Else both would read each other's answers from one connection."""
    client = client_of(service(url, at_once=1))
    assert client.get("jobs/1").json() == {"id": "job 1"}
    stream = client.events("events", {})
    next(stream)  # the parent holds the only slot
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:  # pragma: no cover - another process
        try:
            told = "same" if client_of(service(url, at_once=1)) is client else "its own"
            told += str(client_of(service(url, at_once=1)).get("jobs/1").json())
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells it
            told = repr(error)
        os.write(writing, told.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    stream.close()
    assert os.read(reading, 1000).decode() == "its own{'id': 'job 1'}"
    assert client.get("jobs/1").json() == {"id": "job 1"}


def test_threads_share_a_client(shop: Shop, url: str) -> None:
    shop.answer = lambda _request, body: Response(body, media_type="application/json")
    client = desk(url, at_once=3, timeouts=Timeouts()).client
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: client.post("jobs", {"n": n}).json()["n"], range(200)))
    assert got == list(range(200))


# --- Ids of requests -----------------------------------------------------------------------------------------------


def test_ids_of_what_was_ordered_and_downloaded_are_noted_and_those_of_questions_and_failures_are_not(
    tmp_path: Path,
) -> None:
    n_asked = iter(range(1, 99))

    def answer(request: Request, _body: bytes) -> Response:
        headers = {"x-request-id": f"req-{next(n_asked)}"}
        if request.url.path.endswith("busy") and headers["x-request-id"] == "req-2":
            return JSONResponse({}, 429, headers)
        if request.url.path.endswith("stream"):
            return Response(b"data: done\n\n", media_type="text/event-stream", headers=headers)
        return JSONResponse({"id": "job"}, headers=headers)

    with serving(Shop(answer).app()) as url:
        client = HttpClient(Service("shop", url), timing=Timing(sleep=lambda _s: None))
        client.post("jobs", {})
        with noted() as ids:
            client.post("busy", {})
            client.get("jobs/1")
            client.post("looked-up", {}, is_safe=True)
            list(client.events("stream", {}))
            client.download("file", tmp_path / "file")
        client.post("jobs", {})
    assert ids == ["req-3", "req-6", "req-7"]
