import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpcore
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from resources import http_transport
from resources.http_client import HttpClient, Service, Timeouts
from resources.http_errors import HttpProblem, NotAllowed, NotSent
from resources.http_guard import CheckedNetwork, checked_url, is_public, shown, would_be_read_on_the_way
from resources.pausing import Timing
from resources.secrets import Key
from tests.servers.serving import serving

KEY = "sk-planted-0123456789abcdef"
CERTIFICATE = Path(__file__).parent.parent / "servers" / "cdn.example.pem"
PUBLIC = "93.184.216.34"
OWN = httpx.URL("http://127.0.0.1:8188/v1")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192",
        "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "168.63.129.16",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "fe80::1", "fe80::1%eth0",
        "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::1",
        "2002:808:808::1", "3fff::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1",
        "localhost", "", "1", "0x7f000001",
    ],
)  # fmt: skip
def test_what_is_not_of_the_open_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", PUBLIC, "172.32.0.1", "100.63.255.255", "100.128.0.1", "168.63.129.17", "192.0.1.1",
     "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"],
)  # fmt: skip
def test_what_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.com/a", "not https"),
        ("http://127.0.0.1/a", "not https"),
        ("http://127.0.0.1:8189/a", "not https"),
        ("http://localhost:8188/a", "not https"),
        ("ftp://127.0.0.1:8188/a", "no https URL but ftp"),
        ("file:///etc/passwd", "no https URL but file"),
        ("data:audio/wav;base64,AA", "no https URL but data"),
        ("//example.com/a", "no https URL but nothing"),
        ("/a", "no https URL"),
        ("", "no https URL"),
        ("https://", "no https URL"),
        ("https:///a", "no https URL"),
        ("https://user@example.com/", "user name or a password"),
        ("https://user:pw@example.com/", "user name or a password"),
        ("https://example.com@127.0.0.1/", "user name or a password"),
        ("http://u:pw@127.0.0.1:8188/", "user name or a password"),
        ("https://[::1/a", "no URL"),
        ("https://exa\nmple.com/", "no URL"),
        ("https://example.com:99999/", "no such port"),
        ("https://example.com:x/", "no URL"),
        ("https://\udcff/", "no URL"),
    ],
)
def test_a_url_that_may_not_be_asked(url: str, says: str) -> None:
    with pytest.raises(NotAllowed, match=says) as failure:
        checked_url(url, OWN)
    assert "pw" not in str(failure.value).replace("password", "")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a?b=c%2Fd#e", "https://example.com/a?b=c%2Fd"),
        ("HTTPS://EXAMPLE.com:443/a", "https://example.com/a"),
        ("http://127.0.0.1:8188/view?filename=a", "http://127.0.0.1:8188/view?filename=a"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
    ],
)
def test_a_url_that_may_be_asked_by_its_text(url: str, expected: str) -> None:
    assert str(checked_url(url, OWN)).replace("bücher", "xn--bcher-kva") == expected


def test_what_is_shown_of_a_url() -> None:
    assert shown(httpx.URL("https://cdn.example/a/b.mp4?sig=abc"), OWN) == "https://cdn.example/a/b.mp4"
    assert shown(httpx.URL("http://127.0.0.1:8188/v1/jobs?key=abc"), OWN) == "/v1/jobs"


# --- On the wire -----------------------------------------------------------------------------------------------------


class Wires(httpcore.NetworkBackend):
    """Writes down which addresses are connected to, and leads those of the open internet to this machine."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports
        self.connected: list[tuple[str, int]] = []

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        self.connected.append((host, port))
        if host in self.ports:
            host, port = "127.0.0.1", self.ports[host]
        return httpcore.SyncBackend().connect_tcp(host, port, timeout, local_address, socket_options)


Seen = list[tuple[str, dict[str, str]]]


def _app(seen: Seen, answer: Callable[[Request], Response]) -> Starlette:
    async def all_(request: Request) -> Response:
        await request.body()
        seen.append((request.url.path, dict(request.headers)))
        return answer(request)

    return Starlette(routes=[Route("/{path:path}", all_, methods=["GET", "POST", "PUT"])])


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    """The certificate of cdn.example is trusted, as one that SSL_CERT_FILE names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    http_transport._tls.cache_clear()
    yield
    http_transport._tls.cache_clear()


def client(url: str, names: dict[str, list[str]], wires: Wires, **changes: object) -> HttpClient:
    """A client of the service at `url`, in a world where names stand for those addresses, one after the other."""
    asked = {name: iter(found) for name, found in names.items()}

    def resolve(host: str, _port: int) -> list[str]:
        if host not in asked:
            raise socket.gaierror
        return next(asked[host]).split()

    service = Service("shop", url, timeouts=Timeouts(connect_s=10.0, read_s=10.0, total_s=30.0), n_tries=1, **changes)  # type: ignore[arg-type]
    network = CheckedNetwork(httpx.URL(url), resolve=resolve, network=wires)
    return HttpClient(service, network, Timing(sleep=lambda _s: None))


