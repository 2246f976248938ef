"""What the pipeline costs beside its engines: 1,000 lines through voice, alignment and mouth in one Dagster run on
SQLite, against the same calls in a bare loop that keeps nothing.

The run is of exactly those 3,000 asset-partitions: `dialogue_line` (events only) and the mixes are not ordered. Its
time is all of it, with start, keys, store, events and the checks at the end. With one worker the engines are called in
the run's own process, as in the loop, so all of the difference is overhead; by default workers speak meanwhile.

The loop runs between the two runs. Where the machine's load changes meanwhile, the overhead beside the run's own calls,
by their times in the sidecars, is the surer figure.
"""

import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg

from audio_assets.books.script_registration import SourceFile, register
from audio_assets.commands.opening import open_studio
from audio_assets.definitions import build_defs
from audio_assets.domain.artifacts import ALIGNMENT, SPOKEN, WAV, alignment_artifact, lipsync_artifact, voice_artifact
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.instance import open_instance
from audio_assets.launch import DIALOGUE, execute, sync
from audio_assets.settings import current
from audio_assets.studio import Studio
from tests.bench.measuring import Figure, data_root, workers_peak_mb

N_LINES = 1000
ASSETS = ("voice_line", "alignment", "lipsync")
N_PARTITIONS = N_LINES * len(ASSETS)
AIM_MS = 12.0
CAST = '[narrator]\nengine = "espeak"\nvoice = "en-us"\n'
WORDS = "the old lamp above seven quiet boats slowly turns while grey water knows nobody and morning walks behind stone"


def measure() -> Iterator[Figure]:
    """Overhead with one worker, then with one per core; the loop runs between the two."""
    one = run_s(1)
    bare_s = loop_s()
    for n_workers, (wall_s, engines_s, memory) in ((1, one), (0, run_s(0))):
        overhead_ms = 1000 * (wall_s - bare_s) / N_PARTITIONS
        of_itself = f"; {1000 * (wall_s - engines_s) / N_PARTITIONS:.1f} ms beside its own calls" if n_workers else ""
        yield Figure(
            f"{N_LINES} lines x {len(ASSETS)} assets, {'one worker' if n_workers else 'a worker per core'}: overhead",
            f"{overhead_ms:.1f} ms per asset-partition",
            f"< {AIM_MS:g} ms",
            overhead_ms < AIM_MS,
            f"{wall_s:.1f} s = {wall_s / bare_s:.2f} x the bare loop's {bare_s:.1f} s{of_itself}",
            memory,
        )


def loop_s() -> float:
    """Seconds of the engine calls alone."""
    with data_root(CAST):
        studio = registered()
        keys = list(studio.dialogue.cues)
        call_engines(studio, keys[0])  # what is loaded and compiled once is no part of either side
        started = time.perf_counter()
        for key in keys:
            call_engines(studio, key)
        return time.perf_counter() - started


def run_s(n_workers: int) -> tuple[float, float, str]:
    """Seconds of the run and, as its sidecars say, of the engines' calls in it; the memory of its workers."""
    with data_root(CAST, n_workers=n_workers):
        studio = registered()
        keys = list(studio.dialogue.cues)
        job = build_defs().resolve_job_def(DIALOGUE.job)
        with open_instance(current()) as instance:
            sync(instance, studio)
            started = time.perf_counter()
            result = execute(instance, job, dict.fromkeys(ASSETS, keys))
            wall_s = time.perf_counter() - started
            n_recorded = sum(len(instance.get_materialized_partitions(dg.AssetKey(asset))) for asset in ASSETS)
        if not result.success or n_recorded != N_PARTITIONS:
            raise RuntimeError(f"the run recorded {n_recorded} asset-partitions; success: {result.success}")
        refs = [ref for asset in ASSETS for ref in studio.store.refs(asset).all().values()]
        engines_s = sum(sidecar.render_s for ref in refs if (sidecar := studio.store.find(ref.object)) is not None)
        n_processes = current().n_workers
        return wall_s, engines_s, "" if n_workers == 1 else f"{n_processes} x {workers_peak_mb(n_processes):.0f}"


def registered() -> Studio:
    """A studio with the lines in it."""
    script = "\n".join(["== lines ==", *spoken_lines(N_LINES)])
    register(open_studio().store, [SourceFile("bench.txt", script.encode())], variables={}, default_lang="en")
    return open_studio()


def spoken_lines(n_lines: int) -> list[str]:
    """Lines of 4 to 12 words, no two the same."""
    draw = random.Random(1)
    lines: dict[str, None] = {}
    while len(lines) < n_lines:
        lines[" ".join(draw.choices(WORDS.split(), k=draw.randint(4, 12))).capitalize() + "."] = None
    return list(lines)


def call_engines(studio: Studio, key: str) -> None:
    """The three calls that the recipes make for a line."""
    request = studio.dialogue.request(key)
    timing = studio.timing(request.engine, request.speech.lang)
    speak = studio.speaker(request.engine).speaker()
    voice = voice_artifact(speak, request.engine, request.speech, request.character).files
    align = None if timing.aligner is None else timing.aligner.aligner()
    aligned = alignment_artifact(made(voice, WAV), made(voice, SPOKEN), align, timing.refine, timing.fill).files
    rate = parse_frame_rate(str(request.mouth.fps))
    lipsync_artifact(made(aligned, ALIGNMENT), rate, request.mouth.shapes)


def made(files: Mapping[str, bytes | Path], name: str) -> bytes:
    """A file that a call has answered in memory."""
    data = files[name]
    return data if isinstance(data, bytes) else data.read_bytes()
