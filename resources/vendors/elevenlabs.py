"""ElevenLabs: speech with the times of its characters, and the alignment of a text to any speech.

It tells no phonemes; those of its words are found here (`resources/engines/word_phones.py`). Its music is
`elevenlabs_music.py`, which is asked in the same way (`elevenlabs_service`, `elevenlabs_account`).
"""

import base64
import binascii
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.audio_contract import AudioContract, Container, ContractError, Encoding
from audio_assets.domain.pronounced import no_ipa, pronounced
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.spoken import Spoken
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Timeline, Word
from audio_assets.domain.voices import VoiceIds
from audio_assets.domain.word_times import WordTimesError, words_of_characters, words_of_tokens
from resources.alignment import Aligner, fill_identity, filler
from resources.answered_vendor import AnsweredVendor
from resources.http_client import HttpClient, Service, Timeouts, Upload
from resources.http_errors import as_order
from resources.ordered import Remote
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider, Times
from resources.vendors.lines import (
    KEPT_WHOLE,
    Told,
    check_line,
    heard,
    numbers,
    one_voice,
    read_json,
    spelled_notes,
    texts,
)

_URL, _KEY = "https://api.elevenlabs.io", "ELEVENLABS_API_KEY"
_LICENCE = "ElevenLabs' terms of service; commercial use on paid plans"
_TERMS = "https://elevenlabs.io/terms-of-use"
_RECIPE = "1"
"""Raise when the same line is asked for, or read, in another way."""
_ALIGNMENT = "/v1/forced-alignment"
_ALIGNMENT_MODEL = "forced-alignment"
_SLOWEST, _FASTEST = 0.7, 1.2
_N_SEEDS = 2**32
_TAKES_LANGUAGE = ("eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_v3")
_TAKES_IPA = ("eleven_flash_v2", "eleven_monolingual_v1")  # in English; others skip the word without a word
_LONGEST = {"eleven_flash_v2_5": 40_000, "eleven_turbo_v2_5": 40_000, "eleven_flash_v2": 30_000,
            "eleven_turbo_v2": 30_000, "eleven_v3": 5_000}  # fmt: skip
_LONGEST_OF_OTHERS = 10_000
_FORMAT = re.compile(r"(pcm|wav|ulaw|alaw)_(\d{4,5})")
_TIMEOUTS = Timeouts()
_ENCODINGS: Mapping[str, tuple[Container, Encoding]] = {
    "pcm": ("raw", "pcm_s16le"), "wav": ("wav", "pcm_s16le"), "ulaw": ("raw", "pcm_mulaw"), "alaw": ("raw", "pcm_alaw"),
}  # fmt: skip
_VOICES = VoiceIds(
    "[A-Za-z0-9]{20}", 'the id of a voice of ElevenLabs, such as "JBFqnCBsd6RMkjVDRZzb"; [names] may give it a name'
)
_ALIGNED = frozenset({
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "id", "it", "ja", "ko", "ms", "nl",
    "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "zh",
})  # fmt: skip


def elevenlabs_service(provider: RemoteProvider, timeouts: Timeouts = _TIMEOUTS) -> Service:
    """How everything of ElevenLabs is asked."""
    return Service(
        provider.name, provider.url.rstrip("/"), provider.key(header="xi-api-key", form="{}"), own_errors=("detail",),
        at_once=provider.at_once, per_second=provider.per_second, timeouts=timeouts,
    )  # fmt: skip


def elevenlabs_account(client: HttpClient) -> str:
    """The plan of the account that the key belongs to, and what it has left."""
    said = client.get("/v1/user/subscription").json()
    tier, used, limit = (said.get(name) for name in ("tier", "character_count", "character_limit"))
    return f"plan {tier}, {used} of {limit} credits used"


