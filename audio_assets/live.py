"""Stage `live`: a message of a live stream becomes a voice, and is ready to be played the moment it is there."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from audio_assets import ordering, partitions
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import WAV, Speak, voice_artifact
from audio_assets.domain.live_message import number_of
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.records import Failure, Sidecar
from audio_assets.domain.speech import SpeechRequest
from audio_assets.ordering import unavailable
from audio_assets.render import Recipe
from audio_assets.stage import rendered_asset
from resources.pool import Call
from resources.speech import SpeechProvider

PROJECT = "live"
"""What orders of live messages are booked under."""

_LETTERS_PER_S = 15.0


class MessageAudio(Recipe):
    """Speaks a live message; its queue hears of the outcome."""

    asset = "message_audio"
    code_version = "1"
    pool = "speech"
    folder = "audio/live"
    _n_threads = 1
    """A message that is alone has every core; of more, each core takes some. The sound is the same to the bit."""

    def partitions(self) -> Sequence[str]:
        """Every message that is not forgotten, but what can not be spoken."""
        return self.studio.live.partitions()

    def take_on(self, partitions: Sequence[str]) -> Sequence[str]:
        """Claim them in the queue; those that another renderer is at are left to it."""
        numbers = [number_of(partition) for partition in partitions]
        claimed = self.studio.live.queue.claim(len(numbers), self.studio.live.ask, only=numbers)
        self._n_threads = self.studio.settings.n_workers if len(claimed) == 1 else 1
        return [message.partition for message in claimed]

    def describe(self, partition: str) -> Action:
        """The engine, the voice, and the text as it is spoken."""
        spoken = self.studio.live.spoken(self.studio.live.message(partition))
        speech = spoken.speech
        return Action(
            self.asset,
            self.code_version,
            self.studio.speaker(spoken.engine).identity(speech),
            {
                "text": speech.text,
                "lang": speech.lang,
                "voice": [list(part) for part in speech.voice],
                "speed": speech.speed,
            },
        )

    def call(self, partition: str, action: Action) -> Call:
        """The engine's call, or the order."""
        spoken = self.studio.live.spoken(self.studio.live.message(partition))
        engine, speech, notes = spoken.engine, spoken.speech, spoken.notes
        provider = self.studio.speaker(engine)
        remote = provider.remote(self.studio.kept_answers)
        if remote is None:
            return Call(_spoken, (provider.speaker(self._n_threads), engine, speech, notes))
        order = ordering.order(
            self.studio, remote, action, PROJECT, provider.request(speech),
            seconds=len(speech.text) / _LETTERS_PER_S, n_characters=len(speech.text),
        )  # fmt: skip
        scratch = self.studio.scratch_file(".answer")
        make = partial(_heard, provider, engine, speech, notes)
        return ordering.call(self.studio, remote, order, {}, scratch, make, partial(_check, provider, speech))

    def unavailable(self, partition: str) -> str:
        """What the provider lacks."""
        engine = self.studio.live.spoken(self.studio.live.message(partition)).engine
        return unavailable(lambda: self.studio.speaker(engine).remote(self.studio.kept_answers))

    def estimate_s(self, partition: str) -> float:
        """By the engine's speed."""
        spoken = self.studio.live.spoken(self.studio.live.message(partition))
        return len(spoken.speech.text) / _LETTERS_PER_S * self.studio.speaker(spoken.engine).realtime_factor

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


def _spoken(speak: Speak, engine: str, speech: SpeechRequest, notes: tuple[str, ...]) -> Rendered:
    """The artifact of a message, with what was changed in its text."""
    return _noted(voice_artifact(speak, engine, speech, PROJECT), notes)


def _noted(rendered: Rendered, notes: tuple[str, ...]) -> Rendered:
    return replace(rendered, notes=(*notes, *rendered.notes))


def _heard(
    provider: SpeechProvider, engine: str, speech: SpeechRequest, notes: tuple[str, ...], answer: Path
) -> Rendered:
    return _noted(voice_artifact(lambda request: provider.hear(answer, request), engine, speech, PROJECT), notes)


def _check(provider: SpeechProvider, speech: SpeechRequest, answer: Path) -> None:
    provider.hear(answer, speech)


message_audio = rendered_asset(
    MessageAudio,
    "A live message, made safe to speak and spoken: `audio/live/<cache_key>/out.wav`; forgotten after a set age.",
    partitions_def=partitions.live_messages,
    group="live",
    owner="team:audio",
    kind="wav",
    deps=[],
)
