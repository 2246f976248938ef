"""The files of each artifact of a line, from what its engine answers: names, encodings, pictures and checks.

These functions run in worker processes, so they take and give plain values; what to render, and where it is stored, is
decided elsewhere.
"""

import io
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_assets.domain.dsp.levels import Levels, measure_levels
from audio_assets.domain.mouth_exports import FORMATS, export_cues
from audio_assets.domain.mouth_shapes import mouth_cues
from audio_assets.domain.pictures import mouth_picture, waveform_picture
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas import lipsync as lipsync_schema
from audio_assets.domain.schemas import spoken as spoken_schema
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.schemas.spoken import Spoken
from audio_assets.domain.speech import Speech, SpeechRequest
from audio_assets.domain.timebase import frame_start_s
from audio_assets.domain.timeline import Timeline
from audio_assets.domain.word_phones import usual_s

WAV = "out.wav"
SPOKEN = "speech.json"
ALIGNMENT = "alignment.json"
LIPSYNC = "lipsync.json"
PICTURE = "picture.png"

Speak = Callable[[SpeechRequest], Speech]
Align = Callable[[NDArray[np.int16], int, str], AlignmentRecord]
Refine = Callable[[NDArray[np.int16], int, Timeline], Timeline]
Fill = Callable[[NDArray[np.int16], int, Spoken], Timeline]

# How far a line may stray from the sum of what its phones usually take. Over the 213 lines of a visual novel in three
# languages the ratio lay within 0.6 to 2.0 once a second is granted for pauses ("Hey... Umm...").
_SHORTEST, _LONGEST, _PAUSES_S = 0.4, 3.0, 1.0
_SILENT_BELOW_DB = -50.0
_LONGEST_END_SILENCE_S = 1.0
_LEAST_COVERED = 0.6
_DAT_LOWEST_FPS, _DAT_HIGHEST_FPS = 10, 100  # what Rhubarb itself writes DAT files for; at other rates there is none
_LEAST_CONFIDENCE = 0.5  # of 102 texts that were not in the audio none reached it, of 101 right ones all did


def voice_artifact(speak: Speak, engine: str, request: SpeechRequest, character: str) -> Rendered:
    """Speak `request`: `out.wav` (PCM16 mono) and `speech.json` (text and the engine's own timing)."""
    speech = speak(request)
    spoken = Spoken(request.text, request.lang, character, engine, request.pronunciations, speech.timeline)
    levels = measure_levels(speech.pcm, speech.sample_rate_hz)
    return Rendered(
        files={WAV: wav_bytes(speech.pcm, speech.sample_rate_hz), SPOKEN: spoken_schema.to_bytes(spoken)},
        previews={PICTURE: waveform_picture(speech.pcm, speech.sample_rate_hz, speech.timeline)},
        facts={
            "text": request.text,
            "character": character,
            "lang": request.lang,
            "voice": voice_name(request.voice),
            "engine": engine,
            "times": _told(speech.timeline),
            "duration_s": round(levels.duration_s, 4),
            "n_samples": len(speech.pcm),
            "sample_rate_hz": speech.sample_rate_hz,
            "leading_silence_s": round(levels.leading_silence_s, 3),
            "trailing_silence_s": round(levels.trailing_silence_s, 3),
            "peak_db": _rounded(levels.peak_db),
            "rms_db": _rounded(levels.rms_db),
        },
        checks=voice_checks(levels, speech.timeline, request.speed),
        notes=speech.notes,
    )


def _told(timeline: Timeline | None) -> str:
    """The finest times that speech came with, as `SpeechProvider.timing` names them."""
    if timeline is None or not (timeline.phonemes or timeline.words):
        return ""
    return "phonemes" if timeline.phonemes else "words"


