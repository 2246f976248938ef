"""A small studio in a temporary folder, with its engines replaced by tones: what most tests of the graph begin with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from audio_assets import launch
from audio_assets.books.script_registration import Registration, SourceFile, register
from audio_assets.plan import Plan, plan
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome, render
from audio_assets.studio import Studio
from tests.assembled import definitions, resources
from tests.fakes import ToneAligner, ToneSpeech

CAST = """
[narrator]
voice = "af_heart"
[characters.anna]
voice = "af_bella"
[characters.bo]
voice = "am_michael"
"""

PLAY = """
== harbour ==
Anna: Good morning.
Bo: The boat is late.
Anna: So it is.
== night ==
Bo: Put out the lamp.
The sea is black.
"""

GOOD, LATE, SO, LAMP, SEA = "Good morning.", "The boat is late.", "So it is.", "Put out the lamp.", "The sea is black."
HARBOUR, NIGHT = "play.harbour.en", "play.night.en"
LINE_ASSETS = ("voice_line", "alignment", "lipsync")

Tree = Mapping[str, tuple[bytes, int]]
Artifact = tuple[str, str]
"""(asset, partition)."""


@dataclass
class House:
    """A data root at `root`; `engines` is the folder of the fake engines. Every question opens a new studio."""

    root: Path
    engines: Path
    overrides: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.overrides = {
            "kokoro": ToneSpeech(engine="kokoro", folder=str(self.engines)),
            "espeak": ToneSpeech(engine="espeak", folder=str(self.engines), tells_times=False),
            "pocketsphinx": ToneAligner(),
        } | self.overrides

    # what people do

    def write(self, name: str, text: str) -> Path:
        """A file of the data root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def register(self, text: str = PLAY, name: str = "play.txt") -> Registration:
        """Register one script."""
        files = [SourceFile(name, text.encode())]
        return register(self.studio().store, files, variables={}, default_lang="en")

    # the tool without Dagster

    @property
    def resources(self) -> dict[str, Any]:
        return resources(self.overrides)

    def studio(self) -> Studio:
        studio: Studio = self.resources["studio"].open()
        return studio

    def line(self, text: str) -> str:
        """The partition of the line that says `text`."""
        found = [key for key, cue in self.studio().dialogue.cues.items() if cue.line.text == text]
        assert len(found) == 1, f"{len(found)} lines say {text!r}"
        return found[0]

    def line_artifacts(self, *texts: str) -> set[Artifact]:
        """Voice, alignment and mouth of the lines that say `texts`."""
        return {(asset, self.line(text)) for text in texts for asset in LINE_ASSETS}

    def recipe(self, kind: type[Recipe]) -> Recipe:
        return kind(self.studio())

    def render(
        self, run_id: str = "run", kinds: Sequence[type[Recipe]] = launch.DIALOGUE.recipes
    ) -> list[tuple[str, Outcome]]:
        """Every partition of every stage; (asset, outcome) in the order of the render."""
        studio = self.studio()
        return [
            (kind.asset, outcome)
            for kind in kinds
            for outcome in render(kind(studio), kind(studio).partitions(), run_id=run_id)
        ]

    def plan(self, kinds: Sequence[type[Recipe]] = launch.DIALOGUE.recipes, *, retry_failed: bool = False) -> Plan:
        studio = self.studio()
        return plan(studio, [kind(studio) for kind in kinds], retry_failed=retry_failed)

    def stale(self) -> dict[Artifact, tuple[str, ...]]:
        """What the plan calls stale, with the causes."""
        return {(entry.asset, entry.partition): entry.causes for entry in self.plan().stale}

    def object_of(self, asset: str, partition: str) -> Path:
        """The folder that a partition's ref names."""
        ref = self.studio().store.refs(asset).get(partition)
        assert ref is not None, f"{asset} of {partition} is not rendered"
        return self.root / ref.object

    def tree(self) -> Tree:
        """Bytes and modification time of every file below the root, Dagster's own apart."""
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "dagster" not in path.relative_to(self.root).parts
        }

    # Dagster's doors

    @property
    def defs(self) -> dg.Definitions:
        return definitions(self.overrides)

    def sync(self, instance: dg.DagsterInstance) -> None:
        launch.sync(instance, self.studio())

    def order(self, instance: dg.DagsterInstance) -> launch.Order:
        studio = self.studio()
        return launch.order(instance, studio, plan(studio, launch.DIALOGUE.opened(studio)), launch.DIALOGUE)

    def run(self, instance: dg.DagsterInstance, wanted: launch.Order | None = None) -> dg.ExecuteInProcessResult:
        """One run of the render job over `wanted`, or over all that is stale."""
        self.sync(instance)
        job = self.defs.resolve_job_def(launch.DIALOGUE.job)
        return launch.execute(instance, job, self.order(instance) if wanted is None else wanted)

    def materialize(self, instance: dg.DagsterInstance, *assets: str, keys: Sequence[str]) -> dg.ExecuteInProcessResult:
        """What the UI does with one partition, or with the range from the first to the last of `keys`."""
        where: dict[str, Any] = {"partition_key": keys[0]}
        if len(keys) > 1:
            ends = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
            where = {"tags": ends}
        return dg.materialize(
            [found for found in self.defs.assets or () if isinstance(found, dg.AssetsDefinition)],
            instance=instance,
            selection=list(assets),
            resources=self.resources,
            raise_on_error=False,
            **where,
        )

    def statuses(self, instance: dg.DagsterInstance, assets: Sequence[str] = ()) -> dict[Artifact, str]:
        """Dagster's own stale status of every partition of the named assets, of all where none is named."""
        graph = self.defs.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        dialogue = self.studio().dialogue
        lines, mixes = list(dialogue.cues), [*dialogue.sheets, *dialogue.mix_specs]
        wanted = {
            **dict.fromkeys(("dialogue_line", *LINE_ASSETS), lines),
            **dict.fromkeys(("cue_sheet", "dialogue_mix"), mixes),
        }
        return {
            (asset, key): resolver.get_status(dg.AssetKey(asset), key).value
            for asset, keys in wanted.items()
            if asset in assets or not assets
            for key in keys
        }
