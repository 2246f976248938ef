from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.live_message import NewMessage
from audio_assets.domain.rendering import PermanentError
from resources.live_rows import Message, MessageConflict
from resources.message_queue import MAX_CLAIMS, STALE_S, MessageQueue
from resources.now_playing import RECORD, WAV
from resources.process_owner import Owner, this_process
from tests.ledgers import BACKENDS, ledger_url
from tests.live import DEAD, Stage, ask


@pytest.fixture(params=BACKENDS)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with ledger_url(request.param, tmp_path) as url:
        yield Stage(url, tmp_path)


def test_a_message_goes_its_way(stage: Stage) -> None:
    assert stage.add("hello") == [1]
    arrived = stage.queue.message(1)
    assert (arrived.state, arrived.queue, arrived.source, arrived.version) == ("PENDING", "mentions", "test", 1)
    (claimed,) = stage.queue.claim(9, ask)
    assert (claimed.state, claimed.owner) == ("PENDING", this_process())
    assert stage.queue.ready(1, "audio/1/out.wav", duration_s=2.5, n_bytes=120)
    assert stage.queue.message(1).owner is None
    played = stage.player.play()
    assert played is not None
    assert (played.message.state, played.message.started_at) == ("PLAYING", stage.clock())
    stage.clock.turn(seconds=2.4)
    assert stage.player.tend() == ()
    stage.clock.turn(seconds=0.1)
    (ended,) = stage.player.tend()
    assert (ended.state, ended.ended_at, ended.n_plays) == ("PLAYED", stage.clock(), 1)
    assert stage.player.play() is None


def test_a_claim_is_its_owners_until_that_dies(stage: Stage) -> None:
    stage.add("one", "two")
    stage.owner = DEAD
    assert [one.number for one in stage.queue.claim(1, ask)] == [1]
    stage.owner = this_process()
    assert [one.number for one in stage.queue.claim(9, ask)] == [1, 2]
    assert stage.queue.claim(9, ask) == ()
    assert stage.queue.waiting(9) == ()
    stage.queue.release([1])
    assert [one.number for one in stage.queue.waiting(9)] == [1]
    assert [one.number for one in stage.queue.claim(9, ask, only=[2])] == []


def test_what_is_spoken_is_fixed_by_the_first_claim(stage: Stage) -> None:
    stage.add("one", "no")
    stage.owner = DEAD
    stage.queue.claim(9, ask)
    stage.owner = this_process()
    (again,) = stage.queue.claim(9, lambda _message: pytest.fail("it was asked before"))
    assert orjson.loads(again.request) == {"speech": {"text": "one"}}
    refused = stage.queue.message(2)
    assert (refused.state, refused.reason) == ("FAILED", "it says no")


def test_what_kills_every_renderer_is_given_up(stage: Stage) -> None:
    stage.add("one", "two")
    stage.owner = DEAD
    for _ in range(MAX_CLAIMS):
        assert [one.number for one in stage.queue.claim(1, ask)] == [1]
    assert [one.number for one in stage.queue.claim(2, ask)] == [2]
    assert stage.queue.message(1).reason == (
        "3 renderers died at it; `audio-assets queue requeue 1` has it tried again"
    )
    stage.queue.requeue([1])
    assert [one.number for one in stage.queue.claim(1, ask)] == [1]


def test_giving_a_claim_back_does_not_count(stage: Stage) -> None:
    stage.add("one")
    for _ in range(2 * MAX_CLAIMS):
        assert stage.queue.claim(1, ask)
        stage.queue.release([1])


def test_a_claim_of_another_host_lapses_after_a_while(stage: Stage) -> None:
    stage.add("one")
    stage.owner = Owner(1, "elsewhere", "")
    stage.queue.claim(1, ask)
    stage.owner = this_process()
    stage.clock.turn(seconds=STALE_S)
    assert stage.queue.waiting(1) == ()
    stage.clock.turn(seconds=1)
    assert len(stage.queue.waiting(1)) == 1


def test_the_order_is_that_of_arrival_and_waits_for_what_is_not_rendered(stage: Stage) -> None:
    stage.add("one", "two", "three")
    stage.queue.claim(9, ask)
    stage.queue.ready(2, "audio/2", duration_s=1, n_bytes=1)
    assert stage.player.play() is None
    stage.queue.failed(1, "it broke")
    played = stage.player.play()
    assert played is not None
    assert played.message.number == 2


