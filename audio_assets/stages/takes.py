"""Stage `takes`: the takes of each scene, how good they are, what people say of them, and which one is selected.

A take is no partition but lives inside its scene's: an immutable object with a slot (t01, t02 ...) that is given once.
The missing ones are made first (`take_clips`), then the scene's list of takes is; one that fails costs no other.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import dagster as dg

from audio_assets import partitions
from audio_assets.books.takebook import CODE_VERSION
from audio_assets.domain.action import Action, sha256_hex
from audio_assets.domain.contact_sheet import SheetScene
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import PermanentError, TransientError, UpstreamError
from audio_assets.domain.scene_key import scene_key
from audio_assets.domain.schemas.records import Failure, StandsIn
from audio_assets.domain.schemas.take_requests import Slot
from audio_assets.domain.schemas.takes import reviews_from_bytes, take_list_from_bytes
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_review import Review
from audio_assets.domain.take_selection import Choice
from audio_assets.recipe import Recipe
from audio_assets.stage import Said, rendered_asset
from audio_assets.stages import film_sources
from audio_assets.stages.music_recipes import OfScene, OfSong, of_song
from audio_assets.stages.take_clips import OrderedTakeClips, TakeClips, TakeMeasures, split
from audio_assets.studio import Studio
from resources.engines import take_artifacts as engine
from resources.engines import take_records as records
from resources.pool import Call
from resources.store import ArtifactStore

_NONE_MADE = "no take could be made"


class SceneTake(OfScene):
    """Lists a scene's takes, once the missing ones are made."""

    asset = "scene_take"
    pool = "video"
    code_version = CODE_VERSION
    folder = "video/scene_takes"
    source = film_sources.TakeRequest
    part_recipes = (TakeClips,)
    is_parallel = False

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The prompt."""
        return [("scene_prompt", partition)]

    def parts(self, partitions: Sequence[str]) -> Iterator[tuple[Recipe, Sequence[str]]]:
        """The missing takes: those made here, those that are ordered, and those that stand in for what was not had."""
        here, elsewhere = TakeClips(self.studio), OrderedTakeClips(self.studio)
        keys: list[str] = []
        for scene in partitions:
            with suppress(PermanentError, UpstreamError):  # `describe` says it
                self.studio.takes.give_slots(scene)
                keys += here.missing(scene, retry_failed=True)
        is_ordered = {key: here.wanted(key).is_ordered for key in keys}
        yield here, [key for key in keys if not is_ordered[key]]
        yield elsewhere, (ordered := [key for key in keys if is_ordered[key]])
        yield from self._standing_in({split(key)[1] for key in ordered})

    def _standing_in(self, scenes: Collection[str]) -> Iterator[tuple[Recipe, Sequence[str]]]:
        here, elsewhere = TakeClips(self.studio), OrderedTakeClips(self.studio)
        for scene in sorted(scenes):
            self.studio.takes.forget(scene)
            with suppress(PermanentError, UpstreamError):  # `describe` says it
                self.studio.takes.give_slots(scene)
                for key in here.missing(scene, retry_failed=True):
                    take = here.wanted(key)
                    if take.slot.origin == "stand_in":
                        yield elsewhere if take.is_ordered else here, [key]

    def describe(self, partition: str) -> Action:
        """Every take that was ever made here, which of them are of today's wishes, and which are missing."""
        takes = self.studio.takes
        wanted = {take.slot.key: take.slot.origin for take in takes.wanted(partition)}
        found = {slot.key: takes.made(slot) for slot in takes.slots(partition)}
        made = {key: sidecar for key, sidecar in found.items() if sidecar is not None}
        ids = takes.ids(partition)
        slots = [
            {"take": ids[slot.key], "key": slot.key, "is_current": slot.key in wanted, "is_made": slot.key in made,
             **_whence(replace(slot, origin=wanted.get(slot.key, slot.origin)))}  # one made before may stand in today
            for slot in takes.slots(partition)
            if slot.key in made or slot.key in wanted
        ]  # fmt: skip
        inputs = {ids[key]: sidecar.content for key, sidecar in made.items()}
        return Action(self.asset, self.code_version, self.identity(), {"takes": slots}, inputs)

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The prompt's object, and every take's that was made."""
        made = {row["take"]: TakeClips.folder_of(row["key"]) for row in action.params["takes"] if row["is_made"]}
        return {**super().sources(partition, action), **made}

    def licences(self, partition: str) -> Iterator[str]:
        """Those of all takes: which one is selected is decided later."""
        made = (self.studio.takes.made(slot) for slot in self.studio.takes.slots(partition))
        return (sidecar.licence for sidecar in made if sidecar is not None)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The list's call, unless there is not a single take."""
        rows = action.params["takes"]
        made = [row for row in rows if row["is_made"]]
        entries = [self._entry(row, sources[row["take"]]) for row in made]
        missing = [(row["take"], self._why(f"{row['take']}@{partition}")) for row in rows if not row["is_made"]]
        if not any(entry.is_current for entry in entries) and missing:
            raise self._none_made(partition, missing)
        thumbnails = tuple(_thumbnails(self.store, {row["take"]: sources[row["take"]] for row in made}).values())
        return Call(records.take_list, (partition, tuple(entries), tuple(missing), thumbnails))

    def stands_in_for(self, partition: str) -> StandsIn | None:
        """The provider that the settings name, where every take of today's wishes is a stand-in's."""
        made = [take for take in self.studio.takes.wanted(partition) if self.studio.takes.made(take.slot) is not None]
        told = [take.stands_in_for for take in made]
        return told[0] if told and all(told) else None

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who keeps the list."""
        return records.keeper()

    def accept(self, partition: str, said: Mapping[str, str]) -> None:
        """See `Recipe.accept`: the takes that are there serve for those that are wanted; nothing is ordered."""
        self.studio.takes.accept(partition)
        now = type(self)(self.studio.anew())
        super(SceneTake, now).accept(partition, said)

    def still_fails(self, partition: str, action: Action, failure: Failure) -> str:
        """Where no take could be made, today's word on the first of them."""
        held, takes = super().still_fails(partition, action, failure), self.studio.takes
        missing = TakeClips(self.studio).missing(partition, retry_failed=True)
        if not held or not missing or any(takes.made(take.slot) for take in takes.wanted(partition)):
            return held
        return f"{_NONE_MADE}: {TakeClips(self.studio).why_not(missing[0]) or self._why(missing[0])}"

    def _entry(self, row: Mapping[str, Any], folder: str) -> Take:
        sidecar = self.sidecar(folder)
        asked = sidecar.action["params"].get("shot", {})
        prompt = asked.get("prompt", "")
        return Take(
            id=row["take"],
            key=row["key"],
            object=folder,
            content=sidecar.content,
            clip=engine.clip_name(sidecar.files),
            origin=row.get("origin", "generated"),
            parent=row.get("parent", ""),
            prompt=prompt,
            prompt_sha256=sha256_hex(prompt.encode()) if prompt else "",
            revision=asked.get("revision", ""),
            provider=str(sidecar.facts.get("provider", "")),
            model=str(sidecar.facts.get("model", "")),
            seed=asked.get("seed", 0),
            cost_usd=sidecar.cost_usd,
            n_frames=sidecar.facts["n_frames"],
            width=sidecar.facts["width_px"],
            height=sidecar.facts["height_px"],
            is_current=row["is_current"],
        )

    def _why(self, key: str) -> str:
        failure = self.store.failure(TakeClips.asset, key)
        return failure.reason if failure else "not made yet"

    def _none_made(self, partition: str, missing: Sequence[tuple[str, str]]) -> Exception:
        failure = self.store.failure(TakeClips.asset, f"{missing[0][0]}@{partition}")
        sentence = f"{_NONE_MADE}: {missing[0][1]}"
        return PermanentError(sentence) if failure and failure.kind != "transient" else TransientError(sentence)

    def origins(self, partition: str) -> Iterator[Origin]:
        """What people asked for in the scene."""
        n_takes = self.studio.takes.requests(partition).n_takes
        if n_takes is not None:
            yield Origin("take request", partition, said=f"{n_takes} takes")

    def unfinished(self, partition: str, *, retry_failed: bool) -> str:
        """A wanted take that is missing and may be had now."""
        missing = TakeClips(self.studio).missing(partition, retry_failed=retry_failed)
        return f"take {split(missing[0])[0]} is wanted" if missing else ""

    def estimate_s(self, partition: str) -> float:
        """By the provider's speed."""
        takes = self.studio.takes
        due = [take for take in takes.wanted(partition) if takes.made(take.slot) is None and take.shot]
        return sum((takes.video(take.provider).speed * take.shot.duration_s for take in due if take.shot), 0.0)

    def estimate_usd(self, partition: str) -> float:
        """The price of the takes that are missing."""
        takes = self.studio.takes
        return sum(take.estimated_usd for take in takes.wanted(partition) if takes.made(take.slot) is None)


