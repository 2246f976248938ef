"""fal's queue, as strict as it is: where jobs are asked about, what each endpoint takes, how failures are told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.video_jobs import KEY, Jobs, at, clip, faults, is_picture, json_body, one_of, text, whole

_FLAG = one_of(True, False)
_SEED = whole(0, 2**31 - 1)
_WAN = {
    "prompt": text(5000), "negative_prompt": text(500), "resolution": one_of("720p", "1080p"),
    "duration": whole(2, 15), "seed": _SEED, "enable_prompt_expansion": _FLAG,
}  # fmt: skip
_VEO = {
    "prompt": text(20_000), "negative_prompt": text(20_000), "aspect_ratio": one_of("16:9", "9:16"),
    "resolution": one_of("720p", "1080p", "4k"), "duration": one_of("4s", "6s", "8s"), "seed": _SEED,
    "generate_audio": _FLAG, "auto_fix": _FLAG,
}  # fmt: skip
_KLING = {"prompt": text(2500), "negative_prompt": text(2500), "duration": one_of("5", "10")}
SCHEMAS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "fal-ai/wan/v2.7/text-to-video": (
        {**_WAN, "aspect_ratio": one_of("16:9", "9:16", "1:1", "4:3", "3:4")}, ("prompt",)
    ),
    "fal-ai/wan/v2.7/image-to-video": ({**_WAN, "image_url": is_picture}, ("image_url",)),
    "fal-ai/veo3.1": (_VEO, ("prompt",)),
    "fal-ai/veo3.1/image-to-video": ({**_VEO, "image_url": is_picture}, ("prompt", "image_url")),
    "fal-ai/kling-video/v2.5-turbo/pro/text-to-video": (
        {**_KLING, "aspect_ratio": one_of("16:9", "9:16", "1:1")}, ("prompt",)
    ),
    "fal-ai/kling-video/v2.5-turbo/pro/image-to-video": (
        {**_KLING, "image_url": is_picture}, ("prompt", "image_url")
    ),
}  # fmt: skip


class FalServer:
    """`states` are told one per look, the last for good; `result` is what a completed job answers, None for a clip.

    `make` is the clip of a job. `cdn` is where files lie, the server itself where it is empty; `shows` is the status of
    a file that is asked for with the address that was given last. `lost` breaks the answer to an order; `tells_urls`:
    an order is answered with the addresses of its job; `status_extra` goes with a completed status.
    """

    def __init__(self, file: Path) -> None:
        self.jobs = Jobs(file)
        self.make: Callable[[str], bytes] = lambda _job: clip()
        self.states = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
        self.result: tuple[int, Any, dict[str, str]] | None = None
        self.cdn = ""
        self.shows = 200
        self.lost = False
        self.tells_urls = True
        self.result_suffix = ""
        self.status_extra: dict[str, Any] = {}
        self.headers: list[dict[str, str]] = []
        self.n_results = 0
        self._newest: dict[str, int] = {}
        self.is_stopped_gone = False
        job = "/{owner}/{name}/requests/{job}"
        self.app = Starlette(
            routes=[
                Route("/files/{job}/out.mp4", self.file, methods=["GET"]),
                Route(f"{job}/status", self.status, methods=["GET"]),
                Route(f"{job}/cancel", self.cancel, methods=["PUT"]),
                Route(f"{job}/response", self.answer, methods=["GET"]),
                Route(job, self.answer, methods=["GET"]),
                Route("/{endpoint:path}", self.submit, methods=["POST"]),
            ]
        )

    async def submit(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        endpoint, body = request.path_params["endpoint"], await json_body(request)
        if endpoint not in SCHEMAS:
            return JSONResponse({"detail": f"Application '{endpoint}' not found"}, 404)
        fields, required = SCHEMAS[endpoint]
        wrong = faults(body, fields, required)
        if request.headers.get("x-fal-no-retry") not in ("1", "true", "yes"):
            wrong.append("x-fal-no-retry")
        if float(request.headers.get("x-fal-request-timeout", "1")) <= 0.1:
            wrong.append("x-fal-request-timeout")
        kept = json.loads(request.headers.get("x-fal-object-lifecycle-preference", "{}"))
        if set(kept) - {"expiration_duration_seconds"}:
            wrong.append("x-fal-object-lifecycle-preference")
        if wrong:
            details = [{"loc": ["body", name], "msg": "is not valid", "type": "value_error"} for name in wrong]
            return JSONResponse({"detail": details}, 422, {"X-Fal-Retryable": "false"})
        self.headers.append(dict(request.headers))
        job = self.jobs.add({"endpoint": endpoint, **body}, "00000000-0000-0000-0000-{:012}")
        if self.lost:
            return Response(b'{"status": "IN_QU', media_type="application/json", headers={"content-length": "400"})
        place = f"{str(request.base_url).rstrip('/')}/{'/'.join(endpoint.split('/')[:2])}/requests/{job}"
        urls = {
            "response_url": f"{place}{self.result_suffix}", "status_url": f"{place}/status",
            "cancel_url": f"{place}/cancel",
        }  # fmt: skip
        told = {"status": "IN_QUEUE", "request_id": job, "queue_position": 0}
        return JSONResponse({**told, **(urls if self.tells_urls else {})})

    async def status(self, request: Request) -> Response:
        job = request.path_params["job"]
        if problem := self._refused(request) or self._unknown(request):
            return problem
        told = at(self.states, self.jobs.looked(job))
        if self.jobs.is_stopped(job):
            told = "COMPLETED"
        if told == "COMPLETED":  # the addresses are gone from it then
            urls = {"response_url": None, "status_url": None, "cancel_url": None}
            return JSONResponse({"status": told, "request_id": job, "logs": None, **urls, **self.status_extra})
        return JSONResponse({"status": told, "request_id": job, "queue_position": 1}, 202)

    async def answer(self, request: Request) -> Response:
        if problem := self._refused(request) or self._unknown(request):
            return problem
        if self.jobs.is_stopped(request.path_params["job"]):
            said = {"detail": "The request was cancelled", "error_type": "client_cancelled"}
            return JSONResponse(said, 499)
        if self.result is not None:
            status, body, headers = self.result
            return JSONResponse(body, status, headers)
        job = request.path_params["job"]
        self.n_results += 1
        self._newest[job] = self.n_results
        base = self.cdn or str(request.base_url).rstrip("/")
        url = f"{base}/files/{job}/out.mp4?signed={self.n_results}"
        return JSONResponse({"video": {"url": url, "content_type": "video/mp4"}, "seed": 3})

    async def cancel(self, request: Request) -> Response:
        job = request.path_params["job"]
        if refused := self._refused(request):
            return refused
        if self._unknown(request):
            return JSONResponse({"status": "NOT_FOUND"}, 404)
        if at(self.states, self.jobs.looked(job)) == "COMPLETED":
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        self.jobs.stop(job)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    async def file(self, request: Request) -> Response:
        job = request.path_params["job"]
        if request.query_params.get("signed") != str(self._newest.get(job)):
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        if self.shows != 200:
            return Response("<Error><Code>Gone</Code></Error>", self.shows, media_type="application/xml")
        return Response(self.make(job), media_type="video/mp4")

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Key {KEY}":
            return None
        return JSONResponse({"detail": "Authentication is required to access this application."}, 401)

    def _unknown(self, request: Request) -> Response | None:
        owned = f"{request.path_params['owner']}/{request.path_params['name']}/"
        asked = self.jobs.request(request.path_params["job"])
        if asked is not None and f"{asked['endpoint']}/".startswith(owned):
            return None
        return JSONResponse({"detail": "Request not found"}, 404)
