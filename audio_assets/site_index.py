"""The index of the artifact server: which partitions there are, what each has, and finding one by its text.

Refs are listed, not read: of ten thousand partitions only those on the page at hand are opened. Texts come from the
registered scripts. The listing is kept for 2 seconds, longer where reading it takes long.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlencode

import obstore

from audio_assets.domain.lines import partition_key, script_slug
from audio_assets.domain.schemas.records import RecordError, Ref
from audio_assets.domain.schemas.script import ScriptRecord
from resources.store import ArtifactStore

PAGE_ROWS = 50
_KEPT_S = 2.0
_KEPT_READS = 10  # a listing serves ten times as long as it took to read: 40,000 refs take 0.4 s, so 4 s
_ENTRY = re.compile(r"(refs|failures)/([^/]+)/(.+)\.json")

# The stages in the order of the graph; an asset that is not named here follows in order of its name.
STAGES = ("voice_line", "alignment", "lipsync", "dialogue_mix")


@dataclass(frozen=True, slots=True)
class Query:
    """What the index is asked for. Every field is text from outside."""

    text: str = ""
    asset: str = ""
    script: str = ""
    state: str = ""
    page: int = 1

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "Query":
        """Read the URL's parameters; what makes no sense counts as not given."""
        number = parameters.get("page", "1")
        return cls(
            parameters.get("q", "").strip()[:200],
            parameters.get("asset", "")[:100],
            parameters.get("script", "")[:100],
            parameters.get("state", "") if parameters.get("state") == "failed" else "",
            max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 7 else 1,
        )

    def url(self, **changes: str | int) -> str:
        """Return the address of this query with some of it changed; a changed filter starts at the first page."""
        changed = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]
        parameters = {
            "q": changed.text, "asset": changed.asset, "script": changed.script, "state": changed.state,
            "page": str(changed.page) if changed.page > 1 else "",
        }  # fmt: skip
        given = urlencode({name: value for name, value in parameters.items() if value})
        return f"/?{given}" if given else "/"


@dataclass(frozen=True, slots=True)
class Said:
    """What a line partition says, by its script."""

    text: str
    character: str


@dataclass
class Entry:
    """One partition: when each of its assets was last pointed somewhere, and which failed."""

    partition: str
    rendered: dict[str, datetime] = field(default_factory=dict)
    failed: dict[str, datetime] = field(default_factory=dict)

    @property
    def newest(self) -> datetime:
        """When anything last happened to it."""
        return max([*self.rendered.values(), *self.failed.values()])

    @property
    def script(self) -> str:
        """The script that its key begins with."""
        return self.partition.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One partition on the page. `sound` is the path of a WAV file, `failed_checks` by asset."""

    partition: str
    said: Said
    assets: tuple[str, ...]
    failed: tuple[str, ...]
    failed_checks: Mapping[str, tuple[str, ...]]
    newest: datetime
    sound: str

    @property
    def main_asset(self) -> str:
        """The asset whose page the row opens."""
        return (*self.assets, *self.failed)[0]


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """One script: how many lines it has in all its languages, and how many of them have a voice."""

    name: str
    langs: tuple[str, ...]
    n_lines: int
    n_voiced: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What the index shows."""

    query: Query
    rows: tuple[Row, ...]
    n_found: int
    n_pages: int
    rendered: Mapping[str, int]
    failed: Mapping[str, int]
    scripts: tuple[ScriptRow, ...]


