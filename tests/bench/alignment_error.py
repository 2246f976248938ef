"""How far the aligner's times are from the truth, in ms, for each set of labelled speech that is at hand.

Sets (a set that is not there is left out, and said so):
- by hand: `speech` of the shared data beside the repository. `of_set(name, by_hand(folder))` measures any other folder
  of `x.wav` + `x.TextGrid` with a tier of words and one of phones (`acoustic_corpus` in polyglotdb's source package is
  spontaneous speech labelled so).
- flite, if the program is installed: four voices, exact ends of phones (`-psdur`).
- espeak: exact events. Its voice is so unlike speech that many lines are refused; those are counted.
- Kokoro: its own timing against `align` and `refine`. There is no truth, so: where energy above 3.5 kHz overtakes that
  below 1.2 kHz at the borders of sibilants and vowels (not into affricates, which begin with a closure).

How labels map: only starts are compared, of phones paired by their order and sound. A stop labelled in parts (closure,
burst) begins with its closure; labels by hand give a stop after a pause no closure, flite's do (up to 100 ms, heard by
nobody), which counts against us there. "PT" of bobby's grid is P and T in one. Stress digits are dropped. `edges` are
starts after silence and ends before it; ends by hand and flite's include a tail that fades into silence.
"""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import which

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_assets.domain.phonemes import IPA_TO_ARPABET, VOWELS, nearest_arpabet
from audio_assets.domain.speech import SpeechRequest
from audio_assets.domain.timeline import Timeline
from resources.engines import espeak, kokoro, pocketsphinx
from tests.bench.measuring import Figure, Skipped, data_root, model, shared

SILENCES = {"", "SIL", "SP", "PAU", "#"}
SIBILANTS = {"S", "Z", "SH", "ZH", "CH", "JH"}
SENTENCES = (
    "She had your dark suit in greasy wash water all year.", "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.", "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.", "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.", "Stop here, then think. What could possibly go wrong?",
    "A large size in stockings is hard to sell.", "The boy was there when the sun rose, and nobody saw him.",
)  # fmt: skip

Labels = list[tuple[str, float, float]]


@dataclass(frozen=True)
class Utterance:
    """Speech with the truth about it; `words` empty where only phones are known."""

    pcm: NDArray[np.int16]
    sample_rate_hz: int
    text: str
    phones: Labels
    words: Labels


def read_textgrid(path: Path) -> dict[str, Labels]:
    """Interval tiers by lower-case name, of the long or the short text format."""
    content = re.sub(r"\[\d*\]", "", path.read_text(encoding="utf-8-sig"))
    found = re.findall(r'"((?:[^"]|"")*)"|(?<!\w)(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?!\w)', content)
    values = [float(number) if number else text for text, number in found]
    tiers: dict[str, Labels] = {}
    for at in [index for index, value in enumerate(values) if value == "IntervalTier"]:
        rows = values[at + 5 : at + 5 + 3 * int(values[at + 4])]
        tiers[str(values[at + 1]).lower()] = [
            (str(rows[i + 2]).strip(), float(rows[i]), float(rows[i + 1])) for i in range(0, len(rows), 3)
        ]
    return tiers


def by_hand(folder: Path) -> Iterator[Utterance]:
    """Utterances of a folder, cut at the pauses of the word tier."""
    for wav in sorted(folder.glob("*.wav")):
        tiers: dict[str, Labels] = {}
        for grid in sorted(folder.glob(f"{wav.stem}*.TextGrid")):
            tiers.update(read_textgrid(grid))
        words = next((t for name, t in tiers.items() if name.startswith("word")), [])
        phones = next((t for name, t in tiers.items() if name.startswith("phon")), [])
        pcm, rate_hz = soundfile.read(wav, dtype="int16")
        if words and pcm.ndim == 1:
            yield from _cut(pcm, rate_hz, words, phones)


def _cut(pcm: NDArray[np.int16], rate_hz: int, words: Labels, phones: Labels) -> Iterator[Utterance]:
    spoken = [word for word in words if word[0].upper() not in SILENCES]
    groups = [[spoken[0]]]
    for before, word in pairwise(spoken):
        if word[1] - before[2] > 0.15:
            groups.append([])
        groups[-1].append(word)
    for i, group in enumerate(groups):
        from_s = max(group[0][1] - 0.3, groups[i - 1][-1][2] if i else 0.0)
        to_s = min(group[-1][2] + 0.3, groups[i + 1][0][1] if i + 1 < len(groups) else len(pcm) / rate_hz)
        own = [p for p in phones if p[0].upper() not in SILENCES and from_s - 1e-3 <= p[1] and p[2] <= to_s + 1e-3]
        yield Utterance(
            pcm[round(from_s * rate_hz) : round(to_s * rate_hz)],
            rate_hz,
            " ".join(word for word, *_ in group),
            [(_arpabet(p), a - from_s, b - from_s) for p, a, b in own],
            [(w, a - from_s, b - from_s) for w, a, b in group],
        )


