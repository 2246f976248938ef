"""What the page of one artifact shows, as plain data: read from the store, nothing rendered, nothing written.

Here: the artifact's records brought together with its inputs and what was made of it. Not here: HTML (`pages/`), HTTP
(`site`). A record that is missing or damaged leaves its part of the page out; the page says so in `gaps`.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import orjson
import soundfile
from numpy.typing import NDArray

from audio_assets.domain.pictures import SHAPE_COLOURS
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas import lipsync as lipsync_schema
from audio_assets.domain.schemas import spoken as spoken_schema
from audio_assets.domain.schemas.records import Failure, RecordError, Ref, Sidecar
from audio_assets.domain.timeline import Timeline
from audio_assets.site_index import Index
from resources.store import SIDECAR, ArtifactStore

Record = TypeVar("Record")

_ASSET = re.compile(r"[a-z0-9_]{1,100}")
_PARTITION = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,254}")
_SOUNDS = ("out.wav", "mix.wav")
_N_PEAKS = 1600
_LARGEST_REMOTE_SOUND = 100_000_000  # bytes fetched only to draw a waveform; a larger remote file has none

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
    page.failure = _parsed(Failure.from_bytes, failure, "the record of its failure", page.gaps)
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
    sidecar = _parsed(Sidecar.from_bytes, data, "its sidecar", page.gaps)
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
    page.sound = _find(store, folder, sidecar, _SOUNDS) or ""
    page.inputs = _inputs(index, page, sidecar)
    page.made = list(_made(store, index, page))
    page.tracks = _tracks(store, index, folder, sidecar, page.gaps)
    if page.sound:
        page.player = _player(store, page, sidecar)


def _files(store: ArtifactStore, folder: str, sidecar: Sidecar) -> list[StoredEntry]:
    entries = [StoredEntry(name, f"{folder}/{name}", entry.size) for name, entry in sidecar.files.items()]
    for name in sidecar.published.values():
        size = store.size(f"{folder}/{name}")
        if size is not None and name not in sidecar.files:
            entries.append(StoredEntry(name, f"{folder}/{name}", size))
    size = store.size(f"{folder}/{SIDECAR}")
    return [*entries, StoredEntry(SIDECAR, f"{folder}/{SIDECAR}", size or 0)]


# --- lineage -----------------------------------------------------------------------------------------------------------


def _inputs(index: Index, page: Page, sidecar: Sidecar) -> list[Link]:
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
    """A label's mix holds lines of its own script and language only; a mix from a file may hold any."""
    script, _, lang = line.split(".", 2) if line.count(".") >= 2 else ("", "", "")
    return mix.startswith("spec.") or (mix.startswith(f"{script}.") and mix.endswith(f".{lang}"))


def _sources(store: ArtifactStore, ref: Ref) -> frozenset[str]:
    return _object_sources(store, ref.object, ref.content)


@lru_cache(maxsize=20_000)
def _object_sources(store: ArtifactStore, folder: str, content: str) -> frozenset[str]:  # noqa: ARG001 - part of the key
    data = store.read(f"{folder}/{SIDECAR}")
    try:
        return frozenset(Sidecar.from_bytes(data).sources.values()) if data else frozenset()
    except RecordError:
        return frozenset()


def _find(store: ArtifactStore, folder: str, sidecar: Sidecar, names: tuple[str, ...], depth: int = 3) -> str | None:
    """Return the nearest file of one of `names`: in the object, else in what it was made of."""
    for name in names:
        if name in sidecar.files or name in sidecar.published.values():
            return f"{folder}/{name}"
    if not depth or len(sidecar.sources) > 4:
        return None
    for source in sidecar.sources.values():
        data = store.read(f"{source}/{SIDECAR}")
        found = _find(store, source, Sidecar.from_bytes(data), names, depth - 1) if data else None
        if found:
            return found
    return None


# --- what plays --------------------------------------------------------------------------------------------------------


def _player(store: ArtifactStore, page: Page, sidecar: Sidecar) -> dict[str, Any]:
    peaks, duration_s = _waveform(store, page.sound, page.gaps)
    player: dict[str, Any] = {"duration": duration_s, "peaks": peaks, "tracks": page.tracks, "colours": _colours()}
    timeline = _timeline(store, page.folder, sidecar, page.gaps)
    if timeline is not None:
        player["words"] = [[word.word, word.t_start, word.t_end] for word in timeline.words]
        player["phones"] = [[phone.phoneme, phone.t_start, phone.t_end] for phone in timeline.phonemes]
    path = _find(store, page.folder, sidecar, ("lipsync.json",))
    lipsync = _parsed(lipsync_schema.from_bytes, store.read(path), "its mouth shapes", page.gaps) if path else None
    if lipsync is not None:
        player["mouth"] = {
            "fps": float(lipsync.frame_rate),
            "shapes": "".join(frame.shape for frame in lipsync.frames),
            "jaw": [frame.jaw for frame in lipsync.frames],
        }
    curve = _mix_record(store, page.folder, sidecar).get("curve")
    if isinstance(curve, Mapping):
        player["curve"] = dict(curve)
    return player


