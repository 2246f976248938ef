"""Lines and takes ordered through their real recipes from vendors to whom something happens, and what has to hold then.

A `Trouble` is a class of faults. Between provider and vendor stands a `FaultyProxy`: of the orders a share meets a
fault once, and some of these meet it again and again, until it is lifted; which orders is drawn by a seed, whatever the
order in which threads come. Where a class has several faults, they are met in turn. `Lines.run` and `Takes.run` render
all twice, the second time without the fault, and answer a `Tally`; they raise `AssertionError` where something does not
hold:

- what has a sidecar is whole, and is what the vendor's server made for that very order; what has none is no hit
- the server did (and so bills) each order once at most, by its own count
- the ledger has settled, or holds, at least what the server did; nothing is settled twice
- every failure is one sentence that names its cause
- the second run finishes all that is not of unknown outcome, or paid for something unfit, and does nothing twice
"""

import re
import threading
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import orjson
from starlette.applications import Starlette

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.artifacts import WAV, read_wav
from audio_assets.domain.budget import usd
from audio_assets.domain.scene_key import scene_key
from audio_assets.domain.schemas.records import Failure, Ref, Sidecar, content_sha256
from audio_assets.domain.schemas.storyboard import to_bytes
from audio_assets.domain.storyboard import Estimate, Storyboard
from audio_assets.domain.storyboard import Scene as BoardScene
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome, render
from audio_assets.stages.speech import VoiceLine
from audio_assets.stages.take_clips import OrderedTakeClips
from audio_assets.stages.takes import SceneTake
from audio_assets.studio import Studio
from resources import http_client
from resources.engines.storyboard_artifacts import PROMPT, STORYBOARD
from resources.http_client import Service, Timeouts, client_of
from resources.ledger_rows import Entry
from resources.pausing import Timing
from resources.store import ArtifactStore
from resources.vendors.cartesia import CartesiaSpeech
from resources.vendors.fal import FalVideo
from tests.cinema import Cinema
from tests.concert import SONG
from tests.house import House
from tests.servers import faulty
from tests.servers.cartesia import KEY as CARTESIA_KEY
from tests.servers.cartesia import VOICE, Cartesia
from tests.servers.fal import FalServer
from tests.servers.faulty import Fault, FaultyProxy, Request
from tests.servers.orders import Orders
from tests.servers.serving import serving
from tests.servers.video_jobs import KEY as FAL_KEY
from tests.servers.video_jobs import clip
from tests.servers.voices import said

RATE_HZ = 8_000
OTHER_VOICE = "a0e99841-438c-4a64-b679-ae501e7d6091"
AT_ONCE = 16
VEO = "fal-ai/veo3.1"
QUICK, HASTY = (20.0, 60.0), (1.0, 3.0)
"""Seconds that the next byte, and all of a request, may take."""
KEYS = {"CARTESIA_API_KEY": CARTESIA_KEY, "FAL_KEY": FAL_KEY}
KEPT_S = 7.0
"""What the faults that name one say in Retry-After."""

_WORDS = (
    *("sea", "lamp", "boat", "wind", "rain", "stone", "gull", "rope", "sail", "fog", "moon", "tide", "rock"),
    *("salt", "wave", "shore", "light", "bell", "mast", "net", "sand", "star", "storm", "cloud", "wood"),
)
_STUBBORN = 0.4
"""Of those that meet a fault, the share that meet it again and again."""

CAST = f"""
[narrator]
engine = "cartesia"
voice = "{VOICE}"
[characters.ana]
engine = "cartesia"
voice = "{VOICE}"
[characters.bo]
engine = "cartesia_file"
voice = "{VOICE}"
"""
PRICES = """
[[prices]]
provider = "cartesia"
model = "*"
usd_per_1000_characters = 0.05
valid_from = 2020-01-01
[[prices]]
provider = "cartesia_file"
model = "*"
usd_per_1000_characters = 0.05
valid_from = 2020-01-01
[[prices]]
provider = "fal"
model = "*"
usd_per_second = 0.10
valid_from = 2020-01-01
[[prices]]
provider = "fal"
model = "fal-ai/veo3.1"
usd_per_second = 0.10
valid_from = 2020-01-01
"""

