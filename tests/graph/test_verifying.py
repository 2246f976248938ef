"""Everything against its hash: one flipped byte is found and rendered again; what nobody damaged is left alone."""

import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audio_assets.cli import main
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.lineage import verifying
from audio_assets.lineage.explaining import KINDS
from audio_assets.lineage.verifying import Verified, mend, verify
from audio_assets.stages.speech import VoiceLine
from resources.store import ArtifactStore, StoreError
from tests.cinema import Cinema
from tests.concert import SONG
from tests.house import HARBOUR, LATE, SO, House


def look(house: House | Cinema) -> Verified:
    studio = house.studio()
    return verify(studio, [kind(studio) for kind in KINDS])


def act(house: House | Cinema, *, copies: bool = False, paid: bool = False) -> Verified:
    studio = house.studio()
    chosen = [kind(studio) for kind in KINDS]
    return mend(chosen, verify(studio, chosen), copies=copies, paid=paid)


def flip(path: Path, at: int = 60) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture
def spoken(house: House) -> House:
    house.register()
    house.render()
    return house


def test_what_is_whole_is_told_whole_and_nothing_is_written(spoken: House) -> None:
    before = spoken.tree()
    found = look(spoken)
    assert (found.damage, found.orphans, found.idle, found.unfinished) == ([], [], [], [])
    assert (found.n_objects, found.n_refs) == (17, 17)
    assert spoken.tree() == before


def test_a_flipped_byte_is_found_planned_and_repaired(spoken: House) -> None:
    wav = spoken.object_of("voice_line", spoken.line(LATE)) / "out.wav"
    whole = wav.read_bytes()
    flip(wav)
    assert not spoken.stale(), "a plan looks at sizes"
    done = CliRunner().invoke(main, ["verify"])
    assert done.exit_code == 1
    assert spoken.line(LATE) in done.output
    assert "rotten" in done.output
    assert ("voice_line", spoken.line(LATE)) in spoken.stale()
    assert (wav.parent / "sidecar.damaged.json").exists(), "what was known of it is kept"
    spoken.render()
    assert wav.read_bytes() == whole
    assert not spoken.stale()
    assert not (wav.parent / "sidecar.damaged.json").exists()
    assert CliRunner().invoke(main, ["verify"]).exit_code == 0


def test_a_dry_run_leaves_the_damage_and_says_what_would_help(spoken: House) -> None:
    flip(spoken.object_of("voice_line", spoken.line(LATE)) / "out.wav")
    before = spoken.tree()
    assert "audio-assets verify takes it out" in look(spoken).damage[0].remedy
    assert spoken.tree() == before
    assert CliRunner().invoke(main, ["verify", "--dry-run"]).exit_code == 1
    assert not spoken.stale()


