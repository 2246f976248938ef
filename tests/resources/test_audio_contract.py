import dataclasses
import io
import struct

import numpy as np
import pytest
import soundfile

from audio_assets.domain.audio_contract import ANY_RATE, AudioContract, ContractError, decode

WAV = AudioContract("wav", "pcm_s16le", 24_000)
TONE = np.rint(12_000 * np.sin(np.arange(2_400) * 0.05)).astype(np.int16)
SUBTYPES = {"pcm_s16le": "PCM_16", "pcm_f32le": "FLOAT", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW"}


def wav(encoding: str = "pcm_s16le", rate_hz: int = 24_000, samples: np.ndarray = TONE, **how: str) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate_hz, format=how.get("format", "WAV"), subtype=SUBTYPES.get(encoding, encoding))
    return target.getvalue()


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def by_hand(
    body: bytes = TONE.tobytes(), *, size: int | None = None, before: bytes = b"", after: bytes = b"", tag: int = 1,
    n_channels: int = 1, rate_hz: int = 24_000, n_bytes: int = 2, n_bits: int = 16,
) -> bytes:  # fmt: skip
    layout = struct.pack("<HHIIHH", tag, n_channels, rate_hz, rate_hz * n_bytes, n_bytes, n_bits)
    inside = b"WAVE" + chunk(b"fmt ", layout) + before + chunk(b"data", body, size) + after
    form = len(inside) if size is None else size
    return b"RIFF" + struct.pack("<I", form) + inside


def refused(data: bytes, contract: AudioContract = WAV) -> str:
    with pytest.raises(ContractError) as caught:
        decode(data, contract)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "step"), [("pcm_s16le", 0), ("pcm_f32le", 1), ("pcm_mulaw", 512), ("pcm_alaw", 512)]
)
def test_every_encoding_comes_as_int16_as_exactly_as_it_can(encoding: str, step: int) -> None:
    samples = TONE if encoding != "pcm_f32le" else TONE / 32767
    data = wav(encoding, samples=samples)
    found = decode(data, dataclasses.replace(WAV, encoding=encoding))
    assert (found.pcm.dtype, found.pcm.shape, found.sample_rate_hz, found.notes) == (np.int16, (2_400,), 24_000, ())
    assert np.abs(found.pcm.astype(int) - TONE).max() <= step
    start = data.index(b"data") + 8
    raw = decode(data[start : start + 2_400 * {0: 2, 1: 4}.get(step, 1)], AudioContract("raw", encoding, 24_000))
    assert np.array_equal(raw.pcm, found.pcm)


def test_mu_law_and_a_law_are_those_of_g_711() -> None:
    # Table 2 of the recommendation, scaled to 16 bits: the ends of the scale and its middle.
    mu = decode(bytes([0x00, 0x80, 0x7F, 0xFF, 0x4E]), AudioContract("raw", "pcm_mulaw", 8_000))
    assert mu.pcm.tolist() == [-32124, 32124, 0, 0, -988]
    a = decode(bytes([0x2A, 0xAA, 0x55, 0xD5]), AudioContract("raw", "pcm_alaw", 8_000))
    assert a.pcm.tolist() == [-32256, 32256, -8, 8]


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0])
def test_the_size_of_a_streamed_file_is_put_right_with_a_note(size: int) -> None:
    found = decode(by_hand(size=size), WAV)
    assert np.array_equal(found.pcm, TONE)
    assert [("streamed" in note, "2400 samples" in note) for note in found.notes] == [(True, True)]


def test_odd_chunks_before_and_after_the_samples_are_passed_over() -> None:
    odd = chunk(b"LIST", b"abc")
    found = decode(by_hand(before=odd, after=chunk(b"bext", b"12345")), WAV)
    assert np.array_equal(found.pcm, TONE)
    odd_many = decode(
        by_hand(b"\x80" * 7, tag=7, n_bytes=1, n_bits=8, after=odd), dataclasses.replace(WAV, encoding="pcm_mulaw")
    )
    assert len(odd_many.pcm) == 7