def voice_checks(levels: Levels, timeline: Timeline | None, speed: float) -> tuple[Check, ...]:
    """Clipping, silence and (where the engine tells its phones) a plausible length."""
    checks = [
        Check(
            "not_silent",
            levels.rms_db is not None and levels.rms_db > _SILENT_BELOW_DB,
            f"RMS {_rounded(levels.rms_db)} dBFS, limit {_SILENT_BELOW_DB}",
            blocking=True,
        ),
        Check(
            "not_clipped",
            levels.n_clipped_runs == 0,
            f"{levels.n_clipped_runs} runs of samples at full scale, the longest {levels.longest_clipped_run}",
        ),
        Check(
            "ends_not_silent",
            max(levels.leading_silence_s, levels.trailing_silence_s) <= _LONGEST_END_SILENCE_S,
            f"{levels.leading_silence_s:.2f} s before and {levels.trailing_silence_s:.2f} s after, "
            f"limit {_LONGEST_END_SILENCE_S} s",
        ),
    ]
    if timeline is not None and timeline.phonemes:
        expected_s = sum(usual_s(phone.phoneme) for phone in timeline.phonemes) / speed
        detail = f"{levels.duration_s:.2f} s for {len(timeline.phonemes)} phones that take about {expected_s:.2f} s"
        shortest_s, longest_s = _SHORTEST * expected_s, _LONGEST * expected_s + _PAUSES_S
        is_whole = levels.duration_s >= shortest_s
        checks.append(Check("not_truncated", is_whole, f"{detail}, at least {shortest_s:.2f} s", blocking=True))
        checks.append(Check("not_over_long", levels.duration_s <= longest_s, f"{detail}, at most {longest_s:.2f} s"))
    return tuple(checks)


def alignment_artifact(
    wav: bytes, spoken_json: bytes, align: Align | None, refine: Refine | None, fill: Fill | None = None
) -> Rendered:
    """When each phone and word is spoken, by the best that there is of this line.

    The engine's own phones (refined where that helps), else its words with their phones filled in, else the aligner.

    Raises:
        ValueError: there is none of these.
    """
    pcm, rate_hz = read_wav(wav)
    spoken = spoken_schema.from_bytes(spoken_json)
    record = _timed(pcm, rate_hz, spoken, align, refine, fill)
    timeline, confidence = record.timeline, record.confidence
    return Rendered(
        files={ALIGNMENT: alignment_schema.to_bytes(record)},
        previews={PICTURE: waveform_picture(pcm, rate_hz, timeline)},
        facts={
            "text": spoken.text,
            "character": spoken.character,
            "source": record.source,
            "duration_s": round(timeline.duration_s, 4),
            "n_phonemes": len(timeline.phonemes),
            "n_words": len(timeline.words),
        },
        checks=alignment_checks(pcm, rate_hz, timeline, confidence),
    )


def _timed(
    pcm: NDArray[np.int16],
    rate_hz: int,
    spoken: Spoken,
    align: Align | None,
    refine: Refine | None,
    fill: Fill | None,
) -> AlignmentRecord:
    timeline, told = spoken.timeline, _told(spoken.timeline)
    if timeline is not None and told == "phonemes":
        refined = timeline if refine is None else refine(pcm, rate_hz, timeline)
        return AlignmentRecord(refined, spoken.engine if refine is None else f"{spoken.engine}+refined")
    if told == "words" and fill is not None:
        return AlignmentRecord(fill(pcm, rate_hz, spoken), f"{spoken.engine} words + phones")
    if align is not None:
        return align(pcm, rate_hz, spoken.text)
    raise ValueError(f"{spoken.engine} gives no timing and no aligner speaks '{spoken.lang}'")


def alignment_checks(
    pcm: NDArray[np.int16], rate_hz: int, timeline: Timeline, confidence: float | None
) -> tuple[Check, ...]:
    """Whether the phones rise within the file, cover the time with sound, and (if aligned) are those of the audio."""
    faults = timeline.faults()
    share = covered_share(pcm, rate_hz, timeline)
    return (
        Check(
            "times_rise", not faults, "; ".join(faults[:3]) or "every time lies in the file and rises", blocking=True
        ),
        Check(
            "text_is_spoken",
            confidence is None or confidence >= _LEAST_CONFIDENCE,
            "the engine spoke this very text" if confidence is None else f"confidence {confidence:.2f}",
        ),
        Check(
            "covers_speech",
            share >= _LEAST_COVERED,
            f"phones cover {share:.0%} of the sound, at least {_LEAST_COVERED:.0%}",
        ),
    )


