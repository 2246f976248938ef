"""Yardstick: how often do the mouth shapes of a track agree with phonemes labelled by hand?

Each 10 ms of a sentence is asked: is the shape that shows one that the rules allow for the phoneme labelled there? The
rules are written down here a second time, straight from Rhubarb's table and for labels only, so that no mistake in
`visemes` or `mouth_shapes` can agree with itself. Tweens are not in the allowed sets: one counts as wrong where the
phoneme's own set lacks it. Pauses allow X alone. Of a P or B the closed mouth lies before its start (half the phoneme
before, 40 to 120 ms), as Rhubarb has it; `--closed-inside` takes the end of the label for the release instead.

Two figures: the share of all 10 ms frames, and of those that allow neither B nor X (yardstick of another tool: 0.87 and
0.64). Two sources of the track: the labels themselves, and the aligner's timeline of the audio.

Run: python tests/bench/mouth_shape_agreement.py [--speech FOLDER] [--closed-inside] [--strips]
"""

import argparse
import re
import sys
import wave
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from audio_assets.domain.mouth_shapes import mouth_cues, mouth_frames
from audio_assets.domain.phonemes import ARPABET_TO_IPA, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline

SPEECH = Path(__file__).resolve().parents[2] / "../shared/data/speech"
SENTENCES = {"bobby": "Bobby ripped the ledger", "mary": "Mary rolled the barrel"}
RATES = tuple(map(Fraction, (24, 25, 30, 60, 100)))
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


def allowed_by_frame(labels: list[Label], *, closed_inside: bool) -> list[set[str]]:
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


def aligned(name: str, folder: Path) -> Timeline | None:
    """The aligner's timeline of the audio; None where there is no aligner."""
    try:
        from resources.engines.pocketsphinx import align
    except ImportError:
        return None
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--closed-inside", action="store_true")
    parser.add_argument("--strips", action="store_true", help="print the tracks, one letter per frame")
    options = parser.parse_args()
    if not options.speech.is_dir():
        sys.exit(f"no labelled speech in {options.speech}: name its folder with --speech")
    print("source   rate   all    hard   sentences (all/hard)")
    for source in ("labels", "aligner"):
        for rate in (None, *RATES):
            totals = np.zeros(4)
            parts = []
            for name in SENTENCES:
                labels = labels_of(name, options.speech)
                timeline = timeline_of(labels) if source == "labels" else aligned(name, options.speech)
                if timeline is None:
                    continue
                sets = allowed_by_frame(labels, closed_inside=options.closed_inside)
                shown = shown_by_frame(timeline, rate, len(sets))
                counts = agreement(shown, sets)
                totals += counts
                parts.append(f"{name} {counts[0] / counts[1]:.2f}/{counts[2] / counts[3]:.2f}")
                if options.strips:
                    print("".join(shown), "\n" + "".join(min(s) if len(s) == 1 else "." for s in sets))
            if parts:
                label = "cues" if rate is None else f"{rate} fps"
                print(
                    f"{source:8} {label:7} {totals[0] / totals[1]:.3f}  {totals[2] / totals[3]:.3f}  {', '.join(parts)}"
                )


if __name__ == "__main__":
    main()
