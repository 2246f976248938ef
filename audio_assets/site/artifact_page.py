"""What the page of one artifact shows, as plain data: read from the store, nothing rendered, nothing written.

Here: the artifact's records, its inputs and what was made of it. Not here: what plays (`player`, of songs
`song`), tables of scenes (`scenes`), takes (`takes`), films (`film`), HTML (`pages/`), HTTP
(`site`). A record that is missing or damaged leaves its part of the page out; the page says so in `gaps`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from audio_assets.domain.fact_words import fact
from audio_assets.domain.money_text import dollars
from audio_assets.domain.schemas.records import Failure, RecordError, Ref, Sidecar
from audio_assets.domain.storyboard import Storyboard
from audio_assets.site.catalog import DELIVERABLE, FILM_OF_SONG, OF_SCENE, REMIX, SCENE, SONG_STAGES
from audio_assets.site.files import public_path
from audio_assets.site.film import CostTable, Download, FilmView, cost_tables, downloads, film_view
from audio_assets.site.index import Index
from audio_assets.site.player import find_sound, mix_tracks, parsed, player_data
from audio_assets.site.scenes import (
    RemixView,
    SceneNav,
    SceneView,
    StoryboardView,
    remix_view,
    scene_and_song,
    scene_nav,
    scene_of,
    scene_view,
    storyboard_view,
)
from audio_assets.site.song import SongObject, SongObjects, read_board, song_data, song_file, song_objects, voice_file
from audio_assets.site.takes import TAKES_ASSETS, OneTake, TakesView, chosen_take, one_take, takes_view
from audio_assets.site.video import Stretch, VideoView, captions_of, video_view
from resources.store import SIDECAR, ArtifactStore, record_path

_ASSET = re.compile(r"[a-z0-9_]{1,100}")
_PICTURES = ("picture.png", "picture.jpg")
_HEARD = ("vocal_segment", "scene_alignment", "lipsynced_take")  # the scenes' assets that play the scene's voice
_SHEET = "contact_sheet.jpg"
_PARTITION = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,254}")

# What a failure's kind means to the person who reads it.
_FAILED: Mapping[str, str] = {
    "permanent": "This could not be rendered, and trying again would fail the same way. Change the input.",
    "transient": "This could not be rendered this time. Trying again may help.",
    "budget": "A cap is in the way: raise it with `audio-assets budget set`, or wait until it has room.",
    "paid": "It is paid. The next run fetches it anew.",
    "unavailable": "Its provider can not be asked as things stand. Set it up, or name another one.",
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
    """One artifact. `player` is what `player.js` draws and plays, `song` what `song_player.js` does; empty without."""

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
    song: dict[str, Any] = field(default_factory=dict)
    storyboard: StoryboardView | None = None
    scene: SceneView | None = None
    remix: RemixView | None = None
    nav: SceneNav | None = None
    video: VideoView | None = None
    takes: TakesView | None = None
    take: OneTake | None = None
    film: FilmView | None = None
    sheet: str = ""
    downloads: tuple[Download, ...] = ()
    costs: tuple[CostTable, ...] | None = None
    gaps: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to show: an artifact, or why there is none."""
        return self.sidecar is not None or self.failure is not None

    @property
    def cost(self) -> str:
        """What was paid for it, "" for nothing."""
        return dollars(self.sidecar.cost_usd) if self.sidecar and self.sidecar.cost_usd else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the engine had to say; a storyboard says it over its table."""
        return self.sidecar.notes if self.sidecar and not self.storyboard else ()

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
    failure = store.read(record_path("failures", asset, partition))
    page.failure = parsed(Failure.from_bytes, failure, "the record of its failure", page.gaps)
    ref = store.refs(asset).get(partition)
    if ref is not None:
        _fill(store, index, page, ref.object)
    elif asset == SCENE:
        _fill_scene(store, index, page, partition, None)
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
    page.facts = [fact(name, value) for name, value in sidecar.facts.items() if name != "text"]
    provider = sidecar.action.get("provider") or {}
    page.provider = [fact(name, value) for name, value in provider.items() if name != "licence"]
    page.files = _files(store, folder, sidecar)
    pictures = {entry.name: entry.path for entry in page.files if entry.size}
    page.picture = next((pictures[name] for name in _PICTURES if name in pictures), "")
    page.inputs = _inputs(index, sidecar)
    page.made = list(_made(store, index, page))
    _fill_player(store, index, page, SongObject(folder, sidecar))


def _fill_player(store: ArtifactStore, index: Index, page: Page, own: SongObject) -> None:
    folder, sidecar = own.folder, own.sidecar
    partition = page.partition or _current_partition(store, index, page.asset, folder)
    if page.asset == SCENE:
        _fill_scene(store, index, page, partition, own)
        return
    if page.asset in OF_SCENE:
        _fill_of_scene(store, index, page, partition, own)
        return
    if page.asset in (*FILM_OF_SONG, DELIVERABLE):
        _fill_film(store, index, page, partition, own)
        return
    if page.asset in SONG_STAGES:
        _fill_song(store, index, page, partition, own)
        return
    if page.asset == REMIX:
        said = index.said(partition)
        page.text, page.character = page.text or said.text, page.character or said.character
        page.remix = remix_view(store, index.catalog(), own, page.gaps)
    page.sound = find_sound(store, folder, sidecar) or ""
    page.tracks = mix_tracks(store, index, folder, sidecar, page.gaps)
    if page.sound:
        page.player = player_data(store, page.sound, folder, sidecar, page.tracks, page.gaps)


def _current_partition(store: ArtifactStore, index: Index, asset: str, folder: str) -> str:
    """Return which partition of a music asset points at an object now, "" for none."""
    if asset not in (*SONG_STAGES, *OF_SCENE, *FILM_OF_SONG, DELIVERABLE):
        return ""
    pointing = ((name, store.refs(asset).get(name)) for name in index.partitions(asset))
    return next((name for name, ref in pointing if ref is not None and ref.object == folder), "")


def _fill_song(store: ArtifactStore, index: Index, page: Page, song: str, own: SongObject) -> None:
    """Let the page of a song's asset play the song; that of its voice plays the voice."""
    objects = song_objects(store, song, page.asset, own)
    said = index.said(song)
    board = read_board(store, objects, page.gaps)
    page.text = page.text or said.text or (board.title if board else "")
    page.character = page.character or said.character or (board.artist if board else "")
    page.song = song_data(store, song, page.asset, objects, board, page.gaps)
    page.sound = (voice_file(objects) if page.asset == "vocals" else song_file(objects)) or ""
    if page.asset == "storyboard" and board is not None:
        page.storyboard = storyboard_view(board, song, index.partition_set(SCENE))


