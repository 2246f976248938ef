"""A failure is remembered as long as what decided it holds: key, price, settings, the ledger's word on the order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.schemas.records import Failure
from audio_assets.launch import MUSIC
from audio_assets.render import Outcome, render
from audio_assets.stages.speech import VoiceLine
from resources import budget_commands
from resources.http_client import client_of
from resources.ledger_rows import Entry
from resources.vendors.cartesia import CartesiaSpeech
from tests.cinema import SHOOTING, Cinema, buy
from tests.elsewhere import PRICES as CLOUD_PRICES
from tests.elsewhere import cloud_of, orders
from tests.house import House
from tests.servers.cartesia import KEY, Cartesia
from tests.servers.orders import Orders
from tests.servers.serving import serving
from tests.trouble import CAST, PRICES
from tests.vendors import ShopVendor
from tests.video_fakes import ColourVideo

PLAY = "== harbour ==\nAna: The lamp is out.\n"
CLOUD_CAST = '[narrator]\nengine = "cloud"\nvoice = "lena"\n'


@pytest.fixture
def vendor(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cartesia]:
    """Cartesia's server; the house's only line is ordered there."""
    server = Cartesia(Orders(tmp_path / "cartesia.db"))
    monkeypatch.setenv("CARTESIA_API_KEY", KEY)
    house.write("cast.toml", CAST)
    house.write("price_card.toml", PRICES)
    house.register(PLAY)
    with serving(server.app) as url:
        house.overrides["cartesia"] = CartesiaSpeech(url=url)
        yield server
    client_of.cache_clear()


@pytest.fixture
def cloud(house: House, tmp_path: Path) -> Path:
    """The folder of a provider that answers at once; the house's only line is ordered there."""
    folder = cloud_of(house, tmp_path)
    house.write("cast.toml", CLOUD_CAST)
    house.register(PLAY)
    return folder


def run(house: House) -> list[Outcome]:
    """What one run does: it renders what the plan calls stale."""
    studio = house.studio()
    due = house.plan((VoiceLine,)).keys().get("voice_line", [])
    return list(render(VoiceLine(studio), due, run_id="run"))


def failed(house: House) -> str:
    """Why the line fails, by a run that tries it."""
    (outcome,) = run(house)
    assert outcome.failure is not None
    assert run(house) == [], "nothing has changed: it is not tried again"
    return outcome.failure.reason


def remembered(house: House) -> str:
    """What the plan says of it."""
    (stuck,) = house.plan((VoiceLine,)).stuck
    assert stuck.is_remembered
    return stuck.reason


def made(house: House) -> str:
    (outcome,) = run(house)
    return outcome.state


def entry(house: House) -> Entry:
    return house.studio().ledger.entries()[-1]


