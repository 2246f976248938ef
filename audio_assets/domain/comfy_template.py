"""A ComfyUI workflow as a template: a graph in API format, the bindings beside it, and the graph filled for one order.

Here: reading and checking both files against each other, and filling. What the bindings may say is
`comfy_bindings.py`; whether a server has the nodes is `comfy_nodes.py`; who sends it is `resources/vendors/comfyui.py`.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.comfy_bindings import Bindings, Place, parse_bindings
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.toml_tables import TomlError, nearest

Graph = Mapping[str, Mapping[str, Any]]
"""Node id -> {class_type, inputs, _meta?}; an input is a value, or the link [node id, output number]."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""What a template may be called: its name is that of its two files."""

_SAID = {
    "reference_image": "a reference image", "parent": "a clip to begin with", "source": "a source track",
    "video": "a clip", "audio": "a voice",
}  # fmt: skip
_EXPORT = "in ComfyUI choose Workflow, then Export (API), and put that file in its place"


class TemplateError(PermanentError):
    """A template can not be used; the message is one sentence: which file, what, what to do."""


@dataclass(frozen=True)
class Template:
    """A workflow and its bindings, which fit each other."""

    name: str
    graph: Graph
    bindings: Bindings

    @cached_property
    def sha256(self) -> str:
        """Over all of both files that decides what is made: not the words for people, the layout or the voices."""
        graph = {
            node: {key: part for key, part in entry.items() if key != "_meta"} for node, entry in self.graph.items()
        }
        return sha256_hex(canonical({"graph": graph, "bindings": self.bindings.content}))

    def identity(self) -> dict[str, str]:
        """What stands for the template in a key."""
        return {"workflow": self.name, "workflow_sha256": self.sha256, "licence": self.bindings.licence}

    def called(self, node: str, kind: str = "") -> str:
        """A node as messages name it: its number, its title where it has one, its class (or `kind`, if unknown)."""
        entry = self.graph.get(node, {})
        title = str(entry.get("_meta", {}).get("title", ""))
        kind = str(entry.get("class_type") or kind or "not in the workflow")
        return f'node {node} "{title}" ({kind})' if title and title != kind else f"node {node} ({kind})"

    def takes(self, offered: Mapping[str, Any]) -> dict[str, Any]:
        """What of the offered values the workflow has a place for; None is not known, and is left out."""
        return {name: item for name, item in offered.items() if item is not None and name in self.bindings.inputs}

    def check_files(self, files: Mapping[str, Any] | frozenset[str] | set[str]) -> None:
        """Refuse an order whose files are not those that the workflow loads.

        Raises:
            PermanentError: one is missing, or would have no place.
        """
        for name in self.bindings.files:
            if name not in files and name not in self.bindings.optional:
                raise PermanentError(f"the workflow {self.name} begins with {_SAID[name]}, and there is none")
        for name in files:
            if name not in self.bindings.files:
                raise PermanentError(f"the workflow {self.name} has no place for {_SAID.get(name, name)}")

    def filled(self, values: Mapping[str, Any], uploads: Mapping[str, str], *, voice: str = "") -> dict[str, Any]:
        """The graph for one order: `values` by input, `uploads` are names on the server by file.

        The node of an optional file that does not come is taken out, with every link to it.
        """
        graph: dict[str, Any] = copy.deepcopy({node: dict(entry) for node, entry in self.graph.items()})
        settings = [(place, item) for name, item in values.items() for place in self.bindings.inputs.get(name, ())]
        settings += [(place, item) for name, item in uploads.items() for place in self.bindings.files.get(name, ())]
        settings += list(self.bindings.voices.get(voice, {}).items())
        for place, item in settings:
            graph[place.node]["inputs"][place.input] = item
        for name in self.bindings.optional:
            if name not in uploads:
                _take_out({place.node for place in self.bindings.files[name]}, graph)
        return graph


