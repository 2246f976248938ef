"""What is in the store, with a stamp of each record that changes when the record does; nothing is read.

100,000 objects of a local folder are listed in under a second: one look into the folder of each.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from resources.store import SIDECAR, ArtifactStore

_YOUNG_S = 2.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A record's path, its stamp and when it was written (ISO 8601, UTC).

    The stamp is "" while a record is so young that another one of the same size could come within the tick of the
    file system's clock: it is to be read again next time.
    """

    path: str
    stamp: str
    written_at: str


def sidecars(store: ArtifactStore, folder: str) -> Iterator[Listed]:
    """The sidecar of every object right below `folder`."""
    return _listed(store, folder, f"/{SIDECAR}", lambda name: name.count("/") == 1 and name.endswith(f"/{SIDECAR}"))


def records(store: ArtifactStore, folder: str) -> Iterator[Listed]:
    """Every `<name>.json` right below `folder`."""
    return _listed(store, folder, "", lambda name: "/" not in name and name.endswith(".json"))


def _listed(store: ArtifactStore, folder: str, inside: str, is_meant: Callable[[str], bool]) -> Iterator[Listed]:
    """What is meant of the files right below `folder`, by the name below it; `inside` is what follows an entry's."""
    root = store.local_root
    if root is None:
        yield from (one for one in _remote(store, folder) if is_meant(one.path.removeprefix(f"{folder}/")))
        return
    now_s = time.time()
    with suppress(FileNotFoundError), os.scandir(root / folder) as entries:
        for entry in entries:
            name = f"{entry.name}{inside}"
            if is_meant(name):
                with suppress(FileNotFoundError, NotADirectoryError):
                    # a Path would cost four times the stat
                    yield _local(f"{folder}/{name}", os.stat(f"{entry.path}{inside}"), now_s)  # noqa: PTH116


def _local(path: str, found: os.stat_result, now_s: float) -> Listed:
    is_young = now_s - found.st_mtime < _YOUNG_S
    stamp = "" if is_young else f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    return Listed(path, stamp, _iso(datetime.fromtimestamp(found.st_mtime, UTC)))


def _remote(store: ArtifactStore, folder: str) -> Iterator[Listed]:
    for entry in store.entries(folder):
        changed = entry["last_modified"]
        stamp = f"{entry['e_tag'] or ''}-{changed.timestamp()}-{entry['size']:x}"
        yield Listed(entry["path"], stamp, _iso(changed))


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
