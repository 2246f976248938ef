"""Whether a plan names exactly what a change touches: against everything rendered anew, byte for byte.

The example scene with Kokoro, one voice by a ComfyUI workflow (a server of the tests that speaks), and the example song
up to its film. After each change the plan over the old data root is held against a new, empty one in which everything
was rendered with the change. Then the old one is backfilled, as the command does: exactly that must be rendered which
the change touches, and after it both hold the same bytes. What is only planned as following is cut off where its
inputs come out the same, and counted apart.
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from audio_assets.backfill_job import BACKFILLED, backfill_recipes
from audio_assets.commands import backfill_commands, dialogue_commands, music_commands
from audio_assets.commands.opening import open_studio
from audio_assets.launch import DIALOGUE, FILM, MUSIC, Pipeline
from audio_assets.plan import plan
from audio_assets.recipe import Recipe
from audio_assets.render import Outcome, render
from audio_assets.settings import current
from resources import models
from tests.bench.measuring import Figure, Skipped, data_root
from tests.servers.comfyui import ComfyServer
from tests.servers.serving import serving

_REPOSITORY = Path(__file__).resolve().parents[2]
_EXAMPLES = _REPOSITORY / "data" / "examples"
_WITH_HISTORY = (
    *("scene_take", "take_quality", "take_review", "selected_take", "contact_sheet", "cost_report"),
    "timeline",
)
"""Where takes were made anew: an empty data root has had none before, so that its first new one is t01 there and t02
here, which these name. Without new takes they must be the same as all others."""

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
        server = ComfyServer(root / "jobs.db", is_quick=True, speaks=True)
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
        planned = {
            (entry.asset, entry.partition): entry.is_certain for entry in plan(studio, backfill_recipes(studio)).stale
        }
        old = _state(pipelines)
    _furnish(anew, url)
    change(anew)
    with _at(anew):
        _render_all(pipelines)
        new = _state(pipelines)
    with _at(changed):
        rendered = _backfilled()
        after = _state(pipelines)
    touched = {key for key in {*old, *new} if old.get(key, ("",))[0] != new.get(key, ("",))[0]}
    n_bytes = sum(old.get(key, ("", ""))[1] != new.get(key, ("", ""))[1] for key in {*old, *new})
    sure = {key for key, is_certain in planned.items() if is_certain}
    has_more_takes = any(asset == "scene_take" for asset, _ in touched)
    other = {key for key, (_, content) in new.items() if after.get(key, ("", ""))[1] != content}
    wrong = {key for key in other if not (has_more_takes and key[0] in _WITH_HISTORY)}
    told = f"planned {len(planned)} ({len(sure)} certain), another action {len(touched)}, other bytes {n_bytes}"
    yield Figure(f"{name}: {told}", f"{len(rendered)} rendered")
    yield _none(f"{name}: touched but not planned", touched - planned.keys())
    yield _none(f"{name}: planned as certain, but not touched", sure - touched)
    yield _none(f"{name}: rendered by the backfill, but not touched", rendered - touched)
    yield _none(f"{name}: touched, but not rendered by the backfill", touched - rendered)
    cut_off = planned.keys() - rendered
    yield Figure(f"{name}: planned as following, and cut off as its inputs came out the same", _counts(cut_off) or "0")
    yield _none(f"{name}: after it, not the bytes of the new one", wrong)
    shutil.rmtree(changed)
    shutil.rmtree(anew)


def _none(what: str, keys: Collection[Key]) -> Figure:
    return Figure(what, f"{len(keys)} {_counts(keys)}".strip(), "0", not keys)


def _counts(keys: Collection[Key]) -> str:
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
        os.environ.pop("DAGSTER_HOME", None)  # of the root before
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
        script = _EXAMPLES / "lighthouse" / "script.rpy"
        dialogue_commands.ingest([script], render=False, retry_failed=False, is_quiet=True)
        music_commands.analyze([_EXAMPLES / "songs"], render=False, retry_failed=False, is_quiet=True)


def _render_all(pipelines: Sequence[Pipeline]) -> None:
    for pipeline in pipelines:
        studio = open_studio()
        for recipe in pipeline.opened(studio):
            _check(recipe, render(recipe, recipe.partitions(), run_id="bench"))


def _backfilled() -> set[Key]:
    """Backfill all that is stale, as the command does; what was rendered by it, as the sidecars say."""
    run = backfill_commands.backfill({}, url=None, is_quiet=True).run
    if run is None:
        return set()
    if run.failed:
        raise RuntimeError(f"the backfill failed: {run.failed[0]}")
    studio = open_studio()
    return {
        (recipe.asset, partition)
        for recipe in backfill_recipes(studio)
        for partition, ref in recipe.refs.all().items()
        if (made := studio.store.find(ref.object)) is not None and made.run_id == run.run_id
    }


def _check(recipe: Recipe, outcomes: Iterable[Outcome]) -> None:
    """Nothing may fail."""
    failed = [one.failure.reason for one in outcomes if one.failure]
    if failed:
        raise RuntimeError(f"{recipe.asset}: {failed[0]}")


def _state(pipelines: Sequence[Pipeline]) -> State:
    studio = open_studio()
    return {
        (recipe.asset, partition): (ref.action_key, ref.content)
        for pipeline in pipelines
        for recipe in pipeline.opened(studio)
        for partition, ref in recipe.refs.preload().all().items()
    }
