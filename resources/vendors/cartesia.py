"""Cartesia: speech from Sonic, as a whole file or streamed with the times of its words and phonemes.

What comes is fixed by contract (model, API version, encoding, rate): an answer that breaks it is refused. It has no
idempotency key; by its pricing page errors cost nothing, also those that come in the middle of a stream.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import orjson

from audio_assets.domain.audio_contract import ENCODINGS, AudioContract, ContractError
from audio_assets.domain.phonemes import split_ipa
from audio_assets.domain.pronounced import pronounced
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Word
from audio_assets.domain.voices import VoiceIds
from audio_assets.domain.word_times import WordTimesError, phones_of_symbols, words_of_tokens
from resources.answered_vendor import AnsweredVendor
from resources.http_answers import problem_of
from resources.http_client import AUDIO, HttpClient, Service
from resources.http_errors import BadAnswer, LostAnswer, as_order
from resources.ordered import Remote
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider
from resources.vendors.lines import KEPT_WHOLE, Told, check_line, heard, no_times, numbers, one_voice, texts

_LICENCE = "Cartesia's terms of service; commercial use by plan"
_RECIPE = "1"
"""Raise when the same line is asked for in another way."""
_BYTES, _STREAM = "/tts/bytes", "/tts/sse"
_OWN_ERRORS = ("error_code", "title", "message", "error")
_RATES_HZ = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
_SLOWEST, _FASTEST = 0.6, 1.5
_SOFTEST, _LOUDEST = 0.5, 2.0
_LAST_WITH_MODE = "2026-03-01"
"""Up to this version a voice is an object with a mode, and there is no `locale`."""
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_VOICES = VoiceIds(
    _UUID, 'the id of a voice of Cartesia, such as "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"; [names] may give it a name'
)
_EMOTIONS = frozenset({
    "affectionate", "agitated", "alarmed", "amazed", "angry", "anticipation", "anxious", "apologetic", "bored", "calm",
    "confident", "confused", "contemplative", "contempt", "content", "curious", "dejected", "determined",
    "disappointed", "disgusted", "distant", "elated", "enthusiastic", "envious", "euphoric", "excited", "flirtatious",
    "frustrated", "grateful", "guilty", "happy", "hesitant", "hurt", "insecure", "ironic", "mad", "melancholic",
    "mysterious", "neutral", "nostalgic", "outraged", "panicked", "peaceful", "proud", "rejected", "resigned", "sad",
    "sarcastic", "scared", "serene", "skeptical", "surprised", "sympathetic", "threatened", "tired", "triumphant",
    "trust", "wistful",
})  # fmt: skip


class CartesiaSpeech(RemoteProvider, SpeechProvider):
    """Sonic's voices, by their ids.

    Settings: `model` with its date, so that a voice stays the same; `version` of the API; `has_times` asks for the
    times of words and phonemes, else a WAV file comes and an aligner is needed; `encoding` and `sample_rate_hz` of what
    comes; `volume` (0.5 to 2); `pronunciation_dict_id` of a dictionary kept there.
    """

    kind: ClassVar[str] = "cartesia"
    has_jobs: ClassVar[bool] = False

    url: str = "https://api.cartesia.ai"
    key_variable: str = "CARTESIA_API_KEY"
    at_once: int = 2
    model: str = "sonic-3.5-2026-05-04"
    version: str = "2026-08-14"
    has_times: bool = True
    encoding: str = "pcm_s16le"
    sample_rate_hz: int = 44_100
    volume: float = 1.0
    pronunciation_dict_id: str = ""

    @property
    def has_timing(self) -> bool:
        """Where times are asked for."""
        return self.has_times

    @property
    def contract(self) -> AudioContract:
        """What comes."""
        encoding = next(one for one in ENCODINGS if one == self.encoding)
        return AudioContract("raw" if self.has_times else "wav", encoding, self.sample_rate_hz)

    def about(self) -> About:
        """See `SpeechProvider.about`."""
        return About(
            "speech", "Sonic's voices in many languages, with the times of words and phonemes", _LICENCE, "freemium",
            "https://cartesia.ai/legal/terms.html",
        )  # fmt: skip

    def voices(self) -> Collection[str]:
        """Every id of the form that its voices have."""
        return _VOICES

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """See `SpeechProvider.identity`."""
        return {
            "engine": self.kind,
            "api": self.version,
            "model": self.model,
            "recipe": _RECIPE,
            "contract": f"{'raw' if self.has_times else 'wav'} {self.encoding} {self.sample_rate_hz} Hz",
            "volume": f"{self.volume:g}",
            "pronunciation_dict": self.pronunciation_dict_id,
            "licence": _LICENCE,
        }

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            self.name, self.url.rstrip("/"), self.key(), (("Cartesia-Version", self.version),), _OWN_ERRORS,
            self.at_once, self.per_second,
        )  # fmt: skip

    def problem(self) -> str:
        """See `RemoteProvider.problem`; also a setting that Cartesia would refuse each time."""
        where = f"under [providers.{self.name}] in providers.toml"
        if self.encoding not in ENCODINGS:
            return (
                f'{self.name} does not write "{self.encoding}": set encoding to one of {", ".join(ENCODINGS)} {where}'
            )
        if self.sample_rate_hz not in _RATES_HZ:
            rates = ", ".join(map(str, _RATES_HZ))
            return f"{self.name} does not write {self.sample_rate_hz} Hz: set sample_rate_hz to one of {rates} {where}"
        if not _SOFTEST <= self.volume <= _LOUDEST:
            return f"{self.name} has no volume {self.volume:g}: set volume from {_SOFTEST:g} to {_LOUDEST:g} {where}"
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.version):
            return f'{self.name} has no version "{self.version}": set version to a date such as 2026-08-14 {where}'
        return super().problem()

    def remote(self, kept: Path) -> Remote | None:
        """See `SpeechProvider.remote`."""
        vendor = CartesiaVendor(kept, self.client())
        return Remote(vendor, self.name, self.model, Lane(self.name, self.at_once), KEPT_WHOLE)

    def request(self, request: SpeechRequest) -> Mapping[str, Any]:
        """See `SpeechProvider.request`: the path, and the body as it is sent.

        It takes no seed: a line with another one is a line that is read once more.
        """
        check_line(self.name, request, slowest=_SLOWEST, fastest=_FASTEST)
        voice = one_voice(self.name, request)
        is_old = self.version <= _LAST_WITH_MODE
        language, _, region = request.lang.partition("-")
        body: dict[str, Any] = {
            "model_id": self.model,
            "transcript": _transcript(request),
            "voice": {"mode": "id", "id": voice} if is_old else voice,
            "output_format": {
                "container": self.contract.container,
                "encoding": self.contract.encoding,
                "sample_rate": self.sample_rate_hz,
            },
        }
        body |= {"locale": f"{language}-{region.upper()}"} if region and not is_old else {"language": language}
        how: dict[str, Any] = {} if request.speed == 1.0 else {"speed": request.speed}
        how |= {} if self.volume == 1.0 else {"volume": self.volume}
        how |= {"emotion": _emotion(request)} if _emotion(request) else {}
        body |= {"generation_config": how} if how else {}
        body |= {"pronunciation_dict_id": self.pronunciation_dict_id} if self.pronunciation_dict_id else {}
        if self.has_times:
            return {"path": _STREAM, "body": {**body, "add_timestamps": True, "add_phoneme_timestamps": True}}
        return {"path": _BYTES, "body": body}

    def hear(self, answer: Path, request: SpeechRequest) -> Speech:
        """See `SpeechProvider.hear`."""
        notes = []
        if request.style and not _emotion(request):
            notes.append(f"the style {request.style!r} is no emotion that Cartesia knows: it was not used")
        if not self.has_times:
            return heard(answer.read_bytes(), self.contract, no_times, notes)
        events = orjson.loads(answer.read_bytes())
        return heard(_sound(events), self.contract, partial(_times, events, request), notes)

    def probe(self) -> str:
        """See `RemoteProvider.probe`: one voice, which costs nothing and needs the key."""
        self.client().get("/voices", params={"limit": "1"})
        return f"the key is good; API {self.version}, {self.model}"


@dataclass
class CartesiaVendor(AnsweredVendor):
    """Asks Cartesia; what is kept is the WAV file, or the events of the stream as JSON."""

    client: HttpClient

    def answer(self, request: Mapping[str, Any], files: Mapping[str, Path], key: str, target: Path) -> None:
        """See `AnsweredVendor.answer`."""
        with as_order():
            if request["path"] == _STREAM:
                target.write_bytes(orjson.dumps(self._events(request["body"])))
            else:
                target.write_bytes(self.client.post(request["path"], request["body"], accepts=AUDIO).body)

    def _events(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All events of a stream that came to its end."""
        asked = f"{self.client.service.name}: POST {_STREAM}"
        found: list[dict[str, Any]] = []
        with closing(self.client.events(_STREAM, body)) as stream:
            for event in stream:
                said = _parsed(event.data, asked)
                if said.get("type") == "error":
                    raise _error(said, asked)
                found.append(said)
                if said.get("type") == "done":
                    return found
        raise LostAnswer(f"{asked}: the stream ended after {len(found)} events, before the speech did")


