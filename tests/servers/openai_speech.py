"""Servers of OpenAI's speech shape as their documents say they answer, each as strict about its own fields.

Every line that was spoken is in `orders`. Knobs: `fault` is what goes wrong; `n_busy` requests are too many;
`has_aligner` is vLLM-Omni's, without which it has no word times; `is_legacy` lists voices by their bare names.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers import voices
from tests.servers.orders import Orders

_RATE_HZ = {"openai": 24_000, "kokoro_fastapi": 24_000, "vllm_omni": 24_000, "localai": 22_050}
_OPENAI_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse",
                  "marin", "cedar")  # fmt: skip
_VOICES = {
    "kokoro_fastapi": ("af_bella", "af_heart", "af_sky", "am_adam", "bf_emma", "ff_siwis"),
    "vllm_omni": ("vivian", "ryan", "aiden"),
    "localai": ("narrator",),
}
_COMMON = {"model", "input", "voice", "response_format", "speed"}
_FIELDS = {
    "openai": {*_COMMON, "instructions", "stream_format"},
    "kokoro_fastapi": {*_COMMON, "stream", "lang_code", "return_timestamps", "volume_multiplier",
                       "normalization_options", "return_download_link"},
    "vllm_omni": {*_COMMON, "instructions", "language", "task_type", "word_timestamps", "stream", "stream_format"},
    "localai": {*_COMMON, "instructions", "language"},
}  # fmt: skip
_MODELS = {
    "openai": ("gpt-4o-mini-tts", "tts-1", "tts-1-hd"),
    "kokoro_fastapi": ("kokoro", "tts-1", "tts-1-hd"),
    "localai": ("tts-1", "voice-en"),
}
_LONGEST_HEADER = 4096


class WrongError(ValueError):
    """(status, message) of a request that is refused."""


@dataclass
class OpenAiSpeechServer:
    """One server of a flavour."""

    orders: Orders
    flavour: str = "openai"
    key: str = ""
    fault: str = ""
    n_busy: int = 0
    n_asked: int = 0
    has_aligner: bool = True
    is_legacy: bool = False

    @property
    def app(self) -> Starlette:
        routes = [Route("/v1/audio/speech", self._speech, methods=["POST"]), Route("/v1/models", self._models)]
        if self.flavour != "openai":
            routes.append(Route("/v1/audio/voices", self._voices, methods=["GET"]))
        if self.flavour == "kokoro_fastapi":
            routes.append(Route("/dev/captioned_speech", self._captioned, methods=["POST"]))
        return Starlette(routes=routes)

    async def _models(self, request: Request) -> Response:
        if not self._is_known(request):
            return self._error(401, "Incorrect API key provided")
        return JSONResponse({"object": "list", "data": [{"id": one} for one in _MODELS.get(self.flavour, ())]})

    async def _voices(self, request: Request) -> Response:
        names = _VOICES[self.flavour]
        is_plain = self.is_legacy or self.flavour == "vllm_omni"
        return JSONResponse({"voices": list(names) if is_plain else [{"id": one, "name": one} for one in names]})

    async def _speech(self, request: Request) -> Response:
        found = await self._answered(request)
        if isinstance(found, Response):
            return found
        body, said = found
        headers = {}
        if body.get("word_timestamps"):
            times = [{"word": w, "start_ms": round(a * 1000), "end_ms": round(b * 1000)} for w, a, b in said.words]
            text = json.dumps(times) if self.fault != "unreadable times" else "[{"
            long = len(text) > _LONGEST_HEADER
            headers = {"X-Word-Timestamps-Omitted": "true"} if long else {"X-Word-Timestamps": text}
        return Response(self._wav(said), media_type="audio/wav", headers=headers)

    async def _captioned(self, request: Request) -> Response:
        found = await self._answered(request)
        if isinstance(found, Response):
            return found
        _, said = found
        words = (
            [("other words", a, b) for _, a, b in said.words] if self.fault == "words of another text" else said.words
        )
        times = [{"word": word, "start_time": start, "end_time": end} for word, start, end in words]
        # Marks are words of their own here, with the times of what stands before them.
        marks = [{**one, "word": ","} for one in times[:1]]
        sound = base64.b64encode(self._wav(said)).decode()
        answer = {"audio": sound[:101] if self.fault == "no base64" else sound, "audio_format": "audio/wav",
                  "timestamps": None if self.fault == "no times" else [*times[:1], *marks, *times[1:]]}  # fmt: skip
        if self.fault == "no audio":
            del answer["audio"]
        return JSONResponse(answer)

    def _wav(self, said: voices.Said) -> bytes:
        pcm = said.pcm[: 0 if self.fault == "empty" else None]
        rate_hz = 16_000 if self.fault == "other rate" else said.rate_hz
        file = voices.wav(pcm, rate_hz, "pcm_mulaw" if self.fault == "mulaw instead" else "pcm_s16le")
        file = file if self.flavour in ("vllm_omni", "localai") or self.fault == "cut off" else voices.streamed(file)
        return file[: -1000 if self.fault == "cut off" else None]

    async def _answered(self, request: Request) -> "Response | tuple[dict[str, Any], voices.Said]":
        self.n_asked += 1
        if not self._is_known(request):
            return self._error(401, "Incorrect API key provided")
        if self.n_busy:
            self.n_busy -= 1
            return self._error(429, "Rate limit reached", {"retry-after": "1"})
        try:
            body = await self._checked(request)
        except WrongError as error:
            return self._error(*error.args)
        if self.fault == "own 500":
            return self._error(500, "Failed to generate audio data")
        self.orders.add(body)
        if self.fault == "JSON instead":
            return JSONResponse({"audio": "no"})
        lang = {"f": "fr", "French": "fr"}.get(str(body.get("lang_code") or body.get("language")), "en")
        plain = re.sub(r"\[([^\]]+)\]\(/[^/]+/\)", r"\1", body["input"])
        return body, voices.said(plain, lang, _RATE_HZ[self.flavour], body["speed"])

    async def _checked(self, request: Request) -> dict[str, Any]:
        _require(request.headers.get("content-type") == "application/json", "send JSON", 415)
        body = await request.json()
        known = _FIELDS[self.flavour]
        _require(set(body) <= known, f"unknown fields: {sorted(set(body) - known)}")
        models = _MODELS.get(self.flavour)
        _require(
            body.get("model") in models if models else "model" not in body, f"Unsupported model: {body.get('model')}"
        )
        text = body.get("input")
        _require(isinstance(text, str) and 0 < len(text) <= 4096, "input must have 1 to 4096 characters")
        _require("forbidden" not in text, "Your request was rejected by the safety system.")
        _require(body.get("response_format") == "wav", "response_format is not wav")
        speed = body.get("speed")
        _require(isinstance(speed, float) and 0.25 <= speed <= 4.0, "speed must be from 0.25 to 4")
        self._check_voice(body.get("voice"))
        self._check_own(body, request.url.path)
        assert isinstance(body, dict)
        return body

    def _check_voice(self, voice: Any) -> None:
        _require(isinstance(voice, str), "voice must be a string")
        if self.flavour == "openai":
            _require(voice in _OPENAI_VOICES, f"Invalid value: '{voice}'")
        elif self.flavour == "kokoro_fastapi":
            parts = [re.fullmatch(r"(\w+)(?:\((\d+(?:\.\d+)?)\))?", part) for part in voice.split("+")]
            _require(all(parts), f"Voice combination '{voice}' is malformed")
            unknown = [part[1] for part in parts if part and part[1] not in _VOICES[self.flavour]]
            _require(not unknown, f"Voice '{unknown[:1]}' not found")
        else:
            _require(voice in _VOICES[self.flavour], f"Voice '{voice}' not found")

    def _check_own(self, body: dict[str, Any], path: str) -> None:
        if self.flavour == "kokoro_fastapi":
            _require(body.get("stream") is False, "stream: this test's server answers whole files only")
            _require(body.get("lang_code") in tuple("abefhijpz"), "lang_code is no letter of a language")
        if self.flavour == "vllm_omni":
            _require(body.get("language", "Auto") in ("Auto", "English", "French", "German"), "unknown language")
            is_timed = body.get("word_timestamps", False)
            _require(isinstance(is_timed, bool), "word_timestamps must be a boolean")
            _require(self.has_aligner or not is_timed, "word_timestamps needs a forced aligner on this server")
        _require(isinstance(body.get("instructions", ""), str), "instructions must be a string")

    def _is_known(self, request: Request) -> bool:
        sent = request.headers.get("authorization")
        return sent == (f"Bearer {self.key}" if self.key else None)

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
        if self.flavour == "kokoro_fastapi":
            detail = {"error": "validation_error", "message": message, "type": "invalid_request_error"}
            return JSONResponse({"detail": detail}, status, headers)
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        return JSONResponse({"error": error}, status, {**(headers or {}), "x-request-id": "req_123"})


def _require(is_met: Any, message: str, status: int = 400) -> None:
    if not is_met:
        raise WrongError(status, message)
