"""Whether a plan names exactly what a change touches: against everything rendered anew, byte for byte.

The example scene with Kokoro, one voice by a ComfyUI workflow (a server of the tests that answers), and
the example song up to its film. After each change the plan over the old data root is held against a new, empty one in
which everything was rendered with the change; then the old one is brought up to date, and must hold the same bytes.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from audio_assets import commands, music_commands
from audio_assets.backfill_job import BACKFILLED, backfill_recipes
from audio_assets.commands import open_studio
from audio_assets.launch import DIALOGUE, FILM, MUSIC, Pipeline
from audio_assets.plan import Plan, plan
from audio_assets.render import Outcome, Recipe, render
from audio_assets.settings import current
from resources import models
from tests.bench.measuring import Figure, Skipped, data_root
from tests.servers.comfyui import ComfyServer
from tests.servers.serving import serving

_REPOSITORY = Path(__file__).resolve().parents[2]
_EXAMPLES = _REPOSITORY / "data" / "examples"
_WITH_HISTORY = (
    "scene_take",
    "take_quality",
    "take_review",
    "selected_take",
    "contact_sheet",
    "timeline",
    "cost_report",
)
"""Lists of all takes that there ever were: an empty data root has had none before."""

Key = tuple[str, str]
State = Mapping[Key, tuple[str, str]]
"""Action key and content of every artifact."""


def _edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = root / name
        assert old in path.read_text(), f"{name} does not say {old}"
        path.write_text(path.read_text().replace(old, new))

    return change


def _write(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text(text) and None


SPOKEN, SEEN = (DIALOGUE,), (MUSIC, FILM)
CHANGES: Mapping[str, tuple[Sequence[Pipeline], Callable[[Path], None]]] = {
    "one voice": (
        SPOKEN,
        _edit("cast.toml", '[characters.caoimhe]\nvoice = "af_bella"', '[characters.caoimhe]\nvoice = "af_nicole"'),
    ),
    "one ComfyUI template": (
        SPOKEN,
        _edit("workflows/comfyui/tts_comfy.json", '"audio-assets/speech"', '"studio/speech"'),
    ),
    "one word of the lexicon": (
        SPOKEN,
        _edit("lexicon.toml", 'Caoimhe = "/ˈkwivə/"', 'Caoimhe = "/ˈkivə/"'),
    ),
    "one price": (
        SEEN,
        _write(
            "price_card.toml",
            '[[prices]]\nprovider = "animatic"\nmodel = "animatic"\nusd_per_second = 0.02\nvalid_from = 2020-01-01\n',
        ),
    ),
    "one prompt preset": (SEEN, _write("prompts.toml", '[presets.dreamy]\ntext = "Style: a dream in ink."\n')),
}
"""Each with the pipelines that are rendered anew to compare; in the others the plan may name nothing."""


def measure() -> Iterator[Figure]:
    """A row per change."""
    if models.installed("kokoro", current().cache) is None:
        raise Skipped("Kokoro is not here: `audio-assets models fetch kokoro`")
    with data_root() as root:
        server = ComfyServer(root / "jobs.db", is_quick=True)
        with serving(server.app()) as url:
            before = root / "before"
            _furnish(before, url)
            with _at(before):
                _render_all(BACKFILLED)
                old = _state(BACKFILLED)
            yield Figure("artifacts in all", str(len(old)))
            for name, (pipelines, change) in CHANGES.items():
                yield from _exact(name, pipelines, change, root, before, url)


def _exact(
    name: str, pipelines: Sequence[Pipeline], change: Callable[[Path], None], root: Path, before: Path, url: str
) -> Iterator[Figure]:
    changed, anew = root / "changed", root / "anew"
    shutil.copytree(before, changed, symlinks=True)
    change(changed)
    with _at(changed):
        studio = open_studio()
        found = plan(studio, backfill_recipes(studio))
        old = _state(pipelines)
    _furnish(anew, url)
    change(anew)
    with _at(anew):
        _render_all(pipelines)
        new = _state(pipelines)
    with _at(changed):
        _render_planned(found)
        after = _state(pipelines)
    planned = {(entry.asset, entry.partition): entry.is_certain for entry in found.stale}
    by_key = {key for key in {*old, *new} if old.get(key, ("",))[0] != new.get(key, ("",))[0]}
    by_bytes = {key for key in {*old, *new} if old.get(key, ("", ""))[1] != new.get(key, ("", ""))[1]}
    unforeseen, idle = by_key - planned.keys(), {key for key, sure in planned.items() if sure and key not in by_key}
    same = {key for key in by_bytes if after.get(key) == new.get(key)}
    wrong = {key for key in by_bytes - same if key[0] not in _WITH_HISTORY}
    n = sum(planned.values())
    told = f"planned {len(planned)} ({n} certain), another action {len(by_key)}, other bytes {len(by_bytes)}"
    yield Figure(f"{name}: {told}; touched but not planned", str(len(unforeseen)), "0", not unforeseen)
    yield Figure(f"{name}: certain, but not touched", str(len(idle)), "0", not idle)
    only_maybe = planned.keys() - by_key
    yield Figure(
        f"{name}: planned as following, and in the end not touched: {_counts(only_maybe)}", str(len(only_maybe))
    )
    yield Figure(f"{name}: after it, not the bytes of the new one", f"{len(wrong)} {_counts(wrong)}", "0", not wrong)
    shutil.rmtree(changed)
    shutil.rmtree(anew)


def _counts(keys: set[Key]) -> str:
    found: dict[str, int] = {}
    for asset, _ in keys:
        found[asset] = found.get(asset, 0) + 1
    return ", ".join(f"{n} {asset}" for asset, n in sorted(found.items()))


class _at:  # noqa: N801 - reads as what it does
    """Within: the settings name this data root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> None:
        os.environ["AUDIO_ASSETS_DATA"] = str(self.root)
        current.cache_clear()

    def __exit__(self, *_: object) -> None:
        current.cache_clear()


