"""OpenRouter's video jobs, as strict as they are: what the model takes, addresses as paths, what a job cost."""

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.servers.video_jobs import KEY, Check, Jobs, at, clip, faults, is_picture, json_body, one_of, text, whole


def _frames(given: Any) -> bool:
    return (
        isinstance(given, list)
        and len(given) == 1
        and set(given[0]) == {"type", "image_url", "frame_type"}
        and given[0]["type"] == "image_url"
        and given[0]["frame_type"] in ("first_frame", "last_frame")
        and set(given[0]["image_url"]) == {"url"}
        and is_picture(given[0]["image_url"]["url"])
    )


_VEO: dict[str, Check] = {
    "model": one_of("google/veo-3.1"), "prompt": text(20_000), "duration": one_of(4, 6, 8),
    "resolution": one_of("720p", "1080p", "4K"), "aspect_ratio": one_of("16:9", "9:16"), "seed": whole(0, 2**31 - 1),
    "generate_audio": one_of(True, False), "frame_images": _frames,
}  # fmt: skip


class OpenRouterServer:
    """`states` are told one per look, the last for good. `cost` is what a completed job says it cost; `billed` is what
    the record of a failed one's generation says, None where there is no record. `polls_at` is how `polling_url` begins.
    """

    def __init__(self, file: Path) -> None:
        self.jobs = Jobs(file)
        self.states = ["pending", "in_progress", "completed"]
        self.cost: float | None = 1.6
        self.billed: float | None = None
        self.error: Any = "the provider failed"
        self.has_generation = True
        self.polls_at = "/api/v1/videos"
        self.shows = 200
        self.lost = False
        self.files_at = ""
        self.app = Starlette(
            routes=[
                Mount(
                    "/api/v1",
                    routes=[
                        Route("/key", self.key, methods=["GET"]),
                        Route("/generation", self.generation, methods=["GET"]),
                        Route("/videos", self.create, methods=["POST"]),
                        Route("/videos/{job}", self.get, methods=["GET"]),
                        Route("/polling/{job}", self.get, methods=["GET"]),
                        Route("/videos/{job}/content", self.content, methods=["GET"]),
                    ],
                )
            ]
        )

    async def key(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"data": {"label": "night", "limit_remaining": 12.5}})

    async def create(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        body = await json_body(request)
        wrong = faults(body, _VEO, ("model", "prompt"))
        if wrong:
            return _problem(400, f"{', '.join(wrong)}: not supported by this model")
        job = self.jobs.add(body, "vgen-{}")
        if self.lost:
            return Response(b'{"id": "vg', 202, {"content-length": "400"}, media_type="application/json")
        return JSONResponse({"id": job, "polling_url": f"{self.polls_at}/{job}", "status": "pending"}, 202)

    async def get(self, request: Request) -> Response:
        job = request.path_params["job"]
        if refused := self._refused(request):
            return refused
        if job not in self.jobs.ids():
            return _problem(404, "Job not found")
        status = at(self.states, self.jobs.looked(job))
        told: dict[str, Any] = {"id": job, "polling_url": f"/api/v1/videos/{job}", "status": status}
        if self.has_generation and status not in ("pending", "in_progress"):
            told["generation_id"] = f"gen-{job}"
        if status == "completed":
            base = str(request.base_url).rstrip("/").removesuffix("/api/v1")
            told["unsigned_urls"] = [f"{self.files_at or base}/api/v1/videos/{job}/content?index=0"]
            told["usage"] = {"is_byok": False} if self.cost is None else {"cost": self.cost, "is_byok": False}
        elif status in ("failed", "cancelled", "expired"):
            told["error"] = self.error
        return JSONResponse(told)

    async def generation(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        if self.billed is None or request.query_params.get("id") != f"gen-{self.jobs.ids()[-1]}":
            return _problem(404, "Generation not found")
        return JSONResponse({"data": {"id": request.query_params["id"], "total_cost": self.billed}})

    async def content(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        if self.shows != 200:
            return _problem(self.shows, "the content is gone")
        return Response(clip(), media_type="video/mp4")

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {KEY}":
            return None
        return _problem(401, "No cookie auth credentials found")


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message}}, status)
