"""A small ComfyUI: graphs are checked as it checks them, one job runs at a time, history is in memory.

Its queue moves on whenever somebody looks (`hold` keeps it still), so that no test sleeps. What it saves are real
files of the kind that the saving node makes. Every job that was ever queued is a row of `jobs` in a SQLite file.
"""

import io
import mimetypes
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import soundfile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from audio_assets.domain.speech import SpeechRequest
from resources.engines import espeak
from resources.video_files import VideoWriter
from tests.servers.comfy_definitions import DEFINITIONS
from tests.servers.forms import form_parts

RATE_HZ = 24_000
_FIELDS = {"prompt", "prompt_id", "client_id", "extra_data", "front", "number", "partial_execution_targets"}
_LOADERS = {"LoadImage": "image", "LoadAudio": "audio", "LoadVideo": "file", "VHS_LoadVideo": "video"}


class _FaultError(Exception):
    """A node that is not fit to run: type, message and details of one error."""


@dataclass
class Job:
    """A job in the queue or in history; `outputs` are the nodes that save and were fit to run."""

    number: int
    id: str
    graph: dict[str, Any]
    extra: dict[str, Any]
    outputs: list[str]
    result: dict[str, Any] = field(default_factory=dict)
    messages: list[list[Any]] = field(default_factory=list)
    status: str = ""

    def item(self) -> list[Any]:
        """As queue and history show it."""
        return [self.number, self.id, self.graph, self.extra, self.outputs]


