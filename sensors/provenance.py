"""Schedule `nightly_provenance`: what was rendered, paid and said in a day is in the database next morning."""

import dagster as dg

refresh_provenance = dg.define_asset_job(
    "refresh_provenance",
    dg.AssetSelection.assets("provenance").without_checks(),
    description="Bring the provenance database up to date, and look for gaps in it.",
)

nightly_provenance = dg.ScheduleDefinition(
    name="nightly_provenance",
    job=refresh_provenance,
    cron_schedule="0 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Brings the provenance database up to date every night; it reads only what is new.",
)