def parse_template(name: str, workflow: bytes, bindings: bytes, *, folder: str = "") -> Template:
    """Read `<name>.json` and `<name>.toml`; `folder`, with its slash, is where messages say that they are.

    Raises:
        TemplateError: the first mistake.
    """
    if not NAME.fullmatch(name):
        raise TemplateError(f"{name!r} is no name of a workflow: use letters, digits, '.', '_' and '-'")
    try:
        found = parse_bindings(bindings, f"{folder}{name}.toml")
    except TomlError as error:
        raise TemplateError(str(error)) from error
    template = Template(name, _graph(workflow, f"{folder}{name}.json"), found)
    _check_bindings(template, f"{folder}{name}.toml")
    return template


def links(entry: Mapping[str, Any]) -> dict[str, str]:
    """Input -> node that it is linked to, of one node."""
    return {name: str(item[0]) for name, item in entry["inputs"].items() if _is_link(item)}


def _is_link(item: object) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and type(item[1]) is int


def _take_out(nodes: set[str], graph: dict[str, Any]) -> None:
    for node in nodes:
        graph.pop(node, None)
    for entry in graph.values():
        for name, other in links(entry).items():
            if other in nodes:
                del entry["inputs"][name]


def _graph(data: bytes, path: str) -> Graph:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise TemplateError(f"{path} is not JSON ({error}): export the workflow again") from error
    if isinstance(found, dict) and ("nodes" in found or "links" in found):
        raise TemplateError(f"{path} is a workflow in ComfyUI's own format, which its server does not run: {_EXPORT}")
    if not isinstance(found, dict) or not found:
        raise TemplateError(f"{path} holds no nodes: {_EXPORT}")
    for node, entry in found.items():
        is_node = isinstance(entry, dict) and isinstance(entry.get("class_type"), str)
        if not is_node or not isinstance(entry.get("inputs"), dict) or not isinstance(entry.get("_meta", {}), dict):
            raise TemplateError(f'{path}: "{node}" is no node with class_type and inputs: {_EXPORT}')
    for node, entry in found.items():
        for name, other in links(entry).items():
            if other not in found:
                said = f"the input {name} of node {node} ({entry['class_type']}) is linked to node {other}"
                raise TemplateError(f"{path}: {said}, which is not there: export the workflow again")
    return found


def _check_bindings(template: Template, path: str) -> None:
    bindings, graph = template.bindings, template.graph
    bound = [(name, place, key) for key, entries in (("inputs", bindings.inputs), ("files", bindings.files))
             for name, places in entries.items() for place in places]  # fmt: skip
    bound += [(name, place, "voices") for name, sets in bindings.voices.items() for place in sets]
    for name, place, key in bound:
        _check_place(template, name, place, f"{path}: [{key}]")
    if bindings.output not in graph:
        raise TemplateError(f"{path}: [output] node is {bindings.output}, which the workflow does not have"
                            f"{_maybe(bindings.output, graph)}")  # fmt: skip


def _check_place(template: Template, name: str, place: Place, where: str) -> None:
    entry = template.graph.get(place.node)
    if entry is None:
        raise TemplateError(f'{where} {name} is bound to "{place}", and the workflow has no node {place.node}'
                            f"{_maybe(place.node, template.graph)}")  # fmt: skip
    if place.input not in entry["inputs"]:
        said = f"{template.called(place.node)} has no input {place.input}"
        known = ", ".join(entry["inputs"]) or "none"
        raise TemplateError(f'{where} {name} is bound to "{place}", and {said}: '
                            f"{nearest(place.input, entry['inputs']) or f'it has {known}'}")  # fmt: skip
    if other := links(entry).get(place.input):
        raise TemplateError(f'{where} {name} is bound to "{place}", which {template.called(other)} feeds: '
                            "bind an input of that node, or export the workflow without that link")  # fmt: skip


def _maybe(node: str, graph: Graph) -> str:
    return f": {nearest(node, graph) or 'its nodes are ' + ', '.join(list(graph)[:12])}"
