"""ComfyUI for every capability, against a small server that checks graphs as ComfyUI does."""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_assets.domain.budget import Order
from audio_assets.domain.rendering import PermanentError, Rendered, TransientError, Unavailable
from audio_assets.domain.shot import Shot
from audio_assets.domain.speech import SpeechRequest
from resources.comfyui import ComfyLipSync, ComfyMusic, ComfyProvider, ComfySpeech, ComfyVideo
from resources.ledger import Ledger
from resources.music import MusicAsk
from resources.ordered import Remote, ordered
from resources.paid_jobs import Receipt, Timing, call_off, pay_once
from resources.paid_vendor import JobGone, Look, NotSubmitted, PaidVendor, Refused
from resources.vendors import comfyui
from resources.video_files import VideoWriter, probe_video
from tests.ledgers import order
from tests.servers.comfyui import RATE_HZ, ComfyServer
from tests.servers.serving import serving

pytestmark = pytest.mark.usefixtures("slept_s")

REPOSITORY = Path(__file__).parents[2]
SHIPPED, PLAIN = str(REPOSITORY / "workflows" / "comfyui"), str(REPOSITORY / "tests" / "comfyui")
WORD = "open-sesame-open"
LINE = SpeechRequest("Look at the GIF, Ana.", "en", (("af_heart", 1.0),), pronunciations=(("gif", "jif"),))
SHOT = Shot("a lamp by the sea", "rain", 256, 144, Fraction(12), 24, 4, seed=7)


@dataclass
class Desk:
    """A server, a ledger and time that passes only where it is slept."""

    folder: Path
    url: str
    server: ComfyServer
    slept_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.target = self.folder / "made.bin"

    def of(self, kind: type[ComfyProvider], **settings: Any) -> Any:
        return kind(**{"url": self.url, "template_folders": [PLAIN, SHIPPED], **settings})

    def video(self, **settings: Any) -> tuple[ComfyVideo, Remote, Order]:
        provider = self.of(ComfyVideo, **settings)
        remote = provider.remote("plain_video", self.folder)
        assert remote is not None
        return provider, remote, self.order(remote, provider.request("plain_video", SHOT, ()))

    def order(self, remote: Remote, request: Mapping[str, Any], **changes: Any) -> Order:
        named = {"provider": remote.provider, "model": remote.model, "estimate_usd": 0, "request": request}
        return replace(order(), **{**named, **changes})

    def pay(self, remote: Remote, wanted: Order, files: Mapping[str, Path] | None = None) -> Receipt:
        timing = Timing(sleep=self.slept_s.append, clock=lambda: sum(self.slept_s), vary=lambda: 0.5)
        return pay_once(
            self.ledger, remote.vendor, wanted, self.target, files=files or {}, patience=remote.patience, timing=timing
        )

    def file(self, name: str, data: bytes = b"x") -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    comfyui._known.clear()
    server = ComfyServer(tmp_path / "jobs.db")
    with serving(server.app()) as url:
        yield Desk(tmp_path, url, server)


# --- Every capability ----------------------------------------------------------------------------------------------


