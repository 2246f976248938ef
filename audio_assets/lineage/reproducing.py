"""Renders artifacts again from their recorded inputs, and says whether the bytes are the same, or which step differs.

Nothing in the store is written or discarded, no ref moves, nobody elsewhere is asked. A recipe makes its call from an
action and the objects of its inputs (`Recipe.call`), and both are in the sidecar: what people say today does not count.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from audio_assets.domain.action import Action
from audio_assets.domain.causes import changes
from audio_assets.domain.money_text import dollars
from audio_assets.domain.rendering import PermanentError, Rendered, Unavailable
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.lineage.explaining import Explainer, kind_of
from audio_assets.recipe import Recipe
from audio_assets.studio import Studio
from resources import pool
from resources.pool import Call
from resources.store import ArtifactStore, StoreError

Verdict = Literal["same", "differs", "not made again"]


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
    studio: Studio,
    explainer: Explainer,
    folders: Sequence[str],
    *,
    scratch: Path,
    into: Path | None,
    with_previews: bool,
) -> Iterator[Step]:
    """Render each object again; steps come as they are done.

    What was made is kept in a folder of `into` for each object, and nowhere without it; `scratch` is for the meanwhile.
    """
    ready: dict[str, _Ready] = {}
    names: dict[str, tuple[str, str]] = {}
    for folder in dict.fromkeys(folders):
        kind, sidecar = kind_of(folder), explainer.sidecar(folder)
        asset = kind.asset if kind else folder.rpartition("/")[0]
        partition = (sidecar.partition if sidecar else "") or explainer.partition_of(folder)  # it may be in the bytes
        names[folder] = (asset, partition)
        if sidecar is None or kind is None:
            yield Step(asset, partition, folder, "not made again", "the object is not in the store any more")
            continue
        found = _prepared(studio, explainer, kind, partition, sidecar, scratch)
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
        target = None if into is None else into / asset / _folder_name(partition, one.sidecar.action_key)
        differing = _compared(done.result, one.sidecar, target, with_previews=with_previews)
        reason = ""
        if differing:
            reason = f"{', '.join(differing)}: {_because(one.changed, 'the same request gave other bytes')}"
        elif one.changed:
            reason = f"although {'; '.join(one.changed)}"
        verdict: Verdict = "differs" if differing else "same"
        made = str(target or "")
        yield Step(asset, partition, done.item, verdict, reason, tuple(differing), round(done.seconds, 3), made)


def _because(changed: Sequence[str], otherwise: str) -> str:
    return "; ".join(changed) if changed else otherwise


def _prepared(
    studio: Studio,
    explainer: Explainer,
    kind: type[Recipe],
    partition: str,
    sidecar: Sidecar,
    scratch: Path,
) -> "_Ready | str":
    """The recorded render as a call, or why there is none."""
    if sidecar.cost_usd > 0:
        return f"paid ({dollars(sidecar.cost_usd)}); not made again"
    if "cost_is_estimate" in sidecar.facts:  # as of all that is ordered
        return f"ordered from {sidecar.action['provider'].get('engine')}, elsewhere: nobody is asked again"
    if not partition:
        return "no partition points at it, and its sidecar is from before partitions were kept in it"
    gone = [name for name, source in sidecar.sources.items() if kind_of(source) and explainer.sidecar(source) is None]
    if gone:
        return f"the input {gone[0]} is not in the store any more ({sidecar.sources[gone[0]]})"
    recorded = Action(**sidecar.action)
    recipe = kind(_RecordedStudio(studio, scratch))
    try:
        call = recipe.call(partition, recorded, sidecar.sources)
        today = {**sidecar.action, "code_version": recipe.code_version,
                 "provider": dict(recipe.made_by(partition, recorded, sidecar.sources))}  # fmt: skip
    except KeyError as error:
        return f"its record is from before {error} was kept in it (code version {recorded.code_version})"
    except Unavailable as error:
        return f"who made it can not be asked: {error}"
    except (ValueError, RuntimeError, OSError) as error:
        return f"it can not be rendered any more: {error}"
    return _Ready(call, sidecar, tuple(change.phrase for change in changes(sidecar.action, today)))


def _sealed(_studio: Studio) -> Any:
    raise PermanentError("its call asks what people say today, which is not recorded: that is a mistake in the program")


class _RecordedStudio(Studio):
    """Today's providers over a store that only reads, without today's books."""

    dialogue = songs = stems = takes = live = property(_sealed)

    def __init__(self, today: Studio, scratch: Path) -> None:
        super().__init__(today.settings, ReadOnlyStore(url=today.store.url), today.providers.all)
        self._scratch = scratch

    def scratch_file(self, suffix: str) -> Path:
        """A new file below the folder of the reproduction."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch / super().scratch_file(suffix).name


def _folder_name(partition: str, action_key: str) -> str:
    """A partition may have been made in several ways."""
    return f"{partition.replace('|', '+').replace('/', '_')}-{action_key[:8]}"


def _compared(rendered: Rendered, sidecar: Sidecar, target: Path | None, *, with_previews: bool) -> list[str]:
    """The files that differ, by name; the made ones are moved to `target`, if there is one, or removed."""
    made = {**rendered.files, **(rendered.previews if with_previews else {})}
    wanted = {name: entry for name, entry in sidecar.files.items() if with_previews or name not in sidecar.previews}
    differing = [f"{name} is not made" for name in wanted if name not in made]
    for name, data in made.items():
        sha256 = _sha256(data)
        if name not in wanted:
            differing.append(f"{name} is new")
        elif sha256 != wanted[name].sha256:
            differing.append(name)
        if target is not None:
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
