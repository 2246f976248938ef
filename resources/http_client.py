"""The one HTTP layer: every request to a provider goes through here, and every failure comes out with a cause.

A `Service` says where a provider is and how it may be asked; `client_of(service)` is this process's one client for it.
How requests fail is `http_errors.py`; which addresses may be asked `http_guard.py`; how many at once `http_limits.py`;
when one is asked again `http_retries.py`. Of the environment proxies are not used, certificates (SSL_CERT_FILE) are.
"""

import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpcore
import httpx

from audio_assets.domain.rendering import Unavailable
from resources.http_answers import is_accepted, media_type, parsed, problem_of, tagged
from resources.http_deadline import Phase
from resources.http_downloads import Downloaded, save
from resources.http_errors import BadAnswer, HttpProblem, LostAnswer, NotAllowed
from resources.http_events import BrokenOff, Event, events
from resources.http_guard import checked_url, origin, shown
from resources.http_limits import limiter_of
from resources.http_requests import EVENTS, JSON, Upload, Wanted, accept_header
from resources.http_retries import Tries, Try
from resources.http_transport import LOST, Reply, Transport
from resources.pausing import REAL_TIME, Timing
from resources.request_ids import note
from resources.secrets import Key, hide

__all__ = [
    "AUDIO", "JSON", "VIDEO", "Answer", "Downloaded", "Event", "HttpClient", "Service", "Timeouts", "Upload",
    "address_problem", "client_of",
]  # fmt: skip

AUDIO = ("audio/", "application/octet-stream", "binary/octet-stream")
VIDEO = ("video/", "application/octet-stream", "binary/octet-stream")

TIMING = REAL_TIME
"""Where every client's waiting comes from; tests give their own."""

LONGEST_ERROR = 64 * 1024
"""Bytes that are read of an error's body."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase of a request.

    `total_s` is for all of it, a slow drip and all tries included, from its first slot on; `slot_s` is for each wait
    for a slot.
    """

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
        """The body as JSON; a number that is none (NaN, Infinity), which Python's own servers write, is None.

        Raises:
            BadAnswer: it is not.
        """
        try:
            return parsed(self.body)
        except ValueError as error:
            said = hide(self.body[:LONGEST_ERROR].decode(errors="replace"), longest=200)
            raise BadAnswer(
                f"the answer is not JSON: {said or 'it is empty'}", status=self.status, request_id=self.request_id
            ) from error