def test_one_plays_at_a_time(stage: Stage) -> None:
    stage.add("one", "two")
    stage.render()
    stage.player.play()
    stage.clock.turn(seconds=0.5)
    with pytest.raises(
        MessageConflict, match=r"message 1 plays for another 1\.5 s; `audio-assets queue mark-played 1`"
    ):
        stage.player.play()
    assert stage.player.play(cooldown_s=0) is None
    stage.queue.mark_played(1)
    played = stage.player.play()
    assert played is not None
    assert played.message.number == 2


def test_each_queue_has_its_turn(stage: Stage) -> None:
    stage.add("small")
    stage.add("big", bits=100)
    stage.render()
    stage.queue.switch("bits")
    assert stage.player.play().message.number == 2  # type: ignore[union-attr]
    stage.queue.mark_played(2)
    assert stage.player.play() is None
    stage.queue.switch("mentions")
    assert stage.player.play().message.number == 1  # type: ignore[union-attr]


def test_autoplay_keeps_the_cooldown(stage: Stage) -> None:
    stage.add("one", "two", "three")
    stage.render(duration_s=2)
    assert stage.player.play(cooldown_s=10) is None, "it is off"
    stage.queue.autoplay(is_on=True)
    assert stage.player.play(cooldown_s=10) is not None, "the first needs no pause before it"
    stage.clock.turn(seconds=11.9)
    assert stage.player.play(cooldown_s=10) is None, "it ended 9.9 s ago"
    stage.clock.turn(seconds=0.1)
    assert stage.player.play(cooldown_s=10) is not None
    stage.queue.autoplay(is_on=True, cooldown_s=1)
    stage.clock.turn(seconds=3)
    assert stage.player.play(cooldown_s=10) is not None, "what was switched holds against the settings"
    assert stage.queue.autoplay(is_on=False).cooldown_s == 1


def test_what_is_cleared_is_never_played_even_if_it_is_rendered_after_that(stage: Stage) -> None:
    stage.add("one", "two")
    stage.add("big", bits=1)
    stage.queue.claim(9, ask)
    stage.queue.ready(1, "audio/1", duration_s=1, n_bytes=1)
    assert [one.number for one in stage.queue.clear()] == [1, 2]
    assert not stage.queue.ready(2, "audio/2", duration_s=1, n_bytes=1)
    stage.queue.failed(2, "late")
    assert stage.states() == {1: "DELETED", 2: "DELETED", 3: "PENDING"}
    assert stage.player.play() is None


def test_a_message_whose_player_died_before_it_was_on_air_is_told_and_not_played_again(stage: Stage) -> None:
    stage.add("one", "two")
    stage.render()
    stage.owner = DEAD
    assert stage.queue.cue(was_published=stage.now_playing.was_published, cooldown_s=None) is not None
    stage.owner = this_process()
    assert stage.player.play().message.number == 2  # type: ignore[union-attr]
    died = stage.queue.message(1)
    assert died.state == "FAILED"
    assert died.reason == (
        "its player died while it started, so it may or may not have been heard: `audio-assets queue requeue 1` plays "
        "it again"
    )
    assert stage.queue.stats().n_died == 1


def test_a_message_whose_player_died_just_after_it_was_on_air_is_played(stage: Stage) -> None:
    stage.add("one")
    stage.render()
    stage.owner = DEAD
    message = stage.queue.cue(was_published=stage.now_playing.was_published, cooldown_s=None)
    assert message is not None
    stage.now_playing.publish(message, "one", b"one", stage.clock())
    stage.owner = this_process()
    assert stage.player.tend() == ()
    assert stage.queue.message(1).started_at == stage.clock()
    stage.clock.turn(seconds=2)
    (ended,) = stage.player.tend()
    assert (ended.state, ended.reason) == ("PLAYED", "its player died, but it was on air")


def test_a_player_that_was_given_up_can_not_go_on(stage: Stage) -> None:
    stage.add("one")
    stage.render()
    stage.owner = DEAD
    slow = stage.queue.cue(was_published=stage.now_playing.was_published, cooldown_s=None)
    stage.owner = this_process()
    stage.player.tend()
    assert slow is not None
    with pytest.raises(MessageConflict, match="message 1 is FAILED now"):
        stage.queue.started(slow, stage.clock())