def _thumbnails(store: ArtifactStore, takes: Mapping[str, str]) -> dict[str, bytes]:
    """The thumbnail of every take by its id, but of those that have none."""
    found = {name: store.read(f"{folder}/{engine.THUMBNAIL}") for name, folder in takes.items()}
    return {name: data for name, data in found.items() if data is not None}


def _whence(slot: Slot) -> dict[str, str]:
    """Where a take comes from, where that is not the scene's prompt alone."""
    origin = {} if slot.origin == "generated" else {"origin": slot.origin}
    return {**origin, **({"parent": slot.parent} if slot.parent else {})}


class TakeQuality(OfScene):
    """Gathers what was measured of a scene's takes."""

    asset = "take_quality"
    code_version = "1"
    folder = "video/take_quality"
    part_recipes = (TakeMeasures,)
    is_parallel = False

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The takes."""
        return [("scene_take", partition)]

    def parts(self, partitions: Sequence[str]) -> Iterator[tuple[Recipe, Sequence[str]]]:
        """What was not measured yet."""
        measures = TakeMeasures(self.studio)
        found: list[str] = []
        for scene in partitions:
            with suppress(PermanentError, UpstreamError):  # `describe` says it
                found += measures.missing(scene, retry_failed=True)
        yield measures, found

    def describe(self, partition: str) -> Action:
        """What was measured of each take, and which measures are missing."""
        measures = TakeMeasures(self.studio)
        rows = {
            split(key)[0]: {"key": measures.describe(key).key, "is_there": bool(measures.measured(key))}
            for key in measures.of_scene(partition)
        }
        return Action(self.asset, self.code_version, self.identity(), {"measures": rows})

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The list of takes, and what was measured of each."""
        measures = TakeMeasures(self.studio)
        there = [key for key in measures.of_scene(partition) if measures.measured(key)]
        found = {f"measure {split(key)[0]}": measures.folder_of(measures.describe(key).key) for key in there}
        return {**super().sources(partition, action), **found}

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The call that gathers them."""
        there = {name: sources.get(f"measure {name}", "") for name in action.params["measures"]}
        found = {name: self.read_one(folder, records.MEASURE) if folder else b"" for name, folder in there.items()}
        return Call(records.take_quality, (found,))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who gathers."""
        return records.keeper()

    def unfinished(self, partition: str, *, retry_failed: bool) -> str:
        """A take that was not measured, and may be now."""
        missing = TakeMeasures(self.studio).missing(partition, retry_failed=retry_failed)
        return f"take {split(missing[0])[0]} is not measured" if missing else ""


