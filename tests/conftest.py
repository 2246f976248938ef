"""What tests share: a data root of their own, and an instance of Dagster that ends with them."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # workers get this path too, to import `tests.fakes`

from audio_assets import settings
from resources import http_client
from resources.pausing import Timing
from tests.house import CAST, House
from tests.instances import copy_into, in_memory
from tests.lasting import lasting


@pytest.hookimpl(optionalhook=True)  # xdist may be turned off
def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as there are cores: one waits a third of its time, for a vendor, a process or a lock.

    All tests on 2 cores: 14.6 minutes with 2 workers, 12.2 with 3.
    """
    return max(2, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session", autouse=True)
def _migrations() -> Iterator[None]:
    """The scripts of migrations are read once, not for every database: 60 of Dagster's, twice for each instance."""
    read_anew, read = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def from_config(config: Config) -> ScriptDirectory:
        where = config.get_main_option("script_location")
        if where not in read:
            read[where] = read_anew(config)
        return read[where]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data root that the settings name; one worker, so that work stays in the test's own process."""
    for name in [name for name in os.environ if name.startswith("AUDIO_ASSETS_")]:
        monkeypatch.delenv(name)
    found = tmp_path / "studio"
    found.mkdir()
    monkeypatch.setenv("AUDIO_ASSETS_DATA", str(found))
    monkeypatch.setenv("AUDIO_ASSETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "1")
    monkeypatch.setenv("DAGSTER_HOME", str(found / "dagster"))
    settings.current.cache_clear()
    yield found
    settings.current.cache_clear()


@pytest.fixture
def house(root: Path, tmp_path: Path) -> House:
    """A studio with a cast, and tones for engines."""
    engines = tmp_path / "engines"
    engines.mkdir()
    (root / "cast.toml").write_text(CAST)
    return House(root, engines)


@pytest.fixture(scope="session")
def premiere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dg.DagsterInstance]]:
    """A folder with a studio whose play is rendered and with its engines, and all that Dagster knows of it."""
    home = tmp_path_factory.mktemp("premiere")
    with in_memory() as instance:
        with lasting(home):
            (home / "engines").mkdir()
            house = House(home / "studio", home / "engines")
            house.write("cast.toml", CAST)
            assert not house.register().problems
            assert house.run(instance).success
        yield home, instance


@pytest.fixture
def rendered(house: House, premiere: tuple[Path, dg.DagsterInstance]) -> House:
    """The same studio in which the play is registered and rendered, unknown to Dagster so far."""
    home, _ = premiere
    shutil.copytree(home / "studio", house.root, dirs_exist_ok=True)
    shutil.copytree(home / "engines", house.engines, dirs_exist_ok=True)
    return house


@pytest.fixture
def known(rendered: House, instance: dg.DagsterInstance, premiere: tuple[Path, dg.DagsterInstance]) -> House:
    """The same after one run of the job: `instance` knows of it."""
    _, before = premiere
    copy_into(instance, before)
    return rendered


@pytest.fixture
def slept_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Requests that are asked again do so at once; the seconds that they would have waited."""
    slept: list[float] = []
    timing = Timing(sleep=lambda seconds: slept.append(seconds) if seconds else None, vary=lambda: 0.5)
    monkeypatch.setattr(http_client, "TIMING", timing)
    return slept


@pytest.fixture
def light_dagster(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """Commands find this instance in memory, not that of the data root: 0.6 s to make, and 20 ms an event."""
    monkeypatch.setattr(dg.DagsterInstance, "from_ref", lambda _ref: nullcontext(instance))
    return instance


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A real instance in memory."""
    with in_memory() as found:
        yield found
