"""How long it takes to know what one changed voice makes stale among 100,000 lines, and what the sensor's tick takes.

Nothing is spoken: files of a few bytes stand for the artifacts, under the keys that the recipes ask for, and Dagster's
database holds an event for each, written into its tables by the ten thousand.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from audio_assets.batch import source_event
from audio_assets.commands.opening import open_studio
from audio_assets.domain.schemas.records import Sidecar, StoredFile
from audio_assets.instance import open_instance
from audio_assets.launch import DIALOGUE, sync
from audio_assets.recipe import Recipe
from tests.bench.measuring import Figure, data_root
from tests.bench.plan_speed import CAST, FILES, VOICES, pretend_rendered, write_scripts

N_LINES = int(os.environ.get("AUDIO_ASSETS_BENCH_LINES", "100000"))
AIM_S, AIM_MB = 20.0, 1024.0
_AT_ONCE = 10_000
_TICK = """
import time, sys
import dagster as dg
from audio_assets.commands.opening import open_studio, _resources
from audio_assets.instance import open_instance
from audio_assets.settings import current
from sensors.workflows import workflow_changes
with open_instance(current()) as instance:
    cursor = None
    for number in range(3):
        started = time.perf_counter()
        given = {"studio": _resources(current())["studio"]}
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources=given) as context:
            data = workflow_changes.evaluate_tick(context)
        cursor = data.cursor
        asked = [request.run_config["ops"]["backfill_stale"]["config"]["partitions"] for request in data.run_requests]
        n = sum(len(keys) for one in asked for keys in one.values())
        print(f"tick {time.perf_counter() - started:.2f} {n} {data.skip_message}", flush=True)
"""


def measure() -> Iterator[Figure]:
    """The plan and the tick after a change, as processes of their own."""
    with data_root(CAST) as root:
        _furnish(root)
        if os.environ.get("AUDIO_ASSETS_BENCH_KEEP"):  # to open the UI on it
            root.rename(os.environ["AUDIO_ASSETS_BENCH_KEEP"])
            root.mkdir()
            return
        what = f"{N_LINES} lines"
        seconds, megabytes, _ = _timed([str(Path(sys.executable).with_name("audio-assets")), "plan"], exits=0)
        yield _figure(f"{what}: plan, nothing to do", seconds, megabytes)
        (root / "cast.toml").write_text(
            CAST.replace(f'"{VOICES[0]}"\n[characters.c1]', f'"{VOICES[0]}"\nspeed = 0.9\n[characters.c1]')
        )
        seconds, megabytes, said = _timed([str(Path(sys.executable).with_name("audio-assets")), "plan"], exits=3)
        yield _figure(f"{what}: plan, one voice slower ({said.splitlines()[-1][:60]})", seconds, megabytes)
        _, megabytes, said = _timed([sys.executable, "-W", "ignore", "-c", _TICK], exits=0)
        ticks = [line.split(" ", 3) for line in said.splitlines() if line.startswith("tick")]
        for number, (_, took, n, _why) in enumerate(ticks, start=1):
            yield _figure(f"{what}: tick {number} of workflow_changes, asks for {n}", float(took), megabytes)


def _figure(what: str, seconds: float, megabytes: float) -> Figure:
    is_met = seconds < AIM_S and megabytes < AIM_MB
    return Figure(what, f"{seconds:.1f} s", f"< {AIM_S:g} s, < 1 GB", is_met, peak_mb=f"{megabytes:.0f}")


def _timed(command: Sequence[str], *, exits: int) -> tuple[float, float, str]:
    """Seconds, peak MB and output of a command."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = child.stdout.read() if child.stdout else ""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != exits:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {said[-500:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, said


def _furnish(root: Path) -> None:
    """Scripts, objects, refs and events."""
    write_scripts(N_LINES // 500)
    studio = open_studio()
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
        for source in (kind(studio) for kind in DIALOGUE.sources):
            keys = source.partitions()
            _record(instance, source_event(source, keys[0]), {key: source.version(key) for key in keys})
        for recipe in DIALOGUE.opened(studio):
            pretend_rendered(recipe, root)
            recipe.refs.preload()
            if recipe.asset == "voice_line":
                _write_sidecars(recipe, root)
            refs = recipe.refs.all()
            first = next(iter(refs))
            deps = [dep for dep, _ in recipe.needs(first)] + ([recipe.source.asset] if recipe.source else [])
            tags = {f"dagster/input_data_version/{dep}": "x" for dep in deps} | {
                f"dagster/input_event_pointer/{dep}": str(2**60) for dep in deps
            }
            event = dg.AssetMaterialization(
                recipe.asset, partition=first,
                tags={"dagster/data_version": refs[first].content, "dagster/code_version": recipe.code_version,
                      "dagster/data_version_is_user_provided": "true", **tags},
            )  # fmt: skip
            _record(instance, event, {key: ref.content for key, ref in refs.items()})


def _write_sidecars(recipe: Recipe, root: Path) -> None:
    """Whole ones, from which a plan reads what was before."""
    files = {name: StoredFile("0" * 64, len(name)) for name in FILES[recipe.asset]}
    for partition, ref in recipe.refs.all().items():
        action = recipe.describe(partition)
        sidecar = Sidecar(
            *(action.key, action.as_record(), ref.content, files, {}, (), {}, (), "2026-01-01T00:00:00+00:00", 0.1),
            *("bench", "", 0.0),
        )  # fmt: skip
        path = root / ref.object / "sidecar.json"
        path.unlink()
        path.write_bytes(sidecar.to_bytes())


def _record(instance: dg.DagsterInstance, first: dg.AssetMaterialization, versions: Mapping[str, str]) -> None:
    """An event for each partition: the first by Dagster, the others as rows like it."""
    instance.report_runless_asset_event(first)
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        meta = sa.MetaData()
        meta.reflect(connection, only=["event_logs", "asset_event_tags"])
        logs, tags = meta.tables["event_logs"], meta.tables["asset_event_tags"]
        row = connection.execute(sa.select(logs).order_by(logs.c.id.desc()).limit(1)).mappings().one()
        own = connection.execute(sa.select(tags).where(tags.c.event_id == row["id"])).mappings().all()
        version = (first.tags or {})["dagster/data_version"]
        at = int(row["id"])
        rest = [key for key in versions if key != first.partition]
        for begin in range(0, len(rest), _AT_ONCE):
            keys = rest[begin : begin + _AT_ONCE]
            numbered = {key: at + 1 + number for number, key in enumerate(keys)}
            at += len(keys)
            connection.execute(logs.insert(), [
                {**row, "id": number, "partition": key,
                 "event": row["event"].replace(f'"{first.partition}"', f'"{key}"').replace(version, versions[key])}
                for key, number in numbered.items()
            ])  # fmt: skip
            connection.execute(tags.insert(), [
                {**{name: value for name, value in tag.items() if name != "id"}, "event_id": number,
                 "value": versions[key] if tag["key"] == "dagster/data_version" else tag["value"]}
                for key, number in numbered.items() for tag in own
            ])  # fmt: skip
