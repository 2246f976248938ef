"""What the player of an artifact's page draws and plays, as plain data for `player.js`.

Here: the sound's waveform, words and phonemes in time, the mouth, a mix's tracks and curves, wherever in the store they
are. Not here: the rest of the page (`artifact_page`). Times are seconds from the first sample of the sound.
"""

import io
from collections.abc import Callable, Mapping, Sequence
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
from audio_assets.domain.schemas.lipsync import LipsyncRecord
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.timeline import Timeline
from audio_assets.site.files import public_path
from audio_assets.site.index import Index
from resources.store import SIDECAR, ArtifactStore

Record = TypeVar("Record")

_SOUNDS = ("out.wav", "mix.wav", "remix.wav", "vocal_segment.flac")
_N_PEAKS = 1600
_LARGEST_REMOTE_SOUND = 100_000_000  # bytes fetched only to draw a waveform; a larger remote file has none
_MIX_FPS = 30
_MIX_LINES = 300  # lines whose words and mouths a mix's page shows: about 1 ms each to read


def player_data(
    store: ArtifactStore,
    sound: str,
    folder: str,
    sidecar: Sidecar,
    tracks: Sequence[Mapping[str, Any]],
    gaps: list[str],
) -> dict[str, Any]:
    """Return all that `player.js` needs of one object; what can not be read is left out and named in `gaps`."""
    peaks, duration_s = _waveform(store, sound, gaps)
    player: dict[str, Any] = {"duration": duration_s, "peaks": peaks, "tracks": list(tracks), "colours": _colours()}
    mix = _mix_record(store, folder, sidecar)
    if mix:
        player |= _mix_speech(store, sidecar, tracks, duration_s, gaps)
        if isinstance(mix.get("curve"), Mapping):
            player["curve"] = dict(mix["curve"])
        return player
    timeline = _timeline(store, folder, sidecar, gaps)
    if timeline is not None:
        player |= _spans(timeline, 0.0)
    lipsync = _lipsync(store, folder, sidecar, gaps)
    if lipsync is not None:
        shapes = "".join(frame.shape for frame in lipsync.frames)
        jaw = [frame.jaw for frame in lipsync.frames]
        player["mouth"] = {"fps": float(lipsync.frame_rate), "shapes": shapes, "jaw": jaw}
    return player


def find_sound(store: ArtifactStore, folder: str, sidecar: Sidecar) -> str | None:
    """Return the path of the sound that an object is, or was made of."""
    return _find(store, folder, sidecar, _SOUNDS)


def mix_tracks(
    store: ArtifactStore, index: Index, folder: str, sidecar: Sidecar, gaps: list[str]
) -> list[dict[str, Any]]:
    """Return a mix's tracks, lines first, in order of time: what each is, where it begins, the page of its line."""
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
    return sorted(tracks, key=lambda track: (not track["href"], track["at"]))


def parsed(parse: Callable[[bytes], Record], data: bytes | None, what: str, gaps: list[str]) -> Record | None:
    """Return the record in `data`; None where there is none, or (said in `gaps`) where it can not be read."""
    if data is None:
        return None
    try:
        return parse(data)
    except ValueError as error:
        gaps.append(f"{what[0].upper()}{what[1:]} can not be read: {error}.")
        return None


def _find(store: ArtifactStore, folder: str, sidecar: Sidecar, names: Sequence[str], depth: int = 3) -> str | None:
    """Return the nearest file of one of `names`: in the object, else in what it was made of."""
    for name in names:
        if name in sidecar.files or (name in sidecar.published.values() and store.size(f"{folder}/{name}") is not None):
            return f"{folder}/{name}"
    for source in filter(public_path, sidecar.sources.values()) if depth else ():
        made_of = parsed(Sidecar.from_bytes, store.read(f"{source}/{SIDECAR}"), "a sidecar", [])
        found = _find(store, source, made_of, names, depth - 1) if made_of else None
        if found:
            return found
    return None


def _colours() -> dict[str, str]:
    return {shape: "#{:02x}{:02x}{:02x}".format(*colour) for shape, colour in SHAPE_COLOURS.items()}


# --- speech ----------------------------------------------------------------------------------------------------------


def _timeline(store: ArtifactStore, folder: str, sidecar: Sidecar, gaps: list[str]) -> Timeline | None:
    """Return the aligned times, else the engine's own."""
    path = _find(store, folder, sidecar, ("alignment.json",))
    record = parsed(alignment_schema.from_bytes, store.read(path) if path else None, "its alignment", gaps)
    if record is not None:
        return record.timeline
    path = _find(store, folder, sidecar, ("speech.json",))
    spoken = parsed(spoken_schema.from_bytes, store.read(path) if path else None, "its text", gaps)
    return spoken.timeline if spoken else None


