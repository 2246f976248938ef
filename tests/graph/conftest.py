"""Fixtures of films: one song is filmed once, every test takes a copy."""

import shutil
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from audio_assets.domain import storyboard
from audio_assets.site import app
from tests.cinema import PRICES, SETTINGS, Cinema
from tests.lasting import lasting, made_once
from tests.vendors import ShopVendor
from tests.video_fakes import write_colours

SIZE = "320x180"
"""Of these films: a sixteenth of the pixels."""


@pytest.fixture(scope="session", autouse=True)
def _templates() -> Iterator[None]:
    """The pages' templates are compiled once, as in a server, and not for each of a thousand answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "_templates", cache(app._templates))
        yield


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data root in which one song of 12 s is filmed, and the easel that drew it; tests take copies."""
    return made_once(tmp_path_factory, "shot", _filmed)


def _filmed(home: Path) -> None:
    with lasting(home) as patch:
        patch.setitem(storyboard.SIZES, "landscape", SIZE)
        cinema = Cinema(home / "studio")
        cinema.drop(settings=SETTINGS, duration_s=12.0)
        assert not cinema.register().problems
        with dg.DagsterInstance.ephemeral() as instance:
            assert cinema.run(instance).success
            assert cinema.film(instance).success


@pytest.fixture
def cinema(root: Path, shot: Path, monkeypatch: pytest.MonkeyPatch) -> Cinema:
    """A studio whose song is filmed, unknown to Dagster so far."""
    monkeypatch.setitem(storyboard.SIZES, "landscape", SIZE)
    shutil.copytree(shot / "studio", root, dirs_exist_ok=True)
    cinema = Cinema(root)
    shutil.copytree(shot / "easel", cinema.easel, dirs_exist_ok=True)
    cinema.register()
    return cinema


@pytest.fixture
def shown(cinema: Cinema, instance: dg.DagsterInstance) -> Cinema:
    """The same, and Dagster knows of it: two runs, for tests that look at what Dagster holds."""
    assert cinema.run(instance).success
    assert cinema.film(instance).success
    return cinema


@pytest.fixture
def shop(cinema: Cinema, tmp_path: Path) -> ShopVendor:
    """The song's takes are ordered from a shop at 0.40 USD a clip."""
    clip = tmp_path / "bought.mp4"
    write_colours(clip, "bought", 320, 180, Fraction(12), 48)
    cinema.write("price_card.toml", PRICES)
    cinema.more = {"called": "shop", "shop": str(tmp_path / "shop.db"), "clip": str(clip)}
    return ShopVendor(tmp_path / "shop.db")
