"""1,200 stems to a bucket and back, on every S3 server that is here: more than a server lists at once.

Aimed at: every object is uploaded, listed and found the same; the one that is deleted at the server, and the one with
a flipped byte, are found, and nothing else.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from audio_assets.domain.bucket_audit import Wanted, audit_bucket
from audio_assets.stages import bucket as stage
from resources.bucket import Bucket
from tests.bench.measuring import Figure
from tests.servers.s3 import BUCKET, MISSING, S3, serving

N = 1200
N_BYTES = 40_000  # as long as a spoken name


def measure() -> Iterator[Figure]:
    """Two rows per server."""
    for kind, reason in MISSING.items():
        if reason:
            yield Figure(f"{N} stems on {kind}", f"skipped: {reason}")
            continue
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            serving(kind, Path(folder)) as server,
            mock.patch.dict(os.environ, server.environment),
        ):
            yield from _cycle(server, Path(folder))


def _cycle(server: S3, folder: Path) -> Iterator[Figure]:
    bucket = Bucket(url=f"s3://{BUCKET}/studio")
    rows = [_made(folder, n) for n in range(N)]
    started = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda row: bucket.upload(folder / row.key, row, None), rows))
    uploaded = time.perf_counter()
    n_wrong = len(list(audit_bucket(rows, stage.in_bucket(bucket, rows))))
    audited = time.perf_counter()
    server.client.delete_object(Bucket=BUCKET, Key=f"studio/{rows[1150].key}")
    flipped = bytes([1]) + (folder / rows[7].key).read_bytes()[1:]
    told = {"sha256": rows[7].sha256, "contract_signature": rows[7].made_under}
    server.client.put_object(Bucket=BUCKET, Key=f"studio/{rows[7].key}", Body=flipped, Metadata=told)
    found = [(one.key, one.problem) for one in audit_bucket(rows, stage.in_bucket(bucket, rows, is_deep=True))]
    wanted = [(rows[7].key, "differs"), (rows[1150].key, "missing_in_bucket")]
    yield Figure(
        f"{N} stems on {server.kind}: wrong after the upload; not found of 2 faults, or found beside them",
        f"{n_wrong}; {len(set(found) ^ set(wanted))}", "0; 0", n_wrong == 0 and found == wanted,
    )  # fmt: skip
    each, look = (uploaded - started) / N, audited - uploaded
    yield Figure(f"an upload, read back, on {server.kind}; an audit of all", f"{each * 1000:.0f} ms; {look:.1f} s")


def _made(folder: Path, number: int) -> Wanted:
    data = hashlib.sha256(str(number).encode()).digest() * (N_BYTES // 32)
    path = folder / f"stems/name/stem.name.n{number:04}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    key = str(path.relative_to(folder))
    return Wanted(key, hashlib.sha256(data).hexdigest(), len(data), "c0", "c0")
