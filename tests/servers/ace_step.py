"""An ACE-Step 1.5 server as its documents say it answers, stricter than it is: a wrong request is refused.

What came of a task is JSON in a string inside the JSON; an unknown task waits for ever with an empty list; a model that
is not loaded is replaced by one that is. Every task that was taken is a row of `file`, which any process can count.
"""

import hashlib
import json
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.forms import form_parts

_NAMES = {"bpm": int, "seed": int, "batch_size": int, "inference_steps": int, "audio_duration": float,
          "audio_cover_strength": float, "use_random_seed": bool, "thinking": bool, "use_cot_caption": bool,
          "use_cot_language": bool, "prompt": str, "lyrics": str, "model": str, "key_scale": str,
          "time_signature": str, "vocal_language": str, "audio_format": str, "task_type": str}  # fmt: skip
_NEEDED = ("prompt", "lyrics", "audio_duration", "seed", "use_random_seed", "batch_size", "task_type", "audio_format")
_RANGES = {"bpm": (30, 300), "audio_duration": (10, 600), "batch_size": (1, 8), "audio_cover_strength": (0, 1),
           "inference_steps": (1, 200), "seed": (0, 2**32 - 1)}  # fmt: skip
_CHOICES = {"audio_format": ("mp3", "wav", "flac"), "task_type": ("text2music", "cover"),
            "time_signature": ("2", "3", "4", "6")}  # fmt: skip
_TYPES = {"flac": "audio/flac", "wav": "audio/wav", "mp3": "audio/mpeg"}
_LONGEST = {"prompt": 512, "lyrics": 4096}
_TONICS = "ABCDEFG"


class WrongError(ValueError):
    """What is wrong with a request."""


