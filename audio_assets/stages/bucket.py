"""Stage `bucket`: what is delivered to a bucket, held against the studio's stems and messages.

Here: what should be there, what is on this machine, the audit of both and the bucket, uploads and downloads of single
files. Not here: comparing (`domain/bucket_audit`), talking to the bucket (`resources/bucket`).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import orjson

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.artifacts import WAV
from audio_assets.domain.bucket_audit import (
    Audit,
    Finding,
    Held,
    Wanted,
    audit_bucket,
    audit_here,
    check_prefix,
    how_it_differs,
    made_by,
    summed,
)
from audio_assets.domain.rendering import PermanentError, TransientError
from audio_assets.domain.toml_tables import nearest
from audio_assets.partitions import WHOLE
from audio_assets.stages.stems import (
    INDEX,
    INDEX_PATH,
    INDEX_SCHEMA,
    MESSAGES_FOLDER,
    STEMS_FOLDER,
    Message,
    Stem,
    StemIndex,
    message_path,
)
from audio_assets.studio import Studio, StudioResource
from resources.bucket import Bucket
from resources.published import replace_file, sha256_of
from resources.store import StoreError

AGREES = "bucket_agrees"
FOLDERS = (f"{STEMS_FOLDER}/", f"{MESSAGES_FOLDER}/")
"""What of a bucket is ours; what else is in it is never looked at."""
_AT_ONCE = 8
_LISTED = 200
_ANEW = "remove it, then `audio-assets stem generate all` writes it anew"


def wanted(studio: Studio, prefix: str = "") -> list[Wanted]:
    """What the index and the messages of today say should be there, the index itself last.

    Raises:
        PermanentError: the index can not be read.
    """
    rows = [*_wanted_stems(studio), *_wanted_messages(studio), *_wanted_index(studio)]
    return [row for row in rows if row.key.startswith(prefix)]


def _wanted_stems(studio: Studio) -> Iterator[Wanted]:
    recipe = Stem(studio)
    for stem, row in _index(studio).items():
        try:
            today = recipe.signature(stem, row["sample_rate_hz"])
        except PermanentError:  # nobody could make it today: the plan says so, here the one that is there has to do
            today = row["contract_signature"]
        yield Wanted(
            row["path"], row["sha256"], row["size"], today, row["contract_signature"], f"{row['object']}/{WAV}"
        )


def _wanted_messages(studio: Studio) -> Iterator[Wanted]:
    refs = studio.refs(Message.asset).all()
    for message in studio.stems.messages:
        sidecar = studio.store.find(refs[message].object) if message in refs else None
        if sidecar is not None:
            stored = sidecar.files[WAV]
            yield Wanted(message_path(message), stored.sha256, stored.size, object=f"{refs[message].object}/{WAV}")


def _wanted_index(studio: Studio) -> Iterator[Wanted]:
    ref = studio.refs(StemIndex.asset).get(WHOLE)
    sidecar = studio.store.find(ref.object) if ref is not None else None
    path = studio.settings.root / INDEX_PATH
    if ref is not None and sidecar is not None:
        stored = sidecar.files[INDEX]
        yield Wanted(INDEX_PATH, stored.sha256, stored.size, object=f"{ref.object}/{INDEX}")
    elif path.is_file():
        yield Wanted(INDEX_PATH, sha256_of(path), path.stat().st_size)


def _index(studio: Studio) -> Mapping[str, Mapping[str, Any]]:
    """The rows of the index: of its object, for the plain file may be damaged; of that where there is no object."""
    path = studio.settings.root / INDEX_PATH
    data = next((_stored(studio, row) for row in _wanted_index(studio)), None)
    if data is None and not path.exists():
        return {}
    try:
        record = orjson.loads(path.read_bytes() if data is None else data)
        found: Mapping[str, Mapping[str, Any]] = {stem: _row(row) for stem, row in record["stems"].items()}
        is_known = record["schema"] == INDEX_SCHEMA
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise PermanentError(f"{path} can not be read ({error}); {_ANEW}") from error
    if not is_known:
        raise PermanentError(f"{path} is of another version than {INDEX_SCHEMA}; {_ANEW}")
    return found


def _stored(studio: Studio, row: Wanted) -> bytes | None:
    """A file's bytes from its object in the store, None where that is gone or damaged."""
    try:
        data = studio.store.read(row.object) if row.object else None
    except StoreError:
        return None
    return data if data is not None and sha256_hex(data) == row.sha256 else None


