"""The queue of live messages in a storm: many writers, two renderers and two players at once, killed at any moment.

Each message must be put on air once, in the order of its queue, or its end must be told. A play counts from the moment
that a player touches the first file of what is on air: one that was killed there is told and never tried again.
"""

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from audio_assets.domain.live_message import QUEUES, NewMessage
from resources.database import default_url
from resources.live_player import Player
from resources.live_rows import FINISHED, Message, MessageConflict
from resources.message_queue import MessageQueue
from resources.now_playing import NowPlaying
from tests.bench.measuring import Figure
from tests.live import ask

N_MESSAGES, N_WRITERS, N_KILLS = 2000, 20, 150
TOLD = ("its player died", "3 renderers died")

forked = multiprocessing.get_context("fork")


class LoggedNowPlaying(NowPlaying):
    """Writes down which message is put on air, before anything else is done for it."""

    def publish(self, message: Message, text: str, wav: bytes, at: datetime) -> dict[str, Any]:
        log = os.open(self.folder.parent / "plays.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{message.queue} {message.number}\n".encode())
        os.close(log)
        time.sleep(random.uniform(0, 0.02))  # or kills would hardly ever hit it
        record = super().publish(message, text, wav, at)
        time.sleep(random.uniform(0, 0.02))
        return record


@dataclass(frozen=True)
class Storm:
    """What came of it: numbers per queue in the order of their plays, the messages, and how many were killed."""

    plays: dict[str, list[int]]
    messages: tuple[Message, ...]
    n_killed: int
    seconds: float

    def faults(self) -> list[str]:
        """Every way in which a message was lost, played twice, or out of order, in words."""
        n_times = Counter(number for numbers in self.plays.values() for number in numbers)
        found = [f"message {number} was played {n} times" for number, n in n_times.items() if n > 1]
        for message in self.messages:
            is_told = message.state == "FAILED" and message.reason.startswith(TOLD)
            if not is_told and not (message.state == "PLAYED" and n_times[message.number] == 1):
                n_plays = n_times[message.number]
                found.append(f"message {message.number} is {message.state} ({message.reason}), played {n_plays} times")
        found += [f"{queue} is out of order" for queue, numbers in self.plays.items() if numbers != sorted(numbers)]
        texts = [message.text for message in self.messages]
        found += [] if len(set(texts)) == len(texts) else ["a message arrived twice"]
        return found

    @property
    def n_told(self) -> int:
        """Messages whose end was told instead of played."""
        return sum(message.state == "FAILED" for message in self.messages)


def storm(
    folder: Path, *, n_messages: int, n_writers: int, n_kills: int, seed: int = 7, url: str = "", within_s: float = 600
) -> Storm:
    """Write, render and play `n_messages` in processes of which `n_kills` are killed; see `Storm`."""
    started = time.monotonic()
    url = url or default_url(folder)
    queue = MessageQueue(url)
    queue.autoplay(is_on=True, cooldown_s=0)
    writers = [forked.Process(target=write, args=(url, n, n_messages // n_writers)) for n in range(n_writers)]
    workers: list[Any] = [None] * 4
    draw, n_killed = random.Random(seed), 0
    for writer in writers:
        writer.start()
    try:
        while not _is_over(queue, n_messages // n_writers * n_writers):
            if time.monotonic() - started > within_s:
                raise RuntimeError(f"after {within_s} s: {queue.stats()}")
            for at, worker in enumerate(workers):
                if worker is None or not worker.is_alive():
                    workers[at] = forked.Process(target=render if at < 2 else play, args=(url, folder))
                    workers[at].start()
            queue.switch(draw.choice(QUEUES))
            time.sleep(draw.uniform(0.05, 0.3))
            if n_killed < n_kills:
                victim = draw.choice(workers)
                os.kill(victim.pid, signal.SIGKILL)
                victim.join()
                n_killed += 1
    finally:
        for process in [*writers, *filter(None, workers)]:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.join()
    plays: dict[str, list[int]] = {name: [] for name in QUEUES}
    for line in (folder / "plays.log").read_text().splitlines():
        name, number = line.split()
        plays[name].append(int(number))
    return Storm(plays, queue.messages(), n_killed, time.monotonic() - started)


def _is_over(queue: MessageQueue, n_messages: int) -> bool:
    counts = queue.stats().counts.values()
    return sum(of[state] for of in counts for state in FINISHED) == n_messages


def write(url: str, number: int, n_messages: int) -> None:
    """One writer: messages of both queues, one by one."""
    queue = MessageQueue(url)
    for n in range(n_messages):
        kind = ("mention", "bits")[n % 2]
        queue.add([NewMessage(f"w{number}", f"w{number} {n}", kind)], source="storm")  # type: ignore[arg-type]


def render(url: str, folder: Path) -> None:
    """One renderer, whose sounds are the texts."""
    queue = MessageQueue(url)
    while True:
        if not queue.waiting(1):
            time.sleep(0.005)
            continue
        for message in queue.claim(5, ask):
            sound = folder / f"sound{message.number}"
            sound.write_text(message.text)
            queue.ready(message.number, str(sound), duration_s=0, n_bytes=len(message.text))


def play(url: str, folder: Path) -> None:
    """One player under autoplay."""
    queue = MessageQueue(url)
    player = Player(queue, LoggedNowPlaying(folder / "live"), lambda message: Path(message.audio).read_bytes())
    while True:
        with suppress(MessageConflict):
            if player.play(cooldown_s=0) is None:
                time.sleep(0.005)


def measure() -> Iterator[Figure]:
    """One storm on SQLite."""
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        found = storm(Path(folder), n_messages=N_MESSAGES, n_writers=N_WRITERS, n_kills=N_KILLS)
    faults = found.faults()
    for fault in faults[:10]:
        print(fault, flush=True)
    what = f"{N_MESSAGES} live messages, {N_WRITERS} writers, 2 renderers, 2 players, {found.n_killed} kills"
    n_played = len(found.messages) - found.n_told
    came = f"{n_played} played once, {found.n_told} told, {len(faults)} lost, twice or out of order"
    yield Figure(what, came, "0 lost, twice or out of order", not faults and len(found.messages) == N_MESSAGES)
    yield Figure("the same: messages through the queue", f"{len(found.messages) / found.seconds:.0f} per second")
