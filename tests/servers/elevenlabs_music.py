"""`/v1/music` of ElevenLabs as its documents say it answers: strict about every field, with its errors in their shapes.

Every piece that was made (and so is billed) is a row of `file`, which any process can count.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.tunes import tune

_MODELS = ("music_v1", "music_v2", "music_v2_5")
_FORMATS = {"mp3_44100_128": "audio/mpeg", "mp3_44100_192": "audio/mpeg", "mp3_48000_192": "audio/mpeg",
            "opus_48000_128": "audio/ogg"}  # fmt: skip
_PROTECTED = "Beatles"


class WrongError(ValueError):
    """(place, what is wrong) of a field."""


@dataclass
class ElevenLabsMusic:
    """The vendor. A piece lasts as long as it was asked for, times `stretch`, at `level` (0 is silence).

    `n_busy`: so many requests are too many at once. `plan` is the account's: without one the vendor wants money.
    """

    file: Path
    key: str = "eleven-key-for-tests"
    level: float = 0.3
    stretch: float = 1.0
    n_busy: int = 0
    plan: str = "creator"

    def __post_init__(self) -> None:
        with closing(self._open()) as made:
            made.execute("CREATE TABLE IF NOT EXISTS made (id INTEGER PRIMARY KEY, request TEXT)")

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[
            Route("/v1/music", self._compose, methods=["POST"]),
            Route("/v1/user/subscription", self._subscription),
        ])  # fmt: skip

    @property
    def made(self) -> list[dict[str, Any]]:
        """What was asked for each piece that was made, with its output_format."""
        with closing(self._open()) as made:
            return [json.loads(request) for (request,) in made.execute("SELECT request FROM made ORDER BY id")]

    async def _compose(self, request: Request) -> Response:
        if request.headers.get("xi-api-key") != self.key:
            return _detail(401, "invalid_api_key", "Invalid API key")
        if not self.plan:
            return _detail(402, "paid_plan_required", "The music API needs a paid plan")
        if request.headers.get("content-type") != "application/json":
            return _invalid(("body",), "Input should be a valid dictionary")
        body = await request.json()
        output_format = request.query_params.get("output_format", "")
        try:
            seconds = _seconds(body)
        except WrongError as error:
            return _invalid(*error.args)
        if set(request.query_params) != {"output_format"} or output_format not in _FORMATS:
            return _invalid(("query", "output_format"), f"{output_format!r} is no format")
        if _PROTECTED in json.dumps(body):
            return _protected("prompt" in body)
        if self.n_busy:
            self.n_busy -= 1
            return _detail(429, "too_many_concurrent_requests", "Too many concurrent requests")
        with closing(self._open()) as made:
            made.execute(
                "INSERT INTO made (request) VALUES (?)", (json.dumps({**body, "output_format": output_format}),)
            )
        kind, rate_hz = output_format.split("_")[0], int(output_format.split("_")[1])
        sound = tune(seconds * self.stretch, kind, level=self.level, rate_hz=rate_hz)
        return Response(sound, media_type=_FORMATS[output_format], headers={"song-id": "song-1", "request-id": "req-1"})

    async def _subscription(self, request: Request) -> Response:
        if request.headers.get("xi-api-key") != self.key:
            return _detail(401, "invalid_api_key", "Invalid API key")
        return JSONResponse({"tier": self.plan, "character_count": 900, "character_limit": 100_000})

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=30, isolation_level=None)


def _seconds(body: dict[str, Any]) -> float:
    """How long the piece is to be, of a body that has all that it needs and nothing else.

    Raises:
        WrongError: it has not.
    """
    if body.get("model_id") not in _MODELS:
        raise WrongError(("body", "model_id"), "Input should be a model")
    if ("prompt" in body) == ("composition_plan" in body):
        raise WrongError(("body",), "give either a prompt or a composition_plan")
    if "prompt" in body:
        _only(body, {"model_id", "prompt", "music_length_ms", "force_instrumental"}, "body")
        length_ms = body.get("music_length_ms")
        if type(length_ms) is not int or not 3000 <= length_ms <= 600_000:
            raise WrongError(("body", "music_length_ms"), f"{length_ms!r} is no length from 3000 to 600000")
        if type(body.get("force_instrumental")) is not bool:
            raise WrongError(("body", "force_instrumental"), "Input should be a valid boolean")
        if not isinstance(body["prompt"], str) or not body["prompt"]:
            raise WrongError(("body", "prompt"), "Input should be a valid string")
        return length_ms / 1000
    _only(body, {"model_id", "composition_plan", "seed"}, "body")
    if type(body.get("seed")) is not int or not 0 <= body["seed"] < 2**31:
        raise WrongError(("body", "seed"), f"{body.get('seed')!r} is no seed")
    plan = body["composition_plan"]
    lengths_ms = _first_plan(plan) if body["model_id"] == "music_v1" else _second_plan(plan)
    if not 1 <= len(lengths_ms) <= 30 or any(type(ms) is not int or not 3000 <= ms <= 120_000 for ms in lengths_ms):
        raise WrongError(("body", "composition_plan"), f"lengths are {lengths_ms}")
    return sum(lengths_ms) / 1000


def _first_plan(plan: dict[str, Any]) -> list[int]:
    _only(plan, {"positive_global_styles", "negative_global_styles", "sections"}, "composition_plan", is_whole=True)
    names = {"section_name", "positive_local_styles", "negative_local_styles", "duration_ms", "lines"}
    for one in plan["sections"]:
        _only(one, names, "sections", is_whole=True)
        if not 1 <= len(one["section_name"]) <= 100 or any(len(line) > 200 for line in one["lines"]):
            raise WrongError(("body", "sections"), "too long")
    return [one["duration_ms"] for one in plan["sections"]]


def _second_plan(plan: dict[str, Any]) -> list[int]:
    _only(plan, {"chunks"}, "composition_plan", is_whole=True)
    for one in plan["chunks"]:
        _only(one, {"text", "duration_ms", "positive_styles", "negative_styles"}, "chunks", is_whole=True)
        if len(one["positive_styles"]) > 50 or not isinstance(one["text"], str):
            raise WrongError(("body", "chunks"), "too many styles")
    return [one["duration_ms"] for one in plan["chunks"]]


def _only(value: Any, names: set[str], place: str, *, is_whole: bool = False) -> None:
    if not isinstance(value, dict) or set(value) - names or (is_whole and set(value) != names):
        raise WrongError((place,), f"has the fields {sorted(value)}, not {sorted(names)}")


def _invalid(place: tuple[str, ...], why: str) -> Response:
    return JSONResponse({"detail": [{"type": "value_error", "loc": list(place), "msg": why, "input": None}]}, 422)


def _detail(code: int, status: str, message: str, **data: Any) -> Response:
    return JSONResponse({"detail": {"status": status, "message": message, **data}}, code)


def _protected(is_prompt: bool) -> Response:
    message = "Your request may violate the Terms of Service: it names a protected artist."
    if is_prompt:
        suggestion = {"prompt_suggestion": "A 1960s British beat band with close harmonies"}
        return _detail(422, "bad_prompt", message, data=suggestion)
    return _detail(422, "bad_composition_plan", message, data={"composition_plan_suggestion": {"chunks": []}})
