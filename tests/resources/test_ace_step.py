"""ACE-Step: what is sent, and what is made of every answer, against a strict server of its own."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.budget import Order
from audio_assets.domain.music_ask import MusicAsk
from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from resources.engines.bought_music import is_music
from resources.http_errors import Denied
from resources.ledger import Ledger
from resources.paid_jobs import OutcomeUnknown, Patience, Receipt, pay_once
from resources.paid_vendor import NotSubmitted, PaidVendor, Refused, Unknowable
from resources.vendors.ace_step import AceStepMusic
from tests.servers.ace_step import AceStep
from tests.servers.faulty import LOST_ANSWER, FaultyProxy, answered, cut_off, first, on, replaced, wrong_type
from tests.servers.serving import serving
from tests.tunes import tune

pytestmark = pytest.mark.usefixtures("slept_s")

MODEL = "acestep-v15-turbo"
ASK = MusicAsk("lo-fi hip hop, dusty drums", 12.0, seed=7, bpm=81.6, key="Eb dorian")
COVER = replace(ASK, key="", beats_per_bar=3, has_source=True, source_share=0.8)
KEY = "ace-key-for-tests"


@dataclass
class Desk:
    """A server, a provider that is set up for it, and a ledger."""

    server: AceStep
    url: str
    folder: Path

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.target = self.folder / "music.flac"

    @property
    def provider(self) -> AceStepMusic:
        return AceStepMusic(url=self.url, served=[MODEL, "acestep-v15-base"])

    def vendor(self, model: str = MODEL) -> PaidVendor:
        remote = self.provider.remote(model, self.folder / "answers")
        assert remote is not None
        return remote.vendor

    def submit(self, ask: MusicAsk = ASK, model: str = MODEL, **files: Path) -> str:
        return self.vendor(model).submit(self.provider.request(model, ask), "key", files)

    def pay(self, ask: MusicAsk = ASK, model: str = MODEL, *, estimate_usd: float = 0.0, **files: Path) -> Receipt:
        request = self.provider.request(model, ask)
        order = Order("action", "music_remix", "night", "", "ace_step", model, estimate_usd, request)
        patience = Patience(first_s=0.001, longest_s=0.002, deadline_s=0.5, n_fetches=2)
        return pay_once(
            self.ledger, self.vendor(model), order, self.target, files=files, verify=is_music, patience=patience
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    server = AceStep(tmp_path / "tasks.db", tune(2.0))
    with serving(server.app) as url:
        yield Desk(server, url, tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "harbour light.FLAC"
    path.write_bytes(tune(1.0))
    return path


# --- What is sent --------------------------------------------------------------------------------------------------


def test_music_is_asked_for_by_its_seed_and_comes_as_it_was_made(desk: Desk) -> None:
    desk.server.n_looks = 2
    receipt = desk.pay()
    assert desk.target.read_bytes() == tune(2.0)
    assert desk.server.tasks == [{
        "task_type": "text2music", "model": MODEL, "prompt": ASK.prompt, "lyrics": "[Instrumental]",
        "vocal_language": "unknown", "audio_duration": 12.0, "seed": 7, "use_random_seed": False, "batch_size": 1,
        "inference_steps": 8, "thinking": False, "use_cot_caption": False, "use_cot_language": False,
        "audio_format": "flac", "bpm": 82, "key_scale": "Eb minor", "source": "", "source_name": "",
    }]  # fmt: skip
    assert receipt.cost_usd == 0


def test_a_cover_takes_its_source_along_and_tells_nobody_its_name(desk: Desk, source: Path) -> None:
    desk.pay(replace(COVER, lyrics="[Verse]\nLamp on the water"), source=source)
    (task,) = desk.server.tasks
    assert task["source"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (task["task_type"], task["audio_cover_strength"], task["time_signature"]) == ("cover", 0.8, "3")
    assert (task["lyrics"], "key_scale" in task) == ("[Verse]\nLamp on the water", False)
    assert task["source_name"] == "source.flac"


def test_settings_go_along_and_into_the_request(desk: Desk) -> None:
    provider = AceStepMusic(url=desk.url, thinking=True, inference_steps=40, audio_format="wav", vocal_language="fr")
    sent = provider.request(MODEL, ASK)
    assert (sent["thinking"], sent["inference_steps"], sent["audio_format"], sent["vocal_language"]) == (
        True, 40, "wav", "fr",
    )  # fmt: skip
    desk.vendor().submit(sent, "key", {})
    assert desk.server.tasks[0]["thinking"] is True


@pytest.mark.parametrize(
    ("ask", "left_out"),
    [(replace(ASK, bpm=None), "bpm"), (replace(ASK, bpm=400.0), "bpm"), (replace(ASK, key=""), "key_scale"),
     (replace(ASK, beats_per_bar=5), "time_signature")],
)  # fmt: skip
def test_what_is_open_or_unknown_to_the_server_is_left_out(desk: Desk, ask: MusicAsk, left_out: str) -> None:
    assert left_out not in desk.provider.request(MODEL, ask)
    desk.submit(ask)


@pytest.mark.parametrize(
    ("ask", "says"),
    [(replace(ASK, prompt="x" * 513), "512 letters of a prompt, not 513: shorten the prompt of the style"),
     (replace(ASK, lyrics="x" * 4097), "4096 letters of lyrics, not 4097: shorten lyrics"),
     (replace(ASK, seed=2**32), "takes seeds up to 4294967295, not 4294967296: lower seed")],
)  # fmt: skip
def test_what_it_can_not_take_is_not_sent(desk: Desk, ask: MusicAsk, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        desk.provider.request(MODEL, ask)


def test_a_model_that_is_not_served_is_one_sentence(desk: Desk) -> None:
    for asked in (desk.provider.capabilities, desk.provider.identity, lambda m: desk.provider.remote(m, desk.folder)):
        with pytest.raises(ValueError, match='has no model "turbo": use acestep-v15-turbo or acestep-v15-base'):
            asked("turbo")


def test_what_decides_the_bytes_is_in_its_identity_and_where_it_is_is_not(desk: Desk) -> None:
    assert desk.provider.identity(MODEL) == AceStepMusic(url="http://elsewhere:1").identity(MODEL)
    assert desk.provider.identity(MODEL) != desk.provider.identity("acestep-v15-base")
    assert desk.provider.identity(MODEL)["licence"]


# --- What is answered ----------------------------------------------------------------------------------------------


def test_a_full_queue_is_asked_again_and_then_not_submitted(desk: Desk) -> None:
    desk.server.n_full = 2
    desk.submit()
    assert len(desk.server.tasks) == 1
    desk.server.n_full = 100
    with pytest.raises(NotSubmitted, match="429: Server busy: queue is full"):
        desk.pay()
    assert (len(desk.server.tasks), desk.ledger.entries()[0].state) == (1, "released")


def test_a_wrong_request_is_refused(desk: Desk) -> None:
    sent = {**desk.provider.request(MODEL, ASK), "audio_duration": 5.0}
    with pytest.raises(Refused, match="400: audio_duration is out of range"):
        desk.vendor().submit(sent, "key", {})


@pytest.mark.parametrize(
    ("envelope", "kind"), [((500, "no GPU"), NotSubmitted), ((429, "no GPU"), NotSubmitted), ((400, "no GPU"), Refused)]
)
def test_a_failure_in_an_answer_of_success_is_one(desk: Desk, envelope: tuple[int, str], kind: type[Exception]) -> None:
    desk.server.envelope = envelope
    with pytest.raises(kind, match="no GPU"):
        desk.submit()


def test_a_failed_task_bills_nothing_and_says_why(desk: Desk) -> None:
    desk.server.error = "CUDA out of memory"
    with pytest.raises(PermanentError, match="CUDA out of memory; nothing is billed"):
        desk.pay()
    assert desk.ledger.entries()[0].state == "released"


def test_a_model_that_was_replaced_is_no_success(desk: Desk) -> None:
    with pytest.raises(PermanentError, match="made it with acestep-v15-turbo, for it has not loaded acestep-v15-base"):
        desk.pay(model="acestep-v15-base")
    assert not desk.target.exists()
    desk.server.hides_model = True
    desk.pay(model="acestep-v15-base")


def test_a_server_that_was_started_anew_gets_the_order_anew(desk: Desk) -> None:
    desk.server.n_looks = 10_000
    with pytest.raises(TransientError, match="is not finished after"):
        desk.pay()
    desk.server.is_new = True
    with pytest.raises(TransientError, match="does not know the task any more"):
        desk.pay()
    desk.server.is_new, desk.server.n_looks = False, 0
    desk.pay()
    assert (desk.target.read_bytes(), len(desk.server.tasks)) == (tune(2.0), 2)


def test_a_job_is_gone_on_with_and_not_ordered_again(desk: Desk) -> None:
    desk.server.n_looks = 10_000
    with pytest.raises(TransientError):
        desk.pay()
    desk.server.n_looks = 0
    desk.pay()
    assert len(desk.server.tasks) == 1


def test_a_file_that_is_named_by_its_path_is_fetched_all_the_same(desk: Desk) -> None:
    desk.server.names_paths = True
    desk.pay()
    assert desk.target.read_bytes() == tune(2.0)


def test_what_is_no_music_is_not_taken_for_it(desk: Desk) -> None:
    desk.server.audio = b"<html>not here</html>"
    with pytest.raises(PermanentError, match="is not audio that can be read"):
        desk.pay()
    assert not desk.target.exists()


def test_it_can_neither_be_searched_nor_stopped(desk: Desk) -> None:
    with pytest.raises(Unknowable):
        desk.vendor().find("key")
    with pytest.raises(PermanentError, match="can not stop a task"):
        desk.vendor().cancel("1")


@pytest.mark.parametrize("result", ['"no list"', "{", "", "[]", '[{"file": ""}]', '[{"status": 1}]', "[7]"], ids=repr)
def test_a_result_that_names_no_file_is_a_failure(desk: Desk, result: str) -> None:
    body = b'{"data": [{"task_id": "t", "status": 1, "result": %s}], "code": 200}'
    quoted = '"' + result.replace('"', '\\"') + '"'
    with FaultyProxy(desk.url, on("/query_result", lambda _r: replaced(body % quoted.encode()))) as proxy:
        look = Desk(desk.server, proxy.url, desk.folder).vendor().look("t")
    assert (look.state, look.is_billed) == ("failed", False)
    assert "names no file" in look.reason


# --- The way there -------------------------------------------------------------------------------------------------


def test_an_answer_that_is_lost_is_ordered_anew_by_the_next_run_only(desk: Desk) -> None:
    """The server can not be asked for an order without its job, and an order of one's own server costs nothing."""
    with FaultyProxy(desk.url, on("/release_task", first(1, LOST_ANSWER))) as proxy:
        behind = Desk(desk.server, proxy.url, desk.folder)
        with pytest.raises(TransientError, match="it costs nothing: run again to order it anew"):
            behind.pay()
        assert len(desk.server.tasks) == 1
        behind.pay()
    assert len(desk.server.tasks) == 2
    assert desk.target.read_bytes() == tune(2.0)


