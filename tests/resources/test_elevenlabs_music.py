"""ElevenLabs Music: what is sent, and what is made of every answer, against a strict server of its shape."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.budget import Order
from audio_assets.domain.music_ask import MusicAsk
from audio_assets.domain.rendering import PermanentError, Rendered, Unavailable
from resources.engines.bought_music import is_music
from resources.http_errors import Denied
from resources.ledger import Ledger
from resources.ordered import ordered
from resources.paid_jobs import OutcomeUnknown, Patience, Receipt, pay_once
from resources.paid_vendor import NotSubmitted, PaidVendor, Refused
from resources.song_files import SongReader
from resources.vendors.elevenlabs_music import ElevenLabsMusic
from tests.servers.elevenlabs_music import ElevenLabsMusic as Server
from tests.servers.faulty import LOST_ANSWER, FaultyProxy, answered, cut_off, first, replaced, wrong_type
from tests.servers.serving import serving

pytestmark = pytest.mark.usefixtures("slept_s")

LYRICS = """
[Verse 1]
Lamp on the water
Boat on the sea

Somebody waiting
[Chorus] Come home to me
"""
ASK = MusicAsk("lo-fi hip hop, dusty drums", 6.0, seed=7, bpm=81.6, key="Eb dorian")
SUNG = replace(ASK, lyrics=LYRICS, duration_s=20.0)


@dataclass
class Desk:
    """A server, a provider that is set up for it, and a ledger."""

    server: Server
    url: str
    folder: Path

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.target = self.folder / "music.mp3"

    @property
    def provider(self) -> ElevenLabsMusic:
        return ElevenLabsMusic(url=self.url)

    def vendor(self) -> PaidVendor:
        remote = self.provider.remote("music_v2", self.folder / "answers")
        assert remote is not None
        return remote.vendor

    def pay(self, ask: MusicAsk = ASK, model: str = "music_v2", key: str = "action") -> Receipt:
        request = self.provider.request(model, ask)
        order = Order(key, "music_remix", "night", "", "elevenlabs_music", model, "0.05", request)
        patience = Patience(first_s=0.001, longest_s=0.002, n_fetches=2)
        return pay_once(self.ledger, self.vendor(), order, self.target, verify=is_music, patience=patience)

    def states(self) -> list[str]:
        return [entry.state for entry in self.ledger.entries()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    server = Server(tmp_path / "made.db")
    monkeypatch.setenv("ELEVENLABS_API_KEY", server.key)
    with serving(server.app) as url:
        yield Desk(server, url, tmp_path)


def length_s(path: Path) -> float:
    with SongReader(path) as song:
        return song.facts.duration_s


# --- What is sent --------------------------------------------------------------------------------------------------


def test_a_piece_without_lyrics_is_asked_for_with_a_prompt_and_its_length(desk: Desk) -> None:
    receipt = desk.pay()
    assert desk.server.made == [{
        "model_id": "music_v2", "prompt": "lo-fi hip hop, dusty drums, 82 BPM, in Eb dorian", "music_length_ms": 6000,
        "force_instrumental": True, "output_format": "mp3_44100_128",
    }]  # fmt: skip
    assert length_s(desk.target) == pytest.approx(6.0, abs=0.1)
    assert (receipt.cost_usd, receipt.is_estimate, desk.states()) == (0.05, True, ["settled"])


def test_lyrics_are_asked_for_in_sections_that_last_what_was_asked(desk: Desk) -> None:
    desk.pay(SUNG)
    (made,) = desk.server.made
    assert (made["seed"], "prompt" in made) == (7, False)
    chunks = made["composition_plan"]["chunks"]
    assert [one["text"] for one in chunks] == [
        "[Verse 1]\nLamp on the water\nBoat on the sea", "[Part 2]\nSomebody waiting", "[Chorus]\nCome home to me",
    ]  # fmt: skip
    assert [one["duration_ms"] for one in chunks] == [10_000, 5_000, 5_000]
    assert chunks[0]["positive_styles"] == ["lo-fi hip hop", "dusty drums", "82 BPM", "in Eb dorian"]
    assert length_s(desk.target) == pytest.approx(20.0, abs=0.1)


def test_the_first_model_has_a_plan_of_its_own_shape(desk: Desk) -> None:
    desk.pay(SUNG, "music_v1")
    plan = desk.server.made[0]["composition_plan"]
    assert plan["positive_global_styles"][0] == "lo-fi hip hop"
    assert [(one["section_name"], one["lines"]) for one in plan["sections"]] == [
        ("Verse 1", ["Lamp on the water", "Boat on the sea"]), ("Part 2", ["Somebody waiting"]),
        ("Chorus", ["Come home to me"]),
    ]  # fmt: skip


@pytest.mark.parametrize("output_format", ["opus_48000_128", "mp3_48000_192"])
def test_a_format_that_can_be_read_may_be_chosen(desk: Desk, output_format: str) -> None:
    provider = ElevenLabsMusic(url=desk.url, output_format=output_format)
    desk.vendor().submit(provider.request("music_v2", ASK), "one", {})
    desk.vendor().fetch("one", desk.target)
    assert length_s(desk.target) == pytest.approx(6.0, abs=0.1)
    assert desk.server.made[0]["output_format"] == output_format


@pytest.mark.parametrize(
    ("ask", "settings", "says"),
    [
        (ASK, {"output_format": "pcm_44100"}, 'output_format "pcm_44100" can not be read here'),
        (
            replace(ASK, prompt="dusty drums, " * 400),
            {},
            "takes 4100 letters of a prompt, not 5222: shorten",
        ),
        (replace(SUNG, seed=2**31), {}, "takes seeds up to 2147483647"),
        (replace(SUNG, duration_s=8.0), {}, "3 sections of at least 3 s each, which do not fit into 8 s"),
        (replace(SUNG, lyrics="la " * 80), {}, "200 letters a line: part"),
        (replace(SUNG, lyrics="[a] la\n" * 31, duration_s=300.0), {}, "takes 30 sections of lyrics, and there are 31"),
    ],
)
def test_what_it_can_not_take_is_not_sent(ask: MusicAsk, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        ElevenLabsMusic(**settings).request("music_v2", ask)


def test_a_model_that_it_has_not_is_one_sentence(desk: Desk) -> None:
    with pytest.raises(ValueError, match='has no model "v3": use music_v2 or music_v2_5 or music_v1'):
        desk.provider.capabilities("v3")
    assert len({str(desk.provider.identity(model)) for model in desk.provider.models()}) == 3
    assert desk.provider.identity("music_v2") == ElevenLabsMusic().identity("music_v2")


def test_the_id_of_the_request_is_kept_with_what_it_made_also_by_the_next_process(desk: Desk) -> None:
    ordered_s = []
    for _ in ("the one that ordered", "one that finds the answer kept"):
        remote = desk.provider.remote("music_v2", desk.folder / "answers")
        assert remote is not None
        request = desk.provider.request("music_v2", ASK)
        order = Order("action", "music_remix", "night", "", "elevenlabs_music", "music_v2", "0.05", request)
        ordered_s.append(ordered(desk.ledger, remote, order, {}, desk.target, lambda _: Rendered({}), is_music))
    assert [one.facts["request_ids"] for one in ordered_s] == [["req-1"], ["req-1"]]
    assert len(desk.server.made) == 1


# --- What is answered ----------------------------------------------------------------------------------------------


def test_a_prompt_that_is_refused_costs_nothing_and_brings_a_suggestion(desk: Desk) -> None:
    with pytest.raises(Refused) as error:
        desk.pay(replace(ASK, prompt="like the Beatles"))
    said = str(error.value)
    assert said.startswith("elevenlabs_music refuses the request (bad_prompt): Your request may violate")
    assert "it suggests: A 1960s British beat band" in said
    assert said.endswith("change the prompt of the style, mood_tags or lyrics")
    assert (desk.states(), desk.server.made) == (["released"], [])
    with pytest.raises(Refused, match=r"bad_composition_plan\): Your request may violate.*change the prompt"):
        desk.pay(replace(SUNG, prompt="like the Beatles"))


def test_a_wrong_field_is_named(desk: Desk) -> None:
    sent = {**desk.provider.request("music_v2", ASK), "seed": 1}
    with pytest.raises(Refused, match=r"refuses the request \(422\): body: has the fields"):
        desk.vendor().submit(sent, "one", {})


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b'{"detail": "no"}', b'{"detail": [3]}', b'{"detail": {}}'])
def test_a_refusal_of_any_shape_is_one_sentence(desk: Desk, body: bytes) -> None:
    with FaultyProxy(desk.url, first(1, answered(422, body))) as proxy, pytest.raises(Refused) as error:
        Desk(desk.server, proxy.url, desk.folder).pay()
    assert str(error.value).startswith("elevenlabs_music refuses the request (422): ")
    assert "\n" not in str(error.value)


def test_too_many_at_once_is_asked_again_and_then_not_submitted(desk: Desk) -> None:
    desk.server.n_busy = 2
    desk.pay()
    assert len(desk.server.made) == 1
    desk.server.n_busy = 100
    with pytest.raises(NotSubmitted, match="429: Too many concurrent requests"):
        desk.pay(key="another")
    assert (len(desk.server.made), desk.states()) == (1, ["settled", "released"])


def test_an_account_that_may_not_is_refused(desk: Desk) -> None:
    desk.server.plan = ""
    with pytest.raises(Refused, match="402: The music API needs a paid plan"):
        desk.pay()


def test_the_same_order_is_paid_once_and_read_again_from_what_was_kept(desk: Desk) -> None:
    desk.pay()
    sound = desk.target.read_bytes()
    desk.target.unlink()
    desk.pay()
    assert (desk.target.read_bytes(), len(desk.server.made)) == (sound, 1)


@pytest.mark.parametrize("fault", [LOST_ANSWER, cut_off(), wrong_type(), answered(502)], ids=lambda fault: fault.name)
def test_an_answer_that_did_not_come_whole_is_not_ordered_again(desk: Desk, fault: Any) -> None:
    with FaultyProxy(desk.url, first(1, fault)) as proxy:
        behind = Desk(desk.server, proxy.url, desk.folder)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="not known whether elevenlabs_music took the order"):
                behind.pay()
        assert proxy.n_requests == 1
    assert (desk.states(), list((desk.folder / "answers").iterdir())) == (["unknown"], [])


def test_an_error_of_its_own_made_nothing(desk: Desk) -> None:
    own = answered(500, b'{"detail": {"status": "internal_error", "message": "sorry"}}')
    with FaultyProxy(desk.url, first(100, own)) as proxy, pytest.raises(NotSubmitted, match="500: sorry"):
        Desk(desk.server, proxy.url, desk.folder).pay()
    assert desk.states() == ["released"]


def test_what_is_no_music_is_not_taken_for_it(desk: Desk) -> None:
    with (
        FaultyProxy(desk.url, first(1, replaced(b"not a sound"))) as proxy,
        pytest.raises(PermanentError, match="is not audio that can be read"),
    ):
        Desk(desk.server, proxy.url, desk.folder).pay()
    assert not desk.target.exists()


# --- The key -------------------------------------------------------------------------------------------------------


def test_without_a_key_it_is_unavailable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY")
    with pytest.raises(Unavailable, match="needs a key: set ELEVENLABS_API_KEY in the environment"):
        desk.vendor()


def test_a_wrong_key_is_refused_and_the_key_shown_nowhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.pay()
    monkeypatch.setenv("ELEVENLABS_API_KEY", "another-key-for-tests")
    with pytest.raises(Refused, match="401: Invalid API key"):
        desk.pay(key="another")
    with pytest.raises(Denied, match="401"):
        desk.provider.probe()
    for key in (desk.server.key, "another-key-for-tests"):
        assert key not in caplog.text
        assert not any(key.encode() in path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())


def test_it_is_probed_for_nothing(desk: Desk) -> None:
    assert desk.provider.probe() == "plan creator, 900 of 100000 credits used"
    assert desk.server.made == []
