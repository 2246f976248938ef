"""What every recipe does that has something spoken: the engine's call or the order, its price, who stands in.

The lines of scripts (`speech`), stems (`stems`) and live messages (`live`) are made here; what each is, and what is
kept of it, is theirs.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from audio_assets import ordering
from audio_assets.books.providerbook import named_first
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import Speak, voice_artifact
from audio_assets.domain.line_request import LineRequest
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.speech import SpeechRequest
from audio_assets.recipe import Recipe, StandIn
from resources.ordered import Remote
from resources.pool import Call
from resources.speech import SpeechProvider

LETTERS_PER_S = 15.0
"""About how fast people speak; for estimates."""

MakeVoice = Callable[[Speak, str, SpeechRequest, str], Rendered]
"""From who speaks, the engine's name, what, and the character to the artifact; picklable."""


class Spoken(Recipe):
    """A recipe whose partitions are spoken by the engine that the cast names."""

    pool = "speech"
    n_threads = 1
    """Of an engine on this machine, for one partition."""

    @abstractmethod
    def request(self, partition: str) -> LineRequest:
        """What is to be spoken, by whom, and who stands in.

        Raises:
            PermanentError: nothing can be.
        """

    def contract(self) -> Mapping[str, Any]:
        """What the action says besides the request; a change of it makes every partition stale."""
        return {}

    def voicing(self, engine: str, identity: Mapping[str, Any]) -> MakeVoice:
        """What makes the artifact of what an engine of this identity says."""
        return voice_artifact

    def describe(self, partition: str) -> Action:
        """The engine, and everything that cast, lexicon and the text's source say."""
        request = self.request(partition)
        return self._action(request.engine, request.speech, request.character)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The engine's call, or the order."""
        speech = _speech(action)
        engine = self._engine(partition, action, speech)
        provider = self.studio.speaker(engine)
        character = action.params["character"]
        remote, make = provider.remote(self.studio.kept_answers), self.voicing(engine, action.provider)
        if remote is None:
            return Call(make, (provider.speaker(self.n_threads), engine, speech, character))
        order = ordering.order(
            self.studio, remote, action, self.project(partition), provider.request(speech),
            seconds=len(speech.text) / LETTERS_PER_S, n_characters=len(speech.text),
        )  # fmt: skip
        scratch = self.studio.scratch_file(".answer")
        heard = partial(_heard, make, provider, engine, speech, character)
        check = partial(_check, provider, speech)
        return ordering.call(self.studio, remote, order, {}, scratch, heard, check)

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """The engine, for this very request."""
        speech = _speech(action)
        return self.studio.speaker(self._engine(partition, action, speech)).identity(speech)

    def stand_in(self, partition: str, action: Action) -> StandIn | None:
        """The engine that the cast, or the studio, names for that."""
        request = self.request(partition)
        if request.fallback is None:
            return None
        engine, speech = request.fallback
        instead = self._action(engine, speech, request.character, stands_in_for=request.engine)
        return StandIn(engine, instead)

    def remote(self, partition: str) -> Remote | None:
        """Where the line is ordered."""
        return self.studio.speaker(self.request(partition).engine).remote(self.studio.kept_answers)

    def _action(self, engine: str, speech: SpeechRequest, character: str, **more: str) -> Action:
        return Action(
            self.asset,
            self.code_version,
            self.studio.speaker(engine).identity(speech),
            {
                "character": character,
                "text": speech.text,
                "lang": speech.lang,
                "voice": [list(part) for part in speech.voice],
                "speed": speech.speed,
                "style": speech.style,
                "seed": speech.seed,
                "pronunciations": [list(pair) for pair in speech.pronunciations],
                **self.contract(),
                **more,
            },
        )

    def _engine(self, partition: str, action: Action, speech: SpeechRequest) -> str:
        """Who speaks an action: of several servers that are alike, the one that the cast names.

        Raises:
            PermanentError: nobody of that kind is here any more.
        """
        alike = self.studio.providers.alike("speech", action.provider, lambda one, _: one.identity(speech))
        names = [name for name, _ in alike]
        if not names:
            raise PermanentError(f"{action.provider.get('engine')} spoke it, and is no speech engine here any more")

        def named() -> list[str]:
            request = self.request(partition)
            return [request.engine, *([request.fallback[0]] if request.fallback else [])]

        return named_first(names, named)

    def estimate_s(self, partition: str) -> float:
        """By the engine's speed."""
        request = self.request(partition)
        return len(request.speech.text) / LETTERS_PER_S * self.studio.speaker(request.engine).realtime_factor

    def estimate_usd(self, partition: str) -> float:
        """The price of what is ordered, 0 where it can not be."""
        text = self.request(partition).speech.text
        remote, seconds = partial(self.remote, partition), len(text) / LETTERS_PER_S
        return ordering.estimate_usd(self.studio, remote, seconds=seconds, n_characters=len(text))


def _speech(action: Action) -> SpeechRequest:
    """What an action has spoken."""
    said = action.params
    return SpeechRequest(
        text=said["text"],
        lang=said["lang"],
        voice=tuple((str(name), float(weight)) for name, weight in said["voice"]),
        speed=said["speed"],
        style=said["style"],
        seed=said["seed"],
        pronunciations=tuple((str(word), str(spoken)) for word, spoken in said["pronunciations"]),
    )


def _heard(
    make: MakeVoice, provider: SpeechProvider, engine: str, speech: SpeechRequest, character: str, answer: Path
) -> Rendered:
    """The artifact of a voice that came from elsewhere."""
    return make(lambda request: provider.hear(answer, request), engine, speech, character)


def _check(provider: SpeechProvider, speech: SpeechRequest, answer: Path) -> None:
    provider.hear(answer, speech)
