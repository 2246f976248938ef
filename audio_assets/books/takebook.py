"""Today's takes: which ones a scene should have, and which it has; what people asked for and said of them.

Here: wanted takes as actions, slots, requests, reviews, choices. Not here: rendering them (`takes`), storyboards and
settings (`songbook`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson
from filelock import FileLock

from audio_assets.books.providerbook import ProviderBook
from audio_assets.books.songbook import SongBook
from audio_assets.domain.action import Action, sha256_hex
from audio_assets.domain.music.analysis import BeatGrid, Lyrics
from audio_assets.domain.music.energy import EnergyPoint
from audio_assets.domain.price_card import Price, estimate_scene_usd
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.scene_guide import scene_guide
from audio_assets.domain.scene_key import SEPARATOR, parse_scene_key
from audio_assets.domain.schemas import song_analysis as analysis
from audio_assets.domain.schemas.records import RecordError, Sidecar, StandsIn
from audio_assets.domain.schemas.take_requests import (
    AddedClip,
    Origin,
    RemixOrder,
    Slot,
    TakeRequests,
    merged,
    slots_from_bytes,
    slots_to_bytes,
    take_id,
)
from audio_assets.domain.schemas.takes import (
    choices_from_bytes,
    choices_to_bytes,
    reviews_from_bytes,
    reviews_to_bytes,
)
from audio_assets.domain.shot import Guide, Shot, shot_record
from audio_assets.domain.shot_fit import nearest_size, sold_seconds
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.domain.take_review import Review, parse_review
from audio_assets.domain.take_selection import Choice, parse_choice
from resources.engines.song_artifacts import BEAT_GRID, ENERGY, LYRICS
from resources.engines.storyboard_artifacts import PROMPT
from resources.engines.take_artifacts import THUMBNAIL, clip_name
from resources.store import ArtifactStore, DamagedError, StoreError
from resources.video import VideoCapabilities, VideoProvider

TAKES, REQUESTS, CLIPS = "takes", "take_requests", "take_clips"
REVIEWS, CHOICES = "take_reviews", "take_choices"
FOLDER = "video/takes"
CODE_VERSION = "1"
Said = TypeVar("Said", Review, Choice)
TAKE = "take"
"""The name of single takes in the store: parts of a scene's, no asset of their own."""
_FALLS_BACK = ("unavailable", "transient")
ADDED = {"engine": "added by hand"}


@dataclass(frozen=True, slots=True)
class WantedTake:
    """One take that a scene should have: the action that makes it, and all that the render needs beside it."""

    slot: Slot
    action: Action
    shot: Shot | None
    provider: str
    model: str
    reference_image: Path | None = None
    clip: str = ""
    price: Price | None = None
    is_ordered: bool = False
    stands_in_for: StandsIn | None = None

    @property
    def estimated_usd(self) -> float:
        """What it costs, 0 for what is made here or brought along, or has no price (and is not ordered then)."""
        return (
            0.0 if self.price is None or self.shot is None else estimate_scene_usd(self.price, self.shot.clip_seconds)
        )


@dataclass(frozen=True, slots=True)
class _Ask:
    """What every take of a scene's prompt shares; the seed of `shot` is still open."""

    shot: Shot
    provider: str
    model: str
    price: Price | None
    image: Path | None
    inputs: Mapping[str, str]


