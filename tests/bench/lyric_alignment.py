"""How many words of a song's lyrics are found where they are sung, by plain lyrics alone, and how honest the rest is.

Truth:
- on_the_run of the shared data: a real song with the times of its syllables (UltraStar). The aligner gets the words
  and line breaks, no times.
- songs without a voice (the guitar-less mixes of the shared data) with lines that espeak says in the centre, as loud
  as the music: exact times, but speech. Two choruses repeat and there is a break of 20 s.
- the same songs with lyrics that are not in them: how many words are given a place with a confidence of a half.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain.music.analysis import Lyrics, LyricWord
from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.music.vocals import VocalExtractor
from audio_assets.domain.speech import SpeechRequest
from resources.engines import espeak
from resources.engines.lyric_aligner import align_lyrics
from tests.bench.measuring import Figure, Skipped, shared

VERSE = ("The garden sleeps beneath the snow", "and every window holds a light", "I hear you singing far below",
         "the engines rolling through the night")  # fmt: skip
CHORUS = ("Come home again before the morning", "come home again before the day", "nobody waits for me this evening",
          "so tell me what you want to say")  # fmt: skip
SUNG = (*VERSE, *CHORUS, "", *VERSE[::-1], *CHORUS)
"""An empty line is a break."""
WITHOUT_VOICE = ("feelings", "war_of_freedom", "armygeddon")

Floats = NDArray[np.float32]


def measure() -> Iterator[Figure]:
    """The real song, then the made ones, then lyrics of others."""
    folder = shared("songs")
    real = parse_lyrics((folder / "on_the_run/song.txt").read_text("utf-8"), "on_the_run/song.txt")
    lyrics = parse_lyrics("\n".join(line.text for line in real.lines), "on_the_run")
    truth = np.array([word.start_time for line in real.lines for word in line.words], np.float64)
    stereo, rate_hz = soundfile.read(folder / "on_the_run/audio.ogg", dtype="float32", always_2d=True)
    align_lyrics(stereo[: 10 * rate_hz, 0], rate_hz, lyrics)  # compiles
    started = time.process_time()
    voice = extracted(stereo, rate_hz)
    took_s, started = time.process_time() - started, time.process_time()
    found = align_lyrics(voice, rate_hz, lyrics)
    aligning_s = time.process_time() - started
    duration_s = len(stereo) / rate_hz
    yield Figure("voice of a song", f"{took_s:.2f} s CPU", "1.5 s for 288 s", took_s <= 1.5 * duration_s / 288)
    yield Figure(
        "its lyrics aligned", f"{aligning_s:.1f} s CPU", "an eighth of the song", aligning_s <= duration_s / 8,
        ratio=f"{aligning_s / duration_s:.3f} of the song",
    )  # fmt: skip
    yield from of_song("on_the_run", found, truth, aim=0.85)
    mono = align_lyrics(stereo.mean(axis=1), rate_hz, lyrics)
    yield from of_song("on_the_run, both channels as one", mono, truth)
    yield not_sung("on_the_run, other lyrics", align_lyrics(voice, rate_hz, made_lyrics()))
    for name in WITHOUT_VOICE:
        yield from of_made_song(folder / name, lyrics)


def of_made_song(folder: Path, other: Lyrics) -> Iterator[Figure]:
    """Figures of espeak's speech over the music in `folder`, and of `other` lyrics in the music alone."""
    music, rate_hz = soundfile.read(folder / "song.ogg", dtype="float32", always_2d=True)
    if music.shape[1] != 2:
        raise Skipped(f"{folder.name} is not stereo")
    yield not_sung(f"{folder.name} without a voice", align_lyrics(extracted(music, rate_hz), rate_hz, other))
    spoken, truth = speech(len(music), rate_hz)
    spoken *= np.sqrt(np.mean(music**2) / np.mean(spoken[np.abs(spoken) > 0.01] ** 2))
    found = align_lyrics(extracted((music + spoken[:, None]) / 2, rate_hz), rate_hz, made_lyrics())
    yield from of_song(f"espeak in {folder.name}", found, truth)


def of_song(name: str, found: Lyrics, truth: NDArray[np.float64], aim: float | None = None) -> Iterator[Figure]:
    """Shares of the words within 0.3 and 1 s, and of those that the aligner is sure of."""
    words = list(words_of(found))
    error_s = np.abs(np.array([np.nan if w.start_time is None else w.start_time for w in words]) - truth)
    close, is_sure = float(np.mean(error_s <= 0.3)), np.array([w.confidence >= 0.5 for w in words])
    yield Figure(
        f"{name}: words within 0.3 s", f"{close:.3f} (1 s: {np.mean(error_s <= 1):.3f})",
        f"{aim}" if aim else "", close >= aim if aim else None,
    )  # fmt: skip
    right = float(np.mean(error_s[is_sure] <= 0.3)) if is_sure.any() else 0.0
    yield Figure(f"{name}: of confidence 0.5", f"{is_sure.mean():.3f} of the words, {right:.3f} of them right")


def not_sung(name: str, found: Lyrics) -> Figure:
    """How many words that nobody sings are thought to be heard."""
    words = list(words_of(found))
    sure = float(np.mean([word.confidence >= 0.5 for word in words]))
    missing = float(np.mean([word.start_time is None for word in words]))
    return Figure(name, f"{sure:.3f} of confidence 0.5, {missing:.3f} not aligned", "at most 0.1", sure <= 0.1)


def words_of(lyrics: Lyrics) -> Iterator[LyricWord]:
    """All words in order."""
    return (word for line in lyrics.lines for word in line.words)


def extracted(stereo: Floats, rate_hz: int) -> Floats:
    """The voice, taken in pieces of ten seconds."""
    extractor = VocalExtractor(rate_hz)
    pieces = [extractor.push(stereo[at : at + 10 * rate_hz]) for at in range(0, len(stereo), 10 * rate_hz)]
    return np.concatenate([*pieces, extractor.finish()])


def made_lyrics() -> Lyrics:
    """What `speech` says."""
    return parse_lyrics("\n".join(SUNG), "made")


def speech(n_samples: int, rate_hz: int) -> tuple[Floats, NDArray[np.float64]]:
    """Espeak's lines from 15 s on, and when each of their words begins."""
    voice = np.zeros(n_samples, np.float32)
    starts: list[float] = []
    at_s = 15.0
    for number, text in enumerate(SUNG):
        if not text:
            at_s += 20.0
            continue
        said = espeak.speak(SpeechRequest(text, "en", (("en-us", 1.0),), speed=0.75))
        assert said.timeline is not None
        samples = soxr.resample(said.pcm.astype(np.float32) / 32768, said.sample_rate_hz, rate_hz)
        first = round(at_s * rate_hz)
        voice[first : first + len(samples)] += samples[: n_samples - first]
        starts += [at_s + word.t_start for word in said.timeline.words]
        at_s += len(samples) / rate_hz + (0.2, 0.6, 1.2)[number % 3]
    return voice, np.array(starts)
