"""What a message is asked for: a template, and whose name, which developer, which script go in.

People write requests in `messages/*.json`, `*.jsonl` and `*.csv` of the data root, with the keys template, name,
developer, script and id; all but the template may be left out where the template does not need them.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audio_assets.domain.listed_rows import csv_rows, unrepeated
from audio_assets.domain.scripts.reading import ScriptError, decode
from audio_assets.domain.stem_ids import KINDS, Kind, parse_stem_id, slug, stem_id
from audio_assets.domain.toml_tables import nearest

FOLDER = "messages"
SUFFIXES = (".json", ".jsonl", ".csv")
KEYS = ("template", *KINDS, "id")
_LONGEST_ID = 180
_PLAIN = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


class MessageError(ValueError):
    """A request can not be used; one sentence says where, what and what to do."""


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A message; `name`, `developer` and `script` are values (`José`) or stem ids, "" where there is none."""

    id: str
    template: str
    name: str = ""
    developer: str = ""
    script: str = ""
    is_copied: bool = False

    def value(self, kind: Kind) -> str:
        """What is asked for of a kind."""
        return {"name": self.name, "developer": self.developer, "script": self.script}[kind]

    def stem(self, kind: Kind) -> str:
        """The id of the stem of a kind, "" where the request names none.

        Raises:
            ValueError: what it names can be no stem.
        """
        return as_stem_id(kind, self.value(kind)) if self.value(kind) else ""

    def record(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def as_stem_id(kind: Kind, said: str) -> str:
    """The id that a value or a stem id means.

    Raises:
        ValueError: it is the id of another kind, or no value.
    """
    if not said.startswith("stem."):
        return stem_id(kind, said)
    found, _ = parse_stem_id(said)
    if found != kind:
        raise ValueError(f"{said} is a {found}, not a {kind}")
    return said


def message_request(values: Mapping[str, Any], said_in: str) -> MessageRequest:
    """A request from its keys.

    Raises:
        MessageError: an unknown key, no template, a value that is no text.
    """
    for key, value in values.items():
        if key not in KEYS:
            raise MessageError(f"{said_in}: the key '{key}' is not known; {nearest(key, KEYS) or ', '.join(KEYS)}")
        if value is not None and not isinstance(value, str):
            raise MessageError(f"{said_in}: {key} is {value!r}, no text; put it in quotes")
    said = {key: " ".join((values.get(key) or "").split()) for key in KEYS}
    template = said["template"].removesuffix(".json")
    if not template:
        raise MessageError(f'{said_in}: there is no template; write "template": "simple"')
    try:
        stems = [parse_stem_id(as_stem_id(kind, said[kind]))[1] for kind in KINDS if said[kind]]
        made = _short(_plain(said["id"]) if said["id"] else ".".join([_plain(template), *stems]))
    except ValueError as error:
        raise MessageError(f"{said_in}: {error}") from error
    return MessageRequest(made, template, said["name"], said["developer"], said["script"])


def read_requests(path: str, data: bytes) -> tuple[tuple[MessageRequest, ...], tuple[str, ...]]:
    """The requests in a file, and a sentence for each thing that can not be used."""
    requests: list[MessageRequest] = []
    problems: list[str] = []
    try:
        for said_in, values in _objects(path, decode(data, path), problems):
            try:
                requests.append(message_request(values, said_in))
            except MessageError as error:
                problems.append(str(error))
    except (ScriptError, MessageError) as error:
        problems.append(str(error))
    return tuple(requests), tuple(problems)


def _objects(path: str, text: str, problems: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.lower().endswith(".csv"):
        yield from _csv_rows(path, text, problems)
        return
    lines = text.split("\n") if path.lower().endswith(".jsonl") else [text]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path} line {number}" if len(lines) > 1 else path
        try:
            found = json.loads(line, object_pairs_hook=unrepeated)
        except (ValueError, RecursionError) as error:
            problems.append(f"{where} is not JSON: {error}")
            continue
        listed = found if isinstance(found, list) else [found]
        for n, one in enumerate(listed, start=1):
            entry = f"{where} entry {n}" if isinstance(found, list) else where
            if isinstance(one, dict):
                yield entry, one
            else:
                problems.append(f'{entry} is no object; write {{"template": "simple", "name": "José"}}')


def _csv_rows(path: str, text: str, problems: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = csv_rows(path, text, problems)
    names = [field.strip().lower() for field in next(rows, ("", []))[1]]
    if "template" not in names:
        raise MessageError(f"{path}: no column is called 'template'; begin the file with {','.join(KEYS)}")
    for where, fields in rows:
        yield where, dict(zip(names, fields, strict=True))


def _plain(said: str) -> str:
    """As it is written where it can stand in a file's name, else as a slug."""
    return said if _PLAIN.fullmatch(said) else slug(said)


def _short(made: str) -> str:
    if len(made) <= _LONGEST_ID:
        return made
    return f"{made[: _LONGEST_ID - 9].rstrip('-.')}-{hashlib.sha256(made.encode()).hexdigest()[:8]}"
