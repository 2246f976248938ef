"""What the pages of a scene's takes show, as plain data: the takes side by side, what each is worth, which is selected.

Every text is ready to be shown, but as it came: prompts, notes and names are from outside. Not here: scenes and films
(`scenes`, `film`), HTML. What can not be read is left out and named in `gaps`.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from audio_assets.domain.fact_words import fact
from audio_assets.domain.money_text import dollars
from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.records import Failure, Sidecar, read_record
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_review import HIGHEST_USER_SCORE, Opinion, Review, opinions
from audio_assets.domain.take_scores import CONSISTENCY, MOUTH, QUALITY, Score, TakeQuality
from audio_assets.domain.take_selection import RULE, Choice, Selection, weighted_score
from audio_assets.domain.word_diff import Piece, shortened, word_diff
from audio_assets.site.files import public_path
from audio_assets.site.player import parsed
from audio_assets.site.scenes import scene_and_song
from audio_assets.site.song import SongObject
from audio_assets.site.video import Stretch, VideoView, video_view
from resources.store import SIDECAR, ArtifactStore, record_path

Record = TypeVar("Record")

TAKES_ASSETS = ("scene_take", "take_quality", "take_review", "selected_take")
"""The assets that this page is of."""

_FILES = dict(zip(TAKES_ASSETS, ("takes.json", "take_quality.json", "take_review.json", "selection.json"), strict=True))
_NOT_YET = "not measured yet"
_LABELS = {QUALITY: "quality", CONSISTENCY: "likeness", MOUTH: "mouth"}
_SAID = {
    "user_score": "user",
    "quality_score": "quality",
    "character_consistency": "likeness",
    "mouth_visibility": "mouth",
}


@dataclass(frozen=True, slots=True)
class ScoreView:
    """A score from 0 to 1, or `why` there is none; `said` is the figure of people that stands in for it."""

    label: str
    value: float | None
    why: str
    said: float | None = None
    evidence: tuple[tuple[str, str], ...] = ()
    parts: "tuple[ScoreView, ...]" = ()


@dataclass(frozen=True, slots=True)
class ReviewView:
    """What somebody said of a take, and when; `scores` as (name, figure)."""

    by: str
    at: str
    scores: tuple[tuple[str, str], ...]
    note: str


@dataclass(frozen=True, slots=True)
class TakeView:
    """A take as it is shown. `changes` is its prompt against that of `against`, empty where both are the same."""

    id: str
    href: str
    video: VideoView | None
    is_selected: bool
    is_current: bool
    origin: str
    revision: str
    prompt: str
    against: str
    changes: tuple[Piece, ...]
    facts: tuple[tuple[str, str], ...]
    scores: tuple[ScoreView, ...]
    weighted: float | None
    user_score: float | None
    reviews: tuple[ReviewView, ...]
    notes: tuple[str, ...]
    select: str


@dataclass(frozen=True, slots=True)
class TakesView:
    """The takes of a scene: those that are `missing` with the reason, the `selection`, and how to change it."""

    scene: str
    song: str
    takes: tuple[TakeView, ...]
    missing: tuple[tuple[str, str], ...]
    selection: Selection | None
    choices: tuple[Choice, ...]
    score: str
    remix: str
    want: str
    unselect: str
    sound: Stretch | None
    highest_user_score: float = HIGHEST_USER_SCORE
    rule: str = RULE


def takes_view(
    store: ArtifactStore, asset: str, partition: str, own: SongObject, sound: Stretch | None, gaps: list[str]
) -> TakesView | None:
    """Return all takes of the scene that `own` (of one of `TAKES_ASSETS`) is about; None where there is no list.

    `partition` is "" for an object that no scene points at now: what it was made of is shown then.
    """
    objects = _objects(store, asset, partition, own)
    listed = _read(store, objects, "scene_take", schema.take_list_from_bytes, gaps)
    if listed is None:
        return None
    key, takes = listed
    scene, song = scene_and_song(partition or key)
    qualities = _read(store, objects, "take_quality", schema.qualities_from_bytes, gaps) or {}
    reviews = _read(store, objects, "take_review", schema.reviews_from_bytes, gaps) or ()
    selected = _read(store, objects, "selected_take", schema.selection_from_bytes, gaps)
    selection = selected[1] if selected else None
    said = opinions(reviews)
    views = tuple(
        _take(
            store, take, takes, qualities.get(take.id), said.get(take.id, Opinion()), reviews, selection, (song, scene)
        )
        for take in takes
    )
    example = next((view.id for view in views if not view.is_selected), views[0].id if views else "t01")
    return TakesView(
        scene=scene,
        song=song,
        takes=views,
        missing=_missing(store, partition or key, objects["scene_take"].sidecar),
        selection=selection,
        choices=_choices(objects.get("selected_take")),
        score=_command("score", song, scene, example, "--user", "4", "--note", "what you think"),
        remix=_command("remix", song, scene, example, "what to change"),
        want=_command("want", song, scene, str(len(views) + 1)),
        unselect=_command("unselect", song, scene) if selection and selection.chosen_by == "person" else "",
        sound=sound,
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The take of a scene that is in the film: a small picture of it, a large one, and who chose it."""

    take: str
    by: str
    thumbnail: str
    poster: str


