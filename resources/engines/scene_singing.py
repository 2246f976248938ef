"""The files of a performance scene's singing: its slice of the voice, the phonemes in it, the mouth that sings them.

Which words fall into the scene is `domain/music/scene_lyrics.py`'s, where their sounds are `sung_phones.py`'s. Times
count from the scene's first frame, which is on the song's own clock: no slice is resampled, none overlaps the next.
These functions run in worker processes, on local paths.

- `vocal_segment`: `vocal_segment.flac`.
- `scene_alignment`: `alignment.json` (alignment.1) and `singing.json` (word by word, how it was found).
- `scene_lipsync`: the bytes of a lipsync.1.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import soundfile
from numpy.typing import NDArray

from audio_assets.domain import timebase
from audio_assets.domain.dsp.levels import decibels
from audio_assets.domain.music.analysis import Lyrics
from audio_assets.domain.music.lyrics import LyricsError, parse_lyrics
from audio_assets.domain.music.scene_lyrics import SceneLyrics, scene_lyrics
from audio_assets.domain.music.sung_mouth import SUNG_JAW, sung_lipsync
from audio_assets.domain.pictures import waveform_picture
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas import lipsync as lipsync_schema
from audio_assets.domain.schemas import song_analysis
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.records import Check, RecordError, read_record
from audio_assets.domain.timeline import Timeline, Word
from resources import song_files
from resources.engines import acoustic_model, lyric_aligner, sung_phones
from resources.engines.sung_phones import PlacedWord

SEGMENT, ALIGNMENT, SINGING = "vocal_segment.flac", "alignment.json", "singing.json"
PICTURE = "picture.png"

RECIPE = "1"
"""Raise when the same voice and lyrics get other phonemes or times."""

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

_WINDOW_S = 0.05
_SOUNDING_DB = -50.0
_TRUST = {"aligned": 1.0, "estimated": 0.5, "unknown": 0.5, "silent": 0.0}
"""What the confidence of a word is worth by the way its sounds were placed."""
_MOST_ESTIMATED = 0.2
_ENCODINGS = ("PCM_16", "PCM_24")


@cache
def identity() -> dict[str, str]:
    """Who places the phonemes, for the key of what is aligned."""
    return {**lyric_aligner.identity(), "engine": "scene singing", "singing_recipe": RECIPE}


# --- the slice ---------------------------------------------------------------------------------------------------


def vocal_segment(vocals: Path, start_frame: int, end_frame: int, frame_rate: Fraction, target: Path) -> Rendered:
    """Write the samples of frames `[start_frame, end_frame)` of `vocals` to `target` (FLAC), the same bits.

    Each frame begins at the sample nearest to it, so the slices of scenes that follow one another are the whole voice.
    The last frame of a song may reach past its end: then the slice ends with the song.

    Raises:
        PermanentError: the frames are none or lie past the voice's end, or it is no FLAC of 16 or 24 bits.
    """
    if not 0 <= start_frame < end_frame:
        raise PermanentError(f"frames {start_frame} to {end_frame} are no scene: one begins at 0 or later and has some")
    try:
        with soundfile.SoundFile(vocals) as source:
            rate_hz, encoding = _checked(source, vocals)
            first, wanted = (timebase.frame_to_sample(at, frame_rate, rate_hz) for at in (start_frame, end_frame))
            end = min(wanted, source.frames)
            samples = _slice(source, first, end)
    except soundfile.LibsndfileError as error:
        raise PermanentError(f"the voice in {vocals.name} can not be read ({error}): extract it again") from error
    try:
        soundfile.write(target, samples, rate_hz, encoding, format="FLAC")
        n_written = soundfile.info(target).frames
    except (soundfile.LibsndfileError, OSError):
        target.unlink(missing_ok=True)
        raise
    is_whole = n_written == end - first and wanted - end < rate_hz / frame_rate
    return Rendered(
        files={SEGMENT: target},
        previews={PICTURE: waveform_picture(np.asarray(samples[:, 0] >> 16, np.int16), rate_hz, None)},
        facts={
            "n_samples": n_written,
            "first_sample": first,
            "sample_rate_hz": rate_hz,
            "duration_s": round(n_written / rate_hz, 4),
            **_levels(samples, rate_hz),
        },
        checks=(
            Check(
                "as_long_as_scene",
                is_whole,
                f"{n_written} samples, the scene's frames are {wanted - first}; at the song's end less than one frame "
                "may lack",
                blocking=True,
            ),
        ),
    )


def _checked(source: soundfile.SoundFile, path: Path) -> tuple[int, str]:
    if source.format != "FLAC" or source.subtype not in _ENCODINGS:
        raise PermanentError(
            f"{path.name} is {source.format} {source.subtype}, not FLAC of 16 or 24 bits: extract the voice again"
        )
    return source.samplerate, source.subtype


def _slice(source: soundfile.SoundFile, first: int, end: int) -> Integers:
    """Samples as integers of 32 bits, so that nothing is rounded; shape (n_samples, n_channels)."""
    if first >= end:
        raise PermanentError(
            f"the scene begins at sample {first} and the voice has {source.frames}: plan the storyboard again"
        )
    source.seek(first)
    samples: Integers = source.read(end - first, dtype="int32", always_2d=True)
    if len(samples) != end - first:
        raise PermanentError(f"the voice breaks off at sample {first + len(samples)}: extract it again")
    return samples


def _levels(samples: Integers, rate_hz: int) -> dict[str, Any]:
    """RMS and peak in dB of full scale (None: digital silence), the share of windows of 50 ms with sound in them."""
    scaled = samples.astype(np.float64) / 2**31
    starts = np.arange(0, len(scaled), max(1, round(_WINDOW_S * rate_hz)))
    power = np.add.reduceat(np.square(scaled).mean(axis=1), starts) / np.diff(starts, append=len(scaled))
    return {
        "rms_db": _rounded(decibels(float(np.sqrt(np.mean(np.square(scaled)))))),
        "peak_db": _rounded(decibels(float(np.abs(scaled).max()))),
        "sounding_share": round(float(np.mean(power > 10 ** (_SOUNDING_DB / 10))), 3),
    }


# --- the phonemes ------------------------------------------------------------------------------------------------


def scene_alignment(
    segment: Path,
    lyric_alignment: bytes,
    start_frame: int,
    end_frame: int,
    frame_rate: Fraction,
    *,
    lyrics_override: str = "",
    language: str = "",
) -> Rendered:
    """When each word and phoneme is sung in the scene: `alignment.json` and `singing.json`.

    `segment` is the scene's `vocal_segment`, `lyrics_override` the scene's words as a person set them, `language` a BCP
    47 tag (without: that of the lyrics, else English). English phonemes are found in the voice, others spread over
    their words; which is which, and which words were left out, is in `singing.json`, facts, notes and checks. A scene
    in which nothing is sung has an empty timeline.

    Raises:
        PermanentError: the segment or the lyrics can not be read, or the segment is not as long as the scene.
    """
    lyrics, found_by = _lyrics(lyric_alignment)
    language = language or lyrics.language or "en"
    samples = _read_voice(segment)
    duration_s = float((end_frame - start_frame) / frame_rate)
    _check_length(len(samples), duration_s, frame_rate)
    sung = scene_lyrics(lyrics, start_frame, end_frame, frame_rate, override=lyrics_override)
    if lyrics_override.strip() and not sung.words and language.partition("-")[0] == "en":
        sung = _looked_for(samples, lyrics_override, end_frame - start_frame, frame_rate)
        found_by = "voice"
    voice = sung_phones.listen(samples)
    placed = [sung_phones.place(voice, word, language) for word in sung.words]
    timeline = _timeline(placed, duration_s)
    record = AlignmentRecord(timeline, _source(found_by, placed), _confidence(placed))
    pcm = np.asarray(np.clip(samples * 32767, -32768, 32767), np.int16)
    return Rendered(
        files={ALIGNMENT: alignment_schema.to_bytes(record), SINGING: _singing(placed, sung, language)},
        previews={PICTURE: waveform_picture(pcm, acoustic_model.RATE_HZ, timeline)},
        facts=_facts(placed, sung, record, language),
        checks=_checks(placed, sung, timeline),
        notes=_notes(placed, sung, language),
    )


def _lyrics(data: bytes) -> tuple[Lyrics, str]:
    try:
        return song_analysis.lyrics_from_bytes(data), str(read_record(data, "lyric_alignment.1").get("aligned_by", ""))
    except (RecordError, LyricsError) as error:
        raise PermanentError(f"the song's lyrics can not be read ({error}): analyse the song again") from error


def _read_voice(segment: Path) -> Floats:
    try:
        return np.concatenate(list(song_files.mono_blocks(segment, acoustic_model.RATE_HZ)))
    except song_files.SongFileError as error:
        raise PermanentError(f"the scene's voice can not be read ({error}): cut it again") from error


def _check_length(n_samples: int, duration_s: float, frame_rate: Fraction) -> None:
    segment_s = n_samples / acoustic_model.RATE_HZ
    if not -1 / float(frame_rate) - 0.001 < segment_s - duration_s < 0.001:
        raise PermanentError(
            f"the voice lasts {segment_s:.3f} s and the scene {duration_s:.3f} s: cut the scene's voice again"
        )


def _looked_for(samples: Floats, text: str, n_frames: int, frame_rate: Fraction) -> SceneLyrics:
    """The words of a person's text, looked for in the scene's voice, where the song's lyrics have none for them."""
    try:
        written = parse_lyrics(text, "the scene's lyrics")
    except LyricsError:
        return SceneLyrics((), float(n_frames / frame_rate), tuple(text.split()))
    found = lyric_aligner.align_lyrics(samples, acoustic_model.RATE_HZ, replace(written, language="en"))
    sung = scene_lyrics(found, 0, n_frames, frame_rate)
    missing = tuple(word.text for line in found.lines for word in line.words if word.start_time is None)
    return replace(sung, left_out=missing)


