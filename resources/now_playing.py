"""What is on air, as files for OBS or a player: `now_playing.wav` and `now_playing.json`, always a pair.

The sound is also there under a name of its own, which the record names: its content never changes, so who reads the
record first and then that file has the two of one message. The record is replaced last: with it a message is on air.
The sound of the message before stays until the next one.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from audio_assets.domain.action import sha256_hex
from resources.live_rows import Message
from resources.published import replace_file

SCHEMA = "now_playing.1"
WAV, RECORD = "now_playing.wav", "now_playing.json"


class NowPlaying:
    """The folder that players watch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, message: Message, text: str, wav: bytes, at: datetime) -> dict[str, Any]:
        """Put a message on air; its record comes back.

        Raises:
            OSError: the folder can not be written.
        """
        before = self.current()
        own = f"{message.partition}-{message.n_plays}.wav"
        record = {
            "schema": SCHEMA,
            "id": message.number,
            "play": message.n_plays,
            "queue": message.queue,
            "sent_by": message.sent_by,
            "text": text,
            "bits_amount": message.bits_amount,
            "wav": own,
            "sha256": sha256_hex(wav),
            "duration_s": message.duration_s,
            "started_at": at.isoformat(timespec="milliseconds"),
        }
        replace_file(self.folder / own, wav)
        replace_file(self.folder / WAV, wav)
        replace_file(self.folder / RECORD, orjson.dumps(record, option=orjson.OPT_INDENT_2))
        kept = {own, WAV, str(before.get("wav", ""))}
        for old in self.folder.glob("m*-*.wav"):
            if old.name not in kept:
                old.unlink(missing_ok=True)
        return record

    def current(self) -> dict[str, Any]:
        """The record of what was put on air last; empty where there is none."""
        try:
            found = orjson.loads((self.folder / RECORD).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and found.get("schema") == SCHEMA else {}

    def was_published(self, message: Message) -> datetime | None:
        """Since when this very play of a message is on air; None where its record was never written."""
        record = self.current()
        if (record.get("id"), record.get("play")) != (message.number, message.n_plays):
            return None
        return datetime.fromisoformat(record["started_at"])
