"""A store over another one, whose writes stay in memory: what would be there after a render that is only tried."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import PrivateAttr

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.schemas.records import StoredFile
from resources.store import ArtifactStore


class ForeseenStore(ArtifactStore):
    """Reads what was written here, else what the store at the same URL holds; nothing is ever written there.

    For small artifacts that are read whole: there is no local file of them.
    """

    _written: dict[str, bytes | None] = PrivateAttr(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """See `ArtifactStore.read`."""
        return self._written[path] if path in self._written else super().read(path)

    def size(self, path: str) -> int | None:
        """See `ArtifactStore.size`."""
        if path not in self._written:
            return super().size(path)
        data = self._written[path]
        return None if data is None else len(data)

    def write(self, path: str, data: bytes | Path) -> StoredFile:
        """Keep it here."""
        kept = data.read_bytes() if isinstance(data, Path) else data
        self._written[self._checked(path)] = kept
        return StoredFile(sha256_hex(kept), len(kept))

    def delete(self, path: str) -> None:
        """Forget it here."""
        self._written[path] = None

    def read_all(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """See `ArtifactStore.read_all`."""
        for name, data in super().read_all(prefix):
            if f"{prefix}/{name}.json" not in self._written:
                yield name, data
        for path, kept in list(self._written.items()):
            folder, _, name = path.rpartition("/")
            if kept is not None and folder == prefix and name.endswith(".json"):
                yield name.removesuffix(".json"), kept
