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
from audio_assets.domain.phonemes import VOWELS, nearest_arpabet
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

WAV = "out.wav"
SPOKEN = "speech.json"
ALIGNMENT = "alignment.json"
LIPSYNC = "lipsync.json"
PICTURE = "picture.png"

Speak = Callable[[SpeechRequest], Speech]
Align = Callable[[NDArray[np.int16], int, str], Timeline]
Refine = Callable[[NDArray[np.int16], int, Timeline, str], Timeline]

# Seconds that a phone takes in unhurried speech, and how far a line may stray from their sum. Over 138 lines by Kokoro
# the ratio lies within 0.7 to 1.7; a cut-off or a stuck engine falls well outside.
_VOWEL_S, _CONSONANT_S = 0.11, 0.07
_SHORTEST, _LONGEST = 0.4, 3.0
_SILENT_BELOW_DB = -50.0
_LONGEST_END_SILENCE_S = 1.0


def voice_artifact(speak: Speak, engine: str, request: SpeechRequest, character: str) -> Rendered:
    """Speak `request`: `out.wav` (PCM16 mono at the engine's rate) and `speech.json` (text and the engine's own timing)."""
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
        expected_s = sum(map(_expected_s, (phone.phoneme for phone in timeline.phonemes))) / speed
        ratio = levels.duration_s / expected_s
        detail = f"{levels.duration_s:.2f} s for {len(timeline.phonemes)} phones, {ratio:.2f} of the expected {expected_s:.2f} s"
        checks.append(Check("not_truncated", ratio >= _SHORTEST, f"{detail}, limit {_SHORTEST}", blocking=True))
        checks.append(Check("not_over_long", ratio <= _LONGEST, f"{detail}, limit {_LONGEST}"))
    return tuple(checks)


def alignment_artifact(
    wav: bytes, spoken_json: bytes, align: Align | None, refine: Refine | None, source: str
) -> Rendered:
    """When each phone and word of a voice is spoken: the engine's timing (refined where that helps), else the aligner's."""
    pcm, rate_hz = read_wav(wav)
    spoken = spoken_schema.from_bytes(spoken_json)
    timeline = spoken.timeline
    if timeline is not None and refine is not None:
        timeline = refine(pcm, rate_hz, timeline, spoken.text)
    elif timeline is None and align is not None:
        timeline = align(pcm, rate_hz, spoken.text)
    if timeline is None:
        raise ValueError(f"{spoken.engine} gives no timing and no aligner speaks '{spoken.lang}'")
    covered_s = sum(phone.t_end - phone.t_start for phone in timeline.phonemes)
    return Rendered(
        files={ALIGNMENT: alignment_schema.to_bytes(AlignmentRecord(timeline, source))},
        previews={PICTURE: waveform_picture(pcm, rate_hz, timeline)},
        facts={
            "text": spoken.text,
            "character": spoken.character,
            "source": source,
            "duration_s": round(timeline.duration_s, 4),
            "n_phonemes": len(timeline.phonemes),
            "n_words": len(timeline.words),
        },
        checks=alignment_checks(pcm, rate_hz, timeline, covered_s),
    )


def alignment_checks(pcm: NDArray[np.int16], rate_hz: int, timeline: Timeline, covered_s: float) -> tuple[Check, ...]:
    """Whether the phones rise within the file and cover the time in which there is sound."""
    faults = timeline.faults()
    levels = measure_levels(pcm, rate_hz)
    sounding_s = max(0.0, levels.duration_s - levels.leading_silence_s - levels.trailing_silence_s)
    share = covered_s / sounding_s if sounding_s else 0.0
    return (
        Check(
            "times_rise", not faults, "; ".join(faults[:3]) or "every time lies in the file and rises", blocking=True
        ),
        Check("covers_speech", share >= 0.6, f"phones cover {share:.0%} of {sounding_s:.2f} s of sound, limit 60 %"),
    )


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


def _expected_s(ipa: str) -> float:
    return _VOWEL_S if nearest_arpabet(ipa) in VOWELS else _CONSONANT_S


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
