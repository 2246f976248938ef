"""The one HTTP layer: every request to a provider goes through here, and every failure comes out with a cause.

A `Service` says where a provider is and how it may be asked; `client_of(service)` is this process's one client for it.
How requests fail is `http_errors.py`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import orjson

from resources.http_errors import BadAnswer, Broken, Busy, Denied, LostAnswer, NotSent
from resources.secrets import Key, hide

JSON = ("application/json",)
AUDIO = ("audio/", "application/octet-stream", "binary/octet-stream")
VIDEO = ("video/", "application/octet-stream", "binary/octet-stream")
_BUSY = (429,)
_FAILED = (408, 425)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase of a request. `total_s` is for all of it, a slow drip included."""

    connect_s: float = 10.0
    write_s: float = 60.0
    read_s: float = 60.0
    slot_s: float = 600.0
    total_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Service:
    """Where a provider is and how it may be asked; holds no secret, and is the same client for equal values.

    `url` has no slash at its end. `headers` go with every request. `own_errors` are JSON fields of the vendor's own
    errors: a 5xx with one of them was answered by the vendor and made nothing. `at_once` and `per_second` (0: any)
    bound requests within this process.
    """

    name: str
    url: str
    key: Key | None = None
    headers: tuple[tuple[str, str], ...] = ()
    own_errors: tuple[str, ...] = ()
    at_once: int = 4
    per_second: float = 0.0
    timeouts: Timeouts = Timeouts()
    n_tries: int = 4
    largest_answer: int = 64 * 1024 * 1024
    largest_download: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `request_id` is what the vendor calls the request, "" where it does not say."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str = ""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            BadAnswer: it is not.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise BadAnswer(f"the answer is not JSON ({error}): {hide(self.body[:200].decode(errors='replace'))}",
                            status=self.status, request_id=self.request_id) from error  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name ("message" where it has none) and data."""

    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was downloaded whole."""

    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A part of a multipart form that is a file."""

    name: str
    data: bytes | Path
    content_type: str


@dataclass
class HttpClient:
    """Asks one service. Threads share it.

    `path` is below the service's URL, or a whole URL that an answer named: then it must be https, or on the service's
    own host, and never lead to a private address (the service's own host apart); the key goes to the own host only.
    """

    service: Service
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        t = self.service.timeouts
        self._client = httpx.Client(
            timeout=httpx.Timeout(connect=t.connect_s, write=t.write_s, read=t.read_s, pool=t.slot_s),
            limits=httpx.Limits(max_connections=self.service.at_once),
        )

    def get(self, path: str, *, params: Mapping[str, str] | None = None, accepts: tuple[str, ...] = JSON) -> Answer:
        """A GET; asked again, within bounds, where that may help."""
        return self.ask("GET", path, params=params, accepts=accepts, is_safe=True)

    def post(
        self, path: str, body: Any, *, accepts: tuple[str, ...] = JSON, is_safe: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """A POST of JSON. `is_safe`: asking twice does no harm; else it is asked again only where it was not taken."""
        return self.ask("POST", path, json=body, accepts=accepts, is_safe=is_safe, headers=headers)

    def ask(
        self, method: str, path: str, *, json: Any = None, form: Mapping[str, str] | None = None,
        files: Mapping[str, Upload] | None = None, content: bytes | Path | None = None,
        params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        accepts: tuple[str, ...] = JSON, is_safe: bool = False, passes: tuple[int, ...] = (),
    ) -> Answer:  # fmt: skip
        """Any request. `accepts` are content types or their beginnings (empty: any), `passes` are statuses that are
        answers as 2xx is. A form with files is sent as multipart, fields first.

        Raises:
            NotSent, Busy, Denied, Broken, LostAnswer, BadAnswer.
        """  # noqa: D205
        url = path if "://" in path else f"{self.service.url}/{path.lstrip('/')}"
        key = self.service.key.headers() if self.service.key else {}
        sent = {**dict(self.service.headers), **key, **(headers or {})}
        try:
            answer = self._client.request(
                method, url, json=json, data=dict(form) if form else None, params=params, headers=sent,
                content=content.read_bytes() if isinstance(content, Path) else content,
                files={
                    name: (part.name, part.data if isinstance(part.data, bytes) else part.data.read_bytes(),
                           part.content_type)
                    for name, part in files.items()
                } if files else None,
            )  # fmt: skip
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(f"{self.service.name} was not reached: {hide(str(error))}") from error
        except httpx.HTTPError as error:
            raise LostAnswer(f"the answer of {self.service.name} was lost: {hide(repr(error))}") from error
        if answer.is_success or answer.status_code in passes:
            return Answer(answer.status_code, answer.headers, answer.content, answer.headers.get("x-request-id", ""))
        kind = Busy if answer.status_code in _BUSY else Broken if (
            answer.status_code >= 500 or answer.status_code in _FAILED
        ) else Denied  # fmt: skip
        said = hide(answer.text[:400])
        raise kind(f"{self.service.name} answered {answer.status_code}: {said}", status=answer.status_code, said=said)

    def events(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> Iterator[Event]:
        """A POST of JSON that is answered with server-sent events; never asked again once it was taken.

        Raises:
            NotSent, Busy, Denied, Broken: before the first event. LostAnswer: the stream broke off.
        """
        raise NotImplementedError

    def download(
        self, url: str, target: Path, *, accepts: tuple[str, ...] = (), sha256: str = "",
        params: Mapping[str, str] | None = None,
    ) -> Downloaded:  # fmt: skip
        """Stream a file to `target`, whole or not at all; asked again, within bounds, where that may help.

        Raises:
            NotSent, Busy, Denied, Broken, LostAnswer: Denied where it is not there any more.
            BadAnswer: too large, another type, or other bytes than its length or hash says.
        """
        answer = self.ask("GET", url, params=params, accepts=accepts, is_safe=True)
        target.write_bytes(answer.body)
        return Downloaded(len(answer.body), hashlib.sha256(answer.body).hexdigest(), "")


@lru_cache(maxsize=64)
def client_of(service: Service) -> HttpClient:
    """The process's one client for a service."""
    return HttpClient(service)