def test_a_line_is_spoken(desk: Desk) -> None:
    provider = desk.of(ComfySpeech)
    remote = provider.remote(desk.folder)
    assert (remote.provider, remote.model) == ("comfyui_speech", "tts_comfy")
    request = provider.request(replace(LINE, voice=(("bf_emma", 1.0),), speed=1.25))
    desk.pay(remote, desk.order(remote, request))
    [graph] = desk.server.graphs()
    assert graph["2"]["inputs"] == {
        "text": "Look at the jif, Ana.", "speaker": ["1", 0], "speed": 1.25, "lang": "English (British)",
    }  # fmt: skip
    assert graph["1"]["inputs"] == {"speaker_name": "bf_emma"}
    heard = provider.hear(desk.target, LINE)
    assert (heard.sample_rate_hz, heard.pcm.shape, heard.pcm.dtype) == (RATE_HZ, (RATE_HZ // 2,), np.int16)
    assert np.abs(heard.pcm).max() == pytest.approx(0.375 * 32767, rel=0.01)  # the mean of both sides
    assert heard.timeline is None


def test_a_word_is_respelled_once_and_only_words_of_the_line_are_told_of(desk: Desk) -> None:
    words = (("gif", "jif"), ("jif", "peanut butter"), ("Bob", "/bɒb/"))
    provider, line = desk.of(ComfySpeech), replace(LINE, pronunciations=words)
    assert provider.request(line)["values"]["text"] == "Look at the jif, Ana."
    path = desk.folder / "say.wav"
    soundfile.write(path, np.sin(np.arange(RATE_HZ) / 20) / 2, RATE_HZ)
    assert provider.hear(path, line).notes == ()


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_speech_may_come_in_any_container(desk: Desk, suffix: str) -> None:
    path = desk.folder / "answer.bin"
    soundfile.write(path, np.full((RATE_HZ, 1), 0.25), RATE_HZ, format=suffix.upper())
    heard = desk.of(ComfySpeech).hear(path, replace(LINE, pronunciations=(("Ana", "/ana/"),)))
    assert heard.sample_rate_hz == RATE_HZ
    assert len(heard.pcm) == pytest.approx(RATE_HZ, abs=RATE_HZ // 10)
    assert heard.notes == ("comfyui_speech can not be told IPA here: 'Ana' is spoken as it is spelled",)


@pytest.mark.parametrize(("data", "says"), [(b"<html>no</html>", "not audio"), (b"", "empty")])
def test_what_is_no_speech_is_refused(desk: Desk, data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        desk.of(ComfySpeech).hear(desk.file("answer.bin", data), LINE)


def test_silence_is_no_speech(desk: Desk) -> None:
    desk.server.silent = True
    provider = desk.of(ComfySpeech)
    remote = provider.remote(desk.folder)
    desk.pay(remote, desk.order(remote, provider.request(LINE)))
    with pytest.raises(ValueError, match=r"the workflow tts_comfy brought 0.50 s of silence"):
        provider.hear(desk.target, LINE)


def test_music_is_made(desk: Desk) -> None:
    provider = desk.of(ComfyMusic)
    remote = provider.remote("music_ace_step", desk.folder)
    ask = MusicAsk("lofi, calm", 30.5, seed=3, bpm=92.6, key="Eb minor")
    desk.pay(remote, desk.order(remote, provider.request("music_ace_step", ask)))
    [graph] = desk.server.graphs()
    words = graph["3"]["inputs"]
    assert (words["tags"], words["lyrics"], words["bpm"], words["keyscale"]) == (
        "lofi, calm", "[Instrumental]", 93, "Eb minor",
    )  # fmt: skip
    assert (words["duration"], graph["5"]["inputs"]["seconds"]) == (30.5, 30.5)
    assert (words["seed"], graph["6"]["inputs"]["seed"]) == (3, 3)
    assert soundfile.info(desk.target).format == "FLAC"
    can = provider.capabilities("music_ace_step")
    assert (can.shortest_s, can.longest_s, can.takes_source, can.takes_seed, can.takes_lyrics) == (
        10, 600, False, True, True,
    )  # fmt: skip


def test_a_shot_is_filmed_as_long_and_as_large_as_asked(desk: Desk) -> None:
    _, remote, wanted = desk.video()
    desk.pay(remote, wanted)
    [graph] = desk.server.graphs()
    assert graph["0"]["inputs"] == {"width": 256, "height": 144, "batch_size": 24, "color": 7}
    assert (graph["1"]["inputs"]["value"], graph["2"]["inputs"]["fps"]) == ("a lamp by the sea", 12.0)
    info = probe_video(desk.target)
    assert (info.n_frames, info.frame_rate) == (24, 12)
    assert desk.slept_s == [0.5]


@pytest.mark.parametrize("has_image", [True, False])
def test_a_shot_may_begin_with_a_picture(desk: Desk, has_image: bool) -> None:
    provider = desk.of(ComfyVideo)
    files = {"reference_image": desk.file("ana.PNG", b"a picture")} if has_image else {}
    shot = replace(SHOT, width=1920, height=1080, frame_rate=Fraction(24), n_frames=90)
    remote = provider.remote("wan_video", desk.folder)
    desk.pay(remote, desk.order(remote, provider.request("wan_video", shot, files)), files)
    [graph] = desk.server.graphs()
    latent = graph["8"]["inputs"]
    assert (latent["width"], latent["height"], latent["length"]) == (1280, 704, 93)
    assert (graph["6"]["inputs"]["text"], graph["9"]["inputs"]["seed"]) == ("rain", 7)
    assert ("7" in graph, "start_image" in latent) == (has_image, has_image)
    if has_image:
        name = graph["7"]["inputs"]["image"]
        assert re.fullmatch(r"audio-assets-[0-9a-f]{32}\.png", name)
        assert desk.server.inputs[name] == b"a picture"


def test_a_mouth_is_moved(desk: Desk) -> None:
    clip, voice = desk.folder / "clip.mp4", desk.folder / "voice.wav"
    with VideoWriter(clip, 64, 64, Fraction(25)) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    soundfile.write(voice, np.zeros(100), 8000)
    for model, loads in (
        ("heard_video", ("0", "file", "2", "audio")),
        ("lip_sync_latentsync", ("1", "video", "2", "audio")),
    ):
        provider = desk.of(ComfyLipSync, model=model)
        assert provider.is_driven_by == "audio"
        remote = provider.remote(desk.folder)
        files = {"video": clip, "audio": voice}
        desk.pay(remote, desk.order(remote, provider.request(1.5), action_key=model), files)
        graph = desk.server.graphs()[-1]
        video, audio = graph[loads[0]]["inputs"][loads[1]], graph[loads[2]]["inputs"][loads[3]]
        assert desk.server.inputs[video] == clip.read_bytes()
        assert desk.server.inputs[audio] == voice.read_bytes()
        assert (Path(video).suffix, Path(audio).suffix) == (".mp4", ".wav")
        probe_video(desk.target)


# --- What can not be asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"voice": (("af_heart", 0.5), ("af_bella", 0.5))}, "can not mix voices"),
        ({"voice": (("nobody", 1.0),)}, 'has no voice "nobody": it has af_bella, af_heart'),
    ],
)
def test_a_voice_that_the_workflow_has_not_is_refused(desk: Desk, changes: dict[str, Any], says: str) -> None:
    provider = desk.of(ComfySpeech)
    with pytest.raises(PermanentError, match=says):
        provider.request(replace(LINE, **changes))
    assert "af_heart" in provider.voices()
    assert "nobody" not in provider.voices()


def test_a_speed_that_has_no_place_is_refused(desk: Desk) -> None:
    text = (Path(SHIPPED) / "tts_comfy.toml").read_text()
    (desk.folder / "tts_comfy.toml").write_text(text.replace('speed = "2.speed"\n', ""))
    (desk.folder / "tts_comfy.json").write_bytes((Path(SHIPPED) / "tts_comfy.json").read_bytes())
    provider = desk.of(ComfySpeech, template_folders=[str(desk.folder), SHIPPED])
    with pytest.raises(PermanentError, match="takes no speed"):
        provider.request(replace(LINE, speed=1.1))
    assert "speed" not in provider.request(LINE)["values"]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (MusicAsk("x", 9.0), "makes 10 to 600 s of music, not 9 s"),
        (MusicAsk("x", 601.0), "not 601 s"),
        (MusicAsk("x", 30.0, has_source=True), "has no place for a source track"),
    ],
)
def test_music_that_can_not_be_made_is_refused(desk: Desk, ask: MusicAsk, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        desk.of(ComfyMusic).request("music_ace_step", ask)


def test_lyrics_that_have_no_place_are_refused(desk: Desk) -> None:
    text = (Path(SHIPPED) / "music_ace_step.toml").read_text()
    bound = next(line for line in text.splitlines() if line.startswith("lyrics = "))
    (desk.folder / "hum.toml").write_text(text.replace(f"{bound}\n", ""))
    (desk.folder / "hum.json").write_bytes((Path(SHIPPED) / "music_ace_step.json").read_bytes())
    provider = desk.of(ComfyMusic, template_folders=[str(desk.folder)])
    with pytest.raises(PermanentError, match="the workflow hum does not sing: leave the lyrics out"):
        provider.request("hum", MusicAsk("x", 30.0, lyrics="La la"))
    assert not provider.capabilities("hum").takes_lyrics


def test_a_rented_server_costs_what_the_card_says(desk: Desk) -> None:
    _, remote, wanted = desk.video()
    receipt = desk.pay(remote, replace(wanted, estimate_usd="0.30"))
    assert (receipt.cost_usd, receipt.is_estimate) == (0.3, True)


def test_a_file_that_does_not_come_with_its_order_is_refused(desk: Desk) -> None:
    provider = desk.of(ComfyLipSync)
    remote = provider.remote(desk.folder)
    with pytest.raises(Refused, match="begins with a voice, and there is none"):
        desk.pay(remote, desk.order(remote, provider.request(1.0)), {"video": desk.file("a.mp4")})
    assert desk.server.requests == []


def test_a_shot_that_is_too_long_or_has_files_without_a_place_is_refused(desk: Desk) -> None:
    provider = desk.of(ComfyVideo)
    long = replace(SHOT, frame_rate=Fraction(24), n_frames=192)
    with pytest.raises(PermanentError, match=r"wan_video makes clips of up to 5.04 s, not of 8.00 s: choose shorter"):
        provider.request("wan_video", long, ())
    with pytest.raises(PermanentError, match="no place for a clip to begin with"):
        provider.request("plain_video", SHOT, ("parent",))


def test_workflows_are_found_in_the_studio_s_own_folder_first(desk: Desk) -> None:
    provider = desk.of(ComfyVideo, template_folders=[str(desk.folder), PLAIN, SHIPPED])
    assert provider.models() == ("plain_video", "wan_video")
    before = provider.identity("plain_video")
    for suffix in ("json", "toml"):
        text = (Path(PLAIN) / f"plain_video.{suffix}").read_text()
        (desk.folder / f"plain_video.{suffix}").write_text(text.replace("3355596", "1"))
    after = provider.identity("plain_video")
    assert before["workflow_sha256"] != after["workflow_sha256"]
    assert after["licence"] == "CC0-1.0"
    assert provider.identity("wan_video") == desk.of(ComfyVideo).identity("wan_video")
    (desk.folder / "plain_video.json").write_text("{}")
    with pytest.raises(PermanentError, match=r"plain_video.json holds no nodes"):
        provider.identity("plain_video")
    (desk.folder / "plain_video.json").unlink()
    with pytest.raises(PermanentError, match=r"plain_video.json is missing beside plain_video.toml"):
        provider.identity("plain_video")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wan_vidio", "there is no workflow \"wan_vidio\" for video in .*: did you mean 'wan_video'"),
        ("zzz", "there are plain_video, wan_video"),
        ("../comfyui/plain_video", "there is no workflow"),
        ("tts_comfy", "the workflow tts_comfy is for speech, not for video"),
    ],
)
def test_a_workflow_that_is_not_there_is_said(desk: Desk, name: str, says: str) -> None:
    provider = desk.of(ComfyVideo)
    for asked in (provider.capabilities, provider.identity, lambda one: provider.remote(one, desk.folder)):
        with pytest.raises(ValueError, match=says):
            asked(name)


