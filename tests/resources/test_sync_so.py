"""sync.so against a server that is as strict as the vendor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from audio_assets.domain.rendering import NotFetched, PermanentError, TransientError, Unavailable
from resources.http_client import client_of
from resources.http_errors import Denied
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from resources.paid_jobs import OutcomeUnknown, Receipt, call_off, pay_once
from resources.paid_vendor import JobGone, NotSubmitted, Refused
from resources.pausing import Timing
from resources.vendors.sync_so import SyncSo, SyncSoVendor
from tests.ledgers import Clock, order
from tests.servers.faulty import LOST_ANSWER, Fault, FaultyProxy, Request, wrong_type
from tests.servers.serving import serving
from tests.servers.sync_so import KEY, SyncSoServer

FILES = {"video": b"a clip of a singer", "audio": b"RIFF a voice"}


@dataclass
class Desk:
    """A ledger and a provider, and time that passes only where it is slept."""

    url: str
    folder: Path
    server: SyncSoServer
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    slept_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}", now=self.clock)
        self.files = {}
        for name, data in FILES.items():
            self.files[name] = self.folder / f"{name} of the scene"
            self.files[name].write_bytes(data)

    @property
    def provider(self) -> SyncSo:
        return SyncSo(url=self.url, **self.options)

    @property
    def vendor(self) -> SyncSoVendor:
        remote = self.provider.remote(self.folder / "answers")
        assert remote is not None
        assert isinstance(remote.vendor, SyncSoVendor)
        return remote.vendor

    def pay(self, key: str = "key-1") -> Receipt:
        timing = Timing(sleep=self.slept_s.append, clock=lambda: sum(self.slept_s), vary=lambda: 0.5)
        wanted = order(key, provider="sync_so", model="lipsync-2", request=self.provider.request(2.0))
        return pay_once(self.ledger, self.vendor, wanted, self.folder / "clip.mp4", files=self.files, timing=timing)

    @property
    def entry(self) -> Entry:
        return self.ledger.entries()[-1]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries within the HTTP layer wait for nothing."""
    monkeypatch.setattr("resources.http_client.TIMING", Timing(sleep=lambda _s: None, vary=lambda: 0.5))
    monkeypatch.setenv("SYNC_API_KEY", KEY)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    server = SyncSoServer(tmp_path / "sync_so.db", make=lambda clip, voice: clip + b", singing " + voice)
    with serving(server.app()) as url:
        yield Desk(url, tmp_path, server)
    client_of.cache_clear()


def test_a_clip_and_its_voice_are_uploaded_and_the_result_is_bought(desk: Desk) -> None:
    receipt = desk.pay()
    assert (desk.folder / "clip.mp4").read_bytes() == b"a clip of a singer, singing RIFF a voice"
    (job,) = desk.server.jobs()
    assert (receipt.job_id, job["key"]) == (job["id"], desk.entry.idempotency_key)
    assert (job["model"], job["options"]) == ("lipsync-2", {"sync_mode": "silence"})
    assert desk.server.requests == [
        "POST /v2/assets/upload", "PUT /uploads", "POST /v2/assets",
        "POST /v2/assets/upload", "PUT /uploads", "POST /v2/assets", "POST /v2/generate",
        "GET /v2/generate/{id}", "GET /v2/generate/{id}", "GET /v2/generate/{id}", "GET /v2/generate/{id}",
        "GET /outputs",
    ]  # fmt: skip
    assert desk.server.faults == []
    assert (desk.entry.state, receipt.is_estimate) == ("settled", True)
    assert desk.slept_s == [2.0, 3.0]


@pytest.mark.parametrize("model", ["lipsync-2", "lipsync-2-pro", "sync-3"])
@pytest.mark.parametrize("sync_mode", ["cut_off", "bounce"])
def test_model_and_mode_are_those_of_the_settings(desk: Desk, model: str, sync_mode: str) -> None:
    desk.options = {"model": model, "sync_mode": sync_mode}
    desk.pay()
    (job,) = desk.server.jobs()
    assert (job["model"], job["options"]) == (model, {"sync_mode": sync_mode})
    assert (desk.provider.identity()["model"], desk.provider.identity()["sync_mode"]) == (model, sync_mode)
    remote = desk.provider.remote(desk.folder)
    assert remote is not None
    assert (remote.provider, remote.model, remote.lane.name) == ("sync_so", model, "sync_so")


def test_who_decides_the_bytes_names_no_address_and_no_key() -> None:
    ours, theirs = SyncSo(), SyncSo(url="https://elsewhere.example", key_variable="OTHER", called="sync_studio")
    assert ours.identity() == theirs.identity()
    assert (ours.is_driven_by, theirs.name) == ("audio", "sync_studio")
    assert ours.about().models == ("lipsync-2", "lipsync-2-pro", "sync-3")


