"""Schedule `next_pairs`: every hour the next pairs of the rotation become messages, in one run. Stopped until started.

How many, and by which template, is in the settings. A tick that is evaluated twice gives the same pairs; one that dies
between the hand-out and its run leaves the messages registered, and the next run of the job makes them.
"""

import dagster as dg

from audio_assets import rotating
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.rotation import RotationError
from audio_assets.jobs import render_messages
from audio_assets.launch import run_config
from audio_assets.studio import StudioResource
from resources import render_lock


@dg.schedule(
    job=render_messages,
    cron_schedule="0 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Makes the messages of the next pairs of the rotation, in one run.",
)
def next_pairs(context: dg.ScheduleEvaluationContext, studio: StudioResource) -> dg.RunRequest | dg.SkipReason:
    """See the module."""
    opened = studio.open()
    settings = opened.settings
    if render_lock.is_held(settings.render_lock(render_messages.name)):
        return dg.SkipReason("a run is making messages; the next pairs come with the next tick")
    tick = f"next_pairs {context.scheduled_execution_time.isoformat()}"
    try:
        opened.stems.template(settings.pairs_template)  # before anything is given
        given = rotating.give(opened, "pair", settings.pairs_per_tick, request_id=tick)
        wanted = rotating.requests(opened, settings.pairs_template, [one.item for one in given], request_id=tick)
    except (RotationError, PermanentError) as error:
        return dg.SkipReason(str(error))
    if given[0].note:
        context.log.info(given[0].note)
    rotating.keep(opened, wanted)
    due = rotating.order_for(context.instance, studio.open(), wanted)
    if not due:
        return dg.SkipReason("the messages of these pairs are all made")
    return dg.RunRequest(run_key=tick, run_config=run_config(due))
