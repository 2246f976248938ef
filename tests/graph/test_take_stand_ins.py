"""Takes that a provider elsewhere can not make: they fail in a sentence, or another one stands in and gives way."""

from fractions import Fraction
from pathlib import Path

import dagster as dg
import pytest

from audio_assets.checks import results
from audio_assets.domain.lineage import as_text
from audio_assets.domain.rendering import INTENDED
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.schemas.take_requests import RemixOrder
from audio_assets.launch import FILM, MUSIC
from audio_assets.lineage.explaining import Explainer
from audio_assets.stages.takes import SceneTake
from resources.store import SIDECAR
from tests.cinema import SHOOTING, Cinema
from tests.concert import SONG
from tests.vendors import ShopVendor
from tests.video_fakes import ColourVideo, write_colours

PRICES = """
[[prices]]
provider = "shop"
model = "clip-1"
usd_per_second = 0.10
valid_from = 2020-01-01
"""


@pytest.fixture
def counter(cinema: Cinema, tmp_path: Path) -> ShopVendor:
    """The song's takes are ordered from a shop that is closed; the animatic is there as well."""
    clip = tmp_path / "bought.mp4"
    write_colours(clip, "bought", 320, 180, Fraction(12), 48)
    cinema.write("price_card.toml", PRICES)
    shop = {"called": "shop", "shop": str(tmp_path / "shop.db"), "clip": str(clip)}
    cinema.beside = {"shop": ColourVideo(folder=str(tmp_path), **shop)}
    (tmp_path / "closed").touch()
    return ShopVendor(tmp_path / "shop.db")


def order_from_the_shop(cinema: Cinema, more: str = "") -> None:
    cinema.edit('title = "', f'video_provider = "shop"\nvideo_model = "clip-1"\n{more}title = "')
    assert not cinema.render(MUSIC)


def intended(cinema: Cinema) -> dg.AssetCheckResult:
    return next(one for one in results(SceneTake(cinema.studio())) if one.check_name == INTENDED)


def test_a_closed_shop_is_one_sentence_and_tried_again_once_it_opens(
    cinema: Cinema, counter: ShopVendor, tmp_path: Path
) -> None:
    order_from_the_shop(cinema)
    assert cinema.render(SHOOTING)
    reasons = {one.partition: one.reason for one in cinema.film_plan().stuck if one.asset == "scene_take"}
    assert set(reasons) == set(cinema.scenes())
    assert all("shop needs a key" in reason for reason in reasons.values())
    (tmp_path / "closed").unlink()
    assert {one.partition for one in cinema.film_plan().stale if one.asset == "scene_take"} == set(cinema.scenes())
    assert not cinema.render(SHOOTING)
    assert len(counter.jobs()) == len(cinema.scenes())


def test_a_stand_in_take_is_in_the_film_until_the_shop_opens(
    cinema: Cinema, counter: ShopVendor, tmp_path: Path
) -> None:
    cinema.edit('"dreamy"', '"anime"')  # takes that were made before stand in as well, and their sidecars stay
    order_from_the_shop(cinema, 'video_fallback = "animatic"\n')
    cinema.render(FILM)
    for scene in cinema.scenes():
        shown = cinema.takes(scene)[cinema.selected(scene).take or ""]
        assert (shown.origin, shown.provider, shown.is_current) == ("stand_in", "animatic", True)
    assert (intended(cinema).passed, counter.jobs()) == (False, [])
    assert_told(cinema)
    cinema.render(SHOOTING)
    before = cinema.made()
    cinema.render(SHOOTING)
    assert cinema.made() == before, "nothing is drawn again while the shop stays closed"

    (tmp_path / "closed").unlink()
    assert not cinema.render(FILM)
    for scene in cinema.scenes():
        shown = cinema.takes(scene)[cinema.selected(scene).take or ""]
        assert (shown.origin, shown.provider) == ("generated", "shop")
    assert intended(cinema).passed
    film = sidecar(cinema, "final_video", SONG)
    assert INTENDED not in [check.name for check in film.checks if not check.passed]
    assert len(counter.jobs()) == len(cinema.scenes())
    assert not cinema.film_plan().stale


def sidecar(cinema: Cinema, asset: str, partition: str) -> Sidecar:
    return Sidecar.from_bytes((cinema.object_of(asset, partition) / SIDECAR).read_bytes())


def assert_told(cinema: Cinema) -> None:
    """The takes' sidecars, the film's, and the tree of a deliverable say whom the stand-in stands in for, and why."""
    studio, scene = cinema.studio(), cinema.scenes()[0]
    slot = studio.takes.slot(scene, cinema.selected(scene).take or "")
    for told in (studio.takes.made(slot), sidecar(cinema, "scene_take", scene)):
        assert told is not None
        assert told.stands_in_for is not None
        assert told.stands_in_for.provider == "shop"
        assert "shop needs a key" in told.stands_in_for.reason
    film = sidecar(cinema, "final_video", SONG)
    failed = {check.name: check.detail for check in film.checks if not check.passed}
    assert failed[INTENDED].count("is a stand-in's, for shop") == len(cinema.scenes())
    text = as_text(Explainer(studio.store, studio).explain(f"deliverable/mp4|{SONG}"))
    assert "stands in for shop: shop needs a key" in text


def test_a_remix_is_ordered_with_its_parent(cinema: Cinema, counter: ShopVendor, tmp_path: Path) -> None:
    (tmp_path / "closed").unlink()
    order_from_the_shop(cinema)
    assert not cinema.render(SHOOTING)
    scene = cinema.scenes()[0]
    parent = cinema.selected(scene).take or ""
    cinema.studio().takes.ask(scene, lambda asked: asked.with_remix(RemixOrder(parent, "closer")))
    assert not cinema.render(SHOOTING)
    assert len(counter.jobs()) == len(cinema.scenes()) + 1
    assert "'files': ['parent']" in counter.requests()[-1]
