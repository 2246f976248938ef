"""How a song file becomes samples: recognising a container by its content, trimming what an encoder added, damage.

The rest of the program reads songs through `song_files`.

PCM (WAV, AIFF) is read by libsndfile, everything else by FFmpeg through PyAV: both give the same samples in the same
places (measured: equal for FLAC, within 2e-6 for MP3 and Vorbis, 3e-4 for Opus), but libsndfile loses all that follows
a damaged frame and FFmpeg says where in time the next good one belongs. What an encoder puts before the first sample is
taken off where the file says how much: LAME tag, Opus pre-skip, MP4 edit list or iTunSMPB. A file that does not say
(plain ADTS, an MP3 without tag) begins up to 50 ms late, as it does in every player.

FFmpeg is given an open file and the one demuxer that the first bytes call for. It never guesses and may open nothing
else, so a playlist or a concat script named `.mp3` is not audio, and can not make it read another file or an address.
"""

import contextlib
import string
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from resources.audio_files import AudioFileError, AudioInfo, probe_audio

Block = NDArray[np.float32]

_CONTAINER_OF_SUFFIX = {
    ".wav": "wav",
    ".flac": "flac",
    ".mp3": "mp3",
    ".ogg": "ogg",
    ".opus": "ogg",
    ".m4a": "mp4",
    ".aif": "aiff",
    ".aiff": "aiff",
    ".aac": "aac",
    ".wma": "asf",
}
SUFFIXES = tuple(_CONTAINER_OF_SUFFIX)
"""Names of files that are taken for songs; what is inside decides how they are read."""

N_BLOCK = 65_536
_MAX_GAP_S = 60.0  # a longer jump of the time stamps is a fault of theirs, not lost music
_PACKET_SHARE = 0.9  # of a packet's length: time stamps that jump by less are wrong (AAC by 10 ms), not music lost
_VORBIS_GAP_S = 0.1  # where Vorbis changes block size its time stamps are off by up to 10 ms; a lost page is far more
_DEMUXERS = {
    "mp4": "mov",
    "mp3": "mp3",
    "aac": "aac",
    "flac": "flac",
    "ogg": "ogg",
    "asf": "asf",
    "matroska": "matroska",
    "wav": "wav",
}
_ENCRYPTED_TAGS = ("enca", "drms", "drmi")
_SHORT_S = 0.1  # a file that ends this much before its promise was cut; less is a rounding of the promise
_TIMED = ("mp4", "flac", "ogg", "matroska")  # their time stamps say where a packet belongs; others only count packets
_HAS_LENGTH = ("mp4", "flac", "ogg")  # their duration is stored, not guessed from the bit rate


class SongFileError(ValueError):
    """A file can not be used as a song; the message is one sentence: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file's header and how to decode it from its start; the decoder appends what it finds damaged."""

    info: AudioInfo
    container: str
    codec: str
    is_counted: bool  # info.n_samples is known to be what will be decoded
    decode: Callable[[list[str]], Generator[Block, None, None]]


# --- Recognising ---------------------------------------------------------------------------------------------------

