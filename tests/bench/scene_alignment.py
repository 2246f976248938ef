"""How well the phonemes and the mouth of performance scenes follow what is sung.

Truth: on_the_run of the shared data, a real song whose syllables are timed by a person (UltraStar). It is cut into
scenes of eight seconds; each goes through vocal_segment, scene_alignment and scene_lipsync as in a film. The first
vowel of each syllable is held against the syllable: twice with the words where the song's own lyric alignment has them
(so its errors count too), by the voice and by usual proportions, and twice with the words where the chart has them.
Words across a cut are left out; so are those with another number of syllables than the dictionary says.
"""

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import soundfile
from numpy.typing import NDArray

from audio_assets.domain import timebase
from audio_assets.domain.music.analysis import Lyrics
from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.music.sung_phones import usual_edges
from audio_assets.domain.phonemes import VOWELS, nearest_arpabet
from audio_assets.domain.schemas import alignment, lipsync, song_analysis
from audio_assets.domain.timeline import Phone
from resources.engines.lyric_aligner import align_lyrics
from resources.engines.scene_singing import ALIGNMENT, SINGING, scene_alignment, scene_lipsync, vocal_segment
from tests.bench.lyric_alignment import extracted
from tests.bench.measuring import Figure, Skipped, shared

RATE = Fraction(24000, 1001)
SCENE_S = 8
OPEN = 0.15
NOTE = re.compile(r"^[:*F] (-?\d+) (\d+) -?\d+ (.*)$")

