"""Stage `stems`: names, developers and scripts become stems of one contract, and stems, bit for bit, messages."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import orjson

from audio_assets import partitions
from audio_assets.books.stembook import PROJECT
from audio_assets.domain.action import Action, canonical, sha256_hex
from audio_assets.domain.artifacts import WAV, voice_name
from audio_assets.domain.audio_contract import ANY_RATE, AudioContract
from audio_assets.domain.bitmerge import Trim
from audio_assets.domain.causes import changes
from audio_assets.domain.line_request import LineRequest
from audio_assets.domain.lineage import Origin
from audio_assets.domain.rendering import PermanentError, Rendered, UpstreamError
from audio_assets.domain.schemas.records import Ref, Sidecar
from audio_assets.domain.stem_artifacts import (
    STEM_CONTAINER,
    STEM_ENCODING,
    MessagePart,
    Said,
    message_artifact,
    stem_artifact,
)
from audio_assets.domain.stem_ids import parse_stem_id
from audio_assets.stage import rendered_asset, source_asset
from audio_assets.stages import stem_sources
from audio_assets.stages.plain_files import PlainFile
from audio_assets.stages.spoken import MakeVoice, Spoken
from resources.pool import Call
from resources.published import replace_file

INDEX = "index.json"
INDEX_SCHEMA = "stem_index.1"
STEMS_FOLDER, MESSAGES_FOLDER, COPIES_FOLDER = "stems", "messages", "output"
"""Folders of the data root with plain files for other programs; the objects are in the store."""
INDEX_PATH = f"{STEMS_FOLDER}/{INDEX}"
_SAME_IN_A_MESSAGE = ("sample_rate_hz", "encoding", "n_channels", "container")


def stem_path(stem: str) -> str:
    """Where a stem is published below the data root: `stems/name/stem.name.jose.wav`."""
    return f"{STEMS_FOLDER}/{parse_stem_id(stem)[0]}/{stem}.wav"


def message_path(message: str) -> str:
    """Where a message is published below the data root."""
    return f"{MESSAGES_FOLDER}/{message}.wav"


class Stem(PlainFile, Spoken):
    """Speaks a name, a developer or a script under the contract of stems."""

    asset = "stem"
    code_version = "1"
    folder = "audio/stems"
    source = stem_sources.StemText

    def partitions(self) -> Sequence[str]:
        """Every entry of every data set, and every stem that was asked for."""
        return list(self.studio.stems.entries)

    def request(self, partition: str) -> LineRequest:
        """The stem with all that data set, `stems.toml`, cast and lexicon say of it."""
        return self.studio.stems.request(partition)

    def origins(self, partition: str) -> Iterator[Origin]:
        """The entry of the data set, how the kind is spoken, the cast's entry, the lexicon's words."""
        return self.studio.stems.stem_origins(partition)

    def project(self, partition: str) -> str:
        """One for all stems."""
        return PROJECT

    def contract(self) -> Mapping[str, Any]:
        """What every stem is written as, whoever speaks it; the rest of the contract is the provider's identity."""
        return {"container": STEM_CONTAINER, "encoding": STEM_ENCODING, "n_channels": 1}

    def voicing(self, engine: str, identity: Mapping[str, Any]) -> MakeVoice:
        """A stem, checked before it is kept."""
        return partial(stem_artifact, who=self.who(engine, identity))

    def who(self, engine: str, identity: Mapping[str, Any]) -> Said:
        """Provider, model and API version, as the signature of the contract counts them."""
        return Said(engine, identity.get("model", identity.get("engine", engine)), _api_version(identity))

    def difference(self, partition: str, ref: Ref) -> str:
        """How the stem that is there differs from what is wanted today, "" where it does not.

        A stand-in that the cast names for today's request does not count as different.

        Raises:
            PermanentError: nobody could make it today.
        """
        today = self.describe(partition)
        if today.key == ref.action_key:
            return ""
        instead = self.stand_in(partition, today)
        if instead is not None and instead.action.key == ref.action_key:
            return ""
        before = self.sidecar(ref.object).action
        return "; ".join(change.phrase for change in changes(before, today.as_record())) or "changed"

    def signature(self, partition: str, sample_rate_hz: int) -> str:
        """The contract signature of today's request, at the rate of the stem that is there (0: none is)."""
        request = self.request(partition)
        who = self.who(request.engine, self.studio.speaker(request.engine).identity(request.speech))
        contract = AudioContract(STEM_CONTAINER, STEM_ENCODING, sample_rate_hz or ANY_RATE)
        return contract.signature(
            provider=who.provider, model=who.model, api_version=who.api_version, voice=voice_name(request.speech.voice)
        )

    def path(self, partition: str) -> str:
        """See `stem_path`."""
        return stem_path(partition)


