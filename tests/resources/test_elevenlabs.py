"""ElevenLabs' speech and alignment against a server of its documents: as a run orders them, and directly."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from audio_assets.domain.artifacts import wav_bytes
from audio_assets.domain.budget import Order
from audio_assets.domain.rendering import PermanentError, Unavailable
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.speech import Speech, SpeechRequest
from resources.http_client import client_of
from resources.http_errors import Denied
from resources.paid_jobs import OutcomeUnknown, pay_once
from resources.paid_vendor import NotSubmitted, Refused
from resources.vendors.elevenlabs import ElevenLabsAligner, ElevenLabsSpeech
from tests.servers.elevenlabs import VOICE, ElevenLabs
from tests.servers.orders import Orders
from tests.servers.serving import serving
from tests.servers.voices import said
from tests.speech_desk import SpeechDesk

pytestmark = pytest.mark.usefixtures("slept_s")

TEXT = "“Map it,” said Dr. Smith in 1984."
LINE = SpeechRequest(TEXT, "en", ((VOICE, 1.0),), seed=7)
WORDS = ["Map", "it", "said", "Dr.", "Smith", "in", "1984"]
PLANKS = "The birch canoe slid on the smooth planks."


@dataclass
class House:
    """A server, and the providers that are set up for it."""

    server: ElevenLabs
    desk: SpeechDesk
    url: str

    def speech(self, **settings: object) -> ElevenLabsSpeech:
        return ElevenLabsSpeech(url=self.url, **settings)

    def order(self, line: SpeechRequest = LINE, **settings: object) -> Speech:
        return self.desk.order(self.speech(**settings), line)

    def align(self, text: str, lang: str = "en") -> AlignmentRecord:
        """The alignment of espeak's speech with `text`, ordered through the ledger."""
        spoken = said(text, lang, 22_050)
        aligner, audio = ElevenLabsAligner(url=self.url), self.desk.folder / "out.wav"
        audio.write_bytes(wav_bytes(spoken.pcm, 22_050))
        remote = aligner.remote(self.desk.kept)
        assert remote is not None
        order = Order("a-1", "alignment", "play", "", remote.provider, remote.model, 0.01, aligner.request(text, lang))
        found: list[AlignmentRecord] = []

        def verify(answer: Path) -> None:
            found.append(aligner.read(answer, spoken.pcm, 22_050, text, lang))

        pay_once(
            self.desk.ledger, remote.vendor, order, self.desk.target, files={"audio": audio}, verify=verify,
            patience=remote.patience,
        )  # fmt: skip
        return found[-1]

    @property
    def sent(self) -> dict[str, object]:
        """The last order that was taken."""
        return self.server.orders.all[-1]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    server = ElevenLabs(Orders(tmp_path / "eleven.db"))
    monkeypatch.setenv("ELEVENLABS_API_KEY", server.key)
    with serving(server.app) as url:
        yield House(server, SpeechDesk(tmp_path), url)
    client_of.cache_clear()


# --- Speech ----------------------------------------------------------------------------------------------------------


def test_a_line_comes_with_the_words_of_its_text(house: House) -> None:
    speech = house.order()
    true = said(TEXT, "en", 24_000)
    assert np.array_equal(speech.pcm, true.pcm)
    assert (speech.sample_rate_hz, speech.notes) == (24_000, ())
    timeline = speech.timeline
    assert timeline is not None
    assert [word.word for word in timeline.words] == WORDS
    # Its characters count the marks too: words begin and end with their letters.
    assert [w.t_start for w in timeline.words] == pytest.approx([start for _, start, _ in true.words], abs=0.08)
    assert (timeline.phonemes, timeline.faults()) == ((), [])
    assert (house.speech().timing, house.speech().has_timing) == ("words", False)
    assert (house.desk.entry.state, house.desk.entry.provider) == ("settled", "elevenlabs")


def test_what_is_sent_is_what_the_documents_say(house: House) -> None:
    house.order()
    assert house.sent == {
        "voice": VOICE, "output_format": "wav_24000", "text": TEXT, "model_id": "eleven_multilingual_v2", "seed": 7,
    }  # fmt: skip
    provider = house.speech(model="eleven_flash_v2_5", output_format="pcm_16000")
    house.desk.order(provider, replace(LINE, lang="en-gb", speed=0.8, seed=2**32 + 1), key="line-2")
    assert house.sent == {
        "voice": VOICE, "output_format": "pcm_16000", "text": TEXT, "model_id": "eleven_flash_v2_5", "seed": 1,
        "language_code": "en", "voice_settings": {"speed": 0.8},
    }  # fmt: skip


