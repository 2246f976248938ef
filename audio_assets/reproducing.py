"""Renders artifacts again from their recorded inputs, and says whether the bytes are the same, or which step differs.

Nothing in the store is written or discarded, no ref moves, nobody elsewhere is asked. A recipe makes its call from
today's studio, so this one is shown what was recorded: refs point at the recorded input objects. Where the recipe then
describes the recorded action, its call is the recorded render; where what people wrote is another today, a recipe that
can call by the recorded action alone does (`Recipe.recall`), and of the others it is said what differs.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from audio_assets.domain.action import Action
from audio_assets.domain.causes import changes
from audio_assets.domain.rendering import PermanentError, Rendered, TransientError, UpstreamError
from audio_assets.domain.schemas.records import Ref, Sidecar
from audio_assets.explaining import Explainer, kind_of
from audio_assets.render import Recipe
from audio_assets.studio import Studio
from resources import pool
from resources.pool import Call
from resources.store import ArtifactStore, StoreError

Verdict = Literal["same", "differs", "not made again"]
_LISTED = 4


class ReadOnlyStore(ArtifactStore):
    """A store that can not be written: what a stage would discard or keep stays as it is."""

    def write(self, path: str, data: bytes | Path) -> Any:
        """Refuse.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"{path} is not written: this only looks")

    def delete(self, path: str) -> None:
        """Leave it."""

    def duplicate(self, source: str, target: str) -> None:
        """Refuse.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"{target} is not written: this only looks")


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one object. `files` are those that differ, `reason` says why, `made` is where the new ones are."""

    asset: str
    partition: str
    object: str
    verdict: Verdict
    reason: str = ""
    files: tuple[str, ...] = ()
    seconds: float = 0.0
    made: str = ""


@dataclass
class Reproduction:
    """What became of all steps."""

    steps: list[Step] = field(default_factory=list)

    @property
    def is_proved(self) -> bool:
        """Whether something was made again, and all of that came out the same."""
        verdicts = {step.verdict for step in self.steps}
        return "same" in verdicts and "differs" not in verdicts

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        counts = {verdict: sum(step.verdict == verdict for step in self.steps)
                  for verdict in ("same", "differs", "not made again")}  # fmt: skip
        return {"steps": [asdict(step) for step in self.steps], **{k.replace(" ", "_"): n for k, n in counts.items()}}

    def as_text(self) -> str:
        """A line per step that is not the same, or for all where there are few; then the count."""
        few = len(self.steps) <= 40
        lines = []
        for step in self.steps:
            if few or step.verdict != "same":
                what = f"{step.verdict}: {step.reason}" if step.reason else step.verdict
                lines.append(f"{step.asset:17} {step.partition:40} {what}")
        counts = self.as_json()
        same, differs, others = (counts[name] for name in ("same", "differs", "not_made_again"))
        lines.append(f"{same} the same, {differs} different, {others} not made again")
        return "\n".join(lines)


@dataclass(frozen=True)
class _Ready:
    """A call that can be made, and what is known beforehand of why it may differ."""

    call: Call
    sidecar: Sidecar
    changed: tuple[str, ...]


def reproduce(
    studio: Studio, explainer: Explainer, folders: Sequence[str], *, into: Path, with_previews: bool, is_kept: bool
) -> Iterator[Step]:
    """Render each object again into `into`; steps come as they are done, the made files stay with `is_kept`."""
    ready: dict[str, _Ready] = {}
    names: dict[str, tuple[str, str]] = {}
    for folder in dict.fromkeys(folders):
        kind, sidecar = kind_of(folder), explainer.sidecar(folder)
        asset = kind.asset if kind else folder.rpartition("/")[0]
        partition = explainer.partition_of(folder)
        names[folder] = (asset, partition)
        if sidecar is None or kind is None:
            yield Step(asset, partition, folder, "not made again", "the object is not in the store any more")
            continue
        found = _prepared(studio, explainer, kind, partition, sidecar, into)
        if isinstance(found, str):
            yield Step(asset, partition, folder, "not made again", found)
        else:
            ready[folder] = found
    n_workers = studio.settings.n_workers if len(ready) > 1 and studio.settings.n_workers > 1 else 0
    for done in pool.run_all(((folder, one.call) for folder, one in ready.items()), n_workers):
        asset, partition = names[done.item]
        one = ready[done.item]
        if done.error is not None:
            reason = _because(one.changed, f"it can not be rendered any more: {done.error}")
            yield Step(asset, partition, done.item, "not made again", reason)
            continue
        target = into / asset / _file_name(partition or done.item.rpartition("/")[2])
        differing = _compared(done.result, one.sidecar, target, with_previews=with_previews, is_kept=is_kept)
        reason = ""
        if differing:
            reason = f"{', '.join(differing)}: {_because(one.changed, 'the same request gave other bytes')}"
        elif one.changed:
            reason = f"although {'; '.join(one.changed)}"
        verdict: Verdict = "differs" if differing else "same"
        made = str(target) if is_kept else ""
        yield Step(asset, partition, done.item, verdict, reason, tuple(differing), round(done.seconds, 3), made)


def _because(changed: Sequence[str], otherwise: str) -> str:
    return "; ".join(changed) if changed else otherwise