class ElevenLabsSpeech(RemoteProvider, SpeechProvider):
    """Its voices, by their ids.

    Settings: `model`; `output_format` is `wav_<Hz>`, `pcm_<Hz>`, `ulaw_8000` or `alaw_8000` (44.1 kHz needs a larger
    plan).
    """

    kind: ClassVar[str] = "elevenlabs"
    has_jobs: ClassVar[bool] = False

    url: str = _URL
    key_variable: str = _KEY
    at_once: int = 2
    model: str = "eleven_multilingual_v2"
    output_format: str = "wav_24000"

    @property
    def has_timing(self) -> bool:
        """It tells characters, and so words."""
        return False

    @property
    def timing(self) -> Times:
        """See `SpeechProvider.timing`."""
        return "words"

    @property
    def contract(self) -> AudioContract:
        """What comes, after `output_format`.

        Raises:
            ValueError: that is none of those that can be read here; `problem` says which can.
        """
        match = _FORMAT.fullmatch(self.output_format)
        if match is None:
            raise ValueError(f"output_format is {self.output_format}")
        container, encoding = _ENCODINGS[match[1]]
        return AudioContract(container, encoding, int(match[2]))

    def about(self) -> About:
        """See `SpeechProvider.about`."""
        return About("speech", "its voices in many languages, with word times", _LICENCE, "freemium", _TERMS)

    def voices(self) -> Collection[str]:
        """Every id of the form that its voices have."""
        return _VOICES

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """See `SpeechProvider.identity`."""
        return {
            "engine": self.kind,
            "api": "v1",
            "model": self.model,
            "recipe": _RECIPE,
            "contract": self.output_format,
            "licence": _LICENCE,
        }

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return elevenlabs_service(self)

    def problem(self) -> str:
        """See `RemoteProvider.problem`; also a format that can not be read here."""
        if not _FORMAT.fullmatch(self.output_format):
            return (
                f'{self.name} can not be heard as "{self.output_format}" here: set output_format to wav_24000 or '
                f"another wav or pcm under [providers.{self.name}] in providers.toml"
            )
        return super().problem()

    def remote(self, kept: Path) -> Remote | None:
        """See `SpeechProvider.remote`."""
        vendor = ElevenLabsVendor(kept, self.client())
        return Remote(vendor, self.name, self.model, Lane(self.name, self.at_once), KEPT_WHOLE)

    def request(self, request: SpeechRequest) -> Mapping[str, Any]:
        """See `SpeechProvider.request`: the path, what goes into the address, and the body as it is sent."""
        said = self._said(request)[0]
        longest = _LONGEST.get(self.model, _LONGEST_OF_OTHERS)
        check_line(self.name, replace(request, text=said), slowest=_SLOWEST, fastest=_FASTEST, longest=longest)
        voice = one_voice(self.name, request)
        language = request.lang.partition("-")[0]
        body: dict[str, Any] = {
            "text": said,
            "model_id": self.model,
            "seed": request.seed % _N_SEEDS,
        }
        body |= {"language_code": language} if self.model in _TAKES_LANGUAGE else {}
        body |= {"voice_settings": {"speed": request.speed}} if request.speed != 1.0 else {}
        path = f"/v1/text-to-speech/{voice}/with-timestamps"
        return {"path": path, "params": {"output_format": self.output_format}, "body": body}

    def hear(self, answer: Path, request: SpeechRequest) -> Speech:
        """See `SpeechProvider.hear`."""
        said, spelled = self._said(request)
        notes = list(spelled_notes(self.name, spelled))
        if request.style:
            notes.append(f"{self.name} takes no style: {request.style!r} was not used")
        found = read_json(answer, "audio_base64", "alignment")
        if found["alignment"] is None:
            notes.append("it told no times of this line")
        return heard(_sound(found), self.contract, partial(_times, found["alignment"], request, said), notes)

    def probe(self) -> str:
        """See `RemoteProvider.probe`."""
        return elevenlabs_account(self.client())

    def _said(self, request: SpeechRequest) -> tuple[str, tuple[str, ...]]:
        """The text with the lexicon's words as they are to be said, and those that can not be told."""
        can_be_told = self.model in _TAKES_IPA and request.lang.partition("-")[0] == "en"
        return pronounced(request.text, request.pronunciations, _phoneme_tag if can_be_told else no_ipa)