class TakeBook:
    """A snapshot, as `SongBook` is."""

    def __init__(self, songs: SongBook, store: ArtifactStore, root: Path, providers: ProviderBook) -> None:
        self.songs = songs
        self.store = store
        self.root = root
        self.providers = providers
        self._wanted: dict[str, tuple[WantedTake, ...]] = {}
        self._analyses: dict[str, tuple[BeatGrid, tuple[EnergyPoint, ...], Lyrics | None]] = {}

    # what people asked for, and the slots

    @cached_property
    def _requests(self) -> Mapping[str, bytes]:
        return dict(self.store.read_all(REQUESTS))

    def requests(self, partition: str) -> TakeRequests:
        """What people asked for in a scene.

        Raises:
            PermanentError: the record is damaged.
        """
        return _parsed(self._requests.get(_file(partition)), partition)

    def slots(self, partition: str) -> tuple[Slot, ...]:
        """The slots of a scene's takes, t01 first: those that were ever begun, and after them those wanted now."""
        return merged(self.given(partition), tuple(take.slot for take in self.wanted(partition)))

    def given(self, partition: str) -> tuple[Slot, ...]:
        """The slots of a scene's takes that were ever begun, t01 first, whatever is wanted today.

        Raises:
            PermanentError: the record is damaged.
        """
        return given_slots(self.store, partition)

    def listed(self) -> list[str]:
        """Every scene that ever had a take, also of retired songs."""
        return sorted(name.replace("+", SEPARATOR) for name, _ in self.store.read_all(TAKES))

    def list_path(self, partition: str) -> str:
        """Where the slots of a scene are kept."""
        return f"{TAKES}/{_file(partition)}.json"

    def named(self, partition: str) -> set[str]:
        """The ids of a scene's takes that somebody reviewed, chose, or began a remix from."""
        said = {entry.take for entry in self.reviews(partition)} | {choice.take for choice in self.choices(partition)}
        return {take for take in said if take} | {order.parent for order in self.requests(partition).remixes}

    def is_spoken_of(self, partition: str) -> bool:
        """Whether somebody said or asked anything of a scene's takes."""
        return any(self.store.size(f"{kind}/{_file(partition)}.json") is not None
                   for kind in (REVIEWS, CHOICES, REQUESTS))  # fmt: skip

    def give_slots(self, partition: str) -> None:
        """Write the slots down, before any of the new ones is rendered: an id is never given twice."""
        with self._writing():
            before = self.given(partition)
            after = merged(before, tuple(take.slot for take in self.wanted(partition)))
            if after != before:
                self.store.write(f"{TAKES}/{_file(partition)}.json", slots_to_bytes(after))

    def ids(self, partition: str) -> Mapping[str, str]:
        """The id of every slot's action key."""
        return {slot.key: take_id(index) for index, slot in enumerate(self.slots(partition))}

    def slot(self, partition: str, name: str) -> Slot:
        """The slot of a take's id.

        Raises:
            PermanentError: the scene has no such take.
        """
        slots = self.given(partition)
        found = next((slot for index, slot in enumerate(slots) if take_id(index) == name), None)
        if found is None:
            there = ", ".join(take_id(index) for index in range(len(slots))) or "none yet"
            raise PermanentError(f"{partition} has no take {name}; there are {there}")
        return found

    def folder(self, slot: Slot) -> str:
        """The folder of a slot's object."""
        return f"{FOLDER}/{slot.key}"

    def made(self, slot: Slot) -> Sidecar | None:
        """The object of a slot, None where it was not made, or is gone."""
        return self.store.find(self.folder(slot))

    def clip(self, slot: Slot) -> Path:
        """A local path with a take's clip, verified.

        Raises:
            UpstreamError: it is gone or damaged.
        """
        sidecar = self.made(slot)
        if sidecar is None:
            raise UpstreamError("the take's clip is gone")
        try:
            return self.store.local_file(self.folder(slot), clip_name(sidecar.files), sidecar, self.root / "scratch")
        except StoreError as error:
            self.store.discard(self.folder(slot))
            raise UpstreamError(f"{error}; the next run renders it again") from error

    # what people said

    def reviews(self, partition: str) -> tuple[Review, ...]:
        """Every entry of every review of a scene's takes.

        Raises:
            PermanentError: the record is damaged.
        """
        return self._said(REVIEWS, partition, reviews_from_bytes)

    def choices(self, partition: str) -> tuple[Choice, ...]:
        """Every choice of a scene's take.

        Raises:
            PermanentError: the record is damaged.
        """
        return self._said(CHOICES, partition, choices_from_bytes)

    def _said(self, kind: str, partition: str, read: Callable[[bytes], tuple[Said, ...]]) -> tuple[Said, ...]:
        data = self.store.read(f"{kind}/{_file(partition)}.json")
        try:
            return () if data is None else read(data)
        except RecordError as error:
            raise PermanentError(f"{kind}/{_file(partition)}.json: {error}") from error

    # what people say now: each is written at once, and never taken back

    def review(self, partition: str, said: Mapping[str, Any]) -> Review:
        """Keep what somebody says of a take; `at` is now.

        Raises:
            ReviewError: something about it is wrong; one sentence.
        """
        entry = parse_review({**said, "at": _now()}, self.names(partition))
        with self._writing():
            entries = (*self.reviews(partition), entry)
            self.store.write(f"{REVIEWS}/{_file(partition)}.json", reviews_to_bytes(entries))
        return entry

    def choose(self, partition: str, take: str | None, *, by: str, note: str = "") -> Choice:
        """Keep which take somebody chooses; None lifts the choice.

        Raises:
            ReviewError: there is no such take, or nobody says who chooses.
        """
        choice = parse_choice({"take": take, "by": by, "note": note, "at": _now()}, self.names(partition))
        with self._writing():
            entries = (*self.choices(partition), choice)
            self.store.write(f"{CHOICES}/{_file(partition)}.json", choices_to_bytes(entries))
        return choice

    def names(self, partition: str) -> list[str]:
        """The ids of the takes that were made."""
        given = enumerate(self.given(partition))  # whatever is wanted now: a provider that is gone hides no take
        return [take_id(i) for i, slot in given if self.made(slot) is not None]

    def thumbnails(self, partition: str) -> Mapping[str, bytes]:
        """The thumbnail of every take that was made, by id."""
        slots = enumerate(self.given(partition))
        found = {take_id(i): self.store.read(f"{self.folder(slot)}/{THUMBNAIL}") for i, slot in slots}
        return {name: data for name, data in found.items() if data is not None}

    def ask(self, partition: str, change: Callable[[TakeRequests], TakeRequests]) -> None:
        """Change what is asked of a scene's takes."""
        with self._writing():
            path = f"{REQUESTS}/{_file(partition)}.json"
            data = self.store.read(path)
            before = TakeRequests() if data is None else TakeRequests.from_bytes(data)
            self.store.write(path, change(before).to_bytes())

    def _writing(self) -> FileLock:
        """Two people who write at once both get their word in."""
        self.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / ".takes")

    # what is wanted

    def wanted(self, partition: str) -> tuple[WantedTake, ...]:
        """Every take that the scene should have today: of its prompt, added clips, and remixes of all these.

        A remix whose parent was not made yet is left for the next look. One whose parent is of an earlier prompt stays
        what it is: it is not made again, and not paid again.

        Raises:
            PermanentError: there is no such scene, provider or parent.
            UpstreamError: the prompt is not written yet.
        """
        if partition not in self._wanted:
            self._wanted[partition] = self._all_wanted(partition)
        return self._wanted[partition]

    def _all_wanted(self, partition: str) -> tuple[WantedTake, ...]:
        requests = self.requests(partition)
        ask = self._ask(partition)
        song = parse_scene_key(partition)[1]
        n_takes = requests.n_takes or self.songs.settings(song).film.n_takes
        seeds = range(1, n_takes + 1)
        generated = [self._keyed(ask, replace(ask.shot, seed=seed), "generated", "") for seed in seeds]
        generated = [self._served(take, requests.accepted) for take in generated]
        added = [_added(clip) for clip in requests.added]
        current = {take.slot.key for take in (*generated, *added)}
        given = self.given(partition)
        remixes = []
        for order in requests.remixes:
            take = self._remixed(ask, given, order, current)
            if take is not None:
                remixes.append(take)
                current.add(take.slot.key)
        stand_in = self._stand_in(partition, given, generated)
        return (*generated, *stand_in, *remixes, *added)

    def _stand_in(
        self, partition: str, given: tuple[Slot, ...], generated: Sequence[WantedTake]
    ) -> tuple[WantedTake, ...]:
        """A take by the provider that stands in, as long as the wanted one could not serve any; nothing without one."""
        name = self.fallback(parse_scene_key(partition)[1])
        if not name or any(take.provider == name or self.made(take.slot) is not None for take in generated):
            return ()
        ids = {slot.key: take_id(index) for index, slot in enumerate(given)}
        why: dict[str, str] = {}
        for take in generated:
            failure = self.store.failure(TAKE, f"{ids.get(take.slot.key, '')}@{partition}")
            if failure is None or failure.action_key != take.slot.key or failure.kind not in _FALLS_BACK:
                return ()
            why.setdefault(take.provider, failure.reason)
        model = next(iter(self.video(name).models()), "")
        if not model:
            raise PermanentError(f"{name} can not stand in: it lists no model")
        ask = self._ask(partition, (name, model))
        take = self._keyed(ask, replace(ask.shot, seed=1), "stand_in", "")
        return (replace(take, stands_in_for=StandsIn(*next(iter(why.items())))),)

    def fallback(self, song: str) -> str:
        """The video provider that stands in for the song's own, "" for nobody."""
        return self.songs.settings(song).video_fallback or self.providers.fallback("video")

    def _ask(self, partition: str, by: tuple[str, str] | None = None) -> "_Ask":
        """What every take of the scene's prompt shares; `by` is the (provider, model), else the storyboard's."""
        board, scene = self.songs.scene(partition)
        song = parse_scene_key(partition)[1]
        provider, model = by or (board.video_provider, board.video_model)
        offers = self._capabilities(provider, model)
        prompt, negative = self._prompt(partition)
        try:
            size = nearest_size(offers.sizes, *map(int, board.size.split("x")))
            needed_s = float(scene.n_frames / board.frame_rate)
            seconds = sold_seconds(offers.clip_seconds, needed_s) if offers.clip_seconds else scene.clip_seconds
        except ValueError as error:
            raise PermanentError(f"{provider} {model}: {error}") from error
        guide = self._guide(song, board, scene) if offers.draws_guide else None
        shot = Shot(prompt, negative, *size, board.frame_rate, scene.n_frames, seconds, seed=0, guide=guide)
        image, inputs = self._reference(song, scene) if offers.takes_reference_image else (None, {})
        return _Ask(shot, provider, model, self.songs.price_today(provider, model).price, image, inputs)

    def measured_against(self, partition: str) -> tuple[dict[str, Any], Path | None, Mapping[str, str]]:
        """What the film wants of a scene's clip; the reference image, and its content for a key.

        Raises:
            PermanentError: there is no such scene, or the image can not be read.
        """
        board, scene = self.songs.scene(partition)
        width, height = map(int, board.size.split("x"))
        shape = {"width": width, "height": height, "frame_rate": str(board.frame_rate), "n_frames": scene.n_frames}
        image, inputs = self._reference(parse_scene_key(partition)[1], scene)
        return {**shape, "shows_singer": scene.scene_type == "performance"}, image, inputs

    def _remixed(
        self, ask: "_Ask", given: tuple[Slot, ...], order: RemixOrder, current: Collection[str]
    ) -> WantedTake | None:
        parent = next((slot for index, slot in enumerate(given) if take_id(index) == order.parent), None)
        if parent is None:
            raise PermanentError(f"there is no take {order.parent} to remix; there are {len(given)}")
        made = self.made(parent) if parent.key in current else None
        if made is None:
            return None
        shot = replace(ask.shot, prompt=f"{ask.shot.prompt}\n\n{order.revision}", revision=order.revision, seed=1)
        inputs = {**ask.inputs, "parent": made.content}
        return self._keyed(replace(ask, inputs=inputs), shot, "remix", order.parent)

    def _keyed(self, ask: "_Ask", shot: Shot, origin: Origin, parent: str) -> WantedTake:
        try:
            identity = self.video(ask.provider).identity(ask.model)
        except ValueError as error:  # no such model
            raise PermanentError(str(error)) from error
        params = {"shot": shot_record(shot, with_guide=shot.guide is not None)}
        action = Action("scene_take", CODE_VERSION, identity, params, ask.inputs)
        slot = Slot(action.key, origin, parent)
        is_ordered = self.video(ask.provider).is_remote
        price = ask.price if is_ordered else None
        return WantedTake(
            slot, action, shot, ask.provider, ask.model, ask.image, price=price, is_ordered=is_ordered
        )  # fmt: skip

    def _served(self, take: WantedTake, accepted: Mapping[str, str]) -> WantedTake:
        """The take, or the earlier one that somebody said serves for it."""
        earlier = accepted.get(take.slot.key)
        if earlier is None or self.made(take.slot) is not None:
            return take
        slot = replace(take.slot, key=earlier)
        return replace(take, slot=slot) if self.made(slot) is not None else take

    def accept(self, partition: str) -> None:
        """Let the scene's earlier takes serve for the wanted ones that were not made.

        Raises:
            PermanentError: there are too few of them.
        """
        wanted = [take for take in self.wanted(partition) if take.slot.origin == "generated"]
        missing = [take.slot.key for take in wanted if self.made(take.slot) is None]
        kept = {take.slot.key for take in wanted} - set(missing)
        spare = [s.key for s in self.given(partition) if s.origin == "generated" and s.key not in kept and self.made(s)]
        if len(spare) < len(missing):
            raise PermanentError(f"{len(missing)} takes are wanted and {len(spare)} earlier ones could serve for them")
        serves_for = dict(zip(missing, spare[len(spare) - len(missing) :], strict=True))
        self.ask(partition, lambda before: before.with_accepted(serves_for))

    def forget(self, partition: str) -> None:
        """Look anew at what is wanted of a scene, after something was made or has failed."""
        self._wanted.pop(partition, None)

    def video(self, name: str) -> VideoProvider:
        """The video provider that a song's settings name.

        Raises:
            PermanentError: there is none of that name.
        """
        found: VideoProvider = self.providers.find("video", name)
        return found

    def _capabilities(self, name: str, model: str) -> VideoCapabilities:
        try:
            return self.video(name).capabilities(model)
        except ValueError as error:  # no such model
            raise PermanentError(str(error)) from error

    def _prompt(self, partition: str) -> tuple[str, str]:
        record = orjson.loads(self._input("scene_prompt", partition, PROMPT))
        return record["prompt"], record["negative"]

    def _reference(self, song: str, scene: Scene) -> tuple[Path | None, Mapping[str, str]]:
        """The reference image of the first character in the scene that has one, and its content for the key.

        Raises:
            PermanentError: there is no such image beside the song; without it a take would show somebody else.
        """
        record = self.songs.record(song)
        cast = [who for who in self.songs.settings(song).characters if who.name in scene.characters]
        seen = [who for who in cast if who.reference_image]
        if not seen:
            return None, {}
        who = max(seen, key=lambda one: one.is_primary)
        path = Path(record.path).parent / who.reference_image
        if who.reference_image not in record.files:
            raise PermanentError(f"{path}, the reference image of {who.name}, is no file beside the song: put it there")
        try:
            return path, {"reference image": sha256_hex(path.read_bytes())}
        except OSError as error:
            what = f"{path}, the reference image of {who.name}, can not be read ({error.strerror})"
            raise PermanentError(f"{what}: put it back beside the song") from error

    def _guide(self, song: str, board: Storyboard, scene: Scene) -> Guide:
        if song not in self._analyses:
            lyrics = analysis.lyrics_from_bytes(self._input("lyric_alignment", song, LYRICS))
            self._analyses[song] = (
                analysis.beat_grid_from_bytes(self._input("beat_grid", song, BEAT_GRID)),
                analysis.energy_curve_from_bytes(self._input("energy_curve", song, ENERGY)),
                lyrics,
            )
        grid, energy, words = self._analyses[song]
        return scene_guide(board, scene, self.songs.settings(song), grid, energy, words)

    def _input(self, asset: str, partition: str, name: str) -> bytes:
        """A file of an input object, verified; a damaged object is discarded, so that the next run renders it again.

        Raises:
            UpstreamError: it is not rendered, gone or damaged.
        """
        ref = self.store.refs(asset).get(partition)
        if ref is None:
            raise UpstreamError(f"its {asset} is not rendered")
        try:
            return self.store.read_file(ref.object, name, self.store.whole(ref.object))
        except FileNotFoundError as error:
            raise UpstreamError(f"its {asset} is gone; the next run renders it again") from error
        except DamagedError as error:
            self.store.set_aside(ref.object)
            raise UpstreamError(f"its {asset} can not be used: {error}; the next run renders it again") from error