@pytest.mark.parametrize("output_format", ["wav_44100", "pcm_22050", "ulaw_8000", "alaw_8000"])
def test_every_format_is_heard_alike(house: House, output_format: str) -> None:
    rate_hz = int(output_format.partition("_")[2])
    speech = house.order(output_format=output_format)
    true = said(TEXT, "en", rate_hz).pcm.astype(int)
    assert len(speech.pcm) == len(true)
    assert np.abs(speech.pcm - true).max() <= (520 if "law" in output_format else 0)


def test_the_lexicon_is_spoken_as_far_as_the_model_can_be_told(house: House) -> None:
    line = replace(LINE, text="Ask Nguyen about GIF files.", pronunciations=(("nguyen", "/wɪn/"), ("GIF", "jif")))
    speech = house.order(line)
    assert house.sent["text"] == "Ask Nguyen about jif files."
    assert speech.notes == ("elevenlabs can not be told IPA here: 'Nguyen' is spoken as it is spelled",)
    told = house.desk.order(house.speech(model="eleven_flash_v2"), line, key="line-2")
    assert house.sent["text"] == 'Ask <phoneme alphabet="ipa" ph="wɪn">Nguyen</phoneme> about jif files.'
    assert told.notes == ()
    for one in (speech, told):
        assert one.timeline is not None
        assert [word.word for word in one.timeline.words] == ["Ask", "Nguyen", "about", "GIF", "files"]


