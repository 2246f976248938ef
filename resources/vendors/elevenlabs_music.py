"""ElevenLabs Music: one request that is answered with the sound, as a provider of music.

A piece without lyrics is asked for with a prompt and a length, and nobody sings; with a prompt the vendor takes no
seed. Lyrics are asked for with a plan: sections with lengths, styles and lines, and a seed. The first model and its
successors have plans of different shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from audio_assets.domain.music_ask import MusicAsk, MusicCapabilities, lyric_sections
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.remix_spec import RemixError
from audio_assets.domain.rendering import PermanentError
from resources.answered_vendor import AnsweredVendor
from resources.http_client import AUDIO, Answer, HttpClient, Service, Timeouts
from resources.http_errors import BadAnswer, as_order
from resources.music import MusicProvider
from resources.ordered import Remote
from resources.paid_vendor import Refused
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.secrets import hide
from resources.vendors.elevenlabs import elevenlabs_account, elevenlabs_service

_LICENCE = "ElevenLabs Music Terms: paid plans only, uses by plan"
_MODELS = ("music_v2", "music_v2_5", "music_v1")
_SHORTEST_S, _LONGEST_S = 3.0, 600.0
_SECTION_S = (3.0, 120.0)
_MOST_SECTIONS, _LONGEST_LINE = 30, 200
_LONGEST_PROMPT = 4100
_LARGEST_SEED = 2**31 - 1
_DECODABLE = ("mp3_", "opus_")  # the other formats have no header, or are for telephones
_EXPLAINED = (400, 422)
_MAKING_S = 600.0  # the answer comes when all of it is made


class ElevenLabsMusic(RemoteProvider, MusicProvider):
    """Eleven Music.

    Settings: `output_format` is `mp3_<Hz>_<kbit/s>` or `opus_<Hz>_<kbit/s>`; more than 128 kbit/s needs a larger plan.
    """

    kind: ClassVar[str] = "elevenlabs_music"
    has_jobs: ClassVar[bool] = False

    url: str = "https://api.elevenlabs.io"
    key_variable: str = "ELEVENLABS_API_KEY"
    at_once: int = 2
    output_format: str = "mp3_44100_128"

    def about(self) -> About:
        """See `MusicProvider.about`."""
        return About(
            "music", "music from words, with lyrics where there are some", _LICENCE, "paid",
            "https://elevenlabs.io/music-terms", _MODELS,
        )  # fmt: skip

    def models(self) -> tuple[str, ...]:
        """The newest general one first, the first one last."""
        return _MODELS

    def capabilities(self, model: str) -> MusicCapabilities:
        """See `MusicProvider.capabilities`."""
        self.check_model(model)
        return MusicCapabilities(_SHORTEST_S, _LONGEST_S, takes_lyrics=True)

    def identity(self, model: str) -> Mapping[str, str]:
        """See `MusicProvider.identity`; the format is in the request."""
        self.check_model(model)
        return {"engine": self.kind, "api": "v1", "model": model, "licence": _LICENCE}

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return elevenlabs_service(self, Timeouts(read_s=_MAKING_S))

    def remote(self, model: str, kept: Path) -> Remote | None:
        """See `MusicProvider.remote`."""
        self.check_model(model)
        return Remote(ElevenLabsMusicVendor(kept, self.client()), self.name, model, Lane(self.name, self.at_once))

    def request(self, model: str, ask: MusicAsk) -> Mapping[str, Any]:
        """See `MusicProvider.request`: the body of `/v1/music`, and the format, which goes into the address."""
        self.check_model(model)
        if not self.output_format.startswith(_DECODABLE):
            raise PermanentError(
                f'{self.name}: output_format "{self.output_format}" can not be read here: write mp3_44100_128, '
                "or another mp3 or opus"
            )
        common = {"model_id": model, "output_format": self.output_format}
        if not ask.lyrics:
            length_ms = round(ask.duration_s * 1000)
            words = ", ".join([ask.prompt, *_measures(ask)])
            if len(words) > _LONGEST_PROMPT:
                raise PermanentError(
                    f"{self.name} takes {_LONGEST_PROMPT} letters of a prompt, not {len(words)}: shorten the prompt of "
                    "the style, or mood_tags"
                )
            return {**common, "prompt": words, "music_length_ms": length_ms, "force_instrumental": True}
        if ask.seed > _LARGEST_SEED:
            raise PermanentError(f"{self.name} takes seeds up to {_LARGEST_SEED}, not {ask.seed}: lower seed")
        return {**common, "composition_plan": self._plan(model, ask), "seed": ask.seed}

    def probe(self) -> str:
        """The account that the key belongs to: its plan, and what it has left."""
        return elevenlabs_account(self.client())

    def _plan(self, model: str, ask: MusicAsk) -> dict[str, Any]:
        """The lyrics in sections: `chunks` for the second generation of models, `sections` for the first."""
        try:
            sections = lyric_sections(ask.lyrics, ask.duration_s, shortest_s=_SECTION_S[0], longest_s=_SECTION_S[1])
        except RemixError as error:
            raise PermanentError(f"{self.name}: {error}") from error
        if len(sections) > _MOST_SECTIONS:
            raise PermanentError(
                f"{self.name} takes {_MOST_SECTIONS} sections of lyrics, and there are {len(sections)}: join some"
            )
        long = next((line for one in sections for line in one.lines if len(line) > _LONGEST_LINE), "")
        if long:
            raise PermanentError(f'{self.name} takes {_LONGEST_LINE} letters a line: part "{long[:40]}..." in lyrics')
        styles = [part.strip() for part in ask.prompt.split(",") if part.strip()] + _measures(ask)
        names = [one.name or f"Part {number}" for number, one in enumerate(sections, start=1)]
        if model == "music_v1":
            return {
                "positive_global_styles": styles,
                "negative_global_styles": [],
                "sections": [
                    {"section_name": name, "positive_local_styles": [], "negative_local_styles": [],
                     "duration_ms": one.duration_ms, "lines": list(one.lines)}
                    for name, one in zip(names, sections, strict=True)
                ],
            }  # fmt: skip
        return {
            "chunks": [
                {"text": "\n".join([f"[{name}]", *one.lines]), "duration_ms": one.duration_ms,
                 "positive_styles": styles, "negative_styles": []}
                for name, one in zip(names, sections, strict=True)
            ]
        }  # fmt: skip


@dataclass
class ElevenLabsMusicVendor(AnsweredVendor):
    """`/v1/music` as a vendor that answers at once."""

    client: HttpClient

    def answer(self, request: Mapping[str, Any], files: Mapping[str, Path], key: str, target: Path) -> None:
        """See `AnsweredVendor.answer`."""
        body = dict(request)
        params = {"output_format": str(body.pop("output_format"))}
        with as_order():
            answer = self.client.ask("POST", "/v1/music", json=body, params=params, accepts=AUDIO, passes=_EXPLAINED)
        if answer.status in _EXPLAINED:
            raise Refused(_why(answer, self.client.service.name))
        target.write_bytes(answer.body)


def _measures(ask: MusicAsk) -> list[str]:
    """Tempo and key in words, where they are known."""
    return [*([f"{ask.bpm:.0f} BPM"] if ask.bpm else []), *([f"in {ask.key}"] if ask.key else [])]


def _why(answer: Answer, name: str) -> str:
    """The vendor's own reason, and what it suggests instead, in one sentence."""
    try:
        said = answer.json()
    except BadAnswer:
        said = {}
    detail = said.get("detail") if isinstance(said, dict) else said
    if isinstance(detail, list):  # the form of its checks of single fields
        faults = [one for one in detail if isinstance(one, dict)]
        named = [f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}" for one in faults]
        return hide(f"{name} refuses the request ({answer.status}): {'; '.join(named) or 'no reason given'}")
    detail = detail if isinstance(detail, dict) else {"message": detail}
    status, message = detail.get("status") or answer.status, detail.get("message") or "no reason given"
    data = detail.get("data")
    suggestion = data.get("prompt_suggestion") if isinstance(data, dict) else None
    remedy = f"; it suggests: {suggestion}" if suggestion else ""
    change = "; change the prompt of the style, mood_tags or lyrics" if str(status).startswith("bad_") else ""
    return hide(f"{name} refuses the request ({status}): {message}{remedy}{change}", longest=900)
