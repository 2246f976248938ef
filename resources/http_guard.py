"""Which addresses may be reached: the host that a person configured, and of all others only public ones, by https.

A URL in an answer is a stranger's word. Its text is checked by `checked_url`; what its host's name stands for is
checked by `CheckedNetwork` on the very address that is then connected to, so that a name which means another address a
moment later gains nothing. Proxies are not used: a proxy would look the name up itself.
"""

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

import httpcore
import httpx

from resources.http_deadline import TimedStream, left_s
from resources.http_errors import NotAllowed

_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65535
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; some clouds' metadata
        "192.88.99.0/24",  # relays into 6to4
        "168.63.129.16/32",  # a cloud's own services, at a public address
        "2001::/23",  # protocol assignments and Teredo, which wraps any address
        "2002::/16",  # 6to4: wraps any IPv4 address
        "2001:db8::/32",
        "3fff::/20",  # documentation
    )
)
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_NEAR = (".local", ".localhost", ".lan", ".internal", ".home.arpa")

Resolve = Callable[[str, int], list[str]]
"""The addresses of a host; OSError where it has none."""


def is_public(address: str) -> bool:
    """Whether an IP address is of the open internet: no private, local, shared, multicast, wrapped or metadata one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # with a zone, so it is a link's own
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:  # how a network without IPv4 reaches it
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL_IPV6:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def would_be_read_on_the_way(text: str) -> bool:
    """Whether an address is http, of a host that is not of this machine or the network around it."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        return False  # said elsewhere
    host = url.host
    if url.scheme != "http" or not host:
        return False
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return is_public(host)
    return "." in host and not host.endswith(_NEAR)


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: who is asked, and may be told a key."""
    return url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS.get(url.scheme, 0)


def checked_url(text: str | httpx.URL, own: httpx.URL) -> httpx.URL:
    """The URL, without a fragment, where it may be asked by its text: of the service's own origin, or https.

    Raises:
        NotAllowed: it may not.
    """
    try:
        url = httpx.URL(text)
        _scheme, host, _port = origin(url)
    except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
        raise NotAllowed("an address that is no URL may not be asked") from None
    if (url.port or 0) > _LARGEST_PORT:
        raise NotAllowed(f"an address at {host} may not be asked: it has no such port")
    if not host or url.scheme not in _PORTS:
        raise NotAllowed(f"an address may not be asked that is no https URL but {url.scheme or 'nothing'}://")
    if url.userinfo:
        raise NotAllowed(f"an address at {host} may not be asked: it holds a user name or a password")
    if origin(url) != origin(own) and url.scheme != "https":
        raise NotAllowed(f"an address at {host} may not be asked: it is not https")
    return url.copy_with(fragment=None)


def shown(url: httpx.URL, own: httpx.URL) -> str:
    """The URL for messages: without its query, which may be a signature, and without the service's own host."""
    path = url.path or "/"
    return path if origin(url) == origin(own) else f"{url.scheme}://{url.netloc.decode('ascii')}{path}"


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, in the system's order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore.NetworkBackend):
    """Connects to the configured host wherever it is, and to public addresses; every step keeps to its deadline."""

    def __init__(
        self, own: httpx.URL, *, resolve: Resolve = resolved, network: httpcore.NetworkBackend | None = None
    ) -> None:
        self._own = origin(own)[1:]
        self._resolve = resolve
        self._network = network or httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Look the host up, and connect to the first address that may be reached and answers.

        Raises:
            NotAllowed: it has no address that may be reached.
            httpcore.ConnectError, httpcore.ConnectTimeout: it has none, or none answers in time.
        """
        try:
            found = self._looked_up(host, port, left_s(timeout))
            allowed = found if (host, port) == self._own else [address for address in found if is_public(address)]
            if not allowed:
                raise NotAllowed(f"an address at {host} may not be asked: it is a private one")
            return TimedStream(self._first(allowed, port, timeout, local_address, socket_options))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    def _first(
        self, addresses: list[str], port: int, timeout: float | None, local_address: str | None,
        options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Connect to one of the addresses; a dead one does not use up the time of the next."""
        for n_others, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
            seconds = left_s(timeout)
            share_s = None if seconds is None else seconds / (n_others + 1)
            try:
                return self._network.connect_tcp(address, port, share_s, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not n_others:
                    raise
        raise httpcore.ConnectError("it has no address")

    def _looked_up(self, host: str, port: int, timeout_s: float | None) -> list[str]:
        """The host's addresses. The system's own look-up knows no time limit, so it is waited for in a thread."""
        answers: queue.SimpleQueue[list[str] | OSError | ValueError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, ValueError) as error:
                answers.put(error)

        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            threading.Thread(target=look_up, name="look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError("its name was not looked up in time") from None
        if isinstance(answer, Exception):
            raise httpcore.ConnectError(f"its name {host} is not known") from answer
        return answer