def test_a_missing_workflow_lets_a_stand_in_take_over_and_names_no_wrong_voice(desk: Desk) -> None:
    provider = desk.of(ComfySpeech, model="gone")
    assert "anybody" in provider.voices()
    with pytest.raises(Unavailable):
        provider.remote(desk.folder)


def test_only_the_voice_that_changed_is_in_another_key(desk: Desk) -> None:
    for suffix in ("json", "toml"):
        (desk.folder / f"tts_comfy.{suffix}").write_bytes((Path(SHIPPED) / f"tts_comfy.{suffix}").read_bytes())
    provider = desk.of(ComfySpeech, template_folders=[str(desk.folder)])
    emma, heart = replace(LINE, voice=(("bf_emma", 1.0),)), LINE
    before = provider.identity(emma), provider.identity(heart)
    text = (desk.folder / "tts_comfy.toml").read_text()
    (desk.folder / "tts_comfy.toml").write_text(text.replace('= "bf_emma"', '= "bf_alice"'))
    assert provider.identity(emma) != before[0]
    assert provider.identity(heart) == before[1]
    assert provider.identity(heart)["voice af_heart"] == '{"1.speaker_name":"af_heart"}'


# --- Before it is ordered ------------------------------------------------------------------------------------------


def test_nodes_that_the_server_has_not_are_refused_before_anything_is_sent(desk: Desk) -> None:
    del desk.server.definitions["LatentSyncNode"]
    provider = desk.of(ComfyLipSync)
    remote = provider.remote(desk.folder)
    files = {"video": desk.file("a.mp4"), "audio": desk.file("a.wav")}
    says = r"lip_sync_latentsync can not run on comfyui_lip_sync: node 3 \"Lip-sync\" \(LatentSyncNode\) is of a kind"
    with pytest.raises(Refused, match=says):
        desk.pay(remote, desk.order(remote, provider.request(1.0)), files)
    assert desk.server.jobs() == []
    assert list(desk.server.inputs) == ["example.png"]
    assert not any(one.startswith("POST") for one in desk.server.requests)


