"""What people list and ask for: the sources of stems and messages."""

from collections.abc import Sequence

from audio_assets.domain.artifacts import voice_name
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.stem_ids import parse_stem_id
from audio_assets.source import Shown, Source


class StemText(Source):
    """A name, a developer or a script, with all that data set, `stems.toml`, cast and lexicon say of it."""

    asset = "stem_text"
    written_in = ("cast", "lexicon", "stem_settings", "provider_settings")

    def partitions(self) -> Sequence[str]:
        """Every entry of every data set, and every stem that was asked for."""
        return list(self.studio.stems.entries)

    def version(self, partition: str) -> str:
        """Over the whole request."""
        return self.studio.stems.stem_version(partition)

    def metadata(self, partition: str) -> Shown:
        """What is spoken, by whom, and where it stands."""
        try:
            entry, request = self.studio.stems.entry(partition), self.studio.stems.request(partition)
        except PermanentError as error:
            return {"problem": str(error)}
        return {
            "kind": parse_stem_id(partition)[0],
            "value": entry.value[:500],
            "text": request.speech.text[:500],
            "character": request.character,
            "engine": request.engine,
            "voice": voice_name(request.speech.voice),
            "lang": request.speech.lang,
            "said_in": entry.said_in,
        }


class MessageRequest(Source):
    """Template and stems of a message."""

    asset = "message_request"
    derived_from = ("stem_text",)
    written_in = ("message_templates",)

    def partitions(self) -> Sequence[str]:
        """Every message that is asked for."""
        return list(self.studio.stems.messages)

    def version(self, partition: str) -> str:
        """Over the template and its stems in order, with their versions."""
        return self.studio.stems.message_version(partition)

    def metadata(self, partition: str) -> Shown:
        """What was asked for."""
        try:
            request = self.studio.stems.message(partition)
            n_parts = len(self.studio.stems.parts(partition))
        except PermanentError as error:
            return {"problem": str(error)}
        said = {"template": request.template, "name": request.name, "developer": request.developer}
        return {**said, "script": request.script, "n_parts": n_parts}
