"""Where ComfyUI workflows are found: `<name>.json` with `<name>.toml` beside it, in the first folder that has it."""

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from audio_assets.domain.comfy_bindings import Capability
from audio_assets.domain.comfy_template import NAME, Template, TemplateError, parse_template
from audio_assets.domain.rendering import Unavailable
from audio_assets.domain.toml_tables import nearest


def template(name: str, capability: Capability, folders: Sequence[str]) -> Template:
    """The workflow of that name.

    Raises:
        Unavailable: there is none.
        TemplateError: it can not be used, or is for another capability.
    """
    for folder in map(Path, folders):
        workflow, bindings = folder / f"{name}.json", folder / f"{name}.toml"
        if NAME.fullmatch(name) and (workflow.is_file() or bindings.is_file()):
            found = _read(workflow, bindings)
            if found.bindings.capability != capability:
                raise TemplateError(f"the workflow {name} is for {found.bindings.capability}, not for {capability}")
            return found
    known = names(capability, folders)
    where = " or ".join(dict.fromkeys(_shown(Path(folder)) for folder in folders)) or "no folder"
    hint = nearest(name, known) or (
        f"there are {', '.join(known)}" if known else f"put {name}.json and {name}.toml there"
    )
    raise Unavailable(f'there is no workflow "{name}" for {capability} in {where}: {hint}')


def names(capability: Capability, folders: Sequence[str]) -> tuple[str, ...]:
    """The workflows for a capability that can be used, sorted."""
    return tuple(sorted(name for name, found in _first(folders).items() if _mistake(*found) == ("", capability)))


def mistakes(capability: Capability, folders: Sequence[str]) -> tuple[str, ...]:
    """Why the other workflows can not be used, a sentence for each; also of those that may be for any capability."""
    told = [_mistake(*found) for _, found in sorted(_first(folders).items())]
    return tuple(said for said, known in told if said and known in ("", capability))


def _first(folders: Sequence[str]) -> dict[str, tuple[Path, Path]]:
    """Both files of every workflow, by its name: those of the first folder that has one of them."""
    found: dict[str, tuple[Path, Path]] = {}
    for folder in map(Path, folders):
        for path in (*folder.glob("*.toml"), *folder.glob("*.json")):
            found.setdefault(path.stem, (folder / f"{path.stem}.json", folder / f"{path.stem}.toml"))
    return found


def _mistake(workflow: Path, bindings: Path) -> tuple[str, str]:
    """Why a workflow can not be used ("": it can), and what it is for, "" where that can not be told."""
    try:
        return "", _read(workflow, bindings).bindings.capability
    except TemplateError as error:
        return str(error), _capability(bindings, _stamp(bindings))


def _stamp(path: Path) -> tuple[int, int]:
    """What a file that was written to differs in."""
    try:
        stat = path.stat()
    except OSError:
        return (0, -1)
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=256)
def _capability(path: Path, _stamped: tuple[int, int]) -> str:
    try:
        return str(tomllib.loads(path.read_text("utf-8-sig")).get("capability", ""))
    except (OSError, ValueError):
        return ""


def _read(workflow: Path, bindings: Path) -> Template:
    return _read_once(workflow, bindings, _stamp(workflow), _stamp(bindings))


@lru_cache(maxsize=256)
def _read_once(workflow: Path, bindings: Path, *_stamped: tuple[int, int]) -> Template:
    parts = []
    for path, other in ((workflow, bindings), (bindings, workflow)):
        try:
            parts.append(path.read_bytes())
        except FileNotFoundError:
            raise TemplateError(f"{_shown(path)} is missing beside {other.name}: a workflow is both files") from None
        except OSError as error:
            raise TemplateError(f"{_shown(path)} can not be read ({error.strerror}): check its rights") from error
    return parse_template(workflow.stem, *parts, folder=f"{_shown(workflow.parent)}/")


def _shown(path: Path) -> str:
    """A path below the data root or the project, and which of the two it is: `data/workflows/comfyui/mine.json`."""
    parts = path.parts
    return "/".join(parts[max(parts.index("workflows") - 1, 0) :]) if "workflows" in parts else str(path)
