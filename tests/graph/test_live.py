"""Live messages from the inbox to the air, with tones for voices."""

import asyncio
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import orjson
import pytest
from click.testing import CliRunner

from audio_assets import launch
from audio_assets.books.livebook import LiveSettingsMistake
from audio_assets.cli import main
from audio_assets.commands.live_server import build_app
from audio_assets.domain.live_message import NewMessage
from audio_assets.launch import LIVE
from audio_assets.lineage.collecting import delete_leftovers, find_leftovers
from audio_assets.live_desk import Desk, prune, render_waiting
from audio_assets.render import render
from audio_assets.stages.live import MessageAudio
from resources import render_lock
from resources.now_playing import RECORD
from resources.process_owner import this_process
from sensors import live as sensors
from tests.fakes import spoken
from tests.house import House
from tests.live import DEAD

PARTITIONS = "audio_assets_live_messages"


def add(house: House, *texts: str, bits: int | None = None) -> None:
    kind = "mention" if bits is None else "bits"
    house.studio().live.queue.add([NewMessage("ana", text, kind, bits) for text in texts], source="test")


def states(house: House) -> dict[int, str]:
    return {one.number: one.state for one in house.studio().live.queue.messages()}


def tick(house: House, instance: dg.DagsterInstance, which: str, cursor: str | None = None) -> tuple[Any, str | None]:
    resources = {"studio": house.resources["studio"]}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        data = getattr(sensors, which).evaluate_tick(context)
    return data, data.cursor


def run(house: House, instance: dg.DagsterInstance, config: Any) -> dg.ExecuteInProcessResult:
    job = house.defs.resolve_job_def(LIVE.job)
    return job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)


def test_a_dropped_file_is_spoken_by_one_run_and_played(house: House, instance: dg.DagsterInstance) -> None:
    house.write("inbox/live/chat.jsonl", '{"sent_by": "ana", "text": "Hello https://x.tv"}\n{oops\n')
    result, cursor = tick(house, instance, "new_messages")
    (request,) = result.run_requests
    assert request.run_config == launch.run_config({"message_audio": ["m0000001"]})
    (add_request,) = result.dynamic_partitions_requests or ()
    instance.add_dynamic_partitions(PARTITIONS, add_request.partition_keys)
    assert run(house, instance, request.run_config).success
    assert states(house) == {1: "READY", 2: "FAILED"}
    assert spoken(house.engines) == ["Hello link"]
    message = house.studio().live.queue.message(1)
    sidecar = house.studio().store.find(message.audio.rpartition("/")[0])
    assert sidecar is not None
    assert message.duration_s == pytest.approx(sidecar.facts["duration_s"], abs=0.001)
    assert message.n_bytes == (house.root / message.audio).stat().st_size
    assert house.studio().live.spoken(message).notes == ("1 link is spoken as 'link'",)
    (event,) = instance.fetch_materializations(dg.AssetKey("message_audio"), limit=9).records
    assert event.partition_key == "m0000001"
    assert tick(house, instance, "new_messages", cursor)[0].skip_message == "no message waits"

    assert tick(house, instance, "autoplay")[0].skip_message == "autoplay is off"
    house.studio().live.queue.autoplay(is_on=True)
    assert tick(house, instance, "autoplay")[0].skip_message == "plays message 1"
    assert tick(house, instance, "autoplay")[0].skip_message == "nothing may play now"
    record = orjson.loads((house.root / "live" / RECORD).read_bytes())
    assert (record["text"], record["sent_by"]) == ("Hello link", "ana")
    assert (house.root / "live" / record["wav"]).read_bytes() == (house.root / message.audio).read_bytes()


def test_the_sensors_make_no_database_where_there_are_no_messages(house: House, instance: dg.DagsterInstance) -> None:
    for which in ("new_messages", "autoplay"):
        assert tick(house, instance, which)[0].skip_message == "there are no live messages"
    assert house.plan(LIVE.recipes).counts() == {}
    assert not (house.root / "ledger.db").exists()


