"""Today's dialogue: registered scripts, cast and lexicon together, and what that asks of every partition.

Here: reading and registering scripts, the lists of partitions, the request of a line, the cues of a mix. Not here:
parsing and matching (`domain`), rendering (the stages), Dagster's side of a registration (`registration`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.cast import Cast, CastEntry, CastError, parse_cast
from audio_assets.domain.dialogue_mix import DialogueMix, parse_dialogue_mix
from audio_assets.domain.lexicon import Lexicon, LexiconError, parse_lexicon
from audio_assets.domain.line_request import LineRequest, request_line
from audio_assets.domain.lineage import Origin
from audio_assets.domain.lines import NARRATOR, Line, partition_key, script_slug
from audio_assets.domain.mix_spec import MixSpec, MixSpecError, parse_mix_spec
from audio_assets.domain.rendering import NotWanted, PermanentError
from audio_assets.domain.schemas.records import RecordError, read_record
from audio_assets.domain.schemas.script import ScriptRecord
from audio_assets.domain.scripts.renpy import language_tag
from resources.store import ArtifactStore

SCRIPTS, MIX_SPECS = "scripts", "mix_specs"
MIX_SPEC_SCHEMA = "mix_spec.1"
CAST, LEXICON, MIX = "cast.toml", "lexicon.toml", "mix.toml"

KnownVoices = Mapping[str, Collection[str]]
Setting = TypeVar("Setting")


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of one script in one language."""

    script: str
    lang: str
    line: Line


@dataclass(frozen=True, slots=True)
class CueSheet:
    """The lines of one label in order: what the mix of that label holds."""

    partition: str
    script: str
    label: str
    lang: str
    lines: tuple[str, ...]