HELD = "it is not known whether"
UNFIT = "was paid ("
"""How the two failures begin that a second run does not mend: a person has to look, or to pay once more."""


@dataclass(frozen=True)
class Trouble:
    """A class of faults that requests `on` meet.

    `says` are the causes (regular expressions) of which each failure of the first run has to name one; none: nothing
    may fail. `bytes_only`: it can only happen to a file. `may_hold`: whether an order may be left of unknown outcome.
    `is_free`: a job that met it has failed at the vendor, who bills nothing. `is_twice`: two runs go on with the same
    orders at once.
    """

    name: str
    faults: tuple[Fault, ...]
    says: tuple[str, ...] = ()
    on: str = r"POST /tts"
    bytes_only: bool = False
    waits_s: tuple[float, float] = QUICK
    may_hold: bool = True
    is_free: bool = False
    is_twice: bool = False


@dataclass
class Tally:
    """What became of the orders of a trouble: artifacts of the first run and after the second, failures of the first
    by their sentence, orders of unknown outcome and those that were paid for something unfit; what the vendor's server
    did, and what the ledger has billed and holds, in dollars.
    """

    trouble: str
    n_orders: int
    n_requests: int = 0
    met: Counter[str] = field(default_factory=Counter)
    n_made: int = 0
    n_made_in_all: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    n_unknown: int = 0
    n_unfit: int = 0
    n_did: int = 0
    billed_usd: float = 0.0
    held_usd: float = 0.0

    @property
    def figures(self) -> str:
        """All in one line."""
        return (
            f"{self.n_requests} requests, {sum(self.met.values())} met it; {self.n_made} made, "
            f"{sum(self.failures.values())} failed; then {self.n_made_in_all} made, {self.n_unknown} unknown held, "
            f"{self.n_unfit} paid unfit; server did {self.n_did} (once each); billed ${self.billed_usd:.3f}, "
            f"held ${self.held_usd:.3f}"
        )


@dataclass
class Drawn:
    """A schedule of the faults: who meets one is drawn by `seed` and by what `key` names in the request."""

    trouble: Trouble
    key: Callable[[Request], str]
    share: float
    seed: int
    is_lifted: bool = False
    n_asked: Counter[str] = field(default_factory=Counter)
    """How often each of those asked that are to meet one."""

    def __call__(self, request: Request) -> Fault | None:
        if self.is_lifted or not re.search(self.trouble.on, f"{request.method} {request.path}"):
            return None
        key = self.key(request) if request.body or request.method == "GET" else str(request.number)
        dice = Random(f"{self.seed} {key}")
        if dice.random() >= self.share:
            return None
        is_stubborn = dice.random() < _STUBBORN
        self.n_asked[key] += 1
        fault = dice.choice(self.trouble.faults)  # by the key alone: requests come in any order
        return fault if is_stubborn or self.n_asked[key] == 1 else None