def _transcript(request: SpeechRequest) -> str:
    """The text, with the lexicon's words respelled or in Cartesia's notation for IPA."""
    return pronounced(request.text, request.pronunciations, _ipa)[0]


def _ipa(_word: str, ipa: str) -> str:
    """`<<k|ɑ|ɹ|ˈ|t|i|ʒ|ə>>`: one symbol after the other, and the main stress as one of them."""
    parts = re.split("(ˈ)", ipa.replace("'", "ˈ"))
    return "<<" + "|".join(s for part in parts for s in ([part] if part == "ˈ" else split_ipa(part))) + ">>"


def _emotion(request: SpeechRequest) -> str:
    emotion = request.style.strip().lower()
    return emotion if emotion in _EMOTIONS else ""


def _parsed(data: str, asked: str) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise BadAnswer(f"{asked}: an event of the stream is no JSON object")
    return found


def _error(event: Mapping[str, Any], asked: str) -> Exception:
    """The failure that an event is: the vendor's own, by its status."""
    status = event.get("status_code")
    body = {name: value for name, value in event.items() if name not in ("type", "done", "context_id")}
    is_error = isinstance(status, int) and status >= 400
    return problem_of(asked, int(status or 0) if is_error else 500, {}, orjson.dumps(body), _OWN_ERRORS)


