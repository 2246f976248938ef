from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.edit import Chapter
from audio_assets.domain.reframe import SceneTrack, Spot
from audio_assets.domain.rendering import PermanentError, Rendered
from resources.engines.deliverables import DeliverySpec, cropped, deliver
from resources.engines.film_assembly import assemble
from resources.engines.film_sound import best_offset
from resources.song_files import SongReader
from resources.video_files import Picture, VideoWriter, probe_video, read_frames
from tests.films import BLUE, GREEN, RATE, RED, WIDTH, is_near, music, number_in, shown, write_clip, write_song

LENGTHS = (25, 30)
N_FRAMES = sum(LENGTHS)
N_SAMPLES = round((N_FRAMES - 0.3) / 24 * 44_100)
CHAPTERS = (Chapter("Verse", 0, 25), Chapter("Chorus", 25, N_FRAMES))


@dataclass(frozen=True)
class Made:
    film: Path
    song: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("film")
    clips = [write_clip(folder / f"{n}.mp4", n, colour) for n, colour in zip(LENGTHS, (RED, GREEN), strict=True)]
    song = write_song(folder / "song.wav", music(N_SAMPLES))
    assemble(clips, song, folder / "film.mp4", frame_rate=RATE, n_frames=N_FRAMES)
    return Made(folder / "film.mp4", song)


def delivered(made: Made, target: Path, container: Any, width: int, height: int, **more: Any) -> Rendered:
    draw = more.pop("draw_subtitles", None)
    spec = DeliverySpec(container, width, height, chapters=CHAPTERS, **more)
    return deliver(made.film, made.song, spec, target, draw)


def decoded(path: Path) -> np.ndarray:
    with SongReader(path) as reader:
        return np.concatenate(list(reader.blocks()))


def test_the_films_own_pictures_are_copied_into_mp4_and_only_the_sound_is_encoded(made: Made, tmp_path: Path) -> None:
    rendered = delivered(made, tmp_path / "out", "mp4", 256, 144)
    assert (rendered.facts["video"], rendered.facts["audio"]) == ("h264, copied", "aac")
    with av.open(str(made.film)) as film, av.open(str(tmp_path / "out")) as out:
        assert [bytes(p) for p in film.demux(video=0)] == [bytes(p) for p in out.demux(video=0)]
        assert [chapter["metadata"]["title"] for chapter in out.chapters()] == ["Verse", "Chorus"]
    assert all(check.passed for check in rendered.checks), rendered.checks


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_every_frame_and_cut_is_where_it_was_and_the_sound_not_a_sample_late(
    made: Made, tmp_path: Path, container: str
) -> None:
    target = tmp_path / "out"
    rendered = delivered(made, target, container, 128, 72)
    frames = shown(target)
    assert [number for number, _ in frames] == [*range(25), *range(30)]
    assert all(is_near(colour, RED if number < 25 else GREEN, 14) for number, (_, colour) in enumerate(frames))
    assert all(check.passed for check in rendered.checks), rendered.checks
    sound = decoded(target)
    rate_hz = rendered.facts["sample_rate_hz"]
    assert len(sound) == round(N_SAMPLES * rate_hz / 44_100)
    if rate_hz == 44_100:
        source = decoded(made.song)[20_000:50_000, 0].astype(np.float64)
        assert best_offset(source, sound[19_000:51_000, 0].astype(np.float64)) == 1000
    assert rendered.facts["audio_offset_samples"] == 0
    with av.open(str(target)) as out:
        times = [frame.time for frame in out.decode(video=0)]
        assert times == pytest.approx([number / 24 for number in range(N_FRAMES)], abs=0.0006)
        assert [chapter["metadata"]["title"] for chapter in out.chapters()] == ["Verse", "Chorus"]


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_loudness_is_met_and_true_peaks_stay_under_the_ceiling_when_decoded(
    made: Made, tmp_path: Path, container: str
) -> None:
    rendered = delivered(made, tmp_path / "out", container, 64, 36, target_lufs=-11.0)
    found = measure_loudness(decoded(tmp_path / "out"), rendered.facts["sample_rate_hz"])
    assert found.true_peak_db is not None
    assert found.true_peak_db <= -0.95
    assert found.integrated_lufs == pytest.approx(-11.0, abs=0.4)
    assert rendered.facts["max_limiting_db"] > 0.5
    assert all(check.passed for check in rendered.checks), rendered.checks


def test_the_ceiling_holds_even_where_the_loudness_can_not_be_had(made: Made, tmp_path: Path) -> None:
    samples = music(N_SAMPLES)
    samples[::4000] = 0.99  # clicks, which an encoder spreads
    song = write_song(tmp_path / "song.wav", samples)
    rendered = delivered(Made(made.film, song), tmp_path / "out", "webm", 64, 36, target_lufs=-8.0)
    found = measure_loudness(decoded(tmp_path / "out"), rendered.facts["sample_rate_hz"])
    assert found.true_peak_db is not None
    assert found.true_peak_db <= -0.9
    assert {check.name: check.passed for check in rendered.checks}["loudness"] is False


def test_where_there_is_room_one_gain_is_all(made: Made, tmp_path: Path) -> None:
    times = np.arange(N_SAMPLES)[:, np.newaxis] / 44_100
    chord = 0.15 * np.sin(2 * np.pi * times * 220) + 0.1 * np.sin(2 * np.pi * times * 553)
    song = write_song(tmp_path / "song.flac", np.repeat(chord, 2, axis=1).astype(np.float32))
    rendered = delivered(Made(made.film, song), tmp_path / "out", "mp4", 256, 144, target_lufs=-20.0)
    sound, source = decoded(tmp_path / "out"), decoded(song)
    assert rendered.facts["max_limiting_db"] == 0
    gain = float(np.sum(sound * source) / np.sum(source * source))
    assert 20 * np.log10(gain) == pytest.approx(rendered.facts["gain_db"], abs=0.05)


