import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.jobs import render_dialogue
from audio_assets.launch import DIALOGUE
from resources import render_lock
from sensors import dialogue as sensor
from sensors.inbox import MAX_ATTEMPTS, Cursor, has_queued_run, settled
from tests.house import CAST, GOOD, HARBOUR, LATE, LINE_ASSETS, NIGHT, PLAY, SEA, SO, House

Order = Mapping[str, Sequence[str]]


class _Listener(logging.Handler):
    """Keeps warnings as text."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Ticks:
    """The sensor as the daemon runs it: each tick begins with the cursor that the last one left."""

    def __init__(self, house: House, instance: dg.DagsterInstance) -> None:
        self.house = house
        self.instance = instance
        self.cursor: str | None = None
        self.said: list[str] = []

    def tick(self) -> Any:
        resources = {"studio": self.house.resources["studio"]}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            context.log.addHandler(_Listener(self.said))
            data = sensor.new_dialogue.evaluate_tick(context)
        self.cursor = data.cursor
        return data

    def order(self) -> Order:
        """What the one run request of a tick asks for."""
        data = self.tick()
        (request,) = data.run_requests
        ops = request.run_config["ops"]
        return {name.removeprefix("render_"): entry["config"]["partition_keys"] for name, entry in ops.items()}

    def order_within(self, n_ticks: int) -> Order:
        """The first request within the next `n_ticks`."""
        for _ in range(n_ticks - 1):
            before = self.cursor
            if self.tick().run_requests:
                self.cursor = before  # the tick that is looked at is the last one
                break
        return self.order()

    def skip(self) -> str:
        """The reason of a tick that asks for nothing."""
        data = self.tick()
        assert not data.run_requests
        return str(data.skip_message)

    def run(self, wanted: Order) -> dg.ExecuteInProcessResult:
        return self.house.run(self.instance, wanted)

    def drop_and_render(self, text: str = PLAY, name: str = "play.txt") -> None:
        """A script goes in, and everything of it is rendered."""
        self.house.write(f"inbox/dialogue/{name}", text)
        self.tick()
        assert self.run(self.order()).success
        self.look_again()
        assert "nothing is stale" in self.skip()

    def look_again(self) -> None:
        """Let the minute pass after which the sensor plans although nothing was dropped."""
        self.cursor = replace(Cursor.parse(self.cursor), planned_at=0.0).dump()


@pytest.fixture
def ticks(house: House, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(house, instance)


@pytest.fixture
def told(known: House, instance: dg.DagsterInstance) -> Ticks:
    """A script has been dropped, and everything of it is rendered."""
    ticks = Ticks(known, instance)
    known.write("inbox/dialogue/play.txt", PLAY)
    ticks.tick()
    assert "nothing is stale" in ticks.skip()
    return ticks


# What counts as dropped


def test_an_empty_studio_asks_for_nothing(ticks: Ticks) -> None:
    assert ticks.skip()
    assert ticks.skip()
    assert (ticks.house.root / "inbox" / "dialogue").is_dir()


def test_a_file_counts_once_it_has_stayed_the_same_for_two_ticks(ticks: Ticks) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    assert "settle" in ticks.skip() or ticks.cursor
    assert not ticks.house.studio().dialogue.scripts
    wanted = ticks.order()
    lines = set(ticks.house.studio().dialogue.cues)
    assert {asset: set(keys) for asset, keys in wanted.items()} == {
        **dict.fromkeys(("dialogue_line", *LINE_ASSETS), lines),
        **{asset: {HARBOUR, NIGHT} for asset in ("cue_sheet", "dialogue_mix")},
    }
    assert set(ticks.instance.get_dynamic_partitions("audio_assets_lines")) == lines


def test_a_file_that_still_grows_is_not_read(ticks: Ticks) -> None:
    for number in range(1, 5):
        ticks.house.write("inbox/dialogue/play.txt", PLAY * number)
        ticks.skip()
        assert not ticks.house.studio().dialogue.scripts
    assert ticks.order()


def test_what_is_no_script_is_not_read(ticks: Ticks) -> None:
    for name in ("notes.md", ".play.txt.swp", "play.txt~", "play.part"):
        ticks.house.write(f"inbox/dialogue/{name}", PLAY)
    for _ in range(3):
        assert ticks.skip()
    assert not ticks.house.studio().dialogue.scripts


@given(
    before=st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123")),
    now=st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123")),
    done=st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123")),
)
def test_settled_is_what_stayed_and_was_not_read(
    before: dict[str, str], now: dict[str, str], done: dict[str, str]
) -> None:
    ready = settled(before, now, done)
    assert set(ready) == {p for p in now if p in before and before[p] == now[p] and done.get(p) != now[p]}
    after = Cursor(before, done).after_read(now, ready, ())
    assert not settled(now, now, {**after.done, **{p: now[p] for p in settled(after.seen, now, after.done)}})
    assert set(after.done) <= set(now)


@pytest.mark.parametrize("text", [None, "", "x", "{", "[]", "null", "1", '{"an_older_field": 1}'])
def test_a_cursor_that_is_none_starts_over(text: str | None) -> None:
    assert Cursor.parse(text) == Cursor()


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor({"a": "1:2"}, {"b": "3:4"}, ["c"], asked="work", attempts=2, planned_at=17.5)
    assert Cursor.parse(cursor.dump()) == cursor


def test_the_first_request_covers_a_file_that_came_back_after_it_was_deleted(ticks: Ticks) -> None:
    ticks.drop_and_render()
    path = ticks.house.root / "inbox" / "dialogue" / "play.txt"
    path.unlink()
    ticks.tick()
    assert ticks.house.studio().dialogue.cues, "a file that is gone retires nothing; `retire` does"
    path.write_text(PLAY.replace(SEA, "The sea is white."))
    ticks.tick()
    assert ticks.order()["voice_line"] == [ticks.house.line("The sea is white.")]


# Exactly what is stale


def test_a_changed_line_asks_for_it_and_its_mix(told: Ticks) -> None:
    told.house.write("inbox/dialogue/play.txt", PLAY.replace(LATE, "The boat is very late."))
    told.skip()
    wanted = told.order()
    key = told.house.line("The boat is very late.")
    assert all(wanted[asset] == [key] for asset in LINE_ASSETS)
    assert wanted["dialogue_mix"] == [HARBOUR]


def test_an_edited_cast_is_left_to_the_sensor_of_such_changes(told: Ticks) -> None:
    told.house.write("cast.toml", CAST + "speed = 0.9\n")
    told.skip()
    assert told.skip() == "nothing is stale"


def test_nothing_changed_is_nothing_asked_and_no_plan_is_made(told: Ticks) -> None:
    for _ in range(3):
        assert told.skip() == "nothing has changed"


def test_a_touched_file_with_the_same_text_asks_for_nothing(told: Ticks) -> None:
    later = time.time() + 100
    os.utime(told.house.root / "inbox" / "dialogue" / "play.txt", (later, later))
    told.skip()
    assert told.skip() == "nothing is stale"


def test_a_deleted_artifact_is_asked_for_within_a_minute(told: Ticks) -> None:
    (told.house.object_of("lipsync", told.house.line(SO)) / "sidecar.json").unlink()
    assert told.skip() == "nothing has changed"
    told.look_again()
    assert told.order() == {"lipsync": [told.house.line(SO)]}


def test_what_failed_is_not_asked_for_again_until_it_is_edited(ticks: Ticks) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY.replace(LATE, "Now FAIL."))
    ticks.skip()
    assert not ticks.run(ticks.order()).success
    for _ in range(3):
        ticks.look_again()
        assert ticks.skip() == "nothing is stale"
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ticks.skip()
    assert ticks.order()["voice_line"] == [ticks.house.line(LATE)]


def test_the_request_names_a_job_of_the_definitions(ticks: Ticks) -> None:
    assert sensor.new_dialogue.job_name == DIALOGUE.job
    ticks.house.defs.resolve_job_def(DIALOGUE.job)


# Broken things


def test_a_broken_file_is_one_sentence_in_the_log_and_the_good_ones_go_on(ticks: Ticks) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ticks.house.write("inbox/dialogue/broken.txt", "").write_bytes(b"\xff\xfe\0a\0b")
    ticks.skip()
    assert len(ticks.order()["voice_line"]) == 5
    (sentence,) = ticks.said
    assert "broken.txt" in sentence
    assert "UTF-16" in sentence
    assert "\n" not in sentence


def test_a_line_that_needs_its_author_is_said_and_costs_itself(ticks: Ticks) -> None:
    ticks.house.write("inbox/dialogue/play.csv", "character,text\nAnna,Good [nobody].\nBo,Yes.\n")
    ticks.skip()
    assert len(ticks.order()["voice_line"]) == 1
    (sentence,) = ticks.said
    assert sentence.startswith("play.csv:2:")


def test_a_broken_cast_is_said_plainly_and_mended_by_the_next_edit(told: Ticks) -> None:
    told.house.write("cast.toml", "[narrator\n")
    for _ in range(3):  # no exception: the daemon would show a traceback at every tick
        assert "cast.toml" in told.skip()
    assert len(told.house.studio().dialogue.cues) == 5
    told.house.write("cast.toml", CAST)
    told.skip()
    assert told.skip() == "nothing is stale"


def test_a_script_dropped_while_the_cast_is_broken_is_not_lost(ticks: Ticks) -> None:
    ticks.house.write("cast.toml", "[narrator\n")
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    for _ in range(3):
        assert "cast.toml" in ticks.skip()
    ticks.house.write("cast.toml", CAST)
    assert len(ticks.order_within(2)["voice_line"]) == 5


@pytest.mark.parametrize("name", ["lexicon.toml", "mix.toml"])
def test_another_broken_setting_stops_neither_the_sensor_nor_what_it_does_not_concern(ticks: Ticks, name: str) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ticks.house.write(name, "[broken\n")
    ticks.tick()
    ticks.run(ticks.order_within(1)) if name == "mix.toml" else ticks.tick()
    n_spoken = len(ticks.house.studio().store.refs("voice_line").all())
    assert n_spoken == (5 if name == "mix.toml" else 0)
    ticks.look_again()
    ticks.tick()
    ticks.house.write(name, "")
    wanted = ticks.order_within(2)
    assert set(wanted["dialogue_mix"]) == {HARBOUR, NIGHT}
    assert ticks.run(wanted).success


def test_an_unreadable_inbox_is_not_an_empty_one(told: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Cursor.parse(told.cursor)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rglob", refuse)
        assert "can not be read" in told.skip()
    assert Cursor.parse(told.cursor).done == before.done
    assert len(told.house.studio().dialogue.cues) == 5
    assert told.skip() == "nothing has changed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_of_the_inbox_that_may_not_be_read_is_not_an_empty_one(ticks: Ticks) -> None:
    ticks.drop_and_render(name="act/play.txt")
    folder = ticks.house.root / "inbox" / "dialogue" / "act"
    folder.chmod(0)
    try:
        assert "can not be read" in ticks.skip()
    finally:
        folder.chmod(0o755)


def test_a_file_that_vanishes_while_it_is_looked_at_costs_nothing(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ghost = ticks.house.write("inbox/dialogue/ghost.txt", PLAY)
    is_file = Path.is_file

    def vanish(path: Path) -> bool:
        found = is_file(path)
        if path == ghost:
            ghost.unlink(missing_ok=True)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", vanish)
        ticks.skip()
    ticks.skip()
    assert len(ticks.order()["voice_line"]) == 5


# No endless asking


def test_the_same_work_is_asked_for_three_times_then_no_more(ticks: Ticks) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ticks.skip()
    for _ in range(MAX_ATTEMPTS):
        assert len(ticks.order()["voice_line"]) == 5
        ticks.look_again()
    for _ in range(3):
        assert "in vain" in ticks.skip()
        ticks.look_again()
    ticks.house.write("inbox/dialogue/play.txt", PLAY.replace(SEA, "The sea is white."))
    ticks.skip()
    assert len(ticks.order()["voice_line"]) == 5


def test_a_second_request_does_not_come_before_the_first_had_a_minute(ticks: Ticks) -> None:
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ticks.skip()
    assert ticks.order()
    assert ticks.skip() == "nothing has changed"


HOLD = """
import pathlib, sys
from resources import render_lock
render_lock.hold(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_while_another_process_renders_nothing_is_asked(ticks: Ticks) -> None:
    lock = ticks.house.studio().settings.render_lock(DIALOGUE.job)
    ticks.house.write("inbox/dialogue/play.txt", PLAY)
    ticks.skip()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert render_lock.is_held(lock)
        assert "rendering" in ticks.skip()
        assert len(ticks.house.studio().dialogue.cues) == 5, "what was dropped is registered all the same"
        holder.kill()
        holder.wait()
    assert not render_lock.is_held(lock), "a killed process leaves its lock"
    assert len(ticks.order()["voice_line"]) == 5


def test_a_lock_is_held_once_however_often_and_by_many(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".rendering"
    assert not render_lock.is_held(path)
    render_lock.hold(path)
    render_lock.hold(path)
    assert render_lock.is_held(path)
    render_lock.release(path)
    assert not render_lock.is_held(path)
    render_lock.release(path)


def test_the_job_leaves_no_lock_whether_it_fails_or_not(house: House, instance: dg.DagsterInstance) -> None:
    lock = house.studio().settings.render_lock(DIALOGUE.job)
    house.register(PLAY.replace(GOOD, "Now FAIL."))
    assert not house.run(instance).success
    assert not render_lock.is_held(lock)
    house.register()
    assert house.run(instance).success
    assert not render_lock.is_held(lock)


def test_a_translation_that_comes_before_its_original_is_read_with_it(ticks: Ticks) -> None:
    ticks.house.write(
        "inbox/dialogue/game/tl/french/script.rpy",
        'translate french start_09e39b23:\n\n    # "Hello."\n    "Bonjour."\n',
    )
    ticks.skip()
    ticks.skip()
    (sentence,) = ticks.said
    assert "ingest the original first" in sentence
    ticks.house.write("inbox/dialogue/game/script.rpy", 'label start:\n    "Hello."\n')
    ticks.skip()
    langs = {key.rpartition(".")[2] for key in ticks.order()["voice_line"]}
    assert langs == {"en", "fr"}


def test_a_run_that_was_killed_before_it_began_holds_nobody_up(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.create_run_for_job(render_dialogue)
    assert has_queued_run(instance, "render_dialogue"), "it may begin at any moment"
    at = time.time()
    monkeypatch.setattr("sensors.inbox.time.time", lambda: at + 120.0)
    assert not has_queued_run(instance, "render_dialogue")
