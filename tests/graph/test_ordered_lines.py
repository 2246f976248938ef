"""Lines that are spoken elsewhere: paid once, under a cap, with a stand-in only where the settings name one."""

from pathlib import Path

import dagster as dg
import pytest

from audio_assets.checks import results
from audio_assets.domain.rendering import INTENDED
from audio_assets.launch import DIALOGUE
from audio_assets.lineage.collecting import delete_leftovers, find_leftovers
from audio_assets.render import Outcome
from audio_assets.stages.speech import Alignment, VoiceLine
from tests.elsewhere import cloud_of, orders
from tests.house import GOOD, LATE, PLAY, SO, House

CAST = """
[narrator]
voice = "af_heart"
[characters.anna]
engine = "cloud"
voice = "lena"
"""
FALLBACK = f'{CAST}fallback = "kokoro:af_bella"\n'


@pytest.fixture
def cloud(house: House, tmp_path: Path) -> Path:
    """The provider's folder; the house's cast has Anna speak there."""
    folder = cloud_of(house, tmp_path)
    house.write("cast.toml", CAST)
    house.register()
    return folder


def voices(house: House, *texts: str) -> dict[str, Outcome]:
    """The outcomes of the voices of these lines, or of all."""
    found = {house.studio().dialogue.cues[o.partition].line.text: o for _, o in house.render(kinds=(VoiceLine,))}
    return {text: one for text, one in found.items() if not texts or text in texts}


def test_a_line_is_ordered_once_and_its_cost_is_kept(house: House, cloud: Path) -> None:
    first = voices(house, GOOD, SO)
    assert {one.state for one in first.values()} == {"rendered"}
    assert sorted(orders(cloud)) == sorted([GOOD, SO])
    sidecar = first[GOOD].sidecar
    assert sidecar is not None
    assert (sidecar.cost_usd, sidecar.facts["engine"]) == (0.013, "cloud")
    entries = house.studio().ledger.entries(project="play")
    assert [(one.state, one.actual_micro) for one in entries] == [("settled", 13_000), ("settled", 9_000)]
    assert {one.state for one in voices(house).values()} == {"cached"}
    assert len(orders(cloud)) == 2


def test_without_a_price_nothing_is_sent(house: House, cloud: Path) -> None:
    (house.root / "price_card.toml").unlink()
    found = voices(house)
    assert found[GOOD].failure is not None
    assert "the provider 'cloud' is not on the price card" in found[GOOD].failure.reason
    assert found[LATE].state == "rendered"
    assert orders(cloud) == []


def test_a_cap_is_never_answered_with_a_stand_in(house: House, cloud: Path) -> None:
    house.write("cast.toml", FALLBACK)
    house.studio().ledger.set_cap("project", "play", "0.02", "ana")
    found = voices(house, GOOD, SO)
    assert [(one.state, one.failure.kind if one.failure else "") for one in found.values()].count(
        ("failed", "budget")
    ) == 1
    assert len(orders(cloud)) == 1


def test_what_a_cap_refused_is_made_once_the_cap_has_room(house: House, cloud: Path) -> None:
    house.studio().ledger.set_cap("project", "play", "0.02", "ana")
    voices(house)
    assert len(orders(cloud)) == 1
    refused = [entry.partition for entry in house.plan((VoiceLine,)).stuck]
    assert len(refused) == 1
    assert not house.plan((VoiceLine,)).stale, "nothing has changed"
    house.studio().ledger.set_cap("project", "play", "1", "ana")
    assert [entry.partition for entry in house.plan((VoiceLine,)).stale] == refused
    voices(house)
    assert len(orders(cloud)) == 2
    assert not house.plan((VoiceLine,)).stuck


def test_without_a_key_a_line_fails_in_one_sentence_and_the_others_go_on(house: House, cloud: Path) -> None:
    (cloud / "key").unlink()
    found = voices(house)
    failure = found[GOOD].failure
    assert failure is not None
    assert (failure.kind, failure.reason) == ("unavailable", "cloud needs a key: set CLOUD_KEY in the environment")
    assert (found[LATE].state, orders(cloud)) == ("rendered", [])
    stuck = {entry.partition: entry.reason for entry in house.plan((VoiceLine,)).stuck}
    assert stuck[house.line(GOOD)] == failure.reason
    (cloud / "key").touch()
    assert {entry.partition for entry in house.plan((VoiceLine,)).stale} == {house.line(GOOD), house.line(SO)}


