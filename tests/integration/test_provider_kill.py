"""Kill -9 at each step of a paid line, take and lip-sync, and a restart: the vendors, in a process of their own, which
goes on, have one order by their own count; or the order is held as of unknown outcome, and is never sent again.

The customer runs the real recipes, in a process that kills itself at a step of the ledger, the vendor or the store, or
is killed while the vendor holds its request or answer back (`tests/servers/apart.py`).
"""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from starlette.types import ASGIApp

from audio_assets import ordering
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import WAV, read_wav
from audio_assets.domain.rendering import Rendered
from audio_assets.recipe import Recipe
from audio_assets.render import render
from audio_assets.settings import current
from audio_assets.stages.speech import VoiceLine
from audio_assets.stages.take_clips import OrderedTakeClips
from audio_assets.stages.takes import SceneTake
from audio_assets.studio import Studio
from resources import budget_commands
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from resources.paid_jobs import Patience
from resources.pool import Call
from resources.store import ArtifactStore
from resources.vendors.cartesia import CartesiaVendor
from resources.vendors.fal import FalVendor
from resources.vendors.sync_so import SyncSo, SyncSoVendor
from tests.cinema import Cinema
from tests.concert import SONG
from tests.forks import Forked, forks
from tests.house import House
from tests.servers.apart import Held, apart
from tests.servers.cartesia import Cartesia
from tests.servers.fal import FalServer
from tests.servers.faulty import wait_until
from tests.servers.orders import Orders
from tests.servers.sync_so import KEY as SYNC_KEY
from tests.servers.sync_so import SyncSoServer
from tests.servers.video_jobs import Jobs, clip
from tests.servers.voices import said
from tests.trouble import CAST, KEYS, PRICES, RATE_HZ, Quick, QuickVideo, clip_of, put_board

Fork = Callable[..., Forked]
STEPS = {
    "before it is reserved": ("ledger", "reserve", "before"),
    "after it is reserved": ("ledger", "reserve", "after"),
    "after the intent is kept": ("ledger", "submitting", "after"),
    "while it is on its way": ("hold", "order", "before"),
    "after it was done, before the answer is read": ("hold", "order", "after"),
    "after the answer, before its job is kept": ("vendor", "submit", "after"),
    "after its job is kept": ("ledger", "submitted", "after"),
    "while it is looked at": ("hold", "look", "before"),
    "during the download": ("hold", "file", "half"),
    "after the download, before it is settled": ("vendor", "fetch", "after"),
    "after it is settled, before the sidecar": ("ledger", "settle", "after"),
    "after the sidecar, before the ref": ("store", "commit", "after"),
}
SENT = ("after the intent is kept", "while it is on its way", "after it was done, before the answer is read")
"""Where it may have been sent, and no answer is kept."""
NEVER_SENT = ("after the intent is kept",)


