"""OpenRouter: one shape for many vendors' video models. A finished job says what it cost; none can be stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urljoin

from audio_assets.domain.money_text import dollars
from audio_assets.domain.provider_catalogue import Offer
from audio_assets.domain.rendering import PermanentError
from resources.http_client import Service
from resources.http_errors import Denied, as_order
from resources.paid_vendor import Look
from resources.secrets import hide
from resources.vendors.clip_vendor import PENDING, ClipVendor, Stand
from resources.vendors.enclosed import before_order, data_uri, marks_in, with_enclosed
from resources.vendors.video_vendor import TableVideo

_LONGEST_URI = 20_000_000


@dataclass
class OpenRouterVendor(ClipVendor):
    """See `ClipVendor`."""

    _polling: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Submit the job."""
        with before_order():
            sent = {
                mark: data_uri(mark, files, longest=_LONGEST_URI, vendor=self.name)
                for mark in marks_in(request["input"])
            }
        body = {"model": request["model"], **with_enclosed(request["input"], sent)}
        with as_order():
            answer = self.client.post("videos", body)
        job_id, polling_url = self.id_in(answer), self.read(answer).get("polling_url")
        if isinstance(polling_url, str) and polling_url:
            self._polling[job_id] = self._whole(polling_url)
        return job_id

    def stand(self, job_id: str) -> Stand:
        """How the job stands."""
        told = self.read(self.asked(job_id, self._polling.get(job_id, f"videos/{job_id}")))
        status, cost_usd = told.get("status"), _cost_usd(told.get("usage"))
        if status == "completed":
            found = told.get("unsigned_urls") or told.get("urls")
            url = found[0] if isinstance(found, list) and found else f"videos/{job_id}/content"
            return Stand(Look("done", billed_usd=cost_usd), self._whole(str(url)))
        if status not in ("failed", "cancelled", "expired"):
            return Stand(PENDING)
        said, code = _error(told.get("error"))
        return Stand(
            Look(
                "failed",
                billed_usd=self._billed(told) if cost_usd is None else cost_usd,
                reason=hide(said or f"the job is {status}"),
                is_passing=status == "expired" or code >= HTTPStatus.INTERNAL_SERVER_ERROR,
            )
        )

    def stop(self, job_id: str) -> None:
        """OpenRouter has no way to."""
        raise PermanentError(f"OpenRouter can not stop a job: {job_id} goes on, and is billed as it ends")

    def _billed(self, told: Mapping[str, Any]) -> float | None:
        """What was billed for a job that failed, from the record of its generation; None where that says nothing."""
        generation = told.get("generation_id")
        if not isinstance(generation, str) or not generation:
            return None
        try:
            record = self.read(self.client.get("generation", params={"id": generation})).get("data")
        except Denied:  # the record is not there (yet)
            return None
        return _number(record.get("total_cost")) if isinstance(record, dict) else None

    def _whole(self, url: str) -> str:
        """An address in an answer may be a path of OpenRouter's own host."""
        return urljoin(f"{self.client.service.url}/", url)


def _cost_usd(usage: object) -> float | None:
    return _number(usage.get("cost")) if isinstance(usage, dict) else None


def _number(given: object) -> float | None:
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) and given >= 0 else None


def _error(given: object) -> tuple[str, int]:
    """(what is said, its code or 0): an error is a sentence, or an object with one."""
    if isinstance(given, dict):
        code = given.get("code")
        return str(given.get("message") or ""), code if isinstance(code, int) else 0
    return (given if isinstance(given, str) else ""), 0


class OpenRouterVideo(TableVideo):
    """Films shots with the models that OpenRouter resells."""

    kind: ClassVar[str] = "openrouter"
    summary: ClassVar[str] = "films shots with the video models that OpenRouter resells"
    offer: ClassVar[Offer] = "paid"
    terms_url: ClassVar[str] = "https://openrouter.ai/terms"

    url: str = "https://openrouter.ai/api/v1"
    key_variable: str = "OPENROUTER_API_KEY"
    first_look_s: float = 10.0

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(), own_errors=("error",), at_once=self.at_once,
            per_second=self.per_second,
        )  # fmt: skip

    def vendor(self, model: str) -> OpenRouterVendor:
        """See `TableVideo.vendor`."""
        return OpenRouterVendor(self.client())

    def probe(self) -> str:
        """What is left of the key's limit."""
        data = self.told("key").get("data")
        left = _number(data.get("limit_remaining")) if isinstance(data, dict) else None
        return "the key holds" if left is None else f"the key holds, {dollars(left)} left"