@pytest.mark.parametrize("trouble", ["no key", "down"])
def test_a_stand_in_is_visible_and_gives_way(house: House, cloud: Path, trouble: str) -> None:
    house.write("cast.toml", FALLBACK)
    if trouble == "down":
        (cloud / "down").touch()
    else:
        (cloud / "key").unlink()
    outcome, again = voices(house, GOOD)[GOOD], voices(house, GOOD)[GOOD]
    assert (outcome.state, outcome.is_new) == ("stood_in", True)
    assert (again.state, again.is_new) == ("stood_in", False)
    assert outcome.sidecar is not None
    failed = {check.name: check.detail for check in outcome.sidecar.checks if not check.passed}
    assert failed[INTENDED].startswith("kokoro stands in: ")
    assert failed[INTENDED] in outcome.sidecar.notes
    assert outcome.sidecar.action["params"]["stands_in_for"] == "cloud"
    assert outcome.sidecar.stands_in_for is not None
    assert outcome.sidecar.stands_in_for.provider == "cloud"
    assert failed[INTENDED] == f"kokoro stands in: {outcome.sidecar.stands_in_for.reason}"
    assert (outcome.sidecar.action["provider"]["engine"], orders(cloud)) == ("kokoro", [])
    check = next(one for one in results(house.recipe(VoiceLine)) if one.check_name == INTENDED)
    assert (check.passed, check.metadata["failed"].value) == (False, 2)
    aligned = {o.partition: o for _, o in house.render(kinds=(Alignment,))}[house.line(GOOD)]
    assert aligned.sidecar is not None
    assert aligned.sidecar.facts["source"] == "kokoro"
    if trouble == "no key":
        found = house.plan((VoiceLine, Alignment))
        assert not found.stuck, "what a stand-in made holds nothing up"
        told = {entry.partition: entry.reason for entry in found.stood_in}
        assert told[house.line(GOOD)].startswith("kokoro stands in: cloud needs a key")

    (cloud / "key").touch()
    (cloud / "down").unlink(missing_ok=True)
    causes = {entry.partition: entry.causes for entry in house.plan((VoiceLine,)).stale}[house.line(GOOD)]
    assert "engine kokoro -> cloud" in causes
    again = voices(house, GOOD)[GOOD]
    assert again.state == "rendered"
    assert len(orders(cloud)) == 2
    assert all(one.passed for one in results(house.recipe(VoiceLine)) if one.check_name == INTENDED)


def test_a_stand_in_that_is_named_later_is_asked(house: House, cloud: Path) -> None:
    (cloud / "key").unlink()
    assert voices(house, GOOD)[GOOD].state == "failed"
    assert not house.plan((VoiceLine,)).stale
    house.write("cast.toml", FALLBACK)
    assert {entry.partition for entry in house.plan((VoiceLine,)).stale} == {house.line(GOOD), house.line(SO)}


def test_what_is_made_of_a_line_that_failed_waits_and_is_not_made_of_an_older_one(house: House, cloud: Path) -> None:
    house.write("cast.toml", CAST.replace('engine = "cloud"\nvoice = "lena"', 'voice = "kokoro:af_bella"'))
    house.render(kinds=(VoiceLine, Alignment))
    house.write("cast.toml", CAST)
    (cloud / "key").unlink()
    outcomes = {(asset, one.partition): one for asset, one in house.render(kinds=(VoiceLine, Alignment))}
    assert outcomes["voice_line", house.line(GOOD)].state == "failed"
    waits = outcomes["alignment", house.line(GOOD)].failure
    assert waits is not None
    assert (waits.kind, waits.reason) == ("upstream", "its voice_line could not be rendered in this run")
    assert outcomes["alignment", house.line(LATE)].failure is None