def _lipsync(store: ArtifactStore, folder: str, sidecar: Sidecar, gaps: list[str]) -> LipsyncRecord | None:
    path = _find(store, folder, sidecar, ("lipsync.json",))
    return parsed(lipsync_schema.from_bytes, store.read(path) if path else None, "its mouth shapes", gaps)


def _spans(timeline: Timeline, offset_s: float) -> dict[str, list[list[Any]]]:
    def at(t_s: float) -> float:
        return round(t_s + offset_s, 4)

    return {
        "words": [[word.word, at(word.t_start), at(word.t_end)] for word in timeline.words],
        "phones": [[phone.phoneme, at(phone.t_start), at(phone.t_end)] for phone in timeline.phonemes],
    }


def _mix_speech(
    store: ArtifactStore, sidecar: Sidecar, tracks: Sequence[Mapping[str, Any]], duration_s: float, gaps: list[str]
) -> dict[str, Any]:
    """Return words, phonemes and the mouth of whoever speaks over a whole mix."""
    lines = [track for track in tracks if track["href"]]
    if not lines or len(lines) > _MIX_LINES:
        return {}
    words: list[list[Any]] = []
    phones: list[list[Any]] = []
    shapes = ["X"] * max(1, round(duration_s * _MIX_FPS))
    jaw = [0.0] * len(shapes)
    for track in lines:
        folder = sidecar.sources[track["name"]]
        line = parsed(Sidecar.from_bytes, store.read(f"{folder}/{SIDECAR}"), f"the sidecar of {track['name']}", gaps)
        timeline = _timeline(store, folder, line, gaps) if line else None
        if timeline is not None:
            spans = _spans(timeline, track["at"])
            words += spans["words"]
            phones += spans["phones"]
        lipsync = _lipsync(store, folder, line, gaps) if line else None
        if lipsync is not None:
            _place(lipsync, track["at"], shapes, jaw)
    return {"words": words, "phones": phones, "mouth": {"fps": _MIX_FPS, "shapes": "".join(shapes), "jaw": jaw}}


def _place(lipsync: LipsyncRecord, offset_s: float, shapes: list[str], jaw: list[float]) -> None:
    """Write a line's frames into the mix's, each at the frame nearest its time."""
    first = max(0, round(offset_s * _MIX_FPS))
    n_frames = round(len(lipsync.frames) / float(lipsync.frame_rate) * _MIX_FPS)
    for number in range(first, min(len(shapes), first + n_frames)):
        at = int((number / _MIX_FPS - offset_s) * float(lipsync.frame_rate) + 1e-6)  # 15.999999 is frame 16
        frame = lipsync.frames[min(max(0, at), len(lipsync.frames) - 1)]
        shapes[number], jaw[number] = frame.shape, frame.jaw


def _mix_record(store: ArtifactStore, folder: str, sidecar: Sidecar) -> dict[str, Any]:
    data = store.read(f"{folder}/mix.json") if "mix.json" in sidecar.files else None
    try:
        record = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


# --- the waveform ----------------------------------------------------------------------------------------------------


def _waveform(store: ArtifactStore, path: str, gaps: list[str]) -> tuple[list[int], float]:
    size = store.size(path)
    local = store.local_path(path)
    try:
        if size is None:
            gaps.append(f"The sound {path} is gone; the next run renders it again.")
            return [], 0.0
        if local is None and size > _LARGEST_REMOTE_SOUND:
            return [], 0.0
        return _peaks(store, path, size, local.stat().st_mtime_ns if local else 0)
    except (OSError, soundfile.SoundFileError) as error:
        gaps.append(f"The sound {path} can not be read: {error}.")
        return [], 0.0


@lru_cache(maxsize=64)
def _peaks(store: ArtifactStore, path: str, size: int, modified_ns: int) -> tuple[list[int], float]:  # noqa: ARG001 - the cache's key
    """Lowest and highest sample of each column, -100 to 100, by turns; the duration in seconds. Read in blocks."""
    source = store.local_path(path) or io.BytesIO(store.read(path) or b"")
    with soundfile.SoundFile(source) as sound:
        n_column = max(1, -(-sound.frames // _N_PEAKS))
        peaks: list[int] = []
        for block in sound.blocks(n_column * max(1, 1_000_000 // n_column), dtype="float32", always_2d=True):
            peaks.extend(_extremes(block, n_column))
        return peaks, sound.frames / sound.samplerate


def _extremes(block: NDArray[np.float32], n_column: int) -> list[int]:
    starts = np.arange(0, len(block), n_column)
    low = np.minimum.reduceat(block.min(axis=1), starts)
    high = np.maximum.reduceat(block.max(axis=1), starts)
    pairs = np.nan_to_num(np.stack([low, high], axis=1)).clip(-1, 1)
    return [int(value) for value in np.rint(pairs * 100).ravel()]