_MAGIC = (  # place, bytes, container; the first that fits
    (8, b"WAVE", "wav"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
)


def source_of(path: Path) -> Source:
    """Recognise a file and read its header.

    Raises:
        SongFileError: as `song_files.SongReader`.
    """
    container = _container_of(path)
    if container in ("wav", "aiff", ""):
        try:
            return _pcm_source(path, container)
        except AudioFileError as error:
            if container != "wav":  # FFmpeg knows codecs in WAV that libsndfile does not
                raise SongFileError(_broken(path, container) if container else _not_audio(path)) from error
    return _coded_source(path, container)


def _container_of(path: Path) -> str:
    """By the first bytes, "" when unknown.

    Raises:
        SongFileError: missing, a directory, unreadable, empty.
    """
    if path.exists() and not path.is_file():
        raise SongFileError(f"{path} is {'a directory' if path.is_dir() else 'no ordinary file'}: name a song file")
    try:
        with path.open("rb") as file:
            head = file.read(16)
            if not head:
                raise SongFileError(f"{path} is empty (0 bytes): export the file again")
            return _container_after_tag(file, head)
    except OSError as error:
        raise SongFileError(f"{path} can not be read ({error.strerror}): check its name and rights") from error


def _container_after_tag(file: BinaryIO, head: bytes) -> str:
    for place, magic, container in _MAGIC:
        if head[place:].startswith(magic):
            return container
    is_tagged = head[:3] == b"ID3"
    if is_tagged:  # ID3v2.4, section 3.1: size in four times seven bits
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
        head = file.read(16)
    if head[:4] == b"fLaC":
        return "flac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"  # ADTS: layer 0, which MPEG audio does not have
    return "mp3" if is_tagged else ""


def _not_audio(path: Path) -> str:
    return f"{path} is not audio that can be read: use WAV, FLAC, MP3, Ogg, Opus, M4A or AIFF"


def _broken(path: Path, container: str) -> str:
    return f"{path} begins like {container} and can not be decoded (damaged, or cut short): export or copy it again"


def _name_notes(path: Path, container: str) -> tuple[str, ...]:
    named = _CONTAINER_OF_SUFFIX.get(path.suffix.lower(), container)
    if named == container:
        return ()
    return (f"{path} is named {path.suffix} and is {container} inside; it was read as what it is",)


# --- PCM, by libsndfile --------------------------------------------------------------------------------------------


def _form_notes(path: Path) -> Iterator[str]:
    """On an AIFF that promises more than the file holds; of WAV `probe_audio` says it."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] == b"FORM" and int.from_bytes(head[4:], "big") > path.stat().st_size - 8:
        yield f"{path} is cut short: its header promises more than is there; the rest is lost"


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file read from front to back: one that can not seek is not made to after every read."""

    def seekable(self) -> bool:
        return False


def _pcm_source(path: Path, container: str) -> Source:
    info = probe_audio(path)
    notes = tuple(note for note in info.notes if "is named WAV" not in note)
    found = container or info.container.lower()
    info = replace(info, container=found, notes=(*_name_notes(path, found), *notes, *_form_notes(path)))
    is_pcm = info.encoding.startswith(("PCM", "FLOAT", "DOUBLE"))
    return Source(info, found, info.encoding.lower(), is_pcm, lambda damage: _pcm_blocks(info, damage))


def _pcm_blocks(info: AudioInfo, damage: list[str]) -> Generator[Block, None, None]:
    n_samples = 0
    with _ForwardFile(info.path) as file:
        try:
            while len(block := file.read(N_BLOCK, dtype="float32", always_2d=True)):
                n_samples += len(block)
                yield block
        except soundfile.LibsndfileError:
            damage.append(_damaged(info, n_samples, "the rest is lost"))


def _cut_short(info: AudioInfo, n_samples: int) -> str:
    promised, found = (f"{n / info.sample_rate_hz:.2f} s" for n in (info.n_samples, n_samples))
    return f"{info.path} is cut short: it promises {promised} and ends at {found}; the rest is lost"


# --- Everything else, by FFmpeg ------------------------------------------------------------------------------------

_LAYOUT_NAMES = {"FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR", "FLC", "FRC", "BC"}


def _refused(*_: Any) -> Any:
    raise PermissionError("a song file may not name other files")


def _opened(file: BinaryIO, container: str) -> Any:
    """FFmpeg's view of an open file: this demuxer and no other, no nested files, no protocols."""
    return av.open(
        file,
        format=_DEMUXERS[container],
        options={"protocol_whitelist": "none", "format_whitelist": ",".join(_format_names(container))},
        metadata_errors="replace",
        io_open=_refused,
    )


@contextlib.contextmanager
def coded_stream(path: Path) -> Iterator[Any]:
    """The sound of a coded file as FFmpeg's stream, for those who copy its packets; closed at the end of the `with`.

    Raises:
        SongFileError: as `source_of`; PCM is not coded.
    """
    container = _container_of(path)
    if container not in _DEMUXERS:
        raise SongFileError(f"{path} has no packets of coded sound that could be copied")
    with path.open("rb") as file, _opened(file, container) as opened:
        yield _sound_of(opened, path)


def _format_names(container: str) -> tuple[str, ...]:
    return ("mov", "mp4", "m4a") if container == "mp4" else (_DEMUXERS[container], "webm")


def _coded_source(path: Path, container: str) -> Source:
    try:
        with path.open("rb") as file, _opened(file, container) as opened:
            stream = _sound_of(opened, path)
            first = _first_frame(opened, stream)
            if first is None:
                raise SongFileError(_broken(path, container))
            n_promised = _promised(opened, stream, path, container, first.sample_rate)
            speakers = tuple(channel.name for channel in first.layout.channels)
            info = AudioInfo(
                path=path,
                sample_rate_hz=first.sample_rate,
                n_channels=first.layout.nb_channels,
                n_samples=n_promised,
                container=container,
                encoding=_codec_name(stream),
                speakers=speakers if _LAYOUT_NAMES.issuperset(speakers) else (),
                notes=(*_name_notes(path, container), *(_page_notes(path) if container == "ogg" else ())),
            )
    except (av.FFmpegError, OSError) as error:  # a container that FFmpeg does not accept at all
        raise SongFileError(_broken(path, container)) from error
    return Source(info, container, info.encoding, False, lambda damage: _coded_blocks(info, damage))


def _page_notes(path: Path) -> Iterator[str]:
    """On an Ogg whose last page does not say that it is the last (RFC 3533: bit 2 of the sixth byte)."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 2 * 65_307, 0))  # a page has at most 65,307 bytes
        tail = file.read()
    last = tail.rfind(b"OggS")
    if last >= 0 and not int.from_bytes(tail[last + 5 : last + 6], "big") & 4:
        yield f"{path} has no end mark: it was cut short, or its writer did not finish"


def _first_frame(opened: Any, stream: Any) -> AudioFrame | None:
    for packet in opened.demux(stream):
        with contextlib.suppress(av.FFmpegError):
            for frame in packet.decode():
                return frame  # type: ignore[no-any-return]  # PyAV's streams are untyped here
    return None


def _sound_of(opened: Any, path: Path) -> Any:
    """The first audio stream.

    Raises:
        SongFileError: there is none, or it is encrypted.
    """
    if not opened.streams.audio:
        found = "video without sound" if opened.streams.video else "not audio"
        raise SongFileError(f"{path} is {found}: name a file that holds a song")
    stream = opened.streams.audio[0]
    if stream.codec_context is None:
        raise SongFileError(f"{path} holds sound in a format that no decoder here knows: export it as WAV or FLAC")
    if stream.codec_context.codec_tag in _ENCRYPTED_TAGS:
        raise SongFileError(f"{path} is encrypted (copy protection): export it again without")
    return stream


def _codec_name(stream: Any) -> str:
    name: str = stream.codec_context.codec.canonical_name
    return name


def _promised(opened: Any, stream: Any, path: Path, container: str, rate_hz: int) -> int:
    """Samples that the header promises, 0 where it only allows a guess."""
    if n_samples := _itunes_length(opened):
        return n_samples
    if container == "matroska":
        return int((opened.duration or 0) * rate_hz // av.time_base)
    is_stored = container in _HAS_LENGTH or (container == "mp3" and _has_length_tag(path))
    return round(float(stream.duration * stream.time_base) * rate_hz) if is_stored and stream.duration else 0


def _itunes_length(opened: Any) -> int:
    """Samples by the iTunSMPB comment: hexadecimal words, the second the delay, the fourth the length; 0 without."""
    words = opened.metadata.get("iTunSMPB", "").split()
    is_whole = len(words) >= 4 and all(set(word) <= set(string.hexdigits) for word in words[:4])
    return int(words[3], base=16) if is_whole else 0


def _has_length_tag(path: Path) -> bool:
    """Whether an MP3 begins with a frame that counts the others (Xing, Info, VBRI)."""
    with path.open("rb") as file:
        head = file.read(10)
        n_tag = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        file.seek(10 + n_tag if head[:3] == b"ID3" else 0)
        frame = file.read(512)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


class _Decoding:
    """One pass of FFmpeg over a file: frames in, samples out in their places, and what was wrong on the way."""

    def __init__(self, opened: Any, stream: Any, info: AudioInfo) -> None:
        self._opened, self._stream, self._info = opened, stream, info
        self._is_timed = info.container in _TIMED
        self.n_samples = 0
        self.n_end: int | None = None  # where the last packet ends, in samples, as its duration says
        self.first_fault_at: int | None = None
        self.n_lost = 0

    def blocks(self) -> Iterator[Block]:
        """Every frame's samples, and silence where the time stamps say that something is missing."""
        base: int | None = None
        for frame in self._frames():
            if (frame.sample_rate, frame.layout.nb_channels) != (self._info.sample_rate_hz, self._info.n_channels):
                self._note_fault()  # a chained stream in another format: what follows is another piece
                return
            place = self._place(frame)
            base = place if base is None else base
            if place is not None and base is not None:
                yield from self._gap(place - base - self.n_samples, frame.samples)
            block = _samples(frame)
            self.n_samples += len(block)
            yield block

    def _frames(self) -> Iterator[AudioFrame]:
        packets = self._opened.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                self._note_fault()
                return
            self._note_end(packet)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._note_fault()
                continue
            yield from frames

    def _place(self, frame: AudioFrame) -> int | None:
        if frame.pts is None or frame.time_base is None or not self._is_timed:
            return None
        return round(frame.pts * frame.time_base * self._info.sample_rate_hz)

    def _gap(self, n_missing: int, n_packet: int) -> Iterator[Block]:
        rate_hz = self._info.sample_rate_hz
        n_least = _VORBIS_GAP_S * rate_hz if self._info.encoding == "vorbis" else _PACKET_SHARE * n_packet
        if not n_least < n_missing < _MAX_GAP_S * rate_hz:
            return
        self._note_fault()
        self.n_lost += n_missing
        self.n_samples += n_missing
        while n_missing:
            n_silent = min(n_missing, N_BLOCK)
            n_missing -= n_silent
            yield np.zeros((n_silent, self._info.n_channels), dtype=np.float32)

    def _note_end(self, packet: Any) -> None:
        if packet.pts is not None and packet.duration:
            end = round((packet.pts + packet.duration) * packet.time_base * self._info.sample_rate_hz)
            self.n_end = max(end, self.n_end or 0)

    def _note_fault(self) -> None:
        if self.first_fault_at is None:
            self.first_fault_at = self.n_samples


def _coded_blocks(info: AudioInfo, damage: list[str]) -> Generator[Block, None, None]:
    with info.path.open("rb") as file, _opened(file, info.container) as opened:
        decoding = _Decoding(opened, _sound_of(opened, info.path), info)
        held: list[Block] = []  # the end is known only when the last packet was seen: keep back what it may cut off
        n_given = 0
        for block in decoding.blocks():
            held.append(block)
            while decoding.n_samples - n_given - len(held[0]) >= N_BLOCK:
                n_given += len(held[0])
                yield held.pop(0)
        n_left = _true_end(info, decoding) - n_given
        for block in held:
            yield block[: max(n_left, 0)]
            n_left -= len(block)
    damage.extend(_damage(info, decoding))


def _true_end(info: AudioInfo, decoding: _Decoding) -> int:
    """Length in samples without an encoder's padding, as far as MP4 says; the other containers are cut by FFmpeg.

    The edit list counts in ticks of the movie, often milliseconds or 1/600 s, the last packet in samples: within one
    tick of one another they mean the same, and the packet is exact.
    """
    n_decoded = decoding.n_samples
    if info.container != "mp4" or not info.n_samples:
        return n_decoded
    is_same = decoding.n_end is not None and abs(decoding.n_end - info.n_samples) <= info.sample_rate_hz / 600
    n_end = decoding.n_end if is_same and decoding.n_end is not None else info.n_samples
    return min(n_decoded, n_end)


def _damage(info: AudioInfo, decoding: _Decoding) -> Iterator[str]:
    if decoding.first_fault_at is not None:
        lost = f"{decoding.n_lost / info.sample_rate_hz:.2f} s of it are silence"
        yield _damaged(info, decoding.first_fault_at, lost if decoding.n_lost else "some of it may be missing")
    if info.n_samples - decoding.n_samples > _SHORT_S * info.sample_rate_hz:
        yield _cut_short(info, decoding.n_samples)


def _damaged(info: AudioInfo, n_samples: int, loss: str) -> str:
    return f"{info.path} is damaged from {n_samples / info.sample_rate_hz:.2f} s on: {loss}"


def _samples(frame: AudioFrame) -> Block:
    """A frame as float32, shape (n_samples, n_channels)."""
    raw = frame.to_ndarray()
    raw = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - np.float32(128.0)) * np.float32(1 / 128)
    block: Block = raw.astype(np.float32)
    if raw.dtype.kind == "i":
        block *= np.float32(2.0 ** (1 - 8 * raw.dtype.itemsize))
    return block
