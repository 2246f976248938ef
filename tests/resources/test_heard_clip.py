"""What a provider that listens is given, and what is taken of what it made."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import alignment
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.timeline import Phone, Timeline
from resources.engines import heard_clip, mouth_warp
from resources.engines.heard_clip import heard_take, material, taken, write_voice
from resources.video_files import Picture, VideoWriter, probe_video
from tests import faces
from tests.films import BLUE, HEIGHT, RATE, RED, WIDTH, picture_of, shown, write_clip, write_foreign_clip

N = 48
SUNG = alignment.to_bytes(AlignmentRecord(Timeline((Phone("ɑ", 0.0, 2.0),), (), 2.0), "by hand"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", N, RED)


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """Two seconds of stereo, as the voice is cut out of a song."""
    at_s = np.arange(2 * 44_100) / 44_100
    voice = np.stack([0.3 * np.sin(2 * np.pi * 220 * at_s)] * 2, axis=1)
    soundfile.write(tmp_path / "voice.flac", voice, 44_100, "PCM_24", format="FLAC")
    return tmp_path / "voice.flac"


def singing(
    n: int, *, mouth: tuple[int, int, int] = (250, 40, 200), size: tuple[int, int] = (WIDTH, HEIGHT)
) -> list[Picture]:
    """The clip's pictures with a mouth in them."""
    pictures = [picture_of(number, RED, *size) for number in range(n)]
    for picture in pictures:
        picture[80:110, 110:150] = mouth
    return pictures


def write(path: Path, pictures: Iterable[Picture], rate: Fraction = RATE, *, foreign: bool = False) -> Path:
    """A result; `foreign` as another encoder writes it."""
    pictures = list(pictures)
    height, width = pictures[0].shape[:2]
    if not foreign:
        with VideoWriter(path, width, height, rate) as writer:
            for picture in pictures:
                writer.write(picture)
        return path
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=rate, options={"bf": "2", "crf": "14"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


# --- What is given ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_frames", [N, N + 12, N - 12])
def test_the_voice_is_as_long_as_the_clip(tmp_path: Path, segment: Path, n_frames: int) -> None:
    write_voice(segment, n_frames / RATE, tmp_path / "out.wav")
    voice, rate_hz = soundfile.read(tmp_path / "out.wav")
    assert (len(voice), rate_hz, voice.ndim) == (round(n_frames / RATE * 44_100), 44_100, 1)
    whole, _ = soundfile.read(segment)
    there = min(len(voice), len(whole))
    assert np.abs(voice[:there] - whole[:there, 0]).max() < 1e-4
    assert not voice[there:].any()


def test_a_clip_that_is_in_shape_is_given_as_it_is_and_nothing_is_left(
    tmp_path: Path, clip: Path, segment: Path
) -> None:
    before = set(tmp_path.iterdir())
    with material(clip, segment, RATE, tmp_path / "scratch.mp4") as given:
        assert (given.video, given.notes) == (clip, ())
        assert soundfile.info(given.voice).frames == 2 * 44_100
    assert set(tmp_path.iterdir()) == before


def test_a_clip_in_another_container_is_given_as_mp4(tmp_path: Path, segment: Path) -> None:
    with av.open(str(write_clip(tmp_path / "a.mp4", N, BLUE))) as source, av.open(str(tmp_path / "a.mkv"), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with material(tmp_path / "a.mkv", segment, RATE, tmp_path / "scratch.mp4") as given:
        info = probe_video(given.video)
        assert (given.video.suffix, info.n_frames, info.frame_rate) == (".mp4", N, RATE)
        assert given.notes == ("the clip was brought to 256 x 144 at 24 frames per second to move its mouth",)


def test_a_voice_that_can_not_be_read_is_one_sentence(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "voice.flac").write_bytes(b"no voice")
    with (
        pytest.raises(PermanentError, match=r"voice\.flac"),
        material(clip, tmp_path / "voice.flac", RATE, tmp_path / "scratch.mp4"),
    ):
        pass


# --- What is taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("foreign", [False, True])
def test_a_result_that_fits_is_taken_byte_for_byte(tmp_path: Path, clip: Path, foreign: bool) -> None:
    made = write(tmp_path / "made.mp4", singing(N), foreign=foreign)
    data = made.read_bytes()
    done = taken(clip, made, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == data
    assert done == Synced(N, N, N, "by_voice", (), {"n_result_frames": N, "n_missing_frames": 0})
    assert not made.exists()


def test_more_frames_than_the_clip_has_are_cut_off(tmp_path: Path, clip: Path) -> None:
    done = taken(clip, write(tmp_path / "made.mp4", [*singing(N), *singing(5)]), tmp_path / "out.mp4")
    numbers = [number for number, _ in shown(tmp_path / "out.mp4")]
    assert numbers == list(range(N))
    assert (done.measures, done.notes) == ({"n_result_frames": N + 5, "n_missing_frames": 0}, ())


def test_frames_that_are_missing_at_the_end_are_the_clips_own(tmp_path: Path, clip: Path) -> None:
    done = taken(clip, write(tmp_path / "made.mp4", singing(N - 4)), tmp_path / "out.mp4")
    assert [number for number, _ in shown(tmp_path / "out.mp4")] == list(range(N))
    assert done.measures == {"n_result_frames": N - 4, "n_missing_frames": 4}
    assert done.n_changed == N - 4
    assert done.notes == ("the result ended 4 frames early: they are the clip's own",)


def test_frames_at_another_rate_lie_where_they_are_due(tmp_path: Path, clip: Path) -> None:
    at_25 = [singing(N)[min(N - 1, int((n + Fraction(1, 2)) / 25 * RATE))] for n in range(50)]
    done = taken(clip, write(tmp_path / "made.mp4", at_25, Fraction(25), foreign=True), tmp_path / "out.mp4")
    info = probe_video(tmp_path / "out.mp4")
    assert (info.n_frames, info.frame_rate, info.is_steady) == (N, RATE, True)
    assert [number for number, _ in shown(tmp_path / "out.mp4")] == list(range(N))
    assert done.notes == ("the result had 25 frames per second and was brought to 24",)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda path: write(path, singing(N - 8)), "lasts 1.67 s and the clip 2.00 s: too much is missing"),
        (lambda path: write(path, singing(N, size=(128, 144))), "is 128 x 144 pixels and the clip 256 x 144"),
        (lambda path: write(path, [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * N), "blacked out in 48 of 48 frames"),
        (lambda path: write(path, singing(N, mouth=(0, 0, 0))), "blacked out in 48 of 48 frames"),
        (lambda path: path.write_bytes(b"no video"), "the result is no video"),
        (lambda path: path.write_bytes(write(path, singing(N)).read_bytes()[:-900]), "the result"),
    ],
)  # fmt: skip
def test_what_is_no_result_for_this_clip_is_refused_and_gone(
    tmp_path: Path, clip: Path, made: object, says: str
) -> None:
    assert callable(made)
    made(tmp_path / "made.mp4")
    with pytest.raises(PermanentError, match=says):
        taken(clip, tmp_path / "made.mp4", tmp_path / "out.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4"}


def test_an_open_mouth_that_is_dark_inside_is_no_blacked_out_face(tmp_path: Path, clip: Path) -> None:
    pictures = singing(N, mouth=(200, 90, 90))
    for picture in pictures:
        picture[90:100, 115:145] = 4
    assert taken(clip, write(tmp_path / "made.mp4", pictures), tmp_path / "out.mp4").n_changed == N


def test_a_dark_clip_is_not_taken_for_blacked_out(tmp_path: Path) -> None:
    dark = write_clip(tmp_path / "clip.mp4", N, (10, 10, 12))
    pictures = [picture_of(number, (10, 10, 12)) for number in range(N)]
    for picture in pictures:
        picture[80:110, 110:150] = (90, 40, 40)
    assert taken(dark, write(tmp_path / "made.mp4", pictures), tmp_path / "out.mp4").n_changed == N


def test_another_encoder_alone_moves_no_mouth(tmp_path: Path, clip: Path) -> None:
    made = write_foreign_clip(tmp_path / "made.mp4", N, RED)
    assert taken(clip, made, tmp_path / "out.mp4").n_changed == 0


# --- The artifact ----------------------------------------------------------------------------------------------------


def test_the_artifact_says_who_moved_the_mouth_and_how_much(tmp_path: Path, clip: Path, segment: Path) -> None:
    def sync(video: Path, voice: Path, target: Path) -> Synced:
        assert (probe_video(video).n_frames, soundfile.info(voice).channels) == (N, 1)
        return taken(video, write(tmp_path / "made.mp4", singing(N - 2)), target)

    done = heard_take(sync, "toy", clip, segment, SUNG, RATE, None, tmp_path / "out.mp4")
    assert done.files == {"clip.mp4": tmp_path / "out.mp4"}
    assert done.facts == {
        "method": "by_voice", "provider": "toy", "n_frames": N, "n_changed": N - 2, "duration_s": 2.0,
        "n_result_frames": N - 2, "n_missing_frames": 2,
    }  # fmt: skip
    assert {check.name: check.passed for check in done.checks} == {
        "face_is_found": True, "face_is_steady": True, "has_every_frame": False,
    }  # fmt: skip
    assert done.previews["picture.jpg"]
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "voice.flac", "out.mp4"}


