"""The provenance database over 100,000 objects: made anew, brought up to date after 10 changes, asked.

Aimed at: a refresh after a small change in seconds and under 1 GB, the same rows as a database that is made anew. The
objects are sidecars of two assets, each with its ref; no file is behind them, for none is opened. The ledger and
Dagster are left out.
"""

import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb

from audio_assets.domain.action import Action, sha256_hex
from audio_assets.domain.schemas.records import Check, Ref, Sidecar, StoredFile, content_sha256
from audio_assets.lineage.provenance import LAYOUT
from resources.provenance_db import ProvenanceDb, Refreshed
from resources.provenance_query import ask
from resources.provenance_schema import TABLES
from resources.store import SIDECAR, ArtifactStore
from tests.bench.measuring import Figure, data_root, peak_mb

N_LINES = 50_000
REFRESH_AIM_S, MEMORY_AIM_MB = 10.0, 1000.0
VOICES = ("af_heart", "af_bella", "am_michael", "am_adam", "bf_emma")


def measure() -> Iterator[Figure]:
    """Four rows."""
    with data_root() as root:
        for number in range(N_LINES):
            write_line(root, number)
        n_objects = 2 * N_LINES
        built, built_s, built_mb = apart(root)
        rate = f"{1e6 * built_s / (built.n_read or 1):.0f} us a record"
        yield Figure(f"{n_objects} objects: the database made anew", f"{built_s:.1f} s, {built_mb:.0f} MB", ratio=rate)
        _, idle_s, _ = apart(root)
        yield Figure(f"{n_objects} objects: nothing new", f"{idle_s:.1f} s")
        change(root)
        done, seconds, mb = apart(root)
        if (done.n_read, done.n_gone, done.rebuilt) != (8, 2, ""):
            raise RuntimeError(f"10 records changed, {done.n_read} were read and {done.n_gone} gone; {done.rebuilt}")
        yield Figure(
            f"{n_objects} objects: a refresh after 10 changes", f"{seconds:.1f} s, {mb:.0f} MB",
            f"< {REFRESH_AIM_S:g} s, < {MEMORY_AIM_MB:g} MB", seconds < REFRESH_AIM_S and mb < MEMORY_AIM_MB,
        )  # fmt: skip
        started = time.perf_counter()
        n_touched = len(ask(done.file, "SELECT * FROM touched_by('voice', 'af_heart')").rows)
        touched_s = time.perf_counter() - started
        n_gaps = len(ask(done.file, "SELECT * FROM incomplete").rows)
        gaps_s = time.perf_counter() - started - touched_s
        yield Figure(f"touched_by: {n_touched} rows; incomplete: {n_gaps} rows", f"{touched_s:.1f} s; {gaps_s:.1f} s")
        n_other = differing(done.file, root)
        yield Figure("rows that differ from a database made anew", str(n_other), "0", n_other == 0)


def apart(root: Path, folder: str = "provenance") -> tuple[Refreshed, float, float]:
    """A refresh in a process of its own: what it did, in how many seconds, with how much memory (MB) at most."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(refreshed, root, folder).result()


def refreshed(root: Path, folder: str) -> tuple[Refreshed, float, float]:
    """What `apart` calls."""
    done = ProvenanceDb(root / folder, LAYOUT).refresh(ArtifactStore(url=str(root)))
    return done, done.seconds, peak_mb()


def write_line(root: Path, number: int) -> None:
    """A voice and its alignment, as long as real ones, with their refs."""
    draw = random.Random(number)
    partition = f"script{number // 1000}.line-{number:06}.en"
    text = " ".join(f"word{draw.randrange(5000)}" for _ in range(12))
    params = {"text": text, "voice": [[draw.choice(VOICES), 1.0]], "lang": "en", "speed": 1.0, "character": "anna",
              "style": "", "seed": 0, "pronunciations": [[text.split()[0], "/x/"]]}  # fmt: skip
    provider = {"engine": "kokoro", "model": sha256_hex(b"model"), "licence": "Apache-2.0"}
    voice = Action("voice_line", "1", provider, params)
    content = commit(root, "audio/tts", partition, voice, {}, ("out.wav", "speech.json", "picture.png"))
    aligned = Action("alignment", "1", {"engine": "pocketsphinx"}, {}, {"voice_line": content})
    sources = {"voice_line": f"audio/tts/{voice.key}"}
    commit(root, "audio/alignments", partition, aligned, sources, ("alignment.json", "picture.png"))


def commit(
    root: Path, folder: str, partition: str, action: Action, sources: dict[str, str], names: tuple[str, ...]
) -> str:
    """Write the sidecar and the ref of an object that is not there; its content."""
    files = {name: StoredFile(sha256_hex(f"{action.key}{name}".encode()), 40_000) for name in names}
    content = content_sha256(files, ("picture.png",))
    sidecar = Sidecar(
        action.key, action.as_record(), content, files,
        {"text": action.params.get("text", ""), "duration_s": 2.5, "sample_rate_hz": 24_000, "peak_db": -3.1},
        tuple(Check(name, passed=True, detail="measured 0.98 of 1.0, at least 0.5 is wanted") for name in "abcd"),
        sources, ("picture.png",), "2026-11-27T09:00:00+00:00", 0.25, "run", "Apache-2.0", 0.0,
    )  # fmt: skip
    target = root / folder / action.key
    target.mkdir(parents=True)
    (target / SIDECAR).write_bytes(sidecar.to_bytes())
    point(
        root, action.asset, partition, Ref(action.key, f"{folder}/{action.key}", content, dict.fromkeys(files, 40_000))
    )
    return content


def point(root: Path, asset: str, partition: str, ref: Ref) -> None:
    """Write a ref."""
    path = root / "refs" / asset / f"{partition}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ref.to_bytes())


def change(root: Path) -> None:
    """Two lines more (8 records), and two objects gone."""
    time.sleep(2.5)  # what was just written is looked at once more; that is not what is measured
    apart(root)
    for number in (N_LINES, N_LINES + 1):
        write_line(root, number)
    for folder in sorted((root / "audio/tts").iterdir())[:2]:
        (folder / SIDECAR).unlink()


def differing(file: Path, root: Path) -> int:
    """How many rows two databases do not share, the second made anew."""
    fresh = apart(root, "anew")[0].file
    with duckdb.connect() as both:
        both.execute("SET enable_progress_bar = false")
        both.execute(f"ATTACH '{file}' AS here (READ_ONLY)")
        both.execute(f"ATTACH '{fresh}' AS anew (READ_ONLY)")
        n_rows = 0
        for table in TABLES:
            for one, other in (("here", "anew"), ("anew", "here")):
                sql = f"SELECT count(*) FROM (FROM {one}.{table.name} EXCEPT ALL FROM {other}.{table.name})"  # noqa: S608
                n_rows += (both.execute(sql).fetchone() or (0,))[0]
        return n_rows