def _prepared(
    studio: Studio,
    explainer: Explainer,
    kind: type[Recipe],
    partition: str,
    sidecar: Sidecar,
    into: Path,
) -> "_Ready | str":
    """The recorded render as a call, or why there is none."""
    if sidecar.cost_usd > 0:
        return f"paid ({sidecar.cost_usd:.4f} USD); not made again"
    if not partition:
        return "no partition points at it, and its sidecar is from before partitions were kept in it"
    gone = [name for name, source in sidecar.sources.items() if kind_of(source) and explainer.sidecar(source) is None]
    if gone:
        return f"the input {gone[0]} is not in the store any more ({sidecar.sources[gone[0]]})"
    try:
        call, changed = _call(
            kind(recorded_studio(studio, explainer, kind, partition, sidecar, into)), partition, sidecar
        )
    except (PermanentError, UpstreamError, TransientError, StoreError, OSError) as error:
        return f"it can not be rendered any more: {error}"
    if isinstance(call, str):
        return call
    if call.lane is not None:
        return f"made by {call.lane.name}, who is elsewhere: nobody is asked again"
    return _Ready(call, sidecar, tuple(changed))


def _call(recipe: Recipe, partition: str, sidecar: Sidecar) -> "tuple[Call | str, list[str]]":
    """The recorded render, with what has changed of code and provider since; or why there is none."""
    recorded = Action(**sidecar.action)
    today, why = None, ""
    try:
        today = recipe.describe(partition)
    except (PermanentError, UpstreamError) as error:
        why = str(error)
    if today is not None and today.key == recorded.key:
        return recipe.call(partition, recorded), []
    recalled = recipe.recall(partition, recorded)
    if recalled is not None:
        identity, call = recalled
        now = {**sidecar.action, "code_version": recipe.code_version, "provider": dict(identity)}
        return call, _phrases(sidecar.action, now)
    if today is not None and (dict(today.params), dict(today.inputs)) == (dict(recorded.params), dict(recorded.inputs)):
        return recipe.call(partition, today), _phrases(sidecar.action, today.as_record())
    if today is None:
        return f"it can not be rendered any more: {why}", []
    differs = "; ".join(_phrases(sidecar.action, today.as_record())[:_LISTED])
    return f"what it was made from is another today ({differs}), and this asset can not be called without it", []


def _phrases(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [change.phrase for change in changes(before, after)]


class _RecordedStudio(Studio):
    """A studio whose scratch files are elsewhere."""

    into: Path

    def scratch_file(self, suffix: str) -> Path:
        """A new file below the folder of the reproduction."""
        path = self.into / ".scratch" / super().scratch_file(suffix).name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def recorded_studio(
    studio: Studio, explainer: Explainer, kind: type[Recipe], partition: str, sidecar: Sidecar, into: Path
) -> Studio:
    """Today's studio over a store that only reads, in which the inputs of an object are those that were recorded."""
    found = _RecordedStudio(studio.settings, ReadOnlyStore(url=studio.store.url), studio.providers.all)
    found.into = into
    needs: Sequence[tuple[str, str]] = ()
    with suppress(PermanentError, UpstreamError):  # then it is told by the call
        needs = kind(studio).needs(partition)
    for (asset, key), source in _recorded(needs, partition, sidecar).items():
        refs = found.refs(asset)
        recorded = explainer.sidecar(source)
        if recorded is not None:
            refs.pretend(key, _ref(source, recorded))
    return found


def _recorded(needs: Sequence[tuple[str, str]], partition: str, sidecar: Sidecar) -> Mapping[tuple[str, str], str]:
    """The recorded object of each need, as far as sources name it."""
    by_asset: dict[str, dict[str, str]] = {}
    for name, source in sidecar.sources.items():
        kind = kind_of(source)
        if kind is not None:
            by_asset.setdefault(kind.asset, {})[name] = source
    found: dict[tuple[str, str], str] = {}
    for asset, key in needs:
        named = by_asset.get(asset, {})
        scene = key.partition("|")[0]
        names = (key, f"{asset} {scene}", *((asset, "clip") if key == partition else ("clip before",)))
        source = next((named[name] for name in names if name in named), "")
        if not source and len(named) == 1 and [one for one, _ in needs].count(asset) == 1:
            source = next(iter(named.values()))
        if source:
            found[asset, key] = source
    return found


def _ref(folder: str, sidecar: Sidecar) -> Ref:
    failed = tuple(check.name for check in sidecar.checks if not check.passed)
    sizes = {name: entry.size for name, entry in sidecar.files.items()}
    return Ref(sidecar.action_key, folder, sidecar.content, sizes, failed, sidecar.is_blocked)


def _file_name(partition: str) -> str:
    return partition.replace("|", "+").replace("/", "_")


def _compared(rendered: Rendered, sidecar: Sidecar, target: Path, *, with_previews: bool, is_kept: bool) -> list[str]:
    """The files that differ, by name; the made ones are moved to `target` or removed."""
    made = {**rendered.files, **(rendered.previews if with_previews else {})}
    wanted = {name: entry for name, entry in sidecar.files.items() if with_previews or name not in sidecar.previews}
    differing = [f"{name} is not made" for name in wanted if name not in made]
    for name, data in made.items():
        sha256 = _sha256(data)
        if name not in wanted:
            differing.append(f"{name} is new")
        elif sha256 != wanted[name].sha256:
            differing.append(name)
        if is_kept:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data, target / name) if isinstance(data, Path) else (target / name).write_bytes(data)
        if isinstance(data, Path):
            data.unlink(missing_ok=True)
    return differing


def _sha256(data: bytes | Path) -> str:
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