def _fill_scene(store: ArtifactStore, index: Index, page: Page, partition: str, own: SongObject | None) -> None:
    """Let the page of a scene play it: where the song's storyboard has it now, else where it had it."""
    name, song = scene_and_song(partition)
    objects, board = _of_song(store, page, song, own.sidecar.sources.get("storyboard", "") if own else "")
    page.scene = scene_view(store, partition, own, board, index.partition_set(SCENE), page.gaps)
    _name_scene(index, page, partition, board)
    if name and own is not None and page.scene.row is None:
        page.gaps.append(f"The storyboard of {song} has no scene {name} now; this prompt is of an earlier one.")
    if objects:
        page.song = song_data(store, song, SCENE, objects, board, page.gaps)
        page.song["scene"] = name
        page.sound = song_file(objects) or ""


def _of_song(store: ArtifactStore, page: Page, song: str, folder: str = "") -> tuple[SongObjects, Storyboard | None]:
    """Return what is known of a song by its storyboard of today, else by the one in `folder`."""
    ref = store.refs("storyboard").get(song) if song else None
    folder = ref.object if ref else folder
    data = store.read(f"{folder}/{SIDECAR}") if public_path(folder) else None
    stands_in = parsed(Sidecar.from_bytes, data, "the sidecar of its storyboard", page.gaps)
    objects = song_objects(store, song, "storyboard", SongObject(folder, stands_in)) if stands_in else {}
    return objects, read_board(store, objects, page.gaps)


def _name_scene(index: Index, page: Page, partition: str, board: Storyboard | None) -> None:
    name, song = scene_and_song(partition)
    scene = scene_of(board, name)
    words = (name, scene.section, scene.mood) if scene else (name or "Scene",)
    page.text = " · ".join(word for word in words if word)
    page.character = index.said(song).text
    has_film = song in index.partition_set("final_video")
    page.nav = scene_nav(page.asset, partition, board, index.assets_of(partition), has_film=has_film) if name else None


