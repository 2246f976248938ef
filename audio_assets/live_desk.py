"""What happens to live messages: taken in, rendered, played, forgotten. Sensors and `queue serve` both call this.

`Desk` is the resident of `queue serve`: it renders in its own process, whose model is loaded, so that a message is
ready within seconds; a run of Dagster would take longer to start than most messages take to speak. What it renders goes
through the same recipe and leaves the same event in Dagster.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import dagster as dg

from audio_assets import partitions
from audio_assets.batch import Recorder
from audio_assets.domain.rendering import PermanentError, plain_words
from audio_assets.launch import LIVE
from audio_assets.render import render
from audio_assets.stages.live import MessageAudio
from audio_assets.studio import Studio
from resources import render_lock
from resources.live_inbox import Taken, take_inbox
from resources.live_player import Player
from resources.live_rows import Message
from resources.store import record_path

BATCH = 20
"""Messages that are claimed at once."""
RUN_ID = "queue-serve"
"""In place of a run's id, where no run rendered."""

_SHORT = 3
"""So many waiting messages are spoken one by one in the process that has the model; of more, each core takes some."""
_LOOK_S = 0.25
_QUIET_AFTER_S, _QUIET_LOOK_S = 60.0, 1.0  # without messages it takes 3 % of a core instead of 12
_PRUNE_EVERY_S = 60.0


def desk_lock(studio: Studio) -> bool:
    """Whether a `queue serve` is at work on this data root, so that sensors need not be."""
    return render_lock.is_held(studio.settings.render_lock("queue_serve"))


def take_in(studio: Studio) -> tuple[Taken, ...]:
    """Take what is new in the inbox.

    Raises:
        OSError: the inbox can not be read.
    """
    inbox = studio.settings.live_inbox
    if not studio.live.is_there and not (inbox.is_dir() and any(path.suffix for path in inbox.iterdir())):
        return ()
    return take_inbox(studio.live.queue, inbox)


def player(studio: Studio) -> Player:
    """A player of this studio's messages."""

    def read_audio(message: Message) -> bytes:
        folder, _, name = message.audio.rpartition("/")
        sidecar = studio.store.find(folder)
        if sidecar is None:
            raise PermanentError(f"{message.audio} is gone")
        return studio.store.read_file(folder, name, sidecar)

    return Player(studio.live.queue, studio.live.now_playing, read_audio)


def render_waiting(studio: Studio, instance: dg.DagsterInstance) -> int:
    """Render the first messages that wait, here, and record them in Dagster; how many were claimed."""
    recipe, queue = MessageAudio(studio), studio.live.queue
    waiting = queue.waiting(BATCH)
    if not waiting:
        return 0
    lock = studio.settings.render_lock(LIVE.job)
    render_lock.hold(lock)
    claimed: list[str] = []
    try:
        claimed = list(recipe.take_on([one.partition for one in waiting[: BATCH if len(waiting) > _SHORT else 1]]))
        recorder = Recorder(instance, recipe, len(claimed))
        events = [
            recorder.event(outcome) for outcome in render(recipe, claimed, run_id=RUN_ID) if outcome.failure is None
        ]
        instance.add_dynamic_partitions(str(partitions.live_messages.name), claimed)
        for event in events:
            instance.report_runless_asset_event(event)
    finally:
        queue.release([message.number for message in waiting if message.partition in claimed])
        render_lock.release(lock)
    return len(claimed)


def prune(studio: Studio, instance: dg.DagsterInstance) -> int:
    """Forget old messages, their refs and partitions; their sound goes with the next `gc`.

    Raises:
        PermanentError: the settings can not be read, which say how old.
    """
    if not studio.live.is_there:
        return 0
    gone = studio.live.queue.prune(timedelta(days=studio.live.settings.max_age_days))
    for message in gone:
        for kind in ("refs", "failures"):
            studio.store.delete(record_path(kind, MessageAudio.asset, message.partition))
        instance.delete_dynamic_partition(str(partitions.live_messages.name), message.partition)
    return len(gone)


class Desk:
    """The resident: one thread renders what arrives, one plays when autoplay is on. `tell` takes a sentence for people.

    What goes wrong is told once and tried again with the next look: a desk ends only when it is stopped.
    """

    def __init__(
        self, open_studio: Callable[[], Studio], instance: dg.DagsterInstance, tell: Callable[[str], None]
    ) -> None:
        self._open_studio = open_studio
        self._instance = instance
        self._tell = tell
        self._told: set[str] = set()
        self._stopping = threading.Event()
        self._pruned_at = 0.0
        self._threads = [threading.Thread(target=self._loop, args=(work,)) for work in (self._render, self._play)]

    def start(self) -> None:
        """Begin; the lock tells sensors that somebody is here, and goes with this process."""
        render_lock.hold(self._open_studio().settings.render_lock("queue_serve"))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is under way, then end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        render_lock.release(self._open_studio().settings.render_lock("queue_serve"))

    def _loop(self, work: Callable[[Studio], bool]) -> None:
        if work == self._render:
            self._warm_up()
        busy_at = time.monotonic()
        while not self._stopping.is_set():
            is_busy = False
            try:
                is_busy = work(self._open_studio())
            except (ValueError, RuntimeError, OSError) as error:
                self._say(plain_words(error))
            except Exception as error:  # noqa: BLE001 - our own mistake must not end the stream's messages
                self._say(f"{type(error).__name__}: {error}")
            if is_busy:
                busy_at = time.monotonic()
            else:
                self._stopping.wait(_LOOK_S if time.monotonic() - busy_at < _QUIET_AFTER_S else _QUIET_LOOK_S)

    def _render(self, studio: Studio) -> bool:
        for taken in take_in(studio):
            for fault in taken.faults:
                self._say(fault)
        if not studio.live.is_there:
            return False
        if time.monotonic() - self._pruned_at > _PRUNE_EVERY_S:
            self._pruned_at = time.monotonic()
            prune(studio, self._instance)
        return render_waiting(studio, self._instance) > 0

    def _play(self, studio: Studio) -> bool:
        if studio.live.is_there:
            playing = player(studio)
            playing.tend()
            if studio.live.queue.switches().is_autoplay:
                playing.play(cooldown_s=studio.live.settings.cooldown_s)
        return False

    def _warm_up(self) -> None:
        """Load the model before the next message comes, where there have been some; an engine elsewhere has none, and
        would cost money.
        """  # noqa: D205
        with suppress(ValueError, RuntimeError, OSError):
            studio = self._open_studio()
            if not (studio.live.is_there and studio.live.queue.messages(newest=1)):
                return  # it takes half a gigabyte
            settings = studio.live.settings
            provider = studio.speaker(settings.engine)
            if provider.remote(studio.kept_answers) is None:
                provider.speaker(studio.settings.n_workers)(
                    settings.request("ready", {settings.engine: provider.voices()})
                )

    def _say(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)
