"""ComfyUI's protocol: a workflow is checked, its files are uploaded, it is queued, and its file is taken from history.

History is the truth, and is in the server's memory: after a restart neither it nor the queue knows a job any more.
ComfyUI bills nothing, and nodes that buy elsewhere are refused, so that ordering a lost job anew costs only time.
Routes used: /object_info, /upload/image, /prompt, /history, /queue, /view; to stop a job /api/jobs/{id}/cancel, or on
older servers /queue and /interrupt.
"""

import hashlib
import mimetypes
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from audio_assets.domain import comfy_nodes
from audio_assets.domain.comfy_bindings import Kind
from audio_assets.domain.comfy_template import Template
from audio_assets.domain.rendering import PermanentError, TransientError
from resources.http_client import AUDIO, VIDEO, HttpClient, Service, Upload
from resources.http_errors import BadAnswer, Broken, Denied, as_order
from resources.paid_vendor import JobGone, Look, NotSubmitted, PaidVendor, Refused
from resources.secrets import hide

_PROMPTS = uuid.UUID("9c1d0a52-6f0e-5c44-8a5e-0f3f3b1d7a60")  # names our prompt ids; never change it
_CLIENT = "audio-assets"
_CRASHED = "Server got itself in trouble"  # how its web framework tells of an error: nothing was queued then
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a",
             ".mp4", ".mov", ".mkv", ".webm"}  # fmt: skip
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("wav", "flac", "mp3", "ogg", "opus", "m4a", "aac"), "audio"),
    **dict.fromkeys(("mp4", "mov", "mkv", "webm", "m4v"), "video"),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "bmp", "tiff"), "image"),
}
_ACCEPTS: Mapping[Kind, tuple[str, ...]] = {"audio": AUDIO, "video": VIDEO, "image": ("image/",)}
_MEMORY = re.compile("out ?of ?memory", re.IGNORECASE)

_known: dict[tuple[Service, str], Mapping[str, Any]] = {}
"""What servers said of their nodes; what speaks against a workflow is asked anew before it is believed."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file on the server."""

    filename: str
    subfolder: str
    type: str

    @property
    def path(self) -> str:
        """Below the server's folder of its type."""
        return f"{self.subfolder}/{self.filename}" if self.subfolder else self.filename

    @property
    def kind(self) -> Kind | None:
        """By its extension: SaveVideo's mp4 stands under `images`."""
        return _KINDS.get(self.filename.rpartition(".")[2].lower())