@pytest.mark.usefixtures("trusted")
def test_a_foreign_file_is_fetched_without_key_and_headers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    ours: Seen = []
    theirs: Seen = []
    with (
        serving(_app(ours, lambda _request: RedirectResponse("https://cdn.example/a.wav?sig=1"))) as own,
        serving(_app(theirs, lambda _request: Response(b"RIFF")), certificate=CERTIFICATE) as cdn,
    ):
        wires = Wires({PUBLIC: _port(cdn)})
        asked = client(own, {"cdn.example": [PUBLIC] * 9}, wires, key=Key("SHOP_KEY"), headers=(("X-Version", "7"),))
        assert asked.download("https://cdn.example/a.wav?sig=1", tmp_path / "a.wav").size == 4
        assert asked.download("file", tmp_path / "b.wav").size == 4
        assert asked.ask("GET", "file", headers={"X-More": "1"}, accepts=()).body == b"RIFF"
        asked.ask("PUT", "https://cdn.example/up", content=b"abc", headers={"X-More": "1"}, accepts=())
        asked.close()
    assert [path for path, _headers in theirs] == ["/a.wav", "/a.wav", "/a.wav", "/up"]
    for _path, headers in theirs:
        assert not {"authorization", "x-version", "cookie"} & set(headers)
        assert headers["host"] == "cdn.example"
    assert ["x-more" in headers for _path, headers in theirs] == [False, False, False, True]
    assert all(headers["authorization"] == f"Bearer {KEY}" for _path, headers in ours)
    assert (PUBLIC, 443) in wires.connected


@pytest.mark.usefixtures("trusted")
def test_a_certificate_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    theirs: Seen = []
    with serving(_app(theirs, lambda _request: Response(b"RIFF")), certificate=CERTIFICATE) as cdn:
        wires = Wires({PUBLIC: _port(cdn)})
        asked = client("http://127.0.0.1:9", {"other.example": [PUBLIC], "cdn.example": [PUBLIC]}, wires)
        with pytest.raises(NotSent, match="certificate"):
            asked.download("https://other.example/a.wav", tmp_path / "a.wav")
        http_transport._tls.cache_clear()
        with pytest.MonkeyPatch.context() as unset:
            unset.delenv("SSL_CERT_FILE")
            asked = client("http://127.0.0.1:9", {"cdn.example": [PUBLIC]}, wires)
        with pytest.raises(NotSent, match="certificate"):
            asked.download("https://cdn.example/a.wav", tmp_path / "a.wav")
    assert theirs == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "[fd00:ec2::254]", "0.0.0.0",
     "2130706433", "0x7f.1", "127.1", "localhost", "metadata.example", "localhost."],
)  # fmt: skip
def test_a_private_address_is_never_connected_to(host: str, tmp_path: Path) -> None:
    """Whether it is written as an address, in one of the odd ways of writing one, or as a name."""
    wires = Wires({})
    private = {
        "localhost": ["127.0.0.1 ::1"], "localhost.": ["127.0.0.1"], "2130706433": ["127.0.0.1"],
        "0x7f.1": ["127.0.0.1"], "127.1": ["127.0.0.1"], "metadata.example": ["169.254.169.254 fd00:ec2::254"],
    }  # fmt: skip
    asked = client("http://127.0.0.1:9", private, wires)
    with pytest.raises(NotAllowed, match="may not be asked: it is a private one"):
        asked.download(f"https://{host}/latest/meta-data", tmp_path / "a")
    assert wires.connected == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("trusted")
def test_the_address_that_was_checked_is_the_one_that_is_connected_to(tmp_path: Path) -> None:
    """A name that stands for a public address when it is checked, and for a private one when it is asked again."""
    theirs: Seen = []
    with serving(_app(theirs, lambda _request: Response(b"RIFF")), certificate=CERTIFICATE) as cdn:
        wires = Wires({PUBLIC: _port(cdn)})
        asked = client("http://127.0.0.1:9", {"cdn.example": [PUBLIC, "127.0.0.1"]}, wires)
        asked.download("https://cdn.example/a", tmp_path / "a")
        asked.close()
        with pytest.raises(NotAllowed):
            asked.download("https://cdn.example/a", tmp_path / "b")
    assert wires.connected == [(PUBLIC, 443)]


@pytest.mark.usefixtures("trusted")
def test_of_several_addresses_the_public_ones_are_tried_in_turn(tmp_path: Path) -> None:
    theirs: Seen = []
    with serving(_app(theirs, lambda _request: Response(b"RIFF")), certificate=CERTIFICATE) as cdn:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = closed.getsockname()[1]
        wires = Wires({"93.184.216.33": dead, PUBLIC: _port(cdn)})
        asked = client("http://127.0.0.1:9", {"cdn.example": [f"10.0.0.1 93.184.216.33 {PUBLIC}"]}, wires)
        asked.download("https://cdn.example/a", tmp_path / "a")
        asked.close()
    assert wires.connected == [("93.184.216.33", 443), (PUBLIC, 443)]