def _timeline(placed: Sequence[PlacedWord], duration_s: float) -> Timeline:
    words = tuple(Word(p.word.text, round(p.word.t_start, 4), _end(p.word.t_end, duration_s)) for p in placed)
    return Timeline(tuple(phone for p in placed for phone in p.phones), words, duration_s)


def _end(t_end: float, duration_s: float) -> float:
    """Rounded as it is stored, but never past the scene's end."""
    return min(round(t_end, 4), duration_s)


def _source(found_by: str, placed: Sequence[PlacedWord]) -> str:
    """Who found the words, and how their phonemes were placed."""
    ways = "+".join(how for how in ("aligned", "estimated") if any(p.how == how for p in placed))
    return f"words: {found_by or 'none'}; phonemes: {ways or 'none'}"


def _confidence(placed: Sequence[PlacedWord]) -> float | None:
    """The mean over the time of the words; None without any."""
    if not placed:
        return None
    lengths = np.array([p.word.t_end - p.word.t_start for p in placed])
    return float(np.average([_word_confidence(p) for p in placed], weights=lengths))


def _word_confidence(placed: PlacedWord) -> float:
    return placed.word.confidence * _TRUST[placed.how]


def _singing(placed: Sequence[PlacedWord], sung: SceneLyrics, language: str) -> bytes:
    return orjson.dumps(
        {
            "schema": "singing.1",
            "duration_s": sung.duration_s,
            "language": language,
            "words": [
                {
                    "word": p.word.text,
                    "t_start": round(p.word.t_start, 4),
                    "t_end": _end(p.word.t_end, sung.duration_s),
                    "line": p.word.line,
                    "phonemes": p.how,
                    "n_phonemes": len(p.phones),
                    "confidence": round(_word_confidence(p), 3),
                    "is_cut": p.word.is_cut,
                }
                for p in placed
            ],
            "left_out": list(sung.left_out),
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _facts(placed: Sequence[PlacedWord], sung: SceneLyrics, record: AlignmentRecord, language: str) -> dict[str, Any]:
    counts = Counter(p.how for p in placed)
    return {
        "text": " ".join(p.word.text for p in placed),
        "language": language,
        "source": record.source,
        "duration_s": round(sung.duration_s, 4),
        "n_words": len(placed),
        "n_phonemes": len(record.timeline.phonemes),
        **{f"n_{how}": counts[how] for how in ("aligned", "estimated", "silent", "unknown")},
        "n_left_out": len(sung.left_out),
        "confidence": None if record.confidence is None else round(record.confidence, 3),
    }


def _checks(placed: Sequence[PlacedWord], sung: SceneLyrics, timeline: Timeline) -> tuple[Check, ...]:
    faults = timeline.faults()
    n_aligned, n_silent = (sum(p.how == how for p in placed) for how in ("aligned", "silent"))
    share = 1 - n_aligned / len(placed) if placed else 0.0
    return (
        Check(
            "times_rise", not faults, "; ".join(faults[:3]) or "every time lies in the scene and rises", blocking=True
        ),
        Check(
            "phonemes_are_aligned",
            share <= _MOST_ESTIMATED,
            f"{n_aligned} of {len(placed)} words have phonemes that were found in the voice, at most "
            f"{_MOST_ESTIMATED:.0%} may not",
        ),
        Check("words_are_heard", not n_silent, f"{n_silent} of {len(placed)} words stand where the voice is silent"),
        Check("words_have_times", not sung.left_out, f"{len(sung.left_out)} words of the scene have no time"),
    )


def _notes(placed: Sequence[PlacedWord], sung: SceneLyrics, language: str) -> tuple[str, ...]:
    notes = list(sung.notes)
    estimated = [p.word.text for p in placed if p.how == "estimated"]
    if estimated and language.partition("-")[0] != "en":
        notes.append(f"phonemes in '{language}' are spread over their words: only English is listened for")
    elif estimated:
        notes.append(f"the phonemes of {_named(estimated)} are spread over the word: they were not found in the voice")
    for how, said in (
        ("silent", "stand where the voice is silent"),
        ("unknown", "can not be said: give the lyrics in letters, and their language"),
    ):
        words = [p.word.text for p in placed if p.how == how]
        if words:
            notes.append(f"{_named(words)} {said}")
    if sung.left_out:
        notes.append(f"{_named(sung.left_out)} were left out: no time is known for them")
    return tuple(notes)


def _named(words: Sequence[str]) -> str:
    shown = ", ".join(f'"{word}"' for word in words[:5])
    return f"{shown} and {len(words) - 5} more" if len(words) > 5 else shown


# --- the mouth ---------------------------------------------------------------------------------------------------


def scene_lipsync(alignment: bytes, frame_rate: Fraction, n_frames: int, *, jaw_exponent: float = SUNG_JAW) -> bytes:
    """Return the lipsync.1 of a scene's alignment, `n_frames` frames; frame 0 is the scene's first.

    Raises:
        PermanentError: it is no alignment, or lasts another number of frames.
    """
    try:
        timeline = alignment_schema.from_bytes(alignment).timeline
        return lipsync_schema.to_bytes(sung_lipsync(timeline, frame_rate, n_frames, jaw_exponent=jaw_exponent))
    except ValueError as error:
        raise PermanentError(str(error)) from error


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