def test_a_model_that_is_put_there_later_is_seen(desk: Desk) -> None:
    loader = desk.server.definitions["UNETLoader"]
    desk.server.definitions["UNETLoader"] = {
        **loader,
        "input": {"required": {"unet_name": [["other.safetensors"], {}]}},
    }
    provider = desk.of(ComfyVideo)
    remote = provider.remote("wan_video", desk.folder)
    shot = replace(SHOT, frame_rate=Fraction(24))
    wanted = desk.order(remote, provider.request("wan_video", shot, ()))
    with pytest.raises(Refused, match=r"unet_name is 'wan2.2_ti2v_5B_fp16.safetensors'.*it has other.safetensors"):
        desk.pay(remote, wanted)
    desk.server.definitions["UNETLoader"] = loader
    desk.pay(remote, wanted)
    assert len(desk.server.jobs()) == 1


def test_what_is_known_of_nodes_is_asked_once(desk: Desk) -> None:
    for number in range(3):
        _, remote, wanted = desk.video()
        desk.pay(remote, replace(wanted, action_key=f"key-{number}"))
    asked = [one for one in desk.server.requests if "object_info" in one]
    assert len(asked) == len(set(asked)) == 4


def test_equal_files_are_one_and_others_never_meet(desk: Desk) -> None:
    provider = desk.of(ComfyVideo)
    remote = provider.remote("wan_video", desk.folder)
    shot = replace(SHOT, frame_rate=Fraction(24))
    for number, data in enumerate((b"one", b"one", b"two")):
        files = {"reference_image": desk.file("same.png", data)}
        wanted = desk.order(remote, provider.request("wan_video", shot, files), action_key=f"key-{number}")
        desk.pay(remote, wanted, files)
    names = [graph["7"]["inputs"]["image"] for graph in desk.server.graphs()]
    assert names[0] == names[1] != names[2]
    assert {desk.server.inputs[name] for name in names} == {b"one", b"two"}


