"""The final film: conformed clips one after the other, over the untouched master song.

Pictures are always copied. The song's packets are copied too where an MP4 takes its codec, and only if the finished
file decodes to the very samples of the song, from time 0; else it goes in losslessly as FLAC. Both are verified by
decoding. Runs in worker processes, on local paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from audio_assets.domain.edit import Chapter
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas.records import Check
from resources import song_files
from resources.engines.film_sound import COPIED_CODECS, Samples, samples_of, write_lossless
from resources.film_files import Piece, Sound, write_film
from resources.song_files import SongReader
from resources.video_files import open_video

FILM = "film.mp4"


def identity() -> dict[str, str]:
    """Who joins films: the muxer, and who decodes the song to verify it."""
    return {"engine": "film assembly", "av": av.__version__, **song_files.identity()}


def assemble(
    clips: Sequence[Path],
    song: Path,
    target: Path,
    *,
    frame_rate: Fraction,
    n_frames: int,
    chapters: Sequence[Chapter] = (),
    names: Sequence[str] = (),
) -> Rendered:
    """Write the film to `target`: the clips in order, `n_frames` frames together, and the song.

    `names` say what the clips are called in errors (scene ids), in their order; without them their file names are used.

    Raises:
        VideoFileError: a clip can not be joined to the others; names it.
        SongFileError: the song can not be decoded.
        PermanentError: there are no clips, or they have more or fewer frames than the film.
    """
    if not clips:
        raise PermanentError("there are no clips, so there is no film: render the scenes first")
    called = dict(zip(clips, names, strict=True)) if names else {path: path.name for path in clips}
    try:
        written = _written(_Film(clips, called, song, target, frame_rate, n_frames, chapters))
        facts = _timing(target, written.song, frame_rate, n_frames)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    end_frames = facts["end_after_song_frames"]
    return Rendered(
        files={FILM: target},
        facts={
            "n_clips": len(clips),
            "n_frames": n_frames,
            "fps": float(frame_rate),
            "audio": written.audio,
            **facts,
            "n_chapters": len(chapters),
            "n_bytes": target.stat().st_size,
        },
        checks=(
            Check(
                "sounds_as_the_song",
                written.is_same,
                f"{written.song.n_samples} samples, "
                + ("each as in the song" if written.is_same else "not as in the song"),
                blocking=True,
            ),
            Check(
                "as_long_as_song",
                abs(end_frames) < 1,
                f"the pictures end {end_frames:+.3f} frames after the song, allowed is less than one",
                blocking=True,
            ),
            Check(
                "keeps_time",
                abs(facts["drift_frames"]) < 1 and facts["av_start_offset_s"] == 0,
                f"drift at the end {facts['drift_frames']:.3f} frames, "
                f"pictures begin {facts['av_start_offset_s']:.4f} s after the sound",
                blocking=True,
            ),
        ),
        notes=written.notes,
    )


@dataclass(frozen=True)
class _Film:
    clips: Sequence[Path]
    called: dict[Path, str]
    song: Path
    target: Path
    frame_rate: Fraction
    n_frames: int
    chapters: Sequence[Chapter]

    def write(self, sound: Sound) -> None:
        """Write it over this sound.

        Raises:
            PermanentError: other than `n_frames` frames.
        """
        n_written = write_film(
            self.target,
            [Piece(path) for path in self.clips],
            self.frame_rate,
            sound=sound,
            chapters=self.chapters,
            picture_name=lambda path: self.called[path],
        )
        if n_written != self.n_frames:
            raise PermanentError(
                f"the clips have {n_written} frames together and the film {self.n_frames}: conform them anew"
            )


@dataclass(frozen=True)
class _Written:
    song: Sound
    audio: str
    is_same: bool
    notes: tuple[str, ...] = ()


def _written(film: _Film) -> _Written:
    with SongReader(film.song) as reader:
        rate_hz, codec = reader.sample_rate_hz, reader.codec
    notes: tuple[str, ...] = ()
    if codec in COPIED_CODECS:
        wanted = samples_of(film.song)
        sound = Sound(film.song, rate_hz, wanted.n_samples)
        if _is_copied(film, sound, wanted):
            return _Written(sound, f"{codec}, copied", is_same=True)
        notes = (f"the song's {codec} would not decode to the same samples in an MP4, so it was not copied",)
    scratch = film.target.with_name(f"{film.target.name}.song.flac")
    try:
        lossless = write_lossless(film.song, scratch)
        film.write(lossless.sound)
    finally:
        scratch.unlink(missing_ok=True)
    if lossless.n_clipped:
        notes += (f"{lossless.n_clipped} decoded samples of the song pass full scale and are clipped in the film",)
    is_same = samples_of(film.target).is_same(lossless.samples)
    return _Written(lossless.sound, f"flac, {lossless.n_bits} bit", is_same, notes)


def _is_copied(film: _Film, sound: Sound, wanted: Samples) -> bool:
    """Whether the song could be copied in and is the same there, sample for sample."""
    film.write(sound)
    return samples_of(film.target).is_same(wanted)


def _timing(path: Path, sound: Sound, frame_rate: Fraction, n_frames: int) -> dict[str, Any]:
    """What the finished file's own header says of its clock."""
    with path.open("rb") as file:
        container = open_video(file, path.name)
        picture, heard = container.streams.video[0], container.streams.audio[0]
        start_s = _seconds(picture.start_time, picture.time_base)
        end_s = start_s + _seconds(picture.duration, picture.time_base)
        sound_start_s = _seconds(heard.start_time, heard.time_base)
        container.close()
    return {
        "duration_s": round(float(end_s), 4),
        "song_s": round(float(sound.duration_s), 4),
        "drift_frames": float(round((end_s - n_frames / frame_rate) * frame_rate, 6)),
        "end_after_song_frames": float(round((end_s - sound.duration_s) * frame_rate, 6)),
        "av_start_offset_s": float(round(start_s - sound_start_s, 6)),
    }


def _seconds(ticks: int | None, time_base: Fraction | None) -> Fraction:
    return Fraction(ticks or 0) * (time_base or 0)