def die(*_args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(kind: type, step: str, when: str) -> None:
    """Let a method kill the process before it does its work, or after."""
    method = getattr(kind, step)

    def killed(*args: Any, **options: Any) -> object:
        if when == "before":
            die()
        method(*args, **options)
        return die()

    setattr(kind, step, killed)


@dataclass
class Customer(ABC):
    """Somebody who buys one thing; every process of a test makes its own."""

    root: Path
    environment: dict[str, str]
    url: str = ""
    vendor: ClassVar[type]
    requests: ClassVar[dict[str, str]]
    cost_micro: ClassVar[int]
    is_replayed: ClassVar[bool] = False
    """Whether the vendor knows the key of an order that it has done."""

    @property
    def folder(self) -> Path:
        return self.root.parent

    @abstractmethod
    def app(self) -> ASGIApp:
        """The vendor."""

    @abstractmethod
    def orders(self) -> Sequence[str]:
        """What the vendor has done, by its own count; job ids where it has such."""

    @abstractmethod
    def set_up(self) -> None:
        """What there is before anything is bought."""

    @abstractmethod
    def recipe(self) -> tuple[Recipe, str]:
        """The recipe and its one partition."""

    @abstractmethod
    def is_right(self, folder: Path) -> bool:
        """Whether the artifact is what the vendor made."""

    def run(self, point: str = "") -> str:
        """Render, in this process: what became of it."""
        if point:
            where, step, when = STEPS[point]
            if where != "hold":
                dying({"ledger": Ledger, "vendor": self.vendor, "store": ArtifactStore}[where], step, when)
        recipe, partition = self.recipe()
        (outcome,) = render(recipe, [partition], run_id="run")
        return outcome.failure.reason if outcome.failure else outcome.state

    def outcome(self, fork: Fork, point: str = "") -> str:
        """Render, in a process of its own; "killed" where it was."""
        where, step, when = STEPS[point] if point else ("", "", "")
        held, hold = self.folder / "held", self.folder / "hold"
        if where == "hold":
            hold.write_text(f"{when} {self.requests[step]}")
        process = fork(_bought, self, point)
        if where == "hold":
            wait_until(held.exists, within_s=60)
            os.kill(process.pid, signal.SIGKILL)
        code, answer = process.result()
        hold.unlink(missing_ok=True)
        if code == -signal.SIGKILL:
            return "killed"
        assert code == 0
        return str(answer)

    def studio(self) -> Studio:
        return self.recipe()[0].studio

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.studio().ledger.entries()

    def artifact(self) -> Path | None:
        """The artifact's folder, if it is there."""
        recipe, partition = self.recipe()
        ref = recipe.refs.get(partition)
        if ref is None:
            return None
        assert recipe.store.find(ref.object) is not None
        return self.root / ref.object


def _bought(customer: Customer, point: str) -> str:
    """What a process of its own does."""
    os.environ.update(customer.environment)
    current.cache_clear()
    return customer.run(point)


class Line(Customer):
    """A line of Cartesia, which answers at once."""

    vendor = CartesiaVendor
    requests = {"order": "POST /tts"}
    cost_micro = 1_300
    text = "The boat is late tonight."

    def app(self) -> ASGIApp:
        return Held(Cartesia(Orders(self.folder / "orders.db")).app, self.folder)

    def orders(self) -> Sequence[str]:
        return [str(order["transcript"]) for order in Orders(self.folder / "orders.db").all]

    def set_up(self) -> None:
        house = self.house()
        house.write("cast.toml", CAST)
        house.write("price_card.toml", PRICES)
        house.register(f"== sea ==\nAna: {self.text}")

    def house(self) -> House:
        quick = Quick(url=self.url, sample_rate_hz=RATE_HZ, read_s=60.0, total_s=60.0)
        return House(self.root, self.folder, {"cartesia": quick})

    def recipe(self) -> tuple[Recipe, str]:
        recipe = VoiceLine(self.house().studio())
        return recipe, recipe.partitions()[0]

    def is_right(self, folder: Path) -> bool:
        pcm, rate_hz = read_wav((folder / WAV).read_bytes())
        return rate_hz == RATE_HZ and np.array_equal(pcm, said(self.text, "en", RATE_HZ).pcm)


class Take(Customer):
    """A take of fal: a job."""

    vendor = FalVendor
    requests = {"order": "POST /", "look": "GET .*/status", "file": "GET /files"}
    cost_micro = 400_000

    def app(self) -> ASGIApp:
        server = FalServer(self.folder / "orders.db")
        server.states, server.make = ["IN_PROGRESS", "COMPLETED"], clip_of
        return Held(server.app, self.folder)

    def orders(self) -> Sequence[str]:
        return Jobs(self.folder / "orders.db").ids()

    def set_up(self) -> None:
        cinema = self.cinema()
        cinema.write("price_card.toml", PRICES)
        cinema.drop(settings="", duration_s=2.0)
        assert not cinema.register().problems
        studio = cinema.studio()
        for scene in put_board(studio.store):
            studio.takes.give_slots(scene)

    def cinema(self) -> Cinema:
        cinema = Cinema(self.root)
        tables = [str(Path(__file__).resolve().parents[2] / "workflows" / "video_models.toml")]
        cinema.beside = {"fal": QuickVideo(url=self.url, first_look_s=0.002, read_s=60.0, total_s=60.0, tables=tables)}
        return cinema

    def recipe(self) -> tuple[Recipe, str]:
        studio = self.cinema().studio()
        return OrderedTakeClips(studio), f"t01@{SceneTake(studio).partitions()[0]}"

    def is_right(self, folder: Path) -> bool:
        return (folder / "clip.mp4").read_bytes() == clip_of(self.orders()[0])


class Sung(Recipe):
    """A clip whose mouth is moved elsewhere."""

    asset = "lipsynced_take"
    code_version = "1"
    folder = "video/lipsynced_takes"

    def partitions(self) -> Sequence[str]:
        return [f"s001|{SONG}"]

    def describe(self, partition: str) -> Action:
        return Action(self.asset, self.code_version, self.studio.lip_sync("sync_so").identity(), {})

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        provider = self.studio.lip_sync("sync_so")
        remote = provider.remote(self.studio.kept_answers)
        assert remote is not None
        remote = replace(remote, patience=Patience(first_s=0.005))
        order = ordering.order(self.studio, remote, action, SONG, provider.request(2.0), scene="s001", seconds=2.0)
        root = self.studio.settings.root
        files = {"video": root / "film.mp4", "audio": root / "voice.wav"}
        scratch = self.studio.scratch_file(".mp4")

        def make(path: Path) -> Rendered:
            return Rendered({"clip.mp4": path}, {}, {})

        return ordering.call(self.studio, remote, order, files, scratch, make, lambda _path: None)


class LipSync(Customer):
    """A clip of sync.so, which knows the key of an order."""

    vendor = SyncSoVendor
    requests = {"order": "POST /v2/generate", "look": "GET /v2/generate/", "file": "GET /outputs"}
    cost_micro = 160_000
    is_replayed = True

    def app(self) -> ASGIApp:
        return Held(SyncSoServer(self.folder / "orders.db", make=_synced).app(), self.folder)

    def orders(self) -> Sequence[str]:
        return [job["id"] for job in SyncSoServer(self.folder / "orders.db").jobs()]

    def set_up(self) -> None:
        price = 'provider = "sync_so"\nmodel = "lipsync-2"\nusd_per_second = 0.08\nvalid_from = 2020-01-01\n'
        (self.root / "price_card.toml").write_text(f"[[prices]]\n{price}")
        (self.root / "film.mp4").write_bytes(clip())
        (self.root / "voice.wav").write_bytes(b"RIFF a voice")

    def recipe(self) -> tuple[Recipe, str]:
        house = House(self.root, self.folder, {"sync_so": SyncSo(url=self.url)})
        return Sung(house.studio()), f"s001|{SONG}"

    def is_right(self, folder: Path) -> bool:
        return (folder / "clip.mp4").read_bytes() == _synced(clip(), b"RIFF a voice")


def _synced(film: bytes, voice: bytes) -> bytes:
    return film + voice


@pytest.fixture(scope="module")
def fork() -> Iterator[Fork]:
    with forks() as found:
        yield found


@pytest.fixture
def customer(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customer]:
    for name, key in {**KEYS, "SYNC_API_KEY": SYNC_KEY}.items():
        monkeypatch.setenv(name, key)
    made: Customer = request.param(root, dict(os.environ))
    with apart(made.app) as url:
        made.url = url
        made.set_up()
        yield made


EACH = int(os.environ.get("AUDIO_ASSETS_TEST_EACH", "3"))
"""Takes are killed at every second point, lines and mouths at one of so many; 1: all at all."""


def killed_at(kinds: Sequence[type[Customer]], points: Sequence[str] = tuple(STEPS)) -> Callable[..., Any]:
    """Each of these kinds, killed at each of the points that it comes by."""
    cases = [
        pytest.param(kind, point, id=f"{kind.__name__.lower()} {point}")
        for kind in kinds
        for number, point in enumerate(points)
        if number % (min(2, EACH) if kind is Take else EACH) == 0
        if STEPS[point][0] != "hold" or STEPS[point][1] in kind.requests
    ]
    return pytest.mark.parametrize(("customer", "point"), cases, indirect=["customer"])


@killed_at((Line, Take, LipSync))
def test_killed_at_any_step_and_started_again_it_is_done_once(customer: Customer, fork: Fork, point: str) -> None:
    assert customer.outcome(fork, point) == "killed"
    if point == "while it is on its way":
        wait_until(lambda: len(customer.orders()) == 1, within_s=30)  # what was sent is done, whoever has died
    n_sent = len(customer.orders())
    for n_run in range(2):
        said_of_it = customer.outcome(fork)
        (entry,) = customer.entries
        folder = customer.artifact()
        is_lost = point in SENT or (
            point == "after the answer, before its job is kept" and customer.vendor is FalVendor
        )
        if is_lost and not customer.is_replayed:
            assert said_of_it.startswith("it is not known whether"), said_of_it
            assert (entry.state, entry.held_micro, folder) == ("unknown", customer.cost_micro, None)
            assert len(customer.orders()) == n_sent == (0 if point in NEVER_SENT else 1)
        else:
            assert said_of_it == ("cached" if n_run or point.startswith("after the sidecar") else "rendered")
            assert (entry.state, entry.spent_micro, entry.held_micro) == ("settled", customer.cost_micro, 0)
            assert folder is not None
            assert customer.is_right(folder)
            assert len(customer.orders()) == 1
    assert len(list((customer.root / customer.recipe()[0].folder).rglob("sidecar.json"))) == (folder is not None)


@killed_at((Take,), [*SENT, "after the answer, before its job is kept"])
def test_what_is_held_goes_on_when_a_person_has_looked(customer: Customer, fork: Fork, point: str) -> None:
    assert customer.outcome(fork, point) == "killed"
    if point == "while it is on its way":
        wait_until(lambda: len(customer.orders()) == 1, within_s=30)
    customer.outcome(fork)
    (entry,) = customer.entries
    if customer.orders():
        budget_commands.attach(customer.studio().ledger, entry.id, customer.orders()[0])
    else:
        budget_commands.release(customer.studio().ledger, entry.id, "looked: it is not there")
    assert customer.outcome(fork) == "rendered"
    folder = customer.artifact()
    assert folder is not None
    assert customer.is_right(folder)
    assert len(customer.orders()) == 1
    assert sum(entry.cost_micro for entry in customer.entries) == customer.cost_micro
