"""The takes of one scene, as they are listed: immutable clips in the order of their slots. Bytes: `schemas/takes`.

Which key has which slot is kept in `schemas/take_requests`; ids are given there, once.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from audio_assets.domain.schemas.take_requests import Origin


class TakeListError(ValueError):
    """Takes that can not stand in one list; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Take:
    """A take of a scene; `id` is "t01", "t02" ... in the order of first appearance.

    `key` is the action key of its object, `object` the object's folder, `clip` the file in it, `content` the object's
    content sha256. `prompt_sha256` is the prompt's, "" for a clip of the user's own (`origin` "added"); `prompt` is its
    text. `parent` is the id of the take that a remix began from ("" for none), `revision` what was asked of it.
    `is_current`: it is of the scene's present wishes: its prompt, its length, a remix of those, or the user's own clip.
    """

    id: str
    key: str
    object: str
    content: str
    clip: str
    n_frames: int
    width: int
    height: int
    is_current: bool
    origin: Origin = "generated"
    prompt_sha256: str = ""
    prompt: str = ""
    provider: str = ""
    model: str = ""
    seed: int = 0
    parent: str = ""
    revision: str = ""
    cost_usd: float = 0.0


def take_number(identifier: str) -> int:
    """Return the number of a take's id; 0 for what is none."""
    digits = identifier[1:]
    is_id = identifier.startswith("t") and digits.isascii() and digits.isdigit() and int(digits) > 0
    return int(digits) if is_id and f"t{int(digits):02d}" == identifier else 0


def check_list(takes: Sequence[Take]) -> None:
    """Hold a list against its laws.

    Raises:
        TakeListError: ids do not rise, a take stands in it twice, or a parent is not before its remix.
    """
    seen: set[str] = set()
    keys: set[str] = set()
    last = 0
    for take in takes:
        if take_number(take.id) <= last:
            raise TakeListError(f"take {take.id!r} stands after t{last:02d}")
        if take.key in keys:
            raise TakeListError(f"{take.id} is in the list twice")
        _check_parent(take, seen)
        last = take_number(take.id)
        seen.add(take.id)
        keys.add(take.key)


def _check_parent(take: Take, before: Collection[str]) -> None:
    if (take.origin == "remix") != bool(take.parent):
        raise TakeListError(f"{take.id} is {take.origin} and its parent is {take.parent or 'none'}")
    if take.parent and take.parent not in before:
        raise TakeListError(f"{take.id} was made from {take.parent!r}, which is no earlier take of this scene")


def take_record(take: Take) -> dict[str, object]:
    """Return a take as plain JSON values, its id first."""
    return {"id": take.id, **{name: value for name, value in asdict(take).items() if name != "id"}}