class Dialogue:
    """A snapshot: what it has read once it keeps, so make a new one for each run, plan or tick."""

    def __init__(
        self,
        store: ArtifactStore,
        root: Path,
        known_voices: KnownVoices,
        *,
        default_engine: str = "kokoro",
        fallback: str = "",
    ) -> None:
        self.store = store
        self.root = root
        self._known_voices = known_voices
        self._default_engine = default_engine
        self._fallback = fallback
        self._requests: dict[str, LineRequest] = {}
        self._versions: dict[str, str] = {}
        self._sha256s: dict[str, str] = {}
        self._original_lines: dict[str, Collection[tuple[str, str]]] = {}
        self._entries: dict[tuple[str, str, str], CastEntry] = {}

    # settings of the studio, files that people edit

    @cached_property
    def cast(self) -> Cast:
        """`cast.toml` of the data root; the narrator alone where there is none.

        Raises:
            CastError: it can not be read; the message says where.
        """
        parse = partial(parse_cast, default_engine=self._default_engine, default_fallback=self._fallback)
        return self._setting(CAST, parse, CastError)

    @cached_property
    def lexicon(self) -> Lexicon:
        """`lexicon.toml` of the data root; empty where there is none.

        Raises:
            LexiconError: it can not be read; the message says where.
        """
        return self._setting(LEXICON, parse_lexicon, LexiconError)

    @cached_property
    def mix(self) -> DialogueMix:
        """`mix.toml` of the data root: pauses, beds, ducking, loudness.

        Raises:
            PermanentError: it can not be read; the message says where.
        """
        try:
            return self._setting(MIX, parse_dialogue_mix, MixSpecError)
        except MixSpecError as error:
            raise PermanentError(str(error)) from error

    def _setting(self, name: str, parse: Callable[[bytes, str], Setting], error: type[ValueError]) -> Setting:
        path = self.root / name
        try:
            data = path.read_bytes()
            self._sha256s[name] = sha256_hex(data)
            return parse(data, str(path))
        except FileNotFoundError:
            return parse(b"", str(path))
        except OSError as cause:
            raise error(f"{path} can not be read ({cause.strerror}); check that it is a file you may read") from cause

    # scripts

    @cached_property
    def scripts(self) -> Mapping[str, ScriptRecord]:
        """Every registered script by name, sorted.

        Raises:
            RecordError: a record is damaged; the message names it.
        """
        found: dict[str, ScriptRecord] = {}
        for name, data in sorted(self.store.read_all(SCRIPTS)):
            try:
                found[name] = ScriptRecord.from_bytes(data)
            except RecordError as error:
                raise RecordError(f"{SCRIPTS}/{name}.json: {error}; ingest the script again") from error
        return found

    @cached_property
    def cues(self) -> dict[str, Cue]:
        """Every line partition, in the order of scripts, languages and lines."""
        found: dict[str, Cue] = {}
        for name, record in self.scripts.items():
            for lang, lines in record.by_language():
                for line in lines:
                    found[partition_key(name, line.line_id, lang)] = Cue(name, lang, line)
        return found

    def add(self, partition: str, cue: Cue) -> None:
        """Let this snapshot know one more line, that is in no script."""
        self.cues[partition] = cue

    @cached_property
    def sheets(self) -> Mapping[str, CueSheet]:
        """Every mix partition that a script's labels give."""
        members: dict[str, list[tuple[Cue, str]]] = {}
        mixes: dict[tuple[str, str, str], str] = {}  # a label has many lines
        for key, cue in self.cues.items():
            place = (cue.script, cue.line.label, cue.lang)
            if place not in mixes:
                mixes[place] = partition_key(cue.script, script_slug(cue.line.label), cue.lang)
            members.setdefault(mixes[place], []).append((cue, key))
        return {
            mix: CueSheet(mix, cues[0][0].script, cues[0][0].line.label, cues[0][0].lang, tuple(key for _, key in cues))
            for mix, cues in members.items()
        }

    @cached_property
    def mix_specs(self) -> Mapping[str, bytes]:
        """The stored specification of every mix that came as one, by partition."""
        return {mix_spec_partition(name): data for name, data in sorted(self.store.read_all(MIX_SPECS))}

    def mix_spec(self, partition: str) -> MixSpec | None:
        """The specification of a mix partition, None for a label's mix.

        Raises:
            PermanentError: its record is damaged.
        """
        data = self.mix_specs.get(partition)
        if data is None:
            return None
        try:
            return parse_mix_spec(read_record(data, MIX_SPEC_SCHEMA)["spec"], partition)
        except (RecordError, MixSpecError, KeyError) as error:
            raise PermanentError(f"{error}; give the specification to `audio-assets mix` again") from error

    def request(self, partition: str) -> LineRequest:
        """What to render for a line partition.

        Raises:
            NotWanted: no such line.
            PermanentError: cast or lexicon can not serve it.
        """
        known = self._requests.get(partition)
        if known is not None:
            return known
        cue = self.cues.get(partition)
        if cue is None:
            raise NotWanted(f"{partition} is no line of a registered script (retired, or never ingested)")
        request = self.resolve(partition, cue.line, cue.lang)
        self._requests[partition] = request
        return request

    def resolve(self, partition: str, line: Line, lang: str) -> LineRequest:
        """What to render for any line, in a script or not, as cast and lexicon say.

        Raises:
            PermanentError: cast or lexicon can not serve it.
        """
        try:
            return request_line(partition, line, lang, self._entry(line, lang), self.lexicon)
        except (CastError, LexiconError) as error:
            raise PermanentError(str(error)) from error

    def _entry(self, line: Line, lang: str) -> CastEntry:
        """How the line's character speaks; looked up once, for a few characters say all lines."""
        key = (line.character, lang, line.short_name)
        if key not in self._entries:
            self._entries[key] = self.cast.entry(line.character, lang, self._known_voices, short_name=line.short_name)
        return self._entries[key]

    def script(self, partition: str) -> str:
        """The script that a line is in: the project that its costs count for."""
        return self.cues[partition].script

    def sheet(self, partition: str) -> CueSheet:
        """The cue sheet of a mix partition.

        Raises:
            NotWanted: no script has that label now.
        """
        found = self.sheets.get(partition)
        if found is None:
            raise NotWanted(f"{partition} is no label of a registered script")
        return found

    def stand_ins(self) -> tuple[dict[str, int], dict[str, str]]:
        """Who has no voice in the cast, with what speaks instead and how many lines; and lines that fail, with why."""
        counts: dict[str, int] = {}
        problems: dict[str, str] = {}
        for key, cue in self.cues.items():
            try:
                request = self.request(key)
            except PermanentError as error:
                problems[key] = str(error)
                continue
            if request.stand_in and cue.line.character != NARRATOR:
                who = f"{request.character} ({cue.lang}): {request.stand_in}"
                counts[who] = counts.get(who, 0) + 1
        return counts, problems

    # origins

    def origins(self, partition: str) -> Iterator[Origin]:
        """Where a line is written, and what cast and lexicon say of it.

        Raises:
            PermanentError: as `request`.
        """
        request, cue = self.request(partition), self.cues[partition]
        file, sha256 = self._written_in(cue)
        name = f"{cue.line.label} {cue.line.line_id}".strip()
        yield Origin("script line", name, file, cue.line.source_line, sha256, cue.line.text)
        yield from self.voice_origins(request, cue.line)

    def voice_origins(self, request: LineRequest, line: Line) -> Iterator[Origin]:
        """What cast and lexicon say of a line."""
        yield self.cast_origin(request, line)
        for word, spoken in request.speech.pronunciations:
            yield Origin("lexicon word", word, LEXICON, sha256=self._sha256s.get(LEXICON, ""), said=spoken)

    def cast_origin(self, request: LineRequest, line: Line) -> Origin:
        """The entry of the cast that a line is spoken with."""
        entry = self.cast.entry_name(line.character, short_name=line.short_name)
        voice = "+".join(name if len(request.speech.voice) == 1 else f"{name} {weight:.0%}"
                         for name, weight in request.speech.voice)  # fmt: skip
        said = f"{request.engine} {voice}, speed {request.speech.speed:g}"
        return Origin("cast entry", entry, CAST, sha256=self._sha256s.get(CAST, ""), said=said)

    def mix_origin(self, script: str, label: str) -> Origin | None:
        """What `mix.toml` says of a label, None where there is no such file."""
        self.mix  # noqa: B018 - reads the file
        sha256 = self._sha256s.get(MIX)
        return Origin("mix settings", f"{script} {label}".strip(), MIX, sha256=sha256) if sha256 else None

    def _written_in(self, cue: Cue) -> tuple[str, str]:
        """The file of a line, and its sha256; ("", "") where nobody knows."""
        record = self.scripts.get(cue.script)
        if record is None:
            return "", ""
        is_translation = (cue.line.line_id, cue.lang) not in self._originals(record)
        files = {
            name: sha256
            for name, sha256 in record.sources.items()
            if _language_of(name) == (cue.lang if is_translation else "")
        }
        return next(iter(files.items())) if len(files) == 1 else (" or ".join(files), "")

    def _originals(self, record: ScriptRecord) -> Collection[tuple[str, str]]:
        """(line id, language) of every line that is no translation; a script is asked for each of its lines."""
        if record.script not in self._original_lines:
            self._original_lines[record.script] = {(line.line_id, line.lang or record.lang) for line in record.lines}
        return self._original_lines[record.script]

    def line_version(self, partition: str) -> str:
        """The data version of `dialogue_line`; a line that can not be resolved has its error's."""
        if partition not in self._versions:
            try:
                self._versions[partition] = self.request(partition).version
            except PermanentError as error:
                self._versions[partition] = sha256_hex(str(error).encode())
        return self._versions[partition]

    def _gain_db(self, partition: str) -> float:
        try:
            return self.request(partition).gain_db
        except PermanentError:
            return 0.0

    def sheet_version(self, partition: str) -> str:
        """The data version of `cue_sheet`: the specification, or settings and lines in order, with version and gain."""
        spec = self.mix_specs.get(partition)
        if spec is not None:
            return sha256_hex(spec)
        sheet = self.sheet(partition)
        try:
            settings = self.mix.record(sheet.script, sheet.label)
        except PermanentError as error:
            settings = {"error": str(error)}
        lines = [[key, self.line_version(key), self._gain_db(key)] for key in sheet.lines]
        return sha256_hex(canonical([settings, lines]))


def _language_of(source: str) -> str:
    """The language of a file by its `tl` folder, "" of an original."""
    folders = source.split("/")[:-1]
    return language_tag(folders[folders.index("tl") + 1]) if "tl" in folders[:-1] else ""


def mix_spec_partition(name: str) -> str:
    """The mix partition of a specification that was registered as `name`; `mul` is ISO 639 for several languages."""
    return partition_key("spec", name, "mul")
