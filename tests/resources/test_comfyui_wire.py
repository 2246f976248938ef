"""What a real ComfyUI (0.33) answered, replayed: each recorded exchange is found by its request.

The recordings lie beside the repository, or where AUDIO_ASSETS_TEST_WIRE says. What is not in them is answered here:
the ids of jobs are the recorded ones whatever we ask for (as older servers do), /object_info lets everything through.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audio_assets.domain.comfy_bindings import Bindings, Kind
from audio_assets.domain.comfy_template import Template
from audio_assets.domain.rendering import PermanentError
from resources.http_client import HttpClient, Service
from resources.paid_vendor import JobGone, Look, NotSubmitted, Refused
from resources.vendors import comfyui
from resources.vendors.comfyui import ComfyVendor
from tests.servers.forms import form_parts
from tests.servers.serving import serving

WIRE = Path(
    os.environ.get("AUDIO_ASSETS_TEST_WIRE") or Path(__file__).parents[2].parent / "shared" / "wire" / "comfyui"
)
pytestmark = [
    pytest.mark.skipif(not WIRE.is_dir(), reason=f"no recordings of a ComfyUI server: {WIRE} is not there"),
    pytest.mark.usefixtures("slept_s"),
]


def recorded(name: str) -> Any:
    return orjson.loads((WIRE / f"{name}.json").read_bytes())


@dataclass
class Replay:
    """Recorded exchanges by method and path, in the order in which they are added; the last stands for good."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    orders: list[Any] = field(default_factory=list)
    files: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, exchange: Any) -> None:
        request = exchange["request"]
        if request["path"] == "/prompt" and request["method"] == "POST":
            self.orders.append(exchange)
        else:
            self.answers.setdefault(f"{request['method']} {request['path']}", []).append(exchange)

    def run(self, name: str) -> None:
        """A recorded run from its order to its files."""
        found = recorded(name)
        self.add(found["prompt_answer"])
        self.add(found["history"])
        for view in found["views"]:
            item = view["item"]
            self.files[item["filename"], item["subfolder"], item["type"]] = view

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        sent = orjson.loads(body) if request.headers.get("content-type") == "application/json" else None
        self.asked.append((f"{request.method} {request.url.path}", sent))
        if request.url.path.startswith("/object_info/"):
            name = request.url.path.rpartition("/")[2]
            return _json(self.known.get(name, {name: {"output_node": True}}))
        if request.url.path == "/view":
            return self._view(request)
        if request.url.path == "/upload/image":
            part = form_parts(request.headers["content-type"], body)["image"]
            return _json({**recorded("upload")["audio"]["body"], "name": part.file})
        if request.method == "POST" and request.url.path == "/prompt":
            return _of(self._order(sent))
        left = self.answers.get(f"{request.method} {request.url.path}")
        if not left:
            return Response(status_code=404 if request.method == "GET" else 405)
        found = left[0] if len(left) == 1 else left.pop(0)
        if found["request"]["json"] is not None and found["request"]["json"] != sent:
            return Response(status_code=418)
        return _of(found)

    def _order(self, sent: Any) -> Any:
        assert set(sent) == {"prompt", "prompt_id", "client_id"}
        return next(one for one in self.orders if one["request"]["json"].get("prompt") == sent["prompt"])

    def _view(self, request: Request) -> Response:
        asked = request.query_params
        view = self.files.get((asked["filename"], asked["subfolder"], asked["type"]))
        if view is None:
            return Response(status_code=404)
        return Response(b"x" * view["bytes"], media_type=view["view_headers"]["Content-Type"])


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _of(exchange: Any) -> Response:
    body = exchange["body"]
    if isinstance(body, dict) and "_raw_bytes" in body:
        return Response(body["_text"] or "", exchange["status"], media_type="text/plain")
    return _json(body, exchange["status"])


@pytest.fixture
def replay() -> Replay:
    comfyui._known.clear()
    return Replay()


@pytest.fixture
def url(replay: Replay) -> Iterator[str]:
    app = Starlette(routes=[Route("/{path:path}", replay.answer, methods=["GET", "POST"])])
    with serving(app) as found:
        yield found


def vendor(url: str, graph: Mapping[str, Any], output: str, kind: Kind) -> ComfyVendor:
    bindings = Bindings("video", "", "CC0-1.0", "the nodes of Bo", {}, {}, (), output, kind)
    return ComfyVendor(HttpClient(Service("comfyui", url)), "comfyui", Template("probe", graph, bindings))


def order(one: ComfyVendor) -> str:
    return one.submit({"values": {}}, "key", {})


def graph_of(name: str) -> Any:
    return recorded(name)["prompt_answer"]["request"]["json"]["prompt"]


