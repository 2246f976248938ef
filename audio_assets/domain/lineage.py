"""What an artifact is made of, down to what people wrote: values, how alike ones stand together, and text for people.

Pure: `explaining` reads the tree from the store, `explain_page` draws it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from audio_assets.domain.action import canonical
from audio_assets.domain.money_text import dollars

State = Literal["current", "earlier", "damaged", "gone"]
"""An object that a partition points at, one that none does, one that is not whole, one that is not there."""

_LISTED = 4
_SHORT = 12


@dataclass(frozen=True, slots=True)
class Origin:
    """A leaf: something that a person wrote, chose or brought, or a file that an engine works with.

    `kind` is what it is ("script line", "cast entry", "model file"), `name` what it is called. `file` and `line` say
    where it stands, `sha256` is that file's, `said` its words, `by` and `at` (an ISO time) who said it and when.
    """

    kind: str
    name: str
    file: str = ""
    line: int = 0
    sha256: str = ""
    said: str = ""
    by: str = ""
    at: str = ""

    @property
    def where(self) -> str:
        """`script.rpy:15`, "" where there is no file."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def as_record(self) -> dict[str, Any]:
        """What it is and its name, and of the other fields those that say something."""
        return {key: value for key, value in asdict(self).items() if value or key in ("kind", "name")}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Origin":
        """Read what `as_record` wrote, or once did: it left out a name that was empty.

        Raises:
            TypeError: not an origin.
        """
        return cls(**{"name": "", **record})

    def as_text(self) -> str:
        """One line for people."""
        said = f"“{shortened(self.said, 70)}”" if self.said else ""
        who = f"by {self.by}" if self.by else ""
        where = self.where if self.where != self.name else ""
        sha256 = f"sha256 {self.sha256[:_SHORT]}" if self.sha256 else ""
        return "  ".join(part for part in (self.kind, self.name, where, said, who, self.at, sha256) if part)


