"""Replicate's predictions, as strict as they are: what a model takes, files that are uploaded, what is deleted."""

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.video_jobs import KEY, Jobs, at, clip, faults, form, is_picture, json_body, one_of, text, whole

_VEO = {
    "prompt": text(20_000), "negative_prompt": text(20_000), "image": is_picture, "duration": one_of(4, 6, 8),
    "aspect_ratio": one_of("16:9", "9:16"), "resolution": one_of("720p", "1080p"), "seed": whole(0, 2**31 - 1),
    "generate_audio": one_of(True, False),
}  # fmt: skip
SCHEMAS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {"google/veo-3.1": (_VEO, ("prompt",))}
_LARGEST_URI = 350_000


class ReplicateServer:
    """`states` are told one per look, the last for good; `error` is what a failed prediction says.

    `shape` is what a succeeded one answers as its output: "url", "list", or "removed" once it is deleted.
    """

    def __init__(self, file: Path) -> None:
        self.jobs = Jobs(file)
        self.states = ["starting", "processing", "succeeded"]
        self.error = "the model failed"
        self.began = True
        self.shape = "url"
        self.shows = 200
        self.lost = False
        self.uploads: list[tuple[str, str, int]] = []
        self.n_outputs = 0
        self.app = Starlette(
            routes=[
                Route("/v1/account", self.account, methods=["GET"]),
                Route("/v1/files", self.upload, methods=["POST"]),
                Route("/v1/models/{owner}/{name}/predictions", self.create, methods=["POST"]),
                Route("/v1/predictions/{job}", self.get, methods=["GET"]),
                Route("/v1/predictions/{job}/cancel", self.cancel, methods=["POST"]),
                Route("/delivery/{n}/out.mp4", self.file, methods=["GET"]),
            ]
        )

    async def account(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"type": "organization", "username": "night-studio"})

    async def upload(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        parts = await form(request)
        content = parts.get("content")
        if set(parts) - {"content", "filename", "type", "metadata"} or content is None or content.file_name is None:
            return _problem(400, "Bad Request", "Missing content")
        self.uploads.append((content.file_name, content.content_type, len(content.content)))
        return JSONResponse({"id": "file-1", "urls": {"get": "https://api.replicate.com/v1/files/file-1"}}, 201)

    async def create(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        model = f"{request.path_params['owner']}/{request.path_params['name']}"
        if model not in SCHEMAS:
            return _problem(404, "Not found", "The requested resource could not be found.")
        body = await json_body(request)
        if "prefer" in request.headers:
            return _problem(400, "Bad Request", "This test waits for nobody")
        if not isinstance(body, dict) or set(body) != {"input"}:
            return _problem(422, "Input validation failed", "- input is required")
        fields, required = SCHEMAS[model]
        wrong = faults(body["input"], fields, required)
        if len(str(body["input"].get("image", ""))) > _LARGEST_URI:
            wrong.append("image is too large for a data URI")
        if wrong:
            said = "; ".join(f"- input.{name}: is not valid" for name in wrong)
            return _problem(422, "Input validation failed", said)
        job = self.jobs.add({"model": model, **body["input"]}, "rm0{}abc")
        if self.lost:
            return Response(b'{"id": "rm0', 201, {"content-length": "400"}, media_type="application/json")
        return JSONResponse(self._told(job, "starting", request), 201)

    async def get(self, request: Request) -> Response:
        job = request.path_params["job"]
        if refused := self._refused(request):
            return refused
        if job not in self.jobs.ids():
            return _problem(404, "Not found", "The requested resource could not be found.")
        status = "canceled" if self.jobs.is_stopped(job) else at(self.states, self.jobs.looked(job))
        return JSONResponse(self._told(job, status, request))

    async def cancel(self, request: Request) -> Response:
        job = request.path_params["job"]
        if refused := self._refused(request):
            return refused
        if job not in self.jobs.ids():
            return _problem(404, "Not found", "The requested resource could not be found.")
        self.jobs.stop(job)
        return JSONResponse(self._told(job, "canceled", request))

    async def file(self, request: Request) -> Response:
        if self.shows != 200 or request.path_params["n"] != str(self.n_outputs):
            return Response("gone", self.shows if self.shows != 200 else 404, media_type="text/plain")
        return Response(clip(), media_type="video/mp4")

    def _told(self, job: str, status: str, request: Request) -> dict[str, Any]:
        base = str(request.base_url).rstrip("/")
        output: Any = None
        if status == "succeeded" and self.shape != "removed":
            self.n_outputs += 1
            url = f"{base}/delivery/{self.n_outputs}/out.mp4"
            output = [url] if self.shape == "list" else url
        place = f"{base}/v1/predictions/{job}"
        return {
            "id": job, "model": "google/veo-3.1", "version": "hidden", "status": status, "output": output,
            "data_removed": self.shape == "removed", "error": self.error if status == "failed" else None,
            "started_at": "2026-11-20T12:00:01Z" if self.began and status not in ("starting", "aborted") else None,
            "created_at": "2026-11-20T12:00:00Z", "logs": "", "urls": {"get": place, "cancel": f"{place}/cancel"},
        }  # fmt: skip

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {KEY}":
            return None
        return _problem(401, "Unauthenticated", "You did not pass a valid authentication token")


def _problem(status: int, title: str, detail: str) -> Response:
    return JSONResponse({"title": title, "detail": detail, "status": status}, status)
