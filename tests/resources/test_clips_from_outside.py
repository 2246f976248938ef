"""Clips that no engine of ours made: cut off, trimmed without encoding, without a fixed rate, lying on their side."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.schemas import alignment, lipsync
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.engines.lipsynced_take import lipsynced
from resources.video_files import VideoFileError, decode_whole, probe_video, read_frames
from tests import films

RATE = Fraction(24)
WIDTH, HEIGHT = 96, 64


def _clip(path: Path, times: Sequence[int], *, ticks: int = 24, **options: str) -> Path:
    """A clip with a frame at each time (in `ticks` a second); its grey tells which second it is from."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=ticks, options={"g": "12", **options})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, ticks)
        for time in times:
            picture = np.full((HEIGHT, WIDTH, 3), 20 + 40 * time // ticks, np.uint8)
            picture[::8, time % WIDTH] = 255
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _trimmed(source: Path, target: Path, n_before: int) -> Path:
    """The clip without its first frames as a copying editor makes it: they are in the file, and are not shown."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                back = int(n_before / RATE / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - back, packet.dts - back, stream
                after.mux(packet)
    return target


def test_a_clip_that_is_cut_off_is_named_and_so_is_where(tmp_path: Path) -> None:
    whole = _clip(tmp_path / "whole.mp4", range(96), crf="1")
    index_first = tmp_path / "streamed.mp4"
    with av.open(str(whole)) as before, av.open(str(index_first), "w", options={"movflags": "faststart"}) as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    assert decode_whole(index_first).n_frames == 96
    data = index_first.read_bytes()
    for share in (0.4, 0.7, 0.95):
        index_first.write_bytes(data[: int(share * len(data))])
        with pytest.raises(VideoFileError, match=r"holiday\.mp4 (is damaged after \d|ends after \d+ of 96)"):
            decode_whole(index_first, "holiday.mp4")
    whole.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(VideoFileError, match=r"whole\.mp4 is cut off or damaged") as refused:
        decode_whole(whole)
    assert "Errno" not in str(refused.value)


@pytest.mark.parametrize("n_bframes", [0, 2])
def test_frames_that_a_trimmed_clip_hides_are_not_counted(tmp_path: Path, n_bframes: int) -> None:
    whole = _clip(tmp_path / "whole.mp4", range(72), bf=str(n_bframes))
    trimmed = _trimmed(whole, tmp_path / "trimmed.mp4", n_before=18)
    info = probe_video(trimmed)
    assert info.n_frames == len(list(read_frames(trimmed))) == 54
    assert info.first_pts_s < 0, "or its packets would be copied, hidden ones and all"
    assert info.key_frames == (0,)


def _sung(duration_s: float) -> bytes:
    timeline = Timeline((Phone("ɑ", 0.0, duration_s),), (Word("ah", 0.0, duration_s),), duration_s)
    return alignment.to_bytes(AlignmentRecord(timeline, "by hand"))


def test_a_mouth_in_a_clip_without_a_rate_moves_in_the_clips_own_time(tmp_path: Path) -> None:
    times = [*range(60), *range(60, 240, 6)]  # 60 a second for one second, then 10
    clip = _clip(tmp_path / "phone.mp4", times, ticks=60)
    assert not probe_video(clip).is_steady
    given: list[tuple[int, Fraction, list[float]]] = []

    def sync(shown: Path, mouth: bytes, _drawn: bytes | None, target: Path) -> Synced:
        info = probe_video(shown)
        greys = [float(np.median(picture)) for picture in read_frames(shown)]
        given.append((info.n_frames, info.frame_rate, greys))
        assert len(lipsync.from_bytes(mouth).frames) == info.n_frames
        target.write_bytes(shown.read_bytes())
        return Synced(info.n_frames, info.n_frames, info.n_frames, "warp")

    done = lipsynced(sync, clip, _sung(4.0), None, RATE, tmp_path / "out.mp4")
    ((n_frames, rate, greys),) = given
    assert (n_frames, rate) == (95, RATE), "3.9 s to the last frame, which lasts as long as the others do on average"
    for second in range(4):  # the frame in the middle of each second is from that second
        assert greys[24 * second + 12] == pytest.approx(20 + 40 * (second + 0.5), abs=6)
    assert "brought to 96 x 64 at 24" in done.notes[0]
    assert list(tmp_path.glob("*.shaped.mp4")) == []


def test_a_steady_clip_is_given_as_it_is(tmp_path: Path) -> None:
    clip = _clip(tmp_path / "steady.mp4", range(48))

    def sync(shown: Path, _mouth: bytes, _drawn: bytes | None, target: Path) -> Synced:
        assert shown == clip
        target.write_bytes(shown.read_bytes())
        return Synced(48, 48, 48, "warp")

    assert lipsynced(sync, clip, _sung(2.0), None, RATE, tmp_path / "out.mp4").notes == ()


def test_the_rows_of_a_frame_stand_without_a_gap(tmp_path: Path) -> None:
    """1,080 bytes a row, which the decoder pads: dlib would read past them."""
    clip = films.write_clip(tmp_path / "clip.mp4", 2, films.RED, size=(360, 640))
    frames = list(read_frames(clip))
    assert len(frames) == 2
    assert all(frame.flags.c_contiguous for frame in frames)
