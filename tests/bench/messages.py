"""Stems and messages in bulk: 200 names, 5 developers and 3 scripts spoken by espeak in one run, 1,000 messages joined
in another, every stem's samples looked for in every message at the recorded offsets, from the plain files.

Then the names get another voice: exactly their stems turn stale, and every message follows. Then the engine gets
another version: every stem of it turns stale.
"""

import time
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from unittest import mock

import numpy as np
import orjson

from audio_assets.commands.opening import open_studio
from audio_assets.definitions import build_defs
from audio_assets.domain.artifacts import read_wav
from audio_assets.domain.bitmerge import pcm_sha256
from audio_assets.domain.stem_artifacts import MERGE
from audio_assets.instance import open_instance
from audio_assets.launch import VOICE_STEMS, execute, order, sync
from audio_assets.plan import plan
from audio_assets.settings import current
from audio_assets.stages.stems import message_path, stem_path
from tests.bench.measuring import Figure, data_root, workers_peak_mb

N_NAMES, N_DEVELOPERS, N_SCRIPTS = 200, 5, 3
N_STEMS, N_MESSAGES = N_NAMES + N_DEVELOPERS + N_SCRIPTS, N_NAMES * N_DEVELOPERS
CAST = '[narrator]\nvoice = "espeak:es"\n[characters.host]\nvoice = "espeak:{voice}"\n'
SETTINGS = '[name]\ncharacter = "host"\nlang = "es"\n[developer]\nlang = "es"\n[script]\nlang = "es"\n'
FIRST = ("José", "María", "Iñaki", "Zoë", "Begoña", "Ángel", "Lucía", "Andrés", "Inés", "Óscar", "Raúl", "Sofía",
         "Tomás", "Úrsula", "Víctor", "Ximena", "Yago", "Ana", "Luis", "Carmen")  # fmt: skip
SECOND = ("", " Peña", " Núñez", " Ibáñez", " Soler", " Vega", " Gómez", " León", " Muñoz", " Díaz")
DEVELOPERS = ("Hilton", "Estudio Ñandú", "Lumbre", "Casa Roja", "Faro")
SCRIPTS = ("Gracias por estar aquí.", "El estreno es el sábado a las nueve.", "Hasta muy pronto, y cuídate mucho.")


def measure() -> Iterator[Figure]:
    """Stems, messages, the proof, and what turns stale."""
    with data_root(CAST.format(voice="es")) as root:
        fill(root)
        stems_s, n_stems = run()
        if n_stems["stem"] != N_STEMS or "message" in n_stems:
            raise RuntimeError(f"the run was to make {N_STEMS} stems, and made {n_stems}")
        workers = f"{current().n_workers} x {workers_peak_mb(current().n_workers):.0f}"
        yield Figure(
            f"{N_NAMES} names, {N_DEVELOPERS} developers, {N_SCRIPTS} scripts in one run, espeak",
            f"{stems_s:.1f} s, {1000 * stems_s / N_STEMS:.0f} ms per stem", peak_mb=workers,
        )  # fmt: skip
        ask(root)
        messages_s, n_made = run()
        yield Figure(
            f"{N_MESSAGES} messages joined in one run",
            f"{messages_s:.1f} s, {1000 * messages_s / N_MESSAGES:.0f} ms per message",
            f"{N_MESSAGES} made", n_made.get("message") == N_MESSAGES,
        )  # fmt: skip
        yield proof(root, "its stems' samples, bit for bit, in every message")
        yield from turned_stale(root)


