"""fal.ai: every model behind one queue. An order is one run of the model: fal does not repeat or reroute it by itself.

A job's id here is the path of its result below the queue's address (`fal-ai/veo3.1/requests/<id>`), as fal returned it:
all that another process needs to go on with it. `audio-assets budget attach` also takes fal's plain request id.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from audio_assets.domain.provider_catalogue import Offer
from audio_assets.domain.rendering import PermanentError, TransientError
from resources.http_client import Answer, Service
from resources.http_errors import as_order
from resources.paid_vendor import JobGone, Look
from resources.secrets import hide
from resources.vendors.clip_vendor import PENDING, ClipVendor, Stand
from resources.vendors.enclosed import before_order, data_uri, marks_in, with_enclosed
from resources.vendors.video_vendor import TableVideo

_LONGEST_URI = 20_000_000
_FAILED = (400, 408, 409, 410, 422, 499, 500, 501, 502, 503, 504)
"""Statuses with which a finished job's result says that the job failed."""

_SERVER_FAULTS = (
    "request_timeout", "startup_timeout", "runner_scheduling_failure", "runner_connection_timeout",
    "runner_disconnected", "runner_connection_refused", "runner_connection_error", "runner_incomplete_response",
    "runner_server_error", "internal_error", "internal_server_error", "generation_timeout", "downstream_service_error",
    "downstream_service_unavailable",
)  # fmt: skip
_NO_RUN = ("bad_request", "auth_error", "not_found", "url_error")
_REQUEST = re.compile(r"(?P<base>.*?/requests/[^/?#]+)")


class _Addresses(NamedTuple):
    status: str
    result: str
    cancel: str


@dataclass
class FalVendor(ClipVendor):
    """`app` is the model's owner and name ("fal-ai/veo3.1"), for a job that is known by its plain request id only.

    `start_within_s`: a job that no machine takes up in that time fails, and costs nothing; 0: it waits.
    `keep_s`: how long fal is to keep the clip.
    """

    app: str = ""
    start_within_s: float = 0.0
    keep_s: int = 0
    _returned: dict[str, _Addresses] = field(default_factory=dict, init=False, repr=False)

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Put the job into the model's queue."""
        with before_order():
            body = with_enclosed(
                request["input"],
                {
                    mark: data_uri(mark, files, longest=_LONGEST_URI, vendor="fal")
                    for mark in marks_in(request["input"])
                },
            )
        headers = {"x-fal-no-retry": "1", "x-app-fal-disable-fallback": "true"}
        if self.start_within_s:
            headers["X-Fal-Request-Timeout"] = f"{self.start_within_s:g}"
        if self.keep_s:
            headers["X-Fal-Object-Lifecycle-Preference"] = json.dumps({"expiration_duration_seconds": self.keep_s})
        with as_order():
            answer = self.client.post(request["endpoint"], body, headers=headers)
        return self._kept(self.id_in(answer, "request_id"), self.read(answer))

    def stand(self, job_id: str) -> Stand:
        """Where the job is in the queue; a completed one is what its result says, which may be a failure."""
        where = self._addresses(job_id)
        told = self.read(self.asked(job_id, where.status))
        if told.get("status") != "COMPLETED":
            return Stand(PENDING)
        answer = self.asked(job_id, where.result, passes=_FAILED)
        return self._finished(answer, told)

    def stop(self, job_id: str) -> None:
        """Out of the queue, or a signal to the machine that works at it."""
        answer = self.client.ask("PUT", self._addresses(job_id).cancel, passes=(400, 404))
        if answer.status == HTTPStatus.NOT_FOUND:
            raise JobGone(f"fal does not know job {job_id} (any more)")
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise PermanentError(f"job {job_id} at fal has finished meanwhile: there is nothing to stop")

    # --- Addresses ---------------------------------------------------------------------------------------------

    def _kept(self, request_id: str, told: Mapping[str, Any]) -> str:
        """The job's id, made of the address of its result."""
        own = f"{self.client.service.url}/"
        plain = f"{self.app}/requests/{request_id}"
        result = told.get("response_url")
        is_told = isinstance(result, str) and _REQUEST.match(result)
        job_id = (
            str(result).removeprefix(own).partition("?")[0] if is_told else plain
        )  # what follows may be a signature
        addresses = [told.get(name) for name in ("status_url", "response_url", "cancel_url")]
        if all(isinstance(address, str) and address for address in addresses):
            self._returned[job_id] = _Addresses(*map(str, addresses))
        return job_id

    def _addresses(self, job_id: str) -> _Addresses:
        """As fal returned them, or in another process as fal would."""
        if job_id in self._returned:
            return self._returned[job_id]
        result = job_id if "/requests/" in job_id else f"{self.app}/requests/{job_id}"
        found = _REQUEST.match(result)
        base = found["base"] if found else result
        return _Addresses(f"{base}/status", result, f"{base}/cancel")

    # --- Results -----------------------------------------------------------------------------------------------

    def _finished(self, answer: Answer, told: Mapping[str, Any]) -> Stand:
        result = self.read(answer)
        url = _video(result)
        kind = _kind(result, answer, told)
        reason = _reason(result, told)
        if answer.status < HTTPStatus.BAD_REQUEST and url and not told.get("error"):
            return Stand(Look("done"), url)
        if "still in progress" in reason.lower():  # the machine that answers lags behind
            return Stand(PENDING)
        if answer.status >= HTTPStatus.BAD_REQUEST and "detail" not in result and not told.get("error"):
            raise TransientError(f"fal answered {answer.status} for a result, and not in its own words")
        is_servers = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or kind in _SERVER_FAULTS
        retryable = answer.headers.get("x-fal-retryable", "").strip().lower()
        is_billed = False if is_servers or kind in _NO_RUN else None
        is_passing = retryable == "true" if retryable else is_servers
        said = reason or "it answered no video"
        named = f"{said} ({kind})" if kind and kind not in said else said
        return Stand(Look("failed", is_billed=is_billed, reason=hide(named), is_passing=is_passing))


