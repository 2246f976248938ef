"""Kokoro-82M (int8) on onnxruntime: the local voice. 24 kHz mono, deterministic, no network.

English is read by `domain.g2p` from the misaki lexicon; words outside it and other languages by espeak. The same
request gives the same bytes in any process and with any number of threads.
"""

import difflib
import functools
import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain import g2p
from audio_assets.domain.dsp.joins import faded, joined, silences, speech_bounds
from audio_assets.domain.speech import Speech, SpeechError, SpeechRequest
from audio_assets.domain.spoken_text import CLAUSE_ENDS, SENTENCE_ENDS, SpokenWord, pieces, spoken_words
from audio_assets.domain.timeline import Phone, Timeline, Word
from resources.engines import espeak
from resources.engines.inference import VERSION, Session, session
from resources.models import CATALOGUE, missing

_CODE_VERSION = "1"
SAMPLE_RATE_HZ = 24_000
N_TOKENS_MAX = 510
_N_TOKENS_WANTED = 250
"""A piece is cut to about 16 s: one of 510 tokens takes 1.2 GB of memory, one of 160 takes 0.54 GB."""
_SLOWEST, _FASTEST = 0.5, 2.0
_MODEL_FILE = "kokoro-quantized.onnx"
_SAMPLES_PER_UNIT = 600
"""The model's durations count units of 25 ms."""
_LATE_S = 0.050
"""The model's durations run this late against its own audio: the median over 1,661 phones of 46 sentences in 6 voices
against the aligner. By class of sound it is 41 to 58 ms, which is not worth a table (17.9 against 17.2 ms of error)."""
_SPACE_TO_PREVIOUS = 0.3
"""The share of a space's duration that the word before it still sounds (the same measurement)."""
_QUIET_DB = 40.0
_PAUSE_S = 0.030
"""A pause is at least so long, and so far below the loudest 5 ms."""
_PAD_S = 0.050
"""Silence left before and after the speech."""
_FADE_S = 0.004
_N_SHORT = 9
"""A sentence of at most so many tokens with its marks is spoken by itself."""
_GAP_AFTER_SENTENCE_S, _GAP_AFTER_CLAUSE_S, _GAP_S = 0.30, 0.15, 0.05

# One Identity node, appended to the model's protobuf (where repeated fields merge), shows the durations as an output.
_SHOW_DURATIONS = bytes.fromhex(
    "3a480a2c0a162f656e636f6465722f436173745f6f75747075745f3012086475726174696f6e22084964656e7469747962180a0864757261"
    "74696f6e120c0a0a080712060a0208010a00"
)

