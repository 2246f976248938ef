"""`audio-assets queue serve`: messages by HTTP, and the desk that renders and plays them, in one process.

    POST /api/messages   {"sent_by", "text", "bits_amount"?, "message_type"?, "message_id"?} -> 201, or 200 for one that
                         came before: {"id", "is_new", "queue", "state"}
    GET  /api/queue      what `audio-assets queue stats --json` prints

It is no part of the artifact server, which promises to write nothing. It listens on this machine alone unless settings
name another address; then, or where one is set, every request needs the token. A page of a web site can not send here:
its requests have a foreign Host, or are no JSON, which only a script of the same origin may send.
"""

import errno
import hmac
import ipaddress
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from audio_assets.commands.opening import open_studio
from audio_assets.commands.queue_commands import stats_of
from audio_assets.domain.live_message import MessageError, read_message
from audio_assets.domain.rendering import PermanentError
from audio_assets.instance import open_instance
from audio_assets.live_desk import Desk
from audio_assets.settings import Settings, current
from audio_assets.studio import Studio

TOKEN = "AUDIO_ASSETS_LIVE_TOKEN"  # noqa: S105 - the variable's name
LARGEST = 32 << 10
"""Bytes of a request."""

_SHORTEST_TOKEN = 16
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def build_app(open_: Callable[[], Studio], host: str, token: str) -> Starlette:
    """The ASGI application; `token` "" where none is needed.

    Raises:
        PermanentError: `host` is another machine's way in, and there is no token, or a short one.
    """
    if not _is_loopback(host) and not token:
        raise PermanentError(
            f"{host} can be reached by others: set {TOKEN} to a long random text, which senders give as "
            "'Authorization: Bearer ...', or leave AUDIO_ASSETS_LIVE_HOST at 127.0.0.1"
        )
    if token and (len(token) < _SHORTEST_TOKEN or not token.isascii()):
        raise PermanentError(f"{TOKEN} is too short: take {_SHORTEST_TOKEN} or more plain characters, at random")

    def refusal(request: Request) -> Response | None:
        name = request.url.hostname or ""
        if _is_loopback(host) and not _is_loopback(name):
            return _answer(421, error="this server does not answer to that host name")
        given = request.headers.get("authorization", "").encode("utf-8", "replace")
        if token and not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return _answer(401, error=f"give the token of {TOKEN} as 'Authorization: Bearer ...'")
        return None

    async def post_message(request: Request) -> Response:
        refused = refusal(request)
        if refused is not None:
            return refused
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _answer(415, error="send the message as application/json")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return _answer(413, error=f"a message is at most {LARGEST >> 10} KiB")
        try:
            message = read_message(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            return _answer(400, error=f"it is not JSON: {error.msg}")
        except MessageError as error:
            return _answer(400, error=str(error))

        def take() -> dict[str, Any]:
            queue = open_().live.queue
            (added,) = queue.add([message], source="http")
            kept = queue.message(added.number)
            return {"id": added.number, "is_new": added.is_new, "queue": kept.queue, "state": kept.state}

        try:
            taken = await run_in_threadpool(take)
        except (ValueError, RuntimeError, OSError) as error:
            _tell(f"a message was not taken: {error}")  # the sender needs no path of this machine
            return _answer(503, error="the message was not taken; send it again")
        return _answer(201 if taken["is_new"] else 200, **taken)

    def shown() -> dict[str, Any]:
        studio = open_()
        found = stats_of(studio)
        if "problem" in found:
            found["problem"] = found["problem"].replace(f"{studio.live.root}/", "")  # nobody needs our paths
        return found

    async def get_queue(request: Request) -> Response:
        refused = refusal(request)
        if refused is not None:
            return refused
        return _answer(200, **await run_in_threadpool(shown))

    return Starlette(
        routes=[
            Route("/api/messages", post_message, methods=["POST"]),
            Route("/api/queue", get_queue, methods=["GET"]),
        ]
    )


def run(*, has_http: bool, is_quiet: bool = False) -> None:
    """Serve until Ctrl-C.

    Raises:
        PermanentError: the address needs a token, or another program has it.
    """
    settings = current()
    settings.live_inbox.mkdir(parents=True, exist_ok=True)
    app = build_app(open_studio, settings.live_host, _token()) if has_http else None
    listening = None if app is None else listen(settings.live_host, settings.live_port)
    with open_instance(settings) as instance:
        desk = Desk(open_studio, instance, _tell)
        desk.start()
        try:
            if app is None or listening is None:
                _wait_for_the_end()
            else:
                _serve(app, listening, settings, is_quiet=is_quiet)
        finally:
            desk.stop()


def listen(host: str, port: int) -> socket.socket:
    """The socket of an address.

    Raises:
        PermanentError: it can not be had.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        who = (
            "another `queue serve`, or another program, has it: end that"
            if error.errno == errno.EADDRINUSE
            else (f"{error.strerror or error}: correct AUDIO_ASSETS_LIVE_HOST")
        )
        raise PermanentError(
            f"nothing can listen at {host} port {port}; {who}, or set AUDIO_ASSETS_LIVE_PORT"
        ) from error


def _serve(app: Starlette, listening: socket.socket, settings: Settings, *, is_quiet: bool) -> None:
    import uvicorn

    if not is_quiet:
        _tell(f"messages to http://{settings.live_host}:{settings.live_port}/api/messages or {settings.live_inbox}")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False)).run(sockets=[listening])


def _wait_for_the_end() -> None:
    stopping = threading.Event()
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, lambda *_: stopping.set())
    while not stopping.wait(0.5):
        pass


def _token() -> str:
    return os.environ.get(TOKEN, "").strip()


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _answer(status: int, **values: Any) -> Response:
    return JSONResponse(values, status, headers=_HEADERS)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
