"""Yardstick: how often do the mouth shapes of a track agree with phonemes labelled by hand?

Each 10 ms of a sentence is asked: is the shape that shows one that the rules allow for the phoneme labelled there? The
rules are written down here a second time, straight from Rhubarb's table and for labels only, so that no mistake in
`visemes` or `mouth_shapes` can agree with itself. Tweens are not in the allowed sets: one counts as wrong where the
phoneme's own set lacks it. Pauses allow X alone. Of a P or B the closed mouth lies before its start (half the phoneme
before, 40 to 120 ms), as Rhubarb has it; `closed_inside` takes the end of the label for the release instead.

Two figures: the share of all 10 ms frames, and of those that allow neither B nor X (yardstick of another tool: 0.87 and
0.64). Two sources of the track: the labels themselves, and the aligner's timeline of the audio.
"""

import re
import wave
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from audio_assets.domain.mouth_shapes import mouth_cues, mouth_frames
from audio_assets.domain.phonemes import ARPABET_TO_IPA, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline
from resources.engines.pocketsphinx import align
from tests.bench.measuring import Figure, shared

SENTENCES = {"bobby": "Bobby ripped the ledger", "mary": "Mary rolled the barrel"}
RATES = tuple(map(Fraction, (24, 25, 30, 60, 100)))
YARDSTICK = (0.87, 0.64)
ANY = set("ABCDEFGHX")
# Labels that are no plain ARPAbet symbol: two sounds share the time; an unstressed AH is the schwa; and the labeller
# of "barrel" wrote œ for æ (English has no œ).
READ_AS = {"PT": ("P", "T"), "AH0": ("AX",), "œ": ("AE",)}

Label = tuple[str, float, float]


def allowed(label: str, duration_s: float) -> list[tuple[float, set[str]]]:
    """Rhubarb's rule for one phoneme: (where it ends as a share of the phoneme, shapes)."""

    def one(shapes: str) -> list[tuple[float, set[str]]]:
        return [(1.0, set(shapes))]

    def two(first: str, second: str) -> list[tuple[float, set[str]]]:
        return [(0.6, set(first)), (1.0, set(second))]

    match label:
        case "":
            return one("X")
        case "P" | "B" | "HH":
            return [(1.0, ANY)]
        case "AO":
            return one("E")
        case "AA":
            return one("D")
        case "IY" | "IH":
            return one("B")
        case "UW" | "UH" | "W":
            return one("F")
        case "EH" | "AE":
            return one("C")
        case "AH":
            return one("C" if duration_s < 0.2 else "D")
        case "AX":
            return one("BC")
        case "ER":
            return one("BC" if duration_s < 0.07 else "E")
        case "EY":
            return two("C", "B")
        case "AY":
            return two("C" if duration_s < 0.2 else "D", "B")
        case "AW":
            return two("C" if duration_s < 0.3 else "D", "E")
        case "OW":
            return two("E", "F")
        case "OY":
            return two("E", "B")
        case "M":
            return one("A")
        case "F" | "V":
            return one("G")
        case "L":
            return one("BEFH" if duration_s < 0.2 else "H")
        case "T" | "D" | "S" | "Z" | "SH" | "ZH" | "TH" | "DH" | "CH" | "JH":
            return one("BF")
        case "K" | "G":
            return one("BCEFH")
        case "N":
            return one("BCFH")
        case "NG":
            return one("BCEF")
        case "R":
            return one("BEF")
        case "Y":
            return one("BCF")
    raise ValueError(f'no rule for "{label}"')


def allowed_by_frame(labels: list[Label], *, closed_inside: bool = False) -> list[set[str]]:
    """The set of allowed shapes at the middle of each 10 ms."""
    n = int(labels[-1][2] * 100)
    sets = [{"X"} for _ in range(n)]

    def put(t_start: float, t_end: float, shapes: set[str]) -> None:
        for i in range(n):
            if t_start <= (i + 0.5) / 100 < t_end:
                sets[i] = shapes

    previous_s = 0.0
    for label, t_start, t_end in labels:
        t = t_start
        for share, shapes in allowed(label, t_end - t_start):
            t_share = t_start + share * (t_end - t_start)
            put(t, t_share, shapes)
            t = t_share
        if label in ("P", "B"):
            release = t_end if closed_inside else t_start
            put(release - min(max(previous_s / 2, 0.04), 0.12), release, {"A"})
        previous_s = t_end - t_start
    return sets


