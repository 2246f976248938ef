"""Stage `live`: a message of a live stream becomes a voice, and is ready to be played the moment it is there."""

from collections.abc import Iterator, Sequence

from audio_assets import partitions
from audio_assets.domain.action import sha256_hex
from audio_assets.domain.artifacts import WAV
from audio_assets.domain.cast import MouthSettings
from audio_assets.domain.line_request import LineRequest
from audio_assets.domain.lineage import Origin
from audio_assets.domain.live_message import number_of
from audio_assets.domain.schemas.records import Failure, Sidecar
from audio_assets.stage import rendered_asset
from audio_assets.stages.spoken import Spoken

PROJECT = "live"
"""Who speaks, and what orders of live messages are booked under."""


class MessageAudio(Spoken):
    """Speaks a live message; its queue hears of the outcome."""

    asset = "message_audio"
    code_version = "1"
    folder = "audio/live"

    def partitions(self) -> Sequence[str]:
        """Every message that is not forgotten, but what can not be spoken."""
        return self.studio.live.partitions()

    def take_on(self, partitions: Sequence[str]) -> Sequence[str]:
        """Claim them in the queue; those that another renderer is at are left to it."""
        numbers = [number_of(partition) for partition in partitions]
        claimed = self.studio.live.queue.claim(len(numbers), self.studio.live.ask, only=numbers)
        # one that is alone has every core, of more each core takes some; the sound is the same to the bit
        self.n_threads = self.studio.settings.n_workers if len(claimed) == 1 else 1
        return [message.partition for message in claimed]

    def request(self, partition: str) -> LineRequest:
        """The text as it is spoken, with engine, voice and speed; nobody stands in."""
        spoken = self.studio.live.spoken(self.studio.live.message(partition))
        return LineRequest(partition, PROJECT, spoken.engine, spoken.speech, 0.0, MouthSettings())

    def origins(self, partition: str) -> Iterator[Origin]:
        """Who sent it, when, and the settings that it is spoken with."""
        message = self.studio.live.message(partition)
        yield Origin("live message", f"{message.message_type} {message.number}", said=message.text, by=message.sent_by,
                     at=message.arrived_at.isoformat(timespec="seconds"))  # fmt: skip
        path = self.studio.live.root / "live.toml"
        if path.is_file():
            yield Origin("live settings", "live.toml", "live.toml", sha256=sha256_hex(path.read_bytes()))

    def project(self, partition: str) -> str:
        """One for all messages."""
        return PROJECT

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Tell the queue that it is ready; what a blocking check holds back has failed."""
        queue, number = self.studio.live.queue, number_of(partition)
        if sidecar.is_blocked:
            failed = "; ".join(f"{check.name}: {check.detail}" for check in sidecar.checks if not check.passed)
            queue.failed(number, f"its audio is no good: {failed}")
            return
        duration_s = float(sidecar.facts["duration_s"])
        queue.ready(number, f"{folder}/{WAV}", duration_s=duration_s, n_bytes=sidecar.files[WAV].size)

    def give_up(self, partition: str, failure: Failure) -> None:
        """Tell the queue why."""
        self.studio.live.queue.failed(number_of(partition), failure.reason)


message_audio = rendered_asset(
    MessageAudio,
    "A live message, made safe to speak and spoken: `audio/live/<cache_key>/out.wav`; forgotten after a set age.",
    partitions_def=partitions.live_messages,
    group="live",
    kind="wav",
)
