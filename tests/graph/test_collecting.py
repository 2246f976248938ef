"""The clean-up deletes exactly what no partition of today needs."""

import orjson
import pytest
from click.testing import CliRunner

from audio_assets.cli import main
from audio_assets.launch import recipes
from audio_assets.lineage.collecting import delete_leftovers, find_leftovers
from audio_assets.lineage.verifying import verify
from resources import render_lock
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


def test_the_history_keeps_earlier_versions_for_its_days(house: House) -> None:
    house.register(PLAY)
    house.render()
    house.register(PLAY.replace("boat", "ferry"))
    house.render()
    studio = house.studio()
    assert find_leftovers(studio, recipes(studio), keep_days=30).objects == ()
    assert len(find_leftovers(studio, recipes(studio)).objects) == 4


def test_what_is_kept_keeps_what_it_is_made_of(house: House) -> None:
    house.register(PLAY)
    house.render()
    old = house.object_of("voice_line", house.line("The boat is late."))
    house.register(PLAY.replace("boat", "ferry"))
    house.render()
    mix = house.object_of("dialogue_mix", "play.harbour.en") / "sidecar.json"
    record = orjson.loads(mix.read_bytes())
    record["sources"]["before"] = old.relative_to(house.root).as_posix()
    mix.write_bytes(orjson.dumps(record))
    assert clean(house) == 3
    assert (old / "out.wav").exists()


def test_nothing_is_collected_while_something_renders_and_who_begins_waits(house: House) -> None:
    house.register(PLAY)
    path = house.studio().settings.render_lock("render_dialogue")
    render_lock.hold(path)
    try:
        done = CliRunner().invoke(main, ["gc"])
    finally:
        render_lock.release(path)
    assert done.exit_code == 2
    assert "something is rendering" in done.output
    with render_lock.alone([path]) as is_alone:
        assert is_alone
        assert render_lock.is_held(path), "sensors ask for nothing meanwhile"
    assert CliRunner().invoke(main, ["gc", "--dry-run"]).exit_code == 0


def test_a_crash_in_the_middle_loses_nothing_needed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.register(PLAY)
    house.render()
    house.register(PLAY.replace("ANNA: The boat is late.\n", ""))
    house.render()
    studio = house.studio()
    leftovers = find_leftovers(studio, recipes(studio))
    paths = [*leftovers.records, *leftovers.files]
    for n_deleted in (1, len(leftovers.records), len(leftovers.records) + 3, len(paths) - 1):
        done: list[str] = []

        def delete(path: str, done: list[str] = done, most: int = n_deleted) -> None:
            if len(done) == most:
                raise KeyboardInterrupt
            done.append(path)
            (house.root / path).unlink(missing_ok=True)

        with monkeypatch.context() as patch:
            patch.setattr(type(studio.store), "delete", lambda _, path, delete=delete: delete(path))
            with pytest.raises(KeyboardInterrupt):
                delete_leftovers(studio, leftovers)
        found = verify(house.studio(), recipes(house.studio()))
        assert found.damage == []
        assert house.stale() == {}
    clean(house)
    assert clean(house) == 0
