"""Rotation: names, developers, scripts and pairs in cycles, each once before any comes again.

An item is a tuple of stem ids: `("stem.name.jose",)`, or a pair `("stem.name.jose", "stem.developer.ana")`. The order
of a cycle follows from the seed, the cycle's number and the data set alone, so that no list has to be kept. What was
given in a cycle is not given again in it, whatever happens to the data set meanwhile.

- `order_of`: the order of a cycle.
- `pick`: the next item of an order.
- `stream`: what comes next, cycle after cycle.
- `change`: what became of a data set, in words.

Not here: what was given (`resources/rotations.py`).
"""

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal, overload

from audio_assets.domain import stem_ids

Kind = Literal["name", "developer", "script", "pair"]
Item = tuple[str, ...]
Members = Mapping[str, tuple[str, ...]]
"""Stem ids by kind of stem; a pair needs "name" and "developer"."""

KINDS: tuple[Kind, ...] = ("name", "developer", "script", "pair")
PARTS: Mapping[Kind, tuple[str, ...]] = {
    "name": ("name",),
    "developer": ("developer",),
    "script": ("script",),
    "pair": ("name", "developer"),
}
"""The data sets that an item of a kind is of."""

PLURALS: Mapping[str, str] = {**stem_ids.PLURALS, "pair": "pairs"}
_LOOKS_AHEAD = 512
"""Items that are looked at for one that shares nothing with the last; after so many the best one has to do."""


class RotationError(ValueError):
    """There is nothing to rotate; the message says what is missing."""


def members_of(kind: Kind, members: Members) -> Members:
    """The ids that a rotation of `kind` is over: each once, sorted.

    Raises:
        RotationError: a data set is empty.
    """
    found = {part: tuple(sorted(set(members.get(part, ())))) for part in PARTS[kind]}
    for part, ids in found.items():
        if not ids:
            raise RotationError(f"there are no {PLURALS[part]} to rotate; write some to datasets/{PLURALS[part]}.txt")
    return found


def order_of(kind: Kind, members: Members, seed: str, cycle: int) -> "Order":
    """Every item of a cycle in its order; `members` as `members_of` answers them."""
    return Order(tuple(_shuffled(members[part], f"{seed}\n{kind}\n{part}\n{cycle}") for part in PARTS[kind]))


def _shuffled(ids: Collection[str], salt: str) -> tuple[str, ...]:
    return tuple(sorted(ids, key=lambda one: (hashlib.sha256(f"{salt}\n{one}".encode()).digest(), one)))


@dataclass(frozen=True, slots=True)
class Order(Sequence[Item]):
    """The items of a cycle, worked out one by one: 10,000 pairs are a list of 200 names and one of 50 developers.

    Pairs run down the diagonals of names x developers: neighbours share neither, and every name comes once before any
    comes twice (where there are at least as many names as developers; else every developer).
    """

    columns: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return math.prod(len(column) for column in self.columns)

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Item]: ...

    def __getitem__(self, place: int | slice) -> Item | Sequence[Item]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        if len(self.columns) == 1:
            return (self.columns[0][place],)
        names, developers = self.columns
        n_diagonals = place // math.lcm(len(names), len(developers))
        return names[place % len(names)], developers[(place + n_diagonals) % len(developers)]


@dataclass(frozen=True, slots=True)
class Picked:
    """An item; before `looked` everything of its order is given."""

    item: Item
    looked: int


def pick(order: Order, looked: int, is_given: Callable[[Item], bool], last: Item | None) -> Picked | None:
    """The next item that was not given, None where the cycle is at its end.

    It shares nothing with `last` where a near one of the order does not; else as little as there is.
    """
    wanted = sum(len(column) > 1 for column in order.columns)
    best: Item | None = None
    first, best_score = len(order), -1
    for place in range(looked, len(order)):
        item = order[place]
        if is_given(item):
            continue
        first = min(first, place)
        score = wanted if last is None else sum(one != other for one, other in zip(item, last, strict=True))
        if score > best_score:
            best, best_score = item, score
        if score >= wanted or place - first >= _LOOKS_AHEAD:
            break
    return None if best is None else Picked(best, first)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rotation is: in which cycle (the first is 1), and what it gave last."""

    cycle: int = 1
    last: Item | None = None


def stream(
    kind: Kind, members: Members, seed: str, place: Place | None = None, given: Set[Item] = frozenset()
) -> Iterator[tuple[int, Item]]:
    """What comes next, without end: cycle and item. `given` is what was given in the cycle of `place`."""
    found = members_of(kind, members)
    at = place or Place()
    cycle, last, seen = at.cycle, at.last, set(given)
    while True:
        order, looked = order_of(kind, found, seed, cycle), 0
        while picked := pick(order, looked, seen.__contains__, last):
            last, looked = picked.item, picked.looked
            seen.add(last)
            yield cycle, last
        cycle, seen = cycle + 1, set()


def digest(members: Members) -> str:
    """What a data set is told from another by."""
    lines = [f"{part}\t{one}" for part in sorted(members) for one in members[part]]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def change(before: Members, now: Members) -> str:
    """What became of a data set: "3 names joined, 1 left"; "" where nothing did."""
    said = []
    for part in now:
        old, new = set(before.get(part, ())), set(now[part])
        counts = [(len(new - old), "joined"), (len(old - new), "left")]
        texts = [f"{n} {verb}" for n, verb in counts if n]
        if texts:
            number, _, verb = texts[0].partition(" ")
            said.append(", ".join([f"{number} {part if number == '1' else PLURALS[part]} {verb}", *texts[1:]]))
    return "; ".join(said)