def chosen_take(store: ArtifactStore, partition: str) -> Chosen | None:
    """Return the selected take of a scene, None where there is none, or it can not be read."""
    found: list[Any] = []
    for asset, read in (("selected_take", schema.selection_from_bytes), ("scene_take", schema.take_list_from_bytes)):
        ref = store.refs(asset).get(partition)
        data = _stored(store, f"{ref.object}/{_FILES[asset]}", ref.content) if ref and public_path(ref.object) else None
        record = parsed(read, data, asset, [])
        if record is None:
            return None
        found.append(record[1])
    selection, takes = found
    take = next((take for take in takes if take.id == selection.take), None)
    if take is None or public_path(take.object) is None:
        return None
    return Chosen(take.id, selection.by or "the rule", f"{take.object}/thumbnail.jpg", f"{take.object}/poster.png")


@dataclass(frozen=True, slots=True)
class OneTake:
    """A single take's own page: its id, its scene's partition, and what was asked for."""

    id: str
    scene: str
    prompt: str
    negative: str
    revision: str


def one_take(store: ArtifactStore, own: SongObject, gaps: list[str]) -> OneTake | None:
    """Return the take that an object is, None for what is none."""
    data = store.read(f"{own.folder}/take.json") if "take.json" in own.sidecar.files else None
    record = parsed(lambda found: read_record(found, "take.1"), data, "its record", gaps)
    if record is None:
        return None
    return OneTake(*(str(record.get(name) or "") for name in ("take", "scene", "prompt", "negative", "revision")))


# --- which objects ---------------------------------------------------------------------------------------------------


def _objects(store: ArtifactStore, asset: str, partition: str, own: SongObject) -> dict[str, SongObject]:
    """Return `own`, and of the others what the scene points at now; for an old object what it was made of first."""
    found = {asset: own}
    is_old = not partition
    for _ in range(2 if is_old else 0):
        for source in list(found.values()):
            found |= {name: there for name, there in _made_of(store, source).items() if name not in found}
    for other in TAKES_ASSETS if partition else ():
        ref = store.refs(other).get(partition) if other not in found else None
        there = _object(store, ref.object) if ref else None
        if there is not None:
            found[other] = there
    return found


def _made_of(store: ArtifactStore, own: SongObject) -> dict[str, SongObject]:
    named = {name: _object(store, own.sidecar.sources[name]) for name in TAKES_ASSETS if name in own.sidecar.sources}
    return {name: there for name, there in named.items() if there is not None}


def _object(store: ArtifactStore, folder: str) -> SongObject | None:
    if public_path(folder) is None:
        return None
    sidecar = parsed(Sidecar.from_bytes, store.read(f"{folder}/{SIDECAR}"), "a sidecar", [])
    return SongObject(folder, sidecar) if sidecar else None


def _read(
    store: ArtifactStore,
    objects: Mapping[str, SongObject],
    asset: str,
    parse: Callable[[bytes], Record],
    gaps: list[str],
) -> Record | None:
    own = objects.get(asset)
    if own is None or _FILES[asset] not in own.sidecar.files:
        return None
    path = f"{own.folder}/{_FILES[asset]}"
    data = store.read(path)
    if data is None:
        gaps.append(f"{path} is gone; the next run renders it again.")
    return parsed(parse, data, f"{_FILES[asset]} of {asset}", gaps)


@lru_cache(maxsize=4096)
def _stored(store: ArtifactStore, path: str, content: str) -> bytes | None:  # noqa: ARG001 - the key of the cache
    return store.read(path)


# --- what is in them -------------------------------------------------------------------------------------------------


