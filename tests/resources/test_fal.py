import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from resources.http_client import client_of
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import JobGone, Refused, Unknowable
from resources.vendors.fal import FalVideo
from tests.servers.fal import FalServer
from tests.servers.serving import serving
from tests.servers.video_jobs import KEY, PICTURE, clip
from tests.video_desk import SHOT, TABLE, Desk

VEO = "fal-ai/veo3.1"


@pytest.fixture
def server(tmp_path: Path) -> FalServer:
    return FalServer(tmp_path / "fal.db")


@pytest.fixture
def desk(server: FalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("FAL_KEY", KEY)
    with serving(server.app) as url:
        yield Desk(FalVideo(url=url, tables=[TABLE]), VEO, tmp_path)


def test_a_clip_is_ordered_waited_for_and_fetched(desk: Desk, server: FalServer) -> None:
    receipt = desk.pay()
    assert desk.target.read_bytes() == clip()
    assert (receipt.job_id, receipt.is_estimate) == (f"{VEO}/requests/{server.jobs.ids()[0]}", True)
    assert (desk.entry.state, desk.entry.actual_micro, desk.slept_s) == ("settled", 800_000, [1, 1.5])
    assert server.jobs.requests() == [
        {
            "endpoint": VEO, "prompt": SHOT.prompt, "negative_prompt": "blur", "aspect_ratio": "16:9",
            "resolution": "720p", "duration": "8s", "seed": 3, "generate_audio": False, "auto_fix": False,
        }
    ]  # fmt: skip


def test_the_order_says_how_it_is_to_be_run(desk: Desk, server: FalServer) -> None:
    desk.provider = FalVideo(url=desk.provider.url, tables=[TABLE], start_within_s=90, keep_days=2)
    desk.pay()
    said = server.headers[0]
    assert (said["x-fal-no-retry"], said["x-app-fal-disable-fallback"]) == ("1", "true")
    assert said["x-fal-request-timeout"] == "90"
    assert json.loads(said["x-fal-object-lifecycle-preference"]) == {"expiration_duration_seconds": 172_800}


@pytest.mark.parametrize("model", ["fal-ai/wan/v2.7", VEO, "fal-ai/kling-video/v2.5-turbo/pro"])
@pytest.mark.parametrize("with_picture", [False, True])
def test_every_model_of_the_table_takes_what_is_sent(
    desk: Desk, server: FalServer, model: str, with_picture: bool
) -> None:
    desk.model = model
    offers = desk.provider.capabilities(model)
    (width, height), seconds = offers.sizes[1], offers.clip_seconds[-1]
    shot = replace(SHOT, width=width, height=height, clip_seconds=seconds)
    desk.pay(shot, files=desk.picture(PICTURE) if with_picture else {})
    (asked,) = server.jobs.requests()
    assert asked["endpoint"].startswith(model)
    assert ("image_url" in asked) == with_picture
    assert ("seed" in asked) == offers.takes_seed
    order = desk.order(shot, desk.picture(PICTURE) if with_picture else {})
    assert "base64" not in json.dumps(order.request)


def test_a_request_that_the_endpoint_does_not_take_is_refused_and_free(desk: Desk, server: FalServer) -> None:
    with pytest.raises(Refused, match=r"422.*is not valid"):
        desk.pay(replace(SHOT, seed=-1))
    assert (desk.entry.state, server.jobs.ids()) == ("released", [])


def test_a_wrong_key_is_refused_and_never_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "sk-wrong-key-0123456789")
    with pytest.raises(Refused, match="401") as refused:
        desk.pay()
    assert "sk-wrong" not in str(refused.value) + desk.entry.reason
    monkeypatch.delenv("FAL_KEY")
    with pytest.raises(Unavailable, match="set FAL_KEY in the environment"):
        desk.pay()


# --- Going on after a crash ----------------------------------------------------------------------------------------