@dataclass(frozen=True, slots=True)
class Node:
    """One object: what it is, who made it and at what cost, and the objects that it is made of.

    `inputs` are (name, folder). `today` says what would be different if it were rendered today, `unwanted` why nobody
    asks for it any more.
    `problem` is why it is not whole. `stands_in_for`: the provider that was wanted, and why another one made it.
    """

    folder: str
    asset: str
    partitions: tuple[str, ...] = ()
    state: State = "current"
    content: str = ""
    code_version: str = ""
    provider: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    cost_usd: float = 0.0
    render_s: float = 0.0
    rendered_at: str = ""
    run_id: str = ""
    origins: tuple[Origin, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    today: tuple[str, ...] = ()
    unwanted: str = ""
    problem: str = ""
    stands_in_for: str = ""

    @property
    def made_by(self) -> str:
        """The provider in a few words: `kokoro, kokoro-82m-int8`."""
        named = [self.provider.get(name) for name in ("engine", "provider", "model")]
        return ", ".join(dict.fromkeys(str(value) for value in named if value and not _is_sha256(value)))

    @property
    def likeness(self) -> bytes:
        """Nodes of one likeness may stand as one."""
        return canonical([self.asset, self.code_version, dict(self.provider), self.state, self.today, self.problem,
                          self.stands_in_for, bool(self.unwanted)])  # fmt: skip

    def as_record(self) -> dict[str, Any]:
        """Plain values."""
        record = asdict(self)
        record["origins"] = [origin.as_record() for origin in self.origins]
        record["inputs"] = [{"name": name, "object": folder} for name, folder in self.inputs]
        return record


@dataclass(frozen=True)
class Lineage:
    """The tree under one artifact; `nodes` are by folder, `remarks` sentences about what was asked for."""

    root: str
    nodes: Mapping[str, Node]
    remarks: tuple[str, ...] = ()

    @property
    def n_stale(self) -> int:
        """How many of its objects would be different today."""
        return sum(bool(node.today) for node in self.nodes.values())

    @property
    def n_unwanted(self) -> int:
        """How many of its objects nobody asks for any more."""
        return sum(bool(node.unwanted) for node in self.nodes.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values: each node once, edges by folder."""
        return {
            "schema": "lineage.1",
            "root": self.root,
            "remarks": list(self.remarks),
            "n_objects": len(self.nodes),
            "n_stale": self.n_stale,
            "n_unwanted": self.n_unwanted,
            "nodes": {folder: node.as_record() for folder, node in self.nodes.items()},
        }


# Alike nodes as one


@dataclass(frozen=True)
class Box:
    """Nodes that are alike, or origins of one kind and file, as one box of the picture; `below` are boxes by number."""

    number: int
    title: str
    label: str
    nodes: tuple[Node, ...] = ()
    origins: tuple[Origin, ...] = ()
    below: tuple[int, ...] = ()


def boxes(lineage: Lineage) -> list[Box]:
    """The tree with alike nodes as one: the root's is the first, and each stands before what it is made of."""
    numbers: dict[object, int] = {}
    members: dict[int, list[Node | Origin]] = {}
    edges: dict[int, dict[int, None]] = {}

    def place(item: Node | Origin) -> int:
        key = item.likeness if isinstance(item, Node) else (item.kind, item.file)
        number = numbers.setdefault(key, len(numbers) + 1)
        members.setdefault(number, []).append(item)
        return number

    of_node: dict[str, int] = {}
    ordered = list(_walk(lineage))
    for node in ordered:
        of_node[node.folder] = place(node)
    for node in ordered:
        own = edges.setdefault(of_node[node.folder], {})
        own.update(dict.fromkeys(of_node[folder] for _, folder in node.inputs if folder in of_node))
        own.update(dict.fromkeys(place(origin) for origin in node.origins))
        own.pop(of_node[node.folder], None)  # a take that began from another one
    found = []
    for number, items in members.items():
        nodes = tuple(item for item in items if isinstance(item, Node))
        origins = tuple(dict.fromkeys(item for item in items if isinstance(item, Origin)))
        title = nodes[0].asset if nodes else origins[0].kind
        label = labelled(nodes) if nodes else _named(origins)
        found.append(Box(number, title, label, nodes, origins, tuple(edges.get(number, ()))))
    return found


def _walk(lineage: Lineage) -> Iterator[Node]:
    """Every node once, breadth first from the root."""
    queue, seen = [lineage.root], {lineage.root}
    for folder in queue:
        yield lineage.nodes[folder]
        new = [name for _, name in lineage.nodes[folder].inputs if name not in seen and name in lineage.nodes]
        new = list(dict.fromkeys(new))
        queue += new
        seen.update(new)


def labelled(nodes: Sequence[Node]) -> str:
    """`s001..s024|harbour_light (24)`: the partitions of alike nodes."""
    names = [name for node in nodes for name in (node.partitions or (node.folder.rpartition("/")[2][:_SHORT],))]
    names = list(dict.fromkeys(names))
    return names[0] if len(names) == 1 else f"{_range(names)} ({len(nodes)})"


def _named(origins: Sequence[Origin]) -> str:
    names = list(dict.fromkeys(origin.name for origin in origins))
    return names[0] if len(names) == 1 else f"{names[0]} … ({len(names)})"


def _range(names: Sequence[str]) -> str:
    first, last = names[0], names[-1]
    tail = ""
    while first and last and first[-1] == last[-1] and not first[-1].isdigit():
        tail, first, last = first[-1] + tail, first[:-1], last[:-1]
    if "|" in tail:
        return f"{first}..{last}{tail}"
    return f"{names[0]} .. {names[-1]}"


def shortened(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


# Text


def as_text(lineage: Lineage, *, is_all: bool = False) -> str:
    """The tree for people: alike siblings as one (each alone with `is_all`), what was shown already by its number."""
    writer = _Writer(lineage, is_all)
    lines = [*lineage.remarks, *writer.lines([lineage.root])]
    n = len(lineage.nodes)
    count = f"{n} object{'s' if n > 1 else ''}"
    n_stand_ins = sum(bool(node.stands_in_for) for node in lineage.nodes.values())
    count += f", {n_stand_ins} of them a stand-in's" if n_stand_ins else ""
    changed = [f"{lineage.n_stale} would be different today"] if lineage.n_stale else []
    changed += [f"{lineage.n_unwanted} not asked for any more"] if lineage.n_unwanted else []
    same = ["all as today's inputs say"] if writer.is_compared else []
    return "\n".join([*lines, "; ".join([count, *(changed or same)])])


class _Writer:
    def __init__(self, lineage: Lineage, is_all: bool) -> None:
        self._nodes = lineage.nodes
        self._is_all = is_all
        self._numbers: dict[str, int] = {}
        self._n_shown = 0
        self.is_compared = any(node.today or node.state == "current" for node in lineage.nodes.values())

    def lines(self, folders: Sequence[str], indent: str = "", below: str = "") -> Iterator[str]:
        """The lines of alike nodes, and of what they are made of under them."""
        nodes = [self._nodes[folder] for folder in folders]
        self._n_shown += 1
        number = self._n_shown
        self._numbers.update(dict.fromkeys(folders, number))
        first = nodes[0]
        yield f"{indent}{first.asset}  {labelled(nodes)}  #{number}"
        for detail in _details(nodes):
            yield f"{below}   {detail}"
        rows: list[list[str] | str] = [*_origin_rows(nodes, self._is_all), *self._groups(nodes)]
        for index, row in enumerate(rows):
            is_last = index == len(rows) - 1
            branch, trunk = (f"{below}└─ ", f"{below}   ") if is_last else (f"{below}├─ ", f"{below}│  ")
            if isinstance(row, str):
                yield f"{branch}{row}"
                continue
            known = [folder for folder in row if folder in self._numbers]
            if known:
                numbers = sorted({self._numbers[folder] for folder in known})
                said = ", ".join(f"#{n}" for n in numbers)
                yield f"{branch}{self._nodes[row[0]].asset}  {labelled([self._nodes[f] for f in row])}  → {said}"
            else:
                yield from self.lines(row, branch, trunk)

    def _groups(self, nodes: Sequence[Node]) -> list[list[str] | str]:
        """The inputs of alike nodes, alike ones together; what was shown before apart from what was not."""
        found: dict[object, list[str]] = {}
        for node in nodes:
            for _, folder in node.inputs:
                child = self._nodes.get(folder)
                if child is None:
                    continue
                key: object = folder if self._is_all else child.likeness
                group = found.setdefault((key, folder in self._numbers), [])
                if folder not in group:
                    group.append(folder)
        return list(found.values())


def _details(nodes: Sequence[Node]) -> Iterator[str]:
    first = nodes[0]
    if first.problem:
        yield f"! {first.problem}"
    if first.stands_in_for:
        yield f"! stands in for {first.stands_in_for}"
    if first.state != "gone":
        yield " · ".join(part for part in _facts(nodes) if part)
    for phrase in first.today:
        yield f"! today: {phrase}"
    if first.unwanted:
        yield f"! not asked for any more{': ' if len(nodes) == 1 else ', as '}{first.unwanted}"


def _facts(nodes: Sequence[Node]) -> Iterator[str]:
    first, is_one = nodes[0], len(nodes) == 1
    if is_one:
        yield first.folder.rpartition("/")[0] + "/" + first.folder.rpartition("/")[2][:_SHORT] + "…"
        yield f"content {first.content[:_SHORT]}…"
    yield first.made_by
    yield f"code {first.code_version}"
    yield _span(sorted({node.rendered_at for node in nodes}))
    yield f"{sum(node.render_s for node in nodes):.1f} s"
    cost = sum(node.cost_usd for node in nodes)
    yield dollars(cost) if cost else ""
    runs = sorted({node.run_id for node in nodes if node.run_id})
    yield f"run {runs[0][:8]}" if len(runs) == 1 else f"{len(runs)} runs" if runs else ""
    yield "; ".join(sorted({term for node in nodes for term in node.licence.split("; ") if term}))
    yield "an earlier version" if first.state == "earlier" else ""


def _span(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"


def _origin_rows(nodes: Sequence[Node], is_all: bool) -> list[str]:
    """The leaves of alike nodes: each once; of many of one kind and file the first few."""
    kinds: dict[tuple[str, str], list[Origin]] = {}
    for origin in dict.fromkeys(origin for node in nodes for origin in node.origins):
        kinds.setdefault((origin.kind, origin.file), []).append(origin)
    rows: list[str] = []
    for origins in kinds.values():
        shown = origins if is_all or len(origins) <= _LISTED else origins[: _LISTED - 1]
        rows += [origin.as_text() for origin in shown]
        if len(shown) < len(origins):
            rows.append(f"{origins[0].kind}  and {len(origins) - len(shown)} more in {origins[0].file or 'all'}")
    return rows


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def provider_origins(provider: Mapping[str, Any], names: Mapping[str, str] = MappingProxyType({})) -> list[Origin]:
    """The files that an engine works with, from its identity: every value that is a sha256 is one of them.

    `names` by sha256 are asked where the identity says no more than that it is a model.
    """
    found = []
    for key, value in provider.items():
        if not _is_sha256(value):
            continue
        name = key.removesuffix("_sha256")
        kind, _, rest = name.partition(" ")
        known = provider.get(name) if name != key else None
        said = rest if rest != "model" else ""
        found.append(Origin(f"{kind} file", str(known or said or names.get(value) or rest or name), sha256=value))
    return found
