"""Video files: what is in one, its frames out, frames in. The one place that opens them, through PyAV.

A file from outside is handed to FFmpeg open, with the one demuxer that its first bytes call for, so that a playlist or
a concat script named `.mp4` is no video and can not make it read another file or an address (as in `song_decoding`).

What is written here is H.264 without B-frames: packets stand in the order in which they are shown, so that a clip is
cut to the frame by dropping packets, and clips of equal settings are joined without encoding again. BT.709, limited
range. The same frames give the same bytes (bit-exact flags, fixed threads).
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm")
CRF, PRESET = 20, "veryfast"
KEY_FRAME_S = 2
_BITEXACT_CODEC = 1 << 23
_MAX_PIXELS = 8192 * 8192


class VideoFileError(ValueError):
    """A file can not be used as a video; the message is one sentence: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a file holds; two files whose `joint` is the same can be joined without encoding again.

    `n_frames` is counted, not taken from a header, without the frames that a trimmed file still holds and does not
    show. `first_pts_s` is where its first frame lies, below 0 for a trimmed one. `is_steady`: every frame lies where
    the rate says, within half a tick of the file's clock; else the rate is their mean. `key_frames` are the numbers of
    the packets where decoding can begin. `pixel_aspect` is a pixel's width over its height.
    """

    container: str
    codec: str
    width: int
    height: int
    frame_rate: Fraction
    n_frames: int
    pixel_format: str
    has_audio: bool
    first_pts_s: float
    is_in_order: bool
    joint: str
    is_steady: bool
    key_frames: tuple[int, ...]
    pixel_aspect: Fraction

    @property
    def duration_s(self) -> float:
        """Frames by rate."""
        return float(self.n_frames / self.frame_rate)


def container_of(head: bytes) -> str:
    """FFmpeg's demuxer for a file with these first bytes, "" for none that is read as video here."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    return "matroska" if head[:4] == b"\x1a\x45\xdf\xa3" else ""


def open_video(file: BinaryIO, name: str) -> InputContainer:
    """An opened file's container; close it before the file.

    Raises:
        VideoFileError: it is no video that is read here.
    """
    container = container_of(file.read(16))
    file.seek(0)
    if not container:
        raise VideoFileError(f"{name} is no video (mp4, mov, mkv and webm are read)")
    try:
        opened = av.open(file, mode="r", format=container)
    except (av.FFmpegError, ValueError) as error:
        raise VideoFileError(f"{name} is cut off or damaged, nothing in it can be found; export it again") from error
    if not opened.streams.video:
        opened.close()
        raise VideoFileError(f"{name} has no picture in it")
    return opened


def probe_video(path: Path) -> VideoInfo:
    """What the file holds; every packet is read, no frame is decoded.

    Raises:
        VideoFileError: it can not be read, is empty, or has no fixed frame rate.
        FileNotFoundError: there is no such file.
    """
    with path.open("rb") as file, closing(open_video(file, path.name)) as container:
        stream = container.streams.video[0]
        try:
            packets = [(p.pts, p.is_keyframe, p.is_discard) for p in container.demux(stream) if p.pts is not None]
        except av.FFmpegError as error:
            raise VideoFileError(f"{path.name} is damaged: {error.strerror}") from error
        context = stream.codec_context
        rate = stream.average_rate or stream.guessed_rate
        if all(is_discard for _, _, is_discard in packets) or not rate or not stream.time_base:
            raise VideoFileError(f"{path.name} has no frames that can be counted")
        if context.width * context.height > _MAX_PIXELS:
            raise VideoFileError(f"{path.name} is {context.width} x {context.height} pixels, too large to be a clip")
        times = [pts for pts, _, _ in packets]
        shown = [pts for pts, _, is_discard in packets if not is_discard]
        is_steady = _is_steady(shown, Fraction(rate), stream.time_base)
        return VideoInfo(
            container=container.format.name,
            codec=context.name,
            width=context.width,
            height=context.height,
            frame_rate=Fraction(rate) if is_steady else _mean_rate(shown, Fraction(rate), stream.time_base),
            n_frames=len(shown),
            pixel_format=context.pix_fmt or "",
            has_audio=bool(container.streams.audio),
            first_pts_s=float(min(times) * stream.time_base),
            is_in_order=times == sorted(times),
            joint=joint_of(stream),
            is_steady=is_steady,
            key_frames=_key_frames(packets),
            pixel_aspect=Fraction(stream.sample_aspect_ratio or 1),
        )