def test_a_style_that_nobody_reads_is_said(house: House) -> None:
    assert house.order(replace(LINE, style="sad")).notes == ("elevenlabs takes no style: 'sad' was not used",)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (replace(LINE, voice=((VOICE, 0.5), ("EXAVITQu4vr4xnSDxMaL", 0.5))), "can not mix voices"),
        (replace(LINE, text="ask " * 2501), "takes 10000 characters at once, and this line has 10004: divide it"),
        (replace(LINE, speed=1.3), "at speeds from 0.7 to 1.2, not at 1.3"),
        (replace(LINE, text="..."), "nothing to speak"),
    ],
)
def test_what_it_can_not_speak_is_said_before_anything_is_sent(house: House, line: SpeechRequest, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        house.order(line)
    assert (house.server.n_asked, house.desk.entries) == (0, ())


def test_voices_are_ids_and_a_format_that_can_not_be_read_is_named(house: House) -> None:
    assert VOICE in house.speech().voices()
    assert "Rachel" not in house.speech().voices()
    with pytest.raises(Unavailable, match='can not be heard as "mp3_44100_128" here: set output_format to wav_24000'):
        house.order(output_format="mp3_44100_128")


@pytest.mark.parametrize(
    ("fault", "output_format", "says"),
    [
        ("other rate", "wav_24000", "24000 Hz were ordered, and the WAV file has 16000 Hz"),
        ("mulaw instead", "wav_24000", "pcm_s16le was ordered, and the WAV file holds pcm_mulaw"),
        ("empty", "wav_24000", "empty: it holds no sample"),
        ("empty", "pcm_24000", "empty"),
        ("cut off", "wav_24000", "the WAV file is cut off"),
        ("cut off", "pcm_24000", "cut off inside a sample"),
        ("half of it", "pcm_24000", "the audio is cut off: it lasts"),
        ("no base64", "wav_24000", "no base64"),
    ],
)
def test_sound_that_was_not_ordered_is_no_artifact(house: House, fault: str, output_format: str, says: str) -> None:
    house.server.fault = fault
    with pytest.raises(PermanentError, match=says) as caught:
        house.order(output_format=output_format)
    assert "\n" not in str(caught.value)
    assert (house.desk.entry.state, house.desk.files, house.desk.slept_s) == ("settled", set(), [])
    with pytest.raises(PermanentError, match="budget again 1"):
        house.order(output_format=output_format)
    assert len(house.server.orders.all) == 1


def test_a_file_of_unknown_length_is_put_right_with_a_note(house: House) -> None:
    house.server.fault = "streamed sizes"
    assert "did not say how long it is" in house.order().notes[0]


@pytest.mark.parametrize(
    ("fault", "says"), [("no times", "it told no times of this line"), ("uneven times", "starts, ")]
)
def test_times_that_do_not_fit_are_left_to_an_aligner(house: House, fault: str, says: str) -> None:
    house.server.fault = fault
    speech = house.order(replace(LINE, text=PLANKS))
    assert (speech.timeline, says in str(speech.notes)) == (None, True)


@pytest.mark.parametrize(
    ("settings", "line", "says"),
    [
        ({"model": "eleven_v9"}, LINE, "422: body.model_id: A model with this id does not exist"),
        ({}, replace(LINE, text="a forbidden line"), r"Your request violates our terms. \(content_against_policy\)"),
        ({}, replace(LINE, voice=(("EXAVITQu4vr4xnSDxMaL", 1.0),)), r"was not found. \(voice_not_found\)"),
    ],
)
def test_a_refusal_is_told_in_the_vendors_words(
    house: House, settings: dict[str, object], line: SpeechRequest, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        house.order(line, **settings)
    assert (house.desk.entry.state, house.server.orders.all) == ("released", [])


def test_a_failure_of_its_own_made_nothing_and_a_gateways_may_have(house: House) -> None:
    house.server.fault = "own 500"
    with pytest.raises(NotSubmitted, match=r"Something went wrong \(internal_server_error\) \[request id r-eleven-1\]"):
        house.order()
    assert house.desk.entry.state == "released"
    house.server.fault = "gateway"
    with pytest.raises(OutcomeUnknown, match="504 Gateway Timeout"):
        house.order()
    assert (house.desk.entry.state, house.desk.files) == ("unknown", set())


@pytest.mark.parametrize("status", ["too_many_concurrent_requests", "system_busy"])
def test_too_many_at_once_is_asked_again_and_in_the_end_released(house: House, status: str) -> None:
    house.server.busy = [status]
    house.order()
    assert (house.server.n_asked, len(house.server.orders.all)) == (2, 1)
    house.server.busy = [status] * 99
    with pytest.raises(NotSubmitted, match=status):
        house.desk.order(house.speech(), LINE, key="line-2")
    assert house.desk.entry.state == "released"


def test_a_wrong_key_is_refused_and_never_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert house.speech().probe() == "plan creator, 1200 of 100000 credits used"
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk_eleven_wrong")
    with pytest.raises(Refused, match="Invalid API key") as caught:
        house.order()
    assert "sk_eleven_wrong" not in str(caught.value) + str(house.desk.entry)
    with pytest.raises(Denied, match="Invalid API key"):
        ElevenLabsAligner(url=house.url).probe()
    monkeypatch.delenv("ELEVENLABS_API_KEY")
    with pytest.raises(Unavailable, match="set ELEVENLABS_API_KEY"):
        house.order()


# --- Alignment -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lang", "phones"),
    [
        ("Map it, Dr. Smith.", "en", "m æ p ɪ t d ɑ k t ɝ s m ɪ θ"),
        ("Guten Tag, schöne Welt.", "de", "ɡ u t ə n t ɑ k ʃ ø n ə v ɛ l t"),
    ],
)
def test_an_alignment_has_the_texts_words_and_their_phonemes(house: House, text: str, lang: str, phones: str) -> None:
    record = house.align(text, lang)
    spoken = said(text, lang, 22_050)
    timeline = record.timeline
    assert [word.word for word in timeline.words] == [
        word.strip(".,") if word != "Dr." else word for word in text.split()
    ]
    assert [w.t_start for w in timeline.words] == pytest.approx([start for _, start, _ in spoken.words], abs=0.08)
    assert " ".join(phone.phoneme for phone in timeline.phonemes) == phones
    assert (timeline.faults(), record.source) == ([], "elevenlabs_alignment words + phones")
    assert record.confidence == pytest.approx(np.exp(-0.1))
    assert house.sent == {"text": text, "n_samples": len(spoken.pcm), "rate_hz": 22_050}
    assert (house.desk.entry.state, house.desk.entry.model) == ("settled", "forced-alignment")


def test_a_text_that_is_hardly_there_has_little_confidence(house: House) -> None:
    house.server.loss = 5.0
    assert house.align(PLANKS).confidence == pytest.approx(np.exp(-5.0))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("late times", "the audio is cut off"),
        ("no words", "the answer has no words"),
        ("words of another text", "not those of the text"),
    ],
)
def test_an_alignment_that_does_not_fit_is_no_artifact(house: House, fault: str, says: str) -> None:
    house.server.fault = fault
    with pytest.raises(PermanentError, match=says):
        house.align(PLANKS)
    assert (house.desk.entry.state, house.desk.files) == ("settled", set())


def test_a_loss_that_is_none_is_refused(house: House) -> None:
    house.server.loss = -1.0
    with pytest.raises(PermanentError, match=r"its loss is -1\.0"):
        house.align(PLANKS)


def test_whatever_decides_is_in_the_identity_and_no_address_is() -> None:
    base = ElevenLabsSpeech()
    changed = [ElevenLabsSpeech(model="eleven_v3"), ElevenLabsSpeech(output_format="pcm_24000")]
    assert len({str(one.identity(LINE)) for one in (base, *changed)}) == 3
    elsewhere = ElevenLabsSpeech(url="https://elsewhere.example", called="second")
    assert elsewhere.identity(LINE) == base.identity(LINE)
    assert ElevenLabsAligner(url="https://elsewhere.example").identity() == ElevenLabsAligner().identity()
    assert "phones recipe" in ElevenLabsAligner().identity()
    assert {"en", "fr", "ja"} <= ElevenLabsAligner().languages()
    assert ElevenLabsAligner().about().capability == "alignment"
