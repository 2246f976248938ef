import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from resources.audio_files import (
    AudioFileError,
    AudioReader,
    WavWriter,
    _wav_header,
    n_resampled,
    probe_audio,
    read_blocks,
)


def noise(n_samples: int, n_channels: int = 2, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal((n_samples, n_channels))).astype(np.float32)


def whole(path: Path, **asked: int) -> np.ndarray:
    return np.concatenate([*read_blocks(path, **asked)])


def written(path: Path, audio: np.ndarray, rate_hz: int = 48_000, encoding: str = "FLOAT", **how: str) -> Path:
    soundfile.write(path, audio, rate_hz, subtype=encoding, **how)
    return path


# --- reading


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.aiff", "PCM_16")],
)
def test_lossless_formats_read_as_libsndfile_reads_them(tmp_path: Path, name: str, encoding: str) -> None:
    path = written(tmp_path / name, noise(50_001), encoding=encoding)
    assert np.array_equal(whole(path), soundfile.read(path, dtype="float32", always_2d=True)[0])


@pytest.mark.parametrize(
    ("name", "container", "encoding"),
    [("a.ogg", "OGG", "VORBIS"), ("a.ogg", "OGG", "OPUS"), ("a.mp3", "MP3", "MPEG_LAYER_III")],
)
def test_lossy_formats_come_whole(tmp_path: Path, name: str, container: str, encoding: str) -> None:
    path = tmp_path / name
    written(path, noise(48_000), encoding=encoding, format=container)
    info = probe_audio(path)
    assert (info.container, info.encoding) == (container, encoding)
    assert len(whole(path)) == info.n_samples


@pytest.mark.parametrize("from_hz", [8_000, 11_025, 22_050, 24_000, 44_100, 96_000, 192_000])
def test_resampling_keeps_time_and_pitch(tmp_path: Path, from_hz: int) -> None:
    n_samples = from_hz + 7
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(n_samples) / from_hz)
    got = whole(written(tmp_path / "a.wav", tone, from_hz), sample_rate_hz=48_000)[:, 0]
    assert len(got) == n_resampled(n_samples, from_hz, 48_000) == round(n_samples * 48_000 / from_hz)
    expected = 0.5 * np.sin(2 * np.pi * 500 * np.arange(len(got)) / 48_000)
    inner = slice(4_800, -4_800)
    assert np.abs(got[inner] - expected[inner]).max() < 2e-4  # a shift of one sample would be 0.03


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_sizes_asked_for_change_nothing(tmp_path: Path, rate_hz: int) -> None:
    path = written(tmp_path / "a.wav", noise(100_000, 6), rate_hz, "PCM_16")
    asked = {"sample_rate_hz": 48_000, "n_channels": 2}
    expected = whole(path, **asked)
    for n_block in (1_000, 4_801, 65_536, 200_000):
        assert np.array_equal(whole(path, n_block=n_block, **asked), expected)


def test_a_loop_has_no_seam(tmp_path: Path) -> None:
    period = np.sin(2 * np.pi * np.arange(44_100) * 10 / 44_100)[:, np.newaxis] * 0.5
    with AudioReader(written(tmp_path / "a.wav", period, 44_100), sample_rate_hz=48_000, is_looped=True) as reader:
        got = reader.read(48_000 * 3)[:, 0]
    expected = 0.5 * np.sin(2 * np.pi * np.arange(len(got)) * 10 / 48_000)
    assert np.abs(got - expected)[4_800:].max() < 1e-3


def test_skipping_is_reading_and_dropping(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(50_000))
    with AudioReader(path) as reader:
        assert reader.skip(40_000) == 40_000
        assert np.array_equal(reader.read(99_999), whole(path)[40_000:])
        assert len(reader.read(1)) == 0


# --- channels


def test_mono_goes_to_both_sides_unchanged(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(1_000, 1))
    got = whole(path, n_channels=2)
    assert np.array_equal(got[:, 0], got[:, 1])
    assert np.array_equal(got[:, :1], whole(path))


def test_stereo_to_mono_is_the_mean(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(1_000, 2))
    assert whole(path, n_channels=1)[:, 0] == pytest.approx(whole(path).mean(axis=1), abs=1e-7)


def surround(path: Path, container: str) -> np.ndarray:
    """One channel after the other holds 1000 samples of 0.1; the stereo mix of each segment, shape (6, 2)."""
    audio = np.kron(np.eye(6), np.full((1_000, 1), 0.1))
    written(path, audio, encoding="PCM_16", format=container)
    return whole(path, n_channels=2).reshape(6, 1_000, 2).mean(axis=1) / 0.1


def test_51_is_folded_by_the_itus_coefficients(tmp_path: Path) -> None:
    folded = surround(tmp_path / "a.flac", "FLAC")
    half = np.sqrt(0.5)
    assert folded == pytest.approx(np.array([[1, 0], [0, 1], [half, half], [0, 0], [half, 0], [0, half]]), abs=1e-3)


def test_a_speaker_mask_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    written(path, noise(100, 6), encoding="PCM_16", format="WAVEX")
    header = bytearray(path.read_bytes())
    at = header.index(b"fmt ") + 8 + 20
    header[at : at + 4] = struct.pack("<I", 0x3F)
    path.write_bytes(header)
    assert probe_audio(path).speakers == ("FL", "FR", "FC", "LFE", "BL", "BR")


def test_unknown_speakers_are_averaged(tmp_path: Path) -> None:
    folded = surround(tmp_path / "a.wav", "WAV")
    assert folded == pytest.approx(np.full((6, 2), 1 / 6), abs=1e-3)


