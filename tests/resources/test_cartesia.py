"""Cartesia against a server of its documents: as a run orders lines, and directly."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from audio_assets.domain.rendering import PermanentError, Unavailable
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.voices import parse_voice_mix
from resources.http_client import client_of
from resources.http_errors import Denied
from resources.ledger_rows import AlreadyPaid
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import NotSubmitted, Refused
from resources.vendors.cartesia import CartesiaSpeech
from tests.servers.cartesia import VOICE, Cartesia
from tests.servers.orders import Orders
from tests.servers.serving import serving
from tests.servers.voices import said
from tests.speech_desk import SpeechDesk

pytestmark = pytest.mark.usefixtures("slept_s")

OTHER = "a0e99841-438c-4a64-b679-ae501e7d6091"
TEXT = "“Map it,” said Dr. Smith in 1984."
LINE = SpeechRequest(TEXT, "en", ((VOICE, 1.0),))
WORDS = ["Map", "it", "said", "Dr.", "Smith", "in", "1984"]


@dataclass
class House:
    """A server, and the provider that is set up for it."""

    server: Cartesia
    desk: SpeechDesk
    url: str

    def provider(self, **settings: object) -> CartesiaSpeech:
        return CartesiaSpeech(url=self.url, **settings)

    def order(self, line: SpeechRequest = LINE, **settings: object) -> Speech:
        return self.desk.order(self.provider(**settings), line)

    @property
    def sent(self) -> dict[str, object]:
        """The last body that was taken."""
        return self.server.orders.all[-1]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    server = Cartesia(Orders(tmp_path / "cartesia.db"))
    monkeypatch.setenv("CARTESIA_API_KEY", server.key)
    with serving(server.app) as url:
        yield House(server, SpeechDesk(tmp_path), url)
    client_of.cache_clear()


def test_a_streamed_line_comes_with_the_words_of_its_text_and_their_phonemes(house: House) -> None:
    speech = house.order()
    true = said(TEXT, "en", 44_100)
    assert np.array_equal(speech.pcm, true.pcm)
    assert (speech.sample_rate_hz, speech.notes) == (44_100, ())
    timeline = speech.timeline
    assert timeline is not None
    assert [word.word for word in timeline.words] == WORDS
    assert [w.t_start for w in timeline.words] == pytest.approx([start for _, start, _ in true.words], abs=0.001)
    assert [p.t_start for p in timeline.phonemes] == pytest.approx([start for _, start, _ in true.phones], abs=0.001)
    assert [p.phoneme for p in timeline.phonemes] == [p for p, _, _ in true.phones]
    assert timeline.faults() == []
    entry = house.desk.entry
    assert (entry.state, entry.actual_micro) == ("settled", 20_000)
    assert (entry.provider, entry.model) == ("cartesia", "sonic-3.5-2026-05-04")


def test_what_is_sent_is_what_the_documents_say(house: House) -> None:
    house.order()
    assert house.sent == {
        "model_id": "sonic-3.5-2026-05-04", "transcript": TEXT, "voice": VOICE, "language": "en",
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 44_100},
        "add_timestamps": True, "add_phoneme_timestamps": True,
    }  # fmt: skip
    house.desk.order(
        house.provider(volume=1.5, pronunciation_dict_id="d-1"),
        replace(LINE, lang="en-gb", speed=0.8, style="Excited"), key="line-2",
    )  # fmt: skip
    assert house.sent["locale"] == "en-GB"
    assert "language" not in house.sent
    assert house.sent["generation_config"] == {"speed": 0.8, "volume": 1.5, "emotion": "excited"}
    assert house.sent["pronunciation_dict_id"] == "d-1"


def test_an_old_version_of_the_api_is_asked_in_its_own_way(house: House) -> None:
    assert house.order(replace(LINE, lang="en-gb"), version="2026-03-01").timeline is not None
    assert (house.sent["voice"], house.sent["language"]) == ({"mode": "id", "id": VOICE}, "en")
    assert "locale" not in house.sent


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"])
@pytest.mark.parametrize("has_times", [True, False])
def test_every_encoding_is_heard_alike(house: House, encoding: str, has_times: bool) -> None:
    speech = house.order(encoding=encoding, has_times=has_times, sample_rate_hz=24_000)
    true = said(TEXT, "en", 24_000).pcm.astype(int)
    assert len(speech.pcm) == len(true)
    assert np.abs(speech.pcm - true).max() <= (520 if "law" in encoding else 1)
    assert (speech.timeline is not None) == has_times


def test_a_whole_file_has_no_times_and_tells_the_studio_so(house: House) -> None:
    assert house.order(has_times=False).timeline is None
    assert house.sent["output_format"] == {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 44_100}
    times = [(house.provider(has_times=one).has_timing, house.provider(has_times=one).timing) for one in (True, False)]
    assert times == [(True, "phonemes"), (False, "")]


def test_a_file_of_unknown_length_is_put_right_with_a_note(house: House) -> None:
    house.server.fault = "streamed sizes"
    speech = house.order(has_times=False)
    assert np.array_equal(speech.pcm, said(TEXT, "en", 44_100).pcm)
    assert "did not say how long it is" in speech.notes[0]


def test_a_language_without_phonemes_still_tells_its_words(house: House) -> None:
    house.server.tells_phonemes = False
    timeline = house.order(replace(LINE, text="Guten Tag, schöne Welt.", lang="de")).timeline
    assert timeline is not None
    assert ([word.word for word in timeline.words], timeline.phonemes) == (["Guten", "Tag", "schöne", "Welt"], ())


def test_the_lexicon_is_written_in_the_vendors_notation_and_the_words_stay_those_of_the_text(house: House) -> None:
    line = replace(
        LINE, text="Ask Cartesia about GIF files.", pronunciations=(("cartesia", "/kɑɹˈtiʒə/"), ("GIF", "jif"))
    )
    timeline = house.order(line).timeline
    assert house.sent["transcript"] == "Ask <<k|ɑ|ɹ|ˈ|t|i|ʒ|ə>> about jif files."
    assert timeline is not None
    assert [word.word for word in timeline.words] == ["Ask", "Cartesia", "about", "GIF", "files"]


def test_a_style_that_is_no_emotion_is_left_out_and_said(house: House) -> None:
    assert "'like a pirate' is no emotion" in house.order(replace(LINE, style="like a pirate")).notes[0]
    assert "generation_config" not in house.sent


def test_voices_are_ids_and_a_cast_may_name_them(house: House) -> None:
    voices = house.provider().voices()
    assert parse_voice_mix("katie", voices, {"katie": VOICE}) == ((VOICE, 1.0),)
    assert VOICE in voices
    assert "katie" not in voices
    assert "af_heart" not in voices


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (replace(LINE, voice=((VOICE, 0.5), (OTHER, 0.5))), f"can not mix voices: name one of {VOICE}, {OTHER}"),
        (replace(LINE, speed=1.6), "at speeds from 0.6 to 1.5, not at 1.6"),
        (replace(LINE, speed=0.5), "at speeds from 0.6 to 1.5, not at 0.5"),
        (replace(LINE, text="…!"), "nothing to speak"),
    ],
)
def test_what_it_can_not_speak_is_said_before_anything_is_sent(house: House, line: SpeechRequest, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        house.order(line)
    assert (house.server.n_asked, house.desk.entries) == (0, ())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"encoding": "mp3"}, 'does not write "mp3": set encoding to one of pcm_s16le'),
        ({"sample_rate_hz": 32_000}, "does not write 32000 Hz"),
        ({"volume": 3.0}, "no volume 3"),
        ({"version": "latest"}, 'no version "latest"'),
    ],
)
def test_a_setting_that_it_would_refuse_each_time_is_named(
    house: House, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(Unavailable, match=says):
        house.order(**settings)


def test_without_a_key_it_can_not_be_asked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARTESIA_API_KEY")
    with pytest.raises(Unavailable, match="set CARTESIA_API_KEY in the environment"):
        house.order()


# --- What goes wrong: one sentence, no artifact, and the right state of the money ------------------------------------


@pytest.mark.parametrize("fault", ["first event is an error", "error in the middle", "own 500"])
def test_an_error_of_the_vendors_own_costs_nothing(house: House, fault: str) -> None:
    house.server.fault = fault
    with pytest.raises((Refused, NotSubmitted)) as caught:
        house.order()
    assert "[request id 550e8400-e29b-41d4-a716-446655440000]" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (house.desk.entry.state, house.desk.files, house.server.orders.all) == ("released", set(), [])
    assert list(house.desk.kept.iterdir()) == []
    house.server.fault = ""
    assert house.order().timeline is not None
    assert len(house.server.orders.all) == 1


def test_the_sentence_of_an_error_in_the_middle_is_the_vendors(house: House) -> None:
    house.server.fault = "error in the middle"
    with pytest.raises(Refused, match=r"cartesia: POST /tts/sse was answered 400: Blocked: This text is not allowed."):
        house.order()


@pytest.mark.parametrize("fault", ["stream ends early", "connection breaks", "no JSON in an event", "gateway"])
def test_an_answer_that_is_lost_keeps_its_hold_and_is_not_paid_again(house: House, fault: str) -> None:
    house.server.fault = fault
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="it is not known whether cartesia took the order"):
            house.order()
    assert (house.desk.entry.state, house.desk.files) == ("unknown", set())
    assert len(house.server.orders.all) == (0 if fault == "gateway" else 1)


@pytest.mark.parametrize(
    ("fault", "settings", "says"),
    [
        ("other rate", {"has_times": False}, "44100 Hz were ordered, and the WAV file has 22050 Hz"),
        ("mulaw instead", {"has_times": False}, "pcm_s16le was ordered, and the WAV file holds pcm_mulaw"),
        ("empty", {"has_times": False}, "holds no sample"),
        ("cut off", {"has_times": False}, "the WAV file is cut off: its header promises"),
        ("not a number", {"has_times": False, "encoding": "pcm_f32le"}, "is no number"),
        ("empty", {}, r"empty \(0 bytes\)"),
        ("cut off", {}, "the audio is cut off: it lasts .* s, and its last word ends at"),
        ("late times", {}, "the audio is cut off"),
        ("no base64", {}, "no base64"),
    ],
)
def test_what_breaks_the_contract_was_paid_and_is_no_artifact(
    house: House, fault: str, settings: dict[str, object], says: str
) -> None:
    house.server.fault = fault
    with pytest.raises(PermanentError, match=says) as caught:
        house.order(**settings)
    assert "was paid ($0.02, entry 1" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (house.desk.entry.state, house.desk.files, house.desk.slept_s) == ("settled", set(), [])
    with pytest.raises((PermanentError, AlreadyPaid), match="budget again 1"):
        house.order(**settings)
    assert len(house.server.orders.all) == 1


def test_an_answer_of_another_type_may_have_been_billed(house: House) -> None:
    house.server.fault = "web page"
    with pytest.raises(OutcomeUnknown, match="text/html instead of audio/"):
        house.order(has_times=False)


@pytest.mark.parametrize(
    ("fault", "says"), [("words of another text", "not those of the text"), ("uneven times", "starts and")]
)
def test_times_that_do_not_fit_are_left_to_an_aligner(house: House, fault: str, says: str) -> None:
    house.server.fault = fault
    speech = house.order(replace(LINE, text="The birch canoe slid on the smooth planks."))
    assert speech.timeline is None
    assert says in speech.notes[0]


@pytest.mark.parametrize(
    ("settings", "line", "says"),
    [
        ({"model": "sonic-9"}, LINE, "Invalid request: unknown model (model_not_found)"),
        ({}, replace(LINE, text="a blocked line"), "This text is not allowed. (content_blocked)"),
        (
            {"version": "2025-04-16"},
            replace(LINE, text="a blocked line"),
            "400: Invalid request: This text is not allowed.",
        ),
        ({"version": "2023-01-01"}, LINE, "must be a known date"),
    ],
)
def test_a_refusal_is_told_in_the_vendors_words_in_both_shapes(
    house: House, settings: dict[str, object], line: SpeechRequest, says: str
) -> None:
    with pytest.raises(Refused) as caught:
        house.order(line, **settings)
    assert says in str(caught.value)
    assert (house.desk.entry.state, house.server.orders.all) == ("released", [])


def test_too_many_at_once_is_asked_again_and_in_the_end_released(house: House, slept_s: list[float]) -> None:
    house.server.n_busy = 2
    assert house.order().timeline is not None
    assert (house.server.n_asked, len(house.server.orders.all)) == (3, 1)
    assert [round(one, 3) for one in slept_s[:2]] == pytest.approx([0.02, 0.02], abs=0.3)
    house.server.n_busy = 99
    with pytest.raises(NotSubmitted, match="Too many concurrent requests: Your plan allows 2 at once"):
        house.desk.order(house.provider(), LINE, key="line-2")
    assert house.desk.entry.state == "released"


def test_a_wrong_key_is_refused_and_never_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARTESIA_API_KEY", "sk_car_wrong_key")
    with pytest.raises(Refused, match="Invalid API key") as caught:
        house.order()
    assert "sk_car_wrong_key" not in str(caught.value) + str(house.desk.entry)


def test_a_line_is_paid_once_and_picked_up_where_it_is_kept(house: House) -> None:
    first = house.order()
    house.desk.target.unlink()
    assert np.array_equal(house.order().pcm, first.pcm)
    assert len(house.server.orders.all) == 1


def test_the_probe_needs_the_key_and_costs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert house.provider().probe() == "the key is good; API 2026-08-14, sonic-3.5-2026-05-04"
    monkeypatch.setenv("CARTESIA_API_KEY", "sk_car_wrong_key")
    with pytest.raises(Denied, match="Invalid API key"):
        house.provider().probe()
    assert house.server.orders.all == []


def test_whatever_decides_the_bytes_is_in_the_identity_and_no_address_is(house: House) -> None:
    base = house.provider()
    changed = [
        house.provider(model="sonic-3"), house.provider(version="2026-03-01"), house.provider(has_times=False),
        house.provider(encoding="pcm_alaw"), house.provider(sample_rate_hz=8_000), house.provider(volume=0.5),
        house.provider(pronunciation_dict_id="d-1"),
    ]  # fmt: skip
    assert all(one.identity(LINE) != base.identity(LINE) for one in changed)
    assert house.url not in str(base.identity(LINE))
    assert CartesiaSpeech(url="https://elsewhere.example", called="second").identity(LINE) == base.identity(LINE)
    assert "licence" in base.identity(LINE)
    assert base.about().capability == "speech"
