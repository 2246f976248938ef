"""What every vendor of speech does with a line: what may be asked for, and the speech in what was answered.

How a vendor is asked, and where in its answer sound and times are, is the vendor's own module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from audio_assets.domain.audio_contract import AudioContract, decode
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timeline import Phone, Timeline, Word
from audio_assets.domain.word_times import CutOffError, WordTimesError
from resources.paid_jobs import Patience

KEPT_WHOLE = Patience(n_fetches=1)
"""For an answer that was kept: what is wrong with it stays so, however often it is copied."""


@dataclass(frozen=True, slots=True)
class Told:
    """Times that a vendor told of its speech, as the text's words and our phonemes."""

    words: tuple[Word, ...] = ()
    phonemes: tuple[Phone, ...] = ()


def one_voice(provider: str, request: SpeechRequest) -> str:
    """The voice of a request.

    Raises:
        PermanentError: it mixes several, and this provider can not.
    """
    names = [name for name, weight in request.voice if weight > 0]
    if len(names) != 1:
        raise PermanentError(f"{provider} can not mix voices: name one of {', '.join(names) or 'its own'} in the cast")
    return names[0]


def check_line(provider: str, request: SpeechRequest, *, slowest: float, fastest: float, longest: int = 0) -> None:
    """Whether a line may be asked for; `longest` in characters, 0 for any.

    Raises:
        PermanentError: nothing to speak, a speed that it can not, too long a text.
    """
    if not any(c.isalnum() for c in request.text):
        raise PermanentError(f"there is nothing to speak in {request.text!r}")
    if not slowest <= request.speed <= fastest:
        raise PermanentError(
            f"{provider} speaks at speeds from {slowest:g} to {fastest:g}, not at {request.speed:g}: change speed in "
            "the cast"
        )
    if longest and len(request.text) > longest:
        raise PermanentError(
            f"{provider} takes {longest} characters at once, and this line has {len(request.text)}: divide it"
        )


def spelled_notes(provider: str, words: Sequence[str]) -> tuple[str, ...]:
    """For words whose IPA a voice can not be told."""
    return tuple(f"{provider} can not be told IPA here: {word!r} is spoken as it is spelled" for word in words)


def heard(audio: bytes, contract: AudioContract, times: Callable[[float], Told], notes: Sequence[str] = ()) -> Speech:
    """The speech in `audio`, with the times that `times` finds in the answer, given how many seconds the sound lasts.

    Times that do not fit the text are left out with a note: an aligner can find them.

    Raises:
        ContractError: the sound is not what was ordered.
        CutOffError: it ends before its last word.
    """
    sound = decode(audio, contract)
    duration_s = len(sound.pcm) / sound.sample_rate_hz
    said = [*notes, *sound.notes]
    timeline = None
    try:
        told = times(duration_s)
        if told.words or told.phonemes:
            timeline = Timeline(told.phonemes, told.words, duration_s)
    except CutOffError:
        raise
    except WordTimesError as error:
        said.append(f"its own times were not used: {error}")
    return Speech(sound.pcm, sound.sample_rate_hz, timeline, tuple(said))


def no_times(_duration_s: float) -> Told:
    """For an answer that tells none."""
    return Told()


def read_json(answer: Path, *fields: str) -> Mapping[str, Any]:
    """A kept answer that is a JSON object with these fields.

    Raises:
        ValueError: it is not.
    """
    try:
        found = orjson.loads(answer.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the answer is no JSON: {error}") from error
    missing = [name for name in fields if name not in found] if isinstance(found, dict) else list(fields)
    if missing:
        raise ValueError(f"the answer has no {', '.join(missing)}")
    return dict(found)


def numbers(value: Any, what: str) -> list[float]:
    """A list of numbers of an answer.

    Raises:
        WordTimesError: it is none.
    """
    is_list = isinstance(value, list)
    if not is_list or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        raise WordTimesError(f"its {what} are no list of numbers")
    return [float(one) for one in value]


def texts(value: Any, what: str) -> list[str]:
    """A list of texts of an answer.

    Raises:
        WordTimesError: it is none.
    """
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise WordTimesError(f"its {what} are no list of texts")
    return value