@dataclass
class ComfyServer:
    """The server, its files and its knobs.

    `is_quick`: a job is done before its order is answered. `has_jobs`: /api/jobs is there. `takes_ids`: the caller
    names the job. `fails` is (class of node, type, message) of an error when it runs. `breaks` is what becomes of the
    next orders: "lost" (queued, no answer), "crash" (500, as its framework does), "gateway" (502, of somebody before
    it). `token`: what a proxy before it asks for. `silent`: its sound is silence; `speaks`: it is the graph's text,
    spoken, else a tone.
    """

    file: Path
    has_jobs: bool = True
    takes_ids: bool = True
    hold: bool = False
    is_quick: bool = False
    token: str = ""
    fails: tuple[str, str, str] | None = None
    breaks: list[str] = field(default_factory=list)
    renames_uploads: bool = False
    definitions: dict[str, Any] = field(default_factory=lambda: dict(DEFINITIONS))
    silent: bool = False
    speaks: bool = False
    inputs: dict[str, bytes] = field(default_factory=lambda: {"example.png": b"png"})
    outputs: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    running: Job | None = None
    pending: list[Job] = field(default_factory=list)
    history: dict[str, Job] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    n_jobs: int = 0

    def __post_init__(self) -> None:
        with closing(sqlite3.connect(self.file)) as shop:
            shop.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT, graph TEXT)")
            shop.commit()

    def jobs(self) -> list[str]:
        """The ids of all jobs that were ever queued."""
        with closing(sqlite3.connect(self.file)) as shop:
            return [str(job) for (job,) in shop.execute("SELECT id FROM jobs ORDER BY rowid")]

    def graphs(self) -> list[dict[str, Any]]:
        """The graphs of all jobs that were ever queued."""
        with closing(sqlite3.connect(self.file)) as shop:
            return [orjson.loads(graph) for (graph,) in shop.execute("SELECT graph FROM jobs ORDER BY rowid")]

    def restart(self) -> None:
        """Forget queue and history; files stay."""
        self.running, self.pending, self.history = None, [], {}

    def app(self) -> Starlette:
        """The server."""
        routes = [
            Route("/system_stats", self._stats),
            Route("/object_info/{name}", self._object_info),
            Route("/upload/image", self._upload, methods=["POST"]),
            Route("/prompt", self._prompt, methods=["GET", "POST"]),
            Route("/history/{job}", self._history),
            Route("/queue", self._queue, methods=["GET", "POST"]),
            Route("/interrupt", self._interrupt, methods=["POST"]),
            Route("/view", self._view),
            Route("/api/jobs/{job}/cancel", self._cancel, methods=["POST"]),
            Route("/{path:path}", _nowhere, methods=["GET", "POST"]),
        ]
        return Starlette(routes=[Route(r.path, self._guarded(r.endpoint), methods=r.methods) for r in routes])

    def _guarded(self, endpoint: Any) -> Any:
        async def asked(request: Request) -> Response:
            self.requests.append(f"{request.method} {request.url.path}")
            if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
                return PlainTextResponse("no token", 401)
            return await endpoint(request)

        return asked

    # --- Routes ------------------------------------------------------------------------------------------------

    async def _stats(self, request: Request) -> Response:
        return _json({"system": {"os": "linux", "comfyui_version": "0.33.0"}, "devices": []})

    async def _object_info(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _json({name: self.definitions[name]} if name in self.definitions else {})

    async def _upload(self, request: Request) -> Response:
        try:
            form = form_parts(request.headers.get("content-type", ""), await request.body())
        except ValueError:
            return Response(status_code=400)
        name = form["image"].file if "image" in form else ""
        if set(form) != {"image", "type"} or form["type"].data != b"input" or not name or "/" in name or ".." in name:
            return Response(status_code=400)
        if form["image"].content_type != mimetypes.guess_type(name)[0]:
            return Response(status_code=400)
        data = form["image"].data
        stem, dot, suffix = name.rpartition(".")
        number = 1
        while name in self.inputs and self.inputs[name] != data:
            name, number = f"{stem} ({number}){dot}{suffix}", number + 1
        self.inputs[name] = data
        return _json({"name": "other.png" if self.renames_uploads else name, "subfolder": "", "type": "input"})

    async def _prompt(self, request: Request) -> Response:
        if request.method == "GET":
            return _json({"exec_info": {"queue_remaining": len(self.pending) + (self.running is not None)}})
        trouble = self.breaks.pop(0) if self.breaks else ""
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            trouble, body = "crash", {}
        if trouble == "crash" or not isinstance(body, dict):
            return PlainTextResponse("500 Internal Server Error\n\nServer got itself in trouble", 500)
        if trouble == "gateway":
            return PlainTextResponse("bad gateway", 502)
        if set(body) - _FIELDS or not isinstance(body.get("client_id"), str):
            return PlainTextResponse(f"a field that is not ComfyUI's: {sorted(body)}", 422)
        answer = self._order(body)
        if trouble == "lost":
            return Response(b"{", headers={"content-length": "100"}, media_type="application/json")
        return answer

    def _order(self, body: dict[str, Any]) -> Response:
        graph = body.get("prompt")
        if not isinstance(graph, dict):
            return _refusal("no_prompt", "No prompt provided", "No prompt provided")
        for node, entry in graph.items():
            if entry.get("class_type") not in self.definitions:
                said = f"Node '{entry.get('class_type')}' not found. The custom node may not be installed."
                extra = {"node_id": node, "class_type": entry.get("class_type"), "node_title": entry.get("class_type")}
                return _refusal("missing_node_type", said, f"Node ID '#{node}'", extra)
        outputs = [node for node, entry in graph.items() if self.definitions[entry["class_type"]]["output_node"]]
        if not outputs:
            return _refusal("prompt_no_outputs", "Prompt has no outputs", "")
        good, errors = self._checked(graph, outputs)
        if not good:
            said = "Prompt outputs failed validation"
            return _refusal("prompt_outputs_failed_validation", said, "", errors=errors)
        job_id = str(body.get("prompt_id") or uuid.uuid4()) if self.takes_ids else str(uuid.uuid4())
        self.n_jobs += 1
        with closing(sqlite3.connect(self.file)) as shop:
            shop.execute("INSERT INTO jobs VALUES (?, ?)", (job_id, orjson.dumps(graph).decode()))
            shop.commit()
        self.pending.append(Job(self.n_jobs, job_id, graph, {"client_id": body["client_id"]}, good))
        if self.is_quick:
            self.begin()
            self.finish()
        return _json({"prompt_id": job_id, "number": self.n_jobs, "node_errors": errors})

    async def _history(self, request: Request) -> Response:
        self._move()
        job = self.history.get(request.path_params["job"])
        if job is None:
            return _json({})
        status = {"status_str": job.status, "completed": job.status == "success", "messages": job.messages}
        return _json({job.id: {"prompt": job.item(), "outputs": job.result, "status": status, "meta": {}}})

    async def _queue(self, request: Request) -> Response:
        if request.method == "POST":
            body = orjson.loads(await request.body())
            self.pending = [job for job in self.pending if job.id not in body.get("delete", [])]
            return Response(media_type="application/octet-stream")
        running = [self.running.item()] if self.running else []
        return _json({"queue_running": running, "queue_pending": [job.item() for job in self.pending]})

    async def _interrupt(self, request: Request) -> Response:
        job_id = orjson.loads(await request.body() or b"{}").get("prompt_id")
        if self.running and job_id in (None, self.running.id):
            self._stop()
        return Response(media_type="application/octet-stream")

    async def _cancel(self, request: Request) -> Response:
        job_id = request.path_params["job"]
        if not self.has_jobs:
            return PlainTextResponse("405: Method Not Allowed", 405)
        if self.running and self.running.id == job_id:
            self._stop()
        elif any(job.id == job_id for job in self.pending):
            self.pending = [job for job in self.pending if job.id != job_id]
        elif job_id not in self.history:
            return _json({"error": "Job not found"}, 404)
        return _json({"cancelled": True})

    async def _view(self, request: Request) -> Response:
        asked = request.query_params
        if set(asked) - {"filename", "subfolder", "type"} or ".." in asked.get("filename", ".."):
            return Response(status_code=400)
        key = (asked.get("type", "output"), asked.get("subfolder", ""), asked["filename"])
        if key not in self.outputs:
            return Response(status_code=404)
        kind = mimetypes.guess_type(asked["filename"])[0] or "application/octet-stream"
        return Response(self.outputs[key], media_type=kind)

    # --- The queue ---------------------------------------------------------------------------------------------

    def _move(self) -> None:
        """One step: a waiting job begins, or the one at work is done."""
        if self.hold:
            return
        if self.running is None:
            self.begin()
        else:
            self.finish()

    def begin(self) -> None:
        """The next job goes to work."""
        if self.pending and self.running is None:
            self.running = self.pending.pop(0)
            self.running.messages = [["execution_start", {"prompt_id": self.running.id}]]

    def finish(self) -> None:
        """The job at work is done, or fails where it is to."""
        job, self.running = self.running, None
        if job is None:
            return
        self.history[job.id] = job
        failing = next(
            (node for node, entry in job.graph.items() if self.fails and entry["class_type"] == self.fails[0]), ""
        )
        if self.fails and failing:
            job.status = "error"
            error = {"prompt_id": job.id, "node_id": failing, "node_type": self.fails[0], "executed": [],
                     "exception_type": self.fails[1], "exception_message": self.fails[2],
                     "traceback": ["..."]}  # fmt: skip
            job.messages.append(["execution_error", error])
            return
        same = next(
            (old for old in self.history.values() if old is not job and old.graph == job.graph and old.result), None
        )
        job.messages.append(["execution_cached", {"nodes": list(job.graph) if same else [], "prompt_id": job.id}])
        job.result = same.result if same else {node: self._saved(job, node) for node in job.outputs}
        job.messages.append(["execution_success", {"prompt_id": job.id}])
        job.status = "success"

    def _stop(self) -> None:
        job, self.running = self.running, None
        if job:
            node = next(iter(job.graph))
            said = {"prompt_id": job.id, "node_id": node, "node_type": job.graph[node]["class_type"], "executed": []}
            job.status = "error"
            job.messages.append(["execution_interrupted", said])
            self.history[job.id] = job

    def _saved(self, job: Job, node: str) -> dict[str, Any]:
        entry = job.graph[node]
        kind = entry["class_type"]
        subfolder, _, stem = str(entry["inputs"].get("filename_prefix", "ComfyUI")).rpartition("/")
        suffix = {"SaveAudio": "flac", "SaveAudioMP3": "mp3", "SaveVideo": "mp4"}.get(kind, "png")
        folder = "temp" if kind == "PreviewImage" else "output"
        name = f"{stem}_{job.number:05}_.{suffix}"
        data = (
            _sound(suffix, job.graph if self.speaks else {}, silent=self.silent)
            if suffix in ("flac", "mp3")
            else _video(job.graph)
            if suffix == "mp4"
            else b"png"
        )
        self.outputs[folder, subfolder, name] = data
        place = [{"filename": name, "subfolder": subfolder, "type": folder}]
        if suffix == "mp4":
            return {"images": place, "animated": [True]}
        return {"audio" if suffix in ("flac", "mp3") else "images": place}

    # --- Checking a graph --------------------------------------------------------------------------------------

    def _checked(self, graph: dict[str, Any], outputs: list[str]) -> tuple[list[str], dict[str, Any]]:
        good: list[str] = []
        errors: dict[str, Any] = {}
        failing: dict[str, list[dict[str, Any]]] = {}
        for output in outputs:
            faults = dict(self._faults(graph, output, ()))
            failing |= faults
            if not faults:
                good.append(output)
                continue
            for node, found in failing.items():
                kept = errors.setdefault(
                    node, {"errors": found, "dependent_outputs": [], "class_type": graph[node]["class_type"]}
                )
                kept["dependent_outputs"].append(output)
        return good, errors

    def _faults(
        self, graph: dict[str, Any], node: str, above: tuple[str, ...]
    ) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        entry = graph[node]
        definition = self.definitions[entry["class_type"]]
        found = []
        if node in above:
            yield node, [_error("dependency_cycle", "Dependency cycle detected", " -> ".join([*above, node]))]
            return
        for part in ("required", "optional"):
            for name, spec in definition["input"][part].items():
                if name not in entry["inputs"]:
                    if part == "required":
                        found.append(_error("required_input_missing", "Required input is missing", name, name))
                    continue
                item = entry["inputs"][name]
                try:
                    if isinstance(item, list):
                        self._check_link(graph, name, item, spec)
                        yield from self._faults(graph, str(item[0]), (*above, node))
                    else:
                        self._check_value(entry["class_type"], name, item, spec)
                except _FaultError as fault:
                    kind, message, details = fault.args
                    found.append(_error(kind, message, details, name))
        if found:
            yield node, found

    def _check_link(self, graph: dict[str, Any], name: str, item: list[Any], spec: Any) -> None:
        if str(item[0]) not in graph:
            raise _FaultError("exception_during_validation", "Exception when validating node", f"'{item[0]}'")
        made = self.definitions[graph[str(item[0])]["class_type"]]["output"]
        if item[1] >= len(made) or made[item[1]] != spec[0]:
            received = made[item[1]] if item[1] < len(made) else "nothing"
            said = f"{name}, received_type({received}) mismatch input_type({spec[0]})"
            raise _FaultError("return_type_mismatch", "Return type mismatch between linked nodes", said)

    def _check_value(self, kind: str, name: str, item: Any, spec: Any) -> None:
        options = spec[1] if len(spec) > 1 else {}
        if _LOADERS.get(kind) == name:
            if item not in self.inputs:
                said = f"{name} - Invalid image file: {item}"
                raise _FaultError("custom_validation_failed", "Custom validation failed for node", said)
            return
        if spec[0] in ("INT", "FLOAT"):
            try:
                value = int(item) if spec[0] == "INT" else float(item)
            except (TypeError, ValueError):
                raise _FaultError("invalid_input_type", "Failed to convert an input value", name) from None
            if value < options.get("min", value):
                raise _FaultError("value_smaller_than_min", f"Value {item} smaller than min of {options['min']}", name)
            if value > options.get("max", value):
                raise _FaultError("value_bigger_than_max", f"Value {item} bigger than max of {options['max']}", name)
        choice = spec[0] if isinstance(spec[0], list) else options.get("options") if spec[0] == "COMBO" else None
        if choice is not None and item not in choice:
            raise _FaultError("value_not_in_list", "Value not in list", f"{name}: {item!r} not in {choice!r}")


async def _nowhere(request: Request) -> Response:
    return Response(status_code=404 if request.method == "GET" else 405)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _error(kind: str, message: str, details: str, name: str = "") -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": {"input_name": name} if name else {}}


def _refusal(
    kind: str, message: str, details: str, extra: dict[str, Any] | None = None, errors: dict[str, Any] | None = None
) -> Response:
    error = {"type": kind, "message": message, "details": details, "extra_info": extra or {}}
    return _json({"error": error, "node_errors": errors or {}}, 400)


def _sound(suffix: str, graph: dict[str, Any], *, silent: bool) -> bytes:
    """The text of the graph, else half a second of a tone: stereo, the left is louder."""
    times = np.arange(RATE_HZ // 2) / RATE_HZ
    sound, rate_hz = np.zeros_like(times) if silent else np.sin(2 * np.pi * 440 * times), RATE_HZ
    text = next((entry["inputs"]["text"] for entry in graph.values() if "text" in entry["inputs"]), "")
    if text:
        spoken = espeak.speak(SpeechRequest(text, "en", (("en-gb", 1.0),)))
        sound, rate_hz = spoken.pcm / 32768, spoken.sample_rate_hz
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([0.5 * sound, 0.25 * sound], axis=1), rate_hz, format=suffix.upper())
    return buffer.getvalue()


def _video(graph: dict[str, Any]) -> bytes:
    """Frames as many, as large and as fast as the graph asks for."""
    inputs = {
        name: item for entry in graph.values() for name, item in entry["inputs"].items() if not isinstance(item, list)
    }
    width, height = int(inputs.get("width", 64)) // 32 * 2, int(inputs.get("height", 64)) // 32 * 2
    n_frames = int(inputs.get("length", inputs.get("batch_size", 4)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.mp4"
        with VideoWriter(path, width, height, Fraction(inputs.get("fps", 24)).limit_denominator(1001)) as writer:
            for shade in range(n_frames):
                writer.write(np.full((height, width, 3), shade % 256, np.uint8))
        return path.read_bytes()


def job_ids(server: ComfyServer) -> set[str]:
    """Every job that it knows just now."""
    waiting = {job.id for job in server.pending} | set(server.history)
    return waiting | ({server.running.id} if server.running else set())
