"""One page with the picture of a tree: boxes and lines as SVG, details under a click; no script, nothing from afar.

Every text is escaped by the template; the page works from a file and, with its own policy, from the artifact server.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from audio_assets.domain.fact_words import shown
from audio_assets.domain.lineage import Box, Lineage, Node, boxes, labelled, shortened
from audio_assets.domain.money_text import dollars

_PAGES = Path(__file__).resolve().parents[1] / "pages"
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _EDGE = 210, 42, 64, 14, 20
_LETTERS = 28
_COUNT = re.compile(r" \(\d+\)\Z")
_MOST = 120  # of alike objects, with all their details


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box is drawn, in pixels; `lines` are SVG paths to what it is made of."""

    box: Box
    x: int
    y: int
    width: int = _WIDTH
    height: int = _HEIGHT
    lines: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The asset, or the kind of an origin."""
        return shortened(self.box.title, _LETTERS)

    @property
    def label(self) -> str:
        """Partitions, or names; of many of them the count is always seen."""
        count = "".join(_COUNT.findall(self.box.label))
        return shortened(self.box.label.removesuffix(count), _LETTERS - len(count)) + count

    @property
    def look(self) -> str:
        """The class that colours it."""
        if not self.box.nodes:
            return "wrote"
        first = self.box.nodes[0]
        if first.state in ("gone", "damaged"):
            return "bad"
        return "today" if first.today else "earlier" if first.unwanted else first.state


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture: boxes with their lines, and its size in pixels."""

    places: tuple[Place, ...]
    width: int
    height: int


def explain_page(lineage: Lineage, *, has_links: bool = False, back: str = "") -> str:
    """The page of a tree; on the artifact server (`has_links`) objects link to their own pages."""
    found = boxes(lineage)
    root = lineage.nodes[lineage.root]
    return _template().render(
        title=f"{root.asset} {labelled([root])}",
        css=_css(),
        lineage=lineage,
        boxes=found,
        named={box.number: box for box in found},
        drawing=draw(found),
        facts=_facts,
        most=_MOST,
        links=has_links,
        back=back,
    )


def page_policy() -> str:
    """The content security policy of the page: its own style by hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; " \
           "frame-ancestors 'none'"  # fmt: skip


@lru_cache(maxsize=1)
def _css() -> str:
    return (_PAGES / "explain.css").read_text("utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("explain.html")


def _facts(node: Node) -> Iterator[tuple[str, str]]:
    """Everything there is to say of a node, by name."""
    yield "object", node.folder
    if node.state == "gone":
        return
    yield "state", {"current": "current", "earlier": "an earlier version", "damaged": "damaged"}[node.state]
    yield "content", f"sha256 {node.content}"
    yield "code version", node.code_version
    for name, value in node.provider.items():
        if name != "licence":
            yield f"provider: {name}", shown(value)
    yield "licence", node.licence or "none said"
    yield "cost", dollars(node.cost_usd)
    yield "rendered", f"{node.rendered_at}, in {node.render_s:.2f} s"
    yield "Dagster run", node.run_id or "none"
    for name, sha256 in node.files.items():
        yield f"file {name}", f"sha256 {sha256}"
    for name, value in node.params.items():
        yield f"asked: {name}", shortened(shown(value), 600)


# The picture


def draw(found: Sequence[Box]) -> Drawing:
    """Boxes in columns, each right of all that it goes into, alike to where those stand."""
    columns: dict[int, list[Box]] = {}
    layers = _layers(found)
    for box in found:
        columns.setdefault(layers[box.number], []).append(box)
    above: dict[int, list[int]] = {}
    for box in found:
        for number in box.below:
            above.setdefault(number, []).append(box.number)
    places: dict[int, Place] = {}
    for column in sorted(columns):

        def height_of(box: Box) -> float:
            seen = [places[number].y for number in above.get(box.number, ()) if number in places]
            return sum(seen) / len(seen) if seen else 0.0

        y = _EDGE
        for box in sorted(columns[column], key=height_of):
            y = max(y, int(height_of(box)) if len(columns[column]) == 1 else y)
            places[box.number] = Place(box, _EDGE + column * (_WIDTH + _GAP_X), y)
            y += _HEIGHT + _GAP_Y
    drawn = (
        replace(place, lines=tuple(_line(place, places[number]) for number in place.box.below))
        for place in places.values()
    )
    width = max(place.x for place in places.values()) + _WIDTH + _EDGE
    height = max(place.y for place in places.values()) + _HEIGHT + _EDGE
    return Drawing(tuple(drawn), width, height)


def _layers(found: Sequence[Box]) -> dict[int, int]:
    """The column of each box: the longest way to it from the first; a circle is cut where it closes."""
    below = {box.number: box.below for box in found}
    layers = {box.number: 0 for box in found}
    for box in _sorted(found):
        for number in below[box.number]:
            layers[number] = max(layers[number], layers[box.number] + 1)
    return layers


def _sorted(found: Sequence[Box]) -> list[Box]:
    """Each box before all below it."""
    by_number = {box.number: box for box in found}
    done: dict[int, None] = {}
    entered: set[int] = set()
    stack: list[tuple[int, bool]] = [(found[0].number, False)]
    while stack:
        number, is_left = stack.pop()
        if is_left:
            done[number] = None
        elif number not in entered:
            entered.add(number)
            stack.append((number, True))
            stack += [(one, False) for one in by_number[number].below if one not in entered]
    return [by_number[number] for number in reversed(done)]


def _line(start: Place, end: Place) -> str:
    x1, y1 = start.x + _WIDTH, start.y + _HEIGHT // 2
    x2, y2 = end.x, end.y + _HEIGHT // 2
    bend = max(30, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