# --- Runs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "output", "kind", "file", "n_bytes"),
    [
        ("run_image_again_cached", "2", "image", "probe/img_00002_.png", 1008),
        ("run_audio_load", "2", "audio", "probe/loaded_00002.flac", None),
        ("run_audio_load", "3", "audio", "probe/loaded_00001.mp3", None),
        ("run_video_with_audio", "3", "video", "probe/vid_av_00001_.mp4", 20_645),
        ("run_two_outputs", "11", "image", "probe/a_00001_.png", 699),
        ("run_two_outputs", "14", "image", "probe/b_00001_.png", 653),
        ("run_two_outputs", "12", "image", "ComfyUI_temp_aalaj_00001_.png", 776),
    ],
)
def test_the_bound_node_s_file_is_taken(
    replay: Replay, url: str, tmp_path: Path, name: str, output: str, kind: Kind, file: str, n_bytes: int | None
) -> None:
    replay.run(name)
    one = vendor(url, graph_of(name), output, kind)
    job_id = order(one)
    assert job_id == recorded(name)["prompt_answer"]["body"]["prompt_id"]
    assert one.look(job_id) == Look("done")
    assert one.facts(job_id)["source_file"] == file
    one.fetch(job_id, tmp_path / "made")
    expected = n_bytes or next(v["bytes"] for v in recorded(name)["views"] if v["item"]["filename"] in file)
    assert (tmp_path / "made").stat().st_size == expected


def test_a_video_stands_under_images_and_is_no_picture(replay: Replay, url: str) -> None:
    replay.run("run_video_with_audio")
    one = vendor(url, graph_of("run_video_with_audio"), "3", "image")
    look = one.look(order(one))
    assert (look.state, look.is_billed) == ("failed", False)
    assert look.reason == (
        "node 3 (SaveVideo) was to bring image, and brought probe/vid_av_00001_.mp4: bind the node that saves the image"
    )


def test_an_execution_error_names_node_and_exception(replay: Replay, url: str) -> None:
    replay.run("run_execution_error")
    one = vendor(url, graph_of("run_execution_error"), "2", "image")
    look = one.look(order(one))
    assert look == Look(
        "failed", is_billed=False, reason="node 1 (LoadImage) failed: OSError: Truncated File Read", is_passing=False
    )


# --- Refusals ------------------------------------------------------------------------------------------------------

SAID = {
    "bad_missing_input": "node 2 (SaveImage): Required input is missing: images",
    "bad_out_of_range": "node 1 (EmptyImage): Value -5 smaller than min of 1: width",
    "bad_wrong_type": "node 2 (SaveImage): Return type mismatch between linked nodes: "
    "images, received_type(AUDIO) mismatch input_type(IMAGE)",
    "bad_unknown_node": "node 1 (NoSuchNode): Node 'NoSuchNode' not found. The custom node may not be installed: "
    "Node ID '#1'; the workflow needs the nodes of Bo",
    "bad_no_outputs": "Prompt has no outputs",
    "bad_missing_file": "node 1 (LoadImage): Custom validation failed for node: "
    "image - Invalid image file: not_there.png",
    "bad_combo_value": "node 2 (ImageScale): Value not in list: upscale_method: 'magic' not in "
    "['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos']",
    "bad_dangling_link": "node 2 (SaveImage): Exception when validating node: '99'",
    "bad_cycle": "node 2 (ImageBlur): Dependency cycle detected: "
    "2 (ImageBlur) -> 1 (ImageBlur) -> 2 (ImageBlur) (and 1 more)",
}


@pytest.mark.parametrize("name", SAID)
def test_a_refusal_is_one_sentence(replay: Replay, url: str, name: str) -> None:
    exchange = recorded("validation_errors")[name]
    replay.add(exchange)
    graph = exchange["request"]["json"]["prompt"]
    output = next(reversed(graph))
    with pytest.raises(Refused) as caught:
        order(vendor(url, graph, output, "image"))
    assert str(caught.value) == f"the workflow probe can not run on comfyui: {SAID[name]}"


def test_an_answer_that_there_is_no_prompt_is_told(replay: Replay, url: str) -> None:
    exchange = recorded("validation_errors")["no_prompt_key"]
    graph = graph_of("run_video_with_audio")
    replay.orders.append({**exchange, "request": {"json": {"prompt": graph}}})
    with pytest.raises(Refused, match=r"can not run on comfyui: No prompt provided$"):
        order(vendor(url, graph, "3", "video"))


def test_a_crash_took_nothing(replay: Replay, url: str) -> None:
    exchange = recorded("validation_errors")["not_json"]
    graph = graph_of("run_video_with_audio")
    replay.orders.append({**exchange, "request": {"json": {"prompt": graph}}})
    with pytest.raises(NotSubmitted, match=r"stumbled over the workflow probe \(500\)"):
        order(vendor(url, graph, "3", "video"))


