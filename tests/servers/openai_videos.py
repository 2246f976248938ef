"""Servers in the shape of OpenAI's former Videos API, each with its own ways to read orders and to tell failures."""

import time
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.servers.video_jobs import KEY, Jobs, at, clip, form, json_body

_SIZE = "{}x{}"
_NUMBERS = ("num_frames", "fps", "seed")
FIELDS = {
    "openai": ("prompt", "model", "seconds", "size", "input_reference"),
    "litellm": ("prompt", "model", "seconds", "size", "input_reference"),
    "vllm_omni": (
        "prompt", "model", "seconds", "size", "input_reference", "negative_prompt", "num_frames", "fps", "seed"
    ),
    "sglang": (
        "prompt", "model", "seconds", "size", "input_reference", "negative_prompt", "num_frames", "fps", "seed"
    ),
}  # fmt: skip
_PICTURES = ("image/png", "image/jpeg", "image/webp")


class OpenAiServer:
    """`states` are told one per look, the last for good; `error` is what a failed job says.

    vLLM-Omni tells a failed job with `failed_status`; SGLang may keep clips in a cloud (`in_cloud`) and then serves
    none itself; LiteLLM leaves most fields out (`is_terse`). `forget` loses every job, as a new start does.
    """

    def __init__(self, file: Path, flavour: str) -> None:
        self.jobs = Jobs(file)
        self.flavour = flavour
        self.states = ["queued", "in_progress", "completed"]
        self.error: Any = {"code": "server_error", "message": "out of memory"}
        self.failed_status = 500
        self.in_cloud = False
        self.is_terse = False
        self.expires_at: int | None = None
        self.content_status: list[int] = [200]
        self.n_contents = 0
        self.gone: set[str] = set()
        self.lost = False
        self.parts: dict[str, tuple[str, str]] = {}
        self.needs_key = True
        self.app = Starlette(
            routes=[
                Route("/cloud/{job}.mp4", self.cloud, methods=["GET"]),
                Mount(
                    "/v1",
                    routes=[
                        Route("/models", self.models, methods=["GET"]),
                        Route("/videos", self.create, methods=["POST"]),
                        Route("/videos/{job}", self.get, methods=["GET"]),
                        Route("/videos/{job}", self.delete, methods=["DELETE"]),
                        Route("/videos/{job}/content", self.content, methods=["GET"]),
                        Route("/videos/{job}/remix", self.remix, methods=["POST"]),
                    ],
                ),
            ]
        )

    def forget(self) -> None:
        self.gone.update(self.jobs.ids())

    async def models(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"object": "list", "data": [{"id": "Wan-AI/Wan2.2-T2V"}]})

    async def create(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind == "application/json" and self.flavour in ("sglang", "litellm"):
            body = await json_body(request) or {}
            whole = {name for name, given in body.items() if isinstance(given, int) and not isinstance(given, bool)}
        elif kind == "multipart/form-data":
            parts = await form(request)
            self.parts = {
                name: (part.file_name, part.content_type) for name, part in parts.items() if part.file_name is not None
            }
            body = {name: "a file" if name in self.parts else part.content.decode() for name, part in parts.items()}
            whole = {name for name, given in body.items() if given.isdigit()}
            if self.flavour == "sglang" and "input_reference" not in self.parts:
                return self._problem(400, "input_reference file is required")
        else:
            return self._problem(415, f"{kind} is not read here")
        wrong = [name for name in body if name not in FIELDS[self.flavour]]
        wrong += [name for name in _NUMBERS if name in body and name not in whole]
        if "seconds" in body and (("seconds" in whole) is False):
            wrong.append("seconds")
        if kind == "application/json" and self.flavour == "litellm" and not isinstance(body.get("seconds", ""), str):
            wrong.append("seconds")
        width, _, height = str(body.get("size", "1x1")).partition("x")
        if not (width.isdigit() and height.isdigit()):
            wrong.append("size")
        if not body.get("prompt") or (self.flavour in ("openai", "litellm") and not body.get("model")):
            wrong.append("prompt or model")
        if any(content_type not in _PICTURES for _, content_type in self.parts.values()):
            wrong.append("input_reference")
        if wrong:
            return self._problem(400, f"not valid: {', '.join(wrong)}")
        return self._made(body)

    async def remix(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        if self.flavour not in ("openai", "litellm"):
            return self._problem(404, "Not Found")
        body = await json_body(request)
        if request.path_params["job"] not in self.jobs.ids():
            return self._problem(404, "Video not found")
        if not isinstance(body, dict) or set(body) != {"prompt"}:
            return self._problem(400, "a remix takes a prompt, and nothing else")
        return self._made({**body, "remixed_from_video_id": request.path_params["job"]})

    async def get(self, request: Request) -> Response:
        job = request.path_params["job"]
        if problem := self._refused(request) or self._unknown(job):
            return problem
        status = at(self.states, self.jobs.looked(job))
        told: dict[str, Any] = {"id": job, "status": status}
        if not self.is_terse:
            told |= {
                "object": "video",
                "progress": 100 if status == "completed" else 10,
                "created_at": int(time.time()),
            }
            told |= {"expires_at": self.expires_at, "error": self.error if status == "failed" else None}
        if status == "completed" and self.in_cloud:
            told["url"] = f"{str(request.base_url).rstrip('/').removesuffix('/v1')}/cloud/{job}.mp4"
        is_odd = status == "failed" and self.flavour == "vllm_omni"
        return JSONResponse(told, self.failed_status if is_odd else 200)

    async def delete(self, request: Request) -> Response:
        job = request.path_params["job"]
        if problem := self._refused(request) or self._unknown(job):
            return problem
        self.jobs.stop(job)
        return JSONResponse({"id": job, "deleted": True, "object": "video.deleted"})

    async def content(self, request: Request) -> Response:
        job = request.path_params["job"]
        if problem := self._refused(request) or self._unknown(job):
            return problem
        if self.in_cloud:
            return self._problem(400, "Video has been uploaded to cloud storage. Please use the cloud URL")
        status = self.content_status[min(self.n_contents, len(self.content_status) - 1)]
        self.n_contents += 1
        if status == 404:
            return self._problem(404, "Generation is still in-progress")
        if status != 200:
            return self._problem(status, "Video not found")
        return Response(clip(), media_type="video/mp4")

    async def cloud(self, request: Request) -> Response:
        return Response(clip(), media_type="video/mp4")

    def _made(self, body: dict[str, Any]) -> Response:
        job = self.jobs.add(body, "video_{}?==" if self.flavour == "litellm" else "video_gen_{}")
        if self.lost:
            return Response(b'{"id": "vid', media_type="application/json", headers={"content-length": "400"})
        return JSONResponse({"id": job, "status": "queued"} if not self.is_terse else {"id": job})

    def _refused(self, request: Request) -> Response | None:
        if not self.needs_key or request.headers.get("authorization") == f"Bearer {KEY}":
            return None
        return self._problem(401, "Unauthorized")

    def _unknown(self, job: str) -> Response | None:
        if job in self.jobs.ids() and job not in self.gone and not self.jobs.is_stopped(job):
            return None
        return self._problem(404, "Video not found")

    def _problem(self, status: int, message: str) -> Response:
        if self.flavour == "sglang":
            return JSONResponse({"detail": message}, status)
        return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "code": status}}, status)
