"""The index of the artifact server: which partitions there are, what each has, and finding one by its text.

Refs are listed, not read: of ten thousand partitions only those on the page at hand are opened. Texts come from the
registered scripts and songs (`catalog`). The listing is kept for 2 seconds, longer where reading it takes long.
What is asked for and shown are the values of `listing`.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

import obstore

from audio_assets.domain.lines import partition_key, script_slug
from audio_assets.domain.scene_key import SEPARATOR, parse_scene_key, scene_key
from audio_assets.domain.schemas.records import RecordError, Ref
from audio_assets.domain.schemas.script import ScriptRecord
from audio_assets.site.catalog import (
    DELIVERABLE,
    FILM_OF_SONG,
    OF_SCENE,
    PARTS,
    REMIX,
    SCENE,
    SONG_STAGES,
    Catalog,
    Said,
    SongTitle,
    read_catalog,
)
from audio_assets.site.listing import STAGES, Entry, Listing, Query, Row, ScriptRow, SongRow
from resources.store import ArtifactStore

PAGE_ROWS = 50
_KEPT_S = 2.0
_KEPT_READS = 10  # a listing serves ten times as long as it took to read: 40,000 refs take 0.4 s, so 4 s
_ENTRY = re.compile(r"(refs|failures)/([^/]+)/(.+)\.json")


class Index:
    """The partitions of a store; safe to share between threads."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._good_until = float("-inf")
        self._entries: dict[str, Entry] = {}
        self._said: dict[str, Said] = {}
        self._current: set[str] = set()
        self._scripts: tuple[ScriptRecord, ...] = ()
        self._script_names: frozenset[str] = frozenset()
        self._catalog = Catalog()
        self._scenes: frozenset[str] = frozenset()
        self._formats: frozenset[str] = frozenset()
        self._partitions: Mapping[str, frozenset[str]] = {}

    def said(self, partition: str) -> Said:
        """Return what a line says; nothing for what is no line of a registered script."""
        self._refresh()
        return self._said.get(partition, Said("", ""))

    def assets_of(self, partition: str) -> tuple[str, ...]:
        """Return the assets that are rendered of a partition, in the order of the stages."""
        self._refresh()
        entry = self._entries.get(partition)
        return _in_stage_order(entry.rendered) if entry else ()

    def partitions(self, asset: str) -> list[str]:
        """Return every rendered partition of an asset."""
        return sorted(self.partition_set(asset))

    def partition_set(self, asset: str) -> frozenset[str]:
        """Return every rendered partition of an asset, in no order."""
        self._refresh()
        return self._partitions.get(asset, frozenset())

    def catalog(self) -> Catalog:
        """Return the registered songs and remixes."""
        self._refresh()
        return self._catalog

    def listing(self, query: Query) -> Listing:
        """Return the page of the index that `query` asks for; the newest come first."""
        self._refresh()
        found = self._matching(query)
        rows = self._folded(query, found)
        n_pages = max(1, -(-len(rows) // PAGE_ROWS))
        query = replace(query, page=min(query.page, n_pages))
        shown = rows[(query.page - 1) * PAGE_ROWS : query.page * PAGE_ROWS]
        entries = self._entries.values()
        rendered = Counter(name for entry in entries for name in entry.rendered if not self._is_retired(entry, name))
        failed = Counter(name for entry in entries for name in entry.failed if not self._is_retired(entry, name))
        assets = _in_stage_order({**rendered, **failed})
        return Listing(
            query,
            tuple(self._row(*row, query.asset) for row in shown),
            len(found),
            n_pages,
            {asset: rendered[asset] for asset in assets},
            {asset: failed[asset] for asset in assets},
            self._script_rows(),
            tuple(self._song_row(song) for song in self._catalog.songs.values()),
        )

    def _folded(self, query: Query, found: list[Entry]) -> list[tuple[datetime, Entry, int]]:
        """Return (when, entry, how many scenes it stands for), newest first.

        Scenes and formats stand under their song unless they are asked for: 50 songs have 2,000 scenes.
        """
        is_asked = bool(query.text or query.script or query.state)
        folded: dict[str, list[Entry]] = {}
        rows = {entry.partition: (entry.newest, entry, 0) for entry in found if is_asked or not entry.is_of_song}
        for entry in found:
            if entry.is_of_song and not is_asked:
                folded.setdefault(entry.script, []).append(entry)
        for song, entries in folded.items():
            newest = max(entry.newest for entry in entries)
            before = rows.get(song)
            own = before[1] if before else self._entries.get(song, Entry(song))
            scenes = [entry.partition for entry in entries if entry.is_scene]
            n_current = sum(scene in self._scenes for scene in scenes) or len(scenes)
            rows[song] = (max(newest, before[0]) if before else newest, own, n_current)
        if query.script in self._catalog.songs:  # a song's scenes stand as they follow one another
            return sorted(rows.values(), key=lambda row: (row[1].is_of_song, row[1].is_scene, row[1].partition))
        return sorted(rows.values(), key=lambda row: (row[0], row[1].partition), reverse=True)

    def _matching(self, query: Query) -> list[Entry]:
        words = query.text.casefold().split()
        found: list[Entry] = []
        for entry in self._entries.values():
            if query.asset and query.asset not in entry.rendered and query.asset not in entry.failed:
                continue
            if query.script and entry.script != query.script:
                continue
            if query.state == "failed" and not (query.asset in entry.failed if query.asset else entry.failed):
                continue
            if words and not all(word in self._haystack(entry) for word in words):
                continue
            found.append(entry)
        return found

    def _haystack(self, entry: Entry) -> str:
        said = self._said.get(entry.partition)
        return (f"{entry.partition} {said.character} {said.text}" if said else entry.partition).casefold()

    def _row(self, newest: datetime, entry: Entry, n_scenes: int, wanted: str) -> Row:
        refs = {asset: self._store.refs(asset).get(entry.partition) for asset in _in_stage_order(entry.rendered)}
        return Row(
            entry.partition,
            self._said.get(entry.partition, Said("", "")),
            tuple(refs),
            _in_stage_order(entry.failed),
            {asset: ref.failed_checks for asset, ref in refs.items() if ref and ref.failed_checks},
            newest,
            self._scene_sound(entry.partition) if entry.is_scene else _sound(refs),
            n_scenes,
            tuple(asset for asset in {**entry.rendered, **entry.failed} if self._is_retired(entry, asset)),
            wanted,
        )

    def _scene_sound(self, partition: str) -> str:
        """Return the song with the scene's stretch of it, as a media fragment."""
        scene, song = parse_scene_key(partition)
        board = self._catalog.boards.get(song)
        found = next((one for one in board.scenes if one.id == scene), None) if board else None
        sound = _sound({"song_audio": self._store.refs("song_audio").get(song)}) if found else ""
        return f"{sound}#t={found.start_time:.3f},{found.end_time:.3f}" if found and sound else ""

    def _song_row(self, title: SongTitle) -> SongRow:
        entry = self._entries.get(title.song, Entry(title.song))
        board = self._catalog.boards.get(title.song)
        scenes = [scene_key(scene.id, title.song) for scene in board.scenes] if board else []
        prompts, selected = (self._partitions.get(asset, frozenset()) for asset in (SCENE, "selected_take"))
        stages = [asset for asset in SONG_STAGES if asset in entry.rendered]
        duration = f"{int(board.duration_s) // 60}:{int(board.duration_s) % 60:02d}" if board else ""
        return SongRow(
            title.song,
            title.title,
            title.artist,
            _sound({"song_audio": self._store.refs("song_audio").get(title.song)}),
            duration,
            f"{board.bpm:.1f}" if board and board.bpm else "",
            len(stages),
            len(scenes),
            sum(scene in prompts for scene in scenes),
            sum(scene in selected for scene in scenes),
            "final_video" if "final_video" in entry.rendered else "",
            tuple(asset for asset in (*SONG_STAGES, *FILM_OF_SONG) if asset in entry.failed),
            (["song_audio", *stages])[-1],
        )

    def _is_retired(self, entry: Entry, asset: str) -> bool:
        """Whether nothing that is registered asks for this any more; its page and files are still here."""
        if asset in (*SONG_STAGES, *FILM_OF_SONG):
            return entry.partition not in self._catalog.songs
        if asset in OF_SCENE:
            return entry.partition not in self._scenes
        if asset == DELIVERABLE:
            return entry.partition not in self._formats
        if asset == REMIX:
            return entry.partition not in self._catalog.remixes
        return entry.script in self._script_names and entry.partition not in self._current

    def _script_rows(self) -> tuple[ScriptRow, ...]:
        voiced = Counter(
            entry.script
            for entry in self._entries.values()
            if "voice_line" in entry.rendered and not self._is_retired(entry, "voice_line")
        )
        return tuple(
            ScriptRow(
                record.script,
                tuple(dict.fromkeys([*(line.lang or record.lang for line in record.lines), *record.translations])),
                len(record.lines) + sum(map(len, record.translations.values())),
                voiced[record.script],
            )
            for record in self._scripts
        )

    def _refresh(self) -> None:
        with self._lock:
            started = time.monotonic()
            if started < self._good_until:
                return
            self._entries = _entries(self._store)
            self._scripts = tuple(_scripts(self._store))
            self._script_names = frozenset(record.script for record in self._scripts)
            lines = {key: said for record in self._scripts for key, said in _said(record).items()}
            self._current = {*lines, *(key for record in self._scripts for key in _label_mixes(record))}
            self._catalog = read_catalog(self._store)
            self._scenes = self._catalog.scenes()
            self._formats = self._catalog.formats()
            self._said = {**lines, **self._catalog.said()}
            self._partitions = _by_asset(self._entries)
            read = time.monotonic()
            self._good_until = read + max(_KEPT_S, _KEPT_READS * (read - started))


def _entries(store: ArtifactStore) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for prefix in ("refs", "failures"):
        for chunk in obstore.list(store.backend, prefix, chunk_size=1000):
            for item in chunk:
                match = _ENTRY.fullmatch(item["path"])
                if match is None:
                    continue
                kind, asset, name = match.groups()
                if asset in PARTS:
                    continue
                partition = name.replace("+", SEPARATOR) if asset in (*OF_SCENE, DELIVERABLE) else name
                entry = found.setdefault(partition, Entry(partition))
                (entry.rendered if kind == "refs" else entry.failed)[asset] = item["last_modified"]
    return found


def _by_asset(entries: Mapping[str, Entry]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, entry in entries.items():
        for asset in entry.rendered:
            found.setdefault(asset, set()).add(name)
    return {asset: frozenset(names) for asset, names in found.items()}


def _scripts(store: ArtifactStore) -> list[ScriptRecord]:
    return [record for _, data in sorted(store.read_all("scripts")) if (record := _script(data)) is not None]


@lru_cache(maxsize=256)
def _script(data: bytes) -> ScriptRecord | None:
    """Read a script; a damaged record costs the index that script's texts, no more: who ingests it again is told."""
    try:
        return ScriptRecord.from_bytes(data)
    except RecordError:
        return None


def _said(record: ScriptRecord) -> dict[str, Said]:
    return {
        partition_key(record.script, line.line_id, lang): Said(line.text, line.character)
        for lang, lines in record.by_language()
        for line in lines
    }


def _label_mixes(record: ScriptRecord) -> Iterator[str]:
    for lang, lines in record.by_language():
        for line in lines:
            yield partition_key(record.script, script_slug(line.label), lang)


def _in_stage_order(assets: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(assets, key=lambda name: (STAGES.index(name) if name in STAGES else len(STAGES), name)))


def _sound(refs: Mapping[str, Ref | None]) -> str:
    for asset, name in (
        ("dialogue_mix", "mix.wav"),
        ("voice_line", "out.wav"),
        ("message", "out.wav"),
        ("stem", "out.wav"),
        (REMIX, "remix.wav"),
    ):
        ref = refs.get(asset)
        if ref is not None:
            return f"{ref.object}/{name}"
    ref = refs.get("song_audio")
    names = [name for name in ref.sizes if name.startswith("song.") and name != "song.json"] if ref else []
    return f"{ref.object}/{names[0]}" if ref and names else ""