class TakeReview(OfScene):
    """Keeps what people said of a scene's takes."""

    asset = "take_review"
    code_version = "1"
    folder = "video/take_reviews"
    is_parallel = False

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The takes that were reviewed."""
        return [("scene_take", partition)]

    def describe(self, partition: str) -> Action:
        """Every word of it, and whose takes: else what nobody reviewed would be one object for all songs."""
        reviews = [asdict(entry) for entry in self.studio.takes.reviews(partition)]
        return Action(self.asset, self.code_version, self.identity(), {"scene": partition, "reviews": reviews})

    def origins(self, partition: str) -> Iterator[Origin]:
        """What each person said."""
        for entry in self.studio.takes.reviews(partition):
            scores = {name: value for name, value in asdict(entry).items() if name not in ("take", "by", "at", "note")}
            said = [f"{name} {value:g}" for name, value in scores.items() if value is not None]
            yield Origin("review", entry.take, said=", ".join([*said, entry.note or ""]).strip(", "), by=entry.by,
                         at=entry.at)  # fmt: skip

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The record's call."""
        return Call(records.take_review, (tuple(Review(**entry) for entry in action.params["reviews"]),))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who keeps the record."""
        return records.keeper()


class SelectedTake(OfScene):
    """Says which take goes into the film: the person's choice, else the best by the rule."""

    asset = "selected_take"
    code_version = "1"
    folder = "video/selected_takes"
    is_parallel = False

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Takes, what was measured and what was said of them."""
        return [(asset, partition) for asset in ("scene_take", "take_quality", "take_review")]

    def describe(self, partition: str) -> Action:
        """All of it, and the choices."""
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        choices = [asdict(choice) for choice in self.studio.takes.choices(partition)]
        return Action(self.asset, self.code_version, self.identity(), {"choices": choices}, inputs)

    def origins(self, partition: str) -> Iterator[Origin]:
        """The person's choice that holds, else the rule."""
        choices = self.studio.takes.choices(partition)
        last = choices[-1] if choices else None
        if last is None:
            yield Origin("chosen by rule", "best score")
        elif last.take is None:
            yield Origin("choice lifted", "the rule chooses", said=last.note, by=last.by, at=last.at)
        else:
            yield Origin("choice", last.take, said=last.note, by=last.by, at=last.at)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The selection's call."""
        takes = self.read_one(sources["scene_take"], records.TAKES)
        quality = self.read_one(sources["take_quality"], records.QUALITIES)
        reviews = reviews_from_bytes(self.read_one(sources["take_review"], records.REVIEW))
        choices = tuple(Choice(**choice) for choice in action.params["choices"])
        return Call(records.selected_take, (partition, takes, quality, reviews, choices))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who selects."""
        return records.selector()


class ContactSheet(OfSong):
    """Shows all takes of a song on one picture."""

    asset = "contact_sheet"
    code_version = "2"
    folder = "video/contact_sheets"
    gathers = ("scene_take", "take_quality", "take_review", "selected_take")

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Takes, measures and selections of every scene."""
        return [(asset, scene) for scene in self.scenes(partition) for asset in self.gathers]

    def describe(self, partition: str) -> Action:
        """The contents of all of it, and where each scene lies."""
        board = self.studio.songs.ready_board(partition)
        rows = [
            {
                "line": scene.id, "start_s": scene.start_time, "end_s": scene.end_time, "scene_type": scene.scene_type,
                "section": scene.section,
                **{a: self.upstream(a, scene_key(scene.id, partition)).content for a in self.gathers},
            }
            for scene in board.scenes
        ]  # fmt: skip
        return Action(self.asset, self.code_version, self.identity(), {"title": board.title, "scenes": rows})

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The call that draws it."""
        names = (records.TAKES, records.QUALITIES, records.REVIEW, records.SELECTION)
        rows = []
        for row in action.params["scenes"]:
            scene = SheetScene(row["line"], row["start_s"], row["end_s"], row["scene_type"], row["section"])
            takes, *files = (
                self.read_one(sources[f"{asset} {scene.id}"], name)
                for asset, name in zip(self.gathers, names, strict=True)
            )
            listed = take_list_from_bytes(takes)[1]
            rows.append((scene, takes, *files, _thumbnails(self.store, {take.id: take.object for take in listed})))
        return Call(records.contact_sheet, (action.params["title"], tuple(rows)))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who draws."""
        return records.keeper()


