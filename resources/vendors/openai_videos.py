"""Servers in the shape of OpenAI's former Videos API: vLLM-Omni, SGLang, the LiteLLM proxy, and others.

OpenAI itself shut that API on 2026-09-24, so there is no address to begin with, and api.openai.com is refused. Each
server has ways of its own (`FLAVOURS`): how words are sent, what a failed job costs, whether it forgets its jobs when
it is started again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlsplit
from uuid import uuid4

import orjson

from audio_assets.domain.provider_catalogue import Offer
from audio_assets.domain.rendering import PermanentError, TransientError
from audio_assets.domain.video_models import VideoModel
from resources.http_client import VIDEO, Answer, Service, Upload
from resources.http_errors import Denied, as_order
from resources.paid_vendor import JobGone, Look
from resources.secrets import hide
from resources.vendors.clip_vendor import PENDING, ClipVendor, Stand
from resources.vendors.enclosed import MARKS, before_order, file_for, media_type, name_for
from resources.vendors.video_vendor import TableVideo

DEFAULT = "default"
"""The model's name for whichever one the server runs."""

_SHUT = "2026-09-24"
_FAILED = (400, 409, 422, 500, 501, 502, 503, 504)
"""Statuses with which a job may be told that failed."""

_PASSING = ("server_error", "internal_error", "internal_server_error", "rate_limit_exceeded", "timeout")
_STILL = ("in-progress", "in progress", "not ready", "not completed")


@dataclass(frozen=True, slots=True)
class Flavour:
    """A server's own ways.

    `sends_json`: an order without a file is JSON, not a form. `is_own`: it runs on a machine of one's own, bills
    nothing, and keeps its jobs in memory. `own_errors`: fields of a 5xx that say it made nothing. `names_model`:
    a model has to be named.
    """

    sends_json: bool = False
    is_own: bool = False
    own_errors: tuple[str, ...] = ()
    names_model: bool = False


FlavourName = Literal["openai", "vllm_omni", "sglang", "litellm"]
FLAVOURS: Mapping[FlavourName, Flavour] = {
    "openai": Flavour(names_model=True),
    "vllm_omni": Flavour(is_own=True, own_errors=("error", "detail")),
    "sglang": Flavour(sends_json=True, is_own=True, own_errors=("error", "detail")),
    "litellm": Flavour(names_model=True),
}


