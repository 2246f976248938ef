"""Stage `speech`: a dialogue line becomes a voice, and the voice a timeline of phonemes and words."""

from collections.abc import Sequence

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, SPOKEN, WAV, alignment_artifact, voice_artifact
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.render import Recipe
from audio_assets.script_sources import DialogueLine
from audio_assets.stage import rendered_asset
from resources.pool import Call


class VoiceLine(Recipe):
    """Speaks a line."""

    asset = "voice_line"
    code_version = "1"
    folder = "audio/tts"
    source = DialogueLine
    published = {"alignment": ALIGNMENT, "lipsync": LIPSYNC}

    def partitions(self) -> Sequence[str]:
        """Every line of every script."""
        return list(self.studio.dialogue.cues)

    def describe(self, partition: str) -> Action:
        """The engine, and everything that cast, lexicon and script say of the line."""
        request = self.studio.dialogue.request(partition)
        speech = request.speech
        provider = self.studio.speaker(request.engine)
        return Action(
            self.asset,
            self.code_version,
            provider.identity(speech),
            {
                "character": request.character,
                "text": speech.text,
                "lang": speech.lang,
                "voice": [list(part) for part in speech.voice],
                "speed": speech.speed,
                "style": speech.style,
                "seed": speech.seed,
                "pronunciations": [list(pair) for pair in speech.pronunciations],
            },
        )

    def call(self, partition: str, action: Action) -> Call:
        """The engine's call."""
        request = self.studio.dialogue.request(partition)
        speak = self.studio.speaker(request.engine).speaker()
        return Call(voice_artifact, (speak, request.engine, request.speech, request.character))

    def estimate_s(self, partition: str) -> float:
        """Speech takes about 1 s per 15 letters."""
        request = self.studio.dialogue.request(partition)
        return len(request.speech.text) / 15 * self.studio.speaker(request.engine).realtime_factor

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
    folder = "audio/alignments"
    source = DialogueLine

    def partitions(self) -> Sequence[str]:
        """Every line of every script."""
        return list(self.studio.dialogue.cues)

    def describe(self, partition: str) -> Action:
        """The voice's content, and who finds the times."""
        voice = self.upstream("voice_line", partition)
        request = self.studio.dialogue.request(partition)
        return Action(
            self.asset,
            self.code_version,
            self.studio.timing(request.engine, request.speech.lang).identity,
            {},
            {"voice_line": voice.content},
        )

    def call(self, partition: str, action: Action) -> Call:
        """The aligner's call."""
        voice = self.upstream("voice_line", partition)
        request = self.studio.dialogue.request(partition)
        timing = self.studio.timing(request.engine, request.speech.lang)
        files = self.read(voice, WAV, SPOKEN)
        return Call(alignment_artifact, (files[WAV], files[SPOKEN], timing.align, timing.refine, timing.fill))

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The voice."""
        return (("voice_line", partition),)

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Into the voice's own directory, where readers of a line look."""
        self.publish_into("voice_line", partition, ALIGNMENT, folder, sidecar)


voice_line = rendered_asset(
    VoiceLine,
    "A line spoken by its character's voice: `audio/tts/<cache_key>/out.wav`, PCM16 mono at the engine's rate.",
    partitions_def=partitions.lines,
    group="speech",
    owner="team:audio",
    kind="wav",
    deps=["dialogue_line"],
)

alignment = rendered_asset(
    Alignment,
    "When each phoneme and word of a voice is spoken: `alignment.json`, IPA, seconds.",
    partitions_def=partitions.lines,
    group="speech",
    owner="team:audio",
    kind="json",
    deps=["dialogue_line", "voice_line"],
)
