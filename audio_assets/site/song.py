"""What the player of a song's pages draws and plays, as plain data for `song_player.js`.

Here: the song's sound and voice, its waveform, beats, onsets, energy, sections, lyrics and scenes, from wherever they
stand. Not here: the rest of the page (`artifact_page`), tables of scenes (`scenes`). Times are seconds from the first
sample of the song; no sound is decoded for a page.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.music import features as song_features
from audio_assets.domain.music.analysis import BeatGrid, LyricLine, Lyrics
from audio_assets.domain.scene_key import scene_key
from audio_assets.domain.schemas import song_analysis as schema
from audio_assets.domain.schemas import storyboard as board_schema
from audio_assets.domain.schemas.records import RecordError, Sidecar, read_record
from audio_assets.domain.storyboard import Storyboard
from audio_assets.site.catalog import SCENE, SONG_STAGES
from audio_assets.site.files import public_path
from audio_assets.site.player import parsed
from resources.store import SIDECAR, ArtifactStore

Record = TypeVar("Record")

_VOICE = "vocals.flac"
_N_COLUMNS = 8000  # of the waveform: 27 a second of a song of five minutes
_N_LOW = 2  # mel bands that lie below 260 Hz
_N_ONSETS = 20_000  # the strongest; a song of an hour has so many


@dataclass(frozen=True, slots=True)
class SongObject:
    """An object of a song: where it is, and its sidecar."""

    folder: str
    sidecar: Sidecar


SongObjects = Mapping[str, SongObject]
"""What is known of one song, by asset."""


def song_objects(store: ArtifactStore, song: str, asset: str, own: SongObject) -> dict[str, SongObject]:
    """Return `own` with all that it was made of, then what `song` points at now for what is not among them.

    What belongs to another recording (the song's file was replaced, and not all is rendered anew yet) is left out.
    """
    found = {asset: own, **_made_of(store, own)}
    recording = _recording(found)
    for other in SONG_STAGES if song else ():
        ref = store.refs(other).get(song) if other not in found else None
        there = _object(store, ref.object) if ref else None
        if there is not None:
            its = {other: there, **_made_of(store, there)}
            if recording is None or _recording(its) in (None, recording):
                found[other] = there
                recording = recording or _recording(its)
    return found


def song_file(objects: SongObjects) -> str | None:
    """Return the path of the song itself."""
    audio = objects.get("song_audio")
    names = [name for name in audio.sidecar.files if _is_song(name)] if audio else []
    return f"{audio.folder}/{names[0]}" if audio and names else None


def voice_file(objects: SongObjects) -> str | None:
    """Return the path of the song's voice."""
    vocals = objects.get("vocals")
    return f"{vocals.folder}/{_VOICE}" if vocals and _VOICE in vocals.sidecar.files else None


def read_board(store: ArtifactStore, objects: SongObjects, gaps: list[str]) -> Storyboard | None:
    """Return the song's storyboard."""
    return _read(store, objects, "storyboard", "storyboard.json", board_schema.from_bytes, gaps)


def read_waveform(store: ArtifactStore, objects: SongObjects, gaps: list[str]) -> Mapping[str, Any]:
    """Return `columns`, the level of the song and of its lows (below 260 Hz) by turns, 0 to 100, and `duration_s`."""
    return _read(store, objects, "spectral_features", "features.bin", _waveform, gaps) or {}


def song_data(
    store: ArtifactStore, song: str, asset: str, objects: SongObjects, board: Storyboard | None, gaps: list[str]
) -> dict[str, Any]:
    """Return all that `song_player.js` needs; what is not known is left out, what can not be read named in `gaps`."""
    grid = _read(store, objects, "beat_grid", "beat_grid.json", schema.beat_grid_from_bytes, gaps)
    lyrics = _read(store, objects, "lyric_alignment", "lyric_alignment.json", schema.lyrics_from_bytes, gaps)
    sections = _read(store, objects, "sections", "sections.json", schema.sections_from_bytes, gaps) or ()
    voice = _read(store, objects, "vocals", "vocals.json", schema.voice_from_bytes, gaps) or ()
    energy = _read(store, objects, "energy_curve", "energy_curve.json", schema.energy_curve_from_bytes, gaps) or ()
    waveform = read_waveform(store, objects, gaps)
    player: dict[str, Any] = {
        "asset": asset,
        "song": _url(store, song_file(objects), gaps),
        "voice": _url(store, voice_file(objects), gaps),
        "wave": waveform.get("columns", []),
        "beats": _beats(grid) if grid else [],
        "sections": [
            [part.name, _at(part.start_time), _at(part.end_time), part.label, part.type, round(part.confidence, 2)]
            for part in sections
        ],
        "energy": [[_at(point.time), round(point.energy, 3)] for point in energy],
        "onsets": _read(store, objects, "onsets", "onsets.json", _onsets, gaps) or [],
        "sung": [[_at(span.start_time), _at(span.end_time)] for span in voice],
        "lines": list(_lines(lyrics)) if lyrics else [],
        "scenes": _scenes(board, song) if board else [],
        "fps": float(board.frame_rate) if board else None,
    }
    lengths = [_fact(objects, "song_audio"), grid.duration_s if grid else None, waveform.get("duration_s")]
    ends = [entry[-1] for entry in player["sung"]] + [beat[0] for beat in player["beats"]]
    player["duration"] = next((length for length in lengths if length), max(ends, default=0.0))
    return player


def _fact(objects: SongObjects, asset: str) -> float | None:
    value = objects[asset].sidecar.facts.get("duration_s") if asset in objects else None
    return float(value) if isinstance(value, int | float) and value > 0 else None


# --- which objects ---------------------------------------------------------------------------------------------------


def _made_of(store: ArtifactStore, own: SongObject) -> dict[str, SongObject]:
    """Return what an object was made of, the nearest of each asset."""
    found: dict[str, SongObject] = {}
    level = [own]
    while level:
        above: list[SongObject] = []
        for entry in level:
            for name, folder in entry.sidecar.sources.items():
                there = _object(store, folder) if name in SONG_STAGES and name not in found else None
                if there is not None:
                    found[name] = there
                    above.append(there)
        level = above
    return found


def _object(store: ArtifactStore, folder: str) -> SongObject | None:
    if public_path(folder) is None:
        return None
    sidecar = parsed(Sidecar.from_bytes, store.read(f"{folder}/{SIDECAR}"), "a sidecar", [])
    return SongObject(folder, sidecar) if sidecar else None


def _recording(objects: SongObjects) -> str | None:
    """Return the sha256 of the song's own bytes, None where they are not known."""
    audio = objects.get("song_audio")
    files = audio.sidecar.files.items() if audio else ()
    return next((entry.sha256 for name, entry in files if _is_song(name)), None)


def _is_song(name: str) -> bool:
    return name.startswith("song.") and name != "song.json"


# --- what is in them -------------------------------------------------------------------------------------------------


def _read(
    store: ArtifactStore,
    objects: SongObjects,
    asset: str,
    name: str,
    parse: Callable[[bytes], Record],
    gaps: list[str],
) -> Record | None:
    found = objects.get(asset)
    if found is None:
        return None
    data = store.read(f"{found.folder}/{name}")
    if data is None:
        gaps.append(f"{found.folder}/{name} is gone; the next run renders it again.")
    return parsed(parse, data, f"{name} of {asset}", gaps)


def _url(store: ArtifactStore, path: str | None, gaps: list[str]) -> str:
    if path is not None and store.size(path) is None:
        gaps.append(f"The sound {path} is gone; the next run renders it again.")
        return ""
    return path or ""


def _at(t_s: float) -> float:
    return round(t_s, 4)


def _beats(grid: BeatGrid) -> list[list[float]]:
    """Return [time, strength, bar], the bar from 1 where the beat begins it, else 0."""
    bars = {round(time, 6): number for number, time in enumerate(grid.downbeats, start=1)}
    return [[_at(beat.time), round(beat.strength, 2), bars.get(round(beat.time, 6), 0)] for beat in grid.beats]


def _onsets(data: bytes) -> list[list[float]]:
    record = read_record(data, "onsets.1")
    try:
        found = [[_at(entry["time"]), round(entry["strength"], 2)] for entry in record["onsets"]]
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a whole onsets.1: {error}") from error
    if len(found) > _N_ONSETS:
        found = sorted(sorted(found, key=lambda onset: onset[1], reverse=True)[:_N_ONSETS])
    return found


def _lines(lyrics: Lyrics) -> Iterable[list[Any]]:
    """Yield [text, start, end, words], a word as [text, start, end, confidence]; a time that is not known is None."""
    for line in lyrics.lines:
        words = [
            [word.text, _maybe(word.start_time), _maybe(word.end_time), round(word.confidence, 2)]
            for word in line.words
        ]
        yield [line.text, *_extent(line), words]


def _extent(line: LyricLine) -> tuple[float | None, float | None]:
    """Return when a line is sung: as it says, else from its first timed word to its last."""
    starts = [word.start_time for word in line.words if word.start_time is not None]
    ends = [word.end_time for word in line.words if word.end_time is not None]
    start = line.start_time if line.start_time is not None else min(starts, default=None)
    end = line.end_time if line.end_time is not None else max(ends, default=None)
    return _maybe(start), _maybe(end)


def _maybe(t_s: float | None) -> float | None:
    return None if t_s is None else _at(t_s)


def _scenes(board: Storyboard, song: str) -> list[list[Any]]:
    """Return [id, start, end, type, the partition of its prompt]."""
    keys = {scene.id: scene_key(scene.id, song) if song else "" for scene in board.scenes}
    return [
        [scene.id, _at(scene.start_time), _at(scene.end_time), scene.scene_type, keys[scene.id]]
        for scene in board.scenes
    ]


@lru_cache(maxsize=8)
def _waveform(data: bytes) -> dict[str, Any]:
    """Return what `read_waveform` does."""
    try:
        features = song_features.from_bytes(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"not a song's features: {error}") from error
    if not len(features.rms):
        return {}
    rms = np.nan_to_num(features.rms)
    power = 10 ** (features.mel_db.astype(np.float64) / 10)
    total = power.sum(axis=1)
    share = np.where(total > 0, power[:, :_N_LOW].sum(axis=1) / np.maximum(total, 1e-12), 0.0)
    n_column = max(1, -(-len(rms) // _N_COLUMNS))
    levels = np.stack([rms, rms * np.sqrt(share)], axis=1).astype(np.float64)
    loudest = float(levels.max()) or 1.0
    columns = np.rint(_highest(levels, n_column) / loudest * 100).astype(int)
    return {"columns": columns.ravel().tolist(), "duration_s": features.duration_s}


def _highest(levels: NDArray[np.float64], n_column: int) -> NDArray[np.float64]:
    highest: NDArray[np.float64] = np.maximum.reduceat(levels, np.arange(0, len(levels), n_column), axis=0)
    return highest


def is_song_asset(asset: str) -> bool:
    """Whether an asset's pages play a song."""
    return asset in SONG_STAGES or asset == SCENE