class Index:
    """The partitions of a store; safe to share between threads."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._good_until = float("-inf")
        self._entries: dict[str, Entry] = {}
        self._said: dict[str, Said] = {}
        self._current: set[str] = set()
        self._scripts: tuple[ScriptRecord, ...] = ()

    def said(self, partition: str) -> Said:
        """Return what a line says; nothing for what is no line of a registered script."""
        self._refresh()
        return self._said.get(partition, Said("", ""))

    def assets_of(self, partition: str) -> tuple[str, ...]:
        """Return the assets that are rendered of a partition, in the order of the stages."""
        self._refresh()
        entry = self._entries.get(partition)
        return _in_stage_order(entry.rendered) if entry else ()

    def partitions(self, asset: str) -> list[str]:
        """Return every rendered partition of an asset."""
        self._refresh()
        return [name for name, entry in self._entries.items() if asset in entry.rendered]

    def listing(self, query: Query) -> Listing:
        """Return the page of the index that `query` asks for; the newest come first."""
        self._refresh()
        found = sorted(self._matching(query), key=lambda entry: (entry.newest, entry.partition), reverse=True)
        n_pages = max(1, -(-len(found) // PAGE_ROWS))
        query = replace(query, page=min(query.page, n_pages))
        shown = found[(query.page - 1) * PAGE_ROWS : query.page * PAGE_ROWS]
        current = [entry for entry in self._entries.values() if not self._is_retired(entry)]
        rendered = Counter(asset for entry in current for asset in entry.rendered)
        failed = Counter(asset for entry in current for asset in entry.failed)
        assets = _in_stage_order({**rendered, **failed})
        return Listing(
            query,
            tuple(self._row(entry) for entry in shown),
            len(found),
            n_pages,
            {asset: rendered[asset] for asset in assets},
            {asset: failed[asset] for asset in assets},
            self._script_rows(),
        )

    def _matching(self, query: Query) -> list[Entry]:
        words = query.text.casefold().split()
        found: list[Entry] = []
        for entry in self._entries.values():
            if query.asset and query.asset not in entry.rendered and query.asset not in entry.failed:
                continue
            if query.script and entry.script != query.script:
                continue
            if query.state == "failed" and not (query.asset in entry.failed if query.asset else entry.failed):
                continue
            said = self._said.get(entry.partition)
            haystack = f"{entry.partition} {said.character} {said.text}" if said else entry.partition
            if words and not all(word in haystack.casefold() for word in words):
                continue
            found.append(entry)
        return found

    def _row(self, entry: Entry) -> Row:
        refs = {asset: self._store.refs(asset).get(entry.partition) for asset in _in_stage_order(entry.rendered)}
        return Row(
            entry.partition,
            self._said.get(entry.partition, Said("", "")),
            tuple(refs),
            _in_stage_order(entry.failed),
            {asset: ref.failed_checks for asset, ref in refs.items() if ref and ref.failed_checks},
            entry.newest,
            _sound(refs),
        )

    def _is_retired(self, entry: Entry) -> bool:
        """Whether a registered script has lost this line or label; its page and files are still here."""
        return entry.script in {record.script for record in self._scripts} and entry.partition not in self._current

    def _script_rows(self) -> tuple[ScriptRow, ...]:
        voiced = Counter(
            entry.script
            for entry in self._entries.values()
            if "voice_line" in entry.rendered and not self._is_retired(entry)
        )
        return tuple(
            ScriptRow(
                record.script,
                tuple(dict.fromkeys([*(line.lang or record.lang for line in record.lines), *record.translations])),
                len(record.lines) + sum(map(len, record.translations.values())),
                voiced[record.script],
            )
            for record in self._scripts
        )

    def _refresh(self) -> None:
        with self._lock:
            started = time.monotonic()
            if started < self._good_until:
                return
            self._entries = _entries(self._store)
            self._scripts = tuple(_scripts(self._store))
            self._said = {key: said for record in self._scripts for key, said in _said(record).items()}
            self._current = {*self._said, *(key for record in self._scripts for key in _label_mixes(record))}
            read = time.monotonic()
            self._good_until = read + max(_KEPT_S, _KEPT_READS * (read - started))


def _entries(store: ArtifactStore) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for prefix in ("refs", "failures"):
        for chunk in obstore.list(store.backend, prefix, chunk_size=1000):
            for item in chunk:
                match = _ENTRY.fullmatch(item["path"])
                if match is None:
                    continue
                kind, asset, partition = match.groups()
                entry = found.setdefault(partition, Entry(partition))
                (entry.rendered if kind == "refs" else entry.failed)[asset] = item["last_modified"]
    return found


def _scripts(store: ArtifactStore) -> list[ScriptRecord]:
    return [record for _, data in sorted(store.read_all("scripts")) if (record := _script(data)) is not None]


@lru_cache(maxsize=256)
def _script(data: bytes) -> ScriptRecord | None:
    """Read a script; a damaged record costs the index that script's texts, no more: who ingests it again is told."""
    try:
        return ScriptRecord.from_bytes(data)
    except RecordError:
        return None


def _said(record: ScriptRecord) -> dict[str, Said]:
    return {
        partition_key(record.script, line.line_id, lang): Said(line.text, line.character)
        for lang, lines in record.by_language()
        for line in lines
    }


def _label_mixes(record: ScriptRecord) -> Iterator[str]:
    for lang, lines in record.by_language():
        for line in lines:
            yield partition_key(record.script, script_slug(line.label), lang)


def _in_stage_order(assets: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(assets, key=lambda name: (STAGES.index(name) if name in STAGES else len(STAGES), name)))


def _sound(refs: Mapping[str, Ref | None]) -> str:
    for asset, name in (("dialogue_mix", "mix.wav"), ("voice_line", "out.wav")):
        ref = refs.get(asset)
        if ref is not None:
            return f"{ref.object}/{name}"
    return ""
