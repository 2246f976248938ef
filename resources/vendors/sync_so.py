"""sync.so: lip-sync elsewhere, by what the model hears. The protocol of its API v2, and nothing about money.

A clip and its voice are uploaded as assets (an address to PUT them to, the PUT, a registration), then a generation is
ordered under the order's key. The same key with the same request answers the generation that was made then; with other
assets it is refused. So the assets of a key are kept on disk before it is sent: a second try names the same ones. What
was uploaded stays with sync.so.

That a failed generation is not charged is what its documentation says; that a rejected one, which never ran, is not
either is our reading of it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import orjson

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import PermanentError, TransientError
from resources.http_client import VIDEO, HttpClient, Service
from resources.http_errors import BadAnswer, Denied, HttpProblem, as_order
from resources.lip_sync import LipSyncProvider
from resources.ordered import Remote
from resources.paid_jobs import Patience
from resources.paid_vendor import JobGone, Look, NotSubmitted, PaidVendor, Refused, Unknowable
from resources.pool import Lane
from resources.remote import RemoteProvider

Model = Literal["lipsync-2", "lipsync-2-pro", "sync-3"]
SyncMode = Literal["cut_off", "silence", "loop", "bounce", "remap"]

MODELS: tuple[str, ...] = ("lipsync-2", "lipsync-2-pro", "sync-3")
_LICENCE = "terms of sync.so, with a watermark on its free plan"
_UPLOADS = {"video": ("video.mp4", "video/mp4"), "audio": ("voice.wav", "audio/wav")}
_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_FRAMES_A_SECOND = 25
_PASSING = ("generation_timeout", "generation_database_error", "generation_infra_")
"""Beginnings of the error codes of failures that are the vendor's own: another order may go well."""


class SyncSo(RemoteProvider, LipSyncProvider):
    """Lip-sync by sync.so.

    `sync_mode` says what is done where clip and voice are not equally long; ours are, so
    that the default only keeps a last frame from being cut off.
    """

    kind: ClassVar[str] = "sync_so"

    url: str = "https://api.sync.so"
    key_variable: str = "SYNC_API_KEY"
    at_once: int = 3
    model: Model = "lipsync-2"
    sync_mode: SyncMode = "silence"

    @property
    def is_driven_by(self) -> Literal["mouth", "audio"]:
        """It listens."""
        return "audio"

    def about(self) -> About:
        """See `LipSyncProvider.about`."""
        return About("lip_sync", "moves the mouth of a filmed face to the voice that it is given", _LICENCE, "freemium",
                     terms_url="https://sync.so/pricing", models=MODELS)  # fmt: skip

    def identity(self) -> Mapping[str, str]:
        """See `LipSyncProvider.identity`."""
        return {
            "engine": "sync.so", "api": "v2", "model": self.model, "sync_mode": self.sync_mode, "licence": _LICENCE,
        }  # fmt: skip

    def billed_s(self, n_frames: int, duration_s: float) -> float:
        """It bills by the frame, 25 of which are a second's price whatever the clip's rate is."""
        return n_frames / _FRAMES_A_SECOND

    def service(self) -> Service:
        """See `RemoteProvider.service`.

        None of its 5xx is taken for "nothing was made": its framework answers any fault in the same form.
        """
        return Service(self.name, self.url.rstrip("/"), self.key(header="x-api-key", form="{}"), at_once=self.at_once,
                       per_second=self.per_second)  # fmt: skip

    def remote(self, kept: Path) -> Remote | None:
        """See `LipSyncProvider.remote`; a generation takes minutes, with `sync-3` many."""
        vendor = SyncSoVendor(self.client(), kept / self.name)
        return Remote(vendor, self.name, self.model, Lane(self.name, self.at_once), Patience(first_s=5.0))

    def request(self, duration_s: float) -> Mapping[str, Any]:
        """See `LipSyncProvider.request`."""
        return {"model": self.model, "options": {"sync_mode": self.sync_mode}}

    def probe(self) -> str:
        """See `RemoteProvider.probe`."""
        self.client().get("v2/generations", params={"limit": "1"})
        return "the key is accepted"


