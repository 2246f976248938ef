"""Lines that vendors speak: their alignment comes from what each told of its own speech, and from nobody else."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from audio_assets.render import Outcome
from audio_assets.stages.speech import Alignment, VoiceLine
from resources.http_client import client_of
from resources.vendors.cartesia import CartesiaSpeech
from resources.vendors.elevenlabs import ElevenLabsAligner, ElevenLabsSpeech
from resources.vendors.openai_speech import OpenAiSpeech
from tests.house import GOOD, LATE, SO, House
from tests.servers.cartesia import VOICE as CARTESIA_VOICE
from tests.servers.cartesia import Cartesia
from tests.servers.elevenlabs import VOICE as ELEVEN_VOICE
from tests.servers.elevenlabs import ElevenLabs
from tests.servers.openai_speech import OpenAiSpeechServer
from tests.servers.orders import Orders
from tests.servers.serving import serving

pytestmark = pytest.mark.usefixtures("slept_s")

CAST = """
[narrator]
voice = "af_heart"
[characters.anna]
engine = "{}"
voice = "{}"
"""
_ROW = """
[[prices]]
provider = "{}"
model = "*"
usd_per_{} = {}
valid_from = 2026-01-01
"""
PRICES = "".join(
    _ROW.format(name, unit, usd)
    for name, unit, usd in (
        ("cartesia", "1000_characters", 0.05), ("elevenlabs", "1000_characters", 0.1),
        ("vllm_omni", "1000_characters", 0.0), ("elevenlabs_alignment", "second", 0.001),
    )
)  # fmt: skip


class Vendors:
    """Servers of three vendors, and a house whose Anna speaks with one of them."""

    def __init__(self, house: House, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = house
        self.cartesia = Cartesia(Orders(folder / "cartesia.db"))
        self.eleven = ElevenLabs(Orders(folder / "eleven.db"))
        self.vllm = OpenAiSpeechServer(Orders(folder / "vllm.db"), "vllm_omni")
        monkeypatch.setenv("CARTESIA_API_KEY", self.cartesia.key)
        monkeypatch.setenv("ELEVENLABS_API_KEY", self.eleven.key)
        cartesia, eleven, vllm = (
            stack.enter_context(serving(one.app)) for one in (self.cartesia, self.eleven, self.vllm)
        )
        house.overrides |= {
            "cartesia": CartesiaSpeech(url=cartesia),
            "elevenlabs": ElevenLabsSpeech(url=eleven),
            "vllm_omni": OpenAiSpeech(called="vllm_omni", url=vllm),
            "elevenlabs_alignment": ElevenLabsAligner(url=eleven),
        }
        house.write("price_card.toml", PRICES)
        house.register()

    def cast(self, engine: str, voice: str) -> None:
        self.house.write("cast.toml", CAST.format(engine, voice))

    def render(self) -> dict[str, Outcome]:
        """The alignments of all lines, by their text."""
        found = self.house.render(kinds=(VoiceLine, Alignment))
        cues = self.house.studio().dialogue.cues
        return {cues[o.partition].line.text: o for asset, o in found if asset == "alignment"}


@pytest.fixture
def vendors(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    with ExitStack() as stack:
        yield Vendors(house, tmp_path, stack, monkeypatch)
    client_of.cache_clear()


def source(outcome: Outcome) -> str:
    assert outcome.sidecar is not None, outcome.failure
    return str(outcome.sidecar.facts["source"])


@pytest.mark.parametrize(
    ("engine", "voice", "expected"),
    [
        ("cartesia", CARTESIA_VOICE, "cartesia"),
        ("elevenlabs", ELEVEN_VOICE, "elevenlabs words + phones"),
        ("vllm_omni", "vivian", "vllm_omni words + phones"),
    ],
)
def test_a_voice_that_tells_its_times_needs_no_aligner(
    vendors: Vendors, engine: str, voice: str, expected: str
) -> None:
    vendors.cast(engine, voice)
    found = vendors.render()
    assert [source(found[text]) for text in (GOOD, SO, LATE)] == [expected, expected, "kokoro"]
    record = json.loads(vendors.house.studio().store.read(f"{found[GOOD].folder}/alignment.json") or b"{}")
    assert [entry["word"] for entry in record["words"]] == ["Good", "morning"]
    assert "".join(entry["phoneme"] for entry in record["phonemes"]).startswith("ɡʊdmɔɹn")
    assert {one.state for one in vendors.render().values()} == {"cached"}


def test_a_line_that_told_nothing_is_left_to_the_aligner(vendors: Vendors) -> None:
    vendors.cast("elevenlabs", ELEVEN_VOICE)
    vendors.eleven.fault = "no times"
    found = vendors.render()
    assert [source(found[text]) for text in (GOOD, SO)] == ["even", "even"]


def test_a_language_without_phonemes_has_its_words_filled(vendors: Vendors) -> None:
    vendors.cast("cartesia", CARTESIA_VOICE)
    vendors.cartesia.tells_phonemes = False
    assert source(vendors.render()[GOOD]) == "cartesia words + phones"


def test_an_aligner_elsewhere_is_paid_only_for_lines_that_tell_no_times(vendors: Vendors) -> None:
    vendors.cast("espeak", "en-us")
    vendors.house.write("providers.toml", '[use]\nalignment = "elevenlabs_alignment"\n')
    found = vendors.render()
    assert [source(found[text]) for text in (GOOD, LATE)] == ["elevenlabs_alignment words + phones", "kokoro"]
    assert sorted(order["text"] for order in vendors.eleven.orders.all) == [GOOD, SO]  # they are sent at once
    vendors.cast("vllm_omni", "vivian")
    vendors.render()
    assert len(vendors.eleven.orders.all) == 2


@pytest.mark.parametrize(
    ("engine", "voice", "fault", "says"),
    [
        ("cartesia", CARTESIA_VOICE, "cut off", "the audio is cut off"),
        ("elevenlabs", ELEVEN_VOICE, "mulaw instead", "holds pcm_mulaw"),
        ("vllm_omni", "vivian", "empty", "holds no sample"),
    ],
)
def test_what_breaks_its_contract_is_one_sentence_and_no_artifact(
    vendors: Vendors, engine: str, voice: str, fault: str, says: str
) -> None:
    vendors.cast(engine, voice)
    vendors.cartesia.fault = vendors.eleven.fault = vendors.vllm.fault = fault
    vendors.house.render(kinds=(VoiceLine,))
    studio = vendors.house.studio()
    partition = vendors.house.line(GOOD)
    failure = studio.store.failure("voice_line", partition)
    assert failure is not None
    assert says in failure.reason
    assert "\n" not in failure.reason
    assert partition not in {key for key in studio.dialogue.cues if studio.refs("voice_line").get(key) is not None}
