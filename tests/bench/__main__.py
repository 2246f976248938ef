"""`python -m tests.bench [NAME ...]`: runs all benches or the named ones, each in a process of its own, and prints one
table. Ratios hold on any machine, times on this one; the load is printed, for it moves both.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import orjson

from tests.bench.measuring import Figure, figures_of

BENCHES = (
    "pipeline_overhead", "plan_speed", "changed_voice", "plan_exactness",
    "kokoro_throughput", "mix_speed", "word_error_rate", "alignment_error",
    "word_phones", "mouth_shape_agreement", "beat_accuracy", "section_boundaries", "lyric_alignment", "scene_alignment",
    "song_analysis", "long_song", "animatic_speed", "take_scoring", "lip_sync_speed", "film_assembly", "karaoke_speed",
    "http_faults",
    "provider_faults", "messages", "rotation", "bucket", "live_queue", "live_latency", "provenance", "reproduce",
)  # fmt: skip
COLUMNS = ("what", "measured", "aim", "met", "ratio", "peak MB")


def main() -> None:
    """Measure, then print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; without one all")
    parser.add_argument("--here", action="store_true", help="measure in this very process and print JSON lines")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(BENCHES))
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    if options.here:
        for name in options.names:
            for figure in figures_of(name):
                print(orjson.dumps(figure).decode(), flush=True)
    else:
        measure_each(options.names or BENCHES)


def measure_each(names: Sequence[str]) -> None:
    """Run each bench in a process of its own, so that its memory is its own; one that breaks costs its rows only."""
    rows: list[Sequence[str]] = []
    failed = False
    for name in names:
        started, load = time.perf_counter(), os.getloadavg()[0]
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench", "--here", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout or ():
                rows.append(row(Figure(**orjson.loads(line))))
                print(f"  {'; '.join(filter(None, rows[-1][:2]))}", flush=True)  # the table comes minutes later
        if child.returncode:
            failed = True
            rows.append(row(Figure(name, "broke: see above")))
        print(f"{name}: {time.perf_counter() - started:.0f} s, load {load:.1f} before", flush=True)
    print_table([COLUMNS, *rows])
    raise SystemExit(1 if failed else 0)


def row(figure: Figure) -> Sequence[str]:
    """The cells of a figure."""
    met = {None: "", True: "yes", False: "NO"}[figure.is_met]
    return figure.what, figure.measured, figure.aim, met, figure.ratio, figure.peak_mb


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