def _api_version(identity: Mapping[str, str]) -> str:
    """The vendor's API version; of an engine on this machine the versions of its parts."""
    return identity.get("api") or "; ".join(
        identity[name] for name in ("package", "runtime", "code") if name in identity
    )


class StemIndex(PlainFile):
    """Lists every stem that is there, with its contract, for the bucket and for other programs."""

    asset = "stem_index"
    code_version = "1"
    folder = "audio/stem_index"
    file = INDEX
    fan_in = ("stem",)
    waits_for_all = False
    is_parallel = False

    def partitions(self) -> Sequence[str]:
        """The one index, once there is a stem to list."""
        return [partitions.WHOLE] if self.studio.stems.entries else []

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Every stem that there should be."""
        return [("stem", stem) for stem in self.studio.stems.entries]

    def describe(self, partition: str) -> Action:
        """The stems, and what is said of each."""
        rows = self._rows()
        refs = self.studio.refs("stem").all()
        inputs = {stem: refs[stem].content for stem in rows}
        params = {"rows": {stem: sha256_hex(canonical(row)) for stem, row in rows.items()}}
        return Action(self.asset, self.code_version, self.identity(), params, inputs)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """Write them down."""
        rows = {stem: index_row(stem, sources[stem], self.sidecar(sources[stem])) for stem in action.params["rows"]}
        return Call(index_artifact, (rows,))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Our own list."""
        return {"engine": "index"}

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The stems' objects."""
        return {stem: row["object"] for stem, row in self._rows().items()}

    def licences(self, partition: str) -> Iterator[str]:
        """None: it is a list."""
        return iter(())

    def versions(self, partition: str, action: Action) -> Mapping[str, str]:
        """One version over all stems."""
        return {"stem": action.key}

    def path(self, partition: str) -> str:
        """There is one."""
        return INDEX_PATH

    def _rows(self) -> dict[str, dict[str, Any]]:
        refs = self.studio.refs("stem").all()
        found: dict[str, dict[str, Any]] = {}
        for stem in self.studio.stems.entries:
            sidecar = self.store.find(refs[stem].object) if stem in refs else None
            if sidecar is not None:
                found[stem] = index_row(stem, refs[stem].object, sidecar)
        return found


def index_row(stem: str, folder: str, sidecar: Sidecar) -> dict[str, Any]:
    """What the index says of a stem."""
    facts = sidecar.facts
    told = ("contract_signature", "encoding", "sample_rate_hz", "n_channels", "provider", "model", "api_version",
            "voice", "duration_s")  # fmt: skip
    return {
        "kind": parse_stem_id(stem)[0],
        "path": stem_path(stem),
        "sha256": sidecar.files[WAV].sha256,
        "size": sidecar.files[WAV].size,
        "audio_format": facts["container"],
        **{name: facts[name] for name in told},
        "rendered_at": sidecar.rendered_at,
        "object": folder,
    }


def index_artifact(rows: Mapping[str, Mapping[str, Any]]) -> Rendered:
    """`index.json`."""
    record = {"schema": INDEX_SCHEMA, "stems": rows}
    facts = {"n_stems": len(rows), "n_contracts": len({row["contract_signature"] for row in rows.values()})}
    return Rendered(files={INDEX: orjson.dumps(record, option=orjson.OPT_INDENT_2)}, facts=facts)


