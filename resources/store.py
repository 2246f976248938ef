"""The artifact store: immutable objects, refs to the current ones, and failures, as in design "objects and refs".

Layout below the store's URL:
- `<folder>/<action key>/{files..., sidecar.json}`: an object. The sidecar is written last and commits it.
- `refs/<asset>/<partition>.json`: what a partition points at now.
- `failures/<asset>/<partition>.json`: why a partition could not be rendered, until it is.

What the bytes mean is not known here. Every single write is atomic (obstore writes a temporary name and renames).
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from audio_assets.domain.schemas.records import (
    Failure,
    RecordError,
    Ref,
    Sidecar,
    StoredFile,
    lifted,
    read_record,
)
from resources.whole_objects import SIDECAR as SIDECAR  # of the layout that is described here
from resources.whole_objects import is_whole, read_records, read_small

SET_ASIDE = "sidecar.damaged.json"
"""Where the sidecar of a damaged object is kept until it is rendered again: what was known of it is not lost."""

_logger = logging.getLogger(__name__)
_told: set[str] = set()
"""Which objects are not whole, as told before in this process."""


class StoreError(RuntimeError):
    """The store's bytes are not what its records say, or it can not be reached; the message says which object."""


class DamagedError(StoreError):
    """An object is there and not whole."""


