"""Sensors of live messages: `new_messages` renders what arrives, `autoplay` plays what is ready.

Both are atomic steps in the queue's database, so any number of daemons may tick at once; where a `queue serve` is at
work on the data root they leave it to that, which is faster. What happens is in `audio_assets/live_desk.py`.
"""

import time

import dagster as dg

from audio_assets import partitions
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.rendering import PermanentError
from audio_assets.jobs import render_live
from audio_assets.launch import LIVE, run_config
from audio_assets.live_desk import BATCH, desk_lock, player, prune, take_in
from audio_assets.stages.live import MessageAudio
from audio_assets.studio import StudioResource
from resources import render_lock
from sensors.inbox import MAX_ATTEMPTS, Cursor, has_queued_run


@dg.sensor(
    job=render_live,
    minimum_interval_seconds=5,  # Dagster looks no more often; a `queue serve` does, four times a second
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes new lines of the live inbox and starts one run for the messages that wait.",
)
def new_messages(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SensorResult | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    if desk_lock(opened):
        return dg.SkipReason("`audio-assets queue serve` renders them")
    try:
        for taken in take_in(opened):
            for fault in taken.faults:
                context.log.warning(fault)
    except OSError as error:
        return dg.SkipReason(f"the inbox {opened.settings.live_inbox} can not be read: {error.strerror}")
    if not opened.live.is_there:
        return dg.SkipReason("there are no live messages")
    try:
        prune(opened, context.instance)
    except PermanentError as error:
        return dg.SkipReason(str(error))
    if opened.live.mistake:
        return dg.SkipReason(opened.live.mistake)
    if render_lock.is_held(opened.settings.render_lock(LIVE.job)) or has_queued_run(context.instance, LIVE.job):
        return dg.SkipReason("a run is rendering; what waits after it comes next")
    keys = [message.partition for message in opened.live.queue.waiting(BATCH)]
    cursor = Cursor.parse(context.cursor).after_plan(sha256_hex(canonical(keys)) if keys else "", time.time())
    context.update_cursor(cursor.dump())
    if not keys:
        return dg.SkipReason("no message waits")
    if cursor.attempts > MAX_ATTEMPTS:
        return dg.SkipReason(f"asked {MAX_ATTEMPTS} times for the same messages in vain: look at the failed runs")
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_config=run_config({MessageAudio.asset: keys}))],
        dynamic_partitions_requests=[partitions.live_messages.build_add_request(keys)],
    )


@dg.sensor(
    minimum_interval_seconds=5,  # Dagster looks no more often; a `queue serve` does, four times a second
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Plays the next ready message of the active queue when autoplay is on and the cooldown is over.",
)
def autoplay(context: dg.SensorEvaluationContext, studio: StudioResource) -> dg.SkipReason:
    """See the module."""
    opened = studio.open()
    if desk_lock(opened):
        return dg.SkipReason("`audio-assets queue serve` plays them")
    if not opened.live.is_there:
        return dg.SkipReason("there are no live messages")
    playing = player(opened)
    for message in playing.tend():
        if message.state == "FAILED":
            context.log.warning(f"message {message.number}: {message.reason}")
    if not opened.live.queue.switches().is_autoplay:
        return dg.SkipReason("autoplay is off")
    try:
        played = playing.play(cooldown_s=opened.live.settings.cooldown_s)
    except (PermanentError, OSError) as error:
        return dg.SkipReason(str(error))
    return dg.SkipReason(f"plays message {played.message.number}" if played else "nothing may play now")
