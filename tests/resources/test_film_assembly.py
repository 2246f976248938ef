from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from audio_assets.domain.edit import Chapter
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.timebase import n_frames as n_frames_of
from resources.engines.film_assembly import assemble
from resources.song_files import SongReader
from resources.video_files import VideoFileError, VideoWriter, probe_video
from tests.films import BLUE, GREEN, RATE, RED, is_near, music, shown, write_clip, write_foreign_clip, write_song

COLOURS = RED, GREEN, BLUE, GREEN, RED
LENGTHS = (31, 1, 48, 17, 22)
N_FRAMES = sum(LENGTHS)
N_SAMPLES = round((N_FRAMES - 0.4) / 24 * 44_100)  # the film ends within the song's last frame


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [
        write_clip(folder / f"s{number:03}.mp4", n_frames, colour)
        for number, (n_frames, colour) in enumerate(zip(LENGTHS, COLOURS, strict=True), 1)
    ]


def film_of(clips: list[Path], song: Path, target: Path, n_frames: int = N_FRAMES) -> Rendered:
    chapters = (Chapter("Verse 1", 0, 32), Chapter("Chorus", 32, N_FRAMES))
    return assemble(clips, song, target, frame_rate=RATE, n_frames=n_frames, chapters=chapters)


def decoded(path: Path) -> np.ndarray:
    with SongReader(path) as reader:
        return np.concatenate(list(reader.blocks()))


def test_every_scene_begins_on_its_frame(clips: list[Path], tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", music(N_SAMPLES))
    made = film_of(clips, song, tmp_path / "film.mp4")
    frames = shown(tmp_path / "film.mp4")
    assert [number for number, _ in frames] == [number for n_frames in LENGTHS for number in range(n_frames)]
    colours = [colour for n_frames, colour in zip(LENGTHS, COLOURS, strict=True) for _ in range(n_frames)]
    assert all(is_near(found, wanted) for (_, found), wanted in zip(frames, colours, strict=True))
    info = probe_video(tmp_path / "film.mp4")
    assert (info.n_frames, info.frame_rate, info.first_pts_s, info.is_steady) == (N_FRAMES, RATE, 0.0, True)
    assert all(check.passed for check in made.checks)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".aac", ".opus", ".flac"])
def test_a_song_that_mp4_takes_is_copied_and_the_same_sample_for_sample(
    clips: list[Path], tmp_path: Path, suffix: str
) -> None:
    rate_hz = 48_000 if suffix == ".opus" else 44_100
    n_samples = round(N_SAMPLES * rate_hz / 44_100) - (1500 if suffix == ".aac" else 0)  # ADTS tells no padding
    song = write_song(tmp_path / f"song{suffix}", music(n_samples, rate_hz), rate_hz)
    made = film_of(clips, song, tmp_path / "film.mp4")
    assert made.facts["audio"].endswith("copied")
    assert np.array_equal(decoded(tmp_path / "film.mp4"), decoded(song))
    assert packets(tmp_path / "film.mp4") == packets(song)[: len(packets(tmp_path / "film.mp4"))]
    assert made.facts["av_start_offset_s"] == 0
    assert all(check.passed for check in made.checks), made.checks
    assert made.notes == ()


def packets(path: Path) -> list[bytes]:
    """The song's packets; of ADTS without its seven bytes of header."""
    with av.open(str(path)) as container:
        n_header = 7 if container.format.name == "aac" else 0
        return [bytes(packet)[n_header:] for packet in container.demux(audio=0) if packet.size]


def test_a_song_that_can_not_be_copied_is_kept_losslessly(clips: list[Path], tmp_path: Path) -> None:
    loud = music(N_SAMPLES)
    loud *= 1.6 / np.abs(loud).max()
    wav = write_song(tmp_path / "song.wav", music(N_SAMPLES))
    vorbis = write_song(tmp_path / "song.ogg", loud)
    made = film_of(clips, wav, tmp_path / "film.mp4")
    assert made.facts["audio"] == "flac, 16 bit"
    assert np.array_equal(decoded(tmp_path / "film.mp4"), decoded(wav))
    made = film_of(clips, vorbis, tmp_path / "film.mp4")
    wanted = np.clip(decoded(vorbis), -1, 1 - 2**-23)
    assert made.facts["audio"] == "flac, 24 bit"
    assert np.abs(decoded(tmp_path / "film.mp4") - wanted).max() <= 2**-24
    assert "pass full scale and are clipped" in made.notes[0]
    assert all(check.passed for check in made.checks)