def _sound(events: list[dict[str, Any]]) -> bytes:
    try:
        return b"".join(base64.b64decode(one["data"], validate=True) for one in events if one.get("type") == "chunk")
    except (KeyError, TypeError, binascii.Error) as error:
        raise ContractError("a piece of the streamed audio is no base64: the audio did not come whole") from error


def _times(events: list[dict[str, Any]], request: SpeechRequest, duration_s: float) -> Told:
    """Words and phonemes of all events that have some."""
    words, word_starts, word_ends = _columns(events, "word_timestamps", "words")
    phonemes, starts, ends = _columns(events, "phoneme_timestamps", "phonemes")
    if not len(words) == len(word_starts) == len(word_ends):
        raise WordTimesError(f"{len(words)} words have {len(word_starts)} starts and {len(word_ends)} ends")
    tokens = [Word(*entry) for entry in zip(words, word_starts, word_ends, strict=True)]
    return Told(
        words_of_tokens(request.text, request.lang, tokens, duration_s) if tokens else (),
        phones_of_symbols(phonemes, starts, ends, duration_s),
    )


def _columns(events: list[dict[str, Any]], field: str, names: str) -> tuple[list[str], list[float], list[float]]:
    tables = [one[field] for one in events if isinstance(one.get(field), dict)]
    return (
        [one for table in tables for one in texts(table.get(names), names)],
        [one for table in tables for one in numbers(table.get("start"), f"starts of {names}")],
        [one for table in tables for one in numbers(table.get("end"), f"ends of {names}")],
    )
