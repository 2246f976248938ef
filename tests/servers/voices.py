"""Speech for servers of speech to answer with: espeak's, whose times are exact, in any rate and encoding."""

import io
import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain.speech import SpeechRequest
from resources.engines import espeak

SUBTYPES = {"pcm_s16le": "PCM_16", "pcm_f32le": "FLOAT", "pcm_mulaw": "ULAW", "pcm_alaw": "ALAW"}
_VOICES = {"en": "en-us", "fr": "fr-fr"}
Timed = list[tuple[str, float, float]]


@dataclass(frozen=True)
class Said:
    """Speech with its times: int16, mono; words as they were given, phones as IPA."""

    pcm: NDArray[np.int16]
    rate_hz: int
    words: Timed
    phones: Timed

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / self.rate_hz


@lru_cache(maxsize=2048)
def said(text: str, lang: str, rate_hz: int, speed: float = 1.0) -> Said:
    """`text` by espeak; each token between spaces gets the time of its word, a sign of its own none."""
    voice = _VOICES.get(lang, lang)
    tokens = [token for token in text.split() if any(c.isalnum() for c in token)]
    plain = " ".join("thing" if token.startswith("<<") else token for token in tokens)
    speech = espeak.speak(SpeechRequest(plain, lang, ((voice, 1.0),), speed=speed))
    assert speech.timeline is not None
    assert len(tokens) == len(speech.timeline.words), (tokens, speech.timeline.words)
    pcm = np.asarray(soxr.resample(speech.pcm, speech.sample_rate_hz, rate_hz), np.int16)
    return Said(
        pcm,
        rate_hz,
        [(token, w.t_start, w.t_end) for token, w in zip(tokens, speech.timeline.words, strict=True)],
        [(p.phoneme, p.t_start, p.t_end) for p in speech.timeline.phonemes],
    )


def encoded(pcm: NDArray[np.int16], encoding: str) -> bytes:
    """Bare samples."""
    target = io.BytesIO()
    samples = pcm / 32768 if encoding == "pcm_f32le" else pcm
    soundfile.write(target, samples, 8_000, format="RAW", subtype=SUBTYPES[encoding], endian="LITTLE")
    return target.getvalue()


def wav(pcm: NDArray[np.int16], rate_hz: int, encoding: str = "pcm_s16le") -> bytes:
    """A WAV file."""
    target = io.BytesIO()
    samples = pcm / 32768 if encoding == "pcm_f32le" else pcm
    soundfile.write(target, samples, rate_hz, format="WAV", subtype=SUBTYPES[encoding])
    return target.getvalue()


def streamed(file: bytes) -> bytes:
    """A WAV file as a writer leaves it that can not go back to its header."""
    at = file.index(b"data") + 4
    unknown = struct.pack("<I", 0xFFFFFFFF)
    return file[:4] + unknown + file[8:at] + unknown + file[at + 4 :]
