"""Registers scripts: files in, lasting line ids out, with a report of what each edit did.

Here: reading dropped files, matching them against what is registered, storing the result. Dagster's side of it
(partition sets, versions, the run that follows) is in `launch`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from audio_assets.books.dialogue import SCRIPTS
from audio_assets.domain.action import sha256_hex
from audio_assets.domain.lines import Line, ParsedScript, Problem, match_lines, match_translation, script_slug
from audio_assets.domain.schemas.records import RecordError
from audio_assets.domain.schemas.script import ScriptRecord
from audio_assets.domain.scripts.reading import MAX_SCRIPT_BYTES, SUFFIXES, ScriptError, parse_script
from resources.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A dropped file: `name` is its path below the folder it was dropped in, with `/`."""

    name: str
    data: bytes


@dataclass(frozen=True)
class ScriptReport:
    """What one file did to one script; the tuples hold line ids.

    Of a translation, `outdated` were translated from an earlier wording, `missing` are not translated.
    """

    source: str
    script: str
    lang: str
    n_lines: int
    unchanged: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass
class Registration:
    """What a registration did.

    `errors` are whole files that could not be read, one sentence each; `waiting` names the translations among them
    whose original is not registered yet.
    """

    scripts: list[ScriptReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "scripts": [asdict(report) for report in self.scripts],
            "problems": [asdict(problem) for problem in self.problems],
            "errors": self.errors,
        }


def find_files(
    arguments: Iterable[Path], *, inbox: Path, registered: Collection[str] = ()
) -> tuple[list[SourceFile], list[str]]:
    """Read the script files that are named, or lie below a named folder; and a sentence for each that can not be read.

    A file is named by its path below the inbox where it lies there; else as it was `registered` before, if its path
    ends so; else from its folder's own name on, so that `ingest the_question` gives `the_question/script.rpy`, or by
    its own name alone. A link that leads out of the inbox or the named folder is refused.
    """
    found: list[SourceFile] = []
    errors: list[str] = []
    for argument in arguments:
        try:
            paths = _script_paths(argument)
        except OSError as error:
            errors.append(f"{argument} can not be read: {error.strerror}")
            continue
        if not paths:
            errors.append(f"{argument} holds no script; scripts end in {', '.join(SUFFIXES)}")
        for path in paths:
            try:
                found.append(_read(path, argument, inbox.resolve(), registered))
            except OSError as error:
                errors.append(f"{path} can not be read: {error.strerror}")
            except ScriptError as error:
                errors.append(f"{path} {error}")
    return found, errors


