"""Every kind of song file against the samples it was made from; damage, lies and traps."""

import contextlib
import struct
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from resources import song_files
from resources.song_files import SongFileError, SongReader, mono_blocks, stereo_blocks

RATE_HZ = 44_100
N_SAMPLES = 2 * RATE_HZ + 1_234
CLICKS = (10_007, 41_000, 77_777)


def song(n_channels: int = 2, rate_hz: int = RATE_HZ, n_samples: int = N_SAMPLES) -> np.ndarray:
    """A sweep with clicks at known samples; channels differ in level."""
    t = np.arange(n_samples) / rate_hz
    mono = 0.2 * np.sin(2 * np.pi * (200 * t + 500 * t**2))
    for click in CLICKS:
        if click + 8 < n_samples:
            mono[click : click + 8] += (0.75, -0.6, 0.4, -0.2, 0.1, -0.05, 0.02, -0.01)
    return np.stack([mono * (1 - 0.1 * channel) for channel in range(n_channels)], axis=1).astype(np.float32)


def encoded(path: Path, codec: str, audio: np.ndarray, rate_hz: int = RATE_HZ, **options: Any) -> Path:
    """By FFmpeg, in packets of its liking."""
    container_format = {".m4a": "mp4", ".aac": "adts", ".mp4": "mp4"}.get(path.suffix)
    with av.open(str(path), "w", format=container_format, options=options) as out:
        stream: Any = out.add_stream(codec, rate=rate_hz, layout="mono" if audio.shape[1] == 1 else "stereo")
        if codec == "aac":
            stream.bit_rate = 192_000
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(audio.T), format="fltp", layout="mono" if audio.shape[1] == 1 else "stereo"
        )
        frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        resampler = av.AudioResampler(format=stream.codec_context.format, frame_size=stream.codec_context.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return path


def written(path: Path, kind: str, encoding: str, audio: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, audio, rate_hz, format=kind, subtype=encoding)
    return path


MADE: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "wav": lambda folder, audio: written(folder / "a.wav", "WAV", "PCM_16", audio),
    "wav float": lambda folder, audio: written(folder / "a.wav", "WAV", "FLOAT", audio),
    "aiff": lambda folder, audio: written(folder / "a.aiff", "AIFF", "PCM_24", audio),
    "flac": lambda folder, audio: written(folder / "a.flac", "FLAC", "PCM_16", audio),
    "mp3 with tag": lambda folder, audio: encoded(folder / "a.mp3", "libmp3lame", audio),
    "vorbis": lambda folder, audio: written(folder / "a.ogg", "OGG", "VORBIS", audio),
    "alac": lambda folder, audio: encoded(folder / "a.m4a", "alac", audio),
    "aac": lambda folder, audio: encoded(folder / "a.m4a", "aac", audio),
}
LOSSLESS = {"wav": 3.2e-5, "wav float": 0.0, "aiff": 1e-6, "flac": 3.2e-5, "alac": 3.2e-5}  # one step of 16 or 24 bits


def whole(path: Path) -> np.ndarray:
    with SongReader(path) as reader:
        return np.concatenate(list(reader.blocks()))


def lag(found: np.ndarray, true: np.ndarray) -> int:
    """By how many samples `found` is later than `true`, from -1,500 to 1,500."""
    n = 1 << (len(true) + 3_000).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, n) * np.conj(np.fft.rfft(true, n)), n)
    return int(np.argmax(np.roll(product, 1_500)[:3_000])) - 1_500


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def spoilt(path: Path, share: float, n_bytes: int = 3_000) -> Path:
    data = bytearray(path.read_bytes())
    start = int(len(data) * share)
    data[start : start + n_bytes] = np.random.default_rng(1).bytes(n_bytes)
    path.write_bytes(data)
    return path


# --- sample-exact


@pytest.mark.parametrize("kind", MADE)
def test_as_long_as_the_source_and_in_its_place(tmp_path: Path, kind: str) -> None:
    audio = song()
    path = MADE[kind](tmp_path, audio)
    found = whole(path)
    assert found.dtype == np.float32
    assert found.shape == audio.shape
    assert lag(found[:, 0], audio[:, 0]) == 0
    for click in CLICKS:
        assert abs(int(np.argmax(np.abs(found[click - 400 : click + 400, 0]))) - 400) <= 1
    if kind in LOSSLESS:
        assert np.abs(found - audio).max() <= LOSSLESS[kind]
    with SongReader(path) as reader:
        assert reader.facts.n_samples == len(audio)
        assert reader.facts.notes == ()