@dataclass
class HttpClient:
    """Asks one service. Threads share it.

    `path` is below the service's URL, or a whole URL that an answer named: then it must be https, or on the service's
    own host, and never lead to a private address (the service's own host apart); the key goes to the own host only.
    `network` and `timing` are for tests.
    """

    service: Service
    network: httpcore.NetworkBackend | None = None
    timing: Timing | None = None
    _own: httpx.URL = field(init=False, repr=False)
    _transport: Transport = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._own = _own_url(self.service)
        self._transport = Transport(self._own, self.service.at_once, self.network)

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
        answers as 2xx is, whatever their type. A form with files is sent as multipart, fields first.

        Raises:
            NotAllowed, NotSent, Busy, Denied, Broken, LostAnswer.
            BadAnswer: too large, of another type, no JSON, or a file that does not say where it ends.
        """  # noqa: D205
        wanted = Wanted(method, self._url(path, params), json, form, files, content, headers or {}, accepts)
        for attempt in self._tries(wanted, is_safe=is_safe):
            with attempt, self._answered(wanted, attempt, passes) as reply:
                body = b"".join(reply.pieces(self.service.largest_answer))
                answer = Answer(reply.status, reply.headers, body, reply.request_id)
                if reply.status in passes:
                    return answer
                if accepts not in ((), JSON):
                    reply.check_ends()
                if accepts == JSON and body:
                    try:
                        answer.json()
                    except BadAnswer as error:
                        raise BadAnswer(
                            f"{reply.asked}: {error}{tagged(reply.request_id)}",
                            status=reply.status,
                            request_id=reply.request_id,
                        ) from error
                if wanted.is_order and not is_safe:
                    note(answer.request_id)
                return answer
        raise AssertionError("a request has at least one try")  # pragma: no cover

    def events(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> Generator[Event]:
        """A POST of JSON that is answered with server-sent events; never asked again once it was taken.

        It holds its slot until the stream has ended or is closed.

        Raises:
            NotAllowed, NotSent, Busy, Denied, Broken, BadAnswer: before the first event.
            LostAnswer: the stream broke off.
        """
        wanted = Wanted("POST", self._url(path, None), body, headers=headers or {}, accepts=EVENTS)
        for attempt in self._tries(wanted, is_safe=False):
            with attempt, self._answered(wanted, attempt) as reply:
                note(reply.request_id)  # before its end: who has read the last event asks for no more
                try:
                    yield from events(reply.pieces(self.service.largest_answer))
                except BrokenOff as error:
                    raise reply.lost("the stream ended within an event") from error
                return

    def download(
        self, url: str, target: Path, *, accepts: tuple[str, ...] = (), sha256: str = "",
        params: Mapping[str, str] | None = None,
    ) -> Downloaded:  # fmt: skip
        """Stream a file to `target`, whole or not at all; asked again, within bounds, where that may help.

        Raises:
            NotAllowed, NotSent, Busy, Broken, LostAnswer.
            Denied: also where it is not there any more.
            BadAnswer: too large, empty, of another type, without an end, or other bytes than a hash says.
        """
        wanted = Wanted("GET", self._url(url, params), accepts=accepts)
        for attempt in self._tries(wanted, is_safe=True):
            with attempt, self._answered(wanted, attempt) as reply:
                saved = save(reply, target, largest=self.service.largest_download, sha256=sha256)
                note(reply.request_id)
                return saved
        raise AssertionError("a request has at least one try")  # pragma: no cover

    def close(self) -> None:
        """Close its connections; it may be used again."""
        self._transport.close()

    # --- One try -----------------------------------------------------------------------------------------------

    @contextmanager
    def _answered(self, wanted: Wanted, attempt: Try, passes: tuple[int, ...] = ()) -> Iterator[Reply]:
        """The answer, where it is one of those that were asked for; what only asks is sent on where it is sent to."""
        url = wanted.url
        for _ in range(_MOST_REDIRECTS + 1):
            with self._sent(wanted, url, attempt) as reply:
                is_elsewhere = reply.status in _REDIRECTS and "location" in reply.headers and wanted.is_reading
                if reply.status in passes or 200 <= reply.status < 300:
                    if reply.status not in (*passes, 204, 205) and not is_accepted(reply.headers, wanted.accepts):
                        said = hide(media_type(reply.headers), longest=80) or "no type"
                        raise reply.bad(f"{said} instead of {' or '.join(wanted.accepts)}")
                    yield reply
                    return
                if not is_elsewhere:
                    raise self._problem(reply)
                url = self._next(reply, url)
        raise NotAllowed(f"{self._asked(wanted, wanted.url)}: it was sent on more than {_MOST_REDIRECTS} times")

    @contextmanager
    def _sent(self, wanted: Wanted, url: httpx.URL, attempt: Try) -> Iterator[Reply]:
        asked = self._asked(wanted, url)
        headers = httpx.Headers(
            {"User-Agent": "audio-assets", "Accept": accept_header(wanted.accepts), "Accept-Encoding": "identity"}
        )
        if origin(url) == origin(self._own):
            headers.update(dict(self.service.headers))
            headers.update(self.service.key.headers() if self.service.key else {})
        if origin(url) == origin(wanted.url):
            headers.update(dict(wanted.headers))
        t, timing = self.service.timeouts, attempt.tries.timing
        phases = {
            name: Phase(seconds, attempt.tries.deadline_s, timing.clock)
            for name, seconds in (("connect", t.connect_s), ("write", t.write_s), ("read", t.read_s),
                                  ("pool", t.slot_s))
        }  # fmt: skip
        with (
            wanted.opened(asked, url, headers) as request,
            self._transport.send(asked, request, phases, is_repeatable=attempt.tries.is_safe) as reply,
        ):
            yield reply

    def _problem(self, reply: Reply) -> HttpProblem:
        """The failure that an answer is, with what can be had of its explanation."""
        body = b""
        try:
            for piece in reply.pieces(self.service.largest_answer):
                body += piece
                if len(body) >= LONGEST_ERROR:
                    break
        except (BadAnswer, LostAnswer, *LOST):
            pass  # that it failed, and how, is known; only the explanation is cut off
        return problem_of(reply.asked, reply.status, reply.headers, body[:LONGEST_ERROR], self.service.own_errors)

    def _next(self, reply: Reply, url: httpx.URL) -> httpx.URL:
        try:
            return checked_url(url.join(reply.headers["location"]), self._own)
        except NotAllowed as error:
            raise NotAllowed(f"{reply.asked}: it was sent on, but {error}") from error
        except (httpx.InvalidURL, ValueError):
            raise reply.bad("an address to go on at that is none") from None

    # --- All tries ---------------------------------------------------------------------------------------------

    def _tries(self, wanted: Wanted, *, is_safe: bool) -> Tries:
        s, timing = self.service, self.timing or TIMING
        limiter = limiter_of(s.name)
        return Tries(
            lambda: limiter.turn(
                at_once=s.at_once, per_second=s.per_second, slot_s=s.timeouts.slot_s, timing=timing
            ),
            s.n_tries, s.timeouts.total_s, timing, is_safe=is_safe or wanted.is_reading, is_order=wanted.is_order,
            name=s.name,
        )  # fmt: skip

    def _url(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        text = path if _ELSEWHERE.match(path) else f"{self.service.url.rstrip('/')}/{path.lstrip('/')}"
        try:
            url = checked_url(text, self._own)
        except NotAllowed as error:
            raise NotAllowed(f"{self.service.name}: {error}") from error
        return url.copy_merge_params(dict(params)) if params else url

    def _asked(self, wanted: Wanted, url: httpx.URL) -> str:
        return f"{self.service.name}: {wanted.method} {hide(shown(url, self._own), longest=200)}"


def address_problem(name: str, address: str) -> str:
    """Why an address can not be asked, in one sentence; "" where it can."""
    where = f"url under [providers.{name}] in providers.toml"
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError):
        return f"{name} has no address that can be asked: correct {where}"
    if url.scheme not in ("http", "https") or not url.host:
        return f"{name} needs an address that begins with http:// or https://: correct {where}"
    if url.userinfo or url.query or url.fragment:
        return f"{name} needs an address without a password, a query or a #: correct {where}"
    return ""


def _own_url(service: Service) -> httpx.URL:
    problem = address_problem(service.name, service.url)
    if problem:
        raise Unavailable(problem)
    return httpx.URL(service.url)


@lru_cache(maxsize=64)
def client_of(service: Service) -> HttpClient:
    """The process's one client for a service.

    Raises:
        Unavailable: its URL is none.
    """
    return HttpClient(service)


os.register_at_fork(after_in_child=client_of.cache_clear)  # a connection has one process
