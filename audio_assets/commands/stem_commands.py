"""What the sub-commands for stems and messages do, apart from printing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import orjson

from audio_assets.books.stembook import MESSAGE_REQUESTS
from audio_assets.commands.opening import open_studio, remarks, where
from audio_assets.commands.running import RunReport, run_here
from audio_assets.domain.artifacts import WAV
from audio_assets.domain.datasets import kind_of
from audio_assets.domain.message_request import MessageRequest, as_stem_id, message_request
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.schemas.records import Ref, Sidecar
from audio_assets.domain.stem_artifacts import MERGE
from audio_assets.domain.stem_ids import KINDS, PLURALS, Kind, parse_stem_id
from audio_assets.instance import open_instance
from audio_assets.launch import VOICE_STEMS, order, sync
from audio_assets.plan import Plan, plan
from audio_assets.stages.plain_files import PlainFile
from audio_assets.stages.stems import COPIES_FOLDER, Message, Stem, StemIndex, message_path, stem_path
from audio_assets.studio import Studio
from resources import render_lock
from resources.store import record_path

STATES = ("current", "stale", "damaged", "missing")
"""Of a stem or a message: whether its plain file is there and whole counts first, then whether it is of today."""
_LISTED = 20
_ALL = "all"


@dataclass
class Made:
    """What one run over stems and messages did; `asked` is how many of each it was asked for, by asset."""

    asked: Mapping[str, int]
    run: RunReport = field(default_factory=RunReport)
    problems: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_failures(self) -> bool:
        """Whether a list or a render needs somebody's attention."""
        return bool(self.run.failed or self.run.is_blocked or self.run.n_waiting or self.problems)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        run = self.run
        return {
            "asked": dict(self.asked), "rendered": run.rendered, "cached": run.cached, "failed": run.failed,
            "failed_checks": run.failed_checks, "n_waiting": run.n_waiting, "problems": list(self.problems),
            "files": dict(self.files), "run_id": run.run_id,
        }  # fmt: skip

    def as_text(self) -> str:
        """A short report."""
        reasons = {one["reason"] for one in self.run.failed}
        lines = [f"  look at {problem}" for problem in self.problems[:_LISTED] if problem not in reasons]
        counts = self.run.counts(VOICE_STEMS)
        asked = ", ".join(f"{n} {asset}s" for asset, n in self.asked.items() if n)
        lines += counts or [f"{asked}: " + ("nothing rendered" if self.run.failed else "everything is up to date")]
        lines += self.run.troubles()
        lines += [f"{name}: {path}" for name, path in list(self.files.items())[:_LISTED]]
        more = len(self.files) - _LISTED
        return "\n".join([*lines, *([f"and {more} more (--json lists all)"] if more > 0 else [])])


# stems


def list_stems(pattern: str = "*", kind: str = "") -> dict[str, Any]:
    """Every stem whose id fits the pattern, with whether it is of today's contract, and what is wrong with lists."""
    studio = open_studio()
    wanted = _kinds([kind]) if kind else KINDS
    found = plan(studio, [Stem(studio)])
    rows = [
        _row(studio, stem, found)
        for stem in studio.stems.entries
        if parse_stem_id(stem)[0] in wanted and fnmatchcase(stem, pattern)
    ]
    counts = {state: sum(row["contract"] == state for row in rows) for state in STATES}
    return {"stems": rows, **counts, "problems": list(studio.stems.problems)}


def _row(studio: Studio, stem: str, found: Plan) -> dict[str, Any]:
    """One stem: `contract` is one of `STATES`; `why` says in what it differs, or why it can not be made."""
    recipe = Stem(studio)
    entry, ref = studio.stems.entry(stem), studio.refs("stem").get(stem)
    why = next((one.reason for one in found.stuck if one.partition == stem), "")
    row: dict[str, Any] = {"stem": stem, "value": entry.value, "contract": "missing" if ref is None else "current"}
    if ref is None:
        return {**row, "why": why}
    try:
        difference = recipe.difference(stem, ref)
    except (PermanentError, UpstreamError) as error:
        difference = str(error)
    sidecar = studio.store.find(ref.object)
    if sidecar is None:
        return {**row, "contract": "missing", "why": "its files are gone"}
    told = ("provider", "model", "api_version", "voice", "encoding", "sample_rate_hz", "duration_s")
    facts = {name: sidecar.facts[name] for name in (*told, "contract_signature")}
    state, why = _state(recipe, stem, sidecar, difference or why)
    return {
        **row, "contract": state, "why": why, **facts,
        "rendered_at": sidecar.rendered_at, "path": str(recipe.local(stem)),
    }  # fmt: skip


