"""A line as it is to be spoken today: its text with everything that cast and lexicon say about it.

Its `version` changes when, and only when, something changes that can be heard or seen of this very line.
"""

from dataclasses import dataclass, fields, replace

from audio_assets.domain.action import Json, canonical, sha256_hex
from audio_assets.domain.cast import CastEntry, MouthSettings
from audio_assets.domain.lexicon import Lexicon
from audio_assets.domain.lines import Line
from audio_assets.domain.speech import SpeechRequest

_OF_SPEECH, _OF_MOUTH = (tuple(field.name for field in fields(kind)) for kind in (SpeechRequest, MouthSettings))


@dataclass(frozen=True, slots=True)
class LineRequest:
    """What to render for one partition.

    `stand_in` says whose voice speaks where the cast names none for the character or the language; "" where it does.
    `fallback` is the same line by the engine that serves where this one can not, None for nobody.
    """

    partition: str
    character: str
    engine: str
    speech: SpeechRequest
    gain_db: float
    mouth: MouthSettings
    stand_in: str = ""
    fallback: tuple[str, SpeechRequest] | None = None

    @property
    def version(self) -> str:
        """Sha256 over all that is heard or seen of the line (its gain is the mix's): the version of `dialogue_line`."""
        record: dict[str, Json] = {"character": self.character, "engine": self.engine}
        for name, part, of in (("speech", self.speech, _OF_SPEECH), ("mouth", self.mouth, _OF_MOUTH)):
            record[name] = {field: getattr(part, field) for field in of}  # `asdict` takes eight times as long
        return sha256_hex(canonical(record))


def request_line(partition: str, line: Line, lang: str, entry: CastEntry, lexicon: Lexicon) -> LineRequest:
    """Resolve `line`, spoken in `lang`, against the cast's entry of its character, and the lexicon."""
    speech = SpeechRequest(
        text=line.text,
        lang=entry.lang,
        voice=entry.voice,
        speed=entry.speed,
        style=line.style or entry.style,
        seed=line.seed,
        pronunciations=lexicon.pronunciations(line.text, lang, line.character, short_name=line.short_name),
    )
    return LineRequest(
        partition=partition,
        character=line.character,
        engine=entry.engine,
        speech=speech,
        gain_db=entry.gain_db,
        mouth=entry.mouth,
        stand_in=_stand_in(entry, lang),
        fallback=None if entry.fallback is None else (entry.fallback[0], replace(speech, voice=entry.fallback[1])),
    )


def _stand_in(entry: CastEntry, lang: str) -> str:
    if entry.is_default:
        return "the narrator's voice"
    return f"the engine's default voice for '{lang}'" if entry.is_default_voice else ""
