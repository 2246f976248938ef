"""Providers that are small but real: they speak tones, one per letter, in a worker process as any engine does.

What a text holds provokes what an engine can do to a studio: `SILENT` is spoken without a sound, `FAIL` can never be
spoken, `FLAKY` fails until the file `mended` stands in the provider's folder, `DIE` kills the process that speaks it.
Every call is written to the folder's `spoken.log`, so that a test can count what was really rendered.
"""

import hashlib
import multiprocessing
import os
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import TransientError
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.speech import Speech, SpeechError, SpeechRequest
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.alignment import Align, Aligner, Refine
from resources.speech import Speak, SpeechProvider

RATE_HZ = 16_000
LETTER_S, SPACE_S = 0.09, 0.06
VOICES: Mapping[str, Collection[str]] = {
    "kokoro": ("af_heart", "af_bella", "am_adam", "am_michael", "ff_siwis"),
    "espeak": ("default", "en-us", "fr", "de"),
}


class ToneSpeech(SpeechProvider):
    """Speaks tones under the name of a real engine, so that a cast may name it."""

    engine: str
    folder: str
    model: str = "tones 1"
    tells_times: bool = True

    @property
    def name(self) -> str:
        return self.engine

    @property
    def has_timing(self) -> bool:
        return self.tells_times

    @property
    def realtime_factor(self) -> float:
        return 0.01

    def about(self) -> About:
        return About("speech", "tones", "CC0-1.0", "open")

    def voices(self) -> Collection[str]:
        return VOICES[self.engine]

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        return {"engine": self.engine, "model": self.model, "licence": "CC0-1.0"}

    def speaker(self, n_threads: int = 1) -> Speak:
        return partial(speak_tones, folder=Path(self.folder), model=self.model, tells_times=self.tells_times)


class ToneAligner(Aligner):
    """Knows English, and shares the sounding time out evenly among the letters."""

    model: str = "even 1"

    @property
    def name(self) -> str:
        return "pocketsphinx"

    def about(self) -> About:
        return About("alignment", "shares time out evenly", "CC0-1.0", "open")

    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    def identity(self) -> Mapping[str, str]:
        return {"engine": "even", "model": self.model}

    def aligner(self) -> Align:
        return align_evenly

    def refiner(self, engine: str, lang: str) -> Refine | None:
        return None


def speak_tones(request: SpeechRequest, *, folder: Path, model: str, tells_times: bool) -> Speech:
    """The text as tones; the same request to the same model gives the same samples, any other one others."""
    with (folder / "spoken.log").open("a") as log:
        log.write(f"{request.text}\n")
    said = request.text
    for word, respelling in request.pronunciations:
        said = said.replace(word, respelling.strip("/"))
    if "DIE" in said:
        if multiprocessing.parent_process() is None:
            raise RuntimeError("this would have killed the run itself, not a worker")
        os._exit(1)
    if "FAIL" in said:
        raise SpeechError(f"the tones can not say FAIL in {request.text!r}; leave the word out")
    if "FLAKY" in said and not (folder / "mended").exists():
        raise TransientError("the tones are flaky today; a retry may help")
    timeline = _timeline(said, request.speed)
    pcm = np.zeros(round(timeline.duration_s * RATE_HZ), np.int16)
    if "SILENT" not in said:
        _sound(pcm, timeline, _pitch(request, model))
    return Speech(pcm, RATE_HZ, timeline if tells_times else None)


def align_evenly(pcm: NDArray[np.int16], rate_hz: int, text: str) -> AlignmentRecord:
    """A timeline over the whole of `pcm`."""
    natural = _timeline(text, 1.0)
    scale = len(pcm) / rate_hz / natural.duration_s
    timeline = Timeline(
        tuple(Phone(p.phoneme, p.t_start * scale, p.t_end * scale) for p in natural.phonemes),
        tuple(Word(w.word, w.t_start * scale, w.t_end * scale) for w in natural.words),
        natural.duration_s * scale,
    )
    return AlignmentRecord(timeline, "even", 1.0)


def spoken(folder: Path) -> list[str]:
    """Every text that a `ToneSpeech` with this folder was asked to speak, in order."""
    log = folder / "spoken.log"
    return log.read_text().splitlines() if log.exists() else []


def _timeline(text: str, speed: float) -> Timeline:
    phones: list[Phone] = []
    words: list[Word] = []
    at_s = SPACE_S
    for word in text.split():
        letters = [letter for letter in word.lower() if "a" <= letter <= "z"] or ["a"]
        edges_s = [at_s + n * LETTER_S / speed for n in range(len(letters) + 1)]
        phones += [Phone(*entry) for entry in zip(letters, edges_s, edges_s[1:], strict=False)]
        words.append(Word(word, edges_s[0], edges_s[-1]))
        at_s = edges_s[-1] + SPACE_S / speed
    return Timeline(tuple(phones), tuple(words), at_s)


def _pitch(request: SpeechRequest, model: str) -> float:
    said_by = (request.voice, request.style, request.seed, request.lang, model)
    digest = hashlib.sha256(repr(said_by).encode()).digest()
    return 120.0 + int.from_bytes(digest[:2], "big") / 256


def _sound(pcm: NDArray[np.int16], timeline: Timeline, pitch_hz: float) -> None:
    for phone in timeline.phonemes:
        start, end = round(phone.t_start * RATE_HZ), round(phone.t_end * RATE_HZ)
        hz = pitch_hz + 20 * (ord(phone.phoneme) - ord("a"))
        pcm[start:end] = 8000 * np.sin(2 * np.pi * hz * np.arange(end - start) / RATE_HZ)
