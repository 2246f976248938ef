"""Runway's tasks, as strict as they are: the version header, what each model takes, deletion instead of a stop."""

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.video_jobs import KEY, Check, Jobs, at, clip, faults, is_picture, json_body, one_of, text, whole

_PROMPT, _SEED = text(1000), whole(0, 2**32 - 1)
_WIDE = one_of("1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672")
_VEO_RATIO = one_of("1280:720", "720:1280", "1080:1920", "1920:1080")


def _picture(given: Any) -> bool:
    return is_picture(given) and len(given) <= 5_000_000


_GEN = {"promptText": _PROMPT, "duration": whole(2, 10), "seed": _SEED}
_VEO = {
    "promptText": _PROMPT, "negativePrompt": text(1000), "ratio": _VEO_RATIO, "duration": one_of(4, 6, 8),
    "seed": _SEED, "audio": one_of(True, False),
}  # fmt: skip
SCHEMAS: dict[tuple[str, str], tuple[dict[str, Check], tuple[str, ...]]] = {
    ("text_to_video", "gen4.5"): (
        {**_GEN, "ratio": one_of("1280:720", "720:1280")}, ("promptText", "ratio", "duration")
    ),
    ("image_to_video", "gen4.5"): (
        {**_GEN, "ratio": _WIDE, "promptImage": _picture}, ("promptText", "promptImage", "ratio", "duration")
    ),
    ("image_to_video", "gen4_turbo"): ({**_GEN, "ratio": _WIDE, "promptImage": _picture}, ("promptImage", "ratio")),
    ("text_to_video", "veo3.1"): (_VEO, ("promptText", "ratio")),
    ("image_to_video", "veo3.1"): ({**_VEO, "promptImage": _picture}, ("promptImage", "ratio")),
}  # fmt: skip


class RunwayServer:
    """`states` are told one per look, the last for good. `credits` is what a finished task says it cost, None where it
    says nothing; `failure` is (what is said, its code). A task that was deleted is not there any more.
    """

    def __init__(self, file: Path) -> None:
        self.jobs = Jobs(file)
        self.states = ["PENDING", "THROTTLED", "RUNNING", "SUCCEEDED"]
        self.credits: int | None = 40
        self.failure: tuple[str, str | None] = ("An unexpected error occurred", "INTERNAL")
        self.shows = 200
        self.lost = False
        self.n_outputs = 0
        self.has_output = True
        self.app = Starlette(
            routes=[
                Route("/v1/organization", self.organization, methods=["GET"]),
                Route("/v1/tasks/{job}", self.get, methods=["GET"]),
                Route("/v1/tasks/{job}", self.delete, methods=["DELETE"]),
                Route("/files/{n}/out.mp4", self.file, methods=["GET"]),
                Route("/v1/{endpoint}", self.create, methods=["POST"]),
            ]
        )

    async def organization(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"creditBalance": 1250, "tier": {}, "usage": {}})

    async def create(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        endpoint, body = request.path_params["endpoint"], await json_body(request)
        model = body.pop("model", None) if isinstance(body, dict) else None
        if (endpoint, model) not in SCHEMAS:
            issues = [{"code": "invalid_enum_value", "path": ["model"], "message": f"{model} is no model here"}]
            return JSONResponse({"error": "Validation of body failed", "issues": issues}, 400)
        wrong = faults(body, *SCHEMAS[endpoint, model])
        if wrong:
            issues = [{"code": "invalid", "path": [name], "message": f"{name} is not valid"} for name in wrong]
            return JSONResponse({"error": f"Validation of body failed: {', '.join(wrong)}", "issues": issues}, 400)
        job = self.jobs.add({"endpoint": endpoint, "model": model, **body}, "17f20503-6c24-4c16-946b-{:012}")
        if self.lost:
            return Response(b'{"id": "17f2', media_type="application/json", headers={"content-length": "400"})
        return JSONResponse({"id": job})

    async def get(self, request: Request) -> Response:
        job = request.path_params["job"]
        if problem := self._refused(request) or self._unknown(job):
            return problem
        status = at(self.states, self.jobs.looked(job))
        told: dict[str, Any] = {"id": job, "status": status, "createdAt": "2026-11-20T12:00:00.000Z"}
        if status == "RUNNING":
            told["progress"] = 0.4
        if status in ("SUCCEEDED", "FAILED", "CANCELLED") and self.credits is not None:
            told["cost"] = {"credits": self.credits}
        if status == "SUCCEEDED":
            self.n_outputs += 1
            url = f"{str(request.base_url).rstrip('/')}/files/{self.n_outputs}/out.mp4?_jwt=x"
            told["output"] = [url] if self.has_output else []
        if status == "FAILED":
            told["failure"] = self.failure[0]
            if self.failure[1]:
                told["failureCode"] = self.failure[1]
        return JSONResponse(told)

    async def delete(self, request: Request) -> Response:
        job = request.path_params["job"]
        if problem := self._refused(request) or self._unknown(job):
            return problem
        self.jobs.stop(job)
        return Response(status_code=204)

    async def file(self, request: Request) -> Response:
        if self.shows != 200 or request.path_params["n"] != str(self.n_outputs):
            return Response("<Error/>", self.shows if self.shows != 200 else 403, media_type="application/xml")
        return Response(clip(), media_type="video/mp4")

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("x-runway-version") != "2024-11-06":
            return JSONResponse({"error": "X-Runway-Version header is missing or not valid"}, 400)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": "The API key you provided was not valid."}, 401)
        return None

    def _unknown(self, job: str) -> Response | None:
        if job in self.jobs.ids() and not self.jobs.is_stopped(job):
            return None
        return JSONResponse({"error": "Could not find a task with that ID"}, 404)
