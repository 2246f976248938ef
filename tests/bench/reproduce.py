"""Whether recorded artifacts are rendered again to the same bytes, after people changed everything that they write.

One data root with all stages by the embedded engines. Up to 50 artifacts of each asset are made again from their
records alone: nothing of cast, scripts, lexicon, mixes, data sets, templates, songs' settings, prompts, styles, prices,
requests and choices is what it was. Every asset that renders here has a row.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from audio_assets.commands.opening import open_studio
from audio_assets.domain import storyboard
from audio_assets.lineage.explaining import KINDS, Explainer
from audio_assets.lineage.reproducing import Step, reproduce
from audio_assets.settings import current
from resources import models
from resources.store import SIDECAR
from tests.bench.measuring import Figure, data_root
from tests.bench.whole_studio import SIZE, build, edit, sampled

N, AT_MOST = 50, 50


def measure(n: int = N) -> Iterator[Figure]:
    """A row per asset."""
    with data_root(n_workers=1) as root, mock.patch.dict(storyboard.SIZES, {"landscape": SIZE}):
        has_kokoro = models.installed("kokoro", current().cache) is not None
        if not has_kokoro:
            yield Figure("lines by Kokoro", "skipped: `audio-assets models fetch kokoro`")
        started = time.perf_counter()
        build(root, n, has_kokoro=has_kokoro)
        yield Figure("a data root with all stages", f"{time.perf_counter() - started:.0f} s")
        made = {kind.asset: sorted({path.rpartition("/")[0] for path in open_studio().store.list(kind.folder)
                                    if path.endswith(f"/{SIDECAR}")}) for kind in KINDS}  # fmt: skip
        edit(root)
        for asset, folders in made.items():
            started = time.perf_counter()
            steps = _again(list(sampled(folders, AT_MOST)))
            yield _row(asset, len(folders), steps, time.perf_counter() - started)


def _again(folders: list[str]) -> list[Step]:
    studio = open_studio()
    explainer = Explainer(studio.store, studio)
    with tempfile.TemporaryDirectory() as scratch:
        steps = reproduce(studio, explainer, folders, scratch=Path(scratch), into=None, with_previews=True)
        return list(steps)


def _row(asset: str, n_made: int, steps: list[Step], seconds: float) -> Figure:
    n = Counter(step.verdict for step in steps)
    told = f"{n['same']} same, {n['differs']} differ, {n['not made again']} not made again"
    why = Counter(step.reason for step in steps if step.verdict != "same").most_common(2)
    reasons = "".join(f"; {reason}" for reason, _ in why)
    return Figure(
        f"{asset} (of {n_made}, {seconds:.0f} s)", told + reasons, f"{min(AT_MOST, n_made)} same",
        n["same"] == min(AT_MOST, n_made) > 0,
    )  # fmt: skip