def test_a_sensor_does_not_ask_for_what_is_under_way_or_was_asked_for_in_vain(
    house: House, instance: dg.DagsterInstance
) -> None:
    add(house, "one")
    for who, says in (("queue_serve", "`audio-assets queue serve` renders them"), (LIVE.job, "a run is rendering")):
        lock = house.studio().settings.render_lock(who)
        render_lock.hold(lock)
        assert tick(house, instance, "new_messages")[0].skip_message.startswith(says)
        render_lock.release(lock)
    cursor = None
    for _ in range(3):
        result, cursor = tick(house, instance, "new_messages", cursor)
        assert result.run_requests
    assert "in vain" in tick(house, instance, "new_messages", cursor)[0].skip_message
    add(house, "two")
    assert tick(house, instance, "new_messages", cursor)[0].run_requests


def test_what_can_not_be_spoken_fails_with_its_reason_and_the_others_go_on(
    house: House, instance: dg.DagsterInstance
) -> None:
    add(house, "FAIL here", "fine", "SILENT", "🎉")
    keys = [f"m000000{n}" for n in (1, 2, 3, 4)]
    assert not run(house, instance, launch.run_config({"message_audio": keys})).success
    assert states(house) == {1: "FAILED", 2: "READY", 3: "FAILED", 4: "FAILED"}
    reasons = {one.number: one.reason for one in house.studio().live.queue.messages(states=("FAILED",))}
    assert reasons[1].startswith("the tones can not say FAIL")
    assert reasons[3].startswith("its audio is no good: not_silent")
    assert reasons[4] == "nothing is left to speak of its text: 1 emoji left out"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('voice = "af_heart60_am_adam50"', "sum to 110, not 100"),
        ("sped = 1.2", "the key 'sped' is not known; did you mean 'speed'?"),
        ("speed = ", "the file is not TOML"),
        ('engine = "kokor"', "'kokor' is no speech provider"),
    ],
)
def test_a_mistake_in_the_settings_keeps_messages_waiting_and_is_said(house: House, text: str, says: str) -> None:
    house.write("live.toml", text)
    added = command("add", "ana", "one")
    assert (added["state"], says in added["problem"]) == ("PENDING", True)
    with pytest.raises(LiveSettingsMistake, match=re.escape(says)):
        MessageAudio(house.studio()).take_on(["m0000001"])
    assert states(house) == {1: "PENDING"}
    stats = command("stats")
    assert (says in stats["problem"], stats["in_active_queue"]["pending"]) == (True, 1)
    assert command("autoplay", "start")["autoplay"]
    house.write("live.toml", 'voice = "af_heart60_am_adam40"')
    assert "problem" not in command("stats")
    assert MessageAudio(house.studio()).take_on(["m0000001"]) == ["m0000001"]


def test_sensor_run_and_desk_say_a_mistake_in_the_settings_in_a_sentence(
    house: House, instance: dg.DagsterInstance
) -> None:
    house.write("live.toml", "sped = 1.2")
    add(house, "one")
    says = "live.toml: the key 'sped' is not known; did you mean 'speed'?"
    assert says in tick(house, instance, "new_messages")[0].skip_message
    done = run(house, instance, launch.run_config({"message_audio": ["m0000001"]}))
    (failed,) = [event.step_failure_data.user_failure_data for event in done.all_events if event.is_step_failure]
    assert failed is not None
    assert says in str(failed.description)
    told: list[str] = []
    desk = Desk(house.studio, instance, told.append)
    desk.start()
    until = time.monotonic() + 20
    while not told and time.monotonic() < until:
        time.sleep(0.02)
    desk.stop()
    assert [says in sentence for sentence in told] == [True]
    assert states(house) == {1: "PENDING"}
    house.write("live.toml", "speed = 1.2")
    assert render_waiting(house.studio(), instance) == 1
    assert states(house) == {1: "READY"}


def test_a_message_keeps_the_settings_that_held_when_it_was_claimed(house: House) -> None:
    add(house, "one", "two")
    recipe = MessageAudio(house.studio())
    recipe.take_on(["m0000001"])
    house.write("live.toml", "speed = 1.5")
    actions = [MessageAudio(house.studio()).describe(key) for key in ("m0000001", "m0000002")]
    assert [action.params["speed"] for action in actions] == [0.85, 1.5]