def _state(recipe: PlainFile, partition: str, sidecar: Sidecar, stale: str) -> tuple[str, str]:
    """Which of `STATES` something is in that was made, and why; `stale` is how it is not of today."""
    wrong = recipe.wrong(partition, sidecar)
    if not wrong:
        return ("stale" if stale else "current"), stale
    gone = f"{recipe.path(partition)} is {'gone' if wrong == 'missing' else 'damaged'}"
    return wrong, "; ".join(dict.fromkeys([gone, *([stale] if stale else [])]))


def show_stem(said: str) -> dict[str, Any]:
    """All that is known of a stem, by its id or its value.

    Raises:
        ValueError: there is none.
    """
    studio = open_studio()
    stem = said if said in studio.stems.entries else _find(studio, said)
    row = _row(studio, stem, plan(studio, [Stem(studio)]))
    entry, ref = studio.stems.entry(stem), studio.refs("stem").get(stem)
    row |= {"text": entry.text, "said_in": entry.said_in}
    row["messages"] = sum((Stem.asset, stem) in Message(studio).needs(key) for key in studio.stems.messages)
    sidecar = studio.store.find(ref.object) if ref else None
    if ref is None or sidecar is None:
        return row
    facts = sidecar.facts
    edges = {name: facts[name] for name in ("leading_silence_samples", "trailing_silence_samples", "n_samples")}
    edges["wanted_signature"] = Stem(studio).signature(stem, facts["sample_rate_hz"])
    files = {"sidecar": where(studio, f"{ref.object}/sidecar.json"), "sha256": sidecar.files[WAV].sha256}
    return {**row, **edges, **files, "cost_usd": sidecar.cost_usd, **remarks(sidecar)}


def _find(studio: Studio, said: str) -> str:
    for kind in KINDS:
        try:
            if (stem := as_stem_id(kind, said)) in studio.stems.entries:
                return stem
        except ValueError:
            continue
    return studio.stems.entry(said).id


def generate(what: Sequence[str], values: Mapping[str, Sequence[str]], *, retry: bool, is_quiet: bool) -> Made:
    """Have every stem of the named kinds, and those of the named values, spoken in one run; without either, all."""
    studio = open_studio()
    stems = [studio.stems.ask_for(kind, value) for kind in KINDS for value in values.get(kind, ())]
    kinds = _kinds(what or ([] if stems else [_ALL]))
    studio = open_studio()
    stems += [stem for kind in kinds for stem in studio.stems.of_kind(kind)]
    if not stems:
        raise ValueError(
            "there is nothing to speak: put names in datasets/names.txt of the data root, or say one with --name, "
            "--developer or --script"
        )
    return _made({}, list(dict.fromkeys(stems)), retry=retry, is_quiet=is_quiet)


def _kinds(what: Sequence[str]) -> list[Kind]:
    return list(KINDS) if _ALL in what else list(dict.fromkeys(kind_of(one) for one in what))


def invalidate(pattern: str) -> dict[str, Any]:
    """Move away the refs of stems whose id fits, so that they are made again; what was bought is not bought again.

    Raises:
        ValueError: none fits.
        RuntimeError: something is rendering them.
    """
    studio = open_studio()
    if render_lock.is_held(studio.settings.render_lock(VOICE_STEMS.job)):
        raise RuntimeError("stems are being rendered; wait for its end, then invalidate")
    refs = studio.refs("stem").all()
    found = [stem for stem in refs if fnmatchcase(stem, pattern)]
    if not found:
        raise ValueError(f"no stem that is there fits {pattern}; `audio-assets stem list` names them all")
    n_bought = 0
    for stem in found:
        n_bought += _take_away(studio, stem, refs[stem])
    _list_anew()
    return {"invalidated": found, "n_invalidated": len(found), "n_bought": n_bought}


def _take_away(studio: Studio, stem: str, ref: Ref) -> bool:
    """Whether its sound was bought: then the object stays, and the next run takes it from the store."""
    sidecar = studio.store.find(ref.object)
    is_bought = sidecar is not None and sidecar.cost_usd > 0
    studio.store.delete(record_path("refs", Stem.asset, stem))
    studio.store.clear_failure(Stem.asset, stem)
    if not is_bought:
        studio.store.discard(ref.object)
    (studio.settings.root / stem_path(stem)).unlink(missing_ok=True)
    return is_bought


def _list_anew() -> None:
    """Bring the index up to date with what is there."""
    studio = open_studio()
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
        run_here(instance, VOICE_STEMS, {StemIndex.asset: StemIndex(studio).partitions()}, is_quiet=True)


# messages


