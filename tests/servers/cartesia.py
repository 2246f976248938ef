"""Cartesia's speech as its documents say it answers: strict about every field, with its errors in their shapes.

Every line that was spoken (and so is billed) is in `orders`. Knobs: `fault` is what goes wrong, one of `FAULTS`;
`n_busy` requests are too many at once; `tells_phonemes` is what some languages lack.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.servers import voices
from tests.servers.orders import Orders

VERSIONS = ("2024-11-13", "2025-04-16", "2026-03-01", "2026-08-14")
MODELS = ("sonic-3.5", "sonic-3.5-2026-05-04", "sonic-3", "sonic-3-2026-01-12", "sonic-3-2025-10-27", "sonic-3.6",
          "sonic-latest")  # fmt: skip
KEY = "sk_car_for_tests"
VOICE = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"
_LANGUAGES = ("en", "fr", "de", "es", "it", "pt", "ja", "zh")
_ENCODINGS = ("pcm_f32le", "pcm_s16le", "pcm_mulaw", "pcm_alaw")
_RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000)
_REQUEST_ID = "550e8400-e29b-41d4-a716-446655440000"
_COMMON = {"model_id", "transcript", "voice", "output_format", "language", "locale", "normalization",
           "pronunciation_dict_id", "generation_config"}  # fmt: skip
_PIECE_S = 0.25
FAULTS = (
    "first event is an error", "error in the middle", "stream ends early", "no JSON in an event", "no base64",
    "connection breaks", "other rate", "mulaw instead", "empty", "streamed sizes", "cut off", "not a number",
    "late times", "words of another text", "uneven times", "gateway", "own 500", "web page",
)  # fmt: skip


class WrongError(ValueError):
    """(status, error_code, title, message) of a request that is refused."""


@dataclass
class Cartesia:
    """The vendor."""

    orders: Orders
    key: str = KEY
    fault: str = ""
    n_busy: int = 0
    tells_phonemes: bool = True
    n_asked: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[
            Route("/tts/bytes", self._bytes, methods=["POST"]),
            Route("/tts/sse", self._stream, methods=["POST"]),
            Route("/voices", self._voices, methods=["GET"]),
        ])  # fmt: skip

    async def _voices(self, request: Request) -> Response:
        try:
            self._check_headers(request)
        except WrongError as error:
            return self._refused(request, *error.args)
        return JSONResponse({"data": [{"id": VOICE, "name": "Katie"}], "has_more": True})

    async def _bytes(self, request: Request) -> Response:
        try:
            body = await self._checked(request, streams=False)
        except WrongError as error:
            return self._refused(request, *error.args)
        if found := self._broken():
            return found
        self.orders.add(body)
        made = body["output_format"]
        rate_hz = 22050 if self.fault == "other rate" else made["sample_rate"]
        pcm = _spoken(body, rate_hz).pcm[: 0 if self.fault == "empty" else None]
        if self.fault == "web page":
            return Response("<html>Sign in</html>", media_type="text/html")
        if made["container"] == "raw":
            return Response(voices.encoded(pcm, made["encoding"]), media_type="audio/pcm")
        file = voices.wav(pcm, rate_hz, "pcm_mulaw" if self.fault == "mulaw instead" else made["encoding"])
        if self.fault == "not a number":
            file = file[:-4] + np.float32(np.nan).tobytes()
        file = voices.streamed(file) if self.fault == "streamed sizes" else file
        return Response(file[: -1000 if self.fault == "cut off" else None], media_type="audio/wav")

    async def _stream(self, request: Request) -> Response:
        try:
            body = await self._checked(request, streams=True)
        except WrongError as error:
            return self._refused(request, *error.args)
        if found := self._broken():
            return found
        if not self.fault.endswith(("is an error", "in the middle")):
            self.orders.add(body)  # "errors will not consume credits"
        return StreamingResponse(self._events(body), media_type="text/event-stream")

    def _broken(self) -> Response | None:
        if self.fault == "gateway":
            return Response("<html><title>502 Bad Gateway</title></html>", 502, media_type="text/html")
        return (
            JSONResponse(_problem(None, "Internal error", "Please try again."), 500)
            if self.fault == "own 500"
            else None
        )

    def _events(self, body: dict[str, Any]) -> Iterator[bytes]:
        spoken = _spoken(body, body["output_format"]["sample_rate"])
        if self.fault == "first event is an error":
            yield _event(
                "error", **_problem("model_not_found", "Invalid model", "The model is not valid."), status_code=400
            )
            return
        data = voices.encoded(spoken.pcm, body["output_format"]["encoding"])
        data = b"" if self.fault == "empty" else data[: len(data) // 2] if self.fault == "cut off" else data
        n_piece = round(_PIECE_S * len(data) / spoken.duration_s) | 1  # odd, as pieces of a stream may be
        for n, at in enumerate(range(0, len(data), n_piece)):
            if n == 2 and self.fault == "error in the middle":
                yield _event(
                    "error", **_problem("content_blocked", "Blocked", "This text is not allowed."), status_code=400
                )
                return
            if n == 2 and self.fault == "connection breaks":
                raise RuntimeError("the server of the test breaks the connection")
            if n == 2 and self.fault == "stream ends early":
                return
            if n == 2 and self.fault == "no JSON in an event":
                yield b"data: {\n\n"
            piece = "%" if n == 1 and self.fault == "no base64" else base64.b64encode(data[at : at + n_piece]).decode()
            yield _event("chunk", data=piece, status_code=206, done=False, step_time=12.5)
        yield b": still here\n\n"
        shift = 60.0 if self.fault == "late times" else 0.0
        if body.get("add_timestamps"):
            words = [("other", a, b) for _, a, b in spoken.words] if self.fault.startswith("words") else spoken.words
            for part in (words[:2], words[2:]):
                table = _table("words", part, shift)
                if self.fault == "uneven times":
                    table["end"].append(9.0)
                yield _event("timestamps", word_timestamps=table, status_code=206)
        if body.get("add_phoneme_timestamps") and self.tells_phonemes:
            yield _event(
                "phoneme_timestamps", phoneme_timestamps=_table("phonemes", spoken.phones, shift), status_code=206
            )
        yield _event("flush_done", flush_done=True, flush_id=1)
        yield _event("done", done=True, status_code=206)

    # --- what is checked ---------------------------------------------------------------------------------------

    def _check_headers(self, request: Request) -> None:
        if request.headers.get("cartesia-version") not in VERSIONS:
            raise WrongError(400, "invalid_version", "Invalid version", "Cartesia-Version must be a known date.")
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise WrongError(401, "invalid_api_key", "Invalid API key", "The API key is not valid.")

    async def _checked(self, request: Request, *, streams: bool) -> dict[str, Any]:
        self._check_headers(request)
        if request.headers.get("content-type") != "application/json":
            raise WrongError(415, "unsupported_media_type", "Unsupported media type", "Send JSON.")
        self.n_asked += 1
        if self.n_busy:
            self.n_busy -= 1
            raise WrongError(429, "concurrency_limited", "Too many concurrent requests", "Your plan allows 2 at once.")
        body = await request.json()
        is_old = request.headers["cartesia-version"] <= "2026-03-01"
        known = _COMMON | ({"add_timestamps", "add_phoneme_timestamps"} if streams else {"save"})
        _require(set(body) <= known, f"unknown fields: {sorted(set(body) - known)}")
        _require(body.get("model_id") in MODELS, "unknown model", 404, "model_not_found")
        _require(isinstance(body.get("transcript"), str) and body["transcript"].strip() != "", "transcript is empty")
        _require("blocked" not in body["transcript"], "This text is not allowed.", 400, "content_blocked")
        _check_voice(body.get("voice"), is_old=is_old)
        _check_format(body.get("output_format"), streams=streams)
        _require(not ("language" in body and "locale" in body), "language and locale exclude each other")
        _require(body.get("language", "en") in _LANGUAGES, "unknown language")
        locale = body.get("locale", "en-US")
        _require(re.fullmatch("[a-z]{2}-[A-Z]{2}", locale) is not None, "unknown locale")
        _require(not (is_old and "locale" in body), "unknown fields: ['locale']")
        how = body.get("generation_config", {})
        _require(set(how) <= {"speed", "volume", "emotion"}, "unknown fields in generation_config")
        _require(_is_number(how.get("speed", 1.0), 0.6, 1.5), "speed must be between 0.6 and 1.5")
        _require(_is_number(how.get("volume", 1.0), 0.5, 2.0), "volume must be between 0.5 and 2")
        _require(isinstance(how.get("emotion", ""), str), "emotion must be a string")
        flags = ("add_timestamps", "add_phoneme_timestamps")
        _require(all(isinstance(body.get(name, False), bool) for name in flags), "flags must be booleans")
        assert isinstance(body, dict)
        return body

    def _refused(self, request: Request, status: int, code: str, title: str, message: str) -> Response:
        headers = {"retry-after-ms": "20"} if status == 429 else {}
        if request.headers.get("cartesia-version", "") < "2026-03-01":
            return PlainTextResponse(f"{title}: {message}", status, headers)
        return JSONResponse(_problem(code, title, message), status, headers)


def _spoken(body: dict[str, Any], rate_hz: int) -> voices.Said:
    language = body.get("language") or body["locale"].partition("-")[0]
    speed = body.get("generation_config", {}).get("speed", 1.0)
    return voices.said(body["transcript"], language, rate_hz, speed)


def _check_voice(voice: Any, *, is_old: bool) -> None:
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    if is_old:
        _require(
            isinstance(voice, dict) and set(voice) == {"mode", "id"} and voice["mode"] == "id", "voice.mode is missing"
        )
    else:
        _require(isinstance(voice, str) or (isinstance(voice, dict) and set(voice) == {"id"}), "voice must be an id")
    name = voice if isinstance(voice, str) else voice["id"]
    _require(re.fullmatch(uuid, name) is not None, "voice is no UUID")


def _check_format(made: Any, *, streams: bool) -> None:
    is_whole = isinstance(made, dict) and set(made) == {"container", "encoding", "sample_rate"}
    _require(is_whole, "output_format is incomplete")
    containers = ("raw",) if streams else ("raw", "wav")
    _require(made["container"] in containers, "container is not supported here")
    _require(made["encoding"] in _ENCODINGS, "unknown encoding")
    _require(made["sample_rate"] in _RATES_HZ and isinstance(made["sample_rate"], int), "unknown sample_rate")


def _require(is_met: bool, message: str, status: int = 400, code: str = "invalid_request") -> None:
    if not is_met:
        raise WrongError(status, code, "Invalid request", message)


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _problem(code: str | None, title: str, message: str) -> dict[str, Any]:
    return {"error_code": code, "title": title, "message": message, "request_id": _REQUEST_ID}


def _table(name: str, entries: voices.Timed, shift_s: float) -> dict[str, Any]:
    return {
        name: [one for one, _, _ in entries],
        "start": [round(start + shift_s, 3) for _, start, _ in entries],
        "end": [round(end + shift_s, 3) for _, _, end in entries],
    }


def _event(kind: str, **more: Any) -> bytes:
    return f"data: {json.dumps({'type': kind, 'context_id': 'c-1', **more})}\n\n".encode()
