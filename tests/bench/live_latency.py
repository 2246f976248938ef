"""From the arrival of a live message until its audio is ready, with `queue serve` running and Kokoro's model loaded."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

from audio_assets.commands.opening import open_studio
from audio_assets.domain.live_message import NewMessage
from resources.live_rows import Message
from resources.message_queue import MessageQueue
from tests.bench.measuring import Figure, data_root, model

AIM_S = 10.0
TEXTS = (
    "What a goal, that was the best match of the whole evening",
    "hi chat",
    "Hello everyone, greetings from Madrid, I love this stream and the music",
    "can you play the second song again please",
    "happy birthday to you all",
)


def measure() -> Iterator[Figure]:
    """Each message alone; the first before them pays for the model and counts for itself."""
    model("kokoro")
    with data_root():
        queue = open_studio().live.queue
        command = [sys.executable, "-c", "from audio_assets.cli import main; main()", "queue", "serve", "--no-http"]
        server = subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "ignore"})
        try:
            first = timed(queue, "the first message of all", within_s=90)
            found = [timed(queue, text, within_s=60) for text in TEXTS]
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    ready = [times["ready"] for times in found]
    audio_s = statistics.median(times["audio"] for times in found)
    yield Figure(
        "add to READY, Kokoro, `queue serve` (median of 5)",
        f"{statistics.median(ready):.1f} s, worst {max(ready):.1f} s, for {audio_s:.1f} s of speech",
        f"< {AIM_S:g} s", max(ready) < AIM_S,
    )  # fmt: skip
    yield Figure("of that until it is claimed", f"{statistics.median(times['claimed'] for times in found):.2f} s")
    yield Figure("the first, with start of the server and the model", f"{first['ready']:.1f} s")


def timed(queue: MessageQueue, text: str, *, within_s: float) -> Mapping[str, float]:
    """Seconds from the arrival until the claim and until the audio is ready, and the seconds of audio."""
    started = time.monotonic()
    (added,) = queue.add([NewMessage("ana", text)], source="bench")
    claimed_s = 0.0
    while True:
        message: Message = queue.message(added.number)
        now_s = time.monotonic() - started
        claimed_s = claimed_s or (now_s if message.owner or message.state != "PENDING" else 0.0)
        if message.state == "READY":
            return {"claimed": claimed_s, "ready": now_s, "audio": message.duration_s}
        if message.state == "FAILED" or now_s > within_s:
            raise RuntimeError(f"{text!r} is {message.state} after {now_s:.0f} s: {message.reason}")
        time.sleep(0.02)
