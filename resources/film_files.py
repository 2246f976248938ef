"""Films put together from packets: pieces of clips one after the other, the song beside them, chapters. No encoding.

Nothing is decoded here but the song's first packets, to learn where its first sample lies. A frame's time is its number
over the frame rate, counted from the film's start, so that no clip's rounding adds up; the song's packets are moved
by whole samples, so that its first sample is heard at time 0: an encoder's delay goes before it, into the edit list.
What the film is made of, and whether it came out right, is decided in `resources/engines`.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import av
from av.packet import Packet

from audio_assets.domain.edit import Chapter
from resources.song_decoding import coded_stream
from resources.video_files import VideoFileError, joint_of, open_video

Container = Literal["mp4", "webm"]
Copied: TypeAlias = "Packet[Any]"
_OPTIONS = {"mp4": {"movflags": "+faststart"}, "webm": {"cues_to_front": "1"}}


@dataclass(frozen=True, slots=True)
class Piece:
    """Packets `[first, end)` of a clip, counted from its first; `end` None takes all there are."""

    path: Path
    first: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """A coded song to be copied in: `n_samples` of it at `sample_rate_hz`, the rest is an encoder's padding."""

    path: Path
    sample_rate_hz: int
    n_samples: int

    @property
    def duration_s(self) -> Fraction:
        """Its exact length."""
        return Fraction(self.n_samples, self.sample_rate_hz)


def write_film(
    target: Path,
    pieces: Sequence[Piece],
    frame_rate: Fraction,
    *,
    container: Container = "mp4",
    sound: Sound | None = None,
    chapters: Sequence[Chapter] = (),
    picture_name: Callable[[Path], str] = lambda path: path.name,
) -> int:
    """Write the pieces in order, over `sound`; the number of frames written. After an error there is no file.

    Raises:
        VideoFileError: a piece can not follow the first (other codec, size or settings), lacks frames, does not begin
            with a key frame, or has frames out of order; names it.
        SongFileError: the sound can not be read.
    """
    options = {"fflags": "+bitexact", **_OPTIONS[container]}
    if container == "mp4" and sound is not None:
        options["movie_timescale"] = str(sound.sample_rate_hz)  # edit lists count in it: the song's end is exact
    try:
        with ExitStack() as stack:
            first = stack.enter_context(pieces[0].path.open("rb"))
            template = stack.enter_context(closing(open_video(first, picture_name(pieces[0].path)))).streams.video[0]
            out = stack.enter_context(av.open(str(target), mode="w", format=container, options=options))
            picture = out.add_stream_from_template(template)
            picture.time_base = 1 / frame_rate
            counted = _Counted(_picture_packets(pieces, frame_rate, joint_of(template), picture_name))
            streams: list[Iterable[tuple[Fraction, int, Copied]]] = [_timed(counted, picture, 0)]
            if sound is not None:
                song = stack.enter_context(coded_stream(sound.path))
                heard = out.add_stream_from_template(song)
                heard.time_base = Fraction(1, sound.sample_rate_hz)
                streams.append(_timed(_sound_packets(song, sound), heard, 1))
            if chapters:
                out.set_chapters([_chapter(number, chapter, frame_rate) for number, chapter in enumerate(chapters, 1)])
            for _, _, packet in heapq.merge(*streams, key=lambda item: item[:2]):
                out.mux_one(packet)
    except av.FFmpegError as error:
        target.unlink(missing_ok=True)
        raise VideoFileError(f"{target.name} could not be put together: {error}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return counted.n


class _Counted:
    """An iterator that knows how many it gave."""

    def __init__(self, packets: Iterator[Copied]) -> None:
        self._packets, self.n = packets, 0

    def __iter__(self) -> Iterator[Copied]:
        for packet in self._packets:
            self.n += 1
            yield packet


def _timed(packets: Iterable[Copied], stream: Any, order: int) -> Iterator[tuple[Fraction, int, Copied]]:
    for packet in packets:
        packet.stream = stream
        yield (packet.pts or 0) * packet.time_base, order, packet


def _chapter(number: int, chapter: Chapter, frame_rate: Fraction) -> Any:
    return {
        "id": number, "start": chapter.start_frame, "end": chapter.end_frame, "time_base": 1 / frame_rate,
        "metadata": {"title": chapter.title},
    }  # fmt: skip


def _picture_packets(
    pieces: Sequence[Piece], frame_rate: Fraction, joint: str, picture_name: Callable[[Path], str]
) -> Iterator[Copied]:
    number, time_base = 0, 1 / frame_rate
    for piece in pieces:
        name = picture_name(piece.path)
        with piece.path.open("rb") as file, closing(open_video(file, name)) as container:
            stream = container.streams.video[0]
            if joint_of(stream) != joint:
                raise VideoFileError(
                    f"{name} can not be joined to {picture_name(pieces[0].path)} by copying: they differ in codec,"
                    " size, colours or encoder settings; conform it first"
                )
            for packet in _chosen(container.demux(stream), piece, name):
                packet.pts = packet.dts = number
                packet.duration, packet.time_base = 1, time_base
                number += 1
                yield packet


def _chosen(packets: Iterator[Copied], piece: Piece, name: str) -> Iterator[Copied]:
    """The packets of a piece, checked to be shown in the order in which they stand."""
    number, last = 0, None
    for packet in packets:
        if packet.pts is None:
            continue
        if last is not None and packet.pts <= last:
            raise VideoFileError(f"{name} shows its frames in another order than they stand in: conform it first")
        last = packet.pts
        if number == piece.first and not packet.is_keyframe:
            raise VideoFileError(f"{name} can not begin at frame {number}, which needs the one before: conform it")
        if number >= piece.first:
            yield packet
        number += 1
        if number == piece.end:
            return
    if number <= piece.first or piece.end is not None:
        wanted = "any" if piece.end is None else f"frames {piece.first} to {piece.end}"
        raise VideoFileError(f"{name} has {number} frames, and {wanted} are needed: conform it first")


def _sound_packets(stream: Any, sound: Sound) -> Iterator[Copied]:
    """Every packet that holds a sample of the song; before 0 lies what an encoder put there, after the end nothing."""
    rate_hz = sound.sample_rate_hz
    time_base = Fraction(1, rate_hz)
    start_s = _first_sample_s(sound.path)
    for packet in stream.container.demux(stream):
        if packet.pts is None:
            continue
        at = round((packet.pts * packet.time_base - start_s) * rate_hz)
        n_packet = round((packet.duration or 0) * packet.time_base * rate_hz)
        if at >= sound.n_samples:
            return
        packet.time_base = time_base
        packet.pts = packet.dts = at
        packet.duration = min(n_packet, sound.n_samples - at)
        yield packet


def _first_sample_s(path: Path) -> Fraction:
    """Where the file's own clock puts the first sample that is heard, in seconds."""
    with coded_stream(path) as stream:
        for frame in stream.container.decode(stream):
            if frame.pts is not None and frame.time_base is not None:
                return Fraction(frame.pts * frame.time_base)
            break
    return Fraction(0)
