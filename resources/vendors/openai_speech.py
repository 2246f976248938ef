"""Speech from servers of OpenAI's shape, `/v1/audio/speech`: OpenAI's own, Kokoro-FastAPI, vLLM-Omni, LocalAI.

They share the request and differ in what they can: `Flavour` says what, and `FLAVOURS` what of the known ones. Word
times come from Kokoro-FastAPI beside the sound, from vLLM-Omni in a header that is left out when it grows too long.
"""

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import orjson

from audio_assets.domain.audio_contract import ANY_RATE, AudioContract, ContractError
from audio_assets.domain.pronounced import no_ipa, pronounced
from audio_assets.domain.provider_catalogue import About, Offer
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Word
from audio_assets.domain.voices import VoiceIds
from audio_assets.domain.word_times import WordTimesError, words_of_tokens
from resources import models
from resources.answered_vendor import AnsweredVendor
from resources.http_client import AUDIO, HttpClient, Service
from resources.http_errors import as_order
from resources.ordered import Remote
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider, Times
from resources.vendors.lines import KEPT_WHOLE, Told, check_line, heard, no_times, one_voice, read_json, spelled_notes

_RECIPE = "1"
"""Raise when the same line is asked for in another way."""
_SPEECH, _CAPTIONED, _VOICES = "/v1/audio/speech", "/dev/captioned_speech", "/v1/audio/voices"
_OWN_ERRORS = ("error", "detail", "object")
_SLOWEST, _FASTEST = 0.25, 4.0
_LONGEST = 4096
_KOKORO_LANGUAGES = {"en": "a", "en-us": "a", "en-gb": "b", "es": "e", "fr": "f", "hi": "h", "it": "i", "ja": "j",
                     "pt": "p", "zh": "z"}  # fmt: skip
_QWEN_LANGUAGES = {"zh": "Chinese", "en": "English", "ja": "Japanese", "ko": "Korean", "de": "German", "fr": "French",
                   "ru": "Russian", "pt": "Portuguese", "es": "Spanish", "it": "Italian"}  # fmt: skip
_WITHOUT_INSTRUCTIONS = ("tts-1", "tts-1-hd")


@dataclass(frozen=True, slots=True)
class Flavour:
    """What one kind of server can, and where it usually is.

    `voices` are those that it comes with, empty where any name may be one. `caption` is where word times come from.
    """

    summary: str
    licence: str
    offer: Offer
    terms_url: str
    url: str
    model: str
    sample_rate_hz: int
    key_variable: str = ""
    voices: tuple[str, ...] = ()
    can_mix: bool = False
    takes_instructions: bool = True
    caption: str = ""


FLAVOURS: Mapping[str, Flavour] = {
    "openai": Flavour(
        "OpenAI's voices", "OpenAI's terms: yours to use; listeners must be told that it is no person", "paid",
        "https://openai.com/policies/row-terms-of-use/", "https://api.openai.com", "gpt-4o-mini-tts", 24_000,
        key_variable="OPENAI_API_KEY",
        voices=("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
                "verse"),
    ),
    "kokoro_fastapi": Flavour(
        "Kokoro's voices and mixes of them, with word times, on a server of one's own", "Apache-2.0", "open",
        "https://github.com/remsky/Kokoro-FastAPI", "http://localhost:8880", "kokoro", 24_000,
        can_mix=True, takes_instructions=False, caption="captioned_speech",
    ),
    "vllm_omni": Flavour(
        "open models such as Qwen3-TTS, with word times, on a server of one's own", "the model's licence", "open",
        "https://github.com/vllm-project/vllm-omni", "http://localhost:8091", "", 24_000, caption="header",
    ),
    "localai": Flavour(
        "many open engines behind one server of one's own", "the model's licence", "open", "https://localai.io",
        "http://localhost:8080", "tts-1", ANY_RATE,
    ),
}  # fmt: skip