_IDS = {
    **dict(zip(";:,.!?", range(1, 7), strict=True)), "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15,
    " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23, "A": 24, "I": 25, "O": 31, "Q": 33,
    "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, **dict(zip("abcdef", range(43, 49), strict=True)),
    **dict(zip("hijklmnopqrstuvwxyz", range(50, 69), strict=True)), "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75,
    "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90, "ɡ": 92,
    "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116,
    "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132,
    "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156,
    "ˌ": 157, "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip
"""Token -> id, from the package's tokenizer.json."""

_ESPEAK_TO_KOKORO = [
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^z", "ʣ"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("o^ʊ", "O"), ("ə^ʊ", "Q"), ("s^s", "S"),
    ("t^s", "ʦ"), ("t^ʃ", "ʧ"), ("t^ɕ", "ʨ"), ("d^ʑ", "ʥ"), ("ɔ^ɪ", "Y"), ("^", ""), ("-", ""), ("g", "ɡ"), ("ɫ", "l"),
    ("ʀ", "ʁ"), ("ɱ", "m"), ("ʍ", "w"), ("ʉ", "u"), ("ʏ", "y"), ("ɵ", "ø"), ("ɦ", "h"), ("ħ", "h"), ("ʑ", "ʒ"),
    ("ʐ", "ʒ"), ("ɭ", "l"), ("ɬ", "l"), ("ˑ", "ː"), ("\u0329", ""), ("\u032f", ""), ("\u032a", ""),
    ("ã", "a\u0303"), ("ẽ", "e\u0303"), ("ĩ", "i\u0303"), ("õ", "o\u0303"), ("ũ", "u\u0303"),
]  # fmt: skip
_ESPEAK_TO_ENGLISH = [
    ("ʔˌn\u0329", "tn"), ("ʔn\u0329", "tn"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("e", "A"),
    ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("ʲo", "jo"), ("ʲə", "jə"), ("ʲ", ""), ("ɚ", "əɹ"), ("r", "ɹ"),
    ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("\u0303", ""), ("n\u0329", "ᵊn"), ("l\u0329", "ᵊl"),
    ("\u0329", ""), ("g", "ɡ"),
]  # fmt: skip
_ESPEAK_TO_US = [("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("o", "ɔ"), ("^", ""), ("-", "")]
_ESPEAK_TO_GB = [("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"), ("o", "ɔ"), ("^", ""), ("-", "")]

_TO_IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "S": "s", "T": "ɾ", "W": "aʊ", "Y": "ɔɪ", "ᵊ": "ə", "ʣ": "dz",
    "ʥ": "dʑ",
    "ʤ": "dʒ", "ʦ": "ts", "ʨ": "tɕ", "ʧ": "tʃ", "ꭧ": "tʂ", "ᵻ": "ɪ", "ɜɹ": "ɝ", "əɹ": "ɚ",
}  # fmt: skip
_MARKS = frozenset(';:,.!?—…"()“”↓→↗↘')
_BEFORE_A_PHONE, _AFTER_A_PHONE = frozenset("ˈˌ"), frozenset("ː\u0303ʰʲᵝ")
_TRAINED = {"en", "fr", "es", "it", "pt", "hi"}
_UNREADABLE = {"ja", "zh", "ko", "th"}


def speak(request: SpeechRequest, model_dir: Path, *, n_threads: int = 1) -> Speech:
    """Speak `request` with the model in `model_dir`: int16 at 24 kHz, 50 ms of silence at both ends.

    Raises:
        SpeechError: nothing to speak, an unknown voice, a language Kokoro can not read, or a speed out of range.
        ModelMissing: the files are not in `model_dir`.
    """
    if not _SLOWEST <= request.speed <= _FASTEST:
        raise SpeechError(f"Kokoro speaks at speeds from {_SLOWEST} to {_FASTEST}, not at {request.speed}")
    script = _read(request)
    model = _model(model_dir, n_threads)
    styles = _styles(request.voice, model_dir)
    spans = _spans(script)
    notes = list(script.notes)
    if len(spans) > 1:
        notes.append(f"spoken in {len(spans)} pieces")
    spoken = [_spoken(script, span, model, styles, request.speed) for span in spans]
    gaps = [round(_gap_s(script.words[end - 1]) * SAMPLE_RATE_HZ) for _, end in spans[:-1]]
    samples, starts = joined([piece.samples for piece in spoken], gaps)
    peak = float(np.max(np.abs(samples)))
    if peak > 1.0:
        samples = samples / np.float32(peak)
        notes.append(f"made {20 * np.log10(peak):.1f} dB quieter, for its peaks were over full scale")
    pcm = np.rint(samples * np.float32(32767)).astype(np.int16)
    return Speech(pcm, SAMPLE_RATE_HZ, _timeline(spoken, starts, script.words, len(pcm)), tuple(notes))


def voices(model_dir: Path) -> tuple[str, ...]:
    """Return the names of the voices: the first letter is the language they speak best, the second f or m."""
    return tuple(sorted(path.stem for path in (model_dir / "voices").glob("*.bin")))


def identity() -> dict[str, str]:
    """Return everything that can change the bytes for a request."""
    model = CATALOGUE["kokoro"]
    return {
        "engine": "kokoro",
        "model": model.name,
        "model_sha256": model.members[_MODEL_FILE],
        "runtime": f"onnxruntime {VERSION}",
        "g2p": f"misaki {importlib.metadata.version('misaki')}, num2words {importlib.metadata.version('num2words')}, "
        f"espeakng-loader {importlib.metadata.version('espeakng-loader')}",
        "code": _CODE_VERSION,
    }


# --- text to tokens ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Script:
    """The words of a request and, for each, its phonemes in Kokoro's alphabet."""

    words: tuple[SpokenWord, ...]
    said: tuple[str, ...]
    notes: tuple[str, ...]


def _read(request: SpeechRequest) -> _Script:
    base = request.lang.split("-")[0].lower()
    if base in _UNREADABLE:
        raise SpeechError(f"Kokoro has no reader for the language {request.lang!r} here: use another engine for it")
    given = {word.lower(): said.strip("/") for word, said in request.pronunciations if said.startswith("/")}
    respelled = {word: said for word, said in request.pronunciations if not said.startswith("/")}
    words = spoken_words(request.text, request.lang, respellings=respelled)
    if not words:
        raise SpeechError(f"there is nothing to speak in {request.text!r}")
    notes: list[str] = []
    if base not in _TRAINED:
        notes.append(f"Kokoro was not trained on the language {request.lang!r}")
    said = _read_english(words, request.lang, notes, given) if base == "en" else _read_with_espeak(words, request.lang)
    for at, word in enumerate(words):
        ipa = _given(word.word, given)
        if ipa is not None:
            said[at] = kokoro_alphabet(ipa)
    strange = sorted({c for phonemes in said for c in phonemes if c not in _IDS})
    if strange:
        notes.append(f"left out, for Kokoro has no such sound: {' '.join(strange)}")
        said = ["".join(c for c in phonemes if c in _IDS) for phonemes in said]
    if not any(said):
        raise SpeechError(f"there is nothing to speak in {request.text!r}")
    return _Script(words, tuple(said), tuple(notes))


def _given(word: str, given: Mapping[str, str]) -> str | None:
    lower = word.lower()
    if lower in given:
        return given[lower]
    stem = given.get(lower.removesuffix("'s"))
    return stem + ("s" if stem[-1:] in "ptkfθ" else "z") if stem else None


def kokoro_alphabet(ipa: str) -> str:
    """Return `ipa`, as people write it, in Kokoro's alphabet."""
    for pair in ("aɪ", "aʊ", "eɪ", "oʊ", "əʊ", "ɔɪ", "tʃ", "dʒ", "ts", "dz", "tɕ", "dʑ"):
        ipa = ipa.replace(pair, f"{pair[0]}^{pair[1]}").replace(f"{pair[0]}\u0361{pair[1]}", f"{pair[0]}^{pair[1]}")
    ipa = ipa.replace("ɝ", "ɜɹ").replace("ɚ", "əɹ").replace("'", "ˈ").replace(".", "").replace("ʲ", "ʲ")
    return _replaced(ipa.replace("\u0361", ""), _ESPEAK_TO_KOKORO)


def _replaced(text: str, table: Sequence[tuple[str, str]]) -> str:
    for old, new in table:
        text = text.replace(old, new)
    return text


def _read_english(words: Sequence[SpokenWord], lang: str, notes: list[str], given: Mapping[str, str]) -> list[str]:
    is_british = lang.lower().startswith("en-gb")
    flat = [(at, part) for at, word in enumerate(words) for part in word.said.split()]
    ends = [i + 1 == len(flat) or flat[i + 1][0] != at for i, (at, _) in enumerate(flat)]
    table = [*_ESPEAK_TO_ENGLISH, *(_ESPEAK_TO_GB if is_british else _ESPEAK_TO_US)]

    def by_espeak(word: str) -> str:
        if _given(word, given) is None:
            notes.append(f"{word!r} is not in Kokoro's dictionary: read by espeak")
        groups = espeak.ipa_of_clauses([word], "en-gb" if is_british else "en-us")[0]
        return _replaced("".join(groups), table)

    found = g2p.phonemes(
        [part for _, part in flat],
        [end and bool(words[at].after or at + 1 == len(words)) for (at, _), end in zip(flat, ends, strict=True)],
        _lexicon(is_british),
        fallback=by_espeak,
        is_emphasised=[words[at].is_emphasised for at, _ in flat],
    )
    said = [""] * len(words)
    for (at, _), phonemes in zip(flat, found, strict=True):
        phonemes = phonemes.replace("ɾ", "T").replace("ʔ", "t")  # as the model was trained
        said[at] += (" " if said[at] else "") + phonemes
    return said


def _read_with_espeak(words: Sequence[SpokenWord], lang: str) -> list[str]:
    clauses: list[list[int]] = [[]]
    for at, word in enumerate(words):
        clauses[-1].append(at)
        if word.after:
            clauses.append([])
    clauses = [clause for clause in clauses if clause]
    texts = [" ".join(words[at].said for at in clause) for clause in clauses]
    read = espeak.ipa_of_clauses([*texts, *(word.said for word in words)], lang)
    said = [""] * len(words)
    for clause, groups in zip(clauses, read, strict=False):
        alone = [" ".join(read[len(clauses) + at]) for at in clause]
        shares = g2p.shared_out(" ".join(groups), alone)
        for at, share in zip(clause, shares, strict=True):
            said[at] = _replaced(share, _ESPEAK_TO_KOKORO)
    return said


@functools.cache
def _lexicon(is_british: bool) -> g2p.Lexicon:
    package = importlib.util.find_spec("misaki")  # not imported: its code wants far more than its data
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("the package misaki is not installed: its lexicon reads English")
    folder = Path(package.submodule_search_locations[0]) / "data"
    accent = "gb" if is_british else "us"
    gold, silver = (json.loads((folder / f"{accent}_{kind}.json").read_text("utf-8")) for kind in ("gold", "silver"))
    return g2p.Lexicon(gold, silver, is_british=is_british)


# --- tokens to samples -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """One run of the model: samples, phones and (word index, start, end), in seconds from its first sample."""

    samples: NDArray[np.float32]
    phones: tuple[Phone, ...]
    words: tuple[tuple[int, float, float], ...]


@functools.lru_cache(maxsize=2)
def _model(model_dir: Path, n_threads: int) -> Session:
    path = model_dir / _MODEL_FILE
    if not path.is_file():
        raise missing("kokoro")
    return session(path.read_bytes() + _SHOW_DURATIONS, n_threads)


@functools.lru_cache(maxsize=64)
def _style_table(path: Path) -> NDArray[np.float32]:
    """Return a voice, shape (510, 256): one style for each number of tokens."""
    return np.fromfile(path, "<f4").reshape(-1, 256)


def _styles(voice: Sequence[tuple[str, float]], model_dir: Path) -> NDArray[np.float32]:
    mix = sorted((name, weight) for name, weight in voice if weight > 0)
    if not mix:
        raise SpeechError("no voice is given")
    known = voices(model_dir)
    if not known:
        raise missing("kokoro")
    for name, _ in mix:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.3) or known[:5]
            raise SpeechError(f"Kokoro has no voice {name!r}; it has, for example, {', '.join(near)}")
    total = sum(weight for _, weight in mix)
    tables = [_style_table(model_dir / "voices" / f"{name}.bin").astype(np.float64) * (w / total) for name, w in mix]
    mixed: NDArray[np.float32] = np.sum(tables, axis=0).astype(np.float32)
    return mixed


def _spoken(
    script: _Script,
    span: tuple[int, int],
    model: Session,
    styles: NDArray[np.float32],
    speed: float,
) -> _Piece:
    tokens = _tokens(script, span)
    if len(tokens) > N_TOKENS_MAX:
        word = script.words[span[0]].word
        raise SpeechError(f"the word {word[:30]!r}... is too long to speak in one breath: put spaces into it")
    ids = np.array([[0, *(_IDS[token] for token, _ in tokens), 0]], np.int64)
    name = model.get_inputs()[0].name
    style = styles[min(len(tokens), len(styles)) - 1][None]
    waveform, durations = model.run(None, {name: ids, "style": style, "speed": np.array([speed], np.float32)})
    samples = np.asarray(waveform, np.float32).ravel()
    units = np.asarray(durations, np.int64).ravel()
    first, end = speech_bounds(samples, SAMPLE_RATE_HZ)
    n_pad = round(_PAD_S * SAMPLE_RATE_HZ)
    begin, stop = first - n_pad, end + n_pad
    shift_s = -_LATE_S - begin / SAMPLE_RATE_HZ
    kept = samples[max(begin, 0) : min(stop, len(samples))]
    before, after = np.zeros(max(-begin, 0), np.float32), np.zeros(max(stop - len(samples), 0), np.float32)
    out = np.concatenate([before, faded(kept, round(_FADE_S * SAMPLE_RATE_HZ)), after])
    quiet = [
        (a / SAMPLE_RATE_HZ, b / SAMPLE_RATE_HZ) for a, b in silences(out, SAMPLE_RATE_HZ, below_loudest_db=_QUIET_DB)
    ]
    phones, words = _timed(tokens, units, shift_s, quiet, _PAD_S, len(out) / SAMPLE_RATE_HZ - _PAD_S)
    return _Piece(out, phones, words)


def _spans(script: _Script) -> list[tuple[int, int]]:
    """Return what is spoken in one run each: cut after a very short sentence, and where the model's limit asks for it.

    In one run the model hurries over `Hey... Umm...` in 0.8 s without a pause; each by itself it says well.
    """
    costs = [
        len(said) + 1 + len(word.before + word.after) for said, word in zip(script.said, script.words, strict=True)
    ]
    spans: list[tuple[int, int]] = []
    first = 0
    for end in range(1, len(costs) + 1):
        is_short = sum(costs[first:end]) <= _N_SHORT and bool(set(script.words[end - 1].after) & SENTENCE_ENDS)
        if is_short or end == len(costs):
            cuts = pieces(script.words[first:end], costs[first:end], _N_TOKENS_WANTED)
            spans += [(first + a, first + b) for a, b in cuts]
            first = end
    return spans


def _tokens(script: _Script, span: tuple[int, int]) -> list[tuple[str, int]]:
    """Return the tokens with the index of the word each belongs to (-1: spaces and marks between words)."""
    tokens: list[tuple[str, int]] = []
    for at in range(*span):
        word = script.words[at]
        if tokens:
            tokens.append((" ", -1))
        tokens += [(mark, -1) for mark in word.before if mark in _IDS]
        tokens += [(phoneme, at) for phoneme in script.said[at]]
        tokens += [(mark, -1) for mark in word.after if mark in _IDS]
    if tokens[-1][0] == "…":
        tokens[-1] = (".", -1)  # the model ends short lines better so: 9 against 11 of 62 misheard
    return tokens


def _timed(
    tokens: Sequence[tuple[str, int]],
    units: NDArray[np.int64],
    shift_s: float,
    quiet: Sequence[tuple[float, float]],
    earliest_s: float,
    latest_s: float,
) -> tuple[tuple[Phone, ...], tuple[tuple[int, float, float], ...]]:
    """Return the phones, and the words as (index, start, end), from the tokens' durations (the first is the start's).

    At a pause they end and begin where the audio does: at the edges of the `quiet` stretches.
    """
    edges = (np.cumsum(units) * (_SAMPLES_PER_UNIT / SAMPLE_RATE_HZ) + shift_s).tolist()
    timed: list[tuple[str, int, float, float]] = []  # symbol, word, start, end
    start: float | None = None  # of the phone to come, where a stress mark or a space went before it
    for (sign, word), begin, end in zip(tokens, edges, edges[1:], strict=False):
        previous = timed[-1] if timed else None
        if sign in _MARKS or (sign == " " and start is None and (previous is None or begin > previous[3])):
            start = None
        elif sign == " " and previous is not None:
            start = begin + _SPACE_TO_PREVIOUS * (end - begin)
            timed[-1] = (*previous[:3], start)
        elif sign in _BEFORE_A_PHONE:
            start = begin if start is None else start
        elif sign in _AFTER_A_PHONE and previous is not None:
            timed[-1] = (previous[0] + ("" if sign == "ː" else sign), previous[1], previous[2], end)
        elif previous is not None and start is None and previous[1] == word and previous[0] + sign in _TO_IPA:
            timed[-1] = (previous[0] + sign, word, previous[2], end)
        else:
            timed.append((sign, word, begin if start is None else start, end))
            start = None
    phones: list[Phone] = []
    spans: dict[int, tuple[float, float]] = {}
    for symbol, word, begin, end in _snapped(timed, quiet):
        first, last = max(begin, earliest_s), min(end, latest_s)
        if last > first:
            phones.append(Phone(_TO_IPA.get(symbol, symbol), first, last))
            spans[word] = (spans[word][0] if word in spans else first, last)
    return tuple(phones), tuple((word, *spans[word]) for word in sorted(spans))


_Timed = tuple[str, int, float, float]


def _snapped(timed: Sequence[_Timed], quiet: Sequence[tuple[float, float]]) -> list[_Timed]:
    """Return `timed` with the phones around each pause moved to the edges of the silence between them."""
    found = list(timed)
    pauses = [(a, b) for a, b in quiet if b - a >= _PAUSE_S]
    for after in range(len(found) + 1):
        before = after - 1
        left = found[before][2:] if after > 0 else None
        right = found[after][2:] if after < len(found) else None
        if left is not None and right is not None and right[0] - left[1] < 1e-6:
            continue  # no pause was asked for here
        since = sum(left) / 2 if left is not None else float("-inf")
        until = sum(right) / 2 if right is not None else float("inf")
        inside = [(max(a, since), min(b, until)) for a, b in pauses if a < until and b > since]
        if not inside:
            continue
        begin, end = max(inside, key=lambda span: span[1] - span[0])
        if left is not None and begin > left[0]:
            found[before] = (*found[before][:3], begin)
        if right is not None and end < right[1]:
            found[after] = (*found[after][:2], end, right[1])
    return found


def _gap_s(last: SpokenWord) -> float:
    marks = set(last.after)
    return _GAP_AFTER_SENTENCE_S if marks & SENTENCE_ENDS else _GAP_AFTER_CLAUSE_S if marks & CLAUSE_ENDS else _GAP_S


def _timeline(spoken: Sequence[_Piece], starts: Sequence[int], words: Sequence[SpokenWord], n_samples: int) -> Timeline:
    phones: list[Phone] = []
    timed_words: list[Word] = []
    for piece, start in zip(spoken, starts, strict=True):
        at = start / SAMPLE_RATE_HZ
        phones += [Phone(phone.phoneme, phone.t_start + at, phone.t_end + at) for phone in piece.phones]
        timed_words += [Word(words[index].word, begin + at, end + at) for index, begin, end in piece.words]
    return Timeline(tuple(phones), tuple(timed_words), n_samples / SAMPLE_RATE_HZ)
