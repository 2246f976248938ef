from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.rendering import PermanentError, TransientError
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import JobGone, Refused
from resources.vendors.openrouter import OpenRouterVideo
from tests.servers.openrouter import OpenRouterServer
from tests.servers.serving import serving
from tests.servers.video_jobs import KEY, PICTURE, clip
from tests.video_desk import SHOT, TABLE, Desk

VEO = "google/veo-3.1"


@pytest.fixture
def server(tmp_path: Path) -> OpenRouterServer:
    return OpenRouterServer(tmp_path / "openrouter.db")


@pytest.fixture
def desk(server: OpenRouterServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    with serving(server.app) as url:
        yield Desk(OpenRouterVideo(url=f"{url}/api/v1", tables=[TABLE]), VEO, tmp_path)


def test_a_job_is_ordered_waited_for_and_paid_at_what_it_cost(desk: Desk, server: OpenRouterServer) -> None:
    receipt = desk.pay(files=desk.picture(PICTURE))
    assert (desk.target.read_bytes(), receipt.cost_usd, receipt.is_estimate) == (clip(), 1.6, False)
    (asked,) = server.jobs.requests()
    assert asked.pop("frame_images")[0]["frame_type"] == "first_frame"
    assert asked == {
        "model": VEO, "prompt": SHOT.prompt, "aspect_ratio": "16:9", "resolution": "720p", "duration": 8, "seed": 3,
        "generate_audio": False,
    }  # fmt: skip


def test_a_job_that_says_no_cost_is_paid_the_estimate(desk: Desk, server: OpenRouterServer) -> None:
    server.cost = None
    assert desk.pay().is_estimate


def test_it_polls_where_it_is_told_and_elsewhere_by_the_id_alone(desk: Desk, server: OpenRouterServer) -> None:
    server.polls_at = "/api/v1/polling"
    desk.pay()
    assert desk.vendor.look("vgen-1").state == "done"


def test_what_the_model_does_not_take_is_refused_and_free(desk: Desk, server: OpenRouterServer) -> None:
    with pytest.raises(Refused, match=r"400.*seed: not supported"):
        desk.pay(replace(SHOT, seed=-1))
    assert (desk.entry.state, server.jobs.ids()) == ("released", [])


def test_another_process_goes_on_with_the_job(desk: Desk, server: OpenRouterServer) -> None:
    server.states = ["pending"] * 100
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    server.states = ["completed", "in_progress", "completed"]  # a lagging machine in between
    desk.pay()
    desk.pay()
    assert [entry.spent_micro for entry in desk.ledger.entries()] == [1_600_000]
    assert len(server.jobs.ids()) == 1


def test_a_lost_answer_is_never_ordered_again(desk: Desk, server: OpenRouterServer) -> None:
    server.lost = True
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.pay()
        server.lost = False
    assert len(server.jobs.ids()) == 1


@pytest.mark.parametrize(
    ("status", "said", "billed", "error", "state", "says"),
    [
        ("failed", "Prompt was flagged", 0.0, PermanentError, "released", "Prompt was flagged; nothing is billed"),
        ("failed", "Prompt was flagged", 0.4, PermanentError, "settled", "Prompt was flagged.*0.40 were billed"),
        ("failed", {"code": 502, "message": "provider down"}, 0.0, TransientError, "released", "provider down"),
        ("failed", {"code": 400, "message": "bad frame"}, 0.0, PermanentError, "released", "bad frame"),
        ("expired", None, 0.0, TransientError, "released", "the job is expired"),
        ("cancelled", None, None, OutcomeUnknown, "unknown", "the job is cancelled"),
        ("failed", "x", None, OutcomeUnknown, "unknown", "x"),
    ],
)
def test_a_failed_job_is_booked_as_its_record_says(
    desk: Desk, server: OpenRouterServer, status: str, said: Any, billed: float | None, error: type[Exception],
    state: str, says: str,
) -> None:  # fmt: skip
    server.states, server.error, server.billed = [status], said, billed
    with pytest.raises(error, match=says) as raised:
        desk.pay()
    assert type(raised.value) is error
    assert desk.entry.state == state


def test_a_failed_job_without_a_record_is_looked_at_by_a_person(desk: Desk, server: OpenRouterServer) -> None:
    server.states, server.billed, server.has_generation = ["failed"], 0.0, False
    with pytest.raises(OutcomeUnknown):
        desk.pay()


@pytest.mark.parametrize("status", [404, 410])
def test_content_that_is_gone_is_said(desk: Desk, server: OpenRouterServer, status: int) -> None:
    server.shows = status
    with pytest.raises(PermanentError, match=rf"has run out \({status}\)"):
        desk.pay()


def test_a_file_elsewhere_has_to_be_https(desk: Desk, server: OpenRouterServer) -> None:
    server.files_at = "http://127.0.0.1:9"
    with pytest.raises(PermanentError, match="may not be asked"):
        desk.pay()


def test_nothing_can_be_stopped(desk: Desk, server: OpenRouterServer) -> None:
    server.states = ["pending"] * 100
    with pytest.raises(TransientError):
        desk.pay()
    with pytest.raises(PermanentError, match="can not stop a job"):
        desk.call_off()
    assert desk.entry.state == "submitted"
    with pytest.raises(JobGone):
        desk.vendor.look("nobody")


def test_it_says_what_is_left(desk: Desk) -> None:
    assert desk.provider.probe() == "the key holds, $12.50 left"