class OpenAiSpeech(RemoteProvider, SpeechProvider):
    """A server of OpenAI's shape.

    Settings: `flavour` says whose server it is: openai, kokoro_fastapi, vllm_omni or localai; else the provider's own
    name does. What is "" or 0 is as the flavour has it: `url` (without "/v1"), `key_variable`, `model`,
    `sample_rate_hz` (of what comes; with LocalAI it is the model's, any). `has_word_times` asks for them where the
    flavour has them; vLLM-Omni needs an aligner for it. `voice_names` are further voices of the server.
    """

    kind: ClassVar[str] = "openai_speech"
    has_jobs: ClassVar[bool] = False

    flavour: str = ""
    model: str = ""
    sample_rate_hz: int = 0
    has_word_times: bool = True
    voice_names: list[str] = []

    @property
    def own_model(self) -> str:
        """See `RemoteProvider.own_model`; a server with one model need not be told it."""
        return self._model or self._flavour

    @property
    def preset(self) -> Flavour:
        """What kind of server it is."""
        return FLAVOURS.get(self._flavour, FLAVOURS["openai"])

    @property
    def has_timing(self) -> bool:
        """Never: they tell words at most."""
        return False

    @property
    def timing(self) -> Times:
        """Words, where the flavour has them and they are asked for."""
        return "words" if self._caption else ""

    @property
    def contract(self) -> AudioContract:
        """What comes."""
        return AudioContract("wav", "pcm_s16le", self.sample_rate_hz or self.preset.sample_rate_hz)

    def about(self) -> About:
        """See `SpeechProvider.about`."""
        preset = self.preset
        needs = "its server" if preset.offer == "open" else ""
        return About("speech", preset.summary, preset.licence, preset.offer, preset.terms_url, needs=needs)

    def voices(self) -> Collection[str]:
        """Those of the flavour and of the settings; any name, where a flavour has none of its own."""
        if self._flavour == "kokoro_fastapi":
            members = models.CATALOGUE["kokoro"].members
            return frozenset((*(Path(name).stem for name in members if name.endswith(".bin")), *self.voice_names))
        if self.preset.voices:
            return frozenset((*self.preset.voices, *self.voice_names))
        return VoiceIds(r"[\w.-]+", "a voice of that server, such as those that it lists", self.voice_names)

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """See `SpeechProvider.identity`; what model a server serves without being asked for one, nobody can tell."""
        return {
            "engine": self.kind,
            "flavour": self._flavour,
            "model": self._model,
            "recipe": _RECIPE,
            "contract": f"wav pcm_s16le {self.contract.sample_rate_hz or 'any'} Hz",
            "times": self._caption,
            "licence": self.preset.licence,
        }

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        variable = self.key_variable or self.preset.key_variable
        named = self.model_copy(update={"key_variable": variable})
        key = named.key(is_optional=not self.preset.key_variable) if variable else None
        url = (self.url or self.preset.url).rstrip("/").removesuffix("/v1")
        return Service(self.name, url, key, (), _OWN_ERRORS, self.at_once, self.per_second)

    def problem(self) -> str:
        """See `RemoteProvider.problem`; also a flavour that there is not."""
        if self._flavour not in FLAVOURS:
            where = f"under [providers.{self.name}] in providers.toml"
            return f'{self.name} has no flavour "{self.flavour}": set flavour to one of {", ".join(FLAVOURS)} {where}'
        return super().problem()

    def remote(self, kept: Path) -> Remote | None:
        """See `SpeechProvider.remote`."""
        vendor = OpenAiSpeechVendor(kept, self.client())
        return Remote(vendor, self.name, self.own_model, Lane(self.name, self.at_once), KEPT_WHOLE)

    def request(self, request: SpeechRequest) -> Mapping[str, Any]:
        """See `SpeechProvider.request`: the path, and the body as it is sent. None of them takes a seed."""
        said = self._said(request)[0]
        sent = replace(request, text=said)
        check_line(self.name, sent, slowest=_SLOWEST, fastest=_FASTEST, longest=_LONGEST)
        if len(request.style) > _LONGEST and self._takes_instructions:
            raise PermanentError(
                f"{self.name} takes {_LONGEST} characters of style, and this line has {len(request.style)}: shorten it"
            )
        body: dict[str, Any] = {
            "input": said,
            "voice": _mixed(request) if self.preset.can_mix else one_voice(self.name, request),
            "response_format": "wav",
            "speed": request.speed,
        }
        body |= {"model": self._model} if self._model else {}
        body |= {"instructions": request.style} if request.style and self._takes_instructions else {}
        if self._flavour == "kokoro_fastapi":
            lang = _KOKORO_LANGUAGES.get(request.lang) or _KOKORO_LANGUAGES.get(request.lang.partition("-")[0])
            body |= {"stream": False, **({"lang_code": lang} if lang else {})}
        if self._flavour == "vllm_omni":
            language = _QWEN_LANGUAGES.get(request.lang.partition("-")[0])
            body |= {"language": language} if language else {}
            body |= {"word_timestamps": True} if self._caption else {}
        return {"path": _CAPTIONED if self._caption == "captioned_speech" else _SPEECH, "body": body}

    def hear(self, answer: Path, request: SpeechRequest) -> Speech:
        """See `SpeechProvider.hear`."""
        notes = list(spelled_notes(self.name, self._said(request)[1]))
        if request.style and not self._takes_instructions:
            notes.append(f"{self.name} takes no style: {request.style!r} was not used")
        if not self._caption:
            return heard(answer.read_bytes(), self.contract, no_times, notes)
        found = read_json(answer, "audio", "timestamps")
        if found["timestamps"] is None:
            notes.append("the server left the word times out, as it does when they are too long")
        return heard(_sound(found), self.contract, partial(_times, found["timestamps"], request), notes)

    def probe(self) -> str:
        """See `RemoteProvider.probe`: its voices, or (OpenAI) its models."""
        if self._flavour == "openai":
            listed = self.client().get("/v1/models").json()
            return f"the key is good; {len(listed.get('data', []))} models"
        listed = self.client().get(_VOICES).json()
        return f"{len(listed.get('voices', []))} voices"

    @property
    def _flavour(self) -> str:
        return self.flavour or (self.called if self.called in FLAVOURS else "openai")

    @property
    def _model(self) -> str:
        return self.model or self.preset.model

    @property
    def _caption(self) -> str:
        return self.preset.caption if self.has_word_times else ""

    @property
    def _takes_instructions(self) -> bool:
        is_old = self._flavour == "openai" and self._model in _WITHOUT_INSTRUCTIONS
        return self.preset.takes_instructions and not is_old

    def _said(self, request: SpeechRequest) -> tuple[str, tuple[str, ...]]:
        """The text with the lexicon's words as they are to be said, and those that can not be told."""
        write = _kokoro_ipa if self._flavour == "kokoro_fastapi" else no_ipa
        return pronounced(request.text, request.pronunciations, write)