def test_a_file_that_was_cut_off_before_is_uploaded_beside_itself(desk: Desk) -> None:
    provider = desk.of(ComfyVideo)
    remote = provider.remote("wan_video", desk.folder)
    files = {"reference_image": desk.file("ana.png", b"whole")}
    wanted = desk.order(remote, provider.request("wan_video", replace(SHOT, frame_rate=Fraction(24)), files))
    name = remote.vendor._upload(files["reference_image"])  # type: ignore[attr-defined]
    desk.server.inputs[name] = b"who"
    desk.pay(remote, wanted, files)
    used = desk.server.graphs()[0]["7"]["inputs"]["image"]
    assert used == name.replace(".png", " (1).png")
    assert desk.server.inputs[used] == b"whole"


def test_a_file_that_lands_elsewhere_is_not_used(desk: Desk) -> None:
    desk.server.renames_uploads = True
    provider = desk.of(ComfyVideo)
    remote = provider.remote("wan_video", desk.folder)
    files = {"reference_image": desk.file("ana.png")}
    wanted = desk.order(remote, provider.request("wan_video", replace(SHOT, frame_rate=Fraction(24)), files))
    with pytest.raises(Refused, match=r"comfyui put audio-assets-\w+.png somewhere else.*other.png"):
        desk.pay(remote, wanted, files)
    with pytest.raises(Refused, match=r"ana.exe can not be uploaded"):
        desk.pay(remote, wanted, {"reference_image": desk.file("ana.exe")})
    assert desk.server.jobs() == []