@dataclass
class OpenAiVendor(ClipVendor):
    """See `ClipVendor`. No such server says what a job costs."""

    flavour: Flavour = FLAVOURS["openai"]

    @property
    def bills_stopped(self) -> bool | None:
        """See `ClipVendor.bills_stopped`."""
        return False if self.flavour.is_own else None

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Create the job; a file goes as a part of the form."""
        named = {} if request["model"] == DEFAULT else {"model": request["model"]}
        is_remix = "/" in request["endpoint"]  # a remix keeps its parent's model
        values = {**({} if is_remix else named), **request["input"]}
        with before_order():
            parts = {
                name: _part(given, files) for name, given in values.items() if isinstance(given, str) and given in MARKS
            }
        fields = {name: given for name, given in values.items() if name not in parts}
        with as_order():
            if parts:
                answer = self.client.ask("POST", request["endpoint"], form=_texts(fields), files=parts)
            elif self.flavour.sends_json or is_remix:
                answer = self.client.post(request["endpoint"], fields)
            else:
                content, content_type = _form(_texts(fields))
                answer = self.client.ask(
                    "POST", request["endpoint"], content=content, headers={"Content-Type": content_type}
                )
        return self.id_in(answer)

    def stand(self, job_id: str) -> Stand:
        """How the job stands, whatever status it is told with."""
        try:
            told = self._told(self.asked(job_id, f"videos/{quote(job_id, safe='')}", passes=_FAILED))
        except JobGone as error:
            if not self.flavour.is_own or job_id in self._stopped:
                raise
            gone = "the server does not know it any more, as after a new start"
            return Stand(Look("failed", is_billed=False, reason=f"{gone} ({error})", is_passing=True))
        status, url = told.get("status"), told.get("url")
        if status == "completed":
            return Stand(Look("done"), url if isinstance(url, str) and url else self._content(job_id, told))
        if status not in ("failed", "cancelled", "canceled", "deleted", "expired"):
            return Stand(PENDING)
        said, code = _error(told)
        return Stand(
            Look(
                "failed",
                is_billed=False if self.flavour.is_own else None,
                reason=hide(said or f"the job is {status}"),
                is_passing=code in _PASSING or (code.isdigit() and int(code) >= HTTPStatus.INTERNAL_SERVER_ERROR),
            )
        )

    def download(self, job_id: str, url: str, target: Path) -> None:
        """The clip itself; a server of several machines may not have it everywhere yet."""
        if url != self._path(job_id):
            super().download(job_id, url, target)
            return
        try:
            self.client.download(url, target, accepts=VIDEO)
        except Denied as error:
            if any(word in error.said.lower() for word in _STILL):
                raise TransientError(f"{self.name} does not have the clip of job {job_id} yet: {error.said}") from error
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                raise PermanentError(f"{self.name} has the clip of job {job_id} no more: {error.said}") from error
            raise

    def stop(self, job_id: str) -> None:
        """Delete the job; that stops it where the server can."""
        try:
            self.client.ask("DELETE", f"videos/{quote(job_id, safe='')}", accepts=(), is_safe=True)
        except Denied as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise JobGone(f"{self.name} does not know job {job_id} (any more)") from error

    def _path(self, job_id: str) -> str:
        return f"videos/{quote(job_id, safe='')}/content"

    def _content(self, job_id: str, told: Mapping[str, Any]) -> str:
        """Where the clip is, "" once it has expired."""
        expires_at = told.get("expires_at")
        has_expired = isinstance(expires_at, int | float) and 0 < expires_at < time.time()
        return "" if has_expired else self._path(job_id)

    def _told(self, answer: Answer) -> dict[str, Any]:
        """The job in an answer.

        Raises:
            TransientError: it is none, but an error of the server or of what stands before it.
            PermanentError: the server refuses to say.
        """
        told = self.read(answer)
        if answer.status < HTTPStatus.BAD_REQUEST or ("id" in told and "status" in told):
            return told
        said = f"{self.name} answered {answer.status} for a job: {hide(_error(told)[0] or str(told.get('detail', '')))}"
        raise TransientError(said) if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else PermanentError(said)


def _error(told: Mapping[str, Any]) -> tuple[str, str]:
    """(what is said, its code or ""), from a job or an answer that failed."""
    error = told.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or ""), str(error.get("code") or error.get("type") or "").lower()
    return (error if isinstance(error, str) else ""), ""


def _part(mark: str, files: Mapping[str, Path]) -> Upload:
    path = file_for(mark, files)
    return Upload(name_for(path, MARKS[mark]), path, media_type(path))


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    """Values as a form holds them."""
    return {name: given if isinstance(given, str) else orjson.dumps(given).decode() for name, given in fields.items()}


def _form(fields: Mapping[str, str]) -> tuple[bytes, str]:
    """(body, content type) of a multipart form without files."""
    boundary = uuid4().hex
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    )
    return f"{''.join(parts)}--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class OpenAiVideo(TableVideo):
    """Films shots with the model that a server of this shape runs, or a proxy reaches.

    `flavour` is what kind of server it is: vllm_omni, sglang, litellm, or openai for any other of the shape. `serves`
    are names of models that it has, for settings to choose from; any other name is passed on all the same.
    """

    kind: ClassVar[str] = "openai_videos"
    summary: ClassVar[str] = "films shots with a server in the shape of OpenAI's former Videos API"
    offer: ClassVar[Offer] = "open"
    needs: ClassVar[str] = "a server"

    flavour: FlavourName = "openai"
    serves: list[str] = []

    @property
    def family(self) -> str:
        """Each flavour has rows of its own."""
        return self.kind if self.flavour == "openai" else self.flavour

    def problem(self) -> str:
        """See `RemoteProvider.problem`."""
        if (urlsplit(self.url).hostname or "").endswith("openai.com"):
            return (
                f"OpenAI shut its Videos API on {_SHUT}: set url under [providers.{self.name}] in providers.toml to a "
                "server of the same shape (vLLM-Omni, SGLang, LiteLLM)"
            )
        return super().problem()

    def models(self) -> tuple[str, ...]:
        """Those with a row, those that it is said to serve, and where it runs one that needs no name, that."""
        unnamed = () if FLAVOURS[self.flavour].names_model else (DEFAULT,)
        return tuple(dict.fromkeys((*super().models(), *self.serves, *unnamed)))

    def row(self, model: str) -> VideoModel:
        """See `TableVideo.row`."""
        if model == DEFAULT and FLAVOURS[self.flavour].names_model:
            raise ValueError(f"{self.name} has to be told a model by its name: set video_model")
        return super().row(model)

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(is_optional=True), own_errors=FLAVOURS[self.flavour].own_errors,
            at_once=self.at_once, per_second=self.per_second,
        )  # fmt: skip

    def vendor(self, model: str) -> OpenAiVendor:
        """See `TableVideo.vendor`."""
        return OpenAiVendor(self.client(), FLAVOURS[self.flavour])

    def probe(self) -> str:
        """Which models it serves."""
        data = self.told("models").get("data")
        names = [str(one.get("id")) for one in data if isinstance(one, dict)] if isinstance(data, list) else []
        return f"serves {hide(', '.join(names[:3]), longest=200) or 'no model'}"


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "vllm_omni": {"called": "vllm_omni_video", "flavour": "vllm_omni", "key_variable": "VLLM_API_KEY", "at_once": 2},
    "sglang": {"called": "sglang", "flavour": "sglang", "key_variable": "SGLANG_API_KEY", "at_once": 2},
    "litellm": {"called": "litellm", "flavour": "litellm", "key_variable": "LITELLM_API_KEY"},
}
"""The settings of the flavours that have a name of their own: `OpenAiVideo(**PRESETS["sglang"])`."""
