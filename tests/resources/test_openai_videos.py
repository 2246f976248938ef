import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import JobGone, Refused
from resources.vendors.openai_videos import FLAVOURS, PRESETS, OpenAiVideo
from tests.servers.openai_videos import OpenAiServer
from tests.servers.serving import serving
from tests.servers.video_jobs import KEY, PICTURE, clip
from tests.video_desk import SHOT, TABLE, Desk

Open = Callable[[str], tuple[Desk, OpenAiServer]]
MODEL = {"openai": "clip-1", "litellm": "veo", "vllm_omni": "default", "sglang": "default"}
EVERY = tuple(FLAVOURS)
OWN = ("vllm_omni", "sglang")


@pytest.fixture
def desk_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setenv("TEST_KEY", KEY)
    with ExitStack() as stack:

        def opened(flavour: str) -> tuple[Desk, OpenAiServer]:
            server = OpenAiServer(tmp_path / f"{flavour}.db", flavour)
            url = stack.enter_context(serving(server.app))
            settings = {**PRESETS.get(flavour, {"flavour": flavour}), "key_variable": "TEST_KEY"}
            provider = OpenAiVideo(url=f"{url}/v1", tables=[TABLE], **settings)
            return Desk(provider, MODEL[flavour], tmp_path), server

        yield opened