def _take(
    store: ArtifactStore,
    take: Take,
    takes: Sequence[Take],
    quality: TakeQuality | None,
    opinion: Opinion,
    reviews: Sequence[Review],
    selection: Selection | None,
    place: tuple[str, str],
) -> TakeView:
    own = _object(store, take.object)
    other = _compared(take, takes)
    changes = word_diff(other.prompt, take.prompt) if other and other.prompt != take.prompt else ()
    return TakeView(
        id=take.id,
        href=f"/o/{take.object}" if own else "",
        video=video_view(take.object, own.sidecar, is_looped=True) if own else None,
        is_selected=selection is not None and selection.take == take.id,
        is_current=take.is_current,
        origin=f"remix of {take.parent}" if take.parent else "brought in" if take.origin == "added" else "",
        revision=take.revision,
        prompt=take.prompt,
        against="" if other is None else f"{other.id}'s" if take.parent else f"today's ({other.id})",
        changes=shortened(changes),
        facts=_facts(take),
        scores=tuple(_scores(quality, opinion)),
        weighted=weighted_score(quality, opinion),
        user_score=opinion.user_score,
        reviews=tuple(_review(review) for review in reversed(reviews) if review.take == take.id),
        notes=own.sidecar.notes if own else ("Its files are gone; the next run renders it again.",),
        select=_command("select", *place, take.id),
    )


def _compared(take: Take, takes: Sequence[Take]) -> Take | None:
    """Return the take whose prompt a take's is held against: its parent, else the first of today's prompt."""
    if not take.prompt:
        return None
    if take.parent:
        return next((other for other in takes if other.id == take.parent), None)
    return next((other for other in takes if other.is_current and other.origin == "generated"), None)


def _facts(take: Take) -> tuple[tuple[str, str], ...]:
    maker = " ".join(dict.fromkeys(word for word in (take.provider, take.model) if word))
    facts = [("provider", maker or "–"), ("seed", str(take.seed) if take.origin != "added" else "–")]
    facts += [
        ("cost", dollars(take.cost_usd)),
        ("picture", f"{take.width} × {take.height}, {take.n_frames} frames"),
    ]
    return tuple(facts)


def _scores(quality: TakeQuality | None, opinion: Opinion) -> list[ScoreView]:
    views = []
    for name, label in _LABELS.items():
        score = quality.scores()[name] if quality else Score(None, _NOT_YET)
        parts = quality.parts if quality and name == QUALITY else {}
        views.append(_score(label, score, getattr(opinion, name), parts))
    return views


def _score(label: str, score: Score, said: float | None = None, parts: Mapping[str, Score] | None = None) -> ScoreView:
    names = parts or {}
    evidence = tuple(fact(name, value) for name, value in score.evidence.items() if name not in names)
    why = score.why if score.why in ("", _NOT_YET) else f"not measurable: {score.why}"
    return ScoreView(label, score.value, why, said, evidence, tuple(_score(name, part) for name, part in names.items()))


def _review(review: Review) -> ReviewView:
    scores = [(label, value) for name, label in _SAID.items() if (value := getattr(review, name)) is not None]
    return ReviewView(review.by, _moment(review.at), tuple((a, f"{b:g}") for a, b in scores), review.note or "")


def _choices(own: SongObject | None) -> tuple[Choice, ...]:
    """Return who chose what, the latest first."""
    params = own.sidecar.action.get("params") if own else None
    try:
        found = [Choice(**entry) for entry in (params or {}).get("choices", ())]
    except (TypeError, AttributeError):
        return ()
    return tuple(Choice(one.take, one.by, _moment(one.at), one.note) for one in reversed(found))


def _missing(store: ArtifactStore, partition: str, sidecar: Sidecar) -> tuple[tuple[str, str], ...]:
    params = sidecar.action.get("params") or {}
    names = [str(slot["take"]) for slot in params.get("takes", ()) if not slot.get("is_made", True)]
    return tuple((name, _why(store, f"{name}@{partition}")) for name in names)


def _why(store: ArtifactStore, partition: str) -> str:
    data = store.read(record_path("failures", "take", partition))
    failure = parsed(Failure.from_bytes, data, "why it failed", [])
    return failure.reason if failure else "not made yet"


def _command(verb: str, *words: str) -> str:
    return shlex.join(["audio-assets", "take", verb, *words])


def _moment(at: str) -> str:
    return at.replace("T", " ").replace("+00:00", " UTC")
