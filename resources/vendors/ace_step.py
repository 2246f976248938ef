"""ACE-Step 1.5 on a server of one's own: its HTTP protocol, as a provider of music.

A task is released, asked after by its id until it is done, and its file downloaded by the address in the answer. What
came of it stands as JSON in a string inside the JSON. The server keeps tasks in memory: after a restart it answers as
if an unknown task were still waiting, for ever, with an empty list. Where the wanted model is not loaded it takes
another one, and says so only in the result. It bills nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import orjson

from audio_assets.domain.music_ask import MusicAsk, MusicCapabilities
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import PermanentError
from resources.http_client import AUDIO, HttpClient, Service, Upload
from resources.http_errors import BadAnswer, as_order
from resources.music import MusicProvider
from resources.ordered import Remote
from resources.paid_jobs import Patience
from resources.paid_vendor import Look, NotSubmitted, PaidVendor, Refused, Unknowable
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.secrets import hide

PATIENCE = Patience(first_s=1.0, longest_s=15.0)
"""A piece takes seconds to minutes on a graphics card."""

_LICENCE = "model MIT; what it makes may be used freely"
_LONGEST_PROMPT, _LONGEST_LYRICS = 512, 4096  # letters
_LARGEST_SEED = 2**32 - 1
_BPM = (30, 300)
_BARS = (2, 3, 4, 6)
_INSTRUMENTAL = "[Instrumental]"
_MINOR = ("minor", "dorian", "phrygian")
_PENDING, _DONE = 0, 1
_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".m4a": "audio/mp4"}


class AceStepMusic(RemoteProvider, MusicProvider):
    """An ACE-Step 1.5 server.

    Settings: `url` is where it answers (`http://127.0.0.1:8001`); `served` names the models that it has loaded, the
    default first; `thinking` lets its language model plan a piece before it is made (better, slower, and not the same
    twice); `inference_steps` is 8 for turbo models, 32 to 64 for others; `audio_format` is `flac`, `wav` or `mp3`;
    `vocal_language` is that of lyrics ("en"), "unknown" lets the server guess.
    """

    kind: ClassVar[str] = "ace_step"

    key_variable: str = "ACESTEP_API_KEY"
    at_once: int = 2
    served: list[str] = ["acestep-v15-turbo"]
    thinking: bool = False
    inference_steps: int = 8
    audio_format: str = "flac"
    vocal_language: str = "unknown"

    def about(self) -> About:
        """See `MusicProvider.about`."""
        return About(
            "music", "music from words, with lyrics, or a track in another style, on a server of one's own", _LICENCE,
            "open", "https://github.com/ace-step/ACE-Step-1.5", self.served, "an ACE-Step 1.5 server with a GPU",
        )  # fmt: skip

    def models(self) -> tuple[str, ...]:
        """Those that the server has loaded."""
        return tuple(self.served)

    def capabilities(self, model: str) -> MusicCapabilities:
        """See `MusicProvider.capabilities`."""
        self.check_model(model)
        return MusicCapabilities(
            10.0, 600.0, takes_source=True, takes_source_share=True, keeps_source_length=True, takes_seed=True,
            takes_lyrics=True,
        )  # fmt: skip

    def identity(self, model: str) -> Mapping[str, str]:
        """See `MusicProvider.identity`; how it is to be made is in the request."""
        self.check_model(model)
        return {"engine": self.kind, "api": "1.5", "model": model, "licence": _LICENCE}

    def service(self) -> Service:
        """See `RemoteProvider.service`; a server has a key only where its owner wants one."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(is_optional=True), own_errors=("detail", "error"),
            at_once=self.at_once, per_second=self.per_second,
        )  # fmt: skip

    def remote(self, model: str, kept: Path) -> Remote | None:
        """See `MusicProvider.remote`."""
        self.check_model(model)
        return Remote(AceStepVendor(self.client(), model), self.name, model, Lane(self.name, self.at_once), PATIENCE)

    def request(self, model: str, ask: MusicAsk) -> Mapping[str, Any]:
        """See `MusicProvider.request`: the fields of `/release_task`."""
        self.check_model(model)
        self._check(ask)
        sent: dict[str, Any] = {
            "task_type": "cover" if ask.has_source else "text2music",
            "model": model,
            "prompt": ask.prompt,
            "lyrics": ask.lyrics or _INSTRUMENTAL,
            "vocal_language": self.vocal_language,
            "audio_duration": ask.duration_s,
            "seed": ask.seed,
            "use_random_seed": False,
            "batch_size": 1,
            "inference_steps": self.inference_steps,
            "thinking": self.thinking,
            "use_cot_caption": False,  # the words are sent as they are meant
            "use_cot_language": False,
            "audio_format": self.audio_format,
        }
        if ask.bpm is not None and _BPM[0] <= round(ask.bpm) <= _BPM[1]:
            sent["bpm"] = round(ask.bpm)
        if ask.key:
            sent["key_scale"] = _key_scale(ask.key)
        if ask.beats_per_bar in _BARS:
            sent["time_signature"] = str(ask.beats_per_bar)
        if ask.has_source:
            sent["audio_cover_strength"] = ask.source_share
        return sent

    def probe(self) -> str:
        """Its health and its models; the second needs the key, where there is one."""
        client = self.client()
        health = _data(client.get("/health").json(), dict)
        models = [str(one.get("name")) for one in _data(client.get("/v1/models").json(), dict).get("models") or ()]
        version = f"{health.get('service', 'ACE-Step')} {health.get('version', '')}".strip()
        return f"{version}, with {', '.join(models) or 'no model'}"

    def _check(self, ask: MusicAsk) -> None:
        for what, text, longest, remedy in (
            ("a prompt", ask.prompt, _LONGEST_PROMPT, "shorten the prompt of the style, or mood_tags"),
            ("lyrics", ask.lyrics, _LONGEST_LYRICS, "shorten lyrics"),
        ):
            if len(text) > longest:
                raise PermanentError(f"{self.name} takes {longest} letters of {what}, not {len(text)}: {remedy}")
        if ask.seed > _LARGEST_SEED:
            raise PermanentError(f"{self.name} takes seeds up to {_LARGEST_SEED}, not {ask.seed}: lower seed")


