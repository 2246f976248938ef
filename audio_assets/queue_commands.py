"""What the commands of `audio-assets queue` do, apart from printing. A mistake of a person is one sentence."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from audio_assets.commands import open_studio, where
from audio_assets.domain.live_message import Queue, read_message
from audio_assets.domain.voices import VoiceIds
from audio_assets.live_desk import desk_lock, player
from audio_assets.studio import Studio
from resources.live_player import spoken_text
from resources.live_rows import Message, State, Switches
from resources.now_playing import RECORD, WAV

FAILED: tuple[State, ...] = ("FAILED",)


def add(message: Mapping[str, Any], source: str = "command") -> dict[str, Any]:
    """Take a message in.

    Raises:
        MessageError: it is none.
    """
    read = read_message(message)
    queue = open_studio().live.queue
    (added,) = queue.add([read], source=source)
    kept = queue.message(added.number)
    return {"id": added.number, "is_new": added.is_new, "queue": kept.queue, "state": kept.state}


def stats() -> dict[str, Any]:
    """What the queue holds, and how it is switched."""
    return stats_of(open_studio())


def stats_of(studio: Studio) -> dict[str, Any]:
    """See `stats`."""
    found = studio.live.queue.stats()
    active = found.counts[found.switches.active_queue]
    return {
        **_switched(studio, found.switches),
        "pending": active["PENDING"],
        "ready": active["READY"],
        "playing": None if found.playing is None else found.playing.number,
        "audio_bytes_ready": found.n_bytes_ready,
        "n_players_died": found.n_died,
        "is_served": desk_lock(studio),
        "queues": found.counts,
    }


def play_next() -> dict[str, Any] | None:
    """Put the next message of the active queue on air; None while none is ready.

    Raises:
        MessageConflict: another one plays.
    """
    studio = open_studio()
    played = player(studio).play()
    if played is None:
        return None
    folder = studio.live.now_playing.folder
    return {**played.record, "path": str(folder / WAV), "record": str(folder / RECORD)}


def mark_played(number: int) -> dict[str, Any]:
    """End a message."""
    studio = open_studio()
    return _shown(studio, studio.live.queue.mark_played(number))


def autoplay(*, is_on: bool, cooldown_s: float | None) -> dict[str, Any]:
    """Switch autoplay."""
    studio = open_studio()
    return _switched(studio, studio.live.queue.autoplay(is_on=is_on, cooldown_s=cooldown_s))


def clear() -> dict[str, Any]:
    """Take away what waits in the active queue."""
    queue = open_studio().live.queue
    gone = queue.clear()
    return {"active_queue": queue.switches().active_queue, "n_deleted": len(gone), "ids": [one.number for one in gone]}


def switch(queue: Queue) -> dict[str, Any]:
    """Make a queue the active one."""
    studio = open_studio()
    return _switched(studio, studio.live.queue.switch(queue))


def requeue(numbers: Collection[int], *, all_failed: bool) -> dict[str, Any]:
    """Have messages spoken and played again: those of the numbers, or all that failed.

    Raises:
        ValueError: no number is given, or one is of a message that is not over.
    """
    queue = open_studio().live.queue
    if all_failed:
        numbers = [one.number for one in queue.messages(states=FAILED) if one.text]
    elif not numbers:
        raise ValueError("which messages? Give their numbers, or --failed for all that failed")
    return {"ids": [message.number for message in queue.requeue(numbers)]}


def listed(states: Collection[State], queue: Queue | None, newest: int) -> list[dict[str, Any]]:
    """The newest messages in the order of their arrival."""
    studio = open_studio()
    return [_shown(studio, one) for one in studio.live.queue.messages(states=states, queue=queue, newest=newest)]


def config() -> dict[str, Any]:
    """The settings in use.

    Raises:
        PermanentError: they can not be read, or name a voice that there is not.
    """
    studio = open_studio()
    settings = studio.live.settings
    voices = studio.speaker(settings.engine).voices()
    request = settings.request("ready", {settings.engine: voices})
    return {
        "file": settings.path,
        "engine": settings.engine,
        "voice": settings.voice,
        "mix": {name: round(weight, 4) for name, weight in request.voice},
        "language": settings.language,
        "speed": settings.speed,
        "max_age_days": settings.max_age_days,
        **_switched(studio, studio.live.queue.switches()),
        "names": dict(settings.names),
        "text": {**asdict(settings.text), "blocked": f"{len(settings.text.blocked)} words"},
        "n_voices": "any" if isinstance(voices, VoiceIds) else len(voices),
        "inbox": str(studio.settings.live_inbox),
        "now_playing": str(studio.live.now_playing.folder / WAV),
        "server": f"http://{studio.settings.live_host}:{studio.settings.live_port}",
    }


def _switched(studio: Studio, switches: Switches) -> dict[str, Any]:
    cooldown_s = studio.live.settings.cooldown_s if switches.cooldown_s is None else switches.cooldown_s
    return {
        "active_queue": switches.active_queue,
        "autoplay": switches.is_autoplay,
        "cooldown_s": cooldown_s,
    }


def _shown(studio: Studio, message: Message) -> dict[str, Any]:
    return {
        "id": message.number,
        "queue": message.queue,
        "state": message.state,
        "sent_by": message.sent_by,
        "text": message.text,
        "spoken": spoken_text(message) if message.request else "",
        "notes": list(studio.live.spoken(message).notes) if message.request else [],
        "bits_amount": message.bits_amount,
        "reason": message.reason,
        "source": message.source,
        "duration_s": message.duration_s,
        "n_plays": message.n_plays,
        "audio": where(studio, message.audio) if message.audio else "",
        **{name: _time(getattr(message, name)) for name in ("arrived_at", "ready_at", "started_at", "ended_at")},
    }


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="milliseconds")
