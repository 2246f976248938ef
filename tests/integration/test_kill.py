"""A studio that is killed in the middle of its work loses nothing but what it was just making."""

import hashlib
import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from audio_assets.cli import main
from audio_assets.commands.opening import open_studio
from audio_assets.instance import open_instance
from audio_assets.launch import DIALOGUE, order
from audio_assets.plan import plan
from audio_assets.settings import current
from tests.forks import Forked, forks

N_LINES, N_KILLS, SEED = 20, 3, 7
N_ARTIFACTS = 3 * N_LINES + 1
OF_TEST = "OF_THE_TEST_THAT_KILLS"
"""What the environment of their workers says."""
WORDS = ["the", "sea", "lamp", "boat", "wind", "rain", "stone", "gull", "rope", "sail"]

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")


def script(random_words: random.Random) -> str:
    return "".join(f"Line {n} {' '.join(random_words.sample(WORDS, 4))}.\n" for n in range(N_LINES))


def ingest(play: Path, root: Path) -> object:
    """The command, in a process that was forked; its exit code."""
    os.environ[OF_TEST] = str(root)
    try:
        main(["ingest", str(play)])
    except SystemExit as ended:
        return ended.code
    return None


def n_refs(root: Path) -> int:
    return sum(1 for _ in (root / "refs").rglob("*.json"))


def kill_when(process: Forked, root: Path, n_done: int, delay_s: float) -> bool:
    """Kill -9 once `n_done` artifacts have refs and a moment has passed; False when it had ended before."""
    deadline = time.monotonic() + 60
    while n_refs(root) < n_done and not process.has_ended:
        assert time.monotonic() < deadline, "the render does not get on"
        time.sleep(0.002)
    time.sleep(delay_s)
    os.kill(process.pid, signal.SIGKILL)
    return process.result()[0] == -signal.SIGKILL


def processes_of(root: Path) -> list[int]:
    """Processes that those which were forked have started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"{OF_TEST}={root}\0".encode() in environment:
                found.append(int(entry.name))
    return found


def assert_every_ref_is_whole(root: Path) -> None:
    for ref_path in (root / "refs").rglob("*.json"):
        ref = json.loads(ref_path.read_bytes())
        folder = root / ref["object"]
        sidecar = json.loads((folder / "sidecar.json").read_bytes())
        for name, entry in sidecar["files"].items():
            data = (folder / name).read_bytes()
            assert hashlib.sha256(data).hexdigest() == entry["sha256"], f"{ref_path.name}: {folder / name}"
            assert len(data) == entry["size"]


def test_whatever_moment_it_is_killed_at_the_next_run_finishes_the_rest(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(SEED)
    (root / "cast.toml").write_text('[narrator]\nengine = "espeak"\n')
    play = tmp_path / "play.txt"
    play.write_text(script(dice))
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "2")
    with forks() as fork:
        n_killed = 0
        for n_done in sorted(dice.sample(range(N_ARTIFACTS - 10), N_KILLS)):
            n_killed += kill_when(fork(ingest, play, root), root, n_done, dice.uniform(0, 0.05))
            assert_every_ref_is_whole(root)
            assert not list((root / "failures").rglob("*.json")), "a kill is no failure"
        assert n_killed == N_KILLS

        before = {path: path.stat().st_mtime_ns for path in root.rglob("sidecar.json")}
        assert fork(ingest, play, root).result() == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "what was done is done"
    assert n_refs(root) == N_ARTIFACTS
    assert_every_ref_is_whole(root)

    studio = open_studio()
    found = plan(studio, DIALOGUE.opened(studio))
    assert (found.stale, found.stuck, found.n_current) == ([], [], N_ARTIFACTS)
    with open_instance(current()) as instance:
        assert not order(instance, studio, found, DIALOGUE), "Dagster knows of all, what the killed runs made too"
        assert len(instance.get_materialized_partitions(dg.AssetKey("lipsync"))) == N_LINES
        ended = Counter(run.status for run in instance.get_runs())
    assert ended == {dg.DagsterRunStatus.CANCELED: N_KILLS, dg.DagsterRunStatus.SUCCESS: 1}, (
        "none looks as if it went on"
    )
    assert not list(current().own_runs.iterdir())

    deadline = time.monotonic() + 10
    while processes_of(root) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = processes_of(root)
    for process_id in left:
        os.kill(process_id, signal.SIGKILL)
    assert not left, "workers end with their parent, also when it is killed"
