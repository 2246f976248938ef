"""What the HTTP layer makes of faults: 400 orders, 400 reads and 400 downloads through each class of fault, which meets
every third request.

Aimed at: no answer or file that is not the server's own, nothing left beside a file, no order more at the server than
was sent, and none there that was told as not taken. What a read or a download got over it was asked again for; how
orders failed is told by class. Waits between tries are not slept.
"""

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from audio_assets.domain.rendering import TransientError
from resources.http_client import AUDIO, HttpClient, Service, Timeouts
from resources.http_errors import HttpProblem, as_order
from resources.paid_vendor import NotSubmitted, Refused
from resources.pausing import Timing
from tests.bench.measuring import Figure
from tests.servers.faulty import (
    ANSWERS_TWICE,
    LOST_ANSWER,
    RESET_BEFORE_READING,
    Fault,
    FaultyProxy,
    answered,
    busy,
    cut_off,
    every,
    on,
    replaced,
    silent,
    slow_drip,
    wrong_type,
)
from tests.servers.serving import serving

N = 400
N_THREADS = 4
FILE = b"RIFF" + bytes(range(256)) * 64
TIMEOUTS = Timeouts(read_s=0.08, total_s=1.0)
BAD_JSON = "bad JSON"  # whether a file is what was ordered, who reads it has to see
FAULTS: tuple[Fault, ...] = (
    busy(429),
    busy(429, "2"),
    answered(500),
    busy(503),
    busy(503, "2"),
    RESET_BEFORE_READING,
    LOST_ANSWER,
    silent(),
    cut_off(),
    wrong_type(),
    replaced(b'{"number": 1', BAD_JSON),
    slow_drip(0.03),
    ANSWERS_TWICE,
)


class Vendor:
    """Counts the orders that it took, by what they were for."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()
        self.lock = threading.Lock()

    def app(self) -> Starlette:
        """Orders, looks and a file."""

        async def order(request: Request) -> Response:
            number = (await request.json())["number"]
            with self.lock:
                self.taken[number] += 1
            return JSONResponse({"number": number})

        async def look(request: Request) -> Response:
            return JSONResponse({"number": int(request.path_params["number"])})

        async def file(_request: Request) -> Response:
            return Response(FILE, media_type="audio/wav")

        return Starlette(
            routes=[Route("/order", order, methods=["POST"]), Route("/look/{number}", look), Route("/file", file)]
        )


def measure() -> Iterator[Figure]:
    """A row for each class of fault."""
    vendor = Vendor()
    with serving(vendor.app()) as url:
        for fault in FAULTS:
            vendor.taken.clear()
            yield _figure(fault, url, vendor)


def _figure(fault: Fault, url: str, vendor: Vendor) -> Figure:
    told: dict[int, str] = {}
    n_wrong: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    paths = "/(order|look)" if fault.name == BAD_JSON else "/"
    with (
        FaultyProxy(url, on(paths, every(3, fault))) as proxy,
        tempfile.TemporaryDirectory() as folder,
    ):
        client = HttpClient(
            Service(f"bench {fault.name}", proxy.url, at_once=N_THREADS, timeouts=TIMEOUTS, n_tries=6),
            timing=Timing(sleep=lambda _seconds: None),
        )

        def order(number: int) -> None:
            try:
                with as_order():
                    answer = client.post("order", {"number": number}).json()
                n_wrong["answers"] += answer != {"number": number}
                told[number] = "taken"
            except (Refused, NotSubmitted) as error:
                told[number] = "not taken"
                failures[type(error).__name__] += 1
            except (HttpProblem, TransientError) as error:
                told[number] = "may be taken"
                failures[type(error).__name__] += 1

        def look(number: int) -> None:
            _counted(
                lambda: n_wrong.update(answers=client.get(f"look/{number}").json() != {"number": number}), failures
            )

        def download(number: int) -> None:
            target = Path(folder) / f"{number}.wav"
            _counted(lambda: client.download("file", target, accepts=AUDIO), failures)
            n_wrong["files"] += target.exists() and target.read_bytes() != FILE

        with ThreadPoolExecutor(N_THREADS) as pool:
            for step in (order, look, download):
                list(pool.map(step, range(N)))
        n_left = sum(not path.name.endswith(".wav") or path.name.startswith(".") for path in Path(folder).iterdir())
    n_twice = sum(n > 1 for n in vendor.taken.values())
    n_untold = sum(told[number] == "not taken" and number in vendor.taken for number in told)
    is_met = not (n_wrong.total() or n_left or n_twice or n_untold)
    causes = ", ".join(f"{n} {name}" for name, n in sorted(failures.items())) or "none"
    return Figure(
        f"{3 * N} requests, {proxy.met[fault.name]} x {fault.name}",
        f"{n_wrong['answers']} wrong answers, {n_wrong['files']} wrong files, {n_left} left behind, "
        f"{n_twice} orders taken twice, {n_untold} taken but told not to be; failures: {causes}",
        "0 of each",
        is_met,
    )


def _counted(ask: Callable[[], object], failures: Counter[str]) -> None:
    try:
        ask()
    except HttpProblem as error:
        failures[type(error).__name__] += 1