def test_without_a_key_it_can_not_be_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNC_API_KEY")
    with pytest.raises(Unavailable, match=r"^sync_so needs a key: set SYNC_API_KEY in the environment$"):
        desk.provider.remote(desk.folder)
    assert desk.server.requests == []


def test_a_wrong_key_is_refused_and_not_repeated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_API_KEY", "sk-sync-wrong-1234567")
    with pytest.raises(Refused, match=r"^nothing was ordered: .*401") as refused:
        desk.pay()
    assert "sk-sync-wrong-1234567" not in str(refused.value)
    assert (desk.entry.state, desk.server.jobs()) == ("released", [])
    with pytest.raises(Denied, match="401"):
        desk.provider.probe()


def test_asking_for_nothing_tells_that_the_key_is_good(desk: Desk) -> None:
    assert desk.provider.probe() == "the key is accepted"
    assert desk.server.jobs() == []


# --- Orders whose answer was lost -----------------------------------------------------------------------------------


def test_an_order_whose_answer_was_lost_is_sent_again_under_its_key_and_paid_once(desk: Desk) -> None:
    lost: list[Request] = []

    def schedule(request: Request) -> Fault | None:
        if request.path == "/v2/generate" and not lost:
            lost.append(request)
            return LOST_ANSWER
        return None

    with FaultyProxy(desk.url, schedule) as proxy:
        desk.url = proxy.url
        desk.pay()
    assert (len(lost), len(desk.server.jobs()), desk.server.replays) == (1, 1, 1)
    assert desk.server.requests.count("PUT /uploads") == 2, "what was uploaded is named again"
    assert (desk.entry.state, len(desk.ledger.entries())) == ("settled", 1)


def test_a_fault_of_theirs_may_have_made_it(desk: Desk) -> None:
    desk.server.loses = 1
    desk.pay()
    assert (len(desk.server.jobs()), desk.server.replays) == (1, 1)


def test_another_process_goes_on_under_the_same_key(desk: Desk) -> None:
    desk.server.loses = 99
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    desk.server.loses = 0
    desk.server.statuses = ["COMPLETED"]
    client_of.cache_clear()
    desk.pay()
    assert (len(desk.server.jobs()), desk.entry.state) == (1, "settled")


def test_after_the_hours_in_which_keys_are_replayed_nothing_is_sent_again(desk: Desk) -> None:
    desk.server.loses = 99
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    sent = desk.server.requests.count("POST /v2/generate")
    desk.clock.turn(hours=12, seconds=1)
    with pytest.raises(OutcomeUnknown, match="Look at the jobs of sync_so"):
        desk.pay()
    assert desk.server.requests.count("POST /v2/generate") == sent
    assert desk.entry.state == "unknown"


def test_a_key_that_was_used_with_other_assets_is_no_refusal(desk: Desk) -> None:
    desk.server.loses = 99
    with pytest.raises(OutcomeUnknown):
        desk.pay()
    for note in (desk.folder / "answers" / "sync_so").iterdir():
        note.unlink()
    desk.server.loses = 0
    with pytest.raises(OutcomeUnknown, match="IDEMPOTENCY_KEY_REUSED"):
        desk.pay()
    assert (len(desk.server.jobs()), desk.entry.state) == (1, "unknown"), "what may be paid stays held"


def test_where_it_says_which_generation_the_key_has_made_that_one_is_taken(desk: Desk) -> None:
    desk.pay()
    job = desk.server.jobs()[0]["id"]
    told = {"statusCode": 409, "errorCode": "IDEMPOTENCY_OUTCOME_UNKNOWN", "generationId": job}
    desk.server.on_generate = lambda: JSONResponse(told, 409)
    assert desk.pay("key-2").job_id == job
    assert len(desk.server.jobs()) == 1


@pytest.mark.parametrize("body", [{}, {"id": 7}, ["id"], "id"])
def test_an_answer_without_an_id_is_no_order_and_no_refusal(desk: Desk, body: Any) -> None:
    desk.server.on_generate = lambda: JSONResponse(body, 201)
    with pytest.raises(TransientError, match=r"which generation the order's key has made \(201 without an id\)"):
        desk.vendor.submit(desk.provider.request(2.0), "key-1", desk.files)


# --- What is refused ------------------------------------------------------------------------------------------------


def answer(status: int, code: str, message: str, **headers: str) -> Callable[[], Response]:
    body = {"statusCode": status, "errorCode": code, "message": message}
    return lambda: JSONResponse(body, status, headers)


def test_an_unpaid_account_is_told_what_to_do_and_holds_nothing(desk: Desk) -> None:
    desk.server.on_generate = answer(402, "payment_required", "your invoice is unpaid")
    with pytest.raises(Refused, match=r"402.*invoice is unpaid.*; look at plan and invoices in the billing settings"):
        desk.pay()
    assert (desk.entry.state, desk.server.jobs()) == ("released", [])