class Message(PlainFile):
    """Joins the stems that a template names, sample for sample."""

    asset = "message"
    code_version = "1"
    folder = "audio/messages"
    source = stem_sources.MessageRequest
    fan_in = ("stem",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._stems = Stem(self.studio)
        self._sound: dict[str, tuple[Ref, Mapping[str, Any]]] = {}

    def partitions(self) -> Sequence[str]:
        """Every message that is asked for."""
        return list(self.studio.stems.messages)

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """Its stems; none where it can not be told which, and `describe` says why."""
        with suppress(PermanentError):
            return [("stem", stem) for stem in dict.fromkeys(stem for stem, _ in self.studio.stems.parts(partition))]
        return ()

    def describe(self, partition: str) -> Action:
        """The template with its stems in order, their content and their contracts.

        Raises:
            UpstreamError: a stem is missing or of another contract, or two differ in rate, encoding or channels.
        """
        parts = self.studio.stems.parts(partition)
        found = {stem: self._checked(stem) for stem, _ in parts}
        first = parts[0][0]
        for stem, (_, facts) in found.items():
            for name in _SAME_IN_A_MESSAGE:
                if facts[name] != found[first][1][name]:
                    raise UpstreamError(
                        f"{stem} is no match for {first}: {name} is {facts[name]}, not {found[first][1][name]}; have "
                        "both said by voices of one provider, or set its sample rate"
                    )
        template = self.studio.stems.template(self.studio.stems.message(partition).template).record()
        rows = [
            {**row, "stem": stem, "contract": found[stem][1]["contract_signature"]}
            for (stem, _), row in zip(parts, template["parts"], strict=True)
        ]
        contents = {stem: ref.content for stem, (ref, _) in found.items()}
        return Action(
            self.asset, self.code_version, self.identity(),
            {"parts": rows, "tail_ms": template["tail_ms"]}, contents,
        )  # fmt: skip

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The merge of the stems' verified files."""
        rows = action.params["parts"]
        wavs = {stem: self.read_one(sources[stem], WAV) for stem in action.inputs}
        given = [
            MessagePart(
                row["stem"], action.inputs[row["stem"]], row["contract"], wavs[row["stem"]], row["gap_ms"],
                None if row["trim"] is None else Trim(**row["trim"]),
            )
            for row in rows
        ]  # fmt: skip
        said = {stem: self.sidecar(sources[stem]).facts for stem in action.inputs}
        words = " ".join(str(said[row["stem"]]["text"]) for row in rows)
        facts = {"text": words, "voice": ", ".join(sorted({str(one["voice"]) for one in said.values()}))}
        return Call(message_artifact, (given, action.params["tail_ms"], facts))

    @staticmethod
    def identity() -> Mapping[str, Any]:
        """Who joins stems."""
        return {"engine": "bitmerge", "version": "1"}

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The stems' objects by their ids."""
        return {stem: self._checked(stem)[0].object for _, stem in self.needs(partition)}

    def origins(self, partition: str) -> Iterator[Origin]:
        """The request and the template."""
        return self.studio.stems.message_origins(partition)

    def path(self, partition: str) -> str:
        """See `message_path`."""
        return message_path(partition)

    def publish(self, partition: str, folder: str, sidecar: Sidecar) -> None:
        """As a plain file; and, where that is asked for and it is new, as a copy with the time in its name."""
        is_new = bool(self.wrong(partition, sidecar))
        super().publish(partition, folder, sidecar)
        if is_new and self._is_copied(partition):
            self.copy(partition)

    def copy(self, partition: str) -> Path:
        """A copy below `output/` with the time in its name."""
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self.studio.settings.root / COPIES_FOLDER / f"{partition}-{at}.wav"
        replace_file(target, self.local(partition).read_bytes())
        return target

    def _is_copied(self, partition: str) -> bool:
        request = self.studio.stems.message(partition)
        return request.is_copied or self.studio.stems.template(request.template).is_copied

    def _checked(self, stem: str) -> tuple[Ref, Mapping[str, Any]]:
        """A stem that may go in, with its facts.

        Raises:
            UpstreamError: it is not there, blocked, or not what is wanted of it today.
        """
        if stem not in self._sound:
            try:
                ref = self.upstream("stem", stem)
                different = self._stems.difference(stem, ref)
            except (PermanentError, UpstreamError) as error:
                raise UpstreamError(f"{stem}: {error}") from error
            if different:
                raise UpstreamError(f"{stem} is of another contract or text ({different}): it has to be made again")
            self._sound[stem] = ref, self.sidecar(ref.object).facts
        return self._sound[stem]


# Assets

_ALL = dg.AllPartitionMapping()

stem_text = source_asset(
    stem_sources.StemText,
    "A name, a developer or a script of a data set, and how it is to be spoken.",
    partitions_def=partitions.stems,
    group="stems",
)

message_request = source_asset(
    stem_sources.MessageRequest,
    "What a message is asked for: template, name, developer, script.",
    partitions_def=partitions.messages,
    group="stems",
    deps=[dg.AssetDep("stem_text", partition_mapping=_ALL)],
)

stem = rendered_asset(
    Stem,
    "A name, a developer or a script, spoken under the contract of stems: `stems/name/stem.name.jose.wav`.",
    partitions_def=partitions.stems,
    group="stems",
    kind="wav",
)

stem_index = rendered_asset(
    StemIndex,
    "Every stem that is there, with its contract, times, content and path: `stems/index.json`.",
    partitions_def=partitions.whole,
    group="stems",
    kind="json",
    deps=[dg.AssetDep("stem", partition_mapping=_ALL)],
)

message = rendered_asset(
    Message,
    "Stems joined to the sample as a template says, and where each stands: `messages/<id>.wav`.",
    partitions_def=partitions.messages,
    group="stems",
    kind="wav",
    deps=[dg.AssetDep("stem", partition_mapping=_ALL)],
)
