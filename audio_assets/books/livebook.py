"""Today's live messages: `live.toml`, the queue in the database, and what is spoken of each message.

Here: reading both together. Not here: the states of a message (`resources/message_queue.py`), rendering (`live`).
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import orjson

from audio_assets.domain.live_message import number_of
from audio_assets.domain.live_settings import LiveSettings, LiveSettingsError, parse_live_settings
from audio_assets.domain.live_text import UnspeakableError, speakable
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.speech import SpeechRequest
from resources.live_rows import Message
from resources.message_queue import Asked, MessageQueue
from resources.now_playing import NowPlaying

FILE = "live.toml"


class LiveSettingsMistake(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """`live.toml` can not be used as it stands: what would be spoken with it waits until it is mended."""


@dataclass(frozen=True, slots=True)
class SpokenMessage:
    """What is asked of an engine for a message, and what was changed in its text."""

    engine: str
    speech: SpeechRequest
    notes: tuple[str, ...] = ()

    def as_json(self) -> str:
        """As the queue keeps it from the moment that a renderer claims the message."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> "SpokenMessage":
        """What `as_json` wrote."""
        kept = orjson.loads(text)
        speech = kept["speech"]
        pairs = {name: tuple(tuple(pair) for pair in speech[name]) for name in ("voice", "pronunciations")}
        return cls(kept["engine"], SpeechRequest(**{**speech, **pairs}), tuple(kept["notes"]))


class LiveBook:
    """A snapshot of the settings; the queue is looked up anew each time."""

    def __init__(
        self, root: Path, url: str, known_voices: Mapping[str, Collection[str]], *, default_engine: str = "kokoro"
    ) -> None:
        self.root = root
        self._url = url
        self._known_voices = known_voices
        self._default_engine = default_engine

    @property
    def is_there(self) -> bool:
        """Whether there is a database; looking at a studio makes none."""
        file = self._url.removeprefix("sqlite:///")
        return file == self._url or Path(file).is_file()

    @cached_property
    def queue(self) -> MessageQueue:
        """The queue; opened on first use."""
        return MessageQueue(self._url)

    @property
    def now_playing(self) -> NowPlaying:
        """The files of what is on air."""
        return NowPlaying(self.root / "live")

    @cached_property
    def settings(self) -> LiveSettings:
        """`live.toml` of the data root; defaults where there is none.

        Raises:
            LiveSettingsMistake: it can not be read; the message says where.
        """
        path = self.root / FILE
        try:
            data = path.read_bytes() if path.is_file() else b""
            return parse_live_settings(data, str(path), default_engine=self._default_engine)
        except OSError as error:
            raise LiveSettingsMistake(f"{path} can not be read ({error.strerror})") from error
        except LiveSettingsError as error:
            raise LiveSettingsMistake(str(error)) from error

    def speech(self, text: str) -> SpeechRequest:
        """What is asked of the engine for a text, by the settings of today.

        Raises:
            LiveSettingsMistake: they can not be read, or name an engine or a voice that there is not.
        """
        try:
            return self.settings.request(text, self._known_voices)
        except LiveSettingsError as error:
            raise LiveSettingsMistake(str(error)) from error

    @property
    def mistake(self) -> str:
        """What is wrong with the settings, "" where nothing is."""
        try:
            self.speech("ready")
        except LiveSettingsMistake as error:
            return str(error)
        return ""

    def partitions(self) -> list[str]:
        """Every message that has audio, or is to have it."""
        if not self.is_there:
            return []
        kept = self.queue.messages(states=("PENDING", "READY", "PLAYING", "PLAYED", "FAILED"))
        return [message.partition for message in kept if message.state != "FAILED" or message.audio]

    def message(self, partition: str) -> Message:
        """The message of a partition.

        Raises:
            PermanentError: there is none.
        """
        if not self.is_there:
            raise PermanentError(f"there is no message {partition}")
        return self.queue.message(number_of(partition))

    def spoken(self, message: Message) -> SpokenMessage:
        """What is spoken of a message: as it was fixed when it was claimed, else by the settings of today.

        Raises:
            LiveSettingsMistake: the settings have to be mended first.
            PermanentError: nothing can be; one sentence.
        """
        if message.request:
            return SpokenMessage.from_json(message.request)
        try:
            found = speakable(message.text, self.settings.text)
        except UnspeakableError as error:
            raise PermanentError(str(error)) from error
        return SpokenMessage(self.settings.engine, self.speech(found.text), found.notes)

    def ask(self, message: Message) -> Asked:
        """What a claim fixes.

        Raises:
            LiveSettingsMistake: nothing can be claimed before the settings are mended.
        """
        try:
            return Asked(self.spoken(message).as_json())
        except LiveSettingsMistake:
            raise
        except PermanentError as error:
            return Asked(refusal=str(error))
