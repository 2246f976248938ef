"""A deliverable with all that belongs beside it: film, poster, subtitles as SRT, WebVTT, ASS and enhanced LRC."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import av
import cv2

from audio_assets.domain.reframe import SceneTrack, Shape, size_of
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.schemas.song_analysis import lyrics_from_bytes
from audio_assets.domain.subtitles.ass import ass_text
from audio_assets.domain.subtitles.cues import Cue, lyric_cues
from audio_assets.domain.subtitles.karaoke_picture import KaraokePainter
from audio_assets.domain.subtitles.lrc import enhanced_lrc_text
from audio_assets.domain.subtitles.srt import srt_text
from audio_assets.domain.subtitles.webvtt import webvtt_text
from resources.engines import faces
from resources.engines.deliverables import DeliverySpec, deliver
from resources.engines.face_track import face_track
from resources.engines.take_artifacts import frame_picture
from resources.video_files import probe_video

PICTURE = "picture.jpg"
_SHAPES: Mapping[str, Shape] = {"vertical": "vertical", "square": "square"}


def identity(*, has_faces: bool) -> dict[str, str]:
    """Who delivers: encoders, text, and who finds the faces that a crop keeps; "" where there is no model."""
    found = faces.identity() if has_faces else {"faces": ""}
    return {"engine": "film deliverables", "av": av.__version__, "opencv": cv2.__version__, **found}


def delivered(
    name: str,
    film: Path,
    song: Path,
    lyrics: bytes,
    scenes: Sequence[tuple[int, int]],
    spec: DeliverySpec,
    face_model: Path | None,
    title: str,
    target: Path,
    *,
    is_burned: bool,
) -> Rendered:
    """`<name>.mp4` or `.webm` with `.srt`, `.vtt`, `.ass`, `.lrc` and a poster; sizes of `spec` are the film's own.

    `scenes` are the film's, as frames `[start, end)`. Without `face_model` other shapes are cropped by what else draws
    the eye, and a note says so.
    """
    info = probe_video(film)
    shape = _SHAPES.get(name, "landscape" if info.width >= info.height else "vertical")
    width, height = size_of(shape, info.width, info.height)
    notes: tuple[str, ...] = ()
    tracks: tuple[SceneTrack, ...] = tuple(SceneTrack(start, end) for start, end in scenes)
    if (width, height) != (info.width, info.height):
        if face_model is None:
            notes = ("cropped without looking for faces: run `audio-assets models fetch facemesh`",)
        else:
            tracks = face_track(film, scenes, face_model)
    cues = lyric_cues(lyrics_from_bytes(lyrics), info.duration_s)
    painter = KaraokePainter(cues.cues, width, height, info.frame_rate) if is_burned and cues.cues else None
    done = deliver(
        film, song, replace(spec, width=width, height=height, scenes=tracks), target, painter.paint if painter else None
    )
    side = _side_files(cues.cues, width, height, title)
    files = {_named(name, file): data for file, data in {**done.files, **side}.items()}
    missing = " ".join(painter.missing_text) if painter else ""
    return replace(
        done,
        files=files,
        previews={PICTURE: frame_picture(target, info.n_frames // 3)},
        facts={**done.facts, "n_cues": len(cues.cues), "subtitles": "burned" if painter else "side"},
        checks=(*done.checks, *_text_checks(cues.n_left_out, missing, wants_burned=is_burned, n_cues=len(cues.cues))),
        notes=(*done.notes, *notes, *cues.notes),
    )


def _side_files(cues: Sequence[Cue], width: int, height: int, title: str) -> dict[str, bytes]:
    if not cues:
        return {}
    texts = {
        "film.srt": srt_text(cues),
        "film.vtt": webvtt_text(cues, word_times=True),
        "film.ass": ass_text(cues, width, height, title=title),
        "film.lrc": enhanced_lrc_text(cues),
    }
    return {name: text.encode() for name, text in texts.items()}


def _text_checks(n_left_out: int, missing: str, *, wants_burned: bool, n_cues: int) -> tuple[Check, ...]:
    shown = Check("lyrics_are_shown", not n_left_out, f"{n_cues} cues; {n_left_out} lines have no times")
    if not wants_burned:
        return (shown,)
    return shown, Check("text_can_be_drawn", not missing, f"no glyphs for {missing}" if missing else "every letter")


def _named(name: str, file: str) -> str:
    """The file under the deliverable's name: `film.mp4` of `vertical` is `vertical.mp4`."""
    return file if file.startswith("poster") else f"{name}{Path(file).suffix}"
