"""Schedule `daily_catalogue`: once a day the catalogue of providers is looked up anew, and its checks warn.

What it asks is free: who answers, which models are about to end.
"""

import dagster as dg

look_up_providers = dg.define_asset_job(
    "look_up_providers", dg.AssetSelection.assets("provider_catalogue"), description="Look up the providers anew."
)

daily_catalogue = dg.ScheduleDefinition(
    name="daily_catalogue",
    job=look_up_providers,
    cron_schedule="0 6 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks up every morning which providers answer and which models are about to end.",
)
