"""A backfill that a running Dagster does, asked over its GraphQL: start the job, follow its run, say how it ended."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from audio_assets.backfill_job import JOB, STUCK, TOO_DEAR, UNUSABLE, WOULD, Backfill
from audio_assets.stale_plan import ASSET

_EVERY_S = 1.0
_TIMEOUT_S = 30.0
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_CLASS = re.compile(r"^[\w.]+\.Failure: ")  # Dagster puts it before the sentence

_FIND = """
query { workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  ... on RepositoryLocation { repositories { name jobs { name } } } } } } } }
"""
_LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on RunConfigValidationInvalid { errors { message } }
  ... on PythonError { message } ... on UnauthorizedError { message } } }
"""
_FOLLOW = """
query($id: ID!, $after: String) { runOrError(runId: $id) { ... on Run { status
  eventConnection(afterCursor: $after, limit: 500) { cursor hasMore events { __typename
    ... on ExecutionStepFailureEvent { error { message } failureMetadata { metadataEntries { label } } }
    ... on MaterializationEvent { assetKey { path } metadataEntries { label
      ... on IntMetadataEntry { intValue } ... on BoolMetadataEntry { boolValue } ... on TextMetadataEntry { text }
      ... on TableMetadataEntry { table { records } } } } } } } } }
"""


@dataclass
class RemoteRun:
    """What became of a run elsewhere; `plan` are the rows of its table, `would` what a dry run says in the end.

    `is_unusable`: what was asked for means nothing there, and `error` says why.
    """

    url: str
    run_id: str
    status: str = ""
    n_planned: int = 0
    n_too_dear: int = 0
    n_stuck: int = 0
    would: str = ""
    rendered: dict[str, int] = field(default_factory=dict)
    cached: dict[str, int] = field(default_factory=dict)
    plan: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    is_unusable: bool = False

    @property
    def is_success(self) -> bool:
        """Whether it ended well."""
        return self.status == "SUCCESS"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"url": f"{self.url}/runs/{self.run_id}", "run_id": self.run_id, "status": self.status,
                "rendered": self.rendered, "cached": self.cached, "remote_plan": self.plan,
                "error": self.error}  # fmt: skip


def run_there(url: str, wanted: Backfill, *, is_quiet: bool) -> RemoteRun:
    """Start the job `backfill` and follow it to its end; Ctrl-C leaves it running there.

    Raises:
        ValueError: the URL is none, there is no such job, or what is asked for means nothing there.
        RuntimeError: Dagster can not be reached, or does not take the run.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"'{url}' is no address of a Dagster; write it like http://127.0.0.1:3000")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    with httpx.Client(timeout=_TIMEOUT_S) as client:
        api = _Api(client, base)
        run = RemoteRun(base, _launch(api, wanted))
        columns = (TextColumn("{task.description:17}"), BarColumn(), TextColumn("{task.completed} done"))
        with Progress(*columns, console=Console(stderr=True), disable=is_quiet) as bar:
            task = bar.add_task("backfill", total=None)
            cursor: str | None = None
            while True:
                cursor, has_more = _follow(api, run, cursor)
                n_done = sum(run.rendered.values()) + sum(run.cached.values())
                bar.update(task, total=run.n_planned or None, completed=n_done)
                if run.is_unusable:
                    raise ValueError(run.error)
                if run.status in _ENDED and not has_more:
                    return run
                if not has_more:
                    time.sleep(_EVERY_S)


@dataclass
class _Api:
    """Dagster's GraphQL."""

    client: httpx.Client
    url: str

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of an answer.

        Raises:
            RuntimeError: there is none.
        """
        try:
            answer = self.client.post(f"{self.url}/graphql", json={"query": query, "variables": variables or {}})
            found = answer.json()
        except httpx.TransportError as error:
            why = f"Dagster at {self.url} does not answer: {error}; is `audio-assets dev` running?"
            raise RuntimeError(why) from error
        except ValueError:
            found = None
        if not isinstance(found, dict) or not found.keys() & {"data", "errors"}:
            raise RuntimeError(f"what answers at {self.url} is no Dagster; name the address of its UI after --url")
        if found.get("errors"):
            said = str(found["errors"])[:200]
            raise RuntimeError(f"what answers at {self.url} is not the Dagster of this version: {said}")
        return found["data"]


def _launch(api: _Api, wanted: Backfill) -> str:
    for location in api.ask(_FIND)["workspaceOrError"].get("locationEntries", ()):
        for repository in (location["locationOrLoadError"] or {}).get("repositories", ()):
            if any(job["name"] == JOB for job in repository["jobs"]):
                selector = {
                    "repositoryLocationName": location["name"],
                    "repositoryName": repository["name"],
                    "jobName": JOB,
                }
                params = {"selector": selector, "runConfigData": wanted.as_run_config()}
                answer = api.ask(_LAUNCH, {"params": params})["launchRun"]
                if "run" in answer:
                    return str(answer["run"]["runId"])
                said = "; ".join(one["message"] for one in answer.get("errors", [answer]) if "message" in one)
                raise RuntimeError(f"Dagster at {api.url} does not take the run: {said or answer['__typename']}")
    raise ValueError(f"Dagster at {api.url} has no job '{JOB}': is it the one of audio-assets, and has it loaded?")


def _follow(api: _Api, run: RemoteRun, cursor: str | None) -> tuple[str | None, bool]:
    """Take down what happened since `cursor`; the next one, and whether there is more already."""
    found = api.ask(_FOLLOW, {"id": run.run_id, "after": cursor})["runOrError"]
    if "status" not in found:
        raise RuntimeError(f"Dagster at {api.url} has lost the run {run.run_id}")
    for event in found["eventConnection"]["events"]:
        if event["__typename"] == "ExecutionStepFailureEvent" and event["error"]:
            run.error = _CLASS.sub("", str(event["error"]["message"]).strip())
            told = (event["failureMetadata"] or {}).get("metadataEntries", ())
            run.is_unusable = any(entry["label"] == UNUSABLE for entry in told)
        elif event["__typename"] == "MaterializationEvent":
            _count(run, event)
    run.status = found["status"]
    return found["eventConnection"]["cursor"], found["eventConnection"]["hasMore"]


def _count(run: RemoteRun, event: Mapping[str, Any]) -> None:
    asset = event["assetKey"]["path"][-1]
    told = {entry["label"]: entry for entry in event["metadataEntries"]}
    if asset != ASSET:
        counts = run.cached if told.get("cached", {}).get("boolValue") else run.rendered
        counts[asset] = counts.get(asset, 0) + 1
        return
    run.n_planned = told["stale"]["intValue"]
    run.plan = [orjson.loads(record) for record in told["plan"]["table"]["records"]]
    run.n_too_dear, run.n_stuck = (told.get(name, {}).get("intValue", 0) for name in (TOO_DEAR, STUCK))
    run.would = told.get(WOULD, {}).get("text", "")