def test_a_server_that_is_not_there_holds_nothing(desk: Desk) -> None:
    _, remote, wanted = desk.video(url="http://127.0.0.1:9")
    with pytest.raises(NotSubmitted, match="comfyui"):
        desk.pay(remote, wanted)
    assert desk.ledger.entries()[-1].state == "released"


# --- What it refuses -----------------------------------------------------------------------------------------------


def test_a_refusal_names_node_and_input(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui.comfy_nodes, "problem", lambda *_: "")
    provider, remote, _ = desk.video()
    shot = replace(SHOT, width=20_000)
    wanted = desk.order(remote, provider.request("plain_video", shot, ()))
    with pytest.raises(Refused) as caught:
        desk.pay(remote, wanted)
    assert str(caught.value) == (
        'the workflow plain_video can not run on comfyui: node 0 "Frames" (EmptyImage): '
        "Value 20000 bigger than max of 16384: width"
    )
    assert (desk.ledger.entries()[-1].state, desk.server.jobs()) == ("released", [])


def test_an_output_that_is_left_out_is_called_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server takes a workflow whose other output is fit, and says so in the middle of its answer."""
    monkeypatch.setattr(comfyui.comfy_nodes, "problem", lambda *_: "")
    desk.server.hold = True
    _, remote, wanted = desk.video()
    graph = remote.vendor.template.graph  # type: ignore[attr-defined]
    other = {"class_type": "PreviewImage", "inputs": {"images": ["0", 0]}}
    del graph["2"]["inputs"]["images"]
    graph["9"] = other
    try:
        with pytest.raises(Refused, match=r"node 2 \"Video\" \(CreateVideo\): Required input is missing: images"):
            desk.pay(remote, wanted)
    finally:
        graph["2"]["inputs"]["images"] = ["0", 0]
        del graph["9"]
    assert len(desk.server.jobs()) == 1
    assert desk.server.pending == []
    assert desk.ledger.entries()[-1].state == "released"


def test_another_output_that_is_left_out_does_no_harm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui.comfy_nodes, "problem", lambda *_: "")
    _, remote, wanted = desk.video()
    graph = remote.vendor.template.graph  # type: ignore[attr-defined]
    graph["9"] = {"class_type": "PreviewImage", "inputs": {}}
    try:
        desk.pay(remote, wanted)
    finally:
        del graph["9"]
    probe_video(desk.target)


# --- How it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fails", "error", "says"),
    [
        (("CreateVideo", "OSError", "Truncated File Read\n"), PermanentError,
         'node 2 "Video" (CreateVideo) failed: OSError: Truncated File Read; nothing is billed'),
        (("CreateVideo", "torch.OutOfMemoryError", "CUDA out of memory"), TransientError, "CUDA out of memory"),
    ],
)  # fmt: skip
def test_a_job_that_fails_says_where_and_why(
    desk: Desk, fails: tuple[str, str, str], error: type[Exception], says: str
) -> None:
    desk.server.fails = fails
    _, remote, wanted = desk.video()
    with pytest.raises(error) as caught:
        desk.pay(remote, wanted)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert desk.ledger.entries()[-1].state == "released"


def test_the_same_again_is_answered_with_the_old_file(desk: Desk) -> None:
    _, remote, wanted = desk.video()
    desk.pay(remote, wanted)
    first = desk.target.read_bytes()
    desk.target.unlink()
    desk.pay(remote, replace(wanted, action_key="key-2"))
    assert desk.target.read_bytes() == first
    assert len(desk.server.jobs()) == 2
    assert len(desk.server.outputs) == 1


def test_a_node_that_brings_a_picture_is_no_video(desk: Desk) -> None:
    _, remote, wanted = desk.video()
    vendor: Any = remote.vendor
    vendor.submit(wanted.request, "k", {})
    vendor.look(vendor.find("k"))
    vendor.look(vendor.find("k"))
    job = desk.server.history[vendor.find("k")]
    job.result = {"3": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}, "?"], "animated": [True]}}
    look = vendor.look(job.id)
    assert (look.state, look.is_billed) == ("failed", False)
    assert look.reason == (
        'node 3 "Save" (SaveVideo) was to bring video, and brought a.png: bind the node that saves the video'
    )


def test_a_file_that_is_gone_is_said_and_an_answer_of_another_type_is_no_clip(desk: Desk) -> None:
    _, remote, wanted = desk.video()
    vendor = remote.vendor
    job_id = vendor.submit(wanted.request, "k", {})
    while vendor.look(job_id).state == "pending":
        pass
    data = desk.server.outputs.copy()
    desk.server.outputs.clear()
    with pytest.raises(PermanentError, match=r"comfyui does not give audio-assets/plain_00001_.mp4.*404"):
        vendor.fetch(job_id, desk.target)
    [(key, clip)] = data.items()
    desk.server.outputs[key] = clip
    vendor.fetch(job_id, desk.target)
    assert desk.target.read_bytes() == clip
    with pytest.raises(PermanentError, match="has no file of job"):
        desk.video()[1].vendor.fetch(str(uuid.uuid4()), desk.target)


def test_a_restart_forgets_the_job_and_the_next_run_orders_it_anew(desk: Desk) -> None:
    desk.server.hold = True
    _, remote, wanted = desk.video()
    job_id = remote.vendor.submit(wanted.request, "k", {})
    assert remote.vendor.look(job_id) == Look("pending")
    desk.server.restart()
    with pytest.raises(JobGone, match=f"does not know job {job_id} any more: it was restarted"):
        remote.vendor.look(job_id)

    desk.slept_s.clear()
    _, remote, wanted = desk.video(deadline_s=5.0)
    with pytest.raises(TransientError, match="not finished after"):
        desk.pay(remote, wanted)
    desk.server.restart()
    with pytest.raises(TransientError, match="run again to order it anew"):
        desk.pay(remote, wanted)
    assert desk.ledger.entries()[-1].state == "released"
    desk.server.hold = False
    desk.pay(remote, wanted)
    assert len(desk.server.jobs()) == 3
    assert desk.ledger.entries()[-1].state == "settled"


def test_a_run_that_ended_is_gone_on_with(desk: Desk) -> None:
    desk.server.hold = True
    _, remote, wanted = desk.video(deadline_s=5.0)
    with pytest.raises(TransientError, match="it stays ordered"):
        desk.pay(remote, wanted)
    desk.server.hold = False
    desk.slept_s.clear()
    desk.pay(desk.video()[1], wanted)
    assert len(desk.server.jobs()) == 1


# --- Answers that are lost -----------------------------------------------------------------------------------------


def test_a_lost_answer_is_found_by_the_order_s_key(desk: Desk) -> None:
    desk.server.breaks = ["lost"]
    _, remote, wanted = desk.video()
    receipt = desk.pay(remote, wanted)
    assert desk.server.jobs() == [receipt.job_id]
    entry = desk.ledger.entries()[-1]
    assert receipt.job_id == str(uuid.uuid5(comfyui._PROMPTS, entry.idempotency_key))


def test_an_order_that_never_came_is_sent_again_by_the_next_run(desk: Desk) -> None:
    desk.server.breaks = ["gateway"]
    _, remote, wanted = desk.video()
    with pytest.raises(TransientError, match="does not have the order"):
        desk.pay(remote, wanted)
    assert desk.server.jobs() == []
    desk.pay(remote, wanted)
    assert len(desk.server.jobs()) == 1


def test_a_workflow_that_the_server_stumbles_over_was_not_taken(desk: Desk) -> None:
    desk.server.breaks = ["crash"]
    _, remote, wanted = desk.video()
    with pytest.raises(NotSubmitted, match=r"comfyui stumbled over the workflow plain_video \(500\)"):
        desk.pay(remote, wanted)
    assert desk.ledger.entries()[-1].state == "released"


def test_an_older_server_names_jobs_by_itself(desk: Desk) -> None:
    desk.server.takes_ids = desk.server.has_jobs = False
    _, remote, wanted = desk.video()
    receipt = desk.pay(remote, wanted)
    assert [receipt.job_id] == desk.server.jobs()
    assert remote.vendor.find("another") is None


def test_a_job_that_goes_from_queue_to_history_meanwhile_is_not_gone(desk: Desk) -> None:
    desk.server.hold = True
    _, remote, wanted = desk.video()
    vendor: Any = remote.vendor
    job_id = vendor.submit(wanted.request, "k", {})
    desk.server.begin()
    is_queued = vendor._is_queued
    vendor._is_queued = lambda one: bool(desk.server.finish()) or is_queued(one)
    assert vendor.look(job_id).state == "done"


# --- Stopping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_jobs", [True, False])
@pytest.mark.parametrize("is_running", [True, False])
def test_a_job_is_stopped_and_the_others_go_on(desk: Desk, has_jobs: bool, is_running: bool) -> None:
    desk.server.hold, desk.server.has_jobs = True, has_jobs
    _, remote, wanted = desk.video(deadline_s=1.0)
    if not is_running:
        remote.vendor.submit(wanted.request, "somebody else's", {})
        desk.server.begin()
    with pytest.raises(TransientError):
        desk.pay(remote, wanted)
    if is_running:
        desk.server.begin()
        remote.vendor.submit(wanted.request, "somebody else's", {})
    entry = call_off(desk.ledger, desk.video()[1].vendor, desk.ledger.entries()[-1].id)
    assert (entry.state, "cancelled" in entry.reason) == ("released", True)
    assert len(desk.server.pending) + (desk.server.running is not None) == 1


def test_what_is_done_is_not_stopped(desk: Desk) -> None:
    _, remote, wanted = desk.video()
    job_id = desk.pay(remote, wanted).job_id
    for desk.server.has_jobs in (True, False):
        remote.vendor.cancel(job_id)
        assert remote.vendor.look(job_id).state == "done"


# --- What is kept and shown ----------------------------------------------------------------------------------------


def test_the_sidecar_s_facts_name_workflow_and_file(desk: Desk) -> None:
    provider, remote, wanted = desk.video()
    rendered = ordered(
        desk.ledger, replace(remote, patience=replace(remote.patience, first_s=0.01)), wanted, {}, desk.target,
        lambda path: Rendered({"clip.mp4": path}, facts={"n": 1}), lambda _path: None,
    )  # fmt: skip
    assert rendered.facts["source_file"] == "audio-assets/plain_00001_.mp4"
    assert rendered.facts["workflow"] == {
        "name": "plain_video", "sha256": provider.identity("plain_video")["workflow_sha256"],
    }  # fmt: skip
    assert (rendered.facts["n"], rendered.facts["cost_is_estimate"], rendered.cost_usd) == (1, True, 0.0)
    assert wanted.request["workflow"] == rendered.facts["workflow"]


def test_a_vendor_without_facts_adds_none() -> None:
    assert PaidVendor.facts(object.__new__(comfyui.ComfyVendor), "1") == {}


def test_a_key_is_sent_where_one_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.server.token = WORD
    with pytest.raises(Refused, match="401"):
        desk.pay(*desk.video()[1:])
    provider = desk.of(ComfyVideo, key_variable="COMFY_TEST_KEY")
    assert provider.problem() == "comfyui needs a key: set COMFY_TEST_KEY in the environment"
    with pytest.raises(Unavailable):
        provider.remote("plain_video", desk.folder)
    monkeypatch.setenv("COMFY_TEST_KEY", desk.server.token)
    desk.pay(*desk.video(key_variable="COMFY_TEST_KEY")[1:])
    kept = b"".join(path.read_bytes() for path in desk.folder.iterdir() if path.name.startswith("ledger"))
    assert WORD.encode() not in kept
    assert WORD not in repr(provider)


@pytest.mark.parametrize("kind", [ComfySpeech, ComfyMusic, ComfyVideo, ComfyLipSync])
def test_a_provider_says_what_it_is(desk: Desk, kind: type[ComfyProvider]) -> None:
    provider = desk.of(kind)
    about = provider.about()
    assert (about.capability, about.offer) == (kind.capability, "open")
    assert set(about.models) == set(provider.template_names()) != set()
    assert provider.probe() == "version 0.33.0, 0 in the queue"
    assert desk.of(kind, called="studio_two").name == "studio_two"
    assert kind(template_folders=[]).url == "http://127.0.0.1:8188"