def test_a_requeued_message_is_spoken_and_played_anew(stage: Stage) -> None:
    stage.add("one", "two")
    stage.render()
    stage.player.play()
    with pytest.raises(MessageConflict, match="message 1 is PLAYING; it is not over"):
        stage.queue.requeue([1])
    stage.queue.mark_played(1)
    (again,) = stage.queue.requeue([1])
    assert (again.state, again.request, again.audio) == ("PENDING", "", "")
    stage.render()
    played = stage.player.play()
    assert played is not None
    assert (played.message.number, played.record["play"]) == (1, 2)


def test_a_sound_that_is_gone_costs_its_message_only(stage: Stage) -> None:
    def read(message: Message) -> bytes:
        if message.number == 1:
            raise PermanentError("audio/1 is gone")
        return b"two"

    stage.add("one", "two")
    stage.render()
    stage.player._read_audio = read
    assert stage.player.play().message.number == 2  # type: ignore[union-attr]
    assert stage.queue.message(1).reason == "its audio can not be had: audio/1 is gone; requeue it"


def test_any_fault_of_a_player_that_lives_ends_the_message(stage: Stage) -> None:
    stage.add("one")
    stage.render()
    stage.now_playing.folder.write_text("a file stands here")
    with pytest.raises(OSError, match="exists"):
        stage.player.play()
    assert stage.queue.message(1).state == "FAILED"
    assert "can not be written" in stage.queue.message(1).reason


def test_the_files_on_air_are_a_pair(stage: Stage) -> None:
    stage.add("one", "two", "three")
    stage.render()
    folder = stage.now_playing.folder
    for number, text in enumerate(("one", "two", "three"), start=1):
        stage.player.play()
        stage.queue.mark_played(number)
        record = orjson.loads((folder / RECORD).read_bytes())
        assert (record["id"], record["text"], record["duration_s"]) == (number, text, 2.0)
        assert record["sha256"] == sha256_hex((folder / record["wav"]).read_bytes()) == sha256_hex(text.encode())
        assert (folder / WAV).read_bytes() == text.encode()
    names = {path.name for path in folder.iterdir()}
    assert names == {RECORD, WAV, "m0000002-1.wav", "m0000003-1.wav"}, (
        "the one before stays for who has read its record"
    )


def test_a_message_with_an_id_is_taken_once(stage: Stage) -> None:
    first = stage.queue.add([NewMessage("ana", "hi", message_id="x")], source="test")
    again = stage.queue.add([NewMessage("ana", "hi", message_id="x"), NewMessage("ana", "hi")], source="test")
    assert [(one.number, one.is_new) for one in (*first, *again)] == [(1, True), (1, False), (2, True)]


def test_what_is_over_is_forgotten_and_its_number_never_given_again(stage: Stage) -> None:
    stage.add("one", "no", "three")
    stage.render()
    stage.queue.mark_played(1)
    stage.queue.mark_played(3)
    stage.add("waits")
    stage.clock.turn(hours=2)
    assert stage.queue.prune(timedelta(hours=2)) == ()
    stage.clock.turn(seconds=1)
    assert [one.number for one in stage.queue.prune(timedelta(hours=2))] == [1, 2, 3]
    assert stage.states() == {4: "PENDING"}
    stage.render()
    stage.queue.mark_played(4)
    stage.clock.turn(hours=3)
    stage.queue.prune(timedelta(hours=2))
    assert stage.add("new") == [5]


def test_the_stats_count_each_queue(stage: Stage) -> None:
    stage.add("one", "two")
    stage.add("big", bits=1)
    stage.queue.claim(1, ask)
    stage.queue.ready(1, "audio/1", duration_s=1, n_bytes=70)
    found = stage.queue.stats()
    assert (found.counts["mentions"]["READY"], found.counts["mentions"]["PENDING"]) == (1, 1)
    assert (found.counts["bits"]["PENDING"], sum(found.n_bytes_ready.values()), found.playing) == (1, 70, None)
    with pytest.raises(PermanentError, match="there is no message 77"):
        stage.queue.message(77)


def test_a_second_opening_sees_the_same(stage: Stage) -> None:
    stage.add("one")
    stage.queue.switch("bits")
    other = MessageQueue(stage.url)
    assert other.message(1) == stage.queue.message(1)
    assert other.switches() == stage.queue.switches()
