"""What a ComfyUI server says of its nodes (`/object_info`), held against a workflow before it is ordered.

The server checks a workflow too, but only after files were sent to it, and says nothing of an input that it does not
know. What is unclear here is let through: the server's own word is the last.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from audio_assets.domain.comfy_template import Template, links

Definitions = Mapping[str, Mapping[str, Any] | None]
"""Class of node -> what the server says of it; None for one that it does not have."""

_MOST_SHOWN = 6
_EXPORT = "export the workflow again"
_REMEDY = f"{_EXPORT}, or do not list its file as optional"


def classes(template: Template) -> list[str]:
    """Every class of node in the workflow, once."""
    return sorted({entry["class_type"] for entry in template.graph.values()})


def problem(template: Template, graph: Mapping[str, Any], definitions: Definitions) -> str:
    """The first thing that would keep the filled graph from running there, in one sentence; "" where nothing would."""
    return next(_problems(template, graph, definitions), "")


def _problems(template: Template, graph: Mapping[str, Any], definitions: Definitions) -> Iterator[str]:
    for node, entry in graph.items():
        if definitions.get(entry["class_type"]) is None:
            needs = template.bindings.needs
            said = f"{template.called(node)} is of a kind that the server does not have"
            yield f"{said}; the workflow needs {needs}" if needs else f"{said}: install the custom nodes that bring it"
    files = {(place.node, place.input) for places in template.bindings.files.values() for place in places}
    for node, entry in graph.items():
        definition = definitions.get(entry["class_type"]) or {}
        called = template.called(node)
        if definition.get("api_node"):
            yield f"{called} buys from somebody else over an account at Comfy, which could not be accounted for here"
        for name, spec in _inputs(definition, "required").items():
            if not _is_there(name, spec, entry["inputs"]):
                yield f"{called} lacks its input {name}: {_REMEDY if template.bindings.optional else _EXPORT}"
            elif (node, name) not in files and name in entry["inputs"] and name not in links(entry):
                yield from _of_value(f"{called}: its input {name}", entry["inputs"][name], spec)
        for name, spec in _inputs(definition, "optional").items():
            if name in entry["inputs"] and (node, name) not in files and name not in links(entry):
                yield from _of_value(f"{called}: its input {name}", entry["inputs"][name], spec)
    yield from _of_bindings(template, graph, definitions)


def _of_bindings(template: Template, graph: Mapping[str, Any], definitions: Definitions) -> Iterator[str]:
    """A bound input that the node does not have any more would be ignored; an output that saves nothing brings none."""
    bound = (*template.bindings.inputs.values(), *template.bindings.files.values())
    for place in (place for places in bound for place in places if place.node in graph):
        definition = definitions.get(graph[place.node]["class_type"]) or {}
        known = {**_inputs(definition, "required"), **_inputs(definition, "optional")}
        is_open = not known or any(_kind(spec).startswith("COMFY_") for spec in known.values())
        if not is_open and place.input not in known:
            yield f"{template.called(place.node)} has no input {place.input} on the server: {_EXPORT}"
    node = template.bindings.output
    definition = definitions.get(graph[node]["class_type"]) or {}
    if definition.get("output_node") is False:
        yield f"{template.called(node)} is bound as the output, and saves nothing: bind a node that saves a file"


def _inputs(definition: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    found = (definition.get("input") or {}).get(part)
    return found if isinstance(found, dict) else {}


def _is_there(name: str, spec: object, inputs: Mapping[str, Any]) -> bool:
    """A group of inputs (`COMFY_...`) is written `name.member`, and may have none."""
    return name in inputs or _kind(spec).startswith("COMFY_")


def _kind(spec: object) -> str:
    return spec[0] if isinstance(spec, list) and spec and isinstance(spec[0], str) else ""


def _of_value(what: str, item: object, spec: object) -> Iterator[str]:
    """`spec` is ["INT", {min, max}], ["COMBO", {options}] or, as of older nodes, [[options], {}]."""
    if not isinstance(spec, list) or not spec:
        return
    options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    if _kind(spec) in ("INT", "FLOAT") and isinstance(item, int | float):
        low, high = options.get("min"), options.get("max")
        if isinstance(low, int | float) and item < low:
            yield f"{what} is {item}, and has to be {low} at least"
        if isinstance(high, int | float) and item > high:
            yield f"{what} is {item}, and may be {high} at most"
    choice = spec[0] if isinstance(spec[0], list) else options.get("options") if spec[0] == "COMBO" else None
    if isinstance(choice, list) and _is_closed(item, options) and str(item) not in map(str, choice):
        shown = ", ".join(map(str, choice[:_MOST_SHOWN])) or "none"
        more = f" and {len(choice) - _MOST_SHOWN} more" if len(choice) > _MOST_SHOWN else ""
        yield f"{what} is {item!r}, which the server does not have; it has {shown}{more}"


def _is_closed(item: object, options: Mapping[str, Any]) -> bool:
    """Whether the list says all: files may lie in folders that it does not show, and some lists are made elsewhere."""
    is_file = any(key.endswith("_upload") and used for key, used in options.items()) or "upload" in options
    is_elsewhere = "remote" in options or bool(options.get("multiselect"))
    return isinstance(item, str | int | float) and not is_file and not is_elsewhere and "/" not in str(item)
