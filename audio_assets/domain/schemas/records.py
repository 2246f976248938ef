"""The stored records of the artifact store: sidecar, ref and failure, each with a schema tag `name.N`.

A reader takes the current tag and every older one (`_UPGRADES` lifts those), and says so plainly for a newer one.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import orjson

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.lineage import Origin

_UPGRADES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Old tag -> function that lifts such a record to the next tag. Empty so far: every tag is still at 1."""


class RecordError(ValueError):
    """A stored record is not what its place says it is."""


def read_record(data: bytes, schema: str) -> dict[str, Any]:
    """The record in `data`, lifted to `schema`.

    Raises:
        RecordError: not JSON, or a tag this version does not know.
    """
    try:
        record: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RecordError(f"not a {schema} record: {error}") from error
    return lifted(record, schema)


def lifted(record: Any, schema: str) -> dict[str, Any]:
    """A record that was parsed already, lifted to `schema`.

    Raises:
        RecordError: no JSON object, or a tag this version does not know.
    """
    if not isinstance(record, dict):
        raise RecordError(f"not a {schema} record: a JSON object was expected")
    found: dict[str, Any] = record
    while found.get("schema") in _UPGRADES:
        found = _UPGRADES[found["schema"]](found)
    if found.get("schema") != schema:
        raise RecordError(f"schema is {found.get('schema')!r}, this version reads {schema!r}")
    return found


@dataclass(frozen=True, slots=True)
class Check:
    """One measured fact about an artifact, held against its limit.

    `blocking` and not passed: what depends on the artifact is not rendered.
    """

    name: str
    passed: bool
    detail: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an object: its sha256 and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class StandsIn:
    """That a stand-in made an object: the `provider` that was wanted, and why it could not serve."""

    provider: str
    reason: str


@dataclass(frozen=True)
class Sidecar:
    """All that is known of one object; written last, so it is the object's commit mark.

    `partition` is the one that it was rendered for, `origins` are what people had written and chosen for it then; both
    are empty in sidecars from before they were kept.
    `stands_in_for` is there, in the record too, only where a stand-in made it.
    """

    action_key: str
    action: Mapping[str, Any]
    content: str
    files: Mapping[str, StoredFile]
    facts: Mapping[str, Any]
    checks: tuple[Check, ...]
    sources: Mapping[str, str]
    previews: tuple[str, ...]
    rendered_at: str
    render_s: float
    run_id: str
    licence: str
    cost_usd: float
    notes: tuple[str, ...] = ()
    published: Mapping[str, str] = field(default_factory=dict)
    partition: str = ""
    origins: tuple[Origin, ...] = ()
    stands_in_for: StandsIn | None = None

    SCHEMA: ClassVar = "sidecar.1"

    @property
    def is_blocked(self) -> bool:
        """Whether a blocking check failed."""
        return any(check.blocking and not check.passed for check in self.checks)

    def to_bytes(self) -> bytes:
        """Indented JSON: people open these."""
        record = {"schema": self.SCHEMA, "cache_key": self.action_key, **asdict(self), **self.published}
        record["origins"] = [origin.as_record() for origin in self.origins]
        if self.stands_in_for is None:
            del record["stands_in_for"]
        return orjson.dumps(record, option=orjson.OPT_INDENT_2)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sidecar":
        """Read what `to_bytes` wrote.

        Raises:
            RecordError: not a sidecar.
        """
        record = read_record(data, cls.SCHEMA)
        try:
            return cls(
                **{
                    name: record[name]
                    for name in (
                        "action_key", "action", "content", "facts", "sources", "rendered_at", "render_s", "run_id",
                        "licence", "cost_usd", "published",
                    )
                },
                files={name: StoredFile(**entry) for name, entry in record["files"].items()},
                checks=tuple(Check(**entry) for entry in record["checks"]),
                previews=tuple(record["previews"]),
                notes=tuple(record["notes"]),
                partition=record.get("partition", ""),
                origins=tuple(Origin.from_record(entry) for entry in record.get("origins", ())),
                stands_in_for=StandsIn(**record["stands_in_for"]) if record.get("stands_in_for") else None,
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"not a whole {cls.SCHEMA}: {error}") from error


def content_sha256(files: Mapping[str, StoredFile], previews: tuple[str, ...]) -> str:
    """One sha256 over the files of an object; previews (pictures made from them) do not count."""
    return sha256_hex(canonical({name: entry.sha256 for name, entry in files.items() if name not in previews}))


@dataclass(frozen=True, slots=True)
class Ref:
    """What a partition points at now.

    `sizes` (bytes by file) and `failed_checks` repeat the sidecar's, so that plans and summaries read refs only.
    `accepted`: somebody took the object for good under today's action key, though it was made under another one; `by`
    whom, `why`, `at` what time. Empty where nobody had to.
    """

    action_key: str
    object: str
    content: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    failed_checks: tuple[str, ...] = ()
    is_blocked: bool = False
    accepted: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Compact JSON."""
        return orjson.dumps({"schema": "ref.1", **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Ref":
        """Read what `to_bytes` wrote.

        Raises:
            RecordError: not a ref.
        """
        return cls.from_record(read_record(data, "ref.1"))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Ref":
        """Read a record of the current schema.

        Raises:
            RecordError: something is missing.
        """
        try:
            return cls(
                record["action_key"],
                record["object"],
                record["content"],
                record["sizes"],
                tuple(record["failed_checks"]),
                record["is_blocked"],
                record.get("accepted", {}),  # not in refs from before there was accepting
            )
        except KeyError as error:
            raise RecordError(f"not a whole ref.1: {error} is missing") from error


FailureKind = Literal["permanent", "transient", "paid", "upstream", "budget", "unavailable"]
_MOST_ATTEMPTS = 3  # of what may pass by itself
_MOST_WITHOUT_STAND_IN = {"unavailable": 2, "transient": _MOST_ATTEMPTS + 1}
"""Attempts, by kind, up to which somebody who is named to stand in is asked."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a partition could not be rendered, kept until it is.

    `kind` is "permanent" (the same request would fail again: edit it), "transient" (a retry may help), "paid" (its
    file is to be fetched anew, which costs nothing), "budget" (a cap is in the way), "unavailable" (its provider can
    not be asked as things stand) or "upstream" (it waits for another artifact). `action_key` is "" where it was not
    even known what to render. `stand_in` made the partition instead, "" where nobody did. `circumstances` are the mark
    of what it rests on besides the action, "" for nothing.
    """

    action_key: str
    kind: FailureKind
    reason: str
    run_id: str
    attempts: int = 1
    stand_in: str = ""
    circumstances: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the same request is not tried again by itself: it would fail again, or has failed often enough."""
        return self.kind in ("permanent", "budget", "unavailable") or self.attempts >= _MOST_ATTEMPTS

    @property
    def may_be_stood_in_for(self) -> bool:
        """Whether somebody who was named since may make it; one who fails as well is not asked for ever."""
        return not self.stand_in and self.attempts <= _MOST_WITHOUT_STAND_IN.get(self.kind, 0)

    def to_bytes(self) -> bytes:
        """Compact JSON."""
        return orjson.dumps({"schema": "failure.1", **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Failure":
        """Read what `to_bytes` wrote.

        Raises:
            RecordError: not a failure record.
        """
        record = read_record(data, "failure.1")
        record.pop("schema")
        try:
            return cls(**record)
        except TypeError as error:
            raise RecordError(f"not a whole failure.1: {error}") from error