def cause(reason: str) -> str:
    """A failure's sentence without what is only of this one order: numbers, ids, keys, prices."""
    text = re.sub(r"\[request id [^\]]*\]", "", reason)
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "ID", text)
    text = re.sub(r"(?<=scene_take )\S+|(?<=voice_line of )\S+|\bt\d+@\S+", "...", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    return re.sub(r"\$?\d+(\.\d+)?", "N", text).strip()


# --- What is ordered -----------------------------------------------------------------------------------------------


class Quick(CartesiaSpeech):
    """Cartesia with short waits."""

    read_s: float
    total_s: float

    def service(self) -> Service:
        return replace(super().service(), timeouts=Timeouts(5.0, 5.0, self.read_s, total_s=self.total_s))


class QuickVideo(FalVideo):
    """fal with short waits."""

    read_s: float
    total_s: float

    def service(self) -> Service:
        return replace(super().service(), timeouts=Timeouts(5.0, 5.0, self.read_s, total_s=self.total_s))


@dataclass
class Scene(ABC):
    """What lines and takes have in common; `root` is a data root that is theirs alone."""

    root: Path
    trouble: Trouble
    n_orders: int
    share: float = 0.3
    seed: int = 1
    slept_s: list[float] = field(default_factory=list)
    folder: ClassVar[str]
    recipe: ClassVar[type[Recipe]]

    # what each of both is

    @property
    @abstractmethod
    def app(self) -> Starlette:
        """The vendor."""

    @abstractmethod
    def set_up(self, url: str) -> None:
        """Register what is to be made by the vendor at `url`."""

    @abstractmethod
    def studio(self) -> Studio:
        """A new snapshot."""

    @abstractmethod
    def render(self, run_id: str) -> list[Outcome]:
        """Make all, in a new studio; the outcomes of what is ordered."""

    @abstractmethod
    def key_of(self, request: Request) -> str:
        """What names an order in a request."""

    @abstractmethod
    def did(self) -> Counter[str]:
        """By the server's own count how often it did what, named as by `asked`."""

    @abstractmethod
    def asked(self, entry: Entry) -> str:
        """What an entry of the ledger ordered."""

    @abstractmethod
    def named(self, sidecar: Mapping[str, Any]) -> str:
        """What an artifact was ordered as."""

    @abstractmethod
    def is_what_was_made(self, folder: Path, name: str) -> bool:
        """Whether the files there are what the server made for that order."""

    # what is done with both

    @cached_property
    def schedule(self) -> Drawn:
        """Who meets the fault."""
        return Drawn(self.trouble, self.key_of, self.share, self.seed)

    def run(self) -> Tally:
        """Render with the fault, then without; see the module."""
        schedule = self.schedule
        tally = Tally(self.trouble.name, self.n_orders)
        with serving(self.app) as url, self._proxy(url, schedule) as proxy, self.waiting_for_nothing():
            self.set_up(proxy.url)
            first = self._rendered_twice_at_once() if self.trouble.is_twice else self.render("first")
            made = self.check()
            failures = self.check_failures(first)
            tally.met, tally.n_made = Counter(proxy.met), len(made)
            tally.failures = Counter(cause(failure.reason) for failure in failures.values())
            self._leave_half_made(first)
            schedule.is_lifted = True
            before = self.did()
            second = self.render("second")
            tally.n_requests = proxy.n_requests
        client_of.cache_clear()
        made = self.check()
        self._check_second(second, before)
        entries = self.studio().ledger.entries()
        tally.n_made_in_all = len(made)
        tally.n_unknown = sum(entry.state == "unknown" for entry in entries)
        tally.n_unfit = sum(o.failure is not None and UNFIT in o.failure.reason for o in second)
        tally.n_did = self.did().total()
        tally.billed_usd = usd(sum(entry.spent_micro for entry in entries))
        tally.held_usd = usd(sum(entry.held_micro for entry in entries))
        assert len(made) + tally.n_unknown + tally.n_unfit == self.n_orders, tally.figures
        assert self.trouble.may_hold or not tally.n_unknown, tally.figures
        return tally

    def _proxy(self, url: str, schedule: Drawn) -> FaultyProxy:
        is_before = faulty.RESET_BEFORE_READING in self.trouble.faults
        return FaultyProxy(url, schedule, reads_first=not is_before)

    def check(self) -> Collection[str]:
        """What holds at any time; the names of what is made."""
        did = self.did()
        twice = {name: n for name, n in did.items() if n > 1}
        assert not twice, f"done twice: {twice}"
        studio = self.studio()
        store, made = studio.store, set()
        for path in sorted((self.root / self.folder).rglob("sidecar.json")):
            sidecar = orjson.loads(path.read_bytes())
            name = self.named(sidecar)
            assert store.find(str(path.parent.relative_to(self.root))) is not None, f"{path.parent} is not whole"
            assert name in did, f"{name} has an artifact, and the server never did it"
            assert self.is_what_was_made(path.parent, name), f"the artifact of {name} is not what was made for it"
            made.add(name)
        by_name: dict[str, list[str]] = defaultdict(list)
        for entry in studio.ledger.entries():
            by_name[self.asked(entry)].append(entry.state)
        for name, states in by_name.items():
            assert states.count("settled") <= 1, f"{name} is settled twice"
            assert sum(state != "released" for state in states) <= 1, f"{name} is held twice: {states}"
        for name in did:
            states = by_name[name]
            assert states, f"the server did {name}, and the ledger knows nothing of it"
            assert states[-1] not in ("reserved", "released"), f"the server did {name}, which is {states}"
        assert made <= {name for name, states in by_name.items() if "settled" in states}, "made and not paid"
        return made

    def check_failures(self, outcomes: Collection[Outcome]) -> Mapping[str, Failure]:
        """Those of the first run, each of which names a cause of the trouble."""
        failures = {one.partition: one.failure for one in outcomes if one.failure is not None}
        store = self.studio().store
        for partition, failure in failures.items():
            reason = failure.reason
            assert "\n" not in reason, reason
            assert "Traceback" not in reason, reason
            assert not re.search(r'File "|object at 0x|\.py\b', reason), reason
            assert len(reason) > 20, reason
            assert any(re.search(pattern, reason) for pattern in self.trouble.says), f"{self.trouble.name}: {reason}"
            assert store.failure(self.recipe.asset, partition) is not None, f"the failure of {partition} is not kept"
        return failures

    def _check_second(self, outcomes: Collection[Outcome], before: Mapping[str, int]) -> None:
        after = self.did()
        assert all(after[name] == n for name, n in before.items()), "done again"
        held = {self.asked(entry) for entry in self.studio().ledger.entries(states=("unknown",))}
        assert not {name for name in held if after[name] > before.get(name, 0)}, "of unknown outcome, and sent again"
        for one in outcomes:
            reason = one.failure.reason if one.failure else ""
            assert not reason or HELD in reason or UNFIT in reason, f"not mended by the second run: {reason}"

    def _leave_half_made(self, outcomes: Collection[Outcome]) -> None:
        """As a killed run does: the folder of an artifact with some of its files, and no sidecar."""
        for one in outcomes:
            if one.failure is not None and one.action is not None:
                half = self.root / self.folder / one.action.key
                assert not (half / "sidecar.json").exists()
                half.mkdir(parents=True, exist_ok=True)
                (half / WAV).write_bytes(b"RIFF half of it")

    def _rendered_twice_at_once(self) -> list[Outcome]:
        """Two runs that know nothing of each other; what neither of them made has failed."""
        with ThreadPoolExecutor(2) as both:
            runs = list(both.map(self.render, ("first", "first too")))
        done = {one.partition: one for run in runs for one in run if one.failure is None}
        return [done.get(one.partition, one) for one in runs[0]]

    @contextmanager
    def waiting_for_nothing(self) -> Iterator[None]:
        """Waits between tries are only written down."""
        before, lock = http_client.TIMING, threading.Lock()

        def sleep(seconds: float) -> None:
            with lock:
                if seconds:
                    self.slept_s.append(seconds)

        http_client.TIMING = Timing(sleep=sleep, vary=lambda: 0.5)
        try:
            yield
        finally:
            http_client.TIMING = before


@dataclass
class Lines(Scene):
    """Lines of Cartesia: Ana's are streamed, with their times, Bo's come as a file."""

    folder: ClassVar[str] = VoiceLine.folder
    recipe: ClassVar[type[Recipe]] = VoiceLine

    def __post_init__(self) -> None:
        self.server = Cartesia(Orders(self.root.parent / "cartesia.db"))
        self.house = House(self.root, self.root.parent)

    @property
    def app(self) -> Starlette:
        return self.server.app

    def set_up(self, url: str) -> None:
        read_s, total_s = self.trouble.waits_s
        settings: dict[str, Any] = {
            "url": url, "sample_rate_hz": RATE_HZ, "at_once": AT_ONCE, "read_s": read_s, "total_s": total_s,
        }  # fmt: skip
        for called, has_times in (("cartesia", True), ("cartesia_file", False)):
            self.house.overrides[called] = Quick(called=called, has_times=has_times, **settings)
        self.house.write("cast.toml", CAST)
        self.house.write("price_card.toml", PRICES)
        who = ("Bo",) if self.trouble.bytes_only else ("Ana", "Bo")
        lines = (f"{who[n % len(who)]}: {text}" for n, text in enumerate(texts(self.n_orders)))
        self.house.register("\n".join(["== sea ==", *lines]))

    def studio(self) -> Studio:
        return self.house.studio()

    def render(self, run_id: str) -> list[Outcome]:
        recipe = VoiceLine(self.studio())
        return list(render(recipe, recipe.partitions(), run_id=run_id))

    def key_of(self, request: Request) -> str:
        return str(orjson.loads(request.body)["transcript"])

    def did(self) -> Counter[str]:
        return Counter(str(order["transcript"]) for order in self.server.orders.all)

    def asked(self, entry: Entry) -> str:
        return str(orjson.loads(entry.intent)["body"]["transcript"])

    def named(self, sidecar: Mapping[str, Any]) -> str:
        return str(sidecar["facts"]["text"])

    def is_what_was_made(self, folder: Path, name: str) -> bool:
        pcm, rate_hz = read_wav((folder / WAV).read_bytes())
        return rate_hz == RATE_HZ and np.array_equal(pcm, said(name, "en", RATE_HZ).pcm)


@dataclass
class Takes(Scene):
    """Takes of fal: jobs that are looked at, and clips that are fetched; of a song whose storyboard nobody planned.

    `patience_s`: how long a run waits for a job whose status can not be had.
    """

    patience_s: float = 4.0
    folder: ClassVar[str] = OrderedTakeClips.folder
    recipe: ClassVar[type[Recipe]] = OrderedTakeClips

    def __post_init__(self) -> None:
        self.server = FalServer(self.root.parent / "fal.db")
        self.server.states = ["IN_PROGRESS", "COMPLETED"]
        self.server.make = clip_of
        self.cinema = Cinema(self.root)

    @property
    def app(self) -> Starlette:
        return self.server.app

    def set_up(self, url: str) -> None:
        read_s, total_s = self.trouble.waits_s
        deadline_s = self.patience_s if self.trouble.on.endswith("/status") else 60.0
        video = QuickVideo(
            url=url, at_once=AT_ONCE, first_look_s=0.002, deadline_s=deadline_s, read_s=read_s, total_s=total_s,
            tables=[str(self.cinema.studio().settings.workflows / "video_models.toml")],
        )  # fmt: skip
        self.cinema.beside = {"fal": video}
        self.cinema.write("price_card.toml", PRICES)
        self.cinema.drop(settings="", duration_s=2.0)
        assert not self.cinema.register().problems
        scenes = put_board(self.studio().store)
        each, rest = divmod(self.n_orders, len(scenes))
        for number, scene in enumerate(scenes):
            n_takes = each + (number < rest)
            self.studio().takes.ask(scene, lambda before, n=n_takes: before.with_number(n))

    def studio(self) -> Studio:
        return self.cinema.studio()

    def render(self, run_id: str) -> list[Outcome]:
        studio = self.studio()
        clips, scenes = OrderedTakeClips(studio), SceneTake(studio).partitions()
        for scene in scenes:
            studio.takes.give_slots(scene)
        keys = [key for scene in scenes for key in clips.missing(scene, retry_failed=True)]
        return list(render(clips, keys, run_id=run_id))

    def key_of(self, request: Request) -> str:
        found = re.search(r"(?:requests|files)/([^/?]+)", request.path)
        return found[1] if found else _shot(orjson.loads(request.body))

    def did(self) -> Counter[str]:
        jobs = zip(self.server.jobs.ids(), self.server.jobs.requests(), strict=True)
        free = self.schedule.n_asked if self.trouble.is_free else ()
        return Counter(_shot(order) for job, order in jobs if job not in free)

    def asked(self, entry: Entry) -> str:
        return _shot(orjson.loads(entry.intent)["input"])

    def named(self, sidecar: Mapping[str, Any]) -> str:
        return _shot(sidecar["action"]["params"]["shot"])

    def is_what_was_made(self, folder: Path, name: str) -> bool:
        data = (folder / "clip.mp4").read_bytes()
        job = data[len(clip()) + 8 :].decode()
        order = self.server.jobs.request(job)
        return order is not None and _shot(order) == name and data == clip_of(job)


def _shot(asked: Mapping[str, Any]) -> str:
    return f"{asked['prompt']} / {asked['seed']}"


def clip_of(job: str) -> bytes:
    """A film that is another one for every job: a box at its end that players pass over holds the job's id."""
    mark = job.encode()
    return clip() + (len(mark) + 8).to_bytes(4, "big") + b"free" + mark


def put_board(
    store: ArtifactStore, song: str = SONG, provider: str = "fal", model: str = VEO, n_scenes: int = 4
) -> list[str]:
    """A storyboard and its prompts, as if they were rendered; the partitions of its scenes."""
    rate, names = Fraction(24), tuple(f"s{number:03d}" for number in range(1, n_scenes + 1))
    scenes = tuple(
        BoardScene(
            id=name, order=number + 1, start_frame=8 * number, end_frame=8 * number + 8, frame_rate=rate,
            section="verse", section_type="verse", mood="calm", mood_phrase="calm", energy=0.3, style_preset="dreamy",
            clip_seconds=4, n_bars=1.0, cut="downbeat", on_downbeat=True, cut_error_frames=0.0,
        )
        for number, name in enumerate(names)
    )  # fmt: skip
    board = Storyboard(
        title="Song", artist="Band", frame_rate=rate, n_frames=8 * len(names), duration_s=len(names) / 3,
        format="landscape", size="1280x720", bpm=120.0, clip_seconds=4, video_provider=provider, video_model=model,
        performance_density=0.0, scenes=scenes,
        estimate=Estimate(None, None, None, "USD", None, None, is_over_cap=False),
    )  # fmt: skip
    _put(store, "storyboard", song, {STORYBOARD: to_bytes(board)})
    for name in names:
        prompt = {"prompt": f"{name}: a lamp by the sea", "negative": "blur"}
        _put(store, "scene_prompt", scene_key(name, song), {PROMPT: orjson.dumps(prompt)})
    return [scene_key(name, song) for name in names]


def _put(store: ArtifactStore, asset: str, partition: str, files: Mapping[str, bytes]) -> None:
    key = sha256_hex(f"{asset} {partition}".encode())
    folder = f"planned/{key}"
    stored = {name: store.write(f"{folder}/{name}", data) for name, data in files.items()}
    content = content_sha256(stored, ())
    action = {"asset": asset, "provider": {}, "params": {}, "inputs": {}}
    store.commit(
        folder, stored,
        Sidecar(
            key, action, content, stored, {}, (), {}, (), "2026-01-02T03:04:05+00:00", 0.0, "run", "CC0", 0.0, (), {}
        ),
    )  # fmt: skip
    store.refs(asset).point(partition, Ref(key, folder, content, {name: one.size for name, one in stored.items()}))


def texts(n_lines: int) -> list[str]:
    """Short lines, no two the same."""
    draw = Random(5)
    found: dict[str, None] = {}
    while len(found) < n_lines:
        found[" ".join(draw.sample(_WORDS, 3)).capitalize() + "."] = None
    return list(found)


# --- The troubles --------------------------------------------------------------------------------------------------

_PAID = re.escape(UNFIT)
_OWN_500 = b'{"error_code": null, "title": "Internal error", "message": "Please try again.", "request_id": "r-1"}'
_OWN_503 = b'{"error_code": null, "title": "Overloaded", "message": "No machine is free."}'
_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_PAGE = "text/html; charset=utf-8"
_WAITS = str(int(KEPT_S))
_FAL_OWN = b'{"detail": "Internal server error"}'


def _gateway(status: int, *, is_taken: bool, retry_after: str = "") -> Fault:
    headers = [("retry-after", retry_after)] if retry_after else []
    return faulty.answered(status, _GATEWAY, content_type=_PAGE, is_taken=is_taken, headers=headers)


OF_LINES = (
    Trouble("429", (faulty.busy(),), (r"was answered 429: not now \(after 4 tries\)",), may_hold=False),
    Trouble("429 with Retry-After", (faulty.busy(429, _WAITS),),
            (r"was answered 429: not now; it wants to be asked again in 7 s \(after 4 tries\)",), may_hold=False),
    Trouble("500, the vendor's own", (faulty.answered(500, _OWN_500),),
            ("was answered 500: Internal error: Please try again",), may_hold=False),
    Trouble("500 and 502 of a gateway", (_gateway(500, is_taken=True), _gateway(502, is_taken=False)),
            (rf"{HELD}.*was answered 50[02]: 502 Bad Gateway",)),
    Trouble("503, the vendor's own, without and with Retry-After",
            (faulty.answered(503, _OWN_503), faulty.answered(503, _OWN_503, headers=[("retry-after", _WAITS)])),
            ("was answered 503: Overloaded: No machine is free",), may_hold=False),
    Trouble("503 of a gateway, without Retry-After",
            (_gateway(503, is_taken=False), _gateway(503, is_taken=True)), (rf"{HELD}.*was answered 503",)),
    Trouble("503 of a gateway, with Retry-After",
            (_gateway(503, is_taken=False, retry_after=_WAITS), _gateway(503, is_taken=True, retry_after=_WAITS)),
            (rf"{HELD}.*was answered 503.*asked again in 7 s",)),
    Trouble("reset before the request is read", (faulty.RESET_BEFORE_READING,), (rf"{HELD}.*the answer was lost",)),
    Trouble("reset after it was done", (faulty.LOST_ANSWER, faulty.CLOSED_WITHOUT_ANSWER),
            (rf"{HELD}.*the answer was lost",)),
    Trouble("time-out", (faulty.silent(), faulty.silent(is_taken=False)),
            (rf"{HELD}.*the answer was lost, no byte came for \d", rf"{HELD}.*not done in the time"), waits_s=HASTY),
    Trouble("cut-off body", (faulty.cut_off(), faulty.cut_off(is_reset=True), faulty.cut_off(0.0)),
            (rf"{HELD}.*the answer was lost",)),
    Trouble("cut-off body whose length lies", (faulty.cut_short(), faulty.ends_between_events()),
            (rf"{HELD}.*the stream ended", rf"{_PAID}.*the WAV file is cut off")),
    Trouble("cut-off body without a length", (faulty.without_length(), faulty.without_length(0.5)),
            (rf"{HELD}.*a file that does not say where it ends", rf"{HELD}.*the stream ended")),
    Trouble("wrong content type", (faulty.wrong_type(), faulty.wrong_type("application/json")),
            (rf"{HELD}.*was answered with \S+ instead of",)),
    Trouble("bad JSON",
            (faulty.replaced(b"data: {\n\n"), faulty.replaced(b'data: {"type": "chunk"}\n\n'), faulty.replaced(b"{")),
            (rf"{HELD}.*(no JSON object|the stream ended)", rf"{_PAID}.*a WAV file was ordered, and .* came")),
    Trouble("wrong WAV sizes",
            tuple(faulty.wrong_wav_sizes(size) for size in (0xFFFFFFFF, 0, 1000, 1001, 3, 10**9)),
            (rf"{_PAID}.*(the WAV file|cut off inside a sample)",), bytes_only=True, may_hold=False),
    Trouble("slow drip", (faulty.slow_drip(0.01, 4000), faulty.slow_drip(0.5, 200)),
            (rf"{HELD}.*the answer was lost, it was not done in the time",), waits_s=(20.0, HASTY[1])),
    Trouble("answered twice", (faulty.ANSWERS_TWICE,), may_hold=False),
)  # fmt: skip

_LATE = r"is not finished after \d+ s"

OF_TAKES = (
    Trouble("take: lost answer to the order", (faulty.LOST_ANSWER, faulty.cut_off()),
            (rf"{HELD}.*the answer was lost",),
            on="POST /"),
    Trouble("take: order answered 429, 500, 502", (
                faulty.busy(), faulty.answered(500, _FAL_OWN), _gateway(502, is_taken=True)),
            ("was answered 429", "was answered 500", rf"{HELD}.*was answered 502"), on="POST /"),
    Trouble("take: order answered with bad JSON, wrong type",
            (faulty.replaced(b'{"request_id": '), faulty.replaced(b'{"status": "IN_QUEUE"}'), faulty.wrong_type()),
            (rf"{HELD}.*(not JSON|names? no|named no job|instead of)",), on="POST /"),
    Trouble("take: lost status answers", (faulty.LOST_ANSWER, faulty.cut_off(), faulty.CLOSED_WITHOUT_ANSWER),
            (rf"{_LATE}.*the answer was lost",), on="GET .*/status", may_hold=False),
    Trouble("take: status 429, 500, 503", (faulty.busy(429, "1"), faulty.answered(500, _FAL_OWN),
                                          _gateway(503, is_taken=False, retry_after="1")),
            (rf"{_LATE}.*was answered (429|500|503)",), on="GET .*/status", may_hold=False),
    Trouble("take: status in bad JSON, of wrong type", (faulty.replaced(b"{"), faulty.wrong_type()),
            (rf"{_LATE}.*(not JSON|instead of)",), on="GET .*/status", may_hold=False),
    Trouble("take: COMPLETED with an error of the model",
            (faulty.answered(422, b'{"detail": [{"loc": ["body"], "msg": "no face", "type": "content_policy"}]}'),
             faulty.replaced(b'{"status": "COMPLETED", "error": "out of memory"}', "error")),
            (rf"{HELD} fal bills job .*(no face|out of memory)",), on=r"GET .*/requests/[^/]+$"),
    Trouble("take: COMPLETED with an error of fal's machines",
            (faulty.answered(504, b'{"detail": "timed out", "error_type": "generation_timeout"}'),),
            (r"failed: timed out \(generation_timeout\); nothing is billed",), on=r"GET .*/requests/[^/]+$",
            may_hold=False, is_free=True),
    Trouble("take: completed twice", (faulty.ANSWERS_TWICE,), (rf"{_PAID}.*has run out",), on="GET ",
            may_hold=False),
    Trouble("take: two runs complete the same orders", (faulty.ANSWERS_TWICE,),
            ("is being ordered by|is (reserved|submitting|submitted) by now", rf"{_PAID}.*has run out"),
            on="GET ", may_hold=False, is_twice=True),
    Trouble("take: file cut off, lost, shortened, slow",
            (faulty.cut_off(), faulty.LOST_ANSWER, faulty.cut_short(), faulty.slow_drip(0.01, 1000)),
            ("can not be had",), on="GET /files/", may_hold=False),
    Trouble("take: file of wrong type, gone, 500",
            (faulty.wrong_type(), faulty.answered(403, b"<Error/>", content_type="application/xml"),
             _gateway(500, is_taken=False)),
            ("can not be had.*(instead of|500)", rf"{_PAID}.*has run out"), on="GET /files/", may_hold=False),
)  # fmt: skip