def test_a_vertical_crop_follows_the_face_and_jumps_only_at_the_cut(tmp_path: Path) -> None:
    width, height = 320, 180
    with VideoWriter(tmp_path / "clip.mp4", width, height, RATE) as writer:
        for number in range(40):
            picture = np.full((height, width, 3), BLUE, np.uint8)
            x = 40 if number < 20 else 260
            picture[60:100, x - 20 : x + 20] = 255
            writer.write(picture)
    song = write_song(tmp_path / "song.wav", music(round(39.5 / 24 * 44_100)))
    tracks = (
        SceneTrack(0, 20, tuple(Spot(number, 40 / 320, 80 / 180) for number in range(0, 20, 4))),
        SceneTrack(20, 40, (Spot(30, 260 / 320, 80 / 180),)),
    )
    spec = DeliverySpec("mp4", 180, 320, scenes=tracks, poster_frame=25)
    rendered = deliver(tmp_path / "clip.mp4", song, spec, tmp_path / "out")
    centres = [np.flatnonzero(picture[142, :, 0] > 150).mean() for picture in read_frames(tmp_path / "out")]
    assert np.ptp(centres[:20]) < 1
    assert np.ptp(centres[20:]) < 1
    assert centres[0] == pytest.approx(40 * 320 / 180, abs=3)  # at the edge of the film the box can go no further
    assert centres[20] == pytest.approx(90, abs=3)  # the middle
    poster = cv2.imdecode(np.frombuffer(rendered.files["poster.jpg"], np.uint8), cv2.IMREAD_COLOR)
    assert poster is not None
    assert poster.shape == (320, 180, 3)
    assert np.flatnonzero(poster[142, :, 2] > 150).mean() == pytest.approx(90, abs=3)


@pytest.mark.parametrize("size", [(20, 40), (60, 120)])
def test_a_gliding_box_moves_by_parts_of_a_pixel(size: tuple[int, int]) -> None:
    ramp = np.linspace(20, 213.7, 101)[np.newaxis, :] + 3 * np.random.default_rng(1).random((80, 1))
    picture = ramp.astype(np.uint8)[:, :, np.newaxis].repeat(3, axis=2)  # 1.937 levels a pixel: roundings differ
    still = cropped(picture, (30.0, 0.0), (40, 80), size)
    rises = []
    for shift in (0.25, 0.5, 0.75):
        moved = cropped(picture, (30.0 + shift, 0.0), (40, 80), size)
        rises.append(float((moved.astype(float) - still)[5:-5, 2:-2].mean()))
    assert rises == pytest.approx([1.937 * shift for shift in (0.25, 0.5, 0.75)], abs=0.4)  # whole levels
    assert 0 < rises[0] < rises[1] < rises[2] < 1.937
    assert cropped(picture, (31.5, 0.25), (40, 80), size).shape == (size[1], size[0], 3)


class Marks:
    """Draws a white square in frames from 10 to 19."""

    def __call__(self, picture: Picture, frame: int) -> None:
        if 10 <= frame < 20:
            picture[-20:, -20:] = 255


def test_burned_text_is_in_its_frames_and_in_no_other(made: Made, tmp_path: Path) -> None:
    rendered = delivered(made, tmp_path / "out", "mp4", 256, 144, draw_subtitles=Marks())
    assert rendered.facts["video"] == "h264, encoded"
    lit = [n for n, picture in enumerate(read_frames(tmp_path / "out")) if picture[-10, -10].mean() > 200]
    assert lit == list(range(10, 20))


@pytest.mark.parametrize(("container", "size"), [("mp4", (144, 144)), ("webm", (144, 256))])
def test_the_same_film_gives_the_same_bytes_and_leaves_no_scratch(
    made: Made, tmp_path: Path, container: str, size: tuple[int, int]
) -> None:
    tracks = (SceneTrack(0, 25, tuple(Spot(n, 0.2 + n / 40, 0.5) for n in range(25))), SceneTrack(25, N_FRAMES))
    both = [delivered(made, tmp_path / name, container, *size, scenes=tracks) for name in ("one", "two")]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert both[0].files["poster.jpg"] == both[1].files["poster.jpg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_poster_is_the_frame_asked_for(made: Made, tmp_path: Path) -> None:
    rendered = delivered(made, tmp_path / "out", "mp4", 256, 144, poster_frame=41, poster="png")
    picture = cv2.imdecode(np.frombuffer(rendered.files["poster.png"], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert number_in(picture[:, :, ::-1]) == 41 - 25
    assert picture.shape[1] == WIDTH


def test_what_can_not_be_made_is_said_in_a_sentence(made: Made, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="even numbers"):
        delivered(made, tmp_path / "out", "mp4", 255, 144)
    with pytest.raises(PermanentError, match=f"do not cover the film's {N_FRAMES} frames"):
        delivered(made, tmp_path / "out", "mp4", 144, 144, scenes=(SceneTrack(0, 25),))
    with pytest.raises(PermanentError, match="no frame 55"):
        delivered(made, tmp_path / "out", "mp4", 144, 144, poster_frame=N_FRAMES)
    assert list(tmp_path.iterdir()) == []


def test_webm_frames_are_as_many_and_as_fast(made: Made, tmp_path: Path) -> None:
    delivered(made, tmp_path / "out", "webm", 64, 36)
    info = probe_video(tmp_path / "out")
    assert (info.codec, info.n_frames, info.frame_rate) == ("vp9", N_FRAMES, Fraction(24))