def test_another_process_goes_on_with_the_job_by_its_id_alone(desk: Desk, server: FalServer) -> None:
    desk.model = "fal-ai/kling-video/v2.5-turbo/pro"  # asked about without the endpoint's path
    shot = replace(SHOT, width=1920, height=1080, clip_seconds=10)
    server.states = ["IN_PROGRESS"] * 100
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay(shot)
    assert desk.entry.state == "submitted"
    client_of.cache_clear()
    server.states = ["COMPLETED"]
    desk.pay(shot)
    assert (desk.entry.state, len(server.jobs.ids())) == ("settled", 1)


@pytest.mark.parametrize(("suffix", "tells_urls"), [("", True), ("/response", True), ("", False)])
def test_the_result_is_where_fal_says_it_is(desk: Desk, server: FalServer, suffix: str, tells_urls: bool) -> None:
    server.result_suffix, server.tells_urls = suffix, tells_urls
    receipt = desk.pay()
    assert receipt.job_id == f"{VEO}/requests/{server.jobs.ids()[0]}{suffix}"
    desk.vendor.fetch(receipt.job_id, desk.target)


def test_a_plain_request_id_that_a_person_attached_is_enough(desk: Desk, server: FalServer) -> None:
    desk.model = "fal-ai/kling-video/v2.5-turbo/pro"
    desk.pay(replace(SHOT, width=1920, height=1080, clip_seconds=10))
    assert desk.vendor.look(server.jobs.ids()[0]).state == "done"


def test_a_lost_answer_is_never_ordered_again(desk: Desk, server: FalServer) -> None:
    server.lost = True
    with pytest.raises(OutcomeUnknown, match="not known whether fal took the order"):
        desk.pay()
    server.lost = False
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    assert (desk.entry.state, len(server.jobs.ids())) == ("unknown", 1)
    with pytest.raises(Unknowable):
        desk.vendor.find("key")


def test_a_job_that_fal_does_not_know_is_gone(desk: Desk) -> None:
    with pytest.raises(JobGone, match="does not know job"):
        desk.vendor.look("fal-ai/veo3.1/requests/nobody")


# --- Completions ---------------------------------------------------------------------------------------------------


def test_what_is_told_twice_is_paid_once(desk: Desk, server: FalServer) -> None:
    desk.pay()
    desk.target.unlink()
    desk.pay()
    assert desk.target.read_bytes() == clip()
    assert len(server.jobs.ids()) == 1
    assert [entry.spent_micro for entry in desk.ledger.entries()] == [800_000]


def test_a_lagging_machine_that_takes_completion_back_is_asked_again(desk: Desk, server: FalServer) -> None:
    server.states = ["IN_QUEUE", "COMPLETED", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
    desk.pay()
    assert (desk.entry.state, desk.target.read_bytes()) == ("settled", clip())
    assert len(desk.slept_s) == 3


def test_a_result_that_is_still_in_progress_is_no_failure(desk: Desk, server: FalServer) -> None:
    server.states = ["COMPLETED"]
    server.result = (400, {"detail": "Request is still in progress"}, {})
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    assert desk.entry.state == "submitted"


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "state", "says"),
    [
        (422, {"detail": [{"loc": ["body", "prompt"], "msg": "unsafe prompt", "type": "content_policy_violation"}]},
         {"X-Fal-Retryable": "false"}, OutcomeUnknown, "unknown", r"unsafe prompt \(content_policy_violation\)"),
        (503, {"detail": "Runner went away", "error_type": "runner_disconnected"},
         {}, TransientError, "released", r"Runner went away \(runner_disconnected\); nothing is billed"),
        (504, {"detail": "No runner in time", "error_type": "startup_timeout"},
         {"X-Fal-Retryable": "false"}, PermanentError, "released", "No runner in time"),
        (500, {"detail": [{"msg": "the model fell over", "type": "internal_server_error"}]},
         {"X-Fal-Retryable": "true"}, TransientError, "released", "the model fell over"),
        (400, {"detail": "no such option", "error_type": "bad_request"},
         {}, PermanentError, "released", "no such option"),
        (200, {"images": []}, {}, OutcomeUnknown, "unknown", "it answered no video"),
    ],
)  # fmt: skip
def test_a_completed_job_may_have_failed(
    desk: Desk, server: FalServer, status: int, body: dict[str, object], headers: dict[str, str],
    error: type[Exception], state: str, says: str,
) -> None:  # fmt: skip
    server.result = (status, body, headers)
    with pytest.raises(error, match=says):
        desk.pay()
    assert (desk.entry.state, desk.target.exists()) == (state, False)


