"""Live messages for tests: a queue with a clock that a test turns, and processes that are long dead."""

from pathlib import Path

import orjson

from audio_assets.domain.live_message import NewMessage
from resources.live_player import Player
from resources.live_rows import Message
from resources.message_queue import Asked, MessageQueue
from resources.now_playing import NowPlaying
from resources.process_owner import Owner, this_process
from tests.ledgers import Clock

DEAD = Owner(2**22 + 1, this_process().host, "gone-1")
"""A pid that no process has."""


def ask(message: Message) -> Asked:
    """The text as it is; `no` can not be spoken."""
    if message.text == "no":
        return Asked(refusal="it says no")
    return Asked(orjson.dumps({"speech": {"text": message.text}}).decode())


class Stage:
    """A queue, and players of it whose sounds are the texts."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.clock = url, folder, Clock()
        self.owner = this_process()
        self.queue = MessageQueue(url, now=self.clock, owner=lambda: self.owner)
        self.now_playing = NowPlaying(folder / "live")
        self.player = Player(self.queue, self.now_playing, lambda message: message.text.encode(), self.clock)

    def add(self, *texts: str, bits: int | None = None) -> list[int]:
        kind = "mention" if bits is None else "bits"
        messages = [NewMessage("ana", text, kind, bits) for text in texts]
        return [added.number for added in self.queue.add(messages, source="test")]

    def render(self, duration_s: float = 2.0) -> list[int]:
        """All that waits."""
        claimed = self.queue.claim(1000, ask)
        for one in claimed:
            self.queue.ready(one.number, f"audio/{one.number}", duration_s=duration_s, n_bytes=10)
        return [one.number for one in claimed]

    def states(self) -> dict[int, str]:
        return {one.number: one.state for one in self.queue.messages()}
