"""The clean-up deletes exactly what no partition of today needs."""

from audio_assets.collecting import delete_leftovers, find_leftovers
from audio_assets.launch import recipes
from tests.house import House

PLAY = "== harbour ==\nANNA: The boat is late.\nBO: It is always late.\n"


def clean(house: House) -> int:
    studio = house.studio()
    leftovers = find_leftovers(studio, recipes(studio))
    delete_leftovers(studio, leftovers)
    return len(leftovers.objects)


def test_what_today_needs_is_never_touched(house: House) -> None:
    house.register(PLAY)
    house.render()
    before = house.tree()
    assert clean(house) == 0
    assert house.tree() == before


def test_an_earlier_version_goes_and_the_current_one_stays(house: House) -> None:
    house.register(PLAY)
    house.render()
    house.register(PLAY.replace("boat", "ferry"))
    house.render()
    assert clean(house) == 4, "the old voice, alignment, mouth and mix"
    assert house.stale() == {}
    assert clean(house) == 0


def test_a_retired_line_goes_with_its_refs(house: House) -> None:
    house.register(PLAY)
    house.render()
    gone = house.line("The boat is late.")
    house.register(PLAY.replace("ANNA: The boat is late.\n", ""))
    house.render()
    clean(house)
    assert house.studio().refs("voice_line").get(gone) is None
    assert house.stale() == {}


def test_looking_deletes_nothing(house: House) -> None:
    house.register(PLAY)
    house.render()
    house.register("== harbour ==\nBO: It is always late.\n")
    before = house.tree()
    studio = house.studio()
    leftovers = find_leftovers(studio, recipes(studio))
    assert leftovers.n_bytes > 0
    assert house.tree() == before