def make_message(values: Mapping[str, str | None], *, is_copied: bool, retry: bool, is_quiet: bool) -> dict[str, Any]:
    """Register one message, and the stems that no data set has, and make it."""
    request = replace(message_request(values, "the options"), is_copied=is_copied)
    _register([request])
    made = _made({"message": [request.id]}, _stems_of([request]), retry=retry, is_quiet=is_quiet)
    studio = open_studio()
    if made.run.failed:
        raise PermanentError("; ".join(f"{one['partition']}: {one['reason']}" for one in made.run.failed))
    row = _message_row(studio, request.id, plan(studio, VOICE_STEMS.opened(studio)))
    if row["state"] != "current":
        raise PermanentError(f"the message {request.id} was not made: {row['why']}")
    is_cached = not made.run.rendered.get("message")
    if is_copied and is_cached:  # asked for anew: a copy of what is there
        Message(studio).copy(request.id)
    if is_copied:
        row["copy"] = str(max((studio.settings.root / COPIES_FOLDER).glob(f"{request.id}-*.wav")))
    return {**row, "cached": is_cached, "run_id": made.run.run_id}


def make_all(*, retry: bool, is_quiet: bool) -> Made:
    """Make every message that files or commands ask for, in one run; those that are there and whole stay."""
    studio = open_studio()
    messages = list(studio.stems.messages)
    if not messages:
        raise ValueError(
            "no message is asked for: write some to messages/*.csv, or make one with --template and --name"
        )
    stems = dict.fromkeys(stem for message in messages for _, stem in Message(studio).needs(message))
    return _made({"message": messages}, list(stems), retry=retry, is_quiet=is_quiet)


def bulk(template: str, values: Mapping[str, Sequence[str]], *, is_copied: bool, retry: bool, is_quiet: bool) -> Made:
    """Every combination of the named values, of all of the data sets where none is named, in one run."""
    studio = open_studio()
    kinds = studio.stems.template(template).kinds
    choices: list[Sequence[str]] = [values.get(kind) or studio.stems.of_kind(kind) for kind in kinds]
    for kind, choice in zip(kinds, choices, strict=True):
        if not choice:
            raise ValueError(f"there is no {kind}: put some in datasets/{PLURALS[kind]}.txt, or say --{kind}")
    requests = [
        replace(
            message_request({"template": template, **dict(zip(kinds, chosen, strict=True))}, "the options"),
            is_copied=is_copied,
        )
        for chosen in product(*choices)
    ]
    _register(requests)
    return _made({"message": [one.id for one in requests]}, _stems_of(requests), retry=retry, is_quiet=is_quiet)


def _register(requests: Sequence[MessageRequest]) -> None:
    """Keep requests and the stems that they need; nothing is kept where one of them can not be."""
    studio = open_studio()
    for request in requests:
        for kind in studio.stems.template(request.template).kinds:
            if not request.value(kind):
                raise ValueError(f"the template {request.template} has a {kind}: say it with --{kind}")
        _check_free(studio, request)
    said = {(kind, request.value(kind)) for request in requests for kind in KINDS if request.value(kind)}
    for kind, value in sorted(said):
        if as_stem_id(kind, value) not in studio.stems.entries:
            if value.startswith("stem."):
                studio.stems.entry(value)
            studio.stems.ask_for(kind, value)
    for request in requests:
        known = studio.stems.messages.get(request.id)
        if known is None or known.is_copied != request.is_copied:
            studio.stems.keep(request)


def _check_free(studio: Studio, request: MessageRequest) -> None:
    """Refuse a request whose id another message has already.

    Raises:
        ValueError: names both.
    """
    known = studio.stems.messages.get(request.id)
    if known is None or _meant(known) == _meant(request):
        return
    if studio.store.size(f"{MESSAGE_REQUESTS}/{request.id}.json") is None:
        held, remedy = f"{_told(known)}, as a file in messages/ asks", "give this one another --id"
    else:
        held, remedy = _told(known), f"give this one another --id, or first `audio-assets retire {request.id}`"
    raise ValueError(f"{request.id} is {held}, and can not be {_told(request)} too; {remedy}")


def _told(request: MessageRequest) -> str:
    """A message in words: `the message 'simple' of José and Hilton`."""
    return f"the message '{request.template}' of {' and '.join(filter(None, map(request.value, KINDS)))}"


def _meant(request: MessageRequest) -> tuple[str, ...]:
    return request.template, *(request.stem(kind) for kind in KINDS)


def _stems_of(requests: Sequence[MessageRequest]) -> list[str]:
    book = open_studio().stems
    found = [stem for request in requests for stem, _ in book.parts(request.id)]
    return list(dict.fromkeys(found))


