import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from audio_assets.domain.rendering import TransientError
from resources import http_limits
from resources.http_client import HttpClient, Service, Timeouts, client_of
from resources.http_errors import Busy, NotSent
from resources.http_limits import Limiter, limiter_of
from resources.pausing import Timing, stop_with
from resources.secrets import Key
from tests.servers.faulty import FaultyProxy, always, busy, silent, wait_until
from tests.servers.serving import serving


@dataclass
class Clock:
    """Time that passes only where it is slept."""

    now: float = 100.0
    slept_s: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept_s.append(seconds)

    @property
    def timing(self) -> Timing:
        return Timing(sleep=self.sleep, clock=lambda: self.now, vary=lambda: 0.5)


@dataclass
class Counter:
    """How many are in at once, and at most."""

    n: int = 0
    n_most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self.lock:
            self.n += 1
            self.n_most = max(self.n, self.n_most)
        yield
        with self.lock:
            self.n -= 1


def turn(limiter: Limiter, clock: Clock, **changes: float) -> None:
    with limiter.turn(**{"at_once": 4, "per_second": 2.0, "slot_s": 60.0, "timing": clock.timing, **changes}):  # type: ignore[arg-type]
        pass


def test_turns_come_at_their_rate_and_not_after_a_rest() -> None:
    limiter, clock = Limiter("shop"), Clock()
    for _ in range(4):
        turn(limiter, clock)
    assert clock.slept_s == [0.5, 0.5, 0.5]
    clock.now += 10
    turn(limiter, clock)
    assert len(clock.slept_s) == 3
    turn(limiter, clock, per_second=0.0)
    assert len(clock.slept_s) == 3


def test_a_turn_that_would_come_too_late_is_not_waited_for() -> None:
    limiter, clock = Limiter("shop"), Clock()
    turn(limiter, clock, per_second=0.01)
    with pytest.raises(NotSent, match=r"shop was not asked: its turn, 0\.01 a second, did not come in time"):
        turn(limiter, clock, per_second=0.01)
    assert clock.slept_s == []
    clock.now += 100
    turn(limiter, clock, per_second=0.01)  # the one that gave up took nobody's turn


def test_a_slot_is_given_back_whatever_happens() -> None:
    limiter, clock = Limiter("shop"), Clock()
    for _ in range(3):
        with (
            pytest.raises(KeyError),
            limiter.turn(at_once=1, per_second=0.0, slot_s=0.0, timing=clock.timing),
        ):
            raise KeyError
    turn(limiter, clock, per_second=0.01)
    with pytest.raises(NotSent):
        turn(limiter, clock, at_once=1, per_second=0.01)
    turn(limiter, clock, at_once=1, per_second=0.0)


def test_a_slot_that_does_not_come_free_is_waited_for_so_long() -> None:
    limiter = Limiter("shop")
    with limiter.turn(at_once=1, per_second=0.0, slot_s=1.0, timing=Timing()):
        began = time.monotonic()
        with (
            pytest.raises(NotSent, match="all of its 1 slots stayed taken"),
            limiter.turn(at_once=1, per_second=0.0, slot_s=0.1, timing=Timing()),
        ):
            pass
        assert 0.1 <= time.monotonic() - began < 5.0


def test_who_waits_for_a_slot_gets_it_at_once_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "_LOOKS_UP_S", 60.0)
    limiter, inside, freed = Limiter("shop"), threading.Event(), threading.Event()
    got: list[float] = []

    def hold() -> None:
        with limiter.turn(at_once=1, per_second=0.0, slot_s=5.0, timing=Timing()):
            inside.set()
            freed.wait(5.0)

    def wait() -> None:
        with limiter.turn(at_once=1, per_second=0.0, slot_s=60.0, timing=Timing()):
            got.append(time.monotonic())

    threads = [threading.Thread(target=hold), threading.Thread(target=wait)]
    threads[0].start()
    inside.wait()
    threads[1].start()
    time.sleep(0.03)
    freed.set()
    at = time.monotonic()
    threads[1].join()
    threads[0].join()
    assert got[0] - at < 5.0


