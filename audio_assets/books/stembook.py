"""Today's stems and messages: data sets, stems asked for by hand, how they are spoken, templates and requests.

Here: reading the files, the lists of partitions, what each is to be. Not here: parsing (`domain`), rendering (the
stage), Dagster's side. Nothing in a file can cost the rest: what can not be used is a sentence in `problems`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import orjson

from audio_assets.books.dialogue import Dialogue
from audio_assets.domain import datasets, message_template
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.datasets import Dataset, DatasetError, StemEntry, collision, make_entry, read_dataset
from audio_assets.domain.line_request import LineRequest
from audio_assets.domain.lineage import Origin
from audio_assets.domain.lines import NARRATOR, Line
from audio_assets.domain.message_request import FOLDER as REQUESTS_FOLDER
from audio_assets.domain.message_request import SUFFIXES as REQUEST_SUFFIXES
from audio_assets.domain.message_request import MessageError, MessageRequest, read_requests
from audio_assets.domain.message_template import Template, TemplateError, TemplatePart, parse_template
from audio_assets.domain.rendering import NotWanted, PermanentError
from audio_assets.domain.schemas.records import RecordError, read_record
from audio_assets.domain.stem_ids import KINDS, PLURALS, PREFIX, Kind, parse_stem_id
from audio_assets.domain.stem_settings import FILE as SETTINGS
from audio_assets.domain.stem_settings import StemVoice, TomlError, parse_stem_settings
from audio_assets.domain.toml_tables import nearest
from resources.store import ArtifactStore

STEM_REQUESTS, MESSAGE_REQUESTS = "stem_requests", "message_requests"
"""Folders of the store with what commands asked for: `<id>.json`."""
STEM_SCHEMA, MESSAGE_SCHEMA = "stem_request.1", "message_request.1"
PROJECT = "stems"
"""What the costs of stems count for."""

_MOST_BYTES = 20_000_000


class StemBook:
    """A snapshot: what it has read once it keeps, so make a new one for each run, plan or tick."""

    def __init__(self, dialogue: Dialogue, store: ArtifactStore, root: Path, workflows: Path, language: str) -> None:
        self.store = store
        self.root = root
        self._dialogue = dialogue
        self._workflows = workflows
        self._language = language
        self._requests: dict[str, LineRequest] = {}
        self._versions: dict[str, str] = {}
        self._parts: dict[str, list[tuple[str, TemplatePart]]] = {}
        self._templates: dict[str, Template | TemplateError] = {}

    # data sets

    @cached_property
    def datasets(self) -> Mapping[Kind, Dataset]:
        """What is in `datasets/` of the data root, by kind."""
        return {kind: self._dataset(kind) for kind in KINDS}

    def _dataset(self, kind: Kind) -> Dataset:
        paths = [self.root / datasets.FOLDER / f"{PLURALS[kind]}{suffix}" for suffix in datasets.SUFFIXES]
        files, problems = _read(self.root, paths)
        found = read_dataset(kind, files)
        return Dataset(kind, found.entries, (*problems, *found.problems))

    @cached_property
    def _asked(self) -> tuple[Mapping[str, StemEntry], tuple[str, ...]]:
        """Stems that commands asked for and no data set has, and what is wrong with the others."""
        found: dict[str, StemEntry] = {}
        problems: list[str] = []
        listed = {entry.id: entry for one in self.datasets.values() for entry in one.entries}
        for name, data in sorted(self.store.read_all(STEM_REQUESTS)):
            where = f"{STEM_REQUESTS}/{name}.json"
            try:
                record = read_record(data, STEM_SCHEMA)
                entry = make_entry(parse_stem_id(name)[0], record["value"], record["text"], where)
            except (RecordError, DatasetError, ValueError, KeyError) as error:
                problems.append(f"{where} can not be used ({error}); ask for the stem again")
                continue
            clash = collision(listed.get(entry.id), entry) if entry.text != entry.value else ""
            problems += [clash] if clash else []
            if entry.id not in listed:
                found[entry.id] = entry
        return found, tuple(problems)

    @cached_property
    def entries(self) -> Mapping[str, StemEntry]:
        """Every stem that there should be, by id: those of the data sets, then those asked for by commands."""
        listed = {entry.id: entry for kind in KINDS for entry in self.datasets[kind].entries}
        return {**listed, **self._asked[0]}

    @property
    def asked(self) -> Mapping[str, StemEntry]:
        """The stems that only a command asked for."""
        return self._asked[0]

    def of_kind(self, kind: Kind) -> list[str]:
        """The ids of a kind, in the order of the data set."""
        return [found for found in self.entries if parse_stem_id(found)[0] == kind]

    def entry(self, stem: str) -> StemEntry:
        """One stem.

        Raises:
            PermanentError: there is none of that id.
        """
        found = self.entries.get(stem)
        if found is None:
            slip = nearest(stem, list(self.entries))
            raise PermanentError(
                f"there is no {stem}; {slip or 'add it to a data set'}, or ask for it with `audio-assets stem generate`"
            )
        return found

    def ask_for(self, kind: Kind, value: str, text: str = "") -> str:
        """Let there be a stem of a value, which the data sets need not have; its id comes back.

        Raises:
            DatasetError: the value can be no stem.
        """
        entry = make_entry(kind, value, text, "the command")
        known = self.entries.get(entry.id)
        if known is None:
            record = {"schema": STEM_SCHEMA, "id": entry.id, "value": entry.value, "text": entry.text}
            self.store.write(f"{STEM_REQUESTS}/{entry.id}.json", orjson.dumps(record))
        elif text and known.text != entry.text:
            raise DatasetError(
                f"{known.value!r} ({known.said_in}) is {entry.id} already, and is spoken as {known.text!r}"
            )
        return entry.id

    # how they are spoken

    @cached_property
    def voices(self) -> Mapping[Kind, StemVoice]:
        """`stems.toml` of the data root; the narrator says everything where there is none.

        Raises:
            PermanentError: it can not be read; the message says where.
        """
        path = self.root / SETTINGS
        try:
            data = path.read_bytes() if path.exists() else b""
            return parse_stem_settings(data, SETTINGS, self._language)
        except TomlError as error:
            raise PermanentError(str(error)) from error
        except OSError as error:
            raise PermanentError(f"{SETTINGS} can not be read ({error.strerror})") from error

    @cached_property
    def _unspeakable(self) -> tuple[str, ...]:
        """Mistakes of `stems.toml` and of the cast, each once, also where there is no stem of the kind yet."""
        found: list[str] = []
        try:
            voices = self.voices
        except PermanentError as error:
            return (str(error),)
        for kind, voice in voices.items():
            try:
                request = self._spoken_by(kind, f"{PREFIX}{kind}", voice.words(kind))
            except PermanentError as error:
                found.append(str(error))
                continue
            if request.stand_in and voice.character != NARRATOR:
                found.append(
                    f"{SETTINGS}: [{kind}] character '{voice.character}' has no voice of its own in cast.toml, so "
                    f"{request.stand_in} speaks; name one that has"
                )
        return tuple(dict.fromkeys(found))

    def _spoken_by(self, kind: Kind, stem: str, words: str) -> LineRequest:
        voice = self.voices[kind]
        line = Line(kind, voice.character, words, voice.lang, "", 0, "dialogue", 1, (), line_id=stem)
        return self._dialogue.resolve(stem, line, voice.lang)

    def request(self, stem: str) -> LineRequest:
        """What to speak for a stem, by whom.

        Raises:
            PermanentError: there is no such stem, or cast, lexicon or `stems.toml` can not serve it.
        """
        if stem not in self._requests:
            entry = self.entry(stem)
            kind, _ = parse_stem_id(stem)
            self._requests[stem] = self._spoken_by(kind, stem, self.voices[kind].words(entry.text))
        return self._requests[stem]

    def stem_origins(self, stem: str) -> Iterator[Origin]:
        """Where a stem is listed, how its kind is spoken, and what cast and lexicon say of it."""
        entry, request = self.entry(stem), self.request(stem)
        file, _, line = entry.said_in.rpartition(" line ")
        yield Origin("data set entry", entry.value, file or entry.said_in, int(line) if line.isdigit() and file else 0,
                     said=request.speech.text)  # fmt: skip
        kind, _ = parse_stem_id(stem)
        path = self.root / SETTINGS
        if path.is_file():
            voice = self.voices[kind]
            yield Origin("stem settings", f"[{kind}]", SETTINGS, sha256=sha256_hex(path.read_bytes()),
                         said=f"{voice.character}, {voice.lang}, {voice.pattern}")  # fmt: skip
        voice = self.voices[kind]
        line_of = Line(kind, voice.character, "", voice.lang, "", 0, "dialogue", 1, (), line_id=stem)
        yield from self._dialogue.voice_origins(request, line_of)

    def message_origins(self, partition: str) -> Iterator[Origin]:
        """The request of a message and its template."""
        request = self.message(partition)
        asked = ", ".join(value for value in (request.name, request.developer, request.script) if value)
        yield Origin("message request", partition, said=f"{request.template}: {asked}")
        for folder in self._template_folders:
            path = folder / f"{request.template}.json"
            if path.is_file():
                file = f"{message_template.FOLDER}/{path.name}"
                yield Origin("message template", request.template, file, sha256=sha256_hex(path.read_bytes()))
                return

    def stem_version(self, stem: str) -> str:
        """Over all that is heard of a stem; one that can not be resolved has the version of its error."""
        if stem not in self._versions:
            try:
                entry = self.entry(stem)
                self._versions[stem] = sha256_hex(canonical([entry.value, self.request(stem).version]))
            except PermanentError as error:
                return sha256_hex(str(error).encode())
        return self._versions[stem]

    # templates

    def template_names(self) -> list[str]:
        """Every template there is."""
        return sorted({path.stem for folder in self._template_folders for path in folder.glob("*.json")})

    @property
    def broken_templates(self) -> Mapping[str, str]:
        """Those that can not be used, with what is wrong."""
        found = {name: self._templates.setdefault(name, self._read_template(name)) for name in self.template_names()}
        return {name: str(one) for name, one in found.items() if isinstance(one, TemplateError)}

    @property
    def _template_folders(self) -> tuple[Path, Path]:
        return self.root / message_template.OWN_FOLDER, self._workflows / message_template.FOLDER

    def template(self, name: str) -> Template:
        """One template; the studio's own hides a shipped one of its name.

        Raises:
            PermanentError: there is none of that name, or it can not be read.
        """
        if name not in self._templates:
            self._templates[name] = self._read_template(name)
        found = self._templates[name]
        if isinstance(found, TemplateError):
            raise PermanentError(str(found)) from found
        return found

    def _read_template(self, name: str) -> Template | TemplateError:
        known = self.template_names()
        if name not in known:
            slip = nearest(name, known) or f"there are {', '.join(known)}"
            return TemplateError(f"there is no message template '{name}'; {slip}")
        path = next(path for folder in self._template_folders if (path := folder / f"{name}.json").is_file())
        try:
            return parse_template(path.read_bytes(), str(path), name)
        except OSError as error:
            return TemplateError(f"{path} can not be read ({error.strerror})")
        except TemplateError as error:
            return error

    # messages

    @cached_property
    def _messages(self) -> tuple[Mapping[str, MessageRequest], tuple[str, ...]]:
        found: dict[str, MessageRequest] = {}
        folder = self.root / REQUESTS_FOLDER
        paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in REQUEST_SUFFIXES)
        files, problems = _read(self.root, paths)
        for path, data in files:
            requests, more = read_requests(path, data)
            problems += more
            for request in requests:
                known = found.setdefault(request.id, request)
                if known != request:
                    problems.append(f"{path}: the message {request.id} is asked for twice, differently; keep one")
        for name, data in sorted(self.store.read_all(MESSAGE_REQUESTS)):
            try:
                kept = MessageRequest(**read_record(data, MESSAGE_SCHEMA)["request"])
                found[name] = replace(found[name], is_copied=kept.is_copied) if name in found else kept
            except (RecordError, KeyError, TypeError) as error:
                problems.append(f"{MESSAGE_REQUESTS}/{name}.json can not be used ({error}); ask for the message again")
        return found, tuple(problems)

    @property
    def messages(self) -> Mapping[str, MessageRequest]:
        """Every message that there should be, by id: those of `messages/`, then those asked for by commands."""
        return self._messages[0]

    @property
    def problems(self) -> tuple[str, ...]:
        """What can not be used of settings, data sets and requests, one sentence each."""
        lists = (text for one in self.datasets.values() for text in one.problems)
        return (*lists, *self._asked[1], *self._messages[1], *self._unspeakable)

    def keep(self, request: MessageRequest) -> None:
        """Let there be a message that a command asks for."""
        record = {"schema": MESSAGE_SCHEMA, "request": request.record()}
        self.store.write(f"{MESSAGE_REQUESTS}/{request.id}.json", orjson.dumps(record))

    def message(self, partition: str) -> MessageRequest:
        """One message.

        Raises:
            NotWanted: nobody asks for it.
        """
        found = self.messages.get(partition)
        if found is None:
            raise NotWanted(f"{partition} is no message that is asked for (retired, or never was)")
        return found

    def parts(self, partition: str) -> list[tuple[str, TemplatePart]]:
        """(stem id, part) of a message, in order.

        Raises:
            PermanentError: no such template, or a stem that it needs is not named or not there.
        """
        if partition not in self._parts:
            self._parts[partition] = self._resolved(partition)
        return self._parts[partition]

    def _resolved(self, partition: str) -> list[tuple[str, TemplatePart]]:
        request = self.message(partition)
        template = self.template(request.template)
        try:
            stems = {kind: request.stem(kind) for kind in KINDS}
        except (ValueError, MessageError) as error:
            raise PermanentError(f"the message {partition}: {error}") from error
        for kind in template.kinds:
            if not stems[kind]:
                raise PermanentError(f"the message {partition} names no {kind}, which the template {template.name} has")
        named: Mapping[str, str] = {str(kind): stem for kind, stem in stems.items()}
        found = [(named.get(part.stem, part.stem), part) for part in template.parts]
        for stem, _ in found:
            self.entry(stem)
        return found

    def message_version(self, partition: str) -> str:
        """Over template and stems with their versions; what can not be resolved has the version of its error."""
        try:
            stems = [self.stem_version(stem) for stem, _ in self.parts(partition)]
            template = self.template(self.message(partition).template)
            return sha256_hex(canonical([template.record(), stems]))
        except PermanentError as error:
            return sha256_hex(str(error).encode())


def _read(root: Path, paths: list[Path]) -> tuple[list[tuple[str, bytes]], list[str]]:
    """(path below the root, bytes) of each file that is there, and a sentence for each that can not be read."""
    files: list[tuple[str, bytes]] = []
    problems: list[str] = []
    for path in paths:
        name = str(path.relative_to(root))
        try:
            if not path.exists():
                if path.is_symlink():
                    problems.append(f"{name} is a link to nothing; put the file there")
                continue
            if not path.resolve().is_relative_to(root.resolve()):
                problems.append(f"{name} is a link out of the data root; copy the file there instead")
            elif not path.is_file():
                problems.append(f"{name} is no file; put a file of that name there")
            elif path.stat().st_size > _MOST_BYTES:
                problems.append(f"{name} is larger than {_MOST_BYTES // 1_000_000} MB; divide it")
            else:
                files.append((name, path.read_bytes()))
        except OSError as error:
            problems.append(f"{name} can not be read ({error.strerror})")
    return files, problems
