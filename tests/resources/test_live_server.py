import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from audio_assets.commands.live_server import LARGEST, build_app, listen
from audio_assets.domain.rendering import PermanentError
from resources.database import DatabaseBusy
from resources.message_queue import MessageQueue

TOKEN = "a-long-and-random-token"  # noqa: S105 - of this test
HELLO = {"sent_by": "ana", "text": "hello"}


@pytest.fixture
def queue(tmp_path: Any) -> MessageQueue:
    return MessageQueue(f"sqlite:///{tmp_path / 'ledger.db'}")


class Client:
    """Asks the application without a socket."""

    def __init__(self, queue: Any, host: str, token: str, base_url: str) -> None:
        studio: Any = SimpleNamespace(live=SimpleNamespace(queue=queue))
        self._app, self._base_url = build_app(lambda: studio, host, token), base_url

    def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=self._base_url) as asking:
                return await asking.request(method, path, **sent)

        return asyncio.run(once())

    def post(self, path: str = "/api/messages", **sent: Any) -> httpx.Response:
        return self.ask("POST", path, **sent)


def client(queue: Any, *, host: str = "127.0.0.1", token: str = "", base_url: str = "http://127.0.0.1:8008") -> Client:
    return Client(queue, host, token, base_url)


def test_a_message_is_taken_and_its_repetition_is_not(queue: MessageQueue) -> None:
    to = client(queue)
    first = to.post("/api/messages", json={**HELLO, "message_id": "x"})
    assert (first.status_code, first.json()) == (
        201,
        {"id": 1, "is_new": True, "queue": "mentions", "state": "PENDING"},
    )
    again = to.post("/api/messages", json={**HELLO, "message_id": "x"})
    assert (again.status_code, again.json()["id"], again.json()["is_new"]) == (200, 1, False)
    assert [(one.text, one.source) for one in queue.messages()] == [("hello", "http")]


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        ({"json": {"sent_by": "ana"}}, 400, "text is missing"),
        ({"json": {**HELLO, "volume": 11}}, 400, "the field 'volume' is not known"),
        ({"json": [HELLO]}, 400, "a message is an object"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "it is not JSON"),
        ({"data": HELLO}, 415, "send the message as application/json"),
        ({"content": b'{"a":1}', "headers": {"content-type": "text/plain"}}, 415, "send the message as"),
        ({"json": {**HELLO, "text": "x" * LARGEST}}, 413, "a message is at most 32 KiB"),
    ],
)
def test_what_is_no_message_is_refused(queue: MessageQueue, sent: dict[str, Any], status: int, says: str) -> None:
    answer = client(queue).post("/api/messages", **sent)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(says)
    assert queue.messages() == ()


def test_it_takes_nothing_but_a_post(queue: MessageQueue) -> None:
    to = client(queue)
    assert to.ask("GET", "/api/messages").status_code == 405
    assert to.ask("PUT", "/api/messages", json=HELLO).status_code == 405
    assert to.ask("GET", "/").status_code == 404


def test_a_foreign_host_name_is_refused(queue: MessageQueue) -> None:
    """A web site that points its own name at this machine."""
    assert client(queue, base_url="http://evil.example:8008").post("/api/messages", json=HELLO).status_code == 421
    assert client(queue, base_url="http://localhost:8008").post("/api/messages", json=HELLO).status_code == 201
    assert client(queue, base_url="http://[::1]:8008").post("/api/messages", json=HELLO).status_code == 201


@pytest.mark.parametrize("given", ["", "Bearer wrong", f"bearer {TOKEN}x", TOKEN, "Bearer ä"])
def test_a_wrong_token_is_refused(queue: MessageQueue, given: str) -> None:
    to = client(queue, host="0.0.0.0", token=TOKEN, base_url="http://studio.example")
    for answer in (
        to.post("/api/messages", json=HELLO, headers={"authorization": given.encode()}),
        to.ask("GET", "/api/queue", headers={"authorization": given.encode()}),
    ):
        assert answer.status_code == 401
        assert TOKEN not in answer.text
    assert queue.messages() == ()


def test_the_token_opens(queue: MessageQueue) -> None:
    to = client(queue, host="0.0.0.0", token=TOKEN, base_url="http://studio.example")
    assert to.post("/api/messages", json=HELLO, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 201


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "studio.example", "::"])
def test_others_can_reach_it_only_with_a_token(queue: MessageQueue, host: str) -> None:
    with pytest.raises(PermanentError, match=f"{host} can be reached by others: set AUDIO_ASSETS_LIVE_TOKEN"):
        client(queue, host=host)
    with pytest.raises(PermanentError, match="AUDIO_ASSETS_LIVE_TOKEN is too short"):
        client(queue, host=host, token="short")  # noqa: S106 - of this test


def test_a_database_that_is_busy_is_no_matter_of_the_sender(capsys: pytest.CaptureFixture[str]) -> None:
    class Busy:
        def add(self, *_: object, **__: object) -> Iterator[None]:
            raise DatabaseBusy("the ledger /srv/studio/ledger.db was in use")

    answer = client(Busy()).post("/api/messages", json=HELLO)
    assert (answer.status_code, answer.json()["error"]) == (503, "the message was not taken; send it again")
    assert "/srv/studio/ledger.db was in use" in capsys.readouterr().err


def test_an_address_that_somebody_has_is_one_sentence() -> None:
    with listen("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        with pytest.raises(PermanentError, match=f"nothing can listen at 127.0.0.1 port {port}; another `queue serve`"):
            listen("127.0.0.1", port)
    with pytest.raises(PermanentError, match="correct AUDIO_ASSETS_LIVE_HOST"):
        listen("192.0.2.1", port)