@pytest.mark.parametrize(("output", "is_ours"), [("2", False), ("3", True), ("4", True)])
def test_a_200_with_errors_counts_where_our_output_is_among_them(
    replay: Replay, url: str, output: str, is_ours: bool
) -> None:
    exchange = recorded("validation_errors")["one_branch_bad"]
    replay.add(exchange)
    replay.add(recorded("queue_interrupt")["queue_idle"])
    one = vendor(url, exchange["request"]["json"]["prompt"], output, "image")
    if not is_ours:
        assert order(one) == exchange["body"]["prompt_id"]
        return
    with pytest.raises(Refused, match=r"node 3 \(SaveImage\): Exception when validating node: '98'"):
        order(one)
    assert ("POST /api/jobs/77220624-e523-4212-82d4-439712b0b6e2/cancel", None) in replay.asked


def test_an_unknown_node_is_seen_before_it_is_ordered(replay: Replay, url: str) -> None:
    exchange = recorded("validation_errors")["bad_unknown_node"]
    replay.known["NoSuchNode"] = recorded("object_info_one")["unknown"]["body"]
    with pytest.raises(Refused, match=r"node 1 \(NoSuchNode\) is of a kind that the server does not have; .* of Bo"):
        order(vendor(url, exchange["request"]["json"]["prompt"], "2", "image"))
    assert not any(asked.startswith("POST") for asked, _ in replay.asked)


def test_the_recorded_definition_of_a_node_lets_its_workflow_through(replay: Replay, url: str) -> None:
    replay.run("run_video_with_audio")
    replay.known["SaveVideo"] = recorded("object_info_one")["one"]["body"]
    one = vendor(url, graph_of("run_video_with_audio"), "3", "video")
    assert one.look(order(one)).state == "done"


# --- Queue, interrupt, deleted jobs --------------------------------------------------------------------------------


def test_the_queue_is_read_as_it_is(replay: Replay, url: str) -> None:
    found = recorded("queue_interrupt")
    running, deleted = found["submitted"][0]["body"]["prompt_id"], found["submitted"][1]["body"]["prompt_id"]
    for name in ("history_of_running", "queue_busy"):
        replay.add(found[name])
    one = vendor(url, found["submitted"][0]["request"]["json"]["prompt"], "99", "image")
    assert one._queue() == ({running}, {deleted, found["submitted"][2]["body"]["prompt_id"]})
    assert one.look(running) == Look("pending")


def test_a_waiting_job_is_deleted_by_its_id(replay: Replay, url: str) -> None:
    found = recorded("queue_interrupt")
    deleted = found["submitted"][1]["body"]["prompt_id"]
    for name in ("queue_busy", "queue_after_delete", "delete_one", "history_of_deleted"):
        replay.add(found[name])
    graph = found["submitted"][1]["request"]["json"]["prompt"]
    one = vendor(url, graph, "99", "image")
    one.cancel(deleted)
    assert replay.asked[-1] == ("POST /queue", {"delete": [deleted]})
    assert one.look(deleted) == Look("failed", is_billed=False, reason="it was cancelled before it began")
    with pytest.raises(JobGone, match=f"comfyui does not know job {deleted} any more"):
        vendor(url, graph, "99", "image").look(deleted)


def test_a_running_job_is_interrupted_by_its_id(replay: Replay, url: str) -> None:
    found = recorded("queue_interrupt")
    running = found["submitted"][0]["body"]["prompt_id"]
    for name in ("queue_busy", "interrupt", "history_of_interrupted"):
        replay.add(found[name])
    one = vendor(url, found["submitted"][0]["request"]["json"]["prompt"], "99", "image")
    one.cancel(running)
    assert replay.asked[-1] == ("POST /interrupt", {"prompt_id": running})
    assert one.look(running) == Look("failed", is_billed=False, reason="it was cancelled at node 6 (ImageBlur)")


def test_a_job_that_nobody_knows_is_gone(replay: Replay, url: str, tmp_path: Path) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    misc = recorded("misc_get")
    for path in (f"/history/{unknown}", "/queue", f"/api/jobs/{unknown}"):
        replay.add(misc[path])
    one = vendor(url, graph_of("run_video_with_audio"), "3", "video")
    with pytest.raises(JobGone):
        one.look(unknown)
    with pytest.raises(PermanentError, match="has no file of job"):
        one.fetch(unknown, tmp_path / "x")
    replay.answers.clear()
    replay.add(misc["/queue"])
    for path in (f"/history/{comfyui._prompt_id('key')}",):
        replay.answers[f"GET {path}"] = [misc[f"/history/{unknown}"]]
    assert one.find("key") is None


def test_the_health_of_a_server_is_read(replay: Replay, url: str) -> None:
    from resources.comfyui import ComfyVideo

    replay.add(recorded("misc_get")["/system_stats"])
    replay.add(recorded("queue_interrupt")["prompt_get"])
    assert ComfyVideo(url=url).probe() == "version 0.33.0, 3 in the queue"