class ArtifactStore(dg.ConfigurableResource):  # type: ignore[type-arg]  # no value of its own: the resource is the value
    """Objects, refs and failures on a local folder or an object store."""

    url: str

    @cached_property
    def local_root(self) -> Path | None:
        """The store's folder when it is local: reading a file directly is 6 x faster than through obstore (8 us)."""
        return None if "://" in self.url else Path(self.url)

    @cached_property
    def backend(self) -> ObjectStore:
        """The obstore store, for what this class does not offer (ranges, times)."""
        root = self.local_root
        with self._naming(""):
            return LocalStore(root, mkdir=True) if root is not None else from_url(self.url)

    def _inside(self, path: str) -> Path:
        """The local file at `path`."""
        return Path(self.url) / self._checked(path)

    def _checked(self, path: str) -> str:
        if path.startswith("/") or (".." in path and ".." in path.split("/")):
            raise StoreError(f"{path} is no path below the store {self.url}")
        return path

    @contextmanager
    def _naming(self, path: str) -> Iterator[None]:
        """Within: what obstore reports becomes one sentence that names the store and the path.

        Raises:
            FileNotFoundError: there is nothing at `path`.
            StoreError: anything else.
        """
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(path) from error
        except (BaseError, OSError) as error:
            cause = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            where = f"{path} in the store {self.url}" if path else f"the store {self.url}"
            raise StoreError(f"{where} can not be reached or written: {cause[:300]}") from error

    # plain bytes

    def read(self, path: str) -> bytes | None:
        """The bytes at `path`, None where there is nothing."""
        try:
            if self.local_root is not None:
                return read_small(f"{self.url}/{self._checked(path)}")
            with self._naming(path):
                return bytes(obstore.get(self.backend, path).bytes())
        except FileNotFoundError:
            return None

    def write(self, path: str, data: bytes | Path) -> StoredFile:
        """Put `data` at `path` in one atomic step; a file is streamed. Its sha256 and size come back."""
        self._checked(path)
        if isinstance(data, Path):
            with data.open("rb") as source:
                stored = StoredFile(hashlib.file_digest(source, "sha256").hexdigest(), data.stat().st_size)
        else:
            stored = StoredFile(hashlib.sha256(data).hexdigest(), len(data))
        with self._naming(path):
            obstore.put(self.backend, path, data)
        return stored

    def duplicate(self, source: str, target: str) -> None:
        """Put a copy of what is at `source` at `target`, in one atomic step."""
        local = self.local_path(source)
        if local is not None:
            self.write(target, local)
            return
        self._checked(target)
        with self._naming(source):
            obstore.copy(self.backend, source, target)

    def holds(self, path: str, stored: StoredFile) -> bool:
        """Whether these very bytes are at `path`; on a remote store, a file of this size."""
        if self.size(path) != stored.size:
            return False
        local = self.local_path(path)
        if local is None:
            return True
        with local.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest() == stored.sha256

    def delete(self, path: str) -> None:
        """Remove what is at `path`; nothing there is fine."""
        with suppress(FileNotFoundError), self._naming(path):
            obstore.delete(self.backend, path)

    def remove_empty(self, folder: str) -> None:
        """Remove an empty local folder; an object store has none."""
        if self.local_root is not None:
            with suppress(OSError):  # not empty, or gone
                self._inside(folder).rmdir()

    def list(self, prefix: str) -> Iterator[str]:
        """Every path below `prefix`, in no order."""
        return (entry["path"] for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Every path below `prefix` with its size, time and tag, in no order."""
        with self._naming(prefix):
            for chunk in obstore.list(self.backend, prefix, chunk_size=1000):
                yield from chunk

    def local_path(self, path: str) -> Path | None:
        """The file itself where the store is a local folder."""
        return None if self.local_root is None else self._inside(path)

    def local_file(self, folder: str, name: str, sidecar: Sidecar, scratch: Path) -> Path:
        """A local path with an object's file, verified: the file itself, or a copy in `scratch` from a remote store.

        Raises:
            DamagedError: gone, or its sha256 is not the recorded one.
        """
        entry = sidecar.files.get(name)
        return self.local_copy(f"{folder}/{name}", entry.sha256 if entry else "", scratch)

    def local_copy(self, path: str, sha256: str, scratch: Path) -> Path:
        """A local path with what is at `path`, verified: the file itself, or a copy in `scratch` from a remote store.

        Raises:
            DamagedError: gone, or its sha256 is another one.
        """
        try:
            if self.local_root is not None:
                found = self._inside(path)
            else:
                found = scratch / path.replace("/", "_")
                if not found.exists():
                    self._download(path, found)
            with found.open("rb") as source:
                is_whole = hashlib.file_digest(source, "sha256").hexdigest() == sha256
        except FileNotFoundError as error:
            raise DamagedError(f"{path} is gone") from error
        if not is_whole:
            if self.local_root is None:
                found.unlink()
            raise DamagedError(f"{path} is damaged: its sha256 is not the recorded one")
        return found

    def _download(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        try:
            with partial.open("wb") as out, self._naming(path):
                for chunk in obstore.get(self.backend, path).stream():
                    out.write(chunk)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    # objects

    def find(self, folder: str) -> Sidecar | None:
        """The sidecar of the object in `folder`, None unless it is valid and every file is there at its size.

        One that can not be read is told of: it is there, and counts as nothing.
        """
        try:
            return self.whole(folder)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            if str(error) not in _told:
                _told.add(str(error))
                _logger.warning("%s; it counts as not rendered", error)
            return None

    def whole(self, folder: str) -> Sidecar:
        """The sidecar of the object in `folder`, with every file there at its size.

        Raises:
            FileNotFoundError: nothing was committed there.
            DamagedError: the sidecar can not be read, or a file is not there as it was written; it says which.
        """
        data = self.read(f"{folder}/{SIDECAR}")
        if data is None:
            raise FileNotFoundError(f"{folder} is gone")
        try:
            sidecar = Sidecar.from_bytes(data)
        except RecordError as error:
            raise DamagedError(f"{folder}/{SIDECAR} can not be read ({error})") from error
        for name, entry in sidecar.files.items():
            size = self.size(f"{folder}/{name}")
            if size is None:
                raise DamagedError(f"{folder}/{name} is gone")
            if size != entry.size:
                raise DamagedError(f"{folder}/{name} holds {size} bytes, not the {entry.size} that were written")
        return sidecar

    def recorded_action(self, folder: str) -> Mapping[str, Any] | None:
        """The action in the sidecar of `folder`, None where there is none that can be read; no file is looked at."""
        data = self.read(f"{folder}/{SIDECAR}")
        try:
            found: Mapping[str, Any] | None = None if data is None else read_record(data, Sidecar.SCHEMA)["action"]
        except (RecordError, KeyError):
            return None
        return found

    def size(self, path: str) -> int | None:
        """Bytes at `path`, None where there is nothing."""
        try:
            if self.local_root is not None:
                # a plan over 10,000 lines asks 140,000 times; a Path would cost four times the stat
                return os.stat(f"{self.url}/{self._checked(path)}").st_size  # noqa: PTH116
            with self._naming(path):
                return obstore.head(self.backend, path)["size"]
        except FileNotFoundError:
            return None

    def is_there(self, ref: Ref) -> bool:
        """Whether a ref's object is committed with its files at their sizes (on a remote store: committed).

        A `stat` costs 2 us, a request 20 ms: damage on a remote store is found when the bytes are read.
        """
        if self.local_root is None:
            return self.size(f"{ref.object}/{SIDECAR}") is not None
        return is_whole(f"{self.url}/{self._checked(ref.object)}", ref.sizes)

    def commit(self, folder: str, files: Mapping[str, StoredFile], sidecar: Sidecar) -> None:
        """Write the sidecar of files that `write` has put in `folder`, once each stands there at its size.

        Raises:
            StoreError: a file is not there, or shorter than it was written; or the sidecar could not be read back.
        """
        for name, entry in files.items():
            found = self.size(f"{folder}/{name}")
            if found != entry.size:
                raise StoreError(
                    f"{folder}/{name} holds {found} bytes after {entry.size} were written; is the disk full?"
                )
        data = sidecar.to_bytes()
        try:
            Sidecar.from_bytes(data)
        except RecordError as error:  # it would be rendered again for ever
            raise StoreError(f"{folder}/{SIDECAR} is not written, for it could not be read again: {error}") from error
        self.write(f"{folder}/{SIDECAR}", data)
        if self.size(f"{folder}/{SET_ASIDE}") is not None:
            self.delete(f"{folder}/{SET_ASIDE}")

    def read_file(self, folder: str, name: str, sidecar: Sidecar) -> bytes:
        """A file of an object, verified against its sidecar.

        Raises:
            DamagedError: gone, or its sha256 is not the recorded one.
        """
        data = self.read(f"{folder}/{name}")
        entry = sidecar.files.get(name)
        if data is None or entry is None:
            raise DamagedError(f"{folder}/{name} is gone")
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise DamagedError(
                f"{folder}/{name} is damaged (its sha256 is not the recorded one); delete {folder} and run again"
            )
        return data

    def discard(self, folder: str) -> None:
        """Uncommit the object in `folder`: without its sidecar it is no hit."""
        self.delete(f"{folder}/{SIDECAR}")

    def set_aside(self, folder: str) -> None:
        """As `discard`, and keep the sidecar under another name."""
        data = self.read(f"{folder}/{SIDECAR}")
        if data is not None:
            self.write(f"{folder}/{SET_ASIDE}", data)
        self.discard(folder)

    # refs and failures

    def refs(self, asset: str) -> "Refs":
        """The refs of one asset."""
        return Refs(self, asset)

    def failures(self, asset: str) -> dict[str, Failure]:
        """Every kept failure of one asset, by partition."""
        found = {partition_of(name): _parse_failure(data) for name, data in self.read_all(f"failures/{asset}")}
        return {partition: failure for partition, failure in found.items() if failure is not None}

    def failed_in(self, run_id: str, asset: str) -> dict[str, Failure]:
        """The failures of one asset in a run in which nobody stood in."""
        found = self.failures(asset).items()
        return {partition: one for partition, one in found if one.run_id == run_id and not one.stand_in}

    def failure(self, asset: str, partition: str) -> Failure | None:
        """The kept failure of one partition."""
        data = self.read(record_path("failures", asset, partition))
        return None if data is None else _parse_failure(data)

    def record_failure(self, asset: str, partition: str, failure: Failure) -> None:
        """Keep why `partition` failed."""
        self.write(record_path("failures", asset, partition), failure.to_bytes())

    def clear_failure(self, asset: str, partition: str) -> None:
        """Forget the failure of a partition that is now rendered."""
        if self.size(record_path("failures", asset, partition)) is not None:
            self.delete(record_path("failures", asset, partition))

    def read_all(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every `<name>.json` right below `prefix`: its name and bytes."""
        root = self.local_root
        if root is not None:
            yield from read_records(f"{root}/{prefix}")
            return
        for remote in list(self.list(prefix)):
            name = remote.removeprefix(f"{prefix}/")
            data = self.read(remote) if name.endswith(".json") and "/" not in name else None
            if data is not None:
                yield name.removesuffix(".json"), data


@dataclass
class Refs:
    """The refs of one asset; `preload` reads them all at once, for work on many partitions."""

    store: ArtifactStore
    asset: str
    _loaded: dict[str, Ref] | None = None

    def preload(self) -> "Refs":
        """Read every ref of the asset now; later `get`s and `all` answer from memory."""
        found: dict[str, Ref] = {}
        for name, data in self.store.read_all(f"refs/{self.asset}"):
            ref = _parse_ref(data)
            if ref is not None:
                found[partition_of(name)] = ref
        self._loaded = found
        return self

    def take(self, records: Iterable[tuple[str, Any]]) -> None:
        """As `preload`, from the names and parsed records that somebody else has read."""
        found: dict[str, Ref] = {}
        for name, record in records:
            with suppress(RecordError):
                found[partition_of(name)] = Ref.from_record(lifted(record, "ref.1"))
        self._loaded = found

    def all(self) -> Mapping[str, Ref]:
        """Every partition's ref."""
        if self._loaded is None:
            self.preload()
        return self._loaded or {}

    def get(self, partition: str) -> Ref | None:
        """The ref of one partition, None where it was never rendered."""
        if self._loaded is not None:
            return self._loaded.get(partition)
        data = self.store.read(record_path("refs", self.asset, partition))
        return None if data is None else _parse_ref(data)

    def point(self, partition: str, ref: Ref) -> None:
        """Let `partition` point at `ref`, and forget its failure."""
        self.store.write(record_path("refs", self.asset, partition), ref.to_bytes())
        self.store.clear_failure(self.asset, partition)
        if self._loaded is not None:
            self._loaded[partition] = ref


def record_path(kind: Literal["refs", "failures"], asset: str, partition: str) -> str:
    """Where the ref or the failure of a partition is.

    A scene's key `s003|song` is the file `s003+song.json`: stores escape the bar, local files would keep it.
    """
    return f"{kind}/{asset}/{partition.replace('|', '+')}.json"


def partition_of(name: str) -> str:
    """The partition of a record by its file's name, without the suffix."""
    return name.replace("+", "|")


def _parse_failure(data: bytes) -> Failure | None:
    """A torn one counts as none: the partition is tried again."""
    try:
        return Failure.from_bytes(data)
    except RecordError:
        return None


def _parse_ref(data: bytes) -> Ref | None:
    """A ref that a crashed machine left half written counts as none: the next run writes it anew from the cache."""
    try:
        return Ref.from_bytes(data)
    except RecordError:
        return None