def _fill_of_scene(store: ArtifactStore, index: Index, page: Page, partition: str, own: SongObject) -> None:
    """Let the page of a scene's takes, of its clips or of its voice play them, with the song or the voice."""
    page.take = one_take(store, own, page.gaps)
    partition = partition or (page.take.scene if page.take else "")
    name, song = scene_and_song(partition)
    objects, board = _of_song(store, page, song)
    lyrics = str(own.sidecar.facts.get("text") or "") if page.asset == "scene_alignment" else ""
    _name_scene(index, page, partition, board)
    page.text = lyrics or (f"{page.take.id} of {page.text}" if page.take else page.text)
    scene, tune = scene_of(board, name), song_file(objects)
    sound = Stretch(tune, scene.start_time) if scene and tune else None
    if page.asset in TAKES_ASSETS and page.take is None:
        page.takes = takes_view(store, page.asset, page.partition, own, sound, page.gaps)
    chosen = chosen_take(store, partition) if partition and page.asset in ("lipsynced_take", "scene_clip") else None
    poster = chosen.poster if chosen else ""
    page.video = video_view(own.folder, own.sidecar, poster=poster, is_looped=True, sound=sound)
    if page.asset in _HEARD:
        page.sound = find_sound(store, own.folder, own.sidecar) or ""
    if page.sound:
        page.player = player_data(store, page.sound, own.folder, own.sidecar, (), page.gaps)


def _fill_film(store: ArtifactStore, index: Index, page: Page, partition: str, own: SongObject) -> None:
    """Let the page of a song's film or of one of its formats play it, and offer its files."""
    _, song = scene_and_song(partition) if page.asset == DELIVERABLE else ("", partition)
    title = index.catalog().songs.get(song)
    page.text = title.title if title else page.text or song
    page.downloads = downloads(own)
    if page.asset == "cost_report":
        page.costs = cost_tables(store, own, page.gaps)
    if page.asset in ("cost_report", "timeline"):
        return
    _, board = _of_song(store, page, song)
    film = own.sidecar
    if page.asset == DELIVERABLE:
        source = own.sidecar.sources.get("final_video", "")
        data = store.read(f"{source}/{SIDECAR}") if public_path(source) else None
        film = parsed(Sidecar.from_bytes, data, "the sidecar of its film", page.gaps) or film
    page.film = film_view(store, song, film, board)
    page.sheet = f"{own.folder}/{_SHEET}" if _SHEET in own.sidecar.files else ""
    is_shown = own.sidecar.facts.get("subtitles") != "burned"
    captions = captions_of(own.folder, own.sidecar.files, title.language if title else "", is_shown=is_shown)
    poster = next((one.poster for one in page.film.formats if one.poster), "") if page.asset == "final_video" else ""
    page.video = video_view(own.folder, own.sidecar, poster=poster, captions=captions)


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
    return [
        Link(name, f"/o/{source}" if public_path(source) else "", index.said(name).text or _outside(source))
        for name, source in sidecar.sources.items()
    ]


def _outside(source: str) -> str:
    """Return what an input is called that is no object: a file that somebody dropped."""
    return "" if public_path(source) else source


def _made(store: ArtifactStore, index: Index, page: Page) -> Iterator[Link]:
    """Link the same partition's other assets, and the mixes and remixes that this object is in."""
    is_of_scene, is_of_song = page.asset in OF_SCENE, page.asset in (*SONG_STAGES, *FILM_OF_SONG)
    own = "scene" if is_of_scene else "song" if is_of_song else "line"
    for asset in index.assets_of(page.partition):
        if asset != page.asset:
            ref = store.refs(asset).get(page.partition)
            remark = "made from this" if ref and page.folder in _sources(store, ref) else f"of the same {own}"
            yield Link(asset, f"/a/{asset}/{page.partition}", remark)
    for mix in index.partitions("dialogue_mix"):
        if page.partition and mix != page.partition and _may_hold(mix, page.partition):
            ref = store.refs("dialogue_mix").get(mix)
            if ref is not None and page.folder in _sources(store, ref):
                yield Link("dialogue_mix", f"/a/dialogue_mix/{mix}", mix)
    for remix in index.partitions(REMIX) if page.asset in ("song_audio", "beat_grid") else ():
        ref = store.refs(REMIX).get(remix)
        if ref is not None and page.folder in _sources(store, ref):
            yield Link(REMIX, f"/a/{REMIX}/{remix}", remix)


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