def labels_of(name: str, folder: Path) -> list[Label]:
    """The labelled phonemes of a sentence as ARPAbet, "" for silence, without gaps."""
    path = next(p for p in (folder / f"{name}_phones.TextGrid", folder / f"{name}.TextGrid") if p.exists())
    found: list[Label] = []
    t = 0.0
    for t_start, t_end, text in _first_tier(path.read_text()):
        if t_start > t:
            found.append(("", t, t_start))
        sounds = READ_AS.get(text) or (_arpabet(text),)
        each_s = (t_end - t_start) / len(sounds)
        found.extend((sound, t_start + i * each_s, t_start + (i + 1) * each_s) for i, sound in enumerate(sounds))
        t = t_end
    return found


def _arpabet(label: str) -> str:
    bare = label.rstrip("012")
    return bare if bare in ARPABET_TO_IPA else nearest_arpabet(label) or ""


def _first_tier(text: str) -> Iterator[tuple[float, float, str]]:
    """The first tier of a TextGrid, long or short form: (start, end, label) of each interval."""
    tier = re.sub(r"\[\d+\]", "", text.split('"IntervalTier"')[1])
    values = re.findall(r'"[^"]*"|\d+\.\d+|\d+(?=\s*$)', tier, re.MULTILINE)[4:]  # after name, start, end, count
    for t_start, t_end, label in zip(*[iter(values)] * 3, strict=False):
        yield float(t_start), float(t_end), label.strip('"').strip()


def timeline_of(labels: Iterable[Label]) -> Timeline:
    """The labels as a timeline."""
    labels = list(labels)
    phones = tuple(Phone(ARPABET_TO_IPA[a], s, e) for a, s, e in labels if a)
    return Timeline(phones, (), labels[-1][2])


def aligned(name: str, folder: Path) -> Timeline:
    """The aligner's timeline of the audio."""
    with wave.open(str(folder / f"{name}.wav")) as audio:
        pcm = np.frombuffer(audio.readframes(audio.getnframes()), dtype=np.int16)
        return align(pcm, audio.getframerate(), SENTENCES[name])


def shown_by_frame(timeline: Timeline, rate: Fraction | None, n: int) -> list[str]:
    """The shape that shows at the middle of each 10 ms; rate None takes the cues."""
    if rate is None:
        cues = mouth_cues(timeline)
        return [next((c.shape for c in cues if (i + 0.5) / 100 < c.t_end), "X") for i in range(n)]
    shapes = [frame.shape for frame in mouth_frames(timeline, rate)]
    return [shapes[min(len(shapes) - 1, int((i + 0.5) / 100 * rate))] for i in range(n)]


def agreement(shown: list[str], sets: list[set[str]]) -> tuple[int, int, int, int]:
    """Agreeing and all frames, then the same where neither B nor X is allowed."""
    pairs = list(zip(shown, sets, strict=True))
    hard = [(shape, shapes) for shape, shapes in pairs if not shapes & {"B", "X"}]
    return sum(s in a for s, a in pairs), len(pairs), sum(s in a for s, a in hard), len(hard)


def measure() -> Iterator[Figure]:
    """Both figures of the cues, and the lowest of the frame rates, from the labels and from the aligner.

    Raises:
        Skipped: there is no labelled speech.
    """
    folder = shared("speech")
    for source, timelines in (
        ("labels", {name: timeline_of(labels_of(name, folder)) for name in SENTENCES}),
        ("aligner", {name: aligned(name, folder) for name in SENTENCES}),
    ):
        all_share, hard_share = agreeing(timelines, folder, None)
        at_rates = [agreeing(timelines, folder, rate) for rate in RATES]
        lowest = ", ".join(f"{min(shares):.2f}" for shares in zip(*at_rates, strict=True))
        yield Figure(
            f"mouth shapes that agree, from the {source}: all frames, those with neither B nor X",
            f"{all_share:.2f}, {hard_share:.2f} (lowest of {len(RATES)} frame rates {lowest})",
            f"{YARDSTICK[0]}, {YARDSTICK[1]}",
            all_share >= YARDSTICK[0] and hard_share >= YARDSTICK[1],
        )


def agreeing(timelines: Mapping[str, Timeline], folder: Path, rate: Fraction | None) -> tuple[float, float]:
    """The shares over all sentences; rate None takes the cues."""
    totals = np.zeros(4)
    for name, timeline in timelines.items():
        sets = allowed_by_frame(labels_of(name, folder))
        totals += agreement(shown_by_frame(timeline, rate, len(sets)), sets)
    return float(totals[0] / totals[1]), float(totals[2] / totals[3])