def test_too_many_at_once_can_be_tried_later(desk: Desk) -> None:
    desk.server.on_generate = answer(429, "concurrency_limit_reached", "1 is running", **{"Retry-After": "1"})
    with pytest.raises(NotSubmitted, match="429"):
        desk.pay()
    assert (desk.entry.state, desk.server.jobs()) == ("released", [])
    assert desk.server.requests.count("POST /v2/generate") == 4
    desk.server.on_generate = lambda: None
    desk.pay()
    assert len(desk.server.jobs()) == 1


def test_what_can_not_be_uploaded_is_not_ordered(desk: Desk) -> None:
    def schedule(request: Request) -> Fault | None:
        return LOST_ANSWER if request.method == "PUT" else None

    with FaultyProxy(desk.url, schedule) as proxy:
        desk.url = proxy.url
        with pytest.raises(NotSubmitted, match=r"^nothing was ordered: "):
            desk.pay()
    assert (desk.entry.state, desk.server.jobs()) == ("released", [])
    assert not (desk.folder / "answers" / "sync_so").exists()


@pytest.mark.parametrize("field_", ["uploadUrl", "url"])
def test_an_upload_without_an_address_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch, field_: str) -> None:
    place = {"uploadUrl": f"{desk.url}/uploads/x", "url": f"{desk.url}/media/x", field_: None}

    async def announce(_self: SyncSoServer, _request: Any) -> Response:
        return JSONResponse(place, 201)

    monkeypatch.setattr(SyncSoServer, "_announce", announce)
    with serving(SyncSoServer(desk.folder / "other.db").app()) as url:
        desk.url = url
        with pytest.raises(NotSubmitted, match=r"names no address to upload video\.mp4 to"):
            desk.pay()


# --- What became of it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "error", "says"),
    [
        ("FAILED", "generation_input_face_selection_invalid", PermanentError, "failed: generation_input_face"),
        ("FAILED", "generation_timeout", TransientError, "failed: generation_timeout"),
        ("FAILED", "generation_infra_resource_exhausted", TransientError, "nothing is billed"),
        ("REJECTED", "moderation", PermanentError, "rejected: moderation: no face"),
        ("REJECTED", "", PermanentError, "rejected: no face; nothing is billed"),
    ],
)
def test_a_generation_that_failed_costs_nothing(
    desk: Desk, status: str, code: str, error: type[Exception], says: str
) -> None:
    desk.server.statuses, desk.server.error, desk.server.error_code = ["PENDING", status], "no face", code
    with pytest.raises(error, match=says) as failed:
        desk.pay()
    assert type(failed.value) is error
    assert (desk.entry.state, desk.entry.spent_micro) == ("released", 0)


def test_a_state_that_nobody_knows_ends_nothing(desk: Desk) -> None:
    desk.server.statuses = ["DREAMING", "COMPLETED"]
    desk.pay()
    assert desk.entry.state == "settled"
    job = desk.server.jobs()[0]["id"]
    desk.server.statuses = ["DREAMING"]
    with pytest.raises(TransientError, match=rf"calls generation {job} 'DREAMING'"):
        desk.vendor.look(job)


def test_a_generation_that_it_forgot_is_a_persons_business(desk: Desk) -> None:
    desk.server.forgets = True
    with pytest.raises(OutcomeUnknown, match="does not know generation"):
        desk.pay()
    with pytest.raises(JobGone):
        desk.vendor.look("../assets")


def test_an_address_that_ran_out_is_asked_for_anew(desk: Desk) -> None:
    desk.server.n_expired = 2
    with pytest.raises(NotFetched, match=r"was paid .* but .*403.*; run again to fetch it anew"):
        desk.pay()
    assert desk.entry.state == "settled"
    desk.pay()
    assert (desk.folder / "clip.mp4").read_bytes().startswith(b"a clip")
    assert len(desk.server.jobs()) == 1


def test_a_file_that_is_no_video_is_not_taken(desk: Desk) -> None:
    def schedule(request: Request) -> Fault | None:
        return wrong_type("text/html") if request.path.startswith("/outputs") else None

    with FaultyProxy(desk.url, schedule) as proxy:
        desk.url = proxy.url
        with pytest.raises(TransientError, match="text/html"):
            desk.pay()
    assert not (desk.folder / "clip.mp4").exists()


def test_it_can_not_be_called_off(desk: Desk) -> None:
    desk.server.loses = 0
    desk.server.statuses = ["PENDING"]
    with pytest.raises(TransientError, match="is not finished after"):
        desk.pay()
    with pytest.raises(PermanentError, match="sync_so can not stop a generation"):
        call_off(desk.ledger, desk.vendor, desk.entry.id)
    assert desk.entry.state == "submitted"


def test_no_key_is_written_anywhere(desk: Desk) -> None:
    desk.pay()
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".json" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