Spans = list[tuple[float, float]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scenes:
    """What was rendered: phones by the start of their word (song's seconds), jaw per frame, CPU seconds, counts."""

    phones: dict[float, list[Phone]]
    jaw: Floats
    cpu_s: float
    n_words: int
    n_aligned: int


def measure() -> Iterator[Figure]:
    """Own windows, the chart's windows, the mouth, the time it takes."""
    folder = shared("songs") / "on_the_run"
    if not folder.is_dir():
        raise Skipped("no on_the_run in ../shared/data/songs")
    rows = (folder / "song.txt").read_text("utf-8").splitlines()
    charted = parse_lyrics("\n".join(rows), "song.txt")
    syllables = charted_syllables(rows)
    stereo, rate_hz = soundfile.read(folder / "audio.ogg", dtype="float32", always_2d=True)
    voice = np.clip(extracted(stereo, rate_hz), -1.0, 32767 / 32768)
    own = align_lyrics(voice, rate_hz, parse_lyrics("\n".join(line.text for line in charted.lines), "plain"))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        vocals = Path(name) / "vocals.flac"
        soundfile.write(vocals, voice, rate_hz, "PCM_16", format="FLAC")
        for which, lyrics, aim in (("song's own words", own, 0.85), ("chart's words", charted, 0.95)):
            scenes = rendered(vocals, lyrics, len(voice) / rate_hz)
            yield of_vowels(f"vowels, {which}, by the voice", vowels(lyrics, scenes.phones, syllables), aim)
            usual = {start: spread(phones) for start, phones in scenes.phones.items()}
            yield of_vowels(f"vowels, {which}, by proportions", vowels(lyrics, usual, syllables))
            yield Figure(f"phonemes found, {which}", f"{scenes.n_aligned} of {scenes.n_words} words of the scenes")
            yield of_mouth(which, scenes.jaw, [span for word in syllables for span in word])
    ratio = scenes.cpu_s / (len(voice) / rate_hz)
    yield Figure("slice, phonemes and mouth", f"{scenes.cpu_s:.1f} s CPU", "", None, f"{ratio:.3f} of the song")


def charted_syllables(rows: Sequence[str]) -> list[Spans]:
    """The spans of each word's syllables; "~" holds the one before."""
    tags = {row.partition(":")[0]: row.partition(":")[2].replace(",", ".") for row in rows if row.startswith("#")}
    gap_s, quarter_s = float(tags["#GAP"]) / 1000, 60 / (float(tags["#BPM"]) * 4)
    words: list[Spans] = []
    is_open = False
    for row in rows:
        match = NOTE.match(row)
        if match is None:
            is_open = is_open and not row.startswith("-")
            continue
        span = gap_s + int(match[1]) * quarter_s, gap_s + (int(match[1]) + int(match[2])) * quarter_s
        if match[3].strip().startswith("~"):
            words[-1][-1] = words[-1][-1][0], span[1]
        elif is_open and not match[3][:1].isspace():
            words[-1].append(span)
        else:
            words.append([span])
        is_open = not match[3][-1:].isspace()
    return words


def rendered(vocals: Path, lyrics: Lyrics, duration_s: float) -> Scenes:
    """All scenes of the song."""
    data = song_analysis.lyrics_to_bytes(lyrics, {"aligned_by": "bench"})
    n_frames = timebase.n_frames(duration_s, RATE)
    cuts = [*range(0, n_frames - 1, round(SCENE_S * RATE)), n_frames]
    phones: dict[float, list[Phone]] = {}
    jaw: list[float] = []
    n_words = n_aligned = 0
    started = time.process_time()
    for start, end in pairwise(cuts):
        segment = vocals.with_name("segment.flac")
        vocal_segment(vocals, start, end, RATE, segment)
        done = scene_alignment(segment, data, start, end, RATE)
        content, singing = (bytes_of(done.files[name]) for name in (ALIGNMENT, SINGING))
        jaw += [frame.jaw for frame in lipsync.from_bytes(scene_lipsync(content, RATE, end - start)).frames]
        n_words, n_aligned = n_words + done.facts["n_words"], n_aligned + done.facts["n_aligned"]
        found = iter(alignment.from_bytes(content).timeline.phonemes)
        at = float(start / RATE)
        for word in orjson.loads(singing)["words"]:
            own = [next(found) for _ in range(word["n_phonemes"])]
            if not word["is_cut"]:
                phones[at + word["t_start"]] = [Phone(p.phoneme, at + p.t_start, at + p.t_end) for p in own]
    return Scenes(phones, np.array(jaw), time.process_time() - started, n_words, n_aligned)


def bytes_of(content: bytes | Path) -> bytes:
    """A file of a render."""
    return content if isinstance(content, bytes) else content.read_bytes()


def spread(phones: Sequence[Phone]) -> list[Phone]:
    """The same phonemes by usual proportions."""
    sounds = [nearest_arpabet(phone.phoneme) or "AH" for phone in phones]
    edges = usual_edges(sounds, phones[0].t_start, phones[-1].t_end)
    return [Phone(p.phoneme, float(a), float(b)) for p, (a, b) in zip(phones, pairwise(edges), strict=True)]


def vowels(lyrics: Lyrics, phones: dict[float, list[Phone]], syllables: Sequence[Spans]) -> Floats:
    """Vowel from and to, syllable from and to, number of the syllable in its word; shape (n, 5)."""
    starts = np.array(sorted(phones))
    found = []
    for word, spans in zip((w for line in lyrics.lines for w in line.words), syllables, strict=True):
        if word.start_time is None:
            continue
        nearest = float(starts[np.abs(starts - word.start_time).argmin()])
        if abs(nearest - word.start_time) > 0.001:
            continue
        own = [p for p in phones[nearest] if nearest_arpabet(p.phoneme) in VOWELS]
        if len(own) == len(spans):
            found += [
                (p.t_start, p.t_end, *span, number) for number, (p, span) in enumerate(zip(own, spans, strict=True))
            ]
    return np.array(found)


def of_vowels(name: str, found: Floats, aim: float | None = None) -> Figure:
    """How many vowels sound during their syllable, and how far their onset is from the syllable's."""
    error_s = np.abs(found[:, 0] - found[:, 2])
    common_s = np.minimum(found[:, 1], found[:, 3]) - np.maximum(found[:, 0], found[:, 2])
    overlap = float(np.mean(common_s > 0))
    covered = float(np.clip(common_s, 0, None).sum() / (found[:, 3] - found[:, 2]).sum())
    later = error_s[found[:, 4] > 0]
    return Figure(
        name,
        f"{overlap:.3f} overlap their syllable, {covered:.2f} of whose time they cover; onsets "
        f"{np.median(error_s):.3f} s off (median), {np.mean(error_s <= 0.1):.3f} within 0.1 s, "
        f"{np.mean(error_s <= 0.3):.3f} within 0.3 s; inside words {np.mean(later <= 0.1):.3f} within 0.1 s "
        f"(n={len(found)}, {len(later)})",
        f"{aim} overlap" if aim else "",
        overlap >= aim if aim else None,
    )


def of_mouth(which: str, jaw: Floats, syllables: Spans) -> Figure:
    """How much of the syllables' time the mouth is open, and of the time far from any it is shut."""
    middles_s = (np.arange(len(jaw)) + 0.5) / float(RATE)
    starts, ends = (np.array(times) for times in zip(*syllables, strict=True))
    inside = ((middles_s[:, None] >= starts) & (middles_s[:, None] < ends)).any(axis=1)
    near = ((middles_s[:, None] >= starts - 1.0) & (middles_s[:, None] < ends + 1.0)).any(axis=1)
    return Figure(
        f"mouth, {which}",
        f"open in {np.mean(jaw[inside] >= OPEN):.3f} of the frames of syllables, "
        f"shut in {np.mean(jaw[~near] == 0):.3f} of those 1 s or more from any",
    )
