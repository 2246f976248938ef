"""What is wrong between index, files and bucket: each problem is found, and only where it is."""

from dataclasses import replace

from audio_assets.domain.bucket_audit import REMEDIES, Finding, Held, Wanted, audit_bucket, audit_here, summed

A = Wanted("stems/name/a.wav", "aa", 10, "today", "today")
B = Wanted("stems/name/b.wav", "bb", 20, "today", "today")
MESSAGE = Wanted("messages/m.wav", "mm", 30)
HERE = {A.key: "aa", B.key: "bb", MESSAGE.key: "mm"}


def held(wanted: Wanted, **changes: object) -> Held:
    return replace(Held(wanted.key, wanted.size, wanted.sha256, wanted.made_under), **changes)  # type: ignore[arg-type]


def problems(findings: "object") -> list[tuple[str, str]]:
    return [(one.key, one.problem) for one in findings]  # type: ignore[attr-defined]


def test_what_agrees_has_no_findings() -> None:
    rows = [A, B, MESSAGE]
    assert problems(audit_here(rows, HERE)) == []
    assert problems(audit_bucket(rows, [held(row) for row in rows])) == []


def test_files_that_are_gone_damaged_or_nobodys() -> None:
    found = audit_here([A, B], {B.key: "other", "stems/name/x.wav": "xx"})
    assert problems(found) == [
        (A.key, "missing_here"), (B.key, "damaged_here"), ("stems/name/x.wav", "orphaned_here"),
    ]  # fmt: skip


def test_a_stem_of_another_contract_is_stale_here_and_in_the_bucket() -> None:
    old = replace(A, made_under="yesterday")
    assert problems(audit_here([old], {A.key: "aa"})) == [(A.key, "stale_contract")]
    assert problems(audit_bucket([A], [held(A, contract_signature="yesterday")])) == [(A.key, "stale_contract")]
    assert problems(audit_bucket([A], [held(A, contract_signature="")])) == []


def test_objects_that_are_missing_other_or_nobodys() -> None:
    other = Held("stems/name/x.wav", 1)
    found = audit_bucket([A, B, MESSAGE], [held(B, sha256="other"), held(MESSAGE, size=31, sha256=""), other])
    assert problems(found) == [
        (A.key, "missing_in_bucket"), (B.key, "differs"), (MESSAGE.key, "differs"),
        (other.key, "orphaned_in_bucket"),
    ]  # fmt: skip


def test_an_object_without_sha256_is_compared_by_size_and_counted() -> None:
    rows, objects = [A, B], [held(A, sha256=""), held(B), Held("stems/name/x.wav", 1)]
    found = summed(list(audit_bucket(rows, objects)), rows, objects)
    assert (found.n_by_size, found.counts) == (1, {"orphaned_in_bucket": 1})


def test_a_finding_of_both_sides_counts_once() -> None:
    twice = [Finding("k", "stale_contract", "here"), Finding("k", "stale_contract", "in the bucket")]
    found = summed(twice, [A], [])
    assert [one.detail for one in found.findings] == ["here"]
    assert set(REMEDIES) > {one.problem for one in found.findings}
