"""Stage `mix`: the voices of a label, or the tracks of a specification, become one file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from audio_assets import partitions
from audio_assets.domain.action import Action, sha256_hex
from audio_assets.domain.artifacts import WAV
from audio_assets.domain.dialogue_mix import Bed, LineClip, Pauses, dialogue_spec
from audio_assets.domain.lineage import Origin
from audio_assets.domain.mix_spec import Ducking, MixSpec, parse_mix_spec, spec_record
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.schemas.records import Ref
from audio_assets.recipe import Recipe
from audio_assets.stage import rendered_asset
from audio_assets.stages import script_sources
from audio_assets.stages.brought_files import brought
from resources.engines import mix_artifact as engine
from resources.pool import Call
from resources.published import sha256_of


class DialogueMix(Recipe):
    """Mixes a label's lines in their order, or what a specification names."""

    asset = "dialogue_mix"
    code_version = "1"
    folder = "audio/mixes"
    source = script_sources.CueSheet
    fan_in = ("voice_line",)

    def partitions(self) -> Sequence[str]:
        """Every label of every script in every language, then the specifications."""
        return [*self.studio.dialogue.sheets, *self.studio.dialogue.mix_specs]

    def describe(self, partition: str) -> Action:
        """Settings, lines in order with their gains, and the content of every sound."""
        spec = self.studio.dialogue.mix_spec(partition)
        lines = [key for _, key in self.needs(partition)]
        if spec is not None:
            paths = [track.path for track in spec.tracks if track.path]
            params = spec_record(spec)
        else:
            sheet = self.studio.dialogue.sheet(partition)
            params = self.studio.dialogue.mix.record(sheet.script, sheet.label)
            params["lines"] = [self._cue(key) for key in lines]
            paths = [params["bed"]["path"]] if params["bed"] else []
        inputs = {key: self._voice(key).content for key in lines}
        inputs.update({path: sha256_of(self._file(path)) for path in paths})
        return Action(self.asset, self.code_version, self.identity(), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The mixer's call; its file is rendered into the data root's scratch folder and taken over from there."""
        spec = _spec(action, partition, {name: self.sidecar(sources[name]).facts for name in _lines(action)})
        files = {
            name: self.local_file(sources[name], WAV) if name in _lines(action)
            else brought(self.studio, sources[name], sha256)
            for name, sha256 in action.inputs.items()
        }  # fmt: skip
        return Call(engine.mix_artifact, (spec, files, self.studio.scratch_file(".wav")))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """The mixer."""
        return engine.identity()

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The voices of its lines."""
        spec = self.studio.dialogue.mix_spec(partition)
        lines = self.studio.dialogue.sheet(partition).lines if spec is None else [t.line for t in spec.tracks if t.line]
        return [("voice_line", line) for line in lines]

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The voices' objects by line, and the files by path."""
        lines = _lines(action)
        return {name: self._voice(name).object if name in lines else name for name in action.inputs}

    def origins(self, partition: str) -> Iterator[Origin]:
        """The specification, or what `mix.toml` says of the label; the files that go in."""
        dialogue = self.studio.dialogue
        if partition in dialogue.mix_specs:
            yield Origin("mix specification", partition, sha256=sha256_hex(dialogue.mix_specs[partition]))
        else:
            sheet = dialogue.sheet(partition)
            found = dialogue.mix_origin(sheet.script, sheet.label)
            if found is not None:
                yield found
        for name, sha256 in self.describe(partition).inputs.items():
            if name not in dialogue.cues:
                yield Origin("sound", Path(name).name, name, sha256=sha256)

    def _voice(self, line: str) -> Ref:
        try:
            return self.upstream("voice_line", line)
        except UpstreamError as error:
            raise UpstreamError(f"line {line}: {error}") from error

    def _cue(self, line: str) -> dict[str, str | float]:
        request = self.studio.dialogue.request(line)
        return {
            "line": line,
            "character": request.character,
            "text": request.speech.text,
            "gain_db": request.gain_db,
        }

    def _file(self, path: str) -> Path:
        found = self.studio.settings.root / path  # an absolute path stays as it is
        if not found.is_file():
            raise PermanentError(f"{path} is no file (looked for {found}); correct the path in the mix")
        return found


def _lines(action: Action) -> set[str]:
    """The voiced lines among the inputs of an action; the others are files."""
    said = action.params
    return {row["line"] for row in said["lines" if "lines" in said else "tracks"] if "line" in row}


def _spec(action: Action, partition: str, voices: Mapping[str, Mapping[str, Any]]) -> MixSpec:
    """The specification that an action describes; `voices` are the facts of each line's voice."""
    said = action.params
    if "lines" not in said:
        return parse_mix_spec(said, partition)
    bed, ducking = said["bed"], said["ducking"]
    return dialogue_spec(
        [_clip(row, voices[row["line"]]) for row in said["lines"]],
        bed=None if bed is None else Bed(**bed),
        pauses=Pauses(**said["pauses"]),
        ducking=None if ducking is None else Ducking(**{**ducking, "trigger_roles": tuple(ducking["trigger_roles"])}),
        sample_rate_hz=said["sample_rate_hz"],
        n_channels=said["n_channels"],
        target_lufs=said["target_lufs"],
        true_peak_db=said["true_peak_db"],
    )


def _clip(row: Mapping[str, Any], voice: Mapping[str, Any]) -> LineClip:
    return LineClip(
        row["line"],
        row["character"],
        row["text"],
        voice["duration_s"],
        row["gain_db"],
        voice["leading_silence_s"],
        voice["trailing_silence_s"],
    )


dialogue_mix = rendered_asset(
    DialogueMix,
    "A label's lines in order with natural pauses, over a bed if there is one: `audio/mixes/<cache_key>/mix.wav`.",
    partitions_def=partitions.mixes,
    group="mix",
    kind="wav",
    deps=[dg.AssetDep("voice_line", partition_mapping=dg.AllPartitionMapping())],
)
