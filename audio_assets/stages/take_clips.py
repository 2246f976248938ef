"""Single takes, made before the list of a scene's takes is: parts of stage `takes`, no assets of their own.

Their partitions are `t02@<scene>|<song>`. `TakeClips` are made on this machine, `OrderedTakeClips` by a provider
elsewhere, through the ledger; `TakeMeasures` are what was measured of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from audio_assets import ordering
from audio_assets.books.takebook import ADDED, CODE_VERSION, FOLDER, TAKE, WantedTake, given_slots, requests_of
from audio_assets.domain.action import Action
from audio_assets.domain.budget import Order
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import NotWanted, PermanentError, Unavailable, UpstreamError
from audio_assets.domain.scene_key import parse_scene_key
from audio_assets.domain.schemas.records import Sidecar, StandsIn
from audio_assets.domain.schemas.take_requests import Slot, take_id
from audio_assets.domain.shot import shot_from_record
from audio_assets.recipe import Recipe
from audio_assets.stages.brought_files import brought
from resources.engines import take_artifacts as engine
from resources.engines import take_quality, take_records
from resources.ordered import Remote
from resources.pool import Call
from resources.store import StoreError

MODELS = ("facemesh", "face_embedding")
_GUIDES = ("storyboard", "beat_grid", "energy_curve", "lyric_alignment")


def split(partition: str) -> tuple[str, str]:
    """The (take id, scene's partition) of a take's partition."""
    name, _, scene = partition.partition("@")
    return name, scene


class TakeClips(Recipe):
    """Makes single takes; its partitions are `t02@<scene>|<song>`, and it is no asset of its own."""

    asset = TAKE
    code_version = CODE_VERSION
    folder = FOLDER

    def partitions(self) -> Sequence[str]:
        """Every take of every scene that was ever begun."""
        scenes = self.studio.songs.scene_partitions()
        return [f"{take_id(i)}@{scene}" for scene in scenes for i, _ in enumerate(self.studio.takes.given(scene))]

    def keeps(self) -> Iterator[str]:
        """Every take that is listed; of retired songs those that somebody reviewed, chose or brought along."""
        for scene in self.studio.takes.listed():
            yield from map(self.studio.takes.folder, self._kept(scene))

    def _kept(self, scene: str) -> list[Slot]:
        slots = self.studio.takes.given(scene)
        if parse_scene_key(scene)[1] in self.studio.songs.records:
            return list(slots)
        named = self.studio.takes.named(scene)
        return [slot for i, slot in enumerate(slots) if slot.origin == "added" or take_id(i) in named]

    def left_behind(self) -> Iterator[str]:
        """Lists of retired songs in which no take is left, and of which nobody said or asked anything."""
        takes = self.studio.takes
        for scene in takes.listed():
            is_retired = parse_scene_key(scene)[1] not in self.studio.songs.records
            if is_retired and not self._kept(scene) and not takes.is_spoken_of(scene):
                made = [sidecar for slot in takes.given(scene) if (sidecar := takes.made(slot)) is not None]
                if not any(sidecar.cost_usd for sidecar in made):
                    yield takes.list_path(scene)

    def missing(self, scene: str, *, retry_failed: bool) -> list[str]:
        """The takes of a scene that are wanted and not there, but for those that failed for good."""
        ids = self.studio.takes.ids(scene)
        keys = [
            f"{ids[take.slot.key]}@{scene}"
            for take in self.studio.takes.wanted(scene)
            if self.studio.takes.made(take.slot) is None
        ]
        return [key for key in keys if retry_failed or not self.why_not(key)]

    def why_not(self, key: str) -> str:
        """Why a take that has failed is not tried again by itself, in today's words; "" where it is."""
        failure, take = self.store.failure(self.asset, key), self.wanted(key)
        if failure is None:
            return ""
        maker = OrderedTakeClips(self.studio) if take.is_ordered else self
        return maker.still_fails(key, take.action, failure)

    def wanted(self, partition: str) -> WantedTake:
        """The take of a partition."""
        name, scene = split(partition)
        ids = self.studio.takes.ids(scene)
        found = next((take for take in self.studio.takes.wanted(scene) if ids[take.slot.key] == name), None)
        if found is None:
            raise NotWanted(f"{name} of {scene} is not wanted any more")
        return found

    def describe(self, partition: str) -> Action:
        """What is asked of the provider, with the reference image and the parent's content."""
        return self.wanted(partition).action

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The prompt's object, those of the song that the picture follows, the parent's; names of files from outside.

        It was made by now, perhaps at a price: an input that is gone meanwhile costs no more than its name.
        """
        take, scene = self.wanted(partition), split(partition)[1]
        if take.shot is None:
            return {"clip": take.clip}
        needs = [("scene_prompt", scene)]
        needs += [(asset, parse_scene_key(scene)[1]) for asset in _GUIDES] if take.shot.guide is not None else []
        refs = {asset: self.studio.refs(asset).get(key) for asset, key in needs}
        found = {asset: ref.object for asset, ref in refs.items() if ref is not None}
        if take.reference_image is not None:
            found["reference image"] = take.reference_image.name
        if take.slot.parent:
            found["parent"] = self.studio.takes.folder(self.studio.takes.slot(scene, take.slot.parent))
        return found

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The provider's call; the clip is written to the scratch folder and taken over from there."""
        song, scratch = parse_scene_key(split(partition)[1])[1], self.studio.scratch_file(".mp4")
        is_added = "shot" not in action.params
        record = self.record(partition, action, *self._who(partition, action))
        if is_added:
            clip, sha256 = sources["clip"], action.inputs["clip"]
            try:
                path = self.store.local_copy(clip, sha256, self.studio.settings.scratch)
            except StoreError as error:
                raise PermanentError(f"{error}; this was the added clip {record['model']}: add it again") from error
            return Call(engine.added_take, (path, record["model"], record, scratch))
        shot = shot_from_record(action.params["shot"])
        provider, model = self.studio.video(record["provider"]), record["model"]
        if provider.is_remote:
            raise Unavailable(f"{provider.name} is elsewhere: nobody is asked again")
        image = action.inputs.get("reference image")
        picture = None if image is None else brought(self.studio, sources["reference image"], image, song=song)
        if "parent" in action.inputs:
            parent = self.local_file(sources["parent"], engine.clip_name(self.sidecar(sources["parent"]).files))
            return Call(engine.remixed_take, (provider.remixer(model), shot, parent, picture, record, scratch))
        return Call(engine.generated_take, (provider.generator(model), shot, picture, record, scratch))

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """The provider with its model, nobody for what was brought along."""
        if "shot" not in action.params:
            return ADDED
        provider, model = self._who(partition, action)
        return self.studio.video(provider).identity(model)

    def _who(self, partition: str, action: Action) -> tuple[str, str]:
        """The (provider, model) of an action; of a clip that was brought along, its name is the model.

        Raises:
            PermanentError: nobody of that kind is here any more.
        """
        if "shot" not in action.params:
            scene = split(partition)[1]
            names = [clip.name for clip in requests_of(self.store, scene).added if clip.sha256 == action.inputs["clip"]]
            return "added", names[0] if names else action.inputs["clip"]
        alike = self.studio.providers.alike("video", action.provider, lambda one, model: one.identity(model))
        if not alike:
            raise PermanentError(f"{action.provider.get('engine')} filmed it, and is no video provider here any more")
        here = [key for key in alike if not self.studio.video(key[0]).is_remote]
        return (here or alike)[0]

    def stands_in_for(self, partition: str) -> StandsIn | None:
        """The provider that the settings name, of a take that is there for want of its."""
        return self.wanted(partition).stands_in_for

    def origins(self, partition: str) -> Iterator[Origin]:
        """The clip that was brought along, the reference image, what was asked of a remix."""
        take = self.wanted(partition)
        if take.slot.origin == "added":
            yield Origin("clip added by hand", take.model, sha256=take.action.inputs["clip"],
                         said=str(take.action.params.get("note", "")))  # fmt: skip
        if take.reference_image is not None:
            yield Origin("reference image", take.reference_image.name, sha256=take.action.inputs["reference image"])
        if take.shot is not None and take.shot.revision:
            yield Origin("remix request", f"of {take.slot.parent}", said=take.shot.revision)

    def order(self, partition: str, take: WantedTake) -> Order:
        """What the ledger keeps of an ordered take."""
        scene, song = parse_scene_key(split(partition)[1])
        shot, provider = take.shot, self.studio.takes.video(take.provider)
        files = tuple(self.files(partition, take))
        if shot is None:
            request: Mapping[str, Any] = {}
        elif take.slot.origin == "remix":
            request = provider.remix_request(
                take.model, shot, files, self._job(partition, take.slot.parent, take.provider)
            )
        else:
            request = provider.request(take.model, shot, files)
        cap = self.studio.songs.settings(song).budget_cap_usd
        estimate = None if take.price is None else take.estimated_usd
        return Order(take.slot.key, "scene_take", song, scene, take.provider, take.model, estimate, request, cap)

    def _job(self, partition: str, parent: str, provider: str) -> str:
        """The provider's own job of a remix's parent, "" where another one made that."""
        made = self.studio.takes.made(self.studio.takes.slot(split(partition)[1], parent))
        is_own = made is not None and made.facts.get("provider") == provider
        return str(made.facts.get("job_id", "")) if made is not None and is_own else ""

    def files(self, partition: str, take: WantedTake) -> dict[str, Path]:
        """What goes with the order: the reference image, and the clip that a remix begins with."""
        found = {} if take.reference_image is None else {"reference_image": take.reference_image}
        if take.slot.origin == "remix":
            parent = self.studio.takes.slot(split(partition)[1], take.slot.parent)
            found["parent"] = self.studio.takes.clip(parent)
        return found

    def record(self, partition: str, action: Action, provider: str, model: str) -> dict[str, Any]:
        """What the take's own record says of the request."""
        name, scene = split(partition)
        slot = next((one for one in given_slots(self.store, scene) if one.key == action.key), _slot(action))
        made = {"origin": slot.origin, "parent": slot.parent, "provider": provider, "model": model}
        asked = action.params.get("shot")
        told = {} if asked is None else {one: asked[one] for one in ("prompt", "negative", "revision", "seed")}
        return {"take": name, "scene": scene, **made, **told}


def _slot(action: Action) -> Slot:
    """Where a take comes from that is on no list."""
    if "shot" not in action.params:
        return Slot(action.key, "added")
    return Slot(action.key, "remix" if "parent" in action.inputs else "generated")


class OrderedTakeClips(TakeClips):
    """Orders takes from somebody elsewhere: reserved first, paid once, picked up again after a crash."""

    def remote(self, partition: str) -> Remote | None:
        """Where the take is ordered; a model that is retired can not be asked."""
        take = self.wanted(partition)
        found = self.studio.takes.video(take.provider).remote(take.model, self.studio.kept_answers)
        if found is not None:
            self.studio.price(found.provider, found.model)
        return found

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The order."""
        take = self.wanted(partition)
        remote = self.remote(partition)
        if remote is None or take.shot is None:
            raise PermanentError(f"{take.provider} {take.model} is not ordered from anybody")
        order, files = self.order(partition, take), self.files(partition, take)
        record = self.record(partition, action, take.provider, take.model)
        scratch = self.studio.scratch_file(".mp4")
        make = partial(engine.bought_take, take.shot, record)
        return ordering.call(self.studio, remote, order, files, scratch, make, engine.check_video)


class TakeMeasures(Recipe):
    """Measures single takes: picture quality, the character's likeness, how well a mouth can be seen."""

    asset = "take_measure"
    code_version = "1"
    folder = "video/take_measures"

    def partitions(self) -> Sequence[str]:
        """Every take that there is."""
        return [key for scene in self.studio.songs.scene_partitions() for key in self.of_scene(scene)]

    def of_scene(self, scene: str) -> list[str]:
        """The takes of a scene that were made."""
        return [f"{name}@{scene}" for name in self.studio.takes.names(scene)]

    def missing(self, scene: str, *, retry_failed: bool) -> list[str]:
        """The takes of a scene that were not measured, but for those where that failed for good."""
        keys = [key for key in self.of_scene(scene) if not self.measured(key)]
        return [key for key in keys if retry_failed or self._worth_trying(key)]

    def _worth_trying(self, key: str) -> bool:
        failure = self.store.failure(self.asset, key)
        return failure is None or not self.still_fails(key, self.describe(key), failure)

    def describe(self, partition: str) -> Action:
        """The clip, what it is held against, and which models look at it."""
        wanted, _, image = self.studio.takes.measured_against(split(partition)[1])
        inputs = {"take": self._sidecar(partition).content, **image}
        return Action(self.asset, self.code_version, self._identity(*self._models()), wanted, inputs)

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The take's object, and the name of the image that it is held against."""
        name, scene = split(partition)
        _, image, _ = self.studio.takes.measured_against(scene)
        take = self.studio.takes.folder(self.studio.takes.slot(scene, name))
        return {"take": take, **({} if image is None else {"reference image": image.name})}

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The measuring call."""
        name, scene = split(partition)
        take, image = sources["take"], action.inputs.get("reference image")
        song = parse_scene_key(scene)[1]
        picture = None if image is None else brought(self.studio, sources["reference image"], image, song=song)
        clip = self.local_file(take, engine.clip_name(self.sidecar(take).files))
        rig = self.store.read(f"{take}/{engine.RIG}")
        models = self._models(action)
        return Call(take_records.take_measure, (name, clip, action.params, picture, rig, *models))

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """Who measures, by those of the models that are here and were."""
        return self._identity(*self._models(action))

    def _models(self, action: Action | None = None) -> list[Path | None]:
        """The folder of each of `MODELS`, None where it is not here, or not in an action."""
        looks = ("faces model", "embedding model")
        return [self.studio.model(name) if action is None or look in action.provider else None
                for name, look in zip(MODELS, looks, strict=True)]  # fmt: skip

    @staticmethod
    def _identity(faces: Path | None, embedding: Path | None) -> Mapping[str, Any]:
        return take_quality.identity(has_faces=faces is not None, has_embeddings=embedding is not None)

    def measured(self, partition: str) -> bytes:
        """The record of what was measured, b"" where it is not there."""
        return self.store.read(f"{self.folder_of(self.describe(partition).key)}/{take_records.MEASURE}") or b""

    def _sidecar(self, partition: str) -> Sidecar:
        name, scene = split(partition)
        found = self.studio.takes.made(self.studio.takes.slot(scene, name))
        if found is None:
            raise UpstreamError(f"{name} is not made")
        return found