def test_a_stand_in_that_is_named_after_the_last_try_is_asked(house: House, cloud: Path) -> None:
    (cloud / "down").touch()
    tries = [voices(house, GOOD)[GOOD].state for _ in range(3)]
    assert tries == ["failed"] * 3
    assert house.line(GOOD) not in {entry.partition for entry in house.plan((VoiceLine,)).stale}, "it is given up"
    house.write("cast.toml", FALLBACK)
    assert house.line(GOOD) in {entry.partition for entry in house.plan((VoiceLine,)).stale}
    assert voices(house, GOOD)[GOOD].state == "stood_in"


def test_a_run_with_a_stand_in_is_no_failed_run(house: House, cloud: Path, instance: dg.DagsterInstance) -> None:
    house.write("cast.toml", FALLBACK)
    (cloud / "key").unlink()
    assert house.run(instance).success


def test_a_run_without_one_is(house: House, cloud: Path, instance: dg.DagsterInstance) -> None:
    (cloud / "key").unlink()
    assert not house.run(instance).success


def test_an_order_of_unknown_outcome_is_held_and_not_stood_in_for(house: House, cloud: Path) -> None:
    house.write("cast.toml", FALLBACK)
    (cloud / "lost").touch()
    failure = voices(house, GOOD)[GOOD].failure
    assert failure is not None
    assert "it is not known whether cloud took the order" in failure.reason
    (cloud / "lost").unlink()
    assert voices(house, GOOD)[GOOD].state == "failed"
    assert orders(cloud).count(GOOD) == 1
    entry = next(one for one in house.studio().ledger.entries() if one.state == "unknown")
    house.studio().ledger.release(entry, "not billed, says their list")
    voices(house, GOOD)
    assert orders(cloud).count(GOOD) == 2


def test_a_studio_s_stand_in_serves_characters_that_name_none(house: House, cloud: Path) -> None:
    house.write("providers.toml", '[fallback]\nspeech = "kokoro"\n')
    (cloud / "key").unlink()
    assert voices(house, GOOD)[GOOD].state == "stood_in"


def test_the_studio_s_engine_speaks_for_those_without_one(house: House, cloud: Path) -> None:
    house.write("providers.toml", '[use]\nspeech = "cloud"\n')
    house.write("cast.toml", '[narrator]\nvoice = "lena"\n')
    assert voices(house)[LATE].state == "rendered"
    assert LATE in orders(cloud)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[use]\nspech = 'cloud'\n", "spech"),
        ("[use\n", "line 1"),
        ("[providers.kokoro]\ncash = 'x'\n", "[providers.kokoro]"),
        ("[providers.mine]\nurl = 'http://x'\n", "say what it is with kind"),
        ("[providers.mine]\nkind = 'nobody'\n", "kind is 'nobody'"),
        ("[providers.fall]\nat_once = 3\n", "did you mean 'fal'?"),
        ("[providers.fal]\nat_once = '3'\n", "at_once is '3'; write a whole number, without quotes"),
        ("[providers.fal]\nper_second = true\n", "per_second is True; write a number"),
        ("[providers.cartesia]\nhas_times = 1\n", "has_times is 1; write true or false"),
        ("[providers.cloud]\napi_key = 'hush-hush-hush'\n", "must not stand in a file"),
    ],
)
@pytest.mark.usefixtures("cloud")
def test_a_mistake_in_the_settings_is_one_sentence_at_every_line(house: House, text: str, said: str) -> None:
    house.write("providers.toml", text)
    failure = voices(house)[GOOD].failure
    assert failure is not None
    assert "providers.toml" in failure.reason
    assert said in failure.reason
    assert "hush-hush" not in failure.reason


def test_a_clean_up_leaves_what_was_paid_for(house: House, cloud: Path) -> None:
    voices(house)
    kept = list((house.root / "answers").iterdir())
    assert len(kept) == 2
    house.register(PLAY.replace(GOOD, "Good evening."))
    voices(house)
    studio = house.studio()
    found = find_leftovers(studio, [kind(studio) for kind in DIALOGUE.recipes])
    assert set(found.scratch) == set((house.root / "answers").iterdir())
    delete_leftovers(studio, found)
    assert not list((house.root / "answers").iterdir())
    house.register()
    assert {one.state for one in voices(house).values()} == {"cached"}
    assert orders(cloud).count(GOOD) == 1