def _video(result: Mapping[str, Any]) -> str:
    """The address of the clip, in any of the shapes that models answer."""
    found = result.get("video") or result.get("videos") or result.get("video_url")
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        found = found.get("url")
    return found if isinstance(found, str) else ""


def _kind(result: Mapping[str, Any], answer: Answer, told: Mapping[str, Any]) -> str:
    """What kind of failure it is, in fal's word."""
    details = result.get("detail")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    words = (
        result.get("error_type"),
        answer.headers.get("x-fal-error-type"),
        told.get("error_type"),
        first.get("type"),
    )
    return next((word for word in words if isinstance(word, str) and word), "")


def _reason(result: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Why it failed, in fal's words."""
    details = result.get("detail")
    if isinstance(details, list):
        said = [part.get("msg") for part in details if isinstance(part, dict)]
        details = "; ".join(word for word in said if isinstance(word, str))
    words = (details, told.get("error"), result.get("error"))
    return next((word for word in words if isinstance(word, str) and word), "")


class FalVideo(TableVideo):
    """Films shots with models at fal.ai.

    `start_within_s`: fail, for nothing, where no machine takes a job up in that time; 0: wait. `keep_days`: how long
    fal is to keep a clip.
    """

    kind: ClassVar[str] = "fal"
    summary: ClassVar[str] = "films shots with the models at fal.ai"
    offer: ClassVar[Offer] = "paid"
    terms_url: ClassVar[str] = "https://fal.ai/pricing"

    url: str = "https://queue.fal.run"
    key_variable: str = "FAL_KEY"
    start_within_s: float = 0.0
    keep_days: int = 30

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(form="Key {}"), own_errors=("detail",),
            at_once=self.at_once, per_second=self.per_second,
        )  # fmt: skip

    def vendor(self, model: str) -> FalVendor:
        """See `TableVideo.vendor`."""
        way = next(iter(self.row(model).ways.values()))
        app = "/".join(self.endpoint(way.endpoint, model).split("/")[:2])
        return FalVendor(self.client(), app, self.start_within_s, self.keep_days * 24 * 3600)

    def probe(self) -> str:
        """Ask for a job that is not there; a wrong key is refused before that is looked up."""
        nobody = "fal-ai/veo3.1/requests/00000000-0000-0000-0000-000000000000/status"
        status = self.client().ask("GET", nobody, is_safe=True, passes=(400, 404, 422)).status
        return f"the queue answers ({status} for a job that is not there)"