@dataclass
class AceStep:
    """The server. `audio` is what every task gives; `loaded` are its models, the first stands in for others.

    `n_looks` are answered before a task is done. `n_full`: so many requests find the queue full. `error`: every task
    fails with it. `is_new`: it was started anew and knows no task. `names_paths`: files are named by their path on its
    disk. `hides_model`: as older versions, it does not say which model made a file. `envelope` is a code and an error
    that it wraps into an answer of success.
    """

    file: Path
    audio: bytes
    loaded: tuple[str, ...] = ("acestep-v15-turbo",)
    key: str = ""
    n_looks: int = 0
    n_full: int = 0
    error: str = ""
    is_new: bool = False
    names_paths: bool = False
    hides_model: bool = False
    envelope: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        with closing(self._open()) as tasks:
            columns = "id TEXT PRIMARY KEY, request TEXT, source TEXT, name TEXT, looks INTEGER"
            tasks.execute(f"CREATE TABLE IF NOT EXISTS tasks ({columns})")

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[
            Route("/release_task", self._release, methods=["POST"]),
            Route("/query_result", self._query, methods=["POST"]),
            Route("/v1/audio", self._audio),
            Route("/v1/models", self._models),
            Route("/health", self._health),
        ])  # fmt: skip

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The request of every task that was taken, with sha256 and name of the file that went along."""
        with closing(self._open()) as tasks:
            rows = tasks.execute("SELECT request, source, name FROM tasks ORDER BY rowid").fetchall()
        return [{**json.loads(request), "source": source, "source_name": name} for request, source, name in rows]

    async def _release(self, request: Request) -> Response:
        try:
            self._authorize(request)
            sent, source, name = await self._sent(request)
            self._check(sent, has_source=bool(source))
        except PermissionError as error:
            return JSONResponse({"detail": str(error)}, 401)
        except WrongError as error:
            return JSONResponse({"detail": str(error)}, 400)
        if self.n_full:
            self.n_full -= 1
            return JSONResponse({"detail": "Server busy: queue is full"}, 429)
        if self.envelope:
            code, why = self.envelope
            return JSONResponse({"data": None, "code": code, "error": why, "timestamp": 1, "extra": None})
        task = str(uuid.uuid4())
        with closing(self._open()) as tasks:
            tasks.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, 0)", (task, json.dumps(sent), source, name))
        return _wrapped({"task_id": task, "status": "queued", "queue_position": 1})

    async def _query(self, request: Request) -> Response:
        try:
            self._authorize(request)
        except PermissionError as error:
            return JSONResponse({"detail": str(error)}, 401)
        body = await request.json()
        if set(body) != {"task_id_list"} or not isinstance(body["task_id_list"], list):
            return JSONResponse({"detail": "task_id_list is missing"}, 400)
        return _wrapped([self._task(task) for task in body["task_id_list"]])

    def _task(self, task: str) -> dict[str, Any]:
        with closing(self._open()) as tasks:
            row = tasks.execute("SELECT request, looks FROM tasks WHERE id = ?", (task,)).fetchone()
            tasks.execute("UPDATE tasks SET looks = looks + 1 WHERE id = ?", (task,))
        if row is None or self.is_new:
            return {"task_id": task, "result": "[]", "status": 0}
        sent, n_looks = json.loads(row[0]), row[1]
        entry = {"file": "", "wave": "", "create_time": 1_700_000_000, "env": "development", "prompt": "", "lyrics": ""}
        if n_looks < self.n_looks:
            return _told(task, 0, {**entry, "status": 0, "metas": {}})
        if self.error:
            return _told(task, 2, {**entry, "status": 2, "metas": {}, "error": self.error})
        path = f"/tmp/api_audio/{task}.{sent['audio_format']}"  # noqa: S108 - a name on the server's disk
        made_by = sent["model"] if sent.get("model") in self.loaded else self.loaded[0]
        done = {
            **entry, "status": 1, "file": path if self.names_paths else f"/v1/audio?path={path.replace('/', '%2F')}",
            "prompt": sent["prompt"], "lyrics": sent["lyrics"], "seed_value": str(sent["seed"]),
            "metas": {"bpm": sent.get("bpm", "N/A"), "duration": sent["audio_duration"], "keyscale": "N/A"},
            "generation_info": "8 steps", "lm_model": "acestep-5Hz-lm-0.6B",
        }  # fmt: skip
        return _told(task, 1, done if self.hides_model else {**done, "dit_model": made_by})

    async def _audio(self, request: Request) -> Response:
        try:
            self._authorize(request)
        except PermissionError as error:
            return JSONResponse({"detail": str(error)}, 401)
        path = request.query_params.get("path", "")
        if set(request.query_params) != {"path"} or not path.startswith("/tmp/api_audio/") or self.is_new:  # noqa: S108
            return JSONResponse({"detail": f"Audio file not found: {path}"}, 404)
        return Response(self.audio, media_type=_TYPES[Path(path).suffix[1:]])

    async def _models(self, request: Request) -> Response:
        try:
            self._authorize(request)
        except PermissionError as error:
            return JSONResponse({"detail": str(error)}, 401)
        models = [{"name": name, "is_default": name == self.loaded[0]} for name in self.loaded]
        return _wrapped({"models": models, "default_model": self.loaded[0]})

    async def _health(self, _request: Request) -> Response:
        return _wrapped({"status": "ok", "service": "ACE-Step API", "version": "1.0"})

    def _authorize(self, request: Request) -> None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            raise PermissionError("Invalid API key")

    async def _sent(self, request: Request) -> tuple[dict[str, Any], str, str]:
        """The fields with their types, and the sha256 and the name of the source."""
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("application/json"):
            return await request.json(), "", ""
        try:
            parts = form_parts(content_type, await request.body())
        except ValueError as error:
            raise WrongError(str(error)) from error
        source = parts.pop("src_audio", None)
        if source is None or not source.data or not source.content_type.startswith("audio/") or "." not in source.file:
            raise WrongError("src_audio is no sound file")
        fields = {name: _typed(name, part.data.decode()) for name, part in parts.items()}
        return fields, _sha256(source.data), source.file

    def _check(self, sent: dict[str, Any], *, has_source: bool) -> None:
        for name, value in sent.items():
            if name not in _NAMES:
                raise WrongError(f"{name} is no field")
            kind = _NAMES[name]
            if not isinstance(value, kind if kind is not float else (int, float)) or (
                isinstance(value, bool) and kind is not bool
            ):
                raise WrongError(f"{name} is {value!r}")
            if name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
                raise WrongError(f"{name} is out of range: {value}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise WrongError(f"{name} is {value!r}")
            if name in _LONGEST and len(value) > _LONGEST[name]:
                raise WrongError(f"{name} is too long")
        missing = [name for name in _NEEDED if name not in sent]
        if missing:
            raise WrongError(f"{missing[0]} is missing")
        if sent["use_random_seed"] or sent["batch_size"] != 1:
            raise WrongError("one piece by its seed was to be asked for")
        if "key_scale" in sent:
            tonic, _, mode = sent["key_scale"].partition(" ")
            if mode not in ("major", "minor") or tonic[0] not in _TONICS or tonic[1:] not in ("", "#", "b"):
                raise WrongError(f"key_scale is {sent['key_scale']!r}")
        if (sent["task_type"] == "cover") != has_source or has_source != ("audio_cover_strength" in sent):
            raise WrongError("a cover has a source, and nothing else has")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=30, isolation_level=None)


def _typed(name: str, text: str) -> Any:
    kind = _NAMES.get(name, str)
    if kind is bool:
        if text not in ("true", "false"):
            raise WrongError(f"{name} is {text!r}")
        return text == "true"
    try:
        return kind(text)
    except ValueError as error:
        raise WrongError(f"{name} is {text!r}") from error


def _told(task: str, status: int, entry: dict[str, Any]) -> dict[str, Any]:
    return {"task_id": task, "result": json.dumps([entry]), "status": status, "progress_text": "working"}


def _wrapped(data: Any) -> JSONResponse:
    return JSONResponse({"data": data, "code": 200, "error": None, "timestamp": 1_700_000_000_000, "extra": None})


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