@pytest.mark.parametrize("per_second", [0.0, 0.1])
def test_a_stopped_run_waits_for_neither_slot_nor_turn(per_second: float) -> None:
    limiter, stopped = Limiter("shop"), threading.Event()
    failures: list[BaseException] = []

    def wait() -> None:
        stop_with(stopped)
        try:
            with limiter.turn(at_once=1 if not per_second else 9, per_second=per_second, slot_s=60.0, timing=Timing()):
                pass
        except TransientError as error:
            failures.append(error)

    with limiter.turn(at_once=1, per_second=per_second, slot_s=1.0, timing=Timing()):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.03)
        stopped.set()
        thread.join(2.0)
    assert isinstance(failures[0], NotSent)
    assert "the run was stopped" in str(failures[0])
    turn(limiter, Clock(now=1e12), at_once=1)  # it holds nothing any more


def test_a_provider_has_one_limiter_by_its_name() -> None:
    assert limiter_of("a shop") is limiter_of("a shop")
    assert limiter_of("a shop") is not limiter_of("another shop")


def test_all_clients_of_a_provider_share_its_slots() -> None:
    """Whatever their keys and headers are, and however many threads."""
    counter = Counter()

    def busy_for_a_moment(_request: Request) -> Response:
        with counter.inside():
            time.sleep(0.005)
        return JSONResponse({})

    with serving(Starlette(routes=[Route("/", busy_for_a_moment, methods=["GET", "POST"])])) as url:
        clients = [
            client_of(Service("shared shop", url, key=Key(f"K{n}", is_optional=True), at_once=3)) for n in range(3)
        ]
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda n: clients[n % 3].post("/", {}) if n % 2 else clients[n % 3].get("/"), range(60)))
    assert counter.n_most == 3


def test_a_slot_is_free_while_a_client_waits_to_ask_again() -> None:
    """Else a provider that says "later" to one would be closed to all."""
    asleep, freed = threading.Event(), threading.Event()

    def sleep(_seconds: float) -> None:
        asleep.set()
        freed.wait(5.0)

    with FaultyProxy("", always(busy(429))) as proxy:
        service = Service("lone shop", proxy.url, at_once=1, n_tries=2, timeouts=Timeouts(slot_s=0.3))
        waiting = HttpClient(service, timing=Timing(sleep=sleep))
        thread = threading.Thread(target=_ignored, args=(waiting,))
        thread.start()
        assert asleep.wait(5.0)
        with pytest.raises(Busy):
            HttpClient(Service("lone shop", proxy.url, at_once=1, n_tries=1)).get("/")
        freed.set()
        thread.join()


def test_no_slot_is_told_once_and_not_tried_again() -> None:
    with FaultyProxy("", always(silent(30.0, is_taken=False))) as proxy:
        service = Service("full shop", proxy.url, at_once=1, n_tries=1, timeouts=Timeouts(read_s=30.0, slot_s=0.05))
        thread = threading.Thread(target=_ignored, args=(HttpClient(service),), daemon=True)
        thread.start()
        wait_until(lambda: proxy.n_requests == 1)
        began = time.monotonic()
        with pytest.raises(NotSent, match="stayed taken"):
            HttpClient(service).get("/")
        assert time.monotonic() - began < 5.0
        assert proxy.n_requests == 1
    thread.join(5.0)


def _ignored(client: HttpClient) -> None:
    with suppress(TransientError):
        client.get("/")


def test_the_rate_bounds_what_the_server_sees() -> None:
    times: list[float] = []

    async def note(_request: Request) -> Response:
        times.append(time.monotonic())
        return JSONResponse({})

    with serving(Starlette(routes=[Route("/", note)])) as url:
        client = HttpClient(Service("slow shop", url, at_once=9, per_second=50.0))
        began = time.monotonic()
        with ThreadPoolExecutor(9) as pool:
            list(pool.map(lambda _n: client.get("/"), range(11)))
    assert len(times) == 11
    assert max(times) - began >= 10 / 50
