"""ElevenLabs' speech and forced alignment as its documents say it answers: strict, with its errors in their shapes.

Everything that was made (and so is billed) is in `orders`. Knobs: `fault` is what goes wrong; `busy` are statuses of
429 that are answered first; `loss` is what an alignment says of itself.
"""

import base64
import io
import re
from dataclasses import dataclass, field
from typing import Any

import soundfile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers import voices
from tests.servers.forms import form_parts
from tests.servers.orders import Orders

VOICE = "JBFqnCBsd6RMkjVDRZzb"
_MODELS = ("eleven_multilingual_v2", "eleven_flash_v2_5", "eleven_flash_v2", "eleven_turbo_v2_5", "eleven_v3",
           "eleven_monolingual_v1")  # fmt: skip
_WITH_LANGUAGE = ("eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_v3")
_FORMATS = re.compile(r"(?:pcm|wav)_(?:8000|16000|22050|24000|32000|44100|48000)|ulaw_8000|alaw_8000|mp3_44100_128")
_FIELDS = {"text", "model_id", "language_code", "voice_settings", "seed", "previous_text", "next_text",
           "apply_text_normalization"}  # fmt: skip


class WrongError(ValueError):
    """(place, message) of a field that is refused with 422."""


@dataclass
class ElevenLabs:
    """The vendor."""

    orders: Orders
    key: str = "sk_eleven_for_tests"
    fault: str = ""
    busy: list[str] = field(default_factory=list)
    loss: float = 0.1
    n_asked: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[
            Route("/v1/text-to-speech/{voice}/with-timestamps", self._speak, methods=["POST"]),
            Route("/v1/forced-alignment", self._align, methods=["POST"]),
            Route("/v1/user/subscription", self._subscription, methods=["GET"]),
        ])  # fmt: skip

    async def _subscription(self, request: Request) -> Response:
        if request.headers.get("xi-api-key") != self.key:
            return _detail(401, "invalid_api_key", "Invalid API key")
        return JSONResponse({"tier": "creator", "character_count": 1200, "character_limit": 100000, "status": "active"})

    # --- speech ------------------------------------------------------------------------------------------------

    async def _speak(self, request: Request) -> Response:
        if refused := self._turned_away(request):
            return refused
        if request.headers.get("content-type") != "application/json":
            return _invalid(("body",), "Input should be a valid dictionary")
        body, voice = await request.json(), request.path_params["voice"]
        output_format = request.query_params.get("output_format", "")
        try:
            _check_body(body)
            _require(set(request.query_params) == {"output_format"}, ("query",), "Unknown parameter")
            _require(_FORMATS.fullmatch(output_format), ("query", "output_format"), "Input should be a known format")
        except WrongError as error:
            return _invalid(*error.args)
        if voice != VOICE:
            return _detail(404, "voice_not_found", f"A voice for the voice_id {voice} was not found.")
        if "language_code" in body and body["model_id"] not in _WITH_LANGUAGE:
            return _detail(400, "unsupported_language", f"Model '{body['model_id']}' does not support this language.")
        if "forbidden" in body["text"]:
            return _detail(400, "content_against_policy", "Your request violates our terms.")
        if self.fault == "own 500":
            return _detail(500, "internal_server_error", "Something went wrong")
        if self.fault == "gateway":
            return Response("<html><title>504 Gateway Timeout</title></html>", 504, media_type="text/html")
        self.orders.add({"voice": voice, "output_format": output_format, **body})
        return JSONResponse(self._answer(body, output_format))

    def _answer(self, body: dict[str, Any], output_format: str) -> dict[str, Any]:
        codec, rate_hz = output_format.split("_")
        plain = re.sub(r"<phoneme[^>]*>([^<]*)</phoneme>", r"\1", body["text"])
        lang = body.get("language_code", "en")
        said = voices.said(plain, lang, int(rate_hz), body.get("voice_settings", {}).get("speed", 1.0))
        pcm = said.pcm[: 0 if self.fault == "empty" else len(said.pcm) // 2 if self.fault == "half of it" else None]
        encoding = {"ulaw": "pcm_mulaw", "alaw": "pcm_alaw"}.get(codec, "pcm_s16le")
        if codec == "wav":
            rate = 16_000 if self.fault == "other rate" else said.rate_hz
            file = voices.wav(pcm, rate, "pcm_mulaw" if self.fault == "mulaw instead" else encoding)
            file = voices.streamed(file) if self.fault == "streamed sizes" else file
        else:
            file = voices.encoded(pcm, encoding)
        sound = base64.b64encode(file[: -1001 if self.fault == "cut off" else None]).decode()
        alignment = _characters(body["text"], said)
        if self.fault == "uneven times":
            alignment["character_end_times_seconds"].pop()
        return {
            "audio_base64": sound[:101] if self.fault == "no base64" else sound,
            "alignment": None if self.fault == "no times" else alignment,
            "normalized_alignment": _characters(plain.lower(), said),
        }

    # --- alignment ---------------------------------------------------------------------------------------------

    async def _align(self, request: Request) -> Response:
        if refused := self._turned_away(request):
            return refused
        try:
            parts = form_parts(request.headers.get("content-type", ""), await request.body())
        except ValueError:
            return _invalid(("body",), "Input should be a form")
        try:
            _require(set(parts) == {"file", "text"}, ("body",), f"Fields: {sorted(parts)}")
            _require(parts["file"].file and parts["file"].content_type == "audio/wav", ("body", "file"), "Not a file")
            text = parts["text"].data.decode()
            _require(text.strip(), ("body", "text"), "String should have at least 1 character")
        except WrongError as error:
            return _invalid(*error.args)
        pcm, rate_hz = soundfile.read(io.BytesIO(parts["file"].data), dtype="int16")
        self.orders.add({"text": text, "n_samples": len(pcm), "rate_hz": rate_hz})
        said = voices.said(text, "de" if "schöne" in text else "en", rate_hz)
        late = 60.0 if self.fault == "late times" else 0.0
        words = []
        for n, (word, start, end) in enumerate(said.words):  # the spaces between words are words of their own here
            words += [{"text": " ", "start": start, "end": start, "loss": 0.0}] if n else []
            words.append({"text": word, "start": start + late, "end": end + late, "loss": self.loss})
        answer = {
            "characters": [{"text": c, "start": 0.0, "end": 0.1} for c in text],
            "words": words,
            "loss": self.loss,
        }
        if self.fault == "no words":
            del answer["words"]
        if self.fault == "words of another text":
            answer["words"] = [{**word, "text": "other"} for word in words]
        return JSONResponse(answer)

    def _turned_away(self, request: Request) -> Response | None:
        self.n_asked += 1
        if request.headers.get("xi-api-key") != self.key:
            return _detail(401, "invalid_api_key", "Invalid API key")
        if self.busy:
            return _detail(429, self.busy.pop(0), "Too many requests")
        return None


def _check_body(body: Any) -> None:
    _require(isinstance(body, dict), ("body",), "Input should be a valid dictionary")
    _require(set(body) <= _FIELDS, ("body",), f"Unknown fields: {sorted(set(body) - _FIELDS)}")
    _require(isinstance(body.get("text"), str) and body["text"], ("body", "text"), "Field required")
    _require(body.get("model_id") in _MODELS, ("body", "model_id"), "A model with this id does not exist")
    seed = body.get("seed", 0)
    is_seed = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**32
    _require(is_seed, ("body", "seed"), "Input should be less than or equal to 4294967295")
    how = body.get("voice_settings", {})
    _require(isinstance(how, dict) and set(how) <= {"speed"}, ("body", "voice_settings"), "Unknown settings")
    speed = how.get("speed", 1.0)
    _require(isinstance(speed, float) and 0.7 <= speed <= 1.2, ("body", "voice_settings", "speed"), "From 0.7 to 1.2")


def _characters(text: str, said: voices.Said) -> dict[str, Any]:
    """Every character of `text`, those of a word sharing its time, those between words at the end of the one before."""
    table: dict[str, list[Any]] = {
        "characters": [*text], "character_start_times_seconds": [], "character_end_times_seconds": [],
    }  # fmt: skip
    words, at_s = iter(said.words), 0.0
    inside = re.sub(r"<[^>]*>", lambda tag: "\0" * len(tag.group()), text)
    for token in re.split(r"(\s+)", inside):
        is_word = any(c.isalnum() for c in token)
        _, start, end = next(words) if is_word else ("", at_s, at_s)
        step = (end - start) / max(len(token), 1)
        table["character_start_times_seconds"] += [start + n * step for n in range(len(token))]
        table["character_end_times_seconds"] += [start + (n + 1) * step for n in range(len(token))]
        at_s = end
    return table


def _require(is_met: Any, place: tuple[str, ...], message: str) -> None:
    if not is_met:
        raise WrongError(place, message)


def _detail(status: int, code: str, message: str) -> Response:
    return JSONResponse({"detail": {"status": code, "message": message}}, status, {"request-id": "r-eleven-1"})


def _invalid(place: tuple[str, ...], message: str) -> Response:
    return JSONResponse({"detail": [{"loc": list(place), "msg": message, "type": "value_error"}]}, 422)
