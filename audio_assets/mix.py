"""Stage `mix`: the voices of a label, or the tracks of a specification, become one file."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path

import dagster as dg

from audio_assets import partitions, script_sources
from audio_assets.dialogue import CueSheet
from audio_assets.domain.action import Action, sha256_hex
from audio_assets.domain.artifacts import WAV
from audio_assets.domain.dialogue_mix import LineClip, dialogue_spec
from audio_assets.domain.lineage import Origin
from audio_assets.domain.mix_spec import MixSpec, spec_record
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.schemas.records import Ref
from audio_assets.render import Recipe
from audio_assets.stage import rendered_asset
from resources.engines.mix_artifact import identity, mix_artifact
from resources.pool import Call


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
        inputs.update({path: _sha256(self._file(path)) for path in paths})
        return Action(self.asset, self.code_version, identity(), params, inputs)

    def call(self, partition: str, action: Action) -> Call:
        """The mixer's call; its file is rendered into the data root's scratch folder and taken over from there."""
        spec = self.studio.dialogue.mix_spec(partition) or self._label_spec(self.studio.dialogue.sheet(partition))
        sources = {
            name: self._wav(name) if name in self.studio.dialogue.cues else self._file(name) for name in action.inputs
        }
        return Call(mix_artifact, (spec, sources, self.studio.scratch_file(".wav")))

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The voices of its lines."""
        spec = self.studio.dialogue.mix_spec(partition)
        lines = self.studio.dialogue.sheet(partition).lines if spec is None else [t.line for t in spec.tracks if t.line]
        return [("voice_line", line) for line in lines]

    def sources(self, partition: str) -> Mapping[str, str]:
        """The voices' objects by line, and the files by path."""
        names = self.describe(partition).inputs
        cues = self.studio.dialogue.cues
        return {name: self._voice(name).object if name in cues else name for name in names}

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

    def _label_spec(self, sheet: CueSheet) -> MixSpec:
        settings = self.studio.dialogue.mix
        clips = [self._clip(line) for line in sheet.lines]
        return dialogue_spec(
            clips,
            bed=settings.bed_of(sheet.script, sheet.label),
            pauses=settings.pauses,
            ducking=settings.ducking,
            sample_rate_hz=settings.sample_rate_hz,
            n_channels=settings.n_channels,
            target_lufs=settings.target_lufs,
            true_peak_db=settings.true_peak_db,
        )

    def _clip(self, line: str) -> LineClip:
        facts = self.sidecar(self._voice(line)).facts
        request = self.studio.dialogue.request(line)
        return LineClip(
            line,
            request.character,
            request.speech.text,
            facts["duration_s"],
            request.gain_db,
            facts["leading_silence_s"],
            facts["trailing_silence_s"],
        )

    def _wav(self, line: str) -> Path:
        return self.local_file(self._voice(line), WAV)

    def _file(self, path: str) -> Path:
        found = self.studio.settings.root / path  # an absolute path stays as it is
        if not found.is_file():
            raise PermanentError(f"{path} is no file (looked for {found}); correct the path in the mix")
        return found


def _sha256(path: Path) -> str:
    status = path.stat()
    return _sha256_of(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _sha256_of(path: Path, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - they are the cache's key
    with path.open("rb") as source:
        return file_digest(source, "sha256").hexdigest()


dialogue_mix = rendered_asset(
    DialogueMix,
    "A label's lines in order with natural pauses, over a bed if there is one: `audio/mixes/<cache_key>/mix.wav`.",
    partitions_def=partitions.mixes,
    group="mix",
    owner="team:audio",
    kind="wav",
    deps=["cue_sheet", dg.AssetDep("voice_line", partition_mapping=dg.AllPartitionMapping())],
)
