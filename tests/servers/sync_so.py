"""sync.so as its documentation describes it: uploads, generations, keys that are replayed, addresses that run out.

Strict: a wrong header, a missing, unknown or mistyped field, a file that is not as it was announced is refused as the
vendor would. What was ordered is in a SQLite file, so that any process sees the vendor's own count.
"""

import hashlib
import json
import re
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "sk-sync-planted-77aa88bb"
MODELS = ("lipsync-2", "lipsync-2-pro", "sync-3", "lipsync-1.9.0-beta", "react-1")
SYNC_MODES = ("bounce", "loop", "cut_off", "silence", "remap")
TYPES = {"video/mp4": "VIDEO", "audio/wav": "AUDIO"}
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")


@dataclass
class SyncSoServer:
    """The vendor.

    `statuses` are what it says of a generation, one per look, the last for good. `make` is what it makes of (clip,
    voice). Of the first `n_expired` addresses of outputs none works any more; of the others only the newest does.
    `on_generate` answers instead, before anything is made; of the first `loses` orders taken the answer is lost.
    """

    file: Path
    make: Callable[[bytes, bytes], bytes] = lambda clip, _voice: clip
    statuses: list[str] = field(default_factory=lambda: ["PENDING", "PROCESSING", "COMPLETED"])
    error: str = ""
    error_code: str = ""
    n_expired: int = 0
    on_generate: Callable[[], Response | None] = lambda: None
    loses: int = 0
    forgets: bool = False
    requests: list[str] = field(default_factory=list)
    replays: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._announced: dict[str, dict[str, Any]] = {}
        self._stored: dict[str, bytes] = {}
        self._assets: dict[str, dict[str, Any]] = {}
        self._looks: dict[str, int] = {}
        self._newest: dict[str, str] = {}
        self._n_addresses = 0
        with closing(self._open()) as shop:
            shop.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT, key TEXT, digest TEXT, request TEXT)")

    def app(self) -> Starlette:
        routes = [
            Route("/v2/assets/upload", self._announce, methods=["POST"]),
            Route("/uploads/{token}", self._put, methods=["PUT"]),
            Route("/v2/assets", self._register, methods=["POST"]),
            Route("/v2/generate", self._generate, methods=["POST"]),
            Route("/v2/generate/{job}", self._look, methods=["GET"]),
            Route("/v2/generations", self._list, methods=["GET"]),
            Route("/outputs/{job}/{token}", self._output, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def jobs(self) -> list[dict[str, Any]]:
        """What was ordered: id, key and request of every generation."""
        with closing(self._open()) as shop:
            rows = shop.execute("SELECT id, key, request FROM jobs ORDER BY rowid").fetchall()
        return [{"id": job, "key": key, **json.loads(request)} for job, key, request in rows]

    # --- Uploads -----------------------------------------------------------------------------------------------

    async def _announce(self, request: Request) -> Response:
        body, refused = await self._json(request, {"fileName": str, "contentType": str, "size": int})
        if refused:
            return refused
        if body["contentType"] not in TYPES or not 0 < body["size"] <= 5 * 1024**3:
            return self._error(400, "VALIDATION_ERROR", "contentType or size can not be taken")
        token = uuid.uuid4().hex
        self._announced[token] = body
        base = str(request.base_url)
        answer = {
            "uploadUrl": f"{base}uploads/{token}?X-Amz-Expires=3600&X-Amz-Signature={token[::-1]}",
            "url": f"{base}media/{token}/{body['fileName']}", "expiresIn": 3600,
        }  # fmt: skip
        return JSONResponse(answer, 201)

    async def _put(self, request: Request) -> Response:
        self.requests.append("PUT /uploads")
        token, data = request.path_params["token"], await request.body()
        announced = self._announced.get(token)
        is_signed = request.query_params.get("X-Amz-Signature") == token[::-1]
        if announced is None or not is_signed or request.headers.get("content-type") != announced["contentType"]:
            return self._refuse_upload(403, "SignatureDoesNotMatch")
        if "content-length" not in request.headers or "transfer-encoding" in request.headers:
            return self._refuse_upload(411, "MissingContentLength")
        if len(data) != announced["size"]:
            return self._refuse_upload(400, "EntityTooSmall")
        self._stored[token] = data
        return Response(status_code=200, headers={"ETag": f'"{hashlib.md5(data).hexdigest()}"'})  # noqa: S324 - as S3

    def _refuse_upload(self, status: int, code: str) -> Response:
        self.faults.append(code)
        return Response(f"<Error><Code>{code}</Code></Error>", status, media_type="application/xml")

    async def _register(self, request: Request) -> Response:
        body, refused = await self._json(request, {"url": str}, {"name": str, "type": str})
        if refused:
            return refused
        token = next((one for one in self._announced if f"/media/{one}/" in body["url"]), "")
        if token not in self._stored:
            return self._error(400, "ASSET_NOT_UPLOADED", "there is no file at this url")
        kind = TYPES[self._announced[token]["contentType"]]
        asset = {
            "id": str(uuid.uuid4()), "type": kind, "url": body["url"], "visibility": "USER",
            "size": len(self._stored[token]), "name": self._announced[token]["fileName"],
            "createdAt": "2026-11-20T10:00:00.000Z", "updatedAt": "2026-11-20T10:00:00.000Z",
        }  # fmt: skip
        self._assets[asset["id"]] = {**asset, "data": self._stored[token]}
        return JSONResponse(asset, 201)

    # --- Generations -------------------------------------------------------------------------------------------

    async def _generate(self, request: Request) -> Response:
        body, refused = await self._json(request, {"model": str, "input": list, "options": dict})
        if refused:
            return refused
        key = request.headers.get("idempotency-key", "")
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            return self._error(400, "INVALID_IDEMPOTENCY_KEY", "one key of 1 to 128 characters, please")
        fault = self._fault_in(body)
        if fault:
            return self._error(400, "VALIDATION_ERROR", fault)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with closing(self._open()) as shop:
            made = shop.execute("SELECT id, digest FROM jobs WHERE key = ?", (key,)).fetchone()
            if made and made[1] != digest:
                return self._error(409, "IDEMPOTENCY_KEY_REUSED", "the key was used with another payload")
            instead = None if made else self.on_generate()
            if instead is not None:
                return instead
            job = made[0] if made else str(uuid.uuid4())
            if not made:
                shop.execute("INSERT INTO jobs VALUES (?, ?, ?, ?)", (job, key, digest, json.dumps(body)))
        self.replays += bool(made)
        if self.loses:
            self.loses -= 1
            return self._error(500, "", "Internal server error")
        replayed = {"Idempotency-Replayed": "true"} if made else {}
        return JSONResponse(self._generation(job, body), 201, replayed)

    def _fault_in(self, body: dict[str, Any]) -> str:
        if body["model"] not in MODELS:
            return "model must be one of the following values: ..."
        if set(body["options"]) - {"sync_mode"} or body["options"].get("sync_mode", "loop") not in SYNC_MODES:
            return "options.sync_mode must be one of the following values: ..."
        kinds = []
        for item in body["input"]:
            if not isinstance(item, dict) or set(item) != {"type", "assetId"}:
                return "each input must have type, and either url or assetId"
            asset = self._assets.get(item["assetId"])
            if asset is None or asset["type"].lower() != item["type"]:
                return f"there is no {item['type']} asset {item['assetId']}"
            kinds.append(item["type"])
        return "" if kinds == ["video", "audio"] else "one video and one audio, please"

    def _generation(self, job: str, body: dict[str, Any], status: str = "PENDING") -> dict[str, Any]:
        return {
            "id": job, "status": status, "model": body["model"], "input": body["input"], "options": body["options"],
            "createdAt": "2026-11-20T10:00:00.000Z",
        }  # fmt: skip

    async def _look(self, request: Request) -> Response:
        refused = self._refused(request, "GET /v2/generate/{id}")
        if refused:
            return refused
        job = request.path_params["job"]
        found = next((one for one in self.jobs() if one["id"] == job), None)
        if found is None or self.forgets:
            return self._error(404, "NOT_FOUND", "there is no such generation")
        n = self._looks.get(job, 0)
        self._looks[job] = n + 1
        status = self.statuses[min(n, len(self.statuses) - 1)]
        told = self._generation(job, found, status)
        if status == "COMPLETED":
            self._n_addresses += 1
            token = f"a{self._n_addresses}"
            self._newest[job] = token
            told |= {"outputUrl": f"{request.base_url}outputs/{job}/{token}?Signature=x", "outputDuration": 2.0}
        if status in ("FAILED", "REJECTED"):
            told |= {"error": self.error, "errorCode": self.error_code}
        return JSONResponse(told)

    async def _output(self, request: Request) -> Response:
        self.requests.append("GET /outputs")
        job, token = request.path_params["job"], request.path_params["token"]
        if int(token[1:]) <= self.n_expired or self._newest.get(job) != token:
            return Response("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", 403,
                            media_type="application/xml")  # fmt: skip
        found = next(one for one in self.jobs() if one["id"] == job)
        clip, voice = (self._assets[item["assetId"]]["data"] for item in found["input"])
        return Response(self.make(clip, voice), media_type="video/mp4")

    async def _list(self, request: Request) -> Response:
        return self._refused(request, "GET /v2/generations") or JSONResponse([])

    # --- What all have in common -------------------------------------------------------------------------------

    def _refused(self, request: Request, name: str) -> Response | None:
        self.requests.append(name)
        if request.headers.get("x-api-key") != KEY or "authorization" in request.headers:
            return self._error(401, "UNAUTHORIZED", f"the key {request.headers.get('x-api-key')} is not known")
        return None

    async def _json(
        self, request: Request, needed: dict[str, type], allowed: dict[str, type] | None = None
    ) -> tuple[Any, Response | None]:
        refused = self._refused(request, f"POST {request.url.path}")
        if refused:
            return None, refused
        if request.headers.get("content-type") != "application/json":
            return None, self._error(415, "", "application/json, please")
        body, known = json.loads(await request.body()), needed | (allowed or {})
        fault = next((f"property {name} should not exist" for name in body if name not in known), "")
        fault = fault or next((f"{name} should not be empty" for name in needed if name not in body), "")
        fault = fault or next(
            (f"{name} has the wrong type" for name in body if type(body[name]) is not known[name]), ""
        )
        return body, self._error(400, "VALIDATION_ERROR", fault) if fault else None

    def _error(self, status: int, code: str, message: str) -> Response:
        self.faults.append(code or str(status))
        body = {"statusCode": status, "message": message, "error": "Error", **({"errorCode": code} if code else {})}
        return JSONResponse(body, status)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=30, isolation_level=None)
