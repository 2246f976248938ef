"""Plays live messages: takes the next one, puts it on air, keeps since when. Many players may do so at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from resources.live_rows import Message
from resources.message_queue import MessageQueue
from resources.now_playing import NowPlaying


@dataclass(frozen=True, slots=True)
class Played:
    """A message that was put on air, and its record there."""

    message: Message
    record: dict[str, Any]


class Player:
    """One player; `read_audio` answers a message's sound.

    A message whose sound is gone has failed, with the reason, and the next one is tried.
    """

    def __init__(
        self,
        queue: MessageQueue,
        now_playing: NowPlaying,
        read_audio: Callable[[Message], bytes],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._queue = queue
        self._now_playing = now_playing
        self._read_audio = read_audio
        self._now = now

    def play(self, *, cooldown_s: float | None = None) -> Played | None:
        """Put the next message of the active queue on air; None while none is ready.

        `cooldown_s` is that of autoplay, None for a person who asks.

        Raises:
            MessageConflict: a person asks while another message plays.
            OSError: the folder on air can not be written; the message has failed, with that reason.
        """
        while True:
            message = self._queue.cue(was_published=self._now_playing.was_published, cooldown_s=cooldown_s)
            if message is None:
                return None
            try:
                wav = self._read_audio(message)
            except (ValueError, RuntimeError, OSError) as error:
                self._queue.failed(message.number, f"its audio can not be had: {error}; requeue it")
                continue
            at = self._now()
            try:
                record = self._now_playing.publish(message, spoken_text(message), wav, at)
            except OSError as error:
                where = f"{self._now_playing.folder} can not be written ({error.strerror}); mend that, then requeue it"
                self._queue.failed(message.number, where)
                raise
            except Exception as error:  # this process lives on, so nobody else would ever end the message
                self._queue.failed(message.number, f"it could not be put on air: {type(error).__name__}: {error}")
                raise
            return Played(self._queue.started(message, at), record)

    def tend(self) -> tuple[Message, ...]:
        """End what has played its time, and what dead players left."""
        return self._queue.tend(self._now_playing.was_published)


def spoken_text(message: Message) -> str:
    """The text as it is spoken."""
    return str(orjson.loads(message.request)["speech"]["text"]) if message.request else message.text