def test_another_key_is_tried(house: House, vendor: Cartesia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARTESIA_API_KEY", "sk_car_of_yesterday")
    assert "401" in failed(house)
    assert "401" in remembered(house)
    n_asked = vendor.n_asked
    monkeypatch.setenv("CARTESIA_API_KEY", KEY)
    assert made(house) == "rendered"
    assert (len(vendor.orders.all), vendor.n_asked) == (1, n_asked + 1)


@pytest.mark.usefixtures("vendor")
def test_other_settings_of_the_provider_are_tried(house: House, tmp_path: Path) -> None:
    elsewhere = Cartesia(Orders(tmp_path / "elsewhere.db"), key="sk_of_somebody_else")
    mine = house.overrides["cartesia"]
    with serving(elsewhere.app) as url:
        house.overrides["cartesia"] = CartesiaSpeech(url=url)
        assert "401" in failed(house)
    house.overrides["cartesia"] = mine
    assert made(house) == "rendered"


@pytest.mark.usefixtures("cloud")
def test_a_price_that_is_written_is_taken_and_a_typo_that_is_mended_is_forgotten(house: House) -> None:
    (house.root / "price_card.toml").unlink()
    assert "not on the price card" in failed(house)
    house.write("price_card.toml", CLOUD_PRICES.replace("valid_from", "valid_form"))
    assert "valid_form" in remembered(house)
    house.write("price_card.toml", f"{CLOUD_PRICES}retired_on = 2026-01-02\n")
    assert "retired" in remembered(house)
    house.write("price_card.toml", CLOUD_PRICES)
    assert made(house) == "rendered"


@pytest.mark.usefixtures("cloud")
def test_a_cap_is_told_with_today_s_figures(house: House) -> None:
    ledger = house.studio().ledger
    ledger.set_cap("total", "", "0.001", "ana")
    assert "is $0.001: $0.00 spent" in failed(house)
    ledger.set_cap("total", "", "0.002", "ana")
    assert "is $0.002: $0.00 spent" in remembered(house)
    ledger.set_cap("total", "", "1", "ana")
    assert made(house) == "rendered"


def test_what_is_released_by_hand_is_ordered_again(house: House, cloud: Path) -> None:
    (cloud / "lost").touch()
    assert "stay held" in failed(house)
    (cloud / "lost").unlink()
    assert run(house) == [], "its outcome is not known"
    budget_commands.release(house.studio().ledger, entry(house).id, "not billed")
    assert made(house) == "rendered"
    assert len(orders(cloud)) == 2


def test_what_is_called_paid_says_so_and_is_ordered_again_when_it_may(house: House, cloud: Path) -> None:
    (cloud / "lost").touch()
    failed(house)
    (cloud / "lost").unlink()
    ledger = house.studio().ledger
    budget_commands.paid(ledger, entry(house).id, "0.02", "")
    assert "budget again" in failed(house)
    assert len(orders(cloud)) == 1
    budget_commands.again(ledger, entry(house).id, "its answer is lost")
    assert made(house) == "rendered"
    assert len(orders(cloud)) == 2


@pytest.mark.usefixtures("cloud")
def test_a_failure_of_before_there_were_circumstances_is_tried_once(house: House) -> None:
    recipe, key = house.recipe(VoiceLine), house.line("The lamp is out.")
    failure = Failure(recipe.describe(key).key, "permanent", "refused", "a run of long ago")
    recipe.store.record_failure("voice_line", key, failure)
    assert made(house) == "rendered"


def test_an_attached_job_is_gone_on_with(cinema: Cinema, shop: ShopVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    buy(cinema, "20.0")
    assert not cinema.render(MUSIC)
    lost = forgetful(monkeypatch)
    assert cinema.render(SHOOTING)
    n_scenes = len(cinema.scenes())
    assert len(shop.jobs()) == n_scenes
    assert not [one for one in cinema.film_plan().stale if one.asset == "scene_take"]
    lost.clear()
    ledger = cinema.studio().ledger
    for one in ledger.entries(states=["unknown"]):
        budget_commands.attach(ledger, one.id, str(one.id))
    assert not cinema.render(SHOOTING)
    assert len(shop.jobs()) == n_scenes, "each was sent once"
    assert {one.state for one in ledger.entries()} == {"settled"}


def test_what_is_paid_and_unfit_is_fetched_anew_once_and_not_stood_in_for(cinema: Cinema, shop: ShopVendor) -> None:
    cinema.write("providers.toml", '[fallback]\nvideo = "drawn"\n')
    clip = Path(str(cinema.more["clip"]))
    whole = clip.read_bytes()
    clip.write_bytes(b"noise")
    cinema.beside = {"drawn": ColourVideo(folder=str(cinema.easel), called="drawn")}
    buy(cinema, "20.0")
    assert cinema.render(MUSIC, SHOOTING)
    due = {one.partition for one in cinema.film_plan().stale if one.asset == "scene_take"}
    assert due == set(cinema.scenes()), "'run again' is true"
    assert "stand_in" not in {take.origin for scene in cinema.scenes() for take in cinema.takes(scene).values()}
    clip.write_bytes(whole)
    assert not cinema.render(SHOOTING)
    assert len(shop.jobs()) == len(cinema.scenes())


def forgetful(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As long as the list holds something the shop's answers are lost, and it can not be asked by keys."""
    lost, whole = ["answers"], ColourVideo.remote

    def remote(self: ColourVideo, model: str, kept: Path) -> Any:
        found = whole(self, model, kept)
        if lost and found is not None and isinstance(found.vendor, ShopVendor):
            found.vendor.knows_keys, found.vendor.on_submit = False, TimeoutError("no answer in 60 s")
        return found

    monkeypatch.setattr(ColourVideo, "remote", remote)
    return lost
