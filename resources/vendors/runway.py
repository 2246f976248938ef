"""Runway: a task that is asked about until it is done. Its file's address runs out in a day or two; it gives new ones.

Stopping a task that is finished deletes it, with its clip.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from audio_assets.domain.provider_catalogue import Offer
from resources.http_client import Service
from resources.http_errors import as_order
from resources.paid_vendor import Look
from resources.secrets import hide
from resources.vendors.clip_vendor import PENDING, ClipVendor, Stand
from resources.vendors.enclosed import before_order, data_uri, marks_in, with_enclosed
from resources.vendors.video_vendor import TableVideo

VERSION = "2024-11-06"
CREDIT_USD = "0.01"
_LONGEST_URI = 5_000_000
_PASSING = ("INTERNAL", "INPUT_PREPROCESSING.INTERNAL", "THIRD_PARTY.UNAVAILABLE")


class RunwayVendor(ClipVendor):
    """See `ClipVendor`. A finished task says how many credits it cost, a refunded one none."""

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Create the task."""
        with before_order():
            sent = {
                mark: data_uri(mark, files, longest=_LONGEST_URI, vendor=self.name)
                for mark in marks_in(request["input"])
            }
        body = {"model": request["model"], **with_enclosed(request["input"], sent)}
        with as_order():
            answer = self.client.post(f"v1/{request['endpoint']}", body)
        return self.id_in(answer)

    def stand(self, job_id: str) -> Stand:
        """How the task stands."""
        told = self.read(self.asked(job_id, f"v1/tasks/{job_id}"))
        status, cost_usd = told.get("status"), _cost_usd(told.get("cost"))
        if status == "SUCCEEDED":
            output = told.get("output")
            url = output[0] if isinstance(output, list) and output else ""
            return Stand(Look("done", billed_usd=cost_usd), url if isinstance(url, str) else "")
        if status not in ("FAILED", "CANCELLED"):
            return Stand(PENDING)
        code = str(told.get("failureCode") or "")
        said = str(told.get("failure") or ("it was stopped" if status == "CANCELLED" else ""))
        return Stand(
            Look(
                "failed",
                billed_usd=cost_usd,
                is_billed=True if "SAFETY" in code.split(".") else None,
                reason=hide(f"{said} ({code})" if code else said),
                is_passing=code in _PASSING or code.startswith("INTERNAL.BAD_OUTPUT"),
            )
        )

    def stop(self, job_id: str) -> None:
        """Abort the task."""
        self.client.ask("DELETE", f"v1/tasks/{job_id}", accepts=(), is_safe=True)


def _cost_usd(cost: object) -> float | None:
    credit = cost.get("credits") if isinstance(cost, dict) else None
    return float(CREDIT_USD) * credit if isinstance(credit, int) and not isinstance(credit, bool) else None


class RunwayVideo(TableVideo):
    """Films shots with Runway's own models and those that it resells."""

    kind: ClassVar[str] = "runway"
    summary: ClassVar[str] = "films shots with Runway's models"
    offer: ClassVar[Offer] = "paid"
    terms_url: ClassVar[str] = "https://runwayml.com/terms-of-use"

    url: str = "https://api.dev.runwayml.com"
    key_variable: str = "RUNWAYML_API_SECRET"
    at_once: int = 2

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(), (("X-Runway-Version", VERSION),), ("error",), self.at_once,
            self.per_second,
        )  # fmt: skip

    def identity(self, model: str) -> Mapping[str, str]:
        """See `VideoProvider.identity`."""
        return {**super().identity(model), "api": VERSION}

    def vendor(self, model: str) -> RunwayVendor:
        """See `TableVideo.vendor`."""
        return RunwayVendor(self.client())

    def probe(self) -> str:
        """How many credits are left."""
        left = self.told("v1/organization").get("creditBalance")
        return f"{left} credits left" if isinstance(left, int) else "the key holds"