def _row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    told = ("path", "sha256", "size", "contract_signature", "sample_rate_hz", "object")
    return {name: row[name] for name in told}


def here(studio: Studio, prefix: str = "") -> dict[str, str]:
    """The sha256 of every stem, message and index on this machine, by key."""
    root = studio.settings.root
    paths = [*root.glob(f"{STEMS_FOLDER}/*/*.wav"), *root.glob(f"{MESSAGES_FOLDER}/*.wav"), root / INDEX_PATH]
    found = {path.relative_to(root).as_posix(): path for path in paths if not path.name.startswith(".")}
    chosen = {key: path for key, path in sorted(found.items()) if key.startswith(prefix) and path.is_file()}
    return {key: sha256_of(path) for key, path in chosen.items()}


def audit(studio: Studio, bucket: Bucket, prefix: str = "", *, is_deep: bool = False) -> Audit:
    """Hold index, files and bucket against each other; without a bucket, index and files.

    `is_deep` downloads and hashes what is in the bucket, whatever its metadata says.

    Raises:
        ValueError: no key begins with that prefix; the index can not be read, the bucket is not there or refuses.
        TransientError: the bucket does not answer.
    """
    check_prefix(prefix)
    rows = wanted(studio, prefix)
    findings = list(audit_here(rows, here(studio, prefix)))
    held = in_bucket(bucket, rows, prefix, is_deep=is_deep) if bucket.is_set else []
    findings += audit_bucket(rows, held) if bucket.is_set else []
    found = summed(findings, rows, held)
    studio.audit_log.append(
        "audit", bucket=bucket.label, prefix=prefix, is_deep=is_deep, n_expected=found.n_wanted,
        n_in_bucket=found.n_held, n_by_size=found.n_by_size, counts=found.counts,
    )  # fmt: skip
    return found


def in_bucket(bucket: Bucket, rows: Sequence[Wanted], prefix: str = "", *, is_deep: bool = False) -> list[Held]:
    """What is in the bucket of stems and messages; of those that should be there, with their metadata.

    What vanishes between listing and looking counts as not there.
    """
    known = {row.key for row in rows}
    listed = [one for one in bucket.listed(prefix) if one.key.startswith(FOLDERS)]
    looked = bucket.look_at_all([one.key for one in listed if one.key in known])
    if is_deep and bucket.folder is None:
        looked = bucket.hashed(looked)
    return [*looked, *(one for one in listed if one.key not in known)]


@dataclass(frozen=True, slots=True)
class Sent:
    """What an upload did with one file: `done`, or why not."""

    key: str
    why: str
    problem: str = ""


def to_upload(rows: Sequence[Wanted], held: Sequence[Held]) -> list[tuple[Wanted, Held | None, str]]:
    """What is not in the bucket as it should be: file, what is there instead, and how it differs."""
    there = {one.key: one for one in held}
    found: list[tuple[Wanted, Held | None, str]] = []
    for row in rows:
        one = there.get(row.key)
        if one is None:
            found.append((row, None, "not in the bucket"))
        elif why := how_it_differs(row, one):
            found.append((row, one, why))
        elif one.contract_signature not in ("", row.made_under):
            found.append((row, one, "its contract in the bucket is another"))
    return found


def upload(studio: Studio, bucket: Bucket, due: Sequence[tuple[Wanted, Held | None, str]]) -> list[Sent]:
    """Upload files and read them back, several at once, the index last; one that fails costs no other."""

    def send(one: tuple[Wanted, Held | None, str]) -> Sent:
        row, held, why = one
        try:
            bucket.upload(studio.settings.root / row.key, row, held)
        except FileNotFoundError:
            return Sent(row.key, why, f"the file is gone; {made_by(row.key)} puts it back")
        except (PermanentError, TransientError, OSError) as error:
            return Sent(row.key, why, str(error))
        return Sent(row.key, why)

    first = [one for one in due if one[0].key != INDEX_PATH]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = list(pool.map(send, first))
    return [*done, *(send(one) for one in due if one[0].key == INDEX_PATH)]


def find(studio: Studio, said: str) -> Wanted:
    """The file of a stem or message, by its id or its key.

    Raises:
        PermanentError: there is none.
    """
    keys = {row.key: row for row in wanted(studio)}
    names = {Path(key).stem: row for key, row in keys.items() if key != INDEX_PATH}
    found = keys.get(said) or names.get(said)
    if found is None:
        slip = nearest(said, list(names)) or "`audio-assets stem list` and `message list` name those there are"
        raise PermanentError(f"there is no stem or message {said} that is made; {slip}")
    return found


