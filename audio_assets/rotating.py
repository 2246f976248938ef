"""Rotations over the studio's data sets, and the messages that pairs become.

Used by the commands and by the schedule. Not here: the orders (`domain/rotation`), their state (`resources/rotations`).
"""

from collections.abc import Sequence

import dagster as dg

from audio_assets.domain.message_request import MessageRequest, message_request
from audio_assets.domain.rotation import Item, Kind, Members
from audio_assets.domain.stem_ids import KINDS
from audio_assets.launch import VOICE_STEMS, Order, order, sync
from audio_assets.plan import plan
from audio_assets.stages.stems import StemIndex
from audio_assets.studio import Studio
from resources.rotations import HandOut


def members(studio: Studio) -> Members:
    """The ids of today's data sets by kind, without what only a command asked for."""
    return {kind: tuple(entry.id for entry in studio.stems.datasets[kind].entries) for kind in KINDS}


def give(studio: Studio, kind: Kind, count: int = 1, *, request_id: str = "") -> tuple[HandOut, ...]:
    """Give the next items of a rotation.

    Raises:
        RotationError: its data set is empty.
    """
    seed = studio.settings.rotation_seed
    given = studio.rotations.next_ones(kind, members(studio), seed, count, request_id=request_id)
    for one in given:
        told = {"note": one.note, "request_id": one.request_id}
        studio.audit_log.append(
            "rotation", what=kind, item=list(one.item), cycle=one.cycle, number=one.number, given_at=one.given_at,
            is_repeated=one.is_repeated, **{name: value for name, value in told.items() if value},
        )  # fmt: skip
    return given


def requests(studio: Studio, template: str, pairs: Sequence[Item], *, request_id: str = "") -> list[MessageRequest]:
    """The messages of pairs; a template that has a script gets the next one of its rotation for each.

    Raises:
        PermanentError: there is no such template, or it can not be read.
    """
    has_script = "script" in studio.stems.template(template).kinds
    scripts = [one.item[0] for one in give(studio, "script", len(pairs), request_id=request_id)] if has_script else []
    found = []
    for n, (name, developer) in enumerate(pairs):
        values = {"template": template, "name": name, "developer": developer}
        found.append(message_request(values | ({"script": scripts[n]} if scripts else {}), "the rotation"))
    return found


def keep(studio: Studio, wanted: Sequence[MessageRequest]) -> None:
    """Let there be these messages; what is kept is rendered by the next run, whoever starts it."""
    for request in wanted:
        if request.id not in studio.stems.messages:
            studio.stems.keep(request)


def order_for(instance: dg.DagsterInstance, studio: Studio, wanted: Sequence[MessageRequest]) -> Order:
    """What a run has to do for kept messages: what is stale of them and of their stems, and the index."""
    sync(instance, studio)
    messages = {request.id for request in wanted}
    stems = {stem for message in messages for stem, _ in studio.stems.parts(message)}
    chosen = {"message": messages, "message_request": messages, "stem": stems, "stem_text": stems}
    found = order(instance, studio, plan(studio, VOICE_STEMS.opened(studio)), VOICE_STEMS)
    mine = {asset: [key for key in keys if key in chosen.get(asset, ())] for asset, keys in found.items()}
    if any(mine.values()):
        mine[StemIndex.asset] = list(found.get(StemIndex.asset, ()))
    return {asset: keys for asset, keys in mine.items() if keys}