def test_a_dead_address_leaves_time_for_the_next() -> None:
    """One that swallows what is sent to it, as an IPv6 route to nowhere does."""
    given_s: list[float] = []

    class Swallowing(httpcore.NetworkBackend):
        def connect_tcp(
            self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
            socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
        ) -> httpcore.NetworkStream:  # fmt: skip
            given_s.append(timeout or 0.0)
            raise httpcore.ConnectTimeout

    network = CheckedNetwork(OWN, resolve=lambda _host, _port: [PUBLIC, PUBLIC, PUBLIC], network=Swallowing())
    with pytest.raises(httpcore.ConnectTimeout):
        network.connect_tcp("cdn.example", 443, 6.0)
    assert given_s == [2.0, 3.0, 6.0]  # each an equal share of what is left; here no time passes


def test_the_configured_host_may_be_private_but_no_other_port_of_it(tmp_path: Path) -> None:
    ours: Seen = []
    others: Seen = []
    with (
        serving(_app(ours, lambda request: JSONResponse({"host": request.headers["host"]}))) as own,
        serving(_app(others, lambda _request: JSONResponse({})), certificate=CERTIFICATE) as other,
    ):
        wires = Wires({})
        asked = client(f"http://comfy.lan:{_port(own)}", {"comfy.lan": ["127.0.0.1"] * 9}, wires)
        assert asked.get("queue").json() == {"host": f"comfy.lan:{_port(own)}"}
        assert asked.get(f"http://comfy.lan:{_port(own)}/view?a=b").json()
        with pytest.raises(NotAllowed):
            asked.download(f"https://comfy.lan:{_port(other)}/x", tmp_path / "a")
        with pytest.raises(NotAllowed):
            asked.download(f"http://127.0.0.1:{_port(own)}/x", tmp_path / "a")
    assert len(ours) == 2
    assert others == []


@pytest.mark.parametrize("to", ["https://127.0.0.1/x", "https://evil.example/x", "http://cdn.example/x"])
def test_a_redirection_is_checked_like_any_other_address(to: str, tmp_path: Path) -> None:
    ours: Seen = []
    with serving(_app(ours, lambda _request: RedirectResponse(to))) as own:
        wires = Wires({})
        asked = client(own, {"evil.example": ["192.168.0.1"] * 2, "cdn.example": [PUBLIC]}, wires)
        with pytest.raises(NotAllowed):
            asked.download("file", tmp_path / "a")
        with pytest.raises(NotAllowed):
            asked.get("file")
    assert {port for _host, port in wires.connected} == {_port(own)}


def test_a_signature_is_in_no_message(tmp_path: Path) -> None:
    wires = Wires({PUBLIC: 9})
    asked = client("http://127.0.0.1:9", {"cdn.example": [PUBLIC] * 2, "evil.example": ["10.0.0.1"] * 2}, wires)
    for host in ("cdn.example", "evil.example", "unknown.example", "user:pw@cdn.example"):
        with pytest.raises(HttpProblem) as failure:
            asked.download(f"https://{host}/clip.mp4?X-Goog-Signature=feedface#frag", tmp_path / "a")
        assert "feedface" not in f"{failure.value!r} {failure.value.__cause__!r}"


def test_a_look_up_that_hangs_ends_in_time() -> None:
    """The system's own may take half a minute, and can not be told to hurry."""
    is_over = threading.Event()

    def hang(_host: str, _port: int) -> list[str]:
        is_over.wait(10.0)
        return [PUBLIC]

    url = "https://slow.example"
    service = Service("shop", url, timeouts=Timeouts(connect_s=0.1), n_tries=1)
    asked = HttpClient(service, CheckedNetwork(httpx.URL(url), resolve=hang))
    began = time.monotonic()
    with pytest.raises(NotSent, match=r"no connection within 0\.1 s"):
        asked.get("jobs")
    is_over.set()
    assert time.monotonic() - began < 5.0


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would look names up itself, where nobody checks what they stand for."""
    ours: Seen = []
    proxied: Seen = []
    with (
        serving(_app(ours, lambda _request: JSONResponse({}))) as own,
        serving(_app(proxied, lambda _request: JSONResponse({}))) as proxy,
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        HttpClient(Service("shop", own)).get("jobs")
    assert (len(ours), proxied) == (1, [])


@pytest.mark.parametrize(
    ("url", "is_read"),
    [
        ("http://api.vendor.com", True), ("http://8.8.8.8:80/v1", True), ("https://api.vendor.com", False),
        ("http://127.0.0.1:8188", False), ("http://10.0.0.5:8188", False), ("http://gpu:8188", False),
        ("http://gpu.local", False), ("http://[::1]:1", False), ("", False), ("http://a:b:c", False),
    ],
)  # fmt: skip
def test_a_key_is_read_on_the_way_over_plain_http_to_the_open_internet(url: str, is_read: bool) -> None:
    assert would_be_read_on_the_way(url) is is_read
