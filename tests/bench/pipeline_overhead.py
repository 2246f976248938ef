"""What the pipeline costs beside its engines: 1,000 lines through voice, alignment and mouth in one Dagster run on
SQLite, against the same calls in a bare loop that keeps nothing.

The run is of exactly those 3,000 asset-partitions: `dialogue_line` (events only) and the mixes are not ordered. The time
is the whole run's, with its start, keys, store, events and concluding checks. With one worker the engines are called in
the run's own process, as in the loop, so the difference is all overhead; with the default, workers speak while the run
records.
"""

import random
import time
from collections.abc import Iterator

from audio_assets.definitions import build_defs, build_resources
from audio_assets.domain.artifacts import ALIGNMENT, SPOKEN, WAV, alignment_artifact, lipsync_artifact, voice_artifact
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.instance import open_instance
from audio_assets.jobs import JOB
from audio_assets.launch import execute, sync
from audio_assets.registration import SourceFile, register
from audio_assets.settings import current
from audio_assets.studio import Studio
from tests.bench.measuring import Figure, data_root, workers_peak_mb

N_LINES = 1000
ASSETS = ("voice_line", "alignment", "lipsync")
AIM_MS = 12.0
CAST = '[narrator]\nengine = "espeak"\nvoice = "en-us"\n'
WORDS = "the old lamp above seven quiet boats slowly turns while grey water knows nobody and morning walks behind stone"


def measure() -> Iterator[Figure]:
    """Overhead with one worker, then with one per core; the loop runs before and after, the faster one counts."""
    loops_s = [loop_s()]
    runs = {n_workers: run_s(n_workers) for n_workers in (1, 0)}
    loops_s.append(loop_s())
    bare_s = min(loops_s)
    for n_workers, (wall_s, memory) in runs.items():
        overhead_ms = 1000 * (wall_s - bare_s) / (N_LINES * len(ASSETS))
        yield Figure(
            f"{N_LINES} lines x {len(ASSETS)} assets, {'one worker' if n_workers else 'a worker per core'}: overhead",
            f"{overhead_ms:.1f} ms per asset-partition",
            f"< {AIM_MS:g} ms",
            overhead_ms < AIM_MS,
            f"{wall_s:.1f} s = {wall_s / bare_s:.2f} x the bare loop's {bare_s:.1f} s",
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


def run_s(n_workers: int) -> tuple[float, str]:
    """Seconds of the run, and the memory of its workers, if it has any."""
    with data_root(CAST, n_workers=n_workers):
        studio = registered()
        keys = list(studio.dialogue.cues)
        job = build_defs().resolve_job_def(JOB)
        with open_instance(current()) as instance:
            sync(instance, studio)
            started = time.perf_counter()
            result = execute(instance, job, {asset: keys for asset in ASSETS})
            wall_s = time.perf_counter() - started
            n_recorded = sum(len(instance.get_materialized_partitions(asset_key)) for asset_key in _keys())
        if not result.success or n_recorded != N_LINES * len(ASSETS):
            raise RuntimeError(f"the run recorded {n_recorded} asset-partitions; success: {result.success}")
        n_processes = current().n_workers
        return wall_s, "" if n_workers == 1 else f"{n_processes} x {workers_peak_mb(n_processes):.0f}"


def registered() -> Studio:
    """A studio with the lines in it."""
    store = build_resources(current())["studio"].open().store
    register(store, [SourceFile("bench.txt", script().encode())], variables={}, default_lang="en")
    studio: Studio = build_resources(current())["studio"].open()
    return studio


def script() -> str:
    """Lines of 4 to 12 words, no two the same."""
    draw = random.Random(1)  # noqa: S311 - test material
    lines: dict[str, None] = {}
    while len(lines) < N_LINES:
        lines[" ".join(draw.choices(WORDS.split(), k=draw.randint(4, 12))).capitalize() + "."] = None
    return "\n".join(["== lines ==", *lines])


def call_engines(studio: Studio, key: str) -> None:
    """The three calls that the recipes make for a line."""
    request = studio.dialogue.request(key)
    timing = studio.timing(request.engine, request.speech.lang)
    speak = studio.speaker(request.engine).speaker()
    voice = voice_artifact(speak, request.engine, request.speech, request.character).files
    aligned = alignment_artifact(_bytes(voice[WAV]), _bytes(voice[SPOKEN]), timing.align, timing.refine, timing.source)
    rate = parse_frame_rate(str(request.mouth.fps))
    lipsync_artifact(_bytes(aligned.files[ALIGNMENT]), rate, request.mouth.shapes)