def _colours() -> dict[str, str]:
    return {shape: "#{:02x}{:02x}{:02x}".format(*colour) for shape, colour in SHAPE_COLOURS.items()}


def _timeline(store: ArtifactStore, folder: str, sidecar: Sidecar, gaps: list[str]) -> Timeline | None:
    """Return the aligned times, else the engine's own."""
    path = _find(store, folder, sidecar, ("alignment.json",))
    data = store.read(path) if path else None
    record = _parsed(alignment_schema.from_bytes, data, "its alignment", gaps)
    if record is not None:
        return record.timeline
    path = _find(store, folder, sidecar, ("speech.json",))
    spoken = _parsed(spoken_schema.from_bytes, store.read(path), "its text", gaps) if path else None
    return spoken.timeline if spoken else None


def _mix_record(store: ArtifactStore, folder: str, sidecar: Sidecar) -> dict[str, Any]:
    data = store.read(f"{folder}/mix.json") if "mix.json" in sidecar.files else None
    try:
        record = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


def _tracks(
    store: ArtifactStore, index: Index, folder: str, sidecar: Sidecar, gaps: list[str]
) -> list[dict[str, Any]]:
    """List a mix's tracks in order of time: what it is, where it begins, and the page of its line."""
    try:
        tracks = [
            {
                "name": str(track.get("source") or track.get("line") or track.get("path") or "?"),
                "role": str(track.get("role", "")),
                "at": float(track.get("offset_s", track.get("offset", 0.0))),
                "duration": float(track.get("duration_s", 0.0)),
                "gain_db": float(track.get("gain_db", 0.0)),
            }
            for track in _mix_record(store, folder, sidecar).get("tracks", [])
        ]
    except (AttributeError, TypeError, ValueError):
        gaps.append("The list of its tracks can not be read.")
        return []
    for track in tracks:
        said = index.said(str(track["name"]))
        source = sidecar.sources.get(str(track["name"]), "")
        track.update(text=said.text, character=said.character, href=f"/o/{source}" if source else "")
    return sorted(tracks, key=lambda track: (not track["text"], track["at"]))


def _waveform(store: ArtifactStore, path: str, gaps: list[str]) -> tuple[list[int], float]:
    size = store.size(path)
    local = store.local_path(path)
    try:
        if size is None:
            gaps.append(f"The sound {path} is gone; the next run renders it again.")
            return [], 0.0
        if local is None and size > _LARGEST_REMOTE_SOUND:
            return [], 0.0
        modified_ns = local.stat().st_mtime_ns if local else 0
        return _peaks(store, path, size, modified_ns)
    except (OSError, soundfile.SoundFileError) as error:
        gaps.append(f"The sound {path} can not be read: {error}.")
        return [], 0.0


@lru_cache(maxsize=64)
def _peaks(store: ArtifactStore, path: str, size: int, modified_ns: int) -> tuple[list[int], float]:  # noqa: ARG001
    """Lowest and highest sample of each column, -100 to 100, by turns; the duration in seconds. Read in blocks."""
    source = store.local_path(path) or io.BytesIO(store.read(path) or b"")
    with soundfile.SoundFile(source) as sound:
        n_columns = max(1, min(_N_PEAKS, sound.frames))
        n_block = -(-sound.frames // n_columns) if sound.frames else 1
        per_read = n_block * max(1, 1_000_000 // n_block)
        peaks: list[int] = []
        for block in sound.blocks(per_read, dtype="float32", always_2d=True):
            peaks.extend(_extremes(block, n_block))
        return peaks, sound.frames / sound.samplerate


def _extremes(block: NDArray[np.float32], n_block: int) -> list[int]:
    starts = np.arange(0, len(block), n_block)
    low = np.minimum.reduceat(block.min(axis=1), starts)
    high = np.maximum.reduceat(block.max(axis=1), starts)
    pairs = np.stack([low, high], axis=1).clip(-1, 1)
    return [int(value) for value in np.rint(pairs * 100).ravel()]


# --- words -------------------------------------------------------------------------------------------------------------


def _parsed(
    parse: Callable[[bytes], Record], data: bytes | None, what: str, gaps: list[str]
) -> Record | None:
    if data is None:
        return None
    try:
        return parse(data)
    except ValueError as error:
        gaps.append(f"{what[0].upper()}{what[1:]} can not be read: {error}.")
        return None


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