@pytest.mark.parametrize(("name", "kind", "encoding"), [("a.mp3", "MP3", "MPEG_LAYER_III"), ("a.ogg", "OGG", "VORBIS")])
def test_both_decoders_give_the_same_samples(tmp_path: Path, name: str, kind: str, encoding: str) -> None:
    path = written(tmp_path / name, kind, encoding, song())
    other, _ = soundfile.read(path, dtype="float32", always_2d=True)
    found = whole(path)
    assert found.shape == other.shape
    assert np.abs(found - other).max() < 1e-5


def test_opus_without_its_pre_skip(tmp_path: Path) -> None:
    audio = song(rate_hz=48_000)
    found = whole(written(tmp_path / "a.opus", "OGG", "OPUS", audio, 48_000))
    assert len(found) == len(audio)
    assert abs(lag(found[:, 0], audio[:, 0])) <= 1


def test_m4a_by_its_itunes_comment_without_an_edit_list(tmp_path: Path) -> None:
    audio = song()
    path = encoded(tmp_path / "a.m4a", "aac", audio, use_editlist="0")
    comment = f" 00000000 00000400 00000000 {len(audio):016X}" + 8 * " 00000000"
    path.write_bytes(_with_comment(path.read_bytes(), "iTunSMPB", comment))
    found = whole(path)
    assert len(found) == len(audio)
    assert lag(found[:, 0], audio[:, 0]) == 0