def test_the_extensible_form_is_read_by_what_it_holds() -> None:
    assert len(decode(wav(format="WAVEX"), WAV).pcm) == 2_400
    assert "pcm_f32le" in refused(wav("pcm_f32le", format="WAVEX"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty (0 bytes)"),
        (by_hand(b""), "empty: it holds no sample"),
        (by_hand(b"", after=chunk(b"LIST", b"abcd")), "empty: it holds no sample"),
        (by_hand(b"", size=0xFFFFFFFF), "empty: it holds no sample"),
        (by_hand(b"\1"), "empty: it holds no sample"),
        (by_hand()[:-100], "promises 2400 samples, 2350 came"),
        (by_hand(size=0xFFFFFFFF)[:-1], "cut off inside a sample"),
        (by_hand()[:30], "cut off: no samples follow its header of 30 bytes"),
        (by_hand()[:40], "cut off: no samples follow"),
        (by_hand(before=chunk(b"LIST", b"", 9_000_000)), "cut off: no samples follow"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"1234"), "does not say how its samples are written"),
        (wav(rate_hz=22_050), "24000 Hz were ordered, and the WAV file has 22050 Hz"),
        (wav("pcm_mulaw"), "pcm_s16le was ordered, and the WAV file holds pcm_mulaw"),
        (wav("PCM_24"), "holds format 1 of 24 bits"),
        (wav(samples=np.stack([TONE, TONE], axis=1)), "1 channel(s) were ordered, and the WAV file has 2"),
        (by_hand(n_bytes=4), "contradicts itself: 4 bytes"),
        (by_hand(size=1000), "its length: it promises 500 samples, and 2400 came"),
        (by_hand(size=4_798), "its length: it promises 2399 samples, and 2400 came"),
        (by_hand(size=4_792), "its length: it promises 2396 samples, and 2400 came"),
        (by_hand(after=chunk(b"LIST", b"abcd")[:-1]), "its length"),
        (by_hand(after=by_hand()), "more than one WAV file"),
        (b'{"detail": "no"}', "a WAV file was ordered, and JSON came"),
        (b"<html>", "and a web page came"),
        (b"ID3\4" + bytes(40), "and an MP3 file came"),
        (b"\0" * 4_000, "and something else came"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_refused_in_one_sentence(data: bytes, says: str) -> None:
    assert says in refused(data)


def test_a_rate_of_nothing_is_refused_where_any_rate_will_do() -> None:
    anything = dataclasses.replace(WAV, sample_rate_hz=ANY_RATE)
    assert decode(wav(rate_hz=22_050), anything).sample_rate_hz == 22_050
    assert "contradicts itself" in refused(by_hand(rate_hz=0), anything)
    with pytest.raises(ValueError, match="do not tell their rate"):
        decode(b"\0\0", AudioContract("raw", "pcm_s16le", ANY_RATE))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_floats_that_are_no_numbers_are_refused_with_their_place(bad: float) -> None:
    samples = (TONE / 32767).astype(np.float32)
    samples[240] = bad
    assert "sample 240 (0.010 s) is no number" in refused(
        wav("pcm_f32le", samples=samples), dataclasses.replace(WAV, encoding="pcm_f32le")
    )


def test_floats_over_full_scale_are_clipped_with_a_note() -> None:
    samples = np.array([0.5, 1.5, -2.0, 1.0], np.float32)
    found = decode(samples.tobytes(), AudioContract("raw", "pcm_f32le", 24_000))
    assert found.pcm.tolist() == [16384, 32767, -32767, 32767]
    assert found.notes == ("2 samples were over full scale and were clipped",)


def test_two_channels_become_their_mean() -> None:
    pair = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    found = decode(wav(samples=pair), dataclasses.replace(WAV, n_channels=2))
    assert np.abs(found.pcm.astype(int) - TONE / 2).max() <= 0.5


def test_raw_samples_must_not_be_a_file() -> None:
    raw = AudioContract("raw", "pcm_s16le", 24_000)
    assert "raw samples were ordered, and a WAV file came" in refused(wav(), raw)
    assert "cut off inside a sample: 5 bytes" in refused(b"12345", raw)


def test_the_signature_changes_with_everything_that_it_is_over() -> None:
    whose = {"provider": "cartesia", "model": "sonic-3", "api_version": "2026-08-14", "voice": "a"}
    contracts = [
        WAV, dataclasses.replace(WAV, container="raw"), dataclasses.replace(WAV, encoding="pcm_alaw"),
        dataclasses.replace(WAV, sample_rate_hz=8_000), dataclasses.replace(WAV, n_channels=2),
    ]  # fmt: skip
    found = [contract.signature(**whose) for contract in contracts]
    found += [WAV.signature(**{**whose, name: "other"}) for name in whose]
    assert len(set(found)) == 9
    assert WAV.signature(**whose) == found[0]
    assert all(len(one) == 64 for one in found)