def list_messages() -> dict[str, Any]:
    """Every message that is asked for, and whether it is made."""
    studio = open_studio()
    found = plan(studio, VOICE_STEMS.opened(studio))
    rows = [_message_row(studio, message, found) for message in studio.stems.messages]
    broken = studio.stems.broken_templates
    usable = [name for name in studio.stems.template_names() if name not in broken]
    problems = [*studio.stems.problems, *broken.values()]
    return {"messages": rows, "templates": usable, "broken_templates": dict(broken), "problems": problems}


def _message_row(studio: Studio, message: str, found: Plan) -> dict[str, Any]:
    recipe = Message(studio)
    request, ref = studio.stems.message(message), studio.refs("message").get(message)
    reasons = [one.reason for one in found.stuck if (one.asset, one.partition) == (Message.asset, message)]
    causes = [
        cause for one in found.stale if (one.asset, one.partition) == (Message.asset, message) for cause in one.causes
    ]
    why = "; ".join([*reasons, *causes])
    row: dict[str, Any] = {
        "message": message, "template": request.template, "name": request.name, "developer": request.developer,
        "script": request.script, "state": "missing", "why": why,
    }  # fmt: skip
    if ref is None:
        return row
    sidecar = studio.store.find(ref.object)
    if sidecar is None:
        return {**row, "why": why or "its files are gone"}
    state, why = _state(recipe, message, sidecar, why)
    return {
        **row, "state": state, "why": why, "path": str(recipe.local(message)),
        "duration_s": sidecar.facts["duration_s"], "sample_rate_hz": sidecar.facts["sample_rate_hz"],
        "merge": where(studio, f"{ref.object}/{MERGE}"),
    }  # fmt: skip


# one run


def _made(messages: Mapping[str, list[str]], stems: list[str], *, retry: bool, is_quiet: bool) -> Made:
    """Run the job here for what is stale of these, and the index."""
    studio = open_studio()
    mine = {**messages, "stem": stems, "stem_text": stems, "message_request": messages.get("message", [])}
    done = Made({asset: len(mine[asset]) for asset in ("stem", "message") if asset in mine})
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
        found = plan(studio, VOICE_STEMS.opened(studio), retry_failed=retry)
        wanted = order(instance, studio, found, VOICE_STEMS)
        chosen = {asset: set(keys) for asset, keys in mine.items()} | {
            StemIndex.asset: set(StemIndex(studio).partitions())
        }
        kept = {asset: [key for key in keys if key in chosen.get(asset, ())] for asset, keys in wanted.items()}
        if not any(kept.get(asset) for asset in mine) and not _is_index_wrong(studio):
            kept = {}
        done.run = run_here(instance, VOICE_STEMS, {a: k for a, k in kept.items() if k}, is_quiet=is_quiet)
    done.run.remember(one for one in found.stuck if one.partition in chosen.get(one.asset, ()))
    studio = open_studio()
    done.problems = studio.stems.problems
    paths = {"stem": stem_path, "message": message_path}
    shown = "message" if messages else "stem"
    there = set(studio.refs(shown).all()) - (_not_made(studio) if done.has_failures else set())
    done.files = {key: str(studio.settings.root / paths[shown](key)) for key in mine[shown] if key in there}
    return done


def _not_made(studio: Studio) -> set[str]:
    """What is still not of today: a file of it is an earlier one."""
    found = plan(studio, VOICE_STEMS.opened(studio))
    return {one.partition for one in found.stale} | {one.partition for one in found.stuck}


def list_text(
    rows: Sequence[Mapping[str, Any]], problems: Sequence[str], line: Callable[[Mapping[str, Any]], str]
) -> list[str]:
    """A line for each row, then what is wrong with several of them alike, then what there is to look at; each once."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        alike.setdefault(row["why"], []).append(row)
    own = {why for why, of in alike.items() if len(of) == 1} - set(problems)
    lines = [f"{line(row)}  {row['why'] if row['why'] in own else ''}".rstrip() for row in rows]
    shared = [f"{len(of)} of them: {why}" for why, of in alike.items() if why and len(of) > 1 and why not in problems]
    return [*lines, *shared, *(f"look at {problem}" for problem in problems)]


def _is_index_wrong(studio: Studio) -> bool:
    index = StemIndex(studio)
    return any(index.unfinished(key, retry_failed=False) for key in index.partitions())


def read_merge(message: str) -> dict[str, Any]:
    """Where each stem stands in a message that is made.

    Raises:
        ValueError: it is not made.
    """
    studio = open_studio()
    ref = studio.refs("message").get(message)
    data = studio.store.read(f"{ref.object}/{MERGE}") if ref else None
    if data is None:
        raise ValueError(f"the message {message} is not made; `audio-assets message list` names those that are")
    found: dict[str, Any] = orjson.loads(data)
    return found
