"""Servers of OpenAI's speech shape, each flavour against a server of its own documents."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from audio_assets.domain.rendering import PermanentError, Unavailable
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.voices import parse_voice_mix
from resources.http_client import client_of
from resources.http_errors import Denied
from resources.paid_jobs import OutcomeUnknown
from resources.paid_vendor import NotSubmitted, Refused
from resources.vendors.openai_speech import FLAVOURS, OpenAiSpeech
from tests.servers.openai_speech import OpenAiSpeechServer
from tests.servers.orders import Orders
from tests.servers.serving import serving
from tests.servers.voices import said
from tests.speech_desk import SpeechDesk

pytestmark = pytest.mark.usefixtures("slept_s")

TEXT = "“Map it,” said Dr. Smith in 1984."
WORDS = ["Map", "it", "said", "Dr.", "Smith", "in", "1984"]
VOICES = {"openai": "nova", "kokoro_fastapi": "af_heart", "vllm_omni": "vivian", "localai": "narrator"}
SERVERS = [*FLAVOURS]


def line(flavour: str, **changes: object) -> SpeechRequest:
    return replace(SpeechRequest(TEXT, "en", ((VOICES[flavour], 1.0),)), **changes)


@dataclass
class House:
    """Servers of all flavours, started when they are asked for."""

    folder: Path
    desk: SpeechDesk
    stack: ExitStack
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.servers: dict[str, tuple[OpenAiSpeechServer, str]] = {}

    def server(self, flavour: str) -> OpenAiSpeechServer:
        if flavour not in self.servers:
            made = OpenAiSpeechServer(Orders(self.folder / f"{flavour}.db"), flavour)
            if flavour == "openai":
                made.key = "sk-test-of-openai"
                self.monkeypatch.setenv("OPENAI_API_KEY", made.key)
            self.servers[flavour] = made, self.stack.enter_context(serving(made.app))
        return self.servers[flavour][0]

    def provider(self, flavour: str, **settings: object) -> OpenAiSpeech:
        self.server(flavour)
        return OpenAiSpeech(called=flavour, url=self.servers[flavour][1], **settings)

    def order(self, flavour: str, request: SpeechRequest | None = None, **settings: object) -> Speech:
        return self.desk.order(self.provider(flavour, **settings), request or line(flavour))

    def sent(self, flavour: str) -> dict[str, object]:
        return self.server(flavour).orders.all[-1]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(tmp_path, SpeechDesk(tmp_path), stack, monkeypatch)
    client_of.cache_clear()


@pytest.mark.parametrize(
    ("flavour", "rate_hz", "timing"),
    [
        ("openai", 24_000, ""),
        ("kokoro_fastapi", 24_000, "words"),
        ("vllm_omni", 24_000, "words"),
        ("localai", 22_050, ""),
    ],
)
def test_a_line_comes_whole_with_the_words_that_the_flavour_tells(
    house: House, flavour: str, rate_hz: int, timing: str
) -> None:
    speech = house.order(flavour)
    true = said(TEXT, "en", rate_hz)
    assert np.array_equal(speech.pcm, true.pcm)
    assert speech.sample_rate_hz == rate_hz
    assert (house.provider(flavour).timing, house.provider(flavour).has_timing) == (timing, False)
    if timing:
        assert speech.timeline is not None
        assert [word.word for word in speech.timeline.words] == WORDS
        assert [w.t_start for w in speech.timeline.words] == pytest.approx([a for _, a, _ in true.words], abs=0.001)
        assert (speech.timeline.phonemes, speech.timeline.faults()) == ((), [])
    else:
        assert speech.timeline is None
    is_streamed = flavour in ("openai", "kokoro_fastapi")  # 0xFFFFFFFF for sizes
    assert [("did not say how long it is" in note) for note in speech.notes] == [True] * is_streamed
    assert (house.desk.entry.state, house.desk.entry.provider) == ("settled", flavour)


def test_what_is_sent_is_what_each_flavour_takes(house: House) -> None:
    for flavour in SERVERS:
        house.desk.order(house.provider(flavour), line(flavour, style="Like a pirate", speed=1.25), key=flavour)
    common = {"input": TEXT, "response_format": "wav", "speed": 1.25}
    assert house.sent("openai") == {
        **common, "voice": "nova", "model": "gpt-4o-mini-tts", "instructions": "Like a pirate",
    }  # fmt: skip
    assert house.sent("kokoro_fastapi") == {
        **common, "voice": "af_heart", "model": "kokoro", "stream": False, "lang_code": "a",
    }  # fmt: skip
    assert house.sent("vllm_omni") == {
        **common, "voice": "vivian", "language": "English", "word_timestamps": True, "instructions": "Like a pirate",
    }  # fmt: skip
    assert house.sent("localai") == {
        **common, "voice": "narrator", "model": "tts-1", "instructions": "Like a pirate",
    }  # fmt: skip


def test_without_word_times_the_plain_endpoint_serves(house: House) -> None:
    speech = house.order("kokoro_fastapi", has_word_times=False)
    plain = house.provider("kokoro_fastapi", has_word_times=False)
    assert (speech.timeline, plain.timing) == (None, "")
    assert plain.request(line("kokoro_fastapi"))["path"] == "/v1/audio/speech"
    house.server("vllm_omni").has_aligner = False
    with pytest.raises(Refused, match="needs a forced aligner on this server"):
        house.desk.order(house.provider("vllm_omni"), line("vllm_omni"), key="2")
    found = house.desk.order(house.provider("vllm_omni", has_word_times=False), line("vllm_omni"), key="2")
    assert found.timeline is None


def test_voices_are_mixed_by_weight_where_the_flavour_can(house: House) -> None:
    mix = parse_voice_mix("af_bella67_af_sky33", house.provider("kokoro_fastapi").voices(), {})
    house.order("kokoro_fastapi", line("kokoro_fastapi", voice=mix))
    assert house.sent("kokoro_fastapi")["voice"] == "af_bella(0.67)+af_sky(0.33)"
    with pytest.raises(PermanentError, match="openai can not mix voices: name one of nova, alloy in the cast"):
        house.order("openai", line("openai", voice=(("nova", 0.5), ("alloy", 0.5))))


def test_the_voices_are_those_of_the_flavour_and_of_the_settings(house: House) -> None:
    kokoro = house.provider("kokoro_fastapi", voice_names=["af_own"]).voices()
    assert {"af_heart", "ff_siwis", "af_own"} <= set(kokoro)
    assert "af_howl" not in kokoro
    assert "nova" in house.provider("openai").voices()
    assert "vivian" not in house.provider("openai").voices()
    assert "any.name-1" in house.provider("vllm_omni").voices()
    assert "two words" not in house.provider("vllm_omni").voices()


def test_every_language_of_kokoro_is_asked_for_by_its_letter(house: House) -> None:
    house.order(
        "kokoro_fastapi", line("kokoro_fastapi", text="Bonjour tout le monde", lang="fr", voice=(("ff_siwis", 1.0),))
    )
    assert house.sent("kokoro_fastapi")["lang_code"] == "f"
    record = house.provider("kokoro_fastapi").request(line("kokoro_fastapi", lang="en-gb", voice=(("bf_emma", 1.0),)))
    assert record["body"]["lang_code"] == "b"


def test_the_lexicon_is_spoken_as_far_as_the_flavour_can_be_told(house: House) -> None:
    words = (("Smith", "/smaɪθ/"), ("map", "mapp"))
    speech = house.order("kokoro_fastapi", line("kokoro_fastapi", text="Map Smith now", pronunciations=words))
    assert house.sent("kokoro_fastapi")["input"] == "mapp [Smith](/smIθ/) now"
    assert speech.timeline is not None
    assert [word.word for word in speech.timeline.words] == ["Map", "Smith", "now"]
    other = house.desk.order(
        house.provider("openai"), line("openai", text="Map Smith now", pronunciations=words), key="line-2"
    )
    assert house.sent("openai")["input"] == "mapp Smith now"
    assert "openai can not be told IPA here: 'Smith' is spoken as it is spelled" in other.notes


def test_a_style_that_nobody_reads_is_said(house: House) -> None:
    assert "takes no style" in str(house.order("kokoro_fastapi", line("kokoro_fastapi", style="sad")).notes)
    plain = house.desk.order(house.provider("openai", model="tts-1"), line("openai", style="sad"), key="line-2")
    assert "takes no style" in str(plain.notes)
    assert "instructions" not in house.sent("openai")


def test_word_times_that_are_too_long_for_a_header_are_left_out_and_said(house: House) -> None:
    long = line("vllm_omni", text=" ".join(["map"] * 120))
    speech = house.order("vllm_omni", long)
    assert speech.timeline is None
    assert speech.notes == ("the server left the word times out, as it does when they are too long",)


@pytest.mark.parametrize(
    ("flavour", "request_", "says"),
    [
        (
            "openai",
            line("openai", text="map " * 1025),
            "takes 4096 characters at once, and this line has 4100: divide it",
        ),
        ("openai", line("openai", style="sad " * 1025), "takes 4096 characters of style, and this line has 4100"),
        ("openai", line("openai", speed=4.5), "at speeds from 0.25 to 4, not at 4.5"),
        ("localai", line("localai", text="?"), "nothing to speak"),
    ],
)
def test_what_can_not_be_asked_is_said_before_anything_is_sent(
    house: House, flavour: str, request_: SpeechRequest, says: str
) -> None:
    with pytest.raises(PermanentError, match=says):
        house.order(flavour, request_)
    assert (house.server(flavour).n_asked, house.desk.entries) == (0, ())


def test_a_respelling_counts_for_the_length_that_is_sent(house: House) -> None:
    request = line("openai", text="map " * 1000, pronunciations=(("map", "mappapp"),))
    with pytest.raises(PermanentError, match="takes 4096 characters at once, and this line has 8000"):
        house.provider("openai").request(request)


def test_a_flavour_that_there_is_not_is_named(house: House) -> None:
    with pytest.raises(Unavailable, match='no flavour "koko": set flavour to one of openai, kokoro_fastapi'):
        OpenAiSpeech(called="mine", flavour="koko").remote(house.folder)


def test_openai_needs_its_key_and_servers_of_ones_own_do_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert OpenAiSpeech().problem() == "openai_speech needs a key: set OPENAI_API_KEY in the environment"
    assert OpenAiSpeech(called="localai").problem() == ""
    monkeypatch.setenv("MY_KEY", "the-key-of-my-server")
    server = house.server("localai")
    server.key = "the-key-of-my-server"
    assert house.order("localai", key_variable="MY_KEY").sample_rate_hz == 22_050


def test_an_address_may_be_written_with_its_version(house: House) -> None:
    house.server("localai")
    provider = OpenAiSpeech(called="second", flavour="localai", url=f"{house.servers['localai'][1]}/v1/")
    assert house.desk.order(provider, line("localai")).sample_rate_hz == 22_050
    assert house.desk.entry.provider == "second"


# --- What goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flavour", "fault", "says"),
    [
        ("openai", "other rate", "24000 Hz were ordered, and the WAV file has 16000 Hz"),
        ("kokoro_fastapi", "other rate", "24000 Hz were ordered"),
        ("vllm_omni", "mulaw instead", "holds pcm_mulaw"),
        ("localai", "mulaw instead", "holds pcm_mulaw"),
        ("openai", "empty", "empty: it holds no sample"),
        ("kokoro_fastapi", "empty", "empty: it holds no sample"),
        ("openai", "cut off", "the WAV file is cut off"),
        ("vllm_omni", "cut off", "the WAV file is cut off"),
        ("kokoro_fastapi", "no base64", "no base64"),
        ("kokoro_fastapi", "no audio", "the answer has no audio"),
    ],
)
def test_sound_that_was_not_ordered_is_no_artifact(house: House, flavour: str, fault: str, says: str) -> None:
    house.server(flavour).fault = fault
    with pytest.raises(PermanentError, match=says) as caught:
        house.order(flavour)
    assert "\n" not in str(caught.value)
    assert (house.desk.entry.state, house.desk.files, house.desk.slept_s) == ("settled", set(), [])


@pytest.mark.parametrize("flavour", SERVERS)
def test_a_refusal_is_told_in_the_servers_words(house: House, flavour: str) -> None:
    with pytest.raises(Refused, match="rejected by the safety system") as caught:
        house.order(flavour, line(flavour, text="a forbidden line"))
    assert ("req_123" in str(caught.value)) == (flavour != "kokoro_fastapi")
    assert (house.desk.entry.state, house.server(flavour).orders.all) == ("released", [])


@pytest.mark.parametrize("flavour", ["openai", "kokoro_fastapi"])
def test_a_failure_of_its_own_made_nothing(house: House, flavour: str) -> None:
    house.server(flavour).fault = "own 500"
    with pytest.raises(NotSubmitted, match="Failed to generate audio data"):
        house.order(flavour)
    assert house.desk.entry.state == "released"


def test_an_answer_of_another_type_may_have_been_billed(house: House) -> None:
    house.server("openai").fault = "JSON instead"
    with pytest.raises(OutcomeUnknown, match="application/json instead of audio/"):
        house.order("openai")
    assert (house.desk.entry.state, house.desk.files) == ("unknown", set())


@pytest.mark.parametrize(
    ("flavour", "fault", "says"),
    [
        ("kokoro_fastapi", "words of another text", "not those of the text"),
        ("kokoro_fastapi", "no times", "left the word times out"),
        ("vllm_omni", "unreadable times", "can not be read"),
    ],
)
def test_times_that_do_not_fit_are_left_to_an_aligner(house: House, flavour: str, fault: str, says: str) -> None:
    house.server(flavour).fault = fault
    speech = house.order(flavour, line(flavour, text="The birch canoe slid on the smooth planks."))
    assert (speech.timeline, says in str(speech.notes)) == (None, True)


def test_too_many_requests_are_asked_again(house: House, slept_s: list[float]) -> None:
    house.server("openai").n_busy = 1
    house.order("openai")
    assert (house.server("openai").n_asked, slept_s) == (2, [pytest.approx(1.0, abs=0.3)])


@pytest.mark.parametrize(
    ("flavour", "says"),
    [("openai", "the key is good; 3 models"), ("kokoro_fastapi", "6 voices"), ("vllm_omni", "3 voices"),
     ("localai", "1 voices")],
)  # fmt: skip
def test_a_probe_asks_what_costs_nothing(house: House, flavour: str, says: str) -> None:
    assert house.provider(flavour).probe() == says
    house.server(flavour).is_legacy = True
    assert house.provider(flavour).probe() == says
    assert house.server(flavour).orders.all == []


def test_a_probe_with_a_wrong_key_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = house.provider("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key")
    with pytest.raises(Denied, match="Incorrect API key") as caught:
        provider.probe()
    assert "sk-another-key" not in str(caught.value)


def test_whatever_decides_the_bytes_is_in_the_identity_and_no_address_is() -> None:
    request = line("openai")
    base = OpenAiSpeech()
    changed = [
        OpenAiSpeech(flavour="localai"), OpenAiSpeech(model="tts-1"), OpenAiSpeech(sample_rate_hz=16_000),
        OpenAiSpeech(flavour="vllm_omni"),
    ]  # fmt: skip
    assert len({str(one.identity(request)) for one in (base, *changed)}) == 5
    assert OpenAiSpeech(url="http://elsewhere:1", called="x").identity(request) == base.identity(request)
    vllm = [OpenAiSpeech(flavour="vllm_omni", has_word_times=one).identity(request) for one in (True, False)]
    assert vllm[0] != vllm[1]
    assert all(OpenAiSpeech(flavour=one).about().licence for one in FLAVOURS)
