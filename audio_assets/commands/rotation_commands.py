"""What `audio-assets rotation` does, apart from printing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from audio_assets import rotating
from audio_assets.commands.opening import open_studio
from audio_assets.commands.stem_commands import make_message
from audio_assets.domain.rotation import KINDS, PARTS, PLURALS, Item, Kind, RotationError, members_of, stream
from audio_assets.studio import Studio
from resources.rotations import HandOut


def give(kind: Kind, *, request_id: str = "") -> dict[str, Any]:
    """Give the next item of a rotation."""
    studio = open_studio()
    (given,) = rotating.give(studio, kind, request_id=request_id)
    return _shown(studio, given)


def generate_pair(template: str, *, request_id: str, is_quiet: bool) -> dict[str, Any]:
    """Give the next pair, and make its stems and its message.

    Raises:
        PermanentError: it can not be made; the pair is given all the same, and its message is registered.
    """
    studio = open_studio()
    studio.stems.template(template)  # before anything is given
    (given,) = rotating.give(studio, "pair", request_id=request_id)
    (request,) = rotating.requests(studio, template, [given.item], request_id=request_id)
    rotating.keep(studio, [request])
    values = {key: value for key, value in request.record().items() if key not in ("id", "is_copied") and value}
    made = make_message(values, is_copied=False, retry=True, is_quiet=is_quiet)
    return {**_shown(studio, given), **{key: made[key] for key in ("message", "path", "cached", "run_id")}}


def upcoming(kind: Kind, count: int | None, *, is_taken: bool) -> Iterator[dict[str, Any]]:
    """What comes next: `count` items, or what is left of this cycle; given for good where it `is_taken`."""
    studio = open_studio()
    members = rotating.members(studio)
    place, seen = studio.rotations.place(kind)
    if count is None:
        today = members_of(kind, members)
        count = math.prod(map(len, today.values())) - sum(_is_of(item, list(today.values())) for item in seen)
    if is_taken:
        for _ in range(count):
            (one,) = rotating.give(studio, kind)
            note = {"note": one.note} if one.note else {}
            at = {"cycle": one.cycle, "number": one.number, "given_at": one.given_at}
            yield {"kind": kind, **_said(studio, kind, one.item), **at, **note}
        return
    coming = stream(kind, members, studio.settings.rotation_seed, place, seen)
    for cycle, item in islice(coming, count):
        yield {"kind": kind, **_said(studio, kind, item), "cycle": cycle}


def status() -> list[dict[str, Any]]:
    """Where every rotation is, and what it gave last; one without a data set says so."""
    studio = open_studio()
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        try:
            found = studio.rotations.status(kind, rotating.members(studio), studio.settings.rotation_seed)
        except RotationError as error:
            rows.append({"kind": kind, "problem": str(error)})
            continue
        rows.append({**asdict(found), "last": list(found.last or ()), "seed": studio.settings.rotation_seed})
    return rows


def status_text(rows: Sequence[dict[str, Any]]) -> str:
    """The same for reading."""
    lines = []
    for row in rows:
        if "problem" in row:
            lines.append(f"{row['kind']:10} {row['problem']}")
            continue
        last = f"; last {' + '.join(row['last'])} at {row['last_at'][:19]}Z" if row["last"] else ""
        given = f"{row['n_given']} of {row['size']} {PLURALS[row['kind']]} given in cycle {row['cycle']}"
        lines.append(f"{row['kind']:10} {given}{last}{'; ' + row['note'] if row['note'] else ''}")
    return "\n".join(lines)


def reset(kinds: Sequence[Kind]) -> dict[str, int]:
    """Begin rotations anew, all of them where none is named; how many hand-outs of each are forgotten."""
    studio = open_studio()
    return {kind: studio.rotations.reset(kind) for kind in kinds or KINDS}


def as_text(shown: dict[str, Any]) -> str:
    """A hand-out in a line for each of its stems, and its place."""
    lines = [f"{part:10} {shown[part]['value']}  ({shown[part]['id']})" for part in PARTS[shown["kind"]]]
    asked = "given before for this request, " if shown["is_repeated"] else ""
    lines.append(f"{'place':10} {asked}{shown['number']} of {shown['size']} in cycle {shown['cycle']}")
    lines += [f"{'note':10} {shown['note']}"] if shown["note"] else []
    lines += [f"{key:10} {shown[key]}" for key in ("message", "path") if key in shown]
    return "\n".join(lines)


def _shown(studio: Studio, given: HandOut) -> dict[str, Any]:
    values = asdict(given)
    values.pop("item")
    return {"kind": given.kind, **_said(studio, given.kind, given.item), **values}


def _said(studio: Studio, kind: Kind, item: Item) -> dict[str, dict[str, str]]:
    """The parts of an item with what they say; a value that has left the data set is its id."""
    entries = studio.stems.entries
    return {
        part: {"id": one, "value": entries[one].value if one in entries else one}
        for part, one in zip(PARTS[kind], item, strict=True)
    }


def _is_of(item: Item, columns: Sequence[Sequence[str]]) -> bool:
    return all(one in column for one, column in zip(item, columns, strict=True))