def test_an_error_beside_completed_counts_whatever_the_result_says(desk: Desk, server: FalServer) -> None:
    server.status_extra = {"error": "the request timed out", "error_type": "request_timeout"}
    with pytest.raises(TransientError, match=r"the request timed out \(request_timeout\)"):
        desk.pay()
    assert desk.entry.state == "released"


def test_a_gateway_s_failure_is_not_the_job_s(desk: Desk, server: FalServer) -> None:
    server.result = (502, {"message": "bad gateway"}, {})
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    assert desk.entry.state == "submitted"


# --- Files ---------------------------------------------------------------------------------------------------------


def test_the_address_is_asked_for_anew_for_every_download(desk: Desk, server: FalServer) -> None:
    desk.pay()
    before = server.n_results
    desk.vendor.fetch(desk.entry.job_id or "", desk.target)
    assert server.n_results == before + 1


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_that_has_run_out_is_said(desk: Desk, server: FalServer, status: int) -> None:
    server.shows = status
    with pytest.raises(PermanentError, match=rf"has run out \({status}\)"):
        desk.pay()
    assert desk.entry.state == "settled"
    server.shows = 200
    desk.pay()  # what is paid is fetched again
    assert (desk.target.read_bytes(), len(server.jobs.ids())) == (clip(), 1)


@pytest.mark.parametrize("cdn", ["http://127.0.0.1:9", "http://files.example.org"])
def test_an_address_elsewhere_has_to_be_https(desk: Desk, server: FalServer, cdn: str) -> None:
    server.cdn = cdn
    with pytest.raises(PermanentError, match="may not be asked"):
        desk.pay()
    assert not desk.target.exists()


def test_a_picture_that_is_too_large_orders_nothing(desk: Desk, server: FalServer) -> None:
    with pytest.raises(Refused, match=r"the reference image has 16\.0 MB, and fal takes 15\.0 MB at most"):
        desk.pay(files=desk.picture(PICTURE + bytes(16_000_000)))
    assert (desk.entry.state, server.jobs.ids()) == ("released", [])


# --- Stopping ------------------------------------------------------------------------------------------------------


def test_a_job_is_stopped_and_whether_it_is_billed_is_left_to_a_person(desk: Desk, server: FalServer) -> None:
    server.states = ["IN_QUEUE"] * 100
    with pytest.raises(TransientError):
        desk.pay()
    with pytest.raises(OutcomeUnknown, match="cancelled"):
        desk.call_off()
    assert server.jobs.is_stopped(server.jobs.ids()[0])


def test_a_finished_job_is_not_stopped(desk: Desk, server: FalServer) -> None:
    desk.pay()
    with pytest.raises(PermanentError, match="is done already"):
        desk.vendor.cancel(desk.entry.job_id or "")
    assert not server.jobs.is_stopped(server.jobs.ids()[0])


# --- The provider --------------------------------------------------------------------------------------------------


def test_the_provider_says_what_it_sells_and_whether_it_answers(desk: Desk) -> None:
    offers = desk.provider.capabilities(VEO)
    assert (offers.clip_seconds, offers.takes_seed, offers.takes_reference_image) == ((4, 6, 8), True, True)
    assert "404" in desk.provider.probe()
    about = desk.provider.about()
    assert (about.capability, about.offer, VEO in about.models) == ("video", "paid", True)
    with pytest.raises(ValueError, match=r'fal has no model "sora": use fal-ai/wan.*video_models.toml'):
        desk.provider.capabilities("sora")