@pytest.mark.parametrize("flavour", EVERY)
def test_a_clip_is_ordered_waited_for_and_fetched(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    receipt = desk.pay()
    assert (desk.target.read_bytes(), receipt.is_estimate) == (clip(), True)
    assert desk.entry.state == "settled"
    (asked,) = server.jobs.requests()
    assert (asked["prompt"], asked["size"]) == (SHOT.prompt, "1280x720")
    assert asked.get("model") == (None if MODEL[flavour] == "default" else MODEL[flavour])


def test_each_server_reads_what_is_sent_in_its_own_way(desk_of: Open) -> None:
    asked = {}
    for flavour in EVERY:
        desk, server = desk_of(flavour)
        desk.pay(replace(SHOT, revision=flavour))
        (asked[flavour],) = server.jobs.requests()
    assert (asked["vllm_omni"]["num_frames"], asked["vllm_omni"]["fps"]) == ("150", "24")
    assert (asked["sglang"]["num_frames"], asked["sglang"]["seconds"]) == (150, 7)
    assert asked["litellm"] == {"model": "veo", "prompt": SHOT.prompt, "size": "1280x720", "seconds": "8"}


@pytest.mark.parametrize("flavour", EVERY)
def test_a_picture_is_a_part_of_the_form_without_its_name_here(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    desk.pay(files=desk.picture(PICTURE))
    assert server.parts == {"input_reference": ("reference_image.png", "image/png")}
    assert "seconds" not in server.jobs.requests()[0] or server.jobs.requests()[0]["seconds"].isdigit()


@pytest.mark.parametrize("flavour", EVERY)
def test_what_the_server_refuses_is_free(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    picture = desk.picture(b"GIF89a" + bytes(64))
    with pytest.raises(Refused, match=r"400: not valid: input_reference"):
        desk.pay(files=picture)
    assert (desk.entry.state, server.jobs.ids()) == ("released", [])


@pytest.mark.parametrize("flavour", EVERY)
def test_another_process_goes_on_with_the_job(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    server.states = ["in_progress"] * 100
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    server.states = ["completed", "queued", "completed"]  # a lagging machine in between
    desk.pay()
    desk.pay()
    assert [entry.spent_micro for entry in desk.ledger.entries()] == [800_000]
    assert len(server.jobs.ids()) == 1


@pytest.mark.parametrize("flavour", EVERY)
def test_a_lost_answer_is_never_ordered_again(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    server.lost = True
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.pay()
        server.lost = False
    assert len(server.jobs.ids()) == 1


# --- Each server's ways --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "failed", "error", "says"),
    [
        (500, {"code": 500, "message": "CUDA out of memory"}, TransientError, "CUDA out of memory; nothing is billed"),
        (400, {"code": 400, "message": "no such LoRA"}, PermanentError, "no such LoRA; nothing is billed"),
        (503, {"code": "server_error", "message": "engine died"}, TransientError, "engine died"),
    ],
)
def test_a_failed_job_of_vllm_omni_comes_with_a_status_of_failure(
    desk_of: Open, status: int, failed: dict[str, Any], error: type[Exception], says: str
) -> None:
    desk, server = desk_of("vllm_omni")
    server.states, server.failed_status, server.error = ["queued", "failed"], status, failed
    with pytest.raises(error, match=says) as raised:
        desk.pay()
    assert type(raised.value) is error
    assert desk.entry.state == "released"


def test_content_that_is_not_there_yet_is_asked_for_again(desk_of: Open) -> None:
    desk, server = desk_of("vllm_omni")
    server.content_status = [404, 404, 200]
    desk.pay()
    assert (desk.target.read_bytes(), server.n_contents) == (clip(), 3)


def test_a_clip_of_sglang_s_cloud_is_taken_from_there(desk_of: Open) -> None:
    desk, server = desk_of("sglang")
    server.in_cloud = True
    desk.pay()
    assert (desk.target.read_bytes(), server.n_contents) == (clip(), 0)


def test_litellm_may_leave_out_almost_everything(desk_of: Open) -> None:
    desk, server = desk_of("litellm")
    server.is_terse = True
    desk.pay()
    assert desk.entry.job_id == "video_1?=="
    server.states, server.error = ["failed"], None
    with pytest.raises(OutcomeUnknown, match="the job is failed"):
        desk.pay(replace(SHOT, seed=4))


@pytest.mark.parametrize("flavour", OWN)
def test_a_server_that_forgot_its_jobs_is_asked_anew(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    server.states = ["queued"] * 100
    with pytest.raises(TransientError, match="is not finished"):
        desk.pay()
    server.forget()
    with pytest.raises(TransientError, match=r"does not know it any more.*nothing is billed"):
        desk.pay()
    server.states = ["completed"]
    desk.pay()
    assert (desk.entry.state, len(server.jobs.ids())) == ("settled", 2)


def test_a_proxy_that_forgot_a_job_may_have_been_billed_for_it(desk_of: Open) -> None:
    desk, server = desk_of("litellm")
    server.states = ["queued"] * 100
    with pytest.raises(TransientError):
        desk.pay()
    server.forget()
    with pytest.raises(OutcomeUnknown, match="does not know job"):
        desk.pay()
    assert len(server.jobs.ids()) == 1


@pytest.mark.parametrize("flavour", EVERY)
def test_what_has_expired_is_said(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    server.expires_at = int(time.time()) - 60
    with pytest.raises(PermanentError, match="it keeps files for a time only"):
        desk.pay()
    server.expires_at, server.content_status = int(time.time()) + 3600, [410]
    with pytest.raises(PermanentError, match=r"has the clip of job .* no more"):
        desk.pay()
    assert (desk.entry.state, server.n_contents) == ("settled", 1)


@pytest.mark.parametrize("flavour", EVERY)
def test_a_job_is_stopped_by_deleting_it(desk_of: Open, flavour: str) -> None:
    desk, server = desk_of(flavour)
    server.states = ["queued"] * 100
    with pytest.raises(TransientError):
        desk.pay()
    if flavour in OWN:
        assert desk.call_off().state == "released"
    else:
        with pytest.raises(OutcomeUnknown, match="it was stopped"):
            desk.call_off()
    assert server.jobs.is_stopped(server.jobs.ids()[0])


def test_a_finished_job_is_not_deleted(desk_of: Open) -> None:
    desk, server = desk_of("vllm_omni")
    desk.pay()
    with pytest.raises(PermanentError, match="is done already"):
        desk.vendor.cancel(desk.entry.job_id or "")
    assert not server.jobs.is_stopped(server.jobs.ids()[0])


# --- Remixes -------------------------------------------------------------------------------------------------------


def test_a_remix_names_the_job_that_made_its_parent(desk_of: Open) -> None:
    desk, server = desk_of("litellm")
    desk.pay()
    parent = {"parent": desk.target}
    remix = replace(SHOT, prompt="the same, at night", revision="at night")
    job = desk.entry.job_id or ""
    copy = desk.folder / "parent.mp4"
    copy.write_bytes(desk.target.read_bytes())
    desk.pay(remix, files={"parent": copy}, parent_job=job)
    assert server.jobs.requests()[1] == {"prompt": "the same, at night", "remixed_from_video_id": job}
    with pytest.raises(PermanentError, match="remixes only its own clips"):
        desk.order(remix, parent)


def test_a_server_that_can_not_remix_says_so(desk_of: Open) -> None:
    desk, _ = desk_of("vllm_omni")
    assert not desk.provider.capabilities("default").can_remix
    with pytest.raises(PermanentError, match="vllm_omni_video default can not remix a take"):
        desk.order(replace(SHOT, revision="x"), {"parent": desk.target})


# --- The provider --------------------------------------------------------------------------------------------------


def test_openai_s_own_address_is_refused() -> None:
    for url in ("https://api.openai.com/v1", "https://eu.api.openai.com/v1"):
        provider = OpenAiVideo(url=url, tables=[TABLE])
        assert "shut its Videos API on 2026-09-24" in provider.problem()
        with pytest.raises(Unavailable, match=r"set url under \[providers.openai_videos\]"):
            provider.remote("sora-2", Path())
    assert "has no address" in OpenAiVideo(tables=[TABLE]).problem()
    assert OpenAiVideo(url="https://videos.example.org/v1", tables=[TABLE]).problem() == ""


def test_any_model_of_a_server_may_be_named_and_each_has_its_identity() -> None:
    vllm = OpenAiVideo(tables=[TABLE], serves=["Wan-AI/Wan2.2-T2V"], **PRESETS["vllm_omni"])
    assert vllm.models() == ("Wan-AI/Wan2.2-T2V", "default")
    assert vllm.capabilities("any/model").clip_seconds == ()
    assert vllm.identity("a")["model"] == "a"
    assert vllm.identity("a") != vllm.identity("b")
    litellm = OpenAiVideo(tables=[TABLE], **PRESETS["litellm"])
    assert litellm.models() == ()
    with pytest.raises(ValueError, match="has to be told a model by its name"):
        litellm.capabilities("default")


def test_it_needs_no_key_where_the_server_needs_none(desk_of: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, server = desk_of("vllm_omni")
    monkeypatch.delenv("TEST_KEY")
    server.needs_key = False
    desk.pay()
    assert desk.provider.probe() == "serves Wan-AI/Wan2.2-T2V"


def test_a_job_that_nobody_knows_is_gone_at_a_proxy(desk_of: Open) -> None:
    desk, _ = desk_of("litellm")
    with pytest.raises(JobGone):
        desk.vendor.look("nobody/../models")


def test_dagster_takes_the_providers_as_resources() -> None:
    @dg.asset
    def names(videos: OpenAiVideo) -> str:
        return videos.flavour

    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"videos": OpenAiVideo(tables=[TABLE], **PRESETS["sglang"])}
        result = dg.materialize([names], resources=resources, instance=instance)
    assert result.output_for_node("names") == "sglang"