@dataclass
class OpenAiSpeechVendor(AnsweredVendor):
    """Asks the server; what is kept is the WAV file, or JSON of the sound in base64 (`audio`) and its `timestamps`."""

    client: HttpClient

    def answer(self, request: Mapping[str, Any], files: Mapping[str, Path], key: str, target: Path) -> None:
        """See `AnsweredVendor.answer`."""
        path, body = request["path"], request["body"]
        with as_order():
            if path == _CAPTIONED:
                target.write_bytes(self.client.post(path, body).body)
                return
            answer = self.client.post(path, body, accepts=AUDIO)
        if body.get("word_timestamps"):
            times = answer.headers.get("x-word-timestamps")
            sound = base64.b64encode(answer.body).decode()
            target.write_bytes(orjson.dumps({"audio": sound, "timestamps": times}))
        else:
            target.write_bytes(answer.body)


def _mixed(request: SpeechRequest) -> str:
    """`af_bella(0.67)+af_sky(0.33)`; the weights sum to 1, so that servers that do not divide them sound alike."""
    parts = [(name, weight) for name, weight in request.voice if weight > 0]
    if len(parts) == 1:
        return parts[0][0]
    return "+".join(f"{name}({round(weight, 4):g})" for name, weight in parts)


def _kokoro_ipa(word: str, ipa: str) -> str:
    """`[word](/wˈɜɹd/)`, in Kokoro's own alphabet."""
    from resources.engines.kokoro import kokoro_alphabet

    return f"[{word}](/{kokoro_alphabet(ipa)}/)"


def _sound(found: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(found["audio"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ContractError("the audio of the answer is no base64: it did not come whole") from error


def _times(timestamps: Any, request: SpeechRequest, duration_s: float) -> Told:
    """Words of `[{word, start_time, end_time}]` in seconds, or a header's `[{word, start_ms, end_ms}]`."""
    if timestamps is None:
        return Told()
    try:
        entries = orjson.loads(timestamps) if isinstance(timestamps, str) else timestamps
        tokens = [
            Word(one["word"], one["start_ms"] / 1000, one["end_ms"] / 1000)
            if "start_ms" in one
            else Word(one["word"], float(one["start_time"]), float(one["end_time"]))
            for one in entries
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise WordTimesError(f"they can not be read ({type(error).__name__})") from error
    return Told(words_of_tokens(request.text, request.lang, tokens, duration_s) if tokens else ())
