"""What the scripts ask for: the sources of the dialogue's half of the graph."""

from collections.abc import Sequence

from audio_assets.domain.artifacts import voice_name
from audio_assets.domain.rendering import PermanentError
from audio_assets.source import Shown, Source


class DialogueLine(Source):
    """A line with all that script, cast and lexicon say of it."""

    asset = "dialogue_line"
    written_in = ("cast", "lexicon", "provider_settings", "comfyui_workflows")

    def partitions(self) -> Sequence[str]:
        """Every line of every script in every language."""
        return list(self.studio.dialogue.cues)

    def version(self, partition: str) -> str:
        """Over the whole request but its gain, which is the mix's."""
        return self.studio.dialogue.line_version(partition)

    def metadata(self, partition: str) -> Shown:
        """Text, voice and place in the script."""
        cue = self.studio.dialogue.cues.get(partition)
        try:
            request = self.studio.dialogue.request(partition)
        except PermanentError as error:
            return {"text": cue.line.text if cue else "", "problem": str(error)}
        speech = request.speech
        shown: dict[str, str | int | float] = {
            "text": speech.text[:500],
            "character": request.character,
            "voice": voice_name(speech.voice),
            "engine": request.engine,
            "lang": speech.lang,
            "speed": speech.speed,
        }
        if cue is not None:
            shown |= {"label": cue.line.label, "source_line": cue.line.source_line}
        if speech.pronunciations:
            shown["pronunciations"] = "; ".join(f"{word} -> {said}" for word, said in speech.pronunciations)
        return shown


class CueSheet(Source):
    """What a mix holds: the lines of a label in order, or the tracks of a specification."""

    asset = "cue_sheet"
    derived_from = ("dialogue_line",)
    written_in = ("mix_settings",)

    def partitions(self) -> Sequence[str]:
        """Every label in every language, then the specifications."""
        return [*self.studio.dialogue.sheets, *self.studio.dialogue.mix_specs]

    def version(self, partition: str) -> str:
        """Over settings, lines in order and their gains."""
        return self.studio.dialogue.sheet_version(partition)

    def metadata(self, partition: str) -> Shown:
        """How many lines it has."""
        is_spec = partition in self.studio.dialogue.mix_specs
        return {} if is_spec else {"n_lines": len(self.studio.dialogue.sheet(partition).lines)}