def _with_comment(data: bytes, name: str, value: str) -> bytes:
    """An MP4 whose index lies last, with an iTunes comment."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    comment = box(b"----", box(b"mean", bytes(4) + b"com.apple.iTunes") + box(b"name", bytes(4) + name.encode())
                  + box(b"data", struct.pack(">II", 1, 0) + value.encode()))  # fmt: skip
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    user_data = box(b"udta", box(b"meta", bytes(4) + handler + box(b"ilst", comment)))
    at = data.rindex(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    assert at + size == len(data), "the index is not last"
    moov = data[at + 8 : at + size]
    known = moov.find(b"udta")
    body = moov if known < 0 else moov[: known - 4]
    return data[:at] + box(b"moov", body + user_data)


def test_blocks_are_even_and_start_again(tmp_path: Path) -> None:
    with SongReader(encoded(tmp_path / "a.mp3", "libmp3lame", song())) as reader:
        first = [len(block) for block in reader.blocks()]
        assert first == [65_536, N_SAMPLES - 65_536]
        assert [len(block) for block in reader.blocks()] == first


# --- rates and channels


@pytest.mark.parametrize(("rate_hz", "n_channels"), [(8_000, 1), (96_000, 6), (22_050, 2)])
def test_any_rate_and_channels(tmp_path: Path, rate_hz: int, n_channels: int) -> None:
    audio = song(n_channels, rate_hz, n_samples=rate_hz)
    path = written(tmp_path / "a.wav", "WAVEX", "PCM_24", audio, rate_hz)
    with SongReader(path) as reader:
        assert (reader.facts.sample_rate_hz, reader.facts.n_channels) == (rate_hz, n_channels)
        assert reader.facts.duration_s == 1.0
    mono = np.concatenate(list(mono_blocks(path, 22_050)))
    assert mono.shape == (22_050,)
    assert np.concatenate(list(stereo_blocks(path, 44_100))).shape == (44_100, 2)


def test_mono_is_the_mean_of_both_sides_and_stereo_the_same_twice(tmp_path: Path) -> None:
    audio = song()
    path = written(tmp_path / "a.wav", "WAV", "FLOAT", audio)
    assert np.allclose(np.concatenate(list(mono_blocks(path, RATE_HZ))), audio.mean(axis=1), atol=1e-6)
    assert np.array_equal(np.concatenate(list(stereo_blocks(path))), audio)
    path = written(tmp_path / "b.wav", "WAV", "FLOAT", audio[:, :1])
    assert np.array_equal(np.concatenate(list(stereo_blocks(path))), np.repeat(audio[:, :1], 2, axis=1))


@pytest.mark.parametrize(("speaker", "share"), [(0, 0.5), (2, 0.7071), (3, 0.0), (4, 0.3536)])
def test_surround_is_folded_down_by_itu(tmp_path: Path, speaker: int, share: float) -> None:
    """FLAC names its six: front left, right, centre, LFE, back left, right. Only one of them sounds."""
    audio = np.zeros((RATE_HZ, 6), np.float32)
    audio[:, speaker] = 0.5
    found = np.concatenate(list(mono_blocks(written(tmp_path / "a.flac", "FLAC", "PCM_16", audio), RATE_HZ)))
    assert np.allclose(found, 0.5 * share, atol=1e-3)


def test_resampling_keeps_time(tmp_path: Path) -> None:
    audio = np.zeros((3 * RATE_HZ, 1), np.float32)
    audio[RATE_HZ] = 0.9
    found = np.concatenate(list(mono_blocks(written(tmp_path / "a.wav", "WAV", "FLOAT", audio), 22_050)))
    assert len(found) == 3 * 22_050
    assert int(np.argmax(found)) == 22_050


# --- damage


@pytest.mark.parametrize(
    ("kind", "says"),
    [("wav", "cut short"), ("aiff", "cut short"), ("flac", "cut short"), ("mp3 with tag", "cut short"),
     ("vorbis", "no end mark")],
)  # fmt: skip
def test_a_file_cut_short_gives_what_is_there_and_says_so(tmp_path: Path, kind: str, says: str) -> None:
    audio = np.concatenate([song(), song(), song()])
    full = whole(MADE[kind](tmp_path, audio))
    path = cut(MADE[kind](tmp_path, audio), 0.6)
    with SongReader(path) as reader:
        found = np.concatenate(list(reader.blocks()))
        assert 0.3 * len(full) < len(found) < 0.8 * len(full)
        assert reader.facts.n_samples == len(found)
        assert any(says in note for note in reader.facts.notes)
    n_sure = len(found) - 5_000  # the last packet may be half there
    assert np.abs(found[:n_sure] - full[:n_sure]).max() < 1e-3


@pytest.mark.parametrize("kind", ["flac", "aac", "alac"])
def test_what_follows_a_damaged_place_stays_in_its_place(tmp_path: Path, kind: str) -> None:
    audio = np.concatenate([song(), song(), song()])
    full = whole(MADE[kind](tmp_path, audio))
    path = spoilt(MADE[kind](tmp_path, audio), 0.4)
    with SongReader(path) as reader:
        found = np.concatenate(list(reader.blocks()))
        assert len(found) == len(full)
        assert any("is damaged from 2." in note for note in reader.facts.notes)
    assert np.abs(found[-RATE_HZ:] - full[-RATE_HZ:]).max() < 1e-3


def test_a_damaged_mp3_is_read_past_the_damage(tmp_path: Path) -> None:
    audio = np.concatenate([song(), song(), song()])
    path = spoilt(encoded(tmp_path / "a.mp3", "libmp3lame", audio), 0.5)
    with SongReader(path) as reader:
        assert len(np.concatenate(list(reader.blocks()))) > 0.9 * len(audio)
        assert any("is damaged from 3." in note for note in reader.facts.notes)


def test_less_than_half_a_second_out_of_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = cut(MADE["flac"](tmp_path, song()), 0.2)
    with SongReader(path) as reader, pytest.raises(SongFileError, match=r"is damaged: only 0\.\d+ s can be decoded"):
        list(reader.blocks())


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SongFileError, match="begins like mp4 and can not be decoded"):
        SongReader(cut(MADE["aac"](tmp_path, song()), 0.5))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_named_with_its_place(tmp_path: Path, value: float) -> None:
    audio = song()
    audio[66_150, 1] = value
    path = written(tmp_path / "a.wav", "WAV", "FLOAT", audio)
    with SongReader(path) as reader, pytest.raises(SongFileError, match=r"sample 66150 \(1\.500 s\), channel 2 is"):
        list(reader.blocks())


# --- lies


def test_a_file_under_another_name_is_read_and_noted(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mp3", "libmp3lame", song()).rename(tmp_path / "b.wav")
    with SongReader(path) as reader:
        assert reader.facts.n_samples == N_SAMPLES
        assert reader.facts.container == "mp3"
        assert reader.facts.notes == (f"{path} is named .wav and is mp3 inside; it was read as what it is",)


def test_a_wav_that_lies_about_its_length(tmp_path: Path) -> None:
    path = MADE["wav"](tmp_path, song())
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", 400_000_000)
    path.write_bytes(data)
    with SongReader(path) as reader:
        assert reader.facts.n_samples == N_SAMPLES
        assert "cut short" in reader.facts.notes[0]


def test_an_mp3_behind_a_picture(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mp3", "libmp3lame", song())
    size = 200_000
    tag = b"ID3\x04\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)
    data = path.read_bytes()
    own = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    path.write_bytes(tag + data[own:])
    assert len(whole(path)) == N_SAMPLES


def test_silence_is_a_song(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mp3", "libmp3lame", np.zeros((RATE_HZ, 2), np.float32))
    assert not whole(path).any()


# --- what is not a song


def _text(path: Path) -> None:
    path.write_text("Verse one\nla la la\n" * 100)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _random(path: Path) -> None:
    path.write_bytes(np.random.default_rng(3).bytes(50_000))


def _directory(path: Path) -> None:
    path.mkdir()


def _missing(_: Path) -> None:
    pass


def _no_samples(path: Path) -> None:
    written(path, "WAV", "PCM_16", np.zeros((0, 2)))


@pytest.mark.parametrize(
    ("make", "says"),
    [(_text, "is not audio"), (_empty, r"is empty \(0 bytes\)"), (_random, "is not audio"),
     (_directory, "is a directory"), (_missing, "can not be read"), (_no_samples, "holds no sound")],
)  # fmt: skip
def test_one_sentence_says_why_it_is_no_song(tmp_path: Path, make: Callable[[Path], None], says: str) -> None:
    path = tmp_path / "song.mp3"
    make(path)
    with pytest.raises(SongFileError, match=says) as caught:
        whole(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        stream: Any = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        out.mux(stream.encode(None))
    with pytest.raises(SongFileError, match="is video without sound"):
        SongReader(path)


@pytest.mark.parametrize("tag", [b"enca", b"drms"])
def test_an_encrypted_file(tmp_path: Path, tag: bytes) -> None:
    path = encoded(tmp_path / "a.m4a", "aac", song())
    data = path.read_bytes()
    at = data.index(b"mp4a", data.index(b"stsd"))
    path.write_bytes(data[:at] + tag + data[at + 4 :])
    with pytest.raises(SongFileError, match="is encrypted"):
        SongReader(path)


# --- traps


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.flac", "a.wav", "a.ogg"])
@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{target}'\n",
        "#EXTM3U\nhttp://127.0.0.1:9/secret.mp3\n",
        "[playlist]\nFile1={target}\n",
        "subfile,,start,0,end,0,,:{target}",
    ],
)
def test_a_list_of_files_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str
) -> None:
    target = written(tmp_path / "secret.wav", "WAV", "PCM_16", song())
    path = tmp_path / name
    path.write_text(script.format(target=target.name))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SongFileError, match="is not audio"):
        whole(path)


@pytest.mark.parametrize(
    "script", ["#EXTM3U\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {target}\n"]
)
def test_a_list_of_files_behind_a_tag_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """FFmpeg's own guess would look past the ID3 tag and find the list."""
    target = encoded(tmp_path / "secret.mp3", "libmp3lame", song())
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + script.format(target=target.name).encode())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SongFileError, match="begins like mp3 and can not be decoded"):
        whole(path)


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = written(tmp_path / "secret.wav", "WAV", "PCM_16", song())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SongFileError, match="can not be read"):
        SongReader(Path(f"file:{target}"))