def _script_paths(argument: Path) -> list[Path]:
    if not argument.is_dir():
        argument.stat()
        return [argument]
    return sorted(path for path in argument.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _read(path: Path, argument: Path, inbox: Path, registered: Collection[str]) -> SourceFile:
    named = path.parent.resolve() / path.name  # a link in the inbox is in the inbox, wherever it leads
    folder = argument if argument.is_dir() else argument.parent
    is_dropped = named.is_relative_to(inbox)
    allowed = inbox if is_dropped else folder.resolve()
    if not path.resolve().is_relative_to(allowed):
        raise ScriptError(f"is a link out of {allowed}; copy the file there instead")
    if path.stat().st_size > MAX_SCRIPT_BYTES:
        raise ScriptError(f"is larger than {MAX_SCRIPT_BYTES // 1_000_000} MB; split the script")
    name = named.relative_to(inbox).as_posix() if is_dropped else _name(path.resolve(), argument, registered)
    return SourceFile(name, path.read_bytes())


def _name(path: Path, argument: Path, registered: Collection[str]) -> str:
    known = [name for name in registered if path.as_posix().endswith(f"/{name}")]
    if known:
        return max(known, key=len)
    if argument.is_dir():
        return path.relative_to(argument.resolve().parent).as_posix()
    if len(path.parts) > 3 and path.parts[-3] == "tl":
        return "/".join(path.parts[-3:])
    return path.name


def register(
    store: ArtifactStore,
    files: Sequence[SourceFile],
    *,
    variables: Mapping[str, str],
    default_lang: str,
    voice_menu_choices: bool = False,
) -> Registration:
    """Register every file; originals before translations. A file that can not be read changes nothing."""
    done = Registration()

    def parse(file: SourceFile, characters: Mapping[str, str] | None = None) -> ParsedScript:
        return parse_script(
            file.data,
            file.name,
            variables=variables,
            voice_menu_choices=voice_menu_choices,
            default_lang=default_lang,
            characters=characters,
        )

    parsed: list[tuple[SourceFile, ParsedScript]] = []
    for file in files:
        try:
            parsed.append((file, parse(file)))
        except ScriptError as error:
            done.errors.append(str(error))
    defined = _characters(store, parsed)
    parsed = [(file, parse(file, defined[_game(file.name)])) for file, _ in parsed]
    owners: dict[str, str] = {}
    for file, script in sorted(parsed, key=lambda entry: entry[1].translates):
        slug = script_slug(file.name)
        if not script.translates and owners.setdefault(slug, file.name) != file.name:
            done.errors.append(f"{file.name} would be the same script '{slug}' as {owners[slug]}; rename one of them")
            continue
        try:
            previous = load_script(store, slug)
        except RecordError as error:
            done.errors.append(
                f"the record of script '{slug}' is damaged ({error}); delete {SCRIPTS}/{slug}.json, ingest again"
            )
            continue
        _register_one(store, slug, file, script, previous, default_lang, done)
    return done


def _game(name: str) -> str:
    """The folder that a file was dropped with: files of one game share their characters."""
    return name.partition("/")[0]


def _characters(
    store: ArtifactStore, parsed: Sequence[tuple[SourceFile, ParsedScript]]
) -> Mapping[str, dict[str, str]]:
    """The characters that any file of a game defines, registered before or now, by game."""
    found: dict[str, dict[str, str]] = {}
    for _, data in store.read_all(SCRIPTS):
        try:
            record = ScriptRecord.from_bytes(data)
        except RecordError:
            continue  # its own registration says so
        for source in record.sources:
            found.setdefault(_game(source), {}).update(record.characters)
    for file, script in parsed:
        found.setdefault(_game(file.name), {}).update(script.characters)
    return found


def load_script(store: ArtifactStore, slug: str) -> ScriptRecord | None:
    """The registered script, None where there is none.

    Raises:
        RecordError: its record is damaged.
    """
    data = store.read(f"{SCRIPTS}/{slug}.json")
    return None if data is None else ScriptRecord.from_bytes(data)


def _register_one(
    store: ArtifactStore,
    slug: str,
    file: SourceFile,
    parsed: ParsedScript,
    previous: ScriptRecord | None,
    default_lang: str,
    done: Registration,
) -> None:
    if parsed.translates and previous is None:
        done.waiting.append(file.name)
        done.errors.append(
            f"{file.name} translates the script '{slug}', which is not registered; ingest the original first"
        )
        return
    originals = [name for name in previous.sources if not _is_translation(name)] if previous else []
    if originals and not parsed.translates and file.name not in originals:
        done.errors.append(
            f"{file.name} would be the same script '{slug}' as {originals[0]}; rename it, or name it by that path"
        )
        return
    record = previous or ScriptRecord(slug, default_lang, (), (), {}, {}, {}, ())
    if parsed.translates:
        record, report, problems = _translated(record, file, parsed)
    else:
        record, report, problems = _edited(record, file, parsed)
    mine = [*parsed.problems, *problems]
    others = [problem for problem in record.problems if problem.path != file.name]
    record = replace(
        record,
        sources={**record.sources, file.name: sha256_hex(file.data)},
        problems=(*others, *mine),
    )
    if record != previous:
        store.write(f"{SCRIPTS}/{slug}.json", record.to_bytes())
    done.scripts.append(report)
    done.problems.extend(mine)


def _is_translation(name: str) -> bool:
    return "tl" in name.split("/")[:-2]


def _edited(
    record: ScriptRecord, file: SourceFile, parsed: ParsedScript
) -> tuple[ScriptRecord, ScriptReport, Sequence[Problem]]:
    matching = match_lines(record.lines, parsed.lines, retired=record.retired, path=file.name)
    report = ScriptReport(
        file.name,
        record.script,
        record.lang,
        len(matching.lines),
        matching.unchanged,
        matching.changed,
        matching.new,
        matching.returned,
        matching.retired,
        matching.moved,
    )
    edited = replace(
        record,
        lines=matching.lines,
        retired=matching.retired_lines,
        characters=parsed.characters,
    )
    return edited, report, matching.problems


def _translated(
    record: ScriptRecord, file: SourceFile, parsed: ParsedScript
) -> tuple[ScriptRecord, ScriptReport, Sequence[Problem]]:
    matching = match_translation(record.lines, parsed.lines, path=file.name)
    held = record.translations.get(parsed.language, ())
    current = {line.line_id for line in record.lines}
    before: Mapping[str, Line] = {line.line_id: line for line in held if line.line_id in current}
    now = {line.line_id: line for line in matching.lines}
    report = ScriptReport(
        file.name,
        record.script,
        parsed.language,
        len(now),
        unchanged=tuple(key for key, line in now.items() if key in before and before[key].text == line.text),
        changed=tuple(key for key, line in now.items() if key in before and before[key].text != line.text),
        new=tuple(key for key in now if key not in before),
        retired=tuple(key for key in before if key not in now),
        outdated=matching.outdated,
        missing=matching.missing,
    )
    retired = tuple(line for line in held if line.line_id not in current)  # they come back with their original
    translations = {**record.translations, parsed.language: (*matching.lines, *retired)}
    return replace(record, translations=translations), report, matching.problems
