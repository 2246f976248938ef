"""Which part of a plan somebody means: by asset, song, script, cause, what is in an artifact's action, and price."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from audio_assets.domain.causes import KINDS, Kind
from audio_assets.domain.toml_tables import nearest, nearest_few


@dataclass(frozen=True, slots=True)
class Where:
    """`voice=af_heart`: some value of that name in the action is this; `*` and `?` stand for any letters."""

    name: str
    pattern: str

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Whether it holds for an `Action.as_record()`, or for other plain values."""
        return any(fnmatchcase(value, self.pattern) for value in _values(record, self.name))


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """What is meant: everything that is left empty does not matter, the rest must hold together.

    Of songs and scripts one is enough. `assets` also bring what these are made of, where that is stale; `where` and
    `causes` also what follows from them.
    """

    assets: tuple[str, ...] = ()
    songs: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()
    causes: tuple[Kind, ...] = ()
    max_cost_usd: float | None = None

    @property
    def is_of_all(self) -> bool:
        """Whether nothing is left out but for its price."""
        return not (self.assets or self.songs or self.scripts or self.where or self.causes)


def parse_where(text: str) -> Where:
    """A condition.

    Raises:
        ValueError: it is none.
    """
    name, separator, pattern = text.partition("=")
    if not separator or not name.strip() or not pattern.strip():
        raise ValueError(f"'{text}' is no condition; write NAME=VALUE, like voice=af_heart")
    return Where(name.strip(), pattern.strip())


def parse_causes(texts: Sequence[str]) -> tuple[Kind, ...]:
    """Kinds of causes.

    Raises:
        ValueError: there is no such kind.
    """
    found = tuple(kind for text in texts for kind in KINDS if kind == text)
    for text in texts:
        known_or_refuse(text, KINDS, "kind of cause")
    return found


def known_or_refuse(name: str, known: Collection[str], what: str, remedy: str = "") -> None:
    """Refuse a name that is not among those that there are; `remedy` says how to see them all.

    Raises:
        ValueError: names the nearest.
    """
    if name not in known:
        hint = nearest(name, known) or nearest_few(name, known)
        raise ValueError("; ".join(part for part in (f"there is no {what} '{name}'", hint, remedy) if part))


def names_in(value: Any) -> Iterator[str]:
    """Every name that a condition may ask for in such a record."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from names_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names_in(inner)


def _values(value: Any, name: str, *, is_named: bool = False) -> Iterator[str]:
    """Every plain value below a key of that name, as text; of a list, each of its values."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(inner, name, is_named=is_named or key == name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _values(inner, name, is_named=is_named)
    elif is_named and value is not None:
        yield str(value)
