"""Recipes one of whose files also stands in the data root under a plain name, for people and other programs.

The object in the store is what counts. The plain file is a copy that anybody may damage or delete: a plan tells it, and
the next run writes it again from the object, which is checked by its hash; where that is damaged too it is rendered.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from audio_assets.domain.artifacts import WAV
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.recipe import Recipe
from resources.published import replace_file, sha256_of
from resources.store import StoreError


class PlainFile(Recipe):
    """A recipe with a plain file; `file` is which of the object's files it is a copy of."""

    file: ClassVar[str] = WAV

    @abstractmethod
    def path(self, partition: str) -> str:
        """Where it stands, below the data root."""

    def local(self, partition: str) -> Path:
        """Where it stands on this machine."""
        return self._root / self.path(partition)

    @cached_property
    def _root(self) -> Path:
        root: Path = self.studio.settings.root  # looked up on the disk each time: 100 us
        return root

    def wrong(self, partition: str, sidecar: Sidecar) -> Literal["", "missing", "damaged"]:
        """How the plain file differs from the object's file, "" where it does not."""
        try:
            found = sha256_of(self.local(partition))
        except OSError:  # a folder, or not to be read
            return "damaged"
        if not found:
            return "missing"
        return "" if found == sidecar.files[self.file].sha256 else "damaged"

    def unfinished(self, partition: str, *, retry_failed: bool) -> str:
        """Whether its plain file is gone or damaged, while the object is that of today."""
        ref = self.refs.get(partition)
        sidecar = self.store.find(ref.object) if ref is not None else None
        wrong = self.wrong(partition, sidecar) if sidecar is not None else ""
        if not wrong or ref is None:
            return ""
        with suppress(PermanentError, UpstreamError):
            if ref.action_key == self.describe(partition).key:
                return f"{self.path(partition)} is {'gone' if wrong == 'missing' else 'damaged'}"
        return ""

    def hit(self, partition: str, folder: str) -> Sidecar | None:
        """The object; None also where its plain file has to be written and its own file is damaged."""
        sidecar = super().hit(partition, folder)
        if sidecar is None or not self.wrong(partition, sidecar):
            return sidecar
        try:
            self.store.read_file(folder, self.file, sidecar)
        except StoreError:
            self.store.discard(folder)
            return None
        return sidecar

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """Write the plain file where it is not what it should be."""
        if self.wrong(partition, sidecar):
            replace_file(self.local(partition), self.store.read_file(folder, self.file, sidecar))

    def copies(self, partition: str, sidecar: Sidecar) -> Mapping[str | Path, str]:
        """The plain file."""
        return {self.local(partition): self.file}

    def left_behind(self) -> Iterator[str]:
        """Plain files that this recipe wrote for what is asked for no more; others in the folder are people's own."""
        if self.store.local_root != self._root:  # a clean-up deletes what is in the store
            return
        gone = self.refs.all().keys() - set(self.partitions())
        yield from (self.path(key) for key in sorted(gone) if self.local(key).is_file())