def test_where_nothing_moves_the_checks_say_so(tmp_path: Path, clip: Path, segment: Path) -> None:
    def sync(video: Path, _voice: Path, target: Path) -> Synced:
        return taken(video, write_foreign_clip(tmp_path / "made.mp4", N, RED), target)

    done = heard_take(sync, "toy", clip, segment, SUNG, RATE, None, tmp_path / "out.mp4")
    assert {check.name for check in done.checks if not check.passed} == {"face_is_found", "face_is_steady"}


@pytest.mark.parametrize("lag", [0, 3])
def test_the_new_mouths_lag_behind_the_phonemes_is_measured(tmp_path: Path, segment: Path, lag: int) -> None:
    model_dir = faces.model_dir()
    n = 4 + sum(length for _, length in faces.PHRASE) + 8
    still = faces.write_clip(tmp_path / "clip.mp4", [faces.portrait(320, 240, zoom=1.6)] * n)
    phones, at = [], 4
    for phoneme, length in faces.PHRASE:
        phones.append(Phone(phoneme, float(at / RATE), float((at + length) / RATE)))
        at += length
    record = alignment.to_bytes(AlignmentRecord(Timeline(tuple(phones), (), float(n / RATE)), "by hand"))
    by_s = float(lag / RATE)
    late = tuple(replace(phone, t_start=phone.t_start + by_s, t_end=phone.t_end + by_s) for phone in phones)
    frames = heard_clip.scene_lipsync(
        alignment.to_bytes(AlignmentRecord(Timeline(late, (), float(n / RATE)), "by hand")), RATE, n
    )  # fmt: skip

    def sync(video: Path, _voice: Path, target: Path) -> Synced:
        mouth_warp.sync(video, frames, None, tmp_path / "made.mp4", model_dir=model_dir)
        return taken(video, tmp_path / "made.mp4", target)

    done = heard_take(sync, "toy", still, segment, record, RATE, model_dir, tmp_path / "out.mp4")
    assert abs(done.facts["offset_frames"] - lag) <= 1
    assert done.facts["offset_correlation"] > 0.6
    assert done.facts["n_with_face"] == n
