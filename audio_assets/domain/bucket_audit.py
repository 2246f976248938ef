"""What is wrong between the files of a studio, their index, and a bucket.

Keys are paths below the data root, and below the bucket's prefix: `stems/name/stem.name.jose.wav`. A file is known by
its sha256; an object in a bucket tells its own in its metadata, and is as good as unknown where it does not and nobody
has hashed it. Not here: reading either side (`resources/bucket.py`, `bucket.py`).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Problem = Literal[
    "missing_here", "damaged_here", "orphaned_here",
    "missing_in_bucket", "differs", "orphaned_in_bucket",
    "stale_contract",
]  # fmt: skip
_MESSAGES = "messages/"
REMEDIES: Mapping[Problem, str] = {
    "missing_here": "{made_by} puts it back, or `audio-assets bucket resolve ID` it alone",
    "damaged_here": "{made_by} writes it again, or `audio-assets bucket resolve ID` it alone",
    "orphaned_here": "no stem or message of today; `audio-assets gc` removes those that were made here",
    "missing_in_bucket": "`audio-assets bucket upload` puts it there",
    "differs": "`audio-assets bucket upload` replaces it",
    "orphaned_in_bucket": "no stem or message of today; delete it with the bucket's own tools if nobody needs it",
    "stale_contract": "{made_by}, then `audio-assets bucket upload`",
}
"""What to do about each problem; `made_by` is what makes such a file."""


def made_by(key: str) -> str:
    """The command that makes the file of a key, or writes it again."""
    return "`audio-assets message make --all`" if key.startswith(_MESSAGES) else "`audio-assets stem generate all`"


def check_prefix(prefix: str) -> None:
    """Refuse what no key begins with.

    Raises:
        ValueError: it leads out of the bucket, or begins with a slash.
    """
    if prefix.startswith("/") or ".." in prefix.split("/") or "//" in prefix:
        raise ValueError(f"no key begins with '{prefix}'; write stems/, stems/name/, messages/ or more of a key")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as the index has it; `contract_signature` is that of today's settings, "" where there is none.

    `made_under` is the contract that the file was made under, which goes to the bucket with it. `object` is the path
    of the same bytes in the store, "" where it is not known.
    """

    key: str
    sha256: str
    size: int
    contract_signature: str = ""
    made_under: str = ""
    object: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """An object in a bucket. `sha256` and `contract_signature` are "" where they are not known.

    `version` is the server's tag of these bytes, for replacing these and no others.
    """

    key: str
    size: int
    sha256: str = ""
    contract_signature: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a key; `detail` says how it was seen."""

    key: str
    problem: Problem
    detail: str = ""

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.problem].format(made_by=made_by(self.key))


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, in the order of keys. Of `n_by_size` objects only the size could be compared."""

    findings: tuple[Finding, ...]
    n_wanted: int
    n_held: int = 0
    n_by_size: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many of each problem there are; those there are none of are left out."""
        return dict(sorted(Counter(finding.problem for finding in self.findings).items()))


def audit_here(wanted: Sequence[Wanted], here: Mapping[str, str]) -> Iterator[Finding]:
    """The files of the studio against its index; `here` has the sha256 of every file that is there, by key."""
    for one in wanted:
        found = here.get(one.key)
        if found is None:
            yield Finding(one.key, "missing_here", "the index has it, the file is gone")
        elif found != one.sha256:
            yield Finding(one.key, "damaged_here", "its sha256 is not that of the index")
        if one.contract_signature and one.made_under != one.contract_signature:
            yield Finding(one.key, "stale_contract", "made under another contract than today's")
    known = {one.key for one in wanted}
    yield from (Finding(key, "orphaned_here", "not in the index") for key in here if key not in known)


def audit_bucket(wanted: Sequence[Wanted], held: Sequence[Held]) -> Iterator[Finding]:
    """The objects of a bucket against the index of the studio."""
    there = {one.key: one for one in held}
    for one in wanted:
        found = there.get(one.key)
        if found is None:
            yield Finding(one.key, "missing_in_bucket", "not in the bucket")
            continue
        difference = how_it_differs(one, found)
        if difference:
            yield Finding(one.key, "differs", difference)
        if one.contract_signature and found.contract_signature not in ("", one.contract_signature):
            yield Finding(one.key, "stale_contract", "the object in the bucket is of another contract than today's")
    known = {one.key for one in wanted}
    yield from (Finding(key, "orphaned_in_bucket", "not in the index") for key in there if key not in known)


def how_it_differs(wanted: Wanted, held: Held) -> str:
    """How an object differs from the file of its key, as far as is known; "" where it does not."""
    if held.size != wanted.size:
        return f"{held.size} bytes in the bucket, {wanted.size} in the index"
    if held.sha256 and held.sha256 != wanted.sha256:
        return "its sha256 in the bucket is not that of the index"
    return ""


def summed(findings: Collection[Finding], wanted: Sequence[Wanted], held: Sequence[Held]) -> Audit:
    """An audit of all findings: each once, by key and problem."""
    once = {(one.key, one.problem): one for one in reversed(list(findings))}
    sizes_only = {one.key for one in held if not one.sha256} & {one.key for one in wanted}
    return Audit(tuple(once[name] for name in sorted(once)), len(wanted), len(held), len(sizes_only))