def covered_share(pcm: NDArray[np.int16], rate_hz: int, timeline: Timeline) -> float:
    """The share of the 10 ms windows with sound in them in which a phone stands; 0 where there is no sound."""
    n_window = rate_hz // 100
    windows = pcm[: len(pcm) // n_window * n_window].reshape(-1, n_window).astype(np.float64)
    has_sound = np.sqrt(np.mean(np.square(windows), axis=1)) > 32768 * 10 ** (_SILENT_BELOW_DB / 20)
    middles_s = (np.arange(len(windows)) + 0.5) / 100
    has_phone = np.zeros(len(windows), bool)
    for phone in timeline.phonemes:
        has_phone |= (phone.t_start <= middles_s) & (middles_s < phone.t_end)
    return float(np.mean(has_phone[has_sound])) if has_sound.any() else 0.0


def lipsync_artifact(alignment_json: bytes, frame_rate: Fraction, shapes: str) -> Rendered:
    """Mouth shapes, visemes and jaw per frame, with the exports that animation tools read."""
    record = alignment_schema.from_bytes(alignment_json)
    timeline = record.timeline
    extended = shapes == "extended"
    lipsync = lipsync_schema.lipsync_record(timeline, frame_rate, extended=extended)
    cues = mouth_cues(timeline, extended=extended)
    exports = {
        f"mouth.{name}": export_cues(
            cues, name, sound_file=WAV, duration_s=timeline.duration_s, frame_rate=frame_rate
        ).encode()
        for name in FORMATS
        if name != "dat" or _DAT_LOWEST_FPS <= frame_rate <= _DAT_HIGHEST_FPS
    }
    n_frames = len(lipsync.frames)
    is_covered = frame_start_s(n_frames - 1, frame_rate) < timeline.duration_s <= frame_start_s(n_frames, frame_rate)
    return Rendered(
        files={LIPSYNC: lipsync_schema.to_bytes(lipsync), **exports},
        previews={
            PICTURE: mouth_picture(
                [frame.shape for frame in lipsync.frames],
                float(frame_rate),
                jaw=[frame.jaw for frame in lipsync.frames],
            )
        },
        facts={
            "fps": float(frame_rate),
            "n_frames": n_frames,
            "duration_s": round(timeline.duration_s, 4),
            "shapes": shapes,
            "text": " ".join(word.word for word in timeline.words),
        },
        checks=(
            Check(
                "as_long_as_audio",
                is_covered,
                f"{n_frames} frames at {float(frame_rate):g} fps for {timeline.duration_s:.3f} s of audio",
                blocking=True,
            ),
        ),
    )


def wav_bytes(pcm: NDArray[np.int16], sample_rate_hz: int) -> bytes:
    """A mono PCM16 WAV file of `pcm`, shape (n_samples,)."""
    target = io.BytesIO()
    soundfile.write(target, pcm, sample_rate_hz, format="WAV", subtype="PCM_16")
    return target.getvalue()


def read_wav(data: bytes) -> tuple[NDArray[np.int16], int]:
    """The samples, shape (n_samples,), and the rate in Hz of a mono WAV file of ours."""
    pcm, rate_hz = soundfile.read(io.BytesIO(data), dtype="int16")
    return pcm, rate_hz


def voice_name(voice: tuple[tuple[str, float], ...]) -> str:
    """A mix as people write it: `am_adam50_am_michael50`."""
    return voice[0][0] if len(voice) == 1 else "_".join(f"{name}{round(100 * share)}" for name, share in voice)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