def test_a_renderer_that_was_killed_is_taken_over(house: House, instance: dg.DagsterInstance) -> None:
    add(house, "one")
    queue = house.studio().live.queue
    queue._owner = lambda: DEAD
    queue.claim(1, house.studio().live.ask)
    assert queue.message(1).owner == DEAD
    assert render_waiting(house.studio(), instance) == 1
    assert states(house) == {1: "READY"}
    assert instance.get_dynamic_partitions(PARTITIONS) == ["m0000001"]
    assert len(instance.fetch_materializations(dg.AssetKey("message_audio"), limit=9).records) == 1


def test_a_renderer_that_fails_as_a_whole_gives_its_claims_back(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(house, "one")

    def broken(*_: object, **__: object) -> None:
        raise OSError("the disk is away")

    monkeypatch.setattr("audio_assets.live_desk.render", broken)
    with pytest.raises(OSError, match="the disk is away"):
        render_waiting(house.studio(), instance)
    assert house.studio().live.queue.message(1).owner is None
    assert not render_lock.is_held(house.studio().settings.render_lock(LIVE.job))


def test_what_is_old_is_forgotten_with_its_refs_and_its_sound_goes_with_a_clean(
    house: House, instance: dg.DagsterInstance
) -> None:
    add(house, "one", "two")
    assert render_waiting(house.studio(), instance) == 1
    assert render_waiting(house.studio(), instance) == 1
    queue = house.studio().live.queue
    queue.mark_played(1)
    sounds = [house.root / queue.message(n).audio for n in (1, 2)]
    house.write("live.toml", "max_age_days = 0")
    time.sleep(0.01)
    assert prune(house.studio(), instance) == 1
    assert instance.get_dynamic_partitions(PARTITIONS) == ["m0000002"]
    assert house.studio().refs("message_audio").get("m0000001") is None
    studio = house.studio()
    delete_leftovers(studio, find_leftovers(studio, launch.recipes(studio)))
    assert [sound.exists() for sound in sounds] == [False, True]


def test_two_messages_of_the_same_text_share_one_render(house: House) -> None:
    add(house, "same", "same")
    recipe = MessageAudio(house.studio())
    outcomes = list(render(recipe, recipe.take_on(["m0000001", "m0000002"]), run_id="run"))
    assert [outcome.state for outcome in outcomes] == ["rendered", "cached"]
    assert states(house) == {1: "READY", 2: "READY"}
    assert this_process() == house.studio().live.queue._owner()


def test_the_desk_takes_renders_and_plays(house: House, instance: dg.DagsterInstance) -> None:
    told: list[str] = []
    house.write("inbox/live/chat.jsonl", '{"sent_by": "ana", "text": "Hi"}\n{oops\n')
    desk = Desk(house.studio, instance, told.append)
    desk.start()
    try:
        assert tick(house, instance, "new_messages")[0].skip_message == "`audio-assets queue serve` renders them"
        assert tick(house, instance, "autoplay")[0].skip_message == "`audio-assets queue serve` plays them"
        house.studio().live.queue.autoplay(is_on=True, cooldown_s=0)
        until = time.monotonic() + 20
        while states(house).get(1) != "PLAYED" and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        desk.stop()
    assert states(house) == {1: "PLAYED", 2: "FAILED"}
    assert told == [
        "chat.jsonl line 2: it is not JSON: Expecting property name enclosed in double quotes at character 2"
    ]
    assert threading.active_count() < 10
    assert not render_lock.is_held(house.studio().settings.render_lock("queue_serve"))


def test_the_server_shows_the_queue_of_its_studio(house: House) -> None:
    add(house, "one", "two")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(house.studio, "127.0.0.1", ""))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            return await asking.get("/api/queue")

    shown = asyncio.run(ask()).json()
    assert (shown["in_all_queues"]["pending"], shown["active_queue"], shown["is_served"]) == (2, "mentions", False)
    house.write("live.toml", "sped = 1")
    problem = asyncio.run(ask()).json()["problem"]
    assert problem.startswith("live.toml: the key 'sped' is not known")