def _key_frames(packets: list[tuple[int, bool, bool]]) -> tuple[int, ...]:
    """Where decoding can begin; only at the start of a trimmed file, whose packets do not number what is shown."""
    is_trimmed = any(is_discard for _, _, is_discard in packets)
    return tuple(number for number, (_, is_key, _) in enumerate(packets) if is_key and not (is_trimmed and number))


def decode_whole(path: Path, name: str = "") -> VideoInfo:
    """As `probe_video`, once every frame was decoded: or the film would be the first to find out.

    Raises:
        VideoFileError: it can not be read to its end; `name` is what the file is called, where the path does not say.
    """
    name = name or path.name
    with path.open("rb") as file, closing(open_video(file, name)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        n_packets, end_s = 0, 0.0
        try:
            for packet in container.demux(stream):
                n_packets += packet.size > 0
                for frame in packet.decode():
                    end_s = max(end_s, frame.time or 0.0)
        except av.FFmpegError as error:
            raise VideoFileError(f"{name} is damaged after {end_s:.2f} s; export it again") from error
    if n_packets < stream.frames:
        raise VideoFileError(f"{name} ends after {n_packets} of {stream.frames} frames; copy or export it again")
    return probe_video(path)


def _is_steady(times: list[int], rate: Fraction, time_base: Fraction) -> bool:
    step = 1 / (rate * time_base)
    first = min(times)
    return all(abs(pts - first - number * step) <= Fraction(1, 2) for number, pts in enumerate(sorted(times)))


def _mean_rate(times: list[int], rate: Fraction, time_base: Fraction) -> Fraction:
    """Of frames that lie anywhere, so that frames by rate is how long they last; a header may say anything."""
    span_s = (max(times) - min(times)) * time_base
    return ((len(times) - 1) / span_s).limit_denominator(1001) if span_s else rate


def joint_of(stream: VideoStream) -> str:
    """Over all that has to agree between joined clips: codec, parameter sets, size, pixels, colours."""
    context = stream.codec_context
    facts = (
        context.name, context.width, context.height, context.pix_fmt, context.color_range, context.colorspace,
        stream.sample_aspect_ratio, sha256(context.extradata or b"").hexdigest(),
    )  # fmt: skip
    return sha256(repr(facts).encode()).hexdigest()


def read_frames(path: Path, *, width: int = 0, height: int = 0, n_threads: int = 1) -> Generator[Picture, None, None]:
    """Every frame in the order shown, scaled to `width` x `height` where given.

    Raises:
        VideoFileError: it can not be read.
    """
    with path.open("rb") as file, closing(open_video(file, path.name)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = n_threads
        try:
            for frame in container.decode(stream):
                yield as_picture(frame, width or frame.width, height or frame.height)
        except av.FFmpegError as error:
            raise VideoFileError(f"{path.name} is damaged: {error.strerror}") from error


def decode_from(
    path: Path, first_packet: int = 0, *, only_key_frames: bool = False
) -> Generator[tuple[Fraction, VideoFrame], None, None]:
    """Frames with their times in seconds from the clip's first; decoding begins with a packet that is a key frame.

    Other than from 0 only where frames stand in the order in which they are shown (`is_in_order`).

    Raises:
        VideoFileError: it can not be read.
    """
    with path.open("rb") as file, closing(open_video(file, path.name)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if only_key_frames:
            stream.codec_context.skip_frame = "NONKEY"
        number, first_pts = 0, None
        try:
            for packet in container.demux(stream):
                if first_pts is None and packet.pts is not None and first_packet:
                    first_pts = packet.pts
                if packet.pts is not None and number < first_packet:
                    number += 1
                    continue
                for frame in packet.decode():
                    if frame.pts is None:
                        continue
                    first_pts = frame.pts if first_pts is None else first_pts
                    yield (frame.pts - first_pts) * (frame.time_base or Fraction(0)), frame
        except av.FFmpegError as error:
            raise VideoFileError(f"{path.name} is damaged: {error.strerror}") from error


def as_picture(frame: VideoFrame, width: int, height: int) -> Picture:
    """A decoded frame as RGB; one that does not say its colours is BT.709 from 720 lines on, as players take it.

    Its rows stand without a gap: dlib reads past them where they do not (every width whose 3 bytes a pixel do not fill
    the decoder's lines, like 360), and finds now a face and now none.
    """
    space = frame.colorspace if frame.colorspace in (1, 5, 6) else (1 if frame.height >= 720 else 5)
    shown = frame.reformat(
        width, height, "rgb24", src_colorspace=Colorspace.ITU709 if space == 1 else Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG,
    )  # fmt: skip
    return np.ascontiguousarray(shown.to_ndarray(), np.uint8)


class VideoWriter:
    """Writes frames to an MP4 file; leaves a whole file at the end of its `with`, and no file after an error.

    Raises (from its methods):
        VideoFileError: the encoder refuses.
    """

    _FORMAT, _ENCODER = "mp4", "libx264"
    _FORMAT_OPTIONS: ClassVar = {"movflags": "+faststart"}

    def __init__(
        self,
        target: Path,
        width: int,
        height: int,
        frame_rate: Fraction,
        *,
        crf: int = CRF,
        n_threads: int = 1,
        preset: str = PRESET,
    ) -> None:
        self.target, self.width, self.height = target, width, height
        self.n_frames = 0
        self._container = av.open(
            str(target), mode="w", format=self._FORMAT, options={"fflags": "+bitexact", **self._FORMAT_OPTIONS}
        )
        self._stream: Any = self._container.add_stream(self._ENCODER, rate=frame_rate)
        context: Any = self._stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = 1 / frame_rate
        context.color_range, context.colorspace = 1, 1
        context.color_primaries, context.color_trc = 1, 1
        context.thread_count = n_threads
        context.flags |= _BITEXACT_CODEC
        self._preset = preset
        context.options = self._encoder_options(round(KEY_FRAME_S * frame_rate), crf, n_threads)

    def _encoder_options(self, gop: int, crf: int, n_threads: int) -> dict[str, str]:
        return {
            "preset": self._preset, "crf": str(crf),
            # stitchable: headers do not depend on crf or content, so that clips of any crf can be joined.
            "x264-params": f"bframes=0:keyint={gop}:min-keyint={gop}:scenecut=0:stitchable=1:threads={n_threads}",
        }  # fmt: skip

    def write(self, picture: Picture) -> None:
        """Append one frame."""
        self.write_frame(VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))

    def write_frame(self, frame: VideoFrame) -> None:
        """Append one frame of PyAV's, in any pixel format; its own time is ignored."""
        shown = frame.reformat(
            self.width, self.height, "yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        shown.pts, shown.time_base = self.n_frames, self._stream.codec_context.time_base
        self.n_frames += 1
        try:
            self._container.mux(self._stream.encode(shown))
        except av.FFmpegError as error:
            raise VideoFileError(f"{self.target.name} could not be encoded: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        if error is not None:
            self.target.unlink(missing_ok=True)


class WebmWriter(VideoWriter):
    """As `VideoWriter`, in VP9 and WebM, whose clock has whole milliseconds.

    libvpx's fast mode: 720p takes 15 ms of CPU a frame, its slow mode 40 ms, for files of 0.55 times the size. Rows are
    not shared among threads, so that a number of threads gives one result.
    """

    _FORMAT, _ENCODER = "webm", "libvpx-vp9"
    _FORMAT_OPTIONS: ClassVar = {}

    def _encoder_options(self, gop: int, crf: int, n_threads: int) -> dict[str, str]:
        return {
            "deadline": "realtime", "cpu-used": "6", "row-mt": "0", "tile-columns": "2", "b": "0", "crf": str(crf),
            "g": str(gop), "keyint_min": str(gop),
        }  # fmt: skip