# --- files that are not what they say


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda _: None, "does not exist"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
        (lambda path: path.write_text("no audio here"), "is not audio that can be read"),
        (lambda path: path.write_bytes(b"RIFF\x10\0\0\0WAVE"), "is not audio that can be read"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.raw"])
def test_what_can_not_be_read_says_so(tmp_path: Path, make: object, complaint: str, name: str) -> None:
    make(tmp_path / name)  # type: ignore[operator]
    with pytest.raises(AudioFileError, match=complaint) as caught:
        probe_audio(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_named_with_its_place(tmp_path: Path, bad: float) -> None:
    audio = noise(100_000)
    audio[72_000, 1] = bad
    path = written(tmp_path / "a.wav", audio)
    with pytest.raises(AudioFileError, match=r"a\.wav: sample 72000 \(1\.500 s\), channel 2 is (NaN|infinite)"):
        whole(path)


def test_a_cut_file_says_what_is_lost(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(48_000), encoding="PCM_16")
    path.write_bytes(path.read_bytes()[: 44 + 4 * 12_000])
    info = probe_audio(path)
    assert info.n_samples == 12_000
    assert "promises 48000 samples, 12000 are there" in info.notes[0]
    assert len(whole(path)) == 12_000


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_an_unfinished_header_is_said(tmp_path: Path, size: int) -> None:
    path = written(tmp_path / "a.wav", noise(1_000), encoding="PCM_16")
    header = bytearray(path.read_bytes())
    header[40:44] = struct.pack("<I", size)
    path.write_bytes(header)
    info = probe_audio(path)
    assert "does not say how long it is" in info.notes[0]
    assert f"{info.n_samples} samples" in info.notes[0]


def test_mp3_named_wav_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    written(path, noise(48_000), encoding="MPEG_LAYER_III", format="MP3")
    info = probe_audio(path)
    assert "named WAV and is MP3" in info.notes[0]
    assert len(whole(path)) == info.n_samples


def test_a_wav_without_samples_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(0))
    assert probe_audio(path).notes == (f"{path} holds no samples",)
    assert [*read_blocks(path)] == []
    with pytest.raises(AudioFileError, match="can not be looped"):
        AudioReader(path, is_looped=True)


def test_a_sound_header_has_no_notes(tmp_path: Path) -> None:
    for number, encoding in enumerate(["PCM_16", "PCM_24", "FLOAT"]):
        assert probe_audio(written(tmp_path / f"{number}.wav", noise(101, 1), encoding=encoding)).notes == ()


# --- writing


def write(path: Path, audio: np.ndarray, encoding: str, rate_hz: int = 48_000) -> WavWriter:
    writer = WavWriter(
        path,
        sample_rate_hz=rate_hz,
        n_channels=audio.shape[1],
        n_samples=len(audio),
        encoding=encoding,  # type: ignore[arg-type]
    )
    for block in np.array_split(audio, 3):
        writer.write(block)
    writer.close()
    return writer


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(("encoding", "step"), [("PCM_16", 2.0**-15), ("PCM_24", 2.0**-23), ("FLOAT", 1e-30)])
def test_what_is_written_reads_back(tmp_path: Path, encoding: str, step: float, n_channels: int) -> None:
    audio, path = noise(10_001, n_channels), tmp_path / "a.wav"
    write(path, audio, encoding, 44_100)
    got, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    assert (rate_hz, soundfile.info(path).subtype) == (44_100, encoding)
    assert np.abs(got - audio).max() <= step / 2
    assert probe_audio(path).notes == ()
    riff_size = struct.unpack("<I", path.read_bytes()[4:8])[0]
    assert riff_size + 8 == path.stat().st_size


@pytest.mark.parametrize("encoding", ["PCM_16", "PCM_24"])
def test_integers_pass_unchanged(tmp_path: Path, encoding: str) -> None:
    source = written(tmp_path / "in.wav", noise(5_000, level=0.3), encoding=encoding)
    write(tmp_path / "out.wav", whole(source), encoding)
    assert np.array_equal(*(soundfile.read(tmp_path / name, dtype="int32")[0] for name in ("in.wav", "out.wav")))


def test_clipping_is_counted_and_does_not_wrap(tmp_path: Path) -> None:
    writer = write(tmp_path / "a.wav", np.array([[1.5], [1.0], [-1.0], [-1.5]], dtype=np.float32), "PCM_16")
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [32767, 32767, -32768, -32768]
    assert writer.n_clipped == 3


def test_a_short_file_is_not_passed_as_whole(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", sample_rate_hz=48_000, n_channels=1, n_samples=10)
    writer.write(noise(9, 1))
    with pytest.raises(AudioFileError, match="should hold 10 samples and holds 9"):
        writer.close()
    writer = WavWriter(tmp_path / "a.wav", sample_rate_hz=48_000, n_channels=1, n_samples=10)
    with pytest.raises(AudioFileError, match="announced with 10 samples and got more"):
        writer.write(noise(11, 1))
    writer.abandon()


def test_above_4_gib_the_header_is_rf64(tmp_path: Path) -> None:
    n_samples = 2**30 + 5
    path = tmp_path / "a.wav"
    with path.open("wb") as file:  # a file with a hole: 4 GiB that take no room
        file.write(_wav_header(48_000, 2, n_samples, "PCM_16"))
        file.truncate(file.tell() + n_samples * 4)
    info = probe_audio(path)
    assert (info.container, info.n_samples, info.notes) == ("RF64", n_samples, ())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="nowhere"):
        WavWriter(tmp_path / "nowhere" / "a.wav", sample_rate_hz=48_000, n_channels=1, n_samples=1)