class ReviewEntry(dg.Config):
    """What a person says of a take: `user_score` 0 to 5, other scores 0 to 1. Without a take nothing new is said."""

    take: str = ""
    by: str = ""
    user_score: float | None = None
    quality_score: float | None = None
    character_consistency: float | None = None
    mouth_visibility: float | None = None
    note: str = ""


class ChosenTake(dg.Config):
    """Which take goes into the film; `unselect` lifts a choice, and without either the choice stays as it is."""

    take: str = ""
    by: str = ""
    note: str = ""
    unselect: bool = False


def _keep_review(studio: Studio, partition: str, said: ReviewEntry) -> None:
    if said.take:
        scores = {name: value for name, value in said.model_dump().items() if value not in (None, "")}
        studio.takes.review(partition, scores)


def _keep_choice(studio: Studio, partition: str, said: ChosenTake) -> None:
    if said.take or said.unselect:
        studio.takes.choose(partition, None if said.unselect else said.take, by=said.by, note=said.note)


_of_scene = partial(rendered_asset, partitions_def=partitions.scenes, group="takes")

scene_take = _of_scene(
    SceneTake,
    "The takes of a scene, t01 first: clips that never change, each with prompt, provider, seed, cost and parent.",
    kind="video",
    deps=["scene_prompt"],
)
take_quality = _of_scene(
    TakeQuality,
    "How good each take is, 0 to 1 with the evidence: picture, the character's likeness, how well a mouth is seen.",
    deps=["scene_take"],
)
take_review = _of_scene(
    TakeReview,
    "What people said of the takes; materialize it with a take, a score and your name to say more.",
    deps=["scene_take"],
    said=Said(ReviewEntry, _keep_review),
)
selected_take = _of_scene(
    SelectedTake,
    "Which take is in the film and who chose it; materialize it with a take and your name to choose.",
    deps=["scene_take", "take_quality", "take_review"],
    said=Said(ChosenTake, _keep_choice),
)
contact_sheet = rendered_asset(
    ContactSheet,
    "All takes of a song on one picture, with their scores and the selected ones framed.",
    partitions_def=partitions.songs,
    group="takes",
    kind="image",
    deps=[of_song(asset) for asset in ContactSheet.gathers],
)
