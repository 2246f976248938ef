"""What `audio-assets bucket` does, apart from printing."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audio_assets.commands.opening import open_bucket, open_studio
from audio_assets.domain.bucket_audit import Audit, Finding, check_prefix
from audio_assets.stages import bucket as stage
from resources.bucket import Bucket

_LISTED = 20


def audit(prefix: str, *, is_deep: bool) -> dict[str, Any]:
    """Everything that differs, by kind of problem, and what to do about each."""
    bucket = open_bucket()
    found = stage.audit(open_studio(), bucket, prefix, is_deep=is_deep)
    return {"bucket": bucket.label, "prefix": prefix, "deep": is_deep, **_shown(found)}


def _shown(found: Audit) -> dict[str, Any]:
    return {
        "n_expected": found.n_wanted, "n_in_bucket": found.n_held, "n_compared_by_size_only": found.n_by_size,
        "counts": found.counts, "said": stage.said(found), "findings": [_row(one) for one in found.findings],
    }  # fmt: skip


def _row(one: Finding) -> dict[str, str]:
    return {**asdict(one), "remedy": one.remedy}


def audit_text(shown: dict[str, Any]) -> str:
    """The same for reading: the first twenty of each problem and remedy."""
    lines = [f"bucket: {shown['bucket'] or 'none (AUDIO_ASSETS_BUCKET is not set): index and files of this machine'}"]
    alike: dict[tuple[str, str], list[dict[str, str]]] = {}
    for one in shown["findings"]:
        alike.setdefault((one["problem"], one["remedy"]), []).append(one)
    for (problem, remedy), mine in sorted(alike.items()):
        n = len(mine)
        lines.append(f"{problem.replace('_', ' ')}: {n}; {remedy}")
        lines += [f"  {one['key']}: {one['detail']}" for one in mine[:_LISTED]]
        lines += [f"  and {n - _LISTED} more (--json lists all)"] if n > _LISTED else []
    if shown["n_compared_by_size_only"]:
        lines.append(f"{shown['n_compared_by_size_only']} objects tell no sha256: compared by size; --deep hashes them")
    return "\n".join([*lines, shown["said"]])


def list_page(prefix: str, count: int, after: str) -> dict[str, Any]:
    """Some objects of the bucket, by key; `next` is what to ask with for more, "" at the end."""
    check_prefix(prefix)
    found, has_more = open_bucket().page(prefix, count, after)
    rows = [{"key": one.key, "size": one.size} for one in found]
    return {"objects": rows, "next": found[-1].key if has_more else ""}


def check(said: str, *, is_deep: bool) -> dict[str, Any]:
    """How one stem or message stands, here and in the bucket."""
    studio, bucket = open_studio(), open_bucket()
    row = stage.find(studio, said)
    found, held = stage.findings_of(studio, bucket, row, is_deep=is_deep)
    return {
        "key": row.key, "sha256": row.sha256, "size": row.size, "contract_signature": row.made_under,
        "bucket": bucket.label, "in_bucket": asdict(held) if held else None, "findings": [_row(one) for one in found],
    }  # fmt: skip


def upload(said: str, prefix: str, *, is_dry: bool, is_deep: bool) -> dict[str, Any]:
    """Upload what differs of one file, or of all below a prefix.

    Raises:
        ValueError: there is no such stem or message. Unavailable: there is no bucket.
    """
    check_prefix(prefix)
    studio, bucket = open_studio(), open_bucket()
    if said:
        row = stage.find(studio, said)
        rows, held = [row], _held(bucket, row.key, is_deep=is_deep)
    else:
        rows = stage.wanted(studio, prefix)
        held = stage.in_bucket(bucket, rows, prefix, is_deep=is_deep)
    due = stage.to_upload(rows, held)
    sent = [] if is_dry else stage.upload(studio, bucket, due)
    listed = [stage.Sent(row.key, why) for row, _, why in due] if is_dry else sent
    return {
        "bucket": bucket.label, "n_same": len(rows) - len(due), "n_due": len(due), "is_dry": is_dry,
        "n_uploaded": sum(not one.problem for one in sent),
        "failed": [asdict(one) for one in sent if one.problem], "files": [asdict(one) for one in listed],
    }  # fmt: skip


def _held(bucket: Bucket, key: str, *, is_deep: bool) -> list[Any]:
    held = bucket.look(key)
    if held is None:
        return []
    return bucket.hashed([held]) if is_deep else [held]


def upload_text(shown: dict[str, Any]) -> str:
    """The same for reading."""
    verb = "would upload" if shown["is_dry"] else "uploaded"
    n = shown["n_due"] if shown["is_dry"] else shown["n_uploaded"]
    good: Sequence[dict[str, str]] = [one for one in shown["files"] if not one["problem"]]
    lines = [f"  {one['key']}: {one['why']}" for one in good[:_LISTED]]
    lines += [f"  and {len(good) - _LISTED} more"] if len(good) > _LISTED else []
    lines += [f"  failed: {one['key']}: {one['problem']}" for one in shown["failed"][:_LISTED]]
    return "\n".join([*lines, f"{verb} {n} to {shown['bucket']}; {shown['n_same']} are there already"])


def resolve(said: str, into: Path | None) -> dict[str, str]:
    """A whole file of a stem or message on this machine, fetched where it is not there."""
    studio = open_studio()
    row = stage.find(studio, said)
    path, origin = stage.resolve(studio, open_bucket(), row, into)
    return {"path": str(path), "from": origin, "sha256": row.sha256}
