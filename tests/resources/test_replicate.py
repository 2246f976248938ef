import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audio_assets.domain.rendering import PermanentError, TransientError
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import JobGone, Refused
from resources.vendors.replicate import ReplicateVideo
from tests.servers.replicate import ReplicateServer
from tests.servers.serving import serving
from tests.servers.video_jobs import KEY, PICTURE, clip
from tests.video_desk import SHOT, TABLE, Desk

VEO = "google/veo-3.1"


@pytest.fixture
def server(tmp_path: Path) -> ReplicateServer:
    return ReplicateServer(tmp_path / "replicate.db")


@pytest.fixture
def desk(server: ReplicateServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("REPLICATE_API_TOKEN", KEY)
    with serving(server.app) as url:
        yield Desk(ReplicateVideo(url=url, tables=[TABLE]), VEO, tmp_path)


@pytest.mark.parametrize("shape", ["url", "list"])
def test_a_prediction_is_ordered_waited_for_and_fetched(desk: Desk, server: ReplicateServer, shape: str) -> None:
    server.shape = shape
    receipt = desk.pay()
    assert (desk.target.read_bytes(), receipt.job_id, receipt.is_estimate) == (clip(), "rm01abc", True)
    assert server.jobs.requests() == [
        {
            "model": VEO, "prompt": SHOT.prompt, "negative_prompt": "blur", "aspect_ratio": "16:9",
            "resolution": "720p", "duration": 8, "seed": 3, "generate_audio": False,
        }
    ]  # fmt: skip


def test_a_small_picture_goes_along_and_a_large_one_is_uploaded_before(desk: Desk, server: ReplicateServer) -> None:
    desk.pay(files=desk.picture(PICTURE))
    desk.pay(replace(SHOT, seed=4), files=desk.picture(PICTURE + bytes(300_000)))
    first, second = (request["image"] for request in server.jobs.requests())
    assert first.startswith("data:image/png;base64,")
    assert second == "https://api.replicate.com/v1/files/file-1"
    assert server.uploads == [("reference.png", "image/png", len(PICTURE) + 300_000)]
    kept = json.dumps([entry.name for entry in desk.ledger.entries()])
    assert "Ana" not in kept


def test_an_upload_that_fails_orders_nothing(desk: Desk, server: ReplicateServer) -> None:
    picture = desk.picture(PICTURE + bytes(300_000))
    order = desk.order(SHOT, picture)
    picture["reference_image"].unlink()
    with pytest.raises(TransientError, match="can not be read"):
        desk.vendor.submit(order.request, "key", picture)
    with pytest.raises(Refused, match="did not come with the order"):
        desk.vendor.submit(order.request, "key", {})
    assert (server.jobs.ids(), server.uploads) == ([], [])


def test_what_the_model_does_not_take_is_refused_and_free(desk: Desk, server: ReplicateServer) -> None:
    with pytest.raises(Refused, match=r"422.*seed"):
        desk.pay(replace(SHOT, seed=-1))
    assert (desk.entry.state, server.jobs.ids()) == ("released", [])


def test_another_process_goes_on_with_the_prediction(desk: Desk, server: ReplicateServer) -> None:
    server.states = ["processing"] * 100
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    server.states = ["succeeded", "processing", "succeeded"]
    server.jobs = type(server.jobs)(server.jobs.file)
    desk.pay()
    assert (desk.entry.state, len(server.jobs.ids())) == ("settled", 1)


def test_a_lost_answer_is_never_ordered_again(desk: Desk, server: ReplicateServer) -> None:
    server.lost = True
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.pay()
        server.lost = False
    assert len(server.jobs.ids()) == 1


def test_a_lagging_machine_is_asked_again(desk: Desk, server: ReplicateServer) -> None:
    server.states = ["succeeded", "processing", "succeeded"]
    desk.pay()
    desk.pay()  # duplicate completion: fetched again, paid once
    assert [entry.spent_micro for entry in desk.ledger.entries()] == [800_000]


@pytest.mark.parametrize(
    ("states", "error_said", "began", "error", "state", "says"),
    [
        (["failed"], "The input or output was flagged as sensitive. (E005)", True, OutcomeUnknown, "unknown", "E005"),
        (["failed"], "Prediction interrupted; please retry (code: PA)", False, TransientError, "released", "PA"),
        (["failed"], "E6716: it did not start in time", False, TransientError, "released", "E6716"),
        (["failed"], "no such option", False, PermanentError, "released", "no such option; nothing is billed"),
        (["aborted"], "", False, TransientError, "released", "not started in time"),
        (["canceled"], "", True, OutcomeUnknown, "unknown", "it was stopped"),
    ],
)  # fmt: skip
def test_a_failed_prediction_is_booked_as_far_as_it_is_known(
    desk: Desk, server: ReplicateServer, states: list[str], error_said: str, began: bool, error: type[Exception],
    state: str, says: str,
) -> None:  # fmt: skip
    server.states, server.error, server.began = states, error_said, began
    with pytest.raises(error, match=says) as raised:
        desk.pay()
    assert type(raised.value) is error
    assert desk.entry.state == state


def test_what_was_deleted_an_hour_after_is_said(desk: Desk, server: ReplicateServer) -> None:
    server.shape = "removed"
    with pytest.raises(PermanentError, match=r"replicate has the file of job rm01abc no more"):
        desk.pay()
    assert desk.entry.state == "settled"


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_that_has_run_out_is_said(desk: Desk, server: ReplicateServer, status: int) -> None:
    server.shows = status
    with pytest.raises(PermanentError, match=rf"has run out \({status}\)"):
        desk.pay()


def test_a_prediction_is_cancelled(desk: Desk, server: ReplicateServer) -> None:
    server.states, server.began = ["starting"] * 100, False
    with pytest.raises(TransientError):
        desk.pay()
    assert desk.call_off().state == "released"  # it had not begun
    assert server.jobs.is_stopped("rm01abc")


def test_a_finished_prediction_is_left_alone(desk: Desk, server: ReplicateServer) -> None:
    desk.pay()
    with pytest.raises(PermanentError, match="is done already"):
        desk.vendor.cancel("rm01abc")
    with pytest.raises(JobGone):
        desk.vendor.look("nobody")
    assert not server.jobs.is_stopped("rm01abc")


def test_it_says_whose_account_it_is(desk: Desk) -> None:
    assert desk.provider.probe() == "account night-studio"
