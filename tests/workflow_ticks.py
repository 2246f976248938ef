"""The sensor `workflow_changes` as the daemon runs it, on a house."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from audio_assets.backfill_job import JOB, OP
from sensors.workflows import Seen, workflow_changes
from tests.assembled import definitions, resources
from tests.concert import Concert
from tests.house import House

Order = Mapping[str, Sequence[str]]


class WorkflowTicks:
    """Each tick begins with the cursor that the last one left."""

    def __init__(self, house: House | Concert, instance: dg.DagsterInstance) -> None:
        self.house = house
        self.overrides: Mapping[str, Any] = getattr(house, "overrides", {})
        self.instance = instance
        self.cursor: str | None = None
        self.tags: Mapping[str, str] = {}

    def tick(self) -> Any:
        """One tick."""
        given = {"studio": resources(self.overrides)["studio"]}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=given) as context:
            data = workflow_changes.evaluate_tick(context)
        self.cursor = data.cursor
        return data

    def settle(self) -> None:
        """Take everything for told as it is now."""
        for _ in range(2):
            self.tick()

    def order(self) -> Order:
        """What is asked for within two ticks: one sees a change, the next that it has settled."""
        requests = [request for _ in range(2) for request in self.tick().run_requests]
        (request,) = requests
        self.tags = request.tags
        partitions: Order = request.run_config["ops"][OP]["config"]["partitions"]
        return partitions

    def skip(self) -> str:
        """Why two ticks ask for nothing."""
        assert not self.tick().run_requests
        data = self.tick()
        assert not data.run_requests
        return str(data.skip_message)

    def look_again(self) -> None:
        """Let the time pass after which it plans without a change."""
        self.cursor = replace(Seen.parse(self.cursor), is_due=True).dump()

    def run(self, **config: Any) -> dg.ExecuteInProcessResult:
        """The job as it is asked for."""
        job = definitions(self.overrides).resolve_job_def(JOB)
        return job.execute_in_process(
            run_config={"ops": {OP: {"config": config}}}, instance=self.instance, raise_on_error=False
        )
