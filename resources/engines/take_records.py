"""The files about a scene's takes: their list, what was measured of them, what people said, which one is selected.

These functions run where the records are: they decide nothing that is not in `audio_assets/domain/take_*.py`, and put
records, pictures, facts and checks together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import contact_sheet as sheet
from audio_assets.domain.head_pose import drawn_mouth
from audio_assets.domain.rendering import INTENDED, PermanentError, Rendered
from audio_assets.domain.schemas import takes as schema
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.schemas.rig import from_bytes as rig_from_bytes
from audio_assets.domain.take_list import Take
from audio_assets.domain.take_review import Review, opinions
from audio_assets.domain.take_scores import (
    CONSISTENCY,
    MOUTH,
    QUALITY,
    MouthLook,
    TakeQuality,
    Wanted,
    quality_checks,
)
from audio_assets.domain.take_selection import RULE, Choice, select
from resources.engines.take_artifacts import small_jpeg
from resources.engines.take_quality import measure_take
from resources.video_files import VideoFileError

TAKES, MEASURE, QUALITIES, REVIEW, SELECTION = (
    "takes.json", "take_measure.json", "take_quality.json", "take_review.json", "selection.json",
)  # fmt: skip
SHEET, PICTURE = "contact_sheet.jpg", "picture.jpg"
_STRIP_HEIGHT_PX = 120
_MOST_IN_STRIP = 6


def keeper() -> dict[str, str]:
    """Who keeps the records."""
    return {"engine": "take records"}


def selector() -> dict[str, str]:
    """Who selects: the rule is part of the key."""
    return {"engine": "take selection", "rule": RULE}


def take_list(
    scene: str, takes: Sequence[Take], missing: Sequence[tuple[str, str]], thumbnails: Sequence[bytes]
) -> Rendered:
    """`takes.json`; `missing` are wanted takes that are not there, each with the reason."""
    current = [take for take in takes if take.is_current]
    detail = "; ".join(f"{name}: {why}" for name, why in missing) or f"{len(current)} of {len(current)} are there"
    return Rendered(
        files={TAKES: schema.take_list_to_bytes(scene, takes)},
        previews={PICTURE: _strip(thumbnails)},
        facts={
            "n_takes": len(takes),
            "n_current": len(current),
            "n_missing": len(missing),
            "takes": ", ".join(take.id for take in takes),
            "provider": ", ".join(dict.fromkeys(take.provider for take in current)),
            "paid_usd": round(sum(take.cost_usd for take in takes), 4),
        },
        checks=(
            Check("wanted_takes_are_there", not missing, detail),
            Check(
                INTENDED,
                not current or not all(take.origin == "stand_in" for take in current),
                detail if missing else "no stand-in",
            ),
        ),
    )


def take_measure(
    take: str,
    clip: Path,
    wanted: Mapping[str, Any],
    image: Path | None,
    rig: bytes | None,
    faces: Path | None,
    embedding: Path | None,
) -> Rendered:
    """`take_measure.json`: the scores of one take; a `rig` says where the mouth of a drawn singer is.

    A drawn singer is not held against the reference image: it is not the provider's picture of it.
    """
    asked = Wanted(wanted["width"], wanted["height"], Fraction(wanted["frame_rate"]), wanted["n_frames"])
    try:
        quality = measure_take(
            clip, asked, reference=None if rig else image, face_model_dir=faces, embedding_model_dir=embedding,
            shows_singer=wanted["shows_singer"], drawn_mouths=_drawn_mouths(rig, asked) if rig else None,
        )  # fmt: skip
    except VideoFileError as error:
        raise PermanentError(str(error)) from error
    facts = {name: score.value for name, score in quality.scores().items()}
    return Rendered({MEASURE: schema.quality_to_bytes(take, quality)}, facts=facts)


def _drawn_mouths(rig: bytes, wanted: Wanted) -> list[MouthLook | None]:
    anchors = rig_from_bytes(rig).anchors
    size = (wanted.width, wanted.height)
    return [None if a is None else drawn_mouth(a.x, a.y, a.scale_px, a.angle_deg, *size) for a in anchors]


def take_quality(measures: Mapping[str, bytes]) -> Rendered:
    """`take_quality.json`: the scores of all takes of a scene."""
    found = {name: schema.quality_from_bytes(data)[1] for name, data in measures.items() if data}
    best = {
        name: max((s for q in found.values() if (s := q.scores()[name].value) is not None), default=None)
        for name in (QUALITY, CONSISTENCY, MOUTH)
    }
    checks = _checks(found)
    return Rendered(
        files={QUALITIES: schema.qualities_to_bytes(found)},
        facts={"n_measured": len(found), **{f"best_{name}": value for name, value in best.items()}},
        checks=checks,
    )


def _checks(found: Mapping[str, TakeQuality]) -> tuple[Check, ...]:
    """A check holds for the scene when it holds for one of its takes."""
    by_name: dict[str, list[tuple[str, Check]]] = {}
    for take, quality in found.items():
        for check in quality_checks(quality):
            by_name.setdefault(check.name, []).append((take, check))
    return tuple(
        Check(name, any(c.passed for _, c in entries), "; ".join(f"{take}: {c.detail}" for take, c in entries))
        for name, entries in by_name.items()
    )


def take_review(reviews: Sequence[Review]) -> Rendered:
    """`take_review.json`: every entry, as it was said."""
    said = opinions(reviews)
    shown = {take: opinion.user_score for take, opinion in said.items() if opinion.user_score is not None}
    return Rendered(
        files={REVIEW: schema.reviews_to_bytes(reviews)},
        facts={
            "n_reviews": len(reviews),
            "user_scores": ", ".join(f"{take} {score:g}" for take, score in shown.items()),
            "reviewed_by": ", ".join(sorted({review.by for review in reviews})),
        },
    )


def selected_take(
    scene: str, listed: bytes, measured: bytes, reviews: Sequence[Review], choices: Sequence[Choice]
) -> Rendered:
    """`selection.json`: which take is in the film, who chose it, and why."""
    _, takes = schema.take_list_from_bytes(listed)
    selection = select(takes, schema.qualities_from_bytes(measured), reviews, choices)
    if selection.take is None:
        raise PermanentError(selection.why)
    return Rendered(
        files={SELECTION: schema.selection_to_bytes(scene, selection)},
        facts={
            "take": selection.take, "chosen_by": selection.chosen_by, "by": selection.by, "at": selection.at,
            "why": selection.why,
        },
        checks=(Check("selection_is_current", not selection.warnings, "; ".join(selection.warnings) or selection.why),),
        notes=selection.warnings,
    )  # fmt: skip


SheetRow = tuple[sheet.SheetScene, bytes, bytes, bytes, bytes, Mapping[str, bytes]]
"""A scene without its takes; its takes, scores, reviews and selection as they are stored, and a thumbnail by take."""


def contact_sheet(title: str, rows: Sequence[SheetRow]) -> Rendered:
    """`contact_sheet.jpg`: every take of a song, with its scores; the selected ones framed."""
    scenes = [_sheet_scene(*row) for row in rows]
    picture = sheet.contact_sheet(title, scenes)
    small = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if small is None:
        raise PermanentError("the contact sheet can not be read back")
    return Rendered(
        files={SHEET: picture},
        previews={PICTURE: small_jpeg(np.asarray(small[:, :, ::-1], np.uint8))},
        facts={
            "n_scenes": len(scenes),
            "n_takes": sum(len(scene.takes) for scene in scenes),
            "n_selected": sum(take.is_selected for scene in scenes for take in scene.takes),
        },
    )


def _sheet_scene(
    scene: sheet.SheetScene, listed: bytes, measured: bytes, said: bytes, chosen: bytes, thumbnails: Mapping[str, bytes]
) -> sheet.SheetScene:
    scores, opinion = schema.qualities_from_bytes(measured), opinions(schema.reviews_from_bytes(said))
    selection = schema.selection_from_bytes(chosen)[1]
    takes = [
        sheet.SheetTake(
            take.id,
            _picture(thumbnails.get(take.id)),
            {name: score.value for name, score in scores[take.id].scores().items()} if take.id in scores else {},
            opinion[take.id].user_score if take.id in opinion else None,
            take.cost_usd,
            is_selected=take.id == selection.take,
            chosen_by=selection.by if take.id == selection.take else "",
            is_current=take.is_current,
            note=f"remix of {take.parent}" if take.parent else "added" if take.origin == "added" else "",
        )
        for take in schema.take_list_from_bytes(listed)[1]
    ]
    return replace(scene, takes=tuple(takes))


def _picture(data: bytes | None) -> NDArray[np.uint8] | None:
    found = None if data is None else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if found is None else np.asarray(found[:, :, ::-1], np.uint8)


def _strip(thumbnails: Sequence[bytes]) -> bytes:
    """The newest takes side by side."""
    pictures = [_picture(data) for data in thumbnails[-_MOST_IN_STRIP:]]
    scaled = [_at_height(picture) for picture in pictures if picture is not None]
    return small_jpeg(np.concatenate(scaled, axis=1)) if scaled else b""


def _at_height(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width_px = max(1, round(picture.shape[1] * _STRIP_HEIGHT_PX / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width_px, _STRIP_HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)