def resolve(studio: Studio, bucket: Bucket, row: Wanted, into: Path | None) -> tuple[Path, str]:
    """A whole copy of a file on this machine, and where it is from: "here", "store" or "bucket".

    Where it is damaged or not there it is written to where it belongs, or to `into`.

    Raises:
        PermanentError: it is whole nowhere.
    """
    own = studio.settings.root / row.key
    if own.is_file() and sha256_of(own) == row.sha256:
        if into is None:
            return own, "here"
        replace_file(into, own.read_bytes())
        return into, "here"
    target = into or own
    data = _stored(studio, row)
    if data is not None:
        replace_file(target, data)
        return target, "store"
    if not bucket.is_set:
        nowhere = "is whole neither here nor in the store, and there is no bucket"
        raise PermanentError(f"{row.key} {nowhere}; {made_by(row.key)} makes it anew")
    bucket.download(row.key, target, row.sha256)
    return target, "bucket"


def findings_of(
    studio: Studio, bucket: Bucket, row: Wanted, *, is_deep: bool
) -> tuple[tuple[Finding, ...], Held | None]:
    """What is wrong with one file, here and in the bucket, and what is there."""
    path = studio.settings.root / row.key
    found = list(audit_here([row], {row.key: sha256_of(path)} if path.is_file() else {}))
    if not bucket.is_set:
        return tuple(found), None
    held = bucket.look(row.key)
    if held is not None and is_deep:
        held = next(iter(bucket.hashed([held])), None)
    found += audit_bucket([row], [held] if held else [])
    return summed(found, [row], []).findings, held


# Dagster


class AuditConfig(dg.Config):
    """How to look: `deep` downloads and hashes everything; `prefix` looks only at keys that begin so."""

    deep: bool = False
    prefix: str = ""


@dg.asset(
    description="What differs between the studio's stems and messages, their index, and the bucket.",
    deps=[StemIndex.asset, Message.asset],
    code_version="1",
    group_name="bucket",
    kinds={"table"},
    owners=["team:audio"],
    tags={"stage": "bucket"},
    check_specs=[
        dg.AssetCheckSpec(AGREES, asset="bucket_audit", description="Index, files and bucket hold the same bytes.")
    ],
)
def bucket_audit(config: AuditConfig, studio: StudioResource, bucket: Bucket) -> Iterator[dg.MaterializeResult[None]]:
    """Audit, and show the findings as a table."""
    opened = studio.open()
    try:
        found = audit(opened, bucket, config.prefix, is_deep=config.deep)
    except (ValueError, RuntimeError, OSError) as error:  # a person's mistake, or no network: one sentence, no trace
        raise dg.Failure(str(error), allow_retries=isinstance(error, TransientError)) from None
    yield dg.MaterializeResult(
        metadata={
            "findings": dg.MetadataValue.md(table(found.findings)),
            "bucket": bucket.label or "none: the files of this machine only",
            "n_findings": len(found.findings),
            "n_expected": found.n_wanted,
            "n_in_bucket": found.n_held,
            "n_compared_by_size_only": found.n_by_size,
            **{f"n_{problem}": n for problem, n in found.counts.items()},
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=AGREES,
                passed=not found.findings,
                severity=dg.AssetCheckSeverity.WARN,
                description=said(found),
                metadata=dict(found.counts),
            )
        ],
    )


def said(found: Audit) -> str:
    """An audit in a sentence."""
    if not found.n_wanted and not found.findings:
        return "nothing is expected there: no stem or message that is made has such a key"
    counts = ", ".join(f"{n} {problem.replace('_', ' ')}" for problem, n in found.counts.items())
    return f"{counts} of {found.n_wanted} files" if counts else f"all {found.n_wanted} files agree"


def table(findings: Sequence[Finding]) -> str:
    """The findings as markdown."""
    if not findings:
        return "Nothing differs."
    rows = [
        f"| `{one.key}` | {one.problem.replace('_', ' ')} | {one.detail} | {one.remedy} |" for one in findings[:_LISTED]
    ]
    more = [f"\nand {len(findings) - _LISTED} more; `audio-assets bucket audit` names them all"]
    head = ["| file | problem | seen | remedy |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, *(more if len(findings) > _LISTED else [])])
