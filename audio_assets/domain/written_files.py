"""Files that people write (scripts, cast, lexicon, presets, templates) against what artifacts have recorded of them.

Pure: `explaining` reads the sidecars.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from audio_assets.domain.lineage import Origin
from audio_assets.domain.message_template import FOLDER, OWN_FOLDER

_SHORT = 12


def recorded_of(path: str, record: Mapping[str, Any]) -> Origin | None:
    """What a sidecar's record says of the file at `path` (absolute, with slashes), None for nothing.

    Names in records are as seen from the data root, or from the folder that is shipped.
    """
    path = path.replace(f"/{OWN_FOLDER}/", f"/{FOLDER}/")
    for entry in record.get("origins") or ():
        file = str(entry.get("file", ""))
        if file and entry.get("sha256") and (path == file or path.endswith(f"/{file}")):
            return Origin(**entry)
    provider = (record.get("action") or {}).get("provider") or {}
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    if folder.endswith("/comfyui") and stem and stem == provider.get("workflow"):
        return Origin("workflow", stem, f"{stem}.json with {stem}.toml", sha256=str(provider["workflow_sha256"]))
    return None


def as_recorded(path: str, sha256: str, found: Sequence[tuple[str, Origin]]) -> str:
    """A sentence on a file of this sha256 and the artifacts (`asset/partition`) that have recorded one of its name."""
    before = [(artifact, origin) for artifact, origin in found if origin.sha256 != sha256]
    n_same = len(found) - len(before)
    if not before:
        like = f"{'artifact was' if n_same == 1 else 'artifacts were'} made with it as it is, like {found[0][0]}"
        return f"{path} is what people write, and no artifact; {n_same} {like}: explain that one"
    artifact, origin = before[0]
    said = f" “{origin.said}”" if origin.said else ""
    n_like = f" and {len(before) - 1} more" if before[1:] else ""
    same = f"; as it is today it went into {n_same} more" if n_same else ""
    return (
        f"{path} is another one today (sha256 {sha256[:_SHORT]}…) than went into {artifact}{n_like}: recorded is "
        f"{origin.kind} {origin.name}{said} of a {origin.file} with sha256 {origin.sha256[:_SHORT]}…, and with that "
        f"it was made{same}; `audio-assets explain {artifact}` tells the rest, `audio-assets plan` what is stale today"
    )
