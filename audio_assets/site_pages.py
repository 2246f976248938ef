"""What the page of one artifact shows, as plain data: read from the store, nothing rendered, nothing written.

Here: the artifact's records, its inputs and what was made of it. Not here: what plays (`site_player`), HTML (`pages/`),
HTTP (`site`). A record that is missing or damaged leaves its part of the page out; the page says so in `gaps`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from audio_assets.domain.schemas.records import Failure, RecordError, Ref, Sidecar
from audio_assets.site_index import Index
from audio_assets.site_player import find_sound, mix_tracks, parsed, player_data
from resources.store import SIDECAR, ArtifactStore

_ASSET = re.compile(r"[a-z0-9_]{1,100}")
_PARTITION = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,254}")

# What a failure's kind means to the person who reads it.
_FAILED: Mapping[str, str] = {
    "permanent": "This could not be rendered, and trying again would fail the same way. Change the input.",
    "transient": "This could not be rendered this time. Trying again may help.",
    "upstream": "This waits for another artifact, which has to be rendered first.",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another page of this site."""

    label: str
    href: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A file of the artifact; `size` is in bytes."""

    name: str
    path: str
    size: int


@dataclass
class Page:
    """One artifact. `player` is what `player.js` draws and plays, empty without a sound."""

    asset: str
    partition: str
    folder: str = ""
    text: str = ""
    character: str = ""
    sidecar: Sidecar | None = None
    failure: Failure | None = None
    sidecar_json: str = ""
    sound: str = ""
    picture: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    provider: list[tuple[str, str]] = field(default_factory=list)
    files: list[StoredEntry] = field(default_factory=list)
    inputs: list[Link] = field(default_factory=list)
    made: list[Link] = field(default_factory=list)
    tracks: list[dict[str, Any]] = field(default_factory=list)
    player: dict[str, Any] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to show: an artifact, or why there is none."""
        return self.sidecar is not None or self.failure is not None

    @property
    def failed_because(self) -> str:
        """What the failure's kind means, in a sentence."""
        return _FAILED.get(self.failure.kind, "This could not be rendered.") if self.failure else ""


def partition_page(store: ArtifactStore, index: Index, asset: str, partition: str) -> Page | None:
    """Return the page of what a partition points at now; None for names that no asset or partition can have."""
    if not _ASSET.fullmatch(asset) or not _PARTITION.fullmatch(partition):
        return None
    said = index.said(partition)
    page = Page(asset, partition, text=said.text, character=said.character)
    failure = store.read(f"failures/{asset}/{partition}.json")
    page.failure = parsed(Failure.from_bytes, failure, "the record of its failure", page.gaps)
    ref = store.refs(asset).get(partition)
    if ref is not None:
        _fill(store, index, page, ref.object)
    return page


def object_page(store: ArtifactStore, index: Index, folder: str) -> Page | None:
    """Return the page of one object by its folder, whatever points at it; None where no object is."""
    if store.size(f"{folder}/{SIDECAR}") is None:
        return None
    page = Page("", "")
    _fill(store, index, page, folder)
    return page if page.sidecar else None


def _fill(store: ArtifactStore, index: Index, page: Page, folder: str) -> None:
    data = store.read(f"{folder}/{SIDECAR}")
    sidecar = parsed(Sidecar.from_bytes, data, "its sidecar", page.gaps)
    if sidecar is None or data is None:
        page.gaps.append(f"The artifact in {folder} is gone or not whole; the next run renders it again.")
        return
    page.folder, page.sidecar = folder, sidecar
    page.asset = page.asset or str(sidecar.action.get("asset", ""))
    page.sidecar_json = orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2).decode()
    page.text = str(sidecar.facts.get("text") or page.text)
    page.character = str(sidecar.facts.get("character") or page.character)
    page.facts = [(_words(name), _shown(value)) for name, value in sidecar.facts.items() if name != "text"]
    provider = sidecar.action.get("provider") or {}
    page.provider = [(_words(name), _shown(value)) for name, value in provider.items() if name != "licence"]
    page.files = _files(store, folder, sidecar)
    page.picture = next((entry.path for entry in page.files if entry.name == "picture.png"), "")
    page.sound = find_sound(store, folder, sidecar) or ""
    page.inputs = _inputs(index, sidecar)
    page.made = list(_made(store, index, page))
    page.tracks = mix_tracks(store, index, folder, sidecar, page.gaps)
    if page.sound:
        page.player = player_data(store, page.sound, folder, sidecar, page.tracks, page.gaps)


def _files(store: ArtifactStore, folder: str, sidecar: Sidecar) -> list[StoredEntry]:
    entries = [StoredEntry(name, f"{folder}/{name}", entry.size) for name, entry in sidecar.files.items()]
    for name in sidecar.published.values():
        size = store.size(f"{folder}/{name}")
        if size is not None and name not in sidecar.files:
            entries.append(StoredEntry(name, f"{folder}/{name}", size))
    size = store.size(f"{folder}/{SIDECAR}")
    return [*entries, StoredEntry(SIDECAR, f"{folder}/{SIDECAR}", size or 0)]


# --- lineage ---------------------------------------------------------------------------------------------------------


def _inputs(index: Index, sidecar: Sidecar) -> list[Link]:
    """Link the very objects that this one was made of, and say which are lines."""
    return [Link(name, f"/o/{folder}", index.said(name).text) for name, folder in sidecar.sources.items()]


def _made(store: ArtifactStore, index: Index, page: Page) -> Iterator[Link]:
    """Link the same partition's other assets, and the mixes that this object is in."""
    for asset in index.assets_of(page.partition):
        if asset != page.asset:
            ref = store.refs(asset).get(page.partition)
            remark = "made from this" if ref and page.folder in _sources(store, ref) else "of the same line"
            yield Link(asset, f"/a/{asset}/{page.partition}", remark)
    for mix in index.partitions("dialogue_mix"):
        if page.partition and mix != page.partition and _may_hold(mix, page.partition):
            ref = store.refs("dialogue_mix").get(mix)
            if ref is not None and page.folder in _sources(store, ref):
                yield Link("dialogue_mix", f"/a/dialogue_mix/{mix}", mix)


def _may_hold(mix: str, line: str) -> bool:
    """Rule out what can not be: a label's mix holds its own script and language, a mix from a file any line."""
    script, _, lang = line.split(".", 2) if line.count(".") >= 2 else ("", "", "")
    return mix.startswith("spec.") or (mix.startswith(f"{script}.") and mix.endswith(f".{lang}"))


def _sources(store: ArtifactStore, ref: Ref) -> frozenset[str]:
    return _object_sources(store, ref.object, ref.content)


@lru_cache(maxsize=20_000)
def _object_sources(store: ArtifactStore, folder: str, content: str) -> frozenset[str]:  # noqa: ARG001 - the key of the cache
    data = store.read(f"{folder}/{SIDECAR}")
    try:
        return frozenset(Sidecar.from_bytes(data).sources.values()) if data else frozenset()
    except RecordError:
        return frozenset()


# --- words -----------------------------------------------------------------------------------------------------------


_UNITS = {"s": "s", "db": "dB", "hz": "Hz", "lufs": "LUFS", "lu": "LU", "usd": "USD", "bpm": "BPM", "px": "px"}


def _words(name: str) -> str:
    """Write `peak_db` as `peak (dB)`, `n_words` as `words`."""
    words = name.removeprefix("n_").split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    return f"{' '.join(words[:-1])} ({unit})" if unit else " ".join(words)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