def _arpabet(label: str) -> str:
    bare = label.rstrip("012").upper()
    return bare if bare in IPA_TO_ARPABET.values() else "P" if bare == "PT" else nearest_arpabet(label) or "AH"


def by_flite(voice: str) -> Iterator[Utterance]:
    """Sentences in a flite voice, with the ends of phones that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "said.wav"
        for text in SENTENCES:
            command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(wav)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            ends = [(name, float(end)) for name, end in re.findall(r"([a-z]+):([\d.]+)", printed)]
            starts = [0.0, *(end for _, end in ends)]
            phones = [(_arpabet(name), a, end) for (name, end), a in zip(ends, starts, strict=False) if name != "pau"]
            pcm, rate_hz = soundfile.read(wav, dtype="int16")
            yield Utterance(pcm, rate_hz, text, phones, [])


def by_espeak() -> Iterator[Utterance]:
    """Sentences by espeak, with its events."""
    for text in SENTENCES:
        speech = espeak.speak(SpeechRequest(text, "en-us", (("en-us+f5", 1.0),), speed=0.8))
        assert speech.timeline is not None
        phones = [(nearest_arpabet(p.phoneme) or "AH", p.t_start, p.t_end) for p in speech.timeline.phonemes]
        words = [(w.word, w.t_start, w.t_end) for w in speech.timeline.words]
        yield Utterance(speech.pcm, speech.sample_rate_hz, text, phones, words)


def paired(true: Labels, found: Labels) -> Iterator[tuple[int, int]]:
    """Indexes of the phones that belong together: least edits, where unlike sounds and far times cost."""
    cost = np.zeros((len(true) + 1, len(found) + 1))
    cost[:, 0], cost[0] = np.arange(len(true) + 1), np.arange(len(found) + 1)

    def unlike(i: int, j: int) -> float:
        a, b = true[i], found[j]
        kind = 0.0 if a[0] == b[0] else 0.6 if (a[0] in VOWELS) == (b[0] in VOWELS) else 1.5
        return kind + 0.2 * min(abs(a[1] - b[1]) / 0.1, 3)

    for i in range(len(true)):
        for j in range(len(found)):
            cost[i + 1, j + 1] = min(cost[i, j] + unlike(i, j), cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    i, j = len(true), len(found)
    while i and j:
        if cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        elif cost[i, j] == cost[i, j - 1] + 1:
            j -= 1
        else:
            i, j = i - 1, j - 1
            yield i, j


def of_set(name: str, utterances: Iterable[Utterance]) -> Iterator[Figure]:
    """The errors over one set: of phones, of words where those are known, and at the edges of silences."""
    phones, words, edges, refused, audio_s, cpu_s = [], [], [], 0, 0.0, 0.0
    for said in utterances:
        began = time.process_time()
        try:
            timeline = pocketsphinx.align(said.pcm, said.sample_rate_hz, said.text)
        except pocketsphinx.AlignmentError:
            refused += 1
            continue
        cpu_s += time.process_time() - began
        audio_s += timeline.duration_s
        found = [(IPA_TO_ARPABET[p.phoneme], p.t_start, p.t_end) for p in timeline.phonemes]
        for i, j in paired(said.phones, found):
            phones.append(found[j][1] - said.phones[i][1])
            if i == 0 or said.phones[i][1] - said.phones[i - 1][2] > 0.03:
                edges.append(found[j][1] - said.phones[i][1])
            if i + 1 == len(said.phones) or said.phones[i + 1][1] - said.phones[i][2] > 0.03:
                edges.append(found[j][2] - said.phones[i][2])
        if len(said.words) == len(timeline.words):
            words += [b.t_start - a[1] for a, b in zip(said.words, timeline.words, strict=True)]
    speed = f"{audio_s / cpu_s:.0f} x real time" if cpu_s else ""
    speed += f", {refused} lines refused" if refused else ""
    for kind, errors_s in (("phones", phones), ("words", words), ("edges", edges)):
        if errors_s:
            yield Figure(f"aligner, {kind}, {name}", _stated(errors_s), ratio=speed if kind == "phones" else "")


def _stated(errors_s: Sequence[float]) -> str:
    ms = 1000 * np.array(errors_s)
    return f"{np.abs(ms).mean():.1f} ms ({np.median(ms):+.0f}), {np.mean(np.abs(ms) < 20):.0%} < 20 ms, n={len(ms)}"


def of_kokoro(model_dir: Path) -> Iterator[Figure]:
    """How far Kokoro's own timing, the aligner's and the refined one are from the borders of sibilants."""
    errors: dict[str, list[float]] = {"engine": [], "align": [], "refine": []}
    apart: dict[str, list[float]] = {"engine": [], "refine": []}
    for voice in ("af_heart", "am_adam"):
        for text in SENTENCES:
            speech = kokoro.speak(SpeechRequest(text, "en", ((voice, 1.0),)), model_dir)
            engine = speech.timeline
            assert engine is not None
            pronunciations = {
                w.word: [p.phoneme for p in engine.phonemes if w.t_start <= (p.t_start + p.t_end) / 2 < w.t_end]
                for w in engine.words
            }
            timelines = {
                "engine": engine,
                "align": pocketsphinx.align(speech.pcm, speech.sample_rate_hz, text, pronunciations=pronunciations),
                "refine": pocketsphinx.refine(speech.pcm, speech.sample_rate_hz, engine),
            }
            if len({len(t.phonemes) for t in timelines.values()}) > 1:
                continue
            for index, true_s in _sibilant_borders(speech.pcm, speech.sample_rate_hz, engine, timelines["align"]):
                for kind, timeline in timelines.items():
                    errors[kind].append(timeline.phonemes[index].t_start - true_s)
            for kind, differences in apart.items():
                pairs = zip(timelines[kind].phonemes, timelines["align"].phonemes, strict=True)
                differences += [a.t_start - b.t_start for a, b in pairs]
    for kind, of_kind in errors.items():
        yield Figure(
            f"Kokoro's times, {kind}, borders of sibilants",
            _stated(of_kind),
            ratio=f"from align {_stated(apart[kind])}" if kind in apart else "",
        )


def _sibilant_borders(
    pcm: NDArray[np.int16], rate_hz: int, first: Timeline, second: Timeline
) -> Iterator[tuple[int, float]]:
    """Index of the phone and true time, where both timings leave one crossing within 70 ms of their middle."""
    hop, width = rate_hz // 1000, rate_hz // 125
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(pcm.astype(float), (width // 2, width)), width)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(width), 512)) ** 2
    hz = np.fft.rfftfreq(512, 1 / rate_hz)
    high, low = power[:, hz > 3500].sum(axis=1), power[:, (hz > 80) & (hz < 1200)].sum(axis=1)
    ratio_db = 10 * np.log10((high + 1) / (low + 1))
    names = [nearest_arpabet(p.phoneme) for p in first.phonemes]
    for i in range(1, len(names)):
        before, after = names[i - 1], names[i]
        is_border = (before in SIBILANTS and after in VOWELS) or (before in VOWELS and after in {"S", "Z", "SH", "ZH"})
        middle_ms = round(500 * (first.phonemes[i].t_start + second.phonemes[i].t_start))
        window = ratio_db[max(middle_ms - 70, 0) : middle_ms + 70]
        bottom, top = np.percentile(window, [10, 90])
        steps = np.flatnonzero(np.diff((window > (bottom + top) / 2).astype(int)) == (1 if after in SIBILANTS else -1))
        if is_border and top - bottom > 20 and len(steps) == 1:
            yield i, (max(middle_ms - 70, 0) + int(steps[0]) + 1) / 1000


def measure() -> Iterator[Figure]:
    """Mean error of starts, its median, the share under 20 ms; what is not there says so."""
    with data_root():
        try:
            yield from of_set("labelled by hand", by_hand(shared("speech")))
        except Skipped as reason:
            yield Figure("aligner, labelled by hand", f"skipped: {reason}")
        if which("flite"):
            for voice in ("kal16", "slt", "rms", "awb"):
                yield from of_set(f"flite {voice}", by_flite(voice))
        else:
            yield Figure("aligner, flite", "skipped: no flite on the PATH")
        yield from of_set("espeak's own times", by_espeak())
        try:
            yield from of_kokoro(model("kokoro"))
        except Skipped as reason:
            yield Figure("Kokoro's times", f"skipped: {reason}")