@dataclass
class ComfyVendor(PaidVendor):
    """One workflow on one server. `name` is what messages call the server."""

    client: HttpClient
    name: str
    template: Template
    _cancelled: set[str] = field(default_factory=set)
    _outputs: dict[str, Output] = field(default_factory=dict)

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """Check, upload, queue. `request` has `values` and, for speech, `voice`; the answer is ComfyUI's prompt id."""
        values, voice = request["values"], request.get("voice", "")
        with _before_ordering():
            self.template.check_files(set(files))
            self._check(self.template.filled(values, dict.fromkeys(files, ""), voice=voice))
            uploads = {name: self._upload(path) for name, path in files.items()}
        graph = self.template.filled(values, uploads, voice=voice)
        order = {"prompt": graph, "prompt_id": _prompt_id(idempotency_key), "client_id": _CLIENT}
        with as_order():
            answer = self.client.ask("POST", "/prompt", json=order, passes=(400, 500))
            if answer.status == 500:
                raise self._crash(answer.body)
            said = _object(answer.json())
        if answer.status == 400:
            raise Refused(f"{self._workflow} {self._refusal(said)}")
        job_id = str(said.get("prompt_id") or "")
        if not job_id:
            raise BadAnswer(f"{self.name} took the workflow, and its answer has no prompt_id")
        self._check_kept(job_id, _object(said.get("node_errors")))
        return job_id

    def look(self, job_id: str) -> Look:
        """How the job stands; a job that was stopped or failed is not billed.

        Raises:
            JobGone: neither history nor queue has it: the server was restarted, or somebody removed it.
        """
        entry = self._entry(job_id)
        if entry is None and self._is_queued(job_id):
            return Look("pending")
        if entry is None:
            entry = self._entry(job_id)  # it may have gone from the queue to history meanwhile
        if entry is None and job_id in self._cancelled:
            return Look("failed", is_billed=False, reason="it was cancelled before it began")
        if entry is None:
            raise JobGone(f"{self.name} does not know job {job_id} any more: it was restarted, or the job was removed")
        status = _object(entry.get("status"))
        if status.get("status_str", "success") != "success":
            return self._failed(status)
        output = self._output(entry)
        if output is None:
            return Look("failed", is_billed=False, reason=self._nothing(entry))
        self._outputs[job_id] = output
        return Look("done")  # it names no cost: the estimate stands, nothing or what a rented server costs

    def find(self, idempotency_key: str) -> str | None:
        """The job, by the id that was made of the key.

        None where neither queue nor history has it. That is certain of the job: what a restarted server has forgotten
        it will not run either. A server from before it took ids of others (mid 2025) names the job by itself; there,
        ordering again may at worst run it twice, which costs time only.
        """
        job_id = _prompt_id(idempotency_key)
        is_known = self._entry(job_id) is not None or self._is_queued(job_id) or self._entry(job_id) is not None
        return job_id if is_known else None

    def fetch(self, job_id: str, target: Path) -> None:
        """The bound node's file."""
        output = self._output_of(job_id)
        params = {"filename": output.filename, "subfolder": output.subfolder, "type": output.type}
        try:
            self.client.download("/view", target, accepts=_ACCEPTS[self.template.bindings.kind], params=params)
        except Denied as error:
            raise PermanentError(f"{self.name} does not give {output.path}: {error}") from error

    def facts(self, job_id: str) -> Mapping[str, Any]:
        """Which file of which workflow it was."""
        workflow = {"name": self.template.name, "sha256": self.template.sha256}
        output = self._outputs.get(job_id)
        return {"workflow": workflow, **({"source_file": output.path} if output else {})}

    def cancel(self, job_id: str) -> None:
        """Stop it, in the queue or at work; others' jobs go on."""
        answer = self.client.ask("POST", f"/api/jobs/{quote(job_id, safe='')}/cancel", accepts=(), is_safe=True,
                                 passes=(404, 405))  # fmt: skip
        if answer.status in (404, 405):  # an older server, or a job that it does not have
            running, pending = self._queue()
            if job_id in pending:
                self.client.ask("POST", "/queue", json={"delete": [job_id]}, accepts=(), is_safe=True)
            elif job_id in running:
                self.client.ask("POST", "/interrupt", json={"prompt_id": job_id}, accepts=(), is_safe=True)
                return
        self._cancelled.add(job_id)

    # --- Before ordering ---------------------------------------------------------------------------------------

    def _check(self, graph: Mapping[str, Any]) -> None:
        wanted = comfy_nodes.classes(self.template)
        said = ""
        for anew in (False, True):  # the server may have been given what was missing
            definitions = {name: self._definition(name, anew=anew) for name in wanted}
            said = comfy_nodes.problem(self.template, graph, definitions)
            if not said:
                return
        raise Refused(f"{self._workflow} {said}")

    def _definition(self, name: str, *, anew: bool = False) -> Mapping[str, Any] | None:
        key = (self.client.service, name)
        if anew or key not in _known:
            answer = self.client.get(f"/object_info/{quote(name, safe='')}")
            found = _object(answer.json()).get(name)
            _known.pop(key, None)
            if not isinstance(found, dict):
                return None
            _known[key] = found
        return _known[key]

    def _upload(self, path: Path) -> str:
        """Upload a file under a name made of its content, so that equal files are one and others never meet.

        The server answers another name where a file of ours was cut off before: `name (1).png`.
        """
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            raise Refused(f"{path.name} can not be uploaded to {self.name}: it takes {', '.join(sorted(_SUFFIXES))}")
        with path.open("rb") as file:
            stem = f"audio-assets-{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"
        kind = mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"
        answer = self.client.ask(
            "POST", "/upload/image", form={"type": "input"}, files={"image": Upload(f"{stem}{suffix}", path, kind)},
            is_safe=True,
        )  # fmt: skip
        said = _object(answer.json())
        name = str(said.get("name", ""))
        if not re.fullmatch(rf"{stem}( \(\d+\))?{re.escape(suffix)}", name) or said.get("subfolder"):
            raise Refused(f"{self.name} put {stem}{suffix} somewhere else: {hide(str(said), longest=120)}")
        return name

    # --- What it answers ---------------------------------------------------------------------------------------

    @property
    def _workflow(self) -> str:
        return f"the workflow {self.template.name} can not run on {self.name}:"

    def _refusal(self, said: Mapping[str, Any]) -> str:
        """Why it refused a workflow: the first node's first error, which is the cause more often than not."""
        faults = list(self._faults(_object(said.get("node_errors"))))
        if faults:
            return faults[0] + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "")
        error = said.get("error")
        if not isinstance(error, dict):  # servers of 2023 say it in words
            return _sentence(error, "")
        extra = _object(error.get("extra_info"))
        node = str(extra.get("node_id") or "")
        where = f"{self.template.called(node)}: " if node in self.template.graph else ""
        needs = self.template.bindings.needs if error.get("type") in ("missing_node_type", "invalid_prompt") else ""
        hint = f"; the workflow needs {needs}" if needs else ""
        return f"{where}{_sentence(error.get('message'), error.get('details'))}{hint}"

    def _faults(self, errors: Mapping[str, Any]) -> Iterator[str]:
        for node, entry in errors.items():
            for error in _list(_object(entry).get("errors")):
                fault = _object(error)
                where = self.template.called(node, str(_object(entry).get("class_type") or ""))
                yield f"{where}: {_sentence(fault.get('message'), fault.get('details'))}"

    def _check_kept(self, job_id: str, errors: Mapping[str, Any]) -> None:
        """A workflow may be taken without some of its outputs; without ours it is called off."""
        output = self.template.bindings.output
        ours = {
            node: entry for node, entry in errors.items()
            if node == output or output in _list(_object(entry).get("dependent_outputs"))
        }  # fmt: skip
        if ours:
            self.cancel(job_id)
            raise Refused(f"{self._workflow} {next(self._faults(ours), 'its output was left out')}")

    def _crash(self, body: bytes) -> Exception:
        text = body[:400].decode(errors="replace")
        if _CRASHED in text:
            return NotSubmitted(f"{self.name} stumbled over the workflow {self.template.name} (500): its log says why")
        return Broken(f"{self.name} answered 500: {hide(text)}", status=500)

    def _entry(self, job_id: str) -> Mapping[str, Any] | None:
        found = _object(self.client.get(f"/history/{quote(job_id, safe='')}").json()).get(job_id)
        return found if isinstance(found, dict) else None

    def _queue(self) -> tuple[set[str], set[str]]:
        """The ids of jobs (at work, waiting)."""
        said = _object(self.client.get("/queue").json())
        running, pending = (_list(said.get(key)) for key in ("queue_running", "queue_pending"))
        return {str(job[1]) for job in running}, {str(job[1]) for job in pending}

    def _is_queued(self, job_id: str) -> bool:
        running, pending = self._queue()
        return job_id in running or job_id in pending

    def _failed(self, status: Mapping[str, Any]) -> Look:
        messages = {str(entry[0]): _object(entry[1]) for entry in _list(status.get("messages")) if len(entry) > 1}
        stopped, error = messages.get("execution_interrupted"), messages.get("execution_error", {})
        if stopped is not None:
            where = self.template.called(str(stopped.get("node_id")), str(stopped.get("node_type") or ""))
            return Look("failed", is_billed=False, reason=f"it was cancelled at {where}")
        kind, said = str(error.get("exception_type", "")), str(error.get("exception_message", ""))
        where = self.template.called(str(error.get("node_id")), str(error.get("node_type") or ""))
        is_full = bool(_MEMORY.search(f"{kind} {said}"))  # another job may leave more room
        reason = hide(f"{where} failed: {kind}: {said}", longest=300) if error else "ComfyUI gives no reason"
        return Look("failed", is_billed=False, reason=reason, is_passing=is_full)

    def _output(self, entry: Mapping[str, Any]) -> Output | None:
        """The first file of the wanted kind at the bound node, in whatever group it stands."""
        wanted = self.template.bindings.kind
        return next((output for output in self._files(entry) if output.kind == wanted), None)

    def _files(self, entry: Mapping[str, Any]) -> Iterator[Output]:
        groups = _object(_object(entry.get("outputs")).get(self.template.bindings.output))
        for item in (item for group in groups.values() for item in _list(group)):
            if isinstance(item, dict) and isinstance(item.get("filename"), str):
                yield Output(item["filename"], str(item.get("subfolder") or ""), str(item.get("type") or "output"))

    def _nothing(self, entry: Mapping[str, Any]) -> str:
        node, kind = self.template.called(self.template.bindings.output), self.template.bindings.kind
        brought = ", ".join(output.path for output in self._files(entry)) or "nothing"
        remedy = f"bind the node that saves the {kind}"
        return f"{node} was to bring {kind}, and brought {hide(brought, longest=120)}: {remedy}"

    def _output_of(self, job_id: str) -> Output:
        if job_id not in self._outputs:
            entry = self._entry(job_id)
            output = self._output(entry) if entry else None
            if output is None:
                raise PermanentError(f"{self.name} has no file of job {job_id} any more")
            self._outputs[job_id] = output
        return self._outputs[job_id]


@contextmanager
def _before_ordering() -> Iterator[None]:
    """Whatever fails in here, nothing was ordered."""
    try:
        yield
    except (Refused, NotSubmitted):
        raise
    except PermanentError as error:
        raise Refused(str(error)) from error
    except TransientError as error:
        raise NotSubmitted(str(error)) from error


def _prompt_id(idempotency_key: str) -> str:
    return str(uuid.uuid5(_PROMPTS, idempotency_key))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _sentence(message: object, details: object) -> str:
    """A message with its details, where they say more."""
    said, more = str(message or "it gives no reason").strip(), str(details or "").strip()
    return hide(said if not more or more in said else f"{said.rstrip('.')}: {more}", longest=300)
