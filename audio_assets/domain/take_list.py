"""The takes of one scene: an append-only list of immutable clips. How it grows is here; its bytes: `schemas/takes`.

Laws, for any history and whatever is wanted:
- What is in a list stays in it, in its place and under its id; ids are given once and never used again.
- New takes follow in the order in which they first appear. The same clip of the same request is the same take: merging
  again changes nothing, so a prompt that comes back finds its old takes under their old ids.
- A new prompt adds takes and keeps those of the old one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, get_args

Origin = Literal["generated", "remix", "added"]
ORIGINS: tuple[str, ...] = get_args(Origin)


class TakeListError(ValueError):
    """Takes that can not stand in one list; one sentence says why."""


@dataclass(frozen=True, slots=True)
class TakeClip:
    """A clip before it has an id: what was asked for, who made it, what came out.

    `key` is the action key of its object, `object` the object's folder, `clip` the file in it, `content` that file's
    sha256. `prompt_sha256` is the scene's prompt at the time, "" for a clip of the user's own (`origin` "added");
    `prompt` is its text. `parent` is the id of the take that a remix began from, `revised_prompt` what was asked of it.
    """

    key: str
    object: str
    content: str
    clip: str
    n_frames: int
    width: int
    height: int
    origin: Origin = "generated"
    prompt_sha256: str = ""
    prompt: str = ""
    provider: str = ""
    model: str = ""
    seed: int = 0
    parent: str | None = None
    revised_prompt: str = ""
    cost_usd: float = 0.0

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it this take: the request and the very clip. A clip lost and made again is another one."""
        return self.key, self.content


@dataclass(frozen=True, slots=True)
class Take(TakeClip):
    """A take of a scene; `id` is "t01", "t02" ... in the order of first appearance."""

    id: str = ""

    def is_of(self, prompt_sha256: str) -> bool:
        """Whether it serves this prompt: it was made for it, or is the user's own and serves any."""
        return self.origin == "added" or self.prompt_sha256 == prompt_sha256


def take_id(number: int) -> str:
    """Return the id of the `number`-th take, counted from 1."""
    if number < 1:
        raise ValueError(f"takes count from 1, not {number}")
    return f"t{number:02d}"


def take_number(identifier: str) -> int:
    """Return the number of a take's id; 0 for what is none."""
    digits = identifier[1:]
    is_id = identifier.startswith("t") and digits.isascii() and digits.isdigit() and int(digits) > 0
    return int(digits) if is_id and take_id(int(digits)) == identifier else 0


def merge(history: Sequence[Take], wanted: Iterable[TakeClip]) -> list[Take]:
    """Return `history` with the clips of `wanted` that are new to it, in their order, under the next ids.

    A `wanted` that already carries an id keeps nothing of it: ids are given here.

    Raises:
        TakeListError: the history is none, or a remix names a parent that is not before it.
    """
    check_list(history)
    takes = list(history)
    known = {take.identity for take in takes}
    for clip in wanted:
        if clip.identity in known:
            continue
        known.add(clip.identity)
        take = _take(clip, take_id(len(takes) + 1))
        _check_parent(take, {earlier.id for earlier in takes})
        takes.append(take)
    return takes


def check_list(takes: Sequence[Take]) -> None:
    """Hold a list against its laws.

    Raises:
        TakeListError: ids do not count t01, t02 ..., a take stands in it twice, or a parent is not before its remix.
    """
    seen: set[str] = set()
    identities: set[tuple[str, str]] = set()
    for number, take in enumerate(takes, start=1):
        if take.id != take_id(number):
            raise TakeListError(f"take {number} of the list is called {take.id!r}, not {take_id(number)!r}")
        if take.identity in identities:
            raise TakeListError(f"{take.id} is in the list twice")
        _check_parent(take, seen)
        seen.add(take.id)
        identities.add(take.identity)


def current_takes(takes: Iterable[Take], prompt_sha256: str) -> tuple[Take, ...]:
    """Return the takes that serve a prompt, in their order: its own, remixes of them, and the user's clips."""
    return tuple(take for take in takes if take.is_of(prompt_sha256))


def n_generated(takes: Iterable[Take], prompt_sha256: str, gone: Collection[str] = ()) -> int:
    """Return how many takes of a prompt count towards "at least N": those generated, and not among the gone."""
    return sum(
        take.origin == "generated" and take.prompt_sha256 == prompt_sha256 and take.id not in gone for take in takes
    )


def _take(clip: TakeClip, identifier: str) -> Take:
    if isinstance(clip, Take):
        return replace(clip, id=identifier)
    return Take(**{field.name: getattr(clip, field.name) for field in fields(TakeClip)}, id=identifier)


def _check_parent(take: Take, before: Collection[str]) -> None:
    if take.origin not in ORIGINS:
        raise TakeListError(f"{take.id} is {take.origin!r}: a take is {', '.join(ORIGINS[:-1])} or {ORIGINS[-1]}")
    if take.origin == "remix" and take.parent is None:
        raise TakeListError(f"{take.id} is a remix and names no take that it was made from")
    if take.parent is not None and take.parent not in before:
        raise TakeListError(f"{take.id} was made from {take.parent!r}, which is no earlier take of this scene")


def take_record(take: Take) -> dict[str, object]:
    """Return a take as plain JSON values, its id first."""
    return {"id": take.id, **{name: value for name, value in asdict(take).items() if name != "id"}}