def _furnish(root: Path, url: str) -> None:
    """The examples, registered, with a cast in which one speaks by ComfyUI."""
    root.mkdir()
    cast = (_REPOSITORY / "data" / "cast.toml").read_text()
    tomas = '[characters.tomas]\nvoice = "am_michael"\nspeed = 0.95'
    assert tomas in cast
    cast = cast.replace(tomas, '[characters.tomas]\nengine = "comfyui_speech"\nvoice = "am_puck"')
    cast = cast.replace('[characters.tomas.voices]\nfr = "ff_siwis40_tom60"', "")
    (root / "cast.toml").write_text(cast)
    shutil.copy(_REPOSITORY / "data" / "lexicon.toml", root)
    (root / "providers.toml").write_text(f'[providers.comfyui_speech]\nurl = "{url}"\n')
    shutil.copytree(_REPOSITORY / "workflows" / "comfyui", root / "workflows" / "comfyui")
    with _at(root):
        commands.ingest([_EXAMPLES / "lighthouse" / "script.rpy"], render=False, retry_failed=False, is_quiet=True)
        music_commands.analyze([_EXAMPLES / "songs"], render=False, retry_failed=False, is_quiet=True)


def _render_all(pipelines: Sequence[Pipeline]) -> None:
    for pipeline in pipelines:
        studio = open_studio()
        for recipe in pipeline.opened(studio):
            _check(recipe, render(recipe, recipe.partitions(), run_id="bench"))


def _render_planned(found: Plan) -> None:
    """What the plan names, and nothing else."""
    keys = found.keys()
    for pipeline in BACKFILLED:
        studio = open_studio()
        for recipe in pipeline.opened(studio):
            wanted = [key for key in keys.get(recipe.asset, ()) if key in set(recipe.partitions())]
            _check(recipe, render(recipe, wanted, run_id="bench"))


def _check(recipe: Recipe, outcomes: Iterable[Outcome]) -> None:
    """The server's half second of sound is too short to align; nothing else may fail."""
    failed = [one.failure for one in outcomes if one.failure]
    wrong = [one.reason for one in failed if recipe.asset not in ("alignment", "lipsync")]
    if wrong:
        raise RuntimeError(f"{recipe.asset}: {wrong[0]}")


def _state(pipelines: Sequence[Pipeline]) -> State:
    studio = open_studio()
    return {
        (recipe.asset, partition): (ref.action_key, ref.content)
        for pipeline in pipelines
        for recipe in pipeline.opened(studio)
        for partition, ref in recipe.refs.preload().all().items()
    }