def turned_stale(root: Path) -> Iterator[Figure]:
    """Another voice of the names, then another version of the engine."""
    (root / "cast.toml").write_text(CAST.format(voice="es+f3"))
    names = {stem for stem in open_studio().stems.entries if stem.startswith("stem.name.")}
    stale = stale_now()
    is_exact = stale["stem"] == names and stale["message"] == set(open_studio().stems.messages)
    yield Figure(
        "another voice of the names: stale", f"{len(stale['stem'])} stems, {len(stale['message'])} messages",
        f"exactly the {N_NAMES} names, and the messages", is_exact,
    )  # fmt: skip
    again_s, n_made = run()
    is_exact = (n_made["stem"], n_made["message"]) == (N_NAMES, N_MESSAGES) and not stale_now()["stem"]
    yield Figure(
        "and made again in one run", f"{again_s:.1f} s; {n_made['stem']} stems, {n_made['message']} messages",
        f"{N_NAMES} and {N_MESSAGES}", is_exact,
    )  # fmt: skip
    yield proof(root, "the new samples in every message")
    with mock.patch("resources.speech._espeak_identity", return_value={"engine": "espeak-ng", "package": "the next"}):
        n_stale = len(stale_now()["stem"])
    yield Figure("another version of the engine: stale", f"{n_stale} stems", "all of its stems", n_stale == N_STEMS)


def fill(root: Path) -> None:
    """The data sets."""
    (root / "stems.toml").write_text(SETTINGS)
    folder = root / "datasets"
    folder.mkdir()
    names = [f"{first}{second}" for first, second in product(FIRST, SECOND)]
    (folder / "names.txt").write_text("\n".join(names[:N_NAMES]))
    (folder / "developers.txt").write_text("\n".join(DEVELOPERS))
    scripts = [{"value": f"script {n}", "text": text} for n, text in enumerate(SCRIPTS)]
    (folder / "scripts.json").write_bytes(orjson.dumps(scripts))


def ask(root: Path) -> None:
    """The requests: every name with every developer, the three scripts in turn."""
    book = open_studio().stems
    rows = ["template,name,developer,script"]
    for number, (name, developer) in enumerate(product(book.of_kind("name"), book.of_kind("developer"))):
        script = book.of_kind("script")[number % N_SCRIPTS] if number % 2 else ""
        rows.append(f"{'announcement' if script else 'double_anchor'},{name},{developer},{script}")
    (root / "messages").mkdir(exist_ok=True)
    (root / "messages" / "all.csv").write_text("\n".join(rows))


def run() -> tuple[float, Mapping[str, int]]:
    """Seconds of one run over everything stale, and how much that was, by asset."""
    studio = open_studio()
    with open_instance(current()) as instance:
        started = time.perf_counter()
        sync(instance, studio)
        wanted = order(instance, studio, plan(studio, VOICE_STEMS.opened(studio)), VOICE_STEMS)
        result = execute(instance, build_defs().resolve_job_def(VOICE_STEMS.job), wanted)
        wall_s = time.perf_counter() - started
    if not result.success:
        raise RuntimeError("the run failed")
    return wall_s, {asset: len(keys) for asset, keys in wanted.items() if asset in ("stem", "message")}


def stale_now() -> Mapping[str, set[str]]:
    """What the plan calls stale, by asset."""
    studio = open_studio()
    found = plan(studio, VOICE_STEMS.opened(studio)).keys()
    return {asset: set(found.get(asset, ())) for asset in ("stem", "message")}


def proof(root: Path, what: str) -> Figure:
    """Compare the plain files by the records of the merges."""
    studio = open_studio()
    stems = {stem: read_wav((root / stem_path(stem)).read_bytes())[0] for stem in studio.stems.entries}
    refs = studio.refs("message").all()
    n_parts = n_exact = 0
    for message in studio.stems.messages:
        record = orjson.loads((root / refs[message].object / MERGE).read_bytes())
        merged, _ = read_wav((root / message_path(message)).read_bytes())
        for row in record["parts"]:
            there = merged[row["start"] : row["end"]]
            stem = stems[row["stem"]]
            is_whole = row["trimmed_start"] + len(there) + row["trimmed_end"] == len(stem) and len(there) > 0
            is_same = np.array_equal(there, stem[row["source_start"] : row["source_end"]])
            n_exact += is_whole and is_same and pcm_sha256(there) == row["pcm_sha256"]
            n_parts += 1
    return Figure(what, f"{n_exact} of {n_parts} parts in {len(refs)} messages", "all", n_exact == n_parts > 0)