def test_an_answer_that_is_lost_is_held_where_it_costs(desk: Desk) -> None:
    with FaultyProxy(desk.url, on("/release_task", first(1, LOST_ANSWER))) as proxy:
        behind = Desk(desk.server, proxy.url, desk.folder)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="it is not known whether ace_step took the order"):
                behind.pay(estimate_usd=0.05)
    assert len(desk.server.tasks) == 1


@pytest.mark.parametrize("fault", [answered(503), answered(429), cut_off(), wrong_type()], ids=lambda f: f.name)
@pytest.mark.parametrize("path", ["/query_result", "/v1/audio"])
def test_looking_and_fetching_go_on_through_faults(desk: Desk, path: str, fault: Any) -> None:
    with FaultyProxy(desk.url, on(path, first(1, fault))) as proxy:
        behind = Desk(desk.server, proxy.url, desk.folder)
        behind.pay()
        assert proxy.met[fault.name] == 1
    assert (desk.target.read_bytes(), len(desk.server.tasks)) == (tune(2.0), 1)


def test_a_server_that_is_not_there_is_not_submitted(desk: Desk) -> None:
    nowhere = Desk(desk.server, "http://127.0.0.1:9", desk.folder)
    with pytest.raises(NotSubmitted, match="ace_step"):
        nowhere.pay()


def test_without_an_address_it_is_unavailable(desk: Desk) -> None:
    with pytest.raises(Unavailable, match=r"ace_step has no address: set url under \[providers.ace_step\]"):
        AceStepMusic().remote(MODEL, desk.folder)


def test_a_key_is_sent_where_there_is_one_and_shown_nowhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.server.key = KEY
    with pytest.raises(Refused, match="401: Invalid API key"):
        desk.pay()
    monkeypatch.setenv("ACESTEP_API_KEY", KEY)
    desk.pay()
    assert KEY not in caplog.text
    assert not any(KEY.encode() in path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())


def test_it_is_probed_for_nothing(desk: Desk) -> None:
    assert desk.provider.probe() == "ACE-Step API 1.0, with acestep-v15-turbo"
    desk.server.key = KEY
    with pytest.raises(Denied, match="401"):
        desk.provider.probe()
    assert desk.server.tasks == []
