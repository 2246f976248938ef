"""A finished film as files to upload: container, shape, loudness, poster, chapters, burned-in subtitles.

The pictures are copied where nothing about them changes (MP4 of the film's own size without text), else cropped to the
shape along `audio_assets/domain/reframe.py` and encoded; the song is always encoded, at the loudness asked for, and
starts with the first picture. The same film gives the same bytes: thread counts are fixed. Side files of subtitles are
made elsewhere. Runs in worker processes, on local paths.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import reframe
from audio_assets.domain.edit import Chapter
from audio_assets.domain.reframe import SceneTrack
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas.records import Check
from resources.engines.film_sound import Codec, DeliveredSound, deliver_sound, samples_of
from resources.film_files import Container, Piece, write_film
from resources.video_files import (
    Picture,
    VideoInfo,
    VideoWriter,
    WebmWriter,
    as_picture,
    decode_from,
    probe_video,
    read_frames,
)

DrawSubtitles = Callable[[Picture, int], None]
"""Draws into a picture (the output's size) what is to be read in a frame (counted in the film)."""

_SOUND_CODECS: dict[Container, Codec] = {"mp4": "aac", "webm": "opus"}
_CODEC_NAMES = {"h264": "mp4", "vp9": "webm"}
_CRF: dict[Container, int] = {"mp4": 20, "webm": 31}
_N_THREADS = 2
_LOUDNESS_TOLERANCE_LU = 0.5
_PEAK_TOLERANCE_DB = 0.1
_JPEG_QUALITY = 92
_INTEREST_HEIGHT_PX = 90
_DARK, _BRIGHT = 30.0, 225.0  # mean grey of a frame that is no poster: faded out, or burned out


@dataclass(frozen=True, slots=True)
class DeliverySpec:
    """What is wanted: `width` x `height` (even) in a container, mp4 (H.264 and AAC) or webm (VP9 and Opus).

    `scenes` cover the film where its pictures are cropped, with the faces that were found; none is one scene without
    faces. `target_lufs` None leaves the loudness, the true peak still stays under `ceiling_db`. `poster_frame` None
    takes a telling one.
    """

    container: Container
    width: int
    height: int
    target_lufs: float | None = -14.0
    ceiling_db: float = -1.0
    chapters: tuple[Chapter, ...] = ()
    scenes: tuple[SceneTrack, ...] = ()
    poster_frame: int | None = None
    poster: Literal["jpg", "png"] = "jpg"


def deliver(
    film: Path, song: Path, spec: DeliverySpec, target: Path, draw_subtitles: DrawSubtitles | None = None
) -> Rendered:
    """Write the film as `spec` says to `target`; answers it as `film.mp4` or `film.webm`, with `poster.jpg` or `.png`.

    Raises:
        VideoFileError, SongFileError: film or song can not be read.
        PermanentError: an odd size, scenes that do not cover the film, a poster frame outside it.
    """
    info = probe_video(film)
    _check(spec, info)
    pictures, sound_file = (target.with_name(f"{target.name}.{part}") for part in ("pictures", "sound"))
    frames = _Frames(film, info, spec, draw_subtitles)
    codec = _SOUND_CODECS[spec.container]
    try:
        sound = deliver_sound(song, sound_file, codec, target_lufs=spec.target_lufs, ceiling_db=spec.ceiling_db)
        if not frames.are_copied:
            frames.encode(pictures)
        write_film(
            target,
            [Piece(film if frames.are_copied else pictures)],
            info.frame_rate,
            container=spec.container,
            sound=sound.sound,
            chapters=spec.chapters,
        )
        made = probe_video(target)
        is_same = samples_of(target).is_same(samples_of(sound_file))
        poster = frames.poster()
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        pictures.unlink(missing_ok=True)
        sound_file.unlink(missing_ok=True)
    return Rendered(
        files={f"film.{spec.container}": target, f"poster.{spec.poster}": poster},
        facts={
            "container": spec.container,
            "video": f"{made.codec}, {'copied' if frames.are_copied else 'encoded'}",
            "audio": codec,
            "width": made.width,
            "height": made.height,
            "fps": float(info.frame_rate),
            "n_frames": made.n_frames,
            "duration_s": round(float(made.n_frames / info.frame_rate), 4),
            **_sound_facts(sound),
            "poster_frame": frames.poster_frame,
            "n_chapters": len(spec.chapters),
            "has_burned_subtitles": draw_subtitles is not None,
            "n_bytes": target.stat().st_size,
        },
        checks=_checks(spec, info, made, sound, is_same=is_same),
    )


def _check(spec: DeliverySpec, info: VideoInfo) -> None:
    if spec.width % 2 or spec.height % 2 or min(spec.width, spec.height) < 2:
        raise PermanentError(f"{spec.width} x {spec.height} can not be encoded: use even numbers of pixels")
    if spec.scenes:
        edges = [0, *(scene.end_frame for scene in spec.scenes)]
        starts = [*(scene.start_frame for scene in spec.scenes), info.n_frames]
        if edges != starts:
            raise PermanentError(
                f"the scenes do not cover the film's {info.n_frames} frames one after the other: assemble it anew"
            )
    if spec.poster_frame is not None and not 0 <= spec.poster_frame < info.n_frames:
        raise PermanentError(
            f"there is no frame {spec.poster_frame} for a poster: the film has 0 to {info.n_frames - 1}"
        )


# --- Pictures ------------------------------------------------------------------------------------------------------


class _Frames:
    """The pictures of the deliverable: which part of the film's they are, what is drawn on them, the poster."""

    def __init__(self, film: Path, info: VideoInfo, spec: DeliverySpec, draw: DrawSubtitles | None) -> None:
        self._film, self._info, self._spec, self._draw = film, info, spec, draw
        self._size = info.width, info.height
        self._box = reframe.box_size(info.width, info.height, spec.width, spec.height)
        self._scenes = spec.scenes or (SceneTrack(0, info.n_frames),)
        self.are_copied = (
            draw is None
            and self._size == (spec.width, spec.height)
            and _CODEC_NAMES.get(info.codec) == spec.container
            and info.is_in_order
        )
        self._places: NDArray[np.float64] | None = None
        self.poster_frame = spec.poster_frame

    def encode(self, target: Path) -> None:
        """Write all of them, without sound."""
        spec, rate = self._spec, self._info.frame_rate
        writer = {"mp4": VideoWriter, "webm": WebmWriter}[spec.container]
        crf = _CRF[spec.container]
        with writer(target, spec.width, spec.height, rate, crf=crf, n_threads=_N_THREADS) as out:
            for number, picture in enumerate(self._pictures()):
                if self._draw is not None:
                    self._draw(picture, number)
                out.write(picture)

    def _pictures(self) -> Iterator[Picture]:
        if self._is_whole:
            yield from read_frames(self._film, width=self._spec.width, height=self._spec.height, n_threads=_N_THREADS)
            return
        for number, picture in enumerate(read_frames(self._film, n_threads=_N_THREADS)):
            yield self._cropped(picture, number)

    @property
    def _is_whole(self) -> bool:
        return self._box == self._size

    def _cropped(self, picture: Picture, number: int) -> Picture:
        if self._places is None:
            self._places = self._paths()
        left, top = self._places[number]
        return cropped(picture, (float(left), float(top)), self._box, (self._spec.width, self._spec.height))

    def _paths(self) -> NDArray[np.float64]:
        """Left and top for each frame of the film, (n_frames, 2)."""
        keys = [] if all(scene.spots for scene in self._scenes) else list(self._key_pictures())
        rate, paths = self._info.frame_rate, []
        for scene in self._scenes:
            seen = [grey for number, grey in keys if scene.start_frame <= number < scene.end_frame]
            rest = (0.5, 0.5) if scene.spots else reframe.interest_centre(seen)
            paths.append(reframe.crop_path(scene, rate, self._size, self._box, rest=rest))
        return np.concatenate(paths)

    def _key_pictures(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Small grey pictures of the film's key frames, with their numbers."""
        height = _INTEREST_HEIGHT_PX
        width = max(2, round(self._info.width * height / self._info.height))
        for time_s, frame in decode_from(self._film, only_key_frames=True):
            grey = frame.reformat(width, height, "gray").to_ndarray().astype(np.float32)
            yield round(time_s * self._info.frame_rate), grey

    def poster(self) -> bytes:
        """A picture file of one frame, as it is cropped."""
        if self.poster_frame is None:
            self.poster_frame = self._telling_frame()
        key = max(key for key in self._info.key_frames if key <= self.poster_frame)
        _, frame = next(islice(decode_from(self._film, key), self.poster_frame - key, None))
        if self._is_whole:
            picture = as_picture(frame, self._spec.width, self._spec.height)
        else:
            picture = self._cropped(as_picture(frame, *self._size), self.poster_frame)
        options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if self._spec.poster == "jpg" else []
        _, data = cv2.imencode(f".{self._spec.poster}", picture[:, :, ::-1], options)
        return data.tobytes()

    def _telling_frame(self) -> int:
        """The key frame with the most contrast, of scenes with faces where there are any."""
        with_faces = [scene for scene in self._scenes if any(spot.n_faces for spot in scene.spots)]
        best, best_score = 0, -1.0
        for number, grey in self._key_pictures():
            has_face = any(scene.start_frame <= number < scene.end_frame for scene in with_faces)
            score = float(grey.std()) if _DARK <= grey.mean() <= _BRIGHT else 0.0
            if (score := score + 256.0 * (has_face and score > 0)) > best_score:
                best, best_score = number, score
        return best


def cropped(picture: Picture, place: tuple[float, float], box: tuple[int, int], size: tuple[int, int]) -> Picture:
    """The box (width, height) at `place` (left, top; between pixels where it glides) in `size` (width, height)."""
    part = _at(picture, place, box)
    if part.shape[:2] == size[::-1]:
        return np.ascontiguousarray(part)
    how = cv2.INTER_AREA if size[0] < box[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)


def _at(picture: Picture, place: tuple[float, float], box: tuple[int, int]) -> Picture:
    """The box at a place between pixels; filtering rows and columns takes a tenth of the time of an affine warp."""
    (left, top), (width, height) = place, box
    x, y = int(left), int(top)
    if left == x and top == y:
        return picture[y : y + height, x : x + width]
    x0, y0 = max(0, x - 1), max(0, y - 1)  # the filters reach one pixel before and two after
    around = picture[y0 : y + height + 2, x0 : x + width + 2]
    moved = cv2.sepFilter2D(
        around, -1, _between(left - x), _between(top - y), anchor=(1, 1), borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)[y - y0 : y - y0 + height, x - x0 : x - x0 + width]


def _between(share: float) -> NDArray[np.float32]:
    """Weights of the four pixels around a place `share` (0 to 1) after the second of them: Catmull and Rom's cubic."""
    t = share
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    return np.array(weights, np.float32) / np.float32(2)


# --- What came out -------------------------------------------------------------------------------------------------


def _sound_facts(sound: DeliveredSound) -> dict[str, Any]:
    return {
        "source_lufs": _rounded(sound.source_lufs),
        "integrated_lufs": _rounded(sound.loudness.integrated_lufs),
        "true_peak_db": _rounded(sound.loudness.true_peak_db),
        "gain_db": _rounded(sound.gain_db),
        "max_limiting_db": _rounded(sound.max_reduction_db),
        "audio_offset_samples": sound.offset_samples,
        "sample_rate_hz": sound.sound.sample_rate_hz,
    }


def _checks(
    spec: DeliverySpec, info: VideoInfo, made: VideoInfo, sound: DeliveredSound, *, is_same: bool
) -> tuple[Check, ...]:
    lufs, peak_db = sound.loudness.integrated_lufs, sound.loudness.true_peak_db
    wanted = sound.source_lufs if spec.target_lufs is None else spec.target_lufs
    end_frames = float((made.n_frames / info.frame_rate - sound.sound.duration_s) * info.frame_rate)
    offset_frames = sound.offset_samples / sound.sound.sample_rate_hz * float(info.frame_rate)
    return (
        Check("has_every_frame", made.n_frames == info.n_frames, f"{made.n_frames} of {info.n_frames}", blocking=True),
        Check(
            "as_long_as_song",
            abs(end_frames) < 1,
            f"the pictures end {end_frames:+.3f} frames after the song, allowed is less than one",
            blocking=True,
        ),
        Check(
            "sound_starts_with_picture",
            is_same and abs(offset_frames) < 0.5 and made.first_pts_s == 0,
            f"sound {sound.offset_samples} samples late ({offset_frames:.3f} frames), pictures begin at"
            f" {made.first_pts_s:.4f} s" + ("" if is_same else "; the file's sound is not what was encoded"),
            blocking=True,
        ),
        Check(
            "loudness",
            lufs is None or wanted is None or abs(lufs - wanted) <= _LOUDNESS_TOLERANCE_LU,
            f"{_rounded(lufs)} LUFS, target {_rounded(wanted)}",
        ),
        Check(
            "true_peak",
            peak_db is None or peak_db <= spec.ceiling_db + _PEAK_TOLERANCE_DB,
            f"{_rounded(peak_db)} dBTP, ceiling {spec.ceiling_db}",
        ),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 2)