def given_slots(store: ArtifactStore, partition: str) -> tuple[Slot, ...]:
    """See `TakeBook.given`."""
    data = store.read(f"{TAKES}/{_file(partition)}.json")
    try:
        return () if data is None else slots_from_bytes(data)
    except RecordError as error:
        raise PermanentError(f"{TAKES}/{_file(partition)}.json: {error}") from error


def requests_of(store: ArtifactStore, partition: str) -> TakeRequests:
    """See `TakeBook.requests`; looked up now."""
    return _parsed(store.read(f"{REQUESTS}/{_file(partition)}.json"), partition)


def _parsed(data: bytes | None, partition: str) -> TakeRequests:
    try:
        return TakeRequests() if data is None else TakeRequests.from_bytes(data)
    except RecordError as error:
        raise PermanentError(f"{REQUESTS}/{_file(partition)}.json: {error}") from error


def _added(clip: AddedClip) -> WantedTake:
    action = Action("scene_take", CODE_VERSION, ADDED, {"note": clip.note}, {"clip": clip.sha256})
    path = f"{CLIPS}/{clip.sha256}{clip.suffix}"
    return WantedTake(Slot(action.key, "added"), action, None, "added", clip.name, clip=path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _file(partition: str) -> str:
    """The name of a scene's records: stores escape the bar."""
    return partition.replace(SEPARATOR, "+")
