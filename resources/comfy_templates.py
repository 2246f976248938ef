"""Where ComfyUI workflows are found: `<name>.json` with `<name>.toml` beside it, in the first folder that has it."""

import tomllib
from collections.abc import Iterator, Sequence
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
    where = " or ".join(folders) or "no folder"
    hint = nearest(name, known) or (
        f"there are {', '.join(known)}" if known else f"put {name}.json and {name}.toml there"
    )
    raise Unavailable(f'there is no workflow "{name}" for {capability} in {where}: {hint}')


def names(capability: Capability, folders: Sequence[str]) -> tuple[str, ...]:
    """The workflows for a capability, sorted; one whose bindings can not be read is listed for none."""
    return tuple(sorted({path.stem for path in _bindings(folders) if _capability(path, _stamp(path)) == capability}))


def _bindings(folders: Sequence[str]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(Path(folder).glob("*.toml"))


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
            raise TemplateError(f"{path} is missing beside {other.name}: a workflow is both files") from None
        except OSError as error:
            raise TemplateError(f"{path} can not be read ({error.strerror}): check its rights") from error
    return parse_template(workflow.stem, *parts)