@dataclass(frozen=True, slots=True)
class AceStepVendor(PaidVendor):
    """Tasks of a server as paid jobs; a task's id is its job's. `model` is the one that has to make them."""

    client: HttpClient
    model: str

    def submit(self, request: Mapping[str, Any], idempotency_key: str, files: Mapping[str, Path]) -> str:
        """See `PaidVendor.submit`; a source track goes along as a file of a form."""
        source = files.get("source")
        with as_order():
            if source is None:
                answer = self.client.post("/release_task", dict(request))
            else:
                suffix = source.suffix.lower()
                upload = Upload(f"source{suffix}", source, _TYPES.get(suffix, "application/octet-stream"))
                form = {name: _form_value(value) for name, value in request.items()}
                answer = self.client.ask("POST", "/release_task", form=form, files={"src_audio": upload})
        said = answer.json()
        _refuse(said)
        return str(_data(said, dict).get("task_id") or _no("task_id", said))

    def look(self, job_id: str) -> Look:
        """See `PaidVendor.look`."""
        task = self._task(job_id)
        results = _results(task)
        if task.get("status") == _PENDING:
            if results:
                return Look("pending")
            why = "the server does not know the task any more: it was started anew"
            return Look("failed", is_billed=False, reason=why, is_passing=True)
        if task.get("status") != _DONE:
            return Look("failed", is_billed=False, reason=_reason(task, results))
        made_by = results[0].get("dit_model") if results else None
        if made_by and made_by != self.model:
            why = f"the server made it with {made_by}, for it has not loaded {self.model}: load that, or name the other"
            return Look("failed", is_billed=False, reason=why)
        if not results or not results[0].get("file"):
            return Look("failed", is_billed=False, reason="the server says that it is done, and names no file")
        return Look("done")

    def find(self, idempotency_key: str) -> str | None:
        """The server knows no keys, and lists no tasks."""
        raise Unknowable

    def fetch(self, job_id: str, target: Path) -> None:
        """See `PaidVendor.fetch`."""
        results = _results(self._task(job_id))
        file = str(results[0].get("file") or "") if results else ""
        if not file:
            raise PermanentError(f"the server has no file of task {job_id} any more")
        if "://" in file or file.startswith("/v1/"):
            self.client.download(file, target, accepts=AUDIO)
        else:  # the path on the server's own disk, as some versions say it
            self.client.download("/v1/audio", target, accepts=AUDIO, params={"path": file})

    def cancel(self, job_id: str) -> None:
        """It has no way to stop a task."""
        raise PermanentError("an ACE-Step server can not stop a task: let it end")

    def _task(self, job_id: str) -> Mapping[str, Any]:
        said = self.client.post("/query_result", {"task_id_list": [job_id]}, is_safe=True).json()
        tasks = [one for one in _data(said, list) if isinstance(one, dict) and one.get("task_id") == job_id]
        found: Mapping[str, Any] = tasks[0] if tasks else _no(f"task {job_id}", said)
        return found


def _data(said: Any, kind: type) -> Any:
    """What the envelope of an answer holds.

    Raises:
        BadAnswer: it is not as it should be.
    """
    found = said.get("data") if isinstance(said, dict) else None
    return found if isinstance(found, kind) else _no(f"data as a {kind.__name__}", said)


def _no(what: str, said: Any) -> Any:
    shown = hide(orjson.dumps(said).decode(), longest=200)
    raise BadAnswer(f"ACE-Step answered without {what}: {shown}")


def _refuse(said: Any) -> None:
    """An envelope may hold a failure although its HTTP status says success.

    Raises:
        Refused, NotSubmitted: it does.
    """
    code = said.get("code", 200) if isinstance(said, dict) else 200
    if code == 200:
        return
    why = f"ACE-Step answered {code}: {hide(str(said.get('error')), longest=300)}"
    raise NotSubmitted(why) if code == 429 or code >= 500 else Refused(why)


def _results(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The list in the `result` of a task, empty where it is none."""
    try:
        found = json.loads(task.get("result") or "[]")
    except (TypeError, ValueError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _reason(task: Mapping[str, Any], results: list[Mapping[str, Any]]) -> str:
    said = next((one["error"] for one in results if one.get("error")), None) or task.get("progress_text")
    return hide(str(said), longest=300) if said else "the server gives no reason"


def _key_scale(key: str) -> str:
    """A key as the server knows keys: major or minor, whatever the mode ("Eb dorian" -> "Eb minor")."""
    tonic, _, mode = key.partition(" ")
    return f"{tonic} {'minor' if mode in _MINOR else 'major'}"


def _form_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
