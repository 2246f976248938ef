"""Stage `speech`: a dialogue line becomes a voice, and the voice a timeline of phonemes and words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_assets import ordering, partitions
from audio_assets.books.providerbook import named_first
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, SPOKEN, WAV, alignment_artifact
from audio_assets.domain.line_request import LineRequest
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import INTENDED, Rendered
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.recipe import Recipe, StandIn
from audio_assets.stage import rendered_asset
from audio_assets.stages.script_sources import DialogueLine
from audio_assets.stages.spoken import Spoken
from audio_assets.studio import Timing
from resources.alignment import Aligner
from resources.ordered import Remote
from resources.pool import Call
from resources.remote import RemoteProvider


class VoiceLine(Spoken):
    """Speaks a line."""

    asset = "voice_line"
    code_version = "1"
    folder = "audio/tts"
    source = DialogueLine
    published = {"alignment": ALIGNMENT, "lipsync": LIPSYNC}

    def partitions(self) -> Sequence[str]:
        """Every line of every script."""
        return list(self.studio.dialogue.cues)

    def request(self, partition: str) -> LineRequest:
        """The line with all that cast, lexicon and script say of it."""
        return self.studio.dialogue.request(partition)

    def origins(self, partition: str) -> Iterator[Origin]:
        """The line of the script, the cast's entry, the lexicon's words."""
        return self.studio.dialogue.origins(partition)

    def project(self, partition: str) -> str:
        """The script."""
        return self.studio.dialogue.script(partition)

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """A voice rendered anew to the same bytes keeps its alignment and mouth: they come along into its directory."""
        content = sidecar.content
        for asset, parent, name in (("alignment", "voice_line", ALIGNMENT), ("lipsync", "alignment", LIPSYNC)):
            ref = self.studio.refs(asset).get(partition)
            found = self.store.find(ref.object) if ref else None
            if ref is None or found is None or found.action["inputs"].get(parent) != content:
                return
            self.publish_into(self.asset, partition, name, ref.object, found)
            content = found.content


class Alignment(Recipe):
    """Finds when each phoneme and word of a voice is spoken."""

    asset = "alignment"
    code_version = "1"
    pool = "alignment"
    folder = "audio/alignments"
    source = DialogueLine

    def partitions(self) -> Sequence[str]:
        """Every line of every script."""
        return list(self.studio.dialogue.cues)

    def describe(self, partition: str) -> Action:
        """The voice's content, and who finds the times."""
        return self._action(partition, self._timing(partition))

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The aligner's call, or the order."""
        voice = sources["voice_line"]
        timing, facts = self._timing_of(action, voice), self.sidecar(voice).facts
        files = self.read(voice, WAV, SPOKEN)
        wav, spoken = files[WAV], files[SPOKEN]
        aligner = timing.aligner
        remote = None if aligner is None else aligner.remote(self.studio.kept_answers)
        if aligner is None or remote is None:
            align = None if aligner is None else aligner.aligner()
            return Call(alignment_artifact, (wav, spoken, align, timing.refine, timing.fill))
        text, lang = str(facts["text"]), str(facts["lang"])
        order = ordering.order(
            self.studio, remote, action, self.studio.dialogue.script(partition), aligner.request(text, lang),
            seconds=float(facts["duration_s"]), n_characters=len(text),
        )  # fmt: skip

        def make(answer: Path) -> Rendered:
            def read(pcm: NDArray[np.int16], rate_hz: int, text: str) -> AlignmentRecord:
                return aligner.read(answer, pcm, rate_hz, text, lang)

            return alignment_artifact(wav, spoken, read, None)

        def check(answer: Path) -> None:
            make(answer)

        audio = {"audio": self.local_file(voice, WAV)}
        return ordering.call(self.studio, remote, order, audio, self.studio.scratch_file(".answer"), make, check)

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """Whoever finds the times."""
        return self._timing_of(action, sources["voice_line"]).identity

    def stand_in(self, partition: str, action: Action) -> StandIn | None:
        """The aligner that the studio names for that."""
        name = self.studio.providers.fallback("alignment")
        wanted = self._timing(partition)
        if not name or wanted.aligner is None or wanted.aligner.name == name:
            return None
        instead = self._timing(partition, aligner=name)
        return StandIn(name, self._action(partition, instead, stands_in_for=wanted.aligner.name))

    def remote(self, partition: str) -> Remote | None:
        """Where the aligner is asked."""
        aligner = self._timing(partition).aligner
        return None if aligner is None else aligner.remote(self.studio.kept_answers)

    def _action(self, partition: str, timing: Timing, **more: str) -> Action:
        voice = self.upstream("voice_line", partition)
        return Action(self.asset, self.code_version, timing.identity, more, {"voice_line": voice.content})

    def _timing(self, partition: str, aligner: str = "") -> Timing:
        """Who finds the times of the voice as it is; where a stand-in spoke, of that one."""
        request, voice = self.studio.dialogue.request(partition), self.upstream("voice_line", partition)
        stood_in = INTENDED in voice.failed_checks
        engine = str(self.sidecar(voice.object).facts["engine"]) if stood_in else request.engine
        is_certain = not isinstance(self.studio.speaker(engine), RemoteProvider)  # what it tells of each line
        told = None if is_certain else self.sidecar(voice.object).facts["times"]
        return self.studio.timing(engine, request.speech.lang, aligner, told)

    def _timing_of(self, action: Action, voice: str) -> Timing:
        """Who finds the times of a voice as an action says: by the aligner that is in it, or one of its engine today.

        Raises:
            PermanentError: nobody can, as things stand.
        """
        facts = self.sidecar(voice).facts
        engine, lang = str(facts["engine"]), str(facts["lang"])
        speaker = self.studio.providers.of("speech").get(engine)
        is_certain = speaker is not None and not isinstance(speaker, RemoteProvider)
        told = None if is_certain else facts.get("times")

        def ask(aligner: Aligner, _model: str) -> Mapping[str, str]:
            return self.studio.timing(engine, lang, aligner.name, told).identity

        alike = [name for name, _ in self.studio.providers.alike("alignment", action.provider, ask)]
        use = self.studio.providers.use("alignment")
        return self.studio.timing(engine, lang, named_first(alike or [use], lambda: [use]), told)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The voice."""
        return (("voice_line", partition),)

    def copies(self, partition: str, sidecar: Sidecar) -> Mapping[str | Path, str]:
        """In the voice's own directory."""
        return self.copy_into("voice_line", partition, ALIGNMENT, sidecar)

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Into the voice's own directory, where readers of a line look."""
        self.publish_into("voice_line", partition, ALIGNMENT, folder, sidecar)


voice_line = rendered_asset(
    VoiceLine,
    "A line spoken by its character's voice: `audio/tts/<cache_key>/out.wav`, PCM16 mono at the engine's rate.",
    partitions_def=partitions.lines,
    group="speech",
    kind="wav",
)

alignment = rendered_asset(
    Alignment,
    "When each phoneme and word of a voice is spoken: `alignment.json`, IPA, seconds.",
    partitions_def=partitions.lines,
    group="speech",
    kind="json",
    deps=["voice_line"],
)
