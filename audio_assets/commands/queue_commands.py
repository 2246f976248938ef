"""What the commands of `audio-assets queue` do, apart from printing. A mistake of a person is one sentence."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from audio_assets.books.livebook import LiveSettingsMistake
from audio_assets.commands.opening import open_studio, where
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
    studio = open_studio()
    queue = studio.live.queue
    (added,) = queue.add([read], source=source)
    kept = queue.message(added.number)
    taken = {"id": added.number, "is_new": added.is_new, "queue": kept.queue, "state": kept.state}
    return {**taken, **_mistake(studio, "it waits until that is mended")}


def stats() -> dict[str, Any]:
    """What the queue holds, and how it is switched."""
    return stats_of(open_studio())


def stats_of(studio: Studio) -> dict[str, Any]:
    """See `stats`."""
    found = studio.live.queue.stats()
    active = found.switches.active_queue
    queues = {
        queue: {
            **{state.lower(): n for state, n in counts.items()}, "audio_bytes_ready": found.n_bytes_ready[queue],
        }
        for queue, counts in found.counts.items()
    }  # fmt: skip
    return {
        **_switched(studio, found.switches),
        "playing": None if found.playing is None else found.playing.number,
        "in_active_queue": queues[active],
        "in_all_queues": {name: sum(of[name] for of in queues.values()) for name in queues[active]},
        "queues": queues,
        "n_players_died": found.n_died,
        "is_served": desk_lock(studio),
        **_mistake(studio, "nothing is spoken until that is mended"),
    }


def stats_text(shown: Mapping[str, Any]) -> dict[str, str]:
    """The same for reading: a label and a sentence each."""
    rows = {
        f"{name} (active)" if name == shown["active_queue"] else name: _held(of) for name, of in shown["queues"].items()
    }
    cooldown_s = shown["cooldown_s"]
    pause = "" if cooldown_s is None else f", {cooldown_s:g} s between two messages"
    rows["all queues"] = _held(shown["in_all_queues"])
    rows["on air"] = "nothing" if shown["playing"] is None else f"message {shown['playing']}"
    rows["autoplay"] = ("on" if shown["autoplay"] else "off") + pause
    rows["served"] = (
        "by `audio-assets queue serve`" if shown["is_served"] else "no `audio-assets queue serve` runs here"
    )
    if shown["n_players_died"]:
        rows["lost"] = f"{shown['n_players_died']} messages whose player died; `audio-assets queue list` says which"
    return rows | ({"look at": shown["problem"]} if "problem" in shown else {})


def _held(of: Mapping[str, int]) -> str:
    """What a queue holds, in words."""
    words = {"pending": "wait to be spoken", "ready": "ready", "playing": "playing", "played": "played",
             "deleted": "deleted", "failed": "failed"}  # fmt: skip
    said = [f"{of[state]} {word}" for state, word in words.items() if of[state]]
    said += [f"{of['audio_bytes_ready'] / 1e6:.1f} MB of audio to play"] if of["audio_bytes_ready"] else []
    return ", ".join(said) or "empty"


def _mistake(studio: Studio, so: str) -> dict[str, str]:
    """What is wrong with `live.toml`, and what follows; nothing where nothing is."""
    return {"problem": f"{studio.live.mistake}; {so}"} if studio.live.mistake else {}


def play_next() -> dict[str, Any]:
    """Put the next message of the active queue on air; the `id` is None while none is ready, and `said` says more.

    Raises:
        MessageConflict: another one plays.
    """
    studio = open_studio()
    played = player(studio).play()
    if played is None:
        return {"id": None, "said": _none_ready(studio)}
    folder = studio.live.now_playing.folder
    return {**played.record, "path": str(folder / WAV), "record": str(folder / RECORD)}


def _none_ready(studio: Studio) -> str:
    found = studio.live.queue.stats()
    active = found.switches.active_queue
    others = [
        f"{queue} holds {counts['READY']}: `audio-assets queue switch {queue}` plays those"
        for queue, counts in found.counts.items()
        if queue != active and counts["READY"]
    ]
    return "; ".join([f"no message of {active}, the active queue, is ready to play", *others])


def mark_played(number: int) -> dict[str, Any]:
    """End a message."""
    studio = open_studio()
    return _shown(studio, studio.live.queue.mark_played(number))


def autoplay(*, is_on: bool, cooldown_s: float | None) -> dict[str, Any]:
    """Switch autoplay."""
    studio = open_studio()
    return _switched(studio, studio.live.queue.autoplay(is_on=is_on, cooldown_s=cooldown_s))


def waiting() -> tuple[Queue, int]:
    """The active queue, and how many messages wait in it."""
    found = open_studio().live.queue.stats()
    counts = found.counts[found.switches.active_queue]
    return found.switches.active_queue, counts["PENDING"] + counts["READY"]


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


def config_text(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same for reading, a plain value each."""
    rows: dict[str, Any] = {**shown, "autoplay": "on" if shown["autoplay"] else "off"}
    rows["mix"] = ", ".join(f"{weight:.0%} {name}" for name, weight in shown["mix"].items())
    rows["names"] = ", ".join(f"{name} is {voice}" for name, voice in shown["names"].items())
    rules = rows.pop("text")
    for name, value in rules.items():
        rows[f"text: {name.replace('_', ' ')}"] = ", ".join(value) if isinstance(value, tuple | list) else value
    return {
        name.replace("_s", " in s") if name.endswith("_s") else name.replace("_", " "): v for name, v in rows.items()
    }


def config() -> dict[str, Any]:
    """The settings in use.

    Raises:
        PermanentError: they can not be read, or name a voice that there is not.
    """
    studio = open_studio()
    settings, request = studio.live.settings, studio.live.speech("ready")
    voices = studio.speaker(settings.engine).voices()
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
    cooldown_s = switches.cooldown_s
    if cooldown_s is None:
        with suppress(LiveSettingsMistake):  # what was switched is switched, whatever the file says
            cooldown_s = studio.live.settings.cooldown_s
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