def test_an_mp4_that_refers_to_another_file_does_not_reach_it(tmp_path: Path) -> None:
    """A movie may name the file its samples lie in; FFmpeg is not to open it."""
    other = encoded(tmp_path / "other.m4a", "alac", song())
    data = other.read_bytes()
    own = struct.pack(">I", 12) + b"url " + b"\0\0\0\1"
    assert own in data
    name = other.name.encode() + b"\0"
    foreign = struct.pack(">I", 12 + len(name)) + b"url " + bytes(4) + name
    path = tmp_path / "a.m4a"
    path.write_bytes(_grown(data, own, foreign))
    with contextlib.suppress(SongFileError):
        found = whole(path)
        assert len(found) <= N_SAMPLES  # its own bytes, if any
    other.unlink()
    with contextlib.suppress(SongFileError):
        assert len(whole(path)) == len(found)  # the same with the other file gone


def _grown(data: bytes, own: bytes, foreign: bytes) -> bytes:
    """`own` replaced in an MP4, every box around it as much longer."""
    at = data.index(own)
    sizes = bytearray(data)
    for kind in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = data.rindex(kind, 0, at) - 4
        size = struct.unpack(">I", data[place : place + 4])[0] + len(foreign) - len(own)
        sizes[place : place + 4] = struct.pack(">I", size)
    return bytes(sizes[:at]) + foreign + bytes(sizes[at + len(own) :])


# --- long files


def test_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    """Forty minutes at 8 kHz: 19 million samples, 77 MB as floats."""
    path = tmp_path / "long.flac"
    minute = song(1, 8_000, 60 * 8_000)
    with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_16") as out:
        for _ in range(40):
            out.write(minute)
    tracemalloc.start()
    n_samples = sum(len(block) for block in mono_blocks(path, 4_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_samples == 40 * 60 * 4_000
    assert peak < 8_000_000


def test_identity_names_every_decoder() -> None:
    found = song_files.identity()
    assert tuple(found) == song_files.DECODERS
    assert all(found.values())
