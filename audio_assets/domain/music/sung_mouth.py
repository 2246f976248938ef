"""A mouth that sings: the mouth shapes of speech, with the jaw lower and held vowels held.

How mouths move is in `audio_assets/domain/mouth_shapes.py`; here is what singing does differently. A singer drops the
jaw further for the same vowel, and sings a diphthong on its first part: the glide comes when the note ends, however
long the note is, where speech divides it by shares.
"""

from dataclasses import replace
from fractions import Fraction

from audio_assets.domain import timebase
from audio_assets.domain.phonemes import nearest_arpabet
from audio_assets.domain.schemas.lipsync import LipsyncRecord, lipsync_record
from audio_assets.domain.timeline import Phone, Timeline

SUNG_JAW = 0.75
"""Exponent of the jaw (0 shut to 1 wide): 1 is speech, 0.75 takes a half open mouth to 0.59. Shut stays shut."""

_HELD_FROM_S = 0.35
_GLIDE_S = 0.25  # of a held diphthong this much at its end is sung as in speech
_ROUNDING_S = 0.001  # stored times are whole tenths of it
_FIRST_PART = {"AY": "ɑ", "AW": "ɑ", "EY": "ɛ", "OW": "ɔ", "OY": "ɔ"}


def sung_lipsync(
    timeline: Timeline, frame_rate: Fraction, n_frames: int, *, jaw_exponent: float = SUNG_JAW
) -> LipsyncRecord:
    """Return the mouth of `timeline`, which lasts `n_frames` frames exactly.

    Raises:
        ValueError: it lasts another number of frames, or breaks its own rules.
    """
    n_covered = timebase.n_frames(timeline.duration_s, frame_rate)
    if n_covered != n_frames:
        raise ValueError(
            f"the alignment lasts {timeline.duration_s:.3f} s, {n_covered} frames at {float(frame_rate):g} fps, and "
            f"the scene has {n_frames}: align the scene again"
        )
    record = lipsync_record(held_vowels(timeline), frame_rate)
    frames = tuple(replace(frame, jaw=round(frame.jaw**jaw_exponent, 3)) for frame in record.frames)
    return replace(record, frames=frames)


def held_vowels(timeline: Timeline) -> Timeline:
    """Return `timeline` with diphthongs of 0.35 s or more as their first part, then the whole in the last 0.25 s.

    A sound that ends less than 1 ms before the scene is held over the cut: it goes on to the end, and does not glide.
    """
    phones = list(timeline.phonemes)
    if phones and timeline.duration_s - phones[-1].t_end < _ROUNDING_S:
        phones[-1] = replace(phones[-1], t_end=timeline.duration_s)
    return replace(timeline, phonemes=tuple(part for phone in phones for part in _held(phone, timeline.duration_s)))


def _held(phone: Phone, duration_s: float) -> tuple[Phone, ...]:
    first = _FIRST_PART.get(nearest_arpabet(phone.phoneme) or "")
    if first is None or phone.t_end - phone.t_start < _HELD_FROM_S:
        return (phone,)
    if phone.t_end == duration_s:
        return (Phone(first, phone.t_start, phone.t_end),)
    glides_at = phone.t_end - _GLIDE_S
    return Phone(first, phone.t_start, glides_at), Phone(phone.phoneme, glides_at, phone.t_end)