def test_chapters_are_in_the_file_and_the_index_stands_before_the_frames(clips: list[Path], tmp_path: Path) -> None:
    film_of(clips, write_song(tmp_path / "song.wav", music(N_SAMPLES)), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        found = [(c["metadata"]["title"], float(c["start"] * c["time_base"])) for c in container.chapters()]
    assert [title for title, _ in found] == ["Verse 1", "Chorus"]
    assert [start for _, start in found] == pytest.approx([0, 32 / 24], abs=1e-4)
    data = (tmp_path / "film.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_nothing_changed_gives_the_same_bytes_and_leaves_no_scratch(clips: list[Path], tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.mp3", music(N_SAMPLES))
    for name in ("one", "two"):
        film_of(clips, song, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "song.mp3", "two"]


def test_flashes_come_with_their_beeps(tmp_path: Path) -> None:
    beats = [0, 30, 75, 119]
    with VideoWriter(tmp_path / "s001.mp4", 64, 64, RATE) as writer:
        for number in range(N_FRAMES + 1):
            writer.write(np.full((64, 64, 3), 255 if number in beats else 0, np.uint8))
    samples = np.zeros((N_SAMPLES + 1838, 2), np.float32)
    for beat in beats:
        start = round(beat / 24 * 44_100)
        samples[start : start + 400] = 0.5
    song = write_song(tmp_path / "song.m4a", samples)
    film_of([tmp_path / "s001.mp4"], song, tmp_path / "film.mp4", N_FRAMES + 1)
    lit: list[float] = []
    heard: list[float] = []
    with av.open(str(tmp_path / "film.mp4")) as container:  # as a player does: by the file's own times
        for frame in container.decode(video=0):
            if frame.to_ndarray(format="gray").mean() > 128:
                lit.append(float(frame.time or 0))
    with av.open(str(tmp_path / "film.mp4")) as container:
        for sound in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(sound.to_ndarray()[0]) > 0.2)
            heard += [float(sound.time or 0) + int(place) / 44_100 for place in loud]
    onsets = [heard[0], *(later for before, later in pairwise(heard) if later - before > 0.2)]
    assert lit == pytest.approx([beat / 24 for beat in beats], abs=1e-6)
    assert onsets == pytest.approx(lit, abs=0.002)


def test_five_minutes_at_an_ntsc_rate_do_not_drift(tmp_path: Path) -> None:
    rate = Fraction(24_000, 1001)
    song = write_song(tmp_path / "song.flac", np.zeros((8000 * 300 + 123, 1), np.float32), 8000)
    n_frames = n_frames_of(Fraction(8000 * 300 + 123, 8000), rate)
    clip = write_clip(tmp_path / "long.mp4", 240, RED, size=(32, 32), rate=rate)
    last = write_clip(tmp_path / "last.mp4", n_frames % 240, BLUE, size=(32, 32), rate=rate)
    made = assemble(
        [clip] * (n_frames // 240) + [last], song, tmp_path / "film.mp4", frame_rate=rate, n_frames=n_frames
    )
    assert made.facts["drift_frames"] == 0
    assert 0 <= made.facts["end_after_song_frames"] < 1
    with av.open(str(tmp_path / "film.mp4")) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
    assert [p.pts * p.time_base for p in packets[::1000]] == [n / rate for n in range(0, n_frames, 1000)]
    assert len(packets) == n_frames


def test_what_does_not_belong_together_is_refused_by_name(clips: list[Path], tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", music(N_SAMPLES))
    other = write_foreign_clip(tmp_path / "other.mp4", 22, RED)
    with pytest.raises(VideoFileError, match="s005 can not be joined to s001"):
        assemble(
            [*clips[:4], other],
            song,
            tmp_path / "film.mp4",
            frame_rate=RATE,
            n_frames=N_FRAMES,
            names=[f"s{number:03}" for number in range(1, 6)],
        )
    with pytest.raises(PermanentError, match=f"{N_FRAMES} frames together and the film {N_FRAMES + 1}"):
        film_of(clips, song, tmp_path / "film.mp4", N_FRAMES + 1)
    with pytest.raises(PermanentError, match="no clips"):
        film_of([], song, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()


def test_a_song_of_another_length_fails_its_check(clips: list[Path], tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", music(N_SAMPLES - 4000))
    made = film_of(clips, song, tmp_path / "film.mp4")
    assert {check.name: check.passed for check in made.checks}["as_long_as_song"] is False
