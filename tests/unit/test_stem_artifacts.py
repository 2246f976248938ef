"""Stems are held against their contract before anything is kept; messages are checked from the bytes written."""

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from audio_assets.domain import stem_artifacts
from audio_assets.domain.artifacts import WAV, wav_bytes
from audio_assets.domain.audio_contract import AudioContract, ContractError
from audio_assets.domain.bitmerge import MergeError, Part, Placed, Trim
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.stem_artifacts import MERGE, MessagePart, Said, check_stem, message_artifact, read_stem

RATE_HZ = 8000
REQUEST = SpeechRequest("Ana", "es", (("lena", 1.0),))
WHO = Said("cloud", "say-1", "2026-01-01")
Pcm = NDArray[np.int16]


def tone(n_before: int = 0, n_after: int = 0, n: int = 2000, level: float = 9000.0) -> Pcm:
    sound = np.rint(level * np.cos(np.arange(n) / 7)).astype(np.int16)
    return np.concatenate([np.zeros(n_before, np.int16), sound, np.zeros(n_after, np.int16)])


def stem(pcm: Pcm, who: Said = WHO, request: SpeechRequest = REQUEST) -> Rendered:
    return stem_artifacts.stem_artifact(lambda _: Speech(pcm, RATE_HZ, None), "cloud", request, "narrator", who=who)


def test_the_facts_hold_the_contract_and_the_edges_to_the_sample() -> None:
    rendered = stem(tone(100, 200))
    facts = rendered.facts
    assert {name: facts[name] for name in ("provider", "model", "api_version", "voice")} == {
        "provider": "cloud", "model": "say-1", "api_version": "2026-01-01", "voice": "lena",
    }  # fmt: skip
    assert (facts["container"], facts["encoding"], facts["sample_rate_hz"], facts["n_channels"]) == (
        *("wav", "pcm_s16le"), RATE_HZ, 1,
    )  # fmt: skip
    assert (facts["leading_silence_samples"], facts["trailing_silence_samples"]) == (100, 200)
    signature = AudioContract("wav", "pcm_s16le", RATE_HZ).signature(
        provider="cloud", model="say-1", api_version="2026-01-01", voice="lena"
    )
    assert facts["contract_signature"] == signature
    wav = rendered.files[WAV]
    assert isinstance(wav, bytes)
    assert np.array_equal(read_stem(wav, RATE_HZ)[0], tone(100, 200))


@pytest.mark.parametrize(
    "who", [Said("other", "say-1", "2026-01-01"), Said("cloud", "say-2", "2026-01-01"), Said("cloud", "say-1", "2")]
)
def test_another_provider_model_or_version_is_another_signature(who: Said) -> None:
    assert stem(tone(), who).facts["contract_signature"] != stem(tone()).facts["contract_signature"]


def test_long_silent_edges_are_a_failed_check() -> None:
    def edges(pcm: Pcm) -> bool:
        return next(check.passed for check in stem(pcm).checks if check.name == "edges_not_silent")

    assert edges(tone(RATE_HZ, RATE_HZ))
    assert not edges(tone(RATE_HZ + 1, 0))
    assert not edges(tone(0, RATE_HZ + 1))


@pytest.mark.parametrize(
    ("pcm", "says"),
    [
        (tone(n=200), "lasts 0.025 s"),
        (np.full(2000, 50, np.int16), "is silent"),
        (np.clip(tone(level=32767.0).astype(np.int32) * 2, -32768, 32767).astype(np.int16), "is clipped"),
        (np.zeros(RATE_HZ * 601, np.int16), "lasts 601.000 s"),
    ],
)
def test_what_can_be_no_stem_is_refused_before_it_is_kept(pcm: Pcm, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        stem(pcm)
    with pytest.raises(ContractError, match=says):
        check_stem(pcm, RATE_HZ)


def test_a_header_that_contradicts_its_data_is_refused() -> None:
    wav = wav_bytes(tone(), RATE_HZ)
    for broken in (wav[:-10], wav + b"\1\2\3\4\5\6", wav[:40] + b"\xff\xff\xff\xff" + wav[44:], b"", b"ID3"):
        with pytest.raises(ContractError):
            read_stem(broken, RATE_HZ)
    with pytest.raises(ContractError, match="8000 Hz"):
        read_stem(wav, 16_000)


def part(name: str, pcm: Pcm, rate_hz: int = RATE_HZ, gap_ms: float = 0.0, trim: Trim | None = None) -> MessagePart:
    return MessagePart(name, f"content of {name}", f"contract of {name}", wav_bytes(pcm, rate_hz), gap_ms, trim)


def test_a_message_records_where_each_stem_stands() -> None:
    first, second = tone(400, 800), tone(0, 0, level=5000.0)
    parts = [part("a", first, trim=Trim(-50.0, 10.0)), part("b", second, gap_ms=50), part("a", first, gap_ms=25)]
    rendered = message_artifact(parts, 12.5, {"text": "a b a"})
    data, wav = rendered.files[MERGE], rendered.files[WAV]
    assert isinstance(data, bytes)
    assert isinstance(wav, bytes)
    record = orjson.loads(data)
    pcm, _ = read_stem(wav, RATE_HZ)
    for row, sound in zip(record["parts"], (first, second, first), strict=True):
        assert np.array_equal(pcm[row["start"] : row["end"]], sound[row["source_start"] : row["source_end"]])
    assert [row["gap_before"] for row in record["parts"]] == [0, 400, 200]
    assert [(row["trimmed_start"], row["trimmed_end"]) for row in record["parts"]] == [(320, 720), (0, 0), (0, 0)]
    assert [row["content"] for row in record["parts"]] == ["content of a", "content of b", "content of a"]
    assert record["n_samples"] == len(pcm) == 2160 + 400 + 2000 + 200 + 3200 + 100
    assert rendered.facts["sample_rate_hz"] == RATE_HZ


def test_stems_of_two_rates_are_not_mixed() -> None:
    with pytest.raises(ContractError, match="b: 8000 Hz were ordered, and the WAV file has 16000 Hz"):
        message_artifact([part("a", tone()), part("b", tone(), 16_000)], 0, {})


def test_a_merge_that_is_not_exact_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def louder(parts: list[Part], rate_hz: int, tail: int) -> tuple[Pcm, tuple[Placed, ...]]:
        merged, placed = real(parts, rate_hz, tail)
        merged[5] += 1
        return merged, placed

    real = stem_artifacts.bitmerge
    monkeypatch.setattr(stem_artifacts, "bitmerge", louder)
    with pytest.raises(MergeError, match="bit for bit"):
        message_artifact([part("a", tone())], 0, {})