class ElevenLabsAligner(RemoteProvider, Aligner):
    """Forced alignment: the times of a text's words in any speech, whoever spoke; their phonemes are found here."""

    kind: ClassVar[str] = "elevenlabs_alignment"
    has_jobs: ClassVar[bool] = False

    url: str = _URL
    key_variable: str = _KEY
    at_once: int = 2

    def about(self) -> About:
        """See `Aligner.about`."""
        return About("alignment", "words in 29 languages; their phonemes are found here", _LICENCE, "freemium", _TERMS)

    def languages(self) -> frozenset[str]:
        """Those of its multilingual models."""
        return _ALIGNED

    def identity(self) -> Mapping[str, str]:
        """See `Aligner.identity`."""
        filled = {f"phones {name}": value for name, value in fill_identity().items()}
        return {"engine": self.kind, "api": "v1", "recipe": _RECIPE, **filled, "licence": _LICENCE}

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return elevenlabs_service(self)

    def remote(self, kept: Path) -> Remote | None:
        """See `Aligner.remote`."""
        vendor = ElevenLabsVendor(kept, self.client())
        return Remote(vendor, self.name, _ALIGNMENT_MODEL, Lane(self.name, self.at_once), KEPT_WHOLE)

    def request(self, text: str, lang: str) -> Mapping[str, Any]:
        """See `Aligner.request`: the path, and the field of the form that goes with the file."""
        return {"path": _ALIGNMENT, "form": {"text": text}}

    def read(self, answer: Path, pcm: NDArray[np.int16], sample_rate_hz: int, text: str, lang: str) -> AlignmentRecord:
        """See `Aligner.read`. Its loss in nats is told as a confidence: exp(-loss)."""
        found = read_json(answer, "words", "loss")
        duration_s = len(pcm) / sample_rate_hz
        words = words_of_tokens(text, lang, _aligned_words(found["words"]), duration_s)
        spoken = Spoken(text, lang, "", self.kind, (), Timeline((), words, duration_s))
        loss = numbers([found["loss"]], "loss")[0]
        if not loss >= 0:
            raise WordTimesError(f"its loss is {loss}")
        return AlignmentRecord(
            filler()(pcm, sample_rate_hz, spoken), f"{self.kind} words + phones", math.exp(-loss)
        )  # fmt: skip

    def probe(self) -> str:
        """See `RemoteProvider.probe`."""
        return elevenlabs_account(self.client())


@dataclass
class ElevenLabsVendor(AnsweredVendor):
    """Asks ElevenLabs; what is kept is its answer, JSON."""

    client: HttpClient

    def answer(self, request: Mapping[str, Any], files: Mapping[str, Path], key: str, target: Path) -> None:
        """See `AnsweredVendor.answer`."""
        sound = {"file": Upload("audio.wav", files["audio"], "audio/wav")} if "audio" in files else None
        with as_order():
            answer = self.client.ask(
                "POST", request["path"], json=request.get("body"), form=request.get("form"), files=sound,
                params=request.get("params"),
            )  # fmt: skip
        target.write_bytes(answer.body)


def _phoneme_tag(word: str, ipa: str) -> str:
    return f'<phoneme alphabet="ipa" ph="{escape(ipa)}">{escape(word)}</phoneme>'


def _sound(found: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(found["audio_base64"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ContractError("the audio of the answer is no base64: it did not come whole") from error


def _times(alignment: Any, request: SpeechRequest, said: str, duration_s: float) -> Told:
    """Words by the times of the characters that were sent, which differ from the text's where the lexicon says so."""
    if alignment is None:
        return Told()
    if not isinstance(alignment, dict):
        raise WordTimesError("they are no object")
    characters = texts(alignment.get("characters"), "characters")
    starts = numbers(alignment.get("character_start_times_seconds"), "starts of characters")
    ends = numbers(alignment.get("character_end_times_seconds"), "ends of characters")
    if "<phoneme" in said:
        characters, starts, ends = _without_tags(characters, starts, ends)
    return Told(words_of_characters(request.text, request.lang, characters, starts, ends, duration_s))


def _without_tags(
    characters: list[str], starts: list[float], ends: list[float]
) -> tuple[list[str], list[float], list[float]]:
    """The characters that are not of a tag."""
    kept: list[int] = []
    is_inside = False
    for n, character in enumerate(characters):
        is_inside = is_inside or character == "<"
        if not is_inside:
            kept.append(n)
        is_inside = is_inside and character != ">"
    return [characters[n] for n in kept], [starts[n] for n in kept], [ends[n] for n in kept]


def _aligned_words(words: Any) -> list[Word]:
    if not isinstance(words, list) or not all(isinstance(word, dict) for word in words):
        raise WordTimesError("its words are no list")
    said = texts([word.get("text") for word in words], "words")
    starts = numbers([word.get("start") for word in words], "starts of words")
    ends = numbers([word.get("end") for word in words], "ends of words")
    return [Word(*entry) for entry in zip(said, starts, ends, strict=True)]
