"""How long `audio-assets plan` takes where there is nothing to do: 10,000 lines with voice, alignment and mouth each.

Nothing is spoken: files of a few bytes stand for the artifacts, as many as there are of real ones, under the keys that
the recipes ask for today (Kokoro's, as by default).
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from audio_assets.books.script_registration import SourceFile, register
from audio_assets.commands.backfill_commands import make_plan
from audio_assets.commands.opening import open_studio
from audio_assets.domain.action import sha256_hex
from audio_assets.domain.artifacts import ALIGNMENT, LIPSYNC, PICTURE, SPOKEN, WAV
from audio_assets.domain.mouth_exports import FORMATS
from audio_assets.domain.schemas.records import Ref
from audio_assets.launch import DIALOGUE
from audio_assets.recipe import Recipe
from resources.store import SIDECAR
from tests.bench.measuring import Figure, data_root
from tests.bench.pipeline_overhead import spoken_lines

N_SCRIPTS, N_LINES_EACH = 20, 500
AIM_S = 3.0
N_ROUNDS = 3
_MOST_LINKS = 50_000  # to one file; ext4 has 65,000
VOICES = ("af_heart", "af_bella", "am_michael", "am_adam", "bf_emma")
CAST = "\n".join(
    ['[narrator]\nvoice = "af_heart"', *(f'[characters.c{n}]\nvoice = "{v}"' for n, v in enumerate(VOICES))]
)
FILES: Mapping[str, tuple[str, ...]] = {
    "voice_line": (WAV, SPOKEN, PICTURE),
    "alignment": (ALIGNMENT, PICTURE),
    "lipsync": (LIPSYNC, PICTURE, *(f"mouth.{name}" for name in FORMATS)),
    "dialogue_mix": ("mix.wav", "mix.json", PICTURE),
}


def measure() -> Iterator[Figure]:
    """The whole command, and planning alone; the best of some rounds each."""
    with data_root(CAST) as root:
        write_scripts()
        for recipe in DIALOGUE.opened(open_studio()):
            pretend_rendered(recipe, root)
        commands_s, plans_s = [], []
        for _ in range(N_ROUNDS):
            commands_s.append(command_s())
            started = time.perf_counter()
            found, _ = make_plan({})
            plans_s.append(time.perf_counter() - started)
            if found.stale or found.stuck:
                raise RuntimeError(f"the plan was to be empty, but names {[*found.stale, *found.stuck][:3]}")
    what = f"no-op plan over {N_SCRIPTS * N_LINES_EACH} lines"
    best_s = min(commands_s)
    yield Figure(f"{what}: the command", f"{best_s:.2f} s", f"< {AIM_S:g} s", best_s < AIM_S)
    each_us = 1e6 * min(plans_s) / found.n_current
    yield Figure(f"{what}: without start-up", f"{min(plans_s):.2f} s", ratio=f"{each_us:.0f} us per asset-partition")


def command_s() -> float:
    """Seconds of one `audio-assets plan`; its exit code 0 says that nothing is stale."""
    started = time.perf_counter()
    command = [str(Path(sys.executable).with_name("audio-assets")), "plan"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def write_scripts(n_scripts: int = N_SCRIPTS) -> None:
    """Register scripts of several labels, in which the characters take turns."""
    draw = random.Random(1)
    texts = spoken_lines(n_scripts * N_LINES_EACH)
    files = []
    for number in range(n_scripts):
        rows = []
        for at, text in enumerate(texts[number * N_LINES_EACH :][:N_LINES_EACH]):
            rows += [f"== part{at // 50} =="] if at % 50 == 0 else []
            rows.append(f"c{draw.randrange(len(VOICES))}: {text}")
        files.append(SourceFile(f"bench{number}.txt", "\n".join(rows).encode()))
    done = register(open_studio().store, files, variables={}, default_lang="en")
    if done.errors or done.problems:
        raise RuntimeError(f"the scripts were not read: {[*done.errors, *done.problems][:3]}")


def pretend_rendered(recipe: Recipe, root: Path) -> None:
    """Give every partition its object and its ref; the files of all are hard links to one each."""
    names = (*FILES[recipe.asset], SIDECAR)
    for number, partition in enumerate(recipe.partitions()):
        if number % _MOST_LINKS == 0:
            originals = root / "scratch" / f"{recipe.asset}{number}"
            originals.mkdir(parents=True)
            for name in names:
                (originals / name).write_text(name)
        key = recipe.describe(partition).key
        folder = root / recipe.folder / key
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).hardlink_to(originals / name)
        sizes = {name: len(name) for name in FILES[recipe.asset]}
        recipe.refs.point(partition, Ref(key, recipe.folder_of(key), sha256_hex(partition.encode()), sizes))