@pytest.mark.parametrize("gone", ["out.wav", "alignment.json", ""])
def test_what_is_gone_is_told_once(
    spoken: House, gone: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("resources.store._told", set())
    folder = spoken.object_of("alignment" if gone == "alignment.json" else "voice_line", spoken.line(LATE))
    (folder / gone).unlink() if gone else shutil.rmtree(folder)
    told = CliRunner().invoke(main, ["verify", "--dry-run"]).output
    assert told.count(folder.name) == 1
    assert not caplog.messages


def test_missing_files_torn_sidecars_and_gone_objects_are_planned(spoken: House) -> None:
    first, second = (spoken.object_of("alignment", spoken.line(text)) for text in (LATE, SO))
    mix = spoken.object_of("dialogue_mix", HARBOUR)
    (first / "alignment.json").unlink()
    (second / "sidecar.json").write_text("{")
    for path in mix.iterdir():
        path.unlink()
    found = {(one.asset, one.kind) for one in act(spoken).damage}
    assert {("alignment", "missing"), ("alignment", "torn"), ("dialogue_mix", "missing")} <= found
    wanted = {("alignment", spoken.line(LATE)), ("alignment", spoken.line(SO)), ("dialogue_mix", HARBOUR)}
    assert wanted <= spoken.stale().keys()
    spoken.render()
    assert not look(spoken).damage


def test_a_copy_that_differs_is_written_again(spoken: House) -> None:
    copy = spoken.object_of("voice_line", spoken.line(SO)) / "alignment.json"
    copy.write_text("{}")
    assert [one.kind for one in act(spoken).damage] == ["copy"]
    assert copy.read_text() == "{}"
    act(spoken, copies=True)
    assert copy.read_bytes() == (spoken.object_of("alignment", spoken.line(SO)) / "alignment.json").read_bytes()


def test_what_was_paid_for_is_told_and_stays_unless_it_is_given_up(spoken: House) -> None:
    folder = spoken.object_of("voice_line", spoken.line(SO))
    record = Sidecar.from_bytes((folder / "sidecar.json").read_bytes())
    (folder / "sidecar.json").write_bytes(replace(record, cost_usd=0.2).to_bytes())
    flip(folder / "out.wav")
    (one,) = act(spoken, copies=True).damage
    assert "paid" in one.remedy
    assert not spoken.stale()
    act(spoken, copies=True, paid=True)
    assert ("voice_line", spoken.line(SO)) in spoken.stale()


def test_where_nothing_can_be_written_what_is_damaged_is_told_all_the_same(
    spoken: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(spoken.object_of("voice_line", spoken.line(LATE)) / "out.wav")
    (spoken.object_of("voice_line", spoken.line(SO)) / "alignment.json").write_text("{}")

    def refuse(*_: object) -> None:
        raise StoreError("Read-only file system")

    monkeypatch.setattr(ArtifactStore, "set_aside", refuse)
    rotten, copy = act(spoken, copies=True).damage
    assert (rotten.is_set_aside, rotten.remedy) == (False, f"{verifying.STAYS}: Read-only file system")
    assert (copy.kind, copy.is_set_aside) == ("copy", True), "and the rest goes on"


def _wait_with_a_worker(root: Path, told: Any) -> None:
    with verifying._workers(ArtifactStore(url=str(root)), 1) as workers:
        told.put(workers.submit(os.getpid).result())
        time.sleep(60)


def test_a_killed_verify_leaves_no_worker_behind(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    child = context.Process(target=_wait_with_a_worker, args=(tmp_path, told))
    child.start()
    worker = told.get()
    child.kill()
    for _ in range(100):
        time.sleep(0.1)
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
    os.kill(worker, signal.SIGKILL)
    pytest.fail("it hashes on for nobody")


def test_torn_refs_and_wrong_ones_are_found(spoken: House) -> None:
    refs = spoken.root / "refs" / "lipsync"
    (refs / f"{spoken.line(SO)}.json").write_text("{")
    late = refs / f"{spoken.line(LATE)}.json"
    content = spoken.studio().refs("lipsync").get(spoken.line(LATE))
    assert content is not None
    late.write_text(late.read_text().replace(content.content, "0" * 64))
    assert [one.kind for one in act(spoken, copies=True).damage] == ["torn", "torn"]
    assert {key for key in spoken.stale() if key[0] == "lipsync"} == {
        ("lipsync", spoken.line(SO)), ("lipsync", spoken.line(LATE))}  # fmt: skip


def test_earlier_versions_and_rests_are_told_but_are_no_damage(spoken: House) -> None:
    spoken.register("== harbour ==\nAnna: Good morning.\n")
    spoken.write("audio/tts/half/out.wav", "half")
    found = look(spoken)
    assert found.damage == []
    assert found.idle
    assert found.unfinished == ["audio/tts/half"]


def test_a_film_s_exported_file_is_looked_at_too(cinema: Cinema) -> None:
    exported = next((cinema.root / "exports" / "films").rglob("*.srt"))
    exported.write_text("nothing")
    found = act(cinema, copies=True)
    assert [(one.kind, Path(one.path).name) for one in found.damage] == [("copy", exported.name)]
    assert not look(cinema).damage


def test_a_copy_that_waits_for_its_next_run_is_no_damage(spoken: House) -> None:
    spoken.write("cast.toml", (spoken.root / "cast.toml").read_text().replace("am_michael", "am_adam"))
    spoken.render(kinds=[VoiceLine])
    assert spoken.stale(), "its times were not found yet"
    assert not look(spoken).damage


def test_while_a_storyboard_is_torn_nobody_calls_its_scenes_retired(cinema: Cinema) -> None:
    flip(cinema.object_of("storyboard", SONG) / "storyboard.json")
    (cinema.object_of("selected_take", f"s001|{SONG}") / "selection.json").unlink()
    found = look(cinema)
    assert not found.idle
    assert f"the storyboard of {SONG} is gone or damaged" in found.as_text()
    (lost,) = [one for one in found.damage if one.asset == "selected_take"]
    assert "the next run renders it again" in lost.remedy
    assert "gc" not in found.as_text()