# The commands


def command(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(main, ["queue", *words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.output) if code != 2 else done.output


def test_the_commands_of_a_stream(house: House, instance: dg.DagsterInstance) -> None:
    assert command("add", "ana", "hello") == {"id": 1, "is_new": True, "queue": "mentions", "state": "PENDING"}
    assert command("add", "bo", "big", "--bits", "100")["queue"] == "bits"
    assert command("add", "bo", "big", "--bits", "100", "--id", "x")["is_new"]
    assert not command("add", "bo", "big", "--bits", "100", "--id", "x")["is_new"]
    assert command("play-next", code=1) == {
        "id": None,
        "said": "no message of mentions, the active queue, is ready to play",
    }
    while render_waiting(house.studio(), instance):
        pass
    stats = command("stats")
    assert (stats["active_queue"], stats["autoplay"], stats["playing"]) == ("mentions", False, None)
    mine, every = stats["in_active_queue"], stats["in_all_queues"]
    assert (mine["pending"], mine["ready"], every["pending"], every["ready"]) == (0, 1, 0, 3)
    assert every["audio_bytes_ready"] > mine["audio_bytes_ready"] > 10_000
    assert mine == stats["queues"]["mentions"]
    told = CliRunner().invoke(main, ["queue", "stats"]).output.splitlines()
    assert [" ".join(line.split()) for line in told[:3]] == [
        f"mentions (active) 1 ready, {mine['audio_bytes_ready'] / 1e6:.1f} MB of audio to play",
        f"bits 2 ready, {stats['queues']['bits']['audio_bytes_ready'] / 1e6:.1f} MB of audio to play",
        f"all queues 3 ready, {every['audio_bytes_ready'] / 1e6:.1f} MB of audio to play",
    ]
    played = command("play-next")
    assert (played["id"], Path(played["path"]).name) == (1, "now_playing.wav")
    assert "message 1 plays for another" in command("play-next", code=2)
    assert command("mark-played", "1")["state"] == "PLAYED"
    assert command("play-next", code=1)["said"].endswith(
        "is ready to play; bits holds 2: `audio-assets queue switch bits` plays those"
    )
    assert command("switch", "bits")["active_queue"] == "bits"
    assert command("autoplay", "start", "--cooldown", "3") == {
        "active_queue": "bits",
        "autoplay": True,
        "cooldown_s": 3.0,
    }
    assert command("autoplay", "stop")["autoplay"] is False
    assert "Delete 2 messages that wait in bits? [y/N]" in command("clear", code=2)
    assert command("clear", "--yes") == {"active_queue": "bits", "n_deleted": 2, "ids": [2, 3]}
    assert [one["state"] for one in command("list")] == ["PLAYED", "DELETED", "DELETED"]
    assert [one["id"] for one in command("list", "--state", "deleted", "--newest", "1")] == [3]
    assert command("requeue", "1") == {"ids": [1]}
    assert command("requeue", "--failed") == {"ids": []}
    assert "which messages?" in command("requeue", code=2)
    assert "there is no message 99" in command("mark-played", "99", code=2)
    assert "text is empty" in command("add", "ana", " ", code=2)


def test_the_config_is_shown_and_checked(house: House) -> None:
    house.write("live.toml", 'voice = "tim30_af_heart70"\n[names]\ntim = "am_adam"')
    shown = command("config")
    assert shown["mix"] == {"am_adam": 0.3, "af_heart": 0.7}
    assert (shown["cooldown_s"], shown["speed"], shown["language"]) == (10.0, 0.85, "en-us")
    told = CliRunner().invoke(main, ["queue", "config"]).output
    assert "30% am_adam, 70% af_heart" in told
    assert "tim is am_adam" in told
    assert not set("{}[]") & set(told)
    house.write("live.toml", 'voice = "tim30_af_heart60"\n[names]\ntim = "am_adam"')
    assert "sum to 90, not 100" in command("config", code=2)
