"""Replicate: a prediction of a model by its owner and name. What it made is deleted an hour after."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from audio_assets.domain.provider_catalogue import Offer
from resources.http_client import Service, Upload
from resources.http_errors import as_order
from resources.paid_vendor import JobGone, Look, NotSubmitted
from resources.secrets import hide
from resources.vendors.clip_vendor import PENDING, ClipVendor, Stand
from resources.vendors.enclosed import before_order, data_uri, file_for, marks_in, media_type, name_for, with_enclosed
from resources.vendors.video_vendor import TableVideo

_LARGEST_INLINE = 256_000
"""Bytes up to which a file goes with the order itself; a larger one is uploaded before."""

_PASSING = re.compile(r"\bE(1000|6716|8765|9243|9825)\b|\(code: PA\)")
"""What Replicate calls passing trouble of its own: unknown, timed out, unhealthy, not started, interrupted."""


class ReplicateVendor(ClipVendor):
    """See `ClipVendor`. Replicate says of no prediction what it costs."""

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Create the prediction."""
        with before_order():
            sent = {mark: self._sent(mark, files) for mark in marks_in(request["input"])}
        with as_order():
            answer = self.client.post(
                f"v1/models/{request['endpoint']}/predictions", {"input": with_enclosed(request["input"], sent)}
            )
        return self.id_in(answer)

    def stand(self, job_id: str) -> Stand:
        """How the prediction stands."""
        told = self.read(self.asked(job_id, f"v1/predictions/{job_id}"))
        status = told.get("status")
        if status == "succeeded":
            return Stand(Look("done"), _clip(told.get("output")))
        if status not in ("failed", "canceled", "aborted"):
            return Stand(PENDING)
        reason = told.get("error") or ("it was stopped" if status == "canceled" else "it was not started in time")
        never_began = status == "aborted" or not told.get("started_at")
        return Stand(
            Look(
                "failed",
                is_billed=False if never_began else None,
                reason=hide(str(reason)),
                is_passing=status == "aborted" or bool(_PASSING.search(str(reason))),
            )
        )

    def stop(self, job_id: str) -> None:
        """Cancel the prediction."""
        answer = self.client.ask("POST", f"v1/predictions/{job_id}/cancel", is_safe=True, passes=(404,))
        if answer.status == HTTPStatus.NOT_FOUND:
            raise JobGone(f"{self.name} does not know job {job_id} (any more)")

    def _sent(self, mark: str, files: Mapping[str, Path]) -> str:
        path = file_for(mark, files)
        if path.stat().st_size <= _LARGEST_INLINE:
            return data_uri(mark, files, longest=2 * _LARGEST_INLINE, vendor=self.name)
        part = Upload(name_for(path, "reference"), path, media_type(path))
        told = self.read(self.client.ask("POST", "v1/files", files={"content": part}, is_safe=True))
        urls = told.get("urls")
        if not isinstance(urls, dict) or not isinstance(urls.get("get"), str):
            raise NotSubmitted(f"{self.name} took a file, and its answer has no address for it")
        return str(urls["get"])


def _clip(output: object) -> str:
    """The address of the clip: models answer one, a list of them, or by name; "" once it is deleted."""
    if isinstance(output, list):
        output = output[0] if output else ""
    if isinstance(output, dict):
        output = output.get("video") or output.get("url")
    return output if isinstance(output, str) else ""


class ReplicateVideo(TableVideo):
    """Films shots with models at Replicate."""

    kind: ClassVar[str] = "replicate"
    summary: ClassVar[str] = "films shots with the models at Replicate"
    offer: ClassVar[Offer] = "paid"
    terms_url: ClassVar[str] = "https://replicate.com/terms"

    url: str = "https://api.replicate.com"
    key_variable: str = "REPLICATE_API_TOKEN"

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(), own_errors=("detail",), at_once=self.at_once,
            per_second=self.per_second,
        )  # fmt: skip

    def vendor(self, model: str) -> ReplicateVendor:
        """See `TableVideo.vendor`."""
        return ReplicateVendor(self.client())

    def probe(self) -> str:
        """Whose account it is."""
        return f"account {hide(str(self.told('v1/account').get('username', '')), longest=60)}"
