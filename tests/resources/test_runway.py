from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audio_assets.domain.rendering import PermanentError, TransientError
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import JobGone, Refused
from resources.vendors.runway import RunwayVideo
from tests.servers.runway import RunwayServer
from tests.servers.serving import serving
from tests.servers.video_jobs import KEY, PICTURE, clip
from tests.video_desk import SHOT, TABLE, Desk


@pytest.fixture
def server(tmp_path: Path) -> RunwayServer:
    return RunwayServer(tmp_path / "runway.db")


@pytest.fixture
def desk(server: RunwayServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("RUNWAYML_API_SECRET", KEY)
    with serving(server.app) as url:
        yield Desk(RunwayVideo(url=url, tables=[TABLE]), "gen4.5", tmp_path)


def test_a_task_is_ordered_waited_for_and_paid_at_what_it_cost(desk: Desk, server: RunwayServer) -> None:
    receipt = desk.pay()
    assert (desk.target.read_bytes(), receipt.cost_usd, receipt.is_estimate) == (clip(), 0.40, False)
    assert server.jobs.requests() == [
        {"endpoint": "text_to_video", "model": "gen4.5", "promptText": SHOT.prompt, "ratio": "1280:720",
         "duration": 8, "seed": 3}
    ]  # fmt: skip
    assert desk.provider.identity("gen4.5")["api"] == "2024-11-06"


@pytest.mark.parametrize("model", ["gen4.5", "gen4_turbo", "veo3.1"])
def test_every_model_takes_every_size_and_length_that_it_sells(desk: Desk, server: RunwayServer, model: str) -> None:
    desk.model = model
    offers = desk.provider.capabilities(model)
    picture = desk.picture(PICTURE)
    lengths = (offers.clip_seconds[0], offers.clip_seconds[-1])
    for seed, ((width, height), seconds) in enumerate(zip(offers.sizes, lengths * 3, strict=False)):
        desk.pay(replace(SHOT, width=width, height=height, clip_seconds=seconds, seed=seed), files=picture)
    assert {request["endpoint"] for request in server.jobs.requests()} == {"image_to_video"}
    if model != "gen4_turbo":
        desk.pay(replace(SHOT, seed=99))
        assert server.jobs.requests()[-1]["endpoint"] == "text_to_video"


def test_a_model_that_begins_with_a_picture_says_so(desk: Desk) -> None:
    desk.model = "gen4_turbo"
    with pytest.raises(PermanentError, match="runway gen4_turbo begins with a picture, and the scene has none"):
        desk.order()


def test_a_prompt_that_is_too_long_is_refused_before_it_is_sent(desk: Desk) -> None:
    with pytest.raises(PermanentError, match=r"takes a prompt of at most 1,000 characters, and this one has 1,001"):
        desk.order(replace(SHOT, prompt="x" * 1001))
    with pytest.raises(PermanentError, match="this one has 1,002"):  # counted as Runway counts
        desk.order(replace(SHOT, prompt="\N{MICROPHONE}" * 501))


def test_a_picture_that_is_too_large_orders_nothing(desk: Desk, server: RunwayServer) -> None:
    with pytest.raises(Refused, match=r"4\.0 MB, and runway takes 3\.7 MB"):
        desk.pay(files=desk.picture(PICTURE + bytes(4_000_000)))
    desk.pay(files=desk.picture(PICTURE + bytes(3_700_000)))
    assert len(server.jobs.ids()) == 1


def test_what_runway_refuses_is_free(desk: Desk, server: RunwayServer) -> None:
    with pytest.raises(Refused, match=r"400.*Validation of body failed: seed"):
        desk.pay(replace(SHOT, seed=-1))
    assert (desk.entry.state, server.jobs.ids()) == ("released", [])


def test_another_process_goes_on_with_the_task(desk: Desk, server: RunwayServer) -> None:
    server.states = ["THROTTLED"] * 100
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    server.states = ["SUCCEEDED", "RUNNING", "SUCCEEDED"]  # a lagging machine in between
    desk.pay()
    assert (desk.entry.state, len(server.jobs.ids())) == ("settled", 1)


def test_a_lost_answer_is_never_ordered_again(desk: Desk, server: RunwayServer) -> None:
    server.lost = True
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.pay()
        server.lost = False
    assert len(server.jobs.ids()) == 1


@pytest.mark.parametrize(
    ("failure", "credits", "error", "state", "spent", "says"),
    [
        (("Text did not pass", "SAFETY.INPUT.TEXT"), 40, PermanentError, "settled", 400_000, "SAFETY.INPUT.TEXT"),
        (("Text did not pass", "SAFETY.INPUT.TEXT"), None, PermanentError, "settled", 800_000, "were billed"),
        (("no", "INPUT_PREPROCESSING.SAFETY.TEXT"), None, PermanentError, "settled", 800_000, "were billed"),
        (("poor", "INTERNAL.BAD_OUTPUT.CODE01"), 0, TransientError, "released", 0, "BAD_OUTPUT"),
        (("An unexpected error", "INTERNAL"), None, OutcomeUnknown, "unknown", 0, "An unexpected error"),
        (("bad file", "ASSET.INVALID"), 0, PermanentError, "released", 0, "nothing is billed"),
        (("down", "THIRD_PARTY.UNAVAILABLE"), 0, TransientError, "released", 0, "nothing is billed"),
        (("who knows", None), 0, PermanentError, "released", 0, "who knows"),
    ],
)  # fmt: skip
def test_a_failed_task_is_booked_as_runway_bills_it(
    desk: Desk, server: RunwayServer, failure: tuple[str, str | None], credits: int | None, error: type[Exception],
    state: str, spent: int, says: str,
) -> None:  # fmt: skip
    server.states, server.failure, server.credits = ["FAILED"], failure, credits
    with pytest.raises(error, match=says) as raised:
        desk.pay()
    assert type(raised.value) is error
    assert (desk.entry.state, desk.entry.spent_micro) == (state, spent)


def test_the_address_is_asked_for_anew_and_one_that_has_run_out_is_said(desk: Desk, server: RunwayServer) -> None:
    server.shows = 403
    with pytest.raises(PermanentError, match=r"has run out \(403\)"):
        desk.pay()
    server.shows = 200
    desk.pay()
    assert desk.target.read_bytes() == clip()
    server.has_output = False
    with pytest.raises(PermanentError, match="no more: it keeps files for a time only"):
        desk.vendor.fetch(desk.entry.job_id or "", desk.target)


def test_stopping_deletes_what_runs_and_never_what_is_done(desk: Desk, server: RunwayServer) -> None:
    server.states = ["RUNNING"] * 100
    with pytest.raises(TransientError):
        desk.pay()
    with pytest.raises(OutcomeUnknown, match="it was stopped"):
        desk.call_off()
    assert server.jobs.is_stopped(server.jobs.ids()[0])
    server.states = ["SUCCEEDED"]
    desk.pay(replace(SHOT, seed=4))
    with pytest.raises(PermanentError, match="is done already"):
        desk.vendor.cancel(desk.entry.job_id or "")
    assert not server.jobs.is_stopped(server.jobs.ids()[1])
    with pytest.raises(JobGone):
        desk.vendor.look("nobody")


def test_it_says_what_is_left(desk: Desk) -> None:
    assert desk.provider.probe() == "1250 credits left"