@dataclass(frozen=True)
class SyncSoVendor(PaidVendor):
    """Generations of sync.so; `kept` is where the assets of an order are noted under its key."""

    client: HttpClient
    kept: Path

    replays_keys_s: float = 12 * 3600.0
    """How long is not said where we could read it; half of the day that is usual."""

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Upload what was not uploaded under this key, and order the generation."""
        if not _KEY.fullmatch(idempotency_key):
            raise Refused(f"{self._name}: {idempotency_key!r} can not be an idempotency key")
        assets = self._assets(idempotency_key, files)
        body = {
            "model": request["model"],
            "input": [{"type": kind, "assetId": assets[kind]} for kind in _UPLOADS],
            "options": dict(request["options"]),
        }
        headers = {"Idempotency-Key": idempotency_key}
        try:
            with as_order():
                answer = self.client.ask("POST", "v2/generate", json=body, headers=headers, passes=(409,))
        except Refused as error:
            if isinstance(error.__cause__, Denied) and error.__cause__.status == 402:
                raise Refused(f"{error}; look at plan and invoices in the billing settings of sync.so") from error
            raise
        job_id = _text(answer.json(), "generationId" if answer.status == 409 else "id")
        if not job_id:  # of 409: the key is in use just now, or with another request, or its outcome is not known
            code = _text(answer.json(), "errorCode") or f"{answer.status} without an id"
            raise TransientError(f"{self._name} does not say which generation the order's key has made ({code})")
        return job_id

    def look(self, job_id: str) -> Look:
        """See `PaidVendor.look`; it names no cost."""
        found = self._generation(job_id)
        status = _text(found, "status")
        if status in ("PENDING", "PROCESSING"):
            return Look("pending")
        if status == "COMPLETED":
            return Look("done")
        if status in ("FAILED", "REJECTED"):
            code = _text(found, "errorCode") or _text(found, "error_code")
            why = ": ".join(part for part in (status.lower(), code, _text(found, "error")) if part)
            return Look("failed", is_billed=False, reason=why, is_passing=code.startswith(_PASSING))
        raise TransientError(f"{self._name} calls generation {job_id} {status!r}, which is no state that is known here")

    def find(self, idempotency_key: str) -> str | None:
        """Its lists do not tell keys."""
        raise Unknowable

    def fetch(self, job_id: str, target: Path) -> None:
        """Download the clip from the address of today: each runs out after a while, the generation has new ones."""
        url = _text(self._generation(job_id), "outputUrl")
        if not url:
            raise PermanentError(f"{self._name} has no file for generation {job_id} any more")
        self.client.download(url, target, accepts=VIDEO)

    def cancel(self, job_id: str) -> None:
        """It has no way to stop a generation."""
        raise PermanentError(f"{self._name} can not stop a generation; {job_id} is over in some minutes")

    @property
    def _name(self) -> str:
        return self.client.service.name

    def _generation(self, job_id: str) -> Any:
        try:
            return self.client.get(f"v2/generate/{quote(job_id, safe='')}").json()
        except Denied as error:
            if error.status == 404:
                raise JobGone(f"{self._name} does not know generation {job_id}") from error
            raise

    # --- Assets ------------------------------------------------------------------------------------------------

    def _assets(self, key: str, files: Mapping[str, Path]) -> Mapping[str, str]:
        """The ids of clip and voice; nothing is ordered as long as there are none.

        Raises:
            Refused: it does not take them. NotSubmitted: they could not be uploaded now.
        """
        note = self.kept / f"{key}.json"
        try:
            noted: Mapping[str, str] = orjson.loads(note.read_bytes())
        except FileNotFoundError:
            pass
        else:
            return noted
        try:
            assets = {kind: self._upload(files[kind], *named) for kind, named in _UPLOADS.items()}
        except PermanentError as error:
            raise Refused(f"nothing was ordered: {error}") from error
        except (HttpProblem, TransientError) as error:
            raise NotSubmitted(f"nothing was ordered: {error}") from error
        self.kept.mkdir(parents=True, exist_ok=True)
        part = note.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(orjson.dumps(assets))
        part.replace(note)
        return assets

    def _upload(self, path: Path, name: str, content_type: str) -> str:
        wanted = {"fileName": name, "contentType": content_type, "size": path.stat().st_size}
        place = self.client.post("v2/assets/upload", wanted, is_safe=True).json()
        put_to, url = _text(place, "uploadUrl"), _text(place, "url")
        if not (put_to and url):
            raise BadAnswer(f"{self._name} names no address to upload {name} to")
        headers = {"Content-Type": content_type}
        self.client.ask("PUT", put_to, content=path, headers=headers, accepts=(), is_safe=True)
        asset = _text(self.client.post("v2/assets", {"url": url}, is_safe=True).json(), "id")
        if not asset:
            raise BadAnswer(f"{self._name} gives the uploaded {name} no id")
        return asset


def _text(found: Any, name: str) -> str:
    """A field of an answer where it is text, else ""."""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""
